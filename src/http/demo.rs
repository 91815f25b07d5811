//! Pages of the demo (F2, F3, F5) and the short help pages. Outside the demo only help is there.

use super::AppState;
use super::form;
use super::problem::{Answer, Problem, finish, show};
use super::visitor::Visitor;
use crate::base::{GrantId, Secret};
use crate::flow::demo::{self, TakenApart};
use crate::flow::{clients, metadata};
use crate::identity::PersonalNumber;
use crate::view::{
    self, CheckKind, CheckTile, DecodedToken, InboxMessage, Locale, MessageKind, Notice, ProblemReason, Step,
    TestCitizen, TokenClaim,
};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use std::time::{Duration, Instant};

/// What the demo's pages show.
pub struct DemoSite {
    /// Sample portals: names in both languages, address.
    pub portals: Vec<(String, String, String)>,
    /// Test people.
    pub people: Vec<DemoCitizen>,
    /// Key and number of the person who signs in for the self-check.
    pub checker: (String, PersonalNumber),
    /// For looking at our own discovery document from outside.
    pub http: reqwest::Client,
}

/// A test person as the start page shows them.
pub struct DemoCitizen {
    /// Name.
    pub name: String,
    /// Number.
    pub number: String,
    /// Phone.
    pub phone: String,
    /// Birth date as a claim.
    pub birth_date: String,
    /// What they are for, in both languages.
    pub story: (String, String),
    /// Password and the like, by name.
    pub secrets: Vec<(String, Secret)>,
}

/// Help for everybody; the demo's pages only in the demo.
pub fn router(in_demo: bool) -> Router<AppState> {
    let help = Router::new()
        .route("/help", get(help))
        .route("/help/lost-access", get(lost_access))
        .route("/privacy", get(privacy))
        .route("/accessibility", get(accessibility));
    if !in_demo {
        return help;
    }
    help.route("/", get(start))
        .route("/sample", get(sample))
        .route("/test/inbox", get(inbox))
        .route("/test/inbox/clear", post(clear_inbox))
        .route("/test/what-happened/{grant}", get(what_happened))
        .route("/test/components", get(components))
        .route("/test/pages/{page}/{state}", get(sample_page))
}

macro_rules! help_page {
    ($name:ident, $page:ident) => {
        async fn $name(State(state): State<AppState>, visitor: Visitor) -> Response {
            let page = view::$page { frame: visitor.frame(&state) };
            let outcome = show(&visitor, &page, StatusCode::OK);
            finish(&state, &visitor, outcome)
        }
    };
}
help_page!(help, Help);
help_page!(lost_access, LostAccess);
help_page!(privacy, Privacy);
help_page!(accessibility, Accessibility);

fn site(state: &AppState) -> Answer<&DemoSite> {
    state.demo.as_deref().ok_or(Problem::new(ProblemReason::NotFound, "no_such_page"))
}

/// To the first sample portal.
async fn sample(State(state): State<AppState>, visitor: Visitor) -> Response {
    let outcome = site(&state).and_then(|demo| {
        let (.., url) = demo.portals.first().ok_or(Problem::new(ProblemReason::NotFound, "no_sample_portal"))?;
        Ok(Redirect::to(url).into_response())
    });
    finish(&state, &visitor, outcome)
}

/// The building blocks, and the way to every page in every state.
async fn components(State(state): State<AppState>, visitor: Visitor) -> Response {
    let mut frame = visitor.frame(&state);
    frame.add_error("identifier", view::ErrorText::IdentifierMissing);
    let page = view::Components { frame, pages: view::page_states() };
    finish(&state, &visitor, show(&visitor, &page, StatusCode::OK))
}

/// A page in a state, filled with made-up data.
async fn sample_page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path((page, name)): Path<(String, String)>,
) -> Response {
    let outcome = match view::sample(&page, &name, visitor.locale) {
        Ok(Some(sample)) => Ok((visitor.cookies(), Html(sample.html)).into_response()),
        Ok(None) => Err(Problem::new(ProblemReason::NotFound, "no_such_sample")),
        Err(error) => Err(crate::flow::Fault::internal(error).into()),
    };
    finish(&state, &visitor, outcome)
}

