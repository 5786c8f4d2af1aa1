# DROP EXTENSION CASCADE under the load of clients that go on whatever happens, and CREATE again: their backends remember
# the extension that was.
#
# DROP locks the members one after the other, in the order of their rows in pg_depend, which is that of their creation for
# as long as new rows of that catalog go behind the old ones. A writer of movements locks them in the same order. A writer
# of samples or sessions that has to read movements does not, so where those are at work the tables are locked first, in
# a mode that lets readers in and in an order that is theirs. What is left then are readers of several tables, whom only
# another try helps against.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run ();
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

# Vacuum of pg_depend is what would let new rows go between old ones.
my $node = new_cluster('drop', conf => "autovacuum = off\nrestart_after_crash = on");
create_database($node, 'counting', schema => 'counting');

my $door = '00000000-0000-7000-8000-00000000000';

sub open_sessions {
    sql($node, 'counting', <<"SQL");
INSERT INTO sessions (id, session_name, start_time, time_zone, reset_time)
SELECT ('$door' || n)::uuid, 'door', '2024-03-30 20:00+00', 'Europe/Berlin', CASE WHEN n = 3 THEN time '04:00' END
  FROM generate_series(0, 7) n;
SQL
    return;
}

sub at { return sprintf "timestamptz '2024-03-31 00:00+00' + %d * interval '7 seconds'", $_[0] }

# Statements by number: in order, every fifth one late.
my %kinds = (
    movements => sub {
        my ($n) = @_;
        return sprintf 'INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)'
            . " VALUES ('$door%d', %s, 1, '%s');", $n % 8, at($n % 5 ? $n : $n * 7 % 9000), $n % 3 ? 'in' : 'out';
    },
    batches => sub {
        my ($n) = @_;
        return sprintf 'INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)'
            . " SELECT ('$door' || 7 - k)::uuid, %s, k, 'in' FROM generate_series(0, 7) k;", at($n);
    },
    samples => sub {
        my ($n) = @_;
        return sprintf 'INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count)'
            . " VALUES ('$door%d', %s, %d);", $n % 8, at($n % 5 ? $n : $n * 7 % 9000), $n % 9;
    },
    sessions => sub {
        my ($n) = @_;
        return "INSERT INTO sessions (session_name) VALUES ('another');" if $n % 5 == 0;
        return sprintf "UPDATE sessions SET start_time = '2024-03-30 20:00+00'::timestamptz + %d * interval '1 minute'"
            . " WHERE id = '$door%d';", $n % 900, $n % 8;
    },
    readers => sub {
        my ($n) = @_;
        return sprintf 'SELECT count(*) FROM %s \g /dev/null',
            (qw(current_session_overview hourly_analytics daily_analytics recent_movements))[$n % 4];
    },
);
my @clients;

sub start_clients {
    @clients = ();
    for my $kind (@_) {
        my $number = @clients;
        my $part = write_script("part_$number", join "\n", map { $kinds{$kind}->($_) } 1 .. 3000);
        my $file = write_script("client_$number", "\\set VERBOSITY verbose\n" . "\\i $part\n" x 200);
        local %ENV = (%ENV, PGOPTIONS => '-c search_path=counting,pg_catalog');
        my $client = { kind => $kind, output => "$SCRATCH/client_$number.out" };
        $client->{harness} = IPC::Run::start(['psql', '-X', '-q', '-d', $node->connstr('counting'), '-f', $file],
            '<', \undef, '>', $client->{output}, '2>&1');
        push @clients, $client;
    }
    return;
}

# stop_clients(name, SQLSTATEs that they may have seen)
sub stop_clients {
    my ($name, $clean) = @_;
    my %states;
    for my $client (@clients) {
        ok(is_running($client), "$name: a client of $client->{kind} is still at work");
        $client->{harness}->signal('TERM');
        eval { $client->{harness}->finish };
        my $output = slurp_file($client->{output});
        ++$states{"$client->{kind}: $_"} for $output =~ /ERROR:  (\w{5}:.*)\n/g;
        unlike($output, qr/server closed the connection|FATAL|PANIC/, "$name: and kept its connection");
    }
    note("$states{$_} times $_") for sort keys %states;
    is(join("\n", grep { !/^\w+: $clean/ } sort keys %states), '', "$name: what clients saw were clean errors");
    wait_until($node, 'counting', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'counting'
        AND pid <> pg_backend_pid() AND backend_type = 'client backend'});
    verify_ok($node, 'counting', $name);
    return;
}

# drop_and_create(name, tries, statements): five times.
sub drop_and_create {
    my ($name, $tries, $statements) = @_;
    for my $round (1 .. 5) {
        wait_until($node, 'counting', 'SELECT count(*) > 800 FROM people_movements');
        my $error;
        for (1 .. $tries) {
            $error = sql_error($node, 'counting', "SET client_min_messages = warning; $statements");
            last if $error !~ /40P01/;
        }
        is($error, '', "$name, round $round");
        $node->safe_psql('counting', 'CREATE EXTENSION people_counter SCHEMA counting');
        open_sessions();
    }
    wait_until($node, 'counting', 'SELECT count(*) > 800 FROM people_movements');
    return;
}

my $drop = 'DROP EXTENSION people_counter CASCADE;';
my $lock_and_drop = <<"SQL";
BEGIN;
LOCK TABLE sessions, people_movements, realtime_metrics, occupancy_baselines IN SHARE ROW EXCLUSIVE MODE;
$drop
COMMIT;
SQL

is(sql($node, 'counting', <<'SQL'), <<'EXPECTED' =~ s/\n\z//r, 'members are in pg_depend in the order of the locks');
SELECT relname FROM pg_depend d JOIN pg_class c ON classid = 'pg_class'::regclass AND objid = c.oid
 WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'people_counter')
   AND relname IN ('sessions', 'people_movements', 'session_statistics', 'hourly_statistics', 'daily_statistics')
 ORDER BY d.ctid
SQL
people_movements
sessions
session_statistics
hourly_statistics
daily_statistics
EXPECTED

open_sessions();
start_clients(qw(movements batches movements batches));
drop_and_create('DROP beside writers of movements', 1, $drop);
stop_clients('movements', qr/42P01|23503/);

start_clients(qw(movements batches samples samples sessions));
drop_and_create('LOCK and DROP beside writers of everything', 1, $lock_and_drop);
stop_clients('everything', qr/42P01|23503/);

start_clients(qw(movements samples sessions readers readers));
drop_and_create('LOCK and DROP beside readers too', 20, $lock_and_drop);
stop_clients('readers', qr/42P01|23503|40P01/);

cmp_ok(sql($node, 'counting', 'SELECT count(DISTINCT session_id) FROM hourly_statistics'), '>=', 8,
    'the new extension counts');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:/, 'no server process died');
$node->safe_psql('counting', 'DROP EXTENSION people_counter');
is($node->safe_psql('counting', q{SELECT count(*) FROM pg_class WHERE relnamespace = 'counting'::regnamespace}), 0,
    'DROP EXTENSION leaves nothing');

$node->stop;
done_testing();
