//! Rows for tests of this floor and of those above, and the two engines to run them on.

use super::agreement::{Agreement, BasisKind};
use super::client::{Client, ClientStatus};
use super::grant::Grant;
use super::outbox::{OutboxKind, OutboxMessage};
use super::passkey::Passkey;
use super::person::Person;
use super::refresh_token::RefreshToken;
use super::sent_code::{CodeChannel, CodePurpose, SentCode};
use super::session::Session;
use crate::base::{
    AgreementId, CodeId, CredentialId, Digest, GrantId, OutboxId, PersonId, SessionId, SystemEntropy, Timestamp, sha256,
};
use crate::db::Db;
use crate::identity::{AuthenticationLevel, IdentityLevel, Method, PersonStatus, RegisterState};
use std::time::Duration;
use uuid::Uuid;

pub use crate::db::testing::{NOW, another_node, on_both, race, sqlite};

/// [`NOW`] plus so many seconds.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.micros() + seconds * 1_000_000)
}

/// A digest of a text.
pub fn digest(text: &str) -> Digest {
    sha256(text.as_bytes())
}

/// An active person known by `name`.
pub fn person(name: &str) -> Person {
    Person {
        id: PersonId::new(NOW, &SystemEntropy),
        status: PersonStatus::Active,
        status_reason: None,
        identity_level: IdentityLevel::One,
        register_state: RegisterState::Verified,
        register_as_of: Some(NOW),
        register_evidence: None,
        full_name: name.to_owned(),
        name_key: name.to_uppercase(),
        name_search: name.to_lowercase(),
        birth_date_sealed: vec![1, 2, 3],
        gender: None,
        number_sealed: vec![4, 5, 6],
        number_index: digest(name),
        language: "vi".to_owned(),
        is_demo: false,
        created_at: NOW,
        updated_at: NOW,
    }
}

