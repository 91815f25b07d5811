//! Our own encryption keys beside the signing keys: published by the same plan, opened with until they retire.

use super::key::{Private, public_jwk};
use super::{Compact, JweError};
use crate::base::Timestamp;
use crate::crypto::{KeyError, KeySchedule};
use crate::protocol::encryption::KeyManagement;
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// A stored encryption key, opened.
pub struct EncryptionKeyRow {
    /// Id, algorithm and times. It opens from `published_at` to `retires_at`; others are told of it from `signs_from`,
    /// when every node has it, to `signs_until`.
    pub schedule: KeySchedule<KeyManagement>,
    /// PKCS#8 v1 DER.
    pub pkcs8: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for EncryptionKeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKeyRow {{ schedule: {:?} }}", self.schedule)
    }
}

struct Entry {
    schedule: KeySchedule<KeyManagement>,
    private: Private,
    jwk: Value,
}

/// All our encryption keys.
#[derive(Default)]
pub struct EncryptionKeyRing {
    entries: Vec<Entry>,
}

impl fmt::Debug for EncryptionKeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| &entry.schedule)).finish()
    }
}

impl EncryptionKeyRing {
    /// Parses every key. Fails as a whole (I10).
    ///
    /// # Errors
    /// [`KeyError::Mismatch`] with the id of a key that cannot be read or is not the one it says.
    pub fn new(rows: Vec<EncryptionKeyRow>) -> Result<Self, KeyError> {
        let entry = |row: EncryptionKeyRow| {
            let schedule = row.schedule;
            let jwk = public_jwk(schedule.algorithm, &row.pkcs8)
                .filter(|jwk| jwk.get("kid").and_then(Value::as_str) == Some(&schedule.kid));
            match (Private::parse(schedule.algorithm, &row.pkcs8), jwk) {
                (Some(private), Some(jwk)) => Ok(Entry { schedule, private, jwk }),
                _ => Err(KeyError::Mismatch { kid: schedule.kid }),
            }
        };
        Ok(Self { entries: rows.into_iter().map(entry).collect::<Result<_, _>>()? })
    }

    /// The keys to publish in our JWK Set: none that a node may not have read yet, and none that has a successor which
    /// took over, though both open.
    pub fn public_jwks(&self, now: Timestamp) -> Vec<Value> {
        let offered = |entry: &&Entry| entry.schedule.signs_at(now);
        self.entries.iter().filter(offered).map(|entry| entry.jwk.clone()).collect()
    }

    /// Whether there is none, as before the first start.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The algorithms others can encrypt with now: what discovery may announce.
    pub fn algorithms(&self, now: Timestamp) -> Vec<KeyManagement> {
        let works = |algorithm: &KeyManagement| {
            self.entries.iter().any(|entry| entry.schedule.algorithm == *algorithm && entry.schedule.signs_at(now))
        };
        KeyManagement::ALL.into_iter().filter(works).collect()
    }

    /// Opens what was encrypted to one of our keys. `leeway` as for signatures: clocks of nodes differ (X19).
    ///
    /// # Errors
    /// [`JweError`], for the log; the sender learns no more than that it was refused.
    pub fn decrypt(&self, jwe: &str, now: Timestamp, leeway: Duration) -> Result<Zeroizing<Vec<u8>>, JweError> {
        let token = Compact::parse(jwe)?;
        let wanted = token.header.kid.as_deref();
        // Trying every RSA key would cost a stranger nothing and us a millisecond each.
        let needs_name = token.header.algorithm == KeyManagement::RsaOaep256;
        let named = |kid: &str| wanted.map_or(!needs_name, |wanted| wanted == kid);
        let candidates = self.entries.iter().filter(|entry| {
            let schedule = &entry.schedule;
            schedule.algorithm == token.header.algorithm && named(&schedule.kid) && schedule.verifies_at(now, leeway)
        });
        let mut outcome = JweError::UnknownKey;
        // At most the keys of one algorithm that are still good: two or three.
        for entry in candidates.take(4) {
            let key = entry.private.unwrap(&token.header, &token.wrapped_key);
            match key.and_then(|key| token.open(&key)) {
                Ok(plain) => return Ok(plain),
                Err(error) => outcome = error,
            }
        }
        Err(outcome)
    }
}
