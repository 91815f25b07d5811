//! Logos of clients, as fetched once.

use super::client::ClientStatus;
use crate::base::{Digest, Timestamp};
use crate::db::{Error, Source, Tx};

/// A logo.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ClientLogo {
    /// Whose.
    pub client_id: String,
    /// Such as `image/png`; one of a closed list.
    pub media_type: String,
    /// The picture.
    pub body: Vec<u8>,
    /// SHA-256 of the picture.
    pub digest: Digest,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

/// Puts a client's logo in place of any other.
///
/// # Errors
/// What the store said.
pub async fn replace(tx: &mut Tx, logo: &ClientLogo) -> Result<(), Error> {
    tx.query(
        "INSERT INTO client_logo (client_id, media_type, body, digest, fetched_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (client_id) DO UPDATE SET media_type = excluded.media_type, body = excluded.body,
            digest = excluded.digest, fetched_at = excluded.fetched_at",
    )
    .bind(&logo.client_id)
    .bind(&logo.media_type)
    .bind(logo.body.as_slice())
    .bind(logo.digest)
    .bind(logo.fetched_at)
    .execute()
    .await?;
    tx.query("UPDATE client SET logo_digest = $2 WHERE client_id = $1")
        .bind(&logo.client_id)
        .bind(logo.digest)
        .execute()
        .await
        .map(|_| ())
}

/// Takes a client's logo away.
///
/// # Errors
/// What the store said.
pub async fn remove(tx: &mut Tx, client_id: &str) -> Result<(), Error> {
    tx.query("DELETE FROM client_logo WHERE client_id = $1").bind(client_id).execute().await?;
    tx.query("UPDATE client SET logo_digest = NULL WHERE client_id = $1").bind(client_id).execute().await.map(|_| ())
}

/// The logo of a client that is in use.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, client_id: &str) -> Result<Option<ClientLogo>, Error> {
    source
        .query(
            "SELECT client_logo.client_id, media_type, body, digest, fetched_at FROM client_logo
             JOIN client ON client.client_id = client_logo.client_id AND client.status = $2
             WHERE client_logo.client_id = $1",
        )
        .bind(client_id)
        .bind(ClientStatus::Active)
        .optional()
        .await
}
