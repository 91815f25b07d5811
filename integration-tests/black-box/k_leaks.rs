//! K: nothing that was sent is shown as markup, nothing secret is written down.

use crate::harness::{Browser, Citizen, Party, Shape, Site, Way, adults, flow_of, form, submitted_form};
use reqwest::{Method, header};

on_both_stores!(
    k1_what_is_sent_is_not_shown,
    k2_names_and_states_are_inert_on_every_page,
    k5_secrets_and_people_are_in_no_log_nor_metric,
    k6_one_request_is_one_line,
);

const POLYGLOT: &str = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}${7*7}--!>";
const PROSE: &str = "Your account was locked call 0123456789 now";

/// Whether the text stands on the page as markup.
fn is_live(body: &str) -> bool {
    body.contains("<img src=x") || body.contains("<script>alert") || body.contains("\"'><")
}

async fn k1_what_is_sent_is_not_shown(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let browser = Browser::new(site);
    let names = [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "prompt",
        "max_age",
        "ui_locales",
        "login_hint",
        "id_token_hint",
        "acr_values",
        "claims",
        "display",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
        "error",
        "error_description",
        "unknown",
    ];
    for name in names {
        for text in [POLYGLOT, PROSE] {
            let page = browser.open(&party.ask("openid").with(name, text).target()).await;
            assert!(!is_live(&page.body), "{name} is live at {}", page.url);
            let hint_at_field = name == "login_hint";
            assert!(hint_at_field || !page.body.contains(PROSE), "{name} put words into our page at {}", page.url);
            let bare = browser.get(&format!("/authorize?{}", form(&[(name, text)]))).await;
            assert!(!is_live(&bare.body) && !bare.body.contains(PROSE), "{name} alone");
        }
    }
    let queries =
        ["/signin?error=", "/account?done=", "/signed-out?id=", "/logout?state=", "/?lang=", "/no-such/", "/signin?x="];
    for target in queries {
        for text in [POLYGLOT, PROSE] {
            let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let page = browser.open(&format!("{target}{encoded}")).await;
            assert!(!is_live(&page.body) && !page.body.contains(PROSE), "{target} shows what was sent");
        }
    }
    // Token-side errors repeat nothing either.
    for name in ["grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource", "unknown"]
    {
        let answer = party.post("/token", &[("grant_type", "authorization_code"), ("x", "y"), (name, PROSE)]).await;
        assert!(answer.status >= 400 && !answer.page.body.contains(PROSE), "{name}: {}", answer.page.body);
    }
    // Typed into fields, it comes back as text.
    let page = browser.open("/signin").await;
    let page = browser.submit(&page, &flow_of(&page.url), &[("identifier", POLYGLOT)]).await;
    assert!(page.status == 422 && !is_live(&page.body), "{}", page.status);
    let page = browser.open("/create").await;
    let flow = flow_of(&page.url);
    let page = browser.get(&format!("{flow}/number")).await;
    let page = browser.submit(&page, "/number", &[("personal_number", POLYGLOT)]).await;
    assert!(!is_live(&page.body));
    let page = browser.submit(&page, "/number", &[("personal_number", &adults().number)]).await;
    let fields = [("full_name", POLYGLOT), ("birth_day", POLYGLOT), ("birth_month", "1"), ("birth_year", POLYGLOT)];
    let page = browser.submit(&page, "/name", &fields).await;
    assert!(!is_live(&page.body));
}

