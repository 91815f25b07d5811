//! F2, F3, F5: the pages that exist only in the demo.

use super::{Frame, Locale, demo_samples as samples, page};
use crate::base::Timestamp;
use askama::Template;

/// A self-check that was really executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// Write and read a row.
    Database,
    /// Sign and verify.
    SigningKey,
    /// The clock runs and is plausible.
    Clock,
    /// The test inbox takes a message.
    CodeSender,
    /// Discovery and JWKS agree.
    Discovery,
    /// One whole sign-in from authorize to userinfo.
    SignIn,
    /// The register simulator answers.
    Register,
}

impl CheckKind {
    fn key(&self) -> &'static str {
        match self {
            Self::Database => "check-database",
            Self::SigningKey => "check-signing-key",
            Self::Clock => "check-clock",
            Self::CodeSender => "check-code-sender",
            Self::Discovery => "check-discovery",
            Self::SignIn => "check-sign-in",
            Self::Register => "check-register",
        }
    }
}

/// A tile of the start page.
#[derive(Clone, Debug)]
pub struct CheckTile {
    /// What was checked.
    pub kind: CheckKind,
    /// Whether it works.
    pub ok: bool,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// Why not: a plain sentence.
    pub cause: Option<String>,
    /// The command that tells more or mends it.
    pub command: Option<String>,
}

impl CheckTile {
    fn duration(&self) -> String {
        duration(self.micros)
    }
}

/// "717 µs", "12 ms", "2.7 s".
fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// A synthetic person.
#[derive(Clone, Debug)]
pub struct TestCitizen {
    /// Full name.
    pub name: String,
    /// Grouped for reading.
    pub personal_number: String,
    /// Grouped for reading.
    pub phone: String,
    /// "21/11/1990" or "1990".
    pub birth_date: String,
    /// What this person is good for, in the page's language.
    pub story: String,
    /// Password and authenticator secret where the person has one.
    pub secrets: Vec<(String, String)>,
    /// Where "Use" leads.
    pub use_href: String,
}

/// F2 `/`.
#[derive(Template)]
#[template(path = "demo/start.html")]
pub struct StartPage {
    /// Shared part.
    pub frame: Frame,
    /// Version and how long the start took, such as "0.1.0".
    pub version: String,
    /// The self-checks.
    pub checks: Vec<CheckTile>,
    /// The sample portals: name, address.
    pub portals: Vec<(String, String)>,
    /// The people.
    pub citizens: Vec<TestCitizen>,
    /// The issuer.
    pub issuer: String,
}
page!(StartPage, "start", samples::start_page);

impl StartPage {
    fn all_well(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }
}

/// How a test message would have travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Text message.
    Sms,
    /// Call.
    Voice,
    /// E-mail.
    Email,
}

impl MessageKind {
    fn key(&self) -> &'static str {
        match self {
            Self::Sms => "message-sms",
            Self::Voice => "message-voice",
            Self::Email => "message-email",
        }
    }
}

