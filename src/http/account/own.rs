//! What every page of the account area is given: the signed-in person, or the way to sign in first.

use super::super::AppState;
use super::super::cookies;
use super::super::form::{self, Form};
use super::super::problem::{Answer, Problem, show};
use super::super::signin::account_flow_with;
use super::super::visitor::{Visitor, csrf_holds, csrf_token};
use crate::base::{PersonId, Timestamp};
use crate::flow::account::{self, kept, kept::KeptForm};
use crate::flow::interaction::AccountNeed;
use crate::flow::level::{self, Ways};
use crate::flow::session::{self, LiveSession};
use crate::flow::{Services, clients};
use crate::view::{Frame, Page, ProblemReason};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};

/// Where signing in leads back to, the first that fits: a closed list, never the address as sent (A1).
const PAGES: &[(&str, AccountNeed)] = &[
    ("/account/passkeys/new", AccountNeed::Strong),
    ("/account/passkeys", AccountNeed::Strong),
    ("/account/password", AccountNeed::Strong),
    ("/account/recovery-codes", AccountNeed::Strong),
    ("/account/totp", AccountNeed::Strong),
    ("/account/phone", AccountNeed::Strong),
    ("/account/email", AccountNeed::Strong),
    ("/account/close", AccountNeed::Strong),
    ("/account/organizations/add", AccountNeed::Strong),
    ("/account/organizations", AccountNeed::Session),
    ("/account/ways", AccountNeed::Session),
    ("/account/details", AccountNeed::Session),
    ("/account/sessions", AccountNeed::Session),
    ("/account/activity", AccountNeed::Session),
    ("/account/not-me", AccountNeed::Session),
    ("/account/sharing/history", AccountNeed::Session),
    ("/account/sharing", AccountNeed::Session),
    ("/account/freeze", AccountNeed::Session),
    ("/account/requests", AccountNeed::Session),
    ("/account/settings", AccountNeed::Session),
    ("/account", AccountNeed::Session),
];

fn way_back(path: &str) -> (&str, AccountNeed) {
    // A page with an id in its address, where what was typed is kept: the id is one.
    if path.ends_with("/rename") && kept::fields_of(path).is_some() {
        return (path, AccountNeed::Session);
    }
    let fits =
        |page: &&(&str, AccountNeed)| path.strip_prefix(page.0).is_some_and(|r| r.is_empty() || r.starts_with('/'));
    PAGES.iter().find(fits).copied().unwrap_or(("/account", AccountNeed::Session))
}

/// A page of the account area, asked for by a person whose session is live and was used in the last quarter of an hour.
pub struct Own {
    /// The program.
    pub state: AppState,
    /// The browser.
    pub visitor: Visitor,
    /// The session.
    pub live: LiveSession,
    query: String,
    /// What was posted here, as far as it may be kept over a sign-in.
    typed: Option<KeptForm>,
}

/// A form of such a page, sent from our own page of the same session.
pub struct OwnForm {
    /// Who sent it.
    pub own: Own,
    /// What.
    pub form: Form,
}

impl FromRequestParts<AppState> for Own {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let visitor = visitor_of(parts, state).await;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let opened = open(state, &visitor).await.map_err(IntoResponse::into_response)?;
        let live = opened.map_err(|sign_in| *sign_in)?;
        Ok(Self { state: state.clone(), visitor, live, query, typed: None })
    }
}

async fn visitor_of(parts: &mut Parts, state: &AppState) -> Visitor {
    match Visitor::from_request_parts(parts, state).await {
        Ok(visitor) => visitor,
        Err(never) => match never {},
    }
}

/// The session whose account is shown, or the way to sign in first.
async fn open(state: &AppState, visitor: &Visitor) -> Answer<Result<LiveSession, Box<Response>>> {
    let (path, _) = way_back(&visitor.path);
    let need = match visitor.session(state).await? {
        Some(live) if account::pages_open(&state.services, &live) => {
            session::touch(&state.services, &live).await?;
            return Ok(Ok(live));
        }
        // A session that stood idle needs a sign-in of now, or the page would send the browser round in a circle.
        Some(_) => AccountNeed::SignIn,
        None => AccountNeed::Session,
    };
    Ok(Err(Box::new(account_flow_with(state, visitor, (path, need), None).await?)))
}

impl FromRequest<AppState> for OwnForm {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = visitor_of(&mut parts, state).await;
        let headers = parts.headers.clone();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let body =
            Bytes::from_request(Request::from_parts(parts, body), state).await.map_err(IntoResponse::into_response)?;
        let read = async {
            form::same_site(&headers, &state.site.origin).map_err(|_| Problem::form("form_of_other_site"))?;
            let form = Form::parse(&body).ok_or(Problem::new(ProblemReason::BadRequest, "form_unreadable"))?;
            let secret = visitor.cookie(cookies::SESSION).unwrap_or_default();
            if !csrf_holds(state, secret, form.get("csrf"))? {
                return Err(Problem::form("form_token"));
            }
            let live = visitor.session(state).await?;
            let typed = typed(state, &visitor, live.as_ref(), (&visitor.path, &form)).await?;
            Ok((form, typed, live.filter(|live| account::pages_open(&state.services, live))))
        };
        match read.await {
            Ok((form, typed, Some(live))) => {
                Ok(Self { own: Own { state: state.clone(), visitor, live, query, typed }, form })
            }
            // A page's script asks for options, and then posts the form, which leads to signing in again.
            Ok(_) if visitor.path.ends_with("/options") => {
                Err(Problem::new(ProblemReason::NotAllowed, "not_signed_in").into_response())
            }
            Ok((_, typed, None)) => {
                let answer = account_flow_with(state, &visitor, way_back(&visitor.path), typed).await;
                Err(answer.unwrap_or_else(IntoResponse::into_response))
            }
            Err(problem) => Err(problem.into_response()),
        }
    }
}

