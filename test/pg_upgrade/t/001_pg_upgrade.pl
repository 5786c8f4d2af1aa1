# pg_upgrade from an old server, with all that a database can have of the extensions: the library is preloaded in both. What was
# there is there, what waits goes on, and a database that still has the SQL of an older version is updated afterwards.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../../upgrade/lib", "$FindBin::RealBin/../../server/lib";
use PeopleCounter;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Receivers;
use Rest;
use Test::More;
use Upgrade;

my $from = $ENV{PEOPLE_COUNTER_OLD_SERVER} or BAIL_OUT('PEOPLE_COUNTER_OLD_SERVER names no server');
my $present = present();
my @released = released();
my $web = start_receiver('web');

# Settings that the server would refuse if it did not know them, some of them of databases and roles.
my $conf = <<'CONF';
people_counter.alert_max_lag = '20min'
people_counter.delivery_max_attempts = 30
people_counter.stream_interval = '50ms'
CONF
# Checksums are the default of some servers, and not of others; pg_upgrade takes no cluster that differs.
my $old = new_cluster('old', preload => 1, conf => $conf, install_path => $from, init => ['--data-checksums']);
my $version = sub { return $_[0]->safe_psql('postgres', q{SELECT current_setting('server_version')}) };
note('from ', $version->($old));
$old->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE analyst');

# One database with this version in a schema of its own, and one for each that was released.
my %place = (schema => 'Đếm Người', owner => 'owner', rest => 1);
my %of = ('now' => $present, map { ('of_' . s/\W/_/gr) => $_ } @released);
my (%key, %before);
for my $database (sort keys %of) {
    create_version($old, $database, $of{$database}, %place);
    ($key{$database}) = fill_old($old, $database);
    sql($old, $database, 'GRANT SELECT ON hourly_statistics TO analyst; CREATE INDEX mine ON people_movements (person_id)');
    $old->safe_psql('postgres', "ALTER DATABASE $database SET people_counter.alert_max_lag = '30min'");
}

# An alert that fires, one that waits for its time, one that is to be sent again, and people inside.
my $session = door(5);
sql($old, 'now', "DELETE FROM alert_channels; UPDATE alert_thresholds SET is_active = false");
sql($old, 'now', "INSERT INTO sessions (id, session_name, start_time) VALUES ('$session', 'live', now() - interval '1 hour')");
watch_people($old, 'now', session_id => $session);
sql($old, 'now', <<"SQL");
INSERT INTO alert_thresholds (threshold_name, session_id, metric, comparison, threshold_value, hold_for)
    VALUES ('crowded for long', '$session', 'current_people_inside', 'above', 2, '1 hour');
INSERT INTO alert_channels (channel_name, kind, url) VALUES ('hook', 'webhook', 'http://127.0.0.1:$web->{port}/hook');
SQL
rules($web, modes => { '/hook' => '503:2' });
wait_for_state($old, 'now', 'running');
my $alerts = sql($old, 'now', 'SELECT count(*) FROM alert_logs');
sql($old, 'now', crowd($session, 3));
wait_until($old, 'now', "SELECT count(*) = $alerts + 1 FROM alert_logs");
wait_until($old, 'now', q{SELECT count(*) = 1 FROM alert_states WHERE phase = 'pending'});
wait_until($old, 'now', 'SELECT count(*) = 1 FROM alert_deliveries WHERE attempts > 0 AND delivered_at IS NULL AND abandoned_at IS NULL');

for my $database (sort keys %of) {
    verify_ok($old, $database, "$database, before");
}
$old->safe_psql('postgres', 'ALTER SYSTEM SET people_counter.alert_enabled = off');
$old->restart;    # nothing changes from here on
$before{$_} = every_row($old, $_, tables_of($old, $_), in_place => 1) for keys %of;
$old->stop;

# pg_upgrade itself

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(extra => ['--no-locale', '--encoding=UTF8', '--data-checksums']);
$new->append_conf('postgresql.conf', "shared_preload_libraries = 'people_counter'\nmax_worker_processes = 24\ntimezone = 'UTC'\n$conf");
my $work = "$SCRATCH/pg_upgrade";
mkdir $work or die "$work: $!";
chdir $work or die "$work: $!";
chomp(my $bin = `pg_config --bindir`);
my @command = ('pg_upgrade', '--no-sync', '-b', "$from/bin", '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir, '-s', $new->host,
    '-p', $old->port, '-P', $new->port, '-U', (getpwuid $>)[0]);
