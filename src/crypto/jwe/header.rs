//! The protected header of a JWE (RFC 7516 4.1), read strictly.

use super::JweError;
use super::key::Curve;
use crate::protocol::encryption::{ContentEncryption, KeyManagement};
use crate::protocol::strict_json::{self, Limits};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

const MAX_ENCODED_BYTES: usize = 2 * 1024;
const MAX_PARTY_BYTES: usize = 256;
const MAX_KID_BYTES: usize = 256;
const LIMITS: Limits = Limits { depth: 2, values: 32 };

/// Everything a header may hold; any other member is refused, so that none is silently ignored (F8, F10).
const MEMBERS: &[&str] = &["alg", "enc", "cty", "typ", "kid", "epk", "apu", "apv", "iss", "sub", "aud"];

/// What decrypting needs.
pub(super) struct Header {
    pub algorithm: KeyManagement,
    pub encryption: ContentEncryption,
    pub kid: Option<String>,
    /// Of ECDH-ES: the sender's one-time public key as a point (SEC 1 2.3.3), and its curve.
    pub ephemeral: Option<(Curve, Vec<u8>)>,
    pub party_u: Vec<u8>,
    pub party_v: Vec<u8>,
}

impl Header {
    pub fn parse(protected: &str) -> Result<Self, JweError> {
        if protected.len() > MAX_ENCODED_BYTES {
            return Err(JweError::TooLong);
        }
        let bytes = URL_SAFE_NO_PAD.decode(protected).map_err(|_| JweError::Malformed)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| JweError::Malformed)?;
        let members = strict_json::parse_object(text, LIMITS).map_err(|_| JweError::Malformed)?;
        if members.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(JweError::Header);
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let algorithm = text("alg").and_then(KeyManagement::parse).ok_or(JweError::Algorithm)?;
        let encryption = text("enc").and_then(ContentEncryption::parse).ok_or(JweError::Algorithm)?;
        let kid = match members.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= MAX_KID_BYTES => Some(kid.clone()),
            Some(_) => return Err(JweError::Header),
        };
        let agreed = algorithm != KeyManagement::RsaOaep256;
        if !agreed && ["epk", "apu", "apv"].iter().any(|name| members.contains_key(*name)) {
            return Err(JweError::Header);
        }
        let ephemeral = match members.get("epk") {
            Some(Value::Object(jwk)) => Some(Curve::point(jwk).map_err(|_| JweError::Header)?),
            None if !agreed => None,
            _ => return Err(JweError::Header),
        };
        let (party_u, party_v) = (party(&members, "apu")?, party(&members, "apv")?);
        Ok(Self { algorithm, encryption, kid, ephemeral, party_u, party_v })
    }
}

/// RFC 7518 4.6.1.2, 4.6.1.3.
fn party(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, JweError> {
    match members.get(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) if text.len() <= MAX_PARTY_BYTES => {
            URL_SAFE_NO_PAD.decode(text).map_err(|_| JweError::Header)
        }
        Some(_) => Err(JweError::Header),
    }
}
