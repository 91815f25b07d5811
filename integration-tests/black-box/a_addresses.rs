//! A: return addresses. Nothing leads anywhere but to the exact bytes that were registered.

use crate::harness::{Ask, Browser, Page, Party, Shape, Site, landing};
use reqwest::Method;
use serde_json::{Value, json};

on_both_stores!(
    a1_a3_a6_only_the_registered_bytes_are_an_address,
    a4_a_client_without_address_has_no_authorization,
    a5_a8_addresses_that_lead_elsewhere_are_not_registered,
    a5_the_loopback_port_may_differ_for_native_clients_only,
    a9_no_error_redirects_before_the_address_is_proved,
    a10_unknown_response_modes_are_refused_on_our_own_page,
);

/// Our own page, with an error id, leading nowhere.
fn assert_own_page(page: &Page, what: &str) {
    assert_eq!(page.status, 400, "{what}: {:.500}", page.body);
    assert!(page.headers.get("location").is_none(), "{what}: {}", page.header("location"));
    assert!(page.headers.get("refresh").is_none(), "{what}");
    assert!(page.header("content-type").starts_with("text/html"), "{what}");
    assert!(page.has_error_id(), "{what}: no error id: {:.1500}", page.body);
}

/// By GET and by POST.
async fn both_ways(browser: &Browser, ask: &Ask) -> [Page; 2] {
    let fields: Vec<(&str, &str)> = ask.params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let posted = browser.send(browser.request(Method::POST, "/authorize").form(&fields)).await;
    [browser.get(&ask.target()).await, posted]
}

/// Addresses that are not the registered `https://HOST/cb`, though something may take them for it.
fn impostors(registered: &str) -> Vec<String> {
    let host = registered.strip_prefix("https://").unwrap().strip_suffix("/cb").unwrap();
    vec![
        format!("https://{host}@evil.example@{host}/cb"),
        format!("https://{host}\\@evil.example/cb"),
        format!("https://evil.example#@{host}/cb"),
        format!("https://user@{host}/cb"),
        format!("https://{host}.evil.example/cb"),
        format!("https://{}/cb", host.replace('.', "a")),
        format!("https://{}/cb", host.to_uppercase()),
        format!("https://{host}:443/cb"),
        format!("http://{host}/cb"),
        format!("https://{host}/cb/"),
        format!("https://{host}/cb/../cb"),
        format!("https://{host}//cb"),
        format!("https://{host}/CB"),
        format!("https://{host}/%63b"),
        format!("https://{host}/cb?"),
        format!("https://{host}/cb?next=https://evil.example"),
        format!("https://{host}/cb#"),
        format!("https://{host}/other"),
        format!("https://{host}"),
        format!(" {registered}"),
        format!("{registered} "),
        format!("{registered}\u{200b}"),
        format!("//{host}/cb"),
        "/cb".to_owned(),
        "javascript:alert(1)//https://".to_owned(),
        "data:text/html,x".to_owned(),
        "https://evil.example/cb".to_owned(),
        String::new(),
    ]
}

async fn a1_a3_a6_only_the_registered_bytes_are_an_address(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let browser = Browser::new(site);
    for sent in impostors(&party.redirect) {
        let ask = party.ask("openid").with("redirect_uri", &sent);
        for page in both_ways(&browser, &ask).await {
            // An empty value is as good as none, and the only registered address may then be meant (RFC 6749 3.1).
            if sent.is_empty() && landing(&page).is_none() && page.status == 303 {
                continue;
            }
            assert_own_page(&page, &sent);
            assert!(!page.body.contains("evil.example"), "K1: {sent} is shown");
        }
    }
    // The registered one leads to a sign-in page.
    assert_eq!(browser.get(&party.ask("openid").target()).await.status, 303);
    // With two addresses registered none is guessed.
    let two = Party::register(site, Shape::Basic, |metadata| {
        metadata["redirect_uris"].as_array_mut().unwrap().push("https://two.example/cb".into());
        metadata["sector_identifier_uri"] = "https://two.example/sector".into();
    });
    assert_own_page(&browser.get(&two.ask("openid").without("redirect_uri").target()).await, "no address, two known");
    // Addresses of one client are none of another's.
    let ask = party.ask("openid").with("redirect_uri", &two.redirect);
    assert_own_page(&browser.get(&ask.target()).await, "another client's address");
}

