//! Work in the background. Every job may run on every node: rows are claimed, so nothing is done twice for good.

use crate::flow::delivery::{self, Senders};
use crate::flow::{Outcome, Services, account, changes, create_account, keys, organizations};
use crate::store;
use crate::store::partition::{FAMILIES_KEPT, MESSAGES_KEPT};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often the outbox is looked at when nobody knocks.
const OUTBOX_EVERY: Duration = Duration::from_millis(250);
const CONFIRM_EVERY: Duration = Duration::from_secs(5);
const ORGANIZATIONS_EVERY: Duration = Duration::from_secs(5);
const SWEEP_EVERY: Duration = Duration::from_secs(60);
const KEYS_EVERY: Duration = Duration::from_secs(60);
/// When a round that asks a register takes nothing more from the store.
const ROUND: Duration = Duration::from_secs(60);
/// Jobs wait this long after the start: the first requests need the machine and the connections more.
const FIRST_AFTER: Duration = Duration::from_millis(250);
const BATCH: u32 = 500;
/// Batches of one table at a turn: a flood is swept faster than it can be made, and no turn lasts for ever.
const ROUNDS: usize = 1_000;

/// Starts every job; they end when `stop` turns true.
pub fn start(
    services: &Arc<Services>,
    senders: Senders,
    stop: &watch::Receiver<bool>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let senders = Arc::new(senders);
    vec![
        tokio::spawn({
            let backchannel = senders.backchannel.clone();
            async move {
                tokio::time::sleep(FIRST_AFTER).await;
                if let Ok(Err(what)) = tokio::task::spawn_blocking(move || backchannel.prepare()).await {
                    tracing::error!(reason = what, "no portal will hear of a logout");
                }
            }
        }),
        tokio::spawn(every(OUTBOX_EVERY, stop.clone(), services.clone(), "outbox", {
            move |services| {
                let senders = senders.clone();
                async move { send(&services, &senders).await }
            }
        })),
        tokio::spawn(every(CONFIRM_EVERY, stop.clone(), services.clone(), "confirm", |services| async move {
            confirm_waiting(&services).await
        })),
        tokio::spawn(every(CONFIRM_EVERY, stop.clone(), services.clone(), "phone_changes", |services| async move {
            account::phone::apply_due(&services).await
        })),
        tokio::spawn(every(
            ORGANIZATIONS_EVERY,
            stop.clone(),
            services.clone(),
            "organizations",
            |services| async move {
                organizations::recheck(&services).await?;
                organizations::retry_waiting(&services).await
            },
        )),
        tokio::spawn(every(SWEEP_EVERY, stop.clone(), services.clone(), "sweep", |services| async move {
            sweep(&services).await
        })),
        tokio::spawn(every(SWEEP_EVERY, stop.clone(), services.clone(), "partitions", |services| async move {
            partitions(&services).await
        })),
        tokio::spawn(every(KEYS_EVERY, stop.clone(), services.clone(), "keys", |services| async move {
            keys::keep(&services).await
        })),
        tokio::spawn(changes::listen(services.clone(), stop.clone())),
    ]
}

/// Runs `work` again and again, with a pause between; a failure is logged and tried again at the next turn.
async fn every<F, W>(
    pause: Duration,
    mut stop: watch::Receiver<bool>,
    services: Arc<Services>,
    name: &'static str,
    work: F,
) where
    F: Fn(Arc<Services>) -> W + Send,
    W: Future<Output = Outcome<()>> + Send,
{
    let mut timer = tokio::time::interval_at(tokio::time::Instant::now() + FIRST_AFTER.min(pause), pause);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            _ = stop.changed() => return,
        }
        if *stop.borrow() {
            return;
        }
        if let Err(fault) = work(services.clone()).await {
            metrics::counter!("job_failures_total", "job" => name).increment(1);
            tracing::warn!(job = name, reason = fault.reason(), fault = %fault, "a job failed and will run again");
        }
    }
}

async fn send(services: &Services, senders: &Senders) -> Outcome<()> {
    // Until nothing is due: a burst of messages does not wait for the timer.
    while delivery::round(services, senders, 32).await? == 32 {}
    Ok(())
}

