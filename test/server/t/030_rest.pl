# people_counter_rest on servers: who may create it, dump and restore, several databases of a cluster, DROP under load, a standby,
# and clients that send the same movements at once.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run ();
use PeopleCounter;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rest;
use Test::More;

my $node = new_cluster('rest', streaming => 1, conf => 'max_wal_senders = 5');
my $schema = 'Đếm Người';    # needs quoting
my $door = '00000000-0000-7000-8000-00000000000';

# What a database has of the API: rights, owners, settings, comments, and the members of the extension.
my $catalog = <<'SQL';
SELECT 'relation', c.oid::regclass, c.relowner::regrole, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(c.relacl) a), obj_description(c.oid, 'pg_class')
  FROM pg_class c WHERE relnamespace::regnamespace::text IN ('people_counter_api', 'people_counter_rest') ORDER BY c.oid::regclass::text;
SELECT 'function', p.oid::regprocedure, p.proowner::regrole, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(p.proacl) a), p.proconfig, p.prosecdef
  FROM pg_proc p WHERE pronamespace::regnamespace::text IN ('people_counter_api', 'people_counter_rest') ORDER BY p.oid::regprocedure::text;
SELECT 'schema', nspname, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(nspacl) a), obj_description(oid, 'pg_namespace')
  FROM pg_namespace WHERE nspname IN ('people_counter_api', 'people_counter_rest') ORDER BY nspname;
SELECT 'core', c.oid::regclass, a FROM pg_class c, unnest(c.relacl) a WHERE a::text LIKE 'people\_counter\_%' ORDER BY c.oid::regclass::text, a::text;
SQL
my $roles = <<'SQL';
SELECT rolname, rolcanlogin, rolinherit, shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname LIKE 'people\_counter\_%' ORDER BY 1;
SELECT roleid::regrole, member::regrole FROM pg_auth_members WHERE roleid::regrole::text LIKE 'people\_counter\_%' ORDER BY 1, 2;
SQL
my $rows = <<'SQL';
SET timezone = 'UTC';
SELECT to_jsonb(k) FROM people_counter_rest.api_keys k ORDER BY id;
SELECT to_jsonb(d) FROM people_counter_rest.session_devices d ORDER BY session_id;
SQL

# ---- who may create it --------------------------------------------------------------------------------------------------

create_database($node, 'counting', schema => $schema);
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; ALTER DATABASE counting OWNER TO owner');
like(sql_error($node, 'counting', 'SET SESSION AUTHORIZATION owner; CREATE EXTENSION people_counter_rest'),
    qr/42501: permission denied to create extension "people_counter_rest"\nHINT:  Must be superuser/, 'the owner of a database may not create it, and is told why');
create_database($node, 'alone', extension => 0);
like(sql_error($node, 'alone', 'CREATE EXTENSION people_counter_rest'), qr/required extension "people_counter" is not installed/, 'nor anybody without people_counter');
$node->safe_psql('alone', 'CREATE EXTENSION people_counter_rest CASCADE');
is($node->safe_psql('alone', 'SELECT people_counter_api.health() IS NOT NULL'), 't', 'but CASCADE creates both');

# ---- two databases of a cluster -----------------------------------------------------------------------------------------

$node->safe_psql('counting', 'CREATE EXTENSION people_counter_rest');
fill_sample($node, 'counting');
my $key = make_key($node, 'counting', 'device', 'door');
my $reader = make_key($node, 'counting', 'reader');
my $revoked = make_key($node, 'counting', 'operator');
answer($node, 'counting', 'admin', "SELECT revoke_api_key('$revoked->{id}')");
answer($node, 'counting', $key->{api_key}, qq[SELECT create_session('{"id": "${door}1", "session_name": "door", "start_time": "2024-03-09T08:00Z"}')]);
answer($node, 'counting', $key->{api_key}, q[SELECT record_movements('[{"person_id": 1, "movement_direction": "in"}, {"person_id": 2, "movement_direction": "in"}]')]);
like((request($node, 'alone', $key->{api_key}, 'SELECT health()'))[2], qr/PT401: X-API-Key is not valid/, 'a key of one database is none of another');
is($node->safe_psql('alone', $roles), $node->safe_psql('counting', $roles), 'both have the roles');
$node->safe_psql('alone', 'DROP EXTENSION people_counter CASCADE');
is($node->safe_psql('alone', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'people_counter_rest'}), 0, 'DROP EXTENSION people_counter CASCADE drops it');
is(answer($node, 'counting', $key->{api_key}, q[SELECT list_sessions() ->> 'total'], read => 1), 1, 'the other database goes on');
$node->safe_psql('alone', 'CREATE EXTENSION people_counter_rest CASCADE');
is($node->safe_psql('alone', 'SELECT people_counter_api.health() IS NOT NULL'), 't', 'and it can be created again');

