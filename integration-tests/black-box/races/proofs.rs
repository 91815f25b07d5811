//! What people type or sign to prove who they are. Pauses against guessing are taken back before every round: they must
//! not stand in for the rule.

use super::{RACERS, Rounds, of_proof, round};
use crate::harness::{Browser, Citizen, History, Outcome, Party, Shape, Site, Way, flow_of, now, totp_code};
use dinhdanh::db::Db;
use futures_util::future::join_all;

/// A flow in which somebody was named, at the page of one method.
struct Seat {
    browser: Browser,
    target: String,
    csrf: String,
}

impl Seat {
    async fn take(browser: Browser, identifier: &str, step: &str) -> Self {
        browser.clear_cookies();
        let page = browser.open("/signin").await;
        let flow = flow_of(&page.url);
        browser.submit(&page, &flow, &[("identifier", identifier)]).await;
        Self { csrf: page.csrf(), target: format!("{flow}/{step}"), browser }
    }

    async fn say(&self, field: &str, value: &str) -> Outcome {
        let fields = [("csrf", self.csrf.as_str()), (field, value)];
        of_proof(&self.browser.frozen().post(&self.target, &fields).await)
    }
}

async fn seats(site: &Site, identifier: &str, step: &str) -> Vec<Seat> {
    join_all((0..RACERS).map(|_| Seat::take(Browser::new(site), identifier, step))).await
}

/// Forgets every pause, so that all racers are judged as far as the rules let them.
pub async fn no_pauses(db: &Db) {
    run(db, "DELETE FROM throttle").await;
}

/// One statement of set-up.
pub async fn run(db: &Db, statement: &'static str) {
    let mut tx = db.begin().await.unwrap();
    tx.query(statement).execute().await.unwrap();
    tx.commit().await.unwrap();
}

/// One value typed in 32 flows at once; `reset` makes it fresh again. A flow that won is over and begun anew.
async fn type_everywhere(
    (site, rounds): (&Site, &mut Rounds),
    (identifier, step): (&str, &str),
    what: &str,
    fresh: impl AsyncFn(&Db) -> String,
) {
    let db = site.database().await;
    let mut places = seats(site, identifier, step).await;
    for number in rounds {
        no_pauses(&db).await;
        let value = fresh(&db).await;
        let mut history = History::of(format!("{what}, round {number}"));
        let winner = std::sync::Mutex::new(None);
        history
            .race(places.iter().enumerate().map(|(place, seat)| {
                let (winner, value) = (&winner, &value);
                async move {
                    let outcome = seat.say("code", value).await;
                    if outcome == Outcome::Won {
                        *winner.lock().unwrap() = Some(place);
                    }
                    outcome
                }
            }))
            .await;
        history.has_one_winner();
        let place = winner.into_inner().unwrap().unwrap();
        if number % 200 == 0 {
            // Flows live for half an hour.
            places = seats(site, identifier, step).await;
        } else {
            let seat = places.swap_remove(place);
            places.push(Seat::take(seat.browser, identifier, step).await);
        }
    }
}

pub async fn m2_totp_step(site: &'static Site, rounds: &mut Rounds) {
    let person = site.person_with("totp_secret");
    let (number, secret) = (person["number"].as_str().unwrap(), person["totp_secret"].as_str().unwrap());
    type_everywhere((site, rounds), (number, "totp"), "TOTP step", async |db| {
        run(db, "UPDATE totp SET last_step = NULL").await;
        totp_code(secret, now())
    })
    .await;
}

pub async fn m2_recovery_code(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::with_phone(site).await;
    let code = citizen.codes.lock().unwrap()[0].clone();
    type_everywhere((site, rounds), (&citizen.person.number, "recovery"), "recovery code", async |db| {
        run(db, "UPDATE recovery_code SET used_at = NULL").await;
        code.clone()
    })
    .await;
}

