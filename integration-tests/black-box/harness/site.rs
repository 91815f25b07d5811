//! The program under test: started, restarted, killed; behind a proxy where there are two of it.

use super::people::Person;
use super::proxy::Proxy;
use super::{PATIENCE, eventually};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Where a program keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// SQLite and memory, one process.
    Sqlite,
    /// PostgreSQL and Redis, two processes.
    Postgres,
}

/// What a program of one's own is started with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Further environment variables.
    pub env: Vec<(String, String)>,
    /// Address of a population register, instead of a simulator beside the program.
    pub register: Option<String>,
    /// The PostgreSQL to make the database in, instead of the one of the run.
    pub server: Option<String>,
    /// Ports that stand before the database and the cache.
    pub through: Through,
    /// Shell words before the program, such as `trap '' XFSZ; exec`.
    pub shell: Option<&'static str>,
}

/// Ports of proxies between the program and what it rests on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Through {
    /// Before PostgreSQL.
    pub database: Option<u16>,
    /// Before Redis.
    pub cache: Option<u16>,
}

fn by_port(address: &str, port: Option<u16>) -> String {
    let mut url = url::Url::parse(address).unwrap();
    if let Some(port) = port {
        url.set_port(Some(port)).unwrap();
    }
    url.to_string()
}

/// A running installation. Programs end with the test program, however that ends.
pub struct Site {
    /// The issuer.
    pub issuer: String,
    /// The first line of `demo --json`.
    pub info: Value,
    /// Its data folder.
    pub data: PathBuf,
    database: Option<String>,
    /// The database without a proxy before it.
    direct: Option<String>,
    cache: Option<String>,
    options: Options,
    proxy: Option<Proxy>,
    nodes: Mutex<Vec<Node>>,
}

/// One process.
pub struct Node {
    /// The process.
    pub child: Child,
    port: u16,
    info: Value,
    _watchdog: Watchdog,
}

/// A register simulator, on a port chosen before, with the demo's people.
pub struct Register {
    child: Child,
    _watchdog: Watchdog,
}

impl Register {
    /// Starts it.
    pub fn start(port: u16) -> Self {
        let mut command = Command::new(program());
        command.args(["register-sim", "--people", "10000", "--seed", "7", "--listen", &format!("127.0.0.1:{port}")]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let watchdog = watch(child.id());
        Self { child, _watchdog: watchdog }
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A shell that kills the program when this process is gone, whatever ended it: its input closes then.
struct Watchdog {
    shell: Child,
    _held: Option<ChildStdin>,
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.shell.kill());
        drop(self.shell.wait());
    }
}

/// The program to test.
pub fn program() -> PathBuf {
    std::env::var_os("DINHDANH_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_dinhdanh")), PathBuf::from)
}

/// Ports nobody listens on, one after another. They lie below those that the system gives out of itself (32768 and up),
/// and no two calls of this program get the same, so that nobody takes them before they are used.
pub fn free_ports(count: u16) -> u16 {
    const LOWEST: u32 = 12_000;
    const PLACES: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Another test program beside this one begins elsewhere.
    let begin = std::process::id().wrapping_mul(97);
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    for _ in 0..1000 {
        let place = begin.wrapping_add(NEXT.fetch_add(u32::from(count), Ordering::Relaxed)) % PLACES;
        let first = u16::try_from(LOWEST + place).unwrap();
        if (first..first + count).all(free) {
            return first;
        }
    }
    panic!("no free ports");
}

