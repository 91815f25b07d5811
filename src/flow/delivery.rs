//! Sending what the outbox holds: one round of a job. A row is claimed by compare-and-set, sent, and marked; a crash in
//! between sends again, which receivers must bear (at least once).

use super::outbox::{self, Notice, Posting};
use super::{Fault, Outcome, Services, clients, encryption, token};
use crate::audit::{SessionEvent, Word};
use crate::base::{RowId, SessionId, Timestamp};
use crate::db::Tx;
use crate::notify::{
    BackchannelLogout, DeliveryError, MessageKind, MessageSender, OutgoingMessage, SendError, next_attempt,
};
use crate::protocol::jwt_claims::{LogoutToken, TokenKind};
use crate::store;
use crate::store::outbox::{Claim, OutboxKind, OutboxMessage, Outcome as Ended};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);

/// Makes the words of a message: pages and messages share one catalogue, which lies above this floor.
pub type Wording =
    fn(services: &Services, notice: (&Notice, Option<&str>), language: &str, kind: MessageKind) -> (String, String);

/// The senders of this installation.
pub struct Senders {
    /// Text messages.
    pub sms: Option<Arc<dyn MessageSender>>,
    /// Calls.
    pub voice: Option<Arc<dyn MessageSender>>,
    /// E-mail.
    pub email: Option<Arc<dyn MessageSender>>,
    /// Logout tokens to portals.
    pub backchannel: BackchannelLogout,
    /// Words.
    pub wording: Wording,
}

/// How one sending went.
enum Sent {
    Yes(String),
    Later(String),
    Never(String),
}

/// Sends up to `limit` due messages. Gives how many rows were worked on.
pub async fn round(services: &Services, senders: &Senders, limit: u32) -> Outcome<usize> {
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    let claimed = store::outbox::claim_due(&mut tx, limit, now, LEASE).await?;
    tx.commit().await?;
    let count = claimed.len();
    let sendings = claimed.into_iter().map(|message| one(services, senders, message));
    for outcome in futures_util::future::join_all(sendings).await {
        outcome?;
    }
    Ok(count)
}

async fn one(services: &Services, senders: &Senders, message: OutboxMessage) -> Outcome<()> {
    let posting = outbox::open(services, message.id, &message.payload_sealed)?;
    let sent = match &posting {
        Posting::Nothing => Sent::Yes("nothing".to_owned()),
        Posting::Message { .. } if message.kind == OutboxKind::None => Sent::Yes("nobody".to_owned()),
        Posting::Message { recipient, notice, language, not_me } => {
            let said = (notice, not_me.as_deref());
            send_message(services, senders, &message, (recipient, said, language)).await
        }
        Posting::Logout { client_id, subject, sid, .. } => {
            send_logout(services, senders, (client_id, subject, sid)).await?
        }
        Posting::Ping { client_id, auth_req_id, token } => {
            send_ping(services, senders, (client_id, auth_req_id, token)).await?
        }
    };
    record(services, &message, &posting, sent).await
}

async fn send_message(
    services: &Services,
    senders: &Senders,
    message: &OutboxMessage,
    (recipient, notice, language): (&str, (&Notice, Option<&str>), &str),
) -> Sent {
    let (sender, kind) = match message.kind {
        OutboxKind::Voice => (&senders.voice, MessageKind::Voice),
        OutboxKind::Email => (&senders.email, MessageKind::Email),
        _ => (&senders.sms, MessageKind::Sms),
    };
    let Some(sender) = sender else {
        return Sent::Never("no_sender".to_owned());
    };
    let (subject, text) = (senders.wording)(services, notice, language, kind);
    let outgoing = OutgoingMessage {
        id: message.id.0,
        kind,
        recipient: recipient.to_owned(),
        subject: Some(subject).filter(|subject| !subject.is_empty()),
        text,
        language: language.to_owned(),
    };
    match sender.send(&outgoing).await {
        Ok(()) => Sent::Yes(sender.name().to_owned()),
        Err(SendError::Temporary(reason)) => Sent::Later(reason.to_owned()),
        Err(SendError::Permanent(reason)) => Sent::Never(reason.to_owned()),
    }
}

async fn send_logout(
    services: &Services,
    senders: &Senders,
    (client_id, subject, sid): (&str, &str, &str),
) -> Outcome<Sent> {
    let Some(known) = clients::find(services, client_id).await? else {
        return Ok(Sent::Never("client_gone".to_owned()));
    };
    let Some(url) = &known.client.metadata.backchannel_logout_uri else {
        return Ok(Sent::Never("no_address".to_owned()));
    };
    let now = services.clock.now();
    let jti = RowId::new(now, &*services.entropy).to_string();
    let logout = LogoutToken {
        issuer: services.issuer(),
        client_id,
        subject,
        sid,
        issued_at: now,
        expires_at: now.plus(Duration::from_secs(120)),
        jti: &jti,
    };
    // Back-Channel Logout 1.0 section 2.6: a portal whose ID tokens are encrypted refuses a logout token that is not.
    let wanted = known.client.metadata.doors.id_token_encryption();
    let envelope = match encryption::envelope(services, &known.client, wanted).await {
        Err(fault @ Fault::NoRecipient { .. }) => return Ok(Sent::Later(fault.reason().to_owned())),
        found => found?,
    };
    let algorithm = known.client.metadata.id_token_signed_response_alg;
    let jwt = token::sign(services, algorithm.as_str(), TokenKind::LogoutToken, logout.claims())?;
    let jwt = encryption::nested(envelope.as_ref(), jwt)?;
    Ok(match senders.backchannel.deliver(url, &jwt).await {
        Ok(delivered) => Sent::Yes(format!("status {}", delivered.status)),
        // The portal understood and refused, or the address may not be called: asking again is of no use.
        Err(error @ (DeliveryError::Status(400) | DeliveryError::Refused(_))) => Sent::Never(error.to_string()),
        Err(error) => Sent::Later(error.to_string()),
    })
}

