//! Single sign-on sessions: made after proofs, renamed at every sign-in and step-up, ended with a word to every
//! portal that was visited in them.

use super::interaction::{self, Interaction};
use super::outbox::{self, Notice, Posting, Way};
use super::{Fault, Outcome, Services, audit, clients, passkey};
use crate::audit::{SessionEvent, SignInEvent, Word};
use crate::base::{PersonId, Presented, SessionId, Timestamp, dated_token, sha256};
use crate::db::Tx;
use crate::identity::{Achieved, AuthenticationLevel, IdentityLevel, Method, PersonStatus, amr, authentication_level};
use crate::store;
pub use crate::store::session::LiveSession;
use crate::store::session::{Rotation, Session};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The browser that a session is made in.
#[derive(Debug, Clone, Copy)]
pub struct InBrowser<'a> {
    /// What it calls itself, for the list of sessions.
    pub device: &'a str,
    /// The caller's network: only its place is kept, if it is known.
    pub network: &'a str,
    /// The person signed in there before. Otherwise they are told: it may be somebody else.
    pub known: bool,
}

/// A session and the secret that goes into the browser's cookie.
#[derive(Debug)]
pub struct Established {
    /// The session.
    pub id: SessionId,
    /// The cookie's value.
    pub cookie: String,
}

/// The live session of a cookie: not ended, not idle too long, of an active person. One read, and a
/// second one for a cookie that opens nothing.
pub async fn find(services: &Services, cookie: Option<&str>) -> Outcome<Option<LiveSession>> {
    let Some(cookie) = cookie.filter(|value| value.len() == 43) else {
        return Ok(None);
    };
    let presented = Presented::of(cookie);
    let now = services.clock.now();
    let live = store::session::find_live_by_digest(&services.db, presented, now).await?;
    if live.is_none() {
        end_late(services, presented, now).await?;
    }
    Ok(live.filter(|live| live.person_status == PersonStatus::Active))
}

/// The live session of a cookie with what a client's authorization request has to know of it, in the same one read.
pub async fn find_for_client(
    services: &Services,
    cookie: Option<&str>,
    client: &crate::protocol::Client,
) -> Outcome<Option<store::session::ClientSession>> {
    let Some(cookie) = cookie.filter(|value| value.len() == 43) else {
        return Ok(None);
    };
    let presented = Presented::of(cookie);
    let now = services.clock.now();
    let at = (client.client_id.as_str(), client.sector.as_str());
    let found = store::session::find_live_for_client(&services.db, presented, at, now).await?;
    if found.is_none() {
        end_late(services, presented, now).await?;
    }
    Ok(found.filter(|found| found.live.person_status == PersonStatus::Active))
}

