#!/usr/bin/env bash
# Everyday work with the database: of the containers of docker/compose.yaml or, with PGHOST set, of any server.
#
#   manage_db.sh start | stop | restart    the containers (with PGHOST and PGDATA: the server of that data directory)
#   manage_db.sh status                    what runs, the database, versions, backups
#   manage_db.sh backup                    makes a backup; "backup list", "backup verify [FILE ...]" and "backup prune", too
#   manage_db.sh restore FILE [--yes] [--into DATABASE] [--jobs N]
#                                          puts a backup in the place of the database, or into a new one; asks first
#   manage_db.sh migrate                   creates both extensions, or brings them to the version that is installed
#   manage_db.sh migrate status            which versions there are, and what "migrate" would do
#   manage_db.sh migrate reset             drops both extensions WITH ALL DATA and creates them; asks for the database's name
#       --confirm DATABASE                 which may be given instead
#   manage_db.sh maintain [analyze | vacuum | reindex]
#                                          all three, or one of them; nobody is stopped meanwhile
#   manage_db.sh logs [api | database | migrations | SERVICE] [-f]
#                                          the log files of LOG_DIR, or what a container printed; all without a name
#   manage_db.sh connect [PSQL OPTION ...] psql
#   manage_db.sh cleanup [--yes]           removes what failed backups, restores and old containers left; asks first
#
# Settings are those of docker/.env; the environment comes before it. With PGHOST set, .env is not read: the server, the
# database and the user are PGHOST, PGPORT, PGDATABASE (or DB_NAME; people_counter), PGUSER (or DB_USER), PGPASSWORD (or
# DB_PASSWORD, or the file DB_PASSWORD_FILE, or a password file), PGSSLMODE; and BACKUP_DIR (docker/backups), LOG_DIR
# (docker/logs), BACKUP_RETENTION_DAYS (30). See docker/README.md and docs/backup.md.
#
# Exits 0 when it is done, 1 when it failed, 2 when it was called wrongly, 3 when something is missing (docker, psql, a
# password), 4 when a question was not answered with yes.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd -P)
# shellcheck source=docker/manage/connection.sh
source "$here/manage/connection.sh"
# shellcheck source=docker/manage/database.sh
source "$here/manage/database.sh"

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
    exit "$1"
}

# ---- start, stop, restart ---------------------------------------------------------------------------------------------

# Of a plain server, if its data directory is here.
pg_ctl_of_server() {
    local program
    [ -n "${PGDATA:-}" ] || die 2 "PGHOST is set, so this is not about the containers; the server at $PGHOST is started and stopped" \
        "by its own means (such as systemctl restart postgresql), or by this with PGDATA set to its data directory"
    [ -s "$PGDATA/PG_VERSION" ] || die 3 "PGDATA=$PGDATA is no data directory, or not readable"
    program=$(command -v pg_ctl || true)
    [ ! -x "/usr/lib/postgresql/$(cat "$PGDATA/PG_VERSION")/bin/pg_ctl" ] || program=/usr/lib/postgresql/$(cat "$PGDATA/PG_VERSION")/bin/pg_ctl
    [ -n "$program" ] || die 3 "there is no pg_ctl on PATH"
    "$program" -D "$PGDATA" -w -t 120 -s "$@" </dev/null
}

start() {
    if [ "$mode" = server ]; then
        pg_ctl_of_server -l "${PGLOG:-${PGDATA:-}/server.log}" start
    else
        [[ ",$(setting COMPOSE_PROFILES)," != *,pgadmin,* ]] || [ -s "$(beside "$(setting PGADMIN_PASSWORD_FILE none)")" ] ||
            die 3 "pgAdmin has no password: set PGADMIN_PASSWORD_FILE to a file that has one. There is no default"
        # For users of the containers, whom this machine does not know.
        [ -d "$LOG_DIR" ] || { mkdir -p "$LOG_DIR" && chmod 1777 "$LOG_DIR"; } || say "there will be no log files in $LOG_DIR"
        compose up -d --wait || die 1 "not everything has started: \"manage_db.sh logs\" shows why"
    fi
}

stop() {
    if [ "$mode" = server ]; then pg_ctl_of_server -m fast stop; else compose stop; fi
}

