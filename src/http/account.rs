//! The person's own pages (C21 and what hangs on it).

use super::AppState;
use super::cookies;
use super::create::password_error;
use super::problem::{Answer, Problem, finish, show};
use super::signin::{account_flow, base64_url};
use super::signout::session_form;
use super::visitor::{Visitor, csrf_token};
use crate::base::{CredentialId, Secret, SessionId};
use crate::flow::account::{self, Change, NewPassword};
use crate::flow::interaction::AccountNeed;
use crate::flow::passkey::Made;
use crate::flow::session::{self, LiveSession};
use crate::flow::{clients, level, person};
use crate::identity::password_policy::MINIMUM;
use crate::identity::{BindRefusal, RegisterState};
use crate::view::{self, DataState, ErrorText, Frame, Notice, PasskeyItem, ProblemReason, SessionItem, UsedService};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

/// The account's wing.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/account", get(home).post(show_number))
        .route("/account/passkeys", get(passkeys_page).post(add_passkey))
        .route("/account/passkeys/options", post(passkey_options))
        .route("/account/passkeys/{id}/rename", get(rename_page).post(rename))
        .route("/account/passkeys/{id}/remove", get(remove_page).post(remove))
        .route("/account/password", get(password_page).post(set_password))
        .route("/account/recovery-codes", get(codes_page).post(renew_codes))
        .route("/account/sessions", get(sessions_page))
        .route("/account/sessions/{id}/end", post(end_session))
        .route("/account/sessions/end-others", post(end_others))
}

/// The session whose account is shown, or the way to sign in first.
pub(super) async fn open(
    state: &AppState,
    visitor: &Visitor,
    path: &'static str,
) -> Answer<Result<LiveSession, Response>> {
    match visitor.session(state).await? {
        Some(live) if account::pages_open(&state.services, &live) => {
            session::touch(&state.services, &live).await?;
            Ok(Ok(live))
        }
        // A session that stood idle needs a sign-in of now, or the page would send the browser round in a circle.
        Some(_) => Ok(Err(account_flow(state, visitor, path, AccountNeed::SignIn).await?)),
        None => Ok(Err(account_flow(state, visitor, path, AccountNeed::Session).await?)),
    }
}

/// A form of an account page. A session that stood idle sends none: its person signs in again first.
pub(super) async fn own_form(
    state: &AppState,
    visitor: &Visitor,
    sent: (&HeaderMap, &Bytes),
) -> Answer<Option<(LiveSession, super::form::Form)>> {
    let form = session_form(state, visitor, sent).await?;
    Ok(form.filter(|(live, _)| account::pages_open(&state.services, live)))
}

pub(super) fn frame(state: &AppState, visitor: &Visitor, back: Option<&str>) -> Answer<Frame> {
    let mut frame = visitor.frame(state);
    frame.csrf = csrf_token(state, visitor.cookie(cookies::SESSION).unwrap_or_default())?;
    frame.back = back.map(str::to_owned);
    frame.idle_seconds = Some(state.site.account_idle_seconds);
    Ok(frame)
}

/// What the last page did, told on this one: a word from a closed list in the address.
pub(super) fn notice(query: Option<&str>) -> Option<Notice> {
    let query = query?;
    let (_, word) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done")?;
    Some(match word.as_ref() {
        "passkey-added" => Notice::PasskeyAdded,
        "passkey-renamed" => Notice::PasskeyRenamed,
        "passkey-removed" => Notice::PasskeyRemoved,
        "password-changed" => Notice::PasswordChanged,
        "session-ended" => Notice::SessionEnded,
        "organization-opened" => Notice::OrganizationOpened,
        "organization-waits" => Notice::OrganizationWaits,
        "organization-register-down" => Notice::OrganizationRegisterDown,
        "organization-refused" => Notice::OrganizationRefused,
        other => Notice::OtherSessionsEnded { count: other.strip_prefix("others-")?.parse().ok()? },
    })
}

async fn home(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = home_page(&state, &visitor, notice(query.as_deref()), false).await;
    finish(&state, &visitor, outcome)
}

/// The same page with the whole number, asked for by its button: not kept in any address.
async fn show_number(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let sent = own_form(&state, &visitor, (&headers, &body)).await?;
        let shown = sent.is_some_and(|(_, form)| form.get("show") == "number");
        home_page(&state, &visitor, None, shown).await
    };
    finish(&state, &visitor, outcome.await)
}

