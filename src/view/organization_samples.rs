//! Samples of acting for organizations.

use super::samples::{FLOW, HOA, account_frame, flow_frame, later, noticed, text, wrong};
use super::*;

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

pub(super) fn organization_waiting() -> Vec<(&'static str, OrganizationWaiting)> {
    let page = |slow| OrganizationWaiting { frame: account_frame("/account/organizations/add/waiting"), slow };
    vec![("asking", page(false)), ("slow", page(true))]
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
