//! What `serve` refuses, with a start that succeeds beside it; and what `demo` leaves for the other commands.

use crate::harness::{Site, get};
use serde_json::{Value, json};

#[test]
fn x33_serve_starts_on_a_good_installation_and_stops_when_told() {
    let site = Site::new().real().with("KEYS__ALGORITHMS", r#"["ES256"]"#).migrated();
    let (running, line) = site.start(&["serve", "--json"]);
    let started: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(started["issuer"], "https://dinhdanh.example");
    let address = started["listen"].as_str().unwrap();
    assert_eq!(get(address, "/health/live").0, 200);
    let (status, body) = get(address, "/health/ready");
    assert_eq!(status, 200, "{body}");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["ready"], true);
    let (code, log) = running.stop();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn serve_refuses_a_plain_http_issuer_that_is_not_this_machine() {
    let mut site = Site::new().real().migrated();
    for issuer in ["http://dinhdanh.example", "http://localhost.example", "http://10.0.0.1"] {
        site = site.with("PROVIDER__ISSUER", issuer);
        site.run(&["serve"]).expect(1).says(&["provider.issuer", "https"]);
    }
}

#[test]
fn serve_refuses_a_database_whose_schema_is_not_up_to_date() {
    Site::each(|site| {
        let site = site.real();
        site.run(&["keys", "init"]).expect(0);
        site.run(&["serve"]).expect(1).says(&["schema is not up to date", "dinhdanh migrate"]);
    });
}

#[test]
fn serve_refuses_a_missing_or_readable_key() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new().real().migrated();
    std::fs::set_permissions(site.path("keys/kek.bin"), PermissionsExt::from_mode(0o640)).unwrap();
    site.run(&["serve"]).expect(1).says(&["chmod 600"]);
    std::fs::remove_file(site.path("keys/kek.bin")).unwrap();
    site.run(&["serve"]).expect(1).says(&["kek.bin", "dinhdanh keys init"]);
}

#[test]
fn a_busy_port_of_the_demo_names_the_option() {
    let site = Site::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let done = site.run(&["demo", "--port", &address.port().to_string()]).expect(1);
    done.says(&[&address.to_string(), "--port"]);
}

/// One demo serves several rules: starting it is the dearest step here.
#[test]
fn a_demo_can_be_administered_and_never_becomes_a_real_service() {
    let site = Site::new();
    let (running, line) = site.start(&["demo", "--data", "data", "--port", "0", "--json"]);
    let facts: Value = serde_json::from_str(&line).unwrap();
    let address = facts["issuer"].as_str().unwrap().strip_prefix("http://").unwrap();
    assert!(address.starts_with("localhost:"), "{facts}");
    assert_eq!(get(address, "/health/ready").0, 200);
    assert_eq!(running.stop().0, Some(0));

    // The other commands, told where the demo keeps its things.
    let site = site
        .with("PROVIDER__ENVIRONMENT", "demo")
        .with("DATABASE__URL", "sqlite://data/dinhdanh.db")
        .with("KEYS__FOLDER", "data/keys");
    let portal = json!({ "client_name": "Mine", "redirect_uris": ["http://localhost:7000/callback"] });
    site.run_with_input(&["client", "add", "-", "--id", "mine"], &portal.to_string()).expect(0);
    let clients = site.run(&["client", "list", "--json"]).expect(0).json();
    let ids: Vec<_> = clients["clients"].as_array().unwrap().iter().map(|client| client["client_id"].clone()).collect();
    assert!(ids.contains(&json!("mine")) && ids.contains(&json!("cong-y-te")), "{ids:?}");
    let keys = site.run(&["keys", "list", "--json"]).expect(0).json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 6, "four sign, two open");

    // Its key and its people are refused in real use.
    let site = site.real().with("PROVIDER__ENVIRONMENT", "production");
    site.run(&["serve"]).expect(1).says(&["was made by 'demo'", "[keys] folder"]);
    site.run(&["doctor"]).expect(1).says(&["✗ key-encryption key: ", "✗ people: "]);
    let site = site.with("KEYS__FOLDER", "keys");
    site.run(&["keys", "init"]).expect(1).says(&["holds keys sealed with it"]);
    let elsewhere = Site::new();
    elsewhere.run(&["keys", "init"]).expect(0);
    std::fs::create_dir(site.path("keys")).unwrap();
    std::fs::copy(elsewhere.path("keys/kek.bin"), site.path("keys/kek.bin")).unwrap();
    site.run(&["serve"]).expect(1).says(&["people, portals or keys made by 'demo'", "[database] url"]);
    let site = site.with("PROVIDER__ENVIRONMENT", "demo");
    site.run(&["serve"]).expect(1).says(&["provider.environment"]);
}
