//! Messages that do not arrive: between client and program, between program and store.

use crate::harness::{
    Citizen, FaultProxy, History, Options, Outcome, Page, Party, Shape, Side, Site, Store, Through, Way, Weather,
    assertion_fields, eventually, flow_of,
};
use dinhdanh::db::Db;
use reqwest::{RequestBuilder, header};

on_both_stores!(alone: x2_a_client_that_lost_the_reply_may_ask_again);

/// A request that goes through a proxy which swallows the reply.
fn through(site: &Site, proxy: &FaultProxy, party: &Party, target: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let address = format!("http://localhost:{}{target}", proxy.port);
    party.prepare(&address, fields).header(header::HOST, site.host())
}

async fn live_families(site: &Site, party: &Party) -> i64 {
    let db = site.database().await;
    let count = db.query("SELECT COUNT(*) FROM authorization_grant WHERE client_id = $1 AND ended_at IS NULL");
    count.bind(party.id.as_str()).scalar().await.unwrap()
}

/// I12: after a lost reply the same request gives the same result or `invalid_grant`, and never two live families.
async fn x2_a_client_that_lost_the_reply_may_ask_again(store: Store) {
    let site = &Site::start(store, Options::default()).await;
    let deaf = FaultProxy::before(url::Url::parse(&site.issuer).unwrap().port().unwrap());
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    citizen.authorize(site, &party.ask("openid"), Way::Passkey).await;
    for _ in 0..3 {
        // A code.
        let ask = party.ask("openid offline_access");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let fields = party.redemption(&ask, &code);
        deaf.set(Weather::Deaf);
        assert!(party.try_send(through(site, &deaf, &party, "/token", &fields)).await.is_err(), "the reply came");
        party.redeem(&ask, &code).await.refused("invalid_grant");
        // A refresh token.
        let ask = party.ask("openid offline_access");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let refresh = party.redeem(&ask, &code).await.ok().text("refresh_token");
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        assert!(party.try_send(through(site, &deaf, &party, "/token", &fields)).await.is_err(), "the reply came");
        party.refresh(&refresh).await.refused("invalid_grant");
        // A revocation: the same answer again.
        let ask = party.ask("openid offline_access");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let refresh = party.redeem(&ask, &code).await.ok().text("refresh_token");
        let fields = [("token", refresh.as_str())];
        assert!(party.try_send(through(site, &deaf, &party, "/revoke", &fields)).await.is_err(), "the reply came");
        assert_eq!(party.revoke(&refresh).await.status, 200);
        assert!(!party.is_active(&refresh).await);
    }
    // The first authorization was not redeemed; nothing else of all that is alive.
    assert_eq!(live_families(site, &party).await, 1, "I12: a family whose owner never heard of it");
    // A client assertion: spent, whoever heard the answer.
    let prover = Party::register(site, Shape::Assertion, |_| {});
    let [kind, assertion] = assertion_fields(prover.assertion());
    let fields = [("token", "x"), (kind.0, &*kind.1), (assertion.0, &*assertion.1)];
    let address = format!("http://localhost:{}/introspect", deaf.port);
    let request = prover.request(reqwest::Method::POST, &address).header(header::HOST, site.host()).form(&fields);
    assert!(prover.try_send(request).await.is_err(), "the reply came");
    prover.post_bare("/introspect", &fields).await.refused("invalid_client");
}

/// Messages of one request to one store that may be cut.
const CUTS: i64 = 9;

struct Wires {
    site: Site,
    database: FaultProxy,
    cache: FaultProxy,
}

fn port_of(variable: &str) -> u16 {
    url::Url::parse(&std::env::var(variable).unwrap()).unwrap().port().expect("a port")
}

/// A program whose wires to both stores are in our hands. One connection's worth of patience is enough for each.
async fn wires(env: &[(&str, &str)]) -> Wires {
    let database = FaultProxy::before(port_of("DINHDANH_TEST_POSTGRES"));
    let cache = FaultProxy::before(port_of("DINHDANH_TEST_REDIS"));
    let through = Through { database: Some(database.port), cache: Some(cache.port) };
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let site = Site::start(Store::Postgres, Options { env, through, ..Options::default() }).await;
    Wires { site, database, cache }
}

fn of_proof(page: reqwest::Result<Page>) -> Outcome {
    match page {
        Ok(page) if page.gives_session() => Outcome::Won,
        Ok(page) if page.status == 503 => Outcome::Unknown("503".to_owned()),
        Ok(page) => Outcome::Lost(page.status.to_string()),
        Err(error) => Outcome::Unknown(error.to_string()),
    }
}

