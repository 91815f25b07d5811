-- Organizations, who represents them, and for whom a grant acts.

CREATE TABLE organization (
    id               BLOB NOT NULL PRIMARY KEY,
    code             TEXT NOT NULL,                 -- tax code (0199999511, 0199999511-001) or agency code (H01.02)
    kind             TEXT NOT NULL,                 -- enterprise | dependent_unit | state_body
    name             TEXT NOT NULL,                 -- as the register writes it
    register_status  TEXT NOT NULL,                 -- active | suspended | dissolved
    as_of            INTEGER NOT NULL,              -- when the register last said so
    account          TEXT NOT NULL,                 -- pending | open | refused
    application      INTEGER NOT NULL,              -- counts applications: a decision belongs to one of them
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX organization_code ON organization (code);

-- Whom the register names. A person without an account here may be among them: known by the index of the number only.
CREATE TABLE organization_representative (
    organization_id  BLOB NOT NULL REFERENCES organization (id),
    number_index     BLOB NOT NULL,                 -- keyed index of the personal number
    full_name        TEXT NOT NULL,                 -- shown to the others whose consent is waited for
    role             TEXT NOT NULL,                 -- legal_representative | head
    title            TEXT,
    as_of            INTEGER NOT NULL,
    checked_at       INTEGER NOT NULL,              -- last question, answered or not: claims the next one
    evidence         TEXT NOT NULL,                 -- JSON, ids of the exchange
    ended_at         INTEGER,
    ended_reason     TEXT,
    PRIMARY KEY (organization_id, number_index)
) STRICT;
CREATE INDEX organization_representative_number ON organization_representative (number_index);

-- What each representative said about opening the account: once an application.
CREATE TABLE organization_decision (
    organization_id  BLOB NOT NULL REFERENCES organization (id),
    application      INTEGER NOT NULL,
    person_id        BLOB NOT NULL REFERENCES person (id),
    agreed           INTEGER NOT NULL,
    decided_at       INTEGER NOT NULL,
    PRIMARY KEY (organization_id, application, person_id)
) STRICT;

-- An application that waits because the register did not answer.
CREATE TABLE organization_request (
    id           BLOB NOT NULL PRIMARY KEY,
    person_id    BLOB NOT NULL REFERENCES person (id),
    code         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    tried_at     INTEGER NOT NULL,
    ended_at     INTEGER,
    outcome      TEXT                               -- found | no_match, NULL while waiting
) STRICT;
CREATE INDEX organization_request_person ON organization_request (person_id, created_at);
CREATE INDEX organization_request_waiting ON organization_request (tried_at) WHERE ended_at IS NULL;

ALTER TABLE authorization_grant ADD COLUMN organization_id BLOB;    -- for whom the person acts; NULL: for themself
CREATE INDEX authorization_grant_organization ON authorization_grant (organization_id) WHERE organization_id IS NOT NULL AND ended_at IS NULL;
