//! Tokens that are bound to a key (RFC 9449).

use crate::kit::{Browser, HOA, House, Key, Portal, claims_of, seconds};
use axum::http::Method;
use dinhdanh::base::{Clock, random_token, sha256};
use dinhdanh::store;
use serde_json::{Value, json};

const ISSUER_TOKEN: &str = "/token";

struct Stage {
    house: House,
    portal: Portal,
    key: Key,
    browser: Browser,
}

impl Stage {
    async fn new(metadata: Value) -> Self {
        let house = House::new().await;
        house.with(&HOA).await;
        let portal = Portal::with(&house, "bound", metadata).await;
        let mut browser = house.browser();
        let page = portal.ask(&mut browser, &[]).await;
        house.sign_in(&mut browser, &page, &HOA).await;
        Self { house, portal, key: Key::new(), browser }
    }

    async fn code(&mut self, over: &[(&str, &str)]) -> String {
        let mut all = vec![("prompt", "none")];
        all.extend_from_slice(over);
        self.portal.ask(&mut self.browser, &all).await.code()
    }

    fn claims(&self, method: &str, path: &str) -> Value {
        let services = &self.house.services;
        json!({
            "jti": random_token(&*services.entropy),
            "htm": method,
            "htu": format!("{}{path}", services.issuer()),
            "iat": self.house.clock.now().seconds(),
            "nonce": services.dpop_nonces.current(self.house.clock.now()).unwrap(),
        })
    }

    fn proof(&self, method: &str, path: &str) -> String {
        self.key.proof(&self.claims(method, path))
    }

    async fn token(&self, proof: &str, fields: &[(&str, &str)]) -> (u16, Value) {
        let page = self.portal.call_with(&self.house, &[("dpop", proof)], "/token", fields).await;
        (page.status.as_u16(), serde_json::from_str(&page.body).unwrap())
    }

    /// A fresh assertion of a client whose key is the stage's.
    fn assertion(&self, client: &str) -> String {
        let now = self.house.clock.now().seconds();
        self.key.sign(
            &json!({ "alg": "ES256", "kid": self.key.jwk()["kid"] }),
            &json!({ "iss": client, "sub": client, "aud": self.house.services.issuer(), "iat": now, "exp": now + 60,
                "jti": random_token(&*self.house.services.entropy) }),
        )
    }

    async fn asserted(
        &self,
        path: &str,
        (assertion, proof): (&str, Option<&str>),
        fields: &[(&str, &str)],
    ) -> (u16, Value) {
        let mut all = vec![
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        all.extend_from_slice(fields);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(proof.map(|proof| ("dpop", proof)));
        let page = self.house.browser().request(Method::POST, path, &headers, &body).await;
        (page.status.as_u16(), serde_json::from_str(&page.body).unwrap())
    }

    async fn userinfo(&self, scheme: &str, token: &str, proof: Option<&str>) -> (u16, Option<String>) {
        let authorization = format!("{scheme} {token}");
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(proof.map(|proof| ("dpop", proof)));
        let page = self.house.browser().request(Method::GET, "/userinfo", &headers, "").await;
        let challenge = page.headers.get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        (page.status.as_u16(), challenge)
    }

    fn shown(&self, token: &str) -> String {
        let mut claims = self.claims("GET", "/userinfo");
        let hash = sha256(token.as_bytes());
        use base64::Engine;
        claims["ath"] = json!(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash.as_bytes()));
        self.key.proof(&claims)
    }
}

