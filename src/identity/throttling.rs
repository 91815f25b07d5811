//! Rules of the durable counters that slow guessing (NIST SP 800-63B-4 3.2.2) and sending.
//!
//! A counter forgets only on success, decay or an administrator's act (I8). Passkeys are never throttled: whoever locks
//! a password leaves its owner a way in (M5).

use super::Method;
use crate::base::Timestamp;
use std::time::Duration;

/// Failures (or sendings) of one subject in one scope, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// How many, without a success between.
    pub failures: u32,
    /// The first of them.
    pub first_at: Timestamp,
    /// The last of them.
    pub last_at: Timestamp,
    /// Nothing is admitted before this time.
    pub paused_until: Option<Timestamp>,
}

/// When a counter starts anew without anyone's act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forget {
    /// This long after the last attempt.
    AfterQuiet(Duration),
    /// This long after the first attempt, whatever came between.
    AfterFirst(Duration),
}

/// What happens at a number of failures beyond the growing delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// No attempt is admitted any more, not even after decay: the means must be set anew.
    Disable(u32),
    /// Paused until the counter starts anew.
    PauseUntilForgotten(u32),
}

/// How one scope is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The scope as stored: what is counted, and by whom.
    pub scope: &'static str,
    /// Failures that cost nothing.
    pub free: u32,
    /// The pause after each failure beyond the free ones; the last repeats.
    pub pauses: &'static [Duration],
    /// When the counter starts anew.
    pub forget: Forget,
    /// The end of the growing delays.
    pub limit: Limit,
}

/// Wrong entries that one sent code survives.
pub const TRIES_PER_CODE: i32 = 5;

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Go,
    /// Not before this time, which pages name.
    PausedUntil(Timestamp),
    /// Not with this means any more; another way of signing in opens a new one.
    Disabled,
}

const DAY: Duration = Duration::from_hours(24);

/// The fifth failure pauses one minute; from the eleventh on an hour.
const GUESSES: &[Duration] = &[
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(5),
    Duration::from_mins(10),
    Duration::from_mins(15),
    Duration::from_mins(30),
    Duration::from_mins(60),
];

const fn guessing(scope: &'static str) -> Rule {
    Rule { scope, free: 4, pauses: GUESSES, forget: Forget::AfterQuiet(DAY), limit: Limit::Disable(100) }
}

impl Rule {
    /// Wrong codes sent by SMS or read out, per person.
    pub const SENT_CODE: Self = guessing("code:person");
    /// Wrong passwords, per person.
    pub const PASSWORD: Self = guessing("password:person");
    /// Wrong codes of an authenticator app, per person.
    pub const TOTP: Self = guessing("totp:person");
    /// Wrong printed codes, per person.
    pub const RECOVERY: Self = guessing("recovery:person");

    /// Register matches that failed, per personal number: few, because each tells something about its owner.
    pub const MATCH: Self = Self {
        scope: "match:number",
        free: 3,
        pauses: &[Duration::from_mins(5), Duration::from_mins(15), Duration::from_mins(60)],
        forget: Forget::AfterFirst(DAY),
        limit: Limit::PauseUntilForgotten(10),
    };

    /// Codes of organizations that the register does not name the person for, per person.
    pub const ORGANIZATION: Self = Self { scope: "match:organization", ..Self::MATCH };

    /// Codes sent, per phone number: the next after 30, 60, 120 seconds, and ten in 24 hours.
    pub const SEND: Self = Self {
        scope: "send:phone",
        free: 0,
        pauses: &[Duration::from_secs(30), Duration::from_secs(60), Duration::from_secs(120)],
        forget: Forget::AfterFirst(DAY),
        limit: Limit::PauseUntilForgotten(10),
    };

    /// Codes sent to create accounts, per phone and per personal number: as [`Rule::SEND`], counted apart.
    pub const CREATE_SEND: Self = Self { scope: "create_send", ..Self::SEND };

    /// Codes sent at the wish of one network. Whole offices and mobile networks share an address: this ends only a
    /// machine that asks for number after number (M7).
    pub const SEND_NETWORK: Self = Self {
        scope: "send:network",
        free: 1_200,
        pauses: &[],
        forget: Forget::AfterFirst(Duration::from_hours(1)),
        limit: Limit::PauseUntilForgotten(1_200),
    };

