//! Keys that clients encrypt to, private parts sealed. Rows as those of [`super::signing_key`].

use super::signing_key::StoredKey;
use crate::base::Timestamp;
use crate::db::{Error, Source, Tx};

macro_rules! columns {
    () => {
        "id, kid, algorithm, private_sealed, public_jwk, is_demo, published_at, signs_from, signs_until, retires_at, \
         created_at"
    };
}

/// Adds a key.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, key: &StoredKey) -> Result<(), Error> {
    tx.query(concat!(
        "INSERT INTO encryption_key (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    ))
    .bind(key.id)
    .bind(&key.kid)
    .bind(&key.algorithm)
    .bind(&key.private_sealed)
    .bind(&key.public_jwk)
    .bind(key.is_demo)
    .bind(key.published_at)
    .bind(key.signs_from)
    .bind(key.signs_until)
    .bind(key.retires_at)
    .bind(key.created_at)
    .execute()
    .await
    .map(|_| ())
}

/// All keys, oldest first.
///
/// # Errors
/// What the store said.
pub async fn list(source: impl Source<'_>) -> Result<Vec<StoredKey>, Error> {
    source.query(concat!("SELECT ", columns!(), " FROM encryption_key ORDER BY created_at, id")).all().await
}

/// Sets the end of a key that has a successor. `false` when there is none or its end was set before: somebody may have it
/// in a cache until then, so an end never moves (I10).
///
/// # Errors
/// What the store said.
pub async fn supersede(tx: &mut Tx, kid: &str, signs_until: Timestamp, retires_at: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE encryption_key SET signs_until = $2, retires_at = $3 WHERE kid = $1 AND retires_at IS NULL")
        .bind(kid)
        .bind(signs_until)
        .bind(retires_at)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Deletes a key that has retired. `false` when it has not.
///
/// # Errors
/// What the store said.
pub async fn erase(tx: &mut Tx, kid: &str, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("DELETE FROM encryption_key WHERE kid = $1 AND retires_at <= $2")
        .bind(kid)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Whether any key was made by `demo`.
///
/// # Errors
/// What the store said.
pub async fn any_demo(source: impl Source<'_>) -> Result<bool, Error> {
    source.query("SELECT EXISTS (SELECT 1 FROM encryption_key WHERE is_demo)").scalar().await
}
