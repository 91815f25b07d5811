//! Data-sharing agreements: the only ground on which a claim leaves.

use super::words;
use crate::base::{AgreementId, Timestamp};
use crate::db::{Error, Json, Source, Tx};

words! {
    /// On what an agreement rests.
    BasisKind {
        /// The person is asked.
        Consent = "consent",
        /// A law says so; the person is told.
        Law = "law",
    }
}

/// An agreement with one client.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Agreement {
    /// Of this row.
    pub id: AgreementId,
    /// With whom.
    pub client_id: String,
    /// Names of the claims it allows.
    #[sqlx(try_from = "Json<Vec<String>>")]
    pub claims: Vec<String>,
    /// What for, in Vietnamese.
    pub purpose_vi: String,
    /// What for, in English.
    pub purpose_en: String,
    /// The act or article.
    pub legal_basis: String,
    /// Consent or law.
    pub basis_kind: BasisKind,
    /// In force from here.
    pub starts_at: Timestamp,
    /// In force before this time only.
    pub ends_at: Timestamp,
    /// Suspended since (Decree 47/2020 art. 43).
    pub suspended_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, client_id, claims, purpose_vi, purpose_en, legal_basis, basis_kind, starts_at, ends_at, suspended_at"
    };
}

/// Adds an agreement.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, agreement: &Agreement) -> Result<(), Error> {
    tx.query(concat!("INSERT INTO agreement (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"))
        .bind(agreement.id)
        .bind(&agreement.client_id)
        .bind(Json(&agreement.claims))
        .bind(&agreement.purpose_vi)
        .bind(&agreement.purpose_en)
        .bind(&agreement.legal_basis)
        .bind(agreement.basis_kind)
        .bind(agreement.starts_at)
        .bind(agreement.ends_at)
        .bind(agreement.suspended_at)
        .execute()
        .await
        .map(|_| ())
}

/// Ends the client's agreements now and adds this one in their place.
///
/// # Errors
/// What the store said.
pub async fn replace(tx: &mut Tx, agreement: &Agreement, now: Timestamp) -> Result<(), Error> {
    tx.query("UPDATE agreement SET ends_at = $2 WHERE client_id = $1 AND ends_at > $2")
        .bind(&agreement.client_id)
        .bind(now)
        .execute()
        .await?;
    insert(tx, agreement).await
}

/// The client's agreement in force at `now`, the latest begun if there are several.
///
/// # Errors
/// What the store said.
pub async fn find_active(source: impl Source<'_>, client_id: &str, now: Timestamp) -> Result<Option<Agreement>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM agreement WHERE client_id = $1 AND starts_at <= $2 AND ends_at > $2 AND suspended_at IS NULL
             ORDER BY starts_at DESC, id DESC LIMIT 1"
        ))
        .bind(client_id)
        .bind(now)
        .optional()
        .await
}

/// The agreement of that id, in force or not.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, id: AgreementId) -> Result<Option<Agreement>, Error> {
    source.query(concat!("SELECT ", columns!(), " FROM agreement WHERE id = $1")).bind(id).optional().await
}
