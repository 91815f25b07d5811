//! The personal identification number of a citizen (Law on Identification art. 12).

use super::format_error::{serde_as_text, without_separators};
use super::{FormatError, Gender, place_code};
use std::fmt;

/// Twelve ASCII digits: place of birth registration (3), century and sex (1), year (2), random (6). No check digit.
///
/// Numbers with a wrong structure were issued, so structure only warns; the population register decides.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonalNumber(String);

/// Something odd about a number that nevertheless may have been issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberWarning {
    /// The first three digits are no place we know of.
    PlaceCode,
    /// The year of birth it implies has not come yet.
    FutureYear,
}

/// Why [`PersonalNumber::strict_check`] refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberFault {
    /// Not twelve ASCII digits, exactly as written.
    Format(FormatError),
    /// Twelve digits, but odd.
    Odd(NumberWarning),
}

impl NumberFault {
    /// The reason as test vectors and audit rows name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Format(_) => "format",
            Self::Odd(NumberWarning::PlaceCode) => "place_code",
            Self::Odd(NumberWarning::FutureYear) => "future_year",
        }
    }
}

impl PersonalNumber {
    /// How many digits.
    pub const LENGTH: usize = 12;

    /// Reads a number as people type it: spaces, dots and hyphens are dropped first.
    ///
    /// # Errors
    /// As [`PersonalNumber::from_exact`].
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        Self::from_exact(&without_separators(text))
    }

    /// Takes exactly twelve ASCII digits.
    ///
    /// # Errors
    /// `Empty`, `Character` (letters, signs, full-width or Arabic digits) or `Length`.
    pub fn from_exact(raw: &str) -> Result<Self, FormatError> {
        if raw.is_empty() {
            return Err(FormatError::Empty);
        }
        if !raw.bytes().all(|b| b.is_ascii_digit()) {
            return Err(FormatError::Character);
        }
        if raw.len() != Self::LENGTH {
            return Err(FormatError::Length);
        }
        Ok(Self(raw.to_owned()))
    }

    /// The number exactly as written, refused when anything about it is odd: for imports and test data, never for
    /// people, whose number the register confirms.
    ///
    /// # Errors
    /// The first fault found.
    pub fn strict_check(raw: &str, today: time::Date) -> Result<Self, NumberFault> {
        let number = Self::from_exact(raw).map_err(NumberFault::Format)?;
        match number.warnings(today).first() {
            Some(warning) => Err(NumberFault::Odd(*warning)),
            None => Ok(number),
        }
    }

    /// The twelve digits. Every call is a place to check that they do not reach a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// First three and last two digits, such as `001•••••••01`: enough for its owner to recognise.
    pub fn masked(&self) -> String {
        let first: String = self.0.chars().take(3).collect();
        let last: String = self.0.chars().skip(Self::LENGTH - 2).collect();
        format!("{first}•••••••{last}")
    }

    /// What is odd about the number; empty for a well-made one.
    pub fn warnings(&self, today: time::Date) -> Vec<NumberWarning> {
        let mut found = Vec::new();
        let place = self.0.bytes().take(3).fold(0u16, |sum, b| sum * 10 + u16::from(b - b'0'));
        if !place_code::is_known(place) {
            found.push(NumberWarning::PlaceCode);
        }
        if self.implied_birth_year() > today.year() {
            found.push(NumberWarning::FutureYear);
        }
        found
    }

    /// The sex the fourth digit implies (Decree 137/2015 art. 13): even male, odd female.
    pub fn implied_sex(&self) -> Gender {
        if self.digit(3).is_multiple_of(2) { Gender::Male } else { Gender::Female }
    }

    /// The year of birth that digits four to six imply: 1900 + 100 for each two of the fourth digit.
    pub fn implied_birth_year(&self) -> i32 {
        1900 + 100 * i32::from(self.digit(3) / 2) + 10 * i32::from(self.digit(4)) + i32::from(self.digit(5))
    }

    fn digit(&self, place: usize) -> u8 {
        self.0.as_bytes().get(place).map_or(0, |b| b - b'0')
    }
}

serde_as_text!(PersonalNumber);

impl fmt::Debug for PersonalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonalNumber({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::test_vectors::{Vector, vectors};
    use time::macros::date;

    const TODAY: time::Date = date!(2026 - 11 - 20);

    #[test]
    fn every_vector_is_reproduced_raw() {
        let rows: Vec<Vector> = vectors("personal_number");
        assert_eq!(rows.len(), 40);
        for row in rows {
            let reason = match PersonalNumber::strict_check(&row.value, TODAY) {
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
        for row in vectors("personal_number").into_iter().filter(|row| row.reason == "format") {
            let parsed = PersonalNumber::parse(&row.value);
            if row.note.contains("normalise first") {
                normalised += 1;
                assert_eq!(parsed.unwrap().as_str(), "001000999901");
            } else {
                assert!(parsed.is_err(), "{:?}", row.value);
            }
        }
        assert_eq!(normalised, 2);
    }

    #[test]
    fn notes_of_the_vectors_agree_with_the_implied_sex_and_year() {
        for row in vectors("personal_number").into_iter().filter(|row| row.expect == "valid") {
            let number = PersonalNumber::parse(&row.value).unwrap();
            let female = row.note.contains("female");
            assert_eq!(number.implied_sex() == Gender::Female, female, "{}", row.note);
            assert!(row.note.contains(&number.implied_birth_year().to_string()), "{}", row.note);
        }
    }

    #[test]
    fn an_odd_number_still_parses_because_the_register_decides() {
        let number = PersonalNumber::parse("003.999.999-901").unwrap();
        assert_eq!(number.warnings(TODAY), vec![NumberWarning::PlaceCode, NumberWarning::FutureYear]);
    }

    #[test]
    fn i17_debug_shows_the_masked_form_only() {
        let number = PersonalNumber::parse("001000999901").unwrap();
        assert_eq!(number.masked(), "001•••••••01");
        assert_eq!(format!("{number:?}"), "PersonalNumber(001•••••••01)");
    }

    #[test]
    fn serde_refuses_what_parse_refuses() {
        let number: PersonalNumber = serde_json::from_str("\"001000999901\"").unwrap();
        assert_eq!(serde_json::to_string(&number).unwrap(), "\"001000999901\"");
        assert!(serde_json::from_str::<PersonalNumber>("\"00100099990\"").is_err());
    }
}
