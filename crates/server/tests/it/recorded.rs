//! The OpenAPI document against the server: every route is in it and the other way round, and
//! every answer it promises has been recorded from the real server and is what it says.
//!
//! Recorded answers are in `tests/fixtures/api`, one file an operation. Ids and secrets are
//! replaced by numbers; the clock stands. `UPDATE_DOCS=1 cargo test -p test-engine every_answer`
//! records them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine::scopes::Scope;

use crate::backfills;
use crate::support::{Answer, SUITE, TestServer, form, result};

const ORGANIZATION: &str = "/v2/analytics/organizations/acme";
/// A Monday in 2026, in milliseconds since 1970.
const NOW: i64 = 1_795_341_600_000;
const BUILD: &str = "0193a111-2222-7333-8444-555566667777";
const NOBODY: &str = "018f2f6e-0000-8000-8000-000000000000";
const METRICS_TOKEN: &str = "the token of the metrics";
const BODY_LIMIT: usize = 1 << 20;

#[derive(Clone, Copy, PartialEq)]
enum Token {
    None,
    Suite,
    Metrics,
    AnyAccess,
    Access(Scope),
}

#[derive(Clone)]
enum Body {
    None,
    Json(Value),
    Form(Vec<(String, String)>),
    Text(String),
}

/// A request that is refused: why, the status, and what differs from the good one.
struct Bad {
    case: &'static str,
    status: u16,
    path: String,
    header: Option<(&'static str, &'static str)>,
    body: Body,
}

struct Operation {
    id: &'static str,
    method: &'static str,
    path: String,
    token: Token,
    body: Body,
    header: Option<(&'static str, &'static str)>,
    status: u16,
    bad: Vec<Bad>,
}

fn operation(
    id: &'static str,
    method: &'static str,
    path: impl Into<String>,
    token: Token,
    body: Body,
    status: u16,
) -> Operation {
    Operation {
        id,
        method,
        path: path.into(),
        token,
        body,
        header: None,
        status,
        bad: Vec::new(),
    }
}

impl Operation {
    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    fn bad(mut self, case: &'static str, status: u16, path: &str, body: Body) -> Self {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{}{path}", self.path)
        };
        self.bad.push(Bad {
            case,
            status,
            path,
            header: None,
            body,
        });
        self
    }

    fn bad_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.bad.push(Bad {
            case: "a header that cannot be read",
            status: 400,
            path: self.path.clone(),
            header: Some((name, value)),
            body: Body::None,
        });
        self
    }

    /// A page that is no number.
    fn list(self) -> Self {
        self.bad("a page that is no number", 400, "?page=first", Body::None)
    }
}

/// A form with a file and nothing else.
fn file(content: &str) -> Body {
    Body::Form(vec![("file".to_owned(), content.to_owned())])
}

/// What has been put into a server.
struct Seeds {
    run: String,
    upload: String,
    /// To send an archive of commits with.
    form: Vec<(String, String)>,
    test: String,
    execution: String,
}

fn seed(recorder: &Recorder) -> Seeds {
    let server = &recorder.server;
    let receipt = server.upload(
        BUILD,
        "main",
        &json!([
            result("Cart", "adds", "spec/cart_spec.rb", 0.25, "passed"),
            {"id": "1", "scope": "Cart", "name": "removes", "location": "spec/cart_spec.rb:9",
             "file_name": "spec/cart_spec.rb", "result": "failed", "tags": {"team": "shop"},
             "failure_reason": "expected 1, got 2", "history": {"duration": 1.5},
             "failure_expanded": [{"expanded": ["expected 1", "got 2"], "backtrace": ["cart.rb:7"]}]},
        ]),
    );
    let receipt = receipt.json();
    let run = receipt["run_id"].as_str().unwrap().to_owned();
    let sent = backfills::form(server).send(b"no archive");
    assert_eq!(sent.status, 204);
    backfills::finished(server);
    // What is sent next is newer than that.
    recorder.time.fetch_add(60_000, Ordering::SeqCst);
    let form = server
        .ask(
            "POST",
            &format!("{SUITE}/commit-metadata-backfill/presigned-upload"),
        )
        .bearer(&server.access)
        .send()
        .ok();
    let fields = form["form"]["data"].as_object().unwrap();
    let failures = format!("{SUITE}/runs/{run}/failed_executions");
    let failed = server.get(&failures).ok()[0].clone();
    Seeds {
        run,
        upload: receipt["upload_id"].as_str().unwrap().to_owned(),
        form: fields
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect(),
        test: failed["test_id"].as_str().unwrap().to_owned(),
        execution: failed["execution_id"].as_str().unwrap().to_owned(),
    }
}

