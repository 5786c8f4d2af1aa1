-- Occupancy of any group of movements: aggregates that do not care about the order in which rows arrive.
--
-- Each of the four comes in two forms: over the movements alone, and over a given period with a given opening count.
-- The four of one form share their state, so a query that asks for all of them collects and sorts movements once.

-- Support functions

CREATE FUNCTION @extschema@.occupancy_transition(internal, timestamptz, @extschema@.movement_direction) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_transition';
COMMENT ON FUNCTION @extschema@.occupancy_transition(internal, timestamptz, @extschema@.movement_direction) IS
    'Collects one movement for the occupancy aggregates: +1 for in, -1 for out, netted by instant. A row whose time or direction is NULL holds no movement. An infinite time is error 22008.';

CREATE FUNCTION @extschema@.occupancy_transition(
    internal, timestamptz, @extschema@.movement_direction, integer, tstzrange) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_transition_within';
COMMENT ON FUNCTION @extschema@.occupancy_transition(
    internal, timestamptz, @extschema@.movement_direction, integer, tstzrange) IS
    'Collects one movement for the occupancy aggregates over a period. A movement outside the period, or a row whose time or direction is NULL, only names the period. Error 22023 where opening count or period differ within a group, the opening count is negative, or the period is empty, unbounded or not of the form [lower, upper); 22004 where one of them is NULL; 22008 for an infinite time.';

CREATE FUNCTION @extschema@.occupancy_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_combine';
COMMENT ON FUNCTION @extschema@.occupancy_combine(internal, internal) IS
    'Merges the movements that two parallel workers collected for the occupancy aggregates. Error 22023 where their opening counts or periods differ.';

CREATE FUNCTION @extschema@.occupancy_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_serialize';
COMMENT ON FUNCTION @extschema@.occupancy_serialize(internal) IS
    'The movements that a parallel worker collected for the occupancy aggregates, as bytes with a version. Error 54000 beyond 1 GB, which is some 200 million different instants.';

CREATE FUNCTION @extschema@.occupancy_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_deserialize';
COMMENT ON FUNCTION @extschema@.occupancy_deserialize(bytea, internal) IS
    'Reads what occupancy_serialize() wrote. Error 22P03 for other bytes.';

CREATE FUNCTION @extschema@.occupancy_peak_final(internal) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_peak_final';
COMMENT ON FUNCTION @extschema@.occupancy_peak_final(internal) IS
    'Result of occupancy_peak(): the highest level. Error 22003 beyond the range of integer.';

CREATE FUNCTION @extschema@.occupancy_peak_time_final(internal) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_peak_time_final';
COMMENT ON FUNCTION @extschema@.occupancy_peak_time_final(internal) IS
    'Result of occupancy_peak_time(): the earliest instant of the highest level.';

CREATE FUNCTION @extschema@.occupancy_average_final(internal) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_average_final';
COMMENT ON FUNCTION @extschema@.occupancy_average_final(internal) IS
    'Result of occupancy_average(): integral of the level over time, divided by the length of time; four decimals, rounded half away from zero.';

CREATE FUNCTION @extschema@.occupancy_closing_final(internal) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'people_counter_occupancy_closing_final';
COMMENT ON FUNCTION @extschema@.occupancy_closing_final(internal) IS
    'Result of occupancy_closing(): the level at the end. Error 22003 beyond the range of integer.';

-- Over the movements alone
--
-- A final function sorts the state in place, which does not change what the state means: it may be called again and
-- further movements may follow. READ_ONLY promises just that, and allows OVER (ORDER BY ...).

CREATE AGGREGATE @extschema@.occupancy_peak(
    movement_time timestamptz, movement_direction @extschema@.movement_direction) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_peak_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_peak(timestamptz, @extschema@.movement_direction) IS
    'Highest number of people inside after any instant of the movements given, in whatever order the rows come. The level starts at 0, movements of one instant are netted, and L := max(0, L + net). Baselines and resets are not considered. Rows with a NULL are ignored; NULL without any movement. Errors: 22008 for an infinite time, 22003 beyond the range of integer.';

