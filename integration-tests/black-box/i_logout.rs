//! I: signing out, asked by portals, told to portals.

use crate::harness::{
    Browser, Citizen, Page, Party, Shape, Site, Way, eventually, form, is_signed_in, jose, landing, now, random,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

on_both_stores!(
    i1_a_portal_is_told_by_a_true_logout_token_and_believes_no_other,
    i2_after_sign_out_only_registered_addresses_are_led_to,
    i4_line_ends_in_values_split_no_header,
    nobody_is_signed_out_by_another_site_unasked,
);

/// Bodies that a listener got.
pub type Received = Arc<Mutex<Vec<String>>>;

/// A listener that takes logout tokens, answers as told, and keeps what it got.
pub async fn listen() -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://127.0.0.1:{}/logout", listener.local_addr().unwrap().port());
    let got = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&got);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut buffer = [0u8; 4096];
            while let Ok(read) = stream.read(&mut buffer).await {
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let length = text.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
                });
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
                if let (Some(length), Some(body)) = (length, &body)
                    && body.len() >= length
                {
                    kept.lock().unwrap().push(body.clone());
                    break;
                }
                if read == 0 {
                    break;
                }
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    (address, got)
}

/// A true logout token that the provider sent to `got`, beyond the first `before`.
pub async fn token_of(got: &Received, before: usize) -> String {
    eventually("a logout token", || async {
        let bodies = got.lock().unwrap().clone();
        let body = bodies.get(before)?;
        let (_, token) = url::form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "logout_token")?;
        Some(token.into_owned())
    })
    .await
}

