//! A provider of its own for each test, on a database of its own.

use super::browser::{Browser, ORIGIN, Page};
use async_trait::async_trait;
use axum::Router;
use dinhdanh::app::{self, Surroundings};
use dinhdanh::base::{FrozenClock, PersonId, SeededEntropy, SystemEntropy, Timestamp, random_token};
use dinhdanh::config::Config;
use dinhdanh::crypto::KeyEncryptionKey;
use dinhdanh::db::Db;
use dinhdanh::flow::delivery::{self, Senders};
use dinhdanh::flow::{Services, demo, person};
use dinhdanh::identity::{
    BirthDate, FullName, Gender, IdentityLevel, LegalState, PersonalNumber, PhoneNumber, PopulationRecord,
};
use dinhdanh::notify::{MessageSender, OutgoingMessage, SendError};
use dinhdanh::registers::{
    FakeOrganizationRegister, FakePopulationRegister, PopulationAnswer, PopulationQuery, PopulationRegister,
    RegisterError,
};
use dinhdanh::{http, store};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// 2026-11-21T02:00:00Z, nine in the morning in Vietnam.
pub const START: Timestamp = Timestamp::from_seconds(1_795_226_400);

/// A test person, as cards and forms name them.
#[derive(Debug, Clone, Copy)]
pub struct Citizen {
    pub key: &'static str,
    pub name: &'static str,
    pub number: &'static str,
    pub birth: &'static str,
    pub phone: &'static str,
}

pub const HOA: Citizen =
    Citizen {
        key: "hoa", name: "Đỗ Thị Hòa", number: "079101999902", birth: "1988-03-27", phone: "+84912000001"
    };
pub const MINH: Citizen =
    Citizen {
        key: "minh", name: "Trần Văn Minh", number: "001000999901", birth: "1979-07-01", phone: "+84912000002"
    };

impl Citizen {
    pub fn record(&self) -> PopulationRecord {
        PopulationRecord {
            number: PersonalNumber::parse(self.number).unwrap(),
            full_name: FullName::parse(self.name).unwrap(),
            birth_date: BirthDate::parse_claim(self.birth).unwrap(),
            gender: Some(Gender::Female),
            legal_state: LegalState::Alive,
            replaced_by: None,
        }
    }

    pub fn password(&self) -> String {
        demo::password_of(self.key).expose().to_owned()
    }
}

/// The register's desk: the fake, unless a test puts a record of its own into the answer.
#[derive(Default)]
pub struct Desk {
    pub fake: FakePopulationRegister,
    pub slips: Mutex<Option<PopulationRecord>>,
}

#[async_trait]
impl PopulationRegister for Desk {
    async fn look_up(&self, query: &PopulationQuery) -> Result<PopulationAnswer, RegisterError> {
        let answer = self.fake.look_up(query).await?;
        let slip = self.slips.lock().unwrap().clone();
        Ok(match (answer, slip) {
            (PopulationAnswer::Found { evidence, .. }, Some(record)) => PopulationAnswer::Found { record, evidence },
            (answer, _) => answer,
        })
    }

    async fn health(&self, request_id: uuid::Uuid) -> Result<(), RegisterError> {
        self.fake.health(request_id).await
    }
}

/// Keeps what it is given, unless told to fail.
#[derive(Debug, Default)]
pub struct Captured {
    kept: Mutex<Vec<OutgoingMessage>>,
    /// So many sendings fail from now on.
    pub failing: AtomicUsize,
    /// Everything arrives twice.
    pub twice: AtomicBool,
}

#[async_trait]
impl MessageSender for Captured {
    async fn send(&self, message: &OutgoingMessage) -> Result<(), SendError> {
        let fails = |left: usize| left.checked_sub(1);
        if self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
            return Err(SendError::Temporary("down"));
        }
        let mut kept = self.kept.lock().unwrap();
        kept.push(message.clone());
        if self.twice.load(Ordering::SeqCst) {
            kept.push(message.clone());
        }
        Ok(())
    }

    fn name(&self) -> &'static str {
        "captured"
    }
}

pub struct House {
    pub services: Arc<Services>,
    pub clock: Arc<FrozenClock>,
    pub register: Arc<Desk>,
    pub organizations: Arc<FakeOrganizationRegister>,
    pub router: Router,
    places: Arc<tokio::sync::Semaphore>,
    pub messages: Arc<Captured>,
    senders: Senders,
    kek: Arc<KeyEncryptionKey>,
    folder: Option<PathBuf>,
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            drop(std::fs::remove_dir_all(folder));
        }
    }
}

