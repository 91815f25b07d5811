use crate::base::{Digest, OrganizationId, RowId, SystemEntropy, Timestamp};
use crate::identity::{
    CannotAct, ExchangeEvidence, OrganizationAccount, OrganizationCode, OrganizationKind, OrganizationStatus,
    RepresentationRole, may_act,
};
use crate::store::organization::{self, Decision, Organization, Representative, WaitingRequest};
use crate::store::testing::{
    NOW, at, commit, digest, given_client, given_grant, given_person, given_session, grant as make_grant, on_both, race,
};
use crate::store::{Inserted, grant};
use std::time::Duration;

fn code(text: &str) -> OrganizationCode {
    OrganizationCode::parse(text).unwrap()
}

fn evidence(as_of: Timestamp) -> ExchangeEvidence {
    ExchangeEvidence {
        request_id: "r".to_owned(),
        message_id: "m".to_owned(),
        request_hash: "h".to_owned(),
        service: "VN/GOV/1/ENTERPRISE/look-up".to_owned(),
        as_of,
    }
}

fn company(text: &str, as_of: Timestamp) -> Organization {
    Organization {
        id: OrganizationId::new(as_of, &SystemEntropy),
        code: code(text),
        kind: OrganizationKind::Enterprise,
        name: "Công ty TNHH Sao Mai".to_owned(),
        register_status: OrganizationStatus::Active,
        as_of,
        account: OrganizationAccount::Pending,
        application: 1,
        created_at: as_of,
        updated_at: as_of,
    }
}

fn named(organization: OrganizationId, index: Digest, as_of: Timestamp) -> Representative {
    Representative {
        organization_id: organization,
        number_index: index,
        full_name: "Trần Văn Minh".to_owned(),
        role: RepresentationRole::LegalRepresentative,
        title: Some("Giám đốc".to_owned()),
        as_of,
        checked_at: as_of,
        evidence: evidence(as_of),
        ended_at: None,
        ended_reason: None,
    }
}