@command = grep { $_ ne '--no-sync' } @command if $bin =~ m{/15/};
for my $run (['--check'], ['--jobs=2']) {
    my ($status, $output) = run_with($new, @command, @$run);
    is($status, 0, "pg_upgrade @$run") or do {
        for my $log (glob "@{[$new->data_dir]}/pg_upgrade_output.d/*/{,log/}*.{log,txt}") { diag("$log:\n", substr slurp_file($log), -3000) }
        BAIL_OUT('pg_upgrade failed');
    };
}
rules($web);
$new->start;
note('to ', $version->($new));

for my $database (sort keys %of) {
    is(sql($new, $database, 'SELECT extension, library FROM people_counter_version()'), "$of{$database}|$present", "$database: versions");
    # The worker has begun, so what it writes is not as it was.
    my $tables = tables_of($new, $database);
    delete @$tables{ grep {/alert_(deliveries|progress|states)$/} keys %$tables };
    my $kept = join "\n", grep { !/^alert_(deliveries|progress|states)\|/ } split /\n/, $before{$database};
    same_rows(every_row($new, $database, $tables, in_place => 1), $kept, "$database: every row is as it was");
    verify_ok($new, $database, $database);
    is(sql($new, $database, q{SELECT has_table_privilege('analyst', 'hourly_statistics', 'SELECT'), current_setting('people_counter.alert_max_lag')}),
        't|30min', "$database: grants and settings");
}

# What waited goes on: the alert is the same one, and is sent now; nothing is raised again.
wait_for_state($new, 'now', 'running');
looked_twice($new, 'now');
wait_until($new, 'now', 'SELECT count(*) = 0 FROM alert_deliveries WHERE delivered_at IS NULL AND abandoned_at IS NULL');
is(() = received($web, sub { $_->{mode} eq '200' }), 1, 'the alert that could not be sent before is sent once');
is(sql($new, 'now', 'SELECT count(*) FROM alert_logs'), $alerts + 1, 'and is the only one');
is(sql($new, 'now', q{SELECT count(*) FROM alert_states WHERE phase = 'pending'}), 1, 'what waited waits on');
is(sql($new, 'now', "SELECT calculate_current_people_inside('$session')"), 3, 'the people are still inside');

# What the owner of the tables puts on them is run by the worker with the owner's rights.
$new->safe_psql('now', <<'SQL');
SET SESSION AUTHORIZATION owner;
CREATE TABLE public.seen (who text);
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (current_user); RETURN NEW; END $$;
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON "Đếm Người".alert_logs FOR EACH ROW EXECUTE FUNCTION public.note();
SQL
sql($new, 'now', crowd($session, 3, 'out'));
wait_until($new, 'now', q{SELECT is_resolved FROM alert_logs WHERE alert_type = 'crowded'});
sql($new, 'now', crowd($session, 4));
wait_for_alerts($new, 'now', $alerts + 2, sql($new, 'now', 'SELECT count(*) + 0 FROM alert_logs WHERE NOT is_resolved'));
pass('alerts end and begin');
is($new->safe_psql('now', 'SELECT DISTINCT who FROM public.seen'), 'owner', 'by the rights of who owns the tables, though a superuser owns the extension now');
$new->safe_psql('now', 'DROP FUNCTION public.note() CASCADE; DROP TABLE public.seen');

# Each database counts on, also for the past, and the older ones are updated.
create_version($new, 'fresh', $present, %place);
# pg_upgrade makes itself the owner of the extension, and notes first privileges in its own way.
sub objects { return join "\n", grep { !/^(first privileges|extension people_counter: )/ } split /\n/, catalog($new, $_[0]) }
my $fresh = objects('fresh');
for my $database (sort keys %of) {
    is(answer($new, $database, $key{$database}, q[SELECT record_movements('{"person_id": 3, "movement_direction": "out"}') ->> 'status']), 'recorded',
        "$database: a key of before is one now");
    sql($new, $database, <<'SQL');
UPDATE people_movements SET movement_time = movement_time - interval '1 hour' WHERE person_id % 17 = 0;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) SELECT id, start_time + interval '90 minutes', 7, 'in' FROM sessions;
DROP INDEX mine;
REVOKE SELECT ON hourly_statistics FROM analyst;
SQL
    verify_ok($new, $database, "$database, late movements");
    next if $of{$database} eq $present;
    is(update_both($new, $database), '', "$database: updated to $present");
    verify_ok($new, $database, "$database, updated");
    isnt(answer($new, $database, 'operator', 'SELECT dashboard_summary()'), '', "$database: and served");
}
same_lines(objects($_), $fresh, "$_: all objects are those of a fresh installation") for sort keys %of;
is(() = slurp_file($new->logfile) =~ /(PANIC|terminated by signal|could not find function)/g, 0, 'nothing crashed, no function was missing');

$new->stop;
done_testing();
