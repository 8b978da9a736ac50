//! `POST /v1/uploads`: encodings, formats and errors.

use serde_json::{Value, json};

use super::TestServer;
use crate::support::{Answer, SUITE, form, gzip, result};

fn post(server: &TestServer, content_type: &str, body: Vec<u8>) -> Answer {
    server
        .ask("POST", "/v1/uploads")
        .header(
            "authorization",
            &format!("Token token=\"{}\"", server.suite_token),
        )
        .header("content-type", content_type)
        .body(body)
        .send()
}

fn post_form(server: &TestServer, fields: &[(&str, &str)]) -> Answer {
    let (content_type, body) = form(fields);
    post(server, &content_type, body)
}

fn run(server: &TestServer, receipt: &Value) -> Value {
    server
        .get(&format!(
            "{SUITE}/runs/{}",
            receipt["run_id"].as_str().unwrap()
        ))
        .ok()
}

#[test]
fn the_receipt_has_the_fields_that_collectors_read() {
    let server = TestServer::start();
    let answer = server.upload(
        "b1",
        "refs/heads/main",
        &json!([result("A", "one", "a.rb", 0.5, "passed")]),
    );
    let receipt = answer.json();
    assert_eq!(receipt["id"], receipt["upload_id"]);
    assert_eq!(
        (receipt["queued"].as_u64(), receipt["skipped"].as_u64()),
        (Some(1), Some(0))
    );
    assert_eq!(receipt["errors"], json!([]));
    let run_id = receipt["run_id"].as_str().unwrap();
    let page = format!(
        "{}/organizations/acme/analytics/suites/web/runs/{run_id}",
        server.base
    );
    assert_eq!(receipt["run_url"], page);
    assert_eq!(
        receipt["upload_url"],
        format!("{page}#upload-{}", receipt["id"].as_str().unwrap())
    );
    let run = run(&server, &receipt);
    assert_eq!(run["branch"], "main");
    assert_eq!(run["build_id"], "b1");
    assert_eq!(run["commit_sha"], "sha-b1");
    assert_eq!(
        (run["state"].as_str(), run["result"].as_str()),
        (Some("finished"), Some("passed"))
    );
}

#[test]
fn accepts_form_fields_in_any_order() {
    let server = TestServer::start();
    let junit =
        r#"<testsuite><testcase classname="A" name="one" file="a.py" time="1.5"/></testsuite>"#;
    let orders: [&[(&str, &str)]; 2] = [
        &[
            ("format", "junit"),
            ("run_env[CI]", "generic"),
            ("run_env[key]", "k1"),
            ("tags[team]", "web"),
            ("data", junit),
        ],
        &[
            ("data", junit),
            ("tags[team]", "web"),
            ("run_env[key]", "k2"),
            ("unknown", "x"),
            ("format", "junit"),
        ],
    ];
    for fields in orders {
        let answer = post_form(&server, fields);
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_eq!(answer.json()["queued"], 1);
    }
    let test = server
        .post(
            &format!("{SUITE}/tests/find"),
            &json!({"scope": "A", "name": "one"}),
        )
        .ok();
    assert_eq!(test["file_name"], "a.py");
}

#[test]
fn accepts_compressed_json_and_files_as_strings() {
    let server = TestServer::start();
    let body = json!({
        "run_env": {"key": "k"}, "tags": {}, "format": "json",
        "data": [result("", "zipped", "z.rb", 1.0, "passed")],
    });
    let answer = server
        .ask("POST", "/v1/uploads")
        .header("authorization", &format!("Token {}", server.suite_token))
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(gzip(body.to_string().as_bytes()))
        .send();
    assert_eq!(answer.json()["queued"], 1, "{}", answer.text());
    let junit = json!({
        "run_env": {"key": "k"}, "format": "junit",
        "data": "<testsuite><testcase name=\"as text\"/></testsuite>",
    });
    assert_eq!(server.upload_json(&junit).json()["queued"], 1);
}

