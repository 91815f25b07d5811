//! What scripts of other origins may read: token, userinfo and revocation for the pages of public clients, the public
//! documents for all, and nothing else. "CORS never at the authorization endpoint" (RFC 9700 2.6).

use crate::kit::{HOA, House, Page, Portal};
use axum::http::Method;
use dinhdanh::store::client::ClientStatus;
use serde_json::{Value, json};

const SPA: &str = "https://spa.example";
/// The endpoints that apps in browsers call, and how.
const SHARED: [(&str, &str); 4] =
    [("/token", "POST"), ("/userinfo", "GET, POST"), ("/revoke", "POST"), ("/par", "POST")];
const DOCUMENTS: [&str; 4] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource/userinfo",
    "/jwks",
];

/// A single-page app, beside a portal that has a secret.
async fn app(house: &House) -> Portal {
    Portal::new(house, "server").await;
    let over = json!({
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile",
    });
    Portal::with(house, "spa", over).await
}

/// A script's request with these headers.
async fn script(house: &House, method: Method, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Page {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
    all.extend_from_slice(headers);
    house.browser().request(method, path, &all, &body).await
}

async fn preflight(house: &House, path: &str, origin: &str, method: &str) -> Page {
    let asks = [
        ("origin", origin),
        ("access-control-request-method", method),
        ("access-control-request-headers", "authorization"),
    ];
    house.browser().request(Method::OPTIONS, path, &asks, "").await
}

fn header(page: &Page, name: &str) -> String {
    let values: Vec<&str> = page.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
    values.join(", ")
}

/// A browser at `origin` lets its script read this answer.
#[track_caller]
fn readable(page: &Page, origin: &str) {
    assert_eq!(header(page, "access-control-allow-origin"), origin, "{} {}", page.status, page.path);
    guarded(page);
}

/// No browser lets a script of another origin read this answer.
#[track_caller]
fn closed(page: &Page) {
    let opened: Vec<_> = page.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(opened.is_empty(), "{} {} sends {opened:?}", page.status, page.path);
}

#[track_caller]
fn guarded(page: &Page) {
    assert_eq!(header(page, "access-control-allow-credentials"), "", "{}: nothing goes by cookie", page.path);
}

#[track_caller]
fn varies(page: &Page) {
    let vary = header(page, "vary").to_ascii_lowercase();
    assert!(vary.split(',').any(|name| name.trim() == "origin"), "{}: vary is {vary:?}", page.path);
}

#[tokio::test]
async fn an_app_in_a_browser_signs_in_asks_and_revokes_from_its_own_origin() {
    let house = House::new().await;
    house.with(&HOA).await;
    let spa = app(&house).await;
    let mut browser = house.browser();
    let page = spa.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    let code = answer.code();

    let from = [("origin", SPA)];
    let mut fields = vec![("grant_type", "authorization_code"), ("code", &code), ("client_id", "spa")];
    fields.extend([("redirect_uri", spa.redirect.as_str()), ("code_verifier", Portal::VERIFIER)]);
    let page = script(&house, Method::POST, "/token", &from, &fields).await;
    page.is(200);
    readable(&page, SPA);
    varies(&page);
    let tokens: Value = serde_json::from_str(&page.body).unwrap();

    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let page = script(&house, Method::GET, "/userinfo", &[("origin", SPA), ("authorization", &bearer)], &[]).await;
    page.is(200);
    readable(&page, SPA);
    varies(&page);

    let refresh = tokens["refresh_token"].as_str().unwrap();
    let page = script(&house, Method::POST, "/revoke", &from, &[("token", refresh), ("client_id", "spa")]).await;
    page.is(200);
    readable(&page, SPA);
    varies(&page);
}

#[tokio::test]
async fn refusals_and_overload_are_readable_too() {
    let house = House::new().await;
    app(&house).await;
    let from = [("origin", SPA)];
    let page = script(&house, Method::POST, "/token", &from, &[("grant_type", "password"), ("client_id", "spa")]).await;
    page.is(400).has("unsupported_grant_type");
    readable(&page, SPA);
    let page = script(&house, Method::GET, "/userinfo", &[("origin", SPA), ("authorization", "Bearer x")], &[]).await;
    page.is(401);
    readable(&page, SPA);
    assert!(header(&page, "access-control-expose-headers").contains("WWW-Authenticate"), "the reason must be readable");

    let places = house.take_every_place();
    let page = script(&house, Method::POST, "/token", &from, &[("client_id", "spa")]).await;
    page.is(503);
    readable(&page, SPA);
    drop(places);
}

#[tokio::test]
async fn preflights_say_what_each_endpoint_takes_and_no_more() {
    let house = House::new().await;
    app(&house).await;
    for (path, methods) in SHARED {
        let page = preflight(&house, path, SPA, "POST").await;
        page.is(204);
        readable(&page, SPA);
        varies(&page);
        assert_eq!(header(&page, "access-control-allow-methods"), methods, "{path}");
        assert_eq!(header(&page, "access-control-allow-headers"), "Authorization, Content-Type, DPoP", "{path}");
        assert!(header(&page, "access-control-max-age").parse::<u32>().unwrap() <= 600, "{path}");
    }
    // Not a preflight: nothing is asked.
    let page = house.browser().request(Method::OPTIONS, "/token", &[("origin", SPA)], "").await;
    page.is(405);
}

#[tokio::test]
async fn a1_only_the_exact_origin_of_a_public_client_is_let_in() {
    let house = House::new().await;
    app(&house).await;
    let native = json!({
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"], "application_type": "native",
        "scope": "openid",
        "redirect_uris": ["http://127.0.0.1/callback", "vn.example.app:/callback"], "post_logout_redirect_uris": [],
    });
    Portal::with(&house, "native", native).await;
    let strangers = [
        "https://server.example",
        "https://evil.example",
        "https://spa.example.evil.example",
        "https://evilspa.example",
        "https://a.spa.example",
        "http://spa.example",
        "https://spa.example:8443",
        "https://spa.example:443",
        "https://SPA.example",
        "https://spa.example/",
        "https://spa.example/callback",
        "https://spa.example@evil.example",
        "https://spa.example, https://evil.example",
        "https://id.example.vn",
        "http://127.0.0.1",
        "vn.example.app://",
        "null",
        "*",
        "",
    ];
    for origin in strangers {
        for (path, _) in SHARED {
            let asked = preflight(&house, path, origin, "POST").await;
            asked.is(405);
            let page = script(&house, Method::POST, path, &[("origin", origin)], &[("client_id", "spa")]).await;
            for page in [asked, page] {
                closed(&page);
                varies(&page);
            }
        }
    }
    // Two origins in one request are none.
    let two = [("origin", SPA), ("origin", "https://evil.example")];
    closed(&script(&house, Method::POST, "/token", &two, &[]).await);
    // Programs that are no browsers send none, and are answered as ever.
    let page = script(&house, Method::POST, "/token", &[], &[("client_id", "spa")]).await;
    closed(&page);
    varies(&page);
}

#[tokio::test]
async fn i5_the_origin_of_a_disabled_client_is_closed_again() {
    let house = House::new().await;
    app(&house).await;
    preflight(&house, "/token", SPA, "POST").await.is(204);
    let mut tx = house.services.db.begin().await.unwrap();
    let now = dinhdanh::base::Clock::now(&*house.clock);
    assert!(dinhdanh::store::client::set_status(&mut tx, "spa", ClientStatus::Disabled, now).await.unwrap());
    tx.commit().await.unwrap();
    house.services.clients.forget("spa").await;
    closed(preflight(&house, "/token", SPA, "POST").await.is(405));
}

/// Every route of the source, so that a new one is closed unless somebody opens it here too.
fn routes() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let routes = text.split(".route(").skip(1).filter_map(|part| part.trim_start().strip_prefix('"'));
            found.extend(routes.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
    found.iter().map(|route| route.replace(['{', '}', '*'], "")).collect()
}

#[tokio::test]
async fn every_other_route_is_closed_to_scripts_of_other_origins() {
    let house = House::new().await;
    app(&house).await;
    let routes = routes();
    for path in ["/authorize", "/introspect", "/logout", "/account"] {
        assert!(routes.iter().any(|route| route == path), "the routes are not where they were: {routes:?}");
    }
    let shared = |path: &str| DOCUMENTS.contains(&path) || SHARED.iter().any(|(shared, _)| *shared == path);
    for path in routes.iter().filter(|path| !shared(path)) {
        closed(&preflight(&house, path, SPA, "GET").await);
        closed(&script(&house, Method::GET, path, &[("origin", SPA)], &[]).await);
        closed(&script(&house, Method::POST, path, &[("origin", SPA)], &[("client_id", "spa")]).await);
    }
}

#[tokio::test]
async fn the_public_documents_may_be_read_from_anywhere() {
    let house = House::new().await;
    for path in DOCUMENTS {
        for origin in ["https://anybody.example", "null"] {
            let page = script(&house, Method::GET, path, &[("origin", origin)], &[]).await;
            page.is(200);
            readable(&page, "*");
            let page = preflight(&house, path, origin, "GET").await;
            page.is(204);
            readable(&page, "*");
            assert_eq!(header(&page, "access-control-allow-methods"), "GET");
            guarded(&page);
        }
    }
}
