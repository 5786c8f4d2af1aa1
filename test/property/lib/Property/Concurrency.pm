package Property::Concurrency;

# Eight connections write batches that share sessions, each batch in its own order of rows. No statement may fail, but
# for serialization failures under REPEATABLE READ and SERIALIZABLE, which are tried again; what was acknowledged is there,
# and nothing else.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use Exporter 'import';
use File::Temp ();
use Property::Database;
use Property::Model qw(uuid new_session session_sql $movement_columns);
use Property::Workers qw(in_parallel);
use Property::Writer;

use constant { connections => 8, sessions => 12, volatile => 3, large => 40_000 };

our @EXPORT_OK = qw(fresh_sessions unaccounted);
our $seconds   = 10;    # for each isolation level

my @movements = ([ 12, \&Property::Writer::insert ], [ 3, \&Property::Writer::rolled_back ], [ 4, \&Property::Writer::two_batches ],
    [ 3, \&Property::Writer::turn ], [ 3, \&Property::Writer::delete_some ], [ 2, \&Property::Writer::upsert ], [ 2, \&Property::Writer::merge ]);

my @everything = (@movements, [ 3, \&Property::Writer::samples ], [ 1, \&Property::Writer::baseline ], [ 1, \&Property::Writer::configure ],
    [ 2, \&Property::Writer::create ], [ 1, \&Property::Writer::drop ], [ 1.5, \&Property::Writer::replace ], [ 3, \&Property::Writer::insert_volatile ],
    [ 1, \&Property::Writer::rebuild_one ], [ 0.4, \&Property::Writer::rebuild_all ]);

# TRUNCATE has its table to itself and then wants the sessions; who writes another table and is late wants them the other
# way round. So each is tried beside writers of its own table.
my @truncating = (
    [ 'people_movements', [ @movements, [ 0.2, \&Property::Writer::truncate ] ] ],
    [ 'realtime_metrics', [ [ 9, \&Property::Writer::samples ], [ 0.2, sub ($writer) { { sql => 'TRUNCATE realtime_metrics;' } } ] ] ],
    [ 'occupancy_baselines', [ [ 9, \&Property::Writer::baseline ], [ 0.2, sub ($writer) { { sql => 'TRUNCATE occupancy_baselines;' } } ] ] ],
);

# Beside one that rebuilds everything all the time, which takes a while.
my @rebuilding = ([ 6, \&Property::Writer::create ], [ 2, \&Property::Writer::drop ], [ 1, sub ($writer) { $writer->{number} == 1 ? $writer->rebuild_all : undef } ]);

sub run ($database, $seed, $result) {
    for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE') {
        my ($sum, @failures) = at_once($database, $seed, $level, $seconds, @everything);
        $result->(sprintf('eight connections under %s: %d transactions, %d tried again, all acknowledged rows counted, no deadlock', $level, $sum->@{qw(statements retries)}), @failures);
    }
    my ($sum, @failures) = at_once($database, $seed, 'READ COMMITTED', 6, @rebuilding, 20_000);
    $result->("sessions come and go while everything is rebuilt: $sum->{statements} transactions", @failures);
    for (@truncating) {
        my ($table, $transactions) = @$_;
        my ($sum, @failures) = at_once($database, $seed, 'READ COMMITTED', 3, @$transactions);
        $result->("eight connections write $table, and truncate it now and then: $sum->{statements} transactions", @failures);
    }
    $result->('two large statements over the same sessions in opposite order, three times', large_statements($database, $seed));
}

sub fresh_sessions ($psql, $count) {
    $psql->rows('TRUNCATE sessions CASCADE;');
    my @sessions = sort { $a->{id} cmp $b->{id} } map { new_session(uuid()) } 1 .. $count;
    $_->{specials} = [] for @sessions;
    $psql->rows(join "\n", map { session_sql($_) } @sessions);
    return @sessions;
}

