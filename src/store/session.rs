//! Single sign-on sessions. Expiry is judged at use (T5); what was ended never lives again (I2).

use super::consent::Consent;
use crate::base::{Digest, PersonId, Presented, SessionId, Timestamp};
use crate::db::{Error, Json, Source, Tx};
use crate::identity::session::{SessionView, TOUCH_EVERY};
use crate::identity::{AuthenticationLevel, IdentityLevel, Method, PersonStatus, RegisterState};

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Session {
    /// Of this row.
    pub id: SessionId,
    /// SHA-256 of the cookie.
    pub secret_digest: Digest,
    /// Who signed in.
    pub person_id: PersonId,
    /// How.
    pub authentication_level: AuthenticationLevel,
    /// With which proofs.
    #[sqlx(try_from = "Json<Vec<Method>>")]
    pub methods: Vec<Method>,
    /// `false`: rests on a passkey of its first day.
    pub settled: bool,
    /// The last sign-in or step-up.
    pub authenticated_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// Its last use that was written down.
    pub last_seen_at: Timestamp,
    /// End without use.
    pub idle_expires_at: Timestamp,
    /// End in any case.
    pub expires_at: Timestamp,
    /// Short label such as `Chrome, Android`.
    pub device: String,
    /// Where, by the operator's list of networks.
    pub place: Option<String>,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
    /// Why.
    pub ended_reason: Option<String>,
}

impl Session {
    /// What the rules of sessions need.
    pub const fn view(&self) -> SessionView {
        SessionView {
            authenticated_at: self.authenticated_at,
            last_seen_at: self.last_seen_at,
            idle_expires_at: self.idle_expires_at,
            expires_at: self.expires_at,
            ended_at: self.ended_at,
        }
    }
}

/// A live session and what must be known of its person to use it. The status may be any: the caller refuses all but
/// active ones (I5).
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LiveSession {
    /// The session.
    #[sqlx(flatten)]
    pub session: Session,
    /// Whether the person's account may be used.
    pub person_status: PersonStatus,
    /// How the person was proven.
    pub identity_level: IdentityLevel,
    /// What the register last said.
    pub register_state: RegisterState,
    /// `vi` or `en`.
    pub language: String,
    /// For greeting on pages.
    pub full_name: String,
}

super::hidden_debug!(LiveSession: session);

/// The new secret and state of a session after a step-up or another sign-in (D3).
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The digest it has now: of two rotations at once, one wins.
    pub old_secret_digest: Digest,
    /// The digest it gets.
    pub secret_digest: Digest,
    /// How the person signed in, all proofs counted.
    pub authentication_level: AuthenticationLevel,
    /// With which proofs.
    pub methods: Vec<Method>,
    /// `false`: rests on a passkey of its first day.
    pub settled: bool,
    /// When.
    pub authenticated_at: Timestamp,
    /// End without use.
    pub idle_expires_at: Timestamp,
    /// End in any case.
    pub expires_at: Timestamp,
    /// Where the person signed in again.
    pub place: Option<String>,
}

macro_rules! columns {
    ($($table:literal)?) => {
        concat!(
            $($table,)? "id, ", $($table,)? "secret_digest, ", $($table,)? "person_id, ", $($table,)?
            "authentication_level, ", $($table,)? "methods, ", $($table,)? "settled, ", $($table,)?
            "authenticated_at, ", $($table,)? "created_at, ", $($table,)? "last_seen_at, ", $($table,)?
            "idle_expires_at, ", $($table,)? "expires_at, ", $($table,)? "device, ", $($table,)? "place, ", $($table,)? "ended_at, ",
            $($table,)? "ended_reason"
        )
    };
}

