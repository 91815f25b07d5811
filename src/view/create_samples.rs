//! Samples of creating an account.

use super::samples::{FLOW, HOA, NOW, codes, flow_frame, later, text, wrong};
use super::*;

fn create_frame(step: &str) -> Frame {
    flow_frame(&format!("/create/{FLOW}/{step}"))
}

pub(super) fn create_start() -> Vec<(&'static str, CreateStart)> {
    vec![("plain", CreateStart { frame: flow_frame("/create/k3Jx9QvTn2"), flow: text(FLOW) })]
}

pub(super) fn create_number() -> Vec<(&'static str, CreateNumber)> {
    let page = |frame, number: &str| CreateNumber { frame, flow: text(FLOW), personal_number: text(number) };
    vec![
        ("empty", page(create_frame("number"), "")),
        ("wrong", page(wrong(create_frame("number"), "personal_number", ErrorText::NumberFormat), "0011")),
    ]
}

pub(super) fn create_name() -> Vec<(&'static str, CreateName)> {
    let page = |frame, year_only| CreateName {
        frame,
        flow: text(FLOW),
        full_name: text("H'Hen Niê Kdăm"),
        birth_day: text("31"),
        birth_month: text("2"),
        birth_year: text("1990"),
        year_only,
    };
    let start = || create_frame("name");
    let both = wrong(wrong(start(), "full_name", ErrorText::NameMissing), "birth_day", ErrorText::BirthDateUnreal);
    vec![
        ("whole-date", page(start(), false)),
        ("year-only", page(start(), true)),
        ("two-errors", page(both, false)),
        ("future", page(wrong(start(), "birth_day", ErrorText::BirthDateFuture), false)),
        ("wrong-year", page(wrong(start(), "birth_year", ErrorText::BirthYearUnreal), true)),
    ]
}

pub(super) fn create_phone() -> Vec<(&'static str, CreatePhone)> {
    let page = |frame, phone: &str| CreatePhone { frame, flow: text(FLOW), phone: text(phone) };
    vec![
        ("empty", page(create_frame("phone"), "")),
        ("wrong", page(wrong(create_frame("phone"), "phone", ErrorText::PhoneFormat), "0912")),
    ]
}

pub(super) fn create_check() -> Vec<(&'static str, CreateCheck)> {
    let page = CreateCheck {
        frame: create_frame("check"),
        flow: text(FLOW),
        personal_number: text("001 188 012 345"),
        full_name: text(HOA),
        birth_date: text("12/03/1988"),
        phone: text("0912 345 678"),
    };
    vec![("plain", page)]
}

pub(super) fn create_waiting() -> Vec<(&'static str, CreateWaiting)> {
    let page = |slow| CreateWaiting { frame: create_frame("waiting"), flow: text(FLOW), slow };
    vec![("asking", page(false)), ("slow", page(true))]
}

pub(super) fn create_no_match() -> Vec<(&'static str, CreateNoMatch)> {
    let page = |next| CreateNoMatch { frame: create_frame("name"), flow: text(FLOW), next };
    vec![("tries-left", page(NextTry::Left(2))), ("paused", page(NextTry::PausedUntil(later(60))))]
}

pub(super) fn create_under_age() -> Vec<(&'static str, CreateUnderAge)> {
    vec![("plain", CreateUnderAge { frame: create_frame("name") })]
}

pub(super) fn create_code() -> Vec<(&'static str, CreateCode)> {
    let page = |frame, expired, resend_from| CreateCode {
        frame,
        flow: text(FLOW),
        valid_until: later(10),
        resend_from,
        expired,
    };
    let start = || create_frame("code");
    vec![
        ("sent", page(start(), false, later(1))),
        ("may-resend", page(start(), false, NOW)),
        ("wrong", page(wrong(start(), "code", ErrorText::CodeWrong { tries_left: 4 }), false, NOW)),
        ("expired", page(start(), true, NOW)),
    ]
}

pub(super) fn create_passkey() -> Vec<(&'static str, CreatePasskey)> {
    let page = |frame| CreatePasskey { frame, flow: text(FLOW) };
    vec![
        ("plain", page(create_frame("passkey"))),
        ("not-made", page(wrong(create_frame("passkey"), "create", ErrorText::PasskeyNotMade))),
    ]
}

pub(super) fn create_password() -> Vec<(&'static str, CreatePassword)> {
    let page = |frame| CreatePassword { frame, flow: text(FLOW), least: 8 };
    let start = || create_frame("password");
    vec![
        ("plain", page(start())),
        ("short", page(wrong(start(), "new_password", ErrorText::PasswordShort { least: 8 }))),
        ("long", page(wrong(start(), "new_password", ErrorText::PasswordLong { most: 128 }))),
        ("common", page(wrong(start(), "new_password", ErrorText::PasswordCommon))),
    ]
}

pub(super) fn create_recovery_codes() -> Vec<(&'static str, CreateRecoveryCodes)> {
    vec![("plain", CreateRecoveryCodes { frame: create_frame("recovery-codes"), flow: text(FLOW), codes: codes() })]
}

pub(super) fn create_done() -> Vec<(&'static str, CreateDone)> {
    let page = |outcome, continue_to| CreateDone { frame: create_frame("done"), outcome, continue_to };
    vec![
        ("confirmed", page(Created::Confirmed, Some(format!("/signin/{FLOW}/continue")))),
        ("register-down", page(Created::RegisterDown, None)),
    ]
}
