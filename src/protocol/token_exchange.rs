//! Token exchange between agencies (RFC 8693): one acts with a token that a person or another agency's system was given,
//! never with more than it, and it is said in the new token who does.

use super::client::{Client, GrantType};
use super::jwt_claims::AccessToken;
use super::scope::{self, ScopeSet};
use super::{Error, ErrorCode, Parameters, introspection, token};
use crate::base::Secret;
use serde_json::{Value, json};

/// RFC 8693 3.
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";
/// How many agencies may stand in one chain (H1): the one that acts now among them.
pub const MAX_ACTORS: usize = 3;
/// Access tokens of ours have less.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// A token-exchange request, read but not judged (RFC 8693 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenExchange {
    /// With what to act: an access token of ours.
    pub subject_token: Secret,
    /// Who acts, if not simply the client that asks: an access token of ours.
    pub actor_token: Option<Secret>,
    /// `resource` and `audience` together: both name what the client registered.
    pub target: Vec<String>,
    /// Scopes; all that may be when absent.
    pub scope: Option<ScopeSet>,
}

fn invalid(reason: &'static str, description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, reason, description)
}

/// RFC 8693 2.2.2: the subject token is not one that this client may exchange now. Why is not told.
pub const fn refused(reason: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, reason, "The subject_token is not one that this client may exchange.")
}

const fn actor_refused(reason: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, reason, "The actor_token is not one of this client.")
}

impl TokenExchange {
    /// Reads the parameters.
    ///
    /// # Errors
    /// `invalid_request`, `invalid_scope`.
    pub fn parse(parameters: &Parameters) -> Result<Self, Error> {
        let subject_token = one(parameters, "subject_token", "subject_token_missing")?;
        let subject_token =
            subject_token.ok_or_else(|| invalid("subject_token_missing", "subject_token is missing or too long."))?;
        match parameters.get("subject_token_type") {
            // "jwt" tells the form only (RFC 8693 3), and libraries say it of access tokens that are JWTs. Whatever is
            // said, the token is judged as an access token of ours.
            Some(ACCESS_TOKEN_TYPE | JWT_TYPE) => {}
            // An ID token says who signed in, and gives no right to anything; a refresh token is its client's alone.
            Some(_) => {
                let description = "subject_token_type must be urn:ietf:params:oauth:token-type:access_token.";
                return Err(invalid("subject_token_type", description));
            }
            None => return Err(invalid("subject_token_type_missing", "subject_token_type is missing.")),
        }
        let actor_token = one(parameters, "actor_token", "actor_token_malformed")?;
        match (actor_token.is_some(), parameters.get("actor_token_type")) {
            (false, None) | (true, Some(ACCESS_TOKEN_TYPE)) => {}
            _ => {
                let description = "actor_token and actor_token_type come together, the type being access_token.";
                return Err(invalid("actor_token_type", description));
            }
        }
        if !matches!(parameters.get("requested_token_type"), None | Some(ACCESS_TOKEN_TYPE | JWT_TYPE)) {
            let description = "requested_token_type must be urn:ietf:params:oauth:token-type:access_token.";
            return Err(invalid("requested_token_type", description));
        }
        let mut target: Vec<String> = parameters.get_all("resource").map(str::to_owned).collect();
        target.extend(parameters.get_all("audience").map(str::to_owned));
        Ok(Self { subject_token, actor_token, target, scope: token::scope_of(parameters)? })
    }
}

fn one(parameters: &Parameters, name: &str, reason: &'static str) -> Result<Option<Secret>, Error> {
    match parameters.get(name) {
        Some(value) if value.len() > MAX_TOKEN_BYTES => {
            Err(invalid(reason, "subject_token or actor_token is missing or too long."))
        }
        value => Ok(value.map(Secret::from)),
    }
}

/// What the new token carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchanged {
    /// Within the subject token's and the client's.
    pub scope: ScopeSet,
    /// Within the client's, and within what the subject token's authorization was for.
    pub audience: Vec<String>,
    /// RFC 8693 4.1: who acts, and inside it who acted before.
    pub actor: Value,
}

/// The resources of the authorization that a token grew from, beside those it names itself: what its client may reach now
/// (`registered`), and of that for a person's token what the request was for (`authorized`). A token that was exchanged
/// before is for what it says itself: what was narrowed stays narrow (H1).
pub fn granted(subject: &AccessToken, registered: &[String], authorized: Option<&[String]>) -> Vec<String> {
    if subject.actor.is_some() {
        return Vec::new();
    }
    registered.iter().filter(|resource| authorized.is_none_or(|asked| asked.contains(resource))).cloned().collect()
}

