//! Durable counters of failures and sendings. They forget only on success or when they have decayed (I8, M4).

use crate::base::{Digest, Timestamp};
use crate::db::{Error, Source, Tx};
use crate::identity::throttling::Counter;

#[derive(sqlx::FromRow)]
struct Row {
    failures: i32,
    first_at: Timestamp,
    last_at: Timestamp,
    paused_until: Option<Timestamp>,
}

impl Row {
    /// A row that was only made to be locked counts nothing.
    fn counter(self) -> Option<Counter> {
        let Self { failures, first_at, last_at, paused_until } = self;
        let failures = u32::try_from(failures).ok().filter(|count| *count > 0)?;
        Some(Counter { failures, first_at, last_at, paused_until })
    }
}

/// The counter as it stands; `None` when nothing was counted.
///
/// # Errors
/// What the store said.
pub async fn read(source: impl Source<'_>, scope: &str, subject: &Digest) -> Result<Option<Counter>, Error> {
    let row: Option<Row> = source
        .query("SELECT failures, first_at, last_at, paused_until FROM throttle WHERE scope = $1 AND subject = $2")
        .bind(scope)
        .bind(subject)
        .optional()
        .await?;
    Ok(row.and_then(Row::counter))
}

/// Changes a counter under its lock: `decide` gets it as it stands (`None`: nothing was counted) and answers what it
/// shall be (`None`: as it was), and whatever else the caller wants to know. Callers at the same time come one after the
/// other. Commit also when the request is then refused, or the failure is forgotten (M1).
///
/// # Errors
/// What the store said.
pub async fn reserve<T>(
    tx: &mut Tx,
    scope: &str,
    subject: &Digest,
    now: Timestamp,
    decide: impl FnOnce(Option<&Counter>) -> (Option<Counter>, T),
) -> Result<T, Error> {
    // The update that changes nothing takes the row's lock on PostgreSQL; on SQLite the transaction has it anyway.
    let row: Row = tx
        .query(
            "INSERT INTO throttle (scope, subject, failures, first_at, last_at) VALUES ($1, $2, 0, $3, $3)
             ON CONFLICT (scope, subject) DO UPDATE SET failures = throttle.failures
             RETURNING failures, first_at, last_at, paused_until",
        )
        .bind(scope)
        .bind(subject)
        .bind(now)
        .one()
        .await?;
    let counter = row.counter();
    let (next, answer) = decide(counter.as_ref());
    match (next, counter) {
        (Some(next), _) => write(tx, scope, subject, &next).await?,
        (None, None) => clear(tx, scope, subject).await?,
        (None, Some(_)) => {}
    }
    Ok(answer)
}

async fn write(tx: &mut Tx, scope: &str, subject: &Digest, next: &Counter) -> Result<(), Error> {
    tx.query(
        "UPDATE throttle SET failures = $3, first_at = $4, last_at = $5, paused_until = $6
         WHERE scope = $1 AND subject = $2",
    )
    .bind(scope)
    .bind(subject)
    .bind(i32::try_from(next.failures).unwrap_or(i32::MAX))
    .bind(next.first_at)
    .bind(next.last_at)
    .bind(next.paused_until)
    .execute()
    .await
    .map(|_| ())
}

/// Forgets a counter: after success.
///
/// # Errors
/// What the store said.
pub async fn clear(tx: &mut Tx, scope: &str, subject: &Digest) -> Result<(), Error> {
    tx.query("DELETE FROM throttle WHERE scope = $1 AND subject = $2")
        .bind(scope)
        .bind(subject)
        .execute()
        .await
        .map(|_| ())
}
