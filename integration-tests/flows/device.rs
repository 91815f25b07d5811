//! Devices (RFC 8628): from the code on the device to its tokens, and everything that must not lead there (Q1, E9, B2).

use crate::kit::{Browser, HOA, House, MINH, Page, Portal, minutes, seconds};
use dinhdanh::base::Clock;
use dinhdanh::identity::PersonStatus;
use dinhdanh::store;
use dinhdanh::store::client::ClientStatus;
use serde_json::{Value, json};

pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub async fn tv(house: &House, over: Value) -> Portal {
    let mut metadata = json!({
        "grant_types": ["authorization_code", "refresh_token", DEVICE_CODE],
        "scope": "openid profile levels offline_access report",
    });
    for (name, value) in over.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    Portal::with(house, "film", metadata).await
}

/// What a device is answered.
pub async fn begun(house: &House, tv: &Portal) -> Value {
    let (status, answer) = tv.call(house, "/device_authorization", &[("scope", "openid")]).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

pub async fn poll(house: &House, portal: &Portal, device_code: &Value) -> (u16, Value) {
    let fields = [("grant_type", DEVICE_CODE), ("device_code", device_code.as_str().unwrap())];
    portal.call(house, "/token", &fields).await
}

pub fn error(answer: &(u16, Value)) -> &str {
    assert_eq!(answer.0, 400, "{}", answer.1);
    assert!(answer.1.get("access_token").is_none());
    answer.1["error"].as_str().unwrap()
}

/// Types the code in: up to the page that says who asks.
pub async fn typed(browser: &mut Browser, code: &Value) -> Page {
    let page = browser.open("/device").await;
    browser.submit(&page, "/device", &[("user_code", code.as_str().unwrap())]).await
}

/// From the page that says who asks to the decision.
pub async fn at_decision(house: &House, browser: &mut Browser, page: &Page) -> Page {
    page.at("/asked");
    let page = browser.submit(page, "/asked", &[("answer", "no")]).await;
    let page = house.sign_in(browser, &page, &HOA).await;
    page.at("/decide");
    page
}

pub async fn allow(house: &House, browser: &mut Browser, answer: &Value) -> Page {
    let page = typed(browser, &answer["user_code"]).await;
    let page = at_decision(house, browser, &page).await;
    browser.submit(&page, "/decide", &[("action", "allow")]).await
}

#[tokio::test]
async fn a_person_lets_a_device_in() {
    let house = House::new().await;
    house.with(&HOA).await;
    let tv = tv(&house, json!({})).await;
    let answer = begun(&house, &tv).await;
    assert_eq!((&answer["expires_in"], &answer["interval"]), (&json!(600), &json!(5)));
    assert_eq!(answer["verification_uri"], json!("https://id.example.vn/device"));
    let complete = answer["verification_uri_complete"].as_str().unwrap();
    assert_eq!(error(&poll(&house, &tv, &answer["device_code"]).await), "authorization_pending");

    let mut browser = house.browser();
    let page = browser.open(complete.strip_prefix("https://id.example.vn").unwrap()).await;
    page.is(200).has(answer["user_code"].as_str().unwrap());
    let page = browser.submit(&page, "/device", &[("user_code", answer["user_code"].as_str().unwrap())]).await;
    page.at("/asked").has("Portal film").has("film.example");
    let page = at_decision(&house, &mut browser, &page).await;
    page.has(HOA.name);
    assert_eq!(error(&poll(&house, &tv, &answer["device_code"]).await), "slow_down");
    let page = browser.submit(&page, "/decide", &[("action", "allow")]).await;
    page.is(200).has("Go back to your device");

    let (status, tokens) = poll(&house, &tv, &answer["device_code"]).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tv.userinfo(&house, &tokens["access_token"]).await.0, 200);
    assert!(tv.is_active(&house, &tokens["access_token"]).await);
    assert_eq!(tv.refresh(&house, &tokens["refresh_token"], None).await.0, 200);

    // Once: a second redemption shows that it was stolen.
    assert_eq!(error(&poll(&house, &tv, &answer["device_code"]).await), "invalid_grant");
    assert!(!tv.is_active(&house, &tokens["access_token"]).await, "the family lives on");
    // And its code opens nothing any more.
    typed(&mut house.browser(), &answer["user_code"]).await.is(422);
}

