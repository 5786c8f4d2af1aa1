# The memory of the stream worker: flat over thousands of looks, with alerts, sessions that come and go, a receiver that fails
# and messages that are dropped. PC_LONG=1 takes ten times as long.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Receivers;
use Stream;
use Test::More;

plan skip_all => 'needs /proc' unless -r '/proc/self/status';

start_stream();
reload(stream_interval => '20ms');
open_doors($node, 'doors', 50);
watch_people($node, 'doors');
stream_runs();
my $pid = status_of('stream_pid');

my $door = "('00000000-0000-7000-8000-' || lpad((:door)::text, 12, '0'))::uuid";
my $writer = write_script('writer', <<"SQL");
\\set door random(1, 50)
\\set gone 1000 + :client_id
INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT $door, n, 'in' FROM generate_series(1, 3) n;
INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT $door, n, 'out' FROM generate_series(1, 4) n;
INSERT INTO realtime_metrics (session_id, fps_current) VALUES ($door, 1);
UPDATE sessions SET capacity = coalesce(capacity, 0) % 9 + 1 WHERE id = $door;
DELETE FROM sessions WHERE id = ('00000000-0000-7000-8000-' || lpad((:gone)::text, 12, '0'))::uuid;
INSERT INTO sessions (id, session_name) VALUES (('00000000-0000-7000-8000-' || lpad((:gone)::text, 12, '0'))::uuid, 'again');
SQL

# What is used when it rests, in kB, after so many rounds of the writers; in the middle of it nobody takes anything.
sub after {
    my ($rounds) = @_;
    for (1 .. 2) {
        my ($exit, $output) = finish_pgbench(start_pgbench($node, 'doors', '-c', 4, '-j', 2, '-t', $rounds / 2, '-f', $writer));
        is($exit, 0, 'the writers had no error') or diag($output);
        my $dropped = status_of('stream_dropped');
        rules($web, status => 503);
        sql($node, 'doors', sprintf q{INSERT INTO people_movements (session_id, person_id, movement_direction)
            SELECT '%s', n, 'in' FROM generate_series(1, 60000) n}, door(1));
        wait_until($node, 'doors', "SELECT stream_dropped > $dropped FROM alert_worker_status");
        my $last = messages();
        rules($web, status => 200);
        wait_for('the statistics of what was dropped', sub { grep { $_->{of} eq door(1) } messages('statistics', $last) });
        movement_of(scalar(messages()), 2);
    }
    # Those that ended within an hour are remembered.
    sql($node, 'doors', 'DELETE FROM alert_logs WHERE is_resolved');
    movement_of(scalar(messages()), 3);
    return at_rest();
}

# It may still have something to tell of the last movement: until two measurements say the same.
sub at_rest {
    my ($resident, $used) = memory_of($node, 'doors', $pid);
    wait_for('the worker to rest', sub {
        my $before = $used;
        ($resident, $used) = memory_of($node, 'doors', $pid);
        return $used == $before;
    });
    return ($resident, $used);
}

my ($resident, $used) = after(300);
my ($resident_then, $used_then) = after($ENV{PC_LONG} ? 8_000 : 900);
is(status_of('stream_pid'), $pid, 'one process told all of it');
cmp_ok($used_then - $used, '<', 256, "memory contexts: $used kB, then $used_then kB");
# What the libraries keep of the 8 MB that once waited differs from run to run.
cmp_ok($resident_then, '<', 65_536, "resident: $resident kB, then $resident_then kB");
verify_ok($node, 'doors', 'in the end');
$node->stop;
done_testing();
