//! Stores that are busy, locked, or drop their clients.

use crate::harness::{Browser, Citizen, Options, Party, Shape, Site, Store, Way, eventually};
use futures_util::future::join_all;
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

const CALLERS: usize = 300;

/// X14: hundreds of callers before two connections: served or shed, nothing else; what needs no store is served.
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
        // Other people hold the rows that everybody wants, so that both connections of each process wait.
        let db = site.database().await;
        let mut hold = db.begin().await.unwrap();
        hold.query("UPDATE session SET device = device").execute().await.unwrap();
        let target = party.ask("openid").target();
        let storm = join_all((0..CALLERS).map(|caller| {
            let (citizen, party, token, target) = (&citizen, &party, &token, &target);
            async move {
                if caller % 3 == 0 {
                    party.userinfo(token).await.status
                } else {
                    citizen.browser.get(target).await.status
                }
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
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            hold.rollback();
        };
        let (statuses, worst, ()) = tokio::join!(storm, watch, release);
        let odd: Vec<_> = statuses.iter().filter(|status| ![200, 303, 503].contains(*status)).collect();
        assert!(odd.is_empty(), "X14: {odd:?}");
        assert!(worst.as_secs() < 3, "X14: keys took {worst:?}");
        let shed = statuses.iter().filter(|status| **status == 503).count();
        println!("{shed} of {CALLERS} shed, keys at most {worst:?}");
        assert!(party.is_active(&token).await);
        assert!(citizen.is_signed_in().await);
    });
}
