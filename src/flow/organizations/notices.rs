//! Messages about an organization's account, written with the change they tell of.

use super::super::outbox::Notice;
use super::super::{Outcome, Services, passkey};
use super::voice;
use crate::base::PersonId;
use crate::db::Tx;
use crate::identity::representation::LEAST_IDENTITY_LEVEL;
use crate::identity::{OrganizationAccount, PersonStatus, Voice};
use crate::store;
use crate::store::organization::{self as rows, Organization};

/// Asks the representatives who have said nothing yet for their word: once for an application, when it begins.
pub(super) async fn asked(services: &Services, tx: &mut Tx, organization: &Organization) -> Outcome<()> {
    let votes = rows::list_votes(&mut *tx, organization.id, organization.application).await?;
    if votes.len() > 1 {
        return Ok(());
    }
    let silent = |index: &_| voice(&votes, index) == Voice::Silent;
    for who in representatives(tx, organization, silent).await? {
        let notice = Notice::OrganizationAsked { name: organization.name.clone() };
        passkey::tell_phone(services, tx, who, notice).await?;
    }
    Ok(())
}

/// Tells whoever applied what came of it.
pub(super) async fn decided(
    services: &Services,
    tx: &mut Tx,
    organization: &Organization,
    to: OrganizationAccount,
) -> Outcome<()> {
    let (name, at) = (organization.name.clone(), services.clock.now());
    let notice = match to {
        OrganizationAccount::Open => Notice::OrganizationOpened { name, at },
        OrganizationAccount::Refused => Notice::OrganizationRefused { name, at },
        OrganizationAccount::Pending | OrganizationAccount::Closed => return Ok(()),
    };
    let Some(applicant) = rows::find_applicant(&mut *tx, organization.id, organization.application).await? else {
        return Ok(());
    };
    passkey::tell_phone(services, tx, applicant, notice).await
}

/// Tells every representative that the account was closed.
pub(super) async fn closed(services: &Services, tx: &mut Tx, organization: &Organization) -> Outcome<()> {
    for who in representatives(tx, organization, |_| true).await? {
        let notice = Notice::OrganizationClosed { name: organization.name.clone(), at: services.clock.now() };
        passkey::tell_phone(services, tx, who, notice).await?;
    }
    Ok(())
}

/// Those whom the register names now and who have an account here that is theirs for sure (O10).
async fn representatives(
    tx: &mut Tx,
    organization: &Organization,
    wanted: impl Fn(&crate::base::Digest) -> bool,
) -> Outcome<Vec<PersonId>> {
    let mut found = Vec::new();
    for named in rows::list_representatives(&mut *tx, organization.id).await? {
        if !wanted(&named.number_index) {
            continue;
        }
        let known = store::person::find_by_number_index(&mut *tx, &named.number_index).await?;
        let theirs = |person: &store::person::Person| {
            person.status == PersonStatus::Active && person.identity_level >= LEAST_IDENTITY_LEVEL
        };
        found.extend(known.filter(theirs).map(|person| person.id));
    }
    Ok(found)
}
