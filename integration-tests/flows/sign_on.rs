//! Single sign-on: the second portal, the second person, and the names of sessions.

use crate::kit::{Browser, HOA, House, MINH, Page, Portal, claims_of, minutes};
use serde_json::{Value, json};

async fn id_token(house: &House, portal: &Portal, answer: &Page) -> Value {
    claims_of(&portal.tokens(house, answer).await["id_token"])
}

async fn at_second_portal(house: &House, a: &Portal, b: &Portal) -> (Browser, Page) {
    let mut browser = house.browser();
    let page = a.ask(&mut browser, &[]).await;
    house.sign_in(&mut browser, &page, &HOA).await.code();
    let page = b.ask(&mut browser, &[]).await;
    page.at("/continue").has(HOA.name).has("Portal portal-a");
    (browser, page)
}

async fn two_portals() -> (House, Portal, Portal) {
    let house = House::new().await;
    house.with(&HOA).await;
    house.with(&MINH).await;
    let (a, b) = (Portal::new(&house, "portal-a").await, Portal::new(&house, "portal-b").await);
    (house, a, b)
}

#[tokio::test]
async fn c6_the_second_portal_asks_only_to_continue() {
    let (house, a, b) = two_portals().await;
    let (mut browser, page) = at_second_portal(&house, &a, &b).await;
    let answer = browser.submit(&page, "/continue", &[("action", "continue")]).await;
    let at_b = id_token(&house, &b, &answer).await;
    // Known there now: no page the next time, but one when the portal asks which account.
    let again = b.ask(&mut browser, &[]).await;
    assert_eq!(id_token(&house, &b, &again).await["sub"], at_b["sub"]);
    b.ask(&mut browser, &[("prompt", "select_account")]).await.at("/continue");
    // H6: two portals, two names for one person.
    let back = a.ask(&mut browser, &[]).await;
    let at_a = id_token(&house, &a, &back).await;
    assert_ne!(at_a["sub"], at_b["sub"]);
    assert_ne!(at_a["sid"], at_b["sid"]);
}

#[tokio::test]
async fn c6_going_back_is_access_denied_and_keeps_the_session() {
    let (house, a, b) = two_portals().await;
    let (mut browser, page) = at_second_portal(&house, &a, &b).await;
    let answer = browser.submit(&page, "/continue", &[("action", "cancel")]).await;
    assert_eq!((answer.error(), &answer.answer()["state"]), ("access_denied".into(), &"s-1".to_owned()));
    assert_eq!(answer.answer()["iss"], crate::kit::browser::ORIGIN);
    // The flow is over: its form leads nowhere.
    browser.press(&page, &format!("/signin/{}/continue", page.flow()), &[("action", "continue")]).await.is(410);
    a.ask(&mut browser, &[]).await.code();
}

#[tokio::test]
async fn c6_another_person_starts_clean_and_ends_the_first_session() {
    let (house, a, b) = two_portals().await;
    let (mut browser, page) = at_second_portal(&house, &a, &b).await;
    let mut old = browser.clone();
    let page = browser.submit(&page, "/continue", &[("action", "switch")]).await;
    page.has("name=\"identifier\"").lacks(HOA.name);
    // Until somebody proved something, nothing changed.
    a.ask(&mut old, &[]).await.code();
    house.after(minutes(1));
    let answer = house.sign_in(&mut browser, &page, &MINH).await;
    let minh = id_token(&house, &b, &answer).await;
    assert_eq!(minh["amr"], json!(["sms"]));
    assert_ne!(browser.session(), old.session());
    a.ask(&mut old, &[]).await.asks_who();
    browser.open("/account").await.has(MINH.name).lacks(HOA.name).lacks("Portal portal-a");
    // At the first portal the second person is new.
    a.ask(&mut browser, &[]).await.at("/continue").has(MINH.name);
}

#[tokio::test]
async fn d3_a_session_is_renamed_at_every_sign_in_and_the_old_name_is_dead() {
    let (house, a, _) = two_portals().await;
    let mut browser = house.browser();
    browser.jar.insert(crate::kit::browser::SESSION.to_owned(), "x".repeat(43));
    let page = a.ask(&mut browser, &[]).await;
    house.sign_in(&mut browser, &page, &HOA).await.code();
    assert_ne!(browser.session().unwrap(), &"x".repeat(43));
    let mut old = browser.clone();
    house.after(minutes(3));
    let page = a.ask(&mut browser, &[("prompt", "login")]).await;
    house.sign_in(&mut browser, &page, &HOA).await.code();
    assert_ne!(browser.session(), old.session());
    a.ask(&mut old, &[]).await.asks_who();
    a.ask(&mut browser, &[]).await.code();
}

#[tokio::test]
async fn d3_a_flow_belongs_to_the_browser_that_began_it() {
    let (house, a, _) = two_portals().await;
    let mut browser = house.browser();
    let page = a.ask(&mut browser, &[]).await;
    let mut other = house.browser();
    a.ask(&mut other, &[]).await;
    other.fetch(&page.path).await.is(403).has("not the browser you started in");
    other.send(&page.path, &[("csrf", &page.csrf()), ("identifier", HOA.number)]).await.is(403);
}

#[tokio::test]
async fn a_hint_names_the_only_person_who_may_answer() {
    let (house, a, _) = two_portals().await;
    let mut browser = house.browser();
    let page = a.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    let hint = a.tokens(&house, &answer).await["id_token"].as_str().unwrap().to_owned();
    a.ask(&mut browser, &[("id_token_hint", &hint), ("prompt", "none")]).await.code();
    let mut other = house.browser();
    let page = a.ask(&mut other, &[]).await;
    house.sign_in(&mut other, &page, &MINH).await.code();
    let refused = a.ask(&mut other, &[("id_token_hint", &hint), ("prompt", "none")]).await;
    assert_eq!(refused.error(), "login_required");
    a.ask(&mut other, &[("id_token_hint", &hint)]).await.asks_who();
}

#[tokio::test]
async fn a_flow_answers_once() {
    let (house, a, _) = two_portals().await;
    let mut browser = house.browser();
    let page = a.ask(&mut browser, &[]).await;
    let flow = page.flow();
    let kept = browser.jar.clone();
    house.sign_in(&mut browser, &page, &HOA).await.code();
    let session = browser.session().cloned().unwrap();
    browser.jar = kept;
    browser.jar.insert(crate::kit::browser::SESSION.to_owned(), session);
    let again = browser.fetch(&format!("/signin/{flow}/next")).await;
    assert!(again.location().is_none(), "{:?}", again.location());
}
