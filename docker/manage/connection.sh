# shellcheck shell=bash disable=SC2154  # here, of docker/manage_db.sh
# Of docker/manage_db.sh: which server it is about, and how it is reached.

say() { printf 'manage_db: %s\n' "$*" >&2; }
# die STATUS MESSAGE
die() {
    local status=$1
    shift
    say "$*"
    exit "$status"
}

# confirm QUESTION: a person's yes.
confirm() {
    local answer
    [ -t 0 ] || die 4 "$1 Say so with --yes"
    printf '%s [y/N] ' "$1" >&2
    read -r answer
    [[ $answer =~ ^[Yy]([Ee][Ss])?$ ]]
}

# ---- settings ---------------------------------------------------------------------------------------------------------

# setting NAME [DEFAULT]: of the environment or else of .env, where it is as Compose reads it: a line NAME=value, the value
# perhaps in quotes, perhaps with a comment behind a space.
setting() {
    local value=''
    if [ -n "${!1:-}" ]; then
        printf '%s' "${!1}"
        return 0
    fi
    if [ "$mode" = containers ] && [ -r "$here/.env" ]; then
        value=$(sed -nE "s/^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=[[:space:]]*//p" "$here/.env" | tail -n 1)
        case $value in
        \"*) value=${value#\"} value=${value%%\"*} ;;
        \'*) value=${value#\'} value=${value%%\'*} ;;
        *) value=$(sed -E 's/[[:space:]]+#.*$//; s/[[:space:]]+$//' <<<"$value") ;;
        esac
    fi
    printf '%s' "${value:-${2:-}}"
}

# A relative path of .env is beside compose.yaml.
beside() { if [[ $1 == /* ]]; then printf '%s' "$1"; else printf '%s' "$here/${1#./}"; fi; }

choose_mode() {
    if [ -n "${PGHOST:-}" ]; then
        mode=server
        use_server
    else
        mode=containers
        use_containers
    fi
}

use_server() {
    local password
    command -v psql >/dev/null || die 3 "there is no psql on PATH (Debian: postgresql-client)"
    PGDATABASE=${PGDATABASE:-${DB_NAME:-people_counter}} PGUSER=${PGUSER:-${DB_USER:-$(id -un)}}
    export PGDATABASE PGUSER PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-10}
    LOG_DIR=${LOG_DIR:-$here/logs}
    if [ -z "${PGPASSWORD:-}" ]; then
        password=${DB_PASSWORD:-}
        [ -z "${DB_PASSWORD_FILE:-}" ] || password=$(cat "$DB_PASSWORD_FILE") || die 3 "DB_PASSWORD_FILE=$DB_PASSWORD_FILE cannot be read"
        [ -z "$password" ] || export PGPASSWORD=$password
    fi
}

# The password is a file for the containers. One of .env is written to such a file, once.
use_containers() {
    local text file
    command -v docker >/dev/null || die 3 "there is no docker on PATH; with PGHOST set, this is about a server without containers"
    docker compose version >/dev/null 2>&1 || die 3 "docker has no Compose: install its plugin, 2.20 or later"
    PGDATABASE=$(setting DB_NAME people_counter)
    LOG_DIR=$(beside "$(setting LOG_DIR logs)")
    file=$(setting DB_PASSWORD_FILE) text=$(setting DB_PASSWORD)
    if [ -z "$file" ]; then
        file=$here/secrets/db_password
        if [ -n "$text" ] && [ ! -s "$file" ]; then
            mkdir -p "$here/secrets" && chmod 700 "$here/secrets" && printf '%s\n' "$text" >"$file" && chmod 644 "$file"
            say "the password of DB_PASSWORD is now in $file; it can go from .env"
        fi
        [ -s "$file" ] || die 3 "there is no password: set DB_PASSWORD_FILE in $here/.env to a file that has one, or DB_PASSWORD to the" \
            "password itself. Neither has a default"
        export DB_PASSWORD_FILE=$file
    else
        file=$(beside "$file")
        [ -s "$file" ] || die 3 "DB_PASSWORD_FILE: $file is empty or cannot be read, and the password has no default"
    fi
}

# ---- the ways in ------------------------------------------------------------------------------------------------------

compose() { docker compose --project-directory "$here" "$@"; }

# Of a command in a container: -T unless a person is to talk to it.
terminal=(-T)

# As the superuser, in the container of the database or, if that is elsewhere, in one of the same image.
psql_in_container() {
    # shellcheck disable=SC2016  # variables of the container
    local words=(-c 'PGPASSWORD=$(cat /run/secrets/db_password) && export PGPASSWORD && exec psql -X "$@"' psql "$@")
    if [ "$(setting DB_HOST postgres)" = postgres ]; then
        compose exec "${terminal[@]}" -e "PGUSER=$(setting DB_USER postgres)" -e "PGDATABASE=$PGDATABASE" postgres sh "${words[@]}"
    else
        compose run --rm --no-deps "${terminal[@]}" --entrypoint sh prepare "${words[@]}"
    fi
}

# ask [OPTION...]: SQL on standard input; what it answers, without frills. psql's own statuses are not ours.
# shellcheck disable=SC2120
ask() {
    local options=(-A -t -q -v ON_ERROR_STOP=1 "$@")
    if [ "$mode" = server ]; then psql -X -w "${options[@]}" || return 1; else psql_in_container "${options[@]}" || return 1; fi
}

psql_itself() {
    if [ "$mode" = server ]; then exec psql "$@"; fi
    [ ! -t 0 ] || terminal=()
    psql_in_container "$@"
}

# Sets why, when it cannot.
can_connect() {
    # shellcheck disable=SC2119
    why=$(ask <<<'SELECT 1' 2>&1 >/dev/null) && return 0
    [[ $why != *password* ]] || why="$why; set PGPASSWORD, or DB_PASSWORD_FILE to a file that has the password"
    return 1
}

# What docker/backup/backup does, here or in a container of the backup service's image.
backup_command() {
    if [ "$mode" = server ]; then
        if [ -z "${BACKUP_DIR:-}" ]; then
            BACKUP_DIR=$here/backups
            [ -d "$BACKUP_DIR" ] || { mkdir "$BACKUP_DIR" && chmod 700 "$BACKUP_DIR"; }
        fi
        BACKUP_DIR=$BACKUP_DIR "$here/backup/backup" "$@"
    else
        if [ -t 0 ] && [ "$1" = restore ]; then terminal=(); fi
        compose run --rm --no-deps "${terminal[@]}" --entrypoint /usr/local/share/people_counter/backup/backup postgres-backup "$@"
    fi
}

# Where BACKUP_DIR is on this machine, if it is a directory and no volume.
host_backup_dir() {
    local place
    place=$(setting BACKUP_DIR backups)
    case $place in
    /* | ./* | ../*) beside "$place" ;;
    *) printf /nonexistent ;;
    esac
}
