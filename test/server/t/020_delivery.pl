# Alerts reach a real web server on the loopback, signed and all of them, in spite of receivers that fail, hang, are down or
# come back.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use Channels;
use Encode qw(decode);
use JSON::PP ();
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Receivers;
use Test::More;

my $node = new_cluster('delivery', conf => <<'CONF');
shared_preload_libraries = 'people_counter'
people_counter.delivery_timeout = '2s'
people_counter.delivery_connect_timeout = '1s'
people_counter.delivery_max_backoff = '2s'
CONF
Channels::import_node($node);
create_database($node, 'alerts', schema => 'counting');
my $web = start_receiver('web');
my $address = "http://127.0.0.1:$web->{port}";

sub of_path { my ($path) = @_; return received($web, sub { $_->{path} eq $path }) }

# What a webhook is sent

channel('signed', "$address/signed");
my $key = 'a key: Trần';
rules($web, keys => { '/signed' => decode('UTF-8', $key) });
secret('signed', 'signing_key', $key);
my $test = test_alert('signed');
delivered("id = '$test'");
my ($request) = of_path('/signed');
is($request->{method}, 'POST', 'a webhook is a POST');
is($request->{signature}, 'good', 'the receiver finds the signature right');
like($request->{headers}{'x-people-counter-signature'}, qr/^sha256=[0-9a-f]{64}$/, 'which is in hexadecimal');
is($request->{headers}{'content-type'}, 'application/json', 'of JSON');
is($request->{headers}{'idempotency-key'}, $test, 'the key is the id of the delivery');
is($request->{headers}{'x-people-counter-delivery'}, $test, 'which has a header of its own');
is($request->{headers}{'x-people-counter-event'}, 'test', 'as the event has');
like($request->{headers}{'user-agent'}, qr{^people_counter/\d}, 'and says who sends it');
cmp_ok(abs($request->{headers}{'x-people-counter-timestamp'} - $request->{time}), '<', 60, 'and when');
is($request->{body}, delivery_column($test, 'payload'), 'the body is the payload');
is(delivery_column($test, q{concat_ws(' ', attempts, last_status, last_error, abandoned_at)}), '1 200', 'what came of it is in the row');
ok(!exists $request->{headers}{authorization}, 'no login where there is none');

channel('bearer', "$address/bearer");
channel('basic', "$address/basic", username => q{'me'});
secret('bearer', 'bearer_token', 'B34R3R');
secret('basic', 'password', 'P455');
delivered("id = '$_'") for map { test_alert($_) } qw(bearer basic);
is((of_path('/bearer'))[0]{headers}{authorization}, 'Bearer B34R3R', 'a token is sent');
is((of_path('/basic'))[0]{headers}{authorization}, 'Basic bWU6UDQ1NQ==', 'or a name and password');
ok(!exists((of_path('/bearer'))[0]{headers}{'x-people-counter-signature'}), 'no signature without a key');
rules($web, keys => { '/signed' => 'another key' });
delivered(sprintf "id = '%s'", test_alert('signed'));
is((of_path('/signed'))[1]{signature}, 'bad', 'another key does not do');

# Only the one worker has curl in it.

my $backend = $node->background_psql('alerts');
$backend->query_safe(q{SELECT counting.send_test_alert('signed')});
my $pid = $backend->query_safe('SELECT pg_backend_pid()');
like(memory_maps($pid), qr/people_counter\.so/, 'a backend has our library');
unlike(memory_maps($pid), qr/libcurl|people_counter_delivery/, 'and neither the other one nor curl');
like(memory_maps(delivery_worker('alerts')), qr/libcurl/, 'which the delivery worker has');
my @with_curl = grep { -r "/proc/$_/maps" && memory_maps($_) =~ /libcurl/ } split /\s+/,
    $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type <> 'people_counter delivery worker'})
    . ' ' . (slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/)[0];
is("@with_curl", '', 'and no other process of the server');
$backend->quit;
forget_channels();

