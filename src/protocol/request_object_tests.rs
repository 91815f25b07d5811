use super::*;
use crate::protocol::error::tests::is_lawful;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ISSUER: &str = "https://id.example";

fn header() -> Value {
    json!({"alg": "ES256", "typ": "oauth-authz-req+jwt", "kid": "k"})
}

fn claims() -> Value {
    json!({
        "iss": "portal", "aud": ISSUER, "exp": NOW.seconds() + 300, "nbf": NOW.seconds(), "client_id": "portal",
        "response_type": "code", "redirect_uri": "https://rp.example/cb", "scope": "openid profile", "state": "s",
        "max_age": 600, "resource": ["https://a.example", "https://b.example"],
        "claims": {"userinfo": {"name": {"essential": true}}},
        "authorization_details": [{"type": "urn:dinhdanh:representation"}],
        "nested_unknown": {"a": 1}
    })
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

fn check_as(rules: Rules, header: &Value, claims: &Value) -> Result<Accepted, Error> {
    let outside = Parameters::parse("client_id=portal&state=outside&request=x").unwrap();
    let expected =
        Expected { client_id: "portal", registered: None, issuer: ISSUER, outside: &outside, rules, now: NOW };
    RequestObject::read(&compact(header, claims))?.check(&expected)
}

fn check(claims: &Value) -> Result<Accepted, Error> {
    check_as(Rules::MessageSigning, &header(), claims)
}

fn reason(claims: &Value) -> &'static str {
    let error = check(claims).unwrap_err();
    assert!(is_lawful(&error.description));
    error.reason
}

