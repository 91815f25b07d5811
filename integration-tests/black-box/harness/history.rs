//! What many callers saw of one thing that may count once, and whether that can be true (I1, I2, I12).
//!
//! Each call is recorded with its start, its end and its outcome, and judged afterwards: at most one won; one that got
//! no answer counts as "perhaps"; nobody was told "used already" before the winner had begun; and nothing was found
//! alive by a call that began after a revocation had been acknowledged.

use std::time::{Duration, Instant};

/// What one call was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was accepted.
    Won,
    /// It was refused.
    Lost(String),
    /// No answer, or one that says neither: it may have been accepted.
    Unknown(String),
}

/// One call.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Since the history began.
    pub start: Duration,
    /// Since the history began.
    pub end: Duration,
    /// What it was told.
    pub outcome: Outcome,
}

/// Every call about one thing.
#[derive(Debug, Clone)]
pub struct History {
    what: String,
    began: Instant,
    attempts: Vec<Attempt>,
}

impl History {
    /// An empty history of a thing.
    pub fn of(what: impl Into<String>) -> Self {
        Self { what: what.into(), began: Instant::now(), attempts: Vec::new() }
    }

    /// Makes all calls at once and records each.
    pub async fn race<Call>(&mut self, calls: impl IntoIterator<Item = Call>)
    where
        Call: Future<Output = Outcome>,
    {
        let began = self.began;
        let timed = calls.into_iter().map(|call| async move {
            let start = began.elapsed();
            let outcome = call.await;
            Attempt { start, end: began.elapsed(), outcome }
        });
        self.attempts.extend(futures_util::future::join_all(timed).await);
    }

    /// How many calls won.
    pub fn winners(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.outcome == Outcome::Won).count()
    }

    fn unknown(&self) -> usize {
        self.attempts.iter().filter(|attempt| matches!(attempt.outcome, Outcome::Unknown(_))).count()
    }

    /// Fails unless exactly one call won and everybody was answered.
    #[track_caller]
    pub fn has_one_winner(&self) {
        self.demand(self.unknown() == 0, "every caller is answered");
        self.demand(self.winners() == 1, "one wins");
        self.demand(self.is_in_order(), "nobody loses before the winner has begun");
    }

    /// Fails when two calls won; with `must_win`, also when none did although every caller was answered.
    #[track_caller]
    pub fn has_at_most_one_winner(&self, must_win: bool) {
        self.demand(self.winners() <= 1, "at most one wins");
        self.demand(!must_win || self.winners() + self.unknown() > 0, "a refusal of all is a loss");
    }

    /// Fails when a call that began after `revoked` (the end of an acknowledged revocation) still won.
    #[track_caller]
    pub fn ends_with(&self, revocations: &Self) {
        let acknowledged = revocations.attempts.iter().filter(|attempt| attempt.outcome == Outcome::Won);
        // Both histories may have begun at different moments.
        let shift = |attempt: &Attempt| revocations.began + attempt.end;
        let Some(first) = acknowledged.map(shift).min() else { return };
        let late = |attempt: &Attempt| self.began + attempt.start > first && attempt.outcome == Outcome::Won;
        self.demand(!self.attempts.iter().any(late), "nothing lives after an acknowledged revocation");
    }

    fn is_in_order(&self) -> bool {
        let winner = self.attempts.iter().find(|attempt| attempt.outcome == Outcome::Won);
        winner.is_none_or(|winner| {
            self.attempts
                .iter()
                .filter(|attempt| matches!(attempt.outcome, Outcome::Lost(_)))
                .all(|loser| loser.end >= winner.start)
        })
    }

    #[track_caller]
    fn demand(&self, holds: bool, rule: &str) {
        if holds {
            return;
        }
        let mut lines: Vec<String> = self
            .attempts
            .iter()
            .map(|one| format!("{:>9}..{:>9} µs  {:?}", one.start.as_micros(), one.end.as_micros(), one.outcome))
            .collect();
        lines.sort();
        panic!("{}: {rule}\n{}", self.what, lines.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(outcomes: &[(u64, u64, Outcome)]) -> History {
        let at = Duration::from_micros;
        let attempts = outcomes
            .iter()
            .map(|(start, end, outcome)| Attempt { start: at(*start), end: at(*end), outcome: outcome.clone() })
            .collect();
        History { what: "a thing".to_owned(), began: Instant::now(), attempts }
    }

    fn refused(check: impl FnOnce() + std::panic::UnwindSafe) -> bool {
        std::panic::catch_unwind(check).is_err()
    }

    #[test]
    fn the_checker_finds_what_must_not_be() {
        let lost = || Outcome::Lost("used".to_owned());
        let unknown = || Outcome::Unknown("cut".to_owned());
        history(&[(0, 5, lost()), (1, 4, Outcome::Won)]).has_one_winner();
        assert!(refused(|| history(&[(0, 5, Outcome::Won), (1, 4, Outcome::Won)]).has_one_winner()));
        assert!(refused(|| history(&[(0, 5, lost()), (1, 4, lost())]).has_one_winner()));
        assert!(refused(|| history(&[(0, 5, Outcome::Won), (1, 4, unknown())]).has_one_winner()));
        // Told "used" before anybody who could have used it had begun.
        assert!(refused(|| history(&[(0, 1, lost()), (2, 4, Outcome::Won)]).has_one_winner()));
        history(&[(0, 5, unknown()), (6, 9, lost())]).has_at_most_one_winner(true);
        assert!(refused(|| history(&[(0, 5, lost())]).has_at_most_one_winner(true)));
        let revocation = history(&[(0, 5, Outcome::Won)]);
        let mut seen = history(&[(1, 9, Outcome::Won)]);
        seen.began = revocation.began;
        seen.ends_with(&revocation);
        seen.attempts.push(Attempt {
            start: Duration::from_micros(6),
            end: Duration::from_micros(9),
            outcome: Outcome::Won,
        });
        assert!(refused(move || seen.ends_with(&revocation)));
    }
}
