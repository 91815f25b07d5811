//! A process under measurement: started, its CPU time and memory read from /proc, ended.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Linux counts CPU time in hundredths of a second for user space, whatever the kernel's own tick.
const MICROS_PER_TICK: u64 = 10_000;

/// A running program, ended when this is dropped.
pub struct Process(Child);

impl Process {
    /// Starts a program; what it writes goes to files of that name in `folder`.
    pub fn start(program: &Path, arguments: &[&str], folder: &Path, name: &str) -> Self {
        let file = |end: &str| std::fs::File::create(folder.join(format!("{name}.{end}"))).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Self(child)
    }

    /// CPU time used so far, user and system, threads that ended included.
    pub fn cpu(&self) -> Duration {
        cpu_of(self.0.id(), false)
    }

    /// Resident memory, in MiB.
    pub fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// Ends it, as a power cut would.
    pub fn stop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }

    /// Fails when the program ended.
    pub fn must_run(&mut self) {
        if let Some(status) = self.0.try_wait().unwrap() {
            panic!("a program ended: {status}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn cpu_of(pid: u32, with_ended_children: bool) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold spaces; fields count from behind its bracket: utime is the 14th of all, so the 12th here.
    let fields: Vec<u64> = text
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse().ok())
        .collect();
    let ticks: u64 = fields.iter().take(if with_ended_children { 4 } else { 2 }).sum();
    Duration::from_micros(ticks * MICROS_PER_TICK)
}

/// CPU time of a process and all its children, such as a PostgreSQL server with its backends.
pub fn cpu_of_family(parent: u32) -> Duration {
    let mut all = cpu_of(parent, true);
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if parent_of(pid) == Some(parent) {
            all += cpu_of(pid, false);
        }
    }
    all
}

/// The parent of a process.
pub fn parent_of(pid: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Asks again until there is an answer, at most a minute.
pub async fn eventually<T, Try, Run>(what: &str, mut attempt: Try) -> T
where
    Try: FnMut() -> Run,
    Run: Future<Output = Option<T>>,
{
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(Instant::now() < end, "did not happen within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
