#![no_main]
//! Redirect addresses: only the registered one passes, byte for byte; an app on the same machine may choose the port.
use dinhdanh::protocol::client::{ApplicationType, SecretTerms};
use dinhdanh::protocol::redirect_uri::prove;
use dinhdanh::protocol::{Client, ClientMetadata};
use libfuzzer_sys::fuzz_target;

const REGISTERED: &str = "https://rp.example/cb?a=1";
const START: &str = "http://127.0.0.1";
const END: &str = "/cb?a=1";

fn client(uri: &str, application_type: ApplicationType) -> Client {
    let metadata = ClientMetadata { redirect_uris: vec![uri.to_owned()], application_type, ..ClientMetadata::default() };
    Client {
        client_id: "portal".into(),
        metadata,
        secret_digest: None,
        secret_terms: SecretTerms::default(),
        sector: "rp.example".into(),
        disabled: false,
    }
}

fuzz_target!(|data: &str| {
    assert_eq!(prove(Some(data), &client(REGISTERED, ApplicationType::Web)).is_ok(), data == REGISTERED);
    let native = client(&format!("{START}{END}"), ApplicationType::Native);
    // The text itself, and the text where a port may stand.
    for sent in [data.to_owned(), format!("{START}:{data}{END}")] {
        let port = sent.strip_prefix(START).and_then(|rest| rest.strip_suffix(END));
        let passes = port.is_some_and(|port| {
            port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'))
        });
        assert!(passes || prove(Some(&sent), &native).is_err(), "{sent}");
    }
    assert!(prove(Some(&format!("{START}:49152{END}")), &native).is_ok());
});
