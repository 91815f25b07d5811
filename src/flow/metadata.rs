//! What this provider says of itself: discovery and JWKS, answered without any store (I11).

use super::Services;
use crate::protocol::{Capabilities, Endpoints, SigningAlgorithm, discovery};
use serde_json::Value;

/// What is offered, truthfully.
pub fn capabilities(services: &Services) -> Capabilities {
    let ring = services.keys.current();
    let now = services.clock.now();
    Capabilities {
        acr_values: services.acr.names().map(str::to_owned).collect(),
        acr_aliases: services.acr.aliases().map(str::to_owned).collect(),
        signing_algorithms: ring
            .keys
            .algorithms(now)
            .iter()
            .filter_map(|algorithm| SigningAlgorithm::parse(algorithm.as_str()))
            .collect(),
        ui_locales: vec!["vi".to_owned(), "en".to_owned()],
        representation: services.organizations.is_connected(),
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

/// The public keys (RFC 7517 5).
pub fn jwks(services: &Services) -> Value {
    services.keys.current().keys.jwks(services.clock.now())
}
