//! How sure a sign-in is: methods, authentication levels and the acr values that name them.
//!
//! Two scales, never one: [`IdentityLevel`] is how the person was proven, [`AuthenticationLevel`] how this sign-in was
//! done. Levels 3 and 4 need biometric information from a named authority and cannot be reached by these methods.

use super::{AuthenticationLevel, IdentityLevel};
use serde::{Deserialize, Serialize};

/// A proof given in a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A code sent by SMS.
    SmsCode,
    /// A code read out in a call.
    VoiceCode,
    /// A code of an authenticator app (RFC 6238).
    Totp,
    /// A password.
    Password,
    /// A WebAuthn assertion.
    Passkey {
        /// The authenticator verified its user (flag UV); without it the passkey is one factor.
        user_verified: bool,
        /// The credential is backed up and may be on other devices (flag BS).
        synced: bool,
        /// Its first day has passed (see `credential_policy::settles_at`).
        settled: bool,
    },
    /// A printed code, each good for one use.
    RecoveryCode,
}

impl Method {
    /// Whether it proves something known; every other method proves something owned.
    const fn is_knowledge(self) -> bool {
        matches!(self, Self::Password)
    }
}

/// The authentication level of a set of proofs (Decree 69/2024 art. 20); `None` without any proof.
///
/// Two factors of different kinds make level 2: a password with something owned, or a passkey that verified its user.
/// Two codes are both possession and stay at level 1.
pub fn authentication_level(methods: &[Method]) -> Option<AuthenticationLevel> {
    if methods.is_empty() {
        return None;
    }
    let verified = methods.iter().any(|m| matches!(m, Method::Passkey { user_verified: true, .. }));
    let known = methods.iter().any(|m| m.is_knowledge());
    let owned = methods.iter().any(|m| !m.is_knowledge());
    Some(if verified || (known && owned) { AuthenticationLevel::Two } else { AuthenticationLevel::One })
}

/// The `amr` values of a set of proofs (RFC 8176 2), each once, in a fixed order.
pub fn amr(methods: &[Method]) -> Vec<&'static str> {
    let has = |wanted: fn(&Method) -> bool| methods.iter().any(wanted);
    let mfa = authentication_level(methods) >= Some(AuthenticationLevel::Two);
    let values = [
        ("pwd", has(|m| matches!(m, Method::Password))),
        ("sms", has(|m| matches!(m, Method::SmsCode))),
        ("tel", has(|m| matches!(m, Method::VoiceCode))),
        ("otp", has(|m| matches!(m, Method::Totp | Method::RecoveryCode))),
        ("hwk", has(|m| matches!(m, Method::Passkey { synced: false, .. }))),
        ("swk", has(|m| matches!(m, Method::Passkey { synced: true, .. }))),
        ("user", has(|m| matches!(m, Method::Passkey { user_verified: true, .. }))),
        ("mfa", mfa),
    ];
    values.into_iter().filter(|(_, used)| *used).map(|(value, _)| value).collect()
}

/// What was proven in a session, or could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Achieved {
    /// How the person was proven.
    pub identity_level: IdentityLevel,
    /// How the sign-in was done.
    pub authentication_level: AuthenticationLevel,
    /// The level does not rest on a passkey of its first day.
    pub settled: bool,
    /// The level rests on a passkey that may be on other devices.
    pub synced: bool,
}

impl Achieved {
    /// What a set of proofs achieves; `None` without any proof. Whether the level rests on an unsettled or synced
    /// passkey is found by leaving it out.
    pub fn by(identity_level: IdentityLevel, methods: &[Method]) -> Option<Self> {
        let level = authentication_level(methods)?;
        let level_without = |left_out: fn(&Method) -> bool| {
            let rest: Vec<Method> = methods.iter().copied().filter(|m| !left_out(m)).collect();
            authentication_level(&rest)
        };
        let settled = level_without(|m| matches!(m, Method::Passkey { settled: false, .. })) == Some(level);
        let synced = level_without(|m| matches!(m, Method::Passkey { synced: true, .. })) != Some(level);
        Some(Self { identity_level, authentication_level: level, settled, synced })
    }

