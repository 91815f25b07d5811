use crate::base::{CredentialId, SystemEntropy};
use crate::store::password::Password;
use crate::store::testing::{at, commit, digest, given_person, on_both, passkey as make, sent_code as code};
use crate::store::totp::Totp;
use crate::store::{Inserted, passkey, password, recovery_code, sent_code, totp};

#[tokio::test]
async fn passkeys_are_listed_used_renamed_and_removed_by_their_owner() {
    on_both(|db| async move {
        let (owner, other) = (given_person(&db, "owner").await.id, given_person(&db, "other").await.id);
        let (first, mut second) = (make(owner, "one"), make(owner, "two"));
        second.created_at = at(1);
        second.aaguid = None;
        second.transports = Vec::new();
        for key in [&first, &second] {
            assert_eq!(commit!(db, |tx| passkey::insert(tx, key)), Inserted::New);
        }
        assert!(passkey::list_for(&db, owner).await.unwrap() == [first.clone(), second.clone()]);
        assert!(passkey::find_by_credential(&db, b"one").await.unwrap().unwrap() == first);
        assert_eq!(passkey::count_active(&db, owner).await.unwrap(), 2);

        assert!(commit!(db, |tx| passkey::update_after_use(tx, first.id, Some("{\"c\":1}"), false, at(5))));
        assert!(commit!(db, |tx| passkey::update_after_use(tx, first.id, None, true, at(6))));
        let used = passkey::find_by_credential(&db, b"one").await.unwrap().unwrap();
        assert_eq!((used.state.as_str(), used.backed_up, used.last_used_at), ("{\"c\":1}", true, Some(at(6))));

        assert!(!commit!(db, |tx| passkey::rename(tx, other, first.id, "x")));
        assert!(commit!(db, |tx| passkey::rename(tx, owner, first.id, "Máy tính")));
        assert_eq!(passkey::find_by_credential(&db, b"one").await.unwrap().unwrap().name, "Máy tính");

        assert!(!commit!(db, |tx| passkey::end(tx, other, first.id, at(7))));
        assert!(commit!(db, |tx| passkey::end(tx, owner, first.id, at(7))));
        assert!(!commit!(db, |tx| passkey::end(tx, owner, first.id, at(8))));
        assert!(passkey::find_by_credential(&db, b"one").await.unwrap().is_none());
        assert!(!commit!(db, |tx| passkey::update_after_use(tx, first.id, None, true, at(9))));
        assert!(!commit!(db, |tx| passkey::rename(tx, owner, first.id, "y")));
        assert_eq!(passkey::count_active(&db, owner).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn l4_a_credential_id_is_known_over_all_people_also_after_its_removal() {
    on_both(|db| async move {
        let (owner, other) = (given_person(&db, "owner").await.id, given_person(&db, "other").await.id);
        let first = make(owner, "same");
        assert_eq!(commit!(db, |tx| passkey::insert(tx, &first)), Inserted::New);
        assert_eq!(commit!(db, |tx| passkey::insert(tx, &make(other, "same"))), Inserted::AlreadyKnown);
        assert!(commit!(db, |tx| passkey::end(tx, owner, first.id, at(1))));
        assert_eq!(commit!(db, |tx| passkey::insert(tx, &make(other, "same"))), Inserted::AlreadyKnown);
        assert_eq!(passkey::count_active(&db, other).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_password_is_set_replaced_and_rehashed_only_when_unchanged() {
    on_both(|db| async move {
        let person_id = given_person(&db, "An").await.id;
        assert!(password::find(&db, person_id).await.unwrap().is_none());
        let old = Password { person_id, hash: "$argon2id$1".to_owned(), changed_at: at(0) };
        let new = Password { person_id, hash: "$argon2id$2".to_owned(), changed_at: at(1) };
        commit!(db, |tx| password::upsert(tx, &old));
        commit!(db, |tx| password::upsert(tx, &new));
        assert!(password::find(&db, person_id).await.unwrap().unwrap() == new);
        assert!(!commit!(db, |tx| password::rehash(tx, &old, "$argon2id$3")));
        assert!(commit!(db, |tx| password::rehash(tx, &new, "$argon2id$4")));
        let now = password::find(&db, person_id).await.unwrap().unwrap();
        assert_eq!((now.hash.as_str(), now.changed_at), ("$argon2id$4", at(1)));
        assert!(!format!("{now:?}").contains("argon2id"));
    })
    .await;
}

#[tokio::test]
async fn m2_a_totp_step_counts_once_and_never_backwards() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        let app = Totp {
            id: CredentialId::new(at(0), &SystemEntropy),
            person_id: owner,
            secret_sealed: vec![1],
            last_step: None,
            confirmed_at: None,
            created_at: at(0),
            ended_at: None,
        };
        commit!(db, |tx| totp::insert(tx, &app));
        assert!(totp::list_active(&db, owner).await.unwrap() == [app.clone()]);
        assert!(commit!(db, |tx| totp::confirm(tx, app.id, at(1))));
        assert!(!commit!(db, |tx| totp::confirm(tx, app.id, at(2))));
        assert!(commit!(db, |tx| totp::advance_step(tx, app.id, 59_080_440)));
        assert!(!commit!(db, |tx| totp::advance_step(tx, app.id, 59_080_440)));
        assert!(!commit!(db, |tx| totp::advance_step(tx, app.id, 59_080_439)));
        assert!(commit!(db, |tx| totp::advance_step(tx, app.id, 59_080_441)));
        let now = totp::list_active(&db, owner).await.unwrap().remove(0);
        assert_eq!((now.last_step, now.confirmed_at), (Some(59_080_441), Some(at(1))));
        let other = given_person(&db, "other").await.id;
        assert!(!commit!(db, |tx| totp::end(tx, other, app.id, at(3))));
        assert!(commit!(db, |tx| totp::end(tx, owner, app.id, at(3))));
        assert!(!commit!(db, |tx| totp::advance_step(tx, app.id, 59_080_999)));
        assert!(totp::list_active(&db, owner).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn p4_a_recovery_code_works_once_for_its_owner_and_not_after_replacement() {
    on_both(|db| async move {
        let (owner, other) = (given_person(&db, "owner").await.id, given_person(&db, "other").await.id);
        let codes = [digest("a"), digest("b"), digest("c")];
        commit!(db, |tx| recovery_code::replace_all(tx, owner, &codes, at(0), &SystemEntropy));
        assert_eq!(recovery_code::remaining(&db, owner).await.unwrap(), 3);
        assert!(!commit!(db, |tx| recovery_code::consume(tx, other, &digest("a"), at(1))));
        assert!(!commit!(db, |tx| recovery_code::consume(tx, owner, &digest("x"), at(1))));
        assert!(commit!(db, |tx| recovery_code::consume(tx, owner, &digest("a"), at(1))));
        assert!(!commit!(db, |tx| recovery_code::consume(tx, owner, &digest("a"), at(2))));
        assert_eq!(recovery_code::remaining(&db, owner).await.unwrap(), 2);
        commit!(db, |tx| recovery_code::replace_all(tx, owner, &[digest("d")], at(3), &SystemEntropy));
        assert!(!commit!(db, |tx| recovery_code::consume(tx, owner, &digest("b"), at(4))));
        assert_eq!(recovery_code::remaining(&db, owner).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn m1_a_guess_is_counted_before_it_is_compared() {
    on_both(|db| async move {
        let sent = code("flow", None, at(0));
        commit!(db, |tx| sent_code::insert(tx, &sent));
        for left in (0..5).rev() {
            let attempt = commit!(db, |tx| sent_code::attempt(tx, &sent.flow_digest, at(10))).unwrap();
            assert_eq!((attempt.id, attempt.tries_left, attempt.person_id), (sent.id, left, None));
            assert_eq!(attempt.code_digest, sent.code_digest);
        }
        assert!(commit!(db, |tx| sent_code::attempt(tx, &sent.flow_digest, at(10))).is_none());
        assert_eq!(sent_code::latest(&db, &sent.flow_digest).await.unwrap().unwrap().tries_left, 0);
    })
    .await;
}

#[tokio::test]
async fn a_sent_code_is_used_once_and_ends_in_time_and_by_its_successor() {
    on_both(|db| async move {
        let flow = digest("flow");
        assert!(commit!(db, |tx| sent_code::attempt(tx, &flow, at(0))).is_none());
        let first = code("flow", None, at(0));
        let second = code("flow", None, at(40));
        commit!(db, |tx| sent_code::insert(tx, &first));
        commit!(db, |tx| sent_code::insert(tx, &second));
        assert_eq!(sent_code::latest(&db, &flow).await.unwrap().unwrap(), second);
        assert!(!commit!(db, |tx| sent_code::consume(tx, first.id, at(41))), "ended by its successor");
        assert_eq!(commit!(db, |tx| sent_code::attempt(tx, &flow, at(41))).unwrap().id, second.id);
        assert!(!commit!(db, |tx| sent_code::consume(tx, second.id, at(340))), "expired");
        assert!(commit!(db, |tx| sent_code::attempt(tx, &flow, at(340))).is_none());
        assert!(commit!(db, |tx| sent_code::attempt(tx, &flow, at(339))).is_none(), "refused once, refused for good");
        assert!(commit!(db, |tx| sent_code::consume(tx, second.id, at(339))));
        assert!(!commit!(db, |tx| sent_code::consume(tx, second.id, at(339))), "used");
        assert!(commit!(db, |tx| sent_code::attempt(tx, &flow, at(339))).is_none());
    })
    .await;
}
