//! Signing out, asked by a portal (RP-Initiated Logout 1.0) or by the person.

use super::outbox::{self, Posting};
use super::session::{self, LiveSession};
use super::{Fault, Outcome, Services, audit, clients};
use crate::audit::{Entry, Event, SessionEvent, Word};
use crate::base::{PersonId, SessionId, Timestamp};
use crate::cache::Space;
use crate::crypto::Expect;
use crate::db::Db;
use crate::protocol::jwt_claims::{IdTokenHint, TokenKind};
use crate::protocol::logout::{self as rules, LogoutRequest, LogoutReturn};
use crate::protocol::{Client, Error, Parameters, jws};
use crate::store;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::time::Duration;

const SPACE: Space = Space("logout");
const DONE: Space = Space("signed_out");
const REQUEST: Space = Space("logout_request");
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// The signed-out page names portals: whoever uses the machine next shall not read them from its address.
const FAREWELL: Duration = Duration::from_secs(2 * 60);

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
    sign_out(services, live, "portal").await?;
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
        sign_out(services, live, "portal").await?;
        done.session = Some(live.session.id);
    }
    Ok(Some(done))
}

/// Ends a session by the person's or a portal's wish.
pub async fn sign_out(services: &Services, live: &LiveSession, by: &'static str) -> Outcome<()> {
    let mut tx = services.db.begin().await?;
    let entry = audit::entry(services, SessionEvent::LogoutRequested { by: Word::new(by) });
    audit::append(&mut tx, entry.person(live.session.person_id).session(live.session.id)).await?;
    session::end_in(services, &mut tx, (live.session.id, live.session.person_id), "signed_out").await?;
    Ok(tx.commit().await?)
}

/// Ends every session of a person, on all devices.
pub async fn sign_out_everywhere(services: &Services, person: PersonId) -> Outcome<usize> {
    session::end_all(services, person, None, "signed_out_everywhere").await
}

/// What a portal of a session that ended knows of the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It took the logout token.
    Told(Timestamp),
    /// The logout token is on its way.
    Waiting,
    /// It failed to take it, and is asked again or was given up.
    Unanswered,
    /// It is told by the person's browser, which nobody can confirm.
    InBrowser,
    /// It registered no way to be told.
    Never,
}

/// How a session's portals learn of its end.
#[derive(Debug, Clone, Default)]
pub struct Farewell {
    /// Every portal of the session by its identifier, in order of the first sign-in there.
    pub portals: Vec<(String, Telling)>,
    /// What the browser loads in frames (Front-Channel Logout 1.0 section 2).
    pub frames: Vec<String>,
}

/// The record of telling: as far as it is known now.
pub async fn farewell(services: &Services, session: SessionId) -> Outcome<Farewell> {
    let mut sent = HashMap::new();
    for message in store::outbox::list_by_reference(&services.db, &session::reference(session)).await? {
        if let Posting::Logout { client_id, .. } = outbox::open(services, message.id, &message.payload_sealed)? {
            sent.insert(client_id, telling(&message));
        }
    }
    let endpoints = super::metadata::endpoints(services);
    let mut farewell = Farewell::default();
    for visit in store::session_client::list(&services.db, session).await? {
        let known = clients::find(services, &visit.client_id).await?;
        let frame =
            known.and_then(|known| rules::frontchannel_address(&known.client, &endpoints, &visit.sid.to_string()));
        let in_browser = if frame.is_some() { Telling::InBrowser } else { Telling::Never };
        let telling = sent.remove(&visit.client_id).unwrap_or(in_browser);
        farewell.portals.push((visit.client_id, telling));
        farewell.frames.extend(frame);
    }
    Ok(farewell)
}

fn telling(message: &store::outbox::OutboxMessage) -> Telling {
    match (message.outcome, message.finished_at) {
        (Some(store::outbox::Outcome::Delivered), Some(at)) => Telling::Told(at),
        (Some(store::outbox::Outcome::GivenUp), _) => Telling::Unanswered,
        _ if message.last_error.is_some() => Telling::Unanswered,
        _ => Telling::Waiting,
    }
}

/// One sign-out that a client was told of, or could not be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// When that was certain.
    pub at: Timestamp,
    /// It took the token.
    pub delivered: bool,
    /// After how many attempts.
    pub attempts: u32,
}

impl Delivery {
    /// `delivered` or `given_up`.
    pub const fn outcome(&self) -> &'static str {
        if self.delivered { "delivered" } else { "given_up" }
    }
}

/// The record as portals and operators read it.
pub fn record(client_id: &str, deliveries: &[Delivery]) -> Value {
    let row = |one: &Delivery| json!({ "at": one.at.to_string(), "outcome": one.outcome(), "attempts": one.attempts });
    json!({ "client_id": client_id, "deliveries": deliveries.iter().map(row).collect::<Vec<_>>() })
}

/// The record for the portal itself.
pub async fn own_record(
    services: &Services,
    client: &Client,
    parameters: &Parameters,
) -> Outcome<Result<Value, Error>> {
    let since = match rules::record_since(client, parameters, services.clock.now()) {
        Ok(since) => since,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(record(&client.client_id, &deliveries(&services.db, &client.client_id, since).await?)))
}

/// The portal's own view of the record: the newest first, at most 1000.
pub async fn deliveries(db: &Db, client_id: &str, since: Timestamp) -> Outcome<Vec<Delivery>> {
    let entries = store::audit::list_logouts(db, client_id, since, 1_000).await?;
    let delivery = |entry: Entry| match entry.event {
        Event::Session(SessionEvent::LogoutDelivered { attempt }) => {
            Some(Delivery { at: entry.at, delivered: true, attempts: attempt })
        }
        Event::Session(SessionEvent::LogoutFailed { attempts, .. }) => {
            Some(Delivery { at: entry.at, delivered: false, attempts })
        }
        _ => None,
    };
    Ok(entries.into_iter().filter_map(delivery).collect())
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
    services.cache.put(DONE, &handle, &serde_json::to_vec(done)?, FAREWELL).await?;
    Ok(handle)
}

/// Reads what the signed-out page tells.
pub async fn kept(services: &Services, handle: &str) -> Outcome<Option<Done>> {
    let Some(bytes) = services.cache.get(DONE, handle).await? else {
        return Ok(None);
    };
    Ok(Some(serde_json::from_slice(&bytes).map_err(Fault::from)?))
}
