# The live stream: what is committed is posted, once and in order, and nothing else is, whatever happens to the receiver, the
# worker and the server.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP ();
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Receivers;
use Test::More;
use Time::HiRes qw(time);

my $socket = "$SCRATCH/publish.sock";
my $web = start_receiver('publisher', $socket);
rules($web, status => 200);
my $node = new_cluster('stream', conf => <<"CONF");
shared_preload_libraries = 'people_counter'
max_worker_processes = 24
max_prepared_transactions = 10
restart_after_crash = on
people_counter.stream_url = 'http://localhost/publish'
people_counter.stream_socket = '$socket'
people_counter.stream_interval = 50ms
CONF
create_database($node, 'doors', schema => 'counting');

# Messages so far, oldest first: {…body, of => session of the URL}.
my $json = JSON::PP->new->utf8;
my ($read, @taken) = (0);
sub messages {
    my ($type, $from) = @_;
    my $log = slurp_file($web->{log}, $read);
    $log =~ s/[^\n]*\z//;
    $read += length $log;
    for my $entry (map { $json->decode($_) } split /\n/, $log) {
        push @taken, { %{ $entry->{body} }, of => ($entry->{path} =~ /session=([0-9a-f-]+)\z/)[0] // '', on => $entry->{connection} }
            if $entry->{status} == 200;
    }
    my @asked = @taken[($from // 0) .. $#taken];
    return $type ? grep { $_->{type} eq $type } @asked : @asked;
}
sub movements { return map { @{ $_->{movements} } } messages('movement', @_) }
sub status_of { my ($column) = @_; return sql($node, 'doors', "SELECT $column FROM alert_worker_status") }
sub stream_runs { return wait_until($node, 'doors', 'SELECT stream_pid IS NOT NULL FROM alert_worker_status') }
# A new worker has said what it says at its start, which has these sessions in it.
sub began_anew {
    my ($from, $sessions) = @_;
    return wait_for('the statistics at the start', sub {
        my %of = map { $_->{of} => 1 } messages('statistics', $from);
        return keys %of >= $sessions;
    });
}

# One movement

stream_runs();
is(status_of('stream_sent'), 0, 'without sessions nothing is said');
open_doors($node, 'doors', 8);
began_anew(0, 8);
is(scalar(messages('movement')), 0, 'a new session has no movements');
sql($node, 'doors', sprintf q{UPDATE sessions SET session_name = E'c\u1eeda "1"', capacity = 20 WHERE id = '%s'}, door(1));
wait_for('the name', sub { grep { $_->{session_name} eq "c\x{1eed}a \"1\"" } messages('statistics') });
my $start = messages();
sql($node, 'doors', sprintf <<'SQL', door(1));
INSERT INTO people_movements (id, session_id, person_id, movement_direction, movement_time, centroid_x, centroid_y,
    bounding_box_x1, bounding_box_y1, bounding_box_x2, bounding_box_y2, confidence_score, frame_number)
VALUES ('00000000-0000-7000-8000-0000000000f1', '%s', 7, 'in', now(), 320.5, 240, 1, 2, 3, 4, 0.95, 100)
SQL
wait_for('a movement and statistics', sub { messages('statistics', $start) });
my ($movement, $statistics) = messages(undef, $start);
is($movement->{type}, 'movement', 'the movement comes first');
is($statistics->{type}, 'statistics', 'then the statistics');
is($movement->{of}, door(1), 'the URL has the session');
is($movement->{session_id}, door(1), 'and the message');
is($movement->{session_name}, "c\x{1eed}a \"1\"", 'and its name');
is($movement->{count}, 1, 'and how many there are');
my $time = delete $movement->{movements}[0]{movement_time};
is_deeply($movement->{movements}[0], {
    id => '00000000-0000-7000-8000-0000000000f1', person_id => 7, movement_direction => 'in',
    centroid => { x => 320.5, y => 240 }, bounding_box => { x1 => 1, y1 => 2, x2 => 3, y2 => 4 },
    confidence_score => 0.95, frame_number => 100 }, 'a movement is complete');
is(sql($node, 'doors', "SELECT count(*) FROM people_movements WHERE movement_time = '$time'"), 1, 'with its time');
like($_, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00\z/, 'times are ISO 8601') for $time, $movement->{timestamp};
is(join(' ', map { $statistics->{$_} // 'null' } qw(current_people_inside total_people_entered total_people_exited
    peak_people_count exits_absorbed capacity status)), '1 1 0 1 0 20 active', 'so are statistics');
is($statistics->{last_movement_time}, $time, 'with the time of the last movement');

# What is not a movement

$start = messages();
sql($node, 'doors', sprintf q{INSERT INTO realtime_metrics (session_id, current_people_count, detection_status, fps_current)
    VALUES ('%s', 3, 'tracking', 24.5)}, door(2));
my ($sample) = wait_for('a sample', sub { messages('metrics', $start) });
($sample) = messages('metrics', $start);
is(join(' ', map { $sample->{$_} // 'null' } qw(session_id current_people_count detection_status fps_current memory_usage_mb)),
    door(2) . ' 3 tracking 24.5 null', 'a sample is told');
sql($node, 'doors', sprintf q{INSERT INTO occupancy_baselines (session_id, people_count) VALUES ('%s', 12)}, door(2));
wait_for('the baseline', sub { grep { $_->{of} eq door(2) && $_->{current_people_inside} == 12 } messages('statistics', $start) });
sql($node, 'doors', sprintf q{UPDATE sessions SET capacity = 5 WHERE id = '%s'}, door(2));
wait_for('the capacity', sub { grep { ($_->{capacity} // 0) == 5 } messages('statistics', $start) });
my $before = messages();
sql($node, 'doors', sprintf q{UPDATE sessions SET updated_at = now() WHERE id = '%s';
    UPDATE people_movements SET frame_number = 101 WHERE session_id = '%s'; VACUUM (FREEZE) people_movements;
    BEGIN; INSERT INTO people_movements (session_id, person_id, movement_direction) VALUES ('%s', 1, 'in'); ROLLBACK;
    UPDATE sessions SET status = 'completed', end_time = now() WHERE id = '%s'}, door(2), door(1), door(3), door(8));
wait_for('the end of a session', sub { grep { $_->{of} eq door(8) && $_->{status} eq 'completed' } messages('statistics', $before) });
is(scalar(movements($before)), 0, 'nothing is said of a rollback, nor of a row that is updated');

# Alerts

sql($node, 'doors', sprintf q{DELETE FROM occupancy_baselines WHERE session_id = '%s'}, door(2));
watch_people($node, 'doors');
$start = messages();
sql($node, 'doors', sprintf q{INSERT INTO people_movements (session_id, person_id, movement_direction)
    SELECT '%s', n, 'in' FROM generate_series(1, 4) n}, door(4));
my ($fired) = do { wait_for('an alert', sub { messages('alert', $start) }); messages('alert', $start) };
is(join(' ', @{$fired}{qw(event session_id metric)}, $fired->{of}), join(' ', 'fired', door(4), 'current_people_inside', door(4)),
    'an alert is told when it fires');
ok(defined $fired->{message} && defined $fired->{alert_id} && defined $fired->{timestamp}, 'with its message, id and time');
sql($node, 'doors', sprintf q{INSERT INTO people_movements (session_id, person_id, movement_direction)
    SELECT '%s', n, 'out' FROM generate_series(1, 4) n}, door(4));
wait_for('its end', sub { grep { $_->{event} eq 'resolved' } messages('alert', $start) });
is(join(' ', map { $_->{event} } messages('alert', $start)), 'fired resolved', 'and when it ends');

# Everything once, in order: writers with batches, savepoints, rollbacks, late rows and prepared transactions

my $seed = $ENV{PEOPLE_COUNTER_SEED} // int rand 1e6;
note("seed $seed");
sql($node, 'doors', 'UPDATE alert_thresholds SET is_active = false');
$start = messages();
my $began = sql($node, 'doors', 'SELECT clock_timestamp()');
my $id = q{('00000000-0000-7000-8000-' || lpad((1 + :door)::text, 12, '0'))::uuid};
my $writer = write_script('writer', <<"SQL");
\\set door random(0, 6)
\\set kind random(1, 8)
\\set late random(0, 600)
BEGIN;
INSERT INTO people_movements (session_id, person_id, movement_direction, movement_time) VALUES ($id, :client_id, 'in', clock_timestamp());
\\if :kind = 1
SAVEPOINT a;
INSERT INTO people_movements (session_id, person_id, movement_direction) VALUES ($id, -1, 'in');
ROLLBACK TO a;
INSERT INTO people_movements (session_id, person_id, movement_direction) VALUES ($id, 1, 'out');
SAVEPOINT b;
INSERT INTO people_movements (session_id, person_id, movement_direction, movement_time) VALUES ($id, 2, 'out', now() - :late * interval '1 s');
RELEASE b;
COMMIT;
\\elif :kind = 2
INSERT INTO people_movements (session_id, person_id, movement_direction) VALUES ($id, -1, 'in');
ROLLBACK;
\\elif :kind = 3
INSERT INTO people_movements (session_id, person_id, movement_direction, movement_time)
SELECT $id, n, 'in', now() - n * interval '100 ms' FROM generate_series(1, 40) n;
COMMIT;
\\elif :kind = 4
PREPARE TRANSACTION 'writer:client_id';
SELECT pg_sleep(0.05);
COMMIT PREPARED 'writer:client_id';
\\elif :kind = 5
PREPARE TRANSACTION 'writer:client_id';
ROLLBACK PREPARED 'writer:client_id';
\\elif :kind = 6
INSERT INTO people_movements (session_id, person_id, movement_direction, movement_time) VALUES ($id, 3, 'in', now() - :late * interval '1 s');
SELECT pg_sleep(0.07);
COMMIT;
\\elif :kind = 7
DO 'BEGIN FOR i IN 1..80 LOOP BEGIN INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT id, i, ''out'' FROM sessions WHERE session_name = ''door 7''; IF i % 9 = 0 THEN RAISE ''no''; END IF; EXCEPTION WHEN raise_exception THEN NULL; END; IF i % 20 = 0 THEN PERFORM pg_sleep(0.03); END IF; END LOOP; END';
COMMIT;
\\else
COMMIT;
\\endif
SQL
my $load = start_pgbench($node, 'doors', '-c', 8, '-j', 2, '-t', 60, "--random-seed=$seed", '-f', $writer);
my ($exit, $output) = finish_pgbench($load);
is($exit, 0, 'the writers had no error') or diag($output);
sub compare {
    my ($name, $from, $want) = @_;
    my %want = map { $_ => 1 } split /\n/, $want;
    my $complete = sub { my %got = map { $_->{id} => 1 } movements($from); return !grep { !$got{$_} } keys %want };
    eval { wait_for($name, $complete) } or diag($@);
    my %got;
    ++$got{ $_->{id} } for movements($from);
    is(scalar(grep { !$got{$_} } keys %want), 0, "$name: none of @{[ scalar keys %want ]} is missing");
    is(scalar(grep { !$want{$_} } keys %got), 0, "$name: none was not committed");
    is(scalar(grep { $_ > 1 } values %got), 0, "$name: none came twice");
    return;
}
compare('writers', $start, sql($node, 'doors', sprintf q{SELECT id FROM people_movements WHERE person_id >= 0
    AND id <> '00000000-0000-7000-8000-0000000000f1' AND (session_id <> '%s' OR created_at > '%s') ORDER BY id}, door(4), $began));
my $order = 0;
for my $message (messages('movement', $start)) {
    my @times = map { $_->{movement_time} } @{ $message->{movements} };
    $order += grep { $times[$_ - 1] gt $times[$_] } 1 .. $#times;
}
is($order, 0, 'each message is in order of time');
my ($wrong, %last) = (0);
for my $message (messages(undef, $start)) {
    $last{ $message->{of} } = $message if $message->{type} =~ /movement|statistics/;
}
is(scalar(grep { $_->{type} ne 'statistics' } values %last), 0, 'the last word on each session are its statistics');
is(join(' ', map { $last{$_}{total_people_entered} . '/' . $last{$_}{total_people_exited} } sort keys %last),
    sql($node, 'doors', sprintf q{SELECT string_agg(total_people_entered || '/' || total_people_exited, ' ' ORDER BY session_id)
        FROM session_statistics WHERE session_id IN (%s)}, join ', ', map {"'$_'"} sort keys %last), 'and right');
my %connections = map { $_->{on} => 1 } messages(undef, 0);
is(scalar(keys %connections), 1, 'all by one connection');
is(scalar(grep { @{ $_->{movements} } != $_->{count} || $_->{count} > 500 } messages('movement')), 0, 'never too many in one');

# What changes without a commit: a baseline that was planned

$start = messages();
sql($node, 'doors', sprintf q{INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
    VALUES ('%s', clock_timestamp() + interval '1 s', 77)}, door(5));
wait_for('the planned baseline', sub { grep { $_->{of} eq door(5) && $_->{current_people_inside} == 77 } messages('statistics', $start) });
ok(1, 'a planned baseline is told when its time has come');

# An idle database

sub switches {
    my ($pid) = @_;
    return (slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s+(\d+)/m)[0];
}
sub movement { return sprintf q{INSERT INTO people_movements (session_id, person_id, movement_direction) VALUES ('%s', 1, 'in');}, door($_[0]) }
sub movement_of {    # tells one movement, and waits for it
    my ($from, $door) = @_;
    sql($node, 'doors', movement($door));
    wait_for("a movement of door $door", sub { grep { $_->{of} eq door($door) } messages('movement', $from) });
    return;
}
my $pid = status_of('stream_pid');
my $last = -1;
wait_for('the worker to rest', sub { my $now = switches($pid); my $rests = $now == $last; $last = $now; select undef, undef, undef, 0.3; $rests });
sql($node, 'doors', 'CREATE TABLE public.other AS SELECT 1; BEGIN; ' . movement(1) . 'SAVEPOINT s; ' . movement(1) . 'ROLLBACK; SELECT FROM people_movements LIMIT 1');
sleep 3;    # of an idle database
is(switches($pid), $last, 'other commits, a rollback and three idle seconds do not wake it');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND (backend_xmin IS NOT NULL OR xact_start IS NOT NULL)"), 0,
    'it holds no snapshot while it sleeps');

# The receiver fails, goes and comes back

$start = messages();
rules($web, status => 503);
sql($node, 'doors', movement(1) . movement(2));
wait_until($node, 'doors', q{SELECT stream_last_error = 'HTTP status 503' FROM alert_worker_status});
sql($node, 'doors', movement(3));
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND backend_xmin IS NOT NULL"), 0,
    'it holds no snapshot while nobody takes a message');
rules($web, status => 200);
wait_for('what waited', sub { 3 == movements($start) });
is(status_of('stream_pid'), $pid, 'by the same worker');
is(join(' ', map { $_->{of} } messages('movement', $start)), join(' ', door(1), door(2), door(3)), 'what waited comes in order');
$start = messages();
stop_receiver($web);
sql($node, 'doors', movement(1));
sql($node, 'doors', q{UPDATE alert_thresholds SET is_active = true WHERE origin = 'user'});
sql($node, 'doors', sprintf q{DELETE FROM people_movements WHERE session_id = '%s'; INSERT INTO people_movements (session_id, person_id, movement_direction)
    SELECT '%s', n, 'in' FROM generate_series(1, 9) n}, door(6), door(6));
wait_until($node, 'doors', sprintf q{SELECT count(*) > 0 FROM alert_logs WHERE session_id = '%s'}, door(6));
my $many = 60_000;
sql($node, 'doors', sprintf q{INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT '%s', n, 'in' FROM generate_series(1, %d) n},
    door(7), $many);
wait_until($node, 'doors', 'SELECT stream_dropped > 0 FROM alert_worker_status');
sql($node, 'doors', movement(2));
restart_receiver($web);
wait_for('statistics of what was dropped', sub { grep { $_->{of} eq door(7) && $_->{total_people_entered} >= $many } messages('statistics', $start) });
wait_for('statistics of what came after', sub { grep { $_->{of} eq door(2) } messages('statistics', $start) });
wait_for('the alert', sub { grep { $_->{of} eq door(6) && $_->{event} eq 'fired' } messages('alert', $start) });
my $told = grep { $_->{person_id} > 0 } movements($start);
cmp_ok($told, '<', $many, "$told of $many movements waited");
my %twice;
++$twice{ $_->{id} } for movements($start);
is(scalar(grep { $_ > 1 } values %twice), 0, 'none came twice');
sql($node, 'doors', q{UPDATE alert_thresholds SET is_active = false});
$start = messages();
movement_of($start, 4);
is(scalar(movements($start)), 1, 'then it goes on as before');

# Settings

sub reload { my (%settings) = @_; $node->append_conf('postgresql.conf', "people_counter.$_ = '$settings{$_}'") for keys %settings; $node->reload; return }
my $stream_gone = sub { wait_until($node, 'doors', 'SELECT stream_pid IS NULL FROM alert_worker_status') };
reload(stream_url => '');
$stream_gone->();
sql($node, 'doors', movement(1));
$start = messages();
reload(stream_url => "http://127.0.0.1:$web->{port}/publish?to=all", stream_socket => '');
stream_runs();
began_anew($start, 7);
is(scalar(messages('movement', $start)), 0, 'a worker that starts tells of no old movements');
is(scalar(grep { $_->{of} eq door(8) } messages('statistics', $start)), 0, 'nor of a session that has ended');
movement_of($start, 1);
is((received($web))[-1]{path}, '/publish?to=all&session=' . door(1), 'it may be reached over the network, and its URL have parameters');
reload(stream_url => 'http://localhost/publish', stream_socket => $socket);
movement_of(scalar(messages()), 2);
ok(1, 'a new address holds at once');
like($node->psql('doors', "ALTER SYSTEM SET people_counter.stream_url = 'ftp://x'", extra_params => []) // '', qr/^[13]$/, 'a URL must be of HTTP');
isnt($node->psql('doors', "ALTER SYSTEM SET people_counter.stream_socket = 'publish.sock'"), 0, 'and the path of a socket absolute');
$node->safe_psql('postgres', 'CREATE ROLE reader LOGIN');
isnt($node->psql('doors', 'SHOW people_counter.stream_url', extra_params => ['-U', 'reader']), 0, 'only superusers see where it is posted to');

# Whoever needs the database has it

$start = messages();
$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE doors');
wait_until($node, 'copied', 'SELECT stream_pid IS NOT NULL FROM counting.alert_worker_status');
wait_until($node, 'doors', 'SELECT stream_pid IS NOT NULL FROM alert_worker_status');
$node->safe_psql('postgres', 'DROP DATABASE copied');
ok(1, 'a database is copied and dropped while it streams');
$pid = stream_runs() && status_of('stream_pid');
my $writing = $node->background_psql('doors');    # it has seen all tables before one is locked
$writing->query_safe(q{SET search_path = counting; SET lock_timeout = '5s'; } . movement(2));
my $locker = $node->background_psql('doors');
$locker->query_safe('BEGIN; LOCK counting.realtime_metrics IN ACCESS EXCLUSIVE MODE');
$start = messages();
$writing->query_safe(movement(2));
$writing->quit;
wait_until($node, 'doors', q{SELECT stream_last_error LIKE '%lock timeout%' FROM alert_worker_status});
$locker->query_safe('COMMIT');
$locker->quit;
wait_for('what was locked', sub { messages('movement', $start) });
is(status_of('stream_pid'), $pid, 'it waits for nobody, and comes back to what was locked');
sql($node, 'doors', 'DROP EXTENSION people_counter CASCADE');
wait_until($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'people_counter stream worker'});
ok(1, 'without the extension there is no worker');
$start = messages();
$node->safe_psql('doors', 'CREATE EXTENSION people_counter SCHEMA counting');
stream_runs();
open_doors($node, 'doors', 3);
began_anew($start, 3);
movement_of($start, 3);
ok(1, 'and with it there is one again');

# Crashes

$pid = status_of('stream_pid');
$start = messages();
kill 'KILL', $pid;
wait_until($node, 'doors', "SELECT stream_pid <> $pid FROM alert_worker_status");
began_anew($start, 3);
my $then = messages();
movement_of($then, 1);
is(scalar(movements($then)), 1, 'after a crash of the worker it goes on');
$start = messages();
$node->stop('immediate');
$node->start;
stream_runs();
began_anew($start, 3);
$then = messages();
movement_of($then, 2);
is(scalar(movements($start)), 1, 'after a crash of the server, too, and old movements are not told again');

done_testing();
