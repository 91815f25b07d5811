//! Tests of loading and of every message.

use super::layer::Layer;
use super::load::merge;
use super::reference::{Allowed, Kind, Reference};
use super::*;
use std::path::Path;

fn environment(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<Vec<_>>().into_iter()
}

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let reference = Reference::shipped().unwrap();
    let layers = vec![
        Layer::of_text(&reference, Path::new("my.toml"), file),
        Layer::of_environment(&reference, environment(variables)),
    ];
    merge(&reference, layers)
}

fn error(file: &str) -> String {
    load(file, &[]).unwrap_err().to_string()
}

fn environment_error(name: &str, text: &str) -> String {
    load("", &[(name, text)]).unwrap_err().to_string()
}

#[test]
fn the_defaults_load_and_every_value_knows_its_source() {
    let loaded = Config::load(None, std::iter::empty()).unwrap();
    assert_eq!(loaded.config.provider.issuer.as_str(), "http://localhost:8800");
    assert_eq!(loaded.config.provider.rp_id(), "localhost");
    assert_eq!(loaded.config.tokens.code_seconds, Seconds(60));
    assert_eq!(loaded.config.sign_in.code_seconds, Seconds(600));
    assert_eq!(loaded.config.acr.len(), 7);
    assert_eq!(loaded.config.acr[1].aliases, ["LoA2"]);
    assert!(loaded.config.acr[6].refuses_synced && !loaded.config.acr[0].refuses_synced);
    assert!(loaded.config.password.permits() >= 1);
    assert!(loaded.values.iter().all(|value| value.source == Source::Default));
    assert!(loaded.check().is_empty());
}

#[test]
fn every_default_key_is_explained_and_every_allowed_line_is_understood() {
    let reference = Reference::shipped().unwrap();
    assert!(reference.entries.len() > 60);
    for entry in &reference.entries {
        assert!(!entry.comment.is_empty() || entry.allowed_text.is_some(), "{} has no comment", entry.key);
        if matches!(entry.kind, Kind::Integer | Kind::IntegerList) {
            assert!(matches!(entry.allowed, Allowed::Range(low, high) if low < high), "{} has no range", entry.key);
        }
        if let Some(text) = &entry.allowed_text {
            let quoted = text.starts_with('"');
            assert_eq!(quoted, matches!(entry.allowed, Allowed::Choice(_)), "{}: {text}", entry.key);
        }
    }
    for section in &reference.sections {
        assert!(!section.comment.is_empty(), "[{}] has no comment", section.name);
    }
}

/// The words of an `Allowed:` line and the variants of its type are the same set.
#[test]
fn every_allowed_word_is_accepted_by_its_type() {
    let reference = Reference::shipped().unwrap();
    let mut tried = 0;
    for entry in reference.settable() {
        let Allowed::Choice(words) = &entry.allowed else { continue };
        for word in words {
            let value = if entry.kind == Kind::TextList { format!("[{word:?}]") } else { format!("{word:?}") };
            let result = load(&format!("{} = {value}\n", entry.key), &[]);
            let problems = result.err().map(|e| e.problems).unwrap_or_default();
            // "http" and the like may ask for a companion key; the key itself must not be at fault.
            assert!(problems.iter().all(|p| p.key != entry.key), "{} = {word}: {problems:?}", entry.key);
            tried += 1;
        }
    }
    assert!(tried > 20);
}

/// The ends of every range fit the integer type behind the key.
#[test]
fn both_ends_of_every_range_fit_their_type() {
    let reference = Reference::shipped().unwrap();
    for entry in reference.settable() {
        let Allowed::Range(low, high) = entry.allowed else { continue };
        for number in [low, high] {
            let list = entry.kind == Kind::IntegerList;
            let value = if list { format!("[{number}]") } else { number.to_string() };
            let result = load(&format!("{} = {value}\n", entry.key), &[]);
            let text = result.err().map(|e| e.to_string()).unwrap_or_default();
            assert!(!text.contains("integer") && !text.contains("invalid value"), "{text}");
        }
        for number in [low - 1, high + 1] {
            let list = entry.kind == Kind::IntegerList;
            let value = if list { format!("[{number}]") } else { number.to_string() };
            let text = error(&format!("{} = {value}\n", entry.key));
            assert!(text.contains(&format!("{}: {number} is out of range", entry.key)), "{text}");
        }
    }
}

