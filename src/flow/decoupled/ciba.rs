//! Client-initiated backchannel authentication (OpenID Connect CIBA 1.0, poll and ping): a portal asks, the person is
//! told by message and answers on their own account page.
//!
//! Who is known here must not be told to whoever holds a list of numbers (N1). A personal number or a phone is therefore
//! always taken: where nobody has it the request waits like any other, with the same work, and runs out. A `sub` and an
//! ID token came from us to this very client, so of those it is said that they name nobody, as CIBA 13 wants.

use super::{Decision, Decoupled, Door, Ping, Sealed, deny, open, seal, target};
use crate::audit::{GrantEvent, Word};
use crate::base::{DecoupledId, PersonId, random_token, sha256};
use crate::crypto;
use crate::db::Tx;
use crate::flow::client_keys;
use crate::flow::clients::{self, KnownClient};
use crate::flow::interaction::{self, Begun};
use crate::flow::outbox::{self, Notice, Posting, Way};
use crate::flow::session::LiveSession;
use crate::flow::sign_in::subject_of;
use crate::flow::{Fault, Outcome, Services, audit, authorize, level, metadata, person, throttle};
use crate::identity::{Admission, PersonStatus, PersonalNumber, PhoneNumber, Rule};
use crate::protocol::ciba::{self as rules, CibaRequest, Hint};
use crate::protocol::decoupled::INTERVAL_SECONDS;
use crate::protocol::{Error, ErrorCode, Parameters};
use crate::store;
use crate::store::contact::ContactKind;
use crate::store::decoupled::{Decoupled as Row, DecoupledState};
use crate::store::spent::SpentKind;
use serde_json::{Value, json};
use std::time::Duration;

/// Stands for a person that no account is, where one must cost what another costs.
const NOBODY: PersonId = PersonId(uuid::Uuid::nil());

