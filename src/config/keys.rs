//! `[keys]`: signing keys and the key-encryption key.

use super::value::{Days, Seconds};
use serde::Deserialize;
use std::path::PathBuf;

/// A JWS algorithm tokens can be signed with (RFC 7518 3.1, RFC 8037 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlgorithm {
    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A JWE algorithm that clients can encrypt requests with (RFC 7518 4.3, 4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum EncryptionAlgorithm {
    /// Agreement on P-256.
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
    /// RSA with OAEP and SHA-256.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
}

impl EncryptionAlgorithm {
    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdhEs => "ECDH-ES",
            Self::RsaOaep256 => "RSA-OAEP-256",
        }
    }
}

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Folder of `kek.bin`.
    pub folder: PathBuf,
    /// How long others may cache the JWKS.
    pub jwks_max_age_seconds: Seconds,
    /// Age at which a signing key is replaced.
    pub rotation_days: Days,
    /// Algorithms a key is kept for.
    pub algorithms: Vec<SigningAlgorithm>,
    /// Algorithms a key is kept for that clients encrypt requests to.
    pub encryption_algorithms: Vec<EncryptionAlgorithm>,
}
