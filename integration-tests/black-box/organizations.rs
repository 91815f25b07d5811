//! Acting for organizations, from the application to the end, as the register's word changes; and what a register that
//! answers wrongly may never bring about (O10).

use crate::harness::{
    Citizen, Company, Landing, Options, Page, Party, Shape, Site, Store, Way, answers_age, done, eventually,
    everybody_is_proven, flow_of, jose, landing, registers_go_wrong,
};
use dinhdanh::db::Db;
use serde_json::{Value, json};

on_both_stores!(alone:
    an_organization_from_its_application_to_its_end,
    a_representative_replaced_in_the_middle_of_a_flow_leaves_nothing_half_done,
    o10_a_register_that_answers_wrongly_opens_nothing_and_gives_no_role,
);

const WISH: &str = r#"[{"type":"urn:dinhdanh:representation"}]"#;
const DEMAND: &str = r#"[{"type":"urn:dinhdanh:representation","required":true}]"#;

fn portal(site: &Site) -> Party {
    Party::register(site, Shape::Basic, |metadata| metadata["representation"] = "allowed".into())
}

async fn count(db: &Db, statement: &'static str) -> i64 {
    db.query(statement).scalar().await.unwrap()
}

/// The organizations that a page lets choose.
fn options(page: &Page) -> Vec<String> {
    let mut values = page.attributes("value");
    values.retain(|value| value.len() == 36);
    values
}

/// Begins a sign-in at a portal, up to the question for whom.
async fn asked_for_whom(site: &Site, citizen: &Citizen, target: &str) -> Page {
    let page = citizen.browser.open(target).await;
    let page = citizen.walk(site, page, Way::Passkey).await;
    assert!(page.url.path().ends_with("/for"), "{} {:.2000}", page.url, page.body);
    page
}

/// Signs in at a portal for the only organization there is.
async fn act(site: &Site, citizen: &Citizen, target: &str) -> Landing {
    let page = asked_for_whom(site, citizen, target).await;
    let [only] = options(&page).try_into().unwrap_or_else(|all| panic!("not one organization: {all:?}"));
    let page = citizen.browser.submit(&page, "/for", &[("for", &only)]).await;
    let page = citizen.walk(site, page, Way::Passkey).await;
    landing(&page).unwrap_or_else(|| panic!("stuck at {} {:.2000}", page.url, page.body))
}

async fn was_told(site: &Site, citizen: &Citizen, vi: &str, en: &str) {
    eventually("a message about the organization", || async {
        let messages = site.messages_to(&citizen.person.phone).await;
        let mut texts = messages.iter().filter_map(|message| message["body"].as_str());
        texts.any(|text| text.contains(vi) || text.contains(en)).then_some(())
    })
    .await;
}

/// Everywhere a token of this sign-in could be used, it is dead.
async fn is_over(party: &Party, access: &str, refresh: &str) {
    assert!(!party.is_active(access).await && !party.is_active(refresh).await);
    assert_eq!(party.userinfo(access).await.status, 401);
    party.refresh(refresh).await.refused("invalid_grant");
}

