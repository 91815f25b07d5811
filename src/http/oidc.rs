//! The provider's protocol endpoints.

use super::problem::{Answer, Problem, finish};
use super::visitor::Visitor;
use super::{AppState, cookies, signin, signout};
use crate::flow::authorize::{self, Arrival, Begin};
use crate::flow::bearer_token::{self, IntrospectionAnswer, UserinfoAnswer};
use crate::flow::caller::Caller;
use crate::flow::clients::KnownClient;
use crate::flow::metadata::endpoints;
use crate::flow::pushed_request::{self, Pushed};
use crate::flow::{Fault, client_authentication, logout, possession, token};
use crate::protocol::bearer::{self, Scheme, Shown};
use crate::protocol::client::GrantType;
use crate::protocol::discovery::path;
use crate::protocol::{Error, ErrorCode, Parameters, ShowReason, introspection};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::Arc;

/// The protocol's wing.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/authorize", get(authorize_get).post(authorize_post))
        .route("/par", post(push))
        .route("/token", post(token_endpoint))
        .route("/userinfo", get(userinfo_get).post(userinfo_post))
        .route("/introspect", post(introspect))
        .route("/revoke", post(revoke))
        .route(path::LOGOUT_DELIVERIES, post(deliveries))
        .route("/logout", get(signout::request_get).post(signout::request_post))
}

async fn authorize_get(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = authorize(&state, &visitor, query.unwrap_or_default().as_bytes(), false).await;
    finish(&state, &visitor, outcome)
}

async fn authorize_post(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = if is_form(&headers) {
        authorize(&state, &visitor, &body, true).await
    } else {
        Err(ShowReason::MalformedRequest.into())
    };
    finish(&state, &visitor, outcome)
}

async fn authorize(state: &AppState, visitor: &Visitor, input: &[u8], posted: bool) -> Answer<Response> {
    let session = visitor.cookie(cookies::SESSION);
    match authorize::begin(&state.services, input, Arrival { session, posted }).await? {
        Begin::Show(reason) => Err(reason.into()),
        Begin::Answer(answer) => signin::deliver(state, visitor, &answer).await,
        Begin::Interact(begun) => signin::enter(visitor, &begun, &format!("/signin/{}/next", begun.interaction.id)),
    }
}

pub fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// Reads the parameters of a request that clients post.
pub(super) fn client_parameters(headers: &HeaderMap, body: &Bytes) -> Result<Parameters, Error> {
    if !is_form(headers) {
        return Err(Error::new(
            ErrorCode::InvalidRequest,
            "content_type",
            "Send the parameters as application/x-www-form-urlencoded.",
        ));
    }
    if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return Err(Error::new(ErrorCode::InvalidRequest, "authorization_repeated", "Send one Authorization header."));
    }
    Parameters::parse(body).map_err(|error| Error::new(ErrorCode::InvalidRequest, error.as_str(), error.description()))
}

/// RFC 9126 2.
async fn push(State(state): State<AppState>, caller: Caller, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = match client_parameters(&headers, &body) {
        Ok(parameters) => pushed_request::push(&state.services, &caller, &parameters).await,
        Err(error) => Ok(Err(error)),
    };
    let response = match outcome {
        Ok(Ok(Pushed { request_uri, expires_in })) => {
            json_answer(StatusCode::CREATED, &json!({ "request_uri": request_uri, "expires_in": expires_in }))
        }
        Ok(Err(error)) => oauth_error(&error, &headers),
        Err(fault) => oauth_fault(&fault),
    };
    with_nonce(&state, &caller, response)
}

/// RFC 9449 8.2: whoever sends a proof hears the nonce for the next one.
pub fn with_nonce(state: &AppState, caller: &Caller, mut response: Response) -> Response {
    if !caller.proofs.is_empty()
        && let Some(nonce) = possession::nonce(&state.services)
        && let Ok(value) = HeaderValue::from_str(&nonce)
    {
        response.headers_mut().insert("dpop-nonce", value);
    }
    response
}