async fn home_page(state: &AppState, visitor: &Visitor, notice: Option<Notice>, shown: bool) -> Answer<Response> {
    let live = match open(state, visitor, "/account").await? {
        Ok(live) => live,
        Err(response) => return Ok(response),
    };
    let services = &state.services;
    let who = live.session.person_id;
    let found = person::get(services, who).await?;
    let number = person::number(services, &found)?;
    let contacts = person::contacts(services, who).await?;
    let ways = level::ways_of(services, who).await?;
    let mut frame = frame(state, visitor, None)?;
    frame.notice = notice;
    let page = view::AccountHome {
        person: found.full_name.clone(),
        identity_level: found.identity_level.as_u8(),
        state: match found.register_state {
            RegisterState::Verified => DataState::Confirmed,
            RegisterState::Pending => DataState::Waiting,
            RegisterState::Mismatch => DataState::Differs,
            RegisterState::Unknown => DataState::Unknown,
        },
        source: frame.locale.t("source-population-register"),
        as_of: found.register_as_of,
        personal_number: if shown { number.as_str().to_owned() } else { number.masked() },
        number_masked: !shown,
        birth_date: person::shown_birth_date(&person::birth_date(services, &found)?, visitor.locale.tag()),
        gender: found.gender.map(|gender| frame.locale.t(&format!("gender-{}", gender.as_str()))),
        phone: contacts.phone.map(|phone| phone.masked()),
        last_sign_in: Some(live.session.authenticated_at),
        services: services_used(state, visitor, &live).await?,
        passkeys: ways.passkeys.len(),
        has_password: ways.password,
        recovery_codes_left: usize::try_from(ways.recovery_codes).unwrap_or(0),
        frame,
    };
    show(visitor, &page, StatusCode::OK)
}

async fn services_used(state: &AppState, visitor: &Visitor, live: &LiveSession) -> Answer<Vec<UsedService>> {
    let mut used = Vec::new();
    for visit in session::visits(&state.services, live.session.id).await? {
        if let Some(known) = clients::find(&state.services, &visit.client_id).await? {
            used.push(UsedService {
                name: known.client.display_name(visitor.locale.tag()).to_owned(),
                href: known.client.metadata.client_uri.clone(),
                last_used: visit.last_at,
                open: true,
            });
        }
    }
    Ok(used)
}

async fn passkeys_page(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = async {
        let live = match open(&state, &visitor, "/account/passkeys").await? {
            Ok(live) => live,
            Err(response) => return Ok(response),
        };
        // Adding and removing need a sign-in of the last minutes: asked for when the page opens, so that nobody
        // fills in a form in vain.
        let now = state.services.clock.now();
        let ways = level::ways_of(&state.services, live.session.person_id).await?;
        let fresh = query.as_deref().is_some_and(|query| query.split('&').any(|pair| pair == "fresh=1"));
        if fresh && !account::may_change(&live, &ways, now) {
            return account_flow(&state, &visitor, "/account/passkeys", AccountNeed::Strong).await;
        }
        let mut frame = frame(&state, &visitor, Some("/account"))?;
        frame.notice = notice(query.as_deref());
        passkeys_view(&state, &visitor, &live, frame).await
    };
    finish(&state, &visitor, outcome.await)
}

/// Whether only a passkey in its first day speaks for this session: signing in again with it would lead nowhere new.
/// Gives the time from when it counts fully.
async fn first_day(state: &AppState, live: &LiveSession) -> Answer<Option<Notice>> {
    let now = state.services.clock.now();
    if account::may_add_passkey(live, now) != Err(BindRefusal::Unsettled) {
        return Ok(None);
    }
    let list = account::passkeys(&state.services, live.session.person_id).await?;
    let settles = list.iter().map(|passkey| passkey.settles_at).filter(|at| *at > now).min();
    Ok(settles.map(|at| Notice::WaitsUntil { at }))
}

async fn waiting(state: &AppState, visitor: &Visitor, live: &LiveSession, notice: Notice) -> Answer<Response> {
    let mut frame = frame(state, visitor, Some("/account"))?;
    frame.path = "/account/passkeys".to_owned();
    frame.notice = Some(notice);
    passkeys_view(state, visitor, live, frame).await
}

