# Dump and restore in every format, as a superuser and as the owner of a database: every base row comes back, the
# triggers make the same statistics again, and the shipped rows are neither doubled nor revived.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('dump');
my $dumps = $SCRATCH;
my $schema = 'Đếm Người';    # needs quoting
my $restored = 0;

create_database($node, 'source', schema => $schema);
fill_sample($node, 'source');
archive_part($node, 'source');

# What a user adds around the extension travels with it.
sql($node, 'source', <<'SQL');
CREATE TABLE public.visitors (person integer PRIMARY KEY, session uuid REFERENCES sessions,
    direction movement_direction);
INSERT INTO public.visitors VALUES (1, '00000000-0000-7000-8000-0000000000a1', 'in');
CREATE VIEW public.busy AS SELECT * FROM hourly_statistics WHERE peak_people_count > 5;
SQL
my $base = base_rows($node, 'source');
my $derived = derived_rows($node, 'source');
my $states = fold_states($node, 'source');
verify_ok($node, 'source', 'source');
sql($node, 'source', q{INSERT INTO alert_deliveries (channel_id, event, payload) SELECT id, 'test', '{}' FROM alert_channels});    # is not restored
like($base, qr/"origin": "$_"/, "the sample has $_ rows") for qw(shipped changed user);
cmp_ok(scalar(() = $derived =~ /^hour/mg), '>', 100, 'the sample has statistics');

sub target {
    my (%options) = @_;
    my $name = 'restored_' . ++$restored;
    create_database($node, $name, extension => 0, %options);
    return $name;
}

