//! The two languages and how one is chosen.

use fluent_templates::{LanguageIdentifier, langid};
use serde::{Deserialize, Serialize};

static VIETNAMESE: LanguageIdentifier = langid!("vi");
static ENGLISH: LanguageIdentifier = langid!("en");

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// Vietnamese, the language when nothing else is known.
    #[default]
    Vi,
    /// English.
    En,
}

impl Locale {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::Vi, Self::En];

    /// The language tag (BCP 47), also the value of the language cookie and of `?lang=`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Vi => "vi",
            Self::En => "en",
        }
    }

    /// The other language.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Vi => Self::En,
            Self::En => Self::Vi,
        }
    }

    /// The language's name in itself.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::Vi => "Tiếng Việt",
            Self::En => "English",
        }
    }

    /// One tag, such as `en`, `en-GB` or `vi_VN`. `None` for a language the pages are not written in.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("vi") {
            Some(Self::Vi)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Self::En)
        } else {
            None
        }
    }

    /// Chooses by `ui_locales` (OpenID Connect Core 3.1.2.1: tags separated by spaces, best first), then the
    /// person's cookie, then `Accept-Language` (RFC 9110 12.5.4), then Vietnamese. Reads at most 16 tags of each.
    pub fn negotiate(ui_locales: Option<&str>, cookie: Option<&str>, accept_language: Option<&str>) -> Self {
        ui_locales
            .and_then(|list| list.split(' ').take(16).find_map(Self::from_tag))
            .or_else(|| cookie.and_then(Self::from_tag))
            .or_else(|| accept_language.and_then(Self::from_accept_language))
            .unwrap_or_default()
    }

    fn from_accept_language(header: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for range in header.split(',').take(16) {
            let mut parts = range.split(';');
            let Some(locale) = parts.next().and_then(Self::from_tag) else { continue };
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0));
            if quality > best.map_or(0.0, |(_, q)| q) {
                best = Some((locale, quality));
            }
        }
        best.map(|(locale, _)| locale)
    }

    pub(super) fn identifier(self) -> &'static LanguageIdentifier {
        match self {
            Self::Vi => &VIETNAMESE,
            Self::En => &ENGLISH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_wins_over_cookie_and_browser() {
        assert_eq!(Locale::negotiate(Some("fr en vi"), Some("vi"), Some("vi")), Locale::En);
        assert_eq!(Locale::negotiate(Some("fr de"), Some("en"), Some("vi")), Locale::En);
        assert_eq!(Locale::negotiate(None, None, Some("fr, en-GB;q=0.7, vi;q=0.8")), Locale::Vi);
        assert_eq!(Locale::negotiate(None, Some("xx"), Some("fr, en-US;q=0.3")), Locale::En);
        assert_eq!(Locale::negotiate(None, None, Some("en;q=0, *")), Locale::Vi);
        assert_eq!(Locale::negotiate(None, None, None), Locale::Vi);
    }

    #[test]
    fn a_tag_is_read_by_its_first_part_only() {
        assert_eq!(Locale::from_tag("vi-VN"), Some(Locale::Vi));
        assert_eq!(Locale::from_tag("EN_us"), Some(Locale::En));
        assert_eq!(Locale::from_tag("enx"), None);
        assert_eq!(Locale::from_tag(""), None);
    }
}