#[tokio::test]
async fn q1_an_address_alone_begins_nothing() {
    let house = House::new().await;
    house.with(&HOA).await;
    let tv = tv(&house, json!({})).await;
    let answer = begun(&house, &tv).await;
    let mut browser = house.browser();
    let page = browser.open("/signin").await;
    house.sign_in(&mut browser, &page, &HOA).await.at("/account");
    let code = answer["user_code"].as_str().unwrap();
    for path in [format!("/device?user_code={code}"), format!("/device?user_code={code}&action=allow&answer=no")] {
        let page = browser.fetch(&path).await;
        page.is(200).has("name=\"user_code\"");
    }
    for wrong in ["", "x"] {
        browser.send("/device", &[("csrf", wrong), ("user_code", code)]).await.is(403);
    }
    let csrf = browser.open("/device").await.csrf();
    browser.send_from("https://evil.example", "/device", &[("csrf", &csrf), ("user_code", code)]).await.is(403);
    assert_eq!(error(&poll(&house, &tv, &answer["device_code"]).await), "authorization_pending");
}

#[tokio::test]
async fn q1_p1_no_step_is_skipped() {
    let house = House::new().await;
    house.with(&HOA).await;
    let tv = tv(&house, json!({})).await;
    let answer = begun(&house, &tv).await;
    let mut browser = house.browser();
    // Somebody signed in already: neither question may be jumped for that.
    let page = browser.open("/signin").await;
    house.sign_in(&mut browser, &page, &HOA).await.at("/account");
    let page = typed(&mut browser, &answer["user_code"]).await;
    let (flow, csrf) = (page.flow(), page.csrf());
    for (step, name, value) in [("decide", "action", "allow"), ("consent", "action", "accept"), ("asked", "", "")] {
        let fields = [("csrf", csrf.as_str()), (name, value)];
        browser.send(&format!("/signin/{flow}/{step}"), &fields).await;
        browser.open(&format!("/signin/{flow}/next")).await.at("/asked");
        house.after(seconds(6));
        assert_eq!(error(&poll(&house, &tv, &answer["device_code"]).await), "authorization_pending", "{step}");
    }
    let page = browser.submit(&page, "/asked", &[("answer", "no")]).await;
    // C6 first: whose session it is.
    page.at("/continue");
    browser.send(&format!("/signin/{flow}/decide"), &[("csrf", &csrf), ("action", "allow")]).await;
    house.after(seconds(6));
    assert_eq!(error(&poll(&house, &tv, &answer["device_code"]).await), "authorization_pending");
    let page = browser.submit(&page, "/continue", &[("action", "continue")]).await;
    page.at("/decide");
    // Another browser, or the wrong token, decides nothing.
    house.browser().send(&format!("/signin/{flow}/decide"), &[("csrf", &csrf), ("action", "allow")]).await.is(403);
    let page = browser.submit(&page, "/decide", &[("action", "allow")]).await;
    page.has("Go back to your device");
    assert_eq!(poll(&house, &tv, &answer["device_code"]).await.0, 200);
}

