//! A population register that does not answer.

use crate::harness::{Browser, Citizen, Options, Party, Shape, Site, Store, Way, adults, flow_of};
use std::time::Instant;

/// X21: a register that takes calls and says nothing costs each asker a bounded wait, then none at all (the breaker);
/// everybody else notices nothing, and nobody's level is raised.
#[test]
fn x21_a_register_that_hangs_holds_nobody_else_up() {
    crate::harness::in_runtime(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let register = Some(format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port()));
        let held = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = std::sync::Arc::clone(&held);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                kept.lock().unwrap().push(stream);
            }
        });
        let env = vec![("DINHDANH_REGISTERS__POPULATION__DEADLINE_MS".to_owned(), "1500".to_owned())];
        let site = &Site::start(Store::Sqlite, Options { env, register, ..Options::default() }).await;
        let party = Party::register(site, Shape::Basic, |_| {});
        let mut waits = Vec::new();
        for _ in 0..8 {
            let person = adults();
            let browser = Browser::new(site);
            let page = browser.open("/create").await;
            let page = browser.get(&format!("{}/number", flow_of(&page.url))).await;
            let page = browser.submit(&page, "/number", &[("personal_number", &person.number)]).await;
            let [day, month, year] = &person.birth;
            let fields =
                [("full_name", &*person.full_name), ("birth_day", day), ("birth_month", month), ("birth_year", year)];
            let started = Instant::now();
            let asking = browser.submit(&page, "/name", &fields);
            let others = async {
                let started = Instant::now();
                let answer = party.post("/introspect", &[("token", "x")]).await;
                assert_eq!(answer.status, 200);
                started.elapsed()
            };
            let (page, others) = tokio::join!(asking, others);
            waits.push(started.elapsed());
            assert!(page.status < 500 || page.status == 503, "{} {:.300}", page.status, page.body);
            assert!(others.as_millis() < 1_400, "X21: somebody else waited {others:?}");
        }
        assert!(waits.iter().all(|wait| wait.as_secs() < 8), "X21: {waits:?}");
        assert!(waits[7].as_millis() < 1_400, "X21: the register is asked on and on: {waits:?}");
        assert!(!held.lock().unwrap().is_empty(), "the register was never asked");
        // Who gets an account now has it unconfirmed (I7).
        let citizen = Citizen::new(site).await;
        let ask = party.ask("openid levels");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let claims = party.redeem(&ask, &code).await.ok();
        assert_eq!(crate::harness::jose::part(&claims.text("id_token"), 1)["identity_level"], 0, "I7");
    });
}
