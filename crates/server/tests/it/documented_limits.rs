//! The server enforces the limits in the OpenAPI document: a value at a limit is accepted, one
//! beyond it is rejected.

use serde_json::{Value, json};
use test_engine::clock::Clock;

use crate::backfills;
use crate::support::{Answer, SUITE, TestServer, result};

const ORGANIZATION: &str = "/v2/analytics/organizations/acme";

/// An operation with a valid request.
struct Operation {
    id: &'static str,
    method: &'static str,
    path: String,
    body: Value,
}

fn operations(server: &TestServer) -> Vec<Operation> {
    let failed = result("A", "one", "a.rb", 1.0, "failed");
    server.upload("b1", "main", &json!([failed]));
    let find = json!({"scope": "A", "name": "one"});
    let test = server.post(&format!("{SUITE}/tests/find"), &find).ok();
    let test = format!("{SUITE}/tests/{}", test["id"].as_str().unwrap());
    let operation = |id, method, path: String, body: Value| Operation {
        id,
        method,
        path,
        body,
    };
    let plan = json!({
        "runner": "rspec", "identifier": "i", "parallelism": 2, "max_parallelism": 2,
        "branch": "main",
        "tests": {"files": [{"path": "a.rb"}]},
    });
    let report = json!({
        "identifier": "i", "job_id": "j", "parallelism": 1000, "node": 0, "build_id": "b1",
        "started_at": "2026-06-20T04:46:13Z", "finished_at": "2026-06-20T04:47:13Z",
        "exit_code": 0,
    });
    vec![
        operation(
            "updateSuite",
            "PATCH",
            SUITE.to_owned(),
            json!({"name": "Web"}),
        ),
        operation("createPlan", "POST", format!("{SUITE}/test_plan"), plan),
        operation(
            "reportNode",
            "POST",
            format!("{SUITE}/test_plan/node_reports"),
            report,
        ),
        operation(
            "changeLabels",
            "PATCH",
            format!("{test}/labels"),
            json!({"operator": "remove", "labels": ["slow"]}),
        ),
        operation(
            "muteTest",
            "PUT",
            format!("{test}/mute"),
            json!({"reason": "flaky"}),
        ),
        operation("findTest", "POST", format!("{SUITE}/tests/find"), find),
    ]
}

fn document() -> Value {
    serde_saphyr::from_str(include_str!("../../../../docs/server/openapi.yaml")).unwrap()
}

/// What a reference points to.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => value,
    }
}

fn operation_of<'a>(document: &'a Value, id: &str) -> &'a Value {
    let paths = document["paths"].as_object().unwrap().values();
    let mut all = paths.flat_map(|path| path.as_object().unwrap().values());
    all.find(|operation| operation["operationId"] == id)
        .unwrap_or_else(|| panic!("no operation {id}"))
}

/// A property, and values of it that are at a limit and beyond it.
struct Limit {
    name: String,
    accepted: Vec<Value>,
    rejected: Value,
}

fn limits(name: &str, schema: &Value) -> Vec<Limit> {
    let limit = |accepted: Vec<Value>, rejected: Value| Limit {
        name: name.to_owned(),
        accepted,
        rejected,
    };
    let mut found = Vec::new();
    if let Some(length) = schema["maxLength"].as_u64() {
        let text = |length: u64| json!("a".repeat(usize::try_from(length).unwrap()));
        found.push(limit(vec![text(length)], text(length + 1)));
    }
    if schema["pattern"] == r"\S" {
        found.push(limit(Vec::new(), json!(" ")));
    }
    if let Some(most) = schema["maximum"].as_i64() {
        found.push(limit(vec![json!(most)], json!(most + 1)));
    }
    if let Some(least) = schema["minimum"].as_i64() {
        found.push(limit(Vec::new(), json!(least - 1)));
    }
    if let Some(values) = schema["enum"].as_array() {
        found.push(limit(values.clone(), json!("another")));
    }
    // Items that are objects need more than a name; unit tests have them.
    let of_texts = schema["items"]["type"] == "string";
    if let Some(most) = schema["maxItems"].as_u64().filter(|_| of_texts) {
        let items = |count: u64| (0..count).map(|number| json!(format!("item {number}")));
        let (full, over) = (items(most).collect(), items(most + 1).collect());
        found.push(limit(vec![Value::Array(full)], Value::Array(over)));
    }
    found
}

