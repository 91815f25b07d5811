//! Our keys: made, published, used, retired, so that no token is signed before its key could be known and no key leaves
//! before its last token ended (I10). Keys that clients encrypt to go the same way: none is shown before every node has
//! it, and none stops opening while a cache may still show it.

use super::verified_tokens::VerifiedTokens;
use super::{Fault, Outcome, Services};
use crate::audit::AdministrationEvent;
use crate::base::{KeyId, Timestamp};
use crate::crypto::{
    self, EncryptionKeyRing, EncryptionKeyRow, KeyRing, KeyRow, KeySchedule, RotationAction, RotationPolicy,
    SigningAlgorithm,
};
use crate::db::Tx;
use crate::protocol::encryption::KeyManagement;
use crate::protocol::request_object;
use crate::store;
use crate::store::signing_key::StoredKey;
use serde_json::Value;
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// The channel on which nodes tell each other that keys changed.
pub const CHANGED: &str = "keys-changed";

/// The key ring in force, swapped whole.
#[derive(Debug)]
pub struct Keys {
    ring: RwLock<Arc<Ring>>,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// We sign with it.
    Signing(SigningAlgorithm),
    /// Clients encrypt to it.
    Encryption(KeyManagement),
}

impl Algorithm {
    /// The name in `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signing(algorithm) => algorithm.as_str(),
            Self::Encryption(algorithm) => algorithm.as_str(),
        }
    }

    /// The `use` of its keys (RFC 7517 4.2).
    pub const fn key_use(self) -> &'static str {
        match self {
            Self::Signing(_) => "sig",
            Self::Encryption(_) => "enc",
        }
    }

    /// What binds a sealed private key to its table.
    const fn purpose(self) -> &'static str {
        match self {
            Self::Signing(_) => "signing_key",
            Self::Encryption(_) => "encryption_key",
        }
    }

    fn generate(self) -> Result<crypto::GeneratedKey, crypto::KeyError> {
        match self {
            Self::Signing(algorithm) => crypto::generate(algorithm),
            Self::Encryption(algorithm) => crypto::generate_encryption_key(algorithm),
        }
    }
}

/// Every key of ours, opened.
#[derive(Debug)]
pub struct Opened {
    /// We sign with these.
    pub signing: KeyRing,
    /// Clients encrypt to these.
    pub encryption: EncryptionKeyRing,
}

/// When keys of either use change hands.
#[derive(Debug)]
pub struct Policies {
    signing: RotationPolicy,
    encryption: RotationPolicy<KeyManagement>,
}

/// A key ring and what was verified with it.
#[derive(Debug)]
pub struct Ring {
    /// The parsed keys.
    pub keys: KeyRing,
    /// The keys that clients encrypt to.
    pub encryption: EncryptionKeyRing,
    /// When it was read from the store.
    pub read_at: Timestamp,
    /// Access tokens whose signature held. They go with the ring: a key that is withdrawn takes them along.
    pub verified: VerifiedTokens,
}

impl Ring {
    fn new(Opened { signing, encryption }: Opened, read_at: Timestamp) -> Arc<Self> {
        Arc::new(Self { keys: signing, encryption, read_at, verified: VerifiedTokens::default() })
    }

    /// The JWK Set: what we sign with, and what clients encrypt to (RFC 7517 5).
    pub fn jwks(&self, now: Timestamp) -> Value {
        let mut set = self.keys.jwks(now);
        if let Some(keys) = set.get_mut("keys").and_then(Value::as_array_mut) {
            keys.extend(self.encryption.public_jwks(now));
        }
        set
    }
}

impl Keys {
    /// Starts from a ring.
    pub fn new(keys: Opened, read_at: Timestamp) -> Self {
        Self { ring: RwLock::new(Ring::new(keys, read_at)) }
    }

