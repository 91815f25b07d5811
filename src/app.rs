//! Builds the program from its configuration, serves, and stops gracefully.

mod tls;

use crate::base::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::cache::{Cache, MemoryCache, RedisCache};
use crate::config::{
    CertificateHeader, CodeSender, Config, EmailSender, LogFormat, Register, RegisterAdapter, SmtpProtection,
};
use crate::crypto::{ClientAuthorities, DpopNonces, HashLimits, KeyEncryptionKey, Passkeys, PasswordHasher, Sealer};
use crate::db::{Db, Pools};
use crate::flow::Services;
use crate::flow::client_document::ClientDocuments;
use crate::flow::client_keys::KeySets;
use crate::flow::clients::Clients;
use crate::flow::delivery::{Senders, TestInbox};
use crate::flow::keys::{self, Keys, Making};
use crate::flow::outbox::Notice;
use crate::flow::request_uri::FetchedRequests;
use crate::flow::software_statement;
use crate::http::{AppParts, AppState, DemoSite, Site};
use crate::identity::{AcrDefinition, AcrTable, AuthenticationLevel, IdentityLevel, Places, Requirement};
use crate::notify::{
    BackchannelLogout, HttpGateway, HttpGatewaySettings, MessageKind, MessageSender, OutboundClient, OutboundPolicy,
    Smtp, SmtpSettings, SmtpTls,
};
use crate::registers::{
    BreakerPolicy, GuardPolicy, GuardedRegister, OrganizationDirectory, OrganizationRegister, PopulationRegister,
    Unconnected, XRoadOrganizationRegister, XRoadPopulationRegister, XRoadSettings, XRoadTls,
};
use crate::view::messages::NotYou;
use crate::view::{Locale, messages};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use url::Url;

/// Why the program does not start, and what to do.
#[derive(Debug)]
pub struct StartError {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: Option<String>,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl StartError {
    /// A reason without advice.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), fix: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

fn because<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> StartError {
    move |error| StartError::new(format!("{what}: {error}"))
}

/// A nonce for DPoP proofs is good for one to two of these (RFC 9449 8: short, yet longer than a slow round trip).
const DPOP_NONCE_STEP: Duration = Duration::from_secs(150);

/// Name of the key-encryption key's file in the key folder.
pub const KEK_FILE: &str = "kek.bin";

/// Opens the database of a configuration.
pub async fn open_database(config: &Config) -> Result<Db, StartError> {
    let url = config.database.connection_url().map_err(because("the database address cannot be read"))?;
    let pools = Pools { postgres: config.database.max_connections, ..Pools::default() };
    Db::connect_with(url.expose(), pools).await.map_err(|error| {
        StartError::new(format!("the database does not open: {error}"))
            .fix("Check [database] url, that the server runs, and that the account may connect.")
    })
}

/// Opens the cache of a configuration.
pub fn open_cache(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn Cache>, StartError> {
    if config.cache.is_memory() {
        return Ok(Arc::new(MemoryCache::new(clock, 64 * 1024 * 1024)));
    }
    let url = config.cache.connection_url().map_err(because("the cache address cannot be read"))?;
    let cache = RedisCache::new(url.expose(), "dinhdanh", clock).map_err(because("the cache address is wrong"))?;
    Ok(Arc::new(cache))
}

/// Reads the key-encryption key.
pub fn read_kek(folder: &Path) -> Result<KeyEncryptionKey, StartError> {
    let path = folder.join(KEK_FILE);
    KeyEncryptionKey::load(&path).map_err(|error| {
        StartError::new(format!("the key-encryption key {} cannot be used: {error}", path.display()))
            .fix("Make one with 'dinhdanh keys init', or restore it from the backup and set its mode to 0600.")
    })
}

/// Makes a key-encryption key where there is none.
pub fn ensure_kek(folder: &Path, entropy: &dyn Entropy, demo: bool) -> Result<KeyEncryptionKey, StartError> {
    let path = folder.join(KEK_FILE);
    if !path.exists() {
        std::fs::create_dir_all(folder).map_err(because("the key folder cannot be made"))?;
        let kek = if demo { KeyEncryptionKey::generate_demo(entropy) } else { KeyEncryptionKey::generate(entropy) };
        kek.store(&path).map_err(because("the key-encryption key cannot be written"))?;
    }
    read_kek(folder)
}

/// What the program takes from its surroundings; tests hand in their own.
pub struct Surroundings {
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The population register, instead of the configured one.
    pub population: Option<Arc<dyn PopulationRegister>>,
    /// The registers of organizations, instead of the configured ones.
    pub organizations: Option<Arc<dyn OrganizationRegister>>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy), population: None, organizations: None }
    }
}

