//! Signing out, asked by a portal (RP-Initiated Logout 1.0) or by the person.

use super::outbox::{self, Posting};
use super::session::{self, LiveSession};
use super::{Fault, Outcome, Services, audit, clients};
use crate::audit::{SessionEvent, Word};
use crate::base::{PersonId, SessionId};
use crate::cache::Space;
use crate::crypto::Expect;
use crate::protocol::jwt_claims::{IdTokenHint, TokenKind};
use crate::protocol::logout::{self as rules, LogoutRequest, LogoutReturn};
use crate::protocol::{Error, Parameters, jws};
use crate::store;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

const SPACE: Space = Space("logout");
const DONE: Space = Space("signed_out");
const REQUEST: Space = Space("logout_request");
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What a logout request leads to.
#[derive(Debug)]
pub enum Requested {
    /// The person must be asked first: the handle of the question.
    Ask(String),
    /// Signed out, or nobody was signed in.
    Done(Done),
}

/// What the page after signing out tells.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Done {
    /// The portal that asked.
    pub client_id: Option<String>,
    /// Where it wants the person back: a registered address with its state.
    pub back: Option<LogoutReturn>,
    /// Portals that are being told.
    pub told: Vec<String>,
    /// The session that ended, to look up how telling went.
    pub session: Option<SessionId>,
}

/// A question that waits for the person's answer.
#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    session: SessionId,
    done: Done,
}

/// Judges a portal's logout request.
pub async fn request(
    services: &Services,
    input: &[u8],
    live: Option<&LiveSession>,
) -> Outcome<Result<Requested, Error>> {
    let request = match Parameters::parse(input).map_err(|_| unreadable()).and_then(|p| LogoutRequest::parse(&p)) {
        Ok(request) => request,
        Err(error) => return Ok(Err(error)),
    };
    let hint = request.id_token_hint.as_deref().and_then(|hint| read_hint(services, hint));
    let client_id = match request.client_id(hint.as_ref()) {
        Ok(client_id) => client_id.map(str::to_owned),
        Err(error) => return Ok(Err(error)),
    };
    let known = match &client_id {
        Some(client_id) => clients::find(services, client_id).await?,
        None => None,
    };
    let sid = match (live, &known) {
        (Some(live), Some(known)) => session_sid(services, live, &known.client.client_id).await?,
        _ => None,
    };
    let plan = rules::plan(&request, hint.as_ref(), known.as_deref().map(|known| &known.client), sid.as_deref());
    let mut done = Done { client_id, back: plan.back, ..Done::default() };
    let Some(live) = live else {
        return Ok(Ok(Requested::Done(done)));
    };
    if plan.ask || sid.is_none() {
        let handle = crate::base::random_token(&*services.entropy);
        let pending = serde_json::to_vec(&Pending { session: live.session.id, done })?;
        services.cache.put(SPACE, &handle, &pending, LIFETIME).await?;
        return Ok(Ok(Requested::Ask(handle)));
    }
    done.told = sign_out(services, live, "portal").await?;
    done.session = Some(live.session.id);
    Ok(Ok(Requested::Done(done)))
}

const fn unreadable() -> Error {
    Error::new(crate::protocol::ErrorCode::InvalidRequest, "logout_malformed", "The logout request cannot be read.")
}

fn read_hint(services: &Services, hint: &str) -> Option<IdTokenHint> {
    let typ = TokenKind::IdToken.typ();
    let expect = Expect {
        typ,
        issuer: services.issuer(),
        audience: None,
        now: services.clock.now(),
        leeway: Duration::from_secs(60),
        allow_expired: true,
    };
    let claims = services.keys.current().keys.verify(hint, &expect).ok()?;
    let mut header = Map::new();
    header.insert("typ".to_owned(), Value::from(typ));
    IdTokenHint::read(&jws::Unverified { header, claims }, services.issuer())
}

async fn session_sid(services: &Services, live: &LiveSession, client_id: &str) -> Outcome<Option<String>> {
    let visits = store::session_client::list(&services.db, live.session.id).await?;
    Ok(visits.into_iter().find(|visit| visit.client_id == client_id).map(|visit| visit.sid.to_string()))
}

