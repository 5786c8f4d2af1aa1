#!/bin/bash
# What the entry point of the official PostgreSQL image does, as far as docker/compose.yaml asks for it: at the first start a
# cluster whose superuser has a password, and a database; then the server.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=$(cat "$POSTGRES_PASSWORD_FILE")
    [ -n "$password" ] || { echo 'the password is empty' >&2; exit 1; }
    mkdir -p "$PGDATA"
    # shellcheck disable=SC2086  # several options
    initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile=<(echo "$password") --auth-local=trust --auth-host=scram-sha-256 $POSTGRES_INITDB_ARGS
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    # As there: with the options of the command line, so that the library is loaded.
    pg_ctl -D "$PGDATA" -w -o "$(printf '%q ' "${@:2}") -c listen_addresses=''" start
    psql -X -U "$POSTGRES_USER" -d postgres -v name="$POSTGRES_DB" <<<'CREATE DATABASE :"name"'
    pg_ctl -D "$PGDATA" -w -m fast stop
fi
exec "$@"
