//! Persons as we keep them, and what of a register's answer we keep.

use super::{BirthDate, FullName, PersonalNumber};
use crate::base::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A stored or received code that is not in the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {0} code")]
pub struct UnknownCode(pub &'static str);

/// Enums whose values are stored and sent as short texts.
macro_rules! text_codes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $code:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$value_doc])* $value,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value,)*];

            /// The code as stored.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $code,)*
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownCode;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($code => Ok(Self::$value),)*
                    _ => Err(UnknownCode(stringify!($name))),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

pub(super) use text_codes;

text_codes! {
    /// Whether an account may be used (I5: anything but active gets no token and no session).
    PersonStatus {
        /// In use.
        Active = "active",
        /// Stopped for a reason that may end (Decree 69/2024 art. 15).
        Locked = "locked",
        /// Ended for good.
        Closed = "closed",
        /// The register says that the person has died.
        Deceased = "deceased",
    }

    /// What the population register last said about a person.
    RegisterState {
        /// Number, name and birth date agreed.
        Verified = "verified",
        /// The register has not been asked with success yet.
        Pending = "pending",
        /// The register answered, and something did not agree.
        Mismatch = "mismatch",
        /// An answer that tells nothing, such as a broken one.
        Unknown = "unknown",
    }

    /// Gender as the register states it.
    Gender {
        /// Male.
        Male = "male",
        /// Female.
        Female = "female",
    }

    /// Civil status as the population data carries it.
    LegalState {
        /// Living.
        Alive = "alive",
        /// Dead.
        Deceased = "deceased",
        /// Declared missing.
        Missing = "missing",
    }
}

/// A number that is no level of its scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no level of this scale")]
pub struct NoSuchLevel(pub u8);

macro_rules! levels {
    ($($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $number:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "u8", try_from = "u8")]
        pub enum $name {
            $($(#[$value_doc])* $value,)*
        }

        impl $name {
            /// Every level, lowest first.
            pub const ALL: &'static [Self] = &[$(Self::$value,)*];

            /// The number of the level.
            pub const fn as_u8(self) -> u8 {
                match self {
                    $(Self::$value => $number,)*
                }
            }
        }

        impl From<$name> for u8 {
            fn from(level: $name) -> u8 {
                level.as_u8()
            }
        }

        impl TryFrom<u8> for $name {
            type Error = NoSuchLevel;
            fn try_from(number: u8) -> Result<Self, Self::Error> {
                match number {
                    $($number => Ok(Self::$value),)*
                    other => Err(NoSuchLevel(other)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.as_u8())
            }
        }
    )*};
}

levels! {
    /// How the person was proven: a property of the account (Decree 69/2024 art. 7). Not to be mixed with
    /// [`AuthenticationLevel`].
    IdentityLevel {
        /// Not proven.
        Zero = 0,
        /// Matched with the population register from afar.
        One = 1,
        /// Proven in person.
        Two = 2,
    }

    /// How this sign-in was done (Decree 69/2024 art. 20). Not to be mixed with [`IdentityLevel`].
    AuthenticationLevel {
        /// One factor.
        One = 1,
        /// Two different factors, no biometric information.
        Two = 2,
        /// Two or more factors, one of them biometric information.
        Three = 3,
        /// Biometric information, something owned and something known.
        Four = 4,
    }
}

/// The only fields we keep of a population register's answer. Ethnicity, religion, blood group, family and address
/// are dropped by the connector before they are stored or logged (Law 91/2025 art. 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationRecord {
    /// The number the register answered for.
    pub number: PersonalNumber,
    /// The whole name in one field.
    pub full_name: FullName,
    /// Birth date, to the precision the register knows.
    pub birth_date: BirthDate,
    /// `None` when the register does not say.
    pub gender: Option<Gender>,
    /// Alive, deceased or missing.
    pub legal_state: LegalState,
    /// The number set anew after this one was cancelled (Decree 70/2024 art. 11(7)).
    pub replaced_by: Option<PersonalNumber>,
}

impl PopulationRecord {
    /// The number that is valid now: the one set anew, if there is one.
    pub fn number_in_force(&self) -> &PersonalNumber {
        self.replaced_by.as_ref().unwrap_or(&self.number)
    }
}

/// Ids of an exchange with a register, kept as evidence of what was asked and answered (X-Road REST r1 4.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeEvidence {
    /// `X-Road-Request-Id`: made by the security server.
    pub request_id: String,
    /// `X-Road-Id`: made by us.
    pub message_id: String,
    /// `X-Road-Request-Hash`: ties the answer to the request.
    pub request_hash: String,
    /// The service asked, such as `instance/class/code/subsystem/service`.
    pub service: String,
    /// When the answer was true: online data is good at that moment (Decree 47/2020 art. 41).
    pub as_of: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_in_text_and_in_serde() {
        for status in PersonStatus::ALL {
            assert_eq!(status.as_str().parse::<PersonStatus>().unwrap(), *status);
            assert_eq!(serde_json::to_string(status).unwrap(), format!("\"{status}\""));
        }
        for state in RegisterState::ALL {
            assert_eq!(serde_json::to_string(state).unwrap(), format!("\"{}\"", state.as_str()));
        }
        assert_eq!("ACTIVE".parse::<PersonStatus>(), Err(UnknownCode("PersonStatus")));
        assert_eq!("missing".parse::<LegalState>().unwrap(), LegalState::Missing);
        assert_eq!("female".parse::<Gender>().unwrap(), Gender::Female);
    }

    #[test]
    fn levels_are_ordered_numbers_of_their_own_scale() {
        assert!(IdentityLevel::Zero < IdentityLevel::Two);
        assert!(AuthenticationLevel::One < AuthenticationLevel::Four);
        assert_eq!(AuthenticationLevel::try_from(0), Err(NoSuchLevel(0)));
        assert_eq!(AuthenticationLevel::try_from(5), Err(NoSuchLevel(5)));
        assert_eq!(IdentityLevel::try_from(3), Err(NoSuchLevel(3)));
        for level in AuthenticationLevel::ALL {
            assert_eq!(AuthenticationLevel::try_from(level.as_u8()), Ok(*level));
        }
        assert_eq!(serde_json::to_string(&IdentityLevel::Two).unwrap(), "2");
        assert!(serde_json::from_str::<IdentityLevel>("7").is_err());
    }

    #[test]
    fn i17_a_population_record_hides_name_number_and_birth_date() {
        let record = PopulationRecord {
            number: PersonalNumber::parse("001000999901").unwrap(),
            full_name: FullName::parse("Nguyễn Văn Canh").unwrap(),
            birth_date: BirthDate::parse_claim("1900-03-12").unwrap(),
            gender: Some(Gender::Male),
            legal_state: LegalState::Alive,
            replaced_by: None,
        };
        let shown = format!("{record:?}");
        for canary in ["001000999901", "Canh", "1900"] {
            assert!(!shown.contains(canary), "{shown}");
        }
    }

    #[test]
    fn the_number_set_anew_is_in_force() {
        let old = PersonalNumber::parse("001000999901").unwrap();
        let new = PersonalNumber::parse("079101999902").unwrap();
        let mut record = PopulationRecord {
            number: old.clone(),
            full_name: FullName::parse("An").unwrap(),
            birth_date: BirthDate::Year(1901),
            gender: None,
            legal_state: LegalState::Alive,
            replaced_by: None,
        };
        assert_eq!(record.number_in_force(), &old);
        record.replaced_by = Some(new.clone());
        assert_eq!(record.number_in_force(), &new);
    }
}
