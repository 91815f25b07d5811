//! C16: signed out, and the question before it.

use super::{Frame, page, signin_samples as samples};
use crate::base::Timestamp;
use askama::Template;

/// What a portal knows of the end of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It was told, and took it.
    Told(Timestamp),
    /// It is being told.
    Waiting,
    /// It does not answer.
    Unanswered,
    /// The browser tells it.
    InBrowser,
    /// It asked for the end itself.
    Asked,
    /// It cannot be told.
    Never,
}

/// A portal of the session that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldPortal {
    /// Its name.
    pub name: String,
    /// What it knows.
    pub telling: Telling,
}

impl ToldPortal {
    fn class(&self) -> &'static str {
        match self.telling {
            Telling::Told(_) | Telling::Asked => "tag tag-ok",
            Telling::Waiting | Telling::InBrowser => "tag",
            Telling::Unanswered | Telling::Never => "tag tag-warn",
        }
    }

    fn text(&self, frame: &Frame) -> String {
        frame.t(match self.telling {
            Telling::Told(at) => return frame.t1("told-at", "time", frame.clock(&at)),
            Telling::Waiting => "told-waiting",
            Telling::Unanswered => "told-unanswered",
            Telling::InBrowser => "told-in-browser",
            Telling::Asked => "told-asked",
            Telling::Never => "told-never",
        })
    }
}

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
    /// The portals of the session that ended.
    pub portals: Vec<ToldPortal>,
    /// The session ended by itself after a time without use.
    pub idle: bool,
}
page!(SignedOut, "signed-out", samples::signed_out);

impl SignedOut {
    fn unanswered(&self) -> bool {
        self.portals.iter().any(|portal| matches!(portal.telling, Telling::Unanswered | Telling::Never))
    }

    /// Told, as far as that can be known.
    fn reached(&self) -> usize {
        let reached = |telling| matches!(telling, Telling::Told(_) | Telling::InBrowser | Telling::Asked);
        self.portals.iter().filter(|portal| reached(portal.telling)).count()
    }

    fn waits(&self) -> bool {
        self.portals.iter().any(|portal| portal.telling == Telling::Waiting)
    }

    /// The browser goes back by itself once every portal is told in it.
    fn goes_on(&self) -> bool {
        !self.frame.logout_frames.is_empty() && self.still_in.is_empty()
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
