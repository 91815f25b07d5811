//! Authorization grants: one authorization, its code, and the token family that grows from it.

use super::client::ClientStatus;
use super::spent::SpentKind;
use super::words;
use crate::base::{AgreementId, Digest, GrantId, OrganizationId, PersonId, Presented, SessionId, Timestamp};
use crate::db::{Error, Json, Source, Tx};
use crate::identity::{AuthenticationLevel, IdentityLevel, Method, PersonStatus};
use crate::protocol::GrantTerms;
use uuid::Uuid;

/// A grant. It is alive until `ended_at` or `expires_at`; whoever honours a token of it asks both.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Grant {
    /// Of this row.
    pub id: GrantId,
    /// For whom.
    pub client_id: String,
    /// Whose.
    pub person_id: PersonId,
    /// In which session it was made.
    pub session_id: SessionId,
    /// The session as this client knows it.
    pub sid: Uuid,
    /// The pairwise subject.
    pub subject: String,
    /// OAuth scope.
    pub scope: String,
    /// The resources asked for (RFC 8707); empty: none were named.
    #[sqlx(try_from = "Json<Vec<String>>")]
    pub resource: Vec<String>,
    /// Claims released in the ID token, by name.
    #[sqlx(try_from = "Json<Vec<String>>")]
    pub claims_id_token: Vec<String>,
    /// Claims released at userinfo, by name.
    #[sqlx(try_from = "Json<Vec<String>>")]
    pub claims_userinfo: Vec<String>,
    /// On which ground.
    pub agreement_id: Option<AgreementId>,
    /// Of the request.
    pub nonce: Option<String>,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// The token request must repeat it (RFC 6749 4.1.3).
    pub redirect_uri_sent: bool,
    /// SHA-256 of the code.
    pub code_digest: Digest,
    /// PKCE S256 (RFC 7636).
    pub code_challenge: Option<String>,
    /// Until when the code is good.
    pub code_expires_at: Timestamp,
    /// When it was used.
    pub code_used_at: Option<Timestamp>,
    /// As stated in tokens.
    pub acr: String,
    /// The proofs of the sign-in.
    #[sqlx(try_from = "Json<Vec<Method>>")]
    pub methods: Vec<Method>,
    /// How the person had signed in.
    pub authentication_level: AuthenticationLevel,
    /// How the person was proven.
    pub identity_level: IdentityLevel,
    /// When the person had signed in.
    pub authenticated_at: Timestamp,
    /// Outlives the session (`offline_access`).
    pub offline: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Absolute end of the family.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
    /// Why.
    pub ended_reason: Option<String>,
    /// For whom the person acts; `None`: for themself.
    pub organization_id: Option<OrganizationId>,
    /// By which door it came: what stands in `code_digest` opens no other (B2).
    pub origin: GrantOrigin,
    /// What it carries beyond its scope.
    pub terms: GrantTerms,
}

words! {
    /// How a grant came to be.
    GrantOrigin {
        /// By an authorization code (RFC 6749 4.1).
        Code = "code",
        /// On another device (RFC 8628).
        Device = "device",
        /// Asked for by the client, away from any browser (CIBA).
        Ciba = "ciba",
    }
}

impl Grant {
    /// Whether its tokens may count at `now`; client and person must be asked beside (I5).
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}

/// A grant with what else decides whether its tokens count.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TokenGrant {
    /// The grant.
    #[sqlx(flatten)]
    pub grant: Grant,
    /// Whether its client may do anything.
    pub client_status: ClientStatus,
    /// Whether its person's account may be used.
    pub person_status: PersonStatus,
}

/// What became of a code.
#[must_use = "only a fresh code may be answered with tokens"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeConsumption {
    /// Used now, for the first time.
    Fresh(Box<TokenGrant>),
    /// Used before: its family must end (RFC 6749 4.1.2).
    Spent(Box<TokenGrant>),
    /// No such code, or it expired or its grant ended unused.
    Unknown,
}

