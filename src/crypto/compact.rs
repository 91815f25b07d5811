//! Reading a compact JWS (RFC 7515 7.1) strictly, before any key is looked at.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// A longer JWS is refused unread: 8 KiB.
pub const JWS_MAX_BYTES: usize = 8 * 1024;

/// Header members that name a key or change how the token is read. A key comes from our own records only (F8).
const REFUSED_HEADERS: [&str; 8] = ["crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"];

/// Why a JWS was refused. Closed, so that log lines and tests can name each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Longer than [`JWS_MAX_BYTES`].
    #[error("the token is too long")]
    TooLong,
    /// Not three base64url parts that hold two JSON objects and a signature.
    #[error("the token is malformed")]
    Malformed,
    /// `crit`, or a header that names a key of its own.
    #[error("the token has a header that is not accepted")]
    Header,
    /// Missing or not an algorithm that is allowed here.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// No key of ours (or of the client) fits.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The client's key set cannot be read or holds an unusable key.
    #[error("the key set is not usable")]
    KeySet,
    /// The signature does not verify.
    #[error("the token's signature is wrong")]
    Signature,
    /// Another kind of token than expected (F13).
    #[error("the token is of another type")]
    Type,
    /// `iss` is not ours.
    #[error("the token has another issuer")]
    Issuer,
    /// `aud` is missing, odd or somebody else (F7).
    #[error("the token is for another audience")]
    Audience,
    /// `exp`, `nbf` or `iat` is missing or not a whole number of seconds (F6).
    #[error("the token has an unreadable time")]
    Time,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
}

/// A JWS taken apart; nothing in it is proven yet.
pub(super) struct Compact<'a> {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
    pub message: &'a [u8],
    pub signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub fn parse(jwt: &'a str) -> Result<Self, VerifyError> {
        Self::parse_but(jwt, None)
    }

    /// The same for a kind of token in which one of the refused headers belongs.
    pub fn parse_but(jwt: &'a str, allowed: Option<&str>) -> Result<Self, VerifyError> {
        if jwt.len() > JWS_MAX_BYTES {
            return Err(VerifyError::TooLong);
        }
        let (message, signature) = jwt.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(VerifyError::Malformed)?;
        let header = object(header)?;
        if REFUSED_HEADERS.iter().any(|name| Some(*name) != allowed && header.contains_key(*name)) {
            return Err(VerifyError::Header);
        }
        let claims = object(claims)?;
        let signature = decode(signature)?;
        if signature.is_empty() {
            return Err(VerifyError::Signature);
        }
        Ok(Self { header, claims, message: message.as_bytes(), signature })
    }

    /// A text member of the header; `Ok(None)` when absent.
    pub fn text(&self, name: &str) -> Result<Option<&str>, VerifyError> {
        match self.header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(VerifyError::Header),
        }
    }
}

fn decode(part: &str) -> Result<Vec<u8>, VerifyError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| VerifyError::Malformed)
}

fn object(part: &str) -> Result<Map<String, Value>, VerifyError> {
    match serde_json::from_slice::<Strict>(&decode(part)?) {
        Ok(Strict(Value::Object(members))) => Ok(members),
        _ => Err(VerifyError::Malformed),
    }
}

/// JSON in which no object has two members of one name: with `serde_json::Value` the last one silently wins, and two
/// readers may then see two different tokens (RFC 7515 4, RFC 7519 4).
pub(super) struct Strict(pub Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated members")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let Strict(value) = members.next_value()?;
            if map.insert(name, value).is_some() {
                return Err(de::Error::custom("repeated member"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(header: &str, claims: &str, signature: &str) -> String {
        format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims), signature)
    }

    fn refusal(jwt: &str) -> VerifyError {
        Compact::parse(jwt).err().unwrap()
    }

    #[test]
    fn s4_repeated_members_are_refused_at_every_depth() {
        for (header, claims) in [
            (r#"{"alg":"ES256","alg":"none"}"#, "{}"),
            (r#"{"alg":"ES256"}"#, r#"{"sub":"a","sub":"b"}"#),
            (r#"{"alg":"ES256"}"#, r#"{"a":[{"b":{"c":1,"c":1}}]}"#),
            (r#"{"alg":"ES256"}"#, r#"{"sub":"a","su\u0062":"b"}"#),
        ] {
            assert_eq!(refusal(&jwt(header, claims, "AAAA")), VerifyError::Malformed);
        }
    }

    #[test]
    fn s4_size_and_depth_are_bounded() {
        assert_eq!(refusal(&"a".repeat(JWS_MAX_BYTES + 1)), VerifyError::TooLong);
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(2_000), "]".repeat(2_000));
        assert_eq!(refusal(&jwt(r#"{"alg":"ES256"}"#, &deep, "AAAA")), VerifyError::Malformed);
    }

    #[test]
    fn f10_odd_shapes_are_refused() {
        let good = jwt(r#"{"alg":"ES256"}"#, "{}", "AAAA");
        assert!(Compact::parse(&good).is_ok());
        for bad in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            "....".to_owned(),
            ".".repeat(8_000),
            good.replace("AAAA", "AAA="),
            good.replace("AAAA", "AB"),
            good.replace("AAAA", "A/+A"),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{good}.AAAA.AAAA"),
            jwt("[]", "{}", "AAAA"),
            jwt(r#"{"alg":"ES256"}"#, "\"text\"", "AAAA"),
            jwt(r#"{"alg":"ES256"}"#, "{} {}", "AAAA"),
            jwt(r#"{"alg":"ES256"}"#, "{\"a\":1e999}", "AAAA"),
        ] {
            assert_eq!(refusal(&bad), VerifyError::Malformed, "{bad}");
        }
    }

    #[test]
    fn f5_an_empty_signature_is_refused() {
        assert_eq!(refusal(&jwt(r#"{"alg":"none"}"#, "{}", "")), VerifyError::Signature);
    }

    #[test]
    fn f8_headers_that_bring_a_key_are_refused() {
        for name in REFUSED_HEADERS {
            let header = format!(r#"{{"alg":"ES256","{name}":"https://127.0.0.1:9/"}}"#);
            assert_eq!(refusal(&jwt(&header, "{}", "AAAA")), VerifyError::Header, "{name}");
        }
    }
}
