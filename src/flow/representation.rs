//! For whom a sign-in is made (C7), and how tokens that exist keep saying so.

use super::{Outcome, Services, organizations};
use crate::base::{OrganizationId, PersonId};
use crate::db::{Source, Tx};
use crate::identity::{CannotAct, OrganizationCode, may_act};
use crate::protocol::representation::{Representation as Granted, RepresentationPolicy, RepresentationRequest};
use crate::store::grant::Grant;
use crate::store::organization::{self as rows, Representation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a person chose on the page "who are you doing this for?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acting {
    /// Who chose: a choice of another session's person counts for nothing.
    pub person: PersonId,
    /// For which organization; `None`: for themself.
    pub organization: Option<OrganizationId>,
}

/// For whom, as far as it is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForWhom {
    /// For themself.
    Myself,
    /// For an organization, confirmed just now.
    Organization(Box<Representation>),
    /// The person has to be asked, or told why not.
    Ask,
}

/// What the choices come to before any register is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// For themself.
    Myself,
    /// For this one.
    Organization(OrganizationId),
    /// More than one way, or none.
    Ask,
}

/// One option is taken without asking; a choice counts while it is still there. The last choice is never taken over
/// from another sign-in.
pub fn choose(
    asked: Option<&RepresentationRequest>,
    usable: &[OrganizationId],
    chosen: Option<Option<OrganizationId>>,
) -> Choice {
    let Some(asked) = asked else { return Choice::Myself };
    match (chosen, usable) {
        (Some(None), _) if !asked.required => Choice::Myself,
        (Some(Some(id)), _) if usable.contains(&id) => Choice::Organization(id),
        (Some(_), _) => Choice::Ask,
        (None, []) if !asked.required => Choice::Myself,
        (None, [only]) if asked.required => Choice::Organization(*only),
        (None, _) => Choice::Ask,
    }
}

/// The organizations a person may be able to act for, of those that a request means: the register's word may be due.
pub async fn usable(services: &Services, who: PersonId, asked: &RepresentationRequest) -> Outcome<Vec<Representation>> {
    let now = services.clock.now();
    let oldest = services.config.organizations.begin_seconds.duration();
    // A code that is none means nothing that anybody represents.
    let only: Option<Option<OrganizationCode>> = asked.organization.as_deref().map(|code| code.parse().ok());
    let meant = |found: &Representation| only.as_ref().is_none_or(|code| code.as_ref() == Some(&found.code));
    let mut list = organizations::list(services, who).await?;
    list.retain(|found| {
        let judged = may_act(&found.standing(), now, oldest);
        // What was over some time ago may be over no longer: it is asked about when the page is shown.
        let passing = matches!(judged, Err(CannotAct::Stale | CannotAct::Suspended));
        meant(found) && (judged.is_ok() || passing)
    });
    Ok(list)
}

/// For whom a sign-in is made, with the register asked where its word is old.
pub async fn for_whom(
    services: &Services,
    asked: Option<&RepresentationRequest>,
    who: PersonId,
    chosen: Option<Acting>,
) -> Outcome<ForWhom> {
    let Some(request) = asked else { return Ok(ForWhom::Myself) };
    let chosen = chosen.filter(|acting| acting.person == who).map(|acting| acting.organization);
    let ids: Vec<OrganizationId> =
        usable(services, who, request).await?.iter().map(|found| found.organization_id).collect();
    let id = match choose(asked, &ids, chosen) {
        Choice::Myself => return Ok(ForWhom::Myself),
        Choice::Ask => return Ok(ForWhom::Ask),
        Choice::Organization(id) => id,
    };
    let oldest = services.config.organizations.begin_seconds.duration();
    Ok(match organizations::confirm(services, who, id, oldest).await? {
        Ok(found) => ForWhom::Organization(Box::new(found)),
        Err(_) => ForWhom::Ask,
    })
}

/// Holds a representation for the transaction that issues a grant on it: a change of the register's word waits for the
/// grant, or the grant for the change. `None`: it is over.
pub async fn hold(services: &Services, tx: &mut Tx, chosen: &Representation) -> Outcome<Option<Representation>> {
    let (id, who) = (chosen.organization_id, chosen.person_id);
    if !rows::hold(tx, id, &chosen.number_index).await? {
        return Ok(None);
    }
    let oldest = services.config.organizations.begin_seconds.duration();
    let found = rows::find_representation(tx, id, who).await?;
    Ok(found.filter(|found| may_act(&found.standing(), services.clock.now(), oldest).is_ok()))
}