async fn k2_names_and_states_are_inert_on_every_page(site: &Site) {
    let party = Party::register(site, Shape::Basic, |metadata| {
        metadata["client_name"] = POLYGLOT.into();
        metadata["client_name#vi"] = POLYGLOT.into();
        metadata["client_name#en"] = POLYGLOT.into();
    });
    let citizen = Citizen::new(site).await;
    let ask =
        party.ask("openid").with("state", POLYGLOT).with("response_mode", "form_post").with("login_hint", POLYGLOT);
    let page = citizen.browser.open(&ask.target()).await;
    assert!(!is_live(&page.body), "the sign-in page");
    for step in ["method", "password", "recovery", "totp"] {
        assert!(!is_live(&citizen.browser.open(&format!("{}/{step}", flow_of(&page.url))).await.body), "{step}");
    }
    let page = citizen.walk(site, page, Way::Passkey).await;
    assert!(!is_live(&page.body), "the page that posts to the portal");
    assert_eq!(submitted_form(&page).get("state"), POLYGLOT, "the state comes back unchanged");
    let again = citizen.browser.open(&party.ask("openid").with("prompt", "select_account").target()).await;
    assert!(!is_live(&again.body), "the page that shows who continues");

    // The person's own names for things.
    let page = citizen.open_account(site, Way::Passkey).await;
    assert!(!is_live(&page.body), "services used");
    let page = citizen.browser.open("/account/passkeys").await;
    let rename =
        page.attributes("href").into_iter().find(|href| href.ends_with("/rename")).expect("a passkey to rename");
    let page = citizen.browser.open(&rename).await;
    let page = citizen.browser.submit(&page, "/rename", &[("name", &POLYGLOT[..40])]).await;
    assert!(page.status == 200 && !is_live(&page.body), "{} {:.500}", page.status, page.body);
    assert!(!is_live(&citizen.browser.open("/account/sessions").await.body));
    assert!(!is_live(&citizen.browser.open("/logout").await.body));
    // A browser that names itself so.
    let odd = Browser::new(site);
    let page = odd.send(odd.request(Method::GET, "/signin").header(header::USER_AGENT, POLYGLOT)).await;
    assert!(page.status < 500);
}

/// Whether `word` stands in `text` on its own, and not as the microseconds of a log line.
fn stands_in(text: &str, word: &str) -> Option<String> {
    let own = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    text.match_indices(word).find_map(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        let number = before.ends_with("micros\":") || before.ends_with("micros=");
        let alone = own(before.chars().last()) && own(after.chars().next());
        (alone && !number).then(|| text[text.floor_char_boundary(at.saturating_sub(200))..at].to_owned())
    })
}

