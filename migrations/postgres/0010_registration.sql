-- Secrets that are replaced with an overlap, and clients that register themselves (RFC 7591, RFC 7592).
ALTER TABLE client ADD COLUMN secret_expires_at TIMESTAMPTZ;            -- NULL: the secret does not expire
ALTER TABLE client ADD COLUMN old_secret_digest BYTEA;               -- SHA-256 of the secret before
ALTER TABLE client ADD COLUMN old_secret_until TIMESTAMPTZ;             -- until when that one is taken too
ALTER TABLE client ADD COLUMN secret_sealed BYTEA;                   -- for client_secret_jwt only: a MAC needs the secret itself
ALTER TABLE client ADD COLUMN old_secret_sealed BYTEA;
ALTER TABLE client ADD COLUMN origin TEXT NOT NULL DEFAULT 'operator';  -- operator | token | open
ALTER TABLE client ADD COLUMN registration_digest BYTEA;             -- SHA-256 of the registration access token
ALTER TABLE client ADD COLUMN logo_digest BYTEA;                     -- SHA-256 of its logo, where it was fetched

-- Clients that registered themselves, oldest first: for the sweeper.
CREATE INDEX client_by_origin ON client (origin, created_at);

-- Initial access tokens (RFC 7591 3): who may register.
CREATE TABLE initial_access_token (
    id          UUID NOT NULL PRIMARY KEY,
    digest      BYTEA NOT NULL,                      -- SHA-256
    note        TEXT NOT NULL,                      -- for whom it was made
    uses_left   INTEGER NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    expires_at  TIMESTAMPTZ NOT NULL,
    revoked_at  TIMESTAMPTZ
);
CREATE UNIQUE INDEX initial_access_token_digest ON initial_access_token (digest);

-- Logos of clients as fetched once: pages show these, never an address of somebody else.
CREATE TABLE client_logo (
    client_id   TEXT NOT NULL PRIMARY KEY REFERENCES client (client_id),
    media_type  TEXT NOT NULL,
    body        BYTEA NOT NULL,
    digest      BYTEA NOT NULL,                      -- SHA-256 of the body: part of its address
    fetched_at  TIMESTAMPTZ NOT NULL
);
