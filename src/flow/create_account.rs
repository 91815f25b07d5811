//! Creating an account: number, name and birth date are matched against the population register, the phone answers a
//! code, and only then an account exists. Somebody who has one already sees the same pages and gets a message on the
//! phone we know (N1).

use super::interaction::{self, Creation, Interaction, Matched, Question};
use super::outbox::{self, Notice, Posting, Way};
use super::sign_in::{Proved, Sent, code_digest};
use super::{Fault, Outcome, Services, audit, late, passkey, person, throttle};
use crate::audit::{AccountEvent, CredentialEvent, SignInEvent, Word};
use crate::base::{CodeId, ContactId, PersonId, RowId, Secret, random_token};
use crate::crypto;
use crate::db::Tx;
use crate::identity::{
    Admission, Claimed, FullName, IdentityLevel, MatchOutcome, Method, PersonStatus, PersonalNumber, PhoneNumber,
    RegisterState, Rule, matching, throttling,
};
use crate::registers::{Outage, PopulationAnswer, PopulationQuery, RegisterError};
use crate::store;
use crate::store::Inserted;
use crate::store::contact::ContactKind;
use crate::store::sent_code::{CodeChannel, CodePurpose, SentCode};
use std::sync::Arc;

/// What the register said, as far as a page may tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Go on: it matches, or the register is down and the account will wait.
    Continue,
    /// No such person, or something differs: one answer for both.
    NoMatch {
        /// Tries before a pause.
        tries_left: u32,
    },
    /// Too many tries for this number.
    PausedUntil(crate::base::Timestamp),
    /// Under 14: a guardian has to do it.
    UnderAge,
    /// No answer yet: a page of its own looks again.
    Waits {
        /// It takes so long that the person may go on without the answer.
        slow: bool,
    },
}

/// What was entered, once it is complete.
pub fn claimed(creation: &Creation) -> Option<Claimed> {
    Some(Claimed {
        number: PersonalNumber::parse(creation.number.as_deref()?).ok()?,
        name: FullName::parse(creation.full_name.as_deref()?).ok()?,
        birth_date: creation.birth_date?,
    })
}

/// Asks the register about what was entered.
pub async fn ask_register(services: &Arc<Services>, interaction: &mut Interaction, network: &str) -> Outcome<Asked> {
    let Some(claimed) = interaction.creation.as_ref().and_then(claimed) else {
        return Err(Fault::Internal("the register was to be asked before all was entered".into()));
    };
    let now = services.clock.now();
    if claimed.birth_date.age_on(now.to_vietnam().date()) < 14 {
        return Ok(Asked::UnderAge);
    }
    // Counted for the caller's network too, so that nobody tries many numbers from one place.
    let caller = super::throttle::network_subject(services, network)?;
    if let Admission::PausedUntil(until) = throttle::attempt(services, &Rule::CREATE_ACCOUNT, &caller).await? {
        return Ok(Asked::PausedUntil(until));
    }
    let index = person::number_index(services, &claimed.number)?;
    match throttle::attempt(services, &Rule::MATCH, &index).await? {
        Admission::Go => {}
        Admission::PausedUntil(until) => return Ok(Asked::PausedUntil(until)),
        Admission::Disabled => return Ok(Asked::PausedUntil(now.plus(std::time::Duration::from_secs(86_400)))),
    }
    let question = Question { nonce: random_token(&*services.entropy), asked_at: now };
    let key = answer_key(interaction, &question);
    let (asking, about) = (services.clone(), claimed.clone());
    match late::start(services, &key, async move { question_of_creation(&asking, &about).await }).await? {
        Some(matched) => answered(services, interaction, matched).await,
        None => {
            if let Some(creation) = interaction.creation.as_mut() {
                creation.question = Some(question);
            }
            interaction::save(services, interaction).await?;
            Ok(Asked::Waits { slow: false })
        }
    }
}

/// Under which the answer to a question of a flow is kept: that of an earlier question, about other data, is never found.
fn answer_key(interaction: &Interaction, question: &Question) -> String {
    format!("{}:{}", interaction.id, question.nonce)
}

/// Looks whether the register has answered meanwhile. `None`: nothing was asked.
pub async fn look_again(services: &Services, interaction: &mut Interaction) -> Outcome<Option<Asked>> {
    let creation = interaction.creation.as_ref();
    let Some(question) = creation.and_then(|creation| creation.question.clone()) else {
        return Ok(creation.is_some_and(|creation| creation.matched.is_some()).then_some(Asked::Continue));
    };
    match late::find::<Option<Matched>>(services, &answer_key(interaction, &question)).await? {
        Some(matched) => answered(services, interaction, matched).await.map(Some),
        None => {
            let slow = services.clock.now().since(question.asked_at) >= late::SLOW;
            Ok(Some(Asked::Waits { slow }))
        }
    }
}

