//! Token exchange between agencies (RFC 8693). The new token keeps the grant of the subject token, so that whatever ends
//! that grant ends every token that grew from it by exchange (I2).

use super::bearer_token::{self, LiveAccess};
use super::caller::Caller;
use super::clients::{self, KnownClient};
use super::representation::{self, Stated};
use super::token::By;
use super::{Outcome, Services, access_token, audit, token};
use crate::audit::GrantEvent;
use crate::base::{DisclosureId, RowId};
use crate::protocol::Confirmation;
use crate::protocol::Error;
use crate::protocol::confirmation::CertificateThumbprint;
use crate::protocol::jwt_claims::AccessToken;
use crate::protocol::token_exchange::{self as rules, ACCESS_TOKEN_TYPE, Exchanged, TokenExchange};
use crate::store;
use serde_json::Value;

/// What the person's record of releases says of an exchange: which agency acted, and that it did.
const ACTED: &str = "agency_access";

/// Exchanges a token for one to act with.
pub async fn exchange(
    services: &Services,
    caller: &Caller,
    by: &By<'_>,
    request: &TokenExchange,
) -> Outcome<Result<Value, Error>> {
    let known = by.known;
    if let Err(error) = rules::permitted(&known.client) {
        return Ok(Err(error));
    }
    let Some(subject) = bearer_token::read_access(services, request.subject_token.expose()).await? else {
        return Ok(Err(rules::refused("subject_token_inactive")));
    };
    let actor = match &request.actor_token {
        None => None,
        Some(presented) => match bearer_token::read_access(services, presented.expose()).await? {
            Some(actor) => Some(actor.token),
            None => return Ok(Err(rules::refused("actor_token_inactive"))),
        },
    };
    let bound = [Some(&subject.token), actor.as_ref()].into_iter().flatten();
    if !bound.into_iter().all(|token| is_proved(caller, by, token.confirmation.as_ref())) {
        return Ok(Err(rules::refused("subject_token_unproved")));
    }
    // What was taken from the subject token's client since then is not passed on either (E5).
    let (usable, _) = bearer_token::usable(services, &subject.token.client_id, &subject.token.scope).await?;
    let subject_token = AccessToken { scope: usable, ..(*subject.token).clone() };
    let known_subject = clients::find(services, &subject.token.client_id).await?;
    let registered = known_subject.as_ref().map_or(&[][..], |known| &known.client.metadata.audience);
    let authorized = subject.grant.as_ref().map(|grant| grant.resource.as_slice());
    let granted = rules::granted(&subject_token, registered, authorized);
    match rules::exchange(&known.client, request, (&subject_token, &granted), actor.as_deref()) {
        Ok(exchanged) => issue(services, by, (&subject_token, &subject), exchanged).await,
        Err(error) => Ok(Err(error)),
    }
}

/// Whether the caller proved to hold what a token is bound to (RFC 9449 7.1, RFC 8705 3): by this request's own proof, or
/// by the certificate of its connection.
fn is_proved(caller: &Caller, by: &By<'_>, confirmation: Option<&Confirmation>) -> bool {
    match confirmation {
        None => true,
        Some(Confirmation::Key(_)) => by.held.as_ref() == confirmation,
        Some(Confirmation::Certificate(wanted)) => {
            caller.certificate.as_deref().is_some_and(|der| CertificateThumbprint::of_der(der) == *wanted)
        }
    }
}

async fn issue(
    services: &Services,
    by: &By<'_>,
    (subject, presented): (&AccessToken, &LiveAccess),
    exchanged: Exchanged,
) -> Outcome<Result<Value, Error>> {
    let (now, known, client) = (services.clock.now(), by.known, &by.known.client);
    let stated = match &presented.grant {
        None => Stated::Myself,
        Some(grant) => representation::stated(services, &services.db, (grant, client.metadata.representation)).await?,
    };
    if matches!(stated, Stated::Over(_)) {
        return Ok(Err(rules::refused("representation")));
    }
    let longest = now.plus(services.config.tokens.access_token_seconds.duration());
    let access = AccessToken {
        issuer: services.issuer().to_owned(),
        audience: exchanged.audience,
        subject: subject.subject.clone(),
        client_id: client.client_id.clone(),
        issued_at: now,
        expires_at: longest.min(subject.expires_at),
        jti: RowId::new(now, &*services.entropy).to_string(),
        scope: exchanged.scope,
        grant: subject.grant,
        authentication: subject.authentication.clone(),
        authorization_details: stated.details().cloned(),
        // Never less bound than what it was made from.
        confirmation: by.held.clone().or_else(|| subject.confirmation.clone()),
        actor: Some(exchanged.actor),
    };
    record(services, known, subject, (presented, &access)).await?;
    let written = access_token::write(services, client, &access)?;
    let mut answer = token::answer(&written, &access, now);
    answer.insert("issued_token_type".to_owned(), ACCESS_TOKEN_TYPE.into());
    Ok(Ok(Value::Object(answer)))
}

/// Written down before the token exists: the trail, and where it is about a person the record that they can read.
async fn record(
    services: &Services,
    known: &KnownClient,
    subject: &AccessToken,
    (presented, access): (&LiveAccess, &AccessToken),
) -> Outcome<()> {
    let now = services.clock.now();
    let event =
        GrantEvent::TokenExchanged { subject_client: subject.client_id.clone(), scope: access.scope.to_string() };
    let mut entry = audit::entry(services, event).client(&known.client.client_id);
    let mut tx = services.db.begin().await?;
    if let Some(grant) = &presented.grant {
        entry = entry.person(grant.person_id).grant(grant.id);
        let disclosure = store::disclosure::Disclosure {
            id: DisclosureId::new(now, &*services.entropy),
            person_id: grant.person_id,
            client_id: known.client.client_id.clone(),
            agreement_id: known.agreement.as_ref().map(|agreement| agreement.id),
            grant_id: grant.id,
            claims: vec![ACTED.to_owned()],
            at: now,
        };
        store::disclosure::insert(&mut tx, &disclosure).await?;
    }
    audit::append(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(())
}