# By way of start, so that changed settings have an effect.
restart() {
    stop
    start
}

# ---- status -----------------------------------------------------------------------------------------------------------

status() {
    local failed=0
    if [ "$mode" = containers ]; then compose ps -a && echo; fi
    if can_connect; then
        ask <"$here/manage/status.sql"
        echo
        migrate_status || failed=1
    else
        say "the database does not answer: $why"
        failed=1
    fi
    echo
    backup_command status || failed=1
    return "$failed"
}

# ---- backup and restore -----------------------------------------------------------------------------------------------

backup() {
    case ${1:-} in
    '') backup_command create ;;
    list | verify | prune | health) backup_command "$@" ;;
    *) die 2 "what is backup $1? --help tells" ;;
    esac
}

# To a container, a file that is not in BACKUP_DIR goes through its standard input: no directory of this machine is mounted,
# and whoever calls this need only be able to read it.
restore() {
    local arguments=() argument before='' name wanted=''
    for argument in "$@"; do
        if [ "$mode" = containers ] && [[ $argument != -* ]] && [ -f "$argument" ] && [ "$before" != --into ]; then
            name=$(basename "$argument")
            if [ ! "$argument" -ef "$(host_backup_dir)/$name" ]; then
                [ ! -e "$argument.sha256" ] || read -r wanted _ <"$argument.sha256"
                name=imported-$(date -u +%Y%m%dT%H%M%SZ)-${name//[^A-Za-z0-9_.-]/_}
                backup_command import "$name" "$wanted" <"$argument" >/dev/null || die 1 "nothing was changed"
            fi
            argument=$name
        fi
        arguments+=("$argument")
        before=$argument
    done
    backup_command restore "${arguments[@]}"
}

# ---- logs, connect, cleanup -------------------------------------------------------------------------------------------

logs() {
    local follow=() file name=''
    local argument
    for argument in "$@"; do
        case $argument in
        -f | --follow) follow=(-f) ;;
        -*) die 2 "unknown option $argument; --help tells" ;;
        *)
            [ -z "$name" ] || die 2 "one log, or all of them"
            name=$argument
            ;;
        esac
    done
    case $name in
    api | database | migrations)
        file=$LOG_DIR/$name.log
        if [ -e "$file" ]; then
            tail -n 100 ${follow[0]:+-F} "$file"
        elif [ "$name" = database ] && [ "$mode" = server ]; then
            ask <"$here/manage/log.sql"
        else
            die 1 "there is no $file yet"
        fi
        ;;
    *)
        if [ "$mode" = containers ]; then
            compose logs --tail 100 "${follow[@]}" ${name:+"$name"}
        elif [ -n "$name" ]; then
            die 2 "there is no log $name of a server: api, database, migrations"
        else
            for name in database migrations; do logs "$name" || true; done
        fi
        ;;
    esac
}

connect() { psql_itself "$@"; }

cleanup() {
    local yes='' database
    while [ $# -gt 0 ]; do
        case $1 in
        --yes) yes=yes ;;
        *) die 2 "what is $1? --help tells" ;;
        esac
        shift
    done
    backup_command prune
    can_connect || die 1 "the database does not answer: $why"
    while IFS= read -r database; do
        [ -n "$database" ] || continue
        if [ -z "$yes" ]; then confirm "Drop $database, which a restore has left?" || continue; fi
        ask -v name="$database" <<<'DROP DATABASE :"name" WITH (FORCE)'
        printf 'dropped %s\n' "$database"
    done < <(ask -v like="${PGDATABASE:0:40}" <"$here/manage/left_databases.sql")
    [ "$mode" = server ] || compose rm -f
}

# ---- the call ---------------------------------------------------------------------------------------------------------

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
-h | --help | help) usage 0 ;;
start | stop | restart | status | backup | restore | migrate | maintain | logs | connect | cleanup) ;;
'') usage 2 >&2 ;;
*) die 2 "unknown command $command; --help tells" ;;
esac
choose_mode
case $command in
start | stop | restart | status)
    [ $# -eq 0 ] || die 2 "what is $1? --help tells"
    "$command"
    ;;
*) "$command" "$@" ;;
esac