/// Builds what the use cases need. Makes the first signing keys.
pub async fn build(
    config: Config,
    db: Db,
    kek: &KeyEncryptionKey,
    surroundings: Surroundings,
) -> Result<Arc<Services>, StartError> {
    let Surroundings { clock, entropy, population: given, organizations: given_organizations } = surroundings;
    let cache = open_cache(&config, clock.clone())?;
    // It connects while the keys are read: the first request need not wait for that.
    let connecting = cache.clone();
    tokio::spawn(async move { drop(connecting.ping().await) });
    let sealer = Sealer::new(kek);
    let demo = config.provider.is_made_up();
    let making = Making { now: clock.now(), entropy: &*entropy, demo, force: false };
    keys::rotate(&db, &sealer, &keys::policy(&config), making).await.map_err(because("keys cannot be made"))?;
    let ring = keys::read(&db, &sealer).await.map_err(|error| {
        StartError::new(format!("the keys cannot be opened: {error}"))
            .fix("The key-encryption key does not fit this database: use the one it was made with.")
    })?;
    let origin = Url::parse(config.provider.issuer.as_str()).map_err(because("the issuer is no address"))?;
    let passkeys = Passkeys::new(config.provider.rp_id(), &origin, &config.provider.service_name_vi)
        .map_err(because("passkeys cannot work with this issuer and rp_id"))?;
    let limits = HashLimits {
        permits: config.password.permits(),
        queue: config.password.queue,
        max_wait: config.password.wait_ms.duration(),
    };
    let population = match given {
        Some(given) => given,
        None => population(&config, clock.clone())?,
    };
    let organizations = match given_organizations {
        Some(given) => given,
        None => organizations(&config, &clock)?,
    };
    let acr = acr_table(&config)?;
    let places = places(&config)?;
    let client_authorities = match &config.tls.client_ca {
        Some(path) => {
            let pem = std::fs::read(path).map_err(because("[tls] client_ca cannot be read"))?;
            Some(ClientAuthorities::from_pem(&pem).map_err(because("[tls] client_ca"))?)
        }
        None => None,
    };
    let statement_issuers = match &config.registration.software_statement_issuers {
        Some(path) => software_statement::read_issuers(path).map_err(because("[registration]"))?,
        None => Vec::new(),
    };
    Ok(Arc::new(Services {
        keys: Keys::new(ring, clock.now()),
        passwords: PasswordHasher::new(limits),
        dpop_nonces: DpopNonces::new(sealer.clone(), DPOP_NONCE_STEP),
        clients: Clients::default(),
        late: crate::flow::late::Places::default(),
        clock,
        entropy,
        db,
        cache,
        sealer,
        passkeys,
        outbound: outbound(&config)?,
        key_sets: KeySets::default(),
        request_objects: FetchedRequests::default(),
        client_documents: ClientDocuments::default(),
        statement_issuers,
        client_authorities,
        population,
        organizations,
        places,
        acr,
        config,
    }))
}

/// The operator's list of networks, read once at start.
fn places(config: &Config) -> Result<Places, StartError> {
    let Some(path) = &config.session.places_file else {
        return Ok(Places::default());
    };
    let text = std::fs::read_to_string(path).map_err(because("session.places_file cannot be read"))?;
    Places::parse(&text).map_err(|error| StartError::new(format!("session.places_file: {error}")))
}

/// The client for addresses that portals registered.
pub fn outbound(config: &Config) -> Result<OutboundClient, StartError> {
    let settings = &config.backchannel;
    let trusted = settings.trusted_ca.as_deref().map(std::fs::read).transpose();
    let trusted = trusted.map_err(because("[backchannel] trusted_ca cannot be read"))?;
    let policy = OutboundPolicy { allow_loopback: settings.allow_loopback };
    match trusted {
        None => Ok(OutboundClient::new(policy)),
        Some(more) => OutboundClient::trusting(policy, &more).map_err(because("[backchannel] trusted_ca")),
    }
}

