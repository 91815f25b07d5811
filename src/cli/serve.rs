//! `serve` and `migrate`: real use.

use super::ConfigArgument;
use super::output::{self, Failure};
use crate::app::{self, StartError};
use crate::base::{Clock, SystemClock, SystemEntropy};
use crate::config::{CodeSender, Config, Loaded, production_problems};
use crate::flow::demo;
use crate::store;
use serde_json::json;

/// Examples for `serve --help`.
pub const HELP: &str = "Examples:
  dinhdanh serve --config /etc/dinhdanh.toml
  DINHDANH_DATABASE__URL=postgres://dinhdanh@db/dinhdanh dinhdanh serve --config /etc/dinhdanh.toml

Refuses to start with demo keys, demo people, or a plain-http issuer other than loopback.

Exit codes: 0 stopped, 1 refused or failed, 2 used wrongly.";

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self { message: error.what, help: error.fix }
    }
}

/// Reads the configuration of a command.
pub fn load(argument: &ConfigArgument) -> Result<Loaded, Failure> {
    Config::load(argument.config.as_deref(), std::env::vars()).map_err(|error| Failure::new(error.to_string()))
}

/// `serve`.
pub async fn run(argument: ConfigArgument, json: bool) -> Result<(), Failure> {
    let config = load(&argument)?.config;
    app::start_logging(&config.log);
    if config.metrics.enabled {
        // It measures the processor's clock first, for up to a fifth of a second: beside the rest of the start.
        std::thread::spawn(app::metrics_handle);
    }
    // What would harm people stops the start; what is merely not connected yet is said and waits.
    let (advice, problems): (Vec<_>, Vec<_>) =
        production_problems(&config).into_iter().partition(|problem| is_not_connected_yet(&config, &problem.key));
    for problem in advice {
        tracing::warn!(key = %problem.key, "{}", problem.what);
    }
    if !problems.is_empty() {
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Err(Failure::new(text.join("\n")).help("Mend the configuration, then run 'dinhdanh config check'."));
    }
    let kek = app::read_kek(&config.keys.folder)?;
    if kek.is_demo() {
        return Err(Failure::new("the key-encryption key was made by 'demo'")
            .help("Use a key folder of its own for real use: [keys] folder."));
    }
    let db = app::open_database(&config).await?;
    if !db.is_migrated().await? {
        return Err(Failure::new("the database's schema is not up to date")
            .help("Run 'dinhdanh migrate' with the same configuration, then start again."));
    }
    if demo::is_present(&db).await.map_err(|fault| Failure::new(fault.to_string()))? {
        return Err(Failure::new("the database holds people, portals or keys made by 'demo'")
            .help("Use a database of its own for real use: [database] url."));
    }
    let listener = app::bind(config.provider.listen, "[provider] listen")?;
    let services = app::build(config, db, &kek, app::Surroundings::default()).await?;
    let stopped = app::stop_signal()?;
    let running = app::serve(services.clone(), listener, None)?;
    if json {
        output::json(&json!({ "issuer": services.issuer(), "listen": running.address.to_string() }));
    } else {
        output::line(format!("{} listens on {}", services.issuer(), running.address));
    }
    stopped.await;
    running.stop().await;
    Ok(())
}

fn is_not_connected_yet(config: &Config, key: &str) -> bool {
    key == "registers.population.adapter" || (key == "sms.sender" && config.sms.sender == CodeSender::None)
}

/// `migrate`. Makes the key-encryption key too when there is none: both are the first step of an installation.
pub async fn migrate(argument: ConfigArgument, json: bool) -> Result<(), Failure> {
    let config = load(&argument)?.config;
    app::start_logging(&config.log);
    let made = !config.keys.folder.join(app::KEK_FILE).exists();
    if made && super::keys::holds_keys(&config).await {
        return Err(Failure::new("the key-encryption key is missing, but the database holds keys sealed with it")
            .help("Restore the key folder from the backup."));
    }
    app::ensure_kek(&config.keys.folder, &SystemEntropy, false)?;
    let db = app::open_database(&config).await?;
    db.migrate().await?;
    store::partition::keep(&db, SystemClock.now()).await?;
    if json {
        output::json(&json!({ "migrated": true, "engine": db.engine(), "key_encryption_key_made": made }));
    } else {
        if made {
            output::line(format!(
                "Made the key-encryption key in {}. Back it up apart from the database.",
                config.keys.folder.display()
            ));
        }
        output::line(format!("The schema is up to date ({}).", db.engine()));
    }
    Ok(())
}
