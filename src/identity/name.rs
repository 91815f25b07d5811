//! Names of people: kept as received, compared by a folded key.

use super::FormatError;
use super::format_error::serde_as_text;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A whole name in Unicode NFC with single spaces. One field: a register may hold the whole name in one place.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FullName(String);

/// Longest name, in code points after normalisation.
const LIMIT: usize = 200;
/// More marks than this on one letter are a prank: a Vietnamese vowel carries at most two.
const MARKS_ON_A_LETTER: usize = 3;

impl FullName {
    /// Reads a name as typed or received.
    ///
    /// Letters of the Latin script, apostrophes, hyphens and dots may be in it; one word is enough. Letters of other
    /// scripts are refused because they look like Latin ones and match nothing in the register.
    ///
    /// # Errors
    /// `Empty` (no letter at all), `Length` (over 200 code points) or `Character`.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        // A huge input is refused before any work; 200 letters with all their marks are far below this.
        if text.len() > LIMIT * 16 {
            return Err(FormatError::Length);
        }
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(FormatError::Character);
        }
        let name = text.nfc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
        let mut marks = 0;
        let mut letters = 0;
        for c in name.chars() {
            marks = if is_combining_mark(c) { marks + 1 } else { 0 };
            letters += usize::from(is_latin_letter(c));
            if marks > MARKS_ON_A_LETTER || !is_allowed(c) {
                return Err(FormatError::Character);
            }
        }
        if letters == 0 {
            return Err(FormatError::Empty);
        }
        if name.chars().count() > LIMIT {
            return Err(FormatError::Length);
        }
        Ok(Self(name))
    }

    /// The name as kept. Every call is a place to check that it does not reach a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key two spellings of one name share: see [`match_fold`].
    pub fn match_key(&self) -> String {
        match_fold(&self.0)
    }

    /// The name as searched for: see [`search_fold`].
    pub fn search_key(&self) -> String {
        search_fold(&self.0)
    }
}

