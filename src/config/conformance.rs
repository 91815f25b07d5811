//! `[conformance]`: switches of conformance runs.

use serde::Deserialize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conformance {
    /// Whether requests of CIBA can be answered for people by a POST, without them.
    pub ciba_approval: bool,
    /// Whether what plans of the suite send is taken where the rules here are stricter: endpoints of ours in `aud` of
    /// assertions (not of FAPI 2.0 clients), redirect addresses on several hosts without a list of their sector, digests
    /// of something else at the end of `request_uri`; and whether userinfo states a verification without claims.
    pub open_door_clients: bool,
    /// Whether there is a protected resource that takes every live access token.
    pub resource: bool,
    /// Scopes announced beside those about people, parted by spaces.
    pub scopes: String,
}
