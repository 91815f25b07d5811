//! N: who has an account cannot be found out, neither by what is answered nor by how long it takes.

use crate::harness::{Browser, Citizen, Page, Person, Site, adults, flow_of};
use std::time::{Duration, Instant};

on_both_stores!(
    n1_known_unknown_and_frozen_people_get_the_same_answers,
    n1_creating_an_account_does_not_tell_who_has_one,
    n2_known_and_unknown_people_wait_alike,
);

/// What is left of an answer without what differs from flow to flow: handles, tokens, ids, clock times.
fn bare(page: &Page, person: &Person) -> (u16, Vec<(String, String)>, String) {
    let mut body = page.body.clone();
    for own in [&person.number, &person.full_name, &person.phone] {
        if !own.is_empty() {
            body = body.replace(own, "OWN");
        }
    }
    let headers = page
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id", "content-length"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), without_random(&String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    (page.status, headers, without_random(&body))
}

/// Long random words and clock times, replaced.
fn without_random(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == ':' {
            word.push(c);
            continue;
        }
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let clock = word.contains(':') && digits >= 3 && word.chars().all(|c| c.is_ascii_digit() || c == ':');
        let random = word.len() >= 30 && !word.starts_with("__Host-flow-");
        if clock {
            out.push_str("CLOCK");
        } else if random || word.starts_with("__Host-flow-") {
            out.push_str("RANDOM");
        } else {
            out.push_str(&word);
        }
        word.clear();
        out.push(c);
    }
    out
}

