//! Fetching requests at addresses that clients registered (OpenID Connect Core 6.2, RFC 9101 5.2), through the guarded
//! client and never more often than once in a few seconds for one address, whoever asks.

use super::Services;
use super::documents::{self, DocumentLimits};
use crate::protocol::jws;
use crate::protocol::request_uri::{self as rules, refused};
use crate::protocol::{Client, Error};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long an answer, good or bad, is used for all who ask. A portal that changes what stands there changes the address.
const KEPT: Duration = Duration::from_secs(5);
const MOST: u64 = 1_000;
/// Fetches at once: each may take seconds, and strangers choose when.
const AT_ONCE: usize = 8;

/// The process's copies, by the whole address.
#[derive(Debug, Clone)]
pub struct FetchedRequests {
    kept: moka::future::Cache<String, Result<Arc<str>, Error>>,
    places: Arc<Semaphore>,
}

impl Default for FetchedRequests {
    fn default() -> Self {
        let kept = moka::future::Cache::builder().max_capacity(MOST).time_to_live(KEPT).build();
        Self { kept, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// The request object at an address of the client, its signature not verified yet.
///
/// # Errors
/// `invalid_request_uri`, `request_uri_not_supported`; nothing is fetched from an address that is not registered.
pub async fn fetch(services: &Arc<Services>, client: &Client, address: &str) -> Result<Arc<str>, Error> {
    rules::check(client, address)?;
    if let Some(kept) = services.request_objects.kept.get(address).await {
        return kept;
    }
    let (services, address) = (services.clone(), address.to_owned());
    // On its own, so that who hangs up does not end the fetch before its answer is kept.
    let fetching = tokio::spawn(async move {
        let look = async {
            // Not kept: the next who asks may find a place.
            let _place = services.request_objects.places.try_acquire().map_err(|_| refused("request_uri_busy"))?;
            Ok(ask(&services, &address).await)
        };
        // One fetch for all who wait for the same address.
        services.request_objects.kept.try_get_with(address.clone(), look).await
    });
    let fetched = fetching.await.map_err(|_| refused("request_uri_unreachable"))?;
    fetched.map_err(|error: Arc<Error>| (*error).clone())?
}

async fn ask(services: &Services, address: &str) -> Result<Arc<str>, Error> {
    let limits = DocumentLimits {
        accept: "application/oauth-authz-req+jwt, application/jwt",
        media_types: rules::MEDIA_TYPES,
        bytes: jws::MAX_BYTES,
    };
    let document = documents::fetch_document(services, address, limits).await.map_err(|error| {
        tracing::info!(reason = %error, "the request of a client could not be fetched");
        metrics::counter!("request_uri_fetch_failures_total").increment(1);
        refused("request_uri_unreachable")
    })?;
    // The suite sends a digest of something else.
    if !services.config.conformance.open_door_clients {
        rules::check_content(address, &document.body)?;
    }
    let text = std::str::from_utf8(&document.body).map_err(|_| refused("request_uri_malformed"))?;
    Ok(Arc::from(text.trim_ascii()))
}
