//! F: how clients prove themselves, and tokens that are not what they are shown as.

use crate::harness::{Citizen, Party, Reader, Shape, Site, Way, assertion_fields, bearer, jose, landing, now, random};
use crate::i_logout::{Received, listen, token_of};
use dinhdanh::crypto::{Recipient, encrypt};
use dinhdanh::protocol::encryption::{ContentEncryption, KeyManagement};
use dinhdanh::protocol::jwt_claims::TokenKind;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

on_both_stores!(
    f1_f3_f6_f7_an_assertion_says_exactly_what_it_must,
    f2_an_assertion_counts_once_on_every_process,
    f5_f8_an_assertion_is_verified_by_the_registered_key_only,
    f10_odd_and_huge_tokens_are_refused_fast,
    f13_each_kind_of_token_fits_its_own_slot_only,
    an_encrypted_id_token_opens_for_its_client_only,
    a_client_proves_itself_as_registered_and_in_one_way,
);

/// Presents an assertion at introspection: 200 for a proven client, else `invalid_client`.
async fn present(party: &Party, assertion: &str) -> crate::harness::Answer {
    let [kind, assertion] = assertion_fields(assertion.to_owned());
    party.post_bare("/introspect", &[("token", "x"), (kind.0, &kind.1), (assertion.0, &assertion.1)]).await
}

async fn refuse(party: &Party, assertion: &str, what: &str) {
    let answer = present(party, assertion).await;
    assert_eq!((answer.status, answer.error()), (401, "invalid_client"), "{what}: {}", answer.page.body);
    assert!(!answer.page.body.contains(&party.id), "K1: {what}");
}

async fn f1_f3_f6_f7_an_assertion_says_exactly_what_it_must(site: &Site) {
    let party = Party::register(site, Shape::Assertion, |_| {});
    let other = Party::register(site, Shape::Assertion, |_| {});
    let issuer = site.issuer.as_str();
    let signed = |claims: &Value| party.key.sign(&party.key.header(), claims);
    assert_eq!(present(&party, &party.assertion()).await.status, 200, "a lawful assertion");
    let (before, after) = (now() - 400, now());
    let wrong: Vec<(&str, Value)> = vec![
        ("aud", json!(format!("{issuer}/token"))),
        ("aud", json!(format!("{issuer}/"))),
        ("aud", json!(format!("{issuer}/introspect"))),
        ("aud", json!([issuer])),
        ("aud", json!([issuer, "https://other.example"])),
        ("aud", json!([])),
        ("aud", json!("https://other.example")),
        ("aud", json!(7)),
        ("aud", Value::Null),
        ("aud", json!("")),
        ("aud", json!({ "0": issuer })),
        ("iss", json!(other.id)),
        ("iss", json!(issuer)),
        ("iss", Value::Null),
        ("sub", json!(other.id)),
        ("sub", json!([party.id])),
        ("sub", Value::Null),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!(5)),
        ("jti", json!("x".repeat(129))),
        ("exp", json!(after + 3600)),
        ("exp", json!(after + 330)),
        ("exp", json!(before)),
        ("exp", json!((after + 60).to_string())),
        ("exp", json!(1e300)),
        ("exp", json!(-1)),
        ("exp", json!([after + 60])),
        ("exp", Value::Null),
        ("iat", json!(after + 3600)),
        ("iat", json!((after).to_string())),
        ("iat", json!(1e300)),
        ("iat", json!(-5)),
        ("nbf", json!(after + 3600)),
        ("nbf", json!("0")),
        ("nbf", json!(true)),
        ("nbf", json!([])),
    ];
    for (name, value) in wrong {
        let mut claims = jose::assertion(&party.id, issuer);
        let shown = value.to_string();
        claims[name] = value;
        refuse(&party, &signed(&claims), &format!("{name} = {shown:.60}")).await;
    }
    for name in ["aud", "iss", "sub", "jti", "exp"] {
        let mut claims = jose::assertion(&party.id, issuer);
        claims.as_object_mut().unwrap().remove(name);
        refuse(&party, &signed(&claims), &format!("no {name}")).await;
    }
    // A doubled member has two readings.
    let claims = jose::assertion(&party.id, issuer).to_string();
    let doubled = claims.replacen('{', &format!("{{\"aud\":\"{issuer}\","), 1);
    let header = party.key.header();
    refuse(&party, &party.key.sign_text(&header.to_string(), &doubled), "aud twice").await;
    assert_eq!(present(&party, &party.assertion()).await.status, 200, "still served");
}

