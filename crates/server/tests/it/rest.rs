//! Labels, owners, tags, builds and uploads in the REST API.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine::scopes::Scope;
use test_engine_store::Timestamp;

use crate::support::{Answer, SUITE, TestServer, form, result};

const DAY: i64 = 24 * 60 * 60 * 1_000;

fn seeded() -> TestServer {
    let server = TestServer::start();
    let mut tagged = result("B", "shaky", "spec/b_spec.rb", 1.0, "failed");
    tagged["tags"] = json!({"team": "shop", "shard": "1"});
    server.upload(
        "b1",
        "main",
        &json!([
            result("A", "fast", "spec/a_spec.rb", 0.5, "passed"),
            result("A", "slow", "spec/a_spec.rb", 4.0, "passed"),
            result("B", "shaky", "spec/b_spec.rb", 1.0, "passed"),
            tagged,
        ]),
    );
    server
}

fn find(server: &TestServer, scope: &str, name: &str) -> String {
    let body = json!({"scope": scope, "name": name});
    let test = server.post(&format!("{SUITE}/tests/find"), &body).ok();
    test["id"].as_str().unwrap().to_owned()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|test| test["name"].as_str().unwrap())
        .collect()
}

fn list(server: &TestServer, query: &str) -> Answer {
    server
        .ask("GET", &format!("{SUITE}/tests{query}"))
        .bearer(&server.access)
        .header("buildkite-version", "2026-08-01")
        .send()
}

fn label(server: &TestServer, id: &str, operator: &str, labels: &[&str]) -> Answer {
    server.patch(
        &format!("{SUITE}/tests/{id}/labels"),
        &json!({"operator": operator, "labels": labels}),
    )
}

fn send_owners(server: &TestServer, text: &str) -> Answer {
    let (content_type, body) = form(&[("file", text)]);
    server
        .ask("POST", "/v1/test-ownerships")
        .header("authorization", &format!("Bearer {}", server.suite_token))
        .header("content-type", &content_type)
        .body(body)
        .send()
}

#[test]
fn labels_can_be_changed_and_filtered() {
    let server = seeded();
    let id = find(&server, "B", "shaky");
    let test = label(&server, &id, "add", &["flaky", "größer 🐢"]).ok();
    assert_eq!(test["labels"], json!(["flaky", "größer 🐢"]));
    let read = server.get(&format!("{SUITE}/tests/{id}")).ok();
    assert_eq!(read, test);
    assert_eq!(names(&list(&server, "?labels=flaky").ok()), ["shaky"]);
    assert_eq!(
        names(&list(&server, "?label=gr%C3%B6%C3%9Fer%20%F0%9F%90%A2").ok()),
        ["shaky"]
    );
    assert_eq!(
        names(&list(&server, "?labels=!flaky&order=asc").ok()),
        ["fast", "slow"]
    );
    let shown = list(&server, "?labels=flaky").ok();
    assert_eq!(shown[0]["labels"], test["labels"]);
    let test = label(&server, &id, "remove", &["flaky", "never there"]).ok();
    assert_eq!(test["labels"], json!(["größer 🐢"]));

    let message = label(&server, &id, "toggle", &["a"]).error(400);
    assert!(message.contains("toggle"), "{message}");
    label(&server, &id, "add", &["a,b"]).error(422);
    label(&server, &id, "add", &[]).error(422);
    label(
        &server,
        "018f2f6e-0000-8000-8000-000000000000",
        "add",
        &["a"],
    )
    .error(404);
    let path = format!("{SUITE}/tests/{id}/labels");
    for (body, field) in [
        (json!({"operator": "add", "labels": "a"}), "labels"),
        (json!({"operator": 7, "labels": []}), "operator"),
        (json!({"operator": "add", "labels": ["a", 7]}), "labels[1]"),
    ] {
        let message = server.patch(&path, &body).error(400);
        assert!(message.contains(&format!("at {field}:")), "{message}");
    }
}

