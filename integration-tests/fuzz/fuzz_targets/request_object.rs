#![no_main]
//! Request objects: what is accepted names its client and no other request.
use dinhdanh::base::Timestamp;
use dinhdanh::protocol::Parameters;
use dinhdanh::protocol::request_object::{Expected, RequestObject, Rules};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let Ok(object) = RequestObject::read(data) else { return };
    for rules in [Rules::OpenId, Rules::MessageSigning] {
        let expected = Expected {
            client_id: "portal",
            registered: None,
            issuer: "https://id.example",
            outside: &Parameters::default(),
            rules,
            now: Timestamp::from_seconds(1_800_000_000),
        };
        if let Ok(accepted) = object.check(&expected) {
            assert_eq!(accepted.parameters.get("client_id"), Some("portal"));
            assert!(!accepted.parameters.is_present("request") && !accepted.parameters.is_present("request_uri"));
        }
    }
});
