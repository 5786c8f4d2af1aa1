# Logical replication into a second cluster with the extension. The apply worker fires no statement triggers, so:
#
# * All tables published: the derived rows come along, and the subscriber is exact without anything else. Its shipped
#   settings and thresholds must make room first, with session_replication_role = replica, so that they do not count as
#   removed by a user.
# * Only the base tables published: the derived rows are missing, verify_statistics() says so, and rebuild_statistics()
#   makes them; again after each further change.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = new_cluster('publisher', streaming => 'logical');
my $subscriber = new_cluster('subscriber', streaming => 'logical');
create_database($publisher, 'counting', schema => 'pc');
create_database($subscriber, $_, schema => 'pc') for qw(everything base);
fill_sample($publisher, 'counting');
archive_part($publisher, 'counting');

$publisher->safe_psql('counting', <<'SQL');
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE PUBLICATION base FOR TABLE pc.sessions, pc.people_movements, pc.realtime_metrics, pc.occupancy_baselines,
    pc.archived_hours;
SQL
sql($subscriber, 'everything', <<'SQL');
SET session_replication_role = replica;
DELETE FROM system_config;
DELETE FROM alert_thresholds;
DELETE FROM alert_progress;
SQL
is(sql($subscriber, 'everything', 'SELECT count(*) FROM removed_defaults'), 0, 'making room leaves no note of removal');
(my $connection = $publisher->connstr('counting')) =~ s{'}{''}g;
for my $name (qw(everything base)) {
    $subscriber->safe_psql($name, "CREATE SUBSCRIPTION $name CONNECTION '$connection' PUBLICATION $name");
    wait_until($subscriber, $name, q{SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel});
}

sub caught_up {
    my ($name) = @_;
    $publisher->wait_for_catchup($name, 'replay', $publisher->lsn('insert'));
    return;
}

sub compare {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    caught_up('everything');
    same_rows(base_rows($subscriber, 'everything'), base_rows($publisher, 'counting'),
        "$name: base rows are identical");
    same_rows(derived_rows($subscriber, 'everything'), derived_rows($publisher, 'counting'),
        "$name: derived rows are identical");
    verify_ok($subscriber, 'everything', "$name, on the subscriber");
    return;
}

# Every row of the session, hourly and daily statistics of the publisher.
my $derived_count = scalar(() = derived_rows($publisher, 'counting') =~ /^/mg);

sub base_movements {
    my ($node, $database) = @_;
    return sql($node, $database, 'SELECT to_jsonb(m) FROM people_movements m ORDER BY session_id, movement_time, id');
}

# The first copy.
compare('first copy');
same_rows(base_movements($subscriber, 'base'), base_movements($publisher, 'counting'),
    'base only: movements are identical');
is(sql($subscriber, 'base', q{SELECT problem, count(*) FROM verify_statistics() GROUP BY 1}), "missing|$derived_count",
    'base only: verify_statistics() tells of every missing row');
is(sql($subscriber, 'base', 'SELECT rebuild_statistics()'), 7, 'base only: rebuild_statistics()');
verify_ok($subscriber, 'base', 'base only, after the rebuild');
same_rows(derived_rows($subscriber, 'base'), derived_rows($publisher, 'counting'),
    'base only, after the rebuild: derived rows are identical');
is(fold_states($subscriber, 'base'), fold_states($publisher, 'counting'),
    'base only, after the rebuild: even the internal state is identical');

# What changes afterwards: every kind of statement, a cascade, a new session.
my $changes = <<'SQL';
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT '00000000-0000-7000-8000-0000000000a1', timestamptz '2024-03-12 09:00+00' + n * interval '7 minutes', n, 'in'
        FROM generate_series(1, 50) n;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT id, start_time + interval '3 hours', 9, 'out' FROM sessions;
UPDATE people_movements SET movement_time = movement_time + interval '5 hours' WHERE person_id % 70 = 1;
DELETE FROM people_movements WHERE person_id % 50 = 7;
UPDATE sessions SET time_zone = 'Asia/Tokyo', reset_time = '03:00' WHERE session_name = 'Utc';
UPDATE sessions SET status = 'completed' WHERE session_name = 'Howe';
DELETE FROM sessions WHERE session_name = 'Done';
INSERT INTO sessions (id, session_name, start_time) VALUES ('00000000-0000-7000-8000-0000000000c1', 'New',
    '2024-05-01 08:00+00');
INSERT INTO sessions (id, session_name, start_time) VALUES ('00000000-0000-7000-8000-0000000000c2', 'New, too',
    '2024-05-01 08:00+00');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT '00000000-0000-7000-8000-0000000000c1', timestamptz '2024-05-01 08:00+00' + n * interval '10 minutes', n,
        'in' FROM generate_series(1, 30) n;
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count)
    VALUES ('00000000-0000-7000-8000-0000000000c1', '2024-05-01 10:00+00', 77);
UPDATE system_config SET config_value = 'changed later' WHERE config_key = 'door';
DELETE FROM system_config WHERE config_key = 'max_sessions_display';
SQL
sql($publisher, 'counting', $changes);
compare('after changes');
my $load = start_pgbench($publisher, 'counting', '-c3', '-j1', '-T3', '-f', write_script('load', <<'SQL'));
\set n random(1, 3000)
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES (('00000000-0000-7000-8000-0000000000a' || (:n % 4 + 1))::uuid,
        timestamptz '2024-03-20 08:00+00' + :n * interval '1 minute', :n, 'in');
