#![no_main]
//! Redirect addresses: only the registered one passes, byte for byte.
use dinhdanh::protocol::redirect_uri::prove;
use dinhdanh::protocol::{Client, ClientMetadata};
use libfuzzer_sys::fuzz_target;

const REGISTERED: &str = "https://rp.example/cb?a=1";

fuzz_target!(|data: &str| {
    let metadata = ClientMetadata { redirect_uris: vec![REGISTERED.into()], ..ClientMetadata::default() };
    let client = Client {
        client_id: "portal".into(),
        metadata,
        secret_digest: None,
        secret_terms: dinhdanh::protocol::client::SecretTerms::default(),
        sector: "rp.example".into(),
        disabled: false,
    };
    assert_eq!(prove(Some(data), &client).is_ok(), data == REGISTERED);
});
