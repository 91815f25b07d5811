//! Signing in: who somebody says they are, and the proofs that follow. Known and unknown people cost the same work
//! and get the same answers (N1, N2): the account, if there is one, is never told to the browser before a proof.

use super::account::freeze;
use super::interaction::{Identifier, Interaction};
use super::outbox::{self, Notice, Posting, Way};
use super::{Fault, Outcome, Services, audit, person, throttle};
use crate::audit::{SignInEvent, Word};
use crate::base::{CodeId, Digest, PersonId, Secret, Timestamp};
use crate::crypto::{self, PasswordError};
use crate::identity::{Admission, Method, PersonStatus, PersonalNumber, PhoneNumber, Rule, throttling};
use crate::store;
use crate::store::contact::ContactKind;
use crate::store::sent_code::{CodeChannel, CodePurpose, SentCode};

pub use crate::crypto::{normalize_recovery_code, normalize_sent_code};

/// Counts one attempt for what was typed, and in silence for the account.
enum Attempt {
    /// It may be judged. `hushed`: the account has had too many, so that even a right answer counts as wrong.
    Judge { hushed: bool },
    /// Told on a page.
    Stopped(Proved),
}

async fn attempt(services: &Services, rule: &'static Rule, identifier: &Identifier) -> Outcome<Attempt> {
    let mut tx = services.db.begin().await?;
    let told = throttle::attempt_in(services, &mut tx, rule, &identifier.subject).await?;
    // Nobody's account costs the same second row (N2).
    let account = subject_of(services, identifier.person.unwrap_or(PersonId(uuid::Uuid::nil())))?;
    let silent = match identifier.person {
        Some(_) => throttle::attempt_in(services, &mut tx, rule, &account).await?,
        None => throttle::look_in(services, &mut tx, rule, &account).await?,
    };
    tx.commit().await?;
    Ok(match stopped(told) {
        Some(stop) => Attempt::Stopped(stop),
        None => Attempt::Judge { hushed: silent != Admission::Go },
    })
}

/// Forgets the failures of an account under every name it has: after success, or when the means is replaced.
pub async fn forget_failures(
    services: &Services,
    tx: &mut crate::db::Tx,
    who: PersonId,
    rules: &[&'static Rule],
) -> Outcome<()> {
    let found = store::person::get(&mut *tx, who).await?;
    // Names first, the account last, as [`attempt`] takes them: rows locked in two orders are a deadlock.
    let mut subjects = vec![person::number_index(services, &person::number(services, &found)?)?];
    if let Some(phone) = person::contacts_from(services, &mut *tx, who).await?.phone {
        subjects.push(person::phone_index(services, &phone)?);
    }
    subjects.push(subject_of(services, who)?);
    for rule in rules {
        for subject in &subjects {
            throttle::clear(tx, rule, subject).await?;
        }
    }
    Ok(())
}

/// What is wrong with the identifier field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentifierError {
    /// Nothing typed.
    Missing,
    /// Neither a personal number nor a mobile number.
    Format,
}

/// How a proof went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proved {
    /// It holds; the interaction knows.
    Yes,
    /// It does not. Tries left before a pause.
    Wrong {
        /// Tries before the next pause.
        tries_left: u32,
    },
    /// The code was valid once, or never was.
    Expired,
    /// Not before this time.
    PausedUntil(Timestamp),
    /// Not by this means any more.
    Disabled,
}

/// How sending went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Under way, if the number is registered.
    Yes,
    /// Not before this time.
    NotBefore(Timestamp),
}

