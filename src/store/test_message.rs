//! The test inbox of `demo` and of tests. Never used by `serve`.

use super::{NEWEST, Position, hidden_debug};
use crate::base::{RowId, Timestamp};
use crate::db::{Error, Source, Tx};

/// A message that would have left.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TestMessage {
    /// Of this row.
    pub id: RowId,
    /// `sms`, `voice`, `email`.
    pub kind: String,
    /// Phone number or address.
    pub recipient: String,
    /// The text.
    pub body: String,
    /// When it would have left.
    pub at: Timestamp,
}

hidden_debug!(TestMessage: id);

/// Puts a message in.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, message: &TestMessage) -> Result<(), Error> {
    tx.query("INSERT INTO test_message (id, kind, recipient, body, at) VALUES ($1, $2, $3, $4, $5)")
        .bind(message.id)
        .bind(&message.kind)
        .bind(&message.recipient)
        .bind(&message.body)
        .bind(message.at)
        .execute()
        .await
        .map(|_| ())
}

/// A page of the inbox, newest first.
///
/// # Errors
/// What the store said.
pub async fn list(
    source: impl Source<'_>,
    before: Option<Position<RowId>>,
    limit: u32,
) -> Result<Vec<TestMessage>, Error> {
    let (at, id) = before.unwrap_or((NEWEST.0, RowId(NEWEST.1)));
    source
        .query(
            "SELECT id, kind, recipient, body, at FROM test_message
             WHERE (at, id) < ($1, $2) ORDER BY at DESC, id DESC LIMIT $3",
        )
        .bind(at)
        .bind(id)
        .bind(i64::from(limit))
        .all()
        .await
}

/// Empties the inbox.
///
/// # Errors
/// What the store said.
pub async fn clear(tx: &mut Tx) -> Result<u64, Error> {
    tx.query("DELETE FROM test_message").execute().await
}
