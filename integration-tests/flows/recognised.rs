//! C1: a browser in which somebody signed in before greets them, and learns nothing by it.

use crate::kit::authenticator::Device;
use crate::kit::{Browser, HOA, House, MINH, Page, Portal, minutes};
use dinhdanh::identity::PersonStatus;
use dinhdanh::store;

const KNOWN: &str = "__Host-known";
const TYPED: &str = "name=\"identifier\"";

/// Hoa signed in and out again in this browser.
async fn known() -> (House, Portal, Browser) {
    let house = House::new().await;
    house.with(&HOA).await;
    house.with(&MINH).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    page.has(TYPED).lacks("Hello, ");
    house.sign_in(&mut browser, &page, &HOA).await.code();
    sign_out(&mut browser).await;
    house.after(minutes(3));
    (house, portal, browser)
}

async fn sign_out(browser: &mut Browser) {
    let page = browser.open("/account").await;
    browser.press(&page, "/logout/all", &[]).await;
    assert!(browser.session().is_none());
}

fn greets(page: &Page, given_name: &str) {
    page.is(200).lacks(TYPED).has(&format!("Hello, <strong translate=\"no\">{given_name}</strong>"));
}

#[tokio::test]
async fn c1_a_known_browser_greets_by_given_name_and_asks_for_no_number() {
    let (house, portal, mut browser) = known().await;
    let page = portal.ask(&mut browser, &[]).await;
    greets(&page, "Hòa");
    // Not the whole name, no number, no phone: a stranger at the device learns no more than what friends call her.
    page.lacks(HOA.name).lacks(HOA.number).lacks("0912").lacks("••");
    let page = browser.submit(&page, &format!("/signin/{}", page.flow()), &[]).await;
    page.at("/method");
    let page = browser.submit(&page, "/method", &[("method", "sms")]).await;
    let code = house.code_for(&HOA).await;
    browser.submit(&page, "/code", &[("code", &code)]).await.code();
}

#[tokio::test]
async fn c1_other_ways_need_no_number_either() {
    let (house, portal, mut browser) = known().await;
    let page = portal.ask(&mut browser, &[]).await;
    let action = format!("/signin/{}", page.flow());
    let page = browser.submit(&page, &action, &[("with", "password")]).await;
    page.at("/password");
    browser.submit(&page, "/password", &[("password", &HOA.password())]).await.at("/method");
    drop(house);
}

/// N1: after the greeting the pages are those of a typed number.
#[tokio::test]
async fn n1_the_next_page_is_that_of_a_typed_number() {
    let (house, portal, mut browser) = known().await;
    let mut fresh = house.browser();
    let mut pages = Vec::new();
    for (browser, identifier) in [(&mut browser, ""), (&mut fresh, HOA.number), (&mut house.browser(), MINH.number)] {
        let page = portal.ask(browser, &[]).await;
        let flow = page.flow();
        let page = browser.submit(&page, &format!("/signin/{flow}"), &[("identifier", identifier)]).await;
        pages.push(page.body.replace(&page.csrf(), "CSRF").replace(&flow, "FLOW"));
    }
    assert_eq!(pages[0], pages[1]);
    assert_eq!(pages[1], pages[2]);
}

#[tokio::test]
async fn c1_not_me_forgets_and_the_next_person_is_greeted() {
    let (house, portal, mut browser) = known().await;
    let page = portal.ask(&mut browser, &[]).await;
    let page = browser.submit(&page, "/forget", &[]).await;
    page.has(TYPED).lacks("Hello, ");
    assert!(!browser.jar.contains_key(KNOWN));
    house.sign_in(&mut browser, &page, &MINH).await.code();
    sign_out(&mut browser).await;
    greets(&portal.ask(&mut browser, &[]).await, "Minh");
}

