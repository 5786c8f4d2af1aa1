# What wakes the alert worker: every commit that changed something it watches, by whatever way the rows came, and nothing
# else. Many commits are one wake-up, and only the sessions that changed are looked at.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('wakeups', preload => 1, conf => "max_prepared_transactions = 10\nautovacuum = off");
create_database($node, 'counting', schema => 'pc');
my $doors = 600;
open_doors($node, 'counting', $doors);
watch_people($node, 'counting');
my $raised = 0;

# fires(door, name) and resolves again.
sub fires {
    my ($door, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ++$raised;
    wait_for_alerts($node, 'counting', $raised, 1);
    is(sql($node, 'counting', 'SELECT session_id FROM alert_logs WHERE NOT is_resolved'), $door, "$name: the alert fires");
    sql($node, 'counting', "DELETE FROM people_movements WHERE session_id = '$door'");
    wait_for_alerts($node, 'counting', $raised, 0);
    return;
}

sub fires_not {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    looked_twice($node, 'counting');
    return is(alert_counts($node, 'counting'), "$raised|0", "$name: no alert fires");
}

# Until nothing is left to be done. looked_twice() makes it look at everything, so it is at rest after that.
sub at_rest {
    looked_twice($node, 'counting');
    my $last = '';
    wait_until($node, 'counting', <<'SQL');
SELECT a.wait_event IS NOT NULL AND a.state = 'idle' AND backlog = 0 AND next_due IS NULL
  FROM alert_worker_status AS w JOIN pg_stat_activity AS a USING (pid)
SQL
    for (1 .. 100) {
        my $now = counters();
        return $now if $now eq $last;
        $last = $now;
    }
    die "the worker does not come to rest: $last";
}

sub counters { return sql($node, 'counting', 'SELECT wakeups, evaluations, sessions_evaluated FROM alert_worker_status') }

wait_for_state($node, 'counting', 'running');

# Only what changed.

my @before = split /\|/, at_rest();
sql($node, 'counting', crowd(door(7), 1));
wait_until($node, 'counting', "SELECT evaluations > $before[1] FROM alert_worker_status");
my @after = split /\|/, counters();
is($after[2] - $before[2], 1, "one of $doors sessions changed, and one was looked at");
@before = split /\|/, at_rest();
sql($node, 'counting', 'BEGIN;' . join('', map { crowd(door($_), 1) } 1 .. 5, 1 .. 5) . 'COMMIT');
wait_until($node, 'counting', "SELECT evaluations > $before[1] FROM alert_worker_status");
@after = split /\|/, counters();
is($after[2] - $before[2], 5, 'five changed in one transaction, and five were looked at');
is($after[1] - $before[1], 1, 'in one look');

# What does not concern it.

my $idle = at_rest();
sql($node, 'counting', <<'SQL');
CREATE TABLE public.other (n integer);
INSERT INTO public.other SELECT generate_series(1, 1000);
ANALYZE;
SELECT FROM people_movements, session_statistics LIMIT 1;
NOTIFY something;
BEGIN;
INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT id, 1, 'in' FROM sessions;
UPDATE alert_thresholds SET threshold_value = 0;
ROLLBACK;
SQL
$node->safe_psql('postgres', 'CREATE TABLE t (n integer); CHECKPOINT');
sleep 3;    # of an idle database
is(counters(), $idle, 'commits of other tables, a rollback and three idle seconds wake it never');

# Many commits.

my $listener = $node->background_psql('counting');
$listener->query_safe('LISTEN people_counter_alert; LISTEN something');
$listener->query_safe('BEGIN; SELECT');    # nothing leaves the queue while that lasts
my $usage = 'SELECT pg_notification_queue_usage() > 0';
my $transactions = 1000;
@before = split /\|/, at_rest();
my $load = start_pgbench($node, 'counting', '-c8', '-j1', "-t$transactions", '-f', write_script('one', <<"SQL"));
\\set door 10 + :client_id
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES (('00000000-0000-7000-8000-' || lpad((:door)::text, 12, '0'))::uuid, clock_timestamp(), 1, 'out');
SQL
my ($status, $output) = finish_pgbench($load);
is($status, 0, 'eight writers') || diag($output);
wait_until($node, 'counting', "SELECT backlog = 0 AND evaluations > $before[1] FROM alert_worker_status");
@after = split /\|/, counters();
my $looks = $after[1] - $before[1];
note("$looks looks, @{[ $after[2] - $before[2] ]} sessions looked at, @{[ $after[0] - $before[0] ]} wake-ups");
cmp_ok($looks, '<', 8 * $transactions / 3, 'many commits are looked at in one look');
cmp_ok($after[2] - $before[2], '<=', 8 * $looks, 'at the sessions that changed alone');
cmp_ok($after[0] - $before[0], '<=', $looks + 1, 'it wakes no more often than it looks');
is(sql($node, 'counting', $usage), 'f', 'nothing of that went into the queue of NOTIFY');
is(alert_counts($node, 'counting'), '0|0', 'and nothing fired');
sql($node, 'counting', crowd(door(1), 3));
wait_for_alerts($node, 'counting', 1, 1);
my $heard = $listener->query('COMMIT') . $listener->query('SELECT');
like($heard, qr/people_counter_alert.*"event": "fired"/, 'an alert is heard by who listens');
$listener->quit;
sql($node, 'counting', 'DELETE FROM people_movements');
wait_for_alerts($node, 'counting', 1, 0);
$raised = 1;

# Every way that rows come by.

sql($node, 'counting', 'BEGIN; SAVEPOINT s;' . crowd(door(1), 3) . 'RELEASE s; SAVEPOINT t; SAVEPOINT u;' . crowd(door(2), 3)
    . 'RELEASE u; ROLLBACK TO t; COMMIT');
fires(door(1), 'a savepoint that was released, not the one rolled back');
sql($node, 'counting', 'BEGIN; SAVEPOINT s;' . crowd(door(3), 3) . 'ROLLBACK TO s; COMMIT');
fires_not('a savepoint that was rolled back');
sql($node, 'counting', 'BEGIN;' . crowd(door(3), 3) . 'ROLLBACK');
fires_not('a transaction that was rolled back');
sql_error($node, 'counting', 'BEGIN;' . crowd(door(3), 3) . 'SELECT 1 / 0; COMMIT');
fires_not('a transaction that failed');
my $now = sql($node, 'counting', 'SELECT now()');
sql($node, 'counting', "COPY people_movements (session_id, movement_time, person_id, movement_direction) FROM stdin;\n"
    . join('', map { door(4) . "\t$now\t$_\tin\n" } 1 .. 3) . "\\.\n");
fires(door(4), 'COPY');
sql($node, 'counting', 'DO $$BEGIN ' . crowd(door(5), 3) . ' COMMIT; PERFORM 1; END$$');
fires(door(5), 'a commit within DO');
sql($node, 'counting', 'BEGIN;' . crowd(door(6), 3)
    . "UPDATE people_movements SET session_id = '@{[ door(8) ]}' WHERE session_id = '@{[ door(6) ]}'; COMMIT");
fires(door(8), 'rows that were given to another session');
sql($node, 'counting', "INSERT INTO occupancy_baselines (session_id, people_count) VALUES ('@{[ door(9) ]}', 9)");
wait_until($node, 'counting', q{SELECT count(*) = 1 FROM alert_logs WHERE NOT is_resolved AND session_id::text LIKE '%9'});
sql($node, 'counting', 'DELETE FROM occupancy_baselines; DELETE FROM people_movements');
wait_until($node, 'counting', 'SELECT count(*) = 0 FROM alert_logs WHERE NOT is_resolved');
($raised) = split /\|/, alert_counts($node, 'counting');

# More sessions than there is room for: in one transaction, and in many before the worker looks.
sql($node, 'counting', q{INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT id, clock_timestamp(), n, 'in' FROM sessions, generate_series(1, 3) n});
wait_for_alerts($node, 'counting', $raised + $doors, $doors);
pass("$doors sessions in one statement");
sql($node, 'counting', join '', map { crowd(door($_), 3, 'out') } 1 .. $doors);
wait_for_alerts($node, 'counting', $raised + $doors, 0);
pass("$doors sessions in so many transactions");
$raised += $doors;
sql($node, 'counting', 'TRUNCATE people_movements');

# Prepared transactions.

sql($node, 'counting', 'BEGIN;' . crowd(door(1), 3) . q{PREPARE TRANSACTION 'one'});
sql($node, 'counting', 'BEGIN;' . crowd(door(2), 3) . q{PREPARE TRANSACTION 'two'});
fires_not('prepared transactions');
sql($node, 'counting', q{COMMIT PREPARED 'one'});
fires(door(1), 'COMMIT PREPARED');
sql($node, 'counting', q{ROLLBACK PREPARED 'two'});
fires_not('ROLLBACK PREPARED');
$idle = at_rest();
sql($node, 'counting', 'BEGIN;' . crowd(door(3), 3) . q{PREPARE TRANSACTION 'kept'});
$node->restart;
wait_for_state($node, 'counting', 'running');
sql($node, 'counting', q{COMMIT PREPARED 'kept'});
fires(door(3), 'COMMIT PREPARED after a restart');
at_rest();
wait_until($node, 'counting', 'SELECT count(*) = 0 FROM pg_prepared_xacts');

# For rows that nobody tells of, as those of an apply worker.

$idle = at_rest();
$node->append_conf('postgresql.conf', 'people_counter.alert_max_interval = 200ms');
$node->reload;
my $count = sql($node, 'counting', 'SELECT evaluations FROM alert_worker_status');
wait_until($node, 'counting', "SELECT evaluations > $count + 5 FROM alert_worker_status");
pass('alert_max_interval makes it look without being woken');
$node->append_conf('postgresql.conf', 'people_counter.alert_max_interval = 0');
$node->reload;
wait_until($node, 'counting', q{SELECT current_setting('people_counter.alert_max_interval') = '0'});
$idle = at_rest();
verify_ok($node, 'counting', 'in the end');

$node->stop;
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:|WARNING/, 'nothing was to be warned of');
done_testing();