    /// What a stored session has proven. Its `amr` does not say which of two passkeys verified its user, so a session
    /// with both kinds counts as resting on the synced one.
    pub fn of_session(
        identity_level: IdentityLevel,
        authentication_level: AuthenticationLevel,
        settled: bool,
        amr: &[String],
    ) -> Self {
        let has = |value: &str| amr.iter().any(|v| v == value);
        let code = has("sms") || has("tel") || has("otp");
        let holds_without = if authentication_level == AuthenticationLevel::One {
            has("pwd") || code || has("hwk")
        } else {
            has("pwd") && (code || has("hwk"))
        };
        Self { identity_level, authentication_level, settled, synced: has("swk") && !holds_without }
    }

    /// The best that any one of several ways to sign in would achieve: highest level, then settled, then not synced.
    /// `None` when there is no way.
    pub fn best_of(identity_level: IdentityLevel, ways: &[&[Method]]) -> Option<Self> {
        ways.iter()
            .filter_map(|methods| Self::by(identity_level, methods))
            .max_by_key(|a| (a.authentication_level, a.settled, !a.synced))
    }
}

/// What an acr value demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// At least this identity level.
    pub minimum_identity_level: IdentityLevel,
    /// At least this authentication level.
    pub minimum_authentication_level: AuthenticationLevel,
    /// A passkey in its first day does not do.
    #[serde(default)]
    pub needs_settled: bool,
    /// A passkey that may be on other devices does not do (eIDAS high: resists duplication).
    #[serde(default)]
    pub refuses_synced: bool,
}

impl Requirement {
    /// Both levels at their lowest.
    pub const NONE: Self = Self {
        minimum_identity_level: IdentityLevel::Zero,
        minimum_authentication_level: AuthenticationLevel::One,
        needs_settled: false,
        refuses_synced: false,
    };

    fn authentication_satisfied(&self, achieved: &Achieved) -> bool {
        achieved.authentication_level >= self.minimum_authentication_level
            && (achieved.settled || !self.needs_settled)
            && !(achieved.synced && self.refuses_synced)
    }

    /// Whether both levels and the conditions are met.
    pub fn satisfied(&self, achieved: &Achieved) -> bool {
        achieved.identity_level >= self.minimum_identity_level && self.authentication_satisfied(achieved)
    }

    /// The stricter of both in every part.
    fn and(&self, other: &Self) -> Self {
        Self {
            minimum_identity_level: self.minimum_identity_level.max(other.minimum_identity_level),
            minimum_authentication_level: self.minimum_authentication_level.max(other.minimum_authentication_level),
            needs_settled: self.needs_settled || other.needs_settled,
            refuses_synced: self.refuses_synced || other.refuses_synced,
        }
    }
}

/// A row of the acr table, as configuration gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcrDefinition {
    /// The value as announced in discovery (`acr_values_supported`).
    pub name: String,
    /// Other spellings accepted in requests.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it demands.
    #[serde(flatten)]
    pub requirement: Requirement,
}

/// A requested acr value, known to the table. It keeps the client's spelling: an essential acr must be answered with
/// one of the values asked for (OpenID Connect Core 5.5.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acr {
    /// As the client wrote it.
    pub name: String,
    /// What it demands.
    pub requirement: Requirement,
}

impl Acr {
    /// Whether what was achieved meets it.
    pub fn satisfied(&self, achieved: &Achieved) -> bool {
        self.requirement.satisfied(achieved)
    }
}

/// All acr values this provider knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcrTable(Vec<AcrDefinition>);

/// Two rows of the table claim the same value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("acr value {0} is defined twice")]
pub struct AcrTableError(pub String);

impl AcrTable {
    /// From configuration.
    ///
    /// # Errors
    /// When a name or alias occurs twice.
    pub fn new(definitions: Vec<AcrDefinition>) -> Result<Self, AcrTableError> {
        let mut seen = std::collections::HashSet::new();
        for value in definitions.iter().flat_map(|d| std::iter::once(&d.name).chain(&d.aliases)) {
            if !seen.insert(value.as_str()) {
                return Err(AcrTableError(value.clone()));
            }
        }
        Ok(Self(definitions))
    }

