//! The portal against a provider that lies on demand.

mod provider;

use super::*;
use crate::base::{FrozenClock, Timestamp};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use provider::{Lie, Provider};
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;
use tower::ServiceExt;

const CLIENT_ID: &str = "cong-thu";
const SECRET: &str = "a secret with / and + in it";

/// A browser with one cookie jar, in front of one portal.
struct Browser {
    portal: Router,
    cookies: HashMap<String, String>,
}

struct Answer {
    status: StatusCode,
    location: Option<Url>,
    body: String,
    set_cookies: Vec<String>,
}

impl Browser {
    fn new(portal: &Router) -> Self {
        Self { portal: portal.clone(), cookies: HashMap::new() }
    }

    async fn send(&mut self, method: &str, path: &str, form: Option<&str>) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().method(method).uri(path).header(header::COOKIE, cookies.join("; "));
        if form.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Body::from(form.unwrap_or_default().to_owned())).unwrap();
        let answer = self.portal.clone().oneshot(request).await.unwrap();
        let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
        let set_cookies: Vec<String> = answer.headers().get_all(header::SET_COOKIE).iter().map(text).collect();
        for cookie in &set_cookies {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let here = Url::parse("http://portal.test/").unwrap();
        let location = answer.headers().get(header::LOCATION).map(|to| here.join(to.to_str().unwrap()).unwrap());
        let status = answer.status();
        let body = String::from_utf8(to_bytes(answer.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
        Answer { status, location, body, set_cookies }
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    /// Presses a sign-in button and lets the provider answer; gives the callback's path.
    async fn go_and_return(&mut self, provider: &Provider, level: &str) -> String {
        let answer = self.get(&format!("/login?level={level}&lang=vi")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        provider.authorize(&answer.location.unwrap())
    }

    async fn sign_in(&mut self, provider: &Provider, level: &str) -> Answer {
        let back = self.go_and_return(provider, level).await;
        self.get(&back).await
    }

    async fn me(&mut self) -> Option<Value> {
        let answer = self.get("/me").await;
        (answer.status == StatusCode::OK).then(|| serde_json::from_str(&answer.body).unwrap())
    }

    async fn backchannel(&mut self, token: &str) -> StatusCode {
        self.send("POST", "/backchannel-logout", Some(&format!("logout_token={token}"))).await.status
    }
}

fn settings(issuer: &str) -> PortalSettings {
    PortalSettings {
        name_vi: "Cổng <thử>".into(),
        name_en: "Test portal".into(),
        issuer: Url::parse(issuer).unwrap(),
        client_id: CLIENT_ID.into(),
        client_secret: SECRET.into(),
        base_url: Url::parse("http://portal.test/").unwrap(),
        token_auth: TokenAuth::ClientSecretBasic,
        scopes: vec!["profile".into()],
        id_token_alg: IdTokenAlg::Es256,
        what_happened_base: Some(Url::parse(&format!("{issuer}/test/what-happened")).unwrap()),
        brand: PortalBrand::Green,
        neighbour: None,
    }
}

async fn bench() -> (Provider, Router) {
    let provider = Provider::start().await;
    let portal = router(settings(&provider.issuer));
    (provider, portal)
}

/// The callback answered with `code`, and nobody is signed in.
async fn assert_refused(browser: &mut Browser, answer: &Answer, code: &str) {
    assert!(answer.body.contains(code), "expected {code} in {}", answer.body);
    assert!(answer.status.is_client_error() || answer.status.is_server_error());
    assert!(browser.me().await.is_none(), "a refused answer opened a session");
}

#[tokio::test]
async fn a_person_signs_in_and_sees_level_claims_and_tokens() {
    let (provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    assert!(browser.me().await.is_none());
    let answer = browser.sign_in(&provider, "2").await;
    assert_eq!((answer.status, answer.location.unwrap().path()), (StatusCode::SEE_OTHER, "/"));

    let me = browser.me().await.unwrap();
    assert_eq!(me["sub"], "subject-1");
    assert_eq!(me["acr"], "urn:dinhdanh:acr:2");
    assert_eq!(me["amr"], serde_json::json!(["pop", "user"]));
    assert_eq!((&me["identity_level"], &me["authentication_level"]), (&Value::from(2), &Value::from(2)));
    assert_eq!(me["sid"], "sid-1");
    assert_eq!(me["claims"]["name"], "Nguyễn Thị Hoa");
    assert_eq!(me["claims"]["birthdate"], "1988");
    assert!(me["auth_time"].is_i64());

    let home = browser.get("/sample").await.body;
    assert!(home.contains(&format!("{}/test/what-happened/grant-1", provider.issuer)));
    assert!(home.contains("Nguyễn Thị Hoa") || home.contains("subject-1"));
    assert!(!home.contains("<thử>"), "a name reached the page unescaped");
}

#[tokio::test]
async fn the_request_carries_pkce_nonce_state_and_an_essential_acr() {
    let (_provider, portal) = bench().await;
    let ask = async |level: &str| {
        let to = Browser::new(&portal).get(&format!("/login?level={level}&lang=en")).await.location.unwrap();
        to.query_pairs().into_owned().collect::<HashMap<String, String>>()
    };
    let two = ask("2").await;
    assert_eq!(two["code_challenge_method"], "S256");
    assert_eq!(two["ui_locales"], "en");
    assert_eq!(two["redirect_uri"], "http://portal.test/callback");
    assert_eq!((two["state"].len(), two["nonce"].len()), (43, 43));
    let claims: Value = serde_json::from_str(&two["claims"]).unwrap();
    assert_eq!(claims["id_token"]["acr"]["essential"], true);
    assert_eq!(claims["id_token"]["acr"]["values"][0], "urn:dinhdanh:acr:2");

    let account: Value = serde_json::from_str(&ask("account2").await["claims"]).unwrap();
    assert_eq!(account["id_token"]["acr"]["values"][0], "http://eidas.europa.eu/LoA/substantial");
    assert_eq!(ask("again").await["prompt"], "login");
    assert_eq!(ask("silent").await["prompt"], "none");
    assert_eq!(ask("age0").await["max_age"], "0");
    assert_eq!(Browser::new(&portal).get("/login?level=9").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn d1_a_missing_foreign_or_used_state_is_refused() {
    let (provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    let back = browser.go_and_return(&provider, "1").await;

    let wrong = browser.get(&back.replace("state=", "state=x")).await;
    assert_refused(&mut browser, &wrong, "state_mismatch").await;
    let missing = browser.get(&back.replace("state=", "sta=")).await;
    assert_refused(&mut browser, &missing, "state_mismatch").await;

    let mut stranger = Browser::new(&portal);
    let foreign = stranger.get(&back).await;
    assert_refused(&mut stranger, &foreign, "state_mismatch").await;
    stranger.get("/login?level=1").await;
    let foreign = stranger.get(&back).await;
    assert_refused(&mut stranger, &foreign, "state_mismatch").await;

    assert_eq!(browser.get(&back).await.status, StatusCode::SEE_OTHER, "a stranger's try must not break the sign-in");
    let mut copy = Browser { portal: portal.clone(), cookies: browser.cookies.clone() };
    copy.cookies.retain(|name, _| name.ends_with("-flow"));
    let again = copy.get(&back).await;
    assert_refused(&mut copy, &again, "state_mismatch").await;
}

#[tokio::test]
async fn d1_an_answer_of_another_issuer_is_refused() {
    let (provider, portal) = bench().await;
    for forged in ["", "&iss=https%3A%2F%2Fevil.example", "&iss="] {
        let mut browser = Browser::new(&portal);
        let back = browser.go_and_return(&provider, "1").await;
        let without = back.split("&iss=").next().unwrap();
        let answer = browser.get(&format!("{without}{forged}")).await;
        assert_refused(&mut browser, &answer, "issuer_mismatch").await;
    }
}

#[tokio::test]
async fn d1_every_lie_in_an_id_token_is_refused() {
    let (provider, portal) = bench().await;
    for lie in [
        Lie::Nonce,
        Lie::NoNonce,
        Lie::Issuer,
        Lie::Audience,
        Lie::Expired,
        Lie::AccessTokenHash,
        Lie::AlgNone,
        Lie::Hs256WithThePublicKey,
        Lie::AnotherKey,
        Lie::NoIdToken,
    ] {
        provider.lie(Some(lie));
        let mut browser = Browser::new(&portal);
        let answer = browser.sign_in(&provider, "1").await;
        assert!(answer.body.contains("id_token_refused"), "{lie:?} gave {} {}", answer.status, answer.body);
        assert!(browser.me().await.is_none(), "{lie:?} opened a session");
    }
    provider.lie(None);
    let mut browser = Browser::new(&portal);
    browser.sign_in(&provider, "1").await;
    assert!(browser.me().await.is_some(), "the truth must still be believed");
}

#[tokio::test]
async fn less_than_was_asked_for_is_refused() {
    let (provider, portal) = bench().await;
    for (lie, level) in
        [(Lie::LowerLevel, "2"), (Lie::LowerLevel, "account2"), (Lie::OldSignIn, "again"), (Lie::OldSignIn, "age0")]
    {
        provider.lie(Some(lie));
        let mut browser = Browser::new(&portal);
        let answer = browser.sign_in(&provider, level).await;
        assert_refused(&mut browser, &answer, "less_than_asked").await;
    }
    provider.lie(Some(Lie::OldSignIn));
    let mut browser = Browser::new(&portal);
    browser.sign_in(&provider, "1").await;
    assert!(browser.me().await.is_some(), "an old sign-in is fine when no fresh one was asked for");
}

#[tokio::test]
async fn userinfo_about_someone_else_is_refused() {
    let (provider, portal) = bench().await;
    provider.lie(Some(Lie::UserinfoSubject));
    let mut browser = Browser::new(&portal);
    let answer = browser.sign_in(&provider, "1").await;
    assert_refused(&mut browser, &answer, "userinfo_refused").await;
}

#[tokio::test]
async fn the_code_of_an_error_is_shown_and_escaped() {
    let (_provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    let to = browser.get("/login?level=3").await.location.unwrap();
    let (_, state) = to.query_pairs().find(|(name, _)| name == "state").unwrap();
    let iss = format!("{}://{}", to.scheme(), &to[url::Position::BeforeHost..url::Position::AfterPort]);
    let path =
        format!("/callback?error=unmet_authentication_requirements&error_description=%3Cb%3E&state={state}&iss={iss}");
    let answer = browser.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("unmet_authentication_requirements"));
    assert!(!answer.body.contains("<b>"));
    assert!(browser.me().await.is_none());

    let twice = browser.get(&path).await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);
    assert!(twice.body.contains("state_mismatch"));
}

#[tokio::test]
async fn a_repeated_parameter_is_refused() {
    let (provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    let back = browser.go_and_return(&provider, "1").await;
    let answer = browser.get(&format!("{back}&code=other")).await;
    assert_refused(&mut browser, &answer, "malformed_response").await;
}

#[tokio::test]
async fn d3_a_sign_in_changes_the_session_and_ends_the_old_one() {
    let (provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    browser.sign_in(&provider, "1").await;
    let before = browser.cookies.clone();
    browser.sign_in(&provider, "2").await;
    let name = format!("__Host-portal-{CLIENT_ID}");
    assert_ne!(before[&name], browser.cookies[&name]);
    let mut old = Browser { portal, cookies: before };
    assert!(old.me().await.is_none());
}

#[tokio::test]
async fn d8_cookies_are_host_bound_secure_and_not_readable_by_scripts() {
    let (provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    let mut seen = browser.get("/login?level=1").await.set_cookies;
    seen.extend(browser.sign_in(&provider, "1").await.set_cookies);
    assert!(seen.len() >= 2);
    for cookie in seen {
        assert!(cookie.starts_with("__Host-portal-cong-thu"), "{cookie}");
        for part in ["; HttpOnly", "; Secure", "; SameSite=Lax", "; Path=/"] {
            assert!(cookie.contains(part), "{part} is missing in {cookie}");
        }
        assert!(!cookie.contains("Domain="));
    }
}

/// Presses the sign-out button of the page.
async fn press_sign_out(browser: &mut Browser) -> Answer {
    let page = browser.get("/").await.body;
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    browser.send("POST", "/logout", Some(&format!("csrf={csrf}"))).await
}

#[tokio::test]
async fn signing_out_ends_the_session_and_asks_the_provider() {
    let (provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    browser.sign_in(&provider, "1").await;
    let to = press_sign_out(&mut browser).await.location.unwrap();
    assert!(browser.me().await.is_none());
    assert_eq!(to.path(), "/logout");
    let query: HashMap<String, String> = to.query_pairs().into_owned().collect();
    assert_eq!(query["post_logout_redirect_uri"], "http://portal.test/signed-out");
    assert_eq!(query["id_token_hint"].split('.').count(), 3);

    let back = format!("/signed-out?state={}", query["state"]);
    let foreign = Browser::new(&portal).get(&back).await;
    assert!(foreign.status == StatusCode::BAD_REQUEST && foreign.body.contains("state_mismatch"));
    for _ in 0..2 {
        assert_eq!(browser.get(&back).await.status, StatusCode::OK);
    }
    browser.sign_in(&provider, "1").await;
    let early = browser.get("/signed-out").await;
    assert_eq!(early.status, StatusCode::SEE_OTHER, "someone signed in must not be told otherwise");
}

#[tokio::test]
async fn a_sign_out_from_elsewhere_is_refused() {
    let (provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    browser.sign_in(&provider, "1").await;
    let mut other = Browser::new(&portal);
    other.sign_in(&provider, "1").await;
    let theirs = other.get("/").await.body;
    let theirs = theirs.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for form in ["", "csrf=", "csrf=x", &format!("csrf={theirs}")] {
        assert_eq!(browser.send("POST", "/logout", Some(form)).await.status, StatusCode::BAD_REQUEST);
        assert!(browser.me().await.is_some());
    }
}

#[tokio::test]
async fn pages_speak_the_language_asked_for_and_keep_it() {
    let (_provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    assert!(browser.get("/").await.body.contains("<html lang=\"vi\""));
    assert!(browser.get("/?lang=en").await.body.contains("<html lang=\"en\""));
    let home = browser.get("/").await.body;
    assert!(home.contains("<html lang=\"en\"") && home.contains("Test portal"));
    let to = browser.get("/login?want=level1").await.location.unwrap();
    assert!(to.query_pairs().any(|(name, value)| name == "ui_locales" && value == "en"));
}

#[tokio::test]
async fn every_style_sheet_a_page_names_is_served() {
    let (_provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    let home = browser.get("/").await.body;
    let named: Vec<&str> = home.split("href=\"/assets/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(named.len() >= 2, "{home}");
    for path in named {
        assert_eq!(browser.get(&format!("/assets/{path}")).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(browser.get("/assets/../Cargo.toml").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_logout_token_ends_the_session_it_names() {
    let (provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    browser.sign_in(&provider, "1").await;

    let other = provider.logout_token(|claims, _| claims["sid"] = "sid-2".into());
    assert_eq!(browser.backchannel(&other).await, StatusCode::OK);
    assert!(browser.me().await.is_some(), "another session's logout must not end this one");

    let mine = provider.logout_token(|_, _| ());
    assert_eq!(browser.backchannel(&mine).await, StatusCode::OK);
    assert!(browser.me().await.is_none());
    let events: Value = serde_json::from_str(&browser.get("/events").await.body).unwrap();
    assert_eq!((&events["count"], &events["events"][1]["ended"]), (&Value::from(2), &Value::from(1)));

    browser.sign_in(&provider, "1").await;
    let by_subject = provider.logout_token(|claims, _| {
        claims.as_object_mut().unwrap().remove("sid");
    });
    assert_eq!(browser.backchannel(&by_subject).await, StatusCode::OK);
    assert!(browser.me().await.is_none());
}

#[tokio::test]
async fn i1_a_replayed_logout_token_is_refused() {
    let (provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    let token = provider.logout_token(|_, _| ());
    assert_eq!(browser.backchannel(&token).await, StatusCode::OK);
    browser.sign_in(&provider, "1").await;
    assert_eq!(browser.backchannel(&token).await, StatusCode::BAD_REQUEST);
    assert!(browser.me().await.is_some(), "a replay must not end a session");
}

#[tokio::test]
async fn i1_every_forged_logout_token_is_refused_and_the_session_lives() {
    let (provider, portal) = bench().await;
    let mut browser = Browser::new(&portal);
    browser.sign_in(&provider, "1").await;
    let far = 3600;
    let forged = [
        ("alg none", provider.unsigned_logout_token()),
        ("another key", provider.forged_logout_token()),
        ("typ JWT", provider.logout_token(|_, header| header.typ = Some("JWT".into()))),
        ("no typ", provider.logout_token(|_, header| header.typ = None)),
        ("unknown kid", provider.logout_token(|_, header| header.kid = Some("other".into()))),
        ("nonce", provider.logout_token(|claims, _| claims["nonce"] = "n".into())),
        ("no events", provider.logout_token(|claims, _| claims["events"] = serde_json::json!({}))),
        ("events as text", provider.logout_token(|claims, _| claims["events"] = "logout".into())),
        ("other aud", provider.logout_token(|claims, _| claims["aud"] = "other".into())),
        ("other iss", provider.logout_token(|claims, _| claims["iss"] = "https://evil.example".into())),
        ("old iat", provider.logout_token(|claims, _| claims["iat"] = (claims["iat"].as_i64().unwrap() - far).into())),
        (
            "future iat",
            provider.logout_token(|claims, _| claims["iat"] = (claims["iat"].as_i64().unwrap() + far).into()),
        ),
        ("expired", provider.logout_token(|claims, _| claims["exp"] = (claims["iat"].as_i64().unwrap() - far).into())),
        ("exp as text", provider.logout_token(|claims, _| claims["exp"] = "9999999999".into())),
        (
            "nobody",
            provider.logout_token(|claims, _| {
                claims.as_object_mut().unwrap().remove("sid");
                claims.as_object_mut().unwrap().remove("sub");
            }),
        ),
        (
            "no jti",
            provider.logout_token(|claims, _| {
                claims.as_object_mut().unwrap().remove("jti");
            }),
        ),
        ("long jti", provider.logout_token(|claims, _| claims["jti"] = "x".repeat(129).into())),
        ("not a token", "x.y".into()),
        ("empty", String::new()),
    ];
    for (name, token) in forged {
        assert_eq!(browser.backchannel(&token).await, StatusCode::BAD_REQUEST, "{name}");
        assert!(browser.me().await.is_some(), "{name} ended the session");
    }
    assert_eq!(browser.send("POST", "/backchannel-logout", Some("")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_renewed_signing_key_is_found() {
    let (provider, _) = bench().await;
    let clock = Arc::new(FrozenClock::at(SystemClock.now()));
    let portal = router_of(Arc::new(Portal::new(settings(&provider.issuer), Arc::clone(&clock) as Arc<dyn Clock>)));
    let mut browser = Browser::new(&portal);
    browser.sign_in(&provider, "1").await;
    provider.rotate();
    clock.advance(Duration::from_secs(6));
    let answer = browser.sign_in(&provider, "1").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}

#[tokio::test]
async fn an_unreachable_provider_is_said_so() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let answer = Browser::new(&router(settings(&issuer))).get("/login?level=1").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.body.contains("provider_unreachable"));
}

#[tokio::test]
async fn i13_flows_under_way_are_bounded_and_end() {
    let mut store = store::Store::default();
    let flow = |at| store::Flow {
        browser: "b".into(),
        nonce: openidconnect::Nonce::new("n".into()),
        verifier: openidconnect::PkceCodeVerifier::new("v".repeat(43)),
        ask: ask::Ask::Again,
        locale: crate::view::Locale::Vi,
        begun_at: Timestamp::from_seconds(at),
    };
    store.begin("old".into(), flow(0));
    store.begin("new".into(), flow(1));
    let half_an_hour_later = Timestamp::from_seconds(1800);
    assert!(store.take("old", "b", half_an_hour_later).is_none());
    assert!(store.take("new", "b", half_an_hour_later).is_some());
}

#[tokio::test]
async fn serving_ends_when_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let served = tokio::spawn(serve(listener, settings("http://127.0.0.1:1"), shutdown));
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    assert_eq!(client.get(format!("http://{address}/")).send().await.unwrap().status(), 200);
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
}
