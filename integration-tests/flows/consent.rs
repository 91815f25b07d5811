//! What leaves, on which ground, and how it stops.

use crate::kit::{Browser, HOA, House, Page, Portal, days, minutes};
use serde_json::{Value, json};

const PHONE: (&str, &str) = ("claims", r#"{"userinfo":{"phone_number":null}}"#);

fn sharing(basis: &str, claims: &[&str]) -> Value {
    json!({ "sharing": {
        "claims": claims, "purpose": { "vi": "Đặt lịch khám", "en": "To book appointments" },
        "legal_basis": "Luật thử nghiệm", "basis_kind": basis, "term_days": 1095,
    }})
}

const ALL: &[&str] = &["name", "birthdate", "gender", "phone_number"];

async fn clinic(house: &House, basis: &str) -> Portal {
    Portal::with(house, "clinic", sharing(basis, ALL)).await.asking("openid profile offline_access")
}

/// Signs in to the page that asks.
async fn asked(house: &House, portal: &Portal, over: &[(&str, &str)]) -> (Browser, Page) {
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, over).await;
    let page = house.sign_in(&mut browser, &page, &HOA).await;
    page.at("/consent").has("To book appointments").has(HOA.name);
    (browser, page)
}

async fn shared(house: &House, portal: &Portal, answer: &Page) -> Value {
    let tokens = portal.tokens(house, answer).await;
    portal.userinfo(house, &tokens["access_token"]).await.1
}

#[tokio::test]
async fn what_the_law_allows_is_told_and_what_it_does_not_is_asked() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = clinic(&house, "law").await;
    let (mut browser, page) = asked(&house, &portal, &[]).await;
    page.has("Notice under the law.").lacks("Your consent is needed.");
    browser.submit(&page, "/consent", &[("action", "accept")]).await.code();

    let asking = Portal::with(&house, "shop", sharing("consent", ALL)).await.asking("openid profile");
    house.after(minutes(2));
    let (mut browser, page) = asked(&house, &asking, &[]).await;
    page.has("Your consent is needed.").lacks("Notice under the law.");
    let answer = browser.submit(&page, "/consent", &[("action", "accept")]).await;
    let claims = shared(&house, &asking, &answer).await;
    assert_eq!((&claims["name"], &claims["birthdate"]), (&json!(HOA.name), &json!(HOA.birth)));
}

#[tokio::test]
async fn refusing_is_access_denied_and_nothing_leaves() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = clinic(&house, "consent").await;
    let (mut browser, page) = asked(&house, &portal, &[]).await;
    let answer = browser.submit(&page, "/consent", &[("action", "refuse")]).await;
    assert_eq!(answer.error(), "access_denied");
    assert!(!answer.answer().contains_key("code"));
    // Asked again the next time: no is not remembered as yes.
    let page = portal.ask(&mut browser, &[]).await;
    let page = browser.submit(&page, "/continue", &[("action", "continue")]).await;
    page.at("/consent");
    assert_eq!(portal.ask(&mut browser, &[("prompt", "none")]).await.error(), "consent_required");
}

#[tokio::test]
async fn a_claim_that_was_left_out_stays_out() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = clinic(&house, "consent").await;
    let (mut browser, page) = asked(&house, &portal, &[PHONE]).await;
    page.has("name=\"claim\" value=\"phone_number\"");
    let answer = browser.submit(&page, "/consent", &[("action", "accept")]).await;
    let claims = shared(&house, &portal, &answer).await;
    assert!(claims.get("phone_number").is_none() && claims.get("name").is_some(), "{claims}");
    // Remembered: not asked, and still not sent.
    let answer = portal.ask(&mut browser, &[PHONE]).await;
    assert!(shared(&house, &portal, &answer).await.get("phone_number").is_none());
    // Asked on purpose, it can be given.
    let page = portal.ask(&mut browser, &[PHONE, ("prompt", "consent")]).await;
    let answer = browser.submit(&page, "/consent", &[("action", "accept"), ("claim", "phone_number")]).await;
    assert_eq!(shared(&house, &portal, &answer).await["phone_number"], json!(HOA.phone));
}

#[tokio::test]
async fn a_yes_holds_for_a_year_and_prompt_consent_asks_again() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = clinic(&house, "consent").await;
    let (mut browser, page) = asked(&house, &portal, &[]).await;
    browser.submit(&page, "/consent", &[("action", "accept")]).await.code();
    portal.ask(&mut browser, &[]).await.code();
    portal.ask(&mut browser, &[("prompt", "consent")]).await.at("/consent");

    house.after(days(364));
    let mut later = house.browser();
    let page = portal.ask(&mut later, &[]).await;
    house.sign_in(&mut later, &page, &HOA).await.code();
    house.after(days(1));
    asked(&house, &portal, &[]).await;
}

#[tokio::test]
async fn p6_more_than_was_agreed_is_asked_anew() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = clinic(&house, "consent").await;
    let (mut browser, page) = asked(&house, &portal, &[]).await;
    browser.submit(&page, "/consent", &[("action", "accept")]).await.code();
    portal.ask(&mut browser, &[PHONE]).await.at("/consent").has("New");
    assert_eq!(portal.ask(&mut browser, &[PHONE, ("prompt", "none")]).await.error(), "consent_required");
}

#[tokio::test]
async fn e5_a_withdrawn_agreement_stops_claims_at_once() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = clinic(&house, "law").await;
    let (mut browser, page) = asked(&house, &portal, &[]).await;
    let answer = browser.submit(&page, "/consent", &[("action", "accept")]).await;
    let tokens = portal.tokens(&house, &answer).await;
    let access = &tokens["access_token"];
    assert_eq!(portal.userinfo(&house, access).await.1["gender"], json!("female"));
    // Fewer claims, then none, under tokens that were issued before.
    house.after(minutes(1));
    Portal::with(&house, "clinic", sharing("law", &["name"])).await;
    let claims = portal.userinfo(&house, access).await.1;
    assert!(claims.get("gender").is_none() && claims.get("name").is_some(), "{claims}");
    let mut tx = house.services.db.begin().await.unwrap();
    tx.query("UPDATE agreement SET suspended_at = starts_at WHERE client_id = 'clinic'").execute().await.unwrap();
    tx.commit().await.unwrap();
    house.services.clients.forget("clinic").await;
    let claims = portal.userinfo(&house, access).await.1;
    assert_eq!(claims.as_object().unwrap().keys().collect::<Vec<_>>(), ["sub"]);
    let (status, refreshed) = portal.refresh(&house, &tokens["refresh_token"], None).await;
    assert_eq!(status, 200, "{refreshed}");
    let claims = portal.userinfo(&house, &refreshed["access_token"]).await.1;
    assert_eq!(claims.as_object().unwrap().keys().collect::<Vec<_>>(), ["sub"]);
}

#[tokio::test]
async fn every_release_is_in_the_persons_record() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let portal = clinic(&house, "law").await;
    let (mut browser, page) = asked(&house, &portal, &[]).await;
    let count = || async { dinhdanh::store::disclosure::list_for(&house.services.db, who, None, 50).await.unwrap() };
    assert!(count().await.is_empty());
    browser.submit(&page, "/consent", &[("action", "accept")]).await.code();
    let records = count().await;
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].client_id.as_str(), records[0].claims.as_slice()),
        ("clinic", &["name".to_owned(), "birthdate".into(), "gender".into()][..])
    );
}
