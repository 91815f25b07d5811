//! Health and metrics.

use super::AppState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What load balancers ask; in the demo also the metrics, which otherwise have an address of their own.
pub fn router(in_demo: bool) -> Router<AppState> {
    let health = Router::new().route("/health/live", get(live)).route("/health/ready", get(ready));
    if in_demo { health.merge(metrics_router()) } else { health }
}

/// The metrics, for a listener that is not reachable from outside.
pub fn metrics_router() -> Router<AppState> {
    Router::new().route("/metrics", get(metrics))
}

/// The process answers. Touches nothing else, so that a slow store never gets it killed.
async fn live() -> &'static str {
    "alive\n"
}

/// Whether requests should be sent here: stores answer, a key can sign, no stop is under way.
async fn ready(State(state): State<AppState>) -> Response {
    const BUDGET: Duration = Duration::from_secs(2);
    let services = &state.services;
    let (database, cache) = tokio::join!(
        tokio::time::timeout(BUDGET, services.db.ping()),
        tokio::time::timeout(BUDGET, services.cache.ping())
    );
    let (database, cache) = (matches!(database, Ok(Ok(()))), matches!(cache, Ok(Ok(()))));
    let keys = !services.keys.current().keys.algorithms(services.clock.now()).is_empty();
    let stopping = state.stopping.load(Ordering::Relaxed);
    let ready = database && cache && keys && !stopping;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body =
        json!({ "ready": ready, "database": database, "cache": cache, "signing_keys": keys, "stopping": stopping });
    (status, Json(body)).into_response()
}

async fn metrics(State(state): State<AppState>) -> Response {
    let Some(handle) = &state.metrics else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (running, waiting) = state.services.passwords.load();
    metrics::gauge!("password_hashes_running").set(f64::from(u32::try_from(running).unwrap_or(u32::MAX)));
    metrics::gauge!("password_hashes_waiting").set(f64::from(u32::try_from(waiting).unwrap_or(u32::MAX)));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render()).into_response()
}
