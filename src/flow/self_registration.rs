//! Clients that register themselves and keep their registration up to date (RFC 7591, RFC 7592, OpenID Connect
//! Registration 1.0).

use super::client_registration::{self, Registering};
use super::documents::{self, DocumentLimits};
use super::metadata::{capabilities, registration_policy};
use super::{Outcome, Services, audit, client_logo, clients, software_statement, throttle};
use crate::audit::{AdministrationEvent, Word};
use crate::base::{Digest, Secret, Timestamp, random_token};
use crate::config::RegistrationMode;
use crate::db::{Source, Tx};
use crate::identity::{Admission, Rule};
use crate::protocol::client::{GrantType, Registrant, Submitted};
use crate::protocol::{ClientMetadata, Endpoints, Error, ErrorCode, ScopeSet, bearer};
use crate::store;
use crate::store::client::{ClientOrigin, ClientStatus};
use serde_json::{Value, json};

/// What registration answers.
#[derive(Debug)]
pub enum Answer {
    /// The client information response (RFC 7591 3.2.1).
    Information(Value),
    /// The client is gone (RFC 7592 2.3).
    Gone,
    /// An error of RFC 7591 3.2.2 or RFC 6750 3.1.
    Refused(Error),
    /// Not from this network now.
    PausedUntil(Timestamp),
}

/// A request about a registration.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The token of the `Authorization` header, if one was sent.
    pub token: Option<&'a Secret>,
    /// The caller's network.
    pub network: &'a str,
    /// The body.
    pub body: &'a str,
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

const FULL: Error = Error::new(
    ErrorCode::TemporarilyUnavailable,
    "registration_full",
    "As many clients are registered as this server takes. Try again when some have been removed.",
);

/// What registrants may have here.
pub(super) fn registrant(services: &Services) -> Registrant {
    let settings = &services.config.registration;
    Registrant {
        scopes: ScopeSet::parse(&settings.scopes.join(" ")).unwrap_or_default(),
        without_pkce: !settings.require_pkce,
        policy: registration_policy(&services.config),
    }
}

/// Counts a request against its network, before anything is looked at (S2).
async fn paused(services: &Services, network: &str) -> Outcome<Option<Timestamp>> {
    let subject = throttle::network_subject(services, network)?;
    Ok(match throttle::attempt(services, &Rule::REGISTER_CLIENT, &subject).await? {
        Admission::PausedUntil(until) => Some(until),
        Admission::Go | Admission::Disabled => None,
    })
}

/// Registers a client (RFC 7591 3.1).
pub async fn register(services: &Services, request: Request<'_>) -> Outcome<Answer> {
    if let Some(until) = paused(services, request.network).await? {
        return Ok(Answer::PausedUntil(until));
    }
    let now = services.clock.now();
    let origin = match services.config.registration.mode {
        RegistrationMode::Off => return Ok(bearer::INVALID_TOKEN.into()),
        RegistrationMode::Open if request.token.is_none() => ClientOrigin::Open,
        RegistrationMode::Open | RegistrationMode::Token => ClientOrigin::Token,
    };
    let initial = request.token.map(Secret::digest);
    if origin == ClientOrigin::Token {
        // Looked at first: who may not register makes us fetch nothing.
        let Some(digest) = initial else { return Ok(bearer::INVALID_TOKEN.into()) };
        if !store::initial_access_token::is_good(&services.db, &digest, now).await? {
            return Ok(bearer::INVALID_TOKEN.into());
        }
    } else if is_full(services, &services.db).await? {
        return Ok(FULL.into());
    }
    let (metadata, statement) = match judge(services, request.body, None).await? {
        Ok(judged) => judged,
        Err(error) => return Ok(error.into()),
    };
    let client_id = client_registration::made_up_id(&*services.entropy);
    let sector = match sector_of(services, &metadata, &client_id) {
        Ok(sector) => sector,
        Err(error) => return Ok(error.into()),
    };
    let picture = match &metadata.logo_uri {
        Some(url) => client_logo::fetch(&services.outbound, url).await,
        None => None,
    };
    let token = Secret::new(random_token(&*services.entropy));
    let registering = registering(services);
    let secret = registering.new_secret(&client_id, metadata.token_endpoint_auth_method)?;
    let row = store::client::Client {
        client_id: client_id.clone(),
        metadata: serde_json::to_string(&metadata)?,
        secret_digest: secret.as_ref().map(|secret| secret.text.digest()),
        sector,
        status: ClientStatus::Active,
        is_demo: services.config.provider.is_made_up(),
        version: 1,
        created_at: now,
        updated_at: now,
        managed: store::client::Managed {
            secret_expires_at: secret.as_ref().and_then(|secret| secret.expires_at),
            secret_sealed: secret.as_ref().and_then(|secret| secret.sealed.clone()),
            origin,
            registration_digest: Some(token.digest()),
            ..store::client::Managed::default()
        },
    };
    let mut tx = services.db.begin().await?;
    let used = match (origin, initial) {
        (ClientOrigin::Token, Some(digest)) => {
            match store::initial_access_token::consume(&mut tx, &digest, now).await? {
                Some(id) => Some(id),
                None => return Ok(bearer::INVALID_TOKEN.into()),
            }
        }
        _ => None,
    };
    if origin == ClientOrigin::Open && !in_turn(services, &mut tx).await? {
        return Ok(FULL.into());
    }
    if store::client::insert(&mut tx, &row).await? == store::Inserted::AlreadyKnown {
        return Err(super::Fault::Internal("a drawn client id was taken".to_owned()));
    }
    if picture.is_some() {
        client_logo::keep(&mut tx, &client_id, picture, now).await?;
    }
    client_registration::agree(&registering, &mut tx, &client_id, &metadata).await?;
    let entry = audit::entry(services, AdministrationEvent::ClientRegistered { token: used });
    audit::append(&mut tx, entry.client(&client_id)).await?;
    tx.commit().await?;
    told(services, &client_id).await;
    let secret = secret.map(|secret| (secret.text, secret.expires_at));
    let registered = Registered { client_id: &client_id, issued_at: now, metadata: &metadata, secret, token: &token };
    Ok(Answer::Information(registered.information(services, statement.as_deref())))
}

