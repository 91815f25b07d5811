//! `client`: portals, by RFC 7591 metadata.

use super::ConfigArgument;
use super::output::{self, Failure};
use crate::app;
use crate::base::{Clock, SystemClock, SystemEntropy, Timestamp};
use crate::config::Config;
use crate::crypto::Sealer;
use crate::db::Db;
use crate::flow::client_registration::{self, NewClient, Registering, Shown};
use crate::flow::logout;
use crate::flow::{client_logo, clients, metadata};
use crate::protocol::Error;
use clap::Subcommand;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Examples for `client --help`.
pub const HELP: &str = "Examples:
  dinhdanh client add portal.json --config /etc/dinhdanh.toml
  dinhdanh client list
  dinhdanh client show my-portal --json
  dinhdanh client rotate-secret my-portal
  dinhdanh client deliveries my-portal
  dinhdanh client disable my-portal

Exit codes: 0 done, 1 refused or failed, 2 used wrongly.";

const HELP_ADD: &str = "Examples:
  dinhdanh client add portal.json
  dinhdanh client add portal.json --id my-portal
  echo '{\"client_name\":\"My portal\",\"redirect_uris\":[\"https://portal.example/callback\"]}' | dinhdanh client add -

The answer is JSON: client_id, client_secret (shown this once) and the metadata in force. Metadata that is refused is
answered with error, error_description (RFC 7591 3.2.2) and the reason word of the log.

Exit codes: 0 added, 1 refused or failed, 2 used wrongly.";

const HELP_LIST: &str = "Examples:
  dinhdanh client list
  dinhdanh client list --json

Exit codes: 0 done, 1 refused or failed, 2 used wrongly.";

const HELP_SHOW: &str = "Examples:
  dinhdanh client show my-portal
  dinhdanh client show my-portal --json

Never shows a secret.

Exit codes: 0 done, 1 no such client, or failed, 2 used wrongly.";

const HELP_ROTATE: &str = "Examples:
  dinhdanh client rotate-secret my-portal
  dinhdanh client rotate-secret my-portal --overlap-hours 48 --expires-days 365 --json

The answer is JSON with the new secret, shown this once. With --overlap-hours 0 the old secret ends at once.

Exit codes: 0 replaced, 1 no such client, or it has no secret, or failed, 2 used wrongly.";

const HELP_DISABLE: &str = "Examples:
  dinhdanh client disable my-portal

Ends the client's grants and tokens at once. Running nodes hear of it at once over Redis, else within seconds.

Exit codes: 0 disabled, 1 no such client, or failed, 2 used wrongly.";

const HELP_DELIVERIES: &str = "Examples:
  dinhdanh client deliveries my-portal
  dinhdanh client deliveries my-portal --hours 168 --json

Says when each back-channel logout was taken or given up, newest first, at most 1000. Names nobody.

Exit codes: 0 done, 1 no such client, or failed, 2 used wrongly.";

/// The largest metadata that is read, in bytes.
const MAX_METADATA: u64 = 1024 * 1024;

/// What `client` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct ClientArguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Add a client from a JSON file of RFC 7591 metadata.
    #[command(after_help = HELP_ADD)]
    Add {
        /// The file, or - for standard input.
        file: PathBuf,
        /// The client's id. Without it a random one is drawn.
        #[arg(long)]
        id: Option<String>,
    },
    /// List every client.
    #[command(after_help = HELP_LIST)]
    List,
    /// Show one client and its metadata.
    #[command(after_help = HELP_SHOW)]
    Show {
        /// The client's id.
        id: String,
    },
    /// Give a client a new secret; the old one works for a while.
    #[command(name = "rotate-secret", after_help = HELP_ROTATE)]
    RotateSecret {
        /// The client's id.
        id: String,
        /// For how many hours the old secret still works.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=720))]
        overlap_hours: u32,
        /// After how many days the new secret ends; 0: it has no end.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=3650))]
        expires_days: u32,
    },
    /// List the sign-outs that a client was told of.
    #[command(after_help = HELP_DELIVERIES)]
    Deliveries {
        /// The client's id.
        id: String,
        /// Of how many hours until now.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8760))]
        hours: u32,
    },
    /// Switch a client off.
    #[command(after_help = HELP_DISABLE)]
    Disable {
        /// The client's id.
        id: String,
    },
}

