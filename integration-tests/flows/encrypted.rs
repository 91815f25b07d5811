//! Answers encrypted for the client (OpenID Connect Core 5.3.2, 16.14; JARM 2.2).

use crate::kit::{Browser, HOA, House, Key, Page, Portal, Reader, WebSite, minutes, part_of, seconds};
use dinhdanh::protocol::encryption::KeyManagement;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn house() -> House {
    let house = House::new().await;
    house.with(&HOA).await;
    house
}

/// A portal with a key to encrypt to, beside one that it signs with.
async fn reading(house: &House, id: &str, reader: &Reader, over: Value) -> Portal {
    let mut metadata = json!({ "jwks": { "keys": [Key::new().jwk(), reader.jwk()] } });
    metadata.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    Portal::with(house, id, metadata).await
}

async fn signed_in(house: &House, portal: &Portal) -> (Browser, Page) {
    // No phone gets two codes within a minute.
    house.after(minutes(2));
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    (browser, answer)
}

/// Opens a nested JWT after looking at its header; the claims inside.
#[track_caller]
fn nested(reader: &Reader, jwe: &str, (alg, enc): (&str, &str)) -> Value {
    assert_eq!(jwe.split('.').count(), 5, "{jwe}");
    let header = part_of(jwe, 0);
    assert_eq!((header["alg"].as_str(), header["enc"].as_str()), (Some(alg), Some(enc)), "{header}");
    assert_eq!((header["cty"].as_str(), header["kid"].as_str()), (Some("JWT"), Some(reader.kid())), "{header}");
    let jws = reader.open(jwe).expect("encrypted to this key");
    assert_eq!(jws.split('.').count(), 3, "signed, then encrypted");
    assert_eq!(part_of(&jws, 0)["alg"], "ES256");
    part_of(&jws, 1)
}

#[tokio::test]
async fn core_16_14_id_tokens_and_userinfo_are_signed_then_encrypted_as_registered() {
    let house = house().await;
    for (id, algorithm, enc) in [
        ("portal-a", KeyManagement::EcdhEs, None),
        ("portal-b", KeyManagement::EcdhEsA256kw, Some("A128GCM")),
        ("portal-c", KeyManagement::RsaOaep256, Some("A256GCM")),
    ] {
        let reader = Reader::new(algorithm);
        let alg = algorithm.as_str();
        let mut over = json!({
            "id_token_encrypted_response_alg": alg, "userinfo_encrypted_response_alg": alg,
            "userinfo_signed_response_alg": "ES256",
        });
        if let Some(enc) = enc {
            over["id_token_encrypted_response_enc"] = enc.into();
            over["userinfo_encrypted_response_enc"] = enc.into();
        }
        let names = (alg, enc.unwrap_or("A128CBC-HS256"));
        let portal = reading(&house, id, &reader, over).await.asking("openid offline_access");
        let (_, answer) = signed_in(&house, &portal).await;
        let tokens = portal.tokens(&house, &answer).await;
        let claims = nested(&reader, tokens["id_token"].as_str().unwrap(), names);
        assert_eq!((&claims["nonce"], &claims["aud"]), (&json!("n-1"), &json!(portal.id)));
        // Renewed, it is encrypted as well.
        let (status, renewed) = portal.refresh(&house, &tokens["refresh_token"], None).await;
        assert_eq!(status, 200, "{renewed}");
        nested(&reader, renewed["id_token"].as_str().unwrap(), names);
        // The access token is for resources, not for the client: signed only.
        assert_eq!(tokens["access_token"].as_str().unwrap().split('.').count(), 3);
        let page = house.browser().bearer("/userinfo", tokens["access_token"].as_str().unwrap()).await;
        page.is(200);
        assert_eq!(page.headers["content-type"], "application/jwt");
        let said = nested(&reader, &page.body, names);
        assert_eq!((&said["sub"], &said["aud"]), (&claims["sub"], &json!(portal.id)));
    }
}

#[tokio::test]
async fn core_5_3_2_userinfo_that_is_not_signed_is_encrypted_all_the_same() {
    let house = house().await;
    let reader = Reader::new(KeyManagement::EcdhEs);
    let portal = reading(&house, "reading", &reader, json!({ "userinfo_encrypted_response_alg": "ECDH-ES" })).await;
    let (_, answer) = signed_in(&house, &portal).await;
    let tokens = portal.tokens(&house, &answer).await;
    assert_eq!(tokens["id_token"].as_str().unwrap().split('.').count(), 3, "nobody asked for that");
    let page = house.browser().bearer("/userinfo", tokens["access_token"].as_str().unwrap()).await;
    page.is(200);
    assert_eq!(page.headers["content-type"], "application/jwt");
    assert_eq!(part_of(&page.body, 0).get("cty"), None);
    let said: Value = serde_json::from_str(&reader.open(&page.body).unwrap()).unwrap();
    assert_eq!(said["sub"], part_of(tokens["id_token"].as_str().unwrap(), 1)["sub"]);
}

