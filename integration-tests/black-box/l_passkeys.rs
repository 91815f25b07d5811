//! L: passkeys, with answers of a software authenticator that were changed and, where it matters, signed anew.

use crate::harness::{
    Authenticator, Browser, Citizen, Page, Site, Way, base64_url, bytes, eventually, flow_of, is_signed_in,
    make_passkey,
};
use serde_json::{Value, json};

on_both_stores!(
    a_challenge_given_later_does_not_spoil_an_earlier_one,
    l1_only_our_own_origin_signs_in,
    l2_an_answer_belongs_to_its_challenge_browser_and_count,
    l3_a_key_without_a_checked_finger_is_no_second_factor,
    l4_a_registration_is_checked_in_every_part,
    l6_a_key_is_bound_only_by_its_owner_and_once,
    l7_a_weak_or_stale_session_changes_no_way_to_sign_in,
);

const UV: u8 = 0x04;
const BE: u8 = 0x08;
const BS: u8 = 0x10;

/// A begun flow with its page, in a browser of its own.
async fn begin(site: &Site) -> (Browser, Page) {
    let browser = Browser::new(site);
    let page = browser.open("/signin").await;
    (browser, page)
}

async fn options(browser: &Browser, page: &Page) -> Value {
    let (flow, csrf) = (flow_of(&page.url), page.csrf());
    let answer = browser.post(&format!("{flow}/passkey/options"), &[("csrf", &csrf)]).await;
    assert_eq!(answer.status, 200, "{:.500}", answer.body);
    answer.json()
}

async fn present(browser: &Browser, page: &Page, answer: &Value) -> Page {
    let (flow, csrf) = (flow_of(&page.url), page.csrf());
    let fields = [("csrf", csrf.as_str()), ("credential", &answer.to_string())];
    browser.post(&format!("{flow}/passkey"), &fields).await
}

/// A begun sign-in and the true answer to its challenge.
async fn answered(site: &Site, citizen: &Citizen) -> (Browser, Page, Value) {
    let (browser, page) = begin(site).await;
    let options = options(&browser, &page).await;
    let answer = citizen.device.lock().await.get(&options).await;
    (browser, page, answer)
}

async fn refused(browser: &Browser, page: &Page, answer: &Value, what: &str) {
    let shown = present(browser, page, answer).await;
    assert!(shown.status < 500, "{what}: {}", shown.status);
    assert!(browser.session().is_none() && !is_signed_in(browser).await, "{what} signed in");
}

fn set_client_data(answer: &mut Value, name: &str, value: Value) {
    let mut data: Value = serde_json::from_slice(&bytes(&answer["response"]["clientDataJSON"])).unwrap();
    data[name] = value;
    answer["response"]["clientDataJSON"] = base64_url(data.to_string()).into();
}

fn change_data(answer: &mut Value, change: impl FnOnce(&mut Vec<u8>)) {
    let mut data = bytes(&answer["response"]["authenticatorData"]);
    change(&mut data);
    answer["response"]["authenticatorData"] = base64_url(data).into();
}

/// Suggestions in the field, a button, a second tab: whichever the person answers, counts.
async fn a_challenge_given_later_does_not_spoil_an_earlier_one(site: &Site) {
    let citizen = Citizen::new(site).await;
    let (browser, page, answer) = answered(site, &citizen).await;
    let later = options(&browser, &page).await;
    present(&browser, &page, &answer).await;
    assert!(is_signed_in(&browser).await, "the first challenge was spoilt");
    // Nor does the sign-in by one leave the other open in another browser.
    let elsewhere = begin(site).await;
    let late = citizen.device.lock().await.get(&later).await;
    refused(&elsewhere.0, &elsewhere.1, &late, "a challenge of another flow").await;
}