# Failures, and what is written down of them

my %modes = (
    '/500' => 500, '/404' => 404, '/204' => 204, '/close' => 'close', '/hang' => 'hang', '/echo/T0KEN-of-the-path' => 'echo',
    '/file' => 'redirect:file:///etc/passwd', '/elsewhere' => "redirect:$address/target", '/429' => '429:1',
    '/endless' => 'endless', '/fails' => 500,
);
rules($web, modes => \%modes);
my %deliveries;
for my $path (sort keys %modes) {
    channel($path, $address . $path, $path =~ /echo/ ? (username => q{'me'}) : ());
    secret($path, 'password', 'S3CRET') if $path =~ /echo/;
    $deliveries{$path} = test_alert($path);
}
channel('down', 'http://127.0.0.1:1/');
channel('no such host', 'http://no-such-host.invalid/');
channel('live', "$address/live");
$deliveries{$_} = test_alert($_) for 'down', 'no such host';
delivered(sprintf "id = '%s'", test_alert('live'));
is(delivery_column($deliveries{'/hang'}, 'delivered_at IS NULL'), 't', 'a channel that works does not wait for those that do not');
attempted($deliveries{$_}, 1) for sort keys %deliveries;
is(delivery_column($deliveries{'/204'}, q{last_status || ' ' || (delivered_at IS NOT NULL)}), '204 true', '204 is a success');
is(delivery_column($deliveries{'/endless'}, 'delivered_at IS NOT NULL'), 't', 'as is 200, however much follows');
is(delivery_column($deliveries{$_}, 'delivered_at IS NULL AND abandoned_at IS NULL'), 't', "not so: $_")
    for grep { !m{/204|/endless} } sort keys %deliveries;
is(delivery_column($deliveries{'/500'}, q{last_status || ' ' || last_error}), '500 HTTP status 500: answer of the receiver',
    'an answer is written down');
is(delivery_column($deliveries{$_}, 'last_status'), 302, "a redirection is not followed: $_") for '/file', '/elsewhere';
is(scalar(of_path('/target')), 0, 'the target has seen nothing');
like(delivery_column($deliveries{'/hang'}, 'last_error'), qr/timed out/i, 'one that hangs is left after a while');
like(delivery_column($deliveries{down}, 'last_error'), qr/connect/i, 'one that is down cannot be reached');
is(delivery_column($deliveries{down}, 'last_status IS NULL'), 't', 'and has no status');
like(delivery_column($deliveries{'no such host'}, 'last_error'), qr/resolve/i, 'a name without an address neither');
like(delivery_column($deliveries{'/echo/T0KEN-of-the-path'}, 'last_error'), qr/400.*repeats a secret/,
    'secrets in an answer are not kept');
attempted($deliveries{'/500'}, 4);
my %keys = map { $_->{headers}{'idempotency-key'} => 1 } of_path('/500');
is_deeply(\%keys, { $deliveries{'/500'} => 1 }, 'every attempt has the same key');

# Waiting times: a trigger keeps what each attempt left.

sql($node, 'alerts', <<'SQL');
CREATE TABLE public.waits (id uuid, attempts int, wait interval);
CREATE FUNCTION public.note_wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.waits VALUES (NEW.id, NEW.attempts, NEW.next_attempt_at - NEW.last_attempt_at);
    RETURN NULL;
END
$$;
CREATE TRIGGER note_wait AFTER UPDATE ON alert_deliveries FOR EACH ROW WHEN (NEW.attempts > OLD.attempts AND NEW.delivered_at IS NULL)
    EXECUTE FUNCTION public.note_wait();
SQL
my @failing = map { test_alert('/fails') } 1 .. 8;
attempted($_, 3) for @failing;
my $failing = join ', ', map {"'$_'"} @failing;
is(sql($node, 'alerts', <<"SQL"), '', 'each wait is between a half and the whole of a second that doubles, here up to two');
SELECT attempts, wait FROM public.waits
 WHERE id IN ($failing) AND wait NOT BETWEEN least(2, 2 ^ (attempts - 1)) * interval '0.5 s' AND least(2, 2 ^ (attempts - 1)) * interval '1 s'