#[tokio::test]
async fn rfc9449_5_a_proof_binds_the_tokens_and_7_opens_them() {
    let mut stage = Stage::new(json!({})).await;
    let code = stage.code(&[]).await;
    let (status, tokens) = stage.token(&stage.proof("POST", ISSUER_TOKEN), &stage.portal.redemption(&code)).await;
    assert_eq!((status, tokens["token_type"].as_str()), (200, Some("DPoP")), "{tokens}");
    let access = tokens["access_token"].as_str().unwrap();
    let bound = json!({ "jkt": stage.key.thumbprint() });
    assert_eq!(claims_of(&tokens["access_token"])["cnf"], bound);
    let (_, told) = stage.portal.call(&stage.house, "/introspect", &[("token", access)]).await;
    assert_eq!((&told["cnf"], told["token_type"].as_str()), (&bound, Some("DPoP")));
    assert_eq!(stage.userinfo("DPoP", access, Some(&stage.shown(access))).await.0, 200);
    // As a bearer token, without proof, with another key's proof: nothing (RFC 9449 7.1).
    assert_eq!(stage.userinfo("Bearer", access, None).await.0, 401);
    assert_eq!(stage.userinfo("Bearer", access, Some(&stage.shown(access))).await.0, 401);
    let (status, challenge) = stage.userinfo("DPoP", access, None).await;
    assert!(status == 401 && challenge.unwrap().starts_with("DPoP realm="));
    let other = Stage { key: Key::new(), ..stage };
    assert_eq!(other.userinfo("DPoP", access, Some(&other.shown(access))).await.0, 401);
    // A token that is bound to nothing is no DPoP token.
    let (_, plain) = other.portal.call(&other.house, "/token", &[("grant_type", "client_credentials")]).await;
    assert_eq!(plain["token_type"], "Bearer");
}

/// The form of the token changes nothing.
#[tokio::test]
async fn rfc9449_7_an_opaque_token_is_bound_as_a_signed_one() {
    let mut stage = Stage::new(json!({ "access_token_format": "opaque" })).await;
    let code = stage.code(&[]).await;
    let (status, tokens) = stage.token(&stage.proof("POST", ISSUER_TOKEN), &stage.portal.redemption(&code)).await;
    assert_eq!((status, tokens["token_type"].as_str()), (200, Some("DPoP")), "{tokens}");
    let access = tokens["access_token"].as_str().unwrap();
    assert!(access.starts_with("dda_"));
    let (_, told) = stage.portal.call(&stage.house, "/introspect", &[("token", access)]).await;
    assert_eq!(told["cnf"], json!({ "jkt": stage.key.thumbprint() }));
    assert_eq!(stage.userinfo("DPoP", access, Some(&stage.shown(access))).await.0, 200);
    assert_eq!(stage.userinfo("Bearer", access, None).await.0, 401);
    assert_eq!(stage.userinfo("DPoP", access, None).await.0, 401);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = format!("access_token={access}");
    for headers in [vec![form], vec![form, ("dpop", &stage.shown(access))]] {
        let page = stage.house.browser().request(Method::POST, "/userinfo", &headers, &body).await;
        assert_eq!(page.status.as_u16(), 401, "RFC 9449 7.1: a bound token is shown in the header only");
    }
}

#[tokio::test]
async fn rfc9449_8_a_proof_carries_our_nonce() {
    let mut stage = Stage::new(json!({})).await;
    let code = stage.code(&[]).await;
    let mut claims = stage.claims("POST", ISSUER_TOKEN);
    claims.as_object_mut().unwrap().remove("nonce");
    let proof = stage.key.proof(&claims);
    let page =
        stage.portal.call_with(&stage.house, &[("dpop", &proof)], "/token", &stage.portal.redemption(&code)).await;
    page.is(400).has("use_dpop_nonce");
    // The nonce told with the refusal serves, and the code was not touched.
    let nonce = page.headers.get("dpop-nonce").unwrap().to_str().unwrap();
    claims["nonce"] = json!(nonce);
    let (status, _) = stage.token(&stage.key.proof(&claims), &stage.portal.redemption(&code)).await;
    assert_eq!(status, 200);
    // It is good for its time and the next, not longer.
    let code = stage.code(&[]).await;
    claims["jti"] = json!("another");
    stage.house.after(seconds(301));
    claims["iat"] = json!(stage.house.clock.now().seconds());
    let (status, answer) = stage.token(&stage.key.proof(&claims), &stage.portal.redemption(&code)).await;
    assert_eq!((status, answer["error"].as_str()), (400, Some("use_dpop_nonce")));
}

