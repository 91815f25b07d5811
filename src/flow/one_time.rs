//! What a request shows that counts once: its client assertion, its proof of possession.
//!
//! Both are checked first and consumed by one statement, which is durable before anything else is done: a replay is
//! refused whatever becomes of the request.

use super::{Outcome, Services};
use crate::base::{Digest, Timestamp};
use crate::protocol::{Error, ErrorCode};
use crate::store::spent::{self, SpentKind};

/// Checked, and not consumed yet.
#[must_use = "it can be replayed until it is consumed"]
pub struct OneTime {
    /// What it is.
    pub kind: SpentKind,
    /// Names it.
    pub digest: Digest,
    /// When it would no longer pass anyway.
    pub until: Timestamp,
    /// What whoever shows it again is told.
    pub replayed: Error,
}

/// Consumes an assertion and the proof of possession beside it; what is wrong with the proof is handed on. A client that is
/// only told to use our nonce (RFC 9449 8) is told at once and has used up nothing: it comes again, with the same assertion
/// perhaps.
pub async fn consume_with<T>(
    services: &Services,
    assertion: Option<OneTime>,
    shown: Result<(T, Option<OneTime>), Error>,
) -> Outcome<Result<Result<T, Error>, Error>> {
    let (shown, proof) = match shown {
        Ok((shown, proof)) => (Ok(shown), proof),
        Err(error) if error.code == ErrorCode::UseDpopNonce => return Ok(Err(error)),
        Err(error) => (Err(error), None),
    };
    Ok(consume(services, [assertion, proof]).await?.map(|()| shown))
}

/// Consumes what is there; the error is that of the first one that had been consumed before.
pub async fn consume(services: &Services, shown: [Option<OneTime>; 2]) -> Outcome<Result<(), Error>> {
    let (now, alone) = (services.clock.now(), services.db.alone());
    Ok(match shown {
        [None, None] => Ok(()),
        [Some(one), None] | [None, Some(one)] => {
            let fresh = spent::consume(alone, one.kind, &one.digest, now, one.until).await?;
            if fresh { Ok(()) } else { Err(one.replayed) }
        }
        [Some(first), Some(second)] => {
            let both = [&first, &second].map(|one| (one.kind, &one.digest, one.until));
            match spent::consume_both(alone, both, now).await? {
                [true, true] => Ok(()),
                [false, _] => Err(first.replayed),
                [true, false] => Err(second.replayed),
            }
        }
    })
}
