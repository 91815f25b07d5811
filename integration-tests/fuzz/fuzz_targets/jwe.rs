#![no_main]
//! What is encrypted to us, the keys of clients we encrypt to, and who asks for a signed answer: read or refused; a part
//! that was changed opens nothing, and what was sealed opens again.
use dinhdanh::base::Timestamp;
use dinhdanh::crypto::{
    EncryptionKeyRing, EncryptionKeyRow, KeySchedule, Recipient, encrypt, encryption_of, generate_encryption_key,
};
use dinhdanh::protocol::encryption::{ContentEncryption, KeyManagement};
use dinhdanh::protocol::introspection::asks_for_jwt;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Our keys, and one good JWE for each of them.
static OURS: LazyLock<(EncryptionKeyRing, Vec<String>)> = LazyLock::new(|| {
    let (mut rows, mut good) = (Vec::new(), Vec::new());
    for algorithm in KeyManagement::ALL {
        let key = generate_encryption_key(algorithm).expect("a key");
        let to = Recipient::from_jwks(&serde_json::json!({ "keys": [key.public_jwk] }), algorithm).expect("it fits");
        good.push(encrypt(&to, ContentEncryption::A256Gcm, Some("JWT"), b"a.b.c").expect("sealed"));
        let (kid, published_at, signs_from) = (key.kid.clone(), NOW, NOW);
        let schedule = KeySchedule { kid, algorithm, published_at, signs_from, signs_until: None, retires_at: None };
        rows.push(EncryptionKeyRow { schedule, pkcs8: key.pkcs8 });
    }
    (EncryptionKeyRing::new(rows).expect("they fit"), good)
});

// Made before the clock of the first input runs.
fuzz_target!(init: { LazyLock::force(&OURS); }, |data: (u8, u8, &str)| {
    let (which, place, text) = data;
    let (ring, good) = &*OURS;
    let opens = |jwe: &str| ring.decrypt(jwe, NOW, Duration::ZERO);
    let _ = encryption_of(text);
    let _ = opens(text);
    let whole = &good[usize::from(which) % good.len()];
    let mut parts: Vec<&str> = whole.split('.').collect();
    let place = usize::from(place) % parts.len();
    if parts[place] != text {
        parts[place] = text;
        assert!(opens(&parts.join(".")).is_err(), "a changed part was not noticed");
    }
    assert_eq!(opens(whole).expect("it opens").as_slice(), b"a.b.c");
    if let Ok(jwks) = serde_json::from_str(text) {
        for algorithm in KeyManagement::ALL {
            if let Ok(to) = Recipient::from_jwks(&jwks, algorithm) {
                let _ = encrypt(&to, ContentEncryption::A128CbcHs256, None, b"{}");
            }
        }
    }
    let _ = asks_for_jwt(text.lines());
});
