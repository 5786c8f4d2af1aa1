package Property::AlertScene;

# Random rules and histories for the tests of alerts, and their SQL.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use Exporter 'import';
use POSIX ();
use Property::Scene qw(pick chance between literal quoted);

our @EXPORT_OK = qw(random_rule random_history rule_sql instants_sql sql_of_session stored_alerts compare_alerts);

use constant second => 1_000_000;

our @flows   = qw(people_entered_last_minute people_exited_last_minute people_entered_last_hour people_exited_last_hour);
our @samples = qw(fps_current cpu_usage_percentage memory_usage_mb processing_latency_ms);

# `lengths`: of hold_for and keep_firing_for, in microseconds, for metrics of this kind.
sub random_rule ($n, $session, %lengths) {
    my $kind   = pick(qw(inside inside inside flow sample));
    my $metric = $kind eq 'inside' ? 'current_people_inside' : $kind eq 'flow' ? pick(@flows) : pick(@samples);
    my $above  = chance(0.6);
    my %rule = (
        name => "r$n", session => $session, metric => $metric, comparison => $above ? 'above' : 'below',
        threshold => $kind eq 'sample' ? pick(10, 20, 20.5) : pick(0, 1, 2, 3, 5, 0.5),
        hold => pick($lengths{$kind}->@*), keep => pick($lengths{$kind}->@*), severity => pick(qw(info warning critical)),
    );
    $rule{clear} = $rule{threshold} + ($above ? -1 : 1) * pick(0, 1, 2.5) if chance(0.5);
    return \%rule;
}

# Instants in order within [from, from + span], of which some fall on a whole second or a minute behind another one.
sub random_history ($from, $span, $most, %with) {
    my %times;
    for (1 .. between(3, $most)) {
        my $t = $from + int rand $span;
        $t = POSIX::floor($t / second) * second if chance(0.3);
        if (chance(0.2) && %times) {
            my @known = sort keys %times;
            $t = pick(@known) + pick(1, -1, 60 * second, 0);
            $t = POSIX::floor($t / second) * second if chance(0.5);
        }
        $times{$t} = 1 if $t >= $from && $t <= $from + $span;
    }
    my $bias = pick(0.4, 0.5, 0.5, 0.6);
    return [ map { random_instant($_, $bias, %with) } sort { $a <=> $b } keys %times ];
}

sub random_instant ($t, $bias, %with) {
    my %instant = (t => $t);
    if ($with{baselines} && chance(0.08)) { $instant{baseline} = between(0, 6) }
    if (chance(0.85) && !(defined $instant{baseline} && chance(0.5))) {
        my $n = pick(1, 1, 1, 2, 3);
        chance($bias) ? ($instant{in} = $n) : ($instant{out} = $n);
        if (chance(0.1)) { $instant{in} //= 1; $instant{out} //= 1 }
    }
    if (chance(0.25) || (!$instant{in} && !$instant{out} && !defined $instant{baseline})) {
        my %measured = map { $_ => pick(5, 10, 15, 20, 20.5, 25, 30) } grep { chance(0.7) } @samples;
        $instant{sample} = \%measured;
    }
    return \%instant;
}

# One that was there before what it judges.
sub rule_sql ($rule) {
    return sprintf "INSERT INTO alert_thresholds (session_id, threshold_name, metric, comparison, threshold_value, clear_value, hold_for,\n"
        . "    keep_firing_for, severity, updated_at) VALUES (%s, '%s', '%s', '%s', %s, %s, '%s us', '%s us', '%s', now() - interval '2 hours');\n",
        quoted($rule->{session}), @$rule{qw(name metric comparison threshold)}, $rule->{clear} // 'NULL', @$rule{qw(hold keep severity)};
}

sub sql_of_session ($id, $start, $reset) {
    return sprintf "INSERT INTO sessions (id, session_name, start_time, time_zone, reset_time) VALUES ('%s', '%s', '%s', 'UTC', %s);\n",
        $id, $id, literal($start), quoted($reset);
}

# Statements that write instants: [session, instant], ...
sub instants_sql (@instants) {
    my (@movements, @baselines, @samples_of_all);
    for (@instants) {
        my ($session, $instant) = @$_;
        my $time = literal($instant->{t});
        push @movements, map { "('$session', '$time', $_, 'in')" } 1 .. $instant->{in} // 0;
        push @movements, map { "('$session', '$time', $_, 'out')" } 1 .. $instant->{out} // 0;
        push @baselines, "('$session', '$time', $instant->{baseline})" if defined $instant->{baseline};
        push @samples_of_all, "('$session', '$time', " . join(', ', map { $instant->{sample}{$_} // 'NULL' } @samples) . ')' if $instant->{sample};
    }
    my @sql;
    push @sql, 'INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) VALUES ' . join(', ', @movements) . ';' if @movements;
    push @sql, 'INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES ' . join(', ', @baselines) . ';' if @baselines;
    push @sql, 'INSERT INTO realtime_metrics (session_id, "timestamp", ' . join(', ', @samples) . ') VALUES ' . join(', ', @samples_of_all) . ';' if @samples_of_all;
    return join "\n", 'BEGIN;', @sql, 'COMMIT;';
}

# What is stored, by rule and session: lines "fired value resolved peak", in order, and the phase.
sub stored_alerts ($psql) {
    my $micros = sub ($column) { return "(extract(epoch FROM $column) * 1000000)::bigint" };
    my (%alerts, %phases);
    push $alerts{ $_->[0] }->@*, line(@$_[ 1 .. 4 ])
        for $psql->rows("SELECT alert_type || ' ' || session_id, " . $micros->('triggered_at') . ', current_value, ' . $micros->('resolved_at')
            . ', peak_value FROM alert_logs ORDER BY alert_type, triggered_at, resolved_at NULLS LAST, id;')->@*;
    $phases{ $_->[0] } = "$_->[1] $_->[2]"
        for $psql->rows("SELECT threshold_name || ' ' || s.session_id, phase, " . $micros->('since') . ' FROM alert_states s JOIN alert_thresholds t ON t.id = threshold_id;')->@*;
    return (\%alerts, \%phases);
}

sub line ($fired, $value, $resolved, $peak) { return join ' ', $fired, 0 + $value, $resolved // 'open', 0 + $peak }

# Lines about rules whose alerts are not as expected: { rule, session, alerts, phase, history } by rule and session.
sub compare_alerts ($psql, $expected) {
    my ($alerts, $phases) = stored_alerts($psql);
    my @problems;
    for my $name (sort keys %$expected) {
        my $case   = $expected->{$name};
        my @should = map { line(@$_{qw(fired value resolved peak)}) } $case->{alerts}->@*;
        my @are    = ($alerts->{$name} // [])->@*;
        my $phase  = $phases->{$name} // 'none';
        next if "@should" eq "@are" && $phase eq $case->{phase};
        push @problems, describe($case->{rule}, $case->{session}), map({ "  expected $_" } @should, "phase $case->{phase}"), map({ "  found    $_" } @are, "phase $phase"),
            map { '  at ' . told($_) } $case->{history}->@*;
    }
    return @problems;
}

sub describe ($rule, $session) { return join ' ', map({ "$_=" . ($rule->{$_} // '') } qw(name metric comparison threshold clear hold keep)), $session }

sub told ($instant) {
    my $sample = $instant->{sample} ? ' sample ' . join ' ', map { "$_=$instant->{sample}{$_}" } sort keys $instant->{sample}->%* : '';
    return join ' ', $instant->{t}, map({ defined $instant->{$_} ? "$_=$instant->{$_}" : () } qw(in out baseline)), $sample;
}

1;
