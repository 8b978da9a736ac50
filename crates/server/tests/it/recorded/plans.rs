//! Operations about plans.

use serde_json::{Value, json};
use test_engine::scopes::Scope;

use super::BODY_LIMIT;
use super::operation::{Body, Operation, Token, operation};
use crate::support::SUITE;

pub(super) fn plans() -> Vec<Operation> {
    let read = Token::Access(Scope::ReadTestPlan);
    let write = Token::Access(Scope::WriteTestPlan);
    let plan = json!({
        "runner": "rspec", "identifier": "build/step", "parallelism": 2, "branch": "main",
        "tests": {"selectors": [{"value": "spec/cart_spec.rb"}, {"value": "spec/new_spec.rb"}]},
    });
    let report = |identifier: &str| {
        json!({
            "version": "1.0.0", "timeline": [], "statistics": {},
            "env": {"BUILDKITE_TEST_ENGINE_IDENTIFIER": identifier},
        })
    };
    let path = format!("{SUITE}/test_plan");
    vec![
        operation(
            "createPlan",
            "POST",
            path.clone(),
            write,
            Body::Json(plan),
            200,
        )
        .bad(
            "nothing that is needed",
            400,
            "",
            Body::Json(json!({"parallelism": 1001})),
        )
        .bad(
            "a wrong type",
            400,
            "",
            Body::Json(json!({"tests": {"selectors": [7]}})),
        )
        .bad("too much", 413, "", Body::Text("x".repeat(BODY_LIMIT + 1))),
        operation(
            "getPlan",
            "GET",
            format!("{path}?identifier=build/step"),
            read,
            Body::None,
            200,
        )
        .bad(
            "no plan",
            404,
            &format!("{path}?identifier=none"),
            Body::None,
        )
        .bad("no identifier", 400, &path, Body::None),
        operation(
            "filterTests",
            "POST",
            format!("{path}/filter_tests"),
            write,
            Body::Json(
                json!({"files": [{"path": "spec/cart_spec.rb"}], "max_parallelism": 2,
                              "env": {"BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE": true}}),
            ),
            200,
        )
        .bad("a wrong type", 400, "", Body::Json(json!({"files": "a"}))),
        operation(
            "getFileTimings",
            "POST",
            format!("{SUITE}/test_files"),
            read,
            Body::Json(json!({"paths": ["./spec/cart_spec.rb", "none.rb"]})),
            200,
        )
        .bad("a wrong type", 400, "", Body::Json(json!({"paths": 7}))),
        operation(
            "reportPlanRun",
            "POST",
            format!("{SUITE}/test_plan_metadata"),
            write,
            Body::Json(report("build/step")),
            200,
        )
        .bad("no plan", 404, "", Body::Json(report("none")))
        .bad("a wrong type", 400, "", Body::Json(json!({"env": 7}))),
        operation(
            "reportNode",
            "POST",
            format!("{path}/node_reports"),
            write,
            Body::Json(node_report()),
            200,
        )
        .bad("nothing that is needed", 422, "", Body::Json(json!({})))
        .bad("a wrong type", 400, "", Body::Json(json!({"targets": 7})))
        .bad("too much", 413, "", Body::Text("x".repeat(BODY_LIMIT + 1))),
        operation(
            "getAccounting",
            "GET",
            format!("{path}/accounting?identifier=build/step"),
            read,
            Body::None,
            200,
        )
        .bad(
            "neither plan nor build",
            400,
            &format!("{path}/accounting"),
            Body::None,
        ),
    ]
}

fn node_report() -> Value {
    json!({
        "identifier": "build/step", "build_id": "build", "node": 0, "parallelism": 2,
        "job_id": "job", "state": "finished", "plan_source": "server", "runner": "rspec",
        "targets": [{
            "value": "spec/cart_spec.rb", "planned": true, "tests": 2, "outcome": "complete",
        }],
        "exit_code": 0,
        "started_at": "2026-11-23T10:00:00Z", "finished_at": "2026-11-23T10:01:00Z",
    })
}
