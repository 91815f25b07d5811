//! What `demo` adds: test people with accounts, test clients, self-checks, and the story of a sign-in.
//! Everything made here is marked, and `serve` refuses to start beside it.

use super::caller::Caller;
use super::client_registration::{self, NewClient, Registering};
use super::interaction::{self, Target};
use super::{
    Fault, Outcome, Services, authorize, create_account, metadata, organizations, person, session, sign_in, token,
};
use crate::base::{CredentialId, GrantId, PersonId, Secret, Timestamp, sha256};
use crate::cache::Space;
use crate::crypto::{Expect, Totp};
use crate::identity::{
    BirthDate, FullName, Gender, IdentityLevel, PersonStatus, PersonalNumber, PhoneNumber, RegisterState,
};
use crate::protocol::authorize as rules;
use crate::protocol::jwt_claims::TokenKind;
use crate::protocol::{Parameters, RegistrationPolicy};
use crate::store;
use crate::store::Inserted;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

const TOKENS: Space = Space("demo_tokens");
/// The client of the self-check.
pub const SELF_CHECK: &str = "self-check";

/// A test person to be given an account.
pub struct TestPerson<'a> {
    /// A short word.
    pub key: &'a str,
    /// Name.
    pub full_name: &'a FullName,
    /// Number.
    pub number: &'a PersonalNumber,
    /// Birth date.
    pub birth_date: BirthDate,
    /// Gender.
    pub gender: Gender,
    /// Phone.
    pub phone: &'a PhoneNumber,
    /// 1 or 2.
    pub identity_level: IdentityLevel,
    /// Cannot sign in: frozen after a theft.
    pub locked: bool,
    /// `vi` or `en`.
    pub language: &'a str,
    /// Has a password.
    pub password: bool,
    /// Has an authenticator app.
    pub totp: bool,
}

/// The password of a test person: the same at every start.
pub fn password_of(key: &str) -> Secret {
    Secret::new(format!("thu nghiem {key} 2026"))
}

/// The authenticator secret of a test person.
pub fn totp_secret_of(key: &str) -> Vec<u8> {
    sha256(format!("dinhdanh demo totp {key}").as_bytes()).as_bytes().iter().take(20).copied().collect()
}

/// The authenticator secret as apps take it (base32).
pub fn totp_text_of(key: &str) -> Outcome<Secret> {
    Ok(Totp::from_secret(&totp_secret_of(key)).map_err(Fault::internal)?.base32())
}

/// A secret of a test client: the same at every start, different in every installation.
pub fn client_secret_of(services: &Services, client_id: &str) -> Outcome<Secret> {
    // Two digests long, so that every MAC of client assertions can be keyed with it (RFC 7518 3.2).
    let half = |number: u8| services.sealer.keyed_digest("demo_client", &[client_id.as_bytes(), &[number]]);
    let (first, second) = (half(1).map_err(Fault::internal)?, half(2).map_err(Fault::internal)?);
    Ok(Secret::new(URL_SAFE_NO_PAD.encode([*first.as_bytes(), *second.as_bytes()].concat())))
}

/// The private key of a test client that signs its requests, as a JWK (Ed25519).
pub fn client_jwk_of(services: &Services, client_id: &str) -> Outcome<Value> {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let seed = services.sealer.keyed_digest("demo_client_key", &[client_id.as_bytes()]).map_err(Fault::internal)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_bytes()).map_err(Fault::internal)?;
    Ok(json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": format!("{client_id}-1"),
        "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
        "d": URL_SAFE_NO_PAD.encode(seed.as_bytes()),
    }))
}

