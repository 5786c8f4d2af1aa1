-- Of manage_db.sh: which versions of both extensions there are, and what `migrate` would do.
SELECT format('%-20s installed: %-10s available: %-10s %s', name, coalesce(installed.extversion, '-'), coalesce(default_version, '-'),
              CASE
                  WHEN default_version IS NULL AND installed.extversion IS NULL THEN 'not on this server'
                  WHEN default_version IS NULL THEN 'its files are not on this server any more'
                  WHEN installed.extversion IS NULL AND name = 'people_counter_rest' AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
                      THEN 'left out: only a superuser can create it'
                  WHEN installed.extversion IS NULL THEN 'migrate creates it'
                  WHEN installed.extversion = default_version THEN 'up to date'
                  WHEN path IS NULL THEN 'there is no way from one to the other'
                  ELSE 'migrate updates it: ' || path
              END)
  FROM unnest(ARRAY['people_counter', 'people_counter_rest']) WITH ORDINALITY AS wanted (name, place)
  LEFT JOIN pg_available_extensions AS available USING (name)
  LEFT JOIN pg_extension AS installed ON installed.extname = name
  LEFT JOIN LATERAL pg_extension_update_paths(name) AS step
         ON step.source = installed.extversion AND step.target = default_version AND default_version IS NOT NULL
 ORDER BY place;
