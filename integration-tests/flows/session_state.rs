//! What a portal's page can ask about the sign-in (OpenID Connect Session Management 1.0), and portals opened from here
//! (OpenID Connect Core 4).

use crate::kit::{Browser, HOA, House, MINH, Page, Portal, minutes};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dinhdanh::base::sha256;
use serde_json::{Value, json};

const COOKIE: &str = "__Host-browser-state";

/// As `assets/check-session.js` finds it.
fn is_unchanged(browser: &Browser, portal: &str, state: &str) -> bool {
    let kept = browser.jar.get(COOKIE).map_or("", String::as_str);
    let (_, salt) = state.split_once('.').unwrap();
    let text = format!("{portal} https://{portal}.example {kept} {salt}");
    format!("{}.{salt}", URL_SAFE_NO_PAD.encode(sha256(text.as_bytes()).as_bytes())) == state
}

fn state(answer: &Page) -> String {
    answer.answer().remove("session_state").unwrap()
}

async fn sign_in(house: &House, browser: &mut Browser, portal: &Portal) -> String {
    let page = portal.ask(browser, &[]).await;
    state(&house.sign_in(browser, &page, &HOA).await)
}

#[tokio::test]
async fn a_page_sees_that_the_sign_in_changed_and_nothing_else() {
    let house = House::new().await;
    house.with(&HOA).await;
    house.with(&MINH).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();
    let first = sign_in(&house, &mut browser, &portal).await;
    assert!(is_unchanged(&browser, "portal-a", &first) && !is_unchanged(&browser, "portal-b", &first));
    assert_ne!(browser.jar.get(COOKIE), browser.session());
    // Single sign-on and a stronger sign-in are the same session: another hash, and the first one still holds.
    let answer = portal.ask(&mut browser, &[]).await;
    assert_ne!(state(&answer), first);
    house.after(minutes(2));
    let page = portal.ask(&mut browser, &[("prompt", "login")]).await;
    house.sign_in(&mut browser, &page, &HOA).await.code();
    assert!(is_unchanged(&browser, "portal-a", &first) && is_unchanged(&browser, "portal-a", &state(&answer)));
    // A browser that lost the cookie gets it back with the next answer.
    browser.jar.remove(COOKIE);
    let answer = portal.ask(&mut browser, &[("prompt", "none")]).await;
    assert!(is_unchanged(&browser, "portal-a", &state(&answer)) && is_unchanged(&browser, "portal-a", &first));
    // Another person, by whatever door, and signing out.
    house.after(minutes(2));
    let page = portal.ask(&mut browser, &[("prompt", "login")]).await;
    let answer = house.sign_in(&mut browser, &page, &MINH).await;
    assert!(!is_unchanged(&browser, "portal-a", &first) && is_unchanged(&browser, "portal-a", &state(&answer)));
    let account = browser.open("/account").await;
    browser.press(&account, "/logout/all", &[]).await.is(200);
    assert!(!browser.jar.contains_key(COOKIE) && !is_unchanged(&browser, "portal-a", &state(&answer)));
}

#[tokio::test]
async fn a_session_that_ran_out_shows_with_the_first_silent_question() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();
    sign_in(&house, &mut browser, &portal).await;
    house.after(minutes(61));
    let answer = portal.ask(&mut browser, &[("prompt", "none")]).await;
    assert_eq!(answer.error(), "login_required");
    assert!(!answer.answer().contains_key("session_state") && !browser.jar.contains_key(COOKIE));
}

#[tokio::test]
async fn apps_have_no_state() {
    let house = House::new().await;
    house.with(&HOA).await;
    let app = json!({ "redirect_uris": ["com.example.app:/callback"], "application_type": "native",
        "post_logout_redirect_uris": [] });
    let portal =
        Portal { redirect: "com.example.app:/callback".to_owned(), ..Portal::with(&house, "app-a", app).await };
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    assert!(answer.answer().contains_key("code") && !answer.answer().contains_key("session_state"));
}

#[tokio::test]
async fn d9_the_frame_of_portals_is_the_only_page_that_may_be_framed() {
    let house = House::new().await;
    let metadata = house.browser().fetch("/.well-known/openid-configuration").await;
    let metadata: Value = serde_json::from_str(&metadata.body).unwrap();
    let address = metadata["check_session_iframe"].as_str().unwrap().strip_prefix(crate::kit::browser::ORIGIN).unwrap();
    let header = |page: &Page, name: &str| page.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let page = house.browser().fetch(address).await;
    page.is(200).has("<script src=\"/assets/check-session.").lacks("<form");
    assert_eq!(header(&page, "x-frame-options"), None);
    let policy = header(&page, "content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors *") && policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("form-action 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(header(&page, "set-cookie").is_none());
    for other in ["/help", "/signin", "/signed-out", "/session/other"] {
        let page = house.browser().open(other).await;
        assert_eq!(header(&page, "x-frame-options").as_deref(), Some("DENY"), "{other}");
        assert!(header(&page, "content-security-policy").unwrap().contains("frame-ancestors 'none'"), "{other}");
    }
}

#[tokio::test]
async fn a_portal_is_opened_from_here_at_its_registered_address_only() {
    let house = House::new().await;
    house.with(&HOA).await;
    let uri = "https://portal-a.example/start?a=1";
    let portal = Portal::with(&house, "portal-a", json!({ "initiate_login_uri": uri })).await;
    Portal::new(&house, "portal-b").await;
    let expected = format!("{uri}&iss=https%3A%2F%2Fid.example.vn");
    let mut browser = house.browser();
    let page = browser.fetch("/start/portal-a?target_link_uri=https://evil.example&iss=x&login_hint=y").await;
    assert_eq!((page.status.as_u16(), page.location()), (303, Some(expected.as_str())));
    for nobody in ["/start/portal-b", "/start/nobody", "/start/https:%2F%2Fevil.example"] {
        browser.fetch(nobody).await.is(404);
    }
    sign_in(&house, &mut browser, &portal).await;
    browser.open("/account").await.has(&expected.replace('&', "&#38;"));
    let mut tx = house.services.db.begin().await.unwrap();
    tx.query("UPDATE client SET status = 'disabled' WHERE client_id = 'portal-a'").execute().await.unwrap();
    tx.commit().await.unwrap();
    house.services.clients.forget("portal-a").await;
    browser.fetch("/start/portal-a").await.is(404);
    browser.open("/account").await.lacks("/start?a=1");
}
