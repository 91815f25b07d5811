//! Dinhdanh: an OpenID Connect provider and identity broker for public services.
//!
//! The floors, from the ground up, are described in `docs/architecture.md`; imports run one way, down.

pub mod base;
