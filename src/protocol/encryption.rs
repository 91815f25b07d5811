//! Encryption algorithms of JWE (RFC 7518 4, 5) that are spoken here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// How the content key reaches the recipient (RFC 7518 4.1). No RSA1_5, no `dir`, no PBES2 (F10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyManagement {
    /// RFC 7518 4.3 with SHA-256 and MGF1 with SHA-256.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
    /// RFC 7518 4.6, direct.
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
    /// RFC 7518 4.6 with AES key wrap.
    #[serde(rename = "ECDH-ES+A256KW")]
    EcdhEsA256kw,
}

impl KeyManagement {
    /// Every algorithm, the preferred one first.
    pub const ALL: [Self; 3] = [Self::EcdhEsA256kw, Self::EcdhEs, Self::RsaOaep256];

    /// What there can be keys of ours for, for clients to encrypt to.
    pub const OURS: [Self; 2] = [Self::EcdhEs, Self::RsaOaep256];

    /// The JWA name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA256kw => "ECDH-ES+A256KW",
        }
    }

    /// From a JWA name, letter for letter.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Whether type, curve, `use`, `alg` and `key_ops` of a public JWK allow to encrypt to it (RFC 7517 4.1 to 4.4).
    pub fn fits(self, jwk: &Map<String, Value>) -> bool {
        let says = |name: &str, wanted: &str| jwk.get(name).and_then(Value::as_str) == Some(wanted);
        let silent_or = |name: &str, wanted: &str| !jwk.contains_key(name) || says(name, wanted);
        let kind = match self {
            Self::RsaOaep256 => says("kty", "RSA"),
            Self::EcdhEs | Self::EcdhEsA256kw => says("kty", "EC") && (says("crv", "P-256") || says("crv", "P-384")),
        };
        let wanted = |one: &str| match self {
            Self::RsaOaep256 => matches!(one, "encrypt" | "wrapKey"),
            Self::EcdhEs | Self::EcdhEsA256kw => matches!(one, "deriveKey" | "deriveBits"),
        };
        let operations = match jwk.get("key_ops").map(Value::as_array) {
            None => true,
            Some(Some(list)) => list.iter().filter_map(Value::as_str).any(wanted),
            Some(None) => false,
        };
        kind && operations && silent_or("use", "enc") && silent_or("alg", self.as_str())
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the content is encrypted (RFC 7518 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum ContentEncryption {
    /// What a client gets that registers an `alg` and no `enc` (OpenID Connect Registration 2).
    #[default]
    #[serde(rename = "A128CBC-HS256")]
    A128CbcHs256,
    /// AES-GCM, 128 bit.
    #[serde(rename = "A128GCM")]
    A128Gcm,
    /// AES-GCM, 256 bit.
    #[serde(rename = "A256GCM")]
    A256Gcm,
}

impl ContentEncryption {
    /// Every algorithm, the preferred one first.
    pub const ALL: [Self; 3] = [Self::A256Gcm, Self::A128Gcm, Self::A128CbcHs256];

    /// The JWA name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// From a JWA name, letter for letter.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one kind of answer to a client is encrypted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption {
    /// How the content key travels.
    pub algorithm: KeyManagement,
    /// How the content is encrypted.
    pub content: ContentEncryption,
}

impl Encryption {
    /// As registered: an `alg` without an `enc` means `A128CBC-HS256` (OpenID Connect Registration 2, JARM 3, RFC 9701
    /// 6); nothing without an `alg`.
    pub fn registered(algorithm: Option<KeyManagement>, content: Option<ContentEncryption>) -> Option<Self> {
        algorithm.map(|algorithm| Self { algorithm, content: content.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f10_only_listed_names_are_algorithms() {
        for name in ["RSA1_5", "RSA-OAEP", "dir", "A256KW", "PBES2-HS256+A128KW", "none", "ecdh-es", ""] {
            assert_eq!(KeyManagement::parse(name), None, "{name}");
        }
        for name in ["A192GCM", "A256CBC-HS512", "a128gcm", "none", ""] {
            assert_eq!(ContentEncryption::parse(name), None, "{name}");
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
}
