//! `[provider]`: who this provider is and where it listens.

use super::value::{Issuer, unless_empty};
use serde::Deserialize;
use std::net::SocketAddr;

/// What an installation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Real people.
    Production,
    /// Portals under development; pages say so.
    Sandbox,
    /// One command on one machine, with made-up people.
    Demo,
    /// The suites of the OpenID Foundation, with one made-up person.
    Conformance,
}

impl Environment {
    /// As written in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Sandbox => "sandbox",
            Self::Demo => "demo",
            Self::Conformance => "conformance",
        }
    }
}

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The issuer identifier.
    pub issuer: Issuer,
    /// Where the server listens; TLS ends before it, or here when `[tls]` says so.
    pub listen: SocketAddr,
    /// What this installation is for.
    pub environment: Environment,
    /// Name in Vietnamese.
    pub service_name_vi: String,
    /// Name in English.
    pub service_name_en: String,
    /// As written; see [`Provider::rp_id`].
    #[serde(rename = "rp_id", deserialize_with = "unless_empty")]
    pub rp_id_setting: Option<String>,
    /// Help line.
    #[serde(deserialize_with = "unless_empty")]
    pub hotline: Option<String>,
    /// When the help line answers.
    #[serde(deserialize_with = "unless_empty")]
    pub hotline_hours: Option<String>,
}

impl Provider {
    /// The relying party id of passkeys: the setting, or the issuer's host.
    pub fn rp_id(&self) -> &str {
        self.rp_id_setting.as_deref().unwrap_or_else(|| self.issuer.host())
    }

    /// Whether only made-up people are served.
    pub fn is_made_up(&self) -> bool {
        matches!(self.environment, Environment::Demo | Environment::Conformance)
    }

    /// Whether real people are served.
    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }
}
