# The life of the alert worker where the library is preloaded: it comes and goes with the extension, whatever
# administrators do to databases, and never keeps them from doing it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run ();
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('life', preload => 1, conf => <<'CONF');
people_counter.alert_workers = 4
autovacuum = off
CONF
my $door = door(1);

sub said {
    my ($pattern, $from) = @_;
    return scalar(() = slurp_file($node->logfile, $from // 0) =~ /$pattern/g);
}

# raises(database, name): that something happens is noticed.
sub raises {
    my ($database, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($raised) = split /\|/, alert_counts($node, $database);
    sql($node, $database, crowd($door, 3));
    wait_for_alerts($node, $database, $raised + 1, 1);
    sql($node, $database, crowd($door, 3, 'out'));
    wait_for_alerts($node, $database, $raised + 1, 0);
    return pass("$name: an alert fires and is resolved");
}

# The extension comes and goes.

create_database($node, 'one', extension => 0);
for my $round (1 .. 2) {
    $node->safe_psql('one', 'CREATE EXTENSION people_counter');
    wait_for_state($node, 'one', 'running');
    open_doors($node, 'one', 1);
    watch_people($node, 'one');
    raises('one', "CREATE EXTENSION, round $round");
    $node->safe_psql('one', 'DROP EXTENSION people_counter');
    wait_for_watchers($node, '');
    pass("DROP EXTENSION, round $round: no process is left");
}
$node->safe_psql('one', 'BEGIN; CREATE EXTENSION people_counter; ROLLBACK');
$node->safe_psql('one', 'CREATE SCHEMA pc; CREATE EXTENSION people_counter SCHEMA pc');
$node->safe_psql('one', 'BEGIN; DROP EXTENSION people_counter; CREATE EXTENSION people_counter; COMMIT');
open_doors($node, 'one', 1);
watch_people($node, 'one');
raises('one', 'dropped and created elsewhere in one transaction');
create_database($node, 'two', schema => 'pc two');
open_doors($node, 'two', 1);
watch_people($node, 'two');
raises($_, 'two databases at once') for qw(one two);
wait_for_watchers($node, 'one two');
is(alert_counts($node, 'two'), '1|0', 'and each has its own alerts');
$node->safe_psql('one', 'BEGIN; DROP EXTENSION people_counter; ROLLBACK');
raises('one', 'DROP EXTENSION rolled back');
$node->safe_psql('postgres', 'CREATE EXTENSION people_counter; DROP EXTENSION people_counter');
wait_for_watchers($node, 'one two');

# A copy of a watched database, with something pending in it.

sql($node, 'one', q{UPDATE alert_thresholds SET hold_for = '4 seconds' WHERE threshold_name = 'crowded'});
sql($node, 'one', crowd($door, 3));
wait_until($node, 'one', q{SELECT count(*) = 1 FROM alert_states WHERE phase = 'pending'});
my $error = sql_error($node, 'postgres', 'CREATE DATABASE copy TEMPLATE one');
is($error, '', 'CREATE DATABASE with a watched one as template');
wait_for_alerts($node, $_, 4, 1) for qw(copy one);
my $fired = q{SELECT triggered_at FROM alert_logs WHERE NOT is_resolved};
is(sql($node, 'copy', $fired), sql($node, 'one', $fired), 'what was pending fires in the copy without a commit there');
is(sql($node, 'one', 'SELECT count(*) FROM alert_states'), 0, 'and in the original');
sql($node, $_, q{UPDATE alert_thresholds SET hold_for = '0' WHERE threshold_name = 'crowded'}) for qw(one copy);
sql($node, $_, crowd($door, 3, 'out')) for qw(one copy);
wait_for_alerts($node, $_, 4, 0) for qw(one copy);
raises($_, 'after the copy') for qw(one copy);

# Renamed and dropped.

is(sql_error($node, 'postgres', 'ALTER DATABASE copy RENAME TO renamed'), '', 'ALTER DATABASE RENAME of a watched one');
wait_for_watchers($node, 'one renamed two');
raises('renamed', 'renamed');
is(sql_error($node, 'postgres', 'ALTER DATABASE renamed SET TABLESPACE pg_default'), '', 'SET TABLESPACE of a watched one');
is(sql_error($node, 'postgres', 'DROP DATABASE renamed'), '', 'DROP DATABASE of a watched one');
for my $round (1 .. 5) {
    create_database($node, 'busy');
    watch_people($node, 'busy');
    open_doors($node, 'busy', 2000);
    sql($node, 'busy', 'SELECT count(*) FROM sessions');
    sql($node, 'busy', <<'SQL');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT id, now(), n, 'in' FROM sessions CROSS JOIN generate_series(1, 3) n
SQL
    wait_until($node, 'busy', 'SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()
        AND backend_type = $$people_counter alert worker$$ AND state = $$active$$') if $round < 3;
    is(sql_error($node, 'postgres', 'DROP DATABASE busy'), '', "DROP DATABASE while the worker has 2,000 alerts to raise, $round");
}
wait_for_watchers($node, 'one two');
raises('one', 'after others were dropped');
is(said(qr/database \S+ does not exist|FATAL:  (?!terminating)/), 0, 'no process was sent to a database that is gone');

# DROP EXTENSION while writers make the worker work.

create_database($node, 'dropped', extension => 0);
sub begin {
    $node->safe_psql('dropped', 'CREATE EXTENSION people_counter');
    watch_people($node, 'dropped');
    open_doors($node, 'dropped', 8);
    return;
}
begin();
my @clients;
for my $client (0 .. 2) {
    my @statements = map { my $door = door(1 + $_ % 8); (crowd($door, 3), crowd($door, 3, 'out')) } 1 .. 500;
    my $part = write_script("part_$client", join '', @statements);
    my $file = write_script("client_$client", "\\i $part\n" x 1000);
    my $harness = IPC::Run::start(['psql', '-X', '-q', '-d', $node->connstr('dropped'), '-f', $file], '<', \undef,
        '>', "$SCRATCH/client_$client.out", '2>&1');
    push @clients, { harness => $harness, output => "$SCRATCH/client_$client.out" };
}
my $errors = '';
for my $round (1 .. 20) {
    wait_until($node, 'dropped', 'SELECT count(*) > 8 FROM alert_logs');
    $errors .= sql_error($node, 'dropped', q{SET statement_timeout = '20 s'; DROP EXTENSION people_counter});
    begin();
}
is($errors, '', 'DROP EXTENSION twenty times under load, with the worker at work: never an error');
for my $client (@clients) {
    ok(is_running($client), 'a writer is still at work');
    $client->{harness}->signal('TERM');
    eval { $client->{harness}->finish };
    my %errors = map { $_ => 1 } slurp_file($client->{output}) =~ /(?:ERROR|FATAL):  (.*)/g;
    is(join("\n", grep { !/does not exist|violates foreign key/ } sort keys %errors), '',
        'which saw only that the extension was gone');
}
wait_until($node, 'dropped', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'psql'
    AND datname = current_database() AND pid <> pg_backend_pid()});
looked_twice($node, 'dropped');
verify_ok($node, 'dropped', 'after that');
is(sql($node, 'dropped', q{SELECT count(*) FROM alert_logs JOIN session_statistics USING (session_id)
    WHERE NOT is_resolved AND current_people_inside <= 2}), 0, 'the last extension is watched to the end');
$node->safe_psql('postgres', 'DROP DATABASE dropped');

# No more than alert_workers.

my $log = -s $node->logfile;
for my $database (qw(three four five six)) {
    create_database($node, $database);
    open_doors($node, $database, 1);
    watch_people($node, $database);
}
wait_for_watchers($node, 'four one three two');
$node->safe_psql('postgres', 'CREATE DATABASE seven; DROP DATABASE seven');
sql($node, 'five', crowd($door, 3));
is(sql($node, 'five', 'SELECT state FROM alert_worker_status'), 'not running', 'a fifth database has no worker');
is(said(qr/more databases than people_counter.alert_workers \(4\)/, $log), 1, 'which is said once');
$node->safe_psql('three', 'DROP EXTENSION people_counter');
wait_until($node, 'postgres', q{SELECT count(*) = 4 AND bool_and(datname <> 'three') FROM pg_stat_activity
    WHERE backend_type = 'people_counter alert worker'});
pass('the place of one that is gone is taken');
$node->safe_psql('postgres', 'DROP DATABASE four');
wait_for_watchers($node, 'five one six two');
wait_for_alerts($node, 'five', 1, 1);
pass('what was too much before is looked at then');
$node->restart;
wait_for_watchers($node, 'five one six two');
pass('after a restart all four are found among databases without the extension');
wait_for_state($node, $_, 'running') for qw(five one six two);
raises($_, 'after a restart') for qw(one six);
$node->safe_psql('postgres', "DROP DATABASE $_") for qw(five six);

# Off and on.

$node->safe_psql('postgres', 'ALTER SYSTEM SET people_counter.alert_enabled = off');
$node->reload;
wait_for_state($node, $_, 'disabled') for qw(one two);
create_database($node, 'resting');
wait_for_state($node, 'resting', 'disabled');
$node->safe_psql('resting', 'DROP EXTENSION people_counter');
wait_for_watchers($node, 'one two');
$node->safe_psql('postgres', 'DROP DATABASE resting');
pass('DROP EXTENSION while it is off leaves no process either');
sql($node, 'one', crowd($door, 3));
$node->safe_psql('postgres', 'ALTER DATABASE two SET people_counter.alert_enabled = off');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET people_counter.alert_enabled');
my ($raised) = split /\|/, alert_counts($node, 'one');
$node->reload;
wait_for_alerts($node, 'one', $raised + 1, 1);
pass('what is the case when it is on again fires');
sql($node, 'one', crowd($door, 3, 'out'));
wait_for_alerts($node, 'one', $raised + 1, 0);
raises('one', 'off and on by ALTER SYSTEM');
$node->restart;
wait_for_state($node, 'one', 'running');
wait_for_state($node, 'two', 'disabled');
pass('off for one database by ALTER DATABASE');
($raised) = split /\|/, alert_counts($node, 'two');
sql($node, 'two', crowd($door, 3));
$node->safe_psql('postgres', 'ALTER DATABASE two RESET people_counter.alert_enabled');
is(alert_counts($node, 'two'), "$raised|0", 'which raises nothing there');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'two'});
wait_for_alerts($node, 'two', $raised + 1, 1);
pass('and on again');

$node->stop;
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:|WARNING/, 'no server process died, nothing was to be warned of');
done_testing();
