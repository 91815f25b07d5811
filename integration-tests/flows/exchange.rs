//! Token exchange between agencies (RFC 8693, H1): what is never widened, never outlives, and is always said.

use crate::device::error;
use crate::kit::{Browser, HOA, House, Portal, claims_of, minutes};
use serde_json::{Value, json};

pub const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";

/// An agency's system that may act with tokens of some clients, and is itself `https://{id}.example` to others.
pub async fn agency(house: &House, id: &str, clients: &[&str]) -> Portal {
    let metadata = json!({
        "grant_types": ["client_credentials", EXCHANGE], "redirect_uris": [], "response_types": [],
        "post_logout_redirect_uris": [], "scope": "report audit",
        "audience": ["https://records.example", "https://archive.example", "https://tax.example"],
        "token_exchange_clients": clients,
    });
    Portal::with(house, id, metadata).await
}

pub async fn exchange(house: &House, agency: &Portal, token: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let mut fields = vec![("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS)];
    fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    fields.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    agency.call(house, "/token", &fields).await
}

/// A portal whose tokens are for the records system and its archive, and a person signed in there.
async fn signed_in(house: &House) -> (Portal, Browser, Value) {
    let over = json!({ "audience": ["https://records.example", "https://archive.example"], "scope": "openid profile report offline_access" });
    let portal = Portal::with(house, "clinic", over).await.asking("openid report");
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    let tokens = portal.tokens(house, &answer).await;
    (portal, browser, tokens)
}

#[tokio::test]
async fn an_agency_acts_with_a_portals_token() {
    let house = House::new().await;
    house.with(&HOA).await;
    let (portal, mut browser, tokens) = signed_in(&house).await;
    let agency = agency(&house, "agency", &["clinic"]).await;
    house.after(minutes(1));
    let (status, answer) = exchange(&house, &agency, tokens["access_token"].as_str().unwrap(), &[]).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["issued_token_type"], &answer["scope"]), (&json!(ACCESS), &json!("report")));
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
    let (before, after) = (claims_of(&tokens["access_token"]), claims_of(&answer["access_token"]));
    assert_eq!((&after["sub"], &after["client_id"]), (&before["sub"], &json!("agency")));
    assert_eq!(after["act"], json!({"sub": "agency"}));
    assert!(after["exp"].as_i64().unwrap() <= before["exp"].as_i64().unwrap(), "it outlives the subject's");
    assert_eq!(after["acr"], before["acr"]);
    assert!(agency.is_active(&house, &answer["access_token"]).await);
    let (_, told) = agency.call(&house, "/introspect", &[("token", answer["access_token"].as_str().unwrap())]).await;
    assert_eq!(told["act"], json!({"sub": "agency"}));
    // It opens nothing about the person here.
    assert_eq!(agency.userinfo(&house, &answer["access_token"]).await.0, 401);
    // The person sees which agency acted.
    browser.open("/account/sharing/history").await.has("Portal agency").has("Acted for another service");
    browser.open("/account/activity").await.has("Portal agency acted with your data");
    // What the agency gives back ends its own token and not the portal's.
    let (status, _) = agency.call(&house, "/revoke", &[("token", answer["access_token"].as_str().unwrap())]).await;
    assert_eq!(status, 200);
    assert!(!agency.is_active(&house, &answer["access_token"]).await);
    assert!(portal.is_active(&house, &tokens["access_token"]).await);
}

