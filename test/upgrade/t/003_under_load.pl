# ALTER EXTENSION UPDATE while everybody writes: nobody sees an error, nothing that was committed is lost, and whoever waits for
# the update goes on after it. So does DROP EXTENSION of what was updated, whose tables were not made in one go.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib", "$FindBin::RealBin/../../server/lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;
use Upgrade;

my $node = new_cluster('load', preload => 1, conf => 'deadlock_timeout = 100ms');
my $doors = 4;
my $one = 'INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES'
    . " (('00000000-0000-7000-8000-' || lpad((:door)::text, 12, '0'))::uuid, now() %s, :client_id, CASE WHEN :in = 1 THEN 'in' ELSE 'out' END::movement_direction);\n";
my $choose = "\\set door random(1, $doors)\n\\set in random(0, 1)\n";
my $api = door(1);
my %scripts = (
    movements => [$choose . sprintf($one, ''), 1],
    late => [$choose . "\\set minutes random(1, 5000)\n" . sprintf($one, "- :minutes * interval '1 minute'"), 1],
    batches => ['INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT id, n, \'in\' FROM sessions, generate_series(1, 3) n;', 3 * $doors],
    corrections => ['UPDATE people_movements SET confidence_score = 0.5, movement_time = movement_time + interval \'1 second\' WHERE (session_id, movement_time, id) ='
        . ' (SELECT session_id, movement_time, id FROM people_movements ORDER BY session_id, movement_time, id LIMIT 1);', 0],
    others => [$choose . qq{INSERT INTO realtime_metrics (session_id, current_people_count) SELECT id, :door FROM sessions;\n}
        . "UPDATE sessions SET capacity = 10 * :door WHERE id = ('00000000-0000-7000-8000-' || lpad((:door)::text, 12, '0'))::uuid;\n", 0],
    readers => ['SELECT count(*) FROM current_session_overview, daily_analytics, recent_movements;', 0],
    api => [<<"SQL", 2],
BEGIN;
SET LOCAL ROLE people_counter_operator;
SET LOCAL request.headers = '{"x-session-id": "$api"}';
SET LOCAL request.jwt.claims = '{}';
SELECT people_counter_api.record_movements('[{"person_id": 1, "movement_direction": "in"}, {"person_id": 2, "movement_direction": "out"}]');
COMMIT;
SQL
);
my @kinds = sort keys %scripts;
$scripts{$_}[2] = write_script($_, $scripts{$_}[0]) for @kinds;

sub start_all {
    my ($database, @wanted) = @_;
    return map { +{ kind => $_, run => start_pgbench($node, $database, '-c', 1, '-T', 600, '-M', 'prepared', '-f', $scripts{$_}[2]) } } @wanted;
}

# Until each of them has done something more.
sub all_go_on {
    my ($database, @loads) = @_;
    wait_until($node, $database, q{SELECT count(*) >= } . @loads . q{ FROM pg_stat_activity WHERE application_name = 'pgbench' AND datname = current_database()});
    my $since = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
    wait_until($node, $database, "SELECT bool_and(xact_start > '$since' OR state_change > '$since') FROM pg_stat_activity
        WHERE application_name = 'pgbench' AND datname = current_database()", $_->{run}) for @loads;
    my $count = sql($node, $database, 'SELECT count(*) FROM people_movements');
    wait_until($node, $database, "SELECT count(*) > $count + 50 FROM people_movements", $loads[0]{run});
    return;
}

for my $version (released()) {
    for my $round (1 .. 2) {
        my $name = "$version, round $round";
        my $database = 'load_' . ($version =~ s/\W/_/gr) . "_$round";
        create_version($node, $database, $version, schema => 'counting', rest => 1);
        open_doors($node, $database, $doors);
        my @loads = start_all($database, @kinds);
        all_go_on($database, @loads);
        is(update_both($node, $database), '', "$name: updated");
        all_go_on($database, @loads);
        my $expected = 0;
        for my $load (@loads) {
            ok(is_running($load->{run}), "$name: $load->{kind} go on");
            $load->{run}{harness}->signal('ALRM');    # as if its time were over: it ends its transaction, and counts
            my (undef, $output) = finish_pgbench($load->{run});
            unlike($output, qr/ERROR|aborted|FATAL/, "$name: $load->{kind} saw no error");
            ($load->{done}) = $output =~ /transactions actually processed: (\d+)/;
            $expected += $load->{done} * $scripts{ $load->{kind} }[1];
        }
        note(join ', ', map {"$_->{done} $_->{kind}"} @loads);
        is(sql($node, $database, 'SELECT count(*) FROM people_movements'), $expected, "$name: all that was committed is there, and nothing else");
        verify_ok($node, $database, $name);

        my @writers = start_all($database, qw(movements late batches));
        all_go_on($database, @writers);
        is(sql_error($node, $database, 'SET client_min_messages = warning; DROP EXTENSION people_counter CASCADE'), '', "$name: dropped under load");
        unlike((finish_pgbench($_->{run}))[1], qr/deadlock/, "$name: $_->{kind} lost what they write to, and no deadlock") for @writers;
        wait_for_watchers($node, '');
        $node->safe_psql('postgres', "DROP DATABASE $database");
    }
}
unlike(slurp_file($node->logfile), qr/deadlock detected|PANIC|terminated by signal/, 'no deadlock, no crash');

$node->stop;
done_testing();
