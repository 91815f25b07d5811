//! Tax codes of organizations, which are also their enterprise codes (Circular 105/2020 art. 5).

use super::FormatError;
use super::format_error::serde_as_text;
use std::fmt;

/// Ten digits for an independent unit, thirteen for a dependent one. Kept without the dash, shown with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaxCode(String);

/// Something odd about a code; the register of enterprises decides whether it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaxCodeWarning {
    /// The tenth digit does not fit the nine before it.
    CheckDigit,
    /// The sequence N3..N9 starts at 0000001.
    SequenceZero,
    /// The suffix of a dependent unit runs from 001.
    BranchZero,
}

/// Why [`TaxCode::strict_check`] refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaxCodeFault {
    /// Not written as a tax code.
    Format(FormatError),
    /// Written as one, but odd.
    Odd(TaxCodeWarning),
}

impl TaxCodeFault {
    /// The reason as test vectors and audit rows name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Format(_) => "format",
            Self::Odd(TaxCodeWarning::CheckDigit) => "check_digit",
            Self::Odd(TaxCodeWarning::SequenceZero) => "sequence_zero",
            Self::Odd(TaxCodeWarning::BranchZero) => "branch_zero",
        }
    }
}

const WEIGHTS: [u16; 9] = [31, 29, 23, 19, 17, 13, 7, 5, 3];

impl TaxCode {
    /// Reads a code as people type it: spaces and dots are dropped first. The dash stays where it is, because its
    /// place tells a suffix.
    ///
    /// # Errors
    /// As [`TaxCode::from_exact`].
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        Self::from_exact(&text.chars().filter(|c| !c.is_whitespace() && *c != '.').collect::<String>())
    }

    /// Takes exactly ten digits, or ten and three with or without a dash between.
    ///
    /// # Errors
    /// `Empty`, `Character`, `Length` or `Structure` (a dash in another place).
    pub fn from_exact(raw: &str) -> Result<Self, FormatError> {
        if raw.is_empty() {
            return Err(FormatError::Empty);
        }
        if !raw.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            return Err(FormatError::Character);
        }
        let digits: String = match raw.split_once('-') {
            Some((unit, suffix)) if unit.len() == 10 && suffix.len() == 3 && !suffix.contains('-') => {
                format!("{unit}{suffix}")
            }
            Some(_) => return Err(FormatError::Structure),
            None => raw.to_owned(),
        };
        if matches!(digits.len(), 10 | 13) { Ok(Self(digits)) } else { Err(FormatError::Length) }
    }

    /// The code exactly as written, refused when anything about it is odd.
    ///
    /// # Errors
    /// The first fault found.
    pub fn strict_check(raw: &str) -> Result<Self, TaxCodeFault> {
        let code = Self::from_exact(raw).map_err(TaxCodeFault::Format)?;
        match code.warnings().first() {
            Some(warning) => Err(TaxCodeFault::Odd(*warning)),
            None => Ok(code),
        }
    }

    /// The digits without a dash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code of the unit this one depends on, or itself.
    pub fn unit(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }

    /// The suffix of a dependent unit.
    pub fn branch(&self) -> Option<&str> {
        self.0.get(10..).filter(|suffix| !suffix.is_empty())
    }

    /// What is odd about the code; empty for a well-made one.
    pub fn warnings(&self) -> Vec<TaxCodeWarning> {
        let mut found = Vec::new();
        let digits = || self.0.bytes().map(|b| u16::from(b - b'0'));
        let sum: u16 = digits().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
        // A result of 10 has no digit: such codes are never issued.
        if digits().nth(9) != Some(10 - sum % 11) {
            found.push(TaxCodeWarning::CheckDigit);
        }
        if digits().skip(2).take(7).all(|digit| digit == 0) {
            found.push(TaxCodeWarning::SequenceZero);
        }
        if self.branch() == Some("000") {
            found.push(TaxCodeWarning::BranchZero);
        }
        found
    }
}

serde_as_text!(TaxCode);

impl fmt::Display for TaxCode {
    /// With the dash: `0199999014-001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.unit())?;
        self.branch().map_or(Ok(()), |branch| write!(f, "-{branch}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::test_vectors::vectors;
    use proptest::prelude::*;

    #[test]
    fn every_vector_is_reproduced_raw() {
        let rows = vectors("tax_code");
        assert_eq!(rows.len(), 40);
        for row in rows {
            let reason = match TaxCode::strict_check(&row.value) {
                Ok(_) => "ok",
                Err(fault) => fault.code(),
            };
            assert_eq!(reason, row.reason, "{:?}: {}", row.value, row.note);
            assert_eq!(reason == "ok", row.expect == "valid", "{:?}", row.value);
        }
    }

    #[test]
    fn vectors_marked_normalise_first_are_valid_after_parsing_and_no_other_format_fault_is() {
        let mut normalised = 0;
        for row in vectors("tax_code").into_iter().filter(|row| row.reason == "format") {
            let parsed = TaxCode::parse(&row.value);
            if row.note.contains("normalise first") {
                normalised += 1;
                let code = parsed.unwrap();
                assert_eq!(code.as_str(), "0199999014");
                assert!(code.warnings().is_empty());
            } else {
                assert!(parsed.is_err(), "{:?}", row.value);
            }
        }
        assert_eq!(normalised, 2);
    }

    #[test]
    fn a_dependent_unit_is_shown_with_a_dash() {
        let code = TaxCode::parse("0399999036002").unwrap();
        assert_eq!(
            (code.to_string().as_str(), code.unit(), code.branch()),
            ("0399999036-002", "0399999036", Some("002"))
        );
        assert_eq!(TaxCode::parse("0399999036").unwrap().branch(), None);
    }

    proptest! {
        #[test]
        fn at_most_one_check_digit_is_right(prefix in "[0-9]{9}") {
            let right = (0..10).filter(|d| {
                let code = TaxCode::from_exact(&format!("{prefix}{d}")).unwrap();
                !code.warnings().contains(&TaxCodeWarning::CheckDigit)
            }).count();
            prop_assert!(right <= 1);
        }
    }
}
