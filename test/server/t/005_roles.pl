# What roles may and may not do, and what a hostile schema or search_path changes: nothing.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('roles', conf => 'restart_after_crash = on');
create_database($node, 'counting', schema => 'pc');
fill_sample($node, 'counting');
$node->safe_psql('counting', <<'SQL');
CREATE ROLE device LOGIN;
GRANT USAGE ON SCHEMA pc TO device;
GRANT INSERT ON pc.people_movements TO device;
CREATE ROLE opener LOGIN;
GRANT USAGE ON SCHEMA pc TO opener;
GRANT INSERT ON pc.sessions TO opener;
CREATE ROLE writer LOGIN;
GRANT USAGE ON SCHEMA pc TO writer;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON pc.sessions, pc.people_movements, pc.realtime_metrics,
    pc.occupancy_baselines TO writer;
CREATE ROLE reader LOGIN;
GRANT USAGE ON SCHEMA pc TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA pc TO reader;
CREATE ROLE mallory LOGIN;
GRANT USAGE ON SCHEMA pc TO mallory;
GRANT INSERT ON pc.people_movements TO mallory;
CREATE SCHEMA hostile AUTHORIZATION mallory;
GRANT TEMPORARY ON DATABASE counting TO mallory;
SQL

# as(role, sql): what it says on stderr, with SQLSTATE; empty if all went well.
sub as {
    my ($role, $text) = @_;
    local $ENV{PGUSER} = $role;
    my ($status, $out, $err) = $node->psql('counting', "\\set VERBOSITY verbose\n$text");
    return $err;
}

