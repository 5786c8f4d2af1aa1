# Alerts reach a real mail server on the loopback: encrypted, or not at all; with names in any script; in spite of servers that
# refuse, are down or come back.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use Channels;
use Encode qw(decode);
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Receivers;
use Test::More;

my ($ca, $certificate, $key) = certificates();
my $node = new_cluster('mail', conf => <<"CONF");
shared_preload_libraries = 'people_counter'
people_counter.delivery_timeout = '5s'
people_counter.delivery_max_backoff = '1s'
people_counter.delivery_ca_file = '$ca'
CONF
Channels::import_node($node);
create_database($node, 'alerts');
my $starttls = start_receiver('mail', 'starttls', $certificate, $key);
my $smtps = start_receiver('mail', 'smtps', $certificate, $key);
my $plain = start_receiver('mail');
rules($starttls, user => 'me', password => 'P455W0RD');

mail_channel('guard', "smtp://localhost:$starttls->{port}", username => q{'me'},
    recipients => q{'{guard@example.com,office@example.com}'});
secret('guard', 'password', 'P455W0RD');

# What a mail is

my ($alert) = new_alerts(1);
my $door = 'Cửa chính – tầng trệt';
queue($alert, 'fired', $door);
delivered('true');
my ($mail) = received($starttls);
my $headers = $mail->{headers};
is($mail->{encrypted}, 1, 'a mail is sent after STARTTLS');
is($mail->{user}, 'me', 'by who has logged in');
is_deeply([ $mail->{from}, @{ $mail->{to} } ], [ 'alerts@example.com', 'guard@example.com', 'office@example.com' ], 'to all recipients');
is($headers->{subject}, decode('UTF-8', "[critical] max_people_count: $door"), 'the subject says what it is about');
unlike($mail->{raw}, qr/[^\x00-\x7f]/, 'and is encoded');
is((grep { length > 78 } split /\r\n/, $mail->{raw}), 0, 'in lines of a length that every server takes');
is_deeply($mail->{defects}, [], 'a parser finds nothing wrong');
is($headers->{from}, 'alerts@example.com', 'from the sender');
is($headers->{to}, 'guard@example.com, office@example.com', 'all recipients are named');
my $id = sql($node, 'alerts', 'SELECT id FROM alert_deliveries');
is($headers->{'message-id'}, "<$id\@example.com>", 'the id of the delivery is that of the message');
is($headers->{references}, "<alert-$alert\@example.com>", 'mails about one alert are a thread');
is($headers->{'auto-submitted'}, 'auto-generated', 'nobody is away to it');
like($headers->{date}, qr/^\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d \+0000$/, 'it has a date');
for my $line ('More people inside than allowed', "Session:   $door", 'Condition: current_people_inside above 50', 'Value:     53',
    'Severity:  critical', "Alert:     $alert") {
    like($mail->{text}, qr/^\Q@{[ decode('UTF-8', $line) ]}\E\r?$/m, "it says: $line");
}
is(delivery_column($id, q{concat_ws(' ', attempts, last_status, last_error)}), '1 250', 'the row says that it was taken');
queue($alert, 'repeated');
queue($alert, 'resolved', 'Back door');
delivered('true');
is_deeply([ map { $_->{headers}{subject} } (received($starttls))[ 1, 2 ] ],
    [ '[critical] max_people_count: Front door', '[resolved] max_people_count: Back door' ],
    'an alert that lasts, and one that is over');
sql($node, 'alerts', <<'SQL');
INSERT INTO alert_deliveries (channel_id, event, payload)
SELECT id, 'test', jsonb_build_object('threshold_name', E'a\r\nBcc: thief@example.com', 'session_name', repeat('é', 255),
                                      'message', E'.\r\nQUIT\r\n')
  FROM alert_channels;
