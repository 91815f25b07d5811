//! The main job from end to end: an account, two portals with one sign-on, more when a portal wants more, sign out
//! everywhere; and the parts of OpenID Connect that portals use on the way.

use crate::harness::{
    Browser, Citizen, Options, Party, Register, Shape, Site, Store, Way, adults, bearer, eventually, free_ports,
    is_signed_in, jose, landing, now, random, submitted_form,
};
use reqwest::Method;
use serde_json::Value;

on_both_stores!(
    an_account_two_portals_step_up_and_sign_out_everywhere,
    prompt_none_answers_at_once,
    prompt_login_and_max_age_ask_again_and_auth_time_is_true,
    p6_an_essential_acr_that_cannot_be_met_is_an_error,
    an_account_that_cannot_reach_level_2_is_told_so,
    tokens_live_and_die_with_every_client_authentication,
    tokens_are_signed_as_the_client_registered,
    form_post_reaches_the_portal,
    client_credentials_name_no_person,
    userinfo_may_be_signed,
    the_code_by_sms_signs_in,
    an_account_waits_for_nobody_else_and_is_made_once,
);
on_both_stores!(alone:
    an_account_made_while_the_register_is_down_is_confirmed_later,
    one_connection_to_the_store_is_enough,
);

/// Nothing asks for a second connection while it holds one: under load all would wait for each other.
async fn one_connection_to_the_store_is_enough(store: Store) {
    let env = vec![("DINHDANH_DATABASE__MAX_CONNECTIONS".to_owned(), "1".to_owned())];
    let site = &Site::start(store, Options { env, ..Options::default() }).await;
    an_account_two_portals_step_up_and_sign_out_everywhere(site).await;
    an_account_that_cannot_reach_level_2_is_told_so(site).await;
    tokens_live_and_die_with_every_client_authentication(site).await;
    the_code_by_sms_signs_in(site).await;
    let citizen = Citizen::with_password(site).await;
    citizen.open_account(site, Way::PasswordAndRecovery).await;
    let page = citizen.browser.open("/account/stop?for=recovery_codes").await;
    let page = citizen.browser.submit(&page, "/account/stop", &[("for", "recovery_codes"), ("answer", "no")]).await;
    let page = citizen.browser.submit(&page, "/account/recovery-codes", &[("action", "renew")]).await;
    assert_eq!(page.status, 200, "{} {:.1000}", page.url, page.body);
}

/// Signs in at a sample portal and gives what the portal knows.
async fn enter(site: &Site, citizen: &Citizen, portal: &str, want: &str, way: Way) -> Value {
    let page = citizen.browser.open(&format!("{portal}/login?want={want}")).await;
    let page = citizen.walk(site, page, way).await;
    assert!(landing(&page).is_some(), "stuck at {} ({}) {:.2000}", page.url, page.status, page.body);
    let page = citizen.browser.follow_everywhere(page).await;
    assert_eq!(page.status, 200, "{} {:.2000}", page.url, page.body);
    citizen.browser.json(&format!("{portal}/me")).await
}

