//! `keys`: the key-encryption key, the keys that sign and the keys that clients encrypt to.

use super::ConfigArgument;
use super::output::{self, Failure};
use crate::app;
use crate::base::{Clock, SystemClock, SystemEntropy, Timestamp};
use crate::config::Config;
use crate::crypto::{KeySchedule, RotationAction, Sealer};
use crate::db::Db;
use crate::flow::keys::{self, Algorithm, Making};
use crate::store;
use clap::Subcommand;
use serde_json::{Value, json};
use std::sync::Arc;

/// Examples for `keys --help`.
pub const HELP: &str = "Examples:
  dinhdanh keys init --config /etc/dinhdanh.toml
  dinhdanh keys list
  dinhdanh keys rotate

Exit codes: 0 done, 1 refused or failed, 2 used wrongly.";

const HELP_INIT: &str = "Examples:
  dinhdanh keys init --config /etc/dinhdanh.toml

Makes kek.bin (mode 0600) in [keys] folder when there is none; never overwrites one. Back it up apart from the database:
without it nothing sealed in the database can be read.

Exit codes: 0 made, or there was one, 1 refused or failed, 2 used wrongly.";

const HELP_LIST: &str = "Examples:
  dinhdanh keys list
  dinhdanh keys list --json

Times are UTC. 'signs from' lies a JWKS cache time after 'published', so that every portal knows a key before its first
token. 'retires' is when its last token has ended. Keys that clients encrypt requests to open until nobody has them in a
cache.

Exit codes: 0 done, 1 refused or failed, 2 used wrongly.";

const HELP_ROTATE: &str = "Examples:
  dinhdanh keys rotate

Makes a successor of every key now; it begins to sign when every portal can know it. Keys rotate by
themselves every [keys] rotation_days: this command is for doing it sooner.

Exit codes: 0 done, or a successor waits already, 1 refused or failed, 2 used wrongly.";

/// What `keys` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct KeysArguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Action {
    /// Make the key-encryption key when there is none.
    #[command(after_help = HELP_INIT)]
    Init,
    /// List the keys that sign and the keys that clients encrypt to.
    #[command(after_help = HELP_LIST)]
    List,
    /// Make a successor of every key.
    #[command(after_help = HELP_ROTATE)]
    Rotate,
}

/// `keys`.
pub async fn run(arguments: KeysArguments, json: bool) -> Result<(), Failure> {
    match arguments.action {
        Action::Init => init(&arguments.config, json).await,
        Action::List => {
            let (_, db) = super::open(&arguments.config).await?;
            list(&db, json).await
        }
        Action::Rotate => {
            let (config, db) = super::open(&arguments.config).await?;
            rotate(&config, &db, json).await
        }
    }
}

async fn init(argument: &ConfigArgument, json: bool) -> Result<(), Failure> {
    let config = super::serve::load(argument)?.config;
    let path = config.keys.folder.join(app::KEK_FILE);
    let make = !path.exists();
    if make && holds_keys(&config).await {
        let message = format!("{} is missing, but the database holds keys sealed with it", path.display());
        return Err(Failure::new(message).help("Restore it from its backup: a new one would not open them."));
    }
    app::ensure_kek(&config.keys.folder, &SystemEntropy, is_demo(&config))?;
    let shown = path.display().to_string();
    if json {
        output::json(&json!({ "path": shown, "made": make }));
    } else if make {
        output::line(format!("Made {shown}. Back it up apart from the database."));
    } else {
        output::line(format!("{shown} is there and can be read. Nothing was changed."));
    }
    Ok(())
}

/// Whether the database is known to hold signing keys. One that is not there yet holds none.
pub async fn holds_keys(config: &Config) -> bool {
    if super::sqlite_file(config).is_some_and(|file| !file.exists()) {
        return false;
    }
    let Ok(db) = app::open_database(config).await else { return false };
    matches!(db.is_migrated().await, Ok(true)) && store::signing_key::list(&db).await.is_ok_and(|keys| !keys.is_empty())
}

fn is_demo(config: &Config) -> bool {
    config.provider.is_made_up()
}

/// Where a key stands in its life.
pub fn state(key: &KeySchedule<Algorithm>, now: Timestamp) -> (&'static str, String) {
    let signs = matches!(key.algorithm, Algorithm::Signing(_));
    if key.retires_at.is_some_and(|retires| retires <= now) {
        return ("retired", if signs { "retired: no longer published" } else { "retired: opens no more" }.to_owned());
    }
    if key.signs_from > now {
        let from = moment(key.signs_from);
        return (
            "waiting",
            if signs { format!("published, signs from {from}") } else { format!("offered from {from}") },
        );
    }
    match (key.signs_until, key.retires_at) {
        (Some(until), Some(retires)) if until <= now => {
            let retires = moment(retires);
            if signs {
                ("verifying", format!("verifies only, retires {retires}"))
            } else {
                ("opening", format!("opens only, retires {retires}"))
            }
        }
        (Some(until), _) if signs => ("signing", format!("signs until {}", moment(until))),
        (Some(until), _) => ("offered", format!("offered until {}", moment(until))),
        (None, _) if signs => ("signing", "signs".to_owned()),
        (None, _) => ("offered", "offered".to_owned()),
    }
}

