//! `keys` and `migrate`.

use crate::harness::Site;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

#[test]
fn migrating_twice_changes_nothing_the_second_time() {
    Site::each(|site| {
        let first = site.run(&["migrate", "--json"]).expect(0).json();
        assert_eq!((&first["migrated"], &first["key_encryption_key_made"]), (&json!(true), &json!(true)));
        let key = std::fs::read(site.path("keys/kek.bin")).unwrap();
        let second = site.run(&["migrate", "--json"]).expect(0).json();
        assert_eq!((&second["migrated"], &second["key_encryption_key_made"]), (&json!(true), &json!(false)));
        assert_eq!(second["engine"], first["engine"]);
        assert_eq!(std::fs::read(site.path("keys/kek.bin")).unwrap(), key);
    });
}

#[test]
fn init_makes_a_key_once_that_only_its_owner_can_read() {
    let site = Site::new();
    let first = site.run(&["keys", "init", "--json"]).expect(0).json();
    assert_eq!(first, json!({ "path": "keys/kek.bin", "made": true }));
    let mode = std::fs::metadata(site.path("keys/kek.bin")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = std::fs::read(site.path("keys/kek.bin")).unwrap();
    assert_eq!(site.run(&["keys", "init", "--json"]).expect(0).json()["made"], false);
    assert_eq!(std::fs::read(site.path("keys/kek.bin")).unwrap(), key);
    std::fs::set_permissions(site.path("keys/kek.bin"), PermissionsExt::from_mode(0o644)).unwrap();
    site.run(&["keys", "init"]).expect(1).says(&["chmod 600"]);
}

fn states(keys: &Value) -> Vec<(String, String)> {
    let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let list = keys["keys"].as_array().unwrap();
    list.iter().map(|key| (text(key, "algorithm"), text(key, "state"))).collect()
}

#[test]
fn i10_a_rotation_publishes_successors_that_wait_before_they_sign() {
    Site::each(|site| {
        let site = site.migrated().with("KEYS__ALGORITHMS", r#"["ES256", "EdDSA"]"#);
        let site = site.with("KEYS__ENCRYPTION_ALGORITHMS", r#"["ECDH-ES"]"#);
        assert_eq!(site.run(&["keys", "list", "--json"]).expect(0).json(), json!({ "keys": [] }));
        site.run(&["keys", "list"]).expect(0).says(&["no keys yet"]);

        let made = site.run(&["keys", "rotate", "--json"]).expect(0).json();
        assert_eq!(made["made"].as_array().unwrap().len(), 3);
        let owned = |list: &[(&str, &str)]| -> Vec<_> {
            list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        let first = site.run(&["keys", "list", "--json"]).expect(0).json();
        assert_eq!(states(&first), owned(&[("ES256", "signing"), ("EdDSA", "signing"), ("ECDH-ES", "offered")]));

        site.run(&["keys", "rotate"]).expect(0).says(&["Published a new ES256 key. It signs from "]);
        let second = site.run(&["keys", "list", "--json"]).expect(0).json();
        let expected = [("ES256", "signing"), ("ES256", "waiting"), ("EdDSA", "signing"), ("EdDSA", "waiting")];
        let expected = [&expected[..], &[("ECDH-ES", "offered"), ("ECDH-ES", "waiting")]].concat();
        assert_eq!(states(&second), owned(&expected));
        let (old, new) = (&second["keys"][0], &second["keys"][1]);
        assert_eq!(old["kid"], first["keys"][0]["kid"]);
        assert_eq!(old["signs_until"], new["signs_from"]);
        assert!(new["signs_from"].as_str() > new["published_at"].as_str(), "{second}");
        assert!(new["state_in_words"].as_str().unwrap().starts_with("published, signs from "), "{second}");

        let third = site.run(&["keys", "rotate", "--json"]).expect(0).json();
        assert_eq!(third["made"], json!([]), "a waiting successor is enough");
        assert_eq!(site.run(&["keys", "list", "--json"]).expect(0).json(), second);
        let text = site.run(&["keys", "list"]).expect(0).out;
        assert_eq!(text.lines().count(), 6, "{text}");
        assert!(!format!("{text}{second}").contains("PRIVATE") && second["keys"][0].get("d").is_none());
    });
}

#[test]
fn a_lost_key_is_not_replaced_by_one_that_opens_nothing() {
    let site = Site::new().migrated().with("KEYS__ALGORITHMS", r#"["ES256"]"#);
    site.run(&["keys", "rotate"]).expect(0);
    std::fs::rename(site.path("keys/kek.bin"), site.path("backup.bin")).unwrap();
    site.run(&["keys", "init"]).expect(1).says(&["is missing", "Restore it from its backup"]);
    assert!(!site.path("keys/kek.bin").exists());
    site.run(&["keys", "rotate"]).expect(1).says(&["keys/kek.bin"]);

    let foreign = Site::new();
    foreign.run(&["keys", "init"]).expect(0);
    std::fs::copy(foreign.path("keys/kek.bin"), site.path("keys/kek.bin")).unwrap();
    let before = site.run(&["keys", "list", "--json"]).expect(0).json();
    site.run(&["keys", "rotate"]).expect(1).says(&["cannot be opened", "[keys] folder"]);
    assert_eq!(site.run(&["keys", "list", "--json"]).expect(0).json(), before);
}
