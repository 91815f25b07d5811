//! An installation to measure: settings, schema, clients, people with everything the scenarios need. The provider and
//! the floor get the same rows, each in a database of its own.

use crate::authenticator::Authenticator;
use crate::key::Key;
use crate::process::{Process, eventually};
use crate::wire::Wire;
use dinhdanh::app::{self, Surroundings};
use dinhdanh::base::{
    Clock, CredentialId, Entropy, GrantId, PersonId, Secret, SessionId, SystemClock, SystemEntropy, dated_token,
    random_token, sha256,
};
use dinhdanh::config::Config;
use dinhdanh::db::Tx;
use dinhdanh::flow::client_registration::{self, NewClient, Registering};
use dinhdanh::flow::{Services, create_account, metadata, person};
use dinhdanh::identity::{
    AuthenticationLevel, BirthDate, IdentityLevel, Method, PersonStatus, PersonalNumber, RegisterState,
};
use dinhdanh::store;
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The client whose tokens are ES256.
pub const ES256: &str = "load-es256";
/// The client whose tokens are RS256.
pub const RS256: &str = "load-rs256";
/// The client of the FAPI 2.0 security profile: pushed requests, keys for everything.
pub const FAPI: &str = "load-fapi";
/// The agency that acts with tokens of the first client.
pub const AGENCY: &str = "load-agency";
/// The client on devices.
pub const DEVICE: &str = "load-device";
/// The secret of all that have one.
pub const SECRET: &str = "load-program-secret-of-both-clients-00000000";
/// Where codes go.
pub const REDIRECT: &str = "https://portal.load.example/cb";
/// The PKCE verifier of every request.
pub const VERIFIER: &str = "load-program-verifier-0000000000000000000000000";
/// The password of everybody.
pub const PASSWORD: &str = "Trang giay xanh 2026 do tai";

/// The file with the public key of the FAPI client, beside the settings: for the floor.
pub const KEY: &str = "client-key";

const CODES_EACH: usize = 12;

/// Where an installation keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Store {
    /// SQLite and memory.
    Sqlite,
    /// PostgreSQL and Redis.
    Postgres,
}

impl Store {
    /// As in tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite + memory",
            Self::Postgres => "PostgreSQL + Redis",
        }
    }
}

/// What answers the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The provider: `dinhdanh serve`.
    Server,
    /// The least program that does the same work.
    Floor,
}

/// Somebody with an account, a live session, a passkey, a password and printed codes.
pub struct Person {
    pub number: String,
    pub cookie: String,
    /// Printed codes not used yet.
    pub printed: Mutex<Vec<String>>,
    /// Authorization codes not used yet.
    pub codes: Mutex<Vec<String>>,
    pub device: tokio::sync::Mutex<Authenticator>,
}

/// A seeded installation and its running program.
pub struct Installation {
    pub store: Store,
    pub role: Role,
    pub host: String,
    pub address: SocketAddr,
    pub people: Vec<Person>,
    /// What the FAPI client signs with.
    pub key: Key,
    /// Address of its database.
    pub database: String,
    /// From the start of the program to its first answer that it is ready.
    pub ready: Duration,
    pub process: Mutex<Process>,
    folder: PathBuf,
    settings: PathBuf,
}

/// A port nobody listens on now.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The program.
pub fn program() -> PathBuf {
    std::env::var_os("DINHDANH_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_dinhdanh")), PathBuf::from)
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: use ./integration-tests/load/run"))
}

/// A fresh database on the server for tests.
async fn new_database(name: &str) -> String {
    let server = sqlx::postgres::PgConnectOptions::from_str(&variable("DINHDANH_TEST_POSTGRES")).unwrap();
    let mut admin = PgConnection::connect_with(&server).await.unwrap();
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    sqlx::query(AssertSqlSafe(drop)).execute(&mut admin).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    server.database(name).to_url_lossy().to_string()
}

