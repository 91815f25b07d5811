//! What a sign-in button asks the provider for.

use crate::view::Want;
use serde_json::{Value, json};

const LEVELS: [&str; 4] = ["urn:dinhdanh:acr:1", "urn:dinhdanh:acr:2", "urn:dinhdanh:acr:3", "urn:dinhdanh:acr:4"];
/// The provider's only type of authorization details.
pub(super) const REPRESENTATION: &str = "urn:dinhdanh:representation";
const LEVEL_2_ACCOUNT: [&str; 2] = ["http://eidas.europa.eu/LoA/substantial", "http://eidas.europa.eu/LoA/high"];

/// The wish behind a button of the portal's home page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// At least this authentication level, 1 to 3.
    Level(AuthenticationLevel),
    /// A level 2 account, whatever it takes.
    Account2,
    /// For an organization, where the person may act for one (RFC 9396).
    Organization,
    /// A fresh sign-in although a session exists: `prompt=login`.
    Again,
    /// The same by age: `max_age=0`.
    Age0,
    /// Only if no page need be shown: `prompt=none`.
    Silent,
}

/// The authentication levels a button offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthenticationLevel {
    One,
    Two,
    Three,
}

impl Ask {
    /// From the `want` parameter of `/login` as the page's buttons send it, or its short form `level`; absent means
    /// authentication level 1.
    pub(super) fn parse(wish: Option<&str>) -> Option<Self> {
        let want = match wish.unwrap_or("1") {
            "1" => Want::Level1,
            "2" => Want::Level2,
            "3" => Want::Level3,
            "again" => Want::Fresh,
            "age0" => return Some(Self::Age0),
            other => Want::from_value(other)?,
        };
        Some(match want {
            Want::Level1 => Self::Level(AuthenticationLevel::One),
            Want::Level2 => Self::Level(AuthenticationLevel::Two),
            Want::Level3 => Self::Level(AuthenticationLevel::Three),
            Want::Account2 => Self::Account2,
            Want::Organization => Self::Organization,
            Want::Fresh => Self::Again,
            Want::Silent => Self::Silent,
        })
    }

    /// The `acr` values that satisfy the wish, the least first; empty when any will do.
    pub(super) fn acr_values(self) -> &'static [&'static str] {
        match self {
            Self::Level(AuthenticationLevel::One) => &LEVELS,
            Self::Level(AuthenticationLevel::Two) => LEVELS.get(1..).unwrap_or(&[]),
            Self::Level(AuthenticationLevel::Three) => LEVELS.get(2..).unwrap_or(&[]),
            Self::Account2 => &LEVEL_2_ACCOUNT,
            Self::Organization | Self::Again | Self::Age0 | Self::Silent => &[],
        }
    }

    /// The `authorization_details` request parameter (RFC 9396 2).
    pub(super) fn details_parameter(self) -> Option<Value> {
        (self == Self::Organization).then(|| json!([{ "type": REPRESENTATION }]))
    }

    /// The `claims` request parameter that makes the `acr` essential (OpenID Connect Core 5.5.1.1).
    pub(super) fn claims_parameter(self) -> Option<Value> {
        let values = self.acr_values();
        (!values.is_empty()).then(|| json!({ "id_token": { "acr": { "essential": true, "values": values } } }))
    }

    /// Whether the answer must rest on a sign-in later than the request.
    pub(super) fn needs_fresh_sign_in(self) -> bool {
        matches!(self, Self::Again | Self::Age0)
    }

    /// Whether an answer with this `acr` keeps what was asked (OpenID Connect Core 3.1.3.7, 12).
    pub(super) fn accepts(self, acr: Option<&str>) -> bool {
        let values = self.acr_values();
        values.is_empty() || acr.is_some_and(|acr| values.contains(&acr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_level_is_accepted_and_a_lower_one_refused() {
        let two = Ask::parse(Some("2")).unwrap();
        assert!(two.accepts(Some("urn:dinhdanh:acr:2")));
        assert!(two.accepts(Some("urn:dinhdanh:acr:3")));
        assert!(!two.accepts(Some("urn:dinhdanh:acr:1")));
        assert!(!two.accepts(None));
        assert!(!Ask::Account2.accepts(Some("urn:dinhdanh:acr:4")), "authentication level is not account level");
    }

    #[test]
    fn every_button_of_the_page_is_understood() {
        for want in Want::ALL {
            assert!(Ask::parse(Some(want.value())).is_some(), "{}", want.value());
        }
        assert_eq!(Ask::parse(Some("level2")), Ask::parse(Some("2")));
    }

    #[test]
    fn an_unknown_button_asks_for_nothing() {
        assert_eq!(Ask::parse(Some("5")), None);
        assert_eq!(Ask::parse(Some("")), None);
        assert_eq!(Ask::parse(None), Ask::parse(Some("1")));
    }
}
