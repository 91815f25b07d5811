//! What this provider says of itself: discovery and JWKS, answered without any store (I11).

use super::Services;
use super::keys::Ring;
use super::level::REACHABLE_BY_ANYBODY;
use crate::base::{Timestamp, sha256};
use crate::config::{Config, Environment, RegistrationMode};
use crate::protocol::{Capabilities, Endpoints, RegistrationPolicy, SigningAlgorithm, discovery};
use serde_json::Value;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How long rendered documents are served before they are made again: keys enter and leave by the clock, and they are
/// published an hour before they sign.
const RENDERED_FOR: Duration = Duration::from_secs(1);

/// A public document as it is sent.
#[derive(Debug)]
pub struct Document<Body> {
    /// Its bytes.
    pub body: Body,
    /// Its entity tag, with the quotes (RFC 9110 8.8.3).
    pub etag: String,
}

/// The documents, rendered once for all who ask.
#[derive(Debug)]
pub struct Documents<Body> {
    /// Discovery.
    pub discovery: Document<Body>,
    /// Keys.
    pub jwks: Document<Body>,
    /// The userinfo endpoint (RFC 9728).
    pub resource: Document<Body>,
    ring: Arc<Ring>,
    at: Timestamp,
}

/// The documents rendered last. `Body` is what the caller sends without copying.
#[derive(Debug, Default)]
pub struct PublicDocuments<Body>(RwLock<Option<Arc<Documents<Body>>>>);

impl<Body: From<String>> PublicDocuments<Body> {
    /// The documents of now. Never waits for a store (I11).
    pub fn current(&self, services: &Services) -> Arc<Documents<Body>> {
        let (ring, now) = (services.keys.current(), services.clock.now());
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let fresh = |documents: &Arc<Documents<Body>>| {
            Arc::ptr_eq(&documents.ring, &ring) && documents.at <= now && now.since(documents.at) < RENDERED_FOR
        };
        if let Some(documents) = kept.filter(fresh) {
            return documents;
        }
        let made = Arc::new(Documents {
            discovery: document(&discovery(services)),
            jwks: document(&ring.jwks(now)),
            resource: document(&discovery::resource(&endpoints(services), &capabilities(services))),
            ring,
            at: now,
        });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&made));
        made
    }
}

fn document<Body: From<String>>(value: &Value) -> Document<Body> {
    let body = value.to_string();
    let tag: String = sha256(body.as_bytes()).as_bytes().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Document { body: body.into(), etag: format!("\"{tag}\"") }
}

/// What clients may register here.
pub fn registration_policy(config: &Config) -> RegistrationPolicy {
    let algorithms = config.keys.algorithms.iter().filter_map(|name| SigningAlgorithm::parse(name.as_str()));
    let conformance = config.provider.environment == Environment::Conformance;
    RegistrationPolicy {
        allow_loopback_http: !config.provider.is_production(),
        allow_loopback_login: !config.provider.is_production() && !conformance,
        several_hosts: config.conformance.open_door_clients,
        signing_algorithms: algorithms.collect(),
    }
}

/// What is offered, truthfully.
pub fn capabilities(services: &Services) -> Capabilities {
    let ring = services.keys.current();
    let now = services.clock.now();
    Capabilities {
        acr_values: services.acr.names().map(str::to_owned).collect(),
        unreachable_acr_values: services.acr.beyond(&REACHABLE_BY_ANYBODY).map(str::to_owned).collect(),
        acr_aliases: services.acr.aliases().map(str::to_owned).collect(),
        signing_algorithms: ring
            .keys
            .algorithms(now)
            .iter()
            .filter_map(|algorithm| SigningAlgorithm::parse(algorithm.as_str()))
            .collect(),
        request_encryption: ring.encryption.algorithms(now),
        ui_locales: vec!["vi".to_owned(), "en".to_owned()],
        extra_scopes: services.config.conformance.scopes.split_whitespace().map(str::to_owned).collect(),
        representation: services.organizations.is_connected(),
        registration: services.config.registration.mode != RegistrationMode::Off,
        client_documents: services.config.registration.takes_documents(),
        certificates: services.config.tls.sees_certificates(),
        client_authorities: services.client_authorities.is_some(),
        mtls_origin: services.config.tls.mtls_url.as_ref().map(|url| url.origin().ascii_serialization()),
    }
}

/// Where things are.
pub fn endpoints(services: &Services) -> Endpoints {
    Endpoints::new(services.issuer())
}

/// The discovery document (OpenID Connect Discovery 1.0 section 3).
pub fn discovery(services: &Services) -> Value {
    discovery::document(&endpoints(services), &capabilities(services))
}
