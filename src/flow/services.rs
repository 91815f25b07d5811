//! What every use case needs, made once at start and handed down: no globals.

use super::client_document::ClientDocuments;
use super::client_keys::KeySets;
use super::clients::Clients;
use super::keys::Keys;
use super::request_uri::FetchedRequests;
use super::software_statement::StatementIssuer;
use crate::base::{Clock, Entropy};
use crate::cache::Cache;
use crate::config::Config;
use crate::crypto::{ClientAuthorities, DpopNonces, Passkeys, PasswordHasher, Sealer};
use crate::db::Db;
use crate::identity::{AcrTable, Places};
use crate::notify::OutboundClient;
use crate::registers::{OrganizationRegister, PopulationRegister};
use std::sync::Arc;

/// Settings and tools of the running program.
pub struct Services {
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Durable truth.
    pub db: Db,
    /// Short-lived state.
    pub cache: Arc<dyn Cache>,
    /// The effective configuration.
    pub config: Config,
    /// Seals and indexes personal data.
    pub sealer: Sealer,
    /// Signing keys.
    pub keys: Keys,
    /// Nonces for DPoP proofs.
    pub dpop_nonces: DpopNonces,
    /// The gate in front of argon2.
    pub passwords: PasswordHasher,
    /// WebAuthn.
    pub passkeys: Passkeys,
    /// Known clients.
    pub clients: Clients,
    /// Calls to addresses that clients registered, guarded.
    pub outbound: OutboundClient,
    /// Key sets of clients, as fetched.
    pub key_sets: KeySets,
    /// Requests at addresses of clients, as fetched.
    pub request_objects: FetchedRequests,
    /// Which documents of clients were looked at.
    pub client_documents: ClientDocuments,
    /// Who vouches for the certificates of clients (`tls_client_auth`).
    pub client_authorities: Option<ClientAuthorities>,
    /// Whose software statements are trusted.
    pub statement_issuers: Vec<StatementIssuer>,
    /// The population register.
    pub population: Arc<dyn PopulationRegister>,
    /// The registers of enterprises and of state bodies.
    pub organizations: Arc<dyn OrganizationRegister>,
    /// Places for questions whose page does not wait for them.
    pub late: super::late::Places,
    /// Where networks lie, by the operator's list.
    pub places: Places,
    /// acr values and what they mean.
    pub acr: AcrTable,
}

impl Services {
    /// The issuer identifier, exactly as configured: the only address anything is built from.
    pub fn issuer(&self) -> &str {
        self.config.provider.issuer.as_str()
    }
}
