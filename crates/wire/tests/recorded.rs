//! Recorded bodies survive decoding and encoding, and bodies of other versions and other languages
//! can be decoded.

use serde::{Serialize, de::DeserializeOwned};
use test_engine_wire::{
    Case, CaseFormat, EnvPayload, FilterTestsRequest, FilterTestsResponse, Plan,
    PlanMetadataRequest, PlanRequest, Statistics, Suite, UploadReceipt,
};

fn round_trip<T: Serialize + DeserializeOwned>(recorded: &str) {
    let value: T = serde_json::from_str(recorded).expect("the recorded body decodes");
    let again = serde_json::to_string(&value).expect("it encodes");
    assert_eq!(again, recorded.trim_end());
}

#[test]
fn recorded_bodies_survive_the_round_trip() {
    round_trip::<PlanRequest>(include_str!("fixtures/plan_request.json"));
    round_trip::<Plan>(include_str!("fixtures/plan.json"));
    round_trip::<FilterTestsRequest>(include_str!("fixtures/filter_tests_request.json"));
    round_trip::<FilterTestsResponse>(include_str!("fixtures/filter_tests_response.json"));
    round_trip::<PlanMetadataRequest>(include_str!("fixtures/plan_metadata_request.json"));
    round_trip::<UploadReceipt>(include_str!("fixtures/upload_receipt.json"));
}

#[test]
fn omits_unset_fields_of_a_request() {
    let request = PlanRequest {
        runner: "pytest".into(),
        identifier: "b/s".into(),
        parallelism: 2,
        ..PlanRequest::default()
    };
    assert_eq!(
        serde_json::to_string(&request).unwrap(),
        r#"{"runner":"pytest","identifier":"b/s","parallelism":2,"branch":"","tests":{}}"#
    );
}

#[test]
fn the_env_payload_has_exactly_eighteen_keys() {
    let value = serde_json::to_value(EnvPayload::default()).unwrap();
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 18, "{keys:?}");
    assert!(
        keys.iter()
            .all(|key| !key.contains("TOKEN") && !key.contains("UPLOAD")),
        "{keys:?}"
    );
}

#[test]
fn accepts_null_lists_and_ignores_unknown_fields() {
    let plan: Plan = serde_json::from_str(
        r#"{"identifier":"x","parallelism":1,"experiment":null,"muted_tests":null,
            "skipped_tests":null,"tasks":{"0":{"node_number":0,"tests":null,"later":1}},
            "timing_metadata":null,"selection":{"applied":true}}"#,
    )
    .unwrap();
    assert!(plan.muted_tests.is_empty() && plan.timing_metadata.is_empty());
    assert!(plan.tasks["0"].tests.is_empty());

    let filtered: FilterTestsResponse = serde_json::from_str(r#"{"tests":null}"#).unwrap();
    assert!(filtered.tests.is_empty());
    let statistics: Statistics = serde_json::from_str(r#"{"total":3}"#).unwrap();
    assert_eq!((statistics.total, statistics.failed), (3, 0));
}

#[test]
fn a_case_without_a_format_is_a_file() {
    for body in [
        r#"{"path":"a.py"}"#,
        r#"{"path":"a.py","format":""}"#,
        r#"{"path":"a.py","format":null}"#,
    ] {
        let case: Case = serde_json::from_str(body).unwrap();
        assert_eq!(case.format, CaseFormat::File, "{body}");
        assert_eq!(
            serde_json::to_string(&case).unwrap(),
            r#"{"path":"a.py","format":"file"}"#
        );
    }
}

#[test]
fn a_target_time_without_a_fraction_is_an_integer() {
    for (seconds, text) in [
        (150.0, "150"),
        (150.5, "150.5"),
        (0.25, "0.25"),
        (-0.0, "-0.0"),
    ] {
        let expected = format!(r#""target_time":{text},"#);
        let request = PlanRequest {
            target_time: Some(seconds),
            ..PlanRequest::default()
        };
        let request = serde_json::to_string(&request).unwrap();
        assert!(request.contains(&expected), "{request}");
        let request = FilterTestsRequest {
            target_time: Some(seconds),
            ..FilterTestsRequest::default()
        };
        let request = serde_json::to_string(&request).unwrap();
        assert!(request.contains(&expected), "{request}");
    }
}

#[test]
fn a_suite_needs_only_its_id() {
    let suite: Suite = serde_json::from_str(r#"{"id":"s"}"#).unwrap();
    assert_eq!(suite.id, "s");
    assert_eq!((suite.slug.as_str(), suite.name.as_str()), ("", ""));
}