/// Goes on without an answer that has taken too long, as if the register were down. An answer that came counts.
pub async fn go_on_without(services: &Services, interaction: &mut Interaction) -> Outcome<Option<Asked>> {
    match look_again(services, interaction).await? {
        Some(Asked::Waits { slow: true }) => answered(services, interaction, Some(Matched::Waiting)).await.map(Some),
        other => Ok(other),
    }
}

/// Takes the register's answer into the flow; `None` is no match.
async fn answered(services: &Services, interaction: &mut Interaction, matched: Option<Matched>) -> Outcome<Asked> {
    let Some(creation) = interaction.creation.as_mut() else {
        return Err(Fault::Internal("an answer of the register came to a flow that asked nothing".into()));
    };
    let Some(claimed) = claimed(creation) else {
        return Err(Fault::Internal("an answer of the register came before all was entered".into()));
    };
    let index = person::number_index(services, &claimed.number)?;
    let Some(matched) = matched else {
        let failures = throttle::failures(services, &Rule::MATCH, &index).await?;
        return Ok(Asked::NoMatch { tries_left: throttle::tries_left(&Rule::MATCH, failures) });
    };
    if matches!(matched, Matched::Record(..)) {
        let mut tx = services.db.begin().await?;
        throttle::clear(&mut tx, &Rule::MATCH, &index).await?;
        tx.commit().await?;
    }
    creation.matched = Some(matched);
    creation.question = None;
    interaction::save(services, interaction).await?;
    Ok(Asked::Continue)
}

/// The question of somebody who creates an account: a match, `None` for no match, or an account that will wait.
async fn question_of_creation(services: &Services, claimed: &Claimed) -> Outcome<Option<Matched>> {
    match look_up(services, claimed).await {
        Ok(matched) => Ok(matched),
        // So many ask at once that we do not pass it on: no reason to make accounts that wait.
        Err(RegisterError::Unavailable { cause: Outage::Busy, .. }) => {
            Err(Fault::Overloaded { retry_after: std::time::Duration::from_secs(5) })
        }
        // Down is normal: the account waits, at level 0, and a job asks again (architecture 5.8).
        Err(error) => {
            tracing::warn!(reason = error.reason(), "the population register gave no answer");
            metrics::counter!("register_failures_total", "reason" => error.reason()).increment(1);
            Ok(Some(Matched::Waiting))
        }
    }
}

/// One look-up: a record that matches, `None` for no match, an error when the register could not say.
async fn look_up(services: &Services, claimed: &Claimed) -> Result<Option<Matched>, RegisterError> {
    let now = services.clock.now();
    let query = PopulationQuery {
        number: claimed.number.clone(),
        full_name: claimed.name.clone(),
        birth_date: claimed.birth_date,
        issue: "create-account".to_owned(),
        request_id: RowId::new(now, &*services.entropy).0,
        on_behalf_of: None,
    };
    Ok(match services.population.look_up(&query).await? {
        PopulationAnswer::NotFound => None,
        PopulationAnswer::Found { record, evidence } => match matching::decide(claimed, &record) {
            MatchOutcome::Match => Some(Matched::Record(Box::new(record), Box::new(evidence))),
            MatchOutcome::Mismatch | MatchOutcome::NotAlive => None,
        },
    })
}

