use crate::base::Timestamp;
use crate::identity::throttling::{Admission, Counter, Rule, admit, after_failure};
use crate::store::testing::{at, commit, digest, given_person, on_both, race};
use crate::store::{spent, sweep, throttle};
use spent::SpentKind;

fn fail(counter: Option<&Counter>, now: Timestamp) -> (Option<Counter>, u32) {
    let next = after_failure(counter, &Rule::SENT_CODE, now);
    (Some(next), next.failures)
}

#[tokio::test]
async fn a_counter_grows_pauses_and_is_cleared() {
    on_both(|db| async move {
        let (scope, subject) = (Rule::SENT_CODE.scope, digest("person"));
        assert!(throttle::read(&db, scope, &subject).await.unwrap().is_none());
        for expected in 1..=5 {
            let now = at(i64::from(expected));
            let failures = commit!(db, |tx| throttle::reserve(tx, scope, &subject, now, |c| fail(c, now)));
            assert_eq!(failures, expected);
        }
        let counter = throttle::read(&db, scope, &subject).await.unwrap().unwrap();
        assert_eq!((counter.failures, counter.first_at, counter.last_at), (5, at(1), at(5)));
        assert_eq!(admit(Some(&counter), &Rule::SENT_CODE, at(6)), Admission::PausedUntil(at(65)));
        assert!(throttle::read(&db, "password:person", &subject).await.unwrap().is_none());
        commit!(db, |tx| throttle::clear(tx, scope, &subject));
        assert!(throttle::read(&db, scope, &subject).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn looking_under_the_lock_leaves_the_counter_as_it_was() {
    on_both(|db| async move {
        let subject = digest("person");
        let look = |counter: Option<&Counter>| (None, counter.copied());
        assert!(commit!(db, |tx| throttle::reserve(tx, "s", &subject, at(0), look)).is_none());
        let rows: i64 = db.query("SELECT COUNT(*) FROM throttle").scalar().await.unwrap();
        assert_eq!(rows, 0);
        commit!(db, |tx| throttle::reserve(tx, "s", &subject, at(1), |c| fail(c, at(1))));
        let seen = commit!(db, |tx| throttle::reserve(tx, "s", &subject, at(2), look)).unwrap();
        assert_eq!((seen.failures, seen.last_at), (1, at(1)));
        assert_eq!(throttle::read(&db, "s", &subject).await.unwrap(), Some(seen));
    })
    .await;
}

/// M1, M4: failures at the same time on two nodes are all counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m1_no_failure_is_lost_in_a_race() {
    on_both(|db| async move {
        let counted = race(&db, |db, _| async move {
            commit!(db, |tx| throttle::reserve(tx, "s", &digest("person"), at(1), |c| fail(c, at(1)))) > 0
        });
        assert_eq!(counted.await, 32);
        assert_eq!(throttle::read(&db, "s", &digest("person")).await.unwrap().unwrap().failures, 32);
    })
    .await;
}

#[tokio::test]
async fn f2_an_artefact_is_spent_once_per_kind() {
    on_both(|db| async move {
        let jti = digest("client:jti");
        let kind = SpentKind::ClientAssertion;
        assert!(!spent::is_spent(&db, kind, &jti).await.unwrap());
        assert!(commit!(db, |tx| spent::consume(tx, kind, &jti, at(0), at(300))));
        assert!(!commit!(db, |tx| spent::consume(tx, kind, &jti, at(1), at(300))));
        assert!(spent::is_spent(&db, kind, &jti).await.unwrap());
        assert!(commit!(db, |tx| spent::consume(tx, SpentKind::PasskeyChallenge, &jti, at(1), at(300))));
        for kind in [SpentKind::InteractionStep, SpentKind::RevokedAccessToken] {
            assert!(!spent::is_spent(&db, kind, &jti).await.unwrap());
        }
    })
    .await;
}

#[tokio::test]
async fn sweeping_takes_only_what_ended_and_in_batches() {
    on_both(|db| async move {
        given_person(&db, "An").await;
        for number in 0..5u8 {
            let digest = digest(&number.to_string());
            let expires_at = at(i64::from(number));
            commit!(db, |tx| spent::consume(tx, SpentKind::ClientAssertion, &digest, at(0), expires_at));
            let mut code = crate::store::testing::sent_code(&number.to_string(), None, at(0));
            code.expires_at = expires_at;
            commit!(db, |tx| crate::store::sent_code::insert(tx, &code));
            commit!(db, |tx| throttle::reserve(tx, "s", &digest, expires_at, |c| fail(c, expires_at)));
        }
        assert_eq!(commit!(db, |tx| sweep::spent_artefacts(tx, at(4), 3)), 3);
        assert_eq!(commit!(db, |tx| sweep::spent_artefacts(tx, at(4), 3)), 1);
        assert!(spent::is_spent(&db, SpentKind::ClientAssertion, &digest("4")).await.unwrap());
        assert_eq!(commit!(db, |tx| sweep::sent_codes(tx, at(4), 3)), 3);
        assert_eq!(commit!(db, |tx| sweep::sent_codes(tx, at(4), 3)), 1);
        assert!(crate::store::sent_code::latest(&db, &digest("4")).await.unwrap().is_some());
        assert_eq!(commit!(db, |tx| sweep::throttles(tx, at(4), 100, 9)), 4);
        assert!(throttle::read(&db, "s", &digest("4")).await.unwrap().is_some());
    })
    .await;
}

/// I8: a counter that has disabled a means, or that still pauses, is not swept away.
#[tokio::test]
async fn i8_counters_that_still_count_are_kept() {
    on_both(|db| async move {
        let counter = |failures, paused_until| Counter { failures, first_at: at(0), last_at: at(0), paused_until };
        for (subject, counter) in [
            ("disabled", counter(100, None)),
            ("paused", counter(5, Some(at(500)))),
            ("past", counter(5, Some(at(50)))),
        ] {
            commit!(db, |tx| throttle::reserve(tx, "s", &digest(subject), at(0), |_| (Some(counter), ())));
        }
        assert_eq!(commit!(db, |tx| sweep::throttles(tx, at(100), 100, 9)), 1);
        assert!(throttle::read(&db, "s", &digest("disabled")).await.unwrap().is_some());
        assert!(throttle::read(&db, "s", &digest("paused")).await.unwrap().is_some());
    })
    .await;
}
