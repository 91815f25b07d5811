//! Client certificates (RFC 8705): whose certificate it is, and how a proxy in front hands it over (RFC 9440).
//!
//! The certificate is taken apart by [`crate::crypto::read_certificate`]. That its chain leads to an authority we trust is
//! proven in the TLS handshake, by this process or by the proxy, and never here.

use super::Error;
use super::client_authentication::failed;
use super::confirmation::{CertificateThumbprint, Confirmation, Thumbprint};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// Most bytes of a certificate.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;
const MAX_NAME_BYTES: usize = 1_024;
const MAX_ATTRIBUTES: usize = 32;

/// A certificate that took part in a handshake, taken apart. Names are as they stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 of its DER.
    pub thumbprint: CertificateThumbprint,
    /// Its subject.
    pub subject: DistinguishedName,
    /// dNSName entries.
    pub dns_names: Vec<String>,
    /// uniformResourceIdentifier entries.
    pub uris: Vec<String>,
    /// iPAddress entries.
    pub addresses: Vec<IpAddr>,
    /// rfc822Name entries.
    pub emails: Vec<String>,
    /// RFC 7638 thumbprint of its public key; `None` for a kind of key that no JWK here has.
    pub key: Option<Thumbprint>,
    /// `notBefore`, seconds since 1970.
    pub not_before: i64,
    /// `notAfter`, seconds since 1970.
    pub not_after: i64,
}

impl ClientCertificate {
    /// What tokens are bound to (RFC 8705 3.1).
    pub fn confirmation(&self) -> Confirmation {
        Confirmation::Certificate(self.thumbprint.clone())
    }

    /// Whether it is in its period of validity. The handshake checks chains, not those of self-signed certificates.
    pub const fn is_current(&self, now: crate::base::Timestamp) -> bool {
        self.not_before <= now.seconds() && now.seconds() <= self.not_after
    }
}

/// RFC 8705 2.1.2: the one name that the client's certificate must have. Names of the variants are those of the metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegisteredName {
    /// The whole subject, as a string of RFC 4514.
    #[serde(rename = "tls_client_auth_subject_dn")]
    SubjectDn(String),
    /// A dNSName.
    #[serde(rename = "tls_client_auth_san_dns")]
    Dns(String),
    /// A uniformResourceIdentifier.
    #[serde(rename = "tls_client_auth_san_uri")]
    Uri(String),
    /// An iPAddress.
    #[serde(rename = "tls_client_auth_san_ip")]
    Ip(String),
    /// An rfc822Name.
    #[serde(rename = "tls_client_auth_san_email")]
    Email(String),
}

impl RegisteredName {
    /// Whether it can be registered: a name that could never match is a mistake to be told at once.
    pub fn is_lawful(&self) -> bool {
        match self {
            Self::SubjectDn(text) => DistinguishedName::parse(text).is_ok_and(|name| !name.0.is_empty()),
            Self::Ip(text) => text.parse::<IpAddr>().is_ok(),
            // A pattern would match nothing, for a name is compared whole: no wildcard (A3).
            Self::Dns(text) | Self::Uri(text) | Self::Email(text) => {
                let graphic = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'*');
                !text.is_empty() && text.len() <= MAX_NAME_BYTES && graphic
            }
        }
    }

    /// RFC 8705 2.1: `tls_client_auth`.
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn prove(&self, certificate: &ClientCertificate) -> Result<(), Error> {
        let matches = match self {
            Self::SubjectDn(text) => {
                DistinguishedName::parse(text).is_ok_and(|name| name.matches(&certificate.subject))
            }
            // RFC 4343: letter case means nothing in DNS; a wildcard in a certificate is compared as it is written.
            Self::Dns(name) => certificate.dns_names.iter().any(|one| one.eq_ignore_ascii_case(name)),
            Self::Uri(uri) => certificate.uris.contains(uri),
            Self::Ip(text) => text.parse::<IpAddr>().is_ok_and(|address| certificate.addresses.contains(&address)),
            Self::Email(email) => certificate.emails.contains(email),
        };
        if matches { Ok(()) } else { Err(failed("certificate_of_another")) }
    }
}

/// A distinguished name: relative names in the order of the certificate, the first the most general.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DistinguishedName(pub Vec<Vec<Attribute>>);

/// One attribute of a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attribute {
    /// Dotted object identifier.
    pub oid: String,
    /// Its value as text; `None` for one that is no text, which never matches.
    pub value: Option<String>,
}

/// A text that is not a distinguished name of RFC 4514, or longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed_distinguished_name")]
pub struct MalformedName;

