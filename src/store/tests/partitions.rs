use crate::base::{Presented, SystemEntropy, Timestamp, dated_token, sha256};
use crate::db::{Db, partition::State};
use crate::store::grant::{self, CodeConsumption};
use crate::store::partition::{keep, states};
use crate::store::session;
use crate::store::testing::{
    NOW, another_node, at, commit, digest, given_client, given_family, given_grant, given_person, given_session,
    grant as make, on_both, refresh_token as token, session as make_session,
};
use crate::store::{refresh_token, session_client};
use uuid::Uuid;

const DAY: i64 = 86_400;

/// The names of the parts of a table.
async fn parts(db: &Db, table: &str) -> Vec<String> {
    let text = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass($1) ORDER BY 1";
    db.query(text).bind(table).scalars().await.unwrap()
}

fn is_divided(db: &Db) -> bool {
    matches!(db, Db::Postgres(_))
}

#[tokio::test]
async fn partitions_are_made_ahead_and_once() {
    on_both(|db| async move {
        if is_divided(&db) {
            assert!(states(&db, NOW).await.unwrap().iter().all(|(_, state)| !state.ready));
        }
        let other = another_node(&db).await;
        // Two nodes at once: between them everything is made, and nothing twice.
        let (one, two) = tokio::join!(keep(&db, NOW), keep(&other, NOW));
        drop((one.unwrap(), two.unwrap()));
        keep(&db, NOW).await.unwrap();
        for days in [0, 13] {
            for (table, state) in states(&db, at(days * DAY)).await.unwrap() {
                assert_eq!(state, State { ready: true, strays: false }, "{table} in {days} days");
            }
        }
        let again = keep(&db, NOW).await.unwrap();
        assert!(again.iter().all(|(_, kept)| *kept == crate::db::partition::Kept::default()), "{again:?}");
        if is_divided(&db) {
            let made = ["session_20260212", "session_20260312", "session_default"];
            assert_eq!(parts(&db, "session").await, made);
            assert_eq!(parts(&db, "refresh_token").await.len(), 4);
        }
        other.close().await;
    })
    .await;
}

/// What came before its partition is moved there, and is found by everything it was found by before.
#[tokio::test]
async fn strays_are_moved_and_found_again() {
    on_both(|db| async move {
        let (person, session, made) = given_family(&db).await;
        let sid = Uuid::from_u128(9);
        commit!(db, |tx| session_client::upsert(tx, session.id, "portal", sid, NOW));
        let strays = keep(&db, NOW).await.unwrap().into_iter().filter(|(_, kept)| kept.strays).count();
        // No partition was ready, but all were made for the present before anybody looked for strays: they lay in it.
        assert_eq!(strays, 0);
        assert!(states(&db, NOW).await.unwrap().iter().all(|(_, state)| state.ready && !state.strays));
        // Three years ago there was no partition either.
        let long_ago = Timestamp::from_micros(NOW.micros() - 1_000 * DAY * 1_000_000);
        let mut old = make_session(person.id, "old");
        old.id = crate::base::SessionId::new(long_ago, &SystemEntropy);
        commit!(db, |tx| session::insert(tx, &old));
        let kept = keep(&db, NOW).await.unwrap();
        let strays: Vec<&str> = kept.iter().filter(|(_, kept)| kept.strays).map(|(table, _)| *table).collect();
        assert_eq!(strays, if is_divided(&db) { vec!["session"] } else { vec![] });
        assert_eq!(session::find(&db, old.id).await.unwrap(), Some(old));
        assert_eq!(session::find(&db, session.id).await.unwrap(), Some(session.clone()));
        assert_eq!(session_client::find_by_sid(&db, sid).await.unwrap().unwrap().session_id, session.id);
        assert!(refresh_token::find(&db, &digest("refresh")).await.unwrap().is_some());
        let used = commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, &digest("code")), at(1)));
        assert!(matches!(used, CodeConsumption::Fresh(fresh) if fresh.grant.id == made.id));
    })
    .await;
}

