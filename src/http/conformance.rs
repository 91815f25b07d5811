//! What conformance runs need and nobody else has: each only where its switch is on.

use super::AppState;
use super::oidc::{echo_interaction, json_answer, oauth_fault, refused_token, with_nonce};
use crate::flow::bearer_token;
use crate::flow::caller::Caller;
use crate::flow::decoupled::{Decision, ciba};
use crate::protocol::Parameters;
use crate::protocol::bearer::{self, Scheme};
use crate::protocol::discovery::path;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

/// The doors that are switched on.
pub fn router(state: &AppState) -> Router<AppState> {
    let switches = &state.services.config.conformance;
    let mut router = Router::new();
    if switches.ciba_approval {
        router = router.route("/test/ciba", post(approve));
    }
    if switches.resource {
        router = router.route(path::TEST_RESOURCE, get(resource));
    }
    router
}

/// A protected resource: says whom the token is for, whoever it is of. A bound one comes with its proof.
async fn resource(State(state): State<AppState>, caller: Caller, headers: HeaderMap) -> Response {
    let shown = match bearer::token(caller.authorization.as_deref()) {
        Ok(shown) => shown,
        Err(error) => return echo_interaction(&state, &headers, refused_token(Scheme::Bearer, error.as_ref(), None)),
    };
    let response = match bearer_token::holder(&state.services, &caller, &shown).await {
        Ok(Ok(client_id)) => json_answer(StatusCode::OK, &json!({ "active": true, "client_id": client_id })),
        Ok(Err(error)) => refused_token(shown.scheme, Some(&error), None),
        Err(fault) => oauth_fault(&fault),
    };
    echo_interaction(&state, &headers, with_nonce(&state, &caller, response))
}

/// Answers a request of CIBA for the person it was asked of (`auth_req_id`, `action=allow|deny`, in
/// the query or the body).
async fn approve(State(state): State<AppState>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let mut sent = query.unwrap_or_default().into_bytes();
    if !body.is_empty() {
        sent.push(b'&');
        sent.extend_from_slice(&body);
    }
    let Ok(parameters) = Parameters::parse(&sent) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (Some(id), Some(action @ ("allow" | "deny"))) = (parameters.get("auth_req_id"), parameters.get("action"))
    else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match ciba::answer_for(&state.services, id, action == "allow").await {
        Ok(Some(decision)) => {
            let word = match decision {
                Decision::Allowed => "allowed",
                Decision::Denied => "denied",
                Decision::Over => "over",
            };
            json_answer(StatusCode::OK, &json!({ "result": word }))
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(fault) => oauth_fault(&fault),
    }
}
