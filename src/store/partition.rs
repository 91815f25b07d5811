//! Which tables are divided by time on PostgreSQL, and how long what ended in them is kept. See
//! [`db::partition`](crate::db::partition); the tables themselves are made by migration 0006.

use crate::base::Timestamp;
use crate::db::partition::{Divided, Kept, Key, State, Stays, keep as keep_one, state as state_of};
use crate::db::{Db, Error};
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
const MONTH: Duration = Duration::from_hours(30 * 24);

/// For how long ended sessions and grants are kept: what a person and a help desk still ask about.
pub const FAMILIES_KEPT: Duration = MONTH;
/// For how long codes, tokens and messages are kept after their end.
pub const MESSAGES_KEPT: Duration = DAY;

/// The divided tables, those before which others have to go last.
pub const DIVIDED: [Divided; 7] = [
    divided("session", Key::Id("id"), 28, Stays::While("expires_at >= $1"), FAMILIES_KEPT),
    divided("session_client", Key::Id("session_id"), 28, Stays::With("session", "id"), FAMILIES_KEPT),
    divided("authorization_grant", Key::Id("id"), 28, Stays::While("expires_at >= $1"), FAMILIES_KEPT),
    divided("refresh_token", Key::Time("created_at"), 7, Stays::While("expires_at >= $1"), MESSAGES_KEPT),
    divided("sent_code", Key::Id("id"), 7, Stays::While("expires_at >= $1"), MESSAGES_KEPT),
    divided("outbox", Key::Id("id"), 7, Stays::While("finished_at IS NULL OR finished_at >= $1"), MESSAGES_KEPT),
    divided("delivery", Key::Id("outbox_id"), 7, Stays::With("outbox", "id"), MESSAGES_KEPT),
];

const fn divided(table: &'static str, key: Key, days: i64, stays: Stays, retention: Duration) -> Divided {
    Divided { table, key, days, stays, retention }
}

/// Keeps every divided table in order at `now`, and answers what was done to which. One that fails does not keep the
/// others from their turn; the first failure is the answer then.
///
/// # Errors
/// What the store said.
pub async fn keep(db: &Db, now: Timestamp) -> Result<Vec<(&'static str, Kept)>, Error> {
    let (mut done, mut failure) = (Vec::new(), None);
    for divided in &DIVIDED {
        match keep_one(db, divided, now).await {
            Ok(kept) => done.push((divided.table, kept)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(done), Err)
}

/// How much longer than its retention an ended row is left to its partition before a batch takes it, where tables are
/// divided: until the partition would have gone, had no row in it lived longer than `life`. Then a single row that is
/// prolonged again and again holds back nobody but itself. Nothing on SQLite, where batches do all.
pub fn left_to_partitions(db: &Db, table: &str, life: Duration) -> Duration {
    match db {
        Db::Sqlite(_) => Duration::ZERO,
        Db::Postgres(_) => {
            let spans = DIVIDED.iter().filter(|divided| divided.table == table);
            let days: i64 = spans.map(|divided| divided.days).sum();
            life + DAY * u32::try_from(days).unwrap_or(0)
        }
    }
}

/// How every divided table stands at `now`.
///
/// # Errors
/// What the store said.
pub async fn states(db: &Db, now: Timestamp) -> Result<Vec<(&'static str, State)>, Error> {
    let mut found = Vec::new();
    for divided in &DIVIDED {
        found.push((divided.table, state_of(db, divided, now).await?));
    }
    Ok(found)
}
