//! Guessing and sending, slowed by durable counters.

use crate::kit::{Browser, Citizen, HOA, House, MINH, Page, Portal, days, minutes, seconds};
use crate::lifetimes::device_of;
use dinhdanh::identity::{Counter, Rule};
use dinhdanh::store;

async fn wrong_codes(browser: &mut Browser, page: &Page, times: u32) {
    for left in (0..times).rev() {
        let answer = browser.submit(page, "/code", &[("code", "000000")]).await;
        answer.is(422).has(&format!("{left} tr"));
    }
}

async fn asked(house: &House, portal: &Portal) -> (Browser, Page, String) {
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let page = house.ask_code(&mut browser, &page, &HOA).await;
    let code = house.code_for(&HOA).await;
    (browser, page, code)
}

#[tokio::test]
async fn m1_wrong_codes_pause_by_the_clock_in_every_session() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, page, _) = asked(&house, &portal).await;
    wrong_codes(&mut browser, &page, 5).await;
    browser
        .submit(&page, "/code", &[("code", "000000")])
        .await
        .is(429)
        .has("Try again after 09:01, or use another way");

    // Another browser, another code, and the right one: not before the time that was named.
    house.after(seconds(31));
    let (mut other, page, code) = asked(&house, &portal).await;
    other.submit(&page, "/code", &[("code", &code)]).await.is(429).has("09:01");
    assert!(other.session().is_none());
    house.after(seconds(29));
    other.submit(&page, "/code", &[("code", &code)]).await.code();
}

#[tokio::test]
async fn m1_pauses_grow_and_success_forgets() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, page, _) = asked(&house, &portal).await;
    wrong_codes(&mut browser, &page, 5).await;
    house.after(minutes(1));
    let (mut browser, page, code) = asked(&house, &portal).await;
    browser.submit(&page, "/code", &[("code", "000000")]).await.is(422);
    browser.submit(&page, "/code", &[("code", &code)]).await.is(429).has("Try again after 09:03");
    house.after(minutes(2));
    browser.submit(&page, "/code", &[("code", &code)]).await.code();
    house.after(minutes(5));
    let (mut browser, page, _) = asked(&house, &portal).await;
    browser.submit(&page, "/code", &[("code", "000000")]).await.is(422).has("4 tries left");
}

#[tokio::test]
async fn m4_i8_counters_survive_a_restart_and_m5_a_passkey_passes() {
    let first = House::new().await;
    first.with(&HOA).await;
    let portal = Portal::new(&first, "portal-a").await;
    let mut device = device_of(&first, &portal).await;
    first.after(days(2));
    let (mut browser, page, _) = asked(&first, &portal).await;
    wrong_codes(&mut browser, &page, 5).await;

    let house = first.restarted().await;
    first.after(seconds(31));
    let (mut browser, page, code) = asked(&house, &portal).await;
    let paused = browser.submit(&page, "/code", &[("code", &code)]).await;
    paused.is(429).has("Paused to protect your account");
    assert!(browser.session().is_none());
    device.sign_in(&mut browser, &paused).await.code();
}

#[tokio::test]
async fn sending_waits_30_60_120_seconds_and_stops_at_ten_a_day() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, page, _) = asked(&house, &portal).await;
    let resend = format!("/signin/{}/code/resend", page.flow());
    for (sent, wait) in [30, 60, 120, 120, 120, 120, 120, 120, 120].into_iter().enumerate() {
        house.after(seconds(wait - 1));
        browser.press(&page, &resend, &[]).await.is(422).has("You can get a new code from 09:");
        assert_eq!(house.texts_to(HOA.phone).await.len(), sent + 1);
        house.after(seconds(1));
        browser.press(&page, &resend, &[]).await.is(200);
        assert_eq!(house.texts_to(HOA.phone).await.len(), sent + 2);
    }
    house.after(minutes(20));
    browser.press(&page, &resend, &[]).await.has("09:00 on 22 November");
    assert_eq!(house.texts_to(HOA.phone).await.len(), 10);
    // In another browser as well, and by call: the limit is the phone's.
    let mut other = house.browser();
    let start = portal.ask(&mut other, &[]).await;
    let start = house.identify(&mut other, &start, &HOA).await;
    other.submit(&start, "/method", &[("method", "voice")]).await.is(429).has("Too many codes were sent");
    house.after(days(1));
    asked(&house, &portal).await;
    assert_eq!(house.texts_to(HOA.phone).await.len(), 11);
}

