# shellcheck shell=bash disable=SC2154  # what docker/backup/backup sets
# Of docker/backup/backup: restore. A new database is filled by scripts/restore, which asks verify_statistics() in the end;
# only then it takes the place of the old one, so that whatever goes wrong leaves that as it was.

restore() {
    local file='' yes='' into='' options=() stamp target
    while [ $# -gt 0 ]; do
        case $1 in
        --yes) yes=yes ;;
        --into | --jobs)
            [ $# -ge 2 ] || die 2 "$1 needs a value"
            if [ "$1" = --into ]; then into=$2; else options+=(-j "$2"); fi
            shift
            ;;
        --no-owner | --no-privileges) options+=("$1") ;;
        -*) die 2 "unknown option $1; --help tells" ;;
        *)
            [ -z "$file" ] || die 2 "restore takes one file"
            file=$1
            ;;
        esac
        shift
    done
    [ -n "$file" ] || die 2 "restore takes a file"
    need psql pg_restore sha256sum
    restorer=$(for each in "$here"/../../scripts/restore "$here"/../scripts/restore; do [ ! -x "$each" ] || { echo "$each" && break; }; done)
    [ -n "$restorer" ] || die 3 "scripts/restore is not there"
    file=$(find_file "$file")
    trap undo EXIT
    trap 'exit 143' INT TERM HUP
    if ! verify_file "$file" || ! verify_archive "$file"; then die 1 "nothing was changed"; fi
    admin=${PGMAINTENANCE:-postgres} old=$PGDATABASE stamp=$(utc "$EPOCHSECONDS")
    can_connect "$admin"
    target=${into:-$old}
    if [ -z "$(database_named "$target")" ]; then
        fill "$target" '' "$file" "${options[@]}"
    elif [ -n "$into" ]; then
        die 1 "there is a database $into already: --into makes a new one"
    else
        [ -n "$yes" ] || ask_to_overwrite "$file"
        fill "${old:0:40}_new_$stamp" "$old" "$file" "${options[@]}"
        put_in_its_place "${old:0:40}_new_$stamp" "${old:0:40}_before_$stamp"
    fi
}

admin_sql() { sql -d "$admin" "$@"; }
database_named() { admin_sql -v name="$1" <<<"SELECT datname FROM pg_database WHERE datname = :'name'"; }

ask_to_overwrite() {
    local answer
    [ -t 0 ] || die 4 "database $old would be replaced: say so with --yes"
    printf 'Database %s at %s will be replaced by %s.\nWhat was counted since is gone from it. Go on? [y/N] ' "$old" "${PGHOST:-this machine}" "$1" >&2
    read -r answer
    [[ $answer =~ ^[Yy]([Ee][Ss])?$ ]] || die 4 "nothing was changed"
}

begun=   # a database that is not complete
shut=    # one that nobody is let into
undo() {
    local status=$?
    trap - EXIT
    rm -f "${listing:-}"
    [ -z "$shut" ] || admin_sql -v name="$shut" <<<'ALTER DATABASE :"name" ALLOW_CONNECTIONS true' || true
    [ -z "$begun" ] || drop_database "$begun" || say "database $begun is left, incomplete"
    exit "$status"
}

# fill NEW OLD FILE [OPTION...]: a database NEW, made like OLD if that is there, with what is in FILE.
fill() {
    local new=$1 like=$2 file=$3
    shift 3
    make_database "$new" "$like" || die 1 "database $new cannot be made"
    begun=$new
    "$restorer" "$@" "$file" "$new" || die 1 "the restore failed, see above; nothing else was changed"
    [ -n "$like" ] || begun=
}

drop_database() { admin_sql -v name="$1" <<<'DROP DATABASE IF EXISTS :"name" WITH (FORCE)'; }

# The same owner, encoding, locale and tablespace. A column that not all supported servers have is asked for by to_jsonb.
make_database() {
    admin_sql -v new="$1" -v like="$2" <<'SQL'
SELECT format('CREATE DATABASE %I TEMPLATE template0', :'new') || coalesce((
    SELECT format(' OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L TABLESPACE %I CONNECTION LIMIT %s', pg_get_userbyid(datdba),
                  pg_encoding_to_char(encoding), datcollate, datctype, spcname, datconnlimit) ||
           CASE datlocprovider
               WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(r ->> 'datlocale', r ->> 'daticulocale')) ||
                             coalesce(format(' ICU_RULES %L', r ->> 'daticurules'), '')
               WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', r ->> 'datlocale')
               ELSE '' END
      FROM pg_database JOIN pg_tablespace ON pg_tablespace.oid = dattablespace, to_jsonb(pg_database) AS r
     WHERE datname = :'like'), '') \gexec
SQL
}

# The settings and grants of the old database go to the new one, and the names are exchanged, in one transaction. Nobody is in
# either of them meanwhile; the old one stays shut, so that its alerts are not sent a second time.
put_in_its_place() {
    local new=$1 before=$2
    shut=$old
    admin_sql -v old="$old" -v new="$new" -v before="$before" <<'SQL' || die 1 "the names could not be exchanged, see above; $old is as it was"
SET client_min_messages = warning;
ALTER DATABASE :"old" ALLOW_CONNECTIONS false;
SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
 WHERE datname IN (:'old', :'new') AND backend_type = 'client backend' \g /dev/null
BEGIN;
SELECT CASE WHEN setrole = 0 THEN format('ALTER DATABASE %I', :'new') ELSE format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(setrole), :'new') END ||
       format(' SET %s = ', name) || CASE WHEN name IN ('search_path', 'temp_tablespaces') OR name LIKE '%_preload_libraries' THEN value ELSE quote_literal(value) END
  FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting,
       substr(setting, 1, strpos(setting, '=') - 1) AS name, substr(setting, strpos(setting, '=') + 1) AS value
 WHERE datname = :'old' \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'new') FROM pg_database WHERE datname = :'old' AND datacl IS NOT NULL \gexec
SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, :'new', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) ||
       CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
  FROM pg_database, aclexplode(datacl) WHERE datname = :'old' AND grantee <> datdba \gexec
ALTER DATABASE :"old" RENAME TO :"before";
ALTER DATABASE :"new" RENAME TO :"old";
COMMIT;
SQL
    shut='' begun=
    printf 'database %s is what was in the backup; as it was before, it is kept as %s until "manage_db.sh cleanup" drops it\n' "$old" "$before"
}