async fn i1_a_portal_is_told_by_a_true_logout_token_and_believes_no_other(site: &Site) {
    let (address, got) = listen().await;
    let told = Party::register(site, Shape::Basic, |metadata| {
        metadata["backchannel_logout_uri"] = address.clone().into();
        metadata["backchannel_logout_session_required"] = true.into();
    });
    let citizen = Citizen::new(site).await;
    let ask = told.ask("openid");
    let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
    let id_token = told.redeem(&ask, &code).await.ok().text("id_token");
    let id = jose::part(&id_token, 1);
    let portal = site.portals().remove(0);
    let page = citizen.browser.open(&format!("{portal}/login?want=1")).await;
    let page = citizen.walk(site, page, Way::Passkey).await;
    citizen.browser.follow_everywhere(page).await;
    let me = citizen.browser.json(&format!("{portal}/me")).await;

    // The forged ones: the portal's own session lives on.
    let keys = citizen.browser.json("/jwks").await;
    let kid = keys["keys"][0]["kid"].clone();
    let stranger = jose::Key::new();
    let claims = |change: Value| {
        let mut claims = json!({
            "iss": site.issuer, "aud": site.info["portals"][0]["client_id"], "iat": now(), "exp": now() + 120,
            "jti": random(), "sid": me["sid"], "sub": me["sub"],
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        claims
    };
    let header = |alg: &str| json!({ "alg": alg, "typ": "logout+jwt", "kid": kid });
    let post = async |fields: &[(&str, &str)]| -> Page {
        citizen
            .browser
            .send(citizen.browser.request(Method::POST, &format!("{portal}/backchannel-logout")).form(fields))
            .await
    };
    let forged = [
        ("alg none", format!("{}.", jose::unsigned(&header("none"), &claims(json!({}))))),
        ("a stranger's key", stranger.sign(&header("ES256"), &claims(json!({})))),
        ("a stranger's key, its own kid", stranger.sign(&stranger.header(), &claims(json!({})))),
        ("HS256", jose::hs256(&header("HS256"), &claims(json!({})), keys.to_string().as_bytes())),
        ("no signature", jose::unsigned(&header("ES256"), &claims(json!({})))),
        ("an ID token", id_token.clone()),
        ("nothing", String::new()),
        ("noise", "a.b.c".to_owned()),
    ];
    for (what, token) in &forged {
        let answer = post(&[("logout_token", token)]).await;
        assert_eq!(answer.status, 400, "I1: {what}: {}", answer.body);
        assert_eq!(citizen.browser.json(&format!("{portal}/me")).await["sub"], me["sub"], "I1: {what} ended a session");
    }
    assert_eq!(post(&[]).await.status, 400);

    // The true one, to its own portal.
    let before = got.lock().unwrap().len();
    let page = citizen.open_account(site, Way::Passkey).await;
    citizen.browser.submit(&page, "/logout/all", &[("action", "all")]).await;
    let token = token_of(&got, before).await;
    assert_eq!(jose::part(&token, 0)["typ"], "logout+jwt");
    let said = jose::verified(&token, &keys, "logout+jwt");
    assert_eq!((&said["iss"], &said["aud"]), (&site.issuer.clone().into(), &told.id.clone().into()));
    assert_eq!((&said["sid"], &said["sub"]), (&id["sid"], &id["sub"]));
    assert!(said["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object(), "{said}");
    assert!(said.get("nonce").is_none() && said["jti"].is_string() && said["exp"].is_number(), "{said}");
    // It is no use anywhere else.
    assert_eq!(post(&[("logout_token", &token)]).await.status, 400, "another portal's logout token was believed");
    assert_eq!(told.userinfo(&token).await.status, 401, "F13");
    assert!(!told.is_active(&token).await, "F13");
    // The portal hears its own.
    eventually("the portal ended its session", || async {
        let request = citizen.browser.request(Method::GET, &format!("{portal}/me"));
        (citizen.browser.send(request).await.status == 401).then_some(())
    })
    .await;
}

async fn i2_after_sign_out_only_registered_addresses_are_led_to(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let citizen = Citizen::new(site).await;
    let host = party.post_logout.strip_prefix("https://").unwrap().strip_suffix("/bye").unwrap().to_owned();
    let elsewhere = [
        "/\\evil.example".to_owned(),
        "//evil.example".to_owned(),
        "%2f%5cevil.example".to_owned(),
        "https://evil.example/bye".to_owned(),
        format!("https://{host}@evil.example/bye"),
        format!("https://{host}/bye/"),
        format!("https://{host}/bye?x=1"),
        format!("https://{host}/bye#x"),
        format!("https://{host}:443/bye"),
        format!("http://{host}/bye"),
        format!("https://{}/bye", host.to_uppercase()),
        party.redirect.clone(),
        "javascript:alert(1)".to_owned(),
        format!("{} ", party.post_logout),
        String::new(),
    ];
    // One sign-out with each would need a sign-in with each: most are asked where nobody is signed in.
    let ask = party.ask("openid");
    let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
    let token = party.redeem(&ask, &code).await.ok().text("id_token");
    let nobody = Browser::new(site);
    for sent in &elsewhere {
        for by_hint in [true, false] {
            let who = if by_hint { ("id_token_hint", token.as_str()) } else { ("client_id", party.id.as_str()) };
            let query = form(&[who, ("post_logout_redirect_uri", sent), ("state", "s")]);
            let page = nobody.open(&format!("/logout?{query}")).await;
            assert!(landing(&page).is_none(), "I2: led to {sent}");
            assert!(page.status == 200 || page.status == 400, "{sent}: {}", page.status);
            assert!(!page.body.contains("evil.example"), "I2: {sent} is on the page");
        }
    }
    // A registered one, asked for with a hint that names nobody here, or with another client's name beside the hint.
    let other = Party::register(site, Shape::Basic, |_| {});
    let query =
        [("id_token_hint", token.as_str()), ("client_id", &other.id), ("post_logout_redirect_uri", &other.post_logout)];
    let page = nobody.open(&format!("/logout?{}", form(&query))).await;
    assert_eq!((page.status, landing(&page).is_none()), (400, true), "client and hint differ");

    let stolen = citizen.browser.copy();
    let query = [("id_token_hint", token.as_str()), ("post_logout_redirect_uri", elsewhere[3].as_str())];
    let page = citizen.browser.open(&format!("/logout?{}", form(&query))).await;
    assert_eq!((page.status, landing(&page).is_none()), (200, true), "{:.500}", page.body);
    assert!(!is_signed_in(&stolen).await, "signed out all the same");
}

async fn nobody_is_signed_out_by_another_site_unasked(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let citizen = Citizen::new(site).await;
    let ask = party.ask("openid");
    let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
    let token = party.redeem(&ask, &code).await.ok().text("id_token");
    let bystander = Citizen::new(site).await;
    bystander.open_account(site, Way::Passkey).await;
    let query = [("id_token_hint", token.as_str()), ("post_logout_redirect_uri", &party.post_logout)];
    // Without a hint, with a client only, or with the hint of somebody else: a question first.
    let client_only = [("client_id", party.id.as_str()), ("post_logout_redirect_uri", &party.post_logout)];
    for query in [form::<&str, &str>(&[]), form(&client_only), form(&query)] {
        let page = bystander.browser.open(&format!("/logout?{query}")).await;
        assert!(page.url.path() == "/logout/confirm", "signed out unasked by {query:.40}: {}", page.url);
        assert!(bystander.is_signed_in().await);
        // The question's answer counts with its own token only, and "stay" stays.
        let page = bystander.browser.submit(&page, "/logout/confirm", &[("action", "stay")]).await;
        assert!(bystander.is_signed_in().await, "{}", page.url);
    }
    let page = bystander.browser.open("/logout").await;
    let page = bystander.browser.submit(&page, "/logout/confirm", &[("action", "all")]).await;
    assert_eq!(page.status, 200);
    assert!(!bystander.is_signed_in().await);
}

async fn i4_line_ends_in_values_split_no_header(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let browser = Browser::new(site);
    for poison in ["%0d%0aX-Evil:%201", "%0aX-Evil:%201", "%0d", "%00", "a%0d%0aSet-Cookie:%20x=y"] {
        for name in ["state", "nonce", "redirect_uri", "scope", "client_id", "login_hint", "prompt"] {
            let target = format!("{}&{name}={poison}", party.ask("openid").without(name).target());
            let page = browser.get(&target).await;
            assert_eq!(page.status, 400, "{name}={poison}");
            assert!(page.headers.get("x-evil").is_none() && page.headers.get("set-cookie").is_none(), "{name}");
        }
        for target in ["/logout?state=", "/logout?post_logout_redirect_uri=", "/logout?client_id="] {
            let page = browser.get(&format!("{target}{poison}")).await;
            assert_eq!(page.status, 400, "{target}{poison}");
            assert!(page.headers.get("x-evil").is_none());
        }
        for target in ["/signin?lang=", "/?lang=", "/account?done=", "/signed-out?id="] {
            let page = browser.get(&format!("{target}{poison}")).await;
            assert!(page.status < 500 && page.headers.get("x-evil").is_none(), "{target}{poison}");
            assert!(!page.header("set-cookie").contains("x=y"));
        }
    }
    // An odd state comes back as it was, in one header.
    let odd = "a b&c=d#e+f%0d%0a\u{e9}\u{202e}'\"<>";
    let page = browser.get(&party.ask("openid").with("prompt", "none").with("state", odd).target()).await;
    assert_eq!(landing(&page).expect("an answer").get("state"), odd);
}
