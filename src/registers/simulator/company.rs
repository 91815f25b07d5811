//! Synthetic companies: tax codes with a right check digit, representatives from the population, dependent units.

use super::demo::{AGENCY_CODE, BINH_MINH_TAX_CODE, HOA, HOA_SEN_TAX_CODE, MINH, SAO_MAI_TAX_CODE};
use super::names;
use super::population::Population;
use super::random::Roll;
use crate::identity::{FullName, LegalState, PersonalNumber};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// State of a company in the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompanyStatus {
    /// At work.
    Active,
    /// Stopped for a time.
    Suspended,
    /// Ended.
    Dissolved,
}

/// Somebody who represents a company by law.
#[derive(Debug, Clone)]
pub struct Representative {
    /// Personal number.
    pub number: PersonalNumber,
    /// Name.
    pub full_name: FullName,
    /// Title, such as `Giám đốc`.
    pub title: &'static str,
}

/// A company of the simulated enterprise register.
#[derive(Debug, Clone)]
pub struct Company {
    /// Ten digits; the enterprise code is the same.
    pub tax_code: String,
    /// Name.
    pub name: String,
    /// State.
    pub status: CompanyStatus,
    /// Legal representatives: one or several.
    pub representatives: Vec<Representative>,
    /// Tax codes of dependent units, `0199999014-001`.
    pub dependent_units: Vec<String>,
}

/// What a test bench changes in the register about one organization; every member is a new whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompanyChange {
    /// Its code as shown: `0199999511`, `0199999511-001`, `H99.01`.
    pub code: String,
    /// Another state.
    #[serde(default)]
    pub status: Option<CompanyStatus>,
    /// Personal numbers of those who represent it no longer.
    #[serde(default)]
    pub without: Vec<String>,
    /// Personal numbers of those who represent it now, in place of all before.
    #[serde(default)]
    pub representatives: Option<Vec<String>>,
}

/// The check digit of a tax code's first nine digits; `None` where the sum gives 10, which is never issued.
pub fn tax_check_digit(first_nine: &str) -> Option<u32> {
    const WEIGHTS: [u32; 9] = [31, 29, 23, 19, 17, 13, 7, 5, 3];
    if first_nine.len() != WEIGHTS.len() {
        return None;
    }
    let mut sum = 0;
    for (digit, weight) in first_nine.chars().zip(WEIGHTS) {
        sum += digit.to_digit(10)? * weight;
    }
    Some(10 - sum % 11).filter(|digit| *digit < 10)
}

const CODES: u64 = 101;
const SHAPE: u64 = 102;
const NAME: u64 = 103;

/// The companies by code and by representative. A company is derived from its index when asked for.
#[derive(Debug, Default)]
pub(super) struct Companies {
    seed: u64,
    codes: Vec<String>,
    by_code: HashMap<String, u32>,
    by_representative: HashMap<u32, Vec<u32>>,
    demo: bool,
}

impl Companies {
    /// One company for each twenty people.
    pub fn generate(population: &Population, seed: u64) -> Self {
        let count = population.generated() / 20;
        let mut companies = Self { seed, ..Self::default() };
        // Sequences just below those of the published test vectors (99999xx), from the top down.
        let mut candidates = (0u32..).map(|step| format!("{:02}{:07}", 1 + step % 99, 9_999_899 - step / 99));
        for index in 0..count {
            let code = candidates.find_map(|nine| tax_check_digit(&nine).map(|check| format!("{nine}{check}")));
            let Some(code) = code else { break };
            for person in companies.representatives(population.generated(), index) {
                companies.by_representative.entry(person).or_default().push(index);
            }
            companies.by_code.insert(code.clone(), index);
            companies.codes.push(code);
        }
        companies
    }

    /// Adds the named companies of the demo.
    pub fn add_demo(&mut self) {
        self.demo = true;
    }

    pub fn len(&self) -> usize {
        self.codes.len() + if self.demo { 3 } else { 0 }
    }

