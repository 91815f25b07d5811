//! What `conformance` adds for the suites of the OpenID Foundation: one made-up person and clients from a file.

use super::client_registration::{self, NewClient, Registering};
use super::{Fault, Outcome, Services, demo, metadata, person};
use crate::base::{ContactId, Secret, random_token};
use crate::identity::{EmailAddress, ExchangeEvidence, PersonalNumber, RegisterState};
use crate::protocol::{RegistrationPolicy, ScopeSet};
use crate::store;
use crate::store::contact::{Contact, ContactKind};
use crate::store::person::RegisterUpdate;
use serde_json::{Map, Value};

/// Gives the made-up person an e-mail address too, once: the suites ask for every claim of a scope.
pub async fn add_email(services: &Services, number: &PersonalNumber, email: &EmailAddress) -> Outcome<()> {
    let index = person::number_index(services, number)?;
    let Some(who) = store::person::find_by_number_index(&services.db, &index).await? else {
        return Err(Fault::Internal("the made-up person is missing".to_owned()));
    };
    if person::contacts(services, who.id).await?.email.is_some() {
        return Ok(());
    }
    let now = services.clock.now();
    let id = ContactId::new(now, &*services.entropy);
    let contact = Contact {
        id,
        person_id: who.id,
        kind: ContactKind::Email,
        value_sealed: person::seal_email(services, id, email)?,
        value_index: person::email_index(services, email)?,
        verified_at: Some(now),
        ended_at: None,
        created_at: now,
    };
    let mut tx = services.db.begin().await?;
    store::contact::insert(&mut tx, &contact).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes down an exchange with a register that vouches for the made-up person, once: made up as the person is, for
/// suites that ask for evidence of verified claims.
pub async fn add_evidence(services: &Services, number: &PersonalNumber) -> Outcome<()> {
    let index = person::number_index(services, number)?;
    let Some(who) = store::person::find_by_number_index(&services.db, &index).await? else {
        return Err(Fault::Internal("the made-up person is missing".to_owned()));
    };
    if who.register_evidence.is_some() {
        return Ok(());
    }
    let now = services.clock.now();
    let made_up = || random_token(&*services.entropy);
    let evidence = ExchangeEvidence {
        request_id: made_up(),
        message_id: made_up(),
        request_hash: made_up(),
        service: "conformance/made-up/register".to_owned(),
        as_of: now,
    };
    let update = RegisterUpdate {
        identity_level: who.identity_level,
        register_state: RegisterState::Verified,
        as_of: Some(now),
        evidence: Some(evidence),
    };
    let mut tx = services.db.begin().await?;
    store::person::update_register_state(&mut tx, who.id, &update, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Registers a client of the file, or brings it up to date: RFC 7591 metadata with `client_id` and, for methods that have
/// one, `client_secret`. A client without `sharing` may receive what its scopes stand for. The text of a refusal, if any.
pub async fn add_client(services: &Services, mut members: Map<String, Value>) -> Outcome<Result<String, String>> {
    let mut text = |name: &str| members.remove(name).and_then(|value| value.as_str().map(str::to_owned));
    let Some(client_id) = text("client_id") else { return Ok(Err("a client without client_id".to_owned())) };
    let secret = text("client_secret").map(Secret::new);
    if !members.contains_key("sharing") {
        let scope = members.get("scope").and_then(Value::as_str).unwrap_or("openid");
        let sharing = client_registration::agreement_for(&ScopeSet::parse(scope).unwrap_or_default());
        if let Some(sharing) = sharing {
            members.insert("sharing".to_owned(), serde_json::to_value(sharing)?);
        }
    }
    let registering = Registering {
        db: &services.db,
        now: services.clock.now(),
        entropy: &*services.entropy,
        policy: RegistrationPolicy { allow_loopback_http: true, ..metadata::registration_policy(&services.config) },
        sealer: Some(&services.sealer),
        secret_lifetime: None,
    };
    let secret = match secret {
        Some(secret) => secret,
        None => demo::client_secret_of(services, &client_id)?,
    };
    let new = NewClient { client_id: Some(client_id.clone()), secret: Some(secret), demo: true };
    let added = client_registration::add(&registering, &Value::Object(members).to_string(), new).await?;
    Ok(added
        .map(|_| client_id.clone())
        .map_err(|error| format!("{client_id}: {} ({})", error.description, error.reason)))
}
