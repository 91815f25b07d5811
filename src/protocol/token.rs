//! The token endpoint: reading a request, and the verdicts on codes, refresh tokens and client credentials.

use super::client::{Client, GrantType};
use super::decoupled::DecoupledExchange;
use super::scope::{self, ScopeSet};
use super::token_exchange::TokenExchange;
use super::{Confirmation, Error, ErrorCode, Parameters, pkce};
use crate::base::{Secret, Timestamp};

/// Most bytes of a code or refresh token; ours have 43.
const MAX_TOKEN_BYTES: usize = 512;

/// A token request, read but not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRequest {
    /// RFC 6749 4.1.3.
    Code(CodeExchange),
    /// RFC 6749 6.
    Refresh(RefreshExchange),
    /// RFC 6749 4.4.2.
    ClientCredentials(CredentialsRequest),
    /// RFC 8628 3.4.
    Device(DecoupledExchange),
    /// CIBA 10.1.
    Ciba(DecoupledExchange),
    /// RFC 8693 2.1.
    Exchange(TokenExchange),
}

/// The exchange of an authorization code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeExchange {
    /// The code.
    pub code: Secret,
    /// Required when the authorization request had one.
    pub redirect_uri: Option<String>,
    /// RFC 7636 4.5.
    pub code_verifier: Option<Secret>,
    /// RFC 8707 2.2: for which resources.
    pub resource: Vec<String>,
}

/// The exchange of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshExchange {
    /// The refresh token.
    pub token: Secret,
    /// A narrower scope for the access token.
    pub scope: Option<ScopeSet>,
    /// RFC 8707 2.2: for which resources.
    pub resource: Vec<String>,
}

/// A request of a client for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsRequest {
    /// What it asks for; everything it may have when absent.
    pub scope: Option<ScopeSet>,
    /// RFC 8707: for which resources.
    pub resource: Vec<String>,
}

fn invalid_request(reason: &'static str, description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, reason, description)
}

fn invalid_grant(reason: &'static str, description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidGrant, reason, description)
}

impl TokenRequest {
    /// Whether the answer may hold an ID token: wherever a person signed in.
    pub const fn asks_for_id_token(&self) -> bool {
        match self {
            Self::Code(_) | Self::Refresh(_) | Self::Device(_) | Self::Ciba(_) => true,
            Self::ClientCredentials(_) | Self::Exchange(_) => false,
        }
    }

    /// Reads the parameters of a token request; those that authenticate the client are read elsewhere.
    ///
    /// # Errors
    /// `invalid_request`, `unsupported_grant_type`, `invalid_scope`.
    pub fn parse(parameters: &Parameters) -> Result<Self, Error> {
        if parameters.is_present("authorization_details") {
            return Err(super::representation::NOT_AT_TOKEN);
        }
        let resource = parameters.get_all("resource").map(str::to_owned).collect();
        match parameters.get("grant_type") {
            None => Err(invalid_request("grant_type_missing", "grant_type is missing.")),
            Some("authorization_code") => Ok(Self::Code(CodeExchange {
                code: token(parameters, "code", "code_missing", "code is missing or too long.")?,
                redirect_uri: parameters.get("redirect_uri").map(str::to_owned),
                code_verifier: parameters.get("code_verifier").map(Secret::from),
                resource,
            })),
            Some("refresh_token") => Ok(Self::Refresh(RefreshExchange {
                token: token(
                    parameters,
                    "refresh_token",
                    "refresh_token_missing",
                    "refresh_token is missing or too long.",
                )?,
                scope: scope_of(parameters)?,
                resource,
            })),
            Some("client_credentials") => {
                Ok(Self::ClientCredentials(CredentialsRequest { scope: scope_of(parameters)?, resource }))
            }
            Some("urn:ietf:params:oauth:grant-type:device_code") => Ok(Self::Device(DecoupledExchange {
                secret: token(parameters, "device_code", "device_code_missing", "device_code is missing or too long.")?,
                resource,
            })),
            Some("urn:openid:params:grant-type:ciba") => Ok(Self::Ciba(DecoupledExchange {
                secret: token(parameters, "auth_req_id", "auth_req_id_missing", "auth_req_id is missing or too long.")?,
                resource,
            })),
            Some("urn:ietf:params:oauth:grant-type:token-exchange") => {
                Ok(Self::Exchange(TokenExchange::parse(parameters)?))
            }
            // H5: password and implicit among them.
            Some(_) => Err(Error::new(
                ErrorCode::UnsupportedGrantType,
                "grant_type_unsupported",
                "grant_type must be one of grant_types_supported in the discovery document.",
            )),
        }
    }
}