/// Adds a session.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, session: &Session) -> Result<(), Error> {
    tx.query(concat!(
        "INSERT INTO session (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    ))
    .bind(session.id)
    .bind(session.secret_digest)
    .bind(session.person_id)
    .bind(session.authentication_level)
    .bind(Json(&session.methods))
    .bind(session.settled)
    .bind(session.authenticated_at)
    .bind(session.created_at)
    .bind(session.last_seen_at)
    .bind(session.idle_expires_at)
    .bind(session.expires_at)
    .bind(&session.device)
    .bind(&session.place)
    .bind(session.ended_at)
    .bind(&session.ended_reason)
    .write()
    .await
}

/// The live session of a cookie, with its person: one read.
///
/// # Errors
/// What the store said.
pub async fn find_live_by_digest(
    source: impl Source<'_>,
    cookie: impl Into<Presented>,
    now: Timestamp,
) -> Result<Option<LiveSession>, Error> {
    let cookie = cookie.into();
    let (first, last) = cookie.ids();
    source
        .query(concat!(
            "SELECT ",
            columns!("session."),
            ", person.status AS person_status, person.identity_level, person.register_state, person.language,
               person.full_name
             FROM session JOIN person ON person.id = session.person_id
             WHERE session.secret_digest = $1 AND session.id >= $3 AND session.id <= $4
               AND session.ended_at IS NULL AND session.idle_expires_at > $2 AND session.expires_at > $2"
        ))
        .bind(cookie.digest)
        .bind(now)
        .bind(first)
        .bind(last)
        .optional()
        .await
}

/// A live session as one client's request finds it.
#[derive(Clone, sqlx::FromRow)]
pub struct ClientSession {
    /// The session.
    #[sqlx(flatten)]
    pub live: LiveSession,
    /// Signed in to this client before.
    pub visited: bool,
    /// The person's subject in the client's sector, if one was ever made.
    pub subject: Option<String>,
    /// The person's last consent for the client.
    #[sqlx(flatten)]
    pub consent: GivenConsent,
}

/// Columns of a consent that may not exist.
#[derive(Clone, sqlx::FromRow)]
pub struct GivenConsent {
    consent_claims: Option<Json<Vec<String>>>,
    consent_refused: Option<Json<Vec<String>>>,
    consent_given_at: Option<Timestamp>,
    consent_expires_at: Option<Timestamp>,
    consent_ended_at: Option<Timestamp>,
}

impl ClientSession {
    /// The person's last consent for the client: ask [`Consent::is_in_force`].
    pub fn consent(&self, client_id: &str) -> Option<Consent> {
        let given = self.consent.clone();
        Some(Consent {
            person_id: self.live.session.person_id,
            client_id: client_id.to_owned(),
            claims: given.consent_claims?.0,
            refused: given.consent_refused?.0,
            given_at: given.consent_given_at?,
            expires_at: given.consent_expires_at?,
            ended_at: given.consent_ended_at,
        })
    }
}

super::hidden_debug!(ClientSession: live);

/// The live session of a cookie with all that an authorization request of a client has to know of it: one read.
///
/// # Errors
/// What the store said.
pub async fn find_live_for_client(
    source: impl Source<'_>,
    cookie: impl Into<Presented>,
    (client_id, sector): (&str, &str),
    now: Timestamp,
) -> Result<Option<ClientSession>, Error> {
    let cookie = cookie.into();
    let (first, last) = cookie.ids();
    source
        .query(concat!(
            "SELECT ",
            columns!("session."),
            ", person.status AS person_status, person.identity_level, person.register_state, person.language,
               person.full_name, pairwise_subject.subject,
               EXISTS (SELECT 1 FROM session_client v
                       WHERE v.session_id = session.id AND v.client_id = $3 AND v.ended_at IS NULL) AS visited,
               consent.claims AS consent_claims, consent.refused AS consent_refused,
               consent.given_at AS consent_given_at, consent.expires_at AS consent_expires_at,
               consent.ended_at AS consent_ended_at
             FROM session JOIN person ON person.id = session.person_id
             LEFT JOIN pairwise_subject ON pairwise_subject.sector = $4 AND pairwise_subject.person_id = person.id
             LEFT JOIN consent ON consent.person_id = person.id AND consent.client_id = $3
             WHERE session.secret_digest = $1 AND session.id >= $5 AND session.id <= $6
               AND session.ended_at IS NULL AND session.idle_expires_at > $2 AND session.expires_at > $2"
        ))
        .bind(cookie.digest)
        .bind(now)
        .bind(client_id)
        .bind(sector)
        .bind(first)
        .bind(last)
        .optional()
        .await
}

/// The session of a cookie that ran out and was not ended yet.
///
/// # Errors
/// What the store said.
pub async fn find_late_by_digest(
    source: impl Source<'_>,
    cookie: impl Into<Presented>,
    now: Timestamp,
) -> Result<Option<Session>, Error> {
    let cookie = cookie.into();
    let (first, last) = cookie.ids();
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM session
             WHERE secret_digest = $1 AND id >= $3 AND id <= $4 AND ended_at IS NULL
               AND (idle_expires_at <= $2 OR expires_at <= $2)"
        ))
        .bind(cookie.digest)
        .bind(now)
        .bind(first)
        .bind(last)
        .optional()
        .await
}

/// The person of the session of a cookie that ran out, and was ended for that when it was shown again.
///
/// # Errors
/// What the store said.
pub async fn owner_of_expired(source: impl Source<'_>, digest: &Digest) -> Result<Option<PersonId>, Error> {
    let row: Option<(PersonId,)> = source
        .query("SELECT person_id FROM session WHERE secret_digest = $1 AND ended_reason = 'expired'")
        .bind(digest)
        .optional()
        .await?;
    Ok(row.map(|(person,)| person))
}

