//! The token endpoint: codes and refresh generations are consumed by one conditional update, tokens are made after
//! the commit that allows them.

use super::caller::Caller;
use super::clients::KnownClient;
use super::decoupled::{self, Door};
use super::disclosure::{self, Place};
use super::encryption::Envelope;
use super::representation::{self, Stated};
use super::{
    Fault, Outcome, Services, access_token, audit, client_authentication, encryption, keys, one_time, organizations,
    possession, token_exchange,
};
use crate::audit::{GrantEvent, Word};
use crate::base::{Presented, RowId, Secret, Timestamp, dated_token, sha256};
use crate::db::Tx;
use crate::identity::PersonStatus;
use crate::identity::amr;
use crate::protocol::client::GrantType;
use crate::protocol::jwt_claims::{self, AccessToken, Authentication, IdToken, TokenKind};
use crate::protocol::token::{
    self as rules, CodeExchange, CodeState, CredentialsRequest, RefreshExchange, RefreshState, RefreshVerdict,
    TokenRequest, Verdict,
};
use crate::protocol::{Confirmation, Error, Parameters, ScopeSet};
use crate::store;
use crate::store::client::ClientStatus;
use crate::store::grant::{CodeConsumption, Grant, GrantOrigin, TokenGrant};
use crate::store::refresh_token::RefreshConsumption;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Answers a token request with the JSON of RFC 6749 5.1, or its error.
pub async fn respond(
    services: &Arc<Services>,
    caller: &Caller,
    parameters: &Parameters,
) -> Outcome<Result<Value, Error>> {
    let (known, assertion) = match client_authentication::prove(services, caller, parameters).await? {
        Ok(proved) => proved,
        Err(error) => return Ok(Err(error)),
    };
    let shown = possession::binding(services, &known, caller)?;
    let held = match one_time::consume_with(services, assertion, shown).await? {
        Ok(held) => held,
        Err(error) => return Ok(Err(error)),
    };
    let (request, held) = match (TokenRequest::parse(parameters), held) {
        (Ok(request), Ok(held)) => (request, held),
        (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
    };
    // Before a code or refresh token is used up: a client whose keys cannot be got shall not lose it.
    let envelope = if request.asks_for_id_token() {
        let wanted = known.client.metadata.doors.id_token_encryption();
        encryption::envelope(services, &known.client, wanted).await?
    } else {
        None
    };
    let by = By { known: &known, held, envelope };
    match request {
        TokenRequest::Code(exchange) => redeem(services, &by, &exchange).await,
        TokenRequest::Refresh(exchange) => refresh(services, &by, &exchange).await,
        TokenRequest::ClientCredentials(request) => client_credentials(services, &by, &request),
        TokenRequest::Device(exchange) => decoupled::redeem(services, &by, (Door::Device, &exchange)).await,
        TokenRequest::Ciba(exchange) => decoupled::redeem(services, &by, (Door::Ciba, &exchange)).await,
        TokenRequest::Exchange(request) => token_exchange::exchange(services, caller, &by, &request).await,
    }
}

/// Who asks for tokens, authenticated, and the key it proved to hold: tokens that are issued now are bound to it.
pub(super) struct By<'a> {
    /// The client.
    pub known: &'a KnownClient,
    /// Its key.
    pub held: Option<Confirmation>,
    /// What its ID tokens are encrypted with.
    pub envelope: Option<Envelope>,
}

