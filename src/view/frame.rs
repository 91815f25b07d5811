//! What every page shares: language, portal, errors, frame links.

use super::texts::{Arg, Markup};
use super::{Locale, assets};
use crate::base::Timestamp;

/// The portal a person came from, as its registration says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortalBox {
    /// The portal's name in the page's language.
    pub name: String,
    /// The host of its proved redirect address.
    pub host: String,
    /// Its logo, at an address of ours.
    pub logo: Option<String>,
    /// Its privacy policy.
    pub policy: Option<String>,
    /// Its terms.
    pub terms: Option<String>,
}

/// What is wrong with what was typed: a closed list, so that no page repeats foreign text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorText {
    /// Nothing was typed where a personal number or phone was asked.
    IdentifierMissing,
    /// Neither 12 digits nor a mobile number.
    IdentifierFormat,
    /// Not the 12 digits of a personal number.
    NumberFormat,
    /// Not a Vietnamese mobile number.
    PhoneFormat,
    /// Not six digits.
    CodeFormat,
    /// The code is not the one sent.
    CodeWrong {
        /// Tries left before a pause.
        tries_left: u32,
    },
    /// The code was valid once.
    CodeExpired,
    /// Asked for another code too soon.
    ResendTooSoon {
        /// From when another may be asked for.
        from: Timestamp,
    },
    /// Not the form of a printed code.
    RecoveryFormat,
    /// No such printed code, or used before.
    RecoveryWrong {
        /// Tries left before a pause.
        tries_left: u32,
    },
    /// No password typed.
    PasswordMissing,
    /// Number or password is wrong: one text for both (N1).
    PasswordWrong {
        /// Tries left before a pause.
        tries_left: u32,
    },
    /// New password under the shortest length allowed.
    PasswordShort {
        /// The shortest length, in characters.
        least: u32,
    },
    /// New password over the longest length allowed.
    PasswordLong {
        /// The longest length, in characters.
        most: u32,
    },
    /// New password is on the list of common ones, or holds the person's own data.
    PasswordCommon,
    /// None of the choices was taken.
    ChoiceMissing,
    /// Whether the device is shared was not answered.
    SharedMissing,
    /// No name typed.
    NameMissing,
    /// Not a day of the calendar.
    BirthDateUnreal,
    /// Not a year with four digits.
    BirthYearUnreal,
    /// A birth date after today.
    BirthDateFuture,
    /// No name for the device.
    DeviceNameMissing,
    /// A name over 40 characters.
    DeviceNameLong,
    /// Neither a tax code nor an agency code.
    OrganizationCodeFormat,
    /// No such organization, or the person does not represent it.
    OrganizationNoMatch {
        /// Tries left before a pause.
        tries_left: u32,
    },
    /// The browser could not make a passkey.
    PasskeyNotMade,
    /// This device already has a passkey of the account.
    PasskeyAlreadyHere,
    /// Not the code that the new authenticator app shows.
    TotpWrong,
    /// The phone that is in use already.
    PhoneSame,
    /// Not an e-mail address.
    EmailFormat,
    /// The address that is in use already.
    EmailSame,
    /// Not the form of a notice's code.
    NoticeCodeFormat,
    /// Number and code do not belong together: one text for both (N1).
    NoticeCodeWrong,
    /// Not the form of a code that a device shows.
    UserCodeFormat,
    /// No device waits under this code.
    UserCodeWrong,
    /// Too many tries from here.
    TryAgainFrom {
        /// From when it works again.
        from: Timestamp,
    },
}

