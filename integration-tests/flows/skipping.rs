//! P1: no step can be skipped. Every route that belongs to a flow, in every state of a flow, empty and with guesses:
//! nobody is signed in and no code leaves without the proof.

use crate::kit::{Browser, HOA, House, Page, Portal, days};
use crate::routes::{Door, paths};

/// Every route that belongs to a flow, from the table that is checked against the router.
fn wings(method: &str) -> Vec<&'static str> {
    paths(Door::Flow, method)
}

const GUESSES: &[(&str, &str)] = &[
    ("identifier", HOA.number),
    ("code", "000000"),
    ("password", "mat khau sai roi"),
    ("new_password", "mot mat khau du dai"),
    ("method", "totp"),
    ("action", "continue"),
    ("choice", "other"),
    ("credential", "{}"),
    ("personal_number", HOA.number),
    ("full_name", HOA.name),
    ("birth_year", "1988"),
    ("phone", "0912000009"),
    ("shared", "yes"),
    ("claim", "name"),
    ("answer", "no"),
];

/// The same with the answers that agree to something.
fn bodies() -> Vec<Vec<(&'static str, &'static str)>> {
    let with = |name: &'static str, value: &'static str| {
        let mut body: Vec<_> = GUESSES.iter().copied().filter(|(other, _)| *other != name).collect();
        body.push((name, value));
        body
    };
    vec![
        vec![],
        GUESSES.to_vec(),
        with("action", "accept"),
        with("action", "skip"),
        with("action", "password"),
        with("action", "allow"),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Begun,
    Named,
    CodeSent,
    PasswordGiven,
    Numbered,
    Matched,
    PhoneGiven,
    CreateCodeSent,
}

const STATES: [State; 8] = [
    State::Begun,
    State::Named,
    State::CodeSent,
    State::PasswordGiven,
    State::Numbered,
    State::Matched,
    State::PhoneGiven,
    State::CreateCodeSent,
];

/// Brings a new flow into a state. The page is the flow's first one, for its handle and form token.
async fn reach(house: &House, portal: &Portal, state: State) -> (Browser, Page) {
    let mut browser = house.browser();
    let first = portal.ask(&mut browser, &[]).await;
    let flow = first.flow();
    if matches!(state, State::Named | State::CodeSent | State::PasswordGiven) {
        let page = house.identify(&mut browser, &first, &HOA).await;
        if state == State::CodeSent {
            browser.submit(&page, "/method", &[("method", "sms")]).await.at("/code");
        }
        if state == State::PasswordGiven {
            let page = browser.submit(&page, "/method", &[("method", "password")]).await;
            browser.submit(&page, "/password", &[("password", &HOA.password())]).await.at("/method");
        }
    }
    let creating = [State::Numbered, State::Matched, State::PhoneGiven, State::CreateCodeSent];
    if let Some(depth) = creating.iter().position(|one| *one == state) {
        let page = browser.open(&format!("/create/{flow}/number")).await;
        let mut page = browser.submit(&page, "/number", &[("personal_number", crate::kit::MINH.number)]).await;
        if depth >= 1 {
            let fields = [
                ("full_name", crate::kit::MINH.name),
                ("birth_day", "1"),
                ("birth_month", "7"),
                ("birth_year", "1979"),
            ];
            page = browser.submit(&page, "/name", &fields).await;
            page.at("/phone");
        }
        if depth >= 2 {
            page = browser.submit(&page, "/phone", &[("phone", crate::kit::MINH.phone)]).await;
        }
        if depth >= 3 {
            browser.submit(&page, "/check", &[]).await.at("/code");
        }
    }
    (browser, first)
}

fn nothing_was_won(browser: &Browser, page: &Page, what: &str) {
    assert!(browser.session().is_none(), "{what}: a session");
    if let Some(location) = page.location() {
        assert!(!location.contains("code="), "{what}: {location}");
    }
    assert!(page.status.as_u16() < 500, "{what}: {} {}", page.status, page.text());
}

async fn try_routes(state: State) {
    let house = House::new().await;
    house.with(&HOA).await;
    house.register.fake.put(crate::kit::MINH.record());
    let portal = Portal::new(&house, "portal-a").await;
    for route in wings("POST") {
        // A day between: pauses must not stand in for the rule.
        house.after(days(2));
        let (mut browser, first) = reach(&house, &portal, state).await;
        let path = route.replace("{flow}", &first.flow());
        for body in bodies() {
            let what = format!("{state:?}: POST {route} {body:?}");
            let mut all = vec![("csrf", "")];
            let csrf = first.csrf();
            all[0].1 = &csrf;
            all.extend(body);
            let page = browser.send(&path, &all).await;
            nothing_was_won(&browser, &page, &what);
            let next = browser.fetch(&format!("/signin/{}/next", first.flow())).await;
            nothing_was_won(&browser, &next, &what);
        }
    }
    house.after(days(2));
    let (mut browser, first) = reach(&house, &portal, state).await;
    for route in wings("GET") {
        let page = browser.fetch(&route.replace("{flow}", &first.flow())).await;
        nothing_was_won(&browser, &page, &format!("{state:?}: GET {route}"));
    }
    assert!(house.person(&crate::kit::MINH).await.is_none(), "{state:?}: an account without its code");
}

macro_rules! p1 {
    ($($name:ident: $state:expr,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                try_routes($state).await;
            }
        )*

        #[test]
        fn p1_every_state_is_tried() {
            let tried = [$($state),*];
            assert!(STATES.iter().all(|state| tried.contains(state)));
        }
    };
}

