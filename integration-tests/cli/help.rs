//! Every command explains itself, and says by its exit code how it went.

use crate::harness::Site;
use serde_json::Value;

/// The names under "Commands:" of a help text.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Walks down from a command; gives how many there are.
fn walk(site: &Site, path: &[String]) -> usize {
    let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = site.run(&arguments).expect(0).out;
    let here = path.join(" ");
    for part in ["Examples:\n  ", "Exit codes: 0 ", "1 ", "2 used wrongly", "--json", "dinhdanh "] {
        assert!(help.contains(part), "the help of {here:?} lacks {part:?}:\n{help}");
    }
    if !path.is_empty() {
        assert!(help.contains(&format!("dinhdanh {here}")), "no example of {here:?} itself:\n{help}");
    }
    let below = commands(&help);
    1 + below.into_iter().map(|name| walk(site, &[path, &[name]].concat())).sum::<usize>()
}

#[test]
fn every_command_has_examples_exit_codes_and_json() {
    let site = Site::new();
    let count = walk(&site, &[]);
    assert_eq!(count, 26, "a command came or went: look at its help, then change this number");
}

#[test]
fn wrong_use_ends_with_2_and_failure_with_1() {
    let site = Site::new();
    for wrong in
        [&["frobnicate"][..], &[], &["client", "add"], &["client"], &["demo", "--port", "x"], &["keys", "make"]]
    {
        site.run(wrong).expect(2);
    }
    site.run(&["--version"]).expect(0);
    site.run(&["config", "explain", "tokens.cod_seconds"]).expect(1).says(&["did you mean: tokens.code_seconds"]);
    let done = site.run(&["client", "list", "--json"]).expect(1);
    assert!(done.json()["error"].as_str().unwrap().contains("no database"), "{done:?}");
    assert!(done.json()["help"].as_str().unwrap().contains("dinhdanh migrate"), "{done:?}");
    assert!(!site.path("data").exists(), "a command that only reads made a database");
}

/// The first line of the simulator tells programs where it listens.
#[test]
fn register_sim_says_where_it_listens_as_json() {
    let site = Site::new();
    let (_running, line) = site.start(&["register-sim", "--json", "--listen", "127.0.0.1:0", "--people", "3"]);
    let said: Value = serde_json::from_str(&line).unwrap();
    assert!(said["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{line}");
    assert_eq!((&said["people"], &said["seed"]), (&Value::from(3), &Value::from(7)));
}
