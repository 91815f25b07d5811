//! What is made or ended once: a passkey, an account, an answer to a portal, a session.

use super::proofs::{no_pauses, one_form, run};
use super::{RACERS, Rounds, round};
use crate::harness::{
    Authenticator, Browser, Citizen, History, Outcome, Page, Party, Shape, Site, Way, adults, eventually, flow_of,
    landing,
};
use serde_json::json;

/// One new key under one challenge.
pub async fn l6_passkey_making(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::new(site).await;
    let db = site.database().await;
    // As if its first day were over.
    run(&db, "UPDATE passkey SET settles_at = created_at").await;
    let browser = &citizen.browser;
    citizen.open_account(site, Way::Passkey).await;
    for number in rounds {
        run(&db, "UPDATE session SET authenticated_at = last_seen_at").await;
        let csrf = browser.open("/account").await.csrf();
        browser.post("/account/stop", &[("csrf", &csrf), ("for", "passkey"), ("answer", "no")]).await;
        let page = browser.open("/account/passkeys/new").await;
        let form = page.form("/passkeys");
        let options = browser.post(form.options.as_deref().expect("data-options"), &[("csrf", &csrf)]).await;
        assert_eq!(options.status, 200, "round {number}: {:.500}", options.body);
        let mut device = Authenticator::new(&site.issuer);
        // A device of its own each time: none of those that the account excludes.
        let made = device.create(&options.json()).await.to_string();
        let racers: Vec<Browser> = (0..RACERS).map(|_| browser.frozen()).collect();
        let calls = racers.iter().map(|racer| {
            let fields = [("csrf", csrf.as_str()), ("credential", made.as_str())];
            async move {
                let page = racer.post("/account/passkeys", &fields).await;
                match page.status {
                    303 if page.header("location").contains("passkey-added") => Outcome::Won,
                    422 => Outcome::Lost("422".to_owned()),
                    // The winner used up the answer on the stop page too.
                    303 if page.header("location").starts_with("/account/stop") => Outcome::Lost("303".to_owned()),
                    other => Outcome::Unknown(format!("{other} {} {:.300}", page.header("location"), page.body)),
                }
            }
        });
        round("passkey making", number, calls).await;
        let kept = db.query("SELECT COUNT(*) FROM passkey WHERE created_at < settles_at OR last_used_at IS NULL");
        let kept: i64 = kept.scalar().await.unwrap();
        assert!(kept >= 1, "round {number}: the new key is kept");
        run(&db, "DELETE FROM passkey WHERE last_used_at IS NULL").await;
    }
}

/// One code makes one account, however often its form is sent.
pub async fn p1_account_creation(site: &'static Site, rounds: &mut Rounds) {
    let db = site.database().await;
    for number in rounds {
        no_pauses(&db).await;
        let person = adults();
        let browser = Browser::new(site);
        let page = browser.open("/create").await;
        let page = browser.get(&format!("{}/number", flow_of(&page.url))).await;
        let page = Citizen::fill_in(site, &browser, &page, &person).await;
        assert!(page.url.path().ends_with("/code"), "{} {:.500}", page.url, page.body);
        let code = site.code_for(&person.phone, 0).await;
        let before = people(&db).await;
        let fields = [("csrf", page.csrf()), ("code", code)];
        round("account creation", number, one_form(&browser, page.url.path(), &fields)).await;
        assert_eq!(people(&db).await - before, 1, "round {number}: one account is made");
    }
}

async fn people(db: &dinhdanh::db::Db) -> i64 {
    db.query("SELECT COUNT(*) FROM person").scalar().await.unwrap()
}

/// Answers of a flow that reached the portal, from 32 copies of a browser that each follow to the end.
fn answers<'a>(
    browser: &Browser,
    target: &'a str,
    forms: &'a [Vec<(&'static str, String)>],
) -> Vec<impl Future<Output = Outcome> + use<'a>> {
    let call = |(place, racer): (usize, Browser)| async move {
        let fields: Vec<(&str, &str)> = forms[place % forms.len()].iter().map(|(n, v)| (*n, v.as_str())).collect();
        let page = racer.post(target, &fields).await;
        let page = racer.follow(page).await;
        match (landing(&page), page.status) {
            (Some(_), _) => Outcome::Won,
            (None, 200 | 303 | 400 | 403 | 404 | 409 | 410 | 422) => Outcome::Lost(page.status.to_string()),
            (None, other) => Outcome::Unknown(format!("{other} {:.300}", page.body)),
        }
    };
    (0..RACERS).map(|_| browser.frozen()).enumerate().map(call).collect()
}

fn decisions(page: &Page, actions: &[&str]) -> Vec<Vec<(&'static str, String)>> {
    actions.iter().map(|action| vec![("csrf", page.csrf()), ("action", (*action).to_owned())]).collect()
}

/// Yes and no at once: the portal hears one of them, once.
pub async fn h5_consent_decision(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |metadata| {
        metadata["sharing"] = json!({
            "claims": ["name"], "purpose": { "vi": "Đặt lịch khám", "en": "To book appointments" },
            "legal_basis": "Luật thử nghiệm", "basis_kind": "consent", "term_days": 365,
        });
    });
    citizen.authorize(site, &party.ask("openid"), Way::Passkey).await;
    for number in rounds {
        let page = citizen.browser.open(&party.ask("openid profile").with("prompt", "consent").target()).await;
        assert!(page.url.path().ends_with("/consent"), "{} {:.500}", page.url, page.body);
        let forms = decisions(&page, &["accept", "refuse"]);
        round("consent decision", number, answers(&citizen.browser, page.url.path(), &forms)).await;
    }
}

