-- What the API needs of a database, as scripts/stack and the containers set it up: both extensions, at the version that is
-- installed, and PostgREST's role. By psql, again at each start. With the variable `password` the role gets one.
SET client_min_messages = warning;
SET log_statement = none;
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
CREATE EXTENSION IF NOT EXISTS people_counter;
CREATE EXTENSION IF NOT EXISTS people_counter_rest;
ALTER EXTENSION people_counter UPDATE;
ALTER EXTENSION people_counter_rest UPDATE;
\if :{?password}
ALTER ROLE people_counter_authenticator LOGIN PASSWORD :'password';
\else
ALTER ROLE people_counter_authenticator LOGIN;
\endif
