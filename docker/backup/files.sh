# shellcheck shell=bash disable=SC2034  # variables for the scripts
# Of docker/backup/backup: what it is told, the files of backups, and how they are looked at.

say() { printf 'backup: %s\n' "$*" >&2; }
# die STATUS MESSAGE
die() {
    local status=$1
    shift
    failure=$*
    say "$*"
    exit "$status"
}

need() {
    local each
    for each in "$@"; do
        command -v "$each" >/dev/null && continue
        case $each in
        pg_* | psql) die 3 "there is no $each on PATH (Debian: postgresql-client)" ;;
        *) die 3 "there is no $each on PATH" ;;
        esac
    done
}

settings() {
    local file=${DB_PASSWORD_FILE:-/run/secrets/db_password}
    : "${BACKUP_RETENTION_DAYS:=30}" "${BACKUP_SCHEDULE:=}"
    [ -n "${BACKUP_DIR:-}" ] || die 2 "BACKUP_DIR is not set: the directory of the backups"
    [ -d "$BACKUP_DIR" ] || die 3 "BACKUP_DIR=$BACKUP_DIR is no directory"
    [[ $BACKUP_RETENTION_DAYS =~ ^[0-9]{1,5}$ ]] || die 2 "BACKUP_RETENTION_DAYS=$BACKUP_RETENTION_DAYS is no number of days"
    BACKUP_DIR=$(cd "$BACKUP_DIR" && pwd -P) BACKUP_RETENTION_DAYS=$((10#$BACKUP_RETENTION_DAYS))
    export PGDATABASE=${PGDATABASE:-${DB_NAME:-people_counter}} PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-10}
    if [ -z "${PGPASSWORD:-}" ] && [ -s "$file" ]; then
        PGPASSWORD=$(cat "$file") || die 3 "the file with the password, $file, cannot be read"
        export PGPASSWORD
    fi
    result=$BACKUP_DIR/.result-$(safe "$PGDATABASE")
}
read_result() { sed -n "s/^$1=//p" "$result" 2>/dev/null || true; }

sql() { psql -X -A -t -q -w -v ON_ERROR_STOP=1 "$@"; }

# can_connect DATABASE: the message of libpq says what is wrong; this, what to do.
can_connect() {
    local why
    why=$(sql -d "$1" -c 'SELECT 1' 2>&1 >/dev/null) && return 0
    printf '%s\n' "$why" >&2
    case $why in
    *'password'*) die 1 "no connection: the password is missing or wrong; set PGPASSWORD, or DB_PASSWORD_FILE to a file that has it" ;;
    *) die 1 "no connection to database $1 at ${PGHOST:-the local socket}" ;;
    esac
}

# ---- names ------------------------------------------------------------------------------------------------------------