sub allowed {
    my ($role, $text, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is(as($role, $text), '', "$role: $name");
}

sub refused {
    my ($role, $sqlstate, $text, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return like(as($role, $text), qr/(ERROR|FATAL):  $sqlstate:/, "$role: $name is refused");
}

sub count_of {
    my ($where) = @_;
    return sql($node, 'counting', "SELECT count(*) FROM people_movements WHERE $where");
}

# A device: INSERT on people_movements and USAGE on the schema, nothing else.

my $a1 = '00000000-0000-7000-8000-0000000000a1';
my $a6 = '00000000-0000-7000-8000-0000000000a6';
my $columns = '(session_id, movement_time, person_id, movement_direction)';
allowed('device', "INSERT INTO pc.people_movements $columns VALUES ('$a1', '2024-03-13 10:00+00', 90001, 'in')",
    'one movement');
allowed('device', "INSERT INTO pc.people_movements $columns VALUES ('$a1', '2024-03-09 09:00+00', 90002, 'out')",
    'a late one');
allowed('device',
    "INSERT INTO pc.people_movements (session_id, person_id, movement_direction) VALUES ('$a6', 90003, 'in')",
    'one with the defaults, first of its session');
allowed('device', <<"SQL", 'a batch over sessions');
INSERT INTO pc.people_movements $columns VALUES ('$a6', '2024-03-13 10:00+00', 90004, 'in'),
    ('$a1', '2024-03-13 11:00+00', 90004, 'in'), ('$a6', '2024-03-13 09:00+00', 90004, 'out'),
    ('$a1', '1999-03-13 11:00+00', 90004, 'in');
SQL
allowed('device', <<"SQL", 'a retried batch');
INSERT INTO pc.people_movements (session_id, movement_time, id, person_id, movement_direction)
    VALUES ('$a1', '2024-03-13 12:00+00', '00000000-0000-7000-8000-0000000000d1', 90005, 'in') ON CONFLICT DO NOTHING;
INSERT INTO pc.people_movements (session_id, movement_time, id, person_id, movement_direction)
    VALUES ('$a1', '2024-03-13 12:00+00', '00000000-0000-7000-8000-0000000000d1', 90005, 'in') ON CONFLICT DO NOTHING;
SQL
my $rows = join '', map {
    sprintf "%s\t2024-03-%02d %02d:%02d+00\t90006\t%s\n",
        $_ % 2 ? $a1 : $a6, 14 + $_ / 600, $_ / 60 % 24, $_ % 60, $_ % 3 ? 'in' : 'out'
} 1 .. 1000;
allowed('device', "COPY pc.people_movements $columns FROM STDIN;\n$rows\\.\n", 'COPY');
is(count_of('person_id = 90001 + 5'), 1000, 'all rows of the COPY are there');
is(count_of('person_id BETWEEN 90001 AND 90005'), 8, 'all other rows are there');
refused('device', '23503', "INSERT INTO pc.people_movements $columns VALUES (gen_random_uuid(), now(), 1, 'in')",
    'an unknown session');
refused('device', '22P02', "INSERT INTO pc.people_movements $columns VALUES ('$a1', now(), 1, 'up')",
    'an unknown direction');
verify_ok($node, 'counting', 'after a device');

my @derived = qw(session_statistics hourly_statistics daily_statistics);
for my $table (@derived) {
    refused('device', '42501', $_->[1], "$_->[0] $table") for
        ['SELECT FROM', "SELECT * FROM pc.$table"],
        ['INSERT INTO', "INSERT INTO pc.$table SELECT"],
        ['UPDATE', "UPDATE pc.$table SET session_id = '$a1'"],
        ['DELETE FROM', "DELETE FROM pc.$table"],
        ['TRUNCATE', "TRUNCATE pc.$table"],
        ['LOCK TABLE', "BEGIN; LOCK TABLE pc.$table"],
        ['COPY FROM', "COPY pc.$table FROM STDIN;\n\\.\n"];
}
refused('device', '42501', $_->[1], $_->[0]) for
    ['reading movements', 'SELECT * FROM pc.people_movements'],
    ['RETURNING', "INSERT INTO pc.people_movements $columns VALUES ('$a1', now(), 1, 'in') RETURNING id"],
    ['DELETE of movements', 'DELETE FROM pc.people_movements'],
    ['INSERT of a session', 'INSERT INTO pc.sessions DEFAULT VALUES'],
    ['rebuild_statistics()', 'SELECT pc.rebuild_statistics()'],
    ['rebuild_statistics(session)', "SELECT pc.rebuild_statistics('$a1')"],
    ['verify_statistics()', 'SELECT * FROM pc.verify_statistics()'],
    ['calculate_current_people_inside()', "SELECT pc.calculate_current_people_inside('$a1')"],
    ['current_session_overview', 'SELECT * FROM pc.current_session_overview'],
    ['disabling a trigger', 'ALTER TABLE pc.people_movements DISABLE TRIGGER ALL'],
    ['session_replication_role', 'SET session_replication_role = replica'],
    ['DROP EXTENSION', 'DROP EXTENSION people_counter CASCADE'];

# Somebody who may insert sessions and nothing else.

allowed('opener', 'INSERT INTO pc.sessions DEFAULT VALUES', 'a session of defaults alone');
allowed('opener', q{INSERT INTO pc.sessions (session_name, status, start_time)
    VALUES ('over', 'completed', now() - interval '1 hour')},
    'a completed session');
is(sql($node, 'counting', q{SELECT DISTINCT time_zone FROM sessions WHERE created_at > now() - interval '1 hour'}),
    'Asia/Ho_Chi_Minh', 'the zone is that of system_config, which this role cannot read');
refused('opener', '42501', 'SELECT * FROM pc.system_config', 'reading system_config');
refused('opener', '42501', 'SELECT * FROM pc.session_statistics', 'reading session_statistics');
refused('opener', '22023', q{INSERT INTO pc.sessions (time_zone) VALUES ('Mars/Olympus')}, 'an unknown zone');
verify_ok($node, 'counting', 'after new sessions');

# All rights on the base tables and none on the derived ones: every kind of write, the cascade and TRUNCATE included.

allowed('writer', <<"SQL", 'every kind of write');
INSERT INTO pc.sessions (id, session_name, start_time)
    VALUES ('00000000-0000-7000-8000-0000000000e1', 'writer', '2024-03-09 08:00+00');
INSERT INTO pc.people_movements $columns
    SELECT '00000000-0000-7000-8000-0000000000e1', timestamptz '2024-03-09 08:00+00' + n * interval '5 minutes', n, 'in'
      FROM generate_series(1, 100) n;
INSERT INTO pc.realtime_metrics (session_id, "timestamp", current_people_count)
    VALUES ('00000000-0000-7000-8000-0000000000e1', '2024-03-09 10:00+00', 300);
INSERT INTO pc.occupancy_baselines (session_id, baseline_time, people_count)
    VALUES ('00000000-0000-7000-8000-0000000000e1', '2024-03-09 11:00+00', 3);
UPDATE pc.people_movements SET movement_direction = 'out' WHERE person_id % 5 = 0;
UPDATE pc.sessions SET time_zone = 'Asia/Kathmandu', day_start = '04:00' WHERE session_name = 'Utc';
UPDATE pc.sessions SET status = 'completed' WHERE session_name = 'writer';
DELETE FROM pc.people_movements WHERE person_id % 7 = 0;
SQL
verify_ok($node, 'counting', 'after a writer');
allowed('writer', "DELETE FROM pc.sessions WHERE id = '$a6'", 'deletion of a session, by cascade of its statistics');
is(sql($node, 'counting', "SELECT count(*) FROM session_statistics WHERE session_id = '$a6'"), 0, 'which are gone');
refused('writer', '42501', 'SELECT * FROM pc.session_statistics', 'reading session_statistics');
refused('writer', '42501', 'DELETE FROM pc.session_statistics', 'deleting session_statistics');
allowed('writer', 'BEGIN; TRUNCATE pc.people_movements; ROLLBACK', 'TRUNCATE, rolled back');
verify_ok($node, 'counting', 'after a writer');

# A reader reads everything and changes nothing.

allowed('reader',
    "SELECT pc.calculate_current_people_inside('$a1'), * FROM pc.current_session_overview, pc.verify_statistics()",
    'all that is to be read');
refused('reader', '42501', "INSERT INTO pc.people_movements $columns VALUES ('$a1', now(), 1, 'in')", 'a movement');
refused('reader', '42501', 'SELECT pc.rebuild_statistics()', 'rebuild_statistics()');
refused('reader', '42501', 'UPDATE pc.hourly_statistics SET people_entered = 0', 'UPDATE of hourly_statistics');

# Not even the owner of the tables changes derived rows by hand.

like(sql_error($node, 'counting', $_), qr/55000: table ".*" is kept by people_counter/, "superuser: $_ is refused") for
    map { ("UPDATE $_ SET session_id = session_id", "DELETE FROM $_", "TRUNCATE $_",
        "INSERT INTO $_ SELECT * FROM $_") } @derived;
like(sql_error($node, 'counting', 'BEGIN READ ONLY; SELECT rebuild_statistics()'), qr/25006:/,
    'superuser: rebuild_statistics() in a read-only transaction is refused');

# A hostile search_path: types, functions, operators and tables named like ours and like the server's, ahead of the
# real ones.

allowed('mallory', <<'SQL', 'makes a hostile schema');
SET search_path = hostile;
CREATE TYPE hostile.movement_direction AS ENUM ('out', 'in');
CREATE TYPE hostile.detection_status AS ENUM ('waiting', 'detecting');
CREATE TABLE hostile.sessions (id uuid, time_zone text);
CREATE TABLE hostile.people_movements (session_id integer);
CREATE TABLE hostile.hourly_statistics (session_id text, hour_timestamp text);
CREATE TABLE hostile.session_statistics (session_id text);
CREATE TABLE hostile.daily_statistics (x integer);
CREATE TABLE hostile.system_config (config_key text, config_value text, is_active boolean);
INSERT INTO hostile.system_config VALUES ('default_time_zone', 'America/Lima', true);
CREATE TABLE hostile.pg_extension (extname name, extversion text);
CREATE FUNCTION hostile.raise() RETURNS integer LANGUAGE plpgsql AS $$BEGIN RAISE 'hostile code was run'; END$$;
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT hostile.raise()::text::timestamptz';
CREATE FUNCTION hostile.to_char(timestamptz, text) RETURNS text LANGUAGE sql AS 'SELECT hostile.raise()::text';
CREATE FUNCTION hostile.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql AS 'SELECT to_json(hostile.raise())::jsonb';
CREATE FUNCTION hostile.generate_uuid_v7() RETURNS uuid LANGUAGE sql AS 'SELECT hostile.raise()::text::uuid';
CREATE FUNCTION hostile.default_time_zone() RETURNS text LANGUAGE sql AS 'SELECT hostile.raise()::text';
CREATE FUNCTION hostile.round(numeric, integer) RETURNS numeric LANGUAGE sql AS 'SELECT hostile.raise()::numeric';
CREATE FUNCTION hostile.date_trunc(text, timestamp) RETURNS timestamp LANGUAGE sql AS
    'SELECT hostile.raise()::text::timestamp';
CREATE FUNCTION hostile.uuid_is(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT hostile.raise() IS NULL';
CREATE FUNCTION hostile.text_is(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT hostile.raise() IS NULL';
CREATE FUNCTION hostile.name_is(name, text) RETURNS boolean LANGUAGE sql AS 'SELECT hostile.raise() IS NULL';
CREATE FUNCTION hostile.minus(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT hostile.raise()';
CREATE FUNCTION hostile.later(timestamptz, interval) RETURNS timestamptz LANGUAGE sql AS
    'SELECT hostile.raise()::text::timestamptz';
CREATE OPERATOR hostile.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = hostile.uuid_is);
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.text_is);
CREATE OPERATOR hostile.= (LEFTARG = name, RIGHTARG = text, FUNCTION = hostile.name_is);
CREATE OPERATOR hostile.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.text_is);
CREATE OPERATOR hostile.- (LEFTARG = integer, RIGHTARG = integer, FUNCTION = hostile.minus);
CREATE OPERATOR hostile.- (LEFTARG = timestamptz, RIGHTARG = interval, FUNCTION = hostile.later);
CREATE OPERATOR hostile.+ (LEFTARG = timestamptz, RIGHTARG = interval, FUNCTION = hostile.later);
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA hostile TO PUBLIC;
SQL
like(as('mallory', 'SET search_path = hostile, pg_catalog; SELECT 1 = (SELECT 2 - 1)'), qr/hostile code was run/,
    'the trap works');

my $hostile = <<'SQL';
CREATE TEMP TABLE sessions (id uuid, time_zone text);
CREATE TEMP TABLE people_movements (session_id uuid, movement_time timestamptz, person_id integer);
CREATE TEMP TABLE session_statistics (LIKE pg_temp.sessions);
CREATE TEMP TABLE hourly_statistics (session_id uuid, hour_timestamp timestamptz);
CREATE TEMP TABLE daily_statistics (session_id integer);
CREATE TEMP TABLE system_config (config_key text, config_value text, is_active boolean);
CREATE TEMP TABLE removed_defaults (table_name text, key text);
CREATE TEMP TABLE pg_extension (extname name, extversion text);
CREATE TEMP TABLE pg_class AS SELECT * FROM pg_catalog.pg_class WHERE false;
SET search_path = pg_temp, hostile, pg_catalog, pc;
SQL
my $victims = <<"SQL";
INSERT INTO pc.people_movements $columns VALUES ('$a1', '2024-03-15 10:00+00', 91000, 'in'),
    ('$a1', '2024-03-09 10:00+00', 91000, 'out');
INSERT INTO pc.people_movements (session_id, person_id, movement_direction) VALUES ('$a1', 91000, 'in');
COPY pc.people_movements $columns FROM STDIN;
$a1\t2024-03-15 10:00+00\t91000\tin
$a1\t2024-03-12 10:00+00\t91000\tout
\\.
SQL
allowed('mallory', $hostile . $victims, 'writes under a hostile search_path');
is(count_of('person_id = 91000'), 5, 'and they are all counted where they belong');
is(sql($node, 'counting', "SELECT count(*) FROM hostile.$_"), 0, "and not in hostile.$_")
    for qw(people_movements session_statistics hourly_statistics daily_statistics);
verify_ok($node, 'counting', 'after a hostile search_path');

# The same path in the hands of a superuser, who has more to lose.
my $superuser = getpwuid $<;
is(as($superuser, $hostile . $victims . <<"SQL"), '', 'superuser: everything under a hostile search_path');
INSERT INTO pc.sessions (id, session_name, start_time)
    VALUES ('00000000-0000-7000-8000-0000000000e2', 'hostile', '2024-03-09 08:00+00');
INSERT INTO pc.sessions DEFAULT VALUES;
INSERT INTO pc.realtime_metrics (session_id) VALUES ('00000000-0000-7000-8000-0000000000e2');
INSERT INTO pc.occupancy_baselines (session_id) VALUES ('00000000-0000-7000-8000-0000000000e2');
UPDATE pc.sessions SET status = 'completed', time_zone = 'Asia/Tokyo';
UPDATE pc.system_config SET config_value = 'Asia/Tokyo' WHERE config_key OPERATOR(pg_catalog.=) 'default_time_zone';
DELETE FROM pc.system_config WHERE config_key OPERATOR(pg_catalog.=) 'max_sessions_display';
UPDATE pc.alert_thresholds SET threshold_value = 7;
DELETE FROM pc.alert_thresholds WHERE threshold_name OPERATOR(pg_catalog.=) 'cpu_usage_high';
INSERT INTO pc.alert_thresholds (threshold_name, threshold_value) VALUES ('fps_low', 4);
SELECT pc.rebuild_statistics(), pc.people_counter_version(), pc.calculate_current_people_inside('$a1');
SELECT * FROM pc.verify_statistics();
SELECT * FROM pc.current_session_overview, pc.recent_movements, pc.hourly_analytics, pc.daily_analytics LIMIT 1;
DELETE FROM pc.sessions WHERE id OPERATOR(pg_catalog.=) '00000000-0000-7000-8000-0000000000e2';
TRUNCATE pc.realtime_metrics;
SQL
is(sql($node, 'counting', q{SELECT DISTINCT time_zone FROM sessions}), 'Asia/Tokyo', 'they reached the real tables');
verify_ok($node, 'counting', 'after a hostile search_path of a superuser');

# Installed under that path, with temporary tables in the way, the extension is the same.
$node->safe_psql('counting', 'DROP EXTENSION people_counter CASCADE');
is(as($superuser, $hostile . 'CREATE EXTENSION people_counter SCHEMA pc;'), '',
    'CREATE EXTENSION under a hostile search_path');
create_database($node, 'clean', schema => 'pc');
my $definitions = <<'SQL';
SELECT pg_describe_object(classid, objid, 0),
       CASE classid WHEN 'pg_proc'::regclass THEN pg_get_functiondef(objid)
                    WHEN 'pg_class'::regclass THEN pg_get_viewdef(objid) END
  FROM pg_depend LEFT JOIN pg_proc p ON p.oid = objid AND prokind = 'f'
 WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'people_counter')
   AND (classid <> 'pg_proc'::regclass OR p.oid IS NOT NULL)
   AND (classid <> 'pg_class'::regclass OR pg_get_viewdef(objid) <> '')
UNION ALL
SELECT a.attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod) || ' ' || coalesce(pg_get_expr(adbin,
    adrelid), '')
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
 WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'pc'::regnamespace) AND attnum > 0
