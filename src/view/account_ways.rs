//! C11, C12, C23, C25: ways to sign in, the page before a risky change, the authenticator app, the phone.

use super::{Frame, PasskeyItem, QrPicture, account_samples as samples, page};
use crate::base::Timestamp;
use askama::Template;

/// A new phone that waits.
#[derive(Clone, Debug)]
pub struct WaitingPhone {
    /// Masked.
    pub phone: String,
    /// From when it is in use.
    pub from: Timestamp,
}

/// C23 `/account/ways`.
#[derive(Template)]
#[template(path = "account/ways.html")]
pub struct Ways {
    /// Shared part.
    pub frame: Frame,
    /// The passkeys, oldest first.
    pub passkeys: Vec<PasskeyItem>,
    /// The phone for codes, masked.
    pub phone: Option<String>,
    /// The address for notices, masked.
    pub email: Option<String>,
    /// A change of phone that waits.
    pub waiting: Option<WaitingPhone>,
    /// A settled passkey signed in just now: the change may be confirmed at once.
    pub may_confirm: bool,
    /// A password is set.
    pub has_password: bool,
    /// Since when there is an authenticator app.
    pub totp_since: Option<Timestamp>,
    /// Unused printed codes.
    pub codes_left: usize,
    /// When the set was made.
    pub codes_made: Option<Timestamp>,
}
page!(Ways, "ways", samples::ways);

impl Ways {
    /// Printed codes are a way back, not a way to live by; a password works with a code only.
    fn only_one_way(&self) -> bool {
        let alone = self.passkeys.len() + usize::from(self.phone.is_some()) + usize::from(self.totp_since.is_some());
        alone + usize::from(self.codes_left > 0) < 2
    }
}

/// C11 `/account/stop?for=…`. The form's `for` and `answer` (`no`, `yes`).
#[derive(Template)]
#[template(path = "account/stop.html")]
pub struct StopPage {
    /// Shared part.
    pub frame: Frame,
    /// What the person is about to do: a word from a closed list.
    pub purpose: &'static str,
    /// Which organization it is about.
    pub about: Option<String>,
}
page!(StopPage, "stop", samples::stop_page);

impl StopPage {
    fn told(&self) -> String {
        self.frame.t(&format!("stop-for-{}", self.purpose.replace('_', "-")))
    }
}

/// C12: hang up.
#[derive(Template)]
#[template(path = "account/scam.html")]
pub struct ScamStop {
    /// Shared part.
    pub frame: Frame,
}
page!(ScamStop, "scam-stop", samples::scam_stop);

/// `/account/totp` while there is no app: a picture and a text to set one up with.
#[derive(Template)]
#[template(path = "account/totp_set_up.html")]
pub struct SetUpApp {
    /// Shared part.
    pub frame: Frame,
    /// The key URI as a QR code.
    pub qr: Option<QrPicture>,
    /// The secret in base 32.
    pub secret: String,
}
page!(SetUpApp, "totp-set-up", samples::set_up_app);

impl SetUpApp {
    /// In groups of four, for typing.
    fn grouped(&self) -> String {
        let symbols: Vec<char> = self.secret.chars().collect();
        symbols.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
    }
}

/// `/account/totp` while there is an app.
#[derive(Template)]
#[template(path = "account/totp.html")]
pub struct AuthenticatorApp {
    /// Shared part.
    pub frame: Frame,
    /// When it was set up.
    pub since: Timestamp,
}
page!(AuthenticatorApp, "totp", samples::authenticator_app);

/// `/account/totp/remove`.
#[derive(Template)]
#[template(path = "account/totp_remove.html")]
pub struct RemoveApp {
    /// Shared part.
    pub frame: Frame,
    /// Removing is refused: nothing else strong would be left.
    pub last_strong: bool,
}
page!(RemoveApp, "remove-totp", samples::remove_app);

/// C25 `/account/phone`.
#[derive(Template)]
#[template(path = "account/phone.html")]
pub struct ChangePhone {
    /// Shared part.
    pub frame: Frame,
    /// The phone in use, masked.
    pub current: Option<String>,
    /// The new one, as typed.
    pub phone: String,
}
page!(ChangePhone, "change-phone", samples::change_phone);

/// C25 `/account/phone/code`. Form field `code`.
#[derive(Template)]
#[template(path = "account/phone_code.html")]
pub struct ConfirmPhone {
    /// Shared part.
    pub frame: Frame,
    /// The new phone.
    pub phone: String,
    /// Until when the code works.
    pub until: Timestamp,
    /// Another code may be asked for now.
    pub can_resend: bool,
    /// From when.
    pub resend_from: Timestamp,
}
page!(ConfirmPhone, "confirm-phone", samples::confirm_phone);

/// C23 `/account/email`. Form field `email`; removing by POST at `/account/email/remove`.
#[derive(Template)]
#[template(path = "account/email.html")]
pub struct ChangeEmail {
    /// Shared part.
    pub frame: Frame,
    /// The address in use, masked.
    pub current: Option<String>,
    /// The new one, as typed.
    pub email: String,
}
page!(ChangeEmail, "change-email", samples::change_email);

/// C23 `/account/email/code`. Form field `code`.
#[derive(Template)]
#[template(path = "account/email_code.html")]
pub struct ConfirmEmail {
    /// Shared part.
    pub frame: Frame,
    /// The new address.
    pub email: String,
    /// Until when the code works.
    pub until: Timestamp,
    /// Another code may be asked for now.
    pub can_resend: bool,
    /// From when.
    pub resend_from: Timestamp,
}
page!(ConfirmEmail, "confirm-email", samples::confirm_email);