    /// The values that somebody who achieved this does not reach.
    pub fn beyond(&self, achieved: &Achieved) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|d| !d.requirement.satisfied(achieved)).map(|d| d.name.as_str())
    }

    /// Every value, by its name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|d| d.name.as_str())
    }

    /// The other spellings accepted in requests.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|d| d.aliases.iter().map(String::as_str))
    }

    /// The value of that name or alias, compared exactly.
    pub fn lookup(&self, value: &str) -> Option<Acr> {
        self.0
            .iter()
            .find(|d| d.name == value || d.aliases.iter().any(|alias| alias == value))
            .map(|d| Acr { name: value.to_owned(), requirement: d.requirement })
    }

    /// The values of a request that the table knows, in the client's order of preference. Unknown values cannot be
    /// met and are left out; if an essential request names only unknown values, nothing can meet it.
    pub fn demand(&self, requested: &[&str], essential: bool) -> Demand {
        Demand {
            values: requested.iter().filter_map(|value| self.lookup(value)).collect(),
            // An essential acr without any value asks that some acr be stated, which we always do.
            essential: essential && !requested.is_empty(),
            minimum_authentication_level: AuthenticationLevel::One,
            minimum_identity_level: IdentityLevel::Zero,
        }
    }
}

/// The value that names an authentication level.
pub fn level_acr(level: AuthenticationLevel) -> String {
    format!("urn:dinhdanh:acr:{level}")
}

impl Default for AcrTable {
    /// `urn:dinhdanh:acr:1` to `:4` with aliases `LoA1` to `LoA4` for the authentication levels, and the three eIDAS
    /// levels (Regulation (EU) 2015/1502) as combinations of both scales.
    fn default() -> Self {
        let levels = AuthenticationLevel::ALL.iter().map(|level| AcrDefinition {
            name: level_acr(*level),
            aliases: vec![format!("LoA{level}")],
            requirement: Requirement { minimum_authentication_level: *level, ..Requirement::NONE },
        });
        let eidas = [
            ("low", IdentityLevel::One, AuthenticationLevel::One, false),
            ("substantial", IdentityLevel::Two, AuthenticationLevel::Two, false),
            ("high", IdentityLevel::Two, AuthenticationLevel::Three, true),
        ]
        .map(|(name, minimum_identity_level, minimum_authentication_level, refuses_synced)| AcrDefinition {
            name: format!("http://eidas.europa.eu/LoA/{name}"),
            aliases: Vec::new(),
            requirement: Requirement {
                minimum_identity_level,
                minimum_authentication_level,
                needs_settled: minimum_authentication_level >= AuthenticationLevel::Two,
                refuses_synced,
            },
        });
        Self(levels.chain(eidas).collect())
    }
}

/// The acr to state in a token: the first requested value that is met, else the true authentication level.
pub fn stated(requested: &[Acr], achieved: &Achieved) -> String {
    requested
        .iter()
        .find(|acr| acr.satisfied(achieved))
        .map_or_else(|| level_acr(achieved.authentication_level), |acr| acr.name.clone())
}

/// What a request and its client ask of a sign-in. The client's minimums count as essential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// Known acr values in the client's order of preference.
    pub values: Vec<Acr>,
    /// One of them must be met, else the request fails.
    pub essential: bool,
    /// The client's or service's own minimum.
    pub minimum_authentication_level: AuthenticationLevel,
    /// The client's or service's own minimum.
    pub minimum_identity_level: IdentityLevel,
}

/// What must happen before an answer can be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LevelDecision {
    /// Nothing: state this acr.
    Met {
        /// The value to state.
        acr: String,
    },
    /// Sign in, or sign in again, at this level. With an unsettled passkey in hand the level may be the same one as
    /// before: another way of signing in is then meant.
    StepUp {
        /// At least this level.
        authentication_level: AuthenticationLevel,
    },
    /// Prove the identity further.
    ProveIdentity {
        /// At least this level.
        identity_level: IdentityLevel,
    },
    /// No way leads there: `unmet_authentication_requirements`, never a lower token.
    CannotBeMet,
}