fn operations(seeds: &Seeds) -> Vec<Operation> {
    let mut all = general();
    all.extend(uploads());
    all.extend(files(seeds));
    all.extend(plans());
    all.extend(suites());
    all.extend(tests(seeds));
    all
}

fn general() -> Vec<Operation> {
    let limits = "/v2/organizations/acme/rate_limit";
    vec![
        operation("root", "GET", "/", Token::None, Body::None, 200),
        operation("alive", "GET", "/healthz", Token::None, Body::None, 200),
        operation("ready", "GET", "/readyz", Token::None, Body::None, 200),
        operation(
            "getMetrics",
            "GET",
            "/metrics",
            Token::Metrics,
            Body::None,
            200,
        ),
        operation(
            "apiCatalog",
            "GET",
            "/.well-known/api-catalog",
            Token::None,
            Body::None,
            200,
        ),
        operation(
            "openapi",
            "GET",
            "/v2/analytics/openapi.yaml",
            Token::None,
            Body::None,
            200,
        ),
        operation(
            "getAccessToken",
            "GET",
            "/v2/access-token",
            Token::AnyAccess,
            Body::None,
            200,
        ),
        operation(
            "revokeAccessToken",
            "DELETE",
            "/v2/access-token",
            Token::AnyAccess,
            Body::None,
            204,
        ),
        operation(
            "getRateLimits",
            "GET",
            limits,
            Token::AnyAccess,
            Body::None,
            200,
        )
        .bad(
            "another organization",
            404,
            "/v2/organizations/other/rate_limit",
            Body::None,
        ),
    ]
}

fn uploads() -> Vec<Operation> {
    let upload = json!({
        "format": "json", "run_env": {"CI": "buildkite", "key": "b2", "branch": "main"},
        "data": [result("Cart", "adds", "spec/cart_spec.rb", 0.5, "passed"), {"result": "passed"}],
    });
    let no_key = json!({"format": "json", "run_env": {}, "data": []});
    let owners = || file("*.rb shop # all\nlonely\n");
    vec![
        operation(
            "createUpload",
            "POST",
            "/v1/uploads",
            Token::Suite,
            Body::Json(upload),
            202,
        )
        .bad("no key", 422, "", Body::Json(no_key))
        .bad(
            "a format that nobody knows",
            422,
            "",
            Body::Json(json!({"format": "nunit", "data": []})),
        )
        .bad("a plain text", 415, "", Body::Text("1 passed".to_owned()))
        .bad("too much", 413, "", Body::Text("x".repeat(BODY_LIMIT + 1))),
        operation(
            "getUploadMetadata",
            "GET",
            "/v1/uploads/metadata",
            Token::Suite,
            Body::None,
            200,
        ),
        operation(
            "setTestOwnerships",
            "POST",
            "/v1/test-ownerships",
            Token::Suite,
            owners(),
            200,
        )
        .bad(
            "no file",
            422,
            "",
            Body::Form(vec![("other".to_owned(), "x".to_owned())]),
        )
        .bad("a plain text", 415, "", Body::Text("* shop".to_owned()))
        .bad("too much", 413, "", file(&"#".repeat(BODY_LIMIT + 1))),
        operation(
            "listUploads",
            "GET",
            format!("{SUITE}/uploads"),
            Token::Access(Scope::ReadSuites),
            Body::None,
            200,
        )
        .list()
        .bad("a state that nobody knows", 400, "?state=lost", Body::None),
    ]
}

fn files(seeds: &Seeds) -> Vec<Operation> {
    let read = Token::Access(Scope::ReadSuites);
    let backfills = format!("{SUITE}/commit-metadata-backfill");
    let raw = |upload: &str| format!("{SUITE}/runs/{}/uploads/{upload}/raw", seeds.run);
    let form = |content: &str| {
        let mut fields = seeds.form.clone();
        fields.push(("file".to_owned(), content.to_owned()));
        Body::Form(fields)
    };
    vec![
        operation(
            "getRawUpload",
            "GET",
            raw(&seeds.upload),
            read,
            Body::None,
            200,
        )
        .bad("no such upload", 404, &raw(NOBODY), Body::None),
        operation(
            "listBackfills",
            "GET",
            backfills.clone(),
            read,
            Body::None,
            200,
        )
        .list(),
        operation(
            "createBackfillForm",
            "POST",
            format!("{backfills}/presigned-upload"),
            Token::Access(Scope::WriteSuites),
            Body::None,
            200,
        ),
        operation(
            "sendBackfill",
            "POST",
            format!("{backfills}/upload"),
            Token::None,
            form("an archive that is none"),
            204,
        )
        .bad("no file", 400, "", Body::Form(seeds.form.clone()))
        .bad("no seal", 403, "", file("x"))
        .bad("too much", 413, "", form(&"x".repeat(BODY_LIMIT)))
        .bad(
            "no such suite",
            404,
            &backfills
                .replace("/web/", "/none/")
                .replace("backfill", "backfill/upload"),
            file("x"),
        ),
    ]
}

