# kill -9 of whatever the alerts depend on, again and again, while sessions cross a threshold up and down: in the end each
# crossing has exactly one alert with the exact instants, and each alert exactly its deliveries. PC_LONG=1 does it 500 times
# instead of 120.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run ();
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $cycles = $ENV{PC_LONG} ? 500 : 120;
my $seed = $ENV{PC_SEED} // int(time);
srand($seed);
note("seed $seed");

my $node = new_cluster('crashes', preload => 1, conf => <<'CONF');
restart_after_crash = on
people_counter.alert_log_level = debug
people_counter.delivery_max_backoff = 1
log_min_messages = log
CONF
create_database($node, 'counting', schema => 'pc');
watch_people($node, 'counting');
sql($node, 'counting', <<'SQL');
UPDATE alert_thresholds SET severity = 'warning';
INSERT INTO alert_channels (channel_name, kind, url, min_severity) VALUES
    ('unreachable', 'webhook', 'http://127.0.0.1:9/', 'info'), ('for worse', 'webhook', 'http://127.0.0.1:9/', 'critical');
-- A session of its own for each visit: three come, and go in another transaction. One in ten comes with too few, one in ten
-- is rolled back.
CREATE PROCEDURE public.visit() LANGUAGE plpgsql AS $$
DECLARE
    door   CONSTANT uuid := gen_random_uuid();
    kind   CONSTANT integer := random() * 9;
    people CONSTANT integer := CASE kind WHEN 1 THEN 2 ELSE 3 END;
BEGIN
    INSERT INTO pc.sessions (id, session_name) VALUES (door, 'visit');
    INSERT INTO pc.people_movements (session_id, movement_time, person_id, movement_direction)
        SELECT door, at, n, 'in' FROM (SELECT clock_timestamp() AS at) t, generate_series(1, people) n;
    IF kind = 0 THEN
        ROLLBACK;
        RETURN;
    END IF;
    COMMIT;
    INSERT INTO pc.people_movements (session_id, movement_time, person_id, movement_direction)
        SELECT door, at, n, 'out' FROM (SELECT clock_timestamp() AS at) t, generate_series(1, people) n;
END
$$;
-- What there should be.
CREATE VIEW public.crossings AS
SELECT session_id, min(movement_time) FILTER (WHERE movement_direction = 'in') AS up,
       min(movement_time) FILTER (WHERE movement_direction = 'out') AS down
  FROM pc.people_movements GROUP BY 1 HAVING count(*) FILTER (WHERE movement_direction = 'in') > 2;
SQL

# Writers that come back after every crash.
my $flag = "$SCRATCH/at work";
append_to_file($flag, '');
my $script = write_script('visit', "CALL public.visit();\n");
my $log = "$SCRATCH/writers.log";
my $writers = do {
    local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'counting', PGAPPNAME => 'pgbench');
    IPC::Run::start(['sh', '-c',
        "while [ -e '$flag' ]; do pgbench -n -c3 -j1 -R90 -T600 -f '$script' >>'$log' 2>&1; sleep 0.02; done"], '<', \undef);
};

# answer(query): once the server gives one.
sub answer {
    my ($query) = @_;
    my $end = time + $PostgreSQL::Test::Utils::timeout_default;
    while (time < $end) {
        my ($status, $out) = ask($node, 'counting', $query);
        return $out if $status == 0 && $out ne '';
        usleep(20_000);
    }
    die "no answer to: $query\n";
}

