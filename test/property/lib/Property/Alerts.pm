package Property::Alerts;

# Random rules, random histories, random commits, looks at random moments, and a worker that is ended now and then: the alerts
# are those of an independent oracle.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use JSON::PP ();
use List::Util qw(min max shuffle);
use Time::HiRes ();
use Property::AlertOracle qw(expected_alerts final_value);
use Property::AlertScene qw(random_rule random_history rule_sql instants_sql sql_of_session compare_alerts);
use Property::Database;
use Property::Model qw(uuid);
use Property::Scene qw(pick chance between);

use constant { second => 1_000_000, sessions => 24, rules => 8, patience => 30 };

my @none = (0);

sub run ($seed, $result) {
    for my $part (
        [ one_look   => \&one_look ],
        [ many_looks => sub ($name) { delayed($name, 0) } ],
        [ worker     => sub ($name) { delayed($name, 1) } ],
        [ disorder   => sub ($name) { disorder($name, 0) } ],
        [ disorder_with_worker => sub ($name) { disorder($name, 1) } ],
        [ as_it_happens => \&as_it_happens ],
    ) {
        my ($name, $test) = @$part;
        next if $ENV{PROPERTY_ALERTS} && $ENV{PROPERTY_ALERTS} ne $name;
        srand($seed);
        my ($what, @problems) = $test->($name);
        $result->("alerts, $what", @problems);
    }
}

sub now_of ($psql) { return $psql->rows("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;")->[0][0] }

# A database in which the last minutes count, without the shipped rules.
sub database ($worker) {
    my $database = Property::Database->new;
    my $psql     = $database->connect;
    $psql->rows("ALTER DATABASE $database->{name} SET people_counter.alert_max_lag = '30min';");
    $psql->close;
    $psql = $database->connect;
    $psql->rows("DELETE FROM alert_thresholds; UPDATE alert_progress SET installed_at = now() - interval '1 day', looked_at = now() - interval '1 hour';");
    $psql->rows('SELECT start_alert_worker();') if $worker;
    return ($database, $psql);
}

# Sessions with histories of the past, and rules: { id => { history, rules } }, each its own, or all the same. A rule that is
# made while its session is there judges at once what is; so with a worker the rules are there first, and for all sessions.
sub cast ($from, $span, $most, %with) {
    my %cast;
    my $n = 0;
    my @shared = map { random_rule(++$n, undef, $with{lengths}->%*) } 1 .. 2 * rules;
    for (1 .. sessions) {
        my $id = uuid();
        my @rules = $with{shared} ? @shared : map { random_rule(++$n, $id, $with{lengths}->%*) } 1 .. rules;
        $cast{$id} = { history => random_history($from, $span, $most, %with), rules => \@rules };
    }
    return \%cast;
}

# All rules, and all sessions, are there.
sub enter ($psql, $cast, %with) {
    my %rules = map { $_->{name} => $_ } map { $_->{rules}->@* } values %$cast;
    my $rules = join '', map { rule_sql($rules{$_}) } sort keys %rules;
    my $sessions = join '', map { sql_of_session($_, $with{start}, $with{resets}{$_}) } sort keys %$cast;
    if ($with{worker}) {
        $psql->rows($rules);
        my $since = $psql->rows('SELECT clock_timestamp();')->[0][0];
        $psql->rows('SELECT evaluate_alerts();');
        Time::HiRes::sleep(0.05) while !$psql->rows("SELECT last_evaluation > '$since' FROM alert_worker_status;")->[0][0] eq 't';
        $psql->rows($sessions);
    }
    else { $psql->rows($sessions . $rules) }
}

sub expected ($cast, $now) {
    my %expected;
    for my $id (keys %$cast) {
        my $history = $cast->{$id}{history};
        for my $rule ($cast->{$id}{rules}->@*) {
            my ($alerts, $phase) = expected_alerts($rule, $history, $now);
            $expected{"$rule->{name} $id"} = { rule => $rule, session => $id, alerts => $alerts, phase => $phase, history => $history };
        }
    }
    return \%expected;
}

sub count_alerts ($expected) {
    my $n = 0;
    $n += $_->{alerts}->@* for values %$expected;
    return $n;
}

