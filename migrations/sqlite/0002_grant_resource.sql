-- RFC 8707: the resources an authorization was asked for, as a JSON array; empty when the request named none. The token
-- endpoint gives tokens for these or fewer.
ALTER TABLE authorization_grant ADD COLUMN resource TEXT NOT NULL DEFAULT '[]';
