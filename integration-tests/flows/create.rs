//! Creating an account against the population register.

use crate::kit::{Browser, Citizen, HOA, House, MINH, Page, Portal, claims_of, minutes, seconds};
use dinhdanh::identity::{IdentityLevel, LegalState, PersonStatus, PersonalNumber, PopulationRecord, RegisterState};
use dinhdanh::jobs;
use dinhdanh::registers::{Mismatch, Outage, RegisterError};
use serde_json::{Value, json};

async fn begin(house: &House) -> (Browser, Page) {
    let mut browser = house.browser();
    let page = browser.open("/create").await;
    let page = browser.open(&format!("/create/{}/number", page.flow())).await;
    (browser, page)
}

/// Number, name and birth date, as typed: up to what the register's answer leads to.
async fn claim(browser: &mut Browser, page: &Page, citizen: &Citizen, birth: &str) -> Page {
    let page = browser.submit(page, "/number", &[("personal_number", citizen.number)]).await;
    let mut parts = birth.split('-');
    let [year, month, day] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let fields = [("full_name", citizen.name), ("birth_day", day), ("birth_month", month), ("birth_year", year)];
    browser.submit(&page, "/name", &fields).await
}

/// From the phone's page to the page that asks for the code.
async fn to_code(browser: &mut Browser, page: &Page, phone: &str) -> Page {
    let page = browser.submit(page, "/phone", &[("phone", phone)]).await;
    browser.submit(&page, "/check", &[]).await
}

/// The rest, without a passkey.
async fn complete(house: &House, browser: &mut Browser, page: &Page, citizen: &Citizen) -> Page {
    let page = to_code(browser, page, citizen.phone).await;
    page.at("/code");
    let code = house.code_for(citizen).await;
    let page = browser.submit(&page, "/code", &[("code", &code)]).await;
    page.is(200).at("/passkey");
    let page = browser.press(&page, &page.path.clone(), &[("action", "skip")]).await;
    page.at("/recovery-codes");
    browser.submit(&page, "/recovery-codes", &[]).await
}

/// The claims of an ID token that a fresh sign-in gives.
async fn signs_in(house: &House, citizen: &Citizen) -> Value {
    let portal = Portal::new(house, "portal-a").await;
    house.after(minutes(3));
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, citizen).await;
    claims_of(&portal.tokens(house, &answer).await["id_token"])
}

#[tokio::test]
async fn c20_a_match_makes_an_account_of_level_1() {
    let house = House::new().await;
    house.register.fake.put(HOA.record());
    let portal = Portal::new(&house, "portal-a").await;
    let mut browser = house.browser();
    let start = portal.ask(&mut browser, &[]).await;
    let page = browser.open(&format!("/create/{}/number", start.flow())).await;
    let page = claim(&mut browser, &page, &HOA, HOA.birth).await;
    page.at("/phone");
    assert!(house.person(&HOA).await.is_none(), "no account before the phone answered");
    let done = complete(&house, &mut browser, &page, &HOA).await;
    done.has("All done");
    let found = house.person(&HOA).await.unwrap();
    assert_eq!((found.identity_level, found.register_state), (IdentityLevel::One, RegisterState::Verified));
    assert!(found.register_evidence.is_some());
    // The flow goes on to the portal that began it, with what was proven and no more.
    let answer = browser.open(&format!("/signin/{}/next", start.flow())).await;
    let claims = claims_of(&portal.tokens(&house, &answer).await["id_token"]);
    assert_eq!((&claims["identity_level"], &claims["authentication_level"]), (&json!(1), &json!(1)));
    assert_eq!(claims["amr"], json!(["sms"]));
}

#[tokio::test]
async fn n1_no_such_person_mismatch_and_the_dead_are_told_alike() {
    let house = House::new().await;
    let pages = {
        let mut pages = Vec::new();
        for case in ["none", "name", "birth", "dead", "missing", "wrong person"] {
            let mut record = HOA.record();
            match case {
                "name" => record.full_name = MINH.record().full_name,
                "birth" => record.birth_date = MINH.record().birth_date,
                "dead" => record.legal_state = LegalState::Deceased,
                "missing" => record.legal_state = LegalState::Missing,
                // O10: the register answers for somebody else.
                "wrong person" => {
                    house.register.fake.put(record.clone());
                    *house.register.slips.lock().unwrap() = Some(MINH.record());
                }
                _ => {}
            }
            if case != "none" {
                house.register.fake.put(record);
            }
            let (mut browser, page) = begin(&house).await;
            let page = claim(&mut browser, &page, &HOA, HOA.birth).await;
            page.is(422).has("The details do not match");
            let flow = page.flow();
            pages.push((case, page.body.replace(&flow, "FLOW").replace("2 tries", "3 tries")));
            house.after(crate::kit::days(1));
            browser.open(&format!("/create/{flow}/phone")).await;
        }
        pages
    };
    for (case, body) in &pages {
        assert_eq!(*body, pages[0].1, "{case}");
    }
    assert!(house.person(&HOA).await.is_none());
}

