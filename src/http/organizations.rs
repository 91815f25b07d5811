//! The organizations of a person's account: the list, adding one, and the word of a co-representative.

use super::AppState;
use super::account::{frame, notice, open, own_form};
use super::problem::{Answer, Problem, finish, show};
use super::signin::account_flow;
use super::visitor::Visitor;
use crate::base::OrganizationId;
use crate::flow::interaction::AccountNeed;
use crate::flow::organizations::{self, Applied, Decided, Participant, Representation};
use crate::flow::session::LiveSession;
use crate::flow::{account, level};
use crate::identity::{OrganizationAccount, OrganizationCode, OrganizationStatus, RepresentationRole, Voice};
use crate::view::{
    self, AddProblem, ErrorText, Locale, OrganizationItem, OrganizationState, ParticipantItem, ProblemReason, Said,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

const LIST: &str = "/account/organizations";
const ADD: &str = "/account/organizations/add";

/// The wing of organizations.
pub fn router() -> Router<AppState> {
    Router::new()
        .route(LIST, get(list))
        .route(ADD, get(add_page).post(add))
        .route("/account/organizations/{id}", get(organization_page).post(decide))
}

fn role_text(role: RepresentationRole, title: Option<&str>, locale: Locale) -> String {
    match (title, role) {
        (Some(title), _) => title.to_owned(),
        (None, RepresentationRole::LegalRepresentative) => locale.t("role-legal-representative"),
        (None, RepresentationRole::Head) => locale.t("role-head"),
    }
}

/// One organization as pages show it.
pub fn item(found: &Representation, state: OrganizationState, locale: Locale) -> OrganizationItem {
    OrganizationItem {
        id: found.organization_id.to_string(),
        name: found.name.clone(),
        code: found.code.to_string(),
        role: role_text(found.role, found.title.as_deref(), locale),
        state,
        as_of: found.as_of,
    }
}

/// What stands on the list. `said`: the person gave their word on the application under way.
fn state_of(found: &Representation, said: bool) -> OrganizationState {
    if found.ended_at.is_some() {
        return OrganizationState::RoleEnded;
    }
    match (found.register_status, found.account) {
        (OrganizationStatus::Suspended, _) => OrganizationState::Suspended,
        (OrganizationStatus::Dissolved, _) => OrganizationState::Dissolved,
        (OrganizationStatus::Active, OrganizationAccount::Open) => OrganizationState::Open,
        (OrganizationStatus::Active, OrganizationAccount::Refused) => OrganizationState::Refused,
        (OrganizationStatus::Active, OrganizationAccount::Pending) if said => OrganizationState::WaitsForOthers,
        (OrganizationStatus::Active, OrganizationAccount::Pending) => OrganizationState::WaitsForMe,
    }
}

fn said_already(people: &[Participant]) -> bool {
    people.iter().any(|person| person.is_me && person.voice != Voice::Silent)
}

async fn list(State(state): State<AppState>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = async {
        match open(&state, &visitor, LIST).await? {
            Ok(live) => list_view(&state, &visitor, &live, notice(query.as_deref())).await,
            Err(response) => Ok(response),
        }
    };
    finish(&state, &visitor, outcome.await)
}

async fn list_view(
    state: &AppState,
    visitor: &Visitor,
    live: &LiveSession,
    notice: Option<view::Notice>,
) -> Answer<Response> {
    let who = live.session.person_id;
    let mut items = Vec::new();
    for found in organizations::list(&state.services, who).await? {
        let looked = organizations::look(&state.services, who, found.organization_id).await?;
        let said = looked.is_some_and(|(_, people)| said_already(&people));
        items.push(item(&found, state_of(&found, said), visitor.locale));
    }
    let waiting = organizations::waiting(&state.services, who).await?.into_iter().map(|request| {
        let no_match = request.ended_at.is_some();
        view::WaitingItem { code: request.code.to_string(), since: request.created_at, no_match }
    });
    let mut frame = frame(state, visitor, Some("/account"))?;
    frame.path = LIST.to_owned();
    frame.notice = notice;
    let may_apply = organizations::may_apply(live);
    show(visitor, &view::Organizations { frame, items, waiting: waiting.collect(), may_apply }, StatusCode::OK)
}

/// Speaking for an organization needs a sign-in of the last minutes, as strong as the person can.
async fn is_strong(state: &AppState, live: &LiveSession) -> Answer<bool> {
    let ways = level::ways_of(&state.services, live.session.person_id).await?;
    Ok(account::may_change(live, &ways, state.services.clock.now()))
}

async fn add_page(State(state): State<AppState>, visitor: Visitor) -> Response {
    let outcome = async {
        let live = match open(&state, &visitor, ADD).await? {
            Ok(live) => live,
            Err(response) => return Ok(response),
        };
        if !organizations::may_apply(&live) {
            return list_view(&state, &visitor, &live, None).await;
        }
        if !is_strong(&state, &live).await? {
            return account_flow(&state, &visitor, ADD, AccountNeed::Strong).await;
        }
        add_view(&state, &visitor, String::new(), (None, AddProblem::None))
    };
    finish(&state, &visitor, outcome.await)
}

fn add_view(
    state: &AppState,
    visitor: &Visitor,
    code: String,
    (error, problem): (Option<ErrorText>, AddProblem),
) -> Answer<Response> {
    let mut frame = frame(state, visitor, Some(LIST))?;
    let wrong = error.is_some() || problem != AddProblem::None;
    if let Some(error) = error {
        frame.add_error("organization_code", error);
    }
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    show(visitor, &view::AddOrganization { frame, code, problem }, status)
}

async fn add(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let Some((live, form)) = own_form(&state, &visitor, (&headers, &body)).await? else {
            return account_flow(&state, &visitor, ADD, AccountNeed::Strong).await;
        };
        if !is_strong(&state, &live).await? {
            return account_flow(&state, &visitor, ADD, AccountNeed::Strong).await;
        }
        let typed = form.get("organization_code").to_owned();
        let Ok(code) = OrganizationCode::parse(&typed) else {
            let error = Some(ErrorText::OrganizationCodeFormat);
            return add_view(&state, &visitor, typed, (error, AddProblem::None));
        };
        match organizations::apply(&state.services, &live, &code).await? {
            Applied::Opened(_) => Ok(Redirect::to("/account/organizations?done=organization-opened").into_response()),
            Applied::Waits(_) => Ok(Redirect::to("/account/organizations?done=organization-waits").into_response()),
            Applied::RegisterDown => {
                Ok(Redirect::to("/account/organizations?done=organization-register-down").into_response())
            }
            Applied::LevelTooLow => Ok(Redirect::to(LIST).into_response()),
            Applied::NoMatch { tries_left } => {
                let error = Some(ErrorText::OrganizationNoMatch { tries_left });
                add_view(&state, &visitor, typed, (error, AddProblem::None))
            }
            Applied::PausedUntil(at) => add_view(&state, &visitor, typed, (None, AddProblem::PausedUntil(at))),
            Applied::NotActive(status) => {
                let told = match status {
                    OrganizationStatus::Dissolved => OrganizationState::Dissolved,
                    OrganizationStatus::Suspended | OrganizationStatus::Active => OrganizationState::Suspended,
                };
                add_view(&state, &visitor, typed, (None, AddProblem::NotActive(told)))
            }
        }
    };
    finish(&state, &visitor, outcome.await)
}

