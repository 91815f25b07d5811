-- The account area: a change of phone that waits, codes in notices, reports of strange things, choices of a person.
-- The PostgreSQL twin of this file has the same tables, columns and NOT NULLs; a test compares them.

-- A new phone that answered its code. It takes effect later, unless somebody cancels.
CREATE TABLE phone_change (
    id             BLOB NOT NULL PRIMARY KEY,
    person_id      BLOB NOT NULL REFERENCES person (id),
    session_id     BLOB NOT NULL,                 -- where it was asked for
    value_sealed   BLOB NOT NULL,
    value_index    BLOB NOT NULL,
    created_at     INTEGER NOT NULL,
    effective_at   INTEGER NOT NULL,
    ended_at       INTEGER,
    outcome        TEXT                             -- applied | cancelled | replaced, NULL while it waits
) STRICT;
-- One at a time for each person.
CREATE UNIQUE INDEX phone_change_waiting ON phone_change (person_id) WHERE ended_at IS NULL;
CREATE INDEX phone_change_due ON phone_change (effective_at) WHERE ended_at IS NULL;

-- A code in a notice after something risky: together with the personal number it stops things without signing in.
CREATE TABLE notice_code (
    id             BLOB NOT NULL PRIMARY KEY,
    person_id      BLOB NOT NULL REFERENCES person (id),
    code_index     BLOB NOT NULL,                 -- keyed digest of person and code
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    used_at        INTEGER
) STRICT;
CREATE UNIQUE INDEX notice_code_code ON notice_code (person_id, code_index);
CREATE INDEX notice_code_expires ON notice_code (expires_at);

-- "Not me": what a person reported, under a number that can be read out.
CREATE TABLE incident_report (
    id             BLOB NOT NULL PRIMARY KEY,
    number         TEXT NOT NULL,                   -- 4TZ8-11KD
    person_id      BLOB NOT NULL REFERENCES person (id),
    about          BLOB,                          -- the audit event it is about
    action         TEXT NOT NULL,                   -- report | end_sessions | freeze
    created_at     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX incident_report_number ON incident_report (number);
CREATE INDEX incident_report_created ON incident_report (created_at, id);

-- Choices of a person that are not a matter of one browser.
CREATE TABLE person_setting (
    person_id       BLOB NOT NULL PRIMARY KEY REFERENCES person (id),
    notice_channel  TEXT NOT NULL,                  -- all | sms | email
    updated_at      INTEGER NOT NULL
) STRICT;
