//! Samples of the account area's further pages.

use super::own_samples::passkey_items;
use super::samples::{HEALTH, HOA, NOW, PORTAL, account_frame, flow_frame, frame, later, noticed, text, texts, wrong};
use super::*;

pub(super) fn details() -> Vec<(&'static str, Details)> {
    let page = || Details {
        frame: account_frame("/account/details"),
        person: text(HOA),
        state: DataState::Confirmed,
        source: text("Cơ sở dữ liệu quốc gia về dân cư"),
        as_of: Some(later(-60 * 24 * 30)),
        personal_number: text("001 *** *** 345"),
        number_masked: true,
        birth_date: text("12/03/1988"),
        gender: Some(text("Nữ")),
        phone: Some(text("0912 *** 678")),
        email: Some(text("h***@example.vn")),
    };
    let bare = Details {
        state: DataState::Waiting,
        as_of: None,
        gender: None,
        phone: None,
        email: None,
        birth_date: text("1988"),
        ..page()
    };
    vec![
        ("confirmed", page()),
        ("number-shown", Details { personal_number: text("001188012345"), number_masked: false, ..page() }),
        ("waiting", bare),
        ("differs", Details { state: DataState::Differs, ..page() }),
        ("unknown", Details { state: DataState::Unknown, ..page() }),
    ]
}

pub(super) fn ways() -> Vec<(&'static str, Ways)> {
    let page = |frame| Ways {
        frame,
        passkeys: passkey_items(),
        phone: Some(text("0912 *** 678")),
        email: Some(text("h***@example.vn")),
        waiting: None,
        may_confirm: false,
        has_password: true,
        totp_since: Some(later(-9_000)),
        codes_left: 7,
        codes_made: Some(later(-90_000)),
    };
    let start = || account_frame("/account/ways");
    let waiting = || Some(WaitingPhone { phone: text("0987 *** 321"), from: later(60 * 24) });
    let one = Ways {
        passkeys: Vec::new(),
        email: None,
        has_password: false,
        totp_since: None,
        codes_left: 0,
        codes_made: None,
        ..page(start())
    };
    let mut all = vec![
        ("all", page(start())),
        ("only-one", one),
        ("no-phone", Ways { phone: None, ..page(start()) }),
        ("phone-waits", Ways { waiting: waiting(), ..page(noticed(start(), Notice::PhoneChangeWaits)) }),
        ("phone-may-confirm", Ways { waiting: waiting(), may_confirm: true, ..page(start()) }),
        ("first-day", page(noticed(start(), Notice::WaitsUntil { at: later(1_400) }))),
    ];
    for (state, notice) in [
        ("phone-changed", Notice::PhoneChanged),
        ("email-changed", Notice::EmailChanged),
        ("email-removed", Notice::EmailRemoved),
        ("phone-cancelled", Notice::PhoneChangeCancelled),
        ("totp-added", Notice::TotpAdded),
        ("totp-removed", Notice::TotpRemoved),
        ("password-changed", Notice::PasswordChanged),
    ] {
        all.push((state, page(noticed(start(), notice))));
    }
    all
}

pub(super) fn stop_page() -> Vec<(&'static str, StopPage)> {
    let page = |purpose, error| {
        let frame = account_frame("/account/stop?for=phone");
        let frame = if error { wrong(frame, "answer-no", ErrorText::ChoiceMissing) } else { frame };
        StopPage { frame, purpose, about: None }
    };
    vec![
        ("passkey", page("passkey", false)),
        ("totp", page("totp", false)),
        ("password", page("password", false)),
        ("recovery-codes", page("recovery_codes", false)),
        ("phone", page("phone", false)),
        ("email", page("email", false)),
        ("close", page("close", false)),
        ("organization", page("organization", false)),
        ("organization-agree", StopPage { about: Some("0192f0c1".to_owned()), ..page("organization_agree", false) }),
        ("organization-close", StopPage { about: Some("0192f0c1".to_owned()), ..page("organization_close", false) }),
        ("no-choice", page("phone", true)),
    ]
}

pub(super) fn scam_stop() -> Vec<(&'static str, ScamStop)> {
    vec![("plain", ScamStop { frame: account_frame("/account/stop") })]
}

pub(super) fn set_up_app() -> Vec<(&'static str, SetUpApp)> {
    let uri = "otpauth://totp/x:001?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=x";
    let page = |frame| SetUpApp { frame, qr: QrPicture::of(uri), secret: text("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP") };
    let start = || account_frame("/account/totp");
    vec![("plain", page(start())), ("wrong", page(wrong(start(), "code", ErrorText::TotpWrong)))]
}

pub(super) fn authenticator_app() -> Vec<(&'static str, AuthenticatorApp)> {
    vec![("plain", AuthenticatorApp { frame: account_frame("/account/totp"), since: later(-9_000) })]
}