async fn k5_secrets_and_people_are_in_no_log_nor_metric(site: &Site) {
    let party = Party::register(site, Shape::Basic, |_| {});
    let mut canaries: Vec<(&str, String)> = vec![("client secret", party.secret.clone())];
    // An account with a password, signed in by password and printed code, and by SMS.
    let citizen = Citizen::with_password(site).await;
    let person = citizen.person.clone();
    canaries.extend([
        ("number", person.number.clone()),
        ("phone", person.phone.clone()),
        ("phone in E.164", format!("+84{}", &person.phone[1..])),
        ("phone digits", person.phone[1..].to_owned()),
        ("name", person.full_name.clone()),
        ("password", citizen.password.clone().unwrap()),
    ]);
    for code in citizen.codes.lock().unwrap().iter() {
        canaries.push(("printed code", code.clone()));
    }
    let ask = party.ask("openid profile levels offline_access").with("login_hint", &person.number);
    let answer = citizen.authorize(site, &ask, Way::PasswordAndRecovery).await;
    let code = answer.code();
    let tokens = party.redeem(&ask, &code).await.ok();
    party.userinfo(&tokens.text("access_token")).await.ok();
    let refreshed = party.refresh(&tokens.text("refresh_token")).await.ok();
    let part = |token: String| token.rsplit('.').next().unwrap().to_owned();
    canaries.extend([
        ("code", code.clone()),
        ("verifier", ask.verifier.clone()),
        ("state", ask.get("state").to_owned()),
        ("nonce", ask.get("nonce").to_owned()),
        ("session cookie", citizen.browser.session().unwrap()),
        ("access token", part(tokens.text("access_token"))),
        ("ID token", part(tokens.text("id_token"))),
        ("refresh token", tokens.text("refresh_token")),
        ("second refresh token", refreshed.text("refresh_token")),
    ]);
    for name in citizen.browser.cookie_names().iter().filter(|name| name.starts_with("__Host-flow-")) {
        canaries.push(("flow cookie", citizen.browser.cookie(name).unwrap()));
    }
    // Everything once more, wrongly.
    let wrong = "MatKhauSaiBiMat-7781";
    canaries.push(("wrong password", wrong.to_owned()));
    party.redeem(&ask, &code).await;
    party.refresh("refresh-canary-4471").await;
    canaries.push(("wrong refresh token", "refresh-canary-4471".to_owned()));
    party.userinfo("access-canary-4472").await;
    canaries.push(("wrong access token", "access-canary-4472".to_owned()));
    let query = form(&[
        ("client_id", "client-canary"),
        ("redirect_uri", "https://canary-4473.example/x"),
        ("state", "canary-4474"),
    ]);
    citizen.browser.get(&format!("/authorize?{query}")).await;
    canaries.extend([("address of a query", "canary-4473".to_owned()), ("state of a query", "canary-4474".to_owned())]);
    citizen.browser.get(&format!("/no-such-page/{}?number={}", person.number, person.number)).await;
    citizen.browser.get(&format!("/signin/{}", person.number)).await;
    let stranger = Browser::new(site);
    let page = stranger.open("/signin").await;
    let page = stranger.submit(&page, &flow_of(&page.url), &[("identifier", &person.number)]).await;
    let sent = stranger.submit(&page, "/method", &[("method", "sms")]).await;
    let sms = site.code_for(&person.phone, 1).await;
    canaries.push(("SMS code", sms.clone()));
    stranger.submit(&sent, "/code", &[("code", "999999")]).await;
    let page = stranger.submit(&page, "/method", &[("method", "password")]).await;
    stranger.submit(&page, "/password", &[("password", wrong)]).await;
    stranger.submit(&sent, "/code", &[("code", &sms)]).await;
    let mut claims = person.clone();
    claims.full_name = "Canary Nguoi Khac".to_owned();
    canaries.push(("claimed name", claims.full_name.clone()));
    let page = stranger.open("/create").await;
    let page = stranger.get(&format!("{}/number", flow_of(&page.url))).await;
    let page = stranger.submit(&page, "/number", &[("personal_number", &claims.number)]).await;
    let [day, month, year] = &claims.birth;
    let fields = [("full_name", &*claims.full_name), ("birth_day", day), ("birth_month", month), ("birth_year", year)];
    stranger.submit(&page, "/name", &fields).await;

    let logs = site.logs();
    assert!(logs.len() > 1000, "nothing is logged: this test would find nothing");
    let metrics = citizen.browser.get("/metrics").await;
    assert_eq!(metrics.status, 200, "no metrics to look at");
    assert!(metrics.body.contains("http_requests_total"), "{:.500}", metrics.body);
    for (what, canary) in &canaries {
        for (place, text) in [("the log", &logs), ("the metrics", &metrics.body)] {
            if let Some(before) = stands_in(text, canary) {
                panic!("K5: {what} stands in {place} after: …{before}");
            }
        }
    }
    assert!(stands_in("a code 123456 here", "123456").is_some(), "the search finds nothing");
}

async fn k6_one_request_is_one_line(site: &Site) {
    let browser = Browser::new(site);
    let before = site.logs().len();
    for poison in ["%0a%7B%22level%22%3A%22FORGED%22%7D", "%1b%5b31mFORGED", "FORGED%00", "%e2%80%a8FORGED"] {
        browser.get(&format!("/no-such-page/{poison}")).await;
        browser.get(&format!("/authorize?client_id={poison}")).await;
        browser.get(&format!("/signin?lang={poison}")).await;
        let agent = "Mozilla FORGED \u{7f}";
        let request = browser.request(Method::GET, "/signin");
        browser
            .send(request.header(
                header::USER_AGENT,
                header::HeaderValue::from_bytes(agent.as_bytes().split_last().unwrap().1).unwrap(),
            ))
            .await;
    }
    let logs = site.logs();
    assert!(logs.len() > before, "nothing was logged");
    for line in logs.lines().filter(|line| line.contains("FORGED")) {
        assert!(!line.trim_start().starts_with("{\"level\":\"FORGED\"") && !line.starts_with("FORGED"), "{line}");
    }
    assert!(!logs.contains('\u{1b}'), "terminal control codes in the log");
}
