//! M: guessing. Counters are durable, count before they judge, and leave a passkey as the way in.

use crate::harness::{
    Browser, Citizen, Options, Page, Site, Store, Way, adults, flow_of, is_signed_in, now, totp_code,
};
use futures_util::future::join_all;

on_both_stores!(
    m1_guesses_over_many_flows_end_in_a_pause_and_m5_a_passkey_passes,
    m1_many_guesses_at_once_are_no_more_than_allowed,
    m1_a_sent_code_dies_after_five_guesses,
    m1_matches_against_the_register_are_few,
    m2_a_code_of_an_app_counts_once,
    m2_printed_codes_count_once,
);
on_both_stores!(alone: m4_a_restart_forgets_no_guess);

/// A flow of its own in which the person was named.
async fn named(site: &Site, identifier: &str) -> (Browser, Page) {
    let browser = Browser::new(site);
    let page = browser.open("/signin").await;
    let page = browser.submit(&page, &flow_of(&page.url), &[("identifier", identifier)]).await;
    assert!(page.url.path().ends_with("/method"), "{} {:.500}", page.url, page.body);
    (browser, page)
}

/// One try in a flow of its own; gives browser and answer.
async fn guess(site: &Site, identifier: &str, method: &str, value: &str) -> (Browser, Page) {
    let (browser, page) = named(site, identifier).await;
    let page = browser.submit(&page, "/method", &[("method", method)]).await;
    let (form, field) = if method == "password" { ("/password", "password") } else { ("code", "code") };
    let form = if method == "password" {
        form
    } else if method == "totp" {
        "/totp"
    } else {
        "/recovery"
    };
    let page = browser.submit_only(&page, form, &[(field, value)]).await;
    (browser, page)
}

/// A printed code of the right form that is nobody's.
fn wrong_code(citizen: &Citizen) -> String {
    let known = citizen.codes.lock().unwrap()[0].clone();
    known
        .chars()
        .map(|c| {
            if c == '-' {
                '-'
            } else if c == '2' {
                '3'
            } else {
                '2'
            }
        })
        .collect()
}

async fn m1_guesses_over_many_flows_end_in_a_pause_and_m5_a_passkey_passes(site: &Site) {
    let citizen = Citizen::new(site).await;
    let with_password = Citizen::with_password(site).await;
    let cases = [
        (&citizen, "recovery", wrong_code(&citizen), citizen.codes.lock().unwrap()[1].clone()),
        (&with_password, "password", "khong dung 123".to_owned(), with_password.password.clone().unwrap()),
        (&citizen, "totp", "123456".to_owned(), "654321".to_owned()),
    ];
    for (person, method, wrong, right) in &cases {
        let number = &person.person.number;
        let mut paused = None;
        for attempt in 1..=8 {
            let (browser, page) = guess(site, number, method, wrong).await;
            assert!([422, 429].contains(&page.status), "{method} {attempt}: {} {:.500}", page.status, page.body);
            assert!(!is_signed_in(&browser).await);
            if page.status == 429 {
                paused = Some(attempt);
                break;
            }
        }
        assert_eq!(paused, Some(6), "{method}: four tries are free, the fifth begins a pause");
        // Named by number or by phone, it is one account and one count.
        for (name, expected) in [(number, 429), (&person.person.phone, 422)] {
            let (browser, page) = guess(site, name, method, right).await;
            assert_eq!(page.status, expected, "{method}: the right one passed while paused");
            assert!(!is_signed_in(&browser).await, "{method}: the right one passed while paused");
        }
    }
    // The owner is not locked out by all that, nor by another method's pause.
    assert!(citizen.device.lock().await.has_key());
    citizen.open_account(site, Way::Passkey).await;
    let own = Citizen { browser: Browser::new(site), ..with_password };
    own.open_account(site, Way::Recovery).await;
}

async fn m1_many_guesses_at_once_are_no_more_than_allowed(site: &Site) {
    let citizen = Citizen::new(site).await;
    let wrong = wrong_code(&citizen);
    let mut flows = Vec::new();
    for _ in 0..32 {
        let (browser, page) = named(site, &citizen.person.number).await;
        let page = browser.submit(&page, "/method", &[("method", "recovery")]).await;
        flows.push((browser, page));
    }
    let fields = [("code", wrong.as_str())];
    let answers = join_all(flows.iter().map(|(browser, page)| browser.submit_only(page, "/recovery", &fields))).await;
    let judged = answers.iter().filter(|answer| answer.status == 422).count();
    assert!(answers.iter().all(|answer| [422, 429].contains(&answer.status)));
    assert!((1..=5).contains(&judged), "{judged} of 32 guesses at once were judged");
}

async fn m1_a_sent_code_dies_after_five_guesses(site: &Site) {
    let citizen = Citizen::with_phone(site).await;
    let before = site.codes_for(&citizen.person.phone).await.len();
    let (browser, page) = named(site, &citizen.person.number).await;
    let page = browser.submit(&page, "/method", &[("method", "sms")]).await;
    let right = site.code_for(&citizen.person.phone, before).await;
    let wrong = if right == "111111" { "222222" } else { "111111" };
    // Typed in other ways the code would be the same; a text that is no code costs no try.
    for text in ["", "abc", "12345", "1234567"] {
        let answer = browser.submit_only(&page, "/code", &[("code", text)]).await;
        assert_eq!(answer.status, 422, "{text:?}");
    }
    for attempt in 0..5 {
        let answer = browser.submit_only(&page, "/code", &[("code", wrong)]).await;
        assert!([422, 429].contains(&answer.status), "{attempt}: {}", answer.status);
    }
    let answer = browser.submit_only(&page, "/code", &[("code", &right)]).await;
    assert!([422, 429].contains(&answer.status), "the right code passed after five guesses: {}", answer.status);
    assert!(!is_signed_in(&browser).await);
    // Another flow does not know this code, and asking for another waits.
    let (other, page) = named(site, &citizen.person.number).await;
    let page = other.submit(&page, "/method", &[("method", "sms")]).await;
    assert_eq!(page.status, 429, "a second code within half a minute");
}

