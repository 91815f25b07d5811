//! C28, C29, C30, C34, C35: what happened, "not me", sharing, freezing, closing, settings.

use super::{Frame, Locale, account_samples as samples, claim_label, page};
use crate::base::Timestamp;
use askama::Template;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct ActivityItem {
    /// Id of the event.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Which sentence: `activity-` and this word.
    pub word: &'static str,
    /// The portal it was about.
    pub portal: Option<String>,
    /// The organization the person acted for.
    pub organization: Option<String>,
    /// How the person signed in (RFC 8176 values).
    pub methods: Vec<String>,
}

impl ActivityItem {
    /// The plain sentence.
    pub fn sentence(&self, locale: Locale) -> String {
        match (self.word, &self.portal) {
            ("signed-in", _) => locale.t1("activity-signed-in", "how", self.how(locale)),
            ("organization-acted", portal) => {
                let portal = portal.clone().unwrap_or_else(|| locale.t("portal-unknown"));
                let organization = self.organization.clone().unwrap_or_else(|| locale.t("organization-some"));
                locale.t2("activity-organization-acted", ("organization", organization), ("portal", portal))
            }
            (
                word @ ("portal-entered" | "consent-given" | "consent-refused" | "consent-ended" | "data-sent"
                | "request-asked" | "request-denied" | "agency-acted" | "logout-told" | "logout-untold"),
                portal,
            ) => {
                let portal = portal.clone().unwrap_or_else(|| locale.t("portal-unknown"));
                locale.t1(&format!("activity-{word}"), "portal", portal)
            }
            (word, _) => locale.t(&format!("activity-{word}")),
        }
    }

    fn how(&self, locale: Locale) -> String {
        let has = |method: &str| self.methods.iter().any(|m| m == method);
        locale.t(if has("swk") || has("hwk") || has("pop") {
            "activity-by-passkey"
        } else if has("pwd") {
            "activity-by-password"
        } else {
            "activity-by-code"
        })
    }
}

/// C28 `/account/activity`.
#[derive(Template)]
#[template(path = "account/activity.html")]
pub struct Activity {
    /// Shared part.
    pub frame: Frame,
    /// What a list can be narrowed to.
    pub kinds: Vec<&'static str>,
    /// What it is narrowed to.
    pub kind: Option<&'static str>,
    /// Newest first.
    pub items: Vec<ActivityItem>,
    /// Where the next page goes on.
    pub older: Option<String>,
}
page!(Activity, "activity", samples::activity);

impl Activity {
    fn kind_name(&self, kind: &str) -> String {
        self.frame.t(&format!("activity-kind-{kind}"))
    }

    fn is_kind(&self, kind: &str) -> bool {
        self.kind == Some(kind)
    }

    /// The part of a query that keeps the filter.
    fn query(&self) -> String {
        self.kind.map(|kind| format!("?kind={kind}")).unwrap_or_default()
    }

    fn older_href(&self, older: &str) -> String {
        let kept = self.kind.map(|kind| format!("kind={kind}&")).unwrap_or_default();
        format!("/account/activity?{kept}before={older}")
    }
}

/// C29 `/account/not-me`, with a session.
#[derive(Template)]
#[template(path = "account/not_me.html")]
pub struct NotMe {
    /// Shared part.
    pub frame: Frame,
    /// What it is about.
    pub event: Option<ActivityItem>,
}
page!(NotMe, "not-me", samples::not_me);

/// C29 `/not-me`, with the personal number and the code of a notice.
#[derive(Template)]
#[template(path = "account/not_me_signed_out.html")]
pub struct NotMeSignedOut {
    /// Shared part.
    pub frame: Frame,
    /// As typed.
    pub personal_number: String,
}
page!(NotMeSignedOut, "not-me-signed-out", samples::not_me_signed_out);

/// C29: the number of the report.
#[derive(Template)]
#[template(path = "account/reported.html")]
pub struct Reported {
    /// Shared part.
    pub frame: Frame,
    /// Such as `4TZ8-11KD`.
    pub number: String,
    /// What was done: `report`, `end_sessions` or `freeze`.
    pub action: &'static str,
}
page!(Reported, "reported", samples::reported);

impl Reported {
    fn done(&self) -> &'static str {
        match self.action {
            "freeze" => "reported-freeze",
            "end_sessions" => "reported-end-sessions",
            _ => "reported-only",
        }
    }
}