impl Installation {
    /// Makes an installation of that many people and starts its program.
    pub async fn start(store: Store, role: Role, people: usize, folder: &Path) -> Self {
        let name = format!("load_{role:?}_{store:?}").to_lowercase();
        let folder = folder.join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        let port = free_port();
        let (database, cache) = match store {
            Store::Sqlite => (format!("sqlite://{}", folder.join("dinhdanh.db").display()), "memory".to_owned()),
            Store::Postgres => {
                let redis = variable("DINHDANH_TEST_REDIS");
                (new_database(&name).await, format!("{}/1", redis.trim_end_matches('/')))
            }
        };
        let settings = folder.join("dinhdanh.toml");
        let host = format!("localhost:{port}");
        let text = format!(
            "[provider]\nissuer = \"http://{host}\"\nlisten = \"127.0.0.1:{port}\"\nenvironment = \"sandbox\"\n\
             [database]\nurl = \"{database}\"\n[cache]\nurl = \"{cache}\"\n[keys]\nfolder = \"{}\"\n\
             [metrics]\nenabled = true\nlisten = \"127.0.0.1:{}\"\n",
            folder.join("keys").display(),
            free_port()
        );
        std::fs::write(&settings, text).unwrap();
        let key = Key::new();
        std::fs::write(folder.join(KEY), key.point()).unwrap();
        let people = seed(&settings, people, &key).await;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (process, ready) = launch(role, (&folder, &settings), (address, &host)).await;
        Self { store, role, host, address, people, key, database, ready, process: process.into(), folder, settings }
    }

    /// Ends the program and starts it again on the same data.
    pub async fn restart(&mut self) {
        self.process.lock().unwrap().stop();
        let (process, ready) = launch(self.role, (&self.folder, &self.settings), (self.address, &self.host)).await;
        self.ready = ready;
        *self.process.lock().unwrap() = process;
    }

    /// A connection to the program.
    pub async fn connect(&self) -> Wire {
        Wire::open(self.address, &self.host).await.unwrap()
    }
}

