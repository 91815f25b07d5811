//! Small facts about the installation, agreed on by all its nodes.

use crate::db::{Error, Source, Tx};

/// The value of a fact.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, name: &str) -> Result<Option<String>, Error> {
    source.query("SELECT value FROM installation WHERE name = $1").bind(name).optional_scalar().await
}

/// The value in force: the one set before, else `proposed`, which is then kept. Also takes the fact's lock until the
/// transaction ends, so that it can serve as a lock for work that one node must do at a time.
///
/// # Errors
/// What the store said.
pub async fn establish(tx: &mut Tx, name: &str, proposed: &str) -> Result<String, Error> {
    tx.query(
        "INSERT INTO installation (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = installation.value RETURNING value",
    )
    .bind(name)
    .bind(proposed)
    .scalar()
    .await
}

/// Sets a fact to a new value.
///
/// # Errors
/// What the store said.
pub async fn set(tx: &mut Tx, name: &str, value: &str) -> Result<(), Error> {
    tx.query(
        "INSERT INTO installation (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute()
    .await
    .map(|_| ())
}
