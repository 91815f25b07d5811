//! Requests that do not stand in the address: pushed beforehand (RFC 9126), signed (RFC 9101).

use crate::kit::{HOA, House, Key, Portal, WebSite, minutes, seconds};
use dinhdanh::base::Clock;
use serde_json::{Value, json};

async fn house() -> House {
    let house = House::new().await;
    house.with(&HOA).await;
    house
}

#[tokio::test]
async fn rfc9126_a_pushed_request_signs_in_and_is_used_up_with_the_answer() {
    let house = house().await;
    let portal = Portal::new(&house, "pushing").await;
    let (status, pushed) = portal.push(&house, &[]).await;
    assert_eq!((status, pushed["expires_in"].as_u64()), (201, Some(60)), "{pushed}");
    let address = portal.refer(&pushed["request_uri"]);
    let mut browser = house.browser();
    // Loaded again and again while the sign-in lasts.
    browser.open(&address).await.asks_who();
    let page = browser.open(&address).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    assert_eq!(answer.answer()["state"], "s-1");
    portal.tokens(&house, &answer).await;
    // Used up, also for the browser that used it.
    let again = browser.fetch(&address).await;
    again.is(400).has("has an error");
}

#[tokio::test]
async fn i1_one_pushed_request_gives_one_answer_in_two_tabs() {
    let house = house().await;
    let portal = Portal::new(&house, "pushing").await;
    let (_, pushed) = portal.push(&house, &[("prompt", "login")]).await;
    let address = portal.refer(&pushed["request_uri"]);
    let (mut one, mut two) = (house.browser(), house.browser());
    let (first, second) = (one.open(&address).await, two.open(&address).await);
    house.sign_in(&mut one, &first, &HOA).await.code();
    house.after(minutes(2));
    let late = house.sign_in(&mut two, &second, &HOA).await;
    assert!(late.location().is_none_or(|to| !to.contains("code=")), "{:?}", late.location());
}

#[tokio::test]
async fn rfc9126_4_the_address_adds_nothing_to_a_pushed_request() {
    let house = house().await;
    let portal = Portal::new(&house, "pushing").await;
    let (_, pushed) = portal.push(&house, &[("state", "pushed"), ("scope", "openid")]).await;
    let beside = "&state=beside&scope=openid+phone&redirect_uri=https%3A%2F%2Fevil.example%2F&prompt=none&nonce=other";
    let mut browser = house.browser();
    let page = browser.open(&format!("{}{beside}", portal.refer(&pushed["request_uri"]))).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    assert_eq!(answer.answer()["state"], "pushed");
    let tokens = portal.tokens(&house, &answer).await;
    assert_eq!(tokens["scope"], "openid");
    assert_eq!(crate::kit::claims_of(&tokens["id_token"])["nonce"], "n-1");
}

#[tokio::test]
async fn b1_a_pushed_request_is_bound_to_its_client_and_its_minute() {
    let house = house().await;
    let (portal, other) = (Portal::new(&house, "pushing").await, Portal::new(&house, "other").await);
    let (_, pushed) = portal.push(&house, &[]).await;
    house.browser().fetch(&other.refer(&pushed["request_uri"])).await.is(400).has("has an error");
    let never = json!(format!("urn:ietf:params:oauth:request_uri:{}", "a".repeat(43)));
    house.browser().fetch(&portal.refer(&never)).await.is(400).has("has an error");
    house.after(seconds(61));
    house.browser().fetch(&portal.refer(&pushed["request_uri"])).await.is(400).has("has an error");
}

#[tokio::test]
async fn rfc9126_2_3_what_the_authorization_endpoint_refuses_is_refused_at_the_push() {
    let house = house().await;
    let portal = Portal::new(&house, "pushing").await;
    for (over, error) in [
        ([("redirect_uri", "https://evil.example/")], "invalid_request"),
        ([("response_type", "token")], "unsupported_response_type"),
        ([("code_challenge_method", "plain")], "invalid_request"),
        ([("scope", "profile")], "invalid_scope"),
        ([("request_uri", "urn:ietf:params:oauth:request_uri:x")], "invalid_request"),
        ([("dpop_jkt", "x")], "invalid_request"),
    ] {
        let (status, answer) = portal.push(&house, &over).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some(error)), "{over:?}: {answer}");
    }
    let unknown = Portal { secret: "wrong".to_owned(), ..portal };
    let (status, answer) = unknown.push(&house, &[]).await;
    assert_eq!((status, answer["error"].as_str()), (401, Some("invalid_client")));
}