async fn an_account_two_portals_step_up_and_sign_out_everywhere(site: &Site) {
    // The account is made with a passkey; this browser is signed in by the code to the phone then.
    let citizen = Citizen::create(site, adults(), true, None).await;
    assert!(citizen.is_signed_in().await);
    let portals = site.portals();
    let [first, second] = portals.as_slice() else { panic!("two portals: {portals:?}") };

    let at_first = enter(site, &citizen, first, "1", Way::Sms).await;
    assert_eq!(at_first["authentication_level"], 1, "{at_first}");
    let session = citizen.browser.session();
    let at_second = enter(site, &citizen, second, "1", Way::Sms).await;
    assert_eq!(citizen.browser.session(), session, "single sign-on: the second portal asked for a sign-in");
    assert_ne!(at_first["sub"], at_second["sub"], "H6: two sectors must know two subjects");
    assert_eq!(at_first["auth_time"], at_second["auth_time"]);

    // The second portal wants level 2.
    let raised = enter(site, &citizen, second, "2", Way::Passkey).await;
    assert_eq!(raised["authentication_level"], 2, "{raised}");
    assert_eq!(raised["sub"], at_second["sub"]);
    assert_eq!(raised["acr"], "urn:dinhdanh:acr:2");
    assert!(raised["auth_time"].as_i64() >= at_second["auth_time"].as_i64());
    assert_ne!(citizen.browser.session(), session, "D3: the session's secret stayed the same over a step-up");

    // A second browser of the same person, then out of everything.
    let elsewhere = Browser::new(site);
    let here = Citizen { browser: elsewhere, ..citizen };
    let page = here.open_account(site, Way::Passkey).await;
    let page = here.browser.submit(&page, "/logout/all", &[("action", "all")]).await;
    assert_eq!(page.status, 200, "{} {:.2000}", page.url, page.body);
    assert!(!here.is_signed_in().await);
    for (portal, sid) in [(first, &at_first["sid"]), (second, &raised["sid"])] {
        let what = format!("a logout token at {portal}");
        eventually(&what, || async {
            let events = here.browser.json(&format!("{portal}/events")).await;
            let listed = events["events"].as_array().unwrap().iter().any(|event| &event["sid"] == sid);
            listed.then_some(())
        })
        .await;
    }
}

async fn prompt_none_answers_at_once(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let citizen = Citizen::new(site).await;
    let silent = || party.ask("openid").with("prompt", "none");

    let page = citizen.browser.get(&silent().target()).await;
    let answer = landing(&page).expect("an answer at the portal");
    assert_eq!((answer.get("error"), answer.get("iss")), ("login_required", site.issuer.as_str()));
    assert!(citizen.browser.cookie_names().is_empty(), "a silent question left cookies");

    citizen.authorize(site, &party.ask("openid"), Way::Passkey).await;
    let ask = silent();
    let page = citizen.browser.get(&ask.target()).await;
    let answer = landing(&page).expect("an answer at the portal");
    let tokens = party.redeem(&ask, &answer.code()).await.ok();
    let claims = jose::part(&tokens.text("id_token"), 1);
    assert_eq!(claims["nonce"], ask.get("nonce"));

    // More than the session holds, and older than allowed.
    let more = silent().essential_acr(&["urn:dinhdanh:acr:3"]);
    let page = citizen.browser.get(&more.target()).await;
    assert_eq!(landing(&page).unwrap().get("error"), "unmet_authentication_requirements");
    let page = citizen.browser.get(&silent().with("max_age", "0").target()).await;
    let answer = landing(&page).unwrap();
    assert!(answer.get("error") == "login_required" || answer.params.contains_key("code"), "{answer:?}");
    for both in ["none login", "none consent"] {
        let page = citizen.browser.get(&silent().with("prompt", both).target()).await;
        assert_eq!(landing(&page).unwrap().get("error"), "invalid_request", "{both}");
    }
}

async fn prompt_login_and_max_age_ask_again_and_auth_time_is_true(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let citizen = Citizen::new(site).await;
    let started = now();
    let ask = party.ask("openid");
    let answer = citizen.authorize(site, &ask, Way::Passkey).await;
    let first = jose::part(&party.redeem(&ask, &answer.code()).await.ok().text("id_token"), 1);
    let first_time = first["auth_time"].as_i64().unwrap();
    assert!(first_time >= started - 1 && first_time <= now() + 1, "{first}");
    assert_eq!(first["amr"].as_array().map(Vec::is_empty), Some(false), "{first}");

    // Single sign-on states the time of the sign-in, not of the answer.
    let ask = party.ask("openid");
    let page = citizen.browser.get(&ask.target()).await;
    let code = landing(&page).expect("known here: no page").code();
    let again = jose::part(&party.redeem(&ask, &code).await.ok().text("id_token"), 1);
    assert_eq!(again["auth_time"].as_i64(), Some(first_time));

    for (name, value) in [("prompt", "login"), ("max_age", "0")] {
        // The clock must have moved on, so that the same second is no new sign-in.
        eventually("the next second", || async { (now() > first_time + 1).then_some(()) }).await;
        let session = citizen.browser.session();
        let ask = party.ask("openid").with(name, value);
        let page = citizen.browser.open(&ask.target()).await;
        assert!(landing(&page).is_none(), "{name}={value} was answered without asking");
        let page = citizen.walk(site, page, Way::Passkey).await;
        let code = landing(&page).unwrap_or_else(|| panic!("{} {:.2000}", page.url, page.body)).code();
        let claims = jose::part(&party.redeem(&ask, &code).await.ok().text("id_token"), 1);
        assert!(claims["auth_time"].as_i64().unwrap() > first_time, "{name}={value}: {claims}");
        assert_ne!(citizen.browser.session(), session, "D3: {name}={value} kept the session's secret");
    }
}

