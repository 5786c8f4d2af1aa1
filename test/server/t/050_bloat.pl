# A million movements, one a statement and a transaction: every second one into the same session, the others over 2,000, with
# autovacuum as it is shipped, and with a snapshot that is held for a part of it. What could not be removed meanwhile is all
# that session_statistics grows by.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $sessions = 2000;
my $chunk = 10_000;                # statements of a call: autovacuum learns of what was done when a call ends
my $chunks = 100;
my $held = 10_000;                 # statements under the snapshot

# The server's own settings, but for those of all tests, and for waiting for the disk.
my $node = new_cluster('bloat', conf => "fsync = off\nsynchronous_commit = off");
create_database($node, 'counting', schema => 'pc');
is(sql($node, 'counting', 'SHOW autovacuum') . sql($node, 'counting', 'SHOW autovacuum_naptime'), 'on1min', 'autovacuum as shipped');
sql($node, 'counting', <<"SQL");
INSERT INTO sessions (session_name, start_time) SELECT 'door ' || n, '2025-01-01 00:00+00' FROM generate_series(1, $sessions) n;
CREATE SEQUENCE done;
CREATE PROCEDURE feed(statements integer) LANGUAGE plpgsql AS \$\$
DECLARE
    door uuid[] := ARRAY(SELECT id FROM sessions ORDER BY id);
    n    bigint;
BEGIN
    FOR i IN 1 .. statements LOOP
        n := nextval('done');
        INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
        VALUES (door[CASE n % 2 WHEN 0 THEN 1 ELSE 1 + n / 2 % $sessions END], timestamptz '2025-01-01 00:00+00' + n * interval '20 milliseconds', n,
                CASE n % 3 WHEN 0 THEN 'out' ELSE 'in' END::movement_direction);
        COMMIT;
    END LOOP;
END \$\$;
SQL

my $begin = time;
my $load = start_pgbench($node, 'counting', '-c', 1, '-t', $chunks, '-f', write_script('load', "CALL feed($chunk);\n"));
wait_until($node, 'counting', "SELECT last_value > 4 * $chunk FROM done", $load);
# A sequence tells of the others' progress even to a snapshot that sees none of it.
sql($node, 'counting', <<"SQL");
BEGIN ISOLATION LEVEL REPEATABLE READ;
DO \$\$
DECLARE
    first bigint := (SELECT last_value FROM done);
    seen  bigint := (SELECT sum(total_detections) FROM session_statistics);
BEGIN
    WHILE (SELECT last_value FROM done) < first + $held LOOP
        PERFORM pg_sleep(0.001);
    END LOOP;
    IF (SELECT sum(total_detections) FROM session_statistics) <> seen THEN
        RAISE 'the snapshot was not held';
    END IF;
END \$\$;
COMMIT;
SQL
finish_pgbench($load);
note(sprintf '%d statements in %.1f s', $chunks * $chunk, time - $begin);

is(sql($node, 'counting', 'SELECT sum(total_detections) FROM session_statistics'), $chunks * $chunk, 'all are counted');
is(sql($node, 'counting', <<'SQL'), '', 'verify_statistics() of the busiest sessions finds nothing');
SELECT v.* FROM (SELECT session_id FROM session_statistics ORDER BY total_detections DESC, session_id LIMIT 10) AS s,
       LATERAL verify_statistics(s.session_id) AS v
SQL
my $pages = sub {
    map { [split /\|/] } split /\n/, sql($node, 'counting', <<'SQL');
SELECT table_name, pg_relation_size(format('%I.%I', table_schema, table_name)::regclass) / current_setting('block_size')::integer,
       hot_update_percent FROM table_sizes WHERE table_name LIKE '%\_statistics' ORDER BY table_name DESC
SQL
};
my @after = $pages->();
sql($node, 'counting', "VACUUM FULL $_->[0]") for @after;
my @fresh = $pages->();
note(sql($node, 'counting', "SELECT table_name, updates, last_autovacuum FROM table_sizes WHERE table_name LIKE '%\\_statistics'"));
for my $i (0 .. $#after) {
    my ($table, $count, $hot) = @{ $after[$i] };
    note("$table: $count pages, written afresh $fresh[$i][1], $hot percent of the updates in their page");
    cmp_ok($count, '<=', 4 * $fresh[$i][1], "$table: at most four times the pages of a fresh one") if $table eq 'session_statistics';
    cmp_ok($hot, '>=', 95, "$table: updates stay in their page");
}
$node->stop;
done_testing();
