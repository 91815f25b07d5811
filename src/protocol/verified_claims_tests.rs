use super::*;
use crate::base::sha256;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn verification() -> Verification {
    let at = Timestamp::from_seconds(NOW.seconds() - 1_000);
    let evidence = Some(RegisterCheck { at, check_id: sha256(b"keyed") });
    Verification { identity_level: 2, time: Some(at), evidence }
}

fn available() -> Released {
    [(ClaimName::Name.into(), json!("Nguyễn Văn A")), (ClaimName::Birthdate.into(), json!("1990-01-01"))].into()
}

fn said(request: Value) -> Option<Value> {
    answer(&parse(&request).unwrap(), &verification(), (&available(), false), NOW)
}

fn asking(verification: Value) -> Option<Value> {
    said(json!({ "verification": verification, "claims": { "name": null } }))
}

#[test]
fn ida_only_what_was_asked_for_is_said_and_the_framework_always() {
    let answer = asking(json!({ "trust_framework": null })).unwrap();
    let expected =
        json!({ "verification": { "trust_framework": TRUST_FRAMEWORK }, "claims": { "name": "Nguyễn Văn A" } });
    assert_eq!(answer, expected);
    let more = asking(json!({ "trust_framework": null, "time": null, "assurance_level": null })).unwrap();
    assert_eq!(more["verification"]["assurance_level"], "2");
    assert_eq!(more["verification"]["time"], "2027-01-15T00:00:00Z", "h6: the day, of 07:43:20");
    assert!(more["verification"].get("evidence").is_none());
}

#[test]
fn ida_a_condition_on_the_verification_that_is_not_met_omits_the_whole() {
    for (verification, met) in [
        (json!({ "trust_framework": { "value": TRUST_FRAMEWORK } }), true),
        (json!({ "trust_framework": { "value": "de_aml" } }), false),
        (json!({ "trust_framework": { "values": ["de_aml", TRUST_FRAMEWORK] } }), true),
        (json!({ "trust_framework": { "values": ["de_aml"] } }), false),
        (json!({ "trust_framework": null, "time": { "max_age": 1_000 } }), true),
        (json!({ "trust_framework": null, "time": { "max_age": 999 } }), false),
        (json!({ "trust_framework": null, "time": { "value": "2027-01-15T00:00:00Z" } }), true),
        (json!({ "trust_framework": null, "time": { "value": moment(verification().time.unwrap()) } }), false),
        (json!({ "trust_framework": null, "assurance_level": { "value": "3" } }), false),
        (json!({ "trust_framework": null, "verification_process": null }), true),
        (json!({ "trust_framework": null, "verification_process": { "essential": true } }), true),
        (json!({ "trust_framework": null, "verification_process": { "value": "x" } }), false),
        (json!({ "trust_framework": null, "assurance_process": { "policy": { "essential": true } } }), true),
        (json!({ "trust_framework": null, "assurance_process": { "policy": { "value": "x" } } }), false),
        (json!({ "trust_framework": {}, "time": {}, "unknown": null }), true),
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
        "record": { "type": "population_register", "source": { "name": SOURCE, "country_code": "VNM" } } }]);
    assert_eq!(answer.unwrap()["verification"]["evidence"], expected);
    let of_record = |wish: Value| evidence(json!([{ "type": { "value": "electronic_record" }, "record": wish }]));
    let checked =
        |wish: Value| evidence(json!([{ "type": { "value": "electronic_record" }, "check_details": [wish] }]));
    assert!(evidence(json!([{ "type": { "value": "document" } }])).is_none());
    assert!(of_record(json!({ "type": { "value": "birth_register" } })).is_none());
    assert!(of_record(json!({ "created_at": { "max_age": 10 } })).is_none(), "not known, so not as young as that");
    assert!(
        of_record(json!({ "created_at": null })).unwrap()["verification"]["evidence"][0]["record"]
            .get("created_at")
            .is_none()
    );
    assert!(checked(json!({ "check_method": null, "time": { "max_age": 999 } })).is_none());
    assert!(checked(json!({ "check_method": { "value": "vpip" } })).is_none());
    let answer = checked(json!({ "check_method": null, "time": { "max_age": 1_000 }, "check_id": null })).unwrap();
    let digest = URL_SAFE_NO_PAD.encode(sha256(b"keyed").as_bytes());
    assert_eq!(
        answer["verification"]["evidence"][0]["check_details"],
        json!([{ "check_method": "data", "time": "2027-01-15T00:00:00Z", "check_id": digest }])
    );
}

#[test]
fn ida_5_7_what_makes_an_answer_valid_is_in_it_whether_asked_for_or_not() {
    let wish = json!([{ "type": { "value": "electronic_record" }, "record": { "source": { "name": null } }, "check_details": [{ "organization": null }] }]);
    let answer = asking(json!({ "trust_framework": null, "evidence": wish })).unwrap();
    let evidence = &answer["verification"]["evidence"][0];
    assert_eq!(evidence["record"], json!({ "type": RECORD, "source": { "name": SOURCE } }));
    assert_eq!(evidence["check_details"], json!([{ "check_method": "data", "organization": SOURCE }]));
}

