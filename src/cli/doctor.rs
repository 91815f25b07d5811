//! `doctor`: checks an installation and says how to fix what is wrong. Changes nothing.

use super::ConfigArgument;
use super::configuration;
use super::output::{self, Failure};
use crate::app::{self, StartError};
use crate::base::{Clock, SystemClock, SystemEntropy, Timestamp, random_token, uuid_v7};
use crate::config::{CodeSender, Config, EmailSender, Problem, Register, RegisterAdapter, SigningAlgorithm};
use crate::config::{LogFormat, production_problems};
use crate::crypto::{EncryptionKeyRing, KeyEncryptionKey, Sealer};
use crate::db::Db;
use crate::db::partition::State as PartitionState;
use crate::flow::{Services, demo, keys};
use crate::identity::OrganizationKind;
use crate::protocol::encryption::KeyManagement;
use crate::registers::RegisterError;
use crate::store;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Examples for `doctor --help`.
pub const HELP: &str = "Examples:
  dinhdanh doctor --config /etc/dinhdanh.toml
  dinhdanh doctor --config /etc/dinhdanh.toml --json

Changes nothing: what must be tried out is tried on a private temporary database.

Exit codes: 0 all is well, 1 a check failed, 2 used wrongly.";

/// A store or cache that takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(10);
/// Clocks may differ by this much before tokens are refused.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(30);
/// 2026-01-01T00:00:00Z: the program is younger than that.
const EARLIEST: Timestamp = Timestamp::from_seconds(1_767_225_600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Well,
    Failed,
    Unused,
}

impl State {
    const fn mark(self) -> &'static str {
        match self {
            Self::Well => "✓",
            Self::Failed => "✗",
            Self::Unused => "-",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Failed => "failed",
            Self::Unused => "not_used",
        }
    }
}

/// What was found, printed as it is found.
struct Report {
    json: bool,
    checks: Vec<Value>,
    failed: usize,
}

impl Report {
    fn add(&mut self, name: &str, state: State, what: &str, fix: Option<&str>) {
        self.failed += usize::from(state == State::Failed);
        if self.json {
            self.checks.push(json!({ "name": name, "state": state.word(), "what": what, "fix": fix }));
            return;
        }
        output::line(format!("{} {name}: {what}", state.mark()));
        if let Some(fix) = fix {
            output::line(format!("    fix: {fix}"));
        }
    }

    fn well(&mut self, name: &str, what: impl AsRef<str>) {
        self.add(name, State::Well, what.as_ref(), None);
    }

    fn unused(&mut self, name: &str, what: &str) {
        self.add(name, State::Unused, what, None);
    }

    fn failed(&mut self, name: &str, what: impl AsRef<str>, fix: impl AsRef<str>) {
        self.add(name, State::Failed, what.as_ref(), Some(fix.as_ref()));
    }

    /// Problems of the configuration that belong to a check. `false` when there is none.
    fn problems<'a>(&mut self, name: &str, problems: impl Iterator<Item = &'a Problem>) -> bool {
        let before = self.failed;
        for problem in problems {
            let mut what = problem.source.as_ref().map(|source| format!("{source}: ")).unwrap_or_default();
            what.push_str(&format!("{}: {}", problem.key, problem.what));
            let nearest = problem.nearest.as_ref().map(|near| format!("did you mean {near}?"));
            let allowed = problem.allowed.as_ref().map(|allowed| format!("allowed: {allowed}"));
            let fix = problem.fix.clone().or(nearest).or(allowed);
            let fix = fix.unwrap_or_else(|| format!("see 'dinhdanh config explain {}'", problem.key));
            self.failed(name, what, fix);
        }
        self.failed > before
    }

    fn finish(self) -> ExitCode {
        if self.json {
            output::json(&json!({ "ok": self.failed == 0, "checks": self.checks }));
        } else if self.failed == 0 {
            output::line("All is well.");
        } else {
            output::line(format!("{} failed.", self.failed));
        }
        ExitCode::from(u8::from(self.failed > 0))
    }
}