# Calls commit(SQL) for all instants, those of a session in order, or within `disorder` instants of it.
sub in_random_commits ($cast, $disorder, $commit) {
    my %left;
    for my $id (sort keys %$cast) {
        my @instants = $cast->{$id}{history}->@*;
        @instants = map { $_->[1] } sort { $a->[0] <=> $b->[0] } map { [ $_ + rand $disorder, $instants[$_] ] } 0 .. $#instants if $disorder;
        $left{$id} = \@instants;
    }
    while (my @ids = grep { $left{$_}->@* } sort keys %left) {
        my @some = (shuffle(@ids))[ 0 .. min($#ids, between(0, 5)) ];
        my @instants;
        for my $id (@some) {
            push @instants, map { [ $id, $_ ] } splice $left{$id}->@*, 0, between(1, pick(1, 3, 8));
        }
        $commit->(instants_sql(@instants));
    }
}

# What was told on the channel of alerts until each event of each alert has been, once, in order, and with what is in the log.
sub problems_of_notifications ($listener, $psql) {
    my $list = "SELECT id, severity, current_value, is_resolved FROM alert_logs;";
    my (%told, @problems);
    my $count = 0;
    my $deadline = time + 20;
    for (;;) {
        my @alerts = $psql->rows($list)->@*;
        for my $row ($listener->rows('SELECT 1;')->@*) {
            my ($payload) = $row->[0] =~ /^Asynchronous notification "people_counter_alert" with payload "(.*)" received/ or next;
            my $event = JSON::PP::decode_json($payload);
            push $told{ $event->{alert_id} }->@*, $event;
            $count++;
        }
        my $due = @alerts + grep { $_->[3] eq 't' } @alerts;
        if ($count < $due && time < $deadline) { Time::HiRes::sleep(0.1); next }
        for my $alert (@alerts) {
            my ($id, $severity, $value, $resolved) = @$alert;
            my @events = (delete $told{$id} // [])->@*;
            my $said = join ' ', map { "$_->{event} $_->{severity} " . (0 + $_->{value}) } @events;
            my $should = join ' ', map { "$_ $severity " . (0 + $value) } 'fired', $resolved eq 't' ? 'resolved' : ();
            push @problems, "of alert $id: $said instead of $should" if $said ne $should;
        }
        return (@problems, map { "of alert $_, which is not there" } sort keys %told);
    }
}

sub until_equal ($compare, $poke = undef) {
    my $deadline = time + patience;
    my $poked    = time;
    my @problems;
    while (@problems = $compare->()) {
        last if time > $deadline;
        if ($poke && time - $poked > 3) { $poke->(); $poked = time }
        Time::HiRes::sleep(0.1);
    }
    return @problems;
}

sub finish ($database, $psql, @problems) {
    push @problems, Property::Database::problems($psql);
    $psql->close;
    $database->drop;
    return @problems;
}

# All of it is there before anybody looks: whatever the rules, and with resets.
sub one_look ($name) {
    my ($database, $psql) = database(0);
    my $from = now_of($psql) - 240 * second;
    my @lengths = (0, 0, 1, second, 2_500_000, 10 * second, 30 * second);
    my $cast = cast($from, 180 * second, 60, baselines => 1, lengths => { inside => \@lengths, flow => \@lengths, sample => \@lengths });
    my %resets;
    my $midnight = int($from / (86_400 * second)) * 86_400 * second;
    for my $id (sort keys %$cast) {
        if (chance(0.5)) {
            my $at = $from + int rand 180 * second;
            my $of_day = ($at - $midnight) % (86_400 * second);
            $resets{$id} = sprintf '%02d:%02d:%02d.%06d', $of_day / 3600e6, $of_day / 60e6 % 60, $of_day / 1e6 % 60, $of_day % second;
            my $history = $cast->{$id}{history};
            my ($there) = grep { $_->{t} == $at } @$history;
            if ($there) { $there->{baseline} //= 0 }
            else        { @$history = sort { $a->{t} <=> $b->{t} } @$history, { t => $at, baseline => 0, scheduled => 1 } }
        }
    }
    enter($psql, $cast, start => $from - second, resets => \%resets);
    my %written = map { $_ => { history => [ grep { !$_->{scheduled} } $cast->{$_}{history}->@* ] } } keys %$cast;
    in_random_commits(\%written, 3, sub ($sql) { $psql->rows($sql) });
    my $expected = expected($cast, now_of($psql));
    $psql->rows('SELECT evaluate_alerts();');
    my @problems = compare_alerts($psql, $expected);
    $psql->rows("UPDATE alert_progress SET looked_at = now() - interval '1 hour'; SELECT evaluate_alerts();");
    push @problems, compare_alerts($psql, $expected);
    return (sprintf('one look at all of it: %d of %d rules on %d sessions', count_alerts($expected), scalar(keys %$expected), scalar keys %$cast),
        finish($database, $psql, @problems));
}

sub end_worker ($psql) { $psql->rows('SELECT pg_terminate_backend(pid) FROM alert_worker_status WHERE pid IS NOT NULL;') }

# In order, with looks between: by evaluate_alerts(), or by a worker, which is ended now and then. What holds until something
# else is observed would be looked at before that comes, so there is hold_for only where nothing is known ahead: of flows.
sub delayed ($name, $worker) {
    my ($database, $psql) = database($worker);
    my $from = now_of($psql) - 240 * second;
    my $cast = cast($from, 200 * second, 60, baselines => 1, shared => $worker, lengths => { inside => \@none, sample => \@none, flow => [ 0, 0, 1, second, 10 * second, 30 * second ] });
    enter($psql, $cast, start => $from - second, worker => $worker);
    my $listener = $database->connect;
    $listener->rows('LISTEN people_counter_alert;');
    my ($looks, $ended) = (0, 0);
    in_random_commits($cast, 0, sub ($sql) {
        $psql->rows($sql);
        if (!$worker) {
            if (chance(0.2)) { $looks++; $psql->rows('SELECT evaluate_alerts();') }
        }
        elsif (chance(0.06)) { $ended++; end_worker($psql) }
        elsif (chance(0.1)) { Time::HiRes::sleep(rand 0.05) }
    });
    my $expected = expected($cast, now_of($psql));
    my $look = sub { $psql->rows("UPDATE alert_progress SET looked_at = looked_at - interval '11 s'; SELECT evaluate_alerts();") };
    $look->() if !$worker;
    my @problems = until_equal(sub { compare_alerts($psql, $expected) }, $worker ? sub { $psql->rows('SELECT evaluate_alerts();') } : $look);
    push @problems, problems_of_notifications($listener, $psql);
    $listener->close;
    my $how = $worker ? "a worker, ended $ended times" : "$looks looks";
    return (sprintf('in order, %s: %d of %d rules on %d sessions', $how, count_alerts($expected), scalar(keys %$expected), scalar keys %$cast),
        finish($database, $psql, @problems));
}

# In any order, in time: one open alert at most, never two at once, open iff the last value says so.
sub disorder ($name, $worker) {
    my ($database, $psql) = database($worker);
    my $from = now_of($psql) - 240 * second;
    my $cast = cast($from, 200 * second, 60, baselines => 1, shared => $worker,
        lengths => { inside => [ 0, 0, second, 10 * second ], sample => [ 0, 0, second ], flow => [0] });
    enter($psql, $cast, start => $from - second, worker => $worker);
    in_random_commits($cast, 20, sub ($sql) {
        $psql->rows($sql);
        if (!$worker) { $psql->rows('SELECT evaluate_alerts();') if chance(0.2) }
        elsif (chance(0.04)) { end_worker($psql) }
        elsif (chance(0.1)) { Time::HiRes::sleep(rand 0.05) }
    });
    my $now = now_of($psql);
    my $wrong = sub {
        my %open = map { $_->[0] => 1 } $psql->rows("SELECT alert_type || ' ' || session_id FROM alert_logs WHERE NOT is_resolved;")->@*;
        my @problems;
        for my $id (sort keys %$cast) {
            for my $rule ($cast->{$id}{rules}->@*) {
                my $should = final_value($rule, $cast->{$id}{history}, $now);
                next if !defined $should || $should == ($open{"$rule->{name} $id"} // 0);
                push @problems, Property::AlertScene::describe($rule, $id) . ($should ? ' is not open' : ' is open'),
                    map { '  at ' . Property::AlertScene::told($_) } $cast->{$id}{history}->@*;
            }
        }
        push @problems, map { "two at once: @$_" } $psql->rows('SELECT a.alert_type, a.triggered_at, a.resolved_at, b.triggered_at, b.resolved_at'
            . ' FROM alert_logs a JOIN alert_logs b ON b.threshold_id = a.threshold_id AND b.session_id = a.session_id AND b.id > a.id'
            . ' WHERE tstzrange(a.triggered_at, a.resolved_at) && tstzrange(b.triggered_at, b.resolved_at);')->@*;
        return @problems;
    };
    my $look = sub { $psql->rows('SELECT evaluate_alerts();') };
    $look->() if !$worker;
    my @problems = until_equal($wrong, $look);
    my $n = $psql->rows('SELECT count(*) FROM alert_logs;')->[0][0];
    return (($worker ? 'out of order, a worker' : 'out of order, random looks') . ": $n alerts, open as the last value says, one at once", finish($database, $psql, @problems));
}

# In real time, with a worker that is ended now and then: holds end between the beats at which everything happens, and so do
# resets and planned baselines.
use constant { beat => 400_000, beats => 40 };

sub as_it_happens ($name) {
    my ($database, $psql) = database(1);
    my @lengths = map { $_ * beat + beat / 2 } 0 .. 5;
    my $cast = cast(0, second, 3, shared => 1, lengths => { inside => [ 0, @lengths ], sample => [ 0, @lengths ], flow => [ 0, @lengths ] });
    my $begin = (int(now_of($psql) / second) + 3) * second;
    my %resets;
    for my $id (sort keys %$cast) {
        $cast->{$id}{history} = [];
        if (chance(0.4)) {
            my $at = $begin + between(5, beats - 2) * beat + beat / 4;
            my $of_day = $at % (86_400 * second);
            $resets{$id} = sprintf '%02d:%02d:%02d.%06d', $of_day / 3600e6, $of_day / 60e6 % 60, $of_day / 1e6 % 60, $of_day % second;
            push $cast->{$id}{history}->@*, { t => $at, baseline => 0 };
        }
    }
    enter($psql, $cast, start => $begin - second, resets => \%resets, worker => 1);
    my ($late, $ended) = (0, 0);
    for my $k (0 .. beats - 1) {
        my $t = $begin + $k * beat;
        my @instants;
        for my $id (sort keys %$cast) {
            next if chance(0.5);
            my $instant = Property::AlertScene::random_instant($t, 0.5);
            push @instants, [ $id, $instant ];
            if (chance(0.05)) {    # planned
                my $planned = { t => $t + between(1, 4) * beat + beat / 4, baseline => between(0, 6) };
                push @instants, [ $id, $planned ] if !grep { $_->{t} == $planned->{t} } $cast->{$id}{history}->@*;
            }
        }
        my $sql = instants_sql(@instants) . 'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;';
        my $wait = $t / second - Time::HiRes::time();
        Time::HiRes::sleep($wait) if $wait > 0;
        $late = max($late, $psql->rows($sql)->[0][0] - $t);
        push $cast->{ $_->[0] }{history}->@*, $_->[1] for @instants;
        if (chance(0.06)) { $ended++; end_worker($psql) }
    }
    $_->{history} = [ sort { $a->{t} <=> $b->{t} } $_->{history}->@* ] for values %$cast;
    my $until = $begin + (beats + 12) * beat;
    my $wait  = $until / second - Time::HiRes::time();
    Time::HiRes::sleep($wait) if $wait > 0;
    my $expected = expected($cast, now_of($psql));
    my @problems = until_equal(sub { compare_alerts($psql, $expected) }, sub { $psql->rows('SELECT evaluate_alerts();') });
    my $what = sprintf 'as it happens, a worker, ended %d times: %d of %d rules on %d sessions', $ended, count_alerts($expected), scalar(keys %$expected), scalar keys %$cast;
    if (@problems && $late > 0.4 * beat) {    # what is due was looked at before the movement came that had prevented it
        ($what, @problems) = ("$what # SKIP a commit came $late us late", ());
    }
    return ($what, finish($database, $psql, @problems));
}

1;
