# What administrators do to a counting database: several of them in a cluster, maintenance under load, columns and
# indexes of their own, prepared transactions.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run ();
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('databases', conf => <<'CONF');
max_prepared_transactions = 10
restart_after_crash = on
CONF
my $log_start = 0;

sub no_crash {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $log = slurp_file($node->logfile, $log_start);
    $log_start = -s $node->logfile;
    return unlike($log, qr/terminated by signal|PANIC|TRAP:/, "$name: no server process died");
}

my @doors = map {"00000000-0000-7000-8000-00000000000$_"} 0 .. 7;

sub movement {
    my ($session, $time, $direction) = @_;
    return 'INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) '
        . "VALUES ('$session', '$time', 1, '$direction');";
}

sub open_sessions {
    my ($database) = @_;
    sql($node, $database, <<"SQL");
INSERT INTO sessions (id, session_name, start_time, time_zone, reset_time)
SELECT id, 'door', '2024-03-30 20:00+00', 'Europe/Berlin', CASE WHEN id::text LIKE '%3' THEN time '04:00' END
  FROM unnest('{@{[ join ',', @doors ]}}'::uuid[]) id;
SQL
    return;
}

# A movement of every kind: in order, late, several, changed, deleted; a sample, a baseline, a session moved elsewhere.
my $door = "('00000000-0000-7000-8000-00000000000' || :session)::uuid";
my @load = (
    '-f', write_script('in_order', <<"SQL") . '@6',
\\set session random(0, 7)
\\set n :n + 1
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES ($door, timestamptz '2024-03-31 00:00+00' + :n * interval '15 seconds', :n,
        CASE WHEN :n % 2 = 0 THEN 'in' ELSE 'out' END::movement_direction);
SQL
    '-f', write_script('late', <<"SQL") . '@2',
\\set session random(0, 7)
\\set back random(0, 40000)
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES ($door, timestamptz '2024-03-31 06:00+00' - :back * interval '1 second', :back, 'in');
SQL
    '-f', write_script('changes', <<"SQL") . '@2',
\\set session random(0, 7)
\\set k random(1, 400)
BEGIN;
UPDATE people_movements
   SET movement_direction = CASE movement_direction WHEN 'in' THEN 'out' ELSE 'in' END::movement_direction
 WHERE session_id = $door AND movement_time = timestamptz '2024-03-31 00:00+00' + :k * interval '15 seconds';
DELETE FROM people_movements
 WHERE session_id = $door AND movement_time = timestamptz '2024-03-31 00:00+00' + (:k + 7) * interval '15 seconds';
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count)
    VALUES ($door, timestamptz '2024-03-31 00:00+00' + :k * interval '15 seconds', :k % 50);
COMMIT;
SQL
    '-f', write_script('session', <<"SQL") . '@1',
\\set session random(0, 7)
\\set k random(1, 400)
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
    VALUES ($door, timestamptz '2024-03-31 00:00+00' + :k * interval '15 seconds', :k % 9) ON CONFLICT DO NOTHING;
UPDATE sessions SET start_time = timestamptz '2024-03-30 20:00+00' + :k * interval '1 minute' WHERE id = $door;
SQL
    '-D', 'n=0');

# Several databases at once, each with its own schema.

