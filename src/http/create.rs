//! Creating an account (C20), one thing per page.

use super::AppState;
use super::problem::{Answer, Problem, finish};
use super::signin::{self, At, Flow, Posted, account_flow, form, page};
use super::visitor::Visitor;
use crate::base::{Secret, Timestamp};
use crate::flow::account::{self, NewPassword};
use crate::flow::create_account::{self, Asked};
use crate::flow::interaction::{self, AccountNeed, Creation};
use crate::flow::outbox::Way;
use crate::flow::passkey::{self, Asker, NewPasskey};
use crate::flow::person;
use crate::flow::sign_in::{Proved, Sent, latest_code, normalize_sent_code, resend_from};
use crate::identity::password_policy::{MAXIMUM_BYTES, MINIMUM};
use crate::identity::{
    BirthDate, FormatError, FullName, PasswordRefusal, PersonalNumber, PhoneNumber, RegisterState, Rule,
};
use crate::view::{self, Created, ErrorText, Frame, NextTry, PauseCause, ProblemReason};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};

/// The pages of account creation.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/create", get(begin))
        .route("/create/{flow}", page(start))
        .route("/create/{flow}/number", page(number_page).merge(form(number)))
        .route("/create/{flow}/name", page(name_page).merge(form(name)))
        .route("/create/{flow}/waiting", page(waiting_page).merge(form(waiting)))
        .route("/create/{flow}/phone", page(phone_page).merge(form(phone)))
        .route("/create/{flow}/check", page(check_page).merge(form(check)))
        .route("/create/{flow}/code", page(code_page).merge(form(code)))
        .route("/create/{flow}/code/resend", form(resend))
        .route("/create/{flow}/passkey", page(passkey_page).merge(form(passkey_answer)))
        .route("/create/{flow}/passkey/options", form(passkey_options))
        .route("/create/{flow}/password", page(password_page).merge(form(password)))
        .route("/create/{flow}/recovery-codes", page(codes_page).merge(form(codes_stored)))
        .route("/create/{flow}/done", page(done))
}

fn to(flow: &Flow, step: &str) -> Response {
    Redirect::to(&format!("/create/{}{step}", flow.interaction.id)).into_response()
}

fn id(flow: &Flow) -> String {
    flow.interaction.id.clone()
}

async fn frame(state: &AppState, visitor: &Visitor, flow: &Flow, back: Option<&str>) -> Answer<Frame> {
    let mut frame = flow.frame(state, visitor).await?;
    frame.back = back.map(|step| format!("/create/{}{step}", flow.interaction.id));
    Ok(frame)
}

fn creation(flow: &mut Flow) -> &mut Creation {
    flow.interaction.creation.get_or_insert_default()
}

/// Once the account is made, earlier pages lead on.
fn made(flow: &Flow) -> Option<crate::base::PersonId> {
    flow.interaction.creation.as_ref().and_then(|creation| creation.made)
}

async fn begin(State(state): State<AppState>, visitor: Visitor) -> Response {
    let outcome = async {
        let target = interaction::Target::Account { path: "/account".to_owned(), needs: AccountNeed::Session };
        let begun = interaction::begin(&state.services, target);
        interaction::save(&state.services, &begun.interaction).await?;
        signin::enter(&visitor, &begun, &format!("/create/{}", begun.interaction.id))
    };
    finish(&state, &visitor, outcome.await)
}

async fn start(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    if made(&flow).is_some() {
        return Ok(to(&flow, "/passkey"));
    }
    let frame = flow.frame(&state, &visitor).await?;
    flow.show(&visitor, &view::CreateStart { frame, flow: id(&flow) })
}

async fn number_page(At { state, visitor, mut flow, .. }: At) -> Answer<Response> {
    let personal_number = creation(&mut flow).number.clone().unwrap_or_default();
    let frame = frame(&state, &visitor, &flow, Some("")).await?;
    flow.show(&visitor, &view::CreateNumber { frame, flow: id(&flow), personal_number })
}

async fn number(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let typed = form.get("personal_number");
    let Ok(number) = PersonalNumber::parse(typed) else {
        let mut frame = frame(&state, &visitor, &flow, Some("")).await?;
        frame.add_error("personal_number", ErrorText::NumberFormat);
        let personal_number = typed.chars().take(64).collect();
        return flow.show(&visitor, &view::CreateNumber { frame, flow: id(&flow), personal_number });
    };
    if made(&flow).is_some() {
        return Ok(to(&flow, "/passkey"));
    }
    let creation = creation(&mut flow);
    creation.number = Some(number.as_str().to_owned());
    (creation.matched, creation.question) = (None, None);
    interaction::save(&state.services, &flow.interaction).await?;
    Ok(to(&flow, "/name"))
}

