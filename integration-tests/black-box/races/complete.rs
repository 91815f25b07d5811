//! The list of races is complete: every statement of the store that changes something under a condition, every kind of
//! spent artefact and every value taken out of the cache is raced, or says here why it need not be. What is new and
//! not named here fails.

use super::RACES;
use dinhdanh::store::spent::SpentKind;
use std::collections::BTreeSet;
use std::path::Path;

enum Why {
    /// Counts once: raced under this name.
    Raced(&'static str),
    /// Counts once: raced by a test of this name, beside the races.
    RacedBeside(&'static str),
    /// Whoever comes second changes nothing and gains nothing by it.
    Idempotent,
    /// Part of a larger act whose one-time statement is raced under this name.
    Within(&'static str),
    /// The last one who writes is right: operators' and registers' facts.
    LastWins,
}
use Why::{Idempotent, LastWins, Raced, RacedBeside, Within};

/// File and function of the store. Races on rows alone are in `src/store/tests/once.rs` besides.
const STATEMENTS: &[(&str, Why)] = &[
    ("agreement::replace", LastWins),
    ("client::insert", Idempotent),
    ("client::set_status", LastWins),
    ("client::replace_secret", LastWins),
    ("client::update_registered", RacedBeside("i1_r3_registration_on_processes_that_share_a_store")),
    ("client::end_registration", Idempotent),
    ("client::clear_secret", Idempotent),
    ("client_logo::replace", LastWins),
    ("client_logo::remove", Idempotent),
    ("encryption_key::supersede", Idempotent),
    ("initial_access_token::consume", RacedBeside("i1_r3_registration_on_processes_that_share_a_store")),
    ("initial_access_token::revoke", Idempotent),
    ("consent::end", Idempotent),
    ("consent::hold", LastWins),
    ("contact::end", Idempotent),
    ("decoupled::approve", Raced("q1_device_approval")),
    ("decoupled::deny", Within("q1_device_approval")),
    ("decoupled::expire", Idempotent),
    ("decoupled::insert", Idempotent),
    ("decoupled::note_poll", LastWins),
    ("grant::burn", Within("b4_authorization_code")),
    ("grant::consume_code", Raced("b4_authorization_code")),
    ("grant::end", Raced("e4_revocation")),
    ("grant::end_for_client", Idempotent),
    ("grant::end_for_organization", Idempotent),
    ("grant::end_for_person", Idempotent),
    ("grant::end_for_person_and_client", Idempotent),
    ("grant::end_for_session", Within("i1_sign_out")),
    ("grant::end_late_code", Idempotent),
    ("notice_code::consume", Raced("c29_notice_code")),
    ("organization::end_requests_for", Idempotent),
    ("organization::apply_anew", Raced("i1_applying_at_once")),
    ("organization::claim_check", Idempotent),
    ("organization::claim_request", Idempotent),
    ("organization::decide", Raced("i1_agreeing_and_refusing_at_once")),
    ("organization::end_representative", Idempotent),
    ("organization::end_request", Idempotent),
    ("organization::hold", Idempotent),
    ("organization::hold_account", Within("i1_agreements_at_once")),
    ("organization::move_account", Raced("i1_agreements_at_once")),
    ("outbox::claim_due", Raced("i1_sign_out")),
    ("outbox::finish", Within("i1_sign_out")),
    ("outbox::reschedule", Within("i1_sign_out")),
    ("passkey::end", Idempotent),
    ("passkey::insert", Raced("l6_passkey_making")),
    ("passkey::rename", LastWins),
    ("passkey::update_after_use", Within("l2_passkey_challenge")),
    ("password::rehash", Idempotent),
    ("person::change_status", Idempotent),
    ("person::claim_pending", Idempotent),
    ("person::hold", LastWins),
    ("person::insert", Raced("p1_account_creation")),
    ("person::unlock", Idempotent),
    ("person::update_language", LastWins),
    ("person::update_name", LastWins),
    ("person::update_number", LastWins),
    ("person::update_register_state", LastWins),
    ("person::update_status", LastWins),
    // The code that proves the new phone is raced; whoever ends a change second changes nothing.
    ("phone_change::apply", Idempotent),
    ("phone_change::end", Idempotent),
    ("recovery_code::consume", Raced("m2_recovery_code")),
    ("recovery_code::end_all", Idempotent),
    ("recovery_code::replace_all", Within("c11_stop_confirmation")),
    ("refresh_token::consume", Raced("e1_refresh_generation")),
    ("refresh_token::end_late", Idempotent),
    // Not used up: a client of a profile keeps its token.
    ("refresh_token::keep", LastWins),
    ("sent_code::attempt", Within("m2_sms_code")),
    ("sent_code::consume", Raced("m2_sms_code")),
    ("sent_code::insert", Within("m2_sms_code")),
    ("session::end", Raced("i1_sign_out")),
    ("session::end_all_for", Within("i1_sign_out")),
    ("session::hold", Within("p1_flow_end")),
    ("session::rotate", Raced("d3_session_raise")),
    ("session::touch", LastWins),
    ("session_client::end", Within("i1_sign_out")),
    ("signing_key::revoke", Idempotent),
    ("signing_key::supersede", Idempotent),
    ("spent::consume", Raced("f2_client_assertion")),
    ("spent::consume_both", Raced("f2_assertion_and_proof")),
    ("subject::get_or_create", Within("p1_flow_end")),
    ("throttle::write", LastWins),
    ("totp::advance_step", Raced("m2_totp_step")),
    ("totp::confirm", Idempotent),
    ("totp::end", Idempotent),
];

/// Values taken out of the cache, by file. None of them is what says "unused": that is SQL's to say.
const TAKEN: &[(&str, usize, &str)] = &[
    ("logout.rs", 2, "a question and a request; what they lead to is the end of a session: i1_sign_out"),
    ("passkey.rs", 1, "a ceremony, whose challenge is consumed in SQL: l2_passkey_challenge, l6_passkey_making"),
];

/// A new kind of spent artefact does not compile until it is named here.
const fn race_of(kind: SpentKind) -> Why {
    match kind {
        SpentKind::ClientAssertion => Raced("f2_client_assertion"),
        SpentKind::PasskeyChallenge => Raced("l2_passkey_challenge"),
        SpentKind::InteractionStep => Raced("p1_flow_end"),
        SpentKind::PasskeyOffer => Idempotent,
        SpentKind::StopConfirmation => Raced("c11_stop_confirmation"),
        SpentKind::PushedRequest => Raced("i1_pushed_request"),
        SpentKind::DpopProof => Raced("f2_dpop_proof"),
        SpentKind::RevokedAccessToken => Raced("e4_revocation"),
    }
}

/// Names and texts of all source files below a folder, tests apart.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(found.len() > 5, "the sources were not found");
    found
}

/// `file::function` of every statement of the store that changes rows under a condition.
fn statements() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (file, text) in sources("src/store") {
        if file == "testing.rs" {
            continue;
        }
        let mut function = String::new();
        for line in text.lines() {
            let code = line.trim_start();
            if let Some((_, after)) = code.split_once("fn ").filter(|(before, _)| !before.contains('/')) {
                function = after.split(['(', '<']).next().unwrap().to_owned();
            }
            let upsert = code.contains("DO UPDATE SET");
            if !code.starts_with("//") && (code.contains("UPDATE ") && !upsert || code.contains("DO NOTHING")) {
                found.insert(format!("{}::{function}", file.trim_end_matches(".rs")));
            }
        }
    }
    found
}

#[test]
fn i1_everything_that_counts_once_is_raced() {
    let named: BTreeSet<String> = STATEMENTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let found = statements();
    let new: Vec<_> = found.difference(&named).collect();
    assert!(new.is_empty(), "race these (or say why not) in races/complete.rs: {new:?}");
    let gone: Vec<_> = named.difference(&found).collect();
    assert!(gone.is_empty(), "these are no more: {gone:?}");
    let kinds = [
        SpentKind::ClientAssertion,
        SpentKind::PasskeyChallenge,
        SpentKind::InteractionStep,
        SpentKind::PasskeyOffer,
        SpentKind::StopConfirmation,
        SpentKind::PushedRequest,
        SpentKind::DpopProof,
        SpentKind::RevokedAccessToken,
    ]
    .map(race_of);
    let beside = sources("integration-tests/black-box");
    for why in STATEMENTS.iter().map(|(_, why)| why).chain(&kinds) {
        if let Raced(race) | Within(race) = why {
            assert!(RACES.contains(race), "there is no race {race}");
        }
        if let RacedBeside(race) = why {
            let there = beside.iter().any(|(_, text)| text.contains(&format!("async fn {race}(")));
            assert!(there, "there is no race {race}");
        }
    }
    // What stands for a code at another door is consumed by the statement of codes.
    let of_codes = ["q1_device_code", "ciba_auth_req_id"];
    let raced = |race: &&str| {
        STATEMENTS.iter().map(|(_, why)| why).chain(&kinds).any(|why| matches!(why, Raced(one) if one == race))
    };
    // Consent has no statement of its own that counts once: its answer is the flow's.
    let idle: Vec<_> = RACES
        .iter()
        .filter(|race| !raced(race) && **race != "h5_consent_decision" && !of_codes.contains(*race))
        .collect();
    assert!(idle.is_empty(), "these races race nothing: {idle:?}");
}

#[test]
fn i1_the_cache_is_never_asked_whether_something_is_unused() {
    for (file, text) in sources("src/flow") {
        let takes = text.matches("cache.take(").count();
        let named = TAKEN.iter().find(|(name, ..)| *name == file).map_or(0, |(_, count, _)| *count);
        assert_eq!(takes, named, "src/flow/{file}: name what is taken from the cache in races/complete.rs");
    }
}
