//! C34: freezing. Any live session may: it only takes away.

use super::super::cookies;
use super::super::problem::{Answer, show};
use super::own::{Own, OwnForm};
use crate::flow::account::freeze;
use crate::flow::logout;
use crate::view;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

pub async fn page(own: Own) -> Answer<Response> {
    let frame = own.frame(Some("/account"))?;
    own.show(&view::FreezePage { frame })
}

pub async fn freeze(OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    freeze::freeze(own.services(), own.who()).await?;
    let mut frame = own.visitor.frame(&own.state);
    "/not-me".clone_into(&mut frame.path);
    frame.logout_frames = logout::farewell(own.services(), own.live.session.id).await?.frames;
    let page = show(&own.visitor, &view::FrozenNow { frame }, StatusCode::OK)?;
    Ok((cookies::sign_out(), page).into_response())
}
