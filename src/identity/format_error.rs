//! Why a typed value was refused. Never carries the value itself.

/// What is wrong with a value as typed or received. The code is stable: pages and logs key on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FormatError {
    /// Nothing was given.
    #[error("empty")]
    Empty,
    /// Too few or too many characters.
    #[error("wrong length")]
    Length,
    /// A character that the value cannot hold, such as a full-width digit or a control character.
    #[error("a character that is not allowed")]
    Character,
    /// The right characters in an order that has no meaning.
    #[error("wrong structure")]
    Structure,
    /// Not a day of the calendar.
    #[error("no such date")]
    NoSuchDate,
    /// A date later than today.
    #[error("in the future")]
    Future,
    /// A date longer ago than anyone lives.
    #[error("too long ago")]
    TooLongAgo,
    /// A telephone number that is not a Vietnamese mobile one.
    #[error("not a Vietnamese mobile number")]
    NotMobile,
}

impl FormatError {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Length => "length",
            Self::Character => "character",
            Self::Structure => "structure",
            Self::NoSuchDate => "no_such_date",
            Self::Future => "future",
            Self::TooLongAgo => "too_long_ago",
            Self::NotMobile => "not_mobile",
        }
    }
}

/// Drops what people type to make digits readable: white space (also non-breaking), dots, hyphens and dashes.
pub(crate) fn without_separators(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '.' | '-' | '\u{2010}' | '\u{2011}' | '\u{2013}'))
        .collect()
}

/// Implements serde for a text type as its `as_str`, checked by `parse` on the way in.
macro_rules! serde_as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;
