//! `[database]`: the durable store.

use super::value::{ConnectionUrl, SecretError, SecretRef, unless_empty};
use crate::base::Secret;
use serde::Deserialize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite://…` or `postgres://…`.
    pub url: ConnectionUrl,
    /// Where the PostgreSQL password is.
    #[serde(deserialize_with = "unless_empty")]
    pub password_file: Option<SecretRef>,
    /// Size of the pool.
    pub max_connections: u32,
}

impl Database {
    /// The address with its password, for the driver.
    ///
    /// # Errors
    /// When the password cannot be read.
    pub fn connection_url(&self) -> Result<Secret, SecretError> {
        self.url.with_password(self.password_file.as_ref())
    }

    /// Whether the embedded engine is used.
    pub fn is_sqlite(&self) -> bool {
        self.url.scheme() == "sqlite"
    }
}
