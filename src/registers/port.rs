//! The ports: what is asked of the registers of people and of organizations, and what comes back.

use super::error::RegisterError;
use crate::identity::{
    BirthDate, ExchangeEvidence, FullName, OrganizationCode, OrganizationKind, OrganizationRecord, PersonalNumber,
    PopulationRecord,
};
use async_trait::async_trait;
use std::fmt;
use uuid::Uuid;

/// One question. The register matches: without number, name and birth date together it answers nothing.
#[derive(Debug, Clone)]
pub struct PopulationQuery {
    /// The personal number as claimed.
    pub number: PersonalNumber,
    /// The name as claimed.
    pub full_name: FullName,
    /// The birth date as claimed.
    pub birth_date: BirthDate,
    /// Why: the id of the case or the purpose, for the register's log. ASCII, no personal data.
    pub issue: String,
    /// Made fresh for each question; the answer must echo it.
    pub request_id: Uuid,
    /// The official on whose desk this is. Absent when the person asks about themselves.
    pub on_behalf_of: Option<Official>,
}

/// The official's own identifier, who is named in each question (domain: Decree 47/2020 art. 45).
#[derive(Clone, PartialEq, Eq)]
pub struct Official(String);

impl Official {
    /// Letters, digits and `-_.`, 1 to 64 of them; `None` otherwise.
    pub fn new(id: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(allowed) { None } else { Some(Self(id.to_owned())) }
    }

    /// The identifier, which may be a personal number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Official {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Official([hidden])")
    }
}

/// What the register says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PopulationAnswer {
    /// No such number, or name or birth date do not agree: the register makes no difference, and neither may we.
    NotFound,
    /// The person, and what proves the exchange. `identity::matching::decide` still compares the record.
    Found {
        /// The fields we keep.
        record: PopulationRecord,
        /// Ids of the exchange.
        evidence: ExchangeEvidence,
    },
}

/// A population register.
#[async_trait]
pub trait PopulationRegister: Send + Sync {
    /// Matches one person. Never repeated by the adapter itself.
    ///
    /// # Errors
    /// [`RegisterError`], sorted by what can be done.
    async fn look_up(&self, query: &PopulationQuery) -> Result<PopulationAnswer, RegisterError>;

    /// Asks, without personal data, whether look-ups can work now.
    ///
    /// # Errors
    /// The [`RegisterError`] that a look-up would meet.
    async fn health(&self, request_id: Uuid) -> Result<(), RegisterError>;
}

/// One question about an organization. The register matches here, too: it answers only about an organization that the
/// named person represents, so nobody can search it by codes.
#[derive(Debug, Clone)]
pub struct OrganizationQuery {
    /// The organization as claimed.
    pub code: OrganizationCode,
    /// Who says to represent it.
    pub representative: PersonalNumber,
    /// Why: for the register's log. ASCII, no personal data.
    pub issue: String,
    /// Made fresh for each question; the answer must echo it.
    pub request_id: Uuid,
    /// The official on whose desk this is. Absent when the representative asks.
    pub on_behalf_of: Option<Official>,
}

/// What the register of organizations says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrganizationAnswer {
    /// No such organization, or the person does not represent it: no difference is made.
    NotFound,
    /// The organization, and what proves the exchange. Its record names the person asked for.
    Found {
        /// The fields we keep.
        record: OrganizationRecord,
        /// Ids of the exchange.
        evidence: ExchangeEvidence,
    },
}

/// A register of organizations: of enterprises, or of state bodies.
#[async_trait]
pub trait OrganizationRegister: Send + Sync {
    /// Matches one organization and one representative. Never repeated by the adapter itself.
    ///
    /// # Errors
    /// [`RegisterError`], sorted by what can be done.
    async fn look_up_organization(&self, query: &OrganizationQuery) -> Result<OrganizationAnswer, RegisterError>;

    /// Asks, without personal data, whether look-ups of organizations of this kind can work now.
    ///
    /// # Errors
    /// The [`RegisterError`] that a look-up would meet.
    async fn health(&self, kind: OrganizationKind, request_id: Uuid) -> Result<(), RegisterError>;

    /// Whether anything can be asked at all: nothing that rests on it is offered otherwise.
    fn is_connected(&self) -> bool {
        true
    }
}
