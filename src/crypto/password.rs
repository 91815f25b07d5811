//! Passwords: argon2id (RFC 9106) behind a gate.

use super::gate::Gate;
use crate::base::{Entropy, Secret};
use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A longer password is never hashed: 1 KiB, far beyond what any person or manager types.
pub const PASSWORD_MAX_BYTES: usize = 1024;

/// KiB of memory for one hash.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// A stored hash may ask for at most this multiple of our own memory and passes: it could come from an import.
const MAX_FACTOR: u32 = 4;

/// How much hashing the process does at once. Memory is bounded by `permits` times 19 MiB.
#[derive(Debug, Clone, Copy)]
pub struct HashLimits {
    /// Hashes that run at once: one per core.
    pub permits: usize,
    /// Callers that may wait for one.
    pub queue: usize,
    /// How long they wait.
    pub max_wait: Duration,
}

impl HashLimits {
    /// One hash per core, four waiting callers per core, two seconds.
    pub fn for_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { permits: cores, queue: cores.saturating_mul(4), max_wait: Duration::from_secs(2) }
    }
}

/// Why a password was not hashed or compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too many at once: answer 503 with `Retry-After`.
    #[error("too many passwords are being hashed")]
    Overloaded {
        /// For `Retry-After`.
        retry_after: Duration,
    },
    /// Empty, or longer than [`PASSWORD_MAX_BYTES`].
    #[error("the password's length is not accepted")]
    Length,
    /// The stored hash cannot be read, or asks for more work than we ever do.
    #[error("the stored password hash is not usable")]
    StoredHash,
    /// The library failed, for want of memory.
    #[error("password hashing failed")]
    Hashing,
}

/// Hashes and compares passwords with argon2id, 19 MiB, 2 passes, 1 lane.
#[derive(Debug, Clone)]
pub struct PasswordHasher {
    gate: Gate,
    memory: Memory,
    retry_after: Duration,
}

impl PasswordHasher {
    /// With the given limits.
    pub fn new(limits: HashLimits) -> Self {
        let gate = Gate::new(limits.permits, limits.queue, limits.max_wait);
        Self { gate, memory: Memory::default(), retry_after: limits.max_wait.max(Duration::from_secs(1)) }
    }

    /// A PHC string to store.
    ///
    /// # Errors
    /// `Length` for a password that is empty or too long, `Overloaded`, `Hashing`.
    pub async fn hash(&self, password: &Secret, entropy: &dyn Entropy) -> Result<String, PasswordError> {
        if password.is_empty() || password.expose().len() > PASSWORD_MAX_BYTES {
            return Err(PasswordError::Length);
        }
        let mut salt = [0u8; SALT_BYTES];
        entropy.fill(&mut salt);
        let password = normalized(password);
        self.run(move |memory| {
            let output = memory.digest(&parameters()?, password.as_bytes(), &salt)?;
            let hash = PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&parameters()?).map_err(|_| PasswordError::Hashing)?,
                salt: Some(Salt::new(&salt).map_err(|_| PasswordError::Hashing)?),
                hash: Some(Output::new(&output).map_err(|_| PasswordError::Hashing)?),
            };
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether `password` is the one that was stored. With nothing stored, and for a password that is empty or too
    /// long, the same work is done and the answer is no: time tells nothing about who exists (N2).
    ///
    /// # Errors
    /// `Overloaded`, `StoredHash`, `Hashing`.
    pub async fn verify(&self, password: &Secret, stored: Option<&str>) -> Result<bool, PasswordError> {
        let acceptable = !password.is_empty() && password.expose().len() <= PASSWORD_MAX_BYTES;
        let stored = stored.filter(|_| acceptable).map(str::to_owned);
        let password = normalized(password);
        self.run(move |memory| match stored {
            Some(stored) => compare(memory, &password, &stored),
            None => memory.digest(&parameters()?, password.as_bytes(), &[0; SALT_BYTES]).map(|_| false),
        })
        .await
    }

    /// Hashes running and callers waiting, for metrics.
    pub fn load(&self) -> (usize, usize) {
        self.gate.load()
    }

    async fn run<T, F>(&self, work: F) -> Result<T, PasswordError>
    where
        T: Send + 'static,
        F: FnOnce(&Memory) -> Result<T, PasswordError> + Send + 'static,
    {
        let (gate, memory) = (self.gate.clone(), self.memory.clone());
        let work = move || {
            let outcome = work(&memory);
            // The last one for now: what is not needed soon goes back to the system.
            if gate.load() == (1, 0) {
                memory.free();
            }
            outcome
        };
        match self.gate.run(work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(PasswordError::Overloaded { retry_after: self.retry_after }),
        }
    }
}

/// Whether a stored hash was made with other parameters than today's; true for one that cannot be read.
pub fn needs_rehash(stored: &str) -> bool {
    let Ok(hash) = PasswordHash::new(stored) else { return true };
    let Ok(params) = Params::try_from(&hash) else { return true };
    hash.algorithm.as_str() != Algorithm::Argon2id.as_str()
        || (params.m_cost(), params.t_cost(), params.p_cost()) != (MEMORY_KIB, PASSES, LANES)
}

fn parameters() -> Result<Params, PasswordError> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordError::Hashing)
}

