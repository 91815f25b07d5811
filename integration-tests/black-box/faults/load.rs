//! Writers that work until the ground goes from under them, and what they were promised.

use crate::harness::{Answer, Ask, Citizen, History, Outcome, Party, Shape, Site, Way, landing};
use futures_util::future::join_all;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

const WRITERS: usize = 4;
/// Families checked after each fault, the latest first.
const LOOKED_AT: usize = 12;

/// What a writer knows of one sign-in at a portal.
struct Family {
    ask: Ask,
    code: String,
    redeemed: History,
    /// The newest refresh token that was acknowledged.
    refresh: Option<String>,
    /// A request about it was not answered, so it may have moved on.
    moved: bool,
    revoked: bool,
}

/// Portal, citizens, and all that was acknowledged to them.
pub struct Load {
    party: Party,
    citizens: Vec<Citizen>,
    families: Mutex<Vec<Family>>,
    acknowledged: Mutex<i64>,
}

fn outcome(answer: reqwest::Result<Answer>) -> (Outcome, Option<Answer>) {
    match answer {
        Ok(answer) if answer.status == 200 => (Outcome::Won, Some(answer)),
        Ok(answer) if answer.status == 400 || answer.status == 401 => {
            (Outcome::Lost(answer.error().to_owned()), Some(answer))
        }
        // Our 503 says "not now", which is neither.
        Ok(answer) => {
            assert!(answer.status == 503, "{} {}", answer.status, answer.page.body);
            (Outcome::Unknown(answer.status.to_string()), None)
        }
        Err(error) => (Outcome::Unknown(error.to_string()), None),
    }
}

impl Load {
    /// A portal with four people signed in at it.
    pub async fn new(site: &Site) -> Self {
        let party = Party::register(site, Shape::Basic, |_| {});
        let mut citizens = Vec::new();
        for _ in 0..WRITERS {
            let citizen = Citizen::new(site).await;
            citizen.authorize(site, &party.ask("openid offline_access"), Way::Passkey).await;
            citizens.push(citizen);
        }
        Self { party, citizens, families: Mutex::default(), acknowledged: Mutex::new(0) }
    }

    /// How many sign-ins were completed so far.
    pub fn count(&self) -> i64 {
        *self.acknowledged.lock().unwrap()
    }

    /// Works until told to stop; requests may fail as they like, as long as none says yes and means no.
    pub async fn run(&self, stop: &AtomicBool) {
        join_all(self.citizens.iter().map(|citizen| async move {
            while !stop.load(Ordering::Relaxed) {
                if self.sign_in(citizen).await.is_none() {
                    // Nobody listens: not the moment to be eager.
                    tokio::task::yield_now().await;
                }
            }
        }))
        .await;
    }

    async fn post(&self, target: &str, fields: &[(&str, &str)]) -> (Outcome, Option<Answer>) {
        outcome(self.party.try_send(self.party.prepare(target, fields)).await)
    }

    async fn sign_in(&self, citizen: &Citizen) -> Option<()> {
        let ask = self.party.ask("openid offline_access");
        let page = citizen.browser.try_send(citizen.browser.request(reqwest::Method::GET, &ask.target())).await.ok()?;
        let code = landing(&page)?.get("code").to_owned();
        if code.is_empty() {
            return None;
        }
        let mut redeemed = History::of("a code under faults");
        let fields = self.party.redemption(&ask, &code);
        let mut answer = None;
        redeemed
            .race([async {
                let (outcome, given) = self.post("/token", &fields).await;
                answer = given;
                outcome
            }])
            .await;
        let mut family = Family { ask: ask.clone(), code, redeemed, refresh: None, moved: false, revoked: false };
        if let Some(answer) = answer.filter(|answer| answer.status == 200) {
            *self.acknowledged.lock().unwrap() += 1;
            family.refresh = Some(answer.text("refresh_token"));
            self.use_family(&mut family).await;
        }
        self.families.lock().unwrap().push(family);
        Some(())
    }

    async fn use_family(&self, family: &mut Family) {
        let old = family.refresh.clone().unwrap();
        match self.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", &old)]).await {
            (Outcome::Won, Some(answer)) => family.refresh = Some(answer.text("refresh_token")),
            (Outcome::Lost(why), _) => panic!("a fresh refresh token was refused: {why}"),
            _ => family.moved = true,
        }
        let third = self.families.lock().unwrap().len().is_multiple_of(3);
        if third && !family.moved {
            let token = family.refresh.clone().unwrap();
            match self.post("/revoke", &[("token", &token)]).await.0 {
                Outcome::Won => family.revoked = true,
                Outcome::Lost(why) => panic!("a revocation was refused: {why}"),
                Outcome::Unknown(_) => family.moved = true,
            }
        }
    }

    /// Checks every promise of the time before.
    pub async fn check(&self, site: &Site) {
        for citizen in &self.citizens {
            assert!(citizen.is_signed_in().await, "I3: an acknowledged session is gone");
        }
        let mut families: Vec<Family> = std::mem::take(&mut *self.families.lock().unwrap());
        let skip = families.len().saturating_sub(LOOKED_AT);
        for family in families.iter_mut().skip(skip) {
            if let Some(refresh) = family.refresh.as_deref().filter(|_| !family.moved) {
                let alive = self.party.is_active(refresh).await;
                assert_eq!(alive, !family.revoked, "I2, I3: revoked: {}, alive: {alive}", family.revoked);
            }
            // Again, twice: at most one of all was accepted (I1, I12).
            let fields = self.party.redemption(&family.ask, &family.code);
            for _ in 0..2 {
                family.redeemed.race([async { self.post("/token", &fields).await.0 }]).await;
            }
            family.redeemed.has_at_most_one_winner(false);
            if let Some(refresh) = &family.refresh {
                assert!(!self.party.is_active(refresh).await, "a family lives on after its code came again");
            }
        }
        let db = site.database().await;
        let count = async |statement: &'static str| -> i64 { db.query(statement).scalar().await.unwrap() };
        let silent = count(
            "SELECT COUNT(*) FROM authorization_grant g WHERE code_used_at IS NOT NULL AND NOT EXISTS (SELECT 1
             FROM audit_event a WHERE a.grant_id = g.id AND a.kind IN ('grant.exchanged', 'grant.ended'))",
        )
        .await;
        assert_eq!(silent, 0, "I4: codes were used without a word in the audit trail");
        let told = count("SELECT COUNT(*) FROM audit_event WHERE kind = 'grant.exchanged'").await;
        assert!(told >= self.count(), "I3, I4: {} exchanges were acknowledged, {told} are in the trail", self.count());
    }
}
