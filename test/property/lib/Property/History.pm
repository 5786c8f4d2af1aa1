package Property::History;

# Random histories: batches of sessions that live through rounds of random steps, each round followed by
# verify_statistics(), the oracle, and a count of the base rows.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use File::Temp ();
use List::Util qw(sum0 min);
use Property::Compound qw(random_step);
use Property::Database;
use Property::Model qw(uuid new_session session_sql);
use Property::Oracle qw(expected stored);
use Property::Scene qw(pick chance between literal constant_offset);

use constant { batch => 20, connections => 3, rounds => 5 };

our $keep_going = 0;
our $patience   = 45;    # seconds to shrink a failure

# Runs cases until `cases` are done; returns { cases, steps, compared, failures => [text] }.
sub run ($database, $seed, $worker, $cases) {
    my $self = bless { database => $database, steps => 0, compared => 0, rounds => 0, interrupted => 0, trapped => 0, failures => [] }, __PACKAGE__;
    my $done = 0;
    for (my $batch = 0; $done < $cases; $batch++) {
        srand($seed + 1_000_003 * $worker + 7919 * $batch);
        my $size = min(batch, $cases - $done);
        $self->{where} = "seed $seed, worker $worker, batch $batch";
        $self->run_batch($size, $batch % 3 == 1 ? 1 : 0);    # traps take the paths for columns of a user's: not always
        $done += $size;
        last if $self->{failures}->@* && !$keep_going;
    }
    $_->close for ($self->{psql} // [])->@*;
    return { %$self{qw(steps compared rounds interrupted failures)}, cases => $done };
}

sub run_batch ($self, $size, $trapped) {
    $self->{psql} //= [ map { $self->{database}->connect } 1 .. connections ];
    Property::Database::set_traps($self->{psql}[0], $trapped) if $trapped != $self->{trapped};
    $self->{trapped} = $trapped;
    $self->{log} = [];
    my $world = { sessions => {}, trapped => $trapped };
    for (1 .. $size) {
        my $session = new_session(uuid());
        $world->{sessions}{ $session->{id} } = $session;
        $self->step(0, { kind => 'new', sql => session_sql($session), states => [] }) or return;
    }
    for my $round (1 .. rounds) {
        $self->find_specials($world);
        for my $id (sort keys $world->{sessions}->%*) {
            for (1 .. pick(1, 1, 2, 3)) {
                my $step = random_step($world, $world->{sessions}{$id});
                $self->step(chance(0.7) ? 0 : between(1, connections - 1), $step) or return;
            }
        }
        $self->check($world) or return;
    }
    my $clear = chance(0.2) ? 'TRUNCATE sessions CASCADE;' : 'DELETE FROM sessions;';
    $self->step(0, { kind => 'clear', sql => $clear, states => [] }) or return;
    my $left = $self->{psql}[0]->rows('SELECT (SELECT count(*) FROM session_statistics), (SELECT count(*) FROM hourly_statistics), (SELECT count(*) FROM daily_statistics);');
    $self->failed("rows left behind deleted sessions: @{ $left->[0] }") if join('', $left->[0]->@*) ne '000';
}

sub step ($self, $connection, $step) {
    for my $part (@{ $step->{parts} // [] }) {
        $self->step($part->{connection}, { kind => $step->{kind}, %$part }) or return 0;
    }
    return 1 if $step->{parts};
    $self->{steps}++;
    push $self->{log}->@*, [ $connection, $step->{sql}, $step->{kind} ];
    my $answer = $self->{psql}[$connection]->run($step->{sql});
    my ($got, $wanted) = ("$answer->{states}->@*", "$step->{states}->@*");
    if ($step->{or} && $got =~ $step->{or} && !$answer->{rows}->@*) {
        $step->{undo}->();
        $self->{interrupted}++;
        return 1;
    }
    return 1 if $got eq $wanted && !$answer->{rows}->@*;
    my @rows = map { join ' | ', map { $_ // 'NULL' } @$_ } $answer->{rows}->@*;
    $self->failed(sprintf("a step of kind %s: errors [%s] instead of [%s]", $step->{kind}, $got, $wanted),
        $answer->{messages}->@*, @rows, 'the step:', $step->{sql}, $self->shrunk($step->{sql}, $answer->{states}));
    return 0;
}

# Instants at which a configuration makes something happen, around the scene.
sub find_specials ($self, $world) {
    my @values = map { sprintf q{('%s'::uuid, '%s'::timestamptz)}, $_->{id}, literal($_->{scene}{centre}) } values $world->{sessions}->%*;
    my $rows = $self->{psql}[0]->rows('SELECT id, (extract(epoch FROM (((centre AT TIME ZONE time_zone)::date + d + t) AT TIME ZONE time_zone)) * 1000000)::bigint'
            . ' FROM (VALUES ' . join(', ', sort @values) . ') v (session, centre) JOIN sessions ON id = session'
            . ' CROSS JOIN generate_series(-1, 1) d CROSS JOIN LATERAL (VALUES (day_start), (coalesce(reset_time, day_start))) times (t) ORDER BY 1, 2;');
    $_->{specials} = [] for values $world->{sessions}->%*;
    push $world->{sessions}{ $_->[0] }{specials}->@*, $_->[1] for @$rows;
}

sub check ($self, $world) {
    $self->{rounds}++;
    my $psql  = $self->{psql}[0];
    my @wrong = Property::Database::problems($psql);
    if (@wrong) {
        $self->failed('verify_statistics() found', @wrong, $self->shrunk($wrong[0]));
        return 0;
    }
    my $sessions = $world->{sessions};
    my $counts = $psql->rows('SELECT id, (SELECT count(*) FROM people_movements WHERE session_id = sessions.id), (SELECT count(*) FROM realtime_metrics WHERE session_id = sessions.id),'
            . ' (SELECT count(*) FROM occupancy_baselines WHERE session_id = sessions.id), CASE WHEN calculate_current_people_inside(id) IS DISTINCT FROM property.inside(id)'
            . q{ THEN calculate_current_people_inside(id) || ' inside instead of ' || property.inside(id) ELSE '' END FROM sessions;});
    push @wrong, sprintf 'there are %d sessions instead of %d', scalar @$counts, scalar keys %$sessions if @$counts != keys %$sessions;
    for (@$counts) {
        my ($id, @found) = @$_;
        my @wanted = (map({ scalar keys $sessions->{$id}{$_}->%* } qw(movements samples baselines)), '');
        push @wrong, "$id: found [@found], expected [@wanted] movements, samples, baselines" if "@found" ne "@wanted";
    }
    push @wrong, $self->compare_with_oracle($sessions);
    $self->failed(@wrong) if @wrong;
    return !@wrong;
}

sub compare_with_oracle ($self, $sessions) {
    my %offset;
    for my $s (values %$sessions) {
        my @times  = (keys $s->{baselines}->%*, map { $_->{t} } map { values $s->{$_}->%* } qw(movements samples));
        my $offset = constant_offset($s->{config}{zone}, @times) // next;
        $offset{ $s->{id} } = $offset;
    }
    return if !%offset;
    my ($rows, $ends) = stored($self->{psql}[0], sort keys %offset);
    my @wrong;
    for my $id (sort keys %offset) {
        $self->{compared}++;
        my $wanted = expected($sessions->{$id}, $offset{$id}, $ends->{$id});
        my $found  = $rows->{$id} // {};
        for my $key (sort keys %{ { %$wanted, %$found } }) {
            my ($f, $w) = ($found->{$key} // 'nothing', $wanted->{$key} // 'nothing');
            push @wrong, "$id, $key: the oracle disagrees", "  stored   $f", "  expected $w" if $f ne $w;
        }
    }
    return @wrong;
}

# ---- failures ----------------------------------------------------------------------------------------------------------

sub failed ($self, @lines) {
    my $log = File::Temp->new(TEMPLATE => 'property_XXXXXX', TMPDIR => 1, SUFFIX => '.sql', UNLINK => 0);
    print {$log} "-- $self->{where}\n", map { "-- connection $_->[0], $_->[2]\n$_->[1]\n" } $self->{log}->@*;
    push $self->{failures}->@*, join "\n", "$self->{where}; the SQL is in $log", @lines;
    $_->close for $self->{psql}->@*;    # whatever state they are in
    $self->{psql} = [ map { $self->{database}->connect } 1 .. connections ];
    $self->{psql}[0]->run('TRUNCATE sessions CASCADE;');
}

# Leaves out steps, then lines of steps, for as long as verify_statistics() still finds something, or the last step fails
# with these errors.
sub shrunk ($self, $text, $states = undef) {
    my ($id) = $text =~ /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/ or return;
    my @steps = grep { $_->[1] =~ /\Q$id\E|TRUNCATE|rebuild_statistics\(\)|VACUUM|DISCARD/ } $self->{log}->@*;
    $self->{states} = $states && "@$states";
    my $end = time + $patience;
    return 'the failure does not come again from the SQL alone'
        if !$self->fails_again(@steps) && !$self->fails_again(@steps = $self->{log}->@*);
    for (my $piece = int(@steps / 2); $piece >= 1; $piece = int($piece / 2)) {
        for (my $from = 0; $from < @steps && time < $end;) {
            my @fewer = @steps;
            splice @fewer, $from, $piece;
            if ($self->fails_again(@fewer)) { @steps = @fewer }
            else                            { $from += $piece }
        }
    }
    for my $i (0 .. $#steps) {
        my @lines = split /\n/, $steps[$i][1];
        for (my $line = $#lines; $line >= 0 && @lines > 1 && time < $end; $line--) {
            my @fewer = @lines;
            splice @fewer, $line, 1;
            my $sql = join("\n", @fewer) =~ s/,(?=\s*(?:;|\)\s+v |\nON CONFLICT|\z))//gr;
            $sql =~ s/(?<![;.])\z/;/;
            my @other = @steps;
            $other[$i] = [ $steps[$i][0], $sql, $steps[$i][2] ];
            if ($self->fails_again(@other)) { @lines = @fewer; @steps = @other }
        }
    }
    return ('shrunk to:', map { "-- connection $_->[0], $_->[2]\n$_->[1]" } @steps);
}

sub fails_again ($self, @steps) {
    local $Property::Psql::patience = 20;    # what is left of a step may keep psql waiting for its end
    $_->close for $self->{psql}->@*;
    $self->{psql} = [ map { $self->{database}->connect } 1 .. connections ];
    $self->{psql}[0]->run('TRUNCATE sessions CASCADE;');
    my $answer;
    for (@steps) {
        $answer = $self->{psql}[ $_->[0] ]->run($_->[1]);
        return 0 if grep { /^(?:42601|LOST)$/ } $answer->{states}->@*;
    }
    return @steps && "$answer->{states}->@*" eq $self->{states} if defined $self->{states};
    $_->run('ROLLBACK;') for $self->{psql}->@*;
    return scalar Property::Database::problems($self->{psql}[0]);
}

1;
