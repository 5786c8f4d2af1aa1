#!/usr/bin/perl
# gateway_alone.pl URL: what the gateway answers while there is no PostgREST behind it. Prints TAP; exits 1 if a test failed.
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP qw(decode_json);

my $url  = shift or die "usage: gateway_alone.pl URL\n";
my $http = HTTP::Tiny->new(timeout => 30, keep_alive => 0);
my ($tests, $failed) = (0, 0);
my $id = '0190d8f2-7c1e-7000-8000-000000000001';

sub ok {
    my ($good, $what, $why) = @_;
    print $good ? '' : 'not ', 'ok ', ++$tests, " - $what\n";
    return 1 if $good;
    $failed = 1;
    print map { "# $_\n" } split /\n/, $why // '';
    return 0;
}

# What is wrong with an answer that should be an error in the shape of the contract.
sub fault {
    my ($answer, $status, @more) = @_;
    return "status $answer->{status}, not $status: $answer->{content}" if $answer->{status} != $status;
    return "content type $answer->{headers}{'content-type'}"
        if ($answer->{headers}{'content-type'} // '') !~ m{^application/json(; charset=utf-8)?$};
    my $body = eval { decode_json($answer->{content}) } or return "no JSON: $answer->{content}";
    my $keys = join ' ', sort keys %$body;
    my $want = join ' ', sort qw(detail timestamp), @more;
    return "keys $keys, not $want" if $keys ne $want;
    return "detail: $body->{detail}" if $body->{detail} !~ /^[a-z].{5,}/ || $body->{detail} =~ m{nginx|upstream|postgrest|sock}i;
    return "timestamp: $body->{timestamp}" if $body->{timestamp} !~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/;
    return '';
}

my %json = (headers => {'Content-Type' => 'application/json'}, content => '{}');
my @calls = (
    (map { [GET => $_] } '/health', '/health/detailed', '/metrics', '/dashboard/summary', '/analytics/hourly', '/analytics/daily?days=2',
        '/sessions', "/sessions/$id", "/sessions/$id/movements?limit=1", "/sessions/$id/metrics/recent"),
    (map { [POST => $_] } '/sessions', "/sessions/$id/movements", "/sessions/$id/metrics", "/alerts/$id/acknowledge", "/alerts/$id/resolve"),
    [PUT => "/sessions/$id"], [PATCH => "/sessions/$id"],
);
for my $call (@calls) {
    my ($method, $path) = @$call;
    my $answer = $http->request($method, "$url$path", $method eq 'GET' ? {} : \%json);
    my $fault = fault($answer, 503);
    ok(!$fault, "503: $method $path", $fault);
    ok(($answer->{headers}{'retry-after'} // '') =~ /^\d+$/, "with Retry-After: $method $path", join ' ', %{$answer->{headers}});
}
for my $path ('/rest', '/rest/', '/rest/sessions?select=id') {
    my $fault = fault($http->get("$url$path"), 503, qw(code message details hint));
    ok(!$fault, "503 with PostgREST's keys, too: GET $path", $fault);
}
{
    my $fault = fault($http->get("$url/events?api_key=x&session_id=$id", {headers => {Accept => 'text/event-stream'}}), 503);
    ok(!$fault, '503: GET /events', $fault);
    $fault = fault($http->get("$url/ws", {headers => {Upgrade => 'websocket', Origin => 'https://evil.example'}}), 403);
    ok(!$fault, '403 for a foreign page: GET /ws', $fault);
}
my $head = $http->head("$url/health");
ok($head->{status} == 503 && !length($head->{content} // ''), '503 without a body: HEAD /health', $head->{status});

for my $path ('/kiosk/', '/nothing', '/sessions/', "/sessions/$id/nothing", '/_answer/503', '/index.html',
    '/.git/config', '/publish', '/_stream/events', '/sessions/..%2f..%2fetc', '/%00') {
    my $answer = $http->request(GET => "$url$path", {});
    my $wanted = $path eq '/sessions/' ? 503 : $path =~ /%/ ? 400 : 404;
    my $fault = fault($answer, $wanted);
    ok(!$fault, "$wanted: GET $path", $fault);
}
for my $call ([DELETE => '/sessions'], [POST => '/health'], [PUT => "/sessions/$id/movements"], [GET => "/alerts/$id/acknowledge"],
    [DELETE => "/sessions/$id"], [POST => '/dashboard/summary'], [POST => '/events'], [PUT => '/ws']) {
    my ($method, $path) = @$call;
    my $answer = $http->request($method, "$url$path", {});
    my $fault = fault($answer, 405) || (($answer->{headers}{allow} // '') =~ /OPTIONS/ ? '' : 'no Allow');
    ok(!$fault, "405 with Allow: $method $path", $fault);
}
my $fault = fault($http->post("$url/sessions", {headers => {'Content-Type' => 'text/xml'}, content => '<a/>'}), 415);
ok(!$fault, '415: POST /sessions of XML', $fault);

my $options = $http->request(OPTIONS => "$url/sessions", {headers => {Origin => 'https://dashboard.example'}});
ok($options->{status} == 204 && ($options->{headers}{'access-control-allow-origin'} // '') eq 'https://dashboard.example',
    'OPTIONS is answered all the same', $options->{status});

print "1..$tests\n";
exit $failed;
