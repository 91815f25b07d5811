//! Error ids a person can read over the phone.

use super::Entropy;
use serde::{Deserialize, Serialize};
use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Eight symbols in two groups, such as `7F3K-92MX`: no I, L, O or U, so nothing is mistaken by ear or eye.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorId(String);

impl ErrorId {
    /// A fresh id.
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0u8; 8];
        entropy.fill(&mut bytes);
        let mut text = String::with_capacity(9);
        for (place, byte) in bytes.iter().enumerate() {
            if place == 4 {
                text.push('-');
            }
            let symbol = ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or(b'0');
            text.push(char::from(symbol));
        }
        Self(text)
    }

    /// An id as a person typed it: spaces, hyphens and case do not matter, O reads as 0, I and L as 1. `None` for what
    /// cannot be one.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.chars().count() > 32 {
            return None;
        }
        let kept = typed.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '\u{2010}'..='\u{2015}'));
        let symbols: String = kept
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let whole = symbols.len() == 8 && symbols.bytes().all(|b| ALPHABET.contains(&b));
        let (first, second) = symbols.split_at_checked(4)?;
        whole.then(|| Self(format!("{first}-{second}")))
    }

    /// The id as shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ErrorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SystemEntropy;

    #[test]
    fn has_eight_clear_symbols_in_two_groups() {
        for _ in 0..200 {
            let id = ErrorId::new(&SystemEntropy).to_string();
            assert_eq!(id.len(), 9);
            assert_eq!(id.as_bytes()[4], b'-');
            assert!(!id.contains(['I', 'L', 'O', 'U']));
        }
    }
}
