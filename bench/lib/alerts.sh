# shellcheck shell=bash
# The figures of alerting, as those in figures.sh. They need a server that has the library preloaded.

bm_alert_cluster() {
    pc_cluster_start alerts "listen_addresses = ''" "${SETTINGS[@]}" "shared_preload_libraries = 'people_counter'" \
        "track_commit_timestamp = 'on'" "people_counter.alert_log_level = 'debug'"
}

bm_alert_cluster_end() {
    pc_cluster_stop alerts
    pc_as_user rm -rf "$PC_RUN/alerts"
    pc_cluster_use bench
}

bm_wait_for_worker() {
    until [ "$(bm_sql -c "SELECT state FROM ours.alert_worker_status")" = "$1" ]; do sleep 0.1; done
}

# Of so many crossings, with a load of so many clients beside them (0: none): sets BM_P50 and BM_P99, in microseconds.
bm_crossings() {
    local crossings=$1 clients=$2 load='' script
    # The truncation takes the rules along, which refer to sessions.
    bm_sql -c 'CALL bench.begin_anew(64)' -c "CALL bench.fill_places($crossings)" -c 'CALL bench.make_rules()' \
        -c "INSERT INTO ours.alert_thresholds (threshold_name, metric, comparison, threshold_value)
            VALUES ('crossing', 'current_people_inside', 'above', 5000)" >/dev/null
    bm_sql -c CHECKPOINT
    sleep 2   # the worker has read the rules
    if [ "$clients" -gt 0 ]; then
        script=$(bm_script movement "SESSION_IDS=$(bm_session_ids 64)")
        bm_as ours pc_as_user env PGAPPNAME=load pgbench -n -M prepared -c "$clients" -j 1 -T 600 -D sessions=64 -f "$script" >/dev/null 2>&1 &
        load=$!
        until [ "$(bm_sql -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'load'")" -ge "$clients" ]; do sleep 0.1; done
        sleep 1
    fi
    script=$(bm_script crossing)
    bm_as ours pc_as_user pgbench -n -M prepared -c 1 -t "$crossings" -D n=0 -f "$script" >/dev/null 2>&1 || pc_die "the crossings failed"
    for _ in $(seq 100); do
        [ "$(bm_sql -c "SELECT count(*) FROM ours.alert_logs WHERE alert_type = 'crossing'")" -lt "$crossings" ] || break
        sleep 0.1
    done
    if [ -n "$load" ]; then
        bm_sql -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'load'" >/dev/null
        wait "$load" || true
    fi
    IFS='|' read -r BM_ALERTS BM_P50 BM_P99 <<<"$(bm_sql -c 'SELECT * FROM bench.alert_latency()')"
    [ "$BM_ALERTS" = "$crossings" ] || pc_die "$BM_ALERTS alerts of $crossings crossings"
}

figure_alert_latency() {
    local pair crossings idle50 idle99
    crossings=$(bm_sized 1000 50)
    bm_alert_cluster
    bm_settings "${BM_ASYNC[@]}"
    bm_database bench 64
    bm_sql -f "$PC_SOURCE/bench/sql/alerts.sql" >/dev/null
    bm_wait_for_worker running
    for ((pair = 1; pair <= (BM_PAIRS < 3 ? BM_PAIRS : 3); pair++)); do
        bm_crossings "$crossings" 0
        idle50=$BM_P50 idle99=$BM_P99
        bm_crossings "$crossings" 3
        bm_record alert_p50 "$idle50" "$BM_P50"
        bm_record alert_p99 "$idle99" "$BM_P99"
    done
    bm_verify
    bm_alert_cluster_end
}

# The same server with the rules at rest and the worker switched off, and with both at work.
figure_alert_ingest() {
    local script pair contender
    declare -A tps
    bm_alert_cluster
    bm_settings "${BM_ASYNC[@]}"
    bm_database bench 64
    bm_sql -f "$PC_SOURCE/bench/sql/alerts.sql" -c 'CALL bench.make_rules()' >/dev/null
    script=$(bm_script movement "SESSION_IDS=$(bm_session_ids 64)")
    for ((pair = BM_FIRST; pair <= BM_PAIRS; pair++)); do
        for contender in $(bm_order "$pair" bare without with); do
            if [ "$contender" = with ]; then
                bm_settings "${BM_ASYNC[@]}"
                bm_sql -c "UPDATE ours.alert_thresholds SET is_active = true WHERE origin = 'user'"
                bm_wait_for_worker running
            else
                bm_settings "${BM_ASYNC[@]}" "people_counter.alert_enabled = 'off'"
                bm_wait_for_worker disabled
            fi
            bm_sql -c CHECKPOINT
            sleep 2   # the worker has looked at everything once
            bm_pgbench "${contender/with*/ours}" -c 4 -j 2 -T "$BM_SLICE" -D sessions=64 --random-seed="$pair" -f "$script"
            tps[$contender]=$BM_TPS
        done
        [ "$pair" -gt 0 ] || continue
        bm_record alert_ingest "$(bm_divide "${tps[without]}" "${tps[bare]}")" "$(bm_divide "${tps[with]}" "${tps[bare]}")"
    done
    bm_verify
    bm_alert_cluster_end
}

# CPU time of all processes of an idle server, with open sessions and rules, in so many seconds.
figure_alert_idle() {
    local seconds pair contender before
    declare -A cpu
    seconds=$(bm_sized 60 5)
    bm_settings
    bm_database bench 64
    bm_sql -f "$PC_SOURCE/bench/sql/alerts.sql" -c 'CALL bench.make_rules()' >/dev/null
    bm_alert_cluster
    bm_settings
    bm_database bench 64
    bm_sql -f "$PC_SOURCE/bench/sql/alerts.sql" -c 'CALL bench.make_rules()' >/dev/null
    bm_wait_for_worker running
    bm_fact idle_seconds "$seconds"
    for ((pair = 1; pair <= (BM_PAIRS < 3 ? BM_PAIRS : 3); pair++)); do
        for contender in $(bm_order "$pair" without with); do
            if [ "$contender" = with ]; then pc_cluster_use alerts; else pc_cluster_use bench; fi
            bm_settle
            sleep 5
            before=$(bm_server_cpu)
            sleep "$seconds"
            cpu[$contender]=$(awk -v s="$before" -v e="$(bm_server_cpu)" 'BEGIN { print (e - s) * 1e6 + 1 }')
        done
        bm_record alert_idle "${cpu[without]}" "${cpu[with]}"
    done
    pc_cluster_use alerts
    bm_alert_cluster_end
}
