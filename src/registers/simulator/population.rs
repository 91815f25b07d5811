//! A deterministic synthetic population. A person is derived from an index when asked for; only the numbers are kept,
//! so that a million people cost tens of megabytes.
//!
//! Five indices make a household: father, mother, two children and one more (an elder, a single person or a
//! foreigner). Every number is of a birth abroad with serial 9999xx, which is nobody's as far as anyone can say.

use super::company::{Companies, Company};
use super::demo::{self, DemoPerson, demo_people};
use super::names::{self, Style};
use super::random::Roll;
use crate::identity::{BirthDate, FullName, Gender, LegalState, PersonalNumber};
use std::collections::HashMap;
use time::{Date, Month};

/// Most people one simulator holds.
pub const MOST_PEOPLE: u32 = 1_000_000;

const HOUSEHOLD: u32 = 5;
const FIRST_YEAR: i32 = 1930;
const LAST_YEAR: i32 = 2025;
/// Country codes 294 down to 101; 295 is for the named test citizens.
const LAST_COUNTRY: u32 = 294;
const COUNTRIES: u32 = 194;

/// One person as the simulated register knows them.
#[derive(Debug, Clone)]
pub struct SimPerson {
    /// The number in force.
    pub number: PersonalNumber,
    /// A number cancelled before, which still answers and points to the one in force.
    pub former_number: Option<PersonalNumber>,
    /// Name.
    pub full_name: FullName,
    /// Birth date or year.
    pub birth_date: BirthDate,
    /// Gender.
    pub gender: Gender,
    /// Alive, deceased or missing.
    pub legal_state: LegalState,
    /// Whether this is a foreigner with a residence card.
    pub foreigner: bool,
    /// Number of the father, where known.
    pub father: Option<PersonalNumber>,
    /// Number of the mother, where known.
    pub mother: Option<PersonalNumber>,
    /// Numbers of the children.
    pub children: Vec<PersonalNumber>,
}

/// Everybody the simulated registers know: people and companies.
#[derive(Debug)]
pub struct Population {
    seed: u64,
    numbers: Vec<u64>,
    /// Every number, former ones too, with the index of its person; sorted by number.
    by_number: Vec<(u64, u32)>,
    former: HashMap<u32, u64>,
    demo: Vec<SimPerson>,
    companies: Companies,
}

/// What is derived of a person without looking at others.
struct Basics {
    gender: Gender,
    birth_year: i32,
}

impl Population {
    /// `people` persons (at most [`MOST_PEOPLE`]) and one company for each twenty of them. The same arguments always
    /// give the same people.
    pub fn generate(people: u32, seed: u64) -> Self {
        let people = people.min(MOST_PEOPLE);
        let mut allotted = Allotment::default();
        let mut numbers = Vec::with_capacity(usize::try_from(people).unwrap_or(0));
        let mut by_number = Vec::with_capacity(numbers.capacity());
        let mut former = HashMap::new();
        for index in 0..people {
            let basics = basics(seed, index);
            let number = allotted.next(basics.gender, basics.birth_year);
            numbers.push(number);
            by_number.push((number, index));
            if Roll::of(seed, purpose::RENUMBERED, index).one_in(100) {
                let wrong_sex = if basics.gender == Gender::Male { Gender::Female } else { Gender::Male };
                let cancelled = allotted.next(wrong_sex, basics.birth_year);
                former.insert(index, cancelled);
                by_number.push((cancelled, index));
            }
        }
        by_number.sort_unstable();
        let mut population =
            Self { seed, numbers, by_number, former, demo: Vec::new(), companies: Companies::default() };
        population.companies = Companies::generate(&population, seed);
        population
    }

    /// Adds the named test citizens and their companies.
    #[must_use]
    pub fn with_demo_people(mut self) -> Self {
        self.demo = demo_people().into_iter().map(known_to_register).collect();
        self.companies.add_demo();
        self
    }

