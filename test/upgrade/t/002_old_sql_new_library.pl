# The library is replaced first, and ALTER EXTENSION comes later, in each database at its own time. Until then the SQL of an
# older version works with it in every way: counting, corrections, alerts, deliveries, live stream, HTTP. And workers and sessions
# that are connected go on counting across the update.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib", "$FindBin::RealBin/../../server/lib";
use JSON::PP ();
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Receivers;
use Rest;
use Test::More;
use Upgrade;

my $web = start_receiver('web');
my $socket = "$SCRATCH/publish.sock";
my $stream = start_receiver('publisher', $socket);
rules($stream, status => 200);
my $node = new_cluster('old', preload => 1, conf => <<"CONF");
people_counter.stream_url = 'http://localhost/publish'
people_counter.stream_socket = '$socket'
people_counter.stream_interval = 50ms
CONF
my $present = present();
my $database;

sub ask_api { my ($who, $statement, %options) = @_; return answer($node, $database, $who, "SELECT $statement", %options) }

# Somebody counts, an alert fires, is delivered, told by the stream, and ends.
my $raised = 0;
sub counts_and_tells {
    my ($name, $session) = @_;
    my ($delivered, $told) = (requests($web), requests($stream));
    sql($node, $database, crowd($session, 3));
    wait_for_alerts($node, $database, ++$raised, 1);
    is(sql($node, $database, "SELECT calculate_current_people_inside('$session')"), 3, "$name: three people are inside");
    wait_for('the alert by webhook', sub { requests($web) > $delivered });
    wait_for('the movements by the stream', sub {
        my @taken = received($stream, sub { $_->{body}{type} eq 'movement' && $_->{path} =~ /session=\Q$session\E/ });
        return requests($stream) > $told && @taken;
    });
    sql($node, $database, crowd($session, 3, 'out'));
    wait_for_alerts($node, $database, $raised, 0);
    wait_until($node, $database, 'SELECT count(*) = 0 FROM alert_deliveries WHERE delivered_at IS NULL AND abandoned_at IS NULL');
    return verify_ok($node, $database, $name);
}

# Each function of the API that reads, and each that writes, by a key of a device and by those who may more.
sub serves {
    my ($name, $key, $session) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @reads = ('list_sessions()', "get_session('$session')", "list_movements('$session')", "recent_metrics('$session')", 'get_hourly_analytics()',
        'get_daily_analytics()', 'dashboard_summary()', 'dashboard_settings()', 'health()', 'health_detailed()', 'prometheus_metrics()', 'stream_channel()');
    my @failed = grep { my ($status, $out) = request($node, $database, 'operator', "SELECT $_", read => 1); $status || $out eq '' } @reads;
    is("@failed", '', "$name: the API is read");
    my $id = door(9);
    ask_api('operator', qq[create_session('{"id": "$id", "session_name": "made", "start_time": "2024-03-09T08:00Z"}')]);
    ask_api('operator', q[update_session('{"status": "completed", "end_time": "2024-03-09T09:00Z"}')], session => $id);
    my $result = JSON::PP::decode_json(ask_api($key, q[record_movements('[{"person_id": 1, "movement_direction": "in"}, {"person_id": 1, "movement_direction": "up"}]')]));
    is("$result->{count} $result->{recorded} $result->{rejected}", '2 1 1', "$name: and a batch is recorded, but for its bad row");
    ask_api($key, q[record_metrics('{"current_people_count": 1, "fps_current": 25}')]);
    ask_api('admin', "send_test_alert('hook')");
    my $fresh = make_key($node, $database, 'reader');
    ask_api('admin', "revoke_api_key('$fresh->{id}')");
    sql($node, $database, "DELETE FROM sessions WHERE id = '$id'");
    $node->safe_psql($database, "SET ROLE people_counter_reader; SET request.jwt.claims = '{}'; SELECT * FROM people_counter_api.$_")
        for split /\n/, $node->safe_psql($database, q{SELECT relname FROM pg_class WHERE relnamespace = 'people_counter_api'::regnamespace
            AND relkind = 'v' AND has_table_privilege('people_counter_reader', oid, 'SELECT')});
    return;
}

