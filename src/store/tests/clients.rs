use crate::base::{AgreementId, KeyId, SystemEntropy};
use crate::db::Error;
use crate::store::agreement::{self, BasisKind};
use crate::store::client::{self, ClientStatus};
use crate::store::consent::{self, Consent};
use crate::store::encryption_key;
use crate::store::signing_key::{self, StoredKey};
use crate::store::testing::{
    agreement as make_agreement, at, client as make, commit, given_client, given_person, on_both,
};
use crate::store::{Inserted, installation};

#[tokio::test]
async fn clients_are_added_changed_disabled_and_listed() {
    on_both(|db| async move {
        let added = given_client(&db, "portal-b").await;
        assert_eq!(commit!(db, |tx| client::insert(tx, &make("portal-b"))), Inserted::AlreadyKnown);
        assert_eq!(client::find(&db, "portal-b").await.unwrap().unwrap(), added);
        assert!(client::find(&db, "portal-c").await.unwrap().is_none());
        assert!(matches!(client::get(&db, "portal-c").await, Err(Error::NotFound)));
        let mut public = make("portal-a");
        public.secret_digest = None;
        assert_eq!(commit!(db, |tx| client::upsert(tx, &public)), 1);
        assert_eq!(client::get(&db, "portal-a").await.unwrap(), public);

        assert!(commit!(db, |tx| client::set_status(tx, "portal-b", ClientStatus::Disabled, at(1))));
        assert!(!commit!(db, |tx| client::set_status(tx, "portal-b", ClientStatus::Disabled, at(2))));
        assert!(!commit!(db, |tx| client::set_status(tx, "nobody", ClientStatus::Disabled, at(2))));
        let ids: Vec<String> = client::list(&db, None, 9).await.unwrap().into_iter().map(|c| c.client_id).collect();
        assert_eq!(ids, ["portal-a", "portal-b"]);
        assert_eq!(client::list(&db, Some("portal-a"), 9).await.unwrap().len(), 1);
        assert_eq!(client::list(&db, None, 1).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn e5_i6_changing_a_client_neither_enables_it_nor_moves_its_sector() {
    on_both(|db| async move {
        given_client(&db, "portal").await;
        assert!(commit!(db, |tx| client::set_status(tx, "portal", ClientStatus::Disabled, at(1))));
        let mut changed = make("portal");
        changed.metadata = "{}".to_owned();
        changed.sector = "evil.example".to_owned();
        changed.updated_at = at(2);
        changed.created_at = at(2);
        assert_eq!(commit!(db, |tx| client::upsert(tx, &changed)), 3);
        let now = client::get(&db, "portal").await.unwrap();
        assert_eq!((now.status, now.metadata.as_str()), (ClientStatus::Disabled, "{}"));
        assert_eq!((now.sector.as_str(), now.created_at), ("portal.example.gov.vn", at(0)));
        assert_eq!((now.version, now.updated_at), (3, at(2)));
    })
    .await;
}

#[tokio::test]
async fn demo_clients_and_keys_are_found() {
    on_both(|db| async move {
        given_client(&db, "real").await;
        assert!(!client::any_demo(&db).await.unwrap() && !signing_key::any_demo(&db).await.unwrap());
        let mut demo = make("demo");
        demo.is_demo = true;
        let _ = commit!(db, |tx| client::insert(tx, &demo));
        let mut demo = key("k");
        demo.is_demo = true;
        commit!(db, |tx| signing_key::insert(tx, &demo));
        assert!(client::any_demo(&db).await.unwrap() && signing_key::any_demo(&db).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn an_agreement_counts_only_within_its_term() {
    on_both(|db| async move {
        given_client(&db, "portal").await;
        given_client(&db, "other").await;
        let mut made = make_agreement("portal");
        made.basis_kind = BasisKind::Law;
        commit!(db, |tx| agreement::insert(tx, &made));
        assert_eq!(agreement::find_active(&db, "portal", at(0)).await.unwrap().unwrap(), made);
        assert_eq!(agreement::find(&db, made.id).await.unwrap().unwrap(), made);
        assert!(agreement::find_active(&db, "portal", at(-1)).await.unwrap().is_none());
        assert!(agreement::find_active(&db, "portal", at(86_400)).await.unwrap().is_none());
        assert!(agreement::find_active(&db, "other", at(0)).await.unwrap().is_none());
        assert!(agreement::find(&db, AgreementId::new(at(0), &SystemEntropy)).await.unwrap().is_none());
        let mut suspended = make_agreement("other");
        suspended.suspended_at = Some(at(0));
        commit!(db, |tx| agreement::insert(tx, &suspended));
        assert!(agreement::find_active(&db, "other", at(1)).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_new_agreement_takes_the_place_of_the_old() {
    on_both(|db| async move {
        given_client(&db, "portal").await;
        let old = make_agreement("portal");
        commit!(db, |tx| agreement::insert(tx, &old));
        let mut new = make_agreement("portal");
        new.claims = vec!["name".to_owned()];
        new.starts_at = at(10);
        commit!(db, |tx| agreement::replace(tx, &new, at(10)));
        assert_eq!(agreement::find_active(&db, "portal", at(11)).await.unwrap().unwrap(), new);
        assert_eq!(agreement::find(&db, old.id).await.unwrap().unwrap().ends_at, at(10));
    })
    .await;
}

#[tokio::test]
async fn a_consent_is_given_replaced_and_taken_back() {
    on_both(|db| async move {
        let person_id = given_person(&db, "An").await.id;
        given_client(&db, "portal").await;
        let consent = |claims: &[&str], given_at| Consent {
            person_id,
            client_id: "portal".to_owned(),
            claims: claims.iter().map(|c| (*c).to_owned()).collect(),
            refused: vec!["email".to_owned()],
            given_at,
            expires_at: at(1_000),
            ended_at: None,
        };
        assert!(consent::find(&db, person_id, "portal").await.unwrap().is_none());
        let first = consent(&["name"], at(0));
        commit!(db, |tx| consent::upsert(tx, &first));
        assert_eq!(consent::find(&db, person_id, "portal").await.unwrap().unwrap(), first);
        assert!(first.is_in_force(at(999)) && !first.is_in_force(at(1_000)));
        assert!(commit!(db, |tx| consent::end(tx, person_id, "portal", at(5))));
        assert!(!commit!(db, |tx| consent::end(tx, person_id, "portal", at(6))));
        assert!(!consent::find(&db, person_id, "portal").await.unwrap().unwrap().is_in_force(at(7)));
        let second = consent(&["name", "birthdate"], at(8));
        commit!(db, |tx| consent::upsert(tx, &second));
        assert_eq!(consent::find(&db, person_id, "portal").await.unwrap().unwrap(), second);
    })
    .await;
}

fn key(kid: &str) -> StoredKey {
    StoredKey {
        id: KeyId::new(at(0), &SystemEntropy),
        kid: kid.to_owned(),
        algorithm: "ES256".to_owned(),
        private_sealed: vec![1, 2],
        public_jwk: "{\"kty\":\"EC\"}".to_owned(),
        is_demo: false,
        published_at: at(0),
        signs_from: at(10),
        signs_until: None,
        retires_at: None,
        created_at: at(0),
    }
}

#[tokio::test]
async fn i10_the_end_of_a_key_is_set_once_and_it_is_erased_only_after_it() {
    on_both(|db| async move {
        let (one, mut two) = (key("one"), key("two"));
        two.created_at = at(1);
        commit!(db, |tx| signing_key::insert(tx, &two));
        commit!(db, |tx| signing_key::insert(tx, &one));
        assert!(signing_key::list(&db).await.unwrap() == [one, two]);
        assert!(!commit!(db, |tx| signing_key::erase(tx, "one", at(9_999))));
        assert!(commit!(db, |tx| signing_key::supersede(tx, "one", at(100), at(200))));
        assert!(!commit!(db, |tx| signing_key::supersede(tx, "one", at(50), at(60))));
        assert!(!commit!(db, |tx| signing_key::erase(tx, "one", at(199))));
        assert!(commit!(db, |tx| signing_key::erase(tx, "one", at(200))));
        assert!(commit!(db, |tx| signing_key::revoke(tx, "two", at(300))));
        assert!(!commit!(db, |tx| signing_key::revoke(tx, "nobody", at(300))));
        let left = signing_key::list(&db).await.unwrap();
        assert_eq!((left.len(), left[0].signs_until, left[0].retires_at), (1, Some(at(300)), Some(at(300))));
    })
    .await;
}

#[tokio::test]
async fn i10_the_same_holds_for_keys_that_clients_encrypt_to() {
    on_both(|db| async move {
        let (one, demo) = (key("one"), StoredKey { is_demo: true, created_at: at(1), ..key("two") });
        commit!(db, |tx| encryption_key::insert(tx, &one));
        assert!(!encryption_key::any_demo(&db).await.unwrap());
        commit!(db, |tx| encryption_key::insert(tx, &demo));
        assert!(encryption_key::any_demo(&db).await.unwrap() && !signing_key::any_demo(&db).await.unwrap());
        assert!(encryption_key::list(&db).await.unwrap() == [one, demo]);
        assert!(!commit!(db, |tx| encryption_key::erase(tx, "one", at(9_999))));
        assert!(commit!(db, |tx| encryption_key::supersede(tx, "one", at(100), at(200))));
        assert!(!commit!(db, |tx| encryption_key::supersede(tx, "one", at(50), at(60))));
        assert!(!commit!(db, |tx| encryption_key::erase(tx, "one", at(199))));
        assert!(commit!(db, |tx| encryption_key::erase(tx, "one", at(200))));
        assert_eq!(encryption_key::list(&db).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_fact_of_the_installation_is_agreed_on_once() {
    on_both(|db| async move {
        assert!(installation::find(&db, "environment").await.unwrap().is_none());
        assert_eq!(commit!(db, |tx| installation::establish(tx, "environment", "demo")), "demo");
        assert_eq!(commit!(db, |tx| installation::establish(tx, "environment", "serve")), "demo");
        commit!(db, |tx| installation::set(tx, "environment", "serve"));
        assert_eq!(installation::find(&db, "environment").await.unwrap().as_deref(), Some("serve"));
    })
    .await;
}
