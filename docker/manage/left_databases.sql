-- Of manage_db.sh cleanup: databases that `restore` left, as :like was before, or incomplete. Only names that it makes itself.
SELECT datname FROM pg_database
 WHERE starts_with(datname, :'like') AND substr(datname, length(:'like') + 1) ~ '^_(before|new)_2[0-9]{7}T[0-9]{6}Z$'
   AND datname <> current_database()
 ORDER BY datname;
