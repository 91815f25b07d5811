//! Passkeys on the sign-in pages: signing in, what to do when it fails, the offer to make one (C1, C5, C10).

use super::super::AppState;
use super::super::problem::{Answer, Problem};
use super::flow::{At, Flow, Posted};
use super::proofs::{on_shared_device, proved};
use crate::flow::interaction;
use crate::flow::passkey::{Asker, NewPasskey};
use crate::flow::session::LiveSession;
use crate::flow::steps::Step;
use crate::flow::{authorize, passkey};
use crate::view::{self, ErrorText, PasskeyFailure, ProblemReason};
use axum::Json;
use axum::response::{IntoResponse, Response};

pub(super) async fn passkey_options(Posted { state, flow, form, .. }: Posted) -> Answer<Response> {
    let autofill = form.get("conditional") == "1";
    let options = passkey::start_sign_in(&state.services, &flow.interaction, autofill).await?;
    Ok(Json(options).into_response())
}

pub(super) async fn passkey_answer(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
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
}

/// base64url without padding, as WebAuthn writes ids.
pub fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) async fn passkey_failed_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    let frame = flow.frame(&state, &visitor).await?;
    flow.show(&visitor, &view::PasskeyFailed { frame, flow: flow.id(), cause: PasskeyFailure::Failed })
}

pub(super) async fn passkey_failed(Posted { state, visitor, flow, form, .. }: Posted) -> Answer<Response> {
    match form.get("choice") {
        "retry" => Ok(flow.to("")),
        "other" => Ok(flow.to(if flow.interaction.identifier.is_none() { "" } else { "/method" })),
        _ => {
            let mut frame = flow.frame(&state, &visitor).await?;
            frame.add_error("choice", ErrorText::ChoiceMissing);
            flow.show(&visitor, &view::PasskeyFailed { frame, flow: flow.id(), cause: PasskeyFailure::Failed })
        }
    }
}

pub(super) async fn offer_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    let Some(live) = visitor.session(&state).await? else {
        return Ok(flow.to(""));
    };
    if !is_offered(&state, &flow, &live).await? {
        return Ok(flow.to("/next"));
    }
    let frame = flow.frame(&state, &visitor).await?;
    flow.show(&visitor, &view::OfferPasskey { frame, flow: flow.id() })
}

/// Whether the flow stands at the offer: only to people without a passkey, so that no address skips the stop page (C11).
async fn is_offered(state: &AppState, flow: &Flow, live: &LiveSession) -> Answer<bool> {
    Ok(authorize::step(&state.services, &flow.interaction, live).await? == Step::OfferPasskey)
}

pub(super) async fn offer_options(Posted { state, visitor, flow, .. }: Posted) -> Answer<Response> {
    let Some(live) = visitor.session(&state).await? else {
        return Err(Problem::new(ProblemReason::NotAllowed, "not_signed_in"));
    };
    let now = state.services.clock.now();
    let offered = is_offered(&state, &flow, &live).await?;
    if !offered || crate::flow::account::may_add_passkey(&live, now).is_err() {
        return Err(Problem::new(ProblemReason::NotAllowed, "passkey_not_allowed"));
    }
    let asker = Asker::Flow(&flow.interaction);
    let options = passkey::start_making(&state.services, asker, live.session.person_id).await?;
    Ok(Json(options).into_response())
}

pub(super) async fn offer_answer(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let Some(live) = visitor.session(&state).await? else {
        return Ok(flow.to(""));
    };
    let services = &state.services;
    if !is_offered(&state, &flow, &live).await? {
        return Ok(flow.to("/next"));
    }
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
        if crate::flow::account::may_add_passkey(&live, services.clock.now()).is_err() {
            return Err(Problem::new(ProblemReason::NotAllowed, "passkey_not_allowed"));
        }
        let new = NewPasskey {
            response: form.get("credential"),
            name: &visitor.device,
            first_day: false,
            live: Some(&live),
            confirmed: None,
        };
        let error =
            match passkey::keep_made(services, Asker::Flow(&flow.interaction), live.session.person_id, new).await? {
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
    let next = flow.to("/next");
    Ok(if form.get("shared") == "yes" { on_shared_device(next) } else { next })
}
