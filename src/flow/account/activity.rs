//! What happened on an account (C28), from the audit trail: what a person can make sense of, never the machinery.

use super::super::session::LiveSession;
use super::super::{Outcome, Services};
use crate::audit::{
    AccountEvent, CredentialEvent, Entry, Event, GrantEvent, OrganizationEvent, SessionEvent, SignInEvent,
};
use crate::base::{AuditId, OrganizationId, PersonId, Timestamp};
use crate::store;

/// Rows of the trail that one page reads at most, whatever the filter leaves of them.
const MOST_READ: usize = 1_000;
const BATCH: u32 = 200;

/// What a list is narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Signing in and out.
    SignIn,
    /// Changes of the account.
    Change,
    /// Data that left.
    Sharing,
    /// Officers who looked.
    Officer,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::SignIn, Self::Change, Self::Sharing, Self::Officer];

    /// The word in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Change => "change",
            Self::Sharing => "sharing",
            Self::Officer => "officer",
        }
    }

    /// The kind of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Of the row in the trail.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// The sentence: `activity-` and this word in the catalogues.
    pub word: &'static str,
    /// What it belongs to.
    pub kind: Kind,
    /// The portal it was about.
    pub client_id: Option<String>,
    /// For which organization the person acted.
    pub organization: Option<OrganizationId>,
    /// How the person signed in (RFC 8176 values).
    pub methods: Vec<String>,
}

/// A page of what happened, newest first, and where the next one goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deeds {
    /// Newest first.
    pub list: Vec<Deed>,
    /// The last row looked at, when there are more.
    pub next: Option<(Timestamp, AuditId)>,
}

/// Every word a [`Deed`] can have, for the test that each has its sentence.
pub const WORDS: &[&str] = &[
    "signed-in",
    "sign-in-failed",
    "code-sent",
    "code-emailed",
    "session-ended",
    "logout-told",
    "logout-untold",
    "passkey-added",
    "passkey-renamed",
    "passkey-removed",
    "password-set",
    "totp-added",
    "totp-removed",
    "codes-made",
    "code-used",
    "phone-added",
    "phone-ended",
    "email-added",
    "email-ended",
    "phone-change-asked",
    "phone-change-cancelled",
    "account-created",
    "account-confirmed",
    "account-mismatched",
    "account-renumbered",
    "account-frozen",
    "account-locked",
    "account-opened",
    "account-closed",
    "scam-stopped",
    "reported",
    "officer-viewed",
    "officer-viewed-number",
    "portal-entered",
    "consent-given",
    "consent-refused",
    "consent-ended",
    "data-sent",
    "request-asked",
    "request-denied",
    "agency-acted",
    "organization-applied",
    "organization-waiting",
    "organization-no-match",
    "organization-agreed",
    "organization-refused",
    "organization-closed",
    "organization-role-ended",
    "organization-acted",
];

/// The word and kind of an event; `None` for what only machines care about.
fn told(event: &Event) -> Option<(&'static str, Kind)> {
    Some(match event {
        Event::SignIn(event) => match event {
            SignInEvent::Succeeded { .. } => ("signed-in", Kind::SignIn),
            SignInEvent::Failed { .. } => ("sign-in-failed", Kind::SignIn),
            SignInEvent::CodeSent { channel, .. } if channel.as_str() == "email" => ("code-emailed", Kind::SignIn),
            SignInEvent::CodeSent { .. } => ("code-sent", Kind::SignIn),
            SignInEvent::Paused { .. } => return None,
        },
        Event::Session(event) => match event {
            SessionEvent::Ended { .. } => ("session-ended", Kind::SignIn),
            SessionEvent::LogoutDelivered { .. } => ("logout-told", Kind::SignIn),
            SessionEvent::LogoutFailed { .. } => ("logout-untold", Kind::SignIn),
            _ => return None,
        },
        Event::Administration(_) => return None,
        Event::Credential(event) => (credential(event), Kind::Change),
        Event::Account(event) => match event {
            AccountEvent::Viewed { full_number: true, .. } => ("officer-viewed-number", Kind::Officer),
            AccountEvent::Viewed { .. } => ("officer-viewed", Kind::Officer),
            other => (account(other), Kind::Change),
        },
        Event::Grant(event) => match event {
            GrantEvent::Issued { .. } => ("portal-entered", Kind::SignIn),
            GrantEvent::ConsentGiven { .. } => ("consent-given", Kind::Sharing),
            GrantEvent::ConsentRefused { .. } => ("consent-refused", Kind::Sharing),
            GrantEvent::ConsentEnded => ("consent-ended", Kind::Sharing),
            GrantEvent::DisclosureMade { .. } => ("data-sent", Kind::Sharing),
            GrantEvent::RequestAsked { .. } => ("request-asked", Kind::SignIn),
            GrantEvent::RequestDenied { .. } => ("request-denied", Kind::SignIn),
            GrantEvent::TokenExchanged { .. } => ("agency-acted", Kind::Sharing),
            _ => return None,
        },
        Event::Organization(event) => match event {
            OrganizationEvent::Applied { .. } => ("organization-applied", Kind::Change),
            OrganizationEvent::Waiting => ("organization-waiting", Kind::Change),
            OrganizationEvent::NoMatch => ("organization-no-match", Kind::Change),
            OrganizationEvent::Agreed { .. } => ("organization-agreed", Kind::Change),
            OrganizationEvent::Refused { .. } => ("organization-refused", Kind::Change),
            OrganizationEvent::Closed { .. } => ("organization-closed", Kind::Change),
            OrganizationEvent::RepresentationEnded { .. } => ("organization-role-ended", Kind::Change),
            OrganizationEvent::RepresentationUsed { .. } => ("organization-acted", Kind::SignIn),
            // Of the organization, and of no person.
            OrganizationEvent::Opened { .. } | OrganizationEvent::StatusChanged { .. } => return None,
        },
    })
}

