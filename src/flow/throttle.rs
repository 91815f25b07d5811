//! Durable counters against guessing (I8): an attempt is counted before it is judged, so that neither a race nor a
//! refused request gives a try for nothing.

use super::{Outcome, Services};
use crate::base::Digest;
use crate::db::Tx;
use crate::identity::throttling::{admit, after_failure};
use crate::identity::{Admission, Rule};
use crate::store;

/// Counts one attempt and says whether it may be made. Commits by itself: the count stays whatever happens next.
pub async fn attempt(services: &Services, rule: &'static Rule, subject: &Digest) -> Outcome<Admission> {
    let mut tx = services.db.begin().await?;
    let admission = attempt_in(services, &mut tx, rule, subject).await?;
    tx.commit().await?;
    Ok(admission)
}

/// The same within a transaction that does more, such as sending.
pub async fn attempt_in(services: &Services, tx: &mut Tx, rule: &'static Rule, subject: &Digest) -> Outcome<Admission> {
    let now = services.clock.now();
    let admission = store::throttle::reserve(tx, rule.scope, subject, now, |counter| {
        let admission = admit(counter, rule, now);
        ((admission == Admission::Go).then(|| after_failure(counter, rule, now)), admission)
    })
    .await?;
    Ok(admission)
}

/// Under which a network is counted. Keyed: the table alone tells no addresses.
pub fn network_subject(services: &Services, network: &str) -> Outcome<Digest> {
    services.sealer.keyed_digest("throttle", &[b"network", network.as_bytes()]).map_err(super::Fault::internal)
}

/// Counts one sending for the network that asks for it, before anything is known of the number: the answer is the same
/// whoever it belongs to (N1). Gives the time from when more may be asked for.
pub async fn send_from(services: &Services, network: &str) -> Outcome<Option<crate::base::Timestamp>> {
    let caller = network_subject(services, network)?;
    Ok(match attempt(services, &Rule::SEND_NETWORK, &caller).await? {
        Admission::PausedUntil(until) => Some(until),
        Admission::Go | Admission::Disabled => None,
    })
}

/// Looks at a counter as [`attempt_in`] does, and leaves it as it was.
pub async fn look_in(services: &Services, tx: &mut Tx, rule: &'static Rule, subject: &Digest) -> Outcome<Admission> {
    let now = services.clock.now();
    let looked = store::throttle::reserve(tx, rule.scope, subject, now, |counter| (None, admit(counter, rule, now)));
    Ok(looked.await?)
}

/// Failures counted so far, for "tries left" on pages.
pub async fn failures(services: &Services, rule: &'static Rule, subject: &Digest) -> Outcome<u32> {
    Ok(store::throttle::read(&services.db, rule.scope, subject).await?.map_or(0, |counter| counter.failures))
}

/// Tries left before a pause, as pages tell it.
pub const fn tries_left(rule: &Rule, failures: u32) -> u32 {
    (rule.free + 1).saturating_sub(failures)
}

/// Forgets the failures: the right answer was given.
pub async fn clear(tx: &mut Tx, rule: &'static Rule, subject: &Digest) -> Outcome<()> {
    Ok(store::throttle::clear(tx, rule.scope, subject).await?)
}
