//! C26: printed codes.

use super::super::problem::Answer;
use super::own::{Own, OwnForm};
use super::{stop, ways};
use crate::flow::account::stop::Purpose;
use crate::flow::account::{NewCodes, recovery_codes, renew_recovery_codes};
use crate::view::{self, Notice};
use axum::response::Response;

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
        NewCodes::Made(codes) => {
            let mut frame = own.frame(None)?;
            frame.notice = Some(Notice::RecoveryCodesRenewed);
            own.show(&view::NewRecoveryCodes { frame, codes })
        }
    }
}
