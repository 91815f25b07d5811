//! Codes sent to a phone. A number nobody registered gets the same rows and the same work (N1).

use super::words;
use crate::base::{CodeId, Digest, PersonId, Timestamp};
use crate::db::{Error, Source, Tx};

words! {
    /// What a code is for.
    CodePurpose {
        /// To sign in.
        SignIn = "sign_in",
        /// To make an account.
        CreateAccount = "create_account",
        /// To confirm a change.
        Confirm = "confirm",
    }

    /// How a code travels.
    CodeChannel {
        /// As a text message.
        Sms = "sms",
        /// Read out in a call.
        Voice = "voice",
        /// By e-mail: to confirm an address, never to sign in.
        Email = "email",
    }
}

/// A code that was sent.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SentCode {
    /// Of this row.
    pub id: CodeId,
    /// The interaction it belongs to.
    pub flow_digest: Digest,
    /// `None` for a number nobody registered.
    pub person_id: Option<PersonId>,
    /// What it is for.
    pub purpose: CodePurpose,
    /// How it travelled.
    pub channel: CodeChannel,
    /// Blind index of the phone number.
    pub contact_index: Digest,
    /// Keyed digest of interaction and code.
    pub code_digest: Digest,
    /// How often it may still be guessed.
    pub tries_left: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, flow_digest, person_id, purpose, channel, contact_index, code_digest, tries_left, created_at, expires_at, \
         used_at"
    };
}

/// Adds a code and ends the earlier ones of its interaction.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, code: &SentCode) -> Result<(), Error> {
    tx.query("UPDATE sent_code SET expires_at = $2 WHERE flow_digest = $1 AND used_at IS NULL AND expires_at > $2")
        .bind(code.flow_digest)
        .bind(code.created_at)
        .execute()
        .await?;
    tx.query(concat!("INSERT INTO sent_code (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"))
        .bind(code.id)
        .bind(code.flow_digest)
        .bind(code.person_id)
        .bind(code.purpose)
        .bind(code.channel)
        .bind(code.contact_index)
        .bind(code.code_digest)
        .bind(code.tries_left)
        .bind(code.created_at)
        .bind(code.expires_at)
        .bind(code.used_at)
        .execute()
        .await
        .map(|_| ())
}

/// Takes one try from the newest code of an interaction and gives the row to compare with: the guess is counted before
/// it is known to be right. `None`: no code, used, expired, or no try left; an expired one loses its tries, so that a
/// clock set back later does not revive it (I15). Commit whatever the comparison says.
///
/// # Errors
/// What the store said.
pub async fn attempt(tx: &mut Tx, flow: &Digest, now: Timestamp) -> Result<Option<SentCode>, Error> {
    let code: Option<SentCode> = tx
        .query(concat!(
            "UPDATE sent_code SET tries_left = tries_left - 1
             WHERE id = (SELECT id FROM sent_code WHERE flow_digest = $1 ORDER BY created_at DESC, id DESC LIMIT 1)
               AND used_at IS NULL AND tries_left > 0 AND expires_at > $2
             RETURNING ",
            columns!()
        ))
        .bind(flow)
        .bind(now)
        .optional()
        .await?;
    if code.is_none() {
        tx.query("UPDATE sent_code SET tries_left = 0 WHERE flow_digest = $1 AND tries_left > 0 AND expires_at <= $2")
            .bind(flow)
            .bind(now)
            .execute()
            .await?;
    }
    Ok(code)
}

/// Uses a code: `true` once (I1, M2).
///
/// # Errors
/// What the store said.
pub async fn consume(tx: &mut Tx, id: CodeId, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE sent_code SET used_at = $2 WHERE id = $1 AND used_at IS NULL AND expires_at > $2")
        .bind(id)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// The newest code of an interaction, in whatever state.
///
/// # Errors
/// What the store said.
pub async fn latest(source: impl Source<'_>, flow: &Digest) -> Result<Option<SentCode>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM sent_code WHERE flow_digest = $1 ORDER BY created_at DESC, id DESC LIMIT 1"
        ))
        .bind(flow)
        .optional()
        .await
}