/// Sends the code to the phone that was entered; for an account that exists, a message to the phone we know instead.
pub async fn send_code(
    services: &Services,
    interaction: &mut Interaction,
    way: Way,
    (language, network): (&str, &str),
) -> Outcome<Sent> {
    let (Some(claimed), Some(phone)) = (interaction.creation.as_ref().and_then(claimed), phone(interaction)) else {
        return Err(Fault::Internal("a code was to be sent before all was entered".into()));
    };
    if let Some(until) = throttle::send_from(services, network).await? {
        return Ok(Sent::NotBefore(until));
    }
    let now = services.clock.now();
    let existing = existing(services, &claimed, interaction).await?;
    let phone_index = person::phone_index(services, &phone)?;
    let known_phone = match existing {
        Some(id) => person::contacts(services, id).await?.phone,
        None => None,
    };
    let code = crypto::sent_code(&*services.entropy);
    let mut tx = services.db.begin().await?;
    // For the phone, and for the number: one match must not send to phone after phone, nor ring the owner of an
    // account again and again.
    let number_index = person::number_index(services, &claimed.number)?;
    for subject in [&phone_index, &number_index] {
        match throttle::attempt_in(services, &mut tx, &Rule::CREATE_SEND, subject).await? {
            Admission::Go => {}
            Admission::PausedUntil(until) => return Ok(Sent::NotBefore(until)),
            Admission::Disabled => return Ok(Sent::NotBefore(now.plus(std::time::Duration::from_secs(86_400)))),
        }
    }
    let row = SentCode {
        id: CodeId::new(now, &*services.entropy),
        flow_digest: interaction.digest(),
        person_id: None,
        // Of an account that exists nobody knows this code: it was not sent.
        purpose: if existing.is_some() { CodePurpose::Confirm } else { CodePurpose::CreateAccount },
        channel: if way == Way::Voice { CodeChannel::Voice } else { CodeChannel::Sms },
        contact_index: phone_index,
        code_digest: code_digest(services, interaction, code.expose())?,
        tries_left: throttling::TRIES_PER_CODE,
        created_at: now,
        expires_at: now.plus(services.config.sign_in.code_seconds.duration()),
        used_at: None,
    };
    store::sent_code::insert(&mut tx, &row).await?;
    let (recipient, notice) = match existing {
        Some(_) => (known_phone, Notice::AccountExists),
        None => (Some(phone), Notice::CreateAccountCode { code: code.expose().to_owned() }),
    };
    // That an account exists is told in writing: a call would read it to whoever answers.
    let way_out = match recipient {
        Some(_) if existing.is_some() => Way::Sms,
        Some(_) => way,
        None => Way::Nowhere,
    };
    let recipient = recipient.map(|phone| phone.as_str().to_owned()).unwrap_or_default();
    let posting = Posting::Message { recipient, notice, language: language.to_owned(), not_me: None };
    outbox::post(services, &mut tx, way_out, &posting, None).await?;
    let event = SignInEvent::CodeSent { channel: Word::new(way.as_str()), purpose: Word::new("create_account") };
    audit::append(&mut tx, audit::entry(services, event)).await?;
    tx.commit().await?;
    interaction.channel = Some(way.as_str().to_owned());
    interaction::save(services, interaction).await?;
    Ok(Sent::Yes)
}

fn phone(interaction: &Interaction) -> Option<PhoneNumber> {
    PhoneNumber::parse(interaction.creation.as_ref()?.phone.as_deref()?).ok()
}

/// The number that an account of this person would hold: the register may know a newer one.
fn number_of(claimed: &Claimed, matched: Option<&Matched>) -> PersonalNumber {
    match matched {
        Some(Matched::Record(record, _)) => record.number_in_force().clone(),
        _ => claimed.number.clone(),
    }
}

async fn existing(services: &Services, claimed: &Claimed, interaction: &Interaction) -> Outcome<Option<PersonId>> {
    let matched = interaction.creation.as_ref().and_then(|creation| creation.matched.as_ref());
    let number = number_of(claimed, matched);
    let index = person::number_index(services, &number)?;
    Ok(store::person::find_by_number_index(&services.db, &index).await?.map(|person| person.id))
}

/// Checks the code and, if it is right, makes the account: person, phone, recovery codes, all in one transaction.
pub async fn check_code(
    services: &Services,
    interaction: &mut Interaction,
    typed: &Secret,
    language: &str,
) -> Outcome<Proved> {
    let Some(phone) = phone(interaction) else {
        return Ok(Proved::Expired);
    };
    let index = person::phone_index(services, &phone)?;
    match throttle::attempt(services, &Rule::SENT_CODE, &index).await? {
        Admission::Go => {}
        Admission::PausedUntil(until) => return Ok(Proved::PausedUntil(until)),
        Admission::Disabled => return Ok(Proved::Disabled),
    }
    let now = services.clock.now();
    let digest = code_digest(services, interaction, typed.expose())?;
    let mut tx = services.db.begin().await?;
    let Some(attempt) = store::sent_code::attempt(&mut tx, &interaction.digest(), now).await? else {
        tx.commit().await?;
        return Ok(Proved::Expired);
    };
    // The phone that answers must be the one the code went to.
    let right = attempt.code_digest == digest
        && attempt.purpose == CodePurpose::CreateAccount
        && attempt.contact_index == index;
    if !right || !store::sent_code::consume(&mut tx, attempt.id, now).await? {
        tx.commit().await?;
        let failures = throttle::failures(services, &Rule::SENT_CODE, &index).await?;
        return Ok(Proved::Wrong { tries_left: throttle::tries_left(&Rule::SENT_CODE, failures) });
    }
    throttle::clear(&mut tx, &Rule::SENT_CODE, &index).await?;
    let Some(made) = make(services, &mut tx, interaction, (&phone, language)).await? else {
        // Made meanwhile in another flow: the rest of this one is void.
        return Ok(Proved::Expired);
    };
    let codes = new_recovery_codes(services, &mut tx, made).await?;
    tx.commit().await?;
    if let Some(creation) = interaction.creation.as_mut() {
        creation.made = Some(made);
        creation.recovery_codes = Some(codes);
    }
    let method = if attempt.channel == CodeChannel::Voice { Method::VoiceCode } else { Method::SmsCode };
    interaction.prove(made, method, now);
    interaction::save(services, interaction).await?;
    metrics::counter!("accounts_created_total").increment(1);
    Ok(Proved::Yes)
}

