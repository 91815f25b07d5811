#![no_main]
//! DPoP proofs.
use dinhdanh::base::Timestamp;
use dinhdanh::crypto::verify_proof;
use dinhdanh::protocol::dpop::{Expected, Proof};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let Ok(proof) = Proof::read(data) else { return };
    let _ = verify_proof(&proof);
    let expected = Expected {
        method: "POST",
        endpoints: &["https://id.example/token"],
        access_token: Some("token"),
        nonces: &[],
        now: Timestamp::from_seconds(1_800_000_000),
    };
    let _ = proof.check(&expected);
});
