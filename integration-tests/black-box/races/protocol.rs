//! What clients present: codes, refresh tokens, assertions, revocations.

use super::{RACERS, Rounds, round};
use crate::harness::{
    Answer, Citizen, History, Outcome, Party, Shape, Site, Way, assertion_fields, form, landing, now, random,
};

fn of_answer(answer: &Answer, refusal: &str) -> Outcome {
    match answer.status {
        200 => Outcome::Won,
        400 | 401 if answer.error() == refusal => Outcome::Lost(refusal.to_owned()),
        _ => Outcome::Unknown(format!("{} {}", answer.status, answer.page.body)),
    }
}

/// Somebody with a live session at a portal: each further code is one request.
async fn signed_in(site: &Site, scope: &str) -> (Citizen, Party) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    citizen.authorize(site, &party.ask(scope), Way::Passkey).await;
    (citizen, party)
}

pub async fn b4_authorization_code(site: &'static Site, rounds: &mut Rounds) {
    let (citizen, party) = signed_in(site, "openid").await;
    for number in rounds {
        let ask = party.ask("openid");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let fields = party.redemption(&ask, &code);
        let tokens = std::sync::Mutex::new(Vec::new());
        let call = || async {
            let answer = party.post("/token", &fields).await;
            tokens.lock().unwrap().extend(answer.json["access_token"].as_str().map(str::to_owned));
            of_answer(&answer, "invalid_grant")
        };
        round("authorization code", number, (0..RACERS).map(|_| call())).await;
        // The losers showed that the code was stolen: what the winner got is dead (RFC 9700 4.14).
        let token = tokens.into_inner().unwrap().pop().unwrap();
        assert!(!party.is_active(&token).await, "round {number}: a token of a replayed code lives");
    }
}

pub async fn e1_refresh_generation(site: &'static Site, rounds: &mut Rounds) {
    let (citizen, party) = signed_in(site, "openid offline_access").await;
    for number in rounds {
        let ask = party.ask("openid offline_access");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let refresh = party.redeem(&ask, &code).await.ok().text("refresh_token");
        let call = || async { of_answer(&party.refresh(&refresh).await, "invalid_grant") };
        round("refresh generation", number, (0..RACERS).map(|_| call())).await;
        assert!(!party.is_active(&refresh).await, "round {number}: a family lives on after reuse");
    }
}

pub async fn f2_client_assertion(site: &'static Site, rounds: &mut Rounds) {
    let party = Party::register(site, Shape::Assertion, |_| {});
    for number in rounds {
        let [kind, assertion] = assertion_fields(party.assertion());
        let fields = [("token", "x"), (kind.0, &*kind.1), (assertion.0, &*assertion.1)];
        let call = || async { of_answer(&party.post_bare("/introspect", &fields).await, "invalid_client") };
        round("client assertion", number, (0..RACERS).map(|_| call())).await;
    }
}

/// RFC 9126 2.2: one answer for a pushed request, in however many tabs its address is opened.
pub async fn i1_pushed_request(site: &'static Site, rounds: &mut Rounds) {
    let (citizen, party) = signed_in(site, "openid").await;
    for number in rounds {
        let ask = party.ask("openid").with("prompt", "none");
        let fields: Vec<(&str, &str)> =
            ask.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let fields: Vec<_> = fields.into_iter().filter(|(name, _)| *name != "client_id").collect();
        let pushed = party.post("/par", &fields).await;
        assert_eq!(pushed.status, 201, "{}", pushed.page.body);
        let query = form(&[("client_id", party.id.as_str()), ("request_uri", &pushed.text("request_uri"))]);
        let target = format!("/authorize?{query}");
        let call = || async {
            let page = citizen.browser.get(&target).await;
            match landing(&page) {
                Some(landing) if landing.params.contains_key("code") => Outcome::Won,
                Some(landing) => Outcome::Lost(landing.params.get("error").cloned().unwrap_or_default()),
                None if page.status == 400 => Outcome::Lost("shown".to_owned()),
                None => Outcome::Unknown(format!("{} {}", page.status, page.body)),
            }
        };
        round("pushed request", number, (0..RACERS).map(|_| call())).await;
    }
}

