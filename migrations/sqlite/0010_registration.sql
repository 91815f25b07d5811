-- Secrets that are replaced with an overlap, and clients that register themselves (RFC 7591, RFC 7592).
ALTER TABLE client ADD COLUMN secret_expires_at INTEGER;            -- NULL: the secret does not expire
ALTER TABLE client ADD COLUMN old_secret_digest BLOB;               -- SHA-256 of the secret before
ALTER TABLE client ADD COLUMN old_secret_until INTEGER;             -- until when that one is taken too
ALTER TABLE client ADD COLUMN secret_sealed BLOB;                   -- for client_secret_jwt only: a MAC needs the secret itself
ALTER TABLE client ADD COLUMN old_secret_sealed BLOB;
ALTER TABLE client ADD COLUMN origin TEXT NOT NULL DEFAULT 'operator';  -- operator | token | open
ALTER TABLE client ADD COLUMN registration_digest BLOB;             -- SHA-256 of the registration access token
ALTER TABLE client ADD COLUMN logo_digest BLOB;                     -- SHA-256 of its logo, where it was fetched

-- Clients that registered themselves, oldest first: for the sweeper.
CREATE INDEX client_by_origin ON client (origin, created_at);

-- Initial access tokens (RFC 7591 3): who may register.
CREATE TABLE initial_access_token (
    id          BLOB NOT NULL PRIMARY KEY,
    digest      BLOB NOT NULL,                      -- SHA-256
    note        TEXT NOT NULL,                      -- for whom it was made
    uses_left   INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX initial_access_token_digest ON initial_access_token (digest);

-- Logos of clients as fetched once: pages show these, never an address of somebody else.
CREATE TABLE client_logo (
    client_id   TEXT NOT NULL PRIMARY KEY REFERENCES client (client_id),
    media_type  TEXT NOT NULL,
    body        BLOB NOT NULL,
    digest      BLOB NOT NULL,                      -- SHA-256 of the body: part of its address
    fetched_at  INTEGER NOT NULL
) STRICT;
