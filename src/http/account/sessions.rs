//! C27: devices and sessions.

use super::super::problem::{Answer, Problem};
use super::super::signout;
use super::own::{Own, OwnForm};
use crate::base::SessionId;
use crate::flow::logout::Done;
use crate::flow::{account, session};
use crate::view::{self, ProblemReason, SessionItem};
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

pub async fn page(own: Own) -> Answer<Response> {
    let mut sessions = Vec::new();
    for session in session::all_of(own.services(), own.who()).await? {
        let mut services = Vec::new();
        for visit in session::visits(own.services(), session.id).await? {
            services.push(own.portal_name(&visit.client_id).await?);
        }
        sessions.push(SessionItem {
            id: session.id.to_string(),
            device: session.device,
            place: session.place,
            first_at: session.created_at,
            last_at: session.last_seen_at,
            services,
            current: session.id == own.live.session.id,
        });
    }
    let frame = own.frame(Some("/account"))?;
    own.show(&view::Sessions { frame, sessions })
}

pub async fn end(Path(id): Path<String>, OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    let gone = || Problem::new(ProblemReason::NotFound, "no_such_session");
    let id: SessionId = id.parse().map_err(|_| gone())?;
    if !account::end_session(own.services(), &own.live, id).await? {
        return Err(gone());
    }
    if id == own.live.session.id {
        return signout::leave(&own.state, Done { session: Some(id), ..Done::default() }).await;
    }
    Ok(Redirect::to("/account/sessions?done=session-ended").into_response())
}

pub async fn end_others(OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    let count = session::end_all(own.services(), own.who(), Some(own.live.session.id), "by_person").await?;
    Ok(Redirect::to(&format!("/account/sessions?done=others-{count}")).into_response())
}
