//! E5, I5: off is off. Whoever is switched off (client, person) × every door.

use crate::kit::{Browser, HOA, House, Portal};
use dinhdanh::flow::client_registration::{self, Registering};
use dinhdanh::identity::PersonStatus;
use dinhdanh::store;
use dinhdanh::store::client::ClientStatus;
use serde_json::{Value, json};

/// What a portal and its person hold while all is well.
struct Held {
    house: House,
    portal: Portal,
    resource: Portal,
    browser: Browser,
    code: String,
    tokens: Value,
}

async fn held() -> Held {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await.asking("openid offline_access");
    let resource = Portal::new(&house, "portal-b").await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    let tokens = portal.tokens(&house, &answer).await;
    let code = portal.ask(&mut browser, &[]).await.code();
    Held { house, portal, resource, browser, code, tokens }
}

impl Held {
    async fn set_person(&self, status: PersonStatus) {
        let who = self.house.person(&HOA).await.unwrap().id;
        let now = dinhdanh::base::Clock::now(&*self.house.clock);
        let mut tx = self.house.services.db.begin().await.unwrap();
        assert!(store::person::update_status(&mut tx, who, status, Some("test"), now).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn set_client(&self, status: ClientStatus) {
        let now = dinhdanh::base::Clock::now(&*self.house.clock);
        let mut tx = self.house.services.db.begin().await.unwrap();
        assert!(store::client::set_status(&mut tx, &self.portal.id, status, now).await.unwrap());
        tx.commit().await.unwrap();
        self.house.services.clients.forget(&self.portal.id).await;
    }

    async fn tokens_are_dead(&self) {
        let (house, portal) = (&self.house, &self.portal);
        let access = &self.tokens["access_token"];
        assert_eq!(portal.userinfo(house, access).await.0, 401, "userinfo");
        for token in [access, &self.tokens["refresh_token"]] {
            assert!(!portal.is_active(house, token).await, "introspection");
        }
        let (status, body) = portal.redeem(house, &self.code).await;
        assert!(status == 400 || status == 401, "authorization_code: {body}");
        let (status, body) = portal.refresh(house, &self.tokens["refresh_token"], None).await;
        assert!(status == 400 || status == 401, "refresh_token: {body}");
    }
}

#[tokio::test]
async fn e5_a_locked_or_closed_person_is_off_at_every_door() {
    for status in [PersonStatus::Locked, PersonStatus::Closed] {
        let mut held = held().await;
        assert_eq!(held.portal.userinfo(&held.house, &held.tokens["access_token"]).await.0, 200);
        held.set_person(status).await;
        held.tokens_are_dead().await;
        held.portal.ask(&mut held.browser, &[]).await.asks_who();
        assert_eq!(held.portal.ask(&mut held.browser, &[("prompt", "none")]).await.error(), "login_required");
        held.browser.open("/account").await.asks_who();
        // Nor does a new sign-in work: no code is sent.
        let sent = held.house.texts_to(HOA.phone).await.len();
        held.house.after(crate::kit::minutes(2));
        let page = held.portal.ask(&mut held.browser, &[("prompt", "login")]).await;
        held.house.ask_code(&mut held.browser, &page, &HOA).await.at("/code");
        assert_eq!(held.house.texts_to(HOA.phone).await.len(), sent);
        // I2: what was refused meanwhile stays dead when the person comes back.
        held.set_person(PersonStatus::Active).await;
        let (status, body) = held.portal.redeem(&held.house, &held.code).await;
        assert_eq!(status, 400, "{body}");
    }
}

#[tokio::test]
async fn e9_a_lock_between_the_answer_and_the_exchange_counts() {
    let held = held().await;
    held.set_person(PersonStatus::Locked).await;
    let (status, body) = held.portal.redeem(&held.house, &held.code).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")), "{body}");
}

#[tokio::test]
async fn e5_a_locked_person_cannot_finish_what_was_begun() {
    let mut held = held().await;
    held.house.after(crate::kit::minutes(2));
    let mut browser = held.house.browser();
    let page = held.portal.ask(&mut browser, &[]).await;
    let page = held.house.ask_code(&mut browser, &page, &HOA).await;
    let code = held.house.code_for(&HOA).await;
    held.set_person(PersonStatus::Locked).await;
    browser.submit(&page, "/code", &[("code", &code)]).await.is(422);
    assert!(browser.session().is_none());
    // A page of single sign-on that was open goes no further either.
    held.set_person(PersonStatus::Active).await;
    let page = held.resource.ask(&mut held.browser, &[]).await;
    page.at("/continue");
    held.set_person(PersonStatus::Locked).await;
    let stopped = held.browser.submit(&page, "/continue", &[("action", "continue")]).await;
    stopped.asks_who();
}

#[tokio::test]
async fn e5_a_client_switched_off_is_off_at_every_door() {
    for by_command in [true, false] {
        let mut held = held().await;
        let (status, own) =
            held.portal.call(&held.house, "/token", &[("grant_type", "client_credentials"), ("scope", "report")]).await;
        assert_eq!(status, 200, "{own}");
        if by_command {
            let registering = Registering {
                db: &held.house.services.db,
                now: dinhdanh::base::Clock::now(&*held.house.clock),
                entropy: &*held.house.services.entropy,
                policy: dinhdanh::flow::metadata::registration_policy(&held.house.services.config),
                sealer: None,
                secret_lifetime: None,
            };
            assert!(client_registration::disable(&registering, &held.portal.id).await.unwrap());
            held.house.services.clients.forget(&held.portal.id).await;
        } else {
            held.set_client(ClientStatus::Disabled).await;
        }
        held.tokens_are_dead().await;
        let fields = [("grant_type", "client_credentials"), ("scope", "report")];
        let (status, body) = held.portal.call(&held.house, "/token", &fields).await;
        assert_eq!((status, &body["error"]), (401, &json!("invalid_client")), "{body}");
        assert_eq!(held.portal.userinfo(&held.house, &own["access_token"]).await.0, 401);
        let token = own["access_token"].as_str().unwrap();
        let (_, answer) = held.portal.call(&held.house, "/introspect", &[("token", token)]).await;
        assert_ne!(answer["active"], json!(true));
        let page = held.portal.ask(&mut held.browser, &[]).await;
        page.is(400).has("This portal is paused");
        assert!(page.location().is_none());
        // Others are not touched.
        held.resource.ask(&mut held.browser, &[]).await.at("/continue");
    }
}

#[tokio::test]
async fn e5_a_scope_taken_from_the_client_is_not_renewed() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "portal-a").await.asking("openid levels offline_access");
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let answer = house.sign_in(&mut browser, &page, &HOA).await;
    let tokens = portal.tokens(&house, &answer).await;
    Portal::with(&house, "portal-a", json!({ "scope": "openid offline_access" })).await;
    let (status, next) = portal.refresh(&house, &tokens["refresh_token"], None).await;
    assert_eq!((status, &next["scope"]), (200, &json!("offline_access openid")), "{next}");
}
