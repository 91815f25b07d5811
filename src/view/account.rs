//! C21, C22, C24, C26, C27: the person's own pages.

use super::{CreatePasskeyForm, Frame, account_samples, own_samples as samples, page};
use crate::base::Timestamp;
use askama::Template;

/// What the register says about the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataState {
    /// Confirmed by the register.
    Confirmed,
    /// The register has not answered yet.
    Waiting,
    /// The register says something else.
    Differs,
    /// Not known.
    Unknown,
}

impl DataState {
    fn key(&self) -> &'static str {
        match self {
            Self::Confirmed => "data-state-confirmed",
            Self::Waiting => "data-state-waiting",
            Self::Differs => "data-state-differs",
            Self::Unknown => "data-state-unknown",
        }
    }

    fn class(&self) -> &'static str {
        match self {
            Self::Confirmed => "tag tag-ok",
            Self::Waiting | Self::Unknown => "tag",
            Self::Differs => "tag tag-warn",
        }
    }
}

/// A portal the person used.
#[derive(Clone, Debug)]
pub struct UsedService {
    /// Name in the page's language.
    pub name: String,
    /// Its home page, when registered.
    pub href: Option<String>,
    /// Last sign-in.
    pub last_used: Timestamp,
    /// Signed in there now.
    pub open: bool,
}

/// The one thing that would help most (C21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// No passkey yet.
    AddPasskey,
    /// No printed codes.
    MakeCodes,
    /// One passkey and nothing beside it but codes.
    AnotherWay,
}

impl NextStep {
    fn key(&self) -> &'static str {
        match self {
            Self::AddPasskey => "next-add-passkey",
            Self::MakeCodes => "next-make-codes",
            Self::AnotherWay => "next-another-way",
        }
    }

    fn href(&self) -> &'static str {
        match self {
            Self::AddPasskey => "/account/passkeys/new",
            Self::MakeCodes => "/account/recovery-codes",
            Self::AnotherWay => "/account/ways",
        }
    }
}

/// C21 `/account`.
#[derive(Template)]
#[template(path = "account/home.html")]
pub struct AccountHome {
    /// Shared part.
    pub frame: Frame,
    /// Full name.
    pub person: String,
    /// Account level 0, 1 or 2.
    pub identity_level: u8,
    /// State of the data.
    pub state: DataState,
    /// The sign-in before this session's.
    pub last_sign_in: Option<Timestamp>,
    /// Portals used, newest first.
    pub services: Vec<UsedService>,
    /// The next best step; gone when done.
    pub next: Option<NextStep>,
    /// A change of phone waits until then.
    pub phone_change_from: Option<Timestamp>,
}
page!(AccountHome, "account", samples::account_home);

/// C22 `/account/details`. Form field `show`.
#[derive(Template)]
#[template(path = "account/details.html")]
pub struct Details {
    /// Shared part.
    pub frame: Frame,
    /// Full name.
    pub person: String,
    /// State of the data.
    pub state: DataState,
    /// Where the data come from, in the page's language.
    pub source: String,
    /// As of when.
    pub as_of: Option<Timestamp>,
    /// The number, masked or whole.
    pub personal_number: String,
    /// Whether it is masked.
    pub number_masked: bool,
    /// "21/11/1990" or "1990".
    pub birth_date: String,
    /// Gender in words, when known.
    pub gender: Option<String>,
    /// The confirmed phone, masked.
    pub phone: Option<String>,
    /// The e-mail address, masked.
    pub email: Option<String>,
}
page!(Details, "details", account_samples::details);

/// A passkey in the list.
#[derive(Clone, Debug)]
pub struct PasskeyItem {
    /// Id in paths.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who keeps it (by AAGUID), such as "Google Password Manager"; never a ground for trust.
    pub kept_by: Option<&'static str>,
    /// It signed this session in.
    pub this_sign_in: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Before this time it cannot change other ways of signing in.
    pub settles_at: Option<Timestamp>,
}

