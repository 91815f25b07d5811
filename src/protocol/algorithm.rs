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

/// How the key of an encrypted token gets to its reader (RFC 7518 4.1). No passwords (PBES2), no shared keys, no
/// RSA1_5 (F10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyManagement {
    /// RSAES-OAEP with SHA-256.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
    /// The agreed key itself.
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
    /// The agreed key wraps another.
    #[serde(rename = "ECDH-ES+A256KW")]
    EcdhEsA256Kw,
}

impl KeyManagement {
    /// Every algorithm, the preferred one first.
    pub const ALL: [Self; 3] = [Self::EcdhEsA256Kw, Self::EcdhEs, Self::RsaOaep256];

    /// The JWA name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
        }
    }

    /// From a JWA name, letter for letter.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// How the content of an encrypted token is sealed (RFC 7518 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub enum ContentEncryption {
    /// AES-128 in GCM.
    A128GCM,
    /// AES-256 in GCM.
    A256GCM,
    /// AES-128 in CBC with HMAC-SHA-256: what a client that registers only `alg` gets (OpenID Connect Registration 2).
    #[default]
    #[serde(rename = "A128CBC-HS256")]
    A128CbcHs256,
}

impl ContentEncryption {
    /// Every algorithm, the preferred one first.
    pub const ALL: [Self; 3] = [Self::A256GCM, Self::A128GCM, Self::A128CbcHs256];

    /// The JWA name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A128GCM => "A128GCM",
            Self::A256GCM => "A256GCM",
            Self::A128CbcHs256 => "A128CBC-HS256",
        }
    }

    /// From a JWA name, letter for letter.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f10_only_listed_encryption_names_are_algorithms() {
        for name in ["RSA1_5", "RSA-OAEP", "dir", "A256KW", "PBES2-HS256+A128KW", "ecdh-es", ""] {
            assert_eq!(KeyManagement::parse(name), None, "{name}");
        }
        for algorithm in KeyManagement::ALL {
            assert_eq!(KeyManagement::parse(algorithm.as_str()), Some(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.as_str());
        }
        for algorithm in ContentEncryption::ALL {
            assert_eq!(ContentEncryption::parse(algorithm.as_str()), Some(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.as_str());
        }
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
