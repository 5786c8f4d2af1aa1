# Memory: flat over many statements of one connection, and bounded over a large COPY, measured against a bare table with
# the same columns, key and foreign key. PC_LONG=1 makes 1,000,000 statements instead of 300,000, and copies 10,000,000 rows
# instead of 1,000,000.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run ();
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

plan skip_all => 'needs /proc' unless -r '/proc/self/status';

my $statements = $ENV{PC_LONG} ? 1_000_000 : 300_000;
my $copied = $ENV{PC_LONG} ? 10_000_000 : 1_000_000;

my $node = new_cluster('memory', conf => <<'CONF');
synchronous_commit = off
autovacuum = on
max_wal_size = 4GB
work_mem = 4MB
CONF
create_database($node, 'counting', schema => 'pc');

# 64 sessions, each with some movements of its own past.
sql($node, 'counting', <<'SQL');
INSERT INTO sessions (id, session_name, start_time, time_zone, reset_time)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'door ' || n, '2024-03-01 00:00+00',
       'Asia/Ho_Chi_Minh', CASE WHEN n % 2 = 0 THEN time '04:00' END
  FROM generate_series(0, 63) n;
SQL

# Statements of one connection: six in ten in order, the others late by minutes, hours or days, changed, deleted,
# samples, or movements that are refused. Eight parts, each of which ends by telling how large the backend is.

my $parts = 8;
my $path = "$SCRATCH/statements.sql";
my $seed = 20240301;

sub random {
    my ($below) = @_;
    $seed = ($seed * 1103515245 + 12345) % 2**31;
    return int($seed / 65536) % $below;
}

open my $file, '>', $path or die "$path: $!";
print $file <<'SQL';
SET search_path = pc;
SELECT pg_backend_pid();
PREPARE m(integer, double precision, integer, text) AS
    INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score)
    VALUES (('00000000-0000-7000-8000-' || lpad($1::text, 12, '0'))::uuid,
        timestamptz '2024-03-01 00:00+00' + $2 * interval '1 second', $3, $4::movement_direction, 0.5);
PREPARE u(integer, double precision) AS
    UPDATE people_movements SET movement_direction = 'out'
     WHERE session_id = ('00000000-0000-7000-8000-' || lpad($1::text, 12, '0'))::uuid
       AND movement_time = timestamptz '2024-03-01 00:00+00' + $2 * interval '1 second';
PREPARE d(integer, double precision) AS
    DELETE FROM people_movements
     WHERE session_id = ('00000000-0000-7000-8000-' || lpad($1::text, 12, '0'))::uuid
       AND movement_time = timestamptz '2024-03-01 00:00+00' + $2 * interval '1 second';
PREPARE s(integer, double precision, integer) AS
    INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count)
    VALUES (('00000000-0000-7000-8000-' || lpad($1::text, 12, '0'))::uuid,
        timestamptz '2024-03-01 00:00+00' + $2 * interval '1 second', $3);
SQL
for my $part (1 .. $parts) {
    my $in_transaction = 0;
    for my $k (1 .. $statements / $parts) {
        my $n = ($part - 1) * $statements / $parts + $k;
        my $door = $n % 64;
        my $now = $n / 64 * 20;    # every door has a movement every 20 seconds or so
        my $what = random(40);
        if (!$in_transaction && $n % 1000 == 1) {
            print $file "BEGIN;\n";
            $in_transaction = 1;
        }
        if ($what < 24) {
            printf $file "EXECUTE m(%d, %.3f, %d, '%s');\n", $door, $now, $n, $n % 128 < 64 ? 'in' : 'out';
        } elsif ($what < 34) {
            my $back = random($what < 31 ? 3000 : 200_000);
            printf $file "EXECUTE m(%d, %.3f, %d, 'in');\n", $door, $now - $back, $n;
        } elsif ($what < 36) {
            printf $file "EXECUTE s(%d, %.3f, %d);\n", $door, $now, $n % 50;
        } elsif ($what < 37) {
            printf $file "EXECUTE u(%d, %.3f);\n", ($n - 64 * 3) % 64, ($n - 64 * 3) / 64 * 20;
        } elsif ($what < 38) {
            printf $file "EXECUTE d(%d, %.3f);\n", ($n - 64 * 5) % 64, ($n - 64 * 5) / 64 * 20;
        } elsif ($what < 39) {
            my ($open, $undo) = $in_transaction ? ('SAVEPOINT s', 'ROLLBACK TO s; RELEASE s') : ('BEGIN', 'ROLLBACK');
            printf $file "%s; EXECUTE m(%d, %.3f, %d, 'in'); %s;\n", $open, $door, $now, -$n, $undo;
        } else {
            my $bad = sprintf $n % 2 ? "EXECUTE m(99, %.3f, %d, 'in');" : "EXECUTE m(1, %.3f, %d, 'up');", $now, -$n;
            print $file $in_transaction ? "SAVEPOINT s; $bad ROLLBACK TO s; RELEASE s;\n" : "$bad\n";
        }
        if ($in_transaction && $n % 1000 == 500) {    # half of the statements are transactions of their own
            print $file "COMMIT;\n";
            $in_transaction = 0;
        }
    }
    print $file "COMMIT;\n" if $in_transaction;
    print $file <<'SQL';
SELECT 'anonymous', substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s+(\d+) kB'),
       (sum(total_bytes) FILTER (WHERE name <> 'people_counter hour paths') / 1024)::bigint,
       (sum(total_bytes) FILTER (WHERE name = 'people_counter hour paths') / 1024)::bigint
  FROM pg_backend_memory_contexts;
SELECT 'context', name || coalesce(' ' || ident, ''), total_bytes FROM pg_backend_memory_contexts
    ORDER BY total_bytes DESC LIMIT 12;
SQL
}
close $file;