async fn f2_an_assertion_counts_once_on_every_process(site: &Site) {
    let party = Party::register(site, Shape::Assertion, |_| {});
    let once = party.assertion();
    assert_eq!(present(&party, &once).await.status, 200);
    // Each connection meets another process; each endpoint is another slot.
    for _ in 0..4 {
        refuse(&party, &once, "the second time").await;
    }
    let [kind, proof] = assertion_fields(once);
    for (endpoint, field) in [("/token", ("grant_type", "client_credentials")), ("/revoke", ("token", "x"))] {
        let answer = party.post_bare(endpoint, &[field, (kind.0, &kind.1), (proof.0, &proof.1)]).await;
        assert_eq!(answer.error(), "invalid_client", "{endpoint}: {}", answer.page.body);
    }
    for round in 0..8 {
        let once = party.assertion();
        let answers = join_all((0..32).map(|_| present(&party, &once))).await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1, "round {round}");
        assert!(answers.iter().all(|answer| [200, 401].contains(&answer.status)), "round {round}");
    }
    // The same jti in another assertion, and by another client.
    let mut claims = jose::assertion(&party.id, &site.issuer);
    assert_eq!(present(&party, &party.key.sign(&party.key.header(), &claims)).await.status, 200);
    claims["exp"] = json!(now() + 120);
    refuse(&party, &party.key.sign(&party.key.header(), &claims), "the same jti again").await;
    let other = Party::register(site, Shape::Assertion, |_| {});
    (claims["iss"], claims["sub"]) = (json!(other.id), json!(other.id));
    let theirs = other.key.sign(&other.key.header(), &claims);
    assert_eq!(present(&other, &theirs).await.status, 200, "J5: a jti is its client's own");
}

async fn f5_f8_an_assertion_is_verified_by_the_registered_key_only(site: &Site) {
    let party = Party::register(site, Shape::Assertion, |_| {});
    let stranger = jose::Key::new();
    let claims = || jose::assertion(&party.id, &site.issuer);
    let with = |changes: Value| {
        let mut header = party.key.header();
        header.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        header
    };
    // F5: no algorithm, another one, another family.
    for alg in ["none", "None", "nOnE", "NONE", ""] {
        let token = jose::unsigned(&with(json!({ "alg": alg })), &claims());
        refuse(&party, &format!("{token}."), &format!("alg {alg:?}")).await;
        refuse(&party, &party.key.sign(&with(json!({ "alg": alg })), &claims()), &format!("signed, alg {alg:?}")).await;
    }
    for alg in ["RS256", "PS256", "EdDSA", "ES384", "HS256", "es256"] {
        refuse(&party, &party.key.sign(&with(json!({ "alg": alg })), &claims()), alg).await;
    }
    let public_key = party.key.jwk();
    for secret in [public_key.to_string().into_bytes(), party.key.pem().into_bytes(), Vec::from(*b"secret")] {
        refuse(&party, &jose::hs256(&with(json!({ "alg": "HS256" })), &claims(), &secret), "HS256 with public bytes")
            .await;
    }
    let lawful = party.assertion();
    let unsigned = lawful.rsplit_once('.').unwrap().0;
    for (what, token) in [
        ("empty signature", format!("{unsigned}.")),
        ("no signature", unsigned.to_owned()),
        ("a zero signature", format!("{unsigned}.{}", crate::harness::base64_url([0u8; 64]))),
        ("a cut signature", lawful[..lawful.len() - 2].to_owned()),
        ("padding", format!("{lawful}==")),
        ("a blank", format!("{lawful} ")),
    ] {
        refuse(&party, &token, what).await;
    }
    assert_eq!(present(&party, &lawful).await.status, 200, "and the lawful one was not spent by all that");

    // F8: the token's own word about its key is not taken, and nothing is fetched.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://127.0.0.1:{}/keys", listener.local_addr().unwrap().port());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let task = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let own = stranger.jwk();
    for (what, changes) in [
        ("jwk", json!({ "jwk": own })),
        ("jku", json!({ "jku": address })),
        ("x5u", json!({ "x5u": address })),
        ("x5c", json!({ "x5c": ["AAAA"] })),
        ("a path as kid", json!({ "kid": "../../../../dev/null" })),
        ("SQL as kid", json!({ "kid": "' OR 1=1 --" })),
        ("an address as kid", json!({ "kid": address })),
        ("a huge kid", json!({ "kid": "k".repeat(300) })),
        ("a list as kid", json!({ "kid": ["a"] })),
        ("crit", json!({ "crit": ["exp"] })),
        ("b64", json!({ "b64": false, "crit": ["b64"] })),
        ("zip", json!({ "zip": "DEF" })),
        ("an access token's typ", json!({ "typ": "at+jwt" })),
        ("a logout token's typ", json!({ "typ": "logout+jwt" })),
    ] {
        refuse(&party, &stranger.sign(&with(changes.clone()), &claims()), &format!("{what}, a stranger's key")).await;
        if !what.contains("kid") {
            refuse(&party, &party.key.sign(&with(changes), &claims()), &format!("{what}, the right key")).await;
        }
    }
    refuse(&party, &stranger.sign(&stranger.header(), &claims()), "a stranger's key").await;
    assert_eq!(connections.load(Ordering::Relaxed), 0, "an address in a token was fetched");
    task.abort();
}

