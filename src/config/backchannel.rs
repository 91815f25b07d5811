//! `[backchannel]`: logout calls to portals.

use serde::Deserialize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backchannel {
    /// Whether a logout address may lie on loopback.
    pub allow_loopback: bool,
}