    /// The ring in force. Never waits for a store (I11).
    pub fn current(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn replace(&self, keys: Opened, read_at: Timestamp) {
        let fresh = Ring::new(keys, read_at);
        *self.ring.write().unwrap_or_else(std::sync::PoisonError::into_inner) = fresh;
    }
}

/// When keys change hands, from the configuration.
pub fn policy(config: &crate::config::Config) -> Policies {
    let tokens = &config.tokens;
    let longest = tokens.access_token_seconds.duration().max(tokens.id_token_seconds.duration());
    let (signing_period, jwks_max_age) =
        (config.keys.rotation_days.duration(), config.keys.jwks_max_age_seconds.duration());
    let encryption = config.keys.encryption_algorithms.iter();
    Policies {
        signing: RotationPolicy {
            algorithms: config.keys.algorithms.iter().filter_map(|name| name.as_str().parse().ok()).collect(),
            signing_period,
            jwks_max_age,
            longest_token: longest + Duration::from_secs(120),
        },
        encryption: RotationPolicy {
            algorithms: encryption.filter_map(|name| KeyManagement::parse(name.as_str())).collect(),
            signing_period,
            jwks_max_age,
            // Somebody has it in a cache for so long, and sends what was encrypted to it for a while after.
            longest_token: jwks_max_age + request_object::MAX_LIFETIME,
        },
    }
}

/// Reads every key from the store and opens it.
pub async fn read(db: &crate::db::Db, sealer: &crypto::Sealer) -> Outcome<Opened> {
    let open = |row: &StoredKey, algorithm: Algorithm| {
        sealer.open(algorithm.purpose(), row.id.0.as_bytes(), &row.private_sealed).map_err(Fault::internal)
    };
    let mut signing = Vec::new();
    for row in store::signing_key::list(db).await? {
        let schedule = schedule(&row, signs)?;
        let pkcs8 = open(&row, Algorithm::Signing(schedule.algorithm))?;
        signing.push(KeyRow { schedule, pkcs8, public_jwk: serde_json::from_str(&row.public_jwk)? });
    }
    let mut encryption = Vec::new();
    for row in store::encryption_key::list(db).await? {
        let schedule = schedule(&row, KeyManagement::parse)?;
        let pkcs8 = open(&row, Algorithm::Encryption(schedule.algorithm))?;
        encryption.push(EncryptionKeyRow { schedule, pkcs8 });
    }
    Ok(Opened {
        signing: KeyRing::new(signing).map_err(Fault::internal)?,
        encryption: EncryptionKeyRing::new(encryption).map_err(Fault::internal)?,
    })
}

/// Reads the keys again, because time passed or another node said so.
pub async fn reload(services: &Services) -> Outcome<()> {
    let ring = read(&services.db, &services.sealer).await?;
    services.keys.replace(ring, services.clock.now());
    Ok(())
}

fn signs(name: &str) -> Option<SigningAlgorithm> {
    name.parse().ok()
}

/// What a stored key says of its times.
fn schedule<A>(row: &StoredKey, parse: fn(&str) -> Option<A>) -> Outcome<KeySchedule<A>> {
    Ok(KeySchedule {
        kid: row.kid.clone(),
        algorithm: parse(&row.algorithm).ok_or_else(|| Fault::Internal("unknown key algorithm".into()))?,
        published_at: row.published_at,
        signs_from: row.signs_from,
        signs_until: row.signs_until,
        retires_at: row.retires_at,
    })
}

/// The times of every stored key, for `keys list`.
pub async fn schedules(db: &crate::db::Db) -> Outcome<Vec<KeySchedule<Algorithm>>> {
    let signing = store::signing_key::list(db).await?;
    let encryption = store::encryption_key::list(db).await?;
    let signing = signing.iter().map(|row| schedule(row, |name| signs(name).map(Algorithm::Signing)));
    let encryption =
        encryption.iter().map(|row| schedule(row, |name| KeyManagement::parse(name).map(Algorithm::Encryption)));
    signing.chain(encryption).collect()
}

/// What is due for keys of one use.
fn due<A: Copy + PartialEq>(
    rows: &[StoredKey],
    parse: fn(&str) -> Option<A>,
    policy: &RotationPolicy<A>,
    making: &Making<'_>,
) -> Outcome<Vec<RotationAction<A>>> {
    let schedules = rows.iter().map(|row| schedule(row, parse)).collect::<Outcome<Vec<_>>>()?;
    let plan = if making.force { crypto::rotate_now } else { crypto::rotation };
    Ok(plan(&schedules, making.now, policy))
}

/// Does what is due: makes the first keys, publishes successors, retires old keys. `force` begins a rotation now.
/// Two nodes at once harm nothing: at worst there is one more published key.
pub async fn rotate(
    db: &crate::db::Db,
    sealer: &crypto::Sealer,
    policies: &Policies,
    making: Making<'_>,
) -> Outcome<Vec<RotationAction<Algorithm>>> {
    let Policies { signing, encryption } = policies;
    // A look first: at almost every start, and every minute, nothing is due and nothing need be written.
    let signing_due = due(&store::signing_key::list(db).await?, signs, signing, &making)?;
    let encryption_due = due(&store::encryption_key::list(db).await?, KeyManagement::parse, encryption, &making)?;
    if !making.force && signing_due.is_empty() && encryption_due.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = signing_due.into_iter().map(|action| action.map(Algorithm::Signing));
    let wanted = wanted.chain(encryption_due.into_iter().map(|action| action.map(Algorithm::Encryption)));
    let mut ready = generated(wanted).await?;
    let mut tx = db.begin().await?;
    // One node at a time: the second finds the keys of the first.
    store::installation::establish(&mut tx, "key_rotation", "held while keys are made").await?;
    let mut actions = Vec::new();
    for action in due(&store::signing_key::list(&mut tx).await?, signs, signing, &making)? {
        carry_out_signing(&mut tx, sealer, &action, (&making, &mut ready)).await?;
        actions.push(action.map(Algorithm::Signing));
    }
    for action in due(&store::encryption_key::list(&mut tx).await?, KeyManagement::parse, encryption, &making)? {
        carry_out_encryption(&mut tx, sealer, &action, (&making, &mut ready)).await?;
        actions.push(action.map(Algorithm::Encryption));
    }
    tx.commit().await?;
    Ok(actions)
}

/// Keys that were made for what was due at the first look.
type Ready = Vec<(Algorithm, crypto::GeneratedKey)>;

/// Makes the keys that are due. Primes are looked for beside the requests and with no transaction open: on SQLite every
/// writer would wait for them.
async fn generated(due: impl Iterator<Item = RotationAction<Algorithm>>) -> Outcome<Ready> {
    let mut ready = Vec::new();
    for action in due {
        if let RotationAction::Generate { algorithm, .. } = action {
            let made = tokio::task::spawn_blocking(move || algorithm.generate()).await.map_err(Fault::internal)?;
            ready.push((algorithm, made.map_err(Fault::internal)?));
        }
    }
    Ok(ready)
}

async fn carry_out_signing(
    tx: &mut Tx,
    sealer: &crypto::Sealer,
    action: &RotationAction,
    (making, ready): (&Making<'_>, &mut Ready),
) -> Outcome<()> {
    match action {
        RotationAction::Generate { algorithm, published_at, signs_from } => {
            let key = make(sealer, Algorithm::Signing(*algorithm), (*published_at, *signs_from), (making, ready))?;
            store::signing_key::insert(tx, &key).await?;
            note_made(tx, key, making).await
        }
        RotationAction::Supersede { kid, signs_until, retires_at } => {
            store::signing_key::supersede(tx, kid, *signs_until, *retires_at).await?;
            Ok(())
        }
        RotationAction::Erase { kid } => {
            store::signing_key::erase(tx, kid, making.now).await?;
            note_erased(tx, kid, making).await
        }
    }
}

async fn carry_out_encryption(
    tx: &mut Tx,
    sealer: &crypto::Sealer,
    action: &RotationAction<KeyManagement>,
    (making, ready): (&Making<'_>, &mut Ready),
) -> Outcome<()> {
    match action {
        RotationAction::Generate { algorithm, published_at, signs_from } => {
            let key = make(sealer, Algorithm::Encryption(*algorithm), (*published_at, *signs_from), (making, ready))?;
            store::encryption_key::insert(tx, &key).await?;
            note_made(tx, key, making).await
        }
        RotationAction::Supersede { kid, signs_until, retires_at } => {
            store::encryption_key::supersede(tx, kid, *signs_until, *retires_at).await?;
            Ok(())
        }
        RotationAction::Erase { kid } => {
            store::encryption_key::erase(tx, kid, making.now).await?;
            note_erased(tx, kid, making).await
        }
    }
}

async fn note_made(tx: &mut Tx, key: StoredKey, making: &Making<'_>) -> Outcome<()> {
    let event = AdministrationEvent::KeyRotated { kid: key.kid, algorithm: key.algorithm };
    super::audit::append_plain(tx, event, making.now, making.entropy).await
}

async fn note_erased(tx: &mut Tx, kid: &str, making: &Making<'_>) -> Outcome<()> {
    let event = AdministrationEvent::KeyErased { kid: kid.to_owned() };
    super::audit::append_plain(tx, event, making.now, making.entropy).await
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
    algorithm: Algorithm,
    (published_at, signs_from): (Timestamp, Timestamp),
    (making, ready): (&Making<'_>, &mut Ready),
) -> Outcome<StoredKey> {
    // What became due only between the two looks is made here.
    let generated = match ready.iter().position(|(made, _)| *made == algorithm) {
        Some(place) => ready.swap_remove(place).1,
        None => algorithm.generate().map_err(Fault::internal)?,
    };
    let id = KeyId::new(making.now, making.entropy);
    Ok(StoredKey {
        id,
        kid: generated.kid,
        algorithm: algorithm.as_str().to_owned(),
        private_sealed: sealer.seal(algorithm.purpose(), id.0.as_bytes(), &generated.pkcs8).map_err(Fault::internal)?,
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
