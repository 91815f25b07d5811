//! Portals that register themselves (RFC 7591, RFC 7592), and what is fetched for them (G1, T4).

use crate::kit::{HOA, House, Key, Portal, WebSite, days, minutes, seconds};
use axum::http::Method;
use dinhdanh::base::{Clock, SystemEntropy, random_token, sha256};
use dinhdanh::flow::initial_access_token::{self, NewToken};
use dinhdanh::store;
use serde_json::{Value, json};

const REDIRECT: &str = "https://portal.example/callback";

async fn open() -> House {
    House::over(&[("registration.mode", "open"), ("provider.environment", "sandbox")]).await
}

pub async fn token(house: &House, uses: i32) -> String {
    let new = NewToken { note: "test".to_owned(), uses, lifetime: days(1) };
    let now = house.clock.now();
    let (_, token, _) = initial_access_token::add(&house.services.db, new, now, &SystemEntropy).await.unwrap();
    token.expose().to_owned()
}

pub fn portal() -> Value {
    json!({
        "client_name": "Portal", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "refresh_token"], "id_token_signed_response_alg": "ES256",
    })
}

fn with(change: Value) -> Value {
    let mut metadata = portal();
    for (name, value) in change.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    metadata
}

async fn ask(house: &House, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> (u16, Value) {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    headers.extend(body.map(|_| ("content-type", "application/json")));
    let text = body.map(Value::to_string).unwrap_or_default();
    let page = house.browser().request(method, path, &headers, &text).await;
    (page.status.as_u16(), serde_json::from_str(&page.body).unwrap_or(Value::Null))
}

async fn register(house: &House, token: Option<&str>, metadata: &Value) -> (u16, Value) {
    ask(house, Method::POST, "/register", token, Some(metadata)).await
}

/// A registered client, as the answer tells it.
struct Own {
    id: String,
    secret: String,
    token: String,
    path: String,
}

impl Own {
    fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let address = text("registration_client_uri");
        let (_, path) = address.split_once("example.vn").unwrap();
        Self {
            id: text("client_id"),
            secret: text("client_secret"),
            token: text("registration_access_token"),
            path: path.to_owned(),
        }
    }

    async fn new(house: &House, metadata: &Value) -> Self {
        let (status, answer) = register(house, None, metadata).await;
        assert_eq!(status, 201, "{answer}");
        Self::of(&answer)
    }

    fn portal(&self) -> Portal {
        Portal { id: self.id.clone(), secret: self.secret.clone(), redirect: REDIRECT.to_owned(), scope: "openid" }
    }

    /// Whether a secret proves the client now: whoever is not known may not even ask about a token.
    async fn is_proved_by(&self, house: &House, secret: &str) -> bool {
        let portal = Portal { secret: secret.to_owned(), ..self.portal() };
        portal.call(house, "/introspect", &[("token", "x")]).await.0 == 200
    }
}

#[tokio::test]
async fn a_registered_portal_signs_people_in_reads_changes_and_ends_itself() {
    let house = House::over(&[("registration.mode", "token")]).await;
    house.with(&HOA).await;
    let initial = token(&house, 1).await;
    let (status, answer) = register(&house, Some(&initial), &portal()).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!((&answer["client_secret_expires_at"], &answer["subject_type"]), (&json!(0), &json!("pairwise")));
    assert_eq!(answer["client_id_issued_at"], house.clock.now().seconds());
    let own = Own::of(&answer);
    let mut browser = house.browser();
    let page = own.portal().ask(&mut browser, &[]).await;
    let page = house.sign_in(&mut browser, &page, &HOA).await;
    let tokens = own.portal().tokens(&house, &page).await;

    // R3: the secret was shown once.
    let (status, read) = ask(&house, Method::GET, &own.path, Some(&own.token), None).await;
    assert_eq!(status, 200);
    assert!(!read.to_string().contains(&own.secret) && read["client_name"] == "Portal", "{read}");

    let renamed = with(json!({"client_id": own.id, "client_secret": own.secret, "client_name": "Cổng mới"}));
    let (status, changed) = ask(&house, Method::PUT, &own.path, Some(&own.token), Some(&renamed)).await;
    assert_eq!((status, &changed["client_name"]), (200, &json!("Cổng mới")), "{changed}");
    let next = Own::of(&changed);
    assert_ne!(next.token, own.token);
    assert_eq!(ask(&house, Method::GET, &own.path, Some(&own.token), None).await.0, 401, "the old token");
    assert!(own.portal().is_active(&house, &tokens["access_token"]).await);

    assert_eq!(ask(&house, Method::DELETE, &own.path, Some(&next.token), None).await.0, 204);
    assert_eq!(ask(&house, Method::GET, &own.path, Some(&next.token), None).await.0, 401);
    assert!(!own.is_proved_by(&house, &own.secret).await, "E5: a client that ended proves nothing");
}