INSERT INTO alert_deliveries (channel_id, event, payload) SELECT id, 'test', '{}' FROM alert_channels;
SQL
delivered('true');
my ($hostile) = received($starttls, sub { ($_->{headers}{subject} // '') =~ /Bcc/ });
ok(!exists $hostile->{headers}{bcc}, 'a line break in a name makes no header');
is_deeply($hostile->{to}, [ 'guard@example.com', 'office@example.com' ], 'and nobody else gets it');
like($hostile->{text}, qr/^\.\r?\nQUIT\r?$/m, 'a point at the beginning of a line ends nothing');
is((grep { length > 78 } split /\r\n/, $hostile->{raw}), 0, 'however long a name is, lines are short');
is(scalar(received($starttls, sub { $_->{headers}{subject} eq '[test] alert' })), 1, 'what is not known is left out');

# Refusals

rules($starttls, user => 'me', password => 'P455W0RD', reject => ['office@example.com']);
my $one_refused = test_alert('guard');
delivered("id = '$one_refused'");
is_deeply((received($starttls))[-1]{to}, ['guard@example.com'], 'a recipient who is refused does not keep it from the others');
like(delivery_column($one_refused, 'last_error'), qr/a recipient was refused: 550 5\.1\.1 no such mailbox/, 'and is written down');
rules($starttls, user => 'me', password => 'P455W0RD', reject => [ 'office@example.com', 'guard@example.com' ]);
my $all_refused = test_alert('guard');
attempted($all_refused, 2);
is(delivery_column($all_refused, q{(delivered_at IS NULL) || ' ' || last_status}), 'true 550', 'all refused: it was not delivered');
rules($starttls, user => 'me', password => 'P455W0RD', data => '451 try again');
my $later = test_alert('guard');
attempted($later, 1);
like(delivery_column($later, 'last_error'), qr/451 try again/, 'a server that asks to try again');
rules($starttls, user => 'me', password => 'P455W0RD');
delivered('true');
is((received($starttls))[-1]{user}, 'me', 'is tried again, as all are');
rules($starttls, user => 'me', password => 'another');
my $login = test_alert('guard');
attempted($login, 1);
is(delivery_column($login, 'last_status'), 535, 'a login that is refused');
unlike(delivery_column($login, 'last_error'), qr/P455W0RD/, 'does not show the password');
secret('guard', 'password', 'another');
delivered("id = '$login'");
stop_receiver($starttls);
my $down = test_alert('guard');
attempted($down, 1);
restart_receiver($starttls);
delivered("id = '$down'");
is((received($starttls))[-1]{headers}{'message-id'}, "<$down\@example.com>", 'a server that comes back gets its mail');

# Encryption

mail_channel('smtps', "smtps://localhost:$smtps->{port}");
mail_channel('open', "smtp://127.0.0.1:$plain->{port}/counter.example.com", tls => q{'none'});
mail_channel('must be encrypted', "smtp://localhost:$plain->{port}", username => q{'me'});
secret('must be encrypted', 'password', 'N0T-IN-CLEAR');
delivered("id = '$_'") for map { test_alert($_) } 'smtps', 'open';
is((received($smtps))[0]{encrypted}, 1, 'smtps:// is encrypted from the beginning');
ok(!(received($plain))[0]{encrypted}, 'an open server takes what need not be encrypted');
my $refused = test_alert('must be encrypted');
attempted($refused, 1);
is(delivery_column($refused, q{(delivered_at IS NULL) || ' ' || (last_error ~* 'SSL|TLS')}), 'true true', 'what must be is not sent to it');
settings(q{ca_file = ''});
my $unknown = test_alert('smtps');
attempted($unknown, 1);
like(delivery_column($unknown, 'last_error'), qr/certificate/i, 'nor to a server whose certificate nobody vouches for');
settings("ca_file = '$ca'");
delivered("id = '$unknown'");
is(scalar(received($plain)), 1, 'the open server has seen nothing else');
my $web = start_receiver('web', $certificate, $key);
channel('https', "https://localhost:$web->{port}/hook");
delivered(sprintf "id = '%s'", test_alert('https'));
is((received($web))[0]{path}, '/hook', 'https:// is verified in the same way');

unlike(slurp_file($node->logfile), qr/P455W0RD|N0T-IN-CLEAR/, 'the log has no password');
$node->stop;
done_testing();
