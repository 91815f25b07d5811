//! Scopes, the claims they stand for, and what may be released.

use super::claims_request::ClaimsRequest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// OpenID Connect Core 3.1.2.1: without it a request is plain OAuth 2.0.
pub const OPENID: &str = "openid";
/// Name, birth date, gender (OpenID Connect Core 5.4, the part we hold).
pub const PROFILE: &str = "profile";
/// Phone number and whether it was confirmed.
pub const PHONE: &str = "phone";
/// E-mail address and whether it was confirmed.
pub const EMAIL: &str = "email";
/// The personal number (our extension).
pub const PERSONAL_NUMBER: &str = "personal_number";
/// Identity and authentication level at the userinfo endpoint (our extension); the ID token always states them.
pub const LEVELS: &str = "levels";
/// OpenID Connect Core 11: a refresh token that outlives the session.
pub const OFFLINE_ACCESS: &str = "offline_access";

/// Scopes that only make sense where a person signed in.
pub const PERSON_SCOPES: &[&str] = &[OPENID, PROFILE, PHONE, EMAIL, PERSONAL_NUMBER, LEVELS, OFFLINE_ACCESS];

/// Most bytes of one scope.
const MAX_SCOPE_BYTES: usize = 128;
/// Most scopes in one set.
const MAX_SCOPES: usize = 64;

/// A set of scopes: lawful, unique, written in one order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeSet(BTreeSet<String>);

/// A text that is not a list of scopes of RFC 6749 3.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed_scope")]
pub struct MalformedScope;

impl ScopeSet {
    /// Reads scopes parted by single or several spaces.
    ///
    /// # Errors
    /// [`MalformedScope`] for a character outside RFC 6749 3.3, a scope over 128 bytes or more than 64 of them.
    pub fn parse(text: &str) -> Result<Self, MalformedScope> {
        let mut set = BTreeSet::new();
        for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
            if scope.len() > MAX_SCOPE_BYTES || !scope.bytes().all(is_scope_character) {
                return Err(MalformedScope);
            }
            set.insert(scope.to_owned());
        }
        if set.len() > MAX_SCOPES { Err(MalformedScope) } else { Ok(Self(set)) }
    }

    /// Whether `scope` is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every scope of `self` is in `other` too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// What both hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The set without `scope`.
    #[must_use]
    pub fn without(mut self, scope: &str) -> Self {
        self.0.remove(scope);
        self
    }

    /// Every scope, in the order of the alphabet.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The claims these scopes ask for.
    pub fn claims(&self) -> BTreeSet<ClaimName> {
        self.iter().flat_map(claims_of_scope).copied().collect()
    }
}

/// RFC 6749 3.3: %x21 / %x23-5B / %x5D-7E.
const fn is_scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for ScopeSet {
    type Error = MalformedScope;
    fn try_from(text: String) -> Result<Self, MalformedScope> {
        Self::parse(&text)
    }
}

impl From<ScopeSet> for String {
    fn from(set: ScopeSet) -> Self {
        set.to_string()
    }
}

macro_rules! claim_names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A claim about a person that can be released. A closed list: protocol members such as `sub`, `acr` or the two
        /// levels are not in it, so nothing released can ever overwrite them (H3).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ClaimName {
            $($(#[$doc])* $name,)*
        }

        impl ClaimName {
            /// Every claim.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in tokens and requests.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

claim_names! {
    /// Full name, as the register writes it (OpenID Connect Core 5.1).
    Name = "name";
    /// `YYYY-MM-DD`, or `YYYY` where only the year is known (OpenID Connect Core 5.1).
    Birthdate = "birthdate";
    /// `male` or `female`; absent when the register does not say.
    Gender = "gender";
    /// E.164.
    PhoneNumber = "phone_number";
    /// Whether a code sent to the number came back.
    PhoneNumberVerified = "phone_number_verified";
    /// E-mail address.
    Email = "email";
    /// Whether a code sent to the address came back.
    EmailVerified = "email_verified";
    /// Twelve digits: an attribute that can change, never a key.
    PersonalNumber = "personal_number";
}

impl ClaimName {
    /// What the population register confirmed, and all that verified claims can hold.
    pub const OF_REGISTER: &'static [Self] = &[Self::Name, Self::Birthdate, Self::Gender, Self::PersonalNumber];

    /// Whether the population register vouches for it.
    pub fn is_of_register(self) -> bool {
        Self::OF_REGISTER.contains(&self)
    }

    /// Whether its value is written in some language (OpenID Connect Core 5.2).
    pub const fn is_in_a_language(self) -> bool {
        matches!(self, Self::Name)
    }

    /// From the name in tokens and requests.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|claim| claim.as_str() == name)
    }
}

impl fmt::Display for ClaimName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The claims one scope stands for; none for scopes that are not about a person's data.
pub fn claims_of_scope(scope: &str) -> &'static [ClaimName] {
    match scope {
        PROFILE => &[ClaimName::Name, ClaimName::Birthdate, ClaimName::Gender],
        PHONE => &[ClaimName::PhoneNumber, ClaimName::PhoneNumberVerified],
        EMAIL => &[ClaimName::Email, ClaimName::EmailVerified],
        PERSONAL_NUMBER => &[ClaimName::PersonalNumber],
        _ => &[],
    }
}