/// The form as far as it may be kept, for the person whose session this is or was.
async fn typed(
    state: &AppState,
    visitor: &Visitor,
    live: Option<&LiveSession>,
    (page, form): (&str, &Form),
) -> Answer<Option<KeptForm>> {
    if kept::fields_of(page).is_none() {
        return Ok(None);
    }
    let cookie = visitor.cookie(cookies::SESSION).unwrap_or_default();
    let owner = kept::owner(&state.services, live, cookie).await?;
    Ok(owner.and_then(|who| kept::keep(who, page, |name| form.get(name))))
}

impl Own {
    /// The tools.
    pub fn services(&self) -> &Services {
        &self.state.services
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.state.services.clock.now()
    }

    /// Whose account it is.
    pub const fn who(&self) -> PersonId {
        self.live.session.person_id
    }

    /// The ways this person has to sign in.
    pub async fn ways(&self) -> Answer<Ways> {
        Ok(level::ways_of(self.services(), self.who()).await?)
    }

    /// A member of the address's query.
    pub fn asked(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes()).find(|(key, _)| key == name).map(|(_, v)| v.into_owned())
    }

    /// The frame of a page with a back link.
    pub fn frame(&self, back: Option<&str>) -> Answer<Frame> {
        let mut frame = self.visitor.frame(&self.state);
        frame.csrf = csrf_token(&self.state, self.visitor.cookie(cookies::SESSION).unwrap_or_default())?;
        frame.back = back.map(str::to_owned);
        frame.keeps_typed = kept::fields_of(&self.visitor.path).is_some();
        frame.idle_seconds = Some(self.state.site.account_idle_seconds);
        frame.notice = self.asked("done").as_deref().and_then(super::done::notice);
        Ok(frame)
    }

    /// The page, as 422 when it names something to correct.
    pub fn show(&self, page: &impl Page) -> Answer<Response> {
        let wrong = page.frame().is_some_and(|frame| !frame.errors.is_empty());
        show(&self.visitor, page, if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK })
    }

    /// A sign-in of now, as strong as the person can, that leads back to this page.
    pub async fn sign_in_again(&self) -> Answer<Response> {
        let need = (way_back(&self.visitor.path).0, AccountNeed::Strong);
        account_flow_with(&self.state, &self.visitor, need, self.typed.clone()).await
    }

    /// What was typed on this page before the person had to sign in again: given once.
    pub async fn kept(&self) -> Answer<Form> {
        Ok(Form::of(kept::take(self.services(), &self.live, &self.visitor.path).await?))
    }

    /// The name of a portal in the page's language.
    pub async fn portal_name(&self, client_id: &str) -> Answer<String> {
        let known = clients::find(self.services(), client_id).await?;
        Ok(known.map_or_else(|| client_id.to_owned(), |k| k.client.display_name(self.visitor.locale.tag()).to_owned()))
    }
}

/// `POST /account/keep`: the page's script sends here what was typed before the session ends by itself. Nothing is done
/// with it but to show it again on its page.
pub async fn keep(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    form::same_site(&headers, &state.site.origin).map_err(|_| Problem::form("form_of_other_site"))?;
    let form = Form::parse(&body).ok_or(Problem::new(ProblemReason::BadRequest, "form_unreadable"))?;
    if !csrf_holds(&state, visitor.cookie(cookies::SESSION).unwrap_or_default(), form.get("csrf"))? {
        return Err(Problem::form("form_token"));
    }
    let page = form.get("page");
    let live = visitor.session(&state).await?;
    let typed = typed(&state, &visitor, live.as_ref(), (page, &form)).await?;
    let (path, need) = way_back(page);
    match (live.filter(|live| account::pages_open(&state.services, live)), typed) {
        // Another tab kept the session: back to the page as it was.
        (Some(live), Some(typed)) => {
            kept::hand_over(&state.services, &live, &typed).await?;
            Ok(Redirect::to(path).into_response())
        }
        (Some(_), None) => Ok(Redirect::to(path).into_response()),
        (None, typed) => {
            let need = if need == AccountNeed::Session { AccountNeed::SignIn } else { need };
            account_flow_with(&state, &visitor, (path, need), typed).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_signing_in_leads_back_to_a_page_of_the_list_only() {
        assert_eq!(way_back("/account/passkeys/x/rename").0, "/account/passkeys");
        assert_eq!(way_back("/account/passkeys/new").0, "/account/passkeys/new");
        assert_eq!(way_back("/account/sharing/history").0, "/account/sharing/history");
        assert_eq!(way_back("/account/passwords").0, "/account");
        assert_eq!(way_back("//evil.example").0, "/account");
        assert_eq!(way_back("/account/passkeys/@evil.example/rename").0, "/account/passkeys");
        let rename = "/account/passkeys/0198c0de-0000-7000-8000-000000000000/rename";
        assert_eq!(way_back(rename), (rename, AccountNeed::Session));
    }
}