#[tokio::test]
async fn refused_or_told_to_by_a_caller_the_device_stays_out() {
    let house = House::new().await;
    house.with(&HOA).await;
    let tv = tv(&house, json!({})).await;
    // Refused at the first question, without signing in.
    for (answer, words) in [("refuse", "Refused"), ("yes", "Hang up")] {
        let asked = begun(&house, &tv).await;
        let mut browser = house.browser();
        let page = typed(&mut browser, &asked["user_code"]).await;
        browser.submit(&page, "/asked", &[]).await.is(422).at("/asked");
        browser.submit(&page, "/asked", &[("answer", answer)]).await.has(words);
        assert_eq!(error(&poll(&house, &tv, &asked["device_code"]).await), "access_denied", "{answer}");
        typed(&mut house.browser(), &asked["user_code"]).await.is(422);
    }
    // Refused at the last one.
    let asked = begun(&house, &tv).await;
    let mut browser = house.browser();
    let page = typed(&mut browser, &asked["user_code"]).await;
    let page = at_decision(&house, &mut browser, &page).await;
    browser.submit(&page, "/decide", &[("action", "deny")]).await.has("Refused");
    assert_eq!(error(&poll(&house, &tv, &asked["device_code"]).await), "access_denied");
    // Allowing afterwards comes too late.
    browser.press(&page, &format!("/signin/{}/decide", page.flow()), &[("action", "allow")]).await;
    assert_eq!(error(&poll(&house, &tv, &asked["device_code"]).await), "access_denied");
}

#[tokio::test]
async fn q1_five_wrong_codes_shut_a_network_out_for_a_while() {
    let house = House::new().await;
    house.with(&HOA).await;
    let tv = tv(&house, json!({})).await;
    let asked = begun(&house, &tv).await;
    for code in ["BBBB-BBBB", "CCCC-CCCC", "DDDD-DDDD", "FFFF-FFFF", "GGGG-GGGG"] {
        typed(&mut house.browser(), &json!(code)).await.is(422).has("No device is waiting");
    }
    // What has not the form of a code is no try, and the right code is none either once the door is shut.
    typed(&mut house.browser(), &json!("1234")).await.is(422).has("8 letters");
    typed(&mut house.browser(), &asked["user_code"]).await.is(422).has("Try again from");
    house.after(minutes(9));
    typed(&mut house.browser(), &asked["user_code"]).await.is(422);
    house.after(minutes(2));
    let asked = begun(&house, &tv).await;
    typed(&mut house.browser(), &asked["user_code"]).await.at("/asked");
}

#[tokio::test]
async fn a_code_ends_after_ten_minutes_and_stays_ended() {
    let house = House::new().await;
    house.with(&HOA).await;
    let tv = tv(&house, json!({})).await;
    let asked = begun(&house, &tv).await;
    let mut browser = house.browser();
    let page = typed(&mut browser, &asked["user_code"]).await;
    let page = at_decision(&house, &mut browser, &page).await;
    house.after(minutes(10));
    browser.submit(&page, "/decide", &[("action", "allow")]).await.has("This request is over");
    assert_eq!(error(&poll(&house, &tv, &asked["device_code"]).await), "expired_token");
    house.clock.set(house.clock.now().minus(minutes(5)));
    assert_eq!(error(&poll(&house, &tv, &asked["device_code"]).await), "expired_token", "a clock set back");

    // Approved in time and fetched too late.
    let asked = begun(&house, &tv).await;
    allow(&house, &mut house.browser(), &asked).await;
    house.after(minutes(11));
    assert_eq!(error(&poll(&house, &tv, &asked["device_code"]).await), "expired_token");
    house.clock.set(house.clock.now().minus(minutes(8)));
    assert_ne!(poll(&house, &tv, &asked["device_code"]).await.0, 200, "a clock set back");
}