# compare(database, name): base and derived rows are those of the source.
sub compare {
    my ($database, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    same_rows(base_rows($node, $database), $base, "$name: every base row is back, none is added");
    same_rows(derived_rows($node, $database), $derived, "$name: derived rows are identical");
    is(fold_states($node, $database), $states, "$name: even the internal state is identical");
    verify_ok($node, $database, $name);
    return;
}

# succeeds(name, command...)
sub succeeds {
    my ($name, @command) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = run_with($node, @command);
    return is($status, 0, $name) || diag($output);
}

my @psql = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1');

sub dump_source {
    my ($name, @options) = @_;
    succeeds("pg_dump $name", 'pg_dump', '-d', 'source', '-f', "$dumps/$name", @options);
    return "$dumps/$name";
}

# Plain dumps through psql.

my $plain = dump_source('plain');
my $database = target();
succeeds('psql of a plain dump', @psql, '-d', $database, '-f', $plain);
compare($database, 'plain');
is(sql($node, $database, 'SELECT count(*) FROM public.visitors, public.busy'),
    sql($node, 'source', 'SELECT count(*) FROM public.visitors, public.busy'),
        'plain: tables and views of the user too');

# The second generation: what a restore says of shipped, changed and deleted rows is dumped again.
my $again = "$dumps/again";
succeeds('pg_dump of what was restored', 'pg_dump', '-d', $database, '-f', $again, '-Fc');
$database = target();
succeeds('pg_restore of the second generation', 'pg_restore', '--exit-on-error', '-d', $database, $again);
compare($database, 'second generation');

$database = target();
succeeds('psql of --inserts', @psql, '-d', $database, '-f', dump_source('inserts', '--inserts'));
compare($database, 'inserts');

# Archives.

my $custom = dump_source('custom', '-Fc');
my $directory = dump_source('directory', '-Fd', '-j2');
$database = target();
succeeds('pg_restore of the custom format', 'pg_restore', '--exit-on-error', '-d', $database, $custom);
compare($database, 'custom');

succeeds('pg_restore --clean over it', 'pg_restore', '--clean', '--if-exists', '--exit-on-error', '-d', $database,
    $custom);
compare($database, 'custom, cleaned');

$database = target();
succeeds('pg_restore of the directory format in one transaction', 'pg_restore', '--single-transaction', '-d', $database,
    $directory);
compare($database, 'directory');

# Data alone, into a fresh extension. The dump names the schema, so it must be the same.

my $data = dump_source('data', '--data-only', '-T', 'public.visitors');
$database = target();
$node->safe_psql($database, "CREATE SCHEMA \"$schema\"; CREATE EXTENSION people_counter SCHEMA \"$schema\"");
succeeds('psql of --data-only', @psql, '-d', $database, '-f', $data);
compare($database, 'data-only');

my ($status, $output) = run_with($node, @psql, '-d', $database, '-f', $data);
isnt($status, 0, 'loading the data a second time is refused');
like($output, qr/duplicate key/, 'because the sessions are there already');
compare($database, 'data-only, second time');

for my $archive ($custom, $directory) {
    my ($format) = $archive =~ m{([^/]*)$};
    $database = target();
    $node->safe_psql($database, "CREATE SCHEMA \"$schema\"; CREATE EXTENSION people_counter SCHEMA \"$schema\"");
    succeeds("pg_restore --data-only of $format", 'pg_restore', '--exit-on-error', '--data-only', '-n', $schema, '-d',
        $database, $archive);
    compare($database, "data-only of $format");
}

# --disable-triggers switches off what makes the statistics: verify tells, rebuild repairs. (It also switches off what
# lets an edited default replace the shipped one, so such rows are refused loudly; here they stay out.)
$database = target();
$node->safe_psql($database, "CREATE SCHEMA \"$schema\"; CREATE EXTENSION people_counter SCHEMA \"$schema\"");
succeeds('pg_restore --data-only --disable-triggers', 'pg_restore', '--exit-on-error', '--data-only',
    '--disable-triggers',
    (map { ('-t', $_) } qw(sessions people_movements realtime_metrics occupancy_baselines archived_hours)),
    '-d', $database, $custom);
isnt(problems($node, $database), '', 'disabled triggers: verify_statistics() tells that the statistics are missing');
is(sql($node, $database, 'SELECT rebuild_statistics()'), 7, 'disabled triggers: rebuild_statistics() makes them');
same_rows(derived_rows($node, $database), $derived, 'disabled triggers: identical after the rebuild');
verify_ok($node, $database, 'disabled triggers');

# In parallel. pg_restore does not know that sessions come first: it may fail, but never without saying so.

for my $archive ($custom, $directory) {
    my ($format) = $archive =~ m{([^/]*)$};
    $database = target();
    ($status, $output) = run_with($node, 'pg_restore', '-j2', '-d', $database, $archive);
    if ($status == 0) {
        compare($database, "pg_restore -j2 of $format");
    } else {
        like($output, qr/violates foreign key constraint|errors ignored on restore/,
            "pg_restore -j2 of $format fails loudly");
        is(problems($node, $database), '', "pg_restore -j2 of $format: the statistics agree with what has been loaded");
    }
    for my $jobs (2, 4) {
        my $name = "scripts/restore -j$jobs of $format";
        $database = 'parallel_' . ++$restored;
        succeeds($name, "$SOURCE/scripts/restore", "-j$jobs", '--create', $archive, $database);
        compare($database, $name);
        is(sql($node, $database, 'SELECT count(*) FROM public.visitors'), 1, "$name: tables of the user too");
    }
}

($status, $output) = run_with($node, "$SOURCE/scripts/restore", '-j2', $custom, $database);
isnt($status, 0, 'scripts/restore refuses a database that holds the data already');
compare($database, 'scripts/restore, second time');
($status, $output) = run_with($node, "$SOURCE/scripts/restore", '-j2', $plain, target());
isnt($status, 0, 'scripts/restore refuses a plain dump');
like($output, qr/psql/, 'and says what to do with it');

# A dump taken in the midst of writes: one moment of them, and complete.

create_database($node, 'busy');
fill_sample($node, 'busy');
my $load = start_pgbench($node, 'busy', '-c4', '-j1', '-T60', '-f', write_script('busy', <<'SQL'));
\set n random(1, 5000)
BEGIN;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES (('00000000-0000-7000-8000-0000000000a' || (:n % 4 + 1))::uuid,
        timestamptz '2024-03-20 08:00+00' + :n * interval '1 minute', :n, 'in');
DELETE FROM people_movements WHERE session_id = '00000000-0000-7000-8000-0000000000a1' AND person_id = :n;
INSERT INTO sessions (id, session_name, start_time) VALUES (md5(random()::text)::uuid, 'busy', '2024-03-20 08:00+00');
COMMIT;
SQL
wait_until($node, 'busy', q{SELECT count(*) > 200 FROM sessions}, $load);
succeeds('pg_dump under load', 'pg_dump', '-Fd', '-j2', '-d', 'busy', '-f', "$dumps/busy");
ok(is_running($load), 'the load was still going on');
$load->{harness}->signal('INT');
finish_pgbench($load);
$database = 'parallel_' . ++$restored;
succeeds('scripts/restore of a dump under load', "$SOURCE/scripts/restore", '-j2', '--create', "$dumps/busy",
    $database);
verify_ok($node, $database, 'dump under load');
is(sql($node, $database, 'SELECT count(*) FROM sessions WHERE id NOT IN (SELECT session_id FROM session_statistics)'),
    0, 'dump under load: every session has its statistics');
cmp_ok(sql($node, $database, 'SELECT count(*) FROM sessions'), '>', 200,
    'dump under load: with what was written before it began');

# The owner of a database who is no superuser, from CREATE EXTENSION to the last restore.

$node->safe_psql('postgres', 'CREATE ROLE pc_owner LOGIN CREATEDB');
create_database($node, 'owned', owner => 'pc_owner', extension => 0);
my $superusers_base = $base;
my %owned = map { $_ => "$dumps/owned_$_" } qw(plain inserts data custom directory again);
{
    local $ENV{PGUSER} = 'pc_owner';
    succeeds('CREATE EXTENSION by the owner', @psql, '-d', 'owned', '-c', 'CREATE EXTENSION people_counter');
    fill_sample($node, 'owned');
    sql($node, 'owned', <<'SQL');
CREATE TABLE visitors (person integer PRIMARY KEY, session uuid REFERENCES sessions);
INSERT INTO visitors VALUES (1, '00000000-0000-7000-8000-0000000000a1');
GRANT SELECT ON daily_analytics TO PUBLIC;
GRANT EXECUTE ON FUNCTION rebuild_statistics TO PUBLIC;
SQL
    is(sql_error($node, 'owned', 'SELECT rebuild_statistics()'), '', 'the owner rebuilds');
    verify_ok($node, 'owned', 'owner');
    $base = base_rows($node, 'owned');
    $derived = derived_rows($node, 'owned');
    $states = fold_states($node, 'owned');
    succeeds('pg_dump by the owner', 'pg_dump', '-d', 'owned', '-f', $owned{plain});
    succeeds('pg_dump --inserts by the owner', 'pg_dump', '--inserts', '-d', 'owned', '-f', $owned{inserts});
    succeeds('pg_dump --data-only by the owner', 'pg_dump', '--data-only', '-T', 'visitors', '-d', 'owned', '-f',
        $owned{data});
    succeeds('pg_dump -Fc by the owner', 'pg_dump', '-Fc', '-d', 'owned', '-f', $owned{custom});
    succeeds('pg_dump -Fd by the owner', 'pg_dump', '-Fd', '-j2', '-d', 'owned', '-f', $owned{directory});

    my @restore = ('pg_restore', '--exit-on-error', '-d');
    for (
        ['plain', sub { @psql, '-d', shift, '-f', $owned{plain} }],
        ['inserts', sub { @psql, '-d', shift, '-f', $owned{inserts} }],
        ['custom', sub { @restore, shift, $owned{custom} }],
        ['directory', sub { @restore, shift, $owned{directory} }],
        ['second generation', sub { @restore, shift, $owned{again} }],
        (map {
            my ($format, $jobs) = @$_;
            ["scripts/restore -j$jobs of $format", sub { "$SOURCE/scripts/restore", "-j$jobs", $owned{$format}, shift }]
        } ['custom', 2], ['custom', 4], ['directory', 2], ['directory', 4]),
    ) {
        my ($name, $command) = @$_;
        my $target = target(owner => 'pc_owner');
        succeeds("the owner restores: $name", $command->($target));
        compare($target, "the owner's restore, $name");
        is(sql($node, $target, 'SELECT count(*) FROM visitors JOIN sessions ON session = id'), 1,
            "the owner's restore, $name: with the owner's table");
        succeeds('the owner dumps it again', 'pg_dump', '-Fc', '-d', $target, '-f', $owned{again}) if $name eq 'plain';
        is(sql($node, $target, q{SELECT has_function_privilege('public', 'rebuild_statistics(uuid)', 'EXECUTE')}), 't',
            "the owner's restore, $name: with the owner's grants");
    }
    my $target = target(owner => 'pc_owner');
    sql($node, $target, 'CREATE EXTENSION people_counter');
    succeeds('the owner restores: data only', @psql, '-d', $target, '-f', $owned{data});
    compare($target, "the owner's restore, data only");
    for my $format ('custom', 'directory') {
        $target = target(owner => 'pc_owner');
        sql($node, $target, 'CREATE EXTENSION people_counter; CREATE TABLE visitors (person integer, session uuid)');
        succeeds("the owner restores: data only of $format", 'pg_restore', '--exit-on-error', '--data-only', '-d', $target,
            $owned{$format});
        compare($target, "the owner's restore, data only of $format");
    }
    $target = 'parallel_' . ++$restored;
    succeeds('the owner restores into a database of their own making', "$SOURCE/scripts/restore", '-j2', '--create',
        $owned{custom}, $target);
    compare($target, "the owner's restore, database made");
    is(sql_error($node, 'owned', 'DROP TABLE visitors; DROP EXTENSION people_counter'), '', 'the owner drops the extension');
}

# An extension belongs to whoever restores it. A superuser who restores for the owner does so as the owner.
$database = target(owner => 'pc_owner');
succeeds('a superuser restores as the owner', 'pg_restore', '--exit-on-error', '--role=pc_owner', '-d', $database,
    $owned{custom});
compare($database, "owner's dump, restored by a superuser as the owner");
{
    local $ENV{PGUSER} = 'pc_owner';
    is(sql_error($node, $database, q{INSERT INTO sessions (session_name) VALUES ('more')}), '',
        'and the tables are those of the owner');
}

# A superuser's dump, restored by the owner, whose tables they are then.
$base = $superusers_base;
$derived = derived_rows($node, 'source');
$states = fold_states($node, 'source');
$database = target(owner => 'pc_owner');
{
    local $ENV{PGUSER} = 'pc_owner';
    succeeds("the owner restores a superuser's dump", 'pg_restore', '--exit-on-error', '--no-owner', '-d', $database, $custom);
    compare($database, "superuser's dump, owner's restore");
    is(sql_error($node, $database, 'SELECT rebuild_statistics()'), '', "superuser's dump, owner's restore: the owner rebuilds");
}

# Where a superuser has made the extension, in a schema of its own, and granted what it takes.
$database = target(owner => 'pc_owner');
$node->safe_psql($database, <<"SQL");
CREATE SCHEMA "$schema";
CREATE EXTENSION people_counter SCHEMA "$schema";
GRANT USAGE ON SCHEMA "$schema" TO pc_owner;
GRANT SELECT, INSERT, UPDATE, DELETE, REFERENCES ON ALL TABLES IN SCHEMA "$schema" TO pc_owner;
ALTER TABLE "$schema".alert_channel_secrets OWNER TO pc_owner;
SQL
{
    local $ENV{PGUSER} = 'pc_owner';
    succeeds('scripts/restore -j2 by the owner into a schema of its own', "$SOURCE/scripts/restore", '-j2',
        '--no-privileges', $custom, $database);
    compare($database, 'scripts/restore by the owner, schema of its own');
}

$node->stop;
done_testing();