/// An active client.
pub fn client(client_id: &str) -> Client {
    Client {
        client_id: client_id.to_owned(),
        metadata: r#"{"client_name":"Cổng dịch vụ"}"#.to_owned(),
        secret_digest: Some(digest("secret")),
        managed: super::client::Managed::default(),
        sector: "portal.example.gov.vn".to_owned(),
        status: ClientStatus::Active,
        is_demo: false,
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

/// An agreement in force for a day.
pub fn agreement(client_id: &str) -> Agreement {
    Agreement {
        id: AgreementId::new(NOW, &SystemEntropy),
        client_id: client_id.to_owned(),
        claims: vec!["name".to_owned(), "birthdate".to_owned()],
        purpose_vi: "Nộp hồ sơ".to_owned(),
        purpose_en: "File an application".to_owned(),
        legal_basis: "Decree 47/2020 art. 38".to_owned(),
        basis_kind: BasisKind::Consent,
        starts_at: NOW,
        ends_at: at(86_400),
        suspended_at: None,
    }
}

/// A session at authentication level 2, idle end in an hour, absolute end in a day.
pub fn session(person: PersonId, secret: &str) -> Session {
    Session {
        id: SessionId::new(NOW, &SystemEntropy),
        secret_digest: digest(secret),
        person_id: person,
        authentication_level: AuthenticationLevel::Two,
        methods: vec![Method::Passkey { user_verified: true, synced: true, settled: true }],
        settled: true,
        authenticated_at: NOW,
        created_at: NOW,
        last_seen_at: NOW,
        idle_expires_at: at(3_600),
        expires_at: at(86_400),
        device: "Chrome, Android".to_owned(),
        place: None,
        ended_at: None,
        ended_reason: None,
    }
}

/// A grant of that session; its code is good for a minute.
pub fn grant(session: &Session, client_id: &str, code: &str) -> Grant {
    Grant {
        id: GrantId::new(NOW, &SystemEntropy),
        client_id: client_id.to_owned(),
        person_id: session.person_id,
        session_id: session.id,
        sid: Uuid::from_u128(7),
        subject: "pairwise".to_owned(),
        scope: "openid profile".to_owned(),
        resource: Vec::new(),
        claims_id_token: vec!["name".to_owned()],
        claims_userinfo: vec!["name".to_owned(), "birthdate".to_owned()],
        agreement_id: None,
        nonce: Some("n-0".to_owned()),
        redirect_uri: "https://portal.example.gov.vn/cb".to_owned(),
        redirect_uri_sent: true,
        code_digest: digest(code),
        code_challenge: Some("challenge".to_owned()),
        code_expires_at: at(60),
        code_used_at: None,
        acr: "urn:dinhdanh:acr:2".to_owned(),
        methods: session.methods.clone(),
        authentication_level: session.authentication_level,
        identity_level: IdentityLevel::One,
        authenticated_at: session.authenticated_at,
        offline: false,
        created_at: NOW,
        expires_at: at(86_400),
        ended_at: None,
        ended_reason: None,
        organization_id: None,
        origin: crate::store::grant::GrantOrigin::Code,
        terms: crate::protocol::GrantTerms::default(),
    }
}

/// A device's request, good for ten minutes.
pub fn decoupled(secret: &str) -> crate::store::decoupled::Decoupled {
    use crate::store::decoupled::{Decoupled, DecoupledKind, DecoupledState};
    Decoupled {
        id: crate::base::DecoupledId::new(NOW, &SystemEntropy),
        kind: DecoupledKind::Device,
        secret_digest: digest(secret),
        user_code_index: Some(digest(&format!("code of {secret}"))),
        client_id: "portal".to_owned(),
        person_id: None,
        request_sealed: vec![1, 2, 3],
        state: DecoupledState::Waiting,
        interval_seconds: 5,
        polled_at: None,
        created_at: NOW,
        expires_at: at(600),
        decided_at: None,
    }
}

/// A refresh token of that grant, good for an hour.
pub fn refresh_token(grant: GrantId, token: &str) -> RefreshToken {
    RefreshToken {
        digest: digest(token),
        grant_id: grant,
        scope: "openid".to_owned(),
        created_at: NOW,
        expires_at: at(3_600),
        used_at: None,
        bound_to: None,
    }
}

/// A passkey.
pub fn passkey(person: PersonId, credential: &str) -> Passkey {
    Passkey {
        id: CredentialId::new(NOW, &SystemEntropy),
        person_id: person,
        credential: credential.as_bytes().to_vec(),
        state: "{}".to_owned(),
        name: "Điện thoại".to_owned(),
        aaguid: Some(Uuid::from_u128(1)),
        transports: vec!["internal".to_owned(), "hybrid".to_owned()],
        backed_up: true,
        created_at: NOW,
        settles_at: at(86_400),
        last_used_at: None,
        ended_at: None,
    }
}

/// A code with five tries, good for five minutes.
pub fn sent_code(flow: &str, person: Option<PersonId>, created_at: Timestamp) -> SentCode {
    SentCode {
        id: CodeId::new(created_at, &SystemEntropy),
        flow_digest: digest(flow),
        person_id: person,
        purpose: CodePurpose::SignIn,
        channel: CodeChannel::Sms,
        contact_index: digest("phone"),
        code_digest: digest("123456"),
        tries_left: 5,
        created_at,
        expires_at: created_at.plus(Duration::from_secs(300)),
        used_at: None,
    }
}

/// A logout that waits in the outbox since `due_at`.
pub fn outbox_message(due_at: Timestamp) -> OutboxMessage {
    OutboxMessage {
        id: OutboxId::new(due_at, &SystemEntropy),
        kind: OutboxKind::BackchannelLogout,
        payload_sealed: vec![9, 9],
        reference: Some("session:1".to_owned()),
        due_at,
        attempts: 0,
        claimed_until: None,
        created_at: due_at,
        give_up_at: at(86_400),
        finished_at: None,
        outcome: None,
        last_error: None,
    }
}

/// Writes a person and gives it back.
pub async fn given_person(db: &Db, name: &str) -> Person {
    let person = person(name);
    let mut tx = db.begin().await.unwrap();
    assert_eq!(super::person::insert(&mut tx, &person).await.unwrap(), super::Inserted::New);
    tx.commit().await.unwrap();
    person
}

/// Writes a client and gives it back.
pub async fn given_client(db: &Db, client_id: &str) -> Client {
    let client = client(client_id);
    let mut tx = db.begin().await.unwrap();
    assert_eq!(super::client::insert(&mut tx, &client).await.unwrap(), super::Inserted::New);
    tx.commit().await.unwrap();
    client
}

/// Writes a session of a person and gives it back.
pub async fn given_session(db: &Db, person: PersonId, secret: &str) -> Session {
    let session = session(person, secret);
    let mut tx = db.begin().await.unwrap();
    super::session::insert(&mut tx, &session).await.unwrap();
    tx.commit().await.unwrap();
    session
}

/// Writes a grant and gives it back.
pub async fn given_grant(db: &Db, grant: Grant) -> Grant {
    let mut tx = db.begin().await.unwrap();
    super::grant::insert(&mut tx, &grant).await.unwrap();
    tx.commit().await.unwrap();
    grant
}

/// A person, a client `portal`, a session and a grant with code `code` and refresh token `refresh`.
pub async fn given_family(db: &Db) -> (Person, Session, Grant) {
    let person = given_person(db, "Nguyễn Văn An").await;
    given_client(db, "portal").await;
    let session = given_session(db, person.id, "cookie").await;
    let grant = given_grant(db, grant(&session, "portal", "code")).await;
    let mut tx = db.begin().await.unwrap();
    super::refresh_token::insert(&mut tx, &refresh_token(grant.id, "refresh")).await.unwrap();
    tx.commit().await.unwrap();
    (person, session, grant)
}

/// Runs one use of a transaction and commits.
macro_rules! commit {
    ($db:expr, |$tx:ident| $work:expr) => {{
        let mut transaction = $db.begin().await.unwrap();
        let $tx = &mut transaction;
        let result = $work.await.unwrap();
        transaction.commit().await.unwrap();
        result
    }};
}
pub(crate) use commit;
