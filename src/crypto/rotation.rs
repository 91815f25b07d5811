//! When keys are made, published, used and retired: a pure plan (I10, T4).

use super::SigningAlgorithm;
use crate::base::Timestamp;
use std::time::Duration;

/// Clocks of nodes may differ by this much: added to every waiting time of the plan.
const CLOCK_MARGIN: Duration = Duration::from_secs(120);

/// Id, algorithm and times of a signing key, or of an encryption key, which "signs" while others should encrypt to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySchedule<A = SigningAlgorithm> {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// What it is for.
    pub algorithm: A,
    /// In JWKS from here.
    pub published_at: Timestamp,
    /// Signs from here.
    pub signs_from: Timestamp,
    /// Signs before this time only; `None` while it has no successor.
    pub signs_until: Option<Timestamp>,
    /// Leaves JWKS here; `None` while it has no successor.
    pub retires_at: Option<Timestamp>,
}

impl<A> KeySchedule<A> {
    /// Whether the key is in JWKS at `now`.
    pub fn published_at(&self, now: Timestamp) -> bool {
        self.published_at <= now && self.retires_at.is_none_or(|retires| now < retires)
    }

    /// Whether a signature of the key counts at `now`, for a node whose clock is up to `leeway` behind the one that
    /// made the key (X19).
    pub fn verifies_at(&self, now: Timestamp, leeway: Duration) -> bool {
        self.published_at(now) || self.published_at(now.plus(leeway)) && self.published_at > now
    }

    /// Whether the key may sign at `now`.
    pub fn signs_at(&self, now: Timestamp) -> bool {
        self.published_at(now) && self.signs_from <= now && self.signs_until.is_none_or(|until| now < until)
    }
}

/// How keys age.
#[derive(Debug, Clone)]
pub struct RotationPolicy<A = SigningAlgorithm> {
    /// Algorithms that must have a key.
    pub algorithms: Vec<A>,
    /// How long a key signs before its successor takes over.
    pub signing_period: Duration,
    /// How long others may cache our JWKS.
    pub jwks_max_age: Duration,
    /// Lifetime of the longest-lived token we sign.
    pub longest_token: Duration,
}

/// One step of a plan. Steps are idempotent in effect: the plan after carrying them out is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationAction<A = SigningAlgorithm> {
    /// Make a key.
    Generate {
        /// For this algorithm.
        algorithm: A,
        /// In JWKS from here.
        published_at: Timestamp,
        /// Signs from here.
        signs_from: Timestamp,
    },
    /// A key has a successor: set its end.
    Supersede {
        /// Which key.
        kid: String,
        /// When the successor takes over.
        signs_until: Timestamp,
        /// When its last token has ended.
        retires_at: Timestamp,
    },
    /// A key has retired: its private part may be destroyed.
    Erase {
        /// Which key.
        kid: String,
    },
}

impl<A> RotationAction<A> {
    /// The same step with another name for the algorithm.
    pub fn map<B>(self, name: impl FnOnce(A) -> B) -> RotationAction<B> {
        match self {
            Self::Generate { algorithm, published_at, signs_from } => {
                RotationAction::Generate { algorithm: name(algorithm), published_at, signs_from }
            }
            Self::Supersede { kid, signs_until, retires_at } => {
                RotationAction::Supersede { kid, signs_until, retires_at }
            }
            Self::Erase { kid } => RotationAction::Erase { kid },
        }
    }
}

/// What must be done now so that keys rotate by `policy`.
pub fn rotation<A: Copy + PartialEq>(
    rows: &[KeySchedule<A>],
    now: Timestamp,
    policy: &RotationPolicy<A>,
) -> Vec<RotationAction<A>> {
    plan(rows, now, policy, false)
}

/// The same, with a successor for every algorithm that has none waiting: `keys rotate`.
pub fn rotate_now<A: Copy + PartialEq>(
    rows: &[KeySchedule<A>],
    now: Timestamp,
    policy: &RotationPolicy<A>,
) -> Vec<RotationAction<A>> {
    plan(rows, now, policy, true)
}

