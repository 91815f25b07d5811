//! Compact JWS (RFC 7515 7.1), read but not trusted: signatures are verified where the keys are.

use super::strict_json::{self, JsonRefused, Limits};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Most bytes of a JWS we read.
pub const MAX_BYTES: usize = 8 * 1024;

const LIMITS: Limits = Limits { depth: 5, values: 300 };

/// The two JSON parts of a JWS whose signature nobody has verified yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Unverified {
    /// JOSE header.
    pub header: Map<String, Value>,
    /// Claims.
    pub claims: Map<String, Value>,
}

/// Whether a text has the form of a signed compact JWS: three parts of base64url, none empty.
pub fn is_compact(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_part =
        |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    text.len() <= MAX_BYTES && parts.len() == 3 && parts.iter().all(is_part)
}

/// Reads header and claims without looking at the signature.
///
/// # Errors
/// [`JsonRefused`] for another form, other base64, JSON that is no object, too deep, too large or with a doubled member.
pub fn read_unverified(text: &str) -> Result<Unverified, JsonRefused> {
    read_within(text, LIMITS)
}

/// The same, with other limits for the JSON of both parts.
///
/// # Errors
/// As [`read_unverified`].
pub fn read_within(text: &str, limits: Limits) -> Result<Unverified, JsonRefused> {
    if !is_compact(text) {
        return Err(JsonRefused);
    }
    let mut parts = text.split('.').map(|part| object(part, limits));
    match (parts.next(), parts.next()) {
        (Some(header), Some(claims)) => Ok(Unverified { header: header?, claims: claims? }),
        _ => Err(JsonRefused),
    }
}

fn object(part: &str, limits: Limits) -> Result<Map<String, Value>, JsonRefused> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| JsonRefused)?;
    strict_json::parse_object(std::str::from_utf8(&bytes).map_err(|_| JsonRefused)?, limits)
}

/// RFC 7515 4.1.9: whether `typ` names a type, in any letter case, with or without `application/`.
pub fn has_type(header: &Map<String, Value>, expected: &str) -> bool {
    header.get("typ").and_then(Value::as_str).is_some_and(|typ| {
        let bare = match typ.split_at_checked("application/".len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
            _ => typ,
        };
        bare.eq_ignore_ascii_case(expected)
    })
}

/// Members of a header that point to a key or change what the signature means: never followed, always refused (F8, F10).
const FOREIGN_KEYS: &[&str] = &["crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"];

/// Whether the header points to a key of its own or asks for an extension.
pub fn has_refused_member(header: &Map<String, Value>) -> bool {
    has_refused_member_but(header, None)
}

/// The same, where one member belongs there: a DPoP proof brings its `jwk` (RFC 9449 4.2).
pub fn has_refused_member_but(header: &Map<String, Value>, allowed: Option<&str>) -> bool {
    FOREIGN_KEYS.iter().any(|member| Some(*member) != allowed && header.contains_key(*member))
}

/// A NumericDate (RFC 7519 2) as this server reads it: a whole, non-negative JSON number. Text, fraction, exponent,
/// `null` and list are not times, and never count as absent (F6).
pub fn numeric_date(value: &Value) -> Option<i64> {
    // Until the year 9999: beyond it no calendar here goes.
    value.as_i64().filter(|seconds| (0..=253_402_300_799).contains(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn encode(header: &str, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn reads_header_and_claims() {
        let read = read_unverified(&encode(r#"{"alg":"ES256"}"#, r#"{"iss":"x"}"#)).unwrap();
        assert_eq!((read.header["alg"].as_str(), read.claims["iss"].as_str()), (Some("ES256"), Some("x")));
    }

    #[test]
    fn f5_f10_other_forms_are_refused() {
        let good = encode("{}", "{}");
        for text in [
            "",
            "..",
            &good.replace(".c2ln", "."),
            &good.replace(".c2ln", ""),
            &format!("{good}.x.y"),
            &format!("{good}="),
            &".".repeat(8_000),
            &"a".repeat(MAX_BYTES + 1),
            &encode("[]", "{}"),
            &encode("{}", r#"{"exp":1,"exp":9}"#),
            &encode("{}", &format!(r#"{{"a":{}}}"#, "[".repeat(900))),
        ] {
            assert!(read_unverified(text).is_err(), "{text}");
        }
    }

    #[test]
    fn f13_types_are_compared_whole() {
        let typ = |typ: Value| json!({ "typ": typ }).as_object().cloned().unwrap();
        for same in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/at+JWT"] {
            assert!(has_type(&typ(json!(same)), "at+jwt"), "{same}");
        }
        for other in [
            json!("jwt"),
            json!("at+jwt "),
            json!("xat+jwt"),
            json!(null),
            json!(["at+jwt"]),
            json!("application/"),
            json!("đđđđđđđ"),
        ] {
            assert!(!has_type(&typ(other.clone()), "at+jwt"), "{other}");
        }
        assert!(!has_type(&Map::new(), "at+jwt"));
    }

    #[test]
    fn f6_times_of_other_json_types_are_not_times() {
        for value in [
            json!("1"),
            json!(1.0),
            json!(1.5),
            json!(-1),
            json!(1e300),
            json!(null),
            json!([1]),
            json!(true),
            json!(u64::MAX),
        ] {
            assert_eq!(numeric_date(&value), None, "{value}");
        }
        assert_eq!(numeric_date(&json!(1_700_000_000)), Some(1_700_000_000));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "[A-Za-z0-9._-]{0,200}", typ in any::<String>()) {
            let _ = read_unverified(&text);
            let _ = has_type(&Map::from_iter([("typ".to_owned(), Value::String(typ))]), "JWT");
        }
    }
}
