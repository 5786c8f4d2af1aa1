# shellcheck shell=bash disable=SC2034  # INGESTED is for who sources this
# A cluster in a clean installation, made and started as Debian does. MAJOR is its version.
export PGHOST=/run/postgresql PGPORT=5432   # of no other: /run is this installation's own, and nothing listens at TCP
sql() { runuser -u postgres -- psql -X -q -A -t -v ON_ERROR_STOP=1 "$@" 2>&1; }

make_cluster() {
    cd / && install -d -o postgres -g postgres "$PGHOST" &&
        pg_createcluster "$MAJOR" main -p "$PGPORT" -e UTF8 --locale C.UTF-8 -o fsync=off -o shared_preload_libraries=people_counter &&
        echo "listen_addresses = ''" >"/etc/postgresql/$MAJOR/main/conf.d/tests.conf" &&
        pg_ctlcluster "$MAJOR" main start && sql -d postgres -c 'CREATE DATABASE museum'
}

# ingest DATABASE: three visitors, of whom one has gone; what the statistics say of it, and what is wrong with them.
ingest() {
    sql -d "$1" <<'SQL'
INSERT INTO sessions (session_name, start_time, time_zone) VALUES ('door', '2025-06-16 09:00Z', 'UTC') RETURNING id AS door \gset
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES
    (:'door', '2025-06-16 09:10Z', 1, 'in'), (:'door', '2025-06-16 09:20Z', 2, 'in'), (:'door', '2025-06-16 09:40Z', 1, 'out'),
    (:'door', '2025-06-16 10:15Z', 3, 'in');
SELECT total_people_entered, total_people_exited, peak_people_count FROM session_statistics WHERE session_id = :'door';
SELECT count(*) FROM verify_statistics();
SQL
}
INGESTED=$'3|1|2\n0'

versions() { sql -d "$1" -c "SELECT extname, extversion FROM pg_extension WHERE extname LIKE 'people_counter%' ORDER BY 1"; }
both() { printf 'people_counter|%s\npeople_counter_rest|%s' "$1" "$1"; }
