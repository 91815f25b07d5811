//! Authorizations asked for on another device than the person's: by a code typed in, or by a portal.
//!
//! A row leaves `waiting` by one conditional statement, so that of all who approve, refuse or come too late one is right
//! (I1). What an approval gives is a grant, which is redeemed once, like that of a code.

use super::{Inserted, hidden_debug, words};
use crate::base::{DecoupledId, Digest, PersonId, Timestamp};
use crate::db::{Error, Source, Tx};

words! {
    /// How it was asked for.
    DecoupledKind {
        /// RFC 8628.
        Device = "device",
        /// OpenID Connect Client-Initiated Backchannel Authentication.
        Ciba = "ciba",
    }

    /// How far it is.
    DecoupledState {
        /// Nobody has decided.
        Waiting = "waiting",
        /// Given: a grant lies ready.
        Approved = "approved",
        /// Refused.
        Denied = "denied",
        /// Nobody decided in time.
        Expired = "expired",
    }
}

/// One request.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Decoupled {
    /// Of this row.
    pub id: DecoupledId,
    /// How it was asked for.
    pub kind: DecoupledKind,
    /// SHA-256 of `device_code` or `auth_req_id`.
    pub secret_digest: Digest,
    /// Keyed digest of the code that is typed in; of a device only.
    pub user_code_index: Option<Digest>,
    /// Who asks.
    pub client_id: String,
    /// Whom the portal's hint names (`None`: nobody here), or who decided.
    pub person_id: Option<PersonId>,
    /// What is asked for, sealed.
    pub request_sealed: Vec<u8>,
    /// How far it is.
    pub state: DecoupledState,
    /// Seconds between two polls; grows with every poll that comes too soon.
    pub interval_seconds: i32,
    /// The last poll.
    pub polled_at: Option<Timestamp>,
    /// When it was asked.
    pub created_at: Timestamp,
    /// Until when it can be decided and redeemed.
    pub expires_at: Timestamp,
    /// When it left `waiting`.
    pub decided_at: Option<Timestamp>,
}

hidden_debug!(Decoupled: id);

macro_rules! columns {
    () => {
        "id, kind, secret_digest, user_code_index, client_id, person_id, request_sealed, state, interval_seconds, \
         polled_at, created_at, expires_at, decided_at"
    };
}

/// Adds a request. [`Inserted::AlreadyKnown`]: its user code is in use; draw another.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, row: &Decoupled) -> Result<Inserted, Error> {
    tx.query(concat!(
        "INSERT INTO decoupled_authorization (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING"
    ))
    .bind(row.id)
    .bind(row.kind)
    .bind(row.secret_digest)
    .bind(row.user_code_index)
    .bind(&row.client_id)
    .bind(row.person_id)
    .bind(&row.request_sealed)
    .bind(row.state)
    .bind(row.interval_seconds)
    .bind(row.polled_at)
    .bind(row.created_at)
    .bind(row.expires_at)
    .bind(row.decided_at)
    .execute()
    .await
    .map(Inserted::from)
}

/// The request of a `device_code` or `auth_req_id`, in whatever state.
///
/// # Errors
/// What the store said.
pub async fn find_by_secret(
    source: impl Source<'_>,
    kind: DecoupledKind,
    secret: &Digest,
) -> Result<Option<Decoupled>, Error> {
    source
        .query(concat!("SELECT ", columns!(), " FROM decoupled_authorization WHERE secret_digest = $1 AND kind = $2"))
        .bind(secret)
        .bind(kind)
        .optional()
        .await
}

/// The waiting request of a code that somebody typed in.
///
/// # Errors
/// What the store said.
pub async fn find_by_user_code(
    source: impl Source<'_>,
    user_code: &Digest,
    now: Timestamp,
) -> Result<Option<Decoupled>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM decoupled_authorization WHERE user_code_index = $1 AND state = 'waiting' AND expires_at > $2"
        ))
        .bind(user_code)
        .bind(now)
        .optional()
        .await
}

/// What waits for a person, newest first: the five newest of each portal, so that none hides another's; at most 100.
///
/// # Errors
/// What the store said.
pub async fn list_waiting(source: impl Source<'_>, person: PersonId, now: Timestamp) -> Result<Vec<Decoupled>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM (SELECT ",
            columns!(),
            ", ROW_NUMBER() OVER (PARTITION BY client_id ORDER BY created_at DESC, id DESC) AS place
               FROM decoupled_authorization
               WHERE person_id = $1 AND kind = 'ciba' AND state = 'waiting' AND expires_at > $2) AS of_portal
             WHERE place <= 5 ORDER BY created_at DESC, id DESC LIMIT 100"
        ))
        .bind(person)
        .bind(now)
        .all()
        .await
}

/// One request that waits for a person.
///
/// # Errors
/// What the store said.
pub async fn find_waiting(
    source: impl Source<'_>,
    (id, person): (DecoupledId, PersonId),
    now: Timestamp,
) -> Result<Option<Decoupled>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM decoupled_authorization
             WHERE id = $1 AND person_id = $2 AND kind = 'ciba' AND state = 'waiting' AND expires_at > $3"
        ))
        .bind(id)
        .bind(person)
        .bind(now)
        .optional()
        .await
}

/// Notes a poll. Of two at once either may be the one that stays.
///
/// # Errors
/// What the store said.
pub async fn note_poll(tx: &mut Tx, id: DecoupledId, interval_seconds: i32, now: Timestamp) -> Result<(), Error> {
    tx.query(
        "UPDATE decoupled_authorization SET polled_at = $3, interval_seconds = $2 WHERE id = $1 AND state = 'waiting'",
    )
    .bind(id)
    .bind(interval_seconds)
    .bind(now)
    .write()
    .await
}

/// Gives what was asked for: `true` once, for the person it was asked of, while it waits (I1).
///
/// # Errors
/// What the store said.
pub async fn approve(tx: &mut Tx, id: DecoupledId, person: PersonId, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE decoupled_authorization SET state = 'approved', person_id = $2, decided_at = $3
             WHERE id = $1 AND state = 'waiting' AND expires_at > $3 AND (person_id IS NULL OR person_id = $2)",
        )
        .bind(id)
        .bind(person)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Refuses what was asked for: `true` once, while it waits (I1).
///
/// # Errors
/// What the store said.
pub async fn deny(tx: &mut Tx, id: DecoupledId, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE decoupled_authorization SET state = 'denied', decided_at = $2
             WHERE id = $1 AND state = 'waiting' AND expires_at > $2",
        )
        .bind(id)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Ends what nobody decided in time, so that a clock set back later does not revive it (I15).
///
/// # Errors
/// What the store said.
pub async fn expire(tx: &mut Tx, id: DecoupledId, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE decoupled_authorization SET state = 'expired', decided_at = $2
             WHERE id = $1 AND state = 'waiting' AND expires_at <= $2",
        )
        .bind(id)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}
