//! Routers, extractors and layers. A handler extracts, calls one use case and encodes.

mod account;
mod assets;
mod caller;
mod conformance;
mod cookies;
mod create;
mod cross_origin;
mod decoupled;
mod demo;
mod form;
mod layers;
mod oidc;
mod operations;
mod problem;
mod public;
mod registration;
mod session_check;
mod signin;
mod signout;
mod start;
mod visitor;

use crate::flow::Services;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

pub use caller::PeerCertificates;
pub use demo::{DemoCitizen, DemoSite};
pub use layers::RequestMetrics;
pub use operations::metrics_router;
pub use public::PublicDocuments;

/// Facts about this site that pages and layers need, all from the configuration.
#[derive(Debug, Clone)]
pub struct Site {
    /// `scheme://host[:port]` of the issuer.
    pub origin: String,
    /// `host[:port]`, the only `Host` that is served.
    pub host: String,
    /// The issuer is https.
    pub https: bool,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Largest body taken, in bytes.
    pub body_bytes: usize,
    /// The header in which a trusted proxy tells the caller's address; `None`: nobody is believed.
    pub proxy_header: Option<&'static str>,
    /// The proxies whose word on client certificates counts (RFC 9440); empty: nobody's.
    pub certificate_proxies: Vec<IpAddr>,
    /// `scheme://host[:port]` at which clients with certificates call, where that is another.
    pub mtls_origin: Option<String>,
    /// Anything but production: pages say so.
    pub test_environment: bool,
    /// The person's help line.
    pub hotline: String,
    /// Its hours.
    pub hotline_hours: String,
    /// Names of the service.
    pub service_name: (String, String),
    /// Account pages end after this many seconds without a request.
    pub account_idle_seconds: u32,
}

/// What handlers are given. One pointer: every layer of every request takes a copy.
#[derive(Clone)]
pub struct AppState(Arc<AppParts>);

impl From<AppParts> for AppState {
    fn from(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for AppState {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

/// The parts of [`AppState`].
pub struct AppParts {
    /// Tools of the use cases.
    pub services: Arc<Services>,
    /// Facts about the site.
    pub site: Arc<Site>,
    /// Counters of requests.
    pub requests: Arc<RequestMetrics>,
    /// Discovery and keys, rendered.
    pub documents: PublicDocuments,
    /// Requests served at once.
    pub places: Arc<Semaphore>,
    /// Set while the program stops, so that readiness says no.
    pub stopping: Arc<AtomicBool>,
    /// Renders the metrics.
    pub metrics: Option<metrics_exporter_prometheus::PrometheusHandle>,
    /// Present in `demo` only.
    pub demo: Option<Arc<DemoSite>>,
}

/// Every route of the provider.
pub fn router(state: AppState) -> Router {
    let body_bytes = state.site.body_bytes;
    let pages = Router::new()
        .merge(oidc::router())
        .merge(registration::router(&state))
        .merge(decoupled::router())
        .merge(conformance::router(&state))
        .merge(signin::router())
        .merge(create::router())
        .merge(account::router(&state))
        .merge(signout::router())
        .merge(session_check::router())
        .merge(start::router())
        .merge(assets::router())
        .merge(demo::router(state.demo.is_some()))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(body_bytes))
        .layer(from_fn_with_state(state.clone(), layers::bounded))
        // Outside the limits, so that an app in a browser can read "busy" too.
        .layer(from_fn_with_state(state.clone(), cross_origin::share));
    Router::new()
        .merge(operations::router(state.demo.is_some()))
        .merge(pages)
        .layer(from_fn_with_state(state.clone(), layers::own_host))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state(state.clone(), layers::guard))
        .layer(CompressionLayer::new().compress_when(compressible))
        .layer(from_fn_with_state(state.clone(), layers::observe))
        .merge(public::router(&state))
        .with_state(state)
}

/// Everything but what is compressed already (fonts, pictures).
fn compressible(
    status: axum::http::StatusCode,
    _: axum::http::Version,
    headers: &axum::http::HeaderMap,
    _: &axum::http::Extensions,
) -> bool {
    let kind = headers.get(axum::http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let text = ["text/", "application/json", "image/svg"].iter().any(|start| kind.starts_with(start));
    let small = headers
        .get(axum::http::header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok())
        .is_some_and(|length| length < 256);
    text && !small && status != axum::http::StatusCode::NOT_MODIFIED
}
