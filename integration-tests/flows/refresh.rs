//! Families of refresh tokens.

use crate::kit::{Browser, HOA, House, Page, Portal, claims_of, days, minutes, seconds};
use serde_json::{Value, json};

async fn family(scope: &'static str) -> (House, Portal, Browser, Value) {
    let house = House::new().await;
    house.with(&HOA).await;
    let sharing = json!({ "sharing": { "claims": ["name"], "purpose": { "vi": "Thử", "en": "Test" },
        "legal_basis": "Luật", "basis_kind": "law", "term_days": 1095 }});
    let portal = Portal::with(&house, "portal-a", sharing).await.asking(scope);
    let (browser, answer) = signed_in(&house, &portal).await;
    let tokens = portal.tokens(&house, &answer).await;
    (house, portal, browser, tokens)
}

async fn signed_in(house: &House, portal: &Portal) -> (Browser, Page) {
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let mut page = house.sign_in(&mut browser, &page, &HOA).await;
    if page.path.ends_with("/consent") {
        page = browser.submit(&page, "/consent", &[("action", "accept")]).await;
    }
    (browser, page)
}

fn refused((status, body): &(u16, Value)) {
    assert_eq!((*status, &body["error"]), (400, &json!("invalid_grant")), "{body}");
}

#[tokio::test]
async fn a_family_ends_when_nobody_uses_it() {
    let (house, portal, _, tokens) = family("openid offline_access").await;
    house.after(days(14) - seconds(1));
    let (status, second) = portal.refresh(&house, &tokens["refresh_token"], None).await;
    assert_eq!(status, 200, "{second}");
    house.after(days(14));
    refused(&portal.refresh(&house, &second["refresh_token"], None).await);
}

#[tokio::test]
async fn a_family_ends_after_ninety_days_however_busy() {
    let (house, portal, _, mut tokens) = family("openid offline_access").await;
    for _ in 0..8 {
        house.after(days(11));
        let (status, next) = portal.refresh(&house, &tokens["refresh_token"], None).await;
        assert_eq!(status, 200, "{next}");
        tokens = next;
    }
    house.after(days(2) - seconds(1));
    let (status, last) = portal.refresh(&house, &tokens["refresh_token"], None).await;
    assert_eq!((status, &last["expires_in"]), (200, &json!(1)), "no token outlives its family");
    house.after(seconds(1));
    refused(&portal.refresh(&house, &last["refresh_token"], None).await);
}

#[tokio::test]
async fn e1_e2_a_used_generation_ends_the_family_also_after_a_restart() {
    let (first, portal, _, tokens) = family("openid offline_access").await;
    let (_, second) = portal.refresh(&first, &tokens["refresh_token"], None).await;
    assert!(portal.is_active(&first, &second["access_token"]).await);
    let house = first.restarted().await;
    refused(&portal.refresh(&house, &tokens["refresh_token"], None).await);
    refused(&portal.refresh(&house, &second["refresh_token"], None).await);
    for token in [&tokens["access_token"], &second["access_token"], &second["refresh_token"]] {
        assert!(!portal.is_active(&house, token).await);
    }
}

#[tokio::test]
async fn b3_a_code_used_twice_ends_what_it_gave() {
    let (house, portal, mut browser, _) = family("openid offline_access").await;
    house.after(minutes(1));
    let answer = portal.ask(&mut browser, &[]).await;
    let tokens = portal.tokens(&house, &answer).await;
    refused(&portal.redeem(&house, &answer.code()).await);
    assert!(!portal.is_active(&house, &tokens["access_token"]).await);
    refused(&portal.refresh(&house, &tokens["refresh_token"], None).await);
}

