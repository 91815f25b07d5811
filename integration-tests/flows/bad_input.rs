//! Bad input at the authorization endpoint: our own page until the return address is proved, then an error of the RFCs
//! at the portal, with `iss` and `state`.

use crate::kit::browser::ORIGIN;
use crate::kit::{House, Portal};
use serde_json::json;

fn raw(pairs: &str) -> String {
    format!("/authorize?{pairs}")
}

async fn two() -> (House, Portal) {
    let house = House::new().await;
    let portal = Portal::new(&house, "portal-a").await;
    (house, portal)
}

async fn stays_here(house: &House, request: &str, status: u16, text: &str) {
    let mut browser = house.browser();
    let page = browser.fetch(request).await;
    page.is(status).has(text).has("Error id");
    assert!(page.location().is_none(), "{request}: {:?}", page.location());
    assert!(browser.jar.is_empty(), "{request}: {:?}", browser.jar);
    assert!(!page.body.contains("evil"), "{request}: what was sent is shown again");
}

#[tokio::test]
async fn a6_a9_before_the_address_is_proved_nobody_is_sent_anywhere() {
    let (house, portal) = two().await;
    let unregistered = [
        "https://evil.example/callback",
        "https://portal-a.example/callback/",
        "https://portal-a.example/Callback",
        "https://portal-a.example/callback?evil=1",
        "https://portal-a.example/callback#evil",
        "https://portal-a.example:443/callback",
        "https://portal-a.example.evil/callback",
        "https://portal-a.example@evil.example/callback",
        "https://evil.example\\@portal-a.example/callback",
        "http://portal-a.example/callback",
        "//portal-a.example/callback",
        "javascript:evil()",
        "data:text/html,evil",
    ];
    for address in unregistered {
        // Whatever else is wrong, and however silent the portal wants it.
        for more in
            [&[][..], &[("prompt", "none")], &[("response_type", "token")], &[("scope", "")], &[("prompt", "evil")]]
        {
            let mut over = vec![("redirect_uri", address)];
            over.extend(more);
            stays_here(&house, &portal.request(&over), 400, "The return address is not registered").await;
        }
    }
    for (over, text) in [
        (("client_id", ""), "Unknown service portal"),
        (("client_id", "evil"), "Unknown service portal"),
        (("response_mode", "evil"), "request has an error"),
        (("response_mode", "web_message"), "request has an error"),
        (("response_mode", "query.JWT"), "request has an error"),
        (("response_mode", "none"), "request has an error"),
    ] {
        stays_here(&house, &portal.request(&[over]), 400, text).await;
    }
    let long = "evil".repeat(2_000);
    stays_here(&house, &portal.request(&[("client_id", &long)]), 400, "request has an error").await;
}

#[tokio::test]
async fn requests_that_cannot_be_read_stay_here() {
    let (house, portal) = two().await;
    let good = portal.request(&[]);
    let query = good.split_once('?').unwrap().1;
    let cases = [
        format!("{query}&state=evil"),
        format!("{query}&client_id={}", portal.id),
        format!("{query}&x=%"),
        format!("{query}&x=%zz"),
        format!("{query}&x=%ff"),
        format!("{query}&x=%00"),
        format!("{query}&x=a%0d%0aSet-Cookie:%20evil=1"),
        format!("{query}&x={}", "a".repeat(5_000)),
        format!("{query}&x={}", "a".repeat(17_000)),
        format!("{query}{}", (0..70).map(|n| format!("&x{n}=1")).collect::<String>()),
    ];
    for case in &cases {
        stays_here(&house, &raw(case), 400, "request has an error").await;
    }
    // The same by POST; and a body that is no form.
    for case in &cases {
        let page = house.browser().body("/authorize", "application/x-www-form-urlencoded", case).await;
        page.is(400).has("request has an error");
        assert!(page.location().is_none());
    }
    for kind in ["text/plain", "application/json", "multipart/form-data; boundary=x"] {
        let page = house.browser().body("/authorize", kind, query).await;
        page.is(400);
        assert!(page.location().is_none());
    }
}

