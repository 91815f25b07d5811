//! Adding, showing and switching clients, by RFC 7591 metadata.

use super::{Fault, Outcome, audit};
use crate::audit::{AdministrationEvent, Word};
use crate::base::{AgreementId, Entropy, Secret, Timestamp, random_token};
use crate::crypto::{self, Sealer};
use crate::db::{Db, Tx};
use crate::protocol::client::{AuthenticationMethod, BasisKind, Bilingual, Sharing, check_client_id};
use crate::protocol::{ClientMetadata, Error, ErrorCode, RegistrationPolicy, ScopeSet};
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
    /// What this installation lets clients have.
    pub policy: RegistrationPolicy,
    /// Seals the secrets that must be kept; without it no client of `client_secret_jwt` can be registered.
    pub sealer: Option<&'a Sealer>,
    /// How long a secret lasts; `None`: it has no end.
    pub secret_lifetime: Option<Duration>,
}

/// A secret that was drawn, ready to be kept.
pub struct DrawnSecret {
    /// To be shown once.
    pub text: Secret,
    /// As kept where a MAC is keyed with it.
    pub sealed: Option<Vec<u8>>,
    /// Its end.
    pub expires_at: Option<Timestamp>,
}

impl Registering<'_> {
    /// Draws a secret for a method that has one.
    pub fn new_secret(&self, client_id: &str, method: AuthenticationMethod) -> Outcome<Option<DrawnSecret>> {
        self.secret(client_id, method, None)
    }

    /// The same, with a secret that the caller brings.
    fn secret(
        &self,
        client_id: &str,
        method: AuthenticationMethod,
        given: Option<Secret>,
    ) -> Outcome<Option<DrawnSecret>> {
        let keyed = match method {
            AuthenticationMethod::ClientSecretBasic | AuthenticationMethod::ClientSecretPost => false,
            AuthenticationMethod::ClientSecretJwt => true,
            AuthenticationMethod::PrivateKeyJwt
            | AuthenticationMethod::TlsClientAuth
            | AuthenticationMethod::SelfSignedTlsClientAuth
            | AuthenticationMethod::None => return Ok(None),
        };
        // Two, where a MAC is keyed with it: HS512 asks for 64 bytes (RFC 7518 3.2).
        let parts = if keyed { 2 } else { 1 };
        let draw = || Secret::new((0..parts).map(|_| random_token(self.entropy)).collect::<String>());
        let text = given.unwrap_or_else(draw);
        let sealed = match (keyed, self.sealer) {
            (false, _) => None,
            (true, Some(sealer)) => {
                Some(crypto::seal_client_secret(sealer, client_id, &text).map_err(Fault::internal)?)
            }
            (true, None) => return Err(Fault::Internal("nothing to seal the secret with".to_owned())),
        };
        let expires_at = self.secret_lifetime.map(|lifetime| self.now.plus(lifetime));
        Ok(Some(DrawnSecret { text, sealed, expires_at }))
    }

    /// Puts a secret in force; the one before is taken for `overlap`.
    pub async fn put_secret(
        &self,
        tx: &mut Tx,
        client_id: &str,
        secret: &DrawnSecret,
        overlap: Duration,
    ) -> Outcome<bool> {
        let new = store::client::NewSecret {
            digest: secret.text.digest(),
            sealed: secret.sealed.as_deref(),
            expires_at: secret.expires_at,
            old_until: self.now.plus(overlap),
        };
        if !store::client::replace_secret(tx, client_id, &new, self.now).await? {
            return Ok(false);
        }
        let entry = audit::entry_at(AdministrationEvent::ClientSecretReplaced, self.now, self.entropy);
        audit::append(tx, entry.client(client_id)).await?;
        Ok(true)
    }
}

/// Replaces the secret of a client by command. `None`: there is no such client, or its method has no secret.
pub async fn rotate_secret(
    registering: &Registering<'_>,
    client_id: &str,
    overlap: Duration,
) -> Outcome<Option<DrawnSecret>> {
    let mut tx = registering.db.begin().await?;
    let Some(row) = store::client::find(&mut tx, client_id).await? else { return Ok(None) };
    let metadata: ClientMetadata = serde_json::from_str(&row.metadata)?;
    let Some(secret) = registering.new_secret(client_id, metadata.token_endpoint_auth_method)? else {
        return Ok(None);
    };
    registering.put_secret(&mut tx, client_id, &secret, overlap).await?;
    tx.commit().await?;
    Ok(Some(secret))
}

/// An agreement over all that scopes stand for: conformance tests with made-up people only.
pub fn agreement_for(scope: &ScopeSet) -> Option<Sharing> {
    let claims: Vec<_> = scope.claims().into_iter().collect();
    (!claims.is_empty()).then(|| Sharing {
        claims,
        purpose: Bilingual { vi: "Thử nghiệm".to_owned(), en: "Testing".to_owned() },
        legal_basis: "Thử nghiệm".to_owned(),
        basis_kind: BasisKind::Law,
        term_days: 365,
    })
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
pub fn made_up_id(entropy: &dyn Entropy) -> String {
    random_token(entropy).chars().filter(char::is_ascii_alphanumeric).take(22).collect()
}

/// Registers a client, or refuses its metadata with the text that says what to mend.
pub async fn add(registering: &Registering<'_>, json: &str, new: NewClient) -> Outcome<Result<Added, Error>> {
    let metadata = match ClientMetadata::parse(json).and_then(|metadata| metadata.validate(registering.policy)) {
        Ok(metadata) => metadata,
        Err(error) => return Ok(Err(error)),
    };
    let client_id = new.client_id.unwrap_or_else(|| made_up_id(registering.entropy));
    let sector = match check_client_id(&client_id).and_then(|()| metadata.sector(&client_id, registering.policy)) {
        Ok(sector) => sector,
        Err(error) => return Ok(Err(error)),
    };
    let secret = registering.secret(&client_id, metadata.token_endpoint_auth_method, new.secret)?;
    let row = store::client::Client {
        client_id: client_id.clone(),
        metadata: serde_json::to_string(&metadata)?,
        secret_digest: secret.as_ref().map(|secret| secret.text.digest()),
        sector,
        status: ClientStatus::Active,
        is_demo: new.demo,
        version: 1,
        created_at: registering.now,
        updated_at: registering.now,
        managed: store::client::Managed {
            secret_expires_at: secret.as_ref().and_then(|secret| secret.expires_at),
            secret_sealed: secret.as_ref().and_then(|secret| secret.sealed.clone()),
            ..store::client::Managed::default()
        },
    };
    let client_secret = secret.map(|secret| secret.text);
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
pub async fn agree(
    registering: &Registering<'_>,
    tx: &mut Tx,
    client_id: &str,
    metadata: &ClientMetadata,
) -> Outcome<()> {
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
