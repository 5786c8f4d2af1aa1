# The live stream: what is committed is posted, once and in order, and nothing else is.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Receivers;
use Stream;
use Test::More;

start_stream();

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
wait_for('an alert, for those who hear all and for readers of the session', sub { messages('alert', $start) >= 2 });
my ($fired, $copy) = messages('alert', $start);
is(join(' ', @{$fired}{qw(event session_id metric to)}), join(' ', 'fired', door(4), 'current_people_inside', 'all'), 'an alert is told when it fires');
is(join(' ', @{$copy}{qw(event alert_id to of)}), join(' ', 'fired', $fired->{alert_id}, 'readers', door(4)),
    'and to readers of the session, but not by the channel that its device may hear');
ok(defined $fired->{message} && defined $fired->{alert_id} && defined $fired->{timestamp}, 'with its message, id and time');
sql($node, 'doors', "SELECT acknowledge_alert('$fired->{alert_id}', 'Lan', 'seen')");
my $events = sub { join ' ', map { "$_->{event} $_->{to}" } messages('alert', $start) };
wait_for('the acknowledgement', sub { 4 == messages('alert', $start) });
is((messages('alert', $start))[2]{acknowledged_by}, 'Lan', 'and when somebody acknowledges it');
sql($node, 'doors', sprintf q{INSERT INTO people_movements (session_id, person_id, movement_direction)
    SELECT '%s', n, 'out' FROM generate_series(1, 4) n}, door(4));
wait_for('its end', sub { 6 == messages('alert', $start) });
is($events->(), 'fired all fired readers acknowledged all acknowledged readers resolved all resolved readers', 'and when it ends');

# Several that nobody was told of in time come in the order in which they happened.

$start = messages();
rules($web, status => 503);
my @doors = (5, 2, 6, 3);
for my $door (@doors) {
    sql($node, 'doors', sprintf q{INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT '%s', n, 'in' FROM generate_series(1, 3) n}, door($door));
    wait_until($node, 'doors', sprintf q{SELECT count(*) = 1 FROM alert_logs WHERE NOT is_resolved AND session_id = '%s'}, door($door));
}
rules($web, status => 200);
wait_for('the alerts', sub { 2 * @doors == messages('alert', $start) });
is(join(' ', map { $_->{session_id} } grep { $_->{to} eq 'all' } messages('alert', $start)), join(' ', map { door($_) } @doors),
    'alerts come in the order in which they fired');

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
compare('writers', $start, sql($node, 'doors', "SELECT id FROM people_movements WHERE person_id >= 0 AND created_at > '$began' ORDER BY id"));
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

# What changes without a commit: a baseline that was planned, and the reset of the day

$start = messages();
sql($node, 'doors', sprintf q{INSERT INTO occupancy_baselines (session_id, baseline_time, people_count)
    VALUES ('%s', clock_timestamp() + interval '1 s', 77)}, door(5));
wait_for('the planned baseline', sub { grep { $_->{of} eq door(5) && $_->{current_people_inside} == 77 } messages('statistics', $start) });
ok(1, 'a planned baseline is told when its time has come');
sql($node, 'doors', sprintf q{DELETE FROM occupancy_baselines WHERE session_id = '%s';
    INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT '%s', n, 'in' FROM generate_series(1, 500) n;
    UPDATE sessions SET time_zone = 'Asia/Ho_Chi_Minh', reset_time = (clock_timestamp() + interval '2 s') AT TIME ZONE 'Asia/Ho_Chi_Minh' WHERE id = '%s'},
    door(5), door(5), door(5));
my $inside = sub { map { $_->{current_people_inside} } grep { $_->{of} eq door(5) } messages('statistics', $start) };
wait_for('the people before the reset', sub { grep { $_ >= 400 } $inside->() });
wait_for('the reset', sub { ($inside->())[-1] == 0 });
ok(1, 'a reset is told when its time has come');

# An idle database

sub switches {
    my ($pid) = @_;
    return (slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s+(\d+)/m)[0];
}
my $pid = status_of('stream_pid');
my $last = -1;
wait_for('the worker to rest', sub { my $now = switches($pid); my $rests = $now == $last; $last = $now; select undef, undef, undef, 0.3; $rests });
sql($node, 'doors', 'CREATE TABLE public.other AS SELECT 1; BEGIN; ' . movement(1) . 'SAVEPOINT s; ' . movement(1) . 'ROLLBACK; SELECT FROM people_movements LIMIT 1');
sleep 3;    # of an idle database
is(switches($pid), $last, 'other commits, a rollback and three idle seconds do not wake it');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND (backend_xmin IS NOT NULL OR xact_start IS NOT NULL)"), 0,
    'it holds no snapshot while it sleeps');

verify_ok($node, 'doors', 'in the end');
done_testing();