async fn p6_an_essential_acr_that_cannot_be_met_is_an_error(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let citizen = Citizen::new(site).await;
    let unreachable = ["urn:dinhdanh:acr:3", "urn:dinhdanh:acr:4", "http://eidas.europa.eu/LoA/high", "urn:nobody"];
    for acr in unreachable {
        let ask = party.ask("openid").essential_acr(&[acr]);
        let answer = citizen.authorize(site, &ask, Way::Passkey).await;
        assert_eq!(answer.get("error"), "unmet_authentication_requirements", "{acr}: {answer:?}");
        assert_eq!((answer.get("state"), answer.get("iss")), (ask.get("state"), site.issuer.as_str()));
    }
    // A wish, not a demand: answered truly with what there is.
    let ask = party.ask("openid").with("acr_values", "urn:dinhdanh:acr:3 urn:dinhdanh:acr:2");
    let answer = citizen.authorize(site, &ask, Way::Passkey).await;
    let claims = jose::part(&party.redeem(&ask, &answer.code()).await.ok().text("id_token"), 1);
    assert_eq!(claims["acr"], "urn:dinhdanh:acr:2", "{claims}");
    assert_eq!(claims["authentication_level"], 2, "{claims}");
}

async fn an_account_that_cannot_reach_level_2_is_told_so(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let citizen = Citizen::with_phone(site).await;
    let ask = party.ask("openid").essential_acr(&["urn:dinhdanh:acr:2"]);
    let page = citizen.browser.open(&ask.target()).await;
    let page = citizen.walk(site, page, Way::Recovery).await;
    assert!(page.url.path().ends_with("/step-up"), "{} {:.2000}", page.url, page.body);
    let page = citizen.browser.submit_only(&page, "/step-up", &[("action", "cancel")]).await;
    let answer = landing(&page).expect("an error at the portal");
    assert_eq!(answer.get("error"), "unmet_authentication_requirements");
    assert_eq!((answer.get("state"), answer.get("iss")), (ask.get("state"), site.issuer.as_str()));

    // With a password and another code it can be reached.
    let stronger = Citizen::with_password(site).await;
    let ask = party.ask("openid").essential_acr(&["urn:dinhdanh:acr:2"]);
    let answer = stronger.authorize(site, &ask, Way::PasswordAndRecovery).await;
    let claims = jose::part(&party.redeem(&ask, &answer.code()).await.ok().text("id_token"), 1);
    assert_eq!((&claims["acr"], &claims["authentication_level"]), (&"urn:dinhdanh:acr:2".into(), &2.into()));
}

