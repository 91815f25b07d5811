//! What every page of the account area is given: the signed-in person, or the way to sign in first.

use super::super::AppState;
use super::super::cookies;
use super::super::form::{self, Form};
use super::super::problem::{Answer, Problem, show};
use super::super::signin::account_flow;
use super::super::visitor::{Visitor, csrf_holds, csrf_token};
use crate::base::{PersonId, Timestamp};
use crate::flow::account;
use crate::flow::interaction::AccountNeed;
use crate::flow::level::{self, Ways};
use crate::flow::session::{self, LiveSession};
use crate::flow::{Services, clients};
use crate::view::{Frame, Page, ProblemReason};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

/// Where signing in leads back to, the first that fits: a closed list, never the address as sent (A1).
const PAGES: &[(&str, AccountNeed)] = &[
    ("/account/passkeys/new", AccountNeed::Strong),
    ("/account/passkeys", AccountNeed::Strong),
    ("/account/password", AccountNeed::Strong),
    ("/account/recovery-codes", AccountNeed::Strong),
    ("/account/totp", AccountNeed::Strong),
    ("/account/phone", AccountNeed::Strong),
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

fn way_back(path: &str) -> (&'static str, AccountNeed) {
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
        Ok(Self { state: state.clone(), visitor, live, query })
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
    Ok(Err(Box::new(account_flow(state, visitor, path, need).await?)))
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
            let live = visitor.session(state).await?.filter(|live| account::pages_open(&state.services, live));
            Ok((form, live))
        };
        match read.await {
            Ok((form, Some(live))) => Ok(Self { own: Own { state: state.clone(), visitor, live, query }, form }),
            // A page's script asks for options, and then posts the form, which leads to signing in again.
            Ok(_) if visitor.path.ends_with("/options") => {
                Err(Problem::new(ProblemReason::NotAllowed, "not_signed_in").into_response())
            }
            Ok(_) => {
                let (path, need) = way_back(&visitor.path);
                Err(account_flow(state, &visitor, path, need).await.unwrap_or_else(IntoResponse::into_response))
            }
            Err(problem) => Err(problem.into_response()),
        }
    }
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
        account_flow(&self.state, &self.visitor, way_back(&self.visitor.path).0, AccountNeed::Strong).await
    }

    /// The name of a portal in the page's language.
    pub async fn portal_name(&self, client_id: &str) -> Answer<String> {
        let known = clients::find(self.services(), client_id).await?;
        Ok(known.map_or_else(|| client_id.to_owned(), |k| k.client.display_name(self.visitor.locale.tag()).to_owned()))
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
    }
}
