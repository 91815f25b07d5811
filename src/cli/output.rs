//! How commands speak: plain text for people, JSON for programs, failures that say what to do.

use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Failure {
    /// A failure without advice.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// The same failure with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// Writes a line to standard output. A closed pipe is the reader's choice, not our failure.
pub fn line(text: impl AsRef<str>) {
    drop(writeln!(std::io::stdout().lock(), "{}", text.as_ref()));
}

/// Writes a line for people to standard error, where it does not mix with an answer.
pub fn note(text: impl AsRef<str>) {
    drop(writeln!(std::io::stderr().lock(), "{}", text.as_ref()));
}

/// Writes a value as one line of JSON.
pub fn json(value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(value) {
        line(text);
    }
}

/// Writes a failure and gives its exit code.
pub fn fail(as_json: bool, failure: &Failure) -> ExitCode {
    if as_json {
        json(&serde_json::json!({ "error": failure.message, "help": failure.help }));
    }
    note(format!("error: {}", failure.message));
    if let Some(help) = &failure.help {
        note(format!("  help: {help}"));
    }
    ExitCode::from(1)
}