    /// How many people there are, the named ones included.
    pub fn len(&self) -> usize {
        self.numbers.len() + self.demo.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A generated person; `None` from `people` on.
    pub fn person(&self, index: u32) -> Option<SimPerson> {
        let number = self.number_of(index)?;
        let (seed, household, role) = (self.seed, index / HOUSEHOLD, index % HOUSEHOLD);
        let basics = basics(seed, index);
        let style = style(seed, household, role);
        // Mothers keep their own surname; everybody else bears the household's.
        let surname = if role == 1 { purpose::MOTHER_SURNAME } else { purpose::SURNAME };
        let name = names::name(
            style,
            basics.gender,
            Roll::of(seed, surname, household),
            Roll::of(seed, purpose::OWN_NAME, index),
        );
        let relative = |role: u32| self.number_of(household * HOUSEHOLD + role);
        let child = role == 2 || role == 3;
        Some(SimPerson {
            number,
            former_number: self.former.get(&index).and_then(|number| to_number(*number)),
            full_name: FullName::parse(&name).ok()?,
            birth_date: birth_date(seed, index, basics.birth_year)?,
            gender: basics.gender,
            legal_state: legal_state(Roll::of(seed, purpose::LEGAL_STATE, index), basics.birth_year),
            foreigner: style == Style::Foreign,
            father: if child { relative(0) } else { None },
            mother: if child { relative(1) } else { None },
            children: if role < 2 { [relative(2), relative(3)].into_iter().flatten().collect() } else { Vec::new() },
        })
    }

    /// Who has, or had, this number.
    pub fn find(&self, number: &PersonalNumber) -> Option<SimPerson> {
        if let Some(person) = self.demo.iter().find(|person| person.number == *number) {
            return Some(person.clone());
        }
        self.person(self.index_of(number)?)
    }

    /// The index of the generated person who has, or had, this number.
    pub(super) fn index_of(&self, number: &PersonalNumber) -> Option<u32> {
        let wanted: u64 = number.as_str().parse().ok()?;
        let place = self.by_number.binary_search_by_key(&wanted, |(number, _)| *number).ok()?;
        self.by_number.get(place).map(|(_, index)| *index)
    }

    /// Somebody else than the person with this number: for the fault that answers for the wrong one.
    pub(super) fn somebody_else(&self, number: &PersonalNumber) -> Option<SimPerson> {
        self.demo.iter().find(|person| person.number != *number).cloned().or_else(|| {
            let first = self.person(0).filter(|person| person.number != *number);
            first.or_else(|| self.person(1))
        })
    }

    /// A company or dependent unit by its tax code, with or without the dash.
    pub fn company(&self, tax_code: &str) -> Option<Company> {
        self.companies.find(self, tax_code)
    }

    /// The state body of an agency code.
    pub fn agency(&self, code: &str) -> Option<Company> {
        self.companies.agency(self, code)
    }

    /// The companies that somebody represents.
    pub fn companies_of(&self, representative: &PersonalNumber) -> Vec<Company> {
        self.companies.represented_by(self, representative)
    }

    /// How many companies there are.
    pub fn company_count(&self) -> usize {
        self.companies.len()
    }

    /// A generated company by its place in the list.
    pub fn company_at(&self, index: u32) -> Option<Company> {
        self.companies.at(self, index)
    }

    pub(super) fn generated(&self) -> u32 {
        u32::try_from(self.numbers.len()).unwrap_or(MOST_PEOPLE)
    }

    fn number_of(&self, index: u32) -> Option<PersonalNumber> {
        self.numbers.get(usize::try_from(index).ok()?).and_then(|number| to_number(*number))
    }
}

mod purpose {
    pub const HOUSEHOLD_YEAR: u64 = 1;
    pub const OWN_YEAR: u64 = 2;
    pub const GENDER: u64 = 3;
    pub const SURNAME: u64 = 4;
    pub const MOTHER_SURNAME: u64 = 5;
    pub const OWN_NAME: u64 = 6;
    pub const BIRTHDAY: u64 = 7;
    pub const LEGAL_STATE: u64 = 8;
    pub const RENUMBERED: u64 = 9;
    pub const STYLE: u64 = 10;
}

fn to_number(number: u64) -> Option<PersonalNumber> {
    PersonalNumber::from_exact(&format!("{number:012}")).ok()
}

/// A count below `end` as a signed number of years.
fn years(roll: Roll, end: u32) -> i32 {
    i32::try_from(roll.below(end)).unwrap_or(0)
}

fn basics(seed: u64, index: u32) -> Basics {
    let (household, role) = (index / HOUSEHOLD, index % HOUSEHOLD);
    let base = Roll::of(seed, purpose::HOUSEHOLD_YEAR, household);
    let father = 1945 + years(base, 50);
    let mother = father - 2 + years(base.again(1), 8);
    let own = Roll::of(seed, purpose::OWN_YEAR, index);
    let born = |gap: i32| father.max(mother) + 21 + gap + years(own, 10);
    let any_gender = Roll::of(seed, purpose::GENDER, index).one_in(2);
    let any_gender = if any_gender { Gender::Male } else { Gender::Female };
    let (gender, year) = match role {
        0 => (Gender::Male, father),
        1 => (Gender::Female, mother),
        2 => (any_gender, born(0)),
        3 => (any_gender, born(4)),
        _ => (any_gender, FIRST_YEAR + years(own, 75)),
    };
    // Who would be born after the last year becomes a child of the last seven years instead.
    let birth_year = if year > LAST_YEAR { LAST_YEAR - years(own.again(1), 7) } else { year };
    Basics { gender, birth_year }
}

fn style(seed: u64, household: u32, role: u32) -> Style {
    let roll = Roll::of(seed, purpose::STYLE, household);
    if roll.one_in(40) {
        return Style::Highland;
    }
    match role {
        4 if roll.again(1).one_in(15) => Style::Foreign,
        4 if roll.again(2).one_in(40) => Style::Single,
        _ => Style::Common,
    }
}

fn birth_date(seed: u64, index: u32, year: i32) -> Option<BirthDate> {
    let roll = Roll::of(seed, purpose::BIRTHDAY, index);
    if roll.one_in(if year < 1960 { 12 } else { 400 }) {
        return Some(BirthDate::Year(year));
    }
    let month = Month::try_from(u8::try_from(1 + roll.again(1).below(12)).ok()?).ok()?;
    let day = u8::try_from(1 + roll.again(2).below(28)).ok()?;
    Date::from_calendar_date(year, month, day).ok().map(BirthDate::Day)
}

fn legal_state(roll: Roll, birth_year: i32) -> LegalState {
    if roll.one_in(if birth_year < 1950 { 6 } else { 200 }) {
        LegalState::Deceased
    } else if roll.again(1).one_in(800) {
        LegalState::Missing
    } else {
        LegalState::Alive
    }
}

/// Hands out numbers: for each year and sex first the serials 9999xx of every country, then 9998xx and so on.
#[derive(Default)]
struct Allotment(HashMap<(i32, bool), u32>);

impl Allotment {
    fn next(&mut self, gender: Gender, year: i32) -> u64 {
        let female = gender == Gender::Female;
        let count = self.0.entry((year, female)).or_insert(0);
        let given = *count;
        *count += 1;
        let (round, rest) = (given / (COUNTRIES * 100), given % (COUNTRIES * 100));
        let (country, serial) = (LAST_COUNTRY - rest / 100, 999_900 - 100 * round.min(9_999) + rest % 100);
        let century = u64::try_from((year - 1900) / 100 * 2).unwrap_or(0) + u64::from(female);
        let in_century = u64::try_from(year.rem_euclid(100)).unwrap_or(0);
        u64::from(country) * 1_000_000_000 + century * 100_000_000 + in_century * 1_000_000 + u64::from(serial)
    }
}

fn known_to_register(person: DemoPerson) -> SimPerson {
    let number = |text| PersonalNumber::from_exact(text).ok();
    let (mother, children) = match person.key {
        "hoa" => (None, number(demo::AN).into_iter().collect()),
        "an" => (number(demo::HOA), Vec::new()),
        _ => (None, Vec::new()),
    };
    SimPerson {
        former_number: None,
        foreigner: person.key == "john",
        father: None,
        mother,
        children,
        number: person.number,
        full_name: person.full_name,
        birth_date: person.birth_date,
        gender: person.gender,
        legal_state: person.legal_state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use time::macros::date;

    fn fingerprint(population: &Population) -> Vec<String> {
        (0..population.generated())
            .map(|index| {
                let p = population.person(index).unwrap();
                let of = |n: &Option<PersonalNumber>| n.as_ref().map_or(String::new(), |n| n.as_str().to_owned());
                format!(
                    "{} {} {} {} {} {} {}",
                    p.number.as_str(),
                    p.full_name.as_str(),
                    p.birth_date.to_claim(),
                    p.gender,
                    p.legal_state,
                    of(&p.former_number),
                    of(&p.mother),
                )
            })
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_people_and_another_seed_others() {
        let first = fingerprint(&Population::generate(2_000, 7));
        assert_eq!(first, fingerprint(&Population::generate(2_000, 7)));
        assert_ne!(first, fingerprint(&Population::generate(2_000, 8)));
        assert_eq!(first[..500], fingerprint(&Population::generate(500, 7))[..]);
    }

    #[test]
    fn ten_thousand_people_have_well_made_numbers_of_their_own() {
        let population = Population::generate(10_000, 7).with_demo_people();
        let mut seen = HashSet::new();
        for index in 0..10_000 {
            let person = population.person(index).unwrap();
            assert!(seen.insert(person.number.clone()));
            assert!(person.number.warnings(date!(2026 - 11 - 22)).is_empty());
            assert_eq!(person.number.implied_birth_year(), person.birth_date.year());
            assert_eq!(person.number.implied_sex(), person.gender);
            assert_eq!(&person.number.as_str()[6..10], "9999", "marked as synthetic");
            assert_eq!(population.find(&person.number).unwrap().full_name, person.full_name);
        }
        for person in demo_people() {
            assert!(seen.insert(person.number));
        }
        assert!(population.person(10_000).is_none());
        assert_eq!(population.len(), 10_010);
    }

    #[test]
    fn everybody_a_connector_must_cope_with_is_there() {
        let population = Population::generate(10_000, 7);
        let all: Vec<SimPerson> = (0..10_000).map(|i| population.person(i).unwrap()).collect();
        let count = |test: &dyn Fn(&SimPerson) -> bool| all.iter().filter(|p| test(p)).count();
        let at_least = [
            ("year only", count(&|p| matches!(p.birth_date, BirthDate::Year(_))), 50),
            ("renumbered", count(&|p| p.former_number.is_some()), 50),
            ("dead", count(&|p| p.legal_state == LegalState::Deceased), 100),
            ("missing", count(&|p| p.legal_state == LegalState::Missing), 3),
            ("apostrophe", count(&|p| p.full_name.as_str().contains('\'')), 20),
            ("one word", count(&|p| !p.full_name.as_str().contains(' ')), 10),
            ("foreigner", count(&|p| p.foreigner), 50),
            ("children", count(&|p| p.birth_date.year() > 2011), 200),
            ("old", count(&|p| p.birth_date.year() < 1950), 300),
        ];
        for (what, found, least) in at_least {
            assert!(found >= least, "{what}: {found}");
        }
        let names: HashSet<&str> = all.iter().map(|p| p.full_name.as_str()).collect();
        assert!(names.len() > 5_000, "{}", names.len());
    }

    #[test]
    fn no_number_is_given_twice_former_ones_included() {
        let population = Population::generate(100_000, 3);
        assert!(population.by_number.len() > 100_500);
        assert!(population.by_number.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn families_are_linked_both_ways_and_parents_are_older() {
        let population = Population::generate(1_000, 7);
        let mut children = 0;
        for index in 0..1_000 {
            let person = population.person(index).unwrap();
            for parent in [&person.father, &person.mother].into_iter().flatten() {
                let parent = population.find(parent).unwrap();
                assert!(parent.children.contains(&person.number));
                assert!(parent.birth_date.year() + 18 <= person.birth_date.year());
                children += 1;
            }
        }
        assert_eq!(children, 800);
        let hoa = PersonalNumber::parse(demo::HOA).unwrap();
        let demo = Population::generate(0, 7).with_demo_people();
        let an = demo.find(&demo.find(&hoa).unwrap().children[0]).unwrap();
        assert_eq!(an.mother, Some(hoa));
    }

    #[test]
    fn a_former_number_leads_to_its_person() {
        let population = Population::generate(1_000, 7);
        let renumbered = (0..1_000).filter_map(|i| population.person(i)).find(|p| p.former_number.is_some()).unwrap();
        let former = renumbered.former_number.clone().unwrap();
        assert_ne!(former, renumbered.number);
        assert_eq!(population.find(&former).unwrap().number, renumbered.number);
    }

    #[test]
    fn somebody_else_is_never_the_one_asked_for() {
        for population in [Population::generate(2, 7), Population::generate(2, 7).with_demo_people()] {
            for person in [population.person(0), population.person(1)].into_iter().flatten() {
                assert_ne!(population.somebody_else(&person.number).unwrap().number, person.number);
            }
        }
    }
}
