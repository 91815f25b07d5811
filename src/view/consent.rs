//! C6, C8, C9: what a portal will get, and what it needs from the person first.

use super::{Frame, Locale, SignInPasskeyForm, page, signin_samples as samples};
use crate::base::Timestamp;
use askama::Template;

/// One datum and its value, as the person sees it.
#[derive(Clone, Debug)]
pub struct DataItem {
    /// Claim name, such as `birthdate`.
    pub claim: String,
    /// The value as released, formatted for reading.
    pub value: String,
    /// Not sent the last time.
    pub is_new: bool,
}

impl DataItem {
    pub(super) fn label(&self, locale: &Locale) -> String {
        claim_label(&self.claim, *locale)
    }

    /// The value as a person writes it; what is not recognised is shown as it will be sent.
    pub(super) fn shown(&self, locale: &Locale) -> String {
        match (self.claim.as_str(), self.value.as_str()) {
            ("gender", "male") => locale.t("gender-male"),
            ("gender", "female") => locale.t("gender-female"),
            ("birthdate", day) => locale.birth_date(day),
            ("phone_number", phone) => national_phone(phone),
            (_, value) => value.to_owned(),
        }
    }
}

/// "+84912345678" as "0912 345 678"; another number as it is.
fn national_phone(phone: &str) -> String {
    match (phone.strip_prefix("+84"), phone.len()) {
        (Some(rest), 12) if rest.is_ascii() => {
            let (first, last) = rest.split_at(3);
            let (middle, last) = last.split_at(3);
            format!("0{first} {middle} {last}")
        }
        _ => phone.to_owned(),
    }
}

/// The name of a claim in words; a claim the catalogue does not know is shown by its technical name.
pub fn claim_label(claim: &str, locale: Locale) -> String {
    let key = match claim {
        "sub" => "claim-sub",
        "name" => "claim-name",
        "family_name" => "claim-family-name",
        "given_name" => "claim-given-name",
        "birthdate" => "claim-birthdate",
        "gender" => "claim-gender",
        "personal_number" => "claim-personal-number",
        "phone_number" => "claim-phone-number",
        "phone_number_verified" => "claim-phone-number-verified",
        "email" => "claim-email",
        "email_verified" => "claim-email-verified",
        "address" => "claim-address",
        "nationality" => "claim-nationality",
        "locale" => "claim-locale",
        "identity_level" => "claim-identity-level",
        "authentication_level" => "claim-authentication-level",
        "verified_claims" => "claim-verified-claims",
        "agency_access" => "claim-agency-access",
        _ => return claim.to_owned(),
    };
    locale.t(key)
}

/// C6: a session exists. Form field `action`: `continue`, `switch` or `cancel`.
#[derive(Template)]
#[template(path = "signin/continue.html")]
pub struct ContinueSession {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// Full name of who is signed in.
    pub person: String,
    /// When they signed in.
    pub signed_in_at: Timestamp,
    /// What the portal will get.
    pub data: Vec<DataItem>,
    /// Names of other portals open in this session.
    pub open_services: Vec<String>,
}
page!(ContinueSession, "continue-session", samples::continue_session);

/// On what ground data are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The law says so: the person is told, not asked.
    Law,
    /// The person's consent.
    Consent,
}

/// C8: what is sent to the portal. Form fields `action`, `claims`: `accept` or `refuse`.
#[derive(Template)]
#[template(path = "signin/consent.html")]
pub struct Consent {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// Notice or question.
    pub ground: Ground,
    /// Always sent.
    pub items: Vec<DataItem>,
    /// Sent only when ticked.
    pub optional: Vec<DataItem>,
    /// The purpose, in the page's language.
    pub purpose: String,
    /// What the portal itself says it wants the data for: its own words, which nobody here checked.
    pub portal_words: Vec<String>,
    /// How and when the person was verified goes along.
    pub verified: bool,
    /// The legal basis as the agreement names it.
    pub basis: String,
    /// Until when the permission holds; `None`: this time only.
    pub until: Option<Timestamp>,
}
page!(Consent, "consent", samples::consent);

