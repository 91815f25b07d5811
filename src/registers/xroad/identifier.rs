//! X-Road identifiers and how they travel (X-Road REST 4.1, 4.2, 4.8).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest accepted part, in characters: the length X-Road's own registry allows.
const LONGEST_PART: usize = 255;

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// A client has 3 or 4 parts.
    #[error("a client identifier is instance/class/member or instance/class/member/subsystem")]
    ClientParts,
    /// A service has 5 parts.
    #[error("a service identifier is instance/class/member/subsystem/service, always with the subsystem")]
    ServiceParts,
    /// A part is empty or too long.
    #[error("a part of an identifier has 1 to 255 characters")]
    Length,
    /// A character outside the allowed set, or a part made of dots, which URLs take as a folder.
    #[error("an identifier's part holds letters A-Z a-z, digits and '()+,-.=? only, and is not '.' or '..'")]
    Character,
}

fn checked_part(text: &str) -> Result<String, IdentifierError> {
    if text.is_empty() || text.len() > LONGEST_PART {
        return Err(IdentifierError::Length);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "'()+,-.=?".contains(c);
    if !text.chars().all(allowed) || text == "." || text == ".." {
        return Err(IdentifierError::Character);
    }
    Ok(text.to_owned())
}

/// Percent-encodes the UTF-8 bytes of one segment; only the unreserved characters of RFC 3986 2.3 stay.
pub fn encode_segment(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Reverses [`encode_segment`]. `None` for a broken escape or bytes that are not UTF-8.
pub fn decode_segment(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn encode_parts(parts: &[String]) -> String {
    parts.iter().map(|part| encode_segment(part)).collect::<Vec<_>>().join("/")
}

/// Who asks: `instance/class/member` or `instance/class/member/subsystem`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(Vec<String>);

impl ClientId {
    /// The value of `X-Road-Client`: each part encoded by itself.
    pub fn header_value(&self) -> String {
        encode_parts(&self.0)
    }

    /// From a header value, with its parts percent-encoded.
    ///
    /// # Errors
    /// [`IdentifierError`] when it does not decode to 3 or 4 allowed parts.
    pub fn from_header(value: &str) -> Result<Self, IdentifierError> {
        Self::from_parts(value.split('/').map(decode_segment))
    }

    fn from_parts(parts: impl Iterator<Item = Option<String>>) -> Result<Self, IdentifierError> {
        let parts =
            parts.map(|part| checked_part(&part.ok_or(IdentifierError::Character)?)).collect::<Result<Vec<_>, _>>()?;
        if matches!(parts.len(), 3 | 4) { Ok(Self(parts)) } else { Err(IdentifierError::ClientParts) }
    }
}

impl FromStr for ClientId {
    type Err = IdentifierError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_parts(text.split('/').map(|part| Some(part.to_owned())))
    }
}

impl TryFrom<String> for ClientId {
    type Error = IdentifierError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({self})")
    }
}

/// What is asked: `instance/class/member/subsystem/service`.
///
/// The text of the standard calls the subsystem optional; its reference implementation refuses fewer than
/// five parts, so it is never left out.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceId(Vec<String>);

impl ServiceId {
    /// The path at the consumer's security server: `/r1/` and five encoded segments.
    pub fn path(&self) -> String {
        format!("/r1/{}", encode_parts(&self.0))
    }

    /// Another service of the same subsystem, such as `allowedMethods`.
    ///
    /// # Errors
    /// [`IdentifierError`] when the code is not an identifier's part.
    pub fn sibling(&self, service_code: &str) -> Result<Self, IdentifierError> {
        let mut parts = self.0.clone();
        parts.pop();
        parts.push(checked_part(service_code)?);
        Ok(Self(parts))
    }

    /// The five parts, in order.
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// The last part.
    pub fn service_code(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The value of the answer's `X-Road-Service`.
    pub fn header_value(&self) -> String {
        encode_parts(&self.0)
    }

    /// From percent-encoded text without a leading slash: a header's value or what follows `/r1/`.
    ///
    /// # Errors
    /// [`IdentifierError`] when it does not decode to five allowed parts.
    pub fn from_encoded(text: &str) -> Result<Self, IdentifierError> {
        Self::from_parts(text.split('/').map(decode_segment))
    }

    fn from_parts(parts: impl Iterator<Item = Option<String>>) -> Result<Self, IdentifierError> {
        let parts =
            parts.map(|part| checked_part(&part.ok_or(IdentifierError::Character)?)).collect::<Result<Vec<_>, _>>()?;
        if parts.len() == 5 { Ok(Self(parts)) } else { Err(IdentifierError::ServiceParts) }
    }
}

impl FromStr for ServiceId {
    type Err = IdentifierError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_parts(text.split('/').map(|part| Some(part.to_owned())))
    }
}

impl TryFrom<String> for ServiceId {
    type Error = IdentifierError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ServiceId> for String {
    fn from(id: ServiceId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

impl fmt::Debug for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_client_has_three_or_four_parts() {
        assert_eq!("VN/GOV/IDP".parse::<ClientId>().unwrap().header_value(), "VN/GOV/IDP");
        assert_eq!("VN/GOV/IDP/SSO".parse::<ClientId>().unwrap().header_value(), "VN/GOV/IDP/SSO");
        assert_eq!("VN/GOV".parse::<ClientId>(), Err(IdentifierError::ClientParts));
        assert_eq!("VN/GOV/IDP/SSO/X".parse::<ClientId>(), Err(IdentifierError::ClientParts));
        assert_eq!("VN//IDP".parse::<ClientId>(), Err(IdentifierError::Length));
        assert_eq!("".parse::<ClientId>(), Err(IdentifierError::Length));
    }

    #[test]
    fn a_service_always_has_its_subsystem() {
        assert_eq!("VN/GOV/C06/POP/look-up".parse::<ServiceId>().unwrap().path(), "/r1/VN/GOV/C06/POP/look-up");
        assert_eq!("VN/GOV/C06/look-up".parse::<ServiceId>(), Err(IdentifierError::ServiceParts));
        assert_eq!("VN/GOV/C06/POP/v1/look-up".parse::<ServiceId>(), Err(IdentifierError::ServiceParts));
    }

    #[test]
    fn allowed_marks_are_encoded_each_in_its_segment() {
        let service = "VN/GOV/a?b/c+d,e/f=(g)'h.i".parse::<ServiceId>().unwrap();
        assert_eq!(service.path(), "/r1/VN/GOV/a%3Fb/c%2Bd%2Ce/f%3D%28g%29%27h.i");
        let client = "VN/GOV/a?b".parse::<ClientId>().unwrap();
        assert_eq!(client.header_value(), "VN/GOV/a%3Fb");
    }

    #[test]
    fn characters_outside_the_set_are_refused() {
        for bad in ["a b", "a_b", "a%b", "a;b", "Đ", "a\r\nX: y", "a:b", "a#b", "a\\b", ".", ".."] {
            assert_eq!(format!("VN/GOV/{bad}").parse::<ClientId>(), Err(IdentifierError::Character), "{bad:?}");
            assert_eq!(format!("VN/GOV/{bad}/S/x").parse::<ServiceId>(), Err(IdentifierError::Character), "{bad:?}");
        }
        assert_eq!("a".repeat(256).as_str().parse::<ClientId>(), Err(IdentifierError::Length));
        assert!(ClientId::from_header("VN/GOV/%2E%2E").is_err());
        assert!(ClientId::from_header("VN/GOV/%FF").is_err());
        assert!(ClientId::from_header("VN/GOV/%4").is_err());
    }

    #[test]
    fn a_sibling_keeps_the_subsystem() {
        let service = "VN/GOV/C06/POP/look-up".parse::<ServiceId>().unwrap();
        assert_eq!(service.sibling("allowedMethods").unwrap().to_string(), "VN/GOV/C06/POP/allowedMethods");
        assert!(service.sibling("a/b").is_err());
    }

    #[test]
    fn non_ascii_is_encoded_byte_by_byte() {
        assert_eq!(encode_segment("Đà"), "%C4%90%C3%A0");
        assert_eq!(decode_segment("%C4%90%C3%A0").as_deref(), Some("Đà"));
    }

    proptest! {
        #[test]
        fn any_segment_survives_encoding_and_holds_no_separator(text in "\\PC{0,40}") {
            let encoded = encode_segment(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            prop_assert_eq!(decode_segment(&encoded), Some(text));
        }

        #[test]
        fn any_allowed_service_survives_a_url(parts in proptest::collection::vec("[A-Za-z0-9'()+,=?.-]{1,12}", 5)) {
            prop_assume!(parts.iter().all(|p| p != "." && p != ".."));
            let service: ServiceId = parts.join("/").parse().unwrap();
            let url = url::Url::parse(&format!("https://ss.example{}", service.path())).unwrap();
            prop_assert_eq!(url.path(), service.path());
            prop_assert_eq!(url.query(), None);
            let back = ServiceId::from_encoded(url.path().trim_start_matches("/r1/")).unwrap();
            prop_assert_eq!(back, service);
        }
    }
}