/// Working memory of hashes: used again while one hash follows another, given back after the last.
///
/// Left to the allocator, each thread that ever hashed keeps its own 19 MiB and more: half a gigabyte after a busy
/// minute, and every hash pays for five thousand page faults.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Vec<Vec<Block>>>>);

/// Blocks of 1 KiB that are asked for: so many that glibc maps them from the system by themselves, and unmaps them when
/// they are freed, whatever it has learnt of sizes before (it never does that for less than 32 MiB once such a block was
/// freed). Pages that are not touched cost nothing.
const MAPPED_BLOCKS: usize = 33 * 1024;

impl Memory {
    fn blocks(&self, count: usize) -> Vec<Block> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut blocks = kept.unwrap_or_else(|| Vec::with_capacity(MAPPED_BLOCKS.max(count)));
        blocks.resize(count, Block::new());
        blocks
    }

    fn free(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn digest(&self, params: &Params, password: &[u8], salt: &[u8]) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
        let mut blocks = self.blocks(params.block_count());
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let mut output = Zeroizing::new(vec![0; length]);
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let made = hasher.hash_password_into_with_memory(password, salt, &mut output, &mut blocks);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
        made.map(|()| output).map_err(|_| PasswordError::Hashing)
    }
}

fn compare(memory: &Memory, password: &str, stored: &str) -> Result<bool, PasswordError> {
    let hash = PasswordHash::new(stored).map_err(|_| PasswordError::StoredHash)?;
    let params = Params::try_from(&hash).map_err(|_| PasswordError::StoredHash)?;
    let bounded = params.m_cost() <= MEMORY_KIB * MAX_FACTOR && params.t_cost() <= PASSES * MAX_FACTOR;
    if hash.algorithm.as_str() != Algorithm::Argon2id.as_str() || !bounded || params.p_cost() > LANES * MAX_FACTOR {
        return Err(PasswordError::StoredHash);
    }
    let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else { return Err(PasswordError::StoredHash) };
    if hash.version.is_some_and(|version| version != u32::from(Version::V0x13)) {
        return Err(PasswordError::StoredHash);
    }
    let output = memory.digest(&params, password.as_bytes(), &salt)?;
    Ok(verify_slices_are_equal(&output, expected.as_bytes()).is_ok())
}

