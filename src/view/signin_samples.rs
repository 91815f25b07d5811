//! Samples of the pages of signing in and out, and of problems.

use super::samples::{FLOW, HEALTH, HOA, NOW, PORTAL, flow_frame, frame, later, noticed, text, texts, wrong};
use super::*;
use crate::base::{ErrorId, SeededEntropy};

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
                        ..PortalBox::default()
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
        portal_words: Vec::new(),
        verified: false,
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
    changed.portal_words = texts(&["Mở hồ sơ <khai sinh> trực tuyến", "So với giấy chứng sinh"]);
    changed.verified = true;
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
        portals: Vec::new(),
        idle: false,
    };
    let portals = |all: &[(&str, Telling)]| {
        all.iter().map(|(name, telling)| ToldPortal { name: text(name), telling: *telling }).collect::<Vec<_>>()
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
        ("told", SignedOut { portals: portals(&[(PORTAL, Telling::Asked), (HEALTH, Telling::Told(NOW))]), ..page() }),
        (
            "partly",
            SignedOut {
                portal: None,
                portals: portals(&[
                    (PORTAL, Telling::Told(NOW)),
                    (HEALTH, Telling::Unanswered),
                    ("Cổng Thuế", Telling::Waiting),
                    ("Cổng Giáo dục", Telling::InBrowser),
                    ("<script>alert(1)</script>", Telling::Never),
                ]),
                ..page()
            },
        ),
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