#[tokio::test]
async fn i1_an_initial_token_registers_as_many_as_it_says_and_no_more() {
    let house = House::over(&[("registration.mode", "token")]).await;
    assert_eq!(register(&house, None, &portal()).await.0, 401);
    assert_eq!(register(&house, Some("made-up"), &portal()).await.0, 401);
    let initial = token(&house, 2).await;
    // What is refused costs no use.
    assert_eq!(register(&house, Some(&initial), &with(json!({"redirect_uris": []}))).await.0, 400);
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let (mut browser, initial) = (house.browser(), initial.clone());
        tasks.push(tokio::spawn(async move {
            let bearer = format!("Bearer {initial}");
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            browser.request(Method::POST, "/register", &headers, &portal().to_string()).await.status.as_u16()
        }));
    }
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            201 => made += 1,
            status => assert_eq!(status, 401),
        }
    }
    assert_eq!(made, 2);
    let late = token(&house, 1).await;
    house.after(days(2));
    assert_eq!(register(&house, Some(&late), &portal()).await.0, 401, "T5: it expired");
}

#[tokio::test]
async fn s2_open_registration_keeps_its_bound_when_many_come_at_once() {
    let house = House::over(&[
        ("registration.mode", "open"),
        ("provider.environment", "sandbox"),
        ("registration.most_open", "3"),
    ])
    .await;
    let tasks: Vec<_> = (0..8)
        .map(|place| {
            let mut browser = house.browser();
            browser.forwarded = format!("192.0.2.{place}");
            tokio::spawn(async move {
                let headers = [("content-type", "application/json")];
                let page = browser.request(Method::POST, "/register", &headers, &portal().to_string()).await;
                page.status.as_u16()
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(task.await.unwrap() == 201);
    }
    assert_eq!(made, 3);
}

#[tokio::test]
async fn a3_a4_a5_a8_registration_takes_exact_addresses_only() {
    let house = open().await;
    for address in [
        "https://*.example/cb",
        "https://portal.example/cb*",
        "http://localhost.evil/cb",
        "http://127.0.0.1.evil/cb",
        "http://localhost@evil/cb",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "https://user@portal.example/cb",
        "https://portal.example/cb#f",
    ] {
        let (status, answer) = register(&house, None, &with(json!({"redirect_uris": [address]}))).await;
        assert_eq!((status, &answer["error"]), (400, &json!("invalid_redirect_uri")), "{address}");
    }
    for none in [json!([]), Value::Null] {
        let (status, answer) = register(&house, None, &with(json!({"redirect_uris": none}))).await;
        assert_eq!((status, &answer["error"]), (400, &json!("invalid_redirect_uri")));
    }
    assert!(store::client::list(&house.services.db, None, 10).await.unwrap().is_empty(), "nothing was stored");
}

#[tokio::test]
async fn h3_registrants_do_not_choose_what_is_ours() {
    let house = open().await;
    for (name, value) in [
        ("sharing", json!({"claims": ["name"]})),
        ("minimum_identity_level", json!(0)),
        ("minimum_authentication_level", json!(1)),
        ("representation", json!("allowed")),
        ("profile", json!("fapi2_security")),
        ("require_pkce", json!(false)),
        ("client_id", json!("chosen")),
        ("registration_access_token", json!("chosen")),
    ] {
        let (status, answer) = register(&house, None, &with(json!({ name: value }))).await;
        assert_eq!((status, &answer["error"]), (400, &json!("invalid_client_metadata")), "{name}");
    }
    let odd = with(json!({"sub": "x", "iss": "x", "colour": "red", "scope": "openid personal_number report"}));
    let (status, answer) = register(&house, None, &odd).await;
    assert_eq!((status, &answer["scope"]), (201, &json!("openid")), "{answer}");
    assert!(answer.get("sub").is_none() && answer.get("colour").is_none());
    for body in ["", "[]", "{\"client_name\":1", "{\"a\":1,\"a\":2}", &"[".repeat(10_000)] {
        let page = house.browser().body("/register", "application/json", body).await;
        assert_eq!(page.status.as_u16(), 400, "{body:.20}");
    }
    assert_eq!(house.browser().body("/register", "text/plain", &portal().to_string()).await.status.as_u16(), 400);
}

#[tokio::test]
async fn t5_a_secret_is_replaced_with_an_overlap_and_ends_at_its_time() {
    let house = House::over(&[
        ("registration.mode", "open"),
        ("registration.secret_days", "10"),
        ("registration.secret_overlap_seconds", "3600"),
    ])
    .await;
    let own = Own::new(&house, &portal()).await;
    assert!(own.is_proved_by(&house, &own.secret).await);
    let update = with(json!({"client_id": own.id}));
    let (status, answer) = ask(&house, Method::PUT, &own.path, Some(&own.token), Some(&update)).await;
    assert_eq!(status, 200, "{answer}");
    let next = Own::of(&answer);
    assert_eq!(answer["client_secret_expires_at"], house.clock.now().plus(days(10)).seconds());
    assert_ne!(next.secret, own.secret);
    house.after(minutes(59));
    assert!(own.is_proved_by(&house, &own.secret).await && own.is_proved_by(&house, &next.secret).await);
    house.after(minutes(1));
    assert!(!own.is_proved_by(&house, &own.secret).await && own.is_proved_by(&house, &next.secret).await);
    house.after(days(10));
    assert!(!own.is_proved_by(&house, &next.secret).await);
    let wrong = with(json!({"client_id": own.id, "client_secret": "another"}));
    assert_eq!(ask(&house, Method::PUT, &own.path, Some(&next.token), Some(&wrong)).await.0, 400);
    let moved = with(json!({"client_id": own.id, "redirect_uris": ["https://other.example/cb"]}));
    let (status, answer) = ask(&house, Method::PUT, &own.path, Some(&next.token), Some(&moved)).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_client_metadata")), "I6: the sector is fixed");
}

#[tokio::test]
async fn s2_open_registration_is_bounded_and_swept() {
    let house = House::over(&[("registration.mode", "open"), ("registration.most_open", "2")]).await;
    for expected in [201, 201, 503] {
        assert_eq!(register(&house, None, &portal()).await.0, expected);
    }
    house.after(days(8));
    dinhdanh::jobs::sweep(&house.services).await.unwrap();
    assert!(store::client::list(&house.services.db, None, 10).await.unwrap().is_empty());
    assert_eq!(register(&house, None, &portal()).await.0, 201);
}

#[tokio::test]
async fn h6_the_list_of_a_sector_names_every_redirect_address() {
    let (house, site) = (open().await, WebSite::start().await);
    let two = json!([REDIRECT, "https://other.example/callback"]);
    let metadata = |url: &str| with(json!({"redirect_uris": two, "sector_identifier_uri": url}));
    for (url, reason) in [
        (site.put("/short", "application/json", json!([REDIRECT]).to_string()), "does not name every"),
        (site.put("/odd", "application/json", "{}"), "no JSON list"),
        (site.fail("/gone", 500), "could not be fetched"),
        (site.fail("/moved", 302), "could not be fetched"),
    ] {
        let (status, answer) = register(&house, None, &metadata(&url)).await;
        assert_eq!(status, 400, "{url}");
        assert!(answer["error_description"].as_str().unwrap().contains(reason), "{answer}");
    }
    assert_eq!(site.asked("/elsewhere"), 0, "G1: no redirect is followed");
    let good = site.put("/good", "application/json", two.to_string());
    assert_eq!(register(&house, None, &metadata(&good)).await.0, 201);
    assert_eq!(site.asked("/good"), 1);
}

#[tokio::test]
async fn g1_g2_nothing_is_fetched_from_where_no_portal_lives() {
    let site = WebSite::start().await;
    let port = site.url.rsplit(':').next().unwrap().to_owned();
    let house = House::over(&[("registration.mode", "open"), ("backchannel.allow_loopback", "false")]).await;
    for host in ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "localhost", "0.0.0.0", "[::ffff:7f00:1]"] {
        let url = format!("https://{host}:{port}/x");
        let (status, answer) = register(&house, None, &with(json!({"sector_identifier_uri": url}))).await;
        assert_eq!(status, 400, "{url} {answer}");
        let (status, answer) = register(&house, None, &with(json!({"logo_uri": url}))).await;
        assert_eq!(status, 201, "{url} {answer}: a client works without its logo");
    }
    assert_eq!(site.asked("/x"), 0);
}

fn assertion(house: &House, client_id: &str, key: &Key) -> String {
    let now = house.clock.now().seconds();
    let claims = json!({
        "iss": client_id, "sub": client_id, "aud": house.services.issuer(), "iat": now, "exp": now + 60,
        "jti": random_token(&SystemEntropy),
    });
    key.sign(&key.header(), &claims)
}

async fn asserts(house: &House, client_id: &str, key: &Key) -> bool {
    let assertion = assertion(house, client_id, key);
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let fields = [("client_assertion_type", kind), ("client_assertion", assertion.as_str()), ("token", "x")];
    house.browser().send("/introspect", &fields).await.status.as_u16() == 200
}

#[tokio::test]
async fn t4_f8_keys_behind_an_address_are_kept_fetched_again_and_outlive_an_outage() {
    let (house, site) = (open().await, WebSite::start().await);
    let (first, second, stranger) = (Key::new(), Key::new(), Key::new());
    let set = |keys: &[&Key]| json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}).to_string();
    let url = site.put("/jwks", "application/json", set(&[&first]));
    let metadata = with(json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": url}));
    let both = with(
        json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": url, "jwks": {"keys": [first.jwk()]}}),
    );
    assert_eq!(register(&house, None, &both).await.0, 400);
    let own = Own::new(&house, &metadata).await;
    for _ in 0..3 {
        assert!(asserts(&house, &own.id, &first).await);
    }
    assert_eq!(site.asked("/jwks"), 1, "kept");
    house.after(seconds(10));
    site.put("/jwks", "application/json", set(&[&first, &second]));
    assert!(asserts(&house, &own.id, &second).await, "a key not seen before");
    assert_eq!(site.asked("/jwks"), 2);
    // A stranger's key: looked for once, then the address rests.
    for _ in 0..5 {
        assert!(!asserts(&house, &own.id, &stranger).await);
    }
    assert_eq!(site.asked("/jwks"), 2, "cooldown");
    house.after(seconds(10));
    assert!(!asserts(&house, &own.id, &stranger).await);
    assert_eq!(site.asked("/jwks"), 3);
    site.fail("/jwks", 500);
    house.after(minutes(90));
    assert!(asserts(&house, &own.id, &second).await, "stale keys while the address fails");
    house.after(days(2));
    assert!(!asserts(&house, &own.id, &second).await, "but not for ever");
}

#[tokio::test]
async fn f5_a_secret_that_keys_a_mac_proves_its_client_and_no_other() {
    let house = open().await;
    let own = Own::new(&house, &with(json!({"token_endpoint_auth_method": "client_secret_jwt"}))).await;
    let other = Own::new(&house, &with(json!({"token_endpoint_auth_method": "client_secret_jwt"}))).await;
    let claims = |client_id: &str| {
        let now = house.clock.now().seconds();
        json!({
            "iss": client_id, "sub": client_id, "aud": house.services.issuer(), "iat": now, "exp": now + 60,
            "jti": random_token(&SystemEntropy),
        })
    };
    let asks = async |jwt: String| {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let fields = [("client_assertion_type", kind), ("client_assertion", jwt.as_str()), ("token", "x")];
        house.browser().send("/introspect", &fields).await.status.as_u16()
    };
    for algorithm in ["HS256", "HS384", "HS512"] {
        let jwt = keyed(algorithm, &own.secret, &claims(&own.id));
        assert_eq!(asks(jwt.clone()).await, 200, "{algorithm}");
        assert_eq!(asks(jwt).await, 401, "F2: once");
    }
    assert_eq!(asks(keyed("HS256", &other.secret, &claims(&own.id))).await, 401);
    assert_eq!(asks(keyed("HS256", "", &claims(&own.id))).await, 401);
    assert!(!own.is_proved_by(&house, &own.secret).await, "the secret itself is not its method");
}

fn keyed(algorithm: &str, secret: &str, claims: &Value) -> String {
    use aws_lc_rs::hmac;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let hash = match algorithm {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        _ => hmac::HMAC_SHA512,
    };
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": algorithm, "typ": "JWT"}).to_string());
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hash, secret.as_bytes()), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test]
async fn f1_a_software_statement_of_a_trusted_maker_wins_and_no_other_counts() {
    let (maker, stranger) = (Key::new(), Key::new());
    let file = std::env::temp_dir().join(format!("issuers-{}.json", random_token(&SystemEntropy)));
    let issuers = json!([{"issuer": "https://maker.example", "jwks": {"keys": [maker.jwk()]}}]);
    std::fs::write(&file, issuers.to_string()).unwrap();
    let path = file.display().to_string();
    let house = House::over(&[("registration.mode", "open"), ("registration.software_statement_issuers", &path)]).await;
    let now = house.clock.now().seconds();
    let made = |key: &Key, over: Value| {
        let mut claims = json!({"iss": "https://maker.example", "iat": now, "client_name": "By the maker"});
        for (name, value) in over.as_object().unwrap() {
            claims[name] = value.clone();
        }
        key.sign(&key.header(), &claims)
    };
    let good = made(&maker, json!({"exp": now + 60}));
    let (status, answer) = register(&house, None, &with(json!({"software_statement": good}))).await;
    assert_eq!((status, &answer["client_name"]), (201, &json!("By the maker")), "{answer}");
    assert_eq!(answer["software_statement"], good);
    for (statement, error) in [
        (made(&stranger, json!({})), "invalid_software_statement"),
        (made(&maker, json!({"exp": now - 1})), "invalid_software_statement"),
        (made(&maker, json!({"exp": "soon"})), "invalid_software_statement"),
        (made(&maker, json!({"nbf": now + 3600})), "invalid_software_statement"),
        ("x.y.z".to_owned(), "invalid_software_statement"),
        (made(&maker, json!({"iss": "https://other.example"})), "unapproved_software_statement"),
        (made(&maker, json!({"minimum_identity_level": 0})), "invalid_client_metadata"),
    ] {
        let (status, answer) = register(&house, None, &with(json!({"software_statement": statement}))).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)));
    }
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn k2_a_logo_is_fetched_once_and_served_by_us() {
    let (house, site) = (open().await, WebSite::start().await);
    let picture = b"\x89PNG\r\n\x1a\nnot much of one";
    let (png, svg) = (site.put("/logo", "image/png", picture), site.put("/svg", "image/png", "<svg onload='x'/>"));
    let links = json!({
        "logo_uri": png, "policy_uri": "https://portal.example/privacy", "tos_uri": "https://portal.example/terms",
    });
    let own = Own::new(&house, &with(links)).await;
    let page = own.portal().ask(&mut house.browser(), &[]).await;
    page.has(&format!("/logos/{}", own.id)).has("https://portal.example/privacy").has("https://portal.example/terms");
    page.lacks(&site.url);
    let shown = house.browser().fetch_bytes(&format!("/logos/{}", own.id)).await;
    assert_eq!((shown.0, shown.1.as_str(), sha256(&shown.2)), (200, "image/png", sha256(picture)));
    assert_eq!(site.asked("/logo"), 1);
    let other = Own::new(&house, &with(json!({"logo_uri": svg}))).await;
    assert_eq!(house.browser().fetch(&format!("/logos/{}", other.id)).await.status.as_u16(), 404);
}

/// H6: whoever hears tokens away from any address has proved no host, so it gets no other portal's subjects.
#[tokio::test]
async fn h6_a_client_that_polls_is_a_sector_of_its_own() {
    let house = open().await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let (status, answer) =
        register(&house, None, &with(json!({ "grant_types": ["authorization_code", device] }))).await;
    assert_eq!(status, 201, "{answer}");
    let id = answer["client_id"].as_str().unwrap();
    let row = store::client::get(&house.services.db, id).await.unwrap();
    assert_eq!(row.sector, format!("client:{id}"));
    let (_, plain) = register(&house, None, &portal()).await;
    let row = store::client::get(&house.services.db, plain["client_id"].as_str().unwrap()).await.unwrap();
    assert_eq!(row.sector, "portal.example");
}
