//! The public keys of clients: registered inline, or at a `jwks_uri` that is fetched, kept and fetched again when a
//! client signs with a key we have not seen (OpenID Connect Core 10.1.1).

use super::documents::{self, DocumentLimits};
use super::{Outcome, Services};
use crate::base::Timestamp;
use crate::crypto::{self, SigningAlgorithm, VerifyError};
use crate::notify::DeliveryError;
use crate::protocol::strict_json::{self, Limits};
use crate::protocol::{Client, jws};
use serde_json::{Map, Value};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How long a key set is used without looking again (T4: an hour is far below the day that keys overlap).
const FRESH: Duration = Duration::from_secs(3_600);
/// How long it is used when its address does not answer.
const STALE: Duration = Duration::from_secs(86_400);
/// Between two fetches of one address, whatever callers send: a stranger cannot make us hammer a portal.
const COOLDOWN: Duration = Duration::from_secs(3);
const LIMITS: Limits = Limits { depth: 6, values: 1_000 };
const MOST_KEYS: usize = 32;
const MOST_SETS: u64 = 2_000;

/// A key set as last fetched.
#[derive(Debug, Clone)]
struct Kept {
    /// The set; `None` when the first fetch failed.
    keys: Option<Arc<Value>>,
    /// When the set was fetched.
    fetched_at: Timestamp,
    /// When its address was last asked.
    tried_at: Timestamp,
}

/// The copy of one address: read at any time, replaced by one at a time.
#[derive(Debug, Default)]
struct Slot {
    known: RwLock<Option<Kept>>,
    fetching: tokio::sync::Mutex<()>,
}

impl Slot {
    fn known(&self) -> Option<Kept> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, next: Kept) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(next);
    }
}

/// The process's copies of fetched key sets.
#[derive(Debug, Clone)]
pub struct KeySets {
    kept: moka::future::Cache<String, Arc<Slot>>,
}

impl Default for KeySets {
    fn default() -> Self {
        Self { kept: moka::future::Cache::builder().max_capacity(MOST_SETS).time_to_idle(STALE).build() }
    }
}

/// The members of a JSON object.
type Members = Map<String, Value>;

/// The keys of a client now. An empty set where it has none, or its address never answered.
pub async fn of(services: &Services, client: &Client) -> Arc<Value> {
    match (&client.metadata.jwks, &client.metadata.jwks_uri) {
        (Some(inline), _) => Arc::new(inline.clone()),
        (None, Some(url)) => at(services, url, false).await,
        (None, None) => Arc::new(Value::Null),
    }
}

/// Verifies a JWS of a client by its registered keys, as [`crypto::verify_with_jwks`]; header and claims. A set behind an
/// address is fetched again when the key is not in it.
pub async fn verify(
    services: &Services,
    client: &Client,
    jwt: &str,
    allowed: &[SigningAlgorithm],
) -> Outcome<Result<(Members, Members), VerifyError>> {
    let first = crypto::verify_with_jwks(jwt, &*of(services, client).await, allowed);
    let (Err(error), None, Some(url)) = (&first, &client.metadata.jwks, &client.metadata.jwks_uri) else {
        return Ok(first);
    };
    // A name that is not in the set; or no name, and none of the keys fits: it may be a new one.
    let named = jws::read_unverified(jwt).is_ok_and(|parts| parts.header.contains_key("kid"));
    let may_be_new = match error {
        VerifyError::UnknownKey | VerifyError::KeySet => true,
        VerifyError::Signature => !named,
        _ => false,
    };
    if !may_be_new {
        return Ok(first);
    }
    Ok(crypto::verify_with_jwks(jwt, &*at(services, url, true).await, allowed))
}

/// Whether a key set of the client fits; one behind an address is fetched again when it does not.
pub async fn any(services: &Services, client: &Client, fits: impl Fn(&Value) -> bool) -> bool {
    find(services, client, |keys| fits(keys).then_some(())).await.is_some()
}

/// What is looked for in the client's keys; a set behind an address is fetched again when it is not there.
pub async fn find<T>(services: &Services, client: &Client, pick: impl Fn(&Value) -> Option<T>) -> Option<T> {
    if let Some(found) = pick(&*of(services, client).await) {
        return Some(found);
    }
    match (&client.metadata.jwks, &client.metadata.jwks_uri) {
        (None, Some(url)) => pick(&*at(services, url, true).await),
        _ => None,
    }
}

/// The set at an address. `anew`: what is kept was not enough. One fetch for all who need it; who can do with the copy
/// waits for nobody, so that a slow address holds up only those who look for a new key.
async fn at(services: &Services, url: &str, anew: bool) -> Arc<Value> {
    let slot = services.key_sets.kept.get_with(url.to_owned(), async { Arc::default() }).await;
    if let Some(keys) = enough(&slot, anew, services.clock.now()) {
        return keys;
    }
    let _turn = match (slot.fetching.try_lock(), slot.known()) {
        (Ok(turn), _) => turn,
        // Somebody is asking: an older copy serves until they have an answer.
        (Err(_), Some(known)) if !anew && known.keys.is_some() => return usable(&known, services.clock.now()),
        (Err(_), _) => slot.fetching.lock().await,
    };
    // Somebody may have fetched while this one waited.
    if let Some(keys) = enough(&slot, anew, services.clock.now()) {
        return keys;
    }
    let fetched = fetch(services, url).await;
    // Rests from the end of a slow answer on: those who waited for it must not ask one after another.
    let now = services.clock.now();
    let next = match fetched {
        Ok(keys) => Kept { keys: Some(Arc::new(keys)), fetched_at: now, tried_at: now },
        Err(error) => {
            tracing::warn!(reason = %error, "the keys of a client could not be fetched");
            metrics::counter!("client_key_fetch_failures_total").increment(1);
            match slot.known() {
                Some(known) => Kept { tried_at: now, ..known },
                None => Kept { keys: None, fetched_at: now, tried_at: now },
            }
        }
    };
    let keys = usable(&next, now);
    slot.keep(next);
    keys
}

/// What is kept, where it will do: young, or asked for a moment ago.
fn enough(slot: &Slot, anew: bool, now: Timestamp) -> Option<Arc<Value>> {
    let known = slot.known()?;
    let fresh = known.keys.is_some() && now.since(known.fetched_at) < FRESH && !anew;
    let resting = known.tried_at <= now && now.since(known.tried_at) < COOLDOWN;
    (fresh || resting).then(|| usable(&known, now))
}

fn usable(kept: &Kept, now: Timestamp) -> Arc<Value> {
    let keys = kept.keys.as_ref().filter(|_| now.since(kept.fetched_at) < STALE);
    keys.cloned().unwrap_or_else(|| Arc::new(Value::Null))
}

async fn fetch(services: &Services, url: &str) -> Result<Value, DeliveryError> {
    const LIKE_KEYS: DocumentLimits =
        DocumentLimits { accept: "application/jwk-set+json, application/json", ..DocumentLimits::JSON };
    let document = documents::fetch_document(services, url, LIKE_KEYS).await?;
    let refused = DeliveryError::Refused("not a key set");
    let text = std::str::from_utf8(&document.body).map_err(|_| refused)?;
    let set = strict_json::parse_object(text, LIMITS).map_err(|_| refused)?;
    match set.get("keys").and_then(Value::as_array) {
        Some(keys) if keys.len() <= MOST_KEYS => Ok(Value::Object(set)),
        _ => Err(refused),
    }
}
