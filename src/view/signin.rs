//! C1-C6, C10, C15: from the identifier field to the way back to the portal.

use super::{Frame, SignInPasskeyForm, page, signin_samples as samples};
use crate::base::Timestamp;
use askama::Template;

/// C1: who are you. Form fields `identifier`, `recognised` to `/signin/{flow}`.
#[derive(Template)]
#[template(path = "signin/identifier.html")]
pub struct SignIn {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// What was typed before, kept when it must be corrected.
    pub identifier: String,
    /// First name of the person this browser is recognised for.
    pub recognised: Option<String>,
    /// The page is open in an app's own browser, where passkeys do not work: the address to open instead.
    pub in_app_address: Option<String>,
    /// Whether an account may be created from here.
    pub can_create: bool,
    /// Text messages are slow since then.
    pub sms_slow_since: Option<Timestamp>,
}
page!(SignIn, "sign-in", samples::sign_in);

impl SignIn {
    fn passkey(&self) -> SignInPasskeyForm {
        SignInPasskeyForm::of_flow(&self.flow, true)
    }

    /// Ways that need the identifier first: buttons of its form, so that what was typed goes along.
    const fn other_ways(&self) -> [Method; 3] {
        [Method::Password, Method::Totp, Method::Recovery]
    }
}

/// A way to go on after the identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A text message.
    Sms,
    /// A call that reads the code.
    Voice,
    /// A code from an authenticator app (RFC 6238).
    Totp,
    /// A printed recovery code.
    Recovery,
    /// The password, before a code.
    Password,
}

impl Method {
    /// The value in forms and in `?with=`.
    pub const fn value(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::Totp => "totp",
            Self::Recovery => "recovery",
            Self::Password => "password",
        }
    }

    /// From a form's value.
    pub fn from_value(value: &str) -> Option<Self> {
        [Self::Sms, Self::Voice, Self::Totp, Self::Recovery, Self::Password].into_iter().find(|m| m.value() == value)
    }

    fn label(&self) -> &'static str {
        match self {
            Self::Sms => "method-sms",
            Self::Voice => "method-voice",
            Self::Totp => "method-totp",
            Self::Recovery => "method-recovery",
            Self::Password => "method-password",
        }
    }

    /// On the first page, where only some ways are named.
    fn link(&self) -> &'static str {
        match self {
            Self::Totp => "with-totp",
            Self::Recovery => "with-recovery",
            _ => "with-password",
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Sms => "method-sms-hint",
            Self::Voice => "method-voice-hint",
            Self::Totp => "method-totp-hint",
            Self::Recovery => "method-recovery-hint",
            Self::Password => "method-password-hint",
        }
    }
}

/// C2: how to go on without a passkey. Form field `method`. Left out when there is one way.
#[derive(Template)]
#[template(path = "signin/method.html")]
pub struct ChooseMethod {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// What is offered: the same for every number, registered or not (N1).
    pub methods: Vec<Method>,
    /// Ticked beforehand, such as the call while messages are slow.
    pub selected: Option<Method>,
    /// Text messages are slow since then.
    pub sms_slow_since: Option<Timestamp>,
}
page!(ChooseMethod, "choose-method", samples::choose_method);

impl ChooseMethod {
    fn is_selected(&self, method: &Method) -> bool {
        self.selected == Some(*method)
    }
}

/// C3: the code that was sent. Form field `code`.
#[derive(Template)]
#[template(path = "signin/code.html")]
pub struct EnterCode {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// How it was sent: [`Method::Sms`] or [`Method::Voice`].
    pub sent_by: Method,
    /// Until when the code works.
    pub valid_until: Timestamp,
    /// From when another may be asked for.
    pub resend_from: Timestamp,
    /// The code ran out: another in one tap.
    pub expired: bool,
}
page!(EnterCode, "enter-code", samples::enter_code);

impl EnterCode {
    fn resend_action(&self) -> String {
        format!("/signin/{}/code/resend", self.flow)
    }
    fn by_voice(&self) -> bool {
        self.sent_by == Method::Voice
    }
    fn can_resend(&self) -> bool {
        self.frame.now >= self.resend_from
    }
}

/// A code from an authenticator app. Form field `code` to `/signin/{flow}/totp`.
#[derive(Template)]
#[template(path = "signin/totp.html")]
pub struct EnterTotp {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
}
page!(EnterTotp, "enter-totp", samples::enter_totp);

/// A printed code. Form field `code` to `/signin/{flow}/recovery`.
#[derive(Template)]
#[template(path = "signin/recovery.html")]
pub struct EnterRecoveryCode {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
}
page!(EnterRecoveryCode, "enter-recovery-code", samples::enter_recovery_code);

/// C3b: the password. Form field `password`.
#[derive(Template)]
#[template(path = "signin/password.html")]
pub struct EnterPassword {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
}
page!(EnterPassword, "enter-password", samples::enter_password);

