//! Signing out (C16): asked by a portal, or by the person.

use super::AppState;
use super::cookies;
use super::form::{self, Form};
use super::layers::FormTargets;
use super::oidc;
use super::problem::{Answer, Problem, finish, origin_of, show};
use super::signin::host_of;
use super::visitor::{Visitor, csrf_holds, csrf_token};
use crate::flow::clients;
use crate::flow::logout::{self, Done, Farewell, Requested, Telling};
use crate::flow::session::{self, LiveSession};
use crate::protocol::logout::LogoutReturn;
use crate::view::{self, PortalBox, ProblemReason, ToldPortal};
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
    let response = match logout::request(&state.services, input, live.as_ref()).await? {
        Err(error) => return Err(oidc::unreadable_logout(&error)),
        Ok(Requested::Ask(handle)) => Redirect::to(&format!("/logout/confirm?id={handle}")).into_response(),
        Ok(Requested::Done(done)) => leave(state, done).await?,
    };
    Ok((in_language(visitor, input), response).into_response())
}

/// RP-Initiated Logout 1.0 section 2: the portal's `ui_locales` come before the browser's wish.
fn in_language(visitor: &Visitor, input: &[u8]) -> CookieJar {
    let asked = url::form_urlencoded::parse(input).find(|(name, _)| name == "ui_locales");
    let locale = asked.and_then(|(_, tags)| tags.split(' ').find_map(view::Locale::from_tag));
    match locale.filter(|locale| *locale != visitor.locale) {
        Some(locale) => CookieJar::new().add(cookies::build(cookies::LANGUAGE, locale.tag(), Some(cookies::A_YEAR))),
        None => CookieJar::new(),
    }
}

/// Sends the browser where signing out ends: back to the portal, or to our own page, which comes first where portals are
/// told in the browser. The session's cookie goes.
pub async fn leave(state: &AppState, done: Done) -> Answer<Response> {
    let jar = if done.session.is_some() { cookies::sign_out() } else { CookieJar::new() };
    let frames = match done.session {
        Some(session) => !logout::farewell(&state.services, session).await?.frames.is_empty(),
        None => false,
    };
    let to = match &done.back {
        Some(back) if !frames => back.location(),
        _ => format!("/signed-out?id={}", logout::keep(&state.services, &done).await?),
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
        let pending = logout::pending(&state.services, &handle, &live).await?;
        let pending = pending.ok_or(Problem::new(ProblemReason::Expired, "logout_question_gone"))?;
        let mut frame = visitor.frame(&state);
        frame.path = format!("/logout/confirm?id={handle}");
        frame.csrf = csrf_token(&state, visitor.cookie(cookies::SESSION).unwrap_or_default())?;
        let open_services = open_services(&state, &visitor, &live).await?;
        let page = view::ConfirmLogout { frame, logout: handle, person: live.full_name.clone(), open_services };
        let mut response = show(&visitor, &page, StatusCode::OK)?;
        if let Some(back) = &pending.back {
            response.extensions_mut().insert(FormTargets(vec![origin_of(back.to.as_str())]));
        }
        Ok(response)
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
        logout::sign_out(&state.services, &live, "person").await?;
        logout::sign_out_everywhere(&state.services, live.session.person_id).await?;
        let done = Done { session: Some(live.session.id), ..Done::default() };
        leave(&state, done).await
    };
    finish(&state, &visitor, outcome.await)
}

const fn shown(telling: Telling, asked: bool) -> view::Telling {
    match telling {
        Telling::Told(at) => view::Telling::Told(at),
        Telling::Waiting => view::Telling::Waiting,
        Telling::Unanswered => view::Telling::Unanswered,
        Telling::InBrowser => view::Telling::InBrowser,
        Telling::Never if asked => view::Telling::Asked,
        Telling::Never => view::Telling::Never,
    }
}

async fn signed_out(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = async {
        let handle = handle_of(query.as_deref());
        let kept = logout::kept(&state.services, &handle).await?;
        let path = if kept.is_some() { format!("/signed-out?id={handle}") } else { "/signed-out".to_owned() };
        let done = kept.unwrap_or_default();
        let farewell = match done.session {
            Some(session) => logout::farewell(&state.services, session).await?,
            None => Farewell::default(),
        };
        let mut portals = Vec::new();
        for (client_id, telling) in farewell.portals {
            let name = name_of(&state, &visitor, &client_id).await?;
            let asked = done.client_id.as_ref() == Some(&client_id);
            portals.push(ToldPortal { name, telling: shown(telling, asked) });
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
        frame.logout_frames = farewell.frames;
        let return_to = done.back.as_ref().map(LogoutReturn::location);
        if let (Some(href), Some(name)) = (&return_to, &portal) {
            frame.portal = Some(PortalBox { name: name.clone(), host: host_of(href), ..PortalBox::default() });
        }
        let idle = query.unwrap_or_default().contains("idle=1");
        let page = view::SignedOut { frame, portal, return_to, still_in, portals, idle };
        show(&visitor, &page, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}
