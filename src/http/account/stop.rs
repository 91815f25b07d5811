//! C11 and C12: is somebody telling you what to do?

use super::super::problem::{Answer, Problem};
use super::own::{Own, OwnForm};
use crate::flow::account::stop::{self, Purpose};
use crate::view::{self, ErrorText, ProblemReason};
use axum::response::{IntoResponse, Redirect, Response};

/// The page that a purpose leads to.
const fn page_of(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Passkey => "/account/passkeys",
        Purpose::Totp => "/account/totp",
        Purpose::Password => "/account/password",
        Purpose::RecoveryCodes => "/account/recovery-codes",
        Purpose::Phone => "/account/phone",
        Purpose::Close => "/account/close",
    }
}

/// To the stop page, before anything else.
pub fn first(purpose: Purpose) -> Response {
    Redirect::to(&format!("/account/stop?for={}", purpose.as_str())).into_response()
}

fn purpose(word: &str) -> Answer<Purpose> {
    Purpose::parse(word).ok_or(Problem::new(ProblemReason::NotFound, "no_such_purpose"))
}

fn question(own: &Own, purpose: Purpose) -> Answer<view::StopPage> {
    let mut frame = own.frame(Some("/account/ways"))?;
    frame.path = format!("/account/stop?for={}", purpose.as_str());
    Ok(view::StopPage { frame, purpose: purpose.as_str() })
}

pub async fn page(own: Own) -> Answer<Response> {
    let purpose = purpose(&own.asked("for").unwrap_or_default())?;
    own.show(&question(&own, purpose)?)
}

pub async fn answer(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let purpose = purpose(form.get("for"))?;
    match form.get("answer") {
        "no" => {
            stop::confirm(own.services(), &own.live, purpose).await?;
            Ok(Redirect::to(page_of(purpose)).into_response())
        }
        "yes" => {
            stop::stopped(own.services(), &own.live, purpose).await?;
            let frame = own.frame(None)?;
            own.show(&view::ScamStop { frame })
        }
        _ => {
            let mut page = question(&own, purpose)?;
            page.frame.add_error("answer-no", ErrorText::ChoiceMissing);
            own.show(&page)
        }
    }
}