/// Whether open registration has reached its bound (S2).
pub(super) async fn is_full(services: &Services, source: impl Source<'_>) -> Outcome<bool> {
    Ok(store::client::count_open(source).await? >= i64::from(services.config.registration.most_open))
}

/// Whether there is room for one more. Of those who come at once each counts the ones before it: they go one after another
/// until their transactions end.
pub(super) async fn in_turn(services: &Services, tx: &mut Tx) -> Outcome<bool> {
    store::installation::set(tx, "open_registration", "in turn").await?;
    Ok(!is_full(services, tx).await?)
}

/// Nodes forget what they knew of the client, a "no such client" included.
async fn told(services: &Services, client_id: &str) {
    services.clients.forget(client_id).await;
    clients::announce(&*services.cache, client_id).await;
}

pub(super) fn registering(services: &Services) -> Registering<'_> {
    let settings = &services.config.registration;
    Registering {
        db: &services.db,
        now: services.clock.now(),
        entropy: &*services.entropy,
        policy: registration_policy(&services.config),
        sealer: Some(&services.sealer),
        secret_lifetime: (settings.secret_days.0 > 0).then(|| settings.secret_days.duration()),
    }
}

/// Reads and judges metadata: statement, policy, rules, and the list of the sector.
async fn judge(
    services: &Services,
    body: &str,
    before: Option<&store::client::Client>,
) -> Outcome<Result<(ClientMetadata, Option<String>), Error>> {
    let mut submitted = match Submitted::read(body) {
        Ok(submitted) => submitted,
        Err(error) => return Ok(Err(error)),
    };
    let named_right = match before {
        None => submitted.client_id.is_none() && submitted.client_secret.is_none(),
        Some(row) => submitted.client_id.as_deref() == Some(&row.client_id),
    };
    if !named_right {
        return Ok(Err(Error::new(
            ErrorCode::InvalidClientMetadata,
            "client_id_in_body",
            "client_id stands in the body of an update, and is that of the address; never in a new registration.",
        )));
    }
    if let Some(statement) = &submitted.software_statement {
        match software_statement::verify(services, statement)? {
            Ok(claims) => submitted.overlay(&claims),
            Err(error) => return Ok(Err(error)),
        }
    }
    let statement = submitted.software_statement.clone();
    let mut metadata = match submitted.judge(&registrant(services)) {
        Ok(metadata) => metadata,
        Err(error) => return Ok(Err(error)),
    };
    let method = metadata.token_endpoint_auth_method;
    if !capabilities(services).authentication_methods().any(|offered| offered == method) {
        let text = "token_endpoint_auth_method is one that this server does not offer.";
        return Ok(Err(Error::new(ErrorCode::InvalidClientMetadata, "method_not_offered", text)));
    }
    if let Err(error) = check_sector(services, &metadata).await {
        return Ok(Err(error));
    }
    if services.config.registration.agreement_for_all {
        metadata.sharing = client_registration::agreement_for(&metadata.scope);
    }
    Ok(Ok((metadata, statement)))
}