/// Judges an exchange by a client that proved itself. Both tokens were found to be ours and live; whether their keys
/// were proved is the caller's to ask. `granted` are the resources of the authorization that the subject token grew from.
///
/// # Errors
/// RFC 8693 2.2.2: `invalid_request`, `invalid_target`, `invalid_scope`; `unauthorized_client`.
pub fn exchange(
    client: &Client,
    request: &TokenExchange,
    (subject, granted): (&AccessToken, &[String]),
    actor: Option<&AccessToken>,
) -> Result<Exchanged, Error> {
    permitted(client)?;
    let trusted = client.metadata.doors.token_exchange_clients.contains(&subject.client_id);
    // H1, RFC 8693 5: named in the policy, and the token was meant for this client: stealing one is not enough.
    let meant = introspection::may_introspect(client, &subject.client_id, &subject.audience)
        || client.metadata.audience.iter().any(|own| *own != subject.issuer && subject.is_for(own));
    if !trusted || !meant {
        return Err(refused("subject_of_other_client"));
    }
    if let Some(actor) = actor
        && (actor.client_id != client.client_id || actor.grant.is_some() || actor.actor.is_some())
    {
        return Err(actor_refused("actor_of_other_client"));
    }
    Ok(Exchanged {
        scope: narrowed(client, request, subject)?,
        audience: audience(client, request, (subject, granted))?,
        actor: chained(&client.client_id, subject.actor.as_ref())?,
    })
}

/// Whether the client may exchange tokens at all.
///
/// # Errors
/// `unauthorized_client`.
pub fn permitted(client: &Client) -> Result<(), Error> {
    if client.allows_grant(GrantType::TokenExchange) && !client.is_public() {
        return Ok(());
    }
    let description = "The client did not register urn:ietf:params:oauth:grant-type:token-exchange.";
    Err(Error::new(ErrorCode::UnauthorizedClient, "grant_type_not_registered", description))
}

/// RFC 8693 2.1: never more than the subject token carries, nor than the client registered.
fn narrowed(client: &Client, request: &TokenExchange, subject: &AccessToken) -> Result<ScopeSet, Error> {
    let most = subject.scope.intersection(&client.metadata.scope).without(scope::OFFLINE_ACCESS);
    let scope = match &request.scope {
        None => most,
        Some(asked) if asked.is_subset(&most) => asked.clone(),
        Some(_) => {
            let description = "scope asks for more than the subject_token carries or the client registered.";
            return Err(Error::new(ErrorCode::InvalidScope, "scope_widened", description));
        }
    };
    if scope.is_empty() {
        let description = "The subject_token carries no scope that the client registered.";
        return Err(Error::new(ErrorCode::InvalidScope, "scope_empty", description));
    }
    Ok(scope)
}

/// RFC 8693 2.1, RFC 8707 2.2: only what the client registered to call, and no more than the authorization was for: a
/// portal's token may be for one of its resources, and the exchange reach another. Our own issuer is none of them: a
/// person's data are asked for by whom they were agreed to be sent to.
fn audience(
    client: &Client,
    request: &TokenExchange,
    (subject, granted): (&AccessToken, &[String]),
) -> Result<Vec<String>, Error> {
    let mut audience = token::audience(client, &request.target)?;
    let within = |named: &String| *named != subject.issuer && (granted.contains(named) || subject.is_for(named));
    if !request.target.is_empty() && !audience.iter().all(within) {
        let description = "A target is not among the resources that the subject_token's authorization was for.";
        return Err(Error::new(ErrorCode::InvalidTarget, "target_not_granted", description));
    }
    audience.retain(within);
    if audience.is_empty() {
        let description = "The client registered no audience that the subject_token's authorization was for.";
        return Err(Error::new(ErrorCode::InvalidTarget, "no_audience", description));
    }
    Ok(audience)
}

/// RFC 8693 4.1: the outermost `act` is who acts now; those before stand inside.
fn chained(client_id: &str, before: Option<&Value>) -> Result<Value, Error> {
    if actors(before).len() >= MAX_ACTORS {
        return Err(refused("actor_chain_too_long"));
    }
    Ok(match before {
        None => json!({ "sub": client_id }),
        Some(before) => json!({ "sub": client_id, "act": before }),
    })
}

