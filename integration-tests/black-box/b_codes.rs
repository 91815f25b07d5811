//! B: what counts only once, and who it belongs to.

use crate::harness::{Browser, Citizen, Party, Shape, Site, Way, flow_of, landing};
use futures_util::future::join_all;

on_both_stores!(
    b1_a_code_belongs_to_its_client_address_and_verifier,
    b3_a_code_used_twice_ends_what_it_gave,
    b4_of_many_redemptions_at_once_one_wins,
    b6_what_the_browser_holds_decides_nothing,
);

async fn b1_a_code_belongs_to_its_client_address_and_verifier(site: &Site) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |metadata| {
        metadata["redirect_uris"].as_array_mut().unwrap().push("https://second.example/cb".into());
        metadata["sector_identifier_uri"] = "https://second.example/s".into();
    });
    let other = Party::register(site, Shape::Basic, |_| {});
    let public = Party::register(site, Shape::Public, |_| {});
    let verifier = crate::harness::random();
    for kind in ["client", "public client", "address", "no address", "verifier", "no verifier"] {
        let ask = party.ask("openid offline_access");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let mut fields = party.redemption(&ask, &code);
        let answer = match kind {
            "client" => other.post("/token", &fields).await,
            "public client" => public.post("/token", &fields).await,
            "address" => {
                fields[2].1 = "https://second.example/cb";
                party.post("/token", &fields).await
            }
            "no address" => {
                fields.remove(2);
                party.post("/token", &fields).await
            }
            "verifier" => {
                fields[3].1 = &verifier;
                party.post("/token", &fields).await
            }
            _ => {
                fields.remove(3);
                party.post("/token", &fields).await
            }
        };
        assert_eq!(answer.status, 400, "{kind}: {}", answer.page.body);
        assert!(["invalid_grant", "invalid_request"].contains(&answer.error()), "{kind}: {}", answer.page.body);
        assert!(answer.json.get("access_token").is_none());
        if answer.error() == "invalid_grant" {
            let again = party.redeem(&ask, &code).await;
            assert_eq!(again.error(), "invalid_grant", "{kind}: the code outlived a theft: {}", again.page.body);
        }
    }
    // Refresh tokens likewise: another client gets nothing by one.
    let ask = party.ask("openid offline_access");
    let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
    let tokens = party.redeem(&ask, &code).await.ok();
    other.refresh(&tokens.text("refresh_token")).await.refused("invalid_grant");
    public.refresh(&tokens.text("refresh_token")).await.refused("invalid_grant");
    // A scope wider than granted is refused and costs nothing.
    let narrow = party.ask("openid offline_access");
    let code = citizen.authorize(site, &narrow, Way::Passkey).await.code();
    let tokens = party.redeem(&narrow, &code).await.ok();
    let refresh = tokens.text("refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &*refresh), ("scope", "openid profile levels")];
    party.post("/token", &fields).await.refused("invalid_scope");
    party.refresh(&refresh).await.ok();
}

async fn b3_a_code_used_twice_ends_what_it_gave(site: &Site) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    let ask = party.ask("openid offline_access");
    let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
    let first = party.redeem(&ask, &code).await.ok();
    assert!(party.is_active(&first.text("access_token")).await);
    assert!(party.is_active(&first.text("refresh_token")).await);
    party.redeem(&ask, &code).await.refused("invalid_grant");
    for token in ["access_token", "refresh_token"] {
        assert!(!party.is_active(&first.text(token)).await, "{token} lives on after its code was replayed");
    }
    assert_eq!(party.userinfo(&first.text("access_token")).await.status, 401);
    party.refresh(&first.text("refresh_token")).await.refused("invalid_grant");
    // A code of nobody.
    for code in [crate::harness::random(), String::new(), "x".repeat(5000)] {
        let answer = party.redeem(&ask, &code).await;
        assert_eq!(answer.status, 400, "{}", answer.page.body);
    }
}

const ROUNDS: usize = 20;
const RACERS: usize = 32;

