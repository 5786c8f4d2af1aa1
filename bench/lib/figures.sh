# shellcheck shell=bash
# The figures. Each records pairs "figure, bare, ours" (bm_record) or single facts (bm_fact); lib/report.pl makes the table.
# BM_PAIRS, BM_FIRST (the pair to begin with; 0 warms up), BM_SLICE (seconds), BM_QUICK (empty or not) and BM_FULL are set
# by bench/run.

BM_ASYNC=("synchronous_commit = 'off'")
BM_MOVEMENT_COLUMNS='session_id, movement_time, person_id, movement_direction, centroid_x, centroid_y, bounding_box_x1, bounding_box_y1, bounding_box_x2, bounding_box_y2, confidence_score, frame_number'

bm_sized() { if [ -n "$BM_QUICK" ]; then echo "$2"; else echo "$1"; fi; }

bm_session_ids() { bm_sql -c "SELECT array_agg(bench.session_id(n) ORDER BY n) FROM generate_series(1, $1) n"; }

# ---- one movement a transaction -------------------------------------------------------------------------------------

figure_single() {
    local script pair contender
    declare -A tps cpu
    bm_settings "${BM_ASYNC[@]}"
    bm_database bench 64
    script=$(bm_script movement "SESSION_IDS=$(bm_session_ids 64)")
    for ((pair = BM_FIRST; pair <= BM_PAIRS; pair++)); do
        for contender in $(bm_order "$pair" bare ours counts); do
            bm_sql -c CHECKPOINT
            bm_pgbench "$contender" -c 4 -j 2 -T "$BM_SLICE" -D sessions=64 --random-seed="$pair" -f "$script"
            tps[$contender]=$BM_TPS cpu[$contender]=$BM_CPU_TPS
        done
        [ "$pair" -gt 0 ] || continue
        bm_record single "${tps[bare]}" "${tps[ours]}"
        bm_record single_cpu "${cpu[bare]}" "${cpu[ours]}"
        bm_record plpgsql "${tps[bare]}" "${tps[counts]}"
        bm_record plpgsql_cpu "${cpu[bare]}" "${cpu[counts]}"
    done
    bm_verify
}

# ---- COPY -----------------------------------------------------------------------------------------------------------

# The rows of a COPY: 64 sessions interleaved in order of time, 650 movements an hour each.
bm_copy_rows() {
    cat <<SQL
SELECT bench.session_id(1 + floor(random() * 64)::integer), '2025-06-02 00:00+00'::timestamptz + n * interval '86400 us',
       floor(random() * 1000000)::integer, CASE WHEN random() < 0.5 THEN 'in' ELSE 'out' END, x, y, x - 40, y - 90, x + 40,
       y + 90, 0.3 + floor(random() * 700) / 1000, n
  FROM (SELECT n, floor(random() * 1920)::integer AS x, floor(random() * 1080)::integer AS y
          FROM generate_series(1, $1) n) r
SQL
}

figure_copy() {
    local rows pair contender file=$BM_WORK/rows.copy
    declare -A speed cpu
    rows=$(bm_sized 1000000 50000)
    bm_settings "${BM_ASYNC[@]}"
    bm_database bench 64
    bm_sql -c 'SELECT setseed(0.25)' -c "COPY ($(bm_copy_rows "$rows")) TO '$file'" >/dev/null
    for ((pair = BM_FIRST; pair <= BM_PAIRS; pair++)); do
        for contender in $(bm_order "$pair" bare ours); do
            bm_sql -c 'CALL bench.begin_anew(64)'
            bm_settle
            bm_timed "$contender" "COPY people_movements ($BM_MOVEMENT_COLUMNS) FROM '$file'"
            speed[$contender]=$(bm_divide "$rows" "$BM_SECONDS") cpu[$contender]=$(bm_divide "$rows" "$BM_CPU_SECONDS")
            if [ "$contender" = ours ] && [ "$pair" -eq 1 ]; then bm_verify; fi
        done
        [ "$pair" -gt 0 ] || continue
        bm_record copy "${speed[bare]}" "${speed[ours]}"
        bm_record copy_cpu "${cpu[bare]}" "${cpu[ours]}"
    done
    pc_as_user rm "$file"
}

