//! One example for each state of each page. All people and numbers are synthetic.

use super::*;
use crate::base::{ErrorId, SeededEntropy, Timestamp};

/// 2026-11-21T07:05:00Z, 14:05 in Vietnam.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_795_244_700);
const FLOW: &str = "k3Jx9QvTn2";
pub(super) const HOA: &str = "Nguyễn Thị Hoa";
pub(super) const PORTAL: &str = "Cổng Dịch vụ công tỉnh Bình Minh";
pub(super) const HEALTH: &str = "Sổ sức khỏe Bình Minh";

pub(super) fn later(minutes: i64) -> Timestamp {
    Timestamp::from_seconds(NOW.seconds() + minutes * 60)
}

pub(super) fn text(value: &str) -> String {
    value.to_owned()
}

pub(super) fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| text(value)).collect()
}

pub(super) fn frame(path: &str) -> Frame {
    Frame {
        host: text("dinhdanh.example"),
        csrf: text("Zm9ybS10b2tlbi1vZi10aGUtc2FtcGxl"),
        test_environment: true,
        ..Frame::new(Locale::Vi, NOW, path)
    }
}

pub(super) fn flow_frame(path: &str) -> Frame {
    Frame {
        portal: Some(PortalBox { name: text(PORTAL), host: text("dvc.binhminh.example") }),
        cancel: Some(format!("/signin/{FLOW}/cancel")),
        ..frame(path)
    }
}

pub(super) fn account_frame(path: &str) -> Frame {
    Frame { idle_seconds: Some(900), back: Some(text("/account")), ..frame(path) }
}

pub(super) fn wrong(mut frame: Frame, field: &'static str, error: ErrorText) -> Frame {
    frame.add_error(field, error);
    frame
}

pub(super) fn noticed(mut frame: Frame, notice: Notice) -> Frame {
    frame.notice = Some(notice);
    frame
}

pub(super) fn sign_in() -> Vec<(&'static str, SignIn)> {
    let page = |frame: Frame| SignIn {
        frame,
        flow: text(FLOW),
        identifier: String::new(),
        recognised: None,
        in_app_address: None,
        can_create: true,
        sms_slow_since: None,
    };
    let start = || flow_frame("/signin/k3Jx9QvTn2");
    vec![
        ("empty", page(start())),
        (
            "too-short",
            SignIn { identifier: text("00120312"), ..page(wrong(start(), "identifier", ErrorText::IdentifierFormat)) },
        ),
        ("missing", page(wrong(start(), "identifier", ErrorText::IdentifierMissing))),
        ("recognised", SignIn { recognised: Some(text("Hoa")), ..page(start()) }),
        ("in-app-browser", SignIn { in_app_address: Some(text("https://dvc.binhminh.example/")), ..page(start()) }),
        ("sms-slow", SignIn { sms_slow_since: Some(later(-295)), ..page(start()) }),
        (
            "no-portal-larger-no-fonts",
            page(Frame { larger_text: true, save_data: true, test_environment: false, ..frame("/signin/k3Jx9QvTn2") }),
        ),
        (
            "hostile-names",
            SignIn {
                identifier: text("\"><script>alert(1)</script>"),
                recognised: None,
                ..page(Frame {
                    portal: Some(PortalBox {
                        name: text("<img src=x onerror=alert(1)>"),
                        host: text("'\"><b>.example"),
                    }),
                    ..start()
                })
            },
        ),
    ]
}

pub(super) fn choose_method() -> Vec<(&'static str, ChooseMethod)> {
    let page = |frame| ChooseMethod {
        frame,
        flow: text(FLOW),
        methods: vec![Method::Sms, Method::Voice, Method::Totp, Method::Recovery],
        selected: Some(Method::Sms),
        sms_slow_since: None,
    };
    let start = || Frame { back: Some(format!("/signin/{FLOW}")), ..flow_frame("/signin/k3Jx9QvTn2/method") };
    vec![
        ("plain", page(start())),
        (
            "sms-slow",
            ChooseMethod { selected: Some(Method::Voice), sms_slow_since: Some(later(-295)), ..page(start()) },
        ),
        (
            "none-chosen",
            ChooseMethod {
                selected: None,
                methods: vec![Method::Password, Method::Sms, Method::Recovery],
                ..page(wrong(start(), "method", ErrorText::ChoiceMissing))
            },
        ),
    ]
}

