//! Making, listing and revoking initial access tokens (RFC 7591 3).

use super::{Outcome, audit};
use crate::audit::AdministrationEvent;
use crate::base::{Entropy, RowId, Secret, Timestamp, random_token};
use crate::db::Db;
use crate::store;
use crate::store::initial_access_token::InitialAccessToken;
use std::time::Duration;

/// A token to be made.
pub struct NewToken {
    /// For whom.
    pub note: String,
    /// How many clients it may register.
    pub uses: i32,
    /// How long it lasts.
    pub lifetime: Duration,
}

/// A token as it is kept.
pub struct Kept {
    /// Of its row.
    pub id: RowId,
    /// For whom it was made.
    pub note: String,
    /// How many clients it may still register.
    pub uses_left: i32,
    /// When it ends.
    pub expires_at: Timestamp,
    revoked: bool,
}

impl Kept {
    /// Whether it would be taken now.
    pub fn is_good(&self, now: Timestamp) -> bool {
        !self.revoked && self.uses_left > 0 && now < self.expires_at
    }
}

/// Makes a token: its row, the token, its end. Only the digest is kept.
pub async fn add(db: &Db, new: NewToken, now: Timestamp, entropy: &dyn Entropy) -> Outcome<(RowId, Secret, Timestamp)> {
    let (id, token) = (RowId::new(now, entropy), Secret::new(random_token(entropy)));
    let row = InitialAccessToken {
        id,
        digest: token.digest(),
        note: new.note,
        uses_left: new.uses,
        created_at: now,
        expires_at: now.plus(new.lifetime),
        revoked_at: None,
    };
    let mut tx = db.begin().await?;
    store::initial_access_token::insert(&mut tx, &row).await?;
    let event = AdministrationEvent::RegistrationTokenMade { token: id, uses: new.uses };
    audit::append_plain(&mut tx, event, now, entropy).await?;
    tx.commit().await?;
    Ok((id, token, row.expires_at))
}

/// Every token.
pub async fn list(db: &Db) -> Outcome<Vec<Kept>> {
    let all = store::initial_access_token::list(db).await?;
    let kept = |row: InitialAccessToken| Kept {
        id: row.id,
        note: row.note,
        uses_left: row.uses_left,
        expires_at: row.expires_at,
        revoked: row.revoked_at.is_some(),
    };
    Ok(all.into_iter().map(kept).collect())
}

/// Revokes a token. `false`: there is none, or it was revoked before.
pub async fn revoke(db: &Db, id: RowId, now: Timestamp, entropy: &dyn Entropy) -> Outcome<bool> {
    let mut tx = db.begin().await?;
    if !store::initial_access_token::revoke(&mut tx, id, now).await? {
        return Ok(false);
    }
    audit::append_plain(&mut tx, AdministrationEvent::RegistrationTokenRevoked { token: id }, now, entropy).await?;
    tx.commit().await?;
    Ok(true)
}
