//! The account area: what a person can change, what stands before it, and what nobody else can.

use crate::kit::authenticator::Device;
use crate::kit::{Browser, Citizen, HOA, House, MINH, Page, Portal, days, minutes, seconds};
use dinhdanh::audit::{AccountEvent, Entry, Word};
use dinhdanh::base::{AuditId, Clock, PersonId, SystemEntropy};
use dinhdanh::flow::account::phone;
use dinhdanh::identity::PersonStatus;
use dinhdanh::store;
use serde_json::{Value, json};

const NEW_PHONE: &str = "+84912000077";

/// A browser signed in with password and code just now, at the account's first page.
async fn strong(house: &House, citizen: &Citizen) -> Browser {
    house.after(minutes(3));
    let mut browser = house.browser();
    let page = browser.open("/account").await;
    house.sign_in_twice(&mut browser, &page, citizen).await.is(200).at("/account");
    browser
}

async fn weak(house: &House, citizen: &Citizen) -> Browser {
    house.after(minutes(3));
    let mut browser = house.browser();
    let page = browser.open("/account").await;
    house.sign_in(&mut browser, &page, citizen).await.is(200).at("/account");
    browser
}

/// Opens a page of a change and answers the stop page before it.
pub async fn past_stop(browser: &mut Browser, path: &str) -> Page {
    let page = browser.open(path).await;
    assert!(page.path.starts_with("/account/stop?for="), "no stop page before {path}: {} {}", page.path, page.text());
    page.has("Is someone on the phone telling you what to do?");
    let page = browser.submit(&page, "/account/stop", &[("answer", "no")]).await;
    page.is(200).at(path);
    page
}

async fn csrf(browser: &mut Browser) -> String {
    browser.open("/account").await.csrf()
}

async fn post(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Page {
    let token = csrf(browser).await;
    let mut all = vec![("csrf", token.as_str())];
    all.extend_from_slice(fields);
    browser.send(path, &all).await
}

async fn kinds(house: &House, who: PersonId) -> Vec<&'static str> {
    let rows = store::audit::list_for_person(&house.services.db, who, None, 500).await.unwrap();
    rows.iter().map(|entry| entry.event.kind()).collect()
}

fn totp(secret: &[u8], seconds: i64) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = aws_lc_rs::hmac::sign(&key, &u64::try_from(seconds / 30).unwrap().to_be_bytes());
    let hash = tag.as_ref();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes([hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

fn from_base32(text: &str) -> Vec<u8> {
    let mut bits = String::new();
    for symbol in text.chars().filter(char::is_ascii_alphanumeric) {
        let place = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(symbol).unwrap();
        bits.push_str(&format!("{place:05b}"));
    }
    let byte = |bits: &[u8]| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap();
    bits.as_bytes().chunks_exact(8).map(byte).collect()
}

// --- The stop page (C11, C12) ---

type Fields = &'static [(&'static str, &'static str)];

/// Every act that the stop page guards: purpose, page, a form that would do it.
const GUARDED: &[(&str, &str, Fields)] = &[
    ("password", "/account/password", &[("current_password", "x"), ("new_password", "Ba con gà xám 71")]),
    ("recovery_codes", "/account/recovery-codes", &[("action", "renew")]),
    ("phone", "/account/phone", &[("phone", "0912000077")]),
    ("email", "/account/email", &[("email", "hoa@example.vn")]),
    ("close", "/account/close", &[("sure", "yes")]),
];

#[tokio::test]
async fn c11_no_address_and_no_form_skips_the_stop_page() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    let before = kinds(&house, who).await;
    for (purpose, path, fields) in GUARDED {
        let stop = format!("/account/stop?for={purpose}");
        assert_eq!(browser.fetch(path).await.location(), Some(stop.as_str()), "GET {path}");
        assert_eq!(browser.fetch(&format!("{path}?answer=no&for={purpose}")).await.location(), Some(stop.as_str()));
        let posted = post(&mut browser, path, fields).await;
        assert_eq!(posted.location(), Some(stop.as_str()), "POST {path}");
        // Opening the question, or an answer that is none, confirms nothing.
        let page = browser.open(&stop).await;
        browser.submit(&page, "/account/stop", &[]).await.is(422).has("There is a problem");
        assert_eq!(browser.fetch(path).await.location(), Some(stop.as_str()), "still, GET {path}");
    }
    // An answer for one purpose is none for another.
    past_stop(&mut browser, "/account/password").await;
    for (purpose, path, fields) in &GUARDED[1..] {
        let stop = format!("/account/stop?for={purpose}");
        assert_eq!(post(&mut browser, path, fields).await.location(), Some(stop.as_str()), "{path}");
    }
    browser.open("/account/stop?for=everything").await.is(404);
    assert_eq!(kinds(&house, who).await, before, "nothing was done");
}

#[tokio::test]
async fn c11_an_answer_counts_for_one_act_of_one_session() {
    let house = House::new().await;
    house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    let page = past_stop(&mut browser, "/account/recovery-codes").await;
    let mut other = strong(&house, &HOA).await;
    assert_eq!(
        post(&mut other, "/account/recovery-codes", &[]).await.location(),
        Some("/account/stop?for=recovery_codes"),
        "the answer of another session"
    );
    let made = browser.submit(&page, "/account/recovery-codes", &[]).await;
    // The first session's sign-in is three minutes old: still of now.
    made.is(200).has("class=\"codes\"");
    let again = browser.send("/account/recovery-codes", &[("csrf", &page.csrf())]).await;
    assert_eq!(again.location(), Some("/account/stop?for=recovery_codes"), "used up");
    // And it does not last.
    past_stop(&mut other, "/account/recovery-codes").await;
    house.after(minutes(16));
    assert_ne!(other.fetch("/account/recovery-codes").await.status.as_u16(), 200);
}

#[tokio::test]
async fn c12_yes_changes_nothing_and_offers_to_freeze() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    past_stop(&mut browser, "/account/phone").await;
    let page = browser.open("/account/stop?for=phone").await;
    let page = browser.submit(&page, "/account/stop", &[("answer", "yes")]).await;
    page.is(200).has("Hang up. This is a common scam.").has("Nothing has been changed so far.");
    // What had been answered before counts no more.
    assert_eq!(browser.fetch("/account/phone").await.location(), Some("/account/stop?for=phone"));
    let kinds = kinds(&house, who).await;
    assert!(kinds.contains(&"scam.stopped") && !kinds.contains(&"contact_change.asked"), "{kinds:?}");
    browser.submit(&page, "/account/freeze", &[]).await.is(200).has("Your account is frozen");
    browser.open("/account").await.asks_who();
}