/// RFC 4514 3, RFC 4519, and what certificates of this country carry.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("TITLE", "2.5.4.12"),
    ("GN", "2.5.4.42"),
    ("GIVENNAME", "2.5.4.42"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("E", "1.2.840.113549.1.9.1"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
];

impl DistinguishedName {
    /// Reads RFC 4514, in which the most special relative name comes first.
    ///
    /// # Errors
    /// [`MalformedName`]; `#` values and names of unknown attributes are among them.
    pub fn parse(text: &str) -> Result<Self, MalformedName> {
        if text.len() > MAX_NAME_BYTES {
            return Err(MalformedName);
        }
        let mut names = Vec::new();
        let mut count = 0;
        for relative in split(text, ',')? {
            let mut attributes = Vec::new();
            for attribute in split(relative, '+')? {
                count += 1;
                if count > MAX_ATTRIBUTES {
                    return Err(MalformedName);
                }
                let (name, value) = attribute.split_once('=').ok_or(MalformedName)?;
                attributes.push(Attribute { oid: oid(name.trim())?, value: Some(unescape(trim(value))?) });
            }
            names.push(attributes);
        }
        names.reverse();
        Ok(Self(names))
    }

    /// RFC 8705 2.1.2, RFC 4517 4.2.15: the same relative names in the same order, attributes within one in any order,
    /// values without regard to letter case and to runs of spaces.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(one, another)| match (folded(one), folded(another)) {
                (Some(one), Some(another)) => one == another,
                _ => false,
            })
    }
}

fn folded(attributes: &[Attribute]) -> Option<Vec<(&str, String)>> {
    let fold = |value: &String| value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let mut list: Vec<(&str, String)> = attributes
        .iter()
        .map(|attribute| attribute.value.as_ref().map(|value| (attribute.oid.as_str(), fold(value))))
        .collect::<Option<_>>()?;
    list.sort();
    Some(list)
}

/// The parts between separators that are not escaped.
fn split(text: &str, separator: char) -> Result<Vec<&str>, MalformedName> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (place, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == separator => {
                parts.push(text.get(start..place).ok_or(MalformedName)?);
                start = place + 1;
            }
            _ => {}
        }
    }
    if escaped {
        return Err(MalformedName);
    }
    parts.push(text.get(start..).ok_or(MalformedName)?);
    Ok(parts)
}

fn oid(name: &str) -> Result<String, MalformedName> {
    if let Some((_, oid)) = SHORT_NAMES.iter().find(|(short, _)| short.eq_ignore_ascii_case(name)) {
        return Ok((*oid).to_owned());
    }
    let dotted = name.split('.').count() > 2
        && name.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if dotted { Ok(name.to_owned()) } else { Err(MalformedName) }
}

/// Without spaces around it, unless the last one is escaped.
fn trim(value: &str) -> &str {
    let value = value.trim_start_matches(' ');
    let trimmed = value.trim_end_matches(' ');
    let escaped = trimmed.len() < value.len() && trimmed.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1;
    if escaped { value.get(..=trimmed.len()).unwrap_or(value) } else { trimmed }
}

/// RFC 4514 2.4, 3.
fn unescape(value: &str) -> Result<String, MalformedName> {
    if value.starts_with('#') {
        return Err(MalformedName);
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => match rest.next().ok_or(MalformedName)? {
                special @ (b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\') => bytes.push(special),
                high => {
                    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(MalformedName);
                    let value = digit(high)? * 16 + digit(rest.next().ok_or(MalformedName)?)?;
                    bytes.push(u8::try_from(value).map_err(|_| MalformedName)?);
                }
            },
            b'"' | b';' | b'<' | b'>' | 0 => return Err(MalformedName),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).map_err(|_| MalformedName)
}

/// A `Client-Cert` header that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed_client_cert")]
pub struct MalformedClientCert;

/// RFC 9440 2.2: the DER in the `Client-Cert` header, `None` when there is no header. To be called for requests of a
/// trusted peer only; from anybody else the header must have been dropped (RFC 9440 3, 4).
///
/// # Errors
/// [`MalformedClientCert`] for more than one value and for what is not one Byte Sequence of RFC 8941 3.3.5: then the
/// request is refused, never taken as one without a certificate.
pub fn client_cert_header<'a>(
    mut values: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<Vec<u8>>, MalformedClientCert> {
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() || value.len() > MAX_CERTIFICATE_BYTES * 4 / 3 + 16 {
        return Err(MalformedClientCert);
    }
    let text = std::str::from_utf8(value).map_err(|_| MalformedClientCert)?.trim_matches(' ');
    let encoded = text.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).ok_or(MalformedClientCert)?;
    match STANDARD.decode(encoded) {
        Ok(der) if !der.is_empty() && der.len() <= MAX_CERTIFICATE_BYTES => Ok(Some(der)),
        _ => Err(MalformedClientCert),
    }
}

impl fmt::Display for DistinguishedName {
    /// For logs of an operator, roughly RFC 4514.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, attribute) in self.0.iter().rev().flatten().enumerate() {
            let short = SHORT_NAMES.iter().find(|(_, oid)| *oid == attribute.oid).map_or("?", |(short, _)| short);
            let separator = if place > 0 { "," } else { "" };
            write!(f, "{separator}{short}={}", attribute.value.as_deref().unwrap_or("?").escape_debug())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn certificate(subject: &str) -> ClientCertificate {
        ClientCertificate {
            thumbprint: CertificateThumbprint::of_der(b"der"),
            subject: DistinguishedName::parse(subject).unwrap(),
            dns_names: vec!["portal.example".into()],
            uris: vec!["spiffe://portal".into()],
            addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            emails: vec!["a@portal.example".into()],
            key: None,
            not_before: 0,
            not_after: 10,
        }
    }

