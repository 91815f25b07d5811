//! `[tokens]`: how long codes and tokens live.

use super::value::{Days, Seconds};
use serde::Deserialize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Authorization code.
    pub code_seconds: Seconds,
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