async fn an_organization_from_its_application_to_its_end(store: Store) {
    let site = &Site::start(store, Options::default()).await;
    let db = &site.database().await;
    let (minh, hoa) = (Citizen::new(site).await, Citizen::new(site).await);
    let stranger = Citizen::new(site).await;
    everybody_is_proven(db).await;
    let company = Company::of(site, &[&minh, &hoa]).await;
    let party = portal(site);

    // One applies, and nothing may be done before the other agreed: a portal that demands it hears an honest no.
    assert_eq!(minh.apply_for(site, &company.code).await, "organization-waits");
    was_told(site, &hoa, "xin mo tai khoan", "asks to open its account").await;
    let demand = party.ask("openid").with("authorization_details", DEMAND);
    let page = asked_for_whom(site, &minh, &demand.target()).await;
    assert!(options(&page).is_empty(), "{:.2000}", page.body);
    let refused = minh.browser.submit_only(&page, "/cancel", &[("action", "cancel")]).await;
    assert_eq!(landing(&refused).expect("an answer").get("error"), "access_denied");

    // Nobody else finds it.
    assert_eq!(stranger.apply_for(site, &company.code).await, "422");
    assert!(stranger.organizations(site).await.is_empty());
    let [path] = hoa.organizations(site).await.try_into().expect("one organization");
    let seen = stranger.browser.open(&path).await;
    assert_eq!(seen.status, 404, "another's organization was shown");
    let page = hoa.browser.open(&path).await;
    let page = hoa.browser.submit(&page, &path, &[("action", "agree")]).await;
    let page = hoa.browser.submit(&page, "/account/stop", &[("answer", "no")]).await;
    let page = hoa.browser.submit(&page, &path, &[("action", "agree")]).await;
    assert_eq!(done(&page), "organization-opened", "{} {:.1000}", page.url, page.body);
    was_told(site, &minh, "da mo tai khoan", "account opened").await;

    // Everything that tells about the sign-in tells for whom, and `sub` stays the person.
    let wish = |party: &Party| party.ask("openid offline_access").with("authorization_details", WISH);
    let ask = wish(&party);
    let code = act(site, &minh, &ask.target()).await.code();
    let tokens = party.redeem(&ask, &code).await.ok();
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let details = &tokens.json["authorization_details"];
    assert_eq!(details[0]["organization"]["code"], company.code.as_str(), "{details}");
    assert_eq!(details[0]["role"], "legal_representative");
    assert!(details[0]["as_of"].is_i64() && details[0]["evidence"]["exchange"].is_string(), "{details}");
    let id = jose::part(&tokens.text("id_token"), 1);
    let told: [Value; 4] = [
        id.clone(),
        jose::part(&access, 1),
        party.userinfo(&access).await.ok().json,
        party.post("/introspect", &[("token", &access)]).await.ok().json,
    ];
    for said in &told {
        assert_eq!((&said["authorization_details"], &said["sub"]), (details, &details[0]["actor"]["sub"]), "{said}");
    }

    // The other representative's session never sees it: neither as a choice made, nor in tokens, nor without a page.
    let ask = party.ask("openid");
    let code = hoa.finish(site, &ask.target(), Way::Passkey).await.code();
    let own = party.redeem(&ask, &code).await.ok();
    assert!(own.json.get("authorization_details").is_none(), "{}", own.json);
    assert_ne!(jose::part(&own.text("id_token"), 1)["sub"], id["sub"]);
    let silent = wish(&party).with("prompt", "none");
    let answer = landing(&hoa.browser.open(&silent.target()).await).expect("an answer");
    assert_eq!(answer.get("error"), "interaction_required");
    let page = asked_for_whom(site, &hoa, &wish(&party).target()).await;
    assert!(!page.body.contains(" checked") && !page.body.contains(&minh.person.full_name), "{:.2000}", page.body);

    // Suspended: the next request feels it.
    company.becomes("suspended", &[&minh, &hoa]).await;
    answers_age(db).await;
    party.refresh(&refresh).await.refused("invalid_grant");
    is_over(&party, &access, &refresh).await;
    let page = asked_for_whom(site, &minh, &wish(&party).target()).await;
    assert!(options(&page).is_empty(), "a suspended company can be chosen: {:.2000}", page.body);

    // At work again, and then dissolved: felt without any request that would ask.
    company.becomes("active", &[&minh, &hoa]).await;
    answers_age(db).await;
    let ask = wish(&party);
    let code = act(site, &minh, &ask.target()).await.code();
    let tokens = party.redeem(&ask, &code).await.ok();
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    party.userinfo(&access).await.ok();
    company.becomes("dissolved", &[&minh, &hoa]).await;
    answers_age(db).await;
    eventually("the end of a dissolved company's tokens", || async { (!party.is_active(&access).await).then_some(()) })
        .await;
    is_over(&party, &access, &refresh).await;
}