fn acr_table(config: &Config) -> Result<AcrTable, StartError> {
    let definitions = config
        .acr
        .iter()
        .map(|row| {
            Ok(AcrDefinition {
                name: row.name.clone(),
                aliases: row.aliases.clone(),
                requirement: Requirement {
                    minimum_identity_level: IdentityLevel::try_from(row.minimum_identity_level)
                        .map_err(because("[[acr]] minimum_identity_level"))?,
                    minimum_authentication_level: AuthenticationLevel::try_from(row.minimum_authentication_level)
                        .map_err(because("[[acr]] minimum_authentication_level"))?,
                    needs_settled: row.needs_settled,
                    refuses_synced: row.refuses_synced,
                },
            })
        })
        .collect::<Result<Vec<_>, StartError>>()?;
    AcrTable::new(definitions).map_err(because("[[acr]]"))
}

/// Where a register is, as configured; `None` where it is not connected.
fn xroad_settings(section: &'static str, register: &Register) -> Result<Option<XRoadSettings>, StartError> {
    if register.adapter != RegisterAdapter::Xroad {
        return Ok(None);
    }
    let needed = |what: &str| StartError::new(format!("[{section}] {what} is missing"));
    Ok(Some(XRoadSettings {
        base_url: register.base_url.clone().ok_or_else(|| needed("base_url"))?,
        client: register.client.as_deref().ok_or_else(|| needed("client"))?.parse().map_err(because(section))?,
        service: register.service.as_deref().ok_or_else(|| needed("service"))?.parse().map_err(because(section))?,
        deadline_ms: u64::from(register.deadline_ms.0),
        user_id_prefix: register.user_id_prefix.clone(),
        tls: register.tls.certificate.clone().zip(register.tls.key.clone()).map(|(certificate, key)| XRoadTls {
            ca: register.tls.ca.clone(),
            certificate,
            key,
        }),
    }))
}

fn guard_policy(register: &Register) -> GuardPolicy {
    GuardPolicy {
        breaker: BreakerPolicy {
            failures_to_open: register.breaker.failures_to_open,
            open_seconds: register.breaker.open_seconds.0,
        },
        ..GuardPolicy::default()
    }
}

fn population(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn PopulationRegister>, StartError> {
    const SECTION: &str = "registers.population";
    let register = &config.registers.population;
    let Some(settings) = xroad_settings(SECTION, register)? else {
        return Ok(Arc::new(Unconnected));
    };
    let adapter: Arc<dyn PopulationRegister> =
        Arc::new(XRoadPopulationRegister::new(&settings, clock.clone()).map_err(because(SECTION))?);
    Ok(Arc::new(GuardedRegister::new(adapter, guard_policy(register), clock)))
}

fn organizations(config: &Config, clock: &Arc<dyn Clock>) -> Result<Arc<dyn OrganizationRegister>, StartError> {
    let connect = |section: &'static str, register: &Register| -> Result<Arc<dyn OrganizationRegister>, StartError> {
        let Some(settings) = xroad_settings(section, register)? else {
            return Ok(Arc::new(Unconnected));
        };
        let adapter: Arc<dyn OrganizationRegister> =
            Arc::new(XRoadOrganizationRegister::new(&settings, clock.clone()).map_err(because(section))?);
        Ok(Arc::new(GuardedRegister::new(adapter, guard_policy(register), clock.clone())))
    };
    Ok(Arc::new(OrganizationDirectory {
        enterprises: connect("registers.enterprise", &config.registers.enterprise)?,
        agencies: connect("registers.agency", &config.registers.agency)?,
    }))
}

