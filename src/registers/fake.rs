//! A population register without a wire, for unit tests of what uses one.

use super::error::RegisterError;
use super::port::{
    OrganizationAnswer, OrganizationQuery, OrganizationRegister, PopulationAnswer, PopulationQuery, PopulationRegister,
};
use crate::base::{Clock, Timestamp};
use crate::identity::{ExchangeEvidence, OrganizationKind, OrganizationRecord, PopulationRecord};
use async_trait::async_trait;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Records by number, and faults by script.
#[derive(Debug, Default)]
pub struct FakePopulationRegister {
    script: Mutex<Script>,
    goes_on: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct Script {
    records: HashMap<String, PopulationRecord>,
    next: VecDeque<RegisterError>,
    always: Option<RegisterError>,
    hang: bool,
    as_of: Timestamp,
    calls: usize,
}

impl FakePopulationRegister {
    /// Knows nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows one more person.
    #[must_use]
    pub fn with(self, record: PopulationRecord) -> Self {
        self.put(record);
        self
    }

    /// Adds or replaces a person.
    pub fn put(&self, record: PopulationRecord) {
        self.script().records.insert(record.number.as_str().to_owned(), record);
    }

    /// The next look-up fails like this; several calls queue up.
    pub fn fail_next(&self, error: RegisterError) {
        self.script().next.push_back(error);
    }

    /// Every call fails like this, until told `None`.
    pub fn always(&self, error: Option<RegisterError>) {
        self.script().always = error;
    }

    /// Look-ups do not end, until told otherwise: then those under way get their answers.
    pub fn hang(&self, hang: bool) {
        self.script().hang = hang;
        self.goes_on.notify_waiters();
    }

    /// The `as_of` of answers from now on.
    pub fn set_as_of(&self, as_of: Timestamp) {
        self.script().as_of = as_of;
    }

    /// How many look-ups there were.
    pub fn calls(&self) -> usize {
        self.script().calls
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, query: &PopulationQuery) -> Option<Result<PopulationAnswer, RegisterError>> {
        let mut script = self.script();
        if script.hang {
            return None;
        }
        if let Some(error) = script.next.pop_front().or(script.always) {
            return Some(Err(error));
        }
        let found = script.records.get(query.number.as_str()).filter(|record| {
            record.full_name.match_key() == query.full_name.match_key() && query.birth_date.matches(&record.birth_date)
        });
        Some(Ok(found.map_or(PopulationAnswer::NotFound, |record| PopulationAnswer::Found {
            record: record.clone(),
            evidence: ExchangeEvidence {
                request_id: format!("fake-{}", script.calls),
                message_id: query.request_id.to_string(),
                request_hash: "fake".to_owned(),
                service: "TEST/GOV/FAKE/POPULATION/look-up".to_owned(),
                as_of: script.as_of,
            },
        })))
    }
}

#[async_trait]
impl PopulationRegister for FakePopulationRegister {
    async fn look_up(&self, query: &PopulationQuery) -> Result<PopulationAnswer, RegisterError> {
        self.script().calls += 1;
        loop {
            let goes_on = self.goes_on.notified();
            if let Some(answer) = self.answer(query) {
                return answer;
            }
            goes_on.await;
        }
    }

    async fn health(&self, _request_id: Uuid) -> Result<(), RegisterError> {
        self.script().always.map_or(Ok(()), Err)
    }
}

/// A register of organizations without a wire: records by code, and a fault for every call.
#[derive(Default)]
pub struct FakeOrganizationRegister {
    desk: Mutex<Desk>,
    goes_on: tokio::sync::Notify,
}

#[derive(Default)]
struct Desk {
    records: HashMap<String, OrganizationRecord>,
    always: Option<RegisterError>,
    hang: bool,
    as_of: Option<Arc<dyn Clock>>,
    calls: usize,
}

impl FakeOrganizationRegister {
    /// Knows no organization; its answers are true at this clock's time.
    pub fn at(clock: Arc<dyn Clock>) -> Self {
        Self { desk: Mutex::new(Desk { as_of: Some(clock), ..Desk::default() }), ..Self::default() }
    }

    /// Adds or replaces an organization.
    pub fn put(&self, record: OrganizationRecord) {
        self.desk().records.insert(record.code.to_string(), record);
    }