pub(super) fn remove_app() -> Vec<(&'static str, RemoveApp)> {
    let page = |last_strong| RemoveApp { frame: account_frame("/account/totp/remove"), last_strong };
    vec![("plain", page(false)), ("last-strong", page(true))]
}

pub(super) fn change_phone() -> Vec<(&'static str, ChangePhone)> {
    let page = |frame, phone: &str| ChangePhone { frame, current: Some(text("0912 *** 678")), phone: text(phone) };
    let start = || account_frame("/account/phone");
    let soon = ErrorText::ResendTooSoon { from: later(1) };
    vec![
        ("empty", page(start(), "")),
        ("first", ChangePhone { current: None, ..page(start(), "") }),
        ("format", page(wrong(start(), "phone", ErrorText::PhoneFormat), "12")),
        ("same", page(wrong(start(), "phone", ErrorText::PhoneSame), "0912 345 678")),
        ("too-soon", page(wrong(start(), "phone", soon), "0987 654 321")),
    ]
}

pub(super) fn change_email() -> Vec<(&'static str, ChangeEmail)> {
    let page = |frame, email: &str| ChangeEmail { frame, current: Some(text("h***@example.vn")), email: text(email) };
    let start = || Frame { keeps_typed: true, ..account_frame("/account/email") };
    vec![
        ("empty", page(start(), "")),
        ("first", ChangeEmail { current: None, ..page(start(), "") }),
        ("format", page(wrong(start(), "email", ErrorText::EmailFormat), "hoa@")),
        ("same", page(wrong(start(), "email", ErrorText::EmailSame), "hoa@example.vn")),
    ]
}

pub(super) fn confirm_email() -> Vec<(&'static str, ConfirmEmail)> {
    let page = |frame, can_resend| ConfirmEmail {
        frame,
        email: text("hoa@example.vn"),
        until: later(10),
        can_resend,
        resend_from: later(1),
    };
    let start = || account_frame("/account/email/code");
    let wrong_code = ErrorText::CodeWrong { tries_left: 3 };
    vec![
        ("sent", page(start(), false)),
        ("resend", page(start(), true)),
        ("wrong", page(wrong(start(), "code", wrong_code), false)),
    ]
}

pub(super) fn confirm_phone() -> Vec<(&'static str, ConfirmPhone)> {
    let page = |frame, can_resend| ConfirmPhone {
        frame,
        phone: text("0987 654 321"),
        until: later(10),
        can_resend,
        resend_from: later(1),
    };
    let start = || account_frame("/account/phone/code");
    vec![
        ("sent", page(start(), false)),
        ("resend", page(start(), true)),
        ("wrong", page(wrong(start(), "code", ErrorText::CodeWrong { tries_left: 3 }), true)),
        ("expired", page(wrong(start(), "code", ErrorText::CodeExpired), true)),
        ("format", page(wrong(start(), "code", ErrorText::CodeFormat), true)),
        ("too-soon", page(wrong(start(), "resend", ErrorText::ResendTooSoon { from: later(1) }), false)),
    ]
}

fn events() -> Vec<ActivityItem> {
    let event = |word, portal: Option<&str>, methods: &[&str], at: i64| ActivityItem {
        id: format!("0192f0c1-0000-7000-8000-00000000{at:04}"),
        at: later(-at),
        word,
        portal: portal.map(text),
        organization: (word == "organization-acted").then(|| text("Công ty TNHH Sao Mai")),
        methods: texts(methods),
    };
    vec![
        event("signed-in", None, &["swk", "user"], 1),
        event("portal-entered", Some(PORTAL), &[], 2),
        event("data-sent", Some("<script>alert(1)</script>"), &[], 3),
        event("consent-ended", None, &[], 4),
        event("signed-in", None, &["pwd", "sms"], 5),
        event("signed-in", None, &["sms"], 6),
        event("officer-viewed-number", None, &[], 7),
        event("organization-acted", Some(PORTAL), &[], 8),
    ]
}

pub(super) fn activity() -> Vec<(&'static str, Activity)> {
    let page = |kind, items, older: Option<&str>| Activity {
        frame: account_frame("/account/activity"),
        kinds: vec!["sign-in", "change", "sharing", "officer"],
        kind,
        items,
        older: older.map(text),
    };
    vec![
        ("some", page(None, events(), None)),
        ("filtered-more", page(Some("sharing"), events(), Some("1795244700000000_0192f0c1"))),
        ("none", page(Some("officer"), Vec::new(), None)),
    ]
}

pub(super) fn not_me() -> Vec<(&'static str, NotMe)> {
    let start = || account_frame("/account/not-me");
    vec![
        ("about", NotMe { frame: start(), event: events().into_iter().next() }),
        ("general", NotMe { frame: start(), event: None }),
        ("no-choice", NotMe { frame: wrong(start(), "action-freeze", ErrorText::ChoiceMissing), event: None }),
    ]
}

