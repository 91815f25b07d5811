//! The switches of conformance runs: what each opens, and that it is shut elsewhere.

use crate::kit::{House, Key, Portal};
use axum::http::Method;
use dinhdanh::base::{Clock, random_token};
use serde_json::{Value, json};

const RESOURCE: &str = "/test/resource";

async fn resource(house: &House, authorization: &str) -> (u16, Value) {
    let page = house.browser().request(Method::GET, RESOURCE, &[("authorization", authorization)], "").await;
    (page.status.as_u16(), serde_json::from_str(&page.body).unwrap_or_default())
}

#[tokio::test]
async fn a_protected_resource_takes_every_live_token() {
    let shut = House::new().await;
    assert_eq!(resource(&shut, "Bearer x").await.0, 404);

    let house = House::over(&[("conformance.resource", "true")]).await;
    let portal = Portal::new(&house, "portal").await;
    let fields = [("grant_type", "client_credentials"), ("scope", "report")];
    let token = portal.call(&house, "/token", &fields).await.1["access_token"].as_str().unwrap().to_owned();
    let said = json!({ "active": true, "client_id": "portal" });
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(resource(&house, &format!("{scheme} {token}")).await, (200, said.clone()), "{scheme}");
    }
    assert_eq!(resource(&house, "Bearer nothing").await.0, 401);
    assert_eq!(house.browser().open(RESOURCE).await.status, 401);
    assert_eq!(house.browser().open(&format!("{RESOURCE}?access_token={token}")).await.status, 401);
    portal.call(&house, "/revoke", &[("token", &token)]).await;
    assert_eq!(resource(&house, &format!("Bearer {token}")).await.0, 401);
}

/// FAPI 1.0 Baseline 6.2.1: the caller's name for the exchange comes back; whoever gives none is told one.
#[tokio::test]
async fn resources_name_the_exchange() {
    let house = House::over(&[("conformance.resource", "true")]).await;
    let named = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a";
    for path in [RESOURCE, "/userinfo"] {
        let told = async |headers: &[(&str, &str)]| {
            let page = house.browser().request(Method::GET, path, headers, "").await;
            page.headers.get("x-fapi-interaction-id").unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(told(&[("x-fapi-interaction-id", named)]).await, named, "{path}");
        let (first, second) = (told(&[]).await, told(&[("x-fapi-interaction-id", "<script>")]).await);
        assert!(first != second && [&first, &second].iter().all(|id| id.len() == named.len()), "{first} {second}");
    }
}

/// Plans of the suite name endpoints of ours in `aud` (CIBA 7.1): there, and by clients of no FAPI 2.0 profile alone (F1).
#[tokio::test]
async fn f1_endpoints_stand_for_the_issuer_in_conformance_runs_alone() {
    let key = Key::new();
    let metadata = json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key.jwk()] },
        "grant_types": ["authorization_code", "client_credentials"], "scope": "openid report",
    });
    for (open, expected) in [("false", 401), ("true", 200)] {
        let house = House::over(&[("conformance.open_door_clients", open)]).await;
        Portal::with(&house, "suite", metadata.clone()).await;
        let now = house.clock.now().seconds();
        let issuer = house.services.issuer();
        for (aud, expected) in [
            (json!(issuer), 200),
            (json!(format!("{issuer}/token")), expected),
            (json!([format!("{issuer}/backchannel_authentication")]), expected),
            (json!(format!("{issuer}/par")), 401),
            (json!("https://other.example/token"), 401),
        ] {
            let assertion = key.sign(
                &json!({ "alg": "ES256", "kid": key.jwk()["kid"] }),
                &json!({ "iss": "suite", "sub": "suite", "aud": aud, "iat": now, "exp": now + 60,
                    "jti": random_token(&*house.services.entropy) }),
            );
            let fields = [
                ("grant_type", "client_credentials"),
                ("scope", "report"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion.as_str()),
            ];
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            let form = [("content-type", "application/x-www-form-urlencoded")];
            let page = house.browser().request(Method::POST, "/token", &form, &body).await;
            assert_eq!(page.status, expected, "{open} {aud}: {}", page.body);
        }
    }
}

/// A scope beside those about people is announced where the configuration names it.
#[tokio::test]
async fn scopes_of_the_suite_are_announced() {
    let house = House::over(&[("conformance.scopes", "accounts")]).await;
    let page = house.browser().open("/.well-known/openid-configuration").await;
    let metadata: Value = serde_json::from_str(&page.body).unwrap();
    assert!(metadata["scopes_supported"].as_array().unwrap().contains(&json!("accounts")), "{metadata}");
}
