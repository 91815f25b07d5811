//! What a token is bound to (`cnf`, RFC 7800 3.1): a DPoP key (RFC 9449 6.1) or a client certificate (RFC 8705 3.1).

use crate::base::sha256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt;

/// Members that only a private or shared key has (RFC 7518 6.2.2, 6.3.2, 6.4, RFC 8037 2).
const PRIVATE_MEMBERS: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A text that is not 32 bytes in base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed_thumbprint")]
pub struct MalformedThumbprint;

/// Why a JWK has no thumbprint here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkRefused {
    /// It carries private members.
    #[error("jwk_private")]
    Private,
    /// Not a key type and curve we verify with, or members that are missing, of another length or not in canonical form.
    #[error("jwk_unusable")]
    Unusable,
}

macro_rules! thumbprints {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// From its text: 43 characters of base64url, as on the wire and in a store.
            ///
            /// # Errors
            /// [`MalformedThumbprint`].
            pub fn parse(text: &str) -> Result<Self, MalformedThumbprint> {
                match URL_SAFE_NO_PAD.decode(text) {
                    Ok(bytes) if bytes.len() == 32 => Ok(Self(text.to_owned())),
                    _ => Err(MalformedThumbprint),
                }
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn of(input: &[u8]) -> Self {
                Self(URL_SAFE_NO_PAD.encode(sha256(input).as_bytes()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = MalformedThumbprint;
            fn try_from(text: String) -> Result<Self, MalformedThumbprint> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(thumbprint: $name) -> Self {
                thumbprint.0
            }
        }
    )*};
}

thumbprints! {
    /// SHA-256 thumbprint of a public key (RFC 7638 3): `jkt`, `dpop_jkt`.
    Thumbprint;
    /// SHA-256 thumbprint of a certificate's DER (RFC 8705 3.1): `x5t#S256`.
    CertificateThumbprint;
}

impl Thumbprint {
    /// RFC 7638 3.2 of a public P-256, P-384, RSA or Ed25519 key. One key has one thumbprint: members that could be
    /// written in several ways (leading zeros, loose base64, cut coordinates) are refused instead of normalised.
    ///
    /// # Errors
    /// [`JwkRefused`].
    pub fn of_jwk(jwk: &Map<String, Value>) -> Result<Self, JwkRefused> {
        if PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            return Err(JwkRefused::Private);
        }
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let fixed = |name: &str, length: usize| {
            let text = text(name).ok_or(JwkRefused::Unusable)?;
            match URL_SAFE_NO_PAD.decode(text) {
                Ok(bytes) if bytes.len() == length => Ok(text),
                _ => Err(JwkRefused::Unusable),
            }
        };
        // Written by hand, in the order of RFC 7638 3.3: none of the texts needs escaping.
        let canonical = match (text("kty"), text("crv")) {
            (Some("EC"), Some(curve @ ("P-256" | "P-384"))) => {
                let length = if curve == "P-256" { 32 } else { 48 };
                let (x, y) = (fixed("x", length)?, fixed("y", length)?);
                format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            (Some("OKP"), Some("Ed25519")) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, fixed("x", 32)?)
            }
            (Some("RSA"), None) => {
                let (n, e) = (unsigned(text("n"), 256..=512)?, unsigned(text("e"), 1..=4)?);
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
            _ => return Err(JwkRefused::Unusable),
        };
        Ok(Self::of(canonical.as_bytes()))
    }
}

/// RFC 7518 2, Base64urlUInt: no leading zero.
fn unsigned(text: Option<&str>, length: std::ops::RangeInclusive<usize>) -> Result<&str, JwkRefused> {
    let text = text.ok_or(JwkRefused::Unusable)?;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| JwkRefused::Unusable)?;
    let fits = length.contains(&bytes.len()) && bytes.first().is_some_and(|byte| *byte != 0);
    if fits { Ok(text) } else { Err(JwkRefused::Unusable) }
}