fn wants_year_only(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair == "precision=year"))
}

async fn name_page(At { state, visitor, mut flow, query }: At) -> Answer<Response> {
    let creation = creation(&mut flow).clone();
    if creation.number.is_none() {
        return Ok(to(&flow, "/number"));
    }
    let mut frame = frame(&state, &visitor, &flow, Some("/number")).await?;
    let (birth_day, birth_month, birth_year) = match creation.birth_date {
        Some(BirthDate::Day(date)) => {
            (date.day().to_string(), u8::from(date.month()).to_string(), date.year().to_string())
        }
        Some(BirthDate::Year(year)) => (String::new(), String::new(), year.to_string()),
        None => Default::default(),
    };
    let year_only = wants_year_only(query.as_deref()) || matches!(creation.birth_date, Some(BirthDate::Year(_)));
    if year_only {
        frame.path.push_str("?precision=year");
    }
    let full_name = creation.full_name.unwrap_or_default();
    let page = view::CreateName { frame, flow: id(&flow), full_name, birth_day, birth_month, birth_year, year_only };
    flow.show(&visitor, &page)
}

async fn name(Posted { state, visitor, mut flow, form, query }: Posted) -> Answer<Response> {
    if creation(&mut flow).number.is_none() {
        return Ok(to(&flow, "/number"));
    }
    if made(&flow).is_some() {
        return Ok(to(&flow, "/passkey"));
    }
    let [typed, day, month, year] = ["full_name", "birth_day", "birth_month", "birth_year"].map(|name| form.get(name));
    let today = state.services.clock.now().to_vietnam().date();
    let name = FullName::parse(typed);
    let birth_date = BirthDate::from_form(day, month, year, today);
    let (Ok(name), Ok(birth_date)) = (&name, &birth_date) else {
        let mut frame = frame(&state, &visitor, &flow, Some("/number")).await?;
        if name.is_err() {
            frame.add_error("full_name", ErrorText::NameMissing);
        }
        let year_only = wants_year_only(query.as_deref());
        if let Err(error) = birth_date {
            let text = match error {
                FormatError::Future => ErrorText::BirthDateFuture,
                _ if year_only => ErrorText::BirthYearUnreal,
                _ => ErrorText::BirthDateUnreal,
            };
            frame.add_error(if year_only { "birth_year" } else { "birth_day" }, text);
        }
        let kept = |text: &str| text.chars().take(200).collect::<String>();
        let page = view::CreateName {
            frame,
            flow: id(&flow),
            full_name: kept(typed),
            birth_day: kept(day),
            birth_month: kept(month),
            birth_year: kept(year),
            year_only,
        };
        return flow.show(&visitor, &page);
    };
    let creation = creation(&mut flow);
    creation.full_name = Some(name.as_str().to_owned());
    creation.birth_date = Some(*birth_date);
    (creation.matched, creation.question) = (None, None);
    let asked = create_account::ask_register(&state.services, &mut flow.interaction, &visitor.network).await?;
    after_register(&state, &visitor, &flow, asked).await
}

async fn after_register(state: &AppState, visitor: &Visitor, flow: &Flow, asked: Asked) -> Answer<Response> {
    let next = match asked {
        Asked::Continue => return Ok(to(flow, "/phone")),
        Asked::Waits { .. } => return Ok(to(flow, "/waiting")),
        Asked::UnderAge => {
            let frame = frame(state, visitor, flow, Some("/name")).await?;
            return flow.show(visitor, &view::CreateUnderAge { frame });
        }
        Asked::NoMatch { tries_left } => NextTry::Left(tries_left),
        Asked::PausedUntil(until) => NextTry::PausedUntil(until),
    };
    let frame = frame(state, visitor, flow, Some("/name")).await?;
    let mut response = flow.show(visitor, &view::CreateNoMatch { frame, flow: id(flow), next })?;
    *response.status_mut() = match next {
        NextTry::Left(_) => StatusCode::UNPROCESSABLE_ENTITY,
        NextTry::PausedUntil(_) => StatusCode::TOO_MANY_REQUESTS,
    };
    Ok(response)
}

