//! The table of endpoints, with the tokens they accept.

use serde_json::{Value, json};
use test_engine::scopes::Scope;

/// Which tokens an endpoint accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepts {
    /// No token is required.
    Open,
    /// The token of --metrics-token.
    Metrics,
    /// Any live access token or OIDC token.
    AnyAccess,
    /// Any live access token, but no OIDC token.
    OwnToken,
    /// Any token of the organization.
    Member,
    /// Access tokens of the organization with this scope.
    Organization(Scope),
    /// Access tokens of the organization, and OIDC tokens of the suite, with this scope.
    Suite(Scope),
    /// Tokens of admins of the organization, with every scope.
    People,
    /// The suite token, and OIDC tokens of the suite with `write_uploads`.
    Uploads,
}

pub(super) struct Row {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) accepts: Accepts,
    pub(super) body: Option<Value>,
    /// The status for permitted tokens.
    pub(super) status: u16,
    /// The request succeeds only once, so each token gets its own server.
    pub(super) only_once: bool,
}

const A: &str = "/v2/analytics/organizations/{organization}";

pub(super) fn table() -> Vec<Row> {
    use Scope::{ReadSuites, ReadTestPlan, WriteSuites, WriteTestPlan};
    let row = |method, path, accepts, status| Row {
        method,
        path,
        accepts,
        body: None,
        status,
        only_once: false,
    };
    let with = |body: Value, row: Row| Row {
        body: Some(body),
        ..row
    };
    let once = |row: Row| Row {
        only_once: true,
        ..row
    };
    let upload = json!({"format": "json", "run_env": {"key": "k"}, "data": []});
    let plan = json!({"runner": "rspec", "identifier": "b/s", "parallelism": 1, "branch": ""});
    let metadata = json!({"env": {"BUILDKITE_TEST_ENGINE_IDENTIFIER": "none"}});
    let suite = json!({"name": "New", "default_branch": "main"});
    vec![
        row("GET", "/", Accepts::Open, 200),
        row("GET", "/healthz", Accepts::Open, 200),
        row("GET", "/readyz", Accepts::Open, 200),
        row("GET", "/metrics", Accepts::Metrics, 200),
        with(upload, row("POST", "/v1/uploads", Accepts::Uploads, 202)),
        row("GET", "/v1/uploads/metadata", Accepts::Uploads, 200),
        row("GET", "/v2/access-token", Accepts::AnyAccess, 200),
        once(row("DELETE", "/v2/access-token", Accepts::OwnToken, 204)),
        row(
            "GET",
            "/v2/organizations/{organization}/rate_limit",
            Accepts::Member,
            200,
        ),
        row("GET", "/.well-known/api-catalog", Accepts::Open, 200),
        row("GET", "/v2/analytics/openapi.yaml", Accepts::Open, 200),
        with(
            json!({}),
            row("POST", "/v1/test-ownerships", Accepts::Uploads, 415),
        ),
        row(
            "GET",
            "A/builds/{build}/tests",
            Accepts::Organization(ReadSuites),
            404,
        ),
        row("GET", "A/audit", Accepts::Organization(WriteSuites), 200),
        row("GET", "A/webhooks", Accepts::Organization(WriteSuites), 200),
        with(
            json!({}),
            row(
                "POST",
                "A/webhooks",
                Accepts::Organization(WriteSuites),
                422,
            ),
        ),
        row(
            "GET",
            "A/webhooks/{id}",
            Accepts::Organization(WriteSuites),
            404,
        ),
        with(
            json!({}),
            row(
                "PATCH",
                "A/webhooks/{id}",
                Accepts::Organization(WriteSuites),
                404,
            ),
        ),
        row(
            "DELETE",
            "A/webhooks/{id}",
            Accepts::Organization(WriteSuites),
            404,
        ),
        row(
            "GET",
            "A/webhooks/{id}/deliveries",
            Accepts::Organization(WriteSuites),
            404,
        ),
        row(
            "POST",
            "A/webhooks/{id}/resend",
            Accepts::Organization(WriteSuites),
            404,
        ),
        row("GET", "S/events", Accepts::Suite(ReadSuites), 200),
        row("GET", "A/members", Accepts::People, 200),
        with(
            json!({"role": "reader"}),
            row("PATCH", "A/members/{id}", Accepts::People, 404),
        ),
        row("DELETE", "A/members/{id}", Accepts::People, 404),
        row("GET", "A/sessions", Accepts::People, 200),
        row("DELETE", "A/sessions/{id}", Accepts::People, 404),
        row("GET", "A/sign-in-rules", Accepts::People, 200),
        with(
            json!({"match": "subject", "value": "", "role": "reader"}),
            row("POST", "A/sign-in-rules", Accepts::People, 422),
        ),
        row("DELETE", "A/sign-in-rules/{id}", Accepts::People, 404),
        with(
            json!({"executions": []}),
            row("PUT", "S/execution-tags", Accepts::Suite(WriteSuites), 200),
        ),
        row("GET", "S/flaky-tests", Accepts::Suite(ReadSuites), 200),
        row(
            "GET",
            "S/executions/{id}/spans",
            Accepts::Suite(ReadSuites),
            404,
        ),
        with(
            json!({"operator": "add", "labels": ["a"]}),
            row(
                "PATCH",
                "S/tests/{id}/labels",
                Accepts::Suite(WriteSuites),
                404,
            ),
        ),
        row("GET", "S/uploads", Accepts::Suite(ReadSuites), 200),
        row("GET", "A/suites", Accepts::Organization(ReadSuites), 200),
        once(with(
            suite,
            row("POST", "A/suites", Accepts::Organization(WriteSuites), 201),
        )),
        row("GET", "S", Accepts::Suite(ReadSuites), 200),
        with(
            json!({"color": "#fff"}),
            row("PATCH", "S", Accepts::Suite(WriteSuites), 200),
        ),
        once(row("DELETE", "S", Accepts::Suite(WriteSuites), 204)),
        row("GET", "S/test_plan", Accepts::Suite(ReadTestPlan), 400),
        row(
            "GET",
            "S/test_plan/selection",
            Accepts::Suite(ReadTestPlan),
            400,
        ),
        row("GET", "S/selection", Accepts::Suite(ReadSuites), 200),
        row("GET", "S/selection/exams", Accepts::Suite(ReadSuites), 200),
        with(
            json!({"off": false}),
            row("PATCH", "S/selection", Accepts::Suite(WriteSuites), 200),
        ),
        with(
            plan,
            row("POST", "S/test_plan", Accepts::Suite(WriteTestPlan), 200),
        ),
        with(
            json!({"files": []}),
            row(
                "POST",
                "S/test_plan/filter_tests",
                Accepts::Suite(WriteTestPlan),
                200,
            ),
        ),
        with(
            json!({"paths": []}),
            row("POST", "S/test_files", Accepts::Suite(ReadTestPlan), 200),
        ),
        with(
            metadata,
            row(
                "POST",
                "S/test_plan_metadata",
                Accepts::Suite(WriteTestPlan),
                404,
            ),
        ),
        row(
            "GET",
            "S/test_plan/accounting",
            Accepts::Suite(ReadTestPlan),
            400,
        ),
        with(
            json!({}),
            row(
                "POST",
                "S/test_plan/node_reports",
                Accepts::Suite(WriteTestPlan),
                422,
            ),
        ),
        row(
            "GET",
            "S/commit-metadata-backfill",
            Accepts::Suite(ReadSuites),
            200,
        ),
        row(
            "POST",
            "S/commit-metadata-backfill/presigned-upload",
            Accepts::Suite(WriteSuites),
            200,
        ),
        // Authenticated by the fields of the form, which this request lacks.
        row(
            "POST",
            "S/commit-metadata-backfill/upload",
            Accepts::Open,
            400,
        ),
        row(
            "GET",
            "S/runs/{id}/uploads/{upload_id}/raw",
            Accepts::Suite(ReadSuites),
            404,
        ),
        row("GET", "S/commits", Accepts::Suite(ReadSuites), 200),
        row("GET", "S/runs", Accepts::Suite(ReadSuites), 200),
        row("GET", "S/runs/{id}", Accepts::Suite(ReadSuites), 404),
        with(
            json!({"counted": true}),
            row(
                "PUT",
                "S/runs/{id}/outage",
                Accepts::Suite(WriteSuites),
                404,
            ),
        ),
        row(
            "GET",
            "S/runs/{id}/summary.md",
            Accepts::Suite(ReadSuites),
            404,
        ),
        row(
            "GET",
            "S/runs/{id}/failed_executions",
            Accepts::Suite(ReadSuites),
            404,
        ),
        row(
            "GET",
            "S/runs/{id}/failures",
            Accepts::Suite(ReadSuites),
            404,
        ),
        row(
            "GET",
            "S/runs/{id}/failure_groups",
            Accepts::Suite(ReadSuites),
            404,
        ),
        row(
            "GET",
            "S/failure_groups/{fingerprint}/runs",
            Accepts::Suite(ReadSuites),
            404,
        ),
        with(
            json!({"rule": "flaky"}),
            row("POST", "S/rules/preview", Accepts::Suite(ReadSuites), 200),
        ),
        row("GET", "S/rules", Accepts::Suite(ReadSuites), 200),
        with(
            json!({}),
            row("POST", "S/rules", Accepts::Suite(WriteSuites), 422),
        ),
        row("GET", "S/rules/limits", Accepts::Suite(ReadSuites), 200),
        row("GET", "S/rules/{id}", Accepts::Suite(ReadSuites), 404),
        with(
            json!({}),
            row("PATCH", "S/rules/{id}", Accepts::Suite(WriteSuites), 404),
        ),
        row("DELETE", "S/rules/{id}", Accepts::Suite(WriteSuites), 404),
        row(
            "GET",
            "S/rules/{id}/events",
            Accepts::Suite(ReadSuites),
            404,
        ),
        row("GET", "S/tests/health", Accepts::Suite(ReadSuites), 200),
        row(
            "GET",
            "S/tests/{id}/health",
            Accepts::Suite(ReadSuites),
            404,
        ),
        row("GET", "S/tests", Accepts::Suite(ReadSuites), 200),
        with(
            json!({"name": "a"}),
            row("POST", "S/tests/find", Accepts::Suite(ReadSuites), 404),
        ),
        row("GET", "S/tests/muted", Accepts::Suite(ReadSuites), 200),
        row("GET", "S/tests/skipped", Accepts::Suite(ReadSuites), 200),
        row("GET", "S/tests/{id}", Accepts::Suite(ReadSuites), 404),
        row("PUT", "S/tests/{id}/mute", Accepts::Suite(WriteSuites), 404),
        row("PUT", "S/tests/{id}/skip", Accepts::Suite(WriteSuites), 404),
        row(
            "PUT",
            "S/tests/{id}/enable",
            Accepts::Suite(WriteSuites),
            404,
        ),
    ]
}

/// The path of the route.
pub(super) fn pattern(path: &str) -> String {
    let suite = format!("{A}/suites/{{suite}}");
    if path == "S" || path.starts_with("S/") {
        path.replacen('S', &suite, 1)
    } else if path.starts_with("A/") {
        path.replacen('A', A, 1)
    } else {
        path.to_owned()
    }
}

/// The path of a request.
pub(super) fn address(pattern: &str) -> String {
    let mut address = pattern
        .replace("{organization}", "acme")
        .replace("{suite}", "web");
    while let Some((before, rest)) = address.split_once('{') {
        let (_name, after) = rest.split_once('}').expect("a closed brace");
        address = format!("{before}018f2f6e-0000-8000-8000-000000000000{after}");
    }
    address
}
