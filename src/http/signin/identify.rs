//! Who somebody says they are, and how they want to prove it (C1, C2).

use super::super::AppState;
use super::super::cookies;
use super::super::problem::Answer;
use super::super::visitor::Visitor;
use super::flow::{At, Flow, Posted};
use super::proofs::send;
use crate::flow::interaction;
use crate::flow::known_browser::{self, Recognised};
use crate::flow::outbox::Way;
use crate::flow::sign_in::{self, IdentifierError};
use crate::flow::{clients, level};
use crate::identity::{AuthenticationLevel, Method};
use crate::view::{self, ErrorText, Frame};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

pub(super) async fn identifier_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    let frame = flow.frame(&state, &visitor).await?;
    let mut page = identifier_context(&flow, &visitor, frame, String::new());
    page.recognised = recognised(&state, &visitor, &flow).await?.map(|known| known.given_name);
    flow.show(&visitor, &page)
}

/// Whom this browser greets. Nobody where another account was asked for, by the person or by the portal.
async fn recognised(state: &AppState, visitor: &Visitor, flow: &Flow) -> Answer<Option<Recognised>> {
    let interaction = &flow.interaction;
    if interaction.switched || interaction.request().is_some_and(|request| request.login_hint.is_some()) {
        return Ok(None);
    }
    let known = known_browser::recognise(&state.services, visitor.cookie(cookies::KNOWN)).await?;
    Ok(known.filter(|known| interaction.expected.is_none_or(|person| person == known.person)))
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

pub(super) async fn identifier(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let typed = form.get("identifier");
    let known = match form.get("recognised") {
        "1" if typed.is_empty() => recognised(&state, &visitor, &flow).await?,
        _ => None,
    };
    let identified = match known {
        Some(known) => {
            flow.interaction.channel = None;
            sign_in::identify_signed_in(&state.services, &mut flow.interaction, known.person).await?;
            Ok(())
        }
        None => sign_in::identify(&state.services, &mut flow.interaction, typed).await?,
    };
    match identified {
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
}

/// "Not me": whoever was recognised is forgotten, in this flow and by this browser.
pub(super) async fn forget_person(Posted { state, mut flow, .. }: Posted) -> Answer<Response> {
    flow.interaction.identifier = None;
    flow.interaction.proofs.clear();
    interaction::save(&state.services, &flow.interaction).await?;
    let jar = CookieJar::new().add(cookies::expire(cookies::KNOWN));
    Ok((jar, flow.to("")).into_response())
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

pub(super) async fn method_context(state: &AppState, visitor: &Visitor, flow: &Flow) -> Answer<view::ChooseMethod> {
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

pub(super) async fn method_page(At { state, visitor, flow, query }: At) -> Answer<Response> {
    if flow.interaction.identifier.is_none() {
        return Ok(flow.to(""));
    }
    let mut page = method_context(&state, &visitor, &flow).await?;
    let query = query.unwrap_or_default();
    let with = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "with");
    page.selected = with.and_then(|(_, value)| view::Method::from_value(&value));
    flow.show(&visitor, &page)
}

pub(super) async fn method(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
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
}
