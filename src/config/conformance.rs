//! `[conformance]`: switches of conformance runs.

use serde::Deserialize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conformance {
    /// Whether requests of CIBA can be answered for people by a POST, without them.
    pub ciba_approval: bool,
    /// Whether clients of no FAPI 2.0 profile may name endpoints of ours in `aud` of assertions, and register redirect
    /// addresses on several hosts without a list of their sector.
    pub open_door_clients: bool,
    /// Whether there is a protected resource that takes every live access token.
    pub resource: bool,
    /// Scopes announced beside those about people, parted by spaces.
    pub scopes: String,
}
