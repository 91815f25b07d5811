//! Authenticator apps (RFC 6238).

use super::hidden_debug;
use crate::base::{CredentialId, PersonId, Timestamp};
use crate::db::{Error, Source, Tx};

/// An authenticator app of a person.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Totp {
    /// Of this row.
    pub id: CredentialId,
    /// Whose.
    pub person_id: PersonId,
    /// Sealed.
    pub secret_sealed: Vec<u8>,
    /// The newest step accepted.
    pub last_step: Option<i64>,
    /// When its first code came back; before that it signs nobody in.
    pub confirmed_at: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was removed.
    pub ended_at: Option<Timestamp>,
}

hidden_debug!(Totp: id);

/// Adds an authenticator app.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, totp: &Totp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO totp (id, person_id, secret_sealed, last_step, confirmed_at, created_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(totp.id)
    .bind(totp.person_id)
    .bind(&totp.secret_sealed)
    .bind(totp.last_step)
    .bind(totp.confirmed_at)
    .bind(totp.created_at)
    .bind(totp.ended_at)
    .execute()
    .await
    .map(|_| ())
}

/// A person's authenticator apps that were not removed, oldest first; unconfirmed ones too.
///
/// # Errors
/// What the store said.
pub async fn list_active(source: impl Source<'_>, person: PersonId) -> Result<Vec<Totp>, Error> {
    source
        .query(
            "SELECT id, person_id, secret_sealed, last_step, confirmed_at, created_at, ended_at FROM totp
             WHERE person_id = $1 AND ended_at IS NULL ORDER BY created_at, id",
        )
        .bind(person)
        .all()
        .await
}

/// Consumes a time step: `true` once for each, and never for one that is not newer than the last (M2).
///
/// # Errors
/// What the store said.
pub async fn advance_step(tx: &mut Tx, id: CredentialId, step: i64) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE totp SET last_step = $2
             WHERE id = $1 AND ended_at IS NULL AND (last_step IS NULL OR last_step < $2)",
        )
        .bind(id)
        .bind(step)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Notes that its first code came back. `false` when that had happened or it was removed.
///
/// # Errors
/// What the store said.
pub async fn confirm(tx: &mut Tx, id: CredentialId, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE totp SET confirmed_at = $2 WHERE id = $1 AND confirmed_at IS NULL AND ended_at IS NULL")
        .bind(id)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Removes an authenticator app of this person. `false` when it is not theirs or was removed before.
///
/// # Errors
/// What the store said.
pub async fn end(tx: &mut Tx, person: PersonId, id: CredentialId, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE totp SET ended_at = $3 WHERE id = $2 AND person_id = $1 AND ended_at IS NULL")
        .bind(person)
        .bind(id)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}
