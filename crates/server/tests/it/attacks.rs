//! Hostile requests against the real listener: slow, endless, very large and ambiguous ones. Each
//! is rejected or aborted, and the server handles the next request normally.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use test_engine::clock::Clock;
use test_engine::config::Config;

use crate::support::{SUITE, TestServer, form, gzip, result};

/// The timeouts of the server in these tests.
const SERVER_TIMEOUT: Duration = Duration::from_millis(300);
/// Much longer than that, and much shorter than the default timeouts.
const TEST_TIMEOUT: Duration = Duration::from_secs(15);

fn server_with_short_timeouts() -> TestServer {
    TestServer::with(
        |config: &mut Config| {
            config.limits.header_time = SERVER_TIMEOUT;
            config.limits.body_silence = SERVER_TIMEOUT;
            config.limits.body_bytes = 1024 * 1024;
        },
        Clock::System,
    )
}

fn connect(server: &TestServer) -> TcpStream {
    let stream = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    stream
}

/// Everything until the server closes the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset ends the response as well.
    let _reset = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn raw(server: &TestServer, request: &[u8]) -> String {
    let mut stream = connect(server);
    // The server may reject it before it is sent completely.
    let _rejected = stream.write_all(request);
    rest(stream)
}

#[track_caller]
fn still_serves(server: &TestServer) {
    assert_eq!(server.ask("GET", "/healthz").send().status, 200);
    server.upload(
        "after",
        "main",
        &json!([result("a", "b", "c", 1.0, "passed")]),
    );
}

fn upload_head(server: &TestServer, more: &str) -> String {
    format!(
        "POST /v1/uploads HTTP/1.1\r\nHost: a\r\nAuthorization: Token {}\r\n\
         Content-Type: application/json\r\n{more}\r\n",
        server.suite_token
    )
}

#[test]
fn aborts_endless_headers() {
    let server = server_with_short_timeouts();
    let began = Instant::now();
    let mut stream = connect(&server);
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        .unwrap();
    let answer = rest(stream);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    assert!(
        began.elapsed() < TEST_TIMEOUT,
        "the server closes the connection"
    );
    still_serves(&server);
}

#[test]
fn closes_idle_connections() {
    let server = server_with_short_timeouts();
    let began = Instant::now();
    assert_eq!(rest(connect(&server)), "");
    assert!(began.elapsed() < TEST_TIMEOUT);
    // Also after a valid request.
    let mut stream = connect(&server);
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(rest(stream).starts_with("HTTP/1.1 200"));
    assert!(began.elapsed() < TEST_TIMEOUT);
    still_serves(&server);
}

#[test]
fn aborts_bodies_that_stall() {
    let server = server_with_short_timeouts();
    for encoding in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let began = Instant::now();
        let mut stream = connect(&server);
        let head = upload_head(&server, &format!("{encoding}\r\n"));
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(b"1\r\n{\r\n").unwrap();
        let answer = rest(stream);
        assert!(answer.starts_with("HTTP/1.1 408"), "{encoding}: {answer}");
        assert!(began.elapsed() < TEST_TIMEOUT);
    }
    still_serves(&server);
}