SQL
cmp_ok(sql($node, 'alerts', "SELECT count(DISTINCT wait) FROM public.waits WHERE id IN ($failing)"), '>', 4, 'by chance');
attempted($deliveries{'/429'}, delivery_column($deliveries{'/429'}, 'attempts + 1'));
is(sql($node, 'alerts', "SELECT min(wait) >= '1 s' FROM public.waits WHERE id = '$deliveries{'/429'}'"), 't', 'Retry-After is granted');
rules($web, modes => { %modes, '/429' => '429:86400' });
wait_until($node, 'alerts', "SELECT bool_or(wait = '2 s') FROM public.waits WHERE id = '$deliveries{'/429'}'");
ok(1, 'but for no more than the longest wait');

# All come back. What is given up is said once, and can be tried again.

rules($web);
delivered(q{channel_id IN (SELECT id FROM alert_channels WHERE channel_name ~ '^/')});
is(sql($node, 'alerts', 'SELECT count(*) FROM alert_deliveries WHERE delivered_at IS NULL'), 2, 'all that failed arrive when the receivers work');
my $log_start = -s $node->logfile;
settings(q{give_up_after = '1s'});
wait_until($node, 'alerts', 'SELECT count(*) = 2 FROM alert_deliveries WHERE abandoned_at IS NOT NULL');
is(delivery_column($deliveries{down}, q{concat_ws(' ', delivered_at, abandoned_at >= queued_at + interval '1 s', length(last_error) > 0)}),
    't t', 'what is too old is given up');
is(scalar(() = slurp_file($node->logfile, $log_start) =~ /a delivery to alert channel "down" was given up/g), 1, 'with one warning');
settings(q{give_up_after = '1h'});
sql($node, 'alerts', "UPDATE alert_channels SET url = '$address/moved' WHERE channel_name = 'down'");
sql($node, 'alerts', "SELECT retry_alert_delivery('$deliveries{down}')");
delivered("id = '$deliveries{down}'");
is((of_path('/moved'))[0]{headers}{'idempotency-key'}, $deliveries{down}, 'and tried again on demand');
sql($node, 'alerts', 'DROP TABLE public.waits; DROP FUNCTION public.note_wait CASCADE');
forget_channels();

# Hosts that the administrator allows

channel('by address', "$address/address");
channel('by name', "http://LOCALHOST:$web->{port}/name");
settings(q{allowed_hosts = 'hooks.example.com, *.example.org, localhost'});
my ($refused, $allowed) = map { test_alert($_) } 'by address', 'by name';
delivered("id = '$allowed'");
attempted($refused, 1);
like(delivery_column($refused, 'last_error'), qr/delivery_allowed_hosts/, 'no other host is reached');
is(scalar(of_path('/address')), 0, 'not even once');
settings(q{allowed_hosts = '*'});
delivered("id = '$refused'");
is(scalar(of_path('/address')), 1, 'until it is allowed');

# Off and on; a channel that rests

settings('enabled = off');
wait_until($node, 'postgres', q{SELECT current_setting('people_counter.delivery_enabled') = 'off'});
my $kept = test_alert('by name');
rules($web, modes => { '/resting' => 500 });
is(delivery_column($kept, 'attempts'), 0, 'nothing is sent while it is off');
settings('enabled = on');
delivered("id = '$kept'");
channel('resting', "$address/resting");
my $resting = test_alert('resting');
attempted($resting, 1);
sql($node, 'alerts', q{UPDATE alert_channels SET is_active = false WHERE channel_name = 'resting'});
rules($web);
delivered(sprintf "id = '%s'", test_alert('by name'));
is(delivery_column($resting, 'delivered_at IS NULL'), 't', 'what is queued for a channel that rests waits');
sql($node, 'alerts', q{UPDATE alert_channels SET is_active = true WHERE channel_name = 'resting'});
delivered("id = '$resting'");
is(delivery_column($resting, 'delivered_at IS NULL'), 'f', 'until it is active');