#[tokio::test]
async fn p5_a_weak_or_stale_session_changes_nothing() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let acts: Vec<(&str, Fields)> = GUARDED
        .iter()
        .map(|(_, path, fields)| (*path, *fields))
        .chain([
            ("/account/totp", &[("code", "123456")][..]),
            ("/account/totp/remove", &[][..]),
            ("/account/phone/code", &[("code", "123456")][..]),
            ("/account/email/code", &[("code", "123456")][..]),
            ("/account/email/remove", &[][..]),
        ])
        .collect();
    let mut low = weak(&house, &HOA).await;
    for purpose in ["password", "recovery_codes", "phone", "email", "close", "totp"] {
        post(&mut low, "/account/stop", &[("for", purpose), ("answer", "no")]).await;
    }
    let before = kinds(&house, who).await;
    for (path, fields) in &acts {
        let page = post(&mut low, path, fields).await;
        let to = page.location().unwrap_or_default();
        let harmless = ["/signin/", "/account/phone", "/account/totp"].iter().any(|start| to.starts_with(start));
        assert!(harmless, "{path}: {} {to} {}", page.status, page.text());
    }
    assert_eq!(kinds(&house, who).await, before);
    let mut stale = strong(&house, &HOA).await;
    let page = past_stop(&mut stale, "/account/recovery-codes").await;
    house.after(minutes(6));
    let before = kinds(&house, who).await;
    let asked = stale.submit(&page, "/account/recovery-codes", &[]).await;
    asked.asks_who();
    assert_eq!(kinds(&house, who).await, before);
}

#[tokio::test]
async fn d10_no_form_without_its_token_or_from_elsewhere() {
    let house = House::new().await;
    house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    let token = csrf(&mut browser).await;
    for path in ["/account/freeze", "/account/stop", "/account/phone/cancel", "/account/settings", "/account/not-me"] {
        browser.send(path, &[]).await.is(403);
        browser.send(path, &[("csrf", "x")]).await.is(403);
        browser.send_from("https://evil.example", path, &[("csrf", &token)]).await.is(403);
    }
    browser.send_from("https://evil.example", "/not-me", &[("csrf", &token)]).await.is(403);
    browser.send("/not-me", &[("csrf", &token)]).await.is(403);
    browser.open("/account").await.is(200).has(HOA.name);
}

// --- Ways to sign in (C23), the app ---

#[tokio::test]
async fn c23_every_way_is_on_one_page() {
    let house = House::new().await;
    house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    let page = browser.open("/account/ways").await;
    page.is(200).has("Authenticator app").has("Printed codes").has("0 of 10 left").has("Phone for codes");
    page.lacks(HOA.phone).lacks("Have at least two ways. If you lose");
    let details = browser.open("/account/details").await;
    details.has("Confirmed").has("as of").lacks(HOA.number);
    browser.submit(&details, "/account/details", &[("show", "number")]).await.has(HOA.number);
}

#[tokio::test]
async fn an_app_is_set_up_by_its_first_code_which_counts_once() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    // The demo gave one: removed first.
    let page = browser.open("/account/totp/remove").await;
    browser.submit(&page, "/account/totp/remove", &[]).await.is(200).has("Authenticator app removed.");
    browser.open("/account/totp/remove").await.is(404);
    let page = past_stop(&mut browser, "/account/totp").await;
    page.has("<svg class=\"qr\"").has("aria-label=");
    let (_, rest) = page.body.split_once("id=\"totp-secret\" translate=\"no\">").unwrap();
    let secret = from_base32(rest.split('<').next().unwrap());
    assert_eq!(secret.len(), 20);
    // Shown again after a reload, not another one; and a wrong code sets up nothing.
    browser.open("/account/totp").await.has(rest.split('<').next().unwrap());
    let wrong = browser.submit(&page, "/account/totp", &[("code", "000000")]).await;
    wrong.is(422).has("That is not the code.");
    assert!(store::totp::list_active(&house.services.db, who).await.unwrap().is_empty());
    let code = totp(&secret, house.clock.now().seconds());
    browser.submit(&wrong, "/account/totp", &[("code", &code)]).await.is(200).has("Authenticator app added.");
    assert_eq!(store::totp::list_active(&house.services.db, who).await.unwrap().len(), 1);
    assert!(house.texts_to(HOA.phone).await.iter().any(|text| text.contains("authenticator app was added")));
    // M2: the code that set it up signs nobody in.
    let mut other = house.browser();
    let page = other.open("/account").await;
    let page = house.identify(&mut other, &page, &HOA).await;
    let page = other.submit(&page, "/method", &[("method", "totp")]).await;
    other.submit(&page, "/totp", &[("code", &code)]).await.is(422);
    house.after(seconds(60));
    let later = totp(&secret, house.clock.now().seconds());
    other.submit(&page, "/totp", &[("code", &later)]).await.is(200).at("/account");
    // A second one is not added beside it.
    browser.open("/account/totp").await.has("In use since").lacks("class=\"qr\"");
}

#[tokio::test]
async fn c26_a_new_set_ends_the_old_one_and_a_code_counts_once() {
    let house = House::new().await;
    house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    let codes = |page: &Page| -> Vec<String> {
        let list = page.body.split("class=\"codes\"").nth(1).unwrap().split("</ol>").next().unwrap();
        list.split("<li>").skip(1).map(|item| item.split('<').next().unwrap().to_owned()).collect()
    };
    let page = past_stop(&mut browser, "/account/recovery-codes").await;
    let old = codes(&browser.submit(&page, "/account/recovery-codes", &[]).await);
    let page = past_stop(&mut browser, "/account/recovery-codes").await;
    page.has("10 of 10 left");
    let new = codes(&browser.submit(&page, "/account/recovery-codes", &[]).await);
    assert_eq!(new.len(), 10);
    for (code, good) in [(&old[0], false), (&new[0], true), (&new[0], false)] {
        let mut other = house.browser();
        let page = other.open("/account").await;
        let page = house.identify(&mut other, &page, &HOA).await;
        let page = other.submit(&page, "/method", &[("method", "recovery")]).await;
        let answer = other.submit(&page, "/recovery", &[("code", code)]).await;
        assert_eq!(answer.path.ends_with("/account"), good, "{} {}", answer.path, answer.text());
    }
    browser.open("/account/ways").await.has("9 of 10 left");
    // The set is there until its owner has stored it, and in this session only.
    let shown = browser.open("/account/recovery-codes/new").await;
    assert_eq!(codes(&shown), new);
    let mut other = strong(&house, &HOA).await;
    assert_eq!(other.fetch("/account/recovery-codes/new").await.location(), Some("/account/recovery-codes"));
    let done = browser.submit(&shown, "/account/recovery-codes/new", &[("action", "stored")]).await;
    done.is(200).at("/account/ways?done=codes-renewed").has("role=\"status\"");
    assert_eq!(browser.fetch("/account/recovery-codes/new").await.location(), Some("/account/recovery-codes"));
}

