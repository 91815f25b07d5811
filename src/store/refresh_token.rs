//! Refresh tokens: each generation is used once; a second use ends the family (E1).

use super::grant::{self, TokenGrant};
use crate::base::{Digest, GrantId, Presented, Timestamp};
use crate::db::{Error, Source, Tx};
use crate::protocol::Confirmation;

/// One generation.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RefreshToken {
    /// SHA-256 of the token.
    pub digest: Digest,
    /// The family.
    pub grant_id: GrantId,
    /// OAuth scope, at most the grant's.
    pub scope: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// End by inactivity.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
    /// The key that must come with it, where the client cannot prove itself (RFC 9449 5).
    pub bound_to: Option<Confirmation>,
}

/// What became of a refresh token.
#[must_use = "only a fresh token may be answered with tokens"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshConsumption {
    /// Used now, for the first time, and its family is live.
    Fresh {
        /// This generation.
        token: RefreshToken,
        /// The family, with the states of client and person.
        grant: Box<TokenGrant>,
    },
    /// Used before: the family must end.
    Reused {
        /// The family.
        grant_id: GrantId,
    },
    /// No such token, or it expired or its family ended.
    Unknown,
}

macro_rules! columns {
    () => {
        "digest, grant_id, scope, created_at, expires_at, used_at, bound_to"
    };
}

/// Adds a generation.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, token: &RefreshToken) -> Result<(), Error> {
    tx.query(concat!("INSERT INTO refresh_token (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)"))
        .bind(token.digest)
        .bind(token.grant_id)
        .bind(&token.scope)
        .bind(token.created_at)
        .bind(token.expires_at)
        .bind(token.used_at)
        .bind(&token.bound_to)
        .write()
        .await
}

/// Uses a generation: of all callers ever, one gets [`RefreshConsumption::Fresh`]. Commit also when the request is then
/// refused.
///
/// # Errors
/// What the store said.
pub async fn consume(tx: &mut Tx, token: impl Into<Presented>, now: Timestamp) -> Result<RefreshConsumption, Error> {
    let presented = token.into();
    let (from, until) = presented.times();
    let fresh: Option<RefreshToken> = tx
        .query(concat!(
            "UPDATE refresh_token SET used_at = $2
             WHERE digest = $1 AND created_at >= $3 AND created_at < $4 AND used_at IS NULL AND expires_at > $2
               AND EXISTS (SELECT 1 FROM authorization_grant g
                           WHERE g.id = refresh_token.grant_id AND g.ended_at IS NULL AND g.expires_at > $2)
             RETURNING ",
            columns!()
        ))
        .bind(presented.digest)
        .bind(now)
        .bind(from)
        .bind(until)
        .optional()
        .await?;
    if let Some(token) = fresh {
        let grant = grant::find_for_token(tx, token.grant_id).await?.ok_or(Error::NotFound)?;
        return Ok(RefreshConsumption::Fresh { token, grant: Box::new(grant) });
    }
    let seen = find(tx, presented).await?.filter(|token| token.used_at.is_some());
    Ok(seen.map_or(RefreshConsumption::Unknown, |token| RefreshConsumption::Reused { grant_id: token.grant_id }))
}

/// Uses a token that stays as it is (FAPI 2.0 Security Profile 5.3.2.1: no rotation for clients that prove themselves
/// and their tokens by a key), and moves its end by inactivity.
///
/// # Errors
/// What the store said.
pub async fn keep(
    tx: &mut Tx,
    token: impl Into<Presented>,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<RefreshConsumption, Error> {
    let presented = token.into();
    let (from, until) = presented.times();
    let kept: Option<RefreshToken> = tx
        .query(concat!(
            "UPDATE refresh_token SET expires_at = $3
             WHERE digest = $1 AND created_at >= $4 AND created_at < $5 AND used_at IS NULL AND expires_at > $2
               AND EXISTS (SELECT 1 FROM authorization_grant g
                           WHERE g.id = refresh_token.grant_id AND g.ended_at IS NULL AND g.expires_at > $2)
             RETURNING ",
            columns!()
        ))
        .bind(presented.digest)
        .bind(now)
        .bind(expires_at)
        .bind(from)
        .bind(until)
        .optional()
        .await?;
    let Some(token) = kept else { return Ok(RefreshConsumption::Unknown) };
    let grant = grant::find_for_token(tx, token.grant_id).await?.ok_or(Error::NotFound)?;
    Ok(RefreshConsumption::Fresh { token, grant: Box::new(grant) })
}

/// Ends the family of a generation that is presented too late, so that a clock set back later finds it ended (I15).
/// Answers which grant ended by this.
///
/// # Errors
/// What the store said.
pub async fn end_late(tx: &mut Tx, token: impl Into<Presented>, now: Timestamp) -> Result<Option<GrantId>, Error> {
    let presented = token.into();
    let (from, until) = presented.times();
    let ended: Vec<GrantId> = tx
        .query(
            "UPDATE authorization_grant SET ended_at = $2, ended_reason = 'refresh_token_expired'
             WHERE ended_at IS NULL
               AND id = (SELECT grant_id FROM refresh_token
                         WHERE digest = $1 AND created_at >= $3 AND created_at < $4 AND used_at IS NULL
                           AND expires_at <= $2)
             RETURNING id",
        )
        .bind(presented.digest)
        .bind(now)
        .bind(from)
        .bind(until)
        .scalars()
        .await?;
    Ok(ended.into_iter().next())
}

/// A generation in whatever state, for revocation and introspection.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, token: impl Into<Presented>) -> Result<Option<RefreshToken>, Error> {
    let presented = token.into();
    let (from, until) = presented.times();
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM refresh_token WHERE digest = $1 AND created_at >= $2 AND created_at < $3"
        ))
        .bind(presented.digest)
        .bind(from)
        .bind(until)
        .optional()
        .await
}
