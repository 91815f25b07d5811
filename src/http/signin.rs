//! The pages of signing in (C1-C10, C15): each handler loads the flow, calls one use case, shows the next page.

use super::AppState;
use super::cookies::{self, flow_name};
use super::form::{self, Form};
use super::layers::{FormTargets, TellsOrigin};
use super::problem::{Answer, Problem, finish, show};
use super::visitor::{Visitor, csrf_holds, csrf_token};
use crate::base::Secret;
use crate::flow::authorize::{self, Advance};
use crate::flow::interaction::{self, AccountNeed, Begun, CeremonyPurpose, ConsentAnswer, Interaction};
use crate::flow::outbox::Way;
use crate::flow::session::{self, LiveSession};
use crate::flow::sign_in::{self, IdentifierError, Proved, Sent};
use crate::flow::steps::Step;
use crate::flow::{clients, disclosure, level, metadata, passkey};
use crate::identity::{AuthenticationLevel, Method, Rule};
use crate::protocol::Error;
use crate::protocol::response::{AuthorizeResponse, Delivery};
use crate::view::{
    self, DataItem, ErrorText, Frame, Ground, PasskeyFailure, PauseCause, PortalBox, ProblemReason, Return, SignedInBy,
    Unmet,
};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_extra::extract::CookieJar;
use std::collections::BTreeSet;

/// The sign-in wing.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/signin", get(begin_account))
        .route("/signin/{flow}", get(identifier_page).post(identifier))
        .route("/signin/{flow}/next", get(next))
        .route("/signin/{flow}/forget", post(forget_person))
        .route("/signin/{flow}/cancel", post(cancel))
        .route("/signin/{flow}/method", get(method_page).post(method))
        .route("/signin/{flow}/code", get(code_page).post(code))
        .route("/signin/{flow}/code/resend", post(resend))
        .route("/signin/{flow}/totp", get(totp_page).post(totp))
        .route("/signin/{flow}/recovery", get(recovery_page).post(recovery))
        .route("/signin/{flow}/password", get(password_page).post(password))
        .route("/signin/{flow}/paused", get(paused_page))
        .route("/signin/{flow}/passkey/options", post(passkey_options))
        .route("/signin/{flow}/passkey", post(passkey_answer))
        .route("/signin/{flow}/passkey-failed", get(passkey_failed_page).post(passkey_failed))
        .route("/signin/{flow}/continue", get(continue_page).post(continue_session))
        .route("/signin/{flow}/consent", get(consent_page).post(consent))
        .route("/signin/{flow}/step-up", get(step_up_page).post(step_up))
        .route("/signin/{flow}/offer-passkey", get(offer_page).post(offer_answer))
        .route("/signin/{flow}/offer-passkey/options", post(offer_options))
}

/// A flow as its browser sees it.
pub struct Flow {
    /// The flow.
    pub interaction: Interaction,
    /// The secret in the browser's cookie, which also names the form token.
    secret: String,
}

/// Loads the flow of a page.
pub async fn load(state: &AppState, visitor: &Visitor, id: &str) -> Answer<Flow> {
    let secret = visitor.cookie(&flow_name(id)).map(str::to_owned);
    let interaction = interaction::load(&state.services, id, secret.as_deref()).await?;
    Ok(Flow { interaction, secret: secret.unwrap_or_default() })
}

/// Loads the flow of a posted form, and refuses forms that are not from our own page (D10).
pub async fn load_form(
    state: &AppState,
    visitor: &Visitor,
    id: &str,
    (headers, body): (&HeaderMap, &Bytes),
) -> Answer<(Flow, Form)> {
    form::same_site(headers, &state.site.origin).map_err(|_| Problem::form("form_of_other_site"))?;
    let form = Form::parse(body).ok_or(Problem::new(ProblemReason::BadRequest, "form_unreadable"))?;
    let flow = load(state, visitor, id).await?;
    if !csrf_holds(state, &flow.secret, form.get("csrf"))? {
        return Err(Problem::form("form_token"));
    }
    Ok((flow, form))
}

impl Flow {
    /// The page frame of this flow: portal, form token, way back.
    pub async fn frame(&self, state: &AppState, visitor: &Visitor) -> Answer<Frame> {
        let mut frame = visitor.frame(state);
        frame.csrf = csrf_token(state, &self.secret)?;
        if let Some(request) = self.interaction.request()
            && let Some(known) = clients::find(&state.services, &request.client_id).await?
        {
            let name = known.client.display_name(frame.locale.tag()).to_owned();
            let host = host_of(request.redirect.as_str());
            frame.portal = Some(PortalBox { name, host });
            frame.cancel = Some(format!("/signin/{}/cancel", self.interaction.id));
        }
        Ok(frame)
    }

