//! What was typed into a page of the account while the session stood idle: kept sealed until the same person has signed
//! in again, then shown once on the same page. A closed list of fields, so that no password and no code is ever kept.

use super::super::session::{self, LiveSession};
use super::super::{Fault, Outcome, Services};
use crate::base::PersonId;
use crate::cache::Space;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const SPACE: Space = Space("kept_form");
const PURPOSE: &str = "kept_form";
/// How long it waits for its page after the sign-in: as long as an answer on the stop page counts.
const LIFETIME: Duration = Duration::from_mins(15);
/// The longest value kept, in characters: longer than any field allows.
const LONGEST: usize = 300;

/// Pages whose fields are kept; `{id}` is a UUID.
const FIELDS: &[(&str, &[&str])] = &[
    ("/account/phone", &["phone"]),
    ("/account/email", &["email"]),
    ("/account/passkeys/{id}/rename", &["name"]),
    ("/account/organizations/add", &["organization_code"]),
    ("/account/settings", &["language", "text", "quiet", "channel"]),
    ("/account/not-me", &["about"]),
];

/// A form that waits for its person.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeptForm {
    person: PersonId,
    page: String,
    fields: Vec<(String, String)>,
}

impl std::fmt::Debug for KeptForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeptForm {{ page: {:?} }}", self.page)
    }
}

/// The fields of a page that may be kept; `None` for a page that keeps nothing.
pub fn fields_of(page: &str) -> Option<&'static [&'static str]> {
    let fits = |pattern: &str| match pattern.split_once("{id}") {
        None => pattern == page,
        Some((before, after)) => page
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|id| uuid::Uuid::try_parse(id).is_ok_and(|parsed| parsed.to_string() == id)),
    };
    FIELDS.iter().find(|(pattern, _)| fits(pattern)).map(|(_, fields)| *fields)
}

/// The form as far as it may be kept. `None`: nothing of it may, or nothing was typed.
pub fn keep<'a>(person: PersonId, page: &str, get: impl Fn(&str) -> &'a str) -> Option<KeptForm> {
    let typed = |name: &&str| {
        let value: String = get(name).chars().take(LONGEST).collect();
        (!value.is_empty()).then(|| ((*name).to_owned(), value))
    };
    let fields: Vec<_> = fields_of(page)?.iter().filter_map(typed).collect();
    (!fields.is_empty()).then(|| KeptForm { person, page: page.to_owned(), fields })
}

/// The person of a session that is live, or that just ran out. Somebody who signed out keeps nothing.
pub async fn owner(services: &Services, live: Option<&LiveSession>, cookie: &str) -> Outcome<Option<PersonId>> {
    match live {
        Some(live) => Ok(Some(live.session.person_id)),
        None => session::late_owner(services, cookie).await,
    }
}

fn key(live: &LiveSession) -> String {
    live.session.id.to_string()
}

/// Gives a kept form to the session in which its person has signed in again. Of another person it is forgotten.
pub async fn hand_over(services: &Services, live: &LiveSession, kept: &KeptForm) -> Outcome<()> {
    if kept.person != live.session.person_id {
        return Ok(());
    }
    let key = key(live);
    let sealed = services.sealer.seal(PURPOSE, key.as_bytes(), &serde_json::to_vec(kept)?).map_err(Fault::internal)?;
    Ok(services.cache.put(SPACE, &key, &sealed, LIFETIME).await?)
}

/// What was typed on this page before: given once.
pub async fn take(services: &Services, live: &LiveSession, page: &str) -> Outcome<Vec<(String, String)>> {
    let key = key(live);
    let Some(sealed) = services.cache.get(SPACE, &key).await? else {
        return Ok(Vec::new());
    };
    let plain = services.sealer.open(PURPOSE, key.as_bytes(), &sealed).map_err(Fault::internal)?;
    let kept: KeptForm = serde_json::from_slice(&plain)?;
    if kept.page != page || kept.person != live.session.person_id {
        return Ok(Vec::new());
    }
    services.cache.remove(SPACE, &key).await?;
    Ok(kept.fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_ever_kept() {
        for (page, fields) in FIELDS {
            for field in *fields {
                let secret = ["password", "credential", "csrf"].iter().any(|word| field.contains(word));
                assert!(!secret && *field != "code", "{page}: {field}");
            }
        }
        let nobody = PersonId(uuid::Uuid::nil());
        for page in ["/account/password", "/account/phone/code", "/account/totp", "/account", "//evil.example"] {
            assert!(keep(nobody, page, |_| "x").is_none(), "{page}");
        }
        assert!(keep(nobody, "/account/phone", |_| "").is_none());
    }

    #[test]
    fn a1_a_page_with_an_id_is_taken_with_an_id_only() {
        let id = uuid::Uuid::from_u128(7);
        assert!(fields_of(&format!("/account/passkeys/{id}/rename")).is_some());
        for id in ["x", "../../evil", "", "0197000000007000800000000000000A"] {
            assert!(fields_of(&format!("/account/passkeys/{id}/rename")).is_none(), "{id}");
        }
    }
}
