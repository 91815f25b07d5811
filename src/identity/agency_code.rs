//! Electronic identification codes of bodies and organizations (Decision 20/2020/QD-TTg).

use super::format_error::serde_as_text;
use super::{FormatError, TaxCode};
use std::fmt;

/// A code in its present form. Older codes, which run from child to parent, are turned round when read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgencyCode(String);

/// Which scheme a code belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgencyKind {
    /// A state body: a letter A to Y, two digits, then groups from parent to child (art. 4).
    StateBody,
    /// An enterprise, cooperative or household business: its registration number (art. 5).
    Registered,
    /// Any other body: `Z01` to `Z99` and at most 32 characters (art. 6).
    Other,
}

const LIMIT: usize = 35;

impl AgencyCode {
    /// Reads either form; spaces round it are dropped. Letters must be upper-case, as they are in the law.
    ///
    /// # Errors
    /// `Empty`, `Length` (over 35 characters), `Character` or `Structure`.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(FormatError::Empty);
        }
        if text.len() > LIMIT {
            return Err(FormatError::Length);
        }
        if !text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-')) {
            return Err(FormatError::Character);
        }
        if let Some(turned) = turn_round(text) {
            return Ok(Self(turned));
        }
        if is_state_body(text) || is_other(text) {
            return Ok(Self(text.to_owned()));
        }
        match TaxCode::from_exact(text) {
            Ok(number) => Ok(Self(number.to_string())),
            Err(_) => Err(FormatError::Structure),
        }
    }

    /// The body named inside a procedure code such as `1.000656.000.00.00.H29`.
    ///
    /// # Errors
    /// `Structure` when the code does not end in a body code of the older form.
    pub fn from_procedure_code(text: &str) -> Result<Self, FormatError> {
        let mut parts = text.trim().splitn(3, '.');
        let is_number = |part: Option<&str>| {
            part.is_some_and(|p| !p.is_empty() && p.len() <= 8 && p.bytes().all(|b| b.is_ascii_digit()))
        };
        if !is_number(parts.next()) || !is_number(parts.next()) {
            return Err(FormatError::Structure);
        }
        parts.next().and_then(turn_round).map(Self).ok_or(FormatError::Structure)
    }

    /// The code as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which scheme it belongs to.
    pub fn kind(&self) -> AgencyKind {
        match self.0.bytes().next() {
            Some(b'Z') => AgencyKind::Other,
            Some(b) if b.is_ascii_uppercase() => AgencyKind::StateBody,
            _ => AgencyKind::Registered,
        }
    }

    /// The code of the body above, for a state body that is not of the first level.
    pub fn parent(&self) -> Option<Self> {
        if self.kind() != AgencyKind::StateBody {
            return None;
        }
        self.0.rsplit_once('.').map(|(parent, _)| Self(parent.to_owned()))
    }
}

/// `^[A-Y][0-9]{2}$`
fn is_first_level(group: &str) -> bool {
    matches!(group.as_bytes(), [b'A'..=b'Y', tens, units] if tens.is_ascii_digit() && units.is_ascii_digit())
}

/// `^[A-Y][0-9]{2}(\.[A-Z0-9]+)*$`
fn is_state_body(text: &str) -> bool {
    let mut groups = text.split('.');
    groups.next().is_some_and(is_first_level)
        && groups.all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
}

/// `^Z(0[1-9]|[1-9][0-9])[A-Z0-9]{1,32}$`
fn is_other(text: &str) -> bool {
    match text.as_bytes() {
        [b'Z', tens, units, rest @ ..] => {
            tens.is_ascii_digit()
                && units.is_ascii_digit()
                && (*tens, *units) != (b'0', b'0')
                && (1..=32).contains(&rest.len())
                && rest.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        }
        _ => false,
    }
}

