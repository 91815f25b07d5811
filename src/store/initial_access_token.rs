//! Initial access tokens: who may register clients over the wire (RFC 7591 3). Only digests are kept.

use crate::base::{Digest, RowId, Timestamp};
use crate::db::{Error, Source, Tx};

/// A token.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct InitialAccessToken {
    /// Of this row.
    pub id: RowId,
    /// SHA-256 of the token.
    pub digest: Digest,
    /// For whom it was made.
    pub note: String,
    /// How many clients it may still register.
    pub uses_left: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, digest, note, uses_left, created_at, expires_at, revoked_at"
    };
}

/// Adds a token.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, token: &InitialAccessToken) -> Result<(), Error> {
    tx.query(concat!("INSERT INTO initial_access_token (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)"))
        .bind(token.id)
        .bind(token.digest)
        .bind(&token.note)
        .bind(token.uses_left)
        .bind(token.created_at)
        .bind(token.expires_at)
        .bind(token.revoked_at)
        .execute()
        .await
        .map(|_| ())
}

/// Whether a token would be taken now. Says nothing for later: to take it, [`consume`] a use.
///
/// # Errors
/// What the store said.
pub async fn is_good(source: impl Source<'_>, digest: &Digest, now: Timestamp) -> Result<bool, Error> {
    source
        .query(
            "SELECT EXISTS (SELECT 1 FROM initial_access_token
             WHERE digest = $1 AND uses_left > 0 AND expires_at > $2 AND revoked_at IS NULL)",
        )
        .bind(digest)
        .bind(now)
        .scalar()
        .await
}

/// Takes one use of a token: of callers at the same time, no more than there are uses (I1). The token's row, or `None`.
///
/// # Errors
/// What the store said.
pub async fn consume(tx: &mut Tx, digest: &Digest, now: Timestamp) -> Result<Option<RowId>, Error> {
    tx.query(
        "UPDATE initial_access_token SET uses_left = uses_left - 1
         WHERE digest = $1 AND uses_left > 0 AND expires_at > $2 AND revoked_at IS NULL RETURNING id",
    )
    .bind(digest)
    .bind(now)
    .optional_scalar()
    .await
}

/// Revokes a token. `false` when there is none, or it was revoked before.
///
/// # Errors
/// What the store said.
pub async fn revoke(tx: &mut Tx, id: RowId, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE initial_access_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
        .bind(id)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Every token, the oldest first: operators make few.
///
/// # Errors
/// What the store said.
pub async fn list(source: impl Source<'_>) -> Result<Vec<InitialAccessToken>, Error> {
    source.query(concat!("SELECT ", columns!(), " FROM initial_access_token ORDER BY id")).all().await
}
