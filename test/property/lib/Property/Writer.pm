package Property::Writer;

# One of several connections that write at the same time: it remembers which rows were acknowledged, and when, so that in
# the end every row of the base tables can be accounted for. Each statement has its own order of rows; a transaction takes
# its sessions in id order.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use List::Util qw(shuffle);
use Time::HiRes ();
use Property::Model qw(uuid new_session session_sql new_movement movement_tuple new_sample sample_tuple $movement_columns $sample_columns);
use Property::Operations qw(choose);
use Property::Scene qw(pick chance between literal random_instant random_reset @zones);

# database, level, seed, number, sessions (known to all, stay), volatile (known to all, may go)
sub new ($class, %self) {
    srand($self{seed} + 7_777 * $self{number});
    return bless { %self, sessions => [ $self{sessions}->@* ], rows => {}, wipes => [], failures => [], statements => 0, retries => 0 }, $class;
}

# A transaction is a sub that takes the writer and returns undef, or { sql; commit, a sub to call once it is committed;
# witness, a row that is there if it was; wipes, the session that it empties, or '*'; refused, SQLSTATEs with which it may
# fail for good; tries }.
sub run ($self, $seconds, @transactions) {
    my $psql = $self->{database}->connect;
    $psql->rows("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL $self->{level};");
    my $end = time + $seconds;
    while (time < $end && !$self->{failures}->@*) {
        my $transaction = choose(@transactions)->($self) // next;
        $self->transact($psql, $transaction);
    }
    $psql->close;
    return $self->report;
}

sub report ($self) {
    my %rows = map { $_ => [ $self->{rows}{$_}[0]{id}, $self->{rows}{$_}[1]{direction}, $self->{rows}{$_}[2]->@* ] } keys $self->{rows}->%*;
    return { rows => \%rows, %$self{qw(wipes failures statements retries)} };
}

sub transact ($self, $psql, $t) {
    my $first = my $begun = Time::HiRes::time();
    my $tries = $t->{tries} // 200;
    $self->{statements}++;
    for my $try (1 .. $tries) {
        my $answer = $psql->run($t->{sql});
        my $state  = $answer->{states}[0];    # others follow from it
        # A failure that a savepoint caught does not keep the transaction from its commit.
        if (!$answer->{rows}->@* && (!defined $state || ($t->{witness} && $state eq '40001' && $self->is_there($psql, $t->{witness})))) {
            my $times = [ $begun, Time::HiRes::time() ];
            $t->{commit}->($times) if $t->{commit};
            push $self->{wipes}->@*, [ $t->{wipes}, $first, $times->[1] ] if $t->{wipes};
            return;
        }
        return if defined $state && $t->{refused} && $state =~ $t->{refused};
        my $again = defined $state && $state eq '40001' && ($self->{level} ne 'READ COMMITTED' || $t->{deletable});
        if (!$again || $answer->{rows}->@* || ($try == $tries && !$t->{tries})) {
            push $self->{failures}->@*, join "\n", "writer $self->{number}, $self->{level}:", $answer->{messages}->@*, (map { "@$_" } $answer->{rows}->@*), $t->{sql};
            return;
        }
        $self->{retries}++;
        Time::HiRes::sleep(rand(0.002 * $try)) if $try > 3;    # the one it conflicts with may still run
        $begun = Time::HiRes::time();
    }
}

sub is_there ($self, $psql, $row) { return scalar $psql->rows('SELECT 1 FROM people_movements WHERE ' . where($row) . ';')->@* }

# ---- what transactions are made of -------------------------------------------------------------------------------------

