//! Consent, grants, tokens and disclosures.

use super::{Word, events};
use crate::base::{AgreementId, DisclosureId};

events! {
    /// What happened to an authorization.
    GrantEvent, Grant {
        /// A person accepted that a client gets claims.
        ConsentGiven = "consent.given" {
            /// Names, never values.
            claims: Vec<String>,
            /// Optional ones that were refused.
            refused: Vec<String>,
        },
        /// A person refused.
        ConsentRefused = "consent.refused" {
            /// Names that had been asked for.
            claims: Vec<String>,
        },
        /// A person took a consent back.
        ConsentEnded = "consent.ended",
        /// A code was issued.
        Issued = "grant.issued" {
            /// As stated in tokens.
            acr: String,
            /// OAuth scope.
            scope: String,
        },
        /// The code was exchanged for tokens.
        Exchanged = "grant.exchanged",
        /// The family ended.
        Ended = "grant.ended" {
            /// Why: `code_replayed`, `refresh_reused`, `revoked`, `signed_out` …
            reason: Word,
        },
        /// A refresh token was rotated.
        RefreshRotated = "refresh.rotated",
        /// A used refresh token came again: the family ends.
        RefreshReused = "refresh.reused",
        /// A client revoked a token (RFC 7009).
        TokenRevoked = "token.revoked" {
            /// `access_token` or `refresh_token`.
            token: Word,
        },
        /// A client got an access token for itself.
        ClientTokenIssued = "client_token.issued" {
            /// OAuth scope.
            scope: String,
        },
        /// A client asked for a person's approval on another device.
        RequestAsked = "request.asked" {
            /// `device` or `ciba`.
            door: Word,
        },
        /// Such a request was refused.
        RequestDenied = "request.denied" {
            /// `device` or `ciba`.
            door: Word,
        },
        /// An agency exchanged a token for one to act with (RFC 8693).
        TokenExchanged = "token.exchanged" {
            /// Whose token it was.
            subject_client: String,
            /// OAuth scope of the new one.
            scope: String,
        },
        /// Claims left.
        DisclosureMade = "disclosure.made" {
            /// The record the person can see.
            disclosure: DisclosureId,
            /// On which ground.
            agreement: Option<AgreementId>,
            /// Names, never values.
            claims: Vec<String>,
        },
    }
}