#[test]
fn tests_with_the_label_are_listed_as_flaky() {
    let server = seeded();
    let flaky = |query: &str| server.get(&format!("{SUITE}/flaky-tests{query}"));
    assert_eq!(flaky("").ok(), json!([]));
    label(&server, &find(&server, "B", "shaky"), "add", &["flaky"]).ok();
    label(&server, &find(&server, "A", "slow"), "add", &["flaky"]).ok();
    send_owners(&server, "*.rb web ops\n").ok();
    let found = flaky("").ok();
    assert_eq!(names(&found), ["slow", "shaky"]);
    let shaky = &found[1];
    assert_eq!(shaky["instances"], 1);
    assert_eq!(shaky["ownership_team_ids"], json!(["web", "ops"]));
    let latest = shaky["latest_occurrence_at"].as_str().unwrap();
    assert!(latest.ends_with("T00:00:00.000Z"), "{latest}");
    assert_eq!(found[0]["latest_occurrence_at"], Value::Null);
    assert_eq!(names(&flaky("?search=shak&period=1hour").ok()), ["shaky"]);
    assert_eq!(flaky("?branch=none").ok(), json!([]));
    flaky("?period=forever").error(400);
}

#[test]
fn the_latest_owners_file_applies() {
    let server = seeded();
    assert_eq!(list(&server, "").ok()[0]["owners"], json!([]));
    let answer = send_owners(&server, "* everybody\n/spec/b* b-team # theirs\nlonely\n").ok();
    assert_eq!(
        answer,
        json!({"rules": 2, "teams": ["b-team", "everybody"],
               "ignored": ["line 3: the pattern has no team"]})
    );
    assert_eq!(names(&list(&server, "?owners=b-team").ok()), ["shaky"]);
    let page = list(&server, "?owners=everybody&per_page=1&page=2");
    assert_eq!(names(&page.ok()), ["fast"]);
    assert!(page.header("link").unwrap().contains("rel=\"prev\""));
    assert_eq!(
        list(&server, "?owners=b-team").ok()[0]["owners"],
        json!(["b-team"])
    );
    assert_eq!(names(&list(&server, "?owners=!everybody").ok()), ["shaky"]);
    send_owners(&server, "").ok();
    assert_eq!(list(&server, "?owners=b-team").ok(), json!([]));
}

#[test]
fn invalid_owners_files_are_rejected() {
    let server = seeded();
    let send = |content_type: &str, body: Vec<u8>| {
        server
            .ask("POST", "/v1/test-ownerships")
            .header("authorization", &format!("Bearer {}", server.suite_token))
            .header("content-type", content_type)
            .body(body)
            .send()
    };
    send("text/plain", b"* team".to_vec()).error(415);
    let (kind, body) = form(&[("other", "* team")]);
    let message = send(&kind, body).error(422);
    assert!(message.contains("file is missing"), "{message}");
    let (kind, body) = form(&[("file", &"# filler\n".repeat(1 << 17))]);
    send(&kind, body).error(413);
    let (kind, body) = form(&[("file", &"x".repeat(3 << 20))]);
    send(&kind, body).error(413);
    let (kind, mut body) = form(&[("file", "* teaX")]);
    let place = body.iter().position(|byte| *byte == b'X').unwrap();
    body[place] = 0xff;
    let message = send(&kind, body).error(422);
    assert!(message.contains("UTF-8"), "{message}");
    server
        .ask("POST", "/v1/test-ownerships")
        .bearer(&server.access)
        .body(b"x".to_vec())
        .send()
        .error(401);
}

#[test]
fn tests_can_be_filtered_by_branch_tag_and_result() {
    let server = seeded();
    server.upload(
        "b2",
        "feature/x",
        &json!([result("A", "slow", "spec/a_spec.rb", 6.0, "failed")]),
    );
    let named = |query: &str| -> Vec<String> {
        let listed = list(&server, query).ok();
        names(&listed).into_iter().map(str::to_owned).collect()
    };
    assert_eq!(named("?branch=feature/*"), ["slow"]);
    assert_eq!(named("?branch=!main"), ["slow"]);
    assert_eq!(named("?branch=!feature/x").len(), 3);
    assert_eq!(named("?tags=team:shop"), ["shaky"]);
    assert_eq!(named("?tags=team:sh*,shard:1"), ["shaky"]);
    assert_eq!(named("?tags=team:shop,shard:2"), Vec::<String>::new());
    assert_eq!(named("?tags=build.id:b2"), ["slow"]);
    assert_eq!(named("?tags=!build.id:b2&order=asc")[0], "fast");
    assert_eq!(named("?tags=result:failed"), ["slow", "shaky"]);
    assert_eq!(named("?tags=result:^passed"), ["fast"]);
    assert_eq!(named("?tags=!result:failed"), ["fast"]);
    assert_eq!(
        named("?tags=scm.branch:main,result:%5Epassed"),
        ["slow", "fast"]
    );
    let shop = &list(&server, "?tags=team:shop").ok()[0];
    assert_eq!(
        shop["executions_count_by_result"],
        json!({"passed": 0, "failed": 1})
    );
    for (query, named) in [
        ("?tags=team", "key:value"),
        ("?tags=result:broken", "broken"),
        ("?owners=!", "owners"),
        ("?min_timestamp=1", "min_timestamp"),
        ("?period=7%20days", "period"),
    ] {
        let message = list(&server, query).error(400);
        assert!(message.contains(named), "{query}: {message}");
    }
}

