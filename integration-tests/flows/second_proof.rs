//! Changing ways to sign in without a strong one: a code sent to a phone is never enough, a printed code beside it is.

use crate::kit::authenticator::Device;
use crate::kit::{Browser, HOA, House, Page, minutes};
use dinhdanh::flow::create_account;

/// Hoa with a phone, and with printed codes if wanted.
async fn hoa(codes: bool) -> (House, Vec<String>) {
    let house = House::new().await;
    let who = house.with_phone(&HOA).await;
    let mut made = Vec::new();
    if codes {
        let mut tx = house.services.db.begin().await.unwrap();
        made = create_account::new_recovery_codes(&house.services, &mut tx, who).await.unwrap();
        tx.commit().await.unwrap();
    }
    (house, made)
}

/// Signs in to the account with a message and asks for a passkey, up to what Hoa has to prove besides.
async fn ask_change(house: &House) -> (Browser, Page) {
    let mut browser = house.browser();
    let page = browser.open("/account").await;
    let page = house.sign_in(&mut browser, &page, &HOA).await;
    page.is(200).at("/account");
    house.after(minutes(3));
    let page = browser.open("/account/passkeys").await;
    let page = browser.press(&page, "/account/passkeys", &[]).await;
    page.is(200).asks_who();
    let page = house.sign_in(&mut browser, &page, &HOA).await;
    (browser, page)
}

async fn add_passkey(browser: &mut Browser, page: &Page) -> Page {
    let options = browser.send("/account/passkeys/options", &[("csrf", &page.csrf())]).await;
    options.is(200);
    let credential = Device::default().make(&options.body).await;
    browser.submit(page, "/account/passkeys", &[("credential", &credential)]).await
}

#[tokio::test]
async fn c10_a_phone_and_a_printed_code_add_a_passkey() {
    let (house, codes) = hoa(true).await;
    let (mut browser, page) = ask_change(&house).await;
    page.is(200).at("/step-up").has("Prove a second time").has("Use a printed code");
    // P5: until then the message alone gets nothing.
    let options = browser.send("/account/passkeys/options", &[("csrf", &page.csrf())]).await;
    options.is(403);
    let page = browser.submit(&page, "/step-up", &[("action", "other")]).await;
    page.at("/recovery");
    let page = browser.submit(&page, "/recovery", &[("code", "AAAA-AAAA")]).await;
    page.is(422);
    let page = browser.submit(&page, "/recovery", &[("code", &codes[0])]).await;
    page.is(200).at("/account/passkeys");
    add_passkey(&mut browser, &page).await.is(200).has("Passkey added");
}

#[tokio::test]
async fn c10_a_phone_and_a_printed_code_set_a_password() {
    let (house, codes) = hoa(true).await;
    let (mut browser, page) = ask_change(&house).await;
    let page = browser.submit(&page, "/step-up", &[("action", "other")]).await;
    browser.submit(&page, "/recovery", &[("code", &codes[1])]).await.at("/account/passkeys");
    let page = crate::account::past_stop(&mut browser, "/account/password").await;
    let page = browser.submit(&page, "/password", &[("new_password", "bon con meo den tren mai")]).await;
    page.is(200).has("New password saved");
}

/// The other order: a printed code first, then the phone.
#[tokio::test]
async fn c10_a_printed_code_needs_the_phone_beside_it() {
    let (house, codes) = hoa(true).await;
    let mut browser = house.browser();
    let page = browser.open("/account").await;
    let page = house.sign_in(&mut browser, &page, &HOA).await;
    house.after(minutes(3));
    let page = browser.press(&page, "/account/passkeys", &[]).await;
    let page = house.identify(&mut browser, &page, &HOA).await;
    let page = browser.submit(&page, "/method", &[("method", "recovery")]).await;
    let page = browser.submit(&page, "/recovery", &[("code", &codes[0])]).await;
    page.is(200).at("/step-up").has("Use another code");
    let page = browser.submit(&page, "/step-up", &[("action", "other")]).await;
    page.at("/method");
    let page = browser.submit(&page, "/method", &[("method", "sms")]).await;
    let code = house.code_for(&HOA).await;
    let page = browser.submit(&page, "/code", &[("code", &code)]).await;
    page.is(200).at("/account/passkeys");
    add_passkey(&mut browser, &page).await.is(200).has("Passkey added");
}

/// Neither a circle nor a way round: a page that says what to do.
#[tokio::test]
async fn c10_nothing_but_a_phone_is_told_what_to_do() {
    let (house, _) = hoa(false).await;
    let (mut browser, page) = ask_change(&house).await;
    page.is(200)
        .at("/step-up")
        .has("nothing but a phone number")
        .has("identification counter")
        .has("href=\"/account\"");
    page.lacks("name=\"action\"");
    let flow = page.flow();
    let home = browser.open("/account").await;
    home.is(200);
    browser.send("/account/passkeys/options", &[("csrf", &home.csrf())]).await.is(403);
    for (path, fields) in [
        ("/account/password", [("new_password", "bon con meo den tren mai")]),
        ("/account/recovery-codes", [("action", "renew")]),
    ] {
        // What the form asks for is signing in again, not a way in.
        browser.press(&home, path, &fields).await.asks_who();
    }
    let again = browser.open(&format!("/signin/{flow}/next")).await;
    again.at("/step-up").has("nothing but a phone number");
}