/// Why sign-in waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseCause {
    /// Too many wrong codes.
    WrongCodes,
    /// Too many wrong passwords.
    WrongPasswords,
    /// Too many codes were asked for.
    TooManyCodes,
    /// Too many tries from this network.
    TooManyTries,
}

impl PauseCause {
    fn key(&self) -> &'static str {
        match self {
            Self::WrongCodes => "paused-wrong-codes",
            Self::WrongPasswords => "paused-wrong-passwords",
            Self::TooManyCodes => "paused-too-many-codes",
            Self::TooManyTries => "paused-too-many-tries",
        }
    }
}

/// C4: paused. A passkey stays usable (M5).
#[derive(Template)]
#[template(path = "signin/paused.html")]
pub struct Paused {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// When it opens again.
    pub until: Timestamp,
    /// Why.
    pub cause: PauseCause,
}
page!(Paused, "paused", samples::paused);

impl Paused {
    fn passkey(&self) -> SignInPasskeyForm {
        SignInPasskeyForm::of_flow(&self.flow, false)
    }
}

/// Why a passkey did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasskeyFailure {
    /// The person closed the window, or time ran out (`NotAllowedError`, `AbortError`).
    Cancelled,
    /// The device offered a passkey this server does not know; the browser is told to hide it.
    UnknownKey {
        /// Relying party id.
        rp_id: String,
        /// Credential id, base64url.
        credential_id: String,
    },
    /// No script or no WebAuthn in this browser (`JavaScriptNotEnabled`, `NotSupportedError`).
    Unsupported,
    /// Anything else.
    Failed,
}

impl PasskeyFailure {
    /// The cause named by the `error` field. `UnknownKey` is only known to the server.
    pub fn from_error_name(name: &str) -> Self {
        match name {
            "NotAllowedError" | "AbortError" | "TimeoutError" => Self::Cancelled,
            "JavaScriptNotEnabled" | "NotSupportedError" | "SecurityError" => Self::Unsupported,
            _ => Self::Failed,
        }
    }

    fn key(&self) -> &'static str {
        match self {
            Self::Cancelled => "passkey-failed-cancelled",
            Self::UnknownKey { .. } => "passkey-failed-unknown-key",
            Self::Unsupported => "passkey-failed-unsupported",
            Self::Failed => "passkey-failed-failed",
        }
    }
}

/// C5: the passkey did not work here. Form field `choice`.
#[derive(Template)]
#[template(path = "signin/passkey_failed.html")]
pub struct PasskeyFailed {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// What happened.
    pub cause: PasskeyFailure,
}
page!(PasskeyFailed, "passkey-failed", samples::passkey_failed);

/// C10: make a passkey after signing in. Form fields `credential`, `error`, `shared`, `action` to `/signin/{flow}/offer-passkey`.
#[derive(Template)]
#[template(path = "signin/offer_passkey.html")]
pub struct OfferPasskey {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
}
page!(OfferPasskey, "offer-passkey", samples::offer_passkey);

impl OfferPasskey {
    fn create(&self) -> super::CreatePasskeyForm {
        super::CreatePasskeyForm::at(format!("/signin/{}/offer-passkey", self.flow))
    }
}

/// How the person goes back to the portal.
#[derive(Clone, Debug)]
pub enum Return {
    /// `response_mode=form_post`: sent by `return.js`, or by the visible button.
    FormPost {
        /// The proved redirect address.
        action: String,
        /// Response parameters.
        fields: Vec<(String, String)>,
    },
    /// A link, for a portal that did not answer.
    Link {
        /// The proved redirect address with its parameters.
        href: String,
    },
}

/// C15: on the way back to the portal.
#[derive(Template)]
#[template(path = "signin/return.html")]
pub struct ReturnToPortal {
    /// Shared part.
    pub frame: Frame,
    /// How to go.
    pub way: Return,
    /// The portal is known not to answer now.
    pub unreachable: bool,
}
page!(ReturnToPortal, "return-to-portal", samples::return_to_portal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_name_of_the_browser_has_its_cause() {
        for (name, cause) in [
            ("NotAllowedError", PasskeyFailure::Cancelled),
            ("AbortError", PasskeyFailure::Cancelled),
            ("JavaScriptNotEnabled", PasskeyFailure::Unsupported),
            ("NotSupportedError", PasskeyFailure::Unsupported),
            ("SecurityError", PasskeyFailure::Unsupported),
            ("InvalidStateError", PasskeyFailure::Failed),
            ("", PasskeyFailure::Failed),
            ("<script>", PasskeyFailure::Failed),
        ] {
            assert_eq!(PasskeyFailure::from_error_name(name), cause, "{name}");
        }
    }

    #[test]
    fn method_values_are_read_back() {
        for method in [Method::Sms, Method::Voice, Method::Totp, Method::Recovery, Method::Password] {
            assert_eq!(Method::from_value(method.value()), Some(method));
        }
        assert_eq!(Method::from_value("email"), None);
    }
}