/// C23/C24 `/account/passkeys`. Adding: `credential`, `error`, `shared`, `action`.
#[derive(Template)]
#[template(path = "account/passkeys.html")]
pub struct Passkeys {
    /// Shared part.
    pub frame: Frame,
    /// The passkeys, oldest first.
    pub passkeys: Vec<PasskeyItem>,
    /// For the browser's clean-up of removed passkeys (WebAuthn 3 signal API): relying party id, user handle and
    /// credential ids, base64url.
    pub accepted: Option<AcceptedCredentials>,
    /// The session may add one now: the sign-in is of now, and the stop page was answered.
    pub ready: bool,
}
page!(Passkeys, "passkeys", samples::passkeys);

/// What the signal API needs.
#[derive(Clone, Debug)]
pub struct AcceptedCredentials {
    /// Relying party id.
    pub rp_id: String,
    /// User handle, base64url.
    pub user_id: String,
    /// Credential ids, base64url.
    pub credential_ids: Vec<String>,
}

impl AcceptedCredentials {
    fn list(&self) -> String {
        self.credential_ids.join(" ")
    }
}

impl Passkeys {
    fn create(&self) -> CreatePasskeyForm {
        CreatePasskeyForm::at("/account/passkeys")
    }
}

/// `/account/passkeys/{id}/rename`. Form field `name`.
#[derive(Template)]
#[template(path = "account/rename_passkey.html")]
pub struct RenamePasskey {
    /// Shared part.
    pub frame: Frame,
    /// Id in paths.
    pub id: String,
    /// The name now, or as typed.
    pub name: String,
}
page!(RenamePasskey, "rename-passkey", samples::rename_passkey);

/// `/account/passkeys/{id}/remove`. Form field `action`: `remove`.
#[derive(Template)]
#[template(path = "account/remove_passkey.html")]
pub struct RemovePasskey {
    /// Shared part.
    pub frame: Frame,
    /// Id in paths.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Removing is refused: it is the last strong way.
    pub last_strong: bool,
}
page!(RemovePasskey, "remove-passkey", samples::remove_passkey);

/// `/account/password`. Form fields `current_password`, `new_password`.
#[derive(Template)]
#[template(path = "account/password.html")]
pub struct ChangePassword {
    /// Shared part.
    pub frame: Frame,
    /// Whether one is set: then the current one is asked for.
    pub has_password: bool,
    /// The shortest length allowed, in characters.
    pub least: u32,
}
page!(ChangePassword, "change-password", samples::change_password);

/// `/account/recovery-codes`: how many are left; a new set by POST. Form field `action`: `renew`.
#[derive(Template)]
#[template(path = "account/recovery_codes.html")]
pub struct RenewRecoveryCodes {
    /// Shared part.
    pub frame: Frame,
    /// Unused codes.
    pub left: usize,
    /// When the set was made.
    pub made_at: Option<Timestamp>,
}
page!(RenewRecoveryCodes, "recovery-codes", samples::renew_recovery_codes);

/// `/account/recovery-codes/new`: the new set, shown until the form says that it is stored.
#[derive(Template)]
#[template(path = "account/new_recovery_codes.html")]
pub struct NewRecoveryCodes {
    /// Shared part.
    pub frame: Frame,
    /// Ten codes.
    pub codes: Vec<String>,
}
page!(NewRecoveryCodes, "new-recovery-codes", samples::new_recovery_codes);

/// A session in the list.
#[derive(Clone, Debug)]
pub struct SessionItem {
    /// Id in paths.
    pub id: String,
    /// Such as "Chrome, Android".
    pub device: String,
    /// Where, by the operator's list of networks.
    pub place: Option<String>,
    /// First sign-in.
    pub first_at: Timestamp,
    /// Last use.
    pub last_at: Timestamp,
    /// Names of the portals inside.
    pub services: Vec<String>,
    /// The session of this request.
    pub current: bool,
}

/// C27 `/account/sessions`.
#[derive(Template)]
#[template(path = "account/sessions.html")]
pub struct Sessions {
    /// Shared part.
    pub frame: Frame,
    /// Newest first.
    pub sessions: Vec<SessionItem>,
}
page!(Sessions, "sessions", samples::sessions);

impl Sessions {
    fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.current)
    }
}