/// The older form `000.00.00.H29` runs from child to parent and fills unused places with zeros.
fn turn_round(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split('.').collect();
    let [third, second, first, top] = groups.as_slice() else { return None };
    let is_number = |group: &str, length| group.len() == length && group.bytes().all(|b| b.is_ascii_digit());
    if !is_first_level(top) || !is_number(first, 2) || !is_number(second, 2) || !is_number(third, 3) {
        return None;
    }
    let mut turned = vec![*top, *first, *second, *third];
    while turned.last().is_some_and(|group| group.bytes().all(|b| b == b'0')) {
        turned.pop();
    }
    Some(turned.join("."))
}

serde_as_text!(AgencyCode);

impl fmt::Display for AgencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn present_forms_are_kept() {
        for (text, kind) in [
            ("H01", AgencyKind::StateBody),
            ("H01.02.03", AgencyKind::StateBody),
            ("A09.B7.015", AgencyKind::StateBody),
            ("Y99.1", AgencyKind::StateBody),
            ("Z01ABC123", AgencyKind::Other),
            ("Z9912345678901234567890123456789012", AgencyKind::Other),
            ("0199999014", AgencyKind::Registered),
            ("0199999014-001", AgencyKind::Registered),
        ] {
            let code = AgencyCode::parse(text).unwrap();
            assert_eq!((code.as_str(), code.kind()), (text, kind));
        }
        assert_eq!(AgencyCode::parse("0199999014001").unwrap().as_str(), "0199999014-001");
    }

    #[test]
    fn older_forms_are_turned_round() {
        for (text, stored) in [
            ("000.00.00.H29", "H29"),
            ("000.00.15.H29", "H29.15"),
            ("000.07.15.H29", "H29.15.07"),
            ("003.07.15.H29", "H29.15.07.003"),
            ("003.00.15.H29", "H29.15.00.003"),
        ] {
            assert_eq!(AgencyCode::parse(text).unwrap().as_str(), stored);
        }
        assert_eq!(AgencyCode::from_procedure_code("1.000656.000.00.00.H29").unwrap().as_str(), "H29");
        for text in ["", "1.000656", "H29", "1.000656.H29", "x.000656.000.00.00.H29", "1.000656.000.00.00.Z29"] {
            assert_eq!(AgencyCode::from_procedure_code(text), Err(FormatError::Structure), "{text}");
        }
    }

    #[test]
    fn faulty_codes_are_refused() {
        for (text, error) in [
            ("", FormatError::Empty),
            ("h01.02", FormatError::Character),
            ("H01.02.Đ", FormatError::Character),
            ("H1", FormatError::Structure),
            ("H01.", FormatError::Structure),
            ("H01..02", FormatError::Structure),
            ("H01.02-03", FormatError::Structure),
            ("HH1.02", FormatError::Structure),
            ("Z00ABC", FormatError::Structure),
            ("Z01", FormatError::Structure),
            ("Z01.ABC", FormatError::Structure),
            ("019999901", FormatError::Structure),
            ("H01.345678901234567890123456789012345", FormatError::Length),
        ] {
            assert_eq!(AgencyCode::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_parent_is_one_group_shorter() {
        let code = AgencyCode::parse("H01.02.03").unwrap();
        assert_eq!(code.parent().unwrap().as_str(), "H01.02");
        assert_eq!(AgencyCode::parse("H01").unwrap().parent(), None);
        assert_eq!(AgencyCode::parse("0199999014").unwrap().parent(), None);
    }

    proptest! {
        #[test]
        fn what_is_stored_reads_as_itself(text in "[A-Z][0-9]{2}(\\.[A-Z0-9]{1,4}){0,3}|[0-9]{3}\\.[0-9]{2}\\.[0-9]{2}\\.[A-Y][0-9]{2}") {
            if let Ok(code) = AgencyCode::parse(&text) {
                prop_assert_eq!(AgencyCode::parse(code.as_str()).unwrap(), code);
            }
        }
    }
}
