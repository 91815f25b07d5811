//! C25: change of phone.

use super::super::problem::Answer;
use super::own::{Own, OwnForm};
use super::{stop, ways};
use crate::base::Secret;
use crate::flow::account;
use crate::flow::account::phone::{self, Asked, Changed};
use crate::flow::account::stop::Purpose;
use crate::flow::outbox::Way;
use crate::flow::{person, sign_in};
use crate::identity::PhoneNumber;
use crate::view::{self, ErrorText};
use axum::response::{IntoResponse, Redirect, Response};

const CODE: &str = "/account/phone/code";

pub async fn page(own: Own) -> Answer<Response> {
    match ways::before(&own, Purpose::Phone).await? {
        Some(first) => Ok(first),
        None => show(&own, own.kept().await?.get("phone").chars().take(40).collect(), None).await,
    }
}

async fn show(own: &Own, typed: String, error: Option<ErrorText>) -> Answer<Response> {
    let mut frame = own.frame(Some("/account/ways"))?;
    "/account/phone".clone_into(&mut frame.path);
    if let Some(error) = error {
        frame.add_error("phone", error);
    }
    let current = person::contacts(own.services(), own.who()).await?.phone.map(|phone| phone.masked());
    own.show(&view::ChangePhone { frame, current, phone: typed })
}

pub async fn send(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let typed: String = form.get("phone").chars().take(40).collect();
    let Ok(phone) = PhoneNumber::parse(&typed) else {
        return show(&own, typed, Some(ErrorText::PhoneFormat)).await;
    };
    let language = own.visitor.locale.tag();
    match phone::send_code(own.services(), &own.live, &phone, (Way::Sms, language)).await? {
        Asked::Sent => Ok(Redirect::to(CODE).into_response()),
        Asked::Same => show(&own, typed, Some(ErrorText::PhoneSame)).await,
        Asked::NotBefore(from) => show(&own, typed, Some(ErrorText::ResendTooSoon { from })).await,
        Asked::SignInAgain => own.sign_in_again().await,
        Asked::Stop => Ok(stop::first(Purpose::Phone)),
    }
}

pub async fn code_page(own: Own) -> Answer<Response> {
    code(&own, None).await
}

async fn code(own: &Own, error: Option<(&'static str, ErrorText)>) -> Answer<Response> {
    let Some((phone, until)) = phone::entered(own.services(), &own.live).await? else {
        return Ok(Redirect::to("/account/phone").into_response());
    };
    let mut frame = own.frame(Some("/account/phone"))?;
    CODE.clone_into(&mut frame.path);
    if let Some((field, text)) = error {
        frame.add_error(field, text);
    }
    let from = account::resend_from(own.services(), &own.live).await?;
    let page =
        view::ConfirmPhone { frame, phone: phone.national(), until, can_resend: from <= own.now(), resend_from: from };
    own.show(&page)
}

pub async fn resend(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let Some((phone, _)) = phone::entered(own.services(), &own.live).await? else {
        return Ok(Redirect::to("/account/phone").into_response());
    };
    let way = if form.get("channel") == "voice" { Way::Voice } else { Way::Sms };
    match phone::send_code(own.services(), &own.live, &phone, (way, own.visitor.locale.tag())).await? {
        Asked::Sent => Ok(Redirect::to(CODE).into_response()),
        Asked::NotBefore(from) => code(&own, Some(("resend", ErrorText::ResendTooSoon { from }))).await,
        Asked::Same => Ok(Redirect::to("/account/phone").into_response()),
        Asked::SignInAgain => own.sign_in_again().await,
        Asked::Stop => Ok(stop::first(Purpose::Phone)),
    }
}

pub async fn check(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let typed = match sign_in::normalize_sent_code(form.get("code")) {
        Some(typed) => typed,
        None => return code(&own, Some(("code", ErrorText::CodeFormat))).await,
    };
    match phone::check_code(own.services(), &own.live, &Secret::from(typed.expose())).await? {
        Changed::Now => Ok(Redirect::to("/account/ways?done=phone-changed").into_response()),
        Changed::From(_) => Ok(Redirect::to("/account/ways?done=phone-waits").into_response()),
        Changed::Wrong { tries_left } => code(&own, Some(("code", ErrorText::CodeWrong { tries_left }))).await,
        Changed::Expired => code(&own, Some(("code", ErrorText::CodeExpired))).await,
        Changed::SignInAgain => own.sign_in_again().await,
        Changed::Stop => Ok(stop::first(Purpose::Phone)),
    }
}

pub async fn cancel(OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    let done = if phone::cancel(own.services(), &own.live).await? { "?done=phone-cancelled" } else { "" };
    Ok(Redirect::to(&format!("/account/ways{done}")).into_response())
}

/// Confirms the waiting change by a passkey: the sign-in of now is the confirmation.
pub async fn confirm(OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    match phone::confirm_now(own.services(), &own.live).await? {
        None => own.sign_in_again().await,
        Some(true) => Ok(Redirect::to("/account/ways?done=phone-changed").into_response()),
        Some(false) => Ok(Redirect::to("/account/ways").into_response()),
    }
}