/// A secret that carries its time is found by it; so is one that does not.
#[tokio::test]
async fn secrets_with_and_without_a_time_are_found() {
    on_both(|db| async move {
        keep(&db, NOW).await.unwrap();
        let person = given_person(&db, "Nguyễn Văn An").await;
        given_client(&db, "portal").await;
        let live = given_session(&db, person.id, "cookie").await;
        let cookie = dated_token(live.id.made_at(), &SystemEntropy);
        let mut dated = make_session(person.id, &cookie);
        dated.secret_digest = sha256(cookie.as_bytes());
        commit!(db, |tx| session::insert(tx, &dated));
        for (text, id) in [("cookie", live.id), (cookie.as_str(), dated.id)] {
            let found = session::find_live_by_digest(&db, Presented::of(text), at(1)).await.unwrap();
            assert_eq!(found.map(|found| found.session.id), Some(id), "{text}");
            let late = session::find_late_by_digest(&db, Presented::of(text), at(99 * DAY)).await.unwrap();
            assert_eq!(late.map(|late| late.id), Some(id), "{text}");
        }
        let code = dated_token(NOW, &SystemEntropy);
        let made = given_grant(&db, make(&live, "portal", &code)).await;
        let refresh = dated_token(NOW, &SystemEntropy);
        commit!(db, |tx| refresh_token::insert(tx, &token(made.id, &refresh)));
        let fresh = commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, Presented::of(&code)), at(1)));
        assert!(matches!(fresh, CodeConsumption::Fresh(_)));
        let spent = commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, Presented::of(&code)), at(1)));
        assert!(matches!(spent, CodeConsumption::Spent(_)));
        assert!(refresh_token::find(&db, Presented::of(&refresh)).await.unwrap().is_some());
        // A row is where its secret says, or nowhere.
        let elsewhere = dated_token(at(200 * DAY), &SystemEntropy);
        let lost = given_grant(&db, make(&live, "portal", &elsewhere)).await;
        let unknown =
            commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, Presented::of(&elsewhere)), at(1)));
        assert_eq!(unknown, CodeConsumption::Unknown, "{lost:?}");
    })
    .await;
}

/// I1 while rows move: of many who redeem a code one wins, whatever happens to the tables meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b4_a_code_has_one_winner_while_its_row_moves() {
    on_both(|db| async move {
        let (_, session, _) = given_family(&db).await;
        let other = another_node(&db).await;
        let codes: Vec<String> = (0..24).map(|_| dated_token(session.id.made_at(), &SystemEntropy)).collect();
        for code in &codes {
            let mut grant = make(&session, "portal", code);
            grant.id = crate::base::GrantId::new(session.id.made_at(), &SystemEntropy);
            given_grant(&db, grant).await;
        }
        let mut users = Vec::new();
        for code in &codes {
            for node in [&db, &other, &db, &other] {
                let (node, presented) = (node.clone(), Presented::of(code));
                users.push(tokio::spawn(async move {
                    match commit!(node, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, presented), at(1))) {
                        CodeConsumption::Fresh(_) => 1,
                        CodeConsumption::Spent(_) => 0,
                        CodeConsumption::Unknown => panic!("a row was not there for a moment"),
                    }
                }));
            }
        }
        let mut keepers = Vec::new();
        for node in [&db, &other] {
            let node = node.clone();
            // A lock that cannot be had in time is no failure of anybody else.
            keepers.push(tokio::spawn(async move { drop(keep(&node, NOW).await) }));
        }
        for keeper in keepers {
            keeper.await.unwrap();
        }
        let mut winners = 0;
        for user in users {
            winners += user.await.unwrap();
        }
        assert_eq!(winners, codes.len());
        for _ in 0..20 {
            drop(keep(&db, NOW).await);
        }
        assert!(states(&db, NOW).await.unwrap().iter().all(|(_, state)| !state.strays));
        other.close().await;
    })
    .await;
}

/// A partition stays as long as one row in it has not ended for its retention, and goes then, with those that follow it.
#[tokio::test]
async fn a_partition_goes_when_its_last_row_has_been_over_for_a_month() {
    on_both(|db| async move {
        keep(&db, NOW).await.unwrap();
        let (person, session, _) = given_family(&db).await;
        commit!(db, |tx| session_client::upsert(tx, session.id, "portal", Uuid::from_u128(9), NOW));
        let mut long = make_session(person.id, "long");
        long.expires_at = at(50 * DAY);
        commit!(db, |tx| session::insert(tx, &long));
        for (days, sessions, grants, tokens) in [(29, 2, 1, 0), (55, 2, 0, 0), (80, 2, 0, 0), (81, 0, 0, 0)] {
            keep(&db, at(days * DAY)).await.unwrap();
            if !is_divided(&db) {
                continue;
            }
            let count = async |text: &'static str| db.query(text).scalar::<i64>().await.unwrap();
            assert_eq!(count("SELECT COUNT(*) FROM session").await, sessions, "after {days} days");
            assert_eq!(count("SELECT COUNT(*) FROM session_client").await, sessions / 2, "after {days} days");
            assert_eq!(count("SELECT COUNT(*) FROM authorization_grant").await, grants, "after {days} days");
            assert_eq!(count("SELECT COUNT(*) FROM refresh_token").await, tokens, "after {days} days");
        }
        if is_divided(&db) {
            assert!(!parts(&db, "session").await.contains(&"session_20260212".to_owned()));
        }
        let young = given_session(&db, person.id, "young").await;
        assert!(session::find(&db, young.id).await.unwrap().is_some());
    })
    .await;
}