/// Takes down who the person says they are.
pub async fn identify(
    services: &Services,
    interaction: &mut Interaction,
    typed: &str,
) -> Outcome<Result<(), IdentifierError>> {
    if typed.trim().is_empty() {
        return Ok(Err(IdentifierError::Missing));
    }
    let identifier = if let Ok(number) = PersonalNumber::parse(typed) {
        let index = person::number_index(services, &number)?;
        let found = store::person::find_by_number_index(&services.db, &index).await?;
        Identifier { subject: index, person: found.map(|person| person.id) }
    } else if let Ok(phone) = PhoneNumber::parse(typed) {
        let index = person::phone_index(services, &phone)?;
        let owners = store::contact::find_active_by_index(&services.db, ContactKind::Phone, &index).await?;
        // A phone that several people share names nobody: they sign in with their number.
        let person = match owners.as_slice() {
            [only] => Some(only.person_id),
            _ => None,
        };
        Identifier { subject: index, person }
    } else {
        return Ok(Err(IdentifierError::Format));
    };
    interaction.identifier = Some(identifier);
    interaction.channel = None;
    super::interaction::save(services, interaction).await?;
    Ok(Ok(()))
}

/// Under which an account's failures are counted a second time, whether it was named by number or by phone (M1). This
/// count is never told: a pause seen after typing a phone would tie that phone to a number (N1).
pub fn subject_of(services: &Services, who: PersonId) -> Outcome<Digest> {
    services.sealer.keyed_digest("throttle", &[who.0.as_bytes()]).map_err(Fault::internal)
}

/// The identifier again, when a session already says who it is (step-up).
pub async fn identify_signed_in(services: &Services, interaction: &mut Interaction, who: PersonId) -> Outcome<()> {
    let found = store::person::get(&services.db, who).await?;
    let index = person::number_index(services, &person::number(services, &found)?)?;
    interaction.identifier = Some(Identifier { subject: index, person: Some(who) });
    super::interaction::save(services, interaction).await
}

/// Digest under which SQL keeps a code: bound to its flow, keyed, so that a stolen table gives no codes.
pub fn code_digest(services: &Services, interaction: &Interaction, code: &str) -> Outcome<crate::base::Digest> {
    services
        .sealer
        .keyed_digest("sent_code", &[interaction.digest().as_bytes(), code.as_bytes()])
        .map_err(Fault::internal)
}

/// Sends a code to the phone of the person whom the identifier names, if there is one.
pub async fn send_code(
    services: &Services,
    interaction: &mut Interaction,
    way: Way,
    (portal, language, network): (Option<String>, &str, &str),
) -> Outcome<Sent> {
    let Some(identifier) = interaction.identifier.clone() else {
        return Err(Fault::Internal("a code was asked for before an identifier".into()));
    };
    if let Some(until) = throttle::send_from(services, network).await? {
        return Ok(Sent::NotBefore(until));
    }
    let now = services.clock.now();
    let recipient = match identifier.person {
        Some(id) => active_phone(services, id).await?,
        None => None,
    };
    let fixed = services.config.sign_in.fixed_code.as_deref().filter(|_| services.config.provider.is_made_up());
    let code = fixed.map_or_else(|| crypto::sent_code(&*services.entropy), Secret::from);
    let mut tx = services.db.begin().await?;
    // A code that everybody knows troubles no phone, and each module of a suite signs in anew: nothing to slow down.
    let sending = match fixed {
        Some(_) => Admission::Go,
        None => throttle::attempt_in(services, &mut tx, &Rule::SEND, &identifier.subject).await?,
    };
    match sending {
        Admission::Go => {}
        Admission::PausedUntil(until) => return Ok(Sent::NotBefore(until)),
        Admission::Disabled => return Ok(Sent::NotBefore(now.plus(std::time::Duration::from_secs(86_400)))),
    }
    let account = subject_of(services, identifier.person.unwrap_or(PersonId(uuid::Uuid::nil())))?;
    let silent = match identifier.person {
        Some(_) if fixed.is_some() => Admission::Go,
        Some(_) => throttle::attempt_in(services, &mut tx, &Rule::SEND, &account).await?,
        None => throttle::look_in(services, &mut tx, &Rule::SEND, &account).await?,
    };
    let recipient = recipient.filter(|_| silent == Admission::Go);
    store::sent_code::insert(
        &mut tx,
        &SentCode {
            id: CodeId::new(now, &*services.entropy),
            flow_digest: interaction.digest(),
            person_id: identifier.person,
            purpose: CodePurpose::SignIn,
            channel: if way == Way::Voice { CodeChannel::Voice } else { CodeChannel::Sms },
            contact_index: identifier.subject,
            code_digest: code_digest(services, interaction, code.expose())?,
            tries_left: throttling::TRIES_PER_CODE,
            created_at: now,
            expires_at: now.plus(services.config.sign_in.code_seconds.duration()),
            used_at: None,
        },
    )
    .await?;
    let notice = Notice::SignInCode { code: code.expose().to_owned(), portal };
    // The same row for nobody: sealed, and thrown away by the sender.
    let (way_out, recipient) = match recipient {
        Some(phone) => (way, phone.as_str().to_owned()),
        None => (Way::Nowhere, String::from("+84000000000")),
    };
    let posting = Posting::Message { recipient, notice, language: language.to_owned(), not_me: None };
    outbox::post(services, &mut tx, way_out, &posting, None).await?;
    let event = SignInEvent::CodeSent { channel: Word::new(way.as_str()), purpose: Word::new("sign_in") };
    let mut entry = audit::entry(services, event);
    entry.person = identifier.person;
    audit::append(&mut tx, entry).await?;
    tx.commit().await?;
    interaction.channel = Some(way.as_str().to_owned());
    super::interaction::save(services, interaction).await?;
    Ok(Sent::Yes)
}

