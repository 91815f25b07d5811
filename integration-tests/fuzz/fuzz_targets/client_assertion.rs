#![no_main]
//! Client authentication. The first line is the `Authorization` header and the rest the body, judged for a client that
//! registered the very method; then both once more, as header and claims of an assertion for the token endpoint.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dinhdanh::base::Timestamp;
use dinhdanh::protocol::client::{AuthenticationMethod, Profile, SecretTerms};
use dinhdanh::protocol::client_authentication::{Presented, Proof};
use dinhdanh::protocol::{Client, ClientMetadata, Parameters};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ASSERTION: &str = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

fn client(client_id: &str, method: AuthenticationMethod, profile: Option<Profile>) -> Client {
    let mut metadata = ClientMetadata { token_endpoint_auth_method: method, ..ClientMetadata::default() };
    metadata.doors.profile = profile;
    Client {
        client_id: client_id.to_owned(),
        metadata,
        secret_digest: None,
        secret_terms: SecretTerms::default(),
        sector: "rp.example".into(),
        disabled: false,
    }
}

fn judge(header: Option<&str>, body: &str) {
    let Ok(parameters) = Parameters::parse(body) else { return };
    let Ok(presented) = Presented::parse(header, &parameters) else { return };
    assert!(presented.prove(None, "https://id.example", NOW).is_err(), "nobody is registered");
    for profile in [None, Some(Profile::Fapi2Security)] {
        let client = client(presented.client_id(), presented.method(), profile);
        match presented.prove(Some(&client), "https://id.example", NOW) {
            Ok(Proof::Signature { claims, .. } | Proof::Mac { claims, .. }) => {
                assert!(!claims.jti.is_empty() && claims.jti.len() <= 128);
                assert!(NOW < claims.expires_at.plus(Duration::from_secs(120)), "it had ended");
                assert!(claims.expires_at <= NOW.plus(Duration::from_secs(600)), "it lives too long");
            }
            Ok(Proof::Complete) => assert_eq!(presented.method(), AuthenticationMethod::None, "there is no secret"),
            Err(_) => {}
        }
    }
}

fuzz_target!(|data: &str| {
    let (header, body) = data.split_once('\n').unwrap_or(("", data));
    judge((!header.is_empty()).then_some(header), body);
    let [header, claims] = [header, body].map(|part| URL_SAFE_NO_PAD.encode(part));
    judge(None, &format!("{ASSERTION}&client_assertion={header}.{claims}.c2ln"));
});