    /// A page of this flow. Its forms may end at the portal, which the page's policy has to name.
    pub fn show(&self, visitor: &Visitor, page: &impl view::Page) -> Answer<Response> {
        let wrong = has_errors(page);
        let mut response = show(visitor, page, if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK })?;
        if let Some(request) = self.interaction.request() {
            response.extensions_mut().insert(FormTargets(vec![origin_of(request.redirect.as_str())]));
        }
        Ok(response)
    }

    fn to(&self, step: &str) -> Response {
        Redirect::to(&format!("/signin/{}{step}", self.interaction.id)).into_response()
    }

    fn id(&self) -> String {
        self.interaction.id.clone()
    }
}

fn has_errors(page: &impl view::Page) -> bool {
    page.frame().is_some_and(|frame| !frame.errors.is_empty())
}

fn host_of(address: &str) -> String {
    url::Url::parse(address)
        .ok()
        .and_then(|url| {
            let host = url.host_str()?.to_owned();
            Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
        })
        .unwrap_or_default()
}

fn origin_of(address: &str) -> String {
    url::Url::parse(address).map_or_else(
        |_| String::new(),
        |url| match url.scheme() {
            "https" | "http" => url.origin().ascii_serialization(),
            scheme => format!("{scheme}:"),
        },
    )
}

/// Starts a flow in the browser: its cookie, then its first page.
pub fn enter(visitor: &Visitor, begun: &Begun, to: &str) -> Answer<Response> {
    let mut jar =
        cookies::add_flow(visitor.jar.clone(), &begun.interaction.id, &begun.browser_secret, interaction::LIFETIME);
    // The portal's `ui_locales` comes before the browser's wish; a link on every page still changes it.
    let asked = begun
        .interaction
        .request()
        .and_then(|request| request.ui_locales.iter().find_map(|tag| view::Locale::from_tag(tag)));
    if let Some(locale) = asked.filter(|locale| *locale != visitor.locale) {
        jar = jar.add(cookies::build(cookies::LANGUAGE, locale.tag(), Some(cookies::A_YEAR)));
    }
    Ok((jar, Redirect::to(to)).into_response())
}

/// Gives an answer to the portal: by redirect, or by a page that posts itself (C15).
pub fn deliver(state: &AppState, visitor: &Visitor, answer: &AuthorizeResponse) -> Answer<Response> {
    match answer.deliver(&metadata::endpoints(&state.services)) {
        Delivery::Redirect(location) => Ok(Redirect::to(&location).into_response()),
        Delivery::FormPost { action, fields } => {
            let mut frame = visitor.frame(state);
            frame.portal = Some(PortalBox { name: host_of(&action), host: host_of(&action) });
            let target = origin_of(&action);
            let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let way = Return::FormPost { action, fields };
            let page = view::ReturnToPortal { frame, way, unreachable: false };
            let mut response = show(visitor, &page, StatusCode::OK)?;
            response.extensions_mut().insert(FormTargets(vec![target]));
            response.extensions_mut().insert(TellsOrigin);
            Ok(response)
        }
    }
}

/// `/signin`: signing in to the own account, without a portal.
async fn begin_account(State(state): State<AppState>, visitor: Visitor) -> Response {
    let outcome = account_flow(&state, &visitor, "/account", AccountNeed::Session).await;
    finish(&state, &visitor, outcome)
}

/// Begins a flow that leads to an account page.
pub async fn account_flow(
    state: &AppState,
    visitor: &Visitor,
    path: &'static str,
    needs: AccountNeed,
) -> Answer<Response> {
    let target = interaction::Target::Account { path: path.to_owned(), needs };
    let begun = interaction::begin(&state.services, target);
    interaction::save(&state.services, &begun.interaction).await?;
    enter(visitor, &begun, &format!("/signin/{}/next", begun.interaction.id))
}

/// `/signin/{flow}/next`: whatever comes next.
async fn next(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        let session = visitor.session(&state).await?;
        let advance = authorize::advance(&state.services, &flow.interaction, session).await?;
        go(&state, &visitor, &flow, advance)
    };
    finish(&state, &visitor, outcome.await)
}

/// Takes the browser where the flow says.
fn go(state: &AppState, visitor: &Visitor, flow: &Flow, advance: Advance) -> Answer<Response> {
    let over = |response: Response| {
        let jar = CookieJar::new().add(cookies::expire(flow_name(&flow.interaction.id)));
        (jar, response).into_response()
    };
    Ok(match advance {
        Advance::Answer(answer) => over(deliver(state, visitor, &answer)?),
        Advance::Account(path) => over(Redirect::to(&path).into_response()),
        Advance::AlreadyDone => return Err(Problem::new(ProblemReason::AlreadyDone, "flow_already_done")),
        Advance::Page(step) => flow.to(match step {
            Step::SignIn | Step::Finish { .. } => "",
            Step::StepUp(_) | Step::ProveIdentity(_) | Step::CannotBeMet => "/step-up",
            Step::Continue => "/continue",
            Step::Consent => "/consent",
            Step::OfferPasskey => "/offer-passkey",
        }),
    })
}

