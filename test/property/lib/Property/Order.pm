package Property::Order;

# The same movements, samples and baselines, written in many ways into sessions of the same configuration: all derived rows
# are the same, and so is the state from which the next movement goes on.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use File::Temp ();
use List::Util qw(shuffle);
use Property::Database;
use Property::Model qw(uuid new_session session_sql new_movement movement_tuple new_sample sample_tuple $movement_columns $sample_columns);
use Property::Operations qw(choose);
use Property::Scene qw(pick chance between literal random_instant);

use constant connections => 8;

our $configurations = 60;

my @ways = (
    [ 'one by one in order'         => \&in_order ],
    [ 'one by one in random order'  => \&in_random_order ],
    [ 'in batches'                  => \&in_batches ],
    [ 'by COPY'                     => \&by_copy ],
    [ 'with detours'                => \&with_detours ],
    [ 'before it was configured'    => \&before_configuration ],
    [ 'by eight connections'        => undef ],
);

sub run ($database, $seed, $result) {
    srand($seed);
    my $psql = $database->connect;
    my (@configurations, @failures);
    my @scripts = map { [] } 1 .. connections;
    for my $n (1 .. $configurations) {
        my $model = new_session(uuid());
        my @rows  = random_rows($model);
        my %ids;
        for my $way (@ways) {
            my ($name, $sql) = @$way;
            my $session = { %$model, id => $ids{$name} = uuid() };
            my $answer = $psql->run($sql ? $sql->($session, @rows) : session_sql($session));
            push @failures, "$name: @{ $answer->{messages} }" if $answer->{states}->@*;
            deal(\@scripts, $session, @rows) if !$sql;
        }
        push @configurations, { ids => \%ids, config => $model->{config}, rows => scalar @rows };
    }
    push @failures, at_once($database, @scripts);
    push @failures, Property::Database::problems($psql);
    my ($rows, $states) = compare($psql, @configurations);
    my $names = join ', ', map { $_->[0] } @ways;
    $result->("$configurations times the same rows written $names: the same statistics", @failures, @$rows);
    $result->('and the same state to go on from', @$states);
    $psql->close;
}

# ['movement' | 'sample' | 'baseline', time, people]
sub random_rows ($model) {
    $model->{specials} = [];
    my $n    = pick(5, 30, 100);
    my @rows = map { [ movement => random_instant($model) ] } 1 .. $n;
    push @rows, map { [ movement => $rows[ rand @rows ][1] + pick(0, 0, 1) ] } 1 .. $n / 3;
    $_ = [ @$_, chance($model->{scene}{p_in}) ? 'in' : 'out', pick(undef, 0.5, 0.333333, 0.9) ] for @rows;
    push @rows, map { [ sample => random_instant($model), between(0, 9), pick(qw(detecting tracking waiting)) ] } 1 .. pick(0, 0, 10);
    my %baselines = map { random_instant($model) => between(0, 9) } 1 .. pick(0, 0, 1, 6);
    return @rows, map { [ baseline => $_, $baselines{$_} ] } sort keys %baselines;
}

# One INSERT for rows of one table.
sub insert ($session, @rows) {
    my $table = $rows[0][0];
    my ($columns, @tuples);
    if ($table eq 'movement') {
        $columns = "people_movements ($movement_columns)";
        @tuples  = map { movement_tuple($session, { id => uuid(), person => 1, t => $_->[1], direction => $_->[2], confidence => $_->[3] }) } @rows;
    }
    elsif ($table eq 'sample') {
        $columns = "realtime_metrics ($sample_columns)";
        @tuples  = map { sample_tuple($session, { id => uuid(), t => $_->[1], people => $_->[2], status => $_->[3] }) } @rows;
    }
    else {
        $columns = 'occupancy_baselines (session_id, baseline_time, people_count)';
        @tuples  = map { sprintf q{('%s', '%s', %d)}, $session->{id}, literal($_->[1]), $_->[2] } @rows;
    }
    return "INSERT INTO $columns VALUES " . join(', ', @tuples) . ";\n";
}

sub by_table (@rows) {
    my %of;
    push $of{ $_->[0] }->@*, $_ for @rows;
    return map { $of{$_} } shuffle(sort keys %of);
}

sub in_order ($session, @rows) {
    return join '', session_sql($session), map { insert($session, $_) } sort { $a->[1] <=> $b->[1] } @rows;
}

sub in_random_order ($session, @rows) {
    return join '', session_sql($session), map { insert($session, $_) } shuffle(@rows);
}

sub in_batches ($session, @rows) {
    my @sql = session_sql($session);
    for my $of_table (by_table(chance(0.5) ? shuffle(@rows) : sort { $a->[1] <=> $b->[1] } @rows)) {
        push @sql, insert($session, splice @$of_table, 0, between(1, 12)) while @$of_table;
    }
    return join '', shift @sql, shuffle(@sql);
}