async fn passkeys_view(state: &AppState, visitor: &Visitor, live: &LiveSession, frame: Frame) -> Answer<Response> {
    let now = state.services.clock.now();
    let list = account::passkeys(&state.services, live.session.person_id).await?;
    let accepted = view::AcceptedCredentials {
        rp_id: state.services.config.provider.rp_id().to_owned(),
        user_id: base64_url(live.session.person_id.0.as_bytes()),
        credential_ids: list.iter().map(|passkey| base64_url(&passkey.credential)).collect(),
    };
    let status = if frame.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let passkeys = list
        .into_iter()
        .map(|passkey| PasskeyItem {
            id: passkey.id.to_string(),
            name: passkey.name,
            kept_by: None,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
            settles_at: Some(passkey.settles_at).filter(|at| *at > now),
        })
        .collect();
    show(visitor, &view::Passkeys { frame, passkeys, accepted: Some(accepted) }, status)
}

async fn passkey_options(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let Some((live, _)) = own_form(&state, &visitor, (&headers, &body)).await? else {
            return Err(Problem::new(ProblemReason::NotAllowed, "not_signed_in"));
        };
        match account::start_passkey(&state.services, &live).await? {
            Ok(options) => Ok(Json(options).into_response()),
            // The page's script then posts the form, which leads to signing in again.
            Err(_) => Err(Problem::new(ProblemReason::NotAllowed, "sign_in_again")),
        }
    };
    finish(&state, &visitor, outcome.await)
}

async fn add_passkey(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let Some((live, form)) = own_form(&state, &visitor, (&headers, &body)).await? else {
            return account_flow(&state, &visitor, "/account/passkeys", AccountNeed::Strong).await;
        };
        let now = state.services.clock.now();
        if let Some(waits) = first_day(&state, &live).await? {
            return waiting(&state, &visitor, &live, waits).await;
        }
        if account::may_add_passkey(&live, now).is_err() {
            return account_flow(&state, &visitor, "/account/passkeys", AccountNeed::Strong).await;
        }
        let error = if form.get("credential").is_empty() {
            ErrorText::PasskeyNotMade
        } else {
            match account::finish_passkey(&state.services, &live, form.get("credential")).await? {
                Err(_) => return account_flow(&state, &visitor, "/account/passkeys", AccountNeed::Strong).await,
                Ok(Made::Yes) => return Ok(Redirect::to("/account/passkeys?done=passkey-added").into_response()),
                Ok(Made::AlreadyKnown) => ErrorText::PasskeyAlreadyHere,
                Ok(Made::Expired | Made::Failed) => ErrorText::PasskeyNotMade,
            }
        };
        let mut frame = frame(&state, &visitor, Some("/account"))?;
        frame.add_error("create", error);
        passkeys_view(&state, &visitor, &live, frame).await
    };
    finish(&state, &visitor, outcome.await)
}

async fn own_passkey(state: &AppState, live: &LiveSession, id: &str) -> Answer<account::Passkey> {
    let gone = || Problem::new(ProblemReason::NotFound, "no_such_passkey");
    let id: CredentialId = id.parse().map_err(|_| gone())?;
    let list = account::passkeys(&state.services, live.session.person_id).await?;
    list.into_iter().find(|passkey| passkey.id == id).ok_or_else(gone)
}

async fn rename_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let live = match open(&state, &visitor, "/account/passkeys").await? {
            Ok(live) => live,
            Err(response) => return Ok(response),
        };
        let passkey = own_passkey(&state, &live, &id).await?;
        let frame = frame(&state, &visitor, Some("/account/passkeys"))?;
        show(&visitor, &view::RenamePasskey { frame, id, name: passkey.name }, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}

async fn rename(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let Some((live, form)) = own_form(&state, &visitor, (&headers, &body)).await? else {
            return account_flow(&state, &visitor, "/account/passkeys", AccountNeed::Session).await;
        };
        let passkey = own_passkey(&state, &live, &id).await?;
        let name = form.get("name").trim();
        let error = match name.chars().count() {
            0 => Some(ErrorText::DeviceNameMissing),
            1..=40 if !name.contains(char::is_control) => None,
            _ => Some(ErrorText::DeviceNameLong),
        };
        if let Some(error) = error {
            let mut frame = frame(&state, &visitor, Some("/account/passkeys"))?;
            frame.add_error("name", error);
            let name = name.chars().take(100).collect();
            return show(&visitor, &view::RenamePasskey { frame, id, name }, StatusCode::UNPROCESSABLE_ENTITY);
        }
        account::rename_passkey(&state.services, &live, passkey.id, name).await?;
        Ok(Redirect::to("/account/passkeys?done=passkey-renamed").into_response())
    };
    finish(&state, &visitor, outcome.await)
}

