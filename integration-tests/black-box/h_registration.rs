//! H, I, R, S: clients that register themselves, on processes that share one store.

use crate::harness::{Browser, Options, Site, Store, random};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

on_both_stores!(alone: i1_r3_registration_on_processes_that_share_a_store);

async fn start(store: Store) -> Site {
    let env = vec![("DINHDANH_REGISTRATION__MODE".to_owned(), "token".to_owned())];
    Site::start(store, Options { env, ..Options::default() }).await
}

fn initial_token(site: &Site, uses: u32) -> String {
    let made =
        site.command(&["registration-token", "add", "--note", "test", "--uses", &uses.to_string(), "--json"], "");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|_| panic!("{made:?}"));
    made["token"].as_str().unwrap().to_owned()
}

fn portal() -> Value {
    json!({
        "client_name": "Portal", "redirect_uris": ["https://portal.example/cb"],
        "token_endpoint_auth_method": "client_secret_post",
    })
}

async fn call(site: &Site, method: Method, path: &str, token: &str, body: Option<&Value>) -> (u16, Value) {
    let browser = Browser::new(site);
    let mut request = browser.request(method, path).header("authorization", format!("Bearer {token}"));
    if let Some(body) = body {
        request = request.json(body);
    }
    let page = browser.send(request).await;
    (page.status, serde_json::from_str(&page.body).unwrap_or(Value::Null))
}

async fn i1_r3_registration_on_processes_that_share_a_store(store: Store) {
    let site = &start(store).await;
    // I1: a token of three uses registers three clients, however many ask at once on however many processes.
    let token = initial_token(site, 3);
    let metadata = portal();
    let tries = (0..32).map(|_| call(site, Method::POST, "/register", &token, Some(&metadata)));
    let answers = join_all(tries).await;
    let made: Vec<&Value> = answers.iter().filter(|(status, _)| *status == 201).map(|(_, answer)| answer).collect();
    assert_eq!(made.len(), 3);
    assert!(answers.iter().all(|(status, _)| [201, 401].contains(status)));
    // RFC 7592: of updates at once with the same token, one wins, and the token of the others is over.
    let own = made[0];
    let (id, token) = (own["client_id"].as_str().unwrap(), own["registration_access_token"].as_str().unwrap());
    let secret = own["client_secret"].as_str().unwrap();
    let path = format!("/register/{id}");
    let mut update = portal();
    (update["client_id"], update["client_secret"]) = (id.into(), secret.into());
    let answers = join_all((0..16).map(|_| call(site, Method::PUT, &path, token, Some(&update)))).await;
    let won: Vec<&Value> = answers.iter().filter(|(status, _)| *status == 200).map(|(_, answer)| answer).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let token = won[0]["registration_access_token"].as_str().unwrap();
    // R1: nobody else's registration, and no telling whether there is one.
    for (path, token) in [(path.as_str(), random()), ("/register/nobody", token.to_owned())] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert_eq!(call(site, method, path, &token, Some(&update)).await.0, 401, "{path}");
        }
    }
    // R3, K5: the secret was told once, and stands in no answer and no log line after that.
    let (status, read) = call(site, Method::GET, &path, token, None).await;
    assert_eq!(status, 200);
    assert!(!read.to_string().contains(secret));
    for canary in [secret, token] {
        assert!(!site.logs().contains(canary));
    }
    assert_eq!(call(site, Method::DELETE, &path, token, None).await.0, 204);
    assert_eq!(call(site, Method::GET, &path, token, None).await.0, 401);
}