async fn redeem(services: &Services, by: &By<'_>, exchange: &CodeExchange) -> Outcome<Result<Value, Error>> {
    let now = services.clock.now();
    let known = by.known;
    let client = &known.client;
    let code = Presented::of(exchange.code.expose());
    let mut tx = services.db.begin().await?;
    let consumption = store::grant::consume_code(&mut tx, (GrantOrigin::Code, code), now).await?;
    let (found, used_before) = match consumption {
        CodeConsumption::Unknown => {
            let late = store::grant::end_late_code(&mut tx, (GrantOrigin::Code, code), now).await?;
            return note_late(services, tx, late, "code_expired").await;
        }
        CodeConsumption::Fresh(found) => (found, false),
        CodeConsumption::Spent(found) => (found, true),
    };
    if refused_meanwhile(services, &mut tx, known, &found).await? {
        tx.commit().await?;
        return Ok(Err(rules::replayed()));
    }
    let grant = found.grant;
    let state = CodeState {
        client_id: grant.client_id.clone(),
        redirect_uri: grant.redirect_uri.clone(),
        redirect_uri_sent: grant.redirect_uri_sent,
        code_challenge: grant.code_challenge.clone(),
        resource: grant.resource.clone(),
        bound_to: grant.terms.code_bound_to.clone(),
        expires_at: grant.code_expires_at,
        used_before,
        ended: !grant.is_live(now),
    };
    match rules::redeem(client, (exchange, by.held.as_ref()), &state, now) {
        Verdict::Replayed => {
            end_family(services, &mut tx, &grant, "code_replayed").await?;
            tx.commit().await?;
            Ok(Err(rules::replayed()))
        }
        Verdict::Refuse { error, burn } => {
            // The code stays consumed: whoever holds it next is no better (B1).
            if burn {
                end_family(services, &mut tx, &grant, error.reason).await?;
                tx.commit().await?;
            }
            Ok(Err(error))
        }
        Verdict::Issue => issue(services, tx, by, (&grant, &exchange.resource)).await.map(Ok),
    }
}

/// Gives the first tokens of a grant whose code, or what stands for one, was consumed in this transaction.
pub(super) async fn issue(
    services: &Services,
    mut tx: Tx,
    by: &By<'_>,
    (grant, resource): (&Grant, &[String]),
) -> Outcome<Value> {
    let client = &by.known.client;
    let entry = audit::entry(services, GrantEvent::Exchanged);
    audit::append(&mut tx, entry.person(grant.person_id).client(&client.client_id).grant(grant.id)).await?;
    let scope = ScopeSet::parse(&grant.scope).unwrap_or_default();
    let refresh = next_refresh(services, &mut tx, by, grant, &scope).await?;
    tx.commit().await?;
    // The generation keeps its full scope, as at a refresh; what was taken from the client is not given (E5).
    let usable = scope.intersection(&client.metadata.scope);
    tokens(services, by, grant, (&usable, refresh, resource)).await
}

