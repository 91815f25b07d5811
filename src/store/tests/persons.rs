use crate::base::{ContactId, PersonId, RowId, SystemEntropy};
use crate::db::Error;
use crate::identity::{ExchangeEvidence, Gender, IdentityLevel, PersonStatus, RegisterState};
use crate::store::contact::{self, Contact, ContactKind};
use crate::store::person::{self, NameUpdate, NumberRecord, RegisterUpdate};
use crate::store::testing::{at, commit, digest, given_person, on_both, person as make};
use crate::store::{Inserted, subject};

#[tokio::test]
async fn a_person_comes_back_as_written_by_id_and_by_number() {
    on_both(|db| async move {
        let mut known = make("Trần Thị Bích");
        known.gender = Some(Gender::Female);
        known.register_evidence = Some(ExchangeEvidence {
            request_id: "r".to_owned(),
            message_id: "m".to_owned(),
            request_hash: "h".to_owned(),
            service: "VN/GOV/1/population/find".to_owned(),
            as_of: at(-5),
        });
        assert_eq!(commit!(db, |tx| person::insert(tx, &known)), Inserted::New);
        assert!(person::find(&db, known.id).await.unwrap().unwrap() == known);
        assert!(person::get(&db, known.id).await.unwrap() == known);
        assert!(person::find_by_number_index(&db, &known.number_index).await.unwrap().unwrap() == known);
        assert!(person::find_by_number_index(&db, &digest("nobody")).await.unwrap().is_none());
        let nobody = PersonId::new(at(0), &SystemEntropy);
        assert!(person::find(&db, nobody).await.unwrap().is_none());
        assert!(matches!(person::get(&db, nobody).await, Err(Error::NotFound)));
    })
    .await;
}

#[tokio::test]
async fn a_number_has_one_account() {
    on_both(|db| async move {
        let known = given_person(&db, "An").await;
        let again = commit!(db, |tx| person::insert(tx, &make("An")));
        assert_eq!(again, Inserted::AlreadyKnown);
        assert_eq!(person::find_by_number_index(&db, &known.number_index).await.unwrap().unwrap().id, known.id);
    })
    .await;
}

#[tokio::test]
async fn status_register_state_and_name_change() {
    on_both(|db| async move {
        let id = given_person(&db, "An").await.id;
        assert!(commit!(db, |tx| person::update_status(tx, id, PersonStatus::Locked, Some("court_order"), at(1))));
        let update = RegisterUpdate {
            identity_level: IdentityLevel::Zero,
            register_state: RegisterState::Mismatch,
            as_of: Some(at(2)),
            evidence: None,
        };
        assert!(commit!(db, |tx| person::update_register_state(tx, id, &update, at(3))));
        let name = NameUpdate {
            full_name: "Nguyễn An".to_owned(),
            name_key: "NGUYENAN".to_owned(),
            name_search: "nguyen an".to_owned(),
            gender: Some(Gender::Male),
        };
        assert!(commit!(db, |tx| person::update_name(tx, id, &name, at(4))));
        let now = person::get(&db, id).await.unwrap();
        assert_eq!((now.status, now.status_reason.as_deref()), (PersonStatus::Locked, Some("court_order")));
        assert_eq!((now.identity_level, now.register_state), (IdentityLevel::Zero, RegisterState::Mismatch));
        assert_eq!((now.register_as_of, now.updated_at), (Some(at(2)), at(4)));
        assert_eq!((now.full_name.as_str(), now.gender), ("Nguyễn An", Some(Gender::Male)));
        let nobody = PersonId::new(at(0), &SystemEntropy);
        assert!(!commit!(db, |tx| person::update_status(tx, nobody, PersonStatus::Active, None, at(5))));
    })
    .await;
}

#[tokio::test]
async fn waiting_persons_are_listed_in_pages_and_claimed_by_one_node() {
    on_both(|db| async move {
        let mut waiting = Vec::new();
        for number in 0..5 {
            let mut one = make(&format!("waiting {number}"));
            one.register_state = RegisterState::Pending;
            one.updated_at = at(number / 2);
            let _ = commit!(db, |tx| person::insert(tx, &one));
            waiting.push(one);
        }
        given_person(&db, "verified").await;
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let page = person::list_pending(&db, 2, after).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.updated_at, last.id));
            listed.extend(page.iter().map(|p| (p.updated_at, p.id)));
        }
        let mut expected: Vec<_> = waiting.iter().map(|p| (p.updated_at, p.id)).collect();
        expected.sort();
        assert_eq!(listed, expected);
        let (seen, id) = expected[0];
        assert!(commit!(db, |tx| person::claim_pending(tx, id, seen, at(100))));
        assert!(!commit!(db, |tx| person::claim_pending(tx, id, seen, at(101))));
        assert_eq!(person::list_pending(&db, 9, None).await.unwrap().last().unwrap().id, id);
    })
    .await;
}