pub(super) fn enter_code() -> Vec<(&'static str, EnterCode)> {
    let page = |frame| EnterCode {
        frame,
        flow: text(FLOW),
        sent_by: Method::Sms,
        valid_until: later(10),
        resend_from: later(1),
        expired: false,
    };
    let start = || flow_frame("/signin/k3Jx9QvTn2/code");
    vec![
        ("sent", page(start())),
        ("by-voice", EnterCode { sent_by: Method::Voice, resend_from: NOW, ..page(start()) }),
        ("wrong", page(wrong(start(), "code", ErrorText::CodeWrong { tries_left: 3 }))),
        ("wrong-last-try", page(wrong(start(), "code", ErrorText::CodeWrong { tries_left: 1 }))),
        ("not-six-digits", page(wrong(start(), "code", ErrorText::CodeFormat))),
        ("too-soon", page(wrong(start(), "resend", ErrorText::ResendTooSoon { from: later(2) }))),
        ("sent-again", page(noticed(start(), Notice::CodeSentAgain))),
        ("expired", EnterCode { expired: true, valid_until: later(-1), ..page(start()) }),
        ("expired-code-typed", page(wrong(start(), "code", ErrorText::CodeExpired))),
    ]
}

pub(super) fn enter_totp() -> Vec<(&'static str, EnterTotp)> {
    let page = |frame| EnterTotp { frame, flow: text(FLOW) };
    vec![
        ("plain", page(flow_frame("/signin/k3Jx9QvTn2/totp"))),
        ("wrong", page(wrong(flow_frame("/signin/k3Jx9QvTn2/totp"), "code", ErrorText::CodeWrong { tries_left: 4 }))),
    ]
}

pub(super) fn enter_recovery_code() -> Vec<(&'static str, EnterRecoveryCode)> {
    let page = |frame| EnterRecoveryCode { frame, flow: text(FLOW) };
    let start = || flow_frame("/signin/k3Jx9QvTn2/recovery");
    vec![
        ("plain", page(start())),
        ("wrong", page(wrong(start(), "code", ErrorText::RecoveryWrong { tries_left: 2 }))),
        ("not-a-code", page(wrong(start(), "code", ErrorText::RecoveryFormat))),
    ]
}

pub(super) fn enter_password() -> Vec<(&'static str, EnterPassword)> {
    let page = |frame| EnterPassword { frame, flow: text(FLOW) };
    let start = || Frame { username: Some(text("001188012345")), ..flow_frame("/signin/k3Jx9QvTn2/password") };
    vec![
        ("plain", page(start())),
        ("wrong", page(wrong(start(), "password", ErrorText::PasswordWrong { tries_left: 4 }))),
        ("missing", page(wrong(start(), "password", ErrorText::PasswordMissing))),
    ]
}

pub(super) fn paused() -> Vec<(&'static str, Paused)> {
    let page = |cause, until| Paused { frame: flow_frame("/signin/k3Jx9QvTn2/paused"), flow: text(FLOW), until, cause };
    vec![
        ("wrong-codes", page(PauseCause::WrongCodes, later(30))),
        ("wrong-passwords-till-tomorrow", page(PauseCause::WrongPasswords, later(700))),
        ("too-many-codes", page(PauseCause::TooManyCodes, later(15))),
        ("too-many-tries", page(PauseCause::TooManyTries, later(5))),
    ]
}

pub(super) fn passkey_failed() -> Vec<(&'static str, PasskeyFailed)> {
    let page = |frame, cause| PasskeyFailed { frame, flow: text(FLOW), cause };
    let start = || flow_frame("/signin/k3Jx9QvTn2/passkey-failed");
    let unknown =
        PasskeyFailure::UnknownKey { rp_id: text("dinhdanh.example"), credential_id: text("q83vEjRWeJCrze8SNFZ4kA") };
    vec![
        ("cancelled", page(start(), PasskeyFailure::Cancelled)),
        ("unknown-key", page(start(), unknown)),
        ("unsupported", page(start(), PasskeyFailure::Unsupported)),
        ("failed", page(start(), PasskeyFailure::Failed)),
        ("none-chosen", page(wrong(start(), "choice", ErrorText::ChoiceMissing), PasskeyFailure::Cancelled)),
    ]
}

