# Receivers of alerts on the loopback: web servers and mail servers in Python, which fail as they are told.
package Receivers;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use IO::Socket::INET;
use JSON::PP ();
use PeopleCounter;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(certificates start_receiver stop_receiver restart_receiver rules received requests wait_for);

my $json = JSON::PP->new->utf8->canonical;
my @running;
END { my $status = $?; stop_receiver($_) for @running; $? = $status }

# wait_for(what, condition): until it is true; dies if it never is.
sub wait_for {
    my ($what, $condition) = @_;
    my $end = time + $PostgreSQL::Test::Utils::timeout_default;
    while (time < $end) {
        my $value = $condition->();
        return $value if $value;
        usleep(50_000);
    }
    die "waited in vain for $what\n";
}

# An authority and a certificate of localhost and 127.0.0.1 that it signed: (file of the authority, certificate, key).
sub certificates {
    my $place = "$SCRATCH/certificates";
    mkdir $place or die "$place: $!";
    open my $file, '>', "$place/names" or die $!;
    print {$file} "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
    close $file;
    my @new = ('openssl', 'req', '-newkey', 'rsa:2048', '-nodes', '-days', '2');
    for my $command (
        [@new, '-x509', '-subj', '/CN=Test authority', '-keyout', "$place/ca.key", '-out', "$place/ca.crt"],
        [@new, '-subj', '/CN=localhost', '-keyout', "$place/server.key", '-out', "$place/server.csr"],
        ['openssl', 'x509', '-req', '-in', "$place/server.csr", '-CA', "$place/ca.crt", '-CAkey', "$place/ca.key",
            '-CAcreateserial', '-days', '2', '-extfile', "$place/names", '-out', "$place/server.crt"]) {
        my $output = '';
        IPC::Run::run($command, '<', \undef, '>', \$output, '2>&1') or die "@$command: $output";
    }
    return map {"$place/$_"} qw(ca.crt server.crt server.key);
}

# start_receiver(web|mail, arguments...): it listens.
sub start_receiver {
    my ($kind, @arguments) = @_;
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    my $receiver = {
        kind => $kind, port => $port, arguments => \@arguments,
        rules => "$SCRATCH/$kind-$port.rules", log => "$SCRATCH/$kind-$port.log", output => '',
    };
    rules($receiver);
    open my $file, '>', $receiver->{log} or die $!;
    close $file;
    push @running, $receiver;
    restart_receiver($receiver);
    return $receiver;
}

sub restart_receiver {
    my ($receiver) = @_;
    delete local @ENV{qw(http_proxy https_proxy all_proxy)};
    $receiver->{harness} = IPC::Run::start(
        ['python3', "$SOURCE/test/server/receivers/$receiver->{kind}.py", $receiver->{port}, $receiver->{rules}, $receiver->{log},
            @{ $receiver->{arguments} }],
        '<', \undef, '>', \$receiver->{output}, '2>&1');
    wait_for("the receiver on port $receiver->{port}", sub {
        eval { $receiver->{harness}->pump_nb };
        die "the receiver ended: $receiver->{output}\n" unless $receiver->{harness}->pumpable;
        return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $receiver->{port});
    });
    return;
}

sub stop_receiver {
    my ($receiver) = @_;
    return unless $receiver->{harness};
    $receiver->{harness}->kill_kill(grace => 1);
    delete $receiver->{harness};
    return;
}

# rules(receiver, key => value...): what it does from now on. It never sees half of them.
sub rules {
    my ($receiver, %rules) = @_;
    open my $file, '>', "$receiver->{rules}.new" or die $!;
    print {$file} $json->encode(\%rules);
    close $file;
    rename "$receiver->{rules}.new", $receiver->{rules} or die $!;
    return;
}

# How many it has received.
sub requests {
    my ($receiver) = @_;
    return slurp_file($receiver->{log}) =~ tr/\n//;
}

# received(receiver, condition): what it received so far, oldest first; with a condition only where that holds of $_.
sub received {
    my ($receiver, $condition) = @_;
    my @lines = grep {/\n\z/} slurp_file($receiver->{log}) =~ /([^\n]*\n?)/g;
    my @all = map { $json->decode($_) } @lines;
    return $condition ? grep { $condition->() } @all : @all;
}

1;