/// I2: whatever ends the grant ends what was made of its tokens.
#[tokio::test]
async fn i2_revocation_of_the_subject_ends_every_token_of_the_chain() {
    let house = House::new().await;
    house.with(&HOA).await;
    let (portal, _, tokens) = signed_in(&house).await;
    let one = agency(&house, "agency-1", &["clinic"]).await;
    let two = agency(&house, "agency-2", &["agency-1"]).await;
    let (_, first) = exchange(&house, &one, tokens["access_token"].as_str().unwrap(), &[]).await;
    let (status, second) = exchange(&house, &two, first["access_token"].as_str().unwrap(), &[]).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!(claims_of(&second["access_token"])["act"], json!({"sub": "agency-2", "act": {"sub": "agency-1"}}));
    // One that is switched off in the middle of the chain ends it too (E5).
    let disable = |on: bool| {
        let (house, db) = (&house, &house.services.db);
        async move {
            use dinhdanh::base::Clock;
            use dinhdanh::store::client::{ClientStatus, set_status};
            let status = if on { ClientStatus::Active } else { ClientStatus::Disabled };
            let mut tx = db.begin().await.unwrap();
            set_status(&mut tx, "agency-1", status, house.clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            house.services.clients.forget("agency-1").await;
        }
    };
    disable(false).await;
    assert!(!two.is_active(&house, &second["access_token"]).await);
    disable(true).await;
    assert!(two.is_active(&house, &second["access_token"]).await);
    let (status, _) = portal.call(&house, "/revoke", &[("token", tokens["refresh_token"].as_str().unwrap())]).await;
    assert_eq!(status, 200);
    assert!(!one.is_active(&house, &first["access_token"]).await);
    assert!(!two.is_active(&house, &second["access_token"]).await);
    assert_eq!(error(&exchange(&house, &two, first["access_token"].as_str().unwrap(), &[]).await), "invalid_request");
}

#[tokio::test]
async fn h1_whatever_is_no_live_access_token_for_this_agency_is_refused() {
    let house = House::new().await;
    house.with(&HOA).await;
    let (portal, _, tokens) = signed_in(&house).await;
    let agency = agency(&house, "agency", &["clinic"]).await;
    let stranger = crate::exchange::agency(&house, "stranger", &["other"]).await;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let access = text("access_token");
    let (start, end) = access.rsplit_once('.').unwrap();
    let forged = format!("{start}.{}", end.chars().rev().collect::<String>());
    let refused = "invalid_request";
    for wrong in ["x", "a.b.c", &text("id_token"), &text("refresh_token"), &forged] {
        assert_eq!(error(&exchange(&house, &agency, wrong, &[]).await), refused, "{wrong}");
    }
    for more in [
        ("subject_token", ""),
        ("subject_token_type", ""),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
        ("actor_token", "x"),
    ] {
        assert_eq!(error(&exchange(&house, &agency, &access, &[more]).await), refused, "{more:?}");
    }
    let doubled = [
        ("grant_type", EXCHANGE),
        ("subject_token", &access),
        ("subject_token", &access),
        ("subject_token_type", ACCESS),
    ];
    assert_eq!(error(&agency.call(&house, "/token", &doubled).await), refused);
    assert_eq!(error(&exchange(&house, &stranger, &access, &[]).await), refused, "of a client that is not named");
    assert_eq!(error(&exchange(&house, &portal, &access, &[]).await), "unauthorized_client");
    for (more, expected) in [
        (("scope", "audit"), "invalid_scope"),
        (("scope", "openid"), "invalid_scope"),
        (("scope", "report audit"), "invalid_scope"),
        (("resource", "https://other.example"), "invalid_target"),
        // The agency may call it, and the person's authorization at the portal was not for it.
        (("resource", "https://tax.example"), "invalid_target"),
        (("audience", "https://id.example.vn"), "invalid_target"),
    ] {
        assert_eq!(error(&exchange(&house, &agency, &access, &[more]).await), expected, "{more:?}");
    }
    let (_, narrow) = exchange(&house, &agency, &access, &[("resource", "https://archive.example")]).await;
    assert_eq!(claims_of(&narrow["access_token"])["aud"], json!("https://archive.example"));
    // RFC 8693 2.1: several audiences may be named.
    let both = [("audience", "https://archive.example"), ("audience", "https://records.example")];
    let (status, both) = exchange(&house, &agency, &access, &both).await;
    assert_eq!(status, 200, "{both}");
    assert_eq!(claims_of(&both["access_token"])["aud"], json!(["https://archive.example", "https://records.example"]));
    // H1: what one exchange narrowed no further one widens.
    let further = crate::exchange::agency(&house, "further", &["agency"]).await;
    let narrow = narrow["access_token"].as_str().unwrap();
    for (target, expected) in [("https://archive.example", 200), ("https://records.example", 400)] {
        assert_eq!(exchange(&house, &further, narrow, &[("resource", target)]).await.0, expected, "{target}");
    }
    // E5: a resource that was taken from the portal is not reached by its token either.
    let over = json!({ "audience": ["https://records.example"], "scope": "openid profile report offline_access" });
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let only = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("resource", "https://records.example")];
    let (_, tokens) = portal.call(&house, "/token", &only).await;
    Portal::with(&house, "clinic", over).await;
    let access = tokens["access_token"].as_str().unwrap().to_owned();
    for (target, expected) in [("https://records.example", 200), ("https://archive.example", 400)] {
        assert_eq!(exchange(&house, &agency, &access, &[("resource", target)]).await.0, expected, "{target}");
    }
    house.after(minutes(30));
    assert_eq!(error(&exchange(&house, &agency, &access, &[]).await), refused, "expired");
}

