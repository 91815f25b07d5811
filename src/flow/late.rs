//! Work that rests on a register and may take longer than a page should take to come: it goes on by itself, and the page
//! that waits for it picks the answer up. The answer is kept sealed in the cache, so any node can show it; losing it
//! makes the person ask again.

use super::{Fault, Outcome, Services};
use crate::cache::Space;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

const SPACE: Space = Space("late_answer");
const PURPOSE: &str = "late_answer";
/// How long an answer waits for its page.
const LIFETIME: Duration = Duration::from_mins(30);
/// The end of any such work: a register's own deadline is shorter.
const LONGEST: Duration = Duration::from_mins(1);
/// From when a page that waits shows a way on.
pub const SLOW: Duration = Duration::from_secs(20);

/// Places for work whose page may not wait for it (I13): beyond them people are told to come back.
pub struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(128)))
    }
}

/// What is kept for the page.
#[derive(Serialize, Deserialize)]
enum Kept<T> {
    Answer(T),
    /// It ended by a fault of ours, which is in the log.
    Failed,
}

/// Does the work and gives its answer, or `None` when it takes longer than a page may wait: then [`find`] has the answer
/// under `key` as soon as there is one.
pub async fn start<T>(
    services: &Arc<Services>,
    key: &str,
    work: impl Future<Output = Outcome<T>> + Send + 'static,
) -> Outcome<Option<T>>
where
    T: Serialize + Send + 'static,
{
    let Ok(place) = services.late.0.clone().try_acquire_owned() else {
        return Err(Fault::Overloaded { retry_after: Duration::from_secs(5) });
    };
    let (sender, mut receiver) = oneshot::channel();
    let (task_services, task_key) = (services.clone(), key.to_owned());
    tokio::spawn(async move {
        let _place = place;
        let answer = tokio::time::timeout(LONGEST, work).await.unwrap_or(Err(Fault::Unavailable("register")));
        // Nobody listens any more: the page waits.
        if let Err(answer) = sender.send(answer)
            && let Err(fault) = keep(&task_services, &task_key, answer).await
        {
            tracing::warn!(reason = fault.reason(), "a late answer could not be kept");
        }
    });
    let answer = tokio::time::timeout(services.config.registers.wait_ms.duration(), &mut receiver).await;
    let ended = || Fault::Internal("work for a page ended without an answer".into());
    match answer {
        Ok(answer) => answer.map_err(|_| ended())?.map(Some),
        Err(_) => {
            receiver.close();
            // It may have come in this very moment.
            receiver.try_recv().map_or(Ok(None), |answer| answer.map(Some))
        }
    }
}

async fn keep<T: Serialize>(services: &Services, key: &str, answer: Outcome<T>) -> Outcome<()> {
    let kept = match answer {
        Ok(answer) => Kept::Answer(answer),
        Err(fault) => {
            tracing::warn!(reason = fault.reason(), "work for a page that waits failed");
            Kept::Failed
        }
    };
    let plain = serde_json::to_vec(&kept)?;
    let sealed = services.sealer.seal(PURPOSE, key.as_bytes(), &plain).map_err(Fault::internal)?;
    Ok(services.cache.put(SPACE, key, &sealed, LIFETIME).await?)
}

/// The answer that came late. `None`: not yet. It stays, so that a page can be shown again.
pub async fn find<T: DeserializeOwned>(services: &Services, key: &str) -> Outcome<Option<T>> {
    let Some(sealed) = services.cache.get(SPACE, key).await? else {
        return Ok(None);
    };
    let plain = services.sealer.open(PURPOSE, key.as_bytes(), &sealed).map_err(Fault::internal)?;
    match serde_json::from_slice(&plain)? {
        Kept::Answer(answer) => Ok(Some(answer)),
        Kept::Failed => Err(Fault::Unavailable("register")),
    }
}