async fn active_phone(services: &Services, id: PersonId) -> Outcome<Option<PhoneNumber>> {
    let active = store::person::find(&services.db, id).await?.is_some_and(|found| may_prove(&found));
    Ok(if active { person::contacts(services, id).await?.phone } else { None })
}

/// Whether the code is the one sent in this flow. Each call costs a try, whatever it says.
pub async fn check_code(services: &Services, interaction: &mut Interaction, typed: &Secret) -> Outcome<Proved> {
    let Some(identifier) = interaction.identifier.clone() else {
        return Ok(Proved::Expired);
    };
    let hushed = match attempt(services, &Rule::SENT_CODE, &identifier).await? {
        Attempt::Judge { hushed } => hushed,
        Attempt::Stopped(stop) => return Ok(stop),
    };
    let usable = !hushed && is_active(services, identifier.person).await?;
    let now = services.clock.now();
    let digest = code_digest(services, interaction, typed.expose())?;
    let mut tx = services.db.begin().await?;
    let Some(attempt) = store::sent_code::attempt(&mut tx, &interaction.digest(), now).await? else {
        tx.commit().await?;
        return Ok(Proved::Expired);
    };
    // The row must be the one sent for what is typed now: an identifier changed in between proves nobody.
    let right = usable
        && attempt.code_digest == digest
        && attempt.purpose == CodePurpose::SignIn
        && attempt.contact_index == identifier.subject
        && attempt.person_id.is_some()
        && attempt.person_id == identifier.person;
    if !right || !store::sent_code::consume(&mut tx, attempt.id, now).await? {
        failed(services, &mut tx, identifier.person, "sent_code").await?;
        tx.commit().await?;
        return wrong(services, &Rule::SENT_CODE, &identifier.subject).await;
    }
    forget_failures_of(services, &mut tx, &identifier, &Rule::SENT_CODE).await?;
    tx.commit().await?;
    let method = if attempt.channel == CodeChannel::Voice { Method::VoiceCode } else { Method::SmsCode };
    proved(services, interaction, attempt.person_id, method).await
}

/// Whether the password is the person's. The hash is computed whether or not there is one (N2).
pub async fn check_password(services: &Services, interaction: &mut Interaction, typed: &Secret) -> Outcome<Proved> {
    let Some(identifier) = interaction.identifier.clone() else {
        return Ok(Proved::Expired);
    };
    let hushed = match attempt(services, &Rule::PASSWORD, &identifier).await? {
        Attempt::Judge { hushed } => hushed,
        Attempt::Stopped(stop) => return Ok(stop),
    };
    let usable = !hushed && is_active(services, identifier.person).await?;
    let stored = match identifier.person {
        Some(id) => store::password::find(&services.db, id).await?,
        None => None,
    };
    let right = matches_password(services, typed, stored.as_ref()).await? && usable;
    let mut tx = services.db.begin().await?;
    if !right {
        failed(services, &mut tx, identifier.person, "password").await?;
        tx.commit().await?;
        return wrong(services, &Rule::PASSWORD, &identifier.subject).await;
    }
    forget_failures_of(services, &mut tx, &identifier, &Rule::PASSWORD).await?;
    tx.commit().await?;
    proved(services, interaction, identifier.person, Method::Password).await
}