fn token(
    parameters: &Parameters,
    name: &str,
    reason: &'static str,
    description: &'static str,
) -> Result<Secret, Error> {
    let found = parameters.get(name).filter(|value| value.len() <= MAX_TOKEN_BYTES);
    found.map(Secret::from).ok_or_else(|| invalid_request(reason, description))
}

pub(super) fn scope_of(parameters: &Parameters) -> Result<Option<ScopeSet>, Error> {
    let read = parameters.get("scope").map(ScopeSet::parse).transpose();
    read.map_err(|_| {
        Error::new(ErrorCode::InvalidScope, "scope_malformed", "scope holds a character that is not allowed.")
    })
}

/// What is stored of a code, as read in the transaction that consumes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeState {
    /// Whose code it is.
    pub client_id: String,
    /// Where it was sent.
    pub redirect_uri: String,
    /// Whether the authorization request named the address.
    pub redirect_uri_sent: bool,
    /// S256 challenge.
    pub code_challenge: Option<String>,
    /// The resources of the authorization request; empty: it named none.
    pub resource: Vec<String>,
    /// The key that must come with it (RFC 9449 10).
    pub bound_to: Option<Confirmation>,
    /// End of the code's life.
    pub expires_at: Timestamp,
    /// Whether it was exchanged, or burnt, before this request.
    pub used_before: bool,
    /// Whether its grant was ended: revoked, signed out, person or client switched off.
    pub ended: bool,
}

/// What must happen with a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Issue tokens; the code is used now.
    Issue,
    /// The code was used before: end its whole family and answer `invalid_grant` (RFC 6749 4.1.2, B3).
    Replayed,
    /// Refuse.
    Refuse {
        /// The answer.
        error: Error,
        /// Whether the code must be made useless in the same transaction (B1).
        burn: bool,
    },
}

/// The answer to a replayed code or refresh token: the same as to an unknown one.
pub fn replayed() -> Error {
    invalid_grant("replayed", "The code or refresh token is unknown, used, expired or revoked.")
}

/// The answer to a code or refresh token that nothing is stored of.
pub fn unknown() -> Error {
    invalid_grant("unknown_token", "The code or refresh token is unknown, used, expired or revoked.")
}

/// Judges the exchange of a code (RFC 6749 4.1.3). Each of wrong client, wrong address and wrong verifier alone is
/// enough, and then the code is dead: whoever holds it next is no better (B1).
pub fn redeem(
    client: &Client,
    (exchange, held): (&CodeExchange, Option<&Confirmation>),
    code: &CodeState,
    now: Timestamp,
) -> Verdict {
    if code.used_before {
        return Verdict::Replayed;
    }
    if let Err(error) = permitted(client, GrantType::AuthorizationCode) {
        return Verdict::Refuse { error, burn: true };
    }
    match code_fits(client, exchange, code, now).and_then(|()| comes_with(code.bound_to.as_ref(), held)) {
        Ok(()) => Verdict::Issue,
        Err(error) => Verdict::Refuse { error, burn: true },
    }
}

