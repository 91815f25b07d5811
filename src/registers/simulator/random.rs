//! Repeatable choices: the same seed, index and purpose always give the same value. Not for secrets.

/// One value made from a seed and a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roll(u64);

impl Roll {
    /// The value of a place (`index`) for a purpose.
    pub fn of(seed: u64, purpose: u64, index: u32) -> Self {
        Self(mix(mix(seed ^ mix(purpose)) ^ u64::from(index)))
    }

    /// Another value of the same place.
    pub fn again(self, purpose: u64) -> Self {
        Self(mix(self.0 ^ mix(purpose.wrapping_add(0x51ED))))
    }

    /// From 0 up to, not including, `end`; 0 when `end` is 0.
    pub fn below(self, end: u32) -> u32 {
        // The high half times `end`, high half again: even enough without a division's bias towards small values.
        let high = self.0 >> 32;
        u32::try_from((high * u64::from(end)) >> 32).unwrap_or(0)
    }

    /// True once in `n` on average.
    pub fn one_in(self, n: u32) -> bool {
        self.below(n) == 0
    }

    /// One of a list that is not empty.
    pub fn pick<T: Copy + Default>(self, list: &[T]) -> T {
        let place = self.below(u32::try_from(list.len()).unwrap_or(u32::MAX));
        usize::try_from(place).ok().and_then(|place| list.get(place)).copied().unwrap_or_default()
    }
}

/// The finalizer of SplitMix64: every input bit changes about half of the output's.
const fn mix(value: u64) -> u64 {
    let a = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    c ^ (c >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_repeat_and_spread() {
        assert_eq!(Roll::of(7, 1, 5).below(1_000_000), Roll::of(7, 1, 5).below(1_000_000));
        let mut counts = [0u32; 10];
        for index in 0..100_000 {
            counts[usize::try_from(Roll::of(7, 1, index).below(10)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|c| (9_500..10_500).contains(c)), "{counts:?}");
        assert_eq!(Roll::of(1, 1, 1).below(0), 0);
        assert_eq!(Roll::of(1, 1, 1).pick::<u8>(&[]), 0);
    }
}
