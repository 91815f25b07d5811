//! `doctor`: says what is wrong and how to fix it, and changes nothing.

use crate::harness::{Done, Running, Site};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

/// An installation with a register that answers.
fn well() -> (Site, Running) {
    let site = Site::new().real();
    let (simulator, line) = site.start(&["register-sim", "--listen", "127.0.0.1:0", "--people", "1"]);
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    let mut site = site.with("REGISTERS__POPULATION__BASE_URL", &url);
    for (register, service) in [
        ("ENTERPRISE", "VN-SIM/GOV/DKKD/ENTERPRISE/look-up-enterprise"),
        ("AGENCY", "VN-SIM/GOV/NOIVU/AGENCIES/look-up-agency"),
    ] {
        for (key, value) in [
            ("ADAPTER", "xroad"),
            ("BASE_URL", url.as_str()),
            ("CLIENT", "VN-SIM/GOV/DINHDANH/IDP"),
            ("SERVICE", service),
        ] {
            site = site.with(&format!("REGISTERS__{register}__{key}"), value);
        }
    }
    (site.migrated(), simulator)
}

fn check(done: &Done, name: &str) -> Value {
    let answer = done.json();
    let checks = answer["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name:?}: {done:?}")).clone()
}

fn failed(site: &Site, name: &str, fix: &str) {
    let done = site.run(&["doctor", "--json"]).expect(1);
    let found = check(&done, name);
    assert_eq!(found["state"], "failed", "{done:?}");
    assert!(found["fix"].as_str().unwrap().contains(fix), "{done:?}");
    assert_eq!(done.json()["ok"], false);
}

#[test]
fn a_good_installation_is_well_and_stays_as_it_is() {
    let (site, _simulator) = well();
    site.run(&["keys", "rotate"]).expect(0);
    let keys = site.run(&["keys", "list", "--json"]).expect(0).json();
    let done = site.run(&["doctor", "--json"]).expect(0);
    assert_eq!(done.json()["ok"], true);
    for name in [
        "configuration",
        "environment",
        "key-encryption key",
        "database",
        "database writes",
        "people",
        "signing keys",
        "encryption keys",
        "clock",
        "cache",
        "passkeys",
        "start",
        "messages",
        "population register",
        "enterprise register",
        "agency register",
    ] {
        assert_eq!(check(&done, name)["state"], "ok", "{name}");
    }
    let text = site.run(&["doctor"]).expect(0).out;
    assert!(text.contains("✓ database: sqlite") && text.ends_with("All is well.\n") && !text.contains('✗'), "{text}");
    assert_eq!(site.run(&["keys", "list", "--json"]).expect(0).json(), keys);
    let left: Vec<_> = std::fs::read_dir(site.path("data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().starts_with("dinhdanh.db")), "{left:?}");
}

#[test]
fn each_fault_is_named_with_its_fix() {
    let (site, simulator) = well();
    std::fs::set_permissions(site.path("keys/kek.bin"), PermissionsExt::from_mode(0o644)).unwrap();
    failed(&site, "key-encryption key", "0600");
    site.run(&["doctor"]).expect(1).says(&["✗ key-encryption key: ", "chmod 600", "    fix: "]);
    std::fs::set_permissions(site.path("keys/kek.bin"), PermissionsExt::from_mode(0o600)).unwrap();
    let wrong = "VN-SIM/GOV/DKKD/ENTERPRISE/no-such-service";
    let site = site.with("REGISTERS__ENTERPRISE__SERVICE", wrong);
    failed(&site, "enterprise register", "[registers.enterprise]");
    let site = site.with("REGISTERS__AGENCY__ADAPTER", "none");
    let done = site.run(&["doctor", "--json"]).expect(1);
    assert_eq!(check(&done, "agency register")["state"], "not_used", "{done:?}");
    assert_eq!(check(&done, "population register")["state"], "ok", "{done:?}");
    let site = site.with("REGISTERS__AGENCY__ADAPTER", "xroad");
    simulator.stop();
    failed(&site, "population register", "base_url");
    failed(&site, "enterprise register", "base_url");
    failed(&site, "agency register", "base_url");
    let site = site.with("CACHE__URL", "redis://127.0.0.1:9");
    failed(&site, "cache", "[cache] url");
    let site = site.with("CACHE__URL", "memory").with("DATABASE__URL", "postgres://nobody@127.0.0.1:9/none");
    failed(&site, "database", "[database] url");
    let site = site.with("DATABASE__URL", "sqlite://elsewhere/none.db");
    failed(&site, "database", "dinhdanh migrate");
    assert!(!site.path("elsewhere").exists());
    let site = site.with("PROVIDER__ISSUER", "http://dinhdanh.example");
    failed(&site, "environment", "TLS proxy");
    let site = site.with("PROVIDER__ISSUER", "https://127.0.0.1");
    failed(&site, "passkeys", "host name");
    let site = site.with("SMS__SENDER", "none");
    failed(&site, "messages", "sms.sender");
    let site = site.with("KEYS__ROTATION_DAYS", "many");
    failed(&site, "configuration", "1 to 730");
}

#[test]
fn postgresql_is_checked_too_and_its_clock_compared() {
    let site = Site::on_postgres().real();
    failed(&site, "database", "dinhdanh migrate");
    let site = site.migrated();
    let done = site.run(&["doctor", "--json"]).expect(1);
    for name in ["database", "database writes", "people"] {
        assert_eq!(check(&done, name)["state"], "ok", "{done:?}");
    }
    let clock = check(&done, "clock");
    assert_eq!(clock["state"], "ok", "{done:?}");
    assert!(clock["what"].as_str().unwrap().contains("database server agrees"), "{done:?}");
}
