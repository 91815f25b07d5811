//! Pages of requests from another device: the code that is typed in, who asks, the decision, and the list of what
//! portals ask for.

use super::samples::{HOA, PORTAL, account_frame, flow_frame, frame, later, noticed, text, wrong};
use super::{DataItem, ErrorText, Frame, Notice, page};
use crate::base::Timestamp;
use askama::Template;

const FLOW: &str = "k3Jx9QvTn2";

/// Where a code is typed in (RFC 8628 3.3): field `user_code`, to `/device`.
#[derive(Template)]
#[template(path = "device/code.html")]
pub struct EnterUserCode {
    /// Shared part.
    pub frame: Frame,
    /// What was typed, or what the address brought.
    pub user_code: String,
}
page!(EnterUserCode, "device-code", device_code);

fn device_code() -> Vec<(&'static str, EnterUserCode)> {
    let page = |frame, code: &str| EnterUserCode { frame, user_code: text(code) };
    let start = || frame("/device");
    vec![
        ("empty", page(start(), "")),
        ("brought", page(frame("/device?user_code=WDJB-MJHT"), "WDJB-MJHT")),
        ("malformed", page(wrong(start(), "user_code", ErrorText::UserCodeFormat), "123")),
        ("wrong", page(wrong(start(), "user_code", ErrorText::UserCodeWrong), "WDJB-MJHT")),
        ("paused", page(wrong(start(), "user_code", ErrorText::TryAgainFrom { from: later(9) }), "WDJB-MJHT")),
    ]
}

/// Where the asking device is, as far as it told.
#[derive(Clone, Debug)]
pub struct AskingPlace {
    /// Browser and system, as it names itself.
    pub device: String,
    /// Its network.
    pub network: String,
    /// The network that the person is in, too.
    pub same_network: bool,
}

/// Who asks, and whether somebody tells the person what to do (C11): `answer` is `no`, `yes` or `refuse`.
#[derive(Template)]
#[template(path = "signin/asked.html")]
pub struct Asked {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// A device shows a code; otherwise a portal asks by itself.
    pub by_device: bool,
    /// Where it asks from.
    pub place: Option<AskingPlace>,
    /// To be compared with what the other screen shows.
    pub message: Option<String>,
    /// When it asked.
    pub at: Timestamp,
    /// Until when it can be answered.
    pub until: Timestamp,
}
page!(Asked, "asked", asked);

fn flow_frame_without_way_back() -> Frame {
    Frame { cancel: None, ..flow_frame("/signin/k3Jx9QvTn2/asked") }
}

fn asked() -> Vec<(&'static str, Asked)> {
    let place = |same_network| {
        let (device, network) = (text("TV, Tizen"), text("203.0.113.7"));
        Some(AskingPlace { device, network, same_network })
    };
    let page = |frame| Asked {
        frame,
        flow: text(FLOW),
        by_device: true,
        place: place(true),
        message: None,
        at: later(-1),
        until: later(9),
    };
    let start = flow_frame_without_way_back;
    let portal = || Asked { by_device: false, place: None, message: Some(text("GD-4711")), ..page(start()) };
    vec![
        ("device", page(start())),
        ("other-network", Asked { place: place(false), ..page(start()) }),
        ("portal", portal()),
        ("portal-without-message", Asked { message: None, ..portal() }),
        ("nothing-chosen", page(wrong(start(), "answer-no", ErrorText::ChoiceMissing))),
    ]
}

/// The decision: `action` is `allow` or `deny`.
#[derive(Template)]
#[template(path = "signin/decide.html")]
pub struct Decide {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// A device shows a code; otherwise a portal asks by itself.
    pub by_device: bool,
    /// Full name of who is signed in.
    pub person: String,
    /// To be compared with what the other screen shows.
    pub message: Option<String>,
    /// What the portal will get.
    pub data: Vec<DataItem>,
}
page!(Decide, "decide", decide);