#[tokio::test]
async fn rfc9126_6_a_client_that_must_push_is_held_to_it() {
    let house = house().await;
    let portal = Portal::with(&house, "pushing", json!({ "require_pushed_authorization_requests": true })).await;
    let refused = house.browser().fetch(&portal.request(&[])).await;
    assert_eq!((refused.error(), refused.answer()["state"].clone()), ("invalid_request".to_owned(), "s-1".to_owned()));
    let (status, pushed) = portal.push(&house, &[]).await;
    assert_eq!(status, 201);
    house.browser().open(&portal.refer(&pushed["request_uri"])).await.asks_who();
}

/// A client that signs its requests, and the claims of a good one.
async fn signing(house: &House, over: Value) -> (Portal, Key) {
    let key = Key::new();
    let mut metadata = json!({ "jwks": { "keys": [key.jwk()] }, "request_object_signing_alg": "ES256" });
    metadata.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    (Portal::with(house, "signing", metadata).await, key)
}

fn object(house: &House, portal: &Portal) -> Value {
    let mut claims: serde_json::Map<String, Value> =
        portal.members(&[]).into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    let now = house.clock.now().seconds();
    claims.insert("iss".to_owned(), portal.id.as_str().into());
    claims.insert("aud".to_owned(), house.services.issuer().into());
    claims.insert("exp".to_owned(), (now + 60).into());
    claims.insert("nbf".to_owned(), now.into());
    Value::Object(claims)
}

fn header() -> Value {
    json!({ "alg": "ES256", "typ": "oauth-authz-req+jwt" })
}

#[tokio::test]
async fn rfc9101_a_signed_request_counts_and_nothing_beside_it() {
    let house = house().await;
    let (portal, key) = signing(&house, json!({ "require_signed_request_object": true })).await;
    let mut claims = object(&house, &portal);
    claims["state"] = json!("signed");
    let signed = key.sign(&header(), &claims);
    let mut browser = house.browser();
    let page =
        browser.open(&portal.request(&[("request", &signed), ("state", "beside"), ("scope", "openid phone")])).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    assert_eq!(answer.answer()["state"], "signed");
    assert_eq!(portal.tokens(&house, &answer).await["scope"], "openid");
    // Pushed, it does as well; bare, it does not.
    let (status, _) = portal.call(&house, "/par", &[("request", &signed)]).await;
    assert_eq!(status, 201);
    assert_eq!(portal.push(&house, &[]).await.1["error"], "invalid_request");
    assert_eq!(house.browser().fetch(&portal.request(&[])).await.error(), "invalid_request");
    // One without a signature is a wrong one to a client that signs.
    let bare = [("request", "eyJhbGciOiJub25lIn0.e30.")];
    assert_eq!(portal.call(&house, "/par", &bare).await.1["error"], "invalid_request_object");
}

#[tokio::test]
async fn f5_f7_a_request_object_that_is_not_right_in_every_part_is_refused() {
    let house = house().await;
    let (portal, key) = signing(&house, json!({})).await;
    let good = object(&house, &portal);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let now = house.clock.now().seconds();
    let rows = [
        ("signature", Key::new().sign(&header(), &good)),
        ("iss", key.sign(&header(), &with("iss", json!("other")))),
        ("aud", key.sign(&header(), &with("aud", json!("https://other.example")))),
        ("exp", key.sign(&header(), &with("exp", json!(now - 1)))),
        ("nbf", key.sign(&header(), &with("nbf", json!(now + 61)))),
        ("client_id", key.sign(&header(), &with("client_id", json!("other")))),
        ("nested", key.sign(&header(), &with("request", json!("x")))),
        ("typ", key.sign(&json!({ "alg": "ES256", "typ": "at+jwt" }), &good)),
        ("assertion", key.sign(&json!({ "alg": "ES256", "typ": "client-authentication+jwt" }), &good)),
    ];
    for (what, sent) in rows {
        let error = house.browser().fetch(&portal.request(&[("request", &sent)])).await.error();
        assert_eq!(error, "invalid_request_object", "{what}");
    }
    // Core 7.2.1: by its own error, in whichever form it is written.
    for registration in [json!({ "client_name": "Mine" }), json!("{}")] {
        let sent = key.sign(&header(), &with("registration", registration));
        let error = house.browser().fetch(&portal.request(&[("request", &sent)])).await.error();
        assert_eq!(error, "registration_not_supported");
    }
    for ahead in [8, 59] {
        let sent = key.sign(&header(), &with("nbf", json!(now + ahead)));
        house.browser().open(&portal.request(&[("request", &sent)])).await.asks_who();
    }
}

