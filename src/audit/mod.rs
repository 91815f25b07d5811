//! The typed vocabulary of the audit trail, a file an area.
//!
//! An event says what was done, by which means, at which level and for which reason, and never whom by name: ids,
//! methods, levels and fixed words only. Words can only be made from text in the program ([`Word`]), so no input can
//! slip into the trail. The row is written in the transaction of the act (I4); who and where are its columns.

mod account;
mod administration;
mod credential;
mod grant;
mod organization;
mod session;
mod sign_in;

use crate::base::{AuditId, GrantId, PersonId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

pub use account::AccountEvent;
pub use administration::AdministrationEvent;
pub use credential::CredentialEvent;
pub use grant::GrantEvent;
pub use organization::OrganizationEvent;
pub use session::SessionEvent;
pub use sign_in::SignInEvent;

/// A fixed word such as a reason, a method or a claim name: made from text of the program or read back from the trail.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Word(Cow<'static, str>);

impl Word {
    /// A word of the program.
    pub const fn new(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Word {
    fn from(word: &'static str) -> Self {
        Self::new(word)
    }
}

/// Defines the events of one area: each variant with the kind it is stored under.
macro_rules! events {
    (
        $(#[$doc:meta])* $area:ident, $wrapped:ident {
            $($(#[$event_doc:meta])* $event:ident = $kind:literal $({ $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })?,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "kind")]
        pub enum $area {
            $(
                $(#[$event_doc])*
                #[serde(rename = $kind)]
                $event $({ $($(#[$field_doc])* $field: $type,)* })?,
            )*
        }

        impl $area {
            /// Every kind of this area.
            pub const KINDS: &'static [&'static str] = &[$($kind,)*];

            /// The kind as stored, such as `sign_in.failed`.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$event { .. } => $kind,)*
                }
            }
        }

        impl From<$area> for super::Event {
            fn from(event: $area) -> Self {
                Self::$wrapped(event)
            }
        }
    };
}
use events;

/// Anything that is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// Proofs given or refused, codes sent.
    SignIn(SignInEvent),
    /// Sessions and logout.
    Session(SessionEvent),
    /// Passkeys, passwords, codes that belong to a person.
    Credential(CredentialEvent),
    /// Persons and their state.
    Account(AccountEvent),
    /// Consent, grants, tokens, disclosures.
    Grant(GrantEvent),
    /// Organizations and who acts for them.
    Organization(OrganizationEvent),
    /// Clients and keys.
    Administration(AdministrationEvent),
}

impl Event {
    /// The kind as stored.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SignIn(event) => event.kind(),
            Self::Session(event) => event.kind(),
            Self::Credential(event) => event.kind(),
            Self::Account(event) => event.kind(),
            Self::Grant(event) => event.kind(),
            Self::Organization(event) => event.kind(),
            Self::Administration(event) => event.kind(),
        }
    }
}

/// A row of the trail: the event, and whom it concerns by internal ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Of this row.
    pub id: AuditId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// Whom it concerns.
    pub person: Option<PersonId>,
    /// For which client.
    pub client: Option<String>,
    /// In which session.
    pub session: Option<SessionId>,
    /// Of which grant.
    pub grant: Option<GrantId>,
    /// The request, as in the log.
    pub request_id: Option<String>,
}

impl Entry {
    /// An entry that concerns nobody yet.
    pub fn new(id: AuditId, at: Timestamp, event: impl Into<Event>) -> Self {
        let event = event.into();
        Self { id, at, event, person: None, client: None, session: None, grant: None, request_id: None }
    }

    /// Whom it concerns.
    #[must_use]
    pub fn person(mut self, person: PersonId) -> Self {
        self.person = Some(person);
        self
    }

    /// For which client.
    #[must_use]
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// In which session.
    #[must_use]
    pub fn session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// Of which grant.
    #[must_use]
    pub fn grant(mut self, grant: GrantId) -> Self {
        self.grant = Some(grant);
        self
    }

    /// The request, as in the log.
    #[must_use]
    pub fn request(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn kinds() -> Vec<&'static str> {
        [
            SignInEvent::KINDS,
            SessionEvent::KINDS,
            CredentialEvent::KINDS,
            AccountEvent::KINDS,
            GrantEvent::KINDS,
            OrganizationEvent::KINDS,
            AdministrationEvent::KINDS,
        ]
        .concat()
    }

    #[test]
    fn kinds_are_unique_lower_case_words_in_two_parts() {
        let kinds = kinds();
        assert_eq!(kinds.iter().collect::<HashSet<_>>().len(), kinds.len());
        for kind in kinds {
            let (area, what) = kind.split_once('.').unwrap();
            for part in [area, what] {
                assert!(!part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{kind}");
            }
        }
    }

    #[test]
    fn an_event_is_read_back_as_what_it_was() {
        let events: [Event; 3] = [
            SignInEvent::Failed { method: Word::new("sms"), reason: Word::new("wrong_code") }.into(),
            SessionEvent::Ended { reason: Word::new("signed_out") }.into(),
            GrantEvent::RefreshReused.into(),
        ];
        for event in events {
            let text = serde_json::to_string(&event).unwrap();
            assert!(text.contains(event.kind()), "{text}");
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        }
    }
}