/// Gives a test person an account, once.
pub async fn add_person(services: &Services, test: &TestPerson<'_>) -> Outcome<()> {
    let index = person::number_index(services, test.number)?;
    if store::person::find_by_number_index(&services.db, &index).await?.is_some() {
        return Ok(());
    }
    let now = services.clock.now();
    let id = PersonId::new(now, &*services.entropy);
    let row = store::person::Person {
        id,
        status: if test.locked { PersonStatus::Locked } else { PersonStatus::Active },
        status_reason: test.locked.then(|| "theft_reported".to_owned()),
        identity_level: test.identity_level,
        register_state: RegisterState::Verified,
        register_as_of: Some(now),
        register_evidence: None,
        full_name: test.full_name.as_str().to_owned(),
        name_key: test.full_name.match_key(),
        name_search: test.full_name.search_key(),
        birth_date_sealed: person::seal_birth_date(services, id, &test.birth_date)?,
        gender: Some(test.gender),
        number_sealed: person::seal_number(services, id, test.number)?,
        number_index: index,
        language: test.language.to_owned(),
        is_demo: true,
        created_at: now,
        updated_at: now,
    };
    let hash = if test.password {
        let hashed = services.passwords.hash(&password_of(test.key), &*services.entropy).await;
        Some(hashed.map_err(Fault::internal)?)
    } else {
        None
    };
    let mut tx = services.db.begin().await?;
    if store::person::insert(&mut tx, &row).await? == Inserted::AlreadyKnown {
        return Ok(());
    }
    create_account::add_phone(services, &mut tx, id, test.phone).await?;
    if let Some(hash) = hash {
        store::password::upsert(&mut tx, &store::password::Password { person_id: id, hash, changed_at: now }).await?;
    }
    if test.totp {
        let app = CredentialId::new(now, &*services.entropy);
        let secret = totp_secret_of(test.key);
        let row = store::totp::Totp {
            id: app,
            person_id: id,
            secret_sealed: services.sealer.seal("totp", app.0.as_bytes(), &secret).map_err(Fault::internal)?,
            last_step: None,
            confirmed_at: Some(now),
            created_at: now,
            ended_at: None,
        };
        store::totp::insert(&mut tx, &row).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Lets a test person act for an organization, as the register names them. Without a register nothing happens: then
/// nobody acts for anybody.
pub async fn add_organization(services: &Services, number: &str, code: &str) -> Outcome<()> {
    let (Ok(number), Ok(code)) = (PersonalNumber::from_exact(number), code.parse()) else {
        return Err(Fault::Internal("a demo organization has no proper code".to_owned()));
    };
    let index = person::number_index(services, &number)?;
    if let Some(who) = store::person::find_by_number_index(&services.db, &index).await?
        && services.organizations.is_connected()
    {
        organizations::apply_unattended(services, who.id, &code).await?;
    }
    Ok(())
}

/// Registers a test client, or brings it up to date.
pub async fn add_client(services: &Services, client_id: &str, metadata: &Value) -> Outcome<()> {
    let registering = Registering {
        db: &services.db,
        now: services.clock.now(),
        entropy: &*services.entropy,
        policy: RegistrationPolicy { allow_loopback_http: true, ..metadata::registration_policy(&services.config) },
        sealer: Some(&services.sealer),
        secret_lifetime: None,
    };
    let secret = Some(client_secret_of(services, client_id)?);
    let new = NewClient { client_id: Some(client_id.to_owned()), secret, demo: true };
    match client_registration::add(&registering, &metadata.to_string(), new).await? {
        Ok(_) => Ok(()),
        Err(error) => Err(Fault::Internal(format!("the demo client {client_id} was refused: {}", error.reason))),
    }
}

/// One whole sign-in with password, code flow and token check, through the same use cases that pages call.
pub async fn check_sign_in(services: &Arc<Services>, number: &PersonalNumber, key: &str) -> Outcome<()> {
    let verifier = crate::base::random_token(&*services.entropy);
    let challenge = URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()).as_bytes());
    let redirect = format!("{}/test/self-check", services.issuer());
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("response_type", "code"),
            ("client_id", SELF_CHECK),
            ("redirect_uri", &redirect),
            ("scope", "openid"),
            ("nonce", "self-check"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ])
        .finish();
    let parameters = Parameters::parse(&query).map_err(Fault::internal)?;
    let known = super::clients::find(services, SELF_CHECK).await?;
    let client = known.as_deref().map(|known| &known.client);
    let request = rules::check(&parameters, client, &super::metadata::capabilities(services))
        .map_err(|_| Fault::Internal("the self-check's request was refused".to_owned()))?;
    let mut begun = interaction::begin(services, Target::Portal(Box::new(request)));
    let flow = &mut begun.interaction;
    if sign_in::identify(services, flow, number.as_str()).await?.is_err() {
        return Err(Fault::Internal("the test person's number was refused".to_owned()));
    }
    if sign_in::check_password(services, flow, &password_of(key)).await? != sign_in::Proved::Yes {
        return Err(Fault::Internal("the test person's password was refused".to_owned()));
    }
    let browser = session::InBrowser { device: "Self-check", network: "", known: true };
    let made = session::establish(services, flow, None, browser).await?;
    let live = session::find(services, Some(&made.cookie)).await?;
    let outcome = finish_check(services, flow, live, (&redirect, &verifier)).await;
    session::end(services, made.id, flow.person.unwrap_or(PersonId(uuid::Uuid::nil())), "self_check").await?;
    outcome
}

async fn finish_check(
    services: &Arc<Services>,
    flow: &interaction::Interaction,
    live: Option<session::LiveSession>,
    (redirect, verifier): (&str, &str),
) -> Outcome<()> {
    let authorize::Advance::Answer(answer) = authorize::advance(services, flow, live).await? else {
        return Err(Fault::Internal("the sign-in did not end in an answer".to_owned()));
    };
    let crate::protocol::response::AuthorizeAnswer::Code(code) = &answer.answer else {
        return Err(Fault::Internal("the sign-in ended in an error".to_owned()));
    };
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
            ("client_id", SELF_CHECK),
            ("client_secret", client_secret_of(services, SELF_CHECK)?.expose()),
        ])
        .finish();
    let parameters = Parameters::parse(&body).map_err(Fault::internal)?;
    let tokens = token::respond(services, &Caller::default(), &parameters)
        .await?
        .map_err(|e| Fault::Internal(e.reason.to_owned()))?;
    let id_token = tokens.get("id_token").and_then(Value::as_str).unwrap_or_default();
    verify(services, id_token, TokenKind::IdToken)
        .map(|_| ())
        .ok_or_else(|| Fault::Internal("the ID token does not verify with the published keys".to_owned()))
}

