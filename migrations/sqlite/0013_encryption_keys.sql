-- Keys that clients encrypt to, beside the keys that sign (RFC 9101 6.1).
CREATE TABLE encryption_key (
    id              BLOB NOT NULL PRIMARY KEY,
    kid             TEXT NOT NULL,                  -- RFC 7638 thumbprint
    algorithm       TEXT NOT NULL,                  -- ECDH-ES | RSA-OAEP-256
    private_sealed  BLOB NOT NULL,                  -- PKCS#8 v1 DER
    public_jwk      TEXT NOT NULL,                  -- JSON
    is_demo         INTEGER NOT NULL,
    published_at    INTEGER NOT NULL,               -- opens from here
    signs_from      INTEGER NOT NULL,               -- in JWKS from here: every node has read it
    signs_until     INTEGER,                        -- leaves JWKS; NULL: current
    retires_at      INTEGER,                        -- opens no longer: no cache can have it
    created_at      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX encryption_key_kid ON encryption_key (kid);