#[test]
fn file_over_defaults_environment_over_file() {
    let file = "[tokens]\ncode_seconds = 30\naccess_token_seconds = 300\n";
    let loaded = load(file, &[("DINHDANH_TOKENS__CODE_SECONDS", "45")]).unwrap();
    assert_eq!(loaded.config.tokens.code_seconds, Seconds(45));
    assert_eq!(loaded.config.tokens.access_token_seconds, Seconds(300));
    assert_eq!(loaded.config.tokens.id_token_seconds, Seconds(600));
    let source = |key: &str| loaded.source(key).unwrap().to_string();
    assert_eq!(source("tokens.code_seconds"), "environment variable DINHDANH_TOKENS__CODE_SECONDS");
    assert_eq!(source("tokens.access_token_seconds"), "my.toml:3:1");
    assert_eq!(source("tokens.id_token_seconds"), "default");
}

#[test]
fn arguments_of_a_command_win() {
    let variables = environment(&[("DINHDANH_PROVIDER__ENVIRONMENT", "sandbox")]);
    let arguments = [("provider.environment", "demo".to_owned()), ("sign_in.code_seconds", "120".to_owned())];
    let loaded = Config::load_over(None, variables, &arguments).unwrap();
    assert_eq!(loaded.config.provider.environment, Environment::Demo);
    assert_eq!(loaded.config.sign_in.code_seconds, Seconds(120));
    assert_eq!(loaded.source("provider.environment"), Some(&Source::Argument));
    let refused = Config::load_over(None, environment(&[]), &[("provider.isuer", String::new())]).unwrap_err();
    assert_eq!(refused.to_string(), "command line: provider.isuer: there is no such key");
}

#[test]
fn every_way_to_write_a_section_is_read() {
    for file in [
        "[registers.population]\nadapter = \"none\"\nbreaker = { failures_to_open = 9 }\n",
        "registers.population.breaker.failures_to_open = 9\n",
        "[registers]\npopulation.breaker.failures_to_open = 9\n",
        "[registers.population.breaker]\nfailures_to_open = 9\n",
    ] {
        let loaded = load(file, &[]).unwrap();
        assert_eq!(loaded.config.registers.population.breaker.failures_to_open, 9, "{file}");
    }
    let loaded = load("", &[("DINHDANH_REGISTERS__POPULATION__BREAKER__FAILURES_TO_OPEN", "8")]).unwrap();
    assert_eq!(loaded.config.registers.population.breaker.failures_to_open, 8);
}

#[test]
fn a_misspelt_key_names_line_column_and_the_nearest_key() {
    assert_eq!(
        error("# mine\n[provider]\n  isuer = \"https://a.vn\"\n"),
        "my.toml:3:3: provider.isuer: there is no such key\n  did you mean: issuer\n  allowed: issuer, listen, \
         environment, service_name_vi, service_name_en, rp_id, hotline, hotline_hours"
    );
}

#[test]
fn a_key_in_the_wrong_section_is_told_its_place() {
    let text = error("[provider]\nmax_connections = 3\n");
    assert!(text.starts_with("my.toml:2:1: provider.max_connections: there is no such key"), "{text}");
    assert!(text.contains("\n  did you mean: database.max_connections\n"), "{text}");
    let text = error("issuer = \"https://a.vn\"\n");
    assert!(text.contains("my.toml:1:1: issuer: there is no such key\n  did you mean: provider.issuer\n"), "{text}");
}