/// RFC 6238 with the secret that test people have.
fn totp_of(house: &House, citizen: &Citizen) -> String {
    use aws_lc_rs::hmac;
    use dinhdanh::base::Clock;
    let secret = dinhdanh::flow::demo::totp_secret_of(citizen.key);
    let step = u64::try_from(house.clock.now().seconds()).unwrap() / 30;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret), &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes([tag[offset] & 0x7f, tag[offset + 1], tag[offset + 2], tag[offset + 3]]);
    format!("{:06}", number % 1_000_000)
}

async fn at_totp(house: &House, portal: &Portal) -> (Browser, Page) {
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let page = house.identify(&mut browser, &page, &HOA).await;
    let page = browser.submit(&page, "/method", &[("method", "totp")]).await;
    (browser, page)
}

#[tokio::test]
async fn m2_an_app_code_works_once() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let code = totp_of(&house, &HOA);
    let (mut browser, page) = at_totp(&house, &portal).await;
    browser.submit(&page, "/totp", &[("code", &code)]).await.code();
    let (mut other, page) = at_totp(&house, &portal).await;
    other.submit(&page, "/totp", &[("code", &code)]).await.is(422);
    // An older step is worth nothing after a newer one.
    house.after(seconds(60));
    let newer = totp_of(&house, &HOA);
    house.clock.set(dinhdanh::base::Timestamp::from_seconds(crate::kit::house::START.seconds() + 90));
    let newest = totp_of(&house, &HOA);
    other.submit(&page, "/totp", &[("code", &newest)]).await.code();
    let (mut other, page) = at_totp(&house, &portal).await;
    other.submit(&page, "/totp", &[("code", &newer)]).await.is(422);
}

#[tokio::test]
async fn m1_a_hundred_failures_switch_the_way_off_and_leave_the_others() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    for _ in 0..100 {
        let (mut browser, page) = at_totp(&house, &portal).await;
        browser.submit(&page, "/totp", &[("code", "000000")]).await.is(422);
        house.after(minutes(61));
    }
    house.after(days(3));
    let (mut browser, page) = at_totp(&house, &portal).await;
    let stopped = browser.submit(&page, "/totp", &[("code", &totp_of(&house, &HOA))]).await;
    stopped.is(429);
    assert!(browser.session().is_none());
    let page = browser.open(&format!("/signin/{}/method", page.flow())).await;
    let page = browser.submit(&page, "/method", &[("method", "sms")]).await;
    let code = house.code_for(&HOA).await;
    browser.submit(&page, "/code", &[("code", &code)]).await.code();
}

#[tokio::test]
async fn p4_a_sent_code_is_of_its_own_flow_only() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut one, first, code) = asked(&house, &portal).await;
    house.after(seconds(31));
    let (mut two, second, _) = asked(&house, &portal).await;
    two.submit(&second, "/code", &[("code", &code)]).await.is(422);
    assert!(two.session().is_none());
    one.submit(&first, "/code", &[("code", &code)]).await.code();
    // Used once, it is worth nothing, and its flow is over.
    one.jar.remove(crate::kit::browser::SESSION);
    one.press(&first, &format!("/signin/{}/code", first.flow()), &[("code", &code)]).await.is(410);
    assert!(one.session().is_none());
}

/// M7: one network that asks for code after code is stopped before anything is looked up, told alike for everybody.
#[tokio::test]
async fn m7_n1_a_network_sends_so_many_codes_and_no_more() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let network = house.services.sealer.keyed_digest("throttle", &[b"network", b"unknown"]).unwrap();
    let now = house.services.clock.now();
    let mut tx = house.services.db.begin().await.unwrap();
    let so_far = Counter { failures: 1_199, first_at: now, last_at: now, paused_until: None };
    let set = |_: Option<&Counter>| (Some(so_far), ());
    store::throttle::reserve(&mut tx, Rule::SEND_NETWORK.scope, &network, now, set).await.unwrap();
    tx.commit().await.unwrap();

    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    house.ask_code(&mut browser, &page, &HOA).await.at("/code");
    assert_eq!(house.texts_to(HOA.phone).await.len(), 1);
    let mut pages = Vec::new();
    for citizen in [&HOA, &MINH] {
        house.after(minutes(3));
        let mut browser = house.browser();
        let page = portal.ask(&mut browser, &[]).await;
        let flow = page.flow();
        let page = house.ask_code(&mut browser, &page, citizen).await;
        page.is(429).has("Too many codes were sent.");
        pages.push(page.body.replace(&page.csrf(), "CSRF").replace(&flow, "FLOW"));
    }
    assert_eq!(pages[0], pages[1], "known and unknown are told alike");
    assert_eq!(house.texts_to(HOA.phone).await.len(), 1);
    house.after(minutes(60));
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    house.ask_code(&mut browser, &page, &HOA).await.at("/code");
}
