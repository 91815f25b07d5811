use super::*;
use crate::base::Timestamp;
use crate::crypto::{GeneratedKey, KeySchedule, RotationAction, RotationPolicy, rotation};
use crate::protocol::encryption::KeyManagement;
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use std::sync::LazyLock;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const PLAIN: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.e30.c2ln";

fn made(algorithm: KeyManagement) -> &'static GeneratedKey {
    static RSA: LazyLock<GeneratedKey> = LazyLock::new(|| generate_encryption_key(KeyManagement::RsaOaep256).unwrap());
    static EC: LazyLock<GeneratedKey> = LazyLock::new(|| generate_encryption_key(KeyManagement::EcdhEs).unwrap());
    static WRAP: LazyLock<GeneratedKey> =
        LazyLock::new(|| generate_encryption_key(KeyManagement::EcdhEsA256kw).unwrap());
    match algorithm {
        KeyManagement::RsaOaep256 => &RSA,
        KeyManagement::EcdhEs => &EC,
        KeyManagement::EcdhEsA256kw => &WRAP,
    }
}

fn row(algorithm: KeyManagement) -> EncryptionKeyRow {
    let key = made(algorithm);
    let schedule = KeySchedule {
        kid: key.kid.clone(),
        algorithm,
        published_at: NOW,
        signs_from: NOW,
        signs_until: None,
        retires_at: None,
    };
    EncryptionKeyRow { schedule, pkcs8: key.pkcs8.clone() }
}

fn ring() -> EncryptionKeyRing {
    EncryptionKeyRing::new(KeyManagement::ALL.map(row).into()).unwrap()
}

fn set(jwk: &Value) -> Value {
    json!({ "keys": [jwk] })
}

fn recipient(algorithm: KeyManagement) -> Recipient {
    Recipient::from_jwks(&set(&made(algorithm).public_jwk), algorithm).unwrap()
}

fn open(jwe: &str) -> Result<Vec<u8>, JweError> {
    ring().decrypt(jwe, NOW, Duration::ZERO).map(|plain| plain.to_vec())
}

#[test]
fn rfc_7516_what_was_encrypted_opens_again_in_every_combination() {
    for algorithm in KeyManagement::ALL {
        for encryption in ContentEncryption::ALL {
            let jwe = encrypt(&recipient(algorithm), encryption, Some("JWT"), PLAIN).unwrap();
            assert_eq!(open(&jwe).as_deref(), Ok(PLAIN), "{algorithm} {encryption}");
            assert!(is_jwe(&jwe) && !is_jwe("a.b.c"));
            let header: Value = serde_json::from_slice(&decode(jwe.split('.').next().unwrap()).unwrap()).unwrap();
            assert_eq!(header["cty"], "JWT");
            assert_eq!(header["kid"], made(algorithm).kid);
        }
    }
}

#[test]
fn rfc_7518_a_p_384_key_of_a_client_is_encrypted_to() {
    let own = PrivateKey::generate(&aws_lc_rs::agreement::ECDH_P384).unwrap();
    let point = own.compute_public_key().unwrap();
    let (x, y) = point.as_ref()[1..].split_at(48);
    let jwk = json!({"kty": "EC", "crv": "P-384", "x": encode(x), "y": encode(y)});
    let to = Recipient::from_jwks(&set(&jwk), KeyManagement::EcdhEs).unwrap();
    let jwe = encrypt(&to, ContentEncryption::A256Gcm, None, PLAIN).unwrap();
    let token = Compact::parse(&jwe).unwrap();
    let key = key::Private::Ec(own).unwrap(&token.header, &token.wrapped_key).unwrap();
    assert_eq!(token.open(&key).unwrap().as_slice(), PLAIN);
}

/// RFC 7518 appendix C: agreement and key derivation.
#[test]
fn rfc_7518_c_key_agreement_example() {
    let own = PrivateKey::from_private_key(&ECDH_P256, &decode("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo").unwrap());
    let bob = json!({"kty": "EC", "crv": "P-256", "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"});
    let (_, point) = key::Curve::point(bob.as_object().unwrap()).unwrap();
    let derived = agree(&own.unwrap(), UnparsedPublicKey::new(&ECDH_P256, point), (), |shared| {
        Ok(key::derive(shared, "A128GCM", 16, (b"Alice", b"Bob")))
    });
    assert_eq!(encode(&derived.unwrap()), "VqqN6vgjbSBcIijNcacQGg");
}

