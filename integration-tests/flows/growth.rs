//! Years of use: what ended goes, what lives stays, on both stores. Time is walked by days, with the jobs of each.

use crate::kit::{HOA, House, Portal};
use dinhdanh::db::Db;
use dinhdanh::{jobs, store};
use serde_json::Value;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
/// What ended is kept for a month; then the partition's other rows may hold it back: 28 days of them, and for grants the
/// longest family.
const GONE_AFTER: [(&str, u32); 3] = [("session", 90), ("authorization_grant", 150), ("refresh_token", 24)];

async fn count(db: &Db, text: &'static str) -> i64 {
    db.query(text).scalar().await.unwrap()
}

async fn partitions(db: &Db) -> i64 {
    match db {
        Db::Sqlite(_) => 0,
        Db::Postgres(_) => {
            let of_growing = "SELECT COUNT(*) FROM pg_inherits WHERE inhparent IN
                (SELECT oid FROM pg_class WHERE relkind = 'p')";
            count(db, of_growing).await
        }
    }
}

/// A day passes, and its jobs run.
async fn a_day(house: &House) {
    house.after(DAY);
    house.deliver().await;
    jobs::partitions(&house.services).await.unwrap();
    jobs::sweep(&house.services).await.unwrap();
}

async fn sign_in(house: &House, portal: &Portal) -> Value {
    // Codes are not sent one upon another.
    house.after(Duration::from_mins(40));
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    portal.tokens(house, &answer).await
}

async fn walk(house: &House) {
    house.with(&HOA).await;
    let portal = Portal::new(house, "portal-a").await.asking("openid offline_access");
    let db = &house.services.db;
    jobs::partitions(&house.services).await.unwrap();
    let mut held = sign_in(house, &portal).await["refresh_token"].clone();
    let (mut forgotten, mut most_parts) = (Vec::new(), 0);
    for day in 1..=260 {
        a_day(house).await;
        // Somebody signs in now and then and never comes back.
        if day % 20 == 0 {
            forgotten.push(sign_in(house, &portal).await["refresh_token"].clone());
        }
        // Somebody comes every ten days, until the family's 90 days are over.
        if day % 10 == 0 {
            let (status, next) = portal.refresh(house, &held, None).await;
            assert_eq!(status, if day % 90 == 0 { 400 } else { 200 }, "day {day}: {next}");
            held = if status == 200 {
                next["refresh_token"].clone()
            } else {
                sign_in(house, &portal).await["refresh_token"].clone()
            };
            assert!(portal.is_active(house, &held).await, "day {day}");
        }
        most_parts = most_parts.max(partitions(db).await);
    }
    for token in &forgotten[..11] {
        assert!(!portal.is_active(house, token).await);
        assert_eq!(portal.refresh(house, token, None).await.0, 400);
    }
    // A default partition, at most what can matter, and what comes in the next weeks.
    assert!(most_parts < 7 * 9, "{most_parts} partitions");
    for (table, days) in GONE_AFTER {
        let before = house.services.clock.now().minus(DAY * days);
        let text = match table {
            "session" => "SELECT COUNT(*) FROM session WHERE created_at < $1",
            "authorization_grant" => "SELECT COUNT(*) FROM authorization_grant WHERE created_at < $1",
            _ => "SELECT COUNT(*) FROM refresh_token WHERE created_at < $1",
        };
        let left: i64 = db.query(text).bind(before).scalar().await.unwrap();
        assert_eq!(left, 0, "{table} older than {days} days");
    }
    assert!(count(db, "SELECT COUNT(*) FROM authorization_grant").await > 0);
    house.deliver().await;
    assert_eq!(count(db, "SELECT COUNT(*) FROM outbox WHERE finished_at IS NULL").await, 0);

    // Nobody is at work for forty days; then somebody signs in before any job has run.
    house.after(DAY * 40);
    let back = sign_in(house, &portal).await["refresh_token"].clone();
    jobs::partitions(&house.services).await.unwrap();
    jobs::sweep(&house.services).await.unwrap();
    let states = store::partition::states(db, house.services.clock.now()).await.unwrap();
    assert!(states.iter().all(|(_, state)| state.ready && !state.strays), "{states:?}");
    let (status, next) = portal.refresh(house, &back, None).await;
    assert_eq!(status, 200, "{next}");
    assert_eq!(portal.refresh(house, &back, None).await.0, 400, "E1: used once, wherever the row was");
    assert!(!portal.is_active(house, &next["refresh_token"]).await, "E1: the family ended");
}

#[tokio::test]
async fn what_ended_goes_and_what_lives_stays_on_sqlite() {
    walk(&House::new().await).await;
}

#[tokio::test]
async fn what_ended_goes_and_what_lives_stays_on_postgresql() {
    walk(&House::on_postgres().await).await;
}
