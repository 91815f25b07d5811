-- Where a session was begun, by the operator's own list of networks; the address itself is never kept.
ALTER TABLE session ADD COLUMN place TEXT;
