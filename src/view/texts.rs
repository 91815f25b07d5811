//! Looking up texts in the catalogues under `locales/`.

use super::Locale;
use askama::filters::{Html, HtmlSafe, escape};
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{Loader, static_loader};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

static_loader! {
    static CATALOGUES = {
        locales: "./locales",
        fallback_language: "vi",
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

/// A value put into a text.
#[derive(Clone, Debug)]
pub struct Arg(FluentValue<'static>);

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self(FluentValue::from(text.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self(FluentValue::from(text))
    }
}

impl From<&String> for Arg {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

/// What templates hand over for a value bound by a pattern.
impl From<&&String> for Arg {
    fn from(text: &&String) -> Self {
        Self::from(text.as_str())
    }
}

macro_rules! number_args {
    ($($type:ty),*) => {$(
        impl From<$type> for Arg {
            fn from(number: $type) -> Self {
                Self(FluentValue::from(number))
            }
        }
        impl From<&$type> for Arg {
            fn from(number: &$type) -> Self {
                Self(FluentValue::from(*number))
            }
        }
        impl From<&&$type> for Arg {
            fn from(number: &&$type) -> Self {
                Self(FluentValue::from(**number))
            }
        }
    )*};
}
number_args!(u8, u32, u64, usize, i64);

/// Text that is already HTML: made only from catalogue texts and escaped values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markup(String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

/// Stand-ins for the tags of an emphasised value while the whole text is escaped.
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

impl Locale {
    /// The text of `key`. A key that does not exist shows as `⟦key⟧`, which the tests look for.
    pub fn t(self, key: &str) -> String {
        CATALOGUES.try_lookup(self.identifier(), key).unwrap_or_else(|| format!("⟦{key}⟧"))
    }

    /// The text of `key` with one value.
    pub fn t1(self, key: &str, name: &'static str, value: impl Into<Arg>) -> String {
        self.with(key, [(name, value.into())])
    }

    /// The text of `key` with two values.
    pub fn t2(self, key: &str, a: (&'static str, impl Into<Arg>), b: (&'static str, impl Into<Arg>)) -> String {
        self.with(key, [(a.0, a.1.into()), (b.0, b.1.into())])
    }

    /// The text of `key` with the values emphasised (a name the browser must not translate).
    pub fn strong1(self, key: &str, name: &'static str, value: &str) -> Markup {
        markup(&self.t1(key, name, marked(value)))
    }

    /// As [`Locale::strong1`], with a second, plain value.
    pub fn strong2(self, key: &str, strong: (&'static str, &str), plain: (&'static str, &str)) -> Markup {
        markup(&self.t2(key, (strong.0, marked(strong.1)), (plain.0, unmarked(plain.1))))
    }

    fn with<const N: usize>(self, key: &str, values: [(&'static str, Arg); N]) -> String {
        let values: HashMap<Cow<'static, str>, FluentValue<'static>> =
            values.into_iter().map(|(name, value)| (Cow::Borrowed(name), value.0)).collect();
        CATALOGUES.try_lookup_with_args(self.identifier(), key, &values).unwrap_or_else(|| format!("⟦{key}⟧"))
    }
}

fn unmarked(value: &str) -> String {
    value.replace([OPEN, CLOSE], "")
}

fn marked(value: &str) -> String {
    format!("{OPEN}{}{CLOSE}", unmarked(value))
}

fn markup(text: &str) -> Markup {
    let escaped = match escape(text, Html) {
        Ok(safe) => safe.to_string(),
        Err(never) => match never {},
    };
    Markup(escaped.replace(OPEN, "<strong translate=\"no\">").replace(CLOSE, "</strong>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k2_an_emphasised_value_cannot_bring_markup() {
        let value = "<b onclick=x>\u{E000}&\"'";
        let made = Locale::En.strong2("portal-box", ("portal", value), ("host", "a.example")).to_string();
        assert!(made.contains("<strong translate=\"no\">&#60;b onclick=x&#62;&#38;&#34;&#39;</strong>"), "{made}");
        assert_eq!(made.matches("<strong").count(), 1);
    }

    #[test]
    fn a_missing_key_is_visible() {
        assert_eq!(Locale::Vi.t("no-such-key"), "⟦no-such-key⟧");
    }
}
