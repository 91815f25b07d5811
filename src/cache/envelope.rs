//! How a value lies in the cache: version, expiry, bytes.

use super::Versioned;
use crate::base::{Entropy, SystemEntropy, Timestamp};

const VERSION_LEN: usize = 16;
/// Microseconds as decimal digits of fixed width, so that a script on the server can compare them as text.
const EXPIRY_LEN: usize = 20;

/// Which writing of a value one has read. Two writings never share one, even of equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version([u8; VERSION_LEN]);

impl Version {
    pub(super) fn fresh() -> Self {
        let mut bytes = [0; VERSION_LEN];
        SystemEntropy.fill(&mut bytes);
        Self(bytes)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; VERSION_LEN] {
        &self.0
    }
}

/// The digits of a time, for comparison with the expiry inside an envelope.
pub(super) fn digits(at: Timestamp) -> String {
    format!("{:0EXPIRY_LEN$}", at.micros().max(0))
}

pub(super) fn wrap(value: &[u8], expires_at: Timestamp) -> Vec<u8> {
    let mut envelope = Vec::with_capacity(VERSION_LEN + EXPIRY_LEN + value.len());
    envelope.extend_from_slice(Version::fresh().as_bytes());
    envelope.extend_from_slice(digits(expires_at).as_bytes());
    envelope.extend_from_slice(value);
    envelope
}

/// The value, unless it expired. What is no envelope counts as absent.
pub(super) fn unwrap(envelope: &[u8], now: Timestamp) -> Option<Versioned> {
    let (version, rest) = envelope.split_first_chunk::<VERSION_LEN>()?;
    let (expiry, value) = rest.split_at_checked(EXPIRY_LEN)?;
    if expiry <= digits(now).as_bytes() {
        return None;
    }
    Some(Versioned { value: value.to_vec(), version: Version(*version) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t5_an_envelope_opens_until_its_expiry_and_not_at_it() {
        let at = Timestamp::from_seconds(1_772_413_200);
        let envelope = wrap(b"x", at);
        assert_eq!(unwrap(&envelope, Timestamp::from_micros(at.micros() - 1)).unwrap().value, b"x");
        assert!(unwrap(&envelope, at).is_none());
    }

    #[test]
    fn a_cut_envelope_is_absent() {
        let envelope = wrap(b"", Timestamp::from_seconds(2_000_000_000));
        assert!(unwrap(&envelope, Timestamp::from_seconds(1)).is_some());
        for length in 0..envelope.len() {
            assert!(unwrap(&envelope[..length], Timestamp::from_seconds(1)).is_none());
        }
    }
}
