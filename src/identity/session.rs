//! How long a sign-in lasts and what of the device is kept.

use crate::base::Timestamp;
use std::time::Duration;

/// The account's own pages ask for a new sign-in after this long without use.
pub const ACCOUNT_PAGES_IDLE: Duration = Duration::from_mins(15);

/// Use is written down at most this often, so that single sign-on does not write at each request.
pub const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// What the rules need to know of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// The last sign-in or step-up.
    pub authenticated_at: Timestamp,
    /// The last use.
    pub last_seen_at: Timestamp,
    /// End without use.
    pub idle_expires_at: Timestamp,
    /// End in any case.
    pub expires_at: Timestamp,
    /// Ended by sign-out, lock or another act.
    pub ended_at: Option<Timestamp>,
}

impl SessionView {
    /// Whether it still counts. Expiry is judged at use, not when a sweeper runs (T5). A session that was ended stays
    /// ended whatever the clock says, and time never runs before its last use (I2, I15).
    pub fn is_live(&self, now: Timestamp) -> bool {
        let now = now.max(self.last_seen_at);
        self.ended_at.is_none() && now < self.idle_expires_at && now < self.expires_at
    }

    /// Whether it is live and was used recently enough for the account's own pages.
    pub fn opens_account_pages(&self, now: Timestamp) -> bool {
        self.is_live(now) && now.since(self.last_seen_at) < ACCOUNT_PAGES_IDLE
    }

    /// Whether the sign-in is recent enough for a request's `max_age` (OpenID Connect Core 3.1.2.1). Zero always asks
    /// for a new one.
    pub fn within_max_age(&self, max_age: Duration, now: Timestamp) -> bool {
        !max_age.is_zero() && now.since(self.authenticated_at) <= max_age
    }
}

/// In the order they must be asked: most browsers also name those they descend from.
const BROWSERS: &[(&str, &str)] = &[
    ("Zalo", "Zalo"),
    ("FBAN", "Facebook"),
    ("FBAV", "Facebook"),
    ("coc_coc_browser", "Cốc Cốc"),
    ("EdgiOS", "Edge"),
    ("EdgA/", "Edge"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("FxiOS", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// Stands for a device of which nothing is recognised; pages translate it.
pub const OTHER: &str = "Other";

/// A short label such as `Chrome, Android` from closed lists; nothing of the raw header is kept.
pub fn device_label(user_agent: &str) -> String {
    let find = |list: &[(&str, &'static str)]| {
        list.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, label)| *label)
    };
    match (find(BROWSERS), find(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => system.to_owned(),
        (None, None) => OTHER.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_790_000_000 + seconds)
    }

    fn session() -> SessionView {
        SessionView {
            authenticated_at: at(0),
            last_seen_at: at(0),
            idle_expires_at: at(3600),
            expires_at: at(86_400),
            ended_at: None,
        }
    }

    #[test]
    fn t5_idle_and_absolute_ends_are_judged_at_use() {
        assert!(session().is_live(at(3599)));
        assert!(!session().is_live(at(3600)));
        let busy = SessionView { last_seen_at: at(86_000), idle_expires_at: at(86_400), ..session() };
        assert!(busy.is_live(at(86_399)));
        assert!(!busy.is_live(at(86_400)));
        let badly_stored = SessionView { idle_expires_at: at(900_000), ..session() };
        assert!(!badly_stored.is_live(at(86_400)));
    }

    #[test]
    fn i2_an_ended_session_is_dead_at_any_time() {
        let ended = SessionView { ended_at: Some(at(10)), ..session() };
        for now in [-100, 0, 9, 10, 11] {
            assert!(!ended.is_live(at(now)));
        }
    }

    #[test]
    fn i15_a_clock_before_the_last_use_does_not_revive() {
        let late = SessionView { last_seen_at: at(4000), ..session() };
        assert!(!late.is_live(at(100)));
    }

    #[test]
    fn account_pages_close_after_a_quarter_of_an_hour() {
        assert!(session().opens_account_pages(at(899)));
        assert!(!session().opens_account_pages(at(900)));
        assert!(session().is_live(at(900)));
    }

    #[test]
    fn p6_max_age_counts_from_the_sign_in_and_zero_always_asks() {
        let used = SessionView { last_seen_at: at(500), ..session() };
        assert!(used.within_max_age(Duration::from_secs(600), at(600)));
        assert!(!used.within_max_age(Duration::from_secs(600), at(601)));
        assert!(!used.within_max_age(Duration::ZERO, at(0)));
    }

    #[test]
    fn labels_name_browser_and_system() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, label) in [
            (format!("Mozilla/5.0 (Linux; Android 10; K) {webkit} Chrome/140.0.0.0 Mobile Safari/537.36"), "Chrome, Android"),
            (
                format!("Mozilla/5.0 (Linux; Android 10; K) {webkit} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"),
                "Samsung Internet, Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1".to_owned(),
                "Safari, iPhone",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 CriOS/140.0 Mobile/15E148 Safari/604.1".to_owned(),
                "Chrome, iPad",
            ),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"), "Edge, Windows"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0".to_owned(), "Firefox, Linux"),
            (format!("Mozilla/5.0 (Windows NT 10.0) {webkit} coc_coc_browser/125.0.0 Chrome/119.0 Safari/537.36"), "Cốc Cốc, Windows"),
            (format!("Mozilla/5.0 (Linux; Android 14) {webkit} Chrome/130.0 Mobile Safari/537.36 Zalo android/13000"), "Zalo, Android"),
            ("curl/8.1".to_owned(), "Other"),
            (String::new(), "Other"),
        ] {
            assert_eq!(device_label(&agent), label, "{agent}");
        }
    }

    proptest! {
        /// K6: nothing a client sends reaches the label.
        #[test]
        fn k6_labels_come_from_closed_lists(agent in ".*") {
            let label = device_label(&agent);
            let known = |part: &str| {
                part == OTHER || BROWSERS.iter().chain(SYSTEMS).any(|(_, label)| *label == part)
            };
            prop_assert!(label.split(", ").all(known), "{}", label);
        }
    }
}