async fn identifier_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        let frame = flow.frame(&state, &visitor).await?;
        flow.show(&visitor, &identifier_context(&flow, &visitor, frame, String::new()))
    };
    finish(&state, &visitor, outcome.await)
}

fn identifier_context(flow: &Flow, visitor: &Visitor, frame: Frame, typed: String) -> view::SignIn {
    let hint = flow.interaction.request().and_then(|request| request.login_hint.clone()).unwrap_or_default();
    view::SignIn {
        in_app_address: visitor.in_app.then(|| format!("{}/signin/{}", visitor.site.origin, flow.interaction.id)),
        frame,
        flow: flow.id(),
        identifier: if typed.is_empty() { hint } else { typed },
        recognised: None,
        can_create: true,
        sms_slow_since: None,
    }
}

async fn identifier(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let typed = form.get("identifier");
        match sign_in::identify(&state.services, &mut flow.interaction, typed).await? {
            // One of the other ways was pressed instead of "continue": the choice is made already.
            Ok(()) => Ok(flow.to(match view::Method::from_value(form.get("with")) {
                Some(view::Method::Password) => "/password",
                Some(view::Method::Totp) => "/totp",
                Some(view::Method::Recovery) => "/recovery",
                _ => "/method",
            })),
            Err(error) => {
                let mut frame = flow.frame(&state, &visitor).await?;
                frame.add_error(
                    "identifier",
                    match error {
                        IdentifierError::Missing => ErrorText::IdentifierMissing,
                        IdentifierError::Format => ErrorText::IdentifierFormat,
                    },
                );
                let typed = typed.chars().take(64).collect();
                flow.show(&visitor, &identifier_context(&flow, &visitor, frame, typed))
            }
        }
    };
    finish(&state, &visitor, outcome.await)
}

/// "Not me": whoever was recognised is forgotten in this flow.
async fn forget_person(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, _) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        flow.interaction.identifier = None;
        flow.interaction.proofs.clear();
        interaction::save(&state.services, &flow.interaction).await?;
        Ok(flow.to(""))
    };
    finish(&state, &visitor, outcome.await)
}

/// "Back to the portal": an honest `access_denied`.
async fn cancel(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (flow, _) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let advance = authorize::refuse(&state.services, &flow.interaction, Error::ACCESS_DENIED).await?;
        go(&state, &visitor, &flow, advance)
    };
    finish(&state, &visitor, outcome.await)
}

/// The methods offered are the same for everybody; only what the portal needs changes them (N1).
fn methods_offered(state: &AppState, flow: &Flow, known: Option<&clients::KnownClient>) -> Vec<view::Method> {
    let mut methods = vec![view::Method::Sms, view::Method::Voice, view::Method::Totp, view::Method::Recovery];
    let wants_two = match (flow.interaction.request(), known) {
        (Some(request), Some(known)) => {
            let demand = level::demand(&state.services, request, &known.client);
            demand.minimum_authentication_level >= AuthenticationLevel::Two
                || demand
                    .values
                    .iter()
                    .any(|acr| acr.requirement.minimum_authentication_level >= AuthenticationLevel::Two)
        }
        _ => false,
    };
    // The password comes first where two factors are wanted anyway; a code follows it.
    methods.insert(if wants_two { 0 } else { methods.len() }, view::Method::Password);
    methods
}

async fn method_context(state: &AppState, visitor: &Visitor, flow: &Flow) -> Answer<view::ChooseMethod> {
    let mut frame = flow.frame(state, visitor).await?;
    frame.back = Some(format!("/signin/{}", flow.interaction.id));
    let known = match flow.interaction.request() {
        Some(request) => clients::find(&state.services, &request.client_id).await?,
        None => None,
    };
    let mut methods = methods_offered(state, flow, known.as_deref());
    let proved = flow.interaction.methods(state.services.clock.now());
    if proved.contains(&Method::Password) {
        methods.retain(|method| *method != view::Method::Password);
    }
    Ok(view::ChooseMethod { frame, flow: flow.id(), methods, selected: None, sms_slow_since: None })
}

async fn method_page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        if flow.interaction.identifier.is_none() {
            return Ok(flow.to(""));
        }
        let mut page = method_context(&state, &visitor, &flow).await?;
        let query = query.unwrap_or_default();
        let with = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "with");
        page.selected = with.and_then(|(_, value)| view::Method::from_value(&value));
        flow.show(&visitor, &page)
    };
    finish(&state, &visitor, outcome.await)
}

