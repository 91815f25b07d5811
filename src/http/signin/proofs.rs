//! Codes and passwords: asked for, judged, made a session (C3, C3b, C4).

use super::super::AppState;
use super::super::cookies;
use super::super::problem::Answer;
use super::super::visitor::Visitor;
use super::flow::{At, Flow, Posted};
use crate::base::Secret;
use crate::flow::account::freeze;
use crate::flow::clients;
use crate::flow::known_browser;
use crate::flow::outbox::Way;
use crate::flow::session;
use crate::flow::sign_in::{self, Proved, Sent};
use crate::identity::{AuthenticationLevel, Rule};
use crate::view::{self, ErrorText, Frame, PauseCause};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

pub(super) async fn send(state: &AppState, visitor: &Visitor, flow: &mut Flow, way: Way) -> Answer<Response> {
    let portal = match flow.interaction.request() {
        Some(request) => clients::find(&state.services, &request.client_id).await?,
        None => None,
    };
    let language = visitor.locale.tag();
    let portal = portal.map(|known| known.client.display_name(language).to_owned());
    match sign_in::send_code(&state.services, &mut flow.interaction, way, (portal, language, &visitor.network)).await? {
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

pub(super) async fn code_context(state: &AppState, visitor: &Visitor, flow: &Flow) -> Answer<view::EnterCode> {
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

pub(super) async fn code_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    if flow.interaction.channel.is_none() {
        return Ok(flow.to(if flow.interaction.identifier.is_none() { "" } else { "/method" }));
    }
    flow.show(&visitor, &code_context(&state, &visitor, &flow).await?)
}

pub(super) async fn resend(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    if flow.interaction.identifier.is_none() {
        return Ok(flow.to(""));
    }
    let way = if form.get("channel") == "voice" { Way::Voice } else { Way::Sms };
    send(&state, &visitor, &mut flow, way).await
}

pub(super) async fn code(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let outcome = match sign_in::normalize_sent_code(form.get("code")) {
        None => Err(ErrorText::CodeFormat),
        Some(typed) => Ok(sign_in::check_code(&state.services, &mut flow.interaction, &typed).await?),
    };
    let error = match judged(&state, &visitor, &mut flow, (outcome, Asked::Code)).await? {
        Judged::Over(response) => return Ok(response),
        Judged::Wrong(error) => error,
    };
    let mut page = code_context(&state, &visitor, &flow).await?;
    page.frame.add_error("code", error);
    flow.show(&visitor, &page)
}

/// What a page asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Code,
    Totp,
    Recovery,
    Password,
}

/// What became of an answer.
enum Judged {
    /// The flow goes on, or pauses.
    Over(Response),
    /// The page is shown again.
    Wrong(ErrorText),
}

/// What follows a proof, whatever it was: the next step, a pause, or what the page says when it asks again.
async fn judged(
    state: &AppState,
    visitor: &Visitor,
    flow: &mut Flow,
    (outcome, asked): (Result<Proved, ErrorText>, Asked),
) -> Answer<Judged> {
    let cause = if asked == Asked::Password { PauseCause::WrongPasswords } else { PauseCause::WrongCodes };
    let over = match outcome {
        Err(error) => return Ok(Judged::Wrong(error)),
        // A password alone is one factor: a code follows, chosen on the next page.
        Ok(Proved::Yes) if asked == Asked::Password => after_password(state, visitor, flow).await?,
        Ok(Proved::Yes) => proved(state, visitor, flow).await?,
        Ok(Proved::PausedUntil(until)) => paused(state, visitor, flow, until, cause).await?,
        Ok(Proved::Disabled) => disabled(state, visitor, flow, cause).await?,
        // Another code can be sent; nothing else runs out but with its flow.
        Ok(Proved::Expired) if asked == Asked::Code => return Ok(Judged::Wrong(ErrorText::CodeExpired)),
        Ok(Proved::Expired) => flow.to(""),
        Ok(Proved::Wrong { tries_left }) => {
            return Ok(Judged::Wrong(match asked {
                Asked::Code | Asked::Totp => ErrorText::CodeWrong { tries_left },
                Asked::Recovery => ErrorText::RecoveryWrong { tries_left },
                Asked::Password => ErrorText::PasswordWrong { tries_left },
            }));
        }
    };
    Ok(Judged::Over(over))
}

pub(super) async fn totp_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    let frame = inner_frame(&state, &visitor, &flow).await?;
    flow.show(&visitor, &view::EnterTotp { frame, flow: flow.id() })
}

pub(super) async fn inner_frame(state: &AppState, visitor: &Visitor, flow: &Flow) -> Answer<Frame> {
    let mut frame = flow.frame(state, visitor).await?;
    frame.back = Some(format!("/signin/{}/method", flow.interaction.id));
    Ok(frame)
}

