//! Back-channel logout: what portals are told, how often, and what is written down.

use crate::kit::{Browser, HOA, House, MINH, Portal, Reader, claims_of, part_of, seconds};
use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dinhdanh::base::Clock;
use dinhdanh::flow::demo;
use dinhdanh::flow::session::reference;
use dinhdanh::protocol::encryption::KeyManagement;
use dinhdanh::store;
use dinhdanh::store::outbox::{OutboxMessage, Outcome};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The portal's side, on loopback: what it received, and the status it answers.
#[derive(Clone)]
pub struct Ear {
    pub heard: Arc<Mutex<Vec<String>>>,
    status: Arc<Mutex<u16>>,
    pub url: String,
}

impl Ear {
    pub async fn answering(status: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}/backchannel", listener.local_addr().unwrap().port());
        let ear = Self { heard: Arc::default(), status: Arc::new(Mutex::new(status)), url };
        let hear = async |State(ear): State<Self>, Form(form): Form<HashMap<String, String>>| {
            assert_eq!(form.len(), 1);
            ear.heard.lock().unwrap().push(form["logout_token"].clone());
            StatusCode::from_u16(*ear.status.lock().unwrap()).unwrap()
        };
        let router = Router::new().route("/backchannel", post(hear)).with_state(ear.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        ear
    }