async fn rotate(
    services: &Services,
    by: &By<'_>,
    exchange: &RefreshExchange,
    may_ask: bool,
) -> Outcome<Result<Value, Error>> {
    let now = services.clock.now();
    let (known, token) = (by.known, Presented::of(exchange.token.expose()));
    let mut tx = services.db.begin().await?;
    let kept = known.client.keeps_refresh_tokens();
    let consumption = if kept {
        let idle = now.plus(services.config.tokens.refresh_idle_days.duration());
        store::refresh_token::keep(&mut tx, token, idle, now).await?
    } else {
        store::refresh_token::consume(&mut tx, token, now).await?
    };
    let (found, row) = match consumption {
        RefreshConsumption::Unknown => {
            let late = store::refresh_token::end_late(&mut tx, token, now).await?;
            return note_late(services, tx, late, "refresh_token_expired").await;
        }
        RefreshConsumption::Fresh { token, grant } => (grant, Some(token)),
        RefreshConsumption::Reused { grant_id } => {
            (Box::new(store::grant::find_for_token(&mut tx, grant_id).await?.ok_or_else(gone)?), None)
        }
    };
    if may_ask && row.is_some() && representation::is_due(services, &mut tx, &found.grant).await? {
        return Ok(Err(REPRESENTATION_DUE));
    }
    if refused_meanwhile(services, &mut tx, known, &found).await? {
        tx.commit().await?;
        return Ok(Err(rules::replayed()));
    }
    let grant = found.grant;
    let state = RefreshState {
        client_id: grant.client_id.clone(),
        scope: row.as_ref().and_then(|row| ScopeSet::parse(&row.scope).ok()).unwrap_or_default(),
        resource: grant.resource.clone(),
        bound_to: row.as_ref().and_then(|row| row.bound_to.clone()),
        expires_at: row.as_ref().map_or(now, |row| row.expires_at),
        family_expires_at: grant.expires_at,
        used_before: row.is_none(),
        ended: !grant.is_live(now),
    };
    match rules::rotate(&known.client, (exchange, by.held.as_ref()), &state, now) {
        RefreshVerdict::Replayed => {
            end_family(services, &mut tx, &grant, "refresh_reused").await?;
            let entry = audit::entry(services, GrantEvent::RefreshReused);
            audit::append(&mut tx, entry.person(grant.person_id).client(&grant.client_id).grant(grant.id)).await?;
            tx.commit().await?;
            Ok(Err(rules::replayed()))
        }
        RefreshVerdict::Refuse { error, burn } => {
            if burn {
                end_family(services, &mut tx, &grant, error.reason).await?;
                tx.commit().await?;
            }
            // Otherwise the transaction is dropped: a mistaken request does not cost the client its token.
            Ok(Err(error))
        }
        RefreshVerdict::Issue { scope } => {
            let entry = audit::entry(services, GrantEvent::RefreshRotated);
            audit::append(&mut tx, entry.person(grant.person_id).client(&grant.client_id).grant(grant.id)).await?;
            // The generation keeps its full scope; a narrower answer narrows this access token only (RFC 6749 6).
            let refresh = if kept { None } else { next_refresh(services, &mut tx, by, &grant, &state.scope).await? };
            tx.commit().await?;
            tokens(services, by, &grant, (&scope, refresh, &exchange.resource)).await.map(Ok)
        }
    }
}

async fn next_refresh(
    services: &Services,
    tx: &mut Tx,
    by: &By<'_>,
    grant: &Grant,
    scope: &ScopeSet,
) -> Outcome<Option<Secret>> {
    if !by.known.client.allows_grant(GrantType::RefreshToken) {
        return Ok(None);
    }
    let now = services.clock.now();
    let token = dated_token(now, &*services.entropy);
    let idle = now.plus(services.config.tokens.refresh_idle_days.duration());
    store::refresh_token::insert(
        tx,
        &store::refresh_token::RefreshToken {
            digest: sha256(token.as_bytes()),
            grant_id: grant.id,
            scope: scope.to_string(),
            created_at: now,
            expires_at: idle.min(grant.expires_at),
            used_at: None,
            // A client that proves itself binds its refresh tokens by that (RFC 9449 5).
            bound_to: by.held.clone().filter(|_| by.known.client.is_public()),
        },
    )
    .await?;
    Ok(Some(Secret::new(token)))
}

/// What came too late ended for good, so that a clock set back does not revive it (I15): written down, then refused as
/// what is unknown.
async fn note_late(
    services: &Services,
    mut tx: Tx,
    late: Option<crate::base::GrantId>,
    reason: &'static str,
) -> Outcome<Result<Value, Error>> {
    if let Some(id) = late {
        let grant = store::grant::find(&mut tx, id).await?.ok_or_else(gone)?;
        let entry = audit::entry(services, GrantEvent::Ended { reason: Word::new(reason) });
        audit::append(&mut tx, entry.person(grant.person_id).client(&grant.client_id).grant(id)).await?;
        tx.commit().await?;
    }
    Ok(Err(rules::unknown()))
}

/// Stands for "ask the register first": seen by [`refresh`] only.
const REPRESENTATION_DUE: Error = Error::new(
    crate::protocol::ErrorCode::TemporarilyUnavailable,
    "representation_due",
    "The register has to be asked first.",
);

