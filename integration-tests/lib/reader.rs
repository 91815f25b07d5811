//! A key that others encrypt to, and what it opens.

use dinhdanh::base::Timestamp;
use dinhdanh::crypto::{EncryptionKeyRing, EncryptionKeyRow, GeneratedKey, KeySchedule, generate_encryption_key};
use dinhdanh::protocol::encryption::KeyManagement;
use serde_json::Value;
use std::time::Duration;

/// A key pair of use `enc`.
pub struct Reader {
    key: GeneratedKey,
    ring: EncryptionKeyRing,
}

impl Reader {
    pub fn new(algorithm: KeyManagement) -> Self {
        let key = generate_encryption_key(algorithm).unwrap();
        let long_ago = Timestamp::from_seconds(0);
        let schedule = KeySchedule {
            kid: key.kid.clone(),
            algorithm,
            published_at: long_ago,
            signs_from: long_ago,
            signs_until: None,
            retires_at: None,
        };
        let ring = EncryptionKeyRing::new(vec![EncryptionKeyRow { schedule, pkcs8: key.pkcs8.clone() }]).unwrap();
        Self { key, ring }
    }

    /// The public key.
    pub fn jwk(&self) -> Value {
        self.key.public_jwk.clone()
    }

    pub fn kid(&self) -> &str {
        &self.key.kid
    }

    /// What is inside; `None` when it was encrypted to somebody else.
    pub fn open(&self, jwe: &str) -> Option<String> {
        let plain = self.ring.decrypt(jwe, Timestamp::from_seconds(1), Duration::ZERO).ok()?;
        Some(String::from_utf8(plain.to_vec()).unwrap())
    }
}