/// CIBA 10.2: the client is told that there is an answer, with the token it gave for this.
async fn send_ping(
    services: &Services,
    senders: &Senders,
    (client_id, auth_req_id, token): (&str, &str, &str),
) -> Outcome<Sent> {
    let Some(known) = clients::find(services, client_id).await?.filter(|known| !known.client.disabled) else {
        return Ok(Sent::Never("client_gone".to_owned()));
    };
    let Some(url) = &known.client.metadata.doors.backchannel_client_notification_endpoint else {
        return Ok(Sent::Never("no_address".to_owned()));
    };
    Ok(match senders.backchannel.ping(url, token, auth_req_id).await {
        Ok(delivered) => Sent::Yes(format!("status {}", delivered.status)),
        // CIBA 10.2: redirects are not followed; who refuses is not asked again, for it can still poll.
        Err(error @ (DeliveryError::Status(300..500) | DeliveryError::Refused(_))) => Sent::Never(error.to_string()),
        Err(error) => Sent::Later(error.to_string()),
    })
}

/// Writes down how it went: delivery record, next attempt or end, audit for logouts, in one transaction.
async fn record(services: &Services, message: &OutboxMessage, posting: &Posting, sent: Sent) -> Outcome<()> {
    let now = services.clock.now();
    let claim = Claim { id: message.id, attempt: message.attempts };
    let attempts = u32::try_from(message.attempts).unwrap_or(0);
    let (ok, detail) = match &sent {
        Sent::Yes(detail) => (true, detail.clone()),
        Sent::Later(detail) | Sent::Never(detail) => (false, detail.clone()),
    };
    let mut tx = services.db.begin().await?;
    let delivery = store::delivery::Delivery {
        id: RowId::new(now, &*services.entropy),
        outbox_id: message.id,
        at: now,
        ok,
        detail: detail.clone(),
    };
    store::delivery::insert(&mut tx, &delivery).await?;
    let again = match &sent {
        Sent::Later(_) => next_attempt(attempts, now, message.give_up_at),
        _ => None,
    };
    let ended = match (ok, again) {
        (true, _) => store::outbox::finish(&mut tx, claim, Ended::Delivered, None, now).await?,
        (false, Some(due)) => {
            store::outbox::reschedule(&mut tx, claim, due, &detail).await?;
            false
        }
        (false, None) => store::outbox::finish(&mut tx, claim, Ended::GivenUp, Some(&detail), now).await?,
    };
    if let (Posting::Logout { client_id, session, .. }, true) = (posting, ended) {
        audit_logout(services, &mut tx, (client_id, *session), (ok, attempts)).await?;
    }
    tx.commit().await?;
    metrics::counter!("outbox_sendings_total", "kind" => message.kind.as_str(), "ok" => ok.to_string()).increment(1);
    if !ok {
        tracing::warn!(kind = message.kind.as_str(), reason = %detail, attempts, "a message was not delivered");
    }
    Ok(())
}

async fn audit_logout(
    services: &Services,
    tx: &mut Tx,
    (client_id, session): (&str, SessionId),
    (ok, attempts): (bool, u32),
) -> Outcome<()> {
    let event = if ok {
        SessionEvent::LogoutDelivered { attempt: attempts }
    } else {
        SessionEvent::LogoutFailed { reason: Word::new("given_up"), attempts }
    };
    let entry = super::audit::entry(services, event).client(client_id).session(session);
    // The person reads it among what happened on their account.
    let entry = match store::session::find(&mut *tx, session).await? {
        Some(ended) => entry.person(ended.person_id),
        None => entry,
    };
    super::audit::append(tx, entry).await
}

/// The test inbox as a sender: messages are kept in SQL, where pages and tests of every node find them.
pub struct TestInbox {
    /// The database.
    pub db: crate::db::Db,
    /// Now.
    pub clock: Arc<dyn crate::base::Clock>,
    /// Ids.
    pub entropy: Arc<dyn crate::base::Entropy>,
}

#[async_trait]
impl MessageSender for TestInbox {
    async fn send(&self, message: &OutgoingMessage) -> Result<(), SendError> {
        let now: Timestamp = self.clock.now();
        let row = store::test_message::TestMessage {
            id: RowId::new(now, &*self.entropy),
            kind: message.kind.as_str().to_owned(),
            recipient: message.recipient.clone(),
            body: message.text.clone(),
            at: now,
        };
        let write = async {
            let mut tx = self.db.begin().await?;
            store::test_message::insert(&mut tx, &row).await?;
            tx.commit().await
        };
        write.await.map_err(|_| SendError::Temporary("database"))
    }

    fn name(&self) -> &'static str {
        "test-inbox"
    }
}
