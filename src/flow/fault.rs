//! What can go wrong that is nobody's input: logged once at the edge, shown with an error id.

use std::time::Duration;

/// A failure of ours or of something we rest on. Never says yes (I9).
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// A store, cache or register did not answer: try again later.
    #[error("{0} is not available")]
    Unavailable(&'static str),
    /// More work than we take at once.
    #[error("overloaded")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// An answer must be encrypted, and none of the client's keys fits or can be fetched. Never answered in the clear.
    #[error("no key of client {client_id} to encrypt to")]
    NoRecipient {
        /// Whose keys.
        client_id: String,
    },
    /// A defect or broken data.
    #[error("{0}")]
    Internal(String),
}

/// The result of a use case that can only fail by our own fault.
pub type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// A stable word for logs and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Overloaded { .. } => "overloaded",
            Self::NoRecipient { .. } => "no_recipient",
            Self::Internal(_) => "internal",
        }
    }

    /// Wraps an error that should not happen.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<crate::db::Error> for Fault {
    fn from(error: crate::db::Error) -> Self {
        if error.is_unavailable() { Self::Unavailable("database") } else { Self::Internal(error.to_string()) }
    }
}

impl From<crate::cache::CacheError> for Fault {
    fn from(_: crate::cache::CacheError) -> Self {
        Self::Unavailable("cache")
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        // The message may quote data: keep the class only.
        Self::Internal(format!("JSON {:?} error", error.classify()))
    }
}