sub some_sessions ($self) {
    my @all = shuffle($self->{sessions}->@*);
    return @all[ 0 .. pick(0, 0, between(0, $#all)) ];
}

sub random_time ($session) {
    $session->{clock} = ($session->{clock} // $session->{scene}{centre}) + between(0, 20) * 1_000_000;
    return chance(0.7) ? $session->{clock} + between(-2, 2) * 1_000_000 : random_instant($session);
}

# Rows for sessions in random order: SQL and the rows.
sub batch (@sessions) {
    my @rows;
    for my $session (@sessions) {
        push @rows, map { [ $session, new_movement($session, random_time($session)) ] } 1 .. pick(1, 1, between(1, 6));
    }
    my $sql = "INSERT INTO people_movements ($movement_columns) VALUES " . join(', ', map { movement_tuple(@$_) } shuffle(@rows)) . ';';
    return ($sql, @rows);
}

sub keep ($self, @rows) {
    return sub ($times) { $self->{rows}{ $_->[1]{id} } = [ @$_[ 0, 1 ], $times ] for @rows };
}

# Rows of sessions that stay, or of this one. (A cascade takes the rows of a session in an order of its own.)
sub own_rows ($self, $session = undef) {
    my %volatile = map { $_->{id} => 1 } $self->{volatile}->@*;
    my @rows = grep { !$volatile{ $_->[0]{id} } } map { $self->{rows}{$_} } sort keys $self->{rows}->%*;
    @rows = grep { $_->[0]{id} eq $session->{id} } @rows if $session;
    @rows = shuffle(@rows);
    splice @rows, 10 if @rows > 10;
    return @rows;
}

sub where (@rows) {
    return '(session_id, movement_time, id) IN (' . join(', ', map { sprintf q{('%s', '%s', '%s')}, $_->[0]{id}, literal($_->[1]{t}), $_->[1]{id} } @rows) . ')';
}

# ---- movements ---------------------------------------------------------------------------------------------------------

sub insert ($self) {
    my ($sql, @rows) = batch($self->some_sessions);
    return { sql => $sql, commit => $self->keep(@rows) };
}

sub rolled_back ($self) {
    my ($sql) = batch($self->some_sessions);
    return { sql => "BEGIN;\n$sql\nROLLBACK;" };
}

# Two statements of one transaction, and one that is taken back.
sub two_batches ($self) {
    my @sessions = sort { $a->{id} cmp $b->{id} } $self->some_sessions;
    my $cut      = int rand @sessions;
    my ($one, @first)  = batch(@sessions[ 0 .. $cut ]);
    my ($two, @second) = batch(@sessions[ $cut .. $#sessions ]);
    my ($lost) = batch($sessions[-1]);
    my $check  = "SELECT id, calculate_current_people_inside(id), property.inside(id) FROM sessions WHERE id = '$sessions[$cut]{id}'"
        . ' AND calculate_current_people_inside(id) IS DISTINCT FROM property.inside(id);';
    return {
        sql    => join("\n", 'BEGIN;', $one, $check, $two, $check, 'SAVEPOINT s;', $lost, 'ROLLBACK TO s;', $check, 'COMMIT;'),
        commit => $self->keep(@first, @second), witness => $first[0],
    };
}

sub turn ($self) {
    my @rows = $self->own_rows or return;
    return {
        sql => "UPDATE people_movements SET movement_direction = CASE movement_direction WHEN 'in' THEN 'out' ELSE 'in' END::movement_direction WHERE " . where(@rows) . ';',
        commit => sub ($times) { $_->[1]{direction} = $_->[1]{direction} eq 'in' ? 'out' : 'in' for @rows },
    };
}

sub delete_some ($self) {
    my @rows = $self->own_rows or return;
    return {
        sql    => 'DELETE FROM people_movements WHERE ' . where(@rows) . ';',
        commit => sub ($times) { delete $self->{rows}{ $_->[1]{id} } for @rows },
    };
}

# Upserts and MERGE fire a trigger for each kind of change, one after the other, and each takes its sessions in id order.
# Only those of one session cannot meet others in a deadlock.
sub upsert ($self) {
    my $session = pick($self->{sessions}->@*);
    my ($sql, @rows) = batch($session);
    push @rows, $self->own_rows($session);
    return {
        sql => "INSERT INTO people_movements ($movement_columns) VALUES " . join(', ', map { movement_tuple($_->[0], { $_->[1]->%*, direction => 'in' }) } shuffle(@rows))
            . "\nON CONFLICT (session_id, movement_time, id) DO UPDATE SET movement_direction = 'in';",
        commit => sub ($times) { $_->[1]{direction} = 'in' for @rows; $self->keep(@rows)->($times) },
    };
}

sub merge ($self) {
    my $session = pick($self->{sessions}->@*);
    my ($sql, @rows) = batch($session);
    my @source = ((map { [ $_, 'insert' ] } @rows), map { [ $_, pick('delete', 'turn', 'leave') ] } $self->own_rows($session));
    return {
        sql => "MERGE INTO people_movements m USING (VALUES\n    "
            . join(",\n    ", map { sprintf q{('%s'::uuid, '%s'::timestamptz, '%s'::uuid, '%s'::movement_direction, '%s')}, $_->[0][0]{id}, literal($_->[0][1]{t}), $_->[0][1]{id}, $_->[0][1]{direction}, $_->[1] } shuffle(@source))
            . ") v (session, t, id, direction, action)\n    ON m.session_id = v.session AND m.movement_time = v.t AND m.id = v.id\n"
            . "WHEN MATCHED AND action = 'delete' THEN DELETE\nWHEN MATCHED AND action = 'turn' THEN UPDATE SET movement_direction = 'out'\n"
            . "WHEN NOT MATCHED AND action = 'insert' THEN INSERT (session_id, movement_time, id, person_id, movement_direction)\n"
            . '    VALUES (v.session, v.t, v.id, 1, v.direction);',
        commit => sub ($times) {
            $self->keep(@rows)->($times);
            for (@source) {
                delete $self->{rows}{ $_->[0][1]{id} } if $_->[1] eq 'delete';
                $_->[0][1]{direction} = 'out' if $_->[1] eq 'turn';
            }
        },
    };
}

sub truncate ($self, $table = 'people_movements') { return { sql => "TRUNCATE $table;", wipes => '*' } }

# ---- samples, baselines ------------------------------------------------------------------------------------------------

sub samples ($self) {
    return { sql => "INSERT INTO realtime_metrics ($sample_columns) VALUES "
            . join(', ', map { sample_tuple($_, new_sample(random_time($_))) } $self->some_sessions) . ';' };
}

sub baseline ($self) {
    my $session = pick($self->{sessions}->@*);
    return { sql => sprintf q{INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES ('%s', '%s', %d) ON CONFLICT DO NOTHING;},
            $session->{id}, literal(random_instant($session)), between(0, 9) };
}

# ---- sessions ----------------------------------------------------------------------------------------------------------

sub configure ($self) {
    my $session = pick($self->{sessions}->@*);
    my $reset   = random_reset();
    return { sql => sprintf q{UPDATE sessions SET %s WHERE id = '%s';},
            pick("time_zone = '" . pick(@zones) . "'", "day_start = '" . between(0, 23) . ":00'", 'reset_time = ' . (defined $reset ? "'$reset'" : 'NULL')), $session->{id} };
}

# A session that only this writer knows, though rebuild_statistics() of another may meet it at any moment.
sub create ($self) {
    my $session = new_session(uuid());
    $session->{specials} = [];
    my ($sql, @rows) = batch($session);
    my $insert = session_sql($session);
    return {
        sql => pick("BEGIN;\n$insert\n$sql\nCOMMIT;", 'WITH session AS (' . $insert =~ s/;\z//r . ")\n$sql"),
        commit => sub ($times) {
            push $self->{sessions}->@*, $session if $self->{sessions}->@* < 30;
            push $self->{created}->@*,  $session;
            $self->keep(@rows)->($times);
        },
    };
}

sub drop ($self) {
    my $session = shift(@{ $self->{created} //= [] }) // return;
    return {
        sql    => "DELETE FROM sessions WHERE id = '$session->{id}';", wipes => $session->{id},
        commit => sub ($times) {
            $self->{sessions} = [ grep { $_->{id} ne $session->{id} } $self->{sessions}->@* ];
        },
    };
}

# Deletes the session of which this writer takes care, while others write into it, and makes it again.
sub replace ($self) {
    my $session = $self->{volatile}[ $self->{number} - 1 ] // return;
    my ($batch, @rows) = batch($session);
    my @sql = ("DELETE FROM sessions WHERE id = '$session->{id}';", session_sql($session), $batch);
    @sql = ('BEGIN;', @sql, 'COMMIT;') if chance(0.7);
    return { sql => join("\n", @sql), commit => $self->keep(@rows), wipes => $session->{id}, deletable => 1 };
}

sub insert_volatile ($self) {
    my ($sql, @rows) = batch(pick($self->{volatile}->@*));
    return { sql => $sql, commit => $self->keep(@rows), refused => qr/^23503/, deletable => 1 };
}

# Where a snapshot has to last there are too many conflicts to insist.
sub rebuild ($self, $session) {
    return { sql => "SELECT 'rebuilt' FROM rebuild_statistics($session) n WHERE n < 0;", deletable => 1, $self->{level} eq 'READ COMMITTED' ? () : (tries => 3) };
}

sub rebuild_one ($self) { return $self->rebuild("'" . pick($self->{sessions}->@*)->{id} . "'") }
sub rebuild_all ($self) { return $self->rebuild('') }

1;
