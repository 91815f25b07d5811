//! Secrets that carry the time of their row, so that a store divided by time looks in one part of it.
//!
//! 32 bytes as base64url, as [`random_token`](super::random_token) makes them: 24 random ones (192 bits), six of
//! milliseconds since 1970, and two of SHA-256 over these. The two only tell such a secret from one made of 32 random
//! bytes, which was given out before and stays good: it is looked for everywhere.

use super::{Digest, Entropy, Timestamp, sha256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

const RANDOM: usize = 24;
const DATED: usize = RANDOM + 6;
const LENGTH: usize = 32;

/// The years 2026 to 2199, in milliseconds: another time was not written by us, or by a clock that is wrong.
const TIMES: std::ops::Range<u64> = 1_767_225_600_000..7_258_118_400_000;
/// The end of the year 9999, in milliseconds: both engines can hold it.
const LAST: u64 = 253_402_300_799_999;

/// A secret for a row of that time: the time of its id, if it has one.
pub fn dated_token(at: Timestamp, entropy: &dyn Entropy) -> String {
    let mut random = [0u8; RANDOM];
    entropy.fill(&mut random);
    let millis = u64::try_from(at.micros() / 1_000).unwrap_or(0);
    let mut bytes = random.to_vec();
    bytes.extend(millis.to_be_bytes().iter().skip(2));
    bytes.extend(check(&bytes));
    URL_SAFE_NO_PAD.encode(bytes)
}

fn check(dated: &[u8]) -> Vec<u8> {
    sha256(dated).as_bytes().iter().take(LENGTH - DATED).copied().collect()
}

/// What a presented secret is looked for by: its digest, and when its row was made as far as it says so. What it says is
/// no claim to anything: with another time it has another digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presented {
    /// SHA-256 of the text.
    pub digest: Digest,
    /// Milliseconds since 1970.
    made: Option<u64>,
}

impl Presented {
    /// Of a text from outside, whatever it is.
    pub fn of(text: &str) -> Self {
        Self { digest: sha256(text.as_bytes()), made: made(text) }
    }

    /// The ids its row may have: the first and the last.
    pub fn ids(&self) -> (Uuid, Uuid) {
        self.made.map_or((Uuid::nil(), Uuid::max()), |millis| {
            let time = u128::from(millis) << 80;
            (Uuid::from_u128(time), Uuid::from_u128(time | ((1 << 80) - 1)))
        })
    }

    /// The times its row may have been made at: the first, and the first that is too late.
    pub fn times(&self) -> (Timestamp, Timestamp) {
        let at = |millis: u64| Timestamp::from_micros(i64::try_from(millis).unwrap_or(0) * 1_000);
        self.made.map_or((at(0), at(LAST + 1)), |millis| (at(millis), at(millis + 1)))
    }
}

/// Looked for everywhere, as nothing but the digest is known.
impl From<&Digest> for Presented {
    fn from(digest: &Digest) -> Self {
        Self { digest: *digest, made: None }
    }
}

fn made(text: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == LENGTH)?;
    let (dated, checked) = bytes.split_at_checked(DATED)?;
    let millis = dated.iter().skip(RANDOM).fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    (check(dated) == checked && TIMES.contains(&millis)).then_some(millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SessionId, SystemEntropy, random_token};

    const AT: Timestamp = Timestamp::from_micros(1_772_413_200_123_456);

    #[test]
    fn a_dated_secret_says_where_its_row_is() {
        let text = dated_token(AT, &SystemEntropy);
        assert_eq!(text.len(), 43, "as long as a secret without a time");
        let presented = Presented::of(&text);
        assert_eq!(presented.digest, sha256(text.as_bytes()));
        let (first, last) = presented.ids();
        for _ in 0..100 {
            let id = SessionId::new(AT, &SystemEntropy).0;
            assert!(first <= id && id <= last, "{first} {id} {last}");
        }
        let later = SessionId::new(Timestamp::from_micros(AT.micros() + 1_000), &SystemEntropy).0;
        assert!(later > last);
        let (from, until) = presented.times();
        assert!(from <= AT && AT < until && until.micros() - from.micros() == 1_000);
    }

    #[test]
    fn secrets_without_a_time_are_looked_for_everywhere() {
        let everywhere = (Uuid::nil(), Uuid::max());
        let texts = (0..10_000).map(|_| random_token(&SystemEntropy));
        assert_eq!(texts.filter(|text| Presented::of(text).ids() != everywhere).count(), 0);
        for text in ["", "short", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "=", "ö"] {
            assert_eq!(Presented::of(text).ids(), everywhere);
            assert_eq!(Presented::of(text).times().0, Timestamp::from_micros(0));
        }
    }

    /// C2: the part that nobody can guess comes first and differs.
    #[test]
    fn c2_dated_secrets_are_unique_and_share_no_prefix() {
        let tokens: Vec<String> = (0..20_000).map(|_| dated_token(AT, &SystemEntropy)).collect();
        let prefixes: std::collections::HashSet<&str> = tokens.iter().map(|t| &t[..12]).collect();
        assert_eq!(prefixes.len(), tokens.len());
    }

    #[test]
    fn a_secret_of_a_time_that_cannot_be_is_looked_for_everywhere() {
        for micros in [i64::MIN, -5, 0, 1_767_225_599_999_999, 7_258_118_400_000_000, i64::MAX] {
            let text = dated_token(Timestamp::from_micros(micros), &SystemEntropy);
            assert_eq!(text.len(), 43);
            assert_eq!(Presented::of(&text).ids(), (Uuid::nil(), Uuid::max()), "{micros}");
        }
    }
}