# The peak of the backend's private memory, from the kernel; shared buffers are not private, sort and spill files neither.
figure_memory() {
    local rows pairs pair contender backend
    declare -A peak
    rows=$(bm_sized 10000000 100000)
    pairs=$((BM_PAIRS < 2 ? BM_PAIRS : 2))   # minutes each, and hardly any noise
    if [ -z "$BM_FULL" ] && [ -z "$BM_QUICK" ]; then
        pc_note '  left out: a pair takes minutes; add --full'
        return 0
    fi
    bm_settings "${BM_ASYNC[@]}"
    bm_database bench 64
    bm_fact memory_pairs "$pairs"
    for ((pair = 1; pair <= pairs; pair++)); do
        for contender in $(bm_order "$pair" bare ours); do
            bm_sql -c 'CALL bench.begin_anew(64)'
            bm_settle
            # The rows come from another backend.
            bm_sql -c "COPY ($(bm_copy_rows "$rows")) TO STDOUT" |
                PGAPPNAME=bench_memory bm_as "$contender" bm_sql -c "COPY people_movements ($BM_MOVEMENT_COLUMNS) FROM STDIN" &
            until backend=$(bm_sql -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'bench_memory'") &&
                [ -n "$backend" ]; do sleep 0.1; done
            peak[$contender]=$(perl "$PC_ROOT/bench/lib/process.pl" memory "$backend")
            wait $! || pc_die "the COPY into $contender failed"
            if [ "$contender" = ours ] && [ "$pair" -eq 1 ]; then bm_verify; fi
        done
        bm_record memory "${peak[bare]}" "${peak[ours]}"
    done
    bm_drop_database bench
}

# ---- eight clients on one session -----------------------------------------------------------------------------------

figure_contended() {
    local script pair contender load name clients sessions
    declare -A tps cpu flushes
    bm_settings "synchronous_commit = 'on'"
    bm_database bench 64
    script=$(bm_script movement "SESSION_IDS=$(bm_session_ids 64)")
    for ((pair = BM_FIRST; pair <= BM_PAIRS; pair++)); do
        bm_sql -c 'CALL bench.begin_anew(64)'
        for load in contended:8:1 contended_alone:1:1 contended_apart:8:64; do
            IFS=: read -r name clients sessions <<<"$load"
            for contender in $(bm_order "$pair" bare ours); do
                bm_sql -c CHECKPOINT
                bm_pgbench "$contender" -c "$clients" -j "$((clients < 2 ? 1 : 2))" -T "$BM_SLICE" -D sessions="$sessions" \
                    --random-seed="$pair" -f "$script"
                tps[$contender]=$BM_TPS cpu[$contender]=$BM_CPU_TPS flushes[$contender]=$BM_FLUSHES
            done
            [ "$pair" -gt 0 ] || continue
            bm_record "${name}_flushes" "${flushes[bare]}" "${flushes[ours]}"
            bm_record "$name" "${tps[bare]}" "${tps[ours]}"
            [ "$name" != contended ] || bm_record contended_cpu "${cpu[bare]}" "${cpu[ours]}"
        done
    done
    bm_sample_waits "$script"
    bm_verify
}

# What the eight wait for, sampled while they write to one session.
bm_sample_waits() {
    local file=$BM_WORK/waits
    pc_as_user timeout "$BM_SLICE" psql -XAtq >"$file" <<'SQL' &
SELECT coalesce(wait_event_type, 'none') || ':' || coalesce(wait_event, '')
  FROM pg_stat_activity WHERE application_name = 'bench' AND state = 'active' \watch 0.05
SQL
    bm_pgbench ours -c 8 -j 2 -T "$BM_SLICE" -D sessions=1 -f "$1"
    wait $! || true
    bm_fact waits "$(grep -E '^[A-Za-z]+:[A-Za-z0-9]*$' "$file" | sort | uniq -c | sort -rn | awk '{ printf "%s%s=%d", sep, $2, $1; sep = " " }')"
}

# ---- late movements -------------------------------------------------------------------------------------------------

figure_late() {
    local rounds late in_order pair contender number
    declare -A cost cpu
    rounds=$(bm_sized 10000 500)
    bm_settings "${BM_ASYNC[@]}"
    bm_database bench 64
    for ((pair = BM_FIRST; pair <= BM_PAIRS; pair++)); do
        # Two sessions with the same two days, a thousand visitors an hour.
        late=$((2 * pair + 1)) in_order=$((2 * pair + 2))
        for number in "$late" "$in_order"; do
            bm_as ours bm_sql -c "SELECT setseed(0.1 + $pair / 100.0)" -c "
                INSERT INTO people_movements ($BM_MOVEMENT_COLUMNS)
                SELECT bench.session_id($number), movement_time, 4711, movement_direction, 960, 540, 920, 450, 1000, 630,
                       0.9, 1000
                  FROM bench.visits('2025-06-02 00:00+00', 48, $(bm_sized 1000 100))" >/dev/null
        done
        bm_settle
        for contender in $(bm_order "$pair" late in_order); do
            local time session
            if [ "$contender" = late ]; then
                session=$late time="'2025-06-02 00:00+00'::timestamptz + :late * interval '1 microsecond'"
            else
                session=$in_order time="'2025-06-04 00:00+00'::timestamptz + :n * interval '1.8 s'"
            fi
            bm_pgbench ours -c 1 -t "$rounds" -D n=0 --random-seed="$pair" -f "$(bm_script at_time "TIME=$time" \
                "SESSION_ID=$(bm_sql -c "SELECT bench.session_id($session)")")"
            cost[$contender]=$(bm_divide 1000000 "$BM_TPS") cpu[$contender]=$(bm_divide 1000000 "$BM_CPU_TPS")
        done
        [ "$pair" -gt 0 ] || continue
        bm_record late "${cost[in_order]}" "${cost[late]}"
        bm_record late_cpu "${cpu[in_order]}" "${cpu[late]}"
    done
    bm_verify
}

# ---- queries --------------------------------------------------------------------------------------------------------

# bm_history DATABASE MOVEMENTS DAYS: of 64 sessions, up to 2025-06-30 24:00, in transactions of 5,000 movements.
bm_history() {
    bm_database "$1" 64
    bm_sql -v movements="$2" -v days="$3" -f "$PC_SOURCE/bench/sql/history.sql" -f "$PC_SOURCE/bench/sql/queries.sql"
    bm_settle
}

figure_queries() {
    local large small=10000 pair what database times
    declare -A took
    large=$(bm_sized 10000000 100000)
    bm_settings "${BM_ASYNC[@]}"
    bm_history bench_small "$small" 1
    bm_history bench_large "$large" 30
    for what in current overview day_of_one day_of_all; do
        for ((pair = BM_FIRST; pair <= BM_PAIRS; pair++)); do
            for database in $(bm_order "$pair" bench_small bench_large); do
                times=$(bm_sized 1000 50)
                took[$database]=$(PGDATABASE=$database bm_sql -c "SELECT bench.median_time('$what', 20)" \
                    -c "SELECT bench.median_time('$what', $times)" | tail -n 1)
            done
            [ "$pair" -gt 0 ] || continue
            bm_record "query_$what" "${took[bench_small]}" "${took[bench_large]}"
        done
    done
    bm_drop_database bench_small
    bm_drop_database bench_large
}

# ---- bytes on disk --------------------------------------------------------------------------------------------------

figure_bytes() {
    local contender movements
    bm_settings "${BM_ASYNC[@]}"
    bm_month "$(bm_sized 30 1)"
    movements=$(bm_sql -c 'SELECT count(*) FROM bench.month')
    for contender in bare ours; do bm_as "$contender" bm_sql -c 'CALL bench.load_month()'; done
    bm_record bytes "$(bm_bytes bare "$movements")" "$(bm_bytes ours "$movements")"
    bm_fact bytes_movements "$movements"
    bm_fact bytes_parts "$(bm_sql -c "
        SELECT string_agg(relname || '=' || pg_relation_size(oid) / $movements.0, ' ' ORDER BY pg_relation_size(oid) DESC)
          FROM pg_class
         WHERE relnamespace = 'ours'::regnamespace AND relname ~ '^people_movements|_statistics' AND pg_relation_size(oid) > 0")"
    bm_fact bytes_tuple "$(bm_pgstat 'tuple_len::numeric / tuple_count FROM pgstattuple' ours.people_movements)"
    bm_fact bytes_fill "$(bm_pgstat 'avg_leaf_density FROM pgstatindex' ours.people_movements_pkey)"
    bm_verify
    bm_sql -c 'REINDEX TABLE bare.people_movements' -c 'REINDEX TABLE ours.people_movements'
    bm_record bytes_reindexed "$(bm_bytes bare "$movements")" "$(bm_bytes ours "$movements")"
    bm_fact bytes_reindexed_key "$(bm_sql -c "SELECT pg_relation_size('ours.people_movements_pkey') / $movements.0")"
    bm_fact bytes_reindexed_fill "$(bm_pgstat 'avg_leaf_density FROM pgstatindex' ours.people_movements_pkey)"
    bm_drop_database bench
}

# Other keys, and maintenance, by what they would do to the bare table alone.
figure_bytes_alternatives() {
    local movements name key hourly
    bm_settings "${BM_ASYNC[@]}"
    bm_month "$(bm_sized 10 2)"
    movements=$(bm_sql -c 'SELECT count(*) FROM bench.month')
    bm_fact bytes_movements "$movements"
    while IFS='|' read -r name key hourly; do
        bm_sql -c 'CALL bench.begin_anew(16)' -c "ALTER TABLE bare.people_movements DROP CONSTRAINT people_movements_pkey,
            ADD CONSTRAINT people_movements_pkey PRIMARY KEY ($key)"
        bm_settle
        bm_timed bare "CALL bench.load_month($hourly)"
        bm_sql -c 'VACUUM (ANALYZE) bare.people_movements'
        bm_fact "alternative_$name" "$(bm_bytes bare "$movements");$(bm_sql -c "
            SELECT pg_relation_size('bare.people_movements_pkey') / $movements.0");$(
            bm_pgstat 'avg_leaf_density FROM pgstatindex' bare.people_movements_pkey);$BM_SECONDS;$(
            bm_sql -c 'SELECT bench.pages_of_an_hour()')"
    done <<'END'
as_it_is|session_id, movement_time, id|false
hourly|session_id, movement_time, id|true
time_first|movement_time, session_id, id|false
END
    bm_drop_database bench
}

