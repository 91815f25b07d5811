//! Black box: the running program, attacked and used from outside over HTTP. Names of tests begin with the row of
//! the attack catalogue they stand for. Every test runs on SQLite + memory with one process and on PostgreSQL + Redis
//! with two processes behind a proxy that sends successive connections to alternating processes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it expects ends there"
)]

#[macro_use]
mod harness;

mod a_addresses;
mod b_codes;
mod c_pkce;
mod d_sessions;
mod e_revocation;
mod f_clients;
mod faults;
mod h_registration;
mod i_logout;
mod input;
mod j_hosts;
mod journey;
mod k_leaks;
mod l_passkeys;
mod m_guessing;
mod n_enumeration;
mod operation;
mod organizations;
mod races;
mod s_load;
