//! C20: creating an account, one thing per page.

use super::{CreatePasskeyForm, Frame, create_samples as samples, page};
use crate::base::Timestamp;
use askama::Template;

/// `/create/{flow}`: what is needed. Its button is a link to `/create/{flow}/number`.
#[derive(Template)]
#[template(path = "create/start.html")]
pub struct CreateStart {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
}
page!(CreateStart, "create-start", samples::create_start);

/// `/create/{flow}/number`. Form field `personal_number`.
#[derive(Template)]
#[template(path = "create/number.html")]
pub struct CreateNumber {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// As typed before.
    pub personal_number: String,
}
page!(CreateNumber, "create-number", samples::create_number);

/// `/create/{flow}/name`. Form fields `full_name`, `birth_day`, `birth_month`, `birth_year`. Errors of the date go to `birth_day`, or to
/// `birth_year` when only the year is asked.
#[derive(Template)]
#[template(path = "create/name.html")]
pub struct CreateName {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// As typed before.
    pub full_name: String,
    /// As typed before.
    pub birth_day: String,
    /// As typed before.
    pub birth_month: String,
    /// As typed before.
    pub birth_year: String,
    /// `?precision=year`: only the year is known.
    pub year_only: bool,
}
page!(CreateName, "create-name", samples::create_name);

/// `/create/{flow}/phone`. Form field `phone`.
#[derive(Template)]
#[template(path = "create/phone.html")]
pub struct CreatePhone {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// As typed before.
    pub phone: String,
}
page!(CreatePhone, "create-phone", samples::create_phone);

/// `/create/{flow}/check`: the answers before anything is sent. Form field `action`: `send`.
#[derive(Template)]
#[template(path = "create/check.html")]
pub struct CreateCheck {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// The number as typed, grouped for reading.
    pub personal_number: String,
    /// The name as typed.
    pub full_name: String,
    /// "21/11/1990" or "1990".
    pub birth_date: String,
    /// The phone, grouped for reading.
    pub phone: String,
}
page!(CreateCheck, "create-check", samples::create_check);

/// `/create/{flow}/waiting`: the register is being asked. Refreshes itself every 3 seconds, with or without a script.
#[derive(Template)]
#[template(path = "create/waiting.html")]
pub struct CreateWaiting {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// It takes longer than 20 seconds: a way on is shown.
    pub slow: bool,
}
page!(CreateWaiting, "create-waiting", samples::create_waiting);

/// What may be done after a mismatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTry {
    /// Tries left before a pause.
    Left(u32),
    /// No more tries before this time.
    PausedUntil(Timestamp),
}

/// Number, name and birth date do not fit: the same words for "no such record" and "another name".
#[derive(Template)]
#[template(path = "create/no_match.html")]
pub struct CreateNoMatch {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// What may be done.
    pub next: NextTry,
}
page!(CreateNoMatch, "create-no-match", samples::create_no_match);

/// Under 14: a guardian does it.
#[derive(Template)]
#[template(path = "create/under_age.html")]
pub struct CreateUnderAge {
    /// Shared part.
    pub frame: Frame,
}
page!(CreateUnderAge, "create-under-age", samples::create_under_age);

/// `/create/{flow}/code`. Form field `code`; another code by POST `…/code/resend`.
#[derive(Template)]
#[template(path = "create/code.html")]
pub struct CreateCode {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// Until when the code works.
    pub valid_until: Timestamp,
    /// From when another may be asked for.
    pub resend_from: Timestamp,
    /// The code ran out.
    pub expired: bool,
}
page!(CreateCode, "create-code", samples::create_code);

impl CreateCode {
    fn resend_action(&self) -> String {
        format!("/create/{}/code/resend", self.flow)
    }
    fn can_resend(&self) -> bool {
        self.frame.now >= self.resend_from
    }
}

/// `/create/{flow}/passkey`. Form fields `credential`, `error`, `shared`, `action`; options at `/create/{flow}/passkey/options`;
/// `action=skip`, and a link to `/create/{flow}/password`.
#[derive(Template)]
#[template(path = "create/passkey.html")]
pub struct CreatePasskey {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
}
page!(CreatePasskey, "create-passkey", samples::create_passkey);

impl CreatePasskey {
    fn create(&self) -> CreatePasskeyForm {
        CreatePasskeyForm::at(format!("/create/{}/passkey", self.flow))
    }
}

/// `/create/{flow}/password`. Form fields `current_password`, `new_password`.
#[derive(Template)]
#[template(path = "create/password.html")]
pub struct CreatePassword {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// The shortest length allowed, in characters.
    pub least: u32,
}
page!(CreatePassword, "create-password", samples::create_password);

/// `/create/{flow}/recovery-codes`. Form field `action`: `stored`.
#[derive(Template)]
#[template(path = "create/recovery_codes.html")]
pub struct CreateRecoveryCodes {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// Ten codes, shown once.
    pub codes: Vec<String>,
}
page!(CreateRecoveryCodes, "create-recovery-codes", samples::create_recovery_codes);

/// How creation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// Matched against the register: a level 1 account. Also said when the account existed before.
    Confirmed,
    /// The register did not answer: confirmed later.
    RegisterDown,
}

/// `/create/{flow}/done`.
#[derive(Template)]
#[template(path = "create/done.html")]
pub struct CreateDone {
    /// Shared part.
    pub frame: Frame,
    /// How it ended.
    pub outcome: Created,
    /// The portal's sign-in to go on with, such as `/signin/{f}/continue`.
    pub continue_to: Option<String>,
}
page!(CreateDone, "create-done", samples::create_done);

impl CreateDone {
    fn pending(&self) -> bool {
        self.outcome == Created::RegisterDown
    }
}
