# kill -9 of a backend and of the postmaster in the midst of an eight-connection load: after recovery every commit that
# was acknowledged is there, and the statistics are exact.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_cluster('crash', conf => <<'CONF');
restart_after_crash = on
checkpoint_timeout = 30s
CONF
create_database($node, 'counting');
my $sessions = 5;
sql($node, 'counting', <<"SQL");
INSERT INTO sessions (id, session_name, start_time, time_zone, reset_time)
SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'door ' || n, '2024-03-30 20:00+00', 'Europe/Berlin',
       CASE n WHEN 3 THEN time '04:00' END
  FROM generate_series(0, $sessions - 1) n;
SQL

# Every transaction inserts the row (round, client_id, n) in person_id, frame_number and centroid_x: n counts the
# transactions of one client, and pgbench's log has a line for each that was acknowledged.
my $start = <<'SQL';
\set n :n + 1
\set session random(0, 4)
SQL
my $columns = 'session_id, movement_time, person_id, frame_number, centroid_x, movement_direction';
my $insert = "INSERT INTO people_movements ($columns) VALUES";
my $door = "(('00000000-0000-7000-8000-00000000000' || :session)::uuid";
my $row = ':n, :client_id, :round';
my @scripts = (
    # in order, minute by minute
    write_script('in_order', <<"SQL") . '@6',
$start
$insert $door, timestamptz '2024-03-31 00:00+00' + :n * interval '20 seconds', $row,
    CASE WHEN :n % 2 = 0 THEN 'in' ELSE 'out' END::movement_direction);
SQL
    # late
    write_script('late', <<"SQL") . '@2',
$start
\\set back random(0, 100000)
$insert $door, timestamptz '2024-03-31 12:00+00' - :back * interval '1 second', $row, 'in');
SQL
    # several statements, a savepoint, a batch, changes of older rows
    write_script('mixed', <<"SQL") . '@2',
$start
\\set other random(1, 200)
BEGIN;
$insert $door, timestamptz '2024-03-31 00:00+00' + :n * interval '20 seconds', $row, 'out');
SAVEPOINT s;
$insert $door, timestamptz '2024-03-31 06:00+00', -1, :client_id, :round, 'in'),
    $door, timestamptz '2024-03-31 06:00+00', -1, :client_id, :round, 'out'),
    ('00000000-0000-7000-8000-000000000004', timestamptz '2024-03-30 06:00+00', -1, :client_id, :round, 'out');
ROLLBACK TO s;
UPDATE people_movements SET movement_direction = 'in'
 WHERE session_id = ('00000000-0000-7000-8000-00000000000' || :session)::uuid
   AND movement_time = timestamptz '2024-03-31 00:00+00' + :other * interval '20 seconds' AND frame_number = :client_id;
DELETE FROM people_movements WHERE session_id = ('00000000-0000-7000-8000-00000000000' || :session)::uuid
   AND movement_time = timestamptz '2024-03-31 06:00+00' AND frame_number = :client_id;
COMMIT;
SQL
    # samples beside a movement
    write_script('sample', <<"SQL") . '@1',
$start
BEGIN;
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count, detection_status)
    VALUES $door, timestamptz '2024-03-31 00:00+00' + :n * interval '20 seconds', :n % 30, 'tracking');
$insert $door, timestamptz '2024-03-31 00:00+00' + :n * interval '20 seconds', $row, 'in');
COMMIT;
SQL
);

# How many transactions of each client pgbench heard of.
sub acknowledged {
    my ($prefix) = @_;
    my %count;
    for my $log (glob "$prefix.*") {
        for (split /\n/, slurp_file($log)) {
            my ($client, undef, $time) = split ' ';
            ++$count{$client} if $time ne 'failed';
        }
    }
    return %count;
}

my $round = 0;
for my $victim (qw(backend postmaster backend postmaster)) {
    ++$round;
    my $prefix = "$SCRATCH/acknowledged.$round";
    my $load = start_pgbench($node, 'counting', '-c8', '-j1', '-T60', '-l', "--log-prefix=$prefix", '-D', 'n=0', '-D',
        "round=$round", map { ('-f', $_) } @scripts);
    wait_until($node, 'counting', "SELECT count(*) > 1000 FROM people_movements WHERE centroid_x = $round", $load);
    sql($node, 'counting', 'CHECKPOINT') if $round > 1;    # recovery begins here, or with the first row
    wait_until($node, 'counting', "SELECT count(*) > 2500 FROM people_movements WHERE centroid_x = $round", $load);
    if ($victim eq 'backend') {
        my $pid = sql($node, 'counting', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench'
            AND state = 'active' ORDER BY random() LIMIT 1}) || sql($node, 'counting',
            q{SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench' LIMIT 1});
        is(kill(9, $pid), 1, "round $round: backend $pid killed in mid-load");
    } else {
        $node->kill9;
        note("postmaster killed");
    }
    my ($status, $output) = finish_pgbench($load);
    isnt($status, 0, "round $round: the clients lose their connections");
    unlike($output, qr/deadlock|ERROR/, "round $round: and nothing else went wrong for them");
    if ($victim eq 'backend') {
        for (1 .. 240) {
            last if (ask($node, 'postgres', 'SELECT 1'))[0] == 0;
            usleep(250_000);
        }
    } else {
        start_anyway($node);
    }

    my %acknowledged = acknowledged($prefix);
    is(scalar keys %acknowledged, 8, "round $round: all eight connections have commits");
    my $total = 0;
    $total += $_ for values %acknowledged;
    note("round $round: $total commits acknowledged");
    my $values = join ', ', map {"($_, $acknowledged{$_})"} sort keys %acknowledged;
    is(sql($node, 'counting', <<"SQL"), '', "round $round: every acknowledged commit is there, and only once");
WITH heard (client, commits) AS (VALUES $values)
SELECT client, n, count(m.id) FROM heard CROSS JOIN LATERAL generate_series(1, commits) n
  LEFT JOIN people_movements m ON m.frame_number = client AND m.person_id = n AND m.centroid_x = $round
 GROUP BY client, n HAVING count(m.id) <> 1;
SQL
    is(sql($node, 'counting', <<"SQL"), '', "round $round: no more than the one commit a client that was under way");
WITH heard (client, commits) AS (VALUES $values)
SELECT client, max(person_id), commits FROM heard
  JOIN people_movements m ON m.frame_number = client AND m.centroid_x = $round
 GROUP BY client, commits HAVING max(person_id) > commits + 1;
SQL
    is(sql($node, 'counting', 'SELECT sum(total_detections) FROM session_statistics'),
        sql($node, 'counting', 'SELECT count(*) FROM people_movements'), "round $round: the totals are the movements");
    verify_ok($node, 'counting', "round $round, after recovery from kill -9 of a $victim");
}

# The recovered tables take writes, and what is derived from scratch is the same.
my $derived = derived_rows($node, 'counting');
is(sql($node, 'counting', 'SELECT rebuild_statistics()'), $sessions, 'rebuild_statistics() after all rounds');
same_rows(derived_rows($node, 'counting'), $derived, 'a rebuild changes nothing');
sql($node, 'counting', q{DELETE FROM people_movements WHERE person_id % 3 = 0});
verify_ok($node, 'counting', 'writes after the crashes');

$node->stop;
done_testing();
