use super::*;
use crate::protocol::ClaimName;

impl Authentication {
    /// A sign-in with password and code.
    pub(crate) fn sample() -> Self {
        Self {
            acr: "urn:dinhdanh:acr:2".into(),
            methods: vec!["otp".into(), "pwd".into()],
            authenticated_at: Timestamp::from_seconds(90),
            authentication_level: 2,
            identity_level: 1,
        }
    }
}

const ISSUER: &str = "https://id.example";
const NOW: Timestamp = Timestamp::from_seconds(100);

fn released() -> Released {
    ClaimName::ALL.iter().map(|claim| ((*claim).into(), json!(format!("value of {claim}")))).collect()
}

fn id_token(released: &Released, authentication: &Authentication) -> Map<String, Value> {
    IdToken {
        issuer: ISSUER,
        subject: "sub-1",
        client_id: "portal",
        issued_at: NOW,
        expires_at: Timestamp::from_seconds(400),
        authentication,
        nonce: Some("n"),
        sid: Some("sid-1"),
        at_hash: Some("h".into()),
        released,
        verified_claims: None,
        authorization_details: None,
    }
    .claims()
}

fn access_token() -> AccessToken {
    AccessToken {
        issuer: ISSUER.into(),
        audience: vec![ISSUER.into(), "https://api.example".into()],
        subject: "sub-1".into(),
        client_id: "portal".into(),
        issued_at: NOW,
        expires_at: Timestamp::from_seconds(700),
        jti: "j1".into(),
        scope: ScopeSet::parse("openid profile").unwrap(),
        grant: Some("0192f0c1-7d2e-7c3a-9b1e-0a1b2c3d4e5f".parse().unwrap()),
        authentication: Some(Authentication::sample()),
        authorization_details: Some(json!([{ "type": "urn:dinhdanh:representation" }])),
        confirmation: None,
        actor: None,
    }
}

fn signed(typ: Option<&str>, claims: Map<String, Value>) -> jws::Unverified {
    let mut header = Map::from_iter([("alg".to_owned(), json!("ES256"))]);
    header.extend(typ.map(|typ| ("typ".to_owned(), json!(typ))));
    jws::Unverified { header, claims }
}

#[test]
fn an_id_token_says_who_for_whom_and_how_strong() {
    let claims =
        id_token(&Released::from([(ClaimName::Name.into(), json!("Nguyễn Văn A"))]), &Authentication::sample());
    assert_eq!(
        Value::Object(claims),
        json!({
            "iss": ISSUER, "sub": "sub-1", "aud": "portal", "iat": 100, "exp": 400, "nonce": "n", "sid": "sid-1", "at_hash": "h",
            "auth_time": 90, "acr": "urn:dinhdanh:acr:2", "amr": ["otp", "pwd"], "authentication_level": 2,
            "identity_level": 1, "name": "Nguyễn Văn A",
        })
    );
}

#[test]
fn h3_no_claim_name_is_a_protocol_member() {
    let authentication = Authentication::sample();
    let empty = Released::new();
    let logout = LogoutToken {
        issuer: ISSUER,
        client_id: "portal",
        subject: "s",
        sid: "x",
        issued_at: NOW,
        expires_at: NOW,
        jti: "j",
    };
    let userinfo = Userinfo {
        subject: "s",
        levels: Some((1, 2)),
        released: &empty,
        verified_claims: None,
        authorization_details: None,
    };
    for members in [
        id_token(&empty, &authentication),
        access_token().claims(),
        logout.claims(),
        userinfo.signed_claims(ISSUER, "portal"),
    ] {
        for claim in ClaimName::ALL {
            assert!(!members.contains_key(claim.as_str()), "{claim}");
        }
    }
    // And with everything released, every protocol member is as it was.
    let full = id_token(&released(), &authentication);
    for (name, value) in id_token(&empty, &authentication) {
        assert_eq!(full[&name], value, "{name}");
    }
}

#[test]
fn h3_what_is_there_is_never_written_over() {
    let mut claims = Map::from_iter([("name".to_owned(), json!("kept"))]);
    put_released(&mut claims, &released());
    assert_eq!(claims["name"], "kept");
    assert_eq!(claims.len(), ClaimName::ALL.len());
}

