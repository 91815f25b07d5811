//! `demo`: everything on this machine, with one command.

use super::output::{self, Failure};
use crate::app;
use crate::base::{Clock, Secret, SystemClock, SystemEntropy};
use crate::config::Config;
use crate::flow::Services;
use crate::flow::demo::{self, TestPerson};
use crate::http::{DemoCitizen, DemoSite};
use crate::identity::{IdentityLevel, LegalState};
use crate::registers::simulator::{self, DemoPerson, SimulatorOptions};
use crate::sample_portal::{self, IdTokenAlg, Neighbour, PortalSettings, TokenAuth};
use crate::store;
use crate::view::PortalBrand;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use url::Url;

/// Examples for `demo --help`.
pub const HELP: &str = "Examples:
  dinhdanh demo
  dinhdanh demo --port 9000
  dinhdanh demo --json --port 0 --data /tmp/demo
  dinhdanh demo --database postgres://me@localhost/demo --cache redis://localhost

Exit codes: 0 stopped, 1 refused or failed, 2 used wrongly.";

/// What `demo` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArguments {
    /// Port of the provider; the portals and the register simulator use the next ones. 0: free ports.
    #[arg(long, default_value_t = 8800)]
    port: u16,
    /// Folder of the database and the keys, kept between starts.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Another database than the embedded one, such as postgres://…
    #[arg(long)]
    database: Option<String>,
    /// Another cache than memory, such as redis://…
    #[arg(long)]
    cache: Option<String>,
    /// The address people see, when it is not http://localhost:PORT (behind a proxy).
    #[arg(long)]
    issuer: Option<String>,
    /// Without the sample portals and the register simulator: a second process beside a first one.
    #[arg(long)]
    no_portals: bool,
    /// Address of a register simulator that runs already.
    #[arg(long)]
    register: Option<String>,
}

/// The sample portals: client id, names, brand, scopes, port after the provider's.
const PORTALS: [(&str, &str, &str, PortalBrand, &[&str]); 2] = [
    (
        "cong-binh-minh",
        "Cổng Dịch vụ công Bình Minh",
        "Binh Minh Public Services",
        PortalBrand::Green,
        &["openid", "profile", "personal_number", "levels"],
    ),
    (
        "cong-y-te",
        "Cổng Y tế Sông Hồng",
        "Red River Health Portal",
        PortalBrand::Violet,
        &["openid", "profile", "phone", "levels"],
    ),
];

/// The test clients: id, ID token algorithm, authentication method.
const CLIENTS: [(&str, &str, &str); 6] = [
    ("test-es256", "ES256", "client_secret_basic"),
    ("test-rs256", "RS256", "client_secret_post"),
    ("test-ps256", "PS256", "client_secret_basic"),
    ("test-eddsa", "EdDSA", "client_secret_basic"),
    ("test-private-key", "ES256", "private_key_jwt"),
    ("test-public", "ES256", "none"),
];

/// The simulated registers: the settings of each, and its service.
const REGISTERS: [[&str; 5]; 3] = [
    [
        "registers.population.adapter",
        "registers.population.base_url",
        "registers.population.client",
        "registers.population.service",
        simulator::POPULATION_SERVICE,
    ],
    [
        "registers.enterprise.adapter",
        "registers.enterprise.base_url",
        "registers.enterprise.client",
        "registers.enterprise.service",
        simulator::ENTERPRISE_SERVICE,
    ],
    [
        "registers.agency.adapter",
        "registers.agency.base_url",
        "registers.agency.client",
        "registers.agency.service",
        simulator::AGENCY_SERVICE,
    ],
];

/// Where each part listens.
struct Places {
    provider: TcpListener,
    portals: Vec<TcpListener>,
    register: Option<TcpListener>,
}

fn places(arguments: &DemoArguments) -> Result<Places, Failure> {
    let listen = |offset: u16| {
        let port = if arguments.port == 0 { 0 } else { arguments.port.saturating_add(offset) };
        app::bind(SocketAddr::from(([127, 0, 0, 1], port)), "--port")
    };
    let provider = listen(0)?;
    if arguments.no_portals {
        return Ok(Places { provider, portals: Vec::new(), register: None });
    }
    let portals = (1..=2).map(listen).collect::<Result<Vec<_>, _>>()?;
    let register = if arguments.register.is_none() { Some(listen(3)?) } else { None };
    Ok(Places { provider, portals, register })
}