async fn method(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        if flow.interaction.identifier.is_none() {
            return Ok(flow.to(""));
        }
        let Some(chosen) = view::Method::from_value(form.get("method")) else {
            let mut page = method_context(&state, &visitor, &flow).await?;
            page.frame.add_error("method", ErrorText::ChoiceMissing);
            return flow.show(&visitor, &page);
        };
        match chosen {
            view::Method::Sms => send(&state, &visitor, &mut flow, Way::Sms).await,
            view::Method::Voice => send(&state, &visitor, &mut flow, Way::Voice).await,
            view::Method::Totp => Ok(flow.to("/totp")),
            view::Method::Recovery => Ok(flow.to("/recovery")),
            view::Method::Password => Ok(flow.to("/password")),
        }
    };
    finish(&state, &visitor, outcome.await)
}

async fn send(state: &AppState, visitor: &Visitor, flow: &mut Flow, way: Way) -> Answer<Response> {
    let portal = match flow.interaction.request() {
        Some(request) => clients::find(&state.services, &request.client_id).await?,
        None => None,
    };
    let language = visitor.locale.tag();
    let portal = portal.map(|known| known.client.display_name(language).to_owned());
    match sign_in::send_code(&state.services, &mut flow.interaction, way, (portal, language)).await? {
        // Too soon: the code sent before still works, and the page says from when another may be asked for.
        Sent::Yes => Ok(flow.to("/code")),
        Sent::NotBefore(from) => {
            let waiting = sign_in::latest_code(&state.services, &flow.interaction).await?;
            if waiting.is_some() {
                let mut page = code_context(state, visitor, flow).await?;
                page.frame.add_error("resend", ErrorText::ResendTooSoon { from });
                return flow.show(visitor, &page);
            }
            paused(state, visitor, flow, from, PauseCause::TooManyCodes).await
        }
    }
}

async fn code_context(state: &AppState, visitor: &Visitor, flow: &Flow) -> Answer<view::EnterCode> {
    let services = &state.services;
    let mut frame = flow.frame(state, visitor).await?;
    frame.back = Some(format!("/signin/{}/method", flow.interaction.id));
    // Also shown where another code was asked for, an address that cannot be opened again.
    frame.path = format!("/signin/{}/code", flow.interaction.id);
    let latest = sign_in::latest_code(services, &flow.interaction).await?;
    let now = services.clock.now();
    let valid_until = latest.as_ref().map_or(now, |code| code.expires_at);
    let resend_from = match &flow.interaction.identifier {
        Some(identifier) => sign_in::resend_from(services, &Rule::SEND, &identifier.subject).await?,
        None => now,
    };
    let by_voice = flow.interaction.channel.as_deref() == Some(Way::Voice.as_str());
    Ok(view::EnterCode {
        frame,
        flow: flow.id(),
        sent_by: if by_voice { view::Method::Voice } else { view::Method::Sms },
        valid_until,
        resend_from,
        expired: latest.is_none_or(|code| code.expires_at <= now || code.used_at.is_some()),
    })
}

async fn code_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        if flow.interaction.channel.is_none() {
            return Ok(flow.to(if flow.interaction.identifier.is_none() { "" } else { "/method" }));
        }
        flow.show(&visitor, &code_context(&state, &visitor, &flow).await?)
    };
    finish(&state, &visitor, outcome.await)
}

async fn resend(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        if flow.interaction.identifier.is_none() {
            return Ok(flow.to(""));
        }
        let way = if form.get("channel") == "voice" { Way::Voice } else { Way::Sms };
        send(&state, &visitor, &mut flow, way).await
    };
    finish(&state, &visitor, outcome.await)
}

async fn code(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let Some(typed) = sign_in::normalize_sent_code(form.get("code")) else {
            let mut page = code_context(&state, &visitor, &flow).await?;
            page.frame.add_error("code", ErrorText::CodeFormat);
            return flow.show(&visitor, &page);
        };
        match sign_in::check_code(&state.services, &mut flow.interaction, &typed).await? {
            Proved::Yes => proved(&state, &visitor, &mut flow).await,
            Proved::PausedUntil(until) => paused(&state, &visitor, &flow, until, PauseCause::WrongCodes).await,
            Proved::Disabled => disabled(&state, &visitor, &flow, PauseCause::WrongCodes).await,
            Proved::Expired => {
                let mut page = code_context(&state, &visitor, &flow).await?;
                page.frame.add_error("code", ErrorText::CodeExpired);
                flow.show(&visitor, &page)
            }
            Proved::Wrong { tries_left } => {
                let mut page = code_context(&state, &visitor, &flow).await?;
                page.frame.add_error("code", ErrorText::CodeWrong { tries_left });
                flow.show(&visitor, &page)
            }
        }
    };
    finish(&state, &visitor, outcome.await)
}

async fn totp_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        let frame = inner_frame(&state, &visitor, &flow).await?;
        flow.show(&visitor, &view::EnterTotp { frame, flow: flow.id() })
    };
    finish(&state, &visitor, outcome.await)
}

