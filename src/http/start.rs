//! Portals opened from here (OpenID Connect Core 4): a short address that leads to where a sign-in at the portal begins.

use super::AppState;
use super::problem::{Answer, Problem, finish};
use super::visitor::Visitor;
use crate::flow::{clients, metadata};
use crate::view::ProblemReason;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

pub fn router() -> Router<AppState> {
    Router::new().route("/start/{client}", get(start))
}

async fn start(State(state): State<AppState>, visitor: Visitor, Path(client): Path<String>) -> Response {
    let outcome = lead(&state, &client).await;
    finish(&state, &visitor, outcome)
}

/// To the registered address and no other: the request chooses a portal, never an address (A10).
async fn lead(state: &AppState, client_id: &str) -> Answer<Response> {
    let known = clients::find(&state.services, client_id).await?;
    let address = known.and_then(|known| known.client.login_address(&metadata::endpoints(&state.services)));
    let address = address.ok_or(Problem::new(ProblemReason::NotFound, "no_such_portal"))?;
    Ok(Redirect::to(&address).into_response())
}
