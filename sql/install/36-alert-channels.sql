-- Where alerts are sent, with what secrets, and what is to be sent: the outbox, whose rows come and go with the alert in one
-- transaction. people_counter_delivery sends what is due.
CREATE TABLE @extschema@.alert_channels (
    id           uuid PRIMARY KEY DEFAULT @extschema@.generate_uuid_v7(),
    channel_name varchar     NOT NULL,
    kind         text        NOT NULL,
    url          text        NOT NULL,
    sender       text,
    recipients   text[],
    username     text,
    tls          text        NOT NULL DEFAULT 'required',
    min_severity text        NOT NULL DEFAULT 'info',
    is_active    boolean     NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT alert_channels_channel_name_key UNIQUE (channel_name),
    CONSTRAINT alert_channels_kind_is_known CHECK (kind IN ('webhook', 'email')),
    CONSTRAINT alert_channels_tls_is_known CHECK (tls IN ('required', 'none')),
    CONSTRAINT alert_channels_min_severity_is_known CHECK (min_severity IN ('info', 'warning', 'critical'))
);
COMMENT ON TABLE @extschema@.alert_channels IS
    'Where alerts are sent: web addresses that take a POST, and mail servers with the people to write to. Passwords and keys are in alert_channel_secrets.';
COMMENT ON COLUMN @extschema@.alert_channels.id IS 'Id of the channel.';
COMMENT ON COLUMN @extschema@.alert_channels.channel_name IS 'Name for people, unique, at most 100 characters.';
COMMENT ON COLUMN @extschema@.alert_channels.kind IS 'webhook or email.';
COMMENT ON COLUMN @extschema@.alert_channels.url IS 'webhook: http:// or https:// address that is sent a POST. email: smtp:// or smtps:// and the mail server, with its port if it is not the usual one, as in smtp://mail.example.com:587; a path is the name that EHLO gives. At most 2000 characters, without user and password.';
COMMENT ON COLUMN @extschema@.alert_channels.sender IS 'email: address that the mail is from.';
COMMENT ON COLUMN @extschema@.alert_channels.recipients IS 'email: addresses that the mail goes to, 1 to 100.';
COMMENT ON COLUMN @extschema@.alert_channels.username IS 'User at the mail server or, for a webhook, of HTTP Basic authentication; the password is in alert_channel_secrets. NULL: no such login.';
COMMENT ON COLUMN @extschema@.alert_channels.tls IS 'email: required (smtp:// sends nothing before STARTTLS has made an encrypted connection, and the certificate is verified) or none. A webhook with https:// is always verified.';
COMMENT ON COLUMN @extschema@.alert_channels.min_severity IS 'Alerts of this severity and above are sent: info, warning or critical.';
COMMENT ON COLUMN @extschema@.alert_channels.is_active IS 'False: nothing new is queued, and what is queued waits.';
COMMENT ON COLUMN @extschema@.alert_channels.created_at IS 'When the row was made.';
COMMENT ON COLUMN @extschema@.alert_channels.updated_at IS 'When the row was last changed. Set by the extension.';
COMMENT ON CONSTRAINT alert_channels_channel_name_key ON @extschema@.alert_channels IS 'A name means one channel.';
COMMENT ON CONSTRAINT alert_channels_kind_is_known ON @extschema@.alert_channels IS 'A kind is webhook or email.';
COMMENT ON CONSTRAINT alert_channels_tls_is_known ON @extschema@.alert_channels IS 'Encryption is required or none.';
COMMENT ON CONSTRAINT alert_channels_min_severity_is_known ON @extschema@.alert_channels IS 'A severity is info, warning or critical.';

CREATE TABLE @extschema@.alert_channel_secrets (
    channel_id   uuid PRIMARY KEY REFERENCES @extschema@.alert_channels ON DELETE CASCADE,
    signing_key  text,
    password     text,
    bearer_token text
);
COMMENT ON TABLE @extschema@.alert_channel_secrets IS
    'Keys and passwords of channels. Only the owner of the extension sees rows, whatever is granted: there is row security without a policy. set_channel_secret() writes it for others.';
