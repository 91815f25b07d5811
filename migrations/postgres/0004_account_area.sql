-- The account area: a change of phone that waits, codes in notices, reports of strange things, choices of a person.
-- The SQLite twin of this file has the same tables, columns and NOT NULLs; a test compares them.

-- A new phone that answered its code. It takes effect later, unless somebody cancels.
CREATE TABLE phone_change (
    id             UUID NOT NULL PRIMARY KEY,
    person_id      UUID NOT NULL REFERENCES person (id),
    session_id     UUID NOT NULL,                 -- where it was asked for
    value_sealed   BYTEA NOT NULL,
    value_index    BYTEA NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL,
    effective_at   TIMESTAMPTZ NOT NULL,
    ended_at       TIMESTAMPTZ,
    outcome        TEXT                             -- applied | cancelled | replaced, NULL while it waits
);
-- One at a time for each person.
CREATE UNIQUE INDEX phone_change_waiting ON phone_change (person_id) WHERE ended_at IS NULL;
CREATE INDEX phone_change_due ON phone_change (effective_at) WHERE ended_at IS NULL;

-- A code in a notice after something risky: together with the personal number it stops things without signing in.
CREATE TABLE notice_code (
    id             UUID NOT NULL PRIMARY KEY,
    person_id      UUID NOT NULL REFERENCES person (id),
    code_index     BYTEA NOT NULL,                 -- keyed digest of person and code
    created_at     TIMESTAMPTZ NOT NULL,
    expires_at     TIMESTAMPTZ NOT NULL,
    used_at        TIMESTAMPTZ
);
CREATE UNIQUE INDEX notice_code_code ON notice_code (person_id, code_index);
CREATE INDEX notice_code_expires ON notice_code (expires_at);

-- "Not me": what a person reported, under a number that can be read out.
CREATE TABLE incident_report (
    id             UUID NOT NULL PRIMARY KEY,
    number         TEXT NOT NULL,                   -- 4TZ8-11KD
    person_id      UUID NOT NULL REFERENCES person (id),
    about          UUID,                          -- the audit event it is about
    action         TEXT NOT NULL,                   -- report | end_sessions | freeze
    created_at     TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX incident_report_number ON incident_report (number);
CREATE INDEX incident_report_created ON incident_report (created_at, id);

-- Choices of a person that are not a matter of one browser.
CREATE TABLE person_setting (
    person_id       UUID NOT NULL PRIMARY KEY REFERENCES person (id),
    notice_channel  TEXT NOT NULL,                  -- all | sms | email
    updated_at      TIMESTAMPTZ NOT NULL
);
