//! A browser that is recognised (C1): greeted by name, with the passkey first and nothing to type. It proves nothing:
//! what follows is the same as after typing the number, and whoever holds the cookie learns a given name.

use super::{Fault, Outcome, Services};
use crate::base::{PersonId, Timestamp};
use crate::identity::PersonStatus;
use crate::store;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

/// How long a browser is recognised after the last sign-in in it.
pub const LIFETIME: Duration = Duration::from_secs(31_536_000);
/// The value that stands for a device which several people use: nobody is greeted there.
pub const SHARED: &str = "shared";
const PURPOSE: &str = "known_browser";
const ADDRESS: &[u8] = b"cookie";

/// Whom a browser is recognised for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// Who signed in there last.
    pub person: PersonId,
    /// The given name only: a stranger at the device needs no more.
    pub given_name: String,
}

/// The cookie's value for a person who signed in now: sealed, so that it names nobody to its holder.
pub fn remember(services: &Services, person: PersonId) -> Outcome<String> {
    let mut plain = person.0.as_bytes().to_vec();
    plain.extend(services.clock.now().seconds().to_be_bytes());
    let sealed = services.sealer.seal(PURPOSE, ADDRESS, &plain).map_err(Fault::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(sealed))
}

/// Whether this person signed in in the browser of that cookie before.
pub fn knows(services: &Services, cookie: Option<&str>, person: PersonId) -> bool {
    let told = cookie.and_then(|value| opened(services, value));
    told.is_some_and(|(known, since)| known == person && services.clock.now().since(since) < LIFETIME)
}

/// Whom the cookie names, unless it is too old, not ours, or of an account that was closed.
pub async fn recognise(services: &Services, cookie: Option<&str>) -> Outcome<Option<Recognised>> {
    let Some((person, since)) = cookie.and_then(|value| opened(services, value)) else {
        return Ok(None);
    };
    if services.clock.now().since(since) >= LIFETIME {
        return Ok(None);
    }
    let found = store::person::find(&services.db, person).await?;
    Ok(found.filter(|found| found.status != PersonStatus::Closed).and_then(|found| {
        let given_name = given_name(&found.full_name)?.to_owned();
        Some(Recognised { person, given_name })
    }))
}

fn opened(services: &Services, value: &str) -> Option<(PersonId, Timestamp)> {
    let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
    let plain = services.sealer.open(PURPOSE, ADDRESS, &sealed).ok()?;
    let (id, since) = plain.split_at_checked(16)?;
    let since = i64::from_be_bytes(since.try_into().ok()?);
    Some((PersonId(uuid::Uuid::from_slice(id).ok()?), Timestamp::from_seconds(since)))
}

/// The last word of a name as the register writes it: the given name.
fn given_name(full_name: &str) -> Option<&str> {
    full_name.split_whitespace().next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_tells_the_given_name_only() {
        for (full, given) in [("Nguyễn Thị Hoa", "Hoa"), ("H'Hen Niê Kdăm", "Kdăm"), ("Suharto", "Suharto")] {
            assert_eq!(given_name(full), Some(given));
        }
        assert_eq!(given_name(" "), None);
    }
}
