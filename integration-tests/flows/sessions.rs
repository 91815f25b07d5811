//! Sessions: how long they live, what they lend, and that time only runs forward.

use crate::kit::house::START;
use crate::kit::{Browser, HOA, House, MINH, Page, Portal, claims_of, days, minutes, seconds};
use dinhdanh::base::Clock;
use dinhdanh::store;
use serde_json::{Value, json};

async fn signed_in(house: &House, portal: &Portal) -> (Browser, Page) {
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    (browser, answer)
}

async fn id_token(house: &House, portal: &Portal, answer: &Page) -> Value {
    claims_of(&portal.tokens(house, answer).await["id_token"])
}

fn asks_to_sign_in(page: &Page) {
    page.is(200).asks_who();
}

#[tokio::test]
async fn t5_a_session_ends_by_idleness_and_by_age() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, _) = signed_in(&house, &portal).await;
    house.after(seconds(3599));
    portal.ask(&mut browser, &[]).await.code();
    house.after(seconds(3600));
    asks_to_sign_in(&portal.ask(&mut browser, &[]).await);

    let (mut browser, _) = signed_in(&house, &portal).await;
    for _ in 0..14 {
        house.after(minutes(50));
        portal.ask(&mut browser, &[]).await.code();
    }
    house.after(seconds(1199));
    portal.ask(&mut browser, &[]).await.code();
    house.after(seconds(1));
    asks_to_sign_in(&portal.ask(&mut browser, &[]).await);
}

#[tokio::test]
async fn the_ends_follow_the_authentication_level() {
    let house =
        House::over(&[("session.level_2_idle_seconds", "600"), ("session.level_2_absolute_seconds", "1200")]).await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut weak, _) = signed_in(&house, &portal).await;
    house.after(minutes(1));
    let mut strong = house.browser();
    let page = portal.ask(&mut strong, &[]).await;
    house.sign_in_twice(&mut strong, &page, &HOA).await.code();
    house.after(seconds(599));
    portal.ask(&mut strong, &[]).await.code();
    house.after(seconds(600));
    asks_to_sign_in(&portal.ask(&mut strong, &[]).await);
    portal.ask(&mut weak, &[]).await.code();
}

/// S2: the newest sessions of a person live, as many as the configuration says, and the oldest end.
#[tokio::test]
async fn s2_beyond_the_limit_the_oldest_session_ends() {
    for most in [1, 2] {
        let house = House::over(&[("session.most_per_person", &most.to_string())]).await;
        house.with(&HOA).await;
        let portal = Portal::new(&house, "portal-a").await;
        let mut browsers = Vec::new();
        for _ in 0..4 {
            browsers.push(signed_in(&house, &portal).await.0);
            house.after(minutes(5));
        }
        for (place, mut browser) in browsers.into_iter().enumerate() {
            let page = portal.ask(&mut browser, &[("prompt", "none")]).await;
            if place + most >= 4 {
                page.code();
            } else {
                assert_eq!(page.error(), "login_required", "{most} {place}");
            }
        }
    }
}

#[tokio::test]
async fn account_pages_close_after_a_quarter_of_an_hour() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, _) = signed_in(&house, &portal).await;
    browser.open("/account").await.is(200).has(HOA.name);
    house.after(minutes(14));
    browser.open("/account").await.is(200).has(HOA.name);
    house.after(seconds(901));
    asks_to_sign_in(&browser.open("/account").await);
    // Single sign-on still works, and a new sign-in opens the pages again.
    portal.ask(&mut browser, &[]).await.code();
    house.after(seconds(901));
    let page = browser.open("/account").await;
    let page = house.sign_in(&mut browser, &page, &HOA).await;
    page.is(200).at("/account");
}

#[tokio::test]
async fn t6_i15_the_clock_set_back_revives_no_session() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, _) = signed_in(&house, &portal).await;
    house.after(minutes(61));
    asks_to_sign_in(&portal.ask(&mut browser, &[]).await);
    house.clock.set(START.plus(minutes(5)));
    asks_to_sign_in(&portal.ask(&mut browser, &[]).await);

    let (mut browser, _) = signed_in(&house, &portal).await;
    let page = browser.open("/account").await;
    browser.press(&page, "/logout/all", &[]).await;
    house.clock.set(START);
    asks_to_sign_in(&portal.ask(&mut browser, &[]).await);
}

#[tokio::test]
async fn t6_i15_the_clock_set_back_revives_no_code() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let page = house.ask_code(&mut browser, &page, &HOA).await;
    let code = house.code_for(&HOA).await;
    house.after(minutes(11));
    browser.submit(&page, "/code", &[("code", &code)]).await.is(422);
    house.clock.set(START.plus(minutes(1)));
    browser.press(&page, &format!("/signin/{}/code", page.flow()), &[("code", &code)]).await.is(422);
    assert!(browser.session().is_none());

    let (_, answer) = signed_in(&house, &portal).await;
    let code = answer.code();
    house.after(seconds(61));
    assert_eq!(portal.redeem(&house, &code).await.0, 400);
    house.clock.set(START.plus(minutes(1)));
    assert_eq!(portal.redeem(&house, &code).await.0, 400);
}