/// `doctor`.
pub async fn run(argument: ConfigArgument, json: bool) -> Result<ExitCode, Failure> {
    let mut report = Report { json, checks: Vec::new(), failed: 0 };
    let loaded = match configuration::load(&argument) {
        Ok(loaded) => loaded,
        Err(problems) => {
            report.problems("configuration", problems.iter());
            return Ok(report.finish());
        }
    };
    app::start_logging(&crate::config::Log { format: LogFormat::Pretty, filter: "error".to_owned() });
    if !report.problems("configuration", loaded.check().iter()) {
        report.well("configuration", "it can be read, and so can the files it points to");
    }
    let config = &loaded.config;
    let against = production_problems(config);
    let own_line =
        |problem: &&Problem| ["sms.", "voice.", "email.", "registers."].iter().any(|p| problem.key.starts_with(p));
    if !report.problems("environment", against.iter().filter(|problem| !own_line(problem))) {
        report.well("environment", config.provider.environment.as_str());
    }
    let kek = key_file(&mut report, config);
    let db = database(&mut report, config).await;
    if let Some(db) = &db {
        stored(&mut report, config, db, kek.as_ref()).await;
        partitions(&mut report, db).await;
    }
    clock(&mut report, db.as_ref()).await;
    cache(&mut report, config).await;
    passkeys(&mut report, config);
    let services = rehearse(&mut report, config, kek).await;
    messages(&mut report, (config, &against), services.as_ref());
    registers(&mut report, (config, &against), services.as_deref()).await;
    Ok(report.finish())
}

fn key_file(report: &mut Report, config: &Config) -> Option<KeyEncryptionKey> {
    let name = "key-encryption key";
    match app::read_kek(&config.keys.folder) {
        Err(error) => {
            report.failed(name, &error.what, error.fix.unwrap_or_default());
            None
        }
        Ok(kek) if kek.is_demo() && !config.provider.is_made_up() => {
            report.failed(
                name,
                "it was made by 'demo'",
                "Set [keys] folder to a folder of its own, then run 'dinhdanh keys init'.",
            );
            Some(kek)
        }
        Ok(kek) => {
            report.well(name, "there, and only its owner can read it");
            Some(kek)
        }
    }
}

async fn database(report: &mut Report, config: &Config) -> Option<Db> {
    const MIGRATE: &str = "Run 'dinhdanh migrate' with the same configuration.";
    let name = "database";
    if let Some(file) = super::sqlite_file(config).filter(|file| !file.exists()) {
        report.failed(name, format!("there is no file {}", file.display()), MIGRATE);
        return None;
    }
    let db = match app::open_database(config).await {
        Ok(db) => db,
        Err(error) => {
            report.failed(name, &error.what, error.fix.unwrap_or_default());
            return None;
        }
    };
    match tokio::time::timeout(PATIENCE, db.is_migrated()).await {
        Ok(Ok(true)) => report.well(name, format!("{} opens, and its schema is up to date", db.engine())),
        Ok(Ok(false)) => {
            report.failed(name, "its schema is not up to date", MIGRATE);
            return None;
        }
        Ok(Err(error)) => {
            report.failed(name, error.to_string(), "Check that the account may read the tables.");
            return None;
        }
        Err(_) => {
            report.failed(name, "no answer in time", "Check the database server and the network to it.");
            return None;
        }
    }
    match writable(config, &db).await {
        Ok(()) => report.well("database writes", "it takes writes"),
        Err(what) => {
            report.failed(
                "database writes",
                what,
                "Check free space, the owner of the files, and that this is no read-only replica.",
            );
        }
    }
    Some(db)
}

/// Writes as far as can be done without leaving a trace.
async fn writable(config: &Config, db: &Db) -> Result<(), String> {
    if let Some(file) = super::sqlite_file(config) {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let probe = folder.join(format!(".doctor-{}", random_token(&SystemEntropy)));
        let written = std::fs::File::create_new(&probe).and_then(|mut file| {
            file.write_all(&[0; 64 * 1024])?;
            file.sync_all()
        });
        drop(std::fs::remove_file(&probe));
        written.map_err(|error| format!("{} cannot be written to: {error}", folder.display()))?;
    }
    let mut tx = db.begin().await.map_err(|error| error.to_string())?;
    // Names no row: only the right to write is tried, and the transaction is not committed.
    tx.query("DELETE FROM installation WHERE name = $1")
        .bind("doctor")
        .execute()
        .await
        .map(|_| tx.rollback())
        .map_err(|error| error.to_string())
}

