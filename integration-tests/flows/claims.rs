//! The `claims` parameter in full (OpenID Connect Core 5.2, 5.5), and the token in a form (RFC 6750 2.2).

use crate::kit::{HOA, House, Portal, claims_of, minutes};
use axum::http::Method;
use serde_json::{Value, json};

fn sharing() -> Value {
    json!({ "sharing": {
        "claims": ["name", "birthdate", "gender"], "purpose": { "vi": "Đặt lịch khám", "en": "To book appointments" },
        "legal_basis": "Luật thử nghiệm", "basis_kind": "law", "term_days": 365,
    }})
}

#[tokio::test]
async fn core_5_5_claims_are_answered_as_they_were_asked_for() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::with(&house, "clinic", sharing()).await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[("scope", "openid profile")]).await;
    let page = house.sign_in(&mut browser, &page, &HOA).await;
    browser.submit(&page, "/consent", &[("action", "accept")]).await.code();
    let cases: [(&str, &str, &[&str], &[&str]); 8] = [
        (
            r##"{"id_token":{"name#vi":null},"userinfo":{"name#vi-Latn":null}}"##,
            "openid",
            &["name#vi"],
            &["name#vi-Latn"],
        ),
        (r##"{"id_token":{"name#en":null},"userinfo":{"name#vi-Hani":{"essential":true}}}"##, "openid", &[], &[]),
        (
            r#"{"id_token":{"gender":{"value":"female"}},"userinfo":{"gender":{"value":"male"}}}"#,
            "openid",
            &["gender"],
            &[],
        ),
        (
            r#"{"userinfo":{"birthdate":{"values":["1988-03-27","1988-03-28"],"essential":true}}}"#,
            "openid",
            &[],
            &["birthdate"],
        ),
        (r#"{"userinfo":{"name":{"value":"Somebody Else"}}}"#, "openid profile", &[], &["birthdate", "gender", "name"]),
        (r##"{"userinfo":{"name#vi":null}}"##, "openid profile", &[], &["birthdate", "gender", "name", "name#vi"]),
        (r#"{"id_token":{"nickname":{"essential":true},"x y":null},"userinfo":{"iss":null}}"#, "openid", &[], &[]),
        (r#"{"userinfo":{"name":{"other":1,"essential":false}}}"#, "openid", &[], &["name"]),
    ];
    for (asked, scope, id_token, userinfo) in cases {
        let over = [("claims", asked), ("scope", scope), ("claims_locales", "en fr")];
        let tokens = portal.tokens(&house, &portal.ask(&mut browser, &over).await).await;
        let about = |answer: &Value| -> Vec<String> {
            let person = ["name", "birthdate", "gender", "nickname"];
            let is = |name: &&String| person.iter().any(|claim| name.split('#').next() == Some(claim));
            let mut named: Vec<String> = answer.as_object().unwrap().keys().filter(is).cloned().collect();
            named.sort_unstable();
            named
        };
        assert_eq!(about(&claims_of(&tokens["id_token"])), id_token, "{asked}");
        let answer = portal.userinfo(&house, &tokens["access_token"]).await.1;
        assert_eq!(about(&answer), userinfo, "{asked}");
        for (name, value) in answer.as_object().unwrap() {
            assert!(!name.starts_with("name") || value == HOA.name, "{asked}: the one spelling there is");
        }
    }
}

#[tokio::test]
async fn rfc6750_2_2_userinfo_takes_the_token_of_a_form() {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::new(&house, "clinic").await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let tokens = portal.tokens(&house, &house.sign_in(&mut browser, &page, &HOA).await).await;
    let access = tokens["access_token"].as_str().unwrap();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let (body, bearer) = (format!("access_token={access}"), format!("Bearer {access}"));
    let header = ("authorization", bearer.as_str());
    house.after(minutes(1));
    for (headers, body, status) in [
        (vec![form], body.as_str(), 200),
        (vec![form, header], "", 200),
        (vec![header], "", 200),
        (vec![("content-type", "application/json"), header], "{}", 200),
        (vec![form, header], &body, 400),
        (vec![("content-type", "text/plain")], &body, 401),
        (vec![], &body, 401),
        (vec![form], "", 401),
        (vec![form], "access_token=x&access_token=x", 400),
        (vec![form], "access_token=x%20y", 400),
        (vec![form], "access_token=x.y", 401),
        (vec![form], &body.replace("access_token", "token"), 401),
    ] {
        let page = house.browser().request(Method::POST, "/userinfo", &headers, body).await;
        assert_eq!(page.status.as_u16(), status, "{headers:?} {body:.30}: {}", page.body);
    }
    // An address is no place for a token (E8), nor is the body of a GET.
    let address = format!("/userinfo?access_token={access}");
    assert_eq!(house.browser().fetch(&address).await.status.as_u16(), 401);
    assert_eq!(house.browser().request(Method::POST, &address, &[form], "").await.status.as_u16(), 401);
    assert_eq!(house.browser().request(Method::GET, "/userinfo", &[form], &body).await.status.as_u16(), 401);
}
