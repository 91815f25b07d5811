//! The record of every release of personal data, which the person can see.

use super::{NEWEST, Position};
use crate::base::{AgreementId, DisclosureId, GrantId, PersonId, Timestamp};
use crate::db::{Error, Json, Source, Tx};

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Disclosure {
    /// Of this row.
    pub id: DisclosureId,
    /// Whose data.
    pub person_id: PersonId,
    /// To whom.
    pub client_id: String,
    /// On which ground.
    pub agreement_id: Option<AgreementId>,
    /// By which authorization.
    pub grant_id: GrantId,
    /// Names, never values.
    #[sqlx(try_from = "Json<Vec<String>>")]
    pub claims: Vec<String>,
    /// When.
    pub at: Timestamp,
}

/// Writes down a release.
///
/// # Errors
/// What the store said: then nothing may leave.
pub async fn insert(tx: &mut Tx, disclosure: &Disclosure) -> Result<(), Error> {
    tx.query(
        "INSERT INTO disclosure (id, person_id, client_id, agreement_id, grant_id, claims, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(disclosure.id)
    .bind(disclosure.person_id)
    .bind(&disclosure.client_id)
    .bind(disclosure.agreement_id)
    .bind(disclosure.grant_id)
    .bind(Json(&disclosure.claims))
    .bind(disclosure.at)
    .write()
    .await
}

/// A page of a person's releases, newest first.
///
/// # Errors
/// What the store said.
pub async fn list_for(
    source: impl Source<'_>,
    person: PersonId,
    before: Option<Position<DisclosureId>>,
    limit: u32,
) -> Result<Vec<Disclosure>, Error> {
    let (at, id) = before.unwrap_or((NEWEST.0, DisclosureId(NEWEST.1)));
    source
        .query(
            "SELECT id, person_id, client_id, agreement_id, grant_id, claims, at FROM disclosure
             WHERE person_id = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4",
        )
        .bind(person)
        .bind(at)
        .bind(id)
        .bind(i64::from(limit))
        .all()
        .await
}
