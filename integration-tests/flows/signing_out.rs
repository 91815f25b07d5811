//! Signing out: asked by portals (RP-Initiated Logout 1.0), told to them through the browser (Front-Channel Logout 1.0),
//! and the page that says who knows of it (C16).

use crate::kit::{Browser, HOA, House, MINH, Page, Portal, claims_of, days, minutes};
use crate::{ciba, device};
use serde_json::{Value, json};

const CSP: &str = "content-security-policy";

fn framed(id: &str) -> Value {
    json!({ "frontchannel_logout_uri": format!("https://{id}.example/out?a=1"),
        "frontchannel_logout_session_required": true })
}

/// Signed in at a portal: its ID token.
async fn enter(house: &House, browser: &mut Browser, portal: &Portal) -> Value {
    let page = portal.ask(browser, &[]).await;
    let answer = if page.location().is_some() {
        page
    } else if page.path.ends_with("/continue") {
        browser.submit(&page, "/continue", &[("action", "continue")]).await
    } else {
        // Codes are not sent as fast as tests sign in.
        house.after(minutes(2));
        house.sign_in(browser, &page, &HOA).await
    };
    portal.tokens(house, &answer).await["id_token"].clone()
}

fn logout(fields: &[(&str, &str)]) -> String {
    format!("/logout?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
}

/// The addresses in frames of a page.
fn frames(page: &Page) -> Vec<String> {
    let frames = page.body.split("<iframe ").skip(1);
    frames.map(|rest| rest.split('"').nth(1).unwrap().replace("&amp;", "&").replace("&#38;", "&")).collect()
}

fn policy(page: &Page) -> String {
    page.headers.get(CSP).unwrap().to_str().unwrap().to_owned()
}

async fn is_in(house: &House, browser: &Browser) -> bool {
    let mut browser = browser.clone();
    let page = browser.open("/account").await;
    house.clock.advance(std::time::Duration::ZERO);
    page.path == "/account" && page.status == 200
}

#[tokio::test]
async fn the_browser_tells_the_portals_of_this_session_and_no_others() {
    let house = House::new().await;
    house.with(&HOA).await;
    let one = Portal::with(&house, "portal-a", framed("portal-a")).await;
    let two = Portal::with(&house, "portal-b", framed("portal-b")).await;
    let plain = Portal::new(&house, "portal-c").await;
    Portal::with(&house, "portal-d", framed("portal-d")).await;
    let mut browser = house.browser();
    let first = claims_of(&enter(&house, &mut browser, &one).await);
    let second = claims_of(&enter(&house, &mut browser, &two).await);
    enter(&house, &mut browser, &plain).await;
    // Another session of the same person, at a portal that this one did not visit.
    let elsewhere = Portal::with(&house, "portal-e", framed("portal-e")).await;
    enter(&house, &mut house.browser(), &elsewhere).await;

    let account = browser.open("/account").await;
    assert!(!policy(&account).contains("frame-src"), "only where portals are told");
    let page = browser.press(&account, "/logout/all", &[]).await;
    page.is(200).has("Portal portal-a").has("Told through this browser").has("Takes no notice").lacks("portal-e");
    let expected = |id: &str, claims: &Value| {
        let sid = claims["sid"].as_str().unwrap();
        format!("https://{id}.example/out?a=1&iss=https%3A%2F%2Fid.example.vn&sid={sid}")
    };
    assert_eq!(frames(&page), [expected("portal-a", &first), expected("portal-b", &second)]);
    assert!(
        policy(&page).ends_with("; frame-src https://portal-a.example https://portal-b.example"),
        "{}",
        policy(&page)
    );
    assert_eq!(page.body.matches("hidden sandbox=\"allow-scripts allow-same-origin\"").count(), 2);
    // The page without a handle tells nobody anything.
    let empty = browser.open("/signed-out").await;
    assert!(frames(&empty).is_empty() && !policy(&empty).contains("frame-src"));
}

#[tokio::test]
async fn a_portal_that_signs_out_is_led_back_to_after_the_frames() {
    let house = House::new().await;
    house.with(&HOA).await;
    let framed = Portal::with(&house, "portal-a", framed("portal-a")).await;
    let mut browser = house.browser();
    let id_token = enter(&house, &mut browser, &framed).await;
    let back = "https://portal-a.example/bye";
    let query = [("id_token_hint", id_token.as_str().unwrap()), ("post_logout_redirect_uri", back), ("state", "s&1")];
    let page = browser.open(&logout(&query)).await;
    page.is(200).has("id=\"continue\" href=\"https://portal-a.example/bye?state=s%261\" data-onward");
    // Without a script the page goes on by itself, too.
    page.has("<noscript><meta http-equiv=\"refresh\" content=\"5;url=https://portal-a.example/bye?state=s%261\">");
    assert_eq!(frames(&page).len(), 1);
    assert!(browser.session().is_none());
    // A client that is switched off gets no frame any more; one without frames is led back to at once.
    let plain = Portal::new(&house, "portal-b").await;
    let id_token = enter(&house, &mut browser, &plain).await;
    let query =
        [("id_token_hint", id_token.as_str().unwrap()), ("post_logout_redirect_uri", "https://portal-b.example/bye")];
    assert_eq!(browser.open(&logout(&query)).await.location(), Some("https://portal-b.example/bye"));
}

#[tokio::test]
async fn every_page_on_which_this_session_ends_tells_the_portals() {
    for way in ["session", "freeze", "report"] {
        let house = House::new().await;
        house.with(&HOA).await;
        let portal = Portal::with(&house, "portal-a", framed("portal-a")).await;
        let mut browser = house.browser();
        enter(&house, &mut browser, &portal).await;
        let page = match way {
            "session" => {
                let page = browser.open("/account/sessions").await;
                browser.submit(&page, "/end", &[]).await
            }
            "freeze" => {
                let page = browser.open("/account/freeze").await;
                browser.submit(&page, "/account/freeze", &[]).await
            }
            _ => {
                let page = browser.open("/account/not-me").await;
                browser.submit(&page, "/account/not-me", &[("action", "freeze")]).await
            }
        };
        assert_eq!(frames(&page.is(200).clone()).len(), 1, "{way}: {}", page.text());
        assert!(policy(&page).ends_with("frame-src https://portal-a.example"), "{way}");
        assert!(!is_in(&house, &browser).await, "{way}");
    }
}

/// RP-Initiated Logout 1.0 section 2, each part of a request that does not fit.
#[tokio::test]
async fn nobody_is_led_away_or_signed_out_by_a_request_that_does_not_fit() {
    let house = House::new().await;
    house.with(&HOA).await;
    house.with(&MINH).await;
    let portal = Portal::new(&house, "portal-a").await;
    let other = Portal::new(&house, "portal-b").await;
    let mut browser = house.browser();
    let own = enter(&house, &mut browser, &portal).await;
    let own = own.as_str().unwrap();
    let of_another_session = enter(&house, &mut house.browser(), &portal).await;
    let of_another_session = of_another_session.as_str().unwrap();
    let bye = "https://portal-a.example/bye";
    let changed = format!("{}A", &own[..own.len() - 2]);
    let access = portal.call(&house, "/token", &[("grant_type", "client_credentials"), ("scope", "report")]).await.1;
    let access = access["access_token"].as_str().unwrap();
    // A question first, and "stay" leads back only where the address is the registered one of the client that asks.
    type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);
    let asked: &[Case<'_>] = &[
        (&[], None),
        (&[("state", "s")], None),
        (&[("client_id", "portal-a")], None),
        (&[("client_id", "portal-a"), ("post_logout_redirect_uri", bye)], Some(bye)),
        (&[("client_id", "nobody"), ("post_logout_redirect_uri", bye)], None),
        (&[("post_logout_redirect_uri", bye), ("state", "s")], None),
        (&[("id_token_hint", of_another_session), ("post_logout_redirect_uri", bye)], Some(bye)),
        // What is no ID token of ours proves nothing, and whoever sends it is not led anywhere.
        (&[("id_token_hint", &changed), ("post_logout_redirect_uri", bye)], None),
        (&[("id_token_hint", &changed), ("client_id", "portal-a"), ("post_logout_redirect_uri", bye)], None),
        (&[("id_token_hint", access), ("client_id", "portal-a"), ("post_logout_redirect_uri", bye)], None),
    ];
    for (query, back) in asked {
        let page = browser.open(&logout(query)).await;
        page.is(200).at(page.path.trim_start_matches("/logout/confirm")).has("id=\"sign-out\"");
        assert!(page.path.starts_with("/logout/confirm"), "{query:?}");
        let target = back.map(|_| "form-action 'self' https://portal-a.example");
        assert_eq!(policy(&page).contains("https://portal-a.example"), target.is_some(), "{query:?}");
        let page = browser.submit(&page, "/logout/confirm", &[("action", "stay")]).await;
        assert_eq!(page.location().and_then(|to| to.split('?').next()), *back, "{query:?}: {}", page.path);
        assert!(is_in(&house, &browser).await, "{query:?}");
    }
    // Parts that contradict each other, or cannot be read.
    let too_long = "s".repeat(2_049);
    let refused: &[&[(&str, &str)]] = &[
        &[
            ("id_token_hint", own),
            ("client_id", "portal-b"),
            ("post_logout_redirect_uri", "https://portal-b.example/bye"),
        ],
        &[("id_token_hint", "x")],
        &[("id_token_hint", own), ("id_token_hint", own)],
        &[("state", &too_long)],
    ];
    for query in refused {
        browser.open(&logout(query)).await.is(400).has("id=\"problem\"");
        assert!(is_in(&house, &browser).await, "{query:?}");
    }
    // An address that is not registered, or another client's: signed out, and our own page.
    for address in
        ["https://portal-a.example/bye/", "https://portal-b.example/bye", "https://portal-a.example/callback", ""]
    {
        let mut browser = house.browser();
        let own = enter(&house, &mut browser, &portal).await;
        let query = [("id_token_hint", own.as_str().unwrap()), ("post_logout_redirect_uri", address), ("state", "s")];
        let page = browser.open(&logout(&query)).await;
        page.is(200).has("id=\"signed-out\"").has("Asked for it").lacks("state=s");
        assert!(browser.session().is_none() && !is_in(&house, &browser).await, "{address}");
    }
    // Somebody else's hint, in a browser where another person is signed in.
    let mut of_minh = house.browser();
    let page = other.ask(&mut of_minh, &[]).await;
    house.sign_in(&mut of_minh, &page, &MINH).await.code();
    let page = of_minh.open(&logout(&[("id_token_hint", own)])).await;
    assert!(page.path.starts_with("/logout/confirm") && is_in(&house, &of_minh).await);
}

