//! C: PKCE and who says it.

use crate::harness::{Ask, Citizen, Landing, Party, Shape, Site, Way, base64_url, landing, random};

on_both_stores!(
    c1_pkce_cannot_be_left_out_or_weakened,
    c2_codes_and_tokens_have_nothing_in_common,
    c3_every_answer_names_the_issuer,
);

/// The answer at the portal to a request that needs no page.
async fn answer(citizen: &Citizen, ask: &Ask) -> Landing {
    let page = citizen.browser.get(&ask.target()).await;
    landing(&page).unwrap_or_else(|| panic!("{} {:.500}", page.status, page.body))
}

async fn c1_pkce_cannot_be_left_out_or_weakened(site: &Site) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    let lenient = Party::register(site, Shape::Basic, |metadata| metadata["require_pkce"] = false.into());
    citizen.authorize(site, &party.ask("openid"), Way::Passkey).await;
    citizen.authorize(site, &lenient.ask("openid"), Way::Passkey).await;

    let challenge = base64_url(dinhdanh::base::sha256(b"x").as_bytes());
    let bad_challenges = [
        String::new(),
        challenge[..42].to_owned(),
        format!("{challenge}A"),
        format!("{}=", &challenge[..42]),
        format!("{}+", &challenge[..42]),
        format!("{} ", &challenge[..42]),
        "a".repeat(129),
    ];
    for client in [&party, &lenient] {
        for bad in &bad_challenges {
            // Empty is as good as absent (RFC 6749 3.1): the lenient client need not send one, and then sends no method.
            let ask = client.ask("openid").with("code_challenge", bad);
            assert_eq!(answer(&citizen, &ask).await.get("error"), "invalid_request", "challenge {bad:?}");
        }
        for method in ["plain", "", "s256", "S512", "S256 "] {
            let ask = client.ask("openid").with("code_challenge_method", method);
            assert_eq!(answer(&citizen, &ask).await.get("error"), "invalid_request", "method {method:?}");
        }
        let ask = client.ask("openid").without("code_challenge_method");
        assert_eq!(answer(&citizen, &ask).await.get("error"), "invalid_request", "plain by leaving the method out");
        let ask = client.ask("openid").without("code_challenge");
        assert_eq!(answer(&citizen, &ask).await.get("error"), "invalid_request", "a method without a challenge");
    }
    let bare = |client: &Party| client.ask("openid").without("code_challenge").without("code_challenge_method");
    assert_eq!(answer(&citizen, &bare(&party)).await.get("error"), "invalid_request", "PKCE is on by default");
    let without = bare(&lenient);
    let code = answer(&citizen, &without).await.code();
    // A verifier where none was asked for is a sign of a stolen code (RFC 9700 2.1.1).
    assert_ne!(lenient.redeem(&without, &code).await.status, 200, "a verifier without a challenge");
    let code = answer(&citizen, &without).await.code();
    let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &lenient.redirect)];
    lenient.post("/token", &fields).await.ok();

    // Challenge and no or another verifier.
    for verifier in
        [None, Some(String::new()), Some("short".into()), Some("a".repeat(129)), Some("ä".repeat(43)), Some(random())]
    {
        for client in [&party, &lenient] {
            let ask = client.ask("openid");
            let code = answer(&citizen, &ask).await.code();
            let mut fields = client.redemption(&ask, &code);
            fields.pop();
            if let Some(verifier) = &verifier {
                fields.push(("code_verifier", verifier));
            }
            let refused = client.post("/token", &fields).await;
            assert_eq!(refused.status, 400, "verifier {verifier:?}: {}", refused.page.body);
            assert!(["invalid_grant", "invalid_request"].contains(&refused.error()), "{}", refused.page.body);
        }
    }
    // The challenge itself is no verifier.
    let ask = party.ask("openid");
    let code = answer(&citizen, &ask).await.code();
    let mut fields = party.redemption(&ask, &code);
    fields[3].1 = ask.get("code_challenge");
    party.post("/token", &fields).await.refused("invalid_grant");
}

async fn c2_codes_and_tokens_have_nothing_in_common(site: &Site) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    citizen.authorize(site, &party.ask("openid"), Way::Passkey).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let ask = party.ask("openid offline_access");
        let code = answer(&citizen, &ask).await.code();
        let tokens = party.redeem(&ask, &code).await.ok();
        for secret in [code, tokens.text("refresh_token")] {
            assert!(secret.len() >= 43, "fewer than 256 bits: {}", secret.len());
            // Eight characters are 48 random bits: a shared start would say where they come from.
            assert!(seen.insert(secret[..8].to_owned()), "two secrets begin alike");
            assert!(seen.insert(secret[secret.len() - 8..].to_owned()), "two secrets end alike");
        }
    }
}

async fn c3_every_answer_names_the_issuer(site: &Site) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    let metadata = citizen.browser.json("/.well-known/openid-configuration").await;
    assert_eq!(metadata["issuer"], site.issuer.as_str());
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    for (name, address) in metadata.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint")) {
        assert!(address.as_str().unwrap().starts_with(&format!("{}/", site.issuer)), "{name}: {address}");
    }
    assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    assert_eq!(metadata["response_types_supported"], serde_json::json!(["code"]));

    let ask = party.ask("openid");
    let success = citizen.authorize(site, &ask, Way::Passkey).await;
    assert_eq!((success.get("iss"), success.get("state")), (site.issuer.as_str(), ask.get("state")));
    // Errors of the request, of the person, of a flow that was given up.
    let wrong = party.ask("openid").with("prompt", "wrong");
    let error = answer(&citizen, &wrong).await;
    assert_eq!((error.get("iss"), error.get("state")), (site.issuer.as_str(), wrong.get("state")));
    let fresh = party.ask("openid").with("prompt", "login");
    let page = citizen.browser.open(&fresh.target()).await;
    let page = citizen.browser.submit_only(&page, "/cancel", &[]).await;
    let denied = landing(&page).expect("back at the portal");
    assert_eq!(denied.get("error"), "access_denied");
    assert_eq!((denied.get("iss"), denied.get("state")), (site.issuer.as_str(), fresh.get("state")));
    // No state sent, none given back.
    let ask = party.ask("openid").without("state");
    assert!(!answer(&citizen, &ask).await.params.contains_key("state"));
}
