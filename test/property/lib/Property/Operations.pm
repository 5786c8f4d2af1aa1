package Property::Operations;

# Random single statements on one session. Each takes (world, session), changes the model and returns SQL, or undef where
# the session has nothing to do it with.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use Exporter 'import';
use List::Util qw(shuffle max);
use Property::Model qw(uuid new_movement movement_tuple new_sample sample_tuple new_session session_sql replace_rows shift_rows
    $movement_columns $sample_columns @confidences);
use Property::Scene qw(pick chance between literal quoted random_instant random_reset @zones);

our @EXPORT_OK = qw(simple_operation choose insert_rows late_times next_times add_movements some_of matching
    conflicting_movements);

use constant { second => 1_000_000, minute => 60_000_000, hour => 3_600_000_000, day => 86_400_000_000 };

# choose([weight, value], ...)
sub choose (@weighted) {
    my $total = 0;
    $total += $_->[0] for @weighted;
    my $point = rand $total;
    for (@weighted) {
        return $_->[1] if ($point -= $_->[0]) < 0;
    }
    return $weighted[-1][1];
}

my @operations = (
    [ 12, \&insert_rows ],         [ 4, \&insert_duplicates ], [ 4, \&insert_select ],     [ 3, \&copy_rows ],
    [ 3, \&move_in_time ],         [ 3, \&change_movement ],   [ 1, \&change_session_of ], [ 2, \&irrelevant_update ],
    [ 4, \&delete_range ],         [ 2, \&delete_some ],       [ 4, \&insert_samples ],    [ 2, \&change_samples ],
    [ 2, \&delete_samples ],       [ 4, \&insert_baseline ],   [ 2, \&change_baseline ],   [ 2, \&delete_baselines ],
    [ 7, \&change_configuration ], [ 5, \&burst ],             [ 0.15, \&truncate_tables ], [ 0.5, \&replace_session ],
);

sub simple_operation ($world, $session) {
    for (1 .. 20) {
        my $sql = choose(@operations)->($world, $session);
        return $sql if defined $sql;
    }
    die 'no operation is possible';
}

# ---- movements ---------------------------------------------------------------------------------------------------------

sub some_of ($probability, @list) { return grep { chance($probability) } @list }

sub last_time ($session) {
    return max(map { $_->{t} } values $session->{movements}->%*) // $session->{scene}{centre} - 3 * hour;
}

# Behind everything so far, often at the last instant itself.
sub next_times ($session, $count) {
    my $time = last_time($session);
    return map { $time += pick(0, 0, 1, second, $session->{scene}{grid} * between(0, 2), chance(0.1) ? 5 * hour : 0) } 1 .. $count;
}

# Near one of the last instants, or all near one another further back.
sub late_times ($session, $count) {
    my @times = sort { $b <=> $a } map { $_->{t} } values $session->{movements}->%*;
    return next_times($session, $count) if !@times;
    my $reach = pick(1, 5, 15, 16, 17, 40);
    $reach = @times if $reach > @times;
    my $one = $times[ rand @times ];
    return map { (chance(0.5) ? $times[ rand $reach ] : $one) + pick(0, 0, 1, -1, second, -minute, between(-20, 20) * minute) }
        1 .. $count;
}

sub random_times ($session, $count) {
    return next_times($session, $count) if chance(0.35);
    return late_times($session, $count) if chance(0.4);
    return map { random_instant($session) } 1 .. $count;
}

sub add_movements ($session, @times) {
    my @rows = map { new_movement($session, $_) } @times;
    $session->{movements}{ $_->{id} } = $_ for @rows;
    return @rows;
}

sub insert_rows ($world, $session) {
    my $count = pick(1, 1, 1, 2, 5, between(1, 20));
    my @rows  = add_movements($session, random_times($session, $count));
    @rows = chance(0.5) ? shuffle(@rows) : sort { $a->{t} <=> $b->{t} } @rows;
    my @tuples = map { movement_tuple($session, $_) } @rows;
    if (chance(0.2)) {    # with rows of other sessions between
        for my $other (some_of(0.3, sort_by_id($world))) {
            push @tuples, map { movement_tuple($other, $_) } add_movements($other, random_times($other, between(1, 3)));
        }
        @tuples = shuffle(@tuples);
    }
    return "INSERT INTO people_movements ($movement_columns) VALUES\n    " . join(",\n    ", @tuples) . ';';
}

