//! `[backchannel]`: calls to addresses that portals register.

use super::value::unless_empty;
use serde::Deserialize;
use std::path::PathBuf;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backchannel {
    /// Whether such an address may lie on loopback.
    pub allow_loopback: bool,
    /// A further certificate authority that such calls trust, PEM.
    #[serde(deserialize_with = "unless_empty")]
    pub trusted_ca: Option<PathBuf>,
}