my $begin = time;
my ($out, $err) = ('', '');
IPC::Run::run(['psql', '-XAtq', '-d', $node->connstr('counting'), '-f', $path], '<', \undef, '>', \$out, '2>', \$err);
note(sprintf '%d statements in %.1f s', $statements, time - $begin);
my $expected = qr/enum movement_direction: "up"|violates foreign key|DETAIL|LINE 1|\^|CONTEXT/;
my $unexpected = join "\n", grep { !/$expected/ } split /\n/, $err;
is($unexpected, '', 'the statements succeed, but for those that are to be refused');
my @anonymous = $out =~ /^anonymous\|(\d+)/mg;
my @contexts = $out =~ /^anonymous\|\d+\|(\d+)/mg;
my @paths = $out =~ /^anonymous\|\d+\|\d+\|(\d+)/mg;
is(scalar @anonymous, $parts, 'the size was told after each part');
note("private memory after each part, kB: @anonymous");
note("memory contexts, kB: @contexts, the remembered hours: @paths");
# The first part fills the caches. From there on a leak of as little as 8 bytes a statement shows.
my $allowed = 768 + ($statements - $statements / $parts) * 8 / 1024;
cmp_ok($anonymous[-1] - $anonymous[0], '<', $allowed, "private memory is flat from part 1 to part $parts")
    || diag($out =~ s/.*^(?=anonymous)//rms);
cmp_ok($contexts[-1] - $contexts[0], '<', 128, 'and so are the memory contexts')
    || diag($out =~ s/.*^(?=anonymous)//rms);
cmp_ok($paths[-1], '<', 24 * 1024, 'and what is remembered of hours is bounded');
cmp_ok(sql($node, 'counting', 'SELECT count(*) FROM people_movements'), '>', $statements * 0.8,
    'the movements are there');
is(sql($node, 'counting', 'SELECT count(*) FROM people_movements WHERE person_id < 0'), 0,
    'and none that was refused or rolled back');
verify_ok($node, 'counting', 'after many statements');

# One large COPY: how much private memory its backend takes at most, beside that of a bare table.

$node->safe_psql('counting', <<'SQL');
TRUNCATE pc.people_movements, pc.realtime_metrics;
CREATE TABLE public.bare (LIKE pc.people_movements INCLUDING DEFAULTS, PRIMARY KEY (session_id, movement_time, id),
                          FOREIGN KEY (session_id) REFERENCES pc.sessions ON DELETE CASCADE);
SQL

# peak(sql): the largest RssAnon in kB that was seen of the backend while it ran.
sub peak {
    my ($text) = @_;
    my $output = '';
    my @psql = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('counting'));
    my $harness = IPC::Run::start([@psql, '-c', 'SELECT pg_backend_pid()', '-c', $text], '<', \undef, '>', \$output,
        '2>&1');
    my $highest = 0;
    my $pid;
    while ($harness->pumpable) {
        eval { $harness->pump_nb };
        $pid //= $1 if $output =~ /^(\d+)\n/;
        if ($pid && open my $status, '<', "/proc/$pid/status") {
            local $/;
            my $text = <$status>;
            $highest = $1 if $text && $text =~ /RssAnon:\s+(\d+) kB/ && $1 > $highest;
        }
        usleep(10_000);
    }
    eval { $harness->finish };
    is($output, "$pid\n", substr($text =~ s/\s+/ /gr, 0, 60) . '...');
    return $highest;
}

# Rows over 64 doors: in order of time, or door by door and backwards, so that all is late.
sub rows {
    my ($order) = @_;
    return <<"SQL";
COPY (SELECT '00000000-0000-7000-8000-' || lpad((n % 64)::text, 12, '0'),
             timestamptz '2024-04-01 00:00+00' + n * interval '0.25 second', n,
             CASE WHEN n % 128 < 64 THEN 'in' ELSE 'out' END, 0.75
        FROM generate_series(1, $copied) n ORDER BY $order) TO
SQL
}
my $copy_columns = '(session_id, movement_time, person_id, movement_direction, confidence_score)';
my $data = "$SCRATCH/rows";
my $limit = $ENV{PC_LONG} ? 256 * 1024 : 64 * 1024;
my $verify = q{SELECT v.* FROM sessions s CROSS JOIN LATERAL verify_statistics(s.id) v
    WHERE right(s.id::text, 2)::integer % 7 = 5};
my @orders = (['n', 'in order of time']);
push @orders, ['n % 64, n DESC', 'backwards'] if $ENV{PC_LONG};
for my $order (@orders) {
    $node->safe_psql('counting', rows($order->[0]) . " '$data'");
    $begin = time;
    my $bare = peak("COPY public.bare $copy_columns FROM '$data'");
    my $bare_time = time - $begin;
    $begin = time;
    my $ours = peak("COPY pc.people_movements $copy_columns FROM '$data'");
    note(sprintf '%d rows by COPY, %s: private memory %.1f MB, bare table %.1f MB; %.1f s, bare table %.1f s', $copied,
        $order->[1], $ours / 1024, $bare / 1024, time - $begin, $bare_time);
    cmp_ok($ours - $bare, '<', $limit, "COPY of $copied rows $order->[1]: at most " . $limit / 1024
        . ' MB above a bare table');
    is(sql($node, 'counting', 'SELECT count(*), sum(total_detections) FROM session_statistics'), "64|$copied",
        'all rows are counted');
    is(sql($node, 'counting', $verify), '', 'verify_statistics() of every seventh session finds nothing');

    # What touches every row at once.
    $begin = time;
    my ($update, $bare_update) = map { peak(<<"SQL") } qw(pc.people_movements public.bare);
UPDATE $_ SET confidence_score = 0.25,
       movement_direction = CASE WHEN person_id % 3 = 0 THEN 'out' ELSE 'in' END::pc.movement_direction
 WHERE person_id % 4 = 0
SQL
    note(sprintf 'UPDATE of a quarter: private memory %.1f MB, bare table %.1f MB; both %.1f s', $update / 1024,
        $bare_update / 1024, time - $begin);
    cmp_ok($update - $bare_update, '<', $limit, 'UPDATE of a quarter of them: likewise');
    my $derived = derived_rows($node, 'counting');
    my $rebuild = peak('SET search_path = pc; DO $$BEGIN PERFORM rebuild_statistics(); END$$');
    note(sprintf 'rebuild_statistics(): private memory %.1f MB', $rebuild / 1024);
    cmp_ok($rebuild, '<', $limit, 'rebuild_statistics() of all: likewise');
    is(derived_rows($node, 'counting'), $derived, 'the rebuild changes nothing');
    is(sql($node, 'counting', $verify), '', 'verify_statistics() of every seventh session finds nothing');
    sql($node, 'counting', 'TRUNCATE people_movements, public.bare');
    verify_ok($node, 'counting', 'TRUNCATE');
}

# Many hours of many sessions, walked through by one statement: what one hour takes is given back before the next.
sql($node, 'counting', <<'SQL');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT id, timestamptz '2010-01-01 08:30+00' + n * interval '1 hour', n,
       CASE n % 3 WHEN 0 THEN 'out' ELSE 'in' END::movement_direction
  FROM sessions CROSS JOIN generate_series(1, 2000) n;
SQL
my $hours = 64 * 2000;
for my $statement (
    'DO $$BEGIN PERFORM pc.rebuild_statistics(); END$$',
    q{UPDATE pc.sessions SET time_zone = 'America/New_York', day_start = '03:00'},
    'TRUNCATE pc.realtime_metrics',
    q{INSERT INTO pc.occupancy_baselines (session_id, baseline_time, people_count)
        SELECT id, '2010-01-01 10:00+00', 4 FROM pc.sessions},
    q{INSERT INTO pc.people_movements (session_id, movement_time, person_id, movement_direction)
        SELECT id, '2009-12-31 10:00+00', 1, 'in' FROM pc.sessions},
    q{UPDATE pc.people_movements SET movement_direction = 'in' WHERE person_id % 2 = 0},
    q{DELETE FROM pc.people_movements WHERE person_id % 5 = 0},
) {
    my $peak = peak($statement);
    note(sprintf '%.1f MB', $peak / 1024);
    cmp_ok($peak, '<', 64 * 1024, "private memory of that over $hours hours stays below 64 MB");
}
is(sql($node, 'counting', $verify), '', 'verify_statistics() of every seventh session finds nothing');

$node->stop;
done_testing();