fn verify(services: &Services, jwt: &str, kind: TokenKind) -> Option<Map<String, Value>> {
    let expect = Expect {
        typ: kind.typ(),
        issuer: services.issuer(),
        audience: None,
        now: services.clock.now(),
        leeway: Duration::from_secs(60),
        allow_expired: true,
    };
    services.keys.current().keys.verify(jwt, &expect).ok()
}

/// Keeps the tokens of a grant for the page that explains them. In `demo` only.
pub async fn keep_tokens(services: &Services, grant: GrantId, answer: &Value) {
    if services.config.provider.environment != crate::config::Environment::Demo {
        return;
    }
    let kept = json!({ "id_token": answer.get("id_token"), "access_token": answer.get("access_token") });
    // Only a page of explanations is lost if the cache is away.
    drop(services.cache.put(TOKENS, &grant.to_string(), kept.to_string().as_bytes(), Duration::from_secs(3600)).await);
}

/// A token taken apart.
pub struct TakenApart {
    /// `id_token` or `access_token`.
    pub name: &'static str,
    /// JOSE header as JSON.
    pub header: String,
    /// Its claims.
    pub claims: Map<String, Value>,
    /// The signature holds with the published keys.
    pub signature_ok: bool,
}

/// The story of one sign-in.
pub struct Story {
    /// The portal.
    pub client_id: String,
    /// What was written to the audit trail, in order.
    pub entries: Vec<crate::audit::Entry>,
    /// The tokens, while they are kept.
    pub tokens: Vec<TakenApart>,
    /// Whose sign-in it was.
    pub full_name: String,
}

/// What happened around a grant: the session's events before it and the grant's own.
pub async fn story(services: &Services, id: GrantId) -> Outcome<Option<Story>> {
    let Some(grant) = store::grant::find(&services.db, id).await? else {
        return Ok(None);
    };
    let mut entries = store::audit::list_for_grant(&services.db, id).await?;
    let seen: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    let around = store::audit::list_for_person(&services.db, grant.person_id, None, 50).await?;
    let from = grant.created_at.minus(Duration::from_secs(900));
    entries.extend(
        around
            .into_iter()
            .filter(|e| e.at >= from && e.at <= grant.created_at && !seen.contains(&e.id) && e.grant.is_none()),
    );
    entries.sort_by_key(|entry| (entry.at, entry.id));
    let mut tokens = Vec::new();
    if let Some(bytes) = services.cache.get(TOKENS, &id.to_string()).await? {
        let kept: Value = serde_json::from_slice(&bytes)?;
        for (name, kind) in [("id_token", TokenKind::IdToken), ("access_token", TokenKind::AccessToken)] {
            if let Some(jwt) = kept.get(name).and_then(Value::as_str) {
                tokens.push(take_apart(services, name, kind, jwt));
            }
        }
    }
    let full_name = store::person::get(&services.db, grant.person_id).await?.full_name;
    Ok(Some(Story { client_id: grant.client_id, entries, tokens, full_name }))
}

fn take_apart(services: &Services, name: &'static str, kind: TokenKind, jwt: &str) -> TakenApart {
    let verified = verify(services, jwt, kind);
    let read = crate::protocol::jws::read_unverified(jwt).ok();
    TakenApart {
        name,
        header: read.as_ref().map(|parts| Value::Object(parts.header.clone()).to_string()).unwrap_or_default(),
        signature_ok: verified.is_some(),
        claims: read.map(|parts| parts.claims).unwrap_or_default(),
    }
}

/// A message of the test inbox.
pub struct InboxMessage {
    /// `sms`, `voice` or `email`.
    pub kind: String,
    /// Phone or address.
    pub recipient: String,
    /// The text.
    pub body: String,
    /// When it was sent.
    pub at: Timestamp,
}

/// The newest messages of the test inbox.
pub async fn inbox(services: &Services) -> Outcome<Vec<InboxMessage>> {
    let rows = store::test_message::list(&services.db, None, 100).await?;
    Ok(rows
        .into_iter()
        .map(|row| InboxMessage { kind: row.kind, recipient: row.recipient, body: row.body, at: row.at })
        .collect())
}

/// Empties the test inbox.
pub async fn clear_inbox(services: &Services) -> Outcome<()> {
    let mut tx = services.db.begin().await?;
    store::test_message::clear(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether the database holds what only `demo` may make.
pub async fn is_present(db: &crate::db::Db) -> Outcome<bool> {
    Ok(store::person::any_demo(db).await?
        || store::client::any_demo(db).await?
        || store::signing_key::any_demo(db).await?
        || store::encryption_key::any_demo(db).await?)
}
