//! CIBA: a portal asks, the person answers on their account page, the portal is told or asks again.

use crate::device::error;
use crate::kit::{Browser, HOA, House, Key, MINH, Page, Portal, minutes, seconds};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use dinhdanh::base::{Clock, random_token};
use dinhdanh::identity::PersonStatus;
use dinhdanh::store;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What a portal heard: the bearer token and the body of each notice.
type Heard = Arc<Mutex<Vec<(String, Value)>>>;

pub const CIBA: &str = "urn:openid:params:grant-type:ciba";

pub async fn bank(house: &House, over: Value) -> Portal {
    named(house, "bank", over).await
}

async fn named(house: &House, name: &'static str, over: Value) -> Portal {
    let mut metadata = json!({
        "grant_types": ["authorization_code", "refresh_token", CIBA],
        "backchannel_token_delivery_mode": "poll",
        "scope": "openid profile levels offline_access",
    });
    for (name, value) in over.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    Portal::with(house, name, metadata).await
}

pub async fn ask(house: &House, bank: &Portal, more: &[(&str, &str)]) -> (u16, Value) {
    let mut fields = vec![("scope", "openid"), ("binding_message", "GD-4711")];
    fields.extend_from_slice(more);
    bank.call(house, "/backchannel_authentication", &fields).await
}

pub async fn asked(house: &House, bank: &Portal) -> Value {
    let (status, answer) = ask(house, bank, &[("login_hint", HOA.number)]).await;
    assert_eq!(status, 200, "{answer}");
    // Before any code that is sent later.
    house.deliver().await;
    answer
}

pub async fn poll(house: &House, portal: &Portal, auth_req_id: &Value) -> (u16, Value) {
    let fields = [("grant_type", CIBA), ("auth_req_id", auth_req_id.as_str().unwrap())];
    portal.call(house, "/token", &fields).await
}

/// The person's list of requests.
async fn list(house: &House, browser: &mut Browser) -> Page {
    let page = browser.open("/account/requests").await;
    if page.path.ends_with("/account/requests") {
        return page;
    }
    house.sign_in(browser, &page, &HOA).await
}

/// Answers the newest request: up to the decision.
async fn at_decision(house: &House, browser: &mut Browser) -> Page {
    let page = list(house, browser).await;
    page.at("/account/requests").has("GD-4711").has("Portal bank");
    let (action, _) = page.body.split("action=\"/account/requests/").nth(1).unwrap().split_once('"').unwrap();
    let page = browser.submit(&page, action, &[("action", "answer")]).await;
    page.at("/asked").has("GD-4711").has("Portal bank");
    let page = browser.submit(&page, "/asked", &[("answer", "no")]).await;
    let page = if page.path.ends_with("/continue") {
        browser.submit(&page, "/continue", &[("action", "continue")]).await
    } else {
        page
    };
    page.at("/decide").has("GD-4711");
    page
}

pub async fn allow(house: &House, browser: &mut Browser) -> Page {
    let page = at_decision(house, browser).await;
    browser.submit(&page, "/decide", &[("action", "allow")]).await
}

#[tokio::test]
async fn a_person_answers_what_a_portal_asks() {
    let house = House::new().await;
    house.with(&HOA).await;
    let bank = bank(&house, json!({})).await;
    let request = asked(&house, &bank).await;
    assert_eq!((&request["expires_in"], &request["interval"]), (&json!(300), &json!(5)));
    let texts = house.texts_to(HOA.phone).await;
    assert!(texts.len() == 1 && texts[0].contains("Portal bank") && !texts[0].contains("http"), "{texts:?}");
    assert_eq!(error(&poll(&house, &bank, &request["auth_req_id"]).await), "authorization_pending");
    assert_eq!(error(&poll(&house, &bank, &request["auth_req_id"]).await), "slow_down");

    let mut browser = house.browser();
    allow(&house, &mut browser).await.at("/account/requests?done=request-allowed").has("Allowed");
    let (status, tokens) = poll(&house, &bank, &request["auth_req_id"]).await;
    assert_eq!(status, 200, "{tokens}");
    let claims = crate::kit::claims_of(&tokens["id_token"]);
    assert_eq!(claims["urn:openid:params:jwt:claim:auth_req_id"], request["auth_req_id"]);
    assert!(claims.get("acr").is_some() && claims.get("auth_time").is_some());
    assert!(bank.is_active(&house, &tokens["access_token"]).await);

    assert_eq!(error(&poll(&house, &bank, &request["auth_req_id"]).await), "invalid_grant", "once");
    assert!(!bank.is_active(&house, &tokens["access_token"]).await, "the family lives on");
    list(&house, &mut browser).await.has("No requests");
}

