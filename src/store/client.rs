//! Clients (relying parties), with their RFC 7591 metadata as JSON text.

use super::{Inserted, words};
use crate::base::{Digest, Timestamp};
use crate::db::{Error, Source, Tx};

words! {
    /// Whether a client may do anything (I5).
    ClientStatus {
        /// It may.
        Active = "active",
        /// It may not: no token, no sign-in, no introspection.
        Disabled = "disabled",
    }
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Client {
    /// As in requests.
    pub client_id: String,
    /// JSON, RFC 7591 with our extension members.
    pub metadata: String,
    /// SHA-256 of the secret; `None` for clients without one.
    pub secret_digest: Option<Digest>,
    /// Sector of its pairwise subjects.
    pub sector: String,
    /// Whether it may do anything.
    pub status: ClientStatus,
    /// Made by `demo`.
    pub is_demo: bool,
    /// Counts changes; caches compare it.
    pub version: i32,
    /// When it was added.
    pub created_at: Timestamp,
    /// Its last change.
    pub updated_at: Timestamp,
}

macro_rules! columns {
    () => {
        "client_id, metadata, secret_digest, sector, status, is_demo, version, created_at, updated_at"
    };
}

/// Adds a client.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, client: &Client) -> Result<Inserted, Error> {
    tx.query(concat!(
        "INSERT INTO client (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (client_id) DO NOTHING"
    ))
    .bind(&client.client_id)
    .bind(&client.metadata)
    .bind(client.secret_digest)
    .bind(&client.sector)
    .bind(client.status)
    .bind(client.is_demo)
    .bind(client.version)
    .bind(client.created_at)
    .bind(client.updated_at)
    .execute()
    .await
    .map(Inserted::from)
}

/// Adds a client or changes its metadata and secret, and answers its version. A client that is there keeps its status
/// (a disabled one is not enabled by the way), its sector (subjects must not change, I6) and its first day.
///
/// # Errors
/// What the store said.
pub async fn upsert(tx: &mut Tx, client: &Client) -> Result<i32, Error> {
    tx.query(concat!(
        "INSERT INTO client (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (client_id) DO UPDATE SET metadata = excluded.metadata, secret_digest = excluded.secret_digest,
            version = client.version + 1, updated_at = excluded.updated_at
         RETURNING version"
    ))
    .bind(&client.client_id)
    .bind(&client.metadata)
    .bind(client.secret_digest)
    .bind(&client.sector)
    .bind(client.status)
    .bind(client.is_demo)
    .bind(client.version)
    .bind(client.created_at)
    .bind(client.updated_at)
    .scalar()
    .await
}

/// The client of that id, disabled or not.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, client_id: &str) -> Result<Option<Client>, Error> {
    source.query(concat!("SELECT ", columns!(), " FROM client WHERE client_id = $1")).bind(client_id).optional().await
}

/// The client of that id, who must exist.
///
/// # Errors
/// [`Error::NotFound`]; what the store said.
pub async fn get(source: impl Source<'_>, client_id: &str) -> Result<Client, Error> {
    find(source, client_id).await?.ok_or(Error::NotFound)
}

/// A page of clients by id.
///
/// # Errors
/// What the store said.
pub async fn list(source: impl Source<'_>, after: Option<&str>, limit: u32) -> Result<Vec<Client>, Error> {
    source
        .query(concat!("SELECT ", columns!(), " FROM client WHERE client_id > $1 ORDER BY client_id LIMIT $2"))
        .bind(after.unwrap_or_default())
        .bind(i64::from(limit))
        .all()
        .await
}

/// Enables or disables a client. `false` when there is none or it had that status.
///
/// # Errors
/// What the store said.
pub async fn set_status(tx: &mut Tx, client_id: &str, status: ClientStatus, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE client SET status = $2, version = version + 1, updated_at = $3
             WHERE client_id = $1 AND status <> $2",
        )
        .bind(client_id)
        .bind(status)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Whether any client was made by `demo`.
///
/// # Errors
/// What the store said.
pub async fn any_demo(source: impl Source<'_>) -> Result<bool, Error> {
    source.query("SELECT EXISTS (SELECT 1 FROM client WHERE is_demo)").scalar().await
}
