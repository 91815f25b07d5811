//! What a portal remembers, in memory: sign-ins under way, sessions, and the logout tokens it has seen.

use super::ask::Ask;
use super::oidc::{PortalIdToken, SignedIn};
use crate::base::{Timestamp, sha256};
use crate::view::Locale;
use openidconnect::{Nonce, PkceCodeVerifier};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// How long a sign-in may take.
const FLOW_LIFE: Duration = Duration::from_secs(30 * 60);
/// How long a session of the portal lives.
const SESSION_LIFE: Duration = Duration::from_secs(8 * 60 * 60);
/// Most sign-ins or sessions held at once; the one that ends first makes room.
const CAPACITY: usize = 10_000;
/// Most logout events shown.
const EVENTS: usize = 200;

/// A sign-in under way.
pub(super) struct Flow {
    /// The browser it was begun in: the value of the flow cookie.
    pub(super) browser: String,
    pub(super) nonce: Nonce,
    pub(super) verifier: PkceCodeVerifier,
    pub(super) ask: Ask,
    pub(super) locale: Locale,
    pub(super) begun_at: Timestamp,
}

/// A person signed in to the portal.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) person: SignedIn,
    pub(super) id_token: PortalIdToken,
    expires_at: Timestamp,
}

/// A back-channel logout that was received and accepted.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LogoutEvent {
    pub(super) jti: String,
    pub(super) sid: Option<String>,
    pub(super) sub: Option<String>,
    /// Seconds since the epoch.
    pub(super) received_at: i64,
    /// How many sessions of this portal it ended.
    pub(super) ended: usize,
}

#[derive(Default)]
pub(super) struct Store {
    flows: HashMap<String, Flow>,
    sessions: HashMap<[u8; 32], Session>,
    logouts: HashMap<String, (String, Timestamp)>,
    spent_ids: HashMap<String, Timestamp>,
    events: VecDeque<LogoutEvent>,
    received: u64,
}

fn make_room<K: Clone + Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, end: impl Fn(&V) -> Timestamp) {
    if map.len() < CAPACITY {
        return;
    }
    if let Some(first) = map.iter().min_by_key(|(_, value)| end(value)).map(|(key, _)| key.clone()) {
        map.remove(&first);
    }
}

impl Store {
    /// Forgets what has ended.
    fn sweep(&mut self, now: Timestamp) {
        self.flows.retain(|_, flow| flow.begun_at.plus(FLOW_LIFE) > now);
        self.sessions.retain(|_, session| session.expires_at > now);
        self.logouts.retain(|_, (_, begun_at)| begun_at.plus(FLOW_LIFE) > now);
        self.spent_ids.retain(|_, until| *until > now);
    }

    /// Remembers a sign-in under its `state`.
    pub(super) fn begin(&mut self, state: String, flow: Flow) {
        self.sweep(flow.begun_at);
        make_room(&mut self.flows, |flow| flow.begun_at);
        self.flows.insert(state, flow);
    }

    /// Takes a sign-in out, once, and only for the browser that began it. Another browser's try leaves it in place:
    /// a stranger who learnt a `state` must not be able to break the sign-in it belongs to.
    pub(super) fn take(&mut self, state: &str, browser: &str, now: Timestamp) -> Option<Flow> {
        self.sweep(now);
        let of_this_browser = self.flows.get(state)?.browser == browser;
        if of_this_browser { self.flows.remove(state) } else { None }
    }

    /// Opens a session under a new secret.
    pub(super) fn open(&mut self, secret: &str, person: SignedIn, id_token: PortalIdToken, now: Timestamp) {
        self.sweep(now);
        make_room(&mut self.sessions, |session| session.expires_at);
        let session = Session { person, id_token, expires_at: now.plus(SESSION_LIFE) };
        self.sessions.insert(key(secret), session);
    }

    /// The session of a cookie.
    pub(super) fn session(&self, secret: &str, now: Timestamp) -> Option<Session> {
        self.sessions.get(&key(secret)).filter(|session| session.expires_at > now).cloned()
    }

    /// Ends the session of a cookie.
    pub(super) fn close(&mut self, secret: &str) -> Option<Session> {
        self.sessions.remove(&key(secret))
    }

    /// Remembers that a browser was sent to the provider to sign out.
    pub(super) fn begin_logout(&mut self, state: String, browser: String, now: Timestamp) {
        self.sweep(now);
        make_room(&mut self.logouts, |(_, begun_at)| *begun_at);
        self.logouts.insert(state, (browser, now));
    }

    /// Whether this browser returns from a sign-out it began here. Asking again gives the same answer: the page may
    /// be loaded twice.
    pub(super) fn began_logout(&mut self, state: &str, browser: &str, now: Timestamp) -> bool {
        self.sweep(now);
        self.logouts.get(state).is_some_and(|(of, _)| of == browser)
    }

    /// Uses up a logout token's `jti` until `until`; false when it was used before.
    pub(super) fn spend(&mut self, jti: &str, until: Timestamp, now: Timestamp) -> bool {
        self.sweep(now);
        self.spent_ids.insert(jti.to_owned(), until).is_none()
    }

    /// Ends the sessions a logout token names (Back-Channel Logout 2.7): one `sid`, or all of `sub`.
    pub(super) fn end_named(&mut self, sid: Option<&str>, sub: Option<&str>) -> usize {
        let before = self.sessions.len();
        self.sessions.retain(|_, session| {
            let named = match (sid, sub) {
                (Some(sid), _) => session.person.sid.as_deref() == Some(sid),
                (None, Some(sub)) => session.person.sub == sub,
                (None, None) => false,
            };
            !named
        });
        before - self.sessions.len()
    }

    /// Keeps a logout for `/events`.
    pub(super) fn record(&mut self, event: LogoutEvent) {
        self.received += 1;
        self.events.push_back(event);
        if self.events.len() > EVENTS {
            self.events.pop_front();
        }
    }

    /// How many logouts were accepted, and the latest of them.
    pub(super) fn events(&self) -> (u64, Vec<LogoutEvent>) {
        (self.received, self.events.iter().cloned().collect())
    }
}

fn key(secret: &str) -> [u8; 32] {
    *sha256(secret.as_bytes()).as_bytes()
}