impl Site {
    /// The installation that the tests of this run share.
    pub fn shared(store: Store) -> &'static Self {
        static SQLITE: OnceLock<Site> = OnceLock::new();
        static POSTGRES: OnceLock<Site> = OnceLock::new();
        let made = match store {
            Store::Sqlite => &SQLITE,
            Store::Postgres => &POSTGRES,
        };
        made.get_or_init(|| {
            // On a thread of its own: the caller may be inside a runtime.
            std::thread::spawn(move || super::runtime().block_on(Self::start(store, Options::default())))
                .join()
                .unwrap()
        })
    }

    /// Starts an installation of its own with an empty store.
    pub async fn start(store: Store, options: Options) -> Self {
        let data = folder();
        let (database, cache) = match store {
            Store::Sqlite => (None, None),
            Store::Postgres => {
                let server = options.server.clone().unwrap_or_else(|| variable("DINHDANH_TEST_POSTGRES"));
                (Some(new_database(&server).await), Some(cache_of_its_own()))
            }
        };
        let direct = database.clone();
        let database = database.map(|address| by_port(&address, options.through.database));
        let cache = cache.map(|address| by_port(&address, options.through.cache));
        let proxy = (store == Store::Postgres).then(Proxy::start);
        let mut site = Self {
            issuer: String::new(),
            info: Value::Null,
            data,
            database,
            direct,
            cache,
            options,
            proxy,
            nodes: Mutex::default(),
        };
        if let Some(proxy) = &site.proxy {
            site.issuer = format!("http://localhost:{}", proxy.port);
        }
        site.start_nodes(false);
        site.info = site.nodes.lock().unwrap()[0].info.clone();
        let issuer = site.info["issuer"].as_str().expect("issuer").to_owned();
        assert!(site.issuer.is_empty() || site.issuer == issuer, "{} {issuer}", site.issuer);
        site.issuer = issuer;
        site
    }

    /// Starts what belongs to the site: one process, or two behind the proxy. A later start keeps the issuer and leaves
    /// the portals and the register out, whose ports may be somebody else's by then.
    fn start_nodes(&self, again: bool) {
        let mut more: Vec<&str> = if again { vec!["--no-portals"] } else { Vec::new() };
        if let Some(register) = &self.options.register {
            more.extend(["--register", register]);
        }
        let mut nodes = Vec::new();
        match &self.proxy {
            None => {
                let port = if again { port_of(&self.issuer) } else { free_ports(8) };
                nodes.push(self.start_node(&[&["--port", &port.to_string()], &*more].concat(), port));
            }
            Some(proxy) => {
                // The portals beside the first process ask the issuer, so the proxy must know both before.
                let (first, second) = (free_ports(8), free_ports(1));
                proxy.set(vec![first, second]);
                let issuer = self.issuer.as_str();
                let port = first.to_string();
                let arguments = [&["--issuer", issuer, "--port", &port], &*more].concat();
                nodes.push(self.start_node(&arguments, first));
                let register = nodes[0].info["register_url"].as_str().unwrap_or_default().to_owned();
                let port = second.to_string();
                let mut arguments = vec!["--issuer", issuer, "--port", &port, "--no-portals"];
                if !register.is_empty() {
                    arguments.extend(["--register", &register]);
                }
                nodes.push(self.start_node(&arguments, second));
            }
        }
        *self.nodes.lock().unwrap() = nodes;
    }

    fn start_node(&self, arguments: &[&str], port: u16) -> Node {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (out, err) = (self.data.join(format!("out-{number}.log")), self.data.join(format!("err-{number}.log")));
        let mut command = match self.options.shell {
            None => Command::new(program()),
            Some(words) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{words} \"$0\" \"$@\"")]).arg(program());
                shell
            }
        };
        command.args(["demo", "--json", "--data"]).arg(&self.data).args(arguments);
        if let (Some(database), Some(cache)) = (&self.database, &self.cache) {
            command.args(["--database", database, "--cache", cache]);
        }
        command.env("DINHDANH_METRICS__ENABLED", "true").envs(self.options.env.iter().cloned());
        command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program().display()));
        let watchdog = watch(child.id());
        let end = Instant::now() + PATIENCE * 2;
        let info = loop {
            let text = std::fs::read_to_string(&out).unwrap_or_default();
            if let Some((first, _)) = text.split_once('\n') {
                let info = serde_json::from_str::<Value>(first).unwrap_or_else(|_| panic!("no JSON: {first}"));
                assert!(info["error"].is_null(), "the program did not start: {info}");
                break info;
            }
            let log = || std::fs::read_to_string(&err).unwrap_or_default();
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the program ended: {status}\n{text}{}", log());
            }
            assert!(Instant::now() < end, "the program did not get ready\n{}", log());
            std::thread::sleep(Duration::from_millis(10));
        };
        Node { child, port, info, _watchdog: watchdog }
    }

    /// Ends every process at once, as a power cut would, and starts them again on the same data and issuer.
    pub fn kill_and_restart(&self) {
        self.kill();
        self.begin_again();
    }

    /// Ends every process at once.
    pub fn kill(&self) {
        let mut nodes: Vec<Node> = self.nodes.lock().unwrap().drain(..).collect();
        nodes.iter_mut().for_each(|node| node.child.kill().unwrap());
        for mut node in nodes {
            node.child.wait().unwrap();
        }
    }

    /// Starts the processes again.
    pub fn begin_again(&self) {
        self.start_nodes(true);
    }

    /// Ids of the processes.
    pub fn processes(&self) -> Vec<u32> {
        self.nodes.lock().unwrap().iter().map(|node| node.child.id()).collect()
    }

    /// Sends SIGTERM to one process and takes it out; its end is to be waited for.
    pub fn terminate(&self, node: usize) -> Node {
        let node = self.nodes.lock().unwrap().remove(node);
        signal(node.child.id(), "TERM");
        node
    }

    /// Ports of the processes.
    pub fn ports(&self) -> Vec<u16> {
        self.nodes.lock().unwrap().iter().map(|node| node.port).collect()
    }

    /// `host:port` of the issuer.
    pub fn host(&self) -> &str {
        self.issuer.strip_prefix("http://").unwrap()
    }

    /// The sample portals: name and address without a trailing slash.
    pub fn portals(&self) -> Vec<String> {
        let list = self.info["portals"].as_array().expect("portals");
        list.iter().map(|portal| portal["url"].as_str().unwrap().trim_end_matches('/').to_owned()).collect()
    }

    /// A test person of the demo that has this member.
    pub fn person_with(&self, member: &str) -> &Value {
        let people = self.info["people"].as_array().expect("people");
        people.iter().find(|person| person[member].is_string()).unwrap_or_else(|| panic!("nobody has {member}"))
    }

    /// A test person of the demo, by key.
    pub fn demo_person(&self, key: &str) -> Person {
        let people = self.info["people"].as_array().expect("people");
        let found = people.iter().find(|person| person["key"] == key).unwrap_or_else(|| panic!("nobody is {key}"));
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        let date = text("birth_date");
        let mut birth: Vec<String> = date.split('-').map(str::to_owned).rev().collect();
        birth.resize(3, String::new());
        let birth = birth.try_into().unwrap();
        Person { number: text("number"), full_name: text("full_name"), birth, phone: text("phone").replace(' ', "") }
    }

    /// All messages in the test inbox.
    pub async fn inbox(&self) -> Vec<Value> {
        let address = self.info["inbox_url"].as_str().expect("inbox_url");
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        let answer = client.get(address).header("accept", "application/json").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        let body: Value = answer.json().await.unwrap();
        let list = body.as_array().or_else(|| body["messages"].as_array());
        list.unwrap_or_else(|| panic!("no messages in {body}")).clone()
    }

    /// Messages to a phone, newest first.
    pub async fn messages_to(&self, phone: &str) -> Vec<Value> {
        let digits = |text: &str| {
            let all: String = text.chars().filter(char::is_ascii_digit).collect();
            all[all.len().saturating_sub(9)..].to_owned()
        };
        let wanted = digits(phone);
        let mut all = self.inbox().await;
        all.retain(|message| message["recipient"].as_str().is_some_and(|to| digits(to) == wanted));
        all
    }

    /// Codes sent to a phone, newest first.
    pub async fn codes_for(&self, phone: &str) -> Vec<String> {
        let messages = self.messages_to(phone).await;
        messages.iter().filter_map(|message| message["code"].as_str().map(str::to_owned)).collect()
    }

    /// Waits for a code beyond those that were there before.
    pub async fn code_for(&self, phone: &str, before: usize) -> String {
        let what = format!("a code for {phone}");
        eventually(&what, || async {
            let codes = self.codes_for(phone).await;
            (codes.len() > before).then(|| codes[0].clone())
        })
        .await
    }

    /// Everything the processes wrote but the first line of each, which is for scripts and holds secrets on purpose.
    pub fn logs(&self) -> String {
        let mut all = String::new();
        for entry in std::fs::read_dir(&self.data).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.ends_with(".log") {
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            all.push_str(if name.starts_with("out-") {
                text.split_once('\n').map_or("", |(_, rest)| rest)
            } else {
                &text
            });
        }
        all
    }

    /// Runs a command of the program on this installation's store.
    pub fn command(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(program());
        command.args(arguments).envs(self.environment());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        // A command that does not read ends before all is written.
        drop(std::io::Write::write_all(&mut to, input.as_bytes()));
        drop(to);
        child.wait_with_output().unwrap()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let database = self.database.clone();
        let file = format!("sqlite://{}", self.data.join("dinhdanh.db").display());
        vec![
            ("DINHDANH_DATABASE__URL", database.unwrap_or(file)),
            ("DINHDANH_CACHE__URL", self.cache.clone().unwrap_or_else(|| "memory".to_owned())),
            ("DINHDANH_KEYS__FOLDER", self.data.join("keys").display().to_string()),
            ("DINHDANH_PROVIDER__ISSUER", self.issuer.clone()),
            ("DINHDANH_PROVIDER__ENVIRONMENT", "demo".to_owned()),
        ]
    }

    /// The database behind the program, to prepare what a browser would need minutes for and to count rows afterwards.
    pub async fn database(&self) -> dinhdanh::db::Db {
        let file = format!("sqlite://{}", self.data.join("dinhdanh.db").display());
        dinhdanh::db::Db::connect(self.direct.as_ref().unwrap_or(&file)).await.unwrap()
    }

    /// Registers a client through the command line; gives what the command printed, or why not.
    pub fn add_client(&self, metadata: &Value) -> Result<Value, String> {
        let output = self.command(&["client", "add", "-", "--json"], &metadata.to_string());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            return Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("no JSON: {text}")))
    }

    /// Disables a client through the command line.
    pub fn disable_client(&self, id: &str) {
        let output = self.command(&["client", "disable", id, "--json"], "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Forgets all short-lived state of the shared cache, as a Redis restart would.
    pub async fn flush_cache(&self) {
        let Some(cache) = &self.cache else { return };
        let client = redis::Client::open(cache.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("FLUSHDB").query_async::<()>(&mut connection).await.unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for node in self.nodes.get_mut().unwrap() {
            drop(node.child.kill());
            drop(node.child.wait());
        }
    }
}

/// Waits for a process to end by itself.
pub async fn ended(child: &mut Child) -> ExitStatus {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < end, "the program did not stop");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn port_of(address: &str) -> u16 {
    url::Url::parse(address).unwrap().port().expect("a port")
}

fn watch(pid: u32) -> Watchdog {
    let script = format!("read -r _; kill -9 {pid} 2>/dev/null");
    let mut shell = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let held = shell.stdin.take();
    Watchdog { shell, _held: held }
}

fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap();
    assert!(status.success());
}

fn folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("dinhdanh-black-box-{}-{number}", std::process::id()));
    clean_up();
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Removes what earlier runs left behind: their processes are gone, so nobody uses it.
fn clean_up() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix("dinhdanh-black-box-") else { continue };
        let Some((pid, _)) = rest.split_once('-') else { continue };
        if !Path::new("/proc").join(pid).exists() {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: use ./integration-tests/run black-box"))
}

/// One of the numbered databases of the Redis, so that forgetting it disturbs no other installation of this run.
fn cache_of_its_own() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed) % 15 + 1;
    format!("{}/{number}", variable("DINHDANH_TEST_REDIS").trim_end_matches('/'))
}

/// A fresh database; those of earlier runs, whose processes are gone, are dropped.
async fn new_database(server: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = PgConnectOptions::from_str(server).unwrap();
    let mut admin = PgConnection::connect_with(&server).await.unwrap();
    let old: Vec<String> =
        sqlx::query_scalar("SELECT datname::text FROM pg_database WHERE datname LIKE 'blackbox\\_%'")
            .fetch_all(&mut admin)
            .await
            .unwrap();
    for name in old {
        let pid = name.split('_').nth(1).unwrap_or_default();
        if !Path::new("/proc").join(pid).exists() {
            let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            drop(sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await);
        }
    }
    let name = format!("blackbox_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    drop(sqlx::query(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).execute(&mut admin).await);
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    server.database(&name).to_url_lossy().to_string()
}
