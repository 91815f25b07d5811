//! The organizations of a person's account: the list, adding one, and the word of a co-representative.

use super::super::problem::{Answer, Problem, show};
use super::own::{Own, OwnForm};
use super::stop as stop_page;
use crate::base::OrganizationId;
use crate::flow::account::stop::{self, Purpose};
use crate::flow::account::{self, organizations as applications, organizations::Progress};
use crate::flow::organizations::closing::{self, Closed};
use crate::flow::organizations::{self, Applied, Decided, Participant, Representation};
use crate::identity::{OrganizationAccount, OrganizationCode, OrganizationStatus, RepresentationRole, Voice};
use crate::view::{
    self, AddProblem, ErrorText, Locale, OrganizationItem, OrganizationState, ParticipantItem, ProblemReason, Said,
};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

const LIST: &str = "/account/organizations";
const WAITING: &str = "/account/organizations/add/waiting";

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
        (OrganizationStatus::Active, OrganizationAccount::Closed) => OrganizationState::Closed,
        (OrganizationStatus::Active, OrganizationAccount::Pending) if said => OrganizationState::WaitsForOthers,
        (OrganizationStatus::Active, OrganizationAccount::Pending) => OrganizationState::WaitsForMe,
    }
}

fn said_already(people: &[Participant]) -> bool {
    people.iter().any(|person| person.is_me && person.voice != Voice::Silent)
}

pub async fn list(own: Own) -> Answer<Response> {
    list_view(&own).await
}

async fn list_view(own: &Own) -> Answer<Response> {
    let who = own.who();
    let mut items = Vec::new();
    for found in organizations::list(own.services(), who).await? {
        let looked = organizations::look(own.services(), who, found.organization_id).await?;
        let said = looked.is_some_and(|(_, people)| said_already(&people));
        items.push(item(&found, state_of(&found, said), own.visitor.locale));
    }
    let waiting = organizations::waiting(own.services(), who).await?.into_iter().map(|request| {
        let no_match = request.ended_at.is_some();
        view::WaitingItem { code: request.code.to_string(), since: request.created_at, no_match }
    });
    let mut frame = own.frame(Some("/account"))?;
    frame.path = LIST.to_owned();
    let may_apply = organizations::may_apply(&own.live);
    own.show(&view::Organizations { frame, items, waiting: waiting.collect(), may_apply })
}

/// Speaking for an organization needs a sign-in of the last minutes, as strong as the person can.
async fn is_strong(own: &Own) -> Answer<bool> {
    Ok(account::may_change(&own.live, &own.ways().await?, own.now()))
}

pub async fn add_page(own: Own) -> Answer<Response> {
    if !organizations::may_apply(&own.live) {
        return list_view(&own).await;
    }
    if !is_strong(&own).await? {
        return own.sign_in_again().await;
    }
    if stop::find(own.services(), &own.live, Purpose::Organization).await?.is_none() {
        return Ok(stop_page::first(Purpose::Organization));
    }
    let code = own.kept().await?.get("organization_code").chars().take(60).collect();
    add_view(&own, code, (None, AddProblem::None))
}

fn add_view(own: &Own, code: String, (error, problem): (Option<ErrorText>, AddProblem)) -> Answer<Response> {
    let mut frame = own.frame(Some(LIST))?;
    let wrong = error.is_some() || problem != AddProblem::None;
    if let Some(error) = error {
        frame.add_error("organization_code", error);
    }
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    show(&own.visitor, &view::AddOrganization { frame, code, problem }, status)
}

fn done(word: &str) -> Response {
    Redirect::to(&format!("{LIST}?done={word}")).into_response()
}

pub async fn add(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    if !is_strong(&own).await? {
        return own.sign_in_again().await;
    }
    let typed = form.get("organization_code").to_owned();
    let Ok(code) = OrganizationCode::parse(&typed) else {
        let error = Some(ErrorText::OrganizationCodeFormat);
        return add_view(&own, typed, (error, AddProblem::None));
    };
    let progress = applications::apply(&own.state.services, &own.live, &code).await?;
    after(&own, progress)
}

/// The register takes its time: the page looks again until there is an answer.
pub async fn waiting_page(own: Own) -> Answer<Response> {
    let progress = applications::look_again(own.services(), &own.live).await?;
    after(&own, progress)
}

pub async fn waiting(OwnForm { own, .. }: OwnForm) -> Answer<Response> {
    let progress = applications::leave_to_us(own.services(), &own.live).await?;
    after(&own, progress)
}

