//! `[registers.*]`: the national registers.

use super::value::{Millis, Seconds, unless_empty};
use serde::Deserialize;
use std::path::PathBuf;
use url::Url;

/// The registers this provider can ask.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registers {
    /// How long a page itself waits for an answer; after that a page that looks again takes over.
    pub wait_ms: Millis,
    /// People.
    pub population: Register,
    /// Enterprises and their dependent units.
    pub enterprise: Register,
    /// State bodies.
    pub agency: Register,
}

impl Registers {
    /// Each register with its section in the configuration.
    pub const fn each(&self) -> [(&'static str, &Register); 3] {
        [
            ("registers.population", &self.population),
            ("registers.enterprise", &self.enterprise),
            ("registers.agency", &self.agency),
        ]
    }
}

/// How a register is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegisterAdapter {
    /// Not at all.
    None,
    /// X-Road REST, message protocol r1.
    Xroad,
}

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// How it is reached.
    pub adapter: RegisterAdapter,
    /// Our own security server.
    #[serde(deserialize_with = "unless_empty")]
    pub base_url: Option<Url>,
    /// `INSTANCE/CLASS/CODE[/SUBSYSTEM]` of the one who asks.
    #[serde(deserialize_with = "unless_empty")]
    pub client: Option<String>,
    /// `INSTANCE/CLASS/CODE/SUBSYSTEM/SERVICE` of what is asked.
    #[serde(deserialize_with = "unless_empty")]
    pub service: Option<String>,
    /// Country prefix of `X-Road-UserId`.
    pub user_id_prefix: String,
    /// Longest wait for one answer, connection included.
    pub deadline_ms: Millis,
    /// Mutual TLS.
    pub tls: RegisterTls,
    /// Leaving a failing register alone.
    pub breaker: Breaker,
}

/// PEM files for mutual TLS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterTls {
    /// Certificates to trust; the system's when absent.
    #[serde(deserialize_with = "unless_empty")]
    pub ca: Option<PathBuf>,
    /// Our certificate.
    #[serde(deserialize_with = "unless_empty")]
    pub certificate: Option<PathBuf>,
    /// Our private key.
    #[serde(deserialize_with = "unless_empty")]
    pub key: Option<PathBuf>,
}

/// When a register is left alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Failures in a row.
    pub failures_to_open: u32,
    /// How long it is left alone.
    pub open_seconds: Seconds,
}
