//! Clients known by the address of a document about them (draft-ietf-oauth-client-id-metadata-document), where the
//! operator allows it. What the document says becomes a row like that of open registration: bounded in number, swept when
//! nobody signed in, read again when it is an hour old.

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
use std::time::Duration;
use tokio::sync::Semaphore;
use url::Url;

/// How old a row may be before its document is read again.
const FRESH: Duration = Duration::from_secs(3_600);
/// Between two looks at one address, whatever came of the first.
const COOLDOWN: Duration = Duration::from_secs(60);
/// Addresses that are remembered for that, and documents fetched at once: strangers choose the addresses.
const MOST: u64 = 10_000;
const AT_ONCE: usize = 4;
/// Draft section 6.6: larger ones are not read.
const MOST_BYTES: usize = 5 * 1024;

/// Which addresses were looked at lately.
#[derive(Debug, Clone)]
pub struct ClientDocuments {
    looked: moka::future::Cache<String, ()>,
    places: Arc<Semaphore>,
}

impl Default for ClientDocuments {
    fn default() -> Self {
        let looked = moka::future::Cache::builder().max_capacity(MOST).time_to_live(COOLDOWN).build();
        Self { looked, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl ClientDocuments {
    /// Forgets which addresses rest, so that the next question asks.
    pub fn forget_looks(&self) {
        self.looked.invalidate_all();
    }
}

/// The address that a client's identifier is, if this installation takes clients from there.
fn allowed(services: &Services, client_id: &str) -> Option<Url> {
    let settings = &services.config.registration;
    if !settings.takes_documents() || !client_id.starts_with("http") {
        return None;
    }
    let url = document::address(client_id, !services.config.provider.is_production())?;
    url.host_str().is_some_and(|host| settings.takes_documents_of(host)).then_some(url)
}

/// Brings the row of such a client up to date before it is read. Whatever fails leaves the row as it is: one that is not
/// there is a client nobody knows.
pub async fn look(services: &Services, client_id: &str) -> Outcome<()> {
    let Some(url) = allowed(services, client_id) else { return Ok(()) };
    let row = store::client::find(&services.db, client_id).await?;
    let now = services.clock.now();
    if row.as_ref().is_some_and(|row| row.updated_at <= now && now.since(row.updated_at) < FRESH) {
        return Ok(());
    }
    let look = async { renew(services, &url, row.as_ref(), now).await };
    services.client_documents.looked.try_get_with(client_id.to_owned(), look).await.map_err(|fault| (*fault).clone())
}

async fn renew(services: &Services, url: &Url, row: Option<&store::client::Client>, now: Timestamp) -> Outcome<()> {
    if row.is_none() && self_registration::is_full(services, &services.db).await? {
        return Ok(());
    }
    let Ok(_place) = services.client_documents.places.try_acquire() else {
        // Not remembered: an honest client comes again in a moment. One that is known goes on as it is.
        let busy = Fault::Overloaded { retry_after: Duration::from_secs(1) };
        return if row.is_none() { Err(busy) } else { Ok(()) };
    };
    let limits = DocumentLimits { bytes: MOST_BYTES, ..DocumentLimits::JSON };
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
    keep(services, url.as_str(), (&metadata, row), now).await
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