#[test]
fn a_build_lists_only_its_own_tests() {
    let server = seeded();
    server.upload(
        "b2",
        "main",
        &json!([result("A", "slow", "spec/a_spec.rb", 9.0, "failed")]),
    );
    let path = "/v2/analytics/organizations/acme/builds";
    let tests = |build: &str, query: &str| server.get(&format!("{path}/{build}/tests{query}"));
    let found = tests("b1", "").ok();
    assert_eq!(names(&found), ["slow", "shaky", "fast"]);
    assert_eq!(found[0]["duration_max"], 4.0);
    assert_eq!(found[1]["reliability"], 0.5);
    assert_eq!(names(&tests("b1", "?tags=result:failed").ok()), ["shaky"]);
    let page = tests("b1", "?per_page=2");
    assert!(
        page.header("link")
            .unwrap()
            .contains("page=2&per_page=2>; rel=\"next\"")
    );
    tests("b3", "").error(404);
    tests("b1", "?period=7days").error(400);
    let other = server.token("other", &Scope::ALL);
    let theirs = "/v2/analytics/organizations/other/builds/b1/tests";
    server.ask("GET", theirs).bearer(&other).send().error(404);
}

#[test]
fn executions_can_be_tagged_once_per_minute() {
    let time = Arc::new(AtomicI64::new(100 * DAY));
    let server = TestServer::with(|_| {}, Clock::Fixed(Arc::clone(&time)));
    let receipt = server.upload("b1", "main", &json!([result("A", "a", "a", 1.0, "failed")]));
    let run = receipt.json()["run_id"].as_str().unwrap().to_owned();
    let failed = || {
        server
            .get(&format!("{SUITE}/runs/{run}/failed_executions"))
            .ok()[0]
            .clone()
    };
    let execution = failed()["execution_id"].as_str().unwrap().to_owned();
    let put = |body: &Value| {
        time.fetch_add(60_000, Ordering::SeqCst);
        server
            .ask("PUT", &format!("{SUITE}/execution-tags"))
            .bearer(&server.access)
            .json(body)
            .send()
    };
    let tags = |tags: &Value| json!({"executions": [{"id": execution, "tags": tags}]});
    assert_eq!(
        put(&tags(&json!({"mut.cause": "network"}))).ok(),
        json!({"executions": 1})
    );
    assert_eq!(failed()["tags"]["mut.cause"], "network");
    let listed = server.get(&format!("{SUITE}/tests?tags=mut.cause:network"));
    assert_eq!(names(&listed.ok()), ["a"]);
    put(&tags(&json!({}))).ok();
    assert_eq!(failed()["tags"].get("mut.cause"), None);

    for (body, named) in [
        (tags(&json!({"cause": "x"})), "executions[0].tags"),
        (tags(&json!({"mut.a": 1})), "executions[0].tags.mut.a"),
        (
            json!({"executions": [{"id": "x", "tags": {}}]}),
            "executions[0].id",
        ),
        (json!({"executions": {}}), "executions"),
        (json!({}), "executions"),
    ] {
        let message = put(&body).error(400);
        assert!(message.contains(named), "{message}");
    }
    let many = vec![json!({"id": execution, "tags": {}}); 100_001];
    let message = put(&json!({ "executions": many })).error(400);
    assert!(message.contains("100001"), "{message}");
    let nobody = "018f2f6e-0000-8000-8000-000000000000";
    put(&json!({"executions": [{"id": nobody, "tags": {}}]})).error(404);
    // Within the same minute.
    let refused = server
        .ask("PUT", &format!("{SUITE}/execution-tags"))
        .bearer(&server.access)
        .json(&tags(&json!({})))
        .send();
    refused.error(429);
    let body = refused.json();
    assert_eq!(
        (
            &body["scope"],
            &body["limit"],
            &body["current"],
            &body["reset"]
        ),
        (&json!("execution_tags"), &json!(1), &json!(2), &json!(60))
    );
    assert_eq!(refused.header("ratelimit-scope"), Some("execution_tags"));
}

