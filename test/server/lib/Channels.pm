# What the tests of delivery share: channels of the database "alerts", alerts to send to them, and what became of those.
package Channels;

use strict;
use warnings;

use Exporter 'import';
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Receivers;
use Test::More;

our @EXPORT = qw(
    channel mail_channel forget_channels secret settings test_alert new_alerts queue
    delivered attempted delivery_column delivery_worker memory_maps
);

my $node;
sub import_node { $node = shift; return }

sub alerts { return sql($node, 'alerts', @_) }

# channel(name, address, column => SQL...): its id.
sub channel {
    my ($name, $url, %columns) = @_;
    %columns = (channel_name => "'$name'", kind => "'webhook'", url => "'$url'", %columns);
    my @names = sort keys %columns;
    return alerts('INSERT INTO alert_channels (' . join(', ', @names) . ') VALUES (' . join(', ', @columns{@names}) . ') RETURNING id');
}

sub mail_channel {
    my ($name, $url, %columns) = @_;
    return channel($name, $url, kind => "'email'", sender => q{'alerts@example.com'}, recipients => q{'{guard@example.com}'},
        %columns);
}

# The next part of a test begins with none.
sub forget_channels { return alerts('DELETE FROM alert_channels; DELETE FROM alert_logs') }

sub secret { return alerts(sprintf q{SELECT set_channel_secret('%s', '%s', '%s')}, @_) }

# settings(name = value...): of people_counter.delivery_*, for all that is sent from now on.
sub settings {
    for (@_) { $node->safe_psql('postgres', "ALTER SYSTEM SET people_counter.delivery_$_") }
    $node->reload;
    return;
}

sub test_alert { return alerts("SELECT send_test_alert('$_[0]')") }

# new_alerts(number): ids of alerts without a rule.
sub new_alerts {
    return split /\n/, alerts(<<"SQL");
INSERT INTO alert_logs (alert_type, is_resolved, resolved_at) SELECT 'max_people_count', true, now() FROM generate_series(1, $_[0]) RETURNING id
SQL
}

# queue(alert, event, name of the session): for every channel; the number of channels.
sub queue {
    my ($alert, $event, $session) = @_;
    $session //= 'Front door';
    return alerts(<<"SQL");
SELECT queue_alert_deliveries('$alert', '$event', 'critical', jsonb_build_object('type', 'people_counter.alert', 'event', '$event',
    'alert_id', '$alert', 'threshold_name', 'max_people_count', 'session_name', '$session', 'metric', 'current_people_inside',
    'comparison', 'above', 'value', 53, 'threshold', 50, 'peak_value', 57, 'severity', 'critical',
    'message', 'More people inside than allowed', 'triggered_at', now()))
SQL
}

# delivered(condition): waits until all deliveries that it holds of are.
sub delivered {
    my ($condition) = @_;
    return wait_until($node, 'alerts', "SELECT bool_and(delivered_at IS NOT NULL) FROM alert_deliveries WHERE $condition");
}

# attempted(id, number): waits until so many attempts have ended.
sub attempted {
    my ($delivery, $attempts) = @_;
    return wait_until($node, 'alerts', "SELECT attempts >= $attempts FROM alert_deliveries WHERE id = '$delivery'");
}

sub delivery_column {
    my ($delivery, $column) = @_;
    return alerts("SELECT $column FROM alert_deliveries WHERE id = '$delivery'");
}

# The process id of the worker of a database; empty: there is none.
sub delivery_worker {
    my ($database) = @_;
    return $node->safe_psql('postgres',
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'people_counter delivery worker' AND datname = '$database'");
}

sub memory_maps { return slurp_file("/proc/$_[0]/maps") }

1;
