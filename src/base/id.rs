//! Typed ids. Primary keys are UUIDv7, so that new rows land beside each other in an index.

use super::{Entropy, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new, time-ordered id.
            pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
                Self(uuid_v7(now, entropy))
            }

            /// When it was made, to the millisecond.
            pub fn made_at(self) -> Timestamp {
                made_at(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

typed_id! {
    /// A person known to Dinhdanh: the internal subject, never shown to a portal.
    PersonId;
    /// One way to sign in that belongs to a person.
    CredentialId;
    /// A phone number or e-mail address of a person.
    ContactId;
    /// A single sign-on session at this provider.
    SessionId;
    /// What a person allowed a client to do, from one authorization: the root of a token family.
    GrantId;
    /// A message or call waiting in the outbox.
    OutboxId;
    /// A one-time code sent to a phone.
    CodeId;
    /// A row of the audit trail.
    AuditId;
    /// One release of personal data to a client.
    DisclosureId;
    /// A signing key.
    KeyId;
    /// An organization with an account.
    OrganizationId;
    /// A data-sharing agreement of a client.
    AgreementId;
    /// An authorization asked for on another device than the person's.
    DecoupledId;
    /// Anything else that only needs a key.
    RowId;
}

/// The time in a UUIDv7: its first 48 bits, in milliseconds since 1970.
fn made_at(id: Uuid) -> Timestamp {
    Timestamp::from_micros(i64::try_from(id.as_u128() >> 80).unwrap_or(0).saturating_mul(1_000))
}

/// UUIDv7 (RFC 9562 5.7) of a given time, with the random bits handed in.
pub fn uuid_v7(now: Timestamp, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0u8; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(now.micros() / 1_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