/// A portal that gets data by consent.
#[derive(Clone, Debug)]
pub struct SharingItem {
    /// Its name.
    pub portal: String,
    /// Its id in paths.
    pub client_id: String,
    /// Names of the claims.
    pub claims: Vec<String>,
    /// When the consent was given.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// Where a sign-in there begins.
    pub open: Option<String>,
}

impl SharingItem {
    fn labels(&self, locale: &Locale) -> Vec<String> {
        self.claims.iter().map(|claim| claim_label(claim, *locale)).collect()
    }

    /// The path of its pages; an id is a registered name, and is escaped all the same.
    fn href(&self) -> String {
        let id: String = url::form_urlencoded::byte_serialize(self.client_id.as_bytes()).collect();
        format!("/account/sharing/{}/stop", id.replace('+', "%20"))
    }
}

/// C30 `/account/sharing`.
#[derive(Template)]
#[template(path = "account/sharing.html")]
pub struct Sharing {
    /// Shared part.
    pub frame: Frame,
    /// Newest first.
    pub items: Vec<SharingItem>,
}
page!(Sharing, "sharing", samples::sharing);

/// `/account/sharing/{client}/stop`: what follows from stopping.
#[derive(Template)]
#[template(path = "account/stop_sharing.html")]
pub struct StopSharing {
    /// Shared part.
    pub frame: Frame,
    /// Which.
    pub item: SharingItem,
}
page!(StopSharing, "stop-sharing", samples::stop_sharing);

/// One release of data.
#[derive(Clone, Debug)]
pub struct ReleaseItem {
    /// To whom.
    pub portal: String,
    /// Names of the claims.
    pub claims: Vec<String>,
    /// When.
    pub at: Timestamp,
}

impl ReleaseItem {
    fn labels(&self, locale: &Locale) -> String {
        self.claims.iter().map(|claim| claim_label(claim, *locale)).collect::<Vec<_>>().join(", ")
    }
}

/// `/account/sharing/history`: every release.
#[derive(Template)]
#[template(path = "account/releases.html")]
pub struct Releases {
    /// Shared part.
    pub frame: Frame,
    /// Newest first.
    pub items: Vec<ReleaseItem>,
    /// Where the next page goes on.
    pub older: Option<String>,
}
page!(Releases, "releases", samples::releases);

/// C34 `/account/freeze`: what stops, what stays, how to undo.
#[derive(Template)]
#[template(path = "account/freeze.html")]
pub struct FreezePage {
    /// Shared part.
    pub frame: Frame,
}
page!(FreezePage, "freeze", samples::freeze_page);

/// Answer to freezing: no session is left.
#[derive(Template)]
#[template(path = "account/frozen_now.html")]
pub struct FrozenNow {
    /// Shared part.
    pub frame: Frame,
}
page!(FrozenNow, "frozen-now", samples::frozen_now);

/// `/signin/{f}/frozen`: the owner of a frozen account proved something.
#[derive(Template)]
#[template(path = "account/frozen.html")]
pub struct Frozen {
    /// Shared part.
    pub frame: Frame,
    /// The flow's id in paths.
    pub flow: String,
    /// Since when.
    pub since: Timestamp,
    /// The proofs are strong enough to open it.
    pub may_open: bool,
}
page!(Frozen, "frozen", samples::frozen);

/// C34 `/account/close`.
#[derive(Template)]
#[template(path = "account/close.html")]
pub struct CloseAccount {
    /// Shared part.
    pub frame: Frame,
    /// Names of the portals that get data by consent.
    pub portals: Vec<String>,
}
page!(CloseAccount, "close-account", samples::close_account);

/// Answer to closing.
#[derive(Template)]
#[template(path = "account/closed.html")]
pub struct AccountClosed {
    /// Shared part.
    pub frame: Frame,
}
page!(AccountClosed, "account-closed", samples::account_closed);

/// C35 `/account/settings`.
#[derive(Template)]
#[template(path = "account/settings.html")]
pub struct Settings {
    /// Shared part.
    pub frame: Frame,
    /// The language of messages and pages.
    pub language: Locale,
    /// 22 % larger text.
    pub larger_text: bool,
    /// Pages without anything that is not needed.
    pub quiet: bool,
    /// `all`, `sms` or `email`.
    pub channel: &'static str,
    /// There is a phone and an address to choose from.
    pub has_both: bool,
}
page!(Settings, "settings", samples::settings);

impl Settings {
    fn is_vi(&self) -> bool {
        self.language == Locale::Vi
    }

    fn has_channel(&self, channel: &str) -> bool {
        self.channel == channel
    }
}
