# The alert worker where the library is not preloaded: everything else works, and start_alert_worker() starts one. And whose
# rights it has: those of the extension's owner, whatever the owner's triggers try.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_cluster('by_hand', conf => <<'CONF');
autovacuum = off
restart_after_crash = on
max_worker_processes = 8
max_logical_replication_workers = 0
CONF
my $door = door(1);

sub status { return sql($node, $_[0], 'SELECT state FROM alert_worker_status') }

sub fires {
    my ($database, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($raised) = split /\|/, alert_counts($node, $database);
    sql($node, $database, crowd($door, 3));
    wait_for_alerts($node, $database, $raised + 1, 1);
    sql($node, $database, crowd($door, 3, 'out'));
    wait_for_alerts($node, $database, $raised + 1, 0);
    return pass("$name: an alert fires and is resolved");
}

sub wait_for_none {
    my ($database) = @_;
    return wait_until($node, 'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'people_counter%'
        AND (datname = '$database' OR '$database' = '')");
}

# Nothing runs, and everything else works.

create_database($node, 'one');
open_doors($node, 'one', 1);
watch_people($node, 'one');
is(status('one'), 'not running', 'without preloading no worker runs');
sql($node, 'one', crowd($door, 3));
verify_ok($node, 'one', 'movements are counted');
is(alert_counts($node, 'one'), '0|0', 'nobody raises an alert');
is(sql($node, 'one', 'SELECT evaluate_alerts()'), 1, 'evaluate_alerts() does');
is(alert_counts($node, 'one'), '1|1', 'which is there');
is(sql($node, 'one', 'SELECT evaluate_alerts()'), 0, 'once');
sql($node, 'one', crowd($door, 3, 'out'));
is(sql($node, 'one', 'SELECT evaluate_alerts()'), 1, 'and is resolved by the next');
is(sql($node, 'one', 'SELECT stop_alert_worker()'), 'f', 'there is nothing to stop');

# Started and stopped.

my $pid = sql($node, 'one', 'SELECT start_alert_worker()');
is(sql($node, 'one', 'SELECT pid FROM alert_worker_status'), $pid, 'start_alert_worker() returns the process that runs then');
wait_for_state($node, 'one', 'running');
fires('one', 'started by hand');
is(sql($node, 'one', 'SET client_min_messages = warning; SELECT start_alert_worker()'), $pid, 'started again it is the same');
is(sql($node, 'one', 'SELECT stop_alert_worker()'), 't', 'stop_alert_worker()');
wait_for_none('');
is(status('one'), 'not running', 'and no process is left');
sql($node, 'one', 'SELECT start_alert_worker()');
fires('one', 'started after it was stopped');
sql($node, 'one', 'SELECT pg_terminate_backend(pid) FROM alert_worker_status');
fires('one', 'ended by somebody, it comes back');

# A crash: the server starts it again.
$pid = sql($node, 'one', 'SELECT pid FROM alert_worker_status');
kill 9, $pid;
wait_until($node, 'one', "SELECT pid <> $pid AND state = 'running' FROM alert_worker_status");
fires('one', 'after a crash');

# DROP EXTENSION and DROP DATABASE.
create_database($node, 'two');
sql($node, 'two', 'SELECT start_alert_worker()');
wait_for_state($node, 'two', 'running');
$node->safe_psql('two', 'DROP EXTENSION people_counter');
wait_until($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'two'});
pass('DROP EXTENSION ends it');
$node->safe_psql('two', 'CREATE EXTENSION people_counter');
open_doors($node, 'two', 1);
watch_people($node, 'two');
sql($node, 'two', 'SELECT start_alert_worker()') if status('two') eq 'not running';
fires('two', 'the next extension');
my $log = -s $node->logfile;
is(sql_error($node, 'postgres', 'DROP DATABASE two'), '', 'DROP DATABASE while it runs');
wait_until($node, 'postgres', q{SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type LIKE 'people_counter%r'
    AND backend_type NOT LIKE '%delivery%'});
usleep(2_500_000);    # in which it might be tried again
my $said = slurp_file($node->logfile, $log);
cmp_ok(scalar(() = $said =~ /people_counter/g), '<', 8, 'and the log is not filled') || diag($said);
unlike($said, qr/does not exist/, 'with what is gone');

# No free process.
$node->safe_psql('postgres', "CREATE DATABASE d$_") for 1 .. 6;
my $refused = '';
for my $n (1 .. 6) {
    $node->safe_psql("d$n", 'CREATE EXTENSION people_counter');
    my $error = sql_error($node, "d$n", 'SELECT start_alert_worker()');
    $refused = $error if $error ne '';
    last if $error ne '';
}
like($refused, qr/53000.*(no free background worker|no place for another|did not start)/s, 'where there is no room for one more, it says so');
like($refused, qr/HINT:/, 'and what to do');
fires('one', 'the others go on');
$node->safe_psql('postgres', "DROP DATABASE d$_") for 1 .. 6;
$node->restart;
is(status('one'), 'not running', 'after a restart it is to be started again');

# A plain owner of a database, whose triggers try to become more.

my $owned = new_cluster('owned', preload => 1, conf => "autovacuum = off\nmax_worker_processes = 3\nmax_logical_replication_workers = 0");
$owned->safe_psql('postgres', <<'SQL');
CREATE ROLE pc_owner LOGIN;
CREATE ROLE other LOGIN;
CREATE TABLE secret (n integer);
SQL
create_database($owned, 'owned', owner => 'pc_owner', extension => 0);
$owned->safe_psql('owned', 'CREATE TABLE public.secret (n integer)');
{
    local $ENV{PGUSER} = 'pc_owner';
    $owned->safe_psql('owned', 'CREATE EXTENSION people_counter');
    open_doors($owned, 'owned', 2);
    watch_people($owned, 'owned');
    sql($owned, 'owned', <<'SQL');
CREATE TABLE public.tried (what text, who text, as_whom text, failed text);
CREATE FUNCTION public.try(what text, statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE statement;
        INSERT INTO public.tried VALUES (what, current_user, session_user, NULL);
    EXCEPTION WHEN OTHERS THEN
        INSERT INTO public.tried VALUES (what, current_user, session_user, sqlerrm);
    END;
END $$;
CREATE FUNCTION public.attack() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.try(TG_NAME || ': create role', 'CREATE ROLE evil SUPERUSER');
    PERFORM public.try(TG_NAME || ': alter role', 'ALTER ROLE pc_owner SUPERUSER');
    PERFORM public.try(TG_NAME || ': set role', 'SET ROLE postgres');
    PERFORM public.try(TG_NAME || ': reset role', 'RESET ROLE');
    PERFORM public.try(TG_NAME || ': session authorization', 'SET SESSION AUTHORIZATION postgres');
    PERFORM public.try(TG_NAME || ': reset session authorization', 'RESET SESSION AUTHORIZATION');
    PERFORM public.try(TG_NAME || ': program', 'COPY public.tried FROM PROGRAM $p$echo evil$p$');
    PERFORM public.try(TG_NAME || ': secret', 'INSERT INTO public.secret VALUES (1)');
    PERFORM public.try(TG_NAME || ': file', 'SELECT pg_read_file($p$postgresql.conf$p$)');
    PERFORM public.try(TG_NAME || ': set_config', 'SELECT set_config($p$role$p$, $p$postgres$p$, false)');
    PERFORM public.try(TG_NAME || ': after all', 'CREATE ROLE evil SUPERUSER');
    RETURN NULL;
END $$;
CREATE TRIGGER at_once AFTER INSERT ON alert_logs FOR EACH ROW EXECUTE FUNCTION public.attack();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON alert_logs DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.attack();
CREATE FUNCTION public.hidden(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM public.try('index', 'CREATE ROLE evil SUPERUSER'); RETURN true; END $$;
CREATE INDEX ON alert_logs (public.hidden(alert_type));
SQL
    wait_for_state($owned, 'owned', 'running');
    sql($owned, 'owned', crowd(door(1), 3));
    wait_until($owned, 'owned', q{SELECT last_error LIKE '%cannot fire deferred trigger%' FROM alert_worker_status});
    is($owned->safe_psql('owned', 'SELECT count(*) FROM public.tried'), 0, 'a deferred trigger is refused, and nothing runs');
    sql($owned, 'owned', 'DROP TRIGGER deferred ON alert_logs');
    wait_for_alerts($owned, 'owned', 1, 1);
}
is($owned->safe_psql('owned', q{SELECT DISTINCT who FROM public.tried WHERE what NOT LIKE 'index%'}), 'pc_owner',
    'triggers of the owner run as the owner');
is($owned->safe_psql('owned', <<'SQL'), '', 'and nothing they try gives them more');
SELECT what FROM public.tried WHERE failed IS NULL
SQL
is($owned->safe_psql('owned', q{SELECT count(*) FROM public.tried WHERE what LIKE 'at_once%'}), 11, 'they were all tried');
is($owned->safe_psql('owned', q{SELECT string_agg(rolname, ' ' ORDER BY 1) FROM pg_roles WHERE rolsuper}), 'postgres', 'there is one superuser');
is($owned->safe_psql('owned', 'SELECT count(*) FROM public.secret'), 0, 'what is not theirs is untouched');
is($owned->safe_psql('owned', q{SELECT usesysid::regrole FROM pg_stat_activity WHERE backend_type = 'people_counter alert worker'}),
    'postgres', 'though the process is that of a superuser');

# What others may do.
{
    local $ENV{PGUSER} = 'other';
    is(sql($owned, 'owned', 'SELECT state FROM alert_worker_status'), 'running', 'who may use the schema sees the status');
    like(sql_error($owned, 'owned', "SELECT $_"), qr/42501/, "$_ is not for everybody")
        for 'start_alert_worker()', 'stop_alert_worker()', 'evaluate_alerts()', 'raise_alert(gen_random_uuid(), gen_random_uuid(), now(), 1, 1)',
            q{resolve_alert('00000000-0000-7000-8000-000000000001')};
}
{
    local $ENV{PGUSER} = 'pc_owner';
    is(sql_error($owned, 'owned', 'SET client_min_messages = warning; SELECT evaluate_alerts()'), '', 'the owner may');
    sql($owned, 'owned', 'DROP TRIGGER at_once ON alert_logs');
}
# An owner without any rights on the tables: an error that is told, until they are given back.
$owned->safe_psql('owned', 'REVOKE ALL ON alert_logs FROM pc_owner');
sql($owned, 'owned', crowd(door(2), 3));
wait_until($owned, 'owned', q{SELECT last_error LIKE '%permission denied%' FROM alert_worker_status});
pass('rights that the owner lacks the worker lacks, too');
$owned->safe_psql('owned', 'GRANT ALL ON alert_logs TO pc_owner');
wait_for_alerts($owned, 'owned', 2, 2);
pass('and it recovers');

# No process for another database: said, and the first one goes on.
create_database($owned, $_) for qw(second third);
wait_for_log($owned, qr/no free background worker for the people_counter \w+ worker of database/);
is(sql($owned, 'third', 'SELECT state FROM alert_worker_status'), 'not running', 'where no process is free there is no worker');
like(slurp_file($owned->logfile), qr/HINT:  Raise max_worker_processes/, 'and the log says what to do');
sql($owned, 'owned', crowd(door(1), 3, 'out') . crowd(door(2), 3, 'out'));
wait_for_alerts($owned, 'owned', 2, 0);
pass('the first database is watched as before');

$_->stop for $node, $owned;
unlike(slurp_file($owned->logfile), qr/terminated by signal|PANIC|TRAP:/, 'no server process died');
done_testing();
