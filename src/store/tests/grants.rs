use crate::base::{GrantId, SystemEntropy};
use crate::identity::PersonStatus;
use crate::store::client::{self, ClientStatus};
use crate::store::grant::{self, CodeConsumption};
use crate::store::refresh_token::{self, RefreshConsumption};
use crate::store::spent::{self, SpentKind};
use crate::store::testing::{
    at, commit, digest, given_client, given_family, given_grant, given_session, grant as make, on_both,
    refresh_token as token,
};
use crate::store::{person, sweep};

#[tokio::test]
async fn b3_a_code_is_fresh_once_and_spent_ever_after() {
    on_both(|db| async move {
        let (_, _, made) = given_family(&db).await;
        let CodeConsumption::Fresh(fresh) =
            commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, &digest("code")), at(5)))
        else {
            panic!("not fresh")
        };
        assert_eq!(fresh.grant.code_used_at, Some(at(5)));
        assert_eq!((fresh.client_status, fresh.person_status), (ClientStatus::Active, PersonStatus::Active));
        assert_eq!(grant::Grant { code_used_at: None, ..fresh.grant.clone() }, made);
        for seconds in [5, 61, 99_999] {
            let again =
                commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, &digest("code")), at(seconds)));
            assert_eq!(again, CodeConsumption::Spent(fresh.clone()));
        }
        let unknown = commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, &digest("nothing")), at(5)));
        assert_eq!(unknown, CodeConsumption::Unknown);
    })
    .await;
}

#[tokio::test]
async fn t5_an_expired_code_or_one_of_an_ended_grant_is_unknown() {
    on_both(|db| async move {
        let (_, session, made) = given_family(&db).await;
        let code = digest("code");
        assert_eq!(
            commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, &code), at(60))),
            CodeConsumption::Unknown
        );
        assert!(commit!(db, |tx| grant::end(tx, made.id, "signed_out", at(1))));
        assert_eq!(
            commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, &code), at(2))),
            CodeConsumption::Unknown
        );
        let second = given_grant(&db, make(&session, "portal", "second")).await;
        assert!(commit!(db, |tx| grant::burn(tx, second.id, "wrong_verifier", at(3))));
        let burnt = commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, &digest("second")), at(4)));
        let CodeConsumption::Spent(burnt) = burnt else { panic!("{burnt:?}") };
        let burnt = burnt.grant;
        assert_eq!((burnt.ended_at, burnt.ended_reason.as_deref()), (Some(at(3)), Some("wrong_verifier")));
        assert!(!commit!(db, |tx| grant::burn(tx, second.id, "again", at(5))));
    })
    .await;
}

/// B1: what was consumed stays consumed when the request is refused and the transaction committed; a dropped
/// transaction gives it back.
#[tokio::test]
async fn b1_a_consumption_lasts_when_it_is_committed() {
    on_both(|db| async move {
        given_family(&db).await;
        let mut tx = db.begin().await.unwrap();
        assert!(matches!(
            grant::consume_code(&mut tx, (grant::GrantOrigin::Code, &digest("code")), at(1)).await.unwrap(),
            CodeConsumption::Fresh(_)
        ));
        drop(tx);
        assert!(matches!(
            commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, &digest("code")), at(2))),
            CodeConsumption::Fresh(_)
        ));
    })
    .await;
}

