//! What devices (RFC 8628) and decoupled sign-in (CIBA) share: who may use them, the code that is typed in, and the
//! answers to polls.

use super::client::{Client, GrantType};
use super::{Error, ErrorCode};
use crate::base::{Entropy, Secret, Timestamp};
use std::fmt;
use std::time::Duration;

/// How long a device waits at most: a code that lives longer is read to more victims (RFC 8628 5.4, Q1).
pub const DEVICE_LIFETIME: Duration = Duration::from_mins(10);
/// Seconds between two polls, unless they came too fast (RFC 8628 3.2, CIBA 7.3).
pub const INTERVAL_SECONDS: i32 = 5;
/// What every poll that comes too soon adds (RFC 8628 3.5).
const SLOWER_SECONDS: i32 = 5;
/// No client waits longer than that.
const MAX_INTERVAL_SECONDS: i32 = 60;

/// RFC 8628 6.1: twenty letters without vowels, so that no word arises, and none that looks like a digit or another.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;
/// The largest multiple of the alphabet's size in a byte: what lies beyond would make some letters likelier.
const FAIR: u8 = 240;

/// The code that a person types in: eight letters in two groups, 34 bits, of which a network gets five tries
/// (RFC 8628 5.1, 6.1).
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// A fresh code.
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut letters = String::with_capacity(LENGTH);
        while letters.len() < LENGTH {
            let mut byte = [0u8];
            entropy.fill(&mut byte);
            let [byte] = byte;
            if byte < FAIR
                && let Some(letter) = ALPHABET.get(usize::from(byte) % ALPHABET.len())
            {
                letters.push(char::from(*letter));
            }
        }
        Self(letters)
    }

    /// A code as a person typed it: case, spaces and hyphens do not matter. `None` for what cannot be one.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.chars().count() > 32 {
            return None;
        }
        let kept = typed.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '\u{2010}'..='\u{2015}'));
        let letters: String = kept.map(|c| c.to_ascii_uppercase()).collect();
        let whole = letters.len() == LENGTH && letters.bytes().all(|letter| ALPHABET.contains(&letter));
        whole.then_some(Self(letters))
    }

    /// The letters alone, for the index.
    pub fn letters(&self) -> &str {
        &self.0
    }

    /// As it is shown: `WDJB-MJHT`.
    pub fn shown(&self) -> String {
        let (first, second) = self.0.split_at_checked(LENGTH / 2).unwrap_or_default();
        format!("{first}-{second}")
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode")
    }
}

/// A token request by what stands for a code at these doors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoupledExchange {
    /// `device_code` or `auth_req_id`.
    pub secret: Secret,
    /// RFC 8707 2.2: for which resources.
    pub resource: Vec<String>,
}

/// How far a request is, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has decided.
    Waiting,
    /// Given.
    Approved,
    /// Refused.
    Denied,
    /// Nobody decided in time.
    Expired,
}

/// What is stored of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Whose it is.
    pub client_id: String,
    /// How far it is.
    pub progress: Progress,
    /// Until when it can be decided.
    pub expires_at: Timestamp,
    /// Seconds between two polls, as of now.
    pub interval_seconds: i32,
    /// The last poll.
    pub polled_at: Option<Timestamp>,
}

/// What must happen with a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// Redeem the grant.
    Redeem,
    /// Note the poll with this interval, then refuse.
    Wait {
        /// `authorization_pending` or `slow_down`.
        error: Error,
        /// Seconds until the next one.
        interval_seconds: i32,
    },
    /// End it for good, then refuse.
    Expire(Error),
    /// Refuse.
    Refuse(Error),
}

/// RFC 8628 3.5, CIBA 11.
pub const EXPIRED: Error =
    Error::new(ErrorCode::ExpiredToken, "decoupled_expired", "Nobody decided in time. Begin again.");
/// RFC 8628 3.5, CIBA 11: the person said no, or may not sign in any more (E9).
pub const DENIED: Error = Error::new(ErrorCode::AccessDenied, "decoupled_denied", "The request was refused.");

fn pending() -> Error {
    Error::new(ErrorCode::AuthorizationPending, "authorization_pending", "The person has not decided yet.")
}

fn slow_down() -> Error {
    Error::new(ErrorCode::SlowDown, "polled_too_fast", "Ask less often: five seconds are added to the interval.")
}

