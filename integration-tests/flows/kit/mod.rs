//! What every flow test stands on.

pub mod authenticator;
pub mod browser;
pub mod house;
#[path = "../../lib/key.rs"]
mod key;
pub mod portal;
#[path = "../../lib/reader.rs"]
mod reader;
pub mod site;

pub use browser::{Browser, Page};
pub use house::{Citizen, HOA, House, MINH};
pub use key::Key;
pub use portal::{Portal, claims_of, part_of};
pub use reader::Reader;
pub use site::WebSite;

use std::time::Duration;

pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub const fn minutes(minutes: u64) -> Duration {
    seconds(60 * minutes)
}

pub const fn days(days: u64) -> Duration {
    seconds(86_400 * days)
}