#[test]
fn slow_senders_do_not_block_others() {
    let server = server_with_short_timeouts();
    let waiting: Vec<TcpStream> = (0..200)
        .map(|index| {
            let mut stream = connect(&server);
            let head = if index % 2 == 0 {
                "GET / HTTP/1.1\r\nX-".to_owned()
            } else {
                upload_head(&server, "Content-Length: 9\r\n")
            };
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    still_serves(&server);
    assert_eq!(waiting.len(), 200);
}

fn headers(count: usize) -> String {
    let lines: Vec<String> = (0..count)
        .map(|index| format!("X-{index}: y\r\n"))
        .collect();
    lines.concat()
}

#[test]
fn rejects_too_many_headers() {
    let server = server_with_short_timeouts();
    let lines = headers(150);
    let answer = raw(
        &server,
        format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes(),
    );
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let few = headers(90);
    let answer = raw(
        &server,
        format!("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{few}\r\n").as_bytes(),
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

// Otherwise the sender would see a closed connection instead of the reason.
#[test]
fn drains_slightly_oversized_bodies_before_responding() {
    let server = server_with_short_timeouts();
    let body = "x".repeat(3 * 1024 * 1024 / 2);
    for _ in 0..20 {
        let rejected = server
            .ask("POST", &format!("{SUITE}/test_plan"))
            .bearer(&server.access)
            .header("content-type", "application/json")
            .body(body.clone())
            .send();
        assert_eq!(rejected.status, 413, "{}", rejected.text());
    }
}

#[test]
fn rejects_oversized_bodies_in_every_encoding() {
    let server = server_with_short_timeouts();
    let plain = format!("{{\"data\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let bomb = gzip(&vec![b' '; 50 * 1024 * 1024]);
    assert!(bomb.len() < 1024 * 1024, "{}", bomb.len());
    let twice = gzip(&bomb);
    let (kind, multipart) = form(&[("format", "json"), ("run_env[key]", "k"), ("data", &plain)]);
    let json = "application/json";
    for (case, content_type, encoding, body, status) in [
        ("plain", json, "identity", plain.clone().into_bytes(), 413),
        ("a gzip bomb", json, "gzip", bomb, 413),
        // Only one layer is decompressed, and its contents are not JSON.
        ("a bomb in a bomb", json, "gzip", twice, 422),
        (
            "multipart",
            kind.as_str(),
            "identity",
            multipart.clone(),
            413,
        ),
        (
            "multipart in gzip",
            kind.as_str(),
            "gzip",
            gzip(&multipart),
            413,
        ),
        ("another encoding", json, "deflate", b"{}".to_vec(), 415),
        ("two encodings", json, "gzip, gzip", b"{}".to_vec(), 415),
    ] {
        let answer = server
            .ask("POST", "/v1/uploads")
            .header("authorization", &format!("Token {}", server.suite_token))
            .header("content-type", content_type)
            .header("content-encoding", encoding)
            .body(body)
            .send();
        assert_eq!(answer.status, status, "{case}: {}", answer.text());
    }
    let plan = server
        .ask("POST", &format!("{SUITE}/test_plan"))
        .bearer(&server.access)
        .body(plain)
        .send();
    plan.error(413);
    still_serves(&server);
}

#[test]
fn rejects_deeply_nested_json() {
    let server = TestServer::start();
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
    for data in [deep(50_000), deep(200), objects, "[".repeat(1_000_000)] {
        let body =
            format!("{{\"format\": \"json\", \"run_env\": {{\"key\": \"k\"}}, \"data\": {data}}}");
        let answer = server
            .ask("POST", "/v1/uploads")
            .header("authorization", &format!("Token {}", server.suite_token))
            .header("content-type", "application/json")
            .body(body)
            .send();
        // Either nested too deeply for the parser, or not a valid result.
        assert!(
            matches!(answer.status, 202 | 400 | 422),
            "{}: {}",
            answer.status,
            answer.text()
        );
        if answer.status == 202 {
            assert_eq!(answer.json()["queued"], 0, "{}", answer.text());
        }
        let plan = server
            .ask("POST", &format!("{SUITE}/test_plan"))
            .bearer(&server.access)
            .body(format!("{{\"runner\": {data}}}"))
            .send();
        plan.error(400);
    }
    still_serves(&server);
}

#[test]
fn does_not_expand_xml_entities() {
    let server = TestServer::start();
    let laughs: Vec<String> = (1..12)
        .map(|level| {
            let before = format!("&l{};", level - 1).repeat(10);
            format!("<!ENTITY l{level} \"{before}\">")
        })
        .collect();
    let laughs = laughs.concat();
    let bomb = format!(
        "<!DOCTYPE s [<!ENTITY l0 \"ha\">{laughs}]>\
         <testsuite><testcase name='a &l11;' classname='b'/></testsuite>"
    );
    let outside = "<!DOCTYPE s [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>\
         <testsuite><testcase name='x &f;' classname='b'>\
         <failure>&f;</failure></testcase></testsuite>";
    let parameter = "<!DOCTYPE s [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/x\"> %p;]>\
         <testsuite><testcase name='y' classname='b'/></testsuite>";
    for data in [bomb.as_str(), outside, parameter] {
        let began = Instant::now();
        let (kind, body) = form(&[("format", "junit"), ("run_env[key]", "xml"), ("data", data)]);
        let answer = server
            .ask("POST", "/v1/uploads")
            .header("authorization", &format!("Token {}", server.suite_token))
            .header("content-type", &kind)
            .body(body)
            .send();
        assert!(matches!(answer.status, 202 | 422), "{}", answer.text());
        assert!(answer.body.len() < 10_000, "nothing was expanded");
        assert!(began.elapsed() < TEST_TIMEOUT);
    }
    // What was stored is the literal text, not its expansion.
    let tests = server.get(&format!("{SUITE}/tests")).text();
    for expansion in ["haha", "root:"] {
        assert!(!tests.contains(expansion), "{tests}");
    }
    let failures = server.get(&format!("{SUITE}/runs")).json();
    for run in failures.as_array().unwrap() {
        let id = run["id"].as_str().unwrap();
        let failed = server
            .get(&format!(
                "{SUITE}/runs/{id}/failed_executions?include_failure_expanded=true"
            ))
            .text();
        assert!(!failed.contains("root:"), "{failed}");
    }
    still_serves(&server);
}

#[test]
fn rejects_malformed_chunks() {
    let server = server_with_short_timeouts();
    for body in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "-1\r\n{}\r\n0\r\n\r\n",
        "ffffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "5\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}x\r\n0\r\n\r\n",
        "2\r\n{}",
        "FFFFFFFF\r\n{}",
    ] {
        let head = upload_head(&server, "Transfer-Encoding: chunked\r\n");
        let answer = raw(&server, format!("{head}{body}").as_bytes());
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{body:?}: {answer}"
        );
    }
    still_serves(&server);
}

#[test]
fn ambiguous_lengths_do_not_smuggle_a_request() {
    let server = server_with_short_timeouts();
    let inner = "GET /v2/access-token HTTP/1.1\r\nHost: a\r\n\r\n";
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 60\r\n",
        "Content-Length: 4, 60\r\n",
        "Content-Length: +4\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let head = upload_head(&server, lengths);
        let answer = raw(&server, format!("{head}0\r\n\r\n{inner}").as_bytes());
        let answers = answer.matches("HTTP/1.1 ").count();
        assert!(
            answers <= 1,
            "{lengths:?}: a second request was served: {answer}"
        );
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{lengths:?}: {answer}"
        );
    }
    still_serves(&server);
}

