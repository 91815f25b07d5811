//! A register behind its breaker and with a bounded number of calls at a time.

use super::breaker::{Breaker, BreakerPolicy, BreakerState, Ticket};
use super::error::{Defect, Outage, RegisterError};
use super::port::{
    OrganizationAnswer, OrganizationQuery, OrganizationRegister, PopulationAnswer, PopulationQuery, PopulationRegister,
};
use crate::base::Clock;
use crate::identity::OrganizationKind;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Limits of one register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardPolicy {
    /// When the breaker opens.
    pub breaker: BreakerPolicy,
    /// Calls under way at once; one more is refused at once, not queued.
    pub max_concurrent: u16,
}

impl Default for GuardPolicy {
    fn default() -> Self {
        Self { breaker: BreakerPolicy::default(), max_concurrent: 32 }
    }
}

/// A register that is left alone while it fails, and is never asked more than a fixed number of things at once.
pub struct GuardedRegister<R: ?Sized = dyn PopulationRegister> {
    inner: Arc<R>,
    breaker: Mutex<Breaker>,
    permits: Semaphore,
    clock: Arc<dyn Clock>,
}

impl<R: ?Sized> GuardedRegister<R> {
    /// Puts the guard around `inner`.
    pub fn new(inner: Arc<R>, policy: GuardPolicy, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner,
            breaker: Mutex::new(Breaker::new(policy.breaker)),
            permits: Semaphore::new(usize::from(policy.max_concurrent.max(1))),
            clock,
        }
    }

    /// The breaker's state, for metrics and the status page.
    pub fn breaker_state(&self) -> BreakerState {
        self.breaker().state()
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Result<Call<'_>, RegisterError> {
        match self.breaker().admit(self.clock.now()) {
            Ok(ticket) => Ok(Call { breaker: &self.breaker, clock: &*self.clock, ticket: Some(ticket) }),
            Err(wait) => Err(RegisterError::Unavailable { cause: Outage::BreakerOpen, retry_after: Some(wait) }),
        }
    }

    /// One question, if it may be asked now.
    async fn ask<T>(&self, question: impl Future<Output = Result<T, RegisterError>>) -> Result<T, RegisterError> {
        let _permit = self.permits.try_acquire().map_err(|_| RegisterError::Unavailable {
            cause: Outage::Busy,
            retry_after: Some(Duration::from_secs(1)),
        })?;
        let call = self.begin()?;
        let outcome = question.await;
        call.finish(&outcome);
        outcome
    }
}

/// A call under way. Dropped without an outcome (the person went away) it gives its place back.
struct Call<'r> {
    breaker: &'r Mutex<Breaker>,
    clock: &'r dyn Clock,
    ticket: Option<Ticket>,
}

impl Call<'_> {
    fn finish<T>(mut self, outcome: &Result<T, RegisterError>) {
        let Some(ticket) = self.ticket.take() else { return };
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let before = breaker.state();
        match outcome {
            // A refusal is an answer: the register works, we are set up wrongly. One odd record is one: nobody may
            // cut others off by asking for it again and again.
            Ok(_) | Err(RegisterError::Refused(_) | RegisterError::Malformed(Defect::Record)) => {
                breaker.succeed(ticket);
            }
            Err(_) => breaker.fail(ticket, self.clock.now()),
        }
        let after = breaker.state();
        drop(breaker);
        if before != after {
            tracing::warn!(from = before.as_str(), to = after.as_str(), "the register's breaker changed");
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.lock().unwrap_or_else(PoisonError::into_inner).abandon(ticket);
        }
    }
}

#[async_trait]
impl PopulationRegister for GuardedRegister<dyn PopulationRegister> {
    async fn look_up(&self, query: &PopulationQuery) -> Result<PopulationAnswer, RegisterError> {
        self.ask(self.inner.look_up(query)).await
    }

    /// Goes past the breaker: a health check must see the register, not our guard, and must not close it.
    async fn health(&self, request_id: Uuid) -> Result<(), RegisterError> {
        self.inner.health(request_id).await
    }
}

#[async_trait]
impl OrganizationRegister for GuardedRegister<dyn OrganizationRegister> {
    async fn look_up_organization(&self, query: &OrganizationQuery) -> Result<OrganizationAnswer, RegisterError> {
        self.ask(self.inner.look_up_organization(query)).await
    }

    /// Goes past the breaker, as for people.
    async fn health(&self, kind: OrganizationKind, request_id: Uuid) -> Result<(), RegisterError> {
        self.inner.health(kind, request_id).await
    }

