//! Request parameters, read strictly: `application/x-www-form-urlencoded` from a query or a body.

use super::{Error, ErrorCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// Most bytes of all parameters together, as sent.
pub const MAX_TOTAL_BYTES: usize = 16 * 1024;
/// Most bytes of one decoded value.
pub const MAX_VALUE_BYTES: usize = 4 * 1024;
/// Most bytes of a value that carries JSON or a token.
pub const MAX_LARGE_VALUE_BYTES: usize = 8 * 1024;
/// Most parameters of one request.
pub const MAX_COUNT: usize = 64;
/// Most bytes of a parameter's name.
const MAX_NAME_BYTES: usize = 128;

/// Values that may be larger than the rest.
const LARGE: &[&str] = &[
    "access_token",
    "authorization_details",
    "claims",
    "id_token_hint",
    "client_assertion",
    "request",
    "token",
    "subject_token",
    "actor_token",
];
/// Parameters of an authorization request: in a request object a text, or what [`Parameters::from_members`] allows.
const TEXTS: &[&str] = &[
    "acr_values",
    "authorization_details",
    "binding_message",
    "claims",
    "claims_locales",
    "client_id",
    "client_notification_token",
    "code_challenge",
    "code_challenge_method",
    "display",
    "dpop_jkt",
    "id_token_hint",
    "login_hint",
    "login_hint_token",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "registration",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "ui_locales",
    "user_code",
];
/// The parameters that may be repeated (RFC 8707 2, RFC 8693 2.1).
const REPEATABLE: &[&str] = &["resource", "audience"];

/// Why parameters were not accepted. Carries nothing of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// More than [`MAX_TOTAL_BYTES`].
    #[error("parameters_too_large")]
    TooLarge,
    /// More than [`MAX_COUNT`] parameters.
    #[error("too_many_parameters")]
    TooMany,
    /// A name or value is too long.
    #[error("parameter_too_long")]
    TooLong,
    /// `%` is not followed by two hexadecimal digits.
    #[error("bad_percent_encoding")]
    BadPercentEncoding,
    /// The decoded bytes are not UTF-8.
    #[error("parameter_not_utf8")]
    NotUtf8,
    /// A parameter was sent twice (RFC 6749 3.1: "MUST NOT be included more than once").
    #[error("repeated_parameter")]
    Repeated,
    /// NUL, CR or LF in a name or value (I4).
    #[error("control_character")]
    ControlCharacter,
    /// A member of a request object is of another JSON type than its parameter takes.
    #[error("parameter_type")]
    WrongType,
}

impl ParameterError {
    /// A stable name for log and audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "parameters_too_large",
            Self::TooMany => "too_many_parameters",
            Self::TooLong => "parameter_too_long",
            Self::BadPercentEncoding => "bad_percent_encoding",
            Self::NotUtf8 => "parameter_not_utf8",
            Self::Repeated => "repeated_parameter",
            Self::ControlCharacter => "control_character",
            Self::WrongType => "parameter_type",
        }
    }

    /// A fixed English text for developers.
    pub const fn description(self) -> &'static str {
        match self {
            Self::TooLarge => "The parameters are larger than 16 KiB together.",
            Self::TooMany => "There are more than 64 parameters.",
            Self::TooLong => "A parameter is longer than allowed.",
            Self::BadPercentEncoding => "A percent sign is not followed by two hexadecimal digits.",
            Self::NotUtf8 => "A parameter is not UTF-8.",
            Self::Repeated => "A parameter was sent more than once.",
            Self::ControlCharacter => "A parameter holds a NUL, CR or LF.",
            Self::WrongType => "A parameter is of another JSON type than it takes.",
        }
    }
}

impl From<ParameterError> for Error {
    fn from(error: ParameterError) -> Self {
        Self::new(ErrorCode::InvalidRequest, error.as_str(), error.description())
    }
}

/// Parameters of one request, in the order sent. `Debug` hides them: they carry codes, secrets and names of people.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Parameters {
    entries: Vec<(String, String)>,
}

