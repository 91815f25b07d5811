//! `config`: check it, explain a key, print what is in force.

use super::ConfigArgument;
use super::output::{self, Failure};
use crate::config::{self, Config, Loaded, Problem, Source, production_problems};
use clap::Subcommand;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Examples for `config --help`.
pub const HELP: &str = "Examples:
  dinhdanh config check --config /etc/dinhdanh.toml
  dinhdanh config explain keys.rotation_days
  dinhdanh config print > /etc/dinhdanh.toml
  dinhdanh config print --effective

Exit codes: 0 done, 1 refused or failed, 2 used wrongly.";

const HELP_CHECK: &str = "Examples:
  dinhdanh config check --config /etc/dinhdanh.toml
  dinhdanh config check --config /etc/dinhdanh.toml --json

Reads file and environment as 'serve' does, looks at the files that settings point to, and names what stands between
these settings and real people. Each problem says its place, what is allowed and the nearest name.

Exit codes: 0 nothing is wrong, 1 something is wrong, 2 used wrongly.";

const HELP_EXPLAIN: &str = "Examples:
  dinhdanh config explain tokens.code_seconds
  dinhdanh config explain registers.population

Exit codes: 0 done, 1 no such key, 2 used wrongly.";

const HELP_PRINT: &str = "Examples:
  dinhdanh config print > /etc/dinhdanh.toml
  dinhdanh config print --effective --config /etc/dinhdanh.toml

Without --effective: every setting with its default and its explanation. With it: every value in force and where it came
from. Passwords are never printed.

Exit codes: 0 done, 1 refused or failed, 2 used wrongly.";

/// What `config` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigurationArguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Say what is wrong with the configuration.
    #[command(after_help = HELP_CHECK)]
    Check,
    /// Explain a key or a section: what it is for, what is allowed, its default, its environment variable.
    #[command(after_help = HELP_EXPLAIN)]
    Explain {
        /// The key or section, such as tokens.code_seconds.
        key: String,
    },
    /// Print the reference, or the values in force.
    #[command(after_help = HELP_PRINT)]
    Print {
        /// The values in force, with the source of each.
        #[arg(long)]
        effective: bool,
    },
}

/// `config`.
pub fn run(arguments: ConfigurationArguments, json: bool) -> Result<ExitCode, Failure> {
    match arguments.action {
        Action::Check => return Ok(check(&arguments.config, json)),
        Action::Explain { key } => explain(&key, json)?,
        Action::Print { effective } => print(&arguments.config, effective, json)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings of a command, or everything that is wrong with them.
pub fn load(argument: &ConfigArgument) -> Result<Loaded, Vec<Problem>> {
    Config::load(argument.config.as_deref(), std::env::vars()).map_err(|error| error.problems)
}

fn check(argument: &ConfigArgument, json: bool) -> ExitCode {
    let problems = match load(argument) {
        Ok(loaded) => {
            let mut problems = loaded.check();
            problems.extend(production_problems(&loaded.config));
            problems
        }
        Err(problems) => problems,
    };
    if json {
        let list: Vec<Value> = problems.iter().map(facts).collect();
        output::json(&json!({ "ok": problems.is_empty(), "problems": list }));
    } else if problems.is_empty() {
        output::line("Nothing is wrong.");
    } else {
        for problem in &problems {
            output::line(problem.to_string());
        }
    }
    ExitCode::from(u8::from(!problems.is_empty()))
}

/// A problem for programs.
fn facts(problem: &Problem) -> Value {
    let (file, line, column) = match &problem.source {
        Some(Source::File { path, line, column }) => (Some(path.display().to_string()), Some(*line), Some(*column)),
        _ => (None, None, None),
    };
    json!({
        "key": problem.key, "what": problem.what, "source": problem.source.as_ref().map(ToString::to_string),
        "file": file, "line": line, "column": column,
        "nearest": problem.nearest, "allowed": problem.allowed, "fix": problem.fix,
    })
}

fn explain(key: &str, json: bool) -> Result<(), Failure> {
    let text = config::explain(key)?;
    if json {
        output::json(&json!({ "key": key, "text": text }));
    } else {
        output::line(text.trim_end());
    }
    Ok(())
}

fn print(argument: &ConfigArgument, effective: bool, json: bool) -> Result<(), Failure> {
    match (effective, json) {
        (true, true) => output::json(&json!({ "values": super::serve::load(argument)?.effective_json() })),
        (true, false) => output::line(super::serve::load(argument)?.print_effective().trim_end()),
        (false, true) => {
            output::json(&json!({ "values": Config::load(None, std::iter::empty())?.effective_json() }));
        }
        (false, false) => output::line(config::DEFAULT_TOML.trim_end()),
    }
    Ok(())
}
