//! Which passwords may be chosen (NIST SP 800-63B-4 3.1.1.2, OWASP ASVS 6.2).
//!
//! A password is only ever one of two factors here, so eight code points are enough. There are no rules of composition,
//! no rotation and no hints; what is easily guessed is refused with its reason.

use super::name::match_fold;
use super::{BirthDate, FullName, PersonalNumber, PhoneNumber};
use crate::base::Secret;
use unicode_normalization::UnicodeNormalization;

/// Fewest code points of a password used beside another factor.
pub const MINIMUM: usize = 8;

/// Most bytes in NFC: room for 64 code points of any kind.
pub const MAXIMUM_BYTES: usize = 256;

/// Why a password may not be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordRefusal {
    /// Fewer than [`MINIMUM`] code points.
    TooShort,
    /// More than [`MAXIMUM_BYTES`] bytes.
    TooLong,
    /// A control character, which some keyboards cannot type again.
    Character,
    /// One that many people choose, or close to one.
    Common,
    /// A repetition, a run of the alphabet or the keyboard, or a date.
    Predictable,
    /// Little more than the person's own name, number, phone number or birth date.
    Personal,
}

/// What is known of the person who chooses; other people can find it out too.
#[derive(Clone, Copy, Debug, Default)]
pub struct PasswordContext<'a> {
    /// Personal number.
    pub number: Option<&'a PersonalNumber>,
    /// Name.
    pub name: Option<&'a FullName>,
    /// Birth date.
    pub birth_date: Option<BirthDate>,
    /// Phone number.
    pub phone: Option<&'a PhoneNumber>,
}

/// The form that is hashed, when chosen and when given: NFC, so that every keyboard makes the same bytes. `None` for
/// one too long to have been chosen, which must cost the same work as a wrong one.
pub fn normalise(password: &Secret) -> Option<Secret> {
    // NFC never makes a text shorter than a third, so this bounds the work on huge input.
    if password.expose().len() > 3 * MAXIMUM_BYTES {
        return None;
    }
    let text: String = password.expose().nfc().collect();
    (text.len() <= MAXIMUM_BYTES).then(|| Secret::new(text))
}

/// Whether a password may be chosen; gives the form to hash.
///
/// # Errors
/// The first reason against it.
pub fn check(password: &Secret, context: &PasswordContext<'_>) -> Result<Secret, PasswordRefusal> {
    let normal = normalise(password).ok_or(PasswordRefusal::TooLong)?;
    let text = normal.expose();
    if text.chars().any(char::is_control) {
        return Err(PasswordRefusal::Character);
    }
    if text.chars().count() < MINIMUM {
        return Err(PasswordRefusal::TooShort);
    }
    if is_personal(text, context) {
        return Err(PasswordRefusal::Personal);
    }
    if is_predictable(text) {
        return Err(PasswordRefusal::Predictable);
    }
    if is_common(text) {
        return Err(PasswordRefusal::Common);
    }
    Ok(normal)
}

/// Words that passwords are commonly made of, in match-key form and in order. The common passwords of eight and more
/// characters are nearly all one to three of these with a few digits.
const WORDS: &[&str] = &[
    "ABC",
    "ADMIN",
    "ADMINISTRATOR",
    "AN",
    "ANH",
    "ANHYEUEM",
    "BABY",
    "BAOMAT",
    "BASEBALL",
    "BATMAN",
    "BE",
    "BITCOIN",
    "BOBO",
    "BONG",
    "BONGDA",
    "CHANGE",
    "CHAO",
    "CHELSEA",
    "CHICKEN",
    "CHOCOLATE",
    "CHUNG",
    "COMPUTER",
    "CON",
    "CONG",
    "COOKIE",
    "DANG",
    "DANGNHAP",
    "DEFAULT",
    "DICHVUCONG",
    "DINHDANH",
    "DRAGON",
    "DUC",
    "EM",
    "EMYEUANH",
    "FACEBOOK",
    "FAMILY",
    "FLOWER",
    "FOOTBALL",
    "FOREVER",
    "FREEDOM",
    "FUCK",
    "GIADINH",
    "GOOGLE",
    "HANH",
    "HANHPHUC",
    "HANOI",
    "HELLO",
    "HOA",
    "HOANG",
    "HOCHIMINH",
    "HONG",
    "HUNG",
    "HUONG",
    "I",
    "ILOVEU",
    "ILOVEYOU",
    "INTERNET",
    "IPHONE",
    "JESUS",
    "KHANH",
    "KHOA",
    "KHONG",
    "KHONGBIET",
    "KHONGCO",
    "KING",
    "LAN",
    "LETMEIN",
    "LINH",
    "LIVERPOOL",
    "LOGIN",
    "LONG",
    "LOVE",
    "LOVER",
    "LOVEYOU",
    "MAI",
    "MANCHESTER",
    "MASTER",
    "MAT",
    "MATKHAU",
    "ME",
    "MICHAEL",
    "MINH",
    "MONKEY",
    "MOTHER",
    "MY",
    "NAM",
    "NEVER",
    "NGOC",
    "NGUYEN",
    "NHUNG",
    "NOKIA",
    "PASS",
    "PASSWORD",
    "PASSWD",
    "PHAM",
    "PHUONG",
    "PIKACHU",
    "POKEMON",
    "PRINCESS",
    "PUSSY",
    "QUANG",
    "QUYNH",
    "QWE",
    "QWERTY",
    "ROOT",
    "SAIGON",
    "SAMSUNG",
    "SECRET",
    "SHADOW",
    "SON",
    "STARWARS",
    "SUNSHINE",
    "SUPERMAN",
    "TEST",
    "THAO",
    "THANG",
    "THANH",
    "THE",
    "THIENTHAN",
    "THU",
    "THUY",
    "TINHYEU",
    "TRAN",
    "TRANG",
    "TRUNG",
    "TRUSTNO",
    "TU",
    "TUAN",
    "TUNG",
    "USER",
    "VAN",
    "VIET",
    "VIETNAM",
    "VNEID",
    "VO",
    "WELCOME",
    "WHATEVER",
    "WINDOWS",
    "XINCHAO",
    "YEU",
    "YOU",
    "ZALO",
    "ZXC",
];

