//! Applying for an organization's account from a page: the register may take longer to answer than the page may wait.

use super::super::organizations::{self, Applied};
use super::super::session::LiveSession;
use super::super::{Fault, Outcome, Services, late};
use super::stop::{self, Purpose};
use crate::base::{Timestamp, random_token};
use crate::cache::Space;
use crate::identity::OrganizationCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

const SPACE: Space = Space("organization_question");
const LIFETIME: Duration = Duration::from_mins(30);

/// An application whose answer is not there yet: one for each session.
#[derive(Serialize, Deserialize)]
struct Question {
    nonce: String,
    asked_at: Timestamp,
    /// As applied for.
    code: String,
}

/// How far an application is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Nothing was asked.
    Nothing,
    /// No answer yet.
    Waits {
        /// It takes so long that the person may leave it to us.
        slow: bool,
    },
    /// What became of the application for this code.
    Done(Applied, String),
}

fn answer_key(live: &LiveSession, question: &Question) -> String {
    format!("{}:{}", live.session.id, question.nonce)
}

/// Applies.
pub async fn apply(services: &Arc<Services>, live: &LiveSession, code: &OrganizationCode) -> Outcome<Progress> {
    let question =
        Question { nonce: random_token(&*services.entropy), asked_at: services.clock.now(), code: code.to_string() };
    let (asking, who, about) = (services.clone(), live.clone(), code.clone());
    let work = async move { organizations::apply(&asking, &who, &about).await };
    if let Some(applied) = late::start(services, &answer_key(live, &question), work).await? {
        return Ok(Progress::Done(applied, question.code));
    }
    let bytes = serde_json::to_vec(&question)?;
    services.cache.put(SPACE, &live.session.id.to_string(), &bytes, LIFETIME).await?;
    Ok(Progress::Waits { slow: false })
}

async fn asked(services: &Services, live: &LiveSession) -> Outcome<Option<Question>> {
    let bytes = services.cache.get(SPACE, &live.session.id.to_string()).await?;
    Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
}

/// Looks whether the answer came meanwhile. It is given once.
pub async fn look_again(services: &Services, live: &LiveSession) -> Outcome<Progress> {
    let Some(question) = asked(services, live).await? else {
        return Ok(Progress::Nothing);
    };
    match late::find(services, &answer_key(live, &question)).await {
        Ok(None) => {
            let slow = services.clock.now().since(question.asked_at) >= late::SLOW;
            Ok(Progress::Waits { slow })
        }
        Ok(Some(applied)) => {
            forget(services, live).await?;
            Ok(Progress::Done(applied, question.code))
        }
        // Told once; then the page asks anew.
        Err(fault) => {
            forget(services, live).await?;
            Err(fault)
        }
    }
}

async fn forget(services: &Services, live: &LiveSession) -> Outcome<()> {
    Ok(services.cache.remove(SPACE, &live.session.id.to_string()).await?)
}

/// Leaves an application that takes too long to the job that asks again. What has come meanwhile counts.
pub async fn leave_to_us(services: &Services, live: &LiveSession) -> Outcome<Progress> {
    let Some(question) = asked(services, live).await? else {
        return Ok(Progress::Nothing);
    };
    match look_again(services, live).await? {
        Progress::Waits { slow: true } if organizations::may_apply(live) => {
            let code = OrganizationCode::parse(&question.code).map_err(Fault::internal)?;
            forget(services, live).await?;
            let confirmed = stop::find(services, live, Purpose::Organization).await?;
            let who = live.session.person_id;
            let kept = match &confirmed {
                Some(_) => organizations::keep_waiting(services, who, &code, confirmed.as_ref()).await?,
                None => false,
            };
            Ok(Progress::Done(if kept { Applied::RegisterDown } else { Applied::Stop }, question.code))
        }
        other => Ok(other),
    }
}