#[tokio::test]
async fn an_organization_is_known_by_its_code_and_an_older_answer_counts_for_nothing() {
    on_both(|db| async move {
        let first = company("0199999511", at(10));
        let written = commit!(db, |tx| organization::upsert(tx, &first)).unwrap();
        assert_eq!(written, first);
        let suspended = Organization {
            name: "Sao Mai mới".to_owned(),
            register_status: OrganizationStatus::Suspended,
            account: OrganizationAccount::Open,
            ..company("0199999511", at(20))
        };
        let renewed = commit!(db, |tx| organization::upsert(tx, &suspended)).unwrap();
        assert_eq!(
            (renewed.id, renewed.account),
            (first.id, OrganizationAccount::Pending),
            "the account is not the register's"
        );
        assert_eq!((renewed.name.as_str(), renewed.register_status), ("Sao Mai mới", OrganizationStatus::Suspended));
        assert_eq!(commit!(db, |tx| organization::upsert(tx, &company("0199999511", at(15)))), None);
        let found = organization::find_by_code(&db, &code("0199999511")).await.unwrap().unwrap();
        assert_eq!((found.as_of, found.register_status), (at(20), OrganizationStatus::Suspended));
        assert_eq!(organization::find(&db, first.id).await.unwrap(), Some(found));
        assert_eq!(organization::find_by_code(&db, &code("0199999511-001")).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_account_moves_once_within_an_application() {
    use OrganizationAccount::{Open, Pending, Refused};
    on_both(|db| async move {
        let company = commit!(db, |tx| organization::upsert(tx, &company("0199999511", NOW))).unwrap();
        let of = |application| (company.id, application);
        assert!(!commit!(db, |tx| organization::move_account(tx, of(2), (Pending, Open), at(1))));
        assert!(commit!(db, |tx| organization::move_account(tx, of(1), (Pending, Refused), at(1))));
        assert!(!commit!(db, |tx| organization::move_account(tx, of(1), (Pending, Open), at(1))));
        assert!(!commit!(db, |tx| organization::apply_anew(tx, company.id, 2, at(2))));
        assert!(commit!(db, |tx| organization::apply_anew(tx, company.id, 1, at(2))));
        assert!(!commit!(db, |tx| organization::apply_anew(tx, company.id, 1, at(2))));
        let found = organization::find(&db, company.id).await.unwrap().unwrap();
        assert_eq!((found.account, found.application), (Pending, 2));
    })
    .await;
}

#[tokio::test]
async fn a_representation_joins_person_and_organization_and_ends_once() {
    on_both(|db| async move {
        let minh = given_person(&db, "Minh").await;
        let hoa = given_person(&db, "Hoa").await;
        let company = commit!(db, |tx| organization::upsert(tx, &company("0199999511", NOW))).unwrap();
        commit!(db, |tx| organization::put_representative(tx, &named(company.id, minh.number_index, NOW)));
        commit!(db, |tx| organization::put_representative(tx, &named(company.id, digest("nobody here"), NOW)));
        assert_eq!(organization::list_representatives(&db, company.id).await.unwrap().len(), 2);
        assert!(organization::list_for_person(&db, hoa.id).await.unwrap().is_empty(), "nobody else sees it");
        assert_eq!(organization::find_representation(&db, company.id, hoa.id).await.unwrap(), None);
        let found = organization::find_representation(&db, company.id, minh.id).await.unwrap().unwrap();
        assert_eq!((found.person_id, found.code.to_string().as_str()), (minh.id, "0199999511"));
        assert_eq!(may_act(&found.standing(), NOW, Duration::from_secs(60)), Err(CannotAct::IdentityLevel));
        assert!(commit!(db, |tx| organization::hold(tx, company.id, &minh.number_index)));

        assert!(commit!(db, |tx| organization::claim_check(tx, (company.id, &minh.number_index), NOW, at(5))));
        assert!(!commit!(db, |tx| organization::claim_check(tx, (company.id, &minh.number_index), NOW, at(5))));

        let end = |index: Digest| {
            let db = db.clone();
            async move { commit!(db, |tx| organization::end_representative(tx, company.id, &index, "not_named", at(9))) }
        };
        assert!(end(minh.number_index).await && !end(minh.number_index).await);
        assert!(!commit!(db, |tx| organization::hold(tx, company.id, &minh.number_index)));
        let ended = organization::list_for_person(&db, minh.id).await.unwrap();
        assert_eq!((ended.len(), ended[0].ended_at), (1, Some(at(9))));
        commit!(db, |tx| organization::put_representative(tx, &named(company.id, minh.number_index, at(20))));
        let again = organization::find_representation(&db, company.id, minh.id).await.unwrap().unwrap();
        assert_eq!((again.ended_at, again.as_of), (None, at(20)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i1_a_word_on_an_application_is_taken_once() {
    on_both(|db| async move {
        let minh = given_person(&db, "Minh").await;
        let company = commit!(db, |tx| organization::upsert(tx, &company("0199999511", NOW))).unwrap();
        for application in 1..=5 {
            let winners = race(&db, move |db, racer| async move {
                let decision = Decision {
                    organization_id: company.id,
                    application,
                    person_id: minh.id,
                    agreed: racer % 2 == 0,
                    decided_at: at(1),
                };
                commit!(db, |tx| organization::decide(tx, &decision)) == Inserted::New
            });
            assert_eq!(winners.await, 1);
            let votes = organization::list_votes(&db, company.id, application).await.unwrap();
            assert_eq!((votes.len(), votes[0].number_index), (1, minh.number_index));
        }
    })
    .await;
}

#[tokio::test]
async fn grants_that_act_are_found_when_due_and_ended_together() {
    on_both(|db| async move {
        let minh = given_person(&db, "Minh").await;
        given_client(&db, "portal").await;
        let session = given_session(&db, minh.id, "cookie").await;
        let company = commit!(db, |tx| organization::upsert(tx, &company("0199999511", NOW))).unwrap();
        commit!(db, |tx| organization::put_representative(tx, &named(company.id, minh.number_index, NOW)));
        let mut acting = make_grant(&session, "portal", "acting");
        acting.organization_id = Some(company.id);
        let own = given_grant(&db, make_grant(&session, "portal", "own")).await;
        assert!(organization::list_due(&db, at(60), at(60), 10).await.unwrap().is_empty());
        let acting = given_grant(&db, acting).await;
        assert_eq!(grant::find(&db, acting.id).await.unwrap().unwrap().organization_id, Some(company.id));
        let due = organization::list_due(&db, at(60), at(60), 10).await.unwrap();
        assert_eq!((due.len(), due[0].person_id), (1, minh.id));
        assert!(organization::list_due(&db, NOW, at(60), 10).await.unwrap().is_empty(), "asked just now");
        assert!(organization::list_due(&db, at(60), at(86_400), 10).await.unwrap().is_empty(), "the grant ran out");

        let other = given_person(&db, "Other").await;
        assert_eq!(commit!(db, |tx| grant::end_for_organization(tx, company.id, Some(other.id), "x", at(70))), 0);
        assert_eq!(commit!(db, |tx| grant::end_for_organization(tx, company.id, Some(minh.id), "x", at(70))), 1);
        assert_eq!(commit!(db, |tx| grant::end_for_organization(tx, company.id, None, "x", at(70))), 0);
        assert_eq!(grant::find(&db, own.id).await.unwrap().unwrap().ended_at, None);
        assert!(organization::list_due(&db, at(60), at(60), 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_application_waits_until_it_is_settled() {
    on_both(|db| async move {
        let minh = given_person(&db, "Minh").await;
        let request = WaitingRequest {
            id: RowId::new(NOW, &SystemEntropy),
            person_id: minh.id,
            code: code("H99.01"),
            created_at: NOW,
            tried_at: NOW,
            ended_at: None,
            outcome: None,
        };
        commit!(db, |tx| organization::insert_request(tx, &request));
        assert!(organization::list_waiting(&db, NOW, 10).await.unwrap().is_empty());
        assert_eq!(organization::list_waiting(&db, at(1), 10).await.unwrap(), std::slice::from_ref(&request));
        assert!(commit!(db, |tx| organization::claim_request(tx, request.id, NOW, at(20))));
        assert!(!commit!(db, |tx| organization::claim_request(tx, request.id, NOW, at(20))));
        assert!(commit!(db, |tx| organization::end_request(tx, request.id, "no_match", at(30))));
        assert!(!commit!(db, |tx| organization::end_request(tx, request.id, "found", at(30))));
        assert_eq!(organization::list_requests(&db, minh.id, at(29)).await.unwrap().len(), 1);
        assert!(organization::list_requests(&db, minh.id, at(30)).await.unwrap().is_empty());
        assert!(organization::list_waiting(&db, at(99), 10).await.unwrap().is_empty());
    })
    .await;
}