/// The agencies of a chain, the one that acts now first.
pub fn actors(chain: Option<&Value>) -> Vec<&str> {
    let mut found = Vec::new();
    let mut here = chain;
    // Bounded: what we signed is never longer.
    while let Some(actor) = here.filter(|_| found.len() <= MAX_ACTORS) {
        found.push(actor.get("sub").and_then(Value::as_str).unwrap_or_default());
        here = actor.get("act");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{GrantId, Timestamp};
    use crate::protocol::client::ClientMetadata;
    use crate::protocol::client::tests::client_with;
    use uuid::Uuid;

    fn agency(change: impl FnOnce(&mut ClientMetadata)) -> Client {
        let mut client = client_with(|m| {
            m.grant_types = vec![GrantType::TokenExchange];
            m.scope = ScopeSet::parse("records:read records:write").unwrap();
            m.audience = ["https://a.example", "https://b.example", "https://c.example"].map(str::to_owned).into();
            m.doors.token_exchange_clients = vec!["portal".into()];
            change(m);
        });
        client.client_id = "agency".into();
        client
    }

    fn subject(change: impl FnOnce(&mut AccessToken)) -> AccessToken {
        let mut token = AccessToken {
            issuer: "https://id.example".into(),
            audience: vec!["https://id.example".into(), "https://a.example".into()],
            subject: "s".into(),
            client_id: "portal".into(),
            issued_at: Timestamp::from_seconds(1),
            expires_at: Timestamp::from_seconds(100),
            jti: "j".into(),
            scope: ScopeSet::parse("openid records:read profile").unwrap(),
            grant: Some(GrantId(Uuid::from_u128(1))),
            authentication: None,
            authorization_details: None,
            confirmation: None,
            actor: None,
        };
        change(&mut token);
        token
    }

    fn asking(scope: Option<&str>, target: &[&str]) -> TokenExchange {
        TokenExchange {
            subject_token: Secret::new("x"),
            actor_token: None,
            target: target.iter().map(|&name| name.to_owned()).collect(),
            scope: scope.map(|scope| ScopeSet::parse(scope).unwrap()),
        }
    }

    #[test]
    fn h1_nothing_widens() {
        // The portal's authorization was for three resources; this token of it is for one of them.
        let granted = ["https://a.example", "https://b.example", "https://d.example"].map(str::to_owned);
        let judged = |request: &TokenExchange| exchange(&agency(|_| {}), request, (&subject(|_| {}), &granted), None);
        let whole = judged(&asking(None, &[])).unwrap();
        assert_eq!(whole.scope.to_string(), "records:read");
        assert_eq!(whole.audience, ["https://a.example", "https://b.example"]);
        assert_eq!(whole.actor, json!({"sub": "agency"}));
        let part = judged(&asking(Some("records:read"), &["https://b.example"])).unwrap();
        assert_eq!(part.audience, ["https://b.example"]);
        for (scope, target, reason) in [
            (Some("records:write"), &[][..], "scope_widened"),
            (Some("openid"), &[], "scope_widened"),
            (None, &["https://c.example"], "target_not_granted"),
            (None, &["https://a.example", "https://c.example"], "target_not_granted"),
            (None, &["https://d.example"], "resource_not_registered"),
            (None, &["https://id.example"], "resource_not_registered"),
        ] {
            assert_eq!(judged(&asking(scope, target)).unwrap_err().reason, reason, "{scope:?} {target:?}");
        }
        // Without an authorization of a person it is the token that says what it is for.
        let alone = |target: &[&str]| exchange(&agency(|_| {}), &asking(None, target), (&subject(|_| {}), &[]), None);
        assert_eq!(alone(&[]).unwrap().audience, ["https://a.example"]);
        assert_eq!(alone(&["https://b.example"]).unwrap_err().reason, "target_not_granted");
    }

    #[test]
    fn h1_an_exchange_reaches_what_the_authorization_was_for_and_may_still_be_reached() {
        let [a, b, c] = ["https://a.example", "https://b.example", "https://c.example"].map(str::to_owned);
        let registered = [a.clone(), b.clone()];
        let first = subject(|_| {});
        assert_eq!(granted(&first, &registered, None), registered, "a system's own token");
        assert_eq!(granted(&first, &registered, Some(&[b.clone(), c])), [b], "what was taken from the client is gone");
        assert_eq!(granted(&first, &registered, Some(&[])), Vec::<String>::new());
        let exchanged = subject(|t| t.actor = Some(json!({"sub": "agency"})));
        assert_eq!(granted(&exchanged, &registered, None), Vec::<String>::new());
        assert_eq!(granted(&exchanged, &registered, Some(&[a])), Vec::<String>::new());
    }

    #[test]
    fn h1_only_tokens_of_named_clients_meant_for_this_one() {
        let judged = |client: &Client, subject: &AccessToken| {
            let granted = ["https://a.example".to_owned()];
            exchange(client, &asking(None, &[]), (subject, &granted), None).map(|_| ()).map_err(|error| error.reason)
        };
        assert_eq!(judged(&agency(|_| {}), &subject(|_| {})), Ok(()));
        let refused = Err("subject_of_other_client");
        assert_eq!(judged(&agency(|_| {}), &subject(|t| t.client_id = "other".into())), refused);
        assert_eq!(judged(&agency(|_| {}), &subject(|t| t.audience = vec!["https://id.example".into()])), refused);
        assert_eq!(judged(&agency(|m| m.doors.token_exchange_clients.clear()), &subject(|_| {})), refused);
        let by_name = subject(|t| t.audience = vec!["agency".into()]);
        assert_eq!(judged(&agency(|_| {}), &by_name), Ok(()), "named as audience by its identifier");
        let unregistered = agency(|m| m.grant_types = vec![GrantType::ClientCredentials]);
        assert_eq!(judged(&unregistered, &subject(|_| {})), Err("grant_type_not_registered"));
        assert_eq!(judged(&agency(|m| m.audience.clear()), &by_name), Err("no_audience"));
        assert_eq!(judged(&agency(|m| m.scope = ScopeSet::default()), &subject(|_| {})), Err("scope_empty"));
    }

    #[test]
    fn the_chain_is_nested_truly_and_ends_at_three() {
        let mut chain: Option<Value> = None;
        for name in ["one", "two", "three"] {
            chain = Some(chained(name, chain.as_ref()).unwrap());
        }
        assert_eq!(chain, Some(json!({"sub": "three", "act": {"sub": "two", "act": {"sub": "one"}}})));
        assert_eq!(actors(chain.as_ref()), ["three", "two", "one"]);
        assert_eq!(chained("four", chain.as_ref()).unwrap_err().reason, "actor_chain_too_long");
    }

    #[test]
    fn the_actor_token_is_the_clients_own() {
        let judged = |actor: &AccessToken| {
            exchange(&agency(|_| {}), &asking(None, &[]), (&subject(|_| {}), &[]), Some(actor)).map_err(|e| e.reason)
        };
        let own = subject(|t| (t.client_id, t.grant) = ("agency".into(), None));
        assert!(judged(&own).is_ok());
        for wrong in [
            subject(|t| t.grant = None),
            subject(|t| t.client_id = "agency".into()),
            subject(|t| (t.client_id, t.grant, t.actor) = ("agency".into(), None, Some(json!({"sub": "x"})))),
        ] {
            assert_eq!(judged(&wrong).unwrap_err(), "actor_of_other_client");
        }
    }

    #[test]
    fn h1_requests_are_read_strictly() {
        let at = ACCESS_TOKEN_TYPE;
        let read = |query: &str| {
            let parameters = Parameters::parse(query.as_bytes()).unwrap();
            TokenExchange::parse(&parameters).map_err(|error| error.reason)
        };
        let good = format!("subject_token=x&subject_token_type={at}");
        assert!(read(&good).is_ok());
        assert!(read(&format!("subject_token=x&subject_token_type={JWT_TYPE}")).is_ok());
        for (query, reason) in [
            (format!("subject_token_type={at}"), "subject_token_missing"),
            (format!("subject_token=&subject_token_type={at}"), "subject_token_missing"),
            ("subject_token=x".to_owned(), "subject_token_type_missing"),
            (
                "subject_token=x&subject_token_type=urn:ietf:params:oauth:token-type:id_token".into(),
                "subject_token_type",
            ),
            (
                "subject_token=x&subject_token_type=urn:ietf:params:oauth:token-type:refresh_token".into(),
                "subject_token_type",
            ),
            (format!("{good}&actor_token=y"), "actor_token_type"),
            (format!("{good}&actor_token_type={at}"), "actor_token_type"),
            (
                format!("{good}&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token"),
                "requested_token_type",
            ),
            (format!("{good}&scope=%22"), "scope_malformed"),
        ] {
            assert_eq!(read(&query).unwrap_err(), reason, "{query}");
        }
        assert!(Parameters::parse(format!("{good}&subject_token=y").as_bytes()).is_err(), "doubled");
    }
}