/// NFC (NIST SP 800-63B 3.1.1.2): a Vietnamese password typed on a phone and on a computer may differ in bytes only.
/// What is beyond the limit is cut off here, because such a password is refused anyway.
fn normalized(password: &Secret) -> Zeroizing<String> {
    let text = password.expose();
    let end = (0..=text.len().min(PASSWORD_MAX_BYTES)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let (kept, _) = text.split_at_checked(end).unwrap_or((text, ""));
    Zeroizing::new(kept.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SystemEntropy;

    fn hasher_of(permits: usize) -> PasswordHasher {
        PasswordHasher::new(HashLimits { permits, queue: 4, max_wait: Duration::from_secs(60) })
    }

    #[tokio::test]
    async fn the_right_password_and_no_other_passes() {
        let hasher = hasher_of(2);
        let stored = hasher.hash(&Secret::new("đúng rồi"), &SystemEntropy).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(hasher.verify(&Secret::new("đúng rồi"), Some(&stored)).await.unwrap());
        for wrong in ["", "đúng rồi ", "Đúng rồi", "đúng"] {
            assert!(!hasher.verify(&Secret::new(wrong), Some(&stored)).await.unwrap(), "{wrong}");
        }
        assert!(!needs_rehash(&stored));
    }

    /// What an earlier hash left in the memory does not change a later one; the reference is the library's own way.
    #[tokio::test]
    async fn memory_that_was_used_before_gives_the_same_hash_and_is_given_back() {
        use argon2::{PasswordHasher as _, PasswordVerifier as _};
        let memory = Memory::default();
        let first = memory.digest(&parameters().unwrap(), b"one", &[7; SALT_BYTES]).unwrap();
        drop(memory.digest(&parameters().unwrap(), b"two", &[8; SALT_BYTES]).unwrap());
        assert_eq!(memory.0.lock().unwrap().len(), 1, "used again");
        assert_eq!(*memory.digest(&parameters().unwrap(), b"one", &[7; SALT_BYTES]).unwrap(), *first);
        let library = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters().unwrap());
        let hasher = hasher_of(2);
        let ours = hasher.hash(&Secret::new("ours"), &SystemEntropy).await.unwrap();
        library.verify_password(b"ours", &PasswordHash::new(&ours).unwrap()).unwrap();
        let theirs = library.hash_password_with_salt(b"theirs", &[9; SALT_BYTES]).unwrap().to_string();
        assert!(hasher.verify(&Secret::new("theirs"), Some(&theirs)).await.unwrap());
        assert!(hasher.memory.0.lock().unwrap().is_empty(), "nobody hashes and memory is still held");
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let (hasher, password) = (hasher_of(2), Secret::new("same"));
        let first = hasher.hash(&password, &SystemEntropy).await.unwrap();
        assert_ne!(first, hasher.hash(&password, &SystemEntropy).await.unwrap());
    }

    #[tokio::test]
    async fn t1_composed_and_decomposed_spellings_are_one_password() {
        let hasher = hasher_of(1);
        let composed = "m\u{1EAD}t kh\u{1EA9}u";
        let decomposed: String = composed.chars().flat_map(|c| c.to_string().nfd().collect::<Vec<_>>()).collect();
        assert_ne!(composed, decomposed);
        let stored = hasher.hash(&Secret::new(composed), &SystemEntropy).await.unwrap();
        assert!(hasher.verify(&Secret::new(decomposed), Some(&stored)).await.unwrap());
    }

    #[tokio::test]
    async fn n2_nobody_has_no_password_and_lengths_are_bounded() {
        let hasher = hasher_of(1);
        let long = "a".repeat(PASSWORD_MAX_BYTES + 1);
        assert_eq!(hasher.hash(&Secret::new(long.as_str()), &SystemEntropy).await, Err(PasswordError::Length));
        assert_eq!(hasher.hash(&Secret::new(""), &SystemEntropy).await, Err(PasswordError::Length));
        let cut = hasher.hash(&Secret::new(&long[..PASSWORD_MAX_BYTES]), &SystemEntropy).await.unwrap();
        assert!(!hasher.verify(&Secret::new(long.as_str()), Some(&cut)).await.unwrap(), "a cut password passed");
        for password in ["", "x", long.as_str(), &"ậ".repeat(400_000)] {
            assert!(!hasher.verify(&Secret::new(password), None).await.unwrap());
        }
    }

    /// Counts the work, not the time: every way to a "no" hashes once. Memory cost is what makes the time.
    #[tokio::test]
    async fn n2_unknown_people_empty_and_over_long_passwords_wait_for_the_same_gate() {
        let hasher = PasswordHasher::new(HashLimits { permits: 1, queue: 0, max_wait: Duration::ZERO });
        let (release, held) = std::sync::mpsc::channel::<()>();
        let gate = hasher.gate.clone();
        let blocker = tokio::spawn(async move { gate.run(move || held.recv().is_ok()).await });
        while hasher.load().0 == 0 {
            tokio::task::yield_now().await;
        }
        for (password, stored) in [("", None), ("", Some("$")), ("x", None)] {
            let outcome = hasher.verify(&Secret::new(password), stored).await;
            assert_eq!(outcome, Err(PasswordError::Overloaded { retry_after: Duration::from_secs(1) }));
        }
        release.send(()).unwrap();
        assert_eq!(blocker.await.unwrap(), Ok(true));
    }

    #[tokio::test]
    async fn stored_hashes_that_are_foreign_or_too_dear_are_refused() {
        let hasher = hasher_of(1);
        for stored in [
            "",
            "plain",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=4194304,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=19456,t=4000,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(
                hasher.verify(&Secret::new("x"), Some(stored)).await,
                Err(PasswordError::StoredHash),
                "{stored}"
            );
            assert!(needs_rehash(stored));
        }
        let weaker = "$argon2id$v=19$m=9216,t=4,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(needs_rehash(weaker));
        assert_eq!(hasher.verify(&Secret::new("x"), Some(weaker)).await, Ok(false));
    }
}
