//! What other nodes changed.

use super::{Services, clients, keys};
use crate::cache::Notice;
use std::sync::Arc;
use tokio::sync::watch;

/// Listens to other nodes: clients and keys that changed there are read again here.
pub async fn listen(services: Arc<Services>, mut stop: watch::Receiver<bool>) {
    let (Ok(mut clients_changed), Ok(mut keys_changed)) =
        (services.cache.subscribe(clients::CHANGED).await, services.cache.subscribe(keys::CHANGED).await)
    else {
        tracing::warn!(reason = "cache_unavailable", "changes on other nodes are noticed late");
        return;
    };
    loop {
        tokio::select! {
            notice = clients_changed.next() => match notice {
                Some(Notice::Message(id)) => services.clients.forget(&id).await,
                Some(Notice::Missed) => services.clients.forget("").await,
                None => return,
            },
            notice = keys_changed.next() => {
                if notice.is_none() {
                    return;
                }
                if let Err(fault) = keys::reload(&services).await {
                    tracing::warn!(reason = fault.reason(), "changed keys could not be read yet");
                }
            },
            _ = stop.changed() => return,
        }
    }
}