#[tokio::test]
async fn a_narrower_scope_narrows_one_access_token_and_not_the_family() {
    let (house, portal, _, tokens) = family("openid profile levels").await;
    assert_eq!(portal.userinfo(&house, &tokens["access_token"]).await.1["name"], json!(HOA.name));
    let (status, narrow) = portal.refresh(&house, &tokens["refresh_token"], Some("openid")).await;
    assert_eq!((status, &narrow["scope"]), (200, &json!("openid")), "{narrow}");
    let (_, claims) = portal.userinfo(&house, &narrow["access_token"]).await;
    assert_eq!(claims.as_object().unwrap().keys().collect::<Vec<_>>(), ["sub"]);
    let (status, error) = portal.refresh(&house, &narrow["refresh_token"], Some("openid phone")).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_scope")), "{error}");
    let (status, full) = portal.refresh(&house, &narrow["refresh_token"], None).await;
    assert_eq!((status, &full["scope"]), (200, &json!("levels openid profile")), "{full}");
    assert_eq!(portal.userinfo(&house, &full["access_token"]).await.1["name"], json!(HOA.name));
}

#[tokio::test]
async fn the_sessions_end_ends_its_families_but_not_what_was_asked_to_outlive_it() {
    for (scope, outlives) in [("openid", false), ("openid offline_access", true)] {
        let (house, portal, mut browser, tokens) = family(scope).await;
        let account = browser.open("/account").await;
        browser.press(&account, "/logout/all", &[]).await.is(200);
        assert!(browser.session().is_none());
        let (status, body) = portal.refresh(&house, &tokens["refresh_token"], None).await;
        assert_eq!(status == 200, outlives, "{scope}: {body}");
        assert_eq!(portal.is_active(&house, &tokens["access_token"]).await, outlives, "{scope}");
    }
}

#[tokio::test]
async fn a_family_without_offline_access_ends_with_the_sessions_last_hour() {
    let (house, portal, _, mut tokens) = family("openid").await;
    for _ in 0..11 {
        house.after(minutes(60));
        let (status, next) = portal.refresh(&house, &tokens["refresh_token"], None).await;
        assert_eq!(status, 200, "{next}");
        tokens = next;
    }
    house.after(minutes(60));
    refused(&portal.refresh(&house, &tokens["refresh_token"], None).await);
}

#[tokio::test]
async fn b1_a_token_in_other_hands_dies() {
    let (house, portal, _, tokens) = family("openid offline_access").await;
    let thief = Portal::new(&house, "thief").await;
    refused(&thief.refresh(&house, &tokens["refresh_token"], None).await);
    refused(&portal.refresh(&house, &tokens["refresh_token"], None).await);
    assert!(!portal.is_active(&house, &tokens["access_token"]).await);
}

/// RFC 8707: what was asked for at the authorization endpoint bounds every token that grows from it.
#[tokio::test]
async fn f7_tokens_are_for_the_resources_that_were_authorized() {
    let house = House::new().await;
    house.with(&HOA).await;
    let audience = json!(["https://a.example", "https://b.example", "https://c.example"]);
    let portal =
        Portal::with(&house, "portal-a", json!({ "audience": audience })).await.asking("openid offline_access");
    let asked = [("resource", "https://a.example"), ("resource", "https://b.example")];
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &asked).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    let tokens = portal.tokens(&house, &answer).await;
    let audience_of = |tokens: &Value| claims_of(&tokens["access_token"])["aud"].clone();
    let issuer = crate::kit::browser::ORIGIN;
    assert_eq!(audience_of(&tokens), json!([issuer, "https://a.example", "https://b.example"]));

    let renew = async |token: &Value, resource: &str| {
        let token = token.as_str().unwrap();
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("resource", resource)];
        portal.call(&house, "/token", &fields).await
    };
    let (status, error) = renew(&tokens["refresh_token"], "https://c.example").await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_target")));
    let (status, less) = renew(&tokens["refresh_token"], "https://b.example").await;
    assert_eq!((status, audience_of(&less)), (200, json!([issuer, "https://b.example"])));
    // A narrower token narrows itself only.
    let (_, all) = portal.refresh(&house, &less["refresh_token"], None).await;
    assert_eq!(audience_of(&all), json!([issuer, "https://a.example", "https://b.example"]));

    let again = portal.ask(&mut browser, &asked).await;
    let code = again.code();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &portal.redirect),
        ("code_verifier", crate::kit::portal::VERIFIER),
        ("resource", "https://c.example"),
    ];
    let (status, error) = portal.call(&house, "/token", &fields).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_target")));
}
