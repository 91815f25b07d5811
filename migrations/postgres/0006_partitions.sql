-- Tables whose rows end by time are divided by time, so that what expired goes by dropping a partition. Ids are UUIDv7:
-- a range of ids is a span of time. Partitions to come are made by the program (src/store/partition.rs), which knows the
-- clock; what fits none lies in the default partition meanwhile.
--
-- Nothing is copied: the table as it was becomes the first partition. It is read once, and the index of its secrets is
-- made anew; other statements wait for that (measured in docs/performance.md).
--
-- A partition can be dropped without a look at other tables because no foreign key leads from or to these tables. People,
-- clients and organizations are never deleted, and whoever honours a session, grant or token asks for its owner anyway.

-- Steps one: the table as it was, out of the way, with the names of its indexes.
CREATE FUNCTION pg_temp.step_aside(divided TEXT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    aside TEXT := divided || '_first';
    name TEXT;
BEGIN
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', divided);
    FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = divided::regclass AND contype = 'f' LOOP
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', divided, name);
    END LOOP;
    EXECUTE format('ALTER TABLE %I RENAME TO %I', divided, aside);
    FOR name IN SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = aside::regclass LOOP
        EXECUTE format('ALTER INDEX %I RENAME TO %I', name, replace(name, divided, aside));
    END LOOP;
END $$;

-- Step two, after the divided table and its indexes were made: the default partition, and the old rows as the first one. It
-- reaches to the end of the span (of so many days since 1970) in which its last row lies.
CREATE FUNCTION pg_temp.take_over(divided TEXT, key TEXT, days BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    aside TEXT := divided || '_first';
    span BIGINT := days * 86400000;
    last_key TEXT;
    millis BIGINT;
    bound TEXT;
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', divided || '_default', divided);
    EXECUTE format('SELECT %I::text FROM %I ORDER BY %1$I DESC LIMIT 1', key, aside) INTO last_key;
    IF last_key IS NULL THEN
        EXECUTE format('DROP TABLE %I', aside);
        RETURN;
    END IF;
    IF key = 'created_at' THEN
        millis := floor(extract(epoch FROM last_key::timestamptz) * 1000);
    ELSE
        millis := ('x' || lpad(substr(replace(last_key, '-', ''), 1, 12), 16, '0'))::bit(64)::bigint;
    END IF;
    millis := (millis / span + 1) * span;
    IF key = 'created_at' THEN
        bound := to_timestamp(millis / 1000)::text;
    ELSE
        bound := rpad(lpad(to_hex(millis), 12, '0'), 32, '0')::uuid::text;
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)', divided, aside, bound);
END $$;

-- Others before those they refer to: with their foreign keys.
SELECT pg_temp.step_aside('session_client');
SELECT pg_temp.step_aside('refresh_token');
SELECT pg_temp.step_aside('session');
SELECT pg_temp.step_aside('authorization_grant');
SELECT pg_temp.step_aside('sent_code');
SELECT pg_temp.step_aside('outbox');
SELECT pg_temp.step_aside('delivery');

-- A unique index of a divided table must contain the key by which it is divided. Digests of secrets are unique without the
-- database's word: they are of 192 random bits and more.
CREATE TABLE session (LIKE session_first INCLUDING DEFAULTS, PRIMARY KEY (id)) PARTITION BY RANGE (id);
DROP INDEX session_first_secret;
CREATE INDEX session_secret ON session (secret_digest);
CREATE INDEX session_person ON session (person_id, created_at);
CREATE INDEX session_expires ON session (expires_at);
SELECT pg_temp.take_over('session', 'id', 28);

-- By the session's id: it goes when its session has gone.
CREATE TABLE session_client (LIKE session_client_first INCLUDING DEFAULTS, PRIMARY KEY (session_id, client_id))
    PARTITION BY RANGE (session_id);
CREATE INDEX session_client_sid ON session_client (sid);
SELECT pg_temp.take_over('session_client', 'session_id', 28);

CREATE TABLE authorization_grant (LIKE authorization_grant_first INCLUDING DEFAULTS, PRIMARY KEY (id))
    PARTITION BY RANGE (id);
DROP INDEX authorization_grant_first_code;
CREATE INDEX authorization_grant_code ON authorization_grant (code_digest);
CREATE INDEX authorization_grant_session ON authorization_grant (session_id);
CREATE INDEX authorization_grant_person ON authorization_grant (person_id, created_at);
CREATE INDEX authorization_grant_expires ON authorization_grant (expires_at);
CREATE INDEX authorization_grant_organization ON authorization_grant (organization_id) WHERE organization_id IS NOT NULL AND ended_at IS NULL;
CREATE INDEX authorization_grant_client ON authorization_grant (client_id, ended_at);
SELECT pg_temp.take_over('authorization_grant', 'id', 28);

-- By the time of issue, which the token itself carries: a family's used generations need not wait for the family's end.
CREATE TABLE refresh_token (LIKE refresh_token_first INCLUDING DEFAULTS, PRIMARY KEY (digest, created_at))
    PARTITION BY RANGE (created_at);
ALTER TABLE refresh_token_first DROP CONSTRAINT refresh_token_first_pkey;
CREATE INDEX refresh_token_grant ON refresh_token (grant_id);
CREATE INDEX refresh_token_expires ON refresh_token (expires_at);
SELECT pg_temp.take_over('refresh_token', 'created_at', 7);

CREATE TABLE sent_code (LIKE sent_code_first INCLUDING DEFAULTS, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE INDEX sent_code_flow ON sent_code (flow_digest, created_at);
CREATE INDEX sent_code_expires ON sent_code (expires_at);
SELECT pg_temp.take_over('sent_code', 'id', 7);

CREATE TABLE outbox (LIKE outbox_first INCLUDING DEFAULTS, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE INDEX outbox_due ON outbox (finished_at, due_at);
CREATE INDEX outbox_reference ON outbox (reference);
SELECT pg_temp.take_over('outbox', 'id', 7);

-- By the message's id: it goes when its message has gone.
CREATE TABLE delivery (LIKE delivery_first INCLUDING DEFAULTS, PRIMARY KEY (outbox_id, id)) PARTITION BY RANGE (outbox_id);
ALTER TABLE delivery_first DROP CONSTRAINT delivery_first_pkey;
CREATE INDEX delivery_outbox ON delivery (outbox_id, at);
SELECT pg_temp.take_over('delivery', 'outbox_id', 7);

DROP FUNCTION pg_temp.step_aside(TEXT);
DROP FUNCTION pg_temp.take_over(TEXT, TEXT, BIGINT);
