use super::*;
use crate::crypto::VerifyError as E;
use std::sync::LazyLock;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// RSA keys take a second to make: each test run makes one per algorithm.
pub(in crate::crypto) fn made(algorithm: SigningAlgorithm) -> &'static GeneratedKey {
    static ES: LazyLock<GeneratedKey> = LazyLock::new(|| generate(SigningAlgorithm::Es256).unwrap());
    static RS: LazyLock<GeneratedKey> = LazyLock::new(|| generate(SigningAlgorithm::Rs256).unwrap());
    static PS: LazyLock<GeneratedKey> = LazyLock::new(|| generate(SigningAlgorithm::Ps256).unwrap());
    static ED: LazyLock<GeneratedKey> = LazyLock::new(|| generate(SigningAlgorithm::EdDsa).unwrap());
    match algorithm {
        SigningAlgorithm::Es256 => &ES,
        SigningAlgorithm::Rs256 => &RS,
        SigningAlgorithm::Ps256 => &PS,
        SigningAlgorithm::EdDsa => &ED,
    }
}

fn row(key: &GeneratedKey, algorithm: SigningAlgorithm) -> KeyRow {
    let schedule = KeySchedule {
        kid: key.kid.clone(),
        algorithm,
        published_at: NOW.minus(Duration::from_secs(7_200)),
        signs_from: NOW.minus(Duration::from_secs(3_600)),
        signs_until: None,
        retires_at: None,
    };
    KeyRow { schedule, pkcs8: key.pkcs8.clone(), public_jwk: key.public_jwk.clone() }
}

fn ring() -> KeyRing {
    KeyRing::new(SigningAlgorithm::ALL.map(|algorithm| row(made(algorithm), algorithm)).into()).unwrap()
}

fn claims() -> Value {
    let now = NOW.seconds();
    json!({"iss": "https://id.test", "aud": "portal", "sub": "s", "iat": now, "exp": now + 300})
}

fn expect() -> Expect<'static> {
    Expect {
        typ: "at+jwt",
        issuer: "https://id.test",
        audience: Some("portal"),
        now: NOW,
        leeway: Duration::from_secs(60),
        allow_expired: false,
    }
}

fn signed(claims: &Value) -> String {
    ring().signer(SigningAlgorithm::Es256, NOW).unwrap().sign("at+jwt", claims).unwrap()
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// Signs any header with a real key.
pub(in crate::crypto) fn forge(algorithm: SigningAlgorithm, header: &Value, claims: &Value) -> String {
    let private = Private::parse(algorithm, &made(algorithm).pkcs8).unwrap();
    let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    format!("{message}.{}", encode(&private.sign(algorithm, message.as_bytes()).unwrap()))
}

/// A second implementation (jsonwebtoken) reads our keys and verifies our signatures, in all four algorithms.
#[test]
fn another_library_verifies_what_we_sign() {
    let ring = ring();
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(ring.jwks(NOW)).unwrap();
    for algorithm in SigningAlgorithm::ALL {
        let token = ring.signer(algorithm, NOW).unwrap().sign("at+jwt", &claims()).unwrap();
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(
            (header.typ.as_deref(), serde_json::to_value(header.alg).unwrap()),
            (Some("at+jwt"), json!(algorithm.as_str()))
        );
        let jwk = set.find(&header.kid.unwrap()).unwrap();
        let mut rules = jsonwebtoken::Validation::new(jwk.common.key_algorithm.unwrap().try_into().unwrap());
        rules.set_audience(&["portal"]);
        rules.validate_exp = false;
        let key = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
        let read = jsonwebtoken::decode::<Value>(&token, &key, &rules).unwrap();
        assert_eq!(read.claims, claims(), "{algorithm}");
        assert_eq!(Value::Object(ring.verify(&token, &expect()).unwrap()), claims(), "{algorithm}");
    }
}

#[test]
fn published_keys_hold_no_private_member() {
    let jwks = ring().jwks(NOW);
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 4);
    for key in keys {
        for member in key.as_object().unwrap().keys() {
            assert!(["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"].contains(&member.as_str()), "{member}");
        }
        let bits = key["n"].as_str().map(|n| URL_SAFE_NO_PAD.decode(n).unwrap().len() * 8);
        assert!(bits.is_none_or(|bits| bits == 2_048));
    }
}

#[test]
fn i17_keys_do_not_print() {
    let key = made(SigningAlgorithm::Es256);
    assert_eq!(format!("{key:?}"), format!("GeneratedKey {{ kid: {} }}", key.kid));
    let row = row(key, SigningAlgorithm::Es256);
    assert!(!format!("{row:?}").contains("pkcs8"));
    assert!(!format!("{:?}", ring()).contains("private"));
}

