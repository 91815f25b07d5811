//! C17: what happened, what to do, and an id that can be read over the phone.

use super::{Frame, page, signin_samples as samples};
use crate::base::{ErrorId, Timestamp};
use askama::Template;

/// Every reason the error page knows. Texts are fixed: nothing of the request is repeated (K1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemReason {
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 400: the request could not be read.
    BadRequest,
    /// 403: form token or origin does not fit.
    FormRefused,
    /// 400: not used for 30 minutes.
    Expired,
    /// 400: begun in another browser.
    OtherBrowser,
    /// 400: this step was done before.
    AlreadyDone,
    /// 400: unknown `client_id`.
    UnknownPortal,
    /// 400: `redirect_uri` missing or not registered.
    AddressNotRegistered,
    /// 403: the portal is switched off.
    PortalDisabled,
    /// 400: the portal's request is wrong and its address not proved.
    PortalRequest,
    /// 400: the post-logout address is not registered.
    LogoutAddress,
    /// 403: the account may not do this.
    NotAllowed,
    /// 429.
    TooManyRequests,
    /// 503 with `Retry-After`.
    Overloaded,
    /// 503: the store does not answer.
    OutOfService,
    /// 500.
    Internal,
}

impl ProblemReason {
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::BadRequest,
        Self::FormRefused,
        Self::Expired,
        Self::OtherBrowser,
        Self::AlreadyDone,
        Self::UnknownPortal,
        Self::AddressNotRegistered,
        Self::PortalDisabled,
        Self::PortalRequest,
        Self::LogoutAddress,
        Self::NotAllowed,
        Self::TooManyRequests,
        Self::Overloaded,
        Self::OutOfService,
        Self::Internal,
    ];

    /// The stable name: log field and start of the catalogue keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::BadRequest => "bad-request",
            Self::FormRefused => "form-refused",
            Self::Expired => "expired",
            Self::OtherBrowser => "other-browser",
            Self::AlreadyDone => "already-done",
            Self::UnknownPortal => "unknown-portal",
            Self::AddressNotRegistered => "address-not-registered",
            Self::PortalDisabled => "portal-disabled",
            Self::PortalRequest => "portal-request",
            Self::LogoutAddress => "logout-address",
            Self::NotAllowed => "not-allowed",
            Self::TooManyRequests => "too-many-requests",
            Self::Overloaded => "overloaded",
            Self::OutOfService => "out-of-service",
            Self::Internal => "internal",
        }
    }
}

/// C17.
#[derive(Template)]
#[template(path = "problem/problem.html")]
pub struct Problem {
    /// Shared part. `frame.portal` stays `None` unless the portal is known.
    pub frame: Frame,
    /// What happened.
    pub reason: ProblemReason,
    /// The id under which the log has it; `None` where nothing is logged (404).
    pub error_id: Option<ErrorId>,
    /// When.
    pub at: Timestamp,
    /// Where "back to the portal" leads: only an address that was proved.
    pub return_to: Option<String>,
    /// The rule that was broken, for developers; shown in the test environment only.
    pub developer_hint: Option<&'static str>,
}
page!(Problem, "problem", samples::problem);

impl Problem {
    fn title(&self) -> String {
        self.frame.t(&format!("problem-{}", self.reason.name()))
    }
    fn what(&self) -> String {
        self.frame.t(&format!("problem-{}-what", self.reason.name()))
    }
    fn todo(&self) -> String {
        self.frame.t(&format!("problem-{}-todo", self.reason.name()))
    }
}
