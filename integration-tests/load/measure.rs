//! One measurement: so many connections, so long, one scenario, one program.

use crate::installation::Installation;
use crate::scenario::{Scenario, Worker};
use futures_util::future::join_all;
use std::time::{Duration, Instant};

/// What was measured.
pub struct Measured {
    pub done: usize,
    pub took: Duration,
    /// CPU time of the program for one, in microseconds.
    pub cpu: f64,
    /// Resident memory at the end, in MiB.
    pub memory: f64,
    latencies: Vec<Duration>,
}

impl Measured {
    /// How many a second.
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }

    /// The latency that this share stays under, in milliseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        let place = ((self.latencies.len() as f64 * share) as usize).min(self.latencies.len() - 1);
        self.latencies[place].as_secs_f64() * 1000.0
    }
}

/// Runs one scenario. A failed request ends the program: numbers over errors are worth nothing.
pub async fn measure(scenario: Scenario, site: &Installation, connections: usize, length: Duration) -> Measured {
    let prepared = join_all((0..connections).map(|_| Worker::prepare(scenario, site))).await;
    let workers: Vec<Worker<'_>> = prepared.into_iter().map(|worker| demand(scenario, site, worker)).collect();
    let before = site.process.lock().unwrap().cpu();
    let started = Instant::now();
    let until = started + length;
    let all = join_all(workers.into_iter().map(|mut worker| async move {
        let mut latencies = Vec::new();
        while Instant::now() < until {
            let begun = Instant::now();
            demand(scenario, site, worker.once().await);
            latencies.push(begun.elapsed());
        }
        latencies
    }))
    .await;
    let took = started.elapsed();
    let mut process = site.process.lock().unwrap();
    process.must_run();
    let used = process.cpu().saturating_sub(before);
    let mut latencies = all.concat();
    latencies.sort_unstable();
    let done = latencies.len();
    Measured { done, took, cpu: used.as_secs_f64() * 1e6 / done as f64, memory: process.memory(), latencies }
}

fn demand<T>(scenario: Scenario, site: &Installation, outcome: Result<T, String>) -> T {
    outcome.unwrap_or_else(|error| panic!("{} at {:?} on {:?}: {error}", scenario.title(), site.role, site.store))
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
