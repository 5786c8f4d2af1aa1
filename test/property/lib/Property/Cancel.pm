package Property::Cancel;

# Writers whose statements end at any moment: by a statement_timeout, a lock_timeout, or another connection that cancels
# them; alone, in transactions and within savepoints. Each goes on with the same backend, so whatever that remembers has
# lived through errors in the midst of a walk. What was acknowledged is there, and nothing else.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use Time::HiRes ();
use Property::Concurrency qw(fresh_sessions unaccounted);
use Property::Database;
use Property::Model qw(new_movement movement_tuple $movement_columns);
use Property::Operations qw(choose);
use Property::Scene qw(pick chance between literal);
use Property::Workers qw(in_parallel);
use Property::Writer;

use constant { writers => 5, sessions => 6, before => 3000, many => 40_000 };

our $enough   = 100;     # interruptions of each writer, all kinds of them
our $patience = 120;    # seconds for that

my @statements = ([ 5, \&Property::Writer::insert ], [ 3, \&Property::Writer::turn ], [ 3, \&Property::Writer::delete_some ], [ 2, \&Property::Writer::upsert ],
    [ 2, \&Property::Writer::merge ], [ 2, \&Property::Writer::samples ], [ 2, \&Property::Writer::baseline ], [ 5, \&Property::Writer::configure ],
    [ 2, \&Property::Writer::rebuild_one ], [ 3, \&late ], [ 1, \&large ], [ 1, \&large_again ]);