/// Decides by what was achieved (`None`: not signed in) and what this person could reach with the credentials they
/// have and the proofing offered to them. An essential acr that cannot be met is an error; a voluntary one that cannot
/// be reached is answered with the true lower one (OpenID Connect Core 5.5.1.1). A voluntary acr may ask for a better
/// sign-in but never for identity proofing.
pub fn decide(demand: &Demand, achieved: Option<Achieved>, reachable: Achieved) -> LevelDecision {
    let floor = Requirement {
        minimum_identity_level: demand.minimum_identity_level,
        minimum_authentication_level: demand.minimum_authentication_level,
        ..Requirement::NONE
    };
    // What is wished for, and what is needed at least: a voluntary request is content with the floor in the end.
    let wished: Vec<Requirement> = demand.values.iter().map(|acr| acr.requirement.and(&floor)).collect();
    let needed = if demand.essential { wished.clone() } else { vec![floor] };

    let is_met = |r: &&Requirement| achieved.is_some_and(|a| r.satisfied(&a));
    let known_identity = achieved.map_or(reachable.identity_level, |a| a.identity_level);
    let can_sign_in =
        |r: &&Requirement| r.minimum_identity_level <= known_identity && r.authentication_satisfied(&reachable);
    let step_up = |r: &Requirement| LevelDecision::StepUp { authentication_level: r.minimum_authentication_level };

    for requirements in [&wished, &needed] {
        if let Some(achieved) = achieved.filter(|_| requirements.iter().any(|r| is_met(&r))) {
            return LevelDecision::Met { acr: stated(&demand.values, &achieved) };
        }
        if let Some(requirement) = requirements.iter().find(can_sign_in) {
            return step_up(requirement);
        }
    }
    // What is left needs identity proofing, after a sign-in that is good enough for it.
    let is_signed_in_for = |r: &Requirement| achieved.is_some_and(|a| r.authentication_satisfied(&a));
    let can_prove = |r: &&Requirement| {
        r.minimum_identity_level <= reachable.identity_level
            && (is_signed_in_for(r) || r.authentication_satisfied(&reachable))
    };
    match needed.iter().find(can_prove) {
        Some(requirement) if !is_signed_in_for(requirement) => step_up(requirement),
        Some(requirement) => LevelDecision::ProveIdentity { identity_level: requirement.minimum_identity_level },
        None => LevelDecision::CannotBeMet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VERIFIED: Method = Method::Passkey { user_verified: true, synced: false, settled: true };
    const SYNCED: Method = Method::Passkey { user_verified: true, synced: true, settled: true };
    const NEW: Method = Method::Passkey { user_verified: true, synced: true, settled: false };
    const UNVERIFIED: Method = Method::Passkey { user_verified: false, synced: false, settled: true };
    const LOW: &str = "http://eidas.europa.eu/LoA/low";
    const SUBSTANTIAL: &str = "http://eidas.europa.eu/LoA/substantial";
    const HIGH: &str = "http://eidas.europa.eu/LoA/high";

    fn achieved(identity: u8, authentication: u8) -> Achieved {
        Achieved {
            identity_level: IdentityLevel::try_from(identity).unwrap(),
            authentication_level: AuthenticationLevel::try_from(authentication).unwrap(),
            settled: true,
            synced: false,
        }
    }

    fn demand(requested: &[&str], essential: bool) -> Demand {
        AcrTable::default().demand(requested, essential)
    }

    fn met(acr: &str) -> LevelDecision {
        LevelDecision::Met { acr: acr.to_owned() }
    }

    fn step_up(level: AuthenticationLevel) -> LevelDecision {
        LevelDecision::StepUp { authentication_level: level }
    }

    #[test]
    fn levels_of_methods() {
        use Method::{Password, RecoveryCode, SmsCode, Totp, VoiceCode};
        assert_eq!(authentication_level(&[]), None);
        for methods in [
            &[SmsCode][..],
            &[VoiceCode],
            &[Totp],
            &[Password],
            &[RecoveryCode],
            &[UNVERIFIED],
            &[SmsCode, VoiceCode],
            &[SmsCode, Totp],
            &[SmsCode, RecoveryCode],
            &[UNVERIFIED, SmsCode],
            &[Password, Password],
        ] {
            assert_eq!(authentication_level(methods), Some(AuthenticationLevel::One), "{methods:?}");
        }
        for methods in [
            &[VERIFIED][..],
            &[SYNCED],
            &[NEW],
            &[Password, SmsCode],
            &[VoiceCode, Password],
            &[Password, Totp],
            &[Password, RecoveryCode],
            &[Password, UNVERIFIED],
            &[SmsCode, VERIFIED],
        ] {
            assert_eq!(authentication_level(methods), Some(AuthenticationLevel::Two), "{methods:?}");
        }
    }

    #[test]
    fn amr_values_are_those_of_rfc_8176() {
        assert_eq!(amr(&[Method::SmsCode]), ["sms"]);
        assert_eq!(amr(&[Method::VoiceCode, Method::VoiceCode]), ["tel"]);
        assert_eq!(amr(&[Method::Totp, Method::Password]), ["pwd", "otp", "mfa"]);
        assert_eq!(amr(&[Method::RecoveryCode]), ["otp"]);
        assert_eq!(amr(&[VERIFIED]), ["hwk", "user", "mfa"]);
        assert_eq!(amr(&[SYNCED]), ["swk", "user", "mfa"]);
        assert_eq!(amr(&[UNVERIFIED]), ["hwk"]);
        assert!(amr(&[]).is_empty());
    }

    #[test]
    fn a_level_is_settled_when_it_does_not_rest_on_a_new_passkey() {
        let by = |methods: &[Method]| Achieved::by(IdentityLevel::One, methods).unwrap();
        assert!(!by(&[NEW]).settled);
        assert!(!by(&[NEW, Method::SmsCode]).settled);
        assert!(by(&[NEW, Method::SmsCode, Method::Password]).settled);
        assert!(by(&[NEW, VERIFIED]).settled);
        assert!(by(&[SYNCED]).synced);
        assert!(!by(&[SYNCED, VERIFIED]).synced);
        assert!(!by(&[SYNCED, Method::Totp, Method::Password]).synced);
        assert!(!by(&[Method::SmsCode]).synced);
    }

    #[test]
    fn the_best_way_is_the_highest_settled_one() {
        let best =
            Achieved::best_of(IdentityLevel::One, &[&[Method::SmsCode], &[NEW], &[Method::Password, Method::Totp]]);
        let best = best.unwrap();
        assert_eq!((best.authentication_level, best.settled), (AuthenticationLevel::Two, true));
        let best = Achieved::best_of(IdentityLevel::One, &[&[Method::SmsCode], &[NEW]]).unwrap();
        assert_eq!((best.authentication_level, best.settled), (AuthenticationLevel::Two, false));
        assert_eq!(Achieved::best_of(IdentityLevel::One, &[]), None);
    }

    #[test]
    fn the_default_table_knows_names_and_aliases() {
        let table = AcrTable::default();
        let names: Vec<&str> = table.names().collect();
        assert_eq!(names.len(), 7);
        assert_eq!(names[0], "urn:dinhdanh:acr:1");
        for level in AuthenticationLevel::ALL {
            let alias = table.lookup(&format!("LoA{level}")).unwrap();
            assert_eq!(alias.requirement, table.lookup(&level_acr(*level)).unwrap().requirement);
            assert_eq!(alias.requirement.minimum_authentication_level, *level);
        }
        for unknown in ["loa1", "LoA5", "", "urn:dinhdanh:acr:", " LoA1"] {
            assert_eq!(table.lookup(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_table_with_a_value_twice_is_refused() {
        let row = |name: &str, alias: &str| AcrDefinition {
            name: name.to_owned(),
            aliases: vec![alias.to_owned()],
            requirement: Requirement::NONE,
        };
        assert!(AcrTable::new(vec![row("a", "b"), row("c", "d")]).is_ok());
        assert_eq!(AcrTable::new(vec![row("a", "b"), row("b", "d")]), Err(AcrTableError("b".to_owned())));
    }

    #[test]
    fn a_definition_reads_from_configuration() {
        let text = r#"{"name": "urn:x", "minimum_identity_level": 1, "minimum_authentication_level": 2, "needs_settled": true}"#;
        let row: AcrDefinition = serde_json::from_str(text).unwrap();
        assert_eq!(row.requirement.minimum_authentication_level, AuthenticationLevel::Two);
        assert!(row.requirement.needs_settled && !row.requirement.refuses_synced && row.aliases.is_empty());
        assert!(serde_json::from_str::<AcrDefinition>(&text.replace('2', "5")).is_err());
    }

    #[test]
    fn eidas_levels_are_combinations_of_both_scales() {
        let table = AcrTable::default();
        let satisfied = |name: &str, achieved: Achieved| table.lookup(name).unwrap().satisfied(&achieved);
        assert!(satisfied(LOW, achieved(1, 1)));
        assert!(!satisfied(LOW, achieved(0, 2)));
        assert!(satisfied(SUBSTANTIAL, achieved(2, 2)));
        assert!(!satisfied(SUBSTANTIAL, achieved(2, 1)));
        assert!(!satisfied(SUBSTANTIAL, achieved(1, 2)));
        assert!(!satisfied(SUBSTANTIAL, Achieved { settled: false, ..achieved(2, 2) }));
        assert!(satisfied(SUBSTANTIAL, Achieved { synced: true, ..achieved(2, 2) }));
        assert!(satisfied(HIGH, achieved(2, 3)));
        assert!(!satisfied(HIGH, achieved(2, 2)));
        assert!(!satisfied(HIGH, Achieved { synced: true, ..achieved(2, 4) }));
        // One factor, SMS among them, gives no eIDAS level above low however the person was proven.
        for method in [Method::SmsCode, Method::VoiceCode, Method::Password, Method::Totp, UNVERIFIED] {
            assert!(!satisfied(SUBSTANTIAL, Achieved::by(IdentityLevel::Two, &[method]).unwrap()));
        }
    }

    #[test]
    fn the_first_requested_value_that_is_met_is_stated_as_it_was_written() {
        let table = AcrTable::default();
        let requested: Vec<Acr> = ["LoA3", "LoA2", LOW].iter().map(|v| table.lookup(v).unwrap()).collect();
        assert_eq!(stated(&requested, &achieved(1, 2)), "LoA2");
        assert_eq!(stated(&requested, &achieved(1, 1)), LOW);
        assert_eq!(stated(&requested, &achieved(0, 1)), "urn:dinhdanh:acr:1");
        assert_eq!(stated(&[], &achieved(0, 2)), "urn:dinhdanh:acr:2");
    }

    #[test]
    fn without_demands_any_sign_in_will_do() {
        let nothing = demand(&[], false);
        assert_eq!(decide(&nothing, None, achieved(1, 2)), step_up(AuthenticationLevel::One));
        assert_eq!(decide(&nothing, Some(achieved(0, 1)), achieved(1, 2)), met("urn:dinhdanh:acr:1"));
        assert_eq!(decide(&demand(&[], true), Some(achieved(0, 1)), achieved(1, 2)), met("urn:dinhdanh:acr:1"));
    }

    #[test]
    fn a_voluntary_value_asks_for_more_where_that_is_possible_and_is_answered_truly_where_not() {
        let wish = demand(&["LoA2"], false);
        assert_eq!(decide(&wish, Some(achieved(1, 1)), achieved(1, 2)), step_up(AuthenticationLevel::Two));
        assert_eq!(decide(&wish, Some(achieved(1, 1)), achieved(1, 1)), met("urn:dinhdanh:acr:1"));
        assert_eq!(decide(&wish, None, achieved(1, 1)), step_up(AuthenticationLevel::One));
        let two = demand(&["LoA3", "LoA2"], false);
        assert_eq!(decide(&two, Some(achieved(1, 1)), achieved(1, 2)), step_up(AuthenticationLevel::Two));
        assert_eq!(decide(&two, Some(achieved(1, 2)), achieved(1, 2)), met("LoA2"));
        // No proofing for a wish.
        let proven = demand(&[SUBSTANTIAL], false);
        assert_eq!(decide(&proven, Some(achieved(1, 2)), achieved(2, 2)), met("urn:dinhdanh:acr:2"));
        assert_eq!(
            decide(&demand(&["unknown"], false), Some(achieved(1, 1)), achieved(1, 2)),
            met("urn:dinhdanh:acr:1")
        );
    }

    #[test]
    fn p6_an_essential_value_that_cannot_be_met_is_an_error() {
        let must = demand(&["LoA2"], true);
        assert_eq!(decide(&must, Some(achieved(1, 1)), achieved(1, 2)), step_up(AuthenticationLevel::Two));
        assert_eq!(decide(&must, Some(achieved(1, 2)), achieved(1, 2)), met("LoA2"));
        assert_eq!(decide(&must, Some(achieved(1, 1)), achieved(1, 1)), LevelDecision::CannotBeMet);
        assert_eq!(decide(&demand(&["LoA4"], true), Some(achieved(2, 2)), achieved(2, 2)), LevelDecision::CannotBeMet);
        assert_eq!(decide(&demand(&["LoA4"], true), None, achieved(2, 2)), LevelDecision::CannotBeMet);
        assert_eq!(
            decide(&demand(&["unknown"], true), Some(achieved(2, 2)), achieved(2, 2)),
            LevelDecision::CannotBeMet
        );
        assert_eq!(decide(&demand(&["LoA4", "LoA1"], true), Some(achieved(2, 2)), achieved(2, 2)), met("LoA1"));
    }

    #[test]
    fn identity_is_proven_after_a_good_enough_sign_in_and_only_where_that_is_offered() {
        let must = demand(&[SUBSTANTIAL], true);
        let prove = LevelDecision::ProveIdentity { identity_level: IdentityLevel::Two };
        assert_eq!(decide(&must, Some(achieved(1, 1)), achieved(2, 2)), step_up(AuthenticationLevel::Two));
        assert_eq!(decide(&must, Some(achieved(1, 2)), achieved(2, 2)), prove);
        assert_eq!(decide(&must, Some(achieved(1, 2)), achieved(2, 1)), prove);
        assert_eq!(decide(&must, Some(achieved(1, 2)), achieved(1, 2)), LevelDecision::CannotBeMet);
    }

    #[test]
    fn minimums_of_a_client_count_as_essential() {
        let client = Demand { minimum_authentication_level: AuthenticationLevel::Two, ..demand(&[], false) };
        assert_eq!(decide(&client, Some(achieved(1, 1)), achieved(1, 2)), step_up(AuthenticationLevel::Two));
        assert_eq!(decide(&client, Some(achieved(1, 1)), achieved(1, 1)), LevelDecision::CannotBeMet);
        let client = Demand { minimum_identity_level: IdentityLevel::One, ..demand(&["LoA1"], false) };
        let prove = LevelDecision::ProveIdentity { identity_level: IdentityLevel::One };
        assert_eq!(decide(&client, Some(achieved(0, 1)), achieved(1, 1)), prove);
        assert_eq!(decide(&client, Some(achieved(0, 1)), achieved(0, 1)), LevelDecision::CannotBeMet);
        assert_eq!(decide(&client, Some(achieved(1, 1)), achieved(1, 1)), met("LoA1"));
    }

    #[test]
    fn a_passkey_of_its_first_day_gives_level_2_but_no_eidas_substantial() {
        let unsettled = Achieved { settled: false, ..achieved(2, 2) };
        assert_eq!(decide(&demand(&["LoA2"], true), Some(unsettled), unsettled), met("LoA2"));
        assert_eq!(decide(&demand(&[SUBSTANTIAL], true), Some(unsettled), unsettled), LevelDecision::CannotBeMet);
        let other_way = decide(&demand(&[SUBSTANTIAL], true), Some(unsettled), achieved(2, 2));
        assert_eq!(other_way, step_up(AuthenticationLevel::Two));
    }

    fn any_achieved() -> impl Strategy<Value = Achieved> {
        (0u8..=2, 1u8..=4, any::<bool>(), any::<bool>()).prop_map(|(identity, authentication, settled, synced)| {
            Achieved { settled, synced, ..achieved(identity, authentication) }
        })
    }

    fn any_demand() -> impl Strategy<Value = Demand> {
        let names = ["LoA1", "urn:dinhdanh:acr:2", "LoA3", "LoA4", LOW, SUBSTANTIAL, HIGH, "unknown"];
        (proptest::collection::vec(proptest::sample::select(names.to_vec()), 0..4), any::<bool>(), 1u8..=4, 0u8..=2)
            .prop_map(|(names, essential, authentication, identity)| Demand {
                minimum_authentication_level: AuthenticationLevel::try_from(authentication).unwrap(),
                minimum_identity_level: IdentityLevel::try_from(identity).unwrap(),
                ..demand(&names, essential)
            })
    }

    fn any_method() -> impl Strategy<Value = Method> {
        prop_oneof![
            Just(Method::SmsCode),
            Just(Method::VoiceCode),
            Just(Method::Totp),
            Just(Method::Password),
            Just(Method::RecoveryCode),
            any::<(bool, bool, bool)>().prop_map(|(user_verified, synced, settled)| Method::Passkey {
                user_verified,
                synced,
                settled
            }),
        ]
    }

    proptest! {
        /// I7: what is stated was proven, an essential value is met or refused, and minimums hold always.
        #[test]
        fn i7_met_is_never_more_than_was_proven(
            demand in any_demand(),
            achieved in proptest::option::of(any_achieved()),
            reachable in any_achieved(),
        ) {
            if let LevelDecision::Met { acr } = decide(&demand, achieved, reachable) {
                let achieved = achieved.expect("only a session meets a demand");
                prop_assert!(AcrTable::default().lookup(&acr).is_some_and(|acr| acr.satisfied(&achieved)));
                prop_assert!(achieved.authentication_level >= demand.minimum_authentication_level);
                prop_assert!(achieved.identity_level >= demand.minimum_identity_level);
                if demand.essential {
                    prop_assert!(demand.values.iter().any(|value| value.name == acr && value.satisfied(&achieved)));
                }
            }
        }

        /// Doing what decisions ask for leads to an answer in at most three steps, and never into an error.
        #[test]
        fn following_decisions_leads_to_an_answer(
            demand in any_demand(),
            achieved in proptest::option::of(any_achieved()),
            reachable in any_achieved(),
        ) {
            let mut state = achieved;
            let mut last = decide(&demand, state, reachable);
            for _ in 0..3 {
                state = match last {
                    LevelDecision::Met { .. } => break,
                    LevelDecision::CannotBeMet => {
                        prop_assert_eq!(state, achieved, "an error only before any step");
                        break;
                    }
                    LevelDecision::StepUp { authentication_level } => {
                        prop_assert!(reachable.authentication_level >= authentication_level);
                        let identity_level = state.map_or(reachable.identity_level, |a| a.identity_level);
                        Some(Achieved { identity_level, ..reachable })
                    }
                    LevelDecision::ProveIdentity { identity_level } => {
                        let before = state.expect("only a known person can prove more");
                        prop_assert!(before.identity_level < identity_level);
                        prop_assert!(reachable.identity_level >= identity_level);
                        Some(Achieved { identity_level, ..before })
                    }
                };
                last = decide(&demand, state, reachable);
            }
            prop_assert!(matches!(last, LevelDecision::Met { .. } | LevelDecision::CannotBeMet), "{:?}", last);
        }

        /// What is rebuilt from a stored session is never better than what was proven.
        #[test]
        fn i7_a_stored_session_is_no_better_than_its_proofs(methods in proptest::collection::vec(any_method(), 1..5)) {
            let proven = Achieved::by(IdentityLevel::Two, &methods).expect("there is a proof");
            let stored: Vec<String> = amr(&methods).into_iter().map(str::to_owned).collect();
            let read =
                Achieved::of_session(IdentityLevel::Two, proven.authentication_level, proven.settled, &stored);
            prop_assert!(read.synced || !proven.synced);
            prop_assert_eq!(Achieved { synced: proven.synced, ..read }, proven);
        }

        #[test]
        fn more_proofs_never_lower_the_level(methods in proptest::collection::vec(any_method(), 1..5), more in any_method()) {
            let mut all = methods.clone();
            all.push(more);
            prop_assert!(authentication_level(&all) >= authentication_level(&methods));
            prop_assert!(authentication_level(&all) <= Some(AuthenticationLevel::Two));
        }
    }
}