impl ErrorText {
    /// The sentence shown, the same in the summary and at the field.
    pub fn message(self, locale: Locale, now: Timestamp) -> String {
        let key = match self {
            Self::CodeWrong { tries_left } => return locale.t1("error-code-wrong", "left", tries_left),
            Self::RecoveryWrong { tries_left } => return locale.t1("error-recovery-wrong", "left", tries_left),
            Self::PasswordWrong { tries_left } => return locale.t1("error-password-wrong", "left", tries_left),
            Self::OrganizationNoMatch { tries_left } => {
                return locale.t1("error-organization-no-match", "left", tries_left);
            }
            Self::PasswordShort { least } => return locale.t1("error-password-short", "least", least),
            Self::PasswordLong { most } => return locale.t1("error-password-long", "most", most),
            Self::ResendTooSoon { from } => {
                return locale.t1("error-resend-too-soon", "time", locale.clock(from, now));
            }
            Self::TryAgainFrom { from } => {
                return locale.t1("error-try-again-from", "time", locale.clock(from, now));
            }
            Self::TotpWrong => "error-totp-wrong",
            Self::PhoneSame => "error-phone-same",
            Self::EmailFormat => "error-email-format",
            Self::EmailSame => "error-email-same",
            Self::UserCodeFormat => "error-user-code-format",
            Self::UserCodeWrong => "error-user-code-wrong",
            Self::NoticeCodeFormat => "error-notice-code-format",
            Self::NoticeCodeWrong => "error-notice-code-wrong",
            Self::IdentifierMissing => "error-identifier-missing",
            Self::IdentifierFormat => "error-identifier-format",
            Self::NumberFormat => "error-number-format",
            Self::PhoneFormat => "error-phone-format",
            Self::CodeFormat => "error-code-format",
            Self::CodeExpired => "error-code-expired",
            Self::RecoveryFormat => "error-recovery-format",
            Self::PasswordMissing => "error-password-missing",
            Self::PasswordCommon => "error-password-common",
            Self::ChoiceMissing => "error-choice-missing",
            Self::SharedMissing => "error-shared-missing",
            Self::NameMissing => "error-name-missing",
            Self::BirthDateUnreal => "error-birth-date-unreal",
            Self::BirthYearUnreal => "error-birth-year-unreal",
            Self::BirthDateFuture => "error-birth-date-future",
            Self::DeviceNameMissing => "error-device-name-missing",
            Self::DeviceNameLong => "error-device-name-long",
            Self::OrganizationCodeFormat => "error-organization-code-format",
            Self::PasskeyNotMade => "error-passkey-not-made",
            Self::PasskeyAlreadyHere => "error-passkey-already-here",
        };
        locale.t(key)
    }
}

/// One thing to correct. Pages with errors are answered with HTTP 422.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The form field's name, which is also its id on the page.
    pub field: &'static str,
    /// What is wrong.
    pub text: ErrorText,
}

/// What has just been done: shown on the next page (`role=status`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Another code was sent.
    CodeSentAgain,
    /// A passkey was added.
    PasskeyAdded,
    /// A passkey got another name.
    PasskeyRenamed,
    /// A passkey was removed; its copy on the device stays there.
    PasskeyRemoved,
    /// The password was set or changed.
    PasswordChanged,
    /// A new set of printed codes replaces the old one.
    RecoveryCodesRenewed,
    /// One session was ended.
    SessionEnded,
    /// All sessions but this one were ended.
    OtherSessionsEnded {
        /// How many.
        count: usize,
    },
    /// An authenticator app was set up.
    TotpAdded,
    /// The authenticator app was removed.
    TotpRemoved,
    /// The new e-mail address is in use.
    EmailChanged,
    /// There is no e-mail address any more.
    EmailRemoved,
    /// The new phone is in use.
    PhoneChanged,
    /// The new phone will be in use later.
    PhoneChangeWaits,
    /// The change of phone was cancelled.
    PhoneChangeCancelled,
    /// A portal gets nothing more.
    SharingStopped,
    /// The choices were kept.
    SettingsSaved,
    /// A request of a portal was allowed.
    RequestAllowed,
    /// A request of a portal was refused.
    RequestDenied,
    /// A request of a portal ran out, or was answered before.
    RequestOver,
    /// A frozen account was opened again.
    AccountOpened,
    /// An organization's account opened.
    OrganizationOpened,
    /// An application or agreement was taken; others still have to agree.
    OrganizationWaits,
    /// An application waits for the register.
    OrganizationRegisterDown,
    /// A refusal was taken.
    OrganizationRefused,
    /// An organization's account was closed.
    OrganizationClosed,
    /// The test inbox was emptied.
    InboxCleared,
    /// The chosen account change waits until the new passkey's first day is over.
    WaitsUntil {
        /// When it takes effect.
        at: Timestamp,
    },
}

