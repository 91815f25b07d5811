//! What a resource server needs to ask for a stronger or newer sign-in (RFC 9470), and what our own API says of itself
//! (RFC 9728).

use crate::kit::{HOA, House, Portal, claims_of, minutes};
use serde_json::{Value, json};

async fn told(house: &House, portal: &Portal, tokens: &Value) -> Value {
    let (_, told) = portal.call(house, "/introspect", &[("token", tokens["access_token"].as_str().unwrap())]).await;
    assert_eq!(told["active"], json!(true));
    told
}

/// RFC 9470 6: token and introspection say how and when; 5: the authorization endpoint brings about what was asked for.
#[tokio::test]
async fn rfc9470_a_resource_server_sees_the_sign_in_and_gets_the_one_it_asks_for() {
    let house = House::new().await;
    house.with(&HOA).await;
    for format in ["jwt", "opaque"] {
        let portal = Portal::with(&house, &format!("clinic-{format}"), json!({ "access_token_format": format })).await;
        let mut browser = house.browser();
        let page = portal.ask(&mut browser, &[]).await;
        let weak = portal.tokens(&house, &house.sign_in(&mut browser, &page, &HOA).await).await;
        let first = told(&house, &portal, &weak).await;
        assert_eq!(first["acr"], "urn:dinhdanh:acr:1", "{format}");
        if format == "jwt" {
            let claims = claims_of(&weak["access_token"]);
            for name in ["acr", "auth_time", "amr", "authentication_level"] {
                assert_eq!(claims[name], first[name], "RFC 9068 2.2.1: {name}");
            }
        }
        // "insufficient_user_authentication", acr_values: the person is asked for a second proof.
        house.after(minutes(5));
        let stronger = [("acr_values", "urn:dinhdanh:acr:2")];
        let page = portal.ask(&mut browser, &stronger).await;
        assert!(page.path.ends_with("/step-up"), "{format}: {}", page.path);
        let mut again = house.browser();
        let page = portal.ask(&mut again, &stronger).await;
        let page = house.sign_in_twice(&mut again, &page, &HOA).await;
        let page = if page.path.ends_with("/offer-passkey") {
            again.submit(&page, "/offer-passkey", &[("action", "skip")]).await
        } else {
            page
        };
        let second = told(&house, &portal, &portal.tokens(&house, &page).await).await;
        assert_eq!(second["acr"], "urn:dinhdanh:acr:2", "{format}");
        let auth_time = |told: &Value| told["auth_time"].as_i64().unwrap();
        assert!(auth_time(&second) >= auth_time(&first) + 300);
        // "insufficient_user_authentication", max_age: a sign-in of before is not enough.
        house.after(minutes(10));
        portal.ask(&mut again, &[("max_age", "1200")]).await.code();
        assert_eq!(portal.ask(&mut again, &[("max_age", "60"), ("prompt", "none")]).await.error(), "login_required");
        house.after(minutes(30));
    }
}

#[tokio::test]
async fn rfc9728_userinfo_says_what_it_takes_and_where_that_is_written() {
    let house = House::new().await;
    let mut browser = house.browser();
    let page = browser.fetch("/userinfo").await;
    assert_eq!(page.status.as_u16(), 401);
    let told: Vec<&str> = page.headers.get_all("www-authenticate").iter().map(|v| v.to_str().unwrap()).collect();
    let issuer = house.services.issuer();
    let address = format!("{issuer}/.well-known/oauth-protected-resource/userinfo");
    assert_eq!(told.len(), 2);
    for challenge in told {
        assert!(challenge.contains(&format!(r#"resource_metadata="{address}""#)), "{challenge}");
    }
    let page = browser.bearer("/userinfo", "x.y.z").await;
    assert!(page.headers["www-authenticate"].to_str().unwrap().contains("resource_metadata="));
    let document: Value =
        serde_json::from_str(&browser.fetch(address.strip_prefix(issuer).unwrap()).await.body).unwrap();
    // RFC 9728 3.3: what it names is what was asked.
    assert_eq!(document["resource"], json!(format!("{issuer}/userinfo")));
    assert_eq!(document["authorization_servers"], json!([issuer]));
    let metadata = browser.fetch("/.well-known/oauth-authorization-server").await.body;
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(metadata["protected_resources"], json!([document["resource"]]));
}
