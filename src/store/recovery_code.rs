//! Printed recovery codes, each good for one use.

use crate::base::{Digest, Entropy, PersonId, RowId, Timestamp};
use crate::db::{Error, Source, Tx};

/// Ends a person's codes and writes a new set, given as keyed digests.
///
/// # Errors
/// What the store said.
pub async fn replace_all(
    tx: &mut Tx,
    person: PersonId,
    codes: &[Digest],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), Error> {
    tx.query("UPDATE recovery_code SET ended_at = $2 WHERE person_id = $1 AND ended_at IS NULL")
        .bind(person)
        .bind(now)
        .execute()
        .await?;
    for code in codes {
        tx.query("INSERT INTO recovery_code (id, person_id, code_index, created_at) VALUES ($1, $2, $3, $4)")
            .bind(RowId::new(now, entropy))
            .bind(person)
            .bind(code)
            .bind(now)
            .execute()
            .await?;
    }
    Ok(())
}

/// Uses a code: `true` once, for its owner only (I1, P4).
///
/// # Errors
/// What the store said.
pub async fn consume(tx: &mut Tx, person: PersonId, code: &Digest, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE recovery_code SET used_at = $3
             WHERE person_id = $1 AND code_index = $2 AND used_at IS NULL AND ended_at IS NULL",
        )
        .bind(person)
        .bind(code)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// How many codes a person has left.
///
/// # Errors
/// What the store said.
pub async fn remaining(source: impl Source<'_>, person: PersonId) -> Result<i64, Error> {
    source
        .query("SELECT COUNT(*) FROM recovery_code WHERE person_id = $1 AND used_at IS NULL AND ended_at IS NULL")
        .bind(person)
        .scalar()
        .await
}

/// When the set in force was made.
///
/// # Errors
/// What the store said.
pub async fn made_at(source: impl Source<'_>, person: PersonId) -> Result<Option<Timestamp>, Error> {
    source
        .query("SELECT MAX(created_at) FROM recovery_code WHERE person_id = $1 AND ended_at IS NULL")
        .bind(person)
        .scalar()
        .await
}

/// Ends all codes of a person.
///
/// # Errors
/// What the store said.
pub async fn end_all(tx: &mut Tx, person: PersonId, now: Timestamp) -> Result<u64, Error> {
    tx.query("UPDATE recovery_code SET ended_at = $2 WHERE person_id = $1 AND ended_at IS NULL")
        .bind(person)
        .bind(now)
        .execute()
        .await
}