async fn l1_only_our_own_origin_signs_in(site: &Site) {
    let citizen = Citizen::new(site).await;
    let port = site.issuer.rsplit(':').next().unwrap();
    for origin in [
        "https://localhost".to_owned(),
        "http://localhost".to_owned(),
        format!("https://localhost:{port}"),
        format!("http://localhost:{port}0"),
        format!("http://evil.localhost:{port}"),
        format!("http://badlocalhost:{port}"),
        format!("http://localhost.evil.example:{port}"),
        format!("http://127.0.0.1:{port}"),
        format!("{}/", site.issuer),
        "null".to_owned(),
        String::new(),
    ] {
        let (browser, page, mut answer) = answered(site, &citizen).await;
        set_client_data(&mut answer, "origin", json!(origin));
        citizen.device.lock().await.sign_again(&mut answer);
        refused(&browser, &page, &answer, &origin).await;
    }
    let (browser, page, mut answer) = answered(site, &citizen).await;
    citizen.device.lock().await.sign_again(&mut answer);
    assert_eq!(present(&browser, &page, &answer).await.status, 303, "an unchanged answer signed anew is true");
}

async fn l2_an_answer_belongs_to_its_challenge_browser_and_count(site: &Site) {
    let citizen = Citizen::new(site).await;
    // Used once, then again in the same flow and in another.
    let (browser, page, answer) = answered(site, &citizen).await;
    let copy = browser.copy();
    assert_eq!(present(&browser, &page, &answer).await.status, 303);
    refused(&copy, &page, &answer, "the same answer again").await;
    let (other, elsewhere) = begin(site).await;
    refused(&other, &elsewhere, &answer, "an answer without a challenge").await;
    options(&other, &elsewhere).await;
    refused(&other, &elsewhere, &answer, "an old answer under a live challenge").await;
    // Parts that do not fit.
    type Change = fn(&mut Value);
    let changes: Vec<(&str, Change, bool)> = vec![
        ("another challenge", |a| set_client_data(a, "challenge", json!(base64_url([1u8; 32]))), true),
        ("no challenge", |a| set_client_data(a, "challenge", json!("")), true),
        ("the type of a registration", |a| set_client_data(a, "type", json!("webauthn.create")), true),
        ("a foreign frame", |a| set_client_data(a, "crossOrigin", json!(true)), true),
        ("another relying party", |a| change_data(a, |data| data[0] ^= 1), true),
        ("nobody present", |a| change_data(a, |data| data[32] &= !1), true),
        ("a changed signature", |a| a["response"]["signature"] = json!(base64_url([9u8; 70])), false),
        ("client data not signed", |a| set_client_data(a, "extra", json!(1)), false),
        ("data not signed", |a| change_data(a, |data| data[36] ^= 1), false),
        ("another person", |a| a["response"]["userHandle"] = json!(base64_url([7u8; 16])), false),
        ("nobody's handle", |a| a["response"]["userHandle"] = Value::Null, false),
        (
            "an unknown key",
            |a| (a["id"], a["rawId"]) = (json!(base64_url([8u8; 16])), json!(base64_url([8u8; 16]))),
            false,
        ),
        ("cut data", |a| change_data(a, |data| data.truncate(36)), true),
        ("nothing", |a| *a = json!({}), false),
        ("a list", |a| *a = json!([]), false),
        ("depth", |a| a["response"]["clientDataJSON"] = json!(base64_url("[".repeat(4000))), false),
    ];
    for (what, change, signed) in changes {
        let (browser, page, mut answer) = answered(site, &citizen).await;
        change(&mut answer);
        if signed {
            citizen.device.lock().await.sign_again(&mut answer);
        }
        refused(&browser, &page, &answer, what).await;
    }
    // A device that counts: a count that does not grow is a copy of the key.
    let counting = Citizen::with_password(site).await;
    counting.device.lock().await.counts = true;
    counting.open_account(site, Way::PasswordAndRecovery).await;
    let page = counting.browser.open("/account/passkeys").await;
    make_passkey(&counting.browser, &mut *counting.device.lock().await, &page, "/account/passkeys").await;
    let (browser, page, old) = answered(site, &counting).await;
    assert_eq!(present(&browser, &page, &old).await.status, 303);
    let count = bytes(&old["response"]["authenticatorData"])[33..37].to_vec();
    assert_ne!(count, [0; 4], "this device does not count");
    let (browser, page, mut answer) = answered(site, &counting).await;
    change_data(&mut answer, |data| data[33..37].copy_from_slice(&count));
    counting.device.lock().await.sign_again(&mut answer);
    refused(&browser, &page, &answer, "a count that stood still").await;
}

