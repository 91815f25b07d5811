//! `[sign_in]`: sign-in pages and codes.

use super::value::Seconds;
use serde::Deserialize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// A sent code.
    pub code_seconds: Seconds,
}
