//! Pure OAuth 2.0 and OpenID Connect rules: plain functions of values.
//!
//! Nothing here waits, reads a clock, draws randomness or knows where a value is stored. `flow` loads, asks these
//! functions what must happen, and does it. A rule that refuses says an RFC error code, a stable reason for log and
//! audit, and a fixed text that helps a developer and repeats nothing of the request.

mod algorithm;
pub mod authorize;
pub mod bearer;
pub mod ciba;
pub mod claim_member;
pub mod claims_request;
pub mod client;
pub mod client_authentication;
pub mod confirmation;
pub mod cross_origin;
pub mod decoupled;
pub mod discovery;
pub mod dpop;
pub mod encryption;
mod error;
pub mod grant_terms;
pub mod introspection;
pub mod jws;
pub mod jwt_claims;
pub mod logout;
pub mod mutual_tls;
mod parameters;
pub mod pkce;
pub mod pushed_request;
pub mod redirect_uri;
pub mod representation;
pub mod request_object;
pub mod request_uri;
pub mod response;
pub mod response_mode;
pub mod scope;
pub mod session_state;
pub mod strict_json;
pub mod token;
pub mod token_exchange;
mod uri;
pub mod verified_claims;

pub use algorithm::{AssertionAlgorithm, MacAlgorithm, SigningAlgorithm, SigningAlgorithms};
pub use client::{Client, ClientMetadata, RegistrationPolicy};
pub use confirmation::{CertificateThumbprint, Confirmation, Thumbprint};
pub use discovery::{Capabilities, Endpoints};
pub use error::{Error, ErrorCode, ShowReason};
pub use grant_terms::GrantTerms;
pub use parameters::{ParameterError, Parameters};
pub use redirect_uri::ProvedRedirect;
pub use scope::{ClaimName, ScopeSet};