async fn a4_a_client_without_address_has_no_authorization(site: &Site) {
    let metadata = json!({
        "client_name": "No address",
        "redirect_uris": [],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code"],
        "scope": "openid",
    });
    site.add_client(&metadata).expect_err("a code grant without an address was registered");
    let party = Party::register(site, Shape::Basic, |metadata| {
        metadata["grant_types"] = json!(["client_credentials"]);
        metadata["redirect_uris"] = json!([]);
        metadata["scope"] = "records:read".into();
    });
    let browser = Browser::new(site);
    // The first address seen is not taken for the registered one, however often it is sent.
    for _ in 0..3 {
        assert_own_page(&browser.get(&party.ask("openid").target()).await, "no address is registered");
    }
    assert_own_page(&browser.get(&party.ask("openid").without("redirect_uri").target()).await, "none sent");
    for client in ["", "nobody", "NULL", "' OR 1=1 --"] {
        assert_own_page(&browser.get(&party.ask("openid").with("client_id", client).target()).await, client);
    }
}

async fn a5_a8_addresses_that_lead_elsewhere_are_not_registered(site: &Site) {
    let with = |uri: &str, kind: &str| {
        json!({
            "client_name": "Somewhere",
            "redirect_uris": [uri],
            "application_type": kind,
            "token_endpoint_auth_method": if kind == "native" { "none" } else { "client_secret_basic" },
            "scope": "openid",
        })
    };
    let lookalikes = [
        "http://localhost.evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost@evil.example/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://evil.example#@localhost/cb",
        "http://localhost\\@evil.example/cb",
        "http://evil.example/cb",
        "https://*.example/cb",
        "https://app.example/*",
        "https://app.example.*/cb",
        "https://user:pass@app.example/cb",
        "https://app.example/cb#fragment",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,hello",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/1",
        "about:blank",
        "ftp://app.example/cb",
        "/cb",
        "//app.example/cb",
        "https:///cb",
        "",
        "https://app.example/cb\r\nX: y",
    ];
    for kind in ["web", "native"] {
        for uri in lookalikes {
            let refused = site.add_client(&with(uri, kind));
            assert!(refused.is_err(), "{kind}: {uri} was registered: {refused:?}");
        }
    }
    // The same for where people come back to after signing out.
    for uri in ["javascript:alert(1)", "http://evil.example/bye", "https://app.example/*"] {
        let mut metadata = with("https://app.example/cb", "web");
        metadata["post_logout_redirect_uris"] = json!([uri]);
        assert!(site.add_client(&metadata).is_err(), "{uri} was registered");
    }
    assert!(site.add_client(&with("https://app.example/cb", "web")).is_ok());
    // H3: names that a client must not bear, and members nobody knows.
    for (member, value) in
        [("unknown_member", json!(1)), ("subject_type", json!("public")), ("jwks_uri", json!("http://a.example/k"))]
    {
        let mut metadata: Value = with("https://app.example/cb", "web");
        metadata[member] = value;
        assert!(site.add_client(&metadata).is_err(), "{member} was taken");
    }
}

async fn a5_the_loopback_port_may_differ_for_native_clients_only(site: &Site) {
    let browser = Browser::new(site);
    let native = Party::register(site, Shape::Public, |metadata| {
        metadata["application_type"] = "native".into();
        metadata["redirect_uris"] = json!(["http://127.0.0.1/cb"]);
        metadata["post_logout_redirect_uris"] = json!([]);
    });
    for good in ["http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"] {
        let page = browser.get(&native.ask("openid").with("redirect_uri", good).target()).await;
        assert_eq!(page.status, 303, "{good}: {:.500}", page.body);
    }
    for bad in [
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.2:51004/cb",
        "http://localhost:51004/cb",
        "http://[::1]:51004/cb",
        "http://127.0.0.1:51004@evil.example/cb",
        "http://127.0.0.1:99999/cb",
        "https://127.0.0.1:51004/cb",
    ] {
        let page = browser.get(&native.ask("openid").with("redirect_uri", bad).target()).await;
        assert_own_page(&page, bad);
    }
}

