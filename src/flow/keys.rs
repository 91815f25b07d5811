//! Signing keys: made, published, used, retired, so that no token is signed before its key could be known and
//! no key leaves before its last token ended (I10).

use super::verified_tokens::VerifiedTokens;
use super::{Fault, Outcome, Services};
use crate::audit::AdministrationEvent;
use crate::base::{KeyId, Timestamp};
use crate::crypto::{self, KeyRing, KeyRow, KeySchedule, RotationAction, RotationPolicy, SigningAlgorithm};
use crate::store;
use std::sync::{Arc, RwLock};
use std::time::Duration;

const PURPOSE: &str = "signing_key";
/// The channel on which nodes tell each other that keys changed.
pub const CHANGED: &str = "keys-changed";

/// The key ring in force, swapped whole.
#[derive(Debug)]
pub struct Keys {
    ring: RwLock<Arc<Ring>>,
}

/// A key ring and what was verified with it.
#[derive(Debug)]
pub struct Ring {
    /// The parsed keys.
    pub keys: KeyRing,
    /// When it was read from the store.
    pub read_at: Timestamp,
    /// Access tokens whose signature held. They go with the ring: a key that is withdrawn takes them along.
    pub verified: VerifiedTokens,
}

impl Ring {
    fn new(keys: KeyRing, read_at: Timestamp) -> Arc<Self> {
        Arc::new(Self { keys, read_at, verified: VerifiedTokens::default() })
    }
}

impl Keys {
    /// Starts from a ring.
    pub fn new(keys: KeyRing, read_at: Timestamp) -> Self {
        Self { ring: RwLock::new(Ring::new(keys, read_at)) }
    }

