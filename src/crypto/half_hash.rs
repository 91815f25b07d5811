//! `at_hash` and `c_hash` (OpenID Connect Core 3.1.3.6).

use super::SigningAlgorithm;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Base64url of the left half of the hash of `value`, with the hash of the ID token's signing algorithm: SHA-256 for
/// ES256, RS256 and PS256. EdDSA has no hash in its name; SHA-512 is taken, the hash inside Ed25519 (RFC 8032 5.1).
pub fn half_hash(algorithm: SigningAlgorithm, value: &str) -> String {
    let hash = match algorithm {
        SigningAlgorithm::Es256 | SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => &digest::SHA256,
        SigningAlgorithm::EdDsa => &digest::SHA512,
    };
    let full = digest::digest(hash, value.as_bytes());
    let (left, _) = full.as_ref().split_at(full.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of OpenID Connect Core A.3 and A.4.
    #[test]
    fn agrees_with_the_examples_of_openid_connect_core() {
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(half_hash(SigningAlgorithm::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        let code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
        assert_eq!(half_hash(SigningAlgorithm::Es256, code), "LDktKdoQak3Pk0cnXxCltA");
    }

    #[test]
    fn eddsa_halves_sha_512() {
        assert_eq!(half_hash(SigningAlgorithm::EdDsa, "x").len(), 43);
    }
}
