//! E: refresh tokens, revocation, and whoever was switched off.

use crate::harness::{Browser, Citizen, Options, Party, Shape, Site, Store, Way, eventually, landing};
use futures_util::future::join_all;

on_both_stores!(
    e1_of_many_refreshes_at_once_one_wins_and_reuse_ends_the_family,
    e4_after_a_revocation_nothing_of_the_family_lives,
    e5_a_disabled_client_gets_nothing_anywhere,
    e5_tokens_of_a_session_end_with_it,
    e5_a_frozen_person_gets_in_by_no_door,
);
on_both_stores!(alone: e2_a_restart_forgets_no_rotation, t5_expiry_is_judged_at_use);

/// A citizen's tokens at a portal, refresh token included.
async fn tokens(site: &Site, citizen: &Citizen, party: &Party) -> crate::harness::Answer {
    let ask = party.ask("openid levels offline_access");
    let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
    party.redeem(&ask, &code).await.ok()
}

async fn e1_of_many_refreshes_at_once_one_wins_and_reuse_ends_the_family(site: &Site) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    for round in 0..8 {
        let first = tokens(site, &citizen, &party).await;
        let old = first.text("refresh_token");
        let answers = join_all((0..32).map(|_| party.refresh(&old))).await;
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(won.len(), 1, "round {round}: {:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
        for lost in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(lost.error(), "invalid_grant", "round {round}: {} {}", lost.status, lost.page.body);
        }
        // The others were reuse: the family is dead, the winner's pair with it.
        party.refresh(&won[0].text("refresh_token")).await.refused("invalid_grant");
        for token in [first.text("access_token"), won[0].text("access_token")] {
            assert!(!party.is_active(&token).await, "round {round}: a token outlived its family");
            assert_eq!(party.userinfo(&token).await.status, 401);
        }
    }
    // One after another: rotation, then the old one is replayed.
    let first = tokens(site, &citizen, &party).await;
    let second = party.refresh(&first.text("refresh_token")).await.ok();
    let third = party.refresh(&second.text("refresh_token")).await.ok();
    party.refresh(&first.text("refresh_token")).await.refused("invalid_grant");
    party.refresh(&third.text("refresh_token")).await.refused("invalid_grant");
    // Another family of the same person and client goes on.
    let other = tokens(site, &citizen, &party).await;
    party.refresh(&other.text("refresh_token")).await.ok();
}

async fn e4_after_a_revocation_nothing_of_the_family_lives(site: &Site) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    for round in 0..20 {
        let first = tokens(site, &citizen, &party).await;
        let refresh = first.text("refresh_token");
        // Alternately by the refresh token and by the access token.
        let revoked = if round % 2 == 0 { refresh.clone() } else { first.text("access_token") };
        let (refreshed, revocation) = tokio::join!(party.refresh(&refresh), party.revoke(&revoked));
        assert_eq!(revocation.status, 200, "round {round}: {}", revocation.page.body);
        let mut left = vec![first.text("access_token")];
        if refreshed.status == 200 {
            left.push(refreshed.text("access_token"));
            left.push(refreshed.text("refresh_token"));
            party.refresh(&refreshed.text("refresh_token")).await.refused("invalid_grant");
        } else {
            assert_eq!(refreshed.error(), "invalid_grant", "round {round}: {}", refreshed.page.body);
        }
        for token in left {
            assert!(!party.is_active(&token).await, "round {round}: lives after its revocation was acknowledged");
        }
        party.refresh(&refresh).await.refused("invalid_grant");
    }
}

async fn e5_a_disabled_client_gets_nothing_anywhere(site: &Site) {
    let citizen = Citizen::new(site).await;
    for shape in [Shape::Basic, Shape::Assertion, Shape::Public] {
        let party = Party::register(site, shape, |metadata| {
            if shape != Shape::Public {
                metadata["grant_types"].as_array_mut().unwrap().push("client_credentials".into());
            }
        });
        let held = tokens(site, &citizen, &party).await;
        let pending = party.ask("openid");
        let code = citizen.authorize(site, &pending, Way::Passkey).await.code();
        let waiting = Browser::new(site);
        let page = waiting.open(&party.ask("openid").target()).await;
        let flow = crate::harness::flow_of(&page.url);

        site.disable_client(&party.id);
        // Both processes notice on their own; then nothing is served any more.
        let access = held.text("access_token");
        for _ in 0..2 {
            eventually("the client is known to be disabled", || async {
                (party.refresh("x").await.error() == "invalid_client").then_some(())
            })
            .await;
        }
        for _ in 0..2 {
            assert_eq!(party.userinfo(&access).await.status, 401, "{shape:?}: userinfo");
            party.refresh(&held.text("refresh_token")).await.refused("invalid_client");
            party.redeem(&pending, &code).await.refused("invalid_client");
            party.post("/introspect", &[("token", &access)]).await.refused("invalid_client");
            party.post("/revoke", &[("token", &access)]).await.refused("invalid_client");
            party.post("/token", &[("grant_type", "client_credentials")]).await.refused("invalid_client");
            for ask in [party.ask("openid"), party.ask("openid").with("prompt", "none")] {
                let page = citizen.browser.get(&ask.target()).await;
                assert_eq!((page.status, landing(&page).is_none()), (400, true), "{shape:?}: authorize");
            }
        }
        // A flow that was under way leads to no portal.
        let page = waiting.open(&format!("{flow}/next")).await;
        assert!(landing(&page).is_none(), "{shape:?}: a flow under way was answered");
        let query = [("client_id", party.id.as_str()), ("post_logout_redirect_uri", &party.post_logout)];
        let page = waiting.open(&format!("/logout?{}", crate::harness::form(&query))).await;
        assert!(landing(&page).is_none(), "{shape:?}: sign-out led to a disabled client");
    }
}

