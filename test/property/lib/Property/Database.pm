package Property::Database;

# A database with the extension for one worker, and questions that every test asks.

use v5.26;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';

use Property::Psql;

my $count = 0;

# What calculate_current_people_inside() should say, in plain SQL.
my $inside = <<'SQL';
CREATE SCHEMA property;
CREATE FUNCTION property.inside(session uuid) RETURNS integer LANGUAGE sql STABLE AS $$
    WITH s AS (
        SELECT sessions.*, greatest(clock_timestamp(), (SELECT max(movement_time) FROM people_movements WHERE session_id = session)) AS at
          FROM sessions WHERE id = session
    ),
    baseline AS (
        SELECT t, people FROM (
            SELECT '-infinity'::timestamptz AS t, 0 AS people, 2 AS rank
            UNION ALL
            SELECT baseline_time, people_count, 0 FROM occupancy_baselines WHERE session_id = session
            UNION ALL
            SELECT ((at AT TIME ZONE time_zone)::date + shift + reset_time) AT TIME ZONE time_zone, 0, 1
              FROM s CROSS JOIN generate_series(-3, 1) AS shift WHERE reset_time IS NOT NULL) all_of_them, s
         WHERE t <= at ORDER BY t DESC, rank LIMIT 1
    ),
    x AS (
        SELECT movement_time,
               sum(CASE movement_direction WHEN 'in' THEN 1 ELSE -1 END) OVER (ORDER BY movement_time) + people AS level
          FROM people_movements, baseline WHERE session_id = session AND movement_time > t
    )
    SELECT coalesce((SELECT level FROM x ORDER BY movement_time DESC LIMIT 1) - least(0, (SELECT min(level) FROM x)), people)
      FROM baseline, s
$$;
SQL

# Triggers of a user's, which write while a statement's own triggers have still to run.
my $triggers = <<'SQL';
CREATE FUNCTION property.with_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO occupancy_baselines (session_id, baseline_time, people_count) VALUES (NEW.id, NEW.start_time, 5);
    INSERT INTO people_movements (session_id, movement_time, id, person_id, movement_direction)
        VALUES (NEW.id, NEW.start_time, NEW.id, 1, 'in');
    RETURN NULL;
END
$$;
CREATE TRIGGER with_rows AFTER INSERT ON sessions FOR EACH ROW WHEN (NEW.session_name = 'with rows')
    EXECUTE FUNCTION property.with_rows();
CREATE FUNCTION property.with_sample() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO realtime_metrics (session_id, "timestamp", id, current_people_count, detection_status)
        VALUES (NEW.session_id, NEW.movement_time, NEW.id, 3, 'tracking');
    RETURN NULL;
END
$$;
CREATE TRIGGER with_sample AFTER INSERT ON people_movements FOR EACH ROW WHEN (NEW.person_id = -777)
    EXECUTE FUNCTION property.with_sample();
SQL

# An error at the n-th write of a derived row, after SET property.writes_left = n.
my $trap = <<'SQL';
CREATE FUNCTION property.trap(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    left_over text := current_setting('property.writes_left', true);
BEGIN
    IF left_over <> '' THEN
        IF left_over::integer <= 0 THEN
            RAISE EXCEPTION 'trapped';
        END IF;
        left_over := set_config('property.writes_left', (left_over::integer - 1)::text, true);
    END IF;
    RETURN 0;
END
$$;
SQL

my %trapped = (session_statistics => 'peak_people_count', hourly_statistics => 'closing_count', daily_statistics => 'peak_people_count');

sub set_traps ($psql, $on) {
    for my $table (sort keys %trapped) {
        $psql->rows("ALTER TABLE $table DROP COLUMN IF EXISTS trap;");
        $psql->rows("ALTER TABLE $table ADD COLUMN trap integer GENERATED ALWAYS AS (property.trap($trapped{$table})) STORED;") if $on;
    }
}

sub new ($class) {
    my $self = bless { name => sprintf('people_counter_property_%d_%d', $$, ++$count), owner => $$ }, $class;
    my $maintenance = Property::Psql->new($ENV{PGDATABASE} // 'postgres');
    $maintenance->rows("CREATE DATABASE $self->{name};");
    $maintenance->close;
    my $psql = $self->connect;
    $psql->rows('CREATE EXTENSION people_counter;');
    $psql->rows($inside);
    $psql->rows("$triggers$trap");
    $psql->close;
    return $self;
}

sub connect ($self) { return Property::Psql->new($self->{name}) }

sub drop ($self) {
    return if $$ != $self->{owner} || $self->{dropped}++;
    my $maintenance = Property::Psql->new($ENV{PGDATABASE} // 'postgres');
    $maintenance->run("DROP DATABASE IF EXISTS $self->{name} WITH (FORCE);");
    $maintenance->close;
}

sub DESTROY ($self) {
    local ($@, $?);
    eval { $self->drop };
}

# Lines about derived rows that are wrong; none is right.
sub problems ($psql) {
    my $answer = $psql->run('SELECT session_id, table_name, key, problem, stored, expected FROM verify_statistics();');
    return (@{ $answer->{messages} }, map { join ' | ', map { $_ // '' } @$_ } $answer->{rows}->@*)
        if @{ $answer->{states} } || @{ $answer->{rows} };
    return;
}

1;
