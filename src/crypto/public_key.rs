//! Public keys as JWK (RFC 7517, RFC 7518 6, RFC 8037): parsed once, verified with aws-lc-rs.

use super::{SigningAlgorithm, VerifyError};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// RSA moduli of clients: 2048 to 4096 bits. A longer one only buys us work.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

/// A public key bound to the one algorithm it is used with.
pub(super) struct PublicKey {
    algorithm: SigningAlgorithm,
    key: ParsedPublicKey,
}

impl PublicKey {
    /// Reads a public JWK for `algorithm`.
    ///
    /// # Errors
    /// [`VerifyError::UnknownKey`] when the key is meant for something else, [`VerifyError::KeySet`] when it cannot be
    /// read or is too weak.
    pub fn from_jwk(jwk: &Map<String, Value>, algorithm: SigningAlgorithm) -> Result<Self, VerifyError> {
        if !fits(jwk, algorithm) {
            return Err(VerifyError::UnknownKey);
        }
        let key = match algorithm {
            SigningAlgorithm::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(jwk)?),
            SigningAlgorithm::EdDsa => ParsedPublicKey::new(&ED25519, bytes(jwk, "x")?),
            SigningAlgorithm::Rs256 => rsa(jwk)?.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
            SigningAlgorithm::Ps256 => rsa(jwk)?.to_parsed_public_key(&RSA_PSS_2048_8192_SHA256),
        };
        Ok(Self { algorithm, key: key.map_err(|_| VerifyError::KeySet)? })
    }

    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        self.key.verify_sig(message, signature).map_err(|_| VerifyError::Signature)
    }
}

/// Whether type, curve, `alg`, `use` and `key_ops` of a key allow it to verify signatures of `algorithm`.
pub(super) fn fits(jwk: &Map<String, Value>, algorithm: SigningAlgorithm) -> bool {
    let says = |name: &str, wanted: &str| jwk.get(name).and_then(Value::as_str) == Some(wanted);
    let silent_or = |name: &str, wanted: &str| !jwk.contains_key(name) || says(name, wanted);
    let kind = match algorithm {
        SigningAlgorithm::Es256 => says("kty", "EC") && says("crv", "P-256"),
        SigningAlgorithm::EdDsa => says("kty", "OKP") && says("crv", "Ed25519"),
        SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => says("kty", "RSA"),
    };
    let operations = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(list)) => list.iter().any(|operation| operation.as_str() == Some("verify")),
        Some(_) => false,
    };
    let algorithm_fits = match jwk.get("alg") {
        None => true,
        Some(Value::String(name)) => name.parse() == Ok(algorithm),
        Some(_) => false,
    };
    kind && operations && algorithm_fits && silent_or("use", "sig")
}

/// An uncompressed point (SEC 1 2.3.3) from `x` and `y`, which are never shortened (RFC 7518 6.2.1.2).
fn point(jwk: &Map<String, Value>) -> Result<Vec<u8>, VerifyError> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != 32 || y.len() != 32 {
        return Err(VerifyError::KeySet);
    }
    Ok([&[4u8], x.as_slice(), y.as_slice()].concat())
}

fn rsa(jwk: &Map<String, Value>) -> Result<RsaPublicKeyComponents<Vec<u8>>, VerifyError> {
    let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    if !RSA_MODULUS_BYTES.contains(&n.len()) || e.len() > 4 {
        return Err(VerifyError::KeySet);
    }
    Ok(RsaPublicKeyComponents { n, e })
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, VerifyError> {
    let text = jwk.get(name).and_then(Value::as_str).ok_or(VerifyError::KeySet)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| VerifyError::KeySet)
}
