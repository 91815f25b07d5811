#![no_main]
//! Client metadata: what is accepted once is accepted again, unchanged.
use dinhdanh::protocol::{ClientMetadata, RegistrationPolicy, SigningAlgorithms};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let policy = RegistrationPolicy { signing_algorithms: SigningAlgorithms::ALL, ..RegistrationPolicy::default() };
    let Ok(metadata) = ClientMetadata::parse(data).and_then(|metadata| metadata.validate(policy)) else { return };
    let again = metadata.clone().validate(policy).expect("valid once, valid twice");
    assert_eq!(metadata, again);
});