async fn e5_tokens_of_a_session_end_with_it(site: &Site) {
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    let ask = party.ask("openid levels");
    let code = citizen.authorize(site, &ask, Way::Passkey).await.code();
    let held = party.redeem(&ask, &code).await.ok();
    let pending = party.ask("openid");
    let late = citizen.authorize(site, &pending, Way::Passkey).await.code();
    assert!(party.is_active(&held.text("access_token")).await);
    let page = citizen.open_account(site, Way::Passkey).await;
    citizen.browser.submit(&page, "/logout/all", &[("action", "all")]).await;
    assert_eq!(party.userinfo(&held.text("access_token")).await.status, 401, "the session is over");
    assert!(!party.is_active(&held.text("access_token")).await);
    // E9: what was approved before is not redeemed after.
    party.redeem(&pending, &late).await.refused("invalid_grant");
}

async fn e5_a_frozen_person_gets_in_by_no_door(site: &Site) {
    let frozen = site.demo_person("lan");
    let before = site.codes_for(&frozen.phone).await.len();
    for method in ["sms", "password", "totp", "recovery"] {
        let browser = Browser::new(site);
        let page = browser.open("/signin").await;
        let flow = crate::harness::flow_of(&page.url);
        let page = browser.submit(&page, &flow, &[("identifier", &frozen.number)]).await;
        let page = browser.submit(&page, "/method", &[("method", method)]).await;
        let (form, field, value) = match method {
            "password" => ("/password", "password", "thử nghiệm lan 2026"),
            "recovery" => ("/recovery", "code", "ABCDE-FGHJK"),
            "totp" => ("/totp", "code", "123456"),
            _ => ("/code", "code", "123456"),
        };
        let page = browser.submit(&page, form, &[(field, value)]).await;
        assert!(!page.url.path().starts_with("/account"), "{method} let a frozen person in");
        assert!(!crate::harness::is_signed_in(&browser).await, "{method} let a frozen person in");
    }
    assert_eq!(site.codes_for(&frozen.phone).await.len(), before, "a code went to a frozen person's stolen phone");
}

async fn e2_a_restart_forgets_no_rotation(store: Store) {
    let site = &Site::start(store, Options::default()).await;
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    let first = tokens(site, &citizen, &party).await;
    let second = party.refresh(&first.text("refresh_token")).await.ok();
    let redeemed = party.ask("openid offline_access");
    let spent = citizen.authorize(site, &redeemed, Way::Passkey).await.code();
    let of_code = party.redeem(&redeemed, &spent).await.ok();
    let assertion = Party::register(site, Shape::Assertion, |_| {});
    let proof = assertion.assertion();
    let fields = crate::harness::assertion_fields(proof);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let mut ask = vec![("token", "x")];
    ask.extend(&fields);
    assert_eq!(assertion.post_bare("/introspect", &ask).await.status, 200);
    let keys = citizen.browser.json("/jwks").await;

    site.kill_and_restart();

    // The acknowledged is still true: tokens, session, keys.
    assert_eq!(citizen.browser.json("/jwks").await, keys, "keys changed over a restart");
    assert!(citizen.is_signed_in().await, "I3: the session was lost");
    assert!(party.is_active(&second.text("access_token")).await);
    // What was used before is used.
    party.redeem(&redeemed, &spent).await.refused("invalid_grant");
    assert!(!party.is_active(&of_code.text("access_token")).await);
    party.refresh(&first.text("refresh_token")).await.refused("invalid_grant");
    party.refresh(&second.text("refresh_token")).await.refused("invalid_grant");
    assert!(!party.is_active(&second.text("access_token")).await);
    let again = assertion.post_bare("/introspect", &ask).await;
    assert_eq!(again.status, 401, "F2: an assertion was accepted again after a restart: {}", again.page.body);
}

async fn t5_expiry_is_judged_at_use(store: Store) {
    let settings = [("DINHDANH_TOKENS__CODE_SECONDS", "10")];
    let env = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let site = &Site::start(store, Options { env, ..Options::default() }).await;
    let citizen = Citizen::new(site).await;
    let party = Party::register(site, Shape::Basic, |_| {});
    let ask = party.ask("openid");
    let early = citizen.authorize(site, &ask, Way::Passkey).await.code();
    party.redeem(&ask, &early).await.ok();
    let ask = party.ask("openid");
    let late = citizen.authorize(site, &ask, Way::Passkey).await.code();
    let made = crate::harness::now();
    eventually("the code's lifetime is over", || async { (crate::harness::now() > made + 11).then_some(()) }).await;
    // Nothing swept it: it is simply too old.
    party.redeem(&ask, &late).await.refused("invalid_grant");
}
