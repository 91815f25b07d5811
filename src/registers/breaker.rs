//! A breaker: after repeated failures a register is left alone for a while, then tried with one call.
//!
//! A pure state machine, with the time handed in; [`super::guarded`] puts it around a register.

use crate::base::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When to open and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerPolicy {
    /// Failures in a row that open the breaker; 0 counts as 1.
    pub failures_to_open: u32,
    /// Seconds before one call is let through again.
    pub open_seconds: u32,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures_to_open: 5, open_seconds: 15 }
    }
}

impl BreakerPolicy {
    fn open_for(self) -> Duration {
        Duration::from_secs(u64::from(self.open_seconds))
    }
}

/// What the breaker does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// Calls are refused at once.
    Open,
    /// One call is on its way to find out; others are refused.
    HalfOpen,
}

impl BreakerState {
    /// The word for metrics and readiness answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed { failures: u32 },
    Open { since: Timestamp },
    HalfOpen { since: Timestamp },
}

/// Leave to make one call. Its outcome is told by handing it back; from an older phase it counts for nothing.
#[derive(Debug)]
#[must_use = "a ticket that is not handed back leaves the breaker half open"]
pub struct Ticket {
    phase: u64,
}

/// The state of one register's breaker.
#[derive(Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    phase: Phase,
    /// Counts changes of phase, so that a late outcome cannot speak about a phase it did not see.
    number: u64,
}

impl Breaker {
    /// Closed, with no failures.
    pub const fn new(policy: BreakerPolicy) -> Self {
        Self { policy, phase: Phase::Closed { failures: 0 }, number: 0 }
    }

    /// Asks leave for a call.
    ///
    /// # Errors
    /// How long to wait, while the breaker is open.
    pub fn admit(&mut self, now: Timestamp) -> Result<Ticket, Duration> {
        match self.phase {
            Phase::Closed { .. } => {}
            Phase::Open { since } => {
                let left = self.policy.open_for().saturating_sub(now.since(since));
                // A clock that was set back must not keep the breaker open for longer than agreed.
                if now >= since && !left.is_zero() {
                    return Err(left);
                }
                self.enter(Phase::HalfOpen { since });
            }
            Phase::HalfOpen { .. } => return Err(Duration::from_secs(1)),
        }
        Ok(Ticket { phase: self.number })
    }

    /// The call was answered.
    pub fn succeed(&mut self, ticket: Ticket) {
        if ticket.phase != self.number {
            return;
        }
        match self.phase {
            Phase::Closed { .. } => self.phase = Phase::Closed { failures: 0 },
            Phase::Open { .. } | Phase::HalfOpen { .. } => self.enter(Phase::Closed { failures: 0 }),
        }
    }

    /// The call failed in a way that speaks against the register.
    pub fn fail(&mut self, ticket: Ticket, now: Timestamp) {
        if ticket.phase != self.number {
            return;
        }
        match self.phase {
            Phase::Closed { failures } if failures.saturating_add(1) < self.policy.failures_to_open => {
                self.phase = Phase::Closed { failures: failures.saturating_add(1) };
            }
            _ => self.enter(Phase::Open { since: now }),
        }
    }

    /// The caller went away before there was an outcome: another call may find out.
    pub fn abandon(&mut self, ticket: Ticket) {
        if ticket.phase == self.number
            && let Phase::HalfOpen { since } = self.phase
        {
            self.enter(Phase::Open { since });
        }
    }