/// A flow answers its portal once, by whichever button.
pub async fn p1_flow_end(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    let db = site.database().await;
    citizen.open_account(site, Way::Passkey).await;
    for number in rounds {
        // As if the session had never been at this portal: then its page comes first.
        run(&db, "DELETE FROM session_client").await;
        let page = citizen.browser.open(&party.ask("openid").target()).await;
        let step = page.url.path().to_owned();
        assert!(step.ends_with("/continue"), "{} {:.500}", page.url, page.body);
        let forms = decisions(&page, &["continue"]);
        round("flow end", number, answers(&citizen.browser, &step, &forms)).await;
    }
}

/// A session ends once: of 32 sign-outs, its portal is told once.
pub async fn i1_sign_out(site: &'static Site, rounds: &mut Rounds) {
    let (address, got) = crate::i_logout::listen().await;
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |metadata| {
        metadata["backchannel_logout_uri"] = address.as_str().into();
    });
    for number in rounds {
        got.lock().unwrap().clear();
        citizen.authorize(site, &party.ask("openid"), Way::Passkey).await;
        let page = citizen.browser.open("/account").await;
        let fields = [("csrf", page.csrf()), ("action", "all".to_owned())];
        let mut history = History::of(format!("sign-out, round {number}"));
        history.race(one_form(&citizen.browser, "/logout/all", &fields)).await;
        // Every caller may be told that the person is signed out, for so it is; the portal is told once.
        eventually("a logout token", || async { (!got.lock().unwrap().is_empty()).then_some(()) }).await;
        assert!(!citizen.is_signed_in().await, "round {number}: signed in after a sign-out");
        let due = site.database().await;
        eventually("nothing is left to be sent", || async {
            let left: i64 = due.query("SELECT COUNT(*) FROM outbox WHERE finished_at IS NULL").scalar().await.unwrap();
            (left == 0).then_some(())
        })
        .await;
        assert_eq!(got.lock().unwrap().len(), 1, "round {number}: the portal was told more than once");
    }
}

/// One answer on the stop page lets one act through: here a new set of printed codes.
pub async fn c11_stop_confirmation(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::new(site).await;
    let db = site.database().await;
    run(&db, "UPDATE passkey SET settles_at = created_at").await;
    let browser = &citizen.browser;
    citizen.open_account(site, Way::Passkey).await;
    for number in rounds {
        run(&db, "UPDATE session SET authenticated_at = last_seen_at").await;
        let page = browser.open("/account/stop?for=recovery_codes").await;
        let csrf = page.csrf();
        let answer = [("csrf", csrf.as_str()), ("for", "recovery_codes"), ("answer", "no")];
        assert_eq!(browser.post("/account/stop", &answer).await.header("location"), "/account/recovery-codes");
        let racers: Vec<Browser> = (0..RACERS).map(|_| browser.frozen()).collect();
        let fields = [("csrf", csrf.as_str()), ("action", "renew")];
        let calls = racers.iter().map(async |racer| {
            let page = racer.post("/account/recovery-codes", &fields).await;
            match (page.status, page.header("location")) {
                (303, "/account/recovery-codes/new") => Outcome::Won,
                (303, "/account/stop?for=recovery_codes") => Outcome::Lost("asked again".to_owned()),
                (other, to) => Outcome::Unknown(format!("{other} {to} {:.300}", page.body)),
            }
        });
        round("stop page", number, calls).await;
    }
}

/// The code of a notice about a change of phone cancels it once, for whoever has number and code.
pub async fn c29_notice_code(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::new(site).await;
    let db = site.database().await;
    run(&db, "UPDATE passkey SET settles_at = created_at").await;
    let browser = &citizen.browser;
    let page = citizen.open_account(site, Way::Passkey).await;
    let csrf = page.csrf();
    browser.post("/account/stop", &[("csrf", &csrf), ("for", "phone"), ("answer", "no")]).await;
    let page = browser.open("/account/phone").await;
    let phone = adults().phone;
    let page = browser.submit(&page, "/account/phone", &[("phone", &phone)]).await;
    let code = site.code_for(&phone, 0).await;
    let page = browser.submit(&page, "/account/phone/code", &[("code", &code)]).await;
    assert_eq!(page.status, 200, "{} {:.500}", page.url, page.body);
    let code = eventually("a notice to the old phone", || async {
        let messages = site.messages_to(&citizen.person.phone).await;
        // Eight letters and digits with a hyphen in the middle.
        let texts = messages.iter().filter_map(|message| message["body"].as_str());
        let is_code = |word: &&str| word.len() == 9 && word.as_bytes()[4] == b'-';
        texts.flat_map(|text| text.split([' ', '.', ','])).find(is_code).map(str::to_owned)
    })
    .await;
    let page = Browser::new(site).open("/not-me").await;
    let racers: Vec<Browser> = (0..RACERS).map(|_| browser.frozen()).collect();
    let csrf = page.csrf();
    for number in rounds {
        run(&db, "UPDATE notice_code SET used_at = NULL").await;
        no_pauses(&db).await;
        let fields = [
            ("csrf", csrf.as_str()),
            ("personal_number", citizen.person.number.as_str()),
            ("code", code.as_str()),
            ("action", "end_sessions"),
        ];
        let calls = racers.iter().map(async |racer| {
            let page = racer.post("/not-me", &fields).await;
            match page.status {
                200 => Outcome::Won,
                422 => Outcome::Lost("422".to_owned()),
                other => Outcome::Unknown(format!("{other} {:.300}", page.body)),
            }
        });
        round("code of a notice", number, calls).await;
    }
}