/// Judges a poll (RFC 8628 3.4, 3.5; CIBA 10.1, 11). What another client asked for is unknown to this one.
pub fn poll(client: &Client, grant: GrantType, asked: &Asked, now: Timestamp) -> Poll {
    if client.disabled || !client.allows_grant(grant) {
        return Poll::Refuse(Error::new(
            ErrorCode::UnauthorizedClient,
            "grant_type_not_registered",
            "The client did not register this grant_type.",
        ));
    }
    if asked.progress == Progress::Approved {
        // Whose it is, is judged where it is consumed: in wrong hands it ends (B1).
        return Poll::Redeem;
    }
    if asked.client_id != client.client_id {
        return Poll::Refuse(super::token::unknown());
    }
    match asked.progress {
        Progress::Denied => Poll::Refuse(DENIED),
        Progress::Expired => Poll::Refuse(EXPIRED),
        _ if now >= asked.expires_at => Poll::Expire(EXPIRED),
        _ => wait(asked, now),
    }
}

fn wait(asked: &Asked, now: Timestamp) -> Poll {
    let interval = Duration::from_secs(u64::from(asked.interval_seconds.unsigned_abs()));
    // Networks are not clocks: a poll that was sent in time may come a little early after the one before.
    let fast = asked.polled_at.is_some_and(|last| now.plus(Duration::from_millis(500)) < last.plus(interval));
    if fast {
        let interval_seconds = asked.interval_seconds.saturating_add(SLOWER_SECONDS).min(MAX_INTERVAL_SECONDS);
        Poll::Wait { error: slow_down(), interval_seconds }
    } else {
        Poll::Wait { error: pending(), interval_seconds: asked.interval_seconds }
    }
}

/// Judges the redemption of what was approved, as [`super::token::redeem`] judges a code.
pub fn redeem(
    client: &Client,
    exchange: &DecoupledExchange,
    code: &super::token::CodeState,
    now: Timestamp,
) -> super::token::Verdict {
    use super::token::{Verdict, granted_audience, unknown};
    let burn = |error| Verdict::Refuse { error, burn: true };
    if code.used_before {
        return Verdict::Replayed;
    }
    if code.client_id != client.client_id {
        return burn(Error { reason: "decoupled_of_other_client", ..unknown() });
    }
    if code.ended {
        return burn(DENIED);
    }
    if now >= code.expires_at {
        return burn(EXPIRED);
    }
    match granted_audience(client, &code.resource, &exchange.resource) {
        Ok(_) => Verdict::Issue,
        Err(error) => burn(error),
    }
}

/// Q1: where the highest sign-in levels are asked for, nobody signs in by a code that somebody may have read to them.
pub const TOO_HIGH_FOR_A_DEVICE: Error = Error::new(
    ErrorCode::UnauthorizedClient,
    "device_level",
    "A sign-in of this level is not given to another device (RFC 8628 5.4): use authorization_code.",
);

