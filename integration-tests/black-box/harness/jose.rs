//! Keys of clients and tokens made by hand, lawful or not.

pub use super::key::Key;
use super::{base64_url, bytes_of, now, random};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

/// Header and claims without a signature.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", base64_url(header.to_string()), base64_url(claims.to_string()))
}

/// Signed with HMAC-SHA-256 under any bytes.
pub fn hs256(header: &Value, claims: &Value, key: &[u8]) -> String {
    let message = unsigned(header, claims);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
    let tag = aws_lc_rs::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", base64_url(tag))
}

/// Claims of a lawful client assertion.
pub fn assertion(client_id: &str, issuer: &str) -> Value {
    let now = now();
    json!({ "iss": client_id, "sub": client_id, "aud": issuer, "jti": random(), "iat": now, "exp": now + 60 })
}

/// One part of a JWT, unverified: 0 header, 1 claims.
pub fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&bytes_of(part)).unwrap()
}

/// The claims of a JWT of ours, with its signature checked by the key its `kid` names in `jwks`.
pub fn verified(token: &str, jwks: &Value, typ: &str) -> Value {
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some(typ));
    let keys: JwkSet = serde_json::from_value(jwks.clone()).unwrap();
    let jwk = keys.find(header.kid.as_deref().unwrap()).expect("the key is published");
    let algorithm: Algorithm = header.alg;
    let mut rules = Validation::new(algorithm);
    rules.required_spec_claims.clear();
    rules.validate_aud = false;
    rules.validate_exp = false;
    jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(jwk).unwrap(), &rules).unwrap().claims
}
