//! `[log]`: what the program writes to standard error.

use serde::Deserialize;

/// Shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Shape of lines.
    pub format: LogFormat,
    /// Which lines, in the syntax of `EnvFilter`.
    pub filter: String,
}
