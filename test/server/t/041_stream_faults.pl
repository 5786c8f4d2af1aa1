# The live stream, whatever happens to its receiver, its worker and the server.
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
open_doors($node, 'doors', 8);
watch_people($node, 'doors');
sql($node, 'doors', q{UPDATE alert_thresholds SET is_active = false});
sql($node, 'doors', sprintf q{UPDATE sessions SET status = 'completed', end_time = now() WHERE id = '%s'}, door(8));
stream_runs();
began_anew(0, 7);
my $pid = status_of('stream_pid');

# The receiver fails, goes and comes back

my $start = messages();
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

# A receiver that is slow: what comes meanwhile makes fewer and larger messages, and nothing is dropped.

$start = messages();
rules($web, delay => 0.4);
my $dropped = status_of('stream_dropped');
for my $n (1 .. 60) {
    sql($node, 'doors', join '', map { movement($_) } 1 .. 3);
}
wait_for('what was slow', sub { 180 == movements($start) });
cmp_ok(scalar(messages('movement', $start)), '<', 60, '180 movements in few messages');
is(status_of('stream_dropped'), $dropped, 'none was dropped');
rules($web, status => 200);

# Settings

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
like((received($web))[-1]{path}, qr{^/publish\?to=all&database=\d+-\d+&session=\Q@{[door(1)]}\E$}, 'it may be reached over the network, and its URL have parameters');
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
$pid = status_of('stream_pid');
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

# A standby, which has none of its own until it is promoted

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$start = messages();
movement_of($start, 1);
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'people_counter stream worker'}), 0,
    'a standby has no stream worker');
is(scalar(movements($start)), 1, 'and a movement is told once');

# What was about to become visible when the worker started, and told nobody

sub in_commit { return $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'}) }
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
reload(stream_url => '');
$stream_gone->();
my $committing = $node->background_psql('doors');
$committing->query_safe('SET search_path = counting');
$committing->query_until(qr/begins/, '\echo begins' . "\n" . movement(2) . "\n");
in_commit();
$start = messages();
my $entered = sql($node, 'doors', sprintf q{SELECT total_people_entered FROM session_statistics WHERE session_id = '%s'}, door(2));
reload(stream_url => 'http://localhost/publish');
stream_runs();
began_anew($start, 3);
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$node->reload;
wait_for('what was committed before anybody listened', sub {
    grep { $_->{of} eq door(2) && $_->{total_people_entered} == $entered + 1 } messages('statistics', $start);
});
ok(1, 'statistics of who was in mid commit when the worker started are told');
$committing->quit;

# The standby becomes a server of its own, and its stream begins

$node->stop('immediate');
$start = messages();
$standby->promote;
wait_until($standby, 'doors', 'SELECT stream_pid IS NOT NULL FROM alert_worker_status');
began_anew($start, 3);
sql($standby, 'doors', movement(3));
wait_for('a movement of the promoted standby', sub { 1 == movements($start) });
ok(1, 'a standby that is promoted streams');
verify_ok($standby, 'doors', 'in the end');
$standby->stop;

done_testing();
