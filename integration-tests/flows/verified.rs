//! Verified claims (OpenID Connect for Identity Assurance 1.0): asked for, filtered, agreed to, told, taken back.

use crate::kit::{Browser, Citizen, HOA, House, MINH, Page, Portal, claims_of, minutes};
use dinhdanh::base::{GrantId, PersonId, Timestamp};
use dinhdanh::identity::{ExchangeEvidence, IdentityLevel, RegisterState};
use dinhdanh::protocol::GrantTerms;
use dinhdanh::store;
use dinhdanh::store::person::RegisterUpdate;
use serde_json::{Value, json};

const FRAMEWORK: &str = "urn:dinhdanh:trust-framework:population-register";

fn sharing(basis: &str, claims: &[&str]) -> Value {
    json!({ "sharing": {
        "claims": claims, "purpose": { "vi": "Mở tài khoản", "en": "To open an account" },
        "legal_basis": "Luật thử nghiệm", "basis_kind": basis, "term_days": 1095,
    }})
}

/// `verified_claims` of one request.
fn wanted(verification: &Value, claims: &Value) -> Value {
    let mut verification = verification.clone();
    if verification.get("trust_framework").is_none() {
        verification["trust_framework"] = Value::Null;
    }
    json!({ "verification": verification, "claims": claims })
}

fn in_both(verified: &Value) -> String {
    json!({ "id_token": { "verified_claims": verified }, "userinfo": { "verified_claims": verified } }).to_string()
}

/// The register's word on a person, and its exchange.
pub async fn confirmed(house: &House, who: PersonId, state: RegisterState) -> Timestamp {
    let now = house.services.clock.now();
    let evidence = ExchangeEvidence {
        request_id: "req-1".into(),
        message_id: "0190aa-message".into(),
        request_hash: "hash".into(),
        service: "VN/GOV/1/POPULATION/look-up".into(),
        as_of: now,
    };
    let update = RegisterUpdate {
        identity_level: IdentityLevel::One,
        register_state: state,
        as_of: Some(now),
        evidence: Some(evidence),
    };
    let mut tx = house.services.db.begin().await.unwrap();
    assert!(store::person::update_register_state(&mut tx, who, &update, now).await.unwrap());
    tx.commit().await.unwrap();
    now
}

async fn bank(house: &House, basis: &str) -> Portal {
    Portal::with(house, "bank", sharing(basis, &["name", "birthdate", "phone_number"])).await
}

/// Signs in up to the page about data.
async fn at_consent(house: &House, portal: &Portal, who: &Citizen, claims: &str) -> (Browser, Page) {
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[("claims", claims)]).await;
    let page = house.sign_in(&mut browser, &page, who).await;
    page.at("/consent");
    (browser, page)
}

/// What both places say of one request that the person agrees to.
async fn said(house: &House, portal: &Portal, who: &Citizen, claims: &str) -> (Value, Value) {
    let (mut browser, page) = at_consent(house, portal, who, claims).await;
    let answer =
        browser.submit(&page, "/consent", &[("action", "accept"), ("claim", "name"), ("claim", "birthdate")]).await;
    let tokens = portal.tokens(house, &answer).await;
    (claims_of(&tokens["id_token"]), portal.userinfo(house, &tokens["access_token"]).await.1)
}

#[tokio::test]
async fn ida_both_places_answer_what_was_asked_for_with_the_registers_evidence() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let at = confirmed(&house, who, RegisterState::Verified).await;
    let portal = bank(&house, "consent").await;
    let evidence = json!([{ "type": { "value": "electronic_record" }, "record": { "type": null, "source": null },
        "check_details": [{ "check_method": null, "check_id": null, "time": { "max_age": 600 } }] }]);
    let verification = json!({ "time": null, "assurance_level": null, "evidence": evidence });
    let asked =
        wanted(&verification, &json!({ "name": null, "birthdate": { "essential": true }, "phone_number": null }));
    let (id_token, userinfo) = said(&house, &portal, &HOA, &in_both(&asked)).await;
    let verified = &userinfo["verified_claims"];
    assert_eq!(&id_token["verified_claims"], verified);
    assert_eq!(verified["claims"], json!({ "name": HOA.name, "birthdate": HOA.birth }), "nothing verifies a phone");
    let verification = &verified["verification"];
    let day = format!("{}T00:00:00Z", at.to_string().split_once('T').unwrap().0);
    assert_eq!(verification["trust_framework"], FRAMEWORK);
    assert_eq!((&verification["assurance_level"], &verification["time"]), (&json!("1"), &json!(day)));
    let record = &verification["evidence"][0];
    assert_eq!(
        (&record["type"], &record["record"]["type"]),
        (&json!("electronic_record"), &json!("population_register"))
    );
    let check = &record["check_details"][0];
    assert_eq!((&check["check_method"], &check["time"]), (&json!("data"), &json!(day)));
    assert_eq!(check["check_id"].as_str().unwrap().len(), 43, "a digest, not the id itself");
    assert!(!userinfo.to_string().contains("0190aa-message"));
    // Verified claims are no plain ones.
    for answer in [&id_token, &userinfo] {
        assert!(answer.get("name").is_none() && answer.get("birthdate").is_none(), "{answer}");
    }
    // And the release stands in the person's record.
    let records = store::disclosure::list_for(&house.services.db, who, None, 50).await.unwrap();
    assert_eq!(records[0].claims, ["name", "birthdate", "verified_claims"]);
}