async fn a_representative_replaced_in_the_middle_of_a_flow_leaves_nothing_half_done(store: Store) {
    let site = &Site::start(store, Options::default()).await;
    let db = &site.database().await;
    let (minh, hoa) = (Citizen::new(site).await, Citizen::new(site).await);
    everybody_is_proven(db).await;
    let company = Company::of(site, &[&minh]).await;
    assert_eq!(minh.apply_for(site, &company.code).await, "organization-opened");
    let party = portal(site);
    let ask = party.ask("openid").with("authorization_details", WISH);
    let page = asked_for_whom(site, &minh, &ask.target()).await;
    let [only] = options(&page).try_into().expect("one organization");

    company.becomes("active", &[&hoa]).await;
    answers_age(db).await;
    let told = minh.browser.submit(&page, "/for", &[("for", &only)]).await;
    assert_eq!((told.status, told.url.path().ends_with("/for")), (200, true), "{} {:.2000}", told.url, told.body);
    assert!(told.body.contains("role=\"status\"") && options(&told).is_empty(), "{:.3000}", told.body);
    let acting = "SELECT COUNT(*) FROM authorization_grant WHERE organization_id IS NOT NULL";
    assert_eq!(count(db, acting).await, 0, "a grant was made for somebody who represents nobody");
    let used = "SELECT COUNT(*) FROM audit_event WHERE kind = 'representation.used'";
    assert_eq!(count(db, used).await, 0);
    // The same form sent again by hand changes nothing, and the flow still ends well: for oneself.
    let step = format!("{}/for", flow_of(&told.url));
    let again = minh.browser.post(&step, &[("csrf", &told.csrf()), ("for", &only)]).await;
    assert!(landing(&minh.browser.follow(again).await).is_none());
    let page = minh.browser.submit(&told, "/for", &[("for", "self")]).await;
    let answer = landing(&minh.walk(site, page, Way::Passkey).await).expect("an answer at the portal");
    let tokens = party.redeem(&ask, &answer.code()).await.ok();
    assert!(tokens.json.get("authorization_details").is_none(), "{}", tokens.json);
    // The new representative begins from nothing: Minh's word was his.
    assert_eq!(hoa.apply_for(site, &company.code).await, "organization-opened");
    assert!(minh.apply_for(site, &company.code).await.starts_with('4'), "replaced, and still named");
}

async fn o10_a_register_that_answers_wrongly_opens_nothing_and_gives_no_role(store: Store) {
    // Each fault is to reach the connector: nothing is left alone after failures.
    let env = ["ENTERPRISE", "AGENCY"]
        .map(|register| (format!("DINHDANH_REGISTERS__{register}__BREAKER__FAILURES_TO_OPEN"), "100".to_owned()));
    let site = &Site::start(store, Options { env: env.to_vec(), ..Options::default() }).await;
    let db = &site.database().await;
    let minh = Citizen::new(site).await;
    everybody_is_proven(db).await;
    let party = portal(site);
    let places = [Company::of(site, &[&minh]).await, Company::agency(site, &[&minh]).await];
    let known = "SELECT COUNT(*) FROM organization";
    let roles = "SELECT COUNT(*) FROM organization_representative";
    let before = (count(db, known).await, count(db, roles).await);
    let faults = ["wrong_person", "partial", "wrong_id", "malformed", "empty_reply", "error_with_ok", "redirect"];
    for fault in faults {
        registers_go_wrong(site, Some(fault)).await;
        for place in &places {
            let mut tx = db.begin().await.unwrap();
            tx.query("DELETE FROM throttle").execute().await.unwrap();
            tx.query("DELETE FROM organization_request").execute().await.unwrap();
            tx.commit().await.unwrap();
            let told = minh.apply_for(site, &place.code).await;
            assert_eq!(told, "organization-register-down", "{fault} {}", place.code);
            assert_eq!((count(db, known).await, count(db, roles).await), before, "{fault} {}", place.code);
        }
    }
    let mut tx = db.begin().await.unwrap();
    tx.query("DELETE FROM organization_request").execute().await.unwrap();
    tx.commit().await.unwrap();
    registers_go_wrong(site, None).await;
    for place in &places {
        assert_eq!(minh.apply_for(site, &place.code).await, "organization-opened", "{}", place.code);
    }

    // A role that was real is not renewed by such an answer, and the flow says so.
    for fault in faults {
        registers_go_wrong(site, Some(fault)).await;
        answers_age(db).await;
        let ask = party.ask("openid").with("authorization_details", WISH);
        let page = asked_for_whom(site, &minh, &ask.target()).await;
        assert!(options(&page).is_empty(), "{fault}: {:.2000}", page.body);
    }
    registers_go_wrong(site, None).await;
    let ask = party.ask("openid").with(
        "authorization_details",
        json!([{ "type": "urn:dinhdanh:representation",
        "organization": places[1].code }])
        .to_string()
        .as_str(),
    );
    let code = act(site, &minh, &ask.target()).await.code();
    let tokens = party.redeem(&ask, &code).await.ok();
    assert_eq!(tokens.json["authorization_details"][0]["organization"]["code_type"], "agency_code");
}