p1! {
    p1_nothing_follows_from_a_flow_that_only_began: State::Begun,
    p1_nothing_follows_from_a_name: State::Named,
    p1_nothing_follows_from_a_code_that_was_only_sent: State::CodeSent,
    p1_a_password_alone_signs_nobody_in: State::PasswordGiven,
    p1_nothing_follows_from_a_number: State::Numbered,
    p1_nothing_follows_from_a_match: State::Matched,
    p1_nothing_follows_from_a_phone_that_was_only_typed: State::PhoneGiven,
    p1_no_account_without_the_code: State::CreateCodeSent,
}

/// A session of level 1 before a portal that insists on level 2: no form leads past the step-up.
#[tokio::test]
async fn p1_p4_no_form_leads_past_a_step_up() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let level_2 = ("claims", r#"{"id_token":{"acr":{"essential":true,"values":["urn:dinhdanh:acr:2"]}}}"#);
    for route in wings("POST") {
        house.after(days(2));
        let mut browser = house.browser();
        let page = portal.ask(&mut browser, &[]).await;
        house.sign_in(&mut browser, &page, &HOA).await.code();
        let page = portal.ask(&mut browser, &[level_2]).await;
        page.at("/step-up");
        let first = browser.open(&format!("/signin/{}", page.flow())).await;
        let path = route.replace("{flow}", &page.flow());
        for body in bodies() {
            let csrf = first.csrf();
            let mut all = vec![("csrf", csrf.as_str())];
            all.extend(body.iter().copied());
            for page in
                [browser.send(&path, &all).await, browser.fetch(&format!("/signin/{}/next", first.flow())).await]
            {
                let location = page.location().unwrap_or_default();
                assert!(!location.contains("code="), "POST {route} {body:?}: {location}");
                assert!(page.status.as_u16() < 500, "POST {route} {body:?}: {}", page.status);
            }
        }
    }
}

/// Before a page that asks to share data: only its own yes lets anything leave.
#[tokio::test]
async fn p1_h5_no_form_leads_past_a_consent() {
    let house = House::new().await;
    house.with(&HOA).await;
    let sharing = serde_json::json!({ "sharing": {
        "claims": ["name"], "purpose": { "vi": "Đặt lịch khám", "en": "To book appointments" },
        "legal_basis": "Luật thử nghiệm", "basis_kind": "consent", "term_days": 365,
    }});
    let portal = Portal::with(&house, "clinic", sharing).await.asking("openid profile");
    for route in wings("POST") {
        house.after(days(2));
        let mut browser = house.browser();
        let page = portal.ask(&mut browser, &[]).await;
        let page = house.sign_in(&mut browser, &page, &HOA).await;
        page.at("/consent");
        let path = route.replace("{flow}", &page.flow());
        let next = format!("/signin/{}/next", page.flow());
        let csrf = page.csrf();
        for body in
            bodies().into_iter().filter(|body| !(path.ends_with("/consent") && body.contains(&("action", "accept"))))
        {
            let mut all = vec![("csrf", csrf.as_str())];
            all.extend(body.iter().copied());
            for page in [browser.send(&path, &all).await, browser.fetch(&next).await] {
                let location = page.location().unwrap_or_default();
                assert!(!location.contains("code="), "POST {route} {body:?}: {location}");
                assert!(page.status.as_u16() < 500, "POST {route} {body:?}: {}", page.status);
            }
        }
    }
}

/// D10: without the flow's form token, from another origin or as plain text, no form is taken at all.
#[tokio::test]
async fn d10_forms_of_others_are_refused_everywhere() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let (mut browser, first) = reach(&house, &portal, State::CodeSent).await;
    let mut other = house.browser();
    let foreign = portal.ask(&mut other, &[]).await.csrf();
    for route in wings("POST") {
        let path = route.replace("{flow}", &first.flow());
        for csrf in ["", "x", foreign.as_str()] {
            let mut all = vec![("csrf", csrf)];
            all.extend(GUESSES);
            browser.send(&path, &all).await.is(403);
        }
        let csrf = first.csrf();
        browser.send_from("https://evil.example", &path, &[("csrf", &csrf)]).await.is(403);
        browser.send_from("null", &path, &[("csrf", &csrf)]).await.is(403);
    }
}