#[test]
fn a_key_is_refused_for_another_algorithm_or_beside_another_public_key() {
    let es = made(SigningAlgorithm::Es256);
    for algorithm in [SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa] {
        assert!(matches!(SigningKey::parse(algorithm, "k", &es.pkcs8), Err(KeyError::Rejected { .. })));
    }
    let mut other = row(es, SigningAlgorithm::Es256);
    other.public_jwk = generate(SigningAlgorithm::Es256).unwrap().public_jwk;
    assert!(matches!(KeyRing::new(vec![other]), Err(KeyError::Mismatch { .. })));
    let mut renamed = row(es, SigningAlgorithm::Es256);
    renamed.schedule.kid = "other".to_owned();
    assert!(matches!(KeyRing::new(vec![renamed]), Err(KeyError::Mismatch { .. })));
}

#[test]
fn f13_only_the_expected_type_passes() {
    let token = signed(&claims());
    for typ in ["JWT", "at+JWT", "logout+jwt", "dpop+jwt", ""] {
        assert_eq!(ring().verify(&token, &Expect { typ, ..expect() }), Err(E::Type), "{typ}");
    }
    let key = made(SigningAlgorithm::Es256);
    let untyped = forge(SigningAlgorithm::Es256, &json!({"alg": "ES256", "kid": key.kid}), &claims());
    assert_eq!(ring().verify(&untyped, &expect()), Err(E::Type));
}

#[test]
fn f5_the_algorithm_comes_from_our_key() {
    let kid = &made(SigningAlgorithm::Es256).kid;
    let rsa = &made(SigningAlgorithm::Rs256).kid;
    for (alg, kid) in [("none", kid), ("nOnE", kid), ("HS256", kid), ("RS256", kid), ("ES256", rsa), ("", kid)] {
        let header = json!({"alg": alg, "kid": kid, "typ": "at+jwt"});
        let token = forge(SigningAlgorithm::Es256, &header, &claims());
        assert_eq!(ring().verify(&token, &expect()), Err(E::Algorithm), "{alg}");
    }
    // PS256 made with the RS256 key: the same RSA key must not serve two algorithms.
    let message = forge(SigningAlgorithm::Rs256, &json!({"alg": "PS256", "kid": rsa, "typ": "at+jwt"}), &claims());
    assert_eq!(ring().verify(&message, &expect()), Err(E::Algorithm));
    let headless = forge(SigningAlgorithm::Es256, &json!({"kid": kid, "typ": "at+jwt"}), &claims());
    assert_eq!(ring().verify(&headless, &expect()), Err(E::Algorithm));
}

#[test]
fn f8_only_our_key_ids_are_looked_up() {
    for kid in
        [json!("../../x"), json!("' OR 1=1 --"), json!(""), json!(made(SigningAlgorithm::Rs256).kid.to_uppercase())]
    {
        let header = json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"});
        assert_eq!(ring().verify(&forge(SigningAlgorithm::Es256, &header, &claims()), &expect()), Err(E::UnknownKey));
    }
    let header = json!({"alg": "ES256", "typ": "at+jwt"});
    assert_eq!(ring().verify(&forge(SigningAlgorithm::Es256, &header, &claims()), &expect()), Err(E::UnknownKey));
    let header = json!({"alg": "ES256", "kid": 7, "typ": "at+jwt"});
    assert_eq!(ring().verify(&forge(SigningAlgorithm::Es256, &header, &claims()), &expect()), Err(E::Header));
    let crit = json!({"alg": "ES256", "kid": made(SigningAlgorithm::Es256).kid, "typ": "at+jwt", "crit": ["exp"]});
    assert_eq!(ring().verify(&forge(SigningAlgorithm::Es256, &crit, &claims()), &expect()), Err(E::Header));
}

#[test]
fn every_changed_character_breaks_the_token() {
    let token = signed(&claims());
    for place in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        assert!(ring().verify(&String::from_utf8(bytes).unwrap(), &expect()).is_err(), "{place}");
    }
}

#[test]
fn f6_times_of_another_kind_are_refused_not_skipped() {
    let now = NOW.seconds();
    for odd in [
        json!(now.to_string()),
        json!(1.5),
        json!(-1),
        json!(1e300),
        json!(null),
        json!([now]),
        json!({}),
        json!(true),
        json!(u64::MAX),
    ] {
        for name in ["exp", "iat", "nbf"] {
            assert_eq!(ring().verify(&signed(&with(name, odd.clone())), &expect()), Err(E::Time), "{name} {odd}");
        }
    }
    assert_eq!(ring().verify(&signed(&without("exp")), &expect()), Err(E::Time));
    assert_eq!(ring().verify(&signed(&without("iat")), &expect()), Err(E::Time));
    assert!(ring().verify(&signed(&with("exp", json!(i64::MAX))), &expect()).is_ok());
}

