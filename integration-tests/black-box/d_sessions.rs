//! D: login CSRF, fixation, sessions, cookies, framing.

use crate::harness::{Browser, Citizen, Party, Shape, Site, Way, flow_of, is_signed_in, jose, landing};
use reqwest::{Method, header};
use std::path::Path;

on_both_stores!(
    d3_a_flow_begun_elsewhere_opens_nothing,
    d3_the_session_has_a_new_secret_after_every_proof,
    d5_two_people_at_once_are_never_taken_for_each_other,
    d6_an_ended_session_is_dead_everywhere_at_once,
    d8_d9_pages_carry_every_guard_errors_too,
    d10_nothing_changes_by_a_form_of_another_site,
);

async fn d3_a_flow_begun_elsewhere_opens_nothing(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let attacker = Browser::new(site);
    let page = attacker.open(&party.ask("openid").target()).await;
    let flow = flow_of(&page.url);
    let csrf = page.csrf();
    let victim = Citizen::new(site).await;
    victim.open_account(site, Way::Passkey).await;
    for step in
        ["", "/next", "/method", "/code", "/totp", "/recovery", "/password", "/continue", "/consent", "/step-up"]
    {
        let page = victim.browser.get(&format!("{flow}{step}")).await;
        assert_eq!(page.status, 403, "GET {step} of another browser's flow");
        assert!(page.headers.get("set-cookie").is_none(), "{step}");
        let page = victim.browser.post(&format!("{flow}{step}"), &[("csrf", &csrf), ("action", "continue")]).await;
        assert!([403, 405].contains(&page.status), "POST {step} of another browser's flow: {}", page.status);
    }
    // A session cookie that somebody else chose is not taken over.
    let fixed = Browser::new(site);
    let chosen = crate::harness::random();
    fixed.set_cookie("__Host-session", &chosen);
    assert!(!is_signed_in(&fixed).await);
    let person = Citizen { browser: fixed, ..victim };
    person.open_account(site, Way::Passkey).await;
    assert_ne!(person.browser.session(), Some(chosen.clone()), "the chosen session became a real one");
    let attacker = Browser::new(site);
    attacker.set_cookie("__Host-session", &chosen);
    assert!(!is_signed_in(&attacker).await);
}

async fn d3_the_session_has_a_new_secret_after_every_proof(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let citizen = Citizen::new(site).await;
    citizen.open_account(site, Way::Recovery).await;
    let mut old = vec![citizen.browser.copy()];
    let mut seen = vec![citizen.browser.session().unwrap()];
    // Step-up, then a fresh sign-in.
    citizen.authorize(site, &party.ask("openid").essential_acr(&["urn:dinhdanh:acr:2"]), Way::Passkey).await;
    for _ in 0..2 {
        let session = citizen.browser.session().unwrap();
        assert!(!seen.contains(&session), "the secret did not change");
        for browser in &old {
            assert!(!is_signed_in(browser).await, "an old secret still opens the session");
        }
        seen.push(session);
        old.push(citizen.browser.copy());
        citizen.authorize(site, &party.ask("openid").with("prompt", "login"), Way::Passkey).await;
    }
    // Another person at the same browser: the first one's session ends.
    let first = citizen.browser.copy();
    let second = Citizen::new(site).await;
    let second = Citizen { browser: citizen.browser, ..second };
    let page = second.browser.open(&party.ask("openid").with("prompt", "login").target()).await;
    let page = second.walk(site, page, Way::Passkey).await;
    assert!(landing(&page).is_some(), "{} {:.1000}", page.url, page.body);
    assert!(!seen.contains(&second.browser.session().unwrap()));
    assert!(!is_signed_in(&first).await, "the first person's session outlived the change of person");
}

async fn d5_two_people_at_once_are_never_taken_for_each_other(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let (one, two) = tokio::join!(Citizen::new(site), Citizen::new(site));
    let mut subjects: [Option<String>; 2] = [None, None];
    for round in 0..20 {
        let (first, second) = tokio::join!(subject_of(site, &party, &one), subject_of(site, &party, &two));
        assert_ne!(first, second, "round {round}");
        for (known, seen) in subjects.iter_mut().zip([first, second]) {
            assert_eq!(known.get_or_insert_with(|| seen.clone()), &seen, "round {round}: another person's subject");
        }
    }
}

