//! Connectors to the national registers: one port, an adapter each, and a simulator to try them against.
//!
//! - [`port`]: what the use cases ask and get;
//! - [`xroad`]: the X-Road REST r1 adapter;
//! - [`guarded`]: breaker and bounded concurrency around any adapter;
//! - [`fake`]: an adapter without a wire, for unit tests;
//! - [`simulator`]: the consumer side of an X-Road security server with a synthetic population.

pub mod breaker;
pub mod error;
pub mod fake;
pub mod guarded;
pub mod port;
pub mod simulator;
pub mod unconnected;
mod xroad;

#[cfg(test)]
mod wire_tests;

pub use breaker::{BreakerPolicy, BreakerState};
pub use error::{Defect, Mismatch, Outage, Refusal, RegisterError};
pub use fake::FakePopulationRegister;
pub use guarded::{GuardPolicy, GuardedRegister};
pub use port::{Official, PopulationAnswer, PopulationQuery, PopulationRegister};
pub use unconnected::Unconnected;
pub use xroad::{XRoadPopulationRegister, XRoadSettings, XRoadTls};
