//! `[sms]`: codes by SMS.

use super::value::{SecretRef, unless_empty};
use serde::Deserialize;
use url::Url;

/// Who carries a code to a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodeSender {
    /// Nobody: the way is not offered.
    None,
    /// An HTTP gateway.
    Http,
    /// The page `/test/inbox`.
    TestInbox,
}

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    /// Who carries messages.
    pub sender: CodeSender,
    /// Address of the gateway.
    #[serde(deserialize_with = "unless_empty")]
    pub http_url: Option<Url>,
    /// Where the gateway's token is.
    #[serde(deserialize_with = "unless_empty")]
    pub token_file: Option<SecretRef>,
}