macro_rules! columns {
    () => {
        columns!("")
    };
    ($table:literal) => {
        concat!(
            $table,
            "id, ",
            $table,
            "client_id, ",
            $table,
            "person_id, ",
            $table,
            "session_id, ",
            $table,
            "sid, ",
            $table,
            "subject, ",
            $table,
            "scope, ",
            $table,
            "claims_id_token, ",
            $table,
            "claims_userinfo, ",
            $table,
            "agreement_id, ",
            $table,
            "nonce, ",
            $table,
            "redirect_uri, ",
            $table,
            "redirect_uri_sent, ",
            $table,
            "code_digest, ",
            $table,
            "code_challenge, ",
            $table,
            "code_expires_at, ",
            $table,
            "code_used_at, ",
            $table,
            "acr, ",
            $table,
            "methods, ",
            $table,
            "authentication_level, ",
            $table,
            "identity_level, ",
            $table,
            "authenticated_at, ",
            $table,
            "offline, ",
            $table,
            "created_at, ",
            $table,
            "expires_at, ",
            $table,
            "ended_at, ",
            $table,
            "ended_reason, ",
            $table,
            "resource, ",
            $table,
            "organization_id, ",
            $table,
            "origin, ",
            $table,
            "terms"
        )
    };
}

/// Adds a grant.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, grant: &Grant) -> Result<(), Error> {
    tx.query(concat!(
        "INSERT INTO authorization_grant (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                   $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)"
    ))
    .bind(grant.id)
    .bind(&grant.client_id)
    .bind(grant.person_id)
    .bind(grant.session_id)
    .bind(grant.sid)
    .bind(&grant.subject)
    .bind(&grant.scope)
    .bind(Json(&grant.claims_id_token))
    .bind(Json(&grant.claims_userinfo))
    .bind(grant.agreement_id)
    .bind(&grant.nonce)
    .bind(&grant.redirect_uri)
    .bind(grant.redirect_uri_sent)
    .bind(grant.code_digest)
    .bind(&grant.code_challenge)
    .bind(grant.code_expires_at)
    .bind(grant.code_used_at)
    .bind(&grant.acr)
    .bind(Json(&grant.methods))
    .bind(grant.authentication_level)
    .bind(grant.identity_level)
    .bind(grant.authenticated_at)
    .bind(grant.offline)
    .bind(grant.created_at)
    .bind(grant.expires_at)
    .bind(grant.ended_at)
    .bind(&grant.ended_reason)
    .bind(Json(&grant.resource))
    .bind(grant.organization_id)
    .bind(grant.origin)
    .bind(&grant.terms)
    .write()
    .await
}

/// Uses a code, or what stands for one at another door: of all callers ever, one gets [`CodeConsumption::Fresh`] (B3, B4). Commit also when the request is then
/// refused: a code that was presented wrongly is dead (B1), see [`burn`]. What another door made is unknown here (B2).
///
/// # Errors
/// What the store said.
pub async fn consume_code(
    tx: &mut Tx,
    (origin, code): (GrantOrigin, impl Into<Presented>),
    now: Timestamp,
) -> Result<CodeConsumption, Error> {
    let code = code.into();
    let (first, last) = code.ids();
    let fresh: Option<TokenGrant> = tx
        .query(concat!(
            "UPDATE authorization_grant SET code_used_at = $2
             WHERE code_digest = $1 AND origin = $3 AND id >= $4 AND id <= $5
               AND code_used_at IS NULL AND ended_at IS NULL AND code_expires_at > $2
             RETURNING ",
            columns!(),
            ", (SELECT c.status FROM client c WHERE c.client_id = authorization_grant.client_id) AS client_status,
               (SELECT p.status FROM person p WHERE p.id = authorization_grant.person_id) AS person_status"
        ))
        .bind(code.digest)
        .bind(now)
        .bind(origin)
        .bind(first)
        .bind(last)
        .optional()
        .await?;
    if let Some(grant) = fresh {
        return Ok(CodeConsumption::Fresh(Box::new(grant)));
    }
    let spent: Option<TokenGrant> = tx
        .query(concat!(
            "SELECT ",
            columns!("g."),
            ", client.status AS client_status, person.status AS person_status
             FROM authorization_grant g JOIN client ON client.client_id = g.client_id
             JOIN person ON person.id = g.person_id
             WHERE g.code_digest = $1 AND g.origin = $2 AND g.id >= $3 AND g.id <= $4 AND g.code_used_at IS NOT NULL"
        ))
        .bind(code.digest)
        .bind(origin)
        .bind(first)
        .bind(last)
        .optional()
        .await?;
    Ok(spent.map_or(CodeConsumption::Unknown, |grant| CodeConsumption::Spent(Box::new(grant))))
}

