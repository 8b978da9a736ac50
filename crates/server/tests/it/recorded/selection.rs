//! Operations about test selection.

use serde_json::json;
use test_engine::scopes::Scope;

use super::operation::{Body, Operation, Token, operation};
use super::recorder::Recorder;
use crate::selection_scene as scene;
use crate::support::SUITE;

/// A plan with a selection whose build fails, so that the suite has a holdout.
pub(super) fn seed(recorder: &Recorder) {
    let server = &recorder.server;
    scene::finish_main(server, &[]);
    let request = scene::request("first/step", "first", 99, &[scene::source(20)]);
    let request = scene::with_selection(request, "observe", &json!({}));
    scene::plan(server, &request).ok();
    let results = scene::results(scene::all_files(), &[20]);
    scene::finish(server, "first", "first", 99, &results);
    scene::wait_for_holdouts(server, "full", 1);
}

pub(super) fn selection() -> Vec<Operation> {
    let path = format!("{SUITE}/selection");
    let decision = format!("{SUITE}/test_plan/selection");
    let read = Token::Access(Scope::ReadSuites);
    vec![
        operation(
            "getDecision",
            "GET",
            format!("{decision}?identifier=first/step&per_page=2"),
            Token::Access(Scope::ReadTestPlan),
            Body::None,
            200,
        )
        .bad(
            "no decision",
            404,
            &format!("{decision}?identifier=none"),
            Body::None,
        )
        .bad("no identifier", 400, &decision, Body::None),
        operation("getSelection", "GET", &path, read, Body::None, 200),
        operation(
            "listHoldouts",
            "GET",
            format!("{path}/exams"),
            read,
            Body::None,
            200,
        )
        .list(),
        operation(
            "switchSelection",
            "PATCH",
            &path,
            Token::Access(Scope::WriteSuites),
            Body::Json(json!({"off": true, "reason": "The release is today."})),
            200,
        )
        .bad("a wrong type", 400, "", Body::Json(json!({"off": 7})))
        .bad(
            "too long a reason",
            422,
            "",
            Body::Json(json!({"off": true, "reason": "x".repeat(1_001)})),
        ),
    ]
}