fn plans() -> Vec<Operation> {
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
    ]
}

fn suites() -> Vec<Operation> {
    let read = Token::Access(Scope::ReadSuites);
    let write = Token::Access(Scope::WriteSuites);
    let suites = format!("{ORGANIZATION}/suites");
    let made = json!({"name": "Mobile App", "default_branch": "trunk", "emoji": "📱",
                      "show_api_token": true});
    vec![
        operation(
            "createSuite",
            "POST",
            suites.clone(),
            write,
            Body::Json(made),
            201,
        )
        .bad(
            "nothing that is needed",
            422,
            "",
            Body::Json(json!({"color": 7})),
        )
        .bad("no object", 400, "", Body::Json(json!([]))),
        operation("listSuites", "GET", suites.clone(), read, Body::None, 200).list(),
        operation("getSuite", "GET", SUITE, read, Body::None, 200).bad(
            "a flag that is none",
            400,
            "?show_api_token=perhaps",
            Body::None,
        ),
        operation(
            "updateSuite",
            "PATCH",
            SUITE,
            write,
            Body::Json(json!({"application_name": "Shop", "color": "#f07a5b"})),
            200,
        )
        .bad("no name", 422, "", Body::Json(json!({"name": ""})))
        .bad("no object", 400, "", Body::Json(json!(7))),
        operation(
            "deleteSuite",
            "DELETE",
            format!("{suites}/mobile-app"),
            write,
            Body::None,
            204,
        ),
    ]
}

fn tests(seeds: &Seeds) -> Vec<Operation> {
    let read = Token::Access(Scope::ReadSuites);
    let write = Token::Access(Scope::WriteSuites);
    let test = format!("{SUITE}/tests/{}", seeds.test);
    let run = format!("{SUITE}/runs/{}", seeds.run);
    let labels = |labels: &[&str]| Body::Json(json!({"operator": "add", "labels": labels}));
    let tags =
        |tags: &Value| Body::Json(json!({"executions": [{"id": seeds.execution, "tags": tags}]}));
    let state =
        |id, word: &str| operation(id, "PUT", format!("{test}/{word}"), write, Body::None, 200);
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
            "a page that is no number",
            400,
            "&page=first",
            Body::None,
        ),
        get("getRun", run.clone()),
        get(
            "listFailedExecutions",
            format!("{run}/failed_executions?include_failure_expanded=true"),
        )
        .bad("a page that is no number", 400, "&page=first", Body::None),
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
                "an order that nobody knows",
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

/// A server whose answers are recorded.
struct Recorder {
    server: TestServer,
    time: Arc<AtomicI64>,
    other: String,
}

impl Recorder {
    fn new(requests_per_minute: u32, metrics_token: Option<&str>) -> Self {
        let time = Arc::new(AtomicI64::new(NOW));
        let server = TestServer::with(
            |config| {
                config.limits.rest_requests_per_minute = requests_per_minute;
                config.limits.plan_requests_per_minute = requests_per_minute;
                config.limits.body_bytes = BODY_LIMIT;
                config.limits.backfill_bytes = 1_000;
                config.storage.keep_raw_uploads = true;
                config.metrics.token = metrics_token.map(|token| token.to_owned().into());
            },
            Clock::Fixed(Arc::clone(&time)),
        );
        let other = server.token("other", &Scope::ALL);
        Self {
            server,
            time,
            other,
        }
    }