/// Writes the account. `None` when the number got one meanwhile.
async fn make(
    services: &Services,
    tx: &mut Tx,
    interaction: &Interaction,
    (phone, language): (&PhoneNumber, &str),
) -> Outcome<Option<PersonId>> {
    let creation = interaction.creation.as_ref();
    let (Some(claimed), Some(matched)) =
        (creation.and_then(claimed), creation.and_then(|creation| creation.matched.as_ref()))
    else {
        return Err(Fault::Internal("an account was to be made before the register was asked".into()));
    };
    let now = services.clock.now();
    let id = PersonId::new(now, &*services.entropy);
    let number = number_of(&claimed, Some(matched));
    let (level, state, name, birth_date, gender, evidence) = match matched {
        Matched::Record(record, evidence) => (
            IdentityLevel::One,
            RegisterState::Verified,
            record.full_name.clone(),
            record.birth_date,
            record.gender,
            Some((**evidence).clone()),
        ),
        Matched::Waiting => {
            (IdentityLevel::Zero, RegisterState::Pending, claimed.name.clone(), claimed.birth_date, None, None)
        }
    };
    let row = store::person::Person {
        id,
        status: PersonStatus::Active,
        status_reason: None,
        identity_level: level,
        register_state: state,
        register_as_of: evidence.as_ref().map(|evidence| evidence.as_of),
        register_evidence: evidence,
        name_key: name.match_key(),
        name_search: name.search_key(),
        full_name: name.as_str().to_owned(),
        birth_date_sealed: person::seal_birth_date(services, id, &birth_date)?,
        gender,
        number_sealed: person::seal_number(services, id, &number)?,
        number_index: person::number_index(services, &number)?,
        language: language.to_owned(),
        is_demo: false,
        created_at: now,
        updated_at: now,
    };
    if store::person::insert(tx, &row).await? == Inserted::AlreadyKnown {
        return Ok(None);
    }
    let number = store::person::NumberRecord {
        id: RowId::new(now, &*services.entropy),
        person_id: id,
        number_sealed: row.number_sealed.clone(),
        number_index: row.number_index,
        set_at: now,
        cancelled_at: None,
        reason: None,
    };
    store::person::insert_number(tx, &number).await?;
    add_phone(services, tx, id, phone).await?;
    let event = AccountEvent::Created { identity_level: level.as_u8(), register_state: Word::new(state.as_str()) };
    audit::append(tx, audit::entry(services, event).person(id)).await?;
    Ok(Some(id))
}

/// Adds a phone that answered a code.
pub async fn add_phone(services: &Services, tx: &mut Tx, who: PersonId, phone: &PhoneNumber) -> Outcome<()> {
    let now = services.clock.now();
    let id = ContactId::new(now, &*services.entropy);
    let contact = store::contact::Contact {
        id,
        person_id: who,
        kind: ContactKind::Phone,
        value_sealed: person::seal_phone(services, id, phone)?,
        value_index: person::phone_index(services, phone)?,
        verified_at: Some(now),
        ended_at: None,
        created_at: now,
    };
    store::contact::insert(tx, &contact).await?;
    let event = CredentialEvent::ContactAdded { contact_kind: Word::new("phone") };
    audit::append(tx, audit::entry(services, event).person(who)).await
}

