//! Messages and calls that must leave, at least once each.

use super::{hidden_debug, words};
use crate::base::{OutboxId, Timestamp};
use crate::db::{Error, Source, Tx};
use std::time::Duration;

words! {
    /// How a message leaves.
    OutboxKind {
        /// Text message.
        Sms = "sms",
        /// Call.
        Voice = "voice",
        /// E-mail.
        Email = "email",
        /// OpenID Connect Back-Channel Logout.
        BackchannelLogout = "backchannel_logout",
        /// Word to a client that asked by CIBA.
        CibaPing = "ciba_ping",
        /// Leaves nowhere: the same work for a number nobody registered (N1, N2).
        None = "none",
    }

    /// How it ended.
    Outcome {
        /// Accepted by its receiver.
        Delivered = "delivered",
        /// Too many failures or too late.
        GivenUp = "given_up",
    }
}

/// A message.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OutboxMessage {
    /// Of this row.
    pub id: OutboxId,
    /// How it leaves.
    pub kind: OutboxKind,
    /// Sealed.
    pub payload_sealed: Vec<u8>,
    /// What it is about, without personal data.
    pub reference: Option<String>,
    /// Not before this time.
    pub due_at: Timestamp,
    /// How often it was claimed.
    pub attempts: i32,
    /// Whose turn it is until then.
    pub claimed_until: Option<Timestamp>,
    /// When it was written.
    pub created_at: Timestamp,
    /// After this time it is worthless.
    pub give_up_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Error class of the last attempt.
    pub last_error: Option<String>,
}

hidden_debug!(OutboxMessage: id);

/// The right to handle a message: who claimed it later has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Which message.
    pub id: OutboxId,
    /// Which attempt.
    pub attempt: i32,
}

impl OutboxMessage {
    /// The claim of whoever got this row from [`claim_due`].
    pub const fn claim(&self) -> Claim {
        Claim { id: self.id, attempt: self.attempts }
    }
}

macro_rules! columns {
    () => {
        "id, kind, payload_sealed, reference, due_at, attempts, claimed_until, created_at, give_up_at, finished_at, \
         outcome, last_error"
    };
}

/// Puts a message in, in the transaction of the act that causes it.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, message: &OutboxMessage) -> Result<(), Error> {
    tx.query(concat!(
        "INSERT INTO outbox (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    ))
    .bind(message.id)
    .bind(message.kind)
    .bind(&message.payload_sealed)
    .bind(&message.reference)
    .bind(message.due_at)
    .bind(message.attempts)
    .bind(message.claimed_until)
    .bind(message.created_at)
    .bind(message.give_up_at)
    .bind(message.finished_at)
    .bind(message.outcome)
    .bind(&message.last_error)
    .write()
    .await
}

/// Claims messages that are due, oldest first, for as long as `lease`: of several nodes at once, each message goes to
/// one. A node that dies loses its claims when the lease ends. Commit before sending.
///
/// # Errors
/// What the store said.
pub async fn claim_due(tx: &mut Tx, limit: u32, now: Timestamp, lease: Duration) -> Result<Vec<OutboxMessage>, Error> {
    // The outer conditions are asked again when another node's claim was waited for.
    let query = tx.query(concat!(
        "UPDATE outbox SET claimed_until = $3, attempts = attempts + 1
         WHERE id IN (SELECT id FROM outbox
                      WHERE finished_at IS NULL AND due_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
                      ORDER BY due_at, id LIMIT $2)
           AND finished_at IS NULL AND (claimed_until IS NULL OR claimed_until <= $1)
         RETURNING ",
        columns!()
    ));
    let mut claimed: Vec<OutboxMessage> = query.bind(now).bind(i64::from(limit)).bind(now.plus(lease)).all().await?;
    // RETURNING gives no order.
    claimed.sort_by_key(|message| (message.due_at, message.id));
    Ok(claimed)
}

/// Ends a message. `false` when the claim is no longer the newest or it had ended.
///
/// # Errors
/// What the store said.
pub async fn finish(
    tx: &mut Tx,
    claim: Claim,
    outcome: Outcome,
    error: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE outbox SET finished_at = $5, outcome = $3, last_error = $4, claimed_until = NULL
             WHERE id = $1 AND attempts = $2 AND finished_at IS NULL",
        )
        .bind(claim.id)
        .bind(claim.attempt)
        .bind(outcome)
        .bind(error)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Gives a message back for another attempt. `false` when the claim is no longer the newest or it had ended.
///
/// # Errors
/// What the store said.
pub async fn reschedule(tx: &mut Tx, claim: Claim, due_at: Timestamp, error: &str) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE outbox SET due_at = $3, last_error = $4, claimed_until = NULL
             WHERE id = $1 AND attempts = $2 AND finished_at IS NULL",
        )
        .bind(claim.id)
        .bind(claim.attempt)
        .bind(due_at)
        .bind(error)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// The messages about something, oldest first; at most 200.
///
/// # Errors
/// What the store said.
pub async fn list_by_reference(source: impl Source<'_>, reference: &str) -> Result<Vec<OutboxMessage>, Error> {
    source
        .query(concat!("SELECT ", columns!(), " FROM outbox WHERE reference = $1 ORDER BY created_at, id LIMIT 200"))
        .bind(reference)
        .all()
        .await
}
