//! `[organizations]`: how old an answer of the registers of organizations may be.

use super::value::Seconds;
use serde::Deserialize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organizations {
    /// For a new sign-in.
    pub begin_seconds: Seconds,
    /// Between two questions about a representation in use.
    pub recheck_seconds: Seconds,
    /// For tokens that exist.
    pub continue_seconds: Seconds,
}
