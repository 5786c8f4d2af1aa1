# Alerts where the rows come from another server. A standby writes nothing until it is promoted, and goes on then where the
# primary was. A logical subscriber leaves the alerts to the publisher, or raises its own of what arrives.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_cluster('primary', preload => 1, streaming => 1, conf => "max_wal_senders = 5\nautovacuum = off");
create_database($primary, 'counting', schema => 'pc');
open_doors($primary, 'counting', 5);
watch_people($primary, 'counting');
sql($primary, 'counting', q{INSERT INTO alert_thresholds (threshold_name, metric, comparison, threshold_value, session_id,
    hold_for, is_active) VALUES ('slow', 'current_people_inside', 'above', 1, '00000000-0000-7000-8000-000000000002',
    '4 seconds', true)});
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

sub caught_up { return $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert')) }

my $alerts = q{SELECT id, session_id, alert_type, triggered_at, resolved_at, peak_value FROM alert_logs ORDER BY id};

# On the standby.

sql($primary, 'counting', crowd(door(1), 3));
wait_for_alerts($primary, 'counting', 1, 1);
caught_up();
is(sql($standby, 'counting', 'SELECT state, pid FROM alert_worker_status'), 'standby|', 'a standby says that it is one');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'people_counter%'}), 0,
    'and has none of our processes');
is(sql($standby, 'counting', $alerts), sql($primary, 'counting', $alerts), 'the alerts of the primary are there');
like(sql_error($standby, 'counting', "SELECT $_"), qr/25006/, "$_ is refused there")
    for 'evaluate_alerts()', 'start_alert_worker()';
is(sql($standby, 'counting', 'SELECT stop_alert_worker()'), 'f', 'there is nothing to stop');

# What the primary leaves behind: an open alert, one that waits for its hold_for, and a crossing that it never looked at.
sql($primary, 'counting', crowd(door(2), 2));
wait_until($primary, 'counting', q{SELECT count(*) = 1 FROM alert_states WHERE phase = 'pending'});
my $since = sql($primary, 'counting', 'SELECT since FROM alert_states');
$primary->safe_psql('postgres', 'ALTER SYSTEM SET people_counter.alert_enabled = off');
$primary->reload;
wait_for_state($primary, 'counting', 'disabled');
sql($primary, 'counting', crowd(door(3), 3) . crowd(door(1), 2, 'out'));
caught_up();
my $open = sql($primary, 'counting', 'SELECT id FROM alert_logs WHERE NOT is_resolved AND session_id::text LIKE $$%1$$');
is(sql($standby, 'counting', 'SELECT count(*) FROM alert_states'), 1, 'what is pending is there as well');
$primary->stop('immediate');
$standby->promote;
wait_for_state($standby, 'counting', 'running');
wait_until($standby, 'counting', 'SELECT count(*) = 3 FROM alert_logs');
is(sql($standby, 'counting', q{SELECT count(*) FROM alert_logs WHERE session_id::text LIKE '%3' AND NOT is_resolved}), 1,
    'promoted, it raises what the primary did not come to');
is(sql($standby, 'counting', "SELECT triggered_at - '$since' FROM alert_logs WHERE alert_type = 'slow'"), '00:00:04',
    'what was pending fires when it is due');
is(sql($standby, 'counting', q{SELECT id, resolved_at IS NOT NULL FROM alert_logs WHERE session_id::text LIKE '%1'}),
    "$open|t", 'what was open is resolved, not raised again');
sql($standby, 'counting', crowd(door(4), 3));
wait_for_alerts($standby, 'counting', 4, 3);
pass('and it goes on');
verify_ok($standby, 'counting', 'promoted');
$standby->stop;
unlike(slurp_file($_->logfile), qr/terminated by signal|PANIC|TRAP:|WARNING:  people/, 'no complaints of ' . $_->name)
    for $primary, $standby;

# Logical replication.

my $publisher = new_cluster('publisher', preload => 1, streaming => 'logical', conf => 'autovacuum = off');
my $subscriber = new_cluster('subscriber', preload => 1, streaming => 'logical', conf => <<'CONF');
autovacuum = off
wal_retrieve_retry_interval = 100ms
max_logical_replication_workers = 12
max_sync_workers_per_subscription = 4
people_counter.alert_max_interval = 100ms
CONF
create_database($publisher, 'counting');
create_database($subscriber, $_) for qw(everything statistics base);
$publisher->safe_psql('counting', <<'SQL');
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE PUBLICATION statistics FOR TABLE sessions, people_movements, realtime_metrics, occupancy_baselines,
    archived_hours, session_statistics, hourly_statistics, daily_statistics;