/// One to three common words with at most four digits, a date, or an obvious row of digits round them.
fn is_common(text: &str) -> bool {
    let folded = match_fold(&text.replace('@', "a").replace('$', "s"));
    let core = folded.trim_matches(|c: char| c.is_ascii_digit());
    let outside: String = folded.replacen(core, "", usize::from(!core.is_empty()));
    let guessable_digits = outside.len() <= 4 || is_date(&outside) || is_predictable(&outside);
    // A zero or a one inside a word stands for a letter.
    let spelled: String = core.chars().map(unleet).collect();
    guessable_digits && !core.is_empty() && (is_words(core, 3) || is_words(&spelled, 3))
}

const fn unleet(c: char) -> char {
    match c {
        '0' => 'O',
        '1' => 'I',
        '3' => 'E',
        '4' => 'A',
        '5' => 'S',
        '7' => 'T',
        other => other,
    }
}

fn is_words(text: &str, most: usize) -> bool {
    text.is_empty()
        || (most > 0 && WORDS.iter().any(|word| text.strip_prefix(word).is_some_and(|rest| is_words(rest, most - 1))))
}

/// Rows in which neighbours are typed without thought, in either direction.
const ROWS: &[&str] = &[
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "!@#$%^&*()_+",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
];

/// Runs of on average four and more, repetitions of at most four characters, or a date.
fn is_predictable(text: &str) -> bool {
    let chars: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    if chars.is_empty() {
        return false;
    }
    let pairs = || chars.iter().zip(chars.iter().skip(1));
    let breaks = pairs().filter(|(a, b)| !are_neighbours(**a, **b)).count();
    let repeats = (1..=4)
        .any(|period| chars.len() >= 2 * period && chars.iter().zip(chars.iter().skip(period)).all(|(a, b)| a == b));
    (breaks + 1) * 4 <= chars.len() || repeats || is_date(text)
}

fn are_neighbours(a: char, b: char) -> bool {
    a == b
        || ROWS.iter().any(|row| {
            let after = row.chars().skip(1);
            row.chars().zip(after).any(|pair| pair == (a, b) || pair == (b, a))
        })
}

/// Eight digits, or parts with dots, hyphens or slashes between, that are a day of 1900 to 2099 in a usual order.
fn is_date(text: &str) -> bool {
    let digits: String = text.chars().filter(|c| !matches!(c, '.' | '-' | '/' | ' ')).collect();
    if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    let orders = [
        (part(4..8), part(2..4), part(0..2)),
        (part(4..8), part(0..2), part(2..4)),
        (part(0..4), part(4..6), part(6..8)),
    ];
    orders.iter().any(|(year, month, day)| {
        (year.starts_with("19") || year.starts_with("20"))
            && BirthDate::parse_claim(&format!("{year}-{month}-{day}")).is_ok()
    })
}

