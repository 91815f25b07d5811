//! Samples of the demo, of help, and of the sample portal.

use super::samples::{HEALTH, HOA, NOW, PORTAL, frame, later, noticed, text, wrong};
use super::*;

pub(super) fn start_page() -> Vec<(&'static str, StartPage)> {
    let tile = |kind, micros| CheckTile { kind, ok: true, micros, cause: None, command: None };
    let page = |checks| StartPage {
        frame: frame("/"),
        version: text("0.1.0"),
        checks,
        portals: vec![(text(PORTAL), text("http://localhost:8101/")), (text(HEALTH), text("http://localhost:8102/"))],
        citizens: vec![
            TestCitizen {
                name: text(HOA),
                personal_number: text("001 188 012 345"),
                phone: text("0912 345 678"),
                birth_date: text("12/03/1988"),
                story: text("Tài khoản mức 2"),
                secrets: vec![(text("TOTP"), text("JBSWY3DPEHPK3PXP"))],
                use_href: text("http://localhost:8101/login?hint=001188012345"),
            },
            TestCitizen {
                name: text("H'Hen Niê Kdăm"),
                personal_number: text("066 192 000 111"),
                phone: text("0987 000 111"),
                birth_date: text("1992"),
                story: text("Tên có dấu phẩy trên"),
                secrets: Vec::new(),
                use_href: text("http://localhost:8101/login?hint=066192000111"),
            },
        ],
        issuer: text("http://localhost:8080"),
    };
    let well = vec![
        tile(CheckKind::Database, 412),
        tile(CheckKind::SigningKey, 95),
        tile(CheckKind::Clock, 1),
        tile(CheckKind::CodeSender, 2_300),
        tile(CheckKind::Discovery, 3_100),
        tile(CheckKind::Register, 8_200),
        tile(CheckKind::SignIn, 1_340_000),
    ];
    let mut broken = well.clone();
    if let Some(last) = broken.last_mut() {
        last.ok = false;
        last.cause = Some(text("Bộ mô phỏng cơ sở dữ liệu không trả lời."));
        last.command = Some(text("dinhdanh doctor"));
    }
    vec![("all-well", page(well)), ("one-broken", page(broken))]
}

pub(super) fn test_inbox() -> Vec<(&'static str, TestInbox)> {
    let sms = InboxMessage {
        kind: MessageKind::Sms,
        recipient: text("0912 345 678"),
        body: messages::sign_in_sms(Locale::Vi, "Cong DVC Binh Minh", "dinhdanh.example", "123456"),
        code: Some(text("123456")),
        at: NOW,
    };
    let call = InboxMessage {
        kind: MessageKind::Voice,
        body: messages::code_call(Locale::Vi, "123456"),
        at: later(-2),
        ..sms.clone()
    };
    let mail =
        InboxMessage { kind: MessageKind::Email, body: text("<b>x</b>"), code: None, at: later(-9), ..sms.clone() };
    let page = |frame, messages| TestInbox { frame, messages };
    vec![
        ("three", page(frame("/test/inbox"), vec![sms, call, mail])),
        ("empty", page(noticed(frame("/test/inbox"), Notice::InboxCleared), Vec::new())),
    ]
}

fn tokens() -> Vec<DecodedToken> {
    let claims = [
        ("iss", "\"http://localhost:8080\""),
        ("sub", "\"k1Zc8\""),
        ("aud", "\"binh-minh\""),
        ("exp", "1795245000"),
        ("iat", "1795244700"),
        ("nbf", "1795244700"),
        ("jti", "\"a1\""),
        ("nonce", "\"n1\""),
        ("acr", "\"urn:dinhdanh:acr:2\""),
        ("amr", "[\"hwk\",\"user\"]"),
        ("auth_time", "1795244690"),
        ("azp", "\"binh-minh\""),
        ("at_hash", "\"x\""),
        ("c_hash", "\"x\""),
        ("sid", "\"s1\""),
        ("scope", "\"openid profile\""),
        ("client_id", "\"binh-minh\""),
        ("identity_level", "2"),
        ("authentication_level", "2"),
        ("name", "\"<b>Nguyễn Thị Hoa</b>\""),
        ("x_other", "{}"),
    ];
    let decoded = |name: &str, ok| DecodedToken {
        name: text(name),
        header: text("{\n  \"alg\": \"ES256\"\n}"),
        claims: claims.map(|(name, value)| TokenClaim::explained(name, value, Locale::Vi)).to_vec(),
        signature_ok: ok,
    };
    vec![decoded("ID token", true), decoded("Access token", false)]
}