# What of a database's name can be in the name of a file; a hash tells those apart that would be the same.
safe() {
    local plain=${1//[^A-Za-z0-9_.]/_}
    plain=${plain#.}
    [ "$plain" = "$1" ] || plain=$plain.$(printf %s "$1" | cksum | cut -d ' ' -f 1)
    printf '%s' "$plain"
}
utc() { TZ=UTC0 printf '%(%Y%m%dT%H%M%SZ)T' "$1"; }
moment() { printf '%(%Y-%m-%d %H:%M:%S %Z)T' "$1"; }

# Of this database, newest first: names alone.
backups() {
    local stem file
    stem=$(safe "$PGDATABASE")
    for file in "$BACKUP_DIR/$stem"-2*.dump; do
        file=${file##*/}
        [[ ${file#"$stem"-} =~ ^2[0-9]{7}T[0-9]{6}Z(-[0-9]+)?\.dump$ ]] || continue
        printf '%s\n' "$file"
    done | LC_ALL=C sort -r
}
# stamp_of NAME: when it was begun.
stamp_of() { [[ $1 =~ -(2[0-9]{7}T[0-9]{6}Z)(-[0-9]+)?\.dump$ ]] && printf '%s\n' "${BASH_REMATCH[1]}"; }

find_file() {
    if [ -f "$1" ]; then
        printf '%s\n' "$(cd "$(dirname "$1")" && pwd -P)/${1##*/}"
    elif [[ $1 != */* ]] && [ -f "$BACKUP_DIR/$1" ]; then
        printf '%s\n' "$BACKUP_DIR/$1"
    else
        die 1 "there is no file $1, neither here nor in $BACKUP_DIR"
    fi
}

# ---- looking at them --------------------------------------------------------------------------------------------------

has_good_checksum() { [ -s "$1.sha256" ] && (cd "$(dirname "$1")" && sha256sum --status -c "${1##*/}.sha256" 2>/dev/null); }

wrong() { say "$@" && return 1; }

# verify_file FILE: what can be told without reading it as an archive.
verify_file() {
    [ -r "$1" ] || wrong "$1 cannot be read" || return
    [ "$(head -c 5 "$1")" = PGDMP ] || wrong "$1 is no archive of pg_dump's custom format" || return
    if [ ! -e "$1.sha256" ]; then
        say "$1 has no checksum beside it"
    elif ! has_good_checksum "$1"; then
        wrong "$1 is damaged: its checksum is not the one in $1.sha256"
    fi
}

# verify_archive FILE: its list, which goes to the file $listing, and all of its data, to the end.
verify_archive() {
    listing=$(mktemp "${TMPDIR:-/tmp}/people_counter_list.XXXXXX")
    pg_restore --list "$1" >"$listing" || wrong "$1 is damaged: it has no list" || return
    grep -Eq '^[0-9]+; [0-9]+ [0-9]+ EXTENSION - people_counter( |$)' "$listing" || wrong "$1 does not hold people_counter" || return
    grep -Eq ' TABLE DATA .* sessions ' "$listing" || wrong "$1 does not hold the sessions" || return
    pg_restore --file=/dev/null "$1" || wrong "$1 is damaged: its data cannot be read to the end" || return
}

# missing_tables TABLES: those that a list on standard input does not have.
missing_tables() {
    tables=$1 awk '
        / TABLE DATA / {seen = seen $0 "\n"}
        END {count = split(ENVIRON["tables"], table, "\n")
             for (i = 1; i <= count; i++) if (!index(seen, " TABLE DATA " table[i] " ")) printf "%s%s", n++ ? ", " : "", table[i]}'
}

# import NAME [SHA256]: a backup from elsewhere, on standard input.
import() {
    local name=${1:-} wanted=${2:-} found
    need pg_restore sha256sum flock
    [[ $name =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]*$ ]] || die 2 "import takes a name for the file, without a directory"
    [ ! -e "$BACKUP_DIR/$name" ] || die 1 "there is a $name in $BACKUP_DIR already"
    take_lock
    part=$BACKUP_DIR/.$name.part
    trap 'rm -f "$part" "$part".* "${listing:-}"' EXIT
    trap 'exit 143' INT TERM HUP
    cat >"$part" || die 1 "it could not be written to $BACKUP_DIR"
    found=$(sha256sum <"$part")
    found=${found%% *}
    [ -z "$wanted" ] || [ "$wanted" = "$found" ] || die 1 "what came is damaged: its checksum is $found, not $wanted"
    verify_archive "$part" || exit 1
    printf '%s  %s\n' "$found" "$name" >"$part.sha256"
    give_names "$name" || die 1 "it could not be given its name"
    printf '%s\n' "$BACKUP_DIR/$name"
}

# give_names NAME: to $part and what is beside it, from here on a backup. The dump is the last: what has the name of one is one.
give_names() {
    local more
    sync "$part" "$part".* || return
    for more in sha256 roles; do
        [ ! -e "$part.$more" ] || mv "$part.$more" "$BACKUP_DIR/$([ "$more" = roles ] && echo "${1%.dump}.roles.sql" || echo "$1.sha256")" || return
    done
    mv "$part" "$BACKUP_DIR/$1" && sync "$BACKUP_DIR"
}
