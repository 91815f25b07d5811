//! The two forms of access tokens: signed, for whoever has our keys (RFC 9068), and opaque, which nobody but us can read.
//! Both say the same and are judged alike ([`super::bearer_token`]).

use super::keys::Ring;
use super::{Fault, Outcome, Services, token};
use crate::base::Timestamp;
use crate::crypto::Expect;
use crate::protocol::client::{AccessTokenFormat, Client};
use crate::protocol::jws;
use crate::protocol::jwt_claims::{AccessToken, TokenKind};
use crate::protocol::strict_json::{self, Limits};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::time::Duration;

/// Begins every opaque access token, and nothing else: kinds of secrets are told apart before anything is opened.
const PREFIX: &str = "dda_";
const PURPOSE: &str = "access_token";
/// Most characters of one.
const MOST: usize = 8 * 1024;
/// As deep as a chain of agencies and a representation can be.
const LIMITS: Limits = Limits { depth: 8, values: 300 };

/// Writes a token in the form that the client chose.
pub(super) fn write(services: &Services, client: &Client, access: &AccessToken) -> Outcome<String> {
    let claims = access.claims();
    match client.metadata.doors.access_token_format {
        AccessTokenFormat::Jwt => {
            token::sign(services, client.access_token_algorithm().as_str(), TokenKind::AccessToken, claims)
        }
        AccessTokenFormat::Opaque => {
            let mut lot = [0u8; 16];
            services.entropy.fill(&mut lot);
            let text = Value::Object(claims).to_string();
            let sealed = services.sealer.seal_apart(PURPOSE, &lot, text.as_bytes()).map_err(Fault::internal)?;
            Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([lot.as_slice(), &sealed].concat())))
        }
    }
}

/// Reads a token of ours in either form, in its time. `None` for anything else.
pub(super) fn read(services: &Services, ring: &Ring, presented: &str, now: Timestamp) -> Option<AccessToken> {
    let typ = TokenKind::AccessToken.typ();
    let claims = match presented.strip_prefix(PREFIX) {
        Some(sealed) => open(services, sealed, now)?,
        None => {
            let leeway = Duration::ZERO;
            let expect = Expect { typ, issuer: services.issuer(), audience: None, now, leeway, allow_expired: false };
            ring.keys.verify(presented, &expect).ok()?
        }
    };
    let mut header = Map::new();
    header.insert("typ".to_owned(), Value::from(typ));
    AccessToken::read(&jws::Unverified { header, claims }, services.issuer(), now).ok()
}

/// What is inside; of the future, after a clock was set back, is nothing (I15).
fn open(services: &Services, sealed: &str, now: Timestamp) -> Option<Map<String, Value>> {
    if sealed.len() > MOST {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (lot, sealed) = bytes.split_first_chunk::<16>()?;
    let plain = services.sealer.open_apart(PURPOSE, lot, sealed).ok()?;
    let claims = strict_json::parse_object(std::str::from_utf8(&plain).ok()?, LIMITS).ok()?;
    claims.get("iat").and_then(jws::numeric_date).filter(|issued_at| *issued_at <= now.seconds())?;
    Some(claims)
}
