//! Faults that need a clock or a sender in hand: time that jumps (X18), a gateway that is down or sends twice (X22).

use crate::kit::{Browser, HOA, House, Page, Portal, claims_of, minutes, seconds};
use dinhdanh::base::{Clock, Timestamp};
use serde_json::Value;
use std::sync::atomic::Ordering;

async fn signed_in(house: &House, portal: &Portal) -> (Browser, Page) {
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    (browser, answer)
}

/// Just before and after 2^31 seconds, a second before a leap second would be, and the year 2100.
const FAR: [i64; 4] = [2_147_483_646, 2_147_483_648, 1_861_919_999, 4_102_444_800];

/// X18: at any date a person signs in and gets tokens that are dated right.
#[tokio::test]
async fn x18_sign_in_works_at_any_date() {
    for seconds_of in FAR {
        let house = House::new().await;
        house.with(&HOA).await;
        let portal = Portal::new(&house, "portal-a").await.asking("openid offline_access");
        house.clock.set(Timestamp::from_seconds(seconds_of));
        let restarted = house.restarted().await;
        let mut browser = restarted.browser();
        let page = portal.ask(&mut browser, &[]).await;
        let answer = restarted.sign_in(&mut browser, &page, &HOA).await;
        let tokens = portal.tokens(&restarted, &answer).await;
        let claims = claims_of(&tokens["id_token"]);
        assert_eq!(claims["iat"], seconds_of, "{claims}");
        assert!(claims["exp"].as_i64().unwrap() > seconds_of, "{claims}");
        assert!(portal.is_active(&restarted, &tokens["access_token"]).await, "at {seconds_of}");
        let (status, refreshed) = portal.refresh(&restarted, &tokens["refresh_token"], None).await;
        assert_eq!(status, 200, "at {seconds_of}: {refreshed}");
    }
}

/// What was used or revoked, and what is held, before the clock jumps.
struct Before {
    used: String,
    revoked: Value,
    held: Value,
    browser: Browser,
}

async fn before(house: &House, portal: &Portal) -> Before {
    let (mut browser, answer) = signed_in(house, portal).await;
    let used = answer.code();
    let revoked = portal.tokens(house, &answer).await;
    let (status, _) = portal.call(house, "/revoke", &[("token", revoked["refresh_token"].as_str().unwrap())]).await;
    assert_eq!(status, 200);
    let answer = portal.ask(&mut browser, &[]).await;
    let held = portal.tokens(house, &answer).await;
    Before { used, revoked, held, browser }
}

/// X18, I15, I1, I2: the clock jumps an hour ahead, an hour or ten seconds back, or stands: what was used stays used,
/// what was revoked stays revoked, and a live session outlives a step within its lifetime.
#[tokio::test]
async fn x18_a_clock_that_jumps_revives_nothing_and_ends_no_session() {
    const HOUR: i64 = 3_600;
    for jump in [0, 10, -10, HOUR / 4, -HOUR] {
        let house = House::new().await;
        house.with(&HOA).await;
        let portal = Portal::new(&house, "portal-a").await.asking("openid offline_access");
        house.after(minutes(90));
        let mut before = before(&house, &portal).await;
        let now = house.clock.now();
        house.clock.set(Timestamp::from_seconds(now.seconds() + jump));
        for restart in [false, true] {
            let restarted = if restart { Some(house.restarted().await) } else { None };
            let house = restarted.as_ref().unwrap_or(&house);
            let what = format!("{jump} s, restarted: {restart}");
            let (status, body) = portal.redeem(house, &before.used).await;
            assert_eq!(status, 400, "I1: {what}: {body}");
            for token in ["access_token", "refresh_token"] {
                assert!(!portal.is_active(house, &before.revoked[token]).await, "I2: {what}: {token}");
            }
            let (status, body) = portal.refresh(house, &before.held["refresh_token"], None).await;
            assert_eq!(status, 200, "I15: {what}: {body}");
            before.held = body;
        }
        let silent = portal.ask(&mut before.browser, &[("prompt", "none")]).await;
        assert!(silent.answer().contains_key("code"), "I15: {jump} s: the session is gone: {:?}", silent.location());
        // And back again: nothing more.
        house.clock.set(now);
        assert_eq!(portal.redeem(&house, &before.used).await.0, 400, "I1: {jump} s and back");
        assert!(!portal.is_active(&house, &before.revoked["refresh_token"]).await, "I2: {jump} s and back");
    }
}

/// X22: while the gateway is down pages answer as always; when it is back, only the newest code counts, and once.
#[tokio::test]
async fn x22_a_gateway_that_was_down_leaves_one_code_that_counts() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    house.messages.failing.store(3, Ordering::SeqCst);
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let page = house.ask_code(&mut browser, &page, &HOA).await;
    page.at("/code").is(200);
    house.deliver().await;
    assert!(house.texts_to(HOA.phone).await.is_empty());
    // Asked for again; then both arrive.
    house.after(seconds(31));
    let page = browser.open(&format!("/signin/{}/code", page.flow())).await;
    browser.submit(&page, "/code/resend", &[]).await;
    house.deliver().await;
    for _ in 0..6 {
        house.after(seconds(31));
        house.deliver().await;
    }
    let texts = house.texts_to(HOA.phone).await;
    assert_eq!(texts.len(), 2, "{texts:?}");
    let page = browser.open(&format!("/signin/{}/code", page.flow())).await;
    let mut codes: Vec<String> = texts.iter().map(|text| text.chars().take(6).collect()).collect();
    codes.dedup();
    let mut signed_in = 0;
    for code in codes.iter().chain(&codes) {
        let answer = browser.press(&page, &format!("/signin/{}/code", page.flow()), &[("code", code)]).await;
        signed_in += usize::from(answer.location().is_some_and(|to| to.contains("code=")));
    }
    assert_eq!(signed_in, 1, "I1: one code counts, once");
}

/// X22: a gateway that sends everything twice gives one sign-in.
#[tokio::test]
async fn x22_a_gateway_that_sends_twice_gives_one_sign_in() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    house.messages.twice.store(true, Ordering::SeqCst);
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let page = house.ask_code(&mut browser, &page, &HOA).await;
    let texts = house.texts_to(HOA.phone).await;
    assert_eq!(texts.len(), 2);
    assert_eq!(texts[0], texts[1]);
    let code: String = texts[0].chars().take(6).collect();
    browser.submit(&page, "/code", &[("code", &code)]).await.code();
    let again = browser.press(&page, &format!("/signin/{}/code", page.flow()), &[("code", &code)]).await;
    assert!(!again.location().is_some_and(|to| to.contains("code=")), "{:?}", again.location());
    assert_eq!(claims_count(&house).await, 1);
}

async fn claims_count(house: &House) -> i64 {
    house.services.db.query("SELECT COUNT(*) FROM authorization_grant").scalar().await.unwrap()
}
