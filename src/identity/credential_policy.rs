//! Who may add or remove a way to sign in.
//!
//! SMS is the weakest means: a code can still arrive on a handset that its owner lost, so it never binds a new
//! credential alone (NIST SP 800-63B-4, OWASP ASVS 6.6.1).

use super::{AuthenticationLevel, Method, authentication_level};
use crate::base::Timestamp;
use std::time::Duration;

/// How long a sign-in counts as fresh for changes of credentials and contacts (ASVS 7.5.1).
pub const FRESHNESS: Duration = Duration::from_mins(5);

/// How far the clocks of two nodes may lie apart.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(90);

/// How long a new passkey signs in without authorising changes: time for its owner to notice a stranger's.
pub const SETTLING: Duration = Duration::from_hours(24);

/// Somebody who declined the offer of a passkey is not asked again for this long (ux C10).
pub const OFFER_AGAIN_AFTER: Duration = Duration::from_hours(30 * 24);

/// Whether a sign-in of that time is fresh. One that lies in the future, beyond what clocks may differ, is not (I15).
pub fn is_fresh(authenticated_at: Timestamp, now: Timestamp) -> bool {
    authenticated_at <= now.plus(CLOCK_LEEWAY) && now.since(authenticated_at) <= FRESHNESS
}

/// When a passkey made now counts fully. It signs in at authentication level 2 at once, but until then it authorises no
/// change to other credentials and gives no eIDAS substantial.
pub fn settles_at(created_at: Timestamp) -> Timestamp {
    created_at.plus(SETTLING)
}

/// Whether a passkey that settles at that time has settled.
pub fn is_settled(settles_at: Timestamp, now: Timestamp) -> bool {
    now >= settles_at
}

/// Why a passkey may not be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindRefusal {
    /// Sign in again first.
    NotFresh,
    /// A second, different proof is needed: a printed code, a password or a passkey.
    TooWeak,
    /// The only strong proof is a passkey in its first day.
    Unsettled,
}

/// Whether the proofs of a sign-in may bind a new passkey: authentication level 2, or a code together with a printed
/// recovery code. When an account is made, the register match and the code to the phone just before are enough.
///
/// # Errors
/// The reason, checked in the order of [`BindRefusal`]'s remedies: fresh first, then strength.
pub fn may_bind_passkey(proofs: &[Method], fresh: bool, creating_account: bool) -> Result<(), BindRefusal> {
    if !fresh {
        return Err(BindRefusal::NotFresh);
    }
    let sent = proofs.iter().any(|m| matches!(m, Method::SmsCode | Method::VoiceCode));
    if creating_account && sent {
        return Ok(());
    }
    let settled: Vec<Method> =
        proofs.iter().copied().filter(|m| !matches!(m, Method::Passkey { settled: false, .. })).collect();
    if binds(&settled) {
        Ok(())
    } else if binds(proofs) {
        Err(BindRefusal::Unsettled)
    } else {
        Err(BindRefusal::TooWeak)
    }
}

fn binds(proofs: &[Method]) -> bool {
    let code = proofs.iter().any(|m| matches!(m, Method::SmsCode | Method::VoiceCode | Method::Totp));
    let printed = proofs.contains(&Method::RecoveryCode);
    authentication_level(proofs) >= Some(AuthenticationLevel::Two) || (code && printed)
}

/// The ways to sign in that a person has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// Passkeys.
    pub passkeys: u32,
    /// Confirmed phone numbers.
    pub phones: u32,
    /// An authenticator app.
    pub totp: bool,
    /// A password.
    pub password: bool,
    /// Printed codes not used yet.
    pub recovery_codes: u32,
}

/// A way to sign in that can be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// One passkey.
    Passkey,
    /// One phone number.
    Phone,
    /// The authenticator app.
    Totp,
    /// The password.
    Password,
    /// All printed codes.
    RecoveryCodes,
}

impl Ways {
    /// What stays when one is taken away.
    #[must_use]
    pub const fn without(self, way: Way) -> Self {
        match way {
            Way::Passkey => Self { passkeys: self.passkeys.saturating_sub(1), ..self },
            Way::Phone => Self { phones: self.phones.saturating_sub(1), ..self },
            Way::Totp => Self { totp: false, ..self },
            Way::Password => Self { password: false, ..self },
            Way::RecoveryCodes => Self { recovery_codes: 0, ..self },
        }
    }

    /// Whether the person can sign in at all. Printed codes alone are a way back, not a way to live by.
    pub const fn can_sign_in(&self) -> bool {
        self.passkeys > 0 || self.phones > 0 || self.totp
    }

