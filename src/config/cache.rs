//! `[cache]`: short-lived state.

use super::value::{ConnectionUrl, SecretError, SecretRef, unless_empty};
use crate::base::Secret;
use serde::Deserialize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// `memory`, `redis://…` or `rediss://…`.
    pub url: ConnectionUrl,
    /// Where the Redis password is.
    #[serde(deserialize_with = "unless_empty")]
    pub password_file: Option<SecretRef>,
}

impl Cache {
    /// Whether state stays in this process.
    pub fn is_memory(&self) -> bool {
        self.url.expose() == "memory"
    }

    /// The address with its password, for the driver.
    ///
    /// # Errors
    /// When the password cannot be read.
    pub fn connection_url(&self) -> Result<Secret, SecretError> {
        self.url.with_password(self.password_file.as_ref())
    }
}
