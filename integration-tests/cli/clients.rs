//! `client`: metadata in, JSON out, on both stores.

use crate::harness::{Site, any_file_holds};
use serde_json::{Value, json};

fn portal() -> Value {
    json!({
        "client_name": "My portal", "client_name#vi": "Cổng của tôi",
        "redirect_uris": ["https://portal.example/callback"],
        "scope": "openid profile",
        "sharing": {
            "claims": ["name"], "purpose": { "vi": "Nhận hồ sơ", "en": "To receive applications" },
            "legal_basis": "Decree 118/2025/ND-CP", "basis_kind": "consent", "term_days": 30,
        },
    })
}

#[test]
fn clients_are_added_listed_shown_and_disabled_on_both_stores() {
    Site::each(|site| {
        let site = site.migrated();
        assert_eq!(site.run(&["client", "list", "--json"]).expect(0).json(), json!({ "clients": [] }));
        site.file("portal.json", &portal().to_string());
        let added = site.run(&["client", "add", "portal.json", "--id", "my-portal", "--json"]).expect(0).json();
        assert_eq!(added["client_id"], "my-portal");
        assert!(added["client_secret"].as_str().unwrap().len() >= 43, "{added}");
        assert_eq!(added["metadata"]["redirect_uris"], portal()["redirect_uris"]);
        assert_eq!(added["metadata"]["token_endpoint_auth_method"], "client_secret_basic");
        assert_eq!(added["metadata"]["sharing"], portal()["sharing"]);

        let shown = site.run(&["client", "show", "my-portal", "--json"]).expect(0).json();
        assert_eq!(shown["metadata"], added["metadata"]);
        assert_eq!(shown["status"], "active");
        assert!(shown.get("client_secret").is_none(), "{shown}");
        assert_eq!(site.run(&["client", "list", "--json"]).expect(0).json(), json!({ "clients": [shown] }));

        let taken = site.run(&["client", "add", "portal.json", "--id", "my-portal", "--json"]).expect(1);
        assert_eq!(taken.json()["reason"], "client_id_taken");

        let disabled = site.run(&["client", "disable", "my-portal", "--json"]).expect(0).json();
        assert_eq!(disabled, json!({ "client_id": "my-portal", "status": "disabled" }));
        assert_eq!(site.run(&["client", "show", "my-portal", "--json"]).expect(0).json()["status"], "disabled");
        site.run(&["client", "list"]).expect(0).says(&["my-portal", "disabled", "Cổng của tôi"]);
        for verb in ["show", "disable"] {
            site.run(&["client", verb, "nobody"]).expect(1).says(&["\"nobody\"", "dinhdanh client list"]);
        }
    });
}

#[test]
fn metadata_comes_from_standard_input_too_and_public_clients_have_no_secret() {
    let site = Site::new().migrated();
    let public = json!({
        "client_name": "App", "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none",
    });
    let added = site.run_with_input(&["client", "add", "-", "--json"], &public.to_string()).expect(0).json();
    assert!(added.get("client_secret").is_none(), "{added}");
    assert_eq!(added["client_id"].as_str().unwrap().len(), 22);
}

#[test]
fn i17_a_client_secret_is_shown_once_and_kept_nowhere() {
    let site = Site::new().migrated();
    site.file("portal.json", &portal().to_string());
    let done = site.run(&["client", "add", "portal.json", "--id", "my-portal"]).expect(0);
    let secret = done.json()["client_secret"].as_str().unwrap().to_owned();
    assert!(done.err.contains("shown this once"), "{done:?}");
    assert!(!done.err.contains(&secret));
    assert!(any_file_holds(&site.folder, b"my-portal"), "the search must be able to find something");
    assert!(!any_file_holds(&site.folder, secret.as_bytes()));
}

#[test]
fn refused_metadata_says_code_description_and_reason() {
    let site = Site::new().migrated();
    let refused = |change: Value, code: &str, reason: &str, words: &str| {
        let mut metadata = portal();
        for (name, value) in change.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        let done = site.run_with_input(&["client", "add", "-", "--json"], &metadata.to_string()).expect(1);
        let answer = done.json();
        assert_eq!((answer["error"].as_str(), answer["reason"].as_str()), (Some(code), Some(reason)), "{done:?}");
        assert!(answer["error_description"].as_str().unwrap().contains(words), "{done:?}");
        assert!(done.err.contains(code) && done.err.contains(words) && done.err.contains(reason), "{done:?}");
    };
    let metadata = "invalid_client_metadata";
    refused(json!({ "redirect_urls": [] }), metadata, "unknown_metadata_member", "redirect_uris");
    refused(json!({ "scope": "profile" }), metadata, "scope_without_openid", "openid");
    refused(json!({ "require_pkce": "no" }), metadata, "wrong_metadata_member", "true or false");
    refused(
        json!({ "redirect_uris": ["https://portal.example/*"] }),
        "invalid_redirect_uri",
        "redirect_uri_refused",
        "",
    );
    site.run_with_input(&["client", "add", "-"], "{").expect(1).says(&["metadata_not_json"]);
    site.run(&["client", "add", "nothing.json"]).expect(1).says(&["nothing.json cannot be read"]);
    assert_eq!(site.run(&["client", "list", "--json"]).expect(0).json(), json!({ "clients": [] }));
}

#[test]
fn a5_plain_http_on_this_machine_is_for_test_installations_only() {
    let site = Site::new().migrated();
    let mut metadata = portal();
    metadata["redirect_uris"] = json!(["http://localhost:7000/callback"]);
    let text = metadata.to_string();
    let done = site.run_with_input(&["client", "add", "-", "--json"], &text).expect(1);
    assert_eq!(done.json()["error"], "invalid_redirect_uri");
    let site = site.with("PROVIDER__ENVIRONMENT", "sandbox");
    site.run_with_input(&["client", "add", "-"], &text).expect(0);
    let lookalike = text.replace("localhost", "localhost.example");
    site.run_with_input(&["client", "add", "-"], &lookalike).expect(1).says(&["invalid_redirect_uri"]);
}

#[test]
fn running_nodes_are_told_over_redis() {
    let url = std::env::var("DINHDANH_TEST_REDIS")
        .unwrap_or_else(|_| panic!("no Redis: run ./integration-tests/run, or set DINHDANH_TEST_REDIS"));
    let site = Site::new().with("CACHE__URL", &url).migrated();
    let client_id = format!("told-{}", std::process::id());
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    connection.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let mut ear = connection.as_pubsub();
    ear.psubscribe("*").unwrap();
    // Other tests may speak on the same server.
    let mut heard = |message: &str| loop {
        let found = ear.get_message().unwrap();
        if found.get_payload::<String>().is_ok_and(|payload| payload == message) {
            return found.get_channel_name().to_owned();
        }
    };
    site.run_with_input(&["client", "add", "-", "--id", &client_id], &portal().to_string()).expect(0);
    let added = heard(&client_id);
    assert!(added.ends_with("client-changed"), "{added}");
    site.run(&["client", "disable", &client_id]).expect(0);
    assert_eq!(heard(&client_id), added);
}