#[tokio::test]
async fn h6_two_portals_cannot_join_a_person_by_the_registers_check() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    confirmed(&house, who, RegisterState::Verified).await;
    let evidence = json!([{ "type": { "value": "electronic_record" },
        "check_details": [{ "check_method": null, "check_id": null, "time": null }] }]);
    let asked = in_both(&wanted(&json!({ "time": null, "evidence": evidence }), &json!({ "name": null })));
    let mut checks = Vec::new();
    for id in ["bank", "notary"] {
        let portal = Portal::with(&house, id, sharing("consent", &["name"])).await;
        let (id_token, userinfo) = said(&house, &portal, &HOA, &asked).await;
        let check = userinfo["verified_claims"]["verification"]["evidence"][0]["check_details"][0].clone();
        assert_eq!(id_token["verified_claims"]["verification"]["evidence"][0]["check_details"][0], check);
        assert!(check["time"].as_str().unwrap().ends_with("T00:00:00Z"), "{check}");
        checks.push(check["check_id"].clone());
        house.after(minutes(2));
    }
    assert!(checks[0].is_string() && checks[0] != checks[1], "{checks:?}");
}

#[tokio::test]
async fn ida_5_7_what_cannot_be_met_is_left_out_and_no_error() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    confirmed(&house, who, RegisterState::Verified).await;
    house.after(minutes(20));
    let portal = bank(&house, "law").await;
    let name = json!({ "name": null });
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[("claims", &in_both(&wanted(&json!({}), &name)))]).await;
    let page = house.sign_in(&mut browser, &page, &HOA).await;
    browser.submit(&page, "/consent", &[("action", "accept")]).await.code();
    for (asked, met) in [
        (wanted(&json!({}), &name), 1),
        (wanted(&json!({ "trust_framework": { "value": FRAMEWORK } }), &name), 1),
        (wanted(&json!({ "trust_framework": { "values": ["de_aml", FRAMEWORK] } }), &name), 1),
        (wanted(&json!({ "trust_framework": { "value": "de_aml" } }), &name), 0),
        (wanted(&json!({ "time": { "max_age": 3_600 } }), &name), 1),
        (wanted(&json!({ "time": { "max_age": 60 } }), &name), 0),
        (wanted(&json!({ "evidence": [{ "type": { "value": "document" } }] }), &name), 0),
        (wanted(&json!({}), &json!({ "name": { "value": "Somebody Else" } })), 0),
        (wanted(&json!({}), &json!({ "name": { "values": ["x", HOA.name] } })), 1),
        (wanted(&json!({}), &json!({ "personal_number": { "essential": true } })), 0),
        (wanted(&json!({}), &json!({ "unknown": { "essential": true }, "<\"đ": null })), 0),
        (
            json!([
                wanted(&json!({}), &name),
                wanted(&json!({ "trust_framework": { "value": "de_aml" } }), &name),
                wanted(&json!({}), &name)
            ]),
            2,
        ),
    ] {
        let answer = portal.ask(&mut browser, &[("claims", &in_both(&asked))]).await;
        let tokens = portal.tokens(&house, &answer).await;
        let (id_token, userinfo) =
            (claims_of(&tokens["id_token"]), portal.userinfo(&house, &tokens["access_token"]).await.1);
        for place in [id_token, userinfo] {
            let found = match place.get("verified_claims") {
                None => 0,
                Some(Value::Array(list)) => list.len(),
                Some(_) => 1,
            };
            assert_eq!(found, met, "{asked}");
        }
    }
    // Where it was not asked for, it is not said.
    let only = json!({ "userinfo": { "verified_claims": wanted(&json!({}), &name) } }).to_string();
    let tokens = portal.tokens(&house, &portal.ask(&mut browser, &[("claims", &only)]).await).await;
    assert!(claims_of(&tokens["id_token"]).get("verified_claims").is_none());
    assert!(portal.userinfo(&house, &tokens["access_token"]).await.1.get("verified_claims").is_some());
}

