//! What scripts of other origins may read (CORS, Fetch 3.2): the few endpoints that apps in browsers call, and nothing
//! else. Never `Access-Control-Allow-Credentials`: nothing here is answered by cookie.

use super::AppState;
use crate::flow::clients;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The endpoints that apps in browsers call, with their methods. `/authorize` is visited, never called; introspection
/// is for servers; pages are ours alone.
const SHARED: [(&str, &str); 4] =
    [("/token", "POST"), ("/userinfo", "GET, POST"), ("/revoke", "POST"), ("/par", "POST")];
/// What a script may send beyond what every page may.
const SENT_HEADERS: &str = "Authorization, Content-Type, DPoP";
/// What a script may read beyond the body.
const READ_HEADERS: &str = "WWW-Authenticate, DPoP-Nonce, Retry-After, X-Request-Id";
/// How long a browser may keep the answer to a preflight, in seconds.
const PREFLIGHT_SECONDS: &str = "600";

/// Lets the pages of registered public clients read the answers of [`SHARED`]; errors and refusals too, or an app could
/// not tell its user what went wrong. Others are answered as if this layer were not there: `Origin` proves nothing
/// about a caller that is no browser.
pub async fn share(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let Some((_, methods)) = SHARED.into_iter().find(|(path, _)| matched == Some(*path)) else {
        return next.run(request).await;
    };
    let origin = allowed_origin(&state, request.headers()).await;
    let mut response = match &origin {
        Some(_) if is_preflight(&request) => preflight(methods, SENT_HEADERS),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    // Also without the rest: whoever keeps an answer must not hand it to another origin.
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ_HEADERS));
    }
    response
}

/// Answers the preflight of a public document: anybody may read it, with whatever header their library adds.
pub async fn public_preflight() -> Response {
    let mut response = preflight("GET", "*");
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(methods: &'static str, sent: &'static str) -> Response {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, sent),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

/// The one `Origin` of the request, if a registered public client has its pages there.
async fn allowed_origin(state: &AppState, headers: &HeaderMap) -> Option<HeaderValue> {
    let mut sent = headers.get_all(header::ORIGIN).iter();
    let origin = sent.next().filter(|_| sent.next().is_none())?;
    match clients::has_pages_at(&state.services, origin.to_str().ok()?).await {
        Ok(known) => known.then(|| origin.clone()),
        Err(fault) => {
            tracing::warn!(reason = fault.reason(), fault = %fault, "the origins of public clients could not be read");
            None
        }
    }
}
