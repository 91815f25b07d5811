//! C11 and C12: is somebody telling you what to do?

use super::super::problem::{Answer, Problem};
use super::own::{Own, OwnForm};
use crate::base::OrganizationId;
use crate::flow::account::stop::{self, Purpose};
use crate::view::{self, ErrorText, ProblemReason};
use axum::response::{IntoResponse, Redirect, Response};

/// The page that a purpose leads to. `about`: the organization that is meant, where it takes one.
fn page_of(purpose: Purpose, about: Option<OrganizationId>) -> String {
    let page = match purpose {
        Purpose::Passkey => "/account/passkeys",
        Purpose::Totp => "/account/totp",
        Purpose::Password => "/account/password",
        Purpose::RecoveryCodes => "/account/recovery-codes",
        Purpose::Phone => "/account/phone",
        Purpose::Email => "/account/email",
        Purpose::Close => "/account/close",
        Purpose::Organization => "/account/organizations/add",
        Purpose::OrganizationAgree | Purpose::OrganizationClose => {
            let list = "/account/organizations";
            let last = if purpose == Purpose::OrganizationClose { "/close" } else { "" };
            return about.map_or_else(|| list.to_owned(), |id| format!("{list}/{id}{last}"));
        }
    };
    page.to_owned()
}

/// The organization that an answer is about: only where the change is one of a single organization.
fn meant(purpose: Purpose, about: Option<OrganizationId>) -> Option<OrganizationId> {
    about.filter(|_| matches!(purpose, Purpose::OrganizationAgree | Purpose::OrganizationClose))
}

/// To the stop page, before anything else.
pub fn first(purpose: Purpose) -> Response {
    Redirect::to(&address(purpose, None)).into_response()
}

/// The same, before a change of one organization.
pub fn first_about(purpose: Purpose, about: OrganizationId) -> Response {
    Redirect::to(&address(purpose, Some(about))).into_response()
}

fn address(purpose: Purpose, about: Option<OrganizationId>) -> String {
    let address = format!("/account/stop?for={}", purpose.as_str());
    about.map_or_else(|| address.clone(), |id| format!("{address}&about={id}"))
}

fn purpose(word: &str) -> Answer<Purpose> {
    Purpose::parse(word).ok_or(Problem::new(ProblemReason::NotFound, "no_such_purpose"))
}

fn question(own: &Own, purpose: Purpose, about: Option<OrganizationId>) -> Answer<view::StopPage> {
    let back = match purpose {
        Purpose::Organization | Purpose::OrganizationAgree | Purpose::OrganizationClose => "/account/organizations",
        _ => "/account/ways",
    };
    let mut frame = own.frame(Some(back))?;
    frame.path = address(purpose, about);
    Ok(view::StopPage { frame, purpose: purpose.as_str(), about: about.map(|id| id.to_string()) })
}

pub async fn page(own: Own) -> Answer<Response> {
    let purpose = purpose(&own.asked("for").unwrap_or_default())?;
    let about = own.asked("about").and_then(|id| id.parse().ok());
    own.show(&question(&own, purpose, about)?)
}

pub async fn answer(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let purpose = purpose(form.get("for"))?;
    let about = form.get("about").parse().ok();
    match form.get("answer") {
        "no" => {
            stop::confirm(own.services(), &own.live, (purpose, meant(purpose, about))).await?;
            Ok(Redirect::to(&page_of(purpose, about)).into_response())
        }
        "yes" => {
            stop::stopped(own.services(), &own.live, (purpose, meant(purpose, about))).await?;
            let frame = own.frame(None)?;
            own.show(&view::ScamStop { frame })
        }
        _ => {
            let mut page = question(&own, purpose, about)?;
            page.frame.add_error("answer-no", ErrorText::ChoiceMissing);
            own.show(&page)
        }
    }
}
