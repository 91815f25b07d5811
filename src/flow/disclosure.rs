//! What may leave to a portal: never more than a sharing agreement names, shown to the person before, recorded after.

use super::clients::KnownClient;
use super::person::{self, Contacts};
use super::{Fault, Outcome, Services};
use crate::base::{GrantId, PersonId};
use crate::identity::{ExchangeEvidence, RegisterState};
use crate::protocol::authorize::{AuthorizeRequest, Prompt};
use crate::protocol::claims_request;
use crate::protocol::grant_terms::{AskedDetails, SealedDetails};
use crate::protocol::jwt_claims::Released;
use crate::protocol::scope::Release;
use crate::protocol::verified_claims::{self, RegisterCheck, Verification, VerifiedClaimsRequest};
use crate::protocol::{ClaimName, ScopeSet};
use crate::store;
use crate::store::agreement::BasisKind;
use crate::store::grant::Grant;
use crate::store::person::Person;
use serde_json::Value;
use std::collections::BTreeSet;

/// Stands among the claims a person agreed to, or was told of, when how they were verified left with them.
const VERIFIED: &str = "verified_claims";

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
    /// The person does not know yet that it leaves how and when they were verified.
    pub verified_unseen: bool,
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
        let none = BTreeSet::new();
        return Plan {
            release,
            optional: none.clone(),
            unseen: none.clone(),
            refused: none,
            verified_unseen: false,
            page_needed: false,
            by_law,
        };
    }
    let earlier = earlier.filter(|consent| consent.is_in_force(services.clock.now()));
    let verified_known = earlier.as_ref().is_some_and(|consent| consent.claims.iter().any(|claim| claim == VERIFIED));
    let (given, refused) =
        earlier.map(|consent| (claim_names(&consent.claims), claim_names(&consent.refused))).unwrap_or_default();
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
    let verified_unseen = !verified_known && !release.verified.is_subset(&refused);
    let page_needed = !unseen.is_empty() || verified_unseen || request.prompts(Prompt::Consent);
    Plan { release, optional, unseen, refused, verified_unseen, page_needed, by_law }
}

/// What of a release a person is told, as it is stored.
pub fn told(release: &Release) -> Vec<String> {
    let mut told: Vec<String> = release.all().iter().map(|claim| claim.as_str().to_owned()).collect();
    told.extend((!release.verified.is_empty()).then(|| VERIFIED.to_owned()));
    told
}

impl Plan {
    /// Whether anything about the person would leave.
    pub fn releases(&self) -> bool {
        !self.release.all().is_empty()
    }
}

/// Where claims leave from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The ID token.
    IdToken,
    /// The userinfo endpoint.
    Userinfo,
}

/// What leaves from one place now.
#[derive(Debug, Default)]
pub struct Leaving {
    /// Plain claims.
    pub plain: Released,
    /// `verified_claims`.
    pub verified: Option<Value>,
}

const ASKED_DETAILS: &str = "asked_details";

/// How claims were asked for, as it is kept with the grant of this id; `None` when simply by their names.
pub fn seal_details(services: &Services, grant: GrantId, details: &AskedDetails) -> Outcome<Option<SealedDetails>> {
    if *details == AskedDetails::default() {
        return Ok(None);
    }
    let plain = serde_json::to_vec(details)?;
    let sealed = services.sealer.seal(ASKED_DETAILS, grant.0.as_bytes(), &plain).map_err(Fault::internal)?;
    Ok(Some(SealedDetails(sealed)))
}

fn details_of(services: &Services, grant: &Grant) -> Outcome<AskedDetails> {
    let Some(SealedDetails(sealed)) = &grant.terms.asked_details else {
        return Ok(AskedDetails::default());
    };
    let plain = services.sealer.open(ASKED_DETAILS, grant.id.0.as_bytes(), sealed).map_err(Fault::internal)?;
    Ok(serde_json::from_slice(&plain)?)
}

