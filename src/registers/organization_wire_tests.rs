//! The look-up of organizations against the simulator, over real sockets.

use super::error::{Defect, Mismatch, Outage, RegisterError};
use super::port::{OrganizationAnswer, OrganizationQuery, OrganizationRegister};
use super::simulator::{
    AGENCY_CODE, AGENCY_SERVICE, CompanyChange, CompanyStatus, DEMO_CLIENT, ENTERPRISE_SERVICE, FaultKind, HOA,
    HOA_SEN_TAX_CODE, MINH, Population, SAO_MAI_TAX_CODE, Simulator, serve_simulator,
};
use super::xroad::{XRoadOrganizationRegister, XRoadSettings};
use super::{BreakerPolicy, BreakerState, GuardPolicy, GuardedRegister, OrganizationDirectory, Unconnected};
use crate::base::{FrozenClock, Timestamp};
use crate::identity::{
    OrganizationCode, OrganizationKind, OrganizationRecord, OrganizationStatus, PersonalNumber, RepresentationRole,
};
use serde_json::json;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

struct Bench {
    simulator: Simulator,
    base: String,
    _stop: watch::Sender<bool>,
}

impl Bench {
    fn start() -> Self {
        let simulator = Simulator::new(Population::generate(200, 7).with_demo_people());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        let served = simulator.clone();
        tokio::spawn(async move { serve_simulator(listener, &served, None, stopped).await });
        Self { simulator, base, _stop: stop }
    }

    fn adapter(&self, service: &str) -> Arc<dyn OrganizationRegister> {
        let settings: XRoadSettings = serde_json::from_value(json!({
            "base_url": self.base, "client": DEMO_CLIENT, "service": service, "deadline_ms": 400,
        }))
        .unwrap();
        Arc::new(XRoadOrganizationRegister::new(&settings, Arc::new(FrozenClock::at(NOW))).unwrap())
    }

    fn directory(&self) -> OrganizationDirectory {
        OrganizationDirectory { enterprises: self.adapter(ENTERPRISE_SERVICE), agencies: self.adapter(AGENCY_SERVICE) }
    }
}

fn query(code: &str, representative: &str) -> OrganizationQuery {
    OrganizationQuery {
        code: OrganizationCode::parse(code).unwrap(),
        representative: PersonalNumber::from_exact(representative).unwrap(),
        issue: "organization".to_owned(),
        request_id: Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0002),
        on_behalf_of: None,
    }
}

async fn found(register: &dyn OrganizationRegister, code: &str, representative: &str) -> OrganizationRecord {
    match register.look_up_organization(&query(code, representative)).await {
        Ok(OrganizationAnswer::Found { record, evidence }) => {
            assert_eq!(evidence.as_of, NOW);
            assert_eq!(evidence.request_hash.len(), 88);
            assert!(Uuid::parse_str(&evidence.request_id).is_ok());
            record
        }
        other => panic!("{code}: {other:?}"),
    }
}

#[tokio::test]
async fn companies_units_and_agencies_answer_to_their_representatives() {
    let bench = Bench::start();
    let directory = bench.directory();
    let sao_mai = found(&directory, SAO_MAI_TAX_CODE, MINH).await;
    assert_eq!((sao_mai.name.as_str(), sao_mai.status), ("Công ty TNHH Sao Mai", OrganizationStatus::Active));
    assert_eq!(sao_mai.representatives[0].title.as_deref(), Some("Giám đốc"));
    let unit = found(&directory, &format!("{SAO_MAI_TAX_CODE}-001"), MINH).await;
    assert_eq!(unit.code.kind(), OrganizationKind::DependentUnit);
    assert!(unit.name.starts_with("Chi nhánh 001"), "{}", unit.name);
    let agency = found(&directory, AGENCY_CODE, HOA).await;
    assert_eq!(agency.representatives[0].role, RepresentationRole::Head);
    assert_eq!(found(&directory, HOA_SEN_TAX_CODE, HOA).await.representatives.len(), 2);
    // Nothing of the person is in any address.
    assert!(bench.simulator.seen().iter().all(|seen| !seen.uri.contains(MINH) && !seen.uri.contains(HOA)));
}

#[tokio::test]
async fn nobody_elses_organization_is_told_from_none() {
    let bench = Bench::start();
    let directory = bench.directory();
    for (code, representative) in
        [(SAO_MAI_TAX_CODE, HOA), (AGENCY_CODE, MINH), ("0199999014", MINH), ("H99.02", HOA), ("0199999511-002", MINH)]
    {
        let answer = directory.look_up_organization(&query(code, representative)).await;
        assert_eq!(answer, Ok(OrganizationAnswer::NotFound), "{code}");
    }
}

