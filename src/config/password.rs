//! `[password]`: argon2id and its gate.

use super::value::Millis;
use serde::Deserialize;
use std::num::NonZeroUsize;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// As written; see [`Password::permits`].
    #[serde(rename = "permits")]
    pub permits_setting: usize,
    /// Requests that may wait.
    pub queue: usize,
    /// Longest wait.
    pub wait_ms: Millis,
}

impl Password {
    /// Hashes at a time: the setting, or one for each core.
    pub fn permits(&self) -> usize {
        match self.permits_setting {
            0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            set => set,
        }
    }
}
