//! What may leave to a portal: never more than a sharing agreement names, shown to the person before, recorded after.

use super::clients::KnownClient;
use super::person::{self, Contacts};
use super::{Outcome, Services};
use crate::base::PersonId;
use crate::identity::RegisterState;
use crate::protocol::ClaimName;
use crate::protocol::authorize::{AuthorizeRequest, Prompt};
use crate::protocol::jwt_claims::Released;
use crate::protocol::scope::Release;
use crate::store;
use crate::store::agreement::BasisKind;
use crate::store::person::Person;
use serde_json::Value;
use std::collections::BTreeSet;

/// What a request would release, and what stands before that.
#[derive(Debug)]
pub struct Plan {
    /// Under the agreement.
    pub release: Release,
    /// Claims that the person may refuse one by one.
    pub optional: BTreeSet<ClaimName>,
    /// Claims that were not agreed to, or told of, before.
    pub unseen: BTreeSet<ClaimName>,
    /// Claims refused earlier, which stay refused until asked again.
    pub refused: BTreeSet<ClaimName>,
    /// The person must see a page about it.
    pub page_needed: bool,
    /// The agreement rests on law: telling is enough.
    pub by_law: bool,
}

/// Plans what a request releases about a person.
pub async fn plan(
    services: &Services,
    known: &KnownClient,
    request: &AuthorizeRequest,
    person: PersonId,
) -> Outcome<Plan> {
    let earlier = if wanted(known, request).all().is_empty() {
        None
    } else {
        store::consent::find(&services.db, person, &known.client.client_id).await?
    };
    Ok(plan_with(services, known, request, earlier))
}

/// What a request may ask for under the agreement.
fn wanted(known: &KnownClient, request: &AuthorizeRequest) -> Release {
    let agreed = known.agreement.as_ref().map(|agreement| claim_names(&agreement.claims)).unwrap_or_default();
    Release::under_agreement(&request.scope, &request.claims, &agreed)
}

/// The same where the person's last consent for the client was read already.
pub fn plan_with(
    services: &Services,
    known: &KnownClient,
    request: &AuthorizeRequest,
    earlier: Option<store::consent::Consent>,
) -> Plan {
    let by_law = known.agreement.as_ref().is_some_and(|agreement| agreement.basis_kind == BasisKind::Law);
    let release = wanted(known, request);
    let wanted = release.all();
    if wanted.is_empty() {
        let page_needed = false;
        let none = BTreeSet::new();
        return Plan { release, optional: none.clone(), unseen: none.clone(), refused: none, page_needed, by_law };
    }
    let (given, refused) = earlier
        .filter(|consent| consent.is_in_force(services.clock.now()))
        .map(|consent| (claim_names(&consent.claims), claim_names(&consent.refused)))
        .unwrap_or_default();
    let of_scope = request.scope.claims();
    // What scopes stand for, the portal cannot work without; single claims may be marked voluntary (Core 5.5.1).
    let optional = if by_law {
        BTreeSet::new()
    } else {
        wanted.iter().filter(|c| !of_scope.contains(c) && !request.claims.is_essential(**c)).copied().collect()
    };
    // A refusal holds only while the claim may be refused: asked for in another way it is a new question.
    let refused: BTreeSet<ClaimName> = refused.into_iter().filter(|c| optional.contains(c)).collect();
    let unseen: BTreeSet<ClaimName> =
        wanted.iter().filter(|c| !given.contains(c) && !refused.contains(c)).copied().collect();
    let page_needed = !unseen.is_empty() || request.prompts(Prompt::Consent);
    Plan { release, optional, unseen, refused, page_needed, by_law }
}

impl Plan {
    /// Whether anything about the person would leave.
    pub fn releases(&self) -> bool {
        !self.release.all().is_empty()
    }
}

/// Claim names as stored; a name this version does not know releases nothing.
pub fn claim_names(stored: &[String]) -> BTreeSet<ClaimName> {
    stored.iter().filter_map(|name| ClaimName::parse(name)).collect()
}

/// The value of one claim, when we have it.
pub fn value(services: &Services, person: &Person, contacts: &Contacts, claim: ClaimName) -> Outcome<Option<Value>> {
    let text = |text: &str| Some(Value::from(text));
    let of_register =
        matches!(claim, ClaimName::Name | ClaimName::Birthdate | ClaimName::Gender | ClaimName::PersonalNumber);
    // What nobody confirmed is not stated to anybody (O10, architecture 5.8).
    if of_register && person.register_state != RegisterState::Verified {
        return Ok(None);
    }
    Ok(match claim {
        ClaimName::Name => text(&person.full_name),
        ClaimName::Birthdate => text(&person::birth_date(services, person)?.to_claim()),
        ClaimName::Gender => person.gender.map(|gender| Value::from(gender.as_str())),
        ClaimName::PersonalNumber => text(person::number(services, person)?.as_str()),
        ClaimName::PhoneNumber => contacts.phone.as_ref().and_then(|phone| text(phone.as_str())),
        ClaimName::PhoneNumberVerified => contacts.phone.as_ref().map(|_| Value::from(contacts.phone_verified)),
        ClaimName::Email => contacts.email.as_ref().and_then(|email| text(email.as_str())),
        ClaimName::EmailVerified => contacts.email.as_ref().map(|_| Value::from(contacts.email_verified)),
    })
}

/// The values of several claims, leaving out what we do not have.
pub async fn values(services: &Services, person: PersonId, claims: &BTreeSet<ClaimName>) -> Outcome<Released> {
    let mut map = Released::new();
    if claims.is_empty() {
        return Ok(map);
    }
    let found = store::person::get(&services.db, person).await?;
    let about_contacts = |c: &ClaimName| {
        matches!(
            c,
            ClaimName::PhoneNumber | ClaimName::PhoneNumberVerified | ClaimName::Email | ClaimName::EmailVerified
        )
    };
    let contacts =
        if claims.iter().any(about_contacts) { person::contacts(services, person).await? } else { Contacts::default() };
    for claim in claims {
        if let Some(value) = value(services, &found, &contacts, *claim)? {
            map.insert(*claim, value);
        }
    }
    Ok(map)
}