async fn inner_frame(state: &AppState, visitor: &Visitor, flow: &Flow) -> Answer<Frame> {
    let mut frame = flow.frame(state, visitor).await?;
    frame.back = Some(format!("/signin/{}/method", flow.interaction.id));
    Ok(frame)
}

async fn totp(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let mut frame = inner_frame(&state, &visitor, &flow).await?;
        match sign_in::normalize_sent_code(form.get("code")) {
            None => frame.add_error("code", ErrorText::CodeFormat),
            Some(typed) => match sign_in::check_totp(&state.services, &mut flow.interaction, typed.expose()).await? {
                Proved::Yes => return proved(&state, &visitor, &mut flow).await,
                Proved::PausedUntil(until) => {
                    return paused(&state, &visitor, &flow, until, PauseCause::WrongCodes).await;
                }
                Proved::Disabled => return disabled(&state, &visitor, &flow, PauseCause::WrongCodes).await,
                Proved::Expired => return Ok(flow.to("")),
                Proved::Wrong { tries_left } => frame.add_error("code", ErrorText::CodeWrong { tries_left }),
            },
        }
        flow.show(&visitor, &view::EnterTotp { frame, flow: flow.id() })
    };
    finish(&state, &visitor, outcome.await)
}

async fn recovery_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        if flow.interaction.identifier.is_none() {
            return Ok(flow.to(""));
        }
        let frame = inner_frame(&state, &visitor, &flow).await?;
        flow.show(&visitor, &view::EnterRecoveryCode { frame, flow: flow.id() })
    };
    finish(&state, &visitor, outcome.await)
}

async fn recovery(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let mut frame = inner_frame(&state, &visitor, &flow).await?;
        match sign_in::normalize_recovery_code(form.get("code")) {
            None => frame.add_error("code", ErrorText::RecoveryFormat),
            Some(typed) => match sign_in::check_recovery_code(&state.services, &mut flow.interaction, &typed).await? {
                Proved::Yes => return proved(&state, &visitor, &mut flow).await,
                Proved::PausedUntil(until) => {
                    return paused(&state, &visitor, &flow, until, PauseCause::WrongCodes).await;
                }
                Proved::Disabled => return disabled(&state, &visitor, &flow, PauseCause::WrongCodes).await,
                Proved::Expired => return Ok(flow.to("")),
                Proved::Wrong { tries_left } => frame.add_error("code", ErrorText::RecoveryWrong { tries_left }),
            },
        }
        flow.show(&visitor, &view::EnterRecoveryCode { frame, flow: flow.id() })
    };
    finish(&state, &visitor, outcome.await)
}

async fn password_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        if flow.interaction.identifier.is_none() {
            return Ok(flow.to(""));
        }
        let frame = inner_frame(&state, &visitor, &flow).await?;
        flow.show(&visitor, &view::EnterPassword { frame, flow: flow.id() })
    };
    finish(&state, &visitor, outcome.await)
}

async fn password(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let mut frame = inner_frame(&state, &visitor, &flow).await?;
        let typed = Secret::from(form.get("password"));
        match sign_in::check_password(&state.services, &mut flow.interaction, &typed).await? {
            // A password alone is one factor: a code follows, chosen on the next page.
            Proved::Yes => return after_password(&state, &visitor, &mut flow).await,
            Proved::PausedUntil(until) => {
                return paused(&state, &visitor, &flow, until, PauseCause::WrongPasswords).await;
            }
            Proved::Disabled => return disabled(&state, &visitor, &flow, PauseCause::WrongPasswords).await,
            Proved::Expired => return Ok(flow.to("")),
            Proved::Wrong { tries_left } => frame.add_error("password", ErrorText::PasswordWrong { tries_left }),
        }
        flow.show(&visitor, &view::EnterPassword { frame, flow: flow.id() })
    };
    finish(&state, &visitor, outcome.await)
}

async fn after_password(state: &AppState, visitor: &Visitor, flow: &mut Flow) -> Answer<Response> {
    let current = visitor.session(state).await?;
    let methods = session::methods_together(&state.services, &flow.interaction, current.as_ref());
    if crate::identity::authentication_level(&methods) >= Some(AuthenticationLevel::Two) {
        return proved(state, visitor, flow).await;
    }
    Ok(flow.to("/method"))
}

/// A proof was given: make it a session, with a new cookie, and go on.
async fn proved(state: &AppState, visitor: &Visitor, flow: &mut Flow) -> Answer<Response> {
    let next = format!("/signin/{}/next", flow.interaction.id);
    proved_to(state, visitor, flow, &next).await
}