UNION ALL
SELECT conname || ' on ' || conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'pc'::regnamespace
 ORDER BY 1, 2
SQL
same_rows($node->safe_psql('counting', $definitions), $node->safe_psql('clean', $definitions),
    'every definition is that of a clean installation');
fill_sample($node, 'counting');
verify_ok($node, 'counting', 'installed under a hostile search_path');

# The trigger functions are no tool against the server: on somebody else's tables they refuse, or cannot be had.
my $referencing = 'REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT';
my %attacks = (
    movements_changed => ['people_movements', "AFTER INSERT ON people_movements $referencing"],
    metrics_changed => ['realtime_metrics', "AFTER INSERT ON realtime_metrics $referencing"],
    baselines_changed => ['occupancy_baselines', "AFTER INSERT ON occupancy_baselines $referencing"],
    sessions_changed => ['sessions', "AFTER INSERT ON sessions $referencing"],
    session_check => ['sessions', 'BEFORE INSERT ON sessions FOR EACH ROW'],
    guard_derived => ['hourly_statistics', 'BEFORE DELETE ON hourly_statistics FOR EACH ROW'],
    keep_origin => ['system_config', 'BEFORE INSERT ON system_config FOR EACH ROW'],
    note_removed_default => ['system_config', 'AFTER DELETE ON system_config FOR EACH ROW'],
    remove_default => ['removed_defaults', 'AFTER INSERT ON removed_defaults FOR EACH ROW'],
);
for my $function (sort keys %attacks) {
    my ($table, $when) = @{ $attacks{$function} };
    $node->safe_psql('counting',
        'DROP SCHEMA IF EXISTS workshop CASCADE; CREATE SCHEMA workshop AUTHORIZATION mallory');
    my $error = as('mallory', <<"SQL");
SET search_path = workshop;
CREATE TYPE movement_direction AS ENUM ('in', 'out');
CREATE TYPE detection_status AS ENUM ('detecting', 'tracking', 'waiting');
@{[ map { "CREATE TABLE $_ (id integer PRIMARY KEY, a integer, b integer, c integer, d integer);\n" } qw(
    sessions people_movements realtime_metrics occupancy_baselines session_statistics hourly_statistics daily_statistics
    system_config alert_thresholds removed_defaults) ]}
CREATE TRIGGER attack $when EXECUTE FUNCTION pc.$function('id');
INSERT INTO $table VALUES (1, 1, 1, 1, 1);
DELETE FROM $table;
SQL
    like($error, qr/ERROR:  (42501|55000|42P01|0A000|39P01|42809):/,
        "mallory: $function() on tables of their own is refused");
    wait_until($node, 'counting', 'SELECT true');
}
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'no server process died');