async fn remove_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let live = match open(&state, &visitor, "/account/passkeys").await? {
            Ok(live) => live,
            Err(response) => return Ok(response),
        };
        let passkey = own_passkey(&state, &live, &id).await?;
        if let Some(waits) = first_day(&state, &live).await? {
            return waiting(&state, &visitor, &live, waits).await;
        }
        let ways = level::ways_of(&state.services, live.session.person_id).await?;
        let last_strong = match account::may_remove_passkey(&live, &ways, state.services.clock.now()) {
            Ok(()) => false,
            Err(refusal) if account::is_last(refusal) => true,
            Err(_) => return account_flow(&state, &visitor, "/account/passkeys", AccountNeed::Strong).await,
        };
        let frame = frame(&state, &visitor, Some("/account/passkeys"))?;
        show(&visitor, &view::RemovePasskey { frame, id, name: passkey.name, last_strong }, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}

async fn remove(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let Some((live, _)) = own_form(&state, &visitor, (&headers, &body)).await? else {
            return account_flow(&state, &visitor, "/account/passkeys", AccountNeed::Strong).await;
        };
        let passkey = own_passkey(&state, &live, &id).await?;
        match account::remove_passkey(&state.services, &live, passkey.id).await? {
            Change::Done => Ok(Redirect::to("/account/passkeys?done=passkey-removed").into_response()),
            Change::SignInAgain => account_flow(&state, &visitor, "/account/passkeys", AccountNeed::Strong).await,
            Change::Gone => Err(Problem::new(ProblemReason::NotFound, "no_such_passkey")),
            Change::LastWay => {
                let frame = frame(&state, &visitor, Some("/account/passkeys"))?;
                let page = view::RemovePasskey { frame, id, name: passkey.name, last_strong: true };
                show(&visitor, &page, StatusCode::CONFLICT)
            }
        }
    };
    finish(&state, &visitor, outcome.await)
}

