use crate::audit::{Entry, GrantEvent, SignInEvent, Word};
use crate::base::{AuditId, DisclosureId, OutboxId, RowId, SystemEntropy};
use crate::store::delivery::{self, Delivery};
use crate::store::disclosure::{self, Disclosure};
use crate::store::outbox::{self, Claim, Outcome};
use crate::store::test_message::{self, TestMessage};
use crate::store::testing::{at, commit, given_family, given_person, on_both, outbox_message as message};
use crate::store::{audit, sweep};
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn due_messages_are_claimed_oldest_first_and_wait_out_their_lease() {
    on_both(|db| async move {
        let (old, new, later) = (message(at(1)), message(at(2)), message(at(100)));
        for one in [&new, &later, &old] {
            commit!(db, |tx| outbox::insert(tx, one));
        }
        let first = commit!(db, |tx| outbox::claim_due(tx, 1, at(10), LEASE));
        assert_eq!(first.iter().map(|m| (m.id, m.attempts)).collect::<Vec<_>>(), [(old.id, 1)]);
        assert_eq!(first[0].payload_sealed, old.payload_sealed);
        let second = commit!(db, |tx| outbox::claim_due(tx, 9, at(10), LEASE));
        assert_eq!(second.iter().map(|m| m.id).collect::<Vec<_>>(), [new.id]);
        assert!(commit!(db, |tx| outbox::claim_due(tx, 9, at(39), LEASE)).is_empty());
        let again = commit!(db, |tx| outbox::claim_due(tx, 9, at(40), LEASE));
        assert_eq!(again.iter().map(|m| m.attempts).collect::<Vec<_>>(), [2, 2], "the lease ended");
    })
    .await;
}