/// What may leave after an authorization, by the place it may leave from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Release {
    /// Claims in the ID token: only those the `claims` parameter asks for there.
    pub id_token: BTreeSet<ClaimName>,
    /// Claims at the userinfo endpoint: those of the scopes and of the `claims` parameter.
    pub userinfo: BTreeSet<ClaimName>,
    /// Claims within `verified_claims`, in whichever place they were asked for.
    #[serde(default)]
    pub verified: BTreeSet<ClaimName>,
}

impl Release {
    /// Narrows a request to what a sharing agreement names (architecture 5.7): never more than
    /// agreement ∩ (scopes ∪ `claims`).
    pub fn under_agreement(scope: &ScopeSet, request: &ClaimsRequest, agreement: &BTreeSet<ClaimName>) -> Self {
        let of_scope = scope.claims();
        Self {
            id_token: request.id_token.keys().filter(|claim| agreement.contains(claim)).copied().collect(),
            userinfo: of_scope
                .iter()
                .chain(request.userinfo.keys())
                .filter(|c| agreement.contains(c))
                .copied()
                .collect(),
            verified: request.verified_claims().filter(|claim| agreement.contains(claim)).collect(),
        }
    }

    /// Drops what the person refused.
    #[must_use]
    pub fn without(mut self, refused: &BTreeSet<ClaimName>) -> Self {
        self.id_token.retain(|claim| !refused.contains(claim));
        self.userinfo.retain(|claim| !refused.contains(claim));
        self.verified.retain(|claim| !refused.contains(claim));
        self
    }

