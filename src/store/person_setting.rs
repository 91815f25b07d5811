//! Choices of a person that are not a matter of one browser.

use super::words;
use crate::base::{PersonId, Timestamp};
use crate::db::{Error, Source, Tx};

words! {
    /// How notices of everyday things go; what is risky goes every way there is.
    NoticeChannel {
        /// Every way there is.
        All = "all",
        /// Text message only.
        Sms = "sms",
        /// E-mail only.
        Email = "email",
    }
}

/// Sets the channel of notices.
///
/// # Errors
/// What the store said.
pub async fn upsert(tx: &mut Tx, person: PersonId, channel: NoticeChannel, now: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO person_setting (person_id, notice_channel, updated_at) VALUES ($1, $2, $3)
         ON CONFLICT (person_id) DO UPDATE SET notice_channel = excluded.notice_channel,
            updated_at = excluded.updated_at",
    )
    .bind(person)
    .bind(channel)
    .bind(now)
    .execute()
    .await
    .map(|_| ())
}

/// The channel a person chose; every way there is without a choice.
///
/// # Errors
/// What the store said.
pub async fn channel(source: impl Source<'_>, person: PersonId) -> Result<NoticeChannel, Error> {
    let chosen: Vec<NoticeChannel> =
        source.query("SELECT notice_channel FROM person_setting WHERE person_id = $1").bind(person).scalars().await?;
    Ok(chosen.first().copied().unwrap_or(NoticeChannel::All))
}