# bm_month DAYS: a database with a month of movements in bench.month, or with so many days.
bm_month() {
    bm_database bench 16
    bm_sql -c 'SELECT setseed(0.75)' -v days="$1" -v busiest=2000 -f "$PC_SOURCE/bench/sql/month.sql" >/dev/null
}

# bm_pgstat EXPRESSION RELATION: of a function of pgstattuple, or nothing where the server has not got it.
bm_pgstat() {
    [ -e "$("$PG_CONFIG" --sharedir)/extension/pgstattuple.control" ] || return 0
    bm_sql -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION IF NOT EXISTS pgstattuple SCHEMA bench' \
        -c 'SET search_path = bench' -c "SELECT $1('$2')"
}

# bm_bytes CONTENDER MOVEMENTS: for each movement, of all its tables with their indexes.
bm_bytes() {
    bm_sql -c "SELECT sum(pg_total_relation_size(oid)) / $2.0 FROM pg_class
                WHERE relnamespace = '$1'::regnamespace AND relkind = 'r' AND relname ~ '^people_movements$|_statistics$'"
}

# A figure of wrong statistics would be worth nothing.
bm_verify() {
    local wrong
    wrong=$(bm_as ours bm_sql -c 'SELECT count(*) FROM verify_statistics()')
    [ "$wrong" = 0 ] || pc_die "verify_statistics() lists $wrong rows after this figure"
}
