# Dump, restore and pg_upgrade with alert workers at work on both sides: alerts arrive as they were, nothing fires or is sent
# again, what was open is resolved in its time.
use strict;
use warnings;

use Cwd qw(getcwd);
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('dump', preload => 1, conf => "autovacuum = off\npeople_counter.delivery_enabled = off");
create_database($node, 'source');
open_doors($node, 'source', 6);
watch_people($node, 'source');
my ($open, $resolved, $acknowledged, $by_hand, $held) = map { door($_) } 1 .. 5;

# Alerts of every kind, not a minute old.
sql($node, 'source', <<"SQL");
INSERT INTO alert_channels (channel_name, kind, url) VALUES ('hook', 'webhook', 'http://127.0.0.1:9/');
INSERT INTO alert_thresholds (threshold_name, session_id, metric, comparison, threshold_value, hold_for)
    VALUES ('held', '$held', 'current_people_inside', 'above', 1, '1 hour'),
        ('recovering', '$open', 'current_people_inside', 'above', 3, '0'),
        ('repeated', '$open', 'current_people_inside', 'above', 1, '0');
UPDATE alert_thresholds SET keep_firing_for = '1 hour' WHERE threshold_name = 'recovering';
UPDATE alert_thresholds SET repeat_interval = '1 second' WHERE threshold_name = 'repeated';
SQL
sql($node, 'source', join '', map { crowd($_, 3) } $resolved, $acknowledged, $by_hand);
sql($node, 'source', crowd($held, 2));
sql($node, 'source', crowd($open, 4));
sql($node, 'source', crowd($open, 1, 'out'));
wait_for_alerts($node, 'source', 6, 6);
sql($node, 'source', crowd($resolved, 3, 'out') . "SELECT acknowledge_alert(id, 'us', 'seen') FROM alert_logs WHERE session_id = '$acknowledged';
    SELECT resolve_alert(id) FROM alert_logs WHERE session_id = '$by_hand'");
wait_for_alerts($node, 'source', 6, 4);
wait_until($node, 'source', 'SELECT count(*) = 2 FROM alert_states');
wait_until($node, 'source', 'SELECT max(repeat_count) > 0 FROM alert_logs');
sql($node, 'source', <<"SQL");
UPDATE alert_thresholds SET repeat_interval = NULL;
UPDATE alert_deliveries SET delivered_at = now() WHERE event = 'fired';
SQL
looked_twice($node, 'source');
my $rows = q{SELECT to_jsonb(l) FROM alert_logs l ORDER BY id};
my $sent = q{SELECT to_jsonb(d) FROM alert_deliveries d WHERE delivered_at IS NOT NULL ORDER BY id};
my $alerts = sql($node, 'source', $rows);
my $deliveries = sql($node, 'source', $sent);

my $dump = "$SCRATCH/dump";
for (['custom', '-Fc'], ['plain', '-Fp']) {
    my ($status, $output) = run_with($node, 'pg_dump', $_->[1], '-d', 'source', '-f', "$dump.$_->[0]");
    is($status, 0, "pg_dump, $_->[0]") || diag($output);
}

# restored(database, name): compares, and sees that the open alerts live on.
sub restored {
    my ($database, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_for_state($node, $database, 'running');
    looked_twice($node, $database);
    same_rows(sql($node, $database, $rows), $alerts, "$name: alerts are identical");
    same_rows(sql($node, $database, $sent), $deliveries, "$name: so is what was sent");
    is(sql($node, $database, 'SELECT count(*) FROM alert_deliveries WHERE delivered_at IS NULL'), 0, "$name: nothing is sent again");
    is(worker($node, $database)->{transitions}, 0, "$name: its worker has raised and resolved nothing");
    sql($node, $database, crowd($open, 3, 'out') . crowd($acknowledged, 3, 'out') . crowd($by_hand, 3, 'out'));
    wait_for_alerts($node, $database, 6, 1);
    is(sql($node, $database, q{SELECT string_agg(event, ' ') FROM alert_deliveries WHERE delivered_at IS NULL}),
        'resolved resolved resolved', "$name: the open ones are resolved, and that is announced");
    is(sql($node, $database, q{SELECT phase FROM alert_states JOIN alert_thresholds t ON t.id = threshold_id
        WHERE threshold_name = 'recovering'}), 'recovering', "$name: each by its own rule");
    sql($node, $database, crowd($by_hand, 3));
    wait_for_alerts($node, $database, 7, 2);
    pass("$name: and new ones fire");
    verify_ok($node, $database, $name);
    return;
}

sub succeeds {
    my ($name, @command) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = run_with($node, @command);
    return is($status, 0, $name) || diag($output);
}

create_database($node, 'plain', extension => 0);
succeeds('psql of a plain dump', 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'plain', '-f', "$dump.plain");
restored('plain', 'plain');
succeeds('scripts/restore', "$SOURCE/scripts/restore", '-j2', '--create', "$dump.custom", 'parallel');
restored('parallel', 'scripts/restore');

# Slowly: the worker looks between any two tables.
create_database($node, 'slowly', extension => 0);
my @restore = ('pg_restore', '--exit-on-error', '-d', 'slowly', "$dump.custom");
succeeds('pg_restore, definitions', @restore, '--section=pre-data');
my ($status, $list) = run_with($node, 'pg_restore', '-l', "$dump.custom");
for my $entry (grep {/ TABLE DATA /} split /\n/, $list) {
    append_to_file("$dump.entry", '');
    open my $file, '>', "$dump.entry" or die "$dump.entry: $!";
    print $file "$entry\n";
    close $file;
    my ($table) = $entry =~ / TABLE DATA \S+ (\S+)/;
    succeeds("pg_restore, then a look: $table", @restore, '-L', "$dump.entry");
    wait_for_state($node, 'slowly', 'running');
    looked_twice($node, 'slowly');
}
succeeds('pg_restore, keys', @restore, '--section=post-data');
restored('slowly', 'table after table');
same_rows(sql($node, 'source', $rows), $alerts, 'the source has not noticed');

# pg_upgrade to a cluster of the same version takes everything along, also what is pending.

$node->safe_psql('postgres', "DROP DATABASE $_") for qw(plain parallel slowly);
sql($node, 'source', crowd($by_hand, 3, 'out'));
looked_twice($node, 'source');
my $states = q{SELECT to_jsonb(s) FROM alert_states s ORDER BY 1};
my $everything = sql($node, 'source', 'SELECT to_jsonb(d) FROM alert_deliveries d ORDER BY id; SELECT installed_at FROM alert_progress');
my $pending = sql($node, 'source', $states);
my $upgraded = new_cluster('upgraded', preload => 1, conf => "autovacuum = off\npeople_counter.delivery_enabled = off");
$_->stop for $node, $upgraded;
my $bin = (run_with($node, 'pg_config', '--bindir'))[1] =~ s/\n//r;
my $directory = getcwd();    # pg_upgrade writes where it is
mkdir "$SCRATCH/upgrade" or die "$SCRATCH/upgrade: $!";
chdir "$SCRATCH/upgrade" or die "$SCRATCH/upgrade: $!";
succeeds('pg_upgrade', 'pg_upgrade', '-b', $bin, '-B', $bin, '-d', $node->data_dir, '-D', $upgraded->data_dir,
    '-p', $node->port, '-P', $upgraded->port, '-s', $node->host);
chdir $directory or die "$directory: $!";
$upgraded->start;
wait_for_state($upgraded, 'source', 'running');
looked_twice($upgraded, 'source');
same_rows(sql($upgraded, 'source', $rows), $alerts, 'pg_upgrade: alerts are identical');
same_rows(sql($upgraded, 'source', $states), $pending, 'pg_upgrade: and what is pending');
same_rows(sql($upgraded, 'source', 'SELECT to_jsonb(d) FROM alert_deliveries d ORDER BY id; SELECT installed_at FROM alert_progress'),
    $everything, 'pg_upgrade: and what is to be sent');
sql($upgraded, 'source', "UPDATE alert_thresholds SET hold_for = '1 second' WHERE threshold_name = 'held'");
wait_until($upgraded, 'source', q{SELECT count(*) = 1 FROM alert_logs WHERE alert_type = 'held'});
sql($upgraded, 'source', crowd($open, 3, 'out') . crowd($acknowledged, 3, 'out'));
wait_for_alerts($upgraded, 'source', 7, 2);
pass('pg_upgrade: alerts go on');
verify_ok($upgraded, 'source', 'pg_upgrade');

$upgraded->stop;
unlike(slurp_file($_->logfile), qr/terminated by signal|PANIC|TRAP:|WARNING:  people/, 'no complaints of ' . $_->name)
    for $node, $upgraded;
done_testing();
