//! C23: the e-mail address for notices.

use super::super::problem::Answer;
use super::own::{Own, OwnForm};
use super::{stop, ways};
use crate::flow::account;
use crate::flow::account::email::{self, Changed};
use crate::flow::account::phone::Asked;
use crate::flow::account::stop::Purpose;
use crate::flow::{person, sign_in};
use crate::identity::EmailAddress;
use crate::view::{self, ErrorText};
use axum::response::{IntoResponse, Redirect, Response};

const CODE: &str = "/account/email/code";

pub async fn page(own: Own) -> Answer<Response> {
    match ways::before(&own, Purpose::Email).await? {
        Some(first) => Ok(first),
        None => show(&own, own.kept().await?.get("email").chars().take(254).collect(), None).await,
    }
}

async fn show(own: &Own, typed: String, error: Option<ErrorText>) -> Answer<Response> {
    let mut frame = own.frame(Some("/account/ways"))?;
    "/account/email".clone_into(&mut frame.path);
    if let Some(error) = error {
        frame.add_error("email", error);
    }
    let current = person::contacts(own.services(), own.who()).await?.email.map(|email| email.masked());
    own.show(&view::ChangeEmail { frame, current, email: typed })
}

pub async fn send(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let typed: String = form.get("email").chars().take(254).collect();
    let Ok(address) = EmailAddress::parse(&typed) else {
        return show(&own, typed, Some(ErrorText::EmailFormat)).await;
    };
    match email::send_code(own.services(), &own.live, &address, own.visitor.locale.tag()).await? {
        Asked::Sent => Ok(Redirect::to(CODE).into_response()),
        Asked::Same => show(&own, typed, Some(ErrorText::EmailSame)).await,
        Asked::NotBefore(from) => show(&own, typed, Some(ErrorText::ResendTooSoon { from })).await,
        Asked::SignInAgain => own.sign_in_again().await,
        Asked::Stop => Ok(stop::first(Purpose::Email)),
    }
}

pub async fn code_page(own: Own) -> Answer<Response> {
    code(&own, None).await
}

async fn code(own: &Own, error: Option<(&'static str, ErrorText)>) -> Answer<Response> {
    let Some((address, until)) = email::entered(own.services(), &own.live).await? else {
        return Ok(Redirect::to("/account/email").into_response());
    };
    let mut frame = own.frame(Some("/account/email"))?;
    CODE.clone_into(&mut frame.path);
    if let Some((field, text)) = error {
        frame.add_error(field, text);
    }
    let from = account::resend_from(own.services(), &own.live).await?;
    let can_resend = from <= own.now();
    own.show(&view::ConfirmEmail { frame, email: address.as_str().to_owned(), until, can_resend, resend_from: from })
}

pub async fn resend(OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    let Some((address, _)) = email::entered(own.services(), &own.live).await? else {
        return Ok(Redirect::to("/account/email").into_response());
    };
    match email::send_code(own.services(), &own.live, &address, own.visitor.locale.tag()).await? {
        Asked::Sent => Ok(Redirect::to(CODE).into_response()),
        Asked::NotBefore(from) => code(&own, Some(("resend", ErrorText::ResendTooSoon { from }))).await,
        Asked::Same => Ok(Redirect::to("/account/email").into_response()),
        Asked::SignInAgain => own.sign_in_again().await,
        Asked::Stop => Ok(stop::first(Purpose::Email)),
    }
}

pub async fn check(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let Some(typed) = sign_in::normalize_sent_code(form.get("code")) else {
        return code(&own, Some(("code", ErrorText::CodeFormat))).await;
    };
    match email::check_code(own.services(), &own.live, &typed).await? {
        Changed::Wrong { tries_left } => code(&own, Some(("code", ErrorText::CodeWrong { tries_left }))).await,
        Changed::Expired => code(&own, Some(("code", ErrorText::CodeExpired))).await,
        other => after(&own, other, "email-changed").await,
    }
}

pub async fn remove(OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    let removed = email::remove(own.services(), &own.live).await?;
    after(&own, removed, "email-removed").await
}

async fn after(own: &Own, changed: Changed, done: &str) -> Answer<Response> {
    match changed {
        Changed::Done => Ok(Redirect::to(&format!("/account/ways?done={done}")).into_response()),
        Changed::SignInAgain => own.sign_in_again().await,
        Changed::Stop => Ok(stop::first(Purpose::Email)),
        Changed::Wrong { .. } | Changed::Expired => Ok(Redirect::to("/account/ways").into_response()),
    }
}
