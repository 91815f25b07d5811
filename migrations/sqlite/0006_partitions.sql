-- PostgreSQL divides its growing tables by time here. SQLite has no partitions: what expired goes in bounded batches.
SELECT 1;
