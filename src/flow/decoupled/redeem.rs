//! Polls of devices and of clients that asked by CIBA (RFC 8628 3.4, CIBA 10.1), and the one redemption that each
//! request has.

use super::Door;
use crate::audit::{GrantEvent, Word};
use crate::db::Tx;
use crate::flow::clients::KnownClient;
use crate::flow::token::By;
use crate::flow::{Fault, Outcome, Services, audit, token};
use crate::protocol::Error;
use crate::protocol::decoupled::{self as rules, Asked, DecoupledExchange, Poll, Progress};
use crate::protocol::token::{CodeState, Verdict, replayed, unknown};
use crate::store;
use crate::store::decoupled::{Decoupled as Row, DecoupledState};
use crate::store::grant::{CodeConsumption, TokenGrant};
use serde_json::Value;

/// Answers a poll: with tokens once, after the person approved.
pub(in crate::flow) async fn redeem(
    services: &Services,
    by: &By<'_>,
    (door, exchange): (Door, &DecoupledExchange),
) -> Outcome<Result<Value, Error>> {
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    let Some(row) = store::decoupled::find_by_secret(&mut tx, door.kind(), &exchange.secret.digest()).await? else {
        return Ok(Err(unknown()));
    };
    match rules::poll(&by.known.client, door.grant_type(), &asked(&row), now) {
        Poll::Redeem => consume(services, tx, by, (door, exchange, &row)).await,
        Poll::Refuse(error) => Ok(Err(error)),
        Poll::Wait { error, interval_seconds } => {
            store::decoupled::note_poll(&mut tx, row.id, interval_seconds, now).await?;
            tx.commit().await?;
            Ok(Err(error))
        }
        Poll::Expire(error) => {
            store::decoupled::expire(&mut tx, row.id, now).await?;
            tx.commit().await?;
            Ok(Err(error))
        }
    }
}

fn asked(row: &Row) -> Asked {
    Asked {
        client_id: row.client_id.clone(),
        progress: match row.state {
            DecoupledState::Waiting => Progress::Waiting,
            DecoupledState::Approved => Progress::Approved,
            DecoupledState::Denied => Progress::Denied,
            DecoupledState::Expired => Progress::Expired,
        },
        expires_at: row.expires_at,
        interval_seconds: row.interval_seconds,
        polled_at: row.polled_at,
    }
}

async fn consume(
    services: &Services,
    mut tx: Tx,
    by: &By<'_>,
    (door, exchange, row): (Door, &DecoupledExchange, &Row),
) -> Outcome<Result<Value, Error>> {
    let (now, known) = (services.clock.now(), by.known);
    let artefact = (door.origin(), &row.secret_digest);
    let (found, used_before) = match store::grant::consume_code(&mut tx, artefact, now).await? {
        CodeConsumption::Fresh(found) => (found, false),
        CodeConsumption::Spent(found) => (found, true),
        CodeConsumption::Unknown => return late(services, tx, known, (door, row)).await,
    };
    let own = found.grant.client_id == known.client.client_id;
    if token::refused_meanwhile(services, &mut tx, known, &found).await? {
        // E9: locked, switched off or not representing any more since the approval.
        tx.commit().await?;
        return Ok(Err(if own && !used_before { rules::DENIED } else { replayed() }));
    }
    let TokenGrant { mut grant, .. } = *found;
    match rules::redeem(&known.client, exchange, &state(&grant, used_before, now), now) {
        Verdict::Replayed => {
            token::end_family(services, &mut tx, &grant, "code_replayed").await?;
            tx.commit().await?;
            Ok(Err(replayed()))
        }
        Verdict::Refuse { error, .. } => {
            token::end_family(services, &mut tx, &grant, error.reason).await?;
            tx.commit().await?;
            Ok(Err(error))
        }
        Verdict::Issue => {
            if door == Door::Ciba {
                // Only now is it known in the clear; the store keeps its digest.
                grant.terms.auth_req_id = Some(exchange.secret.expose().to_owned());
            }
            token::issue(services, tx, by, (&grant, &exchange.resource)).await.map(Ok)
        }
    }
}

fn state(grant: &store::grant::Grant, used_before: bool, now: crate::base::Timestamp) -> CodeState {
    CodeState {
        client_id: grant.client_id.clone(),
        redirect_uri: String::new(),
        redirect_uri_sent: false,
        code_challenge: None,
        resource: grant.resource.clone(),
        bound_to: None,
        expires_at: grant.code_expires_at,
        used_before,
        ended: !grant.is_live(now),
    }
}

/// Approved, and not to be redeemed any more: it came too late, or the grant ended first (E9).
async fn late(
    services: &Services,
    mut tx: Tx,
    known: &KnownClient,
    (door, row): (Door, &Row),
) -> Outcome<Result<Value, Error>> {
    let now = services.clock.now();
    let ended = store::grant::end_late_code(&mut tx, (door.origin(), &row.secret_digest), now).await?;
    if let Some(id) = ended {
        let person = row.person_id.ok_or_else(|| Fault::Internal("approved by nobody".to_owned()))?;
        let event = GrantEvent::Ended { reason: Word::new("code_expired") };
        let entry = audit::entry(services, event).person(person).client(&row.client_id).grant(id);
        audit::append(&mut tx, entry).await?;
        tx.commit().await?;
    }
    Ok(Err(if row.client_id != known.client.client_id {
        unknown()
    } else if now >= row.expires_at {
        rules::EXPIRED
    } else {
        rules::DENIED
    }))
}
