//! Tables divided by time on PostgreSQL: partitions are made ahead, and dropped when nothing in them matters any more.
//!
//! Rows are put into spans of whole days since 1970 by an id, whose first bits are its time (UUIDv7), or by a time. What
//! fits no span lies in the default partition until its span is made; then it is moved. On SQLite nothing is divided and
//! every function here has nothing to do.
//!
//! Each change is a transaction of its own that waits for locks less long than PostgreSQL takes to look for a deadlock:
//! if somebody has to give way, it is this. It is tried again at the next round.

use super::{Db, Error};
use crate::base::Timestamp;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::time::Duration;
use uuid::Uuid;

const DAY_MILLIS: i64 = 86_400_000;
/// How far ahead partitions are made: so long the program may stand still before rows go to the default partition.
const AHEAD_MILLIS: i64 = 14 * DAY_MILLIS;
/// Spans made at a round because rows of theirs lay in the default partition.
const STRAYS_AT_ONCE: usize = 8;
/// One node at a time: others leave it at that.
const ADVISORY_LOCK: i64 = 0x6469_6e68_6461_6e68;

/// The column that decides into which span a row falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A UUIDv7.
    Id(&'static str),
    /// A time.
    Time(&'static str),
}

/// How long rows must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stays {
    /// While this holds of one of them; `$1` is the time that counts as past.
    While(&'static str),
    /// As long as this table has rows of the same span; the column is its key.
    With(&'static str, &'static str),
}

/// A divided table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divided {
    /// Its name.
    pub table: &'static str,
    /// What divides it.
    pub key: Key,
    /// The length of a span.
    pub days: i64,
    /// When a span may go.
    pub stays: Stays,
    /// For how long what ended is kept.
    pub retention: Duration,
}

/// A part of a divided table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Partition {
    name: String,
    /// Milliseconds since 1970, first and first beyond; `None` without a first. The default partition has no bounds.
    bounds: Option<(Option<i64>, i64)>,
}

/// What a round did to a table, and found in it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Partitions made.
    pub made: usize,
    /// Partitions dropped.
    pub dropped: usize,
    /// Rows had come for which no partition was ready.
    pub strays: bool,
}

/// What an operator should know of a divided table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// There is a partition for what comes now.
    pub ready: bool,
    /// Rows lie in the default partition.
    pub strays: bool,
}

impl Divided {
    const fn column(&self) -> &'static str {
        match self.key {
            Key::Id(column) | Key::Time(column) => column,
        }
    }

    const fn span(&self) -> i64 {
        self.days * DAY_MILLIS
    }

    const fn start_of(&self, millis: i64) -> i64 {
        millis.div_euclid(self.span()) * self.span()
    }

    fn default_partition(&self) -> String {
        format!("{}_default", self.table)
    }

    /// The partition of a span is named by its first day.
    fn partition_of(&self, start: i64) -> String {
        let day = Timestamp::from_micros(start * 1_000).to_utc().date();
        format!("{}_{:04}{:02}{:02}", self.table, day.year(), u8::from(day.month()), day.day())
    }

    /// A bound as text for SQL: only digits and signs.
    fn bound(&self, millis: i64) -> String {
        match self.key {
            Key::Id(_) => Uuid::from_u128(u128::from(millis.unsigned_abs()) << 80).to_string(),
            Key::Time(_) => Timestamp::from_micros(millis * 1_000).to_string(),
        }
    }

    fn within(&self, column: &str, (first, beyond): (Option<i64>, i64)) -> String {
        let above = first.map(|first| format!("{column} >= '{}' AND ", self.bound(first))).unwrap_or_default();
        format!("{above}{column} < '{}'", self.bound(beyond))
    }
}

