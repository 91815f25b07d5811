//! `[registration]`: portals that register themselves (RFC 7591, RFC 7592).

use super::value::{Days, Seconds, unless_empty};
use serde::Deserialize;
use std::path::PathBuf;

/// Who may register a client over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Nobody: the endpoint does not exist.
    Off,
    /// Holders of an initial access token.
    Token,
    /// Anybody.
    Open,
}

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Who may register.
    pub mode: RegistrationMode,
    /// The scopes such a client may have at most.
    pub scopes: Vec<String>,
    /// JSON file of those whose software statements are trusted.
    #[serde(deserialize_with = "unless_empty")]
    pub software_statement_issuers: Option<PathBuf>,
    /// How long a secret lasts; 0: no end.
    pub secret_days: Days,
    /// How long the secret before is taken too.
    pub secret_overlap_seconds: Seconds,
    /// When a client of open registration that nobody signed in to is removed.
    pub unused_days: Days,
    /// Clients of open registration at most.
    pub most_open: u32,
    /// Whether every such client may receive what its scopes stand for.
    pub agreement_for_all: bool,
    /// Hosts whose documents make clients (draft-ietf-oauth-client-id-metadata-document), parted by spaces; empty: none do.
    pub metadata_document_hosts: String,
    /// Whether every such client uses PKCE.
    pub require_pkce: bool,
}

impl Registration {
    /// Whether anybody may register.
    pub fn is_open(&self) -> bool {
        self.mode == RegistrationMode::Open
    }

    /// Whether clients appear that nobody vouched for, and go again when nobody uses them.
    pub fn has_strangers(&self) -> bool {
        self.is_open() || self.takes_documents()
    }

    /// Whether clients may be known by the address of a document.
    pub fn takes_documents(&self) -> bool {
        !self.metadata_document_hosts.trim().is_empty()
    }

    /// Whether they may at this host, written as `host`, or `host:port` where an address names a port.
    pub fn takes_documents_of(&self, host: &str) -> bool {
        self.metadata_document_hosts.split_whitespace().any(|allowed| allowed == host || allowed == "*")
    }
}