#[test]
fn reads_reports_of_runners() {
    let server = TestServer::start();
    let rspec = r#"{"examples":[{"id":"./spec/a_spec.rb[1:1]","description":"works",
        "full_description":"A works","status":"failed","file_path":"./spec/a_spec.rb",
        "line_number":2,"run_time":0.5,
        "exception":{"class":"E","message":"broke","backtrace":["a:1"]}}],
        "summary":{"errors_outside_of_examples_count":0}}"#;
    let jest = r#"{"testResults":[{"name":"/b/src/a.test.js","status":"passed",
        "assertionResults":[{"ancestorTitles":["A"],"title":"runs","status":"passed",
        "duration":5}]}]}"#;
    for (format, data, expected) in [
        ("rspec-json", rspec, "failed"),
        ("jest-json", jest, "passed"),
    ] {
        let answer = post_form(
            &server,
            &[
                ("format", format),
                ("run_env[key]", format),
                ("run_env[cwd]", "/b"),
                ("data", data),
            ],
        );
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_eq!(answer.json()["queued"], 1);
        assert_eq!(run(&server, &answer.json())["result"], expected);
    }
    let failed = server.get(&format!("{SUITE}/runs")).ok();
    assert_eq!(failed.as_array().unwrap().len(), 2);
}

#[test]
fn uploads_with_the_same_key_belong_to_one_run() {
    let server = TestServer::start();
    let first = server
        .upload("b", "main", &json!([result("", "one", "a", 1.0, "passed")]))
        .json();
    let second = server
        .upload("b", "main", &json!([result("", "two", "b", 1.0, "failed")]))
        .json();
    assert_eq!(first["run_id"], second["run_id"]);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(run(&server, &first)["result"], "failed");
    let other = server.upload("c", "main", &json!([])).json();
    assert_ne!(other["run_id"], first["run_id"]);
    assert_eq!(run(&server, &other)["result"], "pending");
}

#[test]
fn a_repeated_upload_adds_nothing_and_returns_the_same_receipt() {
    let server = TestServer::start();
    let results = json!([result("", "one", "a", 1.0, "failed")]);
    let first = server.upload("b", "main", &results).json();
    let again = server.upload("b", "main", &results).json();
    assert_eq!(first, again);
    let path = format!(
        "{SUITE}/runs/{}/failed_executions",
        first["run_id"].as_str().unwrap()
    );
    assert_eq!(server.get(&path).ok().as_array().unwrap().len(), 1);
}

#[test]
fn an_empty_key_starts_a_run_and_a_missing_key_is_an_error() {
    let server = TestServer::start();
    let upload = |run_env: Value| {
        server.upload_json(&json!({"format": "json", "run_env": run_env, "data": []}))
    };
    let first = upload(json!({"key": ""})).json();
    let second = upload(json!({"KEY": ""})).json();
    assert_ne!(first["run_id"], second["run_id"]);
    let message = upload(json!({"CI": "generic"})).error(422);
    assert!(message.contains("run_env[key]"), "{message}");
}

#[test]
fn keeps_valid_results_and_reports_the_others() {
    let server = TestServer::start();
    let valid = result("", "valid", "a", 1.0, "passed");
    let data = json!([valid, {"name": "", "history": {"duration": 1}}, 7]);
    let receipt = server.upload("b", "main", &data).json();
    assert_eq!(
        (receipt["queued"].as_u64(), receipt["skipped"].as_u64()),
        (Some(1), Some(2))
    );
    let errors: Vec<&str> = receipt["errors"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors[0].starts_with("result 1: ") && errors[1].starts_with("result 2: "),
        "{errors:?}"
    );
}