#[tokio::test]
async fn h1_a_chain_has_three_agencies_at_most() {
    let house = House::new().await;
    house.with(&HOA).await;
    let (_, _, tokens) = signed_in(&house).await;
    let mut token = tokens["access_token"].as_str().unwrap().to_owned();
    let mut before = "clinic".to_owned();
    for number in 1..=4 {
        let id = format!("agency-{number}");
        let agency = agency(&house, &id, &[&before]).await;
        let answer = exchange(&house, &agency, &token, &[]).await;
        if number == 4 {
            assert_eq!(error(&answer), "invalid_request");
        } else {
            assert_eq!(answer.0, 200, "{}", answer.1);
            token = answer.1["access_token"].as_str().unwrap().to_owned();
            before = id;
        }
    }
}

/// A system's own token has no person behind it; an actor token is the agency's own.
#[tokio::test]
async fn tokens_of_systems_and_actors() {
    let house = House::new().await;
    house.with(&HOA).await;
    let (portal, _, tokens) = signed_in(&house).await;
    let agency = agency(&house, "agency", &["clinic"]).await;
    let own = |portal: &Portal| {
        let (house, portal) = (&house, portal.clone());
        async move {
            let fields = [("grant_type", "client_credentials"), ("scope", "report")];
            portal.call(house, "/token", &fields).await.1["access_token"].as_str().unwrap().to_owned()
        }
    };
    let system = own(&portal).await;
    let (status, answer) = exchange(&house, &agency, &system, &[]).await;
    assert_eq!(status, 200, "{answer}");
    let claims = claims_of(&answer["access_token"]);
    assert_eq!((&claims["sub"], &claims["act"]), (&json!("clinic"), &json!({"sub": "agency"})));
    // H1: as far as the system itself may reach, in a second exchange as far as the first one's token.
    assert_eq!(claims["aud"], json!(["https://records.example", "https://archive.example"]));
    let further = crate::exchange::agency(&house, "further", &["agency"]).await;
    let first = answer["access_token"].as_str().unwrap();
    for (target, expected) in [("https://archive.example", 200), ("https://tax.example", 400)] {
        for (agency, token) in [(&agency, system.as_str()), (&further, first)] {
            assert_eq!(exchange(&house, agency, token, &[("resource", target)]).await.0, expected, "{target}");
        }
    }
    let access = tokens["access_token"].as_str().unwrap();
    let actor = own(&agency).await;
    let with = [("actor_token", actor.as_str()), ("actor_token_type", ACCESS)];
    let (status, answer) = exchange(&house, &agency, access, &with).await;
    assert_eq!((status, &claims_of(&answer["access_token"])["act"]), (200, &json!({"sub": "agency"})));
    for wrong in [system.as_str(), access] {
        let with = [("actor_token", wrong), ("actor_token_type", ACCESS)];
        assert_eq!(error(&exchange(&house, &agency, access, &with).await), "invalid_request");
    }
}