#[tokio::test]
async fn b1_b2_a_device_code_is_its_clients_and_opens_no_other_door() {
    let house = House::new().await;
    house.with(&HOA).await;
    let tv = tv(&house, json!({})).await;
    let other = Portal::with(
        &house,
        "other",
        json!({ "grant_types": ["authorization_code", "refresh_token", DEVICE_CODE], "scope": "openid" }),
    )
    .await;
    let asked = begun(&house, &tv).await;
    let code = asked["device_code"].as_str().unwrap();
    // Waiting: another client hears as of nothing, and nothing happens.
    assert_eq!(error(&poll(&house, &other, &asked["device_code"]).await), "invalid_grant");
    allow(&house, &mut house.browser(), &asked).await;
    // At other doors it is nothing, and is not used up by that.
    assert_eq!(error(&tv.redeem(&house, code).await), "invalid_grant");
    assert_eq!(error(&tv.refresh(&house, &asked["device_code"], None).await), "invalid_grant");
    let as_ciba = [("grant_type", "urn:openid:params:grant-type:ciba"), ("auth_req_id", code)];
    assert_eq!(error(&tv.call(&house, "/token", &as_ciba).await), "invalid_grant");
    let (_, answer) = tv.call(&house, "/introspect", &[("token", code)]).await;
    assert_eq!(answer, json!({"active": false}));
    // Nor is a code of the browser anything here.
    house.after(minutes(1));
    let mut browser = house.browser();
    let page = tv.ask(&mut browser, &[]).await;
    let browser_code = house.sign_in(&mut browser, &page, &HOA).await.code();
    assert_eq!(error(&poll(&house, &tv, &json!(browser_code)).await), "invalid_grant");
    assert_eq!(error(&poll(&house, &tv, &asked["user_code"]).await), "invalid_grant");
    assert_eq!(tv.redeem(&house, &browser_code).await.0, 200, "untouched");
    // Approved: in wrong hands it is dead (B1).
    assert_eq!(error(&poll(&house, &other, &asked["device_code"]).await), "invalid_grant");
    assert_ne!(poll(&house, &tv, &asked["device_code"]).await.0, 200);
}