/// Whose session a waiting question is about; `None` when it is gone or another session is live now.
pub async fn pending(services: &Services, handle: &str, live: &LiveSession) -> Outcome<Option<Done>> {
    let Some(bytes) = services.cache.get(SPACE, handle).await? else {
        return Ok(None);
    };
    let pending: Pending = serde_json::from_slice(&bytes)?;
    Ok((pending.session == live.session.id).then_some(pending.done))
}

/// The person's answer: sign out everywhere in this session, or stay.
pub async fn confirm(services: &Services, handle: &str, live: &LiveSession, leave: bool) -> Outcome<Option<Done>> {
    let Some(bytes) = services.cache.take(SPACE, handle).await? else {
        return Ok(None);
    };
    let pending: Pending = serde_json::from_slice(&bytes)?;
    if pending.session != live.session.id {
        return Ok(None);
    }
    let mut done = pending.done;
    if leave {
        done.told = sign_out(services, live, "portal").await?;
        done.session = Some(live.session.id);
    }
    Ok(Some(done))
}

/// Ends a session by the person's or a portal's wish.
pub async fn sign_out(services: &Services, live: &LiveSession, by: &'static str) -> Outcome<Vec<String>> {
    let mut tx = services.db.begin().await?;
    let entry = audit::entry(services, SessionEvent::LogoutRequested { by: Word::new(by) });
    audit::append(&mut tx, entry.person(live.session.person_id).session(live.session.id)).await?;
    let told = session::end_in(services, &mut tx, (live.session.id, live.session.person_id), "signed_out").await?;
    tx.commit().await?;
    Ok(told)
}

/// Ends every session of a person, on all devices.
pub async fn sign_out_everywhere(services: &Services, person: PersonId) -> Outcome<usize> {
    session::end_all(services, person, None, "signed_out_everywhere").await
}

/// The portals that were told of a session's end, failed at least once and have not answered since: the person can
/// close the browser.
pub async fn unanswered(services: &Services, session: SessionId) -> Outcome<Vec<String>> {
    let mut clients = Vec::new();
    for message in store::outbox::list_by_reference(&services.db, &session::reference(session)).await? {
        let given_up = message.outcome == Some(store::outbox::Outcome::GivenUp);
        let failing = message.finished_at.is_none() && message.last_error.is_some();
        if !given_up && !failing {
            continue;
        }
        if let Posting::Logout { client_id, .. } = outbox::open(services, message.id, &message.payload_sealed)? {
            clients.push(client_id);
        }
    }
    Ok(clients)
}

/// Keeps a posted logout request until the browser comes back with its cookies. Sealed: it may hold an ID token.
pub async fn keep_request(services: &Services, input: &[u8]) -> Outcome<String> {
    let handle = crate::base::random_token(&*services.entropy);
    let sealed = services.sealer.seal("logout_request", handle.as_bytes(), input).map_err(Fault::internal)?;
    services.cache.put(REQUEST, &handle, &sealed, Duration::from_secs(60)).await?;
    Ok(handle)
}

/// Takes up a posted logout request, once.
pub async fn kept_request(services: &Services, handle: &str) -> Outcome<Option<Vec<u8>>> {
    let Some(sealed) = services.cache.take(REQUEST, handle).await? else {
        return Ok(None);
    };
    let plain = services.sealer.open("logout_request", handle.as_bytes(), &sealed).map_err(Fault::internal)?;
    Ok(Some(plain.to_vec()))
}

/// Keeps what the signed-out page tells, for the browser that is sent there.
pub async fn keep(services: &Services, done: &Done) -> Outcome<String> {
    let handle = crate::base::random_token(&*services.entropy);
    services.cache.put(DONE, &handle, &serde_json::to_vec(done)?, LIFETIME).await?;
    Ok(handle)
}

/// Reads what the signed-out page tells.
pub async fn kept(services: &Services, handle: &str) -> Outcome<Option<Done>> {
    let Some(bytes) = services.cache.get(DONE, handle).await? else {
        return Ok(None);
    };
    Ok(Some(serde_json::from_slice(&bytes).map_err(Fault::from)?))
}
