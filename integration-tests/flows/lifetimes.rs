//! How long codes, challenges and flows live, to the second.

use crate::kit::authenticator::Device;
use crate::kit::house::START;
use crate::kit::{HOA, House, Portal, minutes, seconds};
use serde_json::json;

#[tokio::test]
async fn t5_a_sent_code_works_for_ten_minutes_and_no_longer() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();

    let page = portal.ask(&mut browser, &[]).await;
    let page = house.ask_code(&mut browser, &page, &HOA).await;
    page.has("It works until 09:10");
    let code = house.code_for(&HOA).await;
    house.after(seconds(599));
    let answer = browser.submit(&page, "/code", &[("code", &code)]).await;
    assert_eq!(answer.answer()["state"], "s-1");
    answer.code();

    let mut late = house.browser();
    let page = portal.ask(&mut late, &[]).await;
    let page = house.ask_code(&mut late, &page, &HOA).await;
    let code = house.code_for(&HOA).await;
    house.after(seconds(601));
    let refused = late.submit(&page, "/code", &[("code", &code)]).await;
    refused.is(422).has("That code has run out. Get a new one.");
    assert!(late.session().is_none());
    // One tap sends another, which works.
    let page = late.submit(&refused, "/code/resend", &[("channel", "sms")]).await;
    page.is(200).at("/code");
    let code = house.code_for(&HOA).await;
    late.submit(&page, "/code", &[("code", &code)]).await.code();
}

#[tokio::test]
async fn an_authorization_code_lives_a_minute() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    for (age, status) in [(59, 200), (60, 400)] {
        let mut browser = house.browser();
        house.after(minutes(2));
        let page = portal.ask(&mut browser, &[]).await;
        let code = house.sign_in(&mut browser, &page, &HOA).await.code();
        house.after(seconds(age));
        let (got, body) = portal.redeem(&house, &code).await;
        assert_eq!(got, status, "{age} s: {body}");
        assert!(status == 200 || body["error"] == "invalid_grant", "{body}");
    }
}

#[tokio::test]
async fn l2_a_passkey_challenge_lives_five_minutes_and_counts_once() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();
    let mut device = device_of(&house, &portal).await;

    let page = portal.ask(&mut browser, &[]).await;
    let answer = device.answer(&Device::challenge(&mut browser, &page).await).await;
    house.after(seconds(301));
    let refused = browser.submit(&page, "/passkey", &[("credential", &answer)]).await;
    refused.has("did not work on this device");
    assert!(browser.session().is_none());

    let answer = device.answer(&Device::challenge(&mut browser, &page).await).await;
    house.after(seconds(299));
    browser.submit(&page, "/passkey", &[("credential", &answer)]).await.code();
    // The same answer opens nothing in another flow, nor in this one again.
    let mut other = house.browser();
    let page = portal.ask(&mut other, &[]).await;
    Device::challenge(&mut other, &page).await;
    other.submit(&page, "/passkey", &[("credential", &answer)]).await.has("did not work on this device");
    assert!(other.session().is_none());
}

/// Signs Hoa in twice over and takes the passkey that is offered.
pub async fn device_of(house: &House, portal: &Portal) -> Device {
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let page = house.identify(&mut browser, &page, &HOA).await;
    let page = browser.submit(&page, "/method", &[("method", "password")]).await;
    let page = browser.submit(&page, "/password", &[("password", &HOA.password())]).await;
    let page = browser.submit(&page, "/method", &[("method", "sms")]).await;
    let code = house.code_for(&HOA).await;
    let page = browser.submit(&page, "/code", &[("code", &code)]).await;
    page.at("/offer-passkey");
    let mut device = Device::default();
    device.accept_offer(&mut browser, &page).await.code();
    assert!(house.texts_to(HOA.phone).await.iter().any(|text| text.contains("passkey")));
    house.after(minutes(3));
    device
}

#[tokio::test]
async fn a_flow_that_stands_still_for_half_an_hour_is_over() {
    let house = House::new().await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    house.after(seconds(1799));
    browser.fetch(&page.path).await.is(200);
    house.after(seconds(1));
    browser.fetch(&page.path).await.is(410).has("ran out after 30 minutes");
    browser.post(&page, &format!("/signin/{}", page.flow()), &[("identifier", HOA.number)]).await.is(410);
}

#[tokio::test]
async fn tokens_say_when_they_began_and_end() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    house.after(seconds(7));
    let tokens = portal.tokens(&house, &answer).await;
    let id = crate::kit::claims_of(&tokens["id_token"]);
    assert_eq!(id["auth_time"], json!(START.seconds()));
    assert_eq!(id["iat"], json!(START.seconds() + 7));
    assert_eq!(id["exp"], json!(START.seconds() + 607));
    assert_eq!((&id["nonce"], &id["aud"]), (&json!("n-1"), &json!("portal-a")));
    house.after(seconds(599));
    assert_eq!(portal.userinfo(&house, &tokens["access_token"]).await.0, 200);
    house.after(seconds(1));
    assert_eq!(portal.userinfo(&house, &tokens["access_token"]).await.0, 401);
    assert!(!portal.is_active(&house, &tokens["access_token"]).await);
}