async fn l3_a_key_without_a_checked_finger_is_no_second_factor(site: &Site) {
    let citizen = Citizen::new(site).await;
    let (browser, page) = begin(site).await;
    let asked = options(&browser, &page).await;
    assert_eq!(asked["publicKey"]["userVerification"], "required");
    let mut answer = citizen.device.lock().await.get(&asked).await;
    change_data(&mut answer, |data| data[32] &= !UV);
    citizen.device.lock().await.sign_again(&mut answer);
    refused(&browser, &page, &answer, "UV=0").await;
    // The page cannot talk the server out of it.
    let (browser, page) = begin(site).await;
    let (flow, csrf) = (flow_of(&page.url), page.csrf());
    let fields = [("csrf", csrf.as_str()), ("conditional", "true"), ("userVerification", "discouraged"), ("user", "x")];
    let asked = browser.post(&format!("{flow}/passkey/options"), &fields).await.json();
    assert_eq!(asked["publicKey"]["userVerification"], "required");
    // N1: the options name no key, whoever was named before.
    assert_eq!(asked["publicKey"]["allowCredentials"].as_array().map(Vec::len).unwrap_or_default(), 0);
}

/// Changes the authenticator data inside a registration's attestation object.
fn change_attested(answer: &mut Value, change: impl FnOnce(&mut Vec<u8>)) {
    use serde_cbor_2::Value as Cbor;
    let Cbor::Map(mut members) = serde_cbor_2::from_slice(&bytes(&answer["response"]["attestationObject"])).unwrap()
    else {
        panic!("an attestation object is a map")
    };
    let Some(Cbor::Bytes(data)) = members.get_mut(&Cbor::Text("authData".to_owned())) else { panic!("authData") };
    change(data);
    answer["response"]["attestationObject"] = base64_url(serde_cbor_2::to_vec(&Cbor::Map(members)).unwrap()).into();
}

