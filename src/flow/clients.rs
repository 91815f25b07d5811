//! Known clients, kept for a few seconds in each process and dropped at once when another node says so.

use super::{Outcome, Services};
use crate::db::Tx;
use crate::protocol::Client;
use crate::store;
use crate::store::agreement::Agreement;
use std::sync::Arc;
use std::time::Duration;

/// A lost invalidation message heals within this time.
const RECHECK: Duration = Duration::from_secs(5);
/// The channel on which nodes tell each other that a client changed.
pub const CHANGED: &str = "client-changed";

/// A client with the sharing agreement in force.
#[derive(Debug)]
pub struct KnownClient {
    /// The client.
    pub client: Client,
    /// The only ground on which claims leave.
    pub agreement: Option<Agreement>,
}

/// The process's copy of known clients. Misses are kept too, bounded in number (S2).
#[derive(Debug, Clone)]
pub struct Clients(moka::future::Cache<String, Option<Arc<KnownClient>>>);

impl Default for Clients {
    fn default() -> Self {
        Self(moka::future::Cache::builder().max_capacity(10_000).time_to_live(RECHECK).build())
    }
}

impl Clients {
    /// Forgets one client, or all when the id is empty.
    pub async fn forget(&self, client_id: &str) {
        if client_id.is_empty() { self.0.invalidate_all() } else { self.0.invalidate(client_id).await }
    }
}

/// The client of that id, disabled or not. One load for all who wait for the same id.
pub async fn find(services: &Services, client_id: &str) -> Outcome<Option<Arc<KnownClient>>> {
    if client_id.is_empty() || client_id.len() > 255 {
        return Ok(None);
    }
    if let Some(known) = services.clients.0.get(client_id).await {
        return Ok(known);
    }
    let row = store::client::find(&services.db, client_id).await?;
    let agreement = store::agreement::find_active(&services.db, client_id, services.clock.now()).await?;
    keep(services, client_id, row, agreement).await
}

/// The same by the connection that a transaction holds: asking for another one while holding one starves the pool.
pub async fn find_in(services: &Services, tx: &mut Tx, client_id: &str) -> Outcome<Option<Arc<KnownClient>>> {
    if let Some(known) = services.clients.0.get(client_id).await {
        return Ok(known);
    }
    let row = store::client::find(&mut *tx, client_id).await?;
    let agreement = store::agreement::find_active(&mut *tx, client_id, services.clock.now()).await?;
    keep(services, client_id, row, agreement).await
}

async fn keep(
    services: &Services,
    client_id: &str,
    row: Option<store::client::Client>,
    agreement: Option<Agreement>,
) -> Outcome<Option<Arc<KnownClient>>> {
    let known = match row {
        Some(row) => Some(Arc::new(KnownClient { client: of_row(row)?, agreement })),
        None => None,
    };
    services.clients.0.insert(client_id.to_owned(), known.clone()).await;
    Ok(known)
}

/// The protocol's view of a stored client.
pub fn of_row(row: store::client::Client) -> Outcome<Client> {
    Ok(Client {
        client_id: row.client_id,
        metadata: serde_json::from_str(&row.metadata)?,
        secret_digest: row.secret_digest,
        sector: row.sector,
        disabled: row.status != store::client::ClientStatus::Active,
    })
}

/// Tells every node that a client changed. A node that misses it looks again within seconds.
pub async fn announce(cache: &dyn crate::cache::Cache, client_id: &str) {
    if cache.publish(CHANGED, client_id).await.is_err() {
        tracing::warn!(reason = "cache_unavailable", "running nodes were not told of a changed client");
    }
}
