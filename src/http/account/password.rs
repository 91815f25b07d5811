//! The password.

use super::super::create::password_error;
use super::super::problem::Answer;
use super::own::{Own, OwnForm};
use super::{stop, ways};
use crate::base::Secret;
use crate::flow::account::stop::Purpose;
use crate::flow::account::{self, NewPassword};
use crate::flow::person;
use crate::identity::password_policy::MINIMUM;
use crate::view::{self, ErrorText};
use axum::response::{IntoResponse, Redirect, Response};

pub async fn page(own: Own) -> Answer<Response> {
    match ways::before(&own, Purpose::Password).await? {
        Some(first) => Ok(first),
        None => show(&own, None).await,
    }
}

async fn show(own: &Own, error: Option<(&'static str, ErrorText)>) -> Answer<Response> {
    let mut frame = own.frame(Some("/account/ways"))?;
    // What password managers file a password under: the masked number, as in the passkey's name.
    let found = person::get(own.services(), own.who()).await?;
    frame.username = Some(person::number(own.services(), &found)?.masked());
    if let Some((field, text)) = error {
        frame.add_error(field, text);
    }
    let has_password = own.ways().await?.password;
    let least = u32::try_from(MINIMUM).unwrap_or(8);
    own.show(&view::ChangePassword { frame, has_password, least })
}

pub async fn set(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let typed = Secret::from(form.get("new_password"));
    let current = Secret::from(form.get("current_password"));
    match account::set_password(own.services(), &own.live, &current, &typed).await? {
        NewPassword::Done => Ok(Redirect::to("/account/ways?done=password-changed").into_response()),
        NewPassword::SignInAgain => own.sign_in_again().await,
        NewPassword::Stop => Ok(stop::first(Purpose::Password)),
        NewPassword::Refused(refusal) => show(&own, Some(("new_password", password_error(&typed, refusal)))).await,
        NewPassword::WrongCurrent { tries_left } => {
            show(&own, Some(("current_password", ErrorText::PasswordWrong { tries_left }))).await
        }
    }
}