#[test]
fn f7_audiences_missing_or_odd_are_refused() {
    assert_eq!(ring().verify(&signed(&without("aud")), &expect()), Err(E::Audience));
    for odd in [
        json!([]),
        json!(7),
        json!(null),
        json!(["portal", 7]),
        json!("portal "),
        json!(["other"]),
        json!({"portal": 1}),
    ] {
        assert_eq!(ring().verify(&signed(&with("aud", odd.clone())), &expect()), Err(E::Audience), "{odd}");
    }
    assert!(ring().verify(&signed(&with("aud", json!(["other", "portal"]))), &expect()).is_ok());
    assert!(ring().verify(&signed(&without("aud")), &Expect { audience: None, ..expect() }).is_ok());
    for issuer in [json!("https://id.test/"), json!(null), json!(["https://id.test"])] {
        assert_eq!(ring().verify(&signed(&with("iss", issuer)), &expect()), Err(E::Issuer));
    }
}

#[test]
fn t6_sixty_seconds_of_clock_difference_pass_and_sixty_one_do_not() {
    let now = NOW.seconds();
    for name in ["iat", "nbf"] {
        assert!(ring().verify(&signed(&with(name, json!(now + 60))), &expect()).is_ok());
        assert_eq!(ring().verify(&signed(&with(name, json!(now + 61))), &expect()), Err(E::NotYetValid));
    }
    assert!(ring().verify(&signed(&with("exp", json!(now - 59))), &expect()).is_ok());
    let ended = signed(&with("exp", json!(now - 60)));
    assert_eq!(ring().verify(&ended, &expect()), Err(E::Expired));
    assert!(ring().verify(&ended, &Expect { allow_expired: true, ..expect() }).is_ok());
    let odd = signed(&with("exp", json!("0")));
    assert_eq!(ring().verify(&odd, &Expect { allow_expired: true, ..expect() }), Err(E::Time));
}

/// Two keys, the second waiting: signs with the first, publishes both, then signs with the second and still verifies
/// the first until it retires.
#[test]
fn i10_keys_hand_over_without_a_gap() {
    let (first, second) = (made(SigningAlgorithm::Es256), generate(SigningAlgorithm::Es256).unwrap());
    let hour = |n: u64| NOW.plus(Duration::from_secs(n * 3_600));
    let mut old = row(first, SigningAlgorithm::Es256);
    old.schedule.signs_until = Some(hour(2));
    old.schedule.retires_at = Some(hour(4));
    let mut new = row(&second, SigningAlgorithm::Es256);
    new.schedule.published_at = hour(1);
    new.schedule.signs_from = hour(2);
    let ring = KeyRing::new(vec![new, old]).unwrap();
    let signer = |now| ring.signer(SigningAlgorithm::Es256, now).map(SigningKey::kid);
    let published = |now| ring.jwks(now)["keys"].as_array().unwrap().len();
    assert_eq!((signer(NOW), published(NOW)), (Some(first.kid.as_str()), 1));
    assert_eq!((signer(hour(1)), published(hour(1))), (Some(first.kid.as_str()), 2));
    assert_eq!((signer(hour(2)), published(hour(2))), (Some(second.kid.as_str()), 2));
    assert_eq!((signer(hour(4)), published(hour(4))), (Some(second.kid.as_str()), 1));
    assert_eq!(ring.signer(SigningAlgorithm::Rs256, NOW).map(SigningKey::kid), None);
    assert_eq!(ring.algorithms(NOW), [SigningAlgorithm::Es256]);

    let claims = with("exp", json!(hour(9).seconds()));
    let token = ring.signer(SigningAlgorithm::Es256, NOW).unwrap().sign("at+jwt", &claims).unwrap();
    assert!(ring.verify(&token, &Expect { now: hour(3), ..expect() }).is_ok());
    assert_eq!(ring.verify(&token, &Expect { now: hour(4), ..expect() }), Err(E::UnknownKey));
}

#[test]
fn x19_a_node_that_is_a_minute_behind_accepts_a_brand_new_key() {
    let mut first = row(made(SigningAlgorithm::Es256), SigningAlgorithm::Es256);
    (first.schedule.published_at, first.schedule.signs_from) = (NOW, NOW);
    let ring = KeyRing::new(vec![first]).unwrap();
    let token = ring.signer(SigningAlgorithm::Es256, NOW).unwrap().sign("at+jwt", &claims()).unwrap();
    let at = |behind| Expect { now: NOW.minus(Duration::from_secs(behind)), ..expect() };
    assert!(ring.verify(&token, &at(60)).is_ok());
    assert_eq!(ring.verify(&token, &at(61)), Err(E::UnknownKey));
}

#[test]
fn algorithm_names_are_exact() {
    for algorithm in SigningAlgorithm::ALL {
        assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        assert_eq!(serde_json::to_value(algorithm).unwrap(), json!(algorithm.as_str()));
    }
    for name in ["none", "HS256", "es256", "ES256 ", "RS512", ""] {
        assert_eq!(name.parse::<SigningAlgorithm>(), Err(E::Algorithm));
    }
}
