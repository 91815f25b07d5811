use crate::base::Timestamp;
use crate::db::Db;
use crate::identity::{AuthenticationLevel, Method, PersonStatus};
use crate::store::consent::{self, Consent};
use crate::store::session::{self, Rotation, Session};
use crate::store::testing::{at, commit, digest, given_client, given_person, given_session, on_both};
use crate::store::{person, session_client, subject, sweep};
use uuid::Uuid;

async fn live(db: &Db, secret: &str, now: Timestamp) -> Option<Session> {
    session::find_live_by_digest(db, &digest(secret), now).await.unwrap().map(|found| found.session)
}

#[tokio::test]
async fn a_live_session_comes_with_its_person_in_one_read() {
    on_both(|db| async move {
        let owner = given_person(&db, "Lê Thị Hoa").await;
        let made = given_session(&db, owner.id, "cookie").await;
        let found = session::find_live_by_digest(&db, &digest("cookie"), at(1)).await.unwrap().unwrap();
        assert_eq!(found.session, made);
        assert_eq!((found.person_status, found.full_name.as_str()), (PersonStatus::Active, "Lê Thị Hoa"));
        assert_eq!((found.identity_level, found.language.as_str()), (owner.identity_level, "vi"));
        assert!(!format!("{found:?}").contains("Hoa"));
        assert_eq!(session::find(&db, made.id).await.unwrap().unwrap(), made);
        commit!(db, |tx| person::update_status(tx, owner.id, PersonStatus::Locked, None, at(2)));
        let found = session::find_live_by_digest(&db, &digest("cookie"), at(3)).await.unwrap().unwrap();
        assert_eq!(found.person_status, PersonStatus::Locked);
    })
    .await;
}

/// What a sign-on at a portal rests on, and none of it from another portal, person or sector.
#[tokio::test]
async fn a_live_session_comes_with_what_concerns_one_client_in_the_same_read() {
    on_both(|db| async move {
        let (owner, other) = (given_person(&db, "Hoa").await.id, given_person(&db, "Bình").await.id);
        for client in ["portal", "elsewhere"] {
            given_client(&db, client).await;
        }
        let made = given_session(&db, owner, "cookie").await;
        let find = |client: &'static str, sector: &'static str, now| {
            let db = db.clone();
            async move { session::find_live_for_client(&db, &digest("cookie"), (client, sector), now).await.unwrap() }
        };
        let bare = find("portal", "s", at(1)).await.unwrap();
        assert_eq!((&bare.live.session, bare.visited, &bare.subject), (&made, false, &None));
        assert_eq!(bare.consent("portal"), None);
        assert!(!format!("{bare:?}").contains("Hoa"));

        commit!(db, |tx| session_client::upsert(tx, made.id, "portal", Uuid::from_u128(1), at(1)));
        commit!(db, |tx| subject::get_or_create(tx, "s", owner, "mine", at(1)));
        commit!(db, |tx| subject::get_or_create(tx, "s", other, "others", at(1)));
        let given = Consent {
            person_id: owner,
            client_id: "portal".to_owned(),
            claims: vec!["name".to_owned()],
            refused: vec!["gender".to_owned()],
            given_at: at(1),
            expires_at: at(100),
            ended_at: None,
        };
        commit!(db, |tx| consent::upsert(tx, &given));
        let found = find("portal", "s", at(2)).await.unwrap();
        assert_eq!((found.visited, found.subject.as_deref()), (true, Some("mine")));
        assert_eq!(found.consent("portal"), Some(given));
        let elsewhere = find("elsewhere", "t", at(2)).await.unwrap();
        assert_eq!((elsewhere.visited, elsewhere.subject.as_deref()), (false, None));
        assert_eq!(elsewhere.consent("elsewhere"), None);

        assert!(commit!(db, |tx| consent::end(tx, owner, "portal", at(3))));
        assert!(commit!(db, |tx| session_client::end(tx, made.id, "portal", at(3))));
        let after = find("portal", "s", at(4)).await.unwrap();
        assert!(!after.visited && !after.consent("portal").unwrap().is_in_force(at(4)));
        assert!(find("portal", "s", at(3_600)).await.is_none(), "idle");
        assert!(commit!(db, |tx| session::end(tx, made.id, "signed_out", at(5))));
        assert!(find("portal", "s", at(6)).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn t5_a_session_ends_idle_and_absolutely_and_by_act() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        let made = given_session(&db, owner, "cookie").await;
        assert!(live(&db, "other", at(0)).await.is_none());
        assert!(live(&db, "cookie", at(3_599)).await.is_some());
        assert!(live(&db, "cookie", at(3_600)).await.is_none());
        assert!(commit!(db, |tx| session::touch(tx, made.id, at(3_000), at(90_000))));
        assert!(live(&db, "cookie", at(86_399)).await.is_some());
        assert!(live(&db, "cookie", at(86_400)).await.is_none());
        assert!(commit!(db, |tx| session::end(tx, made.id, "signed_out", at(4_000))));
        assert!(!commit!(db, |tx| session::end(tx, made.id, "again", at(5_000))));
        assert!(live(&db, "cookie", at(0)).await.is_none(), "a clock step back revives nothing (I15)");
        let ended = session::find(&db, made.id).await.unwrap().unwrap();
        assert_eq!((ended.ended_at, ended.ended_reason.as_deref()), (Some(at(4_000)), Some("signed_out")));
    })
    .await;
}

#[tokio::test]
async fn use_is_written_down_at_most_once_a_minute_and_never_back() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        let id = given_session(&db, owner, "cookie").await.id;
        assert!(!commit!(db, |tx| session::touch(tx, id, at(59), at(3_659))));
        assert!(commit!(db, |tx| session::touch(tx, id, at(60), at(3_660))));
        assert!(!commit!(db, |tx| session::touch(tx, id, at(119), at(3_719))));
        assert!(!commit!(db, |tx| session::touch(tx, id, at(120), at(3_000))), "the idle end moves back");
        assert!(!commit!(db, |tx| session::touch(tx, id, at(3_660), at(7_260))), "expired");
        let now = session::find(&db, id).await.unwrap().unwrap();
        assert_eq!((now.last_seen_at, now.idle_expires_at), (at(60), at(3_660)));
    })
    .await;
}