fn code_fits(client: &Client, exchange: &CodeExchange, code: &CodeState, now: Timestamp) -> Result<(), Error> {
    if code.client_id != client.client_id {
        return Err(invalid_grant("code_of_other_client", "The code is unknown, used, expired or revoked."));
    }
    if code.ended {
        return Err(invalid_grant("grant_ended", "The code is unknown, used, expired or revoked."));
    }
    // Judged at use, whether or not a sweeper ran (T5).
    if now >= code.expires_at {
        return Err(invalid_grant("code_expired", "The code is unknown, used, expired or revoked."));
    }
    match &exchange.redirect_uri {
        None if code.redirect_uri_sent => {
            return Err(invalid_grant(
                "redirect_uri_absent",
                "redirect_uri is missing: the authorization request had one.",
            ));
        }
        Some(sent) if *sent != code.redirect_uri => {
            return Err(invalid_grant(
                "redirect_uri_differs",
                "redirect_uri is not that of the authorization request.",
            ));
        }
        _ => {}
    }
    pkce::verify(code.code_challenge.as_deref(), exchange.code_verifier.as_ref())?;
    granted_audience(client, &code.resource, &exchange.resource).map(|_| ())
}

/// RFC 9449 5, 10: what is bound to a key comes with that key.
fn comes_with(bound_to: Option<&Confirmation>, held: Option<&Confirmation>) -> Result<(), Error> {
    if bound_to.is_some() && bound_to != held {
        return Err(invalid_grant("bound_to_other_key", "The code or refresh token is bound to another key."));
    }
    Ok(())
}

fn permitted(client: &Client, grant: GrantType) -> Result<(), Error> {
    if client.disabled {
        return Err(Error::new(ErrorCode::InvalidClient, "client_disabled", "Client authentication failed."));
    }
    if !client.allows_grant(grant) {
        return Err(Error::new(
            ErrorCode::UnauthorizedClient,
            "grant_type_not_registered",
            "The client did not register this grant_type.",
        ));
    }
    Ok(())
}

/// What is stored of a refresh token, as read in the transaction that consumes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshState {
    /// Whose token it is.
    pub client_id: String,
    /// The scope it carries.
    pub scope: ScopeSet,
    /// The resources of the authorization request; empty: it named none.
    pub resource: Vec<String>,
    /// The key that must come with it, where the client cannot prove itself.
    pub bound_to: Option<Confirmation>,
    /// End by inactivity.
    pub expires_at: Timestamp,
    /// Absolute end of the family.
    pub family_expires_at: Timestamp,
    /// Whether this generation was used before this request.
    pub used_before: bool,
    /// Whether the family was ended.
    pub ended: bool,
}

/// What must happen with a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshVerdict {
    /// Issue the next generation, which carries the scope of this one (RFC 6749 6), and an access token.
    Issue {
        /// Scope of the access token: that of the refresh token, or less.
        scope: ScopeSet,
    },
    /// This generation was used before: end the family and answer `invalid_grant` (RFC 9700 4.14.2, E1, E2).
    Replayed,
    /// Refuse.
    Refuse {
        /// The answer.
        error: Error,
        /// Whether the family must be ended in the same transaction: the token is in wrong hands (B1).
        burn: bool,
    },
}

/// Judges the exchange of a refresh token (RFC 6749 6, RFC 9700 4.14.2).
pub fn rotate(
    client: &Client,
    (exchange, held): (&RefreshExchange, Option<&Confirmation>),
    token: &RefreshState,
    now: Timestamp,
) -> RefreshVerdict {
    let refuse = |error, burn| RefreshVerdict::Refuse { error, burn };
    if token.used_before {
        return RefreshVerdict::Replayed;
    }
    if token.client_id != client.client_id {
        return refuse(
            invalid_grant("token_of_other_client", "The refresh token is unknown, used, expired or revoked."),
            true,
        );
    }
    if let Err(error) =
        permitted(client, GrantType::RefreshToken).and_then(|()| comes_with(token.bound_to.as_ref(), held))
    {
        return refuse(error, false);
    }
    if token.ended {
        return refuse(invalid_grant("grant_ended", "The refresh token is unknown, used, expired or revoked."), false);
    }
    if now >= token.expires_at || now >= token.family_expires_at {
        return refuse(
            invalid_grant("refresh_token_expired", "The refresh token is unknown, used, expired or revoked."),
            false,
        );
    }
    if let Err(error) = granted_audience(client, &token.resource, &exchange.resource) {
        return refuse(error, false);
    }
    // What the client may have now may be less than what it had when the person agreed (E5: scope removed).
    let allowed = token.scope.intersection(&client.metadata.scope);
    match &exchange.scope {
        None => RefreshVerdict::Issue { scope: allowed },
        Some(asked) if asked.is_subset(&token.scope) => RefreshVerdict::Issue { scope: asked.intersection(&allowed) },
        Some(_) => refuse(
            Error::new(ErrorCode::InvalidScope, "scope_widened", "scope asks for more than the refresh token carries."),
            false,
        ),
    }
}