async fn b4_of_many_redemptions_at_once_one_wins(site: &Site) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    citizen.authorize(site, &party.ask("openid"), Way::Passkey).await;
    for round in 0..ROUNDS {
        let ask = party.ask("openid");
        let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
        let fields = party.redemption(&ask, &code);
        let answers = join_all((0..RACERS).map(|_| party.post("/token", &fields))).await;
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(won.len(), 1, "round {round}: {:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
        for lost in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(lost.error(), "invalid_grant", "round {round}: {} {}", lost.status, lost.page.body);
        }
        let token = won[0].text("access_token");
        assert!(!party.is_active(&token).await, "round {round}: a token of a replayed code lives");
    }
}

async fn b6_what_the_browser_holds_decides_nothing(site: &Site) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |metadata| metadata["scope"] = "openid".into());
    let page = citizen.browser.open(&party.ask("openid").target()).await;
    let flow = flow_of(&page.url);
    let good = page.csrf();

    // Another token, none, that of another flow.
    let other_browser = Browser::new(site);
    let other_page = other_browser.open("/signin").await;
    for token in ["", "x", &other_page.csrf(), &good[..42]] {
        let answer = citizen.browser.post(&flow, &[("csrf", token), ("identifier", "1")]).await;
        assert_eq!(answer.status, 403, "a form with a wrong token: {:.300}", answer.body);
    }
    // Another cookie, none.
    let name = format!("__Host-flow-{}", flow.rsplit('/').next().unwrap());
    let kept = citizen.browser.cookie(&name).expect("the flow's cookie");
    for wrong in ["", "x", &other_browser.cookie(&other_browser.cookie_names()[0]).unwrap()] {
        let thief = citizen.browser.copy();
        thief.set_cookie(&name, wrong);
        assert_eq!(thief.get(&flow).await.status, 403, "a flow opened with a wrong cookie");
        let answer = thief.post(&flow, &[("csrf", &good), ("identifier", "1")]).await;
        assert_eq!(answer.status, 403);
    }
    assert_eq!(citizen.browser.cookie(&name), Some(kept));
    // Other handles.
    for handle in ["00000000000000000000000000000000", "x", "..%2f..", "0000000000000000000000000000000G"] {
        let answer = citizen.browser.get(&format!("/signin/{handle}")).await;
        assert!((400..500).contains(&answer.status), "{handle}: {}", answer.status);
    }
    // What the request said is remembered here: fields of the same names change nothing.
    let mut fields = vec![("csrf", good.as_str()), ("identifier", citizen.person.number.as_str())];
    let injected = [
        ("client_id", "other"),
        ("redirect_uri", "https://evil.example/cb"),
        ("scope", "openid profile"),
        ("response_type", "token"),
        ("person", "1"),
        ("level", "4"),
        ("flow", "x"),
    ];
    fields.extend(injected);
    let answer = citizen
        .browser
        .post(&format!("{flow}?redirect_uri=https://evil.example/cb&scope=openid+profile"), &fields)
        .await;
    assert_eq!(answer.status, 303, "{:.300}", answer.body);
    // And nothing is signed in by words alone.
    for step in ["next", "continue", "consent", "offer-passkey", "step-up"] {
        let page = citizen.browser.open(&format!("{flow}/{step}")).await;
        assert!(landing(&page).is_none(), "P1: {step} gave an answer without a sign-in");
        let answer = citizen.browser.post(&format!("{flow}/{step}"), &[("csrf", &good), ("action", "accept")]).await;
        let answer = if answer.status == 303 { citizen.browser.follow(answer).await } else { answer };
        assert!(landing(&answer).is_none(), "P1: posting {step} gave an answer without a sign-in");
    }
    let page = citizen.browser.open(&flow).await;
    let page = citizen.walk(site, page, Way::Passkey).await;
    let answer = landing(&page).expect("an answer");
    assert_eq!(answer.at, party.redirect);
    // The flow answered: it does so once.
    let page = citizen.browser.open(&format!("{flow}/next")).await;
    assert!(landing(&page).is_none(), "a flow answered twice");
}
