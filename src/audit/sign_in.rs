//! Proofs given or refused.

use super::{Word, events};

events! {
    /// What happened while somebody signed in.
    SignInEvent, SignIn {
        /// All proofs asked for were given.
        Succeeded = "sign_in.succeeded" {
            /// RFC 8176 values.
            methods: Vec<Word>,
            /// 1 to 4.
            authentication_level: u8,
        },
        /// A proof was refused.
        Failed = "sign_in.failed" {
            /// Which kind of proof.
            method: Word,
            /// Why.
            reason: Word,
        },
        /// Tries are refused for a while.
        Paused = "sign_in.paused" {
            /// What is counted, such as `code:person`.
            scope: Word,
            /// Failures so far.
            failures: u32,
        },
        /// A code was put into the outbox.
        CodeSent = "code.sent" {
            /// `sms` or `voice`.
            channel: Word,
            /// `sign_in`, `create_account`, `confirm`.
            purpose: Word,
        },
    }
}