impl Notice {
    /// The sentence shown.
    pub fn message(&self, locale: Locale, now: Timestamp) -> String {
        let key = match self {
            Self::OtherSessionsEnded { count } => return locale.t1("notice-other-sessions-ended", "count", *count),
            Self::WaitsUntil { at } => return locale.t1("notice-waits-until", "time", locale.clock(*at, now)),
            Self::CodeSentAgain => "notice-code-sent-again",
            Self::PasskeyAdded => "notice-passkey-added",
            Self::PasskeyRenamed => "notice-passkey-renamed",
            Self::PasskeyRemoved => "notice-passkey-removed",
            Self::PasswordChanged => "notice-password-changed",
            Self::RecoveryCodesRenewed => "notice-recovery-codes-renewed",
            Self::SessionEnded => "notice-session-ended",
            Self::TotpAdded => "notice-totp-added",
            Self::TotpRemoved => "notice-totp-removed",
            Self::EmailChanged => "notice-email-changed",
            Self::EmailRemoved => "notice-email-removed",
            Self::PhoneChanged => "notice-phone-changed",
            Self::PhoneChangeWaits => "notice-phone-waits",
            Self::PhoneChangeCancelled => "notice-phone-cancelled",
            Self::SharingStopped => "notice-sharing-stopped",
            Self::SettingsSaved => "notice-settings-saved",
            Self::RequestAllowed => "notice-request-allowed",
            Self::RequestDenied => "notice-request-denied",
            Self::RequestOver => "notice-request-over",
            Self::AccountOpened => "notice-account-opened",
            Self::OrganizationOpened => "notice-organization-opened",
            Self::OrganizationWaits => "notice-organization-waits",
            Self::OrganizationRegisterDown => "notice-organization-register-down",
            Self::OrganizationRefused => "notice-organization-refused",
            Self::OrganizationClosed => "notice-organization-closed",
            Self::InboxCleared => "notice-inbox-cleared",
        };
        locale.t(key)
    }
}

/// For whom the person acts, on every page until the end of the sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActingBar {
    /// The organization's name.
    pub name: String,
    /// Where the choice is made again.
    pub change: String,
}

/// The part every page shares.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The page's language.
    pub locale: Locale,
    /// The time of the request, for clock times in texts.
    pub now: Timestamp,
    /// The provider's name in the page's language.
    pub service_name: String,
    /// The host of the issuer: the address a person should see in the browser.
    pub host: String,
    /// The help line's number.
    pub hotline: String,
    /// Its hours, such as `7:00–22:00`.
    pub hotline_hours: String,
    /// Path of this page for GET, with what of its query names the page: where the language and text-size links lead.
    pub path: String,
    /// Whether the environment strip is shown.
    pub test_environment: bool,
    /// Token of every form on the page.
    pub csrf: String,
    /// The portal a sign-in is for.
    pub portal: Option<PortalBox>,
    /// For whom the person acts, when not for themself.
    pub acting: Option<ActingBar>,
    /// Where the back link leads.
    pub back: Option<String>,
    /// Action of the form "Quay lại {portal}", such as `/signin/{f}/cancel`.
    pub cancel: Option<String>,
    /// 22 % larger text.
    pub larger_text: bool,
    /// No ornament: one column, no pictures, no shadows, nothing that moves.
    pub quiet: bool,
    /// The browser sent `Save-Data: on`: no web fonts.
    pub save_data: bool,
    /// Who the password on this page is for, in a hidden field for password managers.
    pub username: Option<String>,
    /// What to correct, in the order of the fields.
    pub errors: Vec<FieldError>,
    /// What has just been done.
    pub notice: Option<Notice>,
    /// Seconds without a request after which the session ends: brings the dialog of `app.js`.
    pub idle_seconds: Option<u32>,
    /// What is typed on this page survives the end of the session.
    pub keeps_typed: bool,
    /// Addresses of portals, loaded unseen where the person is signed out (Front-Channel Logout 1.0).
    pub logout_frames: Vec<String>,
}

