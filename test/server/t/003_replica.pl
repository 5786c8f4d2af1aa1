# A streaming standby has the same derived rows, at every moment; it answers there; promoted, it counts on exactly.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_cluster('primary', streaming => 1, conf => "max_wal_senders = 5\nhot_standby_feedback = on");
create_database($primary, 'counting', schema => 'pc');
fill_sample($primary, 'counting');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# A session of the present day, so that "now" is inside of what was counted.
my $live = '00000000-0000-7000-8000-0000000000f1';
sql($primary, 'counting', <<"SQL");
INSERT INTO sessions (id, session_name, start_time) VALUES ('$live', 'live', now() - interval '2 hours');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
SELECT '$live', now() - interval '2 hours' + n * interval '1 minute', n,
    CASE WHEN n % 3 = 0 THEN 'out' ELSE 'in' END::movement_direction
  FROM generate_series(1, 100) n;
SQL

sub compare {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
    same_rows(base_rows($standby, 'counting'), base_rows($primary, 'counting'), "$name: base rows are identical");
    same_rows(derived_rows($standby, 'counting'), derived_rows($primary, 'counting'),
        "$name: derived rows are identical");
    is(fold_states($standby, 'counting'), fold_states($primary, 'counting'),
        "$name: even the internal state is identical");
    verify_ok($standby, 'counting', "$name, on the standby");
    my $inside = 'SELECT id, calculate_current_people_inside(id) FROM sessions ORDER BY id';
    is(sql($standby, 'counting', $inside), sql($primary, 'counting', $inside),
        "$name: the standby knows who is inside");
    return;
}

compare('at rest');
is(sql($standby, 'counting', "SELECT calculate_current_people_inside('$live')"), 34,
    'people inside now, on the standby');
is(sql($standby, 'counting', 'SELECT count(*) FROM current_session_overview'), 8, 'views answer on the standby');
isnt(sql($standby, 'counting', 'SELECT library FROM people_counter_version()'), '', 'versions on the standby');

my %refused = (
    'INSERT' => "INSERT INTO people_movements (session_id, person_id, movement_direction) VALUES ('$live', 1, 'in')",
    'rebuild_statistics()' => 'SELECT rebuild_statistics()',
    'TRUNCATE' => 'TRUNCATE people_movements',
);
like(sql_error($standby, 'counting', $refused{$_}), qr/25006|cannot .* (read-only|during recovery)/,
    "$_ is refused on the standby")
    for sort keys %refused;
is($standby->safe_psql('postgres', 'SELECT 1'), 1, 'and the standby lives on');

# Under load: whatever moment the standby shows, derived rows are what its base rows say.
my $in_order = write_script('live', <<"SQL");
\\set late random(0, 10) * random(0, 600)
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES ('$live', now() - :late * interval '1 second', 1000,
        CASE WHEN :late % 2 = 0 THEN 'in' ELSE 'out' END::movement_direction);
SQL
my $changes = write_script('changes', <<'SQL');
\set n random(1, 400)
BEGIN;
UPDATE people_movements
   SET movement_direction = CASE movement_direction WHEN 'in' THEN 'out' ELSE 'in' END::movement_direction
 WHERE session_id = '00000000-0000-7000-8000-0000000000a1' AND person_id = :n;
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES ('00000000-0000-7000-8000-0000000000a3', timestamptz '2024-03-10 00:00-05' + :n * interval '1 minute', 7000,
        'in');
DELETE FROM people_movements WHERE session_id = '00000000-0000-7000-8000-0000000000a4' AND person_id = :n;
COMMIT;
SQL
my $load = start_pgbench($primary, 'counting', '-c4', '-j1', '-T600', '-f', "$in_order\@5", '-f', $changes);
my $wanted = 8;
my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;
my @moments;
my $problems = '';
while (@moments < $wanted && time < $deadline && is_running($load)) {
    $problems .= problems($standby, 'counting');
    my $count = sql($standby, 'counting', 'SELECT count(*) FROM people_movements');
    push @moments, $count unless @moments && $moments[-1] eq $count;
}
ok(is_running($load), 'the load on the primary went on meanwhile');
$load->{harness}->signal('INT');
my (undef, $output) = finish_pgbench($load);
unlike($output, qr/ERROR|aborted/, 'and met no error') || diag($output);
is(scalar @moments, $wanted, 'the standby was asked at that many moments of the load');
$primary->poll_query_until('counting', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pgbench'})
    or die 'the load does not end';
is($problems, '', 'verify_statistics() on the standby never found a thing');
compare('after the load');

# Promotion.
sql($primary, 'counting', "DELETE FROM sessions WHERE id = '00000000-0000-7000-8000-0000000000a5'");
compare('after a cascade');
my $derived = derived_rows($primary, 'counting');
$primary->stop('fast');
$standby->promote;
same_rows(derived_rows($standby, 'counting'), $derived, 'promoted: derived rows are identical');
sql($standby, 'counting', <<"SQL");
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    VALUES ('$live', now(), 1, 'in');
INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction)
    SELECT id, start_time + interval '30 minutes', 1, 'in' FROM sessions;
INSERT INTO sessions (session_name) VALUES ('after promotion');
INSERT INTO people_movements (session_id, person_id, movement_direction) SELECT id, 1, 'out' FROM sessions;
UPDATE sessions SET time_zone = 'Asia/Kathmandu' WHERE session_name = 'New York';
DELETE FROM people_movements WHERE person_id % 11 = 2;
SQL
verify_ok($standby, 'counting', 'writes after the promotion');
$derived = derived_rows($standby, 'counting');
sql($standby, 'counting', 'SELECT rebuild_statistics()');
same_rows(derived_rows($standby, 'counting'), $derived, 'promoted: a rebuild changes nothing');

$standby->stop;
done_testing();