#[tokio::test]
async fn an_old_hint_of_ours_still_signs_out() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();
    let old = enter(&house, &mut browser, &portal).await;
    house.after(days(2));
    // The session it was made in is over: nobody is signed in, and the person goes back at once.
    let query = [
        ("id_token_hint", old.as_str().unwrap()),
        ("post_logout_redirect_uri", "https://portal-a.example/bye"),
        ("state", "s"),
    ];
    assert_eq!(browser.open(&logout(&query)).await.location(), Some("https://portal-a.example/bye?state=s"));
    // An expired one of the session that is live.
    let now = enter(&house, &mut browser, &portal).await;
    house.after(crate::kit::minutes(59));
    assert!(is_in(&house, &browser).await || browser.session().is_some());
    let query = [("id_token_hint", now.as_str().unwrap())];
    let page = browser.open(&logout(&query)).await;
    page.is(200).has("id=\"signed-out\"").has("Asked for it");
}

/// RP-Initiated Logout 1.0 section 2: by form as well, in the language that the portal asks for.
#[tokio::test]
async fn a_posted_request_does_the_same_in_the_language_asked_for() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();
    let own = enter(&house, &mut browser, &portal).await;
    let fields = [("id_token_hint", own.as_str().unwrap()), ("ui_locales", "fr vi en")];
    // A form of another site comes without our cookies: the request waits for the browser's own GET.
    let mut without = house.browser();
    let answer = without.send_from("https://portal-a.example", "/logout", &fields).await;
    let to = answer.is(303).location().unwrap().to_owned();
    let page = browser.open(&to).await;
    page.is(200).has("lang=\"vi\"").has("Bạn đã đăng xuất khỏi");
    assert!(!is_in(&house, &browser).await);
    // Once.
    browser.open(&to).await.is(410);
}

