//! Acting for organizations: applying with the consent of co-representatives, the choice at sign-in, what tokens say, and
//! how a change in the register ends it.

use crate::kit::{Browser, Citizen, HOA, House, MINH, Page, Portal, claims_of, days, minutes, seconds};
use dinhdanh::flow::organizations;
use dinhdanh::identity::{
    IdentityLevel, NamedRepresentative, OrganizationCode, OrganizationRecord, OrganizationStatus, RepresentationRole,
};
use dinhdanh::registers::{Defect, Mismatch, Outage, RegisterError};
use serde_json::{Value, json};

const SAO_MAI: &str = "0199999511";
const HOA_SEN: &str = "0199999536";
const AGENCY: &str = "H99.01";
const DETAIL: (&str, &str) = ("authorization_details", r#"[{"type":"urn:dinhdanh:representation"}]"#);
const DEMAND: (&str, &str) = ("authorization_details", r#"[{"type":"urn:dinhdanh:representation","required":true}]"#);

fn record(code: &str, name: &str, people: &[&Citizen]) -> OrganizationRecord {
    let representatives = people.iter().map(|person| NamedRepresentative {
        number: person.record().number,
        full_name: person.record().full_name,
        role: RepresentationRole::LegalRepresentative,
        title: Some("Giám đốc".to_owned()),
    });
    OrganizationRecord {
        code: OrganizationCode::parse(code).unwrap(),
        name: name.to_owned(),
        status: OrganizationStatus::Active,
        representatives: representatives.collect(),
    }
}

fn sao_mai() -> OrganizationRecord {
    record(SAO_MAI, "Công ty TNHH Sao Mai", &[&MINH])
}

/// A provider whose registers know three organizations, and two people proven in person.
async fn house() -> House {
    house_over(&[]).await
}

async fn house_over(settings: &[(&'static str, &str)]) -> House {
    let house = House::over(settings).await;
    house.with_level(&MINH, IdentityLevel::Two).await;
    house.with_level(&HOA, IdentityLevel::Two).await;
    house.organizations.put(sao_mai());
    house.organizations.put(record(HOA_SEN, "Công ty Cổ phần Hoa Sen", &[&MINH, &HOA]));
    house.organizations.put(record(AGENCY, "Trung tâm hành chính công", &[&HOA]));
    house
}

async fn portal(house: &House, policy: &str) -> Portal {
    Portal::with(house, "dvc", json!({ "representation": policy })).await
}

/// Signs in to the page of organizations, strongly.
async fn account(house: &House, citizen: &Citizen) -> (Browser, Page) {
    // Codes are not sent one upon another.
    house.after(minutes(3));
    let mut browser = house.browser();
    let page = browser.open("/account/organizations/add").await;
    let page = house.sign_in_twice(&mut browser, &page, citizen).await;
    page.at("/account/stop?for=organization");
    let page = browser.submit(&page, "/account/stop", &[("answer", "no")]).await;
    page.at("/account/organizations/add").is(200);
    (browser, page)
}

async fn add(house: &House, citizen: &Citizen, code: &str) -> (Browser, Page) {
    let (mut browser, page) = account(house, citizen).await;
    let page = browser.submit(&page, "/add", &[("organization_code", code)]).await;
    (browser, page)
}

/// Agrees to an organization's account: the stop page comes first, once.
async fn agree(browser: &mut Browser, page: &Page, path: &str) -> Page {
    let stop = browser.submit(page, path, &[("action", "agree")]).await;
    stop.has("You are about to agree to an organization&#39;s account");
    let page = browser.submit(&stop, "/account/stop", &[("answer", "no")]).await;
    page.is(200).at(path);
    browser.submit(&page, path, &[("action", "agree")]).await
}

/// Signs Minh in to the portal, up to the page that asks for whom.
async fn asked(house: &House, portal: &Portal, over: &[(&str, &str)]) -> (Browser, Page) {
    house.after(minutes(3));
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, over).await;
    let page = house.sign_in(&mut browser, &page, &MINH).await;
    (browser, page)
}

/// Acts for the first organization on the page.
async fn act(browser: &mut Browser, page: &Page) -> Page {
    let id = option(page);
    browser.submit(page, "/for", &[("for", &id)]).await
}

/// The first organization that can be chosen.
fn option(page: &Page) -> String {
    let values = page.body.split("name=\"for\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    values.into_iter().find(|value| *value != "self").expect("no organization to choose").to_owned()
}

async fn acting_tokens(house: &House, portal: &Portal) -> Value {
    let (mut browser, page) = asked(house, portal, &[DETAIL, ("scope", "openid offline_access")]).await;
    page.at("/for");
    let answer = act(&mut browser, &page).await;
    portal.tokens(house, &answer).await
}

#[tokio::test]
async fn the_only_representative_opens_an_account_and_tokens_say_for_whom() {
    let house = house().await;
    let (_, page) = add(&house, &MINH, " 0199 999 511").await;
    page.at("?done=organization-opened")
        .has("Công ty TNHH Sao Mai")
        .has("In use")
        .has("The organization&#39;s account is open");
    let portal = portal(&house, "allowed").await;
    let (mut browser, page) = asked(&house, &portal, &[DETAIL]).await;
    page.at("/for").has("Who are you doing this for?").has("For myself: Trần Văn Minh").has(SAO_MAI);
    page.lacks(" checked");
    let answer = act(&mut browser, &page).await;
    let tokens = portal.tokens(&house, &answer).await;
    let details = &tokens["authorization_details"];
    assert_eq!(details[0]["type"], "urn:dinhdanh:representation");
    assert_eq!(details[0]["organization"]["code"], SAO_MAI);
    assert_eq!(details[0]["organization"]["code_type"], "tax_code");
    assert_eq!((&details[0]["role"], &details[0]["title"]), (&json!("legal_representative"), &json!("Giám đốc")));
    assert!(details[0]["as_of"].is_i64() && details[0]["evidence"]["exchange"].is_string());
    let id_token = claims_of(&tokens["id_token"]);
    let access = claims_of(&tokens["access_token"]);
    let userinfo = portal.userinfo(&house, &tokens["access_token"]).await.1;
    let (_, introspected) =
        portal.call(&house, "/introspect", &[("token", tokens["access_token"].as_str().unwrap())]).await;
    for said in [&id_token, &access, &userinfo, &introspected] {
        assert_eq!(&said["authorization_details"], details, "{said}");
        assert_eq!(said["sub"], details[0]["actor"]["sub"]);
    }
    // The person is the same with and without: `sub` stays the person.
    let (mut browser, page) = asked(&house, &portal, &[DETAIL]).await;
    let answer = browser.submit(&page, "/for", &[("for", "self")]).await;
    let own = portal.tokens(&house, &answer).await;
    assert!(own.get("authorization_details").is_none());
    let own = claims_of(&own["id_token"]);
    assert!(own.get("authorization_details").is_none() && own["sub"] == id_token["sub"]);
}

#[tokio::test]
async fn co_representatives_must_agree_and_a_no_is_a_no() {
    let house = house().await;
    let (_, page) = add(&house, &MINH, HOA_SEN).await;
    page.has("Waiting for others to agree");
    let (mut hoa, _) = account(&house, &HOA).await;
    let page = hoa.open("/account/organizations").await;
    page.has("Waiting for you to agree").lacks("Sao Mai");
    let link = page.body.split("href=\"/account/organizations/").find(|rest| rest.starts_with('0')).unwrap();
    let path = format!("/account/organizations/{}", link.split('"').next().unwrap());
    let page = hoa.open(&path).await;
    page.has("Trần Văn Minh").has("no answer yet").has("agreed");
    let page = hoa.submit(&page, &path, &[("action", "refuse")]).await;
    page.at("?done=organization-refused").has("Somebody did not agree");
    // It is decided: another word changes nothing.
    hoa.open(&path).await.lacks("Do you agree to open");
    // A new application starts again from nothing.
    let (_, page) = add(&house, &HOA, HOA_SEN).await;
    page.has("Waiting for others to agree");
    let (mut minh, _) = account(&house, &MINH).await;
    let page = minh.open(&path).await;
    let page = agree(&mut minh, &page, &path).await;
    page.at("?done=organization-opened").has("In use");
}

#[tokio::test]
async fn another_persons_organization_is_not_told_from_none_and_tries_are_few() {
    let house = house().await;
    let (mut browser, page) = account(&house, &HOA).await;
    for (code, left) in [(SAO_MAI, 3), ("0199999014", 2), ("H11", 1)] {
        let page = browser.submit(&page, "/add", &[("organization_code", code)]).await;
        page.is(422).has("No organization with this code was found").has(&format!("{left} tries left"));
    }
    browser.submit(&page, "/add", &[("organization_code", "12")]).await.is(422).has("not the form of a tax code");
    browser.submit(&page, "/add", &[("organization_code", SAO_MAI)]).await.is(422);
    let page = browser.submit(&page, "/add", &[("organization_code", AGENCY)]).await;
    page.is(422).has("You have tried many times");
}

#[tokio::test]
async fn an_agency_and_a_dependent_unit_are_opened_by_their_codes() {
    let house = house().await;
    house.organizations.put(record("0199999511-001", "Chi nhánh Sao Mai", &[&MINH]));
    let (_, page) = add(&house, &HOA, "h99.01").await;
    page.has("Trung tâm hành chính công").has("In use");
    let (_, page) = add(&house, &MINH, "0199999511001").await;
    page.has("Chi nhánh Sao Mai").has("0199999511-001");
}

#[tokio::test]
async fn a_level_1_account_cannot_apply_and_a_suspended_company_is_not_taken() {
    let house = House::new().await;
    house.with(&MINH).await;
    house.organizations.put(sao_mai());
    let mut browser = house.browser();
    let page = browser.open("/account/organizations").await;
    let page = house.sign_in(&mut browser, &page, &MINH).await;
    page.at("/account/organizations").has("You need a level 2 account").lacks("/account/organizations/add");
    let home = browser.open("/account").await;
    browser.press(&home, "/account/organizations/add", &[("organization_code", SAO_MAI)]).await.lacks("In use");
    assert_eq!(house.organizations.calls(), 0);

    let house = self::house().await;
    house.organizations.put(OrganizationRecord { status: OrganizationStatus::Suspended, ..sao_mai() });
    let (_, page) = add(&house, &MINH, SAO_MAI).await;
    page.is(422).has("Suspended").has("Nobody can act for this organization now");
}

#[tokio::test]
async fn x5_a_silent_register_keeps_the_application_and_says_so() {
    let house = house().await;
    house.organizations.always(Some(RegisterError::unavailable(Outage::Unreachable)));
    let (mut browser, page) = add(&house, &MINH, SAO_MAI).await;
    page.at("?done=organization-register-down").has("The register has not answered since").lacks("Sao Mai");
    house.after(minutes(1));
    organizations::retry_waiting(&house.services).await.unwrap();
    browser.open("/account/organizations").await.lacks("Sao Mai");
    house.organizations.always(None);
    house.after(minutes(1));
    organizations::retry_waiting(&house.services).await.unwrap();
    browser.open("/account/organizations").await.has("Sao Mai").has("In use").lacks("has not answered since");
}

#[tokio::test]
async fn o10_an_answer_for_another_or_half_an_answer_gives_nothing() {
    for wrong in [
        RegisterError::WrongAnswer(Mismatch::Organization),
        RegisterError::WrongAnswer(Mismatch::Number),
        RegisterError::Malformed(Defect::Record),
        RegisterError::TimedOut,
    ] {
        let house = house().await;
        house.organizations.always(Some(wrong));
        let (mut browser, page) = add(&house, &MINH, SAO_MAI).await;
        page.lacks("Sao Mai").lacks("In use");
        let portal = portal(&house, "allowed").await;
        let answer = portal.ask(&mut browser, &[DETAIL]).await;
        let answer = if answer.path.ends_with("/continue") {
            browser.submit(&answer, "/continue", &[("action", "continue")]).await
        } else {
            answer
        };
        let tokens = portal.tokens(&house, &answer).await;
        assert!(tokens.get("authorization_details").is_none(), "{wrong:?}: {tokens}");
    }
}

#[tokio::test]
async fn c7_one_option_is_skipped_and_a_demand_without_one_is_told() {
    let house = house().await;
    let portal = portal(&house, "allowed").await;
    // Nothing to choose: straight back, for oneself.
    let (_, answer) = asked(&house, &portal, &[DETAIL]).await;
    answer.code();
    // Demanded, and no organization: a page says so, and the portal hears an honest no.
    let (mut browser, page) = asked(&house, &portal, &[DEMAND]).await;
    page.at("/for").has("You cannot act for an organization yet");
    assert_eq!(browser.submit(&page, "/cancel", &[("action", "cancel")]).await.error(), "access_denied");
    // Demanded, and one organization: taken without a question.
    add(&house, &MINH, SAO_MAI).await;
    let (_, answer) = asked(&house, &portal, &[DEMAND]).await;
    let tokens = portal.tokens(&house, &answer).await;
    assert_eq!(tokens["authorization_details"][0]["organization"]["code"], SAO_MAI);
    // Another organization than the one meant is no answer.
    let other = r#"[{"type":"urn:dinhdanh:representation","required":true,"organization":"0199999536"}]"#;
    let (_, page) = asked(&house, &portal, &[("authorization_details", other)]).await;
    page.at("/for").lacks(SAO_MAI);
}

#[tokio::test]
async fn a_portal_may_refuse_allow_or_demand() {
    let house = house().await;
    add(&house, &MINH, SAO_MAI).await;
    let mut browser = house.browser();
    let refusing = Portal::new(&house, "plain").await;
    assert_eq!(refusing.ask(&mut browser, &[DETAIL]).await.error(), "invalid_authorization_details");
    let allowing = portal(&house, "allowed").await;
    let unknown = ("authorization_details", r#"[{"type":"payment_initiation"}]"#);
    assert_eq!(allowing.ask(&mut browser, &[unknown]).await.error(), "invalid_authorization_details");
    let (status, answer) = allowing.call(&house, "/token", &[("grant_type", "client_credentials"), DETAIL]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_authorization_details")));
    let demanding = Portal::with(&house, "firms", json!({ "representation": "required" })).await;
    let (mut browser, answer) = asked(&house, &demanding, &[]).await;
    let tokens = demanding.tokens(&house, &answer).await;
    assert_eq!(tokens["authorization_details"][0]["organization"]["code"], SAO_MAI);
    // `self` sent by hand is no choice there.
    add(&house, &MINH, "0199999536").await;
    house.organizations.put(record("0199999511-001", "Chi nhánh", &[&MINH]));
    add(&house, &MINH, "0199999511-001").await;
    let page = demanding.ask(&mut browser, &[]).await;
    page.at("/for").lacks("For myself");
    browser.press(&page, &format!("/signin/{}/for", page.flow()), &[("for", "self")]).await.at("/for");
    let discovery = browser.fetch("/.well-known/openid-configuration").await;
    discovery.has("\"authorization_details_types_supported\":[\"urn:dinhdanh:representation\"]");
}

#[tokio::test]
async fn prompt_none_never_acts_for_anybody() {
    let house = house().await;
    add(&house, &MINH, SAO_MAI).await;
    let portal = portal(&house, "allowed").await;
    let (mut browser, page) = asked(&house, &portal, &[DETAIL]).await;
    act(&mut browser, &page).await.code();
    let none = ("prompt", "none");
    assert_eq!(portal.ask(&mut browser, &[DETAIL, none]).await.error(), "interaction_required");
    assert_eq!(portal.ask(&mut browser, &[DEMAND, none]).await.error(), "interaction_required");
    let answer = portal.ask(&mut browser, &[none]).await;
    assert!(portal.tokens(&house, &answer).await.get("authorization_details").is_none());
    // The last choice is never taken over.
    portal.ask(&mut browser, &[DETAIL]).await.at("/for");
}

/// A silent question tells a portal nothing of whom a person represents, and steps around no demand: the answer is the
/// same for people with none and with one, visited before or not.
#[tokio::test]
async fn prompt_none_tells_nothing_and_skips_no_demand() {
    let house = house().await;
    add(&house, &MINH, SAO_MAI).await;
    let named = DEMAND.1.replace("true", &format!("true,\"organization\":\"{SAO_MAI}\""));
    for policy in ["allowed", "required"] {
        let portal = portal(&house, policy).await;
        for person in [&MINH, &HOA] {
            house.after(minutes(3));
            let mut browser = house.browser();
            let page = browser.open("/account").await;
            house.sign_in(&mut browser, &page, person).await.at("/account");
            for detail in [DETAIL.1, DEMAND.1, named.as_str()] {
                for more in [vec![], vec![("max_age", "1")]] {
                    house.after(seconds(2));
                    let over = [vec![("authorization_details", detail), ("prompt", "none")], more].concat();
                    let error = portal.ask(&mut browser, &over).await.error();
                    let expected = if over.len() == 3 { "login_required" } else { "interaction_required" };
                    assert_eq!(error, expected, "{policy} {} {over:?}", person.name);
                }
            }
        }
        if policy == "required" {
            let mut browser = house.browser();
            let page = browser.open("/account").await;
            house.after(minutes(3));
            house.sign_in(&mut browser, &page, &HOA).await.at("/account");
            assert_eq!(portal.ask(&mut browser, &[("prompt", "none")]).await.error(), "interaction_required");
        }
    }
}

/// E5: what a client is registered for now holds for the tokens it has, at every door.
#[tokio::test]
async fn e5_a_client_that_may_no_longer_act_for_others_holds_nothing() {
    let house = house().await;
    add(&house, &MINH, SAO_MAI).await;
    let before = portal(&house, "allowed").await;
    let tokens = acting_tokens(&house, &before).await;
    let after = portal(&house, "refused").await;
    house.services.clients.forget("dvc").await;
    let (access, refresh) = (&tokens["access_token"], &tokens["refresh_token"]);
    assert!(!after.is_active(&house, access).await && !after.is_active(&house, refresh).await);
    assert_eq!(after.userinfo(&house, access).await.0, 401);
    let (status, answer) = after.refresh(&house, refresh, None).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn c7_a_silent_register_leaves_oneself_and_sends_nothing_old() {
    let house = house().await;
    add(&house, &MINH, SAO_MAI).await;
    house.after(minutes(6));
    house.organizations.always(Some(RegisterError::TimedOut));
    let portal = portal(&house, "allowed").await;
    let (mut browser, page) = asked(&house, &portal, &[DETAIL]).await;
    page.at("/for").has("You can still act for yourself").has("Could not be confirmed");
    let answer = browser.submit(&page, "/for", &[("for", "self")]).await;
    assert!(portal.tokens(&house, &answer).await.get("authorization_details").is_none());
    let (mut browser, page) = asked(&house, &portal, &[DEMAND]).await;
    page.at("/for").has("does not answer").has("Try again").lacks("still act for yourself");
    house.organizations.always(None);
    let page = browser.open(&page.path).await;
    act(&mut browser, &page).await.code();
}

#[tokio::test]
async fn a_change_in_the_middle_of_a_flow_ends_in_a_clear_page_with_nothing_half_done() {
    let house = house().await;
    add(&house, &MINH, SAO_MAI).await;
    let portal = portal(&house, "allowed").await;
    for (gone, told) in [
        (record(SAO_MAI, "Công ty TNHH Sao Mai", &[&HOA]), "Your earlier choice cannot be used any more"),
        (OrganizationRecord { status: OrganizationStatus::Dissolved, ..sao_mai() }, "Your earlier choice"),
    ] {
        let (mut browser, page) = asked(&house, &portal, &[DETAIL]).await;
        page.at("/for");
        let id = option(&page);
        house.organizations.put(gone);
        // The page stood open for longer than the register's word is good for.
        house.after(minutes(6));
        let page = browser.submit(&page, "/for", &[("for", &id)]).await;
        page.at("/for").is(200).has(told);
        let acting = "SELECT COUNT(*) FROM authorization_grant WHERE organization_id IS NOT NULL";
        let count: i64 = house.services.db.query(acting).scalar().await.unwrap();
        assert_eq!(count, 0);
        let answer = browser.submit(&page, "/for", &[("for", "self")]).await;
        assert!(portal.tokens(&house, &answer).await.get("authorization_details").is_none());
        // Back to how it was, for the next round.
        house.organizations.put(sao_mai());
        house.after(minutes(6));
        add(&house, &MINH, SAO_MAI).await;
    }
}

#[tokio::test]
async fn suspension_dissolution_and_a_lost_role_end_what_rests_on_them() {
    let over: [OrganizationRecord; 3] = [
        OrganizationRecord { status: OrganizationStatus::Suspended, ..sao_mai() },
        OrganizationRecord { status: OrganizationStatus::Dissolved, ..sao_mai() },
        record(SAO_MAI, "Công ty TNHH Sao Mai", &[&HOA]),
    ];
    for gone in over {
        let house = house().await;
        add(&house, &MINH, SAO_MAI).await;
        let portal = portal(&house, "allowed").await;
        let tokens = acting_tokens(&house, &portal).await;
        let (access, refresh) = (&tokens["access_token"], &tokens["refresh_token"]);
        assert!(portal.is_active(&house, access).await);
        house.organizations.put(gone);
        house.after(seconds(301));
        organizations::recheck(&house.services).await.unwrap();
        assert!(!portal.is_active(&house, access).await && !portal.is_active(&house, refresh).await);
        assert_eq!(portal.userinfo(&house, access).await.0, 401);
        let (status, answer) = portal.refresh(&house, refresh, None).await;
        assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    }
}

/// One round asks about everything that is due, however much that is, and about nothing twice.
#[tokio::test]
async fn a_round_asks_until_nothing_is_due() {
    const MANY: i64 = 230;
    let house = house().await;
    add(&house, &MINH, SAO_MAI).await;
    let portal = portal(&house, "allowed").await;
    let tokens = acting_tokens(&house, &portal).await;
    let mut tx = house.services.db.begin().await.unwrap();
    for number in 0..MANY {
        let id = uuid::Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + u128::try_from(number).unwrap());
        for text in [
            "INSERT INTO organization SELECT $1, $2, kind, name, register_status, as_of, account, application,
               created_at, updated_at FROM organization WHERE code = '0199999511'",
            "INSERT INTO organization_representative SELECT $1, number_index, full_name, role, title, as_of, checked_at,
               evidence, ended_at, ended_reason FROM organization_representative
             WHERE $2 <> '' AND organization_id = (SELECT id FROM organization WHERE code = '0199999511')",
            "INSERT INTO authorization_grant SELECT $1, client_id, person_id, session_id, sid, subject, scope,
               claims_id_token, claims_userinfo, agreement_id, nonce, redirect_uri, redirect_uri_sent,
               CAST($2 AS BLOB), code_challenge, code_expires_at, code_used_at, acr, methods, authentication_level,
               identity_level, authenticated_at, offline, created_at, expires_at, ended_at, ended_reason, resource, $1,
               origin, terms
             FROM authorization_grant WHERE organization_id =
               (SELECT id FROM organization WHERE code = '0199999511')",
        ] {
            let code = format!("0199999511-{:03}", number + 1);
            tx.query(text).bind(id).bind(code).execute().await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    let calls = house.organizations.calls();
    house.after(seconds(301));
    organizations::recheck(&house.services).await.unwrap();
    assert_eq!(house.organizations.calls() - calls, usize::try_from(MANY).unwrap() + 1);
    organizations::recheck(&house.services).await.unwrap();
    assert_eq!(house.organizations.calls() - calls, usize::try_from(MANY).unwrap() + 1, "asked just now");
    // The register knows one of them, and the tokens of that one stay.
    let live = "SELECT COUNT(*) FROM authorization_grant WHERE organization_id IS NOT NULL AND ended_at IS NULL";
    assert_eq!(house.services.db.query(live).scalar::<i64>().await.unwrap(), 1);
    assert!(portal.is_active(&house, &tokens["access_token"]).await);
}

#[tokio::test]
async fn refresh_keeps_it_asks_again_and_feels_a_change_without_any_job() {
    let house = house().await;
    add(&house, &MINH, SAO_MAI).await;
    let portal = portal(&house, "allowed").await;
    let tokens = acting_tokens(&house, &portal).await;
    let calls = house.organizations.calls();
    house.after(minutes(10));
    let (status, renewed) = portal.refresh(&house, &tokens["refresh_token"], None).await;
    assert_eq!((status, house.organizations.calls()), (200, calls + 1), "{renewed}");
    let (was, is) = (&tokens["authorization_details"][0], &renewed["authorization_details"][0]);
    assert_eq!(was["organization"], is["organization"]);
    assert!(is["as_of"].as_i64() > was["as_of"].as_i64(), "confirmed anew");
    assert_eq!(claims_of(&renewed["id_token"])["authorization_details"], renewed["authorization_details"]);
    // Silent: the last answer carries it, with its age told; not for ever.
    house.organizations.always(Some(RegisterError::TimedOut));
    house.after(minutes(10));
    let (status, old) = portal.refresh(&house, &renewed["refresh_token"], None).await;
    assert_eq!((status, &old["authorization_details"][0]["as_of"]), (200, &is["as_of"]));
    house.after(days(2));
    let (status, answer) = portal.refresh(&house, &old["refresh_token"], None).await;
    assert_eq!((status, &answer["error"]), (503, &json!("temporarily_unavailable")), "{answer}");
    assert!(!portal.is_active(&house, &old["refresh_token"]).await);
    // It answers again: nothing was lost by the silence.
    house.organizations.always(None);
    let (status, back) = portal.refresh(&house, &old["refresh_token"], None).await;
    assert_eq!(status, 200, "{back}");
    house.organizations.put(record(SAO_MAI, "Công ty TNHH Sao Mai", &[&HOA]));
    house.after(minutes(10));
    let (status, answer) = portal.refresh(&house, &back["refresh_token"], None).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn what_one_representative_chose_no_other_ever_sees() {
    let house = house().await;
    add(&house, &MINH, HOA_SEN).await;
    add(&house, &HOA, HOA_SEN).await;
    let portal = portal(&house, "allowed").await;
    let (mut browser, page) = asked(&house, &portal, &[DETAIL, ("prompt", "consent")]).await;
    let id = option(&page);
    act(&mut browser, &page).await.code();
    // Hoa in a browser of her own is asked herself; Minh's choice is nobody's default.
    let mut hers = house.browser();
    let page = portal.ask(&mut hers, &[DETAIL]).await;
    let page = house.sign_in(&mut hers, &page, &HOA).await;
    page.at("/for").lacks(" checked").lacks("Trần Văn Minh").lacks("Sao Mai");
    let answer = hers.submit(&page, "/for", &[("for", "self")]).await;
    assert!(portal.tokens(&house, &answer).await.get("authorization_details").is_none());
    // In Minh's browser, after another person signs in: his choice in that flow counts for nothing.
    let page = portal.ask(&mut browser, &[DETAIL, ("prompt", "select_account")]).await;
    let page = browser.submit(&page, "/continue", &[("action", "continue")]).await;
    page.at("/for");
    browser.post(&page, "/for", &[("for", &id)]).await;
    let back = browser.press(&page, &format!("/signin/{}/continue", page.flow()), &[("action", "switch")]).await;
    back.lacks("acting for");
    // An organization of others is not there for somebody else.
    let (mut hoa, _) = account(&house, &HOA).await;
    add(&house, &MINH, SAO_MAI).await;
    let known = "SELECT COUNT(*) FROM organization WHERE code = '0199999511'";
    assert_eq!(house.services.db.query(known).scalar::<i64>().await.unwrap(), 1);
    hoa.open("/account/organizations").await.lacks("Sao Mai");
    hoa.open("/account/organizations/01234567-89ab-7def-8123-456789abcdef").await.is(404);
    hoa.open("/account/organizations/x").await.is(404);
}

/// The page of the first organization on a person's list.
async fn first_page(browser: &mut Browser) -> (String, Page) {
    let list = browser.open("/account/organizations").await;
    let link = list.body.split("href=\"/account/organizations/").find(|rest| rest.starts_with('0')).unwrap();
    let path = format!("/account/organizations/{}", link.split('"').next().unwrap());
    let page = browser.open(&path).await;
    (path, page)
}

#[tokio::test]
async fn co_representatives_and_the_applicant_are_told() {
    let house = house().await;
    let asked = "a representative asks to open its account; you must agree";
    let texts = async |citizen: &Citizen, words: &str| {
        house.texts_to(citizen.phone).await.iter().filter(|text| text.contains(words)).count()
    };
    add(&house, &MINH, HOA_SEN).await;
    assert_eq!((texts(&HOA, asked).await, texts(&MINH, asked).await), (1, 0), "who applied is not asked");
    let told = house.texts_to(HOA.phone).await;
    let told = told.iter().find(|text| text.contains(asked)).unwrap();
    assert!(told.starts_with("Cong ty Co phan Hoa Sen") && told.contains("My organizations"), "the way on: {told}");
    let (mut hoa, _) = account(&house, &HOA).await;
    let (path, page) = first_page(&mut hoa).await;
    hoa.submit(&page, &path, &[("action", "refuse")]).await;
    assert_eq!(texts(&MINH, "did not agree to its account").await, 1);
    // Applied for again, by the other one: now Minh is asked, and Hoa hears that it opened.
    add(&house, &HOA, HOA_SEN).await;
    assert_eq!((texts(&MINH, asked).await, texts(&HOA, asked).await), (1, 1));
    let (mut minh, _) = account(&house, &MINH).await;
    let (path, page) = first_page(&mut minh).await;
    agree(&mut minh, &page, &path).await.has("In use");
    assert_eq!((texts(&HOA, "account opened").await, texts(&MINH, "account opened").await), (1, 0));
    let opened = house.texts_to(HOA.phone).await;
    let opened = opened.iter().find(|text| text.contains("account opened")).unwrap();
    assert!(opened.contains("Open Not me, code ") && opened.contains("My organizations"), "{opened}");
    // A co-representative without a proven account hears nothing: the number may be another's (O10).
    let house = House::new().await;
    house.with_level(&MINH, IdentityLevel::Two).await;
    house.with(&HOA).await;
    house.organizations.put(record(HOA_SEN, "Công ty Cổ phần Hoa Sen", &[&MINH, &HOA]));
    add(&house, &MINH, HOA_SEN).await.1.has("Waiting for others");
    assert!(!house.texts_to(HOA.phone).await.iter().any(|text| text.contains("asks to open")));
}

#[tokio::test]
async fn c11_applying_and_closing_come_after_the_stop_page_and_its_answer_counts_once() {
    let house = house().await;
    let (mut browser, page) = account(&house, &MINH).await;
    // A code that is none, or nobody's, changes nothing and leaves the answer.
    for code in ["12", "0199999014"] {
        browser.submit(&page, "/add", &[("organization_code", code)]).await.is(422);
    }
    let done = browser.submit(&page, "/add", &[("organization_code", SAO_MAI)]).await;
    done.at("?done=organization-opened");
    let again = browser.post(&page, "/add", &[("organization_code", HOA_SEN)]).await;
    assert_eq!(again.location(), Some("/account/stop?for=organization"));
    browser.open("/account/organizations").await.lacks("Hoa Sen");
    // Closing is another purpose, of one organization.
    let (path, page) = first_page(&mut browser).await;
    page.has("Close this account");
    let close = format!("{path}/close");
    let stop = format!("/account/stop?for=organization_close&about={}", path.rsplit('/').next().unwrap());
    assert_eq!(browser.fetch(&close).await.location(), Some(stop.as_str()));
    let csrf = browser.open("/account").await.csrf();
    let posted = browser.send(&close, &[("csrf", &csrf), ("sure", "yes")]).await;
    assert_eq!(posted.location(), Some(stop.as_str()));
    let page = browser.open(&stop).await;
    page.has("You are about to close an organization&#39;s account");
    browser.submit(&page, "/account/stop", &[("answer", "yes")]).await.has("Hang up");
    assert_eq!(browser.fetch(&close).await.location(), Some(stop.as_str()), "stopped");
    let page = browser.submit(&page, "/account/stop", &[("answer", "no")]).await;
    page.is(200).at(&close).has("Close the organization&#39;s account?").has(SAO_MAI);
    browser.submit(&page, "/close", &[]).await.is(422).has("There is a problem");
    // Signed in a while ago: the person signs in again first.
    house.after(minutes(11));
    browser.post(&page, "/close", &[("sure", "yes")]).await;
    let open = "SELECT COUNT(*) FROM organization WHERE account = 'open'";
    assert_eq!(house.services.db.query(open).scalar::<i64>().await.unwrap(), 1);
}

#[tokio::test]
async fn a_representative_closes_the_account_and_everybodys_tokens_for_it_end() {
    let house = house().await;
    add(&house, &HOA, HOA_SEN).await;
    add(&house, &MINH, HOA_SEN).await;
    let portal = portal(&house, "allowed").await;
    let tokens = acting_tokens(&house, &portal).await;
    let (mut page_of_minh, page) = asked(&house, &portal, &[DETAIL]).await;
    page.at("/for");
    let id = option(&page);
    // Hoa closes it, while Minh holds tokens and another of his sign-ins is under way.
    let (mut hoa, _) = account(&house, &HOA).await;
    let (path, _) = first_page(&mut hoa).await;
    let stop = hoa.open(&format!("{path}/close")).await;
    let sure = hoa.submit(&stop, "/account/stop", &[("answer", "no")]).await;
    let done = hoa.submit(&sure, "/close", &[("sure", "yes")]).await;
    done.at("?done=organization-closed").has("Account closed").lacks("In use");
    let (access, refresh) = (&tokens["access_token"], &tokens["refresh_token"]);
    assert!(!portal.is_active(&house, access).await && !portal.is_active(&house, refresh).await);
    assert_eq!(portal.userinfo(&house, access).await.0, 401);
    let (status, answer) = portal.refresh(&house, refresh, None).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    let page = page_of_minh.submit(&page, "/for", &[("for", &id)]).await;
    page.at("/for").is(200).has("Your earlier choice cannot be used any more");
    for citizen in [&MINH, &HOA] {
        let told = house.texts_to(citizen.phone).await;
        let told: Vec<&String> = told.iter().filter(|text| text.contains("account closed")).collect();
        assert!(told.len() == 1 && told[0].contains("Open Not me, code "), "{}: {told:?}", citizen.name);
    }
    let closed = "SELECT COUNT(*) FROM audit_event WHERE kind = 'organization.closed'";
    assert_eq!(house.services.db.query(closed).scalar::<i64>().await.unwrap(), 1);
    // Closed is closed; a new application starts from nothing.
    hoa.open(&format!("{path}/close")).await.at("/account/organizations");
    add(&house, &MINH, HOA_SEN).await.1.has("Waiting for others to agree");
    add(&house, &HOA, HOA_SEN).await.1.has("In use");
}

#[tokio::test]
async fn a_register_that_takes_its_time_gets_a_page_of_its_own() {
    let house = house_over(&[("registers.wait_ms", "1")]).await;
    house.organizations.hang(true);
    let (mut browser, page) = add(&house, &MINH, SAO_MAI).await;
    page.is(200).at("/add/waiting").has("Asking the register of organizations").has("content=\"3\"");
    page.lacks("Leave it to us");
    let form = browser.open("/account/settings").await;
    browser.press(&form, &page.path, &[]).await.at("/add/waiting").lacks("Leave it to us");
    house.organizations.hang(false);
    let mut seen = page.clone();
    for _ in 0..100_000 {
        seen = browser.open(&page.path).await;
        if !seen.path.ends_with("/waiting") {
            break;
        }
        tokio::task::yield_now().await;
    }
    seen.is(200).at("?done=organization-opened").has("Công ty TNHH Sao Mai");
    // Told once; then there is nothing to wait for.
    browser.open(&page.path).await.at("/account/organizations");
}

#[tokio::test]
async fn an_application_that_takes_too_long_is_left_to_the_job() {
    let house = house_over(&[("registers.wait_ms", "1")]).await;
    house.organizations.hang(true);
    let (mut browser, page) = add(&house, &MINH, SAO_MAI).await;
    house.after(seconds(20));
    let page = browser.open(&page.path).await;
    let page = browser.submit(&page, "/waiting", &[("action", "later")]).await;
    page.is(200).at("?done=organization-register-down").has("Waiting for an answer");
    browser.open("/account/organizations/add/waiting").await.at("/account/organizations");
}
