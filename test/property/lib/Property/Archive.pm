package Property::Archive;

# Retention on random sessions. Each has a twin that nothing is ever removed from: removing changes no figure, and where an
# earlier hour changes, counts, levels and absorbed exits of archived hours stay those of the twin. After that anything may
# happen to the archived one, and the independent computation must agree.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use Property::Database;
use Property::Scene qw(pick chance between @zones);

use constant { scenes => 10, steps => 14, first => '2025-03-28 22:00+00' };

my ($archived, $twin) = map { sprintf '00000000-0000-4000-8000-%012d', $_ } 1, 2;

# A random instant of five days in which clocks change in many zones; often the same ones.
sub instant () { return sprintf q{timestamptz '%s' + interval '%d s %d us'}, first, between(0, chance(0.3) ? 7200 : 430_000), pick(0, 0, 0, 1, 999_999) }

sub movements ($count, @sessions) {
    my @rows;
    for (1 .. $count) {
        my ($t, $direction, $confidence) = (instant(), pick('in', 'out'), pick('NULL', 0.25, 0.5, 0.999));
        push @rows, map {"('$_', $t, 1, '$direction', $confidence)"} @sessions;
    }
    return "INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score) VALUES\n    "
        . join(",\n    ", @rows) . ';';
}

sub samples ($count, @sessions) {
    my @rows;
    for (1 .. $count) {
        my ($t, $people, $status) = (instant(), between(0, 9), pick('detecting', 'tracking', 'waiting'));
        push @rows, map {"('$_', $t, $people, '$status')"} @sessions;
    }
    return 'INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count, detection_status) VALUES ' . join(', ', @rows) . ';';
}

sub baselines ($count, @sessions) {
    my @rows;
    for (1 .. $count) {
        # At the edge of an hour, at a movement, or anywhere.
        my $t = chance(0.3) ? sprintf(q{date_trunc('hour', %s)}, instant())
            : chance(0.4) ? "coalesce((SELECT movement_time FROM people_movements WHERE session_id = '$twin' ORDER BY md5(id::text || " . between(1, 99) . ') LIMIT 1), ' . instant() . ')'
            : instant();
        my $people = between(0, 12);
        push @rows, map {"('$_', $t, $people)"} @sessions;
    }
    return 'INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES ' . join(', ', @rows)
        . ' ON CONFLICT (session_id, baseline_time) DO NOTHING;';
}

# From one hour that has a row up to another one.
sub prune ($source) {
    my ($from, $length) = (between(0, 60), pick(1, 1, 3, 10, 200));
    return "SELECT prune_hours('$archived', '$source', min(h), max(next)) FROM (SELECT hour_timestamp AS h, lead(hour_timestamp, 1, hour_timestamp"
        . " + interval '1 day') OVER (ORDER BY hour_timestamp) AS next FROM hourly_statistics WHERE session_id = '$archived'"
        . " ORDER BY hour_timestamp OFFSET $from LIMIT $length) hours HAVING count(*) > 0;";
}