fn credential(event: &CredentialEvent) -> &'static str {
    match event {
        CredentialEvent::PasskeyAdded { .. } => "passkey-added",
        CredentialEvent::PasskeyRenamed { .. } => "passkey-renamed",
        CredentialEvent::PasskeyRemoved { .. } => "passkey-removed",
        CredentialEvent::PasswordSet => "password-set",
        CredentialEvent::TotpAdded { .. } => "totp-added",
        CredentialEvent::TotpRemoved { .. } => "totp-removed",
        CredentialEvent::RecoveryCodesMade { .. } => "codes-made",
        CredentialEvent::RecoveryCodeUsed { .. } => "code-used",
        CredentialEvent::ContactAdded { contact_kind } if contact_kind.as_str() == "email" => "email-added",
        CredentialEvent::ContactEnded { contact_kind } if contact_kind.as_str() == "email" => "email-ended",
        CredentialEvent::ContactAdded { .. } => "phone-added",
        CredentialEvent::ContactEnded { .. } => "phone-ended",
        CredentialEvent::ContactChangeAsked { .. } => "phone-change-asked",
        CredentialEvent::ContactChangeCancelled { .. } => "phone-change-cancelled",
    }
}

fn account(event: &AccountEvent) -> &'static str {
    match event {
        AccountEvent::Created { .. } => "account-created",
        AccountEvent::Confirmed { .. } => "account-confirmed",
        AccountEvent::Mismatched { .. } => "account-mismatched",
        AccountEvent::Renumbered => "account-renumbered",
        AccountEvent::Locked { reason } if reason.as_str() == super::freeze::BY_PERSON => "account-frozen",
        AccountEvent::Locked { .. } => "account-locked",
        AccountEvent::Unlocked { .. } => "account-opened",
        AccountEvent::Closed { .. } => "account-closed",
        AccountEvent::ScamStopped { .. } => "scam-stopped",
        AccountEvent::Reported { .. } => "reported",
        AccountEvent::Viewed { .. } => "officer-viewed",
    }
}

fn deed(entry: Entry) -> Option<Deed> {
    let (word, kind) = told(&entry.event)?;
    let methods = match &entry.event {
        Event::SignIn(SignInEvent::Succeeded { methods, .. }) => {
            methods.iter().map(|method| method.as_str().to_owned()).collect()
        }
        _ => Vec::new(),
    };
    let organization = match &entry.event {
        Event::Organization(OrganizationEvent::RepresentationUsed { organization, .. }) => Some(*organization),
        _ => None,
    };
    Some(Deed { id: entry.id, at: entry.at, word, kind, client_id: entry.client, organization, methods })
}

/// A page of what happened on an account.
pub async fn list(
    services: &Services,
    who: PersonId,
    (kind, before): (Option<Kind>, Option<(Timestamp, AuditId)>),
    limit: usize,
) -> Outcome<Deeds> {
    let mut found = Deeds { list: Vec::new(), next: before };
    let mut read = 0;
    loop {
        let rows = store::audit::list_for_person(&services.db, who, found.next, BATCH).await?;
        let last = rows.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        read += rows.len();
        for entry in rows {
            found.next = Some((entry.at, entry.id));
            found.list.extend(deed(entry).filter(|deed| kind.is_none_or(|kind| deed.kind == kind)));
            if found.list.len() == limit {
                return Ok(found);
            }
        }
        if last {
            found.next = None;
            return Ok(found);
        }
        if read >= MOST_READ {
            return Ok(found);
        }
    }
}

/// One event of this person, for the page that reports it.
pub async fn find(services: &Services, who: PersonId, id: AuditId) -> Outcome<Option<Deed>> {
    Ok(store::audit::find_for_person(&services.db, id, who).await?.and_then(deed))
}

/// When the person signed in before this session did: whoever finds a time that was not theirs knows that something is
/// wrong. `None`: never, or long ago behind much else.
pub async fn sign_in_before(services: &Services, live: &LiveSession) -> Outcome<Option<Timestamp>> {
    let rows = store::audit::list_for_person(&services.db, live.session.person_id, None, BATCH).await?;
    let other = |entry: &&Entry| {
        matches!(entry.event, Event::SignIn(SignInEvent::Succeeded { .. })) && entry.session != Some(live.session.id)
    };
    Ok(rows.iter().find(other).map(|entry| entry.at))
}
