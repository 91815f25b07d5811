//! Artefacts that were consumed and may not come again (I1). Only their digests are kept, until they would have expired.

use super::words;
use crate::base::{Digest, Timestamp};
use crate::db::{Error, Sink, Source};

words! {
    /// What was consumed.
    SpentKind {
        /// A client assertion: digest of client and `jti` (RFC 7523 3).
        ClientAssertion = "client_assertion",
        /// A WebAuthn challenge.
        PasskeyChallenge = "passkey_challenge",
        /// A step of an interaction that must not be repeated.
        InteractionStep = "interaction_step",
        /// The offer of a passkey that a person declined: not asked again for some weeks.
        PasskeyOffer = "passkey_offer",
        /// The answer on the stop page before a risky change: good for one act.
        StopConfirmation = "stop_confirmation",
        /// A pushed authorization request: the sign-in it was for has ended.
        PushedRequest = "pushed_request",
        /// A DPoP proof: digest of its key and `jti`.
        DpopProof = "dpop_proof",
        /// An access token that was revoked before its end (RFC 7009).
        RevokedAccessToken = "revoked_access_token",
    }
}

/// Consumes an artefact: `true` for the first caller only, on every node and after every restart.
///
/// # Errors
/// What the store said: then it must not be accepted.
pub async fn consume(
    sink: impl Sink<'_>,
    kind: SpentKind,
    digest: &Digest,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool, Error> {
    let rows = sink
        .query(
            "INSERT INTO spent_artefact (kind, digest, spent_at, expires_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (kind, digest) DO NOTHING",
        )
        .bind(kind)
        .bind(digest)
        .bind(now)
        .bind(expires_at)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Consumes two different artefacts in one statement: for each, `true` for the first caller only, as
/// [`consume`] says. One may be fresh while the other is not; the fresh one is consumed all the same.
///
/// # Errors
/// What the store said: then neither must be accepted.
pub async fn consume_both(
    sink: impl Sink<'_>,
    [first, second]: [(SpentKind, &Digest, Timestamp); 2],
    now: Timestamp,
) -> Result<[bool; 2], Error> {
    let fresh: Vec<(SpentKind, Digest)> = sink
        .query(
            "INSERT INTO spent_artefact (kind, digest, spent_at, expires_at) VALUES ($1, $2, $3, $4), ($5, $6, $3, $7)
             ON CONFLICT (kind, digest) DO NOTHING RETURNING kind, digest",
        )
        .bind(first.0)
        .bind(first.1)
        .bind(now)
        .bind(first.2)
        .bind(second.0)
        .bind(second.1)
        .bind(second.2)
        .all()
        .await?;
    Ok([first, second].map(|(kind, digest, _)| fresh.contains(&(kind, *digest))))
}

/// Whether an artefact was consumed. Says "surely used", never "unused": to accept one, [`consume`] it.
///
/// # Errors
/// What the store said.
pub async fn is_spent(source: impl Source<'_>, kind: SpentKind, digest: &Digest) -> Result<bool, Error> {
    source
        .query("SELECT EXISTS (SELECT 1 FROM spent_artefact WHERE kind = $1 AND digest = $2)")
        .bind(kind)
        .bind(digest)
        .scalar()
        .await
}