/// Whether the client may ask from a device at all.
///
/// # Errors
/// `unauthorized_client`.
pub fn may_ask_from_a_device(client: &Client) -> Result<(), Error> {
    let refused =
        |reason, description: &'static str| Err(Error::new(ErrorCode::UnauthorizedClient, reason, description));
    if !client.allows_grant(GrantType::DeviceCode) {
        let description = "The client did not register urn:ietf:params:oauth:grant-type:device_code.";
        return refused("grant_type_not_registered", description);
    }
    // A10, RFC 9101 10.5: who signs its requests signs them at every door, and here there is no way to.
    if client.must_sign_requests() {
        let description = "This client signs its requests, which a device cannot: use authorization_code.";
        return refused("request_not_signed", description);
    }
    // FAPI 2.0 Security Profile 5.3.2.2: people are asked in a browser, by a pushed request.
    if client.metadata.doors.profile.is_some() {
        let description = "A client of a FAPI profile cannot ask from a device: use authorization_code.";
        return refused("profile_grant", description);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SystemEntropy;
    use crate::protocol::client::tests::client_with;
    use crate::protocol::client::{ClientMetadata, Profile};
    use std::collections::BTreeSet;

    /// A10: each rule refuses alone.
    #[test]
    fn a10_who_may_ask_from_a_device() {
        let judged = |change: fn(&mut ClientMetadata)| {
            let client = client_with(|m| {
                m.grant_types = vec![GrantType::DeviceCode];
                change(m);
            });
            may_ask_from_a_device(&client).map_err(|error| error.reason)
        };
        assert_eq!(judged(|_| {}), Ok(()));
        assert_eq!(judged(|m| m.grant_types = vec![GrantType::AuthorizationCode]), Err("grant_type_not_registered"));
        assert_eq!(judged(|m| m.doors.require_signed_request_object = true), Err("request_not_signed"));
        assert_eq!(judged(|m| m.doors.profile = Some(Profile::Fapi2Security)), Err("profile_grant"));
    }

    #[test]
    fn q1_codes_are_eight_letters_that_nobody_confuses() {
        let mut seen = BTreeSet::new();
        for _ in 0..4_000 {
            let code = UserCode::new(&SystemEntropy);
            assert!(code.shown().len() == 9 && UserCode::parse(&code.shown()).as_ref() == Some(&code));
            seen.extend(code.letters().chars());
            assert!(!code.shown().contains(['A', 'E', 'I', 'O', 'U', 'Y', '0', '1']), "{}", code.shown());
        }
        assert_eq!(seen.len(), ALPHABET.len(), "every letter is drawn");
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        for typed in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "WDJB–MJHT", "w.d.j.b.m.j.h.t"] {
            assert_eq!(UserCode::parse(typed).unwrap().letters(), "WDJBMJHT", "{typed}");
        }
        let long = "W".repeat(40);
        for wrong in ["", "WDJB-MJH", "WDJB-MJHTT", "WDJA-MJHT", "WDJB-MJH0", "ĐDJB-MJHT", &long] {
            assert!(UserCode::parse(wrong).is_none(), "{wrong}");
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn waiting() -> Asked {
        Asked {
            client_id: "portal".into(),
            progress: Progress::Waiting,
            expires_at: at(600),
            interval_seconds: 5,
            polled_at: None,
        }
    }

    fn device() -> Client {
        client_with(|m| m.grant_types.push(GrantType::DeviceCode))
    }

    fn code(poll: &Poll) -> Option<ErrorCode> {
        match poll {
            Poll::Redeem => None,
            Poll::Wait { error, .. } | Poll::Expire(error) | Poll::Refuse(error) => Some(error.code),
        }
    }

    #[test]
    fn polls_are_answered_by_the_rfc() {
        let ask = |asked: &Asked, now| poll(&device(), GrantType::DeviceCode, asked, at(now));
        assert_eq!(code(&ask(&waiting(), 1)), Some(ErrorCode::AuthorizationPending));
        assert!(matches!(ask(&waiting(), 600), Poll::Expire(error) if error.code == ErrorCode::ExpiredToken));
        for (progress, expected) in [
            (Progress::Denied, Some(ErrorCode::AccessDenied)),
            (Progress::Expired, Some(ErrorCode::ExpiredToken)),
            (Progress::Approved, None),
        ] {
            assert_eq!(code(&ask(&Asked { progress, ..waiting() }, 1)), expected);
        }
        let other = Asked { client_id: "other".into(), ..waiting() };
        assert_eq!(code(&ask(&other, 1)), Some(ErrorCode::InvalidGrant));
        let denied = Asked { progress: Progress::Denied, ..other };
        assert_eq!(code(&ask(&denied, 1)), Some(ErrorCode::InvalidGrant), "nothing is told of another's");
        let asked = poll(&client_with(|_| {}), GrantType::DeviceCode, &waiting(), at(1));
        assert_eq!(code(&asked), Some(ErrorCode::UnauthorizedClient));
    }

    #[test]
    fn slow_down_adds_five_seconds_each_time() {
        let mut asked = Asked { polled_at: Some(at(10)), ..waiting() };
        for (now, expected, interval) in [
            (15, ErrorCode::AuthorizationPending, 5),
            (16, ErrorCode::SlowDown, 10),
            (20, ErrorCode::SlowDown, 15),
            (35, ErrorCode::AuthorizationPending, 15),
        ] {
            let Poll::Wait { error, interval_seconds } = poll(&device(), GrantType::DeviceCode, &asked, at(now)) else {
                panic!("{now}");
            };
            assert_eq!((error.code, interval_seconds), (expected, interval), "{now}");
            asked = Asked { interval_seconds, polled_at: Some(at(now)), ..asked };
        }
        let slow = Asked { interval_seconds: 60, ..asked };
        assert!(matches!(
            poll(&device(), GrantType::DeviceCode, &slow, at(36)),
            Poll::Wait { interval_seconds: 60, .. }
        ));
    }
}