    fn is_connected(&self) -> bool {
        self.inner.is_connected()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{FrozenClock, Timestamp};
    use crate::registers::error::{Mismatch, Refusal};
    use crate::registers::fake::{FakePopulationRegister, sample_query};
    use futures_util::poll;
    use std::pin::pin;

    struct Bench {
        fake: Arc<FakePopulationRegister>,
        guarded: GuardedRegister,
        clock: Arc<FrozenClock>,
    }

    fn bench(max_concurrent: u16) -> Bench {
        let fake = Arc::new(FakePopulationRegister::new());
        let clock = Arc::new(FrozenClock::at(Timestamp::from_seconds(1_000)));
        let policy = GuardPolicy { breaker: BreakerPolicy { failures_to_open: 2, open_seconds: 10 }, max_concurrent };
        Bench {
            guarded: GuardedRegister::new(fake.clone() as Arc<dyn PopulationRegister>, policy, clock.clone()),
            fake,
            clock,
        }
    }

    #[tokio::test]
    async fn x21_an_open_breaker_answers_at_once_and_does_not_call() {
        let b = bench(4);
        b.fake.always(Some(RegisterError::TimedOut));
        for _ in 0..2 {
            assert_eq!(b.guarded.look_up(&sample_query()).await, Err(RegisterError::TimedOut));
        }
        assert_eq!(b.guarded.breaker_state(), BreakerState::Open);
        b.clock.advance(Duration::from_secs(3));
        let refused = b.guarded.look_up(&sample_query()).await.unwrap_err();
        assert_eq!(refused.reason(), "register_breaker_open");
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(b.fake.calls(), 2);

        b.fake.always(None);
        b.clock.advance(Duration::from_secs(7));
        assert_eq!(b.guarded.look_up(&sample_query()).await, Ok(PopulationAnswer::NotFound));
        assert_eq!(b.guarded.breaker_state(), BreakerState::Closed);
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer_and_a_wrong_answer_is_a_failure() {
        let b = bench(4);
        for answer in [RegisterError::Refused(Refusal::AccessDenied), RegisterError::Malformed(Defect::Record)] {
            b.fake.always(Some(answer));
            for _ in 0..5 {
                assert!(b.guarded.look_up(&sample_query()).await.is_err());
            }
        }
        assert_eq!(b.guarded.breaker_state(), BreakerState::Closed);
        b.fake.always(Some(RegisterError::WrongAnswer(Mismatch::Number)));
        for _ in 0..2 {
            assert!(b.guarded.look_up(&sample_query()).await.is_err());
        }
        assert_eq!(b.guarded.breaker_state(), BreakerState::Open);
    }

    #[tokio::test]
    async fn x21_one_call_too_many_is_shed_not_queued() {
        let b = bench(2);
        b.fake.hang(true);
        let query = sample_query();
        let mut first = pin!(b.guarded.look_up(&query));
        let mut second = pin!(b.guarded.look_up(&query));
        assert!(poll!(first.as_mut()).is_pending());
        assert!(poll!(second.as_mut()).is_pending());
        let third = b.guarded.look_up(&query).await.unwrap_err();
        assert_eq!(third.reason(), "register_busy");
        assert_eq!(b.fake.calls(), 2);
    }

    #[tokio::test]
    async fn a_probe_that_is_given_up_leaves_the_way_free() {
        let b = bench(1);
        b.fake.always(Some(RegisterError::TimedOut));
        for _ in 0..2 {
            assert!(b.guarded.look_up(&sample_query()).await.is_err());
        }
        b.clock.advance(Duration::from_secs(10));
        b.fake.always(None);
        b.fake.hang(true);
        let query = sample_query();
        {
            let mut probe = pin!(b.guarded.look_up(&query));
            assert!(poll!(probe.as_mut()).is_pending());
            assert_eq!(b.guarded.breaker_state(), BreakerState::HalfOpen);
        }
        b.fake.hang(false);
        assert_eq!(b.guarded.look_up(&query).await, Ok(PopulationAnswer::NotFound));
        assert_eq!(b.guarded.breaker_state(), BreakerState::Closed);
    }

    #[tokio::test]
    async fn health_passes_an_open_breaker_and_leaves_it_as_it_is() {
        let b = bench(1);
        b.fake.always(Some(RegisterError::TimedOut));
        for _ in 0..2 {
            assert!(b.guarded.look_up(&sample_query()).await.is_err());
        }
        assert_eq!(b.guarded.health(Uuid::nil()).await, Err(RegisterError::TimedOut));
        b.fake.always(None);
        assert_eq!(b.guarded.health(Uuid::nil()).await, Ok(()));
        assert_eq!(b.guarded.breaker_state(), BreakerState::Open);
    }
}