CREATE AGGREGATE @extschema@.occupancy_peak_time(
    movement_time timestamptz, movement_direction @extschema@.movement_direction) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_peak_time_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_peak_time(timestamptz, @extschema@.movement_direction) IS
    'Earliest instant at which occupancy_peak() of the same movements was reached. Rows with a NULL are ignored; NULL without any movement. Error 22008 for an infinite time.';

CREATE AGGREGATE @extschema@.occupancy_average(
    movement_time timestamptz, movement_direction @extschema@.movement_direction) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_average_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_average(timestamptz, @extschema@.movement_direction) IS
    'Time-weighted mean number of people inside between the first and the last movement given: sum of level x duration / (last - first), with the level of occupancy_peak(). Four decimals, rounded half away from zero. Rows with a NULL are ignored; NULL for fewer than two different instants. Error 22008 for an infinite time.';

CREATE AGGREGATE @extschema@.occupancy_closing(
    movement_time timestamptz, movement_direction @extschema@.movement_direction) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_closing_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_closing(timestamptz, @extschema@.movement_direction) IS
    'Number of people inside after the last movement given, with the level of occupancy_peak(). With OVER (ORDER BY movement_time) it is the level after each instant. Rows with a NULL are ignored; NULL without any movement. Errors: 22008 for an infinite time, 22003 beyond the range of integer.';

-- Over a period

CREATE AGGREGATE @extschema@.occupancy_peak(
    movement_time timestamptz, movement_direction @extschema@.movement_direction,
    opening_count integer, period tstzrange) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_peak_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_peak(
    timestamptz, @extschema@.movement_direction, integer, tstzrange) IS
    'Highest number of people inside within period, a range [lower, upper): of opening_count, the level just before lower, and the levels after the movements in the period, L := max(0, L + net). Movements outside are ignored. Rows without a movement (NULL time or direction, as an outer join makes them) still name the period, so a quiet period has its opening count. opening_count and period must be the same for all rows of a group and not NULL. Errors: 22023 where they differ, opening_count is negative, or the period is empty, unbounded or has other bounds than [); 22004 where one is NULL; 22008 for an infinite time; 22003 beyond the range of integer.';

CREATE AGGREGATE @extschema@.occupancy_peak_time(
    movement_time timestamptz, movement_direction @extschema@.movement_direction,
    opening_count integer, period tstzrange) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_peak_time_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_peak_time(
    timestamptz, @extschema@.movement_direction, integer, tstzrange) IS
    'Earliest instant in period at which occupancy_peak() over the same period was reached; its lower bound where no movement rose above opening_count. Arguments and errors as for occupancy_peak() over a period.';

CREATE AGGREGATE @extschema@.occupancy_average(
    movement_time timestamptz, movement_direction @extschema@.movement_direction,
    opening_count integer, period tstzrange) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_average_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_average(
    timestamptz, @extschema@.movement_direction, integer, tstzrange) IS
    'Time-weighted mean number of people inside over the whole of period: sum of level x duration / (upper - lower), where the level is opening_count until the first movement. Four decimals, rounded half away from zero. Arguments and errors as for occupancy_peak() over a period.';

CREATE AGGREGATE @extschema@.occupancy_closing(
    movement_time timestamptz, movement_direction @extschema@.movement_direction,
    opening_count integer, period tstzrange) (
    SFUNC = @extschema@.occupancy_transition,
    STYPE = internal,
    SSPACE = 4096,
    FINALFUNC = @extschema@.occupancy_closing_final,
    FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = @extschema@.occupancy_combine,
    SERIALFUNC = @extschema@.occupancy_serialize,
    DESERIALFUNC = @extschema@.occupancy_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.occupancy_closing(
    timestamptz, @extschema@.movement_direction, integer, tstzrange) IS
    'Number of people inside at the end of period: the level just before its upper bound. Arguments and errors as for occupancy_peak() over a period.';