// --- Change of phone (C25) ---

/// Up to the page of ways, with a change that waits or holds.
async fn change_phone(house: &House, browser: &mut Browser) -> Page {
    let page = past_stop(browser, "/account/phone").await;
    let page = browser.submit(&page, "/account/phone", &[("phone", "0912 000 077")]).await;
    page.is(200).at("/account/phone/code");
    let wrong = browser.submit(&page, "/account/phone/code", &[("code", "000000")]).await;
    wrong.is(422).has("That code is not right.");
    let code: String = house.texts_to(NEW_PHONE).await.last().unwrap().chars().take(6).collect();
    browser.submit(&page, "/account/phone/code", &[("code", &code)]).await
}

async fn phone_of(house: &House, who: PersonId) -> String {
    let contacts = dinhdanh::flow::person::contacts(&house.services, who).await.unwrap();
    contacts.phone.unwrap().as_str().to_owned()
}

fn notice_code(texts: &[String]) -> String {
    let text = texts.iter().rfind(|text| text.contains("changes at")).expect("a notice to the old phone");
    text.split("code ").nth(1).unwrap().chars().take(9).collect()
}

#[tokio::test]
async fn c25_a_new_phone_waits_a_day_and_the_old_one_is_told() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    change_phone(&house, &mut browser).await.is(200).at("/account/ways?done=phone-waits").has("Cancel this change");
    browser.open("/account").await.has("Your phone number changes at");
    let told = house.texts_to(HOA.phone).await;
    assert!(told.last().unwrap().contains("Not you?") && !told.last().unwrap().contains("http"), "{told:?}");
    // Without a passkey there is no short cut.
    let page = browser.open("/account/ways").await;
    let asked = browser.submit(&page, "/account/phone/confirm", &[]).await;
    asked.asks_who();
    assert_eq!(phone_of(&house, who).await, HOA.phone);
    house.after(days(1) - seconds(120));
    phone::apply_due(&house.services).await.unwrap();
    assert_eq!(phone_of(&house, who).await, HOA.phone, "not a moment too early");
    house.after(seconds(120));
    phone::apply_due(&house.services).await.unwrap();
    phone::apply_due(&house.services).await.unwrap();
    assert_eq!(phone_of(&house, who).await, NEW_PHONE);
    let kinds = kinds(&house, who).await;
    assert_eq!(kinds.iter().filter(|kind| **kind == "contact.ended").count(), 1, "{kinds:?}");
    assert!(house.texts_to(HOA.phone).await.last().unwrap().contains("was changed"));
    assert!(house.texts_to(NEW_PHONE).await.last().unwrap().contains("was changed"));
}

#[tokio::test]
async fn c25_c29_the_old_phone_cancels_signed_out_with_number_and_code() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    house.with(&MINH).await;
    let mut thief = strong(&house, &HOA).await;
    change_phone(&house, &mut thief).await.is(200);
    let code = notice_code(&house.texts_to(HOA.phone).await);
    let mut owner = house.browser();
    let page = owner.open("/not-me").await;
    // Opening the page, with the code in the address too, changes nothing.
    owner.open(&format!("/not-me?code={code}&personal_number={}&action=freeze", HOA.number)).await.is(200);
    let end = ("action", "end_sessions");
    let wrong = [
        ("another code", HOA.number, "0000-0000", 422),
        ("another person's number", MINH.number, code.as_str(), 422),
        ("nobody's number", "001099888777", code.as_str(), 422),
        ("no code", HOA.number, "", 422),
    ];
    for (what, number, code, status) in wrong {
        let fields = [("personal_number", number), ("code", code), end];
        let answer = owner.submit(&page, "/not-me", &fields).await;
        assert_eq!(answer.status.as_u16(), status, "{what}");
        assert!(store::phone_change::waiting(&house.services.db, who).await.unwrap().is_some(), "{what}");
    }
    let typed = code.to_lowercase().replace('-', " ");
    let fields = [("personal_number", HOA.number), ("code", typed.as_str()), end];
    let done = owner.submit(&page, "/not-me", &fields).await;
    done.is(200).has("Report <strong").has("We answer within 2 days.");
    assert!(store::phone_change::waiting(&house.services.db, who).await.unwrap().is_none());
    thief.open("/account").await.asks_who();
    // P3: the code works once.
    owner.submit(&page, "/not-me", &fields).await.is(422);
    house.after(days(2));
    phone::apply_due(&house.services).await.unwrap();
    assert_eq!(phone_of(&house, who).await, HOA.phone);
}

#[tokio::test]
async fn c25_a_change_is_cancelled_from_the_page_replaced_and_frozen() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    let page = change_phone(&house, &mut browser).await;
    browser.submit(&page, "/account/phone/cancel", &[]).await.is(200).has("Change cancelled.");
    let gone = browser.press(&page, "/account/phone/cancel", &[]).await;
    gone.is(200).lacks("Change cancelled.");
    let mut browser = strong(&house, &HOA).await;
    change_phone(&house, &mut browser).await.has("Cancel this change");
    let mut browser = strong(&house, &HOA).await;
    change_phone(&house, &mut browser).await.has("Cancel this change");
    let page = browser.open("/account/freeze").await;
    browser.submit(&page, "/account/freeze", &[]).await.is(200);
    assert!(store::phone_change::waiting(&house.services.db, who).await.unwrap().is_none());
    house.after(days(2));
    phone::apply_due(&house.services).await.unwrap();
    assert_eq!(phone_of(&house, who).await, HOA.phone);
}

