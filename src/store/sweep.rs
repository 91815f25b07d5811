//! Deletes what can matter to nobody any more, in bounded batches found by index. Nothing depends on it having run:
//! expiry is judged at use (T5).
//!
//! Every function deletes at most `limit` rows that ended before `before` and answers how many: call again while the
//! answer is `limit`.

use crate::base::Timestamp;
use crate::db::{Error, Tx};

async fn delete(tx: &mut Tx, sql: &'static str, before: Timestamp, limit: u32) -> Result<u64, Error> {
    tx.query(sql).bind(before).bind(i64::from(limit)).execute().await
}

/// Codes that expired.
///
/// # Errors
/// What the store said.
pub async fn sent_codes(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM sent_code WHERE id IN
        (SELECT id FROM sent_code WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    delete(tx, SQL, before, limit).await
}

/// Codes of notices that expired.
///
/// # Errors
/// What the store said.
pub async fn notice_codes(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM notice_code WHERE id IN
        (SELECT id FROM notice_code WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    delete(tx, SQL, before, limit).await
}

/// Authorizations on other devices that nobody can give or redeem any more.
///
/// # Errors
/// What the store said.
pub async fn decoupled(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM decoupled_authorization WHERE id IN
        (SELECT id FROM decoupled_authorization WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    delete(tx, SQL, before, limit).await
}

/// Consumed artefacts that would have expired by themselves.
///
/// # Errors
/// What the store said.
pub async fn spent_artefacts(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM spent_artefact WHERE (kind, digest) IN
        (SELECT kind, digest FROM spent_artefact WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    delete(tx, SQL, before, limit).await
}

/// Refresh tokens that expired: none of them could be used, or used twice, any more.
///
/// # Errors
/// What the store said.
pub async fn refresh_tokens(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM refresh_token WHERE digest IN
        (SELECT digest FROM refresh_token WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    delete(tx, SQL, before, limit).await
}

/// Grants past their absolute end, with their refresh tokens.
///
/// # Errors
/// What the store said.
pub async fn grants(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, Error> {
    const TOKENS: &str = "DELETE FROM refresh_token WHERE grant_id IN
        (SELECT id FROM authorization_grant WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2)";
    const SQL: &str = "DELETE FROM authorization_grant WHERE id IN
        (SELECT id FROM authorization_grant WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2)";
    delete(tx, TOKENS, before, limit).await?;
    delete(tx, SQL, before, limit).await
}

/// Sessions past their absolute end, with the list of their clients.
///
/// # Errors
/// What the store said.
pub async fn sessions(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, Error> {
    const CLIENTS: &str = "DELETE FROM session_client WHERE session_id IN
        (SELECT id FROM session WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2)";
    const SQL: &str = "DELETE FROM session WHERE id IN
        (SELECT id FROM session WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2)";
    delete(tx, CLIENTS, before, limit).await?;
    delete(tx, SQL, before, limit).await
}

/// Counters whose last failure is older than `before` and that pause nobody then. The caller keeps to the longest
/// memory of its rules, and counters that have reached `keep_from` failures stay for ever (I8).
///
/// # Errors
/// What the store said.
pub async fn throttles(tx: &mut Tx, before: Timestamp, keep_from: u32, limit: u32) -> Result<u64, Error> {
    tx.query(
        "DELETE FROM throttle WHERE (scope, subject) IN
            (SELECT scope, subject FROM throttle
             WHERE last_at < $1 AND (paused_until IS NULL OR paused_until < $1) AND failures < $2
             ORDER BY last_at LIMIT $3)",
    )
    .bind(before)
    .bind(i32::try_from(keep_from).unwrap_or(i32::MAX))
    .bind(i64::from(limit))
    .execute()
    .await
}

/// Messages that ended, with the record of their attempts.
///
/// # Errors
/// What the store said.
pub async fn outbox(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, Error> {
    const ATTEMPTS: &str = "DELETE FROM delivery WHERE outbox_id IN
        (SELECT id FROM outbox WHERE finished_at < $1 ORDER BY finished_at, due_at, id LIMIT $2)";
    const SQL: &str = "DELETE FROM outbox WHERE id IN
        (SELECT id FROM outbox WHERE finished_at < $1 ORDER BY finished_at, due_at, id LIMIT $2)";
    delete(tx, ATTEMPTS, before, limit).await?;
    delete(tx, SQL, before, limit).await
}

/// Clients of open registration that nobody ever signed in to, with what belongs to them. One that was switched off
/// stays: forgotten, it could come back switched on.
///
/// # Errors
/// What the store said.
pub async fn unused_clients(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, Error> {
    macro_rules! of_unused {
        ($table:literal) => {
            concat!(
                "DELETE FROM ",
                $table,
                " WHERE client_id IN (SELECT client_id FROM client WHERE origin = 'open' AND status = 'active' AND created_at < $1
                    AND NOT EXISTS (SELECT 1 FROM authorization_grant g WHERE g.client_id = client.client_id)
                    AND NOT EXISTS (SELECT 1 FROM session_client s WHERE s.client_id = client.client_id)
                    AND NOT EXISTS (SELECT 1 FROM consent c WHERE c.client_id = client.client_id)
                    AND NOT EXISTS (SELECT 1 FROM disclosure d WHERE d.client_id = client.client_id)
                    ORDER BY created_at, client_id LIMIT $2)"
            )
        };
    }
    delete(tx, of_unused!("client_logo"), before, limit).await?;
    delete(tx, of_unused!("agreement"), before, limit).await?;
    delete(tx, of_unused!("client"), before, limit).await
}