#[tokio::test]
async fn m1_matching_is_paused_after_a_few_tries_per_number() {
    let house = House::new().await;
    for left in [3, 2, 1, 0] {
        let (mut browser, page) = begin(&house).await;
        claim(&mut browser, &page, &HOA, "1990-01-01").await.is(422).has(&format!("{left} tr"));
    }
    house.register.fake.put(HOA.record());
    let (mut browser, page) = begin(&house).await;
    let paused = claim(&mut browser, &page, &HOA, HOA.birth).await;
    paused.is(429).has("Try again after 09:05");
    house.after(minutes(5));
    let (mut browser, page) = begin(&house).await;
    claim(&mut browser, &page, &HOA, HOA.birth).await.at("/phone");
}

/// Makes an account while the register is down.
async fn waiting(house: &House, citizen: &Citizen) -> Browser {
    house.register.fake.always(Some(RegisterError::unavailable(Outage::Unreachable)));
    let (mut browser, page) = begin(house).await;
    let page = claim(&mut browser, &page, citizen, citizen.birth).await;
    page.at("/phone");
    let done = complete(house, &mut browser, &page, citizen).await;
    done.has("Account created, to be confirmed later");
    let found = house.person(citizen).await.unwrap();
    assert_eq!((found.identity_level, found.register_state), (IdentityLevel::Zero, RegisterState::Pending));
    browser
}

#[tokio::test]
async fn x21_the_register_is_down_and_the_account_waits_until_it_answers() {
    let house = House::new().await;
    let typed = Citizen { name: "do thi hoa", ..HOA };
    let mut browser = waiting(&house, &typed).await;
    assert_eq!(signs_in(&house, &HOA).await["identity_level"], json!(0));
    jobs::confirm_waiting(&house.services).await.unwrap();
    assert_eq!(house.person(&HOA).await.unwrap().register_state, RegisterState::Pending);

    house.register.fake.always(None);
    house.register.fake.put(HOA.record());
    house.after(minutes(1));
    jobs::confirm_waiting(&house.services).await.unwrap();
    let found = house.person(&HOA).await.unwrap();
    assert_eq!((found.identity_level, found.register_state), (IdentityLevel::One, RegisterState::Verified));
    assert_eq!(found.full_name, HOA.name, "the register's spelling holds");
    assert!(house.texts_to(HOA.phone).await.last().unwrap().contains("confirmed by the register"));
    browser.open("/account").await.has(HOA.name);
    assert_eq!(signs_in(&house, &HOA).await["identity_level"], json!(1));
}

#[tokio::test]
async fn x21_a_waiting_account_that_does_not_match_gets_nothing() {
    let house = House::new().await;
    let who = {
        waiting(&house, &HOA).await;
        house.person(&HOA).await.unwrap().id
    };
    house.register.fake.always(None);
    house.register.fake.put(PopulationRecord { full_name: MINH.record().full_name, ..HOA.record() });
    house.after(minutes(1));
    jobs::confirm_waiting(&house.services).await.unwrap();
    let found = dinhdanh::store::person::get(&house.services.db, who).await.unwrap();
    assert_eq!((found.identity_level, found.register_state), (IdentityLevel::Zero, RegisterState::Mismatch));
    assert_ne!(found.status, PersonStatus::Active);
    assert!(house.texts_to(HOA.phone).await.last().unwrap().contains("differ from the register's"));
    // Its owner can still come, and gets an account of their own.
    house.register.fake.put(HOA.record());
    let (mut browser, page) = begin(&house).await;
    let page = claim(&mut browser, &page, &HOA, HOA.birth).await;
    complete(&house, &mut browser, &page, &HOA).await.has("All done");
    assert_ne!(house.person(&HOA).await.unwrap().id, who);
}

