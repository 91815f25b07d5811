//! Clients known by the address of a document about them (draft-ietf-oauth-client-id-metadata-document), where the
//! operator allows it. What the document says becomes a row like that of open registration: bounded in number, swept when
//! nobody signed in, read again when it is an hour old.

use super::clients::KnownClient;
use super::documents::{self, DocumentLimits};
use super::self_registration::{self, registrant};
use super::{Fault, Outcome, Services, audit, client_registration};
use crate::audit::AdministrationEvent;
use crate::base::Timestamp;
use crate::protocol::ClientMetadata;
use crate::protocol::client::document;
use crate::store;
use crate::store::client::{ClientOrigin, ClientStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use url::Url;

/// How old a row may be before its document is read again.
const FRESH: Duration = Duration::from_secs(3_600);
/// How long a row serves whose document cannot be read well, as with key sets.
const STALE: Duration = Duration::from_secs(86_400);
/// Between two looks at one address, whatever came of the first.
const COOLDOWN: Duration = Duration::from_secs(60);
/// Addresses that are remembered for that, and documents fetched at once: strangers choose the addresses. As many
/// again for clients that are known, so that strangers do not keep those from being read.
const MOST: u64 = 10_000;
const AT_ONCE: usize = 4;
/// Addresses nobody knows that are looked at on one host in that time.
const NEW_ON_HOST: u32 = 20;
/// Draft section 6.6: larger ones are not read.
const MOST_BYTES: usize = 5 * 1024;
/// Draft section 4: what people put on a host as text or pictures is no document.
const MEDIA_TYPES: &[&str] = &["application/json", "+json"];

/// Which addresses were looked at lately.
#[derive(Debug, Clone)]
pub struct ClientDocuments {
    looked: moka::future::Cache<String, ()>,
    /// New addresses that were looked at on each host.
    hosts: moka::future::Cache<String, Arc<AtomicU32>>,
    for_new: Arc<Semaphore>,
    for_known: Arc<Semaphore>,
}

impl Default for ClientDocuments {
    fn default() -> Self {
        let looked = moka::future::Cache::builder().max_capacity(MOST).time_to_live(COOLDOWN).build();
        let hosts = moka::future::Cache::builder().max_capacity(MOST).time_to_live(COOLDOWN).build();
        let places = || Arc::new(Semaphore::new(AT_ONCE));
        Self { looked, hosts, for_new: places(), for_known: places() }
    }
}

impl ClientDocuments {
    /// Forgets which addresses rest, so that the next question asks.
    pub fn forget_looks(&self) {
        self.looked.invalidate_all();
        self.hosts.invalidate_all();
    }
}

/// The address that a client's identifier is, if this installation takes clients from there.
fn allowed(services: &Services, client_id: &str) -> Option<Url> {
    let settings = &services.config.registration;
    if !settings.takes_documents() || !client_id.starts_with("http") {
        return None;
    }
    let url = document::address(client_id, !services.config.provider.is_production())?;
    let host = url.host_str()?;
    // On another port of a host may sit somebody else.
    let place = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    settings.takes_documents_of(&place).then_some(url)
}

/// When the document behind a row was last read well. `None` for clients that were registered in another way.
pub fn read_at(row: &store::client::Client) -> Option<Timestamp> {
    let from_document = row.managed.origin == ClientOrigin::Open && row.client_id.contains("://");
    from_document.then_some(row.updated_at)
}

/// Whether a row counts: one that came from a document does while the operator still allows its host.
pub fn counts(services: &Services, row: &store::client::Client) -> bool {
    read_at(row).is_none() || allowed(services, &row.client_id).is_some()
}

/// Whether a client may be let in: its document was read well within a day.
pub fn is_current(services: &Services, known: &KnownClient) -> bool {
    let now = services.clock.now();
    known.read_at.is_none_or(|read_at| now.since(read_at) < STALE)
}

/// Brings the row of such a client up to date; whether it was looked for. Whatever fails leaves the row as it is: one that
/// is not there is a client nobody knows.
pub async fn look(services: &Arc<Services>, client_id: &str, known: Option<&KnownClient>) -> Outcome<bool> {
    let Some(url) = allowed(services, client_id) else { return Ok(false) };
    let now = services.clock.now();
    let wanted = known.is_none_or(|known| {
        let old = known.read_at.is_some_and(|read_at| read_at > now || now.since(read_at) >= FRESH);
        old && !known.client.disabled
    });
    if !wanted || services.client_documents.looked.contains_key(client_id) {
        return Ok(false);
    }
    let (services, id) = (services.clone(), client_id.to_owned());
    // On its own, so that who hangs up does not end the look before it is remembered.
    let looking = tokio::spawn(async move {
        let look = async { renew(&services, &url).await };
        services.client_documents.looked.try_get_with(id, look).await
    });
    match looking.await.map_err(Fault::internal)? {
        Ok(()) => Ok(true),
        // Not remembered either way. One that is known goes on as it is.
        Err(fault) if known.is_some() && matches!(*fault, Fault::Overloaded { .. }) => Ok(false),
        Err(fault) => Err((*fault).clone()),
    }
}

/// Busy is an error, so that it is not remembered: an honest client comes again.
fn busy(retry_after: Duration) -> Fault {
    Fault::Overloaded { retry_after }
}

async fn renew(services: &Services, url: &Url) -> Outcome<()> {
    let row = store::client::find(&services.db, url.as_str()).await?;
    if row.as_ref().is_some_and(|row| read_at(row).is_none()) {
        return Ok(());
    }
    let documents = &services.client_documents;
    let places = if row.is_some() { &documents.for_known } else { &documents.for_new };
    let _place = places.try_acquire().map_err(|_| busy(Duration::from_secs(1)))?;
    if row.is_none() {
        let host = url.host_str().unwrap_or_default().to_owned();
        let looks = documents.hosts.get_with(host, async { Arc::default() }).await;
        if looks.load(Ordering::Relaxed) >= NEW_ON_HOST {
            return Err(busy(COOLDOWN));
        }
        if self_registration::is_full(services, &services.db).await? {
            return Ok(());
        }
        looks.fetch_add(1, Ordering::Relaxed);
    }
    let limits = DocumentLimits { media_types: MEDIA_TYPES, bytes: MOST_BYTES, ..DocumentLimits::JSON };
    let body = match documents::fetch_document(services, url.as_str(), limits).await {
        Ok(found) => found.body,
        Err(error) => {
            tracing::info!(reason = %error, "the document of a client could not be fetched");
            return Ok(());
        }
    };
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let mut metadata = match document::read(url, text, &registrant(services)) {
        Ok(metadata) => metadata,
        Err(error) => {
            tracing::info!(reason = error.reason, "the document of a client is refused");
            return Ok(());
        }
    };
    if self_registration::check_sector(services, &metadata).await.is_err() {
        return Ok(());
    }
    if services.config.registration.agreement_for_all {
        metadata.sharing = client_registration::agreement_for(&metadata.scope);
    }
    keep(services, url.as_str(), (&metadata, row.as_ref()), services.clock.now()).await
}

async fn keep(
    services: &Services,
    client_id: &str,
    (metadata, row): (&ClientMetadata, Option<&store::client::Client>),
    now: Timestamp,
) -> Outcome<()> {
    let text = serde_json::to_string(metadata)?;
    let new = store::client::Client {
        client_id: client_id.to_owned(),
        metadata: text.clone(),
        secret_digest: None,
        // Who holds one document of a host need not hold the host: subjects of its other clients are not for it (H6).
        sector: format!("client:{client_id}"),
        status: ClientStatus::Active,
        is_demo: services.config.provider.is_made_up(),
        version: 1,
        created_at: now,
        updated_at: now,
        managed: store::client::Managed { origin: ClientOrigin::Open, ..store::client::Managed::default() },
    };
    let mut tx = services.db.begin().await?;
    let event = match row {
        None => {
            if !self_registration::in_turn(services, &mut tx).await?
                || store::client::insert(&mut tx, &new).await? == store::Inserted::AlreadyKnown
            {
                return Ok(());
            }
            Some(AdministrationEvent::ClientRegistered { token: None })
        }
        Some(before) => {
            let version = store::client::upsert(&mut tx, &new).await?;
            (before.metadata != text).then_some(AdministrationEvent::ClientChanged { version })
        }
    };
    if let Some(event) = event {
        client_registration::agree(&self_registration::registering(services), &mut tx, client_id, metadata).await?;
        audit::append(&mut tx, audit::entry(services, event).client(client_id)).await?;
    }
    tx.commit().await?;
    Ok(())
}
