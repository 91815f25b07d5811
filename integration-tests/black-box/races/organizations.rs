//! The words of representatives on an organization's account: each is taken once, all of them are seen by whoever comes
//! last, and the account opens or is refused once.

use super::proofs::{no_pauses, run};
use super::{RACERS, Rounds, round};
use crate::harness::{Browser, Citizen, Company, Outcome, Site, everybody_is_proven};
use dinhdanh::db::Db;

async fn count(db: &Db, statement: &'static str) -> i64 {
    db.query(statement).scalar().await.unwrap()
}

/// An application that waits for the word of everybody but its first representative.
async fn waiting(site: &Site, people: &[&Citizen]) -> (Company, Db) {
    let db = site.database().await;
    everybody_is_proven(&db).await;
    let company = Company::of(site, people).await;
    assert_eq!(people[0].apply_for(site, &company.code).await, "organization-waits");
    for citizen in &people[1..] {
        citizen.open_account(site, crate::harness::Way::Passkey).await;
    }
    (company, db)
}

/// As before anybody but the applicant said something; signed in and asked the register just now.
async fn begin_again(db: &Db) {
    run(db, "UPDATE organization SET account = 'pending' WHERE account <> 'pending' AND code NOT LIKE '0199999%'")
        .await;
    let others = "DELETE FROM organization_decision WHERE person_id <> (SELECT d.person_id FROM organization_decision d
         WHERE d.organization_id = organization_decision.organization_id
           AND d.application = organization_decision.application ORDER BY d.decided_at, d.person_id LIMIT 1)";
    run(db, others).await;
    run(db, "DELETE FROM audit_event WHERE kind LIKE 'organization.%'").await;
    run(db, "DELETE FROM notice_code").await;
    run(db, "UPDATE session SET authenticated_at = last_seen_at WHERE authenticated_at < last_seen_at").await;
    no_pauses(db).await;
    fresh(db).await;
}

/// The register was asked just now: the races are about words, not about its answers.
async fn fresh(db: &Db) {
    let now = dinhdanh::base::Clock::now(&dinhdanh::base::SystemClock);
    let mut tx = db.begin().await.unwrap();
    tx.query("UPDATE organization_representative SET as_of = $1, checked_at = $1").bind(now).execute().await.unwrap();
    tx.commit().await.unwrap();
}