#[test]
fn a_misspelt_section_names_the_nearest_section() {
    let text = error("[tokens]\n\n[databse]\nurl = \"sqlite://x.db\"\n");
    assert!(text.starts_with("my.toml:3:2: databse: there is no such section\n  did you mean: database\n"), "{text}");
    let text = error("[zzzzzzzzzzzz]\na = 1\n");
    assert!(text.starts_with("my.toml:1:2: zzzzzzzzzzzz: there is no such section\n  allowed: provider,"), "{text}");
}

#[test]
fn a_word_outside_the_list_names_the_list_and_the_nearest() {
    assert_eq!(
        error("[provider]\nenvironment = \"prodution\"\n"),
        "my.toml:2:15: provider.environment: \"prodution\" is not one of the allowed values\n  did you mean: \
         \"production\"\n  allowed: \"production\", \"sandbox\", \"demo\", \"conformance\""
    );
    assert!(error("sms.sender = \"test_inbox\"\n").contains("did you mean: \"test-inbox\""));
    let text = error("[keys]\nalgorithms = [\"ES256\",\n  \"HS256\"]\n");
    assert!(text.starts_with("my.toml:3:3: keys.algorithms: \"HS256\" is not one of the allowed values"), "{text}");
}

#[test]
fn a_wrong_type_names_both_types() {
    assert_eq!(
        error("[tokens]\ncode_seconds = \"60\"\n"),
        "my.toml:2:16: tokens.code_seconds: expected a whole number, found a text\n  allowed: 10 to 600"
    );
    assert!(error("tokens.code_seconds = 1.5\n").contains("expected a whole number, found a decimal number"));
    assert!(error("metrics.enabled = \"yes\"\n").contains("expected true or false, found a text"));
    assert!(error("keys.algorithms = 30\n").contains("expected a list"));
    assert!(error("keys.algorithms = []\n").contains("the list is empty"));
    assert!(error("tokens = 3\n").contains("my.toml:1:1: tokens: this is a section: its keys stand under [tokens]"));
    let text = error("[tokens.code_seconds]\nx = 1\n");
    assert!(text.contains("tokens.code_seconds: expected a whole number, found a table"), "{text}");
    assert!(error("acr = 3\n").contains("acr: expected one or more tables, each under [[acr]]"));
    assert!(error("acr = []\n").contains("acr: expected one or more tables, each under [[acr]]"));
}

#[test]
fn an_integer_out_of_range_names_the_range() {
    assert_eq!(
        error("[tokens]\ncode_seconds = 0\n"),
        "my.toml:2:16: tokens.code_seconds: 0 is out of range\n  allowed: 10 to 600"
    );
}

#[test]
fn a_value_its_type_refuses_is_placed_too() {
    let text = error("[provider]\n\nlisten = \"localhost:8800\"\n");
    assert_eq!(
        text,
        "my.toml:3:1: provider.listen: invalid socket address syntax\n  allowed: an IP address and a port"
    );
    let text = error("provider.issuer = \"https://id.gov.vn/\"\n");
    assert!(text.contains("written \"https://id.gov.vn\""), "{text}");
    let text = environment_error("DINHDANH_SMS__HTTP_URL", "not a url");
    assert!(text.starts_with("environment variable DINHDANH_SMS__HTTP_URL: sms.http_url: this is not a URL"), "{text}");
}

#[test]
fn broken_toml_names_the_place() {
    let text = error("[provider]\nissuer = \n");
    assert!(text.starts_with("my.toml:2:10: this is not TOML: "), "{text}");
    let text = error("[provider]\nhotline = \"1\"\nhotline = \"2\"\n");
    assert!(text.starts_with("my.toml:3:1: this is not TOML: duplicate key"), "{text}");
}

