package Property::Oracle;

# The statistics once more, the plainest way: walk all instants, then look at every active hour on its own. Only for zones
# with a constant offset. Shares no code and no idea with the extension or with verify_statistics().

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use Exporter 'import';
use List::Util qw(max min sum0);
use POSIX ();

our @EXPORT_OK = qw(expected stored);

use constant { hour => 3_600_000_000, day => 86_400_000_000 };

# Instants in order: [time, level after, entered, exited, absorbed, baseline there].
sub steps ($session, $offset) {
    my (%net, %entered, %exited, %baseline);
    for my $m (values $session->{movements}->%*) {
        $m->{direction} eq 'in' ? $entered{ $m->{t} }++ : $exited{ $m->{t} }++;
        $net{ $m->{t} } += $m->{direction} eq 'in' ? 1 : -1;
    }
    my @times = (keys %net, keys $session->{baselines}->%*, map { $_->{t} } values $session->{samples}->%*);
    if (defined $session->{config}{reset} && @times) {
        my ($h, $m, $s) = (split(/:/, $session->{config}{reset}), 0);
        my $reset = $h * hour + $m * 60_000_000 + $s * 1_000_000;
        for my $date (POSIX::floor(min(@times) / day) - 2 .. POSIX::floor(max(@times) / day) + 2) {
            $baseline{ $date * day + $reset - $offset } = 0;
        }
    }
    %baseline = (%baseline, $session->{baselines}->%*);

    my ($level, @steps) = (0);
    my %all = (%net, %baseline);
    for my $t (sort { $a <=> $b } keys %all) {
        my $reached  = $level + ($net{$t} // 0);
        my $absorbed = $reached < 0 ? -$reached : 0;
        $level = $baseline{$t} // max(0, $reached);
        push @steps, [ $t, $level, $entered{$t} // 0, $exited{$t} // 0, $absorbed, exists $baseline{$t} ];
    }
    return @steps;
}

# A quotient to `decimals` places, half away from zero. Both are whole and not negative.
sub quotient ($dividend, $divisor, $decimals) {
    return undef if !$divisor;
    use integer;
    my $scale  = 10**$decimals;
    my $result = (2 * $dividend * $scale + $divisor) / (2 * $divisor);
    return sprintf "%d.%0*d", $result / $scale, $decimals, $result % $scale;
}

# As float4 and float8 see it, in 1e-9, rounded half to even.
sub confidence_units ($text) {
    my $value = unpack('f', pack 'f', $text) * 1e9;
    my $floor = POSIX::floor($value);
    return $value - $floor > 0.5 || ($value - $floor == 0.5 && $floor % 2) ? $floor + 1 : $floor;
}

# The highest, and the earliest of those: pairs [value, time].
sub highest (@pairs) {
    my $best;
    for my $p (@pairs) {
        $best = $p if !$best || $p->[0] > $best->[0] || ($p->[0] == $best->[0] && $p->[1] < $best->[1]);
    }
    return $best;
}

sub hour_row ($a, $steps, $session, $horizon) {
    my $b      = $a + hour;
    my @before = grep { $_->[0] < $a } @$steps;
    my @within = grep { $_->[0] >= $a && $_->[0] < $b } @$steps;
    my $opening = @before ? $before[-1][1] : 0;
    $opening = $within[0][1] if @within && $within[0][0] == $a && $within[0][5];
    my @levels = ([ $opening, $a ], map { [ $_->[1], $_->[0] ] } @within);
    my @samples   = grep { $_->{t} >= $a && $_->{t} < $b } values $session->{samples}->%*;
    my @movements = grep { $_->{t} >= $a && $_->{t} < $b } values $session->{movements}->%*;
    my @scores    = map { confidence_units($_->{confidence}) } grep { defined $_->{confidence} } @movements;

    my ($from, $to) = (max($a, $session->{config}{start}), min($b, $horizon));
    my $occupancy = 0;
    for my $i (0 .. $#levels) {
        my $until = $i < $#levels ? $levels[ $i + 1 ][1] : $b;
        my ($f, $t) = (max($levels[$i][1], $from), min($until, $to));
        $occupancy += $levels[$i][0] * ($t - $f) if $t > $f;
    }
    my $counted  = highest(@levels);
    my $reported = highest(map { [ $_->{people}, $_->{t} ] } @samples);
    my $peak     = highest($counted, $reported // ());
    return {
        start => $a, entered => sum0(map { $_->[2] } @within), exited => sum0(map { $_->[3] } @within),
        absorbed => sum0(map { $_->[4] } @within), opening => $opening, closing => $levels[-1][0],
        low => min(map { $_->[0] } @levels), counted => $counted->[0], counted_time => $counted->[1],
        reported => $reported && $reported->[0], reported_time => $reported && $reported->[1],
        peak => $peak->[0], peak_time => $peak->[1], occupancy => $occupancy, observed => max(0, $to - $from),
        scores => sum0(@scores), scored => scalar @scores,
    };
}

sub total ($hours) {
    my $peak = highest(map { [ $_->{peak}, $_->{peak_time} ] } @$hours);
    my %sum  = (peak => $peak && $peak->[0], peak_time => $peak && $peak->[1]);
    for my $figure (qw(entered exited absorbed occupancy observed scores scored)) {
        $sum{$figure} = sum0(map { $_->{$figure} } @$hours);
    }
    return \%sum;
}

sub texts (@values) { return join ' ', map { $_ // '~' } @values }

sub common ($x) {
    return ($x->{entered}, $x->{exited}, $x->{peak}, $x->{peak_time}, quotient($x->{occupancy}, $x->{observed}, 4),
        $x->{entered} + $x->{exited}, quotient($x->{scores}, $x->{scored} * 10_000_000, 2), $x->{occupancy},
        $x->{observed}, $x->{absorbed}, $x->{scores}, $x->{scored});
}

# Rows by table and key, as lines of text. end_time is passed, for the extension may have set it.
sub expected ($session, $offset_seconds, $end_time) {
    my $offset  = $offset_seconds * 1_000_000;
    my $config  = $session->{config};
    my @steps   = steps($session, $offset);
    my @moved   = map { $_->{t} } values $session->{movements}->%*;
    my @active  = (@moved, map { $_->{t} } values $session->{samples}->%*);
    my $last    = max(@active);
    my $horizon = max($last // (), $end_time // ());
    my %start   = map { POSIX::floor(($_ + $offset) / hour) * hour - $offset => 1 } @active;
    my @hours   = map { hour_row($_, \@steps, $session, $horizon) } sort { $a <=> $b } keys %start;
    my (%rows, %days);
    for my $h (@hours) {
        $rows{"hour $h->{start}"} = texts(common($h), map { $h->{$_} } qw(opening closing low counted counted_time reported reported_time));
        push $days{ POSIX::floor(($h->{start} + $offset - $config->{day_start} * hour) / day) }->@*, $h;
    }
    for my $date (keys %days) {
        my $from = $date * day + $config->{day_start} * hour - $offset;
        my $duration = max(0, min($from + day, $horizon) - max($from, $config->{start}));
        $rows{"day $date"} = texts(common(total($days{$date})), $duration);
    }
    my $sum       = total(\@hours);
    my $moment    = max(@moved, keys $session->{baselines}->%*);
    my @past      = defined $moment ? grep { $_->[0] <= $moment } @steps : ();
    my %status    = (detecting => 0, tracking => 0, waiting => 0);
    $status{ $_->{status} }++ for values $session->{samples}->%*;
    $rows{session} = texts($sum->{entered}, $sum->{exited}, @past ? $past[-1][1] : 0, $sum->{peak} // 0, $sum->{peak_time},
        quotient($sum->{occupancy}, $sum->{observed}, 4), $sum->{entered} + $sum->{exited}, $sum->{entered} - $sum->{exited},
        $sum->{absorbed}, max(@moved), @status{qw(detecting tracking waiting)}, max($config->{created}, $last // ()));
    return \%rows;
}

# The stored rows of sessions in the same form: { session id => { key => line } }, and their end_time.
sub stored ($psql, @ids) {
    my $in     = join ', ', map { "'$_'" } @ids;
    my $micros = sub ($column) { return "(extract(epoch FROM $column) * 1000000)::bigint" };
    my $sums   = sub ($prefix) {
        return join ', ', "${prefix}people_entered", "${prefix}people_exited", 'peak_people_count', $micros->('peak_time'),
            'average_people_count', 'total_detections', 'detection_accuracy', '(occupancy_seconds * 1000000)::bigint',
            '(observed_seconds * 1000000)::bigint', 'exits_absorbed', 'confidence_sum', 'confidence_count';
    };
    my (%rows, %ends);
    my $hours = $psql->rows("SELECT session_id, 'hour ' || " . $micros->('hour_timestamp') . ', ' . $sums->('') . ', opening_count, '
            . 'closing_count, low_people_count, counted_peak, ' . $micros->('counted_peak_time') . ', reported_peak, '
            . $micros->('reported_peak_time') . " FROM hourly_statistics WHERE session_id IN ($in);");
    my $days = $psql->rows("SELECT session_id, 'day ' || date_timestamp - date '1970-01-01', " . $sums->('total_')
            . ", (total_session_duration * 1000000)::bigint FROM daily_statistics WHERE session_id IN ($in);");
    my $sessions = $psql->rows("SELECT session_id, 'session', total_people_entered, total_people_exited, current_people_inside, "
            . 'peak_people_count, ' . $micros->('peak_time') . ', average_people_count, total_detections, net_people_count, '
            . 'exits_absorbed, ' . $micros->('last_movement_time') . ', detection_frames, tracking_frames, waiting_frames, '
            . $micros->('updated_at') . " FROM session_statistics WHERE session_id IN ($in);");
    for my $row (@$hours, @$days, @$sessions) {
        my ($id, $key, @values) = @$row;
        $rows{$id}{$key} = texts(@values);
    }
    $ends{ $_->[0] } = $_->[1] for $psql->rows('SELECT id, ' . $micros->('end_time') . " FROM sessions WHERE id IN ($in);")->@*;
    return (\%rows, \%ends);
}

1;