#[tokio::test]
async fn t6_i15_the_clock_set_back_revives_no_refresh_token() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await.asking("openid offline_access");
    let (_, answer) = signed_in(&house, &portal).await;
    let first = portal.tokens(&house, &answer).await["refresh_token"].clone();
    house.after(days(15));
    assert_eq!(portal.refresh(&house, &first, None).await.0, 400);
    house.clock.set(START.plus(minutes(1)));
    assert_eq!(portal.refresh(&house, &first, None).await.0, 400);
}

#[tokio::test]
async fn p6_prompt_login_really_asks_and_auth_time_is_true() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, answer) = signed_in(&house, &portal).await;
    assert_eq!(id_token(&house, &portal, &answer).await["auth_time"], json!(START.seconds()));
    house.after(minutes(10));
    let sso = portal.ask(&mut browser, &[]).await;
    assert_eq!(id_token(&house, &portal, &sso).await["auth_time"], json!(START.seconds()));
    let before = browser.session().cloned();
    let page = portal.ask(&mut browser, &[("prompt", "login")]).await;
    asks_to_sign_in(&page);
    let again = house.sign_in(&mut browser, &page, &HOA).await;
    assert_eq!(id_token(&house, &portal, &again).await["auth_time"], json!(START.seconds() + 600));
    assert_ne!(browser.session().cloned(), before);
}

#[tokio::test]
async fn p6_max_age_counts_from_the_sign_in() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, _) = signed_in(&house, &portal).await;
    house.after(seconds(60));
    let answer = portal.ask(&mut browser, &[("max_age", "60")]).await;
    assert_eq!(id_token(&house, &portal, &answer).await["auth_time"], json!(START.seconds()));
    house.after(seconds(1));
    asks_to_sign_in(&portal.ask(&mut browser, &[("max_age", "60")]).await);
    assert_eq!(portal.ask(&mut browser, &[("max_age", "60"), ("prompt", "none")]).await.error(), "login_required");
    portal.ask(&mut browser, &[("max_age", "61")]).await.code();
    let page = portal.ask(&mut browser, &[("max_age", "0")]).await;
    asks_to_sign_in(&page);
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    assert_eq!(id_token(&house, &portal, &answer).await["auth_time"], json!(START.seconds() + 61));
}

const LEVEL_2: (&str, &str) = ("claims", r#"{"id_token":{"acr":{"essential":true,"values":["urn:dinhdanh:acr:2"]}}}"#);

#[tokio::test]
async fn i7_step_up_states_what_was_proven_and_when() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, answer) = signed_in(&house, &portal).await;
    let low = id_token(&house, &portal, &answer).await;
    assert_eq!((&low["amr"], &low["authentication_level"]), (&json!(["sms"]), &json!(1)));
    assert_eq!(low["acr"], "urn:dinhdanh:acr:1");
    house.after(minutes(5));
    assert_eq!(portal.ask(&mut browser, &[LEVEL_2, ("prompt", "none")]).await.error(), "interaction_required");
    let page = portal.ask(&mut browser, &[LEVEL_2]).await;
    page.at("/step-up").has("Needed: sign-in level 2");
    let old = browser.clone();
    let step_up = format!("/signin/{}/step-up", page.flow());
    let start = browser.open(&format!("/signin/{}", page.flow())).await;
    let up = browser.press(&start, &step_up, &[("action", "password")]).await;
    let mut page = browser.submit(&up, "/password", &[("password", &HOA.password())]).await;
    if page.path.ends_with("/offer-passkey") {
        page = browser.submit(&page, "/offer-passkey", &[("action", "skip")]).await;
    }
    let high = id_token(&house, &portal, &page).await;
    assert_eq!((&high["amr"], &high["authentication_level"]), (&json!(["pwd", "sms", "mfa"]), &json!(2)));
    assert_eq!(high["acr"], "urn:dinhdanh:acr:2");
    // As old as the oldest proof it rests on.
    assert_eq!(high["auth_time"], json!(START.seconds()));
    assert_eq!(high["sub"], low["sub"]);
    // D3: raised, the session has a new name, and the old one is dead.
    assert_ne!(browser.session(), old.session());
    let mut old = old;
    asks_to_sign_in(&portal.ask(&mut old, &[]).await);
}