    pub fn times(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

/// Signed in at a portal that listens, then signed out everywhere.
pub async fn signed_out(ear: &Ear) -> (House, Value, Browser, OutboxMessage) {
    let house = House::new().await;
    house.with(&HOA).await;
    house.with(&MINH).await;
    let portal = Portal::with(&house, "portal-a", json!({ "backchannel_logout_uri": ear.url })).await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    let id = claims_of(&portal.tokens(&house, &answer).await["id_token"]);
    let who = house.person(&HOA).await.unwrap().id;
    let session = store::session::list_for(&house.services.db, who, house.clock.now()).await.unwrap()[0].id;
    let account = browser.open("/account").await;
    browser.press(&account, "/logout/all", &[]).await.is(200);
    let rows = store::outbox::list_by_reference(&house.services.db, &reference(session)).await.unwrap();
    assert_eq!(rows.len(), 1);
    let row = rows.into_iter().next().unwrap();
    (house, id, browser, row)
}

async fn state(house: &House, row: &OutboxMessage) -> OutboxMessage {
    let name = row.reference.as_deref().unwrap();
    store::outbox::list_by_reference(&house.services.db, name).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_logout_token_names_the_session_and_nothing_else() {
    let ear = Ear::answering(200).await;
    let (house, id, _, row) = signed_out(&ear).await;
    house.deliver().await;
    assert_eq!(ear.times(), 1);
    let token = ear.heard.lock().unwrap()[0].clone();
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!("ES256")));
    let claims = claims_of(&json!(token));
    assert_eq!((&claims["sub"], &claims["sid"], &claims["iss"]), (&id["sub"], &id["sid"], &id["iss"]));
    assert_eq!(claims["aud"], "portal-a");
    assert_eq!(claims["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
    let mut names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"]);
    // Told once, and written down.
    house.after(seconds(86_400));
    house.deliver().await;
    assert_eq!(ear.times(), 1);
    assert_eq!(state(&house, &row).await.outcome, Some(Outcome::Delivered));
    let record = store::delivery::list(&house.services.db, row.id).await.unwrap();
    assert_eq!(record.iter().map(|one| (one.ok, one.detail.as_str())).collect::<Vec<_>>(), [(true, "status 200")]);
    // F13: it is no access token and no hint of a person.
    let portal = Portal::new(&house, "portal-b").await;
    assert_eq!(portal.userinfo(&house, &json!(token)).await.0, 401);
}

#[tokio::test]
async fn a_portal_that_fails_is_asked_again_by_the_schedule() {
    let ear = Ear::answering(503).await;
    let (house, _, _, row) = signed_out(&ear).await;
    house.deliver().await;
    assert_eq!(ear.times(), 1);
    for (times, wait) in [1u64, 5, 30, 120, 600, 1800].into_iter().enumerate() {
        house.after(seconds(wait) - Duration::from_millis(1));
        house.deliver().await;
        assert_eq!(ear.times(), times + 1, "before {wait} s");
        house.after(Duration::from_millis(1));
        house.deliver().await;
        assert_eq!(ear.times(), times + 2, "after {wait} s");
    }
    *ear.status.lock().unwrap() = 204;
    house.after(seconds(3600));
    house.deliver().await;
    assert_eq!(state(&house, &row).await.outcome, Some(Outcome::Delivered));
    let record = store::delivery::list(&house.services.db, row.id).await.unwrap();
    assert_eq!(record.len(), 8);
    assert!(record[..7].iter().all(|one| !one.ok && one.detail == "status 503"));
    assert!(record[7].ok && record[7].detail == "status 204");
    let jtis: Vec<Value> = ear.heard.lock().unwrap().iter().map(|t| claims_of(&json!(t))["jti"].clone()).collect();
    assert!(jtis.iter().enumerate().all(|(place, jti)| !jtis[..place].contains(jti)), "each token is a new one");
}

#[tokio::test]
async fn a_portal_that_stays_away_is_given_up_after_a_day_and_the_person_is_told() {
    let ear = Ear::answering(500).await;
    let (house, _, mut browser, row) = signed_out(&ear).await;
    house.deliver().await;
    let portal = Portal::new(&house, "portal-b").await;
    // The page after signing out names who did not answer.
    house.after(crate::kit::minutes(2));
    let page = portal.ask(&mut browser, &[]).await;
    house.sign_in(&mut browser, &page, &HOA).await.code();
    for _ in 0..25 {
        house.after(seconds(3600));
        house.deliver().await;
    }
    let ended = state(&house, &row).await;
    assert_eq!((ended.outcome, ended.last_error.as_deref()), (Some(Outcome::GivenUp), Some("status 500")));
    let times = ear.times();
    house.after(seconds(86_400));
    house.deliver().await;
    assert_eq!(ear.times(), times);
    // They read it among what happened on their account.
    let page = portal.ask(&mut browser, &[("prompt", "login")]).await;
    house.sign_in(&mut browser, &page, &HOA).await.code();
    browser.open("/account/activity").await.has("could not be told that you signed out");
    // The portal reads its own record, and no other's.
    let secret = demo::client_secret_of(&house.services, "portal-a").unwrap().expose().to_owned();
    let own = Portal { id: "portal-a".to_owned(), secret, ..portal.clone() };
    let since = house.clock.now().minus(seconds(7 * 86_400)).seconds().to_string();
    let (status, told) = own.call(&house, "/logout/deliveries", &[("since", &since)]).await;
    assert_eq!((status, told["deliveries"].as_array().map(Vec::len)), (200, Some(1)), "{told}");
    assert_eq!(told["deliveries"][0]["outcome"], "given_up");
    assert!(told["deliveries"][0]["attempts"].as_u64().unwrap() > 7);
    for (portal, fields) in [(&own, &[][..]), (&portal, &[("since", since.as_str())])] {
        let (status, told) = portal.call(&house, "/logout/deliveries", fields).await;
        assert_eq!((status, &told["deliveries"]), (200, &json!([])), "{}: {told}", portal.id);
    }
    let (status, told) = own.call(&house, "/logout/deliveries", &[("since", "yesterday")]).await;
    assert_eq!((status, &told["error"]), (400, &json!("invalid_request")));
    let wrong = Portal { secret: "x".to_owned(), ..own };
    assert_eq!(wrong.call(&house, "/logout/deliveries", &[]).await.0, 401);
}

#[tokio::test]
async fn another_person_at_the_same_browser_signs_the_first_one_out_there() {
    let ear = Ear::answering(200).await;
    let house = House::new().await;
    house.with(&HOA).await;
    house.with(&MINH).await;
    let portal = Portal::with(&house, "portal-a", json!({ "backchannel_logout_uri": ear.url })).await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    let hoa = claims_of(&portal.tokens(&house, &answer).await["id_token"]);
    let page = portal.ask(&mut browser, &[("prompt", "login")]).await;
    house.sign_in(&mut browser, &page, &MINH).await.code();
    house.deliver().await;
    let heard = ear.heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 1);
    assert_eq!(claims_of(&json!(heard[0]))["sid"], hoa["sid"]);
}

#[tokio::test]
async fn g1_a_logout_address_inside_our_network_is_never_called() {
    let ear = Ear::answering(200).await;
    let (house, _, _, row) = signed_out(&ear).await;
    // Only what the client registers counts when the token is sent, and private addresses stay refused.
    let mut tx = house.services.db.begin().await.unwrap();
    tx.query("UPDATE client SET metadata = replace(metadata, '127.0.0.1', '10.0.0.1') WHERE client_id = 'portal-a'")
        .execute()
        .await
        .unwrap();
    tx.commit().await.unwrap();
    house.services.clients.forget("portal-a").await;
    house.deliver().await;
    assert_eq!(ear.times(), 0);
    let record = store::delivery::list(&house.services.db, row.id).await.unwrap();
    assert!(!record[0].ok && record[0].detail.starts_with("refused"), "{}", record[0].detail);
}

/// Back-Channel Logout 1.0 section 2.6: a portal whose ID tokens are encrypted refuses a logout token that is not.
#[tokio::test]
async fn a_logout_token_is_encrypted_as_the_id_tokens_of_its_portal() {
    let ear = Ear::answering(200).await;
    let reader = Reader::new(KeyManagement::EcdhEs);
    let house = House::new().await;
    house.with(&HOA).await;
    let metadata = json!({
        "backchannel_logout_uri": ear.url, "jwks": { "keys": [reader.jwk()] }, "id_token_encrypted_response_alg": "ECDH-ES",
    });
    let portal = Portal::with(&house, "portal-a", metadata).await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    let id = reader.open(portal.tokens(&house, &answer).await["id_token"].as_str().unwrap()).unwrap();
    let account = browser.open("/account").await;
    browser.press(&account, "/logout/all", &[]).await.is(200);
    house.deliver().await;
    let heard = ear.heard.lock().unwrap()[0].clone();
    let inside = reader.open(&heard).expect("encrypted to the portal");
    assert_eq!(part_of(&inside, 0)["typ"], "logout+jwt");
    assert_eq!(part_of(&inside, 1)["sid"], part_of(&id, 1)["sid"]);
}
