# Every released version, filled and updated, has the objects of a fresh installation and the rows that it had; and so has what is
# restored from a dump of it. Whoever updates, the owner of the extension owns what comes with the update.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib", "$FindBin::RealBin/../../server/lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Rest;
use Test::More;
use Upgrade;

my $node = new_cluster('fresh');
my $present = present();
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE analyst');

# restored(database, from): a new database of what pg_dump says of the other.
sub restored {
    my ($database, $from) = @_;
    my ($status, $output) = run_with($node, 'pg_dump', '-d', $from, '-f', "$SCRATCH/$from.sql");
    is($status, 0, "pg_dump of $from") or diag($output);
    create_database($node, $database, extension => 0, owner => 'owner');
    ($status, $output) = run_with($node, 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-f', "$SCRATCH/$from.sql");
    is($status, 0, "restored from $from") or diag($output);
    return;
}

my %place = (schema => 'Đếm Người', owner => 'owner', rest => 1);
create_version($node, 'fresh', $present, %place);
my $fresh = catalog($node, 'fresh');
create_version($node, 'fresh_restored', $present, %place, owner => undef);    # whoever restores owns it
my $fresh_restored = catalog($node, 'fresh_restored');

for my $version (released()) {
    note("---- $version");
    (my $suffix = $version) =~ s/\W/_/g;
    my ($updated, $baseline, $again) = ("updated_$suffix", "baseline_$suffix", "restored_$suffix");
    create_version($node, $updated, $version, %place);
    my ($key) = fill_old($node, $updated);
    my $tables = tables_of($node, $updated);
    my $before = every_row($node, $updated, $tables, in_place => 1);
    restored($baseline, $updated);

    is(update_both($node, $updated), '', "$version: a superuser updates both extensions");
    same_lines(catalog($node, $updated), $fresh, "$version: all objects are those of a fresh installation");
    my $after = every_row($node, $updated, $tables, in_place => 1);
    same_rows($after, $before, "$version: every row is as it was");
    verify_ok($node, $updated, "$version, updated");
    restored($again, $updated);
    $tables = tables_of($node, 'fresh');
    my $rows = every_row($node, $updated, $tables);
    same_rows(every_row($node, $baseline, $tables), $rows, "$version: a dump of it, restored into $present, has the rows of the updated one");
    same_rows(every_row($node, $again, $tables), $rows, "$version: and so has a dump of the updated one");
    verify_ok($node, $baseline, "$version, dumped and restored into $present");
    verify_ok($node, $again, "$version, updated, dumped and restored");
    same_lines(catalog($node, $_), $fresh_restored, "$version: $_ has the objects of a fresh installation") for $baseline, $again;
    is(answer($node, $updated, $key, q[SELECT record_movements('{"person_id": 3, "movement_direction": "out"}') ->> 'status']), 'recorded',
        "$version: a key of before is one now");
    sql($node, $updated, 'DELETE FROM people_movements WHERE person_id = 3 AND movement_time > now() - interval \'1 hour\'');
    verify_ok($node, $updated, "$version, counted on");

    # The owner of the database updates what they created, and what they have added stays and goes on working.
    my $own = "own_$suffix";
    create_version($node, $own, $version, owner => 'owner');
    $node->safe_psql($own, <<'SQL');
SET SESSION AUTHORIZATION owner;
GRANT SELECT ON sessions TO analyst;
ALTER TABLE sessions ADD COLUMN floor int DEFAULT 2;
ALTER TABLE people_movements ADD COLUMN lane text;
ALTER TABLE realtime_metrics ADD COLUMN lux real;
ALTER TABLE session_statistics ADD COLUMN remark text;
ALTER TABLE hourly_statistics ADD COLUMN weather text;
CREATE INDEX mine ON people_movements (person_id);
CREATE VIEW my_days AS SELECT * FROM daily_analytics;
CREATE VIEW my_overview AS SELECT * FROM current_session_overview;
SQL
    fill_sample($node, $own);
    $tables = tables_of($node, $own);
    $before = every_row($node, $own, $tables, in_place => 1);
    is(update_both($node, $own, 'owner'), '', "$version: its owner updates it");
    same_rows(every_row($node, $own, $tables, in_place => 1), $before, "$version: rows with columns of the owner's");
    is($node->safe_psql($own, q{SELECT has_table_privilege('analyst', 'sessions', 'SELECT'), count(*) > 0 FROM my_days}), 't|t',
        "$version: grants and views of the owner's stay");
    sql($node, $own, "INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, lane)
        SELECT id, start_time + interval '1 hour', 7, 'in', 'left' FROM sessions");
    verify_ok($node, $own, "$version, with columns of the owner's");
    $node->safe_psql($own, 'SET SESSION AUTHORIZATION owner; DROP EXTENSION people_counter CASCADE');
    is($node->safe_psql($own, q{SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace}), 0, "$version: and its owner drops it");
    $node->safe_psql('postgres', "DROP DATABASE $_") for $updated, $baseline, $again, $own;
}

# Without rest, created and updated by the owner of the database: who owns what is the same. And a setting of the user's that has
# a name of which the extension ships one later stays what it was.
create_version($node, 'fresh_own', $present, owner => 'owner');
$fresh = catalog($node, 'fresh_own');
for my $version (released()) {
    for my $role ('owner', '') {
        my $name = "$version: updated by " . ($role || 'a superuser') . ', without rest';
        create_version($node, 'plain', $version, owner => 'owner');
        my %is_old = map { $_ => 1 } split /\n/, sql($node, 'plain', 'SELECT config_key FROM system_config');
        my @later = grep { !$is_old{$_} } split /\n/, sql($node, 'fresh_own', "SELECT config_key FROM system_config WHERE config_type IN ('integer', 'number')");
        sql($node, 'plain', "INSERT INTO system_config (config_key, config_value, config_type) SELECT key, '7', 'integer' FROM unnest('{@{[join ',', @later]}}'::text[]) AS key");
        is(update_both($node, 'plain', $role), '', $name);
        same_lines(catalog($node, 'plain'), $fresh, 'all objects, owners and privileges are those of a fresh installation');
        my $settings = "SELECT config_key, config_value FROM system_config WHERE config_key = ANY ('{@{[join ',', @later]}}') ORDER BY 1";
        is(sql($node, 'plain', $settings), join("\n", map {"$_|7"} sort @later), 'settings of the user\'s that have such names now are as they were');
        restored('plain_again', 'plain');
        is(sql($node, 'plain_again', $settings), sql($node, 'plain', $settings), 'also in what is restored from a dump');
        $node->safe_psql('postgres', "DROP DATABASE $_") for qw(plain plain_again);
    }
}

$node->stop;
done_testing();