/// Folds as clients of the population service do: Đ and its look-alike Ð become D, marks are stripped, only letters
/// and digits stay, in upper case, without spaces (`NGUYENVANA`). Spellings with y and i stay different.
pub fn match_fold(text: &str) -> String {
    let bare = without_marks(text);
    let upper: String = bare.chars().flat_map(char::to_uppercase).collect();
    without_marks(&upper).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Folds for search: no marks, lower case, words of letters and digits parted by single spaces.
pub fn search_fold(text: &str) -> String {
    let bare = without_marks(text);
    let lower: String = bare.chars().flat_map(char::to_lowercase).collect();
    let words: String = without_marks(&lower)
        .chars()
        .filter(|c| !is_apostrophe(*c))
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Decomposes and drops marks. Đ has no decomposition, so it is mapped; Ð (eth, U+00D0) looks the same.
fn without_marks(text: &str) -> String {
    text.nfd()
        .filter(|c| !is_combining_mark(*c))
        .map(|c| match c {
            'Đ' | 'Ð' => 'D',
            'đ' | 'ð' => 'd',
            other => other,
        })
        .collect()
}

const fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{2018}' | '\u{02BC}' | '`')
}

const fn is_latin_letter(c: char) -> bool {
    match c {
        '\u{00D7}' | '\u{00F7}' => false,
        'A'..='Z' | 'a'..='z' | '\u{00C0}'..='\u{024F}' | '\u{1E00}'..='\u{1EFF}' => true,
        _ => false,
    }
}

fn is_allowed(c: char) -> bool {
    is_latin_letter(c) || is_combining_mark(c) || is_apostrophe(c) || matches!(c, ' ' | '-' | '\u{2010}' | '.')
}

serde_as_text!(FullName);

impl fmt::Debug for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FullName([hidden])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> String {
        FullName::parse(text).unwrap().match_key()
    }

    #[test]
    fn names_are_kept_in_nfc_with_single_spaces() {
        let decomposed: String = "  Nguyễn \t Thị\u{00A0}Hoa ".nfd().collect();
        assert_eq!(FullName::parse(&decomposed).unwrap().as_str(), "Nguyễn Thị Hoa");
    }

    #[test]
    fn names_of_all_peoples_of_the_country_are_allowed() {
        for name in
            ["H'Hen Niê Kdăm", "H\u{2019}Hen Niê Kdăm", "Y Moan Ê-nuôl", "Rơ Châm Ơ", "John Q. Smith", "Thạch", "Ơ"]
        {
            assert_eq!(FullName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(key("H'Hen Niê Kdăm"), "HHENNIEKDAM");
        assert_eq!(key("H\u{2019}Hen Niê Kdăm"), key("H'Hen Niê Kdăm"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (text, error) in [
            ("", FormatError::Empty),
            ("   ", FormatError::Empty),
            ("' - .", FormatError::Empty),
            ("Hoa 2", FormatError::Character),
            ("Hoa ٢", FormatError::Character),
            ("Hoa ２", FormatError::Character),
            ("Hoa\0", FormatError::Character),
            ("Hoa\r\nset-cookie", FormatError::Character),
            ("Hoa\u{202E}nA", FormatError::Character),
            ("Hoa\u{200B}", FormatError::Character),
            ("<b>Hoa</b>", FormatError::Character),
            ("Ho\u{0430}", FormatError::Character),
            ("H\u{FF4F}a", FormatError::Character),
            ("Hoa\u{0301}\u{0302}\u{0303}\u{0304}\u{0305}", FormatError::Character),
        ] {
            assert_eq!(FullName::parse(text), Err(error), "{text:?}");
        }
        assert!(FullName::parse(&"ễ".repeat(200)).is_ok());
        assert_eq!(FullName::parse(&"ễ".repeat(201)), Err(FormatError::Length));
        assert_eq!(FullName::parse(&"a".repeat(1_000_000)), Err(FormatError::Length));
    }

    #[test]
    fn the_population_service_key_is_reproduced() {
        assert_eq!(key("Nguyễn Văn A"), "NGUYENVANA");
        assert_eq!(key("Đặng Thị Ước"), "DANGTHIUOC");
    }

    #[test]
    fn eth_and_d_with_stroke_are_one_letter() {
        assert_ne!("Ðỗ", "Đỗ");
        assert_eq!(key("\u{00D0}ỗ Thị Lan"), key("\u{0110}ỗ Thị Lan"));
        assert_eq!(key("\u{00F0}ỗ thị lan"), "DOTHILAN");
    }

    #[test]
    fn placement_of_the_tone_does_not_matter() {
        assert_ne!(FullName::parse("Hòa").unwrap(), FullName::parse("Hoà").unwrap());
        assert_eq!(key("Hòa"), key("Hoà"));
    }

    #[test]
    fn marks_in_the_wrong_order_do_not_matter() {
        // Acute before circumflex: NFC does not repair it.
        let wrong = "Nguye\u{0301}\u{0302}n";
        assert_ne!(FullName::parse(wrong).unwrap(), FullName::parse("Nguyến").unwrap());
        assert_eq!(key(wrong), key("Nguyến"));
    }

    #[test]
    fn spellings_with_y_and_i_stay_different() {
        assert_ne!(key("Quý"), key("Quí"));
    }

    #[test]
    fn one_field_holds_names_however_they_were_split() {
        assert_eq!(key("NGUYỄN VĂN AN"), key("nguyễn vănan"));
    }

    #[test]
    fn search_keys_keep_words_apart() {
        assert_eq!(FullName::parse("Đỗ Thị  Lan-Anh").unwrap().search_key(), "do thi lan anh");
        assert_eq!(FullName::parse("H'Hen Niê Kdăm").unwrap().search_key(), "hhen nie kdam");
        assert_eq!(search_fold("  ĐỖ   thi "), "do thi");
    }

    #[test]
    fn i17_debug_hides_the_name() {
        assert_eq!(format!("{:?}", FullName::parse("Hoa").unwrap()), "FullName([hidden])");
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in any::<String>()) {
            let (matched, searched) = (match_fold(&text), search_fold(&text));
            prop_assert_eq!(match_fold(&matched), matched.clone());
            prop_assert_eq!(search_fold(&searched), searched.clone());
        }

        #[test]
        fn every_unicode_form_folds_alike(text in any::<String>()) {
            let composed: String = text.nfc().collect();
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(match_fold(&composed), match_fold(&decomposed));
            prop_assert_eq!(search_fold(&composed), search_fold(&decomposed));
        }

        #[test]
        fn a_parsed_name_parses_as_itself(text in "[A-Za-zÀ-ỹĐđ' .\\-]{1,60}") {
            if let Ok(name) = FullName::parse(&text) {
                prop_assert_eq!(FullName::parse(name.as_str()).unwrap(), name.clone());
                prop_assert!(name.match_key().bytes().all(|b| b.is_ascii_uppercase()) || !name.as_str().is_ascii());
            }
        }

        #[test]
        fn no_input_makes_parsing_panic(text in any::<String>()) {
            let _ = FullName::parse(&text);
        }
    }
}
