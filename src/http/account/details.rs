//! C21 and C22: home, and what we hold.

use super::super::problem::Answer;
use super::own::{Own, OwnForm};
use crate::flow::account::{activity, phone};
use crate::flow::{clients, metadata, person, session};
use crate::identity::RegisterState;
use crate::view::{self, DataState, NextStep, UsedService};
use axum::response::Response;

pub async fn home(own: Own) -> Answer<Response> {
    let found = person::get(own.services(), own.who()).await?;
    let ways = own.ways().await?;
    let next = if ways.passkeys.is_empty() {
        Some(NextStep::AddPasskey)
    } else if ways.recovery_codes == 0 {
        Some(NextStep::MakeCodes)
    } else if !ways.totp && !ways.password && ways.passkeys.len() == 1 {
        Some(NextStep::AnotherWay)
    } else {
        None
    };
    let page = view::AccountHome {
        frame: own.frame(None)?,
        person: found.full_name.clone(),
        identity_level: found.identity_level.as_u8(),
        state: state_of(found.register_state),
        last_sign_in: activity::sign_in_before(own.services(), &own.live).await?,
        services: services_used(&own).await?,
        next,
        phone_change_from: phone::waiting(own.services(), own.who()).await?.map(|waiting| waiting.effective_at),
    };
    own.show(&page)
}

const fn state_of(state: RegisterState) -> DataState {
    match state {
        RegisterState::Verified => DataState::Confirmed,
        RegisterState::Pending => DataState::Waiting,
        RegisterState::Mismatch => DataState::Differs,
        RegisterState::Unknown => DataState::Unknown,
    }
}

async fn services_used(own: &Own) -> Answer<Vec<UsedService>> {
    let (mut used, endpoints) = (Vec::new(), metadata::endpoints(own.services()));
    for visit in session::used(own.services(), own.who()).await? {
        if let Some(known) = clients::find(own.services(), &visit.client_id).await? {
            used.push(UsedService {
                name: known.client.display_name(own.visitor.locale.tag()).to_owned(),
                href: known.client.login_address(&endpoints).or_else(|| known.client.metadata.client_uri.clone()),
                last_used: visit.last_at,
                open: visit.open > 0,
            });
        }
    }
    Ok(used)
}

pub async fn page(own: Own) -> Answer<Response> {
    details(&own, false).await
}

/// The same page with the whole number, asked for by its button: not kept in any address.
pub async fn show_number(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    details(&own, form.get("show") == "number").await
}

async fn details(own: &Own, shown: bool) -> Answer<Response> {
    let found = person::get(own.services(), own.who()).await?;
    let number = person::number(own.services(), &found)?;
    let contacts = person::contacts(own.services(), own.who()).await?;
    let frame = own.frame(Some("/account"))?;
    let page = view::Details {
        person: found.full_name.clone(),
        state: state_of(found.register_state),
        source: frame.locale.t("source-population-register"),
        as_of: found.register_as_of,
        personal_number: if shown { number.as_str().to_owned() } else { number.masked() },
        number_masked: !shown,
        birth_date: person::shown_birth_date(&person::birth_date(own.services(), &found)?, own.visitor.locale.tag()),
        gender: found.gender.map(|gender| frame.locale.t(&format!("gender-{}", gender.as_str()))),
        phone: contacts.phone.map(|phone| phone.masked()),
        email: contacts.email.map(|email| email.masked()),
        frame,
    };
    own.show(&page)
}