#[tokio::test]
async fn e5_a_token_is_judged_with_its_grant_client_and_person_in_one_read() {
    on_both(|db| async move {
        let (owner, _, made) = given_family(&db).await;
        let found = grant::find_for_token(&db, made.id).await.unwrap().unwrap();
        assert_eq!(found.grant, made);
        assert_eq!((found.client_status, found.person_status), (ClientStatus::Active, PersonStatus::Active));
        assert_eq!(grant::find(&db, made.id).await.unwrap().unwrap(), made);
        commit!(db, |tx| client::set_status(tx, "portal", ClientStatus::Disabled, at(1)));
        commit!(db, |tx| person::update_status(tx, owner.id, PersonStatus::Deceased, None, at(1)));
        let found = grant::find_for_token(&db, made.id).await.unwrap().unwrap();
        assert_eq!((found.client_status, found.person_status), (ClientStatus::Disabled, PersonStatus::Deceased));
        assert!(found.grant.is_live(at(86_399)) && !found.grant.is_live(at(86_400)));
        assert!(grant::find_for_token(&db, GrantId::new(at(0), &SystemEntropy)).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn e5_whoever_was_switched_off_meanwhile_shows_in_the_use_of_a_code() {
    on_both(|db| async move {
        let (owner, _, _) = given_family(&db).await;
        commit!(db, |tx| client::set_status(tx, "portal", ClientStatus::Disabled, at(1)));
        commit!(db, |tx| person::update_status(tx, owner.id, PersonStatus::Locked, None, at(1)));
        for _ in 0..2 {
            let used = commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, &digest("code")), at(2)));
            let (CodeConsumption::Fresh(found) | CodeConsumption::Spent(found)) = used else { panic!("{used:?}") };
            assert_eq!((found.client_status, found.person_status), (ClientStatus::Disabled, PersonStatus::Locked));
        }
    })
    .await;
}

#[tokio::test]
async fn e5_one_access_token_is_revoked_and_another_of_its_grant_is_not() {
    on_both(|db| async move {
        let (_, _, made) = given_family(&db).await;
        let revoked = |jti: &'static str| {
            let db = db.clone();
            async move { grant::find_for_access_token(&db, made.id, &digest(jti)).await.unwrap().unwrap().revoked }
        };
        let kind = SpentKind::RevokedAccessToken;
        assert!(commit!(db, |tx| spent::consume(tx, kind, &digest("first"), at(1), at(600))));
        assert!(revoked("first").await && !revoked("second").await);
        let found = grant::find_for_access_token(&db, made.id, &digest("second")).await.unwrap().unwrap().found;
        assert_eq!(Some(found), grant::find_for_token(&db, made.id).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn i2_grants_end_one_by_one_and_by_session_person_and_client() {
    on_both(|db| async move {
        let (owner, session, first) = given_family(&db).await;
        given_client(&db, "other").await;
        let mut offline = make(&session, "portal", "offline");
        offline.offline = true;
        let offline = given_grant(&db, offline).await;
        let elsewhere = given_session(&db, owner.id, "elsewhere").await;
        let third = given_grant(&db, make(&elsewhere, "other", "third")).await;
        assert_eq!(grant::list_active_for_session(&db, session.id, at(1)).await.unwrap().len(), 2);
        assert!(grant::list_active_for_session(&db, session.id, at(86_400)).await.unwrap().is_empty());

        assert_eq!(commit!(db, |tx| grant::end_for_session(tx, session.id, "signed_out", at(2))), 1);
        let left = grant::list_active_for_session(&db, session.id, at(3)).await.unwrap();
        assert_eq!(left.iter().map(|g| g.id).collect::<Vec<_>>(), [offline.id]);
        let ended = grant::find(&db, first.id).await.unwrap().unwrap();
        assert_eq!((ended.ended_at, ended.ended_reason.as_deref()), (Some(at(2)), Some("signed_out")));
        assert!(!commit!(db, |tx| grant::end(tx, first.id, "revoked", at(9))));
        let kept = grant::find(&db, first.id).await.unwrap().unwrap();
        assert_eq!(kept.ended_reason.as_deref(), Some("signed_out"), "the first reason stays");

        assert_eq!(commit!(db, |tx| grant::end_for_client(tx, "other", "disabled", at(4))), 1);
        assert!(!grant::find(&db, third.id).await.unwrap().unwrap().is_live(at(5)));
        let count = commit!(db, |tx| grant::end_for_person_and_client(tx, owner.id, "other", "consent_ended", at(5)));
        assert_eq!(count, 0);
        assert!(grant::find(&db, offline.id).await.unwrap().unwrap().is_live(at(5)));
        assert_eq!(commit!(db, |tx| grant::end_for_person(tx, owner.id, "locked", at(6))), 1);
        assert!(!grant::find(&db, offline.id).await.unwrap().unwrap().is_live(at(7)));
        let fourth = given_grant(&db, make(&elsewhere, "portal", "fourth")).await;
        let count = commit!(db, |tx| grant::end_for_person_and_client(tx, owner.id, "portal", "consent_ended", at(8)));
        assert_eq!(count, 1);
        assert!(!grant::find(&db, fourth.id).await.unwrap().unwrap().is_live(at(9)));
    })
    .await;
}

#[tokio::test]
async fn e1_a_refresh_token_is_fresh_once_and_reused_ever_after() {
    on_both(|db| async move {
        let (_, _, made) = given_family(&db).await;
        let fresh = commit!(db, |tx| refresh_token::consume(tx, &digest("refresh"), at(5)));
        let mut used = token(made.id, "refresh");
        used.used_at = Some(at(5));
        let grant = grant::find_for_token(&db, made.id).await.unwrap().unwrap();
        assert_eq!(grant.grant, made);
        assert_eq!(fresh, RefreshConsumption::Fresh { token: used.clone(), grant: Box::new(grant) });
        let again = commit!(db, |tx| refresh_token::consume(tx, &digest("refresh"), at(6)));
        assert_eq!(again, RefreshConsumption::Reused { grant_id: made.id });
        assert_eq!(refresh_token::find(&db, &digest("refresh")).await.unwrap().unwrap(), used);
        let nothing = commit!(db, |tx| refresh_token::consume(tx, &digest("nothing"), at(6)));
        assert_eq!(nothing, RefreshConsumption::Unknown);
        assert!(refresh_token::find(&db, &digest("nothing")).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn e4_a_refresh_token_dies_by_inactivity_and_with_its_family() {
    on_both(|db| async move {
        let (_, _, made) = given_family(&db).await;
        let refresh = digest("refresh");
        assert_eq!(commit!(db, |tx| refresh_token::consume(tx, &refresh, at(3_600))), RefreshConsumption::Unknown);
        let mut long = token(made.id, "long");
        long.expires_at = at(999_999);
        commit!(db, |tx| refresh_token::insert(tx, &long));
        let late = commit!(db, |tx| refresh_token::consume(tx, &long.digest, at(86_400)));
        assert_eq!(late, RefreshConsumption::Unknown, "past the absolute end of its family");
        assert!(commit!(db, |tx| grant::end(tx, made.id, "revoked", at(10))));
        assert_eq!(commit!(db, |tx| refresh_token::consume(tx, &refresh, at(11))), RefreshConsumption::Unknown);
        assert!(refresh_token::find(&db, &refresh).await.unwrap().unwrap().used_at.is_none());
    })
    .await;
}

#[tokio::test]
async fn families_are_swept_whole_and_only_after_their_end() {
    on_both(|db| async move {
        let (_, session, made) = given_family(&db).await;
        let mut younger = make(&session, "portal", "younger");
        younger.expires_at = at(90_000);
        let younger = given_grant(&db, younger).await;
        commit!(db, |tx| refresh_token::insert(tx, &token(younger.id, "younger")));
        assert_eq!(commit!(db, |tx| sweep::grants(tx, at(86_400), 9)), 0);
        assert_eq!(commit!(db, |tx| sweep::grants(tx, at(86_401), 9)), 1);
        assert!(grant::find(&db, made.id).await.unwrap().is_none());
        assert!(refresh_token::find(&db, &digest("refresh")).await.unwrap().is_none());
        assert!(refresh_token::find(&db, &digest("younger")).await.unwrap().is_some());
        assert_eq!(commit!(db, |tx| sweep::refresh_tokens(tx, at(3_600), 9)), 0);
        assert_eq!(commit!(db, |tx| sweep::refresh_tokens(tx, at(3_601), 9)), 1);
        assert!(grant::find(&db, younger.id).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn i15_what_came_too_late_is_ended_for_good() {
    on_both(|db| async move {
        let (_, session, made) = given_family(&db).await;
        let (code, refresh) = (digest("code"), digest("refresh"));
        let (code_end, token_end) =
            (made.code_expires_at, refresh_token::find(&db, &refresh).await.unwrap().unwrap().expires_at);
        let before = |end: crate::base::Timestamp| end.minus(std::time::Duration::from_secs(1));
        assert_eq!(
            commit!(db, |tx| grant::end_late_code(tx, (grant::GrantOrigin::Code, &code), before(code_end))),
            None
        );
        assert_eq!(commit!(db, |tx| refresh_token::end_late(tx, &refresh, before(token_end))), None);
        assert_eq!(commit!(db, |tx| refresh_token::end_late(tx, &digest("other"), token_end)), None);
        assert_eq!(commit!(db, |tx| refresh_token::end_late(tx, &refresh, token_end)), Some(made.id));
        assert_eq!(commit!(db, |tx| refresh_token::end_late(tx, &refresh, token_end)), None, "ended once");
        assert_eq!(commit!(db, |tx| refresh_token::consume(tx, &refresh, at(1))), RefreshConsumption::Unknown);
        assert_eq!(
            commit!(db, |tx| grant::end_late_code(tx, (grant::GrantOrigin::Code, &code), code_end)),
            None,
            "ended already"
        );

        let other = given_grant(&db, make(&session, "portal", "late")).await;
        let late = digest("late");
        assert_eq!(
            commit!(db, |tx| grant::end_late_code(tx, (grant::GrantOrigin::Code, &late), other.code_expires_at)),
            Some(other.id)
        );
        assert_eq!(
            commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, &late), at(0))),
            CodeConsumption::Unknown
        );
    })
    .await;
}