/// OpenID Connect Core 6.2, RFC 9101 5.2.
#[tokio::test]
async fn g1_g3_a_request_is_fetched_from_a_registered_address_and_nowhere_else() {
    let house = house().await;
    let site = WebSite::start().await;
    let paths = ["/request", "/moved", "/stranger", "/html", "/unsigned", "/long", "/gone", "/nested"];
    let mut addresses: Vec<String> = paths.iter().map(|path| format!("{}{path}", site.url)).collect();
    // Core 6.2: what has the form of a digest is the digest of what is there.
    let version = format!("{}/versioned#{}", site.url, "A".repeat(43));
    addresses.push(version.clone());
    let (portal, key) =
        signing(&house, json!({ "request_uris": addresses, "require_signed_request_object": true })).await;
    let (typ, mut claims) = ("application/oauth-authz-req+jwt", object(&house, &portal));
    claims["state"] = json!("fetched");
    let signed = key.sign(&header(), &claims);
    site.put("/request", typ, &signed);
    site.fail("/moved", 302);
    site.put("/stranger", typ, Key::new().sign(&header(), &claims));
    site.put("/html", "text/html", &signed);
    site.put("/unsigned", typ, "eyJhbGciOiJub25lIn0.e30.");
    site.put("/long", typ, "a".repeat(9_000));
    site.fail("/gone", 404);
    claims["request_uri"] = json!(addresses[0]);
    site.put("/nested", typ, key.sign(&header(), &claims));
    let at =
        |address: &str| portal.request(&[("request_uri", address), ("state", "beside"), ("scope", "openid phone")]);

    site.put("/versioned", typ, &signed);
    assert_eq!(house.browser().fetch(&at(&version)).await.error(), "invalid_request_uri");
    // Many at once make one fetch, and nothing beside the request counts.
    let tasks: Vec<_> = (0..5)
        .map(|_| {
            let (mut browser, target) = (house.browser(), at(&addresses[0]));
            tokio::spawn(async move { browser.open(&target).await.status.as_u16() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 200);
    }
    let mut browser = house.browser();
    let page = browser.open(&at(&addresses[0])).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    assert_eq!(answer.answer()["state"], "fetched");
    assert_eq!(portal.tokens(&house, &answer).await["scope"], "openid");
    assert_eq!(site.asked("/request"), 1);

    for (path, error) in [
        ("/moved", "invalid_request_uri"),
        ("/stranger", "invalid_request_object"),
        ("/html", "invalid_request_uri"),
        ("/unsigned", "invalid_request_object"),
        ("/long", "invalid_request_uri"),
        ("/gone", "invalid_request_uri"),
        ("/nested", "invalid_request_object"),
    ] {
        for _ in 0..3 {
            let answer = house.browser().fetch(&at(&format!("{}{path}", site.url))).await;
            assert_eq!((answer.error().as_str(), answer.answer()["state"].as_str()), (error, "beside"), "{path}");
        }
        assert_eq!(site.asked(path), 1, "{path}: asked again at once");
    }
    assert_eq!(site.asked("/elsewhere"), 0, "a redirect was followed");
    // What is not registered is not asked at all, however near it comes.
    site.put("/secret", typ, &signed);
    for address in [format!("{}/secret", site.url), format!("{}?x", addresses[0]), format!("{}#x", addresses[0])] {
        assert_eq!(house.browser().fetch(&at(&address)).await.error(), "invalid_request_uri", "{address}");
    }
    let other = Portal::new(&house, "other").await;
    let stolen = other.request(&[("request_uri", &format!("{}/secret", site.url))]);
    assert_eq!(house.browser().fetch(&stolen).await.error(), "invalid_request_uri");
    assert_eq!((site.asked("/secret"), site.asked("/request")), (0, 1));
    // Two ways at once, and a request that refers to another.
    let both = portal.request(&[("request_uri", &addresses[0]), ("request", &signed)]);
    assert_eq!(house.browser().fetch(&both).await.error(), "invalid_request");
    assert_eq!(portal.push(&house, &[("request_uri", &addresses[0])]).await.0, 400);
}

#[tokio::test]
async fn s2_who_hangs_up_does_not_have_a_request_fetched_again() {
    let (house, site) = (house().await, WebSite::start().await);
    let address = site.fail("/request", 500);
    let (portal, _) = signing(&house, json!({ "request_uris": [address] })).await;
    let (mut browser, target) = (house.browser(), portal.request(&[("request_uri", &address)]));
    let asked = async {
        while site.asked("/request") == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = asked => {}
        _ = browser.fetch(&target) => {}
    }
    assert_eq!(house.browser().fetch(&target).await.error(), "invalid_request_uri");
    assert_eq!(site.asked("/request"), 1);
}

#[tokio::test]
async fn g1_g2_a_registered_address_inside_our_network_is_not_asked() {
    let house = house().await;
    let site = WebSite::start().await;
    let (portal, key) = signing(&house, json!({ "request_uris": [format!("{}/request", site.url)] })).await;
    site.put("/request", "application/jwt", key.sign(&header(), &object(&house, &portal)));
    let mut tx = house.services.db.begin().await.unwrap();
    tx.query("UPDATE client SET metadata = replace(metadata, '127.0.0.1', '10.0.0.1') WHERE client_id = 'signing'")
        .execute()
        .await
        .unwrap();
    tx.commit().await.unwrap();
    house.services.clients.forget("signing").await;
    let inside = format!("{}/request", site.url.replace("127.0.0.1", "10.0.0.1"));
    assert_eq!(
        house.browser().fetch(&portal.request(&[("request_uri", &inside)])).await.error(),
        "invalid_request_uri"
    );
    assert_eq!(site.asked("/request"), 0);
}

/// JARM 2: the answer is one signed text, whatever it says and however it travels.
#[tokio::test]
async fn jarm_2_3_a_signed_answer_comes_alone_in_every_mode() {
    let house = house().await;
    let (portal, _) = signing(&house, json!({ "authorization_signed_response_alg": "RS256" })).await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    house.sign_in(&mut browser, &page, &HOA).await.code();
    for (mode, separator) in [("jwt", '?'), ("query.jwt", '?'), ("fragment.jwt", '#')] {
        let page = browser.fetch(&portal.request(&[("response_mode", mode), ("prompt", "none")])).await;
        page.is(303);
        let (to, answer) = page.location().unwrap().split_once(separator).unwrap();
        assert_eq!(to, portal.redirect, "{mode}");
        let jwt = answer.strip_prefix("response=").expect("one member");
        assert!(!jwt.contains('&'), "{mode}");
        let claims = crate::kit::claims_of(&json!(jwt));
        assert_eq!((&claims["aud"], &claims["state"]), (&json!(portal.id), &json!("s-1")));
        assert_eq!(claims["iss"], json!(house.services.issuer()));
        let (status, _) = portal.redeem(&house, claims["code"].as_str().unwrap()).await;
        assert_eq!(status, 200, "{mode}");
    }
    let page = browser.fetch(&portal.request(&[("response_mode", "form_post.jwt"), ("prompt", "none")])).await;
    page.is(200).has("name=\"response\"").lacks("name=\"code\"").lacks("name=\"state\"");
    // A refusal is signed as well.
    let page = browser.fetch(&portal.request(&[("response_mode", "jwt"), ("scope", "profile")])).await;
    let jwt = page.location().unwrap().split_once("?response=").unwrap().1.to_owned();
    assert_eq!(crate::kit::claims_of(&json!(jwt))["error"], "invalid_scope");
    // And in plain modes nothing is.
    let page = browser.fetch(&portal.request(&[("response_mode", "fragment"), ("prompt", "none")])).await;
    assert!(page.location().unwrap().contains("#code="));
}
