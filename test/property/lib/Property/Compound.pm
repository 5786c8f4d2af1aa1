package Property::Compound;

# Steps of a history: statements with several sub-statements, transactions, savepoints, PL/pgSQL blocks, statements that
# fail, maintenance. A step is { sql, states }: it must return no row and fail with exactly these SQLSTATEs. It may also
# fail with what matches `or`; then undo() is called. Or it is { parts }, a list of such steps that name their connection.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use Exporter 'import';
use List::Util qw(shuffle);
use Property::Model qw(uuid copy_of new_session session_sql new_movement movement_tuple new_sample sample_tuple replace_rows
    shift_rows $movement_columns $sample_columns);
use Property::Operations qw(simple_operation choose insert_rows late_times next_times add_movements some_of matching
    conflicting_movements);
use Property::Scene qw(pick chance between literal quoted random_instant);

our @EXPORT_OK = qw(random_step);
our %without;    # kinds that are left out

my @kinds = (
    [ 30, statement   => \&statement ],
    [ 14, transaction => \&transaction ],
    [ 5,  block       => \&exception_block ],
    [ 4,  failing     => \&failing_statement ],
    [ 5,  cte         => \&writable_cte ],
    [ 3,  creation    => \&creation ],
    [ 2,  triggered   => \&triggered ],
    [ 3,  upsert      => \&upsert ],
    [ 3,  merge       => \&merge ],
    [ 6,  late        => \&late_burst ],
    [ 4,  alternating => \&alternating_writers ],
    [ 1,  prepared    => \&prepared_transaction ],
    [ 1,  maintenance => \&maintenance ],
);
my $interrupted = [ 12, interrupted => \&interrupted ];    # where derived rows are trapped, see Property::Database

sub random_step ($world, $session) {
    my $make = choose(map { [ $_->[0], $_ ] } grep { !$without{ $_->[1] } } @kinds, $world->{trapped} ? $interrupted : ());
    my $step = $make->[2]->($world, $session);
    $step = { sql => $step, states => [] } if !ref $step;
    return { kind => $make->[1], $step->%* };
}

sub statement ($world, $session) { return simple_operation($world, $session) }

sub someone ($world, $session) {
    return $world->{sessions}{ $session->{id} } if chance(0.75);
    return $world->{sessions}{ pick(sort keys $world->{sessions}->%*) };
}

# Shows a row if the function and plain SQL disagree.
sub inside_check ($session) {
    return "SELECT 'inside', calculate_current_people_inside(id), property.inside(id) FROM sessions"
        . " WHERE id = '$session->{id}' AND calculate_current_people_inside(id) IS DISTINCT FROM property.inside(id);";
}

# Statements in a transaction or savepoint; which may have savepoints of its own.
sub body ($world, $session, $depth, $states) {
    my @sql;
    for (1 .. between(1, $depth ? 3 : 5)) {
        if ($depth < 3 && chance(0.35)) {
            my $saved = copy_of($world);
            my $name  = "s$depth";
            push @sql, "SAVEPOINT $name;", body($world, $session, $depth + 1, $states);
            if (chance(0.6)) {
                if (chance(0.3)) {
                    my $failing = failing_statement($world, $world->{sessions}{ $session->{id} });
                    push @sql,    $failing->{sql};
                    push @$states, $failing->{states}->@*;
                }
                $world->{sessions} = $saved;
                push @sql, "ROLLBACK TO $name;";
                push @sql, inside_check($session) if chance(0.5);
            }
            push @sql, "RELEASE $name;" if chance(0.7);
            next;
        }
        my $one = someone($world, $session);
        push @sql, chance(0.08) ? creation($world, $one) : simple_operation($world, $one);
        push @sql, inside_check($one) if chance(0.5);
    }
    return @sql;
}

sub transaction ($world, $session) {
    my $saved  = copy_of($world);
    my $states = [];
    my $level  = pick('', '', ' ISOLATION LEVEL REPEATABLE READ', ' ISOLATION LEVEL SERIALIZABLE');
    my @sql    = ("BEGIN$level;", body($world, $session, 0, $states));
    if (chance(0.3)) {
        $world->{sessions} = $saved;
        push @sql, 'ROLLBACK;';
    }
    else { push @sql, 'COMMIT;' }
    return { sql => join("\n", @sql), states => $states };
}

sub prepared_transaction ($world, $session) {
    my $saved = copy_of($world);
    my @sql   = ('BEGIN;');
    push @sql, simple_operation($world, someone($world, $session)) for 1 .. between(1, 3);
    my $name = uuid();
    push @sql, "PREPARE TRANSACTION '$name';";
    if (chance(0.3)) {
        $world->{sessions} = $saved;
        push @sql, "ROLLBACK PREPARED '$name';";
    }
    else { push @sql, "COMMIT PREPARED '$name';" }
    return join "\n", @sql;
}

