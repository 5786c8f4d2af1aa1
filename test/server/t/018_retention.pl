# The worker's run of retention: when its time has come, in batches beside writers, through a crash and a restart.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('retention', preload => 1);
create_database($node, 'counting', schema => 'pc');
wait_for_state($node, 'counting', 'running');
sql($node, 'counting', <<'SQL');
SELECT setseed(0.2) AS ignored \gset
INSERT INTO sessions (id, session_name, start_time, time_zone, reset_time)
SELECT ('00000000-0000-7000-8000-0000000000' || 10 + n)::uuid, 'door ' || n, now() - interval '60 days', 'Asia/Ho_Chi_Minh', '04:00'
  FROM generate_series(1, 3) n;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score)
SELECT s.id, s.start_time + random() * interval '60 days', n, CASE WHEN random() < 0.5 THEN 'in' ELSE 'out' END::movement_direction, random()
  FROM sessions s, generate_series(1, 15000) n;
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count)
SELECT s.id, s.start_time + random() * interval '60 days', 3 FROM sessions s, generate_series(1, 1500) n;
SQL
my $old = q{SELECT count(*) FROM people_movements WHERE movement_time < now() - interval '30 days 1 hour'};
my $due = q{UPDATE retention_progress SET started_at = now() - interval '25 hours', finished_at = now() - interval '25 hours'};

is(sql($node, 'counting', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'people_counter retention worker'}), 0,
    'nothing runs unless somebody wants it');

# It is due as soon as yesterday's run is a day old. A run that is killed goes on.
sql($node, 'counting', q{INSERT INTO retention_progress (kind, started_at, finished_at, cutoff)
                         VALUES ('movements', now() - interval '25 hours', now(), now())});
sql($node, 'counting', q{UPDATE system_config SET config_value = '30' WHERE config_key IN ('retention_movements_days', 'retention_metrics_days');
                         UPDATE system_config SET config_value = '2' WHERE config_key = 'retention_persons_days'});
wait_until($node, 'counting', q{SELECT count(*) > 0 FROM archived_hours}) && pass('the worker begins when the settings are there');
$node->stop('immediate');
$node->start;
my $script = write_script('late', <<'SQL');
\set door random(11, 13)
\set back random(0, 59)
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
VALUES (('00000000-0000-7000-8000-0000000000' || :door)::uuid, now() - :back * interval '1 day', 1, 'in');
SQL
my ($status, $output) = finish_pgbench(start_pgbench($node, 'counting', '-f', $script, '-c', 2, '-T', 5));
is($status, 0, 'writers of late movements go on beside it') || diag($output);
wait_until($node, 'counting', q{SELECT count(*) = 3 AND bool_and(finished_at IS NOT NULL) FROM retention_progress}) && pass('the run ends');
verify_ok($node, 'counting', 'beside writers and through a crash');

# What came late meanwhile is for the next run.
sql($node, 'counting', $due);
sql($node, 'counting', q{UPDATE system_config SET config_value = '30' WHERE config_key = 'retention_movements_days'});
wait_until($node, 'counting', q{SELECT count(*) = 3 AND bool_and(finished_at IS NOT NULL AND started_at > now() - interval '1 hour')
                                  FROM retention_progress}) && pass('the next run ends');
is(sql($node, 'counting', $old), 0, 'no old movement is left');
is(sql($node, 'counting', q{SELECT count(*) FROM people_movements
                             WHERE movement_time < now() - interval '2 days 1 hour' AND person_id <> 0}), 0, 'nor a person');
cmp_ok(sql($node, 'counting', q{SELECT count(*) FROM people_movements WHERE person_id <> 0}), '>', 0, 'but those of yesterday');
verify_ok($node, 'counting', 'after the second run');
wait_until($node, 'counting', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'people_counter retention worker'}) && pass('its process ends');

# Statistics that are wrong stop it, and it says so.
sql($node, 'counting', q{INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
                         VALUES ('00000000-0000-7000-8000-000000000011', now() - interval '50 days', 1, 'in')});
sql($node, 'counting', q{SET session_replication_role = replica;
                         UPDATE hourly_statistics SET people_exited = people_exited + 1
                          WHERE session_id = '00000000-0000-7000-8000-000000000011' AND hour_timestamp < now() - interval '49 days'
                            AND hour_timestamp > now() - interval '51 days'});
sql($node, 'counting', $due);
sql($node, 'counting', q{UPDATE system_config SET config_value = '31' WHERE config_key = 'retention_movements_days'});
wait_until($node, 'counting', q{SELECT last_error LIKE 'the statistics of session %' FROM retention_status WHERE kind = 'movements'}) && pass('retention_status says why a run ended early');
is(sql($node, 'counting', q{SELECT count(*) FROM people_movements WHERE movement_time < now() - interval '40 days'}), 1,
    'and nothing was removed');
sql($node, 'counting', 'SELECT rebuild_statistics()');
sql($node, 'counting', 'CALL apply_retention(100)');
is(sql($node, 'counting', $old), 0, 'by hand it goes on where it stood');
is(sql($node, 'counting', q{SELECT count(*) FROM retention_status WHERE last_error IS NOT NULL}), 0, 'and the error is over');
verify_ok($node, 'counting', 'in the end');

# Calls that cannot be.
sql($node, 'counting', $due);
like(sql_error($node, 'counting', 'BEGIN; CALL apply_retention(1); COMMIT;'), qr/invalid transaction termination/,
    'within a transaction block it cannot commit its batches');
my $session = $node->background_psql('counting', on_error_stop => 1);
$session->query_safe('SET search_path = pc; BEGIN; SELECT apply_retention_batch(1)');
like(sql_error($node, 'counting', 'SELECT apply_retention_batch()'), qr/retention is being applied by another session/,
    'one session at a time');
$session->query_safe('ROLLBACK');
$session->quit;

# DROP DATABASE does not wait for it.
sql($node, 'counting', $due);
sql($node, 'counting', q{UPDATE system_config SET config_value = '3' WHERE config_key = 'retention_movements_days'});
$node->safe_psql('postgres', 'DROP DATABASE counting');
pass('DROP DATABASE ends a run');

done_testing();