/// The register takes its time: the page looks again until there is an answer.
async fn waiting_page(At { state, visitor, mut flow, .. }: At) -> Answer<Response> {
    match create_account::look_again(&state.services, &mut flow.interaction).await? {
        None => Ok(to(&flow, "/number")),
        Some(Asked::Waits { slow }) => {
            let frame = frame(&state, &visitor, &flow, None).await?;
            flow.show(&visitor, &view::CreateWaiting { frame, flow: id(&flow), slow })
        }
        Some(asked) => after_register(&state, &visitor, &flow, asked).await,
    }
}

async fn waiting(Posted { state, visitor, mut flow, .. }: Posted) -> Answer<Response> {
    match create_account::go_on_without(&state.services, &mut flow.interaction).await? {
        None => Ok(to(&flow, "/number")),
        Some(asked) => after_register(&state, &visitor, &flow, asked).await,
    }
}

/// Pages after the register was asked need its answer.
fn matched(flow: &Flow) -> bool {
    flow.interaction.creation.as_ref().is_some_and(|creation| creation.matched.is_some())
}

async fn phone_page(At { state, visitor, mut flow, .. }: At) -> Answer<Response> {
    if !matched(&flow) {
        return Ok(to(&flow, "/number"));
    }
    let phone = creation(&mut flow).phone.as_deref().and_then(|p| PhoneNumber::parse(p).ok());
    let frame = frame(&state, &visitor, &flow, Some("/name")).await?;
    let phone = phone.map(|phone| phone.national()).unwrap_or_default();
    flow.show(&visitor, &view::CreatePhone { frame, flow: id(&flow), phone })
}

async fn phone(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    if !matched(&flow) {
        return Ok(to(&flow, "/number"));
    }
    let typed = form.get("phone");
    let Ok(phone) = PhoneNumber::parse(typed) else {
        let mut frame = frame(&state, &visitor, &flow, Some("/name")).await?;
        frame.add_error("phone", ErrorText::PhoneFormat);
        let phone = typed.chars().take(40).collect();
        return flow.show(&visitor, &view::CreatePhone { frame, flow: id(&flow), phone });
    };
    if made(&flow).is_some() {
        return Ok(to(&flow, "/passkey"));
    }
    creation(&mut flow).phone = Some(phone.as_str().to_owned());
    interaction::save(&state.services, &flow.interaction).await?;
    Ok(to(&flow, "/check"))
}

async fn check_page(At { state, visitor, mut flow, .. }: At) -> Answer<Response> {
    let creation = creation(&mut flow).clone();
    let (Some(claimed), Some(phone), true) =
        (create_account::claimed(&creation), &creation.phone, creation.matched.is_some())
    else {
        return Ok(to(&flow, "/number"));
    };
    let frame = frame(&state, &visitor, &flow, Some("/phone")).await?;
    let page = view::CreateCheck {
        flow: id(&flow),
        personal_number: claimed.number.as_str().to_owned(),
        full_name: claimed.name.as_str().to_owned(),
        birth_date: person::shown_birth_date(&claimed.birth_date, visitor.locale.tag()),
        phone: PhoneNumber::parse(phone).map(|phone| phone.national()).unwrap_or_default(),
        frame,
    };
    flow.show(&visitor, &page)
}

async fn check(Posted { state, visitor, mut flow, .. }: Posted) -> Answer<Response> {
    send(&state, &visitor, &mut flow, Way::Sms).await
}

async fn resend(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let way = if form.get("channel") == "voice" { Way::Voice } else { Way::Sms };
    send(&state, &visitor, &mut flow, way).await
}

async fn send(state: &AppState, visitor: &Visitor, flow: &mut Flow, way: Way) -> Answer<Response> {
    if made(flow).is_some() {
        return Ok(to(flow, "/passkey"));
    }
    if !matched(flow) || creation(flow).phone.is_none() {
        return Ok(to(flow, "/number"));
    }
    let asked_by = (visitor.locale.tag(), visitor.network.as_str());
    match create_account::send_code(&state.services, &mut flow.interaction, way, asked_by).await? {
        Sent::Yes => Ok(to(flow, "/code")),
        Sent::NotBefore(from) => {
            let waiting = latest_code(&state.services, &flow.interaction).await?;
            if waiting.is_none() {
                return paused(state, visitor, flow, from, PauseCause::TooManyCodes).await;
            }
            let mut page = code_context(state, visitor, flow).await?;
            page.frame.add_error("resend", ErrorText::ResendTooSoon { from });
            flow.show(visitor, &page)
        }
    }
}

async fn paused(
    state: &AppState,
    visitor: &Visitor,
    flow: &Flow,
    until: Timestamp,
    cause: PauseCause,
) -> Answer<Response> {
    let frame = frame(state, visitor, flow, Some("/check")).await?;
    let mut response = flow.show(visitor, &view::Paused { frame, flow: id(flow), until, cause })?;
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    Ok(response)
}