#[test]
fn rejects_malformed_http() {
    let server = server_with_short_timeouts();
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET  /healthz HTTP/1.1\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
    ] {
        let answer = raw(&server, request);
        assert!(
            answer.is_empty()
                || answer.starts_with("HTTP/1.1 4")
                || answer.starts_with("HTTP/1.0 4"),
            "{request:?}: {answer}"
        );
    }
    still_serves(&server);
}

#[test]
fn does_not_use_file_names_as_paths() {
    let server = TestServer::start();
    let data = server.directory().to_owned();
    let listing = |directory: &std::path::Path| {
        let mut names: Vec<String> = fs_err::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            // The files of the database may change.
            .filter(|name| !name.starts_with("test-engine.db"))
            .collect();
        names.sort();
        names
    };
    let before = listing(&data);
    for name in [
        "../../../../tmp/escaped",
        "/tmp/escaped",
        "..\\..\\escaped",
        "test-engine.db",
        "a\0b",
        "",
    ] {
        let boundary = "b0und";
        let body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"format\"\r\n\r\njson\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"run_env[key]\"\r\n\r\n\
             {name}\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"data\"; \
             filename=\"{name}\"\r\n\r\n\
             [{{\"name\": \"n\", \"file_name\": \"../../../../tmp/escaped\", \
             \"history\": {{\"duration\": 1}}}}]\r\n\
             --{boundary}--\r\n"
        );
        let answer = server
            .ask("POST", "/v1/uploads")
            .header("authorization", &format!("Token {}", server.suite_token))
            .header(
                "content-type",
                &format!("multipart/form-data; boundary={boundary}"),
            )
            .body(body)
            .send();
        assert!(
            matches!(answer.status, 202 | 422),
            "{name:?}: {}",
            answer.text()
        );
    }
    assert_eq!(listing(&data), before);
    assert!(!std::path::Path::new("/tmp/escaped").exists());
    // Nor paths in URLs.
    for path in [
        "/assets/../../../../etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/v2/analytics/organizations/acme/suites/..%2f..%2fetc",
        "/organizations/%2e%2e/analytics",
    ] {
        let answer = raw(
            &server,
            format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                 Authorization: Bearer {}\r\n\r\n",
                server.access
            )
            .as_bytes(),
        );
        assert!(
            answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 303"),
            "{path}: {answer}"
        );
        assert!(!answer.contains("root:"), "{path}");
    }
    still_serves(&server);
}