/// The senders of a configuration.
pub fn senders(services: &Services) -> Result<Senders, StartError> {
    let config = &services.config;
    let inbox = || -> Arc<dyn MessageSender> {
        Arc::new(TestInbox {
            db: services.db.clone(),
            clock: services.clock.clone(),
            entropy: services.entropy.clone(),
        })
    };
    let gateway = |sender: CodeSender, url: Option<Url>, token: Option<&crate::config::SecretRef>| {
        Ok::<_, StartError>(match sender {
            CodeSender::None => None,
            CodeSender::TestInbox => Some(inbox()),
            CodeSender::Http => {
                let url = url.ok_or_else(|| StartError::new("the gateway's http_url is missing"))?;
                let token = token.map(crate::config::SecretRef::read).transpose().map_err(because("token_file"))?;
                let settings = HttpGatewaySettings { url, token: token.unwrap_or_default() };
                let gateway = HttpGateway::new(settings).map_err(because("the message gateway"))?;
                Some(Arc::new(gateway) as Arc<dyn MessageSender>)
            }
        })
    };
    let email: Option<Arc<dyn MessageSender>> = match config.email.sender {
        EmailSender::None => None,
        EmailSender::TestInbox => Some(inbox()),
        EmailSender::Smtp => Some(Arc::new(smtp(config)?)),
    };
    Ok(Senders {
        sms: gateway(config.sms.sender, config.sms.http_url.clone(), config.sms.token_file.as_ref())?,
        voice: gateway(config.voice.sender, config.voice.http_url.clone(), config.voice.token_file.as_ref())?,
        email,
        backchannel: BackchannelLogout::new(services.outbound.clone()),
        wording,
    })
}

fn smtp(config: &Config) -> Result<Smtp, StartError> {
    let server = config.email.smtp_server().map_err(because("[email]"))?;
    let server = server.ok_or_else(|| StartError::new("[email] url is missing"))?;
    let (username, password) = server.credentials.unzip();
    Smtp::new(&SmtpSettings {
        host: server.host,
        port: server.port,
        tls: match server.protection {
            SmtpProtection::Tls => SmtpTls::Implicit,
            SmtpProtection::StartTls => SmtpTls::StartTls,
            SmtpProtection::None => SmtpTls::None,
        },
        username,
        password,
        from: config.email.from.clone().unwrap_or_default(),
    })
    .map_err(because("[email]"))
}

/// The words of a message, from the same catalogues as the pages.
fn wording(
    services: &Services,
    (notice, not_me): (&Notice, Option<&str>),
    language: &str,
    kind: MessageKind,
) -> (String, String) {
    let locale = Locale::from_tag(language).unwrap_or_default();
    let provider = &services.config.provider;
    let host = provider.issuer.host();
    let hotline = provider.hotline.as_deref().unwrap_or(messages::instead_of_hotline(locale));
    let service = if locale == Locale::En { &provider.service_name_en } else { &provider.service_name_vi };
    let not_you = &NotYou { code: not_me, hotline };
    let text = match notice {
        Notice::SignInCode { code, .. } | Notice::CreateAccountCode { code } | Notice::ConfirmPhoneCode { code }
            if kind == MessageKind::Voice =>
        {
            messages::code_call(locale, code)
        }
        Notice::SignInCode { code, portal } => {
            messages::sign_in_sms(locale, portal.as_deref().unwrap_or(service), host, code)
        }
        Notice::CreateAccountCode { code } => messages::create_account_sms(locale, host, code),
        Notice::AccountExists => messages::account_exists_sms(locale, hotline),
        Notice::PasskeyAdded { at } => messages::passkey_added_sms(locale, *at, not_you),
        Notice::PasskeyRemoved { at } => messages::passkey_removed_sms(locale, *at, not_you),
        Notice::PasswordChanged { at } => messages::password_changed_sms(locale, *at, not_you),
        Notice::RecoveryCodesRenewed { at } => messages::recovery_codes_sms(locale, *at, not_you),
        Notice::ConfirmPhoneCode { code } => messages::confirm_phone_sms(locale, host, code),
        Notice::ConfirmEmailCode { code } => messages::confirm_email(locale, host, code),
        Notice::EmailChanged { at } => messages::email_changed_sms(locale, *at, not_you),
        Notice::PhoneChangeAsked { effective_at } => messages::phone_change_asked_sms(locale, *effective_at, not_you),
        Notice::PhoneChanged { at } => messages::phone_changed_sms(locale, *at, not_you),
        Notice::PhoneChangeCancelled { at } => messages::phone_change_cancelled_sms(locale, *at),
        Notice::TotpAdded { at } => messages::totp_added_sms(locale, *at, not_you),
        Notice::TotpRemoved { at } => messages::totp_removed_sms(locale, *at, not_you),
        Notice::AccountFrozen { at } => messages::account_frozen_sms(locale, *at, not_you),
        Notice::AccountUnfrozen { at } => messages::account_unfrozen_sms(locale, *at, not_you),
        Notice::AccountClosed { at } => messages::account_closed_sms(locale, *at, hotline),
        Notice::NewDevice { at } => messages::new_device_sms(locale, *at, not_you),
        Notice::OrganizationAsked { name } => messages::organization_asked_sms(locale, name),
        Notice::OrganizationOpened { name, at } => messages::organization_opened_sms(locale, name, *at, not_you),
        Notice::OrganizationRefused { name, at } => messages::organization_refused_sms(locale, name, *at),
        Notice::OrganizationClosed { name, at } => messages::organization_closed_sms(locale, name, *at, not_you),
        Notice::RequestWaits { portal } => messages::request_waits_sms(locale, portal, hotline),
        Notice::AccountConfirmed => messages::account_confirmed_sms(locale),
        Notice::AccountNotConfirmed => messages::account_not_confirmed_sms(locale, hotline),
    };
    // A text message never holds a link; an e-mail names the page, which changes nothing by being opened.
    let text = match not_me {
        Some(_) if kind == MessageKind::Email => format!("{text}\n{}/not-me", services.issuer().trim_end_matches('/')),
        _ => text,
    };
    (service.clone(), text)
}