/// Asks the register again about accounts that wait for it, until none is due or the round is over.
pub async fn confirm_waiting(services: &Services) -> Outcome<()> {
    let started = Instant::now();
    while started.elapsed() < ROUND {
        let waiting = store::person::list_pending(&services.db, BATCH, None).await?;
        for person in &waiting {
            let now = services.clock.now();
            if now.since(person.updated_at) < CONFIRM_EVERY {
                return Ok(());
            }
            let mut tx = services.db.begin().await?;
            let mine = store::person::claim_pending(&mut tx, person.id, person.updated_at, now).await?;
            tx.commit().await?;
            if mine && !create_account::confirm_waiting(services, person.id).await? {
                // Still down: no use in asking for the next one now.
                return Ok(());
            }
        }
        if waiting.len() < BATCH as usize {
            return Ok(());
        }
    }
    Ok(())
}

/// Makes partitions ahead and drops those in which everything ended, where tables are divided by time.
pub async fn partitions(services: &Services) -> Outcome<()> {
    for (table, kept) in store::partition::keep(&services.db, services.clock.now()).await? {
        if kept.strays {
            metrics::counter!("partition_strays_total", "table" => table).increment(1);
            tracing::warn!(table, "rows lay in the default partition: no other was ready for their time");
        }
        if kept.made > 0 || kept.dropped > 0 {
            tracing::info!(table, made = kept.made, dropped = kept.dropped, "partitions");
        }
    }
    Ok(())
}

/// Removes what expired, in bounded batches by index: everything on SQLite, and on PostgreSQL what is not divided by time
/// or was held back in its partition. Expiry itself is judged at use, not here (T5).
pub async fn sweep(services: &Services) -> Outcome<()> {
    const DAY: Duration = Duration::from_hours(24);
    let now = services.clock.now();
    let (day_ago, month_ago) = (now.minus(DAY), now.minus(30 * DAY));
    let hour_ago = now.minus(Duration::from_hours(1));
    let unused = now.minus(services.config.registration.unused_days.duration());
    let before = |kept: Duration, table: &str, life: Duration| {
        now.minus(kept + store::partition::left_to_partitions(&services.db, table, life))
    };
    let tokens = &services.config.tokens;
    let codes = before(MESSAGES_KEPT, "sent_code", DAY);
    let messages = before(MESSAGES_KEPT, "outbox", 7 * DAY);
    let refresh = before(MESSAGES_KEPT, "refresh_token", tokens.refresh_idle_days.duration());
    let families = before(FAMILIES_KEPT, "authorization_grant", tokens.refresh_family_days.duration());
    let sessions = before(FAMILIES_KEPT, "session", 30 * DAY);
    macro_rules! sweep_all {
        ($($sweep:expr),* $(,)?) => {$(
            for _ in 0..ROUNDS {
                let mut tx = services.db.begin().await?;
                let removed = $sweep(&mut tx).await?;
                tx.commit().await?;
                if removed < u64::from(BATCH) {
                    break;
                }
            }
        )*};
    }
    sweep_all!(
        async |tx| store::sweep::sent_codes(tx, codes, BATCH).await,
        async |tx| store::sweep::notice_codes(tx, day_ago, BATCH).await,
        async |tx| store::sweep::decoupled(tx, hour_ago, BATCH).await,
        async |tx| store::sweep::spent_artefacts(tx, now, BATCH).await,
        async |tx| store::sweep::refresh_tokens(tx, refresh, BATCH).await,
        async |tx| store::sweep::throttles(tx, month_ago, 100, BATCH).await,
        async |tx| store::sweep::outbox(tx, messages, BATCH).await,
        async |tx| store::sweep::grants(tx, families, BATCH).await,
        async |tx| store::sweep::sessions(tx, sessions, BATCH).await,
    );
    if services.config.registration.has_strangers() {
        sweep_all!(async |tx| store::sweep::unused_clients(tx, unused, BATCH).await);
    }
    Ok(())
}
