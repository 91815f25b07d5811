//! Organizations and who acts for them.

use super::{Word, events};
use crate::base::OrganizationId;

events! {
    /// What happened to an organization's account.
    OrganizationEvent, Organization {
        /// A representative applied for an account.
        Applied = "organization.applied" {
            /// Which.
            organization: OrganizationId,
        },
        /// An application waits: the register did not answer.
        Waiting = "organization.waiting",
        /// The register knows no such organization of this person.
        NoMatch = "organization.no_match",
        /// A representative agreed to the account.
        Agreed = "organization.agreed" {
            /// Which.
            organization: OrganizationId,
        },
        /// A representative refused it.
        Refused = "organization.refused" {
            /// Which.
            organization: OrganizationId,
        },
        /// All agreed: it may be acted for.
        Opened = "organization.opened" {
            /// Which.
            organization: OrganizationId,
        },
        /// A representative closed it: nobody acts for it any more.
        Closed = "organization.closed" {
            /// Which.
            organization: OrganizationId,
        },
        /// The register says something else of it than before.
        StatusChanged = "organization.status_changed" {
            /// Which.
            organization: OrganizationId,
            /// `active`, `suspended`, `dissolved`.
            status: Word,
        },
        /// The register names a person for it no longer.
        RepresentationEnded = "representation.ended" {
            /// For which.
            organization: OrganizationId,
            /// How that was learnt.
            reason: Word,
        },
        /// A grant was issued to act for it.
        RepresentationUsed = "representation.used" {
            /// For which.
            organization: OrganizationId,
            /// `legal_representative`, `head`.
            role: Word,
        },
    }
}
