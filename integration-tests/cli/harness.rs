//! An installation in a folder of its own, and the program run in it.

use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// A command that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A number that no other test of this or another run has.
fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst))
}

/// A folder with the settings that commands run with; gone at the end.
pub struct Site {
    pub folder: PathBuf,
    settings: Vec<(String, String)>,
    postgres: Option<(PgConnectOptions, String)>,
}

/// What a command did.
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Done {
    /// Standard output as one JSON value.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// What went wrong must say all of this.
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part) || self.out.contains(part), "{part:?} is missing: {self:?}");
        }
        self
    }
}

impl std::fmt::Debug for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?}\n--- out\n{}\n--- err\n{}", self.code, self.out, self.err)
    }
}

impl Site {
    /// SQLite and cache in memory, in a folder of its own; nothing is set up yet.
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("dinhdanh-cli-{}", unique()));
        std::fs::create_dir(&folder).unwrap();
        Self { folder, settings: Vec::new(), postgres: None }
    }

    /// The same on PostgreSQL. Fails, never skips, when there is no server.
    pub fn on_postgres() -> Self {
        let url = std::env::var("DINHDANH_TEST_POSTGRES").unwrap_or_else(|_| {
            panic!(
                "no PostgreSQL: run ./integration-tests/run, or set DINHDANH_TEST_POSTGRES to an administrator's URL"
            )
        });
        let server = PgConnectOptions::from_str(&url).unwrap();
        let name = format!("test_cli_{}", unique());
        run_on(&server, format!("CREATE DATABASE {name}"));
        let address = server.clone().database(&name).to_url_lossy().to_string();
        let mut site = Self::new().with("DATABASE__URL", &address);
        site.postgres = Some((server, name));
        site
    }

    /// Both stores, one after the other.
    pub fn each(test: impl Fn(Self)) {
        test(Self::new());
        test(Self::on_postgres());
    }

    /// One more setting: `PROVIDER__ENVIRONMENT` for `DINHDANH_PROVIDER__ENVIRONMENT`.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Settings that `serve` accepts.
    pub fn real(self) -> Self {
        self.with("PROVIDER__ISSUER", "https://dinhdanh.example")
            .with("PROVIDER__LISTEN", "127.0.0.1:0")
            .with("SMS__SENDER", "http")
            .with("SMS__HTTP_URL", "http://127.0.0.1:9/sms")
            .with("SMS__TOKEN_FILE", "env:SMS_TOKEN")
            .with("REGISTERS__POPULATION__ADAPTER", "xroad")
            .with("REGISTERS__POPULATION__BASE_URL", "http://127.0.0.1:9")
            .with("REGISTERS__POPULATION__CLIENT", "VN-SIM/GOV/DINHDANH/IDP")
            .with("REGISTERS__POPULATION__SERVICE", "VN-SIM/GOV/C06/POPULATION/look-up-person")
    }

    /// With its tables and its key-encryption key.
    pub fn migrated(self) -> Self {
        self.run(&["migrate"]).expect(0);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file and gives its path as an argument.
    pub fn file(&self, name: &str, content: &str) -> String {
        std::fs::write(self.path(name), content).unwrap();
        name.to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dinhdanh"));
        // Settings of the one who runs the tests must not reach the program.
        command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default()).env("SMS_TOKEN", "a token");
        for (key, value) in &self.settings {
            command.env(format!("DINHDANH_{key}"), value);
        }
        command.current_dir(&self.folder).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        self.run_with_input(arguments, "")
    }

    /// Runs a command to its end.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Done {
        let mut child = self.command(arguments).spawn().unwrap();
        let id = child.id();
        // A command that does not read its input closes it.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(done) = receiver.recv_timeout(PATIENCE) else {
            signal("KILL", id);
            panic!("{arguments:?} did not end");
        };
        let done = done.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Done { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
    }

    /// Starts a command that runs until it is told to stop, and gives its first line.
    pub fn start(&self, arguments: &[&str]) -> (Running, String) {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut err = child.stderr.take().unwrap();
        // Read on, so that the program never waits for its reader.
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            drop(err.read_to_string(&mut text));
            text
        });
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        let mut running = Running { child, log: Some(log) };
        if first.is_empty() {
            let log = running.log.take().unwrap().join().unwrap();
            panic!("{arguments:?} ended before its first line: {log}");
        }
        (running, first)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
        if let Some((server, name)) = &self.postgres {
            run_on(server, format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

/// A program that runs; killed when the test forgets it.
pub struct Running {
    child: Child,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Running {
    /// Stops it as a service manager does, and gives its exit code and its log.
    pub fn stop(mut self) -> (Option<i32>, String) {
        signal("TERM", self.child.id());
        let status = self.child.wait().unwrap();
        (status.code(), self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn signal(name: &str, id: u32) {
    Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().unwrap();
}

fn run_on(server: &PgConnectOptions, statement: String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut admin = PgConnection::connect_with(server).await.unwrap();
        sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
    });
}

/// The status and body of a GET over plain HTTP.
pub fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// Whether any file below `folder` holds these bytes.
pub fn any_file_holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return any_file_holds(&path, bytes);
        }
        std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}