/// The same, leading to a page of account creation.
pub async fn proved_to(state: &AppState, visitor: &Visitor, flow: &mut Flow, to: &str) -> Answer<Response> {
    let current = visitor.session(state).await?;
    let made = session::establish(&state.services, &mut flow.interaction, current.as_ref(), &visitor.device).await?;
    let jar = CookieJar::new().add(cookies::build(cookies::SESSION, made.cookie, None));
    Ok((jar, Redirect::to(to)).into_response())
}

async fn paused(
    state: &AppState,
    visitor: &Visitor,
    flow: &Flow,
    until: crate::base::Timestamp,
    cause: PauseCause,
) -> Answer<Response> {
    let frame = inner_frame(state, visitor, flow).await?;
    let page = view::Paused { frame, flow: flow.id(), until, cause };
    let mut response = flow.show(visitor, &page)?;
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    Ok(response)
}

/// A way that a hundred wrong tries switched off: another way is needed, which the same page offers.
async fn disabled(state: &AppState, visitor: &Visitor, flow: &Flow, cause: PauseCause) -> Answer<Response> {
    let until = state.services.clock.now().plus(std::time::Duration::from_secs(86_400));
    paused(state, visitor, flow, until, cause).await
}

async fn paused_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        Ok(flow.to(if flow.interaction.identifier.is_none() { "" } else { "/method" }))
    };
    finish(&state, &visitor, outcome.await)
}

async fn passkey_options(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let autofill = form.get("conditional") == "1";
        let options = passkey::start_sign_in(&state.services, &mut flow.interaction, autofill).await?;
        Ok(Json(options).into_response())
    };
    finish(&state, &visitor, outcome.await)
}

async fn passkey_answer(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let cause = if form.get("credential").is_empty() {
            PasskeyFailure::from_error_name(form.get("error"))
        } else {
            match passkey::finish_sign_in(&state.services, &mut flow.interaction, form.get("credential")).await? {
                passkey::SignedIn::Yes => return proved(&state, &visitor, &mut flow).await,
                passkey::SignedIn::UnknownKey { credential_id } => PasskeyFailure::UnknownKey {
                    rp_id: state.services.config.provider.rp_id().to_owned(),
                    credential_id: base64_url(&credential_id),
                },
                passkey::SignedIn::Expired | passkey::SignedIn::Failed => PasskeyFailure::Failed,
            }
        };
        let mut frame = flow.frame(&state, &visitor).await?;
        frame.path = format!("/signin/{}/passkey-failed", flow.interaction.id);
        flow.show(&visitor, &view::PasskeyFailed { frame, flow: flow.id(), cause })
    };
    finish(&state, &visitor, outcome.await)
}

/// base64url without padding, as WebAuthn writes ids.
pub fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

async fn passkey_failed_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        let frame = flow.frame(&state, &visitor).await?;
        flow.show(&visitor, &view::PasskeyFailed { frame, flow: flow.id(), cause: PasskeyFailure::Failed })
    };
    finish(&state, &visitor, outcome.await)
}

async fn passkey_failed(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        match form.get("choice") {
            "retry" => Ok(flow.to("")),
            "other" => Ok(flow.to(if flow.interaction.identifier.is_none() { "" } else { "/method" })),
            _ => {
                let mut frame = flow.frame(&state, &visitor).await?;
                frame.add_error("choice", ErrorText::ChoiceMissing);
                flow.show(&visitor, &view::PasskeyFailed { frame, flow: flow.id(), cause: PasskeyFailure::Failed })
            }
        }
    };
    finish(&state, &visitor, outcome.await)
}

/// The live session a page is about; without one the flow begins at the first page again.
async fn signed_in(state: &AppState, visitor: &Visitor) -> Answer<Option<LiveSession>> {
    visitor.session(state).await
}

async fn continue_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        let Some(live) = signed_in(&state, &visitor).await? else {
            return Ok(flow.to(""));
        };
        let Some((_, plan)) = authorize::plan_for(&state.services, &flow.interaction, &live).await? else {
            return Ok(flow.to("/next"));
        };
        let locale = visitor.locale.tag();
        let mut open_services = Vec::new();
        for visit in session::visits(&state.services, live.session.id).await? {
            if let Some(known) = clients::find(&state.services, &visit.client_id).await? {
                open_services.push(known.client.display_name(locale).to_owned());
            }
        }
        let page = view::ContinueSession {
            frame: flow.frame(&state, &visitor).await?,
            flow: flow.id(),
            person: live.full_name.clone(),
            signed_in_at: live.session.authenticated_at,
            data: items(&state, &live, &plan.release.all(), &plan).await?,
            open_services,
        };
        flow.show(&visitor, &page)
    };
    finish(&state, &visitor, outcome.await)
}

