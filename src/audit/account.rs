//! Persons and their state.

use super::{Word, events};
use crate::base::RowId;

events! {
    /// What happened to a person's account.
    AccountEvent, Account {
        /// It was made.
        Created = "account.created" {
            /// 0, 1, 2.
            identity_level: u8,
            /// `verified`, `pending` …
            register_state: Word,
        },
        /// The register confirmed what had waited.
        Confirmed = "account.confirmed" {
            /// 0, 1, 2.
            identity_level: u8,
        },
        /// The register answered, and something did not agree.
        Mismatched = "account.mismatched" {
            /// Which step found it.
            reason: Word,
        },
        /// The register set another number (Decree 70/2024 art. 11).
        Renumbered = "account.renumbered",
        /// It may not be used for a while.
        Locked = "person.locked" {
            /// Reason code.
            reason: Word,
        },
        /// It may be used again.
        Unlocked = "person.unlocked" {
            /// Reason code.
            reason: Word,
        },
        /// It ended.
        Closed = "person.closed" {
            /// Reason code.
            reason: Word,
        },
        /// The person said on the stop page that somebody was telling them what to do: nothing was changed.
        ScamStopped = "scam.stopped" {
            /// What they were about to do.
            purpose: Word,
        },
        /// The person reported something strange.
        Reported = "incident.reported" {
            /// The report.
            report: RowId,
            /// What was done at once.
            action: Word,
        },
        /// An officer looked at the person's record.
        Viewed = "person.viewed" {
            /// Why.
            reason: Word,
            /// The whole personal number was shown.
            full_number: bool,
        },
    }
}