/// A message of the test inbox.
#[derive(Clone, Debug)]
pub struct InboxMessage {
    /// How.
    pub kind: MessageKind,
    /// To whom.
    pub recipient: String,
    /// The whole text.
    pub body: String,
    /// The code in it, shown large.
    pub code: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// F3 `/test/inbox`: refreshes itself every 5 seconds; emptied by POST `/test/inbox/clear`.
#[derive(Template)]
#[template(path = "demo/inbox.html")]
pub struct TestInbox {
    /// Shared part.
    pub frame: Frame,
    /// Newest first.
    pub messages: Vec<InboxMessage>,
}
page!(TestInbox, "test-inbox", samples::test_inbox);

/// One step of a sign-in.
#[derive(Clone, Debug)]
pub struct Step {
    /// What happened, in the page's language.
    pub title: String,
    /// More, in plain words.
    pub detail: Option<String>,
    /// When.
    pub at: Timestamp,
    /// How long, in microseconds.
    pub micros: Option<u64>,
    /// Id of the audit event.
    pub audit_id: Option<String>,
}

/// What an entry of the audit trail means, in plain words; its kind for what the demo's story never holds.
pub fn happened(locale: super::Locale, kind: &str) -> String {
    let key = match kind {
        "code.sent" => "happened-code-sent",
        "sign_in.succeeded" => "happened-signed-in",
        "sign_in.failed" => "happened-sign-in-failed",
        "session.started" => "happened-session-started",
        "session.raised" => "happened-session-raised",
        "session.ended" => "happened-session-ended",
        "consent.given" => "happened-consent-given",
        "consent.refused" => "happened-consent-refused",
        "grant.issued" => "happened-code-issued",
        "grant.exchanged" => "happened-code-exchanged",
        "grant.ended" => "happened-grant-ended",
        "refresh.rotated" => "happened-refreshed",
        "refresh.reused" => "happened-refresh-reused",
        "token.revoked" => "happened-token-revoked",
        "disclosure.made" => "happened-data-sent",
        other => return other.to_owned(),
    };
    locale.t(key)
}

impl Step {
    fn duration(&self) -> Option<String> {
        self.micros.map(duration)
    }
}

/// A token, taken apart.
#[derive(Clone, Debug)]
pub struct DecodedToken {
    /// Such as "ID token".
    pub name: String,
    /// Header as indented JSON.
    pub header: String,
    /// Each claim in the token's order.
    pub claims: Vec<TokenClaim>,
    /// Whether the signature was checked and holds.
    pub signature_ok: bool,
}

/// A claim with its meaning.
#[derive(Clone, Debug)]
pub struct TokenClaim {
    /// Claim name.
    pub name: String,
    /// Value as JSON text.
    pub value: String,
    /// Plain words, empty when there are none.
    pub meaning: String,
}

impl TokenClaim {
    /// A claim with the catalogue's meaning for registered names (RFC 7519, OpenID Connect Core, ours).
    pub fn explained(name: &str, value: impl Into<String>, locale: Locale) -> Self {
        let meaning = Self::meaning_key(name).map(|key| locale.t(key)).unwrap_or_default();
        Self { name: name.to_owned(), value: value.into(), meaning }
    }

    fn meaning_key(name: &str) -> Option<&'static str> {
        let key = match name {
            "iss" => "token-claim-iss",
            "sub" => "token-claim-sub",
            "aud" => "token-claim-aud",
            "exp" => "token-claim-exp",
            "iat" => "token-claim-iat",
            "nbf" => "token-claim-nbf",
            "jti" => "token-claim-jti",
            "nonce" => "token-claim-nonce",
            "acr" => "token-claim-acr",
            "amr" => "token-claim-amr",
            "auth_time" => "token-claim-auth-time",
            "azp" => "token-claim-azp",
            "at_hash" => "token-claim-at-hash",
            "c_hash" => "token-claim-c-hash",
            "sid" => "token-claim-sid",
            "scope" => "token-claim-scope",
            "client_id" => "token-claim-client-id",
            "identity_level" => "token-claim-identity-level",
            "authentication_level" => "token-claim-authentication-level",
            "name" => "token-claim-name",
            _ => return None,
        };
        Some(key)
    }
}

/// F5 `/test/what-happened/{grant}`.
#[derive(Template)]
#[template(path = "demo/what_happened.html")]
pub struct WhatHappened {
    /// Shared part.
    pub frame: Frame,
    /// The portal's name.
    pub portal: String,
    /// The person's name.
    pub person: String,
    /// In order.
    pub steps: Vec<Step>,
    /// The tokens that were issued.
    pub tokens: Vec<DecodedToken>,
}
page!(WhatHappened, "what-happened", samples::what_happened);

/// All building blocks on one page, and every page in every state to look at.
#[derive(Template)]
#[template(path = "demo/components.html")]
pub struct Components {
    /// The frame.
    pub frame: Frame,
    /// Pages with their states.
    pub pages: Vec<(&'static str, Vec<&'static str>)>,
}
page!(Components, "components", samples::components);
