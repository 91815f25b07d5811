//! Requests that were signed, then encrypted to a key of ours (RFC 9101 6.1), and the life of those keys (I10).

use crate::kit::{HOA, House, Key, Portal, Reader, days, minutes, part_of};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dinhdanh::base::Clock;
use dinhdanh::crypto::{Recipient, encrypt};
use dinhdanh::flow::keys;
use dinhdanh::protocol::encryption::{ContentEncryption, KeyManagement};
use dinhdanh::store;
use serde_json::{Value, json};

async fn house() -> House {
    let house = House::new().await;
    house.with(&HOA).await;
    house
}

async fn published(house: &House) -> Value {
    let page = house.browser().fetch("/jwks").await;
    page.is(200);
    serde_json::from_str(&page.body).unwrap()
}

/// The key that requests are encrypted to now.
async fn offered(house: &House) -> Value {
    let jwks = published(house).await;
    let keys: Vec<Value> = jwks["keys"].as_array().unwrap().iter().filter(|key| key["use"] == "enc").cloned().collect();
    assert_eq!(keys.len(), 1, "one, at every time: {keys:?}");
    assert!(keys[0].get("d").is_none() && keys[0]["alg"] == "ECDH-ES", "{keys:?}");
    keys[0].clone()
}

fn seal(to: &Value, plain: &str) -> String {
    let to = Recipient::from_jwks(&json!({ "keys": [to] }), KeyManagement::EcdhEs).unwrap();
    encrypt(&to, ContentEncryption::A256Gcm, Some("JWT"), plain.as_bytes()).unwrap()
}

async fn signing(house: &House, id: &str, over: Value) -> (Portal, Key) {
    let key = Key::new();
    let mut metadata = json!({ "jwks": { "keys": [key.jwk()] }, "request_object_signing_alg": "ES256" });
    metadata.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    (Portal::with(house, id, metadata).await, key)
}

fn claims(house: &House, portal: &Portal) -> Value {
    let mut claims: serde_json::Map<String, Value> =
        portal.members(&[]).into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    claims.insert("iss".to_owned(), portal.id.as_str().into());
    claims.insert("aud".to_owned(), house.services.issuer().into());
    claims.insert("exp".to_owned(), (house.clock.now().seconds() + 600).into());
    claims.insert("state".to_owned(), "inside".into());
    Value::Object(claims)
}

fn sign(key: &Key, claims: &Value) -> String {
    key.sign(&json!({ "alg": "ES256", "typ": "oauth-authz-req+jwt" }), claims)
}

#[tokio::test]
async fn rfc9101_6_1_a_request_signed_then_encrypted_counts_in_the_address_and_pushed() {
    let house = house().await;
    let over = json!({ "require_signed_request_object": true, "request_object_encryption_alg": "ECDH-ES",
        "request_object_encryption_enc": "A256GCM" });
    let (portal, key) = signing(&house, "sealing", over).await;
    let sealed = seal(&offered(&house).await, &sign(&key, &claims(&house, &portal)));
    let mut browser = house.browser();
    let page = browser.open(&portal.request(&[("request", &sealed), ("state", "beside")])).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    assert_eq!(answer.answer()["state"], "inside");
    portal.tokens(&house, &answer).await;
    let (status, pushed) = portal.call(&house, "/par", &[("request", &sealed)]).await;
    assert_eq!(status, 201, "{pushed}");
    house.browser().open(&portal.refer(&pushed["request_uri"])).await.asks_who();
    // Discovery says so.
    let page = house.browser().fetch("/.well-known/openid-configuration").await;
    let metadata: Value = serde_json::from_str(&page.body).unwrap();
    assert_eq!(metadata["request_object_encryption_alg_values_supported"], json!(["ECDH-ES"]));
    assert_eq!(metadata["request_object_encryption_enc_values_supported"].as_array().unwrap().len(), 3);
}