#[tokio::test]
async fn c25_a_settled_passkey_of_now_confirms_at_once() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut device = crate::lifetimes::device_of(&house, &portal).await;
    house.after(days(2));
    let mut browser = house.browser();
    let page = browser.open("/account").await;
    device.sign_in(&mut browser, &page).await.is(200).at("/account");
    change_phone(&house, &mut browser).await.has("The new one works now.");
    assert_eq!(phone_of(&house, who).await, NEW_PHONE);
    assert!(house.texts_to(HOA.phone).await.last().unwrap().contains("was changed"), "the old phone hears of it");
}

/// Whoever got in by a password and a code makes no passkey to take the owner's day away.
#[tokio::test]
async fn c25_a_passkey_made_within_the_day_confirms_nothing() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut device = crate::lifetimes::device_of(&house, &portal).await;
    let mut thief = house.browser();
    let page = thief.open("/account").await;
    device.sign_in(&mut thief, &page).await.is(200).at("/account");
    change_phone(&house, &mut thief).await.has("Cancel this change");
    assert_eq!(phone_of(&house, who).await, HOA.phone, "the new phone works only after a day");
    post(&mut thief, "/account/phone/confirm", &[]).await;
    assert_eq!(phone_of(&house, who).await, HOA.phone, "a passkey of today confirmed it");
}

/// The owner is talked into pressing "confirm": what another session asked for waits its day all the same.
#[tokio::test]
async fn c25_only_the_session_that_asked_confirms() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut device = crate::lifetimes::device_of(&house, &portal).await;
    house.after(days(2));
    let mut thief = strong(&house, &HOA).await;
    change_phone(&house, &mut thief).await.has("Cancel this change");
    let mut owner = house.browser();
    let page = owner.open("/account").await;
    device.sign_in(&mut owner, &page).await.is(200).at("/account");
    post(&mut owner, "/account/phone/confirm", &[]).await;
    assert_eq!(phone_of(&house, who).await, HOA.phone);
    assert!(store::phone_change::waiting(&house.services.db, who).await.unwrap().is_some());
}

#[tokio::test]
async fn c25_ending_the_others_ends_the_change_they_asked_for() {
    for (path, fields) in [
        ("/account/sessions/end-others", &[][..]),
        ("/logout/all", &[("action", "all")][..]),
        ("/account/password", &[("current_password", HOA.key), ("new_password", "bon con meo den tren mai")][..]),
    ] {
        let house = House::new().await;
        let who = house.with(&HOA).await;
        let mut thief = strong(&house, &HOA).await;
        change_phone(&house, &mut thief).await.has("Cancel this change");
        let mut owner = strong(&house, &HOA).await;
        let current = HOA.password();
        let fields: Vec<_> =
            fields.iter().map(|(n, v)| (*n, if *n == "current_password" { current.as_str() } else { *v })).collect();
        if path == "/account/password" {
            past_stop(&mut owner, path).await;
        }
        post(&mut owner, path, &fields).await;
        assert!(store::phone_change::waiting(&house.services.db, who).await.unwrap().is_none(), "{path}");
    }
}

/// The offer after a sign-in is for people without a passkey: elsewhere it would go round the stop page.
#[tokio::test]
async fn c11_the_offer_is_no_way_around_the_stop_page() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut device = crate::lifetimes::device_of(&house, &portal).await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = device.sign_in(&mut browser, &page).await;
    answer.code();
    let page = portal.ask(&mut browser, &[("prompt", "select_account")]).await;
    page.at("/continue");
    let flow = page.flow();
    let offer = browser.fetch(&format!("/signin/{flow}/offer-passkey")).await;
    assert_ne!(offer.status.as_u16(), 200, "an offer to somebody who has a passkey");
    let options = format!("/signin/{flow}/offer-passkey/options");
    browser.send(&options, &[("csrf", &page.csrf())]).await.is(403);
}

#[tokio::test]
async fn m1_the_code_of_a_new_phone_has_five_tries_and_few_sendings() {
    let house = House::new().await;
    house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    let page = past_stop(&mut browser, "/account/phone").await;
    let page = browser.submit(&page, "/account/phone", &[("phone", "0912 000 077")]).await;
    for _ in 0..5 {
        browser.submit(&page, "/account/phone/code", &[("code", "000000")]).await.is(422);
    }
    let code: String = house.texts_to(NEW_PHONE).await.last().unwrap().chars().take(6).collect();
    browser.submit(&page, "/account/phone/code", &[("code", &code)]).await.is(422);
    browser.press(&page, "/account/phone/code/resend", &[("channel", "sms")]).await.is(422);
    assert_eq!(house.texts_to(NEW_PHONE).await.len(), 1);
    house.after(seconds(31));
    browser.press(&page, "/account/phone/code/resend", &[("channel", "sms")]).await.is(200);
    assert_eq!(house.texts_to(NEW_PHONE).await.len(), 2);
    // Another person's session has no use for the code.
    house.with(&MINH).await;
    let mut other = strong(&house, &MINH).await;
    let code: String = house.texts_to(NEW_PHONE).await.last().unwrap().chars().take(6).collect();
    past_stop(&mut other, "/account/phone").await;
    let refused = post(&mut other, "/account/phone/code", &[("code", &code)]).await;
    assert_ne!(refused.location(), Some("/account/ways?done=phone-waits"));
}

// --- What happened, and "not me" (C28, C29) ---

