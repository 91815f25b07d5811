//! A claim as requests and answers name it: `name`, or with a language `name#vi` (OpenID Connect Core 5.2).

use super::scope::ClaimName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The language and script that the registers keep names in, as tags of BCP 47 say it. There is no other spelling of
/// them here: asked for in another language, a claim is one that we do not have.
const HELD: &[&str] = &["vi", "vi-latn", "vi-vn", "vi-latn-vn"];

/// The languages of claims, as discovery announces them.
pub const LOCALES: &[&str] = &["vi"];

/// Most names that one claim is asked for and answered under.
const MAX_NAMES: usize = 4;

/// A member of a claim set that is about a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimMember {
    claim: ClaimName,
    /// As it was written: whoever asked looks for the member under the name they asked for.
    tag: Option<String>,
}

/// A member that is no claim of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown_claim")]
pub struct UnknownClaim;

impl ClaimMember {
    /// From the name in a request; `None` for what we do not know or do not hold in that language.
    pub fn parse(name: &str) -> Option<Self> {
        match name.split_once('#') {
            None => ClaimName::parse(name).map(Self::from),
            Some((bare, tag)) => {
                let claim = ClaimName::parse(bare).filter(|claim| claim.is_in_a_language())?;
                HELD.iter()
                    .any(|held| tag.eq_ignore_ascii_case(held))
                    .then(|| Self { claim, tag: Some(tag.to_owned()) })
            }
        }
    }

    /// Notes one more member that is asked for, unless it is but another spelling of a tag that is there, or one name too
    /// many: no answer grows with the ways to write a name (S2).
    pub fn note<T>(self, asked: &mut BTreeMap<Self, T>, wish: T) {
        let same: Vec<_> = asked.keys().filter(|other| other.claim == self.claim).map(|other| &other.tag).collect();
        let folded = |tag: &Option<String>| tag.as_ref().map(|tag| tag.to_ascii_lowercase());
        if same.len() < MAX_NAMES && !same.iter().any(|tag| folded(tag) == folded(&self.tag)) {
            asked.insert(self, wish);
        }
    }

    /// Which claim.
    pub const fn claim(&self) -> ClaimName {
        self.claim
    }

    /// Whether a language was named.
    pub const fn is_tagged(&self) -> bool {
        self.tag.is_some()
    }
}

impl From<ClaimName> for ClaimMember {
    fn from(claim: ClaimName) -> Self {
        Self { claim, tag: None }
    }
}

impl fmt::Display for ClaimMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tag {
            None => f.write_str(self.claim.as_str()),
            Some(tag) => write!(f, "{}#{tag}", self.claim),
        }
    }
}

impl TryFrom<String> for ClaimMember {
    type Error = UnknownClaim;
    fn try_from(name: String) -> Result<Self, UnknownClaim> {
        Self::parse(&name).ok_or(UnknownClaim)
    }
}

impl From<ClaimMember> for String {
    fn from(member: ClaimMember) -> Self {
        member.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_spellings_of_a_tag_do_not_multiply_an_answer() {
        let mut asked = BTreeMap::new();
        for name in ["name#vi", "name", "name#VI", "name#Vi", "birthdate", "name#vi-VN", "name#VI-vn", "name#vi-Latn"] {
            ClaimMember::parse(name).unwrap().note(&mut asked, ());
        }
        ClaimMember::parse("name#vi-Latn-VN").unwrap().note(&mut asked, ());
        let names: Vec<String> = asked.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["name", "name#vi", "name#vi-Latn", "name#vi-VN", "birthdate"]);
    }

    #[test]
    fn core_5_2_a_name_is_held_in_vietnamese_only_and_answered_as_it_was_asked_for() {
        for name in ["name", "name#vi", "name#vi-Latn", "name#VI-vn", "name#vi-Latn-VN", "birthdate"] {
            let member = ClaimMember::parse(name).unwrap();
            assert_eq!(member.to_string(), name);
            assert_eq!(serde_json::from_value::<ClaimMember>(name.into()).unwrap(), member);
        }
        for name in ["name#en", "name#vi-Hani", "name#", "name#vi#vi", "birthdate#vi", "nickname", "iss#vi", "#vi"] {
            assert_eq!(ClaimMember::parse(name), None, "{name}");
        }
    }
}
