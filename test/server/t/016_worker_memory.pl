# The memory of the alert worker: flat over tens of thousands of looks with alerts that fire and are resolved, rules that
# are read again and writes that fail. PC_LONG=1 takes eight times as long.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs /proc' unless -r '/proc/self/status';

my $parts = 5;
my $statements = $ENV{PC_LONG} ? 32_000 : 2_000;    # a part

my $node = new_cluster('memory', preload => 1, conf => <<'CONF');
autovacuum = off
people_counter.alert_log_level = debug
people_counter.delivery_enabled = off
CONF
create_database($node, 'counting', schema => 'pc');
open_doors($node, 'counting', 100);
watch_people($node, 'counting');
sql($node, 'counting', <<'SQL');
INSERT INTO alert_channels (channel_name, kind, url) VALUES ('hook', 'webhook', 'http://127.0.0.1:9/');
INSERT INTO alert_thresholds (threshold_name, metric, comparison, threshold_value, hold_for, keep_firing_for)
SELECT metric, metric, 'above', level, hold, hold
  FROM (VALUES ('current_people_inside', 1, interval '20 ms'), ('people_entered_last_minute', 90, '0'),
               ('people_exited_last_hour', 900, '0'), ('exits_absorbed', 1, '0'), ('fps_current', 2, '0'),
               ('processing_latency_ms', 7, '20 ms'), ('silence_seconds', 1, '0')) AS rules (metric, level, hold);
-- One in ten of the alerts of this rule cannot be written at first.
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.1 THEN RAISE EXCEPTION 'not this time'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON alert_logs FOR EACH ROW WHEN (NEW.alert_type = 'exits_absorbed')
    EXECUTE FUNCTION public.refuse();
SQL
wait_for_state($node, 'counting', 'running');

my $door = "('00000000-0000-7000-8000-' || lpad((:door)::text, 12, '0'))::uuid";
my @load = (
    '-f', write_script('in_and_out', <<"SQL") . '@60',
\\set door random(1, 100)
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT $door, at, n, 'in' FROM (SELECT clock_timestamp() AS at) t, generate_series(1, 3) n;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT $door, at, n, 'out' FROM (SELECT clock_timestamp() AS at) t, generate_series(1, 4) n;
SQL
    '-f', write_script('sample', <<"SQL") . '@20',
\\set door random(1, 100)
\\set fps random(1, 4)
INSERT INTO realtime_metrics (session_id, "timestamp", fps_current, processing_latency_ms)
    VALUES ($door, clock_timestamp(), :fps, :fps * 2);
SQL
    '-f', write_script('rules', <<'SQL') . '@4',
UPDATE alert_thresholds SET threshold_value = 5 - threshold_value WHERE threshold_name = 'fps_current';
SQL
    '-f', write_script('sessions', <<"SQL") . '@4',
\\set door 101 + 5 * :client_id + random(0, 4)
BEGIN;
DELETE FROM sessions WHERE id = $door;
INSERT INTO sessions (id, session_name, start_time) VALUES ($door, 'again', now() - interval '1 hour');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT $door, now(), n, 'in' FROM generate_series(1, 3) n;
COMMIT;
SQL
);

my $worker = worker($node, 'counting');
my (@sizes, @used);
for my $part (1 .. $parts) {
    my $load = start_pgbench($node, 'counting', '-c2', '-j1', '-t', $statements / 2, @load);
    my ($status, $output) = finish_pgbench($load);
    is($status, 0, "part $part of the load") || diag($output);
    looked_twice($node, 'counting');
    # The tables stay as small as they were.
    sql($node, 'counting', 'DELETE FROM people_movements; DELETE FROM realtime_metrics; DELETE FROM alert_logs WHERE is_resolved');
    looked_twice($node, 'counting');
    my ($resident, $used) = memory_of($node, 'counting', $worker->{pid});
    push @sizes, $resident;
    push @used, $used;
    my $now = worker($node, 'counting');
    note("part $part: $resident kB, $used kB used; $now->{evaluations} looks, $now->{sessions_evaluated} sessions, "
        . "$now->{transitions} transitions, $now->{errors} errors");
}
my $now = worker($node, 'counting');
is($now->{pid}, $worker->{pid}, 'it was one process all the time');
cmp_ok($now->{sessions_evaluated}, '>', $statements, 'many sessions were looked at');
cmp_ok($now->{transitions}, '>', $statements / 2, 'many alerts fired and were resolved');
cmp_ok($now->{errors}, '>', 0, 'and some writes failed');
cmp_ok($used[-1] - $used[1], '<', 256, "memory that is used is flat: @used kB");
cmp_ok($sizes[-1] - $sizes[1], '<', 4096, "so is that of the process: @sizes kB");
verify_ok($node, 'counting', 'in the end');

$node->stop;
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:/, 'no server process died');
done_testing();
