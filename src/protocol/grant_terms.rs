//! What a grant carries beyond its scope: kept with it as one JSON object, so that a newer version may add members.

use super::claims_request::ExactClaims;
use super::confirmation::Confirmation;
use super::verified_claims::VerifiedClaimsRequest;
use serde::{Deserialize, Serialize};
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
    /// How plain claims were asked for in the ID token, where not simply by their name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token_exact: ExactClaims,
    /// The same for the userinfo endpoint.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo_exact: ExactClaims,
    /// `verified_claims` for the ID token, as far as agreement and person let them out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub id_token_verified: Vec<VerifiedClaimsRequest>,
    /// `verified_claims` for the userinfo endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub userinfo_verified: Vec<VerifiedClaimsRequest>,
}