sub sort_by_id ($world) {
    return map { $world->{sessions}{$_} } sort keys $world->{sessions}->%*;
}

# Rows that are there already, rows twice in one statement, and new ones.
sub conflicting_movements ($session) {
    my @known = some_of(0.5, sorted_rows($session->{movements}));
    splice @known, 5 if @known > 5;
    my @new = add_movements($session, random_times($session, between(1, 4)));
    my @twice = some_of(0.4, @new);
    return (\@known, \@new, \@twice);
}

sub insert_duplicates ($world, $session) {
    my ($known, $new, $twice) = conflicting_movements($session);
    # A repeated report may say something else the second time; the first one stands.
    my @again = map { { %$_, direction => pick('in', 'out') } } @$known, @$twice;
    my @tuples = map { movement_tuple($session, $_) } @$new, @again;
    my @first  = splice @tuples, 0, scalar @$new;
    return "INSERT INTO people_movements ($movement_columns) VALUES\n    "
        . join(",\n    ", @first, shuffle(@tuples)) . "\nON CONFLICT DO NOTHING;";
}

sub insert_select ($world, $session) {
    my @rows = add_movements($session, random_times($session, between(1, 12)));
    return sprintf "INSERT INTO people_movements (%s)\n"
        . "SELECT '%s', v.t::timestamptz, v.id::uuid, v.person, v.direction::movement_direction, v.confidence::real\n"
        . "  FROM (VALUES\n    %s) v (t, id, person, direction, confidence)%s;",
        $movement_columns, $session->{id},
        join(",\n    ", map { sprintf q{('%s', '%s', %d, '%s', %s)}, literal($_->{t}), $_->{id}, $_->{person}, $_->{direction}, quoted($_->{confidence}) } @rows),
        pick('', ' ORDER BY v.t', ' ORDER BY v.id');
}

sub copy_rows ($world, $session) {
    my @lines;
    for my $s ($session, chance(0.3) ? some_of(0.3, sort_by_id($world)) : ()) {
        for my $m (add_movements($s, random_times($s, between(1, 15)))) {
            push @lines, join "\t", $s->{id}, literal($m->{t}), $m->{id}, $m->{person}, $m->{direction}, $m->{confidence} // '\N';
        }
    }
    return join "\n", "COPY people_movements ($movement_columns) FROM STDIN;", shuffle(@lines), '\.';
}

# One statement after the other: in order, at the same instant, a little late.
sub burst ($world, $session) {
    my @times = chance(0.4) ? next_times($session, between(3, 25)) : chance(0.5) ? late_times($session, between(3, 12))
        : ((random_instant($session)) x between(3, 8));
    return join "\n", map { "INSERT INTO people_movements ($movement_columns) VALUES " . movement_tuple($session, $_) . ';' }
        add_movements($session, @times);
}

sub sorted_rows ($rows) { return map { $rows->{$_} } sort keys %$rows }

# A random stretch of time, and its rows: [SQL condition, rows...].
sub matching ($session, $rows, $column) {
    my ($from, $to) = sort { $a <=> $b } random_instant($session), random_instant($session);
    $to = $from if chance(0.2);
    my @rows = grep { $_->{t} >= $from && $_->{t} <= $to } sorted_rows($rows);
    return undef if !@rows;
    return [ sprintf(q{session_id = '%s' AND %s BETWEEN '%s' AND '%s'}, $session->{id}, $column, literal($from), literal($to)), @rows ];
}

sub by_id ($session, @rows) {
    return "session_id = '$session->{id}' AND id IN (" . join(', ', map { "'$_->{id}'" } @rows) . ')';
}

