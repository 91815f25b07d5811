//! Choices of a person (C35).

use super::super::{Outcome, Services};
use crate::base::PersonId;
use crate::store;
pub use crate::store::person_setting::NoticeChannel;

/// The channel of everyday notices.
pub async fn channel(services: &Services, who: PersonId) -> Outcome<NoticeChannel> {
    Ok(store::person_setting::channel(&services.db, who).await?)
}

/// Keeps the language of messages and the channel of everyday notices.
pub async fn save(services: &Services, who: PersonId, language: &str, channel: NoticeChannel) -> Outcome<()> {
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    store::person::update_language(&mut tx, who, language, now).await?;
    store::person_setting::upsert(&mut tx, who, channel, now).await?;
    tx.commit().await?;
    Ok(())
}
