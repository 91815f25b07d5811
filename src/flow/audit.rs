//! Appending to the audit trail, always in the transaction of the act (I4).

use super::{Outcome, Services};
use crate::audit::{Entry, Event};
use crate::base::{AuditId, Entropy, Timestamp};
use crate::db::Tx;
use crate::store;

/// A fresh entry, to be filled with who and where, then appended.
pub fn entry(services: &Services, event: impl Into<Event>) -> Entry {
    entry_at(event, services.clock.now(), &*services.entropy)
}

/// The same where no services run, as in commands.
pub fn entry_at(event: impl Into<Event>, now: Timestamp, entropy: &dyn Entropy) -> Entry {
    Entry::new(AuditId::new(now, entropy), now, event)
}

/// Appends an entry.
pub async fn append(tx: &mut Tx, entry: Entry) -> Outcome<()> {
    Ok(store::audit::append(tx, &entry).await?)
}

/// Appends an event that concerns nobody in particular.
pub async fn append_plain(tx: &mut Tx, event: impl Into<Event>, now: Timestamp, entropy: &dyn Entropy) -> Outcome<()> {
    append(tx, entry_at(event, now, entropy)).await
}