#[tokio::test]
async fn e9_locked_or_switched_off_between_approval_and_redemption() {
    for what in ["person", "client", "consent"] {
        let house = House::new().await;
        let who = house.with(&HOA).await;
        let tv = tv(&house, json!({})).await;
        let asked = begun(&house, &tv).await;
        allow(&house, &mut house.browser(), &asked).await;
        let now = house.clock.now();
        let mut tx = house.services.db.begin().await.unwrap();
        match what {
            "person" => {
                store::person::update_status(&mut tx, who, PersonStatus::Locked, Some("test"), now).await.unwrap();
            }
            "client" => {
                store::client::set_status(&mut tx, "film", ClientStatus::Disabled, now).await.unwrap();
            }
            _ => {
                store::grant::end_for_person_and_client(&mut tx, who, "film", "consent_ended", now).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
        house.services.clients.forget("film").await;
        let (status, answer) = poll(&house, &tv, &asked["device_code"]).await;
        let expected = if what == "client" { "invalid_client" } else { "access_denied" };
        assert!(status >= 400 && answer["error"] == json!(expected), "{what}: {status} {answer}");
        // Opened again, it stays refused.
        let mut tx = house.services.db.begin().await.unwrap();
        store::person::update_status(&mut tx, who, PersonStatus::Active, None, now).await.unwrap();
        tx.commit().await.unwrap();
        assert_ne!(poll(&house, &tv, &asked["device_code"]).await.0, 200, "{what}");
    }
}

#[tokio::test]
async fn q1_the_highest_levels_are_not_for_devices() {
    let house = House::new().await;
    let tv = tv(&house, json!({})).await;
    let high = r#"{"id_token":{"acr":{"essential":true,"values":["http://eidas.europa.eu/LoA/high"]}}}"#;
    let fields = [("scope", "openid"), ("claims", high)];
    let answer = tv.call(&house, "/device_authorization", &fields).await;
    assert_eq!(error(&answer), "unauthorized_client");
    let portal = Portal::new(&house, "portal").await;
    assert_eq!(
        error(&portal.call(&house, "/device_authorization", &[("scope", "openid")]).await),
        "unauthorized_client"
    );
    assert_eq!(error(&tv.call(&house, "/device_authorization", &[("scope", "report")]).await), "invalid_scope");
    let nobody = [("client_id", "film"), ("client_secret", "wrong"), ("scope", "openid")];
    house.browser().send("/device_authorization", &nobody).await.is(401);
}

/// Levels and consent are judged as at any sign-in, in the same pages.
#[tokio::test]
async fn levels_and_consent_stand_between() {
    let house = House::new().await;
    house.with(&HOA).await;
    let sharing = json!({ "minimum_authentication_level": 2, "sharing": {
        "claims": ["name"], "purpose": { "vi": "Xem phim", "en": "To watch films" },
        "legal_basis": "Luật thử nghiệm", "basis_kind": "consent", "term_days": 365,
    }});
    let tv = tv(&house, sharing).await;
    let (_, asked) = tv.call(&house, "/device_authorization", &[("scope", "openid profile")]).await;
    let mut browser = house.browser();
    let page = typed(&mut browser, &asked["user_code"]).await;
    let page = browser.submit(&page, "/asked", &[("answer", "no")]).await;
    let page = house.sign_in_twice(&mut browser, &page, &HOA).await;
    page.at("/consent");
    let mut page = browser.submit(&page, "/consent", &[("action", "accept")]).await;
    if page.path.ends_with("/offer-passkey") {
        page = browser.submit(&page, "/offer-passkey", &[("action", "skip")]).await;
    }
    page.at("/decide").has(HOA.name);
    browser.submit(&page, "/decide", &[("action", "allow")]).await.has("Go back to your device");
    let (_, tokens) = poll(&house, &tv, &asked["device_code"]).await;
    let claims = crate::kit::claims_of(&tokens["id_token"]);
    assert_eq!((&claims["authentication_level"], &claims["acr"]), (&json!(2), &json!("urn:dinhdanh:acr:2")));
    let (_, told) = tv.userinfo(&house, &tokens["access_token"]).await;
    assert_eq!(told["name"], json!(HOA.name));
}

/// A public client: nothing but its name, and still only its own.
#[tokio::test]
async fn a_public_client_asks_too() {
    let house = House::new().await;
    house.with(&HOA).await;
    house.with(&MINH).await;
    let over = json!({ "token_endpoint_auth_method": "none", "grant_types": [DEVICE_CODE], "redirect_uris": [], "response_types": [], "scope": "openid", "post_logout_redirect_uris": [] });
    Portal::with(&house, "box", over).await;
    let fields = [("client_id", "box"), ("scope", "openid")];
    let answer = house.browser().send("/device_authorization", &fields).await;
    let asked: Value = serde_json::from_str(&answer.is(200).body).unwrap();
    allow(&house, &mut house.browser(), &asked).await.has("Go back to your device");
    let code = asked["device_code"].as_str().unwrap();
    let fields = [("client_id", "box"), ("grant_type", DEVICE_CODE), ("device_code", code)];
    let answer = house.browser().send("/token", &fields).await;
    answer.is(200).has("id_token");
}

/// H5: what never was, and never will be.
#[tokio::test]
async fn h5_password_and_implicit_stay_refused() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal").await;
    for grant in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", ""] {
        let fields = [("grant_type", grant), ("username", HOA.number), ("password", &HOA.password())];
        let answer = portal.call(&house, "/token", &fields).await;
        let expected = if grant.is_empty() { "invalid_request" } else { "unsupported_grant_type" };
        assert_eq!(error(&answer), expected, "{grant}");
    }
    for kind in ["token", "id_token", "id_token token", "code token", "code id_token", "none"] {
        let page = portal.ask(&mut house.browser(), &[("response_type", kind)]).await;
        assert_eq!(page.error(), "unsupported_response_type", "{kind}");
    }
}

/// Q1: a session that lies open lets no stranger's device in by two taps: whoever decides signed in a moment ago.
#[tokio::test]
async fn q1_an_old_session_does_not_let_a_device_in() {
    let house = House::new().await;
    house.with(&HOA).await;
    let (tv, portal) = (tv(&house, json!({})).await, Portal::new(&house, "clinic").await);
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    house.sign_in(&mut browser, &page, &HOA).await.code();
    for (later, asks) in [(seconds(240), false), (seconds(120), true)] {
        house.after(later);
        let answer = begun(&house, &tv).await;
        let page = typed(&mut browser, &answer["user_code"]).await;
        page.at("/asked");
        let page = browser.submit(&page, "/asked", &[("answer", "no")]).await;
        if asks {
            page.asks_who();
        } else {
            assert!(!page.body.contains("name=\"identifier\""), "asked again at once: {}", page.path);
        }
    }
}