fn local(listener: &TcpListener) -> Result<String, Failure> {
    Ok(format!("http://localhost:{}", listener.local_addr()?.port()))
}

fn configuration(arguments: &DemoArguments, issuer: &str, register: Option<&str>) -> Result<Config, Failure> {
    let mut over: Vec<(&str, String)> = vec![
        ("provider.issuer", issuer.to_owned()),
        ("provider.environment", "demo".to_owned()),
        // Nobody balances load over a demo: it stops at once.
        ("limits.drain_seconds", "0".to_owned()),
        ("provider.hotline", "1900 0000".to_owned()),
        ("provider.hotline_hours", "7:00–22:00".to_owned()),
        ("keys.folder", arguments.data.join("keys").display().to_string()),
        ("sms.sender", "test-inbox".to_owned()),
        ("voice.sender", "test-inbox".to_owned()),
        ("email.sender", "test-inbox".to_owned()),
        ("backchannel.allow_loopback", "true".to_owned()),
        ("metrics.enabled", "true".to_owned()),
    ];
    let embedded = format!("sqlite://{}", arguments.data.join("dinhdanh.db").display());
    over.push(("database.url", arguments.database.clone().unwrap_or(embedded)));
    over.push(("cache.url", arguments.cache.clone().unwrap_or_else(|| "memory".to_owned())));
    if let Some(register) = register {
        for [adapter, base_url, client, service, of] in REGISTERS {
            over.push((adapter, "xroad".to_owned()));
            over.push((base_url, register.to_owned()));
            over.push((client, simulator::DEMO_CLIENT.to_owned()));
            over.push((service, of.to_owned()));
        }
    }
    Ok(Config::load_over(None, std::env::vars(), &over).map_err(|error| Failure::new(error.to_string()))?.config)
}

/// Runs the demo until it is told to stop.
pub async fn run(arguments: DemoArguments, as_json: bool) -> Result<(), Failure> {
    let started = Instant::now();
    let places = places(&arguments)?;
    let issuer = match &arguments.issuer {
        Some(issuer) => issuer.trim_end_matches('/').to_owned(),
        None => local(&places.provider)?,
    };
    let register_url = match (&arguments.register, &places.register) {
        (Some(url), _) => Some(url.clone()),
        (None, Some(listener)) => Some(format!("http://127.0.0.1:{}", listener.local_addr()?.port())),
        (None, None) => None,
    };
    std::fs::create_dir_all(&arguments.data)?;
    let config = configuration(&arguments, &issuer, register_url.as_deref())?;
    app::start_logging(&config.log);
    let kek = app::ensure_kek(&config.keys.folder, &SystemEntropy, true)?;
    let db = app::open_database(&config).await?;
    db.migrate().await?;
    store::partition::keep(&db, SystemClock.now()).await?;
    let services = app::build(config, db, &kek, app::Surroundings::default()).await?;
    let (stop, stopped) = watch::channel(false);
    if let Some(listener) = places.register {
        tokio::spawn(simulator::serve(listener, SimulatorOptions::default(), stopped.clone()));
    }
    let portal_urls = places.portals.iter().map(local).collect::<Result<Vec<_>, _>>()?;
    seed(&services, &portal_urls).await?;
    for (place, listener) in places.portals.into_iter().enumerate() {
        let settings = portal_settings(&services, &portal_urls, place)?;
        let mut until = stopped.clone();
        tokio::spawn(sample_portal::serve(listener, settings, async move {
            drop(until.wait_for(|stopped| *stopped).await);
        }));
    }
    let site = Arc::new(site(&portal_urls)?);
    let signal = app::stop_signal()?;
    let running = app::serve(services.clone(), places.provider, Some(site))?;
    let ready_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let facts = facts(&services, &arguments, (&portal_urls, register_url.as_deref(), ready_ms))?;
    if as_json {
        output::json(&facts)
    } else {
        welcome(&facts)
    }
    signal.await;
    running.stop().await;
    stop.send_replace(true);
    Ok(())
}

