//! `[sign_in]`: sign-in pages and codes.

use super::value::{Seconds, unless_empty};
use serde::Deserialize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// A sent code.
    pub code_seconds: Seconds,
    /// Every sent code is this one: conformance tests only.
    #[serde(deserialize_with = "unless_empty")]
    pub fixed_code: Option<String>,
}
