//! What every request passes: id, log line, metrics, host check, limits, guards in the answer.

use super::{AppState, Site};
use crate::protocol::discovery;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};
use tracing::Instrument;

/// The id of one request, in the log line, the audit trail and the answer's `x-request-id`.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Other origins that a form on this page may end at, for the page's Content-Security-Policy.
#[derive(Debug, Clone, Default)]
pub struct FormTargets(pub Vec<String>);

/// Other origins that this page loads in frames: the signed-out pages only (Front-Channel Logout 1.0).
#[derive(Debug, Clone, Default)]
pub struct FrameSources(pub Vec<String>);

/// The page may stand in frames of others: `check_session_iframe` only.
#[derive(Debug, Clone, Copy)]
pub struct MayBeFramed;

/// The answer may be kept by caches: discovery, JWKS, assets. Everything else is `no-store` (J6).
#[derive(Debug, Clone, Copy)]
pub struct Cacheable(pub u32);

/// The page posts itself to a portal and needs its origin told there.
#[derive(Debug, Clone, Copy)]
pub struct TellsOrigin;

const METHODS_NEVER_SERVED: [Method; 2] = [Method::TRACE, Method::CONNECT];

/// Gives the request an id, a span and a log line; measures it.
pub async fn observe(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let mut bytes = [0u8; 8];
    state.services.entropy.fill(&mut bytes);
    let id = format!("{:016x}", u64::from_be_bytes(bytes));
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    request.extensions_mut().insert(RequestId(id.clone()));
    // The route, never the address: queries carry codes, paths carry flow handles.
    let span = tracing::info_span!("request", id = %id, method, route = %route);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span).await;
    let took = started.elapsed();
    let status = response.status().as_u16();
    // Outside the span, whose fields would be read back from their text to be written here.
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    tracing::info!(id = %id, method, route = %route, status, micros, "answered");
    state.requests.count(&route, method, status, took);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// Counters of requests, looked up once a route, method and status: making their labels anew costs more than counting.
#[derive(Default)]
pub struct RequestMetrics(RwLock<HashMap<String, OfRoute>>);

/// By method and status.
type OfRoute = HashMap<(&'static str, u16), Handles>;

#[derive(Clone)]
struct Handles {
    requests: metrics::Counter,
    seconds: metrics::Histogram,
}

impl RequestMetrics {
    fn count(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let key = (method, status);
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let handles = kept.get(route).and_then(|of_route| of_route.get(&key)).cloned();
        drop(kept);
        let handles = handles.unwrap_or_else(|| {
            let labels = [("route", route.to_owned()), ("method", method.to_owned()), ("status", status.to_string())];
            let requests = metrics::counter!("http_requests_total", &labels);
            let handles = Handles { requests, seconds: metrics::histogram!("http_request_seconds", &labels[..2]) };
            let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
            kept.entry(route.to_owned()).or_default().insert(key, handles.clone());
            handles
        });
        handles.requests.increment(1);
        handles.seconds.record(took.as_secs_f64());
    }
}

/// A method as a label: what nobody serves is one label, or callers could make new ones without end (S2).
pub fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Only requests to the issuer's own host are served (J1, J2): nothing is ever built from `Host` or `Forwarded`.
pub async fn own_host(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if METHODS_NEVER_SERVED.contains(request.method()) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path();
    let probe = path.starts_with("/health/") || path == "/metrics";
    // A request may name its host in two places and more than once (RFC 9112 3.2.2): every name must be ours.
    let other = state.site.mtls_origin.as_deref().filter(|_| discovery::is_aliased(path));
    let other = other.and_then(|origin| origin.split_once("://")).map(|(_, host)| host.as_bytes());
    let own = |host: &[u8]| host == state.site.host.as_bytes() || Some(host) == other;
    let mut named = request.headers().get_all(header::HOST).iter().map(HeaderValue::as_bytes).peekable();
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let served = (named.peek().is_some() || authority.is_some()) && named.all(own) && authority.is_none_or(own);
    if !probe && !served {
        return (StatusCode::MISDIRECTED_REQUEST, "This server does not answer for that host.\n").into_response();
    }
    next.run(request).await
}

/// Ends a request that takes too long, and refuses those beyond what is served at once.
pub async fn bounded(State(state): State<AppState>, request: Request, next: Next) -> Response {
    // The body first: a slow sender holds a connection, not a place.
    let (parts, body) = request.into_parts();
    let reading = axum::body::to_bytes(body, state.site.body_bytes);
    let body = match tokio::time::timeout(state.site.body_timeout, reading).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return (StatusCode::PAYLOAD_TOO_LARGE, "The request is too large.\n").into_response(),
        Err(_) => return (StatusCode::REQUEST_TIMEOUT, "The request came too slowly.\n").into_response(),
    };
    let request = Request::from_parts(parts, Body::from(body));
    let Ok(_place) = state.places.try_acquire() else {
        metrics::counter!("http_requests_shed_total").increment(1);
        return too_busy();
    };
    match tokio::time::timeout(state.site.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => too_busy(),
    }
}