#[tokio::test]
async fn demo_people_are_found() {
    on_both(|db| async move {
        given_person(&db, "real").await;
        assert!(!person::any_demo(&db).await.unwrap());
        let mut demo = make("demo");
        demo.is_demo = true;
        let _ = commit!(db, |tx| person::insert(tx, &demo));
        assert!(person::any_demo(&db).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn numbers_keep_their_history() {
    on_both(|db| async move {
        let person = given_person(&db, "An").await.id;
        let record = |set_at| NumberRecord {
            id: RowId::new(set_at, &SystemEntropy),
            person_id: person,
            number_sealed: vec![1],
            number_index: digest("number"),
            set_at,
            cancelled_at: Some(at(50)),
            reason: Some("re_set".to_owned()),
        };
        let (newer, older) = (record(at(20)), record(at(10)));
        commit!(db, |tx| person::insert_number(tx, &newer));
        commit!(db, |tx| person::insert_number(tx, &older));
        assert!(person::list_numbers(&db, person).await.unwrap() == [older, newer]);
    })
    .await;
}

#[tokio::test]
async fn a_phone_may_belong_to_several_people_and_ends_for_its_owner_only() {
    on_both(|db| async move {
        let (one, two) = (given_person(&db, "one").await.id, given_person(&db, "two").await.id);
        let contact = |person_id, kind| Contact {
            id: ContactId::new(at(0), &SystemEntropy),
            person_id,
            kind,
            value_sealed: vec![1],
            value_index: digest("0900"),
            verified_at: Some(at(0)),
            ended_at: None,
            created_at: at(0),
        };
        let (first, second) = (contact(one, ContactKind::Phone), contact(two, ContactKind::Phone));
        let mail = contact(one, ContactKind::Email);
        for contact in [&first, &second, &mail] {
            commit!(db, |tx| contact::insert(tx, contact));
        }
        let index = digest("0900");
        assert_eq!(contact::find_active_by_index(&db, ContactKind::Phone, &index).await.unwrap().len(), 2);
        assert!(contact::find_active_by_index(&db, ContactKind::Email, &index).await.unwrap() == [mail]);
        assert_eq!(contact::list_for(&db, one).await.unwrap().len(), 2);
        assert!(!commit!(db, |tx| contact::end(tx, two, first.id, at(9))));
        assert!(commit!(db, |tx| contact::end(tx, one, first.id, at(9))));
        assert!(!commit!(db, |tx| contact::end(tx, one, first.id, at(9))));
        assert!(contact::find_active_by_index(&db, ContactKind::Phone, &index).await.unwrap() == [second]);
        assert_eq!(contact::list_for(&db, one).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn h6_i6_a_subject_is_made_once_per_sector_and_found_in_its_sector_only() {
    on_both(|db| async move {
        let (one, two) = (given_person(&db, "one").await.id, given_person(&db, "two").await.id);
        assert_eq!(commit!(db, |tx| subject::get_or_create(tx, "tax", one, "s1", at(0))), "s1");
        assert_eq!(commit!(db, |tx| subject::get_or_create(tx, "tax", one, "s2", at(1))), "s1");
        assert_eq!(commit!(db, |tx| subject::get_or_create(tx, "health", one, "s3", at(1))), "s3");
        assert_eq!(subject::find(&db, "tax", one).await.unwrap().as_deref(), Some("s1"));
        assert_eq!(subject::find(&db, "tax", two).await.unwrap(), None);
        assert_eq!(subject::find_person(&db, "tax", "s1").await.unwrap(), Some(one));
        assert_eq!(subject::find_person(&db, "health", "s1").await.unwrap(), None);
        let mut tx = db.begin().await.unwrap();
        let stolen = subject::get_or_create(&mut tx, "tax", two, "s1", at(2)).await;
        assert!(stolen.unwrap_err().is_unique_violation());
    })
    .await;
}