    fn send(
        &self,
        operation: &Operation,
        path: &str,
        header: Option<(&str, &str)>,
        token: Option<&str>,
        body: &Body,
    ) -> Answer {
        let mut ask = self.server.ask(operation.method, path);
        if let Some(token) = token {
            ask = ask.bearer(token);
        }
        if let Some((name, value)) = header {
            ask = ask.header(name, value);
        }
        ask = match body {
            Body::None => ask,
            Body::Json(value) => ask.json(value),
            Body::Text(text) => ask.header("content-type", "text/plain").body(text.as_str()),
            Body::Form(fields) => {
                let fields: Vec<(&str, &str)> = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let (content_type, bytes) = form(&fields);
                ask.header("content-type", &content_type).body(bytes)
            }
        };
        if operation.id == "setExecutionTags" {
            // It may be asked once a minute.
            self.time.fetch_add(60_000, Ordering::SeqCst);
        }
        ask.send()
    }

    /// Everything an operation answers, but what only the other server does.
    fn record(&self, operation: &Operation) -> Vec<Value> {
        let all = self.server.token("acme", &Scope::ALL);
        let mut exchanges = Vec::new();
        let mut keep = |case: &str, expected: u16, path: &str, body: &Body, answer: &Answer| {
            let text = answer.text();
            assert_eq!(answer.status, expected, "{} ({case}): {text}", operation.id);
            exchanges.push(exchange(operation, case, path, body, answer));
        };
        let token = match operation.token {
            Token::None => None,
            Token::Suite => Some(self.server.suite_token.clone()),
            Token::Metrics => Some(METRICS_TOKEN.to_owned()),
            Token::AnyAccess => Some(all.clone()),
            Token::Access(scope) => Some(self.server.token("acme", &[scope])),
        };
        let (path, body, header) = (&operation.path, &operation.body, operation.header);
        if token.is_some() {
            let answer = self.send(operation, path, header, None, body);
            keep("no token", 401, path, body, &answer);
        }
        if let Token::Access(scope) = operation.token {
            let lacking: Vec<Scope> = Scope::ALL
                .into_iter()
                .filter(|other| {
                    !matches!((scope, *other), (Scope::ReadTestPlan, Scope::WriteTestPlan))
                        && *other != scope
                })
                .collect();
            let lacking = self.server.token("acme", &lacking);
            let answer = self.send(operation, path, header, Some(&lacking), body);
            keep("a token without the scope", 403, path, body, &answer);
            let answer = self.send(operation, path, header, Some(&self.other), body);
            keep("a token of another organization", 404, path, body, &answer);
        }
        for bad in &operation.bad {
            let token = token.as_deref();
            let answer = self.send(operation, &bad.path, bad.header, token, &bad.body);
            keep(bad.case, bad.status, &bad.path, &bad.body, &answer);
        }
        let answer = self.send(operation, path, header, token.as_deref(), body);
        keep("success", operation.status, path, body, &answer);
        exchanges
    }
}

/// The answer of a server that has had enough, or has closed its metrics to everybody.
fn refused(refusing: &Recorder, operation: &Operation) -> Option<Value> {
    let (case, status) = match operation.token {
        Token::None | Token::Suite => return None,
        Token::Metrics => ("metrics are closed", 403),
        Token::AnyAccess | Token::Access(_) => ("too many requests", 429),
    };
    let mut request = refusing
        .server
        .ask(operation.method, &operation.path)
        .bearer(&refusing.server.access);
    if let Body::Json(body) = &operation.body {
        request = request.json(body);
    }
    let answer = request.send();
    let (text, id) = (answer.text(), operation.id);
    assert_eq!(answer.status, status, "{id} ({case}): {text}");
    let (path, body) = (&operation.path, &operation.body);
    Some(exchange(operation, case, path, body, &answer))
}

fn exchange(operation: &Operation, case: &str, path: &str, body: &Body, answer: &Answer) -> Value {
    let content_type = answer.header("content-type");
    let is_json = content_type.is_some_and(|kind| kind.contains("json"));
    let received = if answer.body.is_empty() {
        Value::Null
    } else if content_type == Some("application/gzip") {
        json!("(compressed)")
    } else if is_json {
        answer.json()
    } else {
        // The document itself need not be kept twice, and figures differ from run to run.
        let text = answer.text();
        Value::String(text.lines().take(2).collect::<Vec<_>>().join("\n"))
    };
    json!({
        "case": case,
        "request": {
            "method": operation.method,
            "path": path,
            "body": match body {
                Body::None => Value::Null,
                Body::Json(value) => value.clone(),
                Body::Text(text) => json!(text.chars().take(40).collect::<String>()),
                Body::Form(fields) => fields
                    .iter()
                    .map(|(name, value)| {
                        let value: String = value.chars().take(40).collect();
                        (name.clone(), json!(value))
                    })
                    .collect(),
            },
        },
        "status": answer.status,
        "content_type": content_type,
        "link": answer.header("link"),
        "location": answer.header("location"),
        "body": received,
    })
}