# Objects that are there already are not adopted: CREATE EXTENSION fails, and leaves nothing.
my %traps = (
    'a table' => 'CREATE TABLE trap.sessions (id uuid)',
    'another table' => 'CREATE TABLE trap.hourly_statistics (session_id uuid)',
    'an unlogged table' => 'CREATE UNLOGGED TABLE trap.removed_defaults (table_name text, key text)',
    'a type' => q{CREATE TYPE trap.movement_direction AS ENUM ('in', 'out')},
    'a function' => q{CREATE FUNCTION trap.default_time_zone() RETURNS text LANGUAGE sql AS 'SELECT 1::text'},
    'a native function' => q{CREATE FUNCTION trap.generate_uuid_v7() RETURNS uuid LANGUAGE sql AS
        'SELECT gen_random_uuid()'},
    'a trigger function' => q{CREATE FUNCTION trap.keep_origin() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RETURN NEW; END'},
    'a function with our argument' => q{CREATE FUNCTION trap.rebuild_statistics(session uuid) RETURNS bigint LANGUAGE
        sql AS 'SELECT 1::bigint'},
    'verify_statistics' => q{CREATE FUNCTION trap.verify_statistics(uuid) RETURNS SETOF text LANGUAGE sql AS
        'SELECT NULL::text'},
    'a view' => 'CREATE VIEW trap.hourly_analytics AS SELECT 1 AS a',
    'an index' => 'CREATE TABLE trap.other (a integer); CREATE INDEX alert_logs_open_key ON trap.other (a)',
    'a domain' => 'CREATE DOMAIN trap.session_status AS text',
);
create_database($node, 'traps', extension => 0);
$node->safe_psql('traps', 'GRANT CREATE ON DATABASE traps TO mallory');
for my $trap (sort keys %traps) {
    {
        local $ENV{PGUSER} = 'mallory';
        $node->safe_psql('traps', "CREATE SCHEMA trap; $traps{$trap}");
    }
    like(sql_error($node, 'traps', 'CREATE EXTENSION people_counter SCHEMA trap'),
        qr/ERROR:  427(07|10|23)|ERROR:  42P07/,
        "CREATE EXTENSION is refused where there is $trap already");
    is($node->safe_psql('traps', q{SELECT count(*) FROM pg_extension WHERE extname = 'people_counter'}), 0,
        'and leaves nothing');
    local $ENV{PGUSER} = 'mallory';
    $node->safe_psql('traps', 'DROP SCHEMA trap CASCADE');
}
$node->safe_psql('traps', 'CREATE EXTENSION people_counter');
fill_sample($node, 'traps');
verify_ok($node, 'traps', 'after all traps');

$node->stop;
done_testing();
