//! Connectors to the national registers: one port, an adapter each, and a simulator to try them against.
//!
//! - [`port`]: what the use cases ask and get;
//! - [`xroad`]: the X-Road REST r1 adapter;
//! - [`guarded`]: breaker and bounded concurrency around any adapter;
//! - [`directory`]: which register of organizations is asked about which code;
//! - [`fake`]: an adapter without a wire, for unit tests;
//! - [`simulator`]: the consumer side of an X-Road security server with a synthetic population.

pub mod breaker;
pub mod directory;
pub mod error;
pub mod fake;
pub mod guarded;
pub mod port;
pub mod simulator;
pub mod unconnected;
mod xroad;

#[cfg(test)]
mod organization_wire_tests;
#[cfg(test)]
mod wire_tests;

pub use breaker::{BreakerPolicy, BreakerState};
pub use directory::OrganizationDirectory;
pub use error::{Defect, Mismatch, Outage, Refusal, RegisterError};
pub use fake::{FakeOrganizationRegister, FakePopulationRegister};
pub use guarded::{GuardPolicy, GuardedRegister};
pub use port::{
    Official, OrganizationAnswer, OrganizationQuery, OrganizationRegister, PopulationAnswer, PopulationQuery,
    PopulationRegister,
};
pub use unconnected::Unconnected;
pub use xroad::{XRoadOrganizationRegister, XRoadPopulationRegister, XRoadSettings, XRoadTls};
