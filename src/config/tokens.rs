//! `[tokens]`: how long codes and tokens live.

use super::value::{Days, Seconds};
use serde::Deserialize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Authorization code.
    pub code_seconds: Seconds,
    /// Pushed authorization request, from the push to the browser's arrival.
    pub pushed_request_seconds: Seconds,
    /// DPoP proofs must carry a nonce of ours (RFC 9449 8).
    pub require_dpop_nonce: bool,
    /// Access token.
    pub access_token_seconds: Seconds,
    /// ID token.
    pub id_token_seconds: Seconds,
    /// An unused refresh token ends.
    pub refresh_idle_days: Days,
    /// A family of refresh tokens ends.
    pub refresh_family_days: Days,
    /// Consent.
    pub consent_days: Days,
}
