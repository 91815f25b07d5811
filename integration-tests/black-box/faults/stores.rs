//! Stores that are busy, locked, or drop their clients.

use super::limits::status_of;
use crate::harness::{Browser, Citizen, Options, Party, Shape, Site, Store, Way, eventually};
use futures_util::future::join_all;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// X13: a row that somebody holds costs a bounded wait and a 503; the same request then works, once.
#[test]
fn x13_a_held_lock_is_a_503_and_the_same_request_works_later() {
    crate::harness::in_runtime(async {
        let site = &Site::start(Store::Postgres, Options::default()).await;
        let citizen = Citizen::new(site).await;
        let party = Party::register(site, Shape::Basic, |_| {});
        let ask = party.ask("openid offline_access");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let db = site.database().await;
        let mut held = db.begin().await.unwrap();
        held.query("UPDATE authorization_grant SET nonce = nonce").execute().await.unwrap();
        let started = Instant::now();
        let answer = party.redeem(&ask, &code).await;
        assert_eq!((answer.status, answer.error()), (503, "temporarily_unavailable"), "{}", answer.page.body);
        assert!(started.elapsed().as_secs() < 12, "X13: {:?}", started.elapsed());
        held.rollback();
        let refresh = party.redeem(&ask, &code).await.ok().text("refresh_token");
        assert!(party.is_active(&refresh).await);
        // Every connection of the program is ended by the server, as an operator or a failover does.
        let ended: i64 = db
            .query(
                "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .scalar()
            .await
            .unwrap();
        assert!(ended > 0);
        let browser = Browser::new(site);
        let started = Instant::now();
        eventually("ready again", || async { (browser.get("/health/ready").await.status == 200).then_some(()) }).await;
        assert!(started.elapsed().as_secs() < 5, "X13: {:?}", started.elapsed());
        assert!(party.is_active(&refresh).await, "I3");
        party.redeem(&ask, &code).await.refused("invalid_grant");
    });
}

const CALLERS: usize = 500;
/// What the storm may add to a process, in kB: a request under way takes some hundred.
const MEMORY_KB: i64 = 96 * 1024;

/// X14: a storm of connections before two connections to the store: served or shed with a word when to come again,
/// nothing else; what needs no store is served, memory stays bounded, and when it is over everything works.
#[test]
fn x14_an_exhausted_pool_sheds_and_verification_goes_on() {
    crate::harness::in_runtime(async {
        let env = vec![("DINHDANH_DATABASE__MAX_CONNECTIONS".to_owned(), "2".to_owned())];
        let site = &Site::start(Store::Postgres, Options { env, ..Options::default() }).await;
        let citizen = Citizen::new(site).await;
        let party = Party::register(site, Shape::Basic, |_| {});
        let ask = party.ask("openid offline_access");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let held = party.redeem(&ask, &code).await.ok();
        let token = held.text("access_token");
        let memory = || site.processes().into_iter().map(|process| status_of(process, "VmRSS")).collect::<Vec<_>>();
        let before = memory();
        // Other people hold the rows that everybody wants, so that both connections of each process wait.
        let db = site.database().await;
        let mut hold = db.begin().await.unwrap();
        hold.query("UPDATE session SET device = device").execute().await.unwrap();
        let target = party.ask("openid").target();
        let turned_away = AtomicUsize::new(0);
        let storm = join_all((0..CALLERS).map(|caller| {
            let (citizen, party, token, target, turned_away) = (&citizen, &party, &token, &target, &turned_away);
            async move {
                let page =
                    if caller % 3 == 0 { party.userinfo(token).await.page } else { citizen.browser.get(target).await };
                let again: u32 = page.header("retry-after").parse().unwrap_or(0);
                turned_away.fetch_add(usize::from(page.status == 503), Ordering::Relaxed);
                (page.status, again)
            }
        }));
        let watch = async {
            let browser = Browser::new(site);
            let mut worst = std::time::Duration::ZERO;
            for _ in 0..20 {
                let started = Instant::now();
                assert_eq!(browser.get("/jwks").await.status, 200, "I11");
                assert_eq!(browser.get("/health/live").await.status, 200, "I11");
                worst = worst.max(started.elapsed());
            }
            worst
        };
        let release = async {
            // Until somebody waited in vain.
            let somebody = || async { (turned_away.load(Ordering::Relaxed) > 0).then_some(()) };
            eventually("X14: somebody is shed", somebody).await;
            let during = memory();
            hold.rollback();
            during
        };
        let (answers, worst, during) = tokio::join!(storm, watch, release);
        let odd: Vec<_> = answers.iter().filter(|(status, _)| ![200, 303, 503].contains(status)).collect();
        assert!(odd.is_empty(), "X14: {odd:?}");
        assert!(worst.as_secs() < 3, "X14: keys took {worst:?}");
        let shed: Vec<_> = answers.iter().filter(|(status, _)| *status == 503).collect();
        assert!(!shed.is_empty(), "X14: nobody was shed");
        assert!(
            shed.iter().all(|(_, again)| (1..=120).contains(again)),
            "X14: when to come again is not said: {shed:?}"
        );
        let grown: Vec<i64> = during.iter().zip(&before).map(|(during, before)| during - before).collect();
        println!("{} of {CALLERS} shed, keys at most {worst:?}, memory grew by {grown:?} kB", shed.len());
        assert!(grown.iter().all(|grown| *grown < MEMORY_KB), "X14: memory grew by {grown:?} kB");
        // It passes, and nothing of it stays.
        let browser = Browser::new(site);
        eventually("ready again", || async { (browser.get("/health/ready").await.status == 200).then_some(()) }).await;
        assert!(party.is_active(&token).await);
        assert!(citizen.is_signed_in().await);
        let after = join_all((0..20).map(|_| party.userinfo(&token))).await;
        assert!(after.iter().all(|answer| answer.status == 200), "X14: it does not recover");
        let ask = party.ask("openid");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        party.redeem(&ask, &code).await.ok();
    });
}