pub(super) fn not_me_signed_out() -> Vec<(&'static str, NotMeSignedOut)> {
    let page = |frame| NotMeSignedOut { frame, personal_number: text("001188012345") };
    let start = || frame("/not-me");
    let mut everything = wrong(start(), "personal_number", ErrorText::NumberFormat);
    everything.add_error("code", ErrorText::NoticeCodeFormat);
    everything.add_error("action-freeze", ErrorText::ChoiceMissing);
    vec![
        ("empty", NotMeSignedOut { frame: start(), personal_number: String::new() }),
        ("incomplete", page(everything)),
        ("wrong", page(wrong(start(), "code", ErrorText::NoticeCodeWrong))),
        ("paused", page(wrong(start(), "code", ErrorText::TryAgainFrom { from: later(40) }))),
    ]
}

pub(super) fn reported() -> Vec<(&'static str, Reported)> {
    let page = |action| Reported { frame: frame("/not-me"), number: text("4TZ8-11KD"), action };
    vec![("only", page("report")), ("ended", page("end_sessions")), ("frozen", page("freeze"))]
}

fn shared() -> Vec<SharingItem> {
    let item = |portal: &str, claims: &[&str]| SharingItem {
        portal: text(portal),
        client_id: text("cong a/b"),
        claims: texts(claims),
        since: later(-9_000),
        until: later(500_000),
        open: (portal == PORTAL).then(|| text("https://dvc.binhminh.example/start?iss=https%3A%2F%2Fid.example")),
    };
    vec![item(PORTAL, &["name", "birthdate"]), item(HEALTH, &["phone_number"])]
}

pub(super) fn sharing() -> Vec<(&'static str, Sharing)> {
    let start = || account_frame("/account/sharing");
    vec![
        ("two", Sharing { frame: start(), items: shared() }),
        ("stopped", Sharing { frame: noticed(start(), Notice::SharingStopped), items: shared() }),
        ("none", Sharing { frame: start(), items: Vec::new() }),
    ]
}

pub(super) fn stop_sharing() -> Vec<(&'static str, StopSharing)> {
    let frame = || account_frame("/account/sharing/a/stop");
    shared().into_iter().take(1).map(|item| ("plain", StopSharing { frame: frame(), item })).collect()
}

pub(super) fn releases() -> Vec<(&'static str, Releases)> {
    let item = |portal: &str| ReleaseItem { portal: text(portal), claims: texts(&["name", "gender"]), at: NOW };
    let page = |items, older: Option<&str>| Releases {
        frame: account_frame("/account/sharing/history"),
        items,
        older: older.map(text),
    };
    vec![
        ("two", page(vec![item(PORTAL), item(HEALTH)], None)),
        ("more", page(vec![item(PORTAL)], Some("1795244700000000_0192f0c1"))),
        ("none", page(Vec::new(), None)),
    ]
}

pub(super) fn freeze_page() -> Vec<(&'static str, FreezePage)> {
    vec![("plain", FreezePage { frame: account_frame("/account/freeze") })]
}

pub(super) fn frozen_now() -> Vec<(&'static str, FrozenNow)> {
    vec![("plain", FrozenNow { frame: frame("/not-me") })]
}

pub(super) fn frozen() -> Vec<(&'static str, Frozen)> {
    let page = |may_open| Frozen {
        frame: flow_frame("/signin/f/frozen"),
        flow: text("k3Jx9QvTn2"),
        since: later(-300),
        may_open,
    };
    vec![("may-open", page(true)), ("needs-more", page(false))]
}

pub(super) fn close_account() -> Vec<(&'static str, CloseAccount)> {
    let start = || account_frame("/account/close");
    vec![
        ("services", CloseAccount { frame: start(), portals: texts(&[PORTAL, HEALTH]) }),
        ("none", CloseAccount { frame: start(), portals: Vec::new() }),
        ("unsure", CloseAccount { frame: wrong(start(), "sure-yes", ErrorText::ChoiceMissing), portals: Vec::new() }),
    ]
}

pub(super) fn account_closed() -> Vec<(&'static str, AccountClosed)> {
    vec![("plain", AccountClosed { frame: frame("/") })]
}

pub(super) fn settings() -> Vec<(&'static str, Settings)> {
    let page = |frame, language, larger_text, channel, has_both| Settings {
        frame,
        language,
        larger_text,
        quiet: larger_text,
        channel,
        has_both,
    };
    let start = || Frame { keeps_typed: true, ..account_frame("/account/settings") };
    let quiet = Frame { larger_text: true, quiet: true, ..noticed(start(), Notice::SettingsSaved) };
    vec![
        ("plain", page(start(), Locale::Vi, false, "all", true)),
        ("chosen", page(quiet, Locale::En, true, "email", true)),
        ("phone-only", page(noticed(start(), Notice::AccountOpened), Locale::En, false, "sms", false)),
    ]
}