/// `client`.
pub async fn run(arguments: ClientArguments, json: bool) -> Result<ExitCode, Failure> {
    // Read first: a missing file needs no database to say so.
    let metadata = match &arguments.action {
        Action::Add { file, .. } => read(file)?,
        _ => String::new(),
    };
    let (config, db) = super::open(&arguments.config).await?;
    match arguments.action {
        Action::Add { id, .. } => return add(&config, &db, (&metadata, id), json).await,
        Action::List => list(&db, json).await?,
        Action::Show { id } => show(&db, &id, json).await?,
        Action::RotateSecret { id, overlap_hours, expires_days } => {
            rotate_secret(&config, &db, (&id, overlap_hours, expires_days), json).await?;
        }
        Action::Deliveries { id, hours } => deliveries(&db, (&id, hours), json).await?,
        Action::Disable { id } => disable(&config, &db, &id, json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| Failure::new(format!("{} cannot be read: {error}", file.display()));
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(file).map_err(unreadable)?)
    };
    let mut text = String::new();
    source.take(MAX_METADATA).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn registering<'a>(config: &Config, db: &'a Db, sealer: Option<&'a Sealer>) -> Registering<'a> {
    Registering {
        db,
        now: SystemClock.now(),
        entropy: &SystemEntropy,
        policy: metadata::registration_policy(config),
        sealer,
        secret_lifetime: None,
    }
}

/// What seals secrets that must be kept. Most clients need none, so a command without the key still works for them.
fn sealer(config: &Config) -> Option<Sealer> {
    app::read_kek(&config.keys.folder).ok().map(|kek| Sealer::new(&kek))
}

/// Running nodes forget what they knew of the client. A cache in memory has no other nodes.
async fn announce(config: &Config, client_id: &str) -> Result<(), Failure> {
    if !config.cache.is_memory() {
        let cache = app::open_cache(config, Arc::new(SystemClock))?;
        clients::announce(&*cache, client_id).await;
    }
    Ok(())
}

async fn add(
    config: &Config,
    db: &Db,
    (metadata, client_id): (&str, Option<String>),
    json: bool,
) -> Result<ExitCode, Failure> {
    let new = NewClient { client_id, ..NewClient::default() };
    let sealer = sealer(config);
    let added = match client_registration::add(&registering(config, db, sealer.as_ref()), metadata, new).await? {
        Ok(added) => added,
        Err(error) => return Ok(refused(&error, json)),
    };
    // The secret is printed before anything else can fail: it cannot be shown again.
    let mut answer = Map::from_iter([("client_id".to_owned(), json!(added.client_id))]);
    if let Some(secret) = &added.client_secret {
        answer.insert("client_secret".to_owned(), json!(secret.expose()));
    }
    answer.insert("metadata".to_owned(), json!(added.metadata));
    print(&Value::Object(answer), json);
    if !json && added.client_secret.is_some() {
        output::note("The secret is shown this once. Give it to the portal over a safe way.");
    }
    announce(config, &added.client_id).await?;
    if let Some(url) = &added.metadata.logo_uri {
        fetch_logo(config, db, (&added.client_id, url)).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Pages show a copy of the logo, fetched now. Without one they show the name alone.
async fn fetch_logo(config: &Config, db: &Db, (client_id, url): (&str, &str)) -> Result<(), Failure> {
    let Some(picture) = client_logo::fetch(&app::outbound(config)?, url).await else {
        output::note(
            "The logo could not be fetched, or is no PNG, JPEG, GIF or WebP of at most 48 KiB: none is shown.",
        );
        return Ok(());
    };
    let mut tx = db.begin().await?;
    client_logo::keep(&mut tx, client_id, Some(picture), SystemClock.now()).await?;
    tx.commit().await?;
    announce(config, client_id).await
}

async fn rotate_secret(
    config: &Config,
    db: &Db,
    (client_id, overlap, days): (&str, u32, u32),
    json: bool,
) -> Result<(), Failure> {
    let sealer = sealer(config);
    let mut registering = registering(config, db, sealer.as_ref());
    registering.secret_lifetime = (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400));
    let overlap = Duration::from_secs(u64::from(overlap) * 3_600);
    if client_registration::show(db, client_id).await?.is_none() {
        return Err(unknown(client_id));
    }
    let made = client_registration::rotate_secret(&registering, client_id, overlap).await?;
    let made = made.ok_or_else(|| Failure::new(format!("{client_id:?} has no secret: its method needs none")))?;
    let answer = json!({
        "client_id": client_id,
        "client_secret": made.text.expose(),
        "client_secret_expires_at": made.expires_at.map_or(0, Timestamp::seconds),
        "old_secret_until": registering.now.plus(overlap).seconds(),
    });
    print(&answer, json);
    if !json {
        output::note("The secret is shown this once. The one before works until old_secret_until.");
    }
    announce(config, client_id).await
}

/// A refusal of the metadata, in the members of RFC 7591 3.2.2.
fn refused(error: &Error, json: bool) -> ExitCode {
    if json {
        output::json(&json!({
            "error": error.code.as_str(), "error_description": error.description, "reason": error.reason,
        }));
    }
    output::note(format!("error: {}: {}\n  reason: {}", error.code, error.description, error.reason));
    ExitCode::from(1)
}

async fn list(db: &Db, json: bool) -> Result<(), Failure> {
    let all = client_registration::list(db).await?;
    if json {
        output::json(&json!({ "clients": all.iter().map(facts).collect::<Vec<_>>() }));
        return Ok(());
    }
    if all.is_empty() {
        output::line("No client is registered. Add one with 'dinhdanh client add FILE'.");
    }
    let width = all.iter().map(|client| client.client_id.len()).max().unwrap_or(0);
    for client in &all {
        let name = ["client_name#vi", "client_name", "client_name#en"]
            .iter()
            .find_map(|member| client.metadata.get(*member).and_then(Value::as_str));
        let state = state(client);
        output::line(format!("{:width$}  {state:8}  {}", client.client_id, name.unwrap_or_default()));
    }
    Ok(())
}

async fn show(db: &Db, client_id: &str, json: bool) -> Result<(), Failure> {
    let client = client_registration::show(db, client_id).await?.ok_or_else(|| unknown(client_id))?;
    print(&facts(&client), json);
    Ok(())
}

async fn deliveries(db: &Db, (client_id, hours): (&str, u32), json: bool) -> Result<(), Failure> {
    if client_registration::show(db, client_id).await?.is_none() {
        return Err(unknown(client_id));
    }
    let since = SystemClock.now().minus(Duration::from_secs(u64::from(hours) * 3_600));
    let all = logout::deliveries(db, client_id, since).await?;
    if json {
        output::json(&logout::record(client_id, &all));
        return Ok(());
    }
    if all.is_empty() {
        output::line(format!("{client_id} was told of no sign-out in this time."));
    }
    for one in &all {
        output::line(format!("{}  {:9}  {} attempts", one.at, one.outcome(), one.attempts));
    }
    Ok(())
}

async fn disable(config: &Config, db: &Db, client_id: &str, json: bool) -> Result<(), Failure> {
    if !client_registration::disable(&registering(config, db, None), client_id).await? {
        return Err(unknown(client_id));
    }
    announce(config, client_id).await?;
    if json {
        output::json(&json!({ "client_id": client_id, "status": "disabled" }));
    } else {
        output::line(format!("{client_id} is disabled. Its grants and tokens have ended."));
    }
    Ok(())
}

fn unknown(client_id: &str) -> Failure {
    Failure::new(format!("there is no client {client_id:?}")).help("'dinhdanh client list' names every client.")
}

const fn state(client: &Shown) -> &'static str {
    if client.disabled { "disabled" } else { "active" }
}

fn facts(client: &Shown) -> Value {
    json!({
        "client_id": client.client_id, "status": state(client), "created_at": client.created_at.to_string(),
        "metadata": client.metadata,
    })
}

/// JSON on one line for programs, on several for people.
fn print(value: &Value, one_line: bool) {
    if one_line { output::json(value) } else { output::line(format!("{value:#}")) }
}
