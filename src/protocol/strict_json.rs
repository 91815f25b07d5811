//! JSON from strangers: bounded depth and size, no member twice, no NUL, which not every store can keep (K4, S4).

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

/// What a document may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most nested objects and arrays; a bare number has depth 0.
    pub depth: usize,
    /// Most values, counting every member and element at every level.
    pub values: usize,
}

/// A document that was not accepted: not JSON, too deep, too many values, a member twice, or a NUL in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("json_refused")]
pub struct JsonRefused;

/// Reads one JSON document.
///
/// # Errors
/// [`JsonRefused`] for text that is not JSON, goes over `limits`, names a member twice or holds a NUL.
pub fn parse(text: &str, limits: Limits) -> Result<Value, JsonRefused> {
    let left = Cell::new(limits.values);
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: limits.depth, left: &left }.deserialize(&mut reader).map_err(|_| JsonRefused)?;
    reader.end().map_err(|_| JsonRefused)?;
    Ok(value)
}

/// Reads one JSON object.
///
/// # Errors
/// As [`parse`], and for every other kind of value.
pub fn parse_object(text: &str, limits: Limits) -> Result<Map<String, Value>, JsonRefused> {
    match parse(text, limits)? {
        Value::Object(map) => Ok(map),
        _ => Err(JsonRefused),
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    left: &'a Cell<usize>,
}

impl Strict<'_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { depth, left: self.left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom("too many values"))?;
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        if value.contains('\0') { Err(E::custom("a NUL")) } else { Ok(value.into()) }
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if name.contains('\0') || map.insert(name, value).is_some() {
                return Err(A::Error::custom("a member twice, or a NUL"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { depth: 3, values: 20 };

    #[test]
    fn s4_doubled_members_are_refused_at_every_level() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"[{"exp":1,"exp":2}]"#, r#"{"a":1,"\u0061":2}"#] {
            assert_eq!(parse(text, LIMITS), Err(JsonRefused), "{text}");
        }
    }

    #[test]
    fn k4_depth_and_size_are_bounded() {
        assert!(parse("[[[1]]]", LIMITS).is_ok());
        assert_eq!(parse("[[[[1]]]]", LIMITS), Err(JsonRefused));
        assert_eq!(parse(&"[".repeat(10_000), LIMITS), Err(JsonRefused));
        assert_eq!(parse(&format!("{}{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000)), LIMITS), Err(JsonRefused));
        assert!(parse(&format!("[{}]", vec!["0"; 19].join(",")), LIMITS).is_ok());
        assert_eq!(parse(&format!("[{}]", vec!["0"; 20].join(",")), LIMITS), Err(JsonRefused));
    }

    /// PostgreSQL keeps no NUL in a text: one that came this far was an internal error instead of a refusal.
    #[test]
    fn a_nul_is_refused_wherever_it_stands() {
        for text in [r#""a\u0000""#, r#"{"sub":"\u0000"}"#, r#"{"a":["b\u0000c"]}"#, r#"{"a\u0000":1}"#] {
            assert_eq!(parse(text, LIMITS), Err(JsonRefused), "{text}");
        }
    }

    #[test]
    fn text_after_the_document_is_refused() {
        for text in ["", "{} {}", "{}x", "nul", "{'a':1}", "[1,]", "\u{feff}{}"] {
            assert_eq!(parse(text, LIMITS), Err(JsonRefused), "{text}");
        }
        assert_eq!(parse_object("[]", LIMITS), Err(JsonRefused));
    }

    proptest! {
        #[test]
        fn reads_what_serde_json_wrote(numbers in proptest::collection::vec(any::<i64>(), 0..10), text in "[^\\x00]{0,20}") {
            let value = serde_json::json!({ "numbers": numbers, "text": text, "none": null, "yes": true });
            prop_assert_eq!(parse(&value.to_string(), LIMITS), Ok(value));
        }
    }
}
