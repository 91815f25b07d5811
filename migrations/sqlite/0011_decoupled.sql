-- Authorizations that a person gives on another device than the one that asks: by a code typed in (RFC 8628), or after a
-- portal asked for them (OpenID Connect CIBA). What was given is an authorization_grant whose code_digest is
-- secret_digest, so that it is redeemed once, like a code.
-- The PostgreSQL twin of this file has the same tables, columns and NOT NULLs; a test compares them.
CREATE TABLE decoupled_authorization (
    id                BLOB NOT NULL PRIMARY KEY,
    kind              TEXT NOT NULL,              -- device | ciba
    secret_digest     BLOB NOT NULL,              -- SHA-256 of device_code or auth_req_id
    user_code_index   BLOB,                       -- keyed digest of the code to be typed in; of a device only
    client_id         TEXT NOT NULL,
    person_id         BLOB REFERENCES person (id), -- whom the hint names (NULL: nobody), or who decided
    request_sealed    BLOB NOT NULL,
    state             TEXT NOT NULL,              -- waiting | approved | denied | expired
    interval_seconds  INTEGER NOT NULL,           -- between two polls
    polled_at         INTEGER,
    created_at        INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    decided_at        INTEGER
) STRICT;
CREATE UNIQUE INDEX decoupled_authorization_secret ON decoupled_authorization (secret_digest);
CREATE UNIQUE INDEX decoupled_authorization_user_code ON decoupled_authorization (user_code_index);
CREATE INDEX decoupled_authorization_person ON decoupled_authorization (person_id, created_at, id);
CREATE INDEX decoupled_authorization_expires ON decoupled_authorization (expires_at);