/// What the tables hold: signing keys that open and sign, and nobody made up.
async fn stored(report: &mut Report, config: &Config, db: &Db, kek: Option<&KeyEncryptionKey>) {
    if !config.provider.is_made_up() {
        match demo::is_present(db).await {
            Ok(false) => report.well("people", "nobody and nothing in the database was made by 'demo'"),
            Ok(true) => report.failed(
                "people",
                "the database holds people, portals or keys made by 'demo'",
                "Set [database] url to a database of its own, then run 'dinhdanh migrate'.",
            ),
            Err(fault) => report.failed("people", fault.to_string(), "See the check of the database."),
        }
    }
    let Some(kek) = kek else { return };
    let name = "signing keys";
    match store::signing_key::list(db).await {
        Ok(rows) if rows.is_empty() => return report.well(name, "none yet: the first start makes them"),
        Ok(_) => {}
        Err(error) => return report.failed(name, error.to_string(), "See the check of the database."),
    }
    let ring = match keys::read(db, &Sealer::new(kek)).await {
        Ok(ring) => ring,
        Err(fault) => {
            let fix = "Use the key-encryption key this database was made with: restore it from its backup.";
            return report.failed(name, format!("they cannot be opened: {fault}"), fix);
        }
    };
    let keys::Opened { signing, encryption } = ring;
    encryption_keys(report, config, &encryption);
    let able: Vec<&str> =
        signing.algorithms(SystemClock.now()).into_iter().map(|algorithm| algorithm.as_str()).collect();
    let wanted = config.keys.algorithms.iter().map(|algorithm| algorithm.as_str());
    let missing: Vec<&str> = wanted.filter(|algorithm| !able.contains(algorithm)).collect();
    if missing.is_empty() {
        report.well(name, format!("{} can sign", able.join(", ")));
    } else {
        let fix = "A running 'dinhdanh serve' makes missing keys within minutes; see 'dinhdanh keys list'.";
        report.failed(name, format!("no key for {} may sign now", missing.join(", ")), fix);
    }
}

/// The keys that clients encrypt to: those that the configuration names are offered.
fn encryption_keys(report: &mut Report, config: &Config, ring: &EncryptionKeyRing) {
    let name = "encryption keys";
    if ring.is_empty() {
        return report.well(name, "none yet: the next start makes them");
    }
    let able: Vec<&str> = ring.algorithms(SystemClock.now()).into_iter().map(KeyManagement::as_str).collect();
    let wanted = config.keys.encryption_algorithms.iter().map(|algorithm| algorithm.as_str());
    let missing: Vec<&str> = wanted.filter(|algorithm| !able.contains(algorithm)).collect();
    if missing.is_empty() {
        report.well(name, format!("{} open", able.join(", ")));
    } else {
        let fix = "A running 'dinhdanh serve' makes missing keys within minutes; see 'dinhdanh keys list'.";
        report.failed(name, format!("no key for {} is offered now", missing.join(", ")), fix);
    }
}

/// Tables divided by time: there is a place for what comes now, and nothing has come without one.
async fn partitions(report: &mut Report, db: &Db) {
    let name = "partitions";
    if !matches!(db, Db::Postgres(_)) {
        return;
    }
    let fix = "A running 'dinhdanh serve' mends this within minutes; if it does not, its log says why ('partitions').";
    match store::partition::states(db, SystemClock.now()).await {
        Err(error) => report.failed(name, error.to_string(), "See the check of the database."),
        Ok(states) => {
            let named = |wrong: fn(&PartitionState) -> bool| {
                let tables: Vec<&str> =
                    states.iter().filter(|(_, state)| wrong(state)).map(|(table, _)| *table).collect();
                (!tables.is_empty()).then(|| tables.join(", "))
            };
            if let Some(tables) = named(|state| !state.ready) {
                report.failed(name, format!("none for what comes now: {tables}"), fix);
            } else if let Some(tables) = named(|state| state.strays) {
                report.failed(name, format!("rows lie in the default one: {tables}"), fix);
            } else {
                report.well(name, "made ahead, and nothing lies beside them");
            }
        }
    }
}