async fn start(State(state): State<AppState>, visitor: Visitor) -> Response {
    let outcome = async {
        let demo = site(&state)?;
        let vietnamese = visitor.locale == Locale::Vi;
        let choose = |(vi, en): (&String, &String)| if vietnamese { vi.clone() } else { en.clone() };
        let citizens = demo
            .people
            .iter()
            .map(|person| TestCitizen {
                name: person.name.clone(),
                personal_number: person.number.clone(),
                phone: person.phone.clone(),
                birth_date: visitor.locale.birth_date(&person.birth_date),
                story: choose((&person.story.0, &person.story.1)),
                secrets: person.secrets.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
                use_href: use_href(demo, &person.number),
            })
            .collect();
        let page = view::StartPage {
            frame: visitor.frame(&state),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            checks: checks(&state, demo).await,
            portals: demo.portals.iter().map(|(vi, en, url)| (choose((vi, en)), url.clone())).collect(),
            citizens,
            issuer: state.services.issuer().to_owned(),
        };
        show(&visitor, &page, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}

/// Starts a sign-in at the first sample portal with a test person's (made-up) number filled in.
fn use_href(demo: &DemoSite, number: &str) -> String {
    demo.portals
        .first()
        .map_or_else(|| "/sample".to_owned(), |(.., url)| format!("{url}/login?level=1&login_hint={number}"))
}

/// Runs one check and keeps how long it took and what was wrong.
async fn check(kind: CheckKind, command: &str, work: impl Future<Output = Result<(), String>>) -> CheckTile {
    let started = Instant::now();
    let outcome = tokio::time::timeout(Duration::from_secs(5), work).await.unwrap_or_else(|_| Err("5 s".to_owned()));
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let ok = outcome.is_ok();
    let command = (!ok && !command.is_empty()).then(|| command.to_owned());
    CheckTile { kind, ok, micros, cause: outcome.err(), command }
}

async fn checks(state: &AppState, demo: &DemoSite) -> Vec<CheckTile> {
    let services = &state.services;
    let now = services.clock.now();
    let doctor = "dinhdanh doctor";
    vec![
        check(CheckKind::Database, doctor, async { services.db.ping().await.map_err(|e| e.to_string()) }).await,
        check(CheckKind::SigningKey, "dinhdanh keys list", async {
            let able = !services.keys.current().keys.algorithms(now).is_empty();
            able.then_some(()).ok_or_else(|| "no key may sign now".to_owned())
        })
        .await,
        check(CheckKind::Clock, "timedatectl status", async {
            // No later than a message that was sent: a clock that went back shows here.
            let newest = demo::inbox(services).await.map_err(|e| e.to_string())?.first().map(|message| message.at);
            newest.is_none_or(|at| at <= now).then_some(()).ok_or_else(|| "the clock went back".to_owned())
        })
        .await,
        check(CheckKind::CodeSender, doctor, async {
            demo::inbox(services).await.map(drop).map_err(|e| e.to_string())
        })
        .await,
        check(CheckKind::Discovery, doctor, discovery(state, demo)).await,
        check(CheckKind::Register, doctor, async {
            let id = crate::base::RowId::new(now, &*services.entropy).0;
            services.population.health(id).await.map_err(|error| error.reason().to_owned())
        })
        .await,
        check(CheckKind::SignIn, doctor, async {
            let (key, number) = &demo.checker;
            demo::check_sign_in(services, number, key).await.map_err(|error| error.to_string())
        })
        .await,
    ]
}

/// Fetches our own discovery document over HTTP, as a portal would.
async fn discovery(state: &AppState, demo: &DemoSite) -> Result<(), String> {
    let url = metadata::endpoints(&state.services).url(crate::protocol::discovery::path::DISCOVERY);
    let answer = demo.http.get(url).send().await.map_err(|_| "no answer".to_owned())?;
    let document: serde_json::Value = answer.json().await.map_err(|_| "not JSON".to_owned())?;
    let same = document.get("issuer").and_then(|issuer| issuer.as_str()) == Some(state.services.issuer());
    same.then_some(()).ok_or_else(|| "another issuer".to_owned())
}

async fn inbox(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap) -> Response {
    let outcome = async {
        site(&state)?;
        let messages = demo::inbox(&state.services).await?;
        let wants_json =
            headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("application/json"));
        if wants_json {
            let list: Vec<_> = messages
                .iter()
                .map(|m| {
                    let code = code_in(&m.body);
                    json!({ "kind": m.kind, "recipient": m.recipient, "body": m.body, "code": code, "at": m.at.to_string() })
                })
                .collect();
            return Ok(Json(list).into_response());
        }
        let mut frame = visitor.frame(&state);
        frame.csrf = super::visitor::csrf_token(&state, "inbox")?;
        let messages = messages
            .into_iter()
            .map(|m| InboxMessage {
                kind: match m.kind.as_str() {
                    "voice" => MessageKind::Voice,
                    "email" => MessageKind::Email,
                    _ => MessageKind::Sms,
                },
                code: code_in(&m.body),
                recipient: m.recipient,
                body: m.body,
                at: m.at,
            })
            .collect();
        show(&visitor, &view::TestInbox { frame, messages }, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}

/// The first run of six digits that stands alone, also when it is read out digit by digit.
fn code_in(body: &str) -> Option<String> {
    let alone = |text: &str| text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6).map(str::to_owned);
    alone(body).or_else(|| alone(&body.replace(", ", "")))
}

async fn clear_inbox(State(state): State<AppState>, visitor: Visitor, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        site(&state)?;
        form::same_site(&headers, &state.site.origin).map_err(|_| Problem::form("form_of_other_site"))?;
        let sent = form::Form::parse(&body).ok_or(Problem::new(ProblemReason::BadRequest, "form_unreadable"))?;
        if !super::visitor::csrf_holds(&state, "inbox", sent.get("csrf"))? {
            return Err(Problem::form("form_token"));
        }
        demo::clear_inbox(&state.services).await?;
        let mut frame = visitor.frame(&state);
        frame.csrf = super::visitor::csrf_token(&state, "inbox")?;
        frame.notice = Some(Notice::InboxCleared);
        frame.path = "/test/inbox".to_owned();
        show(&visitor, &view::TestInbox { frame, messages: Vec::new() }, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}

async fn what_happened(State(state): State<AppState>, visitor: Visitor, Path(grant): Path<String>) -> Response {
    let outcome = async {
        site(&state)?;
        let gone = || Problem::new(ProblemReason::NotFound, "no_such_sign_in");
        let id: GrantId = grant.parse().map_err(|_| gone())?;
        let story = demo::story(&state.services, id).await?.ok_or_else(gone)?;
        let portal = clients::find(&state.services, &story.client_id).await?;
        let locale = visitor.locale;
        let mut previous = None;
        let steps = story
            .entries
            .iter()
            .map(|entry| {
                let micros =
                    previous.replace(entry.at).map(|at| u64::try_from(entry.at.since(at).as_micros()).unwrap_or(0));
                Step {
                    title: view::happened(locale, entry.event.kind()),
                    detail: serde_json::to_string(&entry.event).ok(),
                    at: entry.at,
                    micros,
                    audit_id: Some(entry.id.to_string()),
                }
            })
            .collect();
        let page = view::WhatHappened {
            frame: visitor.frame(&state),
            portal: portal.map(|known| known.client.display_name(locale.tag()).to_owned()).unwrap_or_default(),
            person: story.full_name,
            steps,
            tokens: story.tokens.into_iter().map(|token| decoded(token, locale)).collect(),
        };
        show(&visitor, &page, StatusCode::OK)
    };
    finish(&state, &visitor, outcome.await)
}

fn decoded(token: TakenApart, locale: Locale) -> DecodedToken {
    let claims = token
        .claims
        .iter()
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            TokenClaim::explained(name, text, locale)
        })
        .collect();
    DecodedToken { name: token.name.to_owned(), header: token.header, claims, signature_ok: token.signature_ok }
}

#[cfg(test)]
mod tests {
    use super::code_in;

    #[test]
    fn the_code_is_found_in_texts_and_calls() {
        assert_eq!(code_in("123456 la ma dang nhap").as_deref(), Some("123456"));
        assert_eq!(code_in("Ma cua ban: 1, 2, 3, 4, 5, 6. Nhac lai: 1, 2, 3, 4, 5, 6.").as_deref(), Some("123456"));
        assert_eq!(code_in("Goi 1900 0000"), None);
    }
}