    /// Whether the person can sign in at authentication level 2.
    pub const fn is_strong(&self) -> bool {
        self.passkeys > 0 || (self.password && (self.phones > 0 || self.totp || self.recovery_codes > 0))
    }

    /// Whether the person can reach level 2, if need be by binding a new passkey (see [`may_bind_passkey`]).
    pub const fn can_become_strong(&self) -> bool {
        self.is_strong() || ((self.phones > 0 || self.totp) && self.recovery_codes > 0)
    }
}

/// What the session that asks for a change has proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeProof {
    /// The session's level.
    pub authentication_level: AuthenticationLevel,
    /// The level does not rest on a passkey of its first day.
    pub settled: bool,
    /// See [`is_fresh`].
    pub fresh: bool,
}

/// Why a way to sign in may not be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemoveRefusal {
    /// Sign in again first.
    NotFresh,
    /// Sign in at authentication level 2 first: a low session removes no factor of an account that has high ones (P5).
    LevelTooLow,
    /// The session rests on a passkey of its first day.
    Unsettled,
    /// Nothing would be left to sign in with.
    LastWay,
    /// Nothing strong would be left, nor a way to get something strong.
    LastStrongWay,
}

/// Whether a way to sign in may be removed.
///
/// # Errors
/// The reason; what the session lacks comes before what the account would lack.
pub fn may_remove(ways: &Ways, removed: Way, proof: &ChangeProof) -> Result<(), RemoveRefusal> {
    if !proof.fresh {
        return Err(RemoveRefusal::NotFresh);
    }
    if ways.is_strong() && proof.authentication_level < AuthenticationLevel::Two {
        return Err(RemoveRefusal::LevelTooLow);
    }
    if !proof.settled {
        return Err(RemoveRefusal::Unsettled);
    }
    let left = ways.without(removed);
    if !left.can_sign_in() {
        return Err(RemoveRefusal::LastWay);
    }
    if ways.can_become_strong() && !left.can_become_strong() {
        return Err(RemoveRefusal::LastStrongWay);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNVERIFIED: Method = Method::Passkey { user_verified: false, synced: false, settled: true };
    const PASSKEY: Method = Method::Passkey { user_verified: true, synced: true, settled: true };
    const NEW_PASSKEY: Method = Method::Passkey { user_verified: true, synced: true, settled: false };
    const STRONG: ChangeProof =
        ChangeProof { authentication_level: AuthenticationLevel::Two, settled: true, fresh: true };

    fn any_method() -> impl Strategy<Value = Method> {
        prop_oneof![
            Just(Method::SmsCode),
            Just(Method::VoiceCode),
            Just(Method::Totp),
            Just(Method::Password),
            Just(Method::RecoveryCode),
            any::<(bool, bool, bool)>().prop_map(|(user_verified, synced, settled)| Method::Passkey {
                user_verified,
                synced,
                settled
            }),
        ]
    }

    #[test]
    fn what_binds_a_passkey() {
        for proofs in [
            &[PASSKEY][..],
            &[Method::Password, Method::SmsCode],
            &[Method::SmsCode, Method::RecoveryCode],
            &[Method::VoiceCode, Method::RecoveryCode],
            &[Method::Totp, Method::RecoveryCode],
            &[NEW_PASSKEY, Method::Password, Method::Totp],
        ] {
            assert_eq!(may_bind_passkey(proofs, true, false), Ok(()), "{proofs:?}");
            assert_eq!(may_bind_passkey(proofs, false, false), Err(BindRefusal::NotFresh), "{proofs:?}");
        }
    }

    #[test]
    fn what_does_not_bind_a_passkey() {
        for proofs in [
            &[][..],
            &[Method::SmsCode],
            &[Method::SmsCode, Method::VoiceCode],
            &[Method::SmsCode, Method::Totp],
            &[Method::Password],
            &[Method::RecoveryCode],
            &[UNVERIFIED],
            &[UNVERIFIED, Method::SmsCode],
        ] {
            assert_eq!(may_bind_passkey(proofs, true, false), Err(BindRefusal::TooWeak), "{proofs:?}");
        }
    }

    #[test]
    fn p5_a_passkey_of_its_first_day_binds_nothing() {
        assert_eq!(may_bind_passkey(&[NEW_PASSKEY], true, false), Err(BindRefusal::Unsettled));
        assert_eq!(may_bind_passkey(&[NEW_PASSKEY, Method::SmsCode], true, false), Err(BindRefusal::Unsettled));
    }

    #[test]
    fn a_new_account_binds_its_first_passkey_by_the_code_just_sent() {
        assert_eq!(may_bind_passkey(&[Method::SmsCode], true, true), Ok(()));
        assert_eq!(may_bind_passkey(&[Method::SmsCode], false, true), Err(BindRefusal::NotFresh));
        assert_eq!(may_bind_passkey(&[], true, true), Err(BindRefusal::TooWeak));
    }

    proptest! {
        #[test]
        fn codes_sent_by_phone_never_bind_alone(proofs in proptest::collection::vec(any_method(), 0..5)) {
            let only_sent = proofs.iter().all(|m| matches!(m, Method::SmsCode | Method::VoiceCode));
            prop_assert!(!only_sent || may_bind_passkey(&proofs, true, false).is_err());
        }

        #[test]
        fn removing_never_locks_out_nor_takes_the_last_strong_way(
            passkeys in 0u32..3, phones in 0u32..3, totp: bool, password: bool, recovery_codes in 0u32..3,
        ) {
            let ways = Ways { passkeys, phones, totp, password, recovery_codes };
            for way in [Way::Passkey, Way::Phone, Way::Totp, Way::Password, Way::RecoveryCodes] {
                if may_remove(&ways, way, &STRONG).is_ok() {
                    let left = ways.without(way);
                    prop_assert!(left.can_sign_in());
                    prop_assert!(!ways.is_strong() || left.can_become_strong());
                }
            }
        }
    }

    #[test]
    fn the_last_strong_way_stays() {
        let ways = Ways { passkeys: 1, phones: 1, ..Ways::default() };
        assert_eq!(may_remove(&ways, Way::Passkey, &STRONG), Err(RemoveRefusal::LastStrongWay));
        for more in [Ways { passkeys: 2, ..ways }, Ways { password: true, ..ways }, Ways { recovery_codes: 7, ..ways }]
        {
            assert_eq!(may_remove(&more, Way::Passkey, &STRONG), Ok(()), "{more:?}");
        }
        let only = Ways { passkeys: 1, ..Ways::default() };
        assert_eq!(may_remove(&only, Way::Passkey, &STRONG), Err(RemoveRefusal::LastWay));
    }

    #[test]
    fn a_weak_account_may_lose_what_is_not_its_last_way() {
        let ways = Ways { phones: 1, totp: true, ..Ways::default() };
        let weak = ChangeProof { authentication_level: AuthenticationLevel::One, ..STRONG };
        assert_eq!(may_remove(&ways, Way::Totp, &weak), Ok(()));
        let phone_only = Ways { phones: 1, ..Ways::default() };
        assert_eq!(may_remove(&phone_only, Way::Phone, &weak), Err(RemoveRefusal::LastWay));
    }

    #[test]
    fn p5_a_low_stale_or_unsettled_session_removes_nothing() {
        let ways = Ways { passkeys: 2, phones: 1, ..Ways::default() };
        let low = ChangeProof { authentication_level: AuthenticationLevel::One, ..STRONG };
        assert_eq!(may_remove(&ways, Way::Passkey, &low), Err(RemoveRefusal::LevelTooLow));
        let stale = ChangeProof { fresh: false, ..STRONG };
        assert_eq!(may_remove(&ways, Way::Passkey, &stale), Err(RemoveRefusal::NotFresh));
        let unsettled = ChangeProof { settled: false, ..STRONG };
        assert_eq!(may_remove(&ways, Way::Passkey, &unsettled), Err(RemoveRefusal::Unsettled));
    }

    #[test]
    fn freshness_ends_after_five_minutes_and_never_begins_in_the_future() {
        let now = Timestamp::from_seconds(1_790_000_000);
        assert!(is_fresh(now.minus(FRESHNESS), now));
        assert!(!is_fresh(now.minus(FRESHNESS).minus(Duration::from_micros(1)), now));
        assert!(is_fresh(now.plus(CLOCK_LEEWAY), now));
        assert!(!is_fresh(now.plus(CLOCK_LEEWAY).plus(Duration::from_micros(1)), now));
    }

    #[test]
    fn a_passkey_settles_after_a_day() {
        let now = Timestamp::from_seconds(1_790_000_000);
        let settles = settles_at(now);
        assert!(!is_settled(settles, now.plus(SETTLING).minus(Duration::from_micros(1))));
        assert!(is_settled(settles, now.plus(SETTLING)));
    }
}