/// Makes the partitions that `now` and the next two weeks need, moves what lies in the default partition, and drops those
/// in which every row ended longer ago than it is kept. Answers at once when another node is at it.
///
/// # Errors
/// What the store said; also when a lock could not be had in time. What was done before stays done.
pub async fn keep(db: &Db, divided: &Divided, now: Timestamp) -> Result<Kept, Error> {
    let Db::Postgres(pool) = db else { return Ok(Kept::default()) };
    let mut connection = pool.acquire().await?;
    let mut kept = Kept::default();
    let millis = now.micros() / 1_000;
    let mut start = divided.start_of(millis);
    while start <= millis + AHEAD_MILLIS {
        kept.made += usize::from(make(&mut connection, divided, start).await?);
        start += divided.span();
    }
    for _ in 0..STRAYS_AT_ONCE {
        let Some(stray) = first_stray(&mut connection, divided).await? else { break };
        kept.strays = true;
        kept.made += usize::from(make(&mut connection, divided, divided.start_of(stray)).await?);
    }
    let past = now.minus(divided.retention);
    for partition in list(&mut connection, divided.table).await? {
        if partition.bounds.is_some_and(|(_, beyond)| beyond <= past.micros() / 1_000) {
            kept.dropped += usize::from(drop_ended(&mut connection, divided, &partition, past).await?);
        }
    }
    Ok(kept)
}

/// How a divided table stands. On SQLite always well.
///
/// # Errors
/// What the store said.
pub async fn state(db: &Db, divided: &Divided, now: Timestamp) -> Result<State, Error> {
    let Db::Postgres(pool) = db else { return Ok(State { ready: true, strays: false }) };
    let mut connection = pool.acquire().await?;
    let partitions = list(&mut connection, divided.table).await?;
    let ready = covers(&partitions, divided.start_of(now.micros() / 1_000));
    Ok(State { ready, strays: first_stray(&mut connection, divided).await?.is_some() })
}

fn covers(partitions: &[Partition], start: i64) -> bool {
    let bounds = partitions.iter().filter_map(|partition| partition.bounds);
    bounds.into_iter().any(|(first, beyond)| first.is_none_or(|first| first <= start) && start < beyond)
}

async fn list(connection: &mut PgConnection, table: &'static str) -> Result<Vec<Partition>, Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, pg_get_expr(c.relpartbound, c.oid)
         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = to_regclass($1) ORDER BY c.relname",
    )
    .bind(table)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(name, bounds)| Partition { name, bounds: parse_bounds(&bounds) }).collect())
}

/// `FOR VALUES FROM ('…') TO ('…')`, `FOR VALUES FROM (MINVALUE) TO ('…')` or `DEFAULT`.
fn parse_bounds(text: &str) -> Option<(Option<i64>, i64)> {
    let (first, beyond) = text.strip_prefix("FOR VALUES FROM (")?.split_once(") TO (")?;
    Some((parse_bound(first), parse_bound(beyond.strip_suffix(')')?)?))
}

fn parse_bound(text: &str) -> Option<i64> {
    const TIME: &[time::format_description::BorrowedFormatItem<'_>] =
        time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second][offset_hour sign:mandatory]");
    let text = text.trim_matches('\'');
    if let Ok(id) = Uuid::parse_str(text) {
        return i64::try_from(id.as_u128() >> 80).ok();
    }
    time::OffsetDateTime::parse(text, TIME).ok().map(|at| Timestamp::from(at).micros() / 1_000)
}

/// The time of the first row of the default partition.
async fn first_stray(connection: &mut PgConnection, divided: &Divided) -> Result<Option<i64>, Error> {
    let (column, from) = (divided.column(), divided.default_partition());
    let text = format!("SELECT {column}::text FROM {from} ORDER BY {column} LIMIT 1");
    let found: Option<String> = sqlx::query_scalar(AssertSqlSafe(text)).fetch_optional(connection).await?;
    let Some(found) = found else { return Ok(None) };
    // A time with parts of a second is cut: its span begins at a full day.
    let whole = found.split_once('.').map_or_else(|| found.clone(), |(start, _)| format!("{start}+00"));
    Ok(parse_bound(&whole))
}

/// Begins a change; `None` while another node is at one.
async fn begin(connection: &mut PgConnection) -> Result<Option<sqlx::Transaction<'_, sqlx::Postgres>>, Error> {
    let mut tx = connection.begin().await?;
    sqlx::raw_sql("SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '60s'").execute(&mut *tx).await?;
    let mine = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(ADVISORY_LOCK);
    let mine: bool = mine.fetch_one(&mut *tx).await?;
    Ok(mine.then_some(tx))
}

