#!/usr/bin/perl
# A receiver of alerts, as an integrator's program would be: prints its port, then a line for each alert that arrives.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, Proto => 'tcp') or die "no port: $!\n";
print $server->sockport, "\n";

# The first line and the body of a request.
sub receive {
    my ($client) = @_;
    my %header;
    local $/ = "\r\n";
    chomp(my $request = <$client> // return);
    while (defined(my $line = <$client>)) {
        chomp $line;
        last if $line eq '';
        $header{ lc $1 } = $2 if $line =~ /^([^:]+):\s*(.*)/;
    }
    read $client, my $body, $header{'content-length'} // 0;
    return ($request, $body);
}

while (my $client = $server->accept) {
    my ($request, $body) = receive($client);
    print {$client} "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    close $client;
    next unless defined $request;
    my %value = $body =~ /"(event|threshold_name|session_name|severity|value|peak_value)": ("[^"]*"|[^",}]*)/g;
    tr/"//d for values %value;
    printf "  %s %s: %s, %s, %s, at %s people, at most %s\n", $request =~ /^(\w+)/,
        @value{qw(event severity threshold_name session_name value peak_value)};
}
