use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn verification() -> Verification {
    Verification {
        trust_framework: "vn_eid".into(),
        assurance_level: Some("2".into()),
        time: Timestamp::from_seconds(NOW.seconds() - 1_000),
        evidence: vec![ElectronicRecord {
            record_type: "population_register".into(),
            source: "Bộ Công an".into(),
            created_at: Timestamp::from_seconds(NOW.seconds() - 1_000),
            transaction: Some("digest".into()),
        }],
    }
}

fn available() -> BTreeMap<ClaimName, Value> {
    [("name", json!("Nguyễn Văn A")), ("birthdate", json!("1990-01-01"))]
        .into_iter()
        .map(|(name, value)| (ClaimName::parse(name).unwrap(), value))
        .collect()
}

fn said(request: Value) -> Option<Value> {
    answer(&parse(&request).unwrap(), &verification(), &available(), NOW)
}

fn asking(verification: Value) -> Option<Value> {
    said(json!({ "verification": verification, "claims": { "name": null } }))
}

#[test]
fn ida_only_what_was_asked_for_is_said_and_the_framework_always() {
    let answer = asking(json!({ "trust_framework": null })).unwrap();
    let expected = json!({ "verification": { "trust_framework": "vn_eid" }, "claims": { "name": "Nguyễn Văn A" } });
    assert_eq!(answer, expected);
    let more = asking(json!({ "trust_framework": null, "time": null, "assurance_level": null })).unwrap();
    assert_eq!(more["verification"]["assurance_level"], "2");
    assert!(more["verification"]["time"].as_str().unwrap().ends_with('Z'));
    assert!(more["verification"].get("evidence").is_none());
}

#[test]
fn ida_a_condition_on_the_verification_that_is_not_met_omits_the_whole() {
    for (verification, met) in [
        (json!({ "trust_framework": { "value": "vn_eid" } }), true),
        (json!({ "trust_framework": { "value": "de_aml" } }), false),
        (json!({ "trust_framework": { "values": ["de_aml", "vn_eid"] } }), true),
        (json!({ "trust_framework": { "values": ["de_aml"] } }), false),
        (json!({ "trust_framework": null, "time": { "max_age": 1_000 } }), true),
        (json!({ "trust_framework": null, "time": { "max_age": 999 } }), false),
        (json!({ "trust_framework": null, "assurance_level": { "value": "3" } }), false),
        (json!({ "trust_framework": null, "verification_process": null }), true),
        (json!({ "trust_framework": null, "verification_process": { "essential": true } }), false),
        (json!({ "trust_framework": null, "verification_process": { "value": "x" } }), false),
        (json!({ "trust_framework": null, "assurance_process": { "policy": { "essential": true } } }), false),
        (json!({ "trust_framework": { "essential": true } }), true),
    ] {
        assert_eq!(asking(verification.clone()).is_some(), met, "{verification}");
    }
}

#[test]
fn ida_evidence_is_filtered_by_type_and_projected() {
    let evidence = |evidence: Value| asking(json!({ "trust_framework": null, "evidence": evidence }));
    let answer = evidence(json!([
        { "type": { "value": "document" } },
        { "type": { "value": "electronic_record" }, "record": { "type": { "value": "population_register" }, "source": null } }
    ]));
    let expected = json!([{ "type": "electronic_record",
        "record": { "type": "population_register", "source": { "name": "Bộ Công an" } } }]);
    assert_eq!(answer.unwrap()["verification"]["evidence"], expected);
    assert!(evidence(json!([{ "type": { "value": "document" } }])).is_none());
    let other =
        json!([{ "type": { "value": "electronic_record" }, "record": { "type": { "value": "birth_register" } } }]);
    assert!(evidence(other).is_none());
    let stale = json!([{ "type": { "value": "electronic_record" }, "record": { "created_at": { "max_age": 10 } } }]);
    assert!(evidence(stale).is_none());
    let checked = evidence(json!([{ "type": { "value": "electronic_record" }, "check_details": [{ "txn": null }] }]));
    assert_eq!(checked.unwrap()["verification"]["evidence"][0]["check_details"], json!([{ "txn": "digest" }]));
}

#[test]
fn ida_claims_unknown_absent_or_of_another_value_are_left_out() {
    let claims = |claims: Value| said(json!({ "verification": { "trust_framework": null }, "claims": claims }));
    let answer =
        claims(json!({ "name": null, "unknown": null, "email": null, "birthdate": { "value": "2000-01-01" } }));
    assert_eq!(answer.unwrap()["claims"], json!({ "name": "Nguyễn Văn A" }));
    assert!(claims(json!({ "unknown": null })).is_none());
    assert!(claims(json!({ "email": { "essential": true } })).is_none());
    assert!(claims(json!({ "birthdate": { "value": "2000-01-01", "essential": true } })).is_none());
    assert!(claims(json!({ "birthdate": { "values": ["1990-01-01"] } })).is_some());
}

#[test]
fn ida_a_list_is_answered_one_by_one() {
    let one = |framework: &str| json!({ "verification": { "trust_framework": { "value": framework } }, "claims": { "name": null } });
    assert!(said(json!([one("vn_eid"), one("de_aml")])).unwrap().is_object());
    assert_eq!(said(json!([one("vn_eid"), one("vn_eid")])).unwrap().as_array().unwrap().len(), 2);
    assert!(said(json!([one("de_aml")])).is_none());
    assert!(said(Value::Null).is_none());
}

#[test]
fn ida_empty_claims_and_malformed_conditions_are_invalid_requests() {
    let with = |verification: Value| json!({ "verification": verification, "claims": { "name": null } });
    for request in [
        json!("x"),
        json!([]),
        json!([7]),
        json!({}),
        json!({ "claims": { "name": null } }),
        json!({ "verification": { "trust_framework": null } }),
        json!({ "verification": { "trust_framework": null }, "claims": {} }),
        json!({ "verification": { "trust_framework": null }, "claims": { "name": 7 } }),
        json!({ "verification": { "trust_framework": null }, "claims": { "name": { "max": 7 } } }),
        with(json!({})),
        with(json!(null)),
        with(json!({ "trust_framework": "vn_eid" })),
        with(json!({ "trust_framework": { "values": [] } })),
        with(json!({ "trust_framework": { "value": "a", "values": ["a"] } })),
        with(json!({ "trust_framework": null, "time": { "max_age": -1 } })),
        with(json!({ "trust_framework": null, "time": { "max_age": "9" } })),
        with(json!({ "trust_framework": null, "evidence": [] })),
        with(json!({ "trust_framework": null, "evidence": [{}] })),
        with(json!({ "trust_framework": null, "evidence": {} })),
    ] {
        assert_eq!(parse(&request).unwrap_err().code, ErrorCode::InvalidRequest, "{request}");
    }
}