/// Whether the password typed to change it is wrong, counted like one typed to sign in: `Some` with the tries left.
pub async fn is_wrong_password(services: &Services, who: PersonId, typed: &Secret) -> Outcome<Option<u32>> {
    let index = subject_of(services, who)?;
    if throttle::attempt(services, &Rule::PASSWORD, &index).await? != Admission::Go {
        return Ok(Some(0));
    }
    let stored = store::password::find(&services.db, who).await?;
    if matches_password(services, typed, stored.as_ref()).await? {
        let mut tx = services.db.begin().await?;
        throttle::clear(&mut tx, &Rule::PASSWORD, &index).await?;
        tx.commit().await?;
        return Ok(None);
    }
    let failures = throttle::failures(services, &Rule::PASSWORD, &index).await?;
    Ok(Some(throttle::tries_left(&Rule::PASSWORD, failures)))
}

/// Compares behind the gate; without a stored hash the same work is done (N2).
async fn matches_password(
    services: &Services,
    typed: &Secret,
    stored: Option<&store::password::Password>,
) -> Outcome<bool> {
    match services.passwords.verify(typed, stored.map(|row| row.hash.as_str())).await {
        Ok(right) => Ok(right && stored.is_some()),
        Err(PasswordError::Overloaded { retry_after }) => Err(Fault::Overloaded { retry_after }),
        Err(PasswordError::Length) => Ok(false),
        Err(error) => Err(Fault::internal(error)),
    }
}

/// Whether the code is that of the person's authenticator app, newer than any accepted before (M2).
pub async fn check_totp(services: &Services, interaction: &mut Interaction, typed: &str) -> Outcome<Proved> {
    let Some(identifier) = interaction.identifier.clone() else {
        return Ok(Proved::Expired);
    };
    let hushed = match attempt(services, &Rule::TOTP, &identifier).await? {
        Attempt::Judge { hushed } => hushed,
        Attempt::Stopped(stop) => return Ok(stop),
    };
    let usable = !hushed && is_active(services, identifier.person).await?;
    let now = services.clock.now();
    let apps = match identifier.person {
        Some(id) => store::totp::list_active(&services.db, id).await?,
        None => Vec::new(),
    };
    let mut tx = services.db.begin().await?;
    let mut right = false;
    for app in apps.iter().filter(|app| app.confirmed_at.is_some()) {
        let secret = services.sealer.open("totp", app.id.0.as_bytes(), &app.secret_sealed).map_err(Fault::internal)?;
        let totp = crypto::Totp::from_secret(&secret).map_err(Fault::internal)?;
        if let Some(step) = totp.matched_step(typed, now) {
            let step = i64::try_from(step).map_err(Fault::internal)?;
            right = right || (usable && store::totp::advance_step(&mut tx, app.id, step).await?);
        }
    }
    if !right {
        failed(services, &mut tx, identifier.person, "totp").await?;
        tx.commit().await?;
        return wrong(services, &Rule::TOTP, &identifier.subject).await;
    }
    forget_failures_of(services, &mut tx, &identifier, &Rule::TOTP).await?;
    tx.commit().await?;
    proved(services, interaction, identifier.person, Method::Totp).await
}

/// Whether the code is one of the person's printed ones. It is spent by this.
pub async fn check_recovery_code(
    services: &Services,
    interaction: &mut Interaction,
    typed: &Secret,
) -> Outcome<Proved> {
    let Some(identifier) = interaction.identifier.clone() else {
        return Ok(Proved::Expired);
    };
    let hushed = match attempt(services, &Rule::RECOVERY, &identifier).await? {
        Attempt::Judge { hushed } => hushed,
        Attempt::Stopped(stop) => return Ok(stop),
    };
    let usable = !hushed && is_active(services, identifier.person).await?;
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    let owner = identifier.person.unwrap_or(PersonId(uuid::Uuid::nil()));
    let index = recovery_index(services, owner, typed.expose())?;
    let right = usable && store::recovery_code::consume(&mut tx, owner, &index, now).await?;
    if !right {
        failed(services, &mut tx, identifier.person, "recovery_code").await?;
        tx.commit().await?;
        return wrong(services, &Rule::RECOVERY, &identifier.subject).await;
    }
    forget_failures_of(services, &mut tx, &identifier, &Rule::RECOVERY).await?;
    tx.commit().await?;
    proved(services, interaction, identifier.person, Method::RecoveryCode).await
}

