//! Access and refresh tokens that come back: at userinfo, introspection and revocation.

use super::caller::Caller;
use super::clients::KnownClient;
use super::disclosure::{self, Place};
use super::encryption::Envelope;
use super::representation::{self, Stated};
use super::{Outcome, Services, access_token, audit, encryption, possession, token};
use crate::audit::{GrantEvent, Word};
use crate::base::{Digest, Presented, Timestamp, sha256};
use crate::identity::PersonStatus;
use crate::protocol::jwt_claims::{AccessToken, TokenKind, Userinfo};
use crate::protocol::representation::RepresentationPolicy;
use crate::protocol::token_exchange;
use crate::protocol::{Client, Error, ScopeSet, bearer, introspection, scope};
use crate::store;
use crate::store::client::ClientStatus;
use crate::store::grant::Grant;
use crate::store::spent::SpentKind;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The userinfo answer, plain, signed or encrypted as the client registered it.
pub enum UserinfoAnswer {
    /// JSON.
    Plain(Value),
    /// A JWT: signed, encrypted, or both (Core 5.3.2).
    Jwt(String),
}

/// Answers userinfo: the token must be ours, live, for us, of a person, and carry `openid`.
pub async fn userinfo(
    services: &Services,
    caller: &Caller,
    shown: &bearer::Shown,
) -> Outcome<Result<UserinfoAnswer, Error>> {
    let Some(LiveAccess { token: access, grant: Some(live) }) = read_access(services, shown.token.expose()).await?
    else {
        return Ok(Err(bearer::INVALID_TOKEN));
    };
    if let Err(error) = possession::holds(services, caller, (shown, access.confirmation.as_ref())).await? {
        return Ok(Err(error));
    }
    if !access.is_for(services.issuer()) {
        return Ok(Err(bearer::INVALID_TOKEN));
    }
    let Some(known) = super::clients::find(services, &access.client_id).await? else {
        return Ok(Err(bearer::INVALID_TOKEN));
    };
    // A scope taken from the client since the token was issued opens nothing any more (E5).
    let usable = access.scope.intersection(&known.client.metadata.scope);
    if !usable.contains(scope::OPENID) {
        return Ok(Err(bearer::INSUFFICIENT_SCOPE));
    }
    let envelope =
        encryption::envelope(services, &known.client, known.client.metadata.doors.userinfo_encryption()).await?;
    // The client's key may have been waited for: what was revoked meanwhile opens nothing (I2).
    if envelope.is_some() && read_access(services, shown.token.expose()).await?.is_none() {
        return Ok(Err(bearer::INVALID_TOKEN));
    }
    let leaving = disclosure::leaving(services, &known, &live, (Place::Userinfo, &usable)).await?;
    let levels =
        usable.contains(scope::LEVELS).then(|| (live.identity_level.as_u8(), live.authentication_level.as_u8()));
    let stated = representation::stated(services, &services.db, (&live, known.client.metadata.representation)).await?;
    if matches!(stated, Stated::Over(_)) {
        return Ok(Err(bearer::INVALID_TOKEN));
    }
    let answer = Userinfo {
        subject: &live.subject,
        levels,
        released: &leaving.plain,
        verified_claims: leaving.verified.as_ref(),
        authorization_details: stated.details(),
    };
    say(services, &known.client, (&answer, envelope.as_ref())).map(Ok)
}

/// The client of a live access token, whatever it opens, if the caller holds what it is bound to: for conformance runs.
pub async fn holder(services: &Services, caller: &Caller, shown: &bearer::Shown) -> Outcome<Result<String, Error>> {
    let Some(LiveAccess { token, .. }) = read_access(services, shown.token.expose()).await? else {
        return Ok(Err(bearer::INVALID_TOKEN));
    };
    let held = possession::holds(services, caller, (shown, token.confirmation.as_ref())).await?;
    Ok(held.map(|()| token.client_id.clone()))
}

