//! A birth date with its precision: some people's records hold a year only, and no day is invented for them.

use super::FormatError;
use std::fmt;
use time::{Date, Month};

/// A birth date as precise as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum BirthDate {
    /// The whole date.
    Day(Date),
    /// The year only.
    Year(i32),
}

/// No one alive was born longer ago, in years.
const LONGEST_LIFE: i32 = 150;

impl BirthDate {
    /// From the three fields of a form; day and month both left empty mean that only the year is known.
    ///
    /// # Errors
    /// `Empty` (no year, or one of day and month), `Character`, `Length` (a year that has not four digits),
    /// `NoSuchDate`, `Future`, `TooLongAgo`.
    pub fn from_form(day: &str, month: &str, year: &str, today: Date) -> Result<Self, FormatError> {
        let (day, month, year) = (day.trim(), month.trim(), year.trim());
        if year.is_empty() || day.is_empty() != month.is_empty() {
            return Err(FormatError::Empty);
        }
        let year_number = digits(year)?;
        if year.len() != 4 {
            return Err(FormatError::Length);
        }
        let year = i32::from(year_number);
        let birth =
            if day.is_empty() { Self::Year(year) } else { Self::Day(date(year, digits(month)?, digits(day)?)?) };
        let future = match birth {
            Self::Day(date) => date > today,
            Self::Year(year) => year > today.year(),
        };
        if future {
            return Err(FormatError::Future);
        }
        if birth.year() < today.year() - LONGEST_LIFE {
            return Err(FormatError::TooLongAgo);
        }
        Ok(birth)
    }

    /// The `birthdate` claim: `1950-03-12`, or `1950` when only the year is known (OpenID Connect Core 5.1).
    pub fn to_claim(&self) -> String {
        match self {
            Self::Day(date) => format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day()),
            Self::Year(year) => format!("{year:04}"),
        }
    }

    /// Reads what [`BirthDate::to_claim`] writes.
    ///
    /// # Errors
    /// `Empty`, `Length`, `Character`, `Structure` or `NoSuchDate`.
    pub fn parse_claim(text: &str) -> Result<Self, FormatError> {
        match text.split('-').collect::<Vec<_>>().as_slice() {
            [""] => Err(FormatError::Empty),
            [year] => {
                let number = digits(year)?;
                if year.len() == 4 && number > 0 { Ok(Self::Year(i32::from(number))) } else { Err(FormatError::Length) }
            }
            [year, month, day] => {
                let (year_number, month_number, day_number) = (digits(year)?, digits(month)?, digits(day)?);
                if year.len() != 4 || month.len() != 2 || day.len() != 2 || year_number == 0 {
                    return Err(FormatError::Length);
                }
                date(i32::from(year_number), month_number, day_number).map(Self::Day)
            }
            _ => Err(FormatError::Structure),
        }
    }

    /// The year, known at either precision.
    pub const fn year(&self) -> i32 {
        match self {
            Self::Day(date) => date.year(),
            Self::Year(year) => *year,
        }
    }

    /// Whether a claimed birth date agrees with the register's. At equal precision both must be equal; a register that
    /// knows the year only is agreed with by the year. A claim of the year alone does not match a register that knows
    /// the day: that would be guessing with less.
    pub fn matches(&self, register: &Self) -> bool {
        match (self, register) {
            (_, Self::Year(year)) => self.year() == *year,
            (Self::Day(claimed), Self::Day(known)) => claimed == known,
            (Self::Year(_), Self::Day(_)) => false,
        }
    }

    /// Full years on `date`; zero before birth. When only the year is known this is the age that is certain: the
    /// person may have been born on its last day.
    pub fn age_on(&self, date: Date) -> u16 {
        let years = date.year() - self.year();
        let had_birthday = match self {
            Self::Day(birth) => (date.month() as u8, date.day()) >= (birth.month() as u8, birth.day()),
            Self::Year(_) => (date.month() as u8, date.day()) >= (12, 31),
        };
        u16::try_from(years - i32::from(!had_birthday)).unwrap_or(0)
    }
}

/// One to four ASCII digits.
fn digits(text: &str) -> Result<u16, FormatError> {
    if text.is_empty() {
        return Err(FormatError::Empty);
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(FormatError::Character);
    }
    if text.len() > 4 {
        return Err(FormatError::Length);
    }
    text.parse().map_err(|_| FormatError::Length)
}

fn date(year: i32, month: u16, day: u16) -> Result<Date, FormatError> {
    let month = u8::try_from(month).ok().and_then(|m| Month::try_from(m).ok()).ok_or(FormatError::NoSuchDate)?;
    let day = u8::try_from(day).map_err(|_| FormatError::NoSuchDate)?;
    Date::from_calendar_date(year, month, day).map_err(|_| FormatError::NoSuchDate)
}

impl serde::Serialize for BirthDate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_claim())
    }
}

