//! Codes of an authenticator app: TOTP (RFC 6238) with SHA-1, six digits, steps of 30 seconds.

use super::one_time_code::normalize_sent_code;
use crate::base::{Entropy, Secret, Timestamp};
use std::fmt;
use totp_rs::{Algorithm, Builder};
use zeroize::Zeroizing;

const SECRET_BYTES: usize = 20;
const STEP_SECONDS: u64 = 30;

/// Why a secret cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TotpError {
    /// Shorter than 128 bits (RFC 4226 4, R6).
    #[error("the TOTP secret is too short")]
    ShortSecret,
    /// Issuer or account name cannot be written into a key URI.
    #[error("issuer or account name cannot be written into a key URI")]
    Name,
}

/// A TOTP secret of a person.
pub struct Totp {
    secret: Zeroizing<Vec<u8>>,
    inner: totp_rs::Totp,
}

impl Totp {
    /// Twenty random bytes: what is sealed and shown once.
    pub fn generate_secret(entropy: &dyn Entropy) -> Zeroizing<Vec<u8>> {
        let mut secret = Zeroizing::new(vec![0u8; SECRET_BYTES]);
        entropy.fill(&mut secret);
        secret
    }

    /// From the bytes of a secret.
    ///
    /// # Errors
    /// [`TotpError::ShortSecret`] below 16 bytes.
    pub fn from_secret(secret: &[u8]) -> Result<Self, TotpError> {
        let inner = builder(secret).build().map_err(|_| TotpError::ShortSecret)?;
        Ok(Self { secret: Zeroizing::new(secret.to_vec()), inner })
    }

    /// The time step whose code this is: the current one, or the one before or after it (skew of 1).
    /// Spaces do not matter. The caller accepts a step only once and only when it is newer than the last (M2).
    pub fn matched_step(&self, code: &str, now: Timestamp) -> Option<u64> {
        let code = normalize_sent_code(code)?;
        let seconds = u64::try_from(now.seconds()).ok()?;
        self.inner.check(code.expose(), seconds)
    }

    /// The secret in base 32, for typing into an app.
    pub fn base32(&self) -> Secret {
        Secret::new(self.inner.secret().to_base32())
    }

    /// The `otpauth://` key URI for the QR code. Carries the secret.
    ///
    /// # Errors
    /// [`TotpError::Name`] when issuer or account is empty; colons are replaced, they would split the label.
    pub fn uri(&self, issuer: &str, account: &str) -> Result<Secret, TotpError> {
        let name = |text: &str| text.replace(':', " ").trim().to_owned();
        let (issuer, account) = (name(issuer), name(account));
        if issuer.is_empty() || account.is_empty() {
            return Err(TotpError::Name);
        }
        let labelled = builder(&self.secret).with_issuer(Some(issuer)).with_account_name(account).build();
        labelled.and_then(|totp| totp.to_url()).map(Secret::new).map_err(|_| TotpError::Name)
    }
}

fn builder(secret: &[u8]) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(STEP_SECONDS)
        .with_secret(secret.to_vec())
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[totp]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededEntropy;

    /// The secret of RFC 6238 appendix B.
    const RFC: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    /// RFC 6238 appendix B, SHA-1, last six digits.
    #[test]
    fn agrees_with_rfc_6238() {
        let totp = Totp::from_secret(RFC).unwrap();
        for (time, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(totp.matched_step(code, at(time)), Some(u64::try_from(time / 30).unwrap()), "{time}");
        }
    }

    #[test]
    fn m2_one_step_either_side_is_accepted_and_named_no_more() {
        let totp = Totp::from_secret(RFC).unwrap();
        let step = 1_111_111_109 / 30;
        for (shift, expected) in [(-60, None), (-30, Some(step)), (0, Some(step)), (30, Some(step)), (60, None)] {
            assert_eq!(totp.matched_step("081804", at(1_111_111_109 + shift)), expected, "{shift}");
        }
    }

    #[test]
    fn spaces_pass_and_anything_else_is_refused() {
        let totp = Totp::from_secret(RFC).unwrap();
        assert!(totp.matched_step(" 287 082 ", at(59)).is_some());
        for code in ["", "28708", "2870821", "287083", "28708x", "94287082"] {
            assert!(totp.matched_step(code, at(59)).is_none(), "{code}");
        }
        assert!(totp.matched_step("287082", at(-59)).is_none());
    }

    #[test]
    fn short_secrets_are_refused() {
        assert_eq!(Totp::from_secret(&[1; 15]).unwrap_err(), TotpError::ShortSecret);
        assert!(Totp::from_secret(&Totp::generate_secret(&SeededEntropy::new(1))).is_ok());
    }

    #[test]
    fn the_key_uri_names_issuer_and_account() {
        let totp = Totp::from_secret(RFC).unwrap();
        let uri = totp.uri("Định danh: thử", "Nguyễn Văn A").unwrap();
        let url = url::Url::parse(uri.expose()).unwrap();
        assert_eq!((url.scheme(), url.host_str()), ("otpauth", Some("totp")));
        let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["secret"], totp.base32().expose());
        assert_eq!(query["issuer"], "Định danh  thử");
        assert_eq!(totp.uri("", "a").unwrap_err(), TotpError::Name);
    }

    #[test]
    fn i17_a_totp_does_not_print() {
        assert_eq!(format!("{:?}", Totp::from_secret(RFC).unwrap()), "[totp]");
    }
}