impl Parameters {
    /// Reads a query or form body.
    ///
    /// # Errors
    /// [`ParameterError`] for everything that is not exactly one clear reading within the limits.
    pub fn parse(input: impl AsRef<[u8]>) -> Result<Self, ParameterError> {
        let input = input.as_ref();
        if input.len() > MAX_TOTAL_BYTES {
            return Err(ParameterError::TooLarge);
        }
        let mut entries: Vec<(String, String)> = Vec::new();
        for part in input.split(|b| *b == b'&').filter(|part| !part.is_empty()) {
            if entries.len() == MAX_COUNT {
                return Err(ParameterError::TooMany);
            }
            let mut halves = part.splitn(2, |b| *b == b'=');
            let name = form_decode(halves.next().unwrap_or_default())?;
            let value = form_decode(halves.next().unwrap_or_default())?;
            bounded(&name, &value)?;
            if !REPEATABLE.contains(&name.as_str()) && entries.iter().any(|(other, _)| *other == name) {
                return Err(ParameterError::Repeated);
            }
            entries.push((name, value));
        }
        Ok(Self { entries })
    }

    /// The parameters that a request object holds (RFC 9101 4): each a text, but for those that carry JSON of their own
    /// (OpenID Connect Core 6.1, RFC 9396 2), `max_age`, which may be a number, and `resource`, which may be a list.
    /// `skip` names members that are no parameters. Members of other types that no parameter here takes are left out, as
    /// unknown parameters are.
    ///
    /// # Errors
    /// [`ParameterError`]; [`ParameterError::WrongType`] for a parameter we know, written as another type.
    pub fn from_members(members: &Map<String, Value>, skip: &[&str]) -> Result<Self, ParameterError> {
        let mut entries: Vec<(String, String)> = Vec::new();
        for (name, value) in members.iter().filter(|(name, _)| !skip.contains(&name.as_str())) {
            match value {
                Value::String(text) => entries.push((name.clone(), text.clone())),
                Value::Number(number) if name == "max_age" && number.is_u64() => {
                    entries.push((name.clone(), number.to_string()));
                }
                // `registration` is taken in nowhere, and refused by its own error (Core 7.2.1).
                Value::Object(_) if ["claims", "registration"].contains(&name.as_str()) => {
                    entries.push((name.clone(), value.to_string()));
                }
                Value::Array(_) if name == "authorization_details" => entries.push((name.clone(), value.to_string())),
                Value::Array(list) if REPEATABLE.contains(&name.as_str()) => {
                    for one in list {
                        let text = one.as_str().ok_or(ParameterError::WrongType)?;
                        entries.push((name.clone(), text.to_owned()));
                    }
                }
                _ if TEXTS.contains(&name.as_str()) => return Err(ParameterError::WrongType),
                _ => {}
            }
        }
        if entries.len() > MAX_COUNT {
            return Err(ParameterError::TooMany);
        }
        if entries.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_TOTAL_BYTES {
            return Err(ParameterError::TooLarge);
        }
        entries.iter().try_for_each(|(name, value)| bounded(name, value))?;
        Ok(Self { entries })
    }

    /// The value of `name`; an empty one counts as absent (RFC 6749 3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.entries.iter().find(|(other, value)| other == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// Every non-empty value of a parameter that may be repeated.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter(move |(other, value)| other == name && !value.is_empty()).map(|(_, v)| v.as_str())
    }

    /// All but the named ones.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let entries = self.entries.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect();
        Self { entries }
    }

    /// Puts one in place of what is there under its name.
    pub fn set(&mut self, name: &str, value: &str) {
        self.entries.retain(|(other, _)| other != name);
        self.entries.push((name.to_owned(), value.to_owned()));
    }

    /// Whether `name` was sent at all, be it empty.
    pub fn is_present(&self, name: &str) -> bool {
        self.entries.iter().any(|(other, _)| other == name)
    }
}

fn bounded(name: &str, value: &str) -> Result<(), ParameterError> {
    let limit = if LARGE.contains(&name) { MAX_LARGE_VALUE_BYTES } else { MAX_VALUE_BYTES };
    if name.len() > MAX_NAME_BYTES || value.len() > limit {
        return Err(ParameterError::TooLong);
    }
    let controls = [name, value].into_iter().any(|text| text.contains(['\0', '\r', '\n']));
    if controls { Err(ParameterError::ControlCharacter) } else { Ok(()) }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameters({})", self.entries.len())
    }
}