async fn password_page(State(state): State<AppState>, visitor: Visitor) -> Response {
    let outcome = async {
        let live = match open(&state, &visitor, "/account/password").await? {
            Ok(live) => live,
            Err(response) => return Ok(response),
        };
        if let Some(waits) = first_day(&state, &live).await? {
            return home_page(&state, &visitor, Some(waits), false).await;
        }
        let now = state.services.clock.now();
        let ways = level::ways_of(&state.services, live.session.person_id).await?;
        if !account::may_change(&live, &ways, now) {
            return account_flow(&state, &visitor, "/account/password", AccountNeed::Strong).await;
        }
        let mut frame = frame(&state, &visitor, Some("/account"))?;
        frame.username = Some(username(&state, &live).await?);
        password_view(&visitor, frame, ways.password, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}

/// What password managers file a password under: the masked number, as in the passkey's name.
async fn username(state: &AppState, live: &LiveSession) -> Answer<String> {
    let found = person::get(&state.services, live.session.person_id).await?;
    Ok(person::number(&state.services, &found)?.masked())
}

fn password_view(visitor: &Visitor, frame: Frame, has_password: bool, status: StatusCode) -> Answer<Response> {
    let least = u32::try_from(MINIMUM).unwrap_or(8);
    show(visitor, &view::ChangePassword { frame, has_password, least }, status)
}

async fn set_password(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let Some((live, form)) = own_form(&state, &visitor, (&headers, &body)).await? else {
            return account_flow(&state, &visitor, "/account/password", AccountNeed::Strong).await;
        };
        let typed = Secret::from(form.get("new_password"));
        let current = Secret::from(form.get("current_password"));
        match account::set_password(&state.services, &live, &current, &typed).await? {
            NewPassword::Done => Ok(Redirect::to("/account?done=password-changed").into_response()),
            NewPassword::SignInAgain => account_flow(&state, &visitor, "/account/password", AccountNeed::Strong).await,
            outcome @ (NewPassword::Refused(_) | NewPassword::WrongCurrent { .. }) => {
                let mut frame = frame(&state, &visitor, Some("/account"))?;
                frame.username = Some(username(&state, &live).await?);
                match outcome {
                    NewPassword::Refused(refusal) => frame.add_error("new_password", password_error(&typed, refusal)),
                    NewPassword::WrongCurrent { tries_left } => {
                        frame.add_error("current_password", ErrorText::PasswordWrong { tries_left });
                    }
                    _ => {}
                }
                let ways = level::ways_of(&state.services, live.session.person_id).await?;
                password_view(&visitor, frame, ways.password, StatusCode::UNPROCESSABLE_ENTITY)
            }
        }
    };
    finish(&state, &visitor, outcome.await)
}

async fn codes_page(State(state): State<AppState>, visitor: Visitor) -> Response {
    let outcome = async {
        let live = match open(&state, &visitor, "/account/recovery-codes").await? {
            Ok(live) => live,
            Err(response) => return Ok(response),
        };
        if let Some(waits) = first_day(&state, &live).await? {
            return home_page(&state, &visitor, Some(waits), false).await;
        }
        let now = state.services.clock.now();
        let ways = level::ways_of(&state.services, live.session.person_id).await?;
        if !account::may_change(&live, &ways, now) {
            return account_flow(&state, &visitor, "/account/recovery-codes", AccountNeed::Strong).await;
        }
        let frame = frame(&state, &visitor, Some("/account"))?;
        let left = usize::try_from(ways.recovery_codes).unwrap_or(0);
        show(&visitor, &view::RenewRecoveryCodes { frame, left, made_at: None }, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}

async fn renew_codes(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let Some((live, _)) = own_form(&state, &visitor, (&headers, &body)).await? else {
            return account_flow(&state, &visitor, "/account/recovery-codes", AccountNeed::Strong).await;
        };
        let Some(codes) = account::renew_recovery_codes(&state.services, &live).await? else {
            return account_flow(&state, &visitor, "/account/recovery-codes", AccountNeed::Strong).await;
        };
        let mut frame = frame(&state, &visitor, None)?;
        frame.notice = Some(Notice::RecoveryCodesRenewed);
        show(&visitor, &view::NewRecoveryCodes { frame, codes }, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}

async fn sessions_page(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = async {
        let live = match open(&state, &visitor, "/account/sessions").await? {
            Ok(live) => live,
            Err(response) => return Ok(response),
        };
        let mut sessions = Vec::new();
        for session in session::all_of(&state.services, live.session.person_id).await? {
            let mut services = Vec::new();
            for visit in session::visits(&state.services, session.id).await? {
                if let Some(known) = clients::find(&state.services, &visit.client_id).await? {
                    services.push(known.client.display_name(visitor.locale.tag()).to_owned());
                }
            }
            sessions.push(SessionItem {
                id: session.id.to_string(),
                device: session.device,
                first_at: session.created_at,
                last_at: session.last_seen_at,
                services,
                current: session.id == live.session.id,
            });
        }
        let mut frame = frame(&state, &visitor, Some("/account"))?;
        frame.notice = notice(query.as_deref());
        show(&visitor, &view::Sessions { frame, sessions }, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}

async fn end_session(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let Some((live, _)) = own_form(&state, &visitor, (&headers, &body)).await? else {
            return account_flow(&state, &visitor, "/account/sessions", AccountNeed::Session).await;
        };
        let gone = || Problem::new(ProblemReason::NotFound, "no_such_session");
        let id: SessionId = id.parse().map_err(|_| gone())?;
        if !account::end_session(&state.services, &live, id).await? {
            return Err(gone());
        }
        let to = if id == live.session.id { "/signed-out" } else { "/account/sessions?done=session-ended" };
        Ok(Redirect::to(to).into_response())
    };
    finish(&state, &visitor, outcome.await)
}

async fn end_others(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let Some((live, _)) = own_form(&state, &visitor, (&headers, &body)).await? else {
            return account_flow(&state, &visitor, "/account/sessions", AccountNeed::Session).await;
        };
        let (who, this) = (live.session.person_id, live.session.id);
        let count = session::end_all(&state.services, who, Some(this), "by_person").await?;
        Ok(Redirect::to(&format!("/account/sessions?done=others-{count}")).into_response())
    };
    finish(&state, &visitor, outcome.await)
}