/// The session of that id, live or not.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, id: SessionId) -> Result<Option<Session>, Error> {
    source.query(concat!("SELECT ", columns!(), " FROM session WHERE id = $1")).bind(id).optional().await
}

/// Writes a use down, unless one was in the last minute. Neither time ever moves back. `false`: nothing written.
///
/// # Errors
/// What the store said.
pub async fn touch(tx: &mut Tx, id: SessionId, now: Timestamp, idle_expires_at: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE session SET last_seen_at = $2, idle_expires_at = $3
             WHERE id = $1 AND ended_at IS NULL AND last_seen_at <= $4 AND idle_expires_at > $2
               AND idle_expires_at <= $3 AND expires_at > $2",
        )
        .bind(id)
        .bind(now)
        .bind(idle_expires_at)
        .bind(now.minus(TOUCH_EVERY))
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Holds a live session for the rest of the transaction and writes the use down. `false`: it ended meanwhile, so what
/// the caller was about to do in its name must not happen (I2).
///
/// # Errors
/// What the store said.
pub async fn hold(tx: &mut Tx, id: SessionId, now: Timestamp, idle_expires_at: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE session SET last_seen_at = $2, idle_expires_at = $3
             WHERE id = $1 AND ended_at IS NULL AND idle_expires_at > $2 AND expires_at > $2
               AND EXISTS (SELECT 1 FROM person p WHERE p.id = session.person_id AND p.status = $4)",
        )
        .bind(id)
        .bind(now)
        .bind(idle_expires_at)
        .bind(PersonStatus::Active)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Gives a live session a new secret and level; the old cookie is dead from then on. `false` when it is not live any
/// more or another rotation was first.
///
/// # Errors
/// What the store said.
pub async fn rotate(tx: &mut Tx, id: SessionId, to: &Rotation, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE session SET secret_digest = $3, authentication_level = $4, methods = $5, settled = $6,
                    authenticated_at = $7, idle_expires_at = $8, expires_at = $9, last_seen_at = $10,
                    place = $11
             WHERE id = $1 AND secret_digest = $2 AND ended_at IS NULL AND idle_expires_at > $10 AND expires_at > $10",
        )
        .bind(id)
        .bind(to.old_secret_digest)
        .bind(to.secret_digest)
        .bind(to.authentication_level)
        .bind(Json(&to.methods))
        .bind(to.settled)
        .bind(to.authenticated_at)
        .bind(to.idle_expires_at)
        .bind(to.expires_at)
        .bind(now)
        .bind(&to.place)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Ends a session. `false` when it had ended before.
///
/// # Errors
/// What the store said.
pub async fn end(tx: &mut Tx, id: SessionId, reason: &str, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE session SET ended_at = $3, ended_reason = $2 WHERE id = $1 AND ended_at IS NULL")
        .bind(id)
        .bind(reason)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Ends a person's sessions but one, and answers which: their clients are to be told.
///
/// # Errors
/// What the store said.
pub async fn end_all_for(
    tx: &mut Tx,
    person: PersonId,
    except: Option<SessionId>,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<SessionId>, Error> {
    tx.query(
        "UPDATE session SET ended_at = $4, ended_reason = $3 WHERE person_id = $1 AND ended_at IS NULL AND id <> $2
         RETURNING id",
    )
    .bind(person)
    .bind(except.unwrap_or(SessionId(uuid::Uuid::nil())))
    .bind(reason)
    .bind(now)
    .scalars()
    .await
}

/// The live sessions of a person beyond the newest `most`; at most 100 of them.
///
/// # Errors
/// What the store said.
pub async fn list_beyond(
    source: impl Source<'_>,
    person: PersonId,
    most: u32,
    now: Timestamp,
) -> Result<Vec<SessionId>, Error> {
    source
        .query(
            "SELECT id FROM session
             WHERE person_id = $1 AND ended_at IS NULL AND idle_expires_at > $2 AND expires_at > $2
             ORDER BY created_at DESC, id DESC LIMIT 100 OFFSET $3",
        )
        .bind(person)
        .bind(now)
        .bind(i64::from(most))
        .scalars()
        .await
}

/// A person's live sessions, newest first; at most 100.
///
/// # Errors
/// What the store said.
pub async fn list_for(source: impl Source<'_>, person: PersonId, now: Timestamp) -> Result<Vec<Session>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM session WHERE person_id = $1 AND ended_at IS NULL AND idle_expires_at > $2 AND expires_at > $2
             ORDER BY created_at DESC, id DESC LIMIT 100"
        ))
        .bind(person)
        .bind(now)
        .all()
        .await
}