/// Core 5.3.2: in the form the client registered.
fn say(
    services: &Services,
    client: &Client,
    (answer, envelope): (&Userinfo<'_>, Option<&Envelope>),
) -> Outcome<UserinfoAnswer> {
    let claims = || answer.signed_claims(services.issuer(), &client.client_id);
    let signed = match client.userinfo_algorithm() {
        None => None,
        Some(algorithm) => Some(token::sign(services, algorithm.as_str(), TokenKind::Userinfo, claims())?),
    };
    Ok(match (signed, envelope) {
        (None, None) => UserinfoAnswer::Plain(Value::Object(answer.claims())),
        (None, Some(envelope)) => UserinfoAnswer::Jwt(envelope.seal(claims())?),
        (Some(jwt), envelope) => UserinfoAnswer::Jwt(encryption::nested(envelope, jwt)?),
    })
}

/// An access token that was presented and counts.
pub(super) struct LiveAccess {
    /// What it says.
    pub token: Arc<AccessToken>,
    /// Its grant, where it has one.
    pub grant: Option<Grant>,
}

/// An access token of ours that is live, with its grant where it has one. `None` for anything else.
pub(super) async fn read_access(services: &Services, presented: &str) -> Outcome<Option<LiveAccess>> {
    let now = services.clock.now();
    let Some(access) = verified(services, presented, now) else {
        return Ok(None);
    };
    let jti = jti_digest(&access);
    let Some(id) = access.grant else {
        if store::spent::is_spent(&services.db, SpentKind::RevokedAccessToken, &jti).await? {
            return Ok(None);
        }
        let client = super::clients::find(services, &access.client_id).await?;
        let client = client.filter(|known| !known.client.disabled);
        let acting = are_active(services, &access).await?;
        return Ok(client.filter(|_| acting).map(|_| LiveAccess { token: access, grant: None }));
    };
    // One read tells whether token, grant, person and client are all still in order (I2, I5). It is never spared: a
    // copy in this process could not know at once what another node revoked.
    let live = store::grant::find_for_access_token(&services.db, id, &jti).await?;
    let live = live.filter(|live| !live.revoked && in_order(&live.found, now));
    if !are_active(services, &access).await? {
        return Ok(None);
    }
    Ok(live.map(|live| LiveAccess { token: access, grant: Some(live.found.grant) }))
}

/// Whether every agency that acts with a token may act (E5): one that was switched off ends the tokens it exchanged, and
/// those that others made of them.
async fn are_active(services: &Services, access: &AccessToken) -> Outcome<bool> {
    for client_id in token_exchange::actors(access.actor.as_ref()) {
        let known = super::clients::find(services, client_id).await?;
        if known.is_none_or(|known| known.client.disabled) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether grant, client and person are all such that a token counts.
fn in_order(found: &store::grant::TokenGrant, now: Timestamp) -> bool {
    found.grant.is_live(now)
        && found.client_status == ClientStatus::Active
        && found.person_status == PersonStatus::Active
}

/// The claims of an access token of ours. A signature is verified, a seal opened once; the time is judged at each use.
fn verified(services: &Services, presented: &str, now: Timestamp) -> Option<Arc<AccessToken>> {
    let ring = services.keys.current();
    let digest = sha256(presented.as_bytes());
    if let Some(known) = ring.verified.find(&digest, now) {
        return Some(known);
    }
    let access = Arc::new(access_token::read(services, &ring, presented, now)?);
    ring.verified.keep(&digest, &access, now);
    Some(access)
}

fn jti_digest(access: &AccessToken) -> Digest {
    sha256(access.jti.as_bytes())
}

/// The answer to introspection in the form that was asked for.
pub enum IntrospectionAnswer {
    /// JSON (RFC 7662 2.2).
    Plain(Value),
    /// A JWT for the caller (RFC 9701 5).
    Jwt(String),
}

/// Answers introspection for an authenticated client, as a JWT if it `asks_for_jwt`: signed as it registered, and
/// encrypted if it registered that (RFC 9701 4 to 6).
pub async fn introspect_as(
    services: &Services,
    known: &KnownClient,
    (presented, asks_for_jwt): (&str, bool),
) -> Outcome<IntrospectionAnswer> {
    if !asks_for_jwt {
        return introspect(services, known, presented).await.map(IntrospectionAnswer::Plain);
    }
    let client = &known.client;
    let doors = &client.metadata.doors;
    // First the key, which may be waited for, then what is true at that moment (I2).
    let envelope = encryption::envelope(services, client, doors.introspection_encryption()).await?;
    let answer = introspect(services, known, presented).await?;
    let algorithm = doors.introspection_signed_response_alg.unwrap_or(client.id_token_algorithm());
    let claims = introspection::signed_claims(answer, (services.issuer(), &client.client_id), services.clock.now());
    let jwt = token::sign(services, algorithm.as_str(), TokenKind::Introspection, claims)?;
    encryption::nested(envelope.as_ref(), jwt).map(IntrospectionAnswer::Jwt)
}

/// Answers introspection for an authenticated client (RFC 7662).
pub async fn introspect(services: &Services, known: &KnownClient, presented: &str) -> Outcome<Value> {
    let client = &known.client;
    if let Some(LiveAccess { token: access, grant: live }) = read_access(services, presented).await? {
        if !introspection::may_introspect(client, &access.client_id, &access.audience) {
            return Ok(introspection::inactive());
        }
        let authentication = live.as_ref().map(token::authentication);
        let (scope, policy) = usable(services, &access.client_id, &access.scope).await?;
        let stated = match &live {
            Some(grant) => representation::stated(services, &services.db, (grant, policy)).await?,
            None => Stated::Myself,
        };
        if matches!(stated, Stated::Over(_)) {
            return Ok(introspection::inactive());
        }
        return Ok(introspection::active(&introspection::ActiveToken {
            issuer: services.issuer(),
            client_id: &access.client_id,
            subject: &access.subject,
            audience: &access.audience,
            scope: &scope,
            issued_at: access.issued_at,
            expires_at: access.expires_at,
            jti: Some(&access.jti),
            authentication: authentication.as_ref(),
            authorization_details: stated.details(),
            confirmation: access.confirmation.as_ref(),
            actor: access.actor.as_ref(),
        }));
    }
    let now = services.clock.now();
    let Some(row) = store::refresh_token::find(&services.db, Presented::of(presented)).await? else {
        return Ok(introspection::inactive());
    };
    let found = store::grant::find_for_token(&services.db, row.grant_id).await?.filter(|found| in_order(found, now));
    let Some(grant) = found.map(|found| found.grant) else {
        return Ok(introspection::inactive());
    };
    if row.used_at.is_some() || now >= row.expires_at || !introspection::may_introspect(client, &grant.client_id, &[]) {
        return Ok(introspection::inactive());
    }
    let scope = ScopeSet::parse(&row.scope).unwrap_or_default();
    let (scope, policy) = usable(services, &grant.client_id, &scope).await?;
    let stated = representation::stated(services, &services.db, (&grant, policy)).await?;
    if matches!(stated, Stated::Over(_)) {
        return Ok(introspection::inactive());
    }
    Ok(introspection::active(&introspection::ActiveToken {
        issuer: services.issuer(),
        client_id: &grant.client_id,
        subject: &grant.subject,
        audience: std::slice::from_ref(&grant.client_id),
        scope: &scope,
        issued_at: row.created_at,
        expires_at: row.expires_at,
        jti: None,
        authentication: Some(&token::authentication(&grant)),
        authorization_details: stated.details(),
        confirmation: row.bound_to.as_ref(),
        actor: None,
    }))
}

/// What is left of a token's scope: a scope taken from its client since then opens nothing any more (E5).
pub(super) async fn usable(
    services: &Services,
    client_id: &str,
    scope: &ScopeSet,
) -> Outcome<(ScopeSet, RepresentationPolicy)> {
    let known = super::clients::find(services, client_id).await?;
    Ok(known
        .map(|known| (scope.intersection(&known.client.metadata.scope), known.client.metadata.representation))
        .unwrap_or_default())
}

/// Revokes a token of the client (RFC 7009): a refresh token ends its family, an access token itself and its family.
/// An unknown token is no error. A store that fails is one, so that the client tries again (E7).
pub async fn revoke(services: &Services, known: &KnownClient, presented: &str) -> Outcome<()> {
    let now = services.clock.now();
    let client_id = &known.client.client_id;
    let mut tx = services.db.begin().await?;
    if let Some(access) = verified(services, presented, now) {
        if access.client_id != *client_id {
            return Ok(());
        }
        let until = access.expires_at.plus(Duration::from_secs(120));
        store::spent::consume(&mut tx, SpentKind::RevokedAccessToken, &jti_digest(&access), now, until).await?;
        // Whoever acts with another's token ends what it made of it, not what it was made of.
        if let Some(id) = access.grant.filter(|_| access.actor.is_none()) {
            end(services, &mut tx, id, client_id).await?;
        }
        let entry = audit::entry(services, GrantEvent::TokenRevoked { token: Word::new("access_token") });
        audit::append(&mut tx, entry.client(client_id)).await?;
    } else if let Some(row) = store::refresh_token::find(&mut tx, Presented::of(presented)).await? {
        let Some(grant) =
            store::grant::find(&mut tx, row.grant_id).await?.filter(|grant| grant.client_id == *client_id)
        else {
            return Ok(());
        };
        end(services, &mut tx, grant.id, client_id).await?;
        let entry = audit::entry(services, GrantEvent::TokenRevoked { token: Word::new("refresh_token") });
        audit::append(&mut tx, entry.client(client_id).grant(grant.id)).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn end(services: &Services, tx: &mut crate::db::Tx, id: crate::base::GrantId, client_id: &str) -> Outcome<()> {
    if store::grant::end(tx, id, "revoked", services.clock.now()).await? {
        let entry = audit::entry(services, GrantEvent::Ended { reason: Word::new("revoked") });
        audit::append(tx, entry.client(client_id).grant(id)).await?;
    }
    Ok(())
}
