//! What somebody sees who proved to be the owner of a frozen account: how to open it again.

use super::super::problem::Answer;
use super::super::signin::{At, Posted, proved_to};
use crate::flow::account::freeze;
use crate::view;
use axum::response::Response;

pub async fn page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    let Some(frozen) = freeze::look(&state.services, &flow.interaction).await? else {
        return Ok(flow.to(""));
    };
    let frame = flow.frame(&state, &visitor).await?;
    let id = flow.id();
    let page = view::Frozen { frame, flow: id, since: frozen.since, may_open: frozen.may_open };
    flow.show(&visitor, &page)
}

/// Opens the account by the proofs of this flow, which then signs in as usual.
pub async fn open_again(Posted { state, visitor, mut flow, .. }: Posted) -> Answer<Response> {
    if !freeze::open_again(&state.services, &flow.interaction).await? {
        return Ok(flow.to("/frozen"));
    }
    let next = format!("/signin/{}/next", flow.interaction.id);
    proved_to(&state, &visitor, &mut flow, &next).await
}
