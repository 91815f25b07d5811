//! The device authorization grant (RFC 8628): a device asks and shows a code, a person types it in on another.

use super::{Decoupled, Door, PURPOSE, Place, Sealed, open, seal, target};
use crate::audit::{GrantEvent, Word};
use crate::base::{DecoupledId, Digest, PersonId, Timestamp, random_token, sha256};
use crate::flow::clients::KnownClient;
use crate::flow::interaction::{self, Begun};
use crate::flow::sign_in::subject_of;
use crate::flow::{Fault, Outcome, Services, audit, level, metadata, throttle};
use crate::identity::{Admission, AuthenticationLevel, Demand, Rule};
use crate::protocol::decoupled::{self as rules, UserCode};
use crate::protocol::discovery::path;
use crate::protocol::{Error, Parameters, authorize};
use crate::store;
use crate::store::Inserted;
use crate::store::decoupled::{Decoupled as Row, DecoupledState};
use serde_json::{Value, json};

/// Another code is drawn when one is in use; so often that it never is in vain.
const DRAWS: usize = 5;

/// Takes a device authorization request (RFC 8628 3.1) and answers it (3.2).
pub async fn ask(
    services: &Services,
    known: &KnownClient,
    parameters: &Parameters,
    place: Place,
) -> Outcome<Result<Value, Error>> {
    if let Err(error) = rules::may_ask_from_a_device(&known.client) {
        return Ok(Err(error));
    }
    let request = match authorize::check_decoupled(parameters, &known.client, &metadata::capabilities(services)) {
        Ok(request) => request,
        Err(error) => return Ok(Err(error)),
    };
    let demand = level::demand(services, &request, &known.client);
    if is_too_high(&demand) {
        return Ok(Err(rules::TOO_HIGH_FOR_A_DEVICE));
    }
    if level::is_out_of_reach(&demand) {
        return Ok(Err(Error::UNMET_AUTHENTICATION_REQUIREMENTS));
    }
    // A public client is whoever knows its name: rows are bounded by whom they come from (S2).
    let network = throttle::network_subject(services, &place.network)?;
    if throttle::attempt(services, &Rule::DEVICE_REQUEST, &network).await? != Admission::Go {
        return Ok(Err(Error::TEMPORARILY_UNAVAILABLE));
    }
    let sealed = Sealed { request, place: Some(place), binding_message: None, ping: None };
    keep(services, known, &sealed).await.map(Ok)
}

/// Q1: the level that only a named authority gives, or an essential acr that nothing below it meets.
fn is_too_high(demand: &Demand) -> bool {
    let high = |acr: &crate::identity::Acr| {
        acr.requirement.minimum_authentication_level >= AuthenticationLevel::Three || acr.requirement.refuses_synced
    };
    demand.minimum_authentication_level >= AuthenticationLevel::Three
        || (demand.essential && !demand.values.is_empty() && demand.values.iter().all(high))
}

async fn keep(services: &Services, known: &KnownClient, sealed: &Sealed) -> Outcome<Value> {
    let now = services.clock.now();
    let device_code = random_token(&*services.entropy);
    let id = DecoupledId::new(now, &*services.entropy);
    let mut row = Row {
        id,
        kind: Door::Device.kind(),
        secret_digest: sha256(device_code.as_bytes()),
        user_code_index: None,
        client_id: known.client.client_id.clone(),
        person_id: None,
        request_sealed: seal(services, id, sealed)?,
        state: DecoupledState::Waiting,
        interval_seconds: rules::INTERVAL_SECONDS,
        polled_at: None,
        created_at: now,
        expires_at: now.plus(rules::DEVICE_LIFETIME),
        decided_at: None,
    };
    let mut tx = services.db.begin().await?;
    for _ in 0..DRAWS {
        let user_code = UserCode::new(&*services.entropy);
        row.user_code_index = Some(index(services, &user_code)?);
        if store::decoupled::insert(&mut tx, &row).await? == Inserted::New {
            let event = GrantEvent::RequestAsked { door: Word::new("device") };
            audit::append(&mut tx, audit::entry(services, event).client(&row.client_id)).await?;
            tx.commit().await?;
            return Ok(answer(services, &device_code, &user_code));
        }
    }
    Err(Fault::Internal("no user code was free".to_owned()))
}

/// RFC 8628 3.2.
fn answer(services: &Services, device_code: &str, user_code: &UserCode) -> Value {
    let uri = metadata::endpoints(services).url(path::DEVICE);
    json!({
        "device_code": device_code,
        "user_code": user_code.shown(),
        "verification_uri": uri,
        "verification_uri_complete": format!("{uri}?user_code={}", user_code.shown()),
        "expires_in": rules::DEVICE_LIFETIME.as_secs(),
        "interval": rules::INTERVAL_SECONDS,
    })
}

/// The codes are too short for a plain digest.
fn index(services: &Services, code: &UserCode) -> Outcome<Digest> {
    services.sealer.keyed_digest(PURPOSE, &[code.letters().as_bytes()]).map_err(Fault::internal)
}

/// What became of a code that was typed in.
#[derive(Debug)]
pub enum Entered {
    /// A flow that decides about the request.
    Begun(Box<Begun>),
    /// No code has this form.
    Format,
    /// Nothing waits under this code.
    Wrong,
    /// Too many wrong ones from here.
    PausedUntil(Timestamp),
}

/// Takes a code that a person typed in. Wrong ones are counted by network and, where somebody is signed in, by person;
/// right ones cost nothing, so that a hall full of people with devices is not shut out (Q1, RFC 8628 5.1).
pub async fn enter(services: &Services, typed: &str, (network, person): (&str, Option<PersonId>)) -> Outcome<Entered> {
    let Some(code) = UserCode::parse(typed) else {
        return Ok(Entered::Format);
    };
    let now = services.clock.now();
    let mut subjects = vec![throttle::network_subject(services, network)?];
    if let Some(person) = person {
        subjects.push(subject_of(services, person)?);
    }
    let mut tx = services.db.begin().await?;
    for subject in &subjects {
        match throttle::attempt_in(services, &mut tx, &Rule::USER_CODE, subject).await? {
            Admission::Go => {}
            Admission::PausedUntil(until) => return Ok(Entered::PausedUntil(until)),
            Admission::Disabled => return Ok(Entered::PausedUntil(now.plus(rules::DEVICE_LIFETIME))),
        }
    }
    // The counted row stays locked until the code is judged, so many guesses at once are judged one by one.
    let Some(row) = store::decoupled::find_by_user_code(&mut tx, &index(services, &code)?, now).await? else {
        tx.commit().await?;
        return Ok(Entered::Wrong);
    };
    // Not committed: a right code is no failure.
    drop(tx);
    let begun = begin(services, open(services, &row)?).await?;
    Ok(Entered::Begun(Box::new(begun)))
}

async fn begin(services: &Services, asked: Decoupled) -> Outcome<Begun> {
    let begun = interaction::begin(services, target(asked));
    interaction::save(services, &begun.interaction).await?;
    Ok(begun)
}
