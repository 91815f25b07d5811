//! `registration-token`: initial access tokens (RFC 7591 3), for those who may register clients over the wire.

use super::ConfigArgument;
use super::output::{self, Failure};
use crate::base::{Clock, RowId, SystemClock, SystemEntropy};
use crate::config::RegistrationMode;
use crate::flow::initial_access_token::{self as tokens, NewToken};
use clap::Subcommand;
use serde_json::json;
use std::time::Duration;

/// Examples for `registration-token --help`.
pub const HELP: &str = "Examples:
  dinhdanh registration-token add --note 'Ministry of Health' --uses 3 --days 14
  dinhdanh registration-token list
  dinhdanh registration-token revoke 0190a0b0-0000-7000-8000-000000000000

Exit codes: 0 done, 1 refused or failed, 2 used wrongly.";

/// What `registration-token` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct RegistrationTokenArguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Make a token. It is shown this once: only its digest is kept.
    #[command(after_help = HELP)]
    Add {
        /// For whom it is, for the list.
        #[arg(long)]
        note: String,
        /// How many clients it may register.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=1000))]
        uses: i32,
        /// After how many days it ends.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=365))]
        days: u32,
    },
    /// List every token, without the token itself.
    #[command(after_help = HELP)]
    List,
    /// Revoke a token. Clients that it registered stay.
    #[command(after_help = HELP)]
    Revoke {
        /// Its id, as the list names it.
        id: RowId,
    },
}

/// `registration-token`.
pub async fn run(arguments: RegistrationTokenArguments, as_json: bool) -> Result<(), Failure> {
    let (config, db) = super::open(&arguments.config).await?;
    let now = SystemClock.now();
    match arguments.action {
        Action::Add { note, uses, days } => {
            let new = NewToken { note, uses, lifetime: Duration::from_secs(u64::from(days) * 86_400) };
            let (id, token, expires_at) = tokens::add(&db, new, now, &SystemEntropy).await?;
            let facts = json!({
                "id": id.to_string(), "token": token.expose(), "uses": uses, "expires_at": expires_at.to_string(),
            });
            if as_json {
                output::json(&facts)
            } else {
                output::line(format!("{facts:#}"))
            }
            if config.registration.mode == RegistrationMode::Off {
                output::note("Registration is off: set [registration] mode = \"token\" for it to be of use.");
            }
        }
        Action::List => {
            let all = tokens::list(&db).await?;
            let facts: Vec<_> = all
                .iter()
                .map(|token| {
                    json!({
                        "id": token.id.to_string(), "note": token.note, "uses_left": token.uses_left,
                        "expires_at": token.expires_at.to_string(), "good": token.is_good(now),
                    })
                })
                .collect();
            if as_json {
                output::json(&json!({ "tokens": facts }));
            }
            for token in all.iter().filter(|_| !as_json) {
                let state = if token.is_good(now) { "good" } else { "over" };
                output::line(format!(
                    "{}  {state}  {} left  {}  {}",
                    token.id, token.uses_left, token.expires_at, token.note
                ));
            }
        }
        Action::Revoke { id } => {
            if !tokens::revoke(&db, id, now, &SystemEntropy).await? {
                return Err(Failure::new("there is no such token, or it was revoked before")
                    .help("'dinhdanh registration-token list' names every token."));
            }
            if as_json {
                output::json(&json!({ "id": id.to_string(), "revoked": true }));
            } else {
                output::line("Revoked. Nobody can register with it any more.");
            }
        }
    }
    Ok(())
}