#[test]
fn at_hash_follows_the_algorithm() {
    // Example of OpenID Connect Core A.3: the access token and the at_hash of its ID token, signed with RS256.
    let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(at_hash(access_token, SigningAlgorithm::RS256), "77QmUPtjPfzWtF2AnpK9RQ");
    assert_eq!(at_hash(access_token, SigningAlgorithm::ES256), at_hash(access_token, SigningAlgorithm::PS256));
    assert_eq!(at_hash(access_token, SigningAlgorithm::EdDsa).len(), 43);
}

#[test]
fn an_access_token_is_read_back_as_it_was_written() {
    for token in [
        access_token(),
        AccessToken {
            grant: None,
            authentication: None,
            audience: vec!["https://api.example".into()],
            ..access_token()
        },
        AccessToken { scope: ScopeSet::default(), ..access_token() },
    ] {
        let read = AccessToken::read(&signed(Some("at+jwt"), token.claims()), ISSUER, NOW).unwrap();
        assert_eq!(read, token);
    }
    assert!(access_token().is_for(ISSUER) && access_token().is_for("https://api.example"));
    assert!(!access_token().is_for("https://id.example/") && !access_token().is_for(""));
}

#[test]
fn f6_f7_an_access_token_with_a_wrong_part_is_refused() {
    let faults = [
        ("iss", json!("https://other.example")),
        ("iss", json!(null)),
        ("aud", json!([])),
        ("aud", json!(1)),
        ("aud", json!([ISSUER, 1])),
        ("aud", json!("")),
        ("exp", json!("700")),
        ("exp", json!(700.0)),
        ("exp", json!(1e300)),
        ("exp", json!(null)),
        ("exp", json!([700])),
        ("exp", json!(100)),
        ("iat", json!(-1)),
        ("sub", json!("")),
        ("client_id", json!(["portal"])),
        ("jti", json!(1)),
        ("scope", json!(["openid"])),
        ("scope", json!("a\"b")),
        ("grant", json!("x")),
        ("grant", json!(null)),
        ("amr", json!("pwd")),
        ("auth_time", json!("90")),
        ("acr", json!(null)),
        ("authentication_level", json!(256)),
        ("identity_level", json!("1")),
    ];
    for (name, value) in faults {
        let mut claims = access_token().claims();
        claims.insert(name.into(), value.clone());
        let refused = AccessToken::read(&signed(Some("at+jwt"), claims), ISSUER, NOW);
        assert_eq!(refused, Err(bearer::INVALID_TOKEN), "{name} {value}");
    }
    for name in ["iss", "aud", "exp", "iat", "sub", "client_id", "jti", "scope", "amr", "auth_time", "identity_level"] {
        let mut claims = access_token().claims();
        claims.remove(name);
        assert!(AccessToken::read(&signed(Some("at+jwt"), claims), ISSUER, NOW).is_err(), "{name}");
    }
    let just_before = Timestamp::from_micros(700_000_000 - 1);
    assert!(AccessToken::read(&signed(Some("at+jwt"), access_token().claims()), ISSUER, just_before).is_ok());
    assert!(
        AccessToken::read(&signed(Some("at+jwt"), access_token().claims()), ISSUER, Timestamp::from_seconds(700))
            .is_err()
    );
}

#[test]
fn f13_each_kind_passes_in_its_own_slot_only() {
    let authentication = Authentication::sample();
    let empty = Released::new();
    let logout = LogoutToken {
        issuer: ISSUER,
        client_id: "portal",
        subject: "s",
        sid: "x",
        issued_at: NOW,
        expires_at: NOW,
        jti: "j",
    };
    let userinfo =
        Userinfo { subject: "s", levels: None, released: &empty, verified_claims: None, authorization_details: None };
    let active = json!({ "active": true, "sub": "s", "exp": 1_000 });
    let introspected = crate::protocol::introspection::signed_claims(active, (ISSUER, "portal"), NOW);
    let kinds = [
        (TokenKind::IdToken, id_token(&empty, &authentication)),
        (TokenKind::AccessToken, access_token().claims()),
        (TokenKind::LogoutToken, logout.claims()),
        (TokenKind::Userinfo, userinfo.signed_claims(ISSUER, "portal")),
        (TokenKind::Introspection, introspected),
    ];
    for (kind, claims) in &kinds {
        let token = signed(Some(kind.typ()), claims.clone());
        assert_eq!(IdTokenHint::read(&token, ISSUER).is_some(), *kind == TokenKind::IdToken, "{kind:?} as hint");
        assert_eq!(
            AccessToken::read(&token, ISSUER, NOW).is_ok(),
            *kind == TokenKind::AccessToken,
            "{kind:?} as access token"
        );
        // Nor does a changed or missing type turn one kind into another.
        for typ in [None, Some("JWT"), Some("at+jwt"), Some("logout+jwt"), Some("dpop+jwt")] {
            let token = signed(typ, claims.clone());
            let hint = *kind == TokenKind::IdToken && typ == Some("JWT");
            let access = *kind == TokenKind::AccessToken && typ == Some("at+jwt");
            assert_eq!(IdTokenHint::read(&token, ISSUER).is_some(), hint, "{kind:?} {typ:?}");
            assert_eq!(AccessToken::read(&token, ISSUER, NOW).is_ok(), access, "{kind:?} {typ:?}");
        }
    }
}

