//! What the tests stand on: the program under test, browsers, citizens, portals.

#[path = "../../lib/authenticator.rs"]
mod authenticator;
mod browser;
mod citizen;
mod companies;
mod fault_proxy;
mod history;
mod html;
pub mod jose;
#[path = "../../lib/key.rs"]
mod key;
mod party;
mod people;
mod postgres;
mod proxy;
#[path = "../../lib/reader.rs"]
mod reader;
mod site;

pub use authenticator::{Authenticator, bytes};
pub use browser::{Browser, Page};
pub use citizen::{Citizen, Way, flow_of, is_signed_in, make_passkey};
pub use companies::{Company, answers_age, done, everybody_is_proven, registers_go_wrong};
pub use fault_proxy::{FaultProxy, Side, Weather};
pub use history::{History, Outcome};
pub use party::{Answer, Ask, Landing, Party, Shape, assertion_fields, bearer, form, landing, submitted_form};
pub use people::{Person, adults, totp_code};
pub use postgres::OwnPostgres;
pub use reader::Reader;
pub use site::{Options, Register, Site, Store, Through, ended, free_ports, program};

use std::future::Future;
use std::time::{Duration, Instant};

/// For what happens a little later: deadline of every wait.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs one test against the shared program of a store.
pub fn run<Test, Run>(store: Store, test: Test)
where
    Test: FnOnce(&'static Site) -> Run,
    Run: Future<Output = ()>,
{
    runtime().block_on(test(Site::shared(store)));
}

/// Runs one test that starts programs of its own.
pub fn run_alone<Test, Run>(store: Store, test: Test)
where
    Test: FnOnce(Store) -> Run,
    Run: Future<Output = ()>,
{
    runtime().block_on(test(store));
}

/// Runs work in a runtime of its own.
pub fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    runtime().block_on(work)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Makes a test on each store of each named function.
macro_rules! on_both_stores {
    ($($name:ident),* $(,)?) => { on_both_stores!(@with run; $($name),*); };
    (alone: $($name:ident),* $(,)?) => { on_both_stores!(@with run_alone; $($name),*); };
    (@with $run:ident; $($name:ident),*) => {$(
        mod $name {
            #[test]
            fn sqlite() {
                crate::harness::$run(crate::harness::Store::Sqlite, super::$name);
            }
            #[test]
            fn postgres() {
                crate::harness::$run(crate::harness::Store::Postgres, super::$name);
            }
        }
    )*};
}

/// Asks again until there is an answer, at most [`PATIENCE`] long.
pub async fn eventually<T, Try, Run>(what: &str, mut attempt: Try) -> T
where
    Try: FnMut() -> Run,
    Run: Future<Output = Option<T>>,
{
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(Instant::now() < end, "did not happen within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A random text of 43 characters.
pub fn random() -> String {
    dinhdanh::base::random_token(&dinhdanh::base::SystemEntropy)
}

/// Seconds since 1970.
pub fn now() -> i64 {
    use dinhdanh::base::Clock;
    dinhdanh::base::SystemClock.now().seconds()
}

/// base64url without padding.
pub fn base64_url(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes behind base64url.
pub fn bytes_of(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}