async fn items(
    state: &AppState,
    live: &LiveSession,
    claims: &BTreeSet<crate::protocol::ClaimName>,
    plan: &disclosure::Plan,
) -> Answer<Vec<DataItem>> {
    // "New" tells what was not sent before; where nothing was, it would stand on every line.
    let first_time = plan.release.all().is_subset(&plan.unseen);
    let values = disclosure::values(&state.services, live.session.person_id, claims).await?;
    Ok(claims
        .iter()
        .filter_map(|claim| {
            let value = match values.get(claim)? {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Bool(yes) => if *yes { "✓" } else { "–" }.to_owned(),
                other => other.to_string(),
            };
            Some(DataItem {
                claim: claim.as_str().to_owned(),
                value,
                is_new: !first_time && plan.unseen.contains(claim),
            })
        })
        .collect())
}

async fn continue_session(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        match form.get("action") {
            "continue" => {
                flow.interaction.continued = signed_in(&state, &visitor).await?.map(|live| live.session.person_id)
            }
            "switch" => {
                flow.interaction.switched = true;
                flow.interaction.identifier = None;
                flow.interaction.proofs.clear();
                flow.interaction.consent = None;
                flow.interaction.continued = None;
            }
            "cancel" => {
                let advance = authorize::refuse(&state.services, &flow.interaction, Error::ACCESS_DENIED).await?;
                return go(&state, &visitor, &flow, advance);
            }
            _ => return Ok(flow.to("/continue")),
        }
        interaction::save(&state.services, &flow.interaction).await?;
        Ok(flow.to("/next"))
    };
    finish(&state, &visitor, outcome.await)
}

async fn consent_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        let Some(live) = signed_in(&state, &visitor).await? else {
            return Ok(flow.to(""));
        };
        let Some((known, plan)) = authorize::plan_for(&state.services, &flow.interaction, &live).await? else {
            return Ok(flow.to("/next"));
        };
        let Some(agreement) = &known.agreement else {
            return Ok(flow.to("/next"));
        };
        let needed: BTreeSet<_> = plan.release.all().difference(&plan.optional).copied().collect();
        let vietnamese = visitor.locale == view::Locale::Vi;
        let page = view::Consent {
            frame: flow.frame(&state, &visitor).await?,
            flow: flow.id(),
            ground: if plan.by_law { Ground::Law } else { Ground::Consent },
            items: items(&state, &live, &needed, &plan).await?,
            optional: items(&state, &live, &plan.optional, &plan).await?,
            purpose: if vietnamese { agreement.purpose_vi.clone() } else { agreement.purpose_en.clone() },
            basis: agreement.legal_basis.clone(),
            until: Some(state.services.clock.now().plus(state.services.config.tokens.consent_days.duration())),
        };
        flow.show(&visitor, &page)
    };
    finish(&state, &visitor, outcome.await)
}

async fn consent(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let Some(live) = signed_in(&state, &visitor).await? else {
            return Ok(flow.to(""));
        };
        match form.get("action") {
            "accept" => {}
            "refuse" => {
                let advance = authorize::consent_refused(&state.services, &flow.interaction, &live).await?;
                return go(&state, &visitor, &flow, advance);
            }
            _ => return Ok(flow.to("/consent")),
        }
        let Some((_, plan)) = authorize::plan_for(&state.services, &flow.interaction, &live).await? else {
            return Ok(flow.to("/next"));
        };
        let shown = plan.release.all().iter().map(|claim| claim.as_str().to_owned()).collect();
        let taken = form.all("claim");
        let refused =
            plan.optional.iter().map(|c| c.as_str()).filter(|c| !taken.contains(c)).map(str::to_owned).collect();
        flow.interaction.consent = Some(ConsentAnswer { person: live.session.person_id, shown, refused });
        interaction::save(&state.services, &flow.interaction).await?;
        Ok(flow.to("/next"))
    };
    finish(&state, &visitor, outcome.await)
}

async fn step_up_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        let Some(live) = signed_in(&state, &visitor).await? else {
            return Ok(flow.to(""));
        };
        let step = authorize::step(&state.services, &flow.interaction, &live).await?;
        let frame = flow.frame(&state, &visitor).await?;
        let ways = level::ways_of(&state.services, live.session.person_id).await?;
        match step {
            Step::StepUp(needed) => flow.show(
                &visitor,
                &view::StrongerSignIn {
                    frame,
                    flow: flow.id(),
                    had: Some(signed_in_by(&live)),
                    needed: needed.as_u8(),
                    passkey: !ways.passkeys.is_empty(),
                    password_and_code: ways.password,
                },
            ),
            Step::ProveIdentity(_) => {
                flow.show(&visitor, &view::ProveIdentity { frame, flow: flow.id(), has: live.identity_level.as_u8() })
            }
            Step::CannotBeMet => {
                flow.show(&visitor, &view::CannotMeet { frame, flow: flow.id(), reason: Unmet::NoStrongWay })
            }
            _ => Ok(flow.to("/next")),
        }
    };
    finish(&state, &visitor, outcome.await)
}