sub run ($database, $seed, $result) {
    srand($seed);
    my $psql     = $database->connect;
    my @sessions = fresh_sessions($psql, sessions);
    my @history  = map { history($psql, $_) } @sessions;
    my @results  = in_parallel((map { my $n = $_; sub { writer($database, $seed, $n, \@sessions) } } 1 .. writers), sub { canceller($database) });
    my (%sum, @failures);
    for my $r (@results) {
        push @failures, ($r->{failures} // [])->@*;
        $sum{$_} += $r->{ended}{$_} for keys(($r->{ended} // {})->%*);
        $sum{statements} += $r->{statements} // 0;
    }
    push @failures, Property::Database::problems($psql), unaccounted($psql, @history, @results), large_rows($psql, @results);
    $result->(sprintf('%d statements, of which %d met a statement_timeout, %d a lock_timeout, %d were cancelled; the same backends go on, all acknowledged rows counted',
        $sum{statements}, map { $sum{$_} // 0 } qw(timeout lock cancel)), @failures);
    $psql->close;
}

# So that a walk takes longer than the shortest timeout.
sub history ($psql, $session) {
    my $count = before;
    my $rows = $psql->rows("INSERT INTO people_movements ($movement_columns) SELECT '$session->{id}', '" . literal($session->{scene}{centre})
            . "'::timestamptz + i * interval '173 seconds', gen_random_uuid(), i, (CASE WHEN i % 7 < 4 THEN 'in' ELSE 'out' END)::movement_direction, 0.5"
            . " FROM generate_series(-$count, $count) i RETURNING id, movement_direction;");
    return { rows => { map { $_->[0] => [ $session->{id}, $_->[1], 0, 0 ] } @$rows } };
}

# ---- statements that take long -------------------------------------------------------------------------------------------

# Everything behind it has another level.
sub late ($self) {
    my $session = pick($self->{sessions}->@*);
    my $row     = new_movement($session, $session->{scene}{centre} - between(0, before) * 173_000_000);
    return { sql => "INSERT INTO people_movements ($movement_columns) VALUES " . movement_tuple($session, $row) . ';', commit => $self->keep([ $session, $row ]) };
}

# Rows of a large statement are counted, not remembered one by one; person_id says whose they are.
sub large ($self) {
    my ($mark, $from) = (100_000 * $self->{number} + ++$self->{marks}, between(-200, 200));
    my $ids = join ', ', map { "'$_->{id}'" } $self->{sessions}->@*;
    return {
        sql => "INSERT INTO people_movements (session_id, movement_time, person_id, movement_direction) SELECT (ARRAY[$ids]::uuid[])[1 + i % " . sessions . '], '
            . "'" . literal($self->{sessions}[0]{scene}{centre}) . "'::timestamptz + $from * interval '1 hour' + i * interval '1 second', $mark,"
            . " (CASE WHEN i % 2 = 0 THEN 'in' ELSE 'out' END)::movement_direction FROM generate_series(1, " . many . ') i' . pick('', ' ORDER BY i DESC') . ';',
        commit => sub ($times) { $self->{large}{$mark} = many }, takes => 'large',
    };
}

sub large_again ($self) {
    my @marks = sort keys(($self->{large} // {})->%*) or return;
    my $mark  = pick(@marks);
    return chance(0.4)
        ? { sql => "UPDATE people_movements SET movement_time = movement_time + interval '37 minutes' WHERE person_id = $mark;", takes => 'shifted' }
        : { sql => "DELETE FROM people_movements WHERE person_id = $mark;", commit => sub ($times) { delete $self->{large}{$mark} }, takes => 'deleted' };
}

sub large_rows ($psql, @results) {
    my %wanted = map { ($_->{large} // {})->%* } @results;
    my %found  = map { @$_ } $psql->rows('SELECT person_id, count(*) FROM people_movements WHERE person_id > 100000 GROUP BY 1;')->@*;
    return map { "of large statement $_ there are " . ($found{$_} // 0) . ' rows instead of ' . ($wanted{$_} // 0) }
        grep { ($found{$_} // 0) != ($wanted{$_} // 0) } sort keys %{ { %wanted, %found } };
}

# ---- writers -------------------------------------------------------------------------------------------------------------

my %why = (57014 => sub ($m) { $m =~ /statement timeout/ ? 'timeout' : 'cancel' }, '55P03' => sub ($m) { 'lock' });

sub writer ($database, $seed, $n, $sessions) {
    my $self = Property::Writer->new(database => $database, level => 'READ COMMITTED', seed => $seed, number => $n, sessions => $sessions, volatile => []);
    my $psql = $database->connect;
    $self->{ended} = {};
    insist($psql, "SET application_name = 'cancelled';");
    my $deadline = time + $patience;
    while (($self->{ended}{timeout} // 0) < $enough && time < $deadline && !$self->{failures}->@*) {
        insist($psql, sprintf 'SET lock_timeout = %d;', chance(0.4) ? between(1, 20) : 0);
        chance(0.5) ? alone($self, $psql) : in_transaction($self, $psql);
    }
    insist($psql, $_) for 'RESET statement_timeout;', 'RESET lock_timeout;', "SET application_name = 'spared';";
    for (1 .. 60) {    # and now nothing may fail
        my $t = choose(@statements)->($self) // next;
        $self->transact($psql, $t);
    }
    push $self->{failures}->@*, "writer $n met only " . ($self->{ended}{timeout} // 0) . " timeouts in $patience s" if ($self->{ended}{timeout} // 0) < $enough && !$self->{failures}->@*;
    $psql->close;
    return { $self->report->%*, large => $self->{large} // {}, ended => $self->{ended} };
}

# False if it was hit itself.
sub done ($psql, $sql) {
    my $answer = $psql->run($sql);
    return 1 if !$answer->{states}->@*;
    die "$sql: @{ $answer->{messages} }" if $answer->{states}[0] !~ /^(?:57014|55P03)$/;
    return 0;
}

# What is not under test may be hit as well; it is said again.
sub insist ($psql, $sql) {
    for (1 .. 1000) {
        return if done($psql, $sql);
    }
    die "never done: $sql";
}

# Shorter than some statements take, and anywhere in the course of large ones.
sub timeout_for ($self, $t) {
    my $usual = $t->{takes} && ($self->{usual}{ $t->{takes} } //= 0.2);
    return 'statement_timeout = ' . ($usual ? 1 + int rand 1300 * $usual : between(1, 20)) . ';';
}

# When it began and ended; undef if it was ended.
sub statement ($self, $psql, $t) {
    $self->{statements}++;
    my $begun  = Time::HiRes::time();
    my $answer = $psql->run($t->{sql});
    my $times  = [ $begun, Time::HiRes::time() ];
    my @states = $answer->{states}->@*;
    if (!@states && !$answer->{rows}->@*) {
        $self->{usual}{ $t->{takes} } = $times->[1] - $begun if $t->{takes};
        return $times;
    }
    if (@states == 1 && $why{ $states[0] } && !$answer->{rows}->@*) {
        $self->{ended}{ $why{ $states[0] }->("@{ $answer->{messages} }") }++;
        $self->{usual}{ $t->{takes} } *= 1.1 if $t->{takes};
    }
    else { push $self->{failures}->@*, join "\n", "writer $self->{number}:", $answer->{messages}->@*, (map { "@$_" } $answer->{rows}->@*), substr $t->{sql}, 0, 1000 }
    return undef;
}

sub alone ($self, $psql) {
    my $t = choose(@statements)->($self) // return;
    insist($psql, 'SET ' . timeout_for($self, $t));
    my $times = statement($self, $psql, $t);
    insist($psql, 'SET statement_timeout = 0;');
    $t->{commit}->($times) if $times && $t->{commit};
}

# Statements in savepoints, of one session each and in id order; some are taken back though they were done.
sub in_transaction ($self, $psql) {
    my @sessions = grep { chance(0.5) } $self->{sessions}->@*;
    my @done;
    insist($psql, 'BEGIN;');
    for my $session (@sessions) {
        local $self->{sessions} = [$session];
        my $t = choose(@statements[ 0, 3 .. 9 ])->($self);
        done($psql, 'SAVEPOINT s;') && done($psql, 'SET LOCAL ' . timeout_for($self, $t)) or return insist($psql, 'ROLLBACK;');
        my $times = statement($self, $psql, $t);
        if (!$times || chance(0.3)) { insist($psql, 'ROLLBACK TO s;') }    # with the timeout
        elsif (done($psql, 'SET LOCAL statement_timeout = 0;')) { push @done, [ $t, $times ] }
        else                                                     { return insist($psql, 'ROLLBACK;') }
    }
    return insist($psql, 'ROLLBACK;') if chance(0.2) || !done($psql, 'COMMIT;');
    my $committed = Time::HiRes::time();
    $_->[0]{commit} && $_->[0]{commit}->([ $_->[1][0], $committed ]) for @done;
}

# Cancels one of the writers again and again, for as long as there are some.
sub canceller ($database) {
    my $psql     = $database->connect;
    my $deadline = time + $patience + 60;
    my $seen     = 0;
    while (time < $deadline) {
        my $here = $psql->rows(q{SELECT count(*), count(pg_cancel_backend(pid)) FROM (SELECT pid, state, row_number() OVER (PARTITION BY state ORDER BY random()) n FROM pg_stat_activity}
                . q{ WHERE datname = current_database() AND application_name = 'cancelled') a WHERE state <> 'active' OR n = 1;})->[0][0];
        last if $seen && !$here;
        $seen ||= $here;
        Time::HiRes::sleep(rand 0.03);
    }
    $psql->close;
    return { ended => {} };
}

1;