#[tokio::test]
async fn the_page_says_who_was_told_and_who_not_yet() {
    let ear = crate::backchannel::Ear::answering(200).await;
    let deaf = crate::backchannel::Ear::answering(503).await;
    let house = House::new().await;
    house.with(&HOA).await;
    let told = Portal::with(&house, "portal-a", json!({ "backchannel_logout_uri": ear.url })).await;
    let silent = Portal::with(&house, "portal-b", json!({ "backchannel_logout_uri": deaf.url })).await;
    let mut browser = house.browser();
    enter(&house, &mut browser, &told).await;
    enter(&house, &mut browser, &silent).await;
    let account = browser.open("/account").await;
    let page = browser.press(&account, "/logout/all", &[]).await;
    assert_eq!(page.body.matches("Being told").count(), 2);
    house.deliver().await;
    let page = browser.open(&page.path).await;
    page.has("Told at 09:02").has("No answer yet").has("Signed out of 1 of 2.").lacks("Being told");
    // The address is no news to whoever uses the machine next.
    house.after(minutes(3));
    browser.open(&page.path).await.is(200).lacks("Told at").lacks("portal-a");
}

/// Back-Channel Logout 1.0: whoever got tokens on another device hears of the sign-out, too, and the tokens end.
#[tokio::test]
async fn i5_devices_and_callers_hear_of_the_sign_out_of_who_let_them_in() {
    for door in ["device", "ciba"] {
        let ear = crate::backchannel::Ear::answering(200).await;
        let house = House::new().await;
        house.with(&HOA).await;
        let over = json!({ "backchannel_logout_uri": ear.url });
        let mut browser = house.browser();
        let (client, (status, tokens)) = if door == "device" {
            let tv = device::tv(&house, over).await;
            let answer = device::begun(&house, &tv).await;
            device::allow(&house, &mut browser, &answer).await.is(200);
            let tokens = device::poll(&house, &tv, &answer["device_code"]).await;
            (tv, tokens)
        } else {
            let bank = ciba::bank(&house, over).await;
            let asked = ciba::asked(&house, &bank).await;
            ciba::allow(&house, &mut browser).await.is(200);
            let tokens = ciba::poll(&house, &bank, &asked["auth_req_id"]).await;
            (bank, tokens)
        };
        assert_eq!(status, 200, "{door}: {tokens}");
        let account = browser.open("/account").await;
        browser.press(&account, "/logout/all", &[]).await.is(200).has("Being told");
        house.deliver().await;
        let heard = ear.heard.lock().unwrap().clone();
        assert_eq!(heard.len(), 1, "{door}");
        assert_eq!(claims_of(&json!(heard[0]))["sid"], claims_of(&tokens["id_token"])["sid"], "{door}");
        assert!(!client.is_active(&house, &tokens["access_token"]).await, "{door}");
    }
}
