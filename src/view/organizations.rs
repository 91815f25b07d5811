//! C7 "who are you doing this for?", and the organizations of a person's account.

use super::{Frame, organization_samples as samples, page};
use crate::base::Timestamp;
use askama::Template;

/// What a person can do about an organization, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizationState {
    /// It may be acted for.
    Open,
    /// Others have to agree.
    WaitsForOthers,
    /// The person who looks has to agree.
    WaitsForMe,
    /// A representative refused.
    Refused,
    /// A representative closed it.
    Closed,
    /// The register says: suspended.
    Suspended,
    /// The register says: dissolved.
    Dissolved,
    /// The register names the person no longer.
    RoleEnded,
    /// The register does not answer.
    Unconfirmed,
}

impl OrganizationState {
    fn key(&self) -> &'static str {
        match self {
            Self::Open => "organization-open",
            Self::WaitsForOthers => "organization-waits-others",
            Self::WaitsForMe => "organization-waits-me",
            Self::Refused => "organization-refused",
            Self::Closed => "organization-closed",
            Self::Suspended => "organization-suspended",
            Self::Dissolved => "organization-dissolved",
            Self::RoleEnded => "organization-role-ended",
            Self::Unconfirmed => "organization-unconfirmed",
        }
    }

    fn class(&self) -> &'static str {
        match self {
            Self::Open => "tag tag-ok",
            Self::WaitsForOthers | Self::WaitsForMe | Self::Unconfirmed | Self::Closed => "tag",
            Self::Refused | Self::Suspended | Self::Dissolved | Self::RoleEnded => "tag tag-warn",
        }
    }
}

/// An organization as a list shows it.
#[derive(Clone, Debug)]
pub struct OrganizationItem {
    /// Id in paths and forms.
    pub id: String,
    /// Name as the register writes it.
    pub name: String,
    /// Tax or agency code.
    pub code: String,
    /// The person's title in the register's words; else the role in the page's language.
    pub role: String,
    /// What can be done.
    pub state: OrganizationState,
    /// As of when.
    pub as_of: Timestamp,
}

/// Why the page asks, beside that there is a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhomNote {
    /// Nothing beside.
    None,
    /// The choice made before does not hold any more.
    Lost,
    /// The register does not answer: the person can still act for themself, where the portal allows that.
    RegisterDown,
}

/// C7 `/signin/{flow}/for`. Form field `for`: `self` or an organization's id.
#[derive(Template)]
#[template(path = "signin/for_whom.html")]
pub struct ForWhom {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// Who asks.
    pub person: String,
    /// Whether the portal lets people act for themselves.
    pub may_be_self: bool,
    /// Organizations that can be chosen now.
    pub open: Vec<OrganizationItem>,
    /// Organizations that cannot, with the reason.
    pub closed: Vec<OrganizationItem>,
    /// `self`, an id, or nothing.
    pub selected: String,
    /// What else there is to say.
    pub note: WhomNote,
}
page!(ForWhom, "for-whom", samples::for_whom);

impl ForWhom {
    fn nothing(&self) -> bool {
        !self.may_be_self && self.open.is_empty()
    }

    fn is(&self, value: &str) -> bool {
        self.selected == value
    }

    fn lost(&self) -> bool {
        self.note == WhomNote::Lost
    }

    fn down(&self) -> bool {
        self.note == WhomNote::RegisterDown
    }
}

/// An application that waits for the register, or found nothing.
#[derive(Clone, Debug)]
pub struct WaitingItem {
    /// As applied for.
    pub code: String,
    /// When.
    pub since: Timestamp,
    /// The register answered: no such organization of this person.
    pub no_match: bool,
}

/// `/account/organizations`.
#[derive(Template)]
#[template(path = "account/organizations.html")]
pub struct Organizations {
    /// Shared part.
    pub frame: Frame,
    /// By name.
    pub items: Vec<OrganizationItem>,
    /// Applications under way.
    pub waiting: Vec<WaitingItem>,
    /// The person's account is proven well enough.
    pub may_apply: bool,
}
page!(Organizations, "organizations", samples::organizations);

/// What became of what was entered, if it was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddProblem {
    /// Nothing yet.
    None,
    /// Too many tries.
    PausedUntil(Timestamp),
    /// Suspended or dissolved.
    NotActive(OrganizationState),
}

/// `/account/organizations/add`. Form field `organization_code`.
#[derive(Template)]
#[template(path = "account/add_organization.html")]
pub struct AddOrganization {
    /// Shared part.
    pub frame: Frame,
    /// As typed.
    pub code: String,
    /// Why it was not taken.
    pub problem: AddProblem,
}
page!(AddOrganization, "add-organization", samples::add_organization);

impl AddOrganization {
    fn paused_until(&self) -> Option<String> {
        match self.problem {
            AddProblem::PausedUntil(at) => Some(self.frame.clock(&at)),
            _ => None,
        }
    }

    fn is_not_active(&self) -> bool {
        matches!(self.problem, AddProblem::NotActive(_))
    }

    fn state_key(&self) -> &'static str {
        match self.problem {
            AddProblem::NotActive(state) => state.key(),
            AddProblem::None | AddProblem::PausedUntil(_) => OrganizationState::Unconfirmed.key(),
        }
    }
}

/// `/account/organizations/add/waiting`: the register is being asked. Refreshes itself every 3 seconds.
#[derive(Template)]
#[template(path = "account/organization_waiting.html")]
pub struct OrganizationWaiting {
    /// Shared part.
    pub frame: Frame,
    /// It takes longer than 20 seconds: a way on is shown.
    pub slow: bool,
}
page!(OrganizationWaiting, "organization-waiting", samples::organization_waiting);

/// What a representative said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing yet.
    Nothing,
    /// Yes.
    Agreed,
    /// No.
    Refused,
}

impl Said {
    fn key(&self) -> &'static str {
        match self {
            Self::Nothing => "organization-said-nothing",
            Self::Agreed => "organization-said-yes",
            Self::Refused => "organization-said-no",
        }
    }
}

/// A representative of an organization.
#[derive(Clone, Debug)]
pub struct ParticipantItem {
    /// Name as the register writes it.
    pub name: String,
    /// Title or role.
    pub role: String,
    /// What they said.
    pub said: Said,
    /// The person who looks.
    pub is_me: bool,
}

/// `/account/organizations/{id}`. Form field `action`: `agree` or `refuse`.
#[derive(Template)]
#[template(path = "account/organization.html")]
pub struct OrganizationPage {
    /// Shared part.
    pub frame: Frame,
    /// The organization.
    pub item: OrganizationItem,
    /// Everybody whom the register names.
    pub people: Vec<ParticipantItem>,
    /// The register did not answer just now, so nothing was taken.
    pub register_down: bool,
}
page!(OrganizationPage, "organization", samples::organization_page);

impl OrganizationPage {
    fn asks_me(&self) -> bool {
        self.item.state == OrganizationState::WaitsForMe
    }

    fn may_close(&self) -> bool {
        self.item.state == OrganizationState::Open
    }

    fn opening(&self) -> bool {
        matches!(
            self.item.state,
            OrganizationState::WaitsForMe | OrganizationState::WaitsForOthers | OrganizationState::Refused
        )
    }
}

/// `/account/organizations/{id}/close`. Form field `sure`: `yes`.
#[derive(Template)]
#[template(path = "account/close_organization.html")]
pub struct CloseOrganization {
    /// Shared part.
    pub frame: Frame,
    /// The organization.
    pub item: OrganizationItem,
}
page!(CloseOrganization, "close-organization", samples::close_organization);