    /// Everything that may leave, by whatever way: what a consent page has to show.
    pub fn all(&self) -> BTreeSet<ClaimName> {
        [&self.id_token, &self.userinfo, &self.verified].into_iter().flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::verified_claims::{self, VerifiedClaimsRequest};
    use proptest::prelude::*;
    use proptest::sample::subsequence;
    use std::collections::BTreeMap;

    #[test]
    fn scopes_are_a_set_in_one_order() {
        let set = ScopeSet::parse("profile  openid profile").unwrap();
        assert_eq!(set.to_string(), "openid profile");
        assert_eq!(serde_json::to_value(&set).unwrap(), "openid profile");
        assert_eq!(serde_json::from_value::<ScopeSet>("openid profile".into()).unwrap(), set);
        assert!(ScopeSet::parse("").unwrap().is_empty());
    }

    #[test]
    fn scopes_outside_the_alphabet_or_the_limits_are_refused() {
        let many: Vec<String> = (0..65).map(|i| format!("s{i}")).collect();
        for text in ["a\"b", "a\\b", "a\tb", "đ", &"a".repeat(129), &many.join(" ")] {
            assert_eq!(ScopeSet::parse(text), Err(MalformedScope), "{text}");
        }
        assert!(serde_json::from_value::<ScopeSet>("a\"".into()).is_err());
    }

    #[test]
    fn claim_names_are_written_as_in_tokens() {
        for claim in ClaimName::ALL {
            assert_eq!(serde_json::to_value(claim).unwrap(), claim.as_str());
            assert_eq!(ClaimName::parse(claim.as_str()), Some(*claim));
        }
    }

    #[test]
    fn every_claim_belongs_to_exactly_one_scope() {
        let of_scopes: Vec<ClaimName> =
            PERSON_SCOPES.iter().flat_map(|scope| claims_of_scope(scope)).copied().collect();
        assert_eq!(of_scopes.len(), ClaimName::ALL.len());
        assert_eq!(of_scopes.into_iter().collect::<BTreeSet<_>>(), ClaimName::ALL.iter().copied().collect());
        assert!(claims_of_scope("address").is_empty());
    }

    #[test]
    fn h3_no_scope_reaches_a_protocol_member() {
        for name in [
            "iss",
            "sub",
            "aud",
            "exp",
            "acr",
            "amr",
            "roles",
            "identity_level",
            "authentication_level",
            "sid",
            "nonce",
        ] {
            assert_eq!(ClaimName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn without_an_agreement_nothing_leaves() {
        let scope = ScopeSet::parse("openid profile phone email personal_number").unwrap();
        assert_eq!(Release::under_agreement(&scope, &ClaimsRequest::default(), &BTreeSet::new()), Release::default());
    }

    fn some_claims() -> impl Strategy<Value = BTreeSet<ClaimName>> {
        subsequence(ClaimName::ALL.to_vec(), 0..=ClaimName::ALL.len()).prop_map(|claims| claims.into_iter().collect())
    }

    fn verified(claims: &BTreeSet<ClaimName>) -> Vec<VerifiedClaimsRequest> {
        let wishes: serde_json::Map<_, _> =
            claims.iter().map(|claim| (claim.to_string(), serde_json::Value::Null)).collect();
        let request = serde_json::json!({ "verification": { "trust_framework": null }, "claims": wishes });
        verified_claims::parse(&request).unwrap_or_default()
    }

    fn essential(claims: &BTreeSet<ClaimName>) -> BTreeMap<ClaimName, bool> {
        claims.iter().map(|claim| (*claim, true)).collect()
    }

    proptest! {
        #[test]
        fn release_never_adds(
            scopes in subsequence(PERSON_SCOPES.to_vec(), 0..=PERSON_SCOPES.len()),
            id_token in some_claims(),
            userinfo in some_claims(),
            of_register in some_claims(),
            agreement in some_claims(),
            refused in some_claims(),
        ) {
            let scope = ScopeSet::parse(&scopes.join(" ")).unwrap();
            let request = ClaimsRequest {
                id_token: essential(&id_token),
                userinfo: essential(&userinfo),
                userinfo_verified: verified(&of_register),
                ..ClaimsRequest::default()
            };
            let release = Release::under_agreement(&scope, &request, &agreement);
            let asked: BTreeSet<ClaimName> = scope.claims().union(&userinfo).copied().collect();
            prop_assert!(release.id_token.is_subset(&agreement) && release.id_token.is_subset(&id_token));
            prop_assert!(release.userinfo.is_subset(&agreement) && release.userinfo.is_subset(&asked));
            // Nor does it lose what is asked for and agreed.
            prop_assert_eq!(&release.userinfo, &asked.intersection(&agreement).copied().collect());
            prop_assert_eq!(&release.id_token, &id_token.intersection(&agreement).copied().collect());
            let known: BTreeSet<ClaimName> = of_register.iter().filter(|c| c.is_of_register()).copied().collect();
            prop_assert_eq!(&release.verified, &known.intersection(&agreement).copied().collect());
            prop_assert!(release.verified.is_subset(&release.all()));
            let kept = release.clone().without(&refused);
            prop_assert!(kept.all().is_subset(&release.all()) && kept.all().is_disjoint(&refused));
        }

        #[test]
        fn a_narrowed_scope_is_in_both(a in "[a-d ]{0,12}", b in "[a-d ]{0,12}") {
            let (a, b) = (ScopeSet::parse(&a).unwrap(), ScopeSet::parse(&b).unwrap());
            let both = a.intersection(&b);
            prop_assert!(both.is_subset(&a) && both.is_subset(&b));
            prop_assert_eq!(ScopeSet::parse(&both.to_string()).unwrap(), both);
        }
    }
}