/// Signs in at a new browser; gives the subject the portal is told.
async fn subject_of(site: &Site, party: &Party, citizen: &Citizen) -> String {
    let browser = Browser::new(site);
    let ask = party.ask("openid");
    let page = browser.open(&ask.target()).await;
    let (flow, csrf) = (flow_of(&page.url), page.csrf());
    let options = browser.post(&format!("{flow}/passkey/options"), &[("csrf", &csrf)]).await.json();
    let answer = citizen.device.lock().await.get(&options).await.to_string();
    let page = browser.post(&format!("{flow}/passkey"), &[("csrf", &csrf), ("credential", &answer)]).await;
    let page = browser.follow(page).await;
    let code = landing(&page).unwrap_or_else(|| panic!("{} {:.500}", page.url, page.body)).code();
    let token = party.redeem(&ask, &code).await.ok().text("id_token");
    jose::part(&token, 1)["sub"].as_str().unwrap().to_owned()
}

async fn d6_an_ended_session_is_dead_everywhere_at_once(site: &Site) {
    let citizen = Citizen::new(site).await;
    let dead = async |stolen: &Browser, how: &str| {
        // Twice: successive requests meet alternating processes.
        for _ in 0..2 {
            assert!(!is_signed_in(stolen).await, "{how}: the old cookie still opens the account");
        }
    };
    // By the person at the account page.
    let page = citizen.open_account(site, Way::Passkey).await;
    let stolen = citizen.browser.copy();
    assert!(is_signed_in(&stolen).await, "a copy of the cookies is the same browser");
    citizen.browser.submit(&page, "/logout/all", &[("action", "all")]).await;
    dead(&stolen, "signed out everywhere").await;

    // One session ended from another, and all others at once.
    let other = Citizen { browser: Browser::new(site), ..citizen };
    other.open_account(site, Way::Passkey).await;
    let far = other.browser.copy();
    let here = Citizen { browser: Browser::new(site), ..other };
    here.open_account(site, Way::Passkey).await;
    let page = here.browser.open("/account/sessions").await;
    assert!(is_signed_in(&far).await);
    let page = here.browser.submit(&page, "/end-others", &[]).await;
    assert_eq!(page.status, 200);
    dead(&far, "ended from another session").await;
    assert!(here.is_signed_in().await);
    let page = here.browser.open("/account/sessions").await;
    let copy = here.browser.copy();
    let page = here.browser.submit(&page, "/end", &[]).await;
    assert_eq!(page.status, 200, "{:.500}", page.body);
    dead(&copy, "ended itself").await;

    // R1: nobody ends another person's session, nor learns whether it exists.
    let stranger = Citizen::new(site).await;
    let victim = Citizen::new(site).await;
    victim.open_account(site, Way::Passkey).await;
    let page = victim.browser.open("/account/sessions").await;
    let action = page.form("/end").action;
    let page = stranger.open_account(site, Way::Passkey).await;
    let csrf = page.csrf();
    let answer = stranger.browser.post(&action, &[("csrf", &csrf)]).await;
    let none =
        stranger.browser.post("/account/sessions/0198c0de-0000-7000-8000-000000000000/end", &[("csrf", &csrf)]).await;
    assert_eq!((answer.status, none.status), (404, 404));
    assert!(victim.is_signed_in().await);

    // Asked by a portal, with its ID token.
    let party = Party::register(site, Shape::Basic, |_| {});
    let ask = party.ask("openid");
    let code = victim.authorize(site, &ask, Way::Passkey).await.code();
    let token = party.redeem(&ask, &code).await.ok().text("id_token");
    let stolen = victim.browser.copy();
    let query = [("id_token_hint", token.as_str()), ("post_logout_redirect_uri", &party.post_logout), ("state", "a b")];
    let page = victim.browser.get(&format!("/logout?{}", crate::harness::form(&query))).await;
    let back = landing(&page).expect("back at the portal");
    assert_eq!((back.at.as_str(), back.get("state")), (party.post_logout.as_str(), "a b"));
    dead(&stolen, "signed out by a portal").await;
}

async fn d8_d9_pages_carry_every_guard_errors_too(site: &Site) {
    // The browser judges each answer; here are the pages that tests of success do not reach.
    let browser = Browser::new(site);
    let refused: &[(&str, u16)] = &[
        ("/no-such-page", 404),
        ("/authorize", 400),
        ("/authorize?client_id=nobody", 400),
        ("/signin/00000000000000000000000000000000", 410),
        ("/logout?id_token_hint=x", 400),
        ("/logout/all", 405),
        ("/token", 405),
        ("/account/passkeys/x/rename", 303),
        ("/assets/no-such-file.css", 404),
        ("/logout/confirm", 303),
    ];
    for (target, status) in refused {
        let page = browser.get(target).await;
        assert_eq!(page.status, *status, "{target}: {:.300}", page.body);
        assert_eq!(page.header("x-frame-options"), "DENY", "{target}");
        assert!(page.header("permissions-policy").contains("camera=()"), "{target}");
        assert!(page.headers.get("access-control-allow-origin").is_none(), "{target}: open to other origins");
        assert!(page.headers.get("server").is_none(), "{target} tells what serves it");
    }
    for method in [Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE, Method::PATCH] {
        for target in ["/authorize", "/token", "/account", "/signin", "/userinfo"] {
            let request = browser.request(method.clone(), target).header(header::ORIGIN, "https://evil.example");
            let page = browser.send(request.header("access-control-request-method", "POST")).await;
            assert!([404, 405].contains(&page.status), "{method} {target}: {}", page.status);
            assert!(page.headers.get("access-control-allow-origin").is_none(), "{method} {target}");
        }
    }
    let page = browser.open("/signin").await;
    assert!(!browser.cookie_names().is_empty(), "the sign-in page sets the cookie of its flow");
    let page = browser.submit_only(&page, &flow_of(&page.url), &[("identifier", "0912345678")]).await;
    assert_eq!(page.status, 303, "D9: a POST step answers 303");
}