    /// What the breaker does now.
    pub const fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.number = self.number.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: BreakerPolicy = BreakerPolicy { failures_to_open: 3, open_seconds: 10 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(POLICY);
        for _ in 0..3 {
            let ticket = breaker.admit(at(0)).unwrap();
            breaker.fail(ticket, at(0));
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker
    }

    #[test]
    fn x21_opens_after_failures_in_a_row_and_says_how_long() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(at(4)).unwrap_err(), Duration::from_secs(6));
    }

    #[test]
    fn a_success_between_failures_starts_the_count_again() {
        let mut breaker = Breaker::new(POLICY);
        for _ in 0..20 {
            for _ in 0..2 {
                let ticket = breaker.admit(at(0)).unwrap();
                breaker.fail(ticket, at(0));
            }
            let ticket = breaker.admit(at(0)).unwrap();
            breaker.succeed(ticket);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn one_probe_decides() {
        let mut breaker = opened();
        let probe = breaker.admit(at(10)).unwrap();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.admit(at(10)).is_err());
        breaker.fail(probe, at(11));
        assert_eq!(breaker.admit(at(12)).unwrap_err(), Duration::from_secs(9));
        let probe = breaker.admit(at(21)).unwrap();
        breaker.succeed(probe);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn an_abandoned_probe_leaves_the_way_free_for_the_next() {
        let mut breaker = opened();
        let probe = breaker.admit(at(10)).unwrap();
        breaker.abandon(probe);
        let probe = breaker.admit(at(10)).unwrap();
        breaker.succeed(probe);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_late_outcome_of_an_older_phase_counts_for_nothing() {
        let mut breaker = Breaker::new(POLICY);
        let slow_success = breaker.admit(at(0)).unwrap();
        let slow_failure = breaker.admit(at(0)).unwrap();
        for _ in 0..3 {
            let ticket = breaker.admit(at(0)).unwrap();
            breaker.fail(ticket, at(0));
        }
        breaker.succeed(slow_success);
        assert_eq!(breaker.state(), BreakerState::Open);
        let probe = breaker.admit(at(10)).unwrap();
        breaker.fail(slow_failure, at(10));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.succeed(probe);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn x18_a_clock_set_back_does_not_keep_it_open() {
        let mut breaker = opened();
        assert!(breaker.admit(at(-3_600)).is_ok());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Admit,
        Succeed(usize),
        Fail(usize),
        Abandon(usize),
        Wait(u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => Just(Step::Admit),
            1 => any::<usize>().prop_map(Step::Succeed),
            3 => any::<usize>().prop_map(Step::Fail),
            1 => any::<usize>().prop_map(Step::Abandon),
            1 => (0u8..12).prop_map(Step::Wait),
        ];
        proptest::collection::vec(step, 0..200)
    }

    fn take(tickets: &mut Vec<Ticket>, choice: usize) -> Option<Ticket> {
        if tickets.is_empty() { None } else { Some(tickets.swap_remove(choice % tickets.len())) }
    }

    proptest! {
        /// While open nothing passes; half open lets one pass; and whatever happened, after the agreed time and
        /// with every call over, a call passes and its success closes the breaker.
        #[test]
        fn never_stuck_and_never_leaky(steps in steps()) {
            let mut breaker = Breaker::new(POLICY);
            let mut now = at(0);
            let mut tickets = Vec::new();
            let mut opened_at = None;
            for step in steps {
                let before = breaker.state();
                match step {
                    Step::Admit => match breaker.admit(now) {
                        Ok(ticket) => {
                            prop_assert_ne!(before, BreakerState::HalfOpen);
                            if let (BreakerState::Open, Some(since)) = (before, opened_at) {
                                prop_assert!(now.since(since) >= Duration::from_secs(10));
                            }
                            tickets.push(ticket);
                        }
                        Err(wait) => {
                            prop_assert_ne!(before, BreakerState::Closed);
                            prop_assert!(wait > Duration::ZERO && wait <= Duration::from_secs(10));
                        }
                    },
                    Step::Succeed(n) => if let Some(ticket) = take(&mut tickets, n) { breaker.succeed(ticket) },
                    Step::Fail(n) => if let Some(ticket) = take(&mut tickets, n) { breaker.fail(ticket, now) },
                    Step::Abandon(n) => if let Some(ticket) = take(&mut tickets, n) { breaker.abandon(ticket) },
                    Step::Wait(seconds) => now = now.plus(Duration::from_secs(u64::from(seconds))),
                }
                if let (BreakerState::Closed | BreakerState::HalfOpen, BreakerState::Open) = (before, breaker.state())
                    && !matches!(step, Step::Abandon(_))
                {
                    opened_at = Some(now);
                }
            }
            for ticket in tickets {
                breaker.abandon(ticket);
            }
            now = now.plus(Duration::from_secs(10));
            let probe = breaker.admit(now);
            prop_assert!(probe.is_ok());
            breaker.succeed(probe.unwrap());
            prop_assert_eq!(breaker.state(), BreakerState::Closed);
        }
    }
}