my %done;
my $last = 0;
for my $cycle (1 .. $cycles) {
    # A worker that has raised something since the last crash.
    my $worker = answer("SELECT pid FROM pc.alert_worker_status WHERE transitions > 0 AND pid <> $last");
    $last = $worker;
    usleep(int rand 60_000);
    my $victim = (qw(worker worker worker worker backend delivery worker launcher immediate clean))[$cycle % 10];
    $victim = 'postmaster' if $cycle % 15 == 0;
    ++$done{$victim};
    if ($victim eq 'postmaster') {
        $node->kill9;
        start_anyway($node);
    } elsif ($victim eq 'immediate') {
        $node->stop('immediate');
        $node->start;
    } elsif ($victim eq 'clean') {
        $node->restart;
    } else {
        my %of = (worker => "pid = $worker", backend => q{application_name = 'pgbench'},
            delivery => q{backend_type = 'people_counter delivery worker'}, launcher => q{backend_type = 'people_counter launcher'});
        1 until kill 9, answer("SELECT pid FROM pg_stat_activity WHERE $of{$victim} LIMIT 1");
        # The postmaster has noticed once the worker of before is gone.
        my $end = time + $PostgreSQL::Test::Utils::timeout_default;
        while (kill(0, $worker) && time < $end) { usleep(5_000) }
    }
}
note(join ', ', map {"$done{$_} times $_"} sort keys %done);
is(eval { join ' ', map { $done{$_} > 0 ? $_ : () } sort keys %done },
    'backend clean delivery immediate launcher postmaster worker', "seed $seed: everything was killed");

unlink $flag;
while ($writers->pumpable) {    # one that was about to connect is ended by the next
    answer('SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $$pgbench$$');
    usleep(50_000);
    eval { $writers->pump_nb };
}
$writers->finish;
unlike(slurp_file($log), qr/ERROR:|deadlock/, 'the writers saw only that the server was away');

# Whoever a crash kept from leaving does so now.
sql($node, 'counting', <<'SQL');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT session_id, clock_timestamp(), n, 'out' FROM public.crossings, generate_series(1, 3) n WHERE down IS NULL
SQL
looked_twice($node, 'counting');
my $crossings = sql($node, 'counting', 'SELECT count(*) FROM public.crossings');
cmp_ok($crossings, '>', 5 * $cycles, "seed $seed: $crossings crossings");
is(sql($node, 'counting', 'SELECT c FROM public.crossings c LEFT JOIN alert_logs USING (session_id) WHERE id IS NULL'), '',
    'none was lost');
is(sql($node, 'counting', 'SELECT session_id, count(*) FROM alert_logs GROUP BY 1 HAVING count(*) > 1'), '',
    'none was raised twice');
is(sql($node, 'counting', 'SELECT l FROM alert_logs l LEFT JOIN public.crossings c USING (session_id) WHERE c IS NULL'), '',
    'none was made up');
is(sql($node, 'counting', <<'SQL'), '', 'each has the exact instants, and its values');
SELECT l, c FROM alert_logs l JOIN public.crossings c USING (session_id)
 WHERE (triggered_at, resolved_at, is_resolved, current_value, peak_value, resolved_reason)
       IS DISTINCT FROM (up, down, true, 3, 3, 'cleared')
SQL
is(sql($node, 'counting', 'SELECT count(*) FROM alert_states'), 0, 'nothing is left pending');
is(sql($node, 'counting', <<'SQL'), '', 'each has one delivery for each event');
SELECT l.id, string_agg(event, ' ' ORDER BY d.id) FROM alert_logs l LEFT JOIN alert_deliveries d ON d.alert_id = l.id
 GROUP BY 1 HAVING string_agg(event, ' ' ORDER BY d.id) IS DISTINCT FROM 'fired resolved'
SQL
is(sql($node, 'counting', q{SELECT DISTINCT channel_name FROM alert_deliveries JOIN alert_channels c ON c.id = channel_id}),
    'unreachable', 'on the channels that want it');
# On a slow machine it may have waited longer for a lock than it does.
like(sql($node, 'counting', 'SELECT errors, last_error FROM alert_worker_status'), qr/^(0\||\d+\|.*lock timeout)/,
    'the worker had no error');
verify_ok($node, 'counting', "seed $seed");

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|signal (?!9:)\d+:/, 'no process died that was not killed');
done_testing();
