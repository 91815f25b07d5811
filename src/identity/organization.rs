//! Organizations: their codes, what the registers say of them, and the state of their accounts.

use super::person::text_codes;
use super::{AgencyCode, AgencyKind, FormatError, FullName, PersonalNumber, TaxCode, UnknownCode};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The code an organization is known by: one of two schemes, told apart by form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrganizationCode {
    /// An enterprise, cooperative or household business, or a dependent unit of one. Enterprise code and tax code are
    /// the same (Circular 105/2020 art. 5; Decision 20/2020 art. 5).
    Tax(TaxCode),
    /// A state body or another body without a registration number (Decision 20/2020 art. 4, 6).
    Agency(AgencyCode),
}

impl OrganizationCode {
    /// Reads a code as people type it: small letters and spaces are forgiven, and the older order of agency codes.
    /// Whether it exists is for the register to say: odd check digits pass.
    ///
    /// # Errors
    /// [`FormatError`] of the scheme that the text looks like.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let upper: String = text.trim().to_ascii_uppercase();
        if !upper.bytes().any(|b| b.is_ascii_alphabetic()) {
            return TaxCode::parse(&upper).map(Self::Tax);
        }
        let without_spaces: String = upper.chars().filter(|c| !c.is_whitespace()).collect();
        let code = AgencyCode::parse(&without_spaces)?;
        match code.kind() {
            AgencyKind::StateBody | AgencyKind::Other => Ok(Self::Agency(code)),
            AgencyKind::Registered => TaxCode::parse(code.as_str()).map(Self::Tax),
        }
    }

    /// What kind of organization bears such a code.
    pub fn kind(&self) -> OrganizationKind {
        match self {
            Self::Tax(code) if code.branch().is_some() => OrganizationKind::DependentUnit,
            Self::Tax(_) => OrganizationKind::Enterprise,
            Self::Agency(_) => OrganizationKind::StateBody,
        }
    }

    /// Which scheme it belongs to, as tokens name it.
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Tax(_) => "tax_code",
            Self::Agency(_) => "agency_code",
        }
    }

    /// The unit that a dependent unit depends on.
    pub fn parent(&self) -> Option<Self> {
        match self {
            Self::Tax(code) if code.branch().is_some() => TaxCode::from_exact(code.unit()).ok().map(Self::Tax),
            _ => None,
        }
    }
}

impl fmt::Display for OrganizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tax(code) => fmt::Display::fmt(code, f),
            Self::Agency(code) => f.write_str(code.as_str()),
        }
    }
}

impl FromStr for OrganizationCode {
    type Err = FormatError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

text_codes! {
    /// What an organization is.
    OrganizationKind {
        /// An enterprise, cooperative or household business: ten digits.
        Enterprise = "enterprise",
        /// A branch or office of one: ten digits and three.
        DependentUnit = "dependent_unit",
        /// A state body or another body with an agency code.
        StateBody = "state_body",
    }

    /// What the register says of an organization now.
    OrganizationStatus {
        /// At work.
        Active = "active",
        /// Stopped for a time: nobody may act for it meanwhile (Decree 59/2022 art. 19).
        Suspended = "suspended",
        /// Ended for good.
        Dissolved = "dissolved",
    }

    /// The state of an organization's account here.
    OrganizationAccount {
        /// A representative applied; others still have to agree (Decree 69/2024 art. 12).
        Pending = "pending",
        /// All agreed.
        Open = "open",
        /// A representative said no. Somebody may apply anew.
        Refused = "refused",
        /// A representative closed it. Somebody may apply anew.
        Closed = "closed",
    }

    /// In what capacity somebody acts, as the register states it.
    RepresentationRole {
        /// The legal representative of an enterprise, also for its dependent units.
        LegalRepresentative = "legal_representative",
        /// The head of a state body or of a unit.
        Head = "head",
    }
}

/// Somebody whom the register names as one who may act for an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRepresentative {
    /// Who.
    pub number: PersonalNumber,
    /// Name as the register writes it.
    pub full_name: FullName,
    /// In what capacity.
    pub role: RepresentationRole,
    /// The title in the register's words, such as `Giám đốc`.
    pub title: Option<String>,
}

/// The only fields we keep of a register's answer about an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationRecord {
    /// The code the register answered for.
    pub code: OrganizationCode,
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: OrganizationStatus,
    /// Everybody who may act, never empty: all of them must agree before an account is opened.
    pub representatives: Vec<NamedRepresentative>,
}

impl OrganizationRecord {
    /// How the register names this person, if it does.
    pub fn representative(&self, number: &PersonalNumber) -> Option<&NamedRepresentative> {
        self.representatives.iter().find(|person| person.number == *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_tells_what_bears_it() {
        for (typed, shown, kind, parent) in [
            ("0199999511", "0199999511", OrganizationKind::Enterprise, None),
            (" 0199 999 511 ", "0199999511", OrganizationKind::Enterprise, None),
            ("0199999511-001", "0199999511-001", OrganizationKind::DependentUnit, Some("0199999511")),
            ("0199999511001", "0199999511-001", OrganizationKind::DependentUnit, Some("0199999511")),
            ("h01.02", "H01.02", OrganizationKind::StateBody, None),
            ("000.00.00.H29", "H29", OrganizationKind::StateBody, None),
            ("Z01ABC", "Z01ABC", OrganizationKind::StateBody, None),
        ] {
            let code = OrganizationCode::parse(typed).unwrap_or_else(|error| panic!("{typed}: {error:?}"));
            assert_eq!((code.to_string().as_str(), code.kind()), (shown, kind), "{typed}");
            assert_eq!(code.parent().map(|code| code.to_string()).as_deref(), parent, "{typed}");
            assert_eq!(OrganizationCode::parse(&code.to_string()), Ok(code));
        }
    }

    #[test]
    fn an_odd_check_digit_is_for_the_register_to_judge() {
        assert!(OrganizationCode::parse("0199999512").is_ok());
        for wrong in ["", " ", "12", "H1", "0199999511-1", "Đ01", "H01..02", "0199999511\u{661}"] {
            assert!(OrganizationCode::parse(wrong).is_err(), "{wrong}");
        }
    }
}