/// Whether less than a whole password is left when what others know of the person is taken out.
fn is_personal(text: &str, context: &PasswordContext<'_>) -> bool {
    let folded = match_fold(text);
    let mut known: Vec<String> = Vec::new();
    if let Some(number) = context.number {
        known.push(number.as_str().to_owned());
    }
    if let Some(phone) = context.phone {
        known.push(phone.as_str().chars().skip(3).collect());
    }
    if let Some(name) = context.name {
        known.push(name.match_key());
    }
    if let Some(BirthDate::Day(date)) = context.birth_date {
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        known.push(format!("{day:02}{month:02}{year:04}"));
        known.push(format!("{year:04}{month:02}{day:02}"));
    }
    let rest = known
        .iter()
        .filter(|word| word.chars().count() >= 5)
        .fold(folded.clone(), |rest, word| rest.replace(word.as_str(), ""));
    rest != folded && rest.chars().count() < MINIMUM
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str) -> Option<PasswordRefusal> {
        check(&Secret::new(text), &PasswordContext::default()).err()
    }

    #[test]
    fn words_are_in_match_key_form_and_occur_once() {
        for word in WORDS {
            assert_eq!(match_fold(word), *word);
        }
        let unique: std::collections::HashSet<_> = WORDS.iter().collect();
        assert_eq!(unique.len(), WORDS.len());
    }

    #[test]
    fn length_is_counted_in_code_points_and_bounded_in_bytes() {
        assert_eq!(refusal("mưa rơi"), Some(PasswordRefusal::TooShort));
        assert_eq!(refusal("mưa rơi."), None);
        assert_eq!(refusal("Ọ́ệằữ"), Some(PasswordRefusal::TooShort));
        // 64 code points of four bytes each fill the limit, one more is too many.
        let longest: String = "🐘🛶🌾🏮🐃".chars().cycle().take(64).collect();
        assert_eq!((longest.len(), refusal(&longest)), (MAXIMUM_BYTES, None));
        assert_eq!(refusal(&format!("{longest}.")), Some(PasswordRefusal::TooLong));
        assert_eq!(refusal(&"ab cd ef gh".repeat(24)), Some(PasswordRefusal::TooLong));
        assert_eq!(refusal(&"x".repeat(1_000_000)), Some(PasswordRefusal::TooLong));
    }

    #[test]
    fn no_rules_of_composition() {
        for text in ["cơm tấm sườn bì", "vdkqmzrtw", "8302957164", "GIÓ MÙA ĐÔNG BẮC", "ngựa pin ghim đúng"]
        {
            assert_eq!(refusal(text), None, "{text}");
        }
    }

    #[test]
    fn common_ones_are_refused() {
        for text in [
            "password",
            "Password123",
            "P@ssw0rd",
            "p@$$word1",
            "matkhau123",
            "Mật khẩu 1",
            "anhyeuem",
            "iloveyou2",
            "nguyenvan",
            "vietnam2026",
            "1234matkhau",
            "dichvucong",
            "admin12345678",
            "yeuem31121999",
            "qwerty2468",
        ] {
            assert_eq!(refusal(text), Some(PasswordRefusal::Common), "{text}");
        }
    }

    #[test]
    fn predictable_ones_are_refused() {
        for text in [
            "12345678",
            "87654321",
            "11111111",
            "aaaaaaaa",
            "abcabcabc",
            "12121212",
            "abcd1234",
            "1qaz2wsx",
            "qwertyuiop",
            "asdfghjkl",
            "aaaabbbb",
            "31121999",
            "19991231",
            "31.12.1999",
            "qwer1234asdf",
        ] {
            assert_eq!(refusal(text), Some(PasswordRefusal::Predictable), "{text}");
        }
    }

    #[test]
    fn personal_ones_are_refused() {
        let number = PersonalNumber::parse("001000999901").unwrap();
        let name = FullName::parse("Đỗ Thị Lan").unwrap();
        let phone = PhoneNumber::parse("0912345678").unwrap();
        let context = PasswordContext {
            number: Some(&number),
            name: Some(&name),
            birth_date: Some(BirthDate::parse_claim("1987-05-23").unwrap()),
            phone: Some(&phone),
        };
        for text in [
            "001000999901",
            "0912345678",
            "+84912345678x",
            "dothilan",
            "Đỗ Thị Lan 87",
            "23051987",
            "lan19870523",
            "dothilan23051987",
        ] {
            assert_eq!(check(&Secret::new(text), &context), Err(PasswordRefusal::Personal), "{text}");
        }
        assert!(check(&Secret::new("Đỗ Thị Lan thích đọc sách cũ"), &context).is_ok());
        let short = FullName::parse("An").unwrap();
        let context = PasswordContext { name: Some(&short), ..PasswordContext::default() };
        assert!(check(&Secret::new("ban can tan man"), &context).is_ok());
    }

    #[test]
    fn control_characters_are_refused() {
        assert_eq!(refusal("mưa rơi\0rào"), Some(PasswordRefusal::Character));
        assert_eq!(refusal("mưa rơi\nrào"), Some(PasswordRefusal::Character));
    }

    proptest! {
        #[test]
        fn both_unicode_forms_hash_alike(text in "[a-zàáảãạăằắâấđêếôốơớưứ ]{8,40}") {
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(normalise(&Secret::new(text)), normalise(&Secret::new(decomposed)));
        }
    }
}