fn plan<A: Copy + PartialEq>(
    rows: &[KeySchedule<A>],
    now: Timestamp,
    policy: &RotationPolicy<A>,
    force: bool,
) -> Vec<RotationAction<A>> {
    let mut actions = Vec::new();
    let lead = policy.jwks_max_age.saturating_add(CLOCK_MARGIN);
    for algorithm in &policy.algorithms {
        let mut keys: Vec<&KeySchedule<A>> = rows.iter().filter(|key| key.algorithm == *algorithm).collect();
        keys.sort_by_key(|key| (key.signs_from, key.published_at));
        let mut takeover = None;
        if due(keys.last().copied(), now, policy, lead, force) {
            // The very first key of an installation signs at once: nobody can have cached a JWKS without it.
            let signs_from = if rows.is_empty() { now } else { now.plus(lead) };
            actions.push(RotationAction::Generate { algorithm: *algorithm, published_at: now, signs_from });
            takeover = Some(signs_from);
        }
        supersede(&keys, takeover, policy, &mut actions);
    }
    for key in rows.iter().filter(|key| key.retires_at.is_some_and(|retires| retires <= now)) {
        actions.push(RotationAction::Erase { kid: key.kid.clone() });
    }
    actions
}

/// Whether an algorithm needs a new key now: it has none, its newest would sign too long unless a successor is
/// published now, or its newest was ended without one.
fn due<A>(
    newest: Option<&KeySchedule<A>>,
    now: Timestamp,
    policy: &RotationPolicy<A>,
    lead: Duration,
    force: bool,
) -> bool {
    let Some(newest) = newest else { return true };
    let waiting = newest.signs_from > now;
    let aged = newest.signs_from.plus(policy.signing_period) <= now.plus(lead);
    let ended = newest.signs_until.is_some() || newest.retires_at.is_some();
    !waiting && (force || aged) || ended
}

