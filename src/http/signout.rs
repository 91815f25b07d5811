//! Signing out (C16): asked by a portal, or by the person.

use super::AppState;
use super::cookies;
use super::form::{self, Form};
use super::oidc;
use super::problem::{Answer, Problem, finish, show};
use super::visitor::{Visitor, csrf_holds, csrf_token};
use crate::flow::clients;
use crate::flow::logout::{self, Done, Requested};
use crate::flow::session::{self, LiveSession};
use crate::view::{self, ProblemReason};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;

/// The sign-out pages.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/logout/resume", get(resume))
        .route("/logout/confirm", get(confirm_page).post(confirm))
        .route("/logout/all", post(everywhere))
        .route("/signed-out", get(signed_out))
}

/// `GET /logout`: RP-Initiated Logout 1.0.
pub async fn request_get(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = request(&state, &visitor, query.unwrap_or_default().as_bytes()).await;
    finish(&state, &visitor, outcome)
}

/// `POST /logout`, the same by form. Browsers leave our cookies out of a form that another site posts, so the request is
/// kept and taken up again by a GET of our own; its tokens never get into an address (E8).
pub async fn request_post(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        if !oidc::is_form(&headers) || crate::protocol::Parameters::parse(&body).is_err() {
            return Err(Problem::new(ProblemReason::PortalRequest, "logout_malformed"));
        }
        let handle = logout::keep_request(&state.services, &body).await?;
        Ok(Redirect::to(&format!("/logout/resume?id={handle}")).into_response())
    };
    finish(&state, &visitor, outcome.await)
}

async fn resume(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = async {
        let kept = logout::kept_request(&state.services, &handle_of(query.as_deref())).await?;
        let input = kept.ok_or(Problem::new(ProblemReason::Expired, "logout_request_gone"))?;
        request(&state, &visitor, &input).await
    };
    finish(&state, &visitor, outcome.await)
}

async fn request(state: &AppState, visitor: &Visitor, input: &[u8]) -> Answer<Response> {
    let live = visitor.session(state).await?;
    match logout::request(&state.services, input, live.as_ref()).await? {
        Err(error) => Err(oidc::unreadable_logout(&error)),
        Ok(Requested::Ask(handle)) => Ok(Redirect::to(&format!("/logout/confirm?id={handle}")).into_response()),
        Ok(Requested::Done(done)) => leave(state, done).await,
    }
}

/// Sends the browser where signing out ends: back to the portal, or to our own page. The session's cookie goes.
async fn leave(state: &AppState, done: Done) -> Answer<Response> {
    let gone = CookieJar::new().add(cookies::expire(cookies::SESSION));
    let jar = if done.session.is_some() { gone } else { CookieJar::new() };
    let to = match &done.back {
        Some(back) => back.location(),
        None => format!("/signed-out?id={}", logout::keep(&state.services, &done).await?),
    };
    Ok((jar, Redirect::to(&to)).into_response())
}

fn handle_of(query: Option<&str>) -> String {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "id")
        .map(|(_, value)| value.chars().take(64).collect())
        .unwrap_or_default()
}

async fn confirm_page(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = async {
        let handle = handle_of(query.as_deref());
        let Some(live) = visitor.session(&state).await? else {
            return Ok(Redirect::to("/signed-out").into_response());
        };
        if logout::pending(&state.services, &handle, &live).await?.is_none() {
            return Err(Problem::new(ProblemReason::Expired, "logout_question_gone"));
        }
        let mut frame = visitor.frame(&state);
        frame.path = format!("/logout/confirm?id={handle}");
        frame.csrf = csrf_token(&state, visitor.cookie(cookies::SESSION).unwrap_or_default())?;
        let open_services = open_services(&state, &visitor, &live).await?;
        let page = view::ConfirmLogout { frame, logout: handle, person: live.full_name.clone(), open_services };
        show(&visitor, &page, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}

async fn open_services(state: &AppState, visitor: &Visitor, live: &LiveSession) -> Answer<Vec<String>> {
    let mut names = Vec::new();
    for visit in session::visits(&state.services, live.session.id).await? {
        names.push(name_of(state, visitor, &visit.client_id).await?);
    }
    Ok(names)
}

async fn name_of(state: &AppState, visitor: &Visitor, client_id: &str) -> Answer<String> {
    let known = clients::find(&state.services, client_id).await?;
    Ok(known.map_or_else(|| client_id.to_owned(), |k| k.client.display_name(visitor.locale.tag()).to_owned()))
}

/// A form that the signed-in person sent from our own page.
pub async fn session_form(
    state: &AppState,
    visitor: &Visitor,
    (headers, body): (&HeaderMap, &Bytes),
) -> Answer<Option<(LiveSession, Form)>> {
    form::same_site(headers, &state.site.origin).map_err(|_| Problem::form("form_of_other_site"))?;
    let form = Form::parse(body).ok_or(Problem::new(ProblemReason::BadRequest, "form_unreadable"))?;
    let secret = visitor.cookie(cookies::SESSION).unwrap_or_default();
    if !csrf_holds(state, secret, form.get("csrf"))? {
        return Err(Problem::form("form_token"));
    }
    Ok(visitor.session(state).await?.map(|live| (live, form)))
}

async fn confirm(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let Some((live, form)) = session_form(&state, &visitor, (&headers, &body)).await? else {
            return Ok(Redirect::to("/signed-out").into_response());
        };
        let all = form.get("action") == "all";
        let Some(done) = logout::confirm(&state.services, form.get("logout"), &live, all).await? else {
            return Err(Problem::new(ProblemReason::Expired, "logout_question_gone"));
        };
        if !all && done.back.is_none() {
            return Ok(Redirect::to("/account").into_response());
        }
        leave(&state, done).await
    };
    finish(&state, &visitor, outcome.await)
}

/// "Sign out everywhere": every session of the person, on every device.
async fn everywhere(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let Some((live, _)) = session_form(&state, &visitor, (&headers, &body)).await? else {
            return Ok(Redirect::to("/signed-out").into_response());
        };
        let told = logout::sign_out(&state.services, &live, "person").await?;
        logout::sign_out_everywhere(&state.services, live.session.person_id).await?;
        let done = Done { told, session: Some(live.session.id), ..Done::default() };
        leave(&state, done).await
    };
    finish(&state, &visitor, outcome.await)
}

async fn signed_out(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = async {
        let handle = handle_of(query.as_deref());
        let kept = logout::kept(&state.services, &handle).await?;
        let path = if kept.is_some() { format!("/signed-out?id={handle}") } else { "/signed-out".to_owned() };
        let done = kept.unwrap_or_default();
        let mut unanswered = Vec::new();
        if let Some(session) = done.session {
            for client_id in logout::unanswered(&state.services, session).await? {
                unanswered.push(name_of(&state, &visitor, &client_id).await?);
            }
        }
        let portal = match &done.client_id {
            Some(client_id) => Some(name_of(&state, &visitor, client_id).await?),
            None => None,
        };
        let mut frame = visitor.frame(&state);
        frame.path = path;
        let mut still_in = Vec::new();
        if let Some(live) = visitor.session(&state).await? {
            frame.csrf = csrf_token(&state, visitor.cookie(cookies::SESSION).unwrap_or_default())?;
            still_in = open_services(&state, &visitor, &live).await?;
        }
        let query = query.unwrap_or_default();
        let page = view::SignedOut {
            frame,
            portal,
            return_to: None,
            still_in,
            unanswered,
            told: done.told.len(),
            idle: query.contains("idle=1"),
        };
        show(&visitor, &page, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}