sub hours ($psql, $session, $columns) {
    my $rows = $psql->rows("SELECT $columns FROM hourly_statistics WHERE session_id = '$session' ORDER BY hour_timestamp;");
    return join "\n", map { join '|', map { $_ // '' } @$_ } @$rows;
}

# What differs between two lists of hours.
sub differences ($what, $have, $want) {
    my %want = map { $_ => 1 } split /\n/, $want;
    my %have = map { $_ => 1 } split /\n/, $have;
    my @lines = ((map {"only $what: $_"} grep { !$want{$_} } sort keys %have), map {"missing: $_"} grep { !$have{$_} } sort keys %want);
    return splice @lines, 0, 6;
}

my $levels = 'hour_timestamp, people_entered, people_exited, opening_count, closing_count, low_people_count, exits_absorbed, confidence_sum,'
    . ' confidence_count, observed_seconds, reported_peak, reported_peak_time';
my $everything = "$levels, peak_people_count, peak_time, counted_peak, counted_peak_time, occupancy_seconds, average_people_count";

my @free = (
    sub { movements(between(1, 12), $archived) },
    sub { samples(between(1, 6), $archived) },
    sub { baselines(between(1, 3), $archived) },
    sub { "DELETE FROM people_movements WHERE session_id = '$archived' AND movement_time < " . instant() . " AND frame_number IS NULL AND random() < 0.3;" },
    sub { "DELETE FROM occupancy_baselines WHERE session_id = '$archived' AND random() < 0.4;" },
    sub { "UPDATE archived_hours SET people_entered = people_entered + 1, reported_peak = 3, reported_peak_time = hour_timestamp WHERE random() < 0.1;" },
    sub { 'DELETE FROM archived_hours WHERE random() < 0.05;' },
    sub { sprintf q{INSERT INTO archived_hours (session_id, hour_timestamp, people_entered, people_exited) VALUES ('%s', %s, %d, %d) ON CONFLICT DO NOTHING;}, $archived, instant(), between(0, 9), between(0, 9) },
    sub { sprintf q{UPDATE sessions SET time_zone = '%s', reset_time = %s, start_time = %s WHERE id = '%s';}, pick(@zones), pick('NULL', "'03:00'", "'03:17'"), instant(), $archived },
    sub { "UPDATE sessions SET end_time = start_time + interval '9 days' WHERE id = '$archived';" },
    sub { "UPDATE sessions SET end_time = NULL WHERE id = '$archived';" },
);

sub scene ($psql, $number) {
    my @log;
    my $do = sub ($sql) { push @log, $sql; return $psql->run($sql)->{messages}->@* };
    my $wrong = sub ($what, @failures) { return ("scene $number, $what:", @failures, 'the statements, the last one first:', reverse(@log)) };
    my $zone = pick(@zones);
    my @failures = $do->("DELETE FROM sessions; INSERT INTO sessions (id, start_time, created_at, time_zone, day_start, reset_time) SELECT id::uuid,"
            . ' ' . instant() . qq{, '2025-01-01', '$zone', '} . pick('00:00', '04:00') . q{', } . pick('NULL', 'NULL', "'03:00'", "'03:17'") . " FROM unnest('{$archived,$twin}'::text[]) id;");
    push @failures, $do->(movements(between(30, 200), $archived, $twin));
    push @failures, $do->(samples(between(1, 40), $archived, $twin)) if chance(0.7);
    push @failures, $do->(baselines(between(1, 8), $archived, $twin)) if chance(0.6);
    return $wrong->('before anything was removed', @failures) if @failures;
    for my $source ((('people_movements') x between(1, 4)), ('realtime_metrics') x between(0, 2)) {
        @failures = ($do->(prune($source)), Property::Database::problems($psql));
        push @failures, differences('without the rows', map { hours($psql, $_, $everything) } $archived, $twin);
        return $wrong->('removing', @failures) if @failures;
    }
    # Something before it all: the levels of all hours change, and exits that were absorbed may find somebody.
    my ($count, $direction) = (pick(1, 1, 2, 5, 30), pick('in', 'out'));
    @failures = $do->("INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) SELECT id::uuid, '2025-03-28 10:00+00', 1, '$direction'"
            . " FROM unnest('{$archived,$twin}'::text[]) id, generate_series(1, $count);");
    push @failures, Property::Database::problems($psql);
    push @failures, differences('without the rows', map { hours($psql, $_, $levels) } $archived, $twin);
    return $wrong->('an earlier movement', @failures) if @failures;
    for (1 .. steps) {
        if (chance(0.25)) {
            my $before = hours($psql, $archived, $everything);
            @failures = $do->(prune(pick('people_movements', 'people_movements', 'realtime_metrics')));
            push @failures, differences('afterwards', hours($psql, $archived, $everything), $before);
        } else {
            @failures = $do->(pick(@free)->());
        }
        push @failures, Property::Database::problems($psql);
        return $wrong->('a change', splice @failures, 0, 6) if @failures;
    }
    return;
}

sub run ($database, $seed, $result) {
    srand $seed;
    my $psql = $database->connect;
    $psql->rows('DO $$ BEGIN PERFORM setseed(' . ($seed % 1000) / 1000 . '); END $$;');
    my @failures;
    for my $number (1 .. scenes) {
        @failures = scene($psql, $number) and last;
    }
    $result->(scenes . ' sessions with a twin: removing changes no figure, and what comes later is counted with what was archived', @failures);
    $psql->close;
}

1;