/// UTC to the second: what is compared with a clock on the wall.
fn moment(at: Timestamp) -> String {
    Timestamp::from_seconds(at.seconds()).to_string()
}

async fn list(db: &Db, json: bool) -> Result<(), Failure> {
    let now = SystemClock.now();
    let mut keys = keys::schedules(db).await?;
    keys.sort_by_key(|key| (std::cmp::Reverse(key.algorithm.key_use()), key.algorithm.as_str(), key.signs_from));
    if json {
        let facts: Vec<Value> = keys.iter().map(|key| facts(key, now)).collect();
        output::json(&json!({ "keys": facts }));
        return Ok(());
    }
    if keys.is_empty() {
        output::line("There are no keys yet. The first start of 'dinhdanh serve' makes them.");
    }
    for key in &keys {
        let (_, words) = state(key, now);
        output::line(format!(
            "{}  {:12}  {} {}  {words}",
            key.kid,
            key.algorithm.as_str(),
            // A key that clients encrypt to is published when it is offered, and not before.
            if key.algorithm.key_use() == "sig" { "published" } else { "made" },
            moment(key.published_at)
        ));
    }
    Ok(())
}

fn facts(key: &KeySchedule<Algorithm>, now: Timestamp) -> Value {
    let (state, words) = state(key, now);
    json!({
        "kid": key.kid, "use": key.algorithm.key_use(), "algorithm": key.algorithm.as_str(), "published_at": key.published_at.to_string(),
        "signs_from": key.signs_from.to_string(), "signs_until": key.signs_until.map(|at| at.to_string()),
        "retires_at": key.retires_at.map(|at| at.to_string()), "state": state, "state_in_words": words,
    })
}

async fn rotate(config: &Config, db: &Db, json: bool) -> Result<(), Failure> {
    let kek = app::read_kek(&config.keys.folder)?;
    let sealer = Sealer::new(&kek);
    // A new key sealed with another key-encryption key would stop every node: try the present ones first.
    keys::read(db, &sealer).await.map_err(|fault| {
        Failure::new(format!("the keys cannot be opened: {fault}"))
            .help("Use the key-encryption key this database was made with: [keys] folder.")
    })?;
    let demo = kek.is_demo() || is_demo(config);
    let making = Making { now: SystemClock.now(), entropy: &SystemEntropy, demo, force: true };
    let actions = keys::rotate(db, &sealer, &keys::policy(config), making).await?;
    if !config.cache.is_memory() && !actions.is_empty() {
        let cache = app::open_cache(config, Arc::new(SystemClock))?;
        if cache.publish(keys::CHANGED, "").await.is_err() {
            output::note("warning: running nodes could not be told over the cache; they look again by themselves.");
        }
    }
    let made: Vec<Value> = actions.iter().filter_map(generated).collect();
    let erased = actions.iter().filter(|action| matches!(action, RotationAction::Erase { .. })).count();
    if json {
        output::json(&json!({ "made": made, "erased": erased }));
        return Ok(());
    }
    for key in &made {
        let of = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
        let (verb, does) = if of("use") == "sig" { ("Published", "signs") } else { ("Made", "is offered") };
        output::line(format!("{verb} a new {} key. It {does} from {}.", of("algorithm"), of("signs_from")));
    }
    if made.is_empty() {
        output::line("Every key has a successor waiting already. 'dinhdanh keys list' shows when it takes over.");
    }
    Ok(())
}

fn generated(action: &RotationAction<Algorithm>) -> Option<Value> {
    match action {
        RotationAction::Generate { algorithm, signs_from, .. } => {
            let (key_use, signs_from) = (algorithm.key_use(), moment(*signs_from));
            Some(json!({ "use": key_use, "algorithm": algorithm.as_str(), "signs_from": signs_from }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SigningAlgorithm;
    use crate::protocol::encryption::KeyManagement;

    #[test]
    fn i10_a_key_waits_signs_verifies_and_retires() {
        let at = Timestamp::from_seconds;
        let key = KeySchedule {
            kid: "k".to_owned(),
            algorithm: Algorithm::Signing(SigningAlgorithm::Es256),
            published_at: at(100),
            signs_from: at(200),
            signs_until: Some(at(300)),
            retires_at: Some(at(400)),
        };
        for (now, expected) in [
            (at(100), "waiting"),
            (at(199), "waiting"),
            (at(200), "signing"),
            (at(299), "signing"),
            (at(300), "verifying"),
            (at(399), "verifying"),
            (at(400), "retired"),
        ] {
            assert_eq!(state(&key, now).0, expected, "{now}");
        }
        assert_eq!(state(&key, at(150)).1, "published, signs from 1970-01-01T00:03:20Z");
        let newest = KeySchedule { signs_until: None, retires_at: None, ..key.clone() };
        assert_eq!(state(&newest, at(9_999)), ("signing", "signs".to_owned()));
        let opens = KeySchedule { algorithm: Algorithm::Encryption(KeyManagement::EcdhEs), ..key };
        for (now, expected) in [(at(199), "waiting"), (at(200), "offered"), (at(300), "opening"), (at(400), "retired")]
        {
            assert_eq!(state(&opens, now).0, expected, "{now}");
        }
    }
}
