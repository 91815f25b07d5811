-- By which door a grant came, and what it carries beyond its scope (JSON, src/protocol/grant_terms.rs).
ALTER TABLE authorization_grant ADD COLUMN origin TEXT NOT NULL DEFAULT 'code';     -- code | device | ciba
ALTER TABLE authorization_grant ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';
-- The key that must come with a refresh token of a client that cannot prove itself (RFC 9449 5); JSON as in `cnf`.
ALTER TABLE refresh_token ADD COLUMN bound_to TEXT;
