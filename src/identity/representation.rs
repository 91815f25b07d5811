//! Who may act for an organization, and when an organization's account is open.
//!
//! One function decides ([`may_act`]); pages, tokens and jobs all ask it, so that none is laxer than another.

use super::organization::{OrganizationAccount, OrganizationStatus};
use super::{IdentityLevel, PersonStatus};
use crate::base::Timestamp;
use std::time::Duration;

/// The account level that acting for an organization needs (Decree 69/2024 art. 12: "logged in at level 2").
pub const LEAST_IDENTITY_LEVEL: IdentityLevel = IdentityLevel::Two;

/// How long ago the register may have confirmed a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// For a new authorization: older, and the register is asked first.
    pub to_begin: Duration,
    /// For tokens that exist: older, and they stop counting although nobody said so.
    pub to_continue: Duration,
}

/// Everything the decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether the person's account may be used.
    pub person: PersonStatus,
    /// How the person was proven.
    pub identity_level: IdentityLevel,
    /// The organization's account here.
    pub account: OrganizationAccount,
    /// What the register says of the organization.
    pub organization: OrganizationStatus,
    /// The register names the person as a representative.
    pub named: bool,
    /// When the register last said so.
    pub as_of: Timestamp,
}

/// Why somebody may not act for an organization now. The first that applies, the lasting ones before the passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CannotAct {
    /// The person's account may not be used.
    Person,
    /// The person is not proven well enough.
    IdentityLevel,
    /// The register does not name the person, or no longer.
    NotNamed,
    /// The organization has ended.
    Dissolved,
    /// The organization is stopped for a time.
    Suspended,
    /// Other representatives have not agreed yet, or one refused.
    NotOpen,
    /// What the register said is too old to rest on.
    Stale,
    /// The portal was registered anew: nobody acts for others there any more, or nobody for themself.
    Portal,
}

impl CannotAct {
    /// Every reason, in the order of [`may_act`]; the last is judged with the client at hand.
    pub const ALL: [Self; 8] = [
        Self::Person,
        Self::IdentityLevel,
        Self::NotNamed,
        Self::Dissolved,
        Self::Suspended,
        Self::NotOpen,
        Self::Stale,
        Self::Portal,
    ];

    /// The reason as audit rows and pages name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person_not_active",
            Self::IdentityLevel => "identity_level_too_low",
            Self::NotNamed => "no_longer_representative",
            Self::Dissolved => "organization_dissolved",
            Self::Suspended => "organization_suspended",
            Self::NotOpen => "organization_not_open",
            Self::Stale => "register_answer_too_old",
            Self::Portal => "representation_not_allowed",
        }
    }

    /// Whether tokens that rest on the representation end for good. A stale answer only stops them from counting.
    pub const fn ends_tokens(self) -> bool {
        !matches!(self, Self::Stale)
    }
}

/// Whether somebody may act for an organization at `now`, on an answer at most `oldest` old.
///
/// # Errors
/// [`CannotAct`] says why not.
pub fn may_act(standing: &Standing, now: Timestamp, oldest: Duration) -> Result<(), CannotAct> {
    let refused = if standing.person != PersonStatus::Active {
        CannotAct::Person
    } else if standing.identity_level < LEAST_IDENTITY_LEVEL {
        CannotAct::IdentityLevel
    } else if !standing.named {
        CannotAct::NotNamed
    } else if standing.organization == OrganizationStatus::Dissolved {
        CannotAct::Dissolved
    } else if standing.organization == OrganizationStatus::Suspended {
        CannotAct::Suspended
    } else if standing.account != OrganizationAccount::Open {
        CannotAct::NotOpen
    } else if standing.as_of > now.plus(Duration::from_secs(60)) || now.since(standing.as_of) > oldest {
        CannotAct::Stale
    } else {
        return Ok(());
    };
    Err(refused)
}

/// What one representative said about opening the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// Nothing yet.
    Silent,
    /// Yes.
    Agreed,
    /// No.
    Refused,
}