#[test]
fn all_mistakes_are_named_at_once_in_the_order_of_the_file() {
    let text =
        error("[provider]\nlisten = \"x\"\nisuer = \"\"\n[tokens]\ncode_seconds = 0\n[log]\nfromat = \"json\"\n");
    let keys: Vec<&str> = ["provider.listen", "provider.isuer", "tokens.code_seconds", "log.fromat"].to_vec();
    let places: Vec<usize> = keys.iter().map(|key| text.find(&format!(": {key}: ")).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn columns_count_characters_not_bytes() {
    let text = error("provider.service_name_vi = \"Định danh\" # Định danh\nsms = { sender = \"đ\" }\n");
    assert!(text.starts_with("my.toml:2:18: sms.sender: \"đ\" is not one of"), "{text}");
}

#[test]
fn an_unknown_variable_names_the_nearest() {
    assert_eq!(
        environment_error("DINHDANH_PROVIDER__ISUER", "https://a.vn"),
        "environment variable DINHDANH_PROVIDER__ISUER: provider.isuer: there is no such key\n  did you mean: \
         DINHDANH_PROVIDER__ISSUER"
    );
    assert!(environment_error("DINHDANH_PROVIDR__ISSUER", "").contains("did you mean: DINHDANH_PROVIDER__ISSUER"));
    assert!(environment_error("DINHDANH_X__Y", "").ends_with("x.y: there is no such key"));
}

#[test]
fn one_underscore_instead_of_two_is_told() {
    let text = environment_error("DINHDANH_PROVIDER_ISSUER", "https://a.vn");
    assert_eq!(
        text,
        "environment variable DINHDANH_PROVIDER_ISSUER: two underscores stand between section and key\n  did you mean: \
         DINHDANH_PROVIDER__ISSUER"
    );
}

#[test]
fn names_made_by_container_platforms_are_left_alone() {
    let names =
        [("DINHDANH_SERVICE_HOST", "10.0.0.1"), ("DINHDANH_CACHE_SERVICE_PORT", "6379"), ("DINHDANH_BIN", "/x")];
    assert!(load("", &names).is_ok());
}

#[test]
fn a_variable_is_held_against_the_same_rules() {
    assert_eq!(
        environment_error("DINHDANH_TOKENS__CODE_SECONDS", "sixty"),
        "environment variable DINHDANH_TOKENS__CODE_SECONDS: tokens.code_seconds: expected a whole number, written as \
         in the file, such as 60\n  allowed: 10 to 600"
    );
    assert!(environment_error("DINHDANH_TOKENS__CODE_SECONDS", "0").contains("0 is out of range"));
    assert!(environment_error("DINHDANH_ACR", "[]").contains("acr: this list is set in the file only"));
    assert!(environment_error("DINHDANH_ACR__NAME", "x").contains("acr.name: there is no such key"));
}

#[test]
fn rows_of_a_list_are_checked_one_by_one() {
    let row = "[[acr]]\nname = \"low\"\nminimum_identity_level = 0\nminimum_authentication_level = 1\n";
    let loaded = load(row, &[]).unwrap();
    assert_eq!(loaded.config.acr.len(), 1);
    assert_eq!(loaded.config.acr[0].aliases, Vec::<String>::new());
    let text = error(&format!(
        "{row}[[acr]]\nname = \"high\"\nminimum_identity_level = 3\nminimum_authentication_levle = 1\n"
    ));
    assert!(text.contains("my.toml:7:26: acr.minimum_identity_level: 3 is out of range\n  allowed: 0 to 2"), "{text}");
    assert!(text.contains(
        "my.toml:8:1: acr.minimum_authentication_levle: there is no such key\n  did you mean: minimum_authent"
    ));
    assert!(
        text.contains("my.toml:5:1: acr.minimum_authentication_level: this row has no minimum_authentication_level"),
        "{text}"
    );
    let text = error(&format!("{row}{row}"));
    assert!(text.starts_with("my.toml:1:3: acr: the value \"low\" stands twice"), "{text}");
    let text = error("acr = [{ name = \"a b\", minimum_identity_level = 0, minimum_authentication_level = 1 }]\n");
    assert!(text.contains("acr: a value has no spaces"), "{text}");
}

#[test]
fn i17_a_password_in_the_file_is_refused_and_not_repeated() {
    for file in [
        "database.url = \"postgres://dinhdanh:hunter2@db/x\"\n",
        "cache.url = \"redis://:hunter2@cache\"\n",
        "[email]\nurl = \"smtps://u:hunter2@mail\"\n",
        "database.url = \"postgres://db/x?password=hunter2\"\n",
    ] {
        let text = error(file);
        assert!(text.contains("a password stands in the file\n  to do: name a file"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn i17_a_password_from_the_environment_works_and_is_hidden_everywhere() {
    let loaded = load("", &[("DINHDANH_DATABASE__URL", "postgres://u:hunter2@db/x")]).unwrap();
    assert_eq!(loaded.config.database.connection_url().unwrap().expose(), "postgres://u:hunter2@db/x");
    let shown = format!("{}{}{:?}{:?}", loaded.print_effective(), loaded.effective_json(), loaded, loaded.config);
    assert!(shown.contains("postgres://u:[secret]@db/x"));
    assert!(!shown.contains("hunter2"));
    let text = environment_error("DINHDANH_EMAIL__URL", "smtp://u:hunter2@:x");
    assert!(!text.contains("hunter2"), "{text}");
    let text = environment_error("DINHDANH_SMS__HTTP_URL", "https://u:hunter2@:x");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn contradictions_name_the_key_to_change() {
    for (file, key, what) in [
        ("provider.rp_id = \"gov.vn\"", "provider.rp_id", "passkeys work only for"),
        ("session.level_1_idle_seconds = 50000", "session.level_1_idle_seconds", "longer than the absolute"),
        ("tokens.refresh_idle_days = 91", "tokens.refresh_idle_days", "outlive its family"),
        ("sms.sender = \"http\"", "sms.http_url", "needs the gateway's address"),
        ("sms.sender = \"http\"", "sms.token_file", "needs the gateway's token"),
        ("email.url = \"imap://mail\"", "email.url", "no address of a mail server"),
        ("registers.population.tls.ca = \"a\"", "registers.population.tls.certificate", "mutual TLS"),
        ("sms.http_url = \"http://gateway.vn\"", "sms.http_url", "unprotected"),
        ("email.sender = \"smtp\"", "email.url", "needs the mail server's address"),
        ("registers.population.adapter = \"xroad\"", "registers.population.base_url", "needs it"),
        ("registers.population.client = \"VN/GOV\"", "registers.population.client", "three or four parts"),
        ("registers.population.service = \"VN/GOV/1/x\"", "registers.population.service", "five parts"),
        ("registers.population.tls.certificate = \"a\"", "registers.population.tls.key", "set together"),
        ("registers.population.user_id_prefix = \"vn\"", "registers.population.user_id_prefix", "two capital"),
        ("database.url = \"mysql://x\"", "database.url", "no address of a database"),
        ("database.password_file = \"x\"", "database.password_file", "SQLite has no password"),
        ("cache.url = \"http://x\"", "cache.url", "no address of a cache"),
        ("keys.algorithms = [\"ES256\", \"ES256\"]", "keys.algorithms", "named twice"),
        ("metrics = { enabled = true, listen = \"127.0.0.1:8800\" }", "metrics.listen", "of their own"),
        ("keys = { jwks_max_age_seconds = 86400, rotation_days = 2 }", "keys.rotation_days", "every cache"),
    ] {
        let found = load(file, &[]).unwrap_err();
        let hit = found.problems.iter().any(|p| p.key == key && p.what.contains(what));
        assert!(hit, "{file}: {found}");
    }
    let text = error("\nprovider.rp_id = \"gov.vn\"\n");
    assert!(text.starts_with("my.toml:2:10: provider.rp_id: passkeys"), "{text}");
}

#[test]
fn an_rp_id_above_the_host_is_accepted_but_no_suffix_of_a_word() {
    let set = |id: &str| load(&format!("provider.issuer = \"https://id.gov.vn\"\nprovider.rp_id = \"{id}\"\n"), &[]);
    assert_eq!(set("gov.vn").unwrap().config.provider.rp_id(), "gov.vn");
    assert_eq!(set("id.gov.vn").unwrap().config.provider.rp_id(), "id.gov.vn");
    for bad in ["vn", "d.gov.vn", ".gov.vn", "ov.vn", "evil.vn"] {
        assert!(set(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_missing_file_and_a_file_that_is_no_text_are_told() {
    let missing = Config::load(Some(Path::new("/no/such/file.toml")), environment(&[])).unwrap_err().to_string();
    assert!(missing.starts_with("/no/such/file.toml: the file cannot be read: "), "{missing}");
    let path = std::env::temp_dir().join(format!("dinhdanh-config-{}.toml", std::process::id()));
    std::fs::write(&path, [0x61, 0xff]).unwrap();
    let bad = Config::load(Some(&path), environment(&[])).unwrap_err().to_string();
    assert!(bad.ends_with("the file is not UTF-8 text"), "{bad}");
    std::fs::write(&path, DEFAULT_TOML).unwrap();
    let whole = Config::load(Some(&path), environment(&[])).unwrap();
    assert_eq!(whole.config.acr, Config::defaults().unwrap().acr);
    assert!(whole.values.iter().all(|value| matches!(value.source, Source::File { .. })));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_is_printed_can_be_read_back() {
    let file = "[log]\nfilter = \"debug\"\n[[acr]]\nname = \"a\"\nminimum_identity_level = 1\nminimum_authentication_level = 2\n";
    let loaded = load(file, &[]).unwrap();
    let printed = loaded.print_effective();
    assert!(printed.contains("[tokens]\ncode_seconds = 60  # default\n"), "{printed}");
    assert!(printed.contains("filter = \"debug\"  # my.toml:2:1\n"), "{printed}");
    let again = load(&printed, &[]).unwrap();
    assert_eq!(again.config.log.filter, "debug");
    assert_eq!(again.config.acr, loaded.config.acr);
    let json = loaded.effective_json();
    let rows = json.as_array().unwrap();
    assert_eq!(rows.len(), loaded.values.len());
    let row = rows.iter().find(|row| row["key"] == "log.filter").unwrap();
    assert_eq!(row["source"]["line"], 2);
    assert_eq!(row["value"], "\"debug\"");
}

#[test]
fn explain_tells_comment_type_allowed_default_and_variable() {
    assert_eq!(
        explain("tokens.code_seconds").unwrap(),
        "tokens.code_seconds\n  An authorization code (RFC 6749 4.1.2). It works once; portals redeem it at once. Clients of a \
         FAPI 2.0 profile get 60\n  seconds at most.\n  type: a whole number\n  allowed: 10 to 600\n  default: 60\n  environment: DINHDANH_TOKENS__CODE_SECONDS\n"
    );
    let section = explain("registers.population").unwrap();
    assert!(section.starts_with("[registers.population]\n  The national population register.\n"), "{section}");
    assert!(section.contains("registers.population.tls.ca\n"), "{section}");
    let list = explain("acr").unwrap();
    assert!(list.contains("type: a list of tables") && list.contains("acr.needs_settled"), "{list}");
    assert!(!list.contains("environment: DINHDANH_ACR"), "{list}");
    let provider = explain("provider").unwrap();
    assert!(!provider.contains("Dinhdanh: every setting"), "the head of the file is not the section's comment");
    let wrong = explain("tokens.cod_seconds").unwrap_err().to_string();
    assert_eq!(wrong, "tokens.cod_seconds: there is no such key\n  did you mean: tokens.code_seconds");
}

#[test]
fn production_refuses_a_test_bench() {
    let keys = |file: &str| -> Vec<String> {
        let config = load(file, &[]).unwrap().config;
        let problems = production_problems(&config);
        assert!(problems.iter().all(|p| p.fix.is_some() && !p.what.is_empty()));
        problems.into_iter().map(|p| p.key).collect()
    };
    let good = "provider.issuer = \"https://id.gov.vn\"\nsms.sender = \"http\"\nsms.http_url = \"https://sms.vn\"\n\
                sms.token_file = \"env:SMS_TOKEN\"\n\
                [registers.population]\nadapter = \"xroad\"\nbase_url = \"https://ss\"\nclient = \"VN/G/1/c\"\n\
                service = \"VN/G/2/s/person\"\n";
    assert_eq!(keys(good), Vec::<String>::new());
    assert_eq!(keys(""), ["sms.sender", "registers.population.adapter"]);
    assert_eq!(keys(&good.replace("https://id.gov.vn", "http://id.gov.vn")), ["provider.issuer"]);
    assert_eq!(keys(&good.replace("https://id.gov.vn", "http://localhost.evil")), ["provider.issuer"]);
    assert_eq!(keys(&good.replace("https://id.gov.vn", "http://127.0.0.1:8800")), Vec::<String>::new());
    assert_eq!(keys(&format!("provider.environment = \"demo\"\n{good}")), ["provider.environment"]);
    assert_eq!(keys(&format!("voice.sender = \"test-inbox\"\n{good}")), ["voice.sender"]);
    assert_eq!(keys(&format!("email.sender = \"test-inbox\"\n{good}")), ["email.sender"]);
    assert_eq!(keys(&format!("backchannel.allow_loopback = true\n{good}")), ["backchannel.allow_loopback"]);
    for key in ["conformance.ciba_approval", "conformance.open_door_clients", "conformance.resource"] {
        assert_eq!(keys(&format!("{key} = true\n{good}")), [key]);
    }
    assert_eq!(keys(&format!("conformance.scopes = \"accounts\"\n{good}")), ["conformance.scopes"]);
    let sandbox =
        "provider.environment = \"sandbox\"\nprovider.issuer = \"http://id.vn\"\nsms.sender = \"test-inbox\"\n";
    assert_eq!(keys(sandbox), ["provider.issuer"]);
}

#[cfg(unix)]
#[test]
fn check_looks_at_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("dinhdanh-token-{}", std::process::id()));
    std::fs::write(&path, "hunter2\n").unwrap();
    let mode = |mode: u32| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let file = format!("\nsms.token_file = {:?}\n", path.display().to_string());
    mode(0o600);
    assert!(load(&file, &[]).unwrap().check().is_empty());
    mode(0o644);
    let problems = load(&file, &[]).unwrap().check();
    assert_eq!(problems.len(), 1);
    let text = problems[0].to_string();
    assert!(text.starts_with("my.toml:2:5: sms.token_file: every user of this machine can read"), "{text}");
    assert!(text.contains("to do: chmod 600") && !text.contains("hunter2"), "{text}");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(load(&file, &[]).unwrap().check().len(), 1);
}

#[test]
fn a_mail_server_is_taken_apart() {
    let server = |url: &str| {
        let loaded = load("", &[("DINHDANH_EMAIL__URL", url)]).unwrap();
        loaded.config.email.smtp_server().unwrap().unwrap()
    };
    let with_tls = server("smtps://no-reply%40dinhdanh.vn:a%2Bb+c@mail.vn");
    assert_eq!((with_tls.host.as_str(), with_tls.port, with_tls.protection), ("mail.vn", 465, SmtpProtection::Tls));
    let (user, password) = with_tls.credentials.unwrap();
    assert_eq!((user.as_str(), password.expose()), ("no-reply@dinhdanh.vn", "a+b+c"));
    let start = server("smtp://mail.vn:2525");
    assert_eq!((start.port, start.protection, start.credentials.is_none()), (2525, SmtpProtection::StartTls, true));
    for local in ["smtp://127.0.0.1", "smtp://localhost:25"] {
        assert_eq!(server(local).protection, SmtpProtection::None, "{local}");
    }
    assert_eq!(server("smtp://127.0.0.1.evil").protection, SmtpProtection::StartTls);
    assert!(Config::defaults().unwrap().email.smtp_server().unwrap().is_none());
}