/// Whoever hears tokens away from any address of its own has proved no host: such a client is a sector of its own, or it
/// would learn the subjects of another portal (H6; Registration 5, RFC 8628 5.4, CIBA 4).
fn sector_of(services: &Services, metadata: &ClientMetadata, client_id: &str) -> Result<String, Error> {
    let named = metadata.sector(client_id, registration_policy(&services.config))?;
    let elsewhere = [GrantType::DeviceCode, GrantType::Ciba].iter().any(|grant| metadata.grant_types.contains(grant));
    // A colon cannot be part of a host name.
    Ok(if elsewhere { format!("client:{client_id}") } else { named })
}

/// OpenID Connect Registration 5: the list at `sector_identifier_uri` names every redirect address, or one portal could
/// take the subjects of another.
pub async fn check_sector(services: &Services, metadata: &ClientMetadata) -> Result<(), Error> {
    let Some(url) = &metadata.sector_identifier_uri else { return Ok(()) };
    let refuse = |reason, text| Err(Error::new(ErrorCode::InvalidClientMetadata, reason, text));
    let document = match documents::fetch_document(services, url, DocumentLimits::JSON).await {
        Ok(document) => document,
        Err(error) => {
            tracing::info!(reason = %error, "a sector list could not be fetched");
            return refuse("sector_unreachable", "The list at sector_identifier_uri could not be fetched.");
        }
    };
    let Ok(list) = serde_json::from_slice::<Vec<String>>(&document.body) else {
        return refuse("sector_malformed", "What is at sector_identifier_uri is no JSON list of texts.");
    };
    if !metadata.redirect_uris.is_empty() && metadata.redirect_uris.iter().all(|address| list.contains(address)) {
        Ok(())
    } else {
        refuse("sector_incomplete", "The list at sector_identifier_uri does not name every redirect address.")
    }
}

/// The client that a registration access token belongs to. The same refusal for a wrong token, another client's, and a
/// client that does not exist (RFC 7592 2; N1).
async fn owner(
    services: &Services,
    client_id: &str,
    request: Request<'_>,
) -> Outcome<Result<(store::client::Client, Digest), Answer>> {
    let Some(token) = request.token else { return Ok(Err(bearer::INVALID_TOKEN.into())) };
    let digest = token.digest();
    let row = if client_id.len() > 255 { None } else { store::client::find(&services.db, client_id).await? };
    let owned = row.filter(|row| row.status == ClientStatus::Active && row.managed.registration_digest == Some(digest));
    match owned {
        Some(row) => Ok(Ok((row, digest))),
        // Only failures count: 256 random bits cannot be guessed, but asking costs a query.
        None => Ok(Err(match paused(services, request.network).await? {
            Some(until) => Answer::PausedUntil(until),
            None => bearer::INVALID_TOKEN.into(),
        })),
    }
}

/// What is registered (RFC 7592 2.1).
pub async fn read(services: &Services, client_id: &str, request: Request<'_>) -> Outcome<Answer> {
    let (row, _) = match owner(services, client_id, request).await? {
        Ok(owned) => owned,
        Err(answer) => return Ok(answer),
    };
    let metadata: ClientMetadata = serde_json::from_str(&row.metadata)?;
    let Some(token) = request.token else { return Ok(bearer::INVALID_TOKEN.into()) };
    let registered =
        Registered { client_id: &row.client_id, issued_at: row.created_at, metadata: &metadata, secret: None, token };
    Ok(Answer::Information(registered.information(services, None)))
}