/// This machine's clock against the calendar, the newest key, and the database server's clock. Tokens, codes and
/// passkeys all rest on it.
async fn clock(report: &mut Report, db: Option<&Db>) {
    let name = "clock";
    let fix = "Set the clock and keep it set with NTP: 'timedatectl set-ntp true'.";
    let now = SystemClock.now();
    if now < EARLIEST {
        return report.failed(name, format!("{now} lies before this program was written"), fix);
    }
    let Some(db) = db else { return report.well(name, now.to_string()) };
    let newest = store::signing_key::list(db).await.ok().and_then(|keys| keys.iter().map(|key| key.created_at).max());
    if newest.is_some_and(|newest| newest.since(now) > CLOCK_DIFFERENCE) {
        return report.failed(name, format!("it says {now}, but a signing key was made later than that"), fix);
    }
    if let Db::Postgres(_) = db {
        // The one place that asks a database for the time: to compare, never to store.
        let asked = db.query("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)").scalar::<i64>().await;
        if let Ok(seconds) = asked {
            let theirs = Timestamp::from_seconds(seconds);
            let ours = SystemClock.now();
            let apart = ours.since(theirs).max(theirs.since(ours));
            if apart > CLOCK_DIFFERENCE {
                let what = format!("{} seconds apart from the database server's", apart.as_secs());
                return report.failed(name, what, fix);
            }
            return report.well(name, format!("{now}, and the database server agrees"));
        }
    }
    report.well(name, now.to_string());
}

async fn cache(report: &mut Report, config: &Config) {
    let name = "cache";
    if config.cache.is_memory() {
        return report.well(name, "in the memory of this process: enough for one process");
    }
    let cache = match app::open_cache(config, Arc::new(SystemClock)) {
        Ok(cache) => cache,
        Err(error) => return report.failed(name, error.what, "See 'dinhdanh config explain cache'."),
    };
    match tokio::time::timeout(PATIENCE, cache.ping()).await {
        Ok(Ok(())) => report.well(name, "it answers"),
        Ok(Err(error)) => report.failed(name, error.to_string(), "Check [cache] url and that the server runs."),
        Err(_) => report.failed(name, "no answer in time", "Check [cache] url and the network to the server."),
    }
}

/// A domain that is wrong here makes every passkey useless later. That the id fits the host is a rule of the
/// configuration and was checked there.
fn passkeys(report: &mut Report, config: &Config) {
    let provider = &config.provider;
    let (issuer, id) = (provider.issuer.as_str(), provider.rp_id());
    let is_address = id.parse::<std::net::IpAddr>().is_ok() || id.starts_with('[');
    if is_address {
        report.failed(
            "passkeys",
            format!("{id} is an address, and passkeys need a name"),
            "Use a host name in [provider] issuer.",
        );
    } else {
        report.well("passkeys", format!("made for {id}, used at {issuer}"));
    }
}

/// Does what a start does, with everything but the database, which is a private temporary one.
async fn rehearse(report: &mut Report, config: &Config, kek: Option<KeyEncryptionKey>) -> Option<Arc<Services>> {
    let mut trial = config.clone();
    trial.keys.algorithms = vec![SigningAlgorithm::Es256];
    trial.keys.encryption_algorithms.clear();
    let kek = kek.unwrap_or_else(|| KeyEncryptionKey::generate(&SystemEntropy));
    let built = async {
        let stuck = |error: crate::db::Error| StartError::new(format!("no temporary database: {error}"));
        let db = Db::connect("sqlite::memory:").await.map_err(stuck)?;
        db.migrate().await.map_err(stuck)?;
        app::build(trial, db, &kek, app::Surroundings::default()).await
    };
    match built.await {
        Ok(services) => {
            report.well("start", "the program starts with these settings");
            Some(services)
        }
        Err(error) => {
            let fix = error.fix.unwrap_or_else(|| "Change the setting named here.".to_owned());
            report.failed("start", error.what, fix);
            None
        }
    }
}

