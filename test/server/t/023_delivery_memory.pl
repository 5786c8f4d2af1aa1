# The delivery worker needs no more memory after thousands of deliveries than after hundreds.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use Channels;
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Receivers;
use Test::More;

my $node = new_cluster('delivery_memory', conf => <<'CONF');
shared_preload_libraries = 'people_counter'
people_counter.delivery_max_backoff = '1s'
CONF
Channels::import_node($node);
create_database($node, 'alerts');
my $web = start_receiver('web');
rules($web, modes => { '/fails' => 500, '/endless' => 'endless' });
channel("$_", "http://127.0.0.1:$web->{port}/$_") for 1 .. 4;

sub send_many {
    my ($each) = @_;
    sql($node, 'alerts', "SELECT send_test_alert(n::text) FROM generate_series(1, $each), generate_series(1, 4) n");
    delivered(q{channel_id IN (SELECT id FROM alert_channels WHERE channel_name ~ '^\d')});
    return slurp_file('/proc/' . delivery_worker('alerts') . '/status') =~ /^RssAnon:\s*(\d+) kB/m ? $1 : die;
}

# Failures on the way, too; the row that is made for them is one that they cannot leave.
channel($_, "http://127.0.0.1:$web->{port}/$_") for qw(fails endless);
channel('down', 'http://127.0.0.1:1/');
sql($node, 'alerts', q{SELECT send_test_alert(n) FROM unnest('{fails,endless,down}'::text[]) n, generate_series(1, 20)});
my $worker = delivery_worker('alerts');
my $first = send_many(150);
$worker ||= delivery_worker('alerts');
my $last;
my $rounds = $ENV{PC_LONG} ? 100 : 8;
$last = send_many(125) for 1 .. $rounds;
is(delivery_worker('alerts'), $worker, 'one process delivered all of it');
cmp_ok(scalar(received($web)), '>=', 600 + 500 * $rounds, 'thousands of requests');
cmp_ok($last - $first, '<', 1024, "memory: $first kB, then $last kB");
$node->stop;
done_testing();
