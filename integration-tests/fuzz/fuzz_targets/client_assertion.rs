#![no_main]
//! Client authentication: the first line is the `Authorization` header, the rest the body.
use dinhdanh::base::Timestamp;
use dinhdanh::protocol::Parameters;
use dinhdanh::protocol::client_authentication::Presented;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let (header, body) = data.split_once('\n').unwrap_or(("", data));
    let Ok(parameters) = Parameters::parse(body) else { return };
    let header = (!header.is_empty()).then_some(header);
    if let Ok(presented) = Presented::parse(header, &parameters) {
        let now = Timestamp::from_seconds(1_800_000_000);
        assert!(presented.prove(None, "https://id.example", now).is_err(), "nobody is registered");
    }
});
