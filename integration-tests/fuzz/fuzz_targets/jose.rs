#![no_main]
//! JWS, JWE, key sets and certificates: read or refused.
use dinhdanh::base::Timestamp;
use dinhdanh::crypto::{EncryptionKeyRing, SigningAlgorithm, read_certificate, verify_with_jwks, verify_with_own_key};
use dinhdanh::protocol::jws;
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

fuzz_target!(|data: &[u8]| {
    let _ = read_certificate(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = jws::read_unverified(text);
    let (token, keys) = text.split_once('\n').unwrap_or((text, "{}"));
    let keys = serde_json::from_str(keys).unwrap_or_default();
    assert!(verify_with_jwks(token, &keys, &[]).is_err(), "no algorithm is allowed, so nothing verifies");
    let _ = verify_with_jwks(token, &keys, &SigningAlgorithm::ALL);
    let _ = verify_with_own_key(token, &SigningAlgorithm::ALL);
    let _ = EncryptionKeyRing::default().decrypt(token, Timestamp::from_seconds(0), Duration::ZERO);
});