#[tokio::test]
async fn o10_an_answer_for_another_or_a_partial_one_gives_nothing() {
    let bench = Bench::start();
    let directory = bench.directory();
    for code in [SAO_MAI_TAX_CODE, AGENCY_CODE] {
        let person = if code == AGENCY_CODE { HOA } else { MINH };
        for (fault, expected) in [
            (FaultKind::WrongPerson, RegisterError::WrongAnswer(Mismatch::Organization)),
            (FaultKind::Partial, RegisterError::Malformed(Defect::Record)),
            (FaultKind::Malformed, RegisterError::Malformed(Defect::Body)),
            (FaultKind::EmptyReply, RegisterError::Malformed(Defect::Empty)),
            (FaultKind::WrongId, RegisterError::WrongAnswer(Mismatch::RequestId)),
            (FaultKind::ErrorWithOk, RegisterError::Malformed(Defect::Body)),
            (
                FaultKind::ErrorSnakeCase("server.serverproxy.network_error".into()),
                RegisterError::unavailable(Outage::ProviderServer),
            ),
        ] {
            bench.simulator.clear_faults();
            bench.simulator.add_fault(fault.clone());
            let answer = directory.look_up_organization(&query(code, person)).await;
            assert_eq!(answer, Err(expected), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn suspension_dissolution_and_a_lost_role_are_seen_at_the_next_question() {
    let bench = Bench::start();
    let directory = bench.directory();
    for (told, status) in [
        (CompanyStatus::Suspended, OrganizationStatus::Suspended),
        (CompanyStatus::Dissolved, OrganizationStatus::Dissolved),
        (CompanyStatus::Active, OrganizationStatus::Active),
    ] {
        let change = CompanyChange { code: SAO_MAI_TAX_CODE.into(), status: Some(told), ..CompanyChange::default() };
        bench.simulator.change_company(change);
        assert_eq!(found(&directory, SAO_MAI_TAX_CODE, MINH).await.status, status);
    }
    let body = json!({ "code": HOA_SEN_TAX_CODE, "without": [MINH] });
    let posted = reqwest::Client::new().post(format!("{}/companies", bench.base)).json(&body).send().await.unwrap();
    assert_eq!(posted.status(), 204);
    let answer = directory.look_up_organization(&query(HOA_SEN_TAX_CODE, MINH)).await;
    assert_eq!(answer, Ok(OrganizationAnswer::NotFound));
    assert_eq!(found(&directory, HOA_SEN_TAX_CODE, HOA).await.representatives.len(), 1);
    bench.simulator.change_company(CompanyChange {
        code: SAO_MAI_TAX_CODE.into(),
        representatives: Some(vec![HOA.to_owned()]),
        ..CompanyChange::default()
    });
    let answer = directory.look_up_organization(&query(SAO_MAI_TAX_CODE, MINH)).await;
    assert_eq!(answer, Ok(OrganizationAnswer::NotFound), "replaced");
    assert_eq!(found(&directory, SAO_MAI_TAX_CODE, HOA).await.representatives.len(), 1);
}

#[tokio::test]
async fn x21_a_hanging_register_meets_the_deadline_and_then_the_breaker() {
    let bench = Bench::start();
    let policy = GuardPolicy { breaker: BreakerPolicy { failures_to_open: 2, open_seconds: 10 }, max_concurrent: 4 };
    let guarded: GuardedRegister<dyn OrganizationRegister> =
        GuardedRegister::new(bench.adapter(ENTERPRISE_SERVICE), policy, Arc::new(FrozenClock::at(NOW)));
    bench.simulator.add_fault(FaultKind::Hang);
    let started = Instant::now();
    for _ in 0..2 {
        let answer = guarded.look_up_organization(&query(SAO_MAI_TAX_CODE, MINH)).await;
        assert_eq!(answer, Err(RegisterError::TimedOut));
    }
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(guarded.breaker_state(), BreakerState::Open);
    let seen = bench.simulator.seen().len();
    let refused = guarded.look_up_organization(&query(SAO_MAI_TAX_CODE, MINH)).await.unwrap_err();
    assert_eq!((refused.reason(), bench.simulator.seen().len()), ("register_breaker_open", seen));
    assert!(guarded.is_connected() && !Unconnected.is_connected());
}
