# Twenty thousand sessions whose triggers did not run, as after pg_restore --disable-triggers or on a subscriber: whatever
# makes their statistics must not take a lock for each of them that lasts as long as the transaction. The lock table here
# has room for about a thousand.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('many', conf => <<'CONF');
max_connections = 10
max_wal_senders = 0
max_worker_processes = 2
autovacuum_max_workers = 1
max_prepared_transactions = 0
CONF
my $sessions = 20_000;
my $room = $node->safe_psql('postgres', q{SELECT current_setting('max_locks_per_transaction')::integer
    * (current_setting('max_connections')::integer + current_setting('max_worker_processes')::integer + 5)});
cmp_ok($room, '<', $sessions / 10, 'the lock table is small');

# without_statistics(database): it has them, each with two movements.
sub without_statistics {
    my ($database) = @_;
    create_database($node, $database);
    sql($node, $database, <<"SQL");
SET session_replication_role = replica;
INSERT INTO sessions (id, session_name, start_time)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'many', '2024-03-09 08:00+00'
      FROM generate_series(1, $sessions) n;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT id, start_time + k * interval '40 minutes', k, 'in' FROM sessions, generate_series(1, 2) k;
SQL
    is(sql($node, $database, 'SELECT count(*) FROM session_statistics'), 0, "$database: no session has statistics");
    return;
}

my %ways = (
    rebuild => 'SELECT count(*) FROM rebuild_statistics()',
    insert => <<'SQL',
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT id, start_time + interval '3 hours', 3, 'out' FROM sessions
SQL
    update => q{UPDATE sessions SET time_zone = 'Asia/Kathmandu'},
    truncate => 'TRUNCATE realtime_metrics',
);
for my $way (sort keys %ways) {
    without_statistics($way);
    is(sql_error($node, $way, $ways{$way}), '', "$way: statistics of all sessions are made in one statement");
    is(sql($node, $way, 'SELECT count(*) FROM session_statistics'), $sessions, "$way: of all");
    verify_ok($node, $way, $way);
    $node->safe_psql('postgres', "DROP DATABASE $way");
}

$node->stop;
done_testing();
