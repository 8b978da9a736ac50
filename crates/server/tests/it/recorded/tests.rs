//! Operations about runs and tests.

use serde_json::{Value, json};
use test_engine::scopes::Scope;

use super::operation::{Body, Operation, Token, operation};
use super::seeds::Seeds;
use super::{BUILD, NOBODY, ORGANIZATION};
use crate::support::SUITE;

pub(super) fn tests(seeds: &Seeds) -> Vec<Operation> {
    let read = Token::Access(Scope::ReadSuites);
    let write = Token::Access(Scope::WriteSuites);
    let test = format!("{SUITE}/tests/{}", seeds.test);
    let run = format!("{SUITE}/runs/{}", seeds.run);
    let labels = |labels: &[&str]| Body::Json(json!({"operator": "add", "labels": labels}));
    let tags =
        |tags: &Value| Body::Json(json!({"executions": [{"id": seeds.execution, "tags": tags}]}));
    let state = |id, word: &str| {
        let wrong_type = Body::Json(json!({"reason": 7}));
        let control_character = Body::Json(json!({"reason": "a\tb"}));
        operation(id, "PUT", format!("{test}/{word}"), write, Body::None, 200)
            .bad("a wrong type", 400, "", wrong_type)
            .bad("a control character", 422, "", control_character)
    };
    let get = |id, path: String| operation(id, "GET", path, read, Body::None, 200);
    vec![
        operation(
            "changeLabels",
            "PATCH",
            format!("{test}/labels"),
            write,
            labels(&["flaky"]),
            200,
        )
        .bad("a comma", 422, "", labels(&["a,b"]))
        .bad(
            "a wrong type",
            400,
            "",
            Body::Json(json!({"operator": "add", "labels": "a"})),
        ),
        operation(
            "setExecutionTags",
            "PUT",
            format!("{SUITE}/execution-tags"),
            write,
            tags(&json!({"mut.cause": "network"})),
            200,
        )
        .bad(
            "a tag that is not reserved",
            400,
            "",
            tags(&json!({"cause": "network"})),
        ),
        get("listRuns", format!("{SUITE}/runs?build_id={BUILD}")).bad(
            "an invalid page",
            400,
            "&page=first",
            Body::None,
        ),
        get("getRun", run.clone()),
        get("getRunSummary", format!("{run}/summary.md")),
        get(
            "listFailedExecutions",
            format!("{run}/failed_executions?include_failure_expanded=true"),
        )
        .bad("an invalid page", 400, "&page=first", Body::None),
        get("listCommits", format!("{SUITE}/commits?days=7")).bad(
            "no days",
            400,
            &format!("{SUITE}/commits?days=0"),
            Body::None,
        ),
        get(
            "listBuildTests",
            format!("{ORGANIZATION}/builds/{BUILD}/tests"),
        )
        .list()
        .bad(
            "no such build",
            404,
            &format!("{ORGANIZATION}/builds/none/tests"),
            Body::None,
        ),
        get("listTests", format!("{SUITE}/tests?owners=shop&per_page=1"))
            .header("buildkite-version", "2026-08-01")
            .bad(
                "an unknown order",
                400,
                &format!("{SUITE}/tests?order=up"),
                Body::None,
            )
            .bad_header("buildkite-version", "latest"),
        get("getTest", test.clone())
            .header("buildkite-version", "2026-08-01")
            .bad(
                "no such test",
                404,
                &format!("{SUITE}/tests/{NOBODY}"),
                Body::None,
            )
            .bad_header("buildkite-version", "2026-13-01"),
        operation(
            "findTest",
            "POST",
            format!("{SUITE}/tests/find"),
            read,
            Body::Json(json!({"scope": "Cart", "name": "adds"})),
            200,
        )
        .bad("no name", 400, "", Body::Json(json!({"scope": "Cart"})))
        .bad("a wrong type", 400, "", Body::Json(json!({"name": 7}))),
        get("listFlakyTests", format!("{SUITE}/flaky-tests")).list(),
        state("muteTest", "mute"),
        get("listMutedTests", format!("{SUITE}/tests/muted")).list(),
        state("skipTest", "skip"),
        get("listSkippedTests", format!("{SUITE}/tests/skipped")).list(),
        state("enableTest", "enable"),
    ]
}