#[tokio::test]
async fn c28_what_happened_is_told_to_its_person_only() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    house.with(&MINH).await;
    let portal = Portal::with(&house, "shop", json!({ "client_name": "=HYPERLINK(\"https://evil.example\")" })).await;
    let mut browser = strong(&house, &HOA).await;
    let page = portal.ask(&mut browser, &[]).await;
    browser.submit(&page, "/continue", &[("action", "continue")]).await.code();
    let now = house.clock.now();
    let viewed = AccountEvent::Viewed { reason: Word::new("help_line"), full_number: true };
    let entry = Entry::new(AuditId::new(now, &SystemEntropy), now, viewed).person(who);
    let mut tx = house.services.db.begin().await.unwrap();
    store::audit::append(&mut tx, &entry).await.unwrap();
    tx.commit().await.unwrap();

    let page = browser.open("/account/activity").await;
    page.has("Signed in with password").has("An officer viewed your whole personal number").has("Not me");
    browser.open("/account/activity?kind=officer").await.has("An officer viewed").lacks("Signed in with");
    browser.open("/account/activity?kind=nonsense&before=x").await.is(200).has("Signed in with");
    let table = browser.fetch("/account/activity.csv").await;
    table.is(200).has("Signed in with password").lacks("\"=HYPERLINK");
    assert!(table.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert!(table.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    // R1: another person sees none of it, and cannot report about it.
    let mut other = strong(&house, &MINH).await;
    other.open("/account/activity").await.lacks("An officer viewed");
    let about = other.open(&format!("/account/not-me?about={}", entry.id)).await;
    about.is(200).lacks("An officer viewed");
    post(&mut other, "/account/not-me", &[("action", "report"), ("about", &entry.id.to_string())]).await.is(200);
}

#[tokio::test]
async fn c28_pages_go_on_without_a_gap() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    let now = house.clock.now();
    let mut tx = house.services.db.begin().await.unwrap();
    for _ in 0..65 {
        let viewed = AccountEvent::Viewed { reason: Word::new("test"), full_number: false };
        let entry = Entry::new(AuditId::new(now, &SystemEntropy), now, viewed).person(who);
        store::audit::append(&mut tx, &entry).await.unwrap();
    }
    tx.commit().await.unwrap();
    let (mut seen, mut pages, mut path) = (0, 0, "/account/activity?kind=officer".to_owned());
    loop {
        let page = browser.open(&path).await;
        seen += page.body.matches("An officer viewed").count();
        pages += 1;
        let Some((_, rest)) = page.body.split_once("href=\"/account/activity?kind=officer&#38;before=") else { break };
        path = format!("/account/activity?kind=officer&before={}", rest.split('"').next().unwrap());
    }
    assert_eq!((seen, pages), (65, 3));
}

#[tokio::test]
async fn c29_a_report_gives_a_number_and_does_what_was_chosen() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut here = strong(&house, &HOA).await;
    let mut there = strong(&house, &HOA).await;
    let page = here.open("/account/not-me").await;
    here.submit(&page, "/account/not-me", &[]).await.is(422).has("There is a problem");
    let page = here.submit(&page, "/account/not-me", &[("action", "report")]).await;
    let number: String = page.body.split("Report <strong translate=\"no\">").nth(1).unwrap().chars().take(9).collect();
    let report = store::incident_report::find(&house.services.db, &number).await.unwrap().unwrap();
    assert_eq!(report.person_id, who);
    there.open("/account").await.has(HOA.name);
    let page = here.open("/account/not-me").await;
    here.submit(&page, "/account/not-me", &[("action", "end_sessions")]).await.is(200);
    there.open("/account").await.asks_who();
    let page = here.open("/account/not-me").await;
    here.submit(&page, "/account/not-me", &[("action", "freeze")]).await.has("The account is frozen.");
    here.open("/account").await.asks_who();
    assert_eq!(house.person(&HOA).await.unwrap().status, PersonStatus::Locked);
}

// --- Sharing (C30) ---

#[tokio::test]
async fn c30_stopping_ends_what_the_portal_holds_and_the_next_sign_in_asks() {
    let house = House::new().await;
    house.with(&HOA).await;
    house.with(&MINH).await;
    let sharing = json!({ "sharing": {
        "claims": ["name", "birthdate"], "purpose": { "vi": "Đặt lịch khám", "en": "To book appointments" },
        "legal_basis": "Luật thử nghiệm", "basis_kind": "consent", "term_days": 1095,
    }});
    let portal = Portal::with(&house, "clinic", sharing).await.asking("openid profile offline_access");
    let mut browser = strong(&house, &HOA).await;
    browser.open("/account/sharing").await.has("None yet.");
    let page = portal.ask(&mut browser, &[]).await;
    let page = browser.submit(&page, "/continue", &[("action", "continue")]).await;
    let answer = browser.submit(&page, "/consent", &[("action", "accept")]).await;
    let tokens: Value = portal.tokens(&house, &answer).await;
    let page = browser.open("/account/sharing").await;
    page.has("Portal clinic").has("Full name");
    browser.open("/account/sharing/history").await.has("Portal clinic").has("Date of birth");
    // R1: not for others.
    let mut other = strong(&house, &MINH).await;
    other.open("/account/sharing/clinic/stop").await.is(404);
    post(&mut other, "/account/sharing/clinic/stop", &[]).await.is(404);
    assert!(portal.is_active(&house, &tokens["access_token"]).await);
    let page = browser.open("/account/sharing/clinic/stop").await;
    page.has("It will ask again at your next sign-in.");
    browser.submit(&page, "/account/sharing/clinic/stop", &[]).await.is(200).has("Sharing stopped.");
    assert!(!portal.is_active(&house, &tokens["access_token"]).await);
    assert_eq!(portal.refresh(&house, &tokens["refresh_token"], None).await.0, 400);
    assert_eq!(portal.userinfo(&house, &tokens["access_token"]).await.0, 401);
    portal.ask(&mut browser, &[]).await.at("/consent");
    post(&mut browser, "/account/sharing/clinic/stop", &[]).await.is(404);
}

// --- Freezing, closing, settings (C34, C35) ---

async fn freeze(house: &House) -> Browser {
    let mut browser = strong(house, &HOA).await;
    let page = browser.open("/account/freeze").await;
    page.has("What stops").has("What stays").has("How to undo");
    browser.submit(&page, "/account/freeze", &[]).await.is(200).has("Your account is frozen");
    house.after(minutes(3));
    browser
}

#[tokio::test]
async fn c34_frozen_nobody_signs_in_and_tokens_end() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await.asking("openid offline_access");
    let mut browser = strong(&house, &HOA).await;
    let page = portal.ask(&mut browser, &[]).await;
    let answer = browser.submit(&page, "/continue", &[("action", "continue")]).await;
    let tokens = portal.tokens(&house, &answer).await;
    let mut there = strong(&house, &HOA).await;
    freeze(&house).await;
    there.open("/account").await.asks_who();
    assert!(!portal.is_active(&house, &tokens["access_token"]).await);
    assert_eq!(portal.refresh(&house, &tokens["refresh_token"], None).await.0, 400);
    assert!(house.texts_to(HOA.phone).await.iter().any(|text| text.contains("frozen")));
    // A code by text message proves who it is, and is not enough to open.
    let mut weak = house.browser();
    let page = portal.ask(&mut weak, &[]).await;
    let page = house.sign_in(&mut weak, &page, &HOA).await;
    page.is(200).at("/frozen").has("This account is frozen").has("Hang up").lacks("Unfreeze my account");
    assert!(weak.session().is_none(), "no session of a frozen account");
    let forced = weak.press(&page, &page.path, &[]).await;
    forced.at("/frozen").lacks("Unfreeze my account");
    portal.ask(&mut weak, &[("prompt", "none")]).await.error();
    assert_eq!(house.person(&HOA).await.unwrap().status, PersonStatus::Locked);
}