fn data() -> Vec<DataItem> {
    [("name", HOA), ("birthdate", "12/03/1988"), ("personal_number", "001 188 012 345")]
        .map(|(claim, value)| DataItem { claim: text(claim), value: text(value), is_new: false })
        .to_vec()
}

pub(super) fn continue_session() -> Vec<(&'static str, ContinueSession)> {
    let page = |data, open_services| ContinueSession {
        frame: flow_frame("/signin/k3Jx9QvTn2/continue"),
        flow: text(FLOW),
        person: text(HOA),
        signed_in_at: later(-40),
        data,
        open_services,
    };
    vec![("plain", page(data(), texts(&[HEALTH]))), ("first-service", page(Vec::new(), Vec::new()))]
}

pub(super) fn consent() -> Vec<(&'static str, Consent)> {
    let page = |ground, optional| Consent {
        frame: flow_frame("/signin/k3Jx9QvTn2/consent"),
        flow: text(FLOW),
        ground,
        items: data(),
        optional,
        purpose: text("Đăng ký khai sinh"),
        basis: text("Luật Hộ tịch 2014, Điều 16"),
        until: None,
    };
    let mut changed = page(
        Ground::Consent,
        vec![
            DataItem { claim: text("phone_number"), value: text("0912 345 678"), is_new: true },
            DataItem { claim: text("x_card_color"), value: text("đỏ"), is_new: false },
        ],
    );
    changed.until = Some(later(60 * 24 * 365));
    if let Some(first) = changed.items.first_mut() {
        first.is_new = true;
    }
    vec![
        ("notice-by-law", page(Ground::Law, Vec::new())),
        ("question", page(Ground::Consent, Vec::new())),
        ("question-optional-new", changed),
        (
            "acting-for",
            Consent {
                frame: Frame {
                    acting: Some(ActingBar {
                        name: text("Công ty TNHH Sao Mai"),
                        change: format!("/signin/{FLOW}/for"),
                    }),
                    ..flow_frame("/signin/k3Jx9QvTn2/consent")
                },
                ..page(Ground::Law, Vec::new())
            },
        ),
    ]
}

pub(super) fn stronger_sign_in() -> Vec<(&'static str, StrongerSignIn)> {
    let page = |had, needed, password_and_code| StrongerSignIn {
        frame: flow_frame("/signin/k3Jx9QvTn2/step-up"),
        flow: text(FLOW),
        had,
        needed,
        passkey: true,
        password_and_code,
        second: None,
    };
    let second = |second, had| StrongerSignIn {
        frame: Frame { portal: None, ..flow_frame("/signin/k3Jx9QvTn2/step-up") },
        passkey: false,
        second: Some(second),
        ..page(Some(had), 1, false)
    };
    let mut all = vec![
        ("too-old", page(None, 1, true)),
        ("printed-code-too", second(SecondProof::PrintedCode, SignedInBy::Code)),
        ("sent-code-too", second(SecondProof::SentCode, SignedInBy::RecoveryCode)),
    ];
    all.extend([
        ("had-code", page(Some(SignedInBy::Code), 2, true)),
        ("had-password", page(Some(SignedInBy::Password), 2, false)),
        ("had-recovery-code", page(Some(SignedInBy::RecoveryCode), 2, true)),
        ("had-totp", page(Some(SignedInBy::Totp), 2, true)),
        ("had-weak-passkey", page(Some(SignedInBy::WeakPasskey), 2, true)),
        ("had-two-steps", page(Some(SignedInBy::TwoSteps), 3, false)),
    ]);
    all
}

pub(super) fn prove_identity() -> Vec<(&'static str, ProveIdentity)> {
    let page = |has| ProveIdentity { frame: flow_frame("/signin/k3Jx9QvTn2/step-up"), flow: text(FLOW), has };
    vec![("level-1", page(1)), ("level-0", page(0))]
}

pub(super) fn cannot_meet() -> Vec<(&'static str, CannotMeet)> {
    let page = |reason| CannotMeet { frame: flow_frame("/signin/k3Jx9QvTn2/step-up"), flow: text(FLOW), reason };
    vec![
        ("no-authority", page(Unmet::NoBiometricAuthority)),
        ("no-strong-way", page(Unmet::NoStrongWay)),
        ("missing-data", page(Unmet::MissingData)),
        (
            "only-phone",
            CannotMeet { frame: Frame { portal: None, ..page(Unmet::OnlyPhone).frame }, ..page(Unmet::OnlyPhone) },
        ),
    ]
}

