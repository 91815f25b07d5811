//! Clients, agreements and keys.

use super::{Word, events};
use crate::base::{AgreementId, RowId};

events! {
    /// What an operator or the program itself did.
    AdministrationEvent, Administration {
        /// A client was added.
        ClientAdded = "client.added",
        /// A client's metadata changed.
        ClientChanged = "client.changed" {
            /// Its version now.
            version: i32,
        },
        /// A client was disabled.
        ClientDisabled = "client.disabled" {
            /// Why.
            reason: Word,
        },
        /// A client was enabled again.
        ClientEnabled = "client.enabled",
        /// A client registered itself.
        ClientRegistered = "client.registered" {
            /// The initial access token it used, if one was needed.
            token: Option<RowId>,
        },
        /// A client's secret was replaced; the one before is taken for a while.
        ClientSecretReplaced = "client.secret_replaced",
        /// An initial access token was made.
        RegistrationTokenMade = "registration_token.made" {
            /// Which.
            token: RowId,
            /// How many clients it may register.
            uses: i32,
        },
        /// An initial access token was revoked.
        RegistrationTokenRevoked = "registration_token.revoked" {
            /// Which.
            token: RowId,
        },
        /// A sharing agreement came into force.
        AgreementMade = "agreement.made" {
            /// Which.
            agreement: AgreementId,
            /// Names of the claims it allows.
            claims: Vec<String>,
        },
        /// A signing key was made; it is the successor of an older one of its algorithm, if there is one.
        KeyRotated = "key.rotated" {
            /// RFC 7638 thumbprint.
            kid: String,
            /// Such as `ES256`.
            algorithm: String,
        },
        /// A retired signing key's private part was destroyed.
        KeyErased = "key.erased" {
            /// RFC 7638 thumbprint.
            kid: String,
        },
    }
}