/// Renews tokens. Where the register's word on a representation is due, it is asked first, with no transaction open
/// meanwhile: the refresh token is as unused as before, and the second look counts.
async fn refresh(services: &Services, by: &By<'_>, exchange: &RefreshExchange) -> Outcome<Result<Value, Error>> {
    let answer = rotate(services, by, exchange, true).await?;
    if answer != Err(REPRESENTATION_DUE) {
        return Ok(answer);
    }
    if let Some(row) = store::refresh_token::find(&services.db, Presented::of(exchange.token.expose())).await?
        && let Some(grant) = store::grant::find(&services.db, row.grant_id).await?
        && let Some(id) = grant.organization_id
    {
        let oldest = services.config.organizations.recheck_seconds.duration();
        // What it answers is in the store afterwards; a register that is down leaves the last answer to judge by.
        if let Err(reason) = organizations::confirm(services, grant.person_id, id, oldest).await? {
            tracing::info!(reason = reason.as_str(), "a representation was not confirmed at refresh");
        }
    }
    rotate(services, by, exchange, false).await
}

/// Ends the family when its person or client may not be served any more (I5), or the person may not act for the
/// organization any more: off is off on every grant.
pub(super) async fn refused_meanwhile(
    services: &Services,
    tx: &mut Tx,
    known: &KnownClient,
    found: &TokenGrant,
) -> Outcome<bool> {
    let active = found.client_status == ClientStatus::Active && found.person_status == PersonStatus::Active;
    if !active {
        end_family(services, tx, &found.grant, "not_active").await?;
        return Ok(true);
    }
    if found.grant.client_id != known.client.client_id {
        // Another client's: refused by the rules below, and no reason to end what is not the caller's.
        return Ok(false);
    }
    let policy = known.client.metadata.representation;
    match representation::stated(services, &mut *tx, (&found.grant, policy)).await? {
        Stated::Myself | Stated::Details(_) => Ok(false),
        Stated::Over(reason) if reason.ends_tokens() => {
            end_family(services, tx, &found.grant, reason.as_str()).await?;
            Ok(true)
        }
        // The register is silent for too long. It may pass: nothing is consumed, and a later try can succeed.
        Stated::Over(_) => Err(Fault::Unavailable("register of organizations")),
    }
}

fn gone() -> Fault {
    Fault::Internal("a refresh token without a grant".to_owned())
}

/// Ends a grant with everything that grew from it.
pub async fn end_family(services: &Services, tx: &mut Tx, grant: &Grant, reason: &'static str) -> Outcome<()> {
    if store::grant::end(tx, grant.id, reason, services.clock.now()).await? {
        let event = GrantEvent::Ended { reason: Word::new(reason) };
        let entry = audit::entry(services, event);
        audit::append(tx, entry.person(grant.person_id).client(&grant.client_id).grant(grant.id)).await?;
    }
    Ok(())
}

/// How the person signed in, as tokens state it.
pub fn authentication(grant: &Grant) -> Authentication {
    Authentication {
        acr: grant.acr.clone(),
        methods: amr(&grant.methods).into_iter().map(str::to_owned).collect(),
        authenticated_at: grant.authenticated_at,
        authentication_level: grant.authentication_level.as_u8(),
        identity_level: grant.identity_level.as_u8(),
    }
}

