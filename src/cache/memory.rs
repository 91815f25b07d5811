//! The cache of a single process: bounded in bytes, a shelf a space, so that a flood in one space cannot push out
//! what another holds (S2).

use super::envelope::Version;
use super::{Cache, CacheError, Notice, Space, Subscription, Versioned, check_size};
use crate::base::{Clock, Timestamp};
use async_trait::async_trait;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

/// What an entry costs beside its key (held twice) and value.
const OVERHEAD: usize = 160;
const TOPIC_BUFFER: usize = 256;

/// State in this process's memory.
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    bytes_per_space: usize,
    shelves: Mutex<HashMap<Space, Shelf>>,
    topics: Mutex<HashMap<&'static str, broadcast::Sender<Notice>>>,
}

#[derive(Default)]
struct Shelf {
    entries: HashMap<String, Entry>,
    by_expiry: BTreeSet<(Timestamp, String)>,
    bytes: usize,
}

struct Entry {
    value: Vec<u8>,
    version: Version,
    expires_at: Timestamp,
}

impl MemoryCache {
    /// Holds at most `bytes_per_space` in each space; the entries that would expire first make room.
    pub fn new(clock: Arc<dyn Clock>, bytes_per_space: usize) -> Self {
        Self { clock, bytes_per_space, shelves: Mutex::default(), topics: Mutex::default() }
    }

    /// How many bytes a space holds now, overhead counted.
    pub fn bytes(&self, space: Space) -> usize {
        locked(&self.shelves).get(&space).map_or(0, |shelf| shelf.bytes)
    }

    fn on_shelf<T>(&self, space: Space, work: impl FnOnce(&mut Shelf, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut shelves = locked(&self.shelves);
        let shelf = shelves.entry(space).or_default();
        shelf.drop_expired(now);
        work(shelf, now)
    }

    fn topic(&self, topic: &'static str) -> broadcast::Sender<Notice> {
        locked(&self.topics).entry(topic).or_insert_with(|| broadcast::channel(TOPIC_BUFFER).0).clone()
    }
}

/// No code panics while it holds these locks; should one, the data is still whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    fn put(&mut self, key: &str, value: &[u8], expires_at: Timestamp, limit: usize) -> Result<(), CacheError> {
        let cost = cost(key, value);
        if cost > limit {
            return Err(CacheError::TooLarge);
        }
        self.remove(key);
        while self.bytes + cost > limit {
            let Some((_, first)) = self.by_expiry.first().cloned() else { break };
            self.remove(&first);
        }
        self.bytes += cost;
        self.by_expiry.insert((expires_at, key.to_owned()));
        let entry = Entry { value: value.to_vec(), version: Version::fresh(), expires_at };
        self.entries.insert(key.to_owned(), entry);
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Option<Entry> {
        let (key, entry) = self.entries.remove_entry(key)?;
        self.bytes = self.bytes.saturating_sub(cost(&key, &entry.value));
        self.by_expiry.remove(&(entry.expires_at, key));
        Some(entry)
    }

    fn drop_expired(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.by_expiry.first().filter(|(expires_at, _)| *expires_at <= now).cloned() {
            self.remove(&key);
        }
    }
}

fn cost(key: &str, value: &[u8]) -> usize {
    2 * key.len() + value.len() + OVERHEAD
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get_versioned(&self, space: Space, key: &str) -> Result<Option<Versioned>, CacheError> {
        Ok(self.on_shelf(space, |shelf, _| {
            let entry = shelf.entries.get(key)?;
            Some(Versioned { value: entry.value.clone(), version: entry.version.clone() })
        }))
    }

    async fn put(&self, space: Space, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError> {
        check_size(key, value)?;
        self.on_shelf(space, |shelf, now| shelf.put(key, value, now.plus(ttl), self.bytes_per_space))
    }

    async fn put_if_version(
        &self,
        space: Space,
        key: &str,
        expected: Option<&Version>,
        value: &[u8],
        ttl: Duration,
    ) -> Result<bool, CacheError> {
        check_size(key, value)?;
        self.on_shelf(space, |shelf, now| {
            if shelf.entries.get(key).map(|entry| &entry.version) != expected {
                return Ok(false);
            }
            shelf.put(key, value, now.plus(ttl), self.bytes_per_space).map(|()| true)
        })
    }

    async fn take(&self, space: Space, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        Ok(self.on_shelf(space, |shelf, _| shelf.remove(key).map(|entry| entry.value)))
    }

    async fn remove(&self, space: Space, key: &str) -> Result<(), CacheError> {
        self.on_shelf(space, |shelf, _| shelf.remove(key));
        Ok(())
    }

    async fn publish(&self, topic: &'static str, message: &str) -> Result<(), CacheError> {
        // Nobody listening is no error.
        let _ = self.topic(topic).send(Notice::Message(message.to_owned()));
        Ok(())
    }

    async fn subscribe(&self, topic: &'static str) -> Result<Subscription, CacheError> {
        Ok(Subscription(self.topic(topic).subscribe()))
    }

    async fn ping(&self) -> Result<(), CacheError> {
        Ok(())
    }
}
