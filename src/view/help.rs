//! C36 and the pages the footer leads to.

use super::{Frame, demo_samples as samples, page};
use askama::Template;

/// `/help`.
#[derive(Template)]
#[template(path = "demo/help.html")]
pub struct Help {
    /// Shared part.
    pub frame: Frame,
}
page!(Help, "help", samples::help);

/// `/help/lost-access`.
#[derive(Template)]
#[template(path = "demo/lost_access.html")]
pub struct LostAccess {
    /// Shared part.
    pub frame: Frame,
}
page!(LostAccess, "lost-access", samples::lost_access);

/// `/privacy`.
#[derive(Template)]
#[template(path = "demo/privacy.html")]
pub struct Privacy {
    /// Shared part.
    pub frame: Frame,
}
page!(Privacy, "privacy", samples::privacy);

/// `/accessibility`.
#[derive(Template)]
#[template(path = "demo/accessibility.html")]
pub struct Accessibility {
    /// Shared part.
    pub frame: Frame,
}
page!(Accessibility, "accessibility", samples::accessibility);
