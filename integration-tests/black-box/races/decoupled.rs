//! What devices and CIBA clients hold, and the decision about it.

use super::proofs::no_pauses;
use super::{RACERS, Rounds, round};
use crate::harness::{Answer, Browser, Citizen, Outcome, Page, Party, Shape, Site, Way, flow_of};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CIBA: &str = "urn:openid:params:grant-type:ciba";

fn of_poll(answer: &Answer) -> Outcome {
    match answer.status {
        200 => Outcome::Won,
        400 if answer.error() == "invalid_grant" => Outcome::Lost("invalid_grant".to_owned()),
        _ => Outcome::Unknown(format!("{} {}", answer.status, answer.page.body)),
    }
}

fn register(site: &Site) -> Party {
    Party::register(site, Shape::Basic, |metadata| {
        metadata["grant_types"] = serde_json::json!(["authorization_code", "refresh_token", DEVICE, CIBA]);
        metadata["backchannel_token_delivery_mode"] = "poll".into();
    })
}

/// From the page that says who asks to the decision.
async fn to_decision(site: &Site, citizen: &Citizen, page: &Page) -> Page {
    let page = citizen.browser.submit(page, "/asked", &[("answer", "no")]).await;
    let page = citizen.walk(site, page, Way::Passkey).await;
    assert!(page.url.path().ends_with("/decide"), "{} {:.500}", page.url, page.body);
    page
}

/// A device's request, typed in and read: its code, and the page of the decision.
async fn device(site: &Site, citizen: &Citizen, party: &Party) -> (String, Page) {
    let asked = party.post("/device_authorization", &[("scope", "openid")]).await.ok();
    let page = citizen.browser.open("/device").await;
    let page = citizen.browser.submit(&page, "/device", &[("user_code", &asked.text("user_code"))]).await;
    assert!(page.url.path().ends_with("/asked"), "{} {:.500}", page.url, page.body);
    (asked.text("device_code"), to_decision(site, citizen, &page).await)
}

async fn redeemed(party: &Party, what: &str, number: usize, fields: &[(&str, &str)]) {
    let tokens = std::sync::Mutex::new(Vec::new());
    let call = || async {
        let answer = party.post("/token", fields).await;
        tokens.lock().unwrap().extend(answer.json["access_token"].as_str().map(str::to_owned));
        of_poll(&answer)
    };
    round(what, number, (0..RACERS).map(|_| call())).await;
    let token = tokens.into_inner().unwrap().pop().unwrap();
    assert!(!party.is_active(&token).await, "round {number}: a token of what was redeemed again lives");
}

pub async fn q1_device_code(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::new(site).await;
    let party = register(site);
    for number in rounds {
        let (code, page) = device(site, &citizen, &party).await;
        let page = citizen.browser.submit(&page, "/decide", &[("action", "allow")]).await;
        assert!(page.url.query() == Some("result=allowed"), "{} {:.500}", page.url, page.body);
        redeemed(&party, "device code", number, &[("grant_type", DEVICE), ("device_code", &code)]).await;
    }
}

/// Of many who press "allow" for one code, one lets the device in; the others hear that it is over.
pub async fn q1_device_approval(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::new(site).await;
    let party = register(site);
    let db = site.database().await;
    for number in rounds {
        let (code, page) = device(site, &citizen, &party).await;
        let flow = flow_of(&page.url);
        let racers: Vec<Browser> = (0..RACERS).map(|_| citizen.browser.frozen()).collect();
        let csrf = page.csrf();
        let (to, next) = (format!("{flow}/decide"), format!("{flow}/next"));
        citizen.browser.post(&to, &[("csrf", &csrf), ("action", "allow")]).await;
        let calls = racers.iter().map(async |racer| {
            let page = racer.get(&next).await;
            match (page.status, page.header("location")) {
                (303, "/device/done?result=allowed") => Outcome::Won,
                (303, "/device/done?result=over") | (410, _) | (404, _) => Outcome::Lost("over".to_owned()),
                (other, to) => Outcome::Unknown(format!("{other} {to} {:.300}", page.body)),
            }
        });
        round("approval of a device", number, calls).await;
        let digest = dinhdanh::base::sha256(code.as_bytes());
        let grants = db.query("SELECT COUNT(*) FROM authorization_grant WHERE code_digest = $1").bind(digest);
        let grants: i64 = grants.scalar().await.unwrap();
        assert_eq!(grants, 1, "round {number}");
        let answer = party.post("/token", &[("grant_type", DEVICE), ("device_code", &code)]).await;
        assert_eq!(answer.status, 200, "round {number}: {}", answer.page.body);
    }
}

pub async fn ciba_auth_req_id(site: &'static Site, rounds: &mut Rounds) {
    let citizen = Citizen::new(site).await;
    let party = register(site);
    citizen.open_account(site, Way::Passkey).await;
    let db = site.database().await;
    for number in rounds {
        no_pauses(&db).await;
        let fields = [("scope", "openid"), ("login_hint", citizen.person.number.as_str()), ("binding_message", "1")];
        let id = party.post("/backchannel_authentication", &fields).await.ok().text("auth_req_id");
        let page = citizen.browser.open("/account/requests").await;
        let form = page.forms().into_iter().find(|form| form.action.contains("/account/requests/")).expect("a request");
        let page = citizen.browser.submit(&page, &form.action, &[("action", "answer")]).await;
        let page = to_decision(site, &citizen, &page).await;
        let page = citizen.browser.submit(&page, "/decide", &[("action", "allow")]).await;
        assert!(page.url.query() == Some("done=request-allowed"), "{} {:.500}", page.url, page.body);
        redeemed(&party, "auth_req_id", number, &[("grant_type", CIBA), ("auth_req_id", &id)]).await;
    }
}
