//! Every route of the provider, who may use it, and that nobody else may (R6). The routes are read from the running
//! router itself, so the table below cannot drift from it: a route without a row fails, and so does a row without a
//! route. The other matrices take their doors from here.

use crate::kit::House;
use dinhdanh::http::{AppState, DemoSite};
use dinhdanh::identity::PersonalNumber;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Anybody.
    Public,
    /// The browser that began the flow in the path.
    Flow,
    /// A person with a live session.
    Person,
    /// A client that proves itself.
    Client,
    /// The holder of an access token.
    Bearer,
}
use Door::{Bearer, Client, Flow, Person, Public};

/// Path, methods, who.
pub const ROUTES: &[(&str, &[&str], Door)] = &[
    ("/.well-known/openid-configuration", &["GET", "OPTIONS"], Public),
    ("/.well-known/oauth-authorization-server", &["GET", "OPTIONS"], Public),
    ("/.well-known/oauth-protected-resource/userinfo", &["GET", "OPTIONS"], Public),
    ("/jwks", &["GET", "OPTIONS"], Public),
    ("/logos/{client}", &["GET"], Public),
    ("/health/live", &["GET"], Public),
    ("/health/ready", &["GET"], Public),
    ("/assets/{name}", &["GET"], Public),
    ("/favicon.ico", &["GET"], Public),
    ("/robots.txt", &["GET"], Public),
    ("/help", &["GET"], Public),
    ("/help/lost-access", &["GET"], Public),
    ("/privacy", &["GET"], Public),
    ("/accessibility", &["GET"], Public),
    ("/authorize", &["GET", "POST"], Public),
    ("/par", &["POST"], Client),
    ("/token", &["POST"], Client),
    ("/device_authorization", &["POST"], Client),
    ("/backchannel_authentication", &["POST"], Client),
    ("/device", &["GET", "POST"], Public),
    ("/device/done", &["GET"], Public),
    ("/introspect", &["POST"], Client),
    ("/revoke", &["POST"], Client),
    ("/userinfo", &["GET", "POST"], Bearer),
    ("/logout", &["GET", "POST"], Public),
    ("/logout/deliveries", &["POST"], Client),
    ("/logout/resume", &["GET"], Public),
    ("/logout/confirm", &["GET"], Public),
    ("/logout/confirm", &["POST"], Person),
    ("/logout/all", &["POST"], Person),
    ("/signed-out", &["GET"], Public),
    ("/session/check", &["GET"], Public),
    ("/start/{client}", &["GET"], Public),
    ("/signin", &["GET"], Public),
    ("/signin/{flow}", &["GET", "POST"], Flow),
    ("/signin/{flow}/next", &["GET"], Flow),
    ("/signin/{flow}/forget", &["POST"], Flow),
    ("/signin/{flow}/cancel", &["POST"], Flow),
    ("/signin/{flow}/method", &["GET", "POST"], Flow),
    ("/signin/{flow}/code", &["GET", "POST"], Flow),
    ("/signin/{flow}/code/resend", &["POST"], Flow),
    ("/signin/{flow}/totp", &["GET", "POST"], Flow),
    ("/signin/{flow}/recovery", &["GET", "POST"], Flow),
    ("/signin/{flow}/password", &["GET", "POST"], Flow),
    ("/signin/{flow}/paused", &["GET"], Flow),
    ("/signin/{flow}/passkey/options", &["POST"], Flow),
    ("/signin/{flow}/passkey", &["POST"], Flow),
    ("/signin/{flow}/passkey-failed", &["GET", "POST"], Flow),
    ("/signin/{flow}/asked", &["GET", "POST"], Flow),
    ("/signin/{flow}/decide", &["GET", "POST"], Flow),
    ("/signin/{flow}/continue", &["GET", "POST"], Flow),
    ("/signin/{flow}/for", &["GET", "POST"], Flow),
    ("/signin/{flow}/consent", &["GET", "POST"], Flow),
    ("/signin/{flow}/step-up", &["GET", "POST"], Flow),
    ("/signin/{flow}/offer-passkey", &["GET", "POST"], Flow),
    ("/signin/{flow}/offer-passkey/options", &["POST"], Flow),
    ("/signin/{flow}/frozen", &["GET", "POST"], Flow),
    ("/not-me", &["GET", "POST"], Public),
    ("/create", &["GET"], Public),
    ("/create/{flow}", &["GET"], Flow),
    ("/create/{flow}/number", &["GET", "POST"], Flow),
    ("/create/{flow}/name", &["GET", "POST"], Flow),
    ("/create/{flow}/waiting", &["GET", "POST"], Flow),
    ("/create/{flow}/phone", &["GET", "POST"], Flow),
    ("/create/{flow}/check", &["GET", "POST"], Flow),
    ("/create/{flow}/code", &["GET", "POST"], Flow),
    ("/create/{flow}/code/resend", &["POST"], Flow),
    ("/create/{flow}/passkey", &["GET", "POST"], Flow),
    ("/create/{flow}/passkey/options", &["POST"], Flow),
    ("/create/{flow}/password", &["GET", "POST"], Flow),
    ("/create/{flow}/recovery-codes", &["GET", "POST"], Flow),
    ("/create/{flow}/done", &["GET"], Flow),
    ("/account", &["GET"], Person),
    ("/account/details", &["GET", "POST"], Person),
    ("/account/settings", &["GET", "POST"], Person),
    ("/account/keep", &["POST"], Person),
    ("/account/stop", &["GET", "POST"], Person),
    ("/account/freeze", &["GET", "POST"], Person),
    ("/account/close", &["GET", "POST"], Person),
    ("/account/ways", &["GET"], Person),
    ("/account/passkeys", &["GET", "POST"], Person),
    ("/account/passkeys/new", &["GET"], Person),
    ("/account/passkeys/options", &["POST"], Person),
    ("/account/passkeys/{id}/rename", &["GET", "POST"], Person),
    ("/account/passkeys/{id}/remove", &["GET", "POST"], Person),
    ("/account/password", &["GET", "POST"], Person),
    ("/account/recovery-codes", &["GET", "POST"], Person),
    ("/account/recovery-codes/new", &["GET", "POST"], Person),
    ("/account/totp", &["GET", "POST"], Person),
    ("/account/totp/remove", &["GET", "POST"], Person),
    ("/account/email", &["GET", "POST"], Person),
    ("/account/email/code", &["GET", "POST"], Person),
    ("/account/email/code/resend", &["POST"], Person),
    ("/account/email/remove", &["POST"], Person),
    ("/account/phone", &["GET", "POST"], Person),
    ("/account/phone/code", &["GET", "POST"], Person),
    ("/account/phone/code/resend", &["POST"], Person),
    ("/account/phone/cancel", &["POST"], Person),
    ("/account/phone/confirm", &["POST"], Person),
    ("/account/sessions", &["GET"], Person),
    ("/account/sessions/{id}/end", &["POST"], Person),
    ("/account/sessions/end-others", &["POST"], Person),
    ("/account/organizations", &["GET"], Person),
    ("/account/organizations/add", &["GET", "POST"], Person),
    ("/account/organizations/add/waiting", &["GET", "POST"], Person),
    ("/account/organizations/{id}", &["GET", "POST"], Person),
    ("/account/organizations/{id}/close", &["GET", "POST"], Person),
    ("/account/requests", &["GET"], Person),
    ("/account/requests/{id}", &["POST"], Person),
    ("/account/activity", &["GET"], Person),
    ("/account/activity.csv", &["GET"], Person),
    ("/account/not-me", &["GET", "POST"], Person),
    ("/account/sharing", &["GET"], Person),
    ("/account/sharing/history", &["GET"], Person),
    ("/account/sharing/{client}/stop", &["GET", "POST"], Person),
];

