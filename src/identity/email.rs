//! E-mail addresses: for notices only, never a factor.

use super::FormatError;
use super::format_error::serde_as_text;
use std::fmt;

/// An ASCII address of the plain form `local@domain`; the domain is kept in lower case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// A sane check, not the whole of RFC 5322: one `@`, at most 64 and 254 bytes (RFC 5321 4.5.3.1), ASCII, no quoted
    /// local part, a domain of at least two labels.
    ///
    /// # Errors
    /// `Empty`, `Length`, `Character` or `Structure`.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(FormatError::Empty);
        }
        if text.len() > 254 {
            return Err(FormatError::Length);
        }
        let (local, domain) = text.split_once('@').ok_or(FormatError::Structure)?;
        if domain.contains('@') {
            return Err(FormatError::Structure);
        }
        if !local.bytes().all(is_local) || !domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        {
            return Err(FormatError::Character);
        }
        if local.is_empty() || local.len() > 64 {
            return Err(FormatError::Length);
        }
        if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
            return Err(FormatError::Structure);
        }
        let labels: Vec<&str> = domain.split('.').collect();
        if labels.len() < 2 || !labels.iter().all(|label| is_label(label)) {
            return Err(FormatError::Structure);
        }
        Ok(Self(format!("{local}@{}", domain.to_ascii_lowercase())))
    }

    /// The address. Every call is a place to check that it does not reach a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// First letter and domain, such as `h•••@example.vn`.
    pub fn masked(&self) -> String {
        let first: String = self.0.chars().take(1).collect();
        let domain = self.0.split_once('@').map_or("", |(_, domain)| domain);
        format!("{first}•••@{domain}")
    }
}

fn is_local(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b)
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
}

serde_as_text!(EmailAddress);

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress([hidden])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_are_kept_with_a_lower_case_domain() {
        let address = EmailAddress::parse(" Hoa.Nguyen+dvc@Example.VN ").unwrap();
        assert_eq!(address.as_str(), "Hoa.Nguyen+dvc@example.vn");
        assert_eq!(address.masked(), "H•••@example.vn");
        assert_eq!(format!("{address:?}"), "EmailAddress([hidden])");
    }

    #[test]
    fn o7_two_at_signs_are_refused() {
        assert_eq!(EmailAddress::parse("a@gov.example@evil.example"), Err(FormatError::Structure));
    }

    #[test]
    fn t1_look_alike_letters_are_refused() {
        assert_eq!(EmailAddress::parse("quac\u{212a}@example.vn"), Err(FormatError::Character));
        assert_eq!(EmailAddress::parse("quac@exampl\u{0435}.vn"), Err(FormatError::Character));
    }

    #[test]
    fn broken_addresses_are_refused() {
        for (text, error) in [
            ("", FormatError::Empty),
            ("hoa", FormatError::Structure),
            ("@example.vn", FormatError::Length),
            ("hoa@example", FormatError::Structure),
            ("hoa@.vn", FormatError::Structure),
            ("hoa@-a.vn", FormatError::Structure),
            (".hoa@example.vn", FormatError::Structure),
            ("h..a@example.vn", FormatError::Structure),
            ("ho a@example.vn", FormatError::Character),
            ("hoa@example.vn\r\nBcc: x@y.vn", FormatError::Structure),
            ("hoa@exam\nple.vn", FormatError::Character),
        ] {
            assert_eq!(EmailAddress::parse(text), Err(error), "{text:?}");
        }
        assert_eq!(EmailAddress::parse(&format!("{}@example.vn", "a".repeat(65))), Err(FormatError::Length));
        assert_eq!(EmailAddress::parse(&format!("a@{}vn", "abcdefgh.".repeat(30))), Err(FormatError::Length));
    }
}
