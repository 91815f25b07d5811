//! Repositories: each SQL text once, for both engines; a file a family of tables.
//!
//! Functions that write take `&mut Tx`; functions that read take [`Source`](crate::db::Source), which is `&Db` or
//! `&mut Tx`. `find` gives an `Option`, `get` fails with [`Error::NotFound`](crate::db::Error::NotFound). Whatever may be
//! used once is consumed by one conditional statement, and the answer says who was first (I1): the caller commits also
//! when it then refuses, or the consumption is undone.
//!
//! Personal data arrives sealed and indexed; nothing here can read it. Times are handed in.

pub mod agreement;
pub mod audit;
pub mod client;
pub mod client_logo;
mod codec;
pub mod consent;
pub mod contact;
pub mod decoupled;
pub mod delivery;
pub mod disclosure;
pub mod encryption_key;
pub mod grant;
pub mod incident_report;
pub mod initial_access_token;
pub mod installation;
pub mod notice_code;
pub mod organization;
pub mod outbox;
pub mod partition;
pub mod passkey;
pub mod password;
pub mod person;
pub mod person_setting;
pub mod phone_change;
pub mod recovery_code;
pub mod refresh_token;
pub mod sent_code;
pub mod session;
pub mod session_client;
pub mod signing_key;
pub mod spent;
pub mod subject;
pub mod sweep;
pub mod test_message;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod throttle;
pub mod totp;

use crate::base::Timestamp;
use uuid::Uuid;

/// What became of an insert that a unique key may refuse.
#[must_use = "the row may not have been written"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// The row is there now.
    New,
    /// A row with this key was there before and is unchanged.
    AlreadyKnown,
}

impl From<u64> for Inserted {
    fn from(rows: u64) -> Self {
        if rows == 0 { Self::AlreadyKnown } else { Self::New }
    }
}

/// Where a page of a list goes on: the time and id of the last row seen.
pub type Position<Id> = (Timestamp, Id);

/// Before every row of a list that runs from old to new.
const OLDEST: (Timestamp, Uuid) = (Timestamp::from_micros(0), Uuid::nil());
/// After every row of a list that runs from new to old: the year 9999, which both engines can hold.
const NEWEST: (Timestamp, Uuid) = (Timestamp::from_seconds(253_402_300_799), Uuid::max());

/// Shows a row by its key only: names, sealed values and hashes stay out of logs (I17).
macro_rules! hidden_debug {
    ($($type:ident: $key:ident),* $(,)?) => {$(
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type)).field(stringify!($key), &self.$key).finish_non_exhaustive()
            }
        }
    )*};
}
use hidden_debug;

/// Enums of this floor whose values are stored as words.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$value_doc])* $value,)*
        }

        impl $name {
            /// The word as stored.
            pub const fn as_str(&self) -> &'static str {
                match self {
                    $(Self::$value => $word,)*
                }
            }

            fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$value),)*
                    _ => None,
                }
            }
        }

        $crate::db::text_codec!($name, $name::as_str, $name::parse);
    )*};
}
use words;