async fn launch(
    role: Role,
    (folder, settings): (&Path, &Path),
    (address, host): (SocketAddr, &str),
) -> (Process, Duration) {
    let settings = settings.display().to_string();
    let started = Instant::now();
    let mut process = match role {
        Role::Server => Process::start(&program(), &["serve", "--config", &settings], folder, "serve"),
        Role::Floor => {
            let own = std::env::current_exe().unwrap();
            Process::start(&own, &["floor", &settings, &address.to_string()], folder, "floor")
        }
    };
    process.must_run();
    eventually("the program gets ready", || async {
        let mut wire = Wire::open(address, host).await.ok()?;
        let answer = wire.get("/health/ready", "").await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    (process, started.elapsed())
}

async fn services(settings: &Path) -> Arc<Services> {
    let config = Config::load(Some(settings), std::iter::empty()).unwrap().config;
    let kek = app::ensure_kek(&config.keys.folder, &SystemEntropy, false).unwrap();
    let db = app::open_database(&config).await.unwrap();
    db.migrate().await.unwrap();
    // Also for a month ago: where old rows will be put.
    for days_ago in [30, 0] {
        let at = SystemClock.now().minus(Duration::from_hours(24 * days_ago));
        store::partition::keep(&db, at).await.unwrap();
    }
    app::build(config, db, &kek, Surroundings::default()).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn seed(settings: &Path, count: usize, key: &Key) -> Vec<Person> {
    let services = services(settings).await;
    add_clients(&services, key).await;
    let hash = services.passwords.hash(&Secret::new(PASSWORD), &SystemEntropy).await.unwrap();
    let mut people = Vec::with_capacity(count);
    for place in 0..count {
        people.push(add_person(&services, place, &hash).await);
    }
    services.db.close().await;
    people
}

async fn add_clients(services: &Services, key: &Key) {
    const SCOPE: &str = "openid profile levels offline_access applications:read";
    const RECORDS: &str = "https://records.load.example";
    const ARCHIVE: &str = "https://archive.load.example";
    for (id, algorithm) in [(ES256, "ES256"), (RS256, "RS256")] {
        let metadata = json!({
            "redirect_uris": [REDIRECT], "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "scope": SCOPE, "id_token_signed_response_alg": algorithm, "audience": [RECORDS, ARCHIVE],
        });
        add_client(services, id, metadata).await;
    }
    let fapi = json!({
        "redirect_uris": [REDIRECT], "grant_types": ["authorization_code"], "scope": "openid levels",
        "profile": "fapi2_security", "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key.jwk()] },
        "dpop_bound_access_tokens": true,
    });
    add_client(services, FAPI, fapi).await;
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let agency = json!({
        "grant_types": ["client_credentials", exchange], "token_exchange_clients": [ES256], "scope": "applications:read",
        "audience": [RECORDS, ARCHIVE],
    });
    add_client(services, AGENCY, agency).await;
    let device = json!({
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"], "scope": "openid levels",
    });
    add_client(services, DEVICE, device).await;
}

/// Registers a client; what the metadata does not name is as most clients have it.
async fn add_client(services: &Services, id: &str, metadata: serde_json::Value) {
    let registering = Registering {
        db: &services.db,
        now: services.clock.now(),
        entropy: &SystemEntropy,
        policy: metadata::registration_policy(&services.config),
        sealer: None,
        secret_lifetime: None,
    };
    let mut all = json!({
        "client_name": id, "redirect_uris": [], "response_types": [], "id_token_signed_response_alg": "ES256",
        "token_endpoint_auth_method": "client_secret_basic",
    });
    all.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
    if all["redirect_uris"] != json!([]) {
        all.as_object_mut().unwrap().remove("response_types");
    }
    let metadata = all;
    let secret = (metadata["token_endpoint_auth_method"] == "client_secret_basic").then(|| Secret::new(SECRET));
    let new = NewClient { client_id: Some(id.to_owned()), secret, ..NewClient::default() };
    client_registration::add(&registering, &metadata.to_string(), new).await.unwrap().unwrap();
}

/// A person whose number is made from a place in a list.
pub fn number_of(place: usize) -> String {
    format!("0010{:08}", 90_000_000 + place)
}

/// A row of `person`.
pub fn person_row(services: &Services, id: PersonId, number: &str) -> store::person::Person {
    let now = services.clock.now();
    let number = PersonalNumber::parse(number).unwrap();
    store::person::Person {
        id,
        status: PersonStatus::Active,
        status_reason: None,
        identity_level: IdentityLevel::Two,
        register_state: RegisterState::Verified,
        register_as_of: Some(now),
        register_evidence: None,
        full_name: "Nguyễn Văn Đo".to_owned(),
        name_key: "NGUYENVANDO".to_owned(),
        name_search: "nguyen van do".to_owned(),
        birth_date_sealed: person::seal_birth_date(services, id, &BirthDate::parse_claim("1990-02-03").unwrap())
            .unwrap(),
        gender: None,
        number_sealed: person::seal_number(services, id, &number).unwrap(),
        number_index: person::number_index(services, &number).unwrap(),
        language: "vi".to_owned(),
        is_demo: false,
        created_at: now,
        updated_at: now,
    }
}

async fn add_person(services: &Services, place: usize, hash: &str) -> Person {
    let now = services.clock.now();
    let (id, number) = (PersonId::new(now, &SystemEntropy), number_of(place));
    let mut device = Authenticator::new(services.issuer());
    let passkey = make_passkey(services, id, &mut device).await;
    let (session, cookie) = session_row(services, id);
    let mut tx = services.db.begin().await.unwrap();
    let made = store::person::insert(&mut tx, &person_row(services, id, &number)).await.unwrap();
    assert_eq!(made, store::Inserted::New);
    let password = store::password::Password { person_id: id, hash: hash.to_owned(), changed_at: now };
    store::password::upsert(&mut tx, &password).await.unwrap();
    assert_eq!(store::passkey::insert(&mut tx, &passkey).await.unwrap(), store::Inserted::New);
    let printed = create_account::new_recovery_codes(services, &mut tx, id).await.unwrap();
    store::session::insert(&mut tx, &session).await.unwrap();
    let codes = add_grants(&mut tx, &session).await;
    tx.commit().await.unwrap();
    Person { number, cookie, printed: printed.into(), codes: codes.into(), device: device.into() }
}

async fn make_passkey(services: &Services, id: PersonId, device: &mut Authenticator) -> store::passkey::Passkey {
    let now = services.clock.now();
    let ceremony = services.passkeys.start_registration(id.0, "load", "load", Vec::new(), now).unwrap();
    let made = device.create(&ceremony.options).await.to_string();
    let made = services.passkeys.finish_registration(&made, &ceremony.state, now).unwrap();
    store::passkey::Passkey {
        id: CredentialId::new(now, &SystemEntropy),
        person_id: id,
        credential: made.credential_id,
        state: made.state_json,
        name: "load".to_owned(),
        aaguid: made.aaguid,
        transports: made.transports,
        backed_up: made.backed_up,
        created_at: now,
        settles_at: now,
        last_used_at: None,
        ended_at: None,
    }
}

/// A live session of twelve hours, and its cookie.
fn session_row(services: &Services, person: PersonId) -> (store::session::Session, String) {
    let now = services.clock.now();
    let id = SessionId::new(now, &SystemEntropy);
    let cookie = dated_token(id.made_at(), &SystemEntropy);
    let session = store::session::Session {
        id,
        secret_digest: sha256(cookie.as_bytes()),
        person_id: person,
        authentication_level: AuthenticationLevel::Two,
        methods: vec![Method::Passkey { user_verified: true, synced: false, settled: true }],
        settled: true,
        authenticated_at: now,
        created_at: now,
        last_seen_at: now,
        idle_expires_at: now.plus(Duration::from_secs(3600)),
        expires_at: now.plus(Duration::from_secs(43_200)),
        device: "Chrome, Android".to_owned(),
        place: None,
        ended_at: None,
        ended_reason: None,
    };
    (session, cookie)
}

/// Notes a visit of the portal and makes grants whose codes are good for an hour; gives the codes.
async fn add_grants(tx: &mut Tx, session: &store::session::Session) -> Vec<String> {
    let now = session.created_at;
    let mut sid = [0; 16];
    SystemEntropy.fill(&mut sid);
    let sid = uuid::Uuid::from_bytes(sid);
    for client in [ES256, FAPI] {
        store::session_client::upsert(tx, session.id, client, sid, now).await.unwrap();
    }
    let subject = random_token(&SystemEntropy);
    let subject =
        store::subject::get_or_create(tx, "portal.load.example", session.person_id, &subject, now).await.unwrap();
    let mut codes = Vec::new();
    for _ in 0..CODES_EACH {
        let code = dated_token(now, &SystemEntropy);
        let grant = store::grant::Grant {
            id: GrantId::new(now, &SystemEntropy),
            client_id: ES256.to_owned(),
            person_id: session.person_id,
            session_id: session.id,
            sid,
            subject: subject.clone(),
            scope: "openid levels applications:read".to_owned(),
            claims_id_token: Vec::new(),
            claims_userinfo: Vec::new(),
            resource: Vec::new(),
            agreement_id: None,
            nonce: Some("n".to_owned()),
            redirect_uri: REDIRECT.to_owned(),
            redirect_uri_sent: true,
            code_digest: sha256(code.as_bytes()),
            code_challenge: Some(challenge()),
            code_expires_at: now.plus(Duration::from_secs(3600)),
            code_used_at: None,
            acr: "urn:dinhdanh:acr:2".to_owned(),
            methods: session.methods.clone(),
            authentication_level: session.authentication_level,
            identity_level: IdentityLevel::Two,
            authenticated_at: now,
            offline: false,
            created_at: now,
            expires_at: session.expires_at,
            ended_at: None,
            ended_reason: None,
            organization_id: None,
            origin: store::grant::GrantOrigin::Code,
            terms: dinhdanh::protocol::GrantTerms::default(),
        };
        store::grant::insert(tx, &grant).await.unwrap();
        codes.push(code);
    }
    codes
}

/// The PKCE challenge of every request.
pub fn challenge() -> String {
    crate::base64_url(sha256(VERIFIER.as_bytes()).as_bytes())
}