#[tokio::test]
async fn c34_a_strong_proof_opens_it_and_goes_on_where_the_person_wanted() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    freeze(&house).await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let page = house.identify(&mut browser, &page, &HOA).await;
    let page = browser.submit(&page, "/method", &[("method", "password")]).await;
    let page = browser.submit(&page, "/password", &[("password", &HOA.password())]).await;
    let page = browser.submit(&page, "/method", &[("method", "sms")]).await;
    let code = house.code_for(&HOA).await;
    let page = browser.submit(&page, "/code", &[("code", &code)]).await;
    page.at("/frozen").has("Unfreeze my account");
    // A form of another browser opens nothing.
    house.browser().send(&page.path, &[("csrf", &page.csrf())]).await.is(403);
    let mut answer = browser.submit(&page, "/frozen", &[]).await;
    if answer.path.ends_with("/offer-passkey") {
        answer = browser.submit(&answer, "/offer-passkey", &[("action", "skip")]).await;
    }
    answer.code();
    browser.open("/account").await.has(HOA.name);
    assert!(kinds(&house, who).await.contains(&"person.unlocked"));
    // Frozen again, the proofs of that flow open nothing.
    freeze(&house).await;
    browser.send(&page.path, &[("csrf", &page.csrf())]).await;
    assert_eq!(house.person(&HOA).await.unwrap().status, PersonStatus::Locked);
}

#[tokio::test]
async fn c34_what_others_locked_its_person_does_not_open() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let now = house.clock.now();
    let mut tx = house.services.db.begin().await.unwrap();
    store::person::update_status(&mut tx, who, PersonStatus::Locked, Some("court_order"), now).await.unwrap();
    tx.commit().await.unwrap();
    let mut browser = house.browser();
    let page = browser.open("/account").await;
    let page = house.identify(&mut browser, &page, &HOA).await;
    let page = browser.submit(&page, "/method", &[("method", "password")]).await;
    browser.submit(&page, "/password", &[("password", &HOA.password())]).await.is(422);
    let flow = page.flow();
    browser.open(&format!("/signin/{flow}/frozen")).await.lacks("This account is frozen");
}

#[tokio::test]
async fn c34_closing_ends_everything_and_frees_the_number() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await.asking("openid offline_access");
    let mut browser = strong(&house, &HOA).await;
    let page = portal.ask(&mut browser, &[]).await;
    let answer = browser.submit(&page, "/continue", &[("action", "continue")]).await;
    let tokens = portal.tokens(&house, &answer).await;
    let page = past_stop(&mut browser, "/account/close").await;
    page.has("What the law has us keep");
    browser.submit(&page, "/account/close", &[]).await.is(422);
    browser.submit(&page, "/account/close", &[("sure", "yes")]).await.is(200).has("Your account is closed");
    assert!(browser.session().is_none());
    assert!(!portal.is_active(&house, &tokens["refresh_token"]).await);
    assert!(house.person(&HOA).await.is_none(), "the number is free");
    assert_eq!(store::person::get(&house.services.db, who).await.unwrap().status, PersonStatus::Closed);
    let mut other = house.browser();
    let page = other.open("/account").await;
    let page = house.identify(&mut other, &page, &HOA).await;
    let page = other.submit(&page, "/method", &[("method", "password")]).await;
    other.submit(&page, "/password", &[("password", &HOA.password())]).await.is(422);
}

#[tokio::test]
async fn c35_settings_persist_without_javascript() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    let page = browser.open("/account/settings").await;
    let fields = [("language", "vi"), ("text", "larger"), ("channel", "email")];
    let saved = browser.submit(&page, "/account/settings", &fields).await;
    saved.is(200).has("Đã lưu cài đặt.").has("<html lang=\"vi\" class=\"larger\"");
    browser.open("/account").await.has("Xin chào");
    assert_eq!(store::person::get(&house.services.db, who).await.unwrap().language, "vi");
    let page = browser.open("/account/settings").await;
    browser.submit(&page, "/account/settings", &[("language", "en"), ("text", "normal")]).await.has("Settings saved.");
    browser.open("/account").await.has("<html lang=\"en\">");
    // Quiet pages: no web fonts either, on this device.
    let page = browser.open("/account/settings").await;
    browser.submit(&page, "/account/settings", &[("language", "en"), ("quiet", "yes")]).await;
    browser.open("/account/ways").await.has("class=\"quiet\"").lacks("fonts.css");
    let page = browser.open("/account/settings").await;
    page.has("name=\"quiet\" value=\"yes\" checked");
    browser.submit(&page, "/account/settings", &[("language", "en"), ("quiet", "no")]).await.lacks("class=\"quiet\"");
}

/// Two removals at once: the second sees what the first left.
#[tokio::test]
async fn i1_two_removals_at_once_leave_the_last_strong_way() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await;
    let mut device = crate::lifetimes::device_of(&house, &portal).await;
    house.after(days(2));
    let mut browser = house.browser();
    let page = browser.open("/account").await;
    device.sign_in(&mut browser, &page).await.is(200);
    // A second passkey, and nothing else strong.
    let page = browser.open("/account/passkeys/new").await;
    let page = browser.submit(&page, "/account/stop", &[("answer", "no")]).await;
    let mut second = Device::default();
    let options = browser.send("/account/passkeys/options", &[("csrf", &page.csrf())]).await;
    options.is(200);
    let made = second.make(&options.body).await;
    browser
        .submit(&page, "/account/passkeys", &[("credential", &made), ("error", "")])
        .await
        .is(200)
        .has("Passkey added");
    let mut tx = house.services.db.begin().await.unwrap();
    assert!(store::password::remove(&mut tx, who).await.unwrap());
    tx.commit().await.unwrap();
    let keys = store::passkey::list_for(&house.services.db, who).await.unwrap();
    assert_eq!(keys.len(), 2);
    let token = csrf(&mut browser).await;
    let paths: Vec<String> = keys.iter().map(|key| format!("/account/passkeys/{}/remove", key.id)).collect();
    let (mut one, mut other) = (browser.clone(), browser.clone());
    let fields = [("csrf", token.as_str())];
    let (a, b) = tokio::join!(one.send(&paths[0], &fields), other.send(&paths[1], &fields));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409], "{:?} {:?}", a.location(), b.location());
    assert_eq!(store::passkey::list_for(&house.services.db, who).await.unwrap().len(), 1);
}

