//! One client certificate, taken apart (RFC 5280), and compared with what a client registered (RFC 8705 2.2).

use crate::base::Timestamp;
use crate::protocol::mutual_tls::{Attribute, ClientCertificate, DistinguishedName, MAX_CERTIFICATE_BYTES};
use crate::protocol::{CertificateThumbprint, Thumbprint};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

const MAX_NAMES: usize = 64;
const MAX_ATTRIBUTES: usize = 64;

/// Why a certificate was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Longer than [`MAX_CERTIFICATE_BYTES`], or with more names than anybody needs.
    #[error("the certificate is too large")]
    TooLarge,
    /// Not one DER certificate with nothing behind it.
    #[error("the certificate is malformed")]
    Malformed,
}

/// Reads one certificate. Says whose it claims to be, never that it may be believed: see [`ClientCertificate`].
///
/// # Errors
/// [`CertificateError`].
pub fn read_certificate(der: &[u8]) -> Result<ClientCertificate, CertificateError> {
    if der.len() > MAX_CERTIFICATE_BYTES {
        return Err(CertificateError::TooLarge);
    }
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
    if !rest.is_empty() {
        return Err(CertificateError::Malformed);
    }
    let mut read = ClientCertificate {
        thumbprint: CertificateThumbprint::of_der(der),
        subject: name(certificate.subject())?,
        dns_names: Vec::new(),
        uris: Vec::new(),
        addresses: Vec::new(),
        emails: Vec::new(),
        key: key(certificate.public_key()),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
    };
    // An error here is the extension twice, or one that cannot be read.
    let names = certificate.subject_alternative_name().map_err(|_| CertificateError::Malformed)?;
    for general in names.iter().flat_map(|names| &names.value.general_names) {
        if read.dns_names.len() + read.uris.len() + read.addresses.len() + read.emails.len() >= MAX_NAMES {
            return Err(CertificateError::TooLarge);
        }
        match general {
            GeneralName::DNSName(name) => read.dns_names.push((*name).to_owned()),
            GeneralName::URI(uri) => read.uris.push((*uri).to_owned()),
            GeneralName::RFC822Name(email) => read.emails.push((*email).to_owned()),
            GeneralName::IPAddress(bytes) => read.addresses.push(address(bytes).ok_or(CertificateError::Malformed)?),
            _ => {}
        }
    }
    Ok(read)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn name(subject: &X509Name<'_>) -> Result<DistinguishedName, CertificateError> {
    if subject.iter_attributes().count() > MAX_ATTRIBUTES {
        return Err(CertificateError::TooLarge);
    }
    let attributes = |relative: &x509_parser::x509::RelativeDistinguishedName<'_>| {
        relative
            .iter()
            .map(|attribute| Attribute {
                oid: attribute.attr_type().to_id_string(),
                value: attribute.as_str().ok().map(str::to_owned),
            })
            .collect()
    };
    Ok(DistinguishedName(subject.iter().map(attributes).collect()))
}

/// The key as the thumbprint of the JWK it would be; `None` for a kind of key that no JWK here has.
fn key(info: &SubjectPublicKeyInfo<'_>) -> Option<Thumbprint> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = match info.algorithm.algorithm.to_id_string().as_str() {
        // RFC 8410 3.
        "1.3.101.112" => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&info.subject_public_key.data)}),
        _ => match info.parsed().ok()? {
            PublicKey::RSA(rsa) => {
                let trim = |bytes: &[u8]| encode(bytes.strip_prefix(&[0]).unwrap_or(bytes));
                json!({"kty": "RSA", "n": trim(rsa.modulus), "e": trim(rsa.exponent)})
            }
            PublicKey::EC(point) => {
                // The curve is the algorithm's parameter: two curves may have coordinates of one length.
                let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string();
                let (curve, length) = match curve.as_str() {
                    "1.2.840.10045.3.1.7" => ("P-256", 32),
                    "1.3.132.0.34" => ("P-384", 48),
                    _ => return None,
                };
                let (x, y) = point.data().strip_prefix(&[4])?.split_at_checked(length)?;
                json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
            }
            _ => return None,
        },
    };
    Thumbprint::of_jwk(jwk.as_object()?).ok()
}

/// RFC 8705 2.2, `self_signed_tls_client_auth`: whether the certificate, still in its period of validity, is one of those
/// the client registered as `x5c`, or has the key of a registered key without `x5c`. Who holds the private key was proven
/// in the handshake.
pub fn self_signed_matches(certificate: &ClientCertificate, jwks: &Value, now: Timestamp) -> bool {
    let keys = jwks.get("keys").and_then(Value::as_array);
    certificate.is_current(now)
        && keys.into_iter().flatten().filter_map(Value::as_object).take(16).any(|jwk| match jwk.get("x5c") {
            // RFC 7517 4.7: the first is the key's certificate, in standard base64.
            Some(chain) => {
                first(chain).is_some_and(|der| CertificateThumbprint::of_der(&der) == certificate.thumbprint)
            }
            None => certificate.key.is_some() && public(jwk) == certificate.key,
        })
}