/// Another number typed over the greeting counts, as does what the portal or the person asked for.
#[tokio::test]
async fn c1_whoever_is_asked_for_comes_before_whoever_is_known() {
    let (house, portal, mut browser) = known().await;
    portal.ask(&mut browser, &[("login_hint", MINH.number)]).await.has(TYPED).lacks("Hello, ");
    let page = portal.ask(&mut browser, &[]).await;
    house.sign_in(&mut browser, &page, &MINH).await.code();
    sign_out(&mut browser).await;
    greets(&portal.ask(&mut browser, &[]).await, "Minh");
}

#[tokio::test]
async fn c1_a_closed_account_an_old_or_a_foreign_cookie_greets_nobody() {
    let (house, portal, mut browser) = known().await;
    let cookie = browser.jar[KNOWN].clone();
    for wrong in ["", "x", "shared", &cookie[1..], &format!("{cookie}A")] {
        browser.jar.insert(KNOWN.to_owned(), wrong.to_owned());
        portal.ask(&mut browser, &[]).await.is(200).has(TYPED).lacks("Hello, ");
    }
    browser.jar.insert(KNOWN.to_owned(), cookie);
    house.after(crate::kit::days(364));
    greets(&portal.ask(&mut browser, &[]).await, "Hòa");
    house.after(crate::kit::days(1));
    portal.ask(&mut browser, &[]).await.has(TYPED);
    house.clock.set(crate::kit::house::START.plus(minutes(9)));
    greets(&portal.ask(&mut browser, &[]).await, "Hòa");
    let who = house.person(&HOA).await.unwrap().id;
    let mut tx = house.services.db.begin().await.unwrap();
    let now = house.services.clock.now();
    store::person::update_status(&mut tx, who, PersonStatus::Closed, Some("test"), now).await.unwrap();
    tx.commit().await.unwrap();
    portal.ask(&mut browser, &[]).await.has(TYPED).lacks("Hello, ");
}

/// It proves nothing: with the cookie alone no page of the account opens.
#[tokio::test]
async fn d3_being_known_is_no_session() {
    let (_house, portal, mut browser) = known().await;
    greets(&browser.open("/account").await, "Hòa");
    assert_eq!(portal.ask(&mut browser, &[("prompt", "none")]).await.error(), "login_required");
}

#[tokio::test]
async fn c10_a_shared_device_recognises_nobody() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let level_2 = ("claims", r#"{"id_token":{"acr":{"essential":true,"values":["urn:dinhdanh:acr:2"]}}}"#);
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[level_2]).await;
    let page = house.identify(&mut browser, &page, &HOA).await;
    let page = browser.submit(&page, "/method", &[("method", "password")]).await;
    let page = browser.submit(&page, "/password", &[("password", &HOA.password())]).await;
    let page = browser.submit(&page, "/method", &[("method", "sms")]).await;
    let code = house.code_for(&HOA).await;
    let page = browser.submit(&page, "/code", &[("code", &code)]).await;
    page.at("/offer-passkey");
    browser.submit(&page, "/offer-passkey", &[("shared", "yes")]).await.code();
    sign_out(&mut browser).await;
    house.after(minutes(3));
    let page = portal.ask(&mut browser, &[]).await;
    page.has(TYPED).lacks("Hello, ");
    // Nor does it after the next sign-in.
    house.sign_in(&mut browser, &page, &HOA).await.code();
    sign_out(&mut browser).await;
    portal.ask(&mut browser, &[]).await.has(TYPED).lacks("Hello, ");
}

#[tokio::test]
async fn c1_the_passkey_comes_first_for_whom_is_known() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    house.sign_in(&mut browser, &page, &HOA).await.code();
    sign_out(&mut browser).await;
    let page = portal.ask(&mut browser, &[]).await;
    let (passkey, code) = (page.body.find("data-passkey").unwrap(), page.body.find("name=\"recognised\"").unwrap());
    assert!(passkey < code, "the passkey's button stands first");
    Device::challenge(&mut browser, &page).await;
}
