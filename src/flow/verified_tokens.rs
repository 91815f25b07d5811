//! Access tokens whose signature was verified, so that a token that is shown again costs no second verification.
//!
//! Only the signature is remembered. Whether the token still counts (its time, its grant, its client, its person, whether
//! it was revoked) is judged at every use.

use crate::base::{Digest, Timestamp};
use crate::protocol::jwt_claims::AccessToken;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Tokens kept at most: some megabytes. Strangers cannot fill it, for only tokens we signed come in (S2).
const MOST: usize = 8_192;

/// Tokens by the digest of their text.
#[derive(Debug, Default)]
pub struct VerifiedTokens(RwLock<HashMap<[u8; 32], Arc<AccessToken>>>);

impl VerifiedTokens {
    /// A token that was verified before and whose time is now.
    pub fn find(&self, digest: &Digest, now: Timestamp) -> Option<Arc<AccessToken>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(digest.as_bytes()).filter(|token| in_time(token, now)).cloned()
    }

    /// Keeps a token that was just verified. When there is no room, those that expired go, and if that does not help,
    /// all of them: they are verified again.
    pub fn keep(&self, digest: &Digest, token: &Arc<AccessToken>, now: Timestamp) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.retain(|_, token| in_time(token, now));
        }
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(*digest.as_bytes(), Arc::clone(token));
    }
}

/// Whether a token is neither expired nor, after a clock was set back, of the future (I15), as the first verification
/// judges it: in whole seconds.
fn in_time(token: &AccessToken, now: Timestamp) -> bool {
    token.issued_at.seconds() <= now.seconds() && now.seconds() < token.expires_at.seconds()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::sha256;
    use crate::protocol::ScopeSet;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn token(from: i64, until: i64) -> Arc<AccessToken> {
        Arc::new(AccessToken {
            issuer: "https://id.example".to_owned(),
            audience: Vec::new(),
            subject: "s".to_owned(),
            client_id: "c".to_owned(),
            issued_at: at(from),
            expires_at: at(until),
            jti: "j".to_owned(),
            scope: ScopeSet::default(),
            grant: None,
            authentication: None,
            authorization_details: None,
            confirmation: None,
            actor: None,
        })
    }

    #[test]
    fn i15_t5_time_is_judged_at_every_use() {
        let kept = VerifiedTokens::default();
        let digest = sha256(b"token");
        kept.keep(&digest, &token(100, 200), at(100));
        assert!(kept.find(&digest, at(100)).is_some() && kept.find(&digest, at(199)).is_some());
        assert!(kept.find(&digest, at(200)).is_none(), "expired");
        assert!(kept.find(&digest, at(99)).is_none(), "of the future, after the clock was set back");
        assert!(kept.find(&sha256(b"another"), at(150)).is_none());
    }

    #[test]
    fn s2_the_number_kept_is_bounded_and_what_expired_goes_first() {
        let kept = VerifiedTokens::default();
        let digest = |number: usize| sha256(&number.to_be_bytes());
        for number in 0..MOST - 1 {
            kept.keep(&digest(number), &token(0, 10), at(0));
        }
        kept.keep(&digest(MOST), &token(0, 1_000), at(0));
        kept.keep(&digest(MOST + 1), &token(0, 1_000), at(20));
        assert_eq!(kept.0.read().unwrap().len(), 2);
        assert!(kept.find(&digest(MOST), at(20)).is_some());
        for number in 0..3 * MOST {
            kept.keep(&digest(number), &token(0, 1_000), at(20));
            assert!(kept.0.read().unwrap().len() <= MOST);
        }
    }
}