/// Sends words of some citizens at once, in turn; the word that settles the application wins.
async fn words((what, number): (&str, usize), path: &str, said: &[(&Citizen, &'static str)]) {
    let mut forms = Vec::new();
    for (citizen, action) in said {
        let csrf = citizen.browser.open("/account").await.csrf();
        if *action == "agree" {
            let about = path.rsplit('/').next().unwrap();
            let answer = [("csrf", csrf.as_str()), ("for", "organization_agree"), ("about", about), ("answer", "no")];
            citizen.browser.post("/account/stop", &answer).await;
        }
        forms.push((&citizen.browser, csrf, *action));
    }
    let racers: Vec<(Browser, &str, &str)> = (0..RACERS)
        .map(|place| &forms[place % forms.len()])
        .map(|(browser, csrf, action)| (browser.frozen(), csrf.as_str(), *action))
        .collect();
    let calls = racers.iter().map(async |(racer, csrf, action)| {
        let page = racer.post(path, &[("csrf", csrf), ("action", action)]).await;
        match (page.status, page.header("location")) {
            (
                303,
                "/account/organizations?done=organization-opened" | "/account/organizations?done=organization-refused",
            ) => Outcome::Won,
            (303, "/account/organizations?done=organization-waits" | "/account/organizations") => {
                Outcome::Lost(page.header("location").to_owned())
            }
            // The answer on the stop page is used up.
            (303, to) if to.starts_with("/account/stop?for=organization_agree") => Outcome::Lost(to.to_owned()),
            (other, to) => Outcome::Unknown(format!("{other} {to} {:.300}", page.body)),
        }
    });
    round(what, number, calls).await;
}

/// Two representatives agree at once: the account opens, once, whichever of them was last.
pub async fn i1_agreements_at_once(site: &'static Site, rounds: &mut Rounds) {
    let people = [Citizen::new(site).await, Citizen::new(site).await, Citizen::new(site).await];
    let [minh, hoa, lan] = &people;
    let (_company, db) = waiting(site, &[minh, hoa, lan]).await;
    let [path] = hoa.organizations(site).await.try_into().expect("one organization");
    for number in rounds {
        begin_again(&db).await;
        words(("agreements", number), &path, &[(hoa, "agree"), (lan, "agree")]).await;
        assert_eq!(count(&db, "SELECT COUNT(*) FROM audit_event WHERE kind = 'organization.agreed'").await, 2);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM audit_event WHERE kind = 'organization.opened'").await, 1);
    }
}

/// One says yes and no at once, and so do two: one word of each is taken, and one of them settles it.
pub async fn i1_agreeing_and_refusing_at_once(site: &'static Site, rounds: &mut Rounds) {
    let people = [Citizen::new(site).await, Citizen::new(site).await, Citizen::new(site).await];
    let [minh, hoa, lan] = &people;
    let (_pair, db) = waiting(site, &[minh, hoa]).await;
    let [pair] = hoa.organizations(site).await.try_into().expect("one organization");
    let (_three, _) = waiting(site, &[minh, hoa, lan]).await;
    let [three] = lan.organizations(site).await.try_into().expect("one organization");
    for number in rounds {
        begin_again(&db).await;
        words(("yes and no of one", number), &pair, &[(hoa, "agree"), (hoa, "refuse")]).await;
        let said = "SELECT COUNT(*) FROM audit_event WHERE kind IN ('organization.agreed', 'organization.refused')";
        assert_eq!(count(&db, said).await, 1, "round {number}: both words were taken");
        begin_again(&db).await;
        // A no is a no, whoever was first: the yes that comes after it is not taken any more.
        words(("yes and no of two", number), &three, &[(hoa, "agree"), (lan, "refuse")]).await;
        let refused = "SELECT COUNT(*) FROM audit_event WHERE kind = 'organization.refused'";
        let opened = "SELECT COUNT(*) FROM audit_event WHERE kind = 'organization.opened'";
        assert_eq!((count(&db, refused).await, count(&db, opened).await), (1, 0), "round {number}");
    }
}

/// Both representatives apply at once, each many times, after an application that was refused: one new application, in
/// which the word of each counts once, and the second opens the account.
pub async fn i1_applying_at_once(site: &'static Site, rounds: &mut Rounds) {
    let people = [Citizen::new(site).await, Citizen::new(site).await];
    let [minh, hoa] = &people;
    let (company, db) = waiting(site, &[minh, hoa]).await;
    let highest = "SELECT MAX(application) FROM organization";
    for number in rounds {
        begin_again(&db).await;
        let before = i64::from(db.query(highest).scalar::<i32>().await.unwrap());
        run(&db, "UPDATE organization SET account = 'refused' WHERE account = 'pending'").await;
        let mut forms = Vec::new();
        for citizen in [minh, hoa] {
            let csrf = citizen.browser.open("/account").await.csrf();
            let answer = [("csrf", csrf.as_str()), ("for", "organization"), ("answer", "no")];
            let told = citizen.browser.post("/account/stop", &answer).await;
            assert_eq!(told.header("location"), "/account/organizations/add");
            forms.push((&citizen.browser, csrf));
        }
        let racers: Vec<(Browser, &str)> = (0..RACERS)
            .map(|place| &forms[place % forms.len()])
            .map(|(browser, csrf)| (browser.frozen(), csrf.as_str()))
            .collect();
        let calls = racers.iter().map(async |(racer, csrf)| {
            let fields = [("csrf", *csrf), ("organization_code", company.code.as_str())];
            let page = racer.post("/account/organizations/add", &fields).await;
            match (page.status, page.header("location")) {
                (303, "/account/organizations?done=organization-opened") => Outcome::Won,
                // The other's word is waited for; the answer on the stop page is used up; too many tries at once.
                (303, "/account/organizations?done=organization-waits" | "/account/stop?for=organization") => {
                    Outcome::Lost(page.header("location").to_owned())
                }
                (422, _) => Outcome::Lost("422".to_owned()),
                (other, to) => Outcome::Unknown(format!("{other} {to} {:.300}", page.body)),
            }
        });
        round("applying", number, calls).await;
        let after = i64::from(db.query(highest).scalar::<i32>().await.unwrap());
        assert_eq!(after, before + 1, "round {number}: one new application");
        assert_eq!(count(&db, "SELECT COUNT(*) FROM audit_event WHERE kind = 'organization.applied'").await, 2);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM audit_event WHERE kind = 'organization.opened'").await, 1);
    }
}
