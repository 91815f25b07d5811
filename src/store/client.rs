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

words! {
    /// Who registered a client.
    ClientOrigin {
        /// An operator, by command or by file.
        Operator = "operator",
        /// Itself, with an initial access token.
        Token = "token",
        /// Itself, where registration is open.
        Open = "open",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro takes no attribute on a word")]
impl Default for ClientOrigin {
    fn default() -> Self {
        Self::Operator
    }
}

/// What registration keeps of a client beside its metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Managed {
    /// When the secret ends; `None`: never.
    pub secret_expires_at: Option<Timestamp>,
    /// SHA-256 of the secret before.
    pub old_secret_digest: Option<Digest>,
    /// Until when that one is taken too.
    pub old_secret_until: Option<Timestamp>,
    /// The secret, sealed: for `client_secret_jwt` only.
    pub secret_sealed: Option<Vec<u8>>,
    /// The one before, sealed.
    pub old_secret_sealed: Option<Vec<u8>>,
    /// Who registered it.
    pub origin: ClientOrigin,
    /// SHA-256 of its registration access token (RFC 7592).
    pub registration_digest: Option<Digest>,
    /// SHA-256 of its logo, where it was fetched.
    pub logo_digest: Option<Digest>,
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
    /// What registration keeps beside the metadata.
    #[sqlx(flatten)]
    pub managed: Managed,
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
        "client_id, metadata, secret_digest, sector, status, is_demo, version, created_at, updated_at,
         secret_expires_at, old_secret_digest, old_secret_until, secret_sealed, old_secret_sealed, origin,
         registration_digest, logo_digest"
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
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT (client_id) DO NOTHING"
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
    .bind(client.managed.secret_expires_at)
    .bind(client.managed.old_secret_digest)
    .bind(client.managed.old_secret_until)
    .bind(client.managed.secret_sealed.as_deref())
    .bind(client.managed.old_secret_sealed.as_deref())
    .bind(client.managed.origin)
    .bind(client.managed.registration_digest)
    .bind(client.managed.logo_digest)
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
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT (client_id) DO UPDATE SET metadata = excluded.metadata, secret_digest = excluded.secret_digest,
            secret_expires_at = excluded.secret_expires_at, old_secret_digest = excluded.old_secret_digest,
            old_secret_until = excluded.old_secret_until, secret_sealed = excluded.secret_sealed,
            old_secret_sealed = excluded.old_secret_sealed, version = client.version + 1, updated_at = excluded.updated_at
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
    .bind(client.managed.secret_expires_at)
    .bind(client.managed.old_secret_digest)
    .bind(client.managed.old_secret_until)
    .bind(client.managed.secret_sealed.as_deref())
    .bind(client.managed.old_secret_sealed.as_deref())
    .bind(client.managed.origin)
    .bind(client.managed.registration_digest)
    .bind(client.managed.logo_digest)
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

/// A secret to be put in force.
pub struct NewSecret<'a> {
    /// SHA-256.
    pub digest: Digest,
    /// The secret, sealed, where its method needs it.
    pub sealed: Option<&'a [u8]>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Until when the one before is taken too.
    pub old_until: Timestamp,
}

/// Replaces a client's secret; the one before is taken until `old_until`, or until its own end if that is sooner.
/// `false` when there is no such client.
///
/// # Errors
/// What the store said.
pub async fn replace_secret(tx: &mut Tx, client_id: &str, new: &NewSecret<'_>, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE client SET old_secret_digest = secret_digest, old_secret_sealed = secret_sealed,
                old_secret_until = CASE WHEN secret_expires_at < $5 THEN secret_expires_at ELSE $5 END,
                secret_digest = $2, secret_sealed = $3, secret_expires_at = $4,
                version = version + 1, updated_at = $6
             WHERE client_id = $1",
        )
        .bind(client_id)
        .bind(new.digest)
        .bind(new.sealed)
        .bind(new.expires_at)
        .bind(new.old_until)
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

/// Changes what a client registered, if `old` is still its registration access token, which `new` replaces: of updates
/// at the same time, one wins (RFC 7592 2.2, 5). `false`: nothing was changed.
///
/// # Errors
/// What the store said.
pub async fn update_registered(
    tx: &mut Tx,
    client_id: &str,
    (old, new): (&Digest, &Digest),
    metadata: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE client SET metadata = $4, registration_digest = $3, version = version + 1, updated_at = $5
             WHERE client_id = $1 AND registration_digest = $2 AND status = $6",
        )
        .bind(client_id)
        .bind(old)
        .bind(new)
        .bind(metadata)
        .bind(now)
        .bind(ClientStatus::Active)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Takes a client's registration access token away; `false` when it was not `old`.
///
/// # Errors
/// What the store said.
pub async fn end_registration(tx: &mut Tx, client_id: &str, old: &Digest) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE client SET registration_digest = NULL WHERE client_id = $1 AND registration_digest = $2")
        .bind(client_id)
        .bind(old)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Takes a client's secrets away: its method of authentication has none any more.
///
/// # Errors
/// What the store said.
pub async fn clear_secret(tx: &mut Tx, client_id: &str) -> Result<(), Error> {
    tx.query(
        "UPDATE client SET secret_digest = NULL, secret_expires_at = NULL, secret_sealed = NULL,
            old_secret_digest = NULL, old_secret_until = NULL, old_secret_sealed = NULL WHERE client_id = $1",
    )
    .bind(client_id)
    .execute()
    .await
    .map(|_| ())
}

/// How many clients registered themselves in the open: a number that configuration bounds (S2).
///
/// # Errors
/// What the store said.
pub async fn count_open(source: impl Source<'_>) -> Result<i64, Error> {
    source.query("SELECT COUNT(*) FROM client WHERE origin = $1").bind(ClientOrigin::Open).scalar().await
}
