//! Which page comes next: one pure decision from what the portal asked, what the session holds and what this
//! flow has seen. `authorize`, every sign-in page and `prompt=none` all ask here.

use crate::identity::{AuthenticationLevel, IdentityLevel, LevelDecision};
use crate::protocol::ErrorCode;

/// What stands between the person and the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Who asks from another device, and whether somebody tells the person what to do.
    Asked,
    /// Allow or refuse what was asked for from another device.
    Decide,
    /// Nobody usable is signed in (C1).
    SignIn,
    /// Signed in, but not strongly enough (C9).
    StepUp(AuthenticationLevel),
    /// The account itself must be proved at a higher level (C9, second page).
    ProveIdentity(IdentityLevel),
    /// What the portal insists on cannot be had here.
    CannotBeMet,
    /// A session from before: show who is signed in and what goes out (C6).
    Continue,
    /// Ask for whom the person acts, or say why they cannot (C7).
    ForWhom,
    /// Something to agree to, or to be told of (C8).
    Consent,
    /// Offer a passkey for next time (C10).
    OfferPasskey,
    /// Nothing more: answer with this acr.
    Finish {
        /// The acr that the tokens state.
        acr: String,
    },
}

/// All that the decision rests on.
#[derive(Debug, Clone)]
pub struct Situation {
    /// A live session of an active person.
    pub session: bool,
    /// It is recent enough for `prompt=login` and `max_age`, or was made in this flow.
    pub fresh: bool,
    /// It belongs to the person that `id_token_hint` names (true without a hint).
    pub expected_person: bool,
    /// A session was made or raised in this flow.
    pub signed_in: bool,
    /// The person asked for another account.
    pub switched: bool,
    /// The person said "continue" on C6.
    pub continued: bool,
    /// The portal was visited in this session before, and did not ask to choose an account.
    pub known_here: bool,
    /// For whom the person acts is not settled.
    pub for_whom_open: bool,
    /// Something about the data to be sent is new.
    pub consent_needed: bool,
    /// The page that shows who continues also tells what goes out, which is enough where law is the basis.
    pub notice_suffices: bool,
    /// A passkey may be offered now.
    pub offer_passkey: bool,
    /// The verdict on levels.
    pub level: LevelDecision,
}

/// The next step.
pub fn next(situation: &Situation) -> Step {
    let usable = situation.session
        && (situation.fresh || situation.signed_in)
        && situation.expected_person
        && (!situation.switched || situation.signed_in);
    if !usable {
        return Step::SignIn;
    }
    let acr = match &situation.level {
        LevelDecision::Met { acr } => acr.clone(),
        LevelDecision::StepUp { authentication_level } => return Step::StepUp(*authentication_level),
        LevelDecision::ProveIdentity { identity_level } => return Step::ProveIdentity(*identity_level),
        LevelDecision::CannotBeMet => return Step::CannotBeMet,
    };
    let shown_who = situation.signed_in || situation.continued || situation.known_here;
    if !shown_who {
        return Step::Continue;
    }
    if situation.for_whom_open {
        return Step::ForWhom;
    }
    if situation.consent_needed && !(situation.notice_suffices && situation.continued) {
        return Step::Consent;
    }
    if situation.offer_passkey && situation.signed_in {
        return Step::OfferPasskey;
    }
    Step::Finish { acr }
}

/// The answer to `prompt=none` when a page would be needed (Core 3.1.2.6).
pub const fn without_pages(step: &Step, data_leaves: bool) -> Option<ErrorCode> {
    match step {
        Step::SignIn => Some(ErrorCode::LoginRequired),
        Step::StepUp(_) | Step::ForWhom | Step::Asked | Step::Decide => Some(ErrorCode::InteractionRequired),
        Step::ProveIdentity(_) | Step::CannotBeMet => Some(ErrorCode::UnmetAuthenticationRequirements),
        Step::Consent => Some(ErrorCode::ConsentRequired),
        // Single sign-on itself needs no page; data that the person has not seen leaving does.
        Step::Continue if data_leaves => Some(ErrorCode::ConsentRequired),
        Step::Continue | Step::OfferPasskey | Step::Finish { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed_in() -> Situation {
        Situation {
            session: true,
            fresh: true,
            expected_person: true,
            signed_in: true,
            switched: false,
            continued: false,
            known_here: false,
            for_whom_open: false,
            consent_needed: false,
            notice_suffices: false,
            offer_passkey: false,
            level: LevelDecision::Met { acr: "a".into() },
        }
    }

    #[test]
    fn a_fresh_sign_in_goes_straight_back() {
        assert_eq!(next(&signed_in()), Step::Finish { acr: "a".into() });
    }

    /// P6: an old session, another person or no session never pass.
    #[test]
    fn p6_only_a_usable_session_passes() {
        for broken in [
            Situation { session: false, ..signed_in() },
            Situation { fresh: false, signed_in: false, ..signed_in() },
            Situation { expected_person: false, ..signed_in() },
            Situation { switched: true, signed_in: false, ..signed_in() },
        ] {
            assert_eq!(next(&broken), Step::SignIn);
            assert_eq!(without_pages(&next(&broken), true), Some(ErrorCode::LoginRequired));
        }
    }

    #[test]
    fn levels_come_before_data() {
        let level = LevelDecision::StepUp { authentication_level: AuthenticationLevel::Two };
        let step = next(&Situation { level, consent_needed: true, ..signed_in() });
        assert_eq!(step, Step::StepUp(AuthenticationLevel::Two));
        let refused = next(&Situation { level: LevelDecision::CannotBeMet, ..signed_in() });
        assert_eq!(refused, Step::CannotBeMet);
    }

    #[test]
    fn c6_shows_who_is_signed_in_before_another_portal() {
        let old = Situation { signed_in: false, ..signed_in() };
        assert_eq!(next(&old), Step::Continue);
        assert_eq!(next(&Situation { known_here: true, ..old.clone() }), Step::Finish { acr: "a".into() });
        let told = Situation { continued: true, consent_needed: true, notice_suffices: true, ..old.clone() };
        assert_eq!(next(&told), Step::Finish { acr: "a".into() });
        let asked = Situation { notice_suffices: false, ..told };
        assert_eq!(next(&asked), Step::Consent);
    }

    #[test]
    fn c7_for_whom_is_asked_after_who_and_before_what() {
        let open = Situation { for_whom_open: true, consent_needed: true, ..signed_in() };
        assert_eq!(next(&open), Step::ForWhom);
        assert_eq!(without_pages(&Step::ForWhom, false), Some(ErrorCode::InteractionRequired));
        assert_eq!(next(&Situation { signed_in: false, ..open.clone() }), Step::Continue);
        assert_eq!(next(&Situation { for_whom_open: false, ..open }), Step::Consent);
    }

    #[test]
    fn prompt_none_sends_no_unseen_data() {
        assert_eq!(without_pages(&Step::Continue, true), Some(ErrorCode::ConsentRequired));
        assert_eq!(without_pages(&Step::Continue, false), None);
        assert_eq!(without_pages(&Step::Consent, true), Some(ErrorCode::ConsentRequired));
    }
}