async fn l4_a_registration_is_checked_in_every_part(site: &Site) {
    let citizen = Citizen::with_password(site).await;
    citizen.open_account(site, Way::PasswordAndRecovery).await;
    let keys = async || {
        let page = citizen.browser.open("/account/passkeys").await;
        assert_eq!(page.url.path(), "/account/passkeys");
        page.attributes("href").iter().filter(|href| href.ends_with("/rename")).count()
    };
    type Change = fn(&mut Value);
    let changes: Vec<(&str, Change)> = vec![
        ("the type of a sign-in", |a| set_client_data(a, "type", json!("webauthn.get"))),
        ("a foreign frame", |a| set_client_data(a, "crossOrigin", json!(true))),
        ("another origin", |a| set_client_data(a, "origin", json!("http://evil.example"))),
        ("another challenge", |a| set_client_data(a, "challenge", json!(base64_url([1u8; 32])))),
        ("another relying party", |a| change_attested(a, |data| data[0] ^= 1)),
        ("nobody present", |a| change_attested(a, |data| data[32] &= !1)),
        ("no finger", |a| change_attested(a, |data| data[32] &= !UV)),
        ("backed up, yet not to be backed up", |a| change_attested(a, |data| data[32] = data[32] & !BE | BS)),
        ("no key", |a| change_attested(a, |data| data.truncate(37))),
        ("an id that is too long", |a| {
            change_attested(a, |data| {
                let old = usize::from(u16::from_be_bytes([data[53], data[54]]));
                let id = [3u8; 1100];
                data.splice(53..55 + old, [&1100u16.to_be_bytes()[..], &id].concat());
            });
            (a["id"], a["rawId"]) = (json!(base64_url([3u8; 1100])), json!(base64_url([3u8; 1100])));
        }),
        ("an algorithm nobody offered", |a| {
            // COSE key: 3 (alg) is -7 (0x26); -8 (0x27) was not offered with this curve.
            change_attested(a, |data| {
                let at = (55..data.len() - 1).find(|at| data[*at] == 0x03 && data[at + 1] == 0x26).expect("alg");
                data[at + 1] = 0x27;
            });
        }),
        ("noise", |a| a["response"]["attestationObject"] = json!("AAAA")),
        ("nothing", |a| *a = json!({})),
    ];
    for (what, change) in changes {
        let page = citizen.browser.open("/account/passkeys").await;
        let csrf = page.csrf();
        let asked = citizen.browser.post("/account/passkeys/options", &[("csrf", &csrf)]).await;
        assert_eq!(asked.status, 200, "{what}: {:.500}", asked.body);
        let mut answer = Authenticator::new(&site.issuer).create(&asked.json()).await;
        change(&mut answer);
        let fields = [("csrf", csrf.as_str()), ("credential", &answer.to_string())];
        let shown = citizen.browser.post("/account/passkeys", &fields).await;
        assert!(shown.status == 422 || shown.status == 400, "{what}: {} {}", shown.status, shown.header("location"));
        assert_eq!(keys().await, 0, "{what} was taken");
    }
    let page = citizen.browser.open("/account/passkeys").await;
    make_passkey(&citizen.browser, &mut *citizen.device.lock().await, &page, "/account/passkeys").await;
    assert_eq!(keys().await, 1, "the true one");
}

/// Says on the stop page that nobody is telling what to do (C11).
async fn by_myself(browser: &Browser, csrf: &str, purpose: &str) {
    let answer = browser.post("/account/stop", &[("csrf", csrf), ("for", purpose), ("answer", "no")]).await;
    assert_eq!(answer.status, 303, "{:.500}", answer.body);
}

async fn l6_a_key_is_bound_only_by_its_owner_and_once(site: &Site) {
    let owner = Citizen::with_password(site).await;
    owner.open_account(site, Way::PasswordAndRecovery).await;
    let thief = Citizen::with_password(site).await;
    thief.open_account(site, Way::PasswordAndRecovery).await;
    let page = owner.browser.open("/account/passkeys").await;
    let csrf = page.csrf();
    let asked = owner.browser.post("/account/passkeys/options", &[("csrf", &csrf)]).await.json();
    let answer = owner.device.lock().await.create(&asked).await.to_string();
    // Another session has no such challenge, whatever it shows.
    let theirs = thief.browser.open("/account/passkeys").await.csrf();
    let shown = thief.browser.post("/account/passkeys", &[("csrf", &theirs), ("credential", &answer)]).await;
    assert_eq!(shown.status, 422, "another session finished it");
    thief.browser.post("/account/passkeys/options", &[("csrf", &theirs)]).await;
    let shown = thief.browser.post("/account/passkeys", &[("csrf", &theirs), ("credential", &answer)]).await;
    assert_eq!(shown.status, 422, "another session finished it under its own challenge");
    // The owner does, once, and is told on the phone.
    let before = site.messages_to(&owner.person.phone).await.len();
    let made = owner.browser.post("/account/passkeys", &[("csrf", &csrf), ("credential", &answer)]).await;
    assert_eq!(made.status, 303, "{:.500}", made.body);
    let stop = owner.browser.post("/account/passkeys", &[("csrf", &csrf), ("credential", &answer)]).await;
    assert_eq!(stop.header("location"), "/account/stop?for=passkey", "a second passkey asks who is on the phone");
    by_myself(&owner.browser, &csrf, "passkey").await;
    let again = owner.browser.post("/account/passkeys", &[("csrf", &csrf), ("credential", &answer)]).await;
    assert_eq!(again.status, 422, "the same answer again");
    eventually("a word to the owner's phone", || async {
        (site.messages_to(&owner.person.phone).await.len() > before).then_some(())
    })
    .await;
    // The same key for another account: ids are nobody's twice.
    let (browser, page, _) = answered(site, &owner).await;
    let fresh = options(&browser, &page).await;
    let got = owner.device.lock().await.get(&fresh).await;
    assert_eq!(present(&browser, &page, &got).await.status, 303, "the bound key signs in");
    // An answer to a sign-in is none to a registration.
    let csrf = owner.browser.open("/account/passkeys").await.csrf();
    by_myself(&owner.browser, &csrf, "passkey").await;
    owner.browser.post("/account/passkeys/options", &[("csrf", &csrf)]).await;
    let shown = owner.browser.post("/account/passkeys", &[("csrf", &csrf), ("credential", &got.to_string())]).await;
    assert_eq!(shown.status, 422);
}