/// Keyed digest of a printed code of a person: the table alone gives no codes.
pub fn recovery_index(services: &Services, owner: PersonId, code: &str) -> Outcome<Digest> {
    services.sealer.keyed_digest("recovery_code", &[owner.0.as_bytes(), code.as_bytes()]).map_err(Fault::internal)
}

/// The code sent last in a flow.
pub async fn latest_code(services: &Services, interaction: &Interaction) -> Outcome<Option<SentCode>> {
    Ok(store::sent_code::latest(&services.db, &interaction.digest()).await?)
}

/// From when another code may be asked for.
pub async fn resend_from(services: &Services, rule: &'static Rule, subject: &Digest) -> Outcome<Timestamp> {
    let counter = store::throttle::read(&services.db, rule.scope, subject).await?;
    Ok(counter.and_then(|counter| counter.paused_until).unwrap_or_else(|| services.clock.now()))
}

/// Whether proofs of this person count: an active account, or one that its person froze and may open again.
fn may_prove(found: &store::person::Person) -> bool {
    found.status == PersonStatus::Active || freeze::is_frozen(found.status, found.status_reason.as_deref())
}

/// Whether there is such an account and its proofs count. Asked before anything is cleared or consumed (E5, N1).
async fn is_active(services: &Services, who: Option<PersonId>) -> Outcome<bool> {
    let found = match who {
        Some(id) => store::person::find(&services.db, id).await?,
        None => None,
    };
    Ok(found.is_some_and(|found| may_prove(&found)))
}

async fn forget_failures_of(
    services: &Services,
    tx: &mut crate::db::Tx,
    identifier: &Identifier,
    rule: &'static Rule,
) -> Outcome<()> {
    match identifier.person {
        Some(who) => forget_failures(services, tx, who, &[rule]).await,
        None => throttle::clear(tx, rule, &identifier.subject).await,
    }
}

/// Takes down a proof, unless the account is not active: then it is as if the proof were wrong (E5, N1).
pub async fn proved(
    services: &Services,
    interaction: &mut Interaction,
    who: Option<PersonId>,
    method: Method,
) -> Outcome<Proved> {
    let found = match who {
        Some(id) => store::person::find(&services.db, id).await?,
        None => None,
    };
    match found {
        Some(person) if may_prove(&person) => {
            interaction.prove(person.id, method, services.clock.now());
            super::interaction::save(services, interaction).await?;
            Ok(Proved::Yes)
        }
        _ => Ok(Proved::Wrong { tries_left: 0 }),
    }
}

const fn stopped(admission: Admission) -> Option<Proved> {
    match admission {
        Admission::Go => None,
        Admission::PausedUntil(until) => Some(Proved::PausedUntil(until)),
        Admission::Disabled => Some(Proved::Disabled),
    }
}

async fn wrong(services: &Services, rule: &'static Rule, subject: &Digest) -> Outcome<Proved> {
    let failures = throttle::failures(services, rule, subject).await?;
    Ok(Proved::Wrong { tries_left: throttle::tries_left(rule, failures) })
}

async fn failed(
    services: &Services,
    tx: &mut crate::db::Tx,
    who: Option<PersonId>,
    method: &'static str,
) -> Outcome<()> {
    metrics::counter!("sign_in_failures_total", "method" => method).increment(1);
    let event = SignInEvent::Failed { method: Word::new(method), reason: Word::new("wrong") };
    let mut entry = audit::entry(services, event);
    entry.person = who;
    audit::append(tx, entry).await
}
