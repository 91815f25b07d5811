//! Short-lived state: in memory for one process, in Redis for many.
//!
//! Nothing here may matter to an invariant: losing all of it makes a person start a page again and a read go to SQL.
//! One-time things are consumed in SQL; [`Cache::take`] only keeps the state that belongs to them.

mod envelope;
mod memory;
mod redis;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use std::time::Duration;
use tokio::sync::broadcast;

pub use envelope::Version;
pub use memory::MemoryCache;
pub use redis::RedisCache;

/// The largest value, in bytes.
pub const MAX_VALUE: usize = 64 * 1024;
/// The longest key, in bytes.
pub const MAX_KEY: usize = 512;

/// What a key belongs to. Keys of different spaces never meet, whatever they contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Space(pub &'static str);

/// What went wrong. A caller treats every one as "not known": it starts over or asks SQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// The server did not answer in time, or with an error (its class).
    #[error("the cache is unavailable: {0}")]
    Unavailable(String),
    /// The value or key is larger than [`MAX_VALUE`] or [`MAX_KEY`].
    #[error("too large for the cache")]
    TooLarge,
}

/// A value with the version it had when read.
#[derive(Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The bytes.
    pub value: Vec<u8>,
    /// To hand to [`Cache::put_if_version`].
    pub version: Version,
}

/// What a subscriber hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A message, such as the id of a client that changed.
    Message(String),
    /// Messages may have been missed: forget everything that depends on them.
    Missed,
}

/// Short-lived state. Expiry is judged at use, by the clock the cache was made with (T5).
#[async_trait]
pub trait Cache: Send + Sync {
    /// The value, unless it expired.
    async fn get(&self, space: Space, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        Ok(self.get_versioned(space, key).await?.map(|found| found.value))
    }

    /// The value and its version, for page state that several requests may change.
    async fn get_versioned(&self, space: Space, key: &str) -> Result<Option<Versioned>, CacheError>;

    /// Stores a value for `ttl`, in place of any other.
    async fn put(&self, space: Space, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError>;

    /// Stores a value only when nothing has changed since `expected` was read; `None` expects that there is nothing.
    /// `false`: somebody else was first.
    async fn put_if_version(
        &self,
        space: Space,
        key: &str,
        expected: Option<&Version>,
        value: &[u8],
        ttl: Duration,
    ) -> Result<bool, CacheError>;

    /// Gets and removes in one step: of several callers at once, one gets the value.
    async fn take(&self, space: Space, key: &str) -> Result<Option<Vec<u8>>, CacheError>;

    /// Removes.
    async fn remove(&self, space: Space, key: &str) -> Result<(), CacheError>;

    /// Tells every subscriber of `topic` on every node, as far as they can be reached.
    async fn publish(&self, topic: &'static str, message: &str) -> Result<(), CacheError>;

    /// Begins to listen. The first notice over Redis is [`Notice::Missed`], once the subscription stands.
    async fn subscribe(&self, topic: &'static str) -> Result<Subscription, CacheError>;

    /// Whether it answers: readiness.
    async fn ping(&self) -> Result<(), CacheError>;
}

/// An open ear for one topic.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Notice>);

impl Subscription {
    /// The next notice; `None` when the cache is gone. A slow listener hears [`Notice::Missed`].
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(notice) => Some(notice),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Notice::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

fn check_size(key: &str, value: &[u8]) -> Result<(), CacheError> {
    if key.len() > MAX_KEY || value.len() > MAX_VALUE { Err(CacheError::TooLarge) } else { Ok(()) }
}
