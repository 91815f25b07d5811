//! A gate for work that eats a core and memory: few at a time, few waiting, the rest turned away at once.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The gate is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Lets `permits` pieces of work run and `queue` wait.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    permits: usize,
    queue: usize,
    max_wait: Duration,
}

impl Gate {
    pub fn new(permits: usize, queue: usize, max_wait: Duration) -> Self {
        let permits = permits.max(1);
        let (running, waiting) = (Arc::new(Semaphore::new(permits)), Arc::new(Semaphore::new(queue)));
        Self { running, waiting, permits, queue, max_wait }
    }

    /// Runs `work` on a blocking thread. The permit moves into the work and is given back when the work ends, not when
    /// the caller goes away: otherwise callers who hang up would let the next one start while theirs still runs (S1).
    pub async fn run<T, F>(&self, work: F) -> Result<T, Full>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let permit = match Arc::clone(&self.running).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let place = self.waiting.try_acquire().map_err(|_| Full)?;
                let permit = timeout(self.max_wait, Arc::clone(&self.running).acquire_owned()).await;
                drop(place);
                permit.map_err(|_| Full)?.map_err(|_| Full)?
            }
        };
        let task = tokio::task::spawn_blocking(move || {
            let _held_until_done = permit;
            work()
        });
        task.await.map_err(|_| Full)
    }

    /// How many run and how many wait, for metrics.
    pub fn load(&self) -> (usize, usize) {
        let running = self.permits.saturating_sub(self.running.available_permits());
        (running, self.queue.saturating_sub(self.waiting.available_permits()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Condvar, Mutex};

    /// Work that says when it begins, and ends when the test lets it.
    #[derive(Clone, Default)]
    struct Bench {
        running: Arc<AtomicUsize>,
        peak: Arc<AtomicUsize>,
        open: Arc<(Mutex<bool>, Condvar)>,
    }

    impl Bench {
        fn work(&self, begun: Sender<()>) -> impl FnOnce() + Send + 'static {
            let bench = self.clone();
            move || {
                bench.peak.fetch_max(bench.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let _ = begun.send(());
                let guard = bench.open.0.lock().unwrap();
                drop(bench.open.1.wait_while(guard, |open| !*open).unwrap());
                bench.running.fetch_sub(1, Ordering::SeqCst);
            }
        }

        fn open(&self) {
            *self.open.0.lock().unwrap() = true;
            self.open.1.notify_all();
        }
    }

    /// Waits until `condition` holds; a minute without it is a failure, not a hang.
    async fn soon(mut condition: impl FnMut() -> bool) {
        let waited = timeout(Duration::from_secs(60), async {
            while !condition() {
                tokio::task::yield_now().await;
            }
        });
        waited.await.unwrap();
    }

    async fn begins(begun: &Receiver<()>, count: usize) {
        for _ in 0..count {
            soon(|| begun.try_recv().is_ok()).await;
        }
    }

    /// S1: 500 callers come and hang up while their work runs; never do more pieces run than there are permits.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn s1_hanging_up_does_not_let_the_next_one_start() {
        let (gate, bench) = (Gate::new(2, 8, Duration::from_secs(60)), Bench::default());
        let (sender, begun) = channel();
        let spawn = |gate: &Gate| {
            let (gate, work) = (gate.clone(), bench.work(sender.clone()));
            tokio::spawn(async move { gate.run(work).await })
        };
        let first: Vec<_> = (0..2).map(|_| spawn(&gate)).collect();
        begins(&begun, 2).await;
        for caller in first {
            caller.abort();
            assert!(caller.await.unwrap_err().is_cancelled());
        }
        assert_eq!(gate.load(), (2, 0), "the permits of callers who left must stay with their running work");

        let flood: Vec<_> = (0..500).map(|_| spawn(&gate)).collect();
        soon(|| flood.iter().filter(|caller| caller.is_finished()).count() >= 492).await;
        assert_eq!(gate.load(), (2, 8));
        for caller in &flood {
            caller.abort();
        }
        for caller in flood {
            assert!(matches!(caller.await, Ok(Err(Full)) | Err(_)));
        }
        assert_eq!(gate.load(), (2, 0), "a place in the queue is given back when its caller leaves");
        assert!(begun.try_recv().is_err(), "nothing else may have begun");

        let last = spawn(&gate);
        bench.open();
        assert_eq!(last.await.unwrap(), Ok(()));
        assert_eq!(bench.peak.load(Ordering::SeqCst), 2);
        // The work of those who left ends on threads of its own.
        soon(|| gate.load() == (0, 0)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn waiting_ends_at_its_limit() {
        let (gate, bench) = (Gate::new(1, 1, Duration::from_millis(5)), Bench::default());
        let (sender, begun) = channel();
        let holder = tokio::spawn({
            let (gate, work) = (gate.clone(), bench.work(sender));
            async move { gate.run(work).await }
        });
        begins(&begun, 1).await;
        assert_eq!(gate.run(|| ()).await, Err(Full));
        assert_eq!(gate.load(), (1, 0));
        bench.open();
        assert_eq!(holder.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn s7_a_panic_gives_the_permit_back() {
        let gate = Gate::new(1, 0, Duration::ZERO);
        assert_eq!(gate.run(|| panic!("one piece of work fails")).await, Err::<(), _>(Full));
        assert_eq!(gate.run(|| 7).await, Ok(7));
    }
}