#[tokio::test]
async fn x4_only_the_newest_claim_ends_a_message() {
    on_both(|db| async move {
        let one = message(at(1));
        commit!(db, |tx| outbox::insert(tx, &one));
        let stale = commit!(db, |tx| outbox::claim_due(tx, 1, at(10), LEASE))[0].claim();
        let newest = commit!(db, |tx| outbox::claim_due(tx, 1, at(40), LEASE))[0].claim();
        assert_eq!((stale.attempt, newest), (1, Claim { id: one.id, attempt: 2 }));
        assert!(!commit!(db, |tx| outbox::finish(tx, stale, Outcome::Delivered, None, at(41))));
        assert!(!commit!(db, |tx| outbox::reschedule(tx, stale, at(50), "timeout")));
        assert!(commit!(db, |tx| outbox::reschedule(tx, newest, at(50), "timeout")));
        assert!(commit!(db, |tx| outbox::claim_due(tx, 1, at(49), LEASE)).is_empty());
        let third = commit!(db, |tx| outbox::claim_due(tx, 1, at(50), LEASE));
        assert_eq!(third[0].last_error.as_deref(), Some("timeout"));
        assert!(commit!(db, |tx| outbox::finish(tx, third[0].claim(), Outcome::GivenUp, Some("http_500"), at(51))));
        assert!(!commit!(db, |tx| outbox::finish(tx, third[0].claim(), Outcome::Delivered, None, at(52))));
        assert!(commit!(db, |tx| outbox::claim_due(tx, 9, at(999), LEASE)).is_empty());
        let ended = outbox::list_by_reference(&db, "session:1").await.unwrap().remove(0);
        assert_eq!((ended.finished_at, ended.outcome), (Some(at(51)), Some(Outcome::GivenUp)));
        assert_eq!(ended.last_error.as_deref(), Some("http_500"));
        assert!(outbox::list_by_reference(&db, "session:2").await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn attempts_are_recorded_and_swept_with_their_message() {
    on_both(|db| async move {
        let (ended, open) = (message(at(1)), message(at(2)));
        for one in [&ended, &open] {
            commit!(db, |tx| outbox::insert(tx, one));
        }
        let attempt = |outbox_id: OutboxId, seconds, ok| Delivery {
            id: RowId::new(at(seconds), &SystemEntropy),
            outbox_id,
            at: at(seconds),
            ok,
            detail: "http_503".to_owned(),
        };
        let (second, first) = (attempt(ended.id, 5, true), attempt(ended.id, 3, false));
        for one in [&second, &first, &attempt(open.id, 4, false)] {
            commit!(db, |tx| delivery::insert(tx, one));
        }
        assert_eq!(delivery::list(&db, ended.id).await.unwrap(), [first, second]);
        let claim = commit!(db, |tx| outbox::claim_due(tx, 1, at(10), LEASE))[0].claim();
        assert!(commit!(db, |tx| outbox::finish(tx, claim, Outcome::Delivered, None, at(11))));
        assert_eq!(commit!(db, |tx| sweep::outbox(tx, at(11), 9)), 0);
        assert_eq!(commit!(db, |tx| sweep::outbox(tx, at(12), 9)), 1);
        assert!(delivery::list(&db, ended.id).await.unwrap().is_empty());
        assert_eq!(delivery::list(&db, open.id).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_test_inbox_is_read_in_pages_and_emptied() {
    on_both(|db| async move {
        for seconds in 0..3 {
            let one = TestMessage {
                id: RowId::new(at(seconds), &SystemEntropy),
                kind: "sms".to_owned(),
                recipient: "+84900000001".to_owned(),
                body: format!("Mã của bạn là {seconds}"),
                at: at(seconds),
            };
            assert!(!format!("{one:?}").contains("Mã"));
            commit!(db, |tx| test_message::insert(tx, &one));
        }
        let page = test_message::list(&db, None, 2).await.unwrap();
        assert_eq!(page.iter().map(|m| m.at).collect::<Vec<_>>(), [at(2), at(1)]);
        let rest = test_message::list(&db, Some((page[1].at, page[1].id)), 2).await.unwrap();
        assert_eq!(rest.iter().map(|m| m.at).collect::<Vec<_>>(), [at(0)]);
        assert_eq!(commit!(db, |tx| test_message::clear(tx)), 3);
        assert!(test_message::list(&db, None, 2).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn disclosures_are_listed_newest_first_in_pages() {
    on_both(|db| async move {
        let (owner, _, grant) = given_family(&db).await;
        let mut made = Vec::new();
        for number in 0..5 {
            let one = Disclosure {
                id: DisclosureId::new(at(number), &SystemEntropy),
                person_id: owner.id,
                client_id: "portal".to_owned(),
                agreement_id: None,
                grant_id: grant.id,
                claims: vec!["name".to_owned()],
                at: at(number / 2),
            };
            commit!(db, |tx| disclosure::insert(tx, &one));
            made.push(one);
        }
        made.reverse();
        let mut listed: Vec<Disclosure> = Vec::new();
        loop {
            let before = listed.last().map(|d| (d.at, d.id));
            let page = disclosure::list_for(&db, owner.id, before, 2).await.unwrap();
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        assert_eq!(listed, made);
        let other = given_person(&db, "other").await.id;
        assert!(disclosure::list_for(&db, other, None, 9).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn i4_the_trail_is_read_back_as_written_and_dies_with_its_transaction() {
    on_both(|db| async move {
        let (owner, session, grant) = given_family(&db).await;
        let entry = |seconds, event: crate::audit::Event| {
            Entry::new(AuditId::new(at(seconds), &SystemEntropy), at(seconds), event).person(owner.id)
        };
        let failed = SignInEvent::Failed { method: Word::new("sms"), reason: Word::new("wrong_code") };
        let first = entry(1, failed.into()).request("req-1");
        let issued = GrantEvent::Issued { acr: "urn:dinhdanh:acr:2".to_owned(), scope: "openid".to_owned() };
        let second = entry(2, issued.into()).client("portal").session(session.id).grant(grant.id);
        for one in [&first, &second] {
            commit!(db, |tx| audit::append(tx, one));
        }
        let mut tx = db.begin().await.unwrap();
        audit::append(&mut tx, &entry(3, GrantEvent::Exchanged.into())).await.unwrap();
        drop(tx);
        let listed = audit::list_for_person(&db, owner.id, None, 9).await.unwrap();
        assert_eq!(listed, [second.clone(), first.clone()]);
        let rest = audit::list_for_person(&db, owner.id, Some((second.at, second.id)), 9).await.unwrap();
        assert_eq!(rest, [first]);
        assert_eq!(audit::list_for_grant(&db, grant.id).await.unwrap(), [second]);
        let kinds: Vec<String> = db.query("SELECT kind FROM audit_event ORDER BY at").scalars().await.unwrap();
        assert_eq!(kinds, ["sign_in.failed", "grant.issued"]);
    })
    .await;
}