pub(super) fn offer_passkey() -> Vec<(&'static str, OfferPasskey)> {
    let page = |frame| OfferPasskey { frame, flow: text(FLOW) };
    let start = || flow_frame("/signin/k3Jx9QvTn2/offer-passkey");
    vec![
        ("plain", page(start())),
        ("shared-missing", page(wrong(start(), "shared", ErrorText::SharedMissing))),
        ("not-made", page(wrong(start(), "create", ErrorText::PasskeyNotMade))),
        ("already-here", page(wrong(start(), "create", ErrorText::PasskeyAlreadyHere))),
    ]
}

pub(super) fn return_to_portal() -> Vec<(&'static str, ReturnToPortal)> {
    let page = |way, unreachable| ReturnToPortal {
        frame: Frame { cancel: None, ..flow_frame("/signin/k3Jx9QvTn2/return") },
        way,
        unreachable,
    };
    let action = text("https://dvc.binhminh.example/callback");
    let fields = vec![
        (text("code"), text("SplxlOBeZQQYbYS6WxSbIA")),
        (text("state"), text("\"><script>alert(1)</script>")),
        (text("iss"), text("https://dinhdanh.example")),
    ];
    vec![
        ("form-post", page(Return::FormPost { action: action.clone(), fields: fields.clone() }, false)),
        ("form-post-unreachable", page(Return::FormPost { action: action.clone(), fields }, true)),
        ("link", page(Return::Link { href: format!("{action}?code=Splx&state=af0") }, false)),
    ]
}

pub(super) fn signed_out() -> Vec<(&'static str, SignedOut)> {
    let page = || SignedOut {
        frame: frame("/signed-out"),
        portal: Some(text(PORTAL)),
        return_to: None,
        still_in: Vec::new(),
        unanswered: Vec::new(),
        told: 0,
        idle: false,
    };
    let portal_frame = || Frame { cancel: None, ..flow_frame("/signed-out") };
    let back = || Some(text("https://dvc.binhminh.example/"));
    vec![
        ("one-portal", SignedOut { still_in: texts(&[HEALTH]), ..page() }),
        ("one-portal-return", SignedOut { frame: portal_frame(), return_to: back(), ..page() }),
        (
            "still-in-return",
            SignedOut { frame: portal_frame(), return_to: back(), still_in: texts(&[HEALTH]), ..page() },
        ),
        ("everywhere", SignedOut { portal: None, ..page() }),
        ("partly", SignedOut { portal: None, told: 4, unanswered: texts(&[HEALTH]), ..page() }),
        ("idle", SignedOut { portal: None, idle: true, ..page() }),
    ]
}

pub(super) fn confirm_logout() -> Vec<(&'static str, ConfirmLogout)> {
    let page = |open_services| ConfirmLogout {
        frame: frame("/logout/confirm"),
        logout: text("b2Zmcw"),
        person: text(HOA),
        open_services,
    };
    vec![("two-portals", page(texts(&[PORTAL, HEALTH]))), ("none-open", page(Vec::new()))]
}

pub(super) fn problem() -> Vec<(&'static str, Problem)> {
    let entropy = SeededEntropy::new(7);
    let page = |reason| Problem {
        frame: frame("/"),
        reason,
        error_id: Some(ErrorId::new(&entropy)),
        at: NOW,
        return_to: None,
        developer_hint: None,
    };
    let mut all: Vec<_> = ProblemReason::ALL.into_iter().map(|reason| (reason.name(), page(reason))).collect();
    all.push(("without-id", Problem { error_id: None, ..page(ProblemReason::NotFound) }));
    all.push((
        "with-return",
        Problem {
            frame: Frame { cancel: None, ..flow_frame("/") },
            return_to: Some(text("https://dvc.binhminh.example/")),
            ..page(ProblemReason::Expired)
        },
    ));
    all.push((
        "with-hint",
        Problem { developer_hint: Some("redirect_uri is not registered"), ..page(ProblemReason::AddressNotRegistered) },
    ));
    all
}

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

