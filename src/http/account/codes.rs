//! C26: printed codes.

use super::super::problem::Answer;
use super::own::{Own, OwnForm};
use super::{stop, ways};
use crate::flow::account::stop::Purpose;
use crate::flow::account::{NewCodes, recovery_codes, renew_recovery_codes};
use crate::view;
use axum::response::{IntoResponse, Redirect, Response};

const NEW: &str = "/account/recovery-codes/new";

pub async fn page(own: Own) -> Answer<Response> {
    if let Some(first) = ways::before(&own, Purpose::RecoveryCodes).await? {
        return Ok(first);
    }
    let frame = own.frame(Some("/account/ways"))?;
    let left = usize::try_from(own.ways().await?.recovery_codes).unwrap_or(0);
    let made_at = recovery_codes::made_at(own.services(), own.who()).await?;
    own.show(&view::RenewRecoveryCodes { frame, left, made_at })
}

pub async fn renew(OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    match renew_recovery_codes(own.services(), &own.live).await? {
        NewCodes::SignInAgain => own.sign_in_again().await,
        NewCodes::Stop => Ok(stop::first(Purpose::RecoveryCodes)),
        NewCodes::Made => Ok(Redirect::to(NEW).into_response()),
    }
}

/// The new set, to print or write down, until the person says that it is stored.
pub async fn new_set(own: Own) -> Answer<Response> {
    let Some(codes) = recovery_codes::shown(own.services(), &own.live).await? else {
        return Ok(Redirect::to("/account/recovery-codes").into_response());
    };
    let frame = own.frame(None)?;
    own.show(&view::NewRecoveryCodes { frame, codes })
}

pub async fn stored(OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    recovery_codes::stored(own.services(), &own.live).await?;
    Ok(Redirect::to("/account/ways?done=codes-renewed").into_response())
}
