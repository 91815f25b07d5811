//! N1: whether somebody has an account, a phone, or is locked, is told nowhere before a proof.

use crate::kit::{Citizen, HOA, House, MINH, Page, Portal, seconds};
use dinhdanh::identity::PersonStatus;
use dinhdanh::store;
use std::collections::BTreeMap;

const UNKNOWN: Citizen = Citizen { key: "nobody", number: "092004999905", ..HOA };
const NO_PHONE: Citizen = Citizen { key: "bay", number: "036003999909", phone: "+84912000003", ..HOA };

/// Status, headers, cookies and body, without what is new in every flow.
fn plain(page: &Page, flow: &str) -> (u16, BTreeMap<String, String>, String) {
    let strip = |text: &str| text.replace(flow, "FLOW");
    let mut headers = BTreeMap::new();
    for (name, value) in &page.headers {
        if name == "x-request-id" || name == "content-length" {
            continue;
        }
        let value = strip(value.to_str().unwrap());
        let value = if name == "set-cookie" { value.split('=').next().unwrap().to_owned() } else { value };
        headers.insert(name.to_string(), value);
    }
    let mut body = strip(&page.body);
    if body.contains("name=\"csrf\"") {
        body = body.replace(&page.csrf(), "CSRF");
    }
    (page.status.as_u16(), headers, body)
}

/// Every page before a proof, for one identifier.
async fn journey(
    house: &House,
    portal: &Portal,
    typed: &str,
    password: &str,
) -> Vec<(String, u16, BTreeMap<String, String>, String)> {
    let mut browser = house.browser();
    let first = portal.ask(&mut browser, &[]).await;
    let flow = first.flow();
    let csrf = first.csrf();
    let mut seen = Vec::new();
    let steps: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("", vec![("identifier", typed)]),
        ("/method", vec![("method", "sms")]),
        ("/code", vec![("code", "000000")]),
        ("/code/resend", vec![("channel", "sms")]),
        ("/code", vec![]),
        ("/method", vec![("method", "voice")]),
        ("/method", vec![("method", "totp")]),
        ("/totp", vec![("code", "000000")]),
        ("/method", vec![("method", "recovery")]),
        ("/recovery", vec![("code", "0000-0000-0000-0000")]),
        ("/method", vec![("method", "password")]),
        ("/password", vec![("password", password)]),
        ("/password", vec![("password", "")]),
        ("/code", vec![("code", "000000")]),
        ("/code", vec![("code", "000000")]),
        ("/code", vec![("code", "000000")]),
        ("/code", vec![("code", "000000")]),
        ("/code", vec![("code", "000000")]),
    ];
    for (step, fields) in steps {
        let path = format!("/signin/{flow}{step}");
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields.iter().copied());
        let posted = browser.send(&path, &all).await;
        let (status, headers, body) = plain(&posted, &flow);
        seen.push((format!("POST {step} {fields:?}").replace(typed, "TYPED"), status, headers, body));
        let shown = browser.fetch(&path.replace("/resend", "")).await;
        let (status, headers, body) = plain(&shown, &flow);
        seen.push((format!("GET {step}"), status, headers, body));
    }
    seen
}

#[tokio::test]
async fn n1_known_unknown_locked_and_phoneless_look_alike() {
    let house = House::new().await;
    house.with(&HOA).await;
    let locked = house.with(&MINH).await;
    let phoneless = house.with(&NO_PHONE).await;
    let now = dinhdanh::base::Clock::now(&*house.clock);
    let mut tx = house.services.db.begin().await.unwrap();
    store::person::update_status(&mut tx, locked, PersonStatus::Locked, Some("test"), now).await.unwrap();
    let phone = store::contact::list_for(&mut tx, phoneless).await.unwrap()[0].id;
    store::contact::end(&mut tx, phoneless, phone, now).await.unwrap();
    tx.commit().await.unwrap();
    let portal = Portal::new(&house, "portal-a").await;

    let unknown = journey(&house, &portal, UNKNOWN.number, "sai mat khau roi").await;
    assert!(unknown.iter().any(|(_, status, ..)| *status == 429), "the pauses are part of what is compared");
    for (who, citizen, password) in [
        ("known", &HOA, "sai mat khau roi".to_owned()),
        ("locked", &MINH, "sai mat khau roi".to_owned()),
        ("without a phone", &NO_PHONE, "sai mat khau roi".to_owned()),
    ] {
        let seen = journey(&house, &portal, citizen.number, &password).await;
        compare(who, &unknown, &seen);
    }
    // By phone number too, and with the right password of somebody who is locked.
    let stranger = journey(&house, &portal, "0987654321", "sai mat khau roi").await;
    compare("known by phone", &stranger, &journey(&house, &portal, "0912000001", "sai mat khau roi").await);
    house.after(seconds(2 * 86_400));
    let unknown = journey(&house, &portal, UNKNOWN.number, "sai mat khau roi").await;
    compare("locked, right password", &unknown, &journey(&house, &portal, MINH.number, &MINH.password()).await);
}

type Seen = Vec<(String, u16, BTreeMap<String, String>, String)>;

#[track_caller]
fn compare(who: &str, one: &Seen, other: &Seen) {
    assert_eq!(one.len(), other.len());
    for (a, b) in one.iter().zip(other) {
        assert_eq!(a.1, b.1, "{who}: status of {}", a.0);
        assert_eq!(a.2, b.2, "{who}: headers of {}", a.0);
        assert_eq!(a.3, b.3, "{who}: body of {}", a.0);
    }
}

/// Passkey options name nobody, so they are the same whoever was named before.
#[tokio::test]
async fn n1_passkey_options_name_nobody() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    crate::lifetimes::device_of(&house, &portal).await;
    let mut seen = Vec::new();
    for citizen in [&HOA, &UNKNOWN] {
        let mut browser = house.browser();
        let page = portal.ask(&mut browser, &[]).await;
        house.identify(&mut browser, &page, citizen).await;
        let options = crate::kit::authenticator::Device::challenge(&mut browser, &page).await;
        let mut options: serde_json::Value = serde_json::from_str(&options).unwrap();
        options["publicKey"]["challenge"] = "CHALLENGE".into();
        seen.push(options);
    }
    assert_eq!(seen[0], seen[1]);
    let allowed = &seen[0]["publicKey"]["allowCredentials"];
    assert!(allowed.is_null() || allowed.as_array().unwrap().is_empty(), "{allowed}");
}
