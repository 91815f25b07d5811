//! A PostgreSQL of one's own that keeps what it says it keeps, to be crashed.

use super::free_ports;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A server; stopped and removed with its value.
pub struct OwnPostgres {
    folder: PathBuf,
    port: u16,
}

impl OwnPostgres {
    /// Makes a cluster and starts it.
    pub fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("dinhdanh-black-box-{}-postgres", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        let own = Self { folder, port: free_ports(1) };
        let data = own.data();
        if is_root() {
            // PostgreSQL refuses to run as root.
            assert!(Command::new("chown").arg("postgres").arg(&own.folder).status().unwrap().success());
        }
        let made =
            own.run("initdb", &["--username=dinhdanh", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D", &data]);
        assert!(made, "initdb failed");
        own.begin();
        own
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    /// The address of its first database.
    pub fn url(&self) -> String {
        format!("postgres://dinhdanh@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it.
    pub fn begin(&self) {
        let options = format!("-p {} -k {} -c listen_addresses=127.0.0.1", self.port, self.folder.display());
        let log = self.folder.join("log").display().to_string();
        assert!(self.run("pg_ctl", &["start", "-s", "-w", "-D", &self.data(), "-l", &log, "-o", &options]));
    }

    /// Ends it as a crash would: nothing is written down, nobody is told.
    pub fn crash(&self) {
        assert!(self.run("pg_ctl", &["stop", "-s", "-m", "immediate", "-D", &self.data()]));
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let path = folder_of_programs().join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        // Not in a folder that the postgres user may not enter.
        command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        self.run("pg_ctl", &["stop", "-s", "-m", "immediate", "-D", &self.data()]);
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

/// Debian keeps the server's programs out of the path.
fn folder_of_programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    found.sort();
    found.pop().unwrap_or_else(|| {
        let output = Command::new("pg_config").arg("--bindir").output().expect("PostgreSQL's programs");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}
