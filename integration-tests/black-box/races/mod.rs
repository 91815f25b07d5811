//! I1: of many at once, one wins. Every kind of thing that may count once is raced 32-way, over two processes on
//! PostgreSQL + Redis and over one on SQLite, again and again; the history of every round is judged.
//!
//! Without `DINHDANH_RACE_ROUNDS` each race lasts a few seconds. The long run:
//!
//! ```sh
//! STEP_SECONDS=14400 DINHDANH_RACE_ROUNDS=1000 ./integration-tests/run races
//! ```

mod accounts;
mod complete;
mod decoupled;
mod organizations;
mod proofs;
mod protocol;

use crate::harness::{History, Options, Outcome, Page, Site, Store};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Callers of each round.
pub const RACERS: usize = 32;
/// Without a number of rounds: how long one race lasts, and how many rounds it has at least.
const BUDGET: Duration = Duration::from_millis(2_500);
const FEWEST: usize = 3;

/// The rounds of one race.
pub struct Rounds {
    fixed: Option<usize>,
    until: Instant,
    round: usize,
}

impl Rounds {
    fn new() -> Self {
        let fixed = std::env::var("DINHDANH_RACE_ROUNDS").ok().map(|text| text.parse().expect("a number of rounds"));
        Self { fixed, until: Instant::now() + BUDGET, round: 0 }
    }
}

impl Iterator for Rounds {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let more = match self.fixed {
            Some(rounds) => self.round < rounds,
            None => self.round < FEWEST || Instant::now() < self.until,
        };
        self.round += 1;
        more.then_some(self.round)
    }
}

/// The installation that all races of a store share. Its pool is as wide as a race, so that racers meet at the rows
/// and not in the queue for connections.
fn site(store: Store) -> &'static Site {
    static SQLITE: OnceLock<Site> = OnceLock::new();
    static POSTGRES: OnceLock<Site> = OnceLock::new();
    let made = match store {
        Store::Sqlite => &SQLITE,
        Store::Postgres => &POSTGRES,
    };
    made.get_or_init(|| {
        let env = vec![("DINHDANH_DATABASE__MAX_CONNECTIONS".to_owned(), "40".to_owned())];
        let start = move || {
            crate::harness::in_runtime(async move { Site::start(store, Options { env, ..Options::default() }).await })
        };
        std::thread::spawn(start).join().unwrap()
    })
}

/// Makes a test on each store of each race, and the list of them all.
macro_rules! races {
    ($($module:ident::$name:ident),* $(,)?) => {
        /// Names of all races.
        pub const RACES: &[&str] = &[$(stringify!($name)),*];
        $(
            mod $name {
                #[test]
                fn sqlite() {
                    crate::harness::in_runtime(super::run(crate::harness::Store::Sqlite, super::$module::$name));
                }
                #[test]
                fn postgres() {
                    crate::harness::in_runtime(super::run(crate::harness::Store::Postgres, super::$module::$name));
                }
            }
        )*
    };
}

races!(
    protocol::b4_authorization_code,
    protocol::e1_refresh_generation,
    protocol::f2_client_assertion,
    protocol::i1_pushed_request,
    protocol::f2_dpop_proof,
    protocol::f2_assertion_and_proof,
    protocol::e4_revocation,
    decoupled::q1_device_code,
    decoupled::q1_device_approval,
    decoupled::ciba_auth_req_id,
    proofs::m2_totp_step,
    proofs::m2_sms_code,
    proofs::m2_recovery_code,
    proofs::l2_passkey_challenge,
    proofs::d3_session_raise,
    accounts::l6_passkey_making,
    accounts::p1_account_creation,
    accounts::h5_consent_decision,
    accounts::p1_flow_end,
    accounts::i1_sign_out,
    accounts::c11_stop_confirmation,
    accounts::c29_notice_code,
    organizations::i1_agreements_at_once,
    organizations::i1_agreeing_and_refusing_at_once,
    organizations::i1_applying_at_once,
);

async fn run<Race>(store: Store, race: Race)
where
    Race: AsyncFnOnce(&'static Site, &mut Rounds),
{
    let mut rounds = Rounds::new();
    race(site(store), &mut rounds).await;
    // Shown with --nocapture.
    println!("{store:?}: {} rounds of {RACERS}", rounds.round - 1);
}

/// Runs one round: 32 callers at once, of whom one wins.
#[track_caller]
fn round<Call>(what: &str, round: usize, calls: impl IntoIterator<Item = Call>) -> impl Future<Output = ()>
where
    Call: Future<Output = Outcome>,
{
    let mut history = History::of(format!("{what}, round {round}"));
    async move {
        history.race(calls).await;
        history.has_one_winner();
    }
}

/// A proof won when its answer gives a session; anything else than a page that says no is no answer.
fn of_proof(page: &Page) -> Outcome {
    match page.status {
        303 if page.gives_session() => Outcome::Won,
        200 | 303 | 400 | 403 | 409 | 410 | 422 | 429 if !page.gives_session() => {
            Outcome::Lost(page.status.to_string())
        }
        _ => Outcome::Unknown(format!("{} {:.300}", page.status, page.body)),
    }
}
