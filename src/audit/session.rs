//! Sessions and logout.

use super::{Word, events};

events! {
    /// What happened to a session.
    SessionEvent, Session {
        /// A person signed in here.
        Started = "session.started" {
            /// 1 to 4.
            authentication_level: u8,
        },
        /// The level of a session was raised by further proofs.
        Raised = "session.raised" {
            /// 1 to 4, now.
            authentication_level: u8,
        },
        /// It ended.
        Ended = "session.ended" {
            /// Why: `signed_out`, `ended_by_person`, `person_locked` …
            reason: Word,
        },
        /// A client or the person asked to sign out.
        LogoutRequested = "logout.requested" {
            /// `client` (OpenID Connect RP-Initiated Logout) or `person`.
            by: Word,
        },
        /// A client confirmed a back-channel logout.
        LogoutDelivered = "logout.delivered" {
            /// Which attempt.
            attempt: u32,
        },
        /// A back-channel logout was given up.
        LogoutFailed = "logout.failed" {
            /// Error class of the last attempt.
            reason: Word,
            /// How many attempts were made.
            attempts: u32,
        },
    }
}
