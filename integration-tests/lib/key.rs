//! A key in software, and what it signs.

#![expect(dead_code, reason = "each test program that includes this uses its own part")]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dinhdanh::base::{SystemEntropy, random_token, sha256};
use serde_json::{Value, json};

fn base64_url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

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
        Self { pair, kid: random_token(&SystemEntropy) }
    }

    /// The public key.
    pub fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (base64_url(&point[1..33]), base64_url(&point[33..65]));
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "use": "sig", "alg": "ES256" })
    }

    /// The public key as an uncompressed point.
    pub fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// A header for this key.
    pub fn header(&self) -> Value {
        json!({ "alg": "ES256", "typ": "JWT", "kid": self.kid })
    }

    /// The public key as a PEM file, as people have it lying around.
    pub fn pem(&self) -> String {
        // SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480 2).
        let mut der = URL_SAFE_NO_PAD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA").unwrap();
        der.extend_from_slice(self.pair.public_key().as_ref());
        let body = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &body[..64], &body[64..])
    }

    /// The public key as a proof brings it: its members and nothing else (RFC 9449 4.2).
    pub fn bare_jwk(&self) -> Value {
        let mut jwk = self.jwk();
        jwk.as_object_mut().unwrap().retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
        jwk
    }

    /// RFC 7638 3.
    pub fn thumbprint(&self) -> String {
        let jwk = self.bare_jwk();
        let (x, y) = (jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap());
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        base64_url(sha256(canonical.as_bytes()).as_bytes())
    }

    /// A DPoP proof (RFC 9449 4.2).
    pub fn proof(&self, claims: &Value) -> String {
        self.sign(&json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.bare_jwk() }), claims)
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