fn codes() -> Vec<String> {
    (0..10).map(|n| format!("7F3K-92M{n}")).collect()
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

pub(super) fn account_home() -> Vec<(&'static str, AccountHome)> {
    let page = || AccountHome {
        frame: Frame { back: None, ..account_frame("/account") },
        person: text(HOA),
        identity_level: 2,
        state: DataState::Confirmed,
        last_sign_in: Some(later(-60 * 24)),
        services: vec![
            UsedService {
                name: text(PORTAL),
                href: Some(text("https://dvc.binhminh.example/")),
                last_used: later(-40),
                open: true,
            },
            UsedService { name: text(HEALTH), href: None, last_used: later(-60 * 24 * 9), open: false },
        ],
        next: None,
        phone_change_from: None,
    };
    let new = AccountHome {
        identity_level: 0,
        state: DataState::Waiting,
        last_sign_in: None,
        services: Vec::new(),
        next: Some(NextStep::AddPasskey),
        ..page()
    };
    let differs = AccountHome {
        frame: noticed(account_frame("/account"), Notice::OtherSessionsEnded { count: 2 }),
        identity_level: 1,
        state: DataState::Differs,
        next: Some(NextStep::MakeCodes),
        ..page()
    };
    vec![
        ("level-2", page()),
        ("new-and-waiting", new),
        ("level-1-differs", differs),
        ("phone-waits", AccountHome { phone_change_from: Some(later(60 * 24)), ..page() }),
        ("another-way", AccountHome { next: Some(NextStep::AnotherWay), state: DataState::Unknown, ..page() }),
    ]
}

pub(super) fn passkey_items() -> Vec<PasskeyItem> {
    vec![
        PasskeyItem {
            id: text("0192f0c1"),
            name: text("Điện thoại của Hoa"),
            kept_by: Some(text("Google Password Manager")),
            created_at: later(-60 * 24 * 90),
            last_used_at: Some(later(-40)),
            settles_at: None,
        },
        PasskeyItem {
            id: text("0192f0c2"),
            name: text("<i>Máy tính</i>"),
            kept_by: None,
            created_at: later(-20),
            last_used_at: None,
            settles_at: Some(later(60 * 24 - 20)),
        },
    ]
}

pub(super) fn passkeys() -> Vec<(&'static str, Passkeys)> {
    let page = |frame, passkeys| Passkeys { frame, passkeys, accepted: None, ready: true };
    let start = || account_frame("/account/passkeys");
    let accepted = AcceptedCredentials {
        rp_id: text("dinhdanh.example"),
        user_id: text("AZLwwQ"),
        credential_ids: texts(&["q83vEjRW", "zcdQ-1_A"]),
    };
    let removed = noticed(start(), Notice::PasskeyRemoved);
    vec![
        ("two", page(start(), passkey_items())),
        ("one", page(noticed(start(), Notice::PasskeyAdded), passkey_items().into_iter().take(1).collect())),
        ("none", page(start(), Vec::new())),
        ("removed", Passkeys { accepted: Some(accepted), ..page(removed, passkey_items()) }),
        ("renamed", page(noticed(start(), Notice::PasskeyRenamed), passkey_items())),
        ("not-made", page(wrong(start(), "create", ErrorText::PasskeyNotMade), passkey_items())),
        ("waits", page(noticed(start(), Notice::WaitsUntil { at: later(1400) }), passkey_items())),
        ("sign-in-first", Passkeys { ready: false, ..page(start(), passkey_items()) }),
    ]
}

pub(super) fn rename_passkey() -> Vec<(&'static str, RenamePasskey)> {
    let page = |frame, name: &str| RenamePasskey { frame, id: text("0192f0c1"), name: text(name) };
    let start =
        || Frame { back: Some(text("/account/passkeys")), ..account_frame("/account/passkeys/0192f0c1/rename") };
    vec![
        ("plain", page(start(), "Điện thoại của Hoa")),
        ("long", page(wrong(start(), "name", ErrorText::DeviceNameLong), "Điện thoại màu xanh mẹ để ở trên bàn bếp")),
        ("missing", page(wrong(start(), "name", ErrorText::DeviceNameMissing), "")),
    ]
}

pub(super) fn remove_passkey() -> Vec<(&'static str, RemovePasskey)> {
    let page = |last_strong| RemovePasskey {
        frame: Frame { back: Some(text("/account/passkeys")), ..account_frame("/account/passkeys/0192f0c1/remove") },
        id: text("0192f0c1"),
        name: text("Điện thoại của Hoa"),
        last_strong,
    };
    vec![("plain", page(false)), ("last-strong", page(true))]
}

pub(super) fn change_password() -> Vec<(&'static str, ChangePassword)> {
    let page = |frame, has_password| ChangePassword { frame, has_password, least: 8 };
    let start = || account_frame("/account/password");
    vec![
        ("first", page(start(), false)),
        ("change", page(noticed(start(), Notice::PasswordChanged), true)),
        ("wrong", page(wrong(start(), "current_password", ErrorText::PasswordWrong { tries_left: 4 }), true)),
    ]
}

pub(super) fn renew_recovery_codes() -> Vec<(&'static str, RenewRecoveryCodes)> {
    let page = |frame, left, made_at| RenewRecoveryCodes { frame, left, made_at };
    let start = || account_frame("/account/recovery-codes");
    vec![
        ("seven-left", page(start(), 7, Some(later(-60 * 24 * 90)))),
        ("none", page(noticed(start(), Notice::SessionEnded), 0, None)),
    ]
}

pub(super) fn new_recovery_codes() -> Vec<(&'static str, NewRecoveryCodes)> {
    let frame = noticed(account_frame("/account/recovery-codes"), Notice::RecoveryCodesRenewed);
    vec![("plain", NewRecoveryCodes { frame, codes: codes() })]
}

pub(super) fn sessions() -> Vec<(&'static str, Sessions)> {
    let here = SessionItem {
        id: text("0192f0d1"),
        device: text("Chrome, Android"),
        first_at: later(-40),
        last_at: NOW,
        services: texts(&[PORTAL, HEALTH]),
        current: true,
    };
    let other = SessionItem {
        id: text("0192f0d2"),
        device: text("Firefox, Windows"),
        first_at: later(-3000),
        last_at: later(-2900),
        services: Vec::new(),
        current: false,
    };
    let page = |sessions| Sessions { frame: account_frame("/account/sessions"), sessions };
    vec![("two", page(vec![here.clone(), other])), ("one", page(vec![here])), ("none", page(Vec::new()))]
}

fn organization(name: &str, code: &str, state: OrganizationState) -> OrganizationItem {
    OrganizationItem {
        id: format!("0192f0c1-7d2e-7c3a-9b1e-{:0>12}", code.chars().filter(char::is_ascii_digit).collect::<String>()),
        name: text(name),
        code: text(code),
        role: text("Giám đốc"),
        state,
        as_of: later(-3),
    }
}

pub(super) fn for_whom() -> Vec<(&'static str, ForWhom)> {
    let sao_mai = || organization("Công ty TNHH Sao Mai", "0199999511", OrganizationState::Open);
    let unit = || organization("Chi nhánh 001 – Công ty TNHH Sao Mai", "0199999511-001", OrganizationState::Open);
    let page = |open: Vec<OrganizationItem>| ForWhom {
        frame: flow_frame("/signin/k3Jx9QvTn2/for"),
        flow: text(FLOW),
        person: text("Trần Văn Minh"),
        may_be_self: true,
        open,
        closed: Vec::new(),
        selected: String::new(),
        note: WhomNote::None,
    };
    let down = || organization("Công ty TNHH Sao Mai", "0199999511", OrganizationState::Unconfirmed);
    let over = |state| organization("Công ty Cổ phần Hoa Sen", "0199999536", state);
    vec![
        ("choice", page(vec![sao_mai(), unit()])),
        ("chosen-before", ForWhom { selected: sao_mai().id, ..page(vec![sao_mai(), unit()]) }),
        ("organizations-only", ForWhom { may_be_self: false, ..page(vec![sao_mai(), unit()]) }),
        (
            "none-chosen",
            ForWhom {
                frame: wrong(flow_frame("/signin/k3Jx9QvTn2/for"), "for", ErrorText::ChoiceMissing),
                ..page(vec![sao_mai()])
            },
        ),
        ("register-down", ForWhom { closed: vec![down()], note: WhomNote::RegisterDown, ..page(Vec::new()) }),
        (
            "register-down-no-self",
            ForWhom { may_be_self: false, closed: vec![down()], note: WhomNote::RegisterDown, ..page(Vec::new()) },
        ),
        ("none", ForWhom { may_be_self: false, ..page(Vec::new()) }),
        (
            "lost",
            ForWhom {
                closed: vec![over(OrganizationState::RoleEnded), over(OrganizationState::Dissolved)],
                note: WhomNote::Lost,
                ..page(vec![sao_mai()])
            },
        ),
        ("suspended", ForWhom { closed: vec![over(OrganizationState::Suspended)], ..page(vec![sao_mai()]) }),
        ("hostile-name", page(vec![organization("<img src=x onerror=alert(1)>", "1", OrganizationState::Open)])),
    ]
}

pub(super) fn organizations() -> Vec<(&'static str, Organizations)> {
    let page = |items, waiting| Organizations {
        frame: account_frame("/account/organizations"),
        items,
        waiting,
        may_apply: true,
    };
    let states = [
        OrganizationState::Open,
        OrganizationState::WaitsForOthers,
        OrganizationState::WaitsForMe,
        OrganizationState::Refused,
        OrganizationState::Closed,
        OrganizationState::Suspended,
        OrganizationState::Dissolved,
        OrganizationState::RoleEnded,
    ];
    let all = states.into_iter().map(|state| organization("Công ty TNHH Sao Mai", "0199999511", state)).collect();
    let waiting = |no_match| WaitingItem { code: text("0199999536"), since: later(-20), no_match };
    let notices = [
        ("opened", Notice::OrganizationOpened),
        ("waits", Notice::OrganizationWaits),
        ("register-down", Notice::OrganizationRegisterDown),
        ("refused", Notice::OrganizationRefused),
        ("closed", Notice::OrganizationClosed),
    ];
    let mut samples = vec![
        ("none", page(Vec::new(), Vec::new())),
        ("every-state", page(all, vec![waiting(false), waiting(true)])),
        ("not-proven", Organizations { may_apply: false, ..page(Vec::new(), Vec::new()) }),
    ];
    samples.extend(notices.map(|(state, notice)| {
        let frame = noticed(account_frame("/account/organizations"), notice);
        (state, Organizations { frame, ..page(Vec::new(), vec![waiting(false)]) })
    }));
    samples
}

pub(super) fn add_organization() -> Vec<(&'static str, AddOrganization)> {
    let start = || account_frame("/account/organizations/add");
    let page = |frame, problem| AddOrganization { frame, code: text("0199999511"), problem };
    vec![
        ("empty", AddOrganization { code: String::new(), ..page(start(), AddProblem::None) }),
        ("wrong-form", page(wrong(start(), "organization_code", ErrorText::OrganizationCodeFormat), AddProblem::None)),
        (
            "no-match",
            page(
                wrong(start(), "organization_code", ErrorText::OrganizationNoMatch { tries_left: 2 }),
                AddProblem::None,
            ),
        ),
        ("paused", page(start(), AddProblem::PausedUntil(later(5)))),
        ("suspended", page(start(), AddProblem::NotActive(OrganizationState::Suspended))),
        ("dissolved", page(start(), AddProblem::NotActive(OrganizationState::Dissolved))),
    ]
}

pub(super) fn organization_page() -> Vec<(&'static str, OrganizationPage)> {
    let person =
        |name: &str, said, is_me| ParticipantItem { name: text(name), role: text("Giám đốc"), said, is_me };
    let page = |state, mine, other| OrganizationPage {
        frame: account_frame("/account/organizations/0192f0c1"),
        item: organization("Công ty Cổ phần Hoa Sen", "0199999536", state),
        people: vec![person("Trần Văn Minh", mine, true), person(HOA, other, false)],
        register_down: false,
    };
    let asked = || page(OrganizationState::WaitsForMe, Said::Nothing, Said::Agreed);
    vec![
        ("open", page(OrganizationState::Open, Said::Agreed, Said::Agreed)),
        ("asks-me", asked()),
        ("asks-me-register-down", OrganizationPage { register_down: true, ..asked() }),
        ("waits-for-others", page(OrganizationState::WaitsForOthers, Said::Agreed, Said::Nothing)),
        ("refused", page(OrganizationState::Refused, Said::Agreed, Said::Refused)),
        ("suspended", page(OrganizationState::Suspended, Said::Agreed, Said::Agreed)),
    ]
}

pub(super) fn close_organization() -> Vec<(&'static str, CloseOrganization)> {
    let page = |frame| CloseOrganization {
        frame,
        item: organization("Công ty Cổ phần Hoa Sen", "0199999536", OrganizationState::Open),
    };
    let start = || account_frame("/account/organizations/0192f0c1/close");
    vec![("plain", page(start())), ("no-choice", page(wrong(start(), "sure-yes", ErrorText::ChoiceMissing)))]
}

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
