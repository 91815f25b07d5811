//! `[metrics]`: Prometheus metrics on an address of their own.

use serde::Deserialize;
use std::net::SocketAddr;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Whether they are served.
    pub enabled: bool,
    /// Where.
    pub listen: SocketAddr,
}
