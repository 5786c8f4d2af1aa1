-- Nothing below depends on who installs or on their search_path: every name is qualified, the rest is pg_catalog.
SET LOCAL search_path TO pg_catalog, pg_temp;
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['anonymous', 'reader', 'device', 'operator', 'admin', 'api_owner', 'authenticator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'people_counter_' || role) THEN
            EXECUTE format('CREATE ROLE people_counter_%s NOLOGIN%s', role,
                           CASE role WHEN 'authenticator' THEN ' NOINHERIT' ELSE '' END);
        END IF;
    END LOOP;
END $$;
-- Roles are of the whole cluster: another database may have made them, and DROP EXTENSION leaves them.
COMMENT ON ROLE people_counter_anonymous IS 'people_counter over HTTP: who says nothing of themselves. Sees whether the service is healthy.';
COMMENT ON ROLE people_counter_reader IS 'people_counter over HTTP: reads everything but settings, channels and keys.';
COMMENT ON ROLE people_counter_device IS 'people_counter over HTTP: a counter. Makes sessions, and reports movements and metrics of its own.';
COMMENT ON ROLE people_counter_operator IS 'people_counter over HTTP: does what readers and devices do, for all sessions; corrects, sets thresholds and baselines, acknowledges alerts.';
COMMENT ON ROLE people_counter_admin IS 'people_counter over HTTP: does what operators do; deletes sessions, changes settings and channels, makes keys.';
COMMENT ON ROLE people_counter_api_owner IS 'people_counter over HTTP: owns the functions and views of the API, which run with its rights. No one logs in as it.';
COMMENT ON ROLE people_counter_authenticator IS 'people_counter over HTTP: PostgREST logs in as it, has no rights by it, and takes the role of each request.';
GRANT people_counter_reader, people_counter_device TO people_counter_operator;
GRANT people_counter_operator TO people_counter_admin;
GRANT people_counter_anonymous, people_counter_reader, people_counter_device, people_counter_operator, people_counter_admin
    TO people_counter_authenticator;

COMMENT ON SCHEMA people_counter_api IS
    'People counter: sessions, movements, metrics, statistics and alerts of people-counting cameras and door sensors.';
CREATE SCHEMA people_counter_rest;
COMMENT ON SCHEMA people_counter_rest IS
    'What the API of people_counter is made of and does not show: keys, whose session is whose, checks of requests.';
GRANT USAGE ON SCHEMA people_counter_api, people_counter_rest TO people_counter_anonymous, people_counter_reader,
    people_counter_device, people_counter_api_owner;