fn messages(report: &mut Report, (config, against): (&Config, &[Problem]), services: Option<&Arc<Services>>) {
    let name = "messages";
    let mine = |problem: &&Problem| ["sms.", "voice.", "email."].iter().any(|part| problem.key.starts_with(part));
    if report.problems(name, against.iter().filter(mine)) {
        return;
    }
    match services.map(|services| app::senders(services)) {
        Some(Err(error)) => {
            return report.failed(name, error.what, "See 'dinhdanh config explain sms', 'voice' and 'email'.");
        }
        Some(Ok(senders)) => {
            if let Err(what) = senders.backchannel.prepare() {
                return report.failed(name, what, "Install Debian's package ca-certificates.");
            }
        }
        None => {}
    }
    let (sms, voice, email) = (config.sms.sender, config.voice.sender, config.email.sender);
    if sms == CodeSender::None && voice == CodeSender::None {
        let fix = "Set sms.sender or voice.sender: see 'dinhdanh config explain sms'.";
        return report.failed(name, "no code can reach a phone, so nobody can create an account", fix);
    }
    let way = |sender| match sender {
        CodeSender::None => "not offered",
        CodeSender::Http => "by the gateway",
        CodeSender::TestInbox => "to the test inbox",
    };
    let mail = match email {
        EmailSender::None => "not offered",
        EmailSender::Smtp => "by the mail server",
        EmailSender::TestInbox => "to the test inbox",
    };
    report.well(name, format!("SMS {}, calls {}, e-mail {mail}", way(sms), way(voice)));
}

/// A register, by its section of the configuration.
struct Asked<'a> {
    name: &'static str,
    section: &'static str,
    settings: &'a Register,
    /// What cannot be done without it.
    missing: &'static str,
}

async fn registers(report: &mut Report, (config, against): (&Config, &[Problem]), services: Option<&Services>) {
    let registers = &config.registers;
    let asked = [
        Asked {
            name: "population register",
            section: "registers.population",
            settings: &registers.population,
            missing: "nobody new can be matched",
        },
        Asked {
            name: "enterprise register",
            section: "registers.enterprise",
            settings: &registers.enterprise,
            missing: "nobody can act for an enterprise",
        },
        Asked {
            name: "agency register",
            section: "registers.agency",
            settings: &registers.agency,
            missing: "nobody can act for a state body",
        },
    ];
    for register in asked {
        let inside = format!("{}.", register.section);
        if report.problems(register.name, against.iter().filter(|problem| problem.key.starts_with(&inside))) {
            continue;
        }
        if register.settings.adapter == RegisterAdapter::None {
            report.unused(register.name, &format!("not connected: {}", register.missing));
            continue;
        }
        let Some(services) = services else { continue };
        let request = uuid_v7(SystemClock.now(), &SystemEntropy);
        let health = match register.section {
            "registers.enterprise" => services.organizations.health(OrganizationKind::Enterprise, request).await,
            "registers.agency" => services.organizations.health(OrganizationKind::StateBody, request).await,
            _ => services.population.health(request).await,
        };
        match health {
            Ok(()) => report.well(register.name, "it answers over X-Road"),
            Err(error) => unwell(report, &register, error),
        }
    }
}

fn unwell(report: &mut Report, register: &Asked<'_>, error: RegisterError) {
    let section = register.section;
    let fix = match error {
        RegisterError::Refused(_) => {
            format!("Check client, service and tls under [{section}], and the access rights with the register.")
        }
        RegisterError::Malformed(_) | RegisterError::WrongAnswer(_) => {
            format!("Check that base_url and service under [{section}] name the right place.")
        }
        RegisterError::Unavailable { .. } | RegisterError::TimedOut => {
            format!("Check base_url and tls under [{section}], and that the security server runs.")
        }
    };
    report.failed(register.name, format!("{error}: sign-in goes on, but {} meanwhile", register.missing), fix);
}
