//! PKCE (RFC 7636), method S256 only.

use super::{Error, ErrorCode};
use crate::base::{Digest, Secret};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// RFC 7636 4.1: 43 to 128 of `A-Z a-z 0-9 - . _ ~`.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// The SHA-256 that a challenge writes in base64url without padding, which always takes 43 characters (RFC 7636 4.2).
fn digest_of_challenge(challenge: &str) -> Option<Digest> {
    URL_SAFE_NO_PAD.decode(challenge).ok().as_deref().and_then(Digest::from_slice)
}

/// Whether a text can be an S256 challenge.
pub fn is_challenge(challenge: &str) -> bool {
    digest_of_challenge(challenge).is_some()
}

/// Judges the verifier of a token request against the challenge of its code (RFC 7636 4.6, RFC 9700 2.1.1, C1).
///
/// # Errors
/// `invalid_grant` for a challenge without verifier, a verifier without challenge, a malformed or a wrong one.
pub fn verify(challenge: Option<&str>, verifier: Option<&Secret>) -> Result<(), Error> {
    let refuse = |reason, description| Err(Error::new(ErrorCode::InvalidGrant, reason, description));
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(_), None) => {
            refuse("code_verifier_missing", "code_verifier is missing: the request came with a code_challenge.")
        }
        (None, Some(_)) => {
            refuse("code_verifier_unexpected", "code_verifier was sent, but the request came without a code_challenge.")
        }
        (Some(_), Some(verifier)) if !is_verifier(verifier.expose()) => refuse(
            "code_verifier_malformed",
            "code_verifier takes 43 to 128 letters, digits, hyphens, dots, underscores or tildes.",
        ),
        (Some(challenge), Some(verifier)) => {
            if digest_of_challenge(challenge).is_some_and(|expected| expected == verifier.digest()) {
                Ok(())
            } else {
                refuse("code_verifier_wrong", "code_verifier does not fit the code_challenge.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn reason(challenge: Option<&str>, verifier: Option<&str>) -> &'static str {
        let error = verify(challenge, verifier.map(Secret::from).as_ref()).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidGrant);
        error.reason
    }

    #[test]
    fn the_example_of_the_standard_passes() {
        assert_eq!(verify(Some(CHALLENGE), Some(&VERIFIER.into())), Ok(()));
        assert_eq!(verify(None, None), Ok(()));
    }

    #[test]
    fn c1_downgrades_are_refused_in_both_directions() {
        assert_eq!(reason(Some(CHALLENGE), None), "code_verifier_missing");
        assert_eq!(reason(None, Some(VERIFIER)), "code_verifier_unexpected");
        assert_eq!(reason(Some(CHALLENGE), Some(CHALLENGE)), "code_verifier_wrong");
        assert_eq!(reason(Some(VERIFIER), Some(VERIFIER)), "code_verifier_wrong");
    }

    #[test]
    fn c1_verifiers_of_wrong_length_or_alphabet_are_refused() {
        for verifier in [
            String::new(),
            "a".repeat(42),
            "a".repeat(129),
            format!("{}=", "a".repeat(43)),
            format!("{} ", "a".repeat(43)),
            format!("{}đ", "a".repeat(43)),
        ] {
            assert_eq!(reason(Some(CHALLENGE), Some(&verifier)), "code_verifier_malformed", "{verifier}");
        }
    }

    #[test]
    fn c1_only_a_sha_256_in_base64url_is_a_challenge() {
        assert!(is_challenge(CHALLENGE));
        for challenge in [
            "",
            &CHALLENGE[..42],
            &format!("{CHALLENGE}="),
            &format!("{CHALLENGE}a"),
            &CHALLENGE.replace('-', "+"),
            &"a".repeat(129),
        ] {
            assert!(!is_challenge(challenge), "{challenge}");
        }
    }

    proptest! {
        #[test]
        fn only_the_verifier_of_a_challenge_fits(verifier in "[A-Za-z0-9._~-]{43,128}", other in "[A-Za-z0-9._~-]{43,128}") {
            let challenge = URL_SAFE_NO_PAD.encode(Secret::new(verifier.as_str()).digest().as_bytes());
            prop_assert!(verify(Some(&challenge), Some(&Secret::new(verifier.as_str()))).is_ok());
            prop_assert_eq!(verify(Some(&challenge), Some(&Secret::new(other.as_str()))).is_ok(), other == verifier);
        }
    }
}
