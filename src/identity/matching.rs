//! Match, do not search: number, name and birth date together agree with the register or do not.

use super::{BirthDate, FullName, LegalState, PersonalNumber, PopulationRecord};
use serde::{Deserialize, Serialize};

/// What a person says about themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Personal number.
    pub number: PersonalNumber,
    /// Name.
    pub name: FullName,
    /// Birth date, or the year when only that is known.
    pub birth_date: BirthDate,
}

/// How a claim compares with the register's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOutcome {
    /// Everything agrees and the person lives.
    Match,
    /// Something differs, or the answer is for another person.
    Mismatch,
    /// Everything agrees, but the person is dead or missing.
    NotAlive,
}

/// What may be told to the person who asked: "no such number", "does not agree" and "not alive" are one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutwardAnswer {
    /// The claim was confirmed.
    Matched,
    /// It was not; nothing says why.
    NotMatched,
}

/// Compares a claim with the register's answer. An answer that echoes another number is for another person (O10).
pub fn decide(claimed: &Claimed, answer: &PopulationRecord) -> MatchOutcome {
    let same_person = claimed.number == answer.number
        && claimed.name.match_key() == answer.full_name.match_key()
        && claimed.birth_date.matches(&answer.birth_date);
    match (same_person, answer.legal_state) {
        (false, _) => MatchOutcome::Mismatch,
        (true, LegalState::Alive) => MatchOutcome::Match,
        (true, LegalState::Deceased | LegalState::Missing) => MatchOutcome::NotAlive,
    }
}

/// What to say outwardly; `None` is a register that knows no such number.
pub const fn outward(outcome: Option<MatchOutcome>) -> OutwardAnswer {
    match outcome {
        Some(MatchOutcome::Match) => OutwardAnswer::Matched,
        Some(MatchOutcome::Mismatch | MatchOutcome::NotAlive) | None => OutwardAnswer::NotMatched,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Gender;

    fn claimed(number: &str, name: &str, birth: &str) -> Claimed {
        Claimed {
            number: PersonalNumber::parse(number).unwrap(),
            name: FullName::parse(name).unwrap(),
            birth_date: BirthDate::parse_claim(birth).unwrap(),
        }
    }

    fn answer(number: &str, name: &str, birth: &str) -> PopulationRecord {
        let claimed = claimed(number, name, birth);
        PopulationRecord {
            number: claimed.number,
            full_name: claimed.name,
            birth_date: claimed.birth_date,
            gender: Some(Gender::Female),
            legal_state: LegalState::Alive,
            replaced_by: None,
        }
    }

    const NUMBER: &str = "079101999902";

    #[test]
    fn all_three_must_agree() {
        let register = answer(NUMBER, "Đỗ Thị Hòa", "1901-03-12");
        for (name, birth, outcome) in [
            ("ĐỖ THỊ HÒA", "1901-03-12", MatchOutcome::Match),
            ("do thi hoa", "1901-03-12", MatchOutcome::Match),
            ("\u{00D0}ỗ Thị Hoà", "1901-03-12", MatchOutcome::Match),
            ("Đỗ Thị Hoàn", "1901-03-12", MatchOutcome::Mismatch),
            ("Đỗ Hòa", "1901-03-12", MatchOutcome::Mismatch),
            ("Đỗ Thị Hòa", "1901-12-03", MatchOutcome::Mismatch),
            ("Đỗ Thị Hòa", "1901", MatchOutcome::Mismatch),
        ] {
            assert_eq!(decide(&claimed(NUMBER, name, birth), &register), outcome, "{name} {birth}");
        }
    }

    #[test]
    fn a_register_that_knows_the_year_only_matches_on_the_year() {
        let register = answer(NUMBER, "Lê Thị Bảy", "1901");
        assert_eq!(decide(&claimed(NUMBER, "Lê Thị Bảy", "1901-07-01"), &register), MatchOutcome::Match);
        assert_eq!(decide(&claimed(NUMBER, "Lê Thị Bảy", "1901"), &register), MatchOutcome::Match);
        assert_eq!(decide(&claimed(NUMBER, "Lê Thị Bảy", "1902-07-01"), &register), MatchOutcome::Mismatch);
    }

    #[test]
    fn o10_an_answer_for_another_person_is_a_mismatch() {
        let register = answer("001000999901", "Đỗ Thị Hòa", "1901-03-12");
        assert_eq!(decide(&claimed(NUMBER, "Đỗ Thị Hòa", "1901-03-12"), &register), MatchOutcome::Mismatch);
        // Not even when the answer says that our number replaced the one it echoes.
        let replaced = PopulationRecord { replaced_by: Some(PersonalNumber::parse(NUMBER).unwrap()), ..register };
        assert_eq!(decide(&claimed(NUMBER, "Đỗ Thị Hòa", "1901-03-12"), &replaced), MatchOutcome::Mismatch);
    }

    #[test]
    fn the_dead_and_the_missing_are_told_only_when_the_claim_agrees() {
        for legal_state in [LegalState::Deceased, LegalState::Missing] {
            let register = PopulationRecord { legal_state, ..answer(NUMBER, "Đỗ Thị Hòa", "1901-03-12") };
            assert_eq!(decide(&claimed(NUMBER, "Đỗ Thị Hòa", "1901-03-12"), &register), MatchOutcome::NotAlive);
            assert_eq!(decide(&claimed(NUMBER, "Đỗ Thị Lan", "1901-03-12"), &register), MatchOutcome::Mismatch);
        }
    }

    #[test]
    fn n1_outwardly_every_failure_is_the_same() {
        for outcome in [None, Some(MatchOutcome::Mismatch), Some(MatchOutcome::NotAlive)] {
            assert_eq!(outward(outcome), OutwardAnswer::NotMatched);
        }
        assert_eq!(outward(Some(MatchOutcome::Match)), OutwardAnswer::Matched);
    }
}