#[test]
fn reports_the_first_fifty_invalid_results_and_counts_all() {
    let server = TestServer::start();
    let mut data: Vec<Value> = (0..60).map(|_| json!({"name": " "})).collect();
    data.push(result("", "good", "a", 1.0, "passed"));
    let receipt = server.upload("b", "main", &json!(data)).json();
    assert_eq!(
        (&receipt["queued"], &receipt["skipped"]),
        (&json!(1), &json!(60))
    );
    let errors = receipt["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 50);
    assert!(
        errors[49].as_str().unwrap().starts_with("result 49: "),
        "{errors:?}"
    );
}

#[test]
fn rejects_unusable_uploads() {
    let server = TestServer::start();
    let key = ("run_env[key]", "k");
    for (fields, part) in [
        (
            vec![("format", "nunit"), key, ("data", "x")],
            "\"nunit\" is not known",
        ),
        (vec![key, ("data", "[]")], "format is missing"),
        (vec![("format", "json"), key], "data is missing"),
        (
            vec![("format", "json"), key, ("data", "[]"), ("data", "[]")],
            "more than once",
        ),
        (
            vec![("format", "json"), key, ("data", "[{")],
            "cannot be read",
        ),
        (
            vec![("format", "junit"), key, ("data", "not xml")],
            "cannot be read",
        ),
        (
            vec![("format", "rspec-json"), key, ("data", "[]")],
            "cannot be read",
        ),
        (
            vec![("format", "jest-json"), key, ("data", "")],
            "cannot be read",
        ),
    ] {
        let message = post_form(&server, &fields).error(422);
        assert!(message.contains(part), "{fields:?}: {message}");
    }
    post(&server, "application/json", b"{\"format\":".to_vec()).error(422);
    post(
        &server,
        "multipart/form-data; boundary=x",
        b"--x\r\nbroken".to_vec(),
    )
    .error(422);
    post(&server, "multipart/form-data", b"--x".to_vec()).error(422);
    post(&server, "text/plain", b"hello".to_vec()).error(415);
    assert_eq!(server.get(&format!("{SUITE}/runs")).ok(), json!([]));
}

#[test]
fn rejects_too_many_results_and_bytes() {
    let server = TestServer::with(
        |config| {
            config.limits.results_per_upload = 2;
            config.limits.body_bytes = 10_000;
        },
        test_engine::clock::Clock::System,
    );
    let three: Vec<Value> = (0..3)
        .map(|n| result("", &format!("t{n}"), "a", 1.0, "passed"))
        .collect();
    let message = server
        .upload_json(&json!({"format": "json", "run_env": {"key": "k"}, "data": three}))
        .error(422);
    assert!(message.contains("maximum is 2"), "{message}");
    let message = post(&server, "application/json", vec![b' '; 10_001]).error(413);
    assert!(message.contains("10000 bytes"), "{message}");
    let bomb = server
        .ask("POST", "/v1/uploads")
        .header("authorization", &format!("Token {}", server.suite_token))
        .header("content-encoding", "gzip")
        .body(gzip(&vec![b' '; 5_000_000]))
        .send();
    bomb.error(413);
    post(&server, "application/json", gzip(b"{}")).error(422);
}

#[test]
fn keeps_unusual_names_unchanged() {
    let server = TestServer::start();
    let long = "x".repeat(10_000);
    let names = [
        "<script>alert(1)</script>",
        "наука 科学 🎉",
        "a\nb\tc",
        "quote \" and ' and \\",
        long.as_str(),
    ];
    let results: Vec<Value> = names
        .iter()
        .map(|name| result("s", name, "a.rb", 0.1, "passed"))
        .collect();
    let receipt = server.upload("b", "main", &json!(results)).json();
    assert_eq!(receipt["queued"], names.len(), "{receipt}");
    for name in names {
        let found = server
            .post(
                &format!("{SUITE}/tests/find"),
                &json!({"scope": "s", "name": name}),
            )
            .ok();
        assert_eq!(found["name"], name);
    }
}

#[test]
fn stores_concurrent_repeated_uploads_once() {
    let server = TestServer::start();
    let body = json!({
        "format": "json", "run_env": {"key": "k"},
        "data": [result("", "one", "a", 1.0, "failed")],
    });
    let receipts: Vec<Value> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| server.upload_json(&body).json()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(
        receipts.iter().all(|receipt| receipt == &receipts[0]),
        "{receipts:?}"
    );
    let path = format!(
        "{SUITE}/runs/{}/failed_executions",
        receipts[0]["run_id"].as_str().unwrap()
    );
    assert_eq!(server.get(&path).ok().as_array().unwrap().len(), 1);
}
