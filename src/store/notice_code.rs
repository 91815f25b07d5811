//! Codes in notices: with the personal number they stop things without signing in.

use crate::base::{Digest, PersonId, RowId, Timestamp};
use crate::db::{Error, Source, Tx};

/// Adds a code, given as its keyed digest.
///
/// # Errors
/// What the store said.
pub async fn insert(
    tx: &mut Tx,
    (id, person): (RowId, PersonId),
    code_index: &Digest,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    tx.query("INSERT INTO notice_code (id, person_id, code_index, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(person)
        .bind(code_index)
        .bind(now)
        .bind(expires_at)
        .execute()
        .await
        .map(|_| ())
}

/// Uses a code: `true` once, for its owner only.
///
/// # Errors
/// What the store said.
pub async fn consume(tx: &mut Tx, person: PersonId, code_index: &Digest, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE notice_code SET used_at = $3
             WHERE person_id = $1 AND code_index = $2 AND used_at IS NULL AND expires_at > $3",
        )
        .bind(person)
        .bind(code_index)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// When the notice of a code was written, used or not.
///
/// # Errors
/// What the store said.
pub async fn created_at(source: impl Source<'_>, person: PersonId, code: &Digest) -> Result<Option<Timestamp>, Error> {
    let row: Option<(Timestamp,)> = source
        .query("SELECT created_at FROM notice_code WHERE person_id = $1 AND code_index = $2")
        .bind(person)
        .bind(code)
        .optional()
        .await?;
    Ok(row.map(|(at,)| at))
}