#[tokio::test]
async fn o10_an_answer_that_cannot_be_used_raises_no_level() {
    let house = House::new().await;
    house.register.fake.put(HOA.record());
    house.register.fake.fail_next(RegisterError::WrongAnswer(Mismatch::ALL[0]));
    let (mut browser, page) = begin(&house).await;
    let page = claim(&mut browser, &page, &HOA, HOA.birth).await;
    complete(&house, &mut browser, &page, &HOA).await.has("to be confirmed later");
    assert_eq!(house.person(&HOA).await.unwrap().identity_level, IdentityLevel::Zero);
}

#[tokio::test]
async fn a_renumbered_person_gets_the_account_under_the_number_in_force() {
    let house = House::new().await;
    let new = Citizen { number: "031103999904", ..HOA };
    let in_force = PersonalNumber::parse(new.number).unwrap();
    house.register.fake.put(PopulationRecord { replaced_by: Some(in_force), ..HOA.record() });
    let (mut browser, page) = begin(&house).await;
    let page = claim(&mut browser, &page, &HOA, HOA.birth).await;
    complete(&house, &mut browser, &page, &HOA).await.has("All done");
    assert!(house.person(&HOA).await.is_none());
    assert!(house.person(&new).await.is_some());
    assert_eq!(signs_in(&house, &new).await["identity_level"], json!(1));
}

#[tokio::test]
async fn a_year_is_enough_where_only_the_year_is_known() {
    let house = House::new().await;
    let bay =
        Citizen { key: "bay", name: "Lê Thị Bảy", number: "036003999909", birth: "1941", phone: "+84912000003" };
    house.register.fake.put(bay.record());
    let (mut browser, page) = begin(&house).await;
    let page = browser.submit(&page, "/number", &[("personal_number", bay.number)]).await;
    let page = browser.open(&format!("/create/{}/name?precision=year", page.flow())).await;
    let page = browser.submit(&page, "/name?precision=year", &[("full_name", bay.name), ("birth_year", "1941")]).await;
    complete(&house, &mut browser, &page, &bay).await.has("All done");
}

#[tokio::test]
async fn under_fourteen_a_guardian_is_needed_and_the_register_is_not_asked() {
    let house = House::new().await;
    let (mut browser, page) = begin(&house).await;
    claim(&mut browser, &page, &HOA, "2012-11-22").await.has("A guardian is needed");
    assert_eq!(house.register.fake.calls(), 0);
    let (mut browser, page) = begin(&house).await;
    claim(&mut browser, &page, &HOA, "2012-11-21").await.has("The details do not match");
    assert_eq!(house.register.fake.calls(), 1);
}

#[tokio::test]
async fn n1_an_account_that_exists_shows_the_same_pages_and_tells_only_the_phone_we_know() {
    let strangers = "+84987654321";
    let mut seen = Vec::new();
    for exists in [false, true] {
        let house = House::new().await;
        house.register.fake.put(HOA.record());
        if exists {
            house.with(&HOA).await;
        }
        let (mut browser, page) = begin(&house).await;
        let flow = page.flow();
        let page = claim(&mut browser, &page, &HOA, HOA.birth).await;
        let mut bodies = vec![page.clone()];
        let page = to_code(&mut browser, &page, strangers).await;
        bodies.push(page.clone());
        let wrong = browser.submit(&page, "/code", &[("code", "000000")]).await;
        wrong.is(422);
        bodies.push(wrong);
        let again = browser.press(&page, &format!("/create/{flow}/code/resend"), &[]).await;
        bodies.push(again);
        seen.push(bodies.iter().map(|page| plain(page, &flow)).collect::<Vec<_>>());
        let (to_stranger, to_owner) = (house.texts_to(strangers).await, house.texts_to(HOA.phone).await);
        if exists {
            assert!(to_stranger.is_empty());
            assert_eq!(to_owner.len(), 1);
            assert!(to_owner[0].starts_with("Someone tried to create an account with your number."));
            assert!(browser.session().is_none());
        } else {
            assert_eq!((to_stranger.len(), to_owner.len()), (1, 0));
        }
        house.after(seconds(1));
    }
    assert_eq!(seen[0], seen[1]);
}

/// A page without what differs in every flow.
fn plain(page: &Page, flow: &str) -> (u16, String) {
    let mut body = page.body.replace(flow, "FLOW");
    if body.contains("name=\"csrf\"") {
        body = body.replace(&page.csrf(), "CSRF");
    }
    (page.status.as_u16(), body)
}

/// A message never says "call" and then nothing.
#[tokio::test]
async fn without_a_hotline_messages_name_the_counter() {
    let house = House::new().await;
    assert!(house.services.config.provider.hotline.is_none());
    house.register.fake.put(HOA.record());
    house.with(&HOA).await;
    let (mut browser, page) = begin(&house).await;
    let page = claim(&mut browser, &page, &HOA, HOA.birth).await;
    to_code(&mut browser, &page, "+84987654321").await;
    let texts = house.texts_to(HOA.phone).await;
    assert!(texts[0].ends_with("Call the nearest identification counter."), "{}", texts[0]);
}

