-- By which door a grant came, and what it carries beyond its scope (JSON, src/protocol/grant_terms.rs).
ALTER TABLE authorization_grant ADD COLUMN origin TEXT NOT NULL DEFAULT 'code';     -- code | device | ciba
ALTER TABLE authorization_grant ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';