#[tokio::test]
async fn c3_after_it_is_proved_every_error_is_the_portals_with_iss_and_state() {
    let (house, portal) = two().await;
    let long = |times: usize| "x".repeat(times);
    let (state, nonce, hint) = (long(2_049), long(513), long(321));
    let many_acr = vec!["a"; 17].join(" ");
    let cases: Vec<(&str, &str, &str)> = vec![
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("response_type", "none", "unsupported_response_type"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge", "+++++++++++++++++++++++++++++++++++++++++++", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "s256", "invalid_request"),
        ("scope", "", "invalid_scope"),
        ("scope", "profile", "invalid_scope"),
        ("scope", "openid \u{e9}", "invalid_scope"),
        ("scope", "openid \"", "invalid_scope"),
        ("nonce", &nonce, "invalid_request"),
        ("prompt", "evil", "invalid_request"),
        ("prompt", "none login", "invalid_request"),
        ("prompt", "none", "login_required"),
        ("max_age", "-1", "invalid_request"),
        ("max_age", "1.5", "invalid_request"),
        ("max_age", "x", "invalid_request"),
        ("max_age", " 1", "invalid_request"),
        ("claims", "{", "invalid_request"),
        ("claims", "[]", "invalid_request"),
        ("claims", r#"{"userinfo":{"name":1}}"#, "invalid_request"),
        ("claims", r#"{"userinfo":{},"userinfo":{}}"#, "invalid_request"),
        ("claims", r#"{"id_token":{"acr":{"essential":true,"values":["evil"]}}}"#, "unmet_authentication_requirements"),
        (
            "claims",
            r#"{"id_token":{"acr":{"essential":true,"values":["urn:dinhdanh:acr:4"]}}}"#,
            "unmet_authentication_requirements",
        ),
        ("acr_values", &many_acr, "invalid_request"),
        ("resource", "https://evil.example", "invalid_target"),
        ("login_hint", &hint, "invalid_request"),
        ("id_token_hint", "evil", "invalid_request"),
        ("id_token_hint", "eyJ.eyJ.sig", "invalid_request"),
        ("request", "eyJ.eyJ.sig", "invalid_request_object"),
        ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
        ("dpop_jkt", "x", "invalid_request"),
        ("request_uri", "https://evil.example/r", "invalid_request_uri"),
        ("registration", "{}", "registration_not_supported"),
    ];
    for (name, value, error) in cases {
        let mut browser = house.browser();
        let page = browser.fetch(&portal.request(&[(name, value)])).await;
        page.is(303);
        let location = page.location().unwrap();
        assert!(location.starts_with("https://portal-a.example/callback?"), "{name}={value}: {location}");
        let answer = page.answer();
        assert_eq!(answer["error"], error, "{name}={value}: {location}");
        assert_eq!((answer["state"].as_str(), answer["iss"].as_str()), ("s-1", ORIGIN), "{name}={value}");
        assert!(!answer.contains_key("code") && browser.jar.is_empty());
        assert!(!location.contains("evil"), "{name}={value}: {location}");
    }
    // A state beyond its length cannot go back whole, so none does.
    let page = house.browser().fetch(&portal.request(&[("state", &state)])).await;
    assert_eq!(page.answer()["error"], "invalid_request");
    assert!(!page.answer().contains_key("state"));
}

#[tokio::test]
async fn c3_errors_take_the_form_post_way_when_it_was_asked_for() {
    let (house, portal) = two().await;
    let over = [("response_mode", "form_post"), ("prompt", "none"), ("state", "<script>&\"x")];
    let page = house.browser().fetch(&portal.request(&over)).await;
    page.is(200)
        .has("action=\"https://portal-a.example/callback\"")
        .has("value=\"login_required\"")
        .has("name=\"iss\"");
    page.lacks("<script>&");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://portal-a.example"), "{policy}");
    assert!(!policy.contains("unsafe"));
}

#[tokio::test]
async fn h5_a_grant_that_was_not_registered_gives_nothing() {
    let house = House::new().await;
    let few = json!({ "grant_types": ["authorization_code"], "scope": "openid" });
    let portal = Portal::with(&house, "machine", few).await;
    let (status, body) = portal.call(&house, "/token", &[("grant_type", "client_credentials")]).await;
    assert_eq!((status, &body["error"]), (400, &json!("unauthorized_client")), "{body}");
    let (status, body) = portal.refresh(&house, &json!("x"), None).await;
    assert_eq!(status, 400, "{body}");
    let (status, body) =
        portal.call(&house, "/token", &[("grant_type", "password"), ("username", "a"), ("password", "b")]).await;
    assert_eq!((status, &body["error"]), (400, &json!("unsupported_grant_type")), "{body}");
}

#[tokio::test]
async fn j2_only_our_own_host_is_answered() {
    let (house, portal) = two().await;
    for path in [portal.request(&[]), "/.well-known/openid-configuration".to_owned(), "/signin".to_owned()] {
        let page = house.browser().at_host("evil.example", &path).await;
        page.is(421);
        assert!(!page.body.contains("evil") && page.location().is_none());
    }
}
