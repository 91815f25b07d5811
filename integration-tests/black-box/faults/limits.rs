//! Disks that are full, and programs that run for long.

use crate::harness::{Browser, Citizen, Options, Party, Person, Shape, Site, Store, Way, adults, eventually, flow_of};
use futures_util::future::join_all;
use std::process::Command;

fn file_limit(process: u32, soft: &str) {
    let argument = format!("--fsize={soft}:unlimited");
    let status = Command::new("prlimit").args(["--pid", &process.to_string(), &argument]).status().unwrap();
    assert!(status.success(), "prlimit");
}

/// X15: no file may grow, that of the log neither. Nothing is acknowledged that is not kept; reads go on; when there is
/// room again, so does everything.
#[test]
fn x15_a_full_disk_acknowledges_nothing_and_passes() {
    crate::harness::in_runtime(async {
        // A write beyond the limit then fails, instead of ending the program.
        let options = Options { shell: Some("trap '' XFSZ; exec"), ..Options::default() };
        let site = &Site::start(Store::Sqlite, options).await;
        let process = site.processes()[0];
        let citizen = Citizen::new(site).await;
        let party = Party::register(site, Shape::Basic, |_| {});
        let ask = party.ask("openid offline_access");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let held = party.redeem(&ask, &code).await.ok();
        let (access, refresh) = (held.text("access_token"), held.text("refresh_token"));
        let waiting = party.ask("openid");
        let code = citizen.authorize(site, &waiting, Way::Passkey).await.code();

        file_limit(process, "1024");
        for _ in 0..3 {
            let answer = party.redeem(&waiting, &code).await;
            assert_eq!((answer.status, answer.error()), (503, "temporarily_unavailable"), "{}", answer.page.body);
            let answer = party.revoke(&refresh).await;
            assert_eq!(answer.status, 503, "E7: {}", answer.page.body);
            let page = citizen.browser.get(&party.ask("openid").target()).await;
            assert_eq!(page.status, 503, "I9: {:.300}", page.body);
            // Reads go on.
            assert_eq!(party.userinfo(&access).await.status, 200);
            assert!(party.is_active(&refresh).await);
            assert_eq!(citizen.browser.get("/jwks").await.status, 200);
        }
        file_limit(process, "unlimited");
        assert!(citizen.is_signed_in().await);
        party.redeem(&waiting, &code).await.ok();
        assert_eq!(party.revoke(&refresh).await.status, 200);
        assert!(!party.is_active(&refresh).await);
        // All of it is kept.
        site.kill_and_restart();
        party.redeem(&waiting, &code).await.refused("invalid_grant");
        assert!(!party.is_active(&refresh).await, "I2");
    });
}

/// A number of `/proc/PID/status`.
pub fn status_of(process: u32, name: &str) -> i64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}

fn open_files(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

const WARM: usize = 400;
const LONG: usize = 3_000;

/// X34, S7: thousands of requests, many of them odd and broken off, leave memory, threads and files as they were.
#[test]
fn x34_many_odd_requests_leave_nothing_behind() {
    crate::harness::in_runtime(async {
        let site = &Site::start(Store::Sqlite, Options::default()).await;
        let process = site.processes()[0];
        let party = Party::register(site, Shape::Basic, |_| {});
        let browser = Browser::new(site);
        let storm = async |count: usize| {
            for _ in 0..count / 50 {
                join_all((0..50).map(|kind| {
                    let (browser, party) = (&browser, &party);
                    async move {
                        let request = match kind % 5 {
                            0 => browser.request(reqwest::Method::GET, &party.ask("openid").target()),
                            1 => browser.request(reqwest::Method::GET, "/authorize?x=%ff&%00"),
                            2 => browser.own_form("/signin/x", &[("csrf", "x")]),
                            3 => party.prepare("/introspect", &[("token", "x.y.z")]),
                            // Hung up at once.
                            _ => browser
                                .request(reqwest::Method::GET, "/signin")
                                .timeout(std::time::Duration::from_millis(2)),
                        };
                        let page = browser.frozen().try_send(request).await;
                        assert!(page.is_err() || page.is_ok_and(|page| page.status < 500 || page.status == 503));
                    }
                }))
                .await;
            }
        };
        storm(WARM).await;
        let (memory, threads, files) =
            (status_of(process, "VmRSS"), status_of(process, "Threads"), open_files(process));
        storm(LONG).await;
        let grown = status_of(process, "VmRSS") - memory;
        println!("{LONG} requests: memory grew by {grown} kB");
        // Flows begun are kept for half an hour, some kilobytes each; beyond that nothing stays.
        assert!(grown < 40_000, "X34: memory grew by {grown} kB");
        assert!(status_of(process, "Threads") <= threads + 4, "X34: threads");
        eventually("files are closed again", || async { (open_files(process) <= files + 8).then_some(()) }).await;
        assert!(!site.logs().contains("panic"), "S7: a handler panicked");
        assert_eq!(browser.get("/health/ready").await.status, 200);
    });
}

/// S5: connections that say nothing are closed, and cost others nothing meanwhile.
#[test]
fn s5_silent_connections_are_closed_and_cost_others_nothing() {
    crate::harness::in_runtime(async {
        let env = vec![("DINHDANH_LIMITS__HEADER_TIMEOUT_SECONDS".to_owned(), "1".to_owned())];
        let site = &Site::start(Store::Sqlite, Options { env, ..Options::default() }).await;
        let mut silent = Vec::new();
        for place in 0..400 {
            use tokio::io::AsyncWriteExt;
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", site.ports()[0])).await.unwrap();
            if place % 2 == 0 {
                drop(stream.write_all(b"GET /jwks HTTP/1.1\r\nhos").await);
            }
            silent.push(stream);
        }
        let browser = Browser::new(site);
        let started = std::time::Instant::now();
        assert_eq!(browser.get("/jwks").await.status, 200);
        assert!(started.elapsed().as_secs() < 1, "S5: {:?}", started.elapsed());
        for stream in &mut silent {
            use tokio::io::AsyncReadExt;
            let mut answer = Vec::new();
            let read = tokio::time::timeout(crate::harness::PATIENCE, stream.read_to_end(&mut answer)).await;
            assert!(read.is_ok(), "S5: a silent connection stays open");
        }
    });
}

/// T1: however the name is typed (composed or not, in capitals, with more spaces), it is the same person, who gets one
/// account.
#[test]
fn t1_one_person_has_one_account_however_the_name_is_typed() {
    crate::harness::in_runtime(async {
        use unicode_normalization::UnicodeNormalization;
        let site = &Site::start(Store::Sqlite, Options::default()).await;
        let db = site.database().await;
        let people = async || -> i64 { db.query("SELECT COUNT(*) FROM person").scalar().await.unwrap() };
        let spellings: [fn(&str) -> String; 3] =
            [|name| name.nfd().collect(), |name| name.to_uppercase(), |name| name.replace(' ', "  ")];
        for (place, spell) in spellings.into_iter().enumerate() {
            let before = people().await;
            let person = adults();
            let typed = Person { full_name: spell(&person.full_name), ..person.clone() };
            Citizen::create(site, typed, true, None).await;
            assert_eq!(people().await - before, 1, "T1: spelling {place}");
            // Again, as the register writes it: told alike, and no second account.
            let browser = Browser::new(site);
            let page = browser.open("/create").await;
            let page = browser.get(&format!("{}/number", flow_of(&page.url))).await;
            Citizen::fill_in(site, &browser, &page, &person).await;
            assert_eq!(people().await - before, 1, "T1: spelling {place}");
        }
    });
}
