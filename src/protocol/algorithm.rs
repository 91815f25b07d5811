//! Signature algorithms we sign with and accept.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Asymmetric signature algorithms only (RFC 7518 3.1, RFC 8037 3.1): nothing here can be keyed with a public key (F5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: what a client that registers nothing gets (OpenID Connect Registration 2).
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlgorithm {
    /// Every algorithm, the preferred one first.
    pub const ALL: [Self; 4] = [Self::ES256, Self::RS256, Self::PS256, Self::EdDsa];

    /// What FAPI 2.0 Security Profile 5.4.1 leaves, and what DPoP proofs may be signed with here.
    pub const FAPI: [Self; 3] = [Self::ES256, Self::PS256, Self::EdDsa];

    /// The JWA name, as in a JOSE header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// From a JWA name, letter for letter; `None` for every other text, `none` in any spelling included. `Ed25519` is the
    /// newer, fully specified name of what we do under `EdDSA` (RFC 9864 2.2).
    pub fn parse(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDsa);
        }
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f5_only_listed_asymmetric_names_are_algorithms() {
        for name in ["none", "nOnE", "HS256", "HS512", "es256", "ES256 ", "ES256K", "RS1", ""] {
            assert_eq!(SigningAlgorithm::parse(name), None, "{name}");
        }
        assert_eq!(SigningAlgorithm::parse("Ed25519"), Some(SigningAlgorithm::EdDsa));
        for algorithm in SigningAlgorithm::ALL {
            assert_eq!(SigningAlgorithm::parse(algorithm.as_str()), Some(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.as_str());
        }
    }
}
