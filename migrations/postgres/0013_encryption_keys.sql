-- Keys that clients encrypt to, beside the keys that sign (RFC 9101 6.1).
CREATE TABLE encryption_key (
    id              UUID NOT NULL PRIMARY KEY,
    kid             TEXT NOT NULL,                  -- RFC 7638 thumbprint
    algorithm       TEXT NOT NULL,                  -- ECDH-ES | RSA-OAEP-256
    private_sealed  BYTEA NOT NULL,                  -- PKCS#8 v1 DER
    public_jwk      TEXT NOT NULL,                  -- JSON
    is_demo         BOOLEAN NOT NULL,
    published_at    TIMESTAMPTZ NOT NULL,               -- opens from here
    signs_from      TIMESTAMPTZ NOT NULL,               -- in JWKS from here: every node has read it
    signs_until     TIMESTAMPTZ,                        -- leaves JWKS; NULL: current
    retires_at      TIMESTAMPTZ,                        -- opens no longer: no cache can have it
    created_at      TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX encryption_key_kid ON encryption_key (kid);