# A statement that PL/pgSQL can hold.
sub plain_operation ($world, $session) {
    for (1 .. 20) {
        my $saved = copy_of($world);
        my $sql   = simple_operation($world, $world->{sessions}{ $session->{id} });
        return $sql if $sql !~ /^COPY /;
        $world->{sessions} = $saved;
    }
    return 'NULL;';
}

sub exception_block ($world, $session) {
    my @sql = ('DO $do$ BEGIN');
    push @sql, plain_operation($world, $session) if chance(0.7);
    my $saved = copy_of($world);
    push @sql, 'BEGIN', plain_operation($world, $session), plain_operation($world, $session);
    if (chance(0.7)) {
        $world->{sessions} = $saved;
        push @sql, q{RAISE EXCEPTION 'never mind';};
    }
    push @sql, 'EXCEPTION WHEN raise_exception THEN NULL; END;';
    push @sql, plain_operation($world, $session) if chance(0.7);
    return join "\n", @sql, 'END $do$;';
}

# A statement that ends with an error at the n-th derived row that it writes, if it comes so far. What the backend remembers
# of the rows lives on; it is asked at once.
sub interrupted ($world, $session) {
    my $trap = 'property.writes_left';
    my $n    = pick(0, 1, between(2, 6), between(2, 40));
    my $kind = between(1, 3);
    if ($kind == 1) {
        my $saved = copy_of($world);
        my @sql   = ("SET $trap = $n;", 'BEGIN;', simple_operation($world, $session), 'COMMIT;', "RESET $trap;");
        return { sql => join("\n", @sql, inside_check($session)), states => [], or => qr/^P0001(?: 25P02)*$/, undo => sub { $world->{sessions} = $saved } };
    }
    if ($kind == 2) {
        my @sql = ('BEGIN;');
        push @sql, simple_operation($world, $session) if chance(0.6);
        for (1 .. pick(1, 1, 2)) {
            my $saved = copy_of($world);
            push @sql, 'SAVEPOINT s;', "SET LOCAL $trap = $n;", simple_operation($world, $world->{sessions}{ $session->{id} }), 'ROLLBACK TO s;';
            $world->{sessions} = $saved;
            push @sql, simple_operation($world, $world->{sessions}{ $session->{id} }), inside_check($session);
        }
        return { sql => join("\n", @sql, 'COMMIT;'), states => [], or => qr/^P0001(?: (?:25P02|P0001))*$/, undo => sub { } };
    }
    my @sql = ('DO $do$ BEGIN');
    push @sql, plain_operation($world, $session) if chance(0.6);
    my $saved = copy_of($world);
    push @sql, 'BEGIN', "PERFORM set_config('$trap', '$n', true);", plain_operation($world, $session), q{RAISE EXCEPTION 'never mind';},
        'EXCEPTION WHEN raise_exception THEN NULL; END;';
    $world->{sessions} = $saved;
    push @sql, plain_operation($world, $session) if chance(0.8);
    return join "\n", @sql, 'END $do$;';
}

# Good rows and a bad one in a statement: nothing of it stays.
sub failing_statement ($world, $session) {
    my $saved = copy_of($world);
    my @rows  = map { movement_tuple($session, $_) } add_movements($session, map { random_instant($session) } 1 .. between(1, 4));
    $world->{sessions} = $saved;
    my ($state, $bad) = pick(
        [ '22003', "('$session->{id}', '2025-01-01 00:00+00', '" . uuid() . "', 1, 'in', 1.5)" ],
        [ '22008', "('$session->{id}', 'infinity', '" . uuid() . "', 1, 'in', 0.5)" ],
        [ '23503', "('" . uuid() . "', '2025-01-01 00:00+00', '" . uuid() . "', 1, 'in', 0.5)" ],
        [ '23505', $rows[0] ],
    )->@*;
    return { sql => "INSERT INTO people_movements ($movement_columns) VALUES\n    " . join(",\n    ", @rows, $bad) . ';', states => [$state] };
}