/// Starts logging as configured. The first call of a process counts.
pub fn start_logging(config: &crate::config::Log) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // A line that cannot be written (the disk is full) is lost; complaining about it on the same way would panic (X15).
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    // A second start within one process (tests) keeps the first.
    drop(match config.format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Pretty => builder.compact().try_init(),
    });
}

/// The process's metrics, made once.
pub fn metrics_handle() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets_for_metric(
                    Matcher::Suffix("_seconds".to_owned()),
                    &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0],
                )
                .ok()?
                .install_recorder()
                .ok()
        })
        .clone()
}

fn site(config: &Config) -> Site {
    let provider = &config.provider;
    let origin = provider.issuer.as_str().trim_end_matches('/').to_owned();
    let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host).to_owned();
    Site {
        host,
        https: provider.issuer.is_https(),
        origin,
        request_timeout: config.limits.request_timeout_seconds.duration(),
        body_timeout: config.limits.header_timeout_seconds.duration(),
        body_bytes: config.limits.body_bytes,
        proxy_header: config.limits.trust_proxy.header(),
        certificate_proxies: match config.tls.client_certificate_header {
            CertificateHeader::ClientCert => config.tls.trusted_proxies().unwrap_or_default(),
            CertificateHeader::None => Vec::new(),
        },
        mtls_origin: config.tls.mtls_url.as_ref().map(|url| url.origin().ascii_serialization()),
        test_environment: !provider.is_production(),
        hotline: provider.hotline.clone().unwrap_or_default(),
        hotline_hours: provider.hotline_hours.clone().unwrap_or_default(),
        service_name: (provider.service_name_vi.clone(), provider.service_name_en.clone()),
        account_idle_seconds: u32::try_from(crate::identity::session::ACCOUNT_PAGES_IDLE.as_secs()).unwrap_or(900),
    }
}

/// A provider that serves on a bound address.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    stopping: Arc<AtomicBool>,
    handle: axum_server::Handle<SocketAddr>,
    servers: Vec<tokio::task::JoinHandle<std::io::Result<()>>>,
    jobs: Vec<tokio::task::JoinHandle<()>>,
    drain: Duration,
    patience: Duration,
}

/// Binds an address, with words for a busy port.
pub fn bind(address: SocketAddr, option: &str) -> Result<std::net::TcpListener, StartError> {
    let listener = std::net::TcpListener::bind(address).map_err(|error| {
        let start = StartError::new(format!("{address} cannot be used: {error}"));
        match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                start.fix(format!("Another program listens there. Stop it, or choose another port with {option}."))
            }
            _ => start.fix(format!("Choose another address with {option}.")),
        }
    })?;
    listener.set_nonblocking(true).map_err(because("the listener"))?;
    Ok(listener)
}

