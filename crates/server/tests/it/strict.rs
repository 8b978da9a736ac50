//! What the server rejects before it looks at a request, and how it says so to people.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use test_engine::clock::Clock;
use test_engine::config::Limits;
use test_engine_store::Timestamp;
use test_engine_test_postgres::{Cluster, Durability};

use crate::support::{Answer, SUITE, TestServer, result};
use crate::waiting;

/// The status line of the response to these bytes.
fn raw(server: &TestServer, request: &str) -> String {
    let address = server.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    // The server may respond before everything is sent.
    let _rejected = stream.write_all(request.as_bytes());
    let mut answer = String::new();
    let _reset = stream.read_to_string(&mut answer);
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_request_has_exactly_one_host() {
    let server = TestServer::start();
    let close = "Connection: close\r\n\r\n";
    for (head, expected) in [
        ("GET /healthz HTTP/1.1\r\nHost: a\r\n", "HTTP/1.1 200"),
        ("GET /healthz HTTP/1.1\r\n", "HTTP/1.1 400"),
        (
            "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
            "HTTP/1.1 400",
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
            "HTTP/1.1 400",
        ),
        ("GET http://a/healthz HTTP/1.1\r\n", "HTTP/1.1 400"),
        ("GET /healthz HTTP/1.0\r\n", "HTTP/1.0 200"),
    ] {
        let status = raw(&server, &format!("{head}{close}"));
        assert!(status.starts_with(expected), "{head:?}: {status}");
    }
}

#[test]
fn headers_have_the_documented_limits() {
    let server = TestServer::start();
    let request = |headers: &str| {
        let start = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
        raw(&server, &format!("{start}{headers}\r\n"))
    };
    for (kib, expected) in [
        (60, "HTTP/1.1 200"),
        (65, "HTTP/1.1 431"),
        (100, "HTTP/1.1 431"),
    ] {
        let line = format!("X-Filler: {}\r\n", "x".repeat(kib * 1024 / 8 - 12));
        let status = request(&line.repeat(8));
        assert!(status.starts_with(expected), "{kib} KiB: {status}");
    }
    for (count, expected) in [(98, "HTTP/1.1 200"), (99, "HTTP/1.1 431")] {
        let status = request(&"X-Many: a\r\n".repeat(count));
        assert!(
            status.starts_with(expected),
            "{count} and two more: {status}"
        );
    }
}

#[test]
fn readiness_ends_once_writes_have_failed_for_a_while() {
    let cluster = Cluster::start(Durability::Off);
    let server = TestServer::with(
        |config| {
            config.storage.database_url = Some(cluster.url().into());
            config.limits.write_failure_time = Duration::from_millis(600);
        },
        Clock::System,
    );
    let until = |status: u16| {
        waiting::until(&status.to_string(), || {
            server.ask("GET", "/readyz").send().status == status
        });
    };
    until(200);
    cluster.execute("ALTER SYSTEM SET default_transaction_read_only = on");
    cluster.execute("SELECT pg_reload_conf()");
    until(503);
    let message = server.ask("GET", "/readyz").send().error(503);
    assert!(message.contains("cannot be written"), "{message}");
    assert_eq!(server.ask("GET", "/healthz").send().status, 200);
    server.get(SUITE).ok();
    cluster.execute("ALTER SYSTEM RESET default_transaction_read_only");
    cluster.execute("SELECT pg_reload_conf()");
    until(200);
}

/// As on a full disk, but without filling one.
#[test]
fn readiness_ends_and_returns_with_sqlite_too() {
    assert_eq!(Limits::default().write_failure_time.as_secs(), 30);
    let server = TestServer::with(
        |config| config.limits.write_failure_time = Duration::from_millis(600),
        Clock::System,
    );
    let until = |status: u16| {
        waiting::until(&status.to_string(), || {
            server.ask("GET", "/readyz").send().status == status
        });
    };
    until(200);
    let database = rusqlite::Connection::open(server.directory().join("test-engine.db")).unwrap();
    let failing = "CREATE TRIGGER failing BEFORE INSERT ON leases WHEN NEW.name = 'write_check' \
                   BEGIN SELECT RAISE(ABORT, 'a disk error'); END";
    database.execute_batch(failing).unwrap();
    until(503);
    assert_eq!(server.ask("GET", "/healthz").send().status, 200);
    server.get(SUITE).ok();
    database.execute_batch("DROP TRIGGER failing").unwrap();
    until(200);
}

#[test]
fn invalid_tag_requests_do_not_use_up_the_minute() {
    let clock = Clock::fixed_at(Timestamp::from_millis(60_000_000));
    let server = TestServer::with(|_config| {}, clock);
    let receipt = server.upload("b1", "main", &json!([result("A", "a", "a", 1.0, "failed")]));
    let run = receipt.json()["run_id"].as_str().unwrap().to_owned();
    let failed = server
        .get(&format!("{SUITE}/runs/{run}/failed_executions"))
        .ok();
    let put = |tags: serde_json::Value| {
        let body = json!({"executions": [{"id": failed[0]["execution_id"], "tags": tags}]});
        let ask = server.ask("PUT", &format!("{SUITE}/execution-tags"));
        ask.bearer(&server.access).json(&body).send()
    };
    put(json!({"not-mutable": "x"})).error(400);
    put(json!({"mut.a": 7})).error(400);
    put(json!({"mut.a": "b"})).ok();
    put(json!({"mut.a": "c"})).error(429);
}

#[test]
fn plans_of_nothing_are_rejected() {
    let server = TestServer::start();
    for (tests, part) in [
        (
            json!({"selectors": [{"value": "a"}, {"value": ""}]}),
            "tests.selectors[1].value",
        ),
        (json!({"files": [{"path": " "}]}), "tests.files[0].path"),
        (
            json!({"examples": [{"path": "", "name": ""}]}),
            "tests.examples[0].path",
        ),
    ] {
        let body = json!({
            "runner": "custom", "identifier": "x", "parallelism": 1, "tests": tests,
        });
        let message = server.post(&format!("{SUITE}/test_plan"), &body).error(400);
        assert!(message.contains(part), "{message}");
    }
}

fn browse(server: &TestServer, path: &str, cookie: &str) -> Answer {
    let ask = server.ask("GET", path);
    ask.header("accept", "text/html,application/xhtml+xml")
        .header("cookie", cookie)
        .send()
}

#[test]
fn browsers_see_errors_as_pages_that_keep_their_place() {
    let server = TestServer::start();
    let form = format!("token={}&next=/", server.access);
    let signed_in = server
        .ask("POST", "/sign-in")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send();
    let cookie = signed_in
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let suite = "/organizations/acme/analytics/suites/web";
    let run = format!("{suite}/runs/01234567-89ab-7def-8123-456789abcdef");
    for (path, status, links_up) in [
        (&*run, 404, true),
        (&format!("{suite}/no-such-page"), 404, true),
        (&format!("{suite}/tests?page=x"), 400, true),
        ("/organizations/acme/analytics/suites/other", 404, false),
        ("/nothing", 404, false),
    ] {
        let answer = browse(&server, path, cookie);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with("text/html"), "{path}: {kind}");
        let page = answer.text();
        assert!(page.contains("Sign out"), "{path}: still signed in");
        assert_eq!(
            page.contains(&format!("href=\"{suite}\"")),
            links_up,
            "{path}: {page}"
        );
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
    }
    // Nobody else learns from the links what exists.
    let page = browse(&server, "/nothing", "").text();
    assert!(
        page.contains("Sign in") && !page.contains("Sign out"),
        "{page}"
    );
    let page = browse(&server, &format!("{suite}/no-such-page"), "").text();
    assert!(!page.contains(">acme<"), "{page}");
    // Programs still get JSON.
    server.ask("GET", "/nothing").send().error(404);
    let message = browse(&server, "/v2/nothing", cookie).error(404);
    assert!(message.contains("/v2/nothing"), "{message}");
}