/// Kills a code that was presented wrongly, and its grant (B1). `false` when the grant had ended before.
///
/// # Errors
/// What the store said.
pub async fn burn(tx: &mut Tx, id: GrantId, reason: &str, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE authorization_grant SET code_used_at = COALESCE(code_used_at, $3), ended_at = $3, ended_reason = $2
             WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(id)
        .bind(reason)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// The grant of that id, live or not.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, id: GrantId) -> Result<Option<Grant>, Error> {
    source.query(concat!("SELECT ", columns!(), " FROM authorization_grant WHERE id = $1")).bind(id).optional().await
}

/// The grant of a token with the states of client and person: one read.
///
/// # Errors
/// What the store said.
pub async fn find_for_token(source: impl Source<'_>, id: GrantId) -> Result<Option<TokenGrant>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!("g."),
            ", client.status AS client_status, person.status AS person_status
             FROM authorization_grant g JOIN client ON client.client_id = g.client_id
             JOIN person ON person.id = g.person_id WHERE g.id = $1"
        ))
        .bind(id)
        .optional()
        .await
}

/// An access token's grant, with everything that decides whether the token counts.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AccessGrant {
    /// The grant with the states of client and person.
    #[sqlx(flatten)]
    pub found: TokenGrant,
    /// Whether this one token was revoked before its end.
    pub revoked: bool,
}

/// The grant of an access token, the states of client and person, and whether the token itself was revoked: one read.
///
/// # Errors
/// What the store said.
pub async fn find_for_access_token(
    source: impl Source<'_>,
    id: GrantId,
    jti: &Digest,
) -> Result<Option<AccessGrant>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!("g."),
            ", client.status AS client_status, person.status AS person_status,
               EXISTS (SELECT 1 FROM spent_artefact s WHERE s.kind = $2 AND s.digest = $3) AS revoked
             FROM authorization_grant g JOIN client ON client.client_id = g.client_id
             JOIN person ON person.id = g.person_id WHERE g.id = $1"
        ))
        .bind(id)
        .bind(SpentKind::RevokedAccessToken)
        .bind(jti)
        .optional()
        .await
}

/// Ends the grant of a code that is presented too late, so that a clock set back later finds it ended (I15). Answers
/// which grant ended by this.
///
/// # Errors
/// What the store said.
pub async fn end_late_code(
    tx: &mut Tx,
    (origin, code): (GrantOrigin, impl Into<Presented>),
    now: Timestamp,
) -> Result<Option<GrantId>, Error> {
    let code = code.into();
    let (first, last) = code.ids();
    let ended: Vec<GrantId> = tx
        .query(
            "UPDATE authorization_grant SET ended_at = $2, ended_reason = 'code_expired'
             WHERE code_digest = $1 AND origin = $3 AND id >= $4 AND id <= $5
               AND code_used_at IS NULL AND ended_at IS NULL AND code_expires_at <= $2
             RETURNING id",
        )
        .bind(code.digest)
        .bind(now)
        .bind(origin)
        .bind(first)
        .bind(last)
        .scalars()
        .await?;
    Ok(ended.into_iter().next())
}

