//! C16: signed out, and the question before it.

use super::{Frame, page, signin_samples as samples};
use askama::Template;

/// C16 `/signed-out`. Form field `action` to `/logout/all`.
#[derive(Template)]
#[template(path = "problem/signed_out.html")]
pub struct SignedOut {
    /// Shared part.
    pub frame: Frame,
    /// The portal just left; `None` after signing out everywhere.
    pub portal: Option<String>,
    /// Where to go back, when the portal's address was proved.
    pub return_to: Option<String>,
    /// Names of portals still signed in.
    pub still_in: Vec<String>,
    /// Names of portals that did not answer.
    pub unanswered: Vec<String>,
    /// How many portals were told.
    pub told: usize,
    /// The session ended by itself after a time without use.
    pub idle: bool,
}
page!(SignedOut, "signed-out", samples::signed_out);

impl SignedOut {
    fn reached(&self) -> usize {
        self.told.saturating_sub(self.unanswered.len())
    }
}

/// `/logout/confirm`: a portal asks to sign out. Form fields `action`, `logout`: `all` or `stay`.
#[derive(Template)]
#[template(path = "problem/confirm_logout.html")]
pub struct ConfirmLogout {
    /// Shared part.
    pub frame: Frame,
    /// Id of the logout request, a hidden field.
    pub logout: String,
    /// Full name of who is signed in.
    pub person: String,
    /// Names of the portals open in this session.
    pub open_services: Vec<String>,
}
page!(ConfirmLogout, "confirm-logout", samples::confirm_logout);