    pub fn at(&self, population: &Population, index: u32) -> Option<Company> {
        let code = self.codes.get(usize::try_from(index).ok()?)?;
        let shape = Roll::of(self.seed, SHAPE, index);
        let status = match shape.again(2).below(20) {
            0 => CompanyStatus::Dissolved,
            1 => CompanyStatus::Suspended,
            _ => CompanyStatus::Active,
        };
        let titles = ["Giám đốc", "Chủ tịch Hội đồng quản trị", "Phó Giám đốc"];
        let people = self.representatives(population.generated(), index);
        let representatives = people.into_iter().zip(titles).filter_map(|(person, title)| {
            let person = population.person(person)?;
            Some(Representative { number: person.number, full_name: person.full_name, title })
        });
        let units = if shape.again(3).one_in(5) { 1 + shape.again(4).below(4) } else { 0 };
        Some(Company {
            name: names::company(Roll::of(self.seed, NAME, index)),
            status,
            representatives: representatives.collect(),
            dependent_units: (1..=units).map(|unit| format!("{code}-{unit:03}")).collect(),
            tax_code: code.clone(),
        })
    }

    pub fn find(&self, population: &Population, tax_code: &str) -> Option<Company> {
        let digits: String = tax_code.chars().filter(|c| *c != '-').collect();
        let main = digits.get(..10).filter(|_| digits.len() == 10 || digits.len() == 13)?;
        let company = match self.by_code.get(main) {
            Some(index) => self.at(population, *index)?,
            None => self.demo_companies(population).into_iter().find(|company| company.tax_code == main)?,
        };
        let unit = digits.get(10..).filter(|suffix| !suffix.is_empty()).map(|suffix| format!("{main}-{suffix}"));
        match unit {
            Some(unit) if !company.dependent_units.contains(&unit) => None,
            _ => Some(company),
        }
    }

    pub fn represented_by(&self, population: &Population, number: &PersonalNumber) -> Vec<Company> {
        let represents = |company: &Company| company.representatives.iter().any(|person| person.number == *number);
        let mut found: Vec<Company> = self.demo_companies(population).into_iter().filter(represents).collect();
        if let Some(index) = population.index_of(number)
            && let Some(companies) = self.by_representative.get(&index)
        {
            found.extend(companies.iter().filter_map(|company| self.at(population, *company)));
        }
        found
    }

    /// Fathers and mothers of households, mostly one; an index for each.
    fn representatives(&self, people: u32, company: u32) -> Vec<u32> {
        let shape = Roll::of(self.seed, CODES, company);
        let count: u64 = match shape.below(20) {
            0 => 3,
            1..=5 => 2,
            _ => 1,
        };
        let households = people / 5;
        let mut chosen: Vec<u32> = Vec::new();
        for place in 0..count {
            let roll = shape.again(place + 1);
            let person = roll.below(households) * 5 + roll.again(9).below(2);
            if person < people && !chosen.contains(&person) {
                chosen.push(person);
            }
        }
        chosen
    }

    fn hoa(population: &Population, title: &'static str) -> Option<Representative> {
        let person = population.find(&PersonalNumber::from_exact(HOA).ok()?)?;
        Some(Representative { number: person.number, full_name: person.full_name, title })
    }

    /// The state body of that agency code: the demo has one.
    pub fn agency(&self, population: &Population, code: &str) -> Option<Company> {
        (self.demo && code == AGENCY_CODE).then(|| Company {
            tax_code: code.to_owned(),
            name: "Trung tâm Phục vụ hành chính công tỉnh Bình Minh".to_owned(),
            status: CompanyStatus::Active,
            representatives: Self::hoa(population, "Giám đốc Trung tâm").into_iter().collect(),
            dependent_units: Vec::new(),
        })
    }