async fn tokens_live_and_die_with_every_client_authentication(site: &Site) {
    let citizen = Citizen::new(site).await;
    let keys = citizen.browser.json("/jwks").await;
    for shape in [Shape::Basic, Shape::Post, Shape::Assertion, Shape::Public] {
        let party = Party::register(site, shape, |_| {});
        let watcher = Party::register(site, Shape::Basic, |_| {});
        let ask = party.ask("openid levels offline_access");
        let answer = citizen.authorize(site, &ask, Way::Passkey).await;
        let tokens = party.redeem(&ask, &answer.code()).await.ok();
        assert_eq!(tokens.json["token_type"], "Bearer", "{shape:?}");
        let access = tokens.text("access_token");
        let id = jose::verified(&tokens.text("id_token"), &keys, "JWT");
        let read = jose::verified(&access, &keys, "at+jwt");
        assert_eq!((&id["iss"], &id["aud"]), (&site.issuer.clone().into(), &party.id.clone().into()));
        assert_eq!((&read["sub"], &read["client_id"]), (&id["sub"], &party.id.clone().into()));

        let info = party.userinfo(&access).await.ok();
        assert_eq!(info.json["sub"], id["sub"], "{shape:?}");
        assert_eq!(info.json["authentication_level"], 2, "{shape:?} {}", info.json);

        let refreshed = party.refresh(&tokens.text("refresh_token")).await.ok();
        let newer = refreshed.text("access_token");
        assert_ne!(newer, access);
        assert_ne!(refreshed.text("refresh_token"), tokens.text("refresh_token"), "E1: no rotation");
        let renewed = jose::part(&refreshed.text("id_token"), 1);
        assert_eq!((&renewed["sub"], &renewed["auth_time"]), (&id["sub"], &id["auth_time"]));
        assert_eq!(renewed["sid"], id["sid"]);

        if shape == Shape::Public {
            let refused = party.post("/introspect", &[("token", &newer)]).await;
            assert_eq!(refused.status, 401, "a public client may not introspect: {}", refused.page.body);
        } else {
            let seen = party.post("/introspect", &[("token", &newer)]).await.ok();
            assert_eq!((&seen.json["active"], &seen.json["sub"]), (&true.into(), &id["sub"]), "{}", seen.json);
            assert_eq!(seen.json["client_id"], party.id.as_str());
        }
        let foreign = watcher.post("/introspect", &[("token", &newer)]).await.ok();
        assert_eq!(foreign.json, serde_json::json!({ "active": false }), "another client's token was explained");
        watcher.revoke(&refreshed.text("refresh_token")).await;
        party.userinfo(&newer).await.ok();

        assert_eq!(party.revoke(&refreshed.text("refresh_token")).await.status, 200);
        assert_eq!(party.userinfo(&newer).await.status, 401, "{shape:?}: revoked, and still served");
        party.refresh(&refreshed.text("refresh_token")).await.refused("invalid_grant");
        assert_eq!(party.revoke("no such token").await.status, 200, "RFC 7009 2.2: an unknown token is no error");
    }
}

async fn tokens_are_signed_as_the_client_registered(site: &Site) {
    let citizen = Citizen::new(site).await;
    let keys = citizen.browser.json("/jwks").await;
    for algorithm in ["ES256", "RS256", "PS256", "EdDSA"] {
        let party = Party::register(site, Shape::Basic, |metadata| {
            metadata["id_token_signed_response_alg"] = algorithm.into();
        });
        let ask = party.ask("openid");
        let answer = citizen.authorize(site, &ask, Way::Passkey).await;
        let token = party.redeem(&ask, &answer.code()).await.ok().text("id_token");
        assert_eq!(jose::part(&token, 0)["alg"], algorithm);
        let claims = jose::verified(&token, &keys, "JWT");
        assert_eq!(claims["nonce"], ask.get("nonce"));
        assert!(claims["exp"].as_i64().unwrap() > now() && claims["iat"].as_i64().unwrap() <= now() + 1);
        assert!(claims["at_hash"].is_string() && claims["sid"].is_string(), "{claims}");
        assert!(!claims.to_string().contains(&citizen.person.number), "the number is no part of an ID token");
    }
}

async fn form_post_reaches_the_portal(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let citizen = Citizen::new(site).await;
    let ask = party.ask("openid").with("response_mode", "form_post");
    let page = citizen.browser.open(&ask.target()).await;
    let page = citizen.walk(site, page, Way::Passkey).await;
    let answer = submitted_form(&page);
    assert_eq!(answer.at, party.redirect);
    assert_eq!((answer.get("state"), answer.get("iss")), (ask.get("state"), site.issuer.as_str()));
    let policy = page.header("content-security-policy").to_owned();
    let origin = party.redirect.strip_suffix("/cb").unwrap();
    assert!(policy.contains(&format!("form-action 'self' {origin}")), "{policy}");
    party.redeem(&ask, &answer.code()).await.ok();

    // The same for a request that was posted, and for an error.
    let ask = party.ask("openid").with("response_mode", "form_post").with("prompt", "wrong");
    let fields: Vec<(&str, &str)> = ask.params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let page = citizen.browser.send(citizen.browser.request(Method::POST, "/authorize").form(&fields)).await;
    let answer = submitted_form(&page);
    assert_eq!((answer.get("error"), answer.get("state")), ("invalid_request", ask.get("state")));
    assert_eq!(answer.get("iss"), site.issuer);
}

