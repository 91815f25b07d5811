//! DPoP (RFC 9449): the signature of a proof, and server nonces that need no store.

use super::{SealError, Sealer, SigningAlgorithm, VerifyError, verify_with_own_key};
use crate::base::Timestamp;
use crate::protocol::dpop::Proof;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

/// RFC 9449 4.3 step 7: that the proof was signed with the private half of the key it brings.
///
/// # Errors
/// [`VerifyError`], for the log; the client is told `invalid_dpop_proof`.
pub fn verify_proof(proof: &Proof) -> Result<(), VerifyError> {
    let algorithm: SigningAlgorithm = proof.algorithm().as_str().parse()?;
    verify_with_own_key(proof.compact(), &[algorithm])
}

/// Server nonces (RFC 9449 8): a keyed digest of the number of the time step, so that every node gives and accepts the
/// same ones without keeping any. They prove that a proof is fresh; that it is used once is the replay key's part.
#[derive(Debug, Clone)]
pub struct DpopNonces {
    sealer: Sealer,
    step: Duration,
}

impl DpopNonces {
    /// A nonce is good for one to two `step`s (at least a second).
    pub const fn new(sealer: Sealer, step: Duration) -> Self {
        Self { sealer, step }
    }

    /// For the header `DPoP-Nonce`.
    ///
    /// # Errors
    /// [`SealError`] when the key derivation fails.
    pub fn current(&self, now: Timestamp) -> Result<String, SealError> {
        self.of_step(self.number(now))
    }

    /// What a proof may hold now, the newest first: the current step's and the one before.
    ///
    /// # Errors
    /// [`SealError`] when the key derivation fails.
    pub fn accepted(&self, now: Timestamp) -> Result<[String; 2], SealError> {
        let number = self.number(now);
        Ok([self.of_step(number)?, self.of_step(number.saturating_sub(1))?])
    }

    fn number(&self, now: Timestamp) -> i64 {
        now.seconds().div_euclid(i64::try_from(self.step.as_secs()).unwrap_or(i64::MAX).max(1))
    }

    fn of_step(&self, number: i64) -> Result<String, SealError> {
        let digest = self.sealer.keyed_digest("dpop.nonce", &[&number.to_be_bytes()])?;
        let (half, _) = digest.as_bytes().split_at(16);
        Ok(URL_SAFE_NO_PAD.encode(half))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededEntropy;
    use crate::crypto::KeyEncryptionKey;
    use crate::crypto::signing::tests::{forge, made};
    use crate::protocol::dpop::Expected;
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn proof(algorithm: SigningAlgorithm, key_of: SigningAlgorithm) -> Proof {
        let mut jwk = made(key_of).public_jwk.clone();
        jwk.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "alg" | "use" | "kid"));
        let header = json!({"typ": "dpop+jwt", "alg": algorithm.as_str(), "jwk": jwk});
        let claims =
            json!({"jti": "j", "htm": "POST", "htu": "https://id.example/token", "iat": NOW.seconds(), "nonce": "n"});
        Proof::read(&forge(algorithm, &header, &claims)).unwrap()
    }

    #[test]
    fn rfc_9449_4_3_step_7_the_proof_verifies_with_its_own_key() {
        for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Ps256, SigningAlgorithm::EdDsa] {
            assert_eq!(verify_proof(&proof(algorithm, algorithm)), Ok(()), "{algorithm}");
        }
    }

    #[test]
    fn f5_a_signature_of_another_key_is_refused() {
        // Signed with our P-256 key, but it brings another one.
        let other = crate::crypto::generate(SigningAlgorithm::Es256).unwrap().public_jwk;
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": other["x"], "y": other["y"]});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let stolen = Proof::read(&forge(SigningAlgorithm::Es256, &header, &json!({"jti": "j"}))).unwrap();
        assert_eq!(verify_proof(&stolen), Err(VerifyError::Signature));
        // A point that is not on the curve.
        let x = URL_SAFE_NO_PAD.encode([7; 32]);
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": x});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let odd = Proof::read(&forge(SigningAlgorithm::Es256, &header, &json!({"jti": "j"}))).unwrap();
        assert_eq!(verify_proof(&odd), Err(VerifyError::KeySet));
    }

    #[test]
    fn f8_other_tokens_still_may_not_bring_a_key() {
        let proof = proof(SigningAlgorithm::Es256, SigningAlgorithm::Es256);
        let jwks = json!({"keys": [made(SigningAlgorithm::Es256).public_jwk]});
        let refused = crate::crypto::verify_with_jwks(proof.compact(), &jwks, &SigningAlgorithm::ALL).unwrap_err();
        assert_eq!(refused, VerifyError::Header);
    }

    #[test]
    fn rfc_9449_8_a_nonce_lives_one_to_two_steps_on_every_node() {
        let kek = KeyEncryptionKey::generate(&SeededEntropy::new(1));
        let nonces = |kek: &KeyEncryptionKey| DpopNonces::new(Sealer::new(kek), Duration::from_secs(60));
        let (one, other) = (nonces(&kek), nonces(&kek));
        let given = one.current(NOW).unwrap();
        assert_eq!(given.len(), 22);
        for (seconds, accepted) in [(0, true), (60, true), (119, true), (120, false), (-60, false)] {
            let now = Timestamp::from_seconds(NOW.seconds() + seconds);
            assert_eq!(other.accepted(now).unwrap().contains(&given), accepted, "{seconds}");
        }
        let foreign = nonces(&KeyEncryptionKey::generate(&SeededEntropy::new(2)));
        assert!(!foreign.accepted(NOW).unwrap().contains(&given));
    }

    #[test]
    fn rfc_9449_8_proof_with_a_nonce_of_ours_passes() {
        let nonces =
            DpopNonces::new(Sealer::new(&KeyEncryptionKey::generate(&SeededEntropy::new(1))), Duration::from_secs(60));
        let accepted = nonces.accepted(NOW).unwrap();
        let expected = Expected {
            method: "POST",
            endpoints: &["https://id.example/token"],
            access_token: None,
            nonces: &accepted,
            now: NOW,
        };
        let jwk = {
            let full = made(SigningAlgorithm::EdDsa).public_jwk.clone();
            json!({"kty": full["kty"], "crv": full["crv"], "x": full["x"]})
        };
        let claims = |nonce: Value| json!({"jti": "j", "htm": "POST", "htu": "https://id.example/token", "iat": NOW.seconds(), "nonce": nonce});
        let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk});
        let good = Proof::read(&forge(SigningAlgorithm::EdDsa, &header, &claims(json!(accepted[1])))).unwrap();
        assert!(good.check(&expected).is_ok() && verify_proof(&good).is_ok());
        let bad = Proof::read(&forge(SigningAlgorithm::EdDsa, &header, &claims(json!("x")))).unwrap();
        assert_eq!(bad.check(&expected).unwrap_err(), crate::protocol::dpop::USE_NONCE);
    }
}
