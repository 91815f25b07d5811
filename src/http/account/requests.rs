//! What portals ask the person for (CIBA): seen here, answered in a flow with a fresh sign-in.

use super::super::problem::{Answer, Problem};
use super::super::signin;
use super::own::{Own, OwnForm};
use crate::base::DecoupledId;
use crate::flow::decoupled::{Decision, ciba};
use crate::view::{self, ProblemReason, RequestItem};
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

pub async fn page(own: Own) -> Answer<Response> {
    let mut items = Vec::new();
    for asked in ciba::waiting(own.services(), &own.live).await? {
        items.push(RequestItem {
            id: asked.id.to_string(),
            portal: own.portal_name(&asked.request.client_id).await?,
            message: asked.binding_message,
            at: asked.asked_at,
            until: asked.expires_at,
        });
    }
    let frame = own.frame(Some("/account"))?;
    own.show(&view::Requests { frame, items })
}

pub async fn answer(Path(id): Path<String>, OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let id: DecoupledId = id.parse().map_err(|_| Problem::new(ProblemReason::NotFound, "no_such_request"))?;
    match form.get("action") {
        "answer" => match ciba::decide(own.services(), &own.live, id).await? {
            Some(begun) => signin::enter(&own.visitor, &begun, &format!("/signin/{}/next", begun.interaction.id)),
            None => Ok(Redirect::to("/account/requests?done=request-over").into_response()),
        },
        "refuse" => {
            let word = match ciba::refuse(own.services(), &own.live, id).await? {
                Decision::Denied => "denied",
                Decision::Allowed | Decision::Over => "over",
            };
            Ok(Redirect::to(&format!("/account/requests?done=request-{word}")).into_response())
        }
        _ => Ok(Redirect::to("/account/requests").into_response()),
    }
}