sub at_once ($database, $seed, $level, $for, @transactions) {
    my $hours = ref $transactions[-1] ? 0 : pop @transactions;    # that one more session has
    srand($seed);
    my $psql     = $database->connect;
    my @volatile = fresh_sessions($psql, sessions + volatile);
    my @sessions = splice @volatile, 0, sessions;
    $psql->rows("WITH one AS (INSERT INTO sessions (session_name) VALUES ('long') RETURNING id) INSERT INTO realtime_metrics (session_id, \"timestamp\")"
            . " SELECT id, '2020-01-01 00:30+00'::timestamptz + n * interval '1 hour' FROM one, generate_series(1, $hours) n;") if $hours;
    my @results  = in_parallel(map { my $n = $_; sub {
        Property::Writer->new(database => $database, level => $level, seed => $seed, number => $n, sessions => \@sessions, volatile => \@volatile)->run($for, @transactions);
    } } 1 .. connections);
    my %sum;
    for my $r (@results) {
        $sum{$_} += $r->{$_} // 0 for qw(statements retries);
    }
    my @failures = (map({ ($_->{failures} // [])->@* } @results), Property::Database::problems($psql), unaccounted($psql, @results));
    $psql->close;
    return (\%sum, @failures);
}

# Rows that were acknowledged and are not there, or are there and should not be. A larger person_id marks rows that are
# counted elsewhere.
sub unaccounted ($psql, @results) {
    my %rows = map { ($_->{rows} // {})->%* } @results;
    my (%emptied, @wrong);
    push $emptied{ $_->[0] }->@*, $_ for map { ($_->{wipes} // [])->@* } @results;
    my $fate = sub ($session, $begun, $acknowledged) {    # whoever overlaps a wipe may have come before or after it
        my @wipes = map { ($emptied{$_} // [])->@* } $session, '*';
        return 'gone' if grep { $acknowledged < $_->[1] } @wipes;
        return (grep { $begun <= $_->[2] } @wipes) ? 'either' : 'there';
    };
    for ($psql->rows('SELECT id, session_id, movement_direction FROM people_movements WHERE person_id < 100000;')->@*) {
        my ($id, $session, $direction) = @$_;
        my $known = delete $rows{$id};
        if    (!$known)                             { push @wrong, "movement $id of $session was not acknowledged" }
        elsif ("@$known[0, 1]" ne "$session $direction") { push @wrong, "movement $id is of $session, $direction; acknowledged were @$known[0, 1]" }
        elsif ($fate->(@$known[ 0, 2, 3 ]) eq 'gone')    { push @wrong, "movement $id of $session should have gone" }
    }
    push @wrong, map { "movement $_ of $rows{$_}[0] was acknowledged and is not there" } grep { $fate->($rows{$_}->@[ 0, 2, 3 ]) eq 'there' } sort keys %rows;
    splice @wrong, 10 if @wrong > 10;
    return @wrong;
}

sub large_statements ($database, $seed) {
    srand($seed);
    my @psql     = map { $database->connect } 1 .. 2;
    my @sessions = fresh_sessions($psql[0], sessions);
    my $ids      = join ', ', map { "'$_->{id}'" } @sessions;
    my $values   = "SELECT (ARRAY[$ids]::uuid[])[1 + i % " . sessions . "] AS s, '2025-03-29 20:00+00'::timestamptz + (i * 7919 % 90000) * interval '1 s',"
        . ' gen_random_uuid(), i, (CASE WHEN i % 5 < 3 THEN \'in\' ELSE \'out\' END)::movement_direction, 0.5 FROM generate_series(1, ' . large . ') i';
    my $file = File::Temp->new(SUFFIX => '.copy');
    my @failures;
    for my $round (1 .. 3) {
        $psql[0]->rows("\\copy ($values ORDER BY s DESC) to '$file'");
        $psql[0]->send("INSERT INTO people_movements ($movement_columns) $values ORDER BY s;");
        $psql[1]->send("\\copy people_movements ($movement_columns) from '$file'");
        push @failures, map { $_->answer->{messages}->@* } @psql;
    }
    push @failures, Property::Database::problems($psql[0]);
    my $count = $psql[0]->rows('SELECT count(*), (SELECT sum(total_detections) FROM session_statistics) FROM people_movements;')->[0];
    push @failures, "@$count instead of " . 6 * large . ' movements' if "@$count" ne join ' ', (6 * large) x 2;
    $_->close for @psql;
    return @failures;
}

1;
