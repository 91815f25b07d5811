//! Keys, signatures, sealing, password hashing and passkeys.
//!
//! Everything here is a plain function of values: keys, time and randomness are handed in. Nothing reads a store.

mod certificate;
mod client_authorities;
mod client_secret;
mod compact;
mod dpop;
mod gate;
mod half_hash;
mod jwe;
mod jws_verify;
mod key_encryption_key;
mod one_time_code;
mod passkey_error;
mod passkeys;
mod password;
mod public_key;
mod rotation;
mod sealing;
mod signing;
mod totp;

pub use certificate::{CertificateError, read_certificate, self_signed_matches};
pub use client_authorities::ClientAuthorities;
pub use client_secret::{open_client_secret, seal_client_secret, verify_with_secret};
pub use compact::{JWS_MAX_BYTES, VerifyError};
pub use dpop::{DpopNonces, verify_proof};
pub use half_hash::half_hash;
pub use jwe::{
    EncryptionKeyRing, EncryptionKeyRow, JWE_MAX_BYTES, JweError, Recipient, encrypt, encryption_of,
    generate_encryption_key, is_jwe,
};
pub use jws_verify::{verify_with_jwks, verify_with_own_key};
pub use key_encryption_key::{KeyEncryptionKey, KeyFileError};
pub use one_time_code::{RECOVERY_CODE_COUNT, normalize_recovery_code, normalize_sent_code, recovery_codes, sent_code};
pub use passkey_error::PasskeyError;
pub use passkeys::{
    Authenticated, CHALLENGE_LIFETIME, Ceremony, NewPasskey, Passkeys, answered_challenge, challenge_digest,
};
pub use password::{HashLimits, PASSWORD_MAX_BYTES, PasswordError, PasswordHasher, needs_rehash};
pub use rotation::{KeySchedule, RotationAction, RotationPolicy, rotate_now, rotation};
pub use sealing::{SealError, Sealer};
pub use signing::{Expect, GeneratedKey, KeyError, KeyRing, KeyRow, SigningAlgorithm, SigningKey, generate};
pub use totp::{Totp, TotpError};
