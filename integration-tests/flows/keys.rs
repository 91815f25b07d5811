//! I10, T4: no token is signed with a key that nobody could know, and none outlives its key.

use crate::kit::{House, Portal, days, minutes};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dinhdanh::base::Clock;
use dinhdanh::flow::keys;
use serde_json::Value;
use std::collections::BTreeSet;

async fn published(house: &House) -> BTreeSet<String> {
    let page = house.browser().fetch("/jwks").await;
    page.is(200);
    let jwks: Value = serde_json::from_str(&page.body).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    assert!(keys.iter().all(|key| key.get("d").is_none()), "a private key was published");
    keys.iter().filter(|key| key["alg"] == "ES256").map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn signed(house: &House, portal: &Portal) -> (String, Value) {
    let fields = [("grant_type", "client_credentials"), ("scope", "report")];
    let (status, answer) = portal.call(house, "/token", &fields).await;
    assert_eq!(status, 200, "{answer}");
    let token = answer["access_token"].clone();
    let header = token.as_str().unwrap().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    (header["kid"].as_str().unwrap().to_owned(), token)
}

#[tokio::test]
async fn i10_t4_a_key_is_published_before_it_signs_and_kept_until_its_tokens_end() {
    let house = House::new().await;
    let portal = Portal::new(&house, "portal-a").await;
    let first = published(&house).await;
    assert_eq!(first.len(), 1);
    let (old, _) = signed(&house, &portal).await;
    assert!(first.contains(&old));

    house.after(days(89));
    keys::keep(&house.services).await.unwrap();
    assert_eq!(published(&house).await, first, "not before it is due");
    while published(&house).await.len() == 1 {
        house.after(minutes(20));
        keys::keep(&house.services).await.unwrap();
        assert!(house.clock.now() <= crate::kit::house::START.plus(days(90)), "the successor is late");
    }
    let shown_at = house.clock.now();
    let (mut kid, mut newest) = signed(&house, &portal).await;
    assert_eq!(kid, old, "published and not yet used");
    let mut token = newest;
    loop {
        house.after(minutes(5));
        keys::keep(&house.services).await.unwrap();
        (kid, newest) = signed(&house, &portal).await;
        assert!(published(&house).await.contains(&kid));
        if kid != old {
            break;
        }
        token = newest;
    }
    let since = house.clock.now().since(shown_at);
    assert!(since >= minutes(60), "signed with after {since:?}: caches of an hour do not know it");

    // The last token of the old key was made at most five minutes ago and lives five more.
    assert!(portal.is_active(&house, &token).await);
    house.after(minutes(4));
    keys::keep(&house.services).await.unwrap();
    assert!(published(&house).await.contains(&old));
    assert!(portal.is_active(&house, &token).await, "a live token lost its key");
    house.after(minutes(60));
    keys::keep(&house.services).await.unwrap();
    assert_eq!(published(&house).await.len(), 1);
    assert!(!published(&house).await.contains(&old));
    let rows = dinhdanh::store::signing_key::list(&house.services.db).await.unwrap();
    assert!(rows.iter().all(|row| row.kid != old), "the private part of a retired key is destroyed");
}

#[tokio::test]
async fn i10_a_node_that_starts_anew_signs_with_the_same_keys() {
    let house = House::new().await;
    let portal = Portal::new(&house, "portal-a").await;
    let (kid, token) = signed(&house, &portal).await;
    let other = house.restarted().await;
    assert_eq!(published(&other).await, published(&house).await);
    assert_eq!(signed(&other, &portal).await.0, kid);
    assert!(portal.is_active(&other, &token).await);
}