/// RFC 7516 appendix B: AES_128_CBC_HMAC_SHA_256, whose keys and result are spelled out there.
#[test]
fn rfc_7516_b_cbc_hmac_example() {
    let key: [u8; 32] = [
        4, 211, 31, 197, 84, 157, 252, 254, 11, 100, 157, 250, 63, 170, 106, 206, 107, 124, 212, 45, 111, 107, 9, 219,
        200, 177, 0, 240, 143, 156, 44, 207,
    ];
    let iv = vec![3, 22, 60, 12, 43, 67, 104, 105, 108, 108, 105, 99, 111, 116, 104, 101];
    let associated = b"eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0";
    let plain = b"Live long and prosper.";
    let encryption = ContentEncryption::A128CbcHs256;
    let sealed = content::seal_with_iv(encryption, &key, iv, (associated, plain)).unwrap();
    assert_eq!(encode(&sealed.ciphertext), "KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY");
    assert_eq!(encode(&sealed.tag), "U0m_YmjN04DJvceFICbCVQ");
    assert_eq!(content::open(encryption, &key, associated, &sealed).unwrap().as_slice(), plain);
}

/// RFC 7516 appendix A.1: the AES-256-GCM content of the example, with the content key that is spelled out there.
#[test]
fn rfc_7516_a_1_gcm_example() {
    let key: [u8; 32] = [
        177, 161, 244, 128, 84, 143, 225, 115, 63, 180, 3, 255, 107, 154, 212, 246, 138, 7, 110, 91, 112, 46, 34, 105,
        47, 130, 203, 46, 122, 234, 64, 252,
    ];
    let sealed = content::Sealed {
        iv: decode("48V1_ALb6US04U3b").unwrap(),
        ciphertext: decode("5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A")
            .unwrap(),
        tag: decode("XFBoMYUZodetZdvTiFvSkQ").unwrap(),
    };
    let associated = b"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ";
    let plain = content::open(ContentEncryption::A256Gcm, &key, associated, &sealed).unwrap();
    assert_eq!(plain.as_slice(), b"The true sign of intelligence is not knowledge but imagination.");
}

#[test]
fn every_changed_part_is_noticed() {
    for algorithm in KeyManagement::ALL {
        for encryption in ContentEncryption::ALL {
            let jwe = encrypt(&recipient(algorithm), encryption, None, PLAIN).unwrap();
            for place in 0..5 {
                let mut parts: Vec<String> = jwe.split('.').map(str::to_owned).collect();
                if parts[place].is_empty() {
                    parts[place] = "AAAA".to_owned();
                } else {
                    let first = if parts[place].starts_with('A') { "B" } else { "A" };
                    parts[place].replace_range(0..1, first);
                }
                assert!(open(&parts.join(".")).is_err(), "{algorithm} {encryption} part {place}");
                let mut cut: Vec<&str> = jwe.split('.').collect();
                cut[place] = "";
                assert!(open(&cut.join(".")).is_err() || jwe.split('.').nth(place) == Some(""), "cut part {place}");
            }
        }
    }
}