pub(super) async fn totp(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let outcome = match sign_in::normalize_sent_code(form.get("code")) {
        None => Err(ErrorText::CodeFormat),
        Some(typed) => Ok(sign_in::check_totp(&state.services, &mut flow.interaction, typed.expose()).await?),
    };
    let error = match judged(&state, &visitor, &mut flow, (outcome, Asked::Totp)).await? {
        Judged::Over(response) => return Ok(response),
        Judged::Wrong(error) => error,
    };
    let mut frame = inner_frame(&state, &visitor, &flow).await?;
    frame.add_error("code", error);
    flow.show(&visitor, &view::EnterTotp { frame, flow: flow.id() })
}

pub(super) async fn recovery_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    if flow.interaction.identifier.is_none() {
        return Ok(flow.to(""));
    }
    let frame = inner_frame(&state, &visitor, &flow).await?;
    flow.show(&visitor, &view::EnterRecoveryCode { frame, flow: flow.id() })
}

pub(super) async fn recovery(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let outcome = match sign_in::normalize_recovery_code(form.get("code")) {
        None => Err(ErrorText::RecoveryFormat),
        Some(typed) => Ok(sign_in::check_recovery_code(&state.services, &mut flow.interaction, &typed).await?),
    };
    let error = match judged(&state, &visitor, &mut flow, (outcome, Asked::Recovery)).await? {
        Judged::Over(response) => return Ok(response),
        Judged::Wrong(error) => error,
    };
    let mut frame = inner_frame(&state, &visitor, &flow).await?;
    frame.add_error("code", error);
    flow.show(&visitor, &view::EnterRecoveryCode { frame, flow: flow.id() })
}

pub(super) async fn password_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    if flow.interaction.identifier.is_none() {
        return Ok(flow.to(""));
    }
    let frame = inner_frame(&state, &visitor, &flow).await?;
    flow.show(&visitor, &view::EnterPassword { frame, flow: flow.id() })
}

pub(super) async fn password(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let typed = Secret::from(form.get("password"));
    let outcome = Ok(sign_in::check_password(&state.services, &mut flow.interaction, &typed).await?);
    let error = match judged(&state, &visitor, &mut flow, (outcome, Asked::Password)).await? {
        Judged::Over(response) => return Ok(response),
        Judged::Wrong(error) => error,
    };
    let mut frame = inner_frame(&state, &visitor, &flow).await?;
    frame.add_error("password", error);
    flow.show(&visitor, &view::EnterPassword { frame, flow: flow.id() })
}

pub(super) async fn after_password(state: &AppState, visitor: &Visitor, flow: &mut Flow) -> Answer<Response> {
    let current = visitor.session(state).await?;
    let methods = session::methods_together(&state.services, &flow.interaction, current.as_ref());
    if crate::identity::authentication_level(&methods) >= Some(AuthenticationLevel::Two) {
        return proved(state, visitor, flow).await;
    }
    Ok(flow.to("/method"))
}

/// A device that is shared recognises nobody from now on.
pub fn on_shared_device(response: Response) -> Response {
    let shared = cookies::build(cookies::KNOWN, known_browser::SHARED, Some(known_browser::LIFETIME));
    (CookieJar::new().add(shared), response).into_response()
}

/// A proof was given: make it a session, with a new cookie, and go on.
pub(super) async fn proved(state: &AppState, visitor: &Visitor, flow: &mut Flow) -> Answer<Response> {
    let next = format!("/signin/{}/next", flow.interaction.id);
    proved_to(state, visitor, flow, &next).await
}

/// The same, leading to a page of account creation.
pub async fn proved_to(state: &AppState, visitor: &Visitor, flow: &mut Flow, to: &str) -> Answer<Response> {
    // Told only after a proof: a frozen account has no session, but a way to be opened again.
    if freeze::look(&state.services, &flow.interaction).await?.is_some() {
        return Ok(flow.to("/frozen"));
    }
    let current = visitor.session(state).await?;
    let cookie = visitor.cookie(cookies::KNOWN);
    let known = flow.interaction.person.is_some_and(|person| known_browser::knows(&state.services, cookie, person));
    let browser = session::InBrowser { device: &visitor.device, network: &visitor.network, known };
    let made = session::establish(&state.services, &mut flow.interaction, current.as_ref(), browser).await?;
    let state_cookie = cookies::browser_state(session::browser_state(&state.services, made.id)?);
    let mut jar = CookieJar::new().add(cookies::build(cookies::SESSION, made.cookie, None)).add(state_cookie);
    if let Some(person) = flow.interaction.person
        && cookie != Some(known_browser::SHARED)
    {
        let value = known_browser::remember(&state.services, person)?;
        jar = jar.add(cookies::build(cookies::KNOWN, value, Some(known_browser::LIFETIME)));
    }
    Ok((jar, Redirect::to(to)).into_response())
}

pub(super) async fn paused(
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
pub(super) async fn disabled(state: &AppState, visitor: &Visitor, flow: &Flow, cause: PauseCause) -> Answer<Response> {
    let until = state.services.clock.now().plus(std::time::Duration::from_secs(86_400));
    paused(state, visitor, flow, until, cause).await
}

pub(super) async fn paused_page(At { flow, .. }: At) -> Answer<Response> {
    Ok(flow.to(if flow.interaction.identifier.is_none() { "" } else { "/method" }))
}
