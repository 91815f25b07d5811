//! A person's sealed data, opened only where it is shown or released.

use super::{Fault, Outcome, Services};
use crate::base::{Digest, PersonId};
use crate::db::Source;
use crate::identity::{BirthDate, EmailAddress, PersonalNumber, PhoneNumber};
use crate::store;
use crate::store::contact::ContactKind;
use crate::store::person::Person;

const NUMBER: &str = "personal_number";
const BIRTH_DATE: &str = "birth_date";
const PHONE: &str = "phone";
const EMAIL: &str = "email";

/// The blind index of a personal number.
pub fn number_index(services: &Services, number: &PersonalNumber) -> Outcome<Digest> {
    services.sealer.blind_index(NUMBER, number.as_str().as_bytes()).map(Digest::from).map_err(Fault::internal)
}

/// The blind index of a phone.
pub fn phone_index(services: &Services, phone: &PhoneNumber) -> Outcome<Digest> {
    services.sealer.blind_index(PHONE, phone.as_str().as_bytes()).map(Digest::from).map_err(Fault::internal)
}

/// The blind index of an e-mail address: the same for capital and small letters, as nearly every mailbox is.
pub fn email_index(services: &Services, email: &EmailAddress) -> Outcome<Digest> {
    let folded = email.as_str().to_ascii_lowercase();
    services.sealer.blind_index(EMAIL, folded.as_bytes()).map(Digest::from).map_err(Fault::internal)
}

/// Seals an e-mail address into a contact row of a person.
pub fn seal_email(services: &Services, id: crate::base::ContactId, email: &EmailAddress) -> Outcome<Vec<u8>> {
    services.sealer.seal(EMAIL, id.0.as_bytes(), email.as_str().as_bytes()).map_err(Fault::internal)
}

/// Opens the address of a contact row.
pub fn open_email(services: &Services, contact: &store::contact::Contact) -> Outcome<EmailAddress> {
    let plain = text(services, EMAIL, contact.id.0.as_bytes(), &contact.value_sealed)?;
    EmailAddress::parse(&plain).map_err(Fault::internal)
}

/// Seals a personal number into the row of a person.
pub fn seal_number(services: &Services, id: PersonId, number: &PersonalNumber) -> Outcome<Vec<u8>> {
    services.sealer.seal(NUMBER, id.0.as_bytes(), number.as_str().as_bytes()).map_err(Fault::internal)
}

/// Seals a birth date into the row of a person.
pub fn seal_birth_date(services: &Services, id: PersonId, date: &BirthDate) -> Outcome<Vec<u8>> {
    services.sealer.seal(BIRTH_DATE, id.0.as_bytes(), date.to_claim().as_bytes()).map_err(Fault::internal)
}

/// Seals a phone into a contact row of a person.
pub fn seal_phone(services: &Services, id: crate::base::ContactId, phone: &PhoneNumber) -> Outcome<Vec<u8>> {
    services.sealer.seal(PHONE, id.0.as_bytes(), phone.as_str().as_bytes()).map_err(Fault::internal)
}

fn text(services: &Services, purpose: &'static str, address: &[u8], sealed: &[u8]) -> Outcome<String> {
    let plain = services.sealer.open(purpose, address, sealed).map_err(Fault::internal)?;
    String::from_utf8(plain.to_vec()).map_err(Fault::internal)
}

/// A person's row.
pub async fn get(services: &Services, id: PersonId) -> Outcome<Person> {
    Ok(store::person::get(&services.db, id).await?)
}

/// The personal number in force.
pub fn number(services: &Services, person: &Person) -> Outcome<PersonalNumber> {
    let text = text(services, NUMBER, person.id.0.as_bytes(), &person.number_sealed)?;
    PersonalNumber::parse(&text).map_err(Fault::internal)
}

/// The birth date, as precise as the register knows it.
pub fn birth_date(services: &Services, person: &Person) -> Outcome<BirthDate> {
    let text = text(services, BIRTH_DATE, person.id.0.as_bytes(), &person.birth_date_sealed)?;
    BirthDate::parse_claim(&text).map_err(Fault::internal)
}

/// A birth date as pages show it: `12/03/1950`, `12 March 1950` written as the register knows it, or the year alone.
pub fn shown_birth_date(date: &BirthDate, language: &str) -> String {
    match date {
        BirthDate::Year(year) => year.to_string(),
        BirthDate::Day(day) if language == "en" => format!("{} {} {}", day.day(), day.month(), day.year()),
        BirthDate::Day(day) => format!("{:02}/{:02}/{}", day.day(), u8::from(day.month()), day.year()),
    }
}

/// A person's phone and e-mail address.
#[derive(Clone, Default)]
pub struct Contacts {
    /// The phone codes go to.
    pub phone: Option<PhoneNumber>,
    /// Whether the phone was proved.
    pub phone_verified: bool,
    /// The address notices go to.
    pub email: Option<EmailAddress>,
    /// Whether the address was proved.
    pub email_verified: bool,
}

/// A phone sealed into any other row.
pub fn seal_phone_at(services: &Services, row: uuid::Uuid, phone: &PhoneNumber) -> Outcome<Vec<u8>> {
    services.sealer.seal(PHONE, row.as_bytes(), phone.as_str().as_bytes()).map_err(Fault::internal)
}

/// Opens a phone that [`seal_phone_at`] sealed.
pub fn open_phone(services: &Services, row: uuid::Uuid, sealed: &[u8]) -> Outcome<PhoneNumber> {
    PhoneNumber::parse(&text(services, PHONE, row.as_bytes(), sealed)?).map_err(Fault::internal)
}

/// Reads a person's contacts: the newest of each kind.
pub async fn contacts(services: &Services, person: PersonId) -> Outcome<Contacts> {
    contacts_from(services, &services.db, person).await
}

/// The same by the connection that a transaction holds: asking for another one while holding one starves the pool.
pub async fn contacts_from(services: &Services, source: impl Source<'_>, person: PersonId) -> Outcome<Contacts> {
    let mut found = Contacts::default();
    for contact in store::contact::list_for(source, person).await? {
        let address = contact.id.0.as_bytes();
        match contact.kind {
            ContactKind::Phone => {
                let plain = text(services, PHONE, address, &contact.value_sealed)?;
                found.phone = Some(PhoneNumber::parse(&plain).map_err(Fault::internal)?);
                found.phone_verified = contact.verified_at.is_some();
            }
            ContactKind::Email => {
                found.email = Some(open_email(services, &contact)?);
                found.email_verified = contact.verified_at.is_some();
            }
        }
    }
    Ok(found)
}
