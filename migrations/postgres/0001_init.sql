-- The first schema, PostgreSQL. Ids are UUIDs, digests 32 bytes; JSON is kept as text and never read inside SQL.
-- Columns named *_sealed hold AES-256-GCM ciphertext; *_index a keyed blind index of the same value.
-- The SQLite twin of this file has the same tables, columns and NOT NULLs; a test compares them.

CREATE TABLE person (
    id                  UUID NOT NULL PRIMARY KEY,
    status              TEXT NOT NULL,              -- active | locked | closed | deceased
    status_reason       TEXT,                       -- reason code of the last change of status
    identity_level      SMALLINT NOT NULL,           -- 0, 1, 2: how the person was proven
    register_state      TEXT NOT NULL,              -- verified | pending | mismatch | unknown
    register_as_of      TIMESTAMPTZ,                    -- when the register gave the answer we hold
    register_evidence   TEXT,                       -- JSON: ids of the exchange, kept as evidence
    full_name           TEXT NOT NULL,              -- NFC, as received
    name_key            TEXT NOT NULL,              -- folded match key (NGUYENVANA)
    name_search         TEXT NOT NULL,              -- accent-free lower case with spaces, for search
    birth_date_sealed   BYTEA NOT NULL,
    gender              TEXT,                       -- male | female | NULL when the register does not say
    number_sealed       BYTEA NOT NULL,              -- the personal number in force
    number_index        BYTEA NOT NULL,
    language            TEXT NOT NULL,              -- vi | en
    is_demo             BOOLEAN NOT NULL,           -- true: made by `demo`; `serve` refuses to start with such rows
    created_at          TIMESTAMPTZ NOT NULL,
    updated_at          TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX person_number_index ON person (number_index);
CREATE INDEX person_name_search ON person (name_search, id);
CREATE INDEX person_register_state ON person (register_state, updated_at);

CREATE TABLE person_number_history (
    id             UUID NOT NULL PRIMARY KEY,
    person_id      UUID NOT NULL REFERENCES person (id),
    number_sealed  BYTEA NOT NULL,
    number_index   BYTEA NOT NULL,
    set_at         TIMESTAMPTZ NOT NULL,
    cancelled_at   TIMESTAMPTZ,
    reason         TEXT
);
CREATE INDEX person_number_history_person ON person_number_history (person_id, set_at);
CREATE INDEX person_number_history_index ON person_number_history (number_index);

CREATE TABLE contact (
    id            UUID NOT NULL PRIMARY KEY,
    person_id     UUID NOT NULL REFERENCES person (id),
    kind          TEXT NOT NULL,                    -- phone | email
    value_sealed  BYTEA NOT NULL,
    value_index   BYTEA NOT NULL,
    verified_at   TIMESTAMPTZ,
    ended_at      TIMESTAMPTZ,
    created_at    TIMESTAMPTZ NOT NULL
);
CREATE INDEX contact_person ON contact (person_id, kind);
CREATE INDEX contact_value_index ON contact (value_index, kind);

-- Pairwise subject per sector (agency). The text is derived once and never changes.
CREATE TABLE pairwise_subject (
    sector      TEXT NOT NULL,
    person_id   UUID NOT NULL REFERENCES person (id),
    subject     TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (sector, person_id)
);
CREATE UNIQUE INDEX pairwise_subject_subject ON pairwise_subject (subject);

CREATE TABLE passkey (
    id             UUID NOT NULL PRIMARY KEY,
    person_id      UUID NOT NULL REFERENCES person (id),
    credential     BYTEA NOT NULL,                   -- WebAuthn credential id
    state          TEXT NOT NULL,                   -- JSON of the public key, counter and flags
    name           TEXT NOT NULL,
    aaguid         UUID,
    transports     TEXT NOT NULL,                   -- JSON array
    backed_up      BOOLEAN NOT NULL,                -- true: synced
    created_at     TIMESTAMPTZ NOT NULL,
    settles_at     TIMESTAMPTZ NOT NULL,                -- before this time it cannot authorise changes of other credentials
    last_used_at   TIMESTAMPTZ,
    ended_at       TIMESTAMPTZ
);
CREATE UNIQUE INDEX passkey_credential ON passkey (credential);
CREATE INDEX passkey_person ON passkey (person_id, created_at);

CREATE TABLE password (
    person_id   UUID NOT NULL PRIMARY KEY REFERENCES person (id),
    hash        TEXT NOT NULL,                      -- PHC string, argon2id
    changed_at  TIMESTAMPTZ NOT NULL
);

CREATE TABLE totp (
    id             UUID NOT NULL PRIMARY KEY,
    person_id      UUID NOT NULL REFERENCES person (id),
    secret_sealed  BYTEA NOT NULL,
    last_step      BIGINT,                         -- the newest step accepted: an older or equal one is refused
    confirmed_at   TIMESTAMPTZ,
    created_at     TIMESTAMPTZ NOT NULL,
    ended_at       TIMESTAMPTZ
);
CREATE INDEX totp_person ON totp (person_id, created_at);

CREATE TABLE recovery_code (
    id          UUID NOT NULL PRIMARY KEY,
    person_id   UUID NOT NULL REFERENCES person (id),
    code_index  BYTEA NOT NULL,                      -- keyed digest of the printed code
    created_at  TIMESTAMPTZ NOT NULL,
    used_at     TIMESTAMPTZ,
    ended_at    TIMESTAMPTZ                             -- replaced by a newer set
);
CREATE UNIQUE INDEX recovery_code_code ON recovery_code (person_id, code_index);

-- A code sent by SMS or read out. `person_id` is NULL for a number nobody registered: same rows, same work.
CREATE TABLE sent_code (
    id            UUID NOT NULL PRIMARY KEY,
    flow_digest   BYTEA NOT NULL,                    -- the interaction it belongs to
    person_id     UUID,
    purpose       TEXT NOT NULL,                    -- sign_in | create_account | confirm
    channel       TEXT NOT NULL,                    -- sms | voice
    contact_index BYTEA NOT NULL,
    code_digest   BYTEA NOT NULL,                    -- keyed digest of flow and code
    tries_left    INTEGER NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL,
    used_at       TIMESTAMPTZ
);
CREATE INDEX sent_code_flow ON sent_code (flow_digest, created_at);
CREATE INDEX sent_code_expires ON sent_code (expires_at);

-- Durable counters of failures and sendings.
CREATE TABLE throttle (
    scope         TEXT NOT NULL,                    -- what is counted: code:person, password:person, send:phone, match:number ...
    subject       BYTEA NOT NULL,                    -- digest of whom it is counted for
    failures      INTEGER NOT NULL,
    first_at      TIMESTAMPTZ NOT NULL,
    last_at       TIMESTAMPTZ NOT NULL,
    paused_until  TIMESTAMPTZ,
    PRIMARY KEY (scope, subject)
);
CREATE INDEX throttle_last ON throttle (last_at);

-- Digests of artefacts that were consumed: assertion ids, WebAuthn challenges, interactions. A second insert loses.
CREATE TABLE spent_artefact (
    kind        TEXT NOT NULL,                      -- client_assertion | passkey_challenge | interaction_step | revoked_access_token
    digest      BYTEA NOT NULL,
    spent_at    TIMESTAMPTZ NOT NULL,
    expires_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (kind, digest)
);
CREATE INDEX spent_artefact_expires ON spent_artefact (expires_at);

CREATE TABLE client (
    client_id      TEXT NOT NULL PRIMARY KEY,
    metadata       TEXT NOT NULL,                   -- JSON, RFC 7591 with our extension members
    secret_digest  BYTEA,                            -- SHA-256; NULL for clients without a secret
    sector         TEXT NOT NULL,                   -- sector identifier for pairwise subjects
    status         TEXT NOT NULL,                   -- active | disabled
    is_demo        BOOLEAN NOT NULL,
    version        INTEGER NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL,
    updated_at     TIMESTAMPTZ NOT NULL
);

-- A data-sharing agreement: the only ground on which a claim leaves.
CREATE TABLE agreement (
    id           UUID NOT NULL PRIMARY KEY,
    client_id    TEXT NOT NULL REFERENCES client (client_id),
    claims       TEXT NOT NULL,                     -- JSON array of claim names
    purpose_vi   TEXT NOT NULL,
    purpose_en   TEXT NOT NULL,
    legal_basis  TEXT NOT NULL,
    basis_kind   TEXT NOT NULL,                     -- consent | law
    starts_at    TIMESTAMPTZ NOT NULL,
    ends_at      TIMESTAMPTZ NOT NULL,
    suspended_at TIMESTAMPTZ
);
CREATE INDEX agreement_client ON agreement (client_id, ends_at);

CREATE TABLE consent (
    person_id   UUID NOT NULL REFERENCES person (id),
    client_id   TEXT NOT NULL REFERENCES client (client_id),
    claims      TEXT NOT NULL,                      -- JSON array: what was shown and accepted
    refused     TEXT NOT NULL,                      -- JSON array: optional claims that were refused
    given_at    TIMESTAMPTZ NOT NULL,
    expires_at  TIMESTAMPTZ NOT NULL,
    ended_at    TIMESTAMPTZ,
    PRIMARY KEY (person_id, client_id)
);

CREATE TABLE disclosure (
    id            UUID NOT NULL PRIMARY KEY,
    person_id     UUID NOT NULL REFERENCES person (id),
    client_id     TEXT NOT NULL REFERENCES client (client_id),
    agreement_id  UUID,
    grant_id      UUID NOT NULL,
    claims        TEXT NOT NULL,                    -- JSON array of names, never values
    at            TIMESTAMPTZ NOT NULL
);
CREATE INDEX disclosure_person ON disclosure (person_id, at);

CREATE TABLE session (
    id                    UUID NOT NULL PRIMARY KEY,
    secret_digest         BYTEA NOT NULL,            -- SHA-256 of the cookie
    person_id             UUID NOT NULL REFERENCES person (id),
    authentication_level  SMALLINT NOT NULL,
    methods               TEXT NOT NULL,            -- JSON array of the proofs given
    settled               BOOLEAN NOT NULL,         -- false: rests on a passkey of its first day
    authenticated_at      TIMESTAMPTZ NOT NULL,
    created_at            TIMESTAMPTZ NOT NULL,
    last_seen_at          TIMESTAMPTZ NOT NULL,
    idle_expires_at       TIMESTAMPTZ NOT NULL,
    expires_at            TIMESTAMPTZ NOT NULL,
    device                TEXT NOT NULL,            -- short label made from the user agent, such as "Chrome, Android"
    ended_at              TIMESTAMPTZ,
    ended_reason          TEXT
);
CREATE UNIQUE INDEX session_secret ON session (secret_digest);
CREATE INDEX session_person ON session (person_id, created_at);
CREATE INDEX session_expires ON session (expires_at);

-- Which clients a session has signed in to; `sid` differs for each, so that portals cannot compare it.
CREATE TABLE session_client (
    session_id    UUID NOT NULL REFERENCES session (id),
    client_id     TEXT NOT NULL REFERENCES client (client_id),
    sid           UUID NOT NULL,
    first_at      TIMESTAMPTZ NOT NULL,
    last_at       TIMESTAMPTZ NOT NULL,
    ended_at      TIMESTAMPTZ,
    PRIMARY KEY (session_id, client_id)
);
CREATE INDEX session_client_sid ON session_client (sid);

-- One authorization and the token family that grows from it.
CREATE TABLE authorization_grant (
    id                    UUID NOT NULL PRIMARY KEY,
    client_id             TEXT NOT NULL REFERENCES client (client_id),
    person_id             UUID NOT NULL REFERENCES person (id),
    session_id            UUID NOT NULL,
    sid                   UUID NOT NULL,
    subject               TEXT NOT NULL,            -- pairwise subject
    scope                 TEXT NOT NULL,
    claims_id_token       TEXT NOT NULL,            -- JSON array of claim names released in the ID token
    claims_userinfo       TEXT NOT NULL,            -- JSON array of claim names released at userinfo
    agreement_id          UUID,
    nonce                 TEXT,
    redirect_uri          TEXT NOT NULL,
    redirect_uri_sent     BOOLEAN NOT NULL,         -- true: the token request must repeat it
    code_digest           BYTEA NOT NULL,
    code_challenge        TEXT,
    code_expires_at       TIMESTAMPTZ NOT NULL,
    code_used_at          TIMESTAMPTZ,
    acr                   TEXT NOT NULL,
    methods               TEXT NOT NULL,            -- JSON array of the proofs given
    authentication_level  SMALLINT NOT NULL,
    identity_level        SMALLINT NOT NULL,
    authenticated_at      TIMESTAMPTZ NOT NULL,
    offline               BOOLEAN NOT NULL,         -- true: offline_access, outlives the session
    created_at            TIMESTAMPTZ NOT NULL,
    expires_at            TIMESTAMPTZ NOT NULL,         -- absolute end of the family
    ended_at              TIMESTAMPTZ,
    ended_reason          TEXT
);
CREATE UNIQUE INDEX authorization_grant_code ON authorization_grant (code_digest);
CREATE INDEX authorization_grant_session ON authorization_grant (session_id);
CREATE INDEX authorization_grant_person ON authorization_grant (person_id, created_at);
CREATE INDEX authorization_grant_expires ON authorization_grant (expires_at);

CREATE TABLE refresh_token (
    digest      BYTEA NOT NULL PRIMARY KEY,
    grant_id    UUID NOT NULL REFERENCES authorization_grant (id),
    scope       TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    expires_at  TIMESTAMPTZ NOT NULL,                   -- end by inactivity
    used_at     TIMESTAMPTZ
);
CREATE INDEX refresh_token_grant ON refresh_token (grant_id);
CREATE INDEX refresh_token_expires ON refresh_token (expires_at);

CREATE TABLE signing_key (
    id              UUID NOT NULL PRIMARY KEY,
    kid             TEXT NOT NULL,                  -- RFC 7638 thumbprint
    algorithm       TEXT NOT NULL,                  -- ES256 | RS256 | PS256 | EdDSA
    private_sealed  BYTEA NOT NULL,                  -- PKCS#8 v1 DER
    public_jwk      TEXT NOT NULL,                  -- JSON
    is_demo         BOOLEAN NOT NULL,
    published_at    TIMESTAMPTZ NOT NULL,               -- in JWKS from here
    signs_from      TIMESTAMPTZ NOT NULL,               -- not used before: caches must have seen it
    signs_until     TIMESTAMPTZ,                        -- NULL: current
    retires_at      TIMESTAMPTZ,                        -- leaves JWKS after its last token ended
    created_at      TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX signing_key_kid ON signing_key (kid);

CREATE TABLE outbox (
    id             UUID NOT NULL PRIMARY KEY,
    kind           TEXT NOT NULL,                   -- sms | voice | email | backchannel_logout | none
    payload_sealed BYTEA NOT NULL,
    reference      TEXT,                            -- what the record is about, without personal data
    due_at         TIMESTAMPTZ NOT NULL,
    attempts       INTEGER NOT NULL,
    claimed_until  TIMESTAMPTZ,
    created_at     TIMESTAMPTZ NOT NULL,
    give_up_at     TIMESTAMPTZ NOT NULL,
    finished_at    TIMESTAMPTZ,
    outcome        TEXT,                            -- delivered | given_up, NULL while waiting
    last_error     TEXT
);
CREATE INDEX outbox_due ON outbox (finished_at, due_at);
CREATE INDEX outbox_reference ON outbox (reference);

-- The record of each delivery attempt of a back-channel logout or message.
CREATE TABLE delivery (
    id          UUID NOT NULL PRIMARY KEY,
    outbox_id   UUID NOT NULL,
    at          TIMESTAMPTZ NOT NULL,
    ok          BOOLEAN NOT NULL,
    detail      TEXT NOT NULL                       -- status or error class, never content
);
CREATE INDEX delivery_outbox ON delivery (outbox_id, at);

-- Messages of the test inbox (demo and tests only).
CREATE TABLE test_message (
    id              UUID NOT NULL PRIMARY KEY,
    kind            TEXT NOT NULL,
    recipient       TEXT NOT NULL,
    body            TEXT NOT NULL,
    at              TIMESTAMPTZ NOT NULL
);
CREATE INDEX test_message_at ON test_message (at);

CREATE TABLE audit_event (
    id           UUID NOT NULL PRIMARY KEY,
    at           TIMESTAMPTZ NOT NULL,
    kind         TEXT NOT NULL,                     -- see src/audit
    person_id    UUID,
    client_id    TEXT,
    session_id   UUID,
    grant_id     UUID,
    request_id   TEXT,
    detail       TEXT NOT NULL                      -- JSON of the typed event, without personal data
);
CREATE INDEX audit_event_person ON audit_event (person_id, at);
CREATE INDEX audit_event_at ON audit_event (at);
CREATE INDEX audit_event_grant ON audit_event (grant_id);

-- Small facts about the installation: the environment it was made for, the salt id of subjects.
CREATE TABLE installation (
    name   TEXT NOT NULL PRIMARY KEY,
    value  TEXT NOT NULL
);