async fn m1_matches_against_the_register_are_few(site: &Site) {
    let target = adults();
    let mut paused = None;
    for attempt in 1..=8 {
        let mut claims = adults();
        claims.number.clone_from(&target.number);
        let browser = Browser::new(site);
        let page = browser.open("/create").await;
        let page = browser.get(&format!("{}/number", flow_of(&page.url))).await;
        let page = browser.submit(&page, "/number", &[("personal_number", &claims.number)]).await;
        let [day, month, year] = &claims.birth;
        let fields =
            [("full_name", &*claims.full_name), ("birth_day", day), ("birth_month", month), ("birth_year", year)];
        let page = browser.submit(&page, "/name", &fields).await;
        assert!([422, 429].contains(&page.status), "{attempt}: {} {:.300}", page.status, page.body);
        assert!(!page.body.contains(&target.full_name), "the register's answer is shown");
        if page.status == 429 {
            paused = Some(attempt);
            break;
        }
    }
    assert!(paused.is_some_and(|attempt| attempt <= 5), "names and dates can be tried out: {paused:?}");
    // The right ones are refused too while the pause lasts.
    let browser = Browser::new(site);
    let page = browser.open("/create").await;
    let page = browser.get(&format!("{}/number", flow_of(&page.url))).await;
    let page = browser.submit(&page, "/number", &[("personal_number", &target.number)]).await;
    let [day, month, year] = &target.birth;
    let fields = [("full_name", &*target.full_name), ("birth_day", day), ("birth_month", month), ("birth_year", year)];
    assert_eq!(browser.submit(&page, "/name", &fields).await.status, 429);
}

async fn m2_a_code_of_an_app_counts_once(site: &Site) {
    let person = site.person_with("totp_secret");
    let (number, secret) = (person["number"].as_str().unwrap(), person["totp_secret"].as_str().unwrap());
    let started = now();
    let code = |steps: i64| totp_code(secret, started + 30 * steps);
    let (browser, page) = guess(site, number, "totp", &code(0)).await;
    assert_eq!(page.status, 303, "{:.500}", page.body);
    let page = browser.follow(page).await;
    assert!(page.url.path() == "/account" || page.url.path().starts_with("/signin/"), "{}", page.url);
    // Again, by another flow; and an older step after a newer one.
    for steps in [0, -1] {
        let (browser, page) = guess(site, number, "totp", &code(steps)).await;
        assert_eq!(page.status, 422, "step {steps} counted again");
        assert!(!is_signed_in(&browser).await);
    }
    // The next step, 32 times at once, on both processes.
    let mut flows = Vec::new();
    for _ in 0..32 {
        let (browser, page) = named(site, number).await;
        flows.push((browser.submit(&page, "/method", &[("method", "totp")]).await, browser));
    }
    let next = code(1);
    let fields = [("code", next.as_str())];
    let answers = join_all(flows.iter().map(|(page, browser)| browser.submit_only(page, "/totp", &fields))).await;
    let won = answers.iter().filter(|answer| answer.status == 303).count();
    assert_eq!(won, 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
}

async fn m2_printed_codes_count_once(site: &Site) {
    let citizen = Citizen::new(site).await;
    let other = Citizen::new(site).await;
    let code = citizen.codes.lock().unwrap().pop().unwrap();
    // P4: nobody else's account opens by it.
    let (browser, page) = guess(site, &other.person.number, "recovery", &code).await;
    assert_eq!(page.status, 422);
    assert!(!is_signed_in(&browser).await);
    let mut flows = Vec::new();
    for _ in 0..32 {
        let (browser, page) = named(site, &citizen.person.number).await;
        flows.push((browser.submit(&page, "/method", &[("method", "recovery")]).await, browser));
    }
    let fields = [("code", code.as_str())];
    let answers = join_all(flows.iter().map(|(page, browser)| browser.submit_only(page, "/recovery", &fields))).await;
    let won = answers.iter().filter(|answer| answer.status == 303).count();
    assert_eq!(won, 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
}

async fn m4_a_restart_forgets_no_guess(store: Store) {
    let site = &Site::start(store, Options::default()).await;
    let citizen = Citizen::new(site).await;
    let wrong = wrong_code(&citizen);
    for _ in 0..5 {
        let (_, page) = guess(site, &citizen.person.number, "recovery", &wrong).await;
        assert_eq!(page.status, 422);
    }
    site.flush_cache().await;
    let right = citizen.codes.lock().unwrap()[0].clone();
    let (_, page) = guess(site, &citizen.person.number, "recovery", &right).await;
    assert_eq!(page.status, 429, "the count went with the cache");
    site.kill_and_restart();
    let (browser, page) = guess(site, &citizen.person.number, "recovery", &right).await;
    assert_eq!(page.status, 429, "the count went with the process");
    assert!(!is_signed_in(&browser).await);
    citizen.open_account(site, Way::Passkey).await;
}
