//! Known clients, kept for a few seconds in each process and dropped at once when another node says so.

use super::{Outcome, Services, client_document};
use crate::base::{Digest, Timestamp};
use crate::db::{Db, Tx};
use crate::protocol::client::SecretTerms;
use crate::protocol::{Client, cross_origin};
use crate::store;
use crate::store::agreement::Agreement;
use std::collections::HashSet;
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
    /// Its secrets as kept for `client_secret_jwt`, sealed, each with the time from which it is not taken any more.
    pub sealed_secrets: Vec<(Vec<u8>, Option<Timestamp>)>,
    /// When its document was last read well, where it is known by one.
    pub read_at: Option<Timestamp>,
    /// SHA-256 of its logo as we serve it.
    pub logo: Option<Digest>,
}

/// The process's copy of known clients. Misses are kept too, bounded in number (S2).
#[derive(Debug, Clone)]
pub struct Clients {
    known: moka::future::Cache<String, Option<Arc<KnownClient>>>,
    /// One entry: the origins of every public client's pages.
    origins: moka::future::Cache<(), Arc<HashSet<String>>>,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            known: moka::future::Cache::builder().max_capacity(10_000).time_to_live(RECHECK).build(),
            origins: moka::future::Cache::builder().max_capacity(1).time_to_live(RECHECK).build(),
        }
    }
}

impl Clients {
    /// Forgets one client, or all when the id is empty.
    pub async fn forget(&self, client_id: &str) {
        self.origins.invalidate_all();
        if client_id.is_empty() { self.known.invalidate_all() } else { self.known.invalidate(client_id).await }
    }
}

/// The client that comes to one of our front doors. Only there is the document of one that is known by it fetched; to
/// everybody else its row is what counts.
pub async fn find_at_door(services: &Arc<Services>, client_id: &str) -> Outcome<Option<Arc<KnownClient>>> {
    let mut known = find(services, client_id).await?;
    if client_document::look(services, client_id, known.as_deref()).await? {
        known = load(services, client_id).await?;
    }
    Ok(known.filter(|known| client_document::is_current(services, known)))
}

/// The client of that id, disabled or not, as it stands in the store.
pub async fn find(services: &Services, client_id: &str) -> Outcome<Option<Arc<KnownClient>>> {
    if client_id.is_empty() || client_id.len() > 255 {
        return Ok(None);
    }
    if let Some(known) = services.clients.known.get(client_id).await {
        return Ok(known);
    }
    load(services, client_id).await
}

async fn load(services: &Services, client_id: &str) -> Outcome<Option<Arc<KnownClient>>> {
    let row = store::client::find(&services.db, client_id).await?;
    let agreement = store::agreement::find_active(&services.db, client_id, services.clock.now()).await?;
    keep(services, client_id, row, agreement).await
}

/// The same by the connection that a transaction holds: asking for another one while holding one starves the pool.
pub async fn find_in(services: &Services, tx: &mut Tx, client_id: &str) -> Outcome<Option<Arc<KnownClient>>> {
    if let Some(known) = services.clients.known.get(client_id).await {
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
    let known = match row.filter(|row| client_document::counts(services, row)) {
        Some(row) => Some(Arc::new(KnownClient {
            sealed_secrets: sealed_secrets(&row.managed),
            read_at: client_document::read_at(&row),
            logo: row.managed.logo_digest,
            client: of_row(row)?,
            agreement,
        })),
        None => None,
    };
    services.clients.known.insert(client_id.to_owned(), known.clone()).await;
    Ok(known)
}

fn sealed_secrets(kept: &store::client::Managed) -> Vec<(Vec<u8>, Option<Timestamp>)> {
    let current = kept.secret_sealed.clone().map(|sealed| (sealed, kept.secret_expires_at));
    let old = kept.old_secret_sealed.clone().zip(kept.old_secret_until).map(|(sealed, until)| (sealed, Some(until)));
    current.into_iter().chain(old).collect()
}

/// Clients read at once while their origins are gathered.
const PAGE: u32 = 500;

/// Whether a public client has its pages at this origin, written as browsers write it. Read at most once per
/// [`RECHECK`] for all who ask, so that a stranger's `Origin` costs no query.
pub async fn has_pages_at(services: &Services, origin: &str) -> Outcome<bool> {
    let load = async { all_origins(&services.db).await.map(Arc::new) };
    let origins = services.clients.origins.try_get_with((), load).await;
    Ok(origins.map_err(|fault| (*fault).clone())?.contains(origin))
}

async fn all_origins(db: &Db) -> Outcome<HashSet<String>> {
    let mut origins = HashSet::new();
    let mut after = None;
    loop {
        let page = store::client::list(db, after.as_deref(), PAGE).await?;
        after = page.last().map(|row| row.client_id.clone());
        let last = page.len() < PAGE as usize;
        for row in page.into_iter().filter(|row| row.secret_digest.is_none()) {
            match of_row(row) {
                Ok(client) => origins.extend(cross_origin::origins(&client)),
                // One client that cannot be read must not close the door to all the others.
                Err(fault) => tracing::warn!(reason = fault.reason(), "a client's metadata cannot be read"),
            }
        }
        if last {
            return Ok(origins);
        }
    }
}

/// The protocol's view of a stored client.
pub fn of_row(row: store::client::Client) -> Outcome<Client> {
    Ok(Client {
        client_id: row.client_id,
        metadata: serde_json::from_str(&row.metadata)?,
        secret_digest: row.secret_digest,
        secret_terms: SecretTerms {
            expires_at: row.managed.secret_expires_at,
            old: row.managed.old_secret_digest.zip(row.managed.old_secret_until),
        },
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
