//! Who continues, and what goes to the portal (C6, C8).

use super::super::AppState;
use super::super::problem::Answer;
use super::flow::{At, Posted};
use super::go;
use crate::flow::interaction::{self, ConsentAnswer};
use crate::flow::session::{self, LiveSession};
use crate::flow::{authorize, clients, disclosure};
use crate::protocol::Error;
use crate::view::{self, DataItem, Ground};
use axum::response::Response;
use std::collections::BTreeSet;

pub(super) async fn continue_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    let Some(live) = visitor.session(&state).await? else {
        return Ok(flow.to(""));
    };
    let Some((_, plan)) = authorize::plan_for(&state.services, &flow.interaction, &live).await? else {
        return Ok(flow.to("/next"));
    };
    let locale = visitor.locale.tag();
    let mut open_services = Vec::new();
    for visit in session::visits(&state.services, live.session.id).await? {
        if let Some(known) = clients::find(&state.services, &visit.client_id).await? {
            open_services.push(known.client.display_name(locale).to_owned());
        }
    }
    let page = view::ContinueSession {
        frame: flow.frame(&state, &visitor).await?,
        flow: flow.id(),
        person: live.full_name.clone(),
        signed_in_at: live.session.authenticated_at,
        data: items(&state, &live, &plan.release.all(), &plan).await?,
        open_services,
    };
    flow.show(&visitor, &page)
}

pub(super) async fn items(
    state: &AppState,
    live: &LiveSession,
    claims: &BTreeSet<crate::protocol::ClaimName>,
    plan: &disclosure::Plan,
) -> Answer<Vec<DataItem>> {
    // "New" tells what was not sent before; where nothing was, it would stand on every line.
    let first_time = plan.release.all().is_subset(&plan.unseen);
    let values = disclosure::values(&state.services, live.session.person_id, claims).await?;
    Ok(claims
        .iter()
        .filter_map(|claim| {
            let value = match values.get(&(*claim).into())? {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Bool(yes) => if *yes { "✓" } else { "–" }.to_owned(),
                other => other.to_string(),
            };
            Some(DataItem {
                claim: claim.as_str().to_owned(),
                value,
                is_new: !first_time && plan.unseen.contains(claim),
            })
        })
        .collect())
}

pub(super) async fn continue_session(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    match form.get("action") {
        "continue" => flow.interaction.continued = visitor.session(&state).await?.map(|live| live.session.person_id),
        "switch" => {
            flow.interaction.switched = true;
            flow.interaction.identifier = None;
            flow.interaction.proofs.clear();
            flow.interaction.consent = None;
            flow.interaction.continued = None;
            flow.interaction.acting = None;
        }
        "cancel" => {
            let advance = authorize::refuse(&state.services, &flow.interaction, Error::ACCESS_DENIED).await?;
            return go(&state, &visitor, &flow, advance).await;
        }
        _ => return Ok(flow.to("/continue")),
    }
    interaction::save(&state.services, &flow.interaction).await?;
    Ok(flow.to("/next"))
}

pub(super) async fn consent_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    let Some(live) = visitor.session(&state).await? else {
        return Ok(flow.to(""));
    };
    let Some((known, plan)) = authorize::plan_for(&state.services, &flow.interaction, &live).await? else {
        return Ok(flow.to("/next"));
    };
    let Some(agreement) = &known.agreement else {
        return Ok(flow.to("/next"));
    };
    let needed: BTreeSet<_> = plan.release.all().difference(&plan.optional).copied().collect();
    let vietnamese = visitor.locale == view::Locale::Vi;
    let page = view::Consent {
        frame: flow.frame(&state, &visitor).await?,
        flow: flow.id(),
        ground: if plan.by_law { Ground::Law } else { Ground::Consent },
        items: items(&state, &live, &needed, &plan).await?,
        optional: items(&state, &live, &plan.optional, &plan).await?,
        purpose: if vietnamese { agreement.purpose_vi.clone() } else { agreement.purpose_en.clone() },
        portal_words: purposes(&flow, &plan),
        verified: !plan.release.verified.is_empty(),
        basis: agreement.legal_basis.clone(),
        until: Some(state.services.clock.now().plus(state.services.config.tokens.consent_days.duration())),
    };
    flow.show(&visitor, &page)
}

/// Most purposes that one page shows.
const MAX_PURPOSES: usize = 4;

/// The portal's own words, when they surely are its own: a link may have been written by anybody (K1).
fn purposes(flow: &super::flow::Flow, plan: &disclosure::Plan) -> Vec<String> {
    let request = flow.interaction.request().filter(|request| request.authentic);
    let purposes = request.map(|request| request.claims.purposes(&plan.release.verified)).unwrap_or_default();
    purposes.into_iter().take(MAX_PURPOSES).collect()
}

pub(super) async fn consent(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let Some(live) = visitor.session(&state).await? else {
        return Ok(flow.to(""));
    };
    match form.get("action") {
        "accept" => {}
        "refuse" => {
            let advance = authorize::consent_refused(&state.services, &flow.interaction, &live).await?;
            return go(&state, &visitor, &flow, advance).await;
        }
        _ => return Ok(flow.to("/consent")),
    }
    let Some((_, plan)) = authorize::plan_for(&state.services, &flow.interaction, &live).await? else {
        return Ok(flow.to("/next"));
    };
    let shown = disclosure::told(&plan.release);
    let taken = form.all("claim");
    let refused = plan.optional.iter().map(|c| c.as_str()).filter(|c| !taken.contains(c)).map(str::to_owned).collect();
    flow.interaction.consent = Some(ConsentAnswer { person: live.session.person_id, shown, refused });
    interaction::save(&state.services, &flow.interaction).await?;
    Ok(flow.to("/next"))
}
