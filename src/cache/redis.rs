//! The cache of many nodes. Every call has a time budget; every failure is [`CacheError::Unavailable`].

use super::envelope::{Version, digits, unwrap, wrap};
use super::{Cache, CacheError, Notice, Space, Subscription, Versioned, check_size};
use crate::base::Clock;
use async_trait::async_trait;
use futures_util::StreamExt;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, FromRedisValue, RedisError, Script};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

/// The longest a call may take, a reconnection included (X6).
const BUDGET: Duration = Duration::from_millis(250);
/// Between two attempts to subscribe again.
const RESUBSCRIBE: Duration = Duration::from_secs(1);
const TOPIC_BUFFER: usize = 256;

/// Writes only when the version at hand is still the expected one (empty: nothing there, or expired).
const PUT_IF_VERSION: &str = "
local found = redis.call('GET', KEYS[1])
if found and string.sub(found, 17, 36) <= ARGV[2] then found = false end
local version = ''
if found then version = string.sub(found, 1, 16) end
if version ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1";

/// State shared by all nodes.
pub struct RedisCache {
    client: Client,
    connection: ConnectionManager,
    clock: Arc<dyn Clock>,
    prefix: String,
    put_if_version: Script,
    topics: Mutex<HashMap<&'static str, Topic>>,
}

struct Topic {
    sender: broadcast::Sender<Notice>,
    listener: tokio::task::JoinHandle<()>,
}

impl Drop for Topic {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl RedisCache {
    /// Prepares the cache at `url` (`redis://` or `rediss://`). `prefix` parts installations that share a server. Does
    /// not need the server to be up: until it is, calls answer [`CacheError::Unavailable`] (X5).
    ///
    /// # Errors
    /// When the address cannot be read. It is not repeated: it may hold a password.
    pub fn new(url: &str, prefix: &str, clock: Arc<dyn Clock>) -> Result<Self, CacheError> {
        let unreadable = |_| CacheError::Unavailable("the address is not of the form redis://HOST:PORT".to_owned());
        let client = Client::open(url).map_err(unreadable)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(10))
            .set_connection_timeout(Some(BUDGET))
            .set_response_timeout(Some(BUDGET));
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config).map_err(unreadable)?;
        Ok(Self {
            client,
            connection,
            clock,
            prefix: prefix.to_owned(),
            put_if_version: Script::new(PUT_IF_VERSION),
            topics: Mutex::default(),
        })
    }

    /// Every part with its length before it: no two lists of parts give the same key (J5).
    fn key(&self, space: Space, key: &str) -> String {
        let Space(space) = space;
        format!("{}:{}{}:{space}{}:{key}", self.prefix.len(), self.prefix, space.len(), key.len())
    }

    async fn ask<T: FromRedisValue>(&self, command: Cmd) -> Result<T, CacheError> {
        let mut connection = self.connection.clone();
        within(async move { command.query_async(&mut connection).await }).await
    }
}

async fn within<T>(work: impl Future<Output = Result<T, RedisError>>) -> Result<T, CacheError> {
    match tokio::time::timeout(BUDGET, work).await {
        Ok(Ok(value)) => Ok(value),
        // The category only: a server's error text may repeat parts of the command.
        Ok(Err(error)) => Err(CacheError::Unavailable(error.category().to_owned())),
        Err(_) => Err(CacheError::Unavailable("no answer in time".to_owned())),
    }
}

fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).clamp(1, 1_000_000_000_000)
}

#[async_trait]
impl Cache for RedisCache {
    async fn get_versioned(&self, space: Space, key: &str) -> Result<Option<Versioned>, CacheError> {
        let found: Option<Vec<u8>> = self.ask(Cmd::get(self.key(space, key))).await?;
        Ok(found.and_then(|envelope| unwrap(&envelope, self.clock.now())))
    }

    async fn put(&self, space: Space, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError> {
        check_size(key, value)?;
        let envelope = wrap(value, self.clock.now().plus(ttl));
        self.ask(Cmd::pset_ex(self.key(space, key), envelope, milliseconds(ttl))).await
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
        let now = self.clock.now();
        let expected: &[u8] = expected.map_or(&[], |version| version.as_bytes());
        let mut call = self.put_if_version.key(self.key(space, key));
        call.arg(expected).arg(digits(now)).arg(wrap(value, now.plus(ttl))).arg(milliseconds(ttl));
        let mut connection = self.connection.clone();
        within(async move { call.invoke_async::<bool>(&mut connection).await }).await
    }

    async fn take(&self, space: Space, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let found: Option<Vec<u8>> = self.ask(Cmd::get_del(self.key(space, key))).await?;
        Ok(found.and_then(|envelope| unwrap(&envelope, self.clock.now())).map(|found| found.value))
    }

    async fn remove(&self, space: Space, key: &str) -> Result<(), CacheError> {
        self.ask::<i64>(Cmd::del(self.key(space, key))).await.map(|_| ())
    }

    async fn publish(&self, topic: &'static str, message: &str) -> Result<(), CacheError> {
        self.ask::<i64>(Cmd::publish(self.key(Space("topic"), topic), message)).await.map(|_| ())
    }

    async fn subscribe(&self, topic: &'static str) -> Result<Subscription, CacheError> {
        let channel = self.key(Space("topic"), topic);
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = topics.entry(topic).or_insert_with(|| {
            let sender = broadcast::channel(TOPIC_BUFFER).0;
            let listener = tokio::spawn(listen(self.client.clone(), channel, sender.clone()));
            Topic { sender, listener }
        });
        Ok(Subscription(topic.sender.subscribe()))
    }

    async fn ping(&self) -> Result<(), CacheError> {
        self.ask::<String>(redis::cmd("PING")).await.map(|_| ())
    }
}

/// Hears one channel for as long as the cache lives, over a connection of its own that is made anew when it breaks.
async fn listen(client: Client, channel: String, sender: broadcast::Sender<Notice>) {
    loop {
        if let Ok(mut subscription) = client.get_async_pubsub().await
            && subscription.subscribe(&channel).await.is_ok()
        {
            // What was published before the subscription stood was not heard.
            let _ = sender.send(Notice::Missed);
            let mut messages = subscription.into_on_message();
            while let Some(message) = messages.next().await {
                let _ = sender.send(message.get_payload::<String>().map_or(Notice::Missed, Notice::Message));
            }
        }
        tokio::time::sleep(RESUBSCRIBE).await;
    }
}
