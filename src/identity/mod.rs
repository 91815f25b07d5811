//! Pure domain rules: who a person is and how sure we are.
//!
//! Nothing here reads a clock, a store or a wire: times and register answers are handed in. Validators warn, the
//! register decides. Types that hold personal data hide it from `Debug` and have no `Display`.

pub mod agency_code;
pub mod assurance;
pub mod birth_date;
pub mod credential_policy;
pub mod email;
pub mod format_error;
pub mod keeper;
pub mod matching;
pub mod name;
pub mod organization;
pub mod password_policy;
pub mod person;
pub mod personal_number;
pub mod phone;
pub mod place;
pub mod place_code;
pub mod representation;
pub mod session;
pub mod tax_code;
#[cfg(test)]
mod test_vectors;
pub mod throttling;

pub use agency_code::{AgencyCode, AgencyKind};
pub use assurance::{
    Achieved, Acr, AcrDefinition, AcrTable, AcrTableError, Demand, LevelDecision, Method, Requirement, amr,
    authentication_level,
};
pub use birth_date::BirthDate;
pub use credential_policy::{BindRefusal, ChangeProof, RemoveRefusal, Way, Ways};
pub use email::EmailAddress;
pub use format_error::FormatError;
pub use matching::{Claimed, MatchOutcome, OutwardAnswer};
pub use name::FullName;
pub use organization::{
    NamedRepresentative, OrganizationAccount, OrganizationCode, OrganizationKind, OrganizationRecord,
    OrganizationStatus, RepresentationRole,
};
pub use password_policy::{PasswordContext, PasswordRefusal};
pub use person::{
    AuthenticationLevel, ExchangeEvidence, Gender, IdentityLevel, LegalState, PersonStatus, PopulationRecord,
    RegisterState, UnknownCode,
};
pub use personal_number::{NumberFault, NumberWarning, PersonalNumber};
pub use phone::PhoneNumber;
pub use place::Places;
pub use representation::{CannotAct, Freshness, Standing, Voice, account_of, may_act};
pub use session::SessionView;
pub use tax_code::{TaxCode, TaxCodeFault, TaxCodeWarning};
pub use throttling::{Admission, Counter, Rule};
