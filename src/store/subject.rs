//! Pairwise subjects (OpenID Connect Core 8.1): one per sector and person, for ever (I6).

use crate::base::{PersonId, Timestamp};
use crate::db::{Error, Source, Tx};

/// The subject of a person in a sector, if one was ever made.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, sector: &str, person: PersonId) -> Result<Option<String>, Error> {
    source
        .query("SELECT subject FROM pairwise_subject WHERE sector = $1 AND person_id = $2")
        .bind(sector)
        .bind(person)
        .optional_scalar()
        .await
}

/// The subject in force: the one made before, else `proposed`, which is then kept. Of several at once, all get the
/// same one.
///
/// # Errors
/// What the store said; a unique violation when `proposed` is another person's subject.
pub async fn get_or_create(
    tx: &mut Tx,
    sector: &str,
    person: PersonId,
    proposed: &str,
    now: Timestamp,
) -> Result<String, Error> {
    if let Some(subject) = find(&mut *tx, sector, person).await? {
        return Ok(subject);
    }
    tx.query(
        "INSERT INTO pairwise_subject (sector, person_id, subject, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (sector, person_id) DO NOTHING",
    )
    .bind(sector)
    .bind(person)
    .bind(proposed)
    .bind(now)
    .execute()
    .await?;
    find(tx, sector, person).await?.ok_or(Error::NotFound)
}

/// Who a subject of this sector is. A subject of another sector is not found.
///
/// # Errors
/// What the store said.
pub async fn find_person(source: impl Source<'_>, sector: &str, subject: &str) -> Result<Option<PersonId>, Error> {
    source
        .query("SELECT person_id FROM pairwise_subject WHERE subject = $2 AND sector = $1")
        .bind(sector)
        .bind(subject)
        .optional_scalar()
        .await
}