#[tokio::test]
async fn rfc9449_4_3_a_proof_is_for_one_request() {
    let mut stage = Stage::new(json!({})).await;
    let proof = stage.proof("POST", ISSUER_TOKEN);
    let fields = [("grant_type", "client_credentials"), ("scope", "report")];
    assert_eq!(stage.token(&proof, &fields).await.0, 200);
    let (status, answer) = stage.token(&proof, &fields).await;
    assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_dpop_proof")), "a proof served twice");
    let code = stage.code(&[]).await;
    for (name, value) in [
        ("htm", json!("GET")),
        ("htu", json!("https://other.example/token")),
        ("htu", json!(format!("{}/userinfo", stage.house.services.issuer()))),
        ("iat", json!(stage.house.clock.now().seconds() - 61)),
        ("iat", json!(stage.house.clock.now().seconds() + 11)),
        ("jti", json!("x".repeat(129))),
    ] {
        let mut claims = stage.claims("POST", ISSUER_TOKEN);
        claims[name] = value;
        let (status, answer) = stage.token(&stage.key.proof(&claims), &stage.portal.redemption(&code)).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_dpop_proof")), "{name}");
    }
    // None of them cost the client its code.
    for ahead in [-60, 10] {
        let mut claims = stage.claims("POST", ISSUER_TOKEN);
        claims["iat"] = json!(stage.house.clock.now().seconds() + ahead);
        let fields = [("grant_type", "client_credentials"), ("scope", "report")];
        assert_eq!(stage.token(&stage.key.proof(&claims), &fields).await.0, 200, "{ahead}");
    }
    assert_eq!(stage.token(&stage.proof("POST", ISSUER_TOKEN), &stage.portal.redemption(&code)).await.0, 200);
}

#[tokio::test]
async fn b1_a_code_named_for_a_key_dies_with_another() {
    let mut stage = Stage::new(json!({})).await;
    let jkt = stage.key.thumbprint();
    let code = stage.code(&[("dpop_jkt", &jkt)]).await;
    assert_eq!(stage.token(&stage.proof("POST", ISSUER_TOKEN), &stage.portal.redemption(&code)).await.0, 200);
    let code = stage.code(&[("dpop_jkt", &jkt)]).await;
    let (status, answer) = stage.portal.redeem(&stage.house, &code).await;
    assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_grant")), "without a proof");
    let (status, _) = stage.token(&stage.proof("POST", ISSUER_TOKEN), &stage.portal.redemption(&code)).await;
    assert_eq!(status, 400, "a code that was shown with a wrong key is dead");
}

/// RFC 9449 10.1: the proof that comes with the push binds the code.
#[tokio::test]
async fn rfc9449_10_1_a_proof_at_the_push_binds_the_code() {
    let mut stage = Stage::new(json!({ "dpop_bound_access_tokens": true })).await;
    let members = stage.portal.members(&[("prompt", "none")]);
    let fields: Vec<(&str, &str)> =
        members.iter().map(|(n, v)| (n.as_str(), v.as_str())).filter(|(n, _)| *n != "client_id").collect();
    let proof = stage.proof("POST", "/par");
    let page = stage.portal.call_with(&stage.house, &[("dpop", &proof)], "/par", &fields).await;
    page.is(201);
    let pushed: Value = serde_json::from_str(&page.body).unwrap();
    let code = stage.browser.open(&stage.portal.refer(&pushed["request_uri"])).await.code();
    let other = Key::new().proof(&stage.claims("POST", ISSUER_TOKEN));
    let (status, answer) = stage.token(&other, &stage.portal.redemption(&code)).await;
    assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_grant")));
    // Named and proved keys must agree.
    let mut differing = fields.clone();
    let named = Key::new().thumbprint();
    differing.push(("dpop_jkt", &named));
    let proof = stage.proof("POST", "/par");
    stage.portal.call_with(&stage.house, &[("dpop", &proof)], "/par", &differing).await.is(400).has("invalid_request");
}

#[tokio::test]
async fn rfc9449_5_2_a_client_that_registered_bound_tokens_gets_no_others() {
    let mut stage = Stage::new(json!({ "dpop_bound_access_tokens": true })).await;
    let code = stage.code(&[]).await;
    let (status, answer) = stage.portal.redeem(&stage.house, &code).await;
    assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_dpop_proof")));
    assert_eq!(stage.token(&stage.proof("POST", ISSUER_TOKEN), &stage.portal.redemption(&code)).await.0, 200);
}