#[test]
fn f13_an_access_token_for_one_audience_is_no_hint_whatever_its_type_says() {
    let token = AccessToken { audience: vec!["portal".into()], ..access_token() };
    for typ in ["JWT", "at+jwt"] {
        assert_eq!(IdTokenHint::read(&signed(Some(typ), token.claims()), ISSUER), None);
    }
}

#[test]
fn f8_own_tokens_with_foreign_header_members_are_refused() {
    let mut token = signed(Some("at+jwt"), access_token().claims());
    token.header.insert("jku".into(), json!("https://evil.example"));
    assert!(AccessToken::read(&token, ISSUER, NOW).is_err());
    let mut hint = signed(Some("JWT"), id_token(&Released::new(), &Authentication::sample()));
    hint.header.insert("crit".into(), json!(["exp"]));
    assert_eq!(IdTokenHint::read(&hint, ISSUER), None);
}

#[test]
fn a_hint_may_be_old_but_must_be_ours() {
    let claims = id_token(&Released::new(), &Authentication::sample());
    let expected = IdTokenHint { client_id: "portal".into(), subject: "sub-1".into(), sid: Some("sid-1".into()) };
    // `exp` lies long before any test runs: it is not asked.
    assert_eq!(IdTokenHint::read(&signed(Some("JWT"), claims.clone()), ISSUER), Some(expected));
    assert_eq!(IdTokenHint::read(&signed(Some("JWT"), claims.clone()), "https://other.example"), None);
    for (name, value) in [
        ("aud", json!(["portal"])),
        ("aud", json!(["portal", "x"])),
        ("sub", json!("")),
        ("sid", json!(1)),
        ("exp", json!("x")),
    ] {
        let mut broken = claims.clone();
        broken.insert(name.into(), value);
        assert_eq!(IdTokenHint::read(&signed(Some("JWT"), broken), ISSUER), None, "{name}");
    }
}

#[test]
fn i1_a_logout_token_has_what_the_standard_asks_and_no_nonce() {
    let token = LogoutToken {
        issuer: ISSUER,
        client_id: "portal",
        subject: "s",
        sid: "x",
        issued_at: NOW,
        expires_at: Timestamp::from_seconds(220),
        jti: "j",
    };
    assert_eq!(
        Value::Object(token.claims()),
        json!({
            "iss": ISSUER, "aud": "portal", "sub": "s", "sid": "x", "iat": 100, "exp": 220, "jti": "j",
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        })
    );
    assert_eq!(TokenKind::LogoutToken.typ(), "logout+jwt");
}

#[test]
fn userinfo_holds_the_subject_and_what_was_released() {
    let released = Released::from([(ClaimName::Email.into(), json!("a@example"))]);
    let userinfo = Userinfo {
        subject: "s",
        levels: None,
        released: &released,
        verified_claims: None,
        authorization_details: None,
    };
    assert_eq!(Value::Object(userinfo.claims()), json!({ "sub": "s", "email": "a@example" }));
    let userinfo = Userinfo { levels: Some((1, 2)), ..userinfo };
    assert_eq!(
        Value::Object(userinfo.signed_claims(ISSUER, "portal")),
        json!({ "sub": "s", "email": "a@example", "identity_level": 1, "authentication_level": 2, "iss": ISSUER, "aud": "portal" })
    );
}
