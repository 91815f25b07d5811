//! C30: who gets my data.

use super::super::problem::{Answer, Problem};
use super::activity::position;
use super::own::{Own, OwnForm};
use crate::base::DisclosureId;
use crate::flow::account::sharing;
use crate::flow::{clients, metadata};
use crate::view::{self, ProblemReason, ReleaseItem, SharingItem};
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

const PAGE: u32 = 30;

async fn items(own: &Own) -> Answer<Vec<SharingItem>> {
    let mut items = Vec::new();
    let endpoints = metadata::endpoints(own.services());
    for consent in sharing::consents(own.services(), own.who()).await? {
        let known = clients::find(own.services(), &consent.client_id).await?;
        let open = known.and_then(|known| known.client.login_address(&endpoints));
        items.push(SharingItem {
            portal: own.portal_name(&consent.client_id).await?,
            client_id: consent.client_id,
            claims: consent.claims,
            since: consent.given_at,
            until: consent.expires_at,
            open,
        });
    }
    Ok(items)
}

pub async fn page(own: Own) -> Answer<Response> {
    let frame = own.frame(Some("/account"))?;
    let items = items(&own).await?;
    own.show(&view::Sharing { frame, items })
}

pub async fn stop_page(Path(client): Path<String>, own: Own) -> Answer<Response> {
    let item = items(&own).await?.into_iter().find(|item| item.client_id == client);
    let item = item.ok_or(Problem::new(ProblemReason::NotFound, "no_such_consent"))?;
    let frame = own.frame(Some("/account/sharing"))?;
    own.show(&view::StopSharing { frame, item })
}

pub async fn stop(Path(client): Path<String>, OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    if !sharing::stop(own.services(), &own.live, &client).await? {
        return Err(Problem::new(ProblemReason::NotFound, "no_such_consent"));
    }
    Ok(Redirect::to("/account/sharing?done=sharing-stopped").into_response())
}

pub async fn history(own: Own) -> Answer<Response> {
    let before = own.asked("before").as_deref().and_then(position).map(|(at, id)| (at, DisclosureId(id)));
    let found = sharing::releases(own.services(), own.who(), before, PAGE).await?;
    let full = found.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
    let older = found.last().filter(|_| full).map(|last| format!("{}_{}", last.at.micros(), last.id));
    let mut items = Vec::new();
    for release in found {
        let portal = own.portal_name(&release.client_id).await?;
        items.push(ReleaseItem { portal, claims: release.claims, at: release.at });
    }
    let frame = own.frame(Some("/account/sharing"))?;
    own.show(&view::Releases { frame, items, older })
}