impl CertificateThumbprint {
    /// RFC 8705 3.1 of a certificate's DER.
    pub fn of_der(der: &[u8]) -> Self {
        Self::of(der)
    }
}

/// The `cnf` of a token: whoever shows the token must also prove this. One kind a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Confirmation {
    /// RFC 9449 6.1.
    #[serde(rename = "jkt")]
    Key(Thumbprint),
    /// RFC 8705 3.1.
    #[serde(rename = "x5t#S256")]
    Certificate(CertificateThumbprint),
}

impl Confirmation {
    /// The value of `cnf` in a token and in an introspection answer.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Key(key) => json!({ "jkt": key.as_str() }),
            Self::Certificate(certificate) => json!({ "x5t#S256": certificate.as_str() }),
        }
    }

    /// Reads `cnf` back. A member we do not know is a condition we cannot check, so it is refused, never left out.
    ///
    /// # Errors
    /// [`MalformedThumbprint`] for everything but what [`Confirmation::to_json`] writes.
    pub fn read(cnf: &Value) -> Result<Self, MalformedThumbprint> {
        serde_json::from_value(cnf.clone()).map_err(|_| MalformedThumbprint)
    }

    /// `token_type` of the token answer: RFC 9449 5; RFC 8705 3 keeps `Bearer`.
    pub const fn token_type(&self) -> &'static str {
        match self {
            Self::Key(_) => "DPoP",
            Self::Certificate(_) => "Bearer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    /// The key and thumbprint of RFC 7638 3.1.
    #[test]
    fn rfc_7638_3_1_thumbprint_of_the_example() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = object(&json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}));
        assert_eq!(Thumbprint::of_jwk(&jwk).unwrap().as_str(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    /// The key of RFC 9449 4.1 and its `jkt` in RFC 9449 6.1.
    #[test]
    fn rfc_9449_6_1_thumbprint_of_the_example() {
        let jwk = object(&json!({"kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}));
        assert_eq!(Thumbprint::of_jwk(&jwk).unwrap().as_str(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn f5_private_odd_and_ambiguous_keys_have_no_thumbprint() {
        let x = URL_SAFE_NO_PAD.encode([7; 32]);
        let good = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        assert!(Thumbprint::of_jwk(&object(&good)).is_ok());
        for member in PRIVATE_MEMBERS {
            let mut jwk = object(&good);
            jwk.insert((*member).to_owned(), Value::Null);
            assert_eq!(Thumbprint::of_jwk(&jwk), Err(JwkRefused::Private), "{member}");
        }
        for jwk in [
            json!({}),
            json!({"kty": "oct"}),
            json!({"kty": "OKP", "crv": "X25519", "x": x}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": format!("{x}=")}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([7; 31])}),
            json!({"kty": "EC", "crv": "P-256", "x": x}),
            json!({"kty": "EC", "crv": "secp256k1", "x": x, "y": x}),
            json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([255; 128]), "e": "AQAB"}),
            json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0; 256]), "e": "AQAB"}),
            json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([255; 256]), "e": "AAEAAQ"}),
        ] {
            assert_eq!(Thumbprint::of_jwk(&object(&jwk)), Err(JwkRefused::Unusable), "{jwk}");
        }
    }

    #[test]
    fn rfc_7800_a_confirmation_is_read_back_whole_or_not_at_all() {
        let certificate = Confirmation::Certificate(CertificateThumbprint::of_der(b"x"));
        let key = Confirmation::Key(Thumbprint::parse("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I").unwrap());
        for confirmation in [certificate, key] {
            assert_eq!(Confirmation::read(&confirmation.to_json()), Ok(confirmation));
        }
        for cnf in [
            json!(null),
            json!({}),
            json!({"jkt": ""}),
            json!({"jkt": 1}),
            json!({"kid": "x"}),
            json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "kid": "x"}),
        ] {
            assert!(Confirmation::read(&cnf).is_err(), "{cnf}");
        }
    }
}
