//! Dinhdanh: an OpenID Connect provider and identity broker for public services.
//!
//! The floors, from the ground up, are described in `docs/architecture.md`; imports run one way, down.

pub mod app;
pub mod audit;
pub mod base;
pub mod cache;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod db;
pub mod flow;
pub mod http;
pub mod identity;
pub mod jobs;
pub mod notify;
pub mod protocol;
pub mod registers;
pub mod sample_portal;
pub mod store;
pub mod view;
