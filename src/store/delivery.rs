//! The record of each attempt to deliver a message or logout.

use crate::base::{OutboxId, RowId, Timestamp};
use crate::db::{Error, Source, Tx};

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Delivery {
    /// Of this row.
    pub id: RowId,
    /// Of which message.
    pub outbox_id: OutboxId,
    /// When.
    pub at: Timestamp,
    /// Whether it was accepted.
    pub ok: bool,
    /// Status or error class, never content.
    pub detail: String,
}

/// Writes an attempt down.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, delivery: &Delivery) -> Result<(), Error> {
    tx.query("INSERT INTO delivery (id, outbox_id, at, ok, detail) VALUES ($1, $2, $3, $4, $5)")
        .bind(delivery.id)
        .bind(delivery.outbox_id)
        .bind(delivery.at)
        .bind(delivery.ok)
        .bind(&delivery.detail)
        .execute()
        .await
        .map(|_| ())
}

/// The attempts of a message, oldest first; at most 200.
///
/// # Errors
/// What the store said.
pub async fn list(source: impl Source<'_>, message: OutboxId) -> Result<Vec<Delivery>, Error> {
    source
        .query("SELECT id, outbox_id, at, ok, detail FROM delivery WHERE outbox_id = $1 ORDER BY at, id LIMIT 200")
        .bind(message)
        .all()
        .await
}