#[tokio::test]
async fn jarm_2_2_a_signed_answer_is_encrypted_in_every_mode_refusals_too() {
    let house = house().await;
    let reader = Reader::new(KeyManagement::EcdhEsA256kw);
    let over = json!({
        "authorization_encrypted_response_alg": "ECDH-ES+A256KW", "authorization_encrypted_response_enc": "A256GCM",
    });
    let portal = reading(&house, "reading", &reader, over).await;
    let names = ("ECDH-ES+A256KW", "A256GCM");
    let (mut browser, _) = signed_in(&house, &portal).await;
    for (mode, separator) in [("jwt", '?'), ("query.jwt", '?'), ("fragment.jwt", '#')] {
        let page = browser.fetch(&portal.request(&[("response_mode", mode), ("prompt", "none")])).await;
        let (_, answer) = page.location().unwrap().split_once(separator).unwrap();
        let claims = nested(&reader, answer.strip_prefix("response=").expect("one member"), names);
        assert_eq!((&claims["aud"], &claims["state"]), (&json!(portal.id), &json!("s-1")), "{mode}");
        let (status, _) = portal.redeem(&house, claims["code"].as_str().unwrap()).await;
        assert_eq!(status, 200, "{mode}");
    }
    let page = browser.fetch(&portal.request(&[("response_mode", "jwt"), ("scope", "profile")])).await;
    let jwe = page.location().unwrap().split_once("?response=").unwrap().1.to_owned();
    assert_eq!(nested(&reader, &jwe, names)["error"], "invalid_scope");
    // In a mode that is not signed nothing is encrypted either (JARM 2.3).
    let page = browser.fetch(&portal.request(&[("response_mode", "query"), ("prompt", "none")])).await;
    assert!(page.location().unwrap().contains("?code="));
}

/// Where no key can be got there is no answer, never one in the clear; and nothing is used up by it.
#[tokio::test]
async fn without_a_key_that_fits_nothing_leaves_and_no_code_is_lost() {
    let house = house().await;
    let site = WebSite::start().await;
    let reader = Reader::new(KeyManagement::EcdhEs);
    let set = |keys: Value| json!({ "keys": keys }).to_string();
    let (signs, rsa) = (Key::new().jwk(), json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "enc" }));
    let url = site.put("/keys", "application/json", set(json!([signs, rsa])));
    let over = json!({
        "jwks_uri": url, "id_token_encrypted_response_alg": "ECDH-ES", "userinfo_encrypted_response_alg": "ECDH-ES",
        "authorization_encrypted_response_alg": "ECDH-ES",
    });
    let portal = Portal::with(&house, "reading", over).await;
    // JARM: told at once, before somebody signs in; the portal learns that it failed and nothing else.
    let page = house.browser().fetch(&portal.request(&[("response_mode", "jwt")])).await;
    assert_eq!(page.error(), "temporarily_unavailable");
    let answer = page.answer();
    assert!(answer["error_description"].contains("Error id: "), "{answer:?}");
    assert_eq!((answer.get("code"), answer["state"].as_str()), (None, "s-1"));
    let (_, answer) = signed_in(&house, &portal).await;
    let code = answer.code();
    let before = site.asked("/keys");
    house.after(seconds(4));
    for _ in 0..3 {
        let (status, refused) = portal.redeem(&house, &code).await;
        assert_eq!((status, refused["error"].as_str()), (503, Some("temporarily_unavailable")), "{refused}");
        assert!(refused["error_id"].is_string() && refused.get("id_token").is_none(), "{refused}");
        assert!(refused["error_description"].as_str().unwrap().contains("encrypted"), "{refused}");
    }
    assert_eq!(site.asked("/keys") - before, 1, "asked again once, then it rests");
    // The portal publishes a key: the same code is redeemed.
    site.put("/keys", "application/json", set(json!([signs, rsa, reader.jwk()])));
    house.after(seconds(4));
    let (status, tokens) = portal.redeem(&house, &code).await;
    assert_eq!(status, 200, "{tokens}");
    nested(&reader, tokens["id_token"].as_str().unwrap(), ("ECDH-ES", "A128CBC-HS256"));
    // Userinfo of a portal whose key went again: still none in the clear.
    let elsewhere = json!({ "jwks_uri": site.fail("/gone", 500), "userinfo_encrypted_response_alg": "ECDH-ES" });
    let portal = Portal::with(&house, "keyless", elsewhere).await;
    let (_, answer) = signed_in(&house, &portal).await;
    let tokens = portal.tokens(&house, &answer).await;
    let page = house.browser().bearer("/userinfo", tokens["access_token"].as_str().unwrap()).await;
    page.is(503).lacks("\"sub\"");
}

