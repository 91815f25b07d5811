use super::*;
use crate::protocol::error::tests::is_lawful;
use proptest::prelude::*;
use serde_json::json;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const TOKEN_ENDPOINT: &str = "https://id.example/token";

fn header() -> Value {
    let x = URL_SAFE_NO_PAD.encode([7; 32]);
    json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": {"kty": "EC", "crv": "P-256", "x": x, "y": x}})
}

fn claims() -> Value {
    json!({"jti": "j", "htm": "POST", "htu": TOKEN_ENDPOINT, "iat": NOW.seconds()})
}

fn compact(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", encode(header), encode(claims))
}

fn changed(mut value: Value, name: &str, to: Value) -> Value {
    value[name] = to;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

fn expected() -> Expected<'static> {
    Expected { method: "POST", endpoints: &[TOKEN_ENDPOINT], access_token: None, nonces: &[], now: NOW }
}

fn check(claims: &Value, expected: &Expected<'_>) -> Result<Accepted, Error> {
    Proof::read(&compact(&header(), claims)).unwrap().check(expected)
}

fn read_refusal(header: &Value) -> &'static str {
    let error = Proof::read(&compact(header, &claims())).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidDpopProof);
    assert!(is_lawful(&error.description));
    error.reason
}

#[test]
fn rfc_9449_4_3_a_good_proof_is_accepted() {
    let accepted = check(&claims(), &expected()).unwrap();
    assert_eq!(accepted.remember_until, NOW.plus(MAX_AGE).plus(MAX_AHEAD).plus(CLOCKS_APART));
    assert!(is_lawful(&USE_NONCE.description));
}

#[test]
fn rfc_9449_4_3_step_1_one_header_only() {
    let one = compact(&header(), &claims());
    assert!(Proof::from_headers(std::iter::empty()).unwrap().is_none());
    assert!(Proof::from_headers([one.as_bytes()].into_iter()).unwrap().is_some());
    let two = Proof::from_headers([one.as_bytes(), one.as_bytes()].into_iter()).unwrap_err();
    assert_eq!(two.reason, "dpop_several_headers");
    assert!(Proof::from_headers([b"\xff".as_slice()].into_iter()).is_err());
}

#[test]
fn f13_only_its_own_typ_passes() {
    for typ in ["JWT", "at+jwt", "logout+jwt", "client-authentication+jwt", "oauth-authz-req+jwt", "", "dpop"] {
        assert_eq!(read_refusal(&changed(header(), "typ", json!(typ))), "dpop_typ", "{typ}");
    }
    assert_eq!(read_refusal(&without(header(), "typ")), "dpop_typ");
    assert!(Proof::read(&compact(&changed(header(), "typ", json!("application/DPoP+JWT")), &claims())).is_ok());
}

#[test]
fn f5_only_es256_ps256_and_eddsa_with_a_key_of_their_kind() {
    for alg in ["none", "nOnE", "HS256", "RS256", "ES384", "ES512", ""] {
        assert_eq!(read_refusal(&changed(header(), "alg", json!(alg))), "dpop_alg", "{alg}");
    }
    for alg in ["PS256", "EdDSA"] {
        assert_eq!(read_refusal(&changed(header(), "alg", json!(alg))), "dpop_alg_not_of_key", "{alg}");
    }
    let x = URL_SAFE_NO_PAD.encode([7; 32]);
    let ed = changed(header(), "jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": x}));
    assert_eq!(read_refusal(&ed), "dpop_alg_not_of_key");
    assert!(Proof::read(&compact(&changed(ed, "alg", json!("EdDSA")), &claims())).is_ok());
}

#[test]
fn f8_private_and_foreign_keys_are_refused() {
    let mut private = header();
    private["jwk"]["d"] = json!("AAAA");
    assert_eq!(read_refusal(&private), "dpop_jwk_private");
    for jwk in [json!(null), json!("x"), json!([]), json!({}), json!({"kty": "oct", "x": "AAAA"})] {
        assert_eq!(read_refusal(&changed(header(), "jwk", jwk.clone())), "dpop_jwk", "{jwk}");
    }
    for name in ["jku", "x5u", "x5c", "crit", "zip", "enc", "b64"] {
        assert_eq!(read_refusal(&changed(header(), name, json!("https://127.0.0.1:9/"))), "dpop_header", "{name}");
    }
}

#[test]
fn f10_size_is_bounded_before_anything_is_read() {
    let long = compact(&header(), &changed(claims(), "pad", json!("a".repeat(MAX_PROOF_BYTES))));
    assert_eq!(Proof::read(&long).unwrap_err().reason, "dpop_too_long");
    for text in ["", ".", "..", "a.b.c", "....."] {
        assert_eq!(Proof::read(text).unwrap_err().reason, "dpop_malformed", "{text}");
    }
}