# Every part of the statement sees the rows as they were before it.
sub writable_cte ($world, $session) {
    my %rows  = $session->{movements}->%*;
    my @rows  = map { $rows{$_} } sort keys %rows;
    my @parts;
    my @changed = some_of(0.15, @rows);
    my %changed = map { $_->{id} => 1 } @changed;
    my @deleted = grep { !$changed{ $_->{id} } } some_of(0.15, @rows);
    my $ids     = sub { join ', ', map { "'$_->{id}'" } @_ };
    if (@changed && chance(0.6)) {
        my $shift = pick(1, -3_600_000_000, 1_800_000_000);
        push @parts, "UPDATE people_movements SET movement_time = movement_time + interval '$shift microseconds'"
            . " WHERE session_id = '$session->{id}' AND id IN (" . $ids->(@changed) . ')';
        shift_rows($session->{movements}, $shift, @changed);
    }
    if (@deleted && chance(0.6)) {
        push @parts, "DELETE FROM people_movements WHERE session_id = '$session->{id}' AND id IN (" . $ids->(@deleted) . ')';
        delete $session->{movements}{ $_->{id} } for @deleted;
    }
    my @times = chance(0.5) ? next_times($session, between(1, 4)) : late_times($session, between(1, 4));
    push @parts, "INSERT INTO people_movements ($movement_columns) VALUES "
        . join(', ', map { movement_tuple($session, $_) } add_movements($session, @times));
    if (chance(0.5)) {
        my $sample = new_sample(random_instant($session));
        $session->{samples}{ $sample->{id} } = $sample;
        push @parts, "INSERT INTO realtime_metrics ($sample_columns) VALUES " . sample_tuple($session, $sample);
    }
    my $time = random_instant($session);
    if (chance(0.5) && !exists $session->{baselines}{$time}) {
        $session->{baselines}{$time} = 4;
        push @parts, "INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES ('$session->{id}', '" . literal($time) . "', 4)";
    }
    if (chance(0.4)) {
        $session->{config}{day_start} = between(0, 23);
        push @parts, "UPDATE sessions SET day_start = '$session->{config}{day_start}:00' WHERE id = '$session->{id}'";
    }
    @parts = shuffle(@parts);
    my $last = pop @parts;
    return "$last;" if !@parts;
    my $n = 0;
    return 'WITH ' . join(', ', map { 'part' . ++$n . " AS (\n    $_)" } @parts) . "\n$last;";
}