/// Undoes `application/x-www-form-urlencoded` of one name or value (RFC 6749 appendix B), refusing what browsers repair.
///
/// # Errors
/// [`ParameterError::BadPercentEncoding`] and [`ParameterError::NotUtf8`].
pub(super) fn form_decode(input: &[u8]) -> Result<String, ParameterError> {
    let mut bytes = Vec::with_capacity(input.len());
    let mut rest = input.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = hex_digit(rest.next())?;
                let low = hex_digit(rest.next())?;
                (high << 4) | low
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| ParameterError::NotUtf8)
}

fn hex_digit(byte: Option<&u8>) -> Result<u8, ParameterError> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(letter @ b'a'..=b'f') => Ok(letter - b'a' + 10),
        Some(letter @ b'A'..=b'F') => Ok(letter - b'A' + 10),
        _ => Err(ParameterError::BadPercentEncoding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(input: impl AsRef<[u8]>) -> ParameterError {
        Parameters::parse(input).unwrap_err()
    }

    #[test]
    fn reads_plus_percent_and_vietnamese() {
        let parameters = Parameters::parse("a=x+y&b=%C4%90&c=Đ&d==%3D&&e").unwrap();
        assert_eq!(parameters.get("a"), Some("x y"));
        assert_eq!(parameters.get("b"), Some("Đ"));
        assert_eq!(parameters.get("c"), Some("Đ"));
        assert_eq!(parameters.get("d"), Some("=="));
        assert_eq!(parameters.get("e"), None);
        assert!(parameters.is_present("e") && !parameters.is_present("f"));
    }

    #[test]
    fn a_repeated_parameter_is_refused_even_when_empty_or_unknown() {
        for input in ["state=a&state=b", "x=&x=1", "client_id=a&client%5Fid=a", "unknown=1&unknown=1"] {
            assert_eq!(refused(input), ParameterError::Repeated, "{input}");
        }
        let both = Parameters::parse("resource=a&resource=b").unwrap();
        assert_eq!(both.get_all("resource").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn i4_nul_cr_and_lf_are_refused_in_names_and_values() {
        for input in ["state=%0d%0aSet-Cookie:x", "state=a%0Ab", "a=%00", "a%0d=1", "a=\n", "a=\r"] {
            assert_eq!(refused(input), ParameterError::ControlCharacter, "{input:?}");
        }
    }

    #[test]
    fn bad_percent_and_bad_utf8_are_refused() {
        for input in ["a=%", "a=%4", "a=%zz", "a=%%41", "%=1", "a=%u0041"] {
            assert_eq!(refused(input), ParameterError::BadPercentEncoding, "{input}");
        }
        for input in [&b"a=%ff"[..], b"a=\xff", b"a=%c3", b"a=%ed%a0%80", b"a=%c0%af"] {
            assert_eq!(refused(input), ParameterError::NotUtf8, "{input:?}");
        }
    }

    #[test]
    fn limits_hold_at_the_byte() {
        let value = |name: &str, n: usize| format!("{name}={}", "x".repeat(n));
        assert!(Parameters::parse(value("state", MAX_VALUE_BYTES)).is_ok());
        assert_eq!(refused(value("state", MAX_VALUE_BYTES + 1)), ParameterError::TooLong);
        for large in ["claims", "access_token"] {
            assert!(Parameters::parse(value(large, MAX_LARGE_VALUE_BYTES)).is_ok());
        }
        assert_eq!(refused(value("claims", MAX_LARGE_VALUE_BYTES + 1)), ParameterError::TooLong);
        assert_eq!(refused("x".repeat(MAX_NAME_BYTES + 1)), ParameterError::TooLong);
        assert_eq!(refused("&".repeat(MAX_TOTAL_BYTES + 1)), ParameterError::TooLarge);
        let many = |n: usize| (0..n).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
        assert!(Parameters::parse(many(MAX_COUNT)).is_ok());
        assert_eq!(refused(many(MAX_COUNT + 1)), ParameterError::TooMany);
    }

    #[test]
    fn k5_debug_shows_no_value() {
        let parameters = Parameters::parse("client_secret=canary").unwrap();
        assert_eq!(format!("{parameters:?}"), "Parameters(1)");
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_back(value in "[^\u{0}\r\n]{0,80}") {
            let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let parameters = Parameters::parse(format!("a={encoded}")).unwrap();
            prop_assert_eq!(parameters.get("a").unwrap_or_default(), value.as_str());
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Parameters::parse(bytes);
        }
    }
}