#[test]
fn ida_what_is_not_known_is_not_said() {
    let unknown = Verification { identity_level: 1, time: None, evidence: None };
    let said = |verification: Value| {
        let request = json!({ "verification": verification, "claims": { "name": null } });
        answer(&parse(&request).unwrap(), &unknown, (&available(), false), NOW)
    };
    let with_time = said(json!({ "trust_framework": null, "time": null, "evidence": null, "assurance_level": null }));
    let expected = json!({ "trust_framework": TRUST_FRAMEWORK, "assurance_level": "1" });
    assert_eq!(with_time.unwrap()["verification"], expected);
    assert!(said(json!({ "trust_framework": null, "time": { "max_age": 1_000_000 } })).is_none());
    let record = json!([{ "type": { "value": "electronic_record" } }]);
    assert!(said(json!({ "trust_framework": null, "evidence": record })).is_none());
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
    let answer = claims(json!({ "name": {}, "birthdate": { "max": 7, "essential": false } })).unwrap();
    assert_eq!(answer["claims"], json!({ "name": "Nguyễn Văn A", "birthdate": "1990-01-01" }), "Core 5.5.1: ignored");
    // A day counts to its last second.
    let day = |age: i64| claims(json!({ "birthdate": { "max_age": age } })).is_some();
    let age = NOW.seconds() - 631_238_399;
    assert!(day(age) && !day(age - 1));
}

#[test]
fn core_5_2_a_tagged_claim_is_answered_under_its_tag() {
    let request =
        json!({ "verification": { "trust_framework": null }, "claims": { "name#vi": null, "name#en": null } });
    assert_eq!(said(request).unwrap()["claims"], json!({ "name#vi": "Nguyễn Văn A" }));
}

#[test]
fn ida_nothing_but_the_registers_claims_can_be_verified() {
    let request = json!({ "verification": { "trust_framework": null }, "claims": { "phone_number": null } });
    assert_eq!(parse(&request).unwrap(), []);
}

#[test]
fn ida_a_request_is_narrowed_to_what_may_leave() {
    let request = json!({ "verification": { "trust_framework": null },
        "claims": { "name": { "essential": true, "purpose": "To greet <you>" }, "birthdate": null } });
    let request = parse(&request).unwrap().remove(0);
    assert!(request.is_essential(ClaimName::Name) && !request.is_essential(ClaimName::Birthdate));
    assert_eq!(request.purposes().collect::<Vec<_>>(), ["To greet <you>"]);
    let only = request.only(&[ClaimName::Birthdate].into()).unwrap();
    assert_eq!(only.claims().collect::<Vec<_>>(), [ClaimName::Birthdate]);
    assert_eq!(only.purposes().count(), 0);
    assert_eq!(request.only(&BTreeSet::new()), None);
    assert_eq!(serde_json::from_value::<VerifiedClaimsRequest>(serde_json::to_value(&only).unwrap()).unwrap(), only);
}

#[test]
fn ida_a_purpose_has_3_to_300_characters() {
    let purpose = |text: &str| {
        parse(&json!({ "verification": { "trust_framework": null }, "claims": { "name": { "purpose": text } } }))
    };
    for (text, lawful) in [
        ("đủ!".to_owned(), true),
        ("đủ".to_owned(), false),
        ("đ".repeat(300), true),
        ("đ".repeat(301), false),
        ("a b<script>\"&".to_owned(), true),
        ("a\u{202e}b<script>".to_owned(), false),
        ("a\u{200b}bc".to_owned(), false),
        ("a\u{2028}bc".to_owned(), false),
        ("a\u{2066}bc".to_owned(), false),
        ("a\u{feff}bc".to_owned(), false),
        ("line\nbreak".to_owned(), false),
    ] {
        assert_eq!(purpose(&text).is_ok(), lawful, "{text}");
    }
    let elsewhere = json!({ "verification": { "trust_framework": { "purpose": "x" } }, "claims": { "name": null } });
    assert!(parse(&elsewhere).is_err());
}

#[test]
fn ida_a_list_is_answered_one_by_one() {
    let one = |framework: &str| json!({ "verification": { "trust_framework": { "value": framework } }, "claims": { "name": null } });
    assert!(said(json!([one(TRUST_FRAMEWORK), one("de_aml")])).unwrap().is_object());
    assert_eq!(said(json!([one(TRUST_FRAMEWORK), one(TRUST_FRAMEWORK)])).unwrap().as_array().unwrap().len(), 2);
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
        json!({ "verification": { "trust_framework": null }, "claims": { "name": { "essential": 7 } } }),
        with(json!({})),
        with(json!(null)),
        with(json!({ "trust_framework": TRUST_FRAMEWORK })),
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