/// Fills the database: people and clients, marked as demo. Safe to run at every start and from two processes.
async fn seed(services: &Services, portal_urls: &[String]) -> Result<(), Failure> {
    let fault = |fault: crate::flow::Fault| Failure::new(fault.to_string());
    for person in simulator::demo_people() {
        if let Some(test) = test_person(&person) {
            demo::add_person(services, &test).await.map_err(fault)?;
        }
    }
    // Minh acts for a company and its branch. The company he represents together with Hoa is left for them to open.
    for code in [simulator::SAO_MAI_TAX_CODE.to_owned(), format!("{}-001", simulator::SAO_MAI_TAX_CODE)] {
        demo::add_organization(services, simulator::MINH, &code).await.map_err(fault)?;
    }
    let issuer = services.issuer();
    let self_check = json!({
        "client_name": "Self-check", "redirect_uris": [format!("{issuer}/test/self-check")],
        "token_endpoint_auth_method": "client_secret_post", "id_token_signed_response_alg": "ES256", "scope": "openid",
    });
    demo::add_client(services, demo::SELF_CHECK, &self_check).await.map_err(fault)?;
    for (place, url) in portal_urls.iter().enumerate() {
        if let Some((client_id, vi, en, _, scopes)) = PORTALS.get(place) {
            let metadata = portal_metadata(url, (vi, en, scopes), place == 0);
            demo::add_client(services, client_id, &metadata).await.map_err(fault)?;
        }
    }
    for client in CLIENTS {
        demo::add_client(services, client.0, &client_metadata(services, client)?).await.map_err(fault)?;
    }
    Ok(())
}

fn test_person(person: &DemoPerson) -> Option<TestPerson<'_>> {
    let (level, password, totp) = match person.key {
        "hoa" | "minh" => (IdentityLevel::Two, true, true),
        "bay" => (IdentityLevel::One, true, false),
        "lan" | "hhen" | "john" | "pao" => (IdentityLevel::One, false, false),
        _ => return None,
    };
    if person.legal_state != LegalState::Alive {
        return None;
    }
    Some(TestPerson {
        key: person.key,
        full_name: &person.full_name,
        number: &person.number,
        birth_date: person.birth_date,
        gender: person.gender,
        phone: person.phone.as_ref()?,
        identity_level: level,
        locked: person.key == "lan",
        language: if person.key == "john" { "en" } else { "vi" },
        password,
        totp,
    })
}

fn portal_metadata(url: &str, (vi, en, scopes): (&str, &str, &[&str]), by_law: bool) -> Value {
    let (claims, basis, vi_why, en_why) = if by_law {
        (
            vec!["name", "birthdate", "gender", "personal_number"],
            "Nghị định 118/2025/NĐ-CP (thử nghiệm)",
            "Tiếp nhận và trả kết quả thủ tục hành chính của bạn",
            "To receive your applications and return their results",
        )
    } else {
        (
            vec!["name", "birthdate", "gender", "phone_number", "phone_number_verified"],
            "Sự đồng ý của bạn (Luật 91/2025/QH15)",
            "Đặt lịch khám và nhắc lịch qua điện thoại",
            "To book appointments and remind you by phone",
        )
    };
    json!({
        "client_name": en, "client_name#vi": vi, "client_name#en": en, "client_uri": url,
        "redirect_uris": [format!("{url}/callback")],
        "post_logout_redirect_uris": [format!("{url}/signed-out")],
        "backchannel_logout_uri": format!("{url}/backchannel-logout"),
        "backchannel_logout_session_required": true,
        "initiate_login_uri": format!("{url}/login"),
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": "ES256",
        "scope": scopes.join(" "),
        "sharing": {
            "claims": claims, "purpose": { "vi": vi_why, "en": en_why }, "legal_basis": basis,
            "basis_kind": if by_law { "law" } else { "consent" }, "term_days": 365,
        },
        "representation": if by_law { "allowed" } else { "refused" },
    })
}