async fn client_credentials_name_no_person(site: &Site) {
    let register = |public: bool| {
        Party::register(site, if public { Shape::Public } else { Shape::Assertion }, |metadata| {
            metadata["grant_types"] = serde_json::json!(["client_credentials"]);
            metadata["redirect_uris"] = serde_json::json!([]);
            metadata["scope"] = "records:read".into();
        })
    };
    let party = register(false);
    let answer = party.post("/token", &[("grant_type", "client_credentials")]).await.ok();
    assert!(answer.json.get("id_token").is_none() && answer.json.get("refresh_token").is_none(), "{}", answer.json);
    let token = answer.text("access_token");
    assert_eq!(jose::part(&token, 1)["sub"], party.id.as_str());
    assert!(party.is_active(&token).await);
    assert_ne!(party.userinfo(&token).await.status, 200, "there is nobody to tell about");
    let refused = party.post("/token", &[("grant_type", "client_credentials"), ("scope", "openid profile")]).await;
    assert!(refused.error() == "invalid_scope" || !refused.text("scope").contains("openid"), "{}", refused.json);

    // H5: a grant that was not registered, and those that do not exist.
    let code_only = Party::register(site, Shape::Basic, |_| {});
    code_only.post("/token", &[("grant_type", "client_credentials")]).await.refused("unauthorized_client");
    for grant in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", ""] {
        let fields = [("grant_type", grant), ("username", "x"), ("password", "x"), ("assertion", "x")];
        let answer = code_only.post("/token", &fields).await;
        assert_eq!(answer.status, 400, "{grant}: {}", answer.page.body);
        assert!(["unsupported_grant_type", "invalid_request"].contains(&answer.error()), "{}", answer.page.body);
    }
}

async fn userinfo_may_be_signed(site: &Site) {
    let party =
        Party::register(site, Shape::Basic, |metadata| metadata["userinfo_signed_response_alg"] = "ES256".into());
    let citizen = Citizen::new(site).await;
    let ask = party.ask("openid levels");
    let answer = citizen.authorize(site, &ask, Way::Passkey).await;
    let tokens = party.redeem(&ask, &answer.code()).await.ok();
    let answer = party.userinfo(&tokens.text("access_token")).await;
    assert_eq!((answer.status, answer.page.header("content-type")), (200, "application/jwt"));
    let keys = citizen.browser.json("/jwks").await;
    let typ = jose::part(&answer.page.body, 0)["typ"].as_str().unwrap().to_owned();
    assert_ne!(typ, "at+jwt", "F13");
    let claims = jose::verified(&answer.page.body, &keys, &typ);
    assert_eq!((&claims["iss"], &claims["aud"]), (&site.issuer.clone().into(), &party.id.clone().into()));
    assert_eq!(claims["sub"], jose::part(&tokens.text("id_token"), 1)["sub"]);

    // Odd ways to present a token.
    let token = tokens.text("access_token");
    for header in
        [format!("bearer  {token}"), format!("Basic {token}"), "Bearer".to_owned(), format!("Bearer {token}x")]
    {
        let request = party.request(Method::GET, "/userinfo").header("authorization", &header);
        let answer = party.send(request).await;
        assert!([400, 401].contains(&answer.status), "{:.20}: {}", header, answer.status);
        assert!(answer.page.header("www-authenticate").starts_with("Bearer"), "RFC 6750 3");
    }
    let posted = party.send(bearer(party.request(Method::POST, "/userinfo"), &token)).await;
    assert_eq!(posted.status, 200, "Core 5.3.1: GET and POST");
}

