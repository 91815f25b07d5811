//! Use cases: load, decide, apply, audit, commit. Holds [`Services`].

pub mod account;
mod audit;
pub mod authorize;
pub mod bearer_token;
pub mod caller;
pub mod changes;
pub mod client_authentication;
pub mod client_registration;
pub mod clients;
pub mod create_account;
pub mod delivery;
pub mod demo;
pub mod disclosure;
mod fault;
pub mod interaction;
pub mod keys;
pub mod known_browser;
pub mod level;
pub mod logout;
pub mod metadata;
pub mod organizations;
pub mod outbox;
pub mod passkey;
pub mod person;
pub mod representation;
mod services;
pub mod session;
pub mod sign_in;
pub mod steps;
pub mod subject;
mod throttle;
pub mod token;
mod verified_tokens;

pub use fault::{Fault, Outcome};
pub use services::Services;
