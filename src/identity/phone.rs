//! Vietnamese mobile numbers, the ones a code can be sent to.

use super::FormatError;
use super::format_error::{serde_as_text, without_separators};
use std::fmt;

/// A mobile number in E.164 form, such as `+84912345678`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Reads a number as people type it: `0912 345 678`, `+84 912.345.678`, `0084…`, `84…`.
    ///
    /// # Errors
    /// `Empty`, `Character`, `Length`, or `NotMobile` (a fixed line or another country).
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let bare = without_separators(text);
        if bare.is_empty() {
            return Err(FormatError::Empty);
        }
        let (international, digits) = match bare.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => match bare.strip_prefix("00") {
                Some(rest) => (true, rest),
                None => (false, bare.as_str()),
            },
        };
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(FormatError::Character);
        }
        let subscriber = match (international, digits.strip_prefix("84"), digits.strip_prefix('0')) {
            (true, Some(rest), _) => rest.strip_prefix('0').unwrap_or(rest),
            (true, None, _) => return Err(FormatError::NotMobile),
            (false, _, Some(rest)) => rest,
            (false, Some(rest), None) if digits.len() == 11 => rest,
            (false, _, None) => return Err(FormatError::NotMobile),
        };
        if subscriber.len() != 9 {
            return Err(FormatError::Length);
        }
        if !subscriber.starts_with(['3', '5', '7', '8', '9']) {
            return Err(FormatError::NotMobile);
        }
        Ok(Self(format!("+84{subscriber}")))
    }

    /// The E.164 form. Every call is a place to check that it does not reach a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As written inside Vietnam: `0912 345 678`.
    pub fn national(&self) -> String {
        let mut text = String::with_capacity(12);
        text.push('0');
        for (place, c) in self.0.chars().skip(3).enumerate() {
            if place == 3 || place == 6 {
                text.push(' ');
            }
            text.push(c);
        }
        text
    }

    /// First two and last two digits, such as `09•• ••• •78`: for a browser that is recognised only.
    pub fn masked(&self) -> String {
        let hidden = |(place, c): (usize, char)| if c == ' ' || !(2..10).contains(&place) { c } else { '•' };
        self.national().chars().enumerate().map(hidden).collect()
    }
}

serde_as_text!(PhoneNumber);

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber([hidden])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_usual_spelling_is_one_number() {
        for text in [
            "0912345678",
            "0912 345 678",
            "091-234.5678",
            "+84912345678",
            "+84 912 345 678",
            "+84 0912345678",
            "84912345678",
            "0084912345678",
            " 0912345678\u{00A0}",
        ] {
            assert_eq!(PhoneNumber::parse(text).unwrap().as_str(), "+84912345678", "{text}");
        }
    }

    #[test]
    fn what_cannot_receive_a_code_is_refused() {
        for (text, error) in [
            ("", FormatError::Empty),
            (" - ", FormatError::Empty),
            ("091234567", FormatError::Length),
            ("09123456789", FormatError::Length),
            ("0243 825 3531", FormatError::Length),
            ("0243825353", FormatError::NotMobile),
            ("+33612345678", FormatError::NotMobile),
            ("+1 201 555 0123", FormatError::NotMobile),
            ("912345678", FormatError::NotMobile),
            ("001000999901", FormatError::NotMobile),
            ("0912345a78", FormatError::Character),
            ("０912345678", FormatError::Character),
            ("٠912345678", FormatError::Character),
            ("++84912345678", FormatError::Character),
            ("0912345678;ext=1", FormatError::Character),
        ] {
            assert_eq!(PhoneNumber::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn shown_forms() {
        let phone = PhoneNumber::parse("0912345678").unwrap();
        assert_eq!(phone.national(), "0912 345 678");
        assert_eq!(phone.masked(), "09•• ••• •78");
        assert_eq!(format!("{phone:?}"), "PhoneNumber([hidden])");
        assert_eq!(serde_json::to_string(&phone).unwrap(), "\"+84912345678\"");
    }

    proptest! {
        #[test]
        fn stored_and_national_forms_read_back(subscriber in "[35789][0-9]{8}") {
            let phone = PhoneNumber::parse(&format!("0{subscriber}")).unwrap();
            prop_assert_eq!(PhoneNumber::parse(phone.as_str()).unwrap(), phone.clone());
            prop_assert_eq!(PhoneNumber::parse(&phone.national()).unwrap(), phone);
        }

        #[test]
        fn no_input_makes_parsing_panic(text in any::<String>()) {
            let _ = PhoneNumber::parse(&text);
        }
    }
}
