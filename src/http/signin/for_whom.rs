//! Who is this for (C7).

use super::super::AppState;
use super::super::account::organization_item as item;
use super::super::problem::Answer;
use super::super::visitor::Visitor;
use super::flow::{At, Flow, Posted};
use crate::flow::representation::{self, Acting};
use crate::flow::session::LiveSession;
use crate::flow::{interaction, organizations};
use crate::identity::CannotAct;
use crate::view::{self, ErrorText, OrganizationState, WhomNote};
use axum::response::Response;

pub(super) async fn for_whom_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    show_page(&state, &visitor, &flow, None).await
}

async fn show_page(state: &AppState, visitor: &Visitor, flow: &Flow, error: Option<ErrorText>) -> Answer<Response> {
    let Some(live) = visitor.session(state).await? else {
        return Ok(flow.to(""));
    };
    let Some(asked) = flow.interaction.request().and_then(|request| request.representation.as_ref()) else {
        return Ok(flow.to("/next"));
    };
    let who = live.session.person_id;
    let oldest = state.services.config.organizations.begin_seconds.duration();
    let (mut open, mut closed, mut down) = (Vec::new(), Vec::new(), false);
    for found in representation::usable(&state.services, who, asked).await? {
        // Once it is silent, the rest is not asked: a person waits here.
        let confirmed = if down {
            Err(CannotAct::Stale)
        } else {
            organizations::confirm(&state.services, who, found.organization_id, oldest).await?
        };
        down |= matches!(confirmed, Err(CannotAct::Stale));
        let locale = visitor.locale;
        match confirmed {
            Ok(fresh) => open.push(item(&fresh, OrganizationState::Open, locale)),
            Err(CannotAct::Stale) => closed.push(item(&found, OrganizationState::Unconfirmed, locale)),
            Err(CannotAct::Suspended) => closed.push(item(&found, OrganizationState::Suspended, locale)),
            Err(CannotAct::Dissolved) => closed.push(item(&found, OrganizationState::Dissolved, locale)),
            Err(_) => closed.push(item(&found, OrganizationState::RoleEnded, locale)),
        }
    }
    let chosen = flow.interaction.acting.filter(|acting| acting.person == who);
    let selected = chosen.map_or_else(String::new, |acting| value_of(acting, &open));
    let lost = chosen.is_some_and(|acting| acting.organization.is_some()) && selected.is_empty();
    let mut frame = flow.frame(state, visitor).await?;
    frame.acting = None;
    if let Some(error) = error {
        frame.add_error("for", error);
    }
    let page = view::ForWhom {
        frame,
        flow: flow.id(),
        person: live.full_name.clone(),
        may_be_self: !asked.required,
        open,
        closed,
        selected,
        note: match (down, lost) {
            (true, _) => WhomNote::RegisterDown,
            (false, true) => WhomNote::Lost,
            (false, false) => WhomNote::None,
        },
    };
    flow.show(visitor, &page)
}

/// The choice of before as the form has it; nothing when it is no option any more.
fn value_of(acting: Acting, open: &[view::OrganizationItem]) -> String {
    match acting.organization.map(|id| id.to_string()) {
        None => "self".to_owned(),
        Some(id) => open.iter().find(|item| item.id == id).map_or_else(String::new, |item| item.id.clone()),
    }
}

pub(super) async fn for_whom(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let Some(live) = visitor.session(&state).await? else {
        return Ok(flow.to(""));
    };
    let Some(organization) = choice(form.get("for")) else {
        return show_page(&state, &visitor, &flow, Some(ErrorText::ChoiceMissing)).await;
    };
    flow.interaction.acting = Some(chosen_by(&live, organization));
    interaction::save(&state.services, &flow.interaction).await?;
    Ok(flow.to("/next"))
}

/// `self` or an id; whether it may be chosen is decided when the flow goes on.
fn choice(value: &str) -> Option<Option<crate::base::OrganizationId>> {
    match value {
        "self" => Some(None),
        id => id.parse().ok().map(Some),
    }
}

fn chosen_by(live: &LiveSession, organization: Option<crate::base::OrganizationId>) -> Acting {
    Acting { person: live.session.person_id, organization }
}
