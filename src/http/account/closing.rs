//! C34: closing the account.

use super::super::cookies;
use super::super::problem::{Answer, show};
use super::own::{Own, OwnForm};
use super::{stop, ways};
use crate::flow::account::close::{self, Closed};
use crate::flow::account::sharing;
use crate::flow::account::stop::Purpose;
use crate::flow::logout;
use crate::view::{self, ErrorText};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

pub async fn page(own: Own) -> Answer<Response> {
    match ways::before(&own, Purpose::Close).await? {
        Some(first) => Ok(first),
        None => question(&own, false).await,
    }
}

async fn question(own: &Own, unsure: bool) -> Answer<Response> {
    let mut portals = Vec::new();
    for consent in sharing::consents(own.services(), own.who()).await? {
        portals.push(own.portal_name(&consent.client_id).await?);
    }
    let mut frame = own.frame(Some("/account/freeze"))?;
    if unsure {
        frame.add_error("sure-yes", ErrorText::ChoiceMissing);
    }
    own.show(&view::CloseAccount { frame, portals })
}

pub async fn close(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    if form.get("sure") != "yes" {
        return question(&own, true).await;
    }
    match close::close(own.services(), &own.live).await? {
        Closed::SignInAgain => own.sign_in_again().await,
        Closed::Stop => Ok(stop::first(Purpose::Close)),
        Closed::Done => {
            let mut frame = own.visitor.frame(&own.state);
            "/".clone_into(&mut frame.path);
            frame.logout_frames = logout::farewell(own.services(), own.live.session.id).await?.frames;
            let page = show(&own.visitor, &view::AccountClosed { frame }, StatusCode::OK)?;
            Ok((cookies::sign_out(), page).into_response())
        }
    }
}
