//! When a failed delivery is tried again.

use crate::base::Timestamp;
use std::time::Duration;

/// Seconds to wait after the first, second, … failed attempt; the last one repeats.
const WAITS: [u64; 7] = [1, 5, 30, 120, 600, 1_800, 3_600];

/// The time of the next attempt after `attempts` failed ones (at least 1). `None` when that would be at or after
/// `give_up_at`: then the delivery has failed for good.
pub fn next_attempt(attempts: u32, now: Timestamp, give_up_at: Timestamp) -> Option<Timestamp> {
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let [.., last] = WAITS;
    let wait = WAITS.get(place).copied().unwrap_or(last);
    let next = now.plus(Duration::from_secs(wait));
    (next < give_up_at).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn waits_grow_to_an_hour() {
        let never = Timestamp::from_micros(i64::MAX);
        let wait = |attempts| next_attempt(attempts, START, never).map(|at| at.since(START).as_secs());
        let waits: Vec<u64> = (0..10).filter_map(wait).collect();
        assert_eq!(waits, [1, 1, 5, 30, 120, 600, 1_800, 3_600, 3_600, 3_600]);
        assert_eq!(wait(u32::MAX), Some(3_600));
    }

    #[test]
    fn a_delivery_is_given_up_at_its_deadline() {
        assert_eq!(next_attempt(3, START, START.plus(Duration::from_secs(30))), None);
        assert!(next_attempt(3, START, START.plus(Duration::from_secs(31))).is_some());
        assert_eq!(next_attempt(1, START, START.minus(Duration::from_secs(60))), None);
    }

    #[test]
    fn a_day_holds_a_bounded_number_of_attempts() {
        let (mut now, mut attempts) = (START, 1);
        while let Some(next) = next_attempt(attempts, now, START.plus(Duration::from_secs(86_400))) {
            (now, attempts) = (next, attempts + 1);
        }
        assert_eq!(attempts, 30);
    }
}