#[tokio::test]
async fn the_approval_is_freshly_authenticated() {
    let house = House::new().await;
    house.with(&HOA).await;
    let bank = bank(&house, json!({})).await;
    let mut browser = house.browser();
    list(&house, &mut browser).await.has("No requests");
    house.after(minutes(6));
    let request = asked(&house, &bank).await;
    let page = browser.open("/account/requests").await;
    page.at("/account/requests");
    let (action, _) = page.body.split("action=\"/account/requests/").nth(1).unwrap().split_once('"').unwrap();
    let page = browser.submit(&page, action, &[("action", "answer")]).await;
    let page = browser.submit(&page, "/asked", &[("answer", "no")]).await;
    page.asks_who();
    let page = house.sign_in(&mut browser, &page, &HOA).await;
    browser.submit(&page, "/decide", &[("action", "allow")]).await.has("Allowed");
    assert_eq!(poll(&house, &bank, &request["auth_req_id"]).await.0, 200);
}

#[tokio::test]
async fn only_the_one_who_was_asked_sees_and_answers() {
    let house = House::new().await;
    house.with(&HOA).await;
    house.with(&MINH).await;
    let bank = bank(&house, json!({})).await;
    let request = asked(&house, &bank).await;
    let mut minh = house.browser();
    let page = minh.open("/signin").await;
    house.sign_in(&mut minh, &page, &MINH).await.at("/account");
    let page = minh.open("/account/requests").await;
    page.has("No requests").lacks("GD-4711");
    // Even with its id.
    let id: String = {
        let mut hoa = house.browser();
        let page = list(&house, &mut hoa).await;
        page.body.split("action=\"/account/requests/").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let account = minh.open("/account").await;
    for action in ["answer", "refuse"] {
        minh.press(&account, &format!("/account/requests/{id}"), &[("action", action)]).await.has("ran out");
    }
    assert_eq!(error(&poll(&house, &bank, &request["auth_req_id"]).await), "authorization_pending");
    house.after(minutes(1));
    // In Hòa's flow, somebody else's sign-in decides nothing.
    let mut browser = house.browser();
    let page = list(&house, &mut browser).await;
    let page = browser.submit(&page, &id, &[("action", "answer")]).await;
    house.after(minutes(6));
    let request = asked(&house, &bank).await;
    let page = browser.submit(&page, "/asked", &[("answer", "no")]).await;
    let page = house.sign_in(&mut browser, &page, &MINH).await;
    page.lacks("GD-4711");
    assert_eq!(error(&poll(&house, &bank, &request["auth_req_id"]).await), "authorization_pending");
}

#[tokio::test]
async fn refused_from_the_list_or_told_to_by_a_caller() {
    let house = House::new().await;
    house.with(&HOA).await;
    let bank = bank(&house, json!({})).await;
    let mut browser = house.browser();
    let request = asked(&house, &bank).await;
    let page = list(&house, &mut browser).await;
    let id = page.body.split("action=\"/account/requests/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    browser.submit(&page, &id, &[("action", "refuse")]).await.has("Refused");
    assert_eq!(error(&poll(&house, &bank, &request["auth_req_id"]).await), "access_denied");
    let request = asked(&house, &bank).await;
    let page = list(&house, &mut browser).await;
    let id = page.body.split("action=\"/account/requests/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = browser.submit(&page, &id, &[("action", "answer")]).await;
    browser.submit(&page, "/asked", &[("answer", "yes")]).await.has("Hang up");
    assert_eq!(error(&poll(&house, &bank, &request["auth_req_id"]).await), "access_denied");
    let page = browser.open("/account/activity").await;
    page.has("Portal bank asked for your approval").has("Refused what Portal bank asked");
}

/// N1: whoever holds a list of numbers learns from no answer, status or member who is known here.
#[tokio::test]
async fn n1_numbers_and_phones_are_always_taken() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let bank = bank(&house, json!({})).await;
    let shape = |(status, answer): &(u16, Value)| {
        let names: Vec<String> = answer.as_object().unwrap().keys().cloned().collect();
        (*status, names, answer["expires_in"].clone(), answer["auth_req_id"].as_str().map(str::len))
    };
    let known = shape(&ask(&house, &bank, &[("login_hint", HOA.number)]).await);
    assert_eq!(known.0, 200);
    for hint in [MINH.number, HOA.phone, MINH.phone, "0912999999"] {
        assert_eq!(shape(&ask(&house, &bank, &[("login_hint", hint)]).await), known, "{hint}");
    }
    let now = house.clock.now();
    let mut tx = house.services.db.begin().await.unwrap();
    store::person::update_status(&mut tx, who, PersonStatus::Locked, Some("test"), now).await.unwrap();
    tx.commit().await.unwrap();
    let locked = ask(&house, &bank, &[("login_hint", HOA.number)]).await;
    assert_eq!(shape(&locked), known, "locked");
    // Nobody hears of it, and it runs out like any other.
    assert_eq!(error(&poll(&house, &bank, &locked.1["auth_req_id"]).await), "authorization_pending");
    house.after(minutes(5));
    assert_eq!(error(&poll(&house, &bank, &locked.1["auth_req_id"]).await), "expired_token");
}

#[tokio::test]
async fn hints_that_came_from_us_name_who_they_name() {
    let house = House::new().await;
    house.with(&HOA).await;
    let bank = bank(&house, json!({})).await;
    let other = Portal::new(&house, "other").await;
    let mut browser = house.browser();
    let page = bank.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    let tokens = bank.tokens(&house, &answer).await;
    let subject = crate::kit::claims_of(&tokens["id_token"])["sub"].as_str().unwrap().to_owned();
    let id_token = tokens["id_token"].as_str().unwrap();
    for hint in [("login_hint", subject.as_str()), ("id_token_hint", id_token)] {
        let (status, answer) = ask(&house, &bank, &[hint]).await;
        assert_eq!(status, 200, "{answer}");
    }
    let page = browser.open("/account/requests").await;
    assert_eq!(page.body.matches("action=\"/account/requests/").count(), 2);
    // Another client's names and tokens are no hint.
    let page = other.ask(&mut browser, &[]).await;
    let page = browser.submit(&page, "/continue", &[("action", "continue")]).await;
    let foreign = other.tokens(&house, &page).await;
    let foreign_subject = crate::kit::claims_of(&foreign["id_token"])["sub"].as_str().unwrap().to_owned();
    let answer = ask(&house, &bank, &[("login_hint", &foreign_subject)]).await;
    assert_eq!(error(&answer), "unknown_user_id");
    let answer = ask(&house, &bank, &[("id_token_hint", foreign["id_token"].as_str().unwrap())]).await;
    assert_eq!(error(&answer), "invalid_request");
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(error(&ask(&house, &bank, &[("id_token_hint", access)]).await), "invalid_request", "F13");
    assert_eq!(error(&ask(&house, &bank, &[("login_hint", "nobody")]).await), "unknown_user_id");
    assert_eq!(error(&ask(&house, &bank, &[]).await), "invalid_request");
    let both = [("login_hint", HOA.number), ("id_token_hint", id_token)];
    assert_eq!(error(&ask(&house, &bank, &both).await), "invalid_request");
    let message = [("login_hint", HOA.number), ("requested_expiry", "soon")];
    assert_eq!(error(&ask(&house, &bank, &message).await), "invalid_request");
}

#[tokio::test]
async fn b1_b2_an_auth_req_id_is_its_clients_and_opens_no_other_door() {
    let house = House::new().await;
    house.with(&HOA).await;
    let bank = bank(&house, json!({})).await;
    let other = Portal::with(
        &house,
        "other",
        json!({
            "grant_types": [CIBA], "backchannel_token_delivery_mode": "poll", "redirect_uris": [], "response_types": [],
            "post_logout_redirect_uris": [], "scope": "openid",
        }),
    )
    .await;
    let request = asked(&house, &bank).await;
    let id = request["auth_req_id"].as_str().unwrap();
    assert_eq!(error(&poll(&house, &other, &request["auth_req_id"]).await), "invalid_grant");
    allow(&house, &mut house.browser()).await;
    assert_eq!(error(&bank.redeem(&house, id).await), "invalid_grant");
    let as_device = [("grant_type", crate::device::DEVICE_CODE), ("device_code", id)];
    assert_eq!(error(&bank.call(&house, "/token", &as_device).await), "invalid_grant");
    assert_eq!(error(&bank.refresh(&house, &request["auth_req_id"], None).await), "invalid_grant");
    assert_eq!(error(&poll(&house, &other, &request["auth_req_id"]).await), "invalid_grant");
    assert_ne!(poll(&house, &bank, &request["auth_req_id"]).await.0, 200, "dead in wrong hands");
}

#[tokio::test]
async fn e9_locked_between_approval_and_redemption() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let bank = bank(&house, json!({})).await;
    let request = asked(&house, &bank).await;
    allow(&house, &mut house.browser()).await;
    let now = house.clock.now();
    let mut tx = house.services.db.begin().await.unwrap();
    store::person::update_status(&mut tx, who, PersonStatus::Locked, Some("test"), now).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(error(&poll(&house, &bank, &request["auth_req_id"]).await), "access_denied");
}

#[tokio::test]
async fn a_person_is_not_worn_down_by_messages() {
    let house = House::new().await;
    house.with(&HOA).await;
    let bank = bank(&house, json!({})).await;
    for _ in 0..8 {
        asked(&house, &bank).await;
        house.after(seconds(1));
    }
    let texts = house.texts_to(HOA.phone).await;
    assert_eq!(texts.len(), 1, "{texts:?}");
}

/// S2: a portal that asks again and again is told to wait, whoever the hint names, and hides no other portal's request.
#[tokio::test]
async fn s2_a_portal_cannot_fill_a_persons_list() {
    let house = House::new().await;
    house.with(&HOA).await;
    let quiet = bank(&house, json!({})).await;
    asked(&house, &quiet).await;
    house.after(seconds(1));
    let loud = named(&house, "loud", json!({})).await;
    for number in [HOA.number, MINH.number] {
        for _ in 0..120 {
            assert_eq!(ask(&house, &loud, &[("login_hint", number)]).await.0, 200);
        }
        let answer = ask(&house, &loud, &[("login_hint", number)]).await;
        assert_eq!(error(&answer), "temporarily_unavailable", "{answer:?}");
    }
    let mut browser = house.browser();
    let page = list(&house, &mut browser).await;
    assert_eq!(page.body.matches("GD-4711").count(), 5 + 1, "five of the loud one, and the quiet one's");
}

/// The switch of conformance runs: without it there is no such door.
#[tokio::test]
async fn the_approval_of_conformance_runs_is_shut() {
    let house = House::new().await;
    house.with(&HOA).await;
    let bank = bank(&house, json!({})).await;
    let request = asked(&house, &bank).await;
    let id = request["auth_req_id"].as_str().unwrap();
    house.browser().send("/test/ciba", &[("auth_req_id", id), ("action", "allow")]).await.is(404);
    assert_eq!(error(&poll(&house, &bank, &request["auth_req_id"]).await), "authorization_pending");

    let open = House::over(&[("conformance.ciba_approval", "true")]).await;
    open.with(&HOA).await;
    let bank = crate::ciba::bank(&open, json!({})).await;
    for (action, status) in [("allow", 200), ("deny", 400)] {
        let request = asked(&open, &bank).await;
        let id = request["auth_req_id"].as_str().unwrap();
        open.browser().send("/test/ciba", &[("auth_req_id", id), ("action", "other")]).await.is(400);
        open.browser().send("/test/ciba", &[("auth_req_id", id), ("action", action)]).await.is(200);
        assert_eq!(poll(&open, &bank, &request["auth_req_id"]).await.0, status, "{action}");
    }
    open.browser().send("/test/ciba", &[("auth_req_id", "nothing"), ("action", "allow")]).await.is(404);
}

/// A client's ear, on loopback: what it heard, with which bearer token.
async fn listening() -> (String, Arc<Mutex<Vec<(String, Value)>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/ping", listener.local_addr().unwrap().port());
    let heard: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let hear = async |State(heard): State<Heard>, headers: HeaderMap, body: String| {
        let bearer = headers.get("authorization").unwrap().to_str().unwrap().to_owned();
        heard.lock().unwrap().push((bearer, serde_json::from_str(&body).unwrap()));
        StatusCode::NO_CONTENT
    };
    let router = Router::new().route("/ping", post(hear)).with_state(heard.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, heard)
}

#[tokio::test]
async fn a_client_that_wants_pings_is_told_that_there_is_an_answer() {
    let house = House::new().await;
    house.with(&HOA).await;
    let (url, heard) = listening().await;
    let over = json!({ "backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": url });
    let bank = bank(&house, over).await;
    assert_eq!(
        error(&ask(&house, &bank, &[("login_hint", HOA.number)]).await),
        "invalid_request",
        "no token to ping with"
    );
    let fields = [("login_hint", HOA.number), ("client_notification_token", "ear-1")];
    let (status, request) = ask(&house, &bank, &fields).await;
    assert_eq!(status, 200, "{request}");
    house.deliver().await;
    assert!(heard.lock().unwrap().is_empty(), "nothing is decided");
    allow(&house, &mut house.browser()).await;
    house.deliver().await;
    let told = heard.lock().unwrap().clone();
    assert_eq!(told, [("Bearer ear-1".to_owned(), json!({ "auth_req_id": request["auth_req_id"] }))]);
    assert_eq!(poll(&house, &bank, &request["auth_req_id"]).await.0, 200);
    // Refused: told as well, and no more than that.
    house.after(minutes(1));
    let (_, request) = ask(&house, &bank, &fields).await;
    let mut browser = house.browser();
    let page = at_decision(&house, &mut browser).await;
    browser.submit(&page, "/decide", &[("action", "deny")]).await.has("Refused");
    house.deliver().await;
    assert_eq!(heard.lock().unwrap()[1].1, json!({ "auth_req_id": request["auth_req_id"] }));
    assert_eq!(error(&poll(&house, &bank, &request["auth_req_id"]).await), "access_denied");
}

/// FAPI-CIBA 5.2.2: nothing unsigned, nothing beside, nothing twice, and something to compare.
#[tokio::test]
async fn fapi_ciba_requests_are_signed() {
    let house = House::new().await;
    house.with(&HOA).await;
    let key = Key::new();
    let over = json!({
        "ciba_profile": true, "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key.jwk()] },
        "backchannel_authentication_request_signing_alg": "ES256", "grant_types": [CIBA], "redirect_uris": [],
        "response_types": [], "post_logout_redirect_uris": [], "scope": "openid profile",
    });
    bank(&house, over).await;
    let issuer = house.services.issuer().to_owned();
    let now = house.clock.now().seconds();
    let header = json!({ "alg": "ES256", "kid": key.jwk()["kid"] });
    let jti = || random_token(&*house.services.entropy);
    let send_to = async |path: &str, fields: &[(&str, &str)]| {
        let claims = json!({ "iss": "bank", "sub": "bank", "aud": issuer, "iat": now, "exp": now + 60, "jti": jti() });
        let assertion = key.sign(&header, &claims);
        let mut all = vec![
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        all.extend_from_slice(fields);
        let page = house.browser().send(path, &all).await;
        (page.status.as_u16(), serde_json::from_str::<Value>(&page.body).unwrap())
    };
    let send = async |fields: &[(&str, &str)]| send_to("/backchannel_authentication", fields).await;
    let good = || {
        json!({ "iss": "bank", "aud": issuer, "iat": now, "nbf": now, "exp": now + 300, "jti": jti(),
            "scope": "openid", "login_hint": HOA.number, "binding_message": "GD-4711" })
    };
    let signed = key.sign(&header, &good());
    let (status, answer) = send(&[("request", &signed)]).await;
    assert_eq!(status, 200, "{answer}");
    // FAPI 1.0 Advanced 5.2.2, on which it stands: no token without a proof of possession.
    let poll = [("grant_type", CIBA), ("auth_req_id", answer["auth_req_id"].as_str().unwrap())];
    assert_eq!(send_to("/token", &poll).await.1["error"], "invalid_dpop_proof", "a bearer token");
    assert_eq!(send(&[("request", &signed)]).await.1["error"], "invalid_request", "twice");
    let plain = [("scope", "openid"), ("login_hint", HOA.number), ("binding_message", "GD-4711")];
    assert_eq!(send(&plain).await.1["error"], "invalid_request", "unsigned");
    let other = Key::new();
    let forged = other.sign(&header, &good());
    assert_eq!(send(&[("request", &forged)]).await.1["error"], "invalid_request", "another key");
    let beside = key.sign(&header, &good());
    assert_eq!(send(&[("request", &beside), ("scope", "openid")]).await.1["error"], "invalid_request", "beside");
    for change in [
        json!({ "aud": "https://other.example" }),
        json!({ "iss": "clinic" }),
        json!({ "nbf": now + 120 }),
        json!({ "exp": now + 4000 }),
        json!({ "binding_message": "" }),
    ] {
        let mut claims = good();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let signed = key.sign(&header, &claims);
        assert_eq!(send(&[("request", &signed)]).await.1["error"], "invalid_request", "{change}");
    }
    // 8 s ahead is a clock, not an attack.
    let mut claims = good();
    claims["nbf"] = json!(now + 8);
    assert_eq!(send(&[("request", &key.sign(&header, &claims))]).await.0, 200);
}