# A session and its first rows in one statement, in whatever order its parts and their triggers run; or with rows that a
# trigger of the user's adds.
sub creation ($world, $session) {
    my $new = new_session(uuid());
    $world->{sessions}{ $new->{id} } = $new;
    my $insert = session_sql($new) =~ s/;\z//r;
    if (chance(0.25)) {    # see Property::Database
        my $start = $new->{config}{start};
        $new->{baselines}{$start} = 5;
        $new->{movements}{ $new->{id} } = { id => $new->{id}, t => $start, direction => 'in', person => 1 };
        return $insert =~ s/'property'/'with rows'/r . ';';
    }
    my @rows    = add_movements($new, map { random_instant($new) } 1 .. between(1, 6));
    my $literal = "INSERT INTO people_movements ($movement_columns) VALUES " . join(', ', map { movement_tuple($new, $_) } @rows);
    my @parts;
    if (chance(0.4)) {
        my $sample = new_sample(random_instant($new));
        $new->{samples}{ $sample->{id} } = $sample;
        push @parts, "INSERT INTO realtime_metrics ($sample_columns) VALUES " . sample_tuple($new, $sample);
    }
    if (chance(0.4)) {
        my $time = random_instant($new);
        $new->{baselines}{$time} = 4;
        push @parts, "INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES ('$new->{id}', '" . literal($time) . "', 4)";
    }
    if (chance(0.5)) {
        @parts = shuffle($literal, $insert, @parts);
        my $last = pop @parts;
        my $n    = 0;
        return 'WITH ' . join(', ', map { 'part' . ++$n . " AS (\n    $_)" } @parts) . "\n$last;" if @parts;
    }
    my $tuples = join ', ', map { sprintf q{('%s'::timestamptz, '%s'::uuid, %d, '%s'::movement_direction, %s::real)}, literal($_->{t}), $_->{id}, $_->{person}, $_->{direction}, $_->{confidence} // 'NULL' } @rows;
    my $n = 0;
    return "WITH session AS (\n    $insert\n    RETURNING id)" . join('', map { ', part' . ++$n . " AS (\n    $_)" } @parts)
        . "\nINSERT INTO people_movements ($movement_columns) SELECT session.id, v.* FROM session, (VALUES $tuples) v;";
}

# Rows that bring a sample each along, by a trigger of the user's.
sub triggered ($world, $session) {
    my @times = chance(0.5) ? next_times($session, between(1, 3)) : late_times($session, between(1, 3));
    my @rows  = add_movements($session, @times);
    for (@rows) {
        $_->{person} = -777;
        $session->{samples}{ $_->{id} } = { id => $_->{id}, t => $_->{t}, people => 3, status => 'tracking' };
    }
    return "INSERT INTO people_movements ($movement_columns) VALUES " . join(', ', map { movement_tuple($session, $_) } @rows) . ';';
}

sub upsert ($world, $session) {
    my ($known, $new) = conflicting_movements($session);
    my @tuples = map { movement_tuple($session, { %$_, direction => 'in', confidence => '0.25' }) } shuffle(@$known, @$new);
    replace_rows($session->{movements}, { direction => 'in', confidence => '0.25' }, @$new, @$known);
    return "INSERT INTO people_movements ($movement_columns) VALUES\n    " . join(",\n    ", @tuples)
        . "\nON CONFLICT (session_id, movement_time, id) DO UPDATE SET movement_direction = 'in', confidence_score = 0.25;";
}

sub merge ($world, $session) {
    my @known  = some_of(0.4, map { $session->{movements}{$_} } sort keys $session->{movements}->%*);
    my @new    = map { new_movement($session, $_) } next_times($session, between(0, 3));
    my @source = map { [ $_, $session->{movements}{ $_->{id} } ? pick('delete', 'turn', 'leave') : 'insert' ] } shuffle(@known, @new);
    return 'SELECT WHERE false;' if !@source;
    for (@source) {
        my ($row, $action) = @$_;
        if    ($action eq 'delete') { delete $session->{movements}{ $row->{id} } }
        elsif ($action eq 'turn')   { replace_rows($session->{movements}, { direction => 'out' }, $row) }
        elsif ($action eq 'insert') { $session->{movements}{ $row->{id} } = { %$row, confidence => undef } }
    }
    return "MERGE INTO people_movements m USING (VALUES\n    "
        . join(",\n    ", map { sprintf q{('%s'::timestamptz, '%s'::uuid, '%s'::movement_direction, %d, '%s')}, literal($_->[0]{t}), $_->[0]{id}, $_->[0]{direction}, $_->[0]{person}, $_->[1] } @source)
        . ") v (t, id, direction, person, action)\n    ON m.session_id = '$session->{id}' AND m.movement_time = v.t AND m.id = v.id\n"
        . "WHEN MATCHED AND v.action = 'delete' THEN DELETE\n"
        . "WHEN MATCHED AND v.action = 'turn' THEN UPDATE SET movement_direction = 'out'\n"
        . "WHEN MATCHED THEN DO NOTHING\n"
        . "WHEN NOT MATCHED THEN INSERT (session_id, movement_time, id, person_id, movement_direction)\n"
        . "    VALUES ('$session->{id}', v.t, v.id, v.person, v.direction);";
}

# Late movements into one hour again and again, some of them taken back.
sub late_burst ($world, $session) {
    my $time = random_instant($session);
    my @sql;
    for (1 .. between(4, 10)) {
        my $saved = copy_of($world);
        my $write = insert_near($world->{sessions}{ $session->{id} }, $time);
        my $undo  = rand;
        if ($undo < 0.2) {
            $world->{sessions} = $saved;
            push @sql, 'BEGIN;', $write, 'ROLLBACK;';
        }
        elsif ($undo < 0.4) {
            $world->{sessions} = $saved;
            push @sql, 'BEGIN;', 'SAVEPOINT s;', $write, 'ROLLBACK TO s;', inside_check($session), 'COMMIT;';
        }
        elsif ($undo < 0.5) {
            push @sql, 'BEGIN;', $write, inside_check($session), 'COMMIT;';
        }
        else { push @sql, $write }
    }
    return join "\n", @sql;
}

# The same by two connections in turn, so that what one remembers of an hour is no longer so.
sub alternating_writers ($world, $session) {
    my $time = random_instant($session);
    my @parts;
    for my $n (1 .. between(4, 10)) {
        my $saved = copy_of($world);
        my $one   = $world->{sessions}{ $session->{id} };
        my $sql   = chance(0.8) ? insert_near($one, $time) : simple_operation($world, $one);
        my $lost  = chance(0.25);
        $world->{sessions} = $saved if $lost;
        push @parts, { connection => pick(0, 1), states => [], sql => $lost ? "BEGIN;\n$sql\nROLLBACK;" : $sql };
    }
    return { parts => \@parts };
}

sub insert_near ($session, $time) {
    my @rows = add_movements($session, map { $time + between(-30, 30) * 60_000_000 } 1 .. pick(1, 1, between(1, 4)));
    return "INSERT INTO people_movements ($movement_columns) VALUES " . join(', ', map { movement_tuple($session, $_) } @rows) . ';';
}

sub maintenance ($world, $session) {
    return pick(
        'VACUUM session_statistics, hourly_statistics, daily_statistics;',
        'VACUUM FULL hourly_statistics;',
        'VACUUM FULL session_statistics;',
        'VACUUM FULL daily_statistics;',
        'VACUUM people_movements;',
        'REINDEX TABLE hourly_statistics;',
        'DISCARD ALL;',
        "DO \$\$ BEGIN PERFORM rebuild_statistics('$session->{id}'); END \$\$;",
        'DO $$ BEGIN PERFORM rebuild_statistics(); END $$;',
    );
}

1;
