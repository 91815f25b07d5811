//! C23: every way to sign in on one page, and what comes before a change of one.

use super::super::problem::Answer;
use super::own::Own;
use super::stop;
use crate::flow::account::stop::Purpose;
use crate::flow::account::{self, phone, recovery_codes, totp};
use crate::flow::person;
use crate::identity::BindRefusal;
use crate::view::{self, Notice, WaitingPhone};
use axum::response::Response;

pub async fn page(own: Own) -> Answer<Response> {
    show(&own, None).await
}

async fn show(own: &Own, notice: Option<Notice>) -> Answer<Response> {
    let (services, who) = (own.services(), own.who());
    let contacts = person::contacts(services, who).await?;
    let ways = own.ways().await?;
    let mut frame = own.frame(Some("/account"))?;
    if notice.is_some() {
        "/account/ways".clone_into(&mut frame.path);
        frame.notice = notice;
    }
    let waiting = phone::waiting(services, who).await?;
    let page = view::Ways {
        frame,
        passkeys: super::passkeys::items(own).await?,
        phone: contacts.phone.map(|phone| phone.masked()),
        email: contacts.email.map(|email| email.masked()),
        waiting: waiting.map(|waiting| WaitingPhone { phone: waiting.phone, from: waiting.effective_at }),
        may_confirm: phone::confirmed_by_passkey(&own.live, own.now()),
        has_password: ways.password,
        totp_since: totp::since(services, who).await?,
        codes_left: usize::try_from(ways.recovery_codes).unwrap_or(0),
        codes_made: recovery_codes::made_at(services, who).await?,
    };
    own.show(&page)
}

/// Whether only a passkey in its first day speaks for this session: signing in again with it would lead nowhere new.
/// Then the page of all ways says from when it counts fully.
pub async fn first_day(own: &Own) -> Answer<Option<Response>> {
    let now = own.now();
    if account::may_add_passkey(&own.live, now) != Err(BindRefusal::Unsettled) {
        return Ok(None);
    }
    let list = account::passkeys(own.services(), own.who()).await?;
    match list.iter().map(|passkey| passkey.settles_at).filter(|at| *at > now).min() {
        Some(at) => show(own, Some(Notice::WaitsUntil { at })).await.map(Some),
        None => Ok(None),
    }
}

/// What must come before the page of a change: a passkey that settled, a sign-in of now, the stop page. `None`: the page
/// may be shown.
pub async fn before(own: &Own, purpose: Purpose) -> Answer<Option<Response>> {
    if let Some(waits) = first_day(own).await? {
        return Ok(Some(waits));
    }
    if !account::may_bind(&own.live, &own.ways().await?, own.now()) {
        return own.sign_in_again().await.map(Some);
    }
    if account::stop::find(own.services(), &own.live, purpose).await?.is_none() {
        return Ok(Some(stop::first(purpose)));
    }
    Ok(None)
}
