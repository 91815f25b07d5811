//! `[[acr]]`: the values of `acr` and what each asks for.

use serde::Deserialize;

/// One value. A session meets it when every line does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcrValue {
    /// The value in tokens and in discovery.
    pub name: String,
    /// Other spellings accepted in requests.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Lowest identity level: how the person was proven, 0 to 2.
    pub minimum_identity_level: u8,
    /// Lowest authentication level: how the sign-in was done, 1 to 4.
    pub minimum_authentication_level: u8,
    /// A passkey of its first day is not enough.
    #[serde(default)]
    pub needs_settled: bool,
    /// A synced passkey is not enough.
    #[serde(default)]
    pub refuses_synced: bool,
}
