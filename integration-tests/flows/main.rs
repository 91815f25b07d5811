//! Whole flows through the real router, in process: a frozen clock, seeded randomness, a register without a wire and
//! senders that only listen. Nothing here waits; time moves when a test says so.

#[cfg(test)]
mod kit;

#[cfg(test)]
mod account;
#[cfg(test)]
mod backchannel;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod challenged;
#[cfg(test)]
mod ciba;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod client_documents;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod consent;
#[cfg(test)]
mod create;
#[cfg(test)]
mod cross_origin;
#[cfg(test)]
mod device;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod encrypted_requests;
#[cfg(test)]
mod enumeration;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod growth;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lifetimes;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod off;
#[cfg(test)]
mod opaque;
#[cfg(test)]
mod organizations;
#[cfg(test)]
mod possession;
#[cfg(test)]
mod pushed;
#[cfg(test)]
mod recognised;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod second_proof;
#[cfg(test)]
mod session_state;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod sign_on;
#[cfg(test)]
mod signing_out;
#[cfg(test)]
mod skipping;
#[cfg(test)]
mod slots;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod throttling;
#[cfg(test)]
mod verified;
