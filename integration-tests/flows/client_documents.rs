//! Clients known by the address of a document about them (draft-ietf-oauth-client-id-metadata-document).

use crate::kit::{Browser, HOA, House, Portal, WebSite, claims_of, days, minutes};
use dinhdanh::store;
use dinhdanh::store::client::ClientStatus;
use serde_json::{Value, json};

const KIND: &str = "application/json";

async fn house(site: &WebSite) -> House {
    let host = site.url.strip_prefix("http://").unwrap();
    let house =
        House::over(&[("provider.environment", "sandbox"), ("registration.metadata_document_hosts", host)]).await;
    house.with(&HOA).await;
    house
}

async fn stands() -> (House, WebSite) {
    let site = WebSite::start().await;
    (house(&site).await, site)
}

/// What this process remembers of clients is gone, so that the next question asks.
async fn forget(house: &House) {
    house.services.clients.forget("").await;
    house.services.client_documents.forget_looks();
}

/// A portal whose document lies at a path of the site.
fn put(site: &WebSite, path: &str, over: Value) -> Portal {
    let (id, redirect) = (format!("{}{path}", site.url), format!("{}/callback", site.url));
    let mut document = json!({ "client_id": id, "client_name": "Portal", "redirect_uris": [redirect] });
    document.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    site.put(path, KIND, document.to_string());
    Portal { id, secret: String::new(), redirect, scope: "openid" }
}

async fn is_unknown(house: &House, portal: &Portal) {
    house.browser().fetch(&portal.request(&[])).await.is(400).has("id=\"problem\"");
}

async fn tokens(house: &House, browser: &mut Browser, portal: &Portal) -> Value {
    let page = portal.ask(browser, &[]).await;
    page.has("127.0.0.1:");
    let answer = house.sign_in(browser, &page, &HOA).await;
    let mut fields =
        portal.redemption(&answer.code()).map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    fields.push(("client_id".to_owned(), portal.id.clone()));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = house.browser().send("/token", &fields).await;
    page.is(200);
    serde_json::from_str(&page.body).unwrap()
}

#[tokio::test]
async fn a_client_is_what_its_document_says() {
    let (house, site) = stands().await;
    let metadata = house.browser().fetch("/.well-known/openid-configuration").await;
    metadata.has("\"client_id_metadata_document_supported\":true");
    let portal = put(&site, "/client.json", json!({}));
    let mut browser = house.browser();
    let first = tokens(&house, &mut browser, &portal).await;
    let id = claims_of(&first["id_token"]);
    assert_eq!(id["aud"], portal.id.as_str());
    assert_eq!(site.asked("/client.json"), 1, "kept while it is fresh");
    // Another document of the same host gets other subjects (H6).
    house.after(minutes(2));
    let other = put(&site, "/other.json", json!({}));
    let second = tokens(&house, &mut house.browser(), &other).await;
    assert_ne!(claims_of(&second["id_token"])["sub"], id["sub"]);
    // An hour later it is read again; when it cannot be read, it stays as it was.
    house.after(minutes(61));
    forget(&house).await;
    site.fail("/client.json", 500);
    portal.ask(&mut house.browser(), &[]).await.asks_who();
    assert_eq!(site.asked("/client.json"), 2);
    // A day without a good document ends its service until there is one.
    house.after(minutes(60 * 23));
    forget(&house).await;
    is_unknown(&house, &portal).await;
    put(&site, "/client.json", json!({}));
    forget(&house).await;
    portal.ask(&mut house.browser(), &[]).await.asks_who();
    house.after(minutes(61));
    put(&site, "/client.json", json!({ "redirect_uris": [format!("{}/moved", site.url)] }));
    forget(&house).await;
    is_unknown(&house, &portal).await;
}

#[tokio::test]
async fn g1_a_document_that_is_not_right_is_no_client_and_is_not_asked_for_again_at_once() {
    let (house, site) = stands().await;
    let wrong = [
        put(&site, "/secret", json!({ "client_secret": "s" })),
        put(&site, "/method", json!({ "token_endpoint_auth_method": "client_secret_post" })),
        put(&site, "/other", json!({ "client_id": format!("{}/elsewhere", site.url) })),
        put(&site, "/redirect", json!({ "redirect_uris": ["https://evil.example/callback"] })),
        put(&site, "/agreed", json!({ "minimum_authentication_level": 1 })),
        put(&site, "/scope", json!({ "scope": "personal_number" })),
        put(&site, "/grant", json!({ "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"] })),
        put(&site, "/away", json!({ "post_logout_redirect_uris": ["https://evil.example/"] })),
        put(&site, "/large", json!({ "client_uri": format!("https://portal.example/{}", "a".repeat(6_000)) })),
    ];
    for portal in &wrong {
        let path = portal.id.strip_prefix(&site.url).unwrap();
        for _ in 0..3 {
            is_unknown(&house, portal).await;
            house.services.clients.forget("").await;
        }
        assert_eq!(site.asked(path), 1, "{path}");
    }
    let moved = put(&site, "/moved", json!({}));
    site.fail("/moved", 302);
    is_unknown(&house, &moved).await;
    assert_eq!((site.asked("/moved"), site.asked("/elsewhere")), (1, 0));
    // What is no JSON document to its server is none to us.
    let text = put(&site, "/text", json!({}));
    let body = json!({ "client_id": text.id, "client_name": "P", "redirect_uris": [text.redirect] }).to_string();
    site.put("/text", "text/plain", &body);
    is_unknown(&house, &text).await;
    assert_eq!(site.asked("/text"), 1);
    site.put("/text", "application/client+json", &body);
    forget(&house).await;
    text.ask(&mut house.browser(), &[]).await.asks_who();
    // Another port of the host is not named.
    let neighbour = WebSite::start().await;
    is_unknown(&house, &put(&neighbour, "/client.json", json!({}))).await;
    assert_eq!(neighbour.asked("/client.json"), 0);
    // Addresses that are none, and a host that is not named.
    let good = put(&site, "/good", json!({}));
    for id in
        [format!("{}?x", good.id), format!("{}#x", good.id), site.url.clone(), good.id.replace("127.0.0.1", "10.0.0.1")]
    {
        is_unknown(&house, &Portal { id, ..good.clone() }).await;
    }
    assert_eq!(site.asked("/good"), 0);
}

