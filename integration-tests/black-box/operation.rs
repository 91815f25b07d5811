//! The program itself: it stops gracefully, refuses unsafe ways to be run, and says what to do.

use crate::harness::{Browser, Citizen, Options, Party, Shape, Site, Store, Way, ended, free_ports, program};
use futures_util::future::join_all;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

on_both_stores!(alone: x33_a_stop_under_load_breaks_no_request);

async fn x33_a_stop_under_load_breaks_no_request(store: Store) {
    let site = &Site::start(store, Options::default()).await;
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    citizen.authorize(site, &party.ask("openid"), Way::Passkey).await;
    let (served, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let workers = join_all((0..8).map(|worker| {
        let (served, stop, party, citizen) = (Arc::clone(&served), Arc::clone(&stop), &party, &citizen);
        async move {
            while !stop.load(Ordering::Relaxed) {
                let status = if worker % 2 == 0 {
                    let request = citizen.browser.request(reqwest::Method::GET, &party.ask("openid").target());
                    citizen.browser.try_send(request).await.map(|page| page.status)
                } else {
                    party.try_send(party.prepare("/introspect", &[("token", "x")])).await.map(|answer| answer.status)
                };
                match status {
                    Ok(status) => {
                        assert!(status < 500, "X33: {status}");
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                    // One process: nobody listens any more, which is no broken promise.
                    Err(error) if store == Store::Sqlite => {
                        assert!(error.is_connect() || error.is_request(), "X33: {error:?}");
                        return;
                    }
                    // A connection that no process had taken yet may be reset; the next goes to the other one.
                    Err(error) => assert!(error.is_request(), "X33: {error:?}"),
                }
            }
        }
    }));
    let director = async {
        let enough = |count: usize| {
            let served = Arc::clone(&served);
            async move {
                crate::harness::eventually("requests are served", || async {
                    (served.load(Ordering::Relaxed) > count).then_some(())
                })
                .await;
            }
        };
        enough(100).await;
        let started = std::time::Instant::now();
        let mut node = site.terminate(0);
        let status = ended(&mut node.child).await;
        assert!(status.success(), "X33: {status}");
        assert!(started.elapsed().as_secs() <= 11, "X33: it took {:?} to stop", started.elapsed());
        if store == Store::Postgres {
            // The other process carries on alone.
            enough(served.load(Ordering::Relaxed) + 100).await;
            assert!(citizen.is_signed_in().await);
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(workers, director);
}

fn run(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(program()).args(arguments).envs(env.iter().copied()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A configuration that would do for production, on the demo's data.
fn configuration(site: &Site, change: impl FnOnce(String) -> String) -> String {
    let port = free_ports(1);
    let text = format!(
        "[provider]\nissuer = \"https://id.example.vn\"\nlisten = \"127.0.0.1:{port}\"\nenvironment = \"production\"\n\
         [database]\nurl = \"sqlite://{data}/dinhdanh.db\"\n[keys]\nfolder = \"{data}/keys\"\n",
        data = site.data.display()
    );
    let file = site.data.join(format!("serve-{port}.toml"));
    std::fs::write(&file, change(text)).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_refuses_what_is_of_the_demo() {
    let site = &Site::start(Store::Sqlite, Options::default()).await;
    // Demo keys, and people of the demo in the database.
    let file = configuration(site, |text| text);
    let output = run(&["serve", "--config", &file], &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).to_lowercase().contains("demo"), "{}", said(&output));
    // Its own keys, and still the demo's people.
    let own = site.data.join("own-keys");
    let file = configuration(site, |text| text.replace("/keys\"", "/own-keys\""));
    let output = run(&["serve", "--config", &file], &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    drop(own);
    // Plain http, but for loopback.
    for issuer in ["http://id.example.vn", "http://10.0.0.1", "http://localhost.evil.example"] {
        let file = configuration(site, |text| text.replace("https://id.example.vn", issuer));
        let output = run(&["serve", "--config", &file], &[]);
        assert_eq!(output.status.code(), Some(1), "{issuer}: {}", said(&output));
        assert!(said(&output).contains("issuer"), "{issuer}: {}", said(&output));
    }
    // The test inbox in production.
    let file = configuration(site, |text| format!("{text}[sms]\nsender = \"test-inbox\"\n"));
    let output = run(&["serve", "--config", &file], &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    // A wrong line: file, line, nearest key.
    let file = configuration(site, |text| text.replace("listen =", "lisen ="));
    let output = run(&["config", "check", "--config", &file], &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains(&file) && text.contains("listen") && text.contains('3'), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_is_told_with_what_to_do() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let data = std::env::temp_dir().join(format!("dinhdanh-black-box-{}-busy", std::process::id()));
    let output = run(&["demo", "--json", "--port", &port, "--data", data.to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("--port") && said(&output).contains(&port), "{}", said(&output));
}

#[test]
fn every_command_explains_itself() {
    let commands: [&[&str]; 15] = [
        &["demo"],
        &["serve"],
        &["migrate"],
        &["keys"],
        &["keys", "list"],
        &["keys", "rotate"],
        &["client"],
        &["client", "add"],
        &["client", "list"],
        &["client", "show"],
        &["client", "disable"],
        &["doctor"],
        &["config"],
        &["config", "check"],
        &["register-sim"],
    ];
    for command in commands {
        let output = run(&[command, &["--help"]].concat(), &[]);
        let text = said(&output);
        assert!(output.status.success(), "{command:?}: {text}");
        if command.len() == 1 {
            assert!(text.contains("Example") && text.contains("Exit codes"), "{command:?}: {text}");
        }
    }
    assert_eq!(run(&["no-such-command"], &[]).status.code(), Some(2));
    assert_eq!(run(&["client", "add", "/no/such/file.json", "--json"], &[]).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_what_is_so() {
    let site = &Site::start(Store::Sqlite, Options::default()).await;
    let browser = Browser::new(site);
    assert_eq!(browser.get("/health/live").await.status, 200);
    let ready = browser.get("/health/ready").await;
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (200, Some(true)), "{}", ready.body);
}