/// The limits of all properties of an object.
fn limits_of(document: &Value, schema: &Value) -> Vec<Limit> {
    let schema = resolve(document, schema);
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let mut found: Vec<Limit> = parts.flat_map(|part| limits_of(document, part)).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        found.extend(limits(name, resolve(document, property)));
    }
    found
}

fn is_rejected(answer: &Answer) -> bool {
    matches!(answer.status, 400 | 422)
}

#[test]
fn fields_of_bodies_have_the_documented_limits() {
    let server = TestServer::with(backfills::unlimited, Clock::System);
    let document = document();
    let mut checked = 0;
    for operation in operations(&server) {
        let documented = operation_of(&document, operation.id);
        let schema = &documented["requestBody"]["content"]["application/json"]["schema"];
        let schema = match schema["oneOf"].as_array() {
            // A body that may be left out.
            Some(choices) => choices.iter().find(|choice| choice["$ref"].is_string()),
            None => Some(schema),
        };
        let send = |name: &str, value: &Value| {
            let mut body = operation.body.clone();
            body[name] = value.clone();
            let request = server.ask(operation.method, &operation.path);
            request.bearer(&server.access).json(&body).send()
        };
        for limit in limits_of(&document, schema.unwrap()) {
            let (id, name) = (operation.id, &limit.name);
            for value in &limit.accepted {
                let answer = send(name, value);
                assert!(
                    !is_rejected(&answer),
                    "{id} {name} {value}: {}",
                    answer.text()
                );
            }
            let answer = send(name, &limit.rejected);
            let value = &limit.rejected;
            assert!(
                is_rejected(&answer),
                "{id} {name} {value}: {}",
                answer.text()
            );
            checked += 1;
        }
    }
    assert!(checked >= 25, "only {checked} limits are documented");
}

#[test]
fn parameters_have_the_documented_limits() {
    let server = TestServer::with(backfills::unlimited, Clock::System);
    operations(&server);
    let document = document();
    let mut checked = 0;
    for (id, path) in [
        ("listTests", format!("{SUITE}/tests")),
        ("listRuns", format!("{SUITE}/runs")),
        ("listFlakyTests", format!("{SUITE}/flaky-tests")),
        ("listUploads", format!("{SUITE}/uploads")),
        ("listBuildTests", format!("{ORGANIZATION}/builds/b1/tests")),
        ("listCommits", format!("{SUITE}/commits")),
    ] {
        let documented = operation_of(&document, id)["parameters"]
            .as_array()
            .unwrap();
        for parameter in documented {
            let parameter = resolve(&document, parameter);
            if parameter["in"] != "query" {
                continue;
            }
            let name = parameter["name"].as_str().unwrap();
            let get = |value: &Value| {
                let value = value.as_str().map_or(value.to_string(), str::to_owned);
                server.get(&format!("{path}?{name}={value}"))
            };
            for limit in limits(name, &parameter["schema"]) {
                for value in &limit.accepted {
                    let answer = get(value);
                    assert_eq!(answer.status, 200, "{id} {name}={value}: {}", answer.text());
                }
                let value = &limit.rejected;
                if *value == json!(" ") {
                    continue;
                }
                let answer = get(value);
                assert_eq!(answer.status, 400, "{id} {name}={value}: {}", answer.text());
                checked += 1;
            }
        }
    }
    assert!(checked >= 20, "only {checked} limits are documented");
}
