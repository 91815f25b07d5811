//! Codes people type: six digits sent to a phone, and printed recovery codes.

use crate::base::{Entropy, Secret};

/// How many recovery codes a set has.
pub const RECOVERY_CODE_COUNT: usize = 10;

const RECOVERY_SYMBOLS: usize = 16;
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The largest multiple of 1,000,000 that fits in 32 bits: what lies above would favour small codes.
const UNBIASED_LIMIT: u32 = u32::MAX - u32::MAX % 1_000_000;

/// A code of six digits, every one as likely as any other.
pub fn sent_code(entropy: &dyn Entropy) -> Secret {
    loop {
        let mut bytes = [0u8; 4];
        entropy.fill(&mut bytes);
        let number = u32::from_be_bytes(bytes);
        if number < UNBIASED_LIMIT {
            return Secret::new(format!("{:06}", number % 1_000_000));
        }
    }
}

/// The six digits of what a person typed, without spaces, dots and hyphens; `None` for anything else.
pub fn normalize_sent_code(input: &str) -> Option<Secret> {
    let code: String = kept(input, 32)?;
    (code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit())).then(|| Secret::new(code))
}

/// A set of [`RECOVERY_CODE_COUNT`] recovery codes as printed: 16 symbols of Crockford's base 32 (80 bits) in four
/// groups, such as `7F3K-92MX-0GZT-H4QP`.
pub fn recovery_codes(entropy: &dyn Entropy) -> Vec<Secret> {
    (0..RECOVERY_CODE_COUNT).map(|_| recovery_code(entropy)).collect()
}

fn recovery_code(entropy: &dyn Entropy) -> Secret {
    let mut bytes = [0u8; RECOVERY_SYMBOLS];
    entropy.fill(&mut bytes);
    let mut text = String::with_capacity(RECOVERY_SYMBOLS + 3);
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        // 256 is a multiple of 32: five bits of a random byte are unbiased.
        text.push(char::from(CROCKFORD.get(usize::from(byte & 31)).copied().unwrap_or(b'0')));
    }
    Secret::new(text)
}

/// The 16 symbols of a recovery code as a person typed it: spaces, hyphens and case do not matter, O reads as 0, I and
/// L as 1. `None` for what cannot be a recovery code. Digest this form.
pub fn normalize_recovery_code(input: &str) -> Option<Secret> {
    let code: String = kept(input, 64)?
        .chars()
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    let whole = code.len() == RECOVERY_SYMBOLS && code.bytes().all(|b| CROCKFORD.contains(&b));
    whole.then(|| Secret::new(code))
}

/// What is left of a short text without separators; `None` when it is longer than any code with separators could be.
fn kept(input: &str, limit: usize) -> Option<String> {
    let separator = |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '\u{2010}'..='\u{2015}');
    (input.chars().count() <= limit).then(|| input.chars().filter(|c| !separator(*c)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SystemEntropy;
    use std::collections::HashSet;
    use std::sync::Mutex;

    /// Hands out the given words, then fails the test.
    struct Script(Mutex<Vec<u32>>);

    impl Entropy for Script {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.copy_from_slice(&self.0.lock().unwrap().remove(0).to_be_bytes());
        }
    }

    #[test]
    fn c2_a_draw_that_would_favour_small_codes_is_thrown_away() {
        let script = |words: &[u32]| Script(Mutex::new(words.to_vec()));
        assert_eq!(sent_code(&script(&[4_294_000_000, u32::MAX, 7])).expose(), "000007");
        assert_eq!(sent_code(&script(&[4_293_999_999])).expose(), "999999");
    }

    #[test]
    fn sent_codes_keep_leading_zeros() {
        for _ in 0..2_000 {
            let code = sent_code(&SystemEntropy);
            assert_eq!(normalize_sent_code(code.expose()).unwrap(), code);
        }
    }

    #[test]
    fn sent_codes_are_read_with_separators() {
        for typed in ["123456", " 123 456 ", "123-456", "12 34 56\n"] {
            assert_eq!(normalize_sent_code(typed).unwrap().expose(), "123456");
        }
        for typed in ["", "12345", "1234567", "12345a", "１２３４５６", &"1".repeat(100_000)] {
            assert!(normalize_sent_code(typed).is_none());
        }
    }

    #[test]
    fn recovery_codes_are_ten_clear_and_different() {
        let codes = recovery_codes(&SystemEntropy);
        assert_eq!(codes.len(), 10);
        assert_eq!(codes.iter().map(|c| c.expose().to_owned()).collect::<HashSet<_>>().len(), 10);
        for code in codes {
            let groups: Vec<&str> = code.expose().split('-').collect();
            assert_eq!(groups.iter().map(|g| g.len()).collect::<Vec<_>>(), [4, 4, 4, 4]);
            assert!(!code.expose().contains(['I', 'L', 'O', 'U']));
        }
    }

    #[test]
    fn recovery_codes_forgive_spelling() {
        let code = normalize_recovery_code("7F3K-92MX-0GZT-H41P").unwrap();
        for typed in ["7f3k92mxogzth4ip", " 7F3K 92MX OGZT H4LP ", "7F3K–92MX–0GZT–H41P"] {
            assert_eq!(normalize_recovery_code(typed).unwrap(), code, "{typed}");
        }
        for typed in ["", "7F3K-92MX-0GZT-H41", "7F3K-92MX-0GZT-H41PP", "7F3K-92MX-0GZT-H4UP", &"7".repeat(100_000)] {
            assert!(normalize_recovery_code(typed).is_none());
        }
    }
}
