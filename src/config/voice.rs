//! `[voice]`: codes read out by a call.

use super::sms::CodeSender;
use super::value::{SecretRef, unless_empty};
use serde::Deserialize;
use url::Url;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    /// Who makes the call.
    pub sender: CodeSender,
    /// Address of the gateway.
    #[serde(deserialize_with = "unless_empty")]
    pub http_url: Option<Url>,
    /// Where the gateway's token is.
    #[serde(deserialize_with = "unless_empty")]
    pub token_file: Option<SecretRef>,
}
