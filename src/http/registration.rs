//! Registration over the wire (RFC 7591, RFC 7592), and the logos of clients.

use super::AppState;
use super::layers::Cacheable;
use super::oidc::{json_answer, oauth_error, oauth_fault, refused_token};
use super::visitor::Visitor;
use crate::base::Secret;
use crate::config::RegistrationMode;
use crate::flow::self_registration::{self, Answer, Request};
use crate::flow::{Outcome, client_logo};
use crate::protocol::bearer::{self, Scheme};
use crate::protocol::{Error, ErrorCode};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

/// The logos; and registration, where the configuration opens it.
pub fn router(state: &AppState) -> Router<AppState> {
    let logos = Router::new().route("/logos/{client}", get(logo));
    if state.services.config.registration.mode == RegistrationMode::Off {
        return logos;
    }
    logos.route("/register", post(register)).route("/register/{client}", get(read).put(update).delete(remove))
}

async fn register(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let needs_token = !state.services.config.registration.is_open();
    let asked = match Asked::new(&headers, Some(&body), needs_token) {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let outcome = self_registration::register(&state.services, asked.request(&visitor)).await;
    answer(StatusCode::CREATED, outcome, &headers)
}

async fn read(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(client): Path<String>,
    headers: HeaderMap,
) -> Response {
    let asked = match Asked::new(&headers, None, true) {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let outcome = self_registration::read(&state.services, &client, asked.request(&visitor)).await;
    answer(StatusCode::OK, outcome, &headers)
}

async fn update(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(client): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match Asked::new(&headers, Some(&body), true) {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let outcome = self_registration::update(&state.services, &client, asked.request(&visitor)).await;
    answer(StatusCode::OK, outcome, &headers)
}

async fn remove(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(client): Path<String>,
    headers: HeaderMap,
) -> Response {
    let asked = match Asked::new(&headers, None, true) {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let outcome = self_registration::remove(&state.services, &client, asked.request(&visitor)).await;
    answer(StatusCode::NO_CONTENT, outcome, &headers)
}

/// A request about a registration, as far as its form goes.
struct Asked<'a> {
    token: Option<Secret>,
    body: &'a str,
}

impl<'a> Asked<'a> {
    /// Who must show a token is asked for it before anything else.
    #[expect(clippy::result_large_err, reason = "the answer is what a handler gives")]
    fn new(headers: &HeaderMap, body: Option<&'a Bytes>, needs_token: bool) -> Result<Self, Response> {
        let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or("\u{0}"));
        let token = match bearer::token(authorization) {
            Ok(shown) if shown.scheme == Scheme::Bearer => Some(shown.token),
            Ok(_) => return Err(refused_token(Scheme::Bearer, Some(&bearer::INVALID_TOKEN), None)),
            // A header of another scheme is no token, and must not pass for "none was sent" where none is needed.
            Err(None) if authorization.is_none() => None,
            Err(error) => {
                return Err(refused_token(Scheme::Bearer, Some(&error.unwrap_or(bearer::INVALID_TOKEN)), None));
            }
        };
        if needs_token && token.is_none() {
            return Err(refused_token(Scheme::Bearer, None, None));
        }
        let Some(bytes) = body else { return Ok(Self { token, body: "" }) };
        let unreadable = |reason, text| {
            let error = Error::new(ErrorCode::InvalidClientMetadata, reason, text);
            oauth_error(&error, headers)
        };
        if !is_json(headers) {
            return Err(unreadable("content_type", "Send the metadata as application/json."));
        }
        match std::str::from_utf8(bytes) {
            Ok(body) => Ok(Self { token, body }),
            Err(_) => Err(unreadable("metadata_not_json", "The metadata is not UTF-8 text.")),
        }
    }

    fn request<'b>(&'b self, visitor: &'b Visitor) -> Request<'b> {
        Request { token: self.token.as_ref(), network: &visitor.network, body: self.body }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok()?.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn answer(status: StatusCode, outcome: Outcome<Answer>, headers: &HeaderMap) -> Response {
    match outcome {
        Ok(Answer::Information(value)) => json_answer(status, &value),
        Ok(Answer::Gone) => status.into_response(),
        Ok(Answer::Refused(error)) => match error.code {
            ErrorCode::InvalidToken => refused_token(Scheme::Bearer, Some(&error), None),
            ErrorCode::TemporarilyUnavailable => json_answer(StatusCode::SERVICE_UNAVAILABLE, &error.to_json()),
            _ => oauth_error(&error, headers),
        },
        Ok(Answer::PausedUntil(_)) => {
            metrics::counter!("registrations_paused_total").increment(1);
            let body = json!({
                "error": "temporarily_unavailable",
                "error_description": "Too many registrations from this network. Try again later.",
            });
            let mut response = json_answer(StatusCode::TOO_MANY_REQUESTS, &body);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3600"));
            response
        }
        Err(fault) => oauth_fault(&fault),
    }
}

/// A logo as it was fetched once. The type is one of few, and the page policy of every answer forbids it to be more.
async fn logo(State(state): State<AppState>, Path(client): Path<String>, headers: HeaderMap) -> Response {
    let found = match client_logo::find(&state.services, &client).await {
        Ok(Some(found)) => found,
        Ok(None) => return (StatusCode::NOT_FOUND, "No such logo.\n").into_response(),
        Err(fault) => return oauth_fault(&fault),
    };
    let (media_type, body, tag) = found;
    let tag = format!("\"{tag}\"");
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, media_type)], body).into_response()
    };
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response.extensions_mut().insert(Cacheable(3_600));
    response
}