async fn code_context(state: &AppState, visitor: &Visitor, flow: &mut Flow) -> Answer<view::CreateCode> {
    let services = &state.services;
    let now = services.clock.now();
    let latest = latest_code(services, &flow.interaction).await?;
    let resend_from = match creation(flow).phone.as_deref().and_then(|phone| PhoneNumber::parse(phone).ok()) {
        Some(phone) => resend_from(services, &Rule::CREATE_SEND, &person::phone_index(services, &phone)?).await?,
        None => now,
    };
    let mut frame = frame(state, visitor, flow, Some("/check")).await?;
    // Also shown where another code was asked for, an address that cannot be opened again.
    frame.path = format!("/create/{}/code", flow.interaction.id);
    Ok(view::CreateCode {
        frame,
        flow: id(flow),
        valid_until: latest.as_ref().map_or(now, |code| code.expires_at),
        resend_from,
        expired: latest.is_none_or(|code| code.expires_at <= now || code.used_at.is_some()),
    })
}

async fn code_page(At { state, visitor, mut flow, .. }: At) -> Answer<Response> {
    if made(&flow).is_some() {
        return Ok(to(&flow, "/passkey"));
    }
    if flow.interaction.channel.is_none() {
        return Ok(to(&flow, "/check"));
    }
    let page = code_context(&state, &visitor, &mut flow).await?;
    flow.show(&visitor, &page)
}

async fn code(Posted { state, visitor, mut flow, form, .. }: Posted) -> Answer<Response> {
    let flow_id = flow.id();
    let error = match normalize_sent_code(form.get("code")) {
        None => ErrorText::CodeFormat,
        Some(typed) => {
            let language = visitor.locale.tag();
            match create_account::check_code(&state.services, &mut flow.interaction, &typed, language).await? {
                Proved::Yes => {
                    return signin::proved_to(&state, &visitor, &mut flow, &format!("/create/{flow_id}/passkey")).await;
                }
                Proved::PausedUntil(until) => {
                    return paused(&state, &visitor, &flow, until, PauseCause::WrongCodes).await;
                }
                Proved::Disabled => {
                    let until = state.services.clock.now().plus(std::time::Duration::from_secs(86_400));
                    return paused(&state, &visitor, &flow, until, PauseCause::WrongCodes).await;
                }
                Proved::Expired => ErrorText::CodeExpired,
                Proved::Wrong { tries_left } => ErrorText::CodeWrong { tries_left },
            }
        }
    };
    let mut page = code_context(&state, &visitor, &mut flow).await?;
    page.frame.add_error("code", error);
    flow.show(&visitor, &page)
}

/// The person whose account was made in this flow and who is signed in by it.
async fn owner(state: &AppState, visitor: &Visitor, flow: &Flow) -> Answer<Option<crate::base::PersonId>> {
    let live = visitor.session(state).await?;
    Ok(made(flow).filter(|who| live.is_some_and(|live| live.session.person_id == *who)))
}

async fn passkey_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    if owner(&state, &visitor, &flow).await?.is_none() {
        return Ok(to(&flow, ""));
    }
    let frame = flow.frame(&state, &visitor).await?;
    flow.show(&visitor, &view::CreatePasskey { frame, flow: id(&flow) })
}

async fn passkey_options(Posted { state, visitor, flow, .. }: Posted) -> Answer<Response> {
    let Some(who) = owner(&state, &visitor, &flow).await? else {
        return Err(Problem::new(ProblemReason::NotAllowed, "no_account_made"));
    };
    require_new(&state, &flow).await?;
    let options = passkey::start_making(&state.services, Asker::Flow(&flow.interaction), who).await?;
    Ok(Json(options).into_response())
}

/// Credentials are bound without a further proof only in the minutes after the account was made.
async fn require_new(state: &AppState, flow: &Flow) -> Answer<()> {
    let Some(who) = made(flow) else {
        return Err(Problem::new(ProblemReason::NotAllowed, "no_account_made"));
    };
    let found = person::get(&state.services, who).await?;
    let age = state.services.clock.now().since(found.created_at);
    if age > std::time::Duration::from_secs(30 * 60) {
        return Err(Problem::new(ProblemReason::Expired, "account_made_too_long_ago"));
    }
    Ok(())
}