/// Ends a session that is presented after it ran out, so that a clock set back does not revive it (I15). Its portals are
/// not told: their own sessions end by their own rules.
async fn end_late(services: &Services, cookie: Presented, now: Timestamp) -> Outcome<()> {
    // Read first: a cookie of nobody must not cost a write.
    let Some(late) = store::session::find_late_by_digest(&services.db, cookie, now).await? else {
        return Ok(());
    };
    let mut tx = services.db.begin().await?;
    if store::session::end(&mut tx, late.id, "expired", now).await? {
        let event = SessionEvent::Ended { reason: Word::new("expired") };
        audit::append(&mut tx, audit::entry(services, event).person(late.person_id).session(late.id)).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Whose session a cookie was that ran out: known until another sign-in gives the browser another cookie.
pub async fn late_owner(services: &Services, cookie: &str) -> Outcome<Option<PersonId>> {
    if cookie.len() != 43 {
        return Ok(None);
    }
    Ok(store::session::owner_of_expired(&services.db, &sha256(cookie.as_bytes())).await?)
}

/// What a session has achieved on both scales.
pub fn achieved(session: &LiveSession) -> Outcome<Achieved> {
    Achieved::by(session.identity_level, &session.session.methods)
        .ok_or_else(|| Fault::Internal("a session without a method".into()))
}

/// The proofs of a flow, and in a step-up also what the session it strengthens lends.
pub fn methods_together(services: &Services, interaction: &Interaction, current: Option<&LiveSession>) -> Vec<Method> {
    let now = services.clock.now();
    let methods = interaction.methods(now);
    let own = current.filter(|live| interaction.stepping_up && interaction.person == Some(live.session.person_id));
    own.and_then(|live| lent(live, &methods, now)).map_or(methods, |(all, _)| all)
}

/// What a browser keeps, in sight of the script of `check_session_iframe`, as long as this session is its own. Nobody can
/// find the session by it (Session Management 1.0 section 3.2).
pub fn browser_state(services: &Services, id: SessionId) -> Outcome<String> {
    let digest = services.sealer.keyed_digest("browser_state", &[id.0.as_bytes()]).map_err(Fault::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(digest.as_bytes()))
}

/// Makes the proofs of a flow into a session. A session of the same person is raised and gets a new secret; one of
/// another person ends here.
pub async fn establish(
    services: &Services,
    interaction: &mut Interaction,
    current: Option<&LiveSession>,
    browser: InBrowser<'_>,
) -> Outcome<Established> {
    let now = services.clock.now();
    let Some(person) = interaction.person else {
        return Err(Fault::Internal("a session was asked for without a proof".into()));
    };
    let methods = interaction.methods(now);
    let raised = current.filter(|live| live.session.person_id == person);
    let found = store::person::get(&services.db, person).await?;
    let merged = raised.filter(|_| interaction.stepping_up).and_then(|live| lent(live, &methods, now));
    let (all, since) = merged.unwrap_or_else(|| (methods.clone(), now));
    let make = |methods: Vec<Method>, since, raised: Option<SessionId>| {
        new_session(services, (found.identity_level, person), methods, (since, raised, browser))
    };
    let (mut session, mut cookie) = make(all, since, raised.map(|old| old.session.id))?;
    let mut tx = services.db.begin().await?;
    if !store::person::hold(&mut tx, person).await? {
        // Frozen or closed since the proof: a session made now would wake with the account.
        return Err(Fault::Unavailable("account"));
    }
    if let Some(other) = current.filter(|live| live.session.person_id != person) {
        end_in(services, &mut tx, (other.session.id, other.session.person_id), "another_person").await?;
    }
    let id = match raised {
        Some(old) if rotate(&mut tx, old, &session, now).await? => {
            let event = SessionEvent::Raised { authentication_level: session.authentication_level.as_u8() };
            audit::append(&mut tx, audit::entry(services, event).person(person).session(old.session.id)).await?;
            old.session.id
        }
        _ => {
            if raised.is_some() {
                // The session that would have been raised, and have lent a proof, is gone: only what was proved now counts.
                (session, cookie) = make(methods, now, None)?;
            }
            store::session::insert(&mut tx, &session).await?;
            let event = SessionEvent::Started { authentication_level: session.authentication_level.as_u8() };
            audit::append(&mut tx, audit::entry(services, event).person(person).session(session.id)).await?;
            cap(services, &mut tx, person, session.id).await?;
            // A new account's first session is nobody's but its maker's.
            if !browser.known && interaction.creation.is_none() {
                passkey::tell_phone(services, &mut tx, person, Notice::NewDevice { at: now }).await?;
            }
            session.id
        }
    };
    let authentication_level = session.authentication_level.as_u8();
    let words = amr(&session.methods).into_iter().map(Word::new).collect();
    let event = SignInEvent::Succeeded { methods: words, authentication_level };
    audit::append(&mut tx, audit::entry(services, event).person(person).session(id)).await?;
    tx.commit().await?;
    metrics::counter!("sign_ins_total", "level" => authentication_level.to_string()).increment(1);
    interaction.signed_in = Some(id);
    interaction.proofs.clear();
    interaction.stepping_up = false;
    // What was shown and agreed to before belongs to whoever was signed in then.
    interaction.continued = None;
    interaction.consent = None;
    interaction::save(services, interaction).await?;
    Ok(Established { id, cookie })
}

/// Holds the person's and the session's row for the rest of a transaction that changes ways to sign in: what was ended
/// or frozen meanwhile changes nothing any more, and of two changes one sees the other (I2). Person first, as freezing
/// takes them. `false`: nothing may be changed.
pub async fn stands(services: &Services, tx: &mut Tx, live: &LiveSession) -> Outcome<bool> {
    let now = services.clock.now();
    Ok(store::person::hold(&mut *tx, live.session.person_id).await?
        && store::session::hold(tx, live.session.id, now, live.session.idle_expires_at.max(now)).await?)
}

/// What a session of the last half hour lends to a step-up: single factors only, never a proof that reaches the level by
/// itself, and with its own age, so that nothing old is stated as new (I7).
fn lent(live: &LiveSession, now_proved: &[Method], now: Timestamp) -> Option<(Vec<Method>, Timestamp)> {
    let since = live.session.authenticated_at;
    if now.since(since) >= interaction::LIFETIME {
        return None;
    }
    let single =
        |method: &&Method| authentication_level(std::slice::from_ref(*method)) == Some(AuthenticationLevel::One);
    let earlier: Vec<Method> =
        live.session.methods.iter().filter(single).filter(|m| !now_proved.contains(m)).copied().collect();
    if earlier.is_empty() {
        return None;
    }
    Some((now_proved.iter().copied().chain(earlier).collect(), since))
}

/// A session and its cookie, which carries the time of the id it is found by: its own, or that of the session that is
/// raised to it.
fn new_session(
    services: &Services,
    (identity_level, person): (IdentityLevel, PersonId),
    methods: Vec<Method>,
    (since, raised, browser): (Timestamp, Option<SessionId>, InBrowser<'_>),
) -> Outcome<(Session, String)> {
    let now = services.clock.now();
    let level = Achieved::by(identity_level, &methods)
        .ok_or_else(|| Fault::Internal("the proofs of this flow are too old".into()))?;
    let lifetimes = &services.config.session;
    let authentication_level = level.authentication_level.as_u8();
    let id = SessionId::new(now, &*services.entropy);
    let cookie = dated_token(raised.unwrap_or(id).made_at(), &*services.entropy);
    let session = Session {
        id,
        secret_digest: sha256(cookie.as_bytes()),
        person_id: person,
        authentication_level: level.authentication_level,
        methods,
        settled: level.settled,
        authenticated_at: since,
        created_at: now,
        last_seen_at: now,
        idle_expires_at: now.plus(lifetimes.idle(authentication_level)),
        expires_at: since.plus(lifetimes.absolute(authentication_level)),
        device: browser.device.to_owned(),
        place: services.places.of(browser.network).map(str::to_owned),
        ended_at: None,
        ended_reason: None,
    };
    Ok((session, cookie))
}

/// Gives a live session its new secret and level.
async fn rotate(tx: &mut Tx, old: &LiveSession, to: &Session, now: Timestamp) -> Outcome<bool> {
    let rotation = Rotation {
        old_secret_digest: old.session.secret_digest,
        secret_digest: to.secret_digest,
        authentication_level: to.authentication_level,
        methods: to.methods.clone(),
        settled: to.settled,
        authenticated_at: to.authenticated_at,
        idle_expires_at: to.idle_expires_at,
        expires_at: to.expires_at,
        place: to.place.clone(),
    };
    Ok(store::session::rotate(tx, old.session.id, &rotation, now).await?)
}

/// Keeps the number of sessions of one person bounded: the oldest ends.
async fn cap(services: &Services, tx: &mut Tx, person: PersonId, newest: SessionId) -> Outcome<()> {
    let most = services.config.session.most_per_person;
    let beyond = store::session::list_beyond(&mut *tx, person, most, services.clock.now()).await?;
    for old in beyond.into_iter().filter(|id| *id != newest) {
        end_in(services, tx, (old, person), "too_many").await?;
    }
    Ok(())
}

/// Notes that a session was used, once a minute at most.
pub async fn touch(services: &Services, session: &LiveSession) -> Outcome<()> {
    let now = services.clock.now();
    let session = &session.session;
    if now.since(session.last_seen_at) < crate::identity::session::TOUCH_EVERY {
        return Ok(());
    }
    let idle = now.plus(services.config.session.idle(session.authentication_level.as_u8()));
    let mut tx = services.db.begin().await?;
    store::session::touch(&mut tx, session.id, now, idle).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends a session, its grants, and tells every portal visited in it. Names the portals that will be told.
pub async fn end_in(
    services: &Services,
    tx: &mut Tx,
    (id, person): (SessionId, PersonId),
    reason: &'static str,
) -> Outcome<Vec<String>> {
    if !store::session::end(tx, id, reason, services.clock.now()).await? {
        return Ok(Vec::new());
    }
    after_end(services, tx, (id, person), reason).await
}

/// What follows the end of a session: portals are told, its grants end, the trail says so.
async fn after_end(
    services: &Services,
    tx: &mut Tx,
    (id, person): (SessionId, PersonId),
    reason: &'static str,
) -> Outcome<Vec<String>> {
    let now = services.clock.now();
    let mut told = Vec::new();
    for visit in store::session_client::list(&mut *tx, id).await? {
        if tell(services, tx, (id, person), &visit, now).await? {
            told.push(visit.client_id);
        }
    }
    store::grant::end_for_session(tx, id, reason, now).await?;
    let event = SessionEvent::Ended { reason: Word::new(reason) };
    audit::append(tx, audit::entry(services, event).person(person).session(id)).await?;
    Ok(told)
}

/// Puts a logout token for one portal into the outbox, if the portal wants one.
async fn tell(
    services: &Services,
    tx: &mut Tx,
    (id, person): (SessionId, PersonId),
    visit: &store::session_client::SessionClient,
    now: Timestamp,
) -> Outcome<bool> {
    let Some(known) = clients::find_in(services, tx, &visit.client_id).await? else {
        return Ok(false);
    };
    if known.client.metadata.backchannel_logout_uri.is_none() {
        return Ok(false);
    }
    let subject = super::subject::of_in(services, tx, &known.client.sector, person, now).await?;
    let posting =
        Posting::Logout { client_id: visit.client_id.clone(), subject, sid: visit.sid.to_string(), session: id };
    outbox::post(services, tx, Way::Logout, &posting, Some(reference(id))).await?;
    Ok(true)
}

/// Under which the outbox finds all logout tokens of a session.
pub fn reference(id: SessionId) -> String {
    format!("session:{id}")
}

/// The portals visited in a session.
pub async fn visits(services: &Services, id: SessionId) -> Outcome<Vec<store::session_client::SessionClient>> {
    Ok(store::session_client::list(&services.db, id).await?)
}

/// The portals a person used, the one used last first.
pub async fn used(services: &Services, person: PersonId) -> Outcome<Vec<store::session_client::UsedClient>> {
    Ok(store::session_client::list_used(&services.db, person, services.clock.now()).await?)
}

/// A person's live sessions, newest first.
pub async fn all_of(services: &Services, person: PersonId) -> Outcome<Vec<Session>> {
    Ok(store::session::list_for(&services.db, person, services.clock.now()).await?)
}

/// Ends one session of a person by itself.
pub async fn end(services: &Services, id: SessionId, person: PersonId, reason: &'static str) -> Outcome<Vec<String>> {
    let mut tx = services.db.begin().await?;
    let told = end_in(services, &mut tx, (id, person), reason).await?;
    tx.commit().await?;
    Ok(told)
}

/// Ends every session of a person, but `keep`, and a change of phone that another one asked for; idle ones too, since their portals may still hold tokens. Gives how many
/// ended.
pub async fn end_all(
    services: &Services,
    person: PersonId,
    keep: Option<SessionId>,
    reason: &'static str,
) -> Outcome<usize> {
    let mut tx = services.db.begin().await?;
    super::account::phone::cancel_of_others(services, &mut tx, person, keep).await?;
    let ended = end_all_in(services, &mut tx, (person, keep), reason).await?;
    tx.commit().await?;
    Ok(ended)
}

/// The same within a transaction that does more.
pub async fn end_all_in(
    services: &Services,
    tx: &mut Tx,
    (person, keep): (PersonId, Option<SessionId>),
    reason: &'static str,
) -> Outcome<usize> {
    let ended = store::session::end_all_for(tx, person, keep, reason, services.clock.now()).await?;
    for id in &ended {
        after_end(services, tx, (*id, person), reason).await?;
    }
    Ok(ended.len())
}