COMMENT ON COLUMN @extschema@.alert_channel_secrets.channel_id IS 'Channel.';
COMMENT ON COLUMN @extschema@.alert_channel_secrets.signing_key IS 'webhook: key of the HMAC-SHA256 in X-People-Counter-Signature. NULL: not signed.';
COMMENT ON COLUMN @extschema@.alert_channel_secrets.password IS 'Password of alert_channels.username.';
COMMENT ON COLUMN @extschema@.alert_channel_secrets.bearer_token IS 'webhook: token of Authorization: Bearer. NULL: none.';
-- GRANT SELECT ON ALL TABLES IN SCHEMA and default privileges must not show them to whoever reads statistics.
ALTER TABLE @extschema@.alert_channel_secrets ENABLE ROW LEVEL SECURITY;

CREATE TABLE @extschema@.alert_deliveries (
    id              uuid PRIMARY KEY DEFAULT @extschema@.generate_uuid_v7(),
    channel_id      uuid        NOT NULL REFERENCES @extschema@.alert_channels ON DELETE CASCADE,
    alert_id        uuid        REFERENCES @extschema@.alert_logs ON DELETE CASCADE,
    event           text        NOT NULL,
    payload         jsonb       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    queued_at       timestamptz NOT NULL DEFAULT now(),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_attempt_at timestamptz,
    last_status     integer,
    last_error      text,
    delivered_at    timestamptz,
    abandoned_at    timestamptz,
    CONSTRAINT alert_deliveries_event_is_known CHECK (event IN ('fired', 'repeated', 'resolved', 'test')),
    CONSTRAINT alert_deliveries_attempts_is_not_negative CHECK (attempts >= 0),
    CONSTRAINT alert_deliveries_ends_once CHECK (delivered_at IS NULL OR abandoned_at IS NULL)
) WITH (autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX alert_deliveries_due_idx ON @extschema@.alert_deliveries (channel_id, next_attempt_at, id)
    WHERE delivered_at IS NULL AND abandoned_at IS NULL;
CREATE INDEX alert_deliveries_channel_id_idx ON @extschema@.alert_deliveries (channel_id, created_at);
CREATE INDEX alert_deliveries_alert_id_idx ON @extschema@.alert_deliveries (alert_id, channel_id, created_at);
COMMENT ON TABLE @extschema@.alert_deliveries IS
    'The outbox: one row for each event of an alert and each channel that wants it, made in the transaction of the event and sent at least once. Shows what was delivered, and why something was not.';
COMMENT ON COLUMN @extschema@.alert_deliveries.id IS 'Id of the delivery, the same in every attempt: Idempotency-Key of a webhook, Message-ID of a mail.';
COMMENT ON COLUMN @extschema@.alert_deliveries.channel_id IS 'Channel it goes to.';
COMMENT ON COLUMN @extschema@.alert_deliveries.alert_id IS 'Alert it is about. NULL: a test.';
COMMENT ON COLUMN @extschema@.alert_deliveries.event IS 'What happened: fired, repeated, resolved or test.';
COMMENT ON COLUMN @extschema@.alert_deliveries.payload IS 'What is sent: the body of a webhook; a mail is written from it.';
COMMENT ON COLUMN @extschema@.alert_deliveries.created_at IS 'When the event was recorded.';
COMMENT ON COLUMN @extschema@.alert_deliveries.queued_at IS 'From when on people_counter.delivery_give_up_after counts: created_at, or the last retry_alert_delivery().';
COMMENT ON COLUMN @extschema@.alert_deliveries.attempts IS 'Attempts that have ended.';
COMMENT ON COLUMN @extschema@.alert_deliveries.next_attempt_at IS 'When it is due, unless it was delivered or abandoned.';
COMMENT ON COLUMN @extschema@.alert_deliveries.last_attempt_at IS 'When the last attempt ended.';
COMMENT ON COLUMN @extschema@.alert_deliveries.last_status IS 'Status of the last answer, of HTTP or SMTP. NULL: there was no answer.';
COMMENT ON COLUMN @extschema@.alert_deliveries.last_error IS 'Why the last attempt failed, with the beginning of the answer. On a delivered mail: the recipient that the server refused.';
COMMENT ON COLUMN @extschema@.alert_deliveries.delivered_at IS 'When the receiver accepted it.';
COMMENT ON COLUMN @extschema@.alert_deliveries.abandoned_at IS 'When it was given up. retry_alert_delivery() tries again.';
COMMENT ON CONSTRAINT alert_deliveries_event_is_known ON @extschema@.alert_deliveries IS 'An event is fired, repeated, resolved or test.';
COMMENT ON CONSTRAINT alert_deliveries_attempts_is_not_negative ON @extschema@.alert_deliveries IS 'Attempts are counted.';
COMMENT ON CONSTRAINT alert_deliveries_ends_once ON @extschema@.alert_deliveries IS 'What was delivered is not given up.';
COMMENT ON INDEX @extschema@.alert_deliveries_due_idx IS 'What is to be sent on a channel, in order of time.';
COMMENT ON INDEX @extschema@.alert_deliveries_channel_id_idx IS 'Deliveries of a channel in order of time; also serves its deletion.';
COMMENT ON INDEX @extschema@.alert_deliveries_alert_id_idx IS 'Deliveries of an alert to a channel, in order of time; also serves the deletion of an alert.';

-- Everything is checked here, before the constraints are: what they say shows the whole row, and with it a token that the
-- url may carry.
CREATE FUNCTION @extschema@.check_channel() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    address   CONSTANT text := '^[!#-''*+\-./0-9=?A-Z^_`a-z{|}~]+@[A-Za-z0-9.\-]+$';
    scheme    text;
    authority text;
    host      text;
    culprit   text;
    problem   text;
    hint      text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := now();
    END IF;
    SELECT key INTO culprit FROM (VALUES
        ('id', NEW.id IS NULL), ('channel_name', NEW.channel_name IS NULL), ('kind', NEW.kind IS NULL), ('url', NEW.url IS NULL),
        ('tls', NEW.tls IS NULL), ('min_severity', NEW.min_severity IS NULL), ('is_active', NEW.is_active IS NULL),
        ('created_at', NEW.created_at IS NULL), ('updated_at', NEW.updated_at IS NULL)) AS columns (key, missing)
     WHERE missing LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION '% of a channel must not be null', culprit
            USING ERRCODE = 'not_null_violation', COLUMN = culprit, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  HINT = CASE WHEN culprit IN ('channel_name', 'kind', 'url') THEN format('Set %s.', culprit)
                              ELSE format('Leave %s out for its default.', culprit) END;
    END IF;
    SELECT key, most INTO culprit, hint FROM (VALUES
        ('channel_name', length(NEW.channel_name), 100), ('url', length(NEW.url), 2000), ('sender', length(NEW.sender), 320),
        ('username', length(NEW.username), 255)) AS columns (key, characters, most)
     WHERE characters > most LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION '% of the channel is too long', culprit
            USING ERRCODE = 'string_data_right_truncation', COLUMN = culprit, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  HINT = format('%s characters are allowed.', hint);
    END IF;
    -- A line break would begin another header or command.
    SELECT key INTO culprit FROM (VALUES
        ('channel_name', NEW.channel_name::text), ('url', NEW.url), ('sender', NEW.sender), ('username', NEW.username),
        ('recipients', array_to_string(NEW.recipients, ' '))) AS columns (key, value)
     WHERE value ~ '[\u0001-\u001f\u007f]' LIMIT 1;

    scheme := lower(substring(NEW.url FROM '^([A-Za-z][A-Za-z0-9+.-]*)://'));
    authority := substring(NEW.url FROM '^[^:]*://([^/?#]*)');
    host := regexp_replace(authority, ':[0-9]*$', '');
    IF culprit IS NOT NULL THEN
        problem := format('%s of the channel has a control character', culprit);
        hint := format('Take line breaks, tabs and the like out of %s.', culprit);
    ELSIF NEW.channel_name = '' THEN
        culprit := 'channel_name';
        problem := 'channel_name is empty';
        hint := 'Give the channel a name.';
    ELSIF NEW.kind NOT IN ('webhook', 'email') THEN
        culprit := 'kind';
        problem := format('kind "%s" of a channel is not known', left(NEW.kind, 40));
        hint := 'Use webhook or email.';
    ELSIF NEW.tls NOT IN ('required', 'none') THEN
        culprit := 'tls';
        problem := format('tls "%s" of a channel is not known', left(NEW.tls, 40));
        hint := 'Use required or none.';
    ELSIF NEW.min_severity NOT IN ('info', 'warning', 'critical') THEN
        culprit := 'min_severity';
        problem := format('min_severity "%s" of a channel is not known', left(NEW.min_severity, 40));
        hint := 'Use info, warning or critical.';
    ELSIF scheme IS NULL OR scheme <> ALL (CASE NEW.kind WHEN 'webhook' THEN '{http,https}'::text[] ELSE '{smtp,smtps}' END) THEN
        culprit := 'url';
        problem := CASE WHEN scheme IS NULL THEN 'url of the channel has no scheme'
                        ELSE format('a channel of kind %s cannot have a url of scheme "%s"', NEW.kind, left(scheme, 40)) END;
        hint := CASE NEW.kind WHEN 'webhook' THEN 'Begin it with https:// or http://.' ELSE 'Begin it with smtp:// or smtps://.' END;
    ELSIF strpos(authority, '@') > 0 THEN
        culprit := 'url';
        problem := 'url of the channel has a user or password in it';
        hint := 'Put the user into username and the password into alert_channel_secrets, where not everybody sees it.';
    ELSIF NEW.url ~ '[\s\\]' OR authority !~ '^([A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$'
          OR substring(authority FROM ':([0-9]+)$')::numeric NOT BETWEEN 1 AND 65535 THEN
        culprit := 'url';
        problem := CASE WHEN host = '' THEN 'url of the channel has no host' ELSE 'url of the channel is malformed' END;
        hint := format('Write it as %s://host or %1$s://host:port; a name that is not ASCII in its form xn--.', scheme);
    ELSIF NEW.kind = 'webhook' AND num_nonnulls(NEW.sender, NEW.recipients) > 0 THEN
        culprit := CASE WHEN NEW.sender IS NULL THEN 'recipients' ELSE 'sender' END;
        problem := format('a webhook has no %s', culprit);
        hint := 'sender and recipients are for channels of kind email.';
    ELSIF NEW.tls = 'none' AND (NEW.kind = 'webhook' OR scheme = 'smtps') THEN
        culprit := 'tls';
        problem := format('tls of a channel with %s:// cannot be none', scheme);
        hint := 'The scheme says whether it is encrypted; tls is about smtp://.';
    ELSIF NEW.kind = 'email' AND NEW.url !~ '^[^:]*://[^/?#]*(/[A-Za-z0-9.\-\[\]:]*)?$' THEN
        culprit := 'url';
        problem := 'url of the mail server is malformed';
        hint := 'After the host may come a port, and the name for EHLO as a path.';
    ELSIF NEW.kind = 'email' AND (NEW.sender IS NULL OR NEW.sender !~ address) THEN
        culprit := 'sender';
        problem := CASE WHEN NEW.sender IS NULL THEN 'a channel of kind email needs a sender'
                        ELSE format('sender "%s" is not a mail address', left(NEW.sender, 80)) END;
        hint := 'Set sender to a plain address like alerts@example.com.';
    ELSIF NEW.kind = 'email' AND coalesce(cardinality(NEW.recipients), 0) = 0 THEN
        culprit := 'recipients';
        problem := 'a channel of kind email needs recipients';
        hint := 'Set recipients to an array of addresses like {guard@example.com}.';
    ELSIF NEW.kind = 'email' AND (cardinality(NEW.recipients) > 100 OR array_ndims(NEW.recipients) > 1) THEN
        culprit := 'recipients';
        problem := 'the channel has too many recipients';
        hint := 'Up to 100 in one list are allowed; make another channel, or a mailing list.';
    ELSIF NEW.kind = 'email' THEN
        SELECT coalesce(recipient, 'NULL') INTO problem FROM unnest(NEW.recipients) AS recipient
         WHERE recipient IS NULL OR length(recipient) > 320 OR recipient !~ address LIMIT 1;
        IF FOUND THEN
            culprit := 'recipients';
            problem := format('recipient "%s" is not a mail address', left(problem, 80));
            hint := 'Use plain addresses like guard@example.com.';
        END IF;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem
            USING ERRCODE = 'invalid_parameter_value', COLUMN = culprit, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA, HINT = hint;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.check_channel() IS
    'Trigger function of alert_channels: refuses an address that is not one, one with a password in it, and whatever could be taken for another header; sets updated_at.';

CREATE TRIGGER a_check BEFORE INSERT OR UPDATE ON @extschema@.alert_channels
    FOR EACH ROW EXECUTE FUNCTION @extschema@.check_channel();
COMMENT ON TRIGGER a_check ON @extschema@.alert_channels IS 'Checks the channel; sets updated_at.';

CREATE FUNCTION @extschema@.check_channel_secrets() RETURNS trigger
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    culprit text;
BEGIN
    -- Here, because the error of the constraint would show the row.
    IF NEW.channel_id IS NULL THEN
        RAISE EXCEPTION 'channel_id of the secrets must not be null'
            USING ERRCODE = 'not_null_violation', COLUMN = 'channel_id', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  HINT = 'Set channel_id, or use set_channel_secret().';
    END IF;
    SELECT key INTO culprit FROM (VALUES
        ('signing_key', NEW.signing_key), ('password', NEW.password), ('bearer_token', NEW.bearer_token)) AS columns (key, value)
     WHERE value ~ '[\u0001-\u001f\u007f]' OR value = '' OR length(value) > 8000 LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION '% is empty, too long, or has a control character', culprit
            USING ERRCODE = 'invalid_parameter_value', COLUMN = culprit, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
                  HINT = 'Use 1 to 8000 characters without a line break, or NULL for none.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.check_channel_secrets() IS
    'Trigger function of alert_channel_secrets: refuses what could be taken for another header. Its errors show no secret.';

CREATE TRIGGER a_check BEFORE INSERT OR UPDATE ON @extschema@.alert_channel_secrets
    FOR EACH ROW EXECUTE FUNCTION @extschema@.check_channel_secrets();
COMMENT ON TRIGGER a_check ON @extschema@.alert_channel_secrets IS 'Checks the secrets without showing them.';

-- The delivery worker is woken for what it has yet to try, not by what it writes down itself: that counts an attempt.
CREATE TRIGGER wake_insert AFTER INSERT ON @extschema@.alert_deliveries
    FOR EACH ROW WHEN (NEW.delivered_at IS NULL AND NEW.abandoned_at IS NULL)
    EXECUTE FUNCTION @extschema@.deliveries_changed();
COMMENT ON TRIGGER wake_insert ON @extschema@.alert_deliveries IS 'Wakes the delivery worker at commit.';
CREATE TRIGGER wake_update AFTER UPDATE ON @extschema@.alert_deliveries
    FOR EACH ROW WHEN (NEW.delivered_at IS NULL AND NEW.abandoned_at IS NULL AND NEW.attempts <= OLD.attempts)
    EXECUTE FUNCTION @extschema@.deliveries_changed();
COMMENT ON TRIGGER wake_update ON @extschema@.alert_deliveries IS 'Wakes the delivery worker when a delivery was made due.';
CREATE TRIGGER wake_update AFTER UPDATE ON @extschema@.alert_channels
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.deliveries_changed();
COMMENT ON TRIGGER wake_update ON @extschema@.alert_channels IS 'Wakes the delivery worker: what waited for the channel may go now.';

CREATE FUNCTION @extschema@.queue_alert_deliveries(alert_id uuid, event text, severity text, payload jsonb) RETURNS integer
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    severities CONSTANT text[] := '{info,warning,critical}';
    queued integer;
BEGIN
    -- Due when what is before it is: a later event of an alert does not overtake an earlier one. OFFSET 0 keeps the planner
    -- from looking for it among all that wait for the channel, as it would while the table is small.
    INSERT INTO @extschema@.alert_deliveries (channel_id, alert_id, event, payload, next_attempt_at)
    SELECT c.id, queue_alert_deliveries.alert_id, queue_alert_deliveries.event, queue_alert_deliveries.payload,
           greatest(now(), (SELECT max(earlier.next_attempt_at) FROM
               (SELECT d.channel_id, d.next_attempt_at, d.delivered_at, d.abandoned_at FROM @extschema@.alert_deliveries d
                 WHERE d.alert_id = queue_alert_deliveries.alert_id OFFSET 0) AS earlier
               WHERE earlier.channel_id = c.id AND earlier.delivered_at IS NULL AND earlier.abandoned_at IS NULL))
      FROM @extschema@.alert_channels c
     WHERE c.is_active
       AND array_position(severities, c.min_severity) <= array_position(severities, queue_alert_deliveries.severity);
    GET DIAGNOSTICS queued = ROW_COUNT;
    RETURN queued;
END
$$;
COMMENT ON FUNCTION @extschema@.queue_alert_deliveries(uuid, text, text, jsonb) IS
    'Queues an event of an alert for every active channel that wants its severity, in the transaction of the caller. Returns the number of channels.';