/// Takes an authentication request of a client that proved itself (CIBA 7) and acknowledges it (7.3).
pub async fn ask(services: &Services, known: &KnownClient, parameters: &Parameters) -> Outcome<Result<Value, Error>> {
    let read = match read(services, known, parameters).await? {
        Ok(read) => read,
        Err(error) => return Ok(Err(error)),
    };
    if level::is_out_of_reach(&level::demand(services, &read.request, &known.client)) {
        return Ok(Err(Error::UNMET_AUTHENTICATION_REQUIREMENTS));
    }
    // Counted by the hint and not by whom it names: the answer tells nobody who is known (N1).
    let hint = ration_of(services, known, &read.hint);
    let parts: [&[u8]; 3] = [b"request", known.client.client_id.as_bytes(), hint.as_bytes()];
    let hinted = services.sealer.keyed_digest("throttle", &parts).map_err(Fault::internal)?;
    // A suite asks its one person again and again, and answers itself.
    let rationed = !services.config.conformance.ciba_approval;
    if rationed && throttle::attempt(services, &Rule::REQUEST_FOR, &hinted).await? != Admission::Go {
        return Ok(Err(Error::TEMPORARILY_UNAVAILABLE));
    }
    match whom(services, known, &read.hint).await? {
        Ok(person) => keep(services, known, read, person).await.map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// One name for every spelling of a hint: of a number, a phone, or an ID token and those after it.
fn ration_of(services: &Services, known: &KnownClient, hint: &Hint) -> String {
    let spelled_once = match hint {
        Hint::IdToken(hint) => authorize::hinted_subject(services, hint, &known.client.client_id),
        Hint::Login(hint) => PersonalNumber::parse(hint)
            .map(|number| number.as_str().to_owned())
            .or_else(|_| PhoneNumber::parse(hint).map(|phone| phone.as_str().to_owned()))
            .ok(),
    };
    spelled_once.unwrap_or_else(|| match hint {
        Hint::IdToken(hint) | Hint::Login(hint) => hint.clone(),
    })
}

/// The request, from the body or out of the signed request.
async fn read(
    services: &Services,
    known: &KnownClient,
    parameters: &Parameters,
) -> Outcome<Result<CibaRequest, Error>> {
    let (client, capabilities) = (&known.client, metadata::capabilities(services));
    if let Err(error) = rules::permitted(client) {
        return Ok(Err(error));
    }
    let (compact, algorithm) = match rules::signed(parameters, client) {
        Err(error) => return Ok(Err(error)),
        Ok(None) => return Ok(rules::check(parameters, client, &capabilities)),
        Ok(Some(signed)) => signed,
    };
    let allowed: Vec<crypto::SigningAlgorithm> = algorithm.as_str().parse().into_iter().collect();
    let Ok((header, claims)) = client_keys::verify(services, client, compact, &allowed).await? else {
        let description = "The signed request does not verify with the registered algorithm and keys.";
        return Ok(Err(Error::new(ErrorCode::InvalidRequest, "request_signature", description)));
    };
    let now = services.clock.now();
    let signed = match rules::read_signed((&header, &claims), client, services.issuer(), now) {
        Ok(signed) => signed,
        Err(error) => return Ok(Err(error)),
    };
    let read = rules::check(&signed.parameters, client, &capabilities);
    if read.is_ok() {
        // Said once (CIBA 7.1.1): remembered for as long as it could pass again, leeway included (F2, F3).
        let text = format!("request:{}:{}:{}", client.client_id.len(), client.client_id, signed.jti);
        let (kind, digest) = (SpentKind::ClientAssertion, sha256(text.as_bytes()));
        let until = signed.expires_at.plus(Duration::from_secs(120));
        let fresh = store::spent::consume(services.db.alone(), kind, &digest, now, until).await?;
        if !fresh {
            let description = "The signed request was used before.";
            return Ok(Err(Error::new(ErrorCode::InvalidRequest, "request_replayed", description)));
        }
    }
    Ok(read)
}

/// Whom a hint names; `None`: nobody, which is told of what came from us only.
async fn whom(services: &Services, known: &KnownClient, hint: &Hint) -> Outcome<Result<Option<PersonId>, Error>> {
    let subject = match hint {
        Hint::IdToken(hint) => match authorize::hinted_subject(services, hint, &known.client.client_id) {
            Some(subject) => subject,
            None => {
                let description = "id_token_hint is not an ID token issued here to this client.";
                return Ok(Err(Error::new(ErrorCode::InvalidRequest, "id_token_hint_invalid", description)));
            }
        },
        Hint::Login(hint) => match by_contact(services, hint).await? {
            Some(found) => return Ok(Ok(found)),
            None => hint.clone(),
        },
    };
    let found = store::subject::find_person(&services.db, &known.client.sector, &subject).await?;
    Ok(found.map(Some).ok_or(rules::UNKNOWN_USER))
}

/// `Some(None)`: it is a number or a phone, and nobody's that may be asked.
async fn by_contact(services: &Services, hint: &str) -> Outcome<Option<Option<PersonId>>> {
    let found = if let Ok(number) = PersonalNumber::parse(hint) {
        let index = person::number_index(services, &number)?;
        store::person::find_by_number_index(&services.db, &index).await?.map(|found| found.id)
    } else if let Ok(phone) = PhoneNumber::parse(hint) {
        let index = person::phone_index(services, &phone)?;
        let owners = store::contact::find_active_by_index(&services.db, ContactKind::Phone, &index).await?;
        // A phone that several people share names nobody.
        match owners.as_slice() {
            [only] => Some(only.person_id),
            _ => None,
        }
    } else {
        return Ok(None);
    };
    Ok(Some(found))
}

async fn keep(services: &Services, known: &KnownClient, read: CibaRequest, person: Option<PersonId>) -> Outcome<Value> {
    let now = services.clock.now();
    let auth_req_id = random_token(&*services.entropy);
    let id = DecoupledId::new(now, &*services.entropy);
    let found = store::person::find(&services.db, person.unwrap_or(NOBODY)).await?;
    let found = found.filter(|found| found.status == PersonStatus::Active);
    let contacts = person::contacts(services, person.unwrap_or(NOBODY)).await?;
    let sealed = Sealed {
        request: read.request,
        place: None,
        binding_message: read.binding_message,
        ping: read
            .notification_token
            .map(|token| Ping { auth_req_id: auth_req_id.clone(), token: token.expose().to_owned() }),
    };
    let row = Row {
        id,
        kind: Door::Ciba.kind(),
        secret_digest: sha256(auth_req_id.as_bytes()),
        user_code_index: None,
        client_id: known.client.client_id.clone(),
        person_id: found.as_ref().map(|found| found.id),
        request_sealed: seal(services, id, &sealed)?,
        state: DecoupledState::Waiting,
        interval_seconds: INTERVAL_SECONDS,
        polled_at: None,
        created_at: now,
        expires_at: now.plus(read.lifetime),
        decided_at: None,
    };
    let mut tx = services.db.begin().await?;
    let _ = store::decoupled::insert(&mut tx, &row).await?;
    let told = found.map(|found| (found.id, found.language)).zip(contacts.phone);
    tell(services, &mut tx, known, told).await?;
    let mut entry = audit::entry(services, GrantEvent::RequestAsked { door: Word::new("ciba") });
    entry.person = row.person_id;
    audit::append(&mut tx, entry.client(&row.client_id)).await?;
    tx.commit().await?;
    Ok(json!({ "auth_req_id": auth_req_id, "expires_in": read.lifetime.as_secs(), "interval": INTERVAL_SECONDS }))
}

/// Tells the person by message, without a link (ux.md: nobody may learn to follow one); not more often than codes are
/// sent, so that a portal cannot wear anybody down. Nobody gets the same rows, thrown away by the sender (N2).
async fn tell(
    services: &Services,
    tx: &mut Tx,
    known: &KnownClient,
    whom: Option<((PersonId, String), PhoneNumber)>,
) -> Outcome<()> {
    let subject = subject_of(services, whom.as_ref().map_or(NOBODY, |((id, _), _)| *id))?;
    let admission = match whom {
        Some(_) => throttle::attempt_in(services, tx, &Rule::REQUEST_NOTICE, &subject).await?,
        None => throttle::look_in(services, tx, &Rule::REQUEST_NOTICE, &subject).await?,
    };
    let whom = whom.filter(|_| admission == Admission::Go);
    let (way, recipient, language) = match whom {
        Some(((_, language), phone)) => (Way::Sms, phone.as_str().to_owned(), language),
        None => (Way::Nowhere, String::from("+84000000000"), String::from("vi")),
    };
    let portal = known.client.display_name(&language).to_owned();
    let posting = Posting::Message { recipient, notice: Notice::RequestWaits { portal }, language, not_me: None };
    outbox::post(services, tx, way, &posting, None).await?;
    Ok(())
}

/// What waits for the person, newest first; of each portal the newest few.
pub async fn waiting(services: &Services, live: &LiveSession) -> Outcome<Vec<Decoupled>> {
    let rows = store::decoupled::list_waiting(&services.db, live.session.person_id, services.clock.now()).await?;
    rows.iter().map(|row| open(services, row)).collect()
}

async fn find(services: &Services, live: &LiveSession, id: DecoupledId) -> Outcome<Option<Decoupled>> {
    let now = services.clock.now();
    let row = store::decoupled::find_waiting(&services.db, (id, live.session.person_id), now).await?;
    row.map(|row| open(services, &row)).transpose()
}

/// Begins the flow that decides about one of the person's own requests. `None`: it is not there any more.
pub async fn decide(services: &Services, live: &LiveSession, id: DecoupledId) -> Outcome<Option<Begun>> {
    let Some(asked) = find(services, live, id).await? else {
        return Ok(None);
    };
    let mut begun = interaction::begin(services, target(asked));
    begun.interaction.expected = Some(live.session.person_id);
    interaction::save(services, &begun.interaction).await?;
    Ok(Some(begun))
}

/// Refuses one of the person's own requests: that needs no fresh sign-in.
pub async fn refuse(services: &Services, live: &LiveSession, id: DecoupledId) -> Outcome<Decision> {
    match find(services, live, id).await? {
        Some(asked) => deny(services, &asked, Some(live)).await,
        None => Ok(Decision::Over),
    }
}

/// Answers for the person whom a request was asked of, as conformance runs need it: a sign-in nobody made. The route to
/// this exists only where the configuration switches it on, which production refuses.
pub async fn answer_for(services: &Services, auth_req_id: &str, allow: bool) -> Outcome<Option<Decision>> {
    let digest = sha256(auth_req_id.as_bytes());
    let Some(row) = store::decoupled::find_by_secret(&services.db, Door::Ciba.kind(), &digest).await? else {
        return Ok(None);
    };
    let mut asked = open(services, &row)?;
    let Some(person) = row.person_id.filter(|_| allow) else {
        return deny(services, &asked, None).await.map(Some);
    };
    (asked.heeded, asked.allowed_by) = (true, Some(person));
    let Some(known) = clients::find(services, &asked.request.client_id).await? else {
        return Ok(None);
    };
    authorize::decide_for(services, &known, asked, person).await.map(Some)
}