static SEED: AtomicU64 = AtomicU64::new(1);

fn config(more: &[(&'static str, &str)]) -> Config {
    let mut over = vec![
        ("provider.issuer", ORIGIN.to_owned()),
        ("keys.algorithms", "[\"ES256\", \"RS256\"]".to_owned()),
        ("keys.encryption_algorithms", "[\"ECDH-ES\"]".to_owned()),
        ("backchannel.allow_loopback", "true".to_owned()),
        ("password.wait_ms", "30000".to_owned()),
    ];
    over.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
    Config::load_over(None, std::iter::empty(), &over).unwrap().config
}

impl House {
    /// A new provider at [`START`], with nobody in it.
    pub async fn new() -> Self {
        Self::over(&[]).await
    }

    /// The same on PostgreSQL, in a database of its own that the next test's server run takes away.
    pub async fn on_postgres() -> Self {
        let server = std::env::var("DINHDANH_TEST_POSTGRES").expect("no PostgreSQL: run ./integration-tests/run tests");
        let admin = Db::connect(&server).await.unwrap();
        let Db::Postgres(pool) = &admin else { panic!("{server} is no PostgreSQL") };
        let name = format!("flows_{}_{}", std::process::id(), SEED.fetch_add(1, Ordering::Relaxed));
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(pool).await.unwrap();
        admin.close().await;
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(&name);
        let db = Db::connect(url.as_str()).await.unwrap();
        db.migrate().await.unwrap();
        let clock = Arc::new(FrozenClock::at(START));
        let kek = Arc::new(KeyEncryptionKey::generate(&SystemEntropy));
        Self::build(db, clock, Arc::default(), kek, config(&[])).await
    }

    /// The same with other settings.
    pub async fn over(settings: &[(&'static str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("dinhdanh-flows-{}", random_token(&SystemEntropy)));
        std::fs::create_dir_all(&folder).unwrap();
        let db = Db::connect(&format!("sqlite://{}", folder.join("flows.db").display())).await.unwrap();
        db.migrate().await.unwrap();
        let clock = Arc::new(FrozenClock::at(START));
        let register = Arc::new(Desk::default());
        let kek = Arc::new(KeyEncryptionKey::generate(&SystemEntropy));
        let mut house = Self::build(db, clock, register, kek, config(settings)).await;
        house.folder = Some(folder);
        house
    }

    /// The same database and clock under a program that has just started: nothing in memory is left.
    pub async fn restarted(&self) -> Self {
        let (clock, register, kek) = (self.clock.clone(), self.register.clone(), self.kek.clone());
        Self::build(self.services.db.clone(), clock, register, kek, self.services.config.clone()).await
    }

    async fn build(
        db: Db,
        clock: Arc<FrozenClock>,
        register: Arc<Desk>,
        kek: Arc<KeyEncryptionKey>,
        config: Config,
    ) -> Self {
        let entropy = Arc::new(SeededEntropy::new(SEED.fetch_add(1, Ordering::Relaxed)));
        let organizations = Arc::new(FakeOrganizationRegister::at(clock.clone()));
        let surroundings = Surroundings {
            clock: clock.clone(),
            entropy,
            population: Some(register.clone()),
            organizations: Some(organizations.clone()),
        };
        let services = app::build(config, db, &kek, surroundings).await.map_err(|error| error.what).unwrap();
        let messages = Arc::new(Captured::default());
        let mut senders = app::senders(&services).map_err(|error| error.what).unwrap();
        senders.sms = Some(messages.clone());
        senders.voice = Some(messages.clone());
        senders.email = Some(messages.clone());
        let state = app::state(services.clone(), None);
        let places = state.places.clone();
        let router = http::router(state);
        Self { services, clock, register, organizations, router, places, messages, senders, kek, folder: None }
    }

    pub fn browser(&self) -> Browser {
        Browser::new(self.router.clone())
    }

    /// Takes every place for requests served at once, until they are dropped.
    pub fn take_every_place(&self) -> tokio::sync::OwnedSemaphorePermit {
        let all = u32::try_from(self.places.available_permits()).unwrap();
        self.places.clone().try_acquire_many_owned(all).unwrap()
    }

    pub fn after(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Gives a citizen an account with phone and password, at identity level 1.
    pub async fn with(&self, citizen: &Citizen) -> PersonId {
        self.with_ways(citizen, true, IdentityLevel::One).await
    }

    /// The same with nothing but a phone.
    pub async fn with_phone(&self, citizen: &Citizen) -> PersonId {
        self.with_ways(citizen, false, IdentityLevel::One).await
    }

    /// With phone, password and authenticator app, at another identity level.
    pub async fn with_level(&self, citizen: &Citizen, identity_level: IdentityLevel) -> PersonId {
        self.with_ways(citizen, true, identity_level).await
    }

    async fn with_ways(&self, citizen: &Citizen, more: bool, identity_level: IdentityLevel) -> PersonId {
        let record = citizen.record();
        let test = demo::TestPerson {
            key: citizen.key,
            full_name: &record.full_name,
            number: &record.number,
            birth_date: record.birth_date,
            gender: Gender::Female,
            phone: &PhoneNumber::parse(citizen.phone).unwrap(),
            identity_level,
            locked: false,
            language: "en",
            password: more,
            totp: more,
        };
        demo::add_person(&self.services, &test).await.unwrap();
        self.person(citizen).await.unwrap().id
    }

    pub async fn person(&self, citizen: &Citizen) -> Option<store::person::Person> {
        let number = PersonalNumber::parse(citizen.number).unwrap();
        let index = person::number_index(&self.services, &number).unwrap();
        store::person::find_by_number_index(&self.services.db, &index).await.unwrap()
    }

    /// One round of the outbox after another, until nothing is due.
    pub async fn deliver(&self) {
        while delivery::round(&self.services, &self.senders, 32).await.unwrap() > 0 {}
    }

    /// Everything sent to a phone so far, oldest first.
    pub async fn texts_to(&self, phone: &str) -> Vec<String> {
        self.deliver().await;
        let all = self.messages.kept.lock().unwrap();
        all.iter().filter(|message| message.recipient == phone).map(|message| message.text.clone()).collect()
    }

    /// The code that was sent to a phone last.
    pub async fn code_for(&self, citizen: &Citizen) -> String {
        let texts = self.texts_to(citizen.phone).await;
        // Notices go to the same phone, and messages of one moment come in any order.
        let code = |text: &&String| text.len() > 6 && text.bytes().take(6).all(|byte| byte.is_ascii_digit());
        let last = texts.iter().rfind(code).unwrap_or_else(|| panic!("no code was sent to {}", citizen.key));
        last.chars().take(6).collect()
    }

    /// Names a person on the first page and has a code sent: up to the page that asks for it.
    pub async fn ask_code(&self, browser: &mut Browser, page: &Page, citizen: &Citizen) -> Page {
        let page = self.identify(browser, page, citizen).await;
        browser.submit(&page, "/method", &[("method", "sms")]).await
    }

    pub async fn identify(&self, browser: &mut Browser, page: &Page, citizen: &Citizen) -> Page {
        let action = format!("/signin/{}", page.flow());
        let page = browser.submit(page, &action, &[("identifier", citizen.number)]).await;
        page.at("/method");
        page
    }

    /// Signs in with a code, from the first page to whatever follows.
    pub async fn sign_in(&self, browser: &mut Browser, page: &Page, citizen: &Citizen) -> Page {
        let page = self.ask_code(browser, page, citizen).await;
        let code = self.code_for(citizen).await;
        browser.submit(&page, "/code", &[("code", &code)]).await
    }

    /// Signs in with password and code: authentication level 2.
    pub async fn sign_in_twice(&self, browser: &mut Browser, page: &Page, citizen: &Citizen) -> Page {
        let page = self.identify(browser, page, citizen).await;
        let page = browser.submit(&page, "/method", &[("method", "password")]).await;
        let page = browser.submit(&page, "/password", &[("password", &citizen.password())]).await;
        page.at("/method");
        let page = browser.submit(&page, "/method", &[("method", "sms")]).await;
        let code = self.code_for(citizen).await;
        let page = browser.submit(&page, "/code", &[("code", &code)]).await;
        if page.path.ends_with("/offer-passkey") {
            return browser.submit(&page, "/offer-passkey", &[("action", "skip")]).await;
        }
        page
    }
}