/// Ends a grant and with it every token of its family (I2). `false` when it had ended before.
///
/// # Errors
/// What the store said: then nothing was revoked (E7).
pub async fn end(tx: &mut Tx, id: GrantId, reason: &str, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE authorization_grant SET ended_at = $3, ended_reason = $2 WHERE id = $1 AND ended_at IS NULL")
        .bind(id)
        .bind(reason)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Ends the grants of a session, but for those that outlive it. Answers how many.
///
/// # Errors
/// What the store said.
pub async fn end_for_session(tx: &mut Tx, session: SessionId, reason: &str, now: Timestamp) -> Result<u64, Error> {
    tx.query(
        "UPDATE authorization_grant SET ended_at = $3, ended_reason = $2
         WHERE session_id = $1 AND NOT offline AND ended_at IS NULL",
    )
    .bind(session)
    .bind(reason)
    .bind(now)
    .execute()
    .await
}

/// Ends all grants of a person. Answers how many.
///
/// # Errors
/// What the store said.
pub async fn end_for_person(tx: &mut Tx, person: PersonId, reason: &str, now: Timestamp) -> Result<u64, Error> {
    tx.query(
        "UPDATE authorization_grant SET ended_at = $3, ended_reason = $2 WHERE person_id = $1 AND ended_at IS NULL",
    )
    .bind(person)
    .bind(reason)
    .bind(now)
    .execute()
    .await
}

/// Ends a person's grants for one client: consent taken back. Answers how many.
///
/// # Errors
/// What the store said.
pub async fn end_for_person_and_client(
    tx: &mut Tx,
    person: PersonId,
    client_id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<u64, Error> {
    tx.query(
        "UPDATE authorization_grant SET ended_at = $4, ended_reason = $3
         WHERE person_id = $1 AND client_id = $2 AND ended_at IS NULL",
    )
    .bind(person)
    .bind(client_id)
    .bind(reason)
    .bind(now)
    .execute()
    .await
}

/// Ends the grants by which people act for an organization; of one person only, if given. Answers how many.
///
/// # Errors
/// What the store said.
pub async fn end_for_organization(
    tx: &mut Tx,
    organization: OrganizationId,
    person: Option<PersonId>,
    reason: &str,
    now: Timestamp,
) -> Result<u64, Error> {
    let ended = match person {
        None => tx.query(
            "UPDATE authorization_grant SET ended_at = $2, ended_reason = $3
             WHERE organization_id = $1 AND ended_at IS NULL",
        ),
        Some(_) => tx.query(
            "UPDATE authorization_grant SET ended_at = $2, ended_reason = $3
             WHERE organization_id = $1 AND person_id = $4 AND ended_at IS NULL",
        ),
    };
    let ended = ended.bind(organization).bind(now).bind(reason);
    match person {
        None => ended.execute().await,
        Some(person) => ended.bind(person).execute().await,
    }
}

/// Ends all live grants of a client. Answers how many.
///
/// # Errors
/// What the store said.
pub async fn end_for_client(tx: &mut Tx, client_id: &str, reason: &str, now: Timestamp) -> Result<u64, Error> {
    tx.query(
        "UPDATE authorization_grant SET ended_at = $3, ended_reason = $2 WHERE client_id = $1 AND ended_at IS NULL",
    )
    .bind(client_id)
    .bind(reason)
    .bind(now)
    .execute()
    .await
}

/// The live grants of a session, oldest first; at most 500.
///
/// # Errors
/// What the store said.
pub async fn list_active_for_session(
    source: impl Source<'_>,
    session: SessionId,
    now: Timestamp,
) -> Result<Vec<Grant>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM authorization_grant WHERE session_id = $1 AND ended_at IS NULL AND expires_at > $2
             ORDER BY created_at, id LIMIT 500"
        ))
        .bind(session)
        .bind(now)
        .all()
        .await
}