    fn dn(text: &str) -> RegisteredName {
        RegisteredName::SubjectDn(text.into())
    }

    #[test]
    fn rfc_4514_names_are_compared_as_names_not_as_texts() {
        let theirs = certificate("CN=Cổng dịch vụ, O=Bộ \\, ngành, C=VN");
        for same in [
            "CN=Cổng dịch vụ,O=Bộ \\, ngành,C=VN",
            "cn=CỔNG  DỊCH VỤ,o=bộ \\2C ngành,c=vn",
            "2.5.4.3=Cổng dịch vụ,2.5.4.10=Bộ \\2c ngành,2.5.4.6=VN",
        ] {
            assert_eq!(dn(same).prove(&theirs), Ok(()), "{same}");
        }
        for other in [
            "CN=Cổng dịch vụ",
            "C=VN,O=Bộ \\, ngành,CN=Cổng dịch vụ",
            "CN=Cổng dịch vụ,O=Bộ,C=VN",
            "CN=Cổng dịch vụ,OU=x,O=Bộ \\, ngành,C=VN",
            "CN=Cổng dịch vụ+UID=1,O=Bộ \\, ngành,C=VN",
            "CN=*,O=Bộ \\, ngành,C=VN",
            "",
        ] {
            assert!(dn(other).prove(&theirs).is_err(), "{other}");
        }
        assert_eq!(dn("UID=1+CN=a").prove(&certificate("CN=a+UID=1")), Ok(()));
    }

    #[test]
    fn rfc_4514_malformed_names_are_refused() {
        for text in ["CN", "=x", "CN=a,", "CN=a\\", "CN=#0403", "CN=\\zz", "CN=a;b", "XYZ=a", "1.2=a", "CN=\\ff", ","] {
            assert!(DistinguishedName::parse(text).is_err() && !dn(text).is_lawful(), "{text}");
        }
        assert!(DistinguishedName::parse(&format!("CN={}", "a".repeat(2_000))).is_err());
        assert!(DistinguishedName::parse(&vec!["CN=a"; 40].join(",")).is_err());
        assert_eq!(DistinguishedName::parse("CN=a\\ ").unwrap().0[0][0].value.as_deref(), Some("a "));
    }

    #[test]
    fn a_value_that_is_no_text_matches_nothing() {
        let mut theirs = certificate("CN=a");
        theirs.subject.0[0][0].value = None;
        assert!(dn("CN=a").prove(&theirs).is_err());
        assert!(!theirs.subject.matches(&theirs.subject));
    }

    #[test]
    fn rfc_8705_2_1_2_each_kind_of_name_is_looked_up_in_its_own_place() {
        let theirs = certificate("CN=portal.example");
        let text = |text: &str| text.to_owned();
        for (name, fits) in [
            (RegisteredName::Dns(text("PORTAL.example")), true),
            (RegisteredName::Dns(text("a.portal.example")), false),
            (RegisteredName::Dns(text("192.0.2.1")), false),
            (RegisteredName::Uri(text("spiffe://portal")), true),
            (RegisteredName::Uri(text("spiffe://PORTAL")), false),
            (RegisteredName::Ip(text("192.0.2.1")), true),
            (RegisteredName::Ip(text("2001:DB8:0::1")), true),
            (RegisteredName::Ip(text("192.0.2.2")), false),
            (RegisteredName::Email(text("a@portal.example")), true),
            (RegisteredName::Email(text("portal.example")), false),
        ] {
            assert!(name.is_lawful());
            assert_eq!(name.prove(&theirs).is_ok(), fits, "{name:?}");
        }
        for name in
            [RegisteredName::Dns(text("*.example")), RegisteredName::Ip(text("1.2")), RegisteredName::Uri(text(""))]
        {
            assert!(!name.is_lawful());
        }
    }

    #[test]
    fn rfc_9440_2_2_one_byte_sequence_or_a_refusal() {
        let read = |values: &[&[u8]]| client_cert_header(values.iter().copied());
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b":AAEC:"]), Ok(Some(vec![0, 1, 2])));
        for value in [b"".as_slice(), b"AAEC", b":AAEC", b"::", b":*:", b":AAEC:,:AAEC:", b":AAEC:;a=1", b"\xff"] {
            assert_eq!(read(&[value]), Err(MalformedClientCert), "{value:?}");
        }
        assert_eq!(read(&[b":AAEC:", b":AAEC:"]), Err(MalformedClientCert));
        let long = format!(":{}:", "A".repeat(MAX_CERTIFICATE_BYTES * 2));
        assert_eq!(read(&[long.as_bytes()]), Err(MalformedClientCert));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in any::<String>(), like in "[CNO=,+ \\\\#a-c\"0]{0,40}") {
            let _ = DistinguishedName::parse(&text);
            let _ = DistinguishedName::parse(&like);
        }
    }
}