fn signed_in_by(live: &LiveSession) -> SignedInBy {
    if live.session.authentication_level >= AuthenticationLevel::Two {
        return SignedInBy::TwoSteps;
    }
    match live.session.methods.last() {
        Some(Method::Password) => SignedInBy::Password,
        Some(Method::RecoveryCode) => SignedInBy::RecoveryCode,
        Some(Method::Totp) => SignedInBy::Totp,
        Some(Method::Passkey { .. }) => SignedInBy::WeakPasskey,
        _ => SignedInBy::Code,
    }
}

/// The person chose a stronger way, or went back.
async fn step_up(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let Some(live) = signed_in(&state, &visitor).await? else {
            return Ok(flow.to(""));
        };
        match form.get("action") {
            "cancel" => {
                let advance =
                    authorize::refuse(&state.services, &flow.interaction, Error::UNMET_AUTHENTICATION_REQUIREMENTS)
                        .await?;
                go(&state, &visitor, &flow, advance)
            }
            // Only who really stands at this step may lend an earlier factor to the next.
            "password" | "other" if !authorize::steps_up(&state.services, &flow.interaction, &live).await? => {
                Ok(flow.to("/next"))
            }
            "password" => {
                flow.interaction.stepping_up = true;
                sign_in::identify_signed_in(&state.services, &mut flow.interaction, live.session.person_id).await?;
                Ok(flow.to("/password"))
            }
            "other" => {
                flow.interaction.stepping_up = true;
                sign_in::identify_signed_in(&state.services, &mut flow.interaction, live.session.person_id).await?;
                Ok(flow.to("/method"))
            }
            _ => Ok(flow.to("/step-up")),
        }
    };
    finish(&state, &visitor, outcome.await)
}

async fn offer_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let flow = load(&state, &visitor, &id).await?;
        let frame = flow.frame(&state, &visitor).await?;
        flow.show(&visitor, &view::OfferPasskey { frame, flow: flow.id() })
    };
    finish(&state, &visitor, outcome.await)
}

async fn offer_options(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, _) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let Some(live) = signed_in(&state, &visitor).await? else {
            return Err(Problem::new(ProblemReason::NotAllowed, "not_signed_in"));
        };
        let now = state.services.clock.now();
        if crate::flow::account::may_add_passkey(&live, now).is_err() {
            return Err(Problem::new(ProblemReason::NotAllowed, "passkey_not_allowed"));
        }
        let (options, ceremony) = passkey::start_making(&state.services, live.session.person_id).await?;
        flow.interaction.ceremony = Some(ceremony);
        interaction::save(&state.services, &flow.interaction).await?;
        Ok(Json(options).into_response())
    };
    finish(&state, &visitor, outcome.await)
}

async fn offer_answer(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let (mut flow, form) = load_form(&state, &visitor, &id, (&headers, &body)).await?;
        let Some(live) = signed_in(&state, &visitor).await? else {
            return Ok(flow.to(""));
        };
        let services = &state.services;
        let answered = !form.get("shared").is_empty() || form.get("action") == "skip";
        if !answered && form.get("credential").is_empty() {
            let mut frame = flow.frame(&state, &visitor).await?;
            frame.add_error("shared", ErrorText::SharedMissing);
            return flow.show(&visitor, &view::OfferPasskey { frame, flow: flow.id() });
        }
        if form.get("action") == "skip" || form.get("shared") == "yes" {
            authorize::passkey_offer_declined(services, live.session.person_id).await?;
        } else {
            let mut frame = flow.frame(&state, &visitor).await?;
            if form.get("credential").is_empty() {
                frame.add_error("create", ErrorText::PasskeyNotMade);
                return flow.show(&visitor, &view::OfferPasskey { frame, flow: flow.id() });
            }
            let ceremony = flow.interaction.take_ceremony(CeremonyPurpose::Register, services.clock.now());
            interaction::save(services, &flow.interaction).await?;
            if crate::flow::account::may_add_passkey(&live, services.clock.now()).is_err() {
                return Err(Problem::new(ProblemReason::NotAllowed, "passkey_not_allowed"));
            }
            let given = (form.get("credential"), visitor.device.as_str(), false);
            let error = match passkey::finish_making(services, live.session.person_id, ceremony, given).await? {
                passkey::Made::Yes => None,
                passkey::Made::AlreadyKnown => Some(ErrorText::PasskeyAlreadyHere),
                passkey::Made::Expired | passkey::Made::Failed => Some(ErrorText::PasskeyNotMade),
            };
            if let Some(error) = error {
                frame.add_error("create", error);
                return flow.show(&visitor, &view::OfferPasskey { frame, flow: flow.id() });
            }
        }
        flow.interaction.passkey_offered = true;
        interaction::save(services, &flow.interaction).await?;
        Ok(flow.to("/next"))
    };
    finish(&state, &visitor, outcome.await)
}