/// What of a grant's claims leaves now: the agreement in force now decides, and the scopes that still count. A claim that
/// a scope stood for goes with it (E5). Verified claims pass here with the plain ones: there is no second door.
pub async fn leaving(
    services: &Services,
    known: &KnownClient,
    grant: &Grant,
    (place, scope): (Place, &ScopeSet),
) -> Outcome<Leaving> {
    let agreed = known.agreement.as_ref().map(|agreement| claim_names(&agreement.claims)).unwrap_or_default();
    let (granted, in_force) = (ScopeSet::parse(&grant.scope).unwrap_or_default().claims(), scope.claims());
    let counts = |claim: &ClaimName| agreed.contains(claim) && (in_force.contains(claim) || !granted.contains(claim));
    let details = details_of(services, grant)?;
    // Scopes speak for userinfo alone (Core 5.4).
    let (stored, exact, requests, by_scope) = match place {
        Place::IdToken => {
            (&grant.claims_id_token, &details.id_token_exact, &details.id_token_verified, BTreeSet::new())
        }
        Place::Userinfo => {
            let by_scope = granted.intersection(&in_force).copied().collect();
            (&grant.claims_userinfo, &details.userinfo_exact, &details.userinfo_verified, by_scope)
        }
    };
    let plain: BTreeSet<ClaimName> = claim_names(stored).into_iter().filter(counts).collect();
    let verified: BTreeSet<ClaimName> =
        requests.iter().flat_map(VerifiedClaimsRequest::claims).filter(|claim| counts(claim)).collect();
    let both: BTreeSet<ClaimName> = plain.union(&verified).copied().collect();
    if both.is_empty() {
        return Ok(Leaving::default());
    }
    let person = store::person::get(&services.db, grant.person_id).await?;
    let values = values_of(services, &person, &both).await?;
    let of = |claims: &BTreeSet<ClaimName>| -> Released {
        values
            .iter()
            .filter(|(member, _)| claims.contains(&member.claim()))
            .map(|(member, value)| (member.clone(), value.clone()))
            .collect()
    };
    let told = verification(services, &person, &known.client.sector)?;
    // Identity Assurance 1.0 section 5.7 leaves such a verification out; the suite wants it at userinfo.
    let keep_empty = place == Place::Userinfo && services.config.conformance.open_door_clients;
    let verified = verified_claims::answer(requests, &told, (&of(&verified), keep_empty), grant.created_at);
    Ok(Leaving { plain: claims_request::state(&of(&plain), exact, &by_scope), verified })
}

/// How the register's word on a person is told. What is not kept, such as the exchange of a person who was not matched
/// by us, is not said. The exchange has another name in each sector: by one name for all, portals would join their
/// pairwise subjects (H6).
fn verification(services: &Services, person: &Person, sector: &str) -> Outcome<Verification> {
    let check = |evidence: &ExchangeEvidence| -> Outcome<RegisterCheck> {
        let parts = [sector.as_bytes(), evidence.message_id.as_bytes()];
        let check_id = services.sealer.keyed_digest("check_id", &parts).map_err(Fault::internal)?;
        Ok(RegisterCheck { at: evidence.as_of, check_id })
    };
    Ok(Verification {
        identity_level: person.identity_level.as_u8(),
        time: person.register_as_of,
        evidence: person.register_evidence.as_ref().map(check).transpose()?,
    })
}

/// Claim names as stored; a name this version does not know releases nothing.
pub fn claim_names(stored: &[String]) -> BTreeSet<ClaimName> {
    stored.iter().filter_map(|name| ClaimName::parse(name)).collect()
}

/// The value of one claim, when we have it.
pub fn value(services: &Services, person: &Person, contacts: &Contacts, claim: ClaimName) -> Outcome<Option<Value>> {
    let text = |text: &str| Some(Value::from(text));
    // What nobody confirmed is not stated to anybody (O10, architecture 5.8).
    if claim.is_of_register() && person.register_state != RegisterState::Verified {
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
    if claims.is_empty() {
        return Ok(Released::new());
    }
    values_of(services, &store::person::get(&services.db, person).await?, claims).await
}

async fn values_of(services: &Services, person: &Person, claims: &BTreeSet<ClaimName>) -> Outcome<Released> {
    let mut map = Released::new();
    let about_contacts = |c: &ClaimName| {
        matches!(
            c,
            ClaimName::PhoneNumber | ClaimName::PhoneNumberVerified | ClaimName::Email | ClaimName::EmailVerified
        )
    };
    let contacts = if claims.iter().any(about_contacts) {
        person::contacts(services, person.id).await?
    } else {
        Contacts::default()
    };
    for claim in claims {
        if let Some(value) = value(services, person, &contacts, *claim)? {
            map.insert((*claim).into(), value);
        }
    }
    Ok(map)
}