/// The suite wants to see at userinfo how a person was verified whose name is not the one asked for. Elsewhere that a
/// verification is there says that everything asked for was met.
#[tokio::test]
async fn a_verification_without_claims_is_for_conformance_runs_alone() {
    for (open, expected) in [("false", Value::Null), ("true", json!({ "trust_framework": FRAMEWORK }))] {
        let house = House::over(&[("conformance.open_door_clients", open)]).await;
        let who = house.with(&HOA).await;
        confirmed(&house, who, RegisterState::Verified).await;
        let portal = bank(&house, "law").await;
        let differs = wanted(&json!({}), &json!({ "name": { "value": "Somebody Else" } }));
        let (id_token, userinfo) = said(&house, &portal, &HOA, &in_both(&differs)).await;
        assert!(id_token.get("verified_claims").is_none());
        assert_eq!(userinfo["verified_claims"]["verification"], expected, "{open}");
        let claims = &userinfo["verified_claims"]["claims"];
        assert!(claims.is_null() || *claims == json!({}), "{userinfo}");
    }
}

#[tokio::test]
async fn o10_who_was_not_confirmed_has_no_verified_claims() {
    let house = House::new().await;
    let who = house.with(&MINH).await;
    let portal = bank(&house, "law").await;
    // Known to the register, but no exchange with it is kept: time and evidence are not made up.
    let asked = in_both(&wanted(&json!({ "time": null, "evidence": null }), &json!({ "name": null })));
    let (_, userinfo) = said(&house, &portal, &MINH, &asked).await;
    assert!(userinfo["verified_claims"]["verification"].get("evidence").is_none(), "{userinfo}");
    confirmed(&house, who, RegisterState::Mismatch).await;
    house.after(minutes(2));
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[("claims", &asked)]).await;
    let answer = house.sign_in(&mut browser, &page, &MINH).await;
    let tokens = portal.tokens(&house, &answer).await;
    assert!(claims_of(&tokens["id_token"]).get("verified_claims").is_none());
    assert!(portal.userinfo(&house, &tokens["access_token"]).await.1.get("verified_claims").is_none());
}

#[tokio::test]
async fn e5_agreement_consent_and_refusal_hold_for_verified_claims_too() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    confirmed(&house, who, RegisterState::Verified).await;
    let portal = bank(&house, "consent").await;
    let asked = in_both(&wanted(
        &json!({}),
        &json!({ "name": { "purpose": "To compare with <b>your</b> contract" }, "birthdate": null, "personal_number": null }),
    ));
    // The agreement does not name the personal number: not asked about, not sent.
    let (mut browser, page) = at_consent(&house, &portal, &HOA, &asked).await;
    page.has("How you were verified").lacks(HOA.number);
    page.has("name=\"claim\" value=\"birthdate\"");
    let answer = browser.submit(&page, "/consent", &[("action", "accept"), ("claim", "name")]).await;
    let tokens = portal.tokens(&house, &answer).await;
    let verified = |answer: &Value| answer["verified_claims"]["claims"].clone();
    assert_eq!(verified(&claims_of(&tokens["id_token"])), json!({ "name": HOA.name }), "refused stays back");
    assert_eq!(verified(&portal.userinfo(&house, &tokens["access_token"]).await.1), json!({ "name": HOA.name }));
    // What the agreement no longer names stops at once, under tokens that were issued before.
    house.after(minutes(1));
    Portal::with(&house, "bank", sharing("consent", &["birthdate"])).await;
    let (status, userinfo) = portal.userinfo(&house, &tokens["access_token"]).await;
    assert!(status == 200 && userinfo.get("verified_claims").is_none(), "{userinfo}");
    let (_, refreshed) = portal.refresh(&house, &tokens["refresh_token"], None).await;
    assert!(claims_of(&refreshed["id_token"]).get("verified_claims").is_none());
}