async fn the_code_by_sms_signs_in(site: &Site) {
    let citizen = Citizen::with_phone(site).await;
    let page = citizen.open_account(site, Way::Sms).await;
    assert!(page.body.contains(&*html_name(&citizen)), "{:.2000}", page.body);
    assert!(!page.body.contains(&citizen.person.number), "the number is masked until asked for");
    // The code is spent, in this flow and in any other.
    let code = site.codes_for(&citizen.person.phone).await.remove(0);
    let other = Citizen { browser: Browser::new(site), ..citizen };
    let page = other.browser.open("/signin").await;
    let page = other.identify(&page).await;
    let flow = crate::harness::flow_of(&page.url);
    let fields = [("csrf", page.csrf()), ("code", code)];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let page = other.browser.post(&format!("{flow}/code"), &fields).await;
    assert!(page.status != 303 && !is_signed_in(&other.browser).await, "{} {:.500}", page.status, page.body);
}

async fn an_account_made_while_the_register_is_down_is_confirmed_later(store: Store) {
    let port = free_ports(1);
    let env = vec![("DINHDANH_REGISTERS__POPULATION__BREAKER__OPEN_SECONDS".to_owned(), "1".to_owned())];
    let register = Some(format!("http://127.0.0.1:{port}"));
    let site = &Site::start(store, Options { env, register, ..Options::default() }).await;
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    let level = async || {
        let ask = party.ask("openid").with("prompt", "login");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        jose::part(&party.redeem(&ask, &code).await.ok().text("id_token"), 1)["identity_level"].clone()
    };
    assert_eq!(level().await, 0, "I7: nothing confirmed this person");

    let _register = Register::start(port);
    eventually("the person is told that the account is confirmed", || async {
        // Other messages, such as about the passkey, may still be under way.
        let messages = site.messages_to(&citizen.person.phone).await;
        let texts: Vec<&str> = messages.iter().filter_map(|message| message["body"].as_str()).collect();
        let confirmed = ["da duoc xac nhan", "confirmed"];
        texts.iter().any(|text| confirmed.iter().any(|words| text.contains(words))).then_some(())
    })
    .await;
    assert_eq!(level().await, 1);
}

fn html_name(citizen: &Citizen) -> String {
    citizen.person.full_name.replace('\'', "&#39;")
}

async fn an_account_waits_for_nobody_else_and_is_made_once(site: &Site) {
    // Somebody with an account again, from another browser and with another phone: the same pages, and a word to the
    // known phone.
    let mut stranger = site.demo_person("hhen");
    let known_phone = std::mem::replace(&mut stranger.phone, adults().phone);
    let browser = Browser::new(site);
    let page = browser.open("/create").await;
    let flow = crate::harness::flow_of(&page.url);
    let page = browser.get(&format!("{flow}/number")).await;
    let known_before = site.messages_to(&known_phone).await.len();
    let page = Citizen::fill_in(site, &browser, &page, &stranger).await;
    assert!(page.url.path().ends_with("/code"), "N1: an existing account shows: {} {:.2000}", page.url, page.body);
    eventually("a word to the known phone", || async {
        (site.messages_to(&known_phone).await.len() > known_before).then_some(())
    })
    .await;
    assert!(site.codes_for(&stranger.phone).await.is_empty(), "H7: a code went to a phone nobody proved");
    for code in ["000000", "123456"] {
        let page = browser.submit_only(&page, "/code", &[("code", code)]).await;
        assert_ne!(page.status, 303, "a guess made an account");
    }
    // P1: later steps cannot be had without the earlier ones.
    for step in ["passkey", "password", "recovery-codes", "done"] {
        let page = browser.open(&format!("{flow}/{step}")).await;
        assert!(!page.url.path().ends_with(step), "{step} was shown before an account was made");
        let csrf = page.csrf_or_empty();
        let fields = [("csrf", csrf.as_str()), ("new_password", &random()), ("action", "stored")];
        if step != "done" {
            let page = browser.post(&format!("{flow}/{step}"), &fields).await;
            assert!(!page.header("location").ends_with("/done"), "{step}: {}", page.header("location"));
        }
    }
    assert!(!is_signed_in(&browser).await);
}
