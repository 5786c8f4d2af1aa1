# The live stream: a cluster that posts it, a receiver in place of the gateway, and what that has taken.
package Stream;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Receivers;

our @EXPORT = qw($web $node $socket start_stream messages movements status_of stream_runs began_anew movement movement_of reload);

our ($web, $node, $socket);

sub start_stream {
    $socket = "$SCRATCH/publish.sock";
    $web = start_receiver('publisher', $socket);
    rules($web, status => 200);
    $node = new_cluster('stream', streaming => 1, conf => <<"CONF");
shared_preload_libraries = 'people_counter'
max_wal_senders = 5
max_worker_processes = 24
max_prepared_transactions = 10
restart_after_crash = on
people_counter.stream_url = 'http://localhost/publish'
people_counter.stream_socket = '$socket'
people_counter.stream_interval = 50ms
CONF
    create_database($node, 'doors', schema => 'counting');
    return;
}

# Messages so far, oldest first: {…body, of => session of the URL, to => for whom, on => which connection}. Of one type, and
# behind the first `from`, if that is said.
my $json = JSON::PP->new->utf8;
my ($read, @taken) = (0);
sub messages {
    my ($type, $from) = @_;
    my $log = -e $web->{log} ? slurp_file($web->{log}, $read) : '';
    $log =~ s/[^\n]*\z//;
    $read += length $log;
    for my $entry (map { $json->decode($_) } split /\n/, $log) {
        $entry->{path} =~ /[?&]database=\d+-\d+(?:&|\z)/ or die "no database: $entry->{path}";
        my ($to, $of) = $entry->{path} =~ /\b(session|readers)=([0-9a-f-]+)\z/;
        push @taken, { %{ $entry->{body} }, of => $of // '', to => $to // 'all', on => $entry->{connection} } if $entry->{status} == 200;
    }
    my @asked = @taken[($from // 0) .. $#taken];
    return $type ? grep { $_->{type} eq $type } @asked : @asked;
}
sub movements { return map { @{ $_->{movements} } } messages('movement', @_) }

sub status_of { my ($column) = @_; return sql($node, 'doors', "SELECT $column FROM alert_worker_status") }
sub stream_runs { return wait_until($node, 'doors', 'SELECT stream_pid IS NOT NULL FROM alert_worker_status') }

# A new worker has said what it says at its start, which has these sessions in it.
sub began_anew {
    my ($from, $sessions) = @_;
    return wait_for('the statistics at the start', sub {
        my %of = map { $_->{of} => 1 } messages('statistics', $from);
        return keys %of >= $sessions;
    });
}

sub movement { return sprintf q{INSERT INTO people_movements (session_id, person_id, movement_direction) VALUES ('%s', 1, 'in');}, door($_[0]) }

# One movement, which is told.
sub movement_of {
    my ($from, $door) = @_;
    sql($node, 'doors', movement($door));
    wait_for("a movement of door $door", sub { grep { $_->{of} eq door($door) } messages('movement', $from) });
    return;
}

# Settings of the stream, without their prefix.
sub reload {
    my (%settings) = @_;
    $node->append_conf('postgresql.conf', "people_counter.$_ = '$settings{$_}'") for keys %settings;
    $node->reload;
    return;
}

1;