/// What tokens of a grant say about for whom the person acts.
#[derive(Debug, Clone, PartialEq)]
pub enum Stated {
    /// For themself: nothing is said.
    Myself,
    /// The value of `authorization_details`.
    Details(Value),
    /// It is over, or nothing is known for too long: the tokens do not count.
    Over(CannotAct),
}

impl Stated {
    /// The value of `authorization_details`, if there is one.
    pub const fn details(&self) -> Option<&Value> {
        match self {
            Self::Details(details) => Some(details),
            Self::Myself | Self::Over(_) => None,
        }
    }
}

/// Reads what a grant's representation is worth now, under what its client is registered for now (E5); one read, and
/// none for grants of people who act for themselves.
pub async fn stated(
    services: &Services,
    source: impl Source<'_>,
    (grant, policy): (&Grant, RepresentationPolicy),
) -> Outcome<Stated> {
    if !policy.permits(grant.organization_id.is_some()) {
        return Ok(Stated::Over(CannotAct::Portal));
    }
    let Some(id) = grant.organization_id else {
        return Ok(Stated::Myself);
    };
    let Some(found) = rows::find_representation(source, id, grant.person_id).await? else {
        return Ok(Stated::Over(CannotAct::NotNamed));
    };
    let oldest = services.config.organizations.continue_seconds.duration();
    Ok(match may_act(&found.standing(), services.clock.now(), oldest) {
        Ok(()) => Stated::Details(details(&grant.subject, &found)),
        Err(reason) => Stated::Over(reason),
    })
}

/// Whether the register's word on a grant's representation is due.
pub async fn is_due(services: &Services, source: impl Source<'_>, grant: &Grant) -> Outcome<bool> {
    let Some(id) = grant.organization_id else {
        return Ok(false);
    };
    let found = rows::find_representation(source, id, grant.person_id).await?;
    let oldest = services.config.organizations.recheck_seconds.duration();
    Ok(found.is_some_and(|found| services.clock.now().since(found.as_of) > oldest))
}

/// The authorization detail of a representation.
pub fn details(subject: &str, found: &Representation) -> Value {
    let code = found.code.to_string();
    let granted = Granted {
        actor: subject,
        code: &code,
        scheme: found.code.scheme(),
        kind: found.kind.as_str(),
        name: &found.name,
        role: found.role.as_str(),
        title: found.title.as_deref(),
        source: &found.evidence.service,
        exchange: &found.evidence.request_id,
        as_of: found.as_of,
    };
    granted.details()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn asked(required: bool) -> Option<RepresentationRequest> {
        Some(RepresentationRequest { required, organization: None })
    }

    #[test]
    fn one_option_is_taken_and_more_are_asked() {
        let [one, two] = [1, 2].map(|n| OrganizationId(Uuid::from_u128(n)));
        type Row<'a> = (Option<RepresentationRequest>, &'a [OrganizationId], Option<Option<OrganizationId>>, Choice);
        let rows: [Row<'_>; 12] = [
            (None, &[one, two], Some(Some(one)), Choice::Myself),
            (asked(false), &[], None, Choice::Myself),
            (asked(false), &[one], None, Choice::Ask),
            (asked(false), &[one], Some(None), Choice::Myself),
            (asked(false), &[one], Some(Some(one)), Choice::Organization(one)),
            // What is no option any more is no choice, and not silently another one.
            (asked(false), &[one], Some(Some(two)), Choice::Ask),
            (asked(false), &[], Some(Some(two)), Choice::Ask),
            (asked(true), &[], None, Choice::Ask),
            (asked(true), &[one], None, Choice::Organization(one)),
            (asked(true), &[one, two], None, Choice::Ask),
            (asked(true), &[one], Some(None), Choice::Ask),
            (asked(true), &[one, two], Some(Some(two)), Choice::Organization(two)),
        ];
        for (asked, usable, chosen, expected) in rows {
            assert_eq!(choose(asked.as_ref(), usable, chosen), expected, "{asked:?} {usable:?} {chosen:?}");
        }
    }
}