# ---- last use of a key ----------------------------------------------------------------------------------------------------

is($node->safe_psql('counting', "SELECT last_used_at IS NULL FROM people_counter_rest.api_keys WHERE id = '$reader->{id}'"), 't', 'a key that was not used');
answer($node, 'counting', $reader->{api_key}, 'SELECT list_sessions()', read => 1);
my $used = "SELECT last_used_at FROM people_counter_rest.api_keys WHERE id = '$reader->{id}'";
my $first = $node->safe_psql('counting', $used);
isnt($first, '', 'was used in a transaction that only reads');
answer($node, 'counting', $reader->{api_key}, 'SELECT list_sessions()', read => 1);
is($node->safe_psql('counting', $used), $first, 'is not noted again within the minute');
like((request($node, 'counting', $reader->{api_key}, q[DELETE FROM sessions], read => 1))[2], qr/ERROR:  (25006|42501)/, 'and it stays one that only reads');

# ---- dump and restore -------------------------------------------------------------------------------------------------------

my $dumps = $SCRATCH;
my ($base, $derived) = (base_rows($node, 'counting'), derived_rows($node, 'counting'));
my ($status, $output) = run_with($node, 'pg_dump', '-d', 'counting', '-f', "$dumps/first");
is($status, 0, 'pg_dump') or diag($output);
my $other = new_cluster('other');
is($other->safe_psql('postgres', $roles), '', 'another cluster has no roles');
for my $target (['other', $other, 'a cluster without the roles'], ['again', $other, 'a cluster with them'], ['here', $node, 'the same cluster']) {
    my ($database, $where, $name) = @$target;
    create_database($where, $database, extension => 0);
    $where->safe_psql('postgres', "DO \$\$ BEGIN CREATE ROLE owner; EXCEPTION WHEN duplicate_object THEN END \$\$");
    ($status, $output) = run_with($where, 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-f', "$dumps/first");
    is($status, 0, "restored into $name") or diag($output);
    same_rows(base_rows($where, $database), $base, "$name: rows");
    same_rows(derived_rows($where, $database), $derived, "$name: statistics");
    same_rows($where->safe_psql($database, $rows), $node->safe_psql('counting', $rows), "$name: keys, and whose session is whose");
    same_rows($where->safe_psql($database, $catalog), $node->safe_psql('counting', $catalog), "$name: rights, owners and comments");
    is($where->safe_psql($database, $roles), $node->safe_psql('counting', $roles), "$name: roles");
    ($status, $output) = run_with($where, 'pg_dump', '-d', $database, '-f', "$dumps/$database");
    my ($one, $two) = map { my $text = slurp_file("$dumps/$_"); $text =~ s/^(--|\\(un)?restrict).*\n//mg; $text } 'first', $database;
    is($two, $one, "$name: a dump of it is the same");
    is(answer($where, $database, $key->{api_key}, q[SELECT list_movements('00000000-0000-7000-8000-000000000001') ->> 'total'], read => 1), 2, "$name: a key is one there");
    like((request($where, $database, $revoked->{api_key}, 'SELECT health()'))[2], qr/PT401/, "$name: a revoked one is none");
    verify_ok($where, $database, $name);
}
$other->stop;

# ---- a standby ---------------------------------------------------------------------------------------------------------------

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
my $fresh = make_key($node, 'counting', 'reader');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(answer($standby, 'counting', $fresh->{api_key}, q[SELECT list_sessions() ->> 'total'], read => 1), 8, 'a standby reads with a key that was not used yet');
is(answer($standby, 'counting', $key->{api_key}, q[SELECT get_session('00000000-0000-7000-8000-000000000001') ->> 'session_name']), 'door', 'also with one of a device');
isnt(answer($standby, 'counting', $reader->{api_key}, "SELECT $_()", read => 1), '', "$_() on the standby") for qw(health health_detailed dashboard_summary prometheus_metrics get_hourly_analytics);
like((request($standby, 'counting', $key->{api_key}, "SELECT $_"))[2], qr/25006: cannot execute (INSERT|UPDATE|SELECT) in a read-only transaction/, "$_ is refused there")
    for q[create_session('{}')], q[update_session('{"fps": 1}')], q[record_movements('{"person_id": 1, "movement_direction": "in"}')],
        q[record_movements('[{"person_id": 1, "movement_direction": "in"}]')], q[record_metrics('{}')];
$standby->stop;

# ---- many at once ------------------------------------------------------------------------------------------------------------

# Eight clients, each with the same batches in an order of its own: every id is counted once.
my $one = "${door}2";
answer($node, 'counting', 'operator', qq[SELECT create_session('{"id": "$one", "session_name": "busy", "start_time": "2024-03-09T08:00Z"}')]);
my @clients;
for my $n (0 .. 7) {
    my @batches = map { ($_ * (2 * $n + 1) + $n) % 32 } 0 .. 31;    # an order of its own: 2n + 1 and 32 have no common divisor
    my $text = join "\n", 'SET SESSION AUTHORIZATION people_counter_authenticator; SET ROLE people_counter_operator;',
        "SET request.headers = '{\"x-session-id\": \"$one\"}'; SET request.jwt.claims = '{}';",
        map { <<"SQL" } @batches;
SELECT people_counter_api.record_movements(jsonb_agg(jsonb_build_object('id', '00000000-0000-4000-8000-' || lpad(n::text, 12, '0'), 'person_id', n,
    'movement_time', '2024-03-09T12:00:00Z'::timestamptz + n * interval '1 second', 'movement_direction', CASE n % 3 WHEN 0 THEN 'out' ELSE 'in' END) ORDER BY n))
    -> 'recorded' FROM generate_series($_ * 20, $_ * 20 + 39) n;
SQL
    my $client = { output => '' };
    $client->{harness} = IPC::Run::start(['psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('counting'), '-f', write_script("client_$n", $text)],
        '<', \undef, '>', \$client->{output}, '2>&1');
    push @clients, $client;
}
my ($recorded, $failed) = (0, 0);
for my $client (@clients) {
    ++$failed unless $client->{harness}->finish;
    $recorded += $_ for $client->{output} =~ /^(\d+)$/mg;
    diag($client->{output}) if $client->{output} =~ /ERROR/;
}
is($failed, 0, 'eight clients that send the same have no error');
is($recorded, 660, 'each movement is told to be recorded once');
is($node->safe_psql('counting', qq{SELECT count(*), count(DISTINCT id) FROM "$schema".people_movements WHERE session_id = '$one'}), '660|660', 'and is there once');
verify_ok($node, 'counting', 'after eight clients');

# ---- DROP EXTENSION under load -----------------------------------------------------------------------------------------------

my $load = { output => "$SCRATCH/load.out" };
my $statement = <<"SQL";
BEGIN; SET LOCAL role = 'people_counter_operator'; SET LOCAL request.headers = '{"x-session-id": "$one"}';
SELECT people_counter_api.record_movements('[{"person_id": 1, "movement_direction": "in"}, {"person_id": 2, "movement_direction": "out"}]') -> 'recorded'; COMMIT;
SQL
$load->{harness} = IPC::Run::start(['psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('counting'), '-f',
    write_script('load', "\\set VERBOSITY verbose\nSET application_name = 'load';\n" . $statement x 200_000)], '<', \undef, '>', $load->{output}, '2>&1');
my $count = qq{SELECT count(*) FROM "$schema".people_movements WHERE session_id = '$one'};
for my $round (1 .. 3) {
    my $before = $node->safe_psql('counting', $count);
    wait_until($node, 'counting', "SELECT ($count) > $before + 20", $load);
    my $error;
    for (1 .. 20) {
        $error = sql_error($node, 'counting', 'SET client_min_messages = warning; DROP EXTENSION people_counter_rest');
        last if $error !~ /40P01/;
    }
    is($error, '', "DROP EXTENSION people_counter_rest, round $round");
    is(sql_error($node, 'counting', 'CREATE EXTENSION people_counter_rest'), '', "and CREATE again, round $round");
}
my $before = $node->safe_psql('counting', $count);
wait_until($node, 'counting', "SELECT ($count) > $before + 20", $load);
ok(is_running($load), 'the client is still at work');
$load->{harness}->signal('TERM');
eval { $load->{harness}->finish };
my %states;
++$states{$_} for slurp_file($load->{output}) =~ /ERROR:  (\w{5}):/g;
note("$states{$_} times $_") for sort keys %states;
is(join(' ', grep { !/^(3F000|42883|42P01|42501|25P02|40P01)$/ } sort keys %states), '', 'what it saw was that something was not there');
wait_until($node, 'counting', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'load'});
verify_ok($node, 'counting', 'after DROP EXTENSION under load');
is($node->safe_psql('counting', 'SELECT count(*) FROM people_counter_rest.api_keys'), 0, 'with the extension went its keys');
is($node->safe_psql('counting', q{SELECT rolname FROM pg_roles WHERE rolname = 'people_counter_reader'}), 'people_counter_reader', 'roles stay');

$node->stop;
done_testing();