/// A provider whose pages hardly wait, with a register that says nothing for now.
async fn silent() -> House {
    let house = House::over(&[("registers.wait_ms", "1")]).await;
    house.register.fake.put(HOA.record());
    house.register.fake.hang(true);
    house
}

/// What the waiting page leads to once the register speaks: the work goes on beside the page.
async fn looked_again(browser: &mut Browser, page: &Page) -> Page {
    for _ in 0..100_000 {
        let seen = browser.open(&page.path).await;
        if !seen.path.ends_with("/waiting") || seen.status != 200 {
            return seen;
        }
        tokio::task::yield_now().await;
    }
    panic!("the answer never came");
}

#[tokio::test]
async fn c20_a_register_that_takes_its_time_gets_a_page_of_its_own() {
    let house = silent().await;
    let (mut browser, page) = begin(&house).await;
    let page = claim(&mut browser, &page, &HOA, HOA.birth).await;
    page.is(200).at("/waiting").has("Asking the national population register").has("content=\"3\"");
    page.has(&format!("/create/{}/name", page.flow())).lacks("Confirm later");
    // Going on before its time is no way past the register.
    house.after(seconds(19));
    let form = browser.open(&format!("/create/{}/name", page.flow())).await;
    browser.press(&form, &page.path, &[("action", "later")]).await.at("/waiting").lacks("Confirm later");
    browser.open(&format!("/create/{}/phone", page.flow())).await.at("/number");
    // Of another browser it shows nothing.
    house.browser().fetch(&page.path).await.is(403);
    house.register.fake.hang(false);
    let next = looked_again(&mut browser, &page).await;
    next.is(200).at("/phone");
    assert_eq!(house.register.fake.calls(), 1, "looking again is no new question");
    complete(&house, &mut browser, &next, &HOA).await.has("All done");
    assert_eq!(house.person(&HOA).await.unwrap().identity_level, IdentityLevel::One);
}

#[tokio::test]
async fn c20_after_20_seconds_there_is_a_way_on_without_the_register() {
    let house = silent().await;
    let (mut browser, page) = begin(&house).await;
    let page = claim(&mut browser, &page, &HOA, HOA.birth).await;
    house.after(seconds(20));
    let page = browser.open(&page.path).await;
    page.has("Confirm later");
    let next = browser.submit(&page, "/waiting", &[("action", "later")]).await;
    next.is(200).at("/phone");
    complete(&house, &mut browser, &next, &HOA).await.has("to be confirmed later");
    assert_eq!(house.person(&HOA).await.unwrap().identity_level, IdentityLevel::Zero);
}

#[tokio::test]
async fn c20_a_late_no_is_a_no_and_an_answer_about_other_data_is_none() {
    let house = silent().await;
    let (mut browser, page) = begin(&house).await;
    let first = claim(&mut browser, &page, &HOA, HOA.birth).await;
    first.at("/waiting");
    // Other data while the first question is out: its answer, a match, counts for nothing.
    let page = browser.open(&format!("/create/{}/name", first.flow())).await;
    let other = [("full_name", HOA.name), ("birth_day", "1"), ("birth_month", "1"), ("birth_year", "1990")];
    let form = page;
    let page = browser.submit(&form, "/name", &other).await;
    page.at("/waiting");
    house.after(seconds(30));
    house.register.fake.hang(false);
    let told = looked_again(&mut browser, &page).await;
    told.is(422).has("The details do not match");
    // Nor does the way on lead past a no that has come.
    let answer = browser.press(&form, &page.path, &[("action", "later")]).await;
    answer.is(422).has("The details do not match");
    browser.open(&format!("/create/{}/phone", page.flow())).await.at("/number");
    assert_eq!(house.register.fake.calls(), 2);
}

#[tokio::test]
async fn i13_questions_that_nobody_waits_for_are_bounded() {
    let house = silent().await;
    let mut shed = 0;
    for _ in 0..140 {
        let work = async { std::future::pending::<Result<u8, dinhdanh::flow::Fault>>().await };
        match dinhdanh::flow::late::start(&house.services, "key", work).await {
            Ok(None) => {}
            Err(dinhdanh::flow::Fault::Overloaded { .. }) => shed += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(shed, 12, "128 at a time");
}