impl<'de> serde::Deserialize<'de> for BirthDate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        Self::parse_claim(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day(_) => "BirthDate::Day([hidden])",
            Self::Year(_) => "BirthDate::Year([hidden])",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::date;

    const TODAY: Date = date!(2026 - 11 - 20);

    fn form(day: &str, month: &str, year: &str) -> Result<BirthDate, FormatError> {
        BirthDate::from_form(day, month, year, TODAY)
    }

    #[test]
    fn forms_give_a_day_or_a_year() {
        assert_eq!(form("12", "3", "1950"), Ok(BirthDate::Day(date!(1950 - 03 - 12))));
        assert_eq!(form(" 02 ", " 03", "1950 "), Ok(BirthDate::Day(date!(1950 - 03 - 02))));
        assert_eq!(form("", " ", "1950"), Ok(BirthDate::Year(1950)));
        assert_eq!(form("29", "2", "2024"), Ok(BirthDate::Day(date!(2024 - 02 - 29))));
        assert_eq!(form("20", "11", "2026"), Ok(BirthDate::Day(TODAY)));
        assert_eq!(form("", "", "2026"), Ok(BirthDate::Year(2026)));
    }

    #[test]
    fn forms_say_what_is_wrong() {
        for (day, month, year, error) in [
            ("", "", "", FormatError::Empty),
            ("12", "", "1950", FormatError::Empty),
            ("", "3", "1950", FormatError::Empty),
            ("12", "3", "50", FormatError::Length),
            ("12", "3", "01950", FormatError::Length),
            ("12", "3", "+950", FormatError::Character),
            ("١٢", "3", "1950", FormatError::Character),
            ("１２", "3", "1950", FormatError::Character),
            ("12", "March", "1950", FormatError::Character),
            ("31", "4", "1950", FormatError::NoSuchDate),
            ("29", "2", "1900", FormatError::NoSuchDate),
            ("0", "1", "1950", FormatError::NoSuchDate),
            ("256", "1", "1950", FormatError::NoSuchDate),
            ("1", "13", "1950", FormatError::NoSuchDate),
            ("1", "256", "1950", FormatError::NoSuchDate),
            ("21", "11", "2026", FormatError::Future),
            ("", "", "2027", FormatError::Future),
            ("1", "1", "1875", FormatError::TooLongAgo),
            ("", "", "0000", FormatError::TooLongAgo),
        ] {
            assert_eq!(form(day, month, year), Err(error), "{day:?} {month:?} {year:?}");
        }
        assert!(form("", "", "1876").is_ok());
    }

    #[test]
    fn claims_keep_the_precision() {
        assert_eq!(BirthDate::Day(date!(1950 - 03 - 12)).to_claim(), "1950-03-12");
        assert_eq!(BirthDate::Year(1950).to_claim(), "1950");
        for text in [
            "",
            "50",
            "1950-3-12",
            "1950-03",
            "1950-03-12-01",
            "1950-02-30",
            "0000",
            "0000-03-12",
            "19500312",
            "-1950",
            "1950-03-1x",
            "195０",
        ] {
            assert!(BirthDate::parse_claim(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn matching_goes_by_the_registers_precision() {
        let day = BirthDate::Day(date!(1950 - 03 - 12));
        let other_day = BirthDate::Day(date!(1950 - 12 - 03));
        let new_year = BirthDate::Day(date!(1950 - 01 - 01));
        let (year, other_year) = (BirthDate::Year(1950), BirthDate::Year(1951));
        assert!(day.matches(&day));
        assert!(!day.matches(&other_day));
        assert!(year.matches(&year));
        assert!(!year.matches(&other_year));
        assert!(day.matches(&year));
        assert!(!day.matches(&other_year));
        assert!(!year.matches(&day));
        // No first of January is invented on either side.
        assert!(!year.matches(&new_year));
    }

    #[test]
    fn ages_are_full_years_and_certain_ones_when_only_the_year_is_known() {
        let birth = BirthDate::Day(date!(2012 - 02 - 29));
        assert_eq!(birth.age_on(date!(2026 - 02 - 28)), 13);
        assert_eq!(birth.age_on(date!(2026 - 03 - 01)), 14);
        assert_eq!(birth.age_on(date!(2011 - 01 - 01)), 0);
        let year = BirthDate::Year(2012);
        assert_eq!(year.age_on(date!(2026 - 12 - 30)), 13);
        assert_eq!(year.age_on(date!(2026 - 12 - 31)), 14);
    }

    #[test]
    fn i17_debug_hides_the_date_and_serde_is_the_claim() {
        let birth = BirthDate::Day(date!(1950 - 03 - 12));
        assert!(!format!("{birth:?} {:?}", BirthDate::Year(1950)).contains("1950"));
        assert_eq!(serde_json::to_string(&birth).unwrap(), "\"1950-03-12\"");
        assert_eq!(serde_json::from_str::<BirthDate>("\"1950\"").unwrap(), BirthDate::Year(1950));
        assert!(serde_json::from_str::<BirthDate>("1950").is_err());
    }

    proptest! {
        #[test]
        fn claims_round_trip(julian in 2_415_021i32..2_500_000, year_only: bool) {
            let date = Date::from_julian_day(julian).unwrap();
            let birth = if year_only { BirthDate::Year(date.year()) } else { BirthDate::Day(date) };
            prop_assert_eq!(BirthDate::parse_claim(&birth.to_claim()), Ok(birth));
        }

        #[test]
        fn no_input_makes_parsing_panic(text in any::<String>()) {
            let _ = BirthDate::parse_claim(&text);
            let _ = BirthDate::from_form(&text, &text, &text, TODAY);
        }
    }
}
