//! The authenticator app.

use super::super::problem::{Answer, Problem, show};
use super::own::{Own, OwnForm};
use super::{stop, ways};
use crate::flow::account::stop::Purpose;
use crate::flow::account::totp::{self, Enrolment, Step};
use crate::flow::account::{self, Change};
use crate::identity::Way;
use crate::view::{self, ErrorText, ProblemReason};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

pub async fn page(own: Own) -> Answer<Response> {
    if let Some(since) = totp::since(own.services(), own.who()).await? {
        let frame = own.frame(Some("/account/ways"))?;
        return own.show(&view::AuthenticatorApp { frame, since });
    }
    if let Some(first) = ways::before(&own, Purpose::Totp).await? {
        return Ok(first);
    }
    let step = totp::start(own.services(), &own.live).await?;
    after(&own, step).await
}

pub async fn confirm(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let step = totp::finish(own.services(), &own.live, form.get("code")).await?;
    after(&own, step).await
}

async fn after(own: &Own, step: Step) -> Answer<Response> {
    match step {
        Step::Show(enrolment) => set_up(own, &enrolment, false),
        Step::WrongCode(enrolment) => set_up(own, &enrolment, true),
        Step::Done => Ok(Redirect::to("/account/ways?done=totp-added").into_response()),
        Step::Exists => Ok(Redirect::to("/account/totp").into_response()),
        Step::SignInAgain => own.sign_in_again().await,
        Step::Stop => Ok(stop::first(Purpose::Totp)),
    }
}

fn set_up(own: &Own, enrolment: &Enrolment, wrong: bool) -> Answer<Response> {
    let mut frame = own.frame(Some("/account/ways"))?;
    if wrong {
        frame.add_error("code", ErrorText::TotpWrong);
    }
    let page = view::SetUpApp {
        frame,
        qr: view::QrPicture::of(enrolment.uri.expose()),
        secret: enrolment.secret.expose().to_owned(),
    };
    own.show(&page)
}

pub async fn remove_page(own: Own) -> Answer<Response> {
    if totp::since(own.services(), own.who()).await?.is_none() {
        return Err(Problem::new(ProblemReason::NotFound, "no_app"));
    }
    if let Some(waits) = ways::first_day(&own).await? {
        return Ok(waits);
    }
    let last_strong = match account::may_remove(&own.live, &own.ways().await?, Way::Totp, own.now()) {
        Ok(()) => false,
        Err(refusal) if account::is_last(refusal) => true,
        Err(_) => return own.sign_in_again().await,
    };
    let frame = own.frame(Some("/account/totp"))?;
    own.show(&view::RemoveApp { frame, last_strong })
}

pub async fn remove(OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    match totp::remove(own.services(), &own.live).await? {
        Change::Done => Ok(Redirect::to("/account/ways?done=totp-removed").into_response()),
        Change::SignInAgain => own.sign_in_again().await,
        Change::Gone => Err(Problem::new(ProblemReason::NotFound, "no_app")),
        Change::LastWay => {
            let frame = own.frame(Some("/account/totp"))?;
            show(&own.visitor, &view::RemoveApp { frame, last_strong: true }, StatusCode::CONFLICT)
        }
    }
}