async fn l7_a_weak_or_stale_session_changes_no_way_to_sign_in(site: &Site) {
    // A code by SMS alone binds nothing; neither does a printed code alone.
    for way in [Way::Sms, Way::Recovery] {
        let citizen = Citizen::with_phone(site).await;
        let page = citizen.open_account(site, way).await;
        let csrf = page.csrf();
        let asked = citizen.browser.post("/account/passkeys/options", &[("csrf", &csrf)]).await;
        assert_eq!(asked.status, 403, "{way:?}: {:.300}", asked.body);
        let made = citizen.browser.post("/account/passkeys", &[("csrf", &csrf), ("credential", "{}")]).await;
        assert!(made.status == 303 && made.header("location").starts_with("/signin/"), "{way:?}: {}", made.status);
        let set =
            citizen.browser.post("/account/password", &[("csrf", &csrf), ("new_password", "Mat khau moi 99")]).await;
        assert!(set.status == 303 && set.header("location").starts_with("/signin/"), "{way:?}: {}", set.status);
    }
    // P5: a low session removes no key and makes no codes for an account that has a strong way.
    let citizen = Citizen::new(site).await;
    citizen.open_account(site, Way::Recovery).await;
    let page = citizen.browser.open("/account/passkeys").await;
    let csrf = page.csrf();
    let rename = page.attributes("href").into_iter().find(|href| href.ends_with("/rename")).expect("a passkey");
    let remove = rename.replace("/rename", "/remove");
    let answer = citizen.browser.post(&remove, &[("csrf", &csrf)]).await;
    assert!(answer.status == 303 && answer.header("location").starts_with("/signin/"), "{}", answer.status);
    let answer = citizen.browser.post("/account/recovery-codes", &[("csrf", &csrf)]).await;
    assert!(answer.status == 303 && answer.header("location").starts_with("/signin/"), "{}", answer.status);
    assert_eq!(
        citizen.browser.open("/account/passkeys").await.attributes("href").iter().filter(|h| **h == rename).count(),
        1
    );
    // A key of the first day removes nothing either, though it signs in at level 2.
    citizen.browser.post("/logout/all", &[("csrf", &csrf), ("action", "all")]).await;
    let citizen = citizen.forget_session(site);
    let page = citizen.open_account(site, Way::Passkey).await;
    let answer = citizen.browser.post(&remove, &[("csrf", &page.csrf())]).await;
    assert!(answer.status == 303 || answer.status == 409, "{}", answer.status);
    assert!(!answer.header("location").contains("done="), "a key of the first day removed a key");
    // R1: nobody sees or changes another person's keys.
    let stranger = Citizen::new(site).await;
    let page = stranger.open_account(site, Way::Passkey).await;
    assert_eq!(stranger.browser.get(&rename).await.status, 404);
    for target in [&rename, &remove] {
        let answer = stranger.browser.post(target, &[("csrf", &page.csrf()), ("name", "mine")]).await;
        assert_eq!(answer.status, 404, "{target}");
    }
}
