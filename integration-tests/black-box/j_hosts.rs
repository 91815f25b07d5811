//! J: host and proxy headers, caches.

use crate::harness::{Browser, Options, Party, Shape, Site, Store};
use reqwest::{Method, header};

on_both_stores!(j1_only_the_issuers_host_is_served, j4_headers_of_proxies_are_not_believed, j6_nothing_secret_is_kept);
on_both_stores!(alone: j2_the_first_host_seen_is_nothing_special);

const EVIL_HOSTS: [&str; 8] = [
    "evil.example",
    "localhost",
    "localhost:1",
    "localhost.evil.example",
    "127.0.0.1",
    "LOCALHOST.",
    "evil.example@localhost",
    "localhost:80:80",
];

async fn j1_only_the_issuers_host_is_served(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let browser = Browser::new(site);
    for host in EVIL_HOSTS.iter().filter(|host| **host != site.host()) {
        for (method, target) in [
            (Method::GET, "/.well-known/openid-configuration".to_owned()),
            (Method::GET, "/jwks".to_owned()),
            (Method::GET, party.ask("openid").target()),
            (Method::GET, "/signin".to_owned()),
            (Method::GET, "/".to_owned()),
            (Method::GET, "/no-such-page".to_owned()),
            (Method::POST, "/token".to_owned()),
            (Method::POST, "/logout/all".to_owned()),
        ] {
            let page = browser.send(browser.request(method.clone(), &target).header(header::HOST, *host)).await;
            // A host that is no host at all may be refused earlier, as a bad request.
            assert!([421, 400].contains(&page.status), "{method} {target} for {host}: {}", page.status);
            assert!(
                !page.body.contains("evil.example") && page.headers.get("location").is_none(),
                "{target} for {host}"
            );
        }
    }
}

async fn j4_headers_of_proxies_are_not_believed(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let browser = Browser::new(site);
    let targets = ["/.well-known/openid-configuration".to_owned(), "/jwks".to_owned()];
    let mut plain = Vec::new();
    for target in &targets {
        plain.push(browser.get(target).await.body);
    }
    for (name, value) in [
        ("forwarded", "for=9.9.9.9;host=evil.example;proto=https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/evil.example"),
        ("x-forwarded-for", "9.9.9.9"),
        ("x-forwarded-port", "1"),
        ("x-original-url", "/evil.example"),
        ("x-rewrite-url", "/evil.example"),
        ("x-http-method-override", "DELETE"),
        ("x-real-ip", "9.9.9.9"),
        ("x_forwarded_host", "evil.example"),
        ("connection", "x-user"),
    ] {
        for (target, expected) in targets.iter().zip(&plain) {
            let page = browser.send(browser.request(Method::GET, target).header(name, value)).await;
            assert_eq!((page.status, &page.body), (200, expected), "{target} with {name}");
        }
        let request = browser.request(Method::GET, &party.ask("openid").target()).header(name, value);
        let page = browser.send(request).await;
        assert_eq!(page.status, 303, "authorize with {name}");
        assert!(page.header("location").starts_with("/signin/"), "{name}: {}", page.header("location"));
        let page = browser.send(browser.request(Method::GET, page.header("location")).header(name, value)).await;
        let page = browser.follow(page).await;
        assert!(!page.body.contains("evil.example"), "{name} got into a page");
    }
}

async fn j2_the_first_host_seen_is_nothing_special(store: Store) {
    let site = &Site::start(store, Options::default()).await;
    let browser = Browser::new(site);
    for port in site.ports() {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let address = format!("http://127.0.0.1:{port}/.well-known/openid-configuration");
        let evil = client.get(&address).header(header::HOST, "evil.example").send().await.unwrap();
        assert_eq!(evil.status().as_u16(), 421);
    }
    let documents: Vec<String> = [
        browser.get("/.well-known/openid-configuration").await,
        browser.get("/.well-known/openid-configuration").await,
    ]
    .into_iter()
    .map(|page| page.body)
    .collect();
    assert_eq!(documents[0], documents[1], "two processes tell two things");
    assert!(documents[0].contains(&format!("\"issuer\":\"{}\"", site.issuer)), "{}", documents[0]);
    assert!(!documents[0].contains("evil"));
}

async fn j6_nothing_secret_is_kept(site: &Site) {
    let browser = Browser::new(site);
    let doubled = format!("{}//account", site.issuer);
    for target in [
        doubled.as_str(),
        "/authorize/x.css",
        "/token%0a.js",
        "/token/x.js",
        "/userinfo/x.png",
        "/account/x.css",
        "/account%2fx.css",
        "/signin/x.css/y",
        "/introspect.json",
        "/account/",
        "/ACCOUNT",
        "/assets/../account",
        "/assets/..%2f..%2fCargo.toml",
        "/.well-known/../account.css",
    ] {
        let page = browser.get(target).await;
        assert!([404, 400, 405].contains(&page.status) || page.url.path() == "/account", "{target}: {}", page.status);
        if page.url.path() != "/account" && page.url.path() != "/account.css" {
            assert!(
                page.header("cache-control").contains("no-store") || page.url.path().starts_with("/assets/"),
                "{target}"
            );
        }
    }
    for target in ["/.well-known/openid-configuration", "/jwks"] {
        let page = browser.get(target).await;
        assert!(page.header("cache-control").contains("max-age="), "{target}: {}", page.header("cache-control"));
        let tag = page.header("etag").to_owned();
        assert!(!tag.is_empty(), "{target} has no ETag");
        let again = browser.send(browser.request(Method::GET, target).header(header::IF_NONE_MATCH, &tag)).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{target}");
    }
    // Assets: kept long, under names that change.
    let page = browser.open("/signin").await;
    let assets =
        page.attributes("href").into_iter().chain(page.attributes("src")).filter(|a| a.starts_with("/assets/"));
    for asset in assets {
        let answer = browser.get(&asset).await;
        assert_eq!(answer.status, 200, "{asset}");
        assert!(answer.header("cache-control").contains("immutable"), "{asset}: {}", answer.header("cache-control"));
    }
}