/// Whatever is wrong with it, nobody learns what: one answer for all.
#[tokio::test]
async fn f10_a_request_that_does_not_open_is_refused_in_the_same_words_whatever_is_wrong() {
    let house = house().await;
    let (portal, key) = signing(&house, "sealing", json!({})).await;
    let ours = offered(&house).await;
    let good = sign(&key, &claims(&house, &portal));
    let sealed = seal(&ours, &good);
    let parts: Vec<&str> = sealed.split('.').collect();
    let header = |change: Value| {
        let mut header = part_of(&sealed, 0);
        header.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), parts[1..].join("."))
    };
    let with = |place: usize, part: &str| {
        let mut changed = parts.clone();
        changed[place] = part;
        changed.join(".")
    };
    let stranger = Reader::new(KeyManagement::EcdhEs);
    let mut claimed = stranger.jwk();
    claimed["kid"] = ours["kid"].clone();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let bare = claims(&house, &portal);
    let unsigned = format!("{none}.{}.", URL_SAFE_NO_PAD.encode(bare.to_string()));
    let rows = [
        ("to another key", seal(&stranger.jwk(), &good)),
        ("to another key under our name", seal(&claimed, &good)),
        ("an unknown kid", header(json!({ "kid": "../../etc/passwd" }))),
        ("a changed header", header(json!({ "typ": "JWT" }))),
        ("a cut tag", with(4, "AAAA")),
        ("another tag", with(4, "AAAAAAAAAAAAAAAAAAAAAA")),
        ("another ciphertext", with(3, "AAAA")),
        ("another iv", with(2, "AAAAAAAAAAAAAAAA")),
        ("a wrapped key where there is none", with(1, "AAAA")),
        ("compressed", header(json!({ "zip": "DEF" }))),
        ("by a password", header(json!({ "alg": "PBES2-HS256+A128KW", "p2c": 2_147_483_647, "p2s": "AAAA" }))),
        ("RSA1_5", header(json!({ "alg": "RSA1_5" }))),
        ("dir", header(json!({ "alg": "dir" }))),
        ("another alg of ours", header(json!({ "alg": "RSA-OAEP-256" }))),
        ("none", header(json!({ "alg": "none" }))),
        ("a key in the header", header(json!({ "jwk": stranger.jwk() }))),
        ("crit", header(json!({ "crit": ["exp"] }))),
        ("a huge header", header(json!({ "kid": "k".repeat(4_000) }))),
        (
            "a point off the curve",
            header(json!({ "epk": { "kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43) } })),
        ),
        ("no parts", "....".to_owned()),
        ("claims that nobody signed", seal(&ours, &bare.to_string())),
        ("claims with alg none", seal(&ours, &unsigned)),
        ("twice encrypted", seal(&ours, &sealed)),
        ("nothing inside", seal(&ours, "")),
        ("no text inside", seal(&ours, "a.b.c\u{0}")),
        ("signed by a stranger", seal(&ours, &sign(&Key::new(), &bare))),
    ];
    let (_, expected) = portal.call(&house, "/par", &[("request", &with(4, "BBBBBBBBBBBBBBBBBBBBBA"))]).await;
    assert_eq!(expected["error"], "invalid_request_object", "{expected}");
    for (what, sent) in rows {
        let (status, answer) = portal.call(&house, "/par", &[("request", &sent)]).await;
        assert_eq!((status, &answer), (400, &expected), "{what}");
        let page = house.browser().fetch(&portal.request(&[("request", &sent)])).await;
        assert_eq!(page.error(), "invalid_request_object", "{what}");
    }
    // More than is read at all.
    let long = format!("{}.{}", parts[..4].join("."), "A".repeat(20_000));
    let (status, answer) = portal.call(&house, "/par", &[("request", &long)]).await;
    assert!(status == 400 && answer["error"] != "server_error", "{answer}");
    // And the good one is good.
    assert_eq!(portal.call(&house, "/par", &[("request", &sealed)]).await.0, 201);
}

#[tokio::test]
async fn a_client_that_said_how_it_encrypts_does_it_so_and_one_without_keys_does_not() {
    let house = house().await;
    let ours = offered(&house).await;
    for (id, said) in [
        ("portal-a", json!({ "request_object_encryption_alg": "RSA-OAEP-256" })),
        ("portal-b", json!({ "request_object_encryption_alg": "ECDH-ES" })),
    ] {
        // Without an enc it said A128CBC-HS256.
        let (portal, key) = signing(&house, id, said).await;
        let sealed = seal(&ours, &sign(&key, &claims(&house, &portal)));
        let (status, answer) = portal.call(&house, "/par", &[("request", &sealed)]).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_request_object")), "{id}");
        // It may still send one that is only signed.
        let signed = sign(&key, &claims(&house, &portal));
        assert_eq!(portal.call(&house, "/par", &[("request", &signed)]).await.0, 201);
    }
    let keyless = Portal::new(&house, "keyless").await;
    let sealed = seal(&ours, &sign(&Key::new(), &claims(&house, &keyless)));
    let (_, answer) = keyless.call(&house, "/par", &[("request", &sealed)]).await;
    assert_eq!(answer["error"], "invalid_request_object");
}

#[tokio::test]
async fn i10_t4_a_replaced_key_opens_while_somebody_may_have_it_in_a_cache() {
    let house = house().await;
    let (portal, key) = signing(&house, "sealing", json!({})).await;
    let opens = async |house: &House, to: &Value| {
        let sealed = seal(to, &sign(&key, &claims(house, &portal)));
        portal.call(house, "/par", &[("request", &sealed)]).await.0 == 201
    };
    let old = offered(&house).await;
    // A node that starts anew reads the same keys; nothing is made at each start.
    assert_eq!(offered(&house.restarted().await).await, old);
    house.after(days(90) - minutes(30));
    keys::keep(&house.services).await.unwrap();
    assert_eq!(offered(&house).await, old, "the successor is shown when every node has it");
    let rows = store::encryption_key::list(&house.services.db).await.unwrap();
    assert_eq!(rows.len(), 2, "and is there before");
    let mut waited = 0;
    while offered(&house).await == old {
        house.after(minutes(5));
        waited += 5;
        keys::keep(&house.services).await.unwrap();
    }
    assert!((60..=70).contains(&waited), "{waited} minutes");
    let new = offered(&house).await;
    assert_ne!(new["kid"], old["kid"]);
    assert!(opens(&house, &new).await && opens(&house, &old).await);
    // JWKS may be kept for an hour: what was encrypted at its end still opens, everywhere.
    house.after(minutes(60));
    keys::keep(&house.services).await.unwrap();
    assert!(opens(&house, &old).await && opens(&house.restarted().await, &old).await);
    house.after(minutes(65));
    keys::keep(&house.services).await.unwrap();
    assert!(!opens(&house, &old).await && opens(&house, &new).await);
    let rows = store::encryption_key::list(&house.services.db).await.unwrap();
    assert!(rows.len() == 1 && rows[0].kid == new["kid"], "the private part is destroyed");
    // Sealed at rest: a private key that is not what stands there opens nothing.
    assert!(rows[0].private_sealed.len() > 100 && !rows[0].public_jwk.contains("\"d\""));
    assert!(!rows[0].private_sealed.starts_with(&[0x30]), "DER in the clear");
}