/// X3, X13: the wire to either store is cut at every message of a sign-in and of a redemption, before and after that
/// message arrived: as a crash between the two stores would leave things. The same thing is then tried again: it was
/// accepted once at most, and the next one works.
#[test]
fn x3_a_cut_between_the_stores_lets_nothing_count_twice() {
    crate::harness::in_runtime(async {
        let wires = wires(&[]).await;
        let site = &wires.site;
        let citizen = Citizen::new(site).await;
        let party = Party::register(site, Shape::Basic, |_| {});
        citizen.authorize(site, &party.ask("openid"), Way::Passkey).await;
        let db = site.database().await;
        let mut cuts = 0;
        for (name, wire) in [("database", &wires.database), ("cache", &wires.cache)] {
            for side in [Side::Before, Side::After] {
                for message in 1..=CUTS {
                    let what = format!("{name}, {side:?} message {message}");
                    cuts += i32::from(cut_sign_in((site, &db), &citizen, wire, (message, side), &what).await);
                    if name == "database" {
                        cuts += i32::from(cut_redemption(site, (&citizen, &party), wire, (message, side), &what).await);
                    }
                }
            }
        }
        println!("{cuts} cuts");
        assert!(cuts > 15, "too few cuts fell into a request: {cuts}");
    });
}

/// Waits until both processes say that they are ready: requests go to them in turn.
async fn back_again(site: &Site) {
    let browser = crate::harness::Browser::new(site);
    eventually("ready again", || async {
        for _ in 0..4 {
            if browser.get("/health/ready").await.status != 200 {
                return None;
            }
        }
        Some(())
    })
    .await;
}

async fn sessions(db: &Db) -> i64 {
    db.query("SELECT COUNT(*) FROM session").scalar().await.unwrap()
}

async fn cut_sign_in(
    (site, db): (&Site, &Db),
    citizen: &Citizen,
    wire: &FaultProxy,
    cut: (i64, Side),
    what: &str,
) -> bool {
    let before = sessions(db).await;
    let begun = citizen.browser.copy();
    begun.clear_cookies();
    let page = begun.open("/signin").await;
    let options = begun.post(&format!("{}/passkey/options", flow_of(&page.url)), &[("csrf", &page.csrf())]).await;
    assert_eq!(options.status, 200, "{what}: {:.300}", options.body);
    let answer = citizen.device.lock().await.get(&options.json()).await.to_string();
    let target = format!("{}/passkey", flow_of(&page.url));
    let csrf = page.csrf();
    let fields = [("csrf", csrf.as_str()), ("credential", answer.as_str())];
    let mut history = History::of(format!("a passkey answer, {what}"));
    let racer = begun.frozen();
    wire.cut_at(cut.0, cut.1);
    history.race([async { of_proof(racer.try_send(racer.own_form(&target, &fields)).await) }]).await;
    let happened = wire.disarm();
    back_again(site).await;
    for _ in 0..2 {
        history.race([async { of_proof(racer.try_send(racer.own_form(&target, &fields)).await) }]).await;
    }
    history.has_at_most_one_winner(false);
    assert!(sessions(db).await <= before + 1, "{what}: one signature made two sessions");
    happened
}

async fn cut_redemption(
    site: &Site,
    (citizen, party): (&Citizen, &Party),
    wire: &FaultProxy,
    cut: (i64, Side),
    what: &str,
) -> bool {
    let ask = party.ask("openid offline_access");
    let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
    let fields = party.redemption(&ask, &code);
    let mut history = History::of(format!("a code, {what}"));
    let tokens = std::sync::Mutex::new(Vec::new());
    let call = || async {
        match party.try_send(party.prepare("/token", &fields)).await {
            Ok(answer) if answer.status == 200 => {
                tokens.lock().unwrap().push(answer.text("refresh_token"));
                Outcome::Won
            }
            Ok(answer) if answer.error() == "invalid_grant" => Outcome::Lost("invalid_grant".to_owned()),
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{what}: {}", answer.page.body);
                Outcome::Unknown("503".to_owned())
            }
            Err(error) => Outcome::Unknown(error.to_string()),
        }
    };
    wire.cut_at(cut.0, cut.1);
    history.race([call()]).await;
    let happened = wire.disarm();
    back_again(site).await;
    history.race([call()]).await;
    history.race([call()]).await;
    history.has_at_most_one_winner(true);
    let tokens = tokens.into_inner().unwrap();
    for token in &tokens {
        assert!(!party.is_active(token).await, "{what}: a family lives on after its code came again");
    }
    happened
}