#[tokio::test]
async fn i7_a_session_of_long_ago_lends_no_factor() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, _) = signed_in(&house, &portal).await;
    house.after(minutes(31));
    let page = portal.ask(&mut browser, &[LEVEL_2]).await;
    page.at("/step-up");
    let step_up = format!("/signin/{}/step-up", page.flow());
    let start = browser.open(&format!("/signin/{}", page.flow())).await;
    let page = browser.press(&start, &step_up, &[("action", "password")]).await;
    let page = browser.submit(&page, "/password", &[("password", &HOA.password())]).await;
    // The password alone is one factor: the text message of half an hour ago does not count with it.
    page.at("/method");
    portal.ask(&mut browser, &[LEVEL_2]).await.at("/step-up");
    let page = browser.submit(&page, "/method", &[("method", "sms")]).await;
    let code = house.code_for(&HOA).await;
    let mut page = browser.submit(&page, "/code", &[("code", &code)]).await;
    if page.path.ends_with("/offer-passkey") {
        page = browser.submit(&page, "/offer-passkey", &[("action", "skip")]).await;
    }
    let high = id_token(&house, &portal, &page).await;
    assert_eq!((&high["amr"], &high["authentication_level"]), (&json!(["pwd", "sms", "mfa"]), &json!(2)));
    assert_eq!(high["auth_time"], json!(START.seconds() + 31 * 60));
}

#[tokio::test]
async fn p6_what_cannot_be_met_is_an_error_never_a_lower_token() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, _) = signed_in(&house, &portal).await;
    let three = ("claims", r#"{"id_token":{"acr":{"essential":true,"values":["urn:dinhdanh:acr:3"]}}}"#);
    assert_eq!(portal.ask(&mut browser, &[three]).await.error(), "unmet_authentication_requirements");
    // Voluntary: the true level is told.
    let answer = portal.ask(&mut browser, &[("acr_values", "urn:dinhdanh:acr:3")]).await;
    assert_eq!(id_token(&house, &portal, &answer).await["authentication_level"], json!(1));
}

/// C9: the portal hears whether its demand cannot be met or the person did not want to.
#[tokio::test]
async fn c9_going_back_is_a_no_and_only_what_cannot_be_had_is_unmet() {
    let voluntary = ("acr_values", "urn:dinhdanh:acr:2");
    let proven = r#"{"id_token":{"acr":{"essential":true,"values":["http://eidas.europa.eu/LoA/substantial"]}}}"#;
    let house = House::new().await;
    house.with(&HOA).await;
    house.with_phone(&MINH).await;
    let portal = Portal::new(&house, "portal-a").await;
    for (citizen, asked, told, error) in [
        // A password and a code would do, so whoever leaves says no.
        (&HOA, voluntary, "Not now, back to", "access_denied"),
        (&HOA, LEVEL_2, "Not now, back to", "access_denied"),
        // A phone alone never does.
        (&MINH, LEVEL_2, "Back to", "unmet_authentication_requirements"),
        // Nor does any sign-in where the account itself is not proven.
        (&HOA, ("claims", proven), "Back to", "unmet_authentication_requirements"),
    ] {
        for leave in ["/step-up", "/cancel"] {
            house.after(minutes(31));
            let mut browser = house.browser();
            if asked.1 == proven {
                let page = browser.open("/account/passkeys").await;
                house.sign_in_twice(&mut browser, &page, citizen).await.at("/account/passkeys");
            } else {
                let page = browser.open("/account").await;
                house.sign_in(&mut browser, &page, citizen).await.at("/account");
            }
            let page = portal.ask(&mut browser, &[asked]).await;
            page.at("/step-up").has(told);
            let left = browser.submit(&page, leave, &[("action", "cancel")]).await;
            assert_eq!(left.error(), error, "{} {asked:?} {leave}", citizen.name);
        }
    }
    // Before anybody signed in there is nothing to meet: whoever leaves says no.
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[LEVEL_2]).await;
    assert_eq!(browser.submit(&page, "/cancel", &[("action", "cancel")]).await.error(), "access_denied");
}

#[tokio::test]
async fn c27_the_operators_list_names_the_place_and_the_address_is_not_kept() {
    let list = std::env::temp_dir().join(format!("dinhdanh-places-{}.csv", std::process::id()));
    std::fs::write(&list, "203.0.113.0/24,Hà Nội\n").unwrap();
    let file = list.to_str().unwrap();
    let house = House::over(&[("session.places_file", file), ("limits.trust_proxy", "x-forwarded-for")]).await;
    std::fs::remove_file(&list).unwrap();
    let who = house.with(&HOA).await;
    for (address, place) in [("203.0.113.9", "Place: Hà Nội"), ("198.51.100.1", "Place not known")] {
        house.after(minutes(3));
        let mut browser = house.browser();
        browser.forwarded = address.to_owned();
        let page = browser.open("/account").await;
        house.sign_in(&mut browser, &page, &HOA).await.is(200);
        browser.open("/account/sessions").await.is(200).has(place).lacks(address);
    }
    let kept = store::session::list_for(&house.services.db, who, house.clock.now()).await.unwrap();
    assert!(!format!("{kept:?}").contains("203.0.113"));
}
