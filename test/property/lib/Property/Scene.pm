package Property::Scene;

# Where and when a session counts: zones and instants at which clocks do something remarkable, a grid of times with many
# ties, and a random configuration. Times are whole microseconds since 1970.

use v5.26;
use warnings;
use feature qw(signatures state);
no warnings 'experimental::signatures';

use Exporter 'import';
use POSIX ();
use Time::Local ();

our @EXPORT_OK = qw(pick chance between literal instant_of random_scene random_config random_instant random_reset constant_offset
    @zones quoted);

use constant { second => 1_000_000, minute => 60_000_000, hour => 3_600_000_000, day => 86_400_000_000 };

# Zone and a UTC instant in the middle of what happens.
my @scenes = (
    [ 'UTC',                 '2025-06-15 00:00:00' ],
    [ 'UTC',                 '2025-06-15 12:00:00' ],
    [ 'UTC',                 '1970-01-01 00:00:00' ],
    [ 'UTC',                 '2000-01-01 00:00:00' ],
    [ 'UTC',                 '2100-03-01 00:00:00' ],
    [ 'Europe/Zurich',       '2025-03-30 01:00:00' ],
    [ 'Europe/Zurich',       '2025-10-26 01:00:00' ],
    [ 'Europe/Zurich',       '1970-01-01 00:00:00' ],
    [ 'Europe/Zurich',       '2100-03-28 01:00:00' ],
    [ 'Europe/Zurich',       '2100-10-31 01:00:00' ],
    [ 'America/St_Johns',    '2025-03-09 05:30:00' ],
    [ 'America/St_Johns',    '2025-11-02 04:30:00' ],
    [ 'America/St_Johns',    '2005-04-03 03:31:00' ],
    [ 'America/St_Johns',    '2005-10-30 02:31:00' ],
    [ 'Asia/Kathmandu',      '2025-06-14 18:15:00' ],
    [ 'Asia/Kathmandu',      '1985-12-31 18:30:00' ],
    [ 'Australia/Lord_Howe', '2025-04-05 15:00:00' ],
    [ 'Australia/Lord_Howe', '2025-10-04 15:30:00' ],
    [ 'Pacific/Apia',        '2011-12-30 10:00:00' ],
    [ 'America/Sao_Paulo',   '2018-11-04 03:00:00' ],    # midnight does not exist
    [ 'America/Sao_Paulo',   '2019-02-17 02:00:00' ],    # the last hour of a day happens twice
    [ 'Antarctica/Troll',    '2025-10-26 01:00:00' ],    # two hours at once
    [ 'Africa/Monrovia',     '1972-01-07 00:44:30' ],    # an offset of seconds
);

our $present = int(time / 3600);    # the hour that is now, counted from 1970; a run is repeated with the same one

our @zones = do { my %seen; grep { !$seen{$_}++ } map { $_->[0] } @scenes };

sub pick (@list) { return $list[ rand @list ] }
sub chance ($probability) { return rand() < $probability }
sub between ($low, $high) { return $low + int rand($high - $low + 1) }

sub instant_of ($text) {
    my ($y, $mo, $d, $h, $mi, $s) = $text =~ /(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)/ or die "no instant: $text";
    return Time::Local::timegm_modern($s, $mi, $h, $d, $mo - 1, $y) * second;
}

sub quoted ($text) { return defined $text ? "'$text'" : 'NULL' }

# As an SQL literal, without the quotes.
sub literal ($time) {
    return undef if !defined $time;
    my $seconds = POSIX::floor($time / second);
    my $micros  = $time - $seconds * second;
    if ($micros >= second) { $seconds++; $micros -= second }
    if ($micros < 0)       { $seconds--; $micros += second }
    return POSIX::strftime('%Y-%m-%d %H:%M:%S', gmtime $seconds) . sprintf('.%06d+00', $micros);
}

# Seconds between UTC and the zone where that is the same at all of these times, else undef.
sub constant_offset ($zone, @times) {
    return 0 if $zone eq 'UTC';
    state $settled = instant_of('1987-01-01 00:00:00');
    return 20_700 if $zone eq 'Asia/Kathmandu' && !grep { $_ < $settled } @times;
    return undef;
}

sub random_scene (@only) {
    my @choice = @only ? @only : @scenes;
    my ($zone, $text) = pick(@choice)->@*;
    my $centre = instant_of($text);
    $centre = $present * hour if !@only && chance(0.04);    # around now, the future included
    my $steps = pick(pick(4, 12), pick(30, 60, 120));
    my $grid  = pick(pick(minute, 5 * minute), 15 * minute, pick(10 * minute, 30 * minute, hour));
    $grid = 15 * minute if $grid * $steps < 2 * hour && chance(0.7);
    return { zone => $zone, centre => $centre, grid => $grid, steps => $steps, p_in => pick(0.3, 0.5, 0.5, 0.6, 0.8) };
}

sub random_config ($scene) {
    my $start = pick($scene->{centre} - day * between(3, 9), on_grid($scene), on_grid($scene),
        $scene->{centre} + day * between(3, 9));
    my $config = { zone => chance(0.9) ? $scene->{zone} : pick(@zones), start => $start };
    $config->{day_start} = chance(0.4) ? 0 : pick(4, between(0, 23));
    $config->{reset}     = random_reset();
    $config->{end}       = chance(0.6) ? undef : $start + pick(0, between(0, 40) * 15 * minute, between(0, 20) * day);
    return $config;
}

sub random_reset () {
    return undef if chance(0.3);
    return pick('04:00', '04:00', '02:30', '00:00', '00:30', '01:00', '03:00', '23:59:59.999999', '02:37:11.5',
        sprintf '%02d:%02d', between(0, 23), 15 * between(0, 3));
}

sub on_grid ($scene) { return $scene->{centre} + $scene->{grid} * between(-$scene->{steps}, $scene->{steps}) }

# An instant that is likely to hit something: another event, an edge of an hour, a reset, the change of the clocks.
sub random_instant ($session) {
    my $scene = $session->{scene};
    my $kind  = rand;
    my $time  = on_grid($scene);
    if    ($kind < 0.12) { $time = $scene->{centre} + pick(-2, -1, 0, 0, 0, 1, 2) * pick(hour, 30 * minute) }
    elsif ($kind < 0.24) { my $specials = $session->{specials}; $time = pick(@$specials) if @$specials }
    elsif ($kind < 0.30) { my @known = keys $session->{baselines}->%*; $time = 0 + pick(@known) if @known }
    elsif ($kind < 0.38) { my @rows = values $session->{movements}->%*; $time = pick(@rows)->{t} if @rows }
    elsif ($kind < 0.42) { $time = pick($session->{config}{start}, $session->{config}{end} // $time) }
    return jittered($time);
}

sub jittered ($time) {
    return $time if chance(0.75);
    return $time + pick(-1, 1, pick(-1, 1, -second, second, between(-900 * second, 900 * second)));
}

1;
