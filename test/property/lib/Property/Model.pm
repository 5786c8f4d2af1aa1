package Property::Model;

# What the base tables should hold: sessions with their configuration, movements, samples and baselines. Every operation
# changes a model and gives the SQL that does the same.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use Exporter 'import';
use Property::Scene qw(pick chance between literal random_scene random_config quoted);

our @EXPORT_OK = qw(uuid copy_of new_session session_sql new_movement movement_tuple new_sample sample_tuple replace_rows
    shift_rows     $movement_columns $sample_columns @confidences);

our $movement_columns = 'session_id, movement_time, id, person_id, movement_direction, confidence_score';
our $sample_columns   = 'session_id, "timestamp", id, current_people_count, detection_status';
our @confidences      = (undef, undef, '0', '1', '0.5', '0.9', '0.333333', '0.87654321', '1e-10', '0.0000000005');

sub uuid () { return sprintf '%08x-%04x-4%03x-8%03x-%06x%06x', rand 2**32, map { rand $_ } 2**16, 2**12, 2**12, 2**24, 2**24 }

# Sessions and their rows, so that a rollback can return to them. Rows are never changed, only replaced.
sub copy_of ($world) {
    my %sessions;
    for my $id (keys $world->{sessions}->%*) {
        my $s = $world->{sessions}{$id};
        $sessions{$id} = {
            %$s,
            config    => { $s->{config}->%* },
            movements => { $s->{movements}->%* },
            samples   => { $s->{samples}->%* },
            baselines => { $s->{baselines}->%* },
        };
    }
    return \%sessions;
}

# Puts rows that differ by %change in the place of @rows.
sub replace_rows ($rows, $change, @rows) {
    $rows->{ $_->{id} } = { %$_, %$change } for @rows;
}

sub shift_rows ($rows, $micros, @rows) {
    $rows->{ $_->{id} } = { %$_, t => $_->{t} + $micros } for @rows;
}

sub new_session ($id, @scenes) {
    my $scene  = random_scene(@scenes);
    my $config = random_config($scene);
    $config->{zone}    = $scene->{zone} if @scenes;
    $config->{created} = pick($config->{start}, $scene->{centre}, $scene->{centre} - 400 * 86_400_000_000);
    return { id => $id, scene => $scene, config => $config, movements => {}, samples => {}, baselines => {}, specials => [] };
}

sub session_sql ($session) {
    my $c = $session->{config};
    return 'INSERT INTO sessions (id, session_name, time_zone, day_start, reset_time, start_time, end_time, created_at) VALUES ('
        . join(', ', map { quoted($_) } $session->{id}, 'property', $c->{zone}, "$c->{day_start}:00", $c->{reset},
            literal($c->{start}), literal($c->{end}), literal($c->{created})) . ');';
}

sub new_movement ($session, $time) {
    my $direction = chance($session->{scene}{p_in}) ? 'in' : 'out';
    return { id => uuid(), t => $time, direction => $direction, confidence => pick(@confidences), person => between(1, 99) };
}

sub movement_tuple ($session, $m) {
    return sprintf q{('%s', '%s', '%s', %d, '%s', %s)}, $session->{id}, literal($m->{t}), $m->{id}, $m->{person},
        $m->{direction}, $m->{confidence} // 'NULL';
}

sub new_sample ($time) {
    return { id => uuid(), t => $time, people => pick(0, 1, 2, 3, between(0, 30)), status => pick('detecting', 'tracking', 'waiting') };
}

sub sample_tuple ($session, $s) {
    return sprintf q{('%s', '%s', '%s', %d, '%s')}, $session->{id}, literal($s->{t}), $s->{id}, $s->{people}, $s->{status};
}

1;