/// Makes the partition of a span and moves its rows there. `false`: there is one, or another node is at it.
async fn make(connection: &mut PgConnection, divided: &Divided, start: i64) -> Result<bool, Error> {
    if covers(&list(connection, divided.table).await?, start) {
        return Ok(false);
    }
    let Some(mut tx) = begin(connection).await? else { return Ok(false) };
    if covers(&list(&mut tx, divided.table).await?, start) {
        return Ok(false);
    }
    let (table, column, from) = (divided.table, divided.column(), divided.default_partition());
    let (name, beyond) = (divided.partition_of(start), start + divided.span());
    let within = divided.within(column, (Some(start), beyond));
    let (first, beyond) = (divided.bound(start), divided.bound(beyond));
    // Who waits for the default partition afterwards sees the new one, and every row once.
    let text = format!(
        "LOCK TABLE {from} IN ACCESS EXCLUSIVE MODE;
         CREATE TABLE {name} (LIKE {table} INCLUDING ALL);
         WITH moved AS (DELETE FROM {from} WHERE {within} RETURNING *) INSERT INTO {name} SELECT * FROM moved;
         ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{beyond}')"
    );
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(true)
}

/// Drops a partition if nothing in it has to stay: looked at before, so that nobody waits in vain, and again when nobody
/// can change it any more.
async fn drop_ended(
    connection: &mut PgConnection,
    divided: &Divided,
    partition: &Partition,
    past: Timestamp,
) -> Result<bool, Error> {
    if is_needed(connection, divided, partition, past).await? {
        return Ok(false);
    }
    let Some(mut tx) = begin(connection).await? else { return Ok(false) };
    // The table before its part, as every statement takes them.
    let text = format!("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE", divided.table);
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *tx).await?;
    let there = list(&mut tx, divided.table).await?.contains(partition);
    if !there || is_needed(&mut tx, divided, partition, past).await? {
        return Ok(false);
    }
    sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE {}", partition.name))).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(true)
}

async fn is_needed(
    connection: &mut PgConnection,
    divided: &Divided,
    partition: &Partition,
    past: Timestamp,
) -> Result<bool, Error> {
    let Some(bounds) = partition.bounds else { return Ok(true) };
    Ok(match divided.stays {
        Stays::While(condition) => {
            let text = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE {condition})", partition.name);
            sqlx::query_scalar(AssertSqlSafe(text)).bind(past).fetch_one(connection).await?
        }
        Stays::With(table, column) => {
            let within = divided.within(column, bounds);
            let text = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE {within})");
            sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(connection).await?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_ID: Divided = Divided {
        table: "session",
        key: Key::Id("id"),
        days: 28,
        stays: Stays::While("expires_at >= $1"),
        retention: Duration::from_secs(86_400),
    };
    const BY_TIME: Divided = Divided { key: Key::Time("created_at"), days: 7, ..BY_ID };

    #[test]
    fn bounds_are_read_as_they_were_written() {
        for divided in [BY_ID, BY_TIME] {
            let start = divided.start_of(1_772_413_200_123);
            assert_eq!(start % DAY_MILLIS, 0);
            assert!(start <= 1_772_413_200_123 && 1_772_413_200_123 < start + divided.span());
            let text = divided.bound(start).replace('T', " ").replace('Z', "+00");
            let bounds = format!("FOR VALUES FROM (MINVALUE) TO ('{text}')");
            assert_eq!(parse_bounds(&bounds), Some((None, start)), "{bounds}");
            let bounds = format!("FOR VALUES FROM ('{text}') TO ('{text}')");
            assert_eq!(parse_bounds(&bounds), Some((Some(start), start)), "{bounds}");
        }
        assert_eq!(parse_bounds("DEFAULT"), None);
    }

    #[test]
    fn a_partition_is_named_by_its_first_day() {
        assert_eq!(BY_TIME.partition_of(BY_TIME.start_of(1_772_413_200_123)), "session_20260226");
    }
}