/// Fields of the form for archives of commits that differ from run to run.
const SEALED: [&str; 1] = ["signature"];

/// Replaces what differs from run to run by numbers in the order they appear.
#[derive(Default)]
struct Redactor {
    known: BTreeMap<String, String>,
}

impl Redactor {
    fn redact(&mut self, value: &mut Value, base: &str) {
        match value {
            Value::String(text) => *text = self.text(text, base),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact(item, base)),
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    if name == "graphql_id" {
                        *field = json!("U3VpdGUtLS0=");
                    } else if SEALED.contains(&name.as_str()) {
                        *field = json!("(sealed)");
                    } else {
                        self.redact(field, base);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str, base: &str) -> String {
        let mut rest = text.replace(base, "http://server");
        let mut done = String::new();
        while let Some((start, length)) = variable(&rest) {
            let found = rest[start..start + length].to_owned();
            let number = self.known.len() + 1;
            let replacement = self.known.entry(found.clone()).or_insert_with(|| {
                if found.starts_with("te") {
                    format!("{}{number:040}", &found[..4])
                } else {
                    format!("00000000-0000-4000-8000-{number:012}")
                }
            });
            done.push_str(&rest[..start]);
            done.push_str(replacement);
            rest = rest[start + length..].to_owned();
        }
        done + &rest
    }
}

/// Where the first UUID or secret is.
fn variable(text: &str) -> Option<(usize, usize)> {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (0..text.len()).find_map(|start| {
        let uuid = text.get(start..start + 36).filter(|uuid| {
            let parts: Vec<&str> = uuid.split('-').collect();
            parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
                && parts.iter().all(|part| is_hex(part))
        });
        let secret = text.get(start..start + 44).filter(|secret| {
            ["tea_", "tes_"].iter().any(|kind| secret.starts_with(kind)) && is_hex(&secret[4..])
        });
        uuid.or(secret).map(|found| (start, found.len()))
    })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/api")
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "asks to be updated by a variable, as snapshots do"
)]
fn every_answer_is_as_it_was_recorded() {
    let recorder = Recorder::new(1_000_000, Some(METRICS_TOKEN));
    let seeds = seed(&recorder);
    // Here metrics are closed.
    let refusing = Recorder::new(1, None);
    // One request of each kind, and there are none left.
    refusing.server.get(SUITE).ok();
    refusing
        .server
        .get(&format!("{SUITE}/test_plan?identifier=x"))
        .error(404);
    let first = json!({"executions": []});
    let path = format!("{SUITE}/execution-tags");
    let asked = refusing
        .server
        .ask("PUT", &path)
        .bearer(&refusing.server.access);
    asked.json(&first).send().ok();
    let is_update = std::env::var_os("UPDATE_DOCS").is_some();
    if is_update {
        let _nothing_there = fs_err::remove_dir_all(folder());
        fs_err::create_dir_all(folder()).unwrap();
    }
    for operation in operations(&seeds) {
        let mut exchanges = recorder.record(&operation);
        exchanges.extend(refused(&refusing, &operation));
        let mut redactor = Redactor::default();
        let mut recorded = Value::Array(exchanges);
        redactor.redact(&mut recorded, &recorder.server.base);
        let data_directory = recorder.server.directory().to_str().unwrap();
        let text = format!("{recorded:#}\n").replace(data_directory, "/data");
        let file = folder().join(format!("{}.json", operation.id));
        if is_update {
            fs_err::write(&file, text).unwrap();
        } else {
            let kept = fs_err::read_to_string(&file).unwrap();
            assert_eq!(
                kept, text,
                "{} differs; if that is meant: UPDATE_DOCS=1 cargo test -p test-engine every_answer",
                operation.id
            );
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the document is read by another program"
)]
fn the_document_is_valid_and_says_what_the_server_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".tools/openapi/bin/python");
    let output = std::process::Command::new(&python)
        .arg(root.join("crates/server/tests/openapi/check.py"))
        .arg(root.join("docs/server/openapi.yaml"))
        .arg(folder())
        .output()
        .unwrap_or_else(|error| panic!("run bin/setup first: {}: {error}", python.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems: Vec<&str> = found["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem.as_str().unwrap())
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let mut served: Vec<String> = test_engine::api_addresses()
        .into_iter()
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    served.sort();
    let documented: Vec<&str> = found["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| operation.as_str().unwrap())
        .collect();
    assert_eq!(documented, served);
}