/// What the router is given.
pub fn state(services: Arc<Services>, demo: Option<Arc<DemoSite>>) -> AppState {
    AppState::from(AppParts {
        site: Arc::new(site(&services.config)),
        documents: Arc::default(),
        requests: Arc::default(),
        places: Arc::new(Semaphore::new(services.config.limits.concurrency)),
        stopping: Arc::new(AtomicBool::new(false)),
        metrics: services.config.metrics.enabled.then(metrics_handle).flatten(),
        demo,
        services,
    })
}

/// The largest request head, in bytes: parameters in an address take up to 16 KiB, cookies a few more.
const HEAD_BYTES: usize = 64 * 1024;

/// Serves on a listener, jobs included.
pub fn serve(
    services: Arc<Services>,
    listener: std::net::TcpListener,
    demo: Option<Arc<DemoSite>>,
) -> Result<Running, StartError> {
    let address = listener.local_addr().map_err(because("the listener"))?;
    let (stop, stopped) = watch::channel(false);
    let limits = &services.config.limits;
    let state = state(services.clone(), demo);
    let stopping = state.stopping.clone();
    if services.config.metrics.enabled && state.demo.is_none() {
        let listener = bind(services.config.metrics.listen, "[metrics] listen")?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(because("the metrics listener"))?;
        let (router, mut stopped) = (crate::http::metrics_router().with_state(state.clone()), stopped.clone());
        tokio::spawn(async move {
            let until = async move { drop(stopped.wait_for(|stop| *stop).await) };
            drop(axum::serve(listener, router).with_graceful_shutdown(until).await);
        });
    }
    if let Some(handle) = state.metrics.clone() {
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            while tokio::time::timeout(Duration::from_secs(5), stopped.changed()).await.is_err() {
                handle.run_upkeep();
            }
        });
    }
    let (drain, patience) = (limits.drain_seconds.duration(), limits.stop_seconds.duration());
    let router = crate::http::router(state);
    let handle = axum_server::Handle::new();
    let mut servers = vec![listen(&services.config, listener, &router, (&handle, false))?];
    if let Some(address) = services.config.tls.mtls_listen {
        let listener = bind(address, "[tls] mtls_listen")?;
        servers.push(listen(&services.config, listener, &router, (&handle, true))?);
    }
    let jobs = crate::jobs::start(&services, senders(&services)?, &stopped);
    Ok(Running { address, stop, stopping, handle, servers, jobs, drain, patience })
}

/// Serves the router on one listener: with TLS where the configuration names a certificate. `asks_clients`: and asks
/// callers for theirs.
fn listen(
    config: &Config,
    listener: std::net::TcpListener,
    router: &axum::Router,
    (handle, asks_clients): (&axum_server::Handle<SocketAddr>, bool),
) -> Result<tokio::task::JoinHandle<std::io::Result<()>>, StartError> {
    let header_timeout = config.limits.header_timeout_seconds.duration();
    // HTTP/1.1 only, as reverse proxies speak it: waiting to see which version a caller begins with has no time limit,
    // so that callers who say nothing would hold their connections for ever (S5).
    let server = axum_server::from_tcp(listener).map_err(because("the listener"))?;
    let mut server = server.http1_only().handle(handle.clone());
    let mut http = server.http_builder().http1();
    http.timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(HEAD_BYTES);
    let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
    let (Some(certificate), Some(key)) = (&config.tls.certificate, &config.tls.key) else {
        return Ok(tokio::spawn(server.serve(service)));
    };
    let files = tls::TlsFiles { certificate, key, asks_clients };
    let acceptor = tls::TlsAcceptor::new(tls::config(&files)?, header_timeout);
    Ok(tokio::spawn(server.acceptor(acceptor).serve(service)))
}

impl Running {
    /// Stops: readiness says no while requests are still served, so that load balancers send no more; then no new
    /// connections, requests under way end, jobs end.
    pub async fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        tokio::time::sleep(self.drain).await;
        self.handle.graceful_shutdown(Some(self.patience));
        for server in self.servers {
            drop(server.await);
        }
        self.stop.send_replace(true);
        for job in self.jobs {
            drop(tokio::time::timeout(self.patience, job).await);
        }
    }
}

/// Listens for the signals that end the program, from now on; the answer waits for the first of them. Asked for before
/// the program says that it is ready, so that no signal finds it without ears.
pub fn stop_signal() -> Result<impl Future<Output = ()>, StartError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(because("signals"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(because("signals"))?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
