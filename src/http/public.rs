//! The public documents, discovery and keys: answered from memory, also when everything else is shed (I11). Portals and
//! their caches ask for them far more often than people sign in, so they pass no layer that they do not need.

use super::AppState;
use super::cross_origin::public_preflight;
use super::layers::{self, Cacheable};
use crate::flow::metadata::{Document, Documents};
use crate::protocol::discovery::path;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use std::time::Instant;

/// The documents' routes with their own layers.
pub fn router(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery).options(public_preflight))
        .route("/.well-known/oauth-authorization-server", get(discovery).options(public_preflight))
        .route("/.well-known/oauth-protected-resource/userinfo", get(resource).options(public_preflight))
        .route("/jwks", get(jwks).options(public_preflight))
        .layer(from_fn_with_state(state.clone(), layers::own_host))
        .layer(from_fn_with_state(state.clone(), observe))
}

async fn discovery(State(state): State<AppState>, headers: HeaderMap) -> Response {
    answer(&state, &headers, |documents| &documents.discovery)
}

async fn jwks(State(state): State<AppState>, headers: HeaderMap) -> Response {
    answer(&state, &headers, |documents| &documents.jwks)
}

async fn resource(State(state): State<AppState>, headers: HeaderMap) -> Response {
    answer(&state, &headers, |documents| &documents.resource)
}

/// A document that caches may keep, with an ETag.
fn answer(state: &AppState, asked: &HeaderMap, which: fn(&Documents<Bytes>) -> &Document<Bytes>) -> Response {
    let documents = state.documents.current(&state.services);
    let document = which(&documents);
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == document.etag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let json = HeaderValue::from_static("application/json");
        let mut response = Response::new(Body::from(document.body.clone()));
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    };
    if let Ok(value) = HeaderValue::from_str(&document.etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    // Public documents may be read by the pages of any origin.
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response.extensions_mut().insert(Cacheable(state.services.config.keys.jwks_max_age_seconds.0));
    response
}

/// Counts and measures. These answers say nothing of anybody and leave no log line unless somebody asks for "debug".
async fn observe(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let others = [path::JWKS, path::OAUTH_METADATA, path::USERINFO_METADATA];
    let route = others.into_iter().find(|path| *path == request.uri().path());
    let route = route.unwrap_or(path::DISCOVERY);
    let method = layers::method_label(request.method());
    let started = Instant::now();
    let mut response = next.run(request).await;
    layers::add_guards(&state.site, &mut response);
    let took = started.elapsed();
    let status = response.status();
    tracing::debug!(route, status = status.as_u16(), "answered");
    if status == StatusCode::OK {
        metrics::counter!("http_requests_total", "route" => route, "method" => method, "status" => "200").increment(1);
    } else {
        let status = status.as_str().to_owned();
        metrics::counter!("http_requests_total", "route" => route, "method" => method, "status" => status).increment(1);
    }
    metrics::histogram!("http_request_seconds", "route" => route, "method" => method).record(took.as_secs_f64());
    response
}

/// Rendered documents of this process.
pub type PublicDocuments = Arc<crate::flow::metadata::PublicDocuments<Bytes>>;