CREATE PUBLICATION base FOR TABLE sessions, people_movements, realtime_metrics, occupancy_baselines, archived_hours;
SQL
open_doors($publisher, 'counting', 3);
watch_people($publisher, 'counting');
watch_people($subscriber, $_, threshold_name => 'ours', threshold_value => 4) for qw(statistics base);
sql($publisher, 'counting', crowd(door(1), 3));
wait_for_alerts($publisher, 'counting', 1, 1);
sql($subscriber, 'everything', <<'SQL');
SET session_replication_role = replica;
DELETE FROM system_config;
DELETE FROM alert_thresholds;
DELETE FROM alert_progress;
SQL
(my $connection = $publisher->connstr('counting')) =~ s{'}{''}g;
for my $name (qw(everything statistics base)) {
    wait_for_state($subscriber, $name, 'running');
    $subscriber->safe_psql($name, "CREATE SUBSCRIPTION $name CONNECTION '$connection' PUBLICATION $name");
    wait_until($subscriber, $name, q{SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel});
}
sql($subscriber, 'everything', 'SELECT pg_terminate_backend(pid) FROM alert_worker_status');
wait_for_state($subscriber, 'everything', 'subscriber');
pass('where alert_logs is subscribed the worker stands aside');
sql($publisher, 'counting', crowd(door(2), 9));
wait_for_alerts($publisher, 'counting', 2, 2);
wait_for_alerts($subscriber, $_, 1, 1) for qw(statistics);
is(sql($subscriber, 'statistics', 'SELECT session_id, alert_type, current_value FROM alert_logs'), door(2) . '|ours|9',
    'where the statistics are, the worker raises alerts of its own rules');
$publisher->wait_for_catchup($_, 'replay', $publisher->lsn('insert')) for qw(everything statistics base);
same_rows(sql($subscriber, 'everything', $alerts), sql($publisher, 'counting', $alerts),
    'with everything subscribed the alerts are those of the publisher');
is(alert_counts($subscriber, 'base'), '0|0', 'with the base tables alone there are none');
is(sql($subscriber, 'base', 'SELECT rebuild_statistics()'), 3, 'until the statistics are rebuilt');
wait_for_alerts($subscriber, 'base', 1, 1);
is(sql($subscriber, 'base', 'SELECT session_id, current_value FROM alert_logs'), door(2) . '|9', 'which raises what is in time');

sql($publisher, 'counting', crowd(door(2), 9, 'out') . crowd(door(3), 7));
wait_for_alerts($publisher, 'counting', 3, 2);
wait_for_alerts($subscriber, 'statistics', 2, 1);
$publisher->wait_for_catchup($_, 'replay', $publisher->lsn('insert')) for qw(everything base);
sql($subscriber, 'base', 'SELECT rebuild_statistics()');
wait_for_alerts($subscriber, 'base', 2, 1);
is(sql($subscriber, $_, 'SELECT triggered_at, resolved_at FROM alert_logs ORDER BY session_id'),
    sql($publisher, 'counting', <<'SQL'), "$_: at the exact instants") for qw(statistics base);
SELECT triggered_at, resolved_at FROM alert_logs WHERE session_id::text NOT LIKE '%1' ORDER BY session_id
SQL
is(sql($subscriber, 'everything', 'SELECT evaluations, transitions FROM alert_worker_status'), '0|0',
    'the one that stands aside has never looked');

# The subscriber becomes a database of its own.
$subscriber->safe_psql($_, "DROP SUBSCRIPTION $_") for qw(everything statistics base);
sql($subscriber, 'everything', crowd(door(3), 7, 'out') . crowd(door(2), 3));
sql($subscriber, 'everything', 'SELECT pg_terminate_backend(pid) FROM alert_worker_status');    # or within a minute
wait_for_state($subscriber, 'everything', 'running');
wait_for_alerts($subscriber, 'everything', 4, 2);
pass('after DROP SUBSCRIPTION it raises and resolves like any other');
verify_ok($subscriber, 'everything', 'former subscriber');

$_->stop for $subscriber, $publisher;
unlike(slurp_file($_->logfile), qr/terminated by signal|PANIC|TRAP:|WARNING:  people/, 'no complaints of ' . $_->name)
    for $publisher, $subscriber;
done_testing();
