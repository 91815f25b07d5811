//! Pairwise subjects (OpenID Connect Core 8.1): one text per sector and person, drawn once, never changed (I6).

use super::{Outcome, Services};
use crate::base::{PersonId, Timestamp, random_token};
use crate::db::Tx;
use crate::store;

/// The subject of a person in a sector.
pub async fn of_in(
    services: &Services,
    tx: &mut Tx,
    sector: &str,
    person: PersonId,
    now: Timestamp,
) -> Outcome<String> {
    let proposed = random_token(&*services.entropy);
    Ok(store::subject::get_or_create(tx, sector, person, &proposed, now).await?)
}