    /// Every call fails like this, until told `None`.
    pub fn always(&self, error: Option<RegisterError>) {
        self.desk().always = error;
    }

    /// How many look-ups there were.
    pub fn calls(&self) -> usize {
        self.desk().calls
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Look-ups do not end, until told otherwise: then those under way get their answers.
    pub fn hang(&self, hang: bool) {
        self.desk().hang = hang;
        self.goes_on.notify_waiters();
    }
}

#[async_trait]
impl OrganizationRegister for FakeOrganizationRegister {
    async fn look_up_organization(&self, query: &OrganizationQuery) -> Result<OrganizationAnswer, RegisterError> {
        loop {
            let goes_on = self.goes_on.notified();
            if !self.desk().hang {
                break;
            }
            goes_on.await;
        }
        let mut desk = self.desk();
        desk.calls += 1;
        if let Some(error) = desk.always {
            return Err(error);
        }
        let found = desk.records.get(&query.code.to_string());
        let named = found.filter(|record| record.representative(&query.representative).is_some());
        Ok(named.map_or(OrganizationAnswer::NotFound, |record| OrganizationAnswer::Found {
            record: record.clone(),
            evidence: ExchangeEvidence {
                request_id: format!("fake-{}", desk.calls),
                message_id: query.request_id.to_string(),
                request_hash: "fake".to_owned(),
                service: "TEST/GOV/FAKE/ENTERPRISE/look-up".to_owned(),
                as_of: desk.as_of.as_ref().map(|clock| clock.now()).unwrap_or_default(),
            },
        }))
    }

    async fn health(&self, _: OrganizationKind, _: Uuid) -> Result<(), RegisterError> {
        self.desk().always.map_or(Ok(()), Err)
    }
}

/// A question about somebody the empty register does not know.
#[cfg(test)]
pub(super) fn sample_query() -> PopulationQuery {
    use crate::identity::{BirthDate, FullName, PersonalNumber};
    PopulationQuery {
        number: PersonalNumber::parse("001000999901").unwrap(),
        full_name: FullName::parse("Nguyễn Văn Thử").unwrap(),
        birth_date: BirthDate::parse_claim("1900-03-12").unwrap(),
        issue: "create_account".to_owned(),
        request_id: Uuid::from_u128(7),
        on_behalf_of: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{BirthDate, FullName, Gender, LegalState};
    use crate::registers::error::Outage;

    fn record(query: &PopulationQuery) -> PopulationRecord {
        PopulationRecord {
            number: query.number.clone(),
            full_name: FullName::parse("NGUYỄN VĂN THỬ").unwrap(),
            birth_date: query.birth_date,
            gender: Some(Gender::Male),
            legal_state: LegalState::Alive,
            replaced_by: None,
        }
    }

    #[tokio::test]
    async fn matches_all_three_and_makes_no_difference_between_none_and_no_match() {
        let query = sample_query();
        let fake = FakePopulationRegister::new().with(record(&query));
        let Ok(PopulationAnswer::Found { record, evidence }) = fake.look_up(&query).await else { panic!("found") };
        assert_eq!(record.number, query.number);
        assert_eq!(evidence.message_id, query.request_id.to_string());
        let mut other_name = query.clone();
        other_name.full_name = FullName::parse("Trần Văn Thử").unwrap();
        let mut other_birth = query.clone();
        other_birth.birth_date = BirthDate::Year(1900);
        for wrong in [other_name, other_birth] {
            assert_eq!(fake.look_up(&wrong).await, Ok(PopulationAnswer::NotFound));
        }
        assert_eq!(fake.calls(), 3);
    }

    #[tokio::test]
    async fn faults_come_in_the_order_given() {
        let query = sample_query();
        let fake = FakePopulationRegister::new();
        fake.fail_next(RegisterError::TimedOut);
        fake.fail_next(RegisterError::unavailable(Outage::Unreachable));
        assert_eq!(fake.look_up(&query).await, Err(RegisterError::TimedOut));
        assert_eq!(fake.look_up(&query).await, Err(RegisterError::unavailable(Outage::Unreachable)));
        assert_eq!(fake.look_up(&query).await, Ok(PopulationAnswer::NotFound));
    }
}
