//! One contract for both caches.

use super::{Cache, CacheError, MAX_KEY, MAX_VALUE, MemoryCache, Notice, RedisCache, Space};
use crate::base::{Clock, FrozenClock, SystemEntropy, Timestamp, random_token};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

const PAGE: Space = Space("page");
const OTHER: Space = Space("other");
const MINUTE: Duration = Duration::from_secs(60);
const VARIABLE: &str = "DINHDANH_TEST_REDIS";

async fn on_both<Test, Run>(test: Test)
where
    Test: Fn(Arc<dyn Cache>, Arc<FrozenClock>) -> Run,
    Run: Future<Output = ()>,
{
    let clock = Arc::new(FrozenClock::at(Timestamp::from_seconds(1_772_413_200)));
    test(Arc::new(MemoryCache::new(Arc::clone(&clock) as Arc<dyn Clock>, 1 << 20)), clock).await;
    let url = std::env::var(VARIABLE).unwrap_or_else(|_| {
        panic!("no Redis for this test: run ./integration-tests/run, or set {VARIABLE} to its URL")
    });
    let clock = Arc::new(FrozenClock::at(Timestamp::from_seconds(1_772_413_200)));
    let prefix = random_token(&SystemEntropy);
    let cache = RedisCache::new(&url, &prefix, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    test(Arc::new(cache), clock).await;
}

#[tokio::test]
async fn what_is_put_is_got_until_it_is_removed() {
    on_both(|cache, _| async move {
        assert_eq!(cache.get(PAGE, "a").await.unwrap(), None);
        cache.put(PAGE, "a", b"\x00one\xff", MINUTE).await.unwrap();
        assert_eq!(cache.get(PAGE, "a").await.unwrap().unwrap(), b"\x00one\xff");
        cache.put(PAGE, "a", b"two", MINUTE).await.unwrap();
        assert_eq!(cache.get(PAGE, "a").await.unwrap().unwrap(), b"two");
        cache.remove(PAGE, "a").await.unwrap();
        assert_eq!(cache.get(PAGE, "a").await.unwrap(), None);
        cache.ping().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn j5_spaces_and_keys_never_meet() {
    on_both(|cache, _| async move {
        let pairs = [("a:b", "c"), ("a", "b:c"), ("a", "b"), ("1:a", "")];
        for (number, (space, key)) in (0u8..).zip(pairs) {
            cache.put(Space(space), key, &[number], MINUTE).await.unwrap();
        }
        for (number, (space, key)) in (0u8..).zip(pairs) {
            assert_eq!(cache.get(Space(space), key).await.unwrap().unwrap(), [number]);
        }
    })
    .await;
}

#[tokio::test]
async fn t5_expiry_is_judged_at_use() {
    on_both(|cache, clock| async move {
        for key in ["get", "take", "swap"] {
            cache.put(PAGE, key, b"x", MINUTE).await.unwrap();
        }
        let read = cache.get_versioned(PAGE, "swap").await.unwrap().unwrap();
        clock.advance(Duration::from_secs(59));
        assert!(cache.get(PAGE, "get").await.unwrap().is_some());
        clock.advance(Duration::from_secs(1));
        assert_eq!(cache.get(PAGE, "get").await.unwrap(), None);
        assert_eq!(cache.take(PAGE, "take").await.unwrap(), None);
        assert!(!cache.put_if_version(PAGE, "swap", Some(&read.version), b"y", MINUTE).await.unwrap());
        assert!(cache.put_if_version(PAGE, "swap", None, b"z", MINUTE).await.unwrap());
        assert_eq!(cache.get(PAGE, "swap").await.unwrap().unwrap(), b"z");
    })
    .await;
}

#[tokio::test]
async fn a_changed_value_is_not_overwritten() {
    on_both(|cache, _| async move {
        assert!(cache.put_if_version(PAGE, "a", None, b"one", MINUTE).await.unwrap());
        assert!(!cache.put_if_version(PAGE, "a", None, b"again", MINUTE).await.unwrap());
        let read = cache.get_versioned(PAGE, "a").await.unwrap().unwrap();
        // Equal bytes written by somebody else are a change too.
        cache.put(PAGE, "a", b"one", MINUTE).await.unwrap();
        assert!(!cache.put_if_version(PAGE, "a", Some(&read.version), b"two", MINUTE).await.unwrap());
        let read = cache.get_versioned(PAGE, "a").await.unwrap().unwrap();
        assert!(cache.put_if_version(PAGE, "a", Some(&read.version), b"two", MINUTE).await.unwrap());
        assert!(!cache.put_if_version(PAGE, "a", Some(&read.version), b"three", MINUTE).await.unwrap());
        assert_eq!(cache.get(PAGE, "a").await.unwrap().unwrap(), b"two");
        cache.remove(PAGE, "a").await.unwrap();
        assert!(!cache.put_if_version(PAGE, "a", Some(&read.version), b"four", MINUTE).await.unwrap());
    })
    .await;
}

async fn race<Work, Run>(work: Work) -> usize
where
    Work: Fn(u8) -> Run,
    Run: Future<Output = bool> + Send + 'static,
{
    let racers: Vec<_> = (0..32).map(|number| tokio::spawn(work(number))).collect();
    let mut winners = 0;
    for racer in racers {
        winners += usize::from(racer.await.unwrap());
    }
    winners
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_takes_and_one_of_many_swaps() {
    on_both(|cache, _| async move {
        for _ in 0..10 {
            cache.put(PAGE, "a", b"x", MINUTE).await.unwrap();
            let read = cache.get_versioned(PAGE, "a").await.unwrap().unwrap();
            let swapped = race(|number| {
                let (cache, version) = (Arc::clone(&cache), read.version.clone());
                async move { cache.put_if_version(PAGE, "a", Some(&version), &[number], MINUTE).await.unwrap() }
            });
            assert_eq!(swapped.await, 1);
            let taken = race(|_| {
                let cache = Arc::clone(&cache);
                async move { cache.take(PAGE, "a").await.unwrap().is_some() }
            });
            assert_eq!(taken.await, 1);
        }
    })
    .await;
}

#[tokio::test]
async fn values_and_keys_are_bounded() {
    on_both(|cache, _| async move {
        let (large, long) = (vec![0; MAX_VALUE + 1], "k".repeat(MAX_KEY + 1));
        assert_eq!(cache.put(PAGE, "a", &large, MINUTE).await, Err(CacheError::TooLarge));
        assert_eq!(cache.put(PAGE, &long, b"x", MINUTE).await, Err(CacheError::TooLarge));
        assert_eq!(cache.put_if_version(PAGE, "a", None, &large, MINUTE).await, Err(CacheError::TooLarge));
        cache.put(PAGE, "a", &large[..MAX_VALUE], MINUTE).await.unwrap();
        assert_eq!(cache.get(PAGE, "a").await.unwrap().unwrap().len(), MAX_VALUE);
    })
    .await;
}

#[tokio::test]
async fn every_subscriber_of_a_topic_hears_what_is_published() {
    on_both(|cache, _| async move {
        let mut one = cache.subscribe("clients").await.unwrap();
        let mut two = cache.subscribe("clients").await.unwrap();
        let mut other = cache.subscribe("keys").await.unwrap();
        // Over Redis a subscription stands once it says that something may have been missed; in memory, at once.
        let publisher = {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move {
                loop {
                    cache.publish("clients", "portal").await.unwrap();
                    cache.publish("keys", "rotated").await.unwrap();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        };
        for (subscription, expected) in [(&mut one, "portal"), (&mut two, "portal"), (&mut other, "rotated")] {
            let heard = tokio::time::timeout(Duration::from_secs(5), async {
                loop {
                    match subscription.next().await.unwrap() {
                        Notice::Missed => {}
                        Notice::Message(message) => return message,
                    }
                }
            });
            assert_eq!(heard.await.unwrap(), expected);
        }
        publisher.abort();
    })
    .await;
}

#[tokio::test]
async fn s2_a_flood_stays_within_its_bytes_and_its_space() {
    let clock: Arc<dyn Clock> = Arc::new(FrozenClock::at(Timestamp::from_seconds(1_772_413_200)));
    let cache = MemoryCache::new(clock, 100_000);
    cache.put(OTHER, "known", b"x", MINUTE).await.unwrap();
    for number in 0..10_000 {
        cache.put(PAGE, &format!("flood {number}"), &[0; 100], MINUTE).await.unwrap();
        assert!(cache.bytes(PAGE) <= 100_000);
    }
    assert!(cache.get(OTHER, "known").await.unwrap().is_some());
    assert!(cache.get(PAGE, "flood 9999").await.unwrap().is_some());
    assert!(cache.get(PAGE, "flood 0").await.unwrap().is_none());
}

#[tokio::test]
async fn what_expired_frees_its_bytes() {
    let clock = Arc::new(FrozenClock::at(Timestamp::from_seconds(1_772_413_200)));
    let cache = MemoryCache::new(Arc::clone(&clock) as Arc<dyn Clock>, 100_000);
    for number in 0..50 {
        cache.put(PAGE, &number.to_string(), &[0; 100], MINUTE).await.unwrap();
    }
    clock.advance(MINUTE);
    assert!(cache.get(PAGE, "1").await.unwrap().is_none());
    assert_eq!(cache.bytes(PAGE), 0);
}

#[tokio::test]
async fn x5_a_redis_that_is_not_there_is_unavailable_within_the_budget() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FrozenClock::at(Timestamp::from_seconds(1_772_413_200)));
    let cache = RedisCache::new(&format!("redis://{closed}"), "x", clock).unwrap();
    let begun = std::time::Instant::now();
    assert!(matches!(cache.get(PAGE, "a").await, Err(CacheError::Unavailable(_))));
    assert!(matches!(cache.take(PAGE, "a").await, Err(CacheError::Unavailable(_))));
    assert!(matches!(cache.ping().await, Err(CacheError::Unavailable(_))));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

/// X6: a server that accepts and never answers.
#[tokio::test]
async fn x6_a_redis_that_hangs_is_unavailable_within_the_budget() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FrozenClock::at(Timestamp::from_seconds(1_772_413_200)));
    let cache = RedisCache::new(&format!("redis://{}", listener.local_addr().unwrap()), "x", clock).unwrap();
    let begun = std::time::Instant::now();
    assert!(matches!(cache.put(PAGE, "a", b"x", MINUTE).await, Err(CacheError::Unavailable(_))));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn i17_an_unreadable_address_is_not_repeated() {
    let clock: Arc<dyn Clock> = Arc::new(FrozenClock::at(Timestamp::from_seconds(0)));
    let Err(error) = RedisCache::new("http://:hunter2@host", "x", clock) else { panic!("accepted") };
    assert!(!error.to_string().contains("hunter2"));
}
