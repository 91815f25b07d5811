//! The one place where faults and refusals become statuses and pages (C17). Causes go to the log with the error id;
//! the page says what to do.

use super::AppState;
use super::layers::FrameSources;
use super::visitor::Visitor;
use crate::base::ErrorId;
use crate::flow::Fault;
use crate::flow::interaction::Refused;
use crate::protocol::ShowReason;
use crate::view::{Page, PortalBox, ProblemReason};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A page that could not be shown, and why.
#[derive(Debug)]
pub struct Problem {
    /// What the page says.
    pub reason: ProblemReason,
    /// A stable word for the log.
    pub cause: &'static str,
    /// More for the log, never for the page.
    pub fault: Option<Fault>,
    /// Fixed text for developers of portals.
    pub developer_hint: Option<&'static str>,
}

/// Where a person came from, as far as it was proved.
#[derive(Debug)]
pub struct WayBack {
    /// The portal.
    pub portal: PortalBox,
    /// Its page.
    pub href: String,
}

/// What page handlers give.
pub type Answer<T> = Result<T, Problem>;

impl Problem {
    /// A refusal that is not our fault.
    pub const fn new(reason: ProblemReason, cause: &'static str) -> Self {
        Self { reason, cause, fault: None, developer_hint: None }
    }

    /// A form that did not come from our own page.
    pub const fn form(cause: &'static str) -> Self {
        Self::new(ProblemReason::FormRefused, cause)
    }

    const fn status(&self) -> StatusCode {
        match self.reason {
            ProblemReason::NotFound => StatusCode::NOT_FOUND,
            ProblemReason::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ProblemReason::FormRefused | ProblemReason::OtherBrowser | ProblemReason::NotAllowed => {
                StatusCode::FORBIDDEN
            }
            ProblemReason::AlreadyDone => StatusCode::CONFLICT,
            ProblemReason::Expired => StatusCode::GONE,
            ProblemReason::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            ProblemReason::Overloaded | ProblemReason::OutOfService => StatusCode::SERVICE_UNAVAILABLE,
            ProblemReason::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The page, with an error id that the log line carries too.
    pub fn page(&self, state: &AppState, visitor: &Visitor) -> Response {
        self.page_with(state, visitor, None)
    }

    /// The same, with the way back to a portal whose address was proved.
    pub fn page_with(&self, state: &AppState, visitor: &Visitor, back: Option<WayBack>) -> Response {
        let status = self.status();
        let id = ErrorId::new(&*state.services.entropy);
        if let Some(fault) = &self.fault {
            tracing::error!(error_id = %id, request_id = %visitor.request_id, reason = self.cause, fault = %fault, "a request failed");
        } else {
            tracing::info!(error_id = %id, request_id = %visitor.request_id, reason = self.cause, "a request was refused");
        }
        let mut frame = visitor.frame(state);
        let return_to = back.map(|back| {
            frame.portal = Some(back.portal);
            back.href
        });
        let page = crate::view::Problem {
            at: frame.now,
            frame,
            reason: self.reason,
            error_id: Some(id),
            return_to,
            developer_hint: self.developer_hint,
        };
        let mut response = match page.render_page() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => (status, "Something went wrong.\n").into_response(),
        };
        if let Some(Fault::Overloaded { retry_after }) = &self.fault {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response
    }
}

/// A problem on its way to [`as_pages`], which knows the visitor's language.
#[derive(Clone)]
struct Carried(Arc<Problem>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(Carried(Arc::new(self)));
        response
    }
}

/// Turns the problems of a wing's handlers into pages, so that a handler may give an [`Answer`] and use `?`.
pub async fn as_pages(State(state): State<AppState>, visitor: Visitor, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    match response.extensions().get::<Carried>() {
        Some(Carried(problem)) => problem.page(&state, &visitor),
        None => response,
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let reason = match &fault {
            Fault::Unavailable(_) | Fault::NoRecipient { .. } => ProblemReason::OutOfService,
            Fault::Overloaded { .. } => ProblemReason::Overloaded,
            Fault::Internal(_) => ProblemReason::Internal,
        };
        Self { reason, cause: fault.reason(), fault: Some(fault), developer_hint: None }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Expired => Self::new(ProblemReason::Expired, "flow_expired"),
            Refused::OtherBrowser => Self::new(ProblemReason::OtherBrowser, "flow_of_other_browser"),
            Refused::Fault(fault) => fault.into(),
        }
    }
}

impl From<ShowReason> for Problem {
    fn from(reason: ShowReason) -> Self {
        let page = match reason {
            ShowReason::MissingClientId | ShowReason::UnknownClient => ProblemReason::UnknownPortal,
            ShowReason::DisabledClient => ProblemReason::PortalDisabled,
            ShowReason::MissingRedirectUri | ShowReason::UnregisteredRedirectUri => ProblemReason::AddressNotRegistered,
            ShowReason::MalformedRequest | ShowReason::UnsupportedResponseMode | ShowReason::UnknownRequestUri => {
                ProblemReason::PortalRequest
            }
        };
        Self { reason: page, cause: reason.as_str(), fault: None, developer_hint: Some(reason.description()) }
    }
}

/// Renders a page with a status and the visitor's cookies.
pub fn show(visitor: &Visitor, page: &impl Page, status: StatusCode) -> Answer<Response> {
    let html = page.render_page().map_err(Fault::internal)?;
    let mut response = (status, visitor.cookies(), Html(html)).into_response();
    // What stands in frames of the page, and nothing beside it, may be loaded there.
    let frames = page.frame().map_or(&[][..], |frame| &frame.logout_frames);
    if !frames.is_empty() {
        let origins: BTreeSet<String> = frames.iter().map(|address| origin_of(address)).collect();
        response.extensions_mut().insert(FrameSources(origins.into_iter().collect()));
    }
    Ok(response)
}

/// The origin of an address, as policies name it; of an app's address its scheme.
pub fn origin_of(address: &str) -> String {
    url::Url::parse(address).map_or_else(
        |_| String::new(),
        |url| match url.scheme() {
            "https" | "http" => url.origin().ascii_serialization(),
            scheme => format!("{scheme}:"),
        },
    )
}

/// Turns a handler's outcome into an answer.
pub fn finish(state: &AppState, visitor: &Visitor, outcome: Answer<Response>) -> Response {
    match outcome {
        Ok(response) => response,
        Err(problem) => problem.page(state, visitor),
    }
}

/// No such page.
pub async fn not_found(State(state): State<AppState>, visitor: Visitor) -> Response {
    Problem::new(ProblemReason::NotFound, "no_such_page").page(&state, &visitor)
}

/// The page exists, but not with this method.
pub async fn method_not_allowed(State(state): State<AppState>, visitor: Visitor) -> Response {
    Problem::new(ProblemReason::MethodNotAllowed, "method_not_allowed").page(&state, &visitor)
}