async fn token_endpoint(State(state): State<AppState>, caller: Caller, headers: HeaderMap, body: Bytes) -> Response {
    let parameters = match client_parameters(&headers, &body) {
        Ok(parameters) => parameters,
        Err(error) => return oauth_error(&error, &headers),
    };
    let outcome = token::respond(&state.services, &caller, &parameters).await;
    let sent = parameters.get("grant_type").unwrap_or_default();
    let grant_type = GrantType::ALL.into_iter().map(GrantType::as_str).find(|name| *name == sent).unwrap_or("other");
    let response = match outcome {
        Ok(Ok(answer)) => {
            metrics::counter!("tokens_issued_total", "grant_type" => grant_type).increment(1);
            json_answer(StatusCode::OK, &answer)
        }
        Ok(Err(error)) => oauth_error(&error, &headers),
        Err(fault) => oauth_fault(&fault),
    };
    with_nonce(&state, &caller, response)
}

async fn introspect(State(state): State<AppState>, caller: Caller, headers: HeaderMap, body: Bytes) -> Response {
    about_token(&state, &caller, (&headers, &body), true).await
}

async fn revoke(State(state): State<AppState>, caller: Caller, headers: HeaderMap, body: Bytes) -> Response {
    about_token(&state, &caller, (&headers, &body), false).await
}

/// What a client said, and that it is the client it says; the answer to it where that failed.
async fn authenticated(
    state: &AppState,
    caller: &Caller,
    (headers, body): (&HeaderMap, &Bytes),
) -> Result<(Parameters, Arc<KnownClient>), Response> {
    let parameters = client_parameters(headers, body).map_err(|error| oauth_error(&error, headers))?;
    match client_authentication::authenticate(&state.services, caller, &parameters).await {
        Ok(Ok(known)) => Ok((parameters, known)),
        Ok(Err(error)) => Err(oauth_error(&error, headers)),
        Err(fault) => Err(oauth_fault(&fault)),
    }
}

/// A portal's own record of the sign-outs it was told of.
async fn deliveries(State(state): State<AppState>, caller: Caller, headers: HeaderMap, body: Bytes) -> Response {
    let (parameters, known) = match authenticated(&state, &caller, (&headers, &body)).await {
        Ok(authenticated) => authenticated,
        Err(refused) => return refused,
    };
    match logout::own_record(&state.services, &known.client, &parameters).await {
        Ok(Ok(record)) => json_answer(StatusCode::OK, &record),
        Ok(Err(error)) => oauth_error(&error, &headers),
        Err(fault) => oauth_fault(&fault),
    }
}

async fn about_token(state: &AppState, caller: &Caller, (headers, body): (&HeaderMap, &Bytes), ask: bool) -> Response {
    let (parameters, known) = match authenticated(state, caller, (headers, body)).await {
        Ok(authenticated) => authenticated,
        Err(refused) => return refused,
    };
    let services = &state.services;
    let Some(presented) = parameters.get("token") else {
        let error = Error::new(ErrorCode::InvalidRequest, "token_missing", "token is missing.");
        return oauth_error(&error, headers);
    };
    if ask && known.client.is_public() {
        return oauth_error(&crate::protocol::client_authentication::failed("public_client"), headers);
    }
    let outcome = if ask {
        let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let asked = (presented, introspection::asks_for_jwt(accept));
        bearer_token::introspect_as(services, &known, asked).await.map(|answer| match answer {
            IntrospectionAnswer::Plain(answer) => json_answer(StatusCode::OK, &answer),
            IntrospectionAnswer::Jwt(jwt) => {
                ([(header::CONTENT_TYPE, introspection::JWT_MEDIA_TYPE)], jwt).into_response()
            }
        })
    } else {
        bearer_token::revoke(services, &known, presented).await.map(|()| StatusCode::OK.into_response())
    };
    outcome.unwrap_or_else(|fault| oauth_fault(&fault))
}

async fn userinfo_get(State(state): State<AppState>, caller: Caller, headers: HeaderMap) -> Response {
    let shown = bearer::token(caller.authorization.as_deref());
    echo_interaction(&state, &headers, userinfo(&state, &caller, shown).await)
}

/// RFC 6750 2.2: a form may carry the token; any other body is not read.
async fn userinfo_post(State(state): State<AppState>, caller: Caller, headers: HeaderMap, body: Bytes) -> Response {
    let shown = bearer::token_of(caller.authorization.as_deref(), is_form(&headers).then_some(&*body));
    echo_interaction(&state, &headers, userinfo(&state, &caller, shown).await)
}

const INTERACTION: HeaderName = HeaderName::from_static("x-fapi-interaction-id");

