//! Passkeys (WebAuthn credentials).

use super::{Inserted, hidden_debug};
use crate::base::{CredentialId, PersonId, Timestamp};
use crate::db::{Error, Json, Source, Tx};
use uuid::Uuid;

/// A passkey of a person.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Passkey {
    /// Of this row.
    pub id: CredentialId,
    /// Whose.
    pub person_id: PersonId,
    /// WebAuthn credential id, unique over all people.
    pub credential: Vec<u8>,
    /// JSON of public key, counter and flags.
    pub state: String,
    /// As the person calls it.
    pub name: String,
    /// Model of the authenticator.
    pub aaguid: Option<Uuid>,
    /// Such as `internal`, `hybrid`.
    #[sqlx(try_from = "Json<Vec<String>>")]
    pub transports: Vec<String>,
    /// Synced to other devices.
    pub backed_up: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// Before this time it cannot authorise changes of other credentials.
    pub settles_at: Timestamp,
    /// When it last signed somebody in.
    pub last_used_at: Option<Timestamp>,
    /// When it was removed.
    pub ended_at: Option<Timestamp>,
}

hidden_debug!(Passkey: id);

macro_rules! columns {
    () => {
        "id, person_id, credential, state, name, aaguid, transports, backed_up, created_at, settles_at, last_used_at, \
         ended_at"
    };
}

/// Adds a passkey. [`Inserted::AlreadyKnown`] when anybody has or had this credential id (WebAuthn 7.1 step 26).
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, passkey: &Passkey) -> Result<Inserted, Error> {
    tx.query(concat!(
        "INSERT INTO passkey (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (credential) DO NOTHING"
    ))
    .bind(passkey.id)
    .bind(passkey.person_id)
    .bind(&passkey.credential)
    .bind(&passkey.state)
    .bind(&passkey.name)
    .bind(passkey.aaguid)
    .bind(Json(&passkey.transports))
    .bind(passkey.backed_up)
    .bind(passkey.created_at)
    .bind(passkey.settles_at)
    .bind(passkey.last_used_at)
    .bind(passkey.ended_at)
    .execute()
    .await
    .map(Inserted::from)
}

/// A person's passkeys in use, oldest first.
///
/// # Errors
/// What the store said.
pub async fn list_for(source: impl Source<'_>, person: PersonId) -> Result<Vec<Passkey>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM passkey WHERE person_id = $1 AND ended_at IS NULL ORDER BY created_at, id"
        ))
        .bind(person)
        .all()
        .await
}

/// The passkey in use with this credential id.
///
/// # Errors
/// What the store said.
pub async fn find_by_credential(source: impl Source<'_>, credential: &[u8]) -> Result<Option<Passkey>, Error> {
    source
        .query(concat!("SELECT ", columns!(), " FROM passkey WHERE credential = $1 AND ended_at IS NULL"))
        .bind(credential)
        .optional()
        .await
}

/// Notes a use: the time, the backup flag, and the new state when it changed. `false` when it was removed meanwhile.
///
/// # Errors
/// What the store said.
pub async fn update_after_use(
    tx: &mut Tx,
    id: CredentialId,
    new_state: Option<&str>,
    backed_up: bool,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE passkey SET state = COALESCE($2, state), backed_up = $3, last_used_at = $4
             WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(id)
        .bind(new_state)
        .bind(backed_up)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Renames a passkey of this person. `false` when it is not theirs or was removed.
///
/// # Errors
/// What the store said.
pub async fn rename(tx: &mut Tx, person: PersonId, id: CredentialId, name: &str) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE passkey SET name = $3 WHERE id = $2 AND person_id = $1 AND ended_at IS NULL")
        .bind(person)
        .bind(id)
        .bind(name)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Removes a passkey of this person. `false` when it is not theirs or was removed before.
///
/// # Errors
/// What the store said.
pub async fn end(tx: &mut Tx, person: PersonId, id: CredentialId, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE passkey SET ended_at = $3 WHERE id = $2 AND person_id = $1 AND ended_at IS NULL")
        .bind(person)
        .bind(id)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// How many passkeys a person has in use.
///
/// # Errors
/// What the store said.
pub async fn count_active(source: impl Source<'_>, person: PersonId) -> Result<i64, Error> {
    source.query("SELECT COUNT(*) FROM passkey WHERE person_id = $1 AND ended_at IS NULL").bind(person).scalar().await
}

/// Whether a passkey was made for the person after a time, also one that is gone again.
///
/// # Errors
/// What the store said.
pub async fn any_made_since(source: impl Source<'_>, person: PersonId, since: Timestamp) -> Result<bool, Error> {
    source
        .query("SELECT EXISTS (SELECT 1 FROM passkey WHERE person_id = $1 AND created_at > $2)")
        .bind(person)
        .bind(since)
        .scalar()
        .await
}
