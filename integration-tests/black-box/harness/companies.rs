//! Organizations of the register simulator, and what a test has the register say of them.

use super::browser::Page;
use super::citizen::{Citizen, Way};
use super::html;
use super::site::Site;
use dinhdanh::base::{Clock, SystemClock};
use dinhdanh::db::Db;
use dinhdanh::registers::simulator::{AGENCY_CODE, Population};
use serde_json::json;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A company or state body of the simulated registers.
pub struct Company {
    /// Its code.
    pub code: String,
    register: String,
}

impl Company {
    /// A company that no other test of this run takes, represented by these people.
    pub async fn of(site: &Site, people: &[&Citizen]) -> Self {
        static POPULATION: OnceLock<Population> = OnceLock::new();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let population = POPULATION.get_or_init(|| Population::generate(10_000, 7));
        let company = population.company_at(NEXT.fetch_add(1, Ordering::Relaxed)).expect("a company");
        Self::at(site, company.tax_code, people).await
    }

    /// The demo's state body.
    pub async fn agency(site: &Site, people: &[&Citizen]) -> Self {
        Self::at(site, AGENCY_CODE.to_owned(), people).await
    }

    async fn at(site: &Site, code: String, people: &[&Citizen]) -> Self {
        let register = site.info["register_url"].as_str().expect("register_url").trim_end_matches('/').to_owned();
        let company = Self { code, register };
        company.becomes("active", people).await;
        company
    }

    /// From now on the register says this: `active`, `suspended` or `dissolved`, and who represents it.
    pub async fn becomes(&self, status: &str, people: &[&Citizen]) {
        let numbers: Vec<&str> = people.iter().map(|citizen| citizen.person.number.as_str()).collect();
        let change = json!({ "code": self.code, "status": status, "representatives": numbers });
        post(&format!("{}/companies", self.register), &change).await;
    }
}

/// The registers go wrong in this way from now on; `None`: no more.
pub async fn registers_go_wrong(site: &Site, how: Option<&str>) {
    let address = format!("{}/faults", site.info["register_url"].as_str().unwrap().trim_end_matches('/'));
    let answer = client().delete(&address).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204);
    if let Some(kind) = how {
        post(&address, &json!({ "kind": kind })).await;
    }
}

async fn post(address: &str, body: &serde_json::Value) {
    let answer = client().post(address).json(body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204, "{address} {body}");
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap()
}

/// Everybody here was proven in person, and every passkey is past its first day.
pub async fn everybody_is_proven(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    tx.query("UPDATE person SET identity_level = 2").execute().await.unwrap();
    tx.query("UPDATE passkey SET settles_at = created_at").execute().await.unwrap();
    tx.commit().await.unwrap();
}

/// As if the register had last been asked ten minutes ago.
pub async fn answers_age(db: &Db) {
    let then = SystemClock.now().minus(Duration::from_secs(600));
    let mut tx = db.begin().await.unwrap();
    tx.query("UPDATE organization_representative SET as_of = $1, checked_at = $1").bind(then).execute().await.unwrap();
    tx.query("UPDATE organization SET as_of = $1").bind(then).execute().await.unwrap();
    tx.commit().await.unwrap();
}

impl Citizen {
    /// Signs in to the page on which an organization is added, past the question against scams.
    pub async fn page_to_apply(&self, site: &Site) -> Page {
        let page = self.browser.open("/account/organizations/add").await;
        let page = self.walk(site, page, Way::Passkey).await;
        assert!(page.url.path().ends_with("/account/stop"), "{} {:.2000}", page.url, page.body);
        let page = self.browser.submit(&page, "/account/stop", &[("answer", "no")]).await;
        assert!(page.url.path().ends_with("/organizations/add"), "{} {:.2000}", page.url, page.body);
        page
    }

    /// Applies for an organization's account; gives the word of what came of it.
    pub async fn apply_for(&self, site: &Site, code: &str) -> String {
        let page = self.page_to_apply(site).await;
        let page = self.browser.submit(&page, "/organizations/add", &[("organization_code", code)]).await;
        done(&page)
    }

    /// Paths of the pages of this citizen's organizations.
    pub async fn organizations(&self, site: &Site) -> Vec<String> {
        let page = self.browser.open("/account/organizations").await;
        let page = self.walk(site, page, Way::Passkey).await;
        assert_eq!(page.status, 200, "{:.2000}", page.body);
        let mut links = html::attributes(&page.body, "href");
        links.retain(|link| {
            link.strip_prefix("/account/organizations/").is_some_and(|id| id.len() == 36 && !id.contains('/'))
        });
        links
    }
}

/// The word in an address that tells what was done; the status otherwise.
pub fn done(page: &Page) -> String {
    let told = page.url.query_pairs().find(|(name, _)| name == "done").map(|(_, word)| word.into_owned());
    told.unwrap_or_else(|| page.status.to_string())
}