    fn demo_companies(&self, population: &Population) -> Vec<Company> {
        if !self.demo {
            return Vec::new();
        }
        let minh = PersonalNumber::from_exact(MINH).ok().and_then(|number| population.find(&number));
        let minh =
            minh.map(|person| Representative {
                number: person.number, full_name: person.full_name, title: "Giám đốc"
            });
        let hoa = Self::hoa(population, "Chủ tịch Hội đồng quản trị");
        // The second is represented by somebody of the population; Minh gets a mandate for it.
        let other = (0..population.generated())
            .step_by(5)
            .filter_map(|index| population.person(index))
            .find(|person| person.legal_state == LegalState::Alive);
        let other = other.map(|person| Representative {
            number: person.number,
            full_name: person.full_name,
            title: "Tổng Giám đốc",
        });
        vec![
            Company {
                tax_code: SAO_MAI_TAX_CODE.to_owned(),
                name: "Công ty TNHH Sao Mai".to_owned(),
                status: CompanyStatus::Active,
                representatives: minh.clone().into_iter().collect(),
                dependent_units: vec![format!("{SAO_MAI_TAX_CODE}-001")],
            },
            Company {
                tax_code: BINH_MINH_TAX_CODE.to_owned(),
                name: "Công ty Cổ phần Bình Minh".to_owned(),
                status: CompanyStatus::Active,
                representatives: other.into_iter().collect(),
                dependent_units: Vec::new(),
            },
            Company {
                tax_code: HOA_SEN_TAX_CODE.to_owned(),
                name: "Công ty Cổ phần Hoa Sen".to_owned(),
                status: CompanyStatus::Active,
                representatives: minh.into_iter().chain(hoa).collect(),
                dependent_units: Vec::new(),
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn is_valid(code: &str) -> bool {
        code.len() == 10 && tax_check_digit(&code[..9]).is_some_and(|digit| code.ends_with(&digit.to_string()))
    }

    #[test]
    fn the_check_digit_agrees_with_the_published_vectors() {
        for code in [
            "0199999014",
            "0299999025",
            "1099999083",
            "3699999177",
            SAO_MAI_TAX_CODE,
            BINH_MINH_TAX_CODE,
            HOA_SEN_TAX_CODE,
        ] {
            assert!(is_valid(code), "{code}");
        }
        assert!(!is_valid("0199999015"));
        assert_eq!(tax_check_digit("019999911"), None, "a sum of 10 is never issued");
        assert_eq!(tax_check_digit("01999991"), None);
        assert_eq!(tax_check_digit("0A9999911"), None);
    }

    #[test]
    fn companies_have_valid_codes_of_their_own_and_living_links() {
        let population = Population::generate(10_000, 7);
        let mut codes = HashSet::new();
        let mut seen = HashSet::new();
        let (mut several, mut units) = (0, 0);
        for index in 0..500 {
            let company = population.company_at(index).unwrap();
            assert!(is_valid(&company.tax_code), "{}", company.tax_code);
            assert!(codes.insert(company.tax_code.clone()));
            assert!(!company.representatives.is_empty());
            several += usize::from(company.representatives.len() > 1);
            units += company.dependent_units.len();
            seen.insert(format!("{:?}", company.status));
            for person in &company.representatives {
                let of_person = population.companies_of(&person.number);
                assert!(of_person.iter().any(|c| c.tax_code == company.tax_code));
            }
            for unit in &company.dependent_units {
                assert_eq!(population.company(unit).unwrap().tax_code, company.tax_code);
            }
            assert!(population.company(&format!("{}-999", company.tax_code)).is_none());
        }
        assert_eq!(population.company_count(), 500);
        assert!(several > 50 && units > 50 && seen.len() == 3, "{several} {units} {seen:?}");
        assert!(population.company_at(500).is_none());
    }

    #[test]
    fn minh_represents_sao_mai_and_with_hoa_hoa_sen_and_not_binh_minh() {
        let population = Population::generate(100, 7).with_demo_people();
        let minh = PersonalNumber::parse(MINH).unwrap();
        let names: Vec<String> = population.companies_of(&minh).into_iter().map(|c| c.name).collect();
        assert_eq!(names, ["Công ty TNHH Sao Mai", "Công ty Cổ phần Hoa Sen"]);
        let second = population.company(BINH_MINH_TAX_CODE).unwrap();
        assert_eq!(second.representatives.len(), 1);
        assert_ne!(second.representatives[0].number, minh);
        assert!(population.company("0199999511001").is_some());
        for wrong in ["", "1", "019999951", "01999995110", "ÀÀÀÀÀ", "0199999511-002"] {
            assert!(population.company(wrong).is_none(), "{wrong}");
        }
    }
}