/// The state of an application from the voices of everybody the register names now (Decree 69/2024 art. 12: "after
/// consent of all other legal representatives"). Whoever applies agrees by that. Nobody named opens nothing.
pub fn account_of(voices: &[Voice]) -> OrganizationAccount {
    if voices.contains(&Voice::Refused) {
        OrganizationAccount::Refused
    } else if voices.is_empty() || voices.contains(&Voice::Silent) {
        OrganizationAccount::Pending
    } else {
        OrganizationAccount::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_226_400);
    const OLDEST: Duration = Duration::from_mins(5);

    fn good() -> Standing {
        Standing {
            person: PersonStatus::Active,
            identity_level: IdentityLevel::Two,
            account: OrganizationAccount::Open,
            organization: OrganizationStatus::Active,
            named: true,
            as_of: NOW.minus(OLDEST),
        }
    }

    #[test]
    fn each_reason_alone_refuses() {
        assert_eq!(may_act(&good(), NOW, OLDEST), Ok(()));
        let rows: [(Standing, CannotAct); 12] = [
            (Standing { person: PersonStatus::Locked, ..good() }, CannotAct::Person),
            (Standing { person: PersonStatus::Closed, ..good() }, CannotAct::Person),
            (Standing { person: PersonStatus::Deceased, ..good() }, CannotAct::Person),
            (Standing { identity_level: IdentityLevel::One, ..good() }, CannotAct::IdentityLevel),
            (Standing { identity_level: IdentityLevel::Zero, ..good() }, CannotAct::IdentityLevel),
            (Standing { named: false, ..good() }, CannotAct::NotNamed),
            (Standing { organization: OrganizationStatus::Dissolved, ..good() }, CannotAct::Dissolved),
            (Standing { organization: OrganizationStatus::Suspended, ..good() }, CannotAct::Suspended),
            (Standing { account: OrganizationAccount::Pending, ..good() }, CannotAct::NotOpen),
            (Standing { account: OrganizationAccount::Refused, ..good() }, CannotAct::NotOpen),
            (Standing { as_of: NOW.minus(OLDEST + Duration::from_micros(1)), ..good() }, CannotAct::Stale),
            // An answer from the future is no answer: a clock was set.
            (Standing { as_of: NOW.plus(Duration::from_secs(61)), ..good() }, CannotAct::Stale),
        ];
        // The last is judged with the client at hand: `RepresentationPolicy::permits` has its own rows.
        let mut seen = vec![CannotAct::Portal];
        for (standing, expected) in rows {
            assert_eq!(may_act(&standing, NOW, OLDEST), Err(expected), "{standing:?}");
            seen.push(expected);
        }
        assert!(CannotAct::ALL.iter().all(|reason| seen.contains(reason)), "a reason without a row");
    }

    #[test]
    fn what_lasts_is_told_before_what_passes() {
        let worst = Standing {
            named: false,
            organization: OrganizationStatus::Suspended,
            account: OrganizationAccount::Pending,
            as_of: NOW.minus(Duration::from_hours(100)),
            ..good()
        };
        assert_eq!(may_act(&worst, NOW, OLDEST), Err(CannotAct::NotNamed));
        assert!(CannotAct::ALL.into_iter().filter(|reason| !reason.ends_tokens()).eq([CannotAct::Stale]));
    }

    #[test]
    fn an_account_opens_when_all_agreed_and_one_no_is_a_no() {
        use Voice::{Agreed, Refused, Silent};
        for (voices, expected) in [
            (&[][..], OrganizationAccount::Pending),
            (&[Agreed], OrganizationAccount::Open),
            (&[Agreed, Silent], OrganizationAccount::Pending),
            (&[Agreed, Agreed, Agreed], OrganizationAccount::Open),
            (&[Agreed, Refused], OrganizationAccount::Refused),
            (&[Silent, Refused, Agreed], OrganizationAccount::Refused),
        ] {
            assert_eq!(account_of(voices), expected, "{voices:?}");
        }
    }
}