/// C29: whatever somebody else may have done is told with a code that, with the number, stops it without signing in.
#[tokio::test]
async fn c29_every_risky_notice_carries_a_code_for_not_me() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let code_of = async |words: &str| {
        let texts = house.texts_to(HOA.phone).await;
        let text = texts.iter().rfind(|text| text.contains(words)).unwrap_or_else(|| panic!("no {words}: {texts:?}"));
        assert!(!text.contains("http") && text.len() <= 160, "{text}");
        let code = text.split("Open Not me, code ").nth(1).unwrap_or_else(|| panic!("no code: {text}"));
        code.chars().take(9).collect::<String>()
    };
    // A browser that does not know her.
    let mut browser = strong(&house, &HOA).await;
    let mut codes = vec![code_of("A new device signed in").await];
    let page = past_stop(&mut browser, "/account/recovery-codes").await;
    browser.submit(&page, "/account/recovery-codes", &[]).await.is(200);
    codes.push(code_of("used or renewed").await);
    let page = past_stop(&mut browser, "/account/password").await;
    browser
        .submit(
            &page,
            "/password",
            &[("current_password", &HOA.password()), ("new_password", "bon con meo den tren mai")],
        )
        .await
        .is(200);
    codes.push(code_of("password was changed").await);
    let page = browser.open("/account/passkeys").await;
    let options = browser.send("/account/passkeys/options", &[("csrf", &page.csrf())]).await;
    let credential = Device::default().make(&options.body).await;
    browser.submit(&page, "/account/passkeys", &[("credential", &credential)]).await.is(200);
    codes.push(code_of("new passkey was added").await);
    let page = browser.open("/account/freeze").await;
    browser.submit(&page, "/account/freeze", &[]).await.is(200);
    codes.push(code_of("was frozen").await);
    let different: std::collections::BTreeSet<&String> = codes.iter().collect();
    assert_eq!(different.len(), codes.len(), "each has its own");
    // Each works once, for a week, signed out.
    let mut owner = house.browser();
    let page = owner.open("/not-me").await;
    for code in &codes {
        let fields = [("personal_number", HOA.number), ("code", code.as_str()), ("action", "end_sessions")];
        owner.submit(&page, "/not-me", &fields).await.is(200).has("Report <strong");
        house.after(minutes(60));
        owner.submit(&page, "/not-me", &fields).await.is(422);
    }
    let reports = kinds(&house, who).await.iter().filter(|kind| **kind == "incident.reported").count();
    assert_eq!(reports, codes.len());
}

/// The browser of before is known: nothing is told, and a first session of a new account neither.
#[tokio::test]
async fn c29_a_known_browser_is_no_new_device() {
    let house = House::new().await;
    house.with(&HOA).await;
    let new = async || house.texts_to(HOA.phone).await.iter().filter(|text| text.contains("new device")).count();
    let mut browser = weak(&house, &HOA).await;
    assert_eq!(new().await, 1);
    let page = browser.open("/account").await;
    browser.press(&page, "/logout/all", &[]).await;
    house.after(minutes(3));
    let page = browser.open("/account").await;
    let page = browser.submit(&page, "/forget", &[]).await;
    house.sign_in(&mut browser, &page, &HOA).await.is(200).at("/account");
    weak(&house, &HOA).await;
    assert_eq!(new().await, 2 + 1, "forgotten at her wish, and another browser");
}

// --- What was typed survives the end of a session ---

/// The page that a sign-in with password and code leads to.
async fn sign_in_again(house: &House, browser: &mut Browser, page: &Page, citizen: &Citizen) -> Page {
    house.after(minutes(3));
    if page.body.contains("name=\"recognised\"") {
        let page = browser.submit(page, &format!("/signin/{}/forget", page.flow()), &[]).await;
        return house.sign_in_twice(browser, &page, citizen).await;
    }
    house.sign_in_twice(browser, page, citizen).await
}

#[tokio::test]
async fn what_was_typed_comes_back_after_signing_in_again() {
    let house = House::new().await;
    house.with(&HOA).await;
    house.with(&MINH).await;
    // Idle for a quarter of an hour, and idle until the session itself is over.
    for idle in [minutes(16), minutes(61)] {
        let mut browser = strong(&house, &HOA).await;
        let page = past_stop(&mut browser, "/account/phone").await;
        house.after(idle);
        let asked = browser.submit(&page, "/account/phone", &[("phone", "0912 000 0")]).await;
        asked.asks_who().lacks("0912 000 0");
        let stop = sign_in_again(&house, &mut browser, &asked, &HOA).await;
        let back = browser.submit(&stop, "/account/stop", &[("answer", "no")]).await;
        back.is(200).at("/account/phone").has("value=\"0912 000 0\"");
        browser.open("/account/phone").await.lacks("0912 000 0");
    }
    // Somebody else who signs in there finds nothing.
    let mut browser = strong(&house, &HOA).await;
    let page = past_stop(&mut browser, "/account/phone").await;
    house.after(minutes(16));
    let asked = browser.submit(&page, "/account/phone", &[("phone", "0912 000 0")]).await;
    let stop = sign_in_again(&house, &mut browser, &asked, &MINH).await;
    let back = browser.submit(&stop, "/account/stop", &[("answer", "no")]).await;
    back.is(200).at("/account/phone").lacks("0912 000 0");
}

