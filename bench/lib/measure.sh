# shellcheck shell=bash disable=SC2016,SC2034  # a small program for sh in single quotes; results for the figures
# What the figures share: settings, databases, pairs, CPU time, and where the numbers go.
# Source it after scripts/lib/common.sh. Names begin with bm_ (functions) and BM_ (variables).

# ---- the server -----------------------------------------------------------------------------------------------------

bm_sql() { pc_psql -At "$@"; }

# bm_settings "NAME = 'VALUE'"...: for the whole server, until the next call.
bm_settings() {
    local setting statements=(-c 'ALTER SYSTEM RESET ALL')
    for setting in "$@"; do statements+=(-c "ALTER SYSTEM SET $setting"); done
    bm_sql -d postgres "${statements[@]}" -c 'SELECT pg_reload_conf()' >/dev/null
    sleep 0.5
}

# bm_database NAME SESSIONS: a fresh one with all contenders; PGDATABASE points at it.
bm_database() {
    bm_sql -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)" -c "CREATE DATABASE $1"
    export PGDATABASE=$1
    bm_sql -f "$PC_SOURCE/bench/sql/tables.sql" -c 'SELECT setseed(0.5)' -c "CALL bench.begin_anew($2)" >/dev/null
}

bm_drop_database() { [ -n "$BM_KEEP" ] || bm_sql -d postgres -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)"; }

# Nothing of the preparations is left to be written out, or to be cleaned by autovacuum, while it is measured.
bm_settle() {
    bm_sql -c 'VACUUM (ANALYZE)' -c CHECKPOINT
    sync
}

# bm_as CONTENDER COMMAND...: with the contender's schema in front.
bm_as() {
    local contender=$1
    shift
    PGOPTIONS="-c search_path=$contender" "$@"
}

bm_server_cpu() { perl "$PC_ROOT/bench/lib/process.pl" cpu "$(pc_as_user head -n 1 "$PGHOST/data/postmaster.pid")"; }

# bm_script NAME [KEY=VALUE...]: a copy of sql/NAME.pgbench with @KEY@ replaced; prints its path.
bm_script() {
    local file=$BM_WORK/$1.$BASHPID.$RANDOM pair text
    text=$(<"$PC_ROOT/bench/sql/$1.pgbench")
    for pair in "${@:2}"; do text=${text//"@${pair%%=*}@"/"${pair#*=}"}; done
    printf '%s\n' "$text" | bm_write "$file"
    printf '%s\n' "$file"
}

bm_write() { pc_as_user sh -c 'cat >"$0"' "$1"; }

# How often the server has flushed its WAL.
bm_flushes() {
    if [ "$PC_MAJOR" -lt 18 ]; then
        bm_sql -c 'SELECT wal_sync FROM pg_stat_wal'
    else
        bm_sql -c "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'"
    fi
}

# bm_pgbench CONTENDER OPTIONS...: sets BM_TPS, BM_CPU_TPS (transactions a second of the server's CPU time) and BM_FLUSHES
# (of the WAL for each transaction).
bm_pgbench() {
    local contender=$1 output before after flushes transactions
    shift
    flushes=$(bm_flushes)
    before=$(bm_server_cpu)
    output=$(bm_as "$contender" pc_as_user env PGAPPNAME=bench pgbench -n -M prepared "$@" 2>&1) ||
        pc_die "pgbench failed: $output"
    sleep 0.3
    after=$(bm_server_cpu)
    if grep -q 'ERROR' <<<"$output"; then pc_die "pgbench: $output"; fi
    BM_TPS=$(sed -n 's/^tps = \([0-9.]*\) .*/\1/p' <<<"$output")
    transactions=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' <<<"$output")
    BM_CPU_TPS=$(awk -v n="$transactions" -v s="$before" -v e="$after" 'BEGIN { print n / (e > s ? e - s : 0.01) }')
    BM_FLUSHES=$(bm_divide "$(($(bm_flushes) - flushes))" "$transactions")
}

# bm_timed CONTENDER SQL...: sets BM_SECONDS of the last statement, and BM_CPU_SECONDS of the server over all of them.
bm_timed() {
    local contender=$1 statement arguments=(-c '\timing on') before after output
    shift
    for statement in "$@"; do arguments+=(-c "$statement"); done
    before=$(bm_server_cpu)
    output=$(bm_as "$contender" bm_sql "${arguments[@]}")
    sleep 0.3
    after=$(bm_server_cpu)
    BM_SECONDS=$(sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' <<<"$output" | awk 'END { print $1 / 1000 }')
    BM_CPU_SECONDS=$(awk -v s="$before" -v e="$after" 'BEGIN { print (e > s ? e - s : 0.01) }')
}

# ---- numbers --------------------------------------------------------------------------------------------------------

# bm_order PAIR CONTENDER...: the contenders, beginning with another one in each pair, and backwards in every other.
bm_order() {
    local pair=$1 i
    shift
    local names=("$@") n=$#
    for ((i = 0; i < n; i++)); do
        printf '%s ' "${names[(pair + (pair % 2 == 0 ? i : n - i)) % n]}"
    done
}

# bm_record FIGURE A B: one pair.
bm_record() {
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$BM_NUMBERS"
    pc_note "$(awk -v f="$1" -v a="$2" -v b="$3" 'BEGIN { printf "  %-16s %12.4g %12.4g   %.3f", f, a, b, (a > 0 ? b / a : 0) }')"
}

bm_fact() { printf '%s\t%s\n' "$1" "$2" >>"$BM_FACTS"; }

bm_divide() { awk -v a="$1" -v b="$2" 'BEGIN { print a / b }'; }
