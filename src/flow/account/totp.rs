//! The authenticator app: its secret waits in the cache until its first code came back, then it counts.

use super::super::outbox::Notice;
use super::super::session::{self, LiveSession};
use super::super::{Fault, Outcome, Services, audit, level, passkey, person};
use super::stop::{self, Purpose};
use super::{Change, may_bind, refuses_removal};
use crate::audit::CredentialEvent;
use crate::base::{CredentialId, PersonId, Secret, Timestamp};
use crate::cache::Space;
use crate::crypto::Totp;
use crate::identity::Way;
use crate::store;
use std::time::Duration;

const SPACE: Space = Space("totp_enrolment");
const LIFETIME: Duration = Duration::from_mins(15);

/// What is shown while an app is being set up.
pub struct Enrolment {
    /// The secret in base 32, for typing.
    pub secret: Secret,
    /// The key URI, for the QR code.
    pub uri: Secret,
}

/// What came of a step of setting up.
pub enum Step {
    /// The secret to show.
    Show(Enrolment),
    /// The first code came back: the app counts from now on.
    Done,
    /// Not the code of this secret.
    WrongCode(Enrolment),
    /// An app is set up already.
    Exists,
    /// Sign in again first, or more strongly.
    SignInAgain,
    /// The stop page comes first.
    Stop,
}

/// The app of a person: when it was set up.
pub async fn since(services: &Services, who: PersonId) -> Outcome<Option<Timestamp>> {
    Ok(store::totp::list_active(&services.db, who).await?.into_iter().filter_map(|app| app.confirmed_at).min())
}

/// Whether an app may be set up now.
async fn barred(services: &Services, live: &LiveSession) -> Outcome<Option<Step>> {
    let ways = level::ways_of(services, live.session.person_id).await?;
    if ways.totp {
        return Ok(Some(Step::Exists));
    }
    if !may_bind(live, &ways, services.clock.now()) {
        return Ok(Some(Step::SignInAgain));
    }
    Ok(None)
}

/// The secret to show; the same one after a reload.
pub async fn start(services: &Services, live: &LiveSession) -> Outcome<Step> {
    if let Some(barred) = barred(services, live).await? {
        return Ok(barred);
    }
    if stop::find(services, live, Purpose::Totp).await?.is_none() {
        return Ok(Step::Stop);
    }
    let secret = match waiting(services, live).await? {
        Some(secret) => secret,
        None => {
            let secret = Totp::generate_secret(&*services.entropy);
            let key = live.session.id.to_string();
            let sealed = services.sealer.seal("totp_enrolment", key.as_bytes(), &secret).map_err(Fault::internal)?;
            services.cache.put(SPACE, &key, &sealed, LIFETIME).await?;
            secret.to_vec()
        }
    };
    Ok(Step::Show(shown(services, live, &secret).await?))
}

async fn waiting(services: &Services, live: &LiveSession) -> Outcome<Option<Vec<u8>>> {
    let key = live.session.id.to_string();
    let Some(sealed) = services.cache.get(SPACE, &key).await? else {
        return Ok(None);
    };
    let plain = services.sealer.open("totp_enrolment", key.as_bytes(), &sealed).map_err(Fault::internal)?;
    Ok(Some(plain.to_vec()))
}

async fn shown(services: &Services, live: &LiveSession, secret: &[u8]) -> Outcome<Enrolment> {
    let totp = Totp::from_secret(secret).map_err(Fault::internal)?;
    let found = person::get(services, live.session.person_id).await?;
    let provider = &services.config.provider;
    let issuer = if found.language == "en" { &provider.service_name_en } else { &provider.service_name_vi };
    let account = person::number(services, &found)?.masked();
    let uri = totp.uri(issuer, &account).map_err(Fault::internal)?;
    Ok(Enrolment { secret: totp.base32(), uri })
}

/// Takes the app's first code, which is used up by this.
pub async fn finish(services: &Services, live: &LiveSession, typed: &str) -> Outcome<Step> {
    if let Some(barred) = barred(services, live).await? {
        return Ok(barred);
    }
    let (Some(confirmed), Some(secret)) =
        (stop::find(services, live, Purpose::Totp).await?, waiting(services, live).await?)
    else {
        return Ok(Step::Stop);
    };
    let (now, who) = (services.clock.now(), live.session.person_id);
    let totp = Totp::from_secret(&secret).map_err(Fault::internal)?;
    let Some(step) = totp.matched_step(typed, now) else {
        return Ok(Step::WrongCode(shown(services, live, &secret).await?));
    };
    let id = CredentialId::new(now, &*services.entropy);
    let row = store::totp::Totp {
        id,
        person_id: who,
        secret_sealed: services.sealer.seal("totp", id.0.as_bytes(), &secret).map_err(Fault::internal)?,
        last_step: Some(i64::try_from(step).map_err(Fault::internal)?),
        confirmed_at: Some(now),
        created_at: now,
        ended_at: None,
    };
    let mut tx = services.db.begin().await?;
    // One after the other: a second app of a parallel request would see the first.
    if !session::stands(services, &mut tx, live).await? {
        return Ok(Step::SignInAgain);
    }
    if level::ways_in(&mut tx, who).await?.totp {
        return Ok(Step::Exists);
    }
    if !confirmed.spend(services, &mut tx).await? {
        return Ok(Step::Stop);
    }
    store::totp::insert(&mut tx, &row).await?;
    let event = CredentialEvent::TotpAdded { credential: id };
    audit::append(&mut tx, audit::entry(services, event).person(who).session(live.session.id)).await?;
    passkey::tell_phone(services, &mut tx, who, Notice::TotpAdded { at: now }).await?;
    tx.commit().await?;
    services.cache.remove(SPACE, &live.session.id.to_string()).await?;
    Ok(Step::Done)
}

/// Removes the app.
pub async fn remove(services: &Services, live: &LiveSession) -> Outcome<Change> {
    let (now, who) = (services.clock.now(), live.session.person_id);
    let mut tx = services.db.begin().await?;
    if let Some(refusal) = refuses_removal(services, &mut tx, (live, Way::Totp)).await? {
        return Ok(refusal);
    }
    let mut removed = false;
    for app in store::totp::list_active(&mut tx, who).await? {
        removed |= store::totp::end(&mut tx, who, app.id, now).await?;
        let event = CredentialEvent::TotpRemoved { credential: app.id };
        audit::append(&mut tx, audit::entry(services, event).person(who).session(live.session.id)).await?;
    }
    if !removed {
        return Ok(Change::Gone);
    }
    passkey::tell_phone(services, &mut tx, who, Notice::TotpRemoved { at: now }).await?;
    tx.commit().await?;
    Ok(Change::Done)
}