sub move_in_time ($world, $session) {
    if (chance(0.5)) {
        my ($condition, @rows) = (matching($session, $session->{movements}, 'movement_time') // return undef)->@*;
        my $shift = pick(1, -1, second, hour, -hour, 15 * minute, -37 * minute, day, between(-600, 600) * second);
        shift_rows($session->{movements}, $shift, @rows);
        return "UPDATE people_movements SET movement_time = movement_time + interval '$shift microseconds' WHERE $condition;";
    }
    my @rows = some_of(0.1, sorted_rows($session->{movements})) or return undef;
    my $time = random_instant($session);
    replace_rows($session->{movements}, { t => $time }, @rows);
    return sprintf "UPDATE people_movements SET movement_time = '%s' WHERE %s;", literal($time), by_id($session, @rows);
}

sub change_movement ($world, $session) {
    my ($condition, @rows) = (matching($session, $session->{movements}, 'movement_time') // return undef)->@*;
    if (chance(0.5)) {
        replace_rows($session->{movements}, { direction => $_->{direction} eq 'in' ? 'out' : 'in' }, $_) for @rows;
        return "UPDATE people_movements SET movement_direction = CASE movement_direction WHEN 'in' THEN 'out' ELSE 'in' END::movement_direction WHERE $condition;";
    }
    my $confidence = pick(@confidences);
    replace_rows($session->{movements}, { confidence => $confidence }, @rows);
    return sprintf 'UPDATE people_movements SET confidence_score = %s WHERE %s;', $confidence // 'NULL', $condition;
}

sub change_session_of ($world, $session) {
    my ($condition, @rows) = (matching($session, $session->{movements}, 'movement_time') // return undef)->@*;
    my $other = pick(sort_by_id($world));
    delete $session->{movements}{ $_->{id} } for @rows;
    $other->{movements}{ $_->{id} } = $_ for @rows;
    return "UPDATE people_movements SET session_id = '$other->{id}' WHERE $condition;";
}

sub irrelevant_update ($world, $session) {
    return sprintf "UPDATE people_movements SET %s WHERE session_id = '%s'%s;",
        pick('person_id = person_id + 1', 'frame_number = 7', 'movement_time = movement_time', 'centroid_x = 1.5, created_at = now()'),
        $session->{id}, pick('', " AND movement_direction = 'in'", ' AND false');
}

sub delete_range ($world, $session) {
    my ($condition, @rows) = (matching($session, $session->{movements}, 'movement_time') // return undef)->@*;
    delete $session->{movements}{ $_->{id} } for @rows;
    return "DELETE FROM people_movements WHERE $condition;";
}

sub delete_some ($world, $session) {
    my @rows = some_of(chance(0.1) ? 1 : 0.1, sorted_rows($session->{movements})) or return undef;
    delete $session->{movements}{ $_->{id} } for @rows;
    return sprintf 'DELETE FROM people_movements WHERE %s;', by_id($session, @rows);
}

# ---- samples -----------------------------------------------------------------------------------------------------------

sub insert_samples ($world, $session) {
    my @rows = map { new_sample($_) } random_times($session, pick(1, 1, between(1, 8)));
    $session->{samples}{ $_->{id} } = $_ for @rows;
    return "INSERT INTO realtime_metrics ($sample_columns) VALUES\n    "
        . join(",\n    ", map { sample_tuple($session, $_) } @rows) . ';';
}

sub change_samples ($world, $session) {
    my ($condition, @rows) = (matching($session, $session->{samples}, '"timestamp"') // return undef)->@*;
    my $kind = between(1, 4);
    if ($kind == 1) {
        my $people = between(0, 20);
        replace_rows($session->{samples}, { people => $people }, @rows);
        return "UPDATE realtime_metrics SET current_people_count = $people WHERE $condition;";
    }
    if ($kind == 2) {
        my $status = pick('detecting', 'tracking', 'waiting');
        replace_rows($session->{samples}, { status => $status }, @rows);
        return "UPDATE realtime_metrics SET detection_status = '$status' WHERE $condition;";
    }
    if ($kind == 3) {
        my $shift = pick(1, hour, -hour, -25 * minute);
        shift_rows($session->{samples}, $shift, @rows);
        return qq{UPDATE realtime_metrics SET "timestamp" = "timestamp" + interval '$shift microseconds' WHERE $condition;};
    }
    my $other = pick(sort_by_id($world));
    delete $session->{samples}{ $_->{id} } for @rows;
    $other->{samples}{ $_->{id} } = $_ for @rows;
    return "UPDATE realtime_metrics SET session_id = '$other->{id}', cpu_usage_percentage = 5 WHERE $condition;";
}

sub delete_samples ($world, $session) {
    my ($condition, @rows) = (matching($session, $session->{samples}, '"timestamp"') // return undef)->@*;
    delete $session->{samples}{ $_->{id} } for @rows;
    return "DELETE FROM realtime_metrics WHERE $condition;";
}

# ---- baselines ---------------------------------------------------------------------------------------------------------

sub insert_baseline ($world, $session) {
    my %new;
    my $future = chance(0.1) ? 400 * day : 0;
    for (1 .. pick(1, 1, 1, between(2, 5))) {
        my $time = random_instant($session) + $future;
        $new{$time} = pick(0, 1, 3, between(0, 20)) if !exists $session->{baselines}{$time};
    }
    return undef if !%new;
    $session->{baselines} = { $session->{baselines}->%*, %new };
    return "INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES "
        . join(', ', map { sprintf q{('%s', '%s', %d)}, $session->{id}, literal($_), $new{$_} } sort keys %new) . ';';
}

sub change_baseline ($world, $session) {
    my $time = pick(sort keys $session->{baselines}->%*) // return undef;
    my $new  = chance(0.5) ? $time : random_instant($session);
    return undef if $new != $time && exists $session->{baselines}{$new};
    delete $session->{baselines}{$time};
    my $people = $session->{baselines}{$new} = between(0, 9);
    return sprintf q{UPDATE occupancy_baselines SET baseline_time = '%s', people_count = %d WHERE session_id = '%s' AND baseline_time = '%s';},
        literal($new), $people, $session->{id}, literal($time);
}

sub delete_baselines ($world, $session) {
    my @times = some_of(pick(0.2, 0.2, 1), sort keys $session->{baselines}->%*) or return undef;
    delete $session->{baselines}{$_} for @times;
    return sprintf q{DELETE FROM occupancy_baselines WHERE session_id = '%s' AND baseline_time IN (%s);}, $session->{id},
        join ', ', map { quoted(literal($_)) } @times;
}

# ---- sessions ----------------------------------------------------------------------------------------------------------

sub change_configuration ($world, $session) {
    my $c = $session->{config};
    my %set;
    my $kind = between(1, 9);
    if    ($kind == 1) { $set{time_zone}  = $c->{zone}      = pick(@zones) }
    elsif ($kind == 2) { $set{day_start}  = ($c->{day_start} = between(0, 23)) . ':00' }
    elsif ($kind == 3) { $set{reset_time} = $c->{reset}     = random_reset() }
    elsif ($kind <= 5) { change_start($session, \%set) }
    elsif ($kind <= 7) { change_end($session, \%set) }
    elsif ($kind == 8) { $set{false_positives} = pick(undef, between(0, 9)); $set{false_negatives} = pick(undef, between(0, 9)) }
    else               { $set{created_at} = literal($c->{created} = random_instant($session)); $set{session_name} = 'renamed' }
    return sprintf q{UPDATE sessions SET %s WHERE id = '%s';}, join(', ', map { "$_ = " . quoted($set{$_}) } sort keys %set), $session->{id};
}

sub change_start ($session, $set) {
    my $c = $session->{config};
    $c->{start} = random_instant($session) + pick(0, 0, 0, -3 * day, 3 * day);
    $set->{start_time} = literal($c->{start});
    if ($c->{completed} || (defined $c->{end} && $c->{end} < $c->{start})) {
        $c->{end} = $c->{start} + pick(0, hour, day);
        $set->{end_time} = literal($c->{end});
        $c->{completed} = 0;
    }
}

sub change_end ($session, $set) {
    my $c = $session->{config};
    if (chance(0.25)) {    # ends now if it has no end yet
        $set->{status} = pick('completed', 'error', 'cancelled');
        $c->{completed} = 1 if !defined $c->{end};
        return;
    }
    $c->{end} = chance(0.3) ? undef : random_instant($session) + pick(0, 0, 2 * day);
    $c->{end} = $c->{start} if defined $c->{end} && $c->{end} < $c->{start};
    $set->{end_time} = literal($c->{end});
    $set->{status}   = 'active';
    $c->{completed}  = 0;
}

# Deletes the session, and makes another one under its id.
sub replace_session ($world, $session) {
    my $new = new_session($session->{id});
    delete $session->{$_} for keys %$session;
    $session->{$_} = $new->{$_} for keys %$new;
    return "DELETE FROM sessions WHERE id = '$session->{id}';\n" . session_sql($session);
}

sub truncate_tables ($world, $session) {
    my %tables = (movements => 'people_movements', samples => 'realtime_metrics', baselines => 'occupancy_baselines');
    my @which  = some_of(0.5, sort keys %tables) or return undef;
    for my $s (sort_by_id($world)) {
        $s->{$_} = {} for @which;
    }
    return 'TRUNCATE ' . join(', ', map { $tables{$_} } @which) . ';';
}

1;
