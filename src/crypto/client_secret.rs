//! Secrets of clients that authenticate by `client_secret_jwt` (OpenID Connect Core 9): kept sealed, because an HMAC
//! cannot be verified with a digest of its key. Clients of every other method keep a digest only.

use super::compact::Compact;
use super::{SealError, Sealer, VerifyError};
use crate::base::Secret;
use crate::protocol::MacAlgorithm;
use aws_lc_rs::hmac;

const PURPOSE: &str = "client.secret";

/// Seals a client's secret for its row.
///
/// # Errors
/// [`SealError::Cipher`].
pub fn seal_client_secret(sealer: &Sealer, client_id: &str, secret: &Secret) -> Result<Vec<u8>, SealError> {
    sealer.seal(PURPOSE, client_id.as_bytes(), secret.expose().as_bytes())
}

/// Opens what [`seal_client_secret`] sealed for the same client.
///
/// # Errors
/// [`SealError`].
pub fn open_client_secret(sealer: &Sealer, client_id: &str, sealed: &[u8]) -> Result<Secret, SealError> {
    let plain = sealer.open(PURPOSE, client_id.as_bytes(), sealed)?;
    std::str::from_utf8(&plain).map(Secret::new).map_err(|_| SealError::Form)
}

/// Verifies the MAC of a client's assertion, and nothing else. `algorithm` is what the rules allowed; the header must
/// agree, and the secret must be long enough for it (RFC 7518 3.2).
///
/// # Errors
/// The first rule it breaks.
pub fn verify_with_secret(jwt: &str, secret: &Secret, algorithm: MacAlgorithm) -> Result<(), VerifyError> {
    let token = Compact::parse(jwt)?;
    if token.text("alg")? != Some(algorithm.as_str()) {
        return Err(VerifyError::Algorithm);
    }
    let key = secret.expose().as_bytes();
    if key.len() < algorithm.least_secret_bytes() {
        return Err(VerifyError::KeySet);
    }
    let hash = match algorithm {
        MacAlgorithm::HS256 => hmac::HMAC_SHA256,
        MacAlgorithm::HS384 => hmac::HMAC_SHA384,
        MacAlgorithm::HS512 => hmac::HMAC_SHA512,
    };
    // In constant time, over the whole length: a cut MAC is no MAC.
    hmac::verify(&hmac::Key::new(hash, key), token.message, &token.signature).map_err(|_| VerifyError::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededEntropy;
    use crate::crypto::KeyEncryptionKey;
    use serde_json::json;

    fn secret() -> Secret {
        Secret::new("s".repeat(64))
    }

    fn keyed(algorithm: &str, secret: &Secret) -> String {
        let key = jsonwebtoken::EncodingKey::from_secret(secret.expose().as_bytes());
        let header = jsonwebtoken::Header::new(algorithm.parse().unwrap());
        jsonwebtoken::encode(&header, &json!({"sub": "portal"}), &key).unwrap()
    }

    #[test]
    fn rfc_7518_3_2_macs_of_another_library_verify() {
        for algorithm in MacAlgorithm::ALL {
            let jwt = keyed(algorithm.as_str(), &secret());
            assert_eq!(verify_with_secret(&jwt, &secret(), algorithm), Ok(()));
            let other = Secret::new("t".repeat(64));
            assert_eq!(verify_with_secret(&jwt, &other, algorithm), Err(VerifyError::Signature));
        }
    }

    #[test]
    fn f5_algorithm_and_length_must_fit() {
        let jwt = keyed("HS256", &secret());
        assert_eq!(verify_with_secret(&jwt, &secret(), MacAlgorithm::HS512), Err(VerifyError::Algorithm));
        let cut = jwt.get(..jwt.len() - 3).unwrap();
        assert_eq!(verify_with_secret(cut, &secret(), MacAlgorithm::HS256), Err(VerifyError::Signature));
        for (algorithm, length) in [(MacAlgorithm::HS256, 31), (MacAlgorithm::HS384, 47), (MacAlgorithm::HS512, 63)] {
            let short = Secret::new("s".repeat(length));
            let jwt = keyed(algorithm.as_str(), &short);
            assert_eq!(verify_with_secret(&jwt, &short, algorithm), Err(VerifyError::KeySet));
        }
    }

    #[test]
    fn r3_a_sealed_secret_opens_for_its_client_only() {
        let sealer = Sealer::new(&KeyEncryptionKey::generate(&SeededEntropy::new(1)));
        let sealed = seal_client_secret(&sealer, "portal", &secret()).unwrap();
        assert_eq!(open_client_secret(&sealer, "portal", &sealed).unwrap(), secret());
        assert!(open_client_secret(&sealer, "other", &sealed).is_err());
    }
}
