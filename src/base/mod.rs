//! Values every floor may use: time, randomness, ids, secrets, error ids. No I/O beyond reading the
//! system clock and the system's random source.

mod dated;
mod entropy;
mod error_id;
mod id;
mod secret;
#[cfg(test)]
pub mod testing;
mod timestamp;

pub use dated::{Presented, dated_token};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy, random_token};
pub use error_id::ErrorId;
pub use id::*;
pub use secret::{Digest, Secret, sha256};
pub use timestamp::{Clock, FrozenClock, SystemClock, Timestamp};