my %schemas = (one => undef, two => 'counting', three => 'Ein "schema"' =~ s/"//gr);
my %runs;
for my $database (sort keys %schemas) {
    create_database($node, $database, schema => $schemas{$database});
    open_sessions($database);
    $runs{$database} = start_pgbench($node, $database, '-c2', '-j1', '-T3', @load);
}
for my $database (sort keys %schemas) {
    my ($status, $output) = finish_pgbench($runs{$database});
    is($status, 0, "load in database $database") || diag($output);
    verify_ok($node, $database, "database $database among others");
}
no_crash('several databases');
$node->safe_psql('postgres', 'DROP DATABASE three');

# Maintenance under load: rewritten tables, indexes under other numbers, rows in other places.

my @maintenance = (
    (map { ("VACUUM FULL $_", "CLUSTER $_ USING ${_}_pkey", "REINDEX TABLE CONCURRENTLY $_", "VACUUM (FREEZE) $_") } qw(
        session_statistics hourly_statistics daily_statistics people_movements sessions)),
    'REINDEX TABLE people_movements',
    'CREATE INDEX CONCURRENTLY of_user ON hourly_statistics (people_entered, peak_time)',
    'DROP INDEX CONCURRENTLY of_user',
    'ALTER TABLE hourly_statistics ADD COLUMN passing text',
    'ALTER TABLE hourly_statistics DROP COLUMN passing',
    'ALTER TABLE people_movements ADD COLUMN passing integer DEFAULT 7',
    'ALTER TABLE people_movements DROP COLUMN passing',
);
my $load = start_pgbench($node, 'one', '-c4', '-j1', '-T600', @load);
my $errors = '';
for my $round (1 .. 2) {
    for my $statement (@maintenance) {
        my $error = sql_error($node, 'one', $statement);
        $errors .= "round $round, $statement: $error\n" if $error ne '' && $error !~ /^psql:\S+ NOTICE/;
    }
    ok(is_running($load), "round $round of maintenance: the load goes on") or last;
}
$load->{harness}->signal('INT');
my (undef, $output) = finish_pgbench($load);
unlike($output, qr/ERROR|aborted/,
    'no client saw an error beside VACUUM FULL, CLUSTER, REINDEX CONCURRENTLY, CREATE INDEX and ALTER TABLE')
    || diag($output);
is($errors, '', 'no maintenance failed');
wait_until($node, 'one', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pgbench'});
verify_ok($node, 'one', 'after maintenance under load');
no_crash('maintenance');

# What a user adds to our tables.

create_database($node, 'columns', schema => 'pc');
fill_sample($node, 'columns');
my @additions = (
    'a column of people_movements' => 'ALTER TABLE people_movements ADD COLUMN note text',
    'a column with a default, not null' => 'ALTER TABLE people_movements ADD COLUMN camera integer NOT NULL DEFAULT 3',
    'a generated column' =>
        'ALTER TABLE people_movements ADD COLUMN pixel real GENERATED ALWAYS AS (centroid_x * 2) STORED',
    'a dropped column of people_movements' =>
        'ALTER TABLE people_movements ADD COLUMN gone text; ALTER TABLE people_movements DROP COLUMN gone',
    'a column of sessions' => 'ALTER TABLE sessions ADD COLUMN floor integer NOT NULL DEFAULT 1',
    'an index of people_movements' => 'CREATE INDEX ON people_movements (person_id)',
    'indexes of hourly_statistics' =>
        'CREATE INDEX ON hourly_statistics (people_entered);
         CREATE INDEX ON hourly_statistics ((closing_count + 1)) WHERE people_entered > 0',
    'an index of session_statistics' => 'CREATE INDEX ON session_statistics (current_people_inside)',
    'indexes of daily_statistics' =>
        'CREATE INDEX ON daily_statistics USING brin (date_timestamp);
         CREATE INDEX ON daily_statistics (date_timestamp)',
    'a row trigger of people_movements' => <<'SQL',
CREATE FUNCTION public.of_user() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.frame_number := 5; RETURN NEW; END$$;
CREATE TRIGGER of_user BEFORE INSERT ON people_movements FOR EACH ROW EXECUTE FUNCTION public.of_user();
SQL
    'a dropped column of hourly_statistics' =>
        'ALTER TABLE hourly_statistics ADD COLUMN gone text; ALTER TABLE hourly_statistics DROP COLUMN gone',
);
# Columns of derived tables, with what every row has in them.
my @derived_additions = (
    hourly_statistics => 'text' => 'NULL',
    hourly_statistics => q{text NOT NULL DEFAULT 'dry'} => q{'dry'},
    hourly_statistics => 'integer GENERATED ALWAYS AS (people_entered * 2) STORED' => 'people_entered * 2',
    session_statistics => 'integer NOT NULL DEFAULT 8' => '8',
    daily_statistics => 'boolean NOT NULL DEFAULT false' => 'false',
);
my $writes = <<'SQL';
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT id, date_trunc('hour', greatest(last_movement_time, '2024-03-20 00:00+00')) + n * interval '11 min', n, 'in'
      FROM sessions JOIN session_statistics ON session_id = id, generate_series(1, 12) n
     WHERE session_name <> 'Saigon';
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES
    ('00000000-0000-7000-8000-0000000000a1', '2024-03-09 10:30+00', 5, 'out'),
    ('00000000-0000-7000-8000-0000000000a2', '2024-02-09 10:30+00', 5, 'in');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES
    ('00000000-0000-7000-8000-0000000000a2', '2024-03-09 10:30+00', 5, 'out');
UPDATE people_movements SET movement_direction = 'in' WHERE person_id % 50 = 11;
DELETE FROM people_movements WHERE movement_time < '2024-03-01' AND person_id = 5;
INSERT INTO sessions (session_name) VALUES ('added');
INSERT INTO realtime_metrics (session_id) SELECT id FROM sessions WHERE session_name = 'added';
UPDATE sessions SET reset_time = time '03:00' WHERE session_name = 'added';
SQL
while (my ($addition, $statement) = splice @additions, 0, 2) {
    sql($node, 'columns', $statement);
    is(sql_error($node, 'columns', $writes), '', "writes beside $addition");
    verify_ok($node, 'columns', "writes beside $addition");
}
while (my ($table, $type, $value) = splice @derived_additions, 0, 3) {
    my $addition = "a column of $table, $type";
    sql($node, 'columns', "ALTER TABLE $table ADD COLUMN of_user $type");
    is(sql_error($node, 'columns', $writes), '', "writes beside $addition");
    verify_ok($node, 'columns', "writes beside $addition");
    is(sql($node, 'columns', "SELECT count(*) FROM $table WHERE of_user IS DISTINCT FROM $value"), 0,
        "every row has its value in $addition");
    sql($node, 'columns', "ALTER TABLE $table DROP COLUMN of_user");
}
verify_ok($node, 'columns', 'those columns dropped');
my $hours = 'SELECT count(*) FROM hourly_statistics WHERE people_entered >= 0';
is(sql($node, 'columns', "SET enable_seqscan = off; $hours"),
    sql($node, 'columns', "SET enable_indexscan = off; SET enable_bitmapscan = off; $hours"),
    'an index of a user finds every row');
SKIP: {
    skip 'no amcheck', 2
        unless $node->safe_psql('columns', q{SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck'});
    $node->safe_psql('columns', 'CREATE EXTENSION amcheck');
    is($node->safe_psql('columns', <<'SQL'), 't', 'amcheck: every row is in every index');
SELECT count(bt_index_check(c.oid, true)) > 0 FROM pg_class c JOIN pg_am a ON a.oid = c.relam
 WHERE amname = 'btree' AND c.relkind = 'i' AND c.relnamespace = 'pc'::regnamespace
SQL
    is($node->safe_psql('columns', <<'SQL'), '', 'amcheck: no row is malformed');
SELECT c.oid::regclass, h.* FROM pg_class c, verify_heapam(c.oid) h
 WHERE c.relkind = 'r' AND c.relnamespace = 'pc'::regnamespace
SQL
}
my $derived = derived_rows($node, 'columns');
sql($node, 'columns', 'SELECT rebuild_statistics()');
same_rows(derived_rows($node, 'columns'), $derived, 'a rebuild changes nothing');
no_crash('additions of a user');

# Prepared transactions.

create_database($node, 'prepared', schema => 'pc');
fill_sample($node, 'prepared');
my ($a1, $a2, $a4) = map {"00000000-0000-7000-8000-0000000000a$_"} 1, 2, 4;
my $before = derived_rows($node, 'prepared');
my $base = base_rows($node, 'prepared');
my $many = movement($a1, '2024-03-12 09:30+00', 'in') . movement($a1, '2024-03-09 09:30+00', 'out') . 'SAVEPOINT s;'
    . movement($a4, '2024-04-06 09:30+00', 'in') . 'ROLLBACK TO s;' . movement($a4, '2024-04-07 09:30+00', 'in')
    . "DELETE FROM people_movements WHERE session_id = '$a1' AND person_id % 9 = 1;
       UPDATE sessions SET time_zone = 'Asia/Tokyo' WHERE id = '$a4';
       INSERT INTO sessions (id, session_name, start_time)
           VALUES ('00000000-0000-7000-8000-0000000000d1', 'prepared', '2024-03-09 08:00+00');"
    . movement('00000000-0000-7000-8000-0000000000d1', '2024-03-09 09:00+00', 'in');
sql($node, 'prepared', "BEGIN; $many PREPARE TRANSACTION 'rolled back'");
is(derived_rows($node, 'prepared'), $before, 'what is prepared does not show');
verify_ok($node, 'prepared', 'while a transaction is prepared');
is(sql_error($node, 'prepared', movement($a2, '2024-03-12 09:30+00', 'in')), '', 'other sessions go on meanwhile');
like(sql_error($node, 'prepared', "SET lock_timeout = '200ms';" . movement($a1, '2024-03-12 09:30+00', 'in')),
    qr/55P03/, 'the same session waits for it');
sql($node, 'prepared', "ROLLBACK PREPARED 'rolled back'");
sql($node, 'prepared',
    "DELETE FROM people_movements WHERE session_id = '$a2' AND movement_time = '2024-03-12 09:30+00'");
same_rows(base_rows($node, 'prepared'), $base, 'ROLLBACK PREPARED: base rows are as before');
same_rows(derived_rows($node, 'prepared'), $before, 'ROLLBACK PREPARED: derived rows are as before');
verify_ok($node, 'prepared', 'ROLLBACK PREPARED');

# In one backend, which remembers what it wrote, with the fate of the transaction decided elsewhere.
my $late = movement($a1, '2024-03-09 09:31+00', 'in');
for my $fate ('COMMIT', 'ROLLBACK') {
    my $backend = $node->background_psql('prepared', on_error_stop => 1);
    $backend->query_safe('SET search_path = pc');
    $backend->query_safe($late);
    $backend->query_safe("BEGIN; $late $many PREPARE TRANSACTION 'fate'");
    $node->safe_psql('prepared', "$fate PREPARED 'fate'");
    $backend->query_safe($late);
    $backend->query_safe(movement($a1, '2024-03-12 09:59+00', 'out'));
    $backend->query_safe(movement($a4, '2024-04-06 09:59+00', 'out'));
    $backend->quit;
    verify_ok($node, 'prepared', "writes of the same backend after $fate PREPARED");
    sql($node, 'prepared', q{DELETE FROM sessions WHERE session_name = 'prepared'});
    verify_ok($node, 'prepared', "a cascade after $fate PREPARED");
}

# Across a restart and a crash.
sql($node, 'prepared', "BEGIN; $many PREPARE TRANSACTION 'kept'");
$node->restart;
verify_ok($node, 'prepared', 'prepared, after a restart');
$node->kill9;
start_anyway($node);
verify_ok($node, 'prepared', 'prepared, after a crash');
my $sum = sql($node, 'prepared', 'SELECT sum(total_detections) FROM session_statistics');
sql($node, 'prepared', "COMMIT PREPARED 'kept'");
verify_ok($node, 'prepared', 'committed after a crash');
isnt(sql($node, 'prepared', 'SELECT sum(total_detections) FROM session_statistics'), $sum, 'and it counts now');
sql($node, 'prepared', $late);
verify_ok($node, 'prepared', 'writes after that');
no_crash('prepared transactions');

$node->stop;
done_testing();