    /// Codes sent to a new phone of an account, per phone and per person: as [`Rule::SEND`], counted apart.
    pub const CHANGE_SEND: Self = Self { scope: "change_send", ..Self::SEND };

    /// Codes of notices tried without a session, per network. They have forty random bits and live a week; whole mobile
    /// networks share an address, and nobody may shut another person's way to stop something.
    pub const NOTICE_CODE: Self = Self {
        scope: "notice_code:network",
        free: 1_200,
        pauses: &[],
        forget: Forget::AfterFirst(Duration::from_hours(1)),
        limit: Limit::PauseUntilForgotten(1_200),
    };

    /// Accounts begun, per network. Many people share one address of a mobile network or a public desk.
    pub const CREATE_ACCOUNT: Self = Self {
        scope: "create_account:network",
        free: 600,
        pauses: &[],
        forget: Forget::AfterFirst(Duration::from_hours(1)),
        limit: Limit::PauseUntilForgotten(600),
    };

    /// Clients registered over the wire, and tokens of registration that were refused, per network (S2).
    pub const REGISTER_CLIENT: Self = Self {
        scope: "register_client:network",
        free: 600,
        pauses: &[],
        forget: Forget::AfterFirst(Duration::from_hours(1)),
        limit: Limit::PauseUntilForgotten(600),
    };

    /// Wrong codes of devices typed in, per network and per person: five within the life of a code (RFC 8628 5.1). They
    /// have 34 random bits, and right ones are not counted.
    pub const USER_CODE: Self = Self {
        scope: "user_code",
        free: 5,
        pauses: &[],
        forget: Forget::AfterFirst(Duration::from_mins(10)),
        limit: Limit::PauseUntilForgotten(5),
    };

    /// Requests of devices, per network: anybody may ask in the name of a public client (S2).
    pub const DEVICE_REQUEST: Self = Self {
        scope: "device_request:network",
        free: 1_200,
        pauses: &[],
        forget: Forget::AfterFirst(Duration::from_hours(1)),
        limit: Limit::PauseUntilForgotten(1_200),
    };

    /// Requests for somebody's approval, per portal and hint: a portal that asks without end fills no one's list (S2).
    pub const REQUEST_FOR: Self = Self {
        scope: "request:hint",
        free: 120,
        pauses: &[],
        forget: Forget::AfterFirst(Duration::from_hours(1)),
        limit: Limit::PauseUntilForgotten(120),
    };

    /// Messages that a portal asks for somebody's approval, per person: as [`Rule::SEND`], counted apart.
    pub const REQUEST_NOTICE: Self = Self { scope: "request_notice", ..Self::SEND };

    /// The rule that slows guessing of a method; `None` for a passkey, which cannot be guessed (M5).
    pub const fn of(method: Method) -> Option<&'static Self> {
        match method {
            Method::SmsCode | Method::VoiceCode => Some(&Self::SENT_CODE),
            Method::Password => Some(&Self::PASSWORD),
            Method::Totp => Some(&Self::TOTP),
            Method::RecoveryCode => Some(&Self::RECOVERY),
            Method::Passkey { .. } => None,
        }
    }

    fn disables(&self, failures: u32) -> bool {
        matches!(self.limit, Limit::Disable(limit) if failures >= limit)
    }

    /// Whether the counter starts anew at `now`. A clock that went back forgets nothing (I15).
    fn forgets(&self, counter: &Counter, now: Timestamp) -> bool {
        if self.disables(counter.failures) {
            return false;
        }
        match self.forget {
            Forget::AfterQuiet(quiet) => now >= counter.last_at.plus(quiet),
            Forget::AfterFirst(window) => now >= counter.first_at.plus(window),
        }
    }

    /// How long the given number of failures pauses.
    fn pause(&self, failures: u32) -> Option<Duration> {
        let beyond = failures.checked_sub(self.free)?.checked_sub(1)?;
        let place = usize::try_from(beyond).unwrap_or(usize::MAX);
        self.pauses.get(place).or(self.pauses.last()).copied()
    }
}