/// A sent code belongs to its flow: all racers are one browser.
pub async fn m2_sms_code(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::with_phone(site).await;
    let db = site.database().await;
    for number in rounds {
        no_pauses(&db).await;
        // The test inbox shows the newest messages only.
        run(&db, "DELETE FROM test_message").await;
        citizen.browser.clear_cookies();
        let page = citizen.browser.open("/signin").await;
        let page = citizen.identify(&page).await;
        let page = citizen.browser.submit(&page, "/method", &[("method", "sms")]).await;
        let code = site.code_for(&citizen.person.phone, 0).await;
        let fields = [("csrf", page.csrf()), ("code", code)];
        round("SMS code", number, one_form(&citizen.browser, page.url.path(), &fields)).await;
    }
}

/// The same form from 32 copies of a browser.
pub fn one_form(
    browser: &Browser,
    target: &str,
    fields: &[(&str, String)],
) -> Vec<impl Future<Output = Outcome> + use<>> {
    let fields: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let call = |browser: Browser| {
        let (target, fields) = (target.to_owned(), fields.clone());
        async move {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            of_proof(&browser.post(&target, &fields).await)
        }
    };
    (0..RACERS).map(|_| call(browser.frozen())).collect()
}

/// One signature under one challenge.
pub async fn l2_passkey_challenge(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::new(site).await;
    for number in rounds {
        citizen.browser.clear_cookies();
        let page = citizen.browser.open("/signin").await;
        let options = citizen.passkey_options(&page).await;
        let answer = citizen.device.lock().await.get(&options).await;
        let fields = [("csrf", page.csrf()), ("credential", answer.to_string())];
        let target = format!("{}/passkey", flow_of(&page.url));
        round("passkey challenge", number, one_form(&citizen.browser, &target, &fields)).await;
    }
}

/// Flows that step up one session at once, and as many callers for each.
const STEP_UPS: usize = 4;

/// D3: each flow's proof counts once; of the flows, one raises the session and gives it its new name, the others, whose
/// name for it is dead by then, make sessions of their own.
pub async fn d3_session_raise(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    let db = site.database().await;
    let code = citizen.codes.lock().unwrap()[0].clone();
    for number in rounds {
        no_pauses(&db).await;
        run(&db, "UPDATE recovery_code SET used_at = NULL").await;
        citizen.browser.clear_cookies();
        *citizen.codes.lock().unwrap() = vec![code.clone()];
        citizen.open_account(site, Way::Recovery).await;
        let before = sessions(&db).await;
        let mut ready = Vec::new();
        for _ in 0..STEP_UPS {
            let target = party.ask("openid").essential_acr(&["urn:dinhdanh:acr:2"]).target();
            let page = citizen.browser.open(&target).await;
            assert!(page.url.path().ends_with("/step-up"), "{} {:.500}", page.url, page.body);
            let options = citizen.passkey_options(&page).await;
            let answer = citizen.device.lock().await.get(&options).await;
            let fields = [("csrf", page.csrf()), ("credential", answer.to_string())];
            ready.push((format!("{}/passkey", flow_of(&page.url)), fields));
        }
        let mut histories: Vec<History> =
            (0..STEP_UPS).map(|flow| History::of(format!("session raise, round {number}, flow {flow}"))).collect();
        join_all(histories.iter_mut().zip(&ready).map(|(history, (target, fields))| {
            history.race(one_form(&citizen.browser, target, fields).into_iter().take(RACERS / STEP_UPS))
        }))
        .await;
        histories.iter().for_each(History::has_one_winner);
        let made = sessions(&db).await - before;
        assert_eq!(made, i64::try_from(STEP_UPS).unwrap() - 1, "round {number}: one of the flows raises the session");
        assert!(!citizen.is_signed_in().await, "round {number}: the old name of a raised session lives");
    }
}

async fn sessions(db: &Db) -> i64 {
    db.query("SELECT COUNT(*) FROM session").scalar().await.unwrap()
}