fn client_metadata(services: &Services, (client_id, algorithm, method): (&str, &str, &str)) -> Result<Value, Failure> {
    let public = method == "none";
    let mut grants = vec!["authorization_code", "refresh_token"];
    if !public {
        grants.push("client_credentials");
    }
    let mut metadata = json!({
        "client_name": format!("Test client {algorithm}"),
        "redirect_uris": redirect_uris(client_id),
        "post_logout_redirect_uris": [format!("http://localhost:9/{client_id}/bye")],
        "grant_types": grants,
        "token_endpoint_auth_method": method,
        "id_token_signed_response_alg": algorithm,
        "scope": "openid profile phone email personal_number levels offline_access report",
        "sharing": {
            "claims": ["name", "birthdate", "gender", "personal_number", "phone_number", "phone_number_verified", "email", "email_verified"],
            "purpose": { "vi": "Thử nghiệm", "en": "Testing" }, "legal_basis": "Thử nghiệm", "basis_kind": "law", "term_days": 365,
        },
        "representation": "allowed",
    });
    if client_id == "test-rs256" {
        put(&mut metadata, "userinfo_signed_response_alg", json!("RS256"));
    }
    if method == "private_key_jwt" {
        let mut jwk = demo::client_jwk_of(services, client_id).map_err(|fault| Failure::new(fault.to_string()))?;
        if let Some(members) = jwk.as_object_mut() {
            members.remove("d");
        }
        put(&mut metadata, "jwks", json!({ "keys": [jwk] }));
    }
    Ok(metadata)
}

/// Nothing listens there: scripts read the answer from the redirect.
fn redirect_uris(client_id: &str) -> Vec<String> {
    vec![format!("http://localhost:9/{client_id}/callback")]
}

fn portal_settings(services: &Services, urls: &[String], place: usize) -> Result<PortalSettings, Failure> {
    let unknown = || Failure::new("no such sample portal");
    let (client_id, vi, en, brand, scopes) = PORTALS.get(place).ok_or_else(unknown)?;
    let neighbour = PORTALS
        .iter()
        .zip(urls)
        .find(|((other, ..), _)| other != client_id)
        .map(|((_, vi, en, ..), url)| {
            Ok::<_, Failure>(Neighbour { name_vi: (*vi).to_owned(), name_en: (*en).to_owned(), url: Url::parse(url)? })
        })
        .transpose()?;
    let issuer = Url::parse(services.issuer())?;
    Ok(PortalSettings {
        name_vi: (*vi).to_owned(),
        name_en: (*en).to_owned(),
        client_id: (*client_id).to_owned(),
        client_secret: demo::client_secret_of(services, client_id).map_err(|fault| Failure::new(fault.to_string()))?,
        base_url: Url::parse(urls.get(place).ok_or_else(unknown)?)?,
        token_auth: TokenAuth::ClientSecretBasic,
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        id_token_alg: IdTokenAlg::Es256,
        what_happened_base: Some(issuer.join("/test/what-happened/")?),
        brand: *brand,
        neighbour,
        issuer,
    })
}

fn secrets_of(test: &TestPerson<'_>) -> Result<(Option<Secret>, Option<Secret>), Failure> {
    let password = test.password.then(|| demo::password_of(test.key));
    let totp = if test.totp {
        Some(demo::totp_text_of(test.key).map_err(|fault| Failure::new(fault.to_string()))?)
    } else {
        None
    };
    Ok((password, totp))
}

fn site(portal_urls: &[String]) -> Result<DemoSite, Failure> {
    let mut people = Vec::new();
    let mut checker = None;
    for person in simulator::demo_people() {
        let mut secrets = Vec::new();
        if let Some(test) = test_person(&person) {
            let (password, totp) = secrets_of(&test)?;
            secrets.extend(password.map(|secret| ("password".to_owned(), secret)));
            secrets.extend(totp.map(|secret| ("totp".to_owned(), secret)));
        }
        if person.key == "minh" {
            checker = Some((person.key.to_owned(), person.number.clone()));
        }
        people.push(DemoCitizen {
            name: person.full_name.as_str().to_owned(),
            number: person.number.as_str().to_owned(),
            phone: person.phone.as_ref().map(|phone| phone.national()).unwrap_or_default(),
            birth_date: person.birth_date.to_claim(),
            story: (person.story_vi.to_owned(), person.story_en.to_owned()),
            secrets,
        });
    }
    let portals = PORTALS
        .iter()
        .zip(portal_urls)
        .map(|((_, vi, en, ..), url)| ((*vi).to_owned(), (*en).to_owned(), url.clone()))
        .collect();
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(2))
        .build()?;
    Ok(DemoSite {
        portals,
        people,
        checker: checker.ok_or_else(|| Failure::new("no test person for the self-check"))?,
        http,
    })
}