#[tokio::test]
async fn s2_documents_count_among_open_registrations_and_are_off_without_the_operators_word() {
    let site = WebSite::start().await;
    let house = House::over(&[
        ("provider.environment", "sandbox"),
        ("registration.metadata_document_hosts", "*"),
        ("registration.most_open", "2"),
    ])
    .await;
    for (path, known) in [("/1", true), ("/2", true), ("/3", false)] {
        let portal = put(&site, path, json!({}));
        let page = portal.ask(&mut house.browser(), &[]).await;
        assert_eq!(page.status.as_u16() == 200, known, "{path}: {}", page.text());
    }
    assert_eq!(site.asked("/3"), 0, "who is not taken makes us fetch nothing");
    let off = House::new().await;
    is_unknown(&off, &put(&site, "/4", json!({}))).await;
    assert_eq!(site.asked("/4"), 0);
    off.browser().fetch("/.well-known/openid-configuration").await.lacks("client_id_metadata_document");
}

#[tokio::test]
async fn e5_a_client_that_was_switched_off_does_not_come_back_by_being_forgotten() {
    let (house, site) = stands().await;
    let (off, unused) = (put(&site, "/off", json!({})), put(&site, "/unused", json!({})));
    for portal in [&off, &unused] {
        portal.ask(&mut house.browser(), &[]).await.asks_who();
    }
    let mut tx = house.services.db.begin().await.unwrap();
    let now = house.services.clock.now();
    assert!(store::client::set_status(&mut tx, &off.id, ClientStatus::Disabled, now).await.unwrap());
    tx.commit().await.unwrap();
    house.after(days(8));
    dinhdanh::jobs::sweep(&house.services).await.unwrap();
    forget(&house).await;
    assert!(store::client::find(&house.services.db, &unused.id).await.unwrap().is_none());
    for _ in 0..2 {
        house.browser().fetch(&off.request(&[])).await.is(400).has("id=\"problem\"");
        assert_eq!(site.asked("/off"), 1, "who is switched off makes us fetch nothing");
        forget(&house).await;
    }
}

#[tokio::test]
async fn e5_a_host_that_is_not_named_any_more_has_no_clients() {
    let (house, site) = stands().await;
    let portal = put(&site, "/client.json", json!({}));
    portal.ask(&mut house.browser(), &[]).await.asks_who();
    let row = store::client::get(&house.services.db, &portal.id).await.unwrap();
    let later =
        House::over(&[("provider.environment", "sandbox"), ("registration.metadata_document_hosts", "other.example")])
            .await;
    let mut tx = later.services.db.begin().await.unwrap();
    assert_eq!(store::client::insert(&mut tx, &row).await.unwrap(), store::Inserted::New);
    tx.commit().await.unwrap();
    is_unknown(&later, &portal).await;
}

#[tokio::test]
async fn s2_a_document_is_fetched_at_the_front_doors_only() {
    let (house, site) = stands().await;
    let portal = put(&site, "/client.json", json!({}));
    house.browser().fetch(&format!("/logout?client_id={}", portal.id)).await;
    assert_eq!(site.asked("/client.json"), 0);
    portal.ask(&mut house.browser(), &[]).await.asks_who();
    house.after(minutes(61));
    forget(&house).await;
    let known = dinhdanh::flow::clients::find(&house.services, &portal.id).await.unwrap();
    assert!(known.is_some());
    assert_eq!(site.asked("/client.json"), 1);
}

#[tokio::test]
async fn s2_strangers_have_a_host_asked_twenty_times_a_minute_and_hold_up_no_known_client() {
    let (house, site) = stands().await;
    let known = put(&site, "/known", json!({}));
    known.ask(&mut house.browser(), &[]).await.asks_who();
    house.after(minutes(61));
    forget(&house).await;
    let made_up = |n: u32| Portal { id: format!("{}/made-up/{n}", site.url), ..known.clone() };
    for n in 0..20 {
        is_unknown(&house, &made_up(n)).await;
    }
    house.browser().fetch(&made_up(20).request(&[])).await.is(503);
    assert_eq!((site.asked("/made-up/19"), site.asked("/made-up/20")), (1, 0));
    known.ask(&mut house.browser(), &[]).await.asks_who();
    assert_eq!(site.asked("/known"), 2);
}

#[tokio::test]
async fn s2_who_hangs_up_does_not_have_an_address_asked_again() {
    let (house, site) = stands().await;
    let portal = put(&site, "/client.json", json!({}));
    site.fail("/client.json", 500);
    let (mut browser, target) = (house.browser(), portal.request(&[]));
    let asked = async {
        while site.asked("/client.json") == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = asked => {}
        _ = browser.fetch(&target) => {}
    }
    is_unknown(&house, &portal).await;
    assert_eq!(site.asked("/client.json"), 1);
}