/// Every answer on the way of a guess by one method.
async fn trail(site: &Site, person: &Person, method: &str) -> Vec<(String, (u16, Vec<(String, String)>, String))> {
    let browser = Browser::new(site);
    let first = browser.open("/signin").await;
    let flow = flow_of(&first.url);
    let mut trail = Vec::new();
    let mut keep = |step: &str, page: &Page| trail.push((format!("{method}: {step}"), bare(page, person)));
    let answer = browser.submit_only(&first, &flow, &[("identifier", &person.number)]).await;
    keep("identifier", &answer);
    let page = browser.follow(answer).await;
    keep("methods", &page);
    let options = browser.post(&format!("{flow}/passkey/options"), &[("csrf", &page.csrf())]).await;
    let names: Vec<String> = options.json()["publicKey"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(options.json()["publicKey"]["allowCredentials"].as_array().map_or(0, Vec::len), 0, "N1: {names:?}");
    let answer = browser.submit_only(&page, "/method", &[("method", method)]).await;
    keep("method", &answer);
    let page = browser.follow(answer).await;
    keep("form", &page);
    let (form, field, values) = match method {
        "password" => ("/password", "password", ["Mat khau sai 1", "", "x"]),
        "recovery" => ("/recovery", "code", ["22222-22222", "", "x"]),
        "totp" => ("/totp", "code", ["123456", "", "x"]),
        _ => ("/code", "code", ["123456", "", "x"]),
    };
    for value in values {
        let answer = browser.submit_only(&page, form, &[(field, value)]).await;
        keep(&format!("guess {value:?}"), &answer);
    }
    trail
}

async fn n1_known_unknown_and_frozen_people_get_the_same_answers(site: &Site) {
    let locked = site.demo_person("lan");
    for method in ["password", "recovery", "totp", "sms", "voice"] {
        // A guess counts, so each method has people of its own, but for the frozen one: one guess each.
        let with_password = Citizen::with_password(site).await.person;
        let with_passkey = Citizen::new(site).await.person;
        let unknown = trail(site, &adults(), method).await;
        for (kind, person) in [("password", &with_password), ("passkey", &with_passkey)] {
            for ((step, expected), (_, got)) in unknown.iter().zip(trail(site, person, method).await) {
                assert_eq!(expected, &got, "N1: {step}: somebody with a {kind} differs from nobody");
            }
        }
        if method == "voice" {
            continue;
        }
        for ((step, expected), (_, got)) in unknown.iter().zip(trail(site, &locked, method).await) {
            // Other tests may have guessed at the frozen person: the words on tries left may differ then.
            assert_eq!(expected.0, got.0, "N1: {step}: a frozen person has another status");
            assert_eq!(expected.1, got.1, "N1: {step}: a frozen person has other headers");
        }
    }
}

/// Every answer on the way of creating an account, up to a wrong code.
async fn creation(site: &Site, person: &Person) -> Vec<(String, (u16, Vec<(String, String)>, String))> {
    let browser = Browser::new(site);
    let first = browser.open("/create").await;
    let flow = flow_of(&first.url);
    let [day, month, year] = &person.birth;
    let mut page = browser.get(&format!("{flow}/number")).await;
    let mut trail = Vec::new();
    let steps: [(&str, Vec<(&str, &str)>); 6] = [
        ("/number", vec![("personal_number", &person.number)]),
        (
            "/name",
            vec![("full_name", &*person.full_name), ("birth_day", day), ("birth_month", month), ("birth_year", year)],
        ),
        ("/phone", vec![("phone", &person.phone)]),
        ("/check", vec![("action", "send")]),
        ("/code", vec![("code", "123456")]),
        ("/code", vec![("code", "x")]),
    ];
    for (step, fields) in steps {
        let answer = browser.submit_only(&page, step, &fields).await;
        trail.push((format!("posting {step}"), bare(&answer, person)));
        page = browser.follow(answer).await;
        trail.push((format!("after {step}"), bare(&page, person)));
    }
    trail
}

async fn n1_creating_an_account_does_not_tell_who_has_one(site: &Site) {
    let mut known = site.demo_person("john");
    known.phone = adults().phone;
    let (of_nobody, of_known) = (creation(site, &adults()).await, creation(site, &known).await);
    for ((step, expected), (_, got)) in of_nobody.iter().zip(&of_known) {
        assert_eq!((expected.0, &expected.1), (got.0, &got.1), "N1: {step}");
        // The page to check what was entered shows it in other spellings.
        if step != "after /phone" {
            assert_eq!(expected.2, got.2, "N1: {step}");
        }
    }
}

/// Wilcoxon's rank sum as a standard score: beyond 4 is no chance.
fn rank_score(one: &[Duration], two: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> =
        one.iter().map(|d| (*d, true)).chain(two.iter().map(|d| (*d, false))).collect();
    all.sort();
    let sum: f64 = all.iter().zip(1u32..).filter(|((_, first), _)| *first).map(|(_, rank)| f64::from(rank)).sum();
    let (n, m) = (f64::from(u32::try_from(one.len()).unwrap()), f64::from(u32::try_from(two.len()).unwrap()));
    (sum - n * (n + m + 1.0) / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

async fn n2_known_and_unknown_people_wait_alike(site: &Site) {
    let mut known = Vec::new();
    for _ in 0..6 {
        known.push(Citizen::with_password(site).await.person);
    }
    for (method, field) in [("password", "password"), ("recovery", "code"), ("totp", "code")] {
        let mut times = [Vec::new(), Vec::new()];
        for person in &known {
            let nobody = adults();
            for round in 0..4 {
                // Interleaved, and in changing order: whatever else runs slows both alike.
                let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
                for kind in order {
                    let number = if kind == 0 { &person.number } else { &nobody.number };
                    let browser = Browser::new(site);
                    let page = browser.open("/signin").await;
                    let page = browser.submit(&page, &flow_of(&page.url), &[("identifier", number)]).await;
                    let page = browser.submit(&page, "/method", &[("method", method)]).await;
                    let wrong = match method {
                        "password" => "Mat khau sai 1",
                        "totp" => "123456",
                        _ => "22222-22222",
                    };
                    let started = Instant::now();
                    let answer = browser.submit_only(&page, &format!("/{method}"), &[(field, wrong)]).await;
                    times[kind].push(started.elapsed());
                    assert_eq!(answer.status, 422, "{method}: {:.300}", answer.body);
                }
            }
        }
        let [known_times, unknown_times] = &times;
        let (one, two) = (median(known_times), median(unknown_times));
        let score = rank_score(known_times, unknown_times);
        // Both must say so: a busy machine shifts medians, and a shift of microseconds may rank clearly.
        let apart = one.abs_diff(two) > Duration::from_millis(5) && one.abs_diff(two) > one.min(two) / 4;
        assert!(!(apart && score.abs() > 4.0), "N2: {method}: {one:?} against {two:?}, score {score:.1}");
    }
}

#[test]
fn the_rank_score_tells_groups_apart() {
    let at = |values: &[u64]| values.iter().map(|v| Duration::from_millis(*v)).collect::<Vec<_>>();
    let low: Vec<u64> = (0..24).collect();
    let high: Vec<u64> = (100..124).collect();
    assert!(rank_score(&at(&low), &at(&high)).abs() > 4.0);
    let even: Vec<u64> = (0..48).step_by(2).collect();
    let odd: Vec<u64> = (1..49).step_by(2).collect();
    assert!(rank_score(&at(&even), &at(&odd)).abs() < 1.0);
}