#[tokio::test]
async fn discovery_names_what_answers_are_encrypted_with() {
    let house = House::new().await;
    let page = house.browser().fetch("/.well-known/openid-configuration").await;
    let metadata: Value = serde_json::from_str(&page.body).unwrap();
    for answer in ["id_token", "userinfo", "authorization", "introspection"] {
        let of = |what: &str| metadata[format!("{answer}_encryption_{what}_values_supported")].clone();
        assert_eq!(of("alg"), json!(["ECDH-ES+A256KW", "ECDH-ES", "RSA-OAEP-256"]), "{answer}");
        assert_eq!(of("enc"), json!(["A256GCM", "A128GCM", "A128CBC-HS256"]), "{answer}");
    }
}

/// RFC 9701: what is heard of a token, signed for the one that asked.
#[tokio::test]
async fn rfc9701_introspection_is_signed_for_the_caller_and_encrypted_if_registered() {
    let house = house().await;
    let reader = Reader::new(KeyManagement::EcdhEs);
    let over = json!({
        "introspection_signed_response_alg": "ES256", "introspection_encrypted_response_alg": "ECDH-ES",
        "grant_types": ["client_credentials"], "redirect_uris": [], "post_logout_redirect_uris": [], "scope": "report",
    });
    let resource = reading(&house, "resource", &reader, over).await;
    let asking = json!({ "audience": ["resource"], "introspection_signed_response_alg": "RS256" });
    let portal = Portal::with(&house, "portal-a", asking).await;
    let (_, answer) = signed_in(&house, &portal).await;
    let tokens = portal.tokens(&house, &answer).await;
    let ask = async |who: &Portal, accept: &str, token: &str| {
        who.call_with(&house, &[("accept", accept)], "/introspect", &[("token", token)]).await
    };
    let jwt = "application/token-introspection+jwt";
    let token = tokens["access_token"].as_str().unwrap();
    // The portal that got it: signed for it, in its algorithm.
    let page = ask(&portal, jwt, token).await;
    page.is(200);
    assert_eq!(page.headers["content-type"], jwt);
    let header = part_of(&page.body, 0);
    assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("token-introspection+jwt"), Some("RS256")));
    let claims = part_of(&page.body, 1);
    let members: BTreeSet<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        BTreeSet::from(["aud", "iat", "iss", "token_introspection"]),
        "nothing that makes a token of it"
    );
    assert_eq!((&claims["aud"], &claims["iss"]), (&json!("portal-a"), &json!(house.services.issuer())));
    assert_eq!(claims["token_introspection"]["active"], true);
    assert_eq!(claims["token_introspection"]["client_id"], "portal-a");
    // The resource it is for: signed for that one, and encrypted.
    let page = ask(&resource, jwt, token).await;
    page.is(200);
    assert_eq!(page.headers["content-type"], jwt);
    let claims = nested(&reader, &page.body, ("ECDH-ES", "A128CBC-HS256"));
    assert_eq!(claims["aud"], "resource");
    assert_eq!(claims["token_introspection"]["active"], true);
    // Of a token that is not active it says nothing more, signed or not.
    let page = ask(&resource, jwt, "unknown").await;
    let claims = nested(&reader, &page.body, ("ECDH-ES", "A128CBC-HS256"));
    assert_eq!(claims["token_introspection"], json!({ "active": false }));
    // Nobody is answered in somebody else's name, and whoever fails to prove itself gets no signature.
    let wrong = Portal { secret: "wrong".to_owned(), ..resource.clone() };
    let page = ask(&wrong, jwt, token).await;
    page.is(401).has("invalid_client");
    assert_eq!(page.headers["content-type"], "application/json");
    // Who does not ask for it gets JSON.
    for accept in ["application/json", "*/*"] {
        let page = ask(&portal, accept, token).await;
        assert_eq!(page.headers["content-type"], "application/json");
        page.has("\"active\":true");
    }
    // A signed answer is no token: not at introspection, not at userinfo.
    let said = ask(&portal, jwt, token).await.body;
    assert!(!portal.is_active(&house, &json!(said)).await);
    assert_eq!(portal.userinfo(&house, &json!(said)).await.0, 401);
}