#[tokio::test]
async fn the_script_hands_over_what_was_typed_and_nothing_is_done_with_it() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    let page = browser.open("/account/settings").await;
    page.has("data-keep=\"/account/keep\"").lacks("http-equiv=\"refresh\"");
    browser.open("/account").await.lacks("data-keep").has("http-equiv=\"refresh\"");
    let before = kinds(&house, who).await;
    // Another tab kept the session: the page as it was.
    let fields = [("page", "/account/settings"), ("language", "vi"), ("channel", "all"), ("text", "larger")];
    let back = browser.press(&page, "/account/keep", &fields).await;
    back.is(200).at("/account/settings").has("name=\"language\" value=\"vi\" checked");
    browser.open("/account/settings").await.lacks("name=\"language\" value=\"vi\" checked");
    house.after(minutes(16));
    let asked = browser.press(&page, "/account/keep", &fields).await;
    let back = sign_in_again(&house, &mut browser, &asked, &HOA).await;
    back.is(200).at("/account/settings").has("name=\"language\" value=\"vi\" checked");
    // Passwords and codes are not taken, nor pages from elsewhere (A1).
    let secret = [("page", "/account/password"), ("new_password", "Ba con gà 71"), ("code", "123456")];
    browser.press(&back, "/account/keep", &secret).await.at("/account/stop?for=password");
    let elsewhere = [("page", "https://evil.example/account/phone"), ("phone", "0912")];
    let token = back.csrf();
    let mut all = vec![("csrf", token.as_str())];
    all.extend(elsewhere);
    assert_eq!(browser.send("/account/keep", &all).await.location(), Some("/account"));
    browser.send("/account/keep", &[("page", "/account/phone"), ("phone", "0912")]).await.is(403);
    let after = kinds(&house, who).await;
    let changes = |kinds: &[&str]| kinds.iter().filter(|kind| kind.starts_with("contact")).count();
    assert_eq!(changes(&after), changes(&before));
}

// --- The e-mail address (C23) ---

const HOME: &str = "hoa@example.vn";

async fn set_email(house: &House, browser: &mut Browser, address: &str) -> Page {
    house.after(minutes(3));
    let page = past_stop(browser, "/account/email").await;
    let page = browser.submit(&page, "/account/email", &[("email", address)]).await;
    page.is(200).at("/account/email/code").has(address);
    let wrong = browser.submit(&page, "/account/email/code", &[("code", "000000")]).await;
    wrong.is(422).has("That code is not right.");
    let code: String = house.texts_to(address).await.last().unwrap().chars().take(6).collect();
    browser.submit(&page, "/account/email/code", &[("code", &code)]).await
}

async fn email_of(house: &House, who: PersonId) -> Option<String> {
    let contacts = dinhdanh::flow::person::contacts(&house.services, who).await.unwrap();
    contacts.email.map(|email| email.as_str().to_owned())
}

fn email_code(texts: &[String]) -> String {
    let text = texts.iter().rfind(|text| text.contains("email of your account changed")).expect("a notice");
    text.split("code ").nth(1).unwrap().chars().take(9).collect()
}

#[tokio::test]
async fn c23_an_address_is_added_by_its_code_and_is_never_a_way_in() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    set_email(&house, &mut browser, HOME).await.is(200).at("?done=email-changed").has("Email address changed.");
    assert_eq!(email_of(&house, who).await.as_deref(), Some(HOME));
    browser.open("/account/ways").await.has("h•••@example.vn").lacks(HOME);
    let activity = browser.open("/account/activity").await;
    activity.has("Email address added").has("A code was sent by email");
    // Notices go there too, without a link that acts; the phone heard of it.
    assert!(house.texts_to(HOA.phone).await.last().unwrap().contains("email of your account changed"));
    let page = past_stop(&mut browser, "/account/email").await;
    browser.submit(&page, "/account/email", &[("email", "hoa@")]).await.is(422).has("Enter an email address");
    browser.submit(&page, "/account/email", &[("email", HOME)]).await.is(422).has("This is the address in use");
    // No way to sign in, and none to get back in.
    let mut other = house.browser();
    let first = other.open("/account").await;
    let method = house.identify(&mut other, &first, &HOA).await;
    method.lacks("value=\"email\"");
    let sent = house.texts_to(HOME).await.len();
    other.submit(&method, "/method", &[("method", "email")]).await;
    assert_eq!(house.texts_to(HOME).await.len(), sent, "no code to sign in goes by e-mail");
    let mut typed = house.browser();
    let first = typed.open("/account").await;
    typed.submit(&first, &format!("/signin/{}", first.flow()), &[("identifier", HOME)]).await.is(422);
    // C25: a change of phone is told there as well. Codes are not sent one upon another.
    house.after(minutes(1));
    change_phone(&house, &mut browser).await;
    assert!(house.texts_to(HOME).await.last().unwrap().contains("The phone of your account changes at"));
}

#[tokio::test]
async fn c23_c29_the_code_of_the_notice_takes_a_change_of_address_back() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut owner = strong(&house, &HOA).await;
    set_email(&house, &mut owner, HOME).await;
    house.after(days(3));
    let mut thief = strong(&house, &HOA).await;
    set_email(&house, &mut thief, "thief@example.com").await;
    let (old, phone) = (house.texts_to(HOME).await, house.texts_to(HOA.phone).await);
    assert_eq!(email_code(&old), email_code(&phone), "the old address and the phone have the code");
    assert!(house.texts_to("thief@example.com").await.iter().all(|text| !text.contains("changed at")));
    let mut anyone = house.browser();
    let page = anyone.open("/not-me").await;
    let code = email_code(&phone);
    let fields = [("personal_number", HOA.number), ("code", code.as_str()), ("action", "end_sessions")];
    anyone.submit(&page, "/not-me", &fields).await.is(200);
    assert_eq!(email_of(&house, who).await.as_deref(), Some(HOME));
    thief.open("/account").await.asks_who();
    anyone.submit(&page, "/not-me", &fields).await.is(422);
}

#[tokio::test]
async fn c23_removing_the_address_is_as_risky_and_can_be_taken_back() {
    let house = House::new().await;
    let who = house.with(&HOA).await;
    let mut browser = strong(&house, &HOA).await;
    set_email(&house, &mut browser, HOME).await;
    let posted = post(&mut browser, "/account/email/remove", &[]).await;
    assert_eq!(posted.location(), Some("/account/stop?for=email"));
    let mut low = weak(&house, &HOA).await;
    post(&mut low, "/account/stop", &[("for", "email"), ("answer", "no")]).await;
    let refused = post(&mut low, "/account/email/remove", &[]).await;
    assert!(refused.location().unwrap().starts_with("/signin/"), "{:?}", refused.location());
    let mut browser = strong(&house, &HOA).await;
    let page = past_stop(&mut browser, "/account/email").await;
    browser.submit(&page, "/account/email/remove", &[]).await.is(200).has("Email address removed.");
    assert_eq!(email_of(&house, who).await, None);
    let told = house.texts_to(HOME).await;
    assert!(told.iter().any(|text| text.contains("changed at")), "the address hears of its end: {told:?}");
}