#[test]
fn f10_compression_pbes2_and_unknown_members_are_refused() {
    let jwe = encrypt(&recipient(KeyManagement::EcdhEs), ContentEncryption::A128Gcm, None, PLAIN).unwrap();
    let (_, rest) = jwe.split_once('.').unwrap();
    let refusal = |header: &str| open(&format!("{}.{rest}", encode(header.as_bytes()))).unwrap_err();
    let epk = &made(KeyManagement::EcdhEs).public_jwk;
    let epk = json!({"kty": "EC", "crv": "P-256", "x": epk["x"], "y": epk["y"]});
    for member in ["zip", "crit", "p2s", "p2c", "jwk", "jku", "x5u", "x5c", "b64", "unknown"] {
        let header = json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": epk, member: "DEF"}).to_string();
        assert_eq!(refusal(&header), JweError::Header, "{member}");
    }
    for (alg, enc) in
        [("PBES2-HS256+A128KW", "A128GCM"), ("dir", "A128GCM"), ("RSA1_5", "A128GCM"), ("ECDH-ES", "none")]
    {
        let header = json!({"alg": alg, "enc": enc, "epk": epk}).to_string();
        assert_eq!(refusal(&header), JweError::Algorithm, "{alg}");
    }
    let doubled = r#"{"alg":"ECDH-ES","enc":"A128GCM","enc":"A256GCM"}"#;
    assert_eq!(refusal(doubled), JweError::Malformed);
    assert_eq!(refusal("[]"), JweError::Malformed);
    assert_eq!(refusal(r#"{"alg":"ECDH-ES","enc":"A128GCM"}"#), JweError::Header);
    let private = json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": {"kty": "EC", "crv": "P-256", "x": epk["x"], "y": epk["y"], "d": "AA"}});
    assert_eq!(refusal(&private.to_string()), JweError::Header);
}

#[test]
fn f10_size_and_shape_are_bounded_before_parsing() {
    assert_eq!(open(&"a".repeat(JWE_MAX_BYTES + 1)), Err(JweError::TooLong));
    for text in ["", ".", "....", "a.b.c.d", "a.b.c.d.e.f", "*.a.b.c.d", &".".repeat(10_000)] {
        assert!(open(text).is_err(), "{text}");
    }
    let long = encode(json!({"alg": "ECDH-ES", "enc": "A128GCM", "kid": "k".repeat(3_000)}).to_string().as_bytes());
    assert_eq!(open(&format!("{long}.a.b.c.d")), Err(JweError::TooLong));
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let off = encode(&[7; 32]);
    let header = json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": {"kty": "EC", "crv": "P-256", "x": off, "y": off}});
    assert!(
        open(&format!("{}..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA", encode(header.to_string().as_bytes())))
            .is_err()
    );
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": off, "y": off});
    assert_eq!(Recipient::from_jwks(&set(&jwk), KeyManagement::EcdhEs).unwrap_err(), JweError::KeySet);
    // Beside a good one it is passed over.
    let good = made(KeyManagement::EcdhEs);
    let both = json!({ "keys": [jwk, good.public_jwk] });
    let to = Recipient::from_jwks(&both, KeyManagement::EcdhEs).unwrap();
    assert_eq!(to.kid(), Some(good.kid.as_str()));
}

#[test]
fn rfc_7517_only_keys_meant_for_encryption_are_encrypted_to() {
    let good = &made(KeyManagement::RsaOaep256).public_jwk;
    let changed = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        Recipient::from_jwks(&set(&jwk), KeyManagement::RsaOaep256).map(drop)
    };
    for (name, value) in [
        ("use", json!("sig")),
        ("alg", json!("RS256")),
        ("kty", json!("EC")),
        ("key_ops", json!(["verify"])),
        ("key_ops", json!("encrypt")),
    ] {
        assert_eq!(changed(name, value), Err(JweError::UnknownKey), "{name}");
    }
    assert_eq!(changed("n", json!(encode(&[255; 128]))), Err(JweError::KeySet));
    assert_eq!(changed("key_ops", json!(["wrapKey"])), Ok(()));
    for jwks in [json!(null), json!({}), json!({"keys": {}})] {
        assert_eq!(Recipient::from_jwks(&jwks, KeyManagement::EcdhEs).map(drop), Err(JweError::KeySet));
    }
}

#[test]
fn i10_t4_a_superseded_key_is_not_offered_but_still_opens_until_it_retires() {
    let mut old = row(KeyManagement::EcdhEs);
    (old.schedule.signs_until, old.schedule.retires_at) =
        (Some(NOW.plus(Duration::from_secs(60))), Some(NOW.plus(Duration::from_secs(120))));
    let ring = EncryptionKeyRing::new(vec![old]).unwrap();
    let jwe = encrypt(&recipient(KeyManagement::EcdhEs), ContentEncryption::A128Gcm, None, PLAIN).unwrap();
    let at = |seconds| {
        let now = NOW.plus(Duration::from_secs(seconds));
        (ring.public_jwks(now).len(), ring.algorithms(now).len(), ring.decrypt(&jwe, now, Duration::ZERO).is_ok())
    };
    assert_eq!(at(0), (1, 1, true));
    assert_eq!(at(60), (0, 0, true));
    assert_eq!(at(120), (0, 0, false));
}

#[test]
fn i10_the_rotation_plan_is_the_one_of_the_signing_keys() {
    let policy = RotationPolicy {
        algorithms: vec![KeyManagement::EcdhEs],
        signing_period: Duration::from_secs(86_400),
        jwks_max_age: Duration::from_secs(3_600),
        longest_token: Duration::from_secs(3_600),
    };
    let first = rotation(&[], NOW, &policy);
    assert!(matches!(first.as_slice(), [RotationAction::Generate { algorithm: KeyManagement::EcdhEs, .. }]));
    assert!(rotation(&[row(KeyManagement::EcdhEs).schedule], NOW, &policy).is_empty());
}

#[test]
fn f8_a_key_that_is_not_the_one_it_says_is_refused() {
    let mut other = row(KeyManagement::EcdhEs);
    other.schedule.kid = "x".into();
    assert!(EncryptionKeyRing::new(vec![other]).is_err());
    let mut wrong = row(KeyManagement::EcdhEs);
    wrong.schedule.algorithm = KeyManagement::RsaOaep256;
    assert!(EncryptionKeyRing::new(vec![wrong]).is_err());
    let jwk = &made(KeyManagement::EcdhEs).public_jwk;
    assert!(jwk.get("d").is_none() && jwk["use"] == "enc");
}
