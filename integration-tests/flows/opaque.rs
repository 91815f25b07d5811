//! Opaque access tokens: the same rights as signed ones, in no other slot, readable by nobody.

use crate::exchange::{agency, exchange};
use crate::kit::{HOA, House, Page, Portal, claims_of, minutes};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

fn opaque() -> Value {
    json!({ "access_token_format": "opaque", "audience": ["https://records.example"],
        "scope": "openid profile report offline_access" })
}

async fn signed_in(house: &House) -> (Portal, Value) {
    house.with(&HOA).await;
    let portal = Portal::with(house, "clinic", opaque()).await.asking("openid report");
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    let tokens = portal.tokens(house, &answer).await;
    (portal, tokens)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn it_serves_wherever_a_signed_one_does_and_tells_its_holder_nothing() {
    let house = House::new().await;
    let (portal, tokens) = signed_in(&house).await;
    let access = text(&tokens["access_token"]);
    let bytes = URL_SAFE_NO_PAD.decode(access.strip_prefix("dda_").unwrap()).unwrap();
    let sub = claims_of(&tokens["id_token"])["sub"].clone();
    assert!(!String::from_utf8_lossy(&bytes).contains("clinic") && access.len() < 2_048, "{}", access.len());
    let (status, answer) = portal.userinfo(&house, &tokens["access_token"]).await;
    assert_eq!((status, &answer["sub"]), (200, &sub));
    let (_, told) = portal.call(&house, "/introspect", &[("token", access)]).await;
    assert_eq!((&told["active"], &told["sub"], &told["token_type"]), (&json!(true), &sub, &json!("Bearer")));
    for name in ["acr", "auth_time", "amr", "aud", "scope", "exp", "jti"] {
        assert!(told.get(name).is_some(), "a resource server needs {name}: {told}");
    }
    // It is exchanged; the agency's own token has the form that the agency chose.
    let agency = agency(&house, "agency", &["clinic"]).await;
    let (status, made) = exchange(&house, &agency, access, &[]).await;
    assert_eq!((status, &claims_of(&made["access_token"])["act"]), (200, &json!({ "sub": "agency" })));
    // Client credentials, too.
    let (_, own) = portal.call(&house, "/token", &[("grant_type", "client_credentials"), ("scope", "report")]).await;
    assert!(text(&own["access_token"]).starts_with("dda_") && portal.is_active(&house, &own["access_token"]).await);
    // Revoked, it ends with what was made of it.
    assert_eq!(portal.call(&house, "/revoke", &[("token", access)]).await.0, 200);
    assert!(!portal.is_active(&house, &tokens["access_token"]).await);
    assert!(!agency.is_active(&house, &made["access_token"]).await);
    assert_eq!(portal.userinfo(&house, &tokens["access_token"]).await.0, 401);
    assert_eq!(portal.refresh(&house, &tokens["refresh_token"], None).await.0, 400);
}

#[tokio::test]
async fn f13_it_fits_no_other_slot_and_no_changed_one_counts() {
    let house = House::new().await;
    let (portal, tokens) = signed_in(&house).await;
    let access = text(&tokens["access_token"]).to_owned();
    let stranger = Portal::new(&house, "stranger").await;
    assert!(!stranger.is_active(&house, &tokens["access_token"]).await, "not its own, not its audience");
    assert_eq!(stranger.call(&house, "/revoke", &[("token", &access)]).await.0, 200);
    assert!(portal.is_active(&house, &tokens["access_token"]).await, "not its own to revoke");
    let error = |answer: (u16, Value)| answer.1["error"].as_str().unwrap_or_default().to_owned();
    // Longer than a code or a refresh token can be, it is not even looked up.
    let refused = |answer: &str| ["invalid_grant", "invalid_request"].contains(&answer);
    assert!(refused(&error(portal.refresh(&house, &tokens["access_token"], None).await)));
    assert!(refused(&error(portal.redeem(&house, &access).await)));
    let id_token = "urn:ietf:params:oauth:token-type:id_token";
    let one = agency(&house, "agency", &["clinic"]).await;
    assert_eq!(exchange(&house, &one, &access, &[("subject_token_type", id_token)]).await.0, 400);
    for name in ["id_token_hint", "request"] {
        let page: Page = portal.ask(&mut house.browser(), &[(name, &access), ("prompt", "none")]).await;
        assert!(page.location().is_none_or(|to| !to.contains("code=")), "{name}");
    }
    let assertion = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", access.as_str()),
        ("token", "x"),
    ];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(assertion).finish();
    let page = house.browser().body("/introspect", "application/x-www-form-urlencoded", &body).await;
    assert_eq!(page.status.as_u16(), 401);
    // Sealed by somebody else, cut, changed, or a seal of another purpose.
    let sealed = house.services.sealer.seal("access_token", &[0; 16], b"{}").unwrap();
    let foreign = format!("dda_{}", URL_SAFE_NO_PAD.encode([&[0; 16][..], &sealed].concat()));
    let changed = format!("{}{}", &access[..access.len() - 1], if access.ends_with('A') { 'Q' } else { 'A' });
    let long = format!("{access}{}", "A".repeat(3_000));
    for token in [&access[4..], &access[..access.len() - 4], &changed, &foreign, "dda_", "dda_AAAA", &long] {
        let token = json!(token);
        assert!(!portal.is_active(&house, &token).await, "{token:.60}");
        assert!([400, 401].contains(&portal.userinfo(&house, &token).await.0), "{token:.60}");
    }
    // Its time is judged at each use.
    house.after(minutes(20));
    assert!(!portal.is_active(&house, &tokens["access_token"]).await);
}
