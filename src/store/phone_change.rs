//! Changes of phone that wait: one at a time for each person, ended once by whoever is first.

use super::{hidden_debug, words};
use crate::base::{Digest, PersonId, RowId, SessionId, Timestamp};
use crate::db::{Error, Source, Tx};

words! {
    /// How a waiting change ended.
    PhoneChangeOutcome {
        /// The new phone is in use.
        Applied = "applied",
        /// Somebody cancelled it.
        Cancelled = "cancelled",
        /// Another change was asked for.
        Replaced = "replaced",
    }
}

/// A change of phone that waits or ended.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PhoneChange {
    /// Of this row.
    pub id: RowId,
    /// Whose.
    pub person_id: PersonId,
    /// Where it was asked for.
    pub session_id: SessionId,
    /// The new phone, sealed.
    pub value_sealed: Vec<u8>,
    /// Its blind index.
    pub value_index: Digest,
    /// When its code came back.
    pub created_at: Timestamp,
    /// When it takes effect.
    pub effective_at: Timestamp,
    /// When it was applied or cancelled.
    pub ended_at: Option<Timestamp>,
    /// How.
    pub outcome: Option<PhoneChangeOutcome>,
}

hidden_debug!(PhoneChange: id);

macro_rules! columns {
    () => {
        "id, person_id, session_id, value_sealed, value_index, created_at, effective_at, ended_at, outcome"
    };
}

/// Adds a waiting change. The caller holds the person and has ended an earlier one.
///
/// # Errors
/// What the store said; a unique violation when another one waits.
pub async fn insert(tx: &mut Tx, change: &PhoneChange) -> Result<(), Error> {
    tx.query(concat!("INSERT INTO phone_change (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"))
        .bind(change.id)
        .bind(change.person_id)
        .bind(change.session_id)
        .bind(&change.value_sealed)
        .bind(change.value_index)
        .bind(change.created_at)
        .bind(change.effective_at)
        .bind(change.ended_at)
        .bind(change.outcome)
        .execute()
        .await
        .map(|_| ())
}

/// The change of a person that waits.
///
/// # Errors
/// What the store said.
pub async fn waiting(source: impl Source<'_>, person: PersonId) -> Result<Option<PhoneChange>, Error> {
    source
        .query(concat!("SELECT ", columns!(), " FROM phone_change WHERE person_id = $1 AND ended_at IS NULL"))
        .bind(person)
        .optional()
        .await
}

/// Waiting changes whose time has come, longest due first.
///
/// # Errors
/// What the store said.
pub async fn list_due(source: impl Source<'_>, now: Timestamp, limit: u32) -> Result<Vec<PhoneChange>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM phone_change WHERE ended_at IS NULL AND effective_at <= $1 ORDER BY effective_at LIMIT $2"
        ))
        .bind(now)
        .bind(i64::from(limit))
        .all()
        .await
}

/// Ends the change of a person that waits, and gives it to the first caller only.
///
/// # Errors
/// What the store said.
pub async fn end(
    tx: &mut Tx,
    person: PersonId,
    outcome: PhoneChangeOutcome,
    now: Timestamp,
) -> Result<Option<PhoneChange>, Error> {
    tx.query(concat!(
        "UPDATE phone_change SET ended_at = $3, outcome = $2 WHERE person_id = $1 AND ended_at IS NULL RETURNING ",
        columns!()
    ))
    .bind(person)
    .bind(outcome)
    .bind(now)
    .optional()
    .await
}

/// Ends one waiting change as applied, and gives it to the first caller only: not when it was cancelled meanwhile.
///
/// # Errors
/// What the store said.
pub async fn apply(tx: &mut Tx, id: RowId, now: Timestamp) -> Result<Option<PhoneChange>, Error> {
    tx.query(concat!(
        "UPDATE phone_change SET ended_at = $3, outcome = $2 WHERE id = $1 AND ended_at IS NULL RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(PhoneChangeOutcome::Applied)
    .bind(now)
    .optional()
    .await
}
