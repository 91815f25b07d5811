//! `config`: what is wrong is said so that it can be mended without a search.

use crate::harness::Site;
use serde_json::Value;

const WRONG: &str = "[keys]
rotation_day = 30
jwks_max_age_seconds = 5

[log]
format = \"jsn\"

[lgo]
filter = \"info\"
";

#[test]
fn a_wrong_line_says_file_line_allowed_values_and_nearest_key() {
    let site = Site::new();
    site.file("wrong.toml", WRONG);
    let done = site.run(&["config", "check", "--config", "wrong.toml"]).expect(1);
    done.says(&[
        "wrong.toml:2:1: keys.rotation_day: ",
        "did you mean: rotation_days",
        "wrong.toml:3:24: keys.jwks_max_age_seconds: 5 is out of range",
        "allowed: 60 to 86400",
        "wrong.toml:6:10: log.format: ",
        "did you mean: \"json\"",
        "allowed: \"json\", \"pretty\"",
        "wrong.toml:8:2: lgo: ",
        "did you mean: log",
    ]);
    let answer = site.run(&["config", "check", "--config", "wrong.toml", "--json"]).expect(1).json();
    assert_eq!(answer["ok"], false);
    let first: &Value = &answer["problems"][0];
    assert_eq!((first["file"].as_str(), first["line"].as_u64()), (Some("wrong.toml"), Some(2)), "{answer}");
    assert_eq!(first["nearest"], "rotation_days");
    // Every other command refuses such a file as well.
    for command in [&["serve"][..], &["migrate"], &["keys", "list"], &["client", "list"], &["doctor"]] {
        site.run(&[command, &["--config", "wrong.toml"]].concat()).expect(1).says(&["wrong.toml:2"]);
    }
    assert!(!site.path("data").exists() && !site.path("keys").exists());
}

#[test]
fn what_serve_would_refuse_is_named() {
    let site = Site::new();
    site.run(&["config", "check"]).expect(1).says(&["sms.sender", "registers.population.adapter"]);
    let site = site.real();
    site.run(&["config", "check"]).expect(0).says(&["Nothing is wrong."]);
    assert_eq!(site.run(&["config", "check", "--json"]).expect(0).json()["ok"], true);
    let missing = site.with("SMS__TOKEN_FILE", "no-such-file");
    missing.run(&["config", "check"]).expect(1).says(&["sms.token_file", "no-such-file"]);
}

#[test]
fn i17_passwords_are_not_printed() {
    let site = Site::new().with("DATABASE__URL", "postgres://dinhdanh:hunter2@db/dinhdanh");
    let text = site.run(&["config", "print", "--effective"]).expect(0);
    assert!(!text.out.contains("hunter2"), "{text:?}");
    assert!(text.out.contains("postgres://dinhdanh:[secret]@db/dinhdanh"), "{text:?}");
    assert!(text.out.contains("# environment variable DINHDANH_DATABASE__URL"), "{text:?}");
    let json = site.run(&["config", "print", "--effective", "--json"]).expect(0);
    assert!(!json.out.contains("hunter2"));
    let values = json.json()["values"].as_array().unwrap().clone();
    let url = values.iter().find(|value| value["key"] == "database.url").unwrap();
    assert_eq!(url["source"]["kind"], "environment");
}

#[test]
fn the_printed_reference_is_a_file_that_can_be_used() {
    let site = Site::new();
    let reference = site.run(&["config", "print"]).expect(0).out;
    site.file("own.toml", &reference);
    let values = |arguments: &[&str]| {
        let answer = site.run(arguments).expect(0).json();
        let list = answer["values"].as_array().unwrap().clone();
        list.into_iter().map(|value| (value["key"].clone(), value["value"].clone())).collect::<Vec<_>>()
    };
    let own = values(&["config", "print", "--effective", "--json", "--config", "own.toml"]);
    assert!(own.len() > 40);
    assert_eq!(own, values(&["config", "print", "--json"]));
}

#[test]
fn a_key_and_a_section_are_explained() {
    let site = Site::new();
    let key = site.run(&["config", "explain", "keys.rotation_days"]).expect(0);
    key.says(&["allowed: 1 to 730", "default: 90", "environment: DINHDANH_KEYS__ROTATION_DAYS"]);
    let section = site.run(&["config", "explain", "keys", "--json"]).expect(0).json();
    assert!(section["text"].as_str().unwrap().contains("keys.rotation_days"));
}
