//! Adding, showing and switching clients, by RFC 7591 metadata.

use super::{Outcome, audit};
use crate::audit::{AdministrationEvent, Word};
use crate::base::{AgreementId, Entropy, Secret, Timestamp, random_token};
use crate::db::{Db, Tx};
use crate::protocol::client::{AuthenticationMethod, BasisKind, check_client_id};
use crate::protocol::{ClientMetadata, Error, ErrorCode, RegistrationPolicy};
use crate::store;
use crate::store::Inserted;
use crate::store::client::ClientStatus;
use std::time::Duration;

/// How clients are registered in this installation.
pub struct Registering<'a> {
    /// The database.
    pub db: &'a Db,
    /// Now.
    pub now: Timestamp,
    /// Randomness.
    pub entropy: &'a dyn Entropy,
    /// http redirect addresses on this machine are taken.
    pub allow_loopback_http: bool,
}

/// A client to be registered.
#[derive(Default)]
pub struct NewClient {
    /// Its id; without one a random id is drawn.
    pub client_id: Option<String>,
    /// Its secret; without one a random secret is drawn, where the method needs one.
    pub secret: Option<Secret>,
    /// Made by `demo`.
    pub demo: bool,
}

/// What was registered. The secret is shown this once.
#[derive(Debug)]
pub struct Added {
    /// The client.
    pub client_id: String,
    /// Its secret, where the method has one.
    pub client_secret: Option<Secret>,
    /// The metadata in force.
    pub metadata: ClientMetadata,
}

/// Letters and digits only: an id that began with a hyphen would be an option on a command line.
fn made_up_id(entropy: &dyn Entropy) -> String {
    random_token(entropy).chars().filter(char::is_ascii_alphanumeric).take(22).collect()
}

/// Registers a client, or refuses its metadata with the text that says what to mend.
pub async fn add(registering: &Registering<'_>, json: &str, new: NewClient) -> Outcome<Result<Added, Error>> {
    let policy = RegistrationPolicy { allow_loopback_http: registering.allow_loopback_http };
    let metadata = match ClientMetadata::parse(json).and_then(|metadata| metadata.validate(policy)) {
        Ok(metadata) => metadata,
        Err(error) => return Ok(Err(error)),
    };
    let client_id = new.client_id.unwrap_or_else(|| made_up_id(registering.entropy));
    let sector = match check_client_id(&client_id).and_then(|()| metadata.sector(&client_id)) {
        Ok(sector) => sector,
        Err(error) => return Ok(Err(error)),
    };
    let client_secret = match metadata.token_endpoint_auth_method {
        AuthenticationMethod::ClientSecretBasic | AuthenticationMethod::ClientSecretPost => {
            Some(new.secret.unwrap_or_else(|| Secret::new(random_token(registering.entropy))))
        }
        AuthenticationMethod::PrivateKeyJwt
        | AuthenticationMethod::ClientSecretJwt
        | AuthenticationMethod::TlsClientAuth
        | AuthenticationMethod::SelfSignedTlsClientAuth
        | AuthenticationMethod::None => None,
    };
    let row = store::client::Client {
        client_id: client_id.clone(),
        metadata: serde_json::to_string(&metadata)?,
        secret_digest: client_secret.as_ref().map(Secret::digest),
        sector,
        status: ClientStatus::Active,
        is_demo: new.demo,
        version: 1,
        created_at: registering.now,
        updated_at: registering.now,
    };
    let mut tx = registering.db.begin().await?;
    if new.demo {
        // A later start finds its clients again, perhaps on other ports.
        store::client::upsert(&mut tx, &row).await?;
    } else if store::client::insert(&mut tx, &row).await? == Inserted::AlreadyKnown {
        return Ok(Err(Error::new(
            ErrorCode::InvalidClientMetadata,
            "client_id_taken",
            "A client of that id exists. Choose another id, or show the one that exists.",
        )));
    }
    agree(registering, &mut tx, &client_id, &metadata).await?;
    let entry = audit::entry_at(AdministrationEvent::ClientAdded, registering.now, registering.entropy);
    audit::append(&mut tx, entry.client(&client_id)).await?;
    tx.commit().await?;
    Ok(Ok(Added { client_id, client_secret, metadata }))
}

/// Puts the sharing agreement of the metadata in force.
async fn agree(registering: &Registering<'_>, tx: &mut Tx, client_id: &str, metadata: &ClientMetadata) -> Outcome<()> {
    let Some(sharing) = &metadata.sharing else {
        return Ok(());
    };
    let id = AgreementId::new(registering.now, registering.entropy);
    let claims: Vec<String> = sharing.claims.iter().map(|claim| claim.as_str().to_owned()).collect();
    let agreement = store::agreement::Agreement {
        id,
        client_id: client_id.to_owned(),
        claims: claims.clone(),
        purpose_vi: sharing.purpose.vi.clone(),
        purpose_en: sharing.purpose.en.clone(),
        legal_basis: sharing.legal_basis.clone(),
        basis_kind: match sharing.basis_kind {
            BasisKind::Consent => store::agreement::BasisKind::Consent,
            BasisKind::Law => store::agreement::BasisKind::Law,
        },
        starts_at: registering.now,
        ends_at: registering.now.plus(Duration::from_secs(u64::from(sharing.term_days) * 86_400)),
        suspended_at: None,
    };
    store::agreement::replace(tx, &agreement, registering.now).await?;
    let event = AdministrationEvent::AgreementMade { agreement: id, claims };
    let entry = audit::entry_at(event, registering.now, registering.entropy);
    audit::append(tx, entry.client(client_id)).await
}

/// Switches a client off: its grants end, so that nothing of it is active from here on (I5). `false`: no such client.
pub async fn disable(registering: &Registering<'_>, client_id: &str) -> Outcome<bool> {
    let mut tx = registering.db.begin().await?;
    if !store::client::set_status(&mut tx, client_id, ClientStatus::Disabled, registering.now).await? {
        return Ok(false);
    }
    store::grant::end_for_client(&mut tx, client_id, "client_disabled", registering.now).await?;
    let event = AdministrationEvent::ClientDisabled { reason: Word::new("by_administrator") };
    audit::append(&mut tx, audit::entry_at(event, registering.now, registering.entropy).client(client_id)).await?;
    tx.commit().await?;
    Ok(true)
}

/// A client as it is kept, for `client list` and `client show`. Never a secret.
#[derive(Debug)]
pub struct Shown {
    /// The client.
    pub client_id: String,
    /// It may do nothing.
    pub disabled: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// The metadata in force.
    pub metadata: serde_json::Value,
}

/// One client.
pub async fn show(db: &Db, client_id: &str) -> Outcome<Option<Shown>> {
    store::client::find(db, client_id).await?.map(shown).transpose()
}

/// Every client, by id.
pub async fn list(db: &Db) -> Outcome<Vec<Shown>> {
    let mut all: Vec<Shown> = Vec::new();
    loop {
        let after = all.last().map(|client| client.client_id.clone());
        let page = store::client::list(db, after.as_deref(), 100).await?;
        let last = page.len() < 100;
        for row in page {
            all.push(shown(row)?);
        }
        if last {
            return Ok(all);
        }
    }
}

fn shown(row: store::client::Client) -> Outcome<Shown> {
    Ok(Shown {
        client_id: row.client_id,
        disabled: row.status != ClientStatus::Active,
        created_at: row.created_at,
        metadata: serde_json::from_str(&row.metadata)?,
    })
}