/// Routes that are there where clients may register themselves.
pub const REGISTRATION: &[(&str, &[&str], Door)] =
    &[("/register", &["POST"], Client), ("/register/{client}", &["GET", "PUT", "DELETE"], Client)];

/// Routes that only `demo` has.
const DEMO: &[(&str, &[&str], Door)] = &[
    ("/", &["GET"], Public),
    ("/sample", &["GET"], Public),
    ("/metrics", &["GET"], Public),
    ("/test/components", &["GET"], Public),
    ("/test/inbox", &["GET"], Public),
    ("/test/inbox/clear", &["POST"], Public),
    ("/test/pages/{page}/{state}", &["GET"], Public),
    ("/test/what-happened/{grant}", &["GET"], Public),
];

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Paths of one kind of door that take a method.
pub fn paths(door: Door, method: &str) -> Vec<&'static str> {
    let found: Vec<&str> = ROUTES
        .iter()
        .filter(|(_, methods, of)| *of == door && methods.contains(&method))
        .map(|(path, ..)| *path)
        .collect();
    assert!(!found.is_empty(), "no {method} for {door:?}");
    found
}

/// A path with something in each of its places.
pub fn filled(path: &str) -> String {
    let uuid = "0190a0b0-0000-7000-8000-000000000000";
    path.replace("{flow}", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        .replace("{id}", uuid)
        .replace("{grant}", uuid)
        .replace("{name}", "app.css")
        .replace("{page}", "x")
        .replace("{state}", "x")
        .replace("{client}", "nobody")
}

/// The paths that a router knows, by its own account of itself.
fn known_to(router: &axum::Router) -> BTreeSet<String> {
    let text = format!("{router:?}");
    let (_, node) = text.split_once("paths: {").expect("a router tells its paths");
    let (list, _) = node.split_once("} }").expect("the end of the paths");
    let found: BTreeSet<String> = list
        .split("RouteId(")
        .filter_map(|entry| entry.split('"').nth(1))
        .filter(|path| !path.contains("__private"))
        .map(str::to_owned)
        .collect();
    assert!(found.len() > 40, "the router's account of itself was not understood: {text:.2000}");
    found
}

type Table = BTreeMap<String, BTreeSet<&'static str>>;

fn table(rows: &[&[(&'static str, &'static [&'static str], Door)]]) -> Table {
    let mut table = Table::new();
    for (path, methods, _) in rows.iter().flat_map(|rows| rows.iter()) {
        let known = table.entry((*path).to_owned()).or_default();
        for method in *methods {
            assert!(known.insert(method), "{method} {path} has two rows");
        }
    }
    table
}

/// What a router serves: every path it knows, tried with every method.
async fn served(router: axum::Router) -> Table {
    let mut table = Table::new();
    for path in known_to(&router) {
        let known = table.entry(path.clone()).or_default();
        for method in METHODS {
            let mut browser = crate::kit::Browser::new(router.clone());
            let status = browser.method(method, &filled(&path)).await.status.as_u16();
            if status != 405 {
                known.insert(method);
            }
        }
    }
    table
}

fn in_demo(house: &House) -> AppState {
    let number = PersonalNumber::parse(crate::kit::HOA.number).unwrap();
    let checker = (crate::kit::HOA.key.to_owned(), number);
    // Looks at nothing: the pages that use it are not this test's business.
    let http = reqwest::Client::builder().timeout(std::time::Duration::from_millis(1)).build().unwrap();
    let site = DemoSite { portals: Vec::new(), people: Vec::new(), checker, http };
    dinhdanh::app::state(house.services.clone(), Some(Arc::new(site)))
}

fn compare(served: &Table, rows: &Table) {
    for (path, methods) in served {
        let row = rows.get(path).unwrap_or_else(|| panic!("{path} {methods:?} has no row in flows/routes.rs"));
        assert_eq!(methods, row, "{path}: methods served, and those of its row in flows/routes.rs");
    }
    let gone: Vec<_> = rows.keys().filter(|path| !served.contains_key(*path)).collect();
    assert!(gone.is_empty(), "rows without a route: {gone:?}");
}

#[tokio::test]
async fn r6_every_route_has_a_row() {
    let house = House::new().await;
    compare(&served(house.router.clone()).await, &table(&[ROUTES]));
    let open = House::over(&[("registration.mode", "token")]).await;
    compare(&served(open.router.clone()).await, &table(&[ROUTES, REGISTRATION]));
    let demo = dinhdanh::http::router(in_demo(&house));
    compare(&served(demo).await, &table(&[ROUTES, DEMO]));
}

/// Without what a door asks for, it stays shut: to anonymous callers, to empty forms, and to forms with made-up tokens.
#[tokio::test]
async fn r6_every_door_asks_for_what_its_row_says() {
    let house = House::over(&[("registration.mode", "token")]).await;
    for (path, methods, door) in ROUTES.iter().chain(REGISTRATION) {
        for method in *methods {
            let target = filled(path);
            for fields in [&[][..], &[("csrf", "x"), ("token", "x"), ("grant_type", "client_credentials")]] {
                let mut browser = house.browser();
                let page = match *method {
                    "POST" => browser.send(&target, fields).await,
                    "GET" => browser.fetch(&target).await,
                    other => browser.method(other, &target).await,
                };
                let what = format!("{method} {path} {fields:?}: {} {:?}", page.status, page.location());
                assert!(browser.session().is_none(), "{what}: a session");
                let status = page.status.as_u16();
                match door {
                    Public => assert!(status < 500, "{what}"),
                    Flow => assert!([403, 404, 410].contains(&status), "{what}"),
                    Person if *method == "POST" => assert_eq!(status, 403, "{what}"),
                    Person => {
                        assert_eq!(status, 303, "{what}");
                        assert!(page.location().is_some_and(|to| to.starts_with("/signin/")), "{what}");
                    }
                    Client | Bearer => assert_eq!(status, 401, "{what}"),
                }
            }
        }
    }
}