/// RFC 9449 11.1: a proof serves one request.
pub async fn f2_dpop_proof(site: &'static Site, rounds: &mut Rounds) {
    let party = Party::register(site, Shape::Basic, |metadata| {
        metadata["grant_types"] = serde_json::json!(["authorization_code", "client_credentials"]);
        metadata["scope"] = "openid report".into();
    });
    let endpoint = format!("{}/token", site.issuer);
    let fields = [("grant_type", "client_credentials"), ("scope", "report")];
    let claims = |nonce: &str| serde_json::json!({ "jti": random(), "htm": "POST", "htu": endpoint, "iat": now(), "nonce": nonce });
    let send = |proof: String| {
        let request = party.prepare("/token", &fields).header("dpop", proof);
        party.send(request)
    };
    for number in rounds {
        let told = send(party.key.proof(&claims("none"))).await;
        let nonce = told.page.headers.get("dpop-nonce").unwrap().to_str().unwrap().to_owned();
        let proof = party.key.proof(&claims(&nonce));
        let call = || async { of_answer(&send(proof.clone()).await, "invalid_dpop_proof") };
        round("DPoP proof", number, (0..RACERS).map(|_| call())).await;
    }
}

/// All racers share the assertion, or the proof, or both: whichever of the two was used before, one request is served.
pub async fn f2_assertion_and_proof(site: &'static Site, rounds: &mut Rounds) {
    let party = Party::register(site, Shape::Assertion, |metadata| {
        metadata["grant_types"] = serde_json::json!(["authorization_code", "client_credentials"]);
        metadata["scope"] = "openid report".into();
    });
    let endpoint = format!("{}/token", site.issuer);
    let claims = |nonce: &str| serde_json::json!({ "jti": random(), "htm": "POST", "htu": endpoint, "iat": now(), "nonce": nonce });
    let send = async |assertion: String, proof: String| {
        let [kind, assertion] = assertion_fields(assertion);
        let credentials = [("grant_type", "client_credentials"), ("scope", "report")];
        let fields: Vec<(&str, &str)> =
            credentials.into_iter().chain([(kind.0, &*kind.1), (assertion.0, &*assertion.1)]).collect();
        party.send(party.request(reqwest::Method::POST, "/token").form(&fields).header("dpop", proof)).await
    };
    for number in rounds {
        let told = send(party.assertion(), party.key.proof(&claims("none"))).await;
        let nonce = told.page.headers.get("dpop-nonce").unwrap().to_str().unwrap().to_owned();
        let (shared, proof) = (party.assertion(), party.key.proof(&claims(&nonce)));
        let (shares_assertion, shares_proof) = (number % 3 != 1, number % 3 != 2);
        let call = async |_: usize| {
            let assertion = if shares_assertion { shared.clone() } else { party.assertion() };
            let proof = if shares_proof { proof.clone() } else { party.key.proof(&claims(&nonce)) };
            let answer = send(assertion, proof).await;
            let refusal = if answer.status == 401 { "invalid_client" } else { "invalid_dpop_proof" };
            of_answer(&answer, refusal)
        };
        round("assertion and DPoP proof", number, (0..RACERS).map(&call)).await;
    }
}

/// E4: not one winner, but an order: what begins after a revocation was acknowledged finds nothing alive.
pub async fn e4_revocation(site: &'static Site, rounds: &mut Rounds) {
    let (citizen, party) = signed_in(site, "openid offline_access").await;
    for number in rounds {
        let ask = party.ask("openid offline_access");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let held = party.redeem(&ask, &code).await.ok();
        let (access, refresh) = (held.text("access_token"), held.text("refresh_token"));
        let mut revocations = History::of(format!("revocation, round {number}"));
        let mut seen = History::of(format!("tokens being revoked, round {number}"));
        let revoke = || async {
            match party.revoke(&refresh).await.status {
                200 => Outcome::Won,
                other => Outcome::Unknown(other.to_string()),
            }
        };
        let look = |place: usize| {
            let (party, access, refresh) = (&party, &access, &refresh);
            async move {
                let alive = if place.is_multiple_of(2) {
                    party.userinfo(access).await.status == 200
                } else {
                    party.is_active(refresh).await
                };
                if alive { Outcome::Won } else { Outcome::Lost("dead".to_owned()) }
            }
        };
        // One wave after another, so that some looks begin after the first acknowledgement.
        let looks = async {
            for _ in 0..3 {
                seen.race((0..(RACERS - 4) / 2).map(look)).await;
            }
        };
        tokio::join!(revocations.race((0..4).map(|_| revoke())), looks);
        seen.ends_with(&revocations);
        let mut after = History::of(format!("tokens that were revoked, round {number}"));
        after.race((0..4).map(look)).await;
        after.ends_with(&revocations);
        assert_eq!(party.refresh(&refresh).await.error(), "invalid_grant");
    }
}
