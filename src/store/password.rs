//! Passwords, as argon2id hashes.

use super::hidden_debug;
use crate::base::{PersonId, Timestamp};
use crate::db::{Error, Source, Tx};

/// A person's password.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Password {
    /// Whose.
    pub person_id: PersonId,
    /// PHC string.
    pub hash: String,
    /// When it was set.
    pub changed_at: Timestamp,
}

hidden_debug!(Password: person_id);

/// Sets or replaces a person's password.
///
/// # Errors
/// What the store said.
pub async fn upsert(tx: &mut Tx, password: &Password) -> Result<(), Error> {
    tx.query(
        "INSERT INTO password (person_id, hash, changed_at) VALUES ($1, $2, $3)
         ON CONFLICT (person_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at",
    )
    .bind(password.person_id)
    .bind(&password.hash)
    .bind(password.changed_at)
    .execute()
    .await
    .map(|_| ())
}

/// Replaces a hash by one of the same password with other parameters, unless the password changed meanwhile.
///
/// # Errors
/// What the store said.
pub async fn rehash(tx: &mut Tx, old: &Password, new_hash: &str) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE password SET hash = $3 WHERE person_id = $1 AND hash = $2")
        .bind(old.person_id)
        .bind(&old.hash)
        .bind(new_hash)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// A person's password, if one is set.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, person: PersonId) -> Result<Option<Password>, Error> {
    source.query("SELECT person_id, hash, changed_at FROM password WHERE person_id = $1").bind(person).optional().await
}

/// Removes a person's password. `false` when none was set.
///
/// # Errors
/// What the store said.
pub async fn remove(tx: &mut Tx, person: PersonId) -> Result<bool, Error> {
    Ok(tx.query("DELETE FROM password WHERE person_id = $1").bind(person).execute().await? == 1)
}
