//! What is wrong with a configuration, said so that it can be mended without a search.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Compiled in, from `config/default.toml`.
    Default,
    /// A line of the configuration file. Lines and columns count from 1.
    File {
        /// The file as named by the caller.
        path: PathBuf,
        /// Line.
        line: usize,
        /// Column, in characters.
        column: usize,
    },
    /// An environment variable.
    Environment(String),
    /// An argument of the command.
    Argument,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Argument => f.write_str("command line"),
        }
    }
}

/// One thing that is wrong. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, when it has a place.
    pub source: Option<Source>,
    /// The key, such as `tokens.code_seconds`; empty when the whole file is meant.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// The key or value that was probably meant.
    pub nearest: Option<String>,
    /// What would be accepted.
    pub allowed: Option<String>,
    /// What to do.
    pub fix: Option<String>,
}

impl Problem {
    pub(super) fn new(source: Option<Source>, key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { source, key: key.into(), what: what.into(), nearest: None, allowed: None, fix: None }
    }

    pub(super) fn nearest(mut self, nearest: Option<String>) -> Self {
        self.nearest = nearest;
        self
    }

    pub(super) fn allowed(mut self, allowed: Option<String>) -> Self {
        self.allowed = allowed;
        self
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "\n  did you mean: {nearest}")?;
        }
        if let Some(allowed) = &self.allowed {
            write!(f, "\n  allowed: {allowed}")?;
        }
        if let Some(fix) = &self.fix {
            write!(f, "\n  to do: {fix}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a configuration: the file first, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one problem.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(problem, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}
