//! Randomness as a value handed in, so that tests can replay a run.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `buffer` with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's random source.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::panic, reason = "without randomness no secret can be made: stopping is the only safe answer")]
    fn fill(&self, buffer: &mut [u8]) {
        if aws_lc_rs::rand::fill(buffer).is_err() {
            panic!("the system's random source failed");
        }
    }
}

/// A repeatable stream for tests: SHA-256 of seed and counter. Never a source of real secrets.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    counter: AtomicU64,
}

impl SeededEntropy {
    /// The same seed gives the same bytes in the same order.
    pub const fn new(seed: u64) -> Self {
        Self { seed, counter: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let counter = self.counter.fetch_add(1, Ordering::SeqCst);
            let mut input = self.seed.to_be_bytes().to_vec();
            input.extend_from_slice(&counter.to_be_bytes());
            let block = super::sha256(&input);
            for (to, from) in chunk.iter_mut().zip(block.as_bytes()) {
                *to = *from;
            }
        }
    }
}

/// A base64url text of 256 random bits: codes, tokens, session ids, cookies.
pub fn random_token(entropy: &dyn Entropy) -> String {
    let mut bytes = [0u8; 32];
    entropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// C2: no two of many secrets are alike or share a beginning.
    #[test]
    fn c2_secrets_are_unique_and_share_no_prefix() {
        let tokens: Vec<String> = (0..20_000).map(|_| random_token(&SystemEntropy)).collect();
        assert!(tokens.iter().all(|t| t.len() == 43));
        let prefixes: HashSet<&str> = tokens.iter().map(|t| &t[..12]).collect();
        assert_eq!(prefixes.len(), tokens.len());
    }

    #[test]
    fn a_seed_repeats_its_stream() {
        assert_eq!(random_token(&SeededEntropy::new(7)), random_token(&SeededEntropy::new(7)));
        assert_ne!(random_token(&SeededEntropy::new(7)), random_token(&SeededEntropy::new(8)));
    }
}