/// X5, I5, I8: the cache is gone, at the start, in the middle, and comes back empty.
#[test]
fn x5_i5_without_the_cache_nothing_is_believed_and_nothing_runs_in_circles() {
    crate::harness::in_runtime(async {
        let wires = wires(&[]).await;
        let site = &wires.site;
        let citizen = Citizen::new(site).await;
        let party = Party::register(site, Shape::Basic, |_| {});
        citizen.authorize(site, &party.ask("openid"), Way::Passkey).await;
        let ask = party.ask("openid offline_access");
        let spent = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let held = party.redeem(&ask, &spent).await.ok();
        let revoked = held.text("refresh_token");
        let kept_ask = party.ask("openid offline_access");
        let kept = citizen.authorize(site, &kept_ask, Way::Passkey).await.code();
        let kept = party.redeem(&kept_ask, &kept).await.ok();
        assert_eq!(party.revoke(&revoked).await.status, 200);
        let waiting = citizen.browser.copy();
        waiting.clear_cookies();
        let begun = waiting.open("/signin").await;

        wires.cache.set(Weather::Down);
        // What SQL knows goes on: tokens, codes with a live session.
        assert!(party.is_active(&kept.text("access_token")).await);
        assert!(!party.is_active(&revoked).await, "I2");
        assert_eq!(party.userinfo(&kept.text("access_token")).await.status, 200);
        party.refresh(&kept.text("refresh_token")).await.ok();
        // What needs the cache says so, without a circle and without "wrong".
        for target in ["/signin".to_owned(), party.ask("openid").with("prompt", "login").target()] {
            let fresh = crate::harness::Browser::new(site);
            let mut page = fresh.get(&target).await;
            let mut redirects = 0;
            while let Some(to) = page.location().filter(|_| page.status == 303) {
                redirects += 1;
                assert!(redirects <= 3, "I5: a circle at {}", page.url);
                page = fresh.get(to.as_str()).await;
            }
            assert_eq!(page.status, 503, "I9: {target}: {:.300}", page.body);
        }
        let csrf = begun.csrf();
        let page = waiting.post(&flow_of(&begun.url), &[("csrf", &csrf), ("identifier", &citizen.person.number)]).await;
        assert_eq!(page.status, 503, "I9: {:.300}", page.body);
        let browser = crate::harness::Browser::new(site);
        assert_eq!(browser.get("/jwks").await.status, 200, "I11");

        // At the start too.
        site.kill();
        site.begin_again();
        assert_eq!(browser.get("/health/live").await.status, 200);
        assert!(!party.is_active(&revoked).await, "I2");
        assert_eq!(browser.get("/signin").await.status, 503);

        // And back, empty.
        wires.cache.set(Weather::Fair);
        site.flush_cache().await;
        back_again(site).await;
        party.redeem(&ask, &spent).await.refused("invalid_grant");
        assert!(!party.is_active(&revoked).await, "I2");
        citizen.browser.clear_cookies();
        citizen.open_account(site, Way::Passkey).await;
    });
}

/// X6: a cache that answers late or not at all costs a bounded moment, and only those who need it.
#[test]
fn x6_a_slow_or_half_open_cache_costs_a_bounded_moment() {
    crate::harness::in_runtime(async {
        let wires = wires(&[]).await;
        let site = &wires.site;
        let citizen = Citizen::new(site).await;
        let party = Party::register(site, Shape::Basic, |_| {});
        let ask = party.ask("openid");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let token = party.redeem(&ask, &code).await.ok().text("access_token");
        let browser = crate::harness::Browser::new(site);
        for still in [true, false] {
            if still {
                wires.cache.set(Weather::Still);
            } else {
                wires.cache.set(Weather::Fair);
                wires.cache.delay(std::time::Duration::from_secs(2));
            }
            for _ in 0..5 {
                let started = std::time::Instant::now();
                assert_eq!(party.userinfo(&token).await.status, 200, "still: {still}");
                assert!(started.elapsed().as_millis() < 1_900, "userinfo waits for the cache: {:?}", started.elapsed());
                let started = std::time::Instant::now();
                let page = browser.get("/signin").await;
                assert_eq!(page.status, 503, "still: {still}: {:.300}", page.body);
                assert!(started.elapsed().as_millis() < 4_000, "the sign-in page takes {:?}", started.elapsed());
            }
        }
        wires.cache.delay(std::time::Duration::ZERO);
        back_again(site).await;
        citizen.browser.clear_cookies();
        citizen.open_account(site, Way::Passkey).await;
    });
}

/// E7: a revocation that could not be written is no success, and works when asked again.
#[test]
fn e7_a_revocation_without_a_store_is_no_success() {
    crate::harness::in_runtime(async {
        let wires = wires(&[]).await;
        let site = &wires.site;
        let citizen = Citizen::new(site).await;
        let party = Party::register(site, Shape::Basic, |_| {});
        let ask = party.ask("openid offline_access");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let refresh = party.redeem(&ask, &code).await.ok().text("refresh_token");
        wires.database.set(Weather::Down);
        let answer = party.revoke(&refresh).await;
        assert_eq!((answer.status, answer.error()), (503, "temporarily_unavailable"), "{}", answer.page.body);
        let page = citizen.browser.get("/account").await;
        assert_eq!(page.status, 503, "I9: {:.300}", page.body);
        wires.database.set(Weather::Fair);
        back_again(site).await;
        assert!(party.is_active(&refresh).await);
        assert_eq!(party.revoke(&refresh).await.status, 200);
        assert!(!party.is_active(&refresh).await);
    });
}
