//! Where an answer may go. A [`ProvedRedirect`] is the only way to redirect, and only this file makes one.

use super::client::{ApplicationType, Client};
use super::error::ShowReason;
use serde::{Deserialize, Serialize};

/// An address that equals one the client registered.
///
/// There is no public way to make one from a text. `Deserialize` exists for one purpose: an
/// [`AuthorizeRequest`](super::authorize::AuthorizeRequest) waits in our own cache while the person signs in, and its
/// address was proved before it was put there. Never deserialize one from anything a browser or client sent (B6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProvedRedirect(String);

impl ProvedRedirect {
    /// Nowhere: the request did not come by a browser, and no browser takes the answer (RFC 8628, CIBA).
    pub(super) const fn nowhere() -> Self {
        Self(String::new())
    }

    /// The address, byte for byte as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Proves the `redirect_uri` of an authorization request.
///
/// RFC 6749 3.1.2.3, RFC 9700 2.1: equal to a registered one byte for byte. RFC 8252 7.3: for a native client's
/// `http://127.0.0.1` or `http://[::1]` only the port may differ. Absent: only when exactly one is registered.
///
/// # Errors
/// The reason to show on our own page; there is nowhere to redirect to.
pub fn prove(sent: Option<&str>, client: &Client) -> Result<ProvedRedirect, ShowReason> {
    let registered = &client.metadata.redirect_uris;
    let Some(sent) = sent else {
        return match registered.as_slice() {
            [only] => Ok(ProvedRedirect(only.clone())),
            _ => Err(ShowReason::MissingRedirectUri),
        };
    };
    let native = client.metadata.application_type == ApplicationType::Native;
    let matches = |uri: &String| uri == sent || (native && differs_in_loopback_port_only(uri, sent));
    if registered.iter().any(matches) {
        Ok(ProvedRedirect(sent.to_owned()))
    } else {
        Err(ShowReason::UnregisteredRedirectUri)
    }
}

/// Proves the `post_logout_redirect_uri` of a logout request (OpenID Connect RP-Initiated Logout 1.0 section 3): equal
/// to a registered one byte for byte, with no exception for ports (I2).
///
/// # Errors
/// The reason to show on our own page.
pub fn prove_post_logout(sent: &str, client: &Client) -> Result<ProvedRedirect, ShowReason> {
    if client.metadata.post_logout_redirect_uris.iter().any(|uri| uri == sent) {
        Ok(ProvedRedirect(sent.to_owned()))
    } else {
        Err(ShowReason::UnregisteredRedirectUri)
    }
}

fn differs_in_loopback_port_only(registered: &str, sent: &str) -> bool {
    match (split_loopback(registered), split_loopback(sent)) {
        (Some(registered), Some(sent)) => registered == sent,
        _ => false,
    }
}

/// Host and everything after the port, or `None` when the text is not exactly a loopback address. Works on the bytes:
/// no URL parser is asked, so none can see another host than the browser does (A1, A5).
fn split_loopback(uri: &str) -> Option<(&'static str, &str)> {
    let (host, rest) = ["http://127.0.0.1", "http://[::1]"]
        .into_iter()
        .find_map(|host| uri.strip_prefix(host).map(|rest| (host, rest)))?;
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(with_port) => {
            let end = with_port.find(|c: char| !c.is_ascii_digit()).unwrap_or(with_port.len());
            let (port, rest) = with_port.split_at(end);
            if port.starts_with('0') || port.parse::<u16>().is_err() {
                return None;
            }
            rest
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::client::tests::client_with;
    use crate::protocol::client::{ApplicationType, ClientMetadata};
    use proptest::prelude::*;

    const REGISTERED: &str = "https://dichvucong.example/dang-nhap?buoc=1";

    fn web() -> Client {
        client_with(|metadata| metadata.redirect_uris = vec![REGISTERED.into()])
    }

    fn native(uris: &[&str]) -> Client {
        client_with(|metadata: &mut ClientMetadata| {
            metadata.application_type = ApplicationType::Native;
            metadata.redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
        })
    }

    #[test]
    fn a1_a3_a6_only_the_registered_bytes_are_proved() {
        let client = web();
        assert_eq!(prove(Some(REGISTERED), &client).unwrap().as_str(), REGISTERED);
        for sent in [
            "https://dichvucong.example@evil.example@dichvucong.example/dang-nhap?buoc=1",
            r"https://dichvucong.example\@evil.example/dang-nhap?buoc=1",
            "https://evil.example#@dichvucong.example/dang-nhap?buoc=1",
            "https://dichvucong.example.evil/dang-nhap?buoc=1",
            "https://dichvucongaexample/dang-nhap?buoc=1",
            "https://dichvucong.example/dang-nhap",
            "https://dichvucong.example/dang-nhap?buoc=1&x=1",
            "https://dichvucong.example/dang-nhap?buoc=1#",
            "https://dichvucong.example:443/dang-nhap?buoc=1",
            "https://DICHVUCONG.example/dang-nhap?buoc=1",
            "https://dichvucong.example//dang-nhap?buoc=1",
            "https://dichvucong.example/dang-nhap?buoc=%31",
            " https://dichvucong.example/dang-nhap?buoc=1",
            "",
        ] {
            assert_eq!(prove(Some(sent), &client), Err(ShowReason::UnregisteredRedirectUri), "{sent}");
        }
    }

    #[test]
    fn a4_a_client_without_addresses_proves_nothing() {
        let client = client_with(|metadata| metadata.redirect_uris.clear());
        assert_eq!(prove(None, &client), Err(ShowReason::MissingRedirectUri));
        assert_eq!(prove(Some(REGISTERED), &client), Err(ShowReason::UnregisteredRedirectUri));
    }

    #[test]
    fn an_absent_address_is_proved_only_when_one_is_registered() {
        assert_eq!(prove(None, &web()).unwrap().as_str(), REGISTERED);
        let two = client_with(|m| m.redirect_uris = vec![REGISTERED.into(), "https://dichvucong.example/b".into()]);
        assert_eq!(prove(None, &two), Err(ShowReason::MissingRedirectUri));
    }

    #[test]
    fn a5_only_the_port_of_a_native_loopback_address_may_differ() {
        let client = native(&["http://127.0.0.1/cb", "http://[::1]:1/cb?a=1"]);
        for sent in
            ["http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", "http://127.0.0.1:1/cb", "http://[::1]:65535/cb?a=1"]
        {
            assert!(prove(Some(sent), &client).is_ok(), "{sent}");
        }
        for sent in [
            "http://127.0.0.1.evil/cb",
            "http://127.0.0.1:80@evil/cb",
            "http://127.0.0.1:80.evil/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:080/cb",
            "http://127.0.0.1:65536/cb",
            "http://127.0.0.1:-1/cb",
            "http://127.0.0.1:+1/cb",
            r"http://127.0.0.1:80\@evil/cb",
            "http://127.0.0.1:80#/cb",
            "http://127.0.0.1:80/cb/",
            "http://127.0.0.1:80/cb?x",
            "http://127.0.0.2:80/cb",
            "http://localhost:80/cb",
            "http://[::1]:80/cb",
            "http://[::1]:80/cb?a=2",
            "http://127.0.0.1:80/cb?a=1",
            "https://127.0.0.1:80/cb",
        ] {
            assert!(prove(Some(sent), &client).is_err(), "{sent}");
        }
    }

    #[test]
    fn a5_what_follows_a_loopback_host_cannot_belong_to_another() {
        assert_eq!(split_loopback("http://127.0.0.1:80/cb"), Some(("http://127.0.0.1", "/cb")));
        assert_eq!(split_loopback("http://[::1]?a"), Some(("http://[::1]", "?a")));
        for uri in
            ["http://127.0.0.1.evil/", "http://127.0.0.1:80@evil/", "http://127.0.0.1@evil/", "http://[::1].evil/"]
        {
            assert_eq!(split_loopback(uri), None, "{uri}");
        }
    }

    #[test]
    fn a5_a_web_clients_loopback_port_is_fixed() {
        let client = client_with(|metadata| metadata.redirect_uris = vec!["http://127.0.0.1:3001/cb".into()]);
        assert!(prove(Some("http://127.0.0.1:3001/cb"), &client).is_ok());
        assert!(prove(Some("http://127.0.0.1:3002/cb"), &client).is_err());
    }

    #[test]
    fn i2_post_logout_addresses_have_no_exception() {
        let client = client_with(|metadata: &mut ClientMetadata| {
            metadata.application_type = ApplicationType::Native;
            metadata.post_logout_redirect_uris =
                vec!["https://rp.example/bye".into(), "http://127.0.0.1:81/bye".into()];
        });
        assert!(prove_post_logout("https://rp.example/bye", &client).is_ok());
        for sent in [r"/\evil", "%2f%5cevil", "//evil", "https://rp.example/bye/", "http://127.0.0.1:82/bye", ""] {
            assert!(prove_post_logout(sent, &client).is_err(), "{sent}");
        }
    }

    /// One edit at a place: insert, delete, replace, double or change case.
    fn edited(text: &str, place: usize, kind: u8, with: char) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        let place = place % letters.len();
        match kind % 6 {
            0 => letters.insert(place, with),
            1 => drop(letters.remove(place)),
            2 => letters[place] = with,
            3 => letters.insert(place, letters[place]),
            4 => {
                letters[place] = if letters[place].is_uppercase() {
                    letters[place].to_ascii_lowercase()
                } else {
                    letters[place].to_ascii_uppercase()
                }
            }
            _ => letters.push(with),
        }
        letters.into_iter().collect()
    }

    proptest! {
        #[test]
        fn a_web_address_equals_only_itself(
            edits in proptest::collection::vec((any::<usize>(), any::<u8>(), any::<char>()), 1..4),
        ) {
            let mutant = edits.iter().fold(REGISTERED.to_owned(), |text, (place, kind, with)| edited(&text, *place, *kind, *with));
            prop_assert_eq!(prove(Some(&mutant), &web()).is_ok(), mutant == REGISTERED);
            let bye = client_with(|m| m.post_logout_redirect_uris = vec![REGISTERED.into()]);
            prop_assert_eq!(prove_post_logout(&mutant, &bye).is_ok(), mutant == REGISTERED);
        }

        #[test]
        fn a_native_loopback_address_equals_only_itself_but_for_the_port(
            edits in proptest::collection::vec((any::<usize>(), any::<u8>(), "[0-9a-z:@/.#?\\\\]"), 1..4),
        ) {
            let registered = "http://127.0.0.1:8080/cb";
            let mutant = edits.iter().fold(registered.to_owned(), |text, (place, kind, with)| {
                edited(&text, *place, *kind, with.chars().next().unwrap())
            });
            if prove(Some(&mutant), &native(&[registered])).is_ok() {
                let seen = url::Url::parse(&mutant).unwrap();
                prop_assert_eq!(seen.host_str(), Some("127.0.0.1"));
                prop_assert_eq!((seen.scheme(), seen.path(), seen.query(), seen.fragment()), ("http", "/cb", None, None));
                prop_assert_eq!((seen.username(), seen.password()), ("", None));
            }
        }
    }
}
