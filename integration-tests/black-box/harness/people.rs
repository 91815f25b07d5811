//! People of the register simulator, so that each test takes its own.

use dinhdanh::identity::{BirthDate, LegalState, PhoneNumber};
use dinhdanh::registers::simulator::Population;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The demo's population.
const PEOPLE: u32 = 10_000;
const SEED: u64 = 7;

/// A person without an account yet.
#[derive(Debug, Clone)]
pub struct Person {
    /// Personal number.
    pub number: String,
    /// Name as registered.
    pub full_name: String,
    /// Day, month, year of birth.
    pub birth: [String; 3],
    /// A mobile number of their own, as written inside the country.
    pub phone: String,
}

/// An adult whom no other test of this run takes.
pub fn adults() -> Person {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut person = all().get(number).unwrap_or_else(|| panic!("only {} adults", all().len())).clone();
    person.phone = format!("0971{number:06}");
    assert!(PhoneNumber::parse(&person.phone).is_ok());
    person
}

fn all() -> &'static [Person] {
    static ADULTS: OnceLock<Vec<Person>> = OnceLock::new();
    ADULTS.get_or_init(|| {
        let population = Population::generate(PEOPLE, SEED).with_demo_people();
        (0..PEOPLE)
            .filter_map(|index| population.person(index))
            .filter(|person| {
                person.legal_state == LegalState::Alive && person.former_number.is_none() && !person.foreigner
            })
            .filter_map(|person| {
                let claim = person.birth_date.to_claim();
                let [year, month, day]: [String; 3] =
                    claim.split('-').map(str::to_owned).collect::<Vec<_>>().try_into().ok()?;
                let adult = matches!(person.birth_date, BirthDate::Day(_)) && year.parse::<u32>().ok()? < 2005;
                adult.then(|| Person {
                    number: person.number.as_str().to_owned(),
                    full_name: person.full_name.as_str().to_owned(),
                    birth: [day, month, year],
                    phone: String::new(),
                })
            })
            .collect()
    })
}

/// The code that an authenticator app shows at a time (RFC 6238: SHA-1, 30 s, 6 digits).
pub fn totp_code(secret: &str, seconds: i64) -> String {
    let mut bits = String::new();
    for symbol in secret.chars().filter(|c| c.is_ascii_alphanumeric()) {
        let place = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(symbol.to_ascii_uppercase()).unwrap();
        bits.push_str(&format!("{place:05b}"));
    }
    let key: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect();
    let counter = u64::try_from(seconds / 30).unwrap().to_be_bytes();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = aws_lc_rs::hmac::sign(&key, &counter);
    let hash = tag.as_ref();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[test]
fn the_codes_of_rfc_6238_come_out() {
    // Appendix B, the last six of eight digits.
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    assert_eq!(totp_code(secret, 59), "287082");
    assert_eq!(totp_code(secret, 1_111_111_109), "081804");
}
