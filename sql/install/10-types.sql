CREATE TYPE @extschema@.session_status AS ENUM ('active', 'completed', 'error', 'cancelled');
COMMENT ON TYPE @extschema@.session_status IS
    'State of a counting session: active while it counts; completed, error and cancelled end it.';

CREATE TYPE @extschema@.detection_status AS ENUM ('detecting', 'tracking', 'waiting');
COMMENT ON TYPE @extschema@.detection_status IS
    'What the counter did when it reported a metrics sample: detecting people, tracking them, or waiting for someone.';

CREATE TYPE @extschema@.movement_direction AS ENUM ('in', 'out');
COMMENT ON TYPE @extschema@.movement_direction IS
    'Direction in which a person crossed the counting line: in adds one person, out takes one away.';