/// Whether an attempt may be made now. `None`: nothing was counted yet.
pub fn admit(counter: Option<&Counter>, rule: &Rule, now: Timestamp) -> Admission {
    let Some(counter) = counter else { return Admission::Go };
    if rule.disables(counter.failures) {
        return Admission::Disabled;
    }
    if rule.forgets(counter, now) {
        return Admission::Go;
    }
    match counter.paused_until {
        Some(until) if now < until => Admission::PausedUntil(until),
        Some(_) | None => Admission::Go,
    }
}

/// The counter after one more failure (or sending).
pub fn after_failure(counter: Option<&Counter>, rule: &Rule, now: Timestamp) -> Counter {
    let kept = counter.filter(|c| !rule.forgets(c, now));
    let failures = kept.map_or(0, |c| c.failures).saturating_add(1);
    let first_at = kept.map_or(now, |c| c.first_at);
    // Times never run backwards, even when the clock does (I15).
    let last_at = kept.map_or(now, |c| c.last_at.max(now));
    let pause = rule.pause(failures).map(|pause| now.plus(pause));
    let to_the_end = match (rule.limit, rule.forget) {
        (Limit::PauseUntilForgotten(limit), Forget::AfterFirst(window)) if failures >= limit => {
            Some(first_at.plus(window))
        }
        (Limit::PauseUntilForgotten(limit), Forget::AfterQuiet(quiet)) if failures >= limit => {
            Some(last_at.plus(quiet))
        }
        _ => None,
    };
    let paused_until = kept.and_then(|c| c.paused_until).max(pause).max(to_the_end);
    Counter { failures, first_at, last_at, paused_until }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_790_000_000 + seconds)
    }

    /// Fails `times` times, each as soon as it is admitted; gives the counter and the time.
    fn fail(rule: &Rule, times: u32, mut now: Timestamp) -> (Option<Counter>, Timestamp) {
        let mut counter = None;
        for _ in 0..times {
            if let Admission::PausedUntil(until) = admit(counter.as_ref(), rule, now) {
                now = until;
            }
            counter = Some(after_failure(counter.as_ref(), rule, now));
        }
        (counter, now)
    }

    #[test]
    fn four_failures_are_free_then_delays_grow() {
        let pauses: Vec<Option<u64>> =
            (1..=13).map(|n| Rule::PASSWORD.pause(n).map(|pause| pause.as_secs() / 60)).collect();
        let expected = [0, 0, 0, 0, 1, 2, 5, 10, 15, 30, 60, 60, 60].map(|m| (m > 0).then_some(m));
        assert_eq!(pauses, expected);
    }

    #[test]
    fn a_pause_names_its_end_and_ends_then() {
        let (counter, now) = fail(&Rule::SENT_CODE, 5, at(0));
        let until = now.plus(Duration::from_mins(1));
        assert_eq!(admit(counter.as_ref(), &Rule::SENT_CODE, now), Admission::PausedUntil(until));
        assert_eq!(admit(counter.as_ref(), &Rule::SENT_CODE, until), Admission::Go);
    }

    #[test]
    fn m1_the_hundredth_failure_disables_for_good() {
        let rule = Rule::TOTP;
        let (counter, now) = fail(&rule, 99, at(0));
        let patient = now.plus(Duration::from_mins(60));
        assert_eq!(admit(counter.as_ref(), &rule, patient), Admission::Go);
        let hundred = after_failure(counter.as_ref(), &rule, patient);
        assert_eq!(hundred.failures, 100);
        for later in [Duration::ZERO, Duration::from_hours(1), Duration::from_hours(24 * 400)] {
            assert_eq!(admit(Some(&hundred), &rule, patient.plus(later)), Admission::Disabled);
        }
        // A late failure neither starts anew nor opens it.
        let more = after_failure(Some(&hundred), &rule, patient.plus(Duration::from_hours(48)));
        assert_eq!(more.failures, 101);
    }

    #[test]
    fn a_day_without_attempt_forgets() {
        let (counter, now) = fail(&Rule::PASSWORD, 12, at(0));
        let almost = now.plus(DAY).minus(Duration::from_micros(1));
        assert_eq!(after_failure(counter.as_ref(), &Rule::PASSWORD, almost).failures, 13);
        let counter = after_failure(counter.as_ref(), &Rule::PASSWORD, now.plus(DAY));
        assert_eq!((counter.failures, counter.paused_until), (1, None));
    }

    #[test]
    fn m5_a_passkey_is_never_throttled() {
        for user_verified in [true, false] {
            let method = Method::Passkey { user_verified, synced: false, settled: false };
            assert_eq!(Rule::of(method), None);
        }
        assert_eq!(Rule::of(Method::SmsCode), Rule::of(Method::VoiceCode));
        assert!([Method::Password, Method::Totp, Method::RecoveryCode].iter().all(|m| Rule::of(*m).is_some()));
    }

    #[test]
    fn sending_waits_30_60_120_seconds_and_stops_at_ten_a_day() {
        let rule = Rule::SEND;
        let mut waits = Vec::new();
        let (mut counter, mut now) = (None, at(0));
        for _ in 0..9 {
            let next = after_failure(counter.as_ref(), &rule, now);
            let until = next.paused_until.unwrap();
            waits.push(until.since(now).as_secs());
            counter = Some(next);
            now = until;
        }
        assert_eq!(waits, [30, 60, 120, 120, 120, 120, 120, 120, 120]);
        let tenth = after_failure(counter.as_ref(), &rule, now);
        let tomorrow = at(0).plus(DAY);
        assert_eq!(admit(Some(&tenth), &rule, now), Admission::PausedUntil(tomorrow));
        assert_eq!(admit(Some(&tenth), &rule, tomorrow), Admission::Go);
        assert_eq!(after_failure(Some(&tenth), &rule, tomorrow).failures, 1);
    }

    #[test]
    fn accounts_per_network_stop_at_six_hundred_an_hour() {
        let (counter, now) = fail(&Rule::CREATE_ACCOUNT, 599, at(0));
        assert_eq!(admit(counter.as_ref(), &Rule::CREATE_ACCOUNT, now), Admission::Go);
        let full = after_failure(counter.as_ref(), &Rule::CREATE_ACCOUNT, now);
        let until = at(0).plus(Duration::from_hours(1));
        assert_eq!(admit(Some(&full), &Rule::CREATE_ACCOUNT, now), Admission::PausedUntil(until));
    }

    #[test]
    fn match_tries_end_after_ten_in_a_day() {
        let (counter, now) = fail(&Rule::MATCH, 10, at(0));
        assert_eq!(admit(counter.as_ref(), &Rule::MATCH, now), Admission::PausedUntil(at(0).plus(DAY)));
    }

    #[test]
    fn scopes_are_told_apart() {
        let rules = [
            Rule::SENT_CODE,
            Rule::PASSWORD,
            Rule::TOTP,
            Rule::RECOVERY,
            Rule::MATCH,
            Rule::SEND,
            Rule::CREATE_ACCOUNT,
        ];
        let scopes: std::collections::HashSet<_> = rules.iter().map(|rule| rule.scope).collect();
        assert_eq!(scopes.len(), rules.len());
    }

    proptest! {
        /// I15: whatever the clock does, one more failure never shortens a pause, and a clock that goes back from
        /// a paused moment finds it paused.
        #[test]
        fn i15_a_clock_going_back_revives_nothing(
            steps in proptest::collection::vec(-200_000i64..200_000, 1..60),
            back in 0i64..1_000_000,
        ) {
            for rule in [Rule::PASSWORD, Rule::SEND, Rule::MATCH] {
                let (mut now, mut counter) = (at(0), None::<Counter>);
                for step in &steps {
                    now = if *step >= 0 {
                        now.plus(Duration::from_secs(step.unsigned_abs()))
                    } else {
                        now.minus(Duration::from_secs(step.unsigned_abs()))
                    };
                    let earlier = now.minus(Duration::from_secs(back.unsigned_abs()));
                    if admit(counter.as_ref(), &rule, now) != Admission::Go {
                        prop_assert_ne!(admit(counter.as_ref(), &rule, earlier), Admission::Go);
                    }
                    let next = after_failure(counter.as_ref(), &rule, now);
                    if let Some(before) = counter.filter(|c| !rule.forgets(c, now)) {
                        prop_assert_eq!(next.failures, before.failures + 1);
                        prop_assert!(next.paused_until >= before.paused_until);
                        prop_assert!(next.last_at >= before.last_at);
                    }
                    counter = Some(next);
                }
            }
        }
    }
}
