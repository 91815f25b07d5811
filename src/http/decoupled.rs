//! The doors of devices and of clients that ask by CIBA, and the page where the code of a device is typed in.

use super::AppState;
use super::form::{self, Form};
use super::oidc::{client_parameters, json_answer, oauth_error, oauth_fault};
use super::problem::{Answer, Problem, finish, show};
use super::signin;
use super::visitor::{Visitor, csrf_holds, csrf_token};
use crate::flow::caller::Caller;
use crate::flow::decoupled::device::{self, Entered};
use crate::flow::decoupled::{Place, ciba};
use crate::flow::{Outcome, client_authentication};
use crate::protocol::Error;
use crate::protocol::decoupled::UserCode;
use crate::view::{self, ErrorText, ProblemReason};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::Value;

/// Names the form token of the page that needs no session: what it does needs a code.
const NO_SESSION: &str = "device";

/// The doors.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/device_authorization", post(device_authorization))
        .route("/backchannel_authentication", post(backchannel_authentication))
        .route("/device", get(code_page).post(code))
        .route("/device/done", get(done))
}

async fn device_authorization(
    State(state): State<AppState>,
    caller: Caller,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let services = &state.services;
    let parameters = match client_parameters(&headers, &body) {
        Ok(parameters) => parameters,
        Err(error) => return oauth_error(&error, &headers),
    };
    let outcome = match client_authentication::authenticate(services, &caller, &parameters).await {
        Ok(Ok(known)) => {
            let place = Place { network: visitor.network.clone(), device: visitor.device.clone() };
            device::ask(services, &known, &parameters, place).await
        }
        Ok(Err(error)) => Ok(Err(error)),
        Err(fault) => Err(fault),
    };
    answer(outcome, &headers)
}

async fn backchannel_authentication(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let services = &state.services;
    let parameters = match client_parameters(&headers, &body) {
        Ok(parameters) => parameters,
        Err(error) => return oauth_error(&error, &headers),
    };
    let outcome = match client_authentication::authenticate(services, &caller, &parameters).await {
        Ok(Ok(known)) => ciba::ask(services, &known, &parameters).await,
        Ok(Err(error)) => Ok(Err(error)),
        Err(fault) => Err(fault),
    };
    answer(outcome, &headers)
}

fn answer(outcome: Outcome<Result<Value, Error>>, headers: &HeaderMap) -> Response {
    match outcome {
        Ok(Ok(value)) => json_answer(StatusCode::OK, &value),
        Ok(Err(error)) => oauth_error(&error, headers),
        Err(fault) => oauth_fault(&fault),
    }
}

fn empty(state: &AppState, visitor: &Visitor, typed: &str) -> Answer<view::EnterUserCode> {
    let mut frame = visitor.frame(state);
    "/device".clone_into(&mut frame.path);
    frame.csrf = csrf_token(state, NO_SESSION)?;
    Ok(view::EnterUserCode { frame, user_code: typed.chars().take(20).collect() })
}

/// The field, filled in where the address brings the code (RFC 8628 3.3.1): never taken without the person's press (Q1).
async fn code_page(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let brought = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "user_code");
    let code = brought.and_then(|(_, value)| UserCode::parse(&value)).map(|code| code.shown()).unwrap_or_default();
    let page = empty(&state, &visitor, &code).and_then(|mut page| {
        if !code.is_empty() {
            page.frame.path = format!("/device?user_code={code}");
        }
        show(&visitor, &page, StatusCode::OK)
    });
    finish(&state, &visitor, page)
}

async fn code(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = enter(&state, &visitor, &headers, &body).await;
    finish(&state, &visitor, outcome)
}

async fn enter(state: &AppState, visitor: &Visitor, headers: &HeaderMap, body: &Bytes) -> Answer<Response> {
    form::same_site(headers, &state.site.origin).map_err(|_| Problem::form("form_of_other_site"))?;
    let form = Form::parse(body).ok_or(Problem::new(ProblemReason::BadRequest, "form_unreadable"))?;
    if !csrf_holds(state, NO_SESSION, form.get("csrf"))? {
        return Err(Problem::form("form_token"));
    }
    let typed = form.get("user_code");
    let person = visitor.session(state).await?.map(|live| live.session.person_id);
    let error = match device::enter(&state.services, typed, (&visitor.network, person)).await? {
        Entered::Begun(begun) => {
            return signin::enter(visitor, &begun, &format!("/signin/{}/next", begun.interaction.id));
        }
        Entered::Format => ErrorText::UserCodeFormat,
        Entered::Wrong => ErrorText::UserCodeWrong,
        Entered::PausedUntil(from) => ErrorText::TryAgainFrom { from },
    };
    let mut page = empty(state, visitor, typed)?;
    page.frame.add_error("user_code", error);
    show(visitor, &page, StatusCode::UNPROCESSABLE_ENTITY)
}

/// The last page: what became of it, by a word of a closed list.
async fn done(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let result = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "result");
    let end = view::DeviceEnd::parse(result.as_ref().map_or("", |(_, value)| value));
    let mut frame = visitor.frame(&state);
    frame.path = format!("/device/done?result={}", end.as_str());
    finish(&state, &visitor, show(&visitor, &view::DeviceDone { frame, end }, StatusCode::OK))
}
