//! C29: "not me", with a session or with the code of a notice.

use super::super::AppState;
use super::super::cookies;
use super::super::form::{self, Form};
use super::super::problem::{Answer, Problem, show};
use super::super::visitor::{Visitor, csrf_holds, csrf_token};
use super::activity;
use super::own::{Own, OwnForm};
use crate::base::{AuditId, ErrorId};
use crate::flow::account::activity as deeds;
use crate::flow::account::report::{self, ReportAction, SignedOut};
use crate::flow::logout;
use crate::identity::PersonalNumber;
use crate::view::{self, ErrorText, ProblemReason};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// Names the form token of the page that needs no session: what it does needs a number and a code.
const NO_SESSION: &str = "not-me";

fn action(word: &str) -> Option<ReportAction> {
    [ReportAction::Report, ReportAction::EndSessions, ReportAction::Freeze].into_iter().find(|a| a.as_str() == word)
}

async fn choices(own: &Own, about: &str, error: Option<ErrorText>) -> Answer<Response> {
    let mut frame = own.frame(Some("/account/activity"))?;
    let about: Option<AuditId> = about.parse().ok();
    let event = match about {
        Some(id) => deeds::find(own.services(), own.who(), id).await?,
        None => None,
    };
    if let Some(deed) = &event {
        frame.path = format!("/account/not-me?about={}", deed.id);
    }
    if let Some(error) = error {
        frame.add_error("action-freeze", error);
    }
    let event = match &event {
        Some(deed) => Some(activity::item(own, deed).await?),
        None => None,
    };
    own.show(&view::NotMe { frame, event })
}

pub async fn page(own: Own) -> Answer<Response> {
    let kept = own.kept().await?;
    let about = own.asked("about").unwrap_or_else(|| kept.get("about").to_owned());
    choices(&own, &about, None).await
}

pub async fn report(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let Some(action) = action(form.get("action")) else {
        return choices(&own, form.get("about"), Some(ErrorText::ChoiceMissing)).await;
    };
    let about = form.get("about").parse().ok();
    let number = report::signed_in(own.services(), &own.live, action, about).await?;
    // Freezing ends this session, too.
    let frames = match action {
        ReportAction::Freeze => logout::farewell(own.services(), own.live.session.id).await?.frames,
        ReportAction::Report | ReportAction::EndSessions => Vec::new(),
    };
    let page = reported(&own.state, &own.visitor, (action, number), frames)?;
    Ok(if action == ReportAction::Freeze { (cookies::sign_out(), page).into_response() } else { page })
}

/// What was done, and the number to ask by. The session may be over by now.
fn reported(
    state: &AppState,
    visitor: &Visitor,
    (action, number): (ReportAction, String),
    frames: Vec<String>,
) -> Answer<Response> {
    let mut frame = visitor.frame(state);
    frame.logout_frames = frames;
    "/not-me".clone_into(&mut frame.path);
    show(visitor, &view::Reported { frame, number, action: action.as_str() }, StatusCode::OK)
}

fn empty(state: &AppState, visitor: &Visitor) -> Answer<view::NotMeSignedOut> {
    let mut frame = visitor.frame(state);
    frame.csrf = csrf_token(state, NO_SESSION)?;
    Ok(view::NotMeSignedOut { frame, personal_number: String::new() })
}

pub async fn signed_out_page(State(state): State<AppState>, visitor: Visitor) -> Answer<Response> {
    show(&visitor, &empty(&state, &visitor)?, StatusCode::OK)
}

pub async fn signed_out(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    form::same_site(&headers, &state.site.origin).map_err(|_| Problem::form("form_of_other_site"))?;
    let form = Form::parse(&body).ok_or(Problem::new(ProblemReason::BadRequest, "form_unreadable"))?;
    if !csrf_holds(&state, NO_SESSION, form.get("csrf"))? {
        return Err(Problem::form("form_token"));
    }
    let mut page = empty(&state, &visitor)?;
    let number = PersonalNumber::parse(form.get("personal_number"));
    let code = ErrorId::parse(form.get("code"));
    let chosen = action(form.get("action")).filter(|action| *action != ReportAction::Report);
    if let (Ok(number), Some(code), Some(chosen)) = (&number, &code, chosen) {
        match report::signed_out(&state.services, (number, code), chosen, &visitor.network).await? {
            SignedOut::Done(report) => return reported(&state, &visitor, (chosen, report), Vec::new()),
            SignedOut::Wrong => page.frame.add_error("code", ErrorText::NoticeCodeWrong),
            SignedOut::PausedUntil(from) => page.frame.add_error("code", ErrorText::TryAgainFrom { from }),
        }
    }
    if number.is_err() {
        page.frame.add_error("personal_number", ErrorText::NumberFormat);
    }
    if code.is_none() {
        page.frame.add_error("code", ErrorText::NoticeCodeFormat);
    }
    if chosen.is_none() {
        page.frame.add_error("action-freeze", ErrorText::ChoiceMissing);
    }
    page.personal_number = form.get("personal_number").chars().take(40).collect();
    show(&visitor, &page, StatusCode::UNPROCESSABLE_ENTITY)
}
