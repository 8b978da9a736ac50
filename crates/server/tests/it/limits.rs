//! Behavior of all requests: JSON errors, limits and graceful shutdown.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use test_engine::clock::Clock;
use test_engine_store::Timestamp;

use crate::support::{SUITE, TestServer, result};

#[test]
fn unknown_paths_and_methods_are_json_errors() {
    let server = TestServer::start();
    let message = server.get("/v2/nothing").error(404);
    assert!(message.contains("/v2/nothing"), "{message}");
    server.get(&format!("{SUITE}/nothing")).error(404);
    // What other clients of the hosted product request.
    for path in ["/v1/traces", "/v1/traces/"] {
        let message = server.ask("POST", path).send().error(404);
        assert!(message.contains("/v1/uploads"), "{message}");
    }
    for path in [
        "organizations/acme/teams",
        "analytics/organizations/acme/teams",
    ] {
        for below in ["", "/web/suites"] {
            let message = server.get(&format!("/v2/{path}{below}")).error(404);
            assert!(message.contains("has no teams"), "{path}{below}: {message}");
        }
    }
    // A suite of that name is none of them.
    let suite = "/v2/analytics/organizations/acme/suites/teams/nothing";
    let message = server.get(suite).error(404);
    assert!(message.contains(suite), "{message}");
    server
        .ask("DELETE", &format!("{SUITE}/runs"))
        .bearer(&server.access)
        .send()
        .error(405);
    server.ask("GET", "/v1/uploads").send().error(405);
}

#[test]
fn root_and_health_endpoints_respond() {
    let server = TestServer::start();
    assert_eq!(
        server.ask("GET", "/healthz").send().ok(),
        json!({"status": "ok"})
    );
    assert_eq!(
        server.ask("GET", "/readyz").send().ok(),
        json!({"status": "ok"})
    );
    let root = server.ask("GET", "/").send().ok();
    assert!(
        root["timestamp"].as_i64().unwrap() > 1_700_000_000,
        "{root}"
    );
    assert!(root["message"].is_string());
}

#[test]
fn requests_over_the_rate_limit_are_rejected() {
    let clock = Clock::fixed_at(Timestamp::from_millis(60_000_000));
    let server = TestServer::with(
        |config| {
            config.limits.rest_requests_per_minute = 2;
            config.limits.plan_requests_per_minute = 1;
        },
        clock,
    );
    let first = server.get(SUITE);
    assert_eq!(
        (
            first.header("ratelimit-limit"),
            first.header("ratelimit-remaining")
        ),
        (Some("2"), Some("1"))
    );
    assert_eq!(server.get(SUITE).header("ratelimit-remaining"), Some("0"));
    let refused = server.get(SUITE);
    let message = refused.error(429);
    assert!(message.contains("2 requests a minute"), "{message}");
    assert_eq!(refused.header("ratelimit-reset"), Some("60"));
    // Plans and other organizations are counted separately; invalid tokens do not count.
    server
        .get(&format!("{SUITE}/test_plan?identifier=x"))
        .error(404);
    server
        .get(&format!("{SUITE}/test_plan?identifier=x"))
        .error(429);
    server
        .ask("GET", SUITE)
        .bearer("tea_unknown")
        .send()
        .error(401);
    let other = server.token("other", &test_engine::scopes::Scope::ALL);
    server
        .ask("GET", "/v2/analytics/organizations/other/suites")
        .bearer(&other)
        .send()
        .ok();
    // Uploads have no limit.
    server.upload("b1", "main", &json!([result("", "a", "a", 1.0, "passed")]));
}

#[test]
fn endless_headers_are_rejected() {
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").unwrap();
    let line = format!("X-Filler: {}\r\n", "x".repeat(8_000));
    for _ in 0..20 {
        if stream.write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    let mut answer = String::new();
    let _closed_early = stream.read_to_string(&mut answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    assert_eq!(server.ask("GET", "/healthz").send().status, 200);
}

#[test]
fn a_large_upload_with_an_invalid_token_gets_the_error() {
    let server = TestServer::start();
    let body = format!("{{\"data\":\"{}\"}}", "x".repeat(20_000_000));
    let message = server
        .ask("POST", "/v1/uploads")
        .header("authorization", "Token unknown")
        .header("content-type", "application/json")
        .body(body)
        .send()
        .error(401);
    assert!(message.contains("suite"), "{message}");
    let plan = format!("{{\"runner\":\"{}\"}}", "x".repeat(20_000_000));
    server
        .ask("POST", &format!("{SUITE}/test_plan"))
        .bearer("tea_unknown")
        .body(plan)
        .send()
        .error(401);
}

#[test]
fn shutdown_finishes_requests_in_progress() {
    let mut server = TestServer::start();
    let body = json!({
        "format": "json",
        "run_env": {"key": "last"},
        "data": [result("", "a", "a", 1.0, "passed")],
    })
    .to_string();
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    let head = format!(
        "POST /v1/uploads HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
        Authorization: Token {}\r\nContent-Type: application/json\r\n\
        Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        server.suite_token,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server sends `100 Continue`, so the request is in progress.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim[..12], b"HTTP/1.1 100");
    let address = server.base.trim_start_matches("http://").to_owned();
    let sender = std::thread::spawn(move || {
        // Sent after the server stops accepting connections.
        while TcpStream::connect(&address).is_ok() {
            std::thread::yield_now();
        }
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    server.stop();
    let answer = sender.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}
