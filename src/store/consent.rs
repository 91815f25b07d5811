//! What a person accepted for a client.

use crate::base::{PersonId, Timestamp};
use crate::db::{Error, Json, Source, Tx};

/// A consent, in force or not.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Consent {
    /// Whose.
    pub person_id: PersonId,
    /// For whom.
    pub client_id: String,
    /// Claims that were shown and accepted.
    #[sqlx(try_from = "Json<Vec<String>>")]
    pub claims: Vec<String>,
    /// Optional claims that were refused.
    #[sqlx(try_from = "Json<Vec<String>>")]
    pub refused: Vec<String>,
    /// When it was given.
    pub given_at: Timestamp,
    /// Until when it counts.
    pub expires_at: Timestamp,
    /// When it was taken back.
    pub ended_at: Option<Timestamp>,
}

impl Consent {
    /// Whether it counts at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}

/// Gives a consent in place of an earlier one for the same client.
///
/// # Errors
/// What the store said.
pub async fn upsert(tx: &mut Tx, consent: &Consent) -> Result<(), Error> {
    tx.query(
        "INSERT INTO consent (person_id, client_id, claims, refused, given_at, expires_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (person_id, client_id) DO UPDATE SET claims = excluded.claims, refused = excluded.refused,
            given_at = excluded.given_at, expires_at = excluded.expires_at, ended_at = excluded.ended_at",
    )
    .bind(consent.person_id)
    .bind(&consent.client_id)
    .bind(Json(&consent.claims))
    .bind(Json(&consent.refused))
    .bind(consent.given_at)
    .bind(consent.expires_at)
    .bind(consent.ended_at)
    .write()
    .await
}

/// The person's last consent for a client: ask [`Consent::is_in_force`].
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, person: PersonId, client_id: &str) -> Result<Option<Consent>, Error> {
    source
        .query(
            "SELECT person_id, client_id, claims, refused, given_at, expires_at, ended_at FROM consent
             WHERE person_id = $1 AND client_id = $2",
        )
        .bind(person)
        .bind(client_id)
        .optional()
        .await
}

/// A person's consents in force, newest first; at most 200.
///
/// # Errors
/// What the store said.
pub async fn list_for(source: impl Source<'_>, person: PersonId, now: Timestamp) -> Result<Vec<Consent>, Error> {
    source
        .query(
            "SELECT person_id, client_id, claims, refused, given_at, expires_at, ended_at FROM consent
             WHERE person_id = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY given_at DESC, client_id LIMIT 200",
        )
        .bind(person)
        .bind(now)
        .all()
        .await
}

/// Holds a consent in force until the transaction ends. `false` when there is none.
///
/// # Errors
/// What the store said.
pub async fn hold(tx: &mut Tx, person: PersonId, client_id: &str, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE consent SET given_at = given_at
             WHERE person_id = $1 AND client_id = $2 AND ended_at IS NULL AND expires_at > $3",
        )
        .bind(person)
        .bind(client_id)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Takes a consent back. `false` when there was none in force.
///
/// # Errors
/// What the store said.
pub async fn end(tx: &mut Tx, person: PersonId, client_id: &str, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE consent SET ended_at = $3 WHERE person_id = $1 AND client_id = $2 AND ended_at IS NULL")
        .bind(person)
        .bind(client_id)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}