#[test]
fn uploads_are_listed_with_their_state() {
    let server = seeded();
    let metadata = |key: &str| json!({"format": "json", "run_env": {"key": key}, "data": 7});
    server.upload_json(&metadata("bad")).error(422);
    server
        .upload_json(&json!({"format": "nunit", "run_env": {"key": "x"}, "data": []}))
        .error(422);
    server.upload_json(&json!({"format": 7})).error(422);
    let uploads = |query: &str| server.get(&format!("{SUITE}/uploads{query}"));
    let all = uploads("").ok();
    let states: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|upload| upload["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["rejected", "rejected", "rejected", "accepted"]);
    let reason = |place: usize| all[place]["reason"].as_str().unwrap();
    assert!(reason(0).contains("\"7\" is not known"), "{}", reason(0));
    assert!(
        reason(1).contains("\"nunit\" is not known"),
        "{}",
        reason(1)
    );
    assert_eq!(
        (&all[2]["run_key"], &all[2]["format"], &all[2]["status"]),
        (&json!("bad"), &json!("json"), &json!(422))
    );
    assert_eq!(all[3]["queued"], 4);
    assert_eq!(all[3]["reason"], Value::Null);
    let accepted = uploads("?state=accepted").ok();
    assert_eq!(accepted, json!([all[3]]));
    assert_eq!(uploads("?state=failed").ok(), json!([]));
    assert!(
        uploads("?per_page=1&page=2")
            .header("link")
            .unwrap()
            .contains("rel=\"last\"")
    );
    uploads("?state=lost").error(400);
}

#[test]
fn a_run_without_results_is_stale_after_a_day() {
    let time = Arc::new(AtomicI64::new(100 * DAY));
    let server = TestServer::with(|_| {}, Clock::Fixed(Arc::clone(&time)));
    server.upload("empty", "main", &json!([]));
    let result_of = || server.get(&format!("{SUITE}/runs")).ok()[0]["result"].clone();
    assert_eq!(result_of(), "pending");
    time.fetch_add(DAY, Ordering::SeqCst);
    assert_eq!(result_of(), "stale");
    server.upload(
        "empty",
        "main",
        &json!([result("", "a", "a", 1.0, "passed")]),
    );
    assert_eq!(result_of(), "passed");
}

#[test]
fn a_token_can_revoke_itself() {
    let server = TestServer::start();
    let token = server.token("acme", &[Scope::ReadSuites]);
    let ask = |method: &str| server.ask(method, "/v2/access-token").bearer(&token).send();
    assert_eq!(ask("GET").status, 200);
    assert_eq!(ask("DELETE").status, 204);
    ask("GET").error(401);
    assert_eq!(server.get("/v2/access-token").status, 200);
}

#[test]
fn the_rate_limit_status_can_be_read() {
    let clock = Clock::fixed_at(Timestamp::from_millis(60_030_000));
    let server = TestServer::with(|config| config.limits.rest_requests_per_minute = 9, clock);
    server.get(SUITE).ok();
    let path = "/v2/organizations/acme/rate_limit";
    let answer = server.get(path);
    assert_eq!(answer.header("ratelimit-scope"), Some("rest"));
    let told = answer.ok();
    assert_eq!(
        told["scopes"]["rest"],
        json!({"limit": 9, "current": 2, "reset": 31, "reset_at": "1970-01-01T16:41:01.000Z",
               "enforced": true})
    );
    assert_eq!(told["scopes"]["test_plan"]["current"], 0);
    server.get("/v2/organizations/other/rate_limit").error(404);
    server.ask("GET", path).send().error(401);
}

#[test]
fn the_api_catalog_links_to_the_document() {
    let server = TestServer::start();
    let catalog = server.ask("GET", "/.well-known/api-catalog").send();
    let kind = catalog.header("content-type").unwrap();
    assert!(kind.starts_with("application/linkset+json"), "{kind}");
    let link = catalog.ok()["linkset"][0]["service-desc"][0]["href"].clone();
    let path = link
        .as_str()
        .unwrap()
        .strip_prefix(&server.base)
        .unwrap()
        .to_owned();
    let document = server.ask("GET", &path).send();
    assert_eq!(document.status, 200);
    assert_eq!(document.header("content-type"), Some("application/yaml"));
    assert!(document.text().starts_with("openapi: \"3.1."));
    let exposed = server.get(SUITE);
    let exposed = exposed.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("Link"), "{exposed}");
}
