//! Clocks that jump, for the whole process: libfaketime stands between the program and the system's clock.

use crate::harness::{Browser, Citizen, Options, Party, Shape, Site, Store, Way, jose};
use dinhdanh::base::{Clock as _, SystemClock};
use std::path::PathBuf;

on_both_stores!(alone: x18_i15_a_process_whose_clock_jumps_revives_nothing);

const HOUR: i64 = 3_600;
/// The demo keeps a session for an hour without use.
const IDLE: i64 = HOUR;

/// Debian's place for it; `DINHDANH_LIBFAKETIME` names another.
fn library() -> String {
    if let Ok(given) = std::env::var("DINHDANH_LIBFAKETIME") {
        return given;
    }
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    found.expect("libfaketime is not installed: run ./integration-tests/run faults").display().to_string()
}

/// A clock in a file, which every process of an installation looks at.
struct Clock(PathBuf);

impl Clock {
    fn new() -> Self {
        let clock = Self(std::env::temp_dir().join(format!("dinhdanh-clock-{}", crate::harness::random())));
        clock.set(0);
        clock
    }

    fn set(&self, seconds: i64) {
        // Renamed into place: nobody reads half a file.
        let new = self.0.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(new, &self.0).unwrap();
    }

    /// Time that only runs forward, by which the program waits, is left alone, as a step of the clock leaves it.
    fn env(&self) -> Vec<(String, String)> {
        [
            ("LD_PRELOAD", library()),
            ("FAKETIME_TIMESTAMP_FILE", self.0.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// X18, I1, I2, I10, I15: the clock jumps while the program runs and jumps back. What was used stays used, what was
/// revoked stays revoked, what was found too late stays over; a live session outlives a step within its lifetime; and
/// whatever is signed meanwhile is signed with a key that portals can know.
async fn x18_i15_a_process_whose_clock_jumps_revives_nothing(store: Store) {
    // The first keys are older than the longest step back: with younger ones nothing would be signed, rightly (I10).
    let clock = Clock::new();
    clock.set(-3 * HOUR);
    let site = &Site::start(store, Options { env: clock.env(), ..Options::default() }).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    let browser = Browser::new(site);
    clock.set(0);
    for jump in [HOUR, -HOUR, -10] {
        let citizen = Citizen::new(site).await;
        let sign_in = async |scope: &str| {
            let ask = party.ask(scope);
            let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
            let answer = party.redeem(&ask, &code).await.ok();
            (ask, code, answer)
        };
        let (ask, code, revoked) = sign_in("openid offline_access").await;
        let revoked = revoked.text("refresh_token");
        assert_eq!(party.revoke(&revoked).await.status, 200);
        let mut held = sign_in("openid offline_access").await.2.text("refresh_token");
        let unused = party.ask("openid");
        let late_code = citizen.authorize(site, &unused, Way::Passkey).await.code();

        clock.set(jump);
        for _ in 0..2 {
            party.redeem(&ask, &code).await.refused("invalid_grant");
            assert!(!party.is_active(&revoked).await, "I2: {jump} s");
            let renewed = party.refresh(&held).await.ok();
            party.refresh(&held).await.refused("invalid_grant");
            // Reuse ended the family (I1): the next one begins anew, at the time it is now.
            assert!(!party.is_active(&renewed.text("refresh_token")).await, "I1: {jump} s");
            let (_, _, fresh) = sign_in("openid offline_access").await;
            held = fresh.text("refresh_token");
            let jwks = browser.json("/jwks").await;
            for (name, typ) in [("access_token", "at+jwt"), ("id_token", "JWT")] {
                let claims = jose::verified(&fresh.text(name), &jwks, typ);
                let away = claims["iat"].as_i64().unwrap() - SystemClock.now().seconds();
                assert!((away - jump).abs() < 60, "the program's clock is {away} s away, not {jump}");
            }
        }
        let outlived = citizen.is_signed_in().await;
        assert!(outlived, "I15: whoever signed in just now is not signed in, {jump} s");
        if jump >= IDLE {
            party.redeem(&unused, &late_code).await.refused("invalid_grant");
        }

        // Back: the site restarted once on the way, so that nothing rests on memory.
        if jump < 0 {
            site.kill_and_restart();
        }
        clock.set(0);
        party.redeem(&ask, &code).await.refused("invalid_grant");
        assert!(!party.is_active(&revoked).await, "I2: {jump} s and back");
        if jump >= IDLE {
            // It was presented too late, which ended it: an earlier hour does not revive it (I15).
            party.redeem(&unused, &late_code).await.refused("invalid_grant");
        }
        let renewed = party.refresh(&held).await.ok();
        assert!(party.is_active(&renewed.text("refresh_token")).await, "I15: {jump} s and back: a live family is gone");
        if jump > -IDLE {
            // Whoever was last seen an hour ago has been idle for too long, rightly.
            assert!(citizen.is_signed_in().await, "I15: {jump} s and back: a live session is gone");
        }
    }
    assert!(!site.logs().contains("panic"), "X18: a handler panicked");
}
