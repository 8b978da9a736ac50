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
        operation(
            "setRunOutage",
            "PUT",
            format!("{run}/outage"),
            write,
            Body::Json(json!({"counted": true, "reason": "it was the tests"})),
            200,
        )
        .bad("a wrong type", 400, "", Body::Json(json!({"counted": 7})))
        .bad(
            "a long reason",
            422,
            "",
            Body::Json(json!({"counted": true, "reason": "x".repeat(1001)})),
        )
        .bad(
            "no such run",
            404,
            &format!("{SUITE}/runs/{NOBODY}/outage"),
            Body::Json(json!({"counted": true})),
        ),
        get("getRunSummary", format!("{run}/summary.md")),
        get(
            "listFailedExecutions",
            format!("{run}/failed_executions?include_failure_expanded=true"),
        )
        .bad("an invalid page", 400, "&page=first", Body::None),
        get(
            "getExecutionSpans",
            format!("{SUITE}/executions/{}/spans", seeds.execution),
        )
        .bad(
            "no such execution",
            404,
            &format!("{SUITE}/executions/{NOBODY}/spans"),
            Body::None,
        ),
        get("listRunFailures", format!("{run}/failures")).bad(
            "an invalid page",
            400,
            &format!("{run}/failures?page=first"),
            Body::None,
        ),
        get("listFailureGroups", format!("{run}/failure_groups")).bad(
            "an invalid page",
            400,
            &format!("{run}/failure_groups?page=first"),
            Body::None,
        ),
        get(
            "listRunsWithFailure",
            format!("{SUITE}/failure_groups/0000000000000005/runs"),
        )
        .bad("an invalid page", 400, "?page=first", Body::None)
        .bad(
            "no fingerprint",
            404,
            &format!("{SUITE}/failure_groups/5/runs"),
            Body::None,
        ),
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
            "an unknown include",
            400,
            &format!("{ORGANIZATION}/builds/{BUILD}/tests?include=everything"),
            Body::None,
        )
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
        get("getTestHealth", format!("{test}/health"))
            .bad(
                "no such test",
                404,
                &format!("{SUITE}/tests/{NOBODY}/health"),
                Body::None,
            )
            .bad("no offset", 400, "?utc_offset=Tokyo", Body::None),
        get("listUnhealthyTests", format!("{SUITE}/tests/health")).bad(
            "an unknown level",
            400,
            &format!("{SUITE}/tests/health?level=bad"),
            Body::None,
        ),
        get("listFlakyTests", format!("{SUITE}/flaky-tests")).list(),
        state("muteTest", "mute"),
        get("listMutedTests", format!("{SUITE}/tests/muted")).list(),
        state("skipTest", "skip"),
        get("listSkippedTests", format!("{SUITE}/tests/skipped")).list(),
        state("enableTest", "enable"),
    ]
}
