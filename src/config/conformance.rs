//! `[conformance]`: switches of conformance runs.

use serde::Deserialize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conformance {
    /// Whether requests of CIBA can be answered for people by a POST, without them.
    pub ciba_approval: bool,
}
