# Nothing is lost when the delivery worker is killed in the middle, and it stands in nobody's way: neither DROP EXTENSION nor
# DROP DATABASE nor a copy of the database waits for a receiver that hangs.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use Channels;
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Receivers;
use Test::More;

my $seed = $ENV{PEOPLE_COUNTER_SEED} // time ^ $$;
srand($seed);
diag("PEOPLE_COUNTER_SEED=$seed");

my $node = new_cluster('crash', conf => <<'CONF');
shared_preload_libraries = 'people_counter'
people_counter.delivery_max_backoff = '1s'
restart_after_crash = on
CONF
Channels::import_node($node);
create_database($node, 'alerts');
my $web = start_receiver('web');
my $address = "http://127.0.0.1:$web->{port}";
my @channels = qw(one two three);
channel($_, "$address/$_") for @channels;

# Killed while it sends: the postmaster takes all other processes down with it, and the server starts again.

my ($rounds, $each) = ($ENV{PC_LONG} ? 200 : 12, 10);
rules($web, modes => { '/two' => 'slow:0.02' });    # so that most are killed with a request under way
for my $round (1 .. $rounds) {
    my $before = requests($web);
    my @alerts = new_alerts($each);
    queue($_, 'fired', "round $round") for @alerts;
    queue($_, 'resolved', "round $round") for @alerts;
    my $enough = $before + int(rand($each * @channels));
    wait_for('some of the requests', sub { requests($web) >= $enough });
    my $pid = wait_for('the worker', sub { delivery_worker('alerts') });
    my $log_start = -s $node->logfile;
    kill 9, $pid or die "it had ended: $!";
    wait_for('the server to start again',
        sub { slurp_file($node->logfile, $log_start) =~ /reinitializing.*ready to accept connections/s });
}
delivered('true');
my @received = received($web);
my %outbox = map { split /\|/, $_, 2 } split /\n/, sql($node, 'alerts', 'SELECT id, payload FROM alert_deliveries');
is(scalar(keys %outbox), $rounds * $each * 2 * @channels, "$rounds times killed: the outbox is complete");
my %bodies;
$bodies{ $_->{headers}{'idempotency-key'} }{ $_->{body} } = 1 for @received;
is_deeply([ sort keys %bodies ], [ sort keys %outbox ], 'what was received is what was in the outbox, all of it');
is(scalar(grep { "@{[ keys %{ $bodies{$_} } ]}" ne $outbox{$_} } keys %outbox), 0, 'and always the same text');
my $again = @received - keys %outbox;
cmp_ok($again, '<=', $rounds * @channels, "no more came twice than can be under way: $again");
is(sql($node, 'alerts', 'SELECT count(*) FROM alert_deliveries WHERE abandoned_at IS NOT NULL'), 0, 'none was given up');
my %seen;
my $disorder = 0;
for (grep { !$seen{ $_->{headers}{'idempotency-key'} }++ } @received) {
    my ($alert) = $_->{body} =~ /"alert_id": "([^"]+)"/;
    my $event = $_->{headers}{'x-people-counter-event'};
    ++$disorder if $event eq 'resolved' && !$seen{"$_->{path} $alert fired"};
    $seen{"$_->{path} $alert $event"} = 1;
}
is($disorder, 0, 'no alert was resolved before it had fired');

# Stopped in the middle, and the whole server killed.

rules($web, modes => { '/one' => 'hang' });
my ($stopped) = map { test_alert($_) } 'one';
wait_for('the request that hangs', sub { grep { $_->{headers}{'idempotency-key'} eq $stopped } received($web) });
$node->restart;
rules($web);
delivered("id = '$stopped'");
is(delivery_column($stopped, 'attempts'), 1, 'a stop does not wait for a receiver, and the start delivers what was under way');
rules($web, modes => { '/one' => 'hang' });
my $killed = test_alert('one');
wait_for('the request that hangs', sub { grep { $_->{headers}{'idempotency-key'} eq $killed } received($web) });
$node->kill9;
start_anyway($node);
rules($web);
delivered("id = '$killed'");
is(delivery_column($killed, 'attempts'), 1, 'so does a start after a crash');

# A receiver that hangs for ten minutes is in nobody's way.

settings(q{timeout = '10min'});
rules($web, modes => { '/one' => 'hang' });
my $log_start = -s $node->logfile;

sub hang {
    my ($database) = @_;
    my $id = $node->safe_psql($database, q{SELECT send_test_alert('one')});
    wait_for("a request of $database", sub { grep { $_->{headers}{'idempotency-key'} eq $id } received($web) });
    return $id;
}

my $before = hang('alerts');
my $worker = delivery_worker('alerts');
is(sql_error($node, 'alerts', "SET lock_timeout = '60s'; VACUUM FULL alert_deliveries; REINDEX TABLE alert_channels"), '',
    'tables can be locked');
is(sql_error($node, 'postgres', 'CREATE DATABASE copied TEMPLATE alerts'), '', 'the database can be copied');
wait_for('another worker', sub { my $new = delivery_worker('alerts'); $new && $new != $worker });
wait_for('its request', sub { 2 <= grep { $_->{headers}{'idempotency-key'} eq $before } received($web) });
is(sql_error($node, 'postgres', 'DROP DATABASE copied'), '', 'and the copy be dropped');
is(sql_error($node, 'alerts', "SET statement_timeout = '60s'; DROP EXTENSION people_counter"), '', 'the extension can be dropped');
$node->safe_psql('alerts', 'CREATE EXTENSION people_counter');
channel('two', "$address/two");
delivered(sprintf "id = '%s'", test_alert('two'));
is(sql($node, 'alerts', 'SELECT count(*) FROM alert_deliveries'), 1, 'and a new one delivers');
channel('one', "$address/one");
hang('alerts');
is(sql_error($node, 'postgres', 'DROP DATABASE alerts'), '', 'the database can be dropped');
is(delivery_worker('alerts'), '', 'its worker is gone');
rules($web);
unlike(slurp_file($node->logfile, $log_start), qr/PANIC|TRAP:|terminated by signal|alerts are not delivered/, 'nothing went wrong meanwhile');

$node->stop;
done_testing();
