//! Clients known by the address of a document about them (draft-ietf-oauth-client-id-metadata-document).

use crate::kit::{Browser, HOA, House, Portal, WebSite, claims_of, minutes};
use serde_json::{Value, json};

const KIND: &str = "application/json";

async fn house() -> House {
    let house =
        House::over(&[("provider.environment", "sandbox"), ("registration.metadata_document_hosts", "127.0.0.1")])
            .await;
    house.with(&HOA).await;
    house
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
    let (house, site) = (house().await, WebSite::start().await);
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
    house.services.clients.forget("").await;
    house.services.client_documents.forget_looks();
    site.fail("/client.json", 500);
    portal.ask(&mut house.browser(), &[]).await.asks_who();
    assert_eq!(site.asked("/client.json"), 2);
    put(&site, "/client.json", json!({ "redirect_uris": [format!("{}/moved", site.url)] }));
    house.services.clients.forget("").await;
    house.services.client_documents.forget_looks();
    is_unknown(&house, &portal).await;
}

#[tokio::test]
async fn g1_a_document_that_is_not_right_is_no_client_and_is_not_asked_for_again_at_once() {
    let (house, site) = (house().await, WebSite::start().await);
    let wrong = [
        put(&site, "/secret", json!({ "client_secret": "s" })),
        put(&site, "/method", json!({ "token_endpoint_auth_method": "client_secret_post" })),
        put(&site, "/other", json!({ "client_id": format!("{}/elsewhere", site.url) })),
        put(&site, "/redirect", json!({ "redirect_uris": ["https://evil.example/callback"] })),
        put(&site, "/agreed", json!({ "minimum_authentication_level": 1 })),
        put(&site, "/scope", json!({ "scope": "personal_number" })),
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
