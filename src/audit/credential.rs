//! Ways to sign in that belong to a person.

use super::{Word, events};
use crate::base::CredentialId;

events! {
    /// What happened to a person's credentials.
    CredentialEvent, Credential {
        /// A passkey was added.
        PasskeyAdded = "passkey.added" {
            /// Which.
            credential: CredentialId,
            /// Synced to other devices.
            backed_up: bool,
        },
        /// A passkey got another name (the name itself is the person's and not kept here).
        PasskeyRenamed = "passkey.renamed" {
            /// Which.
            credential: CredentialId,
        },
        /// A passkey was removed.
        PasskeyRemoved = "passkey.removed" {
            /// Which.
            credential: CredentialId,
            /// Why.
            reason: Word,
        },
        /// A password was set or changed.
        PasswordSet = "password.set",
        /// An authenticator app was added.
        TotpAdded = "totp.added" {
            /// Which.
            credential: CredentialId,
        },
        /// An authenticator app was removed.
        TotpRemoved = "totp.removed" {
            /// Which.
            credential: CredentialId,
        },
        /// A set of recovery codes was made; older ones ended.
        RecoveryCodesMade = "recovery_codes.made" {
            /// How many.
            count: u32,
        },
        /// A recovery code was used.
        RecoveryCodeUsed = "recovery_code.used" {
            /// How many are left.
            remaining: u32,
        },
        /// A phone number or e-mail address was added.
        ContactAdded = "contact.added" {
            /// `phone` or `email`.
            contact_kind: Word,
        },
        /// A change of phone was asked for; it waits.
        ContactChangeAsked = "contact_change.asked" {
            /// `phone`.
            contact_kind: Word,
        },
        /// A waiting change of phone was cancelled.
        ContactChangeCancelled = "contact_change.cancelled" {
            /// `phone`.
            contact_kind: Word,
        },
        /// A phone number or e-mail address ended.
        ContactEnded = "contact.ended" {
            /// `phone` or `email`.
            contact_kind: Word,
        },
    }
}