for my $version (released()) {
    ($database, $raised) = ('old_' . $version =~ s/\W/_/gr, 0);
    create_version($node, $database, $version, schema => 'counting', rest => 1);
    is(sql($node, $database, 'SELECT extension, library FROM people_counter_version()'), "$version|$present", "SQL of $version, library of $present");
    my ($key) = fill_old($node, $database);
    verify_ok($node, $database, "$version, filled");

    # Corrections, and everything anew.
    my $derived = derived_rows($node, $database);
    is(sql($node, $database, 'SELECT rebuild_statistics() > 0'), 't', "$version: rebuild_statistics()");
    same_rows(derived_rows($node, $database), $derived, "$version: which changes nothing");
    sql($node, $database, <<'SQL');
UPDATE people_movements SET movement_time = movement_time + interval '26 hours' WHERE person_id % 11 = 0;
DELETE FROM people_movements WHERE person_id % 13 = 0;
UPDATE sessions SET time_zone = 'Pacific/Chatham', reset_time = '03:00' WHERE session_name IN ('Utc', 'Howe');
DELETE FROM occupancy_baselines WHERE kind = 'reset';
DELETE FROM sessions WHERE session_name = 'Saigon';
SQL
    verify_ok($node, $database, "$version, corrected");
    isnt(sql($node, $database, "SELECT * FROM $_ LIMIT 1"), '', "$version: view $_")
        for qw(current_session_overview hourly_analytics daily_analytics alert_worker_status);
    is(sql($node, $database, <<'SQL'), 't', "$version: aggregates");
SELECT occupancy_peak(movement_time, movement_direction) >= occupancy_closing(movement_time, movement_direction)
   AND occupancy_average(movement_time, movement_direction, 0, '[2024-03-09,2024-03-11)') > 0 FROM people_movements
SQL

    # What is counted by hand is not to raise an alert of the sample's rules.
    sql($node, $database, "DELETE FROM alert_channels; DELETE FROM alert_logs; DELETE FROM alert_thresholds WHERE origin <> 'shipped'");
    my $session = door(5);
    sql($node, $database, "INSERT INTO sessions (id, session_name, start_time) VALUES ('$session', 'live', now() - interval '1 hour')");
    watch_people($node, $database, session_id => $session);
    sql($node, $database, "INSERT INTO alert_channels (channel_name, kind, url) VALUES ('hook', 'webhook', 'http://127.0.0.1:$web->{port}/')");
    wait_for_state($node, $database, 'running');
    wait_until($node, $database, 'SELECT stream_pid IS NOT NULL FROM alert_worker_status');
    counts_and_tells($version, $session);
    serves($version, $key, door(1));

    # The update, while clients are connected that have everything in their caches.
    my $workers = $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = '$database' AND backend_type LIKE 'people_counter%'");
    cmp_ok($workers, '>', 1, "$version: workers are connected");
    my $script = write_script('clicks', "INSERT INTO people_movements (session_id, person_id, movement_direction) VALUES ('@{[door(1)]}', 1, 'in');\n\\sleep 5 ms\n");
    my @loads = map { start_pgbench($node, $database, '-c', 1, '-T', 600, '-M', $_, '-f', $script) } qw(simple prepared);
    my $count = q{SELECT count(*) FROM people_movements WHERE session_id = '} . door(1) . q{'};
    my $before = sql($node, $database, $count);
    wait_until($node, $database, "SELECT ($count) > $before + 20", $loads[0]);
    is(update_both($node, $database), '', "$version: updated");
    $before = sql($node, $database, $count);
    wait_until($node, $database, "SELECT ($count) > $before + 20", $_) for @loads;
    for my $load (@loads) {
        ok(is_running($load), "$version: a session that was connected counts on");
        $load->{harness}->signal('ALRM');    # as if its time were over
        my (undef, $output) = finish_pgbench($load);
        unlike($output, qr/ERROR|aborted/, "$version: and was told of no error");
    }
    is(sql($node, $database, 'SELECT extension, library FROM people_counter_version()'), "$present|$present", "$version: and is $present");
    counts_and_tells("$version, updated", $session);
    serves("$version, updated", $key, door(1));
    is(worker($node, $database)->{errors}, 0, "$version: the worker had no error");
    $node->safe_psql($database, 'DROP EXTENSION people_counter CASCADE');
    wait_for_watchers($node, '');
    $node->safe_psql('postgres', "DROP DATABASE $database");
}
is(() = slurp_file($node->logfile) =~ /(PANIC|terminated by signal|could not find function)/g, 0, 'nothing crashed, no function was missing');

$node->stop;
done_testing();
