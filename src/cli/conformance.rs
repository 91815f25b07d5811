//! `conformance`: the provider as the suites of the OpenID Foundation test it (docs/conformance.md).

use super::ConfigArgument;
use super::output::{self, Failure};
use crate::app;
use crate::base::SystemEntropy;
use crate::config::{Config, Environment};
use crate::flow::conformance;
use crate::flow::demo::{self, TestPerson};
use crate::identity::{EmailAddress, IdentityLevel};
use crate::registers::simulator;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Examples for `conformance --help`.
pub const HELP: &str = "Examples:
  dinhdanh conformance
  dinhdanh conformance --config config/conformance.toml --clients config/conformance-clients.json --json

Made-up people only: 'serve' refuses these settings and this database. See docs/conformance.md.

Exit codes: 0 stopped, 1 refused or failed, 2 used wrongly.";

/// The person who signs in.
const PERSON: &str = "hoa";
const EMAIL: &str = "hoa@example.vn";

/// What `conformance` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct ConformanceArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// JSON file of clients that are registered at the start: a list of RFC 7591 metadata with client_id.
    #[arg(long, default_value = "config/conformance-clients.json")]
    clients: PathBuf,
}

/// Settings: the profile, and the authorities of the suite where its file is there.
fn configuration(arguments: &ConformanceArguments) -> Result<Config, Failure> {
    let path = arguments.config.config.clone().unwrap_or_else(|| PathBuf::from("config/conformance.toml"));
    let load = |over: &[(&str, String)]| {
        Config::load_over(Some(&path), std::env::vars(), over).map_err(|error| Failure::new(error.to_string()))
    };
    let mut config = load(&[])?.config;
    let authorities = config.keys.folder.join("suite-ca.pem");
    if authorities.exists() {
        let text = authorities.display().to_string();
        let mut over = Vec::new();
        if config.backchannel.trusted_ca.is_none() {
            over.push(("backchannel.trusted_ca", text.clone()));
        }
        if config.tls.client_ca.is_none() {
            over.push(("tls.client_ca", text));
        }
        config = load(&over)?.config;
    }
    if config.provider.environment != Environment::Conformance {
        return Err(Failure::new("these settings are not of the conformance profile")
            .help("Use config/conformance.toml, or set [provider] environment = \"conformance\"."));
    }
    Ok(config)
}

/// Makes a self-signed certificate for our own hosts where there is none.
fn ensure_certificate(config: &Config) -> Result<(), Failure> {
    let (Some(certificate), Some(key)) = (&config.tls.certificate, &config.tls.key) else { return Ok(()) };
    if certificate.exists() && key.exists() {
        return Ok(());
    }
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), config.provider.issuer.host().to_owned()];
    names.extend(config.tls.mtls_url.as_ref().and_then(|url| url.host_str()).map(str::to_owned));
    names.sort();
    names.dedup();
    // RSA: the cipher checks of FAPI-CIBA offer no suite for another key.
    let signing = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)?;
    let made = rcgen::CertificateParams::new(names)?.self_signed(&signing)?;
    write(certificate, &made.pem(), 0o644)?;
    write(key, &signing.serialize_pem(), 0o600)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(mode).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

fn read_clients(path: &Path) -> Result<Vec<Map<String, Value>>, Failure> {
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::new(format!("{} cannot be read: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    serde_json::from_str(&text).map_err(|error| unreadable(&error))
}

/// Runs until it is told to stop.
pub async fn run(arguments: ConformanceArguments, as_json: bool) -> Result<(), Failure> {
    let config = configuration(&arguments)?;
    app::start_logging(&config.log);
    let clients = read_clients(&arguments.clients)?;
    ensure_certificate(&config)?;
    if let Some(folder) = super::sqlite_file(&config).as_deref().and_then(Path::parent) {
        std::fs::create_dir_all(folder)?;
    }
    let kek = app::ensure_kek(&config.keys.folder, &SystemEntropy, true)?;
    let db = app::open_database(&config).await?;
    db.migrate().await?;
    let listener = app::bind(config.provider.listen, "[provider] listen")?;
    let services = app::build(config, db, &kek, app::Surroundings::default()).await?;
    let fault = |fault: crate::flow::Fault| Failure::new(fault.to_string());
    let who = simulator::demo_people().into_iter().find(|person| person.key == PERSON);
    let who = who.ok_or_else(|| Failure::new("no made-up person"))?;
    let phone = who.phone.as_ref().ok_or_else(|| Failure::new("the made-up person has no phone"))?;
    let test = TestPerson {
        key: who.key,
        full_name: &who.full_name,
        number: &who.number,
        birth_date: who.birth_date,
        gender: who.gender,
        phone,
        identity_level: IdentityLevel::Two,
        locked: false,
        language: "en",
        password: true,
        totp: false,
    };
    demo::add_person(&services, &test).await.map_err(fault)?;
    let email = EmailAddress::parse(EMAIL).map_err(|error| Failure::new(format!("{error:?}")))?;
    conformance::add_email(&services, &who.number, &email).await.map_err(fault)?;
    conformance::add_evidence(&services, &who.number).await.map_err(fault)?;
    let mut registered = Vec::new();
    for client in clients {
        registered.push(conformance::add_client(&services, client).await.map_err(fault)?.map_err(Failure::new)?);
    }
    let stopped = app::stop_signal()?;
    let running = app::serve(services.clone(), listener, None)?;
    let facts = json!({
        "issuer": services.issuer(),
        "listen": running.address.to_string(),
        "mtls_listen": services.config.tls.mtls_listen.map(|address| address.to_string()),
        "discovery_url": format!("{}/.well-known/openid-configuration", services.issuer()),
        "certificate": services.config.tls.certificate.as_ref().map(|path| path.display().to_string()),
        "clients": registered,
        "person": {
            "number": who.number.as_str(),
            "password": demo::password_of(who.key).expose(),
            "code": services.config.sign_in.fixed_code.as_deref(),
        },
    });
    if as_json {
        output::json(&facts)
    } else {
        output::line(format!("{facts:#}"))
    }
    stopped.await;
    running.stop().await;
    Ok(())
}