fn after(own: &Own, progress: Progress) -> Answer<Response> {
    let (applied, code) = match progress {
        Progress::Done(applied, code) => (applied, code),
        Progress::Nothing => return Ok(Redirect::to(LIST).into_response()),
        Progress::Waits { .. } if own.visitor.path != WAITING => return Ok(Redirect::to(WAITING).into_response()),
        Progress::Waits { slow } => {
            let frame = own.frame(None)?;
            return own.show(&view::OrganizationWaiting { frame, slow });
        }
    };
    match applied {
        Applied::Opened(_) => Ok(done("organization-opened")),
        Applied::Waits(_) => Ok(done("organization-waits")),
        Applied::RegisterDown => Ok(done("organization-register-down")),
        Applied::Stop => Ok(stop_page::first(Purpose::Organization)),
        Applied::LevelTooLow => Ok(Redirect::to(LIST).into_response()),
        Applied::NoMatch { tries_left } => {
            let error = Some(ErrorText::OrganizationNoMatch { tries_left });
            add_view(own, code, (error, AddProblem::None))
        }
        Applied::PausedUntil(at) => add_view(own, code, (None, AddProblem::PausedUntil(at))),
        Applied::NotActive(status) => {
            let told = match status {
                OrganizationStatus::Dissolved => OrganizationState::Dissolved,
                OrganizationStatus::Suspended | OrganizationStatus::Active => OrganizationState::Suspended,
            };
            add_view(own, code, (None, AddProblem::NotActive(told)))
        }
    }
}

fn no_such() -> Problem {
    Problem::new(ProblemReason::NotFound, "no_such_organization")
}

fn id_of(text: &str) -> Answer<OrganizationId> {
    text.parse().map_err(|_| no_such())
}

pub async fn page(Path(id): Path<String>, own: Own) -> Answer<Response> {
    organization_view(&own, id_of(&id)?, false).await
}

async fn organization_view(own: &Own, id: OrganizationId, register_down: bool) -> Answer<Response> {
    let looked = organizations::look(own.services(), own.who(), id).await?;
    let (found, people) = looked.ok_or_else(no_such)?;
    let locale = own.visitor.locale;
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
        frame: own.frame(Some(LIST))?,
        item: item(&found, state_of(&found, said_already(&people)), locale),
        people: shown.collect(),
        register_down,
    };
    show(&own.visitor, &page, if register_down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK })
}

pub async fn decide(Path(id): Path<String>, OwnForm { own, form }: OwnForm) -> Answer<Response> {
    if !is_strong(&own).await? {
        return own.sign_in_again().await;
    }
    let id = id_of(&id)?;
    let agreed = match form.get("action") {
        "agree" => true,
        "refuse" => false,
        _ => return organization_view(&own, id, false).await,
    };
    Ok(match organizations::decide(own.services(), &own.live, id, agreed).await? {
        Decided::Opened => done("organization-opened"),
        Decided::Waits => done("organization-waits"),
        Decided::Refused => done("organization-refused"),
        Decided::Stop => stop_page::first_about(Purpose::OrganizationAgree, id),
        Decided::Gone => Redirect::to(LIST).into_response(),
        Decided::RegisterDown => return organization_view(&own, id, true).await,
    })
}

/// The organization whose account this person may close, or the page that comes first.
async fn closable(own: &Own, id: OrganizationId) -> Answer<Result<Representation, Response>> {
    let looked = organizations::look(own.services(), own.who(), id).await?;
    let (found, people) = looked.ok_or_else(no_such)?;
    if state_of(&found, said_already(&people)) != OrganizationState::Open {
        return Ok(Err(Redirect::to(LIST).into_response()));
    }
    if !is_strong(own).await? {
        return own.sign_in_again().await.map(Err);
    }
    Ok(Ok(found))
}

pub async fn close_page(Path(id): Path<String>, own: Own) -> Answer<Response> {
    let id = id_of(&id)?;
    let found = match closable(&own, id).await? {
        Ok(found) => found,
        Err(first) => return Ok(first),
    };
    if stop::find_about(own.services(), &own.live, (Purpose::OrganizationClose, Some(id))).await?.is_none() {
        return Ok(stop_page::first_about(Purpose::OrganizationClose, id));
    }
    close_view(&own, &found, false)
}

fn close_view(own: &Own, found: &Representation, unsure: bool) -> Answer<Response> {
    let mut frame = own.frame(Some(&format!("{LIST}/{}", found.organization_id)))?;
    if unsure {
        frame.add_error("sure-yes", ErrorText::ChoiceMissing);
    }
    own.show(&view::CloseOrganization { frame, item: item(found, OrganizationState::Open, own.visitor.locale) })
}

pub async fn close(Path(id): Path<String>, OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let id = id_of(&id)?;
    let found = match closable(&own, id).await? {
        Ok(found) => found,
        Err(first) => return Ok(first),
    };
    if form.get("sure") != "yes" {
        return close_view(&own, &found, true);
    }
    Ok(match closing::close(own.services(), &own.live, id).await? {
        Closed::Done => done("organization-closed"),
        Closed::Stop => stop_page::first_about(Purpose::OrganizationClose, id),
        Closed::Gone => Redirect::to(LIST).into_response(),
        Closed::RegisterDown => return organization_view(&own, id, true).await,
    })
}
