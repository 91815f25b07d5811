//! The first three digits of a personal number: where the birth was registered (Circular 07/2016).
//!
//! The lists are data with versions. Numbers keep the code they were made with, so a code is known when any version
//! lists it; the merger of provinces in 2025 takes none away.

/// One edition of the code list.
#[derive(Debug, Clone, Copy)]
pub struct PlaceCodes {
    /// The text that set the codes.
    pub source: &'static str,
    /// Codes of provinces and centrally run cities.
    pub provinces: &'static [u16],
    /// First and last code of countries, for births registered abroad.
    pub countries: (u16, u16),
}

/// All editions, oldest first.
pub const EDITIONS: &[PlaceCodes] = &[PlaceCodes {
    source: "Circular 07/2016/TT-BCA, annexes 1 and 2",
    provinces: &[
        1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33, 34, 35, 36, 37, 38, 40, 42, 44,
        45, 46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66, 67, 68, 70, 72, 74, 75, 77, 79, 80, 82, 83, 84, 86, 87, 89,
        91, 92, 93, 94, 95, 96,
    ],
    countries: (101, 295),
}];

/// Whether any edition lists the code.
pub fn is_known(code: u16) -> bool {
    EDITIONS.iter().any(|edition| {
        let (first, last) = edition.countries;
        edition.provinces.contains(&code) || (first..=last).contains(&code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_63_provinces_in_order() {
        let provinces = EDITIONS[0].provinces;
        assert_eq!(provinces.len(), 63);
        assert!(provinces.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn gaps_and_edges_are_not_codes() {
        for code in [0, 3, 29, 97, 100, 296, 999] {
            assert!(!is_known(code), "{code}");
        }
        for code in [1, 96, 101, 295] {
            assert!(is_known(code), "{code}");
        }
    }
}
