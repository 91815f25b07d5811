//! Fetching requests at addresses that clients registered (OpenID Connect Core 6.2, RFC 9101 5.2), through the guarded
//! client and never more often than once in a few seconds for one address, whoever asks.

use super::Services;
use super::documents::{self, DocumentLimits};
use crate::protocol::jws;
use crate::protocol::request_uri::{self as rules, refused};
use crate::protocol::{Client, Error};
use std::sync::Arc;
use std::time::Duration;

/// How long an answer, good or bad, is used for all who ask. A portal that changes what stands there changes the address.
const KEPT: Duration = Duration::from_secs(5);
const MOST: u64 = 1_000;

/// The process's copies, by the whole address.
#[derive(Debug, Clone)]
pub struct FetchedRequests {
    kept: moka::future::Cache<String, Result<Arc<str>, Error>>,
}

impl Default for FetchedRequests {
    fn default() -> Self {
        Self { kept: moka::future::Cache::builder().max_capacity(MOST).time_to_live(KEPT).build() }
    }
}

/// The request object at an address of the client, its signature not verified yet.
///
/// # Errors
/// `invalid_request_uri`, `request_uri_not_supported`; nothing is fetched from an address that is not registered.
pub async fn fetch(services: &Services, client: &Client, address: &str) -> Result<Arc<str>, Error> {
    rules::check(client, address)?;
    // One fetch for all who wait for the same address.
    services.request_objects.kept.get_with(address.to_owned(), ask(services, address)).await
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
    rules::check_content(address, &document.body)?;
    let text = std::str::from_utf8(&document.body).map_err(|_| refused("request_uri_malformed"))?;
    Ok(Arc::from(text.trim_ascii()))
}