async fn f10_odd_and_huge_tokens_are_refused_fast(site: &Site) {
    let party = Party::register(site, Shape::Assertion, |_| {});
    let basic = Party::register(site, Shape::Basic, |_| {});
    let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
    let header = |text: &str| crate::harness::base64_url(text);
    let tokens = vec![
        ("dots", ".".repeat(8000)),
        ("five parts", format!("{}.a.b.c.d", header(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#))),
        ("PBES2", format!("{}.a.b.c.d", header(r#"{"alg":"PBES2-HS512+A256KW","p2c":2147483647,"enc":"A256GCM"}"#))),
        ("deep header", format!("{}.e30.AA", header(&deep))),
        ("deep claims", format!("{}.{}.AA", header(r#"{"alg":"ES256"}"#), header(&deep))),
        ("no JSON", "AAAA.AAAA.AAAA".to_owned()),
        ("empty parts", "..".to_owned()),
        ("not base64", "!!!.???.###".to_owned()),
        (
            "a long number",
            format!("{}.{}.AA", header(r#"{"alg":"ES256"}"#), header(&format!("{{\"exp\":{}}}", "9".repeat(4000)))),
        ),
        ("NUL", format!("{}.{}.AA", header("{\"alg\":\"ES256\\u0000\"}"), header("{\"sub\":\"a\\u0000\"}"))),
        ("huge", "A".repeat(7000)),
    ];
    for (what, token) in &tokens {
        let started = Instant::now();
        let answer = present(&party, token).await;
        let took = started.elapsed();
        assert!([400, 401].contains(&answer.status), "{what}: {} {}", answer.status, answer.page.body);
        assert!(took < Duration::from_secs(2), "{what} took {took:?}");
        let seen = basic.post("/introspect", &[("token", token)]).await;
        assert!(seen.json["active"] == json!(false) || seen.status == 400, "{what}: {}", seen.page.body);
        let request = bearer(party.request(Method::GET, "/userinfo"), token);
        assert!([400, 401, 431].contains(&party.send(request).await.status), "{what}");
    }
    assert_eq!(present(&party, &party.assertion()).await.status, 200, "alive");
}

/// Our own kinds of JWT: a new one does not compile until it has a place in the matrix below.
const fn name_of(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::IdToken => "ID token",
        TokenKind::AccessToken => "access token",
        TokenKind::LogoutToken => "logout token",
        TokenKind::Userinfo => "signed userinfo",
        TokenKind::AuthorizationResponse => "signed answer",
        TokenKind::Introspection => "signed introspection",
    }
}

/// Everything that looks like a token, by name.
async fn kinds(site: &Site, citizen: &Citizen, party: &Party, got: &Received) -> Vec<(&'static str, String)> {
    let ask = party.ask("openid levels offline_access");
    let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
    let held = party.redeem(&ask, &code).await.ok();
    let userinfo = party.userinfo(&held.text("access_token")).await.page;
    assert_eq!(userinfo.header("content-type"), "application/jwt", "{}", userinfo.body);
    // A client's own: an assertion, a request object (RFC 9101) and a DPoP proof (RFC 9449).
    let made = |typ: &str, more: Value| {
        let mut claims = jose::assertion(&party.id, &site.issuer);
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut header = party.key.header();
        header["typ"] = typ.into();
        party.key.sign(&header, &claims)
    };
    let request = {
        let mut claims: serde_json::Map<String, Value> =
            party.ask("openid").params.into_iter().map(|(name, value)| (name, value.into())).collect();
        claims.extend(jose::assertion(&party.id, &site.issuer).as_object().unwrap().clone());
        claims.remove("sub");
        claims.insert("prompt".to_owned(), "none".into());
        let header = json!({ "alg": "ES256", "typ": "oauth-authz-req+jwt", "kid": party.key.header()["kid"] });
        party.key.sign(&header, &Value::Object(claims))
    };
    let proof = party.key.proof(&json!({
        "jti": random(), "htm": "POST", "htu": format!("{}/token", site.issuer), "iat": crate::harness::now(),
    }));
    let signed = party.ask("openid").with("prompt", "none").with("response_mode", "jwt");
    let signed = landing(&citizen.browser.get(&signed.target()).await).unwrap().params["response"].clone();
    let asked = party.prepare("/introspect", &[("token", &held.text("access_token"))]);
    let asked = asked.header("accept", "application/token-introspection+jwt");
    let introspected = party.send(asked).await.page;
    assert_eq!(introspected.header("content-type"), "application/token-introspection+jwt", "{}", introspected.body);
    // What is in an envelope to us is what it is, and in its own slot only where envelopes are taken (RFC 9101 6.1).
    let jwks = citizen.browser.json("/jwks").await;
    let to_us = Recipient::from_jwks(&jwks, KeyManagement::EcdhEs).unwrap();
    let sealed = |jwt: &str| encrypt(&to_us, ContentEncryption::A256Gcm, Some("JWT"), jwt.as_bytes()).unwrap();
    let (rsa, strange) =
        (Recipient::from_jwks(&jwks, KeyManagement::RsaOaep256).unwrap(), Reader::new(KeyManagement::EcdhEs));
    let to_stranger = Recipient::from_jwks(&json!({ "keys": [strange.jwk()] }), KeyManagement::EcdhEs).unwrap();
    let seal = |to: &Recipient| encrypt(to, ContentEncryption::A128CbcHs256, Some("JWT"), request.as_bytes()).unwrap();
    vec![
        (name_of(TokenKind::Introspection), introspected.body),
        ("encrypted request object", sealed(&request)),
        // RSA is for those who registered it (flows `encrypted_requests`).
        ("request object encrypted with RSA", seal(&rsa)),
        ("request object encrypted to a stranger", seal(&to_stranger)),
        ("encrypted ID token", sealed(&held.text("id_token"))),
        ("encrypted access token", sealed(&held.text("access_token"))),
        ("encrypted refresh token", sealed(&held.text("refresh_token"))),
        ("encrypted client assertion", sealed(&party.assertion())),
        ("encrypted DPoP proof", sealed(&proof)),
        ("twice encrypted request object", sealed(&sealed(&request))),
        (name_of(TokenKind::IdToken), held.text("id_token")),
        (name_of(TokenKind::AccessToken), held.text("access_token")),
        (name_of(TokenKind::Userinfo), userinfo.body),
        (name_of(TokenKind::LogoutToken), logout_token(site, party, got).await),
        ("refresh token", held.text("refresh_token")),
        ("client assertion", party.assertion()),
        ("signed assertion as request object", made("oauth-authz-req+jwt", json!({ "client_id": party.id }))),
        ("request object", request),
        ("DPoP proof", proof),
        (name_of(TokenKind::AuthorizationResponse), signed),
        ("nothing", random()),
    ]
}

/// A logout token of ours for this party: somebody else signs in there and out again.
async fn logout_token(site: &Site, party: &Party, got: &Received) -> String {
    let other = Citizen::new(site).await;
    other.authorize(site, &party.ask("openid"), Way::Passkey).await;
    let page = other.browser.open("/account").await;
    other.browser.post("/logout/all", &[("csrf", &page.csrf()), ("action", "all")]).await;
    token_of(got, 0).await
}

async fn f13_each_kind_of_token_fits_its_own_slot_only(site: &Site) {
    let citizen = Citizen::new(site).await;
    let (address, got) = listen().await;
    let party = Party::register(site, Shape::Assertion, |metadata| {
        metadata["userinfo_signed_response_alg"] = "ES256".into();
        metadata["backchannel_logout_uri"] = address.as_str().into();
    });
    let basic = Party::register(site, Shape::Basic, |_| {});
    let mut kinds = kinds(site, &citizen, &party, &got).await;
    let spare = party.ask("openid");
    let code = citizen.authorize(site, &spare, Way::Passkey).await.code();
    kinds.push(("code", code.clone()));
    // Of another client, as the form is the client's choice; userinfo takes it from whoever holds it.
    let sealing = Party::register(site, Shape::Basic, |metadata| metadata["access_token_format"] = "opaque".into());
    let sealed = sealing.ask("openid");
    let sealed_code = citizen.authorize(site, &sealed, Way::Passkey).await.code();
    let opaque = sealing.redeem(&sealed, &sealed_code).await.ok().text("access_token");
    assert!(opaque.starts_with("dda_") && sealing.is_active(&opaque).await);
    kinds.push(("opaque access token", opaque.clone()));
    let of = |kind: &str| kinds.iter().find(|(name, _)| *name == kind).unwrap().1.clone();
    let (access, refresh) = (of("access token"), of("refresh token"));
    let receiver = format!("{}/backchannel-logout", site.portals()[0]);
    for (kind, token) in &kinds {
        let is = |own: &str| *kind == own;
        // Userinfo takes access tokens.
        let status = party.userinfo(token).await.status;
        let opens = is("access token") || is("opaque access token");
        assert_eq!(status == 200, opens, "{kind} at userinfo: {status}");
        // Introspection knows access and refresh tokens.
        let active = party.is_active(token).await;
        assert_eq!(active, is("access token") || is("refresh token"), "{kind} at introspection");
        // Revocation ends those, and nothing else by their means.
        if !is("access token") && !is("refresh token") {
            party.revoke(token).await;
            assert!(party.is_active(&access).await && party.is_active(&refresh).await, "{kind} at revocation");
        }
        // A client proves itself by a client assertion.
        if !is("client assertion") {
            let [assertion_kind, assertion] = assertion_fields(token.clone());
            let fields = [("token", "x"), (assertion_kind.0, &*assertion_kind.1), (assertion.0, &*assertion.1)];
            let answer = party.post_bare("/introspect", &fields).await;
            assert_eq!(answer.status, 401, "{kind} as client assertion: {}", answer.page.body);
        }
        // The hint is an ID token.
        let hinted = party.ask("openid").with("prompt", "none").with("id_token_hint", token);
        let page = citizen.browser.get(&hinted.target()).await;
        let answer = landing(&page).unwrap_or_else(|| panic!("{kind}: {} {:.300}", page.status, page.body));
        assert_eq!(answer.params.contains_key("code"), is("ID token"), "{kind} as id_token_hint: {answer:?}");
        // A request object is one the client signed for this.
        let page =
            citizen.browser.get(&party.ask("openid").with("prompt", "none").with("request", token).target()).await;
        let granted = landing(&page).is_some_and(|answer| answer.params.contains_key("code"));
        let own = is("request object") || is("encrypted request object");
        assert_eq!(granted, own, "{kind} as request object: {:?}", landing(&page));
        // A proof of possession lacks but the nonce.
        let fields = [("grant_type", "authorization_code"), ("code", "x")];
        let answer = party.send(party.prepare("/token", &fields).header("dpop", token)).await;
        let expected = if is("DPoP proof") { "use_dpop_nonce" } else { "invalid_dpop_proof" };
        assert_eq!(answer.error(), expected, "{kind} as DPoP proof: {}", answer.page.body);
        // So is that of a sign-out, else the person is asked.
        if !is("ID token") {
            let page = citizen.browser.copy().get(&format!("/logout?id_token_hint={token}")).await;
            assert!(
                page.status == 400 || page.header("location").contains("/logout/confirm"),
                "{kind}: {}",
                page.status
            );
        }
        // A refresh token refreshes, a code is redeemed.
        if !is("refresh token") {
            let answer = party.refresh(token).await;
            assert!(["invalid_grant", "invalid_request"].contains(&answer.error()), "{kind}: {}", answer.page.body);
        }
        if !is("code") {
            let answer = party.redeem(&spare, token).await;
            assert!(["invalid_grant", "invalid_request"].contains(&answer.error()), "{kind}: {}", answer.page.body);
        }
        // A portal believes logout tokens made for it; this one was made for another.
        let told = citizen.browser.post(&receiver, &[("logout_token", token)]).await;
        assert_eq!(told.status, 400, "{kind} at a portal's back channel: {}", told.body);
    }
    assert!(citizen.is_signed_in().await);
    assert!(sealing.is_active(&opaque).await, "nobody but its client revokes it");
    party.redeem(&spare, &code).await.ok();
    party.refresh(&refresh).await.ok();
    // Tokens of ours, changed or signed by somebody else.
    let stranger = jose::Key::new();
    let (header, claims) = (jose::part(&access, 0), jose::part(&access, 1));
    let unsigned = jose::unsigned(&header, &claims);
    for forged in [
        stranger.sign(&header, &claims),
        format!("{unsigned}."),
        jose::unsigned(&json!({ "alg": "none", "typ": "at+jwt" }), &claims) + ".",
        jose::hs256(&json!({ "alg": "HS256", "typ": "at+jwt", "kid": header["kid"] }), &claims, b"x"),
    ] {
        assert_eq!(party.userinfo(&forged).await.status, 401);
        assert!(!party.is_active(&forged).await);
    }
    // An ID token of another client is no hint for this one.
    let theirs = basic.ask("openid");
    let code = citizen.authorize(site, &theirs, Way::Passkey).await.code();
    let foreign = basic.redeem(&theirs, &code).await.ok().text("id_token");
    let hinted = party.ask("openid").with("prompt", "none").with("id_token_hint", &foreign);
    let page = citizen.browser.get(&hinted.target()).await;
    assert!(!landing(&page).expect("an answer").params.contains_key("code"), "another client's ID token was a hint");
}

/// OpenID Connect Core 16.14: what leaves for this client can be read by it alone, after a restart of its own keys too.
async fn an_encrypted_id_token_opens_for_its_client_only(site: &Site) {
    let citizen = Citizen::new(site).await;
    let (reader, other) = (Reader::new(KeyManagement::RsaOaep256), Reader::new(KeyManagement::RsaOaep256));
    let party = Party::register(site, Shape::Basic, |metadata| {
        metadata["jwks"] = json!({ "keys": [reader.jwk()] });
        metadata["id_token_encrypted_response_alg"] = "RSA-OAEP-256".into();
        metadata["id_token_encrypted_response_enc"] = "A256GCM".into();
        metadata["userinfo_encrypted_response_alg"] = "RSA-OAEP-256".into();
    });
    let ask = party.ask("openid offline_access");
    let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
    let held = party.redeem(&ask, &code).await.ok();
    let renewed = party.refresh(&held.text("refresh_token")).await.ok();
    let jwks = citizen.browser.json("/jwks").await;
    for jwe in [held.text("id_token"), renewed.text("id_token")] {
        let header = jose::part(&jwe, 0);
        assert_eq!((&header["alg"], &header["enc"]), (&json!("RSA-OAEP-256"), &json!("A256GCM")), "{header}");
        assert_eq!((&header["cty"], header["kid"].as_str()), (&json!("JWT"), Some(reader.kid())), "{header}");
        assert!(other.open(&jwe).is_none());
        let claims = jose::verified(&reader.open(&jwe).expect("encrypted to its key"), &jwks, "JWT");
        assert_eq!((&claims["aud"], claims["nonce"].as_str()), (&json!(party.id), Some(ask.get("nonce"))));
    }
    let userinfo = party.userinfo(&renewed.text("access_token")).await.page;
    assert_eq!(userinfo.header("content-type"), "application/jwt");
    let said: Value = serde_json::from_str(&reader.open(&userinfo.body).expect("encrypted to its key")).unwrap();
    assert!(said["sub"].is_string() && other.open(&userinfo.body).is_none());
    // Nobody registers without a key that fits, nor by a name that is no algorithm here.
    for (alg, jwks) in [
        ("RSA-OAEP-256", json!({ "keys": [party.key.jwk()] })),
        ("ECDH-ES", json!({ "keys": [reader.jwk()] })),
        ("RSA1_5", json!({ "keys": [reader.jwk()] })),
        ("dir", json!({ "keys": [reader.jwk()] })),
    ] {
        let refused = site.add_client(&json!({
            "client_name": "Portal", "redirect_uris": ["https://portal.example/cb"], "jwks": jwks,
            "id_token_encrypted_response_alg": alg,
        }));
        assert!(refused.is_err(), "{alg}");
    }
}

async fn a_client_proves_itself_as_registered_and_in_one_way(site: &Site) {
    let parties =
        [Shape::Basic, Shape::Post, Shape::Assertion, Shape::Public].map(|s| Party::register(site, s, |_| {}));
    let [basic, post, assertion, public] = &parties;
    let token = [("token", "x")];
    for party in &parties {
        // Nothing at all: only a public client is known by its name, and it may not introspect.
        let bare = party.post_bare("/introspect", &[("token", "x"), ("client_id", &party.id)]).await;
        assert_eq!((bare.status, bare.error()), (401, "invalid_client"), "{:?}", party.shape);
        for (id, secret) in [(party.id.as_str(), "wrong"), (&party.id, ""), ("nobody", "x"), ("", "")] {
            let request = party.request(Method::POST, "/introspect").basic_auth(id, Some(secret)).form(&token);
            let answer = party.send(request).await;
            assert!([400, 401].contains(&answer.status), "{:?}: {}", party.shape, answer.page.body);
            if answer.status == 401 {
                assert!(answer.page.header("www-authenticate").starts_with("Basic"), "RFC 6749 5.2");
            }
            let fields = [("token", "x"), ("client_id", id), ("client_secret", secret)];
            assert_ne!(party.post_bare("/introspect", &fields).await.status, 200, "{:?}", party.shape);
        }
    }
    // The right secret in the way that was not registered.
    let fields = [("token", "x"), ("client_id", &basic.id), ("client_secret", &basic.secret)];
    assert_eq!(basic.post_bare("/introspect", &fields).await.error(), "invalid_client");
    let request = post.request(Method::POST, "/introspect").basic_auth(&post.id, Some(&post.secret)).form(&token);
    assert_eq!(post.send(request).await.error(), "invalid_client");
    // Two ways at once, or one client proved and another named.
    let both =
        basic.prepare("/introspect", &[("token", "x"), ("client_secret", &basic.secret), ("client_id", &basic.id)]);
    assert_eq!(basic.send(both).await.error(), "invalid_request");
    let named = basic.prepare("/introspect", &[("token", "x"), ("client_id", &public.id)]);
    assert_eq!(basic.send(named).await.error(), "invalid_request");
    let [kind, proof] = assertion_fields(assertion.assertion());
    let fields = [("token", "x"), ("client_id", &*post.id), (kind.0, &*kind.1), (proof.0, &*proof.1)];
    assert_eq!(assertion.post_bare("/introspect", &fields).await.error(), "invalid_request");
    let fields = [("token", "x"), (proof.0, &*proof.1)];
    assert_ne!(assertion.post_bare("/introspect", &fields).await.status, 200, "an assertion without its type");
    // The lawful way still works.
    for party in [basic, post, assertion] {
        party.post("/introspect", &token).await.ok();
    }
}