async fn a9_no_error_redirects_before_the_address_is_proved(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let browser = Browser::new(site);
    let wrong: &[(&str, &str)] = &[
        ("response_type", "token"),
        ("response_type", "id_token"),
        ("response_type", ""),
        ("scope", "profile"),
        ("scope", "\"openid\""),
        ("prompt", "none"),
        ("prompt", "none login"),
        ("prompt", "wrong"),
        ("max_age", "-1"),
        ("max_age", "x"),
        ("claims", "{"),
        ("claims", "[[[["),
        ("claims", r#"{"id_token":{"acr":{"essential":true,"value":"urn:dinhdanh:acr:4"}}}"#),
        ("code_challenge", ""),
        ("code_challenge", "short"),
        ("code_challenge_method", "plain"),
        ("request", "e30.e30."),
        ("request_uri", "https://evil.example/r"),
        ("registration", "{}"),
        ("id_token_hint", "x"),
        ("id_token_hint", "e30.e30.e30"),
        ("resource", "https://nobody.example"),
        ("ui_locales", "xx"),
    ];
    for (name, value) in wrong {
        let ask = party.ask("openid").with(name, value);
        let elsewhere = ask.clone().with("redirect_uri", "https://evil.example/cb");
        for page in both_ways(&browser, &elsewhere).await {
            assert_own_page(&page, &format!("{name}={value}"));
        }
        for client in ["nobody", ""] {
            let page = browser.get(&ask.clone().with("client_id", client).target()).await;
            assert_own_page(&page, &format!("{name}={value} of client {client}"));
        }
        // At the registered address the error goes to the portal, with who says it and the state (C3).
        let page = browser.get(&ask.target()).await;
        if let Some(answer) = landing(&page) {
            assert_eq!(answer.at, party.redirect, "{name}={value}");
            assert!(!answer.get("error").is_empty(), "{name}={value}");
            assert_eq!((answer.get("state"), answer.get("iss")), (ask.get("state"), site.issuer.as_str()));
            assert!(
                !answer.get("error_description").contains(value) || value.len() < 6,
                "K1: {name}={value} is repeated"
            );
        } else {
            assert!(["ui_locales", "id_token_hint"].contains(name), "{name}={value} was no error: {}", page.status);
        }
    }
    // What cannot be read at all is answered on our own page, whatever the address.
    for query in ["client_id=%ff", "a=%zz", "state=%0d%0ax", "client_id=a&client_id=b", "x=%00"] {
        let page = browser.get(&format!("{}&{query}", party.ask("openid").without("client_id").target())).await;
        assert_own_page(&page, query);
    }
}

async fn a10_unknown_response_modes_are_refused_on_our_own_page(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let browser = Browser::new(site);
    for mode in ["web_message", "query.JWT", "form_post.jwt ", "query form_post", "QUERY", "none"] {
        for page in both_ways(&browser, &party.ask("openid").with("response_mode", mode)).await {
            assert_own_page(&page, mode);
        }
    }
    for mode in ["query", "fragment", "form_post", "query.jwt", "fragment.jwt", "form_post.jwt", "jwt"] {
        let elsewhere = party.ask("openid").with("response_mode", mode).with("redirect_uri", "https://evil.example/cb");
        for ask in [elsewhere.clone(), elsewhere.with("prompt", "none")] {
            for page in both_ways(&browser, &ask).await {
                assert_own_page(&page, mode);
                assert!(page.forms().iter().all(|form| form.action.starts_with('/')), "{mode}: a form to elsewhere");
            }
        }
    }
}