/// Makes ten printed codes, replacing older ones. Only their digests are kept.
pub async fn new_recovery_codes(services: &Services, tx: &mut Tx, who: PersonId) -> Outcome<Vec<String>> {
    let now = services.clock.now();
    let codes = crypto::recovery_codes(&*services.entropy);
    super::throttle::clear(tx, &Rule::RECOVERY, &super::sign_in::subject_of(services, who)?).await?;
    let mut rows = Vec::with_capacity(codes.len());
    let mut shown = Vec::with_capacity(codes.len());
    for code in &codes {
        let normal = crypto::normalize_recovery_code(code.expose())
            .ok_or_else(|| Fault::Internal("a recovery code that cannot be read back".into()))?;
        let index = super::sign_in::recovery_index(services, who, normal.expose())?;
        rows.push(index);
        shown.push(code.expose().to_owned());
    }
    store::recovery_code::replace_all(tx, who, &rows, now, &*services.entropy).await?;
    let event = CredentialEvent::RecoveryCodesMade { count: u32::try_from(rows.len()).unwrap_or(u32::MAX) };
    audit::append(tx, audit::entry(services, event).person(who)).await?;
    Ok(shown)
}

/// Asks the register again about a waiting account, and confirms or refuses it. Called by a job.
pub async fn confirm_waiting(services: &Services, who: PersonId) -> Outcome<bool> {
    let found = store::person::get(&services.db, who).await?;
    if found.register_state != RegisterState::Pending {
        return Ok(true);
    }
    let claimed = Claimed {
        number: person::number(services, &found)?,
        name: FullName::parse(&found.full_name).map_err(Fault::internal)?,
        birth_date: person::birth_date(services, &found)?,
    };
    let Ok(answer) = look_up(services, &claimed).await else {
        return Ok(false);
    };
    let record = match answer {
        // A renumbered person may have an account under the newer number: then this one is a second one.
        Some(Matched::Record(record, evidence)) if is_free(services, who, record.number_in_force()).await? => {
            Some((record, evidence))
        }
        _ => None,
    };
    let mut tx = services.db.begin().await?;
    let (event, notice) = match record {
        Some((record, evidence)) => {
            confirm(services, &mut tx, who, (&record, *evidence)).await?;
            (AccountEvent::Confirmed { identity_level: 1 }, Notice::AccountConfirmed)
        }
        None => {
            refuse_waiting(services, &mut tx, who).await?;
            (AccountEvent::Mismatched { reason: Word::new("no_match") }, Notice::AccountNotConfirmed)
        }
    };
    audit::append(&mut tx, audit::entry(services, event).person(who)).await?;
    passkey::tell_phone(services, &mut tx, who, notice).await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether a number belongs to nobody else's account.
async fn is_free(services: &Services, who: PersonId, number: &PersonalNumber) -> Outcome<bool> {
    let index = person::number_index(services, number)?;
    let owner = store::person::find_by_number_index(&services.db, &index).await?;
    Ok(owner.is_none_or(|owner| owner.id == who))
}

/// From here on the register's number and spelling hold.
async fn confirm(
    services: &Services,
    tx: &mut Tx,
    who: PersonId,
    (record, evidence): (&crate::identity::PopulationRecord, crate::identity::ExchangeEvidence),
) -> Outcome<()> {
    let now = services.clock.now();
    let update = store::person::RegisterUpdate {
        identity_level: IdentityLevel::One,
        register_state: RegisterState::Verified,
        as_of: Some(evidence.as_of),
        evidence: Some(evidence),
    };
    store::person::update_register_state(tx, who, &update, now).await?;
    let name = store::person::NameUpdate {
        full_name: record.full_name.as_str().to_owned(),
        name_key: record.full_name.match_key(),
        name_search: record.full_name.search_key(),
        gender: record.gender,
    };
    store::person::update_name(tx, who, &name, now).await?;
    let number = record.number_in_force();
    let (sealed, index) = (person::seal_number(services, who, number)?, person::number_index(services, number)?);
    store::person::update_number(tx, who, &sealed, &index, now).await?;
    Ok(())
}

/// The register knows no such person: the account closes and the number is free for its owner.
async fn refuse_waiting(services: &Services, tx: &mut Tx, who: PersonId) -> Outcome<()> {
    let now = services.clock.now();
    let update = store::person::RegisterUpdate {
        identity_level: IdentityLevel::Zero,
        register_state: RegisterState::Mismatch,
        as_of: Some(now),
        evidence: None,
    };
    store::person::update_register_state(tx, who, &update, now).await?;
    store::person::update_status(tx, who, PersonStatus::Closed, Some("register_mismatch"), now).await?;
    let found = store::person::get(&mut *tx, who).await?;
    let nobody = crate::base::sha256(who.0.as_bytes());
    store::person::update_number(tx, who, &found.number_sealed, &nobody, now).await?;
    super::session::end_all_in(services, tx, (who, None), "account_closed").await?;
    Ok(())
}