/// Replaces what is registered (RFC 7592 2.2). The registration access token is replaced too; the secret is kept when
/// the request names it, and replaced with an overlap when it does not.
pub async fn update(services: &Services, client_id: &str, request: Request<'_>) -> Outcome<Answer> {
    let (row, old) = match owner(services, client_id, request).await? {
        Ok(owned) => owned,
        Err(answer) => return Ok(answer),
    };
    // A change may make us fetch: as often as one may register, no more (S2).
    if let Some(until) = paused(services, request.network).await? {
        return Ok(Answer::PausedUntil(until));
    }
    let (metadata, statement) = match judge(services, request.body, Some(&row)).await? {
        Ok(judged) => judged,
        Err(error) => return Ok(error.into()),
    };
    // I6: subjects must not change, so neither may the sector they are made for.
    match sector_of(services, &metadata, client_id) {
        Ok(sector) if sector == row.sector => {}
        Ok(_) => {
            return Ok(Error::new(
                ErrorCode::InvalidClientMetadata,
                "sector_changed",
                "The change would give people other subjects: the sector of a client is fixed. Register a new client.",
            )
            .into());
        }
        Err(error) => return Ok(error.into()),
    }
    let presented = Submitted::read(request.body).ok().and_then(|submitted| submitted.client_secret).map(Secret::new);
    let client = clients::of_row(row.clone())?;
    let now = services.clock.now();
    if presented.as_ref().is_some_and(|secret| !client.has_secret(secret, now)) {
        let text = "client_secret is not the secret of this client.";
        return Ok(Error::new(ErrorCode::InvalidClientMetadata, "client_secret_in_body", text).into());
    }
    let before: ClientMetadata = serde_json::from_str(&row.metadata)?;
    let same_logo = before.logo_uri == metadata.logo_uri;
    let picture = match &metadata.logo_uri {
        Some(url) if !same_logo => client_logo::fetch(&services.outbound, url).await,
        _ => None,
    };
    let token = Secret::new(random_token(&*services.entropy));
    let registering = registering(services);
    let keeps = presented.is_some() && before.token_endpoint_auth_method == metadata.token_endpoint_auth_method;
    let secret = if keeps { None } else { registering.new_secret(client_id, metadata.token_endpoint_auth_method)? };
    let mut tx = services.db.begin().await?;
    let text = serde_json::to_string(&metadata)?;
    if !store::client::update_registered(&mut tx, client_id, (&old, &token.digest()), &text, now).await? {
        return Ok(bearer::INVALID_TOKEN.into());
    }
    if let Some(secret) = &secret {
        registering
            .put_secret(&mut tx, client_id, secret, services.config.registration.secret_overlap_seconds.duration())
            .await?;
    } else if !keeps {
        store::client::clear_secret(&mut tx, client_id).await?;
    }
    if !same_logo {
        client_logo::keep(&mut tx, client_id, picture, now).await?;
    }
    client_registration::agree(&registering, &mut tx, client_id, &metadata).await?;
    let event = AdministrationEvent::ClientChanged { version: row.version.saturating_add(1) };
    audit::append(&mut tx, audit::entry(services, event).client(client_id)).await?;
    tx.commit().await?;
    told(services, client_id).await;
    let secret = match secret {
        Some(secret) => Some((secret.text, secret.expires_at)),
        None => presented.filter(|_| keeps).map(|secret| (secret, row.managed.secret_expires_at)),
    };
    let registered = Registered { client_id, issued_at: row.created_at, metadata: &metadata, secret, token: &token };
    Ok(Answer::Information(registered.information(services, statement.as_deref())))
}

/// Ends a registration (RFC 7592 2.3): the client is switched off and its grants end. Its row stays, for what was sent
/// to it stays on record.
pub async fn remove(services: &Services, client_id: &str, request: Request<'_>) -> Outcome<Answer> {
    let (row, old) = match owner(services, client_id, request).await? {
        Ok(owned) => owned,
        Err(answer) => return Ok(answer),
    };
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    if !store::client::end_registration(&mut tx, &row.client_id, &old).await? {
        return Ok(bearer::INVALID_TOKEN.into());
    }
    store::client::set_status(&mut tx, &row.client_id, ClientStatus::Disabled, now).await?;
    store::client::clear_secret(&mut tx, &row.client_id).await?;
    store::grant::end_for_client(&mut tx, &row.client_id, "client_disabled", now).await?;
    let event = AdministrationEvent::ClientDisabled { reason: Word::new("by_itself") };
    audit::append(&mut tx, audit::entry(services, event).client(&row.client_id)).await?;
    tx.commit().await?;
    told(services, &row.client_id).await;
    Ok(Answer::Gone)
}

/// What a client is told about itself.
struct Registered<'a> {
    client_id: &'a str,
    issued_at: Timestamp,
    metadata: &'a ClientMetadata,
    /// The secret and its end, where it is new or was presented: only its digest is kept (R3).
    secret: Option<(Secret, Option<Timestamp>)>,
    token: &'a Secret,
}

impl Registered<'_> {
    /// RFC 7591 3.2.1, RFC 7592 3.
    fn information(&self, services: &Services, statement: Option<&str>) -> Value {
        let mut members = self.metadata.for_registrant().unwrap_or_default();
        let mut put = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
        let address = Endpoints::new(services.issuer()).url(crate::protocol::discovery::path::REGISTER);
        put("client_id", json!(self.client_id));
        put("client_id_issued_at", json!(self.issued_at.seconds()));
        put("registration_access_token", json!(self.token.expose()));
        put("registration_client_uri", json!(format!("{address}/{}", self.client_id)));
        if let Some((secret, expires_at)) = &self.secret {
            put("client_secret", json!(secret.expose()));
            put("client_secret_expires_at", json!(expires_at.map_or(0, Timestamp::seconds)));
        }
        if let Some(statement) = statement {
            put("software_statement", json!(statement));
        }
        Value::Object(members)
    }
}