impl Consent {
    fn asks(&self) -> bool {
        self.ground == Ground::Consent
    }
}

/// What the person did to sign in, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedInBy {
    /// Code by message or call.
    Code,
    /// Password alone.
    Password,
    /// Printed code.
    RecoveryCode,
    /// Code of an authenticator app.
    Totp,
    /// A passkey that did not check who holds the device.
    WeakPasskey,
    /// Two steps or a passkey.
    TwoSteps,
}

impl SignedInBy {
    fn key(&self) -> &'static str {
        match self {
            Self::Code => "signed-in-by-code",
            Self::Password => "signed-in-by-password",
            Self::RecoveryCode => "signed-in-by-recovery-code",
            Self::Totp => "signed-in-by-totp",
            Self::WeakPasskey => "signed-in-by-weak-passkey",
            Self::TwoSteps => "signed-in-by-two-steps",
        }
    }
}

/// A second proof beside the one just given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondProof {
    /// A printed code.
    PrintedCode,
    /// A code that is sent, or shown by an app.
    SentCode,
}

impl SecondProof {
    fn button(&self) -> &'static str {
        match self {
            Self::PrintedCode => "stronger-printed",
            Self::SentCode => "stronger-sent",
        }
    }
}

/// C9, first page: this sign-in was too weak.
#[derive(Template)]
#[template(path = "signin/stronger.html")]
pub struct StrongerSignIn {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// What was done; `None` when only its age is the matter (`max_age`, `prompt=login`).
    pub had: Option<SignedInBy>,
    /// The authentication level that is needed, 2-4.
    pub needed: u8,
    /// A passkey may be used.
    pub passkey: bool,
    /// Password and code may be used.
    pub password_and_code: bool,
    /// Not a higher level but a second proof is asked for: before ways to sign in are changed.
    pub second: Option<SecondProof>,
}
page!(StrongerSignIn, "stronger-sign-in", samples::stronger_sign_in);

impl StrongerSignIn {
    fn passkey_form(&self) -> SignInPasskeyForm {
        SignInPasskeyForm::of_flow(&self.flow, false)
    }
}

/// C9, second page: the account itself is not proven enough.
#[derive(Template)]
#[template(path = "signin/prove_identity.html")]
pub struct ProveIdentity {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// The account's level now, 0 or 1.
    pub has: u8,
}
page!(ProveIdentity, "prove-identity", samples::prove_identity);

/// Why a demand cannot be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// Levels 3 and 4 need a named biometric authority, and none is connected.
    NoBiometricAuthority,
    /// The account has no way of signing in that is strong enough.
    NoStrongWay,
    /// The portal asks for data the account does not have.
    MissingData,
    /// Ways to sign in are to be changed, and the person has nothing but a phone.
    OnlyPhone,
}

impl Unmet {
    fn why(&self) -> &'static str {
        match self {
            Self::NoBiometricAuthority => "unmet-no-authority",
            Self::NoStrongWay => "unmet-no-strong-way",
            Self::MissingData => "unmet-missing-data",
            Self::OnlyPhone => "unmet-only-phone",
        }
    }

    fn todo(&self) -> &'static str {
        match self {
            Self::NoBiometricAuthority => "unmet-no-authority-todo",
            Self::NoStrongWay => "unmet-no-strong-way-todo",
            Self::MissingData => "unmet-missing-data-todo",
            Self::OnlyPhone => "unmet-only-phone-todo",
        }
    }
}

/// C9, end of the way: why, what to do, back to the portal by POST `action=cancel` to `/signin/{flow}/step-up`.
#[derive(Template)]
#[template(path = "signin/cannot_meet.html")]
pub struct CannotMeet {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// Why.
    pub reason: Unmet,
}
page!(CannotMeet, "cannot-meet", samples::cannot_meet);
