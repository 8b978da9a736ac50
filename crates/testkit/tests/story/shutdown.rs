//! Graceful shutdown: the server completes accepted requests, refuses new connections, and exits in
//! time.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_engine_testkit::{Connection, ServerProgram, Signal};

const LIMIT: Duration = Duration::from_mins(2);
const RESULTS: usize = 100;
const UPLOADS: usize = 6;
const PLANS: usize = 4;

/// A request whose headers the server has read and whose body it waits for.
struct PendingRequest {
    stream: BufReader<TcpStream>,
    body: String,
}

impl PendingRequest {
    fn begin(connection: &Connection, path: &str, authorization: &str, body: &Value) -> Self {
        let host = connection.base_url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut request = Self {
            stream: BufReader::new(stream),
            body,
        };
        // The server requests the body, so it has accepted the request.
        assert_eq!(request.line(), "HTTP/1.1 100 Continue");
        assert_eq!(request.line(), "");
        request
    }

    fn upload(connection: &Connection, key: &str) -> Self {
        let authorization = format!("Token token=\"{}\"", connection.suite_token);
        let body = json!({
            "format": "json", "run_env": {"CI": "generic", "key": key}, "data": results(),
        });
        Self::begin(connection, "/v1/uploads", &authorization, &body)
    }

    fn plan(connection: &Connection, identifier: &str) -> Self {
        let path = format!(
            "/v2/analytics/organizations/{}/suites/{}/test_plan",
            connection.organization, connection.suite
        );
        let body = json!({
            "runner": "rspec", "identifier": identifier, "parallelism": 2, "branch": "main",
            "tests": {"files": [{"path": "spec/orders_spec.rb"}]},
        });
        let authorization = format!("Bearer {}", connection.access_token);
        Self::begin(connection, &path, &authorization, &body)
    }

    /// Sends the body. Returns the status line and the rest of the response.
    fn finish(mut self) -> (String, String) {
        let body = std::mem::take(&mut self.body);
        self.stream.get_mut().write_all(body.as_bytes()).unwrap();
        let status = self.line();
        let mut rest = String::new();
        // The server closes the connection, so this ends.
        self.stream.read_to_string(&mut rest).unwrap();
        (status, rest)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

fn shutdown_limit(seconds: &str) -> Vec<(&'static str, String)> {
    vec![("TEST_ENGINE_SHUTDOWN_SECONDS", seconds.to_owned())]
}

fn results() -> Value {
    (0..RESULTS)
        .map(|number| {
            json!({
                "scope": "orders",
                "name": format!("order {number}"),
                "result": "passed",
                "file_name": "spec/orders_spec.rb",
                "history": {"section": "top", "duration": 0.25},
            })
        })
        .collect()
}

/// Waits until the server refuses connections.
fn wait_until_refused(connection: &Connection) {
    let host = connection.base_url.strip_prefix("http://").unwrap();
    let began = Instant::now();
    while TcpStream::connect(host).is_ok() {
        assert!(
            began.elapsed() < LIMIT,
            "the server still accepts connections"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn completes_accepted_requests_and_stores_acknowledged_uploads() {
    let mut server = ServerProgram::start();
    let suite = server.create_suite("shop");
    let acknowledged = Mutex::new(Vec::new());
    let finished = std::thread::scope(|scope| {
        for sender in 0..3 {
            let (suite, acknowledged) = (&suite, &acknowledged);
            scope.spawn(move || {
                for number in 0.. {
                    let key = format!("load-{sender}-{number}");
                    // Interrupted or refused: a real client would retry.
                    let Some(response) = suite.try_upload(&key, "json", &results()) else {
                        break;
                    };
                    response.expect_status(202);
                    acknowledged.lock().unwrap().push(key);
                }
            });
        }
        let uploads: Vec<_> = (0..UPLOADS)
            .map(|number| {
                (
                    number,
                    PendingRequest::upload(&suite, &format!("waiting-{number}")),
                )
            })
            .collect();
        let plans: Vec<_> = (0..PLANS)
            .map(|number| PendingRequest::plan(&suite, &format!("build-{number}/step")))
            .collect();
        server.signal(Signal::TERM);
        wait_until_refused(&suite);
        for (number, upload) in uploads {
            let (status, rest) = upload.finish();
            assert_eq!(status, "HTTP/1.1 202 Accepted", "{rest}");
            acknowledged
                .lock()
                .unwrap()
                .push(format!("waiting-{number}"));
        }
        for plan in plans {
            let (status, rest) = plan.finish();
            assert_eq!(status, "HTTP/1.1 200 OK", "{rest}");
            assert!(
                rest.to_ascii_lowercase().contains("connection: close"),
                "{rest}"
            );
        }
        server.wait(LIMIT)
    });
    finished.expect_code(0);
    assert!(
        !finished.stderr.contains("aborting requests in progress"),
        "{finished}"
    );

    let stored = server.stored_results();
    let runs = stored.runs(&suite.organization, &suite.suite);
    for key in acknowledged.into_inner().unwrap() {
        let run = runs.iter().find(|run| run.key == key);
        let executions = run.map(|run| run.executions);
        assert_eq!(executions, Some(RESULTS as u64), "{key} was acknowledged");
    }
    assert_eq!(
        stored.plans(&suite.organization, &suite.suite),
        PLANS as u64
    );
}

#[test]
fn stalled_client_does_not_delay_the_exit_beyond_the_limit() {
    let mut server = ServerProgram::start_with(shutdown_limit("1"));
    let suite = server.create_suite("shop");
    let stuck = PendingRequest::upload(&suite, "stuck");
    let signaled = Instant::now();
    server.signal(Signal::TERM);
    let finished = server.wait(LIMIT);
    let took = signaled.elapsed();
    finished.expect_code(0);
    assert!(
        finished.stderr.contains("aborting requests in progress"),
        "{finished}"
    );
    assert!(took >= Duration::from_secs(1), "{took:?}");
    drop(stuck);
    let stored = server.stored_results();
    assert_eq!(stored.run(&suite.organization, &suite.suite, "stuck"), None);
}

#[test]
fn second_signal_ends_the_server_immediately() {
    let mut server = ServerProgram::start_with(shutdown_limit("86400"));
    let suite = server.create_suite("shop");
    let _stuck = PendingRequest::upload(&suite, "stuck");
    server.signal(Signal::INT);
    wait_until_refused(&suite);
    server.signal(Signal::INT);
    let finished = server.wait(LIMIT);
    finished.expect_code(0);
    assert!(
        finished.stderr.contains("aborting requests in progress"),
        "{finished}"
    );
}