fn decide() -> Vec<(&'static str, Decide)> {
    let page = || Decide {
        frame: flow_frame_without_way_back(),
        flow: text(FLOW),
        by_device: true,
        person: text(HOA),
        message: None,
        data: vec![DataItem { claim: text("name"), value: text(HOA), is_new: false }],
    };
    vec![
        ("device", page()),
        ("device-without-data", Decide { data: Vec::new(), ..page() }),
        ("portal", Decide { by_device: false, message: Some(text("GD-4711")), ..page() }),
        ("hostile", Decide { person: text("<script>alert(1)</script>"), ..page() }),
    ]
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceEnd {
    /// Allowed.
    Allowed,
    /// Refused.
    Denied,
    /// Too late, or decided before.
    Over,
    /// Somebody told the person what to do.
    Stopped,
}

impl DeviceEnd {
    /// The word in the address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Over => "over",
            Self::Stopped => "stopped",
        }
    }

    /// The end of a word; what is none of them is over.
    pub fn parse(word: &str) -> Self {
        [Self::Allowed, Self::Denied, Self::Stopped].into_iter().find(|end| end.as_str() == word).unwrap_or(Self::Over)
    }
}

/// The last page of a device's request.
#[derive(Template)]
#[template(path = "device/done.html")]
pub struct DeviceDone {
    /// Shared part.
    pub frame: Frame,
    /// How it ended.
    pub end: DeviceEnd,
}
page!(DeviceDone, "device-done", device_done);

impl DeviceDone {
    fn title(&self) -> String {
        self.frame.t(match self.end {
            DeviceEnd::Allowed => "device-done-title",
            DeviceEnd::Denied => "device-denied-title",
            DeviceEnd::Over => "device-over-title",
            DeviceEnd::Stopped => "scam-stop-title",
        })
    }

    fn said(&self) -> String {
        self.frame.t(match self.end {
            DeviceEnd::Allowed => "device-done-text",
            DeviceEnd::Denied => "device-denied-text",
            DeviceEnd::Over => "device-over-text",
            DeviceEnd::Stopped => "device-stopped-text",
        })
    }

    fn stopped(&self) -> bool {
        self.end == DeviceEnd::Stopped
    }

    fn over(&self) -> bool {
        self.end == DeviceEnd::Over
    }
}

fn device_done() -> Vec<(&'static str, DeviceDone)> {
    [DeviceEnd::Allowed, DeviceEnd::Denied, DeviceEnd::Over, DeviceEnd::Stopped]
        .map(|end| (end.as_str(), DeviceDone { frame: frame("/device/done"), end }))
        .into()
}

/// One thing that a portal asks for.
#[derive(Clone, Debug)]
pub struct RequestItem {
    /// In the form's address.
    pub id: String,
    /// Who asks.
    pub portal: String,
    /// To be compared with what the other screen shows.
    pub message: Option<String>,
    /// When it asked.
    pub at: Timestamp,
    /// Until when it can be answered.
    pub until: Timestamp,
}

/// `/account/requests`: what portals ask for. Forms to `/account/requests/{id}`: `action` is `answer` or `refuse`.
#[derive(Template)]
#[template(path = "account/requests.html")]
pub struct Requests {
    /// Shared part.
    pub frame: Frame,
    /// Newest first.
    pub items: Vec<RequestItem>,
}
page!(Requests, "requests", requests);

fn requests() -> Vec<(&'static str, Requests)> {
    let item = |id: &str, message: Option<&str>| RequestItem {
        id: text(id),
        portal: text(PORTAL),
        message: message.map(text),
        at: later(-1),
        until: later(4),
    };
    let page = |frame, items| Requests { frame, items };
    let start = || account_frame("/account/requests");
    vec![
        ("waiting", page(start(), vec![item("0190a0b0-0000-7000-8000-000000000001", Some("GD-4711"))])),
        (
            "several",
            page(
                start(),
                vec![
                    item("0190a0b0-0000-7000-8000-000000000001", None),
                    item("0190a0b0-0000-7000-8000-000000000002", Some("12")),
                ],
            ),
        ),
        ("none", page(start(), Vec::new())),
        ("allowed", page(noticed(start(), Notice::RequestAllowed), Vec::new())),
        ("denied", page(noticed(start(), Notice::RequestDenied), Vec::new())),
        ("over", page(noticed(start(), Notice::RequestOver), Vec::new())),
    ]
}
