//! Hostile requests against the real listener: slow, endless, explosive and ambiguous ones. Each is
//! refused or given up, and the server serves the next one as if nothing had happened.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use test_engine::clock::Clock;
use test_engine::config::Config;

use crate::support::{SUITE, TestServer, form, gzip, result};

/// What a server that is patient for a moment only has for time limits.
const MOMENT: Duration = Duration::from_millis(300);
/// Far more than that, and far less than the real limits.
const PATIENCE: Duration = Duration::from_secs(15);

fn impatient() -> TestServer {
    TestServer::with(
        |config: &mut Config| {
            config.limits.header_time = MOMENT;
            config.limits.body_silence = MOMENT;
            config.limits.body_bytes = 1024 * 1024;
        },
        Clock::System,
    )
}

fn connect(server: &TestServer) -> TcpStream {
    let stream = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Everything until the server closes the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is reset has said what it had to say.
    let _reset = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn raw(server: &TestServer, request: &[u8]) -> String {
    let mut stream = connect(server);
    // It may be refused before it is all sent.
    let _refused = stream.write_all(request);
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
        "POST /v1/uploads HTTP/1.1\r\nHost: a\r\nAuthorization: Token {}\r\nContent-Type: application/json\r\n{more}\r\n",
        server.suite_token
    )
}

#[test]
fn headers_that_never_end_are_given_up() {
    let server = impatient();
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
    assert!(began.elapsed() < PATIENCE, "the server hung up by itself");
    still_serves(&server);
}

#[test]
fn a_connection_that_says_nothing_is_given_up() {
    let server = impatient();
    let began = Instant::now();
    assert_eq!(rest(connect(&server)), "");
    assert!(began.elapsed() < PATIENCE);
    // Nor after a good request.
    let mut stream = connect(&server);
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(rest(stream).starts_with("HTTP/1.1 200"));
    assert!(began.elapsed() < PATIENCE);
    still_serves(&server);
}

#[test]
fn a_body_that_stops_is_given_up() {
    let server = impatient();
    for encoding in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let began = Instant::now();
        let mut stream = connect(&server);
        let head = upload_head(&server, &format!("{encoding}\r\n"));
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(b"1\r\n{\r\n").unwrap();
        let answer = rest(stream);
        assert!(answer.starts_with("HTTP/1.1 408"), "{encoding}: {answer}");
        assert!(began.elapsed() < PATIENCE);
    }
    still_serves(&server);
}

#[test]
fn many_slow_senders_hold_up_nobody() {
    let server = impatient();
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

/// So many header lines.
fn headers(count: usize) -> String {
    let lines: Vec<String> = (0..count)
        .map(|index| format!("X-{index}: y\r\n"))
        .collect();
    lines.concat()
}

#[test]
fn too_many_headers_are_refused() {
    let server = impatient();
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

/// A sender that has not sent everything would see a broken connection instead of the reason.
#[test]
fn a_sender_that_is_somewhat_over_the_limit_is_heard_out() {
    let server = impatient();
    let body = "x".repeat(3 * 1024 * 1024 / 2);
    for _ in 0..20 {
        let refused = server
            .ask("POST", &format!("{SUITE}/test_plan"))
            .bearer(&server.access)
            .header("content-type", "application/json")
            .body(body.clone())
            .send();
        assert_eq!(refused.status, 413, "{}", refused.text());
    }
}

#[test]
fn a_body_over_the_limit_is_refused_however_it_is_wrapped() {
    let server = impatient();
    let plain = format!("{{\"data\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let bomb = gzip(&vec![b' '; 50 * 1024 * 1024]);
    assert!(bomb.len() < 1024 * 1024, "{}", bomb.len());
    let twice = gzip(&bomb);
    let (kind, multipart) = form(&[("format", "json"), ("run_env[key]", "k"), ("data", &plain)]);
    let json = "application/json";
    for (case, content_type, encoding, body, status) in [
        ("plain", json, "identity", plain.clone().into_bytes(), 413),
        ("a gzip bomb", json, "gzip", bomb, 413),
        // Only one wrapping is taken off: what is in it is no JSON.
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
fn json_that_goes_down_forever_is_a_bad_request() {
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
        // Either not JSON within the depth that is read, or results that are not usable.
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
fn xml_entities_expand_to_nothing() {
    let server = TestServer::start();
    let laughs: Vec<String> = (1..12)
        .map(|level| {
            let before = format!("&l{};", level - 1).repeat(10);
            format!("<!ENTITY l{level} \"{before}\">")
        })
        .collect();
    let laughs = laughs.concat();
    let bomb = format!(
        "<!DOCTYPE s [<!ENTITY l0 \"ha\">{laughs}]><testsuite><testcase name='a &l11;' classname='b'/></testsuite>"
    );
    let outside = "<!DOCTYPE s [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><testsuite><testcase name='x &f;' classname='b'><failure>&f;</failure></testcase></testsuite>";
    let parameter = "<!DOCTYPE s [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/x\"> %p;]><testsuite><testcase name='y' classname='b'/></testsuite>";
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
        assert!(answer.body.len() < 10_000, "nothing grew");
        assert!(began.elapsed() < PATIENCE);
    }
    // Whatever of it was kept, it is what was written, not what it stands for.
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
fn chunks_that_lie_are_refused() {
    let server = impatient();
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
fn a_request_with_two_lengths_is_one_request_at_most() {
    let server = impatient();
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
fn what_is_not_http_is_refused() {
    let server = impatient();
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
fn names_of_files_lead_nowhere() {
    let server = TestServer::start();
    let data = server.directory().to_owned();
    let listing = |folder: &std::path::Path| {
        let mut names: Vec<String> = fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            // The database's own files come and go.
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
             --{boundary}\r\nContent-Disposition: form-data; name=\"run_env[key]\"\r\n\r\n{name}\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"data\"; filename=\"{name}\"\r\n\r\n\
             [{{\"name\": \"n\", \"file_name\": \"../../../../tmp/escaped\", \"history\": {{\"duration\": 1}}}}]\r\n\
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
    // Nor do paths in addresses.
    for path in [
        "/assets/../../../../etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/v2/analytics/organizations/acme/suites/..%2f..%2fetc",
        "/organizations/%2e%2e/analytics",
    ] {
        let answer = raw(
            &server,
            format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
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
