-- What pg_dump takes along.
SELECT pg_extension_config_dump('people_counter_rest.api_keys', '');
SELECT pg_extension_config_dump('people_counter_rest.session_devices', '');