pub(super) fn what_happened() -> Vec<(&'static str, WhatHappened)> {
    let step = |title: &str, detail: Option<&str>, micros| Step {
        title: text(title),
        detail: detail.map(text),
        at: NOW,
        micros,
        audit_id: micros.map(|_| text("0192f0c1-0000-7000-8000-000000000001")),
    };
    let page = WhatHappened {
        frame: Frame { back: Some(text("/")), ..frame("/test/what-happened/0192f0e1") },
        portal: text(PORTAL),
        person: text(HOA),
        steps: vec![
            step("Cổng gửi yêu cầu", Some("PKCE, state, nonce"), Some(310)),
            step("Đăng nhập bằng khóa máy", None, None),
        ],
        tokens: tokens(),
    };
    vec![("plain", page)]
}

pub(super) fn help() -> Vec<(&'static str, Help)> {
    vec![("plain", Help { frame: frame("/help") })]
}

pub(super) fn lost_access() -> Vec<(&'static str, LostAccess)> {
    vec![("plain", LostAccess { frame: frame("/help/lost-access") })]
}

pub(super) fn privacy() -> Vec<(&'static str, Privacy)> {
    vec![("plain", Privacy { frame: frame("/privacy") })]
}

pub(super) fn components() -> Vec<(&'static str, Components)> {
    let frame = wrong(frame("/test/components"), "identifier", ErrorText::IdentifierMissing);
    vec![("all", Components { frame, pages: vec![("sign-in", vec!["empty", "missing"])] })]
}

pub(super) fn accessibility() -> Vec<(&'static str, Accessibility)> {
    vec![("plain", Accessibility { frame: frame("/accessibility") })]
}

fn portal_frame(brand: PortalBrand) -> PortalFrame {
    PortalFrame {
        locale: Locale::Vi,
        name: text(PORTAL),
        brand,
        path: text("/"),
        csrf: text("cG9ydGFs"),
        neighbour: Some((text(HEALTH), text("http://localhost:8102/"))),
        provider: text("http://localhost:8080/"),
    }
}

pub(super) fn portal_home() -> Vec<(&'static str, PortalHome)> {
    let page = |brand| PortalHome { frame: portal_frame(brand), provider_host: text("localhost:8080") };
    vec![("green", page(PortalBrand::Green)), ("violet", page(PortalBrand::Violet))]
}

pub(super) fn portal_signed_in() -> Vec<(&'static str, PortalSignedIn)> {
    let page = || PortalSignedIn {
        frame: portal_frame(PortalBrand::Green),
        person: text(HOA),
        acting_for: None,
        acr: text("urn:dinhdanh:acr:2"),
        identity_level: 2,
        authentication_level: 2,
        methods: text("hwk, user"),
        authenticated_at: Some(NOW),
        tokens: tokens(),
        what_happened: Some(text("http://localhost:8080/test/what-happened/0192f0e1")),
    };
    let company = PortalSignedIn {
        acting_for: Some(text("Công ty Sao Mai")),
        authenticated_at: None,
        tokens: Vec::new(),
        what_happened: None,
        ..page()
    };
    vec![("self", page()), ("for-company", company)]
}

pub(super) fn portal_error() -> Vec<(&'static str, PortalError)> {
    let page = |description| PortalError {
        frame: portal_frame(PortalBrand::Violet),
        code: text("unmet_authentication_requirements"),
        description,
    };
    vec![("plain", page(None)), ("hostile", page(Some(text("<script>alert(1)</script>"))))]
}

pub(super) fn portal_signed_out() -> Vec<(&'static str, PortalSignedOut)> {
    vec![("plain", PortalSignedOut { frame: portal_frame(PortalBrand::Green) })]
}
