//! The commands, run as people run them: the real program, its exit codes, its standard output and error.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail as tests do")]

mod clients;
mod configuration;
mod conformance;
mod doctor;
mod harness;
mod help;
mod keys;
mod refusals;