/// POST routes of pages, read from the source, so that a new one cannot be forgotten.
fn page_posts() -> Vec<String> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Portals post to the protocol's endpoints; signing out may be asked for by a portal's form.
            match path.file_stem().and_then(|name| name.to_str()) {
                Some("oidc" | "registration") => {}
                _ if path.is_dir() => folders.push(path),
                _ => files.push(path),
            }
        }
    }
    let mut found = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split(".route(").skip(1) {
            let part = part.split(".route(").next().unwrap();
            let end = part.find(['\n', ';']).unwrap_or(part.len());
            let Some(route) = part.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                continue;
            };
            // Clients ask here, with no cookie that a browser would add.
            let of_clients = ["/device_authorization", "/backchannel_authentication", "/test/ciba"].contains(&route);
            if !of_clients && ["post(", "post_with", "form("].iter().any(|call| part[..end].contains(call)) {
                found.push(route.to_owned());
            }
        }
    }
    found
}

async fn d10_nothing_changes_by_a_form_of_another_site(site: &Site) {
    let routes = page_posts();
    assert!(routes.len() >= 30, "the routes are not where they were: {routes:?}");
    let citizen = Citizen::new(site).await;
    let page = citizen.open_account(site, Way::Passkey).await;
    let session_token = page.csrf();
    let page = citizen.browser.open("/signin").await;
    let page = if page.url.path() == "/account" {
        let party = Party::register(site, Shape::Basic, |_| {});
        citizen.browser.open(&party.ask("openid").with("prompt", "login").target()).await
    } else {
        page
    };
    let (flow, flow_token) = (flow_of(&page.url), page.csrf());
    let handle = flow.rsplit('/').next().unwrap();
    for route in &routes {
        let target = route.replace("{flow}", handle).replace("{client}", "nobody");
        let target = target.replace("{id}", "0198c0de-0000-7000-8000-000000000000");
        assert!(!target.contains('{'), "a placeholder this test does not know: {route}");
        let token = if route.contains("{flow}") { &flow_token } else { &session_token };
        let fields = [("csrf", token.as_str()), ("action", "all"), ("identifier", "1"), ("logout", "x")];
        let own = || citizen.browser.own_form(&target, &fields);
        let plain = citizen.browser.request(Method::POST, &target);
        let body = format!("csrf={token}&action=all");
        let bare = |kind: &str| {
            let request = citizen.browser.request(Method::POST, &target).header(header::ORIGIN, &site.issuer);
            request.header(header::CONTENT_TYPE, kind).body(body.clone())
        };
        let replaced = |name: &'static str, value: &str| {
            let mut request = own().build().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
            let (url, headers) = (request.url().clone(), request.headers().clone());
            let body = request.body().unwrap().as_bytes().unwrap().to_vec();
            citizen.browser.request(Method::POST, url.as_str()).headers(headers).body(body)
        };
        let attacks = [
            ("foreign Origin", replaced("origin", "https://evil.example")),
            ("Origin null", replaced("origin", "null")),
            ("Origin with more", replaced("origin", &format!("{}.evil.example", site.issuer))),
            ("cross-site", replaced("sec-fetch-site", "cross-site")),
            ("same-site", replaced("sec-fetch-site", "same-site")),
            ("no token", citizen.browser.own_form(&target, &[("action", "all")])),
            ("wrong token", citizen.browser.own_form(&target, &[("csrf", "x"), ("action", "all")])),
            ("no token nor Origin", plain.form(&[("action", "all")])),
            ("text/plain", bare("text/plain")),
            ("JSON", bare("application/json")),
            ("multipart", bare("multipart/form-data; boundary=x")),
        ];
        for (what, request) in attacks {
            let answer = citizen.browser.send(request).await;
            assert_eq!(answer.status, 403, "{route} with {what}: {:.300}", answer.body);
        }
    }
    assert!(citizen.is_signed_in().await, "one of them went through");
}
