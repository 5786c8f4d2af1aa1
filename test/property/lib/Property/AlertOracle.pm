package Property::AlertOracle;

# What alerts a history must raise, the plainest way: what a metric was from instant to instant, and one walk over that.
# Shares no code and no idea with the extension; the definition is in docs/alerting.md and core/alert.hpp.
#
# A history is a list of instants in order of time:
#   { t => microseconds, in => n, out => n, baseline => people or undef, sample => { metric => value } or undef }

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use Exporter 'import';
use List::Util qw(max min);
use POSIX ();

our @EXPORT_OK = qw(expected_alerts values_of final_value);

use constant second => 1_000_000;

my %width = (
    people_entered_last_minute => 60, people_exited_last_minute => 60,
    people_entered_last_hour => 3600, people_exited_last_hour => 3600,
);

# What a metric was: [instant, value from there on], and until when that is known.
sub values_of ($metric, $history, $now) {
    return people_inside($history, $now) if $metric eq 'current_people_inside';
    return flow($metric, $history) if $width{$metric};
    my @samples = grep { defined $_->{sample} && defined $_->{sample}{$metric} } @$history;
    return ([ map { [ $_->{t}, $_->{sample}{$metric} ] } @samples ], $now);
}

# The level after each instant; a baseline comes after the movements of its instant.
sub people_inside ($history, $now) {
    my ($level, @values) = (0);
    for my $instant (grep { $_->{t} <= $now } @$history) {
        next if !$instant->{in} && !$instant->{out} && !defined $instant->{baseline};
        $level = max(0, $level + ($instant->{in} // 0) - ($instant->{out} // 0));
        $level = $instant->{baseline} // $level;
        push @values, [ $instant->{t}, $level ];
    }
    return (\@values, $now);
}

# People who passed in the last seconds, of which the one that has not ended is one. Known as far as something was heard.
sub flow ($metric, $history) {
    my $direction = $metric =~ /entered/ ? 'in' : 'out';
    my @passages = map { [ $_->{t}, $_->{$direction} ] } grep { $_->{$direction} } @$history;
    my @heard    = map { $_->{t} } grep { $_->{in} || $_->{out} || $_->{sample} } @$history;
    return ([], 0) if !@heard;
    my $known = max(@heard);
    my %instants;
    for my $passage (@passages) {
        $instants{ $passage->[0] } = 1;
        $instants{ (POSIX::floor($passage->[0] / second) + $width{$metric}) * second } = 1;
    }
    my @values;
    for my $t (sort { $a <=> $b } grep { $_ <= $known } keys %instants) {
        my $last  = POSIX::floor($t / second);
        my $count = 0;
        for my $passage (@passages) {
            my $second = POSIX::floor($passage->[0] / second);
            $count += $passage->[1] if $passage->[0] <= $t && $second > $last - $width{$metric};
        }
        push @values, [ $t, $count ];
    }
    return (\@values, $known);
}

# The alerts of a rule: { fired, value, peak, resolved or undef }; and the state in which it is left: a phase and its begin.
sub expected_alerts ($rule, $history, $now) {
    my ($values, $known) = values_of($rule->{metric}, $history, $now);
    my $above  = $rule->{comparison} eq 'above';
    my $clear  = $rule->{clear} // $rule->{threshold};
    my $beyond = sub ($v) { return $above ? $v > $rule->{threshold} : $v < $rule->{threshold} };
    my $quiet  = sub ($v) { return $above ? $v <= $clear : $v >= $clear };
    my ($phase, $since, $value, $alert, @alerts) = ('ok');
    my $worst;
    my $elapse = sub ($t) {
        if ($phase eq 'pending' && $since + $rule->{hold} <= $t) {
            $alert = { fired => $since + $rule->{hold}, value => $value };
            push @alerts, $alert;
            $phase = 'firing';
        }
        if ($phase eq 'recovering' && $since + $rule->{keep} <= $t) {
            $alert->{resolved} = $since + $rule->{keep};
            $alert->{peak}     = $worst;
            $phase = 'ok';
        }
    };
    for my $step (@$values) {
        my ($t, $v) = @$step;
        $elapse->($t);
        $value = $v;
        if ($phase eq 'ok') {
            ($phase, $since, $worst) = ('pending', $t, $v) if $beyond->($v);
        }
        elsif ($phase eq 'pending' && !$beyond->($v)) { $phase = 'ok' }
        else {
            $worst = $above ? max($worst, $v) : min($worst, $v);
            if    ($phase eq 'firing'     && $quiet->($v))  { ($phase, $since) = ('recovering', $t) }
            elsif ($phase eq 'recovering' && !$quiet->($v)) { $phase = 'firing' }
        }
        $elapse->($t);
    }
    $elapse->($known);
    $alert->{peak} = $worst if $phase eq 'firing' || $phase eq 'recovering';
    return (\@alerts, $phase =~ /pending|recovering/ ? "$phase $since" : 'none');
}

# Whether a rule's alert must be open, must not be, or may be (undef), by the last value alone.
sub final_value ($rule, $history, $now) {
    my ($values) = values_of($rule->{metric}, $history, $now);
    return 0 if !@$values;
    my $last  = $values->[-1][1];
    my $above = $rule->{comparison} eq 'above';
    my $clear = $rule->{clear} // $rule->{threshold};
    return 1 if $above ? $last > $rule->{threshold} : $last < $rule->{threshold};
    return 0 if $above ? $last <= $clear : $last >= $clear;
    return undef;
}

1;