impl Frame {
    /// A frame with nothing optional in it.
    pub fn new(locale: Locale, now: Timestamp, path: impl Into<String>) -> Self {
        Self {
            locale,
            now,
            service_name: locale.t("service-name"),
            host: String::new(),
            hotline: String::from("1900 0000"),
            hotline_hours: String::from("7:00–22:00"),
            path: path.into(),
            test_environment: false,
            csrf: String::new(),
            portal: None,
            acting: None,
            back: None,
            cancel: None,
            larger_text: false,
            quiet: false,
            save_data: false,
            username: None,
            errors: Vec::new(),
            notice: None,
            idle_seconds: None,
            keeps_typed: false,
            logout_frames: Vec::new(),
        }
    }

    /// Adds one thing to correct.
    pub fn add_error(&mut self, field: &'static str, text: ErrorText) {
        self.errors.push(FieldError { field, text });
    }

    // What the templates ask for.

    /// The help line's number and hours; nothing where the installation names none.
    pub(super) fn help_line(&self, key: &str) -> String {
        if self.hotline.is_empty() {
            return String::new();
        }
        let hours = self.hotline_hours.as_str();
        let line = self.t2(key, "number", self.hotline.as_str(), "hours", hours);
        if hours.is_empty() { line.replace(" ()", "") } else { line }
    }

    /// This page again with one choice more, such as another language.
    pub(super) fn here_with(&self, name: &str, value: &str) -> String {
        let joint = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{joint}{name}={value}", self.path)
    }

    pub(super) fn t(&self, key: &str) -> String {
        self.locale.t(key)
    }

    pub(super) fn t1(&self, key: &str, name: &'static str, value: impl Into<Arg>) -> String {
        self.locale.t1(key, name, value)
    }

    pub(super) fn t2(
        &self,
        key: &str,
        first: &'static str,
        first_value: impl Into<Arg>,
        second: &'static str,
        second_value: impl Into<Arg>,
    ) -> String {
        self.locale.t2(key, (first, first_value), (second, second_value))
    }

    pub(super) fn strong1(&self, key: &str, name: &'static str, value: &str) -> Markup {
        self.locale.strong1(key, name, value)
    }

    pub(super) fn portal_line(&self, portal: &PortalBox) -> Markup {
        self.locale.strong2("portal-box", ("portal", &portal.name), ("host", &portal.host))
    }

    pub(super) fn portal_name(&self) -> String {
        self.portal.as_ref().map_or_else(|| self.t("portal-unknown"), |portal| portal.name.clone())
    }

    pub(super) fn moment(&self, at: &Timestamp) -> String {
        self.locale.moment(*at)
    }

    pub(super) fn day(&self, at: &Timestamp) -> String {
        self.locale.day(*at)
    }

    pub(super) fn clock(&self, at: &Timestamp) -> String {
        self.locale.clock(*at, self.now)
    }

    pub(super) fn error_of(&self, field: &str) -> Option<String> {
        let error = self.errors.iter().find(|error| error.field == field)?;
        Some(error.text.message(self.locale, self.now))
    }

    pub(super) fn summary(&self) -> Vec<(&'static str, String)> {
        self.errors.iter().map(|error| (error.field, error.text.message(self.locale, self.now))).collect()
    }

    pub(super) fn notice_text(&self) -> Option<String> {
        self.notice.as_ref().map(|notice| notice.message(self.locale, self.now))
    }

    /// Classes of the whole page.
    pub(super) fn classes(&self) -> &'static str {
        match (self.larger_text, self.quiet) {
            (false, false) => "",
            (true, false) => "larger",
            (false, true) => "quiet",
            (true, true) => "larger quiet",
        }
    }

    pub(super) fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    /// Without a script the page asks for itself after the end; not where that would drop what is being typed, which
    /// is kept when it is sent.
    pub(super) fn idle_refresh(&self) -> Option<u32> {
        self.idle_seconds.filter(|_| !self.keeps_typed).map(|seconds| seconds.saturating_add(30))
    }
}