async fn tokens(
    services: &Services,
    by: &By<'_>,
    grant: &Grant,
    (scope, refresh, resource): (&ScopeSet, Option<Secret>, &[String]),
) -> Outcome<Value> {
    let now = services.clock.now();
    let known = by.known;
    let client = &known.client;
    let authentication = authentication(grant);
    let stated = representation::stated(services, &services.db, (grant, client.metadata.representation)).await?;
    if matches!(stated, Stated::Over(_)) {
        // It ended between the commit and here: never tokens that say the person acts for themself.
        return Err(Fault::Unavailable("representation"));
    }
    let lifetimes = &services.config.tokens;
    let access = AccessToken {
        issuer: services.issuer().to_owned(),
        audience: rules::audience_with_userinfo(client, (&grant.resource, resource), services.issuer())
            .unwrap_or_default(),
        subject: grant.subject.clone(),
        client_id: client.client_id.clone(),
        issued_at: now,
        expires_at: now.plus(lifetimes.access_token_seconds.duration()).min(grant.expires_at),
        jti: RowId::new(now, &*services.entropy).to_string(),
        scope: scope.clone(),
        grant: Some(grant.id),
        authentication: Some(authentication.clone()),
        authorization_details: stated.details().cloned(),
        confirmation: by.held.clone(),
        actor: None,
    };
    let access_token = access_token::write(services, client, &access)?;
    let algorithm = client.metadata.id_token_signed_response_alg;
    let leaving = disclosure::leaving(services, known, grant, (Place::IdToken, &client.metadata.scope)).await?;
    let id_token = IdToken {
        issuer: services.issuer(),
        subject: &grant.subject,
        client_id: &client.client_id,
        issued_at: now,
        expires_at: now.plus(lifetimes.id_token_seconds.duration()),
        authentication: &authentication,
        nonce: grant.nonce.as_deref(),
        sid: Some(&grant.sid.to_string()),
        at_hash: Some(jwt_claims::at_hash(&access_token, algorithm)),
        released: &leaving.plain,
        verified_claims: leaving.verified.as_ref(),
        authorization_details: stated.details(),
    };
    let mut claims = id_token.claims();
    if let Some(auth_req_id) = &grant.terms.auth_req_id {
        // CIBA 10.3.1, FAPI-CIBA 5.2.2: ties the ID token to what was asked.
        claims.insert(jwt_claims::AUTH_REQ_ID.to_owned(), auth_req_id.as_str().into());
    }
    let id_token = sign(services, algorithm.as_str(), TokenKind::IdToken, claims)?;
    let id_token = encryption::nested(by.envelope.as_ref(), id_token)?;
    let mut answer = answer(&access_token, &access, now);
    answer.insert("id_token".to_owned(), Value::from(id_token));
    if let Some(details) = stated.details() {
        // RFC 9396 7.
        answer.insert("authorization_details".to_owned(), details.clone());
    }
    if let Some(refresh) = refresh {
        answer.insert("refresh_token".to_owned(), Value::from(refresh.expose()));
    }
    let answer = Value::Object(answer);
    super::demo::keep_tokens(services, grant.id, &answer).await;
    Ok(answer)
}

fn client_credentials(services: &Services, by: &By<'_>, request: &CredentialsRequest) -> Outcome<Result<Value, Error>> {
    let client = &by.known.client;
    let allowed = match rules::client_credentials(client, request) {
        Ok(allowed) => allowed,
        Err(error) => return Ok(Err(error)),
    };
    let now = services.clock.now();
    // Without a resource of its own the token is for us, and opens nothing here but introspection of itself.
    let audience = if allowed.audience.is_empty() { vec![services.issuer().to_owned()] } else { allowed.audience };
    let access = AccessToken {
        issuer: services.issuer().to_owned(),
        audience,
        subject: client.client_id.clone(),
        client_id: client.client_id.clone(),
        issued_at: now,
        expires_at: now.plus(services.config.tokens.access_token_seconds.duration()),
        jti: RowId::new(now, &*services.entropy).to_string(),
        scope: allowed.scope,
        grant: None,
        authentication: None,
        authorization_details: None,
        confirmation: by.held.clone(),
        actor: None,
    };
    let token = access_token::write(services, client, &access)?;
    Ok(Ok(Value::Object(answer(&token, &access, now))))
}

/// RFC 6749 5.1.
pub(super) fn answer(token: &str, access: &AccessToken, now: Timestamp) -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("access_token".into(), token.into());
    answer.insert("token_type".into(), access.confirmation.as_ref().map_or("Bearer", Confirmation::token_type).into());
    answer.insert("expires_in".into(), access.expires_at.seconds().saturating_sub(now.seconds()).into());
    answer.insert("scope".into(), access.scope.to_string().into());
    answer
}

/// Signs a claim set of one kind.
pub fn sign(services: &Services, algorithm: &str, kind: TokenKind, claims: Map<String, Value>) -> Outcome<String> {
    keys::sign(services, algorithm, kind.typ(), &Value::Object(claims))
}
