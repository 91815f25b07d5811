//! S: dear requests, broken off; bodies that are too much.

use crate::harness::{Browser, Citizen, Party, Shape, Site, Way, adults, flow_of};
use futures_util::future::join_all;
use reqwest::{Method, header};
use std::time::{Duration, Instant};

on_both_stores!(
    s1_a_flood_of_passwords_leaves_the_rest_standing,
    s2_begun_flows_cost_others_nothing,
    s4_too_much_is_refused_early
);

const FLOOD: usize = 120;

async fn s1_a_flood_of_passwords_leaves_the_rest_standing(site: &Site) {
    let citizen = Citizen::with_password(site).await;
    // Each guess at another number, so that no pause takes the work away from the gate.
    let prepare = |person: String| async move {
        let browser = Browser::new(site);
        let page = browser.open("/signin").await;
        let flow = flow_of(&page.url);
        let page = browser.submit(&page, &flow, &[("identifier", &person)]).await;
        let fields = [("csrf", page.csrf()), ("password", "Mat khau sai 1".to_owned())];
        (browser, format!("{flow}/password"), fields)
    };
    let mut ready = Vec::new();
    for _ in 0..FLOOD / 20 {
        ready.extend(join_all((0..20).map(|_| prepare(adults().number))).await);
    }
    let flood = join_all(ready.iter().enumerate().map(|(place, (browser, target, fields))| async move {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = browser.own_form(target, &fields);
        // Every third caller hangs up at once.
        let request = if place % 3 == 0 { request.timeout(Duration::from_millis(10)) } else { request };
        browser.try_send(request).await.ok()
    }));
    let watch = async {
        let browser = Browser::new(site);
        let mut worst = Duration::ZERO;
        for _ in 0..20 {
            let started = Instant::now();
            assert_eq!(browser.get("/jwks").await.status, 200);
            worst = worst.max(started.elapsed());
        }
        worst
    };
    let (answers, worst) = tokio::join!(flood, watch);
    let mut shed = 0;
    for page in answers.iter().flatten() {
        match page.status {
            422 => {}
            503 => {
                shed += 1;
                let after: u64 = page.header("retry-after").parse().expect("Retry-After in seconds");
                assert!((1..=60).contains(&after), "{after}");
            }
            other => panic!("{other}: {:.500}", page.body),
        }
    }
    assert!(answers.iter().flatten().any(|page| page.status == 422), "none was served");
    assert!(worst < Duration::from_secs(2), "/jwks took {worst:?} during the flood; {shed} were shed");
    // The gate is free again: permits of those who hung up came back.
    citizen.open_account(site, Way::PasswordAndRecovery).await;
}

async fn s2_begun_flows_cost_others_nothing(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let citizen = Citizen::new(site).await;
    let waiting = citizen.browser.open(&party.ask("openid").target()).await;
    let browser = Browser::new(site);
    for round in 0..10 {
        let asks: Vec<_> = (0..30).map(|_| party.ask("openid").with("ui_locales", &crate::harness::random())).collect();
        let targets: Vec<String> = asks.iter().map(crate::harness::Ask::target).collect();
        let answers = join_all(targets.iter().map(|target| browser.get(target))).await;
        assert!(answers.iter().all(|page| [303, 503].contains(&page.status)), "round {round}");
    }
    let cookies = browser.cookie_names().len();
    assert!(cookies <= 400, "{cookies}");
    // One browser that begins flow after flow keeps few of them, so that its cookies fit into a request.
    let patient = Browser::new(site);
    for _ in 0..30 {
        let page = patient.get(&party.ask("openid").target()).await;
        assert_eq!(page.status, 303, "{:.300}", page.body);
    }
    assert!(patient.cookie_names().len() <= 12, "{}", patient.cookie_names().len());
    // A flow begun before goes on.
    let page = citizen.walk(site, waiting, Way::Passkey).await;
    assert!(crate::harness::landing(&page).is_some(), "{} {:.500}", page.url, page.body);
}

async fn s4_too_much_is_refused_early(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let browser = Browser::new(site);
    let deep = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    let nested = format!("{}1{}", "{\"a\":".repeat(1500), "}".repeat(1500));
    let wide = format!("{{{}}}", (0..1000).map(|n| format!("\"{n}\":1")).collect::<Vec<_>>().join(","));
    let doubled = r#"{"id_token":{"acr":null},"id_token":{"acr":{"essential":true}}}"#.to_owned();
    let nul = r#"{"id_token":{"sub":{"value":"a\u0000b"}}}"#.to_owned();
    for claims in [deep, nested, wide, doubled, nul, "null".to_owned(), "[]".to_owned(), "{\"id_token\":7}".to_owned()]
    {
        let started = Instant::now();
        let page = browser.get(&party.ask("openid").with("claims", &claims).target()).await;
        let error = crate::harness::landing(&page).map(|answer| answer.get("error").to_owned());
        let refused = page.status == 400
            || page.status == 414
            || page.status == 431
            || error.as_deref() == Some("invalid_request");
        assert!(refused, "{claims:.40}: {} {error:?}", page.status);
        assert!(started.elapsed() < Duration::from_secs(2), "{claims:.40}");
    }
    let big = "a".repeat(10 * 1024 * 1024);
    for target in
        ["/token", "/introspect", "/revoke", "/authorize", "/logout", "/signin/00000000000000000000000000000000"]
    {
        let request =
            browser.request(Method::POST, target).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        // The server may answer and close before the body is through: then there is no answer to read, and no harm.
        match browser.try_send(request.body(format!("grant_type=x&token={big}"))).await {
            Ok(page) => assert!([400, 413].contains(&page.status), "{target}: {}", page.status),
            Err(error) => assert!(error.is_request() || error.is_body(), "{target}: {error:?}"),
        }
        let many = (0..100_000).map(|n| format!("p{n}=1&")).collect::<String>();
        let request =
            browser.request(Method::POST, target).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Ok(page) = browser.try_send(request.body(many)).await {
            assert!([400, 413].contains(&page.status), "{target}: {}", page.status);
        }
    }
    let page = browser.get(&format!("/authorize?state={}", "a".repeat(60_000))).await;
    assert!([400, 414, 431].contains(&page.status), "{}", page.status);
    assert_eq!(browser.get("/health/live").await.status, 200);
}
