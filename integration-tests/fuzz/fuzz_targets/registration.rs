#![no_main]
//! Client metadata, of an operator and of a stranger who registers: what is accepted once is accepted again, unchanged,
//! and a stranger gets nothing that is agreed on with the operator.
use dinhdanh::protocol::client::{Registrant, Submitted};
use dinhdanh::protocol::{ClientMetadata, RegistrationPolicy, ScopeSet, SigningAlgorithms};
use libfuzzer_sys::fuzz_target;

fn stays(metadata: &ClientMetadata, policy: RegistrationPolicy) {
    let again = metadata.clone().validate(policy).expect("valid once, valid twice");
    assert_eq!(*metadata, again);
}

fuzz_target!(|data: &str| {
    let policy = RegistrationPolicy { signing_algorithms: SigningAlgorithms::ALL, ..RegistrationPolicy::default() };
    if let Ok(metadata) = ClientMetadata::parse(data).and_then(|metadata| metadata.validate(policy)) {
        stays(&metadata, policy);
    }
    let (body, statement) = data.split_once('\n').unwrap_or((data, "{}"));
    let Ok(mut submitted) = Submitted::read(body) else { return };
    if let Ok(claims) = serde_json::from_str(statement) {
        submitted.overlay(&claims);
    }
    let scopes = ScopeSet::parse("openid profile").expect("scopes");
    let registrant = Registrant { scopes, policy, ..Registrant::default() };
    if let Ok(metadata) = submitted.judge(&registrant) {
        stays(&metadata, policy);
        assert!(metadata.sharing.is_none() && metadata.audience.is_empty() && metadata.doors.profile.is_none());
        assert!(metadata.scope.iter().all(|name| ["openid", "profile"].contains(&name)));
        assert!(metadata.redirect_uris.iter().all(|uri| !uri.to_lowercase().starts_with("javascript:")));
    }
});