/// RFC 9449 5: an app that cannot prove itself binds its refresh tokens to its key.
#[tokio::test]
async fn rfc9449_5_refresh_tokens_of_an_app_are_bound_to_its_key() {
    let house = House::new().await;
    house.with(&HOA).await;
    let public = json!({ "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid" });
    let portal = Portal::with(&house, "app", public).await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let code = house.sign_in(&mut browser, &page, &HOA).await.code();
    let stage = Stage { house, portal, key: Key::new(), browser };
    let send = async |proof: Option<String>, fields: &[(&str, &str)]| {
        let mut all = vec![("client_id", "app")];
        all.extend_from_slice(fields);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(proof.as_deref().map(|proof| ("dpop", proof)));
        let page = stage.house.browser().request(Method::POST, "/token", &headers, &body).await;
        (page.status.as_u16(), serde_json::from_str::<Value>(&page.body).unwrap())
    };
    let (status, tokens) = send(Some(stage.proof("POST", ISSUER_TOKEN)), &stage.portal.redemption(&code)).await;
    assert_eq!(status, 200, "{tokens}");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    for proof in [None, Some(Key::new().proof(&stage.claims("POST", ISSUER_TOKEN)))] {
        let (status, answer) = send(proof, &fields).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_grant")));
    }
    let (status, answer) = send(Some(stage.proof("POST", ISSUER_TOKEN)), &fields).await;
    assert_eq!((status, answer["token_type"].as_str()), (200, Some("DPoP")), "{answer}");
}

/// What a request shows that counts once is used up by it, also when the request is refused for another reason.
#[tokio::test]
async fn f2_an_assertion_and_a_proof_are_used_up_whatever_becomes_of_the_request() {
    let house = House::new().await;
    let key = Key::new();
    let metadata = json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key.jwk()] },
        "grant_types": ["authorization_code", "client_credentials"], "scope": "openid report",
    });
    let portal = Portal::with(&house, "once", metadata).await;
    let browser = house.browser();
    let stage = Stage { house, portal, key, browser };
    let members = stage.portal.members(&[]);
    let request: Vec<(&str, &str)> = members.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let broken: Vec<_> = request.iter().copied().filter(|(name, _)| *name != "response_type").collect();
    let credentials = [("grant_type", "client_credentials"), ("scope", "report")];
    let said = |(status, answer): (u16, Value)| (status, answer["error"].as_str().unwrap_or_default().to_owned());
    let with = |status: u16, error: &str| (status, error.to_owned());
    for (path, wrong, right, done) in
        [("/token", &credentials[1..], &credentials[..], 200), ("/par", &broken[..], &request[..], 201)]
    {
        let proof = || stage.proof("POST", path);
        let (shown, proved) = (stage.assertion("once"), proof());
        let refused = said(stage.asserted(path, (&shown, Some(&proved)), wrong).await);
        assert_eq!(refused, with(400, "invalid_request"), "{path}");
        let again = said(stage.asserted(path, (&shown, Some(&proof())), right).await);
        assert_eq!(again, with(401, "invalid_client"), "{path}: an assertion served twice");
        let fresh = stage.assertion("once");
        let again = said(stage.asserted(path, (&fresh, Some(&proved)), right).await);
        assert_eq!(again, with(400, "invalid_dpop_proof"), "{path}: a proof served twice");
        // A proof that was replayed, or is for somewhere else, does not spare the assertion beside it.
        let again = said(stage.asserted(path, (&fresh, Some(&proof())), right).await);
        assert_eq!(again, with(401, "invalid_client"), "{path}");
        let (shown, elsewhere) = (stage.assertion("once"), stage.proof("POST", "/elsewhere"));
        let refused = said(stage.asserted(path, (&shown, Some(&elsewhere)), right).await);
        assert_eq!(refused, with(400, "invalid_dpop_proof"), "{path}");
        let again = said(stage.asserted(path, (&shown, Some(&proof())), right).await);
        assert_eq!(again, with(401, "invalid_client"), "{path}");
        // Told to use our nonce, a client comes again with the same assertion: nothing was used up.
        let shown = stage.assertion("once");
        let mut claims = stage.claims("POST", path);
        claims.as_object_mut().unwrap().remove("nonce");
        let told = said(stage.asserted(path, (&shown, Some(&stage.key.proof(&claims))), right).await);
        assert_eq!(told, with(400, "use_dpop_nonce"), "{path}");
        let (status, answer) = stage.asserted(path, (&shown, Some(&proof())), right).await;
        assert_eq!(status, done, "{path}: {answer}");
    }
}

