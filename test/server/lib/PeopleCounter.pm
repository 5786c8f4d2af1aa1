# What the server tests share: a cluster with the extension, sample data that reach every part of the schema, and what
# is compared afterwards.
package PeopleCounter;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

# A shell starts what it does not wait for with SIGINT ignored, and loads are ended by it.
$SIG{INT} = 'DEFAULT';

our @EXPORT = qw(
    $SCRATCH $SOURCE new_cluster start_anyway create_database sql sql_error ask wait_until run_with
    fill_sample archive_part base_rows derived_rows fold_states same_rows verify_ok problems
    write_script start_pgbench is_running finish_pgbench
    wait_for_log worker wait_for_state looked_twice watchers wait_for_watchers
    door open_doors watch_people crowd wait_for_alerts alert_counts memory_of
);

our $SCRATCH;    # a directory that goes when the test ends
INIT { $SCRATCH = PostgreSQL::Test::Utils::tempdir() }

# The sources: scripts/test names a copy that the unprivileged user can read.
our $SOURCE = $ENV{PEOPLE_COUNTER_SOURCE} // abs_path(dirname(__FILE__) . '/../../..');

# new_cluster(name, streaming => 1|'logical', preload => 1, conf => text, install_path => of another server, init => [options]): a
# running cluster.
sub new_cluster {
    my ($name, %options) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name, $options{install_path} ? (install_path => $options{install_path}) : ());
    $node->init(
        allows_streaming => $options{streaming} // 0,
        extra => ['--no-locale', '--encoding=UTF8', @{ $options{init} // [] }]);
    $node->append_conf('postgresql.conf', <<"CONF");
log_statement = none
log_replication_commands = off
max_connections = 40
shared_buffers = 64MB
max_wal_size = 1GB
timezone = 'UTC'
@{[ $options{preload} ? "shared_preload_libraries = 'people_counter'\nmax_worker_processes = 24" : '' ]}
@{[ $options{conf} // '' ]}
CONF
    $node->start;
    return $node;
}

# Starts a server whose postmaster was killed: what it left may hold the data directory for a moment.
sub start_anyway {
    my ($node) = @_;
    for my $try (1 .. 60) {
        my $log = $node->logfile;
        if (0 == system("pg_ctl -w -s -D '@{[ $node->data_dir ]}' -l '$log' start >>'$log' 2>&1")) {
            $node->_update_pid(1);
            return;
        }
        usleep(500_000);
    }
    BAIL_OUT('the server does not start again');
}

# create_database(node, name, schema => S, owner => O, extension => 0): with the extension, unless told otherwise.
sub create_database {
    my ($node, $name, %options) = @_;
    my $owner = $options{owner} ? "OWNER $options{owner}" : '';
    $node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE template0 $owner");
    return unless $options{extension} // 1;
    my $schema = $options{schema};
    $node->safe_psql($name, $schema
        ? "CREATE SCHEMA \"$schema\"; CREATE EXTENSION people_counter SCHEMA \"$schema\""
        : 'CREATE EXTENSION people_counter');
    return;
}

# Puts the extension's schema into the search_path, whatever its name.
my $in_schema = <<'SQL';
SELECT set_config('search_path', coalesce((SELECT quote_ident(nspname) || ', pg_catalog'
    FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'people_counter'),
    current_setting('search_path')), false) AS ignored \gset
SQL

# sql(node, database, text): what psql prints; dies if it fails.
sub sql {
    my ($node, $database, $text, %params) = @_;
    return scalar $node->safe_psql($database, $in_schema . $text, %params);
}

# ask(node, database, text): (exit status, what psql prints) of a server that may be restarting: also where psql has gone
# before it was told what to ask.
sub ask {
    my ($node, $database, $text) = @_;
    my ($status, $out) = eval { $node->psql($database, $text) };
    return $@ eq '' ? ($status, $out) : (2, '');
}

# wait_until(node, database, query, load): until the query says t, or the load has ended before its time.
sub wait_until {
    my ($node, $database, $query, $load) = @_;
    my $end = time + $PostgreSQL::Test::Utils::timeout_default;
    while (time < $end) {
        my ($status, $out) = ask($node, $database, $in_schema . $query);
        return 1 if $status == 0 && $out eq 't';
        die "the load has ended: $load->{output}\n" if $load && !is_running($load);
        usleep(100_000);
    }
    die "waited in vain for: $query\n";
}

# wait_for_log(node, pattern, from): what the server's log says from there on, once it has the pattern in it.
sub wait_for_log {
    my ($node, $pattern, $from) = @_;
    my $end = time + $PostgreSQL::Test::Utils::timeout_default;
    while (time < $end) {
        my $log = slurp_file($node->logfile, $from // 0);
        return $log if $log =~ $pattern;
        usleep(20_000);
    }
    die "waited in vain for the log to say $pattern\n";
}

# sql_error(node, database, text): what psql says on stderr, with SQLSTATE; empty if nothing fails.
sub sql_error {
    my ($node, $database, $text, %params) = @_;
    my ($status, $out, $err) = $node->psql($database, "\\set VERBOSITY verbose\n" . $in_schema . $text, %params);
    return $err;
}

# run_with(node, words...): (exit status, all that it printed), with the connection of the node in the environment.
sub run_with {
    my ($node, @command) = @_;
    local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port);
    my $output = '';
    note("# @command");
    IPC::Run::run \@command, '<', \'', '>', \$output, '2>&1';
    my $status = $? >> 8 || $? & 127;
    note($output) if $output ne '';
    return ($status, $output);
}

# Sessions in zones of every kind, with movements early, late, at one instant, far away, and exits first; samples,
# baselines past and future; settings and thresholds shipped, changed, deleted and added; alerts open and closed.
sub fill_sample {
    my ($node, $database, %params) = @_;
    sql($node, $database, <<'SQL', %params);
SELECT setseed(0.42) AS ignored \gset
INSERT INTO sessions (id, session_name, start_time, time_zone, day_start, reset_time, created_at) VALUES
    ('00000000-0000-7000-8000-0000000000a1', 'Utc',      '2024-03-09 08:00+00', 'UTC', '00:00', NULL,
        '2024-03-09 07:59+00'),
    ('00000000-0000-7000-8000-0000000000a2', 'Saigon',   '2024-03-09 08:00+07', 'Asia/Ho_Chi_Minh', '04:00', '04:00',
        '2024-03-09 01:00+00'),
    ('00000000-0000-7000-8000-0000000000a3', 'New York', '2024-03-09 08:00-05', 'America/New_York', '04:00', '02:30',
        '2024-03-09 13:00+00'),
    ('00000000-0000-7000-8000-0000000000a4', 'Howe',     '2024-04-06 08:00+11', 'Australia/Lord_Howe', '00:00', NULL,
        '2024-04-05 20:00+00'),
    ('00000000-0000-7000-8000-0000000000a5', 'Done',     '2024-03-09 08:00+00', 'Asia/Kathmandu', '06:00', NULL,
        '2024-03-09 07:59+00'),
    ('00000000-0000-7000-8000-0000000000a6', 'Empty "\\ '' name' || E'\t\n', '2024-03-09 08:00+00', 'UTC', '00:00',
        '00:00', '2024-03-09 07:59+00'),
    ('00000000-0000-7000-8000-0000000000a7', 'Samples',  '2024-03-09 08:00+00', 'America/St_Johns', '00:00', NULL,
        '2024-03-09 07:59+00');
INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction, centroid_x, centroid_y,
                              bounding_box_x1, confidence_score, frame_number)
SELECT s.id, s.start_time + n * interval '97 seconds' + (random() * 60)::int * interval '1 second',
       md5(s.id::text || n)::uuid, n, CASE WHEN random() < 0.52 THEN 'in' ELSE 'out' END::movement_direction,
       random() * 1920, random() * 1080, CASE WHEN n % 7 = 0 THEN random() * 100 END,
       CASE WHEN n % 5 > 0 THEN random() END, CASE WHEN n % 3 > 0 THEN n END
  FROM sessions s CROSS JOIN generate_series(1, 400) n
 WHERE s.session_name NOT LIKE 'Empty%' AND s.session_name <> 'Samples'
 ORDER BY random();
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES
    ('00000000-0000-7000-8000-0000000000a1', '2024-03-09 07:00+00', -1, 'out'),
    ('00000000-0000-7000-8000-0000000000a1', '2024-03-12 09:00+00', 0, 'in'),
    ('00000000-0000-7000-8000-0000000000a1', '2024-03-12 09:00+00', 0, 'in'),
    ('00000000-0000-7000-8000-0000000000a1', '2024-03-12 09:00+00', 0, 'out'),
    ('00000000-0000-7000-8000-0000000000a2', '1970-01-01 00:00+00', 0, 'in'),
    ('00000000-0000-7000-8000-0000000000a2', '2100-07-01 12:00+00', 0, 'in'),
    ('00000000-0000-7000-8000-0000000000a3', '2024-03-10 01:59:59.999999-05', 0, 'in'),
    ('00000000-0000-7000-8000-0000000000a3', '2024-03-10 03:00:00-04', 0, 'in');
INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count, detection_status, fps_current)
SELECT s.id, s.start_time + n * interval '31 minutes', n % 9,
       (ARRAY['detecting', 'tracking', 'waiting']::detection_status[])[1 + n % 3], 20 + n
  FROM sessions s CROSS JOIN generate_series(1, 60) n
 WHERE s.session_name IN ('Utc', 'Howe', 'Samples');
INSERT INTO occupancy_baselines (session_id, baseline_time, people_count, kind, note) VALUES
    ('00000000-0000-7000-8000-0000000000a1', '2024-03-09 12:00+00', 3, 'manual', 'by hand'),
    ('00000000-0000-7000-8000-0000000000a1', '2024-03-09 15:17:31+00', 0, 'reset', NULL),
    ('00000000-0000-7000-8000-0000000000a4', '2024-04-07 01:45+11', 9, 'auto', NULL),
    ('00000000-0000-7000-8000-0000000000a1', '2150-01-01 00:00+00', 1, 'manual', 'planned'),
    ('00000000-0000-7000-8000-0000000000a6', '2024-03-09 12:00+00', 4, 'manual', NULL);
UPDATE people_movements SET movement_direction = 'in' WHERE person_id % 50 = 3;
UPDATE people_movements SET movement_time = movement_time - interval '3 hours' WHERE person_id % 90 = 4;
DELETE FROM people_movements WHERE person_id % 40 = 5;
UPDATE sessions SET status = 'completed', end_time = '2024-03-10 01:00+00', duration_seconds = 61200,
       false_positives = 4, false_negatives = 2, fps = 24.5, capacity = 80 WHERE session_name = 'Done';
UPDATE system_config SET config_value = 'Asia/Ho_Chi_Minh' WHERE config_key = 'default_time_zone';
UPDATE system_config SET is_active = false WHERE config_key = 'data_retention_days';
DELETE FROM system_config WHERE config_key = 'default_skip_frames';
INSERT INTO system_config (config_key, config_value, description) VALUES ('door', 'north', E'ours\twith a tab');
UPDATE alert_thresholds SET threshold_value = 120, alert_message = 'changed' WHERE threshold_name = 'max_people_count';
DELETE FROM alert_thresholds WHERE threshold_name = 'fps_low';
INSERT INTO alert_thresholds (id, session_id, threshold_name, threshold_value) VALUES
    ('00000000-0000-7000-8000-0000000000b1', '00000000-0000-7000-8000-0000000000a1', 'max_people_count', 30);
INSERT INTO alert_logs (session_id, threshold_id, alert_type, triggered_at, resolved_at, is_resolved) VALUES
    ('00000000-0000-7000-8000-0000000000a1', '00000000-0000-7000-8000-0000000000b1', 'max_people_count',
        '2024-03-09 10:00+00', NULL, false),
    ('00000000-0000-7000-8000-0000000000a1', '00000000-0000-7000-8000-000000000001', 'max_people_count',
        '2024-03-09 11:00+00', '2024-03-09 12:00+00', true),
    ('00000000-0000-7000-8000-0000000000a2', '00000000-0000-7000-8000-000000000005', 'cpu_usage_high',
        '2024-03-09 11:00+00', NULL, false);
INSERT INTO alert_channels (id, channel_name, kind, url, sender, recipients, username, min_severity, is_active) VALUES
    ('00000000-0000-7000-8000-0000000000c1', 'hook', 'webhook', 'http://127.0.0.1:1/a?b=c', NULL, NULL, NULL, 'info', true),
    ('00000000-0000-7000-8000-0000000000c2', E'm\u00e1y "ch\u1ee7"', 'email', 'smtp://127.0.0.1:1', 'a@example.com',
        '{b@example.com,c@example.com}', 'me', 'critical', false);
INSERT INTO alert_channel_secrets VALUES ('00000000-0000-7000-8000-0000000000c1', 'a key', NULL, E'a "token\\');
INSERT INTO alert_deliveries (channel_id, alert_id, event, payload, attempts, last_error, delivered_at, abandoned_at)
SELECT '00000000-0000-7000-8000-0000000000c1', id, 'fired', '{"a": "\\u00e1"}', 3, 'why', CASE WHEN n = 1 THEN now() END,
       CASE WHEN n = 2 THEN now() END
  FROM (SELECT id FROM alert_logs LIMIT 1) AS alert, generate_series(1, 2) n;
SQL
    return;
}

# Puts a part of the sample into the archive, with something that comes late, and history of another system.
sub archive_part {
    my ($node, $database) = @_;
    sql($node, $database, <<'SQL');
SELECT prune_hours(s.id, v.source, h.hours_from, h.hours_to) AS ignored
  FROM sessions s CROSS JOIN (VALUES ('people_movements'), ('realtime_metrics')) v (source)
 CROSS JOIN hours_to_prune(s.id, v.source, '2024-03-09 20:00+00', 100000) h
 WHERE h.row_count > 0 AND s.session_name <> 'Utc';
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT s.id, s.start_time + n * interval '17 minutes', n, CASE WHEN n % 3 = 0 THEN 'in' ELSE 'out' END::movement_direction
  FROM sessions s CROSS JOIN generate_series(1, 20) n WHERE s.session_name IN ('Saigon', 'New York');
INSERT INTO archived_hours (session_id, hour_timestamp, people_entered, people_exited, source)
SELECT '00000000-0000-7000-8000-0000000000a6', '2024-03-09 08:00+00'::timestamptz + n * interval '1 hour', n % 5, n % 4, 'old system'
  FROM generate_series(0, 30) n;
SQL
    return;
}

# Every base row as text, one a line, in a fixed order. When a shipped row was made is the affair of each database.
sub base_rows {
    my ($node, $database) = @_;
    return sql($node, $database, <<'SQL');
SET timezone = 'UTC';
SELECT 'session', to_jsonb(t) FROM sessions t ORDER BY t.id;
SELECT 'movement', to_jsonb(t) FROM people_movements t ORDER BY t.session_id, t.movement_time, t.id;
SELECT 'sample', to_jsonb(t) FROM realtime_metrics t ORDER BY t.session_id, t."timestamp", t.id;
SELECT 'baseline', to_jsonb(t) FROM occupancy_baselines t ORDER BY t.session_id, t.baseline_time;
SELECT to_regclass('archived_hours') IS NOT NULL AS has_archive \gset
\if :has_archive
SELECT 'archived', to_jsonb(t) FROM archived_hours t ORDER BY t.session_id, t.hour_timestamp;
\endif
SELECT 'config', to_jsonb(t) - CASE origin WHEN 'shipped' THEN '{created_at,updated_at}'::text[] ELSE '{}' END
  FROM system_config t ORDER BY t.config_key;
SELECT 'threshold', to_jsonb(t) - CASE origin WHEN 'shipped' THEN '{created_at,updated_at}'::text[] ELSE '{}' END
  FROM alert_thresholds t ORDER BY t.id;
SELECT 'removed', to_jsonb(t) FROM removed_defaults t ORDER BY t.table_name, t.key;
SELECT 'alert', to_jsonb(t) FROM alert_logs t ORDER BY t.id;
SELECT 'channel', to_jsonb(t) FROM alert_channels t ORDER BY t.id;
SELECT 'secrets', to_jsonb(t) FROM alert_channel_secrets t ORDER BY t.channel_id;
SELECT 'delivery', to_jsonb(t) FROM alert_deliveries t ORDER BY t.id;
SQL
}

# Every derived row as text, but for the internal fold_state.
sub derived_rows {
    my ($node, $database) = @_;
    return sql($node, $database, <<'SQL');
SET timezone = 'UTC';
SELECT 'session', to_jsonb(t) - 'fold_state' FROM session_statistics t ORDER BY t.session_id;
SELECT 'hour', to_jsonb(t) FROM hourly_statistics t ORDER BY t.session_id, t.hour_timestamp;
SELECT 'day', to_jsonb(t) FROM daily_statistics t ORDER BY t.session_id, t.date_timestamp;
SQL
}

sub fold_states {
    my ($node, $database) = @_;
    return sql($node, $database, 'SELECT session_id, fold_state FROM session_statistics ORDER BY session_id');
}

# same_rows(got, expected, name): like is(), but a difference shows as the few lines that differ.
sub same_rows {
    my ($got, $expected, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return 1 if ok($got eq $expected && $expected ne '', $name);
    my %in_got = map { $_ => 1 } split /\n/, $got;
    my %in_expected = map { $_ => 1 } split /\n/, $expected;
    my @missing = grep { !$in_got{$_} } sort keys %in_expected;
    my @added = grep { !$in_expected{$_} } sort keys %in_got;
    diag(scalar(@missing), ' rows are missing, ', scalar(@added), ' are not expected');
    diag("missing: $_") for splice @missing, 0, 5;
    diag("not expected: $_") for splice @added, 0, 5;
    return 0;
}

# What verify_statistics() finds, as text; empty if all is well.
sub problems {
    my ($node, $database, $session) = @_;
    $session = $session ? "'$session'" : 'NULL';
    return sql($node, $database, "SELECT * FROM verify_statistics($session)");
}

sub verify_ok {
    my ($node, $database, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @problems = split /\n/, problems($node, $database);
    ok(!@problems, "$name: verify_statistics() finds nothing") and return 1;
    diag(scalar(@problems), ' rows differ');
    diag(substr $_, 0, 600) for splice @problems, 0, 5;
    return 0;
}

# write_script(name, text): the path of a script.
sub write_script {
    my ($name, $text) = @_;
    my $path = "$SCRATCH/$name.sql";
    open my $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file;
    return $path;
}

# start_pgbench(node, database, arguments...): runs in the background; the extension's schema is in the search_path.
sub start_pgbench {
    my ($node, $database, @arguments) = @_;
    my $schema = sql($node, $database, q{SELECT current_setting('search_path')});
    $schema =~ s/([\\ ])/\\$1/g;
    local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => $database, PGAPPNAME => 'pgbench',
        PGOPTIONS => "-c search_path=$schema");
    my $run = { output => '' };
    my @command = ('pgbench', '-n', @arguments);
    note("# @command");
    $run->{harness} = IPC::Run::start(\@command, '<', \undef, '>', \$run->{output}, '2>&1');
    return $run;
}

# Whether the load goes on.
sub is_running {
    my ($run) = @_;
    eval { $run->{harness}->pump_nb };    # dies if it has ended
    return $run->{harness}->pumpable;
}

# finish_pgbench(run): (exit status, what it printed).
sub finish_pgbench {
    my ($run) = @_;
    eval { $run->{harness}->finish };
    return ($run->{harness}->result(0) // 0, $run->{output});
}

# ---- alerts -----------------------------------------------------------------------------------------------------------

# The row of alert_worker_status.
sub worker {
    my ($node, $database) = @_;
    return JSON::PP::decode_json(sql($node, $database, 'SELECT to_jsonb(w) FROM alert_worker_status w'));
}

sub wait_for_state {
    my ($node, $database, $state) = @_;
    return wait_until($node, $database, "SELECT state = '$state' FROM alert_worker_status");
}

# Until the worker has looked at everything that was committed before: a look may have been under way, so it is two.
sub looked_twice {
    my ($node, $database) = @_;
    for (1 .. 2) {
        my $looks = sql($node, $database, <<'SQL');
SET client_min_messages = warning;
SELECT evaluations FROM alert_worker_status;
SELECT FROM evaluate_alerts();
SQL
        wait_until($node, $database, "SELECT evaluations > @{[ $looks + 0 ]} FROM alert_worker_status");
    }
    return;
}

# The databases that alert workers are connected to, in alphabetical order.
sub watchers {
    my ($node) = @_;
    return $node->safe_psql('postgres', q{SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_stat_activity
        WHERE backend_type = 'people_counter alert worker'});
}

sub wait_for_watchers {
    my ($node, $databases) = @_;
    return wait_until($node, 'postgres', qq{SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), '') = '$databases'
        FROM pg_stat_activity WHERE backend_type = 'people_counter alert worker'});
}

# The id of a session.
sub door { return sprintf '00000000-0000-7000-8000-%012d', $_[0] }

# open_doors(node, database, number): sessions door(1) to door(number).
sub open_doors {
    my ($node, $database, $number, %params) = @_;
    sql($node, $database, <<"SQL", %params);
INSERT INTO sessions (id, session_name, start_time)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'door ' || n, now() - interval '1 hour'
  FROM generate_series(1, $number) n;
SQL
    return;
}

# watch_people(node, database, column => value...): the one rule that is left, "crowded": more than two people inside.
sub watch_people {
    my ($node, $database, %columns) = @_;
    %columns = (threshold_name => 'crowded', metric => 'current_people_inside', comparison => 'above',
        threshold_value => 2, %columns);
    my $names = join ', ', sort keys %columns;
    my $values = join ', ', map {"'$columns{$_}'"} sort keys %columns;
    sql($node, $database, <<"SQL");
UPDATE alert_thresholds SET is_active = false WHERE origin = 'shipped';
INSERT INTO alert_thresholds ($names) VALUES ($values);
SQL
    return;
}

# crowd(session, people, direction, when): the statement that lets them pass at one instant, by default now.
sub crowd {
    my ($session, $people, $direction, $when) = @_;
    $direction //= 'in';
    $when //= 'clock_timestamp()';
    return 'INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) '
        . "SELECT '$session', at, n, '$direction' FROM (SELECT $when AS at) AS t, generate_series(1, $people) AS n;\n";
}

# wait_for_alerts(node, database, raised, open): until there are that many.
sub wait_for_alerts {
    my ($node, $database, $raised, $open) = @_;
    return wait_until($node, $database,
        "SELECT count(*) = $raised AND count(*) FILTER (WHERE NOT is_resolved) = $open FROM alert_logs");
}

# "raised|open"
sub alert_counts {
    my ($node, $database) = @_;
    return sql($node, $database, 'SELECT count(*), count(*) FILTER (WHERE NOT is_resolved) FROM alert_logs');
}

# memory_of(node, database, pid): what a process has from the operating system, and what it uses of that, in kB.
sub memory_of {
    my ($node, $database, $pid) = @_;
    my $from = -s $node->logfile;
    sql($node, $database, "SELECT pg_log_backend_memory_contexts($pid)");
    my $log = wait_for_log($node, qr/Grand total: .* \d+ used/, $from);
    my ($used) = $log =~ /\[$pid\] LOG:  Grand total: .* (\d+) used/ or die 'the worker does not log its memory';
    my ($resident) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m or die 'no RssAnon';
    return ($resident, int($used / 1024));
}

1;