sub by_copy ($session, @rows) {
    my @sql = session_sql($session);
    for my $of_table (by_table(shuffle(@rows))) {
        if ($of_table->[0][0] ne 'movement') { push @sql, insert($session, @$of_table); next }
        push @sql, "COPY people_movements ($movement_columns) FROM STDIN;\n",
            map({ join("\t", $session->{id}, literal($_->[1]), uuid(), 1, $_->[2], $_->[3] // '\N') . "\n" } @$of_table), "\\.\n";
    }
    return join '', @sql;
}

# Rows come wrong and are put right, and others come and go.
sub with_detours ($session, @rows) {
    my @sql = session_sql($session);
    for my $row (shuffle(@rows)) {
        my $key  = $row->[0] eq 'baseline' ? 'baseline_time' : $row->[0] eq 'sample' ? '"timestamp"' : 'movement_time';
        my $name = { movement => 'people_movements', sample => 'realtime_metrics', baseline => 'occupancy_baselines' }->{ $row->[0] };
        my $odd  = literal($row->[1] + 7);    # of no other row
        my $kind = rand;
        if ($kind < 0.25) {
            my @elsewhere = @$row;
            $elsewhere[1] = $row->[1] + 7;
            push @sql, insert($session, \@elsewhere),
                "UPDATE $name SET $key = '" . literal($row->[1]) . "' WHERE session_id = '$session->{id}' AND $key = '$odd';\n";
        }
        elsif ($kind < 0.5) {
            my @other = @$row;
            $other[1] = $row->[1] + 7;
            push @sql, insert($session, \@other), insert($session, $row), "DELETE FROM $name WHERE session_id = '$session->{id}' AND $key = '$odd';\n";
        }
        elsif ($kind < 0.6) { push @sql, "BEGIN; SAVEPOINT s;\n", insert($session, $row), "ROLLBACK TO s;\n", insert($session, $row), "COMMIT;\n" }
        else                { push @sql, insert($session, $row) }
    }
    return join '', @sql;
}

sub before_configuration ($session, @rows) {
    my $c     = $session->{config};
    my %other = (%$c, zone => 'Asia/Tokyo', day_start => 9, reset => '11:00', end => undef, start => $c->{start} - 5_000_000_000);
    my $right = session_sql($session);
    my ($values) = $right =~ /VALUES \((.*)\);/s;
    my $update = "UPDATE sessions SET (id, session_name, time_zone, day_start, reset_time, start_time, end_time, created_at) = ROW($values) WHERE id = '$session->{id}';\n";
    return join '', session_sql({ %$session, config => \%other }), (map { insert($session, @$_) } by_table(shuffle(@rows))), $update;
}

# Spreads the rows over scripts, which write and roll back in transactions of one session each.
sub deal ($scripts, $session, @rows) {
    for my $of_table (by_table(shuffle(@rows))) {
        while (@$of_table) {
            my $script = $scripts->[ rand @$scripts ];
            my @some   = splice @$of_table, 0, pick(1, 1, between(1, 8));
            my $write  = insert($session, @some);
            my $lost   = insert($session, map { [ movement => $_->[1] + between(-9, 9) * 1_000_000, 'out', 0.1 ] } @some);
            push @$script, choose(
                [ 4, $write ],
                [ 1, "BEGIN;\n$lost" . "ROLLBACK;\n$write" ],
                [ 2, "BEGIN;\nSAVEPOINT s;\n$lost" . "ROLLBACK TO s;\n$write" . "COMMIT;\n" ],
                [ 1, "BEGIN;\nSAVEPOINT s;\n$write" . "RELEASE s;\nSAVEPOINT s;\n$lost" . "ROLLBACK TO s;\nCOMMIT;\n" ],
            );
        }
    }
}

sub at_once ($database, @scripts) {
    my (@running, @failures);
    for my $script (@scripts) {
        my $file = File::Temp->new(SUFFIX => '.sql');
        print {$file} shuffle(@$script);
        close $file;
        my $psql = $database->connect;
        $psql->send("\\i $file");
        push @running, [ $psql, $file ];
    }
    for (@running) {
        my $answer = $_->[0]->answer;
        push @failures, 'eight connections: ' . join(' ', $answer->{messages}->@*) if $answer->{states}->@*;
        $_->[0]->close;
    }
    return @failures;
}

# What differs between the ways: (lines about rows, lines about fold_state).
sub compare ($psql, @configurations) {
    my (%rows, %states, @wrong, @wrong_states);
    for my $table ('session_statistics', 'hourly_statistics', 'daily_statistics') {
        my $all = $psql->rows("SELECT session_id, string_agg((to_jsonb(t) - 'session_id' - 'fold_state')::text, ' # ' ORDER BY t) FROM $table t GROUP BY session_id;");
        $rows{ $_->[0] }{$table} = $_->[1] for @$all;
    }
    $states{ $_->[0] } = $_->[1] for $psql->rows(q{SELECT session_id, encode(fold_state, 'hex') FROM session_statistics;})->@*;
    for my $c (@configurations) {
        my ($first, @other) = map { $_->[0] } @ways;
        for my $way (@other) {
            my ($a, $b) = @{ $c->{ids} }{ $first, $way };
            for my $table (sort keys %{ { %{ $rows{$a} // {} }, %{ $rows{$b} // {} } } }) {
                my ($x, $y) = ($rows{$a}{$table} // '', $rows{$b}{$table} // '');
                push @wrong, "$table of $a, written $first:", $x, "of $b, written $way:", $y if $x ne $y;
            }
            push @wrong_states, "fold_state of $c->{rows} rows written $first and $way, sessions $a, $b", $states{$a}, $states{$b}
                if $states{$a} ne $states{$b};
        }
    }
    return (\@wrong, \@wrong_states);
}

1;
