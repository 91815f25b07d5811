//! The account area's rows, on both engines.

use crate::audit::{AccountEvent, Entry, Event, Word};
use crate::base::{AuditId, RowId, SystemEntropy};
use crate::identity::PersonStatus;
use crate::store::incident_report::{IncidentReport, ReportAction};
use crate::store::person_setting::NoticeChannel;
use crate::store::phone_change::{PhoneChange, PhoneChangeOutcome};
use crate::store::testing::{
    at, commit, digest, given_client, given_person, given_session, on_both, passkey as make_passkey, race, session,
};
use crate::store::{
    Inserted, audit, contact, incident_report, notice_code, passkey, person, person_setting, phone_change,
    recovery_code, session as session_rows, session_client,
};

fn change(owner: crate::base::PersonId) -> PhoneChange {
    PhoneChange {
        id: RowId::new(at(0), &SystemEntropy),
        person_id: owner,
        session_id: session(owner, "s").id,
        value_sealed: vec![1],
        value_index: digest("phone"),
        created_at: at(0),
        effective_at: at(60),
        ended_at: None,
        outcome: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i1_of_all_removals_at_once_the_last_way_stays() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        for key in 0..8 {
            assert_eq!(commit!(db, |tx| passkey::insert(tx, &make_passkey(owner, &format!("k{key}")))), Inserted::New);
        }
        let keys: Vec<_> = passkey::list_for(&db, owner).await.unwrap().iter().map(|key| key.id).collect();
        let removed = race(&db, move |db, number| {
            let key = keys[number % keys.len()];
            async move {
                let mut tx = db.begin().await.unwrap();
                assert!(person::hold(&mut tx, owner).await.unwrap());
                let others = passkey::count_active(&mut tx, owner).await.unwrap() > 1;
                let mine = others && passkey::end(&mut tx, owner, key, at(1)).await.unwrap();
                tx.commit().await.unwrap();
                mine
            }
        });
        assert_eq!(removed.await, 7);
        assert_eq!(passkey::count_active(&db, owner).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i1_a_waiting_change_of_phone_is_applied_or_cancelled_once() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        for _ in 0..5 {
            let change = change(owner);
            let id = change.id;
            commit!(db, |tx| phone_change::insert(tx, &change));
            let ended = race(&db, move |db, number| async move {
                if number % 3 == 0 {
                    commit!(db, |tx| phone_change::apply(tx, id, at(61))).is_some()
                } else {
                    commit!(db, |tx| phone_change::end(tx, owner, PhoneChangeOutcome::Cancelled, at(1))).is_some()
                }
            });
            assert_eq!(ended.await, 1);
        }
    })
    .await;
}

