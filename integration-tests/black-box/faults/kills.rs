//! Processes that end in the middle of everything.

use super::load::Load;
use crate::harness::{Options, OwnPostgres, Site, Store, random};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

on_both_stores!(alone: x1_kill_9_at_random_instants_breaks_no_promise);

/// Cycles of each store, in CI; `DINHDANH_KILL_CYCLES` counts those of both.
fn cycles() -> usize {
    std::env::var("DINHDANH_KILL_CYCLES").map_or(20, |text| text.parse::<usize>().expect("a number of cycles")) / 2
}

/// Between nothing and a quarter of a second.
fn a_moment() -> Duration {
    let byte = random().bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    Duration::from_millis(20 + byte % 230)
}

async fn x1_kill_9_at_random_instants_breaks_no_promise(store: Store) {
    let site = &Site::start(store, Options::default()).await;
    let load = &Load::new(site).await;
    let mut slowest = Duration::ZERO;
    for cycle in 0..cycles() {
        let stop = AtomicBool::new(false);
        let killer = async {
            tokio::time::sleep(a_moment()).await;
            site.kill();
            stop.store(true, Ordering::Relaxed);
        };
        tokio::join!(load.run(&stop), killer);
        let started = Instant::now();
        site.begin_again();
        slowest = slowest.max(started.elapsed());
        load.check(site).await;
        assert!(slowest < Duration::from_secs(15), "cycle {cycle}: ready only after {slowest:?}");
    }
    assert!(load.count() > 0, "nothing was under way when it was killed");
    println!("{store:?}: {} kills, {} sign-ins acknowledged, slowest start {slowest:?}", cycles(), load.count());
}

/// X9: the database server crashes; the program stays, and works again within seconds of its return.
#[test]
fn x9_a_crash_of_postgresql_breaks_no_promise() {
    crate::harness::in_runtime(async {
        let server = OwnPostgres::start();
        let options = Options { server: Some(server.url()), ..Options::default() };
        let site = &Site::start(Store::Postgres, options).await;
        let load = &Load::new(site).await;
        let browser = crate::harness::Browser::new(site);
        let mut slowest = Duration::ZERO;
        for _ in 0..3 {
            let stop = AtomicBool::new(false);
            let director = async {
                tokio::time::sleep(a_moment()).await;
                server.crash();
                // I11, I9: keys are served without any store; what needs one says 503.
                assert_eq!(browser.get("/jwks").await.status, 200);
                assert_eq!(browser.get("/health/live").await.status, 200);
                assert_eq!(browser.get("/health/ready").await.status, 503);
                server.begin();
                let started = Instant::now();
                crate::harness::eventually("ready again", || async {
                    (browser.get("/health/ready").await.status == 200).then_some(())
                })
                .await;
                slowest = slowest.max(started.elapsed());
                stop.store(true, Ordering::Relaxed);
            };
            tokio::join!(load.run(&stop), director);
            load.check(site).await;
        }
        assert!(slowest < Duration::from_secs(10), "X9: ready only {slowest:?} after the database");
        assert!(load.count() > 0);
    });
}