    /// The ring in force. Never waits for a store (I11).
    pub fn current(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn replace(&self, keys: KeyRing, read_at: Timestamp) {
        let fresh = Ring::new(keys, read_at);
        *self.ring.write().unwrap_or_else(std::sync::PoisonError::into_inner) = fresh;
    }
}

/// When keys change hands, from the configuration.
pub fn policy(config: &crate::config::Config) -> RotationPolicy {
    let tokens = &config.tokens;
    let longest = tokens.access_token_seconds.duration().max(tokens.id_token_seconds.duration());
    RotationPolicy {
        algorithms: config.keys.algorithms.iter().filter_map(|name| name.as_str().parse().ok()).collect(),
        signing_period: config.keys.rotation_days.duration(),
        jwks_max_age: config.keys.jwks_max_age_seconds.duration(),
        longest_token: longest + Duration::from_secs(120),
    }
}

/// Reads every key from the store and opens it.
pub async fn read(db: &crate::db::Db, sealer: &crypto::Sealer) -> Outcome<KeyRing> {
    let mut rows = Vec::new();
    for row in store::signing_key::list(db).await? {
        let pkcs8 = sealer.open(PURPOSE, row.id.0.as_bytes(), &row.private_sealed).map_err(Fault::internal)?;
        rows.push(KeyRow { schedule: schedule(&row)?, pkcs8, public_jwk: serde_json::from_str(&row.public_jwk)? });
    }
    KeyRing::new(rows).map_err(Fault::internal)
}

/// Reads the keys again, because time passed or another node said so.
pub async fn reload(services: &Services) -> Outcome<()> {
    let ring = read(&services.db, &services.sealer).await?;
    services.keys.replace(ring, services.clock.now());
    Ok(())
}

/// What a stored key says of its times.
pub fn schedule(row: &store::signing_key::StoredKey) -> Outcome<KeySchedule> {
    Ok(KeySchedule {
        kid: row.kid.clone(),
        algorithm: row.algorithm.parse().map_err(|_| Fault::Internal("unknown key algorithm".into()))?,
        published_at: row.published_at,
        signs_from: row.signs_from,
        signs_until: row.signs_until,
        retires_at: row.retires_at,
    })
}

/// Does what is due: makes the first keys, publishes successors, retires old keys. `force` begins a rotation now.
/// Two nodes at once harm nothing: at worst there is one more published key.
pub async fn rotate(
    db: &crate::db::Db,
    sealer: &crypto::Sealer,
    policy: &RotationPolicy,
    making: Making<'_>,
) -> Outcome<Vec<RotationAction>> {
    let now = making.now;
    // A look first: at almost every start, and every minute, nothing is due and nothing need be written.
    let schedules = store::signing_key::list(db).await?.iter().map(schedule).collect::<Outcome<Vec<_>>>()?;
    if !making.force && crypto::rotation(&schedules, now, policy).is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = db.begin().await?;
    // One node at a time: the second finds the keys of the first.
    store::installation::establish(&mut tx, "key_rotation", "held while keys are made").await?;
    let rows = store::signing_key::list(&mut tx).await?;
    let schedules = rows.iter().map(schedule).collect::<Outcome<Vec<_>>>()?;
    let actions = if making.force {
        crypto::rotate_now(&schedules, now, policy)
    } else {
        crypto::rotation(&schedules, now, policy)
    };
    for action in &actions {
        match action {
            RotationAction::Generate { algorithm, published_at, signs_from } => {
                let key = make(sealer, *algorithm, (*published_at, *signs_from), &making)?;
                store::signing_key::insert(&mut tx, &key).await?;
                let event = AdministrationEvent::KeyRotated { kid: key.kid, algorithm: key.algorithm };
                super::audit::append_plain(&mut tx, event, making.now, making.entropy).await?;
            }
            RotationAction::Supersede { kid, signs_until, retires_at } => {
                store::signing_key::supersede(&mut tx, kid, *signs_until, *retires_at).await?;
            }
            RotationAction::Erase { kid } => {
                store::signing_key::erase(&mut tx, kid, now).await?;
                let event = AdministrationEvent::KeyErased { kid: kid.clone() };
                super::audit::append_plain(&mut tx, event, making.now, making.entropy).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(actions)
}

/// How a new key is made.
pub struct Making<'a> {
    /// Now.
    pub now: Timestamp,
    /// Randomness for ids.
    pub entropy: &'a dyn crate::base::Entropy,
    /// Made by `demo`: `serve` refuses to start with it.
    pub demo: bool,
    /// Begin a rotation although none is due.
    pub force: bool,
}

fn make(
    sealer: &crypto::Sealer,
    algorithm: SigningAlgorithm,
    (published_at, signs_from): (Timestamp, Timestamp),
    making: &Making<'_>,
) -> Outcome<store::signing_key::StoredKey> {
    let generated = crypto::generate(algorithm).map_err(Fault::internal)?;
    let id = KeyId::new(making.now, making.entropy);
    Ok(store::signing_key::StoredKey {
        id,
        kid: generated.kid,
        algorithm: algorithm.as_str().to_owned(),
        private_sealed: sealer.seal(PURPOSE, id.0.as_bytes(), &generated.pkcs8).map_err(Fault::internal)?,
        public_jwk: generated.public_jwk.to_string(),
        is_demo: making.demo,
        published_at,
        signs_from,
        signs_until: None,
        retires_at: None,
        created_at: making.now,
    })
}

/// Signs with the newest key of that algorithm that may sign now.
pub fn sign(services: &Services, algorithm: &str, typ: &str, claims: &serde_json::Value) -> Outcome<String> {
    let algorithm: SigningAlgorithm =
        algorithm.parse().map_err(|_| Fault::Internal("a client asks for an unknown algorithm".into()))?;
    let ring = services.keys.current();
    let key = ring
        .keys
        .signer(algorithm, services.clock.now())
        .ok_or_else(|| Fault::Internal(format!("no {} key may sign now", algorithm.as_str())))?;
    key.sign(typ, claims).map_err(Fault::internal)
}

/// Rotates keys that are due and reads what other nodes made. Called by a job.
pub async fn keep(services: &Services) -> Outcome<()> {
    let making = Making {
        now: services.clock.now(),
        entropy: &*services.entropy,
        demo: services.config.provider.is_made_up(),
        force: false,
    };
    let done = rotate(&services.db, &services.sealer, &policy(&services.config), making).await?;
    if !done.is_empty() && services.cache.publish(CHANGED, "").await.is_err() {
        tracing::warn!(reason = "cache_unavailable", "other nodes were not told of changed keys");
    }
    reload(services).await
}
