//! Keys of clients and tokens made by hand, lawful or not.

use super::{base64_url, bytes_of, now, random};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

/// A P-256 key pair.
pub struct Key {
    pair: EcdsaKeyPair,
    kid: String,
}

impl Key {
    /// A fresh key.
    pub fn new() -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        Self { pair, kid: random() }
    }

    /// The public key.
    pub fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (base64_url(&point[1..33]), base64_url(&point[33..65]));
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "use": "sig", "alg": "ES256" })
    }

    /// A header for this key.
    pub fn header(&self) -> Value {
        json!({ "alg": "ES256", "typ": "JWT", "kid": self.kid })
    }

    /// The public key as a PEM file, as people have it lying around.
    pub fn pem(&self) -> String {
        use base64::Engine;
        // SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480 2).
        let mut der = bytes_of("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA");
        der.extend_from_slice(self.pair.public_key().as_ref());
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &body[..64], &body[64..])
    }

    /// Signs whatever is given, with whatever header.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Signs texts that need not be JSON.
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64_url(header), base64_url(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", base64_url(signature))
    }
}

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
