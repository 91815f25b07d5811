//! What a grant carries beyond its scope: kept with it as one JSON object, so that a newer version may add members.

use super::claims_request::ExactClaims;
use super::confirmation::Confirmation;
use super::verified_claims::VerifiedClaimsRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// The terms of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantTerms {
    /// The key that must come with the code: `dpop_jkt`, or the key of the proof at the pushed request (RFC 9449 10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_bound_to: Option<Confirmation>,
    /// CIBA 7.3: goes into the ID token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_req_id: Option<String>,
    /// [`AskedDetails`], sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_details: Option<SealedDetails>,
}

/// How claims were asked for, where not simply by their names. It may hold the values of persons' claims, numbers among
/// them, and is written down sealed only (K5).
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AskedDetails {
    /// Plain claims in the ID token.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token_exact: ExactClaims,
    /// Plain claims at the userinfo endpoint.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo_exact: ExactClaims,
    /// `verified_claims` for the ID token, as far as agreement and person let them out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub id_token_verified: Vec<VerifiedClaimsRequest>,
    /// `verified_claims` for the userinfo endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub userinfo_verified: Vec<VerifiedClaimsRequest>,
}

/// Says nothing of what it holds (I17).
impl std::fmt::Debug for AskedDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AskedDetails").finish_non_exhaustive()
    }
}

/// Sealed bytes, base64url in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedDetails(pub Vec<u8>);

impl Serialize for SealedDetails {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for SealedDetails {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        URL_SAFE_NO_PAD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}
