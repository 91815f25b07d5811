//! The configuration: a file a section, defaults compiled in from `config/default.toml`.
//!
//! Three layers, each over the one before: the defaults, the file, the environment (`DINHDANH_SECTION__KEY`); a command
//! may lay its own arguments on top. `config/default.toml` is the reference: a key that is not in it does not exist, and
//! its `Allowed:` lines are enforced as written, so that what is documented and what is checked cannot differ.

mod acr;
mod backchannel;
mod cache;
mod check;
mod conformance;
mod database;
mod email;
mod explain;
mod keys;
mod layer;
mod limits;
mod load;
mod log;
mod metrics;
mod organizations;
mod password;
mod problem;
mod production;
mod provider;
mod reference;
mod registers;
mod registration;
mod session;
mod sign_in;
mod sms;
mod tls;
mod tokens;
mod value;
mod voice;

#[cfg(test)]
mod tests;

pub use acr::AcrValue;
pub use backchannel::Backchannel;
pub use cache::Cache;
pub use conformance::Conformance;
pub use database::Database;
pub use email::{Email, EmailSender, SmtpProtection, SmtpServer};
pub use explain::explain;
pub use keys::{Keys, SigningAlgorithm};
pub use limits::{Limits, TrustProxy};
pub use load::{Effective, Loaded};
pub use log::{Log, LogFormat};
pub use metrics::Metrics;
pub use organizations::Organizations;
pub use password::Password;
pub use problem::{ConfigError, Problem, Source};
pub use production::production_problems;
pub use provider::{Environment, Provider};
pub use registers::{Breaker, Register, RegisterAdapter, RegisterTls, Registers};
pub use registration::{Registration, RegistrationMode};
pub use session::Session;
pub use sign_in::SignIn;
pub use sms::{CodeSender, Sms};
pub use tls::{CertificateHeader, Tls};
pub use tokens::Tokens;
pub use value::{ConnectionUrl, Days, Issuer, Millis, Seconds, SecretError, SecretRef};
pub use voice::Voice;

use serde::Deserialize;

/// The defaults and their documentation.
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// Every setting, typed. [`Config::load`] reads it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who this provider is and where it listens.
    pub provider: Provider,
    /// The durable store.
    pub database: Database,
    /// Short-lived state.
    pub cache: Cache,
    /// Signing keys and the key-encryption key.
    pub keys: Keys,
    /// How long codes and tokens live.
    pub tokens: Tokens,
    /// Single sign-on sessions.
    pub session: Session,
    /// Sign-in pages and codes.
    pub sign_in: SignIn,
    /// Password hashing and its gate.
    pub password: Password,
    /// Codes by SMS.
    pub sms: Sms,
    /// Codes by call.
    pub voice: Voice,
    /// Notices by e-mail.
    pub email: Email,
    /// The national registers.
    pub registers: Registers,
    /// Acting for organizations.
    pub organizations: Organizations,
    /// What one caller may ask.
    pub limits: Limits,
    /// Log lines.
    pub log: Log,
    /// Prometheus metrics.
    pub metrics: Metrics,
    /// Calls to portals.
    pub backchannel: Backchannel,
    /// Clients that register themselves.
    pub registration: Registration,
    /// Our own TLS, and certificates of clients.
    pub tls: Tls,
    /// What conformance runs need and nobody else may have.
    pub conformance: Conformance,
    /// The values of `acr`, weakest first.
    pub acr: Vec<AcrValue>,
}