fn rotation(from: &str, to: &str) -> Rotation {
    Rotation {
        old_secret_digest: digest(from),
        secret_digest: digest(to),
        authentication_level: AuthenticationLevel::Two,
        methods: vec![Method::Password, Method::Totp],
        settled: false,
        authenticated_at: at(50),
        idle_expires_at: at(3_650),
        expires_at: at(86_450),
        place: Some("Huế".to_owned()),
    }
}

#[tokio::test]
async fn d3_a_rotated_session_leaves_its_old_cookie_dead() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        let made = given_session(&db, owner, "old").await;
        assert!(commit!(db, |tx| session::rotate(tx, made.id, &rotation("old", "new"), at(50))));
        assert!(live(&db, "old", at(51)).await.is_none());
        let now = live(&db, "new", at(51)).await.unwrap();
        assert_eq!((now.id, now.settled, now.authenticated_at), (made.id, false, at(50)));
        assert_eq!(now.methods, [Method::Password, Method::Totp]);
        assert!(!commit!(db, |tx| session::rotate(tx, made.id, &rotation("old", "third"), at(60))));
        commit!(db, |tx| session::end(tx, made.id, "signed_out", at(70)));
        assert!(!commit!(db, |tx| session::rotate(tx, made.id, &rotation("new", "third"), at(80))));
    })
    .await;
}

#[tokio::test]
async fn i2_ending_all_spares_the_one_named_and_other_people() {
    on_both(|db| async move {
        let (owner, other) = (given_person(&db, "An").await.id, given_person(&db, "other").await.id);
        let (one, two) = (given_session(&db, owner, "one").await.id, given_session(&db, owner, "two").await.id);
        given_session(&db, other, "three").await;
        let listed = session::list_for(&db, owner, at(1)).await.unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(commit!(db, |tx| session::end_all_for(tx, owner, Some(two), "ended_by_person", at(2))), [one]);
        assert!(live(&db, "one", at(3)).await.is_none() && live(&db, "two", at(3)).await.is_some());
        assert_eq!(commit!(db, |tx| session::end_all_for(tx, owner, None, "locked", at(4))), [two]);
        assert!(live(&db, "two", at(5)).await.is_none() && live(&db, "three", at(5)).await.is_some());
        assert!(session::list_for(&db, owner, at(5)).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn each_client_of_a_session_has_its_own_sid() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        let id = given_session(&db, owner, "cookie").await.id;
        for client in ["a", "b"] {
            given_client(&db, client).await;
        }
        let sid = Uuid::from_u128;
        assert_eq!(commit!(db, |tx| session_client::upsert(tx, id, "a", sid(1), at(1))), sid(1));
        assert_eq!(commit!(db, |tx| session_client::upsert(tx, id, "a", sid(2), at(2))), sid(1));
        assert_eq!(commit!(db, |tx| session_client::upsert(tx, id, "b", sid(3), at(3))), sid(3));
        let list = session_client::list(&db, id).await.unwrap();
        assert_eq!(
            list.iter().map(|c| (c.client_id.as_str(), c.sid)).collect::<Vec<_>>(),
            [("a", sid(1)), ("b", sid(3))]
        );
        assert_eq!((list[0].first_at, list[0].last_at), (at(1), at(2)));
        assert_eq!(session_client::find_by_sid(&db, sid(3)).await.unwrap().unwrap().client_id, "b");
        assert!(session_client::find_by_sid(&db, sid(9)).await.unwrap().is_none());
        assert!(commit!(db, |tx| session_client::end(tx, id, "a", at(4))));
        assert!(!commit!(db, |tx| session_client::end(tx, id, "a", at(4))));
        assert_eq!(session_client::list(&db, id).await.unwrap().len(), 1);
        // Signed in again after its own logout: another sid, as another sign-in.
        assert_eq!(commit!(db, |tx| session_client::upsert(tx, id, "a", sid(5), at(6))), sid(5));
        assert_eq!(session_client::list(&db, id).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn sessions_are_swept_with_their_clients() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        given_client(&db, "a").await;
        for secret in ["one", "two", "three"] {
            let id = given_session(&db, owner, secret).await.id;
            commit!(db, |tx| session_client::upsert(tx, id, "a", Uuid::from_u128(1), at(1)));
        }
        assert_eq!(commit!(db, |tx| sweep::sessions(tx, at(86_400), 9)), 0);
        assert_eq!(commit!(db, |tx| sweep::sessions(tx, at(86_401), 2)), 2);
        assert_eq!(commit!(db, |tx| sweep::sessions(tx, at(86_401), 2)), 1);
    })
    .await;
}

#[tokio::test]
async fn i15_a_session_that_ran_out_can_be_found_to_end_it() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        let made = given_session(&db, owner, "cookie").await;
        let late = async |seconds| session::find_late_by_digest(&db, &digest("cookie"), at(seconds)).await.unwrap();
        assert!(late(3_599).await.is_none());
        assert_eq!(late(3_600).await.unwrap().id, made.id);
        assert!(commit!(db, |tx| session::end(tx, made.id, "expired", at(3_600))));
        assert!(late(3_600).await.is_none());
        assert!(live(&db, "cookie", at(10)).await.is_none());
    })
    .await;
}
