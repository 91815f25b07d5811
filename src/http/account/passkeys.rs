//! C24: passkeys.

use super::super::problem::{Answer, Problem, show};
use super::super::signin::base64_url;
use super::own::{Own, OwnForm};
use super::{stop, ways};
use crate::base::{CredentialId, Timestamp};
use crate::flow::account::stop::{self as rules, Purpose};
use crate::flow::account::{self, Change};
use crate::flow::passkey::Made;
use crate::identity::{Method, keeper};
use crate::view::{self, ErrorText, Frame, PasskeyItem, ProblemReason};
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

const PAGE: &str = "/account/passkeys";

pub async fn page(own: Own) -> Answer<Response> {
    let frame = own.frame(Some("/account/ways"))?;
    list(&own, frame).await
}

/// The way to the button: a sign-in of now, then the stop page where the account has a passkey already.
pub async fn new(own: Own) -> Answer<Response> {
    if let Some(waits) = ways::first_day(&own).await? {
        return Ok(waits);
    }
    if account::may_add_passkey(&own.live, own.now()).is_err() {
        return own.sign_in_again().await;
    }
    if must_stop(&own).await? {
        return Ok(stop::first(Purpose::Passkey));
    }
    Ok(Redirect::to(PAGE).into_response())
}

async fn must_stop(own: &Own) -> Answer<bool> {
    Ok(rules::before_passkey(&own.ways().await?)
        && rules::find(own.services(), &own.live, Purpose::Passkey).await?.is_none())
}

/// The passkeys as the pages show them.
pub async fn items(own: &Own) -> Answer<Vec<PasskeyItem>> {
    let now = own.now();
    let list = account::passkeys(own.services(), own.who()).await?;
    Ok(list
        .into_iter()
        .map(|passkey| PasskeyItem {
            id: passkey.id.to_string(),
            name: passkey.name,
            kept_by: passkey.aaguid.and_then(keeper::name),
            this_sign_in: used_now(own, passkey.last_used_at),
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
            settles_at: Some(passkey.settles_at).filter(|at| *at > now),
        })
        .collect())
}

/// Whether a passkey signed this session in: it is used in the moment before the session is written down.
fn used_now(own: &Own, last_used: Option<Timestamp>) -> bool {
    let session = &own.live.session;
    session.methods.iter().any(|method| matches!(method, Method::Passkey { .. }))
        && last_used
            .is_some_and(|at| at <= session.authenticated_at && session.authenticated_at.since(at).as_secs() < 60)
}

async fn list(own: &Own, frame: Frame) -> Answer<Response> {
    let list = account::passkeys(own.services(), own.who()).await?;
    let accepted = view::AcceptedCredentials {
        rp_id: own.services().config.provider.rp_id().to_owned(),
        user_id: base64_url(own.who().0.as_bytes()),
        credential_ids: list.iter().map(|passkey| base64_url(&passkey.credential)).collect(),
    };
    let passkeys = items(own).await?;
    let ready = account::may_add_passkey(&own.live, own.now()).is_ok() && !must_stop(own).await?;
    own.show(&view::Passkeys { frame, passkeys, accepted: Some(accepted), ready })
}

pub async fn options(OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    // The page's script then posts the form, which leads to what is missing.
    let refused = || Problem::new(ProblemReason::NotAllowed, "sign_in_again");
    if must_stop(&own).await? {
        return Err(refused());
    }
    match account::start_passkey(own.services(), &own.live).await? {
        Ok(options) => Ok(Json(options).into_response()),
        Err(_) => Err(refused()),
    }
}

pub async fn add(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    if let Some(waits) = ways::first_day(&own).await? {
        return Ok(waits);
    }
    if account::may_add_passkey(&own.live, own.now()).is_err() {
        return own.sign_in_again().await;
    }
    let error = if form.get("credential").is_empty() {
        if must_stop(&own).await? {
            return Ok(stop::first(Purpose::Passkey));
        }
        ErrorText::PasskeyNotMade
    } else {
        match account::finish_passkey(own.services(), &own.live, form.get("credential")).await? {
            None => return Ok(stop::first(Purpose::Passkey)),
            Some(Err(_)) => return own.sign_in_again().await,
            Some(Ok(Made::Yes)) => return Ok(Redirect::to("/account/passkeys?done=passkey-added").into_response()),
            Some(Ok(Made::AlreadyKnown)) => ErrorText::PasskeyAlreadyHere,
            Some(Ok(Made::Expired | Made::Failed)) => ErrorText::PasskeyNotMade,
        }
    };
    let mut frame = own.frame(Some("/account/ways"))?;
    frame.add_error("create", error);
    list(&own, frame).await
}

async fn own_passkey(own: &Own, id: &str) -> Answer<account::Passkey> {
    let gone = || Problem::new(ProblemReason::NotFound, "no_such_passkey");
    let id: CredentialId = id.parse().map_err(|_| gone())?;
    let list = account::passkeys(own.services(), own.who()).await?;
    list.into_iter().find(|passkey| passkey.id == id).ok_or_else(gone)
}

pub async fn rename_page(Path(id): Path<String>, own: Own) -> Answer<Response> {
    let passkey = own_passkey(&own, &id).await?;
    let frame = own.frame(Some(PAGE))?;
    let typed: String = own.kept().await?.get("name").chars().take(100).collect();
    let name = if typed.is_empty() { passkey.name } else { typed };
    own.show(&view::RenamePasskey { frame, id, name })
}

pub async fn rename(Path(id): Path<String>, OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let passkey = own_passkey(&own, &id).await?;
    let name = form.get("name").trim();
    let error = match name.chars().count() {
        0 => Some(ErrorText::DeviceNameMissing),
        1..=40 if !name.contains(char::is_control) => None,
        _ => Some(ErrorText::DeviceNameLong),
    };
    if let Some(error) = error {
        let mut frame = own.frame(Some(PAGE))?;
        frame.add_error("name", error);
        return own.show(&view::RenamePasskey { frame, id, name: name.chars().take(100).collect() });
    }
    account::rename_passkey(own.services(), &own.live, passkey.id, name).await?;
    Ok(Redirect::to("/account/passkeys?done=passkey-renamed").into_response())
}

pub async fn remove_page(Path(id): Path<String>, own: Own) -> Answer<Response> {
    let passkey = own_passkey(&own, &id).await?;
    if let Some(waits) = ways::first_day(&own).await? {
        return Ok(waits);
    }
    let last_strong = match account::may_remove_passkey(&own.live, &own.ways().await?, own.now()) {
        Ok(()) => false,
        Err(refusal) if account::is_last(refusal) => true,
        Err(_) => return own.sign_in_again().await,
    };
    let frame = own.frame(Some(PAGE))?;
    own.show(&view::RemovePasskey { frame, id, name: passkey.name, last_strong })
}

pub async fn remove(Path(id): Path<String>, OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    let passkey = own_passkey(&own, &id).await?;
    match account::remove_passkey(own.services(), &own.live, passkey.id).await? {
        Change::Done => Ok(Redirect::to("/account/passkeys?done=passkey-removed").into_response()),
        Change::SignInAgain => own.sign_in_again().await,
        Change::Gone => Err(Problem::new(ProblemReason::NotFound, "no_such_passkey")),
        Change::LastWay => {
            let frame = own.frame(Some(PAGE))?;
            let page = view::RemovePasskey { frame, id, name: passkey.name, last_strong: true };
            show(&own.visitor, &page, StatusCode::CONFLICT)
        }
    }
}
