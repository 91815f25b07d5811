//! The commands of the program.
//!
//! Exit codes, the same for every command: 0 done, 1 refused or failed (the message says what to do),
//! 2 used wrongly (clap's own code).

mod client;
mod configuration;
mod conformance;
mod demo;
mod doctor;
mod keys;
mod output;
mod registration_token;
mod serve;

use crate::app;
use crate::config::{Config, LogFormat};
use crate::db::Db;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

pub use output::Failure;

const HELP: &str = "Examples:
  dinhdanh demo
  dinhdanh config check --config /etc/dinhdanh.toml
  dinhdanh serve --config /etc/dinhdanh.toml
  dinhdanh client add --help

Exit codes: 0 done, 1 refused or failed, 2 used wrongly.";

/// OpenID Connect provider and identity broker for public services.
#[derive(Debug, Parser)]
#[command(name = "dinhdanh", version, after_help = HELP)]
struct Cli {
    /// Print results as JSON, one value per line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// Where a command finds its configuration.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArgument {
    /// Configuration file (TOML). Without it the built-in defaults and the environment hold.
    #[arg(long, short, global = true, value_name = "FILE", env = "DINHDANH_CONFIG")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine: provider, register simulator, two sample portals, test people.
    #[command(after_help = demo::HELP)]
    Demo(demo::DemoArguments),
    /// Run the provider as the suites of the OpenID Foundation test it: one made-up person, self-signed certificate.
    #[command(after_help = conformance::HELP)]
    Conformance(conformance::ConformanceArguments),
    /// Run the provider with a configuration of your own.
    #[command(after_help = serve::HELP)]
    Serve(ConfigArgument),
    /// Bring the database's schema up to date. Safe to run twice, or from two machines at once.
    #[command(
        after_help = "Examples:\n  dinhdanh migrate --config /etc/dinhdanh.toml\n\nExit codes: 0 done, 1 refused or failed, 2 used wrongly."
    )]
    Migrate(ConfigArgument),
    /// Signing keys.
    #[command(after_help = keys::HELP)]
    Keys(keys::KeysArguments),
    /// Portals (OAuth clients), by RFC 7591 metadata.
    #[command(after_help = client::HELP)]
    Client(client::ClientArguments),
    /// Who may register portals over the wire: initial access tokens (RFC 7591).
    #[command(name = "registration-token", after_help = registration_token::HELP)]
    RegistrationToken(registration_token::RegistrationTokenArguments),
    /// Check this installation and say how to fix what is wrong.
    #[command(after_help = doctor::HELP)]
    Doctor(ConfigArgument),
    /// The configuration: check it, explain a key, print what is in force.
    #[command(after_help = configuration::HELP)]
    Config(configuration::ConfigurationArguments),
    /// A simulated population and enterprise register that speaks X-Road REST.
    #[command(
        name = "register-sim",
        after_help = "Examples:\n  dinhdanh register-sim --people 10000 --seed 7\n  dinhdanh register-sim --listen 127.0.0.1:9000 --fault slow\n  dinhdanh register-sim --json --listen 127.0.0.1:0\n\nExit codes: 0 stopped, 1 refused or failed, 2 used wrongly."
    )]
    RegisterSim(crate::registers::simulator::RegisterSimArgs),
}

/// Opens the database of a command that changes an installation beside running nodes. Its log holds warnings only.
async fn open(argument: &ConfigArgument) -> Result<(Config, Db), Failure> {
    const MIGRATE: &str = "Run 'dinhdanh migrate' with the same configuration first.";
    let config = serve::load(argument)?.config;
    let log = crate::config::Log { format: LogFormat::Pretty, filter: "warn".to_owned() };
    app::start_logging(&log);
    if let Some(file) = sqlite_file(&config).filter(|file| !file.exists()) {
        // Opening it would make an empty one.
        return Err(Failure::new(format!("there is no database at {}", file.display())).help(MIGRATE));
    }
    let db = app::open_database(&config).await?;
    if !db.is_migrated().await? {
        return Err(Failure::new("the database's schema is not up to date").help(MIGRATE));
    }
    Ok((config, db))
}

/// The file of an embedded database.
fn sqlite_file(config: &Config) -> Option<PathBuf> {
    config.database.url.expose().strip_prefix("sqlite://").map(PathBuf::from)
}

/// Runs the command line and gives the exit code.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(json, &Failure::new(format!("no runtime: {error}"))),
    };
    let done = runtime.block_on(async {
        // Most commands either do what was asked or fail; three print an answer that may be a no.
        let stopped = |()| ExitCode::SUCCESS;
        match cli.command {
            Command::Demo(arguments) => demo::run(arguments, json).await.map(stopped),
            Command::Conformance(arguments) => conformance::run(arguments, json).await.map(stopped),
            Command::Serve(argument) => serve::run(argument, json).await.map(stopped),
            Command::Migrate(argument) => serve::migrate(argument, json).await.map(stopped),
            Command::Keys(arguments) => keys::run(arguments, json).await.map(stopped),
            Command::Client(arguments) => client::run(arguments, json).await,
            Command::RegistrationToken(arguments) => registration_token::run(arguments, json).await.map(stopped),
            Command::Doctor(argument) => doctor::run(argument, json).await,
            Command::Config(arguments) => configuration::run(arguments, json),
            Command::RegisterSim(arguments) => crate::registers::simulator::run(arguments, json)
                .await
                .map(stopped)
                .map_err(|error| Failure::new(error.to_string())),
        }
    });
    done.unwrap_or_else(|failure| output::fail(json, &failure))
}
