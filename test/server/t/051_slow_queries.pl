# slow_queries: what pg_stat_statements has of this database, in any schema and of any version, as soon as it is there and
# until it is dropped; and of others' statements only what it shows to whoever asks.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('slow_queries', conf => "shared_preload_libraries = 'pg_stat_statements'");
create_database($node, 'counting', schema => 'pc');
$node->safe_psql('postgres', 'CREATE DATABASE other; CREATE ROLE reader LOGIN; CREATE ROLE watcher LOGIN; GRANT pg_read_all_stats TO watcher');
$node->safe_psql('counting', 'GRANT USAGE ON SCHEMA pc TO reader, watcher; GRANT SELECT ON pc.sessions TO reader');
my $count = 'SELECT count(*) FROM pc.slow_queries';

sub as {
    my ($role, $text) = @_;
    local $ENV{PGUSER} = $role;
    return scalar $node->safe_psql('counting', $text);
}

is($node->safe_psql('counting', $count), 0, 'without pg_stat_statements there are no rows');
my $versions = $node->safe_psql('counting', <<'SQL');
SELECT string_agg(version, ' ' ORDER BY string_to_array(version, '.')::integer[]) FROM pg_available_extension_versions
 WHERE name = 'pg_stat_statements' AND string_to_array(version, '.')::integer[] >= '{1,4}'
SQL
cmp_ok(scalar(split ' ', $versions), '>=', 4, "versions of pg_stat_statements: $versions");
for my $version (split ' ', $versions) {
    my $schema = "stats $version";
    $node->safe_psql('counting', qq(CREATE SCHEMA "$schema"; CREATE EXTENSION pg_stat_statements SCHEMA "$schema" VERSION '$version'));
    $node->safe_psql('counting', qq(SELECT "$schema".pg_stat_statements_reset()));
    $node->safe_psql('counting', "SELECT id, $_ FROM pc.sessions WHERE session_name = 'x'") for 1 .. 3;
    $node->safe_psql('counting', 'SELECT pg_sleep(0.2)');
    $node->safe_psql('other', 'SELECT 1 AS sessions');
    is($node->safe_psql('counting', <<'SQL'), 't|1|3|t|t', "version $version: a statement, counted");
SELECT uses_people_counter, count(*), sum(calls), bool_and(total_ms > 0 AND mean_ms <= max_ms AND max_ms <= total_ms), bool_and(rows = 0)
  FROM (SELECT * FROM pc.slow_queries WHERE query LIKE 'SELECT id, %') AS q GROUP BY 1
SQL
    is($node->safe_psql('counting', <<'SQL'), 'f|t|t', "$version: one that took long, behind those on our tables");
SELECT uses_people_counter, total_ms BETWEEN 200 AND 100000, share_percent > 50
  FROM pc.slow_queries WHERE NOT uses_people_counter LIMIT 1
SQL
    is($node->safe_psql('counting', 'SELECT uses_people_counter FROM pc.slow_queries LIMIT 1'), 't', "$version: ours are first");
    is($node->safe_psql('counting', q{SELECT count(*) FROM pc.slow_queries WHERE query LIKE '%AS sessions'}), 0,
        "$version: nothing of another database");
    $node->safe_psql('counting', qq(DROP EXTENSION pg_stat_statements; DROP SCHEMA "$schema"));
    is($node->safe_psql('counting', $count), 0, "$version: none after it was dropped");
}

# Rights
$node->safe_psql('counting', 'CREATE EXTENSION pg_stat_statements SCHEMA pc; SELECT pc.pg_stat_statements_reset()');
as('reader', 'SELECT session_name FROM pc.sessions');
$node->safe_psql('counting', 'SELECT status FROM pc.sessions');
my $see = q{SELECT coalesce(string_agg(query, '; ' ORDER BY query), 'none') FROM pc.slow_queries WHERE query LIKE '%FROM pc.sessions'};
is(as('reader', $see), 'SELECT session_name FROM pc.sessions', 'a reader sees the text of its own statements');
is(as('reader', 'SELECT bool_or(uses_people_counter IS NOT TRUE AND query IS NULL OR query LIKE \'<insuff%\') FROM pc.slow_queries'),
    't', 'and of others that there are some');
is(as('watcher', $see), 'SELECT session_name FROM pc.sessions; SELECT status FROM pc.sessions', 'a member of pg_read_all_stats sees all');
is(as('watcher', q{SELECT user_name FROM pc.slow_queries WHERE query = 'SELECT session_name FROM pc.sessions'}), 'reader', 'and whose it was');

# A hostile schema, and a table of the same name, change nothing.
$node->safe_psql('counting', <<'SQL');
CREATE SCHEMA hostile; CREATE TABLE hostile.pg_stat_statements (query text);
CREATE FUNCTION hostile.format(text, text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'nothing' $$;
SQL
cmp_ok($node->safe_psql('counting', "SET search_path = hostile, pg_catalog; $count"), '>', 2, 'a hostile search_path changes nothing');

$node->stop;
done_testing();