SQL
my ($status, $output) = finish_pgbench($load);
is($status, 0, 'load on the publisher') || diag($output);
compare('after a load');
sql($publisher, 'counting', 'TRUNCATE people_movements');
compare('after TRUNCATE');
sql($publisher, 'counting', <<'SQL');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT id, start_time + n * interval '10 minutes', n, CASE n % 4 WHEN 0 THEN 'out' ELSE 'in' END::movement_direction
      FROM sessions, generate_series(1, 100) n
     WHERE id <> '00000000-0000-7000-8000-0000000000c2';
SQL
compare('filled again');

# The base-only subscriber went stale meanwhile, and a rebuild repairs it.
caught_up('base');
isnt(problems($subscriber, 'base'), '', 'base only, after changes: verify_statistics() tells of stale rows');
is(sql($subscriber, 'base', q{SELECT count(*) FROM sessions LEFT JOIN session_statistics ON session_id = id
    WHERE session_id IS NULL}),
    2, 'base only: new sessions have no statistics row');

# The subscriber becomes a database of its own. One that had everything goes on without a step.
$subscriber->safe_psql('everything', 'DROP SUBSCRIPTION everything');
$subscriber->safe_psql('base', 'DROP SUBSCRIPTION base');
my $writes = <<'SQL';
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT id, start_time + interval '20 hours', 1, 'in' FROM sessions WHERE session_name LIKE 'New%';
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT id, start_time + interval '21 hours', 1, 'out' FROM sessions WHERE session_name LIKE 'New%';
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count)
    SELECT id, start_time + interval '15 hours', 5 FROM sessions WHERE session_name LIKE 'New%';
SQL
my $all_writes = $writes =~ s/ WHERE session_name LIKE 'New%'//gr;
sql($subscriber, 'everything', $all_writes);
verify_ok($subscriber, 'everything', 'former subscriber: in order');
sql($subscriber, 'everything', <<'SQL');
DELETE FROM people_movements WHERE person_id % 9 = 1;
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) SELECT id, start_time + interval '90 minutes',
    2 FROM sessions;
UPDATE sessions SET day_start = '05:00' WHERE session_name = 'Saigon';
SQL
verify_ok($subscriber, 'everything', 'former subscriber: out of order');

# One that had the base tables alone: a session without a statistics row is healed by whatever touches it first.
sql($subscriber, 'base', $writes);
for my $session (qw(00000000-0000-7000-8000-0000000000c1 00000000-0000-7000-8000-0000000000c2)) {
    is(problems($subscriber, 'base', $session), '', "former base-only subscriber: a write heals session $session");
}
isnt(problems($subscriber, 'base'), '', 'former base-only subscriber: what is stale stays so');
is(sql($subscriber, 'base', 'SELECT rebuild_statistics()'), 8, 'until rebuild_statistics()');
verify_ok($subscriber, 'base', 'former base-only subscriber, after the rebuild');
sql($subscriber, 'base', $all_writes);
sql($subscriber, 'base', 'DELETE FROM people_movements WHERE person_id % 9 = 1');
verify_ok($subscriber, 'base', 'former base-only subscriber, writes after the rebuild');

# Each kind of first write heals a session whose statistics are missing.
my %first = (
    'a movement' => q{INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
        VALUES ('S', '2024-03-09 12:00+00', 1, 'in')},
    'a sample' => q{INSERT INTO realtime_metrics (session_id, "timestamp") VALUES ('S', '2024-03-09 12:00+00')},
    'a baseline' => q{INSERT INTO occupancy_baselines (session_id, baseline_time) VALUES ('S', '2024-03-09 12:00+00')},
    'a deletion' => q{DELETE FROM people_movements WHERE session_id = 'S' AND person_id % 4 = 0},
    'an update' => q{UPDATE people_movements SET movement_direction = 'out' WHERE session_id = 'S'
        AND person_id % 2 = 0},
    'a new zone' => q{UPDATE sessions SET time_zone = 'America/Lima' WHERE id = 'S'},
    'an end' => q{UPDATE sessions SET status = 'completed' WHERE id = 'S'},
    'a rebuild' => q{SELECT rebuild_statistics('S')},
);
my $session = '00000000-0000-7000-8000-0000000000a2';
for my $first (sort keys %first) {
    my $write = $first{$first} =~ s/'S'/'$session'/r;
    sql($subscriber, 'base', <<"SQL");
SET session_replication_role = replica;
DELETE FROM session_statistics WHERE session_id = '$session';
DELETE FROM hourly_statistics WHERE session_id = '$session';
DELETE FROM daily_statistics WHERE session_id = '$session';
RESET session_replication_role;
$write;
SQL
    is(problems($subscriber, 'base', $session), '', "without statistics, healed by $first");
}
# And where the hours are left of a session whose own row is missing, or the other way round.
sql($subscriber, 'base', <<"SQL");
SET session_replication_role = replica;
DELETE FROM session_statistics WHERE session_id = '$session';
RESET session_replication_role;
INSERT INTO people_movements (session_id, person_id, movement_direction) VALUES ('$session', 1, 'in');
SQL
is(problems($subscriber, 'base', $session), '', 'hours without a session row, healed by a movement');

$subscriber->stop;
$publisher->stop;
done_testing();
