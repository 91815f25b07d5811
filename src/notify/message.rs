//! A message to a person, and the port it leaves through.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// The way a message takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A text message.
    Sms,
    /// A call that reads the text out.
    Voice,
    /// An e-mail.
    Email,
}

impl MessageKind {
    /// The name in the outbox, in metrics and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::Email => "email",
        }
    }
}

/// A message as it leaves. It may carry a code: `Debug` shows neither recipient nor text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingMessage {
    /// The same for every attempt, so that a gateway can drop a repetition.
    pub id: Uuid,
    /// How it is sent.
    pub kind: MessageKind,
    /// Phone number (E.164) or e-mail address.
    pub recipient: String,
    /// Subject line; only e-mail has one.
    pub subject: Option<String>,
    /// The text.
    pub text: String,
    /// `vi` or `en`: the voice that reads it out.
    pub language: String,
}

impl fmt::Debug for OutgoingMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutgoingMessage {{ id: {}, kind: {} }}", self.id, self.kind.as_str())
    }
}

/// Why a message did not leave. Reasons are fixed words: no recipient, no content, nothing a remote system said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Try again later.
    #[error("temporary: {0}")]
    Temporary(&'static str),
    /// Trying again will not help.
    #[error("permanent: {0}")]
    Permanent(&'static str),
}

/// A way out for messages.
#[async_trait]
pub trait MessageSender: Send + Sync {
    /// Sends one message; returns when the next system has taken responsibility for it.
    async fn send(&self, message: &OutgoingMessage) -> Result<(), SendError>;

    /// The name in logs and metrics.
    fn name(&self) -> &'static str;
}