/// FAPI 2.0 Security Profile 5.3.2: pushed, proved, bound; refresh tokens stay as they are.
#[tokio::test]
async fn fapi2_a_client_of_the_profile_gets_exactly_its_rules() {
    // As long as any other client's code may live.
    let house = House::over(&[("tokens.code_seconds", "600")]).await;
    house.with(&HOA).await;
    let key = Key::new();
    let metadata = json!({
        "profile": "fapi2_security", "token_endpoint_auth_method": "private_key_jwt",
        "jwks": { "keys": [key.jwk()] }, "grant_types": ["authorization_code", "refresh_token"], "scope": "openid",
    });
    let portal = Portal::with(&house, "fapi", metadata).await;
    let browser = house.browser();
    let mut stage = Stage { house, portal, key, browser };
    let send = async |stage: &Stage, path: &str, proof: Option<String>, fields: &[(&str, &str)]| {
        stage.asserted(path, (&stage.assertion("fapi"), proof.as_deref()), fields).await
    };
    let refused = stage.house.browser().fetch(&stage.portal.request(&[])).await;
    assert_eq!(refused.error(), "invalid_request", "not pushed");
    let members = stage.portal.members(&[]);
    let request: Vec<(&str, &str)> = members.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let (status, pushed) = send(&stage, "/par", None, &request).await;
    assert_eq!(status, 201, "{pushed}");
    let without: Vec<_> = request.iter().copied().filter(|(name, _)| *name != "redirect_uri").collect();
    assert_eq!(send(&stage, "/par", None, &without).await.1["error"], "invalid_request");
    let mut browser = stage.browser.clone();
    let page = browser.open(&stage.portal.refer(&pushed["request_uri"])).await;
    let code = stage.house.sign_in(&mut browser, &page, &HOA).await.code();
    stage.browser = browser;
    let redemption = stage.portal.redemption(&code);
    let (status, answer) = send(&stage, "/token", None, &redemption).await;
    assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_dpop_proof")), "unbound");
    let (status, tokens) = send(&stage, "/token", Some(stage.proof("POST", ISSUER_TOKEN)), &redemption).await;
    assert_eq!(status, 200, "{tokens}");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    for turn in 0..3 {
        let (status, answer) = send(&stage, "/token", Some(stage.proof("POST", ISSUER_TOKEN)), &fields).await;
        assert_eq!(status, 200, "turn {turn}: {answer}");
        assert!(answer.get("refresh_token").is_none(), "a refresh token was rotated");
    }
    // 5.3.2.1: 60 seconds, whatever is set for others.
    let mut browser = stage.browser.clone();
    for (wait, expected) in [(60, 400), (59, 200)] {
        let (_, pushed) = send(&stage, "/par", None, &request).await;
        let code = browser.fetch(&stage.portal.refer(&pushed["request_uri"])).await.code();
        stage.house.after(seconds(wait));
        let redemption = stage.portal.redemption(&code);
        let (status, answer) = send(&stage, "/token", Some(stage.proof("POST", ISSUER_TOKEN)), &redemption).await;
        assert_eq!(status, expected, "after {wait} s: {answer}");
    }
    // A10: what was registered before the rule opens no door beside the browser.
    let mut tx = stage.house.services.db.begin().await.unwrap();
    let stored = store::client::get(&mut tx, "fapi").await.unwrap();
    let mut metadata: Value = serde_json::from_str(&stored.metadata).unwrap();
    metadata["grant_types"] = json!([crate::device::DEVICE_CODE, crate::ciba::CIBA]);
    metadata["backchannel_token_delivery_mode"] = json!("poll");
    let write = tx.query("UPDATE client SET metadata = $1, version = version + 1 WHERE client_id = 'fapi'");
    write.bind(metadata.to_string()).execute().await.unwrap();
    tx.commit().await.unwrap();
    stage.house.services.clients.forget("fapi").await;
    for (path, error, more) in [
        ("/device_authorization", "unauthorized_client", &[("scope", "openid")][..]),
        ("/backchannel_authentication", "unauthorized_client", &[("scope", "openid"), ("login_hint", HOA.number)]),
    ] {
        let (status, answer) = send(&stage, path, None, more).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some(error)), "{path}: {answer}");
    }
}