async fn passkey_answer(Posted { state, visitor, flow, form, .. }: Posted) -> Answer<Response> {
    let Some(who) = owner(&state, &visitor, &flow).await? else {
        return Ok(to(&flow, ""));
    };
    if form.get("shared") == "yes" {
        return Ok(signin::on_shared_device(to(&flow, "/recovery-codes")));
    }
    if form.get("action") == "skip" {
        return Ok(to(&flow, "/recovery-codes"));
    }
    require_new(&state, &flow).await?;
    let error = if form.get("credential").is_empty() {
        ErrorText::PasskeyNotMade
    } else {
        let new = NewPasskey {
            response: form.get("credential"),
            name: &visitor.device,
            first_day: true,
            live: None,
            confirmed: None,
        };
        match passkey::keep_made(&state.services, Asker::Flow(&flow.interaction), who, new).await? {
            passkey::Made::Yes => return Ok(to(&flow, "/recovery-codes")),
            passkey::Made::AlreadyKnown => ErrorText::PasskeyAlreadyHere,
            passkey::Made::Expired | passkey::Made::Failed => ErrorText::PasskeyNotMade,
        }
    };
    let mut frame = flow.frame(&state, &visitor).await?;
    frame.add_error("create", error);
    flow.show(&visitor, &view::CreatePasskey { frame, flow: id(&flow) })
}

const LEAST: u32 = 8;

async fn password_page(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    if owner(&state, &visitor, &flow).await?.is_none() {
        return Ok(to(&flow, ""));
    }
    let frame = frame(&state, &visitor, &flow, Some("/passkey")).await?;
    flow.show(&visitor, &view::CreatePassword { frame, flow: id(&flow), least: LEAST })
}

async fn password(Posted { state, visitor, flow, form, .. }: Posted) -> Answer<Response> {
    let Some(who) = owner(&state, &visitor, &flow).await? else {
        return Ok(to(&flow, ""));
    };
    require_new(&state, &flow).await?;
    let typed = Secret::from(form.get("new_password"));
    match account::first_password(&state.services, who, &typed).await? {
        NewPassword::Done | NewPassword::SignInAgain | NewPassword::Stop | NewPassword::WrongCurrent { .. } => {
            Ok(to(&flow, "/recovery-codes"))
        }
        NewPassword::Refused(refusal) => {
            let mut frame = frame(&state, &visitor, &flow, Some("/passkey")).await?;
            frame.add_error("new_password", password_error(&typed, refusal));
            flow.show(&visitor, &view::CreatePassword { frame, flow: id(&flow), least: LEAST })
        }
    }
}

/// What the page says about a password that was not taken.
pub fn password_error(typed: &Secret, refusal: PasswordRefusal) -> ErrorText {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    if typed.is_empty() {
        return ErrorText::PasswordMissing;
    }
    match refusal {
        PasswordRefusal::TooShort => ErrorText::PasswordShort { least: number(MINIMUM) },
        PasswordRefusal::TooLong => ErrorText::PasswordLong { most: number(MAXIMUM_BYTES) },
        _ => ErrorText::PasswordCommon,
    }
}

async fn codes_page(At { state, visitor, mut flow, .. }: At) -> Answer<Response> {
    if owner(&state, &visitor, &flow).await?.is_none() {
        return Ok(to(&flow, ""));
    }
    let Some(codes) = creation(&mut flow).recovery_codes.clone() else {
        return Ok(to(&flow, "/done"));
    };
    let frame = flow.frame(&state, &visitor).await?;
    flow.show(&visitor, &view::CreateRecoveryCodes { frame, flow: id(&flow), codes })
}

async fn codes_stored(Posted { state, visitor, mut flow, .. }: Posted) -> Answer<Response> {
    if owner(&state, &visitor, &flow).await?.is_none() {
        return Ok(to(&flow, ""));
    }
    creation(&mut flow).recovery_codes = None;
    interaction::save(&state.services, &flow.interaction).await?;
    Ok(to(&flow, "/done"))
}

async fn done(At { state, visitor, flow, .. }: At) -> Answer<Response> {
    let Some(who) = owner(&state, &visitor, &flow).await? else {
        return account_flow(&state, &visitor, "/account", AccountNeed::Session).await;
    };
    let found = person::get(&state.services, who).await?;
    let outcome = match found.register_state {
        RegisterState::Verified => Created::Confirmed,
        _ => Created::RegisterDown,
    };
    let frame = flow.frame(&state, &visitor).await?;
    let continue_to = flow.interaction.request().map(|_| format!("/signin/{}/next", flow.interaction.id));
    let page = view::CreateDone { frame, outcome, continue_to };
    flow.show(&visitor, &page)
}
