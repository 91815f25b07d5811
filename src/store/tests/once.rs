//! I1: 32 racers on two nodes, exactly one winner, for everything that may be used once.

use crate::base::{CredentialId, SystemEntropy};
use crate::store::grant::{self, CodeConsumption};
use crate::store::refresh_token::{self, RefreshConsumption};
use crate::store::session::{self, Rotation};
use crate::store::testing::{
    at, commit, digest, given_family, given_person, given_session, on_both, outbox_message, passkey as make_passkey,
    person as make_person, race, sent_code as make_code,
};
use crate::store::totp::Totp;
use crate::store::{Inserted, outbox, passkey, person, recovery_code, sent_code, spent, subject, totp};
use std::time::Duration;

const ROUNDS: i64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b4_a_code_has_one_winner() {
    on_both(|db| async move {
        let (_, session, _) = given_family(&db).await;
        for round in 0..ROUNDS {
            let code = format!("code {round}");
            crate::store::testing::given_grant(&db, crate::store::testing::grant(&session, "portal", &code)).await;
            let code = digest(&code);
            let winners = race(&db, move |db, _| async move {
                match commit!(db, |tx| grant::consume_code(tx, (grant::GrantOrigin::Code, &code), at(1))) {
                    CodeConsumption::Fresh(_) => true,
                    CodeConsumption::Spent(_) => false,
                    CodeConsumption::Unknown => panic!("a loser must learn that the code was spent"),
                }
            });
            assert_eq!(winners.await, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e1_a_refresh_token_has_one_winner() {
    on_both(|db| async move {
        let (_, _, grant) = given_family(&db).await;
        for round in 0..ROUNDS {
            let token = crate::store::testing::refresh_token(grant.id, &format!("token {round}"));
            commit!(db, |tx| refresh_token::insert(tx, &token));
            let winners = race(&db, move |db, _| async move {
                match commit!(db, |tx| refresh_token::consume(tx, &token.digest, at(1))) {
                    RefreshConsumption::Fresh { .. } => true,
                    RefreshConsumption::Reused { .. } => false,
                    RefreshConsumption::Unknown => panic!("a loser must learn that the token was used"),
                }
            });
            assert_eq!(winners.await, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m2_a_totp_step_a_sent_code_and_a_recovery_code_have_one_winner() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        let app = Totp {
            id: CredentialId::new(at(0), &SystemEntropy),
            person_id: owner,
            secret_sealed: vec![1],
            last_step: None,
            confirmed_at: Some(at(0)),
            created_at: at(0),
            ended_at: None,
        };
        commit!(db, |tx| totp::insert(tx, &app));
        for round in 0..ROUNDS {
            let step = 59_080_440 + round;
            let id = app.id;
            let winners = race(&db, move |db, _| async move { commit!(db, |tx| totp::advance_step(tx, id, step)) });
            assert_eq!(winners.await, 1);

            let code = make_code(&format!("flow {round}"), Some(owner), at(0));
            commit!(db, |tx| sent_code::insert(tx, &code));
            let winners =
                race(&db, move |db, _| async move { commit!(db, |tx| sent_code::consume(tx, code.id, at(1))) });
            assert_eq!(winners.await, 1);

            let printed = digest(&format!("printed {round}"));
            commit!(db, |tx| recovery_code::replace_all(tx, owner, &[printed], at(0), &SystemEntropy));
            let winners =
                race(
                    &db,
                    move |db, _| async move { commit!(db, |tx| recovery_code::consume(tx, owner, &printed, at(1))) },
                );
            assert_eq!(winners.await, 1);
        }
    })
    .await;
}

/// Five tries are five, however many guess at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m1_a_sent_code_is_guessed_no_more_often_than_its_tries() {
    on_both(|db| async move {
        let code = make_code("flow", None, at(0));
        commit!(db, |tx| sent_code::insert(tx, &code));
        let guesses = race(&db, move |db, _| async move {
            commit!(db, |tx| sent_code::attempt(tx, &code.flow_digest, at(1))).is_some()
        });
        assert_eq!(guesses.await, 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f2_a_spent_artefact_has_one_winner() {
    on_both(|db| async move {
        for round in 0..ROUNDS {
            let jti = digest(&format!("jti {round}"));
            let winners = race(&db, move |db, _| async move {
                commit!(db, |tx| spent::consume(tx, spent::SpentKind::ClientAssertion, &jti, at(0), at(300)))
            });
            assert_eq!(winners.await, 1);
        }
    })
    .await;
}

/// Of two that are consumed at once each has its own winner, whatever becomes of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f2_two_artefacts_in_one_statement_have_one_winner_each() {
    use spent::SpentKind::{ClientAssertion, DpopProof};
    on_both(|db| async move {
        for round in 0..ROUNDS {
            let [jti, proof, other] = ["jti", "proof", "other"].map(|name| digest(&format!("{name} {round}")));
            // Half of them show the same assertion, the others the same proof, each with the other of their own.
            for half in [0, 1] {
                let winners = race(&db, move |db, number| async move {
                    let own = digest(&format!("own {round} {half} {number}"));
                    let (assertion, proof) = if half == 0 { (jti, own) } else { (own, proof) };
                    let shown = [(ClientAssertion, &assertion, at(300)), (DpopProof, &proof, at(300))];
                    let fresh = spent::consume_both(db.alone(), shown, at(0)).await.unwrap();
                    assert!(fresh[1 - half], "nobody else showed that");
                    fresh[half]
                });
                assert_eq!(winners.await, 1);
            }
            // Two of one kind are told apart, too.
            let same = [(DpopProof, &proof, at(300)), (DpopProof, &jti, at(300))];
            assert_eq!(spent::consume_both(db.alone(), same, at(0)).await.unwrap(), [false, true]);
            let both = [(ClientAssertion, &jti, at(300)), (DpopProof, &other, at(300))];
            assert_eq!(spent::consume_both(db.alone(), both, at(0)).await.unwrap(), [false, true]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_number_a_credential_and_a_subject_have_one_first() {
    on_both(|db| async move {
        let winners = race(&db, |db, _| async move {
            commit!(db, |tx| person::insert(tx, &make_person("same number"))) == Inserted::New
        });
        assert_eq!(winners.await, 1);

        let owner = given_person(&db, "An").await.id;
        let winners = race(&db, move |db, _| async move {
            commit!(db, |tx| passkey::insert(tx, &make_passkey(owner, "same"))) == Inserted::New
        });
        assert_eq!(winners.await, 1);

        let winners = race(&db, move |db, number| async move {
            let proposed = format!("subject {number}");
            commit!(db, |tx| subject::get_or_create(tx, "tax", owner, &proposed, at(0))) == proposed
        });
        assert_eq!(winners.await, 1, "all must get the one that was kept");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d3_a_session_is_rotated_by_one() {
    on_both(|db| async move {
        let owner = given_person(&db, "An").await.id;
        let made = given_session(&db, owner, "old").await;
        let winners = race(&db, move |db, number| {
            let made = made.clone();
            async move {
                let to = Rotation {
                    old_secret_digest: digest("old"),
                    secret_digest: digest(&format!("new {number}")),
                    authentication_level: made.authentication_level,
                    methods: made.methods,
                    settled: made.settled,
                    authenticated_at: at(1),
                    idle_expires_at: at(100),
                    expires_at: at(1_000),
                    place: None,
                };
                commit!(db, |tx| session::rotate(tx, made.id, &to, at(1)))
            }
        });
        assert_eq!(winners.await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_message_is_claimed_by_one() {
    on_both(|db| async move {
        for round in 0..ROUNDS {
            let message = outbox_message(at(round));
            commit!(db, |tx| outbox::insert(tx, &message));
            let winners = race(&db, move |db, _| async move {
                let claimed = commit!(db, |tx| outbox::claim_due(tx, 10, at(10), Duration::from_secs(300)));
                assert!(claimed.len() <= 1);
                claimed.first().is_some_and(|first| first.id == message.id)
            });
            assert_eq!(winners.await, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i1_a_request_from_another_device_is_decided_once() {
    on_both(|db| async move {
        let person = given_person(&db, "hoa").await;
        for round in 0..ROUNDS {
            let row = crate::store::testing::decoupled(&format!("request {round}"));
            assert_eq!(commit!(db, |tx| crate::store::decoupled::insert(tx, &row)), Inserted::New);
            let again = crate::store::decoupled::Decoupled {
                id: crate::base::DecoupledId::new(crate::store::testing::NOW, &SystemEntropy),
                secret_digest: digest(&format!("other {round}")),
                ..row.clone()
            };
            let taken = commit!(db, |tx| crate::store::decoupled::insert(tx, &again));
            assert_eq!(taken, Inserted::AlreadyKnown, "one user code, one request");
            let (id, who) = (row.id, person.id);
            let winners = race(&db, move |db, racer| async move {
                if racer % 2 == 0 {
                    commit!(db, |tx| crate::store::decoupled::approve(tx, id, who, at(1)))
                } else {
                    commit!(db, |tx| crate::store::decoupled::deny(tx, id, at(1)))
                }
            });
            assert_eq!(winners.await, 1);
        }
    })
    .await;
}

#[tokio::test]
async fn i15_a_request_that_ran_out_stays_over() {
    on_both(|db| async move {
        use crate::store::decoupled::{
            DecoupledKind, approve, deny, expire, find_by_secret, find_by_user_code, insert,
        };
        let (person, stranger) = (given_person(&db, "hoa").await, crate::base::PersonId(uuid::Uuid::from_u128(9)));
        let row = crate::store::testing::decoupled("one");
        assert_eq!(commit!(db, |tx| insert(tx, &row)), Inserted::New);
        let code = row.user_code_index.unwrap();
        assert!(find_by_user_code(&db, &code, at(599)).await.unwrap().is_some());
        assert!(find_by_user_code(&db, &code, at(600)).await.unwrap().is_none());
        assert!(find_by_secret(&db, DecoupledKind::Ciba, &row.secret_digest).await.unwrap().is_none(), "another door");
        assert!(!commit!(db, |tx| approve(tx, row.id, person.id, at(600))), "too late");
        assert!(!commit!(db, |tx| expire(tx, row.id, at(599))), "too early");
        assert!(commit!(db, |tx| expire(tx, row.id, at(600))));
        assert!(!commit!(db, |tx| approve(tx, row.id, person.id, at(1))), "a clock set back");
        assert!(!commit!(db, |tx| deny(tx, row.id, at(1))));
        let asked = crate::store::decoupled::Decoupled {
            person_id: Some(person.id),
            kind: DecoupledKind::Ciba,
            user_code_index: None,
            ..crate::store::testing::decoupled("two")
        };
        assert_eq!(commit!(db, |tx| insert(tx, &asked)), Inserted::New);
        assert_eq!(crate::store::decoupled::list_waiting(&db, person.id, at(1)).await.unwrap().len(), 1);
        assert!(crate::store::decoupled::list_waiting(&db, stranger, at(1)).await.unwrap().is_empty());
        assert!(!commit!(db, |tx| approve(tx, asked.id, stranger, at(1))), "asked of somebody else");
        assert!(commit!(db, |tx| approve(tx, asked.id, person.id, at(1))));
        assert_eq!(commit!(db, |tx| crate::store::sweep::decoupled(tx, at(601), 10)), 2);
    })
    .await;
}