fn too_busy() -> Response {
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, "Busy. Try again in a few seconds.\n").into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// The guards that every answer carries (D9, J6, E8).
pub async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    add_guards(&state.site, &mut response);
    response
}

/// Adds the guards.
pub fn add_guards(site: &Site, response: &mut Response) {
    let targets = response.extensions_mut().remove::<FormTargets>().unwrap_or_default();
    let frames = response.extensions_mut().remove::<FrameSources>().unwrap_or_default();
    let cacheable = response.extensions_mut().remove::<Cacheable>();
    let tells_origin = response.extensions_mut().remove::<TellsOrigin>().is_some();
    let framed = response.extensions_mut().remove::<MayBeFramed>().is_some();
    let policy = if framed {
        Ok(HeaderValue::from_static(FRAMED_POLICY))
    } else if targets.0.is_empty() && frames.0.is_empty() {
        Ok(HeaderValue::from_static(POLICY))
    } else {
        HeaderValue::from_str(&content_security_policy(&targets.0, &frames.0))
    };
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if !framed {
        set(header::X_FRAME_OPTIONS, "DENY");
    }
    set(header::REFERRER_POLICY, if tells_origin { "strict-origin" } else { "same-origin" });
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), publickey-credentials-create=(self), publickey-credentials-get=(self)",
    );
    if site.https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
    match cacheable {
        None => set(header::CACHE_CONTROL, "no-store"),
        Some(_) => None,
    };
    if let Some(Cacheable(seconds)) = cacheable {
        let text = if seconds > 86_400 {
            format!("public, max-age={seconds}, immutable")
        } else {
            format!("public, max-age={seconds}")
        };
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(header::CACHE_CONTROL, value);
        }
    }
    if let Ok(value) = policy {
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
    }
}

/// No inline code, nothing from elsewhere, no framing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// One script of ours and nothing else, in whose frame ever.
const FRAMED_POLICY: &str =
    "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *";

/// The policy for a page whose forms end here or at the portal of this flow, and for one that signs portals out in frames.
/// (Browsers apply `form-action` to the redirect that follows a form, so the portal's origin must be named.)
fn content_security_policy(form_targets: &[String], frames: &[String]) -> String {
    let mut policy = String::from(POLICY);
    add_sources(&mut policy, form_targets);
    if !frames.is_empty() {
        policy.push_str("; frame-src");
        add_sources(&mut policy, frames);
    }
    policy
}

fn add_sources(policy: &mut String, origins: &[String]) {
    for origin in origins {
        if origin.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/[]+".contains(c)) {
            policy.push(' ');
            policy.push_str(origin);
        }
    }
}

/// A panic in a handler ends that request only (X34), with an id and without its text.
pub fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response<Body> {
    tracing::error!(reason = "panic", "a request ended in a panic");
    metrics::counter!("http_panics_total").increment(1);
    (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side. Try again later.\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    #[tokio::test]
    async fn x34_s7_a_panic_ends_one_request_only() {
        async fn broken() -> &'static str {
            panic!("a secret that must not be shown")
        }
        let router = Router::new()
            .route("/broken", get(broken))
            .route("/sound", get(async || "sound"))
            .layer(CatchPanicLayer::custom(panicked));
        let ask = |path: &'static str| router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
        for _ in 0..3 {
            let answer = ask("/broken").await.unwrap();
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
            assert!(!String::from_utf8_lossy(&body).contains("secret"));
            assert_eq!(ask("/sound").await.unwrap().status(), StatusCode::OK);
        }
    }

    #[test]
    fn d9_k2_the_policy_has_no_way_around() {
        let policy =
            content_security_policy(&["https://rp.example".to_owned(), "https://x; script-src *".to_owned()], &[]);
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"));
        assert!(!policy.contains("unsafe"));
        assert!(policy.ends_with("form-action 'self' https://rp.example"), "{policy}");
        let framing = content_security_policy(&[], &["https://rp.example".to_owned(), "'unsafe-inline'".to_owned()]);
        assert!(framing.ends_with("form-action 'self'; frame-src https://rp.example"), "{framing}");
    }
}
