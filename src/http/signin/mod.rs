//! The pages of signing in (C1-C10, C15): each handler gets its flow, calls one use case, shows the next page.

mod consent;
mod decoupled;
mod flow;
mod for_whom;
mod identify;
mod passkey;
mod proofs;
mod step_up;

use super::AppState;
use super::cookies::{self, flow_name};
use super::problem::{Answer, Problem, finish};
use super::visitor::Visitor;
use crate::flow::account::kept::KeptForm;
use crate::flow::authorize::{self, Advance};
use crate::flow::interaction::{self, AccountNeed};
use crate::flow::steps::Step;
use crate::view::ProblemReason;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum_extra::extract::CookieJar;

pub use flow::{At, Flow, Posted, deliver, enter, form, host_of, page};
pub use passkey::base64_url;
pub use proofs::{on_shared_device, proved_to};

/// The sign-in wing.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/signin", get(begin_account))
        .route("/signin/{flow}", page(identify::identifier_page).merge(form(identify::identifier)))
        .route("/signin/{flow}/next", page(next))
        .route("/signin/{flow}/forget", form(identify::forget_person))
        .route("/signin/{flow}/cancel", form(cancel))
        .route("/signin/{flow}/method", page(identify::method_page).merge(form(identify::method)))
        .route("/signin/{flow}/code", page(proofs::code_page).merge(form(proofs::code)))
        .route("/signin/{flow}/code/resend", form(proofs::resend))
        .route("/signin/{flow}/totp", page(proofs::totp_page).merge(form(proofs::totp)))
        .route("/signin/{flow}/recovery", page(proofs::recovery_page).merge(form(proofs::recovery)))
        .route("/signin/{flow}/password", page(proofs::password_page).merge(form(proofs::password)))
        .route("/signin/{flow}/paused", page(proofs::paused_page))
        .route("/signin/{flow}/passkey/options", form(passkey::passkey_options))
        .route("/signin/{flow}/passkey", form(passkey::passkey_answer))
        .route("/signin/{flow}/passkey-failed", page(passkey::passkey_failed_page).merge(form(passkey::passkey_failed)))
        .route("/signin/{flow}/asked", page(decoupled::asked_page).merge(form(decoupled::asked)))
        .route("/signin/{flow}/decide", page(decoupled::decide_page).merge(form(decoupled::decide)))
        .route("/signin/{flow}/continue", page(consent::continue_page).merge(form(consent::continue_session)))
        .route("/signin/{flow}/for", page(for_whom::for_whom_page).merge(form(for_whom::for_whom)))
        .route("/signin/{flow}/consent", page(consent::consent_page).merge(form(consent::consent)))
        .route("/signin/{flow}/step-up", page(step_up::step_up_page).merge(form(step_up::step_up)))
        .route("/signin/{flow}/offer-passkey", page(passkey::offer_page).merge(form(passkey::offer_answer)))
        .route("/signin/{flow}/offer-passkey/options", form(passkey::offer_options))
}

/// `/signin`: signing in to the own account, without a portal.
async fn begin_account(State(state): State<AppState>, visitor: Visitor) -> Response {
    let outcome = account_flow(&state, &visitor, "/account", AccountNeed::Session).await;
    finish(&state, &visitor, outcome)
}

/// Begins a flow that leads to an account page.
pub async fn account_flow(state: &AppState, visitor: &Visitor, path: &str, needs: AccountNeed) -> Answer<Response> {
    account_flow_with(state, visitor, (path, needs), None).await
}

/// The same with what was typed on that page, which its person will find there again.
pub async fn account_flow_with(
    state: &AppState,
    visitor: &Visitor,
    (path, needs): (&str, AccountNeed),
    kept_form: Option<KeptForm>,
) -> Answer<Response> {
    let target = interaction::Target::Account { path: path.to_owned(), needs };
    let mut begun = interaction::begin(&state.services, target);
    begun.interaction.kept_form = kept_form;
    interaction::save(&state.services, &begun.interaction).await?;
    enter(visitor, &begun, &format!("/signin/{}/next", begun.interaction.id))
}

/// `/signin/{flow}/next`: whatever comes next.
async fn next(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    let session = visitor.session(&state).await?;
    let advance = authorize::advance(&state.services, &flow.interaction, session).await?;
    go(&state, &visitor, &flow, advance).await
}

/// Takes the browser where the flow says.
async fn go(state: &AppState, visitor: &Visitor, flow: &Flow, advance: Advance) -> Answer<Response> {
    let over = |response: Response| {
        let jar = CookieJar::new().add(cookies::expire(flow_name(&flow.interaction.id)));
        (jar, response).into_response()
    };
    Ok(match advance {
        Advance::Answer(answer) => over(deliver(state, visitor, &answer).await?),
        Advance::Account(path) => over(Redirect::to(&path).into_response()),
        Advance::Decided(door, decision) => over(Redirect::to(decoupled::end_of(door, decision)).into_response()),
        Advance::AlreadyDone => return Err(Problem::new(ProblemReason::AlreadyDone, "flow_already_done")),
        Advance::Page(step) => flow.to(match step {
            Step::Asked => "/asked",
            Step::Decide => "/decide",
            Step::SignIn | Step::Finish { .. } => "",
            Step::StepUp(_) | Step::ProveIdentity(_) | Step::CannotBeMet => "/step-up",
            Step::Continue => "/continue",
            Step::ForWhom => "/for",
            Step::Consent => "/consent",
            Step::OfferPasskey => "/offer-passkey",
        }),
    })
}

/// "Back to the portal", from any page of a flow.
async fn cancel(Posted { state, visitor, flow, .. }: Posted) -> Answer<Response> {
    let live = visitor.session(&state).await?;
    let advance = authorize::cancel(&state.services, &flow.interaction, live.as_ref()).await?;
    go(&state, &visitor, &flow, advance).await
}
