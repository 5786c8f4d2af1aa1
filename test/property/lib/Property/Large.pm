package Property::Large;

# Statements of so many rows that they are taken in chunks of 32768: in order and not, into one session and into many, with
# the cut between two chunks in every kind of place.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use File::Temp ();
use Property::Database;

my $insert = 'INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction, confidence_score)';

sub session ($n) { return "('00000000-0000-4000-8000-' || lpad(to_hex($n), 12, '0'))::uuid" }

# rows($count, $session, $time): expressions over i
sub rows ($count, $session, $time, $order = 'i') {
    return "SELECT $session, $time, i, (CASE WHEN random() < 0.55 THEN 'in' ELSE 'out' END)::movement_direction,"
        . " CASE WHEN i % 3 = 0 THEN NULL ELSE (i % 100) / 100.0 END FROM generate_series(1, $count) i ORDER BY $order";
}

sub steps ($file) {
    my ($one, $any) = (session(1), session('1 + floor(random() * 40)::integer'));
    my $start = "timestamptz '2025-03-29 20:00+00'";
    return (
        [ 'in order, into one session', "$insert " . rows(40_000, $one, "$start + i * interval '700 ms'") ],
        [ 'behind it, many of one instant', "$insert " . rows(32_769, $one, "$start + interval '8 hours' + i / 100 * interval '11 s'") ],
        [ 'exactly one chunk, all of one instant', "$insert " . rows(32_768, session(2), "$start + interval '1 hour'") ],
        [ 'one row less than a chunk', "$insert " . rows(32_767, session(2), "$start + interval '2 hours' + i * interval '5 ms'") ],
        [ 'in order, then late from the second chunk on',
            "$insert " . rows(40_000, session(3), "CASE WHEN i <= 32768 THEN $start + i * interval '1 s' ELSE $start + (i % 32768) * interval '1 s' END") ],
        [ 'everything deleted', 'DELETE FROM people_movements' ],
        [ 'into many sessions at random', "$insert " . rows(50_000, $any, "$start + random() * interval '30 hours'", 'random()') ],
        [ 'the open hours, from many sessions', "$insert " . rows(40_000, session('1 + i % 40'), "$start + interval '30 hours' + i * interval '50 ms'") ],
        [ 'samples', 'INSERT INTO realtime_metrics (session_id, "timestamp", current_people_count, detection_status) SELECT '
            . session('1 + i % 40') . ", $start + i * interval '3 s', i % 17, (ARRAY['waiting', 'tracking', 'detecting'])[1 + i % 3]::detection_status FROM generate_series(1, 40000) i" ],
        [ 'an update of direction, confidence and time', "UPDATE people_movements SET movement_direction = (CASE WHEN person_id % 5 = 0 THEN 'in' ELSE 'out' END)::movement_direction,"
            . " confidence_score = 0.25, movement_time = movement_time + (person_id % 3) * interval '1 hour' WHERE person_id % 4 = 1" ],
        [ 'an update that moves rows to other sessions', 'UPDATE people_movements SET session_id = ' . session('41 + person_id % 5') . ' WHERE person_id % 6 = 2' ],
        [ 'a deletion', 'DELETE FROM people_movements WHERE person_id % 4 = 0' ],
        [ 'repeated reports', "CREATE TABLE property.saved AS SELECT * FROM people_movements; DELETE FROM people_movements WHERE person_id % 2 = 0;"
            . ' INSERT INTO people_movements SELECT * FROM property.saved ORDER BY random() ON CONFLICT DO NOTHING; DROP TABLE property.saved' ],
        [ 'COPY', "\\copy people_movements to '$file'\nDELETE FROM people_movements WHERE person_id % 3 <> 0;\n"
            . "DELETE FROM people_movements;\n\\copy people_movements from '$file'\n" ],
        [ 'what is rolled back', "BEGIN; $insert " . rows(40_000, $any, "$start + random() * interval '60 hours'") . '; SAVEPOINT s; DELETE FROM people_movements;'
            . ' ROLLBACK TO s; UPDATE people_movements SET confidence_score = 1; ROLLBACK' ],
        [ 'all of a session at once', 'DELETE FROM sessions WHERE id IN (' . session(1) . ', ' . session(2) . ')' ],
    );
}

sub run ($database, $seed, $result) {
    my $psql = $database->connect;
    my $file = File::Temp->new(SUFFIX => '.copy');
    $psql->rows('DO $$ BEGIN PERFORM setseed(' . ($seed % 1000) / 1000 . '); END $$; INSERT INTO sessions (id, time_zone, day_start, reset_time, start_time) SELECT '
            . session('i') . ", (ARRAY['Europe/Zurich', 'UTC', 'Australia/Lord_Howe', 'America/St_Johns'])[1 + i % 4], make_time(i % 24, 0, 0),"
            . " CASE WHEN i % 3 > 0 THEN make_time(i % 24, 30, 0) END, '2025-03-29 21:00+00' FROM generate_series(1, 45) i;");
    my @failures;
    for (steps($file)) {
        my ($name, $sql) = @$_;
        my $answer = $psql->run("$sql;");
        my @wrong = ($answer->{messages}->@*, Property::Database::problems($psql));
        splice @wrong, 8 if @wrong > 8;
        push @failures, "after $name:", @wrong if @wrong;
        last if @wrong;
    }
    $result->('large statements: ' . join('; ', map { $_->[0] } steps('')), @failures);
    $psql->close;
}

1;
