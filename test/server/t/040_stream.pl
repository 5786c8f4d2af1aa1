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
my $json = JSON::PP->new;    # what received() gives is text, not bytes
sub messages {
    my ($type, $from) = @_;
    my @all = map { { %{ $json->decode($_->{body}) }, of => ($_->{path} =~ /session=([0-9a-f-]+)\z/)[0] // '', on => $_->{connection} } }
        received($web, sub { $_->{status} == 200 });
    splice @all, 0, $from // 0;
    return $type ? grep { $_->{type} eq $type } @all : @all;
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

done_testing();
