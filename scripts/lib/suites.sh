# shellcheck shell=bash
# The suites of scripts/test whose tests PostgreSQL's own tools run: pg_regress, the isolation tester, pg_prove and
# PostgreSQL::Test::Cluster. Source it after common.sh and count.sh; LOGS is a directory, start_cluster makes a cluster.

suite_regress() {
    local status=0 option=()
    start_cluster regress
    pc_as_user mkdir -p "$PC_RUN/regress-out"
    if "$PC_PGXS/src/test/regress/pg_regress" --help | grep -q expecteddir; then
        option+=(--expecteddir="$PC_SOURCE/test/regress")
    fi
    pc_as_user "$PC_PGXS/src/test/regress/pg_regress" --bindir="$PC_BINDIR" --host="$PGHOST" --port="$PGPORT" \
        --user=postgres --dbname=people_counter_regress --load-extension=people_counter \
        --inputdir="$PC_SOURCE/test/regress" --outputdir="$PC_RUN/regress-out" "${option[@]}" \
        --schedule="$PC_SOURCE/test/regress/schedule" >"$LOGS/regress.out" 2>&1 || status=$?
    report_regress "$PC_RUN/regress-out" "$status"
}

suite_isolation() {
    local status=0 option=() specs=()
    start_cluster isolation
    pc_as_user mkdir -p "$PC_RUN/isolation-out"
    if "$PC_PGXS/src/test/isolation/pg_isolation_regress" --help | grep -q expecteddir; then
        option+=(--expecteddir="$PC_SOURCE/test/isolation")
    fi
    mapfile -t specs < <(basename -s .spec test/isolation/specs/*.spec)
    pc_as_user "$PC_PGXS/src/test/isolation/pg_isolation_regress" --bindir="$PC_BINDIR" --host="$PGHOST" \
        --port="$PGPORT" --user=postgres --dbname=people_counter_isolation --load-extension=people_counter \
        --inputdir="$PC_SOURCE/test/isolation" --outputdir="$PC_RUN/isolation-out" "${option[@]}" "${specs[@]}" \
        >"$LOGS/isolation.out" 2>&1 || status=$?
    report_regress "$PC_RUN/isolation-out" "$status"
}

# Both formats: "test name ... ok" of PostgreSQL 15, TAP since 16. The results are kept to be copied to expected/.
report_regress() {
    cat "$LOGS/$SUITE.out"
    rm -rf "$LOGS/$SUITE-results"
    cp -r "$1/results" "$LOGS/$SUITE-results" 2>/dev/null || true
    cat "$1/regression.diffs" "$1/output_iso/regression.diffs" 2>/dev/null || true
    count_lines "$LOGS/$SUITE.out" "$2" '(^(test)? +.*\.\.\. ok\b|^ok )' '(^(test)? +.*\.\.\. FAILED|^not ok )'
}

suite_pgtap() {
    local file name status tap
    start_cluster pgtap
    pc_psql -d postgres -c 'create database pgtap_template'
    pc_psql -d pgtap_template -c 'create extension people_counter' -c 'create extension pgtap'
    while read -r file; do
        name=${file#test/pgtap/} name=${name%.sql} tap=$LOGS/pgtap.tap status=0
        pc_psql -d postgres -c 'drop database if exists pgtap with (force)' \
            -c 'create database pgtap template pgtap_template'
        pc_as_user pg_prove --verbose --norc -d pgtap "$PC_SOURCE/$file" >"$tap" 2>&1 </dev/null || status=$?
        echo "# $name"
        cat "$tap"
        count_tap "$tap" "$status"
    done < <(find test/pgtap -name '*.sql' | sort)
}

# run_perl_tests: the files of test/SUITE/t, which start servers of their own. Most of them wait more than they compute, so several
# run at a time, those that take longest first; one that says that it runs alone does. Each has its own place, and they agree on
# the ports.
run_perl_tests() {
    local file name files alone
    mapfile -t files < <(find "test/$SUITE/t" -name '*_memory.pl' | sort)
    [ -z "$NO_MEMORY" ] || files=()
    mapfile -t -O ${#files[@]} files < <(find "test/$SUITE/t" -name '*.pl' ! -name '*_memory.pl' | sort)
    alone=$(grep -l '^# Runs alone' "${files[@]}" || true)
    pc_as_user mkdir -p "$PC_RUN/$SUITE/ports" "$PC_RUN/tmp"
    for file in "${files[@]}"; do
        [[ $'\n'$alone$'\n' != *$'\n'$file$'\n'* ]] || continue
        while [ "$(jobs -pr | wc -l)" -ge "${PC_TEST_JOBS:-3}" ]; do wait -n || true; done
        perl_file "$file" &
    done
    wait
    for file in $alone; do perl_file "$file"; done
    for file in "${files[@]}"; do
        name=$(basename "$file" .pl)
        echo "# $file"
        cat "$LOGS/$SUITE-$name.tap"
        count_tap "$LOGS/$SUITE-$name.tap" "$(cat "$PC_RUN/$SUITE/$name.status" || echo 1)"
    done
}

perl_file() {
    local name home status=0 tap
    name=$(basename "$1" .pl)
    home=$PC_RUN/$SUITE/$name tap=$LOGS/$SUITE-$name.tap
    pc_as_user mkdir -p "$home"
    (cd "$home" && pc_as_user env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE \
        TESTDIR="$home" TESTDATADIR="$home/data" TESTLOGDIR="$home/log" TMPDIR="$PC_RUN/tmp" \
        PERL5LIB="$PC_PGXS/src/test/perl" PG_REGRESS="$PC_PGXS/src/test/regress/pg_regress" \
        PEOPLE_COUNTER_SOURCE="$PC_SOURCE" PG_TEST_PORT_DIR="$PC_RUN/$SUITE/ports" PG_TEST_TIMEOUT_DEFAULT=300 \
        prove --verbose --norc "$PC_SOURCE/$1") >"$tap" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then find "$home" -name 'regress_log_*' -exec tail -n 40 {} + >>"$tap"; fi
    pc_stop_servers_below "$home"
    [ "$status" -ne 0 ] || rm -rf "$home"
    echo "$status" >"$PC_RUN/$SUITE/$name.status"
}
