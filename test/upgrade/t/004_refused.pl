# What cannot be is refused, says why and what to do, and leaves everything as it was: the way back, an older library, and one
# extension ahead of the other.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib", "$FindBin::RealBin/../../server/lib";
use PeopleCounter;
use Rest;
use Test::More;
use Upgrade;

my $node = new_cluster('refused', preload => 1);
my $present = present();
my @released = released();
my $last = $released[-1];

sub versions {
    my ($database) = @_;
    return $node->safe_psql($database, q{SELECT string_agg(extversion, ' ' ORDER BY extname) FROM pg_extension WHERE extname LIKE 'people\_counter%'});
}

# refuses(database, statement, SQLSTATE and message, hint, versions afterwards)
sub refuses {
    my ($database, $statement, $message, $hint, $versions) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $error = sql_error($node, $database, $statement);
    like($error, qr/ERROR:  \Q$message\E\n/, ($statement =~ /^(.{1,80})/)[0]);
    like($error, qr/HINT:  \Q$hint\E/, 'and tells what to do');
    return is(versions($database), $versions, 'and nothing has changed');
}

# Ways

for my $extension (qw(people_counter people_counter_rest)) {
    my @paths = map { [split /\|/] } split /\n/, $node->safe_psql('postgres', "SELECT source, target, path FROM pg_extension_update_paths('$extension')");
    my $number = sub { return version->parse("v$_[0]") };
    for my $path (@paths) {
        my ($source, $target, $steps) = @$path;
        next if $number->($source) > $number->($target);
        my @steps = split /--/, $steps // '';
        ok(@steps > 1 && !grep({ $number->($steps[$_ - 1]) >= $number->($steps[$_]) } 1 .. $#steps), "$extension: the way from $source to $target leads forward only");
    }
    is(join(' ', sort map { $_->[0] } grep { $_->[1] eq $present && $_->[0] ne $present && ($_->[2] // '') ne '' } @paths),
        join(' ', sort @released), "$extension: every released version has a way to $present");
}

# Back

create_version($node, 'back', $present, rest => 1);
open_doors($node, 'back', 1);
my $hint = 'Restore a backup from before the update, on a server with the packages of that version; see docs/upgrading.md.';
refuses('back', "ALTER EXTENSION people_counter UPDATE TO '$last'", "0A000: people_counter cannot go back from version $present to $last", $hint, "$present $present");
refuses('back', "ALTER EXTENSION people_counter_rest UPDATE TO '$last'", "0A000: people_counter_rest cannot go back from version $present to $last", $hint, "$present $present");
refuses('back', "ALTER EXTENSION people_counter UPDATE TO '$released[0]'", "0A000: people_counter cannot go back from version $present to $last", $hint, "$present $present");

# Forward and rolled back

create_version($node, 'undone', $last, rest => 1);
open_doors($node, 'undone', 1);
my $before = catalog($node, 'undone');
$node->safe_psql('undone', 'BEGIN; ALTER EXTENSION people_counter UPDATE; ALTER EXTENSION people_counter_rest UPDATE; ROLLBACK');
same_lines(catalog($node, 'undone'), $before, 'an update that is rolled back leaves nothing');
sql($node, 'undone', crowd(door(1), 3));
verify_ok($node, 'undone', 'and counts on');

# Rest ahead of the core

refuses('undone', 'ALTER EXTENSION people_counter_rest UPDATE', "55000: people_counter_rest $present needs people_counter $present or later, and this database has $last",
    'ALTER EXTENSION people_counter UPDATE comes first.', "$last $last");
$node->safe_psql('undone', 'DROP EXTENSION people_counter_rest');
refuses('undone', 'CREATE EXTENSION people_counter_rest', "55000: people_counter_rest $present needs people_counter $present or later, and this database has $last",
    'ALTER EXTENSION people_counter UPDATE comes first.', $last);

# Rest behind it

$node->safe_psql('undone', 'ALTER EXTENSION people_counter UPDATE');
for my $version (@released) {
    $node->safe_psql('undone', "CREATE EXTENSION people_counter_rest VERSION '$version'");
    is(answer($node, 'undone', 'operator', q[SELECT record_movements('{"person_id": 3, "movement_direction": "out"}') ->> 'status']), 'recorded',
        "people_counter_rest $version works with people_counter $present");
    isnt(answer($node, 'undone', 'operator', 'SELECT dashboard_summary()'), '', 'also where it reads');
    $node->safe_psql('undone', 'ALTER EXTENSION people_counter_rest UPDATE');
    is(versions('undone'), "$present $present", 'and is updated later');
    $node->safe_psql('undone', 'DROP EXTENSION people_counter_rest');
}
verify_ok($node, 'undone', 'after all that');

# A library that is older than what the update needs: it was not installed, or the server not restarted. Its version is what a
# function of the extension says, which is made to say another one here.

create_version($node, 'early', $last);
open_doors($node, 'early', 1);
$node->safe_psql('early', q{CREATE OR REPLACE FUNCTION people_counter_library_version() RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$SELECT '0.9'$$});
refuses('early', 'ALTER EXTENSION people_counter UPDATE', "55000: people_counter $present needs the library of version $present, and this session has that of 0.9",
    'Install it; then restart the server if it preloads people_counter, reconnect, and update again.', $last);

# And one that is older than what the database has, such as after a package was put back.

wait_for_state($node, 'back', 'running');
sql($node, 'back', crowd(door(1), 1));
$node->safe_psql('back', q{UPDATE pg_extension SET extversion = '99.0' WHERE extname = 'people_counter'});
my $refusal = "55000: extension people_counter is of version 99.0 in this database, and the library only of version $present";
$hint = 'Install the library of version 99.0 or later; then restart the server if it preloads people_counter, and reconnect.';
refuses('back', crowd(door(1), 1), $refusal, $hint, "99.0 $present");
refuses('back', 'SELECT rebuild_statistics()', $refusal, $hint, "99.0 $present");
is(sql($node, 'back', 'SELECT extension, library FROM people_counter_version()'), "99.0|$present", 'people_counter_version() shows both');
$node->restart;
wait_until($node, 'back', q{SELECT last_error LIKE '%is of version 99.0 in this database%' FROM alert_worker_status});
pass('the worker stands still, and alert_worker_status tells why');
$node->safe_psql('back', "UPDATE pg_extension SET extversion = '$present' WHERE extname = 'people_counter'");
sql($node, 'back', crowd(door(1), 1));
is(sql($node, 'back', 'SELECT count(*) FROM people_movements'), 2, 'what was refused was not counted, and it counts again');
verify_ok($node, 'back', 'after it was refused');

$node->stop;
done_testing();
