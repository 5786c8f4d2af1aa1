# shellcheck shell=bash disable=SC2154  # here, mode, why, of the others
# Of docker/manage_db.sh: migrate and maintain.

# What is done is written down in LOG_DIR/migrations.log, errors among it.
log_migration() {
    local line
    mkdir -p "$LOG_DIR" 2>/dev/null || true
    while IFS= read -r line; do
        printf '%s\n' "$line"
        printf '%s [%s] %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$PGDATABASE" "$line" >>"$LOG_DIR/migrations.log" ||
            say "$LOG_DIR/migrations.log cannot be written"
    done
}

logged() { { "$@" 2>&1; } | log_migration; }

migrate_status() { ask <"$here/manage/extensions.sql"; }

migrate() {
    case ${1:-} in
    '')
        require_connection
        logged ask <"$here/manage/migrate.sql"
        ;;
    status)
        [ $# -eq 1 ] || die 2 "what is $2? --help tells"
        require_connection
        migrate_status
        ;;
    reset)
        shift
        migrate_reset "$@"
        ;;
    *) die 2 "what is migrate $1? --help tells" ;;
    esac
}

require_connection() { can_connect || die 1 "the database does not answer: $why"; }

migrate_reset() {
    local name=''
    case ${1:-} in
    '') ;;
    --confirm) name=${2:-} ;;
    *) die 2 "what is $1? --help tells" ;;
    esac
    require_connection
    if [ $# -eq 0 ]; then
        [ -t 0 ] || die 4 "everything that was counted in database $PGDATABASE would be lost: say so with --confirm and its name"
        printf 'Everything that was counted in database %s will be lost. Its name, if that is meant: ' "$PGDATABASE" >&2
        read -r name
    fi
    [ "$name" = "$PGDATABASE" ] || die 4 "that is not its name: nothing was changed"
    logged ask <"$here/manage/reset.sql"
}

# In the order of what is cheapest. Nothing of it stops anybody who reads or writes.
maintain() {
    local step
    [ $# -le 1 ] || die 2 "what is $2? --help tells"
    case ${1:-all} in
    analyze | vacuum | reindex) ;;
    all) set -- vacuum reindex ;;   # VACUUM does ANALYZE, too
    *) die 2 "what is maintain $1? --help tells" ;;
    esac
    require_connection
    for step in "$@"; do ask <"$here/manage/$step.sql"; done
}
