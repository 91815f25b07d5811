//! A stronger sign-in, or a better proven account, is needed (C9).

use super::super::problem::Answer;
use super::flow::{At, Posted};
use super::go;
use crate::flow::authorize::{self, SecondProof};
use crate::flow::session::LiveSession;
use crate::flow::steps::Step;
use crate::flow::{level, sign_in};
use crate::identity::{AuthenticationLevel, Method};
use crate::view::{self, SignedInBy, Unmet};
use axum::response::Response;

pub(super) async fn step_up_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    let Some(live) = visitor.session(&state).await? else {
        return Ok(flow.to(""));
    };
    let step = authorize::step(&state.services, &flow.interaction, &live).await?;
    let frame = flow.frame(&state, &visitor).await?;
    let ways = level::ways_of(&state.services, live.session.person_id).await?;
    match step {
        Step::StepUp(needed) => {
            let second = needed == AuthenticationLevel::One;
            let page = view::StrongerSignIn {
                frame,
                flow: flow.id(),
                had: Some(signed_in_by(&live)),
                needed: needed.as_u8(),
                passkey: !ways.passkeys.is_empty(),
                password_and_code: ways.password && !second,
                second: match authorize::second_proof(&state.services, &live).await? {
                    SecondProof::PrintedCode if second => Some(view::SecondProof::PrintedCode),
                    SecondProof::SentCode if second => Some(view::SecondProof::SentCode),
                    _ => None,
                },
            };
            flow.show(&visitor, &page)
        }
        Step::ProveIdentity(_) => {
            flow.show(&visitor, &view::ProveIdentity { frame, flow: flow.id(), has: live.identity_level.as_u8() })
        }
        Step::CannotBeMet => {
            let reason = if frame.portal.is_some() { Unmet::NoStrongWay } else { Unmet::OnlyPhone };
            flow.show(&visitor, &view::CannotMeet { frame, flow: flow.id(), reason })
        }
        _ => Ok(flow.to("/next")),
    }
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
pub(super) async fn step_up(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let Some(live) = visitor.session(&state).await? else {
        return Ok(flow.to(""));
    };
    match form.get("action") {
        "cancel" => {
            let advance = authorize::cancel(&state.services, &flow.interaction, Some(&live)).await?;
            go(&state, &visitor, &flow, advance).await
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
            // Who lacks a printed code is asked for it at once; any other second code is chosen.
            let second = authorize::second_proof(&state.services, &live).await?;
            Ok(flow.to(if second == SecondProof::PrintedCode { "/recovery" } else { "/method" }))
        }
        _ => Ok(flow.to("/step-up")),
    }
}
