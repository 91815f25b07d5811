//! Samples of the account's first pages.

use super::samples::{HEALTH, HOA, NOW, PORTAL, account_frame, codes, later, noticed, text, texts, wrong};
use super::*;

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
            kept_by: Some("Google Password Manager"),
            this_sign_in: true,
            created_at: later(-60 * 24 * 90),
            last_used_at: Some(later(-40)),
            settles_at: None,
        },
        PasskeyItem {
            id: text("0192f0c2"),
            name: text("<i>Máy tính</i>"),
            kept_by: None,
            this_sign_in: false,
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
        place: Some(text("Ba Đình, Hà Nội")),
        first_at: later(-40),
        last_at: NOW,
        services: texts(&[PORTAL, HEALTH]),
        current: true,
    };
    let other = SessionItem {
        id: text("0192f0d2"),
        device: text("Firefox, Windows"),
        place: None,
        first_at: later(-3000),
        last_at: later(-2900),
        services: Vec::new(),
        current: false,
    };
    let page = |sessions| Sessions { frame: account_frame("/account/sessions"), sessions };
    vec![("two", page(vec![here.clone(), other])), ("one", page(vec![here])), ("none", page(Vec::new()))]
}
