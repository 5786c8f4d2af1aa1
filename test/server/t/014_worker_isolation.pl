# What fails or is locked holds up itself and nothing else: other rules and sessions go on, alert_worker_status tells, and
# once the cause is gone the alert is there with its exact instant. What users do to the tables by hand is taken as it is.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use PeopleCounter;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('isolation', preload => 1, conf => <<'CONF');
autovacuum = off
deadlock_timeout = 100ms
CONF
create_database($node, 'counting', schema => 'pc');
open_doors($node, 'counting', 20);
watch_people($node, 'counting');
sql($node, 'counting', q{UPDATE alert_thresholds SET clear_value = 1 WHERE threshold_name = 'crowded'});
my $next = 0;
sub fresh_door { return door(++$next) }

sub add_rule {
    my ($name, $session, %columns) = @_;
    my $names = join '', map {", $_"} sort keys %columns;
    my $values = join '', map {", '$columns{$_}'"} sort keys %columns;
    sql($node, 'counting', "INSERT INTO alert_thresholds (threshold_name, session_id, metric, comparison, threshold_value$names)
        VALUES ('$name', @{[ $session ? qq{'$session'} : 'NULL' ]}, 'current_people_inside', 'above', 2$values)");
    return;
}

# Waits for an open alert of a rule on a session.
sub open_alert {
    my ($name, $session) = @_;
    wait_until($node, 'counting', "SELECT count(*) = 1 FROM alert_logs WHERE alert_type = '$name' AND session_id = '$session'
        AND NOT is_resolved");
    return sql($node, 'counting', "SELECT id FROM alert_logs WHERE alert_type = '$name' AND session_id = '$session'
        AND NOT is_resolved");
}

# That the worker goes on with other sessions.
sub others_go_on {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $door = fresh_door();
    sql($node, 'counting', crowd($door, 3));
    open_alert('crowded', $door);
    sql($node, 'counting', crowd($door, 3, 'out'));
    wait_until($node, 'counting', "SELECT is_resolved FROM alert_logs WHERE session_id = '$door' AND alert_type = 'crowded'");
    return pass("$name: other sessions go on");
}

sub wait_for_error {
    my ($like, $since) = @_;
    return wait_until($node, 'counting', "SELECT last_error LIKE '$like' AND errors > $since FROM alert_worker_status");
}

my $instant = q{SELECT min(movement_time) FROM people_movements WHERE session_id = };
wait_for_state($node, 'counting', 'running');

# A trigger of a user that refuses the alerts of one rule.

my $bad = fresh_door();
add_rule('broken', undef);
sql($node, 'counting', <<'SQL');
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.alert_type = 'broken' THEN RAISE EXCEPTION 'not this one'; END IF;
    IF NEW.alert_type = 'slow' THEN PERFORM pg_sleep(60); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON alert_logs FOR EACH ROW EXECUTE FUNCTION public.refuse();
SQL
sql($node, 'counting', crowd($bad, 3));
open_alert('crowded', $bad);
pass('one rule fails, and another fires on the same session');
wait_for_error('threshold "broken", session %: not this one', 2);
is(sql($node, 'counting', 'SELECT state FROM alert_worker_status'), 'running', 'which is the state of that rule, not of the worker');
is(scalar(() = slurp_file($node->logfile) =~ /WARNING:.*not this one/g), 1, 'it is tried again, and logged once');
sql($node, 'counting', q{UPDATE alert_thresholds SET session_id = '00000000-0000-7000-8000-000000000001'
    WHERE threshold_name = 'broken'});
others_go_on('a rule that fails');
sql($node, 'counting', 'ALTER TABLE alert_logs DISABLE TRIGGER refuse');
open_alert('broken', $bad);
is(sql($node, 'counting', "SELECT triggered_at FROM alert_logs WHERE alert_type = 'broken'"), sql($node, 'counting', "$instant'$bad'"),
    'once it can be written it is there with its exact instant');

# One that is beyond because the rule was edited: nothing that comes will show it again.

my $crowded = fresh_door();
sql($node, 'counting', crowd($crowded, 3));
open_alert('crowded', $crowded);
sql($node, 'counting', 'ALTER TABLE alert_logs ENABLE TRIGGER refuse');
my $before_edit = worker($node, 'counting')->{errors};
sql($node, 'counting', qq{UPDATE alert_thresholds SET session_id = '$crowded' WHERE threshold_name = 'broken'});
wait_for_error(qq{threshold "broken", session $crowded: not this one}, $before_edit);
sql($node, 'counting', 'ALTER TABLE alert_logs DISABLE TRIGGER refuse');
open_alert('broken', $crowded);
pass('nor is one lost that an edit makes fire and that cannot be written at first');

# One that takes too long.

sql($node, 'counting', 'ALTER TABLE alert_logs ENABLE TRIGGER refuse');
my $slow = fresh_door();
add_rule('slow', $slow);
my $errors = worker($node, 'counting')->{errors};
my $other = fresh_door();
sql($node, 'counting', 'BEGIN;' . crowd($slow, 3) . crowd($other, 3) . 'COMMIT');
open_alert('crowded', $_) for $slow, $other;
wait_for_error('threshold "slow", session %timeout%', $errors);
pass('a rule whose trigger sleeps for a minute is given up for the moment, the others fire');
sql($node, 'counting', 'DROP TRIGGER refuse ON alert_logs');
open_alert('slow', $slow);
pass('and fires when it does not any more');
sql($node, 'counting', q{DELETE FROM alert_thresholds WHERE threshold_name IN ('slow', 'broken')});
wait_until($node, 'counting', q{SELECT count(*) = 2 FROM alert_logs WHERE resolved_reason = 'threshold_deleted'});
pass('alerts of deleted rules are resolved');
sql($node, 'counting', 'DELETE FROM people_movements');
wait_until($node, 'counting', 'SELECT bool_and(is_resolved) FROM alert_logs');

# Locked rows.

my $locker = $node->background_psql('counting');
$locker->query_safe('SET search_path = pc');
my $door = fresh_door();
sql($node, 'counting', crowd($door, 3));
my $alert = open_alert('crowded', $door);
$locker->query_safe("BEGIN; SELECT FROM alert_logs WHERE id = '$alert' FOR UPDATE");
$errors = worker($node, 'counting')->{errors};
sql($node, 'counting', crowd($door, 3, 'out'));
wait_for_error('threshold "crowded", session %' . $door . '%', $errors);
others_go_on('an alert that somebody has locked');
is(sql($node, 'counting', "SELECT is_resolved FROM alert_logs WHERE id = '$alert'"), 'f', 'it stays open meanwhile');
$locker->query_safe('COMMIT');
wait_until($node, 'counting', "SELECT is_resolved FROM alert_logs WHERE id = '$alert'");
is(sql($node, 'counting', "SELECT resolved_at FROM alert_logs WHERE id = '$alert'"),
    sql($node, 'counting', "SELECT max(movement_time) FROM people_movements WHERE session_id = '$door'"),
    'and is resolved afterwards, at the exact instant');

# A rule that waits a moment, so that the lock is there when it fires.
my $waiting = fresh_door();
add_rule('waiting', $waiting, hold_for => '1 second');

# while_locked(name, statement)
sub while_locked {
    my ($name, $statement, $others) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    sql($node, 'counting', "DELETE FROM people_movements; DELETE FROM alert_logs;");
    sql($node, 'counting', crowd($waiting, 2 + 1));
    wait_until($node, 'counting', 'SELECT count(*) = 1 FROM alert_states');
    $errors = worker($node, 'counting')->{errors};
    $locker->query_safe("BEGIN; $statement");
    $node->poll_query_until('counting', "SELECT errors > $errors FROM pc.alert_worker_status") or die 'no error';
    isnt(worker($node, 'counting')->{last_error} // '', '', "$name: last_error tells");
    others_go_on($name) if $others;
    $locker->query_safe('COMMIT');
    open_alert('waiting', $waiting);
    return is(sql($node, 'counting', "SELECT triggered_at - movement_time FROM alert_logs JOIN people_movements USING (session_id)
        WHERE alert_type = 'waiting' AND session_id = '$waiting' LIMIT 1"), '00:00:01', "$name: and afterwards the alert is there");
}
while_locked('a session that somebody has locked', "SELECT FROM sessions WHERE id = '$waiting' FOR UPDATE", 1);
for my $table (qw(alert_logs alert_states alert_thresholds sessions session_statistics)) {
    while_locked("LOCK TABLE $table", "LOCK TABLE $table IN ACCESS EXCLUSIVE MODE");
}
$locker->quit;
wait_for_state($node, 'counting', 'running');
others_go_on('after all these locks');
sql($node, 'counting', q{DELETE FROM alert_thresholds WHERE threshold_name = 'waiting'; DELETE FROM people_movements;
    DELETE FROM alert_logs});

# By hand.

$errors = worker($node, 'counting')->{errors};
$door = fresh_door();
sql($node, 'counting', crowd($door, 3));
$alert = open_alert('crowded', $door);
sql($node, 'counting', "SELECT resolve_alert('$alert')");
looked_twice($node, 'counting');
is(alert_counts($node, 'counting'), '1|0', 'what was resolved by hand stays so');
sql($node, 'counting', crowd($door, 1));
$alert = open_alert('crowded', $door);
is(alert_counts($node, 'counting'), '2|1', 'until the next movement that is beyond');
sql($node, 'counting', "DELETE FROM alert_logs WHERE id = '$alert'");
looked_twice($node, 'counting');
is(alert_counts($node, 'counting'), '1|0', 'an alert that was deleted does not come back');
sql($node, 'counting', crowd($door, 1));
$alert = open_alert('crowded', $door);
pass('until the next movement either');
sql($node, 'counting', q{UPDATE alert_thresholds SET repeat_interval = '1 second' WHERE threshold_name = 'crowded'});
wait_until($node, 'counting', 'SELECT repeat_count > 0 FROM alert_logs WHERE NOT is_resolved');
my $repeated = sql($node, 'counting', "SELECT acknowledge_alert('$alert'); SELECT repeat_count FROM alert_logs WHERE id = '$alert'")
    =~ s/.*\n//r;
looked_twice($node, 'counting');
wait_until($node, 'counting', 'SELECT next_due IS NULL FROM alert_worker_status');
is(sql($node, 'counting', "SELECT repeat_count FROM alert_logs WHERE id = '$alert'"), $repeated, 'what was acknowledged is not repeated');
sql($node, 'counting', crowd($door, 9, 'out'));
wait_until($node, 'counting', 'SELECT bool_and(is_resolved) FROM alert_logs');
pass('but resolved');

$door = fresh_door();
sql($node, 'counting', crowd($door, 3));
open_alert('crowded', $door);
sql($node, 'counting', "DELETE FROM sessions WHERE id = '$door'");
looked_twice($node, 'counting');
others_go_on('a session that was deleted while its alert was open');
add_rule('held', undef, hold_for => '1 hour');
my $held = fresh_door();
sql($node, 'counting', crowd($held, 3));
wait_until($node, 'counting', 'SELECT count(*) = 1 FROM alert_states');
sql($node, 'counting', 'DELETE FROM alert_states');
others_go_on('states that were removed by hand');
sql($node, 'counting', 'TRUNCATE people_movements');
wait_until($node, 'counting', 'SELECT bool_and(is_resolved) FROM alert_logs');
pass('TRUNCATE of the movements resolves what was open');
sql($node, 'counting', 'TRUNCATE alert_logs CASCADE');
others_go_on('TRUNCATE of the alerts');
sql($node, 'counting', 'TRUNCATE sessions CASCADE');
looked_twice($node, 'counting');
open_doors($node, 'counting', 30);
watch_people($node, 'counting');
others_go_on('TRUNCATE of the sessions, and with them of rules and alerts');
is(worker($node, 'counting')->{errors}, $errors, 'none of that was an error');
sql($node, 'counting', 'DELETE FROM alert_progress');
others_go_on('progress that was removed by hand');
$node->restart;
wait_for_state($node, 'counting', 'running');
others_go_on('after a restart');
verify_ok($node, 'counting', 'in the end');

$node->stop;
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:/, 'no server process died');
done_testing();
