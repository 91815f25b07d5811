//! A code to a phone or an address that shall belong to an account: sent, kept until it comes back, and judged.

use super::super::outbox::{self, Notice, Posting, Way};
use super::super::session::LiveSession;
use super::super::{Fault, Outcome, Services, audit, sign_in, throttle};
use super::phone::DELAY;
use crate::audit::{SignInEvent, Word};
use crate::base::{CodeId, Digest, Secret, Timestamp, sha256};
use crate::cache::Space;
use crate::crypto;
use crate::db::Tx;
use crate::identity::{Admission, Rule, throttling};
use crate::store;
use crate::store::sent_code::{CodeChannel, CodePurpose, SentCode};
use std::time::Duration;

/// What the code goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Another phone.
    Phone,
    /// An e-mail address.
    Email,
}

impl Kind {
    /// Names the cache space, the sealing and the interaction.
    const fn label(self) -> &'static str {
        match self {
            Self::Phone => "phone_change",
            Self::Email => "email_change",
        }
    }

    fn notice(self, code: &Secret) -> Notice {
        let code = code.expose().to_owned();
        match self {
            Self::Phone => Notice::ConfirmPhoneCode { code },
            Self::Email => Notice::ConfirmEmailCode { code },
        }
    }

    fn digest(self, live: &LiveSession) -> Digest {
        sha256(format!("{}:{}", self.label(), live.session.id).as_bytes())
    }
}

/// What a code is sent to.
pub struct Sending<'a> {
    /// Phone or address.
    pub kind: Kind,
    /// The phone in E.164, or the address.
    pub to: &'a str,
    /// Its blind index.
    pub index: Digest,
    /// How.
    pub way: Way,
    /// `vi` or `en`.
    pub language: &'a str,
}

/// How a typed code was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// It is the one, and used up now.
    Right,
    /// Not the code that was sent. The try is counted in the transaction, which must be committed.
    Wrong {
        /// Tries left for this code.
        tries_left: u32,
    },
    /// The code was good once, or never was.
    Expired,
}

fn code_digest(services: &Services, flow: &Digest, code: &str) -> Outcome<Digest> {
    services.sealer.keyed_digest("sent_code", &[flow.as_bytes(), code.as_bytes()]).map_err(Fault::internal)
}

/// Sends a code. `Some`: not before that time.
pub async fn send(services: &Services, live: &LiveSession, sending: &Sending<'_>) -> Outcome<Option<Timestamp>> {
    let (now, who, kind) = (services.clock.now(), live.session.person_id, sending.kind);
    let key = live.session.id.to_string();
    let sealed = services.sealer.seal(kind.label(), key.as_bytes(), sending.to.as_bytes()).map_err(Fault::internal)?;
    let (code, flow) = (crypto::sent_code(&*services.entropy), kind.digest(live));
    let mut tx = services.db.begin().await?;
    for subject in [sending.index, sign_in::subject_of(services, who)?] {
        match throttle::attempt_in(services, &mut tx, &Rule::CHANGE_SEND, &subject).await? {
            Admission::Go => {}
            Admission::PausedUntil(until) => return Ok(Some(until)),
            Admission::Disabled => return Ok(Some(now.plus(DELAY))),
        }
    }
    let row = SentCode {
        id: CodeId::new(now, &*services.entropy),
        flow_digest: flow,
        person_id: Some(who),
        purpose: CodePurpose::Confirm,
        channel: match sending.way {
            Way::Voice => CodeChannel::Voice,
            Way::Email => CodeChannel::Email,
            Way::Sms | Way::Logout | Way::Ping | Way::Nowhere => CodeChannel::Sms,
        },
        contact_index: sending.index,
        code_digest: code_digest(services, &flow, code.expose())?,
        tries_left: throttling::TRIES_PER_CODE,
        created_at: now,
        expires_at: now.plus(services.config.sign_in.code_seconds.duration()),
        used_at: None,
    };
    store::sent_code::insert(&mut tx, &row).await?;
    let (recipient, language) = (sending.to.to_owned(), sending.language.to_owned());
    let posting = Posting::Message { recipient, notice: kind.notice(&code), language, not_me: None };
    outbox::post(services, &mut tx, sending.way, &posting, None).await?;
    let event = SignInEvent::CodeSent { channel: Word::new(sending.way.as_str()), purpose: Word::new("confirm") };
    audit::append(&mut tx, audit::entry(services, event).person(who).session(live.session.id)).await?;
    tx.commit().await?;
    services.cache.put(Space(kind.label()), &key, &sealed, Duration::from_mins(30)).await?;
    Ok(None)
}

/// What waits for its code in this session, and until when the code is good.
pub async fn entered(services: &Services, live: &LiveSession, kind: Kind) -> Outcome<Option<(String, Timestamp)>> {
    let key = live.session.id.to_string();
    let Some(sealed) = services.cache.get(Space(kind.label()), &key).await? else {
        return Ok(None);
    };
    let plain = services.sealer.open(kind.label(), key.as_bytes(), &sealed).map_err(Fault::internal)?;
    let text = std::str::from_utf8(&plain).map_err(Fault::internal)?.to_owned();
    let sent = store::sent_code::latest(&services.db, &kind.digest(live)).await?;
    Ok(sent.map(|sent| (text, sent.expires_at)))
}

/// From when another code may be asked for.
pub async fn resend_from(services: &Services, live: &LiveSession) -> Outcome<Timestamp> {
    let subject = sign_in::subject_of(services, live.session.person_id)?;
    sign_in::resend_from(services, &Rule::CHANGE_SEND, &subject).await
}

/// Judges a typed code; the right one is used up with the transaction.
pub async fn judge(
    services: &Services,
    tx: &mut Tx,
    live: &LiveSession,
    (kind, index): (Kind, Digest),
    typed: &Secret,
) -> Outcome<Judged> {
    let (now, flow) = (services.clock.now(), kind.digest(live));
    let digest = code_digest(services, &flow, typed.expose())?;
    let Some(attempt) = store::sent_code::attempt(tx, &flow, now).await? else {
        return Ok(Judged::Expired);
    };
    // What answers must be what the code went to.
    let right = attempt.code_digest == digest
        && attempt.purpose == CodePurpose::Confirm
        && attempt.contact_index == index
        && attempt.person_id == Some(live.session.person_id);
    if !right || !store::sent_code::consume(tx, attempt.id, now).await? {
        return Ok(Judged::Wrong { tries_left: u32::try_from(attempt.tries_left).unwrap_or(0) });
    }
    Ok(Judged::Right)
}

/// Forgets what waited for its code.
pub async fn forget(services: &Services, live: &LiveSession, kind: Kind) -> Outcome<()> {
    Ok(services.cache.remove(Space(kind.label()), &live.session.id.to_string()).await?)
}