/// Names the exchange for the caller's log: as it named it, if by a UUID, else anew (FAPI 1.0 Baseline 6.2.1).
pub fn echo_interaction(state: &AppState, headers: &HeaderMap, mut response: Response) -> Response {
    let told = headers.get(INTERACTION).and_then(|value| uuid::Uuid::try_parse_ascii(value.as_bytes()).ok());
    let id = told.unwrap_or_else(|| {
        let mut bytes = [0; 16];
        state.services.entropy.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    });
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(INTERACTION, value);
    }
    response
}

async fn userinfo(state: &AppState, caller: &Caller, shown: Result<Shown, Option<Error>>) -> Response {
    let metadata = endpoints(&state.services).url(path::USERINFO_METADATA);
    let shown = match shown {
        Ok(shown) => shown,
        Err(error) => return refused_token(Scheme::Bearer, error.as_ref(), Some(&metadata)),
    };
    let response = match bearer_token::userinfo(&state.services, caller, &shown).await {
        Ok(Ok(UserinfoAnswer::Plain(value))) => json_answer(StatusCode::OK, &value),
        Ok(Ok(UserinfoAnswer::Jwt(jwt))) => ([(header::CONTENT_TYPE, "application/jwt")], jwt).into_response(),
        Ok(Err(error)) => refused_token(shown.scheme, Some(&error), Some(&metadata)),
        Err(fault) => oauth_fault(&fault),
    };
    with_nonce(state, caller, response)
}

/// An answer of RFC 6750 3, RFC 9449 7.1; `metadata` is where the API says what it takes (RFC 9728 5.1).
pub fn refused_token(scheme: Scheme, error: Option<&Error>, metadata: Option<&str>) -> Response {
    let status = match error.map(|error| error.code) {
        Some(ErrorCode::InvalidRequest) => StatusCode::BAD_REQUEST,
        Some(ErrorCode::InsufficientScope) => StatusCode::FORBIDDEN,
        _ => StatusCode::UNAUTHORIZED,
    };
    let mut response = match error {
        Some(error) => json_answer(status, &error.to_json()),
        None => status.into_response(),
    };
    // Without a token both schemes are told: whoever asks chooses.
    let schemes: &[Scheme] = if error.is_none() { &[Scheme::Bearer, Scheme::Dpop] } else { &[scheme] };
    for scheme in schemes {
        if let Ok(value) = HeaderValue::from_str(&bearer::challenge(*scheme, error, metadata)) {
            response.headers_mut().append(header::WWW_AUTHENTICATE, value);
        }
    }
    response
}

/// An answer of RFC 6749 5.2.
pub fn oauth_error(error: &Error, headers: &HeaderMap) -> Response {
    tracing::info!(error = error.code.as_str(), reason = error.reason, "a client's request was refused");
    metrics::counter!("client_errors_total", "error" => error.code.as_str(), "reason" => error.reason).increment(1);
    let status =
        if error.code == ErrorCode::InvalidClient { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    let mut response = json_answer(status, &error.to_json());
    if status == StatusCode::UNAUTHORIZED && headers.contains_key(header::AUTHORIZATION) {
        let challenge = HeaderValue::from_static(bearer::BASIC_CHALLENGE);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Our own failure, at an endpoint of clients: never a yes, never "wrong credentials" (I9).
pub fn oauth_fault(fault: &Fault) -> Response {
    let (status, code) = match fault {
        Fault::Unavailable(_) | Fault::Overloaded { .. } | Fault::NoRecipient { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
        }
        Fault::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    };
    let id = crate::base::ErrorId::new(&crate::base::SystemEntropy);
    tracing::error!(error_id = %id, reason = fault.reason(), fault = %fault, "a client's request failed");
    let description = match fault {
        Fault::NoRecipient { .. } => Error::NO_RECIPIENT.description,
        _ => "The server could not do this now. Try again later.".into(),
    };
    let body = json!({ "error": code, "error_description": description, "error_id": id.as_str() });
    let mut response = json_answer(status, &body);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

pub fn json_answer(status: StatusCode, value: &Value) -> Response {
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response();
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// A logout request that cannot be read, as a page.
pub fn unreadable_logout(error: &Error) -> Problem {
    let mut problem = Problem::new(crate::view::ProblemReason::PortalRequest, error.reason);
    problem.developer_hint = Some("The logout request cannot be read, or its parts do not fit together.");
    problem
}