# Where a subscription fills the outbox, its publisher sends. Whether there is one is in the catalog.

$node->safe_psql('alerts', <<'SQL');
SET allow_system_table_mods = on;
INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) VALUES (1, 'counting.alert_deliveries'::regclass, 'r');
SQL
my $replicated = test_alert('by name');
wait_until($node, 'alerts', <<"SQL");
SELECT a.query_start > d.created_at AND a.state = 'idle' FROM pg_stat_activity a, alert_deliveries d
 WHERE a.pid = @{[ delivery_worker('alerts') ]} AND d.id = '$replicated'
SQL
is(delivery_column($replicated, 'attempts'), 0, 'a subscriber sends nothing');
$node->safe_psql('alerts', 'SET allow_system_table_mods = on; DELETE FROM pg_subscription_rel');
sql($node, 'alerts', 'UPDATE alert_channels SET is_active = true');
delivered("id = '$replicated'");
is(delivery_column($replicated, 'attempts'), 1, 'until it is none any more');

# Somebody holds the row that is to be written: the others go on.

rules($web, modes => { '/resting' => 'hang' });
my $held = test_alert('resting');
wait_for('the request that is held', sub { grep { $_->{headers}{'idempotency-key'} eq $held } of_path('/resting') });
my $holder = $node->background_psql('alerts');
$holder->query_safe("BEGIN; SELECT FROM counting.alert_deliveries WHERE id = '$held' FOR UPDATE");
rules($web);
delivered("id = '$_'") for map { test_alert('by name') } 1 .. 3;
is(delivery_column($held, 'attempts'), 0, 'a row that somebody holds does not stop the others');
$holder->query_safe('ROLLBACK');
$holder->quit;
delivered("id = '$held'");
is(delivery_column($held, 'attempts'), 1, 'and is written when it is free, without another attempt');
forget_channels();

# Many that wait for a receiver that is down: it is tried now and then, not once for each.

my $nowhere = channel('down', 'http://127.0.0.1:1/');
sql($node, 'alerts', "SELECT count(send_test_alert('down')) FROM generate_series(1, 500)");
wait_until($node, 'alerts', "SELECT sum(attempts) > 3 FROM alert_deliveries WHERE channel_id = '$nowhere'");
cmp_ok(sql($node, 'alerts', "SELECT sum(attempts) FROM alert_deliveries WHERE channel_id = '$nowhere'"), '<', 50,
    'a channel that does not answer is left alone');
forget_channels();

# In order for each alert: what ended is not announced before what began.

rules($web, modes => { '/order' => 500 });
channel('order', "$address/order");
my ($first, $second) = new_alerts(2);
queue($first, 'fired');
wait_for('the first attempt', sub { of_path('/order') });
queue($first, 'resolved');
queue($second, 'fired');
wait_until($node, 'alerts', "SELECT count(DISTINCT next_attempt_at) = 1 FROM alert_deliveries WHERE alert_id = '$first'");
wait_for('the other alert', sub { grep { $_->{body} =~ /$second/ } of_path('/order') });
rules($web);
delivered('true');
my @order = map { JSON::PP::decode_json($_->{body}) } grep { $_->{mode} eq '200' } of_path('/order');
is(scalar(@order), 3, 'three events of two alerts');
is_deeply([ map { $_->{event} } grep { $_->{alert_id} eq $first } @order ], [ 'fired', 'resolved' ], 'those of one alert in order');

unlike(slurp_file($node->logfile), qr/S3CRET|B34R3R|P455|a key: Tr|T0KEN/, 'the log has no secret');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:/, 'no server process died');
$node->stop;
done_testing();
