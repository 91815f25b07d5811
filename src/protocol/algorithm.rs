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

/// Some of [`SigningAlgorithm::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningAlgorithms(u8);

/// All, as the configuration is shipped.
impl Default for SigningAlgorithms {
    fn default() -> Self {
        Self::ALL
    }
}

impl SigningAlgorithms {
    /// All of them.
    pub const ALL: Self = Self(u8::MAX);

    /// Whether it is one of them.
    pub const fn contains(self, algorithm: SigningAlgorithm) -> bool {
        self.0 & Self::bit(algorithm) != 0
    }

    const fn bit(algorithm: SigningAlgorithm) -> u8 {
        1 << algorithm as u8
    }
}

impl FromIterator<SigningAlgorithm> for SigningAlgorithms {
    fn from_iter<I: IntoIterator<Item = SigningAlgorithm>>(algorithms: I) -> Self {
        Self(algorithms.into_iter().fold(0, |bits, algorithm| bits | Self::bit(algorithm)))
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// HMAC algorithms (RFC 7518 3.2), for client assertions keyed with the client's secret and for nothing else. A type of
/// their own: where a [`SigningAlgorithm`] is asked for, none of these can stand (F5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MacAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

impl MacAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::HS256, Self::HS384, Self::HS512];

    /// The JWA name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// From a JWA name, letter for letter.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// RFC 7518 3.2, OpenID Connect Core 16.19: a secret must have at least as many bytes as the hash.
    pub const fn least_secret_bytes(self) -> usize {
        match self {
            Self::HS256 => 32,
            Self::HS384 => 48,
            Self::HS512 => 64,
        }
    }
}

impl fmt::Display for MacAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a client may register as `token_endpoint_auth_signing_alg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AssertionAlgorithm {
    /// For `private_key_jwt`.
    Signature(SigningAlgorithm),
    /// For `client_secret_jwt`.
    Mac(MacAlgorithm),
}

impl From<SigningAlgorithm> for AssertionAlgorithm {
    fn from(algorithm: SigningAlgorithm) -> Self {
        Self::Signature(algorithm)
    }
}

impl From<MacAlgorithm> for AssertionAlgorithm {
    fn from(algorithm: MacAlgorithm) -> Self {
        Self::Mac(algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f5_macs_and_signatures_are_told_apart_by_name() {
        for algorithm in MacAlgorithm::ALL {
            assert_eq!(MacAlgorithm::parse(algorithm.as_str()), Some(algorithm));
            assert_eq!(SigningAlgorithm::parse(algorithm.as_str()), None);
            let read: AssertionAlgorithm = serde_json::from_value(algorithm.as_str().into()).unwrap();
            assert_eq!(read, algorithm.into());
        }
        let read: AssertionAlgorithm = serde_json::from_value("EdDSA".into()).unwrap();
        assert_eq!(read, SigningAlgorithm::EdDsa.into());
        assert!(serde_json::from_value::<AssertionAlgorithm>("none".into()).is_err());
    }

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