#[test]
fn rfc_9101_6_3_members_become_parameters_and_nothing_from_outside_joins() {
    let accepted = check(&claims()).unwrap();
    let get = |name: &str| accepted.parameters.get(name).map(str::to_owned);
    assert_eq!(get("state").as_deref(), Some("s"));
    assert_eq!(get("max_age").as_deref(), Some("600"));
    assert_eq!(get("claims").as_deref(), Some(r#"{"userinfo":{"name":{"essential":true}}}"#));
    assert_eq!(get("authorization_details").as_deref(), Some(r#"[{"type":"urn:dinhdanh:representation"}]"#));
    assert_eq!(accepted.parameters.get_all("resource").count(), 2);
    for name in ["iss", "aud", "exp", "nbf", "nested_unknown", "request"] {
        assert!(!accepted.parameters.is_present(name), "{name}");
    }
    assert_eq!(accepted.expires_at, Some(Timestamp::from_seconds(NOW.seconds() + 300)));
    let stateless = check(&without(claims(), "state")).unwrap();
    assert!(!stateless.parameters.is_present("state"));
}

#[test]
fn rfc_9101_5_the_client_outside_is_the_client_inside() {
    for (rules, query, fits) in [
        (Rules::OpenId, "client_id=portal&response_type=code", true),
        (Rules::OpenId, "client_id=portal&response_type=token", false),
        (Rules::MessageSigning, "client_id=portal&response_type=token", true),
        (Rules::MessageSigning, "client_id=other", false),
        (Rules::MessageSigning, "", true),
    ] {
        let outside = Parameters::parse(query).unwrap();
        let expected =
            Expected { client_id: "portal", registered: None, issuer: ISSUER, outside: &outside, rules, now: NOW };
        let result = RequestObject::read(&compact(&header(), &claims())).unwrap().check(&expected);
        assert_eq!(result.is_ok(), fits, "{query}");
    }
    assert_eq!(reason(&changed(claims(), "client_id", json!("other"))), "request_object_client_id");
    assert_eq!(reason(&without(claims(), "client_id")), "request_object_client_id");
    let openid = check_as(Rules::OpenId, &header(), &without(claims(), "client_id")).unwrap();
    assert_eq!(openid.parameters.get("client_id"), Some("portal"));
}

#[test]
fn f7_iss_is_the_client_and_aud_names_us() {
    for iss in [json!("other"), json!(null), json!(["portal"]), json!("")] {
        assert_eq!(reason(&changed(claims(), "iss", iss)), "request_object_iss");
    }
    for aud in [
        json!(null),
        json!([]),
        json!(7),
        json!("https://id.example/"),
        json!("https://id.example/par"),
        json!([ISSUER, 7]),
    ] {
        assert_eq!(reason(&changed(claims(), "aud", aud.clone())), "request_object_aud", "{aud}");
    }
    assert!(check(&changed(claims(), "aud", json!(["https://other.example", ISSUER]))).is_ok());
}

#[test]
fn f13_other_kinds_of_jwt_are_not_request_objects() {
    for typ in ["at+jwt", "logout+jwt", "dpop+jwt", "client-authentication+jwt", ""] {
        let refusal = check_as(Rules::OpenId, &changed(header(), "typ", json!(typ)), &claims()).unwrap_err();
        assert_eq!(refusal.reason, "request_object_typ", "{typ}");
    }
    for typ in ["JWT", "application/oauth-authz-req+jwt"] {
        assert!(check_as(Rules::OpenId, &changed(header(), "typ", json!(typ)), &claims()).is_ok());
    }
    assert!(check_as(Rules::OpenId, &without(header(), "typ"), &claims()).is_ok());
    // A client assertion names the client as its subject (RFC 9101 10.8).
    assert_eq!(reason(&changed(claims(), "sub", json!("portal"))), "request_object_sub");
}

#[test]
fn f5_only_the_registered_signature_algorithm() {
    for alg in ["HS256", "ES384", "es256", ""] {
        let refusal = check_as(Rules::OpenId, &changed(header(), "alg", json!(alg)), &claims()).unwrap_err();
        assert_eq!(refusal.reason, "request_object_alg", "{alg}");
    }
    let rs256 = changed(header(), "alg", json!("RS256"));
    assert!(check_as(Rules::OpenId, &rs256, &claims()).is_ok());
    for rules in [Rules::MessageSigning, Rules::FapiCiba] {
        assert_eq!(check_as(rules, &rs256, &claims()).unwrap_err().reason, "request_object_alg_not_fapi");
    }
    // FAPI-CIBA says nothing more of requests for a browser: what Core 6 lets be left out may be left out.
    for name in ["nbf", "client_id"] {
        assert!(check_as(Rules::FapiCiba, &header(), &without(claims(), name)).is_ok(), "{name}");
    }
    let outside = Parameters::default();
    let registered = Some(SigningAlgorithm::PS256);
    let expected =
        Expected { client_id: "portal", registered, issuer: ISSUER, outside: &outside, rules: Rules::OpenId, now: NOW };
    let refusal = RequestObject::read(&compact(&header(), &claims())).unwrap().check(&expected).unwrap_err();
    assert_eq!(refusal.reason, "request_object_alg_not_registered");
}

#[test]
fn f5_core_3_1_2_6_an_unsigned_request_object_is_not_supported() {
    for alg in ["none", "nOnE"] {
        let signed = check_as(Rules::OpenId, &changed(header(), "alg", json!(alg)), &claims()).unwrap_err();
        assert_eq!(signed.code, ErrorCode::RequestNotSupported);
        let bare = compact(&json!({ "alg": alg }), &claims()).replace(".c2ln", ".");
        assert_eq!(RequestObject::read(&bare).unwrap_err().code, ErrorCode::RequestNotSupported);
    }
}

#[test]
fn f8_headers_that_bring_a_key_are_refused() {
    for name in ["jwk", "jku", "x5u", "x5c", "crit", "zip", "b64", "enc"] {
        let refusal = check_as(Rules::OpenId, &changed(header(), name, json!("x")), &claims()).unwrap_err();
        assert_eq!(refusal.reason, "request_object_header", "{name}");
    }
    assert!(check_as(Rules::OpenId, &changed(header(), "kid", json!(7)), &claims()).is_err());
}

#[test]
fn f6_times_of_other_types_are_refused_under_both_rules() {
    for name in ["exp", "nbf", "iat"] {
        for time in [json!(null), json!("1800000000"), json!(1.8e9), json!(-1), json!([1])] {
            for rules in [Rules::OpenId, Rules::MessageSigning] {
                assert!(check_as(rules, &header(), &changed(claims(), name, time.clone())).is_err(), "{name} {time}");
            }
        }
    }
}

#[test]
fn fapi_message_signing_5_3_1_times() {
    let at = |nbf: i64, exp: i64| {
        changed(changed(claims(), "nbf", json!(NOW.seconds() + nbf)), "exp", json!(NOW.seconds() + exp))
    };
    for (nbf, exp, fits) in [
        (0, 300, true),
        (8, 300, true),
        (60, 300, true),
        (61, 300, false),
        (-3_600, 0, false),
        (-3_599, 1, true),
        (-3_600, 1, false),
        (-3_601, 1, false),
        (0, 3_600, true),
        (0, 3_601, false),
        (8, 3_608, true),
        (0, 0, false),
        (0, -1, false),
    ] {
        assert_eq!(check(&at(nbf, exp)).is_ok(), fits, "{nbf} {exp}");
    }
    for name in ["exp", "nbf"] {
        assert!(check(&without(claims(), name)).is_err(), "{name}");
        assert!(check_as(Rules::OpenId, &header(), &without(claims(), name)).is_ok(), "{name}");
    }
    assert!(check_as(Rules::OpenId, &header(), &at(0, -1)).is_err());
    assert!(check_as(Rules::OpenId, &header(), &at(61, 300)).is_err());
}

#[test]
fn rfc_9101_4_no_request_inside_a_request() {
    for name in ["request", "request_uri"] {
        assert_eq!(reason(&changed(claims(), name, json!("x"))), "request_object_nested");
    }
}

#[test]
fn s4_other_types_and_doubled_members_are_refused() {
    for (name, value) in [
        ("scope", json!(["openid"])),
        ("state", json!(7)),
        ("nonce", json!(null)),
        ("redirect_uri", json!({})),
        ("max_age", json!(-1)),
        ("max_age", json!(1.5)),
        ("claims", json!([])),
        ("authorization_details", json!({})),
        ("resource", json!([7])),
        ("response_type", json!(true)),
    ] {
        assert_eq!(reason(&changed(claims(), name, value.clone())), "parameter_type", "{name} {value}");
    }
    assert_eq!(reason(&changed(claims(), "state", json!("a\r\nb"))), "control_character");
    assert_eq!(reason(&changed(claims(), "state", json!("a".repeat(5_000)))), "parameter_too_long");
    let doubled = claims().to_string().replacen("{", r#"{"scope":"openid","#, 1);
    let text = format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header().to_string()), URL_SAFE_NO_PAD.encode(doubled));
    assert_eq!(RequestObject::read(&text).unwrap_err().reason, "request_object_malformed");
}

#[test]
fn f3_jti_is_bounded() {
    assert_eq!(check(&changed(claims(), "jti", json!("j"))).unwrap().jti.as_deref(), Some("j"));
    for jti in [json!(""), json!(7), json!("a".repeat(129))] {
        assert_eq!(reason(&changed(claims(), "jti", jti)), "request_object_jti");
    }
}

#[test]
fn f10_size_and_depth_are_bounded() {
    for text in ["", "a", "a.b", "..", "....", &"a".repeat(9_000), &format!("{}..", "a".repeat(9_000))] {
        assert!(RequestObject::read(text).is_err());
    }
    let deep = format!(r#"{{"claims":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    let text = format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header().to_string()), URL_SAFE_NO_PAD.encode(deep));
    assert_eq!(RequestObject::read(&text).unwrap_err().reason, "request_object_malformed");
}

proptest! {
    #[test]
    fn any_members_are_read_or_refused_without_a_panic(text in "[A-Za-z0-9._-]{0,200}", name in any::<String>(), number in any::<f64>()) {
        let _ = RequestObject::read(&text);
        let _ = check(&changed(claims(), &name, json!(number)));
    }
}
