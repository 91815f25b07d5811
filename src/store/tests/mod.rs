//! Every function of this floor, on both engines.

mod account;
mod clients;
mod credentials;
mod grants;
mod once;
mod organizations;
mod partitions;
mod persons;
mod plans;
mod records;
mod sessions;
mod throttles;
