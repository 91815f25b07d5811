use super::*;
use crate::protocol::client::Profile;
use crate::protocol::client::tests::client_with;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

const ISSUER: &str = "https://id.example";
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn client(method: AuthenticationMethod) -> Client {
    client_with(|metadata| metadata.token_endpoint_auth_method = method)
}

fn parse(authorization: Option<&str>, body: &str) -> Result<Presented, Error> {
    Presented::parse(authorization, &Parameters::parse(body).unwrap())
}

fn basic_header(client_id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client_id}:{secret}")))
}

fn good_claims() -> Value {
    let now = NOW.seconds();
    json!({ "iss": "portal", "sub": "portal", "aud": ISSUER, "exp": now + 60, "iat": now, "nbf": now, "jti": "j1" })
}

fn assertion_body(header: &Value, claims: &Value) -> String {
    let jws =
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    format!("client_assertion_type={ASSERTION_TYPE}&client_assertion={jws}")
}

fn judged_claims(claims: &Value) -> Result<AssertionClaims, Error> {
    AssertionClaims::check(claims.as_object().unwrap(), "portal", ISSUER, NOW)
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good_claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[test]
fn each_method_is_read_and_proved() {
    let basic = parse(Some(&basic_header("portal", "portal-secret")), "grant_type=x").unwrap();
    assert!(
        basic.prove(Some(&client(AuthenticationMethod::ClientSecretBasic)), ISSUER, NOW).unwrap() == Proof::Complete
    );
    let post = parse(None, "client_id=portal&client_secret=portal-secret").unwrap();
    assert!(post.prove(Some(&client(AuthenticationMethod::ClientSecretPost)), ISSUER, NOW).unwrap() == Proof::Complete);
    let public = parse(None, "client_id=portal").unwrap();
    assert!(public.prove(Some(&client(AuthenticationMethod::None)), ISSUER, NOW).unwrap() == Proof::Complete);
    let body = assertion_body(&json!({ "alg": "ES256", "kid": "k1" }), &good_claims());
    let assertion = parse(None, &body).unwrap();
    let proof = assertion.prove(Some(&client(AuthenticationMethod::PrivateKeyJwt)), ISSUER, NOW).unwrap();
    let Proof::Signature { compact, header, claims } = proof else { panic!("complete without a signature") };
    assert!(body.ends_with(compact));
    assert_eq!(header, AssertionHeader { algorithm: SigningAlgorithm::ES256, key_id: Some("k1".into()) });
    assert_eq!((claims.jti.as_str(), claims.expires_at.seconds()), ("j1", NOW.seconds() + 60));
}

#[test]
fn rfc_6749_2_3_1_both_halves_of_basic_are_form_encoded() {
    let header = format!("bAsIc {}", STANDARD.encode("a%3Ab+c:s%25%C4%91:x"));
    let Presented::Basic { client_id, secret } = parse(Some(&header), "").unwrap() else { panic!("other") };
    assert_eq!((client_id.as_str(), secret.expose()), ("a:b c", "s%đ:x"));
}

#[test]
fn f_malformed_headers_are_invalid_client() {
    let encode = |text: &[u8]| format!("Basic {}", STANDARD.encode(text));
    for header in [
        String::new(),
        "Basic".into(),
        "Basic ".into(),
        "Basic !!!".into(),
        "Bearer abc".into(),
        "Digest username=x".into(),
        encode(b"portal"),
        encode(b":secret"),
        encode(b"portal:"),
        encode(b"portal:%zz"),
        encode(b"portal:\xff"),
        encode(b"portal:a%0d%0ab"),
        encode(format!("portal:{}", "s".repeat(MAX_SECRET_BYTES + 1)).as_bytes()),
    ] {
        assert_eq!(parse(Some(&header), "client_id=portal").unwrap_err().code, ErrorCode::InvalidClient, "{header}");
    }
}

#[test]
fn more_than_one_method_is_an_invalid_request() {
    let basic = basic_header("portal", "portal-secret");
    let assertion = assertion_body(&json!({ "alg": "ES256" }), &good_claims());
    for (header, body) in [
        (Some(basic.as_str()), "client_id=portal&client_secret=portal-secret".to_owned()),
        (Some(basic.as_str()), assertion.clone()),
        (Some(basic.as_str()), format!("client_assertion_type={ASSERTION_TYPE}")),
        (None, format!("{assertion}&client_secret=portal-secret&client_id=portal")),
    ] {
        assert_eq!(parse(header, &body).unwrap_err().reason, "several_authentication_methods", "{body}");
    }
}

#[test]
fn a_client_id_beside_another_method_must_agree() {
    let basic = basic_header("portal", "portal-secret");
    assert!(parse(Some(&basic), "client_id=portal").is_ok());
    assert_eq!(parse(Some(&basic), "client_id=other").unwrap_err().reason, "client_id_differs");
    let assertion = assertion_body(&json!({ "alg": "ES256" }), &good_claims());
    assert!(parse(None, &format!("{assertion}&client_id=portal")).is_ok());
    assert_eq!(parse(None, &format!("{assertion}&client_id=other")).unwrap_err().reason, "client_id_differs");
}

#[test]
fn nothing_presented_is_invalid_client() {
    assert_eq!(parse(None, "grant_type=x").unwrap_err().code, ErrorCode::InvalidClient);
    assert_eq!(parse(None, "client_secret=x").unwrap_err().code, ErrorCode::InvalidClient);
}

#[test]
fn the_method_must_be_the_registered_one() {
    let assertion = assertion_body(&json!({ "alg": "ES256" }), &good_claims());
    let presented = [
        parse(Some(&basic_header("portal", "portal-secret")), "").unwrap(),
        parse(None, "client_id=portal&client_secret=portal-secret").unwrap(),
        parse(None, "client_id=portal").unwrap(),
        parse(None, &assertion).unwrap(),
    ];
    for presented in &presented {
        for method in AuthenticationMethod::ALL {
            let proved = presented.prove(Some(&client(method)), ISSUER, NOW);
            assert_eq!(proved.is_ok(), method == presented.method(), "{presented:?} for {method:?}");
        }
    }
}

#[test]
fn n1_every_failure_gives_the_same_answer() {
    let method = AuthenticationMethod::ClientSecretBasic;
    let good = parse(Some(&basic_header("portal", "portal-secret")), "").unwrap();
    let bad = parse(Some(&basic_header("portal", "portal-secreT")), "").unwrap();
    let stranger = parse(Some(&basic_header("stranger", "x")), "").unwrap();
    let disabled = Client { disabled: true, ..client(method) };
    let without_secret = Client { secret_digest: None, ..client(method) };
    let errors = [
        bad.prove(Some(&client(method)), ISSUER, NOW).err().unwrap(),
        stranger.prove(None, ISSUER, NOW).err().unwrap(),
        stranger.prove(Some(&client(method)), ISSUER, NOW).err().unwrap(),
        good.prove(Some(&disabled), ISSUER, NOW).err().unwrap(),
        good.prove(Some(&without_secret), ISSUER, NOW).err().unwrap(),
        good.prove(Some(&client(AuthenticationMethod::None)), ISSUER, NOW).err().unwrap(),
    ];
    assert!(errors.iter().all(|error| error.to_json() == errors[0].to_json()));
    assert_eq!(errors[0].code, ErrorCode::InvalidClient);
}

#[test]
fn i17_debug_shows_only_method_and_name() {
    let basic = parse(Some(&basic_header("portal", "canary")), "").unwrap();
    assert_eq!(format!("{basic:?}"), r#"client_secret_basic("portal")"#);
}

#[test]
fn f1_only_our_issuer_as_one_text_is_an_audience() {
    for aud in [
        json!("https://id.example/token"),
        json!("https://id.example/par"),
        json!("https://id.example/"),
        json!("https://ID.example"),
        json!([ISSUER]),
        json!([ISSUER, "https://other.example"]),
        json!([]),
        json!(null),
        json!(1),
        json!({ "0": ISSUER }),
        json!(""),
    ] {
        assert_eq!(judged_claims(&with("aud", aud.clone())).unwrap_err().reason, "assertion_aud", "{aud}");
    }
    assert_eq!(judged_claims(&without("aud")).unwrap_err().reason, "assertion_aud");
}

/// Conformance runs let endpoints stand for the issuer; a client of a FAPI 2.0 profile is held to it there, too.
#[test]
fn f1_endpoints_that_stand_for_us_stand_for_clients_of_no_profile_only() {
    let endpoints = ["https://id.example/token".to_owned(), "https://mtls.example/token".to_owned()];
    let audience = Audience { issuer: ISSUER, endpoints: &endpoints };
    let plain = client(AuthenticationMethod::PrivateKeyJwt);
    let mut held = client(AuthenticationMethod::PrivateKeyJwt);
    held.metadata.doors.profile = Some(crate::protocol::client::Profile::Fapi2Security);
    let judged = |aud: Value, client: &Client| {
        let presented = parse(None, &assertion_body(&json!({ "alg": "ES256" }), &with("aud", aud))).unwrap();
        presented.prove(Some(client), audience, NOW).map(drop).map_err(|error| error.reason)
    };
    for aud in [json!(ISSUER), json!(endpoints[0]), json!(endpoints[1]), json!([ISSUER]), json!([endpoints[0]])] {
        assert_eq!(judged(aud.clone(), &plain), Ok(()), "{aud}");
        let alone = aud == json!(ISSUER);
        assert_eq!(judged(aud.clone(), &held), if alone { Ok(()) } else { Err("assertion_aud") }, "{aud}");
    }
    for aud in [json!("https://id.example/par"), json!([ISSUER, endpoints[0]]), json!([]), json!([["x"]]), json!(null)]
    {
        assert_eq!(judged(aud.clone(), &plain), Err("assertion_aud"), "{aud}");
    }
}

#[test]
fn f_issuer_and_subject_are_the_client() {
    for name in ["iss", "sub"] {
        for value in [json!("other"), json!(["portal"]), json!(null), json!("")] {
            assert_eq!(judged_claims(&with(name, value)).unwrap_err().reason, "assertion_iss_sub");
        }
        assert_eq!(judged_claims(&without(name)).unwrap_err().reason, "assertion_iss_sub");
    }
}

#[test]
fn f3_lifetime_and_identifier_are_bounded() {
    let now = NOW.seconds();
    for (exp, ok) in
        [(now - 1, false), (now, false), (now + 1, true), (now + 300, true), (now + 301, false), (now + 86_400, false)]
    {
        let mut claims = with("exp", json!(exp));
        claims["iat"] = json!(now - 1);
        assert_eq!(judged_claims(&claims).is_ok(), ok, "{}", exp - now);
    }
    for jti in [json!("j".repeat(129)), json!("đ".repeat(65)), json!(""), json!(1), json!(null), json!(["j"])] {
        assert_eq!(judged_claims(&with("jti", jti)).unwrap_err().reason, "assertion_jti");
    }
    assert_eq!(judged_claims(&without("jti")).unwrap_err().reason, "assertion_jti");
    assert!(judged_claims(&with("jti", json!("j".repeat(128)))).is_ok());
}

#[test]
fn f6_times_of_another_json_type_are_refused_and_never_absent() {
    for name in ["exp", "iat", "nbf"] {
        for value in [
            json!(NOW.seconds().to_string()),
            json!(NOW.seconds() as f64 + 0.5),
            json!(NOW.seconds() as f64),
            json!(-1),
            json!(1e300),
            json!(null),
            json!([NOW.seconds()]),
            json!({}),
            json!(true),
        ] {
            assert!(judged_claims(&with(name, value.clone())).is_err(), "{name} {value}");
        }
    }
    assert!(judged_claims(&without("exp")).is_err());
    assert!(judged_claims(&without("iat")).is_ok());
    assert!(judged_claims(&without("nbf")).is_ok());
}

#[test]
fn t6_clocks_may_differ_by_a_minute_and_no_more() {
    for name in ["iat", "nbf"] {
        for (ahead, ok) in [(60, true), (61, false), (-200, true)] {
            let mut claims = with(name, json!(NOW.seconds() + ahead));
            claims["exp"] = json!(NOW.seconds() + 120);
            assert_eq!(judged_claims(&claims).is_ok(), ok, "{name} {ahead}");
        }
    }
}

#[test]
fn t6_an_assertion_cannot_end_before_it_begins() {
    let mut claims = with("iat", json!(NOW.seconds() + 50));
    claims["exp"] = json!(NOW.seconds() + 49);
    assert_eq!(judged_claims(&claims).unwrap_err().reason, "assertion_iat");
    claims["exp"] = json!(NOW.seconds() + 50);
    assert!(judged_claims(&claims).is_ok());
}

fn judged_header(header: Value) -> Result<AssertionHeader, Error> {
    AssertionHeader::check(header.as_object().unwrap(), &client(AuthenticationMethod::PrivateKeyJwt))
}

#[test]
fn f5_only_listed_algorithms_are_read() {
    for algorithm in SigningAlgorithm::ALL {
        assert_eq!(judged_header(json!({ "alg": algorithm.as_str() })).unwrap().algorithm, algorithm);
    }
    for alg in [json!("none"), json!("nOnE"), json!("HS256"), json!(""), json!(null), json!(["ES256"]), json!(1)] {
        assert_eq!(judged_header(json!({ "alg": alg })).unwrap_err().reason, "assertion_alg");
    }
    assert_eq!(judged_header(json!({})).unwrap_err().reason, "assertion_alg");
    let only = client_with(|m| m.token_endpoint_auth_signing_alg = Some(SigningAlgorithm::ES256.into()));
    let header = json!({ "alg": "RS256" });
    let error = AssertionHeader::check(header.as_object().unwrap(), &only).unwrap_err();
    assert_eq!(error.reason, "assertion_alg_not_registered");
}

#[test]
fn f8_headers_that_point_to_keys_are_refused() {
    for member in ["crit", "jwk", "jku", "x5u", "x5c", "b64", "zip"] {
        for value in [json!("https://127.0.0.1:1/keys"), json!(null), json!({}), json!(["exp"])] {
            assert_eq!(judged_header(json!({ "alg": "ES256", member: value })).unwrap_err().reason, "assertion_header");
        }
    }
    for kid in [json!(1), json!(null), json!(["k"]), json!("k".repeat(257))] {
        assert_eq!(judged_header(json!({ "alg": "ES256", "kid": kid })).unwrap_err().reason, "assertion_kid");
    }
}

#[test]
fn f13_other_kinds_of_jwt_are_not_assertions() {
    for typ in ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"] {
        assert!(judged_header(json!({ "alg": "ES256", "typ": typ })).is_ok(), "{typ}");
    }
    for typ in [
        json!("at+jwt"),
        json!("logout+jwt"),
        json!("dpop+jwt"),
        json!("oauth-authz-req+jwt"),
        json!(""),
        json!(null),
        json!(["JWT"]),
    ] {
        assert_eq!(judged_header(json!({ "alg": "ES256", "typ": typ })).unwrap_err().reason, "assertion_typ");
    }
}

#[test]
fn assertions_of_another_type_or_form_are_refused() {
    let good = assertion_body(&json!({ "alg": "ES256" }), &good_claims());
    for body in [
        good.replace("jwt-bearer", "saml2-bearer"),
        good.split_once('&').unwrap().1.to_owned(),
        format!("client_assertion_type={ASSERTION_TYPE}"),
        format!("client_assertion_type={ASSERTION_TYPE}&client_assertion=a.b"),
        assertion_body(&json!({ "alg": "ES256" }), &without("sub")),
        assertion_body(&json!([]), &good_claims()),
    ] {
        assert_eq!(parse(None, &body).unwrap_err().code, ErrorCode::InvalidClient, "{body}");
    }
}

#[test]
fn rfc_7523_an_assertion_keyed_with_the_secret_is_another_method() {
    let body = assertion_body(&json!({ "alg": "HS256" }), &good_claims());
    let presented = parse(None, &body).unwrap();
    assert_eq!(presented.method(), AuthenticationMethod::ClientSecretJwt);
    let keyed = client_with(|m| m.token_endpoint_auth_method = AuthenticationMethod::ClientSecretJwt);
    let proof = presented.prove(Some(&keyed), ISSUER, NOW).unwrap();
    let Proof::Mac { compact, algorithm, claims } = proof else { panic!("not a MAC") };
    assert!(body.ends_with(compact));
    assert_eq!((algorithm, claims.jti.as_str()), (MacAlgorithm::HS256, "j1"));
    // F5: neither method stands in for the other.
    let signing = client_with(|m| m.token_endpoint_auth_method = AuthenticationMethod::PrivateKeyJwt);
    assert_eq!(
        presented.prove(Some(&signing), ISSUER, NOW).err().unwrap().reason,
        "authentication_method_not_registered"
    );
    let signed = parse(None, &assertion_body(&json!({ "alg": "ES256" }), &good_claims())).unwrap();
    assert_eq!(signed.prove(Some(&keyed), ISSUER, NOW).err().unwrap().reason, "authentication_method_not_registered");
}

/// FAPI 2.0 Security Profile 5.4.1, FAPI-CIBA 7.10: by the profile, where the client registered no algorithm.
#[test]
fn fapi_assertions_are_signed_with_an_algorithm_of_the_profile() {
    let client = |profile, ciba_profile| {
        client_with(|m| {
            m.token_endpoint_auth_method = AuthenticationMethod::PrivateKeyJwt;
            (m.doors.profile, m.doors.ciba_profile) = (profile, ciba_profile);
        })
    };
    let (security, signing) = (Some(Profile::Fapi2Security), Some(Profile::Fapi2MessageSigning));
    for (profile, ciba_profile) in [(security, false), (signing, false), (None, true)] {
        for (alg, good) in [("ES256", true), ("PS256", true), ("EdDSA", true), ("RS256", false)] {
            let presented = parse(None, &assertion_body(&json!({ "alg": alg }), &good_claims())).unwrap();
            let judged = presented.prove(Some(&client(profile, ciba_profile)), ISSUER, NOW);
            assert_eq!(judged.err().map(|error| error.reason), (!good).then_some("assertion_alg_not_fapi"), "{alg}");
            assert!(presented.prove(Some(&client(None, false)), ISSUER, NOW).is_ok(), "{alg} elsewhere");
        }
    }
}

#[test]
fn f5_only_the_registered_mac_algorithm() {
    let only = client_with(|m| {
        m.token_endpoint_auth_method = AuthenticationMethod::ClientSecretJwt;
        m.token_endpoint_auth_signing_alg = Some(MacAlgorithm::HS512.into());
    });
    let judged = |alg: &str| {
        let presented = parse(None, &assertion_body(&json!({ "alg": alg }), &good_claims())).unwrap();
        presented.prove(Some(&only), ISSUER, NOW).map(drop).map_err(|error| error.reason)
    };
    assert_eq!(judged("HS512"), Ok(()));
    assert_eq!(judged("HS256"), Err("assertion_alg_not_registered"));
}