fn no_such() -> Problem {
    Problem::new(ProblemReason::NotFound, "no_such_organization")
}

async fn organization_page(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let outcome = async {
        let live = match open(&state, &visitor, LIST).await? {
            Ok(live) => live,
            Err(response) => return Ok(response),
        };
        let id: OrganizationId = id.parse().map_err(|_| no_such())?;
        organization_view(&state, &visitor, (&live, id), false).await
    };
    finish(&state, &visitor, outcome.await)
}

async fn organization_view(
    state: &AppState,
    visitor: &Visitor,
    (live, id): (&LiveSession, OrganizationId),
    register_down: bool,
) -> Answer<Response> {
    let looked = organizations::look(&state.services, live.session.person_id, id).await?;
    let (found, people) = looked.ok_or_else(no_such)?;
    let locale = visitor.locale;
    // Roles of the others: their titles; where the register gives none, the role of this organization's kind.
    let shown = people.iter().map(|person| ParticipantItem {
        name: person.full_name.clone(),
        role: role_text(found.role, person.title.as_deref(), locale),
        said: match person.voice {
            Voice::Silent => Said::Nothing,
            Voice::Agreed => Said::Agreed,
            Voice::Refused => Said::Refused,
        },
        is_me: person.is_me,
    });
    let page = view::OrganizationPage {
        frame: frame(state, visitor, Some(LIST))?,
        item: item(&found, state_of(&found, said_already(&people)), locale),
        people: shown.collect(),
        register_down,
    };
    show(visitor, &page, if register_down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK })
}

async fn decide(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let Some((live, form)) = own_form(&state, &visitor, (&headers, &body)).await? else {
            return account_flow(&state, &visitor, LIST, AccountNeed::Strong).await;
        };
        if !is_strong(&state, &live).await? {
            return account_flow(&state, &visitor, LIST, AccountNeed::Strong).await;
        }
        let id: OrganizationId = id.parse().map_err(|_| no_such())?;
        let agreed = match form.get("action") {
            "agree" => true,
            "refuse" => false,
            _ => return organization_view(&state, &visitor, (&live, id), false).await,
        };
        let to = match organizations::decide(&state.services, &live, id, agreed).await? {
            Decided::Opened => "/account/organizations?done=organization-opened",
            Decided::Waits => "/account/organizations?done=organization-waits",
            Decided::Refused => "/account/organizations?done=organization-refused",
            Decided::Gone => LIST,
            Decided::RegisterDown => return organization_view(&state, &visitor, (&live, id), true).await,
        };
        Ok(Redirect::to(to).into_response())
    };
    finish(&state, &visitor, outcome.await)
}