/// What an access token of the client-credentials grant carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsGrant {
    /// Scopes: those asked for, or all the client has.
    pub scope: ScopeSet,
    /// Audience: the resources asked for, or all the client may reach.
    pub audience: Vec<String>,
}

/// Judges a client-credentials request (RFC 6749 4.4, RFC 8707 2.2).
///
/// # Errors
/// `unauthorized_client`, `invalid_scope` for more than registered or a scope about a person, `invalid_target`.
pub fn client_credentials(client: &Client, request: &CredentialsRequest) -> Result<CredentialsGrant, Error> {
    permitted(client, GrantType::ClientCredentials)?;
    if client.is_public() {
        return Err(Error::new(
            ErrorCode::UnauthorizedClient,
            "public_client_credentials",
            "A public client has no grant of its own.",
        ));
    }
    let audience = audience(client, &request.resource)?;
    let own = scope::PERSON_SCOPES.iter().fold(client.metadata.scope.clone(), |set, name| set.without(name));
    let scope = match &request.scope {
        None => own,
        Some(asked) if asked.is_subset(&own) => asked.clone(),
        Some(_) => {
            return Err(Error::new(
                ErrorCode::InvalidScope,
                "scope_not_registered",
                "scope asks for more than this client may have for itself.",
            ));
        }
    };
    Ok(CredentialsGrant { scope, audience })
}

/// The resources an access token is for: those asked for, or every one the client registered (RFC 8707 2).
///
/// # Errors
/// `invalid_target` for one it did not register.
pub fn audience(client: &Client, resource: &[String]) -> Result<Vec<String>, Error> {
    if resource.is_empty() {
        return Ok(client.metadata.audience.clone());
    }
    if !resource.iter().all(|asked| client.metadata.audience.contains(asked)) {
        return Err(Error::new(
            ErrorCode::InvalidTarget,
            "resource_not_registered",
            "resource is not one this client may ask for.",
        ));
    }
    let mut audience: Vec<String> = Vec::new();
    for asked in resource {
        if !audience.contains(asked) {
            audience.push(asked.clone());
        }
    }
    Ok(audience)
}

/// The resources of an access token that grows from an authorization: those asked for now, which must be among those of
/// the authorization request, or all of these (RFC 8707 2.2). One that the client may no longer reach is left out.
///
/// # Errors
/// `invalid_target` for one that was not authorized or is not registered.
pub fn granted_audience(client: &Client, granted: &[String], asked: &[String]) -> Result<Vec<String>, Error> {
    if granted.is_empty() {
        return audience(client, asked);
    }
    if !asked.iter().all(|resource| granted.contains(resource)) {
        return Err(Error::new(
            ErrorCode::InvalidTarget,
            "resource_not_granted",
            "resource is not one of the authorization request.",
        ));
    }
    if asked.is_empty() {
        return Ok(granted.iter().filter(|resource| client.metadata.audience.contains(resource)).cloned().collect());
    }
    audience(client, asked)
}

/// The audience of an access token about a person: our issuer, where it opens the userinfo endpoint, and resources.
///
/// # Errors
/// `invalid_target`, as [`granted_audience`].
pub fn audience_with_userinfo(
    client: &Client,
    (granted, asked): (&[String], &[String]),
    issuer: &str,
) -> Result<Vec<String>, Error> {
    let mut named = vec![issuer.to_owned()];
    named.extend(granted_audience(client, granted, asked)?.into_iter().filter(|resource| resource != issuer));
    Ok(named)
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