/// What scripts need, in one line.
fn facts(
    services: &Services,
    arguments: &DemoArguments,
    (portal_urls, register, ready_ms): (&[String], Option<&str>, u64),
) -> Result<Value, Failure> {
    let portals: Vec<Value> = PORTALS
        .iter()
        .zip(portal_urls)
        .map(|((client_id, vi, en, ..), url)| json!({ "name": vi, "name_en": en, "url": url, "client_id": client_id }))
        .collect();
    let mut people = Vec::new();
    for person in simulator::demo_people() {
        let mut facts = json!({
            "key": person.key, "number": person.number.as_str(), "name": person.full_name.as_str(),
            "full_name": person.full_name.as_str(), "birth_date": person.birth_date.to_claim(),
            "phone": person.phone.as_ref().map(|phone| phone.national()),
            "has_account": false, "story": person.story_en,
        });
        if let Some(test) = test_person(&person) {
            let (password, totp) = secrets_of(&test)?;
            put(&mut facts, "has_account", json!(true));
            put(&mut facts, "identity_level", json!(test.identity_level.as_u8()));
            if let Some(password) = password {
                put(&mut facts, "password", json!(password.expose()));
            }
            if let Some(totp) = totp {
                put(&mut facts, "totp_secret", json!(totp.expose()));
            }
        }
        people.push(facts);
    }
    let clients = CLIENTS.iter().map(|client| client_facts(services, *client)).collect::<Result<Vec<_>, Failure>>()?;
    let issuer = services.issuer();
    Ok(json!({
        "issuer": issuer, "start_page": format!("{issuer}/"), "inbox_url": format!("{issuer}/test/inbox"),
        "account_url": format!("{issuer}/account"), "discovery_url": format!("{issuer}/.well-known/openid-configuration"),
        "register_url": register, "portals": portals, "people": people, "clients": clients,
        "data_dir": arguments.data.display().to_string(), "database": services.db.engine(), "ready_ms": ready_ms,
        "started_at": services.clock.now().to_string(), "version": env!("CARGO_PKG_VERSION"),
    }))
}

fn client_facts(services: &Services, (client_id, algorithm, method): (&str, &str, &str)) -> Result<Value, Failure> {
    let fault = |fault: crate::flow::Fault| Failure::new(fault.to_string());
    let mut facts = json!({
        "client_id": client_id, "alg": algorithm, "auth_method": method, "redirect_uris": redirect_uris(client_id),
        "post_logout_redirect_uris": [format!("http://localhost:9/{client_id}/bye")],
    });
    if client_id == "test-rs256" {
        put(&mut facts, "userinfo_signed_response_alg", json!("RS256"));
    }
    match method {
        "private_key_jwt" => put(&mut facts, "private_jwk", demo::client_jwk_of(services, client_id).map_err(fault)?),
        "none" => {}
        _ => {
            let secret = demo::client_secret_of(services, client_id).map_err(fault)?;
            put(&mut facts, "client_secret", json!(secret.expose()));
        }
    }
    Ok(facts)
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// What a person sees in the terminal (F1).
fn welcome(facts: &Value) {
    let text = |name: &str| facts.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let bold = |text: &str| {
        use std::io::IsTerminal;
        if std::io::stdout().is_terminal() { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let ready = facts.get("ready_ms").and_then(Value::as_u64).unwrap_or(0);
    output::line(format!(
        "{} is ready ({ready} ms). Test data only.\n",
        bold(&format!("Dinhdanh {}", text("version")))
    ));
    output::line(format!("  Start page     {}", bold(&text("start_page"))));
    for portal in facts.get("portals").and_then(Value::as_array).into_iter().flatten() {
        let of = |name: &str| portal.get(name).and_then(Value::as_str).unwrap_or_default();
        output::line(format!("  Sample portal  {}  {}", of("url"), of("name")));
    }
    output::line(format!("  Test inbox     {}", text("inbox_url")));
    output::line(format!("  My account     {}", text("account_url")));
    output::line(format!("  Discovery      {}", text("discovery_url")));
    if !text("register_url").is_empty() {
        output::line(format!("  Register       {} (simulated population)", text("register_url")));
    }
    output::line(format!(
        "\n  Data is kept in {} ({}). Delete that folder to start over.",
        text("data_dir"),
        text("database")
    ));
    output::line("  Stop with Ctrl-C. For scripts: --json. For other ports: --port N.");
}