#[tokio::test]
async fn k1_a_purpose_is_shown_only_when_it_is_surely_the_portals_own() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = bank(&house, "consent").await;
    let wish = |text: &str| json!({ "purpose": text });
    let asked = in_both(&json!([
        wanted(
            &json!({}),
            &json!({ "name": wish("1: your <b>contract</b>"), "personal_number": wish("0: not agreed") })
        ),
        wanted(&json!({}), &json!({ "name": wish("2nd purpose"), "birthdate": wish("3rd purpose") })),
        wanted(&json!({}), &json!({ "name": wish("4th purpose") })),
        wanted(&json!({}), &json!({ "name": wish("5th purpose") })),
    ]));
    // Anybody can write such a link.
    let (_, page) = at_consent(&house, &portal, &HOA, &asked).await;
    page.lacks("1: your").lacks("2nd purpose");
    house.after(minutes(2));
    let (status, pushed) = portal.push(&house, &[("claims", &asked)]).await;
    assert_eq!(status, 201, "{pushed}");
    let mut browser = house.browser();
    let page = browser.open(&portal.refer(&pushed["request_uri"])).await;
    let page = house.sign_in(&mut browser, &page, &HOA).await;
    page.at("/consent").has("1: your &#60;b&#62;contract&#60;/b&#62;").has("4th purpose");
    page.lacks("0: not agreed").lacks("5th purpose");
}

#[tokio::test]
async fn e5_a_consent_to_plain_claims_is_none_to_verified_ones() {
    for basis in ["consent", "law"] {
        let house = House::new().await;
        let who = house.with(&HOA).await;
        confirmed(&house, who, RegisterState::Verified).await;
        let portal = bank(&house, basis).await;
        let plain = json!({ "userinfo": { "name": { "essential": true } } }).to_string();
        let (mut browser, page) = at_consent(&house, &portal, &HOA, &plain).await;
        page.lacks("How you were verified");
        browser.submit(&page, "/consent", &[("action", "accept")]).await.code();
        portal.ask(&mut browser, &[("claims", &plain), ("prompt", "none")]).await.code();
        let asked = in_both(&wanted(&json!({}), &json!({ "name": { "essential": true } })));
        let silent = portal.ask(&mut browser, &[("claims", &asked), ("prompt", "none")]).await;
        assert_eq!(silent.error(), "consent_required", "{basis}");
        let page = portal.ask(&mut browser, &[("claims", &asked)]).await;
        page.at("/consent").has("How you were verified");
        browser.submit(&page, "/consent", &[("action", "accept")]).await.code();
        // Once known it is known: without a page, and for the plain claim as well.
        for claims in [&asked, &plain] {
            portal.ask(&mut browser, &[("claims", claims), ("prompt", "none")]).await.code();
        }
    }
}

#[tokio::test]
async fn k5_a_value_asked_for_is_kept_sealed_and_only_with_a_claim_that_leaves() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = bank(&house, "consent").await;
    // The agreement does not name the number; the person keeps the birth date back.
    let wish = json!({ "name": { "value": HOA.name }, "birthdate": { "value": "1901-02-03" },
        "personal_number": { "value": "canary-number" } });
    let asked = json!({ "id_token": wish, "userinfo": wish }).to_string();
    let (mut browser, page) = at_consent(&house, &portal, &HOA, &asked).await;
    let answer = browser.submit(&page, "/consent", &[("action", "accept"), ("claim", "name")]).await;
    let tokens = portal.tokens(&house, &answer).await;
    let userinfo = portal.userinfo(&house, &tokens["access_token"]).await.1;
    assert_eq!((&userinfo["name"], userinfo.get("birthdate")), (&json!(HOA.name), None));
    let (id, terms): (GrantId, String) =
        house.services.db.query("SELECT id, terms FROM authorization_grant").one().await.unwrap();
    assert!(!terms.contains(HOA.name), "{terms}");
    let terms: GrantTerms = serde_json::from_str(&terms).unwrap();
    let sealed = terms.asked_details.unwrap().0;
    let kept = house.services.sealer.open("asked_details", id.0.as_bytes(), &sealed).unwrap();
    let kept = std::str::from_utf8(&kept).unwrap();
    assert!(kept.contains(HOA.name), "what leaves is compared at each answer");
    assert!(!kept.contains("canary-number") && !kept.contains("1901-02-03"), "{kept}");
}

#[tokio::test]
async fn ida_without_a_consent_verified_claims_ask_first() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = bank(&house, "consent").await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    house.sign_in(&mut browser, &page, &HOA).await.code();
    let asked = in_both(&wanted(&json!({}), &json!({ "name": null })));
    let silent = portal.ask(&mut browser, &[("claims", &asked), ("prompt", "none")]).await;
    assert_eq!(silent.error(), "consent_required");
    let malformed = in_both(&wanted(&json!({}), &json!({ "name": { "purpose": "no" } })));
    assert_eq!(portal.ask(&mut browser, &[("claims", &malformed)]).await.error(), "invalid_request");
}
