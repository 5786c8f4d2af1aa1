package Property::Concurrency;

# Eight connections write batches that share sessions, each batch in its own order of rows. No statement may fail, but
# for serialization failures under REPEATABLE READ and SERIALIZABLE, which are tried again; what was acknowledged is there.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use List::Util qw(shuffle);
use Time::HiRes ();
use Property::Database;
use Property::Model qw(uuid new_session session_sql new_movement movement_tuple new_sample sample_tuple $movement_columns $sample_columns);
use Property::Operations qw(choose);
use Property::Scene qw(pick chance between literal random_instant random_reset @zones);
use Property::Workers qw(in_parallel);

use constant { connections => 8, sessions => 12 };

our $seconds = 12;    # for each isolation level

sub run ($database, $seed, $result) {
    for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE') {
        srand($seed);
        my $psql = $database->connect;
        $psql->rows('TRUNCATE sessions CASCADE;');
        my @sessions = sort { $a->{id} cmp $b->{id} } map { new_session(uuid()) } 1 .. sessions;
        $psql->rows(join "\n", map { session_sql($_) } @sessions);
        my @results = in_parallel(map { my $n = $_; sub { writer($database, $level, $seed, $n, \@sessions) } } 1 .. connections);
        my (%written, %sum, @failures);
        for my $r (@results) {
            push @failures, ($r->{failures} // [])->@*;
            $sum{$_} += $r->{$_} // 0 for qw(statements retries);
            for my $id (keys(($r->{written} // {})->%*)) {
                $written{$id}[$_] += $r->{written}{$id}[$_] // 0 for 0, 1;
            }
        }
        push @failures, Property::Database::problems($psql), acknowledged($psql, \%written, @sessions);
        $result->(sprintf('eight connections under %s: %d transactions, %d tried again, all acknowledged rows counted, no deadlock', $level, $sum{statements}, $sum{retries}), @failures);
        $psql->close;
    }
}

sub acknowledged ($psql, $written, @sessions) {
    my @wrong;
    for ($psql->rows('SELECT session_id, total_people_entered, total_people_exited FROM session_statistics;')->@*) {
        my ($id, @found) = @$_;
        my @wanted = map { $_ // 0 } ($written->{$id} // [])->@[ 0, 1 ];
        push @wrong, "session $id has [@found] movements in and out, acknowledged were [@wanted]" if "@found" ne "@wanted";
    }
    return @wrong;
}

# Each takes the writer and returns (SQL, sub to call once it is committed, a row that is there if it was).
my @transactions = ([ 12, \&insert ], [ 3, \&rolled_back ], [ 4, \&two_batches ], [ 3, \&turn ], [ 3, \&delete_some ],
    [ 3, \&samples ], [ 1, \&baseline ], [ 1, \&configure ]);

sub writer ($database, $level, $seed, $n, $sessions) {
    srand($seed + 7_777 * $n);
    my $self = { sessions => $sessions, rows => {}, written => {}, failures => [], statements => 0, retries => 0, number => $n };
    my $psql = $database->connect;
    $psql->rows("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL $level;");
    my $end = time + $seconds;
    while (time < $end && !$self->{failures}->@*) {
        my ($sql, $commit, $witness) = choose(@transactions)->($self);
        next if !defined $sql;
        $self->{statements}++;
        for my $try (1 .. 200) {
            my $answer = $psql->run($sql);
            if (!$answer->{states}->@* && !$answer->{rows}->@*) { $commit->() if $commit; last }
            my @bad = $answer->{states}->@*;
            @bad = () if $level ne 'READ COMMITTED' && @bad && $bad[0] eq '40001';    # the others follow from it
            if (@bad || $answer->{rows}->@* || $try == 200) {
                push $self->{failures}->@*, join "\n", "writer $n, $level:", $answer->{messages}->@*, (map { "@$_" } $answer->{rows}->@*), $sql;
                last;
            }
            # A failure that a savepoint caught does not keep the transaction from its commit.
            if ($witness && $psql->rows('SELECT 1 FROM people_movements WHERE ' . where($self, $witness) . ';')->@*) { $commit->(); last }
            $self->{retries}++;
            Time::HiRes::sleep(rand(0.002 * $try)) if $try > 3;    # the one it conflicts with may still run
        }
    }
    $psql->close;
    return $self;
}

# Rows for sessions in random order: SQL and the rows.
sub batch ($self, @sessions) {
    my @rows;
    for my $session (@sessions) {
        push @rows, map { [ $session, new_movement($session, random_time($session)) ] } 1 .. pick(1, 1, between(1, 6));
    }
    my $sql = "INSERT INTO people_movements ($movement_columns) VALUES " . join(', ', map { movement_tuple(@$_) } shuffle(@rows)) . ';';
    return ($sql, @rows);
}

sub random_time ($session) {
    $session->{clock} = ($session->{clock} // $session->{scene}{centre}) + between(0, 20) * 1_000_000;
    return chance(0.7) ? $session->{clock} + between(-2, 2) * 1_000_000 : random_instant($session);
}

sub some_sessions ($self) {
    my @all = shuffle($self->{sessions}->@*);
    return @all[ 0 .. pick(0, 0, between(0, $#all)) ];
}

sub keep ($self, @rows) {
    return sub {
        for (@rows) {
            my ($session, $row) = @$_;
            $self->{rows}{ $row->{id} } = $_;
            $self->{written}{ $session->{id} }[ $row->{direction} eq 'in' ? 0 : 1 ]++;
        }
    };
}

sub insert ($self) {
    my ($sql, @rows) = batch($self, some_sessions($self));
    return ($sql, keep($self, @rows));
}

sub rolled_back ($self) {
    my ($sql) = batch($self, some_sessions($self));
    return ("BEGIN;\n$sql\nROLLBACK;", undef);
}

# Two statements of one transaction, over sessions in order of their ids, so that the transaction takes no lock out of order.
sub two_batches ($self) {
    my @sessions = sort { $a->{id} cmp $b->{id} } some_sessions($self);
    my $cut      = int rand @sessions;
    my ($one,  @first)  = batch($self, @sessions[ 0 .. $cut ]);
    my ($two,  @second) = batch($self, @sessions[ $cut .. $#sessions ]);
    my ($lost) = batch($self, $sessions[-1]);
    my $check  = "SELECT id, calculate_current_people_inside(id), property.inside(id) FROM sessions WHERE id = '$sessions[$cut]{id}'"
        . ' AND calculate_current_people_inside(id) IS DISTINCT FROM property.inside(id);';
    return (join("\n", 'BEGIN;', $one, $check, $two, $check, 'SAVEPOINT s;', $lost, 'ROLLBACK TO s;', $check, 'COMMIT;'), keep($self, @first, @second), $first[0]);
}

sub own_rows ($self) {
    my @ids = shuffle(sort keys $self->{rows}->%*);
    splice @ids, 10 if @ids > 10;
    return map { $self->{rows}{$_} } @ids;
}

sub where ($self, @rows) {
    return '(session_id, movement_time, id) IN (' . join(', ', map { sprintf q{('%s', '%s', '%s')}, $_->[0]{id}, literal($_->[1]{t}), $_->[1]{id} } @rows) . ')';
}

sub turn ($self) {
    my @rows = own_rows($self) or return;
    return ("UPDATE people_movements SET movement_direction = CASE movement_direction WHEN 'in' THEN 'out' ELSE 'in' END::movement_direction WHERE " . where($self, @rows) . ';',
        sub {
            for (@rows) {
                my ($session, $row) = @$_;
                my $was = $row->{direction} eq 'in' ? 0 : 1;
                $self->{written}{ $session->{id} }[$was]--;
                $self->{written}{ $session->{id} }[ 1 - $was ]++;
                $row->{direction} = $was ? 'in' : 'out';
            }
        });
}

sub delete_some ($self) {
    my @rows = own_rows($self) or return;
    return ('DELETE FROM people_movements WHERE ' . where($self, @rows) . ';',
        sub {
            for (@rows) {
                my ($session, $row) = @$_;
                $self->{written}{ $session->{id} }[ $row->{direction} eq 'in' ? 0 : 1 ]--;
                delete $self->{rows}{ $row->{id} };
            }
        });
}

sub samples ($self) {
    return "INSERT INTO realtime_metrics ($sample_columns) VALUES "
        . join(', ', map { sample_tuple($_, new_sample(random_time($_))) } some_sessions($self)) . ';';
}

sub baseline ($self) {
    my $session = pick($self->{sessions}->@*);
    return sprintf q{INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES ('%s', '%s', %d) ON CONFLICT DO NOTHING;},
        $session->{id}, literal(random_instant($session)), between(0, 9);
}

sub configure ($self) {
    my $session = pick($self->{sessions}->@*);
    my $reset   = random_reset();
    return sprintf q{UPDATE sessions SET %s WHERE id = '%s';},
        pick("time_zone = '" . pick(@zones) . "'", "day_start = '" . between(0, 23) . ":00'", 'reset_time = ' . (defined $reset ? "'$reset'" : 'NULL')), $session->{id};
}

1;