#[tokio::test]
async fn one_change_of_phone_waits_for_each_person_and_is_due_in_time() {
    on_both(|db| async move {
        let (owner, other) = (given_person(&db, "owner").await.id, given_person(&db, "other").await.id);
        let first = change(owner);
        commit!(db, |tx| phone_change::insert(tx, &first));
        commit!(db, |tx| phone_change::insert(tx, &change(other)));
        let mut tx = db.begin().await.unwrap();
        assert!(phone_change::insert(&mut tx, &change(owner)).await.is_err(), "a second one");
        drop(tx);
        assert!(phone_change::list_due(&db, at(59), 10).await.unwrap().is_empty());
        assert_eq!(phone_change::list_due(&db, at(60), 10).await.unwrap().len(), 2);
        assert!(phone_change::waiting(&db, owner).await.unwrap().unwrap() == first);
        let ended = commit!(db, |tx| phone_change::end(tx, owner, PhoneChangeOutcome::Replaced, at(5))).unwrap();
        assert_eq!((ended.ended_at, ended.outcome), (Some(at(5)), Some(PhoneChangeOutcome::Replaced)));
        assert!(phone_change::waiting(&db, owner).await.unwrap().is_none());
        assert!(commit!(db, |tx| phone_change::apply(tx, first.id, at(61))).is_none());
        commit!(db, |tx| phone_change::insert(tx, &change(owner)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i1_a_notice_code_has_one_winner_its_owner_in_time() {
    on_both(|db| async move {
        let (owner, other) = (given_person(&db, "owner").await.id, given_person(&db, "other").await.id);
        let code = digest("code");
        let id = RowId::new(at(0), &SystemEntropy);
        commit!(db, |tx| notice_code::insert(tx, (id, owner), &code, at(0), at(60)));
        assert!(!commit!(db, |tx| notice_code::consume(tx, other, &code, at(1))));
        assert!(!commit!(db, |tx| notice_code::consume(tx, owner, &code, at(60))));
        let used =
            race(&db, move |db, _| async move { commit!(db, |tx| notice_code::consume(tx, owner, &code, at(1))) });
        assert_eq!(used.await, 1);
        assert_eq!(commit!(db, |tx| crate::store::sweep::notice_codes(tx, at(61), 10)), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_person_is_frozen_once_and_opened_only_for_the_same_reason() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        let step = (PersonStatus::Active, PersonStatus::Locked);
        let frozen = race(&db, move |db, _| async move {
            commit!(db, |tx| person::change_status(tx, owner, step, Some("frozen_by_person"), at(1)))
        });
        assert_eq!(frozen.await, 1);
        assert!(!commit!(db, |tx| person::hold(tx, owner)));
        assert!(!commit!(db, |tx| person::unlock(tx, owner, "court_order", at(2))));
        assert!(commit!(db, |tx| person::unlock(tx, owner, "frozen_by_person", at(2))));
        assert!(!commit!(db, |tx| person::unlock(tx, owner, "frozen_by_person", at(3))));
        assert!(commit!(db, |tx| person::hold(tx, owner)));
    })
    .await;
}

#[tokio::test]
async fn reports_settings_and_code_sets_are_read_back() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        assert_eq!(person_setting::channel(&db, owner).await.unwrap(), NoticeChannel::All);
        for channel in [NoticeChannel::Sms, NoticeChannel::Email] {
            commit!(db, |tx| person_setting::upsert(tx, owner, channel, at(1)));
            assert_eq!(person_setting::channel(&db, owner).await.unwrap(), channel);
        }
        let report = IncidentReport {
            id: RowId::new(at(0), &SystemEntropy),
            number: "4TZ8-11KD".to_owned(),
            person_id: owner,
            about: Some(AuditId::new(at(0), &SystemEntropy)),
            action: ReportAction::Freeze,
            created_at: at(0),
        };
        commit!(db, |tx| incident_report::insert(tx, &report));
        assert_eq!(incident_report::find(&db, "4TZ8-11KD").await.unwrap(), Some(report));
        assert_eq!(incident_report::find(&db, "4TZ8-11KE").await.unwrap(), None);
        assert_eq!(recovery_code::made_at(&db, owner).await.unwrap(), None);
        commit!(db, |tx| recovery_code::replace_all(tx, owner, &[digest("a")], at(7), &SystemEntropy));
        assert_eq!(recovery_code::made_at(&db, owner).await.unwrap(), Some(at(7)));
        assert_eq!(commit!(db, |tx| recovery_code::end_all(tx, owner, at(8))), 1);
        assert_eq!(recovery_code::remaining(&db, owner).await.unwrap(), 0);
        assert!(commit!(db, |tx| person::update_language(tx, owner, "en", at(9))));
        assert_eq!(person::get(&db, owner).await.unwrap().language, "en");
    })
    .await;
}

/// C28: what an officer looked at is in the trail of the person, on both engines, and of nobody else.
#[tokio::test]
async fn c28_an_officers_look_is_found_by_its_person() {
    on_both(|db| async move {
        let (owner, other) = (given_person(&db, "An").await.id, given_person(&db, "other").await.id);
        for (seconds, full_number) in [(1, false), (2, true)] {
            let look = AccountEvent::Viewed { reason: Word::new("help_line"), full_number };
            let entry = Entry::new(AuditId::new(at(seconds), &SystemEntropy), at(seconds), look).person(owner);
            commit!(db, |tx| audit::append(tx, &entry));
        }
        let found = audit::list_for_person(&db, owner, None, 10).await.unwrap();
        let looks: Vec<_> = found
            .iter()
            .filter_map(|entry| match &entry.event {
                Event::Account(AccountEvent::Viewed { reason, full_number }) => {
                    Some((entry.at, reason.as_str().to_owned(), *full_number))
                }
                _ => None,
            })
            .collect();
        assert_eq!(looks, [(at(2), "help_line".to_owned(), true), (at(1), "help_line".to_owned(), false)]);
        assert!(audit::list_for_person(&db, other, None, 10).await.unwrap().is_empty());
    })
    .await;
}

/// C21: the portals of all sessions, the one used last first, and which of them are open.
#[tokio::test]
async fn c21_the_portals_a_person_used_are_those_of_all_sessions() {
    on_both(|db| async move {
        let (owner, other) = (given_person(&db, "An").await.id, given_person(&db, "other").await.id);
        for id in ["a", "b", "c"] {
            given_client(&db, id).await;
        }
        let (old, new) = (given_session(&db, owner, "old").await.id, given_session(&db, owner, "new").await.id);
        let foreign = given_session(&db, other, "foreign").await.id;
        for (session, client, seconds) in [(old, "a", 1), (old, "b", 2), (new, "a", 3), (foreign, "c", 4)] {
            let sid = uuid::Uuid::from_u128(u128::try_from(seconds).unwrap());
            commit!(db, |tx| session_client::upsert(tx, session, client, sid, at(seconds)));
        }
        commit!(db, |tx| session_rows::end(tx, old, "by_person", at(5)));
        let used = session_client::list_used(&db, owner, at(6)).await.unwrap();
        let seen: Vec<_> = used.iter().map(|one| (one.client_id.as_str(), one.last_at, one.open)).collect();
        assert_eq!(seen, [("a", at(3), 1), ("b", at(2), 0)]);
    })
    .await;
}

/// C23: of several changes of an address the first one's end is found.
#[tokio::test]
async fn c23_the_address_before_a_change_is_the_one_that_ended_first() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        for (name, begun, ended) in [("old", 0, Some(100)), ("thief", 100, Some(150)), ("thief2", 150, None)] {
            let row = contact::Contact {
                id: crate::base::ContactId::new(at(begun), &SystemEntropy),
                person_id: owner,
                kind: contact::ContactKind::Email,
                value_sealed: name.as_bytes().to_vec(),
                value_index: digest(name),
                verified_at: Some(at(begun)),
                ended_at: ended.map(at),
                created_at: at(begun),
            };
            commit!(db, |tx| contact::insert(tx, &row));
        }
        let kind = contact::ContactKind::Email;
        let before = contact::first_ended_since(&db, (owner, kind), at(90)).await.unwrap().unwrap();
        assert_eq!(before.value_sealed, b"old");
        assert!(contact::first_ended_since(&db, (owner, kind), at(151)).await.unwrap().is_none());
        let phone = contact::ContactKind::Phone;
        assert!(contact::first_ended_since(&db, (owner, phone), at(0)).await.unwrap().is_none());
    })
    .await;
}