fn first(chain: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(chain.as_array()?.first()?.as_str()?).ok()
}

fn public(jwk: &Map<String, Value>) -> Option<Thumbprint> {
    Thumbprint::of_jwk(jwk).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mutual_tls::RegisteredName;
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SanType};

    fn made(algorithm: &'static rcgen::SignatureAlgorithm) -> (Vec<u8>, KeyPair) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "VN");
        params.distinguished_name.push(DnType::OrganizationName, "Bộ, ngành");
        params.distinguished_name.push(DnType::CommonName, "Cổng dịch vụ");
        params.subject_alt_names = vec![
            SanType::DnsName(Ia5String::try_from("portal.example").unwrap()),
            SanType::URI(Ia5String::try_from("spiffe://portal").unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
            SanType::Rfc822Name(Ia5String::try_from("a@portal.example").unwrap()),
        ];
        (params.self_signed(&key).unwrap().der().to_vec(), key)
    }

    fn jwk(key: &KeyPair) -> Value {
        let raw = key.public_key_raw();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        if raw.len() == 32 {
            json!({"kty": "OKP", "crv": "Ed25519", "x": encode(raw)})
        } else {
            json!({"kty": "EC", "crv": "P-256", "x": encode(&raw[1..33]), "y": encode(&raw[33..])})
        }
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn rfc_8705_2_1_names_of_a_real_certificate_are_found() {
        let read = read_certificate(&made(&PKCS_ECDSA_P256_SHA256).0).unwrap();
        for name in [
            RegisteredName::SubjectDn("CN=Cổng dịch vụ,O=Bộ\\, ngành,C=VN".into()),
            RegisteredName::Dns("portal.example".into()),
            RegisteredName::Uri("spiffe://portal".into()),
            RegisteredName::Ip("2001:db8::1".into()),
            RegisteredName::Email("a@portal.example".into()),
        ] {
            assert_eq!(name.prove(&read), Ok(()), "{name:?}");
        }
        assert!(RegisteredName::SubjectDn("C=VN,O=Bộ\\, ngành,CN=Cổng dịch vụ".into()).prove(&read).is_err());
    }

    #[test]
    fn rfc_8705_2_2_a_self_signed_certificate_is_the_registered_one_or_has_its_key() {
        for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
            let (der, key) = made(algorithm);
            let (other_der, other_key) = made(algorithm);
            let read = read_certificate(&der).unwrap();
            let set = |jwk: Value| json!({ "keys": [jwk] });
            let with_chain = |jwk: Value, der: &[u8]| {
                let mut jwk = jwk;
                jwk["x5c"] = json!([STANDARD.encode(der)]);
                set(jwk)
            };
            assert!(self_signed_matches(&read, &set(jwk(&key)), NOW));
            assert!(self_signed_matches(&read, &with_chain(jwk(&key), &der), NOW));
            assert!(!self_signed_matches(&read, &set(jwk(&other_key)), NOW));
            assert!(!self_signed_matches(&read, &with_chain(jwk(&key), &other_der), NOW));
            assert!(!self_signed_matches(&read, &json!({"keys": []}), NOW));
            assert!(!self_signed_matches(&read, &Value::Null, NOW));
            let mut expired = read.clone();
            expired.not_after = NOW.seconds() - 1;
            assert!(!self_signed_matches(&expired, &set(jwk(&key)), NOW));
        }
    }

    #[test]
    fn rfc_8705_3_1_the_thumbprint_is_of_the_whole_der() {
        let (der, _) = made(&PKCS_ED25519);
        let read = read_certificate(&der).unwrap();
        assert_eq!(read.thumbprint, CertificateThumbprint::of_der(&der));
        assert_eq!(read.confirmation().to_json()["x5t#S256"], read.thumbprint.as_str());
    }

    #[test]
    fn f10_cut_long_and_changed_certificates_do_not_panic() {
        let (der, _) = made(&PKCS_ECDSA_P256_SHA256);
        assert_eq!(read_certificate(&vec![0x30; MAX_CERTIFICATE_BYTES + 1]), Err(CertificateError::TooLarge));
        assert_eq!(read_certificate(&[der.clone(), vec![0]].concat()), Err(CertificateError::Malformed));
        for cut in 0..der.len() {
            assert!(read_certificate(&der[..cut]).is_err(), "{cut}");
        }
        for place in 0..der.len() {
            let mut changed = der.clone();
            changed[place] ^= 0xff;
            let _ = read_certificate(&changed);
        }
    }
}
