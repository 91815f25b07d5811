//! Deciding about what was asked for on another device: who asks and whether somebody tells the person what to do comes
//! first, "allow" last, and the usual pages of signing in between.

use super::super::AppState;
use super::super::cookies::{self, flow_name};
use super::super::problem::Answer;
use super::super::visitor::Visitor;
use super::consent::items;
use super::flow::{At, Flow, Posted};
use super::go;
use crate::flow::decoupled::{self, Decision, Door};
use crate::flow::steps::Step;
use crate::flow::{authorize, interaction};
use crate::view::{self, DeviceEnd, ErrorText};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

/// Where such a flow ends.
pub(super) const fn end_of(door: Door, decision: Decision) -> &'static str {
    match (door, decision) {
        (Door::Device, Decision::Allowed) => "/device/done?result=allowed",
        (Door::Device, Decision::Denied) => "/device/done?result=denied",
        (Door::Device, Decision::Over) => "/device/done?result=over",
        (Door::Ciba, Decision::Allowed) => "/account/requests?done=request-allowed",
        (Door::Ciba, Decision::Denied) => "/account/requests?done=request-denied",
        (Door::Ciba, Decision::Over) => "/account/requests?done=request-over",
    }
}

pub(super) async fn asked_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    show_asked(&state, &visitor, &flow, None).await
}

async fn show_asked(state: &AppState, visitor: &Visitor, flow: &Flow, error: Option<ErrorText>) -> Answer<Response> {
    let Some(asked) = flow.interaction.decoupled() else {
        return Ok(flow.to("/next"));
    };
    let mut frame = flow.frame(state, visitor).await?;
    if let Some(error) = error {
        frame.add_error("answer-no", error);
    }
    let place = asked.place.as_ref().map(|place| view::AskingPlace {
        device: place.device.clone(),
        network: place.network.clone(),
        same_network: place.network == visitor.network,
    });
    let page = view::Asked {
        frame,
        flow: flow.id(),
        by_device: asked.door == Door::Device,
        place,
        message: asked.binding_message.clone(),
        at: asked.asked_at,
        until: asked.expires_at,
    };
    flow.show(visitor, &page)
}

pub(super) async fn asked(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let live = visitor.session(&state).await?;
    match (form.get("answer"), flow.interaction.decoupled_mut()) {
        (_, None) => Ok(flow.to("/next")),
        ("no", Some(asked)) => {
            asked.heeded = true;
            interaction::save(&state.services, &flow.interaction).await?;
            Ok(flow.to("/next"))
        }
        ("yes", Some(asked)) => {
            decoupled::stopped(&state.services, asked, live.as_ref()).await?;
            interaction::forget(&state.services, &flow.interaction).await?;
            let jar = CookieJar::new().add(cookies::expire(flow_name(&flow.interaction.id)));
            let to = format!("/device/done?result={}", DeviceEnd::Stopped.as_str());
            Ok((jar, Redirect::to(&to)).into_response())
        }
        ("refuse", Some(_)) => {
            let advance = authorize::deny(&state.services, &flow.interaction, live.as_ref()).await?;
            go(&state, &visitor, &flow, advance).await
        }
        _ => show_asked(&state, &visitor, &flow, Some(ErrorText::ChoiceMissing)).await,
    }
}

pub(super) async fn decide_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    let (Some(asked), Some(live)) = (flow.interaction.decoupled(), visitor.session(&state).await?) else {
        return Ok(flow.to("/next"));
    };
    if authorize::step(&state.services, &flow.interaction, &live).await? != Step::Decide {
        return Ok(flow.to("/next"));
    }
    let data = match authorize::plan_for(&state.services, &flow.interaction, &live).await? {
        Some((_, plan)) => items(&state, &live, &plan.release.all(), &plan).await?,
        None => Vec::new(),
    };
    let page = view::Decide {
        frame: flow.frame(&state, &visitor).await?,
        flow: flow.id(),
        by_device: asked.door == Door::Device,
        person: live.full_name.clone(),
        message: asked.binding_message.clone(),
        data,
    };
    flow.show(&visitor, &page)
}

pub(super) async fn decide(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let Some(live) = visitor.session(&state).await? else {
        return Ok(flow.to("/next"));
    };
    if flow.interaction.decoupled().is_none() {
        return Ok(flow.to("/next"));
    }
    match form.get("action") {
        // Only who stands before this question, having seen all that comes before it, can answer it (P1).
        "allow" if authorize::step(&state.services, &flow.interaction, &live).await? == Step::Decide => {
            if let Some(asked) = flow.interaction.decoupled_mut() {
                asked.allowed_by = Some(live.session.person_id);
            }
            interaction::save(&state.services, &flow.interaction).await?;
            Ok(flow.to("/next"))
        }
        "deny" => {
            let advance = authorize::deny(&state.services, &flow.interaction, Some(&live)).await?;
            go(&state, &visitor, &flow, advance).await
        }
        _ => Ok(flow.to("/next")),
    }
}