/// Ends every key at the time its next one takes over, and keeps it in JWKS until its last token has ended.
fn supersede<A>(
    keys: &[&KeySchedule<A>],
    takeover: Option<Timestamp>,
    policy: &RotationPolicy<A>,
    actions: &mut Vec<RotationAction<A>>,
) {
    let successors = keys.iter().skip(1).map(|key| key.signs_from).chain(takeover);
    for (key, signs_until) in keys.iter().zip(successors) {
        if key.signs_until.is_none() || key.retires_at.is_none() {
            let signs_until = key.signs_until.unwrap_or(signs_until);
            let retires_at = signs_until.plus(policy.longest_token).plus(CLOCK_MARGIN);
            actions.push(RotationAction::Supersede { kid: key.kid.clone(), signs_until, retires_at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RotationAction::{Erase, Generate, Supersede};
    use SigningAlgorithm::{Es256, Rs256};

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(86_400);
    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn policy(algorithms: &[SigningAlgorithm]) -> RotationPolicy {
        let algorithms = algorithms.to_vec();
        RotationPolicy { algorithms, signing_period: 30 * DAY, jwks_max_age: HOUR, longest_token: DAY }
    }

    /// Carries a plan out as the job would, with made-up key ids.
    fn carry_out(rows: &mut Vec<KeySchedule>, actions: Vec<RotationAction>) {
        for action in actions {
            match action {
                Generate { algorithm, published_at, signs_from } => rows.push(KeySchedule {
                    kid: format!("{algorithm}-{}", published_at.seconds()),
                    algorithm,
                    published_at,
                    signs_from,
                    signs_until: None,
                    retires_at: None,
                }),
                Supersede { kid, signs_until, retires_at } => {
                    let row = rows.iter_mut().find(|row| row.kid == kid).unwrap();
                    (row.signs_until, row.retires_at) = (Some(signs_until), Some(retires_at));
                }
                Erase { kid } => rows.retain(|row| row.kid != kid),
            }
        }
    }

    #[test]
    fn the_first_keys_sign_at_once() {
        let actions = rotation(&[], START, &policy(&[Es256, Rs256]));
        let first = |algorithm| Generate { algorithm, published_at: START, signs_from: START };
        assert_eq!(actions, [first(Es256), first(Rs256)]);
    }

    #[test]
    fn i10_an_algorithm_added_later_waits_for_caches() {
        let mut rows = Vec::new();
        carry_out(&mut rows, rotation(&[], START, &policy(&[Es256])));
        let actions = rotation(&rows, START.plus(DAY), &policy(&[Es256, Rs256]));
        let published_at = START.plus(DAY);
        let signs_from = published_at.plus(HOUR + CLOCK_MARGIN);
        assert_eq!(actions, [Generate { algorithm: Rs256, published_at, signs_from }]);
    }

    /// T4: a year of hourly runs. At every moment exactly one key signs, it was published at least the JWKS max-age
    /// before its first signature, and no key leaves before the last token it signed has ended.
    #[test]
    fn i10_t4_a_year_of_rotation_has_no_gap() {
        let policy = policy(&[Es256]);
        let (mut rows, mut seen) = (Vec::new(), std::collections::BTreeMap::new());
        let mut last_signed: std::collections::HashMap<String, Timestamp> = std::collections::HashMap::new();
        for hour in 0..(365 * 24) {
            let now = START.plus(HOUR * hour);
            let actions = rotation(&rows, now, &policy);
            carry_out(&mut rows, actions);
            assert_eq!(rotation(&rows, now, &policy), [], "a plan that was carried out is empty");
            let signing: Vec<&KeySchedule> = rows.iter().filter(|row| row.signs_at(now)).collect();
            assert_eq!(signing.len(), 1, "hour {hour}");
            let key = signing[0];
            assert!(hour == 0 || key.published_at == START || key.published_at.plus(policy.jwks_max_age) <= now);
            last_signed.insert(key.kid.clone(), now);
            for (kid, at) in &last_signed {
                let kept = rows.iter().any(|row| row.kid == *kid && row.published_at(now));
                assert!(kept || at.plus(policy.longest_token) < now, "{kid} left while its tokens live");
            }
            assert!(rows.len() <= 3);
            seen.entry(key.kid.clone()).or_insert(now);
        }
        assert_eq!(seen.len(), 13, "a key signs for about thirty days");
    }

    #[test]
    fn a_job_that_slept_for_months_still_lets_caches_see_the_new_key() {
        let mut rows = Vec::new();
        carry_out(&mut rows, rotation(&[], START, &policy(&[Es256])));
        let now = START.plus(200 * DAY);
        let actions = rotation(&rows, now, &policy(&[Es256]));
        carry_out(&mut rows, actions);
        let signing: Vec<_> = rows.iter().filter(|row| row.signs_at(now)).collect();
        assert_eq!((signing.len(), signing[0].published_at), (1, START));
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn x28_forced_rotation_makes_one_successor_and_not_a_second_while_it_waits() {
        let mut rows = Vec::new();
        carry_out(&mut rows, rotation(&[], START, &policy(&[Es256])));
        let now = START.plus(DAY);
        let actions = rotate_now(&rows, now, &policy(&[Es256]));
        let signs_from = now.plus(HOUR + CLOCK_MARGIN);
        let retires_at = signs_from.plus(DAY + CLOCK_MARGIN);
        assert_eq!(
            actions,
            [
                Generate { algorithm: Es256, published_at: now, signs_from },
                Supersede { kid: rows[0].kid.clone(), signs_until: signs_from, retires_at },
            ]
        );
        carry_out(&mut rows, actions);
        assert_eq!(rotate_now(&rows, now.plus(HOUR / 2), &policy(&[Es256])), []);
    }

    #[test]
    fn a_retired_key_is_erased_and_one_ended_by_hand_is_replaced() {
        let mut rows = Vec::new();
        carry_out(&mut rows, rotation(&[], START, &policy(&[Es256])));
        (rows[0].signs_until, rows[0].retires_at) = (Some(START), Some(START.plus(DAY)));
        let now = START.plus(2 * DAY);
        let signs_from = now.plus(HOUR + CLOCK_MARGIN);
        assert_eq!(
            rotation(&rows, now, &policy(&[Es256])),
            [Generate { algorithm: Es256, published_at: now, signs_from }, Erase { kid: rows[0].kid.clone() }]
        );
    }
}