#[test]
fn f6_rfc_9449_iat_ten_seconds_ahead_and_sixty_behind() {
    for (offset, fits) in [(-61, false), (-60, true), (0, true), (10, true), (11, false)] {
        let claims = changed(claims(), "iat", json!(NOW.seconds() + offset));
        assert_eq!(check(&claims, &expected()).is_ok(), fits, "{offset}");
    }
    for iat in [json!(null), json!("1800000000"), json!(1.8e9), json!(-1), json!(1e300), json!([1])] {
        assert_eq!(check(&changed(claims(), "iat", iat.clone()), &expected()).unwrap_err().reason, "dpop_iat", "{iat}");
    }
    assert_eq!(check(&without(claims(), "iat"), &expected()).unwrap_err().reason, "dpop_iat");
}

#[test]
fn rfc_9449_4_3_htm_is_the_method_letter_for_letter() {
    for htm in [json!("GET"), json!("post"), json!(""), json!(null), json!(1)] {
        assert_eq!(check(&changed(claims(), "htm", htm.clone()), &expected()).unwrap_err().reason, "dpop_htm", "{htm}");
    }
}

#[test]
fn rfc_9449_4_3_htu_is_compared_after_normalisation() {
    for same in [
        "https://id.example/token?a=b",
        "https://id.example/token#x",
        "HTTPS://ID.Example/token",
        "https://id.example:443/token",
        "https://id.example/a/../token",
        "https://id.example/%74oken",
        "https://id.example/%74%6Fken",
    ] {
        assert!(check(&changed(claims(), "htu", json!(same)), &expected()).is_ok(), "{same}");
    }
    for other in [
        "http://id.example/token",
        "https://id.example/token/",
        "https://id.example/Token",
        "https://id.example/userinfo",
        "https://id.example:8443/token",
        "https://id.example.evil/token",
        "https://x@id.example/token",
        "https://id.example\\token",
        "https://id.example/token ",
        "https://id.example/%2ftoken",
        "/token",
        "",
    ] {
        let refusal = check(&changed(claims(), "htu", json!(other)), &expected()).unwrap_err();
        assert_eq!(refusal.reason, "dpop_htu", "{other}");
    }
    let aliases = Expected { endpoints: &["https://mtls.id.example/token", TOKEN_ENDPOINT], ..expected() };
    assert!(check(&claims(), &aliases).is_ok());
}

#[test]
fn f3_jti_is_there_and_bounded() {
    for jti in [json!(""), json!(null), json!(7), json!("a".repeat(MAX_JTI_BYTES + 1))] {
        assert_eq!(check(&changed(claims(), "jti", jti), &expected()).unwrap_err().reason, "dpop_jti");
    }
    assert!(check(&changed(claims(), "jti", json!("a".repeat(MAX_JTI_BYTES))), &expected()).is_ok());
}

#[test]
fn rfc_9449_4_3_ath_belongs_to_the_token_shown() {
    let resource = Expected { access_token: Some("token"), ..expected() };
    let hash = URL_SAFE_NO_PAD.encode(sha256(b"token").as_bytes());
    assert!(check(&changed(claims(), "ath", json!(hash)), &resource).is_ok());
    for ath in [json!(null), json!(""), json!("token"), json!(URL_SAFE_NO_PAD.encode(sha256(b"other").as_bytes()))] {
        assert_eq!(check(&changed(claims(), "ath", ath), &resource).unwrap_err().reason, "dpop_ath");
    }
    assert_eq!(check(&claims(), &resource).unwrap_err().reason, "dpop_ath");
}

#[test]
fn rfc_9449_8_a_missing_or_old_nonce_asks_for_the_fresh_one() {
    let nonces = ["new".to_owned(), "previous".to_owned()];
    let asking = Expected { nonces: &nonces, ..expected() };
    for nonce in ["new", "previous"] {
        assert!(check(&changed(claims(), "nonce", json!(nonce)), &asking).is_ok());
    }
    for claims in [claims(), changed(claims(), "nonce", json!("old")), changed(claims(), "nonce", json!(""))] {
        assert_eq!(check(&claims, &asking).unwrap_err(), USE_NONCE);
    }
    assert!(check(&changed(claims(), "nonce", json!("unasked")), &expected()).is_ok());
    assert_eq!(check(&changed(claims(), "nonce", json!(1)), &expected()).unwrap_err().reason, "dpop_nonce_malformed");
}

#[test]
fn f2_j5_the_replay_key_parts_keys_and_jtis() {
    let key = |jti: &str| check(&changed(claims(), "jti", json!(jti)), &expected()).unwrap().replay_key;
    assert_eq!(key("a"), key("a"));
    assert_ne!(key("a"), key("b"));
    let other = Thumbprint::parse(&URL_SAFE_NO_PAD.encode([1; 32])).unwrap();
    assert_ne!(key("a"), replay_key(&other, "a"));
}

proptest! {
    #[test]
    fn f10_any_text_is_read_or_refused_without_a_panic(text in "[A-Za-z0-9._-]{0,200}", htu in any::<String>()) {
        let _ = Proof::read(&text);
        let _ = same_resource(&htu);
        let _ = check(&changed(claims(), "htu", json!(htu)), &expected());
    }
}
